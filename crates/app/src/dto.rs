//! What crosses to the window. Ids are strings, times and lengths are numbers with their unit in the name,
//! words come from closed lists. Sentences are the window's own, in Hebrew and English.

pub use crate::deck::dto::*;
pub use crate::keys::dto::*;
pub use crate::settings::dto::*;
use aftercall_domain::call::{Direction, Outcome};
use aftercall_domain::error::Code;
use aftercall_domain::outbox::Phase;
use aftercall_domain::recording::RecordingState;
use aftercall_domain::sides::Side;
use aftercall_domain::standing::{Action, Next, Play};
use aftercall_domain::status::StatusColour;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The only form in which a failure crosses to the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct WireError {
    /// What went wrong; the sentence is the window's.
    #[ts(type = "Code")]
    pub code: Code,
    /// When trying again makes sense, where that is known.
    #[ts(type = "number | null")]
    pub retry_after_ms: Option<u64>,
    /// Finds the failure in the log, and says nothing by itself.
    pub r#ref: String,
}

/// No arguments, or nothing to say.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
pub struct Nothing {}

/// How far the start came. The window always opens; each of these is a screen with a way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BootPhase {
    /// Nobody has signed in on this profile yet.
    SignIn,
    /// The library can be read.
    Ready,
    /// A passphrase opens it: `unlock`.
    Locked,
    /// The start was refused; `error` says why.
    Refused,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct AccountView {
    /// E-mail of the account.
    pub email: String,
    /// The person's name in the CRM.
    pub name: String,
    /// Role in the CRM.
    pub role: String,
    /// The company.
    pub business: String,
    /// The CRM's address.
    pub url: String,
}

/// The first thing the window asks.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct BootState {
    /// How far the start came.
    pub phase: BootPhase,
    /// Why it was refused.
    pub error: Option<WireError>,
    /// Settings, or defaults while they cannot be read.
    pub settings: Settings,
    /// Who is signed in.
    pub account: Option<AccountView>,
    /// The root key lies in a file: the window shows a banner.
    pub key_in_file: bool,
    /// Nothing was sealed yet: where the keychain cannot be asked, another place for the key may be chosen. Then this is
    /// the file that would be made.
    pub key_file: Option<String>,
    /// Where the person was when the app was locked; once.
    pub desk: Option<Desk>,
    /// Version of the app.
    pub version: String,
}

/// Sign in to the CRM.
#[derive(Clone, Deserialize, TS)]
pub struct SignInAsk {
    /// The CRM's address; plain http is accepted for loopback only.
    pub url: String,
    /// E-mail of the account.
    pub email: String,
    /// Password; kept sealed where `stay_signed_in`, else forgotten at once.
    pub password: String,
    /// Keep the password sealed in the library, to sign in again when the session ends.
    pub stay_signed_in: bool,
}

/// Sign out.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct SignOutAsk {
    /// Destroy the key and remove everything from this device, not only the secrets.
    pub wipe: bool,
}

/// What the pill at the top says; the worst one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// Never synced, and not syncing.
    Never,
    /// The first sync is running; the list is usable after its first page.
    FirstSync,
    /// Syncing.
    Syncing,
    /// The server said so at `last_success_at_ms`.
    Fresh,
    /// No network.
    Offline,
    /// The network is there, the CRM does not answer.
    ServerUnavailable,
    /// The session ended; local data stays readable.
    SignInAgain,
    /// The server asked for patience, until `next_try_at_ms`.
    RateLimited,
    /// The role may not read this.
    Forbidden,
    /// Synced, but this computer's clock differs from the server's by minutes.
    ClockWrong,
}

