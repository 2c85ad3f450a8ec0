// Made from crates/app/src/contract.rs by `cargo xtask gen`. Do not edit: change the Rust and run it again.

/** What went wrong, as outsiders see it. */
export type Code = "wrong_password" | "login_expired" | "forbidden" | "offline" | "server_unavailable" | "rate_limited" | "not_found" | "not_ready" | "gone" | "not_audio" | "unsupported_audio" | "damaged" | "disk_full" | "no_keychain" | "key_lost" | "locked" | "profile_in_use" | "store_too_new" | "store_damaged" | "no_output_device" | "cancelled" | "invalid_input" | "internal";

/** What can be said about a recording. */
export type RecordingState = "none_expected" | "live" | "preparing" | "still_preparing" | "ready_online" | "queued" | "downloading" | "partial" | "on_device" | "pinned" | "evicted" | "failed_retrying" | "failed_needs_you" | "unavailable" | "restricted" | "damaged" | "unsupported";

/** What happens to it next by itself. */
export type RecordingNext = "nothing" | "wish" | "call_ends" | "poll" | "turn" | "bytes" | "retry" | "repair" | "person";

/** What a person can do about it. */
export type RecordingAction = "want" | "download" | "download_again" | "try_now" | "sign_in" | "copy_id";

/** What pressing play on it does. */
export type RecordingPlay = "sounds" | "asks" | "never";

/** Which way a call went. */
export type Direction = "inbound" | "outbound" | "unknown";

/** What came of a call. */
export type Outcome = "answered" | "missed" | "busy" | "failed" | "live" | "other";

/** Who speaks on a channel. */
export type Side = "agent" | "customer";

/** How far a recording goes back after a pause. */
export type Rewind = "off" | "gentle" | "strong";

/** Hue of a lead's status. */
export type StatusColour = "gray" | "red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink";

/** Where a note that is not sent yet stands. */
export type DraftPhase = "waiting" | "sending" | "refused" | "conflict";

/** A step of the doctor's. */
export type DoctorStep = "start" | "key" | "permissions" | "disk" | "library" | "recordings" | "network" | "sync" | "twilio" | "answers" | "audio";

/** A check of the doctor's. */
export type DoctorCheck = "start" | "key" | "permissions" | "disk" | "database" | "calendar_id" | "foreign_keys" | "queue" | "stuck_jobs" | "recordings" | "clock" | "dns" | "tls" | "session" | "sync" | "twilio" | "upstream" | "gateway_shown" | "audio_device" | "doctor";

/** What a check of the doctor's found. */
export type DoctorFinding = "start_ok" | "start_no_keychain" | "start_key_lost" | "start_too_new" | "start_damaged" | "start_in_use" | "start_locked" | "start_wrong_passphrase" | "start_disk_full" | "start_read_only" | "start_other" | "key_in_keychain" | "key_in_file" | "key_from_passphrase" | "permissions_ok" | "permissions_open" | "permissions_of_system" | "disk_ok" | "disk_low" | "database_ok" | "database_broken" | "database_unreadable" | "indexes_missing" | "calendar_id_ok" | "calendar_id_no_index" | "calendar_id_missing" | "foreign_keys_ok" | "foreign_keys_dangling" | "queue_ok" | "queue_failing" | "queue_needs_you" | "stuck_jobs_none" | "stuck_jobs" | "recordings_none" | "recordings_ok" | "recordings_missing" | "recordings_damaged" | "clock_ok" | "clock_fits" | "clock_behind" | "clock_ahead" | "clock_impossible" | "dns_ok" | "dns_unused" | "dns_failed" | "tls_ok" | "tls_unused" | "tls_untrusted" | "tls_unknown" | "session_ok" | "session_none" | "session_ended" | "session_forbidden" | "session_offline" | "session_captive" | "session_gateway" | "session_unavailable" | "session_rate_limited" | "sync_ok" | "sync_never" | "twilio_ok" | "twilio_never_synced" | "twilio_bad_key" | "twilio_forbidden" | "twilio_rate_limited" | "twilio_unreachable" | "upstream_none" | "upstream_ok" | "upstream_gateway" | "gateway_shown_none" | "gateway_shown" | "audio_ok" | "audio_none" | "audio_slow" | "audio_refused" | "timed_out" | "panicked";

/** What the doctor mended. */
export type DoctorMend = "mended_permissions" | "mended_restored" | "mended_no_copy" | "mended_schema" | "mended_jobs" | "mended_recordings" | "mended_swept";

/**
 * What the screen About shows.
 */
export type AboutView = { 
/**
 * Version of the app.
 */
version: string, 
/**
 * The folder of everything that is kept here.
 */
folder: string, 
/**
 * What the library takes.
 */
library_bytes: number, 
/**
 * What the sealed recordings take.
 */
recordings_bytes: number, };

/**
 * Who is signed in.
 */
export type AccountView = { 
/**
 * E-mail of the account.
 */
email: string, 
/**
 * The person's name in the CRM.
 */
name: string, 
/**
 * Role in the CRM.
 */
role: string, 
/**
 * The company.
 */
business: string, 
/**
 * The CRM's address.
 */
url: string, };

/**
 * Something that happened with a lead.
 */
export type ActivityView = { 
/**
 * Its id among the lead's.
 */
id: string, 
/**
 * `call`, `note`, `status_change`, `reminder_created` …, or a word that this version does not know.
 */
kind: string, 
/**
 * When, UTC.
 */
at_ms: number | null, 
/**
 * For a change of status: from.
 */
from: StatusView | null, 
/**
 * For a change of status: to.
 */
to: StatusView | null, 
/**
 * The call that it is about.
 */
call_sid: string | null, 
/**
 * Other facts in one line, as the CRM names them.
 */
text: string, };

/**
 * The agenda, by start.
 */
export type Agenda = { 
/**
 * The appointments.
 */
appointments: Array<AgendaRow>, 
/**
 * The calendars that are known.
 */
calendars: Array<CalendarView>, };

/**
 * Which appointments.
 */
export type AgendaAsk = { 
/**
 * Starting then or later, UTC.
 */
from_ms: number, 
/**
 * Starting before that, UTC.
 */
to_ms: number, };

/**
 * An appointment of the agenda.
 */
export type AgendaRow = { 
/**
 * The appointment.
 */
appointment: AppointmentRow, 
/**
 * Its lead.
 */
lead_id: string | null, 
/**
 * The lead's name, or whom the appointment names.
 */
lead_name: string | null, 
/**
 * Their number, as a person reads it.
 */
number: string | null, 
/**
 * The lead's last call.
 */
last_call: CallRow | null, };

/**
 * What the app tells the window, over one channel, at most ten times a second.
 */
export type AppEvent = { "kind": "changed", 
/**
 * `calls`, `leads`, `appointments`, `calendars`, `recordings`, `listening`, `settings`, `account`, `outbox`, `marks`, `queue`.
 */
tags: Array<string>, } | { "kind": "player", 
/**
 * What it does now.
 */
state: PlayerState, } | { "kind": "locked" } | { "kind": "open", 
/**
 * A call.
 */
sid: string | null, 
/**
 * Seconds from where its sound begins.
 */
at_s: number | null, 
/**
 * A lead.
 */
lead_id: string | null, } | { "kind": "sync", 
/**
 * What is going on now.
 */
state: SyncState, };

