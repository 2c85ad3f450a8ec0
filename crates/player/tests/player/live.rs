//! The live player over an output that is stepped by hand: what is heard, and where it says it is.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};

use aftercall_domain::clock::ManualClock;
use aftercall_player::output::Headless;
use aftercall_player::{OutputChoice, Phase, Player, PlayerError, Status};

use crate::signal::{channel, correlation, lag};
use crate::support::{at_speed, player, rendered, source, until};

const CALL: &str = "call-dual-45s.mp3";
/// The recording's own rate, so that samples can be compared without a resampler in between.
const RATE: usize = 8_000;

fn playing(name: &str, rate_hz: usize) -> (Player, Headless) {
    let (player, headless) = player(rate_hz);
    player.load(source(name), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    (player, headless)
}

/// The part of the render that begins at a time, left side.
fn left(samples: &[f32], from_ms: usize, frames: usize) -> Vec<f32> {
    let from = from_ms * RATE / 1000;
    channel(samples, 2, 0)[from..from + frames].to_vec()
}

/// What was played, in tenths of a second.
fn played(player: &Player) -> Vec<(i64, i64)> {
    let played: Vec<(i64, i64)> = (*player.status().played).clone().into();
    played.into_iter().map(|(from_ms, to_ms)| ((from_ms + 50) / 100, (to_ms + 50) / 100)).collect()
}

#[test]
fn what_counts_as_played_is_what_was_heard_and_not_what_was_jumped_over() {
    let (player, headless) = playing(CALL, RATE);
    headless.step(2 * RATE);
    assert_eq!(played(&player), [(0, 20)]);
    player.seek(30_000);
    assert_eq!(played(&player), [(0, 20)], "a jump is no listening");
    headless.step(RATE);
    player.set_speed(2.0);
    headless.step(RATE);
    assert_eq!(played(&player), [(0, 20), (300, 330)], "at any speed");
    player.seek(1_000);
    headless.step(RATE);
    assert_eq!(played(&player), [(0, 30), (300, 330)], "and what was heard twice counts once");
    player.pause();
    headless.step(RATE);
    player.load(source("call-mono-5s.wav"), 0, false);
    assert!(played(&player).is_empty(), "of another recording nothing was heard");
}

#[test]
fn what_goes_round_is_played_once_and_silences_that_are_left_out_part_nothing() {
    let (player, headless) = playing(CALL, RATE);
    player.set_repeat(Some((2_000, 3_000)));
    for _ in 0..25 {
        headless.step(RATE / 10);
        player.status();
    }
    let round: Vec<(i64, i64)> = (*player.status().played).clone().into();
    assert!(round.len() == 1 && round[0].0 == 2_000 && (2_850..=3_000).contains(&round[0].1), "{round:?}");
    player.set_repeat(None);
    player.set_cuts([aftercall_media::Cut { start_ms: 11_000, end_ms: 14_000 }].into());
    player.set_skip(true);
    player.seek(10_000);
    headless.step(2 * RATE);
    let played = played(&player);
    assert!(played.contains(&(100, 150)), "{played:?}");
}

/// Behind the ramp that every beginning has.
fn settled(samples: &[f32]) -> &[f32] {
    &samples[RATE / 100..]
}

#[test]
fn what_is_heard_is_what_the_render_holds() {
    for speed in [1.0, 1.5, 2.0] {
        let (whole, _) = rendered(CALL, &at_speed(speed)).expect("sound");
        let (player, headless) = player(RATE);
        player.set_speed(speed);
        player.load(source(CALL), 0, true);
        until(&player, |status| status.phase == Phase::Playing);
        let frames = 5 * RATE;
        let heard = channel(&headless.step(frames), 2, 0);
        assert_eq!(settled(&heard), settled(&left(&whole, 0, frames)), "at {speed}");
        assert_eq!(player.status().underruns, 0);
        assert_eq!(player.status().output_ms, 5_000);
    }
}

#[test]
fn the_position_is_the_media_time_that_was_rendered_at_any_speed() {
    for rate_hz in [8_000, 44_100, 48_000] {
        let (player, headless) = playing(CALL, rate_hz);
        for speed in [1.0, 2.0, 0.5, 1.5, 3.0] {
            let mut expected_ms = player.set_speed(speed).position_ms as f64;
            for _ in 0..4 {
                headless.step(rate_hz / 3);
                expected_ms += speed * 1000.0 / 3.0;
                let off = player.status().position_ms as f64 - expected_ms;
                // What was heard before the change fades for 5 ms before the new sound begins.
                assert!((-5.0 * speed - 2.0..=2.0).contains(&off), "at {speed}, {rate_hz} Hz: {off} ms off");
            }
        }
    }
}

#[test]
fn a_seek_is_heard_at_once_and_to_the_sample() {
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    let (player, headless) = playing(CALL, RATE);
    headless.step(2 * RATE);
    let status = player.seek(31_500);
    assert_eq!((status.position_ms, status.phase), (31_500, Phase::Playing));
    let heard = channel(&headless.step(RATE), 2, 0);
    let wanted = left(&whole, 31_500, RATE);
    // What was heard before fades for at most 5 ms; then comes the new sound, from its first sample.
    let late = lag(&wanted, &heard, 100);
    assert!((0..=40).contains(&late), "late by {late} samples");
    let late = late.unsigned_abs();
    assert_eq!(settled(&heard[late..]), settled(&wanted[..wanted.len() - late]));
    player.seek(3_000);
    assert_eq!(player.status().position_ms, 3_000);
    headless.step(RATE);
    assert!((3_990..=4_010).contains(&player.status().position_ms), "{:?}", player.status());
}

#[test]
fn a_new_speed_goes_on_from_where_it_is_heard() {
    let (fast, _) = rendered(CALL, &at_speed(2.0)).expect("sound");
    let (player, headless) = playing(CALL, RATE);
    headless.step(4 * RATE);
    let before = player.status().position_ms;
    assert_eq!(player.set_speed(2.0).speed, 2.0);
    let heard = channel(&headless.step(3 * RATE), 2, 0);
    let after = player.status().position_ms;
    assert!((after - before - 6_000).abs() < 20, "{before} {after}");
    // The same words as in the render at 2x, at half their time; windows are laid from another start.
    let wanted = left(&fast, 2_000, 3 * RATE);
    let loudness = |samples: &[f32]| -> Vec<f32> {
        samples.chunks_exact(160).map(|part| crate::signal::rms(part) as f32).collect()
    };
    let alike = correlation(&loudness(&heard), &loudness(&wanted));
    assert!(alike > 0.95, "{alike}");
}

#[test]
fn a_pause_is_silent_holds_the_position_and_resumes_without_losing_a_sample() {
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    let (player, headless) = playing(CALL, RATE);
    let mut heard = channel(&headless.step(RATE), 2, 0);
    assert_eq!(player.pause().phase, Phase::Paused);
    let fade = channel(&headless.step(RATE / 10), 2, 0);
    let held = player.status().position_ms;
    assert!(headless.step(3 * RATE).iter().all(|sample| *sample == 0.0));
    assert_eq!(player.status().position_ms, held);
    player.play();
    let faded_frames = (held as usize * RATE / 1000).saturating_sub(heard.len());
    assert!(faded_frames <= RATE / 100, "{faded_frames} frames of fade");
    heard.extend_from_slice(&fade[..faded_frames]);
    let resumed = channel(&headless.step(RATE), 2, 0);
    let from = heard.len();
    let wanted = left(&whole, 0, from + RATE);
    assert_eq!(settled(&resumed), settled(&wanted[from..]));
}

#[test]
fn the_end_is_the_end_and_play_begins_again() {
    for (speed, rate_hz) in [(1.0, 8_000), (1.5, 48_000), (3.0, 44_100)] {
        let (player, headless) = player(rate_hz);
        player.set_speed(speed);
        player.load(source("call-mono-5s.wav"), 0, true);
        until(&player, |status| status.phase == Phase::Playing);
        let mut frames = 0;
        while player.status().phase == Phase::Playing {
            frames += headless.step(rate_hz / 20).len() / 2;
            assert!(frames < 20 * rate_hz, "never ends");
        }
        let status = player.status();
        assert_eq!((status.phase, status.position_ms, status.duration_ms), (Phase::Ended, 5_000, 5_000));
        assert!((status.output_ms - (5_000.0 / speed) as i64).abs() <= 1, "{} ms at {speed}", status.output_ms);
        assert_eq!(status.underruns, 0);
        assert_eq!(player.play().position_ms, 0);
        headless.step(rate_hz);
        let again = player.status();
        assert_eq!(again.phase, Phase::Playing);
        assert!((again.position_ms as f64 - 1_000.0 * speed).abs() < 20.0, "{again:?}");
    }
}

#[test]
fn a_window_ends_where_it_was_told_to() {
    let (player, headless) = player(RATE);
    player.load_window(source(CALL), 10_000, Some(12_000), true);
    until(&player, |status| status.phase == Phase::Playing);
    headless.step(3 * RATE);
    let status = player.status();
    assert_eq!((status.phase, status.position_ms, status.output_ms), (Phase::Ended, 12_000, 2_000));
}

#[test]
fn loading_to_stand_opens_no_device_and_knows_the_length() {
    let (player, headless) = player(RATE);
    assert_eq!(player.load(source(CALL), 7_000, false).phase, Phase::Loading);
    let status = until(&player, |status| status.phase != Phase::Loading);
    assert_eq!((status.phase, status.position_ms, status.duration_ms), (Phase::Paused, 7_000, 45_000));
    assert!(headless.step(RATE).iter().all(|sample| *sample == 0.0));
    player.play();
    headless.step(RATE);
    assert!((7_990..=8_010).contains(&player.status().position_ms));
}

#[test]
fn another_recording_is_heard_instead_at_once() {
    let (whole, _) = rendered("call-mono-5s.wav", &at_speed(1.0)).expect("sound");
    let (player, headless) = playing(CALL, RATE);
    headless.step(3 * RATE);
    player.load(source("call-mono-5s.wav"), 0, true);
    let status = until(&player, |status| status.phase == Phase::Playing);
    assert_eq!((status.position_ms, status.duration_ms), (0, 5_000));
    let heard = channel(&headless.step(2 * RATE), 2, 0);
    assert!((0..=40).contains(&lag(&whole[..RATE], &heard, 100)));
    assert!(correlation(&whole[..2 * RATE], &heard[lag(&whole[..RATE], &heard, 100) as usize..]) > 0.999);
    assert_eq!(player.unload().phase, Phase::Idle);
}

#[test]
fn volume_is_a_gain_that_is_ramped_to() {
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    let (player, headless) = playing(CALL, RATE);
    assert_eq!(player.set_volume(0.25).volume, 0.25);
    let heard = channel(&headless.step(2 * RATE), 2, 0);
    let quarter: Vec<f32> = left(&whole, 0, 2 * RATE).iter().map(|sample| sample * 0.25).collect();
    assert_eq!(settled(&heard), settled(&quarter));
}

#[test]
fn without_a_device_it_says_so_and_plays_once_there_is_one() {
    let (player, headless) = player(RATE);
    headless.unplug();
    player.load(source(CALL), 4_000, true);
    let status = until(&player, |status| status.phase != Phase::Loading);
    assert_eq!(status.phase, Phase::Failed(PlayerError::NoOutputDevice));
    assert_eq!((status.position_ms, status.duration_ms), (4_000, 45_000));
    assert_eq!(player.play().phase, Phase::Failed(PlayerError::NoOutputDevice));
    headless.plug();
    assert_eq!(player.play().phase, Phase::Playing);
    headless.step(RATE);
    assert!((4_990..=5_010).contains(&player.status().position_ms));
}

#[test]
fn a_device_that_goes_pauses_it_and_it_never_resumes_by_itself() {
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    let (player, headless) = playing(CALL, RATE);
    headless.step(6 * RATE);
    headless.unplug();
    let status = until(&player, |status| status.phase != Phase::Playing);
    assert_eq!(status.phase, Phase::Paused);
    assert!((5_980..=6_020).contains(&status.position_ms), "{status:?}");
    headless.plug();
    assert!(headless.step(RATE).iter().all(|sample| *sample == 0.0));
    assert_eq!(player.status().phase, Phase::Paused);
    player.play();
    let heard = channel(&headless.step(RATE), 2, 0);
    let wanted = left(&whole, status.position_ms as usize, RATE);
    assert!(correlation(&wanted, &heard) > 0.98, "goes on where it stood");
}

#[test]
fn an_output_that_breaks_down_goes_on_where_it_stood() {
    let (whole, _) = rendered(CALL, &at_speed(1.0)).expect("sound");
    let clock = Arc::new(ManualClock::at(0));
    let headless = Headless::stepped(RATE as u32);
    let player = Player::start_by(OutputChoice::Headless(headless.clone()), clock.clone(), Box::new(|_| {}));
    player.load(source(CALL), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    headless.step(6 * RATE);
    headless.break_down();
    until(&player, |_| headless.is_open());
    let heard = channel(&headless.step(RATE), 2, 0);
    assert_eq!(settled(&heard), settled(&left(&whole, 6_000, RATE)));
    // One that never gives a sound is not opened again without end.
    for _ in 0..4 {
        clock.advance_ms(2_000);
        headless.break_down();
        until(&player, |_| headless.is_open());
    }
    headless.break_down();
    until(&player, |status| status.phase == Phase::Paused);
}

#[test]
fn every_change_is_told_in_order_with_a_growing_revision() {
    let told: Arc<Mutex<Vec<Status>>> = Arc::default();
    let headless = Headless::stepped(RATE as u32);
    let listener = {
        let told = Arc::clone(&told);
        Box::new(move |status| told.lock().expect("a list").push(status))
    };
    let player = Player::start(OutputChoice::Headless(headless.clone()), listener);
    player.load(source("call-mono-5s.wav"), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    headless.step(6 * RATE);
    until(&player, |status| status.phase == Phase::Ended);
    player.close();
    let told = told.lock().expect("a list");
    assert!(told.windows(2).all(|pair| pair[0].revision < pair[1].revision));
    let mut phases: Vec<Phase> = told.iter().map(|status| status.phase.clone()).collect();
    phases.dedup();
    assert_eq!(phases, [Phase::Loading, Phase::Playing, Phase::Ended]);
}

#[test]
fn a_paced_output_plays_by_the_clock_to_the_end() {
    let headless = Headless::paced(48_000);
    let player = Player::start(OutputChoice::Headless(headless.clone()), Box::new(|_| {}));
    player.set_speed(3.0);
    player.load(source("call-mono-5s.wav"), 2_000, true);
    let status = until(&player, |status| status.phase == Phase::Ended);
    assert_eq!((status.position_ms, status.output_ms), (5_000, 1_000));
    assert!(headless.take_captured().iter().any(|sample| sample.abs() > 0.05));
}

/// Bytes of a recording that turn bad after a while.
struct Failing {
    inner: io::Cursor<Vec<u8>>,
    good_reads: usize,
    panics: bool,
}

impl Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.good_reads == 0 {
            assert!(!self.panics, "scripted");
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.good_reads -= 1;
        self.inner.read(out)
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[test]
fn a_source_that_fails_or_panics_is_a_failure_of_that_recording_only() {
    let bytes = std::fs::read(crate::support::audio("call-dual-20s.wav")).expect("a fixture");
    let rows = [(false, Phase::Failed(PlayerError::Read(io::ErrorKind::InvalidData)))];
    let rows = rows.into_iter().chain([(true, Phase::Failed(PlayerError::DecoderStopped))]);
    for (panics, phase) in rows {
        for good_reads in [0, 30] {
            let (player, headless) = player(RATE);
            let inner = io::Cursor::new(bytes.clone());
            player.load(Box::new(Failing { inner, good_reads, panics }), 0, true);
            let mut steps = 0;
            let status = loop {
                let status = until(&player, |status| status.phase != Phase::Loading);
                if status.phase != Phase::Playing {
                    break status;
                }
                headless.step(RATE / 10);
                steps += 1;
                assert!(steps < 300, "never fails");
            };
            assert_eq!(status.phase, phase, "after {good_reads} reads");
            player.load(source(CALL), 0, true);
            until(&player, |status| status.phase == Phase::Playing);
            assert!(headless.step(3 * RATE).iter().any(|sample| sample.abs() > 0.01), "the next one plays");
        }
    }
}
