//! The JSON that scripts and the command line rely on. A field is added here only together with `cli.md`'s.

use aftercall_domain::call::Direction;
use aftercall_domain::error::Code;
use aftercall_domain::ids::Source;
use aftercall_domain::recording::{Reason, RecordingState};
use serde::Serialize;

/// `logout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// The key is destroyed, and what it sealed is removed.
    pub wiped: bool,
}

/// A recording, in a list of calls.
#[derive(Debug, Clone, Serialize)]
pub struct RecordingLine {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: RecordingState,
    /// Why.
    pub reason: Option<Reason>,
}

/// A call, in a list.
#[derive(Debug, Clone, Serialize)]
pub struct CallLine {
    /// Its id.
    pub sid: String,
    /// Where it was read.
    pub source: Source,
    /// RFC 3339, UTC.
    pub started_at: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// The calling number.
    pub from: Option<String>,
    /// The called number.
    pub to: Option<String>,
    /// The lead.
    pub lead_id: Option<i64>,
    /// The lead's name.
    pub lead_name: Option<String>,
    /// Whole seconds.
    pub duration_s: Option<i64>,
    /// The source's word.
    pub status: Option<String>,
    /// The source's words about it.
    pub summary: Option<String>,
    /// The source does not list it any more.
    pub removed_upstream: bool,
    /// Its first recording.
    pub recording: RecordingLine,
}

/// `calls`.
#[derive(Debug, Clone, Serialize)]
pub struct Calls {
    /// Calls that match.
    pub total: u64,
    /// `total` is 10,000 and there are more.
    pub total_capped: bool,
    /// This page.
    pub calls: Vec<CallLine>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// All that is known of a recording.
#[derive(Debug, Clone, Serialize)]
pub struct RecordingFacts {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: RecordingState,
    /// Why.
    pub reason: Option<Reason>,
    /// Length of the sound file, once it is known.
    pub bytes: Option<u64>,
    /// Exact length of the sound.
    pub duration_ms: Option<i64>,
    /// Channels.
    pub channels: Option<u16>,
    /// Codec.
    pub codec: Option<String>,
    /// Samples per second and channel.
    pub sample_rate_hz: Option<u32>,
    /// Attempts in the running window.
    pub attempts: u32,
    /// Answers "being prepared".
    pub polls: u32,
    /// What happens next by itself, RFC 3339.
    pub next_try_at: Option<String>,
}

/// A mark in a call.
#[derive(Debug, Clone, Serialize)]
pub struct Mark {
    /// Its id.
    pub id: String,
    /// Media time.
    pub at_ms: i64,
    /// Its words.
    pub text: String,
    /// RFC 3339.
    pub created_at: String,
}

/// `call`.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// As in the list.
    #[serde(flatten)]
    pub line: CallLine,
    /// What was said, as text.
    pub transcript: Option<String>,
    /// All its recordings.
    pub recordings: Vec<RecordingFacts>,
    /// Marks that a person made.
    pub marks: Vec<Mark>,
    /// Where listening goes on.
    pub position_ms: i64,
    /// The person has heard it.
    pub heard: bool,
}

/// A lead.
#[derive(Debug, Clone, Serialize)]
pub struct LeadFacts {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: Option<String>,
    /// Its number.
    pub phone: Option<String>,
    /// Its e-mail.
    pub email: Option<String>,
    /// Key of its status.
    pub status: Option<String>,
    /// Where it came from.
    pub source: Option<String>,
    /// Whose it is.
    pub owner_user_id: Option<i64>,
    /// Labels.
    pub tags: Vec<String>,
    /// RFC 3339.
    pub last_contact_at: Option<String>,
    /// Its calls that have a recording and were not heard.
    pub unheard: u64,
}

/// A lead, in a list.
#[derive(Debug, Clone, Serialize)]
pub struct LeadLine {
    /// The lead.
    #[serde(flatten)]
    pub facts: LeadFacts,
    /// How many calls it has here.
    pub calls: u64,
}

/// `leads`.
#[derive(Debug, Clone, Serialize)]
pub struct Leads {
    /// Leads that match.
    pub total: u64,
    /// `total` is 10,000 and there are more.
    pub total_capped: bool,
    /// This page.
    pub leads: Vec<LeadLine>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// A note on a lead.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// Its id.
    pub id: String,
    /// Its words.
    pub text: String,
    /// RFC 3339.
    pub created_at: String,
    /// Not sent yet.
    pub pending: bool,
}

/// Something that happened with a lead.
#[derive(Debug, Clone, Serialize)]
pub struct Activity {
    /// What.
    pub r#type: String,
    /// RFC 3339.
    pub at: String,
    /// Its words.
    pub text: String,
}

/// `lead`.
#[derive(Debug, Clone, Serialize)]
pub struct Lead {
    /// As in the list, where `calls` is their number.
    #[serde(flatten)]
    pub facts: LeadFacts,
    /// The CRM's words about it.
    pub summary: Option<String>,
    /// Its notes.
    pub notes: Vec<Note>,
    /// What happened.
    pub activity: Vec<Activity>,
    /// Its calls, newest first.
    pub calls: Vec<CallLine>,
    /// Its appointments.
    pub appointments: Vec<AppointmentLine>,
    /// The next one.
    pub next_appointment: Option<AppointmentLine>,
}

