//! The player as it crosses to the window.

use aftercall_domain::error::Code;
use aftercall_domain::sides::Side;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::dto::CallRow;

/// Put a recording into the player; one that is not here is asked for first and starts when it has arrived.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerLoadAsk {
    /// The recording.
    pub id: String,
    /// Start at once, or only stand ready.
    pub play: bool,
}

/// Where to go.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerSeekAsk {
    /// Media time.
    #[ts(type = "number")]
    pub position_ms: i64,
}

/// How far to go from what is heard now.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerSeekByAsk {
    /// Media time; back where it is below 0.
    #[ts(type = "number")]
    pub by_ms: i64,
}

/// Which tenth of the recording to go to.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerTenthAsk {
    /// 0 to 9.
    pub tenth: u8,
}

/// Which speaker's turn to go to.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerTurnAsk {
    /// 1 for the next, −1 for this one's beginning or the one before.
    pub by: i32,
}

/// A step with the stretch that goes round and round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RepeatStep {
    /// Here it begins.
    A,
    /// Here it ends; from now on it goes round.
    B,
    /// Goes round, or not any more.
    Toggle,
    /// There is none any more.
    Clear,
}

/// What becomes of the stretch that goes round and round.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerRepeatAsk {
    /// The step.
    pub step: RepeatStep,
    /// Where; null = what is heard now.
    #[ts(type = "number | null")]
    pub at_ms: Option<i64>,
}

/// On or off.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerSwitchAsk {
    /// On.
    pub on: bool,
}

/// Which channel is heard alone.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerSoloAsk {
    /// 1 or 2; null = both.
    pub channel: Option<u16>,
}

/// How loud one channel is.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerGainAsk {
    /// 1 or 2.
    pub channel: u16,
    /// 0 to 2.
    pub gain: f64,
}

/// Which device.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerDeviceAsk {
    /// Its id; null = the system's default.
    pub id: Option<String>,
}

/// A device that sound can go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct DeviceView {
    /// Its id.
    pub id: String,
    /// What the system calls it.
    pub name: String,
}

/// The devices that sound can go to, and the chosen one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct DevicesView {
    /// Those that are there, and the chosen one also when it is not.
    pub devices: Vec<DeviceView>,
    /// The chosen one; null = the system's default.
    pub chosen: Option<String>,
    /// It is not there: the system's default takes its place.
    pub chosen_missing: bool,
}

/// Recordings that shall wait to be listened to.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct QueueAddAsk {
    /// The recordings, in order.
    pub ids: Vec<String>,
    /// Before all that wait, or behind them.
    pub first: bool,
}

/// Another place for one that waits.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct QueueMoveAsk {
    /// The recording.
    pub id: String,
    /// Its place, 0 being the first.
    pub to: u32,
}

/// What waits to be listened to.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct QueueView {
    /// In order.
    pub calls: Vec<CallRow>,
}

/// How fast.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerSpeedAsk {
    /// 0.5 to 3.
    pub speed: f64,
}

/// How loud.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct PlayerVolumeAsk {
    /// 0 to 1.
    pub volume: f64,
}

/// The stretch between A and B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct RepeatView {
    /// Where it begins.
    #[ts(type = "number")]
    pub a_ms: i64,
    /// Where it ends; null while that is not marked.
    #[ts(type = "number | null")]
    pub b_ms: Option<i64>,
    /// It goes round and round.
    pub on: bool,
}

/// Why it stands still without anybody having asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PlayerStop {
    /// The device went away, or another took its place.
    DeviceLost,
    /// The computer slept.
    Slept,
}

/// One stretch of speech.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct TurnView {
    /// From 1.
    pub channel: u16,
    /// From the beginning of the recording.
    #[ts(type = "number")]
    pub start_ms: i64,
    /// Its end, not included.
    #[ts(type = "number")]
    pub end_ms: i64,
}

