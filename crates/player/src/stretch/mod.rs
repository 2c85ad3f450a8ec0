//! Faster or slower with the pitch kept, at the recording's own rate: resampling comes after.
//!
//! The sound is cut and laid together again, as in WSOLA; where, is decided ahead and over many cuts at once ([`path`]),
//! in a thinned copy of the sound ([`guide`]). Both channels are cut at the same places.

mod guide;
mod path;

use std::collections::VecDeque;

use crate::error::PlayerError;
use guide::Guide;
use path::{LOOK_STEPS, Move, Path};

/// Slowest speed.
pub const SPEED_MIN: f64 = 0.5;
/// Fastest speed.
pub const SPEED_MAX: f64 = 3.0;

/// Frames of the guide that are taken at a time.
const CHUNK_FRAMES: usize = 256;

/// Stretches one passage at one speed. At 1.0 the samples go through untouched.
///
/// Output frame `n` is media frame `start + n * speed`, within 11 ms up to 2x and 19 ms at 3x, and without drift. Only
/// in a fade may what comes be further away, by 4 ms (8 ms at 3x) when it has become as loud as what goes. The first
/// frame is the start exactly, and a passage of `n` frames becomes `round(n / speed)`. What comes out does not
/// depend on how the samples are cut into blocks. Nothing is allocated once it is made, but for what `out` needs.
pub struct Stretch {
    cutter: Option<Cutter>,
    channels: usize,
    speed: f64,
    lead_frames: usize,
    pushed: u64,
    pulled: u64,
}

impl Stretch {
    /// For interleaved samples of so many channels.
    ///
    /// # Errors
    /// `InvalidInput` for a speed outside 0.5 to 3, a rate of 0 or no channels.
    pub fn new(sample_rate_hz: u32, channels: usize, speed: f64) -> Result<Self, PlayerError> {
        if sample_rate_hz == 0 || channels == 0 || !(SPEED_MIN..=SPEED_MAX).contains(&speed) {
            return Err(PlayerError::InvalidInput);
        }
        let cutter = (speed != 1.0).then(|| Cutter::new(sample_rate_hz, channels, speed));
        let lead_frames = cutter.as_ref().map_or(0, |cutter| cutter.lead_frames);
        Ok(Self { cutter, channels, speed, lead_frames, pushed: 0, pulled: 0 })
    }

    /// How many frames from before the passage must be pushed first (silence, where the recording has none).
    pub fn lead_frames(&self) -> usize {
        self.lead_frames
    }

    /// Takes interleaved samples and appends what is ready to `out`.
    pub fn push(&mut self, interleaved: &[f32], out: &mut Vec<f32>) {
        self.pushed += (interleaved.len() / self.channels) as u64;
        let before = out.len();
        match &mut self.cutter {
            None => out.extend_from_slice(interleaved),
            Some(cutter) => cutter.push(interleaved, out),
        }
        self.pulled += ((out.len() - before) / self.channels) as u64;
    }

    /// The passage is over: appends the rest to `out`.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let Some(cutter) = &mut self.cutter else { return };
        let expected = (self.pushed.saturating_sub(self.lead_frames as u64) as f64 / self.speed).round() as u64;
        let before = out.len();
        let missing = expected.saturating_sub(self.pulled) as usize * self.channels;
        // Silence behind the end, until all of it is laid.
        while out.len() < before + missing {
            cutter.push_silence(out);
        }
        out.truncate(before + missing);
        self.pulled = self.pulled.max(expected);
    }
}

/// Cuts and lays.
struct Cutter {
    channels: usize,
    /// Frames in one of the guide's.
    divisor: usize,
    lead_frames: usize,
    guide: Guide,
    path: Path,
    moves: VecDeque<Move>,
    /// Interleaved, from frame `base` on.
    sound: Vec<f32>,
    base: usize,
    /// The frame that plays on.
    at: usize,
    /// What the cross-fade gives to the sound that comes.
    rise: Vec<f32>,
}

impl Cutter {
    fn new(sample_rate_hz: u32, channels: usize, speed: f64) -> Self {
        let divisor = guide::divisor(sample_rate_hz);
        let rate_hz = sample_rate_hz as f32 / divisor as f32;
        let origin = Path::lead(rate_hz, speed) + 1;
        let path = Path::new(rate_hz, channels, speed, origin);
        let mut guide = Guide::new(rate_hz, channels, 0);
        let room = path.span() + guide.look_ahead() + 2 * guide.look_back() + 2 * CHUNK_FRAMES;
        guide = Guide::new(rate_hz, channels, room);
        let fade = path.step() * divisor;
        let rise = (0..fade).map(|n| 0.5 - 0.5 * (std::f32::consts::PI * n as f32 / fade as f32).cos());
        let lead_frames = origin * divisor;
        Self {
            channels,
            divisor,
            lead_frames,
            guide,
            path,
            moves: VecDeque::with_capacity(LOOK_STEPS),
            sound: Vec::with_capacity(room * divisor * channels),
            base: 0,
            at: lead_frames,
            rise: rise.collect(),
        }
    }

    fn push(&mut self, interleaved: &[f32], out: &mut Vec<f32>) {
        for part in interleaved.chunks(CHUNK_FRAMES * self.divisor * self.channels) {
            self.sound.extend_from_slice(part);
            self.work(out);
        }
    }

    fn push_silence(&mut self, out: &mut Vec<f32>) {
        self.sound.resize(self.sound.len() + CHUNK_FRAMES * self.divisor * self.channels, 0.0);
        self.work(out);
    }

