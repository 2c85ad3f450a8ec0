//! From the recording's rate to the device's.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

use crate::error::PlayerError;

/// Frames that are resampled at a time: 16 ms at 8 kHz.
const CHUNK_FRAMES: usize = 128;
const SINC_TAPS: usize = 128;

/// Resamples one passage. Where the rates are equal the samples go through untouched.
///
/// The filter's delay is taken off at the beginning and made up for at the end: output frame `n` is input frame
/// `n * from / to`.
pub struct Resample {
    sinc: Option<Sinc>,
    channels: usize,
}

struct Sinc {
    resampler: Async<f32>,
    ratio: f64,
    /// Input that does not fill a chunk yet.
    waiting: Vec<f32>,
    output: Vec<f32>,
    drop_frames: usize,
    pushed: u64,
    pulled: u64,
}

impl Resample {
    /// For interleaved samples of so many channels.
    ///
    /// # Errors
    /// `Rate` when there is no way from one rate to the other.
    pub fn new(from_hz: u32, to_hz: u32, channels: usize) -> Result<Self, PlayerError> {
        if from_hz == to_hz {
            return Ok(Self { sinc: None, channels });
        }
        let ratio = f64::from(to_hz) / f64::from(from_hz);
        let parameters = SincInterpolationParameters::new(SINC_TAPS, WindowFunction::BlackmanHarris2)
            .oversampling_factor(128)
            .interpolation(SincInterpolationType::Cubic);
        let resampler = Async::new_sinc(ratio, 1.0, &parameters, CHUNK_FRAMES, channels, FixedAsync::Input)
            .map_err(|_| PlayerError::Rate { from_hz, to_hz })?;
        let output = vec![0.0; resampler.output_frames_max() * channels];
        let drop_frames = resampler.output_delay();
        let waiting = Vec::with_capacity(2 * CHUNK_FRAMES * channels);
        let sinc = Sinc { resampler, ratio, waiting, output, drop_frames, pushed: 0, pulled: 0 };
        Ok(Self { sinc: Some(sinc), channels })
    }

    /// Takes interleaved samples and appends what is ready to `out`.
    pub fn push(&mut self, interleaved: &[f32], out: &mut Vec<f32>) -> Result<(), PlayerError> {
        let Some(sinc) = &mut self.sinc else {
            out.extend_from_slice(interleaved);
            return Ok(());
        };
        sinc.pushed += (interleaved.len() / self.channels) as u64;
        sinc.waiting.extend_from_slice(interleaved);
        let chunk = CHUNK_FRAMES * self.channels;
        let mut taken = 0;
        while sinc.waiting.len() - taken >= chunk {
            sinc.process(taken..taken + chunk, self.channels, None, out)?;
            taken += chunk;
        }
        sinc.waiting.drain(..taken);
        Ok(())
    }

    /// The passage is over: appends the rest to `out`.
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), PlayerError> {
        let Some(sinc) = &mut self.sinc else { return Ok(()) };
        let expected = (sinc.pushed as f64 * sinc.ratio).round() as u64;
        let before = sinc.pulled;
        let start = out.len();
        while sinc.pulled < expected {
            let frames = sinc.waiting.len() / self.channels;
            sinc.process(0..sinc.waiting.len(), self.channels, Some(frames), out)?;
            sinc.waiting.clear();
        }
        out.truncate(start + expected.saturating_sub(before) as usize * self.channels);
        sinc.pulled = expected;
        Ok(())
    }
}

impl Sinc {
    fn process(
        &mut self,
        samples: std::ops::Range<usize>,
        channels: usize,
        partial: Option<usize>,
        out: &mut Vec<f32>,
    ) -> Result<(), PlayerError> {
        let stopped = |_| PlayerError::DecoderStopped;
        let frames = samples.len() / channels;
        let room = self.output.len() / channels;
        let input = InterleavedSlice::new(&self.waiting[samples], channels, frames).map_err(stopped)?;
        let mut output = InterleavedSlice::new_mut(&mut self.output, channels, room).map_err(stopped)?;
        let indexing = partial.map(|frames| Indexing::new().partial_len(frames));
        let (_, written) = self
            .resampler
            .process_into_buffer(&input, &mut output, indexing.as_ref())
            .map_err(|_| PlayerError::DecoderStopped)?;
        let skipped = written.min(self.drop_frames);
        self.drop_frames -= skipped;
        self.pulled += (written - skipped) as u64;
        out.extend_from_slice(&self.output[skipped * channels..written * channels]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(input: &[f32], from_hz: u32, to_hz: u32, channels: usize) -> Vec<f32> {
        let mut resample = Resample::new(from_hz, to_hz, channels).expect("a way");
        let mut out = Vec::new();
        for part in input.chunks(100 * channels) {
            resample.push(part, &mut out).expect("pushed");
        }
        resample.finish(&mut out).expect("finished");
        out
    }

    #[test]
    fn equal_rates_go_through_untouched() {
        let input: Vec<f32> = (0..1_000).map(|n| (n as f32).sin()).collect();
        assert_eq!(resampled(&input, 8_000, 8_000, 2), input);
    }

    #[test]
    fn a_tone_keeps_its_place_its_pitch_and_its_length() {
        for (from_hz, to_hz) in [(8_000, 48_000), (8_000, 44_100), (22_050, 48_000), (48_000, 44_100)] {
            let tone = |n: usize, rate: u32| (n as f32 * 440.0 * std::f32::consts::TAU / rate as f32).sin() * 0.5;
            let input: Vec<f32> = (0..from_hz as usize).map(|n| tone(n, from_hz)).collect();
            let out = resampled(&input, from_hz, to_hz, 1);
            assert_eq!(out.len(), to_hz as usize);
            let inside = to_hz as usize / 50..to_hz as usize * 49 / 50;
            let worst = inside.map(|n| (out[n] - tone(n, to_hz)).abs()).fold(0.0, f32::max);
            // The filter's delay is taken off in whole frames of the output: a good 20 µs may remain.
            let frame_and_a_bit = 1.2 * 0.5 * 440.0 * std::f32::consts::TAU / to_hz as f32;
            assert!(worst < frame_and_a_bit, "{from_hz} to {to_hz}: off by {worst}");
        }
    }

    #[test]
    fn the_two_channels_stay_apart() {
        let input: Vec<f32> = (0..4_000).flat_map(|n| [(n as f32 * 0.1).sin(), 0.0]).collect();
        let out = resampled(&input, 8_000, 48_000, 2);
        assert!(out.chunks(2).all(|frame| frame[1] == 0.0));
        assert_eq!(out.len(), 2 * 24_000);
    }
}