/// How fresh the library is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct SyncState {
    /// What is going on.
    pub phase: SyncPhase,
    /// When a whole sync last succeeded.
    #[ts(type = "number | null")]
    pub last_success_at_ms: Option<i64>,
    /// When it is tried again by itself.
    #[ts(type = "number | null")]
    pub next_try_at_ms: Option<i64>,
    /// Calls read so far in the running sync.
    #[ts(type = "number")]
    pub calls_seen: u64,
    /// Calls that the server says it has; 0 while unknown.
    #[ts(type = "number")]
    pub calls_total: u64,
    /// Leads read so far in the running sync; they come before the calls.
    #[ts(type = "number")]
    pub leads_seen: u64,
    /// Leads that the server says it has; 0 while unknown.
    #[ts(type = "number")]
    pub leads_total: u64,
    /// Appointments read so far in the running sync; they come after the calls.
    #[ts(type = "number")]
    pub appointments_seen: u64,
    /// Appointments that the server says it has in the time that is read; 0 while unknown.
    #[ts(type = "number")]
    pub appointments_total: u64,
    /// Lists that the role may not read: `calls`, `leads`, `appointments`, `calendars`.
    pub refused: Vec<String>,
    /// Rows that could not be read in the last sync; the rest went on.
    #[ts(type = "number")]
    pub rejected: u64,
}

/// How far a call was listened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ListeningView {
    /// Where to go on, in media time.
    #[ts(type = "number")]
    pub position_ms: i64,
    /// The person has heard it.
    pub heard: bool,
}

/// How far a call was listened to in the window's own player.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct ListeningKeepAsk {
    /// The call.
    pub sid: String,
    /// Media time.
    #[ts(type = "number")]
    pub position_ms: i64,
    /// From where on it was played up to there without a jump; null = it was only gone to.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub played_from_ms: Option<i64>,
}

/// The quick views over the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CallView {
    /// Everything.
    #[default]
    All,
    /// Has a recording, not heard yet.
    Unheard,
    /// Nobody picked up.
    Missed,
    /// Has a recording.
    Recorded,
}

/// Which calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct CallsFilter {
    /// Names, numbers, summaries, as typed.
    pub search: String,
    /// Quick view.
    pub view: CallView,
    /// Inbound or outbound only.
    #[ts(type = "\"inbound\" | \"outbound\" | null")]
    pub direction: Option<Direction>,
    /// One lead's calls.
    pub lead_id: Option<String>,
    /// What came of them.
    #[ts(type = "Outcome | null")]
    pub outcome: Option<Outcome>,
    /// With a recording, or without one.
    pub has_recording: Option<bool>,
    /// Begun then or later, UTC.
    #[ts(type = "number | null")]
    pub from_ms: Option<i64>,
    /// Begun before that, UTC.
    #[ts(type = "number | null")]
    pub to_ms: Option<i64>,
}

/// A window onto the list of calls, newest first.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct CallsAsk {
    /// Which calls.
    pub filter: CallsFilter,
    /// Ordinal of the first row wanted.
    #[ts(type = "number")]
    pub offset: u64,
    /// How many rows, at most 200.
    pub limit: u32,
}

/// Rows of a window, with true counts.
#[derive(Debug, Clone, Serialize, TS)]
pub struct CallsWindow {
    /// Rows that match.
    #[ts(type = "number")]
    pub matched: u64,
    /// `matched` is 10,000 and there are more.
    pub matched_capped: bool,
    /// Calls in the library.
    #[ts(type = "number")]
    pub all: u64,
    /// Recorded and not heard, in the library.
    #[ts(type = "number")]
    pub unheard: u64,
    /// Ordinal of the first row.
    #[ts(type = "number")]
    pub offset: u64,
    /// The rows.
    pub rows: Vec<CallRow>,
}

/// One call as a row shows it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct CallRow {
    /// Its id.
    pub sid: String,
    /// Start, UTC.
    #[ts(type = "number | null")]
    pub started_at_ms: Option<i64>,
    /// Which way.
    #[ts(type = "Direction")]
    pub direction: Direction,
    /// What came of it.
    #[ts(type = "Outcome")]
    pub outcome: Outcome,
    /// The source's own status word, for outcomes that this version does not know.
    pub status: Option<String>,
    /// The customer's number as a person reads it.
    pub number: Option<String>,
    /// The lead, where it is linked.
    pub lead_id: Option<String>,
    /// The lead's name, where it has one.
    pub lead_name: Option<String>,
    /// Whole seconds.
    #[ts(type = "number | null")]
    pub duration_s: Option<i64>,
    /// First words of the summary.
    pub summary: Option<String>,
    /// The person has heard it.
    pub heard: bool,
    /// Its recording.
    pub recording: RecordingView,
}

