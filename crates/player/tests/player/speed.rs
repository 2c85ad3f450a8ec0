//! Faster and slower: how long it lasts, and that voices stay as they are.

use aftercall_player::stretch::Stretch;

use crate::signal::{channel, correlation, f0_hz_at, mixed, rms};
use crate::support::{RECORDINGS, at_speed, rendered};

const SPEEDS: [f64; 5] = [0.5, 1.0, 1.5, 2.0, 3.0];

#[test]
fn every_recording_lasts_its_length_divided_by_the_speed() {
    for (name, frames) in RECORDINGS {
        for speed in SPEEDS {
            let (sound, what) = rendered(name, &at_speed(speed)).expect(name);
            let expected = (frames as f64 / speed).round() as u64;
            assert_eq!(what.output_frames, expected, "{name} at {speed}");
            assert_eq!(sound.len() as u64, expected * u64::from(what.channels), "{name} at {speed}");
        }
    }
}

#[test]
fn voices_keep_their_pitch_within_2_percent() {
    for name in ["call-dual-45s.mp3", "call-mono-30s.mp3", "call-dual-vbr-40s.mp3"] {
        let (plain, what) = rendered(name, &at_speed(1.0)).expect("sound");
        let channels = usize::from(what.channels);
        for speed in [0.5, 0.75, 1.5, 2.0, 3.0] {
            let (fast, _) = rendered(name, &at_speed(speed)).expect("sound");
            for which in 0..channels {
                let (plain, fast) = (channel(&plain, channels, which), channel(&fast, channels, which));
                // The voice at a moment of the output beside that of its moment in the recording.
                let step = f64::from(what.sample_rate_hz) / 5.0 / speed;
                let moments = (0..fast.len()).step_by(step as usize);
                let mut ratios: Vec<f64> = moments
                    .filter_map(|at| {
                        let here = f0_hz_at(&fast, at, what.sample_rate_hz)?;
                        Some(here / f0_hz_at(&plain, (at as f64 * speed) as usize, what.sample_rate_hz)?)
                    })
                    .collect();
                ratios.sort_by(f64::total_cmp);
                assert!(ratios.len() > 15, "{name} channel {which} at {speed}: too little voice: {}", ratios.len());
                let ratio = ratios[ratios.len() / 2];
                println!(
                    "{name} channel {which} at {speed}: F0 {ratio:.4} of what it was, in {} moments",
                    ratios.len()
                );
                assert!((ratio - 1.0).abs() < 0.02, "{name} channel {which} at {speed}: {ratio}");
            }
        }
    }
}

fn stretched(input: &[f32], rate_hz: u32, channels: usize, speed: f64) -> Vec<f32> {
    let mut stretch = Stretch::new(rate_hz, channels, speed).expect("a speed");
    let mut out = Vec::new();
    stretch.push(&vec![0.0; stretch.lead_frames() * channels], &mut out);
    for part in input.chunks(1_152 * channels) {
        stretch.push(part, &mut out);
    }
    stretch.finish(&mut out);
    out
}

/// A pulse of 1 ms at -6 dBFS every 250 ms: in silence, or on top of speech. Says how many of how many were lost: less
/// than half their energy is within 20 ms of their place. Speech is told from pulses by what a pulse has and speech has
/// not: steep edges.
fn pulses_lost(mut call: Vec<f32>, rate_hz: u32, channels: usize, speed: f64) -> (usize, usize) {
    let ms = rate_hz as usize / 1000;
    let places: Vec<usize> = (250 * ms..call.len() / channels - 250 * ms).step_by(250 * ms).collect();
    for place in &places {
        call[place * channels..(place + ms) * channels].iter_mut().for_each(|sample| *sample += 0.501);
    }
    let out = stretched(&call, rate_hz, channels, speed);
    let steep = |from: usize, samples: &[f32]| samples[from] - 0.95 * if from > 0 { samples[from - 1] } else { 0.0 };
    let pulse: Vec<f32> = (0..ms + 2).map(|n| if (1..=ms).contains(&n) { 0.501 } else { 0.0 }).collect();
    let pulse: Vec<f32> = (0..ms + 2).map(|n| steep(n, &pulse)).collect();
    let energy: f32 = pulse.iter().map(|s| s * s).sum();
    let mut lost = 0;
    for which in 0..channels {
        let side = channel(&out, channels, which);
        let edges: Vec<f32> = (0..side.len()).map(|n| steep(n, &side)).collect();
        lost += places
            .iter()
            .filter(|place| {
                let at = (**place as f64 / speed).round() as usize;
                let near = (at - 20 * ms - 1)..(at + 20 * ms).min(edges.len() - pulse.len());
                let best = near.map(|n| edges[n..].iter().zip(&pulse).map(|(a, b)| a * b).sum::<f32>() / energy);
                best.fold(0.0_f32, |best, part| best.max(part.abs())).powi(2) < 0.5
            })
            .count();
    }
    (lost, places.len() * channels)
}

