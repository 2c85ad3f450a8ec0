//! The system's output devices. The only file that names cpal. On Linux it knows which there are, and `alsa.rs` plays.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedBufferSize};

use super::{Device, Faults, Health, Stream};
use crate::bell::Bell;
use crate::error::PlayerError;
use crate::render::Render;

/// Wished length of a device period; two of them are buffered. Measured on two cores with a load of 8: 20 ms breaks
/// down every few seconds, 40 ms now and then.
const PERIOD_MS: u32 = 60;
/// How often the period is doubled after breakdowns.
const WIDENINGS_MAX: u32 = 2;
/// Without an event for this long the backend looks whether the device is still there.
const POLL: Duration = Duration::from_millis(500);
/// How often it is asked whether the system's default is another one by now.
const DEFAULT_POLL: Duration = Duration::from_secs(1);
/// Samples that are converted at a time for a device that does not take floats.
const CONVERT_SAMPLES: usize = 4096;

struct DeviceStream {
    faults: Arc<Faults>,
    /// Which device it was, where the backend can tell.
    id: Option<cpal::DeviceId>,
    /// Nobody chose it: it is the system's default.
    is_default: bool,
    asked: Cell<Instant>,
    _stream: cpal::Stream,
}

impl Stream for DeviceStream {
    fn health(&self) -> Health {
        let health = self.faults.health();
        let is_due = health == Health::Broken || self.asked.get().elapsed() >= DEFAULT_POLL;
        if health == Health::Lost || !self.is_default || !is_due {
            return health;
        }
        self.asked.set(Instant::now());
        if default_id() == self.id { health } else { Health::Lost }
    }
}

fn default_id() -> Option<cpal::DeviceId> {
    cpal::default_host().default_output_device().and_then(|device| device.id().ok())
}

/// Every device that a person would choose.
pub(super) fn all() -> Vec<Device> {
    let Ok(devices) = cpal::default_host().devices() else { return Vec::new() };
    let mut names = HashSet::new();
    let named = devices.filter_map(|device| {
        let (id, about) = (device.id().ok()?, device.description().ok()?);
        (about.supports_output() && is_for_people(&id))
            .then(|| Device { id: id.to_string(), name: about.name().to_owned() })
    });
    // ALSA lists a card by its number and by its name.
    named.filter(|device| names.insert(device.name.clone())).collect()
}

/// ALSA lists every way to a card, most of which take one format only: those that take any are enough.
fn is_for_people(id: &cpal::DeviceId) -> bool {
    !cfg!(target_os = "linux") || ["pulse", "pipewire"].contains(&id.id()) || id.id().starts_with("plughw:")
}

fn chosen(id: &str) -> Option<cpal::Device> {
    cpal::default_host().device_by_id(&id.parse().ok()?)
}

/// Opens the device with this id, or the default one, and lets it run. After breakdowns it is given more time.
pub(super) fn open(
    id: Option<&str>,
    breakdowns: u32,
    bell: &Bell,
    connect: &mut dyn FnMut(u32) -> Render,
) -> Result<Box<dyn Stream>, PlayerError> {
    #[cfg(target_os = "linux")]
    {
        let id = id.map(|id| id.parse::<cpal::DeviceId>().map_err(|_| PlayerError::NoOutputDevice)).transpose()?;
        super::alsa::open(id.as_ref().map_or("default", |id| id.id()), breakdowns, bell, connect)
    }
    #[cfg(not(target_os = "linux"))]
    {
        // The system asks by itself.
        let _ = bell;
        open_by_cpal(id, breakdowns, connect)
    }
}

/// Compiled everywhere, so that what is not built here is at least checked here.
#[cfg_attr(target_os = "linux", allow(dead_code))]
fn open_by_cpal(
    id: Option<&str>,
    breakdowns: u32,
    connect: &mut dyn FnMut(u32) -> Render,
) -> Result<Box<dyn Stream>, PlayerError> {
    let device = id.map_or_else(|| cpal::default_host().default_output_device(), chosen);
    let device = device.ok_or(PlayerError::NoOutputDevice)?;
    // On ALSA there is always a default device, and only asking for its configuration tells that it is none.
    let supported = device.default_output_config().map_err(|error| no_device(&error))?;
    let mut config = supported.config();
    let period_frames = config.sample_rate * (PERIOD_MS << breakdowns.min(WIDENINGS_MAX)) / 1000;
    config.buffer_size = match supported.buffer_size() {
        SupportedBufferSize::Range { min, max } if (*min..=*max).contains(&period_frames) => {
            BufferSize::Fixed(period_frames)
        }
        SupportedBufferSize::Range { .. } | SupportedBufferSize::Unknown => BufferSize::Default,
    };
    let render = connect(config.sample_rate);
    let faults = Arc::new(Faults::default());
    let stream = match supported.sample_format() {
        SampleFormat::F32 => build::<f32>(&device, config, render, &faults),
        SampleFormat::F64 => build::<f64>(&device, config, render, &faults),
        SampleFormat::I8 => build::<i8>(&device, config, render, &faults),
        SampleFormat::I16 => build::<i16>(&device, config, render, &faults),
        SampleFormat::I32 => build::<i32>(&device, config, render, &faults),
        SampleFormat::U8 => build::<u8>(&device, config, render, &faults),
        SampleFormat::U16 => build::<u16>(&device, config, render, &faults),
        SampleFormat::U32 => build::<u32>(&device, config, render, &faults),
        _ => return Err(PlayerError::NoOutputDevice),
    }
    .map_err(|error| no_device(&error))?;
    stream.play().map_err(|error| no_device(&error))?;
    Ok(Box::new(DeviceStream {
        faults,
        id: device.id().ok(),
        is_default: id.is_none(),
        asked: Cell::new(Instant::now()),
        _stream: stream,
    }))
}

fn build<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: StreamConfig,
    mut render: Render,
    faults: &Arc<Faults>,
) -> Result<cpal::Stream, cpal::Error> {
    let channels = usize::from(config.channels.max(1));
    let (faults, link) = (Arc::clone(faults), render.link());
    let mut floats = vec![0.0_f32; (CONVERT_SAMPLES / channels).max(1) * channels];
    device.build_output_stream(
        config,
        move |out: &mut [T], _| {
            for part in out.chunks_mut(floats.len()) {
                let floats = &mut floats[..part.len()];
                render.fill(floats, channels);
                for (sample, float) in part.iter_mut().zip(floats.iter()) {
                    *sample = T::from_sample(float.clamp(-1.0, 1.0));
                }
            }
        },
        move |error: cpal::Error| match error.kind() {
            ErrorKind::Xrun => link.count_underrun(),
            // The stream goes on by itself.
            ErrorKind::RealtimeDenied | ErrorKind::DeviceBusy => {}
            // After an underrun the PulseAudio plug-in of ALSA may never come back: cpal reports an error that it
            // cannot name, without end.
            ErrorKind::BackendError | ErrorKind::StreamInvalidated => faults.broken.store(true, Ordering::Release),
            // Gone; or it goes on, but on another device: who listened with headphones must be asked first.
            _ => faults.lost.store(true, Ordering::Release),
        },
        Some(POLL),
    )
}

fn no_device(error: &cpal::Error) -> PlayerError {
    tracing::warn!(kind = ?error.kind(), "no audio output");
    PlayerError::NoOutputDevice
}
