//! How loud each side of a call speaks: integrated loudness (ITU-R BS.1770-4), gated, so that pauses do not count.

use ebur128::{EbuR128, Mode};

use crate::decode::{Decoder, Source};
use crate::error::PlayerError;
use crate::watch::{self, Pulse};

/// Samples that are measured at a time.
const BLOCK_FRAMES: usize = 512;

/// Measures each channel by itself. Allocates nothing once it is made.
pub struct Loudness {
    meters: Vec<EbuR128>,
    mono: [f32; BLOCK_FRAMES],
}

impl Loudness {
    /// For interleaved samples of so many channels.
    ///
    /// # Errors
    /// `InvalidInput` for a rate that nobody measures at, or no channels.
    pub fn new(sample_rate_hz: u32, channels: usize) -> Result<Self, PlayerError> {
        if channels == 0 {
            return Err(PlayerError::InvalidInput);
        }
        // The histogram keeps the cost and the memory the same however long a call is.
        let meter = || EbuR128::new(1, sample_rate_hz, Mode::I | Mode::HISTOGRAM);
        let meters = (0..channels).map(|_| meter()).collect::<Result<_, _>>().map_err(|_| PlayerError::InvalidInput)?;
        Ok(Self { meters, mono: [0.0; BLOCK_FRAMES] })
    }

    /// Takes interleaved samples (-1 to 1), whole frames.
    pub fn push(&mut self, interleaved: &[f32]) {
        let channels = self.meters.len();
        for block in interleaved.chunks(BLOCK_FRAMES * channels) {
            for (channel, meter) in self.meters.iter_mut().enumerate() {
                let frames = block.chunks_exact(channels).zip(&mut self.mono);
                let taken = frames.map(|(frame, mono)| *mono = frame[channel]).count();
                // The only way to fail is a sample count that is no multiple of one channel.
                let _ = meter.add_frames_f32(&self.mono[..taken]);
            }
        }
    }

    /// Loudness of each channel so far, in LUFS; none where nothing was louder than the absolute gate (-70 LUFS).
    pub fn lufs(&self) -> impl Iterator<Item = Option<f32>> {
        self.meters
            .iter()
            .map(|meter| meter.loudness_global().ok().filter(|lufs| lufs.is_finite()).map(|lufs| lufs as f32))
    }
}

/// How loud each channel of a whole recording speaks, in LUFS; none where nobody does. [`crate::level::gains`] takes it.
/// It takes its time: on Linux it lets every other thread go before it.
///
/// # Errors
/// As [`crate::analyse()`].
pub fn measure(source: Box<dyn Source>) -> Result<Vec<Option<f32>>, PlayerError> {
    watch::watched(move |pulse| {
        give_way();
        whole(watch::watched_source(source, pulse), pulse)
    })
}

fn whole(source: Box<dyn Source>, pulse: &Pulse) -> Result<Vec<Option<f32>>, PlayerError> {
    let mut decoder = Decoder::open(source)?;
    let mut loudness = Loudness::new(decoder.sample_rate_hz(), decoder.channels())?;
    let mut block = Vec::new();
    while decoder.read(&mut block)? > 0 {
        loudness.push(&block);
        block.clear();
        pulse.beat();
    }
    Ok(loudness.lufs().collect())
}

/// The thread that asks is one of its own, and ends with its work.
#[cfg(target_os = "linux")]
fn give_way() {
    const LAST: i32 = 19;
    // Refused nowhere; and if it were, it is measured all the same.
    let _ = rustix::process::setpriority_process(None, LAST);
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_tone_is_as_loud_as_the_standard_says_at_every_rate_and_pauses_do_not_count() {
        for rate_hz in [8_000, 16_000, 22_050, 48_000] {
            let mut loudness = Loudness::new(rate_hz, 2).expect("a rate");
            let tone = |n: u32| (n as f32 * 997.0 * std::f32::consts::TAU / rate_hz as f32).sin();
            // Four seconds of tone on the first channel, then four of silence; nothing on the second.
            let call: Vec<f32> =
                (0..8 * rate_hz).flat_map(|n| [if n < 4 * rate_hz { tone(n) } else { 0.0 }, 0.0]).collect();
            for block in call.chunks(2 * 333) {
                loudness.push(block);
            }
            let lufs: Vec<Option<f32>> = loudness.lufs().collect();
            let tone_lufs = lufs[0].expect("a tone");
            // BS.1770-4: 0 dBFS at 997 Hz on one channel is -3.01 LUFS. Blocks that hold its end count a little less.
            assert!((tone_lufs + 3.01).abs() < 0.3, "{rate_hz}: {tone_lufs}");
            assert_eq!(lufs[1], None);
        }
    }
}
