//! Rendering as fast as it can, by the same code that live playback uses, before the device's resampler.

use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use aftercall_media::Cut;

use crate::decode::{Decoder, Source};
use crate::error::PlayerError;
use crate::passage::Passage;
use crate::plan::Plan;
use crate::shape::Shape;
use crate::watch::{self, Pulse};

/// What to render.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderOptions {
    /// 0.5 to 3.
    pub speed: f64,
    /// First moment, in milliseconds from the beginning.
    pub from_ms: i64,
    /// First moment that is left out; none = to the end.
    pub to_ms: Option<i64>,
    /// What is left out, in order.
    pub cuts: Arc<[Cut]>,
    /// How the sides stand to each other.
    pub shape: Shape,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { speed: 1.0, from_ms: 0, to_ms: None, cuts: Arc::default(), shape: Shape::default() }
    }
}

/// What was rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendered {
    /// Media time that was covered, in milliseconds.
    pub media_ms: i64,
    /// Length of the output, in milliseconds.
    pub output_ms: i64,
    /// Frames of the output.
    pub output_frames: u64,
    /// Channels of recording and output.
    pub channels: u16,
    /// Rate of recording and output.
    pub sample_rate_hz: u32,
    /// Blocks that came late: none, since nobody waits.
    pub underruns: u64,
    /// Media time that was left out within the window.
    pub skipped_ms: i64,
    /// Packets that could not be decoded and are silent.
    pub damaged_packets: u64,
}

/// Renders a window of a recording and gives `out` its interleaved samples (-1 to 1), block by block, at the
/// recording's rate and channels.
///
/// # Errors
/// `InvalidInput` for a speed or window that cannot be meant, else what stands in the way of decoding.
pub fn render(
    source: Box<dyn Source>,
    options: &RenderOptions,
    out: &mut dyn FnMut(&[f32]),
) -> Result<Rendered, PlayerError> {
    let mut decoder = Decoder::open(source)?;
    render_from(&mut decoder, options, &mut |block| {
        out(block);
        Ok(())
    })
}

/// Renders a window of a recording into a 16 bit WAV file with the recording's rate and channels. The file appears
/// under its name only when it is complete.
///
/// # Errors
/// As [`render`], `Write` when the file cannot be written, and `Endless` when decoding does not come to an end.
pub fn write_wav(source: Box<dyn Source>, options: &RenderOptions, path: &Path) -> Result<Rendered, PlayerError> {
    let (options, path) = (options.clone(), path.to_owned());
    watch::watched(move |pulse| write_watched(watch::watched_source(source, pulse), &options, &path, pulse))
}

fn write_watched(
    source: Box<dyn Source>,
    options: &RenderOptions,
    path: &Path,
    pulse: &Pulse,
) -> Result<Rendered, PlayerError> {
    let mut decoder = Decoder::open(source)?;
    let spec = hound::WavSpec {
        channels: decoder.facts().channels,
        sample_rate: decoder.sample_rate_hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = std::path::PathBuf::from(part);
    let rendered = write_part(&mut decoder, options, spec, &part, pulse);
    let placed = rendered.and_then(|rendered| {
        std::fs::rename(&part, path).map_err(write_error)?;
        Ok(rendered)
    });
    if placed.is_err() {
        // Best effort: the cause that is reported is the first one.
        let _ = std::fs::remove_file(&part);
    }
    placed
}

fn write_part(
    decoder: &mut Decoder,
    options: &RenderOptions,
    spec: hound::WavSpec,
    path: &Path,
    pulse: &Pulse,
) -> Result<Rendered, PlayerError> {
    // A link that somebody planted under this name is removed, never written through.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(write_error(error)),
        _ => {}
    }
    let file = File::create_new(path).map_err(write_error)?;
    let mut wav = hound::WavWriter::new(BufWriter::new(file), spec).map_err(|error| hound_error(&error))?;
    let mut write = |block: &[f32]| {
        for sample in block {
            wav.write_sample(to_i16(*sample)).map_err(|error| hound_error(&error))?;
        }
        Ok(())
    };
    let rendered = render_from(decoder, options, &mut |block| pulse.rest(|| write(block)))?;
    pulse.rest(|| wav.finalize()).map_err(|error| hound_error(&error))?;
    Ok(rendered)
}

fn render_from(
    decoder: &mut Decoder,
    options: &RenderOptions,
    out: &mut dyn FnMut(&[f32]) -> Result<(), PlayerError>,
) -> Result<Rendered, PlayerError> {
    let start = decoder.frame_at_us(media_us(options.from_ms)?);
    let end = match options.to_ms {
        Some(to_ms) => decoder.frame_at_us(media_us(to_ms)?),
        None => decoder.total_frames(),
    };
    if end < start {
        return Err(PlayerError::InvalidInput);
    }
    let plan = Plan {
        from_us: media_us(options.from_ms)?,
        until_us: options.to_ms.map(media_us).transpose()?,
        speed: options.speed,
        shape: options.shape,
        cuts: Arc::clone(&options.cuts),
        repeat: None,
    };
    let route = plan.route(decoder);
    let heard: u64 = route.clone().map(|piece| piece.end.min(end) - piece.start.min(end)).sum();
    let mut passage = Passage::begin(decoder, route, options.speed, &options.shape)?;
    let channels = decoder.channels();
    let mut block = Vec::new();
    let mut output_frames = 0;
    while passage.next(decoder, &mut block)? {
        out(&block)?;
        output_frames += (block.len() / channels) as u64;
        block.clear();
    }
    let rate = u64::from(decoder.sample_rate_hz());
    let ms = |frames: u64| i64::try_from((frames * 1000 + rate / 2) / rate).unwrap_or(i64::MAX);
    Ok(Rendered {
        media_ms: ms(end - start),
        output_ms: ms(output_frames),
        output_frames,
        channels: decoder.facts().channels,
        sample_rate_hz: decoder.sample_rate_hz(),
        underruns: 0,
        skipped_ms: ms(end - start) - ms(heard),
        damaged_packets: decoder.damaged_packets(),
    })
}

fn media_us(ms: i64) -> Result<u64, PlayerError> {
    let ms = u64::try_from(ms).map_err(|_| PlayerError::InvalidInput)?;
    ms.checked_mul(1000).ok_or(PlayerError::InvalidInput)
}

/// The nearest 16 bit value; what is beyond full scale is full scale.
fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

fn write_error(error: std::io::Error) -> PlayerError {
    PlayerError::Write(error.kind())
}

fn hound_error(error: &hound::Error) -> PlayerError {
    match error {
        hound::Error::IoError(error) => PlayerError::Write(error.kind()),
        // The only other way to fail here is a file beyond the 4 GiB that a WAV can hold.
        _ => PlayerError::Write(ErrorKind::FileTooLarge),
    }
}
