//! A recording of which every moment tells where it is, and what tells it.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::failure::Failure;
use crate::run;

const RATE_HZ: u32 = 8_000;
const LENGTH_S: u32 = 360;
const FROM_HZ: f64 = 400.0;
const HZ_PER_S: f64 = 400.0;
/// It begins anew after this.
const EVERY_S: f64 = 6.0;

/// A tenth of what there is counts as sound.
const SOUND: f32 = 0.02;
/// What is looked at for one frequency, and how far apart, in seconds.
const WINDOW_S: f64 = 0.010;
const HOP_S: f64 = 0.001;
const BINS: usize = 4_096;
/// A frequency is that of the place when it is so near, and stays so for so many looks.
const NEAR_HZ: f64 = 250.0;
const STAYS: usize = 15;
/// At a bend a frequency that is further off is the seam's, not the tone's.
const SEAM_HZ: f64 = 100.0;
/// On either side of a bend there are so many looks at least.
const SIDE: usize = 200;

/// The tone at a place of the recording.
pub fn hz_at(place_s: f64) -> f64 {
    FROM_HZ + HZ_PER_S * place_s.rem_euclid(EVERY_S)
}

/// Writes it as the recordings come: MP3, 8 kHz, one channel.
pub fn recording(folder: &Path) -> Result<PathBuf, Failure> {
    let (wav, mp3) = (folder.join("tone.wav"), folder.join("tone.mp3"));
    let sound = |source| Failure::Sound { path: wav.clone(), source };
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&wav, spec).map_err(sound)?;
    let mut phase = 0.0_f64;
    for n in 0..LENGTH_S * RATE_HZ {
        phase += std::f64::consts::TAU * hz_at(f64::from(n) / f64::from(RATE_HZ)) / f64::from(RATE_HZ);
        writer.write_sample((phase.sin() * 0.4 * 32_767.0) as i16).map_err(sound)?;
    }
    writer.finalize().map_err(sound)?;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y", "-i"]).arg(&wav).args(["-b:a", "32k"]).arg(&mp3);
    run::run(&mut ffmpeg)?;
    std::fs::remove_file(&wav).map_err(|e| Failure::file(&wav, e))?;
    Ok(mp3)
}

/// Seconds until there is sound.
pub fn beginning_s(samples: &[f32], rate_hz: u32) -> Option<f64> {
    samples.iter().position(|sample| sample.abs() > SOUND).map(|at| at as f64 / f64::from(rate_hz))
}

/// Seconds until what is heard is that place of the recording.
pub fn place_s(samples: &[f32], rate_hz: u32, place_s: f64) -> Option<f64> {
    let heard = frequencies(samples, rate_hz);
    let is_there = |look: &Option<f64>| look.is_some_and(|hz| (hz - hz_at(place_s)).abs() < NEAR_HZ);
    let at = heard.windows(STAYS).position(|looks| looks.iter().all(is_there))?;
    Some(at as f64 * HOP_S + WINDOW_S / 2.0)
}

/// Seconds until the tone rises at another pace: the moment that parts it into the two straightest lines.
pub fn bend_s(samples: &[f32], rate_hz: u32) -> Option<f64> {
    let looks: Vec<(f64, f64)> = frequencies(samples, rate_hz)
        .into_iter()
        .enumerate()
        .filter_map(|(n, hz)| Some((n as f64 * HOP_S + WINDOW_S / 2.0, hz?)))
        .collect();
    let places = (SIDE..looks.len().checked_sub(SIDE)?).step_by(2);
    let off = |at: &usize| crooked(&looks[..*at]) + crooked(&looks[*at..]);
    let bend = places.map(|at| (off(&at), looks[at].0)).min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(bend.1)
}

