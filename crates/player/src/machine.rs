//! What the player does next: command or event × state → state and effects. Pure, so that every case is a table row;
//! [`crate::control`] carries the effects out, in order.

use crate::error::PlayerError;
use crate::stretch::{SPEED_MAX, SPEED_MIN};

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
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// Linear gain, 0 to 1.
    SetVolume(f32),
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
    DeviceBroken,
    /// The device that was open is gone.
    DeviceLost,
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
        /// Media time of the first frame.
        from_us: u64,
        /// First moment that is not played; none = the recording's end.
        until_us: Option<u64>,
        /// Its speed.
        speed: f64,
    },
    /// Let the device sound, or hold.
    Run(bool),
    /// Ramp to this gain.
    Volume(f32),
}

/// The open recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    duration_us: u64,
    estimated: bool,
    until_us: Option<u64>,
}

impl Extent {
    fn end_us(self) -> u64 {
        self.until_us.map_or(self.duration_us, |until_us| until_us.min(self.duration_us))
    }
}

/// What the recording that is being opened shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Intent {
    until_us: Option<u64>,
    play: bool,
}

/// All that the player knows of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    phase: Phase,
    extent: Option<Extent>,
    intent: Intent,
    position_us: u64,
    speed: f64,
    volume: f32,
    /// Raised whenever what is buffered must not be heard any more.
    epoch: u64,
    /// Raised with each load, so that a late answer is recognised.
    ticket: u64,
    device_open: bool,
    /// Sound for the current epoch is being made or was made.
    filled: bool,
    /// What comes next has not arrived.
    starved: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            phase: Phase::Idle,
            extent: None,
            intent: Intent { until_us: None, play: false },
            position_us: 0,
            speed: 1.0,
            volume: 1.0,
            epoch: 0,
            ticket: 0,
            device_open: false,
            filled: false,
            starved: false,
        }
    }
}

impl State {
    /// What it is doing.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }
    /// Media time in microseconds.
    pub fn position_us(&self) -> u64 {
        self.position_us
    }
    /// The recording's length in microseconds; 0 while unknown.
    pub fn duration_us(&self) -> u64 {
        self.extent.map_or(0, |extent| extent.duration_us)
    }
    /// The length is an estimate: the recording is still arriving.
    pub fn is_estimate(&self) -> bool {
        self.extent.is_some_and(|extent| extent.estimated)
    }
    /// It would sound if what comes next had arrived.
    pub fn is_buffering(&self) -> bool {
        self.starved && self.phase == Phase::Playing
    }
    /// 0.5 to 3.
    pub fn speed(&self) -> f64 {
        self.speed
    }
    /// 0 to 1.
    pub fn volume(&self) -> f32 {
        self.volume
    }
    /// The epoch that may be heard.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The next state, and what is to be done.
    pub fn step(mut self, input: Input) -> (Self, Vec<Effect>) {
        let effects = match input {
            Input::Command(command) => self.command(command),
            Input::Event(event) => self.event(event),
        };
        (self, effects)
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        match command {
            Command::Load { from_us, until_us, play } => {
                self.ticket += 1;
                self.phase = Phase::Loading;
                self.extent = None;
                self.intent = Intent { until_us, play };
                self.position_us = from_us;
                vec![Effect::Run(false), self.hush(), Effect::OpenSource { ticket: self.ticket }]
            }
            Command::Unload => {
                self.ticket += 1;
                self.phase = Phase::Idle;
                self.extent = None;
                self.intent.play = false;
                self.position_us = 0;
                let mut effects = vec![Effect::Run(false), self.hush(), Effect::CloseSource];
                if std::mem::take(&mut self.device_open) {
                    effects.push(Effect::CloseDevice);
                }
                effects
            }
            Command::Play => match self.phase {
                Phase::Idle | Phase::Playing => Vec::new(),
                Phase::Loading => {
                    self.intent.play = true;
                    Vec::new()
                }
                Phase::Paused | Phase::Ended | Phase::Failed(_) => self.play(),
            },
            Command::Pause => match self.phase {
                Phase::Playing => {
                    self.phase = Phase::Paused;
                    vec![Effect::Run(false)]
                }
                Phase::Loading => {
                    self.intent.play = false;
                    Vec::new()
                }
                Phase::Idle | Phase::Paused | Phase::Ended | Phase::Failed(_) => Vec::new(),
            },
            Command::Seek { to_us } => {
                if self.phase == Phase::Loading {
                    self.position_us = to_us;
                }
                let Some(extent) = self.extent else { return Vec::new() };
                self.position_us = to_us.min(extent.end_us());
                if self.phase == Phase::Ended {
                    self.phase = Phase::Paused;
                }
                self.restart()
            }
            Command::SetSpeed(speed) => {
                let speed = if speed.is_finite() { speed.clamp(SPEED_MIN, SPEED_MAX) } else { self.speed };
                if speed == self.speed {
                    return Vec::new();
                }
                self.speed = speed;
                self.restart()
            }
            Command::SetVolume(volume) => {
                if volume.is_finite() {
                    self.volume = volume.clamp(0.0, 1.0);
                }
                vec![Effect::Volume(self.volume)]
            }
        }
    }