/**
 * One appointment.
 */
export type AppointmentRow = { 
/**
 * Its id.
 */
id: string, 
/**
 * What it is called.
 */
title: string, 
/**
 * Start, UTC.
 */
starts_at_ms: number, 
/**
 * End, UTC.
 */
ends_at_ms: number, 
/**
 * Key of its status.
 */
status: string | null, 
/**
 * Where.
 */
location: string | null, 
/**
 * Its calendar.
 */
calendar_id: string | null, 
/**
 * The calendar's name; null where the role may not see it.
 */
calendar_name: string | null, };

/**
 * How far the start came. The window always opens; each of these is a screen with a way out.
 */
export type BootPhase = "sign_in" | "ready" | "locked" | "refused";

/**
 * The first thing the window asks.
 */
export type BootState = { 
/**
 * How far the start came.
 */
phase: BootPhase, 
/**
 * Why it was refused.
 */
error: WireError | null, 
/**
 * Settings, or defaults while they cannot be read.
 */
settings: Settings, 
/**
 * Who is signed in.
 */
account: AccountView | null, 
/**
 * The root key lies in a file: the window shows a banner.
 */
key_in_file: boolean, 
/**
 * Nothing was sealed yet: where the keychain cannot be asked, another place for the key may be chosen. Then this is
 * the file that would be made.
 */
key_file: string | null, 
/**
 * Where the person was when the app was locked; once.
 */
desk: Desk | null, 
/**
 * Version of the app.
 */
version: string, };

/**
 * A calendar by its name.
 */
export type CalendarView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Null where the role may not see it.
 */
name: string | null, };

/**
 * One call.
 */
export type CallAsk = { 
/**
 * Its id.
 */
sid: string, };

/**
 * A mark in one of a lead's calls.
 */
export type CallMarkView = { 
/**
 * The call.
 */
sid: string, 
/**
 * The mark.
 */
mark: MarkView, };

/**
 * The call page.
 */
export type CallPage = { 
/**
 * The call.
 */
call: CallRow, 
/**
 * The source's words about it, whole.
 */
summary: string | null, 
/**
 * `crm` or `twilio`: where the recording is from.
 */
source: "crm" | "twilio", 
/**
 * What is known of the recording's file.
 */
file: FileView, 
/**
 * Its lead.
 */
lead: LeadRow | null, 
/**
 * The lead's next appointment.
 */
next_appointment: AppointmentRow | null, 
/**
 * Notes of the lead that are about a second of this call, at the CRM or on their way; a mark may say the same.
 */
notes: Array<NoteView>, 
/**
 * What was said, as the source wrote it down; empty where it did not.
 */
transcript: Array<TranscriptLine>, 
/**
 * Measures of the conversation, once the recording was here.
 */
talk: TalkView | null, };

/**
 * A second of a call.
 */
export type CallPlaceAsk = { 
/**
 * The call.
 */
sid: string, 
/**
 * Media time.
 */
at_ms: number, };

/**
 * A second of a call.
 */
export type CallPlaceView = { 
/**
 * The call.
 */
sid: string, 
/**
 * Media time.
 */
at_ms: number, };

/**
 * One call as a row shows it.
 */
export type CallRow = { 
/**
 * Its id.
 */
sid: string, 
/**
 * Start, UTC.
 */
started_at_ms: number | null, 
/**
 * Which way.
 */
direction: Direction, 
/**
 * What came of it.
 */
outcome: Outcome, 
/**
 * The source's own status word, for outcomes that this version does not know.
 */
status: string | null, 
/**
 * The customer's number as a person reads it.
 */
number: string | null, 
/**
 * The lead, where it is linked.
 */
lead_id: string | null, 
/**
 * The lead's name, where it has one.
 */
lead_name: string | null, 
/**
 * Whole seconds.
 */
duration_s: number | null, 
/**
 * First words of the summary.
 */
summary: string | null, 
/**
 * The person has heard it.
 */
heard: boolean, 
/**
 * Its recording.
 */
recording: RecordingView, };

/**
 * The quick views over the calls.
 */
export type CallView = "all" | "unheard" | "missed" | "recorded";

/**
 * A window onto the list of calls, newest first.
 */
export type CallsAsk = { 
/**
 * Which calls.
 */
filter: CallsFilter, 
/**
 * Ordinal of the first row wanted.
 */
offset: number, 
/**
 * How many rows, at most 200.
 */
limit: number, };

/**
 * Which calls.
 */
export type CallsFilter = { 
/**
 * Names, numbers, summaries, as typed.
 */
search: string, 
/**
 * Quick view.
 */
view: CallView, 
/**
 * Inbound or outbound only.
 */
direction: "inbound" | "outbound" | null, 
/**
 * One lead's calls.
 */
lead_id: string | null, 
/**
 * What came of them.
 */
outcome: Outcome | null, 
/**
 * With a recording, or without one.
 */
has_recording: boolean | null, 
/**
 * Begun then or later, UTC.
 */
from_ms: number | null, 
/**
 * Begun before that, UTC.
 */
to_ms: number | null, };

/**
 * Calls to mark.
 */
export type CallsMarkAsk = { 
/**
 * At most 1,000.
 */
sids: Array<string>, 
/**
 * Heard, or to be heard again.
 */
heard: boolean, };

/**
 * Rows of a window, with true counts.
 */
export type CallsWindow = { 
/**
 * Rows that match.
 */
matched: number, 
/**
 * `matched` is 10,000 and there are more.
 */
matched_capped: boolean, 
/**
 * Calls in the library.
 */
all: number, 
/**
 * Recorded and not heard, in the library.
 */
unheard: number, 
/**
 * Ordinal of the first row.
 */
offset: number, 
/**
 * The rows.
 */
rows: Array<CallRow>, };

/**
 * Calls to write as a table.
 */
export type CsvAsk = { 
/**
 * These calls, at most 1,000; null for all that the filter finds.
 */
sids: Array<string> | null, 
/**
 * Which calls.
 */
filter: CallsFilter, 
/**
 * The file's name, without its ending.
 */
name: string, 
/**
 * Heads of the columns, in order: time, direction, lead, number, result, length, heard, recording, summary, id.
 */
heads: Array<string>, 
/**
 * Words of the directions, outcomes and states by their keys, as the window says them.
 */
words: { [key in string]: string }, };

/**
 * A recording here that its source has deleted.
 */
export type DeletedView = { 
/**
 * Its call.
 */
call: CallRow, 
/**
 * Its id.
 */
recording_id: string, 
/**
 * When its voice goes, UTC.
 */
goes_at_ms: number, 
/**
 * It is pinned, and stays until somebody says `recording_keep` or `recording_unpin`.
 */
asks: boolean, };

/**
 * Where the person is, and what they are writing: kept while the app is locked, sealed, and given back after.
 */
export type Desk = { 
/**
 * The screen, in the window's own words.
 */
place: string, 
/**
 * Notes that are being typed.
 */
typed: Array<TypedNote>, };

/**
 * A device that sound can go to.
 */
export type DeviceView = { 
/**
 * Its id.
 */
id: string, 
/**
 * What the system calls it.
 */
name: string, };

/**
 * The devices that sound can go to, and the chosen one.
 */
