//! What the call page shows.

use aftercall_domain::sides::Side;
use serde::Serialize;
use ts_rs::TS;

use crate::dto::{AppointmentRow, CallRow, LeadRow, NoteView};

/// The call page.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct CallPage {
    /// The call.
    pub call: CallRow,
    /// The source's words about it, whole.
    pub summary: Option<String>,
    /// `crm` or `twilio`: where the recording is from.
    #[ts(type = "\"crm\" | \"twilio\"")]
    pub source: &'static str,
    /// What is known of the recording's file.
    pub file: FileView,
    /// Its lead.
    pub lead: Option<LeadRow>,
    /// The lead's next appointment.
    pub next_appointment: Option<AppointmentRow>,
    /// Notes of the lead that are about a second of this call, at the CRM or on their way; a mark may say the same.
    pub notes: Vec<NoteView>,
    /// What was said, as the source wrote it down; empty where it did not.
    pub transcript: Vec<TranscriptLine>,
    /// Measures of the conversation, once the recording was here.
    pub talk: Option<TalkView>,
}

/// The file of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct FileView {
    /// Bytes of the sound file itself, where it is here or its length is known.
    #[ts(type = "number | null")]
    pub bytes: Option<u64>,
    /// Samples per second, once it was here.
    pub sample_rate_hz: Option<u32>,
    /// Every byte is here, and was found whole when it came.
    pub is_verified: bool,
    /// When that was, UTC.
    #[ts(type = "number | null")]
    pub verified_at_ms: Option<i64>,
    /// Packets that could not be decoded and are skipped.
    pub damaged_packets: u32,
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct TranscriptLine {
    /// Who speaks, where the source says so.
    #[ts(type = "Side | null")]
    pub side: Option<Side>,
    /// Media time, where the source says so.
    #[ts(type = "number | null")]
    pub at_ms: Option<i64>,
    /// The words.
    pub text: String,
}

/// Measures of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct TalkView {
    /// Who speaks longest without a break; null in a recording whose speakers cannot be split.
    #[ts(type = "Side | null")]
    pub longest_side: Option<Side>,
    /// For how long; 0 where nobody speaks.
    #[ts(type = "number")]
    pub longest_ms: i64,
    /// Where that begins.
    #[ts(type = "number")]
    pub longest_at_ms: i64,
    /// Time between the first and the last word in which nobody speaks for longer than a pause.
    #[ts(type = "number")]
    pub dead_air_ms: i64,
    /// How often both speak at once.
    pub overlaps: u32,
    /// What the agent speaks.
    #[ts(type = "number")]
    pub agent_ms: i64,
    /// What the customer speaks.
    #[ts(type = "number")]
    pub customer_ms: i64,
}
