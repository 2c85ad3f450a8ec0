//! Faster and slower: how long it lasts, and that voices stay as they are.

use crate::signal::{correlation, median_f0_hz, mixed, rms};
use crate::support::{at_speed, rendered};

#[test]
fn speed_changes_the_length_and_not_the_pitch() {
    let name = "call-dual-45s.mp3";
    let (plain, _) = rendered(name, &at_speed(1.0)).expect("sound");
    let f0 = median_f0_hz(&mixed(&plain, 2), 8_000);
    for (speed, output_ms) in [(1.5, 30_000), (2.0, 22_500), (0.75, 60_000)] {
        let (fast, what) = rendered(name, &at_speed(speed)).expect("sound");
        assert_eq!((what.media_ms, what.output_ms), (45_000, output_ms), "at {speed}");
        assert_eq!(fast.len() as i64 / 2, output_ms * 8);
        let fast_f0 = median_f0_hz(&mixed(&fast, 2), 8_000);
        assert!((fast_f0 / f0 - 1.0).abs() < 0.02, "at {speed}: {f0:.1} Hz became {fast_f0:.1} Hz");
        println!("{speed}x: {output_ms} ms, median F0 {f0:.2} -> {fast_f0:.2} Hz");
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