export type DevicesView = { 
/**
 * Those that are there, and the chosen one also when it is not.
 */
devices: Array<DeviceView>, 
/**
 * The chosen one; null = the system's default.
 */
chosen: string | null, 
/**
 * It is not there: the system's default takes its place.
 */
chosen_missing: boolean, };

/**
 * One step.
 */
export type DoctorAsk = { 
/**
 * Its word.
 */
step: DoctorStep, };

/**
 * What one check found. No name, number, address or key.
 */
export type DoctorFound = { 
/**
 * Which check.
 */
check: DoctorCheck, 
/**
 * What it found; the sentences are the window's.
 */
finding: DoctorFinding, 
/**
 * How bad it is.
 */
status: "ok" | "warn" | "fail", 
/**
 * How many, or which HTTP status.
 */
n: number | null, 
/**
 * Counts by HTTP status, an error code, or a step's word.
 */
what: string | null, 
/**
 * The doctor can mend it.
 */
is_mendable: boolean, };

/**
 * What one step found.
 */
export type DoctorLooked = { 
/**
 * In the order of the checks; empty where there was nothing to look at.
 */
found: Array<DoctorFound>, };

/**
 * One thing that the doctor mended.
 */
export type DoctorMended = { 
/**
 * What; the sentence is the window's.
 */
mend: DoctorMend, 
/**
 * How many.
 */
n: number | null, };

/**
 * What the doctor mended.
 */
export type DoctorMending = { 
/**
 * In the order in which it was done; empty where there was nothing to do.
 */
done: Array<DoctorMended>, 
/**
 * The page has to load anew: the library was replaced.
 */
restart: boolean, };

/**
 * Which steps the doctor takes, in order.
 */
export type DoctorSteps = { 
/**
 * Words for `doctor_look`.
 */
steps: DoctorStep[], };

/**
 * Recordings to write.
 */
export type ExportAsk = { 
/**
 * Recordings, at most 500. One asks for a file, several for a folder.
 */
ids: Array<string>, 
/**
 * A clip begins here, media time; for one recording only.
 */
from_ms: number | null, 
/**
 * And ends here.
 */
to_ms: number | null, };

/**
 * The file of a recording.
 */
export type FileView = { 
/**
 * Bytes of the sound file itself, where it is here or its length is known.
 */
bytes: number | null, 
/**
 * Samples per second, once it was here.
 */
sample_rate_hz: number | null, 
/**
 * Every byte is here, and was found whole when it came.
 */
is_verified: boolean, 
/**
 * When that was, UTC.
 */
verified_at_ms: number | null, 
/**
 * Packets that could not be decoded and are skipped.
 */
damaged_packets: number, };

/**
 * Which rows of which list.
 */
export type KeptAsk = { 
/**
 * The list.
 */
list: KeptListView, 
/**
 * Ordinal of the first row wanted.
 */
offset: number, 
/**
 * How many rows, at most 200.
 */
limit: number, };

/**
 * A list of what is kept here, on its way, or failed.
 */
export type KeptListView = "on_device" | "pinned" | "arriving" | "failed";

/**
 * Rows of a list, with how many it has.
 */
export type KeptWindow = { 
/**
 * Rows of the list.
 */
matched: number, 
/**
 * Never: they are counted.
 */
matched_capped: boolean, 
/**
 * The same again: a list has no filter.
 */
all: number, 
/**
 * Ordinal of the first row.
 */
offset: number, 
/**
 * The rows.
 */
rows: Array<CallRow>, };

/**
 * Where the key of a profile that holds nothing yet shall lie.
 */
export type KeyChooseAsk = { 
/**
 * `file` or `passphrase`.
 */
place: KeyPlaceView, 
/**
 * The words, for a passphrase.
 */
passphrase: string | null, };

/**
 * Where the key shall lie from now on.
 */
export type KeyMoveAsk = { 
/**
 * The place.
 */
place: KeyPlaceView, 
/**
 * The passphrase of now, where there is one.
 */
current: string | null, 
/**
 * The new words, for a passphrase.
 */
passphrase: string | null, };

/**
 * Where the root key lies.
 */
export type KeyPlaceView = "keychain" | "file" | "passphrase";

/**
 * Another key.
 */
export type KeyRotateAsk = { 
/**
 * The passphrase, where there is one.
 */
current: string | null, };

/**
 * Keys as the person changed them.
 */
export type KeySettings = { 
/**
 * Keys without Ctrl work.
 */
singles: boolean, 
/**
 * Those that are elsewhere than the table says.
 */
remapped: Array<RemappedKey>, };

/**
 * A language of the interface.
 */
export type Language = "he" | "en";

/**
 * One lead.
 */
export type LeadAsk = { 
/**
 * Its id.
 */
id: string, };

/**
 * The lead page was read.
 */
export type LeadOpened = { 
/**
 * When, UTC.
 */
read_at_ms: number, };

/**
 * The lead page.
 */
export type LeadPage = { 
/**
 * The lead.
 */
lead: LeadRow, 
/**
 * The CRM's words about it.
 */
summary: string | null, 
/**
 * Its free text.
 */
free_text: string | null, 
/**
 * The user who owns it, by the CRM's number: it tells no name.
 */
owner_user_id: string | null, 
/**
 * Its notes, newest first; what is not sent yet comes first.
 */
notes: Array<NoteView>, 
/**
 * What happened, newest first.
 */
activity: Array<ActivityView>, 
/**
 * What is to be done and was done, the earliest first.
 */
reminders: Array<ReminderView>, 
/**
 * When notes, activity and reminders were last read; null for never.
 */
read_at_ms: number | null, 
/**
 * Created, UTC.
 */
created_at_ms: number | null, 
/**
 * Its calls, newest first, at most 200.
 */
calls: Array<CallRow>, 
/**
 * Calls of the lead in the library.
 */
calls_in_all: number, 
/**
 * Of these, heard.
 */
heard: number, 
/**
 * Seconds spoken in all its calls.
 */
talk_s: number, 
/**
 * Who talks in those of its calls whose recording was here.
 */
talk: LeadTalk, 
/**
 * Its appointments, latest first.
 */
appointments: Array<AppointmentRow>, 
/**
 * The next one that is not cancelled.
 */
next_appointment: AppointmentRow | null, 
/**
 * What was marked in its calls, by call and place.
 */
marks: Array<CallMarkView>, };

/**
 * One lead as a row shows it.
 */
export type LeadRow = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name, where it has one.
 */
name: string | null, 
/**
 * Its number as a person reads it.
 */
phone: string | null, 
/**
 * Its e-mail.
 */
email: string | null, 
/**
 * Its status.
 */
status: StatusView | null, 
/**
 * Where it came from.
 */
source: string | null, 
/**
 * Labels.
 */
tags: Array<string>, 
/**
 * Last contact, UTC.
 */
last_contact_at_ms: number | null, 
/**
 * Its calls here.
 */
calls: number, 
/**
 * Of these, recorded and not heard.
 */
unheard: number, };

/**
 * Who talks, over the calls of a lead.
 */
export type LeadTalk = { 
/**
 * Calls that were measured: with two channels, and once on this device.
 */
calls: number, 
/**
 * What the agents spoke.
 */
agent_ms: number, 
/**
 * What the customer spoke.
 */
customer_ms: number, };

/**
 * A window onto the leads, by last contact.
 */
