//! How alike two sounds are: normalised cross-correlation at the best lag.

use std::path::Path;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::failure::Failure;

/// Sound in memory: one vector of samples (-1…1) for each channel.
#[derive(Debug, Clone)]
pub struct Clip {
    pub rate_hz: u32,
    pub channels: Vec<Vec<f32>>,
}

impl Clip {
    /// Reads a WAV file of 16 bit samples.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let sound = |source| Failure::Sound { path: path.to_owned(), source };
        let mut reader = hound::WavReader::open(path).map_err(sound)?;
        let spec = reader.spec();
        let count = usize::from(spec.channels.max(1));
        let mut channels = vec![Vec::new(); count];
        for (index, sample) in reader.samples::<i16>().enumerate() {
            channels[index % count].push(f32::from(sample.map_err(sound)?) / 32768.0);
        }
        Ok(Clip { rate_hz: spec.sample_rate, channels })
    }

    /// Samples of each channel.
    pub fn frames(&self) -> usize {
        self.channels.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Length in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.frames() as u64 * 1000 / u64::from(self.rate_hz.max(1))
    }

    /// The same sound at another rate, starting at the same instant.
    pub fn resampled(&self, rate_hz: u32) -> Result<Self, Failure> {
        if rate_hz == self.rate_hz || self.frames() == 0 {
            return Ok(Clip { rate_hz, channels: self.channels.clone() });
        }
        let count = self.channels.len();
        let failed = |why: String| Failure::answer("the resampler", why);
        let mut resampler = Fft::<f32>::new(self.rate_hz as usize, rate_hz as usize, 1024, count, FixedSync::Both)
            .map_err(|e| failed(e.to_string()))?;
        let interleaved: Vec<f32> =
            (0..self.frames()).flat_map(|frame| self.channels.iter().map(move |channel| channel[frame])).collect();
        let input = InterleavedSlice::new(&interleaved, count, self.frames()).map_err(|e| failed(e.to_string()))?;
        let output = resampler.process_all(&input, self.frames(), None).map_err(|e| failed(e.to_string()))?.take_data();
        let channels = (0..count).map(|c| output.iter().skip(c).step_by(count).copied().collect()).collect();
        Ok(Clip { rate_hz, channels })
    }

    /// Without the silence before and after: what is below about -66 dB on every channel.
    pub fn trimmed(&self) -> Self {
        let loud = |frame: &usize| self.channels.iter().any(|channel| channel[*frame].abs() > 0.0005);
        let frames = self.frames();
        let start = (0..frames).find(loud).unwrap_or(0);
        let end = (0..frames).rev().find(loud).map_or(start, |last| last + 1);
        let channels = self.channels.iter().map(|channel| channel[start..end].to_vec()).collect();
        Clip { rate_hz: self.rate_hz, channels }
    }

    /// So many frames from one on; fewer where it ends before.
    pub fn part(&self, from: usize, frames: usize) -> Self {
        let end = (from + frames).min(self.frames());
        let channels = self.channels.iter().map(|channel| channel[from.min(end)..end].to_vec()).collect();
        Clip { rate_hz: self.rate_hz, channels }
    }

    /// As many channels as asked: one voice on all sides, or the mean of all.
    fn with_channels(&self, count: usize) -> Vec<Vec<f32>> {
        if self.channels.len() == count {
            return self.channels.clone();
        }
        let frames = self.frames();
        let n = self.channels.len().max(1) as f32;
        let mean: Vec<f32> = (0..frames).map(|f| self.channels.iter().map(|c| c[f]).sum::<f32>() / n).collect();
        vec![mean; count]
    }
}

/// How well a heard clip fits into what should have been heard.
#[derive(Debug, Clone, Copy)]
pub struct Likeness {
    /// 1 is the same up to loudness; 0 is nothing in common.
    pub correlation: f64,
    /// Where in the expected sound the heard one starts, milliseconds.
    pub starts_at_ms: f64,
    /// How much was compared, milliseconds.
    pub compared_ms: u64,
    /// The worst second of those that are not silent, each at the same lag: a drop-out or a drift shows here.
    pub worst_second: f64,
}

