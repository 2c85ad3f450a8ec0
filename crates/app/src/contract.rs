//! The contract between the window and the app: every command stands here once, and the router and the
//! TypeScript are made from this list. A command without a handler does not compile.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use aftercall_domain::call::{Direction, Outcome};
use aftercall_domain::error::Code;
use aftercall_domain::outbox::Phase;
use aftercall_domain::recording::RecordingState;
use aftercall_domain::rewind::Rewind;
use aftercall_domain::sides::Side;
use aftercall_domain::standing::{Action, Next, Play, Standing};
use aftercall_domain::status::StatusColour;
use futures_util::FutureExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ts_rs::{Config, TS, TypeVisitor};

use crate::about::AboutView;
use crate::agenda::{Agenda, AgendaAsk};
use crate::call_page::dto::CallPage;
use crate::desktop::{Notice, Tray};
use crate::doctor::dto::*;
use crate::dto::*;
use crate::errors::AppError;
use crate::export::dto::*;
use crate::rules::Rules;
use crate::start::Boot;
use crate::storage::dto::*;
use crate::views::{CallsMarkAsk, SavedViews};
use crate::{doctor, handlers};

/// Declares the commands: `name: Arguments => Reply`. The handler of `name` is `handlers::name`.
macro_rules! contract {
    ($( $(#[doc = $doc:literal])+ $name:ident : $ask:ty => $reply:ty; )+) => {
        /// The names of all commands, in the order of the list.
        pub const COMMANDS: &[&str] = &[$(stringify!($name)),+];

        /// Runs a command: arguments in, reply out. A panic in it is an answer, and the window goes on.
        ///
        /// # Errors
        /// Whatever the command answers; `invalid_input` for a command or arguments that are not in the list.
        pub async fn dispatch(boot: &Boot, command: &str, args: Value) -> Result<Value, WireError> {
            let run = async {
                match command {
                    $(
                        stringify!($name) => {
                            let ask: $ask = arguments(args)?;
                            let reply: $reply = handlers::$name(boot, ask).await?;
                            serde_json::to_value(reply).map_err(|_| AppError::Panicked)
                        }
                    )+
                    _ => Err(AppError::InvalidInput("no such command")),
                }
            };
            let result = AssertUnwindSafe(run).catch_unwind().await.unwrap_or(Err(AppError::Panicked));
            result.map_err(|error| handlers::told(boot, command, &error))
        }

        fn visit_all(visitor: &mut impl TypeVisitor) {
            $( visitor.visit::<$ask>(); visitor.visit::<$reply>(); )+
            visitor.visit::<AppEvent>();
            visitor.visit::<WireError>();
        }

        fn command_map(cfg: &Config) -> String {
            let mut text = String::from("/** Every command of the app: its arguments and its reply. */\nexport interface Commands {\n");
            $(
                text.push_str(&doc_comment(&[$($doc),+].join("\n"), "  "));
                text.push_str(&format!(
                    "  {}: {{ args: {}; reply: {} }};\n",
                    stringify!($name), <$ask as TS>::name(cfg), <$reply as TS>::name(cfg),
                ));
            )+
            text.push_str("}\n");
            text
        }
    };
}

contract! {
    /// How far the start came; the first thing the window asks.
    boot_state: Nothing => BootState;
    /// Signs in to the CRM and starts syncing.
    session_sign_in: SignInAsk => AccountView;
    /// Signs out and forgets the secrets; with `wipe` also destroys the key and everything that it sealed. After a wipe
    /// the page loads anew.
    session_sign_out: SignOutAsk => Nothing;
    /// Keeps the settings.
    settings_write: Settings => Settings;
    /// How what is here is kept from others.
    security_read: Nothing => SecurityView;
    /// Keeps when the app locks.
    security_write: SecuritySettings => SecurityView;
    /// Locks: the keys are dropped, the sound stops. After it the page loads anew.
    lock: Nothing => Nothing;
    /// Opens what is locked with a passphrase. After it the page loads anew.
    unlock: UnlockAsk => Nothing;
    /// Tries the start again that was refused. After it the page loads anew.
    start_again: Nothing => Nothing;
    /// Puts what no key opens any more aside, where it stays, and begins with an empty library. After it the page loads
    /// anew.
    start_anew: Nothing => Nothing;
    /// Chooses where the key shall lie, for a profile that holds nothing yet. After it the page loads anew.
    key_choose: KeyChooseAsk => Nothing;
    /// Sets, changes or removes the passphrase, or puts the key elsewhere. The key stays the same; the app starts again
    /// with it: the page loads anew.
    key_move: KeyMoveAsk => Nothing;
    /// Puts a new key in the place of the old one. The app starts again with it: the page loads anew.
    key_rotate: KeyRotateAsk => Nothing;
    /// Somebody is there: the time until the app locks by itself begins again.
    presence: Nothing => Nothing;
    /// Where the person is and what they are writing, for when the app locks.
    desk_keep: Desk => Nothing;
    /// Syncs now. Returns at once; the events say the rest.
    sync_now: Nothing => Nothing;
    /// The window came to the front, or the network came back: syncs soon, where the last try is not just over.
    sync_nudge: Nothing => Nothing;
    /// How fresh the library is.
    sync_state: Nothing => SyncState;
    /// A window onto the calls, newest first.
    calls_window: CallsAsk => CallsWindow;
    /// One call.
    call_read: CallAsk => CallRow;
    /// Says that calls were heard, or are to be heard again.
    calls_mark: CallsMarkAsk => Nothing;
    /// Asks the person where to, and writes calls as a table there.
    calls_csv: CsvAsk => Saved;
    /// The views over the calls that the person saved.
    views_read: Nothing => SavedViews;
    /// Keeps them.
    views_write: SavedViews => SavedViews;
    /// Appointments by start, each with its lead's last call.
    agenda_read: AgendaAsk => Agenda;
    /// The call page, as far as it is known here.
    call_page: CallAsk => CallPage;
    /// How far a call was listened to: where the window's own player begins.
    listening_read: CallAsk => ListeningView;
    /// Remembers how far it was listened to in the window's own player; the app's player remembers by itself.
    listening_keep: ListeningKeepAsk => Nothing;
    /// A window onto the leads, by last contact.
    leads_window: LeadsAsk => LeadsWindow;
    /// The lead page, as far as it is known here.
    lead_read: LeadAsk => LeadPage;
    /// Somebody opened the lead page: its notes, reminders and activity are asked for, and the reply is when that was
    /// done. What changed is told by the events; a failure leaves what is known.
    lead_open: LeadAsk => LeadOpened;
    /// Shows the lead in the CRM's own pages, in the system's browser; `not_found` where no browser opens.
    lead_in_crm: LeadAsk => Nothing;
    /// Keeps a note and sends it when it can be sent. Also on a call at a second.
    note_add: NoteAddAsk => NoteAdded;
    /// Another text for a note, sent or not.
    note_edit: NoteEditAsk => Nothing;
    /// Tries a note that was not accepted again; where the CRM's text changed meanwhile, with this text.
    note_retry: NoteAsk => Nothing;
    /// Gives up a note that was not sent, or a change of one.
    note_discard: NoteAsk => Nothing;
    /// What waits to be sent.
    outbox_state: Nothing => OutboxState;
    /// Asks for a recording, also again after a failure: a person's wish goes first.
    recording_want: RecordingAsk => RecordingView;
    /// Takes the wish back and stops what runs for it.
    recording_cancel: RecordingAsk => RecordingView;
    /// Keeps a recording on this device: it is asked for where it is not here, and never makes room.
    recording_pin: RecordingAsk => RecordingView;
    /// Takes the pin back; from now on it may make room.
    recording_unpin: RecordingAsk => RecordingView;
    /// Lets a recording's file go; what is known of it stays. One that is pinned is refused.
    recording_evict: RecordingAsk => RecordingView;
    /// Keeps a pinned recording although its source has deleted it.
    recording_keep: RecordingAsk => RecordingView;
    /// Asks the person where to, and writes recordings there as their source sent them; or a clip of one.
    recordings_export: ExportAsk => Saved;
    /// What is fetched by itself.
    rules_read: Nothing => Rules;
    /// Keeps what is fetched by itself, and does it at once.
    rules_write: Rules => Rules;
    /// A window onto what is kept here, on its way, or failed.
    kept_window: KeptAsk => KeptWindow;
    /// Shows this beside the clock. Works over a refused start, too.
    desktop_show: Tray => Nothing;
    /// Says it outside of the window. Works over a refused start, too.
    desktop_notify: Notice => Nothing;
    /// What this is, and where it keeps what it keeps.
    about_read: Nothing => AboutView;
    /// What is kept on this device, and what goes next.
    storage_state: Nothing => StorageView;
    /// Sets the limits and keeps to them at once.
    storage_limits: LimitsView => StorageView;
    /// Brings what is here back within the limits now.
    storage_evict: Nothing => StorageView;
    /// The waveform of a recording that is here; of one that arrives, as far as it is here from its beginning on.
    recording_peaks: PeaksAsk => PeaksView;
    /// Who speaks when in a recording that is or was here, and what skipping silence leaves out of it.
    recording_turns: RecordingAsk => TurnsView;
    /// The two channels of every recording of this one's source are the other way round than they were taken.
    recording_swap_sides: RecordingAsk => Nothing;
    /// Puts a recording into the player; one that is not here is asked for first.
    player_load: PlayerLoadAsk => PlayerState;
    /// Goes on.
    player_play: Nothing => PlayerState;
    /// Stands still.
    player_pause: Nothing => PlayerState;
    /// Jumps.
    player_seek: PlayerSeekAsk => PlayerState;
    /// Jumps from what is heard now; asked again and again it adds up.
    player_seek_by: PlayerSeekByAsk => PlayerState;
    /// Jumps to a tenth of the recording.
    player_tenth: PlayerTenthAsk => PlayerState;
    /// Jumps to where a speaker begins; where there is no such turn it goes on.
    player_turn: PlayerTurnAsk => PlayerState;
    /// Goes back to before the last jump; steps that follow each other within three seconds are one.
    player_undo: Nothing => PlayerState;
    /// Five seconds back and slower, then on as before.
    player_say_again: Nothing => PlayerState;
    /// A step with the stretch that goes round and round.
    player_repeat: PlayerRepeatAsk => PlayerState;
    /// Sets the speed, in steps of 0.05, and keeps it for later calls.
    player_speed: PlayerSpeedAsk => PlayerState;
    /// Sets the loudness, keeps it, and ends a mute.
    player_volume: PlayerVolumeAsk => PlayerState;
    /// No sound, or sound again; the loudness stays what it is.
    player_mute: PlayerSwitchAsk => PlayerState;
    /// Leaves silences out, and keeps that for later calls.
    player_skip_silence: PlayerSwitchAsk => PlayerState;
    /// Brings the quiet side of a call up to the loud one, and keeps that for later calls.
    player_level: PlayerSwitchAsk => PlayerState;
    /// Only one channel of this call, in both ears.
    player_solo: PlayerSoloAsk => PlayerState;
    /// How loud one channel of this call is.
    player_gain: PlayerGainAsk => PlayerState;
    /// The devices that sound can go to.
    player_devices: Nothing => DevicesView;
    /// Chooses a device and keeps that; what plays goes on there.
    player_device: PlayerDeviceAsk => DevicesView;
    /// Plays the first call that waits in the queue; `not_found` where none does.
    player_next: Nothing => PlayerState;
    /// Plays the call that was in the player before this one; `not_found` where there was none.
    player_previous: Nothing => PlayerState;
    /// What waits to be listened to. At the end of a call the first of it starts by itself.
    queue_read: Nothing => QueueView;
    /// Has recordings wait.
    queue_add: QueueAddAsk => QueueView;
    /// Takes one out.
    queue_remove: RecordingAsk => QueueView;
    /// Moves one to another place.
    queue_move: QueueMoveAsk => QueueView;
    /// Nothing waits any more.
    queue_clear: Nothing => QueueView;
    /// Bookmarks of a call, and where notes were written in it.
    marks_read: CallAsk => MarksView;
    /// Sets a bookmark.
    mark_add: MarkAddAsk => MarksView;
    /// Gives a bookmark another name; a note is changed where notes are.
    mark_rename: MarkRenameAsk => Nothing;
    /// Takes a mark off this device; a note that was sent stays with its lead.
    mark_delete: MarkAsk => Nothing;
    /// What the player does.
    player_state: Nothing => PlayerState;
    /// Which steps the doctor takes. Works over a refused start, too.
    doctor_steps: Nothing => DoctorSteps;
    /// One step of the doctor's; ten seconds at most. Works over a refused start, too.
    doctor_look: DoctorAsk => DoctorLooked;
    /// Mends what can be mended. Works over a refused start, too; where it says `restart`, the page loads anew.
    doctor_mend: Nothing => DoctorMending;
}

fn arguments<T: DeserializeOwned>(args: Value) -> Result<T, AppError> {
    let args = if args.is_null() { Value::Object(serde_json::Map::new()) } else { args };
    serde_json::from_value(args).map_err(|_| AppError::InvalidInput("the arguments do not fit the command"))
}

/// The TypeScript of the contract, as (file name, text). `cargo xtask gen` writes it into `ui/src/bindings`.
pub fn typescript() -> Vec<(&'static str, String)> {
    let cfg = Config::new();
    let mut types = Declarations { cfg: &cfg, found: BTreeMap::new() };
    visit_all(&mut types);
    let mut text = String::from(
        "// Made from crates/app/src/contract.rs by `cargo xtask gen`. Do not edit: change the Rust and run it again.\n\n",
    );
    text.push_str(&words("Code", "What went wrong, as outsiders see it.", Code::ALL.map(Code::as_str)));
    let states = RecordingState::ALL.map(RecordingState::as_str);
    text.push_str(&words("RecordingState", "What can be said about a recording.", states));
    text.push_str(&words("RecordingNext", "What happens to it next by itself.", Next::ALL.map(Next::as_str)));
    text.push_str(&words("RecordingAction", "What a person can do about it.", Action::ALL.map(Action::as_str)));
    text.push_str(&words("RecordingPlay", "What pressing play on it does.", Play::ALL.map(Play::as_str)));
    let directions = [Direction::Inbound, Direction::Outbound, Direction::Unknown].map(Direction::as_str);
    text.push_str(&words("Direction", "Which way a call went.", directions));
    let outcomes = [Outcome::Answered, Outcome::Missed, Outcome::Busy, Outcome::Failed, Outcome::Live, Outcome::Other];
    text.push_str(&words("Outcome", "What came of a call.", outcomes.map(Outcome::as_str)));
    text.push_str(&words("Side", "Who speaks on a channel.", [Side::Agent, Side::Customer].map(Side::as_str)));
    let rewinds = Rewind::ALL.map(Rewind::as_str);
    text.push_str(&words("Rewind", "How far a recording goes back after a pause.", rewinds));
    text.push_str(&words("StatusColour", "Hue of a lead's status.", StatusColour::ALL.map(StatusColour::as_str)));
    text.push_str(&words("DraftPhase", "Where a note that is not sent yet stands.", Phase::ALL.map(Phase::as_str)));
    text.push_str(&words("DoctorStep", "A step of the doctor's.", doctor::Step::ALL.map(doctor::Step::as_str)));
    text.push_str(&words("DoctorCheck", "A check of the doctor's.", doctor::CHECKS.iter().copied()));
    let findings = doctor::Finding::ALL.iter().map(|finding| finding.as_str());
    text.push_str(&words("DoctorFinding", "What a check of the doctor's found.", findings));
    text.push_str(&words("DoctorMend", "What the doctor mended.", doctor::Mended::ALL.map(doctor::Mended::as_str)));
    for declaration in types.found.values() {
        text.push_str(declaration);
        text.push('\n');
    }
    text.push_str(&standings());
    text.push_str(&command_map(&cfg));
    vec![("contract.ts", text)]
}

/// Collects each type that the contract reaches, once, by its TypeScript name.
struct Declarations<'a> {
    cfg: &'a Config,
    found: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Types without a file of their own are built in (string, number, arrays): nothing to declare.
        if T::output_path().is_none() {
            T::visit_generics(self);
            return;
        }
        let name = T::ident(self.cfg);
        if self.found.contains_key(&name) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        self.found.insert(name, format!("{docs}export {}\n", T::decl(self.cfg)));
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

/// What each state means where neither its reason nor its source is known, as a table: the window draws by it and
/// decides nothing itself.
fn standings() -> String {
    let mut text = String::from(
        "/** What each state means where neither its reason nor its source is known. */\n\
         export const STANDINGS: Readonly<\n  \
         Record<RecordingState, Pick<RecordingView, \"next\" | \"action\" | \"can_cancel\" | \"play\">>\n\
         > = {\n",
    );
    for state in RecordingState::ALL {
        let Standing { next, action, can_cancel, play, .. } = Standing::of_state(state);
        let (name, next, play) = (state.as_str(), next.as_str(), play.as_str());
        let action = action.map_or_else(|| "null".to_owned(), |action| format!("\"{}\"", action.as_str()));
        text.push_str(&format!(
            "  {name}: {{ next: \"{next}\", action: {action}, can_cancel: {can_cancel}, play: \"{play}\" }},\n"
        ));
    }
    text.push_str("};\n\n");
    text
}

/// The union of a closed list of words; the domain's own enums do not know TypeScript.
fn words(name: &str, doc: &str, words: impl IntoIterator<Item = &'static str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
    format!("/** {doc} */\nexport type {name} = {};\n\n", words.join(" | "))
}

fn doc_comment(text: &str, indent: &str) -> String {
    format!("{indent}/** {} */\n", text.trim())
}
