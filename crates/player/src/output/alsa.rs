//! The device on Linux, fed by a thread of our own. The only file that names alsa.
//!
//! Much is buffered in the device, so that a busy computer does not break the sound, and none of it is waited for: when a
//! listener jumps, what is buffered is thrown away in the moment in which the new sound is ready. What was thrown away was
//! not heard, so the position told is that of what has left the device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alsa::pcm::{Access, Format, HwParams, IO, IoFormat, PCM};
use alsa::{Direction, ValueOr};
use rustix::io::Errno;

use super::{Faults, Health, Stream};
use crate::bell::Bell;
use crate::error::PlayerError;
use crate::render::Render;
use crate::ring::Link;

/// Tried first; a device that has another rate says so.
const RATE_HZ: u32 = 48_000;
const CHANNELS: u32 = 2;
/// How much is buffered in the device: with a load of 8 on two cores a thread is served within it.
const BUFFER_MS: u32 = 120;
/// How often that is doubled after breakdowns.
const WIDENINGS_MAX: u32 = 2;
/// How often the device itself moves on.
const PERIOD_MS: u32 = 20;
/// So much of new sound is ready before it takes the place of the old: more than is made in a wait.
const FIRST_MS: u32 = 40;
/// Of what is still arriving there may be less than that for a while: then it begins with what there is.
const PATIENCE: Duration = Duration::from_millis(200);
/// What a pause still needs to fade.
const FADE_MS: u32 = 10;
/// Between two looks while it sounds, and while it does not; the bell wakes it before.
const SOUNDING_WAIT: Duration = Duration::from_millis(10);
const IDLE_WAIT: Duration = Duration::from_millis(100);

struct AlsaStream {
    faults: Arc<Faults>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stream for AlsaStream {
    fn health(&self) -> Health {
        self.faults.health()
    }
}

impl Drop for AlsaStream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has nothing to panic about that a wait here would mend.
            let _ = thread.join();
        }
    }
}

/// Opens the device of this name. It sounds as soon as there is sound.
pub(super) fn open(
    name: &str,
    breakdowns: u32,
    bell: &Bell,
    connect: &mut dyn FnMut(u32) -> Render,
) -> Result<Box<dyn Stream>, PlayerError> {
    let pcm = PCM::new(name, Direction::Playback, true).map_err(no_device)?;
    let format = set_up(&pcm, BUFFER_MS << breakdowns.min(WIDENINGS_MAX)).map_err(no_device)?;
    let params = pcm.hw_params_current().map_err(no_device)?;
    let (rate_hz, channels) = (params.get_rate().map_err(no_device)?, params.get_channels().map_err(no_device)?);
    let buffer_frames = params.get_buffer_size().map_err(no_device)? as usize;
    drop(params);
    let render = connect(rate_hz);
    let (faults, stop) = (Arc::new(Faults::default()), Arc::new(AtomicBool::new(false)));
    let mut feed = Feed {
        link: render.link(),
        render,
        faults: Arc::clone(&faults),
        stop: Arc::clone(&stop),
        rate_hz,
        channels: channels.max(1) as usize,
        buffer_frames,
        sounding: false,
        faded: false,
        waiting: None,
        floats: vec![0.0; buffer_frames * channels.max(1) as usize],
    };
    let fed = std::thread::Builder::new().name("player-output".into()).spawn(move || match format {
        Format::FloatLE | Format::FloatBE => feed.run(&pcm, |sample: f32| sample),
        Format::S32LE | Format::S32BE => feed.run(&pcm, |sample| (f64::from(sample) * 2_147_483_647.0) as i32),
        _ => feed.run(&pcm, |sample| (sample * 32_767.0).round() as i16),
    });
    let thread = fed.map_err(|error| {
        tracing::error!(kind = ?error.kind(), "no thread for the audio output");
        PlayerError::NoOutputDevice
    })?;
    bell.wakes(thread.thread().clone());
    Ok(Box::new(AlsaStream { faults, stop, thread: Some(thread) }))
}

/// Says in which format the device takes its samples.
fn set_up(pcm: &PCM, buffer_ms: u32) -> alsa::Result<Format> {
    let params = HwParams::any(pcm)?;
    params.set_access(Access::RWInterleaved)?;
    let formats = [Format::float(), Format::s16(), Format::s32()];
    let format = formats.into_iter().find(|format| params.test_format(*format).is_ok()).unwrap_or(Format::s16());
    params.set_format(format)?;
    params.set_channels_near(CHANNELS)?;
    let rate_hz = params.set_rate_near(RATE_HZ, ValueOr::Nearest)?;
    params.set_buffer_size_near(i64::from(rate_hz * buffer_ms / 1000))?;
    params.set_period_size_near(i64::from(rate_hz * PERIOD_MS / 1000), ValueOr::Nearest)?;
    pcm.hw_params(&params)?;
    let software = pcm.sw_params_current()?;
    software.set_start_threshold(1)?;
    pcm.sw_params(&software)?;
    Ok(format)
}

struct Feed {
    render: Render,
    link: Arc<Link>,
    faults: Arc<Faults>,
    stop: Arc<AtomicBool>,
    rate_hz: u32,
    channels: usize,
    buffer_frames: usize,
    /// Something was written since the device was last emptied.
    sounding: bool,
    /// A pause was given its fade.
    faded: bool,
    /// Since when there is too little to begin with.
    waiting: Option<Instant>,
    floats: Vec<f32>,
}

