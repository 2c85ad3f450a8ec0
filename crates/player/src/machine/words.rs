//! The words of the machine: what may be wanted, what may happen, what may have to be done.

use std::sync::Arc;

use aftercall_media::Cut;

use crate::error::PlayerError;
use crate::plan::Plan;

/// What the player is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is loaded.
    Idle,
    /// A recording is being opened.
    Loading,
    /// Sounding, or about to.
    Playing,
    /// Standing still at a position.
    Paused,
    /// Played to its end.
    Ended,
    /// Cannot go on. Without a device the recording stays loaded and the next play tries again.
    Failed(PlayerError),
}

/// What somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Take a new recording, to stand or play from a position, up to an end where one is given.
    Load {
        /// Where to begin, in microseconds.
        from_us: u64,
        /// First moment that is not played; none = the recording's end.
        until_us: Option<u64>,
        /// Begin to play as soon as it is open.
        play: bool,
    },
    /// Let go of the recording.
    Unload,
    /// Sound.
    Play,
    /// No sound; the position stays.
    Pause,
    /// Go to a position, in microseconds.
    Seek {
        /// Beyond the end means the end.
        to_us: u64,
    },
    /// 0.5 to 3; what lies outside is brought inside.
    SetSpeed(f64),
    /// Linear gain, 0 to 1. What was mute is heard again.
    SetVolume(f32),
    /// No sound, and the volume stays what it is.
    SetMuted(bool),
    /// A few seconds back and slower, then on as before. Plays, whatever stood still.
    SayAgain,
    /// Round and round between two moments, in microseconds; none = on to the end.
    SetRepeat(Option<(u64, u64)>),
    /// Leave the silences out.
    SetSkip(bool),
    /// Where the silences of this recording are. A new recording has none until they are told.
    SetCuts(Arc<[Cut]>),
    /// Only this channel, from 1.
    SetSolo(Option<u16>),
    /// Linear gain of each channel.
    SetGains([f32; 2]),
    /// Bring the quiet side up to the loud one.
    SetLevel(bool),
    /// By how much each channel of this recording is raised where sides are levelled; none = found on the way.
    SetLift(Option<[f32; 2]>),
    /// Another output device; none = the system's default. What plays goes on there.
    SetDevice(Option<String>),
}

/// Why it stands still without anybody having asked for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The device went away, or another took its place.
    DeviceLost,
    /// The computer slept.
    Slept,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The recording is open.
    Opened {
        /// Of which load.
        ticket: u64,
        /// Its length.
        duration_us: u64,
        /// The length is an estimate: the recording is still arriving.
        estimated: bool,
    },
    /// More is known of the length of a recording that is arriving.
    Measured {
        /// Of which load.
        ticket: u64,
        /// Its length.
        duration_us: u64,
        /// It still is an estimate.
        estimated: bool,
    },
    /// What comes next has not arrived, and nothing is left to be heard.
    Starved {
        /// While making sound for this epoch.
        epoch: u64,
    },
    /// It has arrived.
    Fed {
        /// Of which epoch.
        epoch: u64,
    },
    /// The recording cannot be opened.
    OpenFailed {
        /// Of which load.
        ticket: u64,
        /// Why.
        error: PlayerError,
    },
    /// This much has been given to the device.
    Heard {
        /// The low 16 bits of the epoch.
        epoch: u16,
        /// Media time.
        position_us: u64,
    },
    /// The last frame of an epoch has been given to the device.
    Drained {
        /// Which.
        epoch: u64,
    },
    /// Decoding broke down.
    FillFailed {
        /// While making sound for this epoch.
        epoch: u64,
        /// Why.
        error: PlayerError,
    },
    /// The decode thread did not come back from a recording and was left behind, with what it held.
    DecoderStuck,
    /// A device is open.
    DeviceOpened,
    /// No device can be opened.
    DeviceMissing,
    /// The output stopped, and its device is still there.
    DeviceBroken {
        /// On the monotonic clock.
        now_ms: i64,
    },
    /// The device that was open is gone, or has slept.
    DeviceLost {
        /// On the monotonic clock.
        now_ms: i64,
        /// Which of the two.
        why: Stop,
    },
    /// Time passes. Needed while a device waits to be opened anew.
    Ticked {
        /// On the monotonic clock.
        now_ms: i64,
    },
}

/// Command or event.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Somebody wants something.
    Command(Command),
    /// Something happened.
    Event(Event),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Open the source that came with the load.
    OpenSource {
        /// Comes back with [`Event::Opened`].
        ticket: u64,
    },
    /// Forget source and decoder.
    CloseSource,
    /// Open a device; [`Event::DeviceOpened`] or [`Event::DeviceMissing`] follows.
    OpenDevice,
    /// Close the device.
    CloseDevice,
    /// Nothing that was made so far may be heard, and nothing more is made.
    Hush {
        /// The new epoch.
        epoch: u64,
    },
    /// Make sound from here on; nothing that was made before may be heard.
    Start {
        /// The new epoch.
        epoch: u64,
        /// What, and how.
        plan: Plan,
    },
    /// From the next opening on this is the device; none = the system's default.
    ChooseDevice(Option<String>),
    /// Let the device sound, or hold.
    Run(bool),
    /// Ramp to this gain.
    Volume(f32),
}