export type LeadsAsk = { 
/**
 * Name, number, e-mail, as typed.
 */
search: string, 
/**
 * Ordinal of the first row wanted.
 */
offset: number, 
/**
 * How many rows, at most 200.
 */
limit: number, };

/**
 * Rows of a window, with true counts.
 */
export type LeadsWindow = { 
/**
 * Rows that match.
 */
matched: number, 
/**
 * `matched` is 10,000 and there are more.
 */
matched_capped: boolean, 
/**
 * Leads in the library.
 */
all: number, 
/**
 * Ordinal of the first row.
 */
offset: number, 
/**
 * The rows.
 */
rows: Array<LeadRow>, };

/**
 * How much room recordings may take. Both limits hold where both are set.
 */
export type LimitsView = { 
/**
 * Recordings take at most this.
 */
cap_bytes: number | null, 
/**
 * So much stays free on the disk.
 */
keep_free_bytes: number | null, 
/**
 * Days until a voice goes that its source has deleted.
 */
deleted_after_days: number, };

/**
 * How far a call was listened to in the window's own player.
 */
export type ListeningKeepAsk = { 
/**
 * The call.
 */
sid: string, 
/**
 * Media time.
 */
position_ms: number, 
/**
 * From where on it was played up to there without a jump; null = it was only gone to.
 */
played_from_ms: number | null, };

/**
 * How far a call was listened to.
 */
export type ListeningView = { 
/**
 * Where to go on, in media time.
 */
position_ms: number, 
/**
 * The person has heard it.
 */
heard: boolean, };

/**
 * A new bookmark.
 */
export type MarkAddAsk = { 
/**
 * The call.
 */
sid: string, 
/**
 * Media time.
 */
at_ms: number, 
/**
 * Its name; may be empty.
 */
text: string, };

/**
 * One mark.
 */
export type MarkAsk = { 
/**
 * Its id.
 */
id: number, };

/**
 * What a mark is.
 */
export type MarkKind = "bookmark" | "note";

/**
 * Another name for a bookmark.
 */
export type MarkRenameAsk = { 
/**
 * The bookmark.
 */
id: number, 
/**
 * Its name; may be empty.
 */
text: string, };

/**
 * A mark in a call.
 */
export type MarkView = { 
/**
 * Its id on this device.
 */
id: number, 
/**
 * Media time.
 */
at_ms: number, 
/**
 * Its words; a bookmark may have none.
 */
text: string, 
/**
 * What it is.
 */
kind: MarkKind, 
/**
 * Written, UTC.
 */
created_at_ms: number, };

/**
 * A call's marks, by their place in it.
 */
export type MarksView = { 
/**
 * In order.
 */
marks: Array<MarkView>, };

/**
 * A note to keep and to send.
 */
export type NoteAddAsk = { 
/**
 * The lead; null for a note on a call, which goes to the call's lead.
 */
lead_id: string | null, 
/**
 * The second of a call that it is about.
 */
call: CallPlaceAsk | null, 
/**
 * Its words.
 */
text: string, };

/**
 * The note is kept.
 */
export type NoteAdded = { 
/**
 * Its id; null where it stays on this device, because the call has no lead.
 */
id: string | null, };

/**
 * A note that is not sent yet.
 */
export type NoteAsk = { 
/**
 * The id of what is pending.
 */
id: string, };

/**
 * Another text for a note.
 */
export type NoteEditAsk = { 
/**
 * The note, or what is pending.
 */
id: string, 
/**
 * Its words from now on.
 */
text: string, };

/**
 * A note of a lead, at the CRM or on its way.
 */
export type NoteView = { 
/**
 * Its id; asks about it use this. `draft:7` while the CRM does not have it.
 */
id: string, 
/**
 * `manual`, `call_summary`, `system`, `customer_service_ai`, or a word that this version does not know.
 */
kind: string, 
/**
 * Its words; of a change that waits, those of the CRM.
 */
text: string, 
/**
 * Written, UTC.
 */
at_ms: number | null, 
/**
 * Changed since it was written.
 */
edited: boolean, 
/**
 * Names of what is attached.
 */
attachments: Array<string>, 
/**
 * The place in a call that it is about.
 */
call: CallPlaceView | null, 
/**
 * What is not at the CRM yet.
 */
pending: PendingView | null, };

/**
 * No arguments, or nothing to say.
 */
export type Nothing = Record<symbol, never>;

/**
 * Something to know while the window is away.
 */
export type Notice = { 
/**
 * In one line, with nobody's name or number: it is shown on a locked screen, too.
 */
title: string, 
/**
 * What follows from it.
 */
text: string, };

/**
 * What waits to be sent.
 */
export type OutboxState = { 
/**
 * Goes by itself.
 */
waiting: number, 
/**
 * Waits for the person.
 */
refused: number, 
/**
 * The lead of the first that waits for the person.
 */
refused_lead_id: string | null, };

/**
 * A waveform.
 */
export type PeaksAsk = { 
/**
 * The recording.
 */
id: string, 
/**
 * How many buckets, 1 to 65,536: what is kept of a recording has at most so many.
 */
buckets: number, };

/**
 * A waveform: per channel, min and max of each bucket in turn, −127 to 127.
 */
export type PeaksView = { 
/**
 * Channels.
 */
channels: number, 
/**
 * Length: exact, or an estimate while the recording arrives.
 */
duration_ms: number, 
/**
 * So much of it is known, from the beginning on; less than all only while it arrives.
 */
known_ms: number, 
/**
 * Per channel: min, max, min, max …, over all of its length; zeros where nothing is known.
 */
lanes: Array<Array<number>>, 
/**
 * Whose each lane is; empty where the speakers cannot be split.
 */
sides: Array<Side>, };

/**
 * A text that is not at the CRM yet.
 */
export type PendingView = { 
/**
 * Asks about it use this.
 */
id: string, 
/**
 * Where it stands.
 */
phase: DraftPhase, 
/**
 * Why it waits or was not accepted.
 */
reason: Code | null, 
/**
 * When it is tried again by itself.
 */
next_try_at_ms: number | null, 
/**
 * The text of the person.
 */
text: string, 
/**
 * In a conflict: the text that the CRM has now.
 */
theirs: string | null, };

/**
 * Which device.
 */
export type PlayerDeviceAsk = { 
/**
 * Its id; null = the system's default.
 */
id: string | null, };

/**
 * How loud one channel is.
 */
export type PlayerGainAsk = { 
/**
 * 1 or 2.
 */
channel: number, 
/**
 * 0 to 2.
 */
gain: number, };

/**
 * Put a recording into the player; one that is not here is asked for first and starts when it has arrived.
 */
export type PlayerLoadAsk = { 
/**
 * The recording.
 */
id: string, 
/**
 * Start at once, or only stand ready.
 */
play: boolean, };

/**
 * What the player does.
 */
export type PlayerPhase = "empty" | "waiting" | "loading" | "playing" | "buffering" | "paused" | "ended" | "failed";

/**
 * What becomes of the stretch that goes round and round.
 */
export type PlayerRepeatAsk = { 
/**
 * The step.
 */
step: RepeatStep, 
/**
 * Where; null = what is heard now.
 */
at_ms: number | null, };

/**
 * Where to go.
 */
export type PlayerSeekAsk = { 
/**
 * Media time.
 */
position_ms: number, };

