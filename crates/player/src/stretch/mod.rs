//! Faster or slower with the pitch kept, at the recording's own rate: the cost of the search grows with the square
//! of the rate, so resampling comes after.

use std::num::{NonZeroU16, NonZeroU32};

use wsola::TimeStretch;

use crate::error::PlayerError;

/// Slowest speed.
pub const SPEED_MIN: f64 = 0.5;
/// Fastest speed.
pub const SPEED_MAX: f64 = 3.0;

/// Stretches one passage at one speed. At 1.0 the samples go through untouched.
///
/// Output frame `n` is media frame `start + n * speed`, and a passage of `n` frames becomes `round(n / speed)`, both
/// exactly: the first window is laid half before the start, where it needs [`Stretch::lead_frames`] frames of the
/// past, and the end is cut to the frame.
pub struct Stretch {
    wsola: Option<Wsola>,
    channels: usize,
    speed: f64,
    pushed: u64,
    pulled: u64,
}

struct Wsola {
    stretch: TimeStretch,
    hop_frames: usize,
    /// Samples of output that lie before the start.
    drop_samples: usize,
    buffer: Vec<f32>,
}

impl Stretch {
    /// For interleaved samples of so many channels.
    ///
    /// # Errors
    /// `InvalidInput` for a speed outside 0.5 to 3, a rate of 0 or no channels.
    pub fn new(sample_rate_hz: u32, channels: usize, speed: f64) -> Result<Self, PlayerError> {
        let rate = NonZeroU32::new(sample_rate_hz).ok_or(PlayerError::InvalidInput)?;
        let lanes = u16::try_from(channels).ok().and_then(NonZeroU16::new).ok_or(PlayerError::InvalidInput)?;
        if !(SPEED_MIN..=SPEED_MAX).contains(&speed) {
            return Err(PlayerError::InvalidInput);
        }
        let wsola = if speed == 1.0 {
            None
        } else {
            let mut stretch = TimeStretch::new(rate, lanes).map_err(|_| PlayerError::InvalidInput)?;
            stretch.set_tempo(speed as f32);
            let hop_samples = stretch.min_output_buff_size();
            Some(Wsola {
                stretch,
                hop_frames: hop_samples / channels,
                drop_samples: hop_samples,
                buffer: vec![0.0; hop_samples * 8],
            })
        };
        Ok(Self { wsola, channels, speed, pushed: 0, pulled: 0 })
    }

    /// How many frames from before the passage must be pushed first (silence, where the recording has none).
    pub fn lead_frames(&self) -> usize {
        self.wsola.as_ref().map_or(0, |wsola| wsola.hop_frames)
    }

    /// Takes interleaved samples and appends what is ready to `out`.
    pub fn push(&mut self, interleaved: &[f32], out: &mut Vec<f32>) {
        let frames = (interleaved.len() / self.channels) as u64;
        self.pushed += frames;
        match &mut self.wsola {
            None => {
                out.extend_from_slice(interleaved);
                self.pulled += frames;
            }
            Some(wsola) => {
                wsola.stretch.push(interleaved);
                let before = out.len();
                wsola.pull(out);
                self.pulled += ((out.len() - before) / self.channels) as u64;
            }
        }
    }

    /// The passage is over: appends the rest to `out`.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let lead = self.lead_frames() as u64;
        let Some(wsola) = &mut self.wsola else { return };
        let expected = (self.pushed.saturating_sub(lead) as f64 / self.speed).round() as u64;
        // Silence behind the end, so that the last window that still holds sound is laid in full.
        wsola.stretch.push(&vec![0.0; 6 * wsola.hop_frames * self.channels]);
        wsola.stretch.set_draining();
        let before = out.len();
        wsola.pull(out);
        let missing = expected.saturating_sub(self.pulled) as usize * self.channels;
        out.resize(before + missing, 0.0);
        self.pulled = self.pulled.max(expected);
    }
}

impl Wsola {
    fn pull(&mut self, out: &mut Vec<f32>) {
        while let Ok(written) = self.stretch.pull(&mut self.buffer) {
            let skipped = written.min(self.drop_samples);
            self.drop_samples -= skipped;
            out.extend_from_slice(&self.buffer[skipped..written]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretched(input: &[f32], channels: usize, speed: f64, block: usize) -> Vec<f32> {
        let mut stretch = Stretch::new(8_000, channels, speed).expect("a speed");
        let mut out = Vec::new();
        stretch.push(&vec![0.0; stretch.lead_frames() * channels], &mut out);
        for part in input.chunks(block * channels) {
            stretch.push(part, &mut out);
        }
        stretch.finish(&mut out);
        out
    }

    fn voice(frames: usize) -> Vec<f32> {
        (0..frames).map(|n| (n as f32 * 0.12).sin() * 0.4 + (n as f32 * 0.31).sin() * 0.2).collect()
    }

    #[test]
    fn at_1x_the_samples_go_through_untouched() {
        let input = voice(3_001);
        assert_eq!(stretched(&input, 1, 1.0, 97), input);
    }

    #[test]
    fn the_length_is_exact_at_every_speed_and_for_every_length() {
        for frames in [0, 1, 7, 100, 239, 240, 241, 4_000, 12_345] {
            let input = voice(frames);
            for speed in [0.5, 0.75, 1.05, 1.5, 2.0, 2.95, 3.0] {
                let expected = (frames as f64 / speed).round() as usize;
                assert_eq!(stretched(&input, 1, speed, 100).len(), expected, "{frames} frames at {speed}");
            }
        }
    }

    #[test]
    fn blocks_make_no_difference() {
        let input = voice(9_000);
        assert_eq!(stretched(&input, 2, 1.5, 1), stretched(&input, 2, 1.5, 4_500));
    }

    #[test]
    fn the_first_sample_is_the_recordings_own_and_not_faded_in() {
        let mut stretch = Stretch::new(8_000, 1, 2.0).expect("a speed");
        let input: Vec<f32> = voice(8_000).iter().map(|s| s + 0.2).collect();
        let lead = stretch.lead_frames();
        let mut out = Vec::new();
        stretch.push(&input, &mut out);
        assert!((out[0] - input[lead]).abs() < 1e-4, "{} {}", out[0], input[lead]);
    }

    #[test]
    fn a_speed_that_cannot_be_meant_is_refused() {
        for speed in [0.0, 0.49, 3.01, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Stretch::new(8_000, 1, speed).err(), Some(PlayerError::InvalidInput));
        }
    }
}