#[test]
fn no_click_is_lost_in_silence_nor_more_than_5_percent_in_speech() {
    for speed in [0.5, 0.75, 1.5, 2.0, 3.0] {
        let (lost, of) = pulses_lost(vec![0.0; 160_000], 8_000, 1, speed);
        assert_eq!(lost, 0, "of {of} in silence at {speed}");
        let (mut lost, mut of) = (0, 0);
        for name in ["call-dual-20s.wav", "call-dual-45s.mp3", "call-mono-30s.mp3", "call-dual-vbr-40s.mp3"] {
            let (speech, what) = rendered(name, &at_speed(1.0)).expect(name);
            let (more, in_all) = pulses_lost(speech, what.sample_rate_hz, usize::from(what.channels), speed);
            println!("{name} at {speed}: {more} of {in_all} lost");
            (lost, of) = (lost + more, of + in_all);
        }
        assert!(lost * 100 <= of * 5, "{lost} of {of} in speech at {speed}");
    }
}

#[test]
fn each_moment_is_heard_within_20_ms_of_its_time_also_after_ten_minutes() {
    // Noise is nowhere like itself: each 15 ms of the output lie where they came from and nowhere else.
    let mut seed = 7_u32;
    let noise: Vec<f32> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / (1 << 24) as f32 - 0.5
    })
    .take(8_000 * 600)
    .collect();
    for speed in [0.5, 1.5, 2.0, 3.0] {
        let out = stretched(&noise, 8_000, 1, speed);
        let mut found = 0;
        let mut worst_ms = 0.0_f64;
        for at in (1_000..out.len() - 1_000).step_by(16_001) {
            let place = (at as f64 * speed) as usize;
            let alike = |from: usize| correlation(&out[at..at + 32], &noise[from..from + 32]);
            let best =
                (place - 400..(place + 400).min(noise.len() - 32)).max_by(|a, b| alike(*a).total_cmp(&alike(*b)));
            // In the middle of a cross-fade two places are heard, and neither is clear.
            if let Some(from) = best.filter(|from| alike(*from) > 0.85) {
                found += 1;
                worst_ms = worst_ms.max((from as f64 - at as f64 * speed).abs() / 8.0);
            }
        }
        println!("{speed}x: {found} moments, at most {worst_ms:.1} ms from their time");
        assert!(found > 30 && worst_ms < 20.0, "at {speed}: {found} moments, {worst_ms} ms");
    }
}

#[test]
fn what_is_said_is_heard_at_its_time_divided_by_the_speed() {
    // Loudness over time, in steps of 50 ms of media time, must be the same curve at every speed.
    let name = "call-dual-4min.mp3";
    let curve = |samples: &[f32], step: usize| -> Vec<f32> {
        samples.chunks_exact(step).map(|part| rms(part) as f32).collect()
    };
    let (plain, _) = rendered(name, &at_speed(1.0)).expect("sound");
    let plain = curve(&mixed(&plain, 2), 400);
    for (speed, step) in [(0.5, 800), (1.25, 320), (1.6, 250), (2.0, 200), (2.5, 160)] {
        let (fast, _) = rendered(name, &at_speed(speed)).expect("sound");
        let fast = curve(&mixed(&fast, 2), step);
        assert_eq!(plain.len(), fast.len());
        // Also over the last tenth alone: no drift.
        let tail = plain.len() * 9 / 10;
        for from in [0, tail] {
            let alike = correlation(&plain[from..], &fast[from..]);
            assert!(alike > 0.95, "at {speed}, from {from}: {alike}");
        }
    }
}

#[test]
fn the_two_sides_stay_apart_at_any_speed() {
    let (sides, what) = rendered("call-dual-20s.wav", &at_speed(1.5)).expect("sound");
    let (plain, _) = rendered("call-dual-20s.wav", &at_speed(1.0)).expect("sound");
    assert_eq!(what.channels, 2);
    // While one speaks the other is as quiet as in the recording: 1 to 3 s, the first person's turn.
    let side = |samples: &[f32], per_ms: f64, which: usize| {
        let range = (1_000.0 * per_ms) as usize..(3_000.0 * per_ms) as usize;
        rms(&samples.chunks_exact(2).map(|f| f[which]).collect::<Vec<_>>()[range])
    };
    let (loud, quiet) = (side(&sides, 8.0 / 1.5, 0), side(&sides, 8.0 / 1.5, 1));
    let plain_quiet = side(&plain, 8.0, 1);
    assert!(loud > 0.02 && quiet <= plain_quiet * 1.5 + 1e-4, "{loud} {quiet} {plain_quiet}");
}
