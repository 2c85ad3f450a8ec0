//! What is left out, what goes round, and what is heard alone: in a file and live.

use std::sync::Arc;

use aftercall_media::{Cut, cuts};
use aftercall_player::offline::RenderOptions;
use aftercall_player::shape::Shape;
use aftercall_player::{Phase, analyse};
use serde_json::Value;

use crate::signal::{channel, correlation, rms};
use crate::support::{at_speed, audio, player, rendered, source, until};

const CALL: &str = "call-dual-45s.mp3";
const RATE: usize = 8_000;

fn cuts_of(name: &str) -> Arc<[Cut]> {
    cuts(&analyse(source(name)).expect("sound").turns).into()
}

#[test]
fn a_silence_is_left_out_to_the_sample_and_all_else_is_as_it_was() {
    let cuts: Arc<[Cut]> =
        Arc::from([Cut { start_ms: 5_700, end_ms: 6_100 }, Cut { start_ms: 13_500, end_ms: 14_200 }]);
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    let (short, told) = rendered(CALL, &RenderOptions { cuts, ..at_speed(1.0) }).expect("sound");
    assert_eq!((told.media_ms, told.skipped_ms, told.output_ms), (45_000, 1_100, 43_900));
    let frames = |ms: usize| ms * RATE / 1000 * 2;
    // What comes after a cut is faded to over 5 ms.
    assert_eq!(short[..frames(5_700)], whole[..frames(5_700)]);
    assert_eq!(short[frames(5_705)..frames(13_100)], whole[frames(6_105)..frames(13_500)]);
    assert_eq!(short[frames(13_105)..], whole[frames(14_205)..]);
    let jump = |samples: &[f32]| samples.windows(3).map(|w| (w[2] - w[0]).abs()).fold(0.0, f32::max);
    assert!(jump(&short[frames(5_695)..frames(5_710)]) < 0.02, "it does not click");
}

#[test]
fn the_length_is_what_is_left_over_the_speed_and_an_end_within_a_silence_is_kept() {
    let cuts = cuts_of("call-dual-hold-90s.mp3");
    let saved: i64 = cuts.iter().map(|cut| cut.length_ms()).sum();
    for speed in [0.5, 1.5, 2.0, 3.0] {
        let options = RenderOptions { cuts: Arc::clone(&cuts), ..at_speed(speed) };
        let (_, told) = rendered("call-dual-hold-90s.mp3", &options).expect("sound");
        assert!((told.skipped_ms - saved).abs() <= 1, "{told:?} {saved}");
        let expected = (told.media_ms - told.skipped_ms) as f64 / speed;
        assert!((told.output_ms as f64 - expected).abs() <= 20.0, "{told:?} at {speed}");
    }
    let within: Arc<[Cut]> = Arc::from([Cut { start_ms: 2_000, end_ms: 6_000 }]);
    let options = RenderOptions { from_ms: 3_000, to_ms: Some(8_000), cuts: within, ..RenderOptions::default() };
    let (_, told) = rendered(CALL, &options).expect("sound");
    assert_eq!((told.media_ms, told.skipped_ms, told.output_ms), (5_000, 3_000, 2_000));
}

#[test]
fn no_labelled_speech_is_left_out() {
    let labels: Value = serde_json::from_slice(&std::fs::read(audio("turns.json")).expect("labels")).expect("JSON");
    let mut left_out_ms = 0;
    for (name, file) in labels.as_object().expect("files") {
        for cut in cuts_of(name).iter() {
            left_out_ms += cut.length_ms();
            for turn in file["turns"].as_array().expect("turns") {
                let (start_ms, end_ms) = (turn["start_ms"].as_i64().expect("ms"), turn["end_ms"].as_i64().expect("ms"));
                assert!(end_ms <= cut.start_ms || start_ms >= cut.end_ms, "{name}: {cut:?} cuts {start_ms}–{end_ms}");
            }
        }
    }
    assert!(left_out_ms > 10_000, "there is something to leave out: {left_out_ms} ms");
}

#[test]
fn live_it_is_what_the_file_holds_and_the_position_jumps_with_it() {
    let cuts: Arc<[Cut]> = Arc::from([Cut { start_ms: 2_000, end_ms: 6_000 }]);
    let (short, _) = rendered(CALL, &RenderOptions { cuts: Arc::clone(&cuts), ..at_speed(1.0) }).expect("sound");
    let (player, headless) = player(RATE);
    player.set_skip(true);
    player.load(source(CALL), 0, true);
    player.set_cuts(Arc::clone(&cuts));
    until(&player, |status| status.phase == Phase::Playing);
    let heard = channel(&headless.step(RATE + RATE / 2), 2, 0);
    assert_eq!(heard[RATE / 100..], channel(&short, 2, 0)[RATE / 100..heard.len()]);
    assert_eq!(player.status().position_ms, 1_500);
    headless.step(RATE * 7 / 10);
    assert_eq!(player.status().position_ms, 6_200, "0.5 s to the cut, 0.2 s behind it");
    // A round stretch leaves nothing out.
    player.set_repeat(Some((1_000, 5_000)));
    headless.step(3 * RATE);
    let position_ms = player.status().position_ms;
    assert!((3_980..=4_020).contains(&position_ms), "{position_ms}");
    assert_eq!(player.set_repeat(None).repeat, None);
}