/**
 * How far to go from what is heard now.
 */
export type PlayerSeekByAsk = { 
/**
 * Media time; back where it is below 0.
 */
by_ms: number, };

/**
 * Which channel is heard alone.
 */
export type PlayerSoloAsk = { 
/**
 * 1 or 2; null = both.
 */
channel: number | null, };

/**
 * How fast.
 */
export type PlayerSpeedAsk = { 
/**
 * 0.5 to 3.
 */
speed: number, };

/**
 * The player, as the dock shows it. The window moves the head on by itself between two of these.
 */
export type PlayerState = { 
/**
 * What it does.
 */
phase: PlayerPhase, 
/**
 * The call that is in it.
 */
call: CallRow | null, 
/**
 * Media time that is being heard.
 */
position_ms: number, 
/**
 * Exact length; 0 while unknown.
 */
duration_ms: number, 
/**
 * The length is an estimate: the recording is still arriving.
 */
duration_estimated: boolean, 
/**
 * While the recording is arriving: the stretches of it that are here, begin and end as parts of the whole (0 to 1),
 * in order. Null when it is here or nothing of it is.
 */
here: Array<[number, number]> | null, 
/**
 * Speed, 0.5 to 3.
 */
speed: number, 
/**
 * How fast media time goes by now: the speed, or less while something is said again.
 */
pace: number, 
/**
 * Loudness, 0 to 1.
 */
volume: number, 
/**
 * No sound, and the loudness stays what it is.
 */
muted: boolean, 
/**
 * Silences are left out; not while a stretch goes round or something is said again.
 */
skip_silence: boolean, 
/**
 * What leaving them out saves in this call at 1x, also while it is off.
 */
skip_saves_ms: number, 
/**
 * The quiet side is brought up to the loud one.
 */
level: boolean, 
/**
 * The only channel that is heard, 1 or 2; of this call only.
 */
solo: number | null, 
/**
 * How loud each channel is, 0 to 2; of this call only.
 */
gains: [number, number], 
/**
 * The stretch between A and B.
 */
repeat: RepeatView | null, 
/**
 * A few seconds are being said again.
 */
saying_again: boolean, 
/**
 * How many calls wait in the queue.
 */
queued: number, 
/**
 * There is a way back from the last jump.
 */
can_undo: boolean, 
/**
 * Why it stands still without anybody having asked; null after the next play.
 */
stopped_by: PlayerStop | null, 
/**
 * Why it cannot play: an error code (`no_output_device`, `unsupported_audio`, `damaged` …).
 */
error: Code | null, 
/**
 * Grows with every change, so that a late answer is recognised.
 */
revision: number, };

/**
 * Why it stands still without anybody having asked.
 */
export type PlayerStop = "device_lost" | "slept";

/**
 * On or off.
 */
export type PlayerSwitchAsk = { 
/**
 * On.
 */
on: boolean, };

/**
 * Which tenth of the recording to go to.
 */
export type PlayerTenthAsk = { 
/**
 * 0 to 9.
 */
tenth: number, };

/**
 * Which speaker's turn to go to.
 */
export type PlayerTurnAsk = { 
/**
 * 1 for the next, −1 for this one's beginning or the one before.
 */
by: number, };

/**
 * How loud.
 */
export type PlayerVolumeAsk = { 
/**
 * 0 to 1.
 */
volume: number, };

/**
 * Recordings that shall wait to be listened to.
 */
export type QueueAddAsk = { 
/**
 * The recordings, in order.
 */
ids: Array<string>, 
/**
 * Before all that wait, or behind them.
 */
first: boolean, };

/**
 * Another place for one that waits.
 */
export type QueueMoveAsk = { 
/**
 * The recording.
 */
id: string, 
/**
 * Its place, 0 being the first.
 */
to: number, };

/**
 * What waits to be listened to.
 */
export type QueueView = { 
/**
 * In order.
 */
calls: Array<CallRow>, };

/**
 * One recording.
 */
export type RecordingAsk = { 
/**
 * Its id.
 */
id: string, };

/**
 * A recording as rows and the player show it.
 */
export type RecordingView = { 
/**
 * Its id; asks about it use this.
 */
id: string, 
/**
 * Its state.
 */
state: RecordingState, 
/**
 * Why, as an error code or a fact (`too_short`, `never_ready` …).
 */
reason: string | null, 
/**
 * What happens next by itself.
 */
next: RecordingNext, 
/**
 * What a person can do.
 */
action: RecordingAction | null, 
/**
 * Something is under way that a person can stop.
 */
can_cancel: boolean, 
/**
 * What pressing play does: it sounds, it is asked for and sounds when it has come, or nothing.
 */
play: RecordingPlay, 
/**
 * Poll n of 12 that answered "being prepared".
 */
polls: number, 
/**
 * Attempts in the running window, of 3.
 */
attempts: number, 
/**
 * Place in the queue, from 1.
 */
place: number | null, 
/**
 * When that happens, where it is known.
 */
next_try_at_ms: number | null, 
/**
 * Bytes here.
 */
bytes_here: number, 
/**
 * Bytes in all, once known.
 */
bytes_total: number | null, 
/**
 * Exact length, once it is here.
 */
duration_ms: number | null, 
/**
 * Channels, once it is here.
 */
channels: number | null, 
/**
 * Name of the codec, once it is here.
 */
codec: string | null, 
/**
 * The person keeps it on this device, or will once it is here.
 */
pinned: boolean, };

/**
 * Another key for a command, in the window's own words.
 */
export type RemappedKey = { 
/**
 * The command.
 */
command: string, 
/**
 * The key that it had: `ctrl+k`.
 */
was: string, 
/**
 * `event.key` in lower case.
 */
key: string, 
/**
 * `event.code`.
 */
code: string, 
/**
 * With Ctrl, on macOS ⌘.
 */
ctrl: boolean, 
/**
 * With Shift.
 */
shift: boolean, };

/**
 * Something to be done about a lead.
 */
export type ReminderView = { 
/**
 * Its id.
 */
id: string, 
/**
 * When it is due, UTC.
 */
due_at_ms: number, 
/**
 * What is to be done.
 */
note: string | null, 
/**
 * When it was done, UTC.
 */
done_at_ms: number | null, };

/**
 * A step with the stretch that goes round and round.
 */
export type RepeatStep = "a" | "b" | "toggle" | "clear";

/**
 * The stretch between A and B.
 */
export type RepeatView = { 
/**
 * Where it begins.
 */
a_ms: number, 
/**
 * Where it ends; null while that is not marked.
 */
b_ms: number | null, 
/**
 * It goes round and round.
 */
on: boolean, };

/**
 * What is fetched by itself.
 */
export type Rules = { 
/**
 * The calls of the leads that today's and tomorrow's appointments are with.
 */
appointments: boolean, 
/**
 * Calls of so many days; null for none.
 */
recent_days: number | null, };

/**
 * What was written.
 */
export type Saved = { 
/**
 * Files written; 0 where the person thought better of it.
 */
files: number, 
/**
 * Recordings that are not whole on this device, and were left out.
 */
left_out: number, 
/**
 * The file's name, where it is one.
 */
name: string | null, 
/**
 * Rows of a table.
 */
rows: number | null, };

/**
 * A filter with a name.
 */