/// An appointment.
#[derive(Debug, Clone, Serialize)]
pub struct AppointmentLine {
    /// Its id.
    pub id: i64,
    /// What it is called.
    pub title: String,
    /// RFC 3339, UTC.
    pub starts_at: String,
    /// RFC 3339, UTC.
    pub ends_at: String,
    /// Key of its status.
    pub status: Option<String>,
    /// The lead.
    pub lead_id: Option<i64>,
    /// The calendar.
    pub calendar_id: Option<i64>,
    /// Its name; null where the role may not see it.
    pub calendar_name: Option<String>,
}

/// `appointments`.
#[derive(Debug, Clone, Serialize)]
pub struct Appointments {
    /// By start.
    pub appointments: Vec<AppointmentLine>,
}

/// `login crm`.
#[derive(Debug, Clone, Serialize)]
pub struct SignedIn {
    /// Always `crm`.
    pub source: Source,
    /// E-mail.
    pub account: String,
    /// Name.
    pub user: String,
    /// Role.
    pub role: String,
    /// Company.
    pub business: String,
}

/// `login twilio`.
#[derive(Debug, Clone, Serialize)]
pub struct TwilioSignedIn {
    /// Always `twilio`.
    pub source: Source,
    /// `AC…`.
    pub account: String,
}

/// `sync`: the engine counts in the command line's own words.
pub use aftercall_engine::sync::{Counts, SyncReport as Synced};

/// One of `fetch`.
#[derive(Debug, Clone, Serialize)]
pub struct Fetched {
    /// The call.
    pub sid: String,
    /// The recording.
    pub id: String,
    /// Where it ended.
    pub state: RecordingState,
    /// Why.
    pub reason: Option<Reason>,
    /// Attempts in the running window.
    pub attempts: u32,
    /// Answers "being prepared".
    pub polls: u32,
    /// Length of the sound file.
    pub bytes: Option<u64>,
    /// Exact length of the sound.
    pub duration_ms: Option<i64>,
    /// Channels.
    pub channels: Option<u16>,
    /// Codec.
    pub codec: Option<String>,
    /// Samples per second and channel.
    pub sample_rate_hz: Option<u32>,
}

/// `fetch`.
#[derive(Debug, Clone, Serialize)]
pub struct FetchedAll {
    /// In the order asked.
    pub recordings: Vec<Fetched>,
}

/// `play`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Played {
    /// Media time covered.
    pub media_ms: i64,
    /// Length of the output.
    pub output_ms: i64,
    /// Media time left out.
    pub skipped_ms: i64,
    /// Blocks that came late.
    pub underruns: u64,
}

/// `export`.
#[derive(Debug, Clone, Serialize)]
pub struct Exported {
    /// Length of the file.
    pub bytes: u64,
    /// Its SHA-256, as hex.
    pub sha256: String,
    /// Not the original, but made from it.
    pub derivative: bool,
}

/// `storage`.
#[derive(Debug, Clone, Serialize)]
pub struct StorageReport {
    /// What the sealed recordings take.
    pub used_bytes: u64,
    /// What they may take; null where nothing was set.
    pub cap_bytes: Option<u64>,
    /// Whole recordings that never make room.
    pub pinned: u64,
    /// Whole recordings here, the pinned ones included.
    pub on_device: u64,
    /// Calls whose recordings make room next, first first; at most 50.
    pub next_out: Vec<String>,
}

/// `verify`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Verified {
    /// Recordings of which every chunk was read.
    pub checked: u64,
    /// Of these, damaged.
    pub damaged: u64,
    /// Of these, asked for again.
    pub requeued: u64,
}

/// Who speaks from when to when.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TurnLine {
    /// From 1.
    pub channel: u16,
    /// Media time.
    pub start_ms: i64,
    /// Media time.
    pub end_ms: i64,
}

/// `turns`.
#[derive(Debug, Clone, Serialize)]
pub struct TurnsReport {
    /// Channels.
    pub channels: u16,
    /// Exact length.
    pub duration_ms: i64,
    /// In order.
    pub turns: Vec<TurnLine>,
    /// Speech, per channel.
    pub talk_ms: Vec<i64>,
    /// Nobody speaks.
    pub silence_ms: i64,
    /// More than one speaks.
    pub overlap_ms: i64,
}

/// `peaks`.
#[derive(Debug, Clone, Serialize)]
pub struct PeaksReport {
    /// Channels.
    pub channels: u16,
    /// Exact length.
    pub duration_ms: i64,
    /// Per channel, [min, max] of each bucket.
    pub buckets: Vec<Vec<[i8; 2]>>,
}

/// `db check`, `db upgrade`.
#[derive(Debug, Clone, Serialize)]
pub struct DatabaseReport {
    /// Schema it had.
    pub from_version: u32,
    /// Schema it has, or would have.
    pub to_version: u32,
    /// Migrations, by name.
    pub applied: Vec<String>,
    /// Rows per table.
    pub rows: std::collections::BTreeMap<String, u64>,
    /// Where the copy made before is.
    pub backup: Option<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// All is well.
    Ok,
    /// Something to know.
    Warn,
    /// Something to mend.
    Fail,
}

/// One check of the doctor's. No names, numbers, addresses or keys.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Which check.
    pub id: &'static str,
    /// How it went.
    pub status: CheckStatus,
    /// What was found.
    pub cause: String,
    /// The one thing to do, where there is something to do.
    pub fix: Option<String>,
}

/// `doctor`.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// Every check.
    pub checks: Vec<Check>,
    /// The first that failed: the word for scripts, and its cause.
    #[serde(skip)]
    pub failure: Option<(Code, String)>,
}
