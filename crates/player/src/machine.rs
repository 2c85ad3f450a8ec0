//! What the player does next: command or event × state → state and effects. Pure, so that every case is a table row;
//! [`crate::control`] carries the effects out, in order.

mod words;

use std::sync::Arc;

use aftercall_media::Cut;

use crate::error::PlayerError;
use crate::plan::Plan;
use crate::shape::{GAIN_MAX, Shape};
use crate::stretch::{SPEED_MAX, SPEED_MIN};

pub use words::{Command, Effect, Event, Input, Phase, Stop};

/// Saying again goes back so far.
const AGAIN_US: u64 = 5_000_000;
/// And says it at so much of the speed.
const AGAIN_PACE: f64 = 0.75;
/// A device that went is opened anew at most so often: one that comes and goes must not flicker.
const REBUILD_EVERY_MS: i64 = 2_000;

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
    muted: bool,
    skip: bool,
    cuts: Arc<[Cut]>,
    shape: Shape,
    repeat: Option<(u64, u64)>,
    /// While something is said again: from here on it goes on as before.
    again_until_us: Option<u64>,
    stopped_by: Option<Stop>,
    /// Raised whenever what is buffered must not be heard any more.
    epoch: u64,
    /// Raised with each load, so that a late answer is recognised.
    ticket: u64,
    device_open: bool,
    /// Sound for the current epoch is being made or was made.
    filled: bool,
    /// What comes next has not arrived.
    starved: bool,
    rebuild: Rebuild,
}