/// How far looks are off their straightest line, as squares; what is far off counts so much and no more.
fn crooked(looks: &[(f64, f64)]) -> f64 {
    let n = looks.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| looks.iter().map(of).sum::<f64>() / n;
    let (mean_s, mean_hz) = (mean(|look| look.0), mean(|look| look.1));
    let (mut both, mut squares) = (0.0, 0.0);
    for (s, hz) in looks {
        both += (s - mean_s) * (hz - mean_hz);
        squares += (s - mean_s).powi(2);
    }
    let rise = both / squares.max(1e-12);
    looks.iter().map(|(s, hz)| (hz - mean_hz - rise * (s - mean_s)).powi(2).min(SEAM_HZ * SEAM_HZ)).sum()
}

/// The loudest frequency of each look; none where there is no sound.
fn frequencies(samples: &[f32], rate_hz: u32) -> Vec<Option<f64>> {
    let (window, hop) = ((WINDOW_S * f64::from(rate_hz)) as usize, (HOP_S * f64::from(rate_hz)) as usize);
    let fft = FftPlanner::<f32>::new().plan_fft_forward(BINS);
    let bin_hz = f64::from(rate_hz) / BINS as f64;
    let hann = |n: usize| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / window as f32).cos();
    let mut spectrum = vec![Complex::default(); BINS];
    let look = |part: &[f32]| {
        if part.iter().fold(0.0_f32, |most, sample| most.max(sample.abs())) < SOUND {
            return None;
        }
        spectrum.fill(Complex::default());
        for (n, (bin, sample)) in spectrum.iter_mut().zip(part).enumerate() {
            bin.re = sample * hann(n);
        }
        fft.process(&mut spectrum);
        let power = |n: usize| f64::from(spectrum[n].norm());
        let loudest = (1..BINS / 2 - 1).max_by(|a, b| power(*a).total_cmp(&power(*b)))?;
        let (before, at, after) = (power(loudest - 1), power(loudest), power(loudest + 1));
        let shift = 0.5 * (before - after) / (before - 2.0 * at + after).min(-1e-9);
        Some((loudest as f64 + shift) * bin_hz)
    };
    samples.windows(window).step_by(hop).map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARD_HZ: u32 = 48_000;

    /// What is heard of the recording, from place to place at a pace, each for so long.
    fn heard(parts: &[(f64, f64, f64)]) -> Vec<f32> {
        let mut phase = 0.0_f64;
        let mut samples = Vec::new();
        for &(place_s, pace, for_s) in parts {
            for n in 0..(for_s * f64::from(HEARD_HZ)) as usize {
                let hz = hz_at(place_s + pace * n as f64 / f64::from(HEARD_HZ));
                phase += std::f64::consts::TAU * hz / f64::from(HEARD_HZ);
                samples.push(0.4 * phase.sin() as f32);
            }
        }
        samples
    }

    #[test]
    fn a_beginning_is_found_behind_silence() {
        let mut samples = vec![0.001; 4_800];
        samples.extend(heard(&[(3.0, 1.0, 0.2)]));
        let found = beginning_s(&samples, HEARD_HZ).expect("a beginning");
        assert!((found - 0.1).abs() < 0.001, "{found}");
        assert_eq!(beginning_s(&vec![0.001; 4_800], HEARD_HZ), None);
    }

    #[test]
    fn a_place_is_found_when_it_is_heard_and_not_before() {
        let samples = heard(&[(1.0, 1.0, 0.4), (64.0, 1.0, 0.4)]);
        let found = place_s(&samples, HEARD_HZ, 64.0).expect("a place");
        assert!((found - 0.4).abs() < 0.004, "{found}");
        assert_eq!(place_s(&samples, HEARD_HZ, 62.5), None);
    }

    #[test]
    fn a_bend_is_found_with_and_without_a_jump() {
        for after_s in [61.3, 61.35, 61.1] {
            let samples = heard(&[(60.5, 1.0, 0.8), (after_s, 2.0, 0.9)]);
            let found = bend_s(&samples, HEARD_HZ).expect("a bend");
            assert!((found - 0.8).abs() < 0.02, "{after_s}: {found}");
        }
        assert_eq!(bend_s(&[0.0; 48_000], HEARD_HZ), None);
    }
}