/// Finds the lag at which `heard` fits best into `expected` (same rate), over all channels together.
pub fn compare(heard: &Clip, expected: &Clip) -> Likeness {
    let count = heard.channels.len().max(expected.channels.len());
    let (a, b) = (heard.with_channels(count), expected.with_channels(count));
    let (n, m) = (a.first().map_or(0, Vec::len), b.first().map_or(0, Vec::len));
    let nothing = Likeness { correlation: 0.0, starts_at_ms: 0.0, compared_ms: 0, worst_second: 0.0 };
    if n == 0 || m == 0 {
        return nothing;
    }
    // dot[lag] = Σ a[i]·b[i + lag], for lags where at least half of the shorter one overlaps.
    let size = (n + m).next_power_of_two();
    let mut dot = vec![0.0_f64; size];
    for (a, b) in a.iter().zip(&b) {
        for (sum, value) in dot.iter_mut().zip(cross_correlation(a, b, size)) {
            *sum += value;
        }
    }
    let (energy_a, energy_b) = (running_energy(&a), running_energy(&b));
    let least_overlap = (n.min(m) / 2).max(1) as isize;
    let (n, m) = (n as isize, m as isize);
    let mut best = (0_isize, f64::MIN);
    for lag in -(n - least_overlap)..=(m - least_overlap) {
        let (from, to) = ((-lag).max(0), n.min(m - lag));
        let heard_energy = energy_a[n as usize]; // all that was heard must be explained, not only the overlap
        let expected_energy = energy_b[(to + lag) as usize] - energy_b[(from + lag) as usize];
        let norm = (heard_energy * expected_energy).sqrt();
        if norm > 0.0 {
            let value = dot[lag.rem_euclid(size as isize) as usize] / norm;
            if value > best.1 {
                best = (lag, value);
            }
        }
    }
    if best.1 == f64::MIN {
        return nothing;
    }
    let (lag, correlation) = best;
    let (from, to) = ((-lag).max(0) as usize, n.min(m - lag) as usize);
    let rate = f64::from(heard.rate_hz);
    Likeness {
        correlation,
        starts_at_ms: lag as f64 * 1000.0 / rate,
        compared_ms: ((to - from) as f64 * 1000.0 / rate) as u64,
        worst_second: worst_second(&a, &b, lag, from, to, heard.rate_hz as usize),
    }
}

fn cross_correlation(a: &[f32], b: &[f32], size: usize) -> Vec<f64> {
    let mut planner = FftPlanner::<f64>::new();
    let spectrum = |samples: &[f32], planner: &mut FftPlanner<f64>| {
        let mut buffer: Vec<Complex<f64>> = samples.iter().map(|s| Complex::new(f64::from(*s), 0.0)).collect();
        buffer.resize(size, Complex::new(0.0, 0.0));
        planner.plan_fft_forward(size).process(&mut buffer);
        buffer
    };
    let a = spectrum(a, &mut planner);
    let mut product: Vec<Complex<f64>> = spectrum(b, &mut planner).iter().zip(&a).map(|(b, a)| b * a.conj()).collect();
    planner.plan_fft_inverse(size).process(&mut product);
    product.iter().map(|value| value.re / size as f64).collect()
}