export type SavedView = { 
/**
 * Its id, made by the window.
 */
id: string, 
/**
 * As the person called it.
 */
name: string, 
/**
 * Which calls.
 */
filter: CallsFilter, 
/**
 * The days before today that it goes back, instead of a fixed time: 1 is today only.
 */
days: number | null, };

/**
 * All of them, in their order.
 */
export type SavedViews = { 
/**
 * The views.
 */
views: Array<SavedView>, };

/**
 * When the app locks, and when recordings do.
 */
export type SecuritySettings = { 
/**
 * Lock after this many minutes without a key or the pointer, 1 to 480; null never.
 */
lock_after_minutes: number | null, 
/**
 * Lock when the computer sleeps.
 */
lock_on_suspend: boolean, 
/**
 * Lock recordings after this many days in which the server did not say that the account is still good, 1 to 365.
 */
offline_days: number, };

/**
 * How what is here is kept from others.
 */
export type SecurityView = { 
/**
 * Where the root key lies.
 */
key: KeyPlaceView, 
/**
 * Locking is offered: with a passphrase only.
 */
can_lock: boolean, 
/**
 * A copy of the key lies in a place that could not be reached when it moved.
 */
has_leftovers: boolean, 
/**
 * What is set.
 */
settings: SecuritySettings, 
/**
 * From then on recordings are locked, unless the server is asked before; null while nothing counts.
 */
recordings_until_ms: number | null, 
/**
 * They are.
 */
recordings_locked: boolean, };

/**
 * What a person set.
 */
export type Settings = { 
/**
 * Language of the interface.
 */
language: Language, 
/**
 * Colours.
 */
theme: Theme, 
/**
 * IANA name of the one zone in which times are shown.
 */
time_zone: string, 
/**
 * Keys as the person changed them.
 */
keys: KeySettings, 
/**
 * The desktop's notifications are shown.
 */
notifications: boolean, 
/**
 * Media keys' displays and lock screens name whose call is playing.
 */
now_playing_names: boolean, 
/**
 * How far a recording goes back when it goes on after a pause.
 */
rewind: Rewind, 
/**
 * What makes the sound.
 */
sound: SoundChoice, };

/**
 * Sign in to the CRM.
 */
export type SignInAsk = { 
/**
 * The CRM's address; plain http is accepted for loopback only.
 */
url: string, 
/**
 * E-mail of the account.
 */
email: string, 
/**
 * Password; kept sealed where `stay_signed_in`, else forgotten at once.
 */
password: string, 
/**
 * Keep the password sealed in the library, to sign in again when the session ends.
 */
stay_signed_in: boolean, };

/**
 * Sign out.
 */
export type SignOutAsk = { 
/**
 * Destroy the key and remove everything from this device, not only the secrets.
 */
wipe: boolean, };

/**
 * What makes the sound.
 */
export type SoundChoice = "device" | "page";

/**
 * A lead's status.
 */
export type StatusView = { 
/**
 * Its key.
 */
key: string, 
/**
 * What the company calls it; null while its list is not known.
 */
label: string | null, 
/**
 * Its hue.
 */
colour: StatusColour, };

/**
 * What is kept on this device.
 */
export type StorageView = { 
/**
 * What the sealed recordings take.
 */
used_bytes: number, 
/**
 * What the disk has left.
 */
free_bytes: number, 
/**
 * What they may take.
 */
limits: LimitsView, 
/**
 * The disk has less than the reserve: downloads wait for room.
 */
is_full: boolean, 
/**
 * Whole recordings here, the pinned ones included.
 */
on_device: number, 
/**
 * Those that never make room.
 */
pinned: number, 
/**
 * What those take.
 */
pinned_bytes: number, 
/**
 * Those that go before all others: heard, and not pinned.
 */
goes_first: number, 
/**
 * What those take.
 */
goes_first_bytes: number, 
/**
 * On their way, or waiting for it.
 */
waiting: number, 
/**
 * Failed or damaged; tried again by themselves, or needing somebody.
 */
failed: number, 
/**
 * What makes room next, first first; at most 50.
 */
next_out: Array<CallRow>, 
/**
 * What its source has deleted and nobody has decided about yet.
 */
deleted: Array<DeletedView>, };

/**
 * What the pill at the top says; the worst one wins.
 */
export type SyncPhase = "never" | "first_sync" | "syncing" | "fresh" | "offline" | "server_unavailable" | "sign_in_again" | "rate_limited" | "forbidden" | "clock_wrong";

/**
 * How fresh the library is.
 */
export type SyncState = { 
/**
 * What is going on.
 */
phase: SyncPhase, 
/**
 * When a whole sync last succeeded.
 */
last_success_at_ms: number | null, 
/**
 * When it is tried again by itself.
 */
next_try_at_ms: number | null, 
/**
 * Calls read so far in the running sync.
 */
calls_seen: number, 
/**
 * Calls that the server says it has; 0 while unknown.
 */
calls_total: number, 
/**
 * Leads read so far in the running sync; they come before the calls.
 */
leads_seen: number, 
/**
 * Leads that the server says it has; 0 while unknown.
 */
leads_total: number, 
/**
 * Appointments read so far in the running sync; they come after the calls.
 */
appointments_seen: number, 
/**
 * Appointments that the server says it has in the time that is read; 0 while unknown.
 */
appointments_total: number, 
/**
 * Lists that the role may not read: `calls`, `leads`, `appointments`, `calendars`.
 */
refused: Array<string>, 
/**
 * Rows that could not be read in the last sync; the rest went on.
 */
rejected: number, };

/**
 * Measures of a conversation.
 */
export type TalkView = { 
/**
 * Who speaks longest without a break; null in a recording whose speakers cannot be split.
 */
longest_side: Side | null, 
/**
 * For how long; 0 where nobody speaks.
 */
longest_ms: number, 
/**
 * Where that begins.
 */
longest_at_ms: number, 
/**
 * Time between the first and the last word in which nobody speaks for longer than a pause.
 */
dead_air_ms: number, 
/**
 * How often both speak at once.
 */
overlaps: number, 
/**
 * What the agent speaks.
 */
agent_ms: number, 
/**
 * What the customer speaks.
 */
customer_ms: number, };

/**
 * Light, dark, or whatever the computer says.
 */
export type Theme = "system" | "light" | "dark";

/**
 * One line of a transcript.
 */
export type TranscriptLine = { 
/**
 * Who speaks, where the source says so.
 */
side: Side | null, 
/**
 * Media time, where the source says so.
 */
at_ms: number | null, 
/**
 * The words.
 */
text: string, };

/**
 * What stands beside the clock.
 */
export type Tray = { 
/**
 * What is playing; while the app is locked, nothing of whose it is.
 */
playing: string, 
/**
 * What stands on a lock screen for whatever is in the player: "Call recording".
 */
recording: string, 
/**
 * Whose call is in the player; shown there only where the person chose that.
 */
whose: string | null, 
/**
 * What the next line does with it; null where there is nothing to play.
 */
play: string | null, 
/**
 * How fresh the library is.
 */
sync: string, 
/**
 * "Open Aftercall".
 */
open: string, 
/**
 * "Quit".
 */
quit: string, };

/**
 * One stretch of speech.
 */
export type TurnView = { 
/**
 * From 1.
 */
channel: number, 
/**
 * From the beginning of the recording.
 */
start_ms: number, 
/**
 * Its end, not included.
 */
end_ms: number, };