/// A recording as rows and the player show it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct RecordingView {
    /// Its id; asks about it use this.
    pub id: String,
    /// Its state.
    #[ts(type = "RecordingState")]
    pub state: RecordingState,
    /// Why, as an error code or a fact (`too_short`, `never_ready` …).
    pub reason: Option<String>,
    /// What happens next by itself.
    #[ts(type = "RecordingNext")]
    pub next: Next,
    /// What a person can do.
    #[ts(type = "RecordingAction | null")]
    pub action: Option<Action>,
    /// Something is under way that a person can stop.
    pub can_cancel: bool,
    /// What pressing play does: it sounds, it is asked for and sounds when it has come, or nothing.
    #[ts(type = "RecordingPlay")]
    pub play: Play,
    /// Poll n of 12 that answered "being prepared".
    pub polls: u32,
    /// Attempts in the running window, of 3.
    pub attempts: u32,
    /// Place in the queue, from 1.
    pub place: Option<u32>,
    /// When that happens, where it is known.
    #[ts(type = "number | null")]
    pub next_try_at_ms: Option<i64>,
    /// Bytes here.
    #[ts(type = "number")]
    pub bytes_here: u64,
    /// Bytes in all, once known.
    #[ts(type = "number | null")]
    pub bytes_total: Option<u64>,
    /// Exact length, once it is here.
    #[ts(type = "number | null")]
    pub duration_ms: Option<i64>,
    /// Channels, once it is here.
    pub channels: Option<u16>,
    /// Name of the codec, once it is here.
    pub codec: Option<String>,
    /// The person keeps it on this device, or will once it is here.
    pub pinned: bool,
}

/// One call.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct CallAsk {
    /// Its id.
    pub sid: String,
}

/// One lead.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct LeadAsk {
    /// Its id.
    pub id: String,
}

/// A window onto the leads, by last contact.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct LeadsAsk {
    /// Name, number, e-mail, as typed.
    pub search: String,
    /// Ordinal of the first row wanted.
    #[ts(type = "number")]
    pub offset: u64,
    /// How many rows, at most 200.
    pub limit: u32,
}

/// Rows of a window, with true counts.
#[derive(Debug, Clone, Serialize, TS)]
pub struct LeadsWindow {
    /// Rows that match.
    #[ts(type = "number")]
    pub matched: u64,
    /// `matched` is 10,000 and there are more.
    pub matched_capped: bool,
    /// Leads in the library.
    #[ts(type = "number")]
    pub all: u64,
    /// Ordinal of the first row.
    #[ts(type = "number")]
    pub offset: u64,
    /// The rows.
    pub rows: Vec<LeadRow>,
}

/// One lead as a row shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct LeadRow {
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its number as a person reads it.
    pub phone: Option<String>,
    /// Its e-mail.
    pub email: Option<String>,
    /// Its status.
    pub status: Option<StatusView>,
    /// Where it came from.
    pub source: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Last contact, UTC.
    #[ts(type = "number | null")]
    pub last_contact_at_ms: Option<i64>,
    /// Its calls here.
    #[ts(type = "number")]
    pub calls: u64,
    /// Of these, recorded and not heard.
    #[ts(type = "number")]
    pub unheard: u64,
}

/// A lead's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct StatusView {
    /// Its key.
    pub key: String,
    /// What the company calls it; null while its list is not known.
    pub label: Option<String>,
    /// Its hue.
    #[ts(type = "StatusColour")]
    pub colour: StatusColour,
}