/// Opening a device again after it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Rebuild {
    last_ms: Option<i64>,
    due_ms: Option<i64>,
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
            muted: false,
            skip: false,
            cuts: Arc::default(),
            shape: Shape::default(),
            repeat: None,
            again_until_us: None,
            stopped_by: None,
            epoch: 0,
            ticket: 0,
            device_open: false,
            filled: false,
            starved: false,
            rebuild: Rebuild::default(),
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
    /// How fast media time goes by: the speed, or less while something is said again.
    pub fn pace(&self) -> f64 {
        if self.is_saying_again() { (self.speed * AGAIN_PACE).max(SPEED_MIN) } else { self.speed }
    }
    /// 0 to 1.
    pub fn volume(&self) -> f32 {
        self.volume
    }
    /// No sound whatever the volume.
    pub fn is_muted(&self) -> bool {
        self.muted
    }
    /// Silences are left out.
    pub fn is_skipping(&self) -> bool {
        self.skip
    }
    /// How the sides stand to each other.
    pub fn shape(&self) -> Shape {
        self.shape
    }
    /// The stretch that goes round and round.
    pub fn repeat(&self) -> Option<(u64, u64)> {
        self.repeat
    }
    /// A few seconds are being said again.
    pub fn is_saying_again(&self) -> bool {
        self.again_until_us.is_some()
    }
    /// Why it stands still without anybody having asked; none after the next play.
    pub fn stopped_by(&self) -> Option<Stop> {
        self.stopped_by
    }
    /// A device waits to be opened anew: [`Event::Ticked`] is needed.
    pub fn awaits_device(&self) -> bool {
        self.rebuild.due_ms.is_some()
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
                // What belongs to one recording only.
                self.cuts = Arc::default();
                self.repeat = None;
                self.again_until_us = None;
                self.stopped_by = None;
                self.shape = Shape { level: self.shape.level, ..Shape::default() };
                vec![Effect::Run(false), self.hush(), Effect::OpenSource { ticket: self.ticket }]
            }
            Command::Unload => {
                self.ticket += 1;
                self.phase = Phase::Idle;
                self.extent = None;
                self.intent.play = false;
                self.position_us = 0;
                self.again_until_us = None;
                self.stopped_by = None;
                self.rebuild.due_ms = None;
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
                self.again_until_us = None;
                if self.phase == Phase::Ended {
                    self.phase = Phase::Paused;
                }
                self.restart()
            }
            Command::SetSpeed(speed) => {
                let speed = if speed.is_finite() { speed.clamp(SPEED_MIN, SPEED_MAX) } else { self.speed };
                let pace = self.pace();
                self.speed = speed;
                self.again_until_us = None;
                if pace == self.pace() { Vec::new() } else { self.restart() }
            }
            Command::SetVolume(volume) => {
                if volume.is_finite() {
                    self.volume = volume.clamp(0.0, 1.0);
                    self.muted = false;
                }
                vec![self.loudness()]
            }
            Command::SetMuted(muted) => {
                self.muted = muted;
                vec![self.loudness()]
            }
            Command::SayAgain => self.say_again(),
            Command::SetRepeat(repeat) => self.set_repeat(repeat),
            Command::SetSkip(skip) => {
                let before = std::mem::replace(&mut self.skip, skip);
                if before == skip || self.cuts.is_empty() { Vec::new() } else { self.restart() }
            }
            Command::SetCuts(cuts) => {
                let before = std::mem::replace(&mut self.cuts, cuts);
                if before == self.cuts || !self.skip { Vec::new() } else { self.restart() }
            }
            Command::SetSolo(solo) => self.set_shape(Shape { solo, ..self.shape }),
            Command::SetGains(gains) => {
                let gains = gains.map(|gain| if gain.is_finite() { gain.clamp(0.0, GAIN_MAX) } else { 1.0 });
                self.set_shape(Shape { gains, ..self.shape })
            }
            Command::SetLevel(level) => self.set_shape(Shape { level, ..self.shape }),
            Command::SetLift(lift) if !self.shape.level => {
                self.shape.lift = lift;
                Vec::new()
            }
            Command::SetLift(lift) => self.set_shape(Shape { lift, ..self.shape }),
            Command::SetDevice(device) => {
                let mut effects = vec![Effect::ChooseDevice(device)];
                if std::mem::take(&mut self.device_open) {
                    effects.extend([Effect::Run(false), Effect::CloseDevice, self.hush(), Effect::OpenDevice]);
                }
                effects
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
                if self.again_until_us.is_some_and(|until_us| position_us >= until_us) {
                    self.again_until_us = None;
                    return self.restart();
                }
                Vec::new()
            }
            Event::Drained { epoch } if epoch == self.epoch && self.phase == Phase::Playing => {
                self.phase = Phase::Ended;
                self.again_until_us = None;
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
                self.rebuild.due_ms = None;
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
            Event::DeviceBroken { now_ms } => {
                self.device_open = false;
                let mut effects = vec![Effect::Run(false), Effect::CloseDevice, self.hush()];
                if self.phase == Phase::Playing {
                    effects.extend(self.rebuild_soon(now_ms));
                }
                effects
            }
            // Headphones that go must not hand a private conversation to the loudspeaker, nor a laptop that is opened
            // again to the room: it stands still until somebody asks for sound again.
            Event::DeviceLost { now_ms, why } => {
                self.device_open = false;
                let was_wanted = std::mem::take(&mut self.intent.play) && self.phase == Phase::Loading;
                if was_wanted || self.phase == Phase::Playing {
                    self.stopped_by = Some(why);
                }
                if self.phase == Phase::Playing {
                    self.phase = Phase::Paused;
                }
                let mut effects = vec![Effect::Run(false), Effect::CloseDevice, self.hush()];
                effects.extend(self.rebuild_soon(now_ms));
                effects
            }
            Event::Ticked { now_ms } => self.rebuild_when_due(now_ms),
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

    fn loudness(&self) -> Effect {
        Effect::Volume(if self.muted { 0.0 } else { self.volume })
    }

    fn set_shape(&mut self, shape: Shape) -> Vec<Effect> {
        let before = std::mem::replace(&mut self.shape, shape);
        if before == shape { Vec::new() } else { self.restart() }
    }

    fn set_repeat(&mut self, repeat: Option<(u64, u64)>) -> Vec<Effect> {
        let repeat = repeat.filter(|(a_us, b_us)| a_us < b_us);
        if repeat == self.repeat {
            return Vec::new();
        }
        self.repeat = repeat;
        self.again_until_us = None;
        if let (Some((a_us, b_us)), Some(_)) = (repeat, self.extent)
            && !(a_us..b_us).contains(&self.position_us)
        {
            self.position_us = a_us;
            if self.phase == Phase::Ended {
                self.phase = Phase::Paused;
            }
        }
        self.restart()
    }

    fn say_again(&mut self) -> Vec<Effect> {
        if self.extent.is_none() || !matches!(self.phase, Phase::Playing | Phase::Paused | Phase::Ended) {
            return Vec::new();
        }
        // Again and again reaches further back, and ends where the first began.
        self.again_until_us = self.again_until_us.or(Some(self.position_us));
        self.position_us = self.position_us.saturating_sub(AGAIN_US);
        if self.phase == Phase::Playing {
            return self.restart();
        }
        self.phase = Phase::Paused;
        self.filled = false;
        self.play()
    }

    /// A device is opened anew at once, or, where that was done a moment ago, after a while.
    fn rebuild_soon(&mut self, now_ms: i64) -> Vec<Effect> {
        if !matches!(self.phase, Phase::Playing | Phase::Paused) {
            return Vec::new();
        }
        let earliest_ms = self.rebuild.last_ms.map_or(now_ms, |last_ms| last_ms.saturating_add(REBUILD_EVERY_MS));
        self.rebuild.due_ms = Some(earliest_ms.max(now_ms));
        self.rebuild_when_due(now_ms)
    }

    fn rebuild_when_due(&mut self, now_ms: i64) -> Vec<Effect> {
        if self.rebuild.due_ms.is_none_or(|due_ms| now_ms < due_ms) {
            return Vec::new();
        }
        self.rebuild = Rebuild { last_ms: Some(now_ms), due_ms: None };
        vec![Effect::OpenDevice]
    }

    fn play(&mut self) -> Vec<Effect> {
        let Some(extent) = self.extent else { return Vec::new() };
        self.stopped_by = None;
        // Behind the end of an estimate there may be more.
        let at_end = self.position_us >= extent.end_us() && !extent.estimated;
        if self.phase == Phase::Ended || at_end {
            self.position_us = 0;
            self.filled = false;
        }
        self.phase = Phase::Playing;
        if !self.device_open {
            self.rebuild.due_ms = None;
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
        let repeat = self.repeat.filter(|_| !self.is_saying_again());
        // Who goes round a stretch, or wants something said again, wants all of it.
        let is_skipping = self.skip && self.repeat.is_none() && !self.is_saying_again();
        let plan = Plan {
            from_us: self.position_us,
            until_us: extent.until_us,
            speed: self.pace(),
            shape: self.shape,
            cuts: if is_skipping { Arc::clone(&self.cuts) } else { Arc::default() },
            repeat,
        };
        let start = Effect::Start { epoch: self.epoch, plan };
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