    fn work(&mut self, out: &mut Vec<f32>) {
        let samples = self.divisor * self.channels;
        let known = (self.guide.end() * self.divisor - self.base) * self.channels;
        for frames in self.sound[known..].chunks_exact(samples) {
            let channels = self.channels;
            self.guide.push(
                (0..channels)
                    .map(|channel| frames[channel..].iter().step_by(channels).sum::<f32>() / self.divisor as f32),
            );
        }
        while self.path.look(&self.guide, &mut self.moves) {
            while let Some(next) = self.moves.pop_front() {
                self.lay(next, out);
            }
        }
        // A fade is looked for a little before where the guide has it.
        let needed = self.path.needs_from().min(self.at / self.divisor).saturating_sub(2);
        self.guide.forget(needed);
        let frames = (needed * self.divisor).saturating_sub(self.base);
        self.sound.drain(..frames * self.channels);
        self.base += frames;
    }

    fn lay(&mut self, next: Move, out: &mut Vec<f32>) {
        let frames = self.rise.len();
        let channels = self.channels;
        match next {
            Move::On => out.extend_from_slice(self.part(self.at)),
            Move::To(place) => {
                let to = self.finely(place * self.divisor);
                let (goes, comes) = (self.part(self.at).chunks(channels), self.part(to).chunks(channels));
                for ((goes, comes), rise) in goes.zip(comes).zip(&self.rise) {
                    out.extend(goes.iter().zip(comes).map(|(goes, comes)| goes + (comes - goes) * rise));
                }
                self.at = to;
            }
        }
        self.at += frames;
    }

    /// A step of the sound.
    fn part(&self, at: usize) -> &[f32] {
        let from = (at - self.base) * self.channels;
        &self.sound[from..from + self.rise.len() * self.channels]
    }

    /// The best place to fade into near the one that the guide, whose frames are coarser, has found.
    fn finely(&self, near: usize) -> usize {
        if self.divisor == 1 {
            return near;
        }
        let goes = self.part(self.at);
        let alike = |at: usize| {
            let comes = self.part(at);
            let product: f32 = goes.iter().zip(comes).map(|(a, b)| a * b).sum();
            2.0 * product / (1e-9 + goes.iter().chain(comes).map(|s| s * s).sum::<f32>())
        };
        let places = near.saturating_sub(self.divisor).max(self.base)..=near + self.divisor;
        places.map(|at| (at, alike(at))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(near, |(at, _)| at)
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
    fn the_first_frames_are_the_starts_own_and_a_click_is_heard_once_at_every_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
            for speed in [0.5, 0.8, 1.5, 2.0, 3.0] {
                let ms = rate as usize / 1000;
                let mut input: Vec<f32> = (0..rate).map(|n| (n as f32 * 900.0 / rate as f32).sin() * 0.05).collect();
                let place = 500 * ms;
                input[place..place + ms].iter_mut().for_each(|sample| *sample += 0.5);
                let mut stretch = Stretch::new(rate, 1, speed).expect("a speed");
                let mut out = Vec::new();
                stretch.push(&vec![0.0; stretch.lead_frames()], &mut out);
                stretch.push(&input, &mut out);
                stretch.finish(&mut out);
                assert!((out[0] - input[0]).abs() < 1e-6);
                let loud: Vec<usize> = (0..out.len()).filter(|n| out[*n] > 0.4).collect();
                assert_eq!(loud.len(), ms, "{rate} Hz at {speed}: {loud:?}");
                let late_ms = (loud[0] as f64 - place as f64 / speed) / ms as f64;
                assert!(late_ms.abs() < 20.0, "{rate} Hz at {speed}: {late_ms} ms");
            }
        }
    }

    #[test]
    fn numbers_that_are_no_sound_spoil_only_themselves() {
        let mut input = voice(16_000);
        for (n, odd) in [f32::NAN, f32::INFINITY, f32::MAX, -1e30].into_iter().cycle().take(2_000).enumerate() {
            input[4_000 + n] = odd;
        }
        for speed in [0.5, 2.0, 3.0] {
            let out = stretched(&input, 1, speed, 500);
            assert_eq!(out.len(), (16_000.0 / speed) as usize);
            let behind = (6_500.0 / speed) as usize;
            assert!(out[behind..].iter().all(|sample| sample.abs() <= 0.61), "at {speed}");
            let loudest = out[behind..].iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
            assert!(loudest > 0.5, "at {speed}: {loudest}");
        }
    }

    #[test]
    fn nothing_is_allocated_once_it_is_made() {
        for (rate, channels) in [(8_000, 2), (22_050, 2), (48_000, 1)] {
            for speed in [0.5, 1.05, 2.0, 3.0] {
                let mut stretch = Stretch::new(rate, channels, speed).expect("a speed");
                let set_aside = |stretch: &Stretch| {
                    let cutter = stretch.cutter.as_ref().expect("not at 1.0");
                    (cutter.guide.capacity(), cutter.sound.capacity(), cutter.moves.capacity())
                };
                let before = set_aside(&stretch);
                let input = voice(rate as usize);
                let mut out = Vec::new();
                for block in [1, 7, 576, 1_152, 4_608] {
                    input.chunks(block * channels).for_each(|part| stretch.push(part, &mut out));
                    input.chunks_exact(channels).for_each(|part| stretch.push(part, &mut out));
                }
                stretch.finish(&mut out);
                assert_eq!(set_aside(&stretch), before, "{rate} Hz at {speed}");
            }
        }
    }

    #[test]
    fn a_speed_that_cannot_be_meant_is_refused() {
        for speed in [0.0, 0.49, 3.01, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Stretch::new(8_000, 1, speed).err(), Some(PlayerError::InvalidInput));
        }
    }
}