/// A note of a lead, at the CRM or on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct NoteView {
    /// Its id; asks about it use this. `draft:7` while the CRM does not have it.
    pub id: String,
    /// `manual`, `call_summary`, `system`, `customer_service_ai`, or a word that this version does not know.
    pub kind: String,
    /// Its words; of a change that waits, those of the CRM.
    pub text: String,
    /// Written, UTC.
    #[ts(type = "number | null")]
    pub at_ms: Option<i64>,
    /// Changed since it was written.
    pub edited: bool,
    /// Names of what is attached.
    pub attachments: Vec<String>,
    /// The place in a call that it is about.
    pub call: Option<CallPlaceView>,
    /// What is not at the CRM yet.
    pub pending: Option<PendingView>,
}

/// A second of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct CallPlaceView {
    /// The call.
    pub sid: String,
    /// Media time.
    #[ts(type = "number")]
    pub at_ms: i64,
}

/// A text that is not at the CRM yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct PendingView {
    /// Asks about it use this.
    pub id: String,
    /// Where it stands.
    #[ts(type = "DraftPhase")]
    pub phase: Phase,
    /// Why it waits or was not accepted.
    #[ts(type = "Code | null")]
    pub reason: Option<Code>,
    /// When it is tried again by itself.
    #[ts(type = "number | null")]
    pub next_try_at_ms: Option<i64>,
    /// The text of the person.
    pub text: String,
    /// In a conflict: the text that the CRM has now.
    pub theirs: Option<String>,
}

/// Something that happened with a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ActivityView {
    /// Its id among the lead's.
    pub id: String,
    /// `call`, `note`, `status_change`, `reminder_created` …, or a word that this version does not know.
    pub kind: String,
    /// When, UTC.
    #[ts(type = "number | null")]
    pub at_ms: Option<i64>,
    /// For a change of status: from.
    pub from: Option<StatusView>,
    /// For a change of status: to.
    pub to: Option<StatusView>,
    /// The call that it is about.
    pub call_sid: Option<String>,
    /// Other facts in one line, as the CRM names them.
    pub text: String,
}

/// Something to be done about a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ReminderView {
    /// Its id.
    pub id: String,
    /// When it is due, UTC.
    #[ts(type = "number")]
    pub due_at_ms: i64,
    /// What is to be done.
    pub note: Option<String>,
    /// When it was done, UTC.
    #[ts(type = "number | null")]
    pub done_at_ms: Option<i64>,
}

/// The lead page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct LeadOpened {
    /// When, UTC.
    #[ts(type = "number")]
    pub read_at_ms: i64,
}

/// A note to keep and to send.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct NoteAddAsk {
    /// The lead; null for a note on a call, which goes to the call's lead.
    pub lead_id: Option<String>,
    /// The second of a call that it is about.
    pub call: Option<CallPlaceAsk>,
    /// Its words.
    pub text: String,
}

/// A second of a call.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct CallPlaceAsk {
    /// The call.
    pub sid: String,
    /// Media time.
    #[ts(type = "number")]
    pub at_ms: i64,
}

/// The note is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct NoteAdded {
    /// Its id; null where it stays on this device, because the call has no lead.
    pub id: Option<String>,
}

/// Another text for a note.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct NoteEditAsk {
    /// The note, or what is pending.
    pub id: String,
    /// Its words from now on.
    pub text: String,
}

/// A note that is not sent yet.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct NoteAsk {
    /// The id of what is pending.
    pub id: String,
}

/// What waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct OutboxState {
    /// Goes by itself.
    #[ts(type = "number")]
    pub waiting: u64,
    /// Waits for the person.
    #[ts(type = "number")]
    pub refused: u64,
    /// The lead of the first that waits for the person.
    pub refused_lead_id: Option<String>,
}