/**
 * Who speaks when, and what can be skipped.
 */
export type TurnsView = { 
/**
 * Channels.
 */
channels: number, 
/**
 * Exact length.
 */
duration_ms: number, 
/**
 * By start, then channel.
 */
turns: Array<TurnView>, 
/**
 * What skipping silence leaves out, begin and end, in order; whether it is on or not.
 */
cuts: Array<[number, number]>, 
/**
 * How much that is.
 */
saved_ms: number, 
/**
 * Speech per channel.
 */
talk_ms: Array<number>, 
/**
 * Time in which nobody speaks.
 */
silence_ms: number, 
/**
 * Time in which both speak at once.
 */
overlap_ms: number, 
/**
 * Whose each channel is; empty where the speakers cannot be split.
 */
sides: Array<Side>, };

/**
 * A note that is being typed.
 */
export type TypedNote = { 
/**
 * The lead's id.
 */
lead_id: string, 
/**
 * So far.
 */
text: string, };

/**
 * A passphrase, to open what is locked with it.
 */
export type UnlockAsk = { 
/**
 * The words.
 */
passphrase: string, };

/**
 * The only form in which a failure crosses to the window.
 */
export type WireError = { 
/**
 * What went wrong; the sentence is the window's.
 */
code: Code, 
/**
 * When trying again makes sense, where that is known.
 */
retry_after_ms: number | null, 
/**
 * Finds the failure in the log, and says nothing by itself.
 */
ref: string, };

/** What each state means where neither its reason nor its source is known. */
export const STANDINGS: Readonly<
  Record<RecordingState, Pick<RecordingView, "next" | "action" | "can_cancel" | "play">>
> = {
  none_expected: { next: "nothing", action: null, can_cancel: false, play: "never" },
  live: { next: "call_ends", action: null, can_cancel: false, play: "never" },
  preparing: { next: "poll", action: "want", can_cancel: true, play: "asks" },
  still_preparing: { next: "poll", action: "want", can_cancel: true, play: "asks" },
  ready_online: { next: "wish", action: "download", can_cancel: false, play: "asks" },
  queued: { next: "turn", action: null, can_cancel: true, play: "asks" },
  downloading: { next: "bytes", action: null, can_cancel: true, play: "asks" },
  partial: { next: "turn", action: "download", can_cancel: false, play: "asks" },
  on_device: { next: "nothing", action: null, can_cancel: false, play: "sounds" },
  pinned: { next: "nothing", action: null, can_cancel: false, play: "sounds" },
  evicted: { next: "wish", action: "download_again", can_cancel: false, play: "asks" },
  failed_retrying: { next: "retry", action: "try_now", can_cancel: true, play: "asks" },
  failed_needs_you: { next: "person", action: "try_now", can_cancel: false, play: "asks" },
  unavailable: { next: "nothing", action: "copy_id", can_cancel: false, play: "never" },
  restricted: { next: "nothing", action: null, can_cancel: false, play: "never" },
  damaged: { next: "repair", action: null, can_cancel: false, play: "asks" },
  unsupported: { next: "nothing", action: null, can_cancel: false, play: "never" },
};