#[test]
fn a_stretch_goes_round_and_round_without_a_gap_at_any_speed() {
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    let (player, headless) = player(RATE);
    player.load(source(CALL), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    player.set_repeat(Some((3_000, 4_000)));
    let heard = channel(&headless.step(3 * RATE + RATE / 2), 2, 0);
    let stretch = &channel(&whole, 2, 0)[3 * RATE..4 * RATE];
    for round in 0..3 {
        let again = &heard[round * RATE + 80..(round + 1) * RATE - 80];
        assert!(correlation(again, &stretch[80..RATE - 80]) > 0.999, "round {round}");
    }
    assert!((3_480..=3_520).contains(&player.status().position_ms), "{:?}", player.status());
    for speed in [0.5, 2.0, 3.0] {
        player.set_speed(speed);
        for _ in 0..20 {
            headless.step(RATE / 7);
            let position_ms = player.status().position_ms;
            assert!((3_000..=4_000).contains(&position_ms), "{position_ms} at {speed}");
        }
    }
    assert_eq!(player.status().underruns, 0);
    player.set_repeat(None);
    player.set_speed(1.0);
    headless.step(2 * RATE);
    assert!(player.status().position_ms > 4_500, "goes on behind it");
}

#[test]
fn one_side_alone_is_heard_in_both_ears_and_the_other_not_at_all() {
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    for solo in [1_u16, 2] {
        let shape = Shape { solo: Some(solo), ..Shape::default() };
        let (alone, _) = rendered(CALL, &RenderOptions { shape, ..at_speed(1.0) }).expect("sound");
        let wanted = channel(&whole, 2, usize::from(solo) - 1);
        assert_eq!(channel(&alone, 2, 0), wanted);
        assert_eq!(channel(&alone, 2, 1), wanted);
        let (player, headless) = player(RATE);
        player.load(source(CALL), 0, true);
        until(&player, |status| status.phase == Phase::Playing);
        player.set_solo(Some(solo));
        let heard = headless.step(8 * RATE);
        assert_eq!(channel(&heard, 2, 0), channel(&heard, 2, 1));
        assert!(correlation(&channel(&heard, 2, 0), &wanted) > 0.99);
    }
}

#[test]
fn gains_are_of_each_side() {
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    let shape = Shape { gains: [0.5, 0.0], ..Shape::default() };
    let (mixed, _) = rendered(CALL, &RenderOptions { shape, ..at_speed(1.0) }).expect("sound");
    assert!((rms(&channel(&mixed, 2, 0)) / rms(&channel(&whole, 2, 0)) - 0.5).abs() < 1e-3);
    assert_eq!(rms(&channel(&mixed, 2, 1)), 0.0);
}

#[test]
fn what_is_said_again_is_slower_and_then_as_before() {
    let (player, headless) = player(RATE);
    player.load(source(CALL), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    headless.step(10 * RATE);
    let asked_ms = player.status().position_ms;
    let status = player.say_again();
    assert_eq!((status.position_ms, status.pace, status.speed), (asked_ms - 5_000, 0.75, 1.0));
    // Five seconds at three quarters of the speed.
    headless.step(6 * RATE);
    assert!(player.status().saying_again);
    headless.step(RATE);
    let status = until(&player, |status| !status.saying_again);
    assert_eq!(status.pace, 1.0);
    let before_ms = player.status().position_ms;
    headless.step(RATE);
    assert!((player.status().position_ms - before_ms - 1_000).abs() <= 20);
}

#[test]
fn mute_is_silent_keeps_the_volume_and_goes_on() {
    let (player, headless) = player(RATE);
    player.load(source(CALL), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    let status = player.set_muted(true);
    assert_eq!((status.volume, status.muted), (1.0, true));
    headless.step(RATE / 10);
    assert!(headless.step(2 * RATE).iter().all(|sample| *sample == 0.0));
    assert!(player.status().position_ms > 2_000);
    player.set_muted(false);
    assert!(headless.step(2 * RATE).iter().any(|sample| sample.abs() > 0.01));
}