/// Energy of all channels up to each frame; one longer than the clip.
fn running_energy(channels: &[Vec<f32>]) -> Vec<f64> {
    let frames = channels.iter().map(Vec::len).min().unwrap_or(0);
    let mut sums = Vec::with_capacity(frames + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for frame in 0..frames {
        sum += channels.iter().map(|c| f64::from(c[frame]).powi(2)).sum::<f64>();
        sums.push(sum);
    }
    sums
}

fn worst_second(a: &[Vec<f32>], b: &[Vec<f32>], lag: isize, from: usize, to: usize, rate: usize) -> f64 {
    let loudest = a.iter().flatten().fold(0.0_f32, |max, s| max.max(s.abs()));
    let mut worst = f64::MAX;
    let mut start = from;
    while start + rate <= to {
        let (mut dot, mut energy_a, mut energy_b) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (a, b) in a.iter().zip(b) {
            for frame in start..start + rate {
                let (x, y) = (f64::from(a[frame]), f64::from(b[(frame as isize + lag) as usize]));
                dot += x * y;
                energy_a += x * x;
                energy_b += y * y;
            }
        }
        // A second of pauses has only noise to compare.
        let quiet = f64::from(loudest * 0.02).powi(2) * rate as f64;
        if energy_a.max(energy_b) > quiet {
            worst = worst.min(if energy_a * energy_b > 0.0 { dot / (energy_a * energy_b).sqrt() } else { 0.0 });
        }
        start += rate;
    }
    if worst == f64::MAX { 0.0 } else { worst }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speech-like noise: reproducible, different on each channel and at each moment.
    fn noise(frames: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).max(1);
        let mut smooth = 0.0_f32;
        (0..frames)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                smooth += 0.25 * ((state as f32 / u32::MAX as f32 - 0.5) - smooth);
                smooth
            })
            .collect()
    }

    fn clip(rate_hz: u32, seconds: usize, seed: u32) -> Clip {
        let frames = rate_hz as usize * seconds;
        Clip { rate_hz, channels: vec![noise(frames, seed), noise(frames, seed + 1)] }
    }

    #[test]
    fn a_part_played_quieter_is_found_at_its_place() {
        let expected = clip(8000, 6, 7);
        let heard = Clip {
            rate_hz: 8000,
            channels: expected.channels.iter().map(|c| c[4000..36000].iter().map(|s| s * 0.3).collect()).collect(),
        };
        let like = compare(&heard, &expected);
        assert!(like.correlation > 0.999, "{like:?}");
        assert!((like.starts_at_ms - 500.0).abs() < 0.2, "{like:?}");
        assert!(like.worst_second > 0.999, "{like:?}");
    }

    #[test]
    fn another_sound_is_not_alike() {
        assert!(compare(&clip(8000, 4, 1), &clip(8000, 4, 50)).correlation < 0.2);
    }

    #[test]
    fn a_drop_out_shows_in_its_second() {
        let expected = clip(8000, 8, 3);
        let mut heard = expected.clone();
        heard.channels.iter_mut().for_each(|c| c[24_000..32_000].fill(0.0));
        let like = compare(&heard, &expected);
        assert!(like.correlation > 0.9, "{like:?}");
        assert!(like.worst_second < 0.1, "{like:?}");
    }

    #[test]
    fn sound_that_was_never_expected_counts_against_the_whole() {
        let expected = clip(8000, 4, 3);
        let mut heard = expected.clone();
        heard.channels.iter_mut().zip(clip(8000, 8, 90).channels).for_each(|(c, more)| c.extend(more));
        assert!(compare(&heard, &expected).correlation < 0.75);
    }

    #[test]
    fn swapped_sides_are_not_alike() {
        let expected = clip(8000, 4, 3);
        let swapped = Clip { rate_hz: 8000, channels: expected.channels.iter().rev().cloned().collect() };
        assert!(compare(&swapped, &expected).correlation < 0.2);
    }

    #[test]
    fn resampling_keeps_the_instant_and_the_sound() {
        let slow = |rate: u32| {
            let wave = |f: f64| {
                (0..rate).map(move |i| (f64::from(i) * f / f64::from(rate) * std::f64::consts::TAU).sin() as f32 * 0.5)
            };
            Clip { rate_hz: rate, channels: vec![wave(310.0).collect(), wave(517.0).collect()] }
        };
        let up = slow(8000).resampled(48_000).unwrap();
        assert!(up.frames().abs_diff(48_000) <= 1, "{}", up.frames());
        let like = compare(&up, &slow(48_000));
        assert!(like.correlation > 0.995, "{like:?}");
        assert!(like.starts_at_ms.abs() < 0.1, "{like:?}");
    }

    #[test]
    fn silence_around_is_trimmed() {
        let mut padded = clip(8000, 1, 5);
        let frames = padded.frames();
        padded.channels.iter_mut().for_each(|c| {
            c.splice(0..0, std::iter::repeat_n(0.0, 500));
            c.extend(std::iter::repeat_n(0.0, 700));
        });
        assert!(padded.trimmed().frames().abs_diff(frames) < 20);
    }
}