    fn event(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Opened { ticket, duration_us, estimated }
                if ticket == self.ticket && self.phase == Phase::Loading =>
            {
                let extent = Extent { duration_us, estimated, until_us: self.intent.until_us };
                self.extent = Some(extent);
                self.position_us = self.position_us.min(extent.end_us());
                self.phase = Phase::Paused;
                if self.intent.play { self.play() } else { self.restart() }
            }
            Event::Measured { ticket, duration_us, estimated } if ticket == self.ticket => {
                if let Some(extent) = &mut self.extent {
                    (extent.duration_us, extent.estimated) = (duration_us, estimated);
                }
                if self.phase == Phase::Ended {
                    self.position_us = self.extent.map_or(self.position_us, Extent::end_us);
                }
                Vec::new()
            }
            Event::Starved { epoch } if epoch == self.epoch => {
                self.starved = true;
                vec![Effect::Run(false)]
            }
            Event::Fed { epoch } if epoch == self.epoch => {
                self.starved = false;
                vec![Effect::Run(self.phase == Phase::Playing)]
            }
            Event::OpenFailed { ticket, error } if ticket == self.ticket && self.phase == Phase::Loading => {
                self.phase = Phase::Failed(error);
                Vec::new()
            }
            Event::Heard { epoch, position_us } if epoch == self.epoch as u16 && self.filled => {
                self.position_us = position_us;
                Vec::new()
            }
            Event::Drained { epoch } if epoch == self.epoch && self.phase == Phase::Playing => {
                self.phase = Phase::Ended;
                if let Some(extent) = self.extent.filter(|extent| !extent.estimated) {
                    self.position_us = extent.end_us();
                }
                self.filled = false;
                vec![Effect::Run(false)]
            }
            Event::FillFailed { epoch, error } if epoch == self.epoch => {
                self.phase = Phase::Failed(error);
                vec![Effect::Run(false), self.hush()]
            }
            // The recording is not touched again; the next load finds a thread and a device of its own.
            Event::DecoderStuck => {
                self.ticket += 1;
                self.phase = Phase::Failed(PlayerError::Endless);
                self.extent = None;
                self.device_open = false;
                vec![Effect::Run(false), Effect::CloseDevice, self.hush()]
            }
            Event::DeviceOpened => {
                self.device_open = true;
                let mut effects = self.restart();
                effects.push(Effect::Run(self.phase == Phase::Playing));
                effects
            }
            Event::DeviceMissing => {
                self.device_open = false;
                self.filled = false;
                if self.phase == Phase::Playing {
                    self.phase = Phase::Failed(PlayerError::NoOutputDevice);
                }
                vec![Effect::Run(false)]
            }
            Event::DeviceBroken => {
                self.device_open = false;
                let mut effects = vec![Effect::Run(false), Effect::CloseDevice, self.hush()];
                if self.phase == Phase::Playing {
                    effects.push(Effect::OpenDevice);
                }
                effects
            }
            // Headphones that go must not hand a private conversation to the loudspeaker: it stands still until
            // somebody asks for sound again.
            Event::DeviceLost => {
                self.device_open = false;
                self.intent.play = false;
                if self.phase == Phase::Playing {
                    self.phase = Phase::Paused;
                }
                vec![Effect::Run(false), Effect::CloseDevice, self.hush()]
            }
            Event::Opened { .. }
            | Event::Measured { .. }
            | Event::Starved { .. }
            | Event::Fed { .. }
            | Event::OpenFailed { .. }
            | Event::Heard { .. }
            | Event::Drained { .. }
            | Event::FillFailed { .. } => Vec::new(),
        }
    }

    fn play(&mut self) -> Vec<Effect> {
        let Some(extent) = self.extent else { return Vec::new() };
        // Behind the end of an estimate there may be more.
        let at_end = self.position_us >= extent.end_us() && !extent.estimated;
        if self.phase == Phase::Ended || at_end {
            self.position_us = 0;
            self.filled = false;
        }
        self.phase = Phase::Playing;
        if !self.device_open {
            return vec![Effect::OpenDevice];
        }
        let mut effects = if self.filled { Vec::new() } else { self.restart() };
        effects.push(Effect::Run(!self.starved));
        effects
    }

    /// Makes sound anew from the position, where there is a device to make it for.
    fn restart(&mut self) -> Vec<Effect> {
        let Some(extent) = self.extent else { return Vec::new() };
        if !self.device_open || !matches!(self.phase, Phase::Playing | Phase::Paused) {
            return vec![self.hush()];
        }
        self.epoch += 1;
        self.filled = true;
        let start = Effect::Start {
            epoch: self.epoch,
            from_us: self.position_us,
            until_us: extent.until_us,
            speed: self.speed,
        };
        // What was missing for the epoch before may be here for this one.
        if std::mem::take(&mut self.starved) {
            return vec![start, Effect::Run(self.phase == Phase::Playing)];
        }
        vec![start]
    }

    fn hush(&mut self) -> Effect {
        self.epoch += 1;
        self.filled = false;
        self.starved = false;
        Effect::Hush { epoch: self.epoch }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