/** Every command of the app: its arguments and its reply. */
export interface Commands {
  /** How far the start came; the first thing the window asks. */
  boot_state: { args: Nothing; reply: BootState };
  /** Signs in to the CRM and starts syncing. */
  session_sign_in: { args: SignInAsk; reply: AccountView };
  /** Signs out and forgets the secrets; with `wipe` also destroys the key and everything that it sealed. After a wipe
 the page loads anew. */
  session_sign_out: { args: SignOutAsk; reply: Nothing };
  /** Keeps the settings. */
  settings_write: { args: Settings; reply: Settings };
  /** How what is here is kept from others. */
  security_read: { args: Nothing; reply: SecurityView };
  /** Keeps when the app locks. */
  security_write: { args: SecuritySettings; reply: SecurityView };
  /** Locks: the keys are dropped, the sound stops. After it the page loads anew. */
  lock: { args: Nothing; reply: Nothing };
  /** Opens what is locked with a passphrase. After it the page loads anew. */
  unlock: { args: UnlockAsk; reply: Nothing };
  /** Tries the start again that was refused. After it the page loads anew. */
  start_again: { args: Nothing; reply: Nothing };
  /** Puts what no key opens any more aside, where it stays, and begins with an empty library. After it the page loads
 anew. */
  start_anew: { args: Nothing; reply: Nothing };
  /** Chooses where the key shall lie, for a profile that holds nothing yet. After it the page loads anew. */
  key_choose: { args: KeyChooseAsk; reply: Nothing };
  /** Sets, changes or removes the passphrase, or puts the key elsewhere. The key stays the same; the app starts again
 with it: the page loads anew. */
  key_move: { args: KeyMoveAsk; reply: Nothing };
  /** Puts a new key in the place of the old one. The app starts again with it: the page loads anew. */
  key_rotate: { args: KeyRotateAsk; reply: Nothing };
  /** Somebody is there: the time until the app locks by itself begins again. */
  presence: { args: Nothing; reply: Nothing };
  /** Where the person is and what they are writing, for when the app locks. */
  desk_keep: { args: Desk; reply: Nothing };
  /** Syncs now. Returns at once; the events say the rest. */
  sync_now: { args: Nothing; reply: Nothing };
  /** The window came to the front, or the network came back: syncs soon, where the last try is not just over. */
  sync_nudge: { args: Nothing; reply: Nothing };
  /** How fresh the library is. */
  sync_state: { args: Nothing; reply: SyncState };
  /** A window onto the calls, newest first. */
  calls_window: { args: CallsAsk; reply: CallsWindow };
  /** One call. */
  call_read: { args: CallAsk; reply: CallRow };
  /** Says that calls were heard, or are to be heard again. */
  calls_mark: { args: CallsMarkAsk; reply: Nothing };
  /** Asks the person where to, and writes calls as a table there. */
  calls_csv: { args: CsvAsk; reply: Saved };
  /** The views over the calls that the person saved. */
  views_read: { args: Nothing; reply: SavedViews };
  /** Keeps them. */
  views_write: { args: SavedViews; reply: SavedViews };
  /** Appointments by start, each with its lead's last call. */
  agenda_read: { args: AgendaAsk; reply: Agenda };
  /** The call page, as far as it is known here. */
  call_page: { args: CallAsk; reply: CallPage };
  /** How far a call was listened to: where the window's own player begins. */
  listening_read: { args: CallAsk; reply: ListeningView };
  /** Remembers how far it was listened to in the window's own player; the app's player remembers by itself. */
  listening_keep: { args: ListeningKeepAsk; reply: Nothing };
  /** A window onto the leads, by last contact. */
  leads_window: { args: LeadsAsk; reply: LeadsWindow };
  /** The lead page, as far as it is known here. */
  lead_read: { args: LeadAsk; reply: LeadPage };
  /** Somebody opened the lead page: its notes, reminders and activity are asked for, and the reply is when that was
 done. What changed is told by the events; a failure leaves what is known. */
  lead_open: { args: LeadAsk; reply: LeadOpened };
  /** Shows the lead in the CRM's own pages, in the system's browser; `not_found` where no browser opens. */
  lead_in_crm: { args: LeadAsk; reply: Nothing };
  /** Keeps a note and sends it when it can be sent. Also on a call at a second. */
  note_add: { args: NoteAddAsk; reply: NoteAdded };
  /** Another text for a note, sent or not. */
  note_edit: { args: NoteEditAsk; reply: Nothing };
  /** Tries a note that was not accepted again; where the CRM's text changed meanwhile, with this text. */
  note_retry: { args: NoteAsk; reply: Nothing };
  /** Gives up a note that was not sent, or a change of one. */
  note_discard: { args: NoteAsk; reply: Nothing };
  /** What waits to be sent. */
  outbox_state: { args: Nothing; reply: OutboxState };
  /** Asks for a recording, also again after a failure: a person's wish goes first. */
  recording_want: { args: RecordingAsk; reply: RecordingView };
  /** Takes the wish back and stops what runs for it. */
  recording_cancel: { args: RecordingAsk; reply: RecordingView };
  /** Keeps a recording on this device: it is asked for where it is not here, and never makes room. */
  recording_pin: { args: RecordingAsk; reply: RecordingView };
  /** Takes the pin back; from now on it may make room. */
  recording_unpin: { args: RecordingAsk; reply: RecordingView };
  /** Lets a recording's file go; what is known of it stays. One that is pinned is refused. */
  recording_evict: { args: RecordingAsk; reply: RecordingView };
  /** Keeps a pinned recording although its source has deleted it. */
  recording_keep: { args: RecordingAsk; reply: RecordingView };
  /** Asks the person where to, and writes recordings there as their source sent them; or a clip of one. */
  recordings_export: { args: ExportAsk; reply: Saved };
  /** What is fetched by itself. */
  rules_read: { args: Nothing; reply: Rules };
  /** Keeps what is fetched by itself, and does it at once. */
  rules_write: { args: Rules; reply: Rules };
  /** A window onto what is kept here, on its way, or failed. */
  kept_window: { args: KeptAsk; reply: KeptWindow };
  /** Shows this beside the clock. Works over a refused start, too. */
  desktop_show: { args: Tray; reply: Nothing };
  /** Says it outside of the window. Works over a refused start, too. */
  desktop_notify: { args: Notice; reply: Nothing };
  /** What this is, and where it keeps what it keeps. */
  about_read: { args: Nothing; reply: AboutView };
  /** What is kept on this device, and what goes next. */
  storage_state: { args: Nothing; reply: StorageView };
  /** Sets the limits and keeps to them at once. */
  storage_limits: { args: LimitsView; reply: StorageView };
  /** Brings what is here back within the limits now. */
  storage_evict: { args: Nothing; reply: StorageView };
  /** The waveform of a recording that is here; of one that arrives, as far as it is here from its beginning on. */
  recording_peaks: { args: PeaksAsk; reply: PeaksView };
  /** Who speaks when in a recording that is or was here, and what skipping silence leaves out of it. */
  recording_turns: { args: RecordingAsk; reply: TurnsView };
  /** The two channels of every recording of this one's source are the other way round than they were taken. */
  recording_swap_sides: { args: RecordingAsk; reply: Nothing };
  /** Puts a recording into the player; one that is not here is asked for first. */
  player_load: { args: PlayerLoadAsk; reply: PlayerState };
  /** Goes on. */
  player_play: { args: Nothing; reply: PlayerState };
  /** Stands still. */
  player_pause: { args: Nothing; reply: PlayerState };
  /** Jumps. */
  player_seek: { args: PlayerSeekAsk; reply: PlayerState };
  /** Jumps from what is heard now; asked again and again it adds up. */
  player_seek_by: { args: PlayerSeekByAsk; reply: PlayerState };
  /** Jumps to a tenth of the recording. */
  player_tenth: { args: PlayerTenthAsk; reply: PlayerState };
  /** Jumps to where a speaker begins; where there is no such turn it goes on. */
  player_turn: { args: PlayerTurnAsk; reply: PlayerState };
  /** Goes back to before the last jump; steps that follow each other within three seconds are one. */
  player_undo: { args: Nothing; reply: PlayerState };
  /** Five seconds back and slower, then on as before. */
  player_say_again: { args: Nothing; reply: PlayerState };
  /** A step with the stretch that goes round and round. */
  player_repeat: { args: PlayerRepeatAsk; reply: PlayerState };
  /** Sets the speed, in steps of 0.05, and keeps it for later calls. */
  player_speed: { args: PlayerSpeedAsk; reply: PlayerState };
  /** Sets the loudness, keeps it, and ends a mute. */
  player_volume: { args: PlayerVolumeAsk; reply: PlayerState };
  /** No sound, or sound again; the loudness stays what it is. */
  player_mute: { args: PlayerSwitchAsk; reply: PlayerState };
  /** Leaves silences out, and keeps that for later calls. */
  player_skip_silence: { args: PlayerSwitchAsk; reply: PlayerState };
  /** Brings the quiet side of a call up to the loud one, and keeps that for later calls. */
  player_level: { args: PlayerSwitchAsk; reply: PlayerState };
  /** Only one channel of this call, in both ears. */
  player_solo: { args: PlayerSoloAsk; reply: PlayerState };
  /** How loud one channel of this call is. */
  player_gain: { args: PlayerGainAsk; reply: PlayerState };
  /** The devices that sound can go to. */
  player_devices: { args: Nothing; reply: DevicesView };
  /** Chooses a device and keeps that; what plays goes on there. */
  player_device: { args: PlayerDeviceAsk; reply: DevicesView };
  /** Plays the first call that waits in the queue; `not_found` where none does. */
  player_next: { args: Nothing; reply: PlayerState };
  /** Plays the call that was in the player before this one; `not_found` where there was none. */
  player_previous: { args: Nothing; reply: PlayerState };
  /** What waits to be listened to. At the end of a call the first of it starts by itself. */
  queue_read: { args: Nothing; reply: QueueView };
  /** Has recordings wait. */
  queue_add: { args: QueueAddAsk; reply: QueueView };
  /** Takes one out. */
  queue_remove: { args: RecordingAsk; reply: QueueView };
  /** Moves one to another place. */
  queue_move: { args: QueueMoveAsk; reply: QueueView };
  /** Nothing waits any more. */
  queue_clear: { args: Nothing; reply: QueueView };
  /** Bookmarks of a call, and where notes were written in it. */
  marks_read: { args: CallAsk; reply: MarksView };
  /** Sets a bookmark. */
  mark_add: { args: MarkAddAsk; reply: MarksView };
  /** Gives a bookmark another name; a note is changed where notes are. */
  mark_rename: { args: MarkRenameAsk; reply: Nothing };
  /** Takes a mark off this device; a note that was sent stays with its lead. */
  mark_delete: { args: MarkAsk; reply: Nothing };
  /** What the player does. */
  player_state: { args: Nothing; reply: PlayerState };
  /** Which steps the doctor takes. Works over a refused start, too. */
  doctor_steps: { args: Nothing; reply: DoctorSteps };
  /** One step of the doctor's; ten seconds at most. Works over a refused start, too. */
  doctor_look: { args: DoctorAsk; reply: DoctorLooked };
  /** Mends what can be mended. Works over a refused start, too; where it says `restart`, the page loads anew. */
  doctor_mend: { args: Nothing; reply: DoctorMending };
}