/// Who speaks when, and what can be skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct TurnsView {
    /// Channels.
    pub channels: u16,
    /// Exact length.
    #[ts(type = "number")]
    pub duration_ms: i64,
    /// By start, then channel.
    pub turns: Vec<TurnView>,
    /// What skipping silence leaves out, begin and end, in order; whether it is on or not.
    #[ts(type = "Array<[number, number]>")]
    pub cuts: Vec<[i64; 2]>,
    /// How much that is.
    #[ts(type = "number")]
    pub saved_ms: i64,
    /// Speech per channel.
    #[ts(type = "Array<number>")]
    pub talk_ms: Vec<i64>,
    /// Time in which nobody speaks.
    #[ts(type = "number")]
    pub silence_ms: i64,
    /// Time in which both speak at once.
    #[ts(type = "number")]
    pub overlap_ms: i64,
    /// Whose each channel is; empty where the speakers cannot be split.
    #[ts(type = "Array<Side>")]
    pub sides: Vec<Side>,
}

/// What the player does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PlayerPhase {
    /// Nothing chosen.
    Empty,
    /// Chosen, and the recording is not here yet: its own state says what is going on.
    Waiting,
    /// Being opened.
    Loading,
    /// Sounding.
    Playing,
    /// Would sound, and waits for what comes next to arrive; goes on by itself.
    Buffering,
    /// Standing still.
    Paused,
    /// Played to its end.
    Ended,
    /// Cannot be played; `error` says why.
    Failed,
}

/// The player, as the dock shows it. The window moves the head on by itself between two of these.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct PlayerState {
    /// What it does.
    pub phase: PlayerPhase,
    /// The call that is in it.
    pub call: Option<CallRow>,
    /// Media time that is being heard.
    #[ts(type = "number")]
    pub position_ms: i64,
    /// Exact length; 0 while unknown.
    #[ts(type = "number")]
    pub duration_ms: i64,
    /// The length is an estimate: the recording is still arriving.
    pub duration_estimated: bool,
    /// While the recording is arriving: the stretches of it that are here, begin and end as parts of the whole (0 to 1),
    /// in order. Null when it is here or nothing of it is.
    pub here: Option<Vec<[f64; 2]>>,
    /// Speed, 0.5 to 3.
    pub speed: f64,
    /// How fast media time goes by now: the speed, or less while something is said again.
    pub pace: f64,
    /// Loudness, 0 to 1.
    pub volume: f64,
    /// No sound, and the loudness stays what it is.
    pub muted: bool,
    /// Silences are left out; not while a stretch goes round or something is said again.
    pub skip_silence: bool,
    /// What leaving them out saves in this call at 1x, also while it is off.
    #[ts(type = "number")]
    pub skip_saves_ms: i64,
    /// The quiet side is brought up to the loud one.
    pub level: bool,
    /// The only channel that is heard, 1 or 2; of this call only.
    pub solo: Option<u16>,
    /// How loud each channel is, 0 to 2; of this call only.
    pub gains: [f64; 2],
    /// The stretch between A and B.
    pub repeat: Option<RepeatView>,
    /// A few seconds are being said again.
    pub saying_again: bool,
    /// How many calls wait in the queue.
    pub queued: u32,
    /// There is a way back from the last jump.
    pub can_undo: bool,
    /// Why it stands still without anybody having asked; null after the next play.
    pub stopped_by: Option<PlayerStop>,
    /// Why it cannot play: an error code (`no_output_device`, `unsupported_audio`, `damaged` …).
    #[ts(type = "Code | null")]
    pub error: Option<Code>,
    /// Grows with every change, so that a late answer is recognised.
    #[ts(type = "number")]
    pub revision: u64,
}

/// What a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// Nobody is sent it.
    Bookmark,
    /// A note was written here.
    Note,
}

/// A mark in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct MarkView {
    /// Its id on this device.
    #[ts(type = "number")]
    pub id: i64,
    /// Media time.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// Its words; a bookmark may have none.
    pub text: String,
    /// What it is.
    pub kind: MarkKind,
    /// Written, UTC.
    #[ts(type = "number")]
    pub created_at_ms: i64,
}

/// A call's marks, by their place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct MarksView {
    /// In order.
    pub marks: Vec<MarkView>,
}

/// A new bookmark.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct MarkAddAsk {
    /// The call.
    pub sid: String,
    /// Media time.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// Its name; may be empty.
    pub text: String,
}

/// Another name for a bookmark.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct MarkRenameAsk {
    /// The bookmark.
    #[ts(type = "number")]
    pub id: i64,
    /// Its name; may be empty.
    pub text: String,
}

/// One mark.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct MarkAsk {
    /// Its id.
    #[ts(type = "number")]
    pub id: i64,
}