impl Feed {
    fn run<T: IoFormat + Default>(&mut self, pcm: &PCM, of: impl Fn(f32) -> T) {
        let io = match pcm.io_checked::<T>() {
            Ok(io) => io,
            Err(error) => return self.failed(error),
        };
        let mut samples = vec![T::default(); self.floats.len()];
        while !self.stop.load(Ordering::Acquire) {
            match self.turn(pcm, &io, &mut samples, &of) {
                Ok(()) => {}
                // What was buffered is out, or the computer slept: it begins anew with what is ready.
                Err(error) if matches!(errno(&error), Errno::PIPE | Errno::STRPIPE) => {
                    if let Err(error) = self.ran_dry(pcm) {
                        return self.failed(error);
                    }
                }
                Err(error) => return self.failed(error),
            }
            // What ran dry goes on as soon as there is sound again, which nobody rings for.
            let is_busy = self.sounding || self.link.running();
            std::thread::park_timeout(if is_busy { SOUNDING_WAIT } else { IDLE_WAIT });
        }
        // What is closed next needs no farewell.
        let _ = pcm.drop();
    }

    fn failed(&self, error: alsa::Error) {
        tracing::warn!(errno = error.errno(), "the audio output failed");
        let is_gone = matches!(errno(&error), Errno::NODEV | Errno::NOENT | Errno::NXIO);
        let fault = if is_gone { &self.faults.lost } else { &self.faults.broken };
        fault.store(true, Ordering::Release);
    }

    fn turn<T: Copy>(
        &mut self,
        pcm: &PCM,
        io: &IO<'_, T>,
        samples: &mut [T],
        of: &impl Fn(f32) -> T,
    ) -> alsa::Result<()> {
        let room = if self.sounding { usize::try_from(pcm.avail_update()?).unwrap_or(0) } else { self.buffer_frames };
        let delay = if self.sounding && room < self.buffer_frames { pcm.delay()?.max(0) as u64 } else { 0 };
        self.render.heard_up_to(delay);
        let is_dry = room >= self.buffer_frames;
        let is_wanted = self.link.running();
        let (ready, last) = self.render.settle();
        let is_late = ready > 0 && self.waiting.get_or_insert_with(Instant::now).elapsed() >= PATIENCE;
        let is_end = last && !self.render.has_given_all();
        let is_enough = ready >= self.frames(FIRST_MS) || is_end || is_late;
        if !self.render.has_begun() {
            // The old sound goes on until the new is ready, unless nothing is to be heard.
            if self.sounding && (is_enough || !is_wanted) {
                self.empty(pcm)?;
            }
            return if is_wanted && is_enough {
                self.write(io, samples, of, self.buffer_frames, ready)
            } else {
                Ok(())
            };
        }
        if !is_wanted {
            if is_dry && self.sounding {
                return self.empty(pcm);
            }
            if self.sounding && !std::mem::replace(&mut self.faded, true) {
                let fade = self.frames(FADE_MS);
                return self.write(io, samples, of, room, fade);
            }
            return Ok(());
        }
        self.faded = false;
        if is_dry && self.sounding {
            return self.ran_dry(pcm);
        }
        if !self.sounding && !is_enough {
            return Ok(());
        }
        // An end without a frame of its own is taken with a frame of silence.
        self.write(io, samples, of, room, ready.max(usize::from(is_end)))
    }

    fn frames(&self, ms: u32) -> usize {
        (self.rate_hz * ms / 1000) as usize
    }

    fn write<T: Copy>(
        &mut self,
        io: &IO<'_, T>,
        samples: &mut [T],
        of: &impl Fn(f32) -> T,
        room: usize,
        frames: usize,
    ) -> alsa::Result<()> {
        let wanted = frames.min(room).min(self.buffer_frames) * self.channels;
        if wanted == 0 {
            return Ok(());
        }
        let floats = &mut self.floats[..wanted];
        self.render.give(floats, self.channels);
        for (sample, float) in samples.iter_mut().zip(&*floats) {
            *sample = of(float.clamp(-1.0, 1.0));
        }
        self.sounding = true;
        self.waiting = None;
        let mut rest = &samples[..wanted];
        while !rest.is_empty() {
            match io.writei(rest) {
                Ok(written) if written > 0 => rest = &rest[(written * self.channels).min(rest.len())..],
                // It has less room than it said: a trifle is lost, which waiting would not bring back.
                Err(error) if errno(&error) != Errno::AGAIN => return Err(error),
                _ => break,
            }
        }
        Ok(())
    }

    /// Throws away what is buffered.
    fn empty(&mut self, pcm: &PCM) -> alsa::Result<()> {
        self.sounding = false;
        self.faded = false;
        self.render.cut();
        pcm.drop()?;
        pcm.prepare()
    }

    /// Nothing is left in the device. That is an underrun where more was to be heard.
    fn ran_dry(&mut self, pcm: &PCM) -> alsa::Result<()> {
        if self.link.running() && self.render.has_begun() && !self.render.has_given_all() {
            self.link.count_underrun();
        }
        self.render.heard_up_to(0);
        self.empty(pcm)
    }
}

fn errno(error: &alsa::Error) -> Errno {
    Errno::from_raw_os_error(error.errno())
}

fn no_device(error: alsa::Error) -> PlayerError {
    tracing::warn!(errno = error.errno(), "no audio output");
    PlayerError::NoOutputDevice
}