/// The lead page.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct LeadPage {
    /// The lead.
    pub lead: LeadRow,
    /// The CRM's words about it.
    pub summary: Option<String>,
    /// Its free text.
    pub free_text: Option<String>,
    /// The user who owns it, by the CRM's number: it tells no name.
    pub owner_user_id: Option<String>,
    /// Its notes, newest first; what is not sent yet comes first.
    pub notes: Vec<NoteView>,
    /// What happened, newest first.
    pub activity: Vec<ActivityView>,
    /// What is to be done and was done, the earliest first.
    pub reminders: Vec<ReminderView>,
    /// When notes, activity and reminders were last read; null for never.
    #[ts(type = "number | null")]
    pub read_at_ms: Option<i64>,
    /// Created, UTC.
    #[ts(type = "number | null")]
    pub created_at_ms: Option<i64>,
    /// Its calls, newest first, at most 200.
    pub calls: Vec<CallRow>,
    /// Calls of the lead in the library.
    #[ts(type = "number")]
    pub calls_in_all: u64,
    /// Of these, heard.
    #[ts(type = "number")]
    pub heard: u64,
    /// Seconds spoken in all its calls.
    #[ts(type = "number")]
    pub talk_s: u64,
    /// Who talks in those of its calls whose recording was here.
    pub talk: LeadTalk,
    /// Its appointments, latest first.
    pub appointments: Vec<AppointmentRow>,
    /// The next one that is not cancelled.
    pub next_appointment: Option<AppointmentRow>,
    /// What was marked in its calls, by call and place.
    pub marks: Vec<CallMarkView>,
}

/// A mark in one of a lead's calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct CallMarkView {
    /// The call.
    pub sid: String,
    /// The mark.
    pub mark: MarkView,
}

/// Who talks, over the calls of a lead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS)]
pub struct LeadTalk {
    /// Calls that were measured: with two channels, and once on this device.
    pub calls: u32,
    /// What the agents spoke.
    #[ts(type = "number")]
    pub agent_ms: i64,
    /// What the customer spoke.
    #[ts(type = "number")]
    pub customer_ms: i64,
}

/// One appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct AppointmentRow {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Start, UTC.
    #[ts(type = "number")]
    pub starts_at_ms: i64,
    /// End, UTC.
    #[ts(type = "number")]
    pub ends_at_ms: i64,
    /// Key of its status.
    pub status: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// Its calendar.
    pub calendar_id: Option<String>,
    /// The calendar's name; null where the role may not see it.
    pub calendar_name: Option<String>,
}

/// One recording.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct RecordingAsk {
    /// Its id.
    pub id: String,
}

/// A waveform.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PeaksAsk {
    /// The recording.
    pub id: String,
    /// How many buckets, 1 to 65,536: what is kept of a recording has at most so many.
    pub buckets: u32,
}

/// A waveform: per channel, min and max of each bucket in turn, −127 to 127.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct PeaksView {
    /// Channels.
    pub channels: u16,
    /// Length: exact, or an estimate while the recording arrives.
    #[ts(type = "number")]
    pub duration_ms: i64,
    /// So much of it is known, from the beginning on; less than all only while it arrives.
    #[ts(type = "number")]
    pub known_ms: i64,
    /// Per channel: min, max, min, max …, over all of its length; zeros where nothing is known.
    pub lanes: Vec<Vec<i8>>,
    /// Whose each lane is; empty where the speakers cannot be split.
    #[ts(type = "Array<Side>")]
    pub sides: Vec<Side>,
}

/// What the app tells the window, over one channel, at most ten times a second.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AppEvent {
    /// Rows changed: ask again what carries one of these tags.
    Changed {
        /// `calls`, `leads`, `appointments`, `calendars`, `recordings`, `listening`, `settings`, `account`, `outbox`, `marks`, `queue`.
        tags: Vec<String>,
    },
    /// The player changed.
    Player {
        /// What it does now.
        state: Box<PlayerState>,
    },
    /// The app was locked: nothing of it may stay in the window.
    Locked,
    /// Somebody followed a link: the place is shown, and nothing is done there.
    Open {
        /// A call.
        sid: Option<String>,
        /// Seconds from where its sound begins.
        at_s: Option<u32>,
        /// A lead.
        lead_id: Option<String>,
    },
    /// How fresh the library is changed.
    Sync {
        /// What is going on now.
        state: SyncState,
    },
}
