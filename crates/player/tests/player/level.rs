//! The quiet side of a call, against the standard's loudness.

use aftercall_player::level::{Leveller, gains};
use aftercall_player::loudness::{Loudness, measure};
use aftercall_player::offline::{RenderOptions, render};
use aftercall_player::shape::Shape;
use ebur128::{EbuR128, Mode};

use crate::support::{decoded, source};

/// Integrated loudness of each side, in LUFS.
fn loudness(call: &[f32], rate_hz: u32) -> [f64; 2] {
    [0, 1].map(|side| {
        let mono: Vec<f32> = call.chunks(2).map(|frame| frame[side]).collect();
        let mut meter = EbuR128::new(1, rate_hz, Mode::I).expect("a rate");
        meter.add_frames_f32(&mono).expect("samples");
        meter.loudness_global().expect("loudness")
    })
}

/// How loud each side speaks, as the leveller itself measures it.
fn spoken(call: &[f32], rate_hz: u32) -> Vec<Option<f32>> {
    let mut loudness = Loudness::new(rate_hz, 2).expect("a rate");
    loudness.push(call);
    loudness.lufs().collect()
}

#[test]
fn the_quiet_customer_ends_within_3_db_of_the_agent_and_the_agent_stays() {
    let name = "call-dual-quiet-customer-60s.mp3";
    let (call, rate_hz) = decoded(name);
    let before = loudness(&call, rate_hz);
    assert!(before[0] - before[1] > 12.0, "nothing to do: {before:?}");
    let known = gains(&spoken(&call, rate_hz));
    for gains in [&known[..], &[]] {
        let mut call = call.clone();
        Leveller::new(rate_hz, 2, gains).expect("a rate").process(&mut call);
        // Where nothing is known the beginning is spent on finding out.
        let settled = if gains.is_empty() { call.len() / 4 * 2 } else { 0 };
        let after = loudness(&call[settled..], rate_hz);
        println!("{before:?} LUFS became {after:?} LUFS with {gains:?}");
        assert!((after[0] - after[1]).abs() < 3.0, "{after:?}");
        let agent = loudness(&call, rate_hz)[0];
        assert!((agent - before[0]).abs() < 1.0, "the agent went from {} to {agent}", before[0]);
        assert!(call.iter().all(|sample| sample.abs() <= 1.0));
    }
}

/// What is heard of it as fast as it can, by the code that plays it.
fn heard(name: &str, speed: f64, shape: Shape) -> Vec<f32> {
    let options = RenderOptions { speed, shape, ..RenderOptions::default() };
    let mut call = Vec::new();
    render(source(name), &options, &mut |block| call.extend_from_slice(block)).expect(name);
    call
}

#[test]
fn what_is_heard_of_the_quiet_customer_is_within_3_db_of_the_agent_at_every_speed() {
    let name = "call-dual-quiet-customer-60s.mp3";
    let rate_hz = decoded(name).1;
    for speed in [1.0, 1.5] {
        let before = heard(name, speed, Shape::default());
        let after = heard(name, speed, Shape { level: true, ..Shape::default() });
        assert_eq!(before.len(), after.len());
        // The beginning is spent on finding out how loud they speak.
        let settled = after.len() / 4 * 2;
        let (was, is) = (loudness(&before[settled..], rate_hz), loudness(&after[settled..], rate_hz));
        println!("at {speed}x {was:?} LUFS became {is:?} LUFS");
        assert!(was[0] - was[1] > 12.0 && (is[0] - is[1]).abs() < 3.0, "{was:?} {is:?}");
        let agent = [&before, &after].map(|call| loudness(call, rate_hz)[0]);
        assert!((agent[0] - agent[1]).abs() < 1.0, "{agent:?}");
    }
}

#[test]
fn where_it_was_measured_beforehand_the_very_beginning_is_level() {
    let name = "call-dual-quiet-customer-60s.mp3";
    let (call, rate_hz) = decoded(name);
    let lufs = measure(source(name)).expect("loudness");
    assert_eq!(lufs, spoken(&call, rate_hz));
    let lift = <[f32; 2]>::try_from(gains(&lufs)).expect("two sides");
    for speed in [1.0, 2.0] {
        // The first ten seconds of the call, in which the gain would still be on its way.
        let beginning = (10.0 / speed * f64::from(rate_hz)) as usize * 2;
        let found = heard(name, speed, Shape { level: true, lift: Some(lift), ..Shape::default() });
        let sides = loudness(&found[..beginning], rate_hz);
        assert!((sides[0] - sides[1]).abs() < 3.0, "at {speed}x {sides:?}");
        let unknown = heard(name, speed, Shape { level: true, ..Shape::default() });
        let sides = loudness(&unknown[..beginning], rate_hz);
        assert!((sides[0] - sides[1]).abs() > 3.0, "measuring beforehand is worth nothing here: {sides:?}");
    }
}

#[test]
fn a_call_whose_sides_are_alike_is_hardly_changed_and_nobodys_gain_follows_the_voice() {
    let name = "call-dual-quiet-customer-60s.mp3";
    let (call, rate_hz) = decoded(name);
    let mut levelled = call.clone();
    let gains = gains(&spoken(&call, rate_hz));
    Leveller::new(rate_hz, 2, &gains).expect("a rate").process(&mut levelled);
    // The gain in each 100 ms in which the customer speaks: one gain, but for what the limiter takes off its peaks.
    let part = rate_hz as usize / 10 * 2;
    let rms =
        |samples: &[f32]| (samples.chunks(2).map(|frame| frame[1].powi(2)).sum::<f32>() / (part / 2) as f32).sqrt();
    let parts = call.chunks(part).zip(levelled.chunks(part)).filter(|(was, _)| rms(was) > 0.002);
    let found: Vec<f32> = parts.map(|(was, is)| 20.0 * (rms(is) / rms(was)).log10()).collect();
    let usual = 20.0 * gains[1].log10();
    let alike = found.iter().filter(|db| (*db - usual).abs() < 1.0).count();
    assert!(alike * 100 >= found.len() * 95, "{alike} of {} parts of speech have the gain of {usual} dB", found.len());
}
