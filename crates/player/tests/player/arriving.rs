//! Sound that is still arriving: nothing waits, nothing is heard twice, and what was an estimate becomes exact.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aftercall_player::{Arriving, ArrivingShape, Decoder, Phase, PlayerError, analyse};

use crate::signal::{channel, correlation, lag};
use crate::support::{RECORDINGS, at_speed, audio, player, rendered, source, until};

const CALL: &str = "call-dual-4min.mp3";
/// Of three steps.
const SHORT: &str = "call-dual-45s.mp3";
const RATE: usize = 8_000;
const STEP: u64 = 64 * 1024;

/// A file of which stretches are here.
#[derive(Clone)]
struct Coming {
    bytes: Arc<Vec<u8>>,
    here: Arc<Mutex<Vec<bool>>>,
    wanted: Arc<Mutex<Vec<u64>>>,
    position: u64,
}

impl Coming {
    fn of(bytes: Vec<u8>) -> Self {
        let steps = (bytes.len() as u64).div_ceil(STEP) as usize;
        let here = Arc::new(Mutex::new(vec![false; steps]));
        Self { bytes: Arc::new(bytes), here, wanted: Arc::default(), position: 0 }
    }

    fn file(name: &str) -> Self {
        Self::of(std::fs::read(audio(name)).expect("a fixture"))
    }

    /// The steps from this one on have arrived.
    fn arrive(&self, from: usize, count: usize) {
        let mut here = self.here.lock().expect("no panic");
        let end = (from + count).min(here.len());
        here[from.min(end)..end].fill(true);
    }

    fn arrive_all(&self) {
        self.arrive(0, usize::MAX / 2);
    }

    fn steps(&self) -> usize {
        self.here.lock().expect("no panic").len()
    }

    fn last_wanted(&self) -> Option<u64> {
        self.wanted.lock().expect("no panic").last().copied()
    }
}

impl Read for Coming {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.len() as u64 - self.position.min(self.bytes.len() as u64);
        if left == 0 {
            return Ok(0);
        }
        let n = self.here_from(self.position).min(STEP).min(buf.len() as u64) as usize;
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buf[..n].copy_from_slice(&self.bytes[self.position as usize..self.position as usize + n]);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Coming {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => (self.bytes.len() as u64).checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Arriving for Coming {
    fn here_from(&self, offset: u64) -> u64 {
        let here = self.here.lock().expect("no panic");
        let steps = here.iter().skip((offset / STEP) as usize).take_while(|here| **here).count() as u64;
        let end = ((offset / STEP + steps) * STEP).min(self.bytes.len() as u64);
        if steps == 0 { 0 } else { end - offset.min(end) }
    }

    fn want(&self, offset: u64) {
        self.wanted.lock().expect("no panic").push(offset);
    }

    fn again(&self) -> Box<dyn Arriving> {
        Box::new(Self { position: 0, ..self.clone() })
    }
}

/// Opens and decodes as it arrives, a step at a time, looking on between reads as the decode thread does.
fn decoded_as_it_comes(coming: &Coming) -> (Decoder, Vec<f32>) {
    let mut next = 0;
    let mut decoder = loop {
        match Decoder::open_arriving(coming) {
            Ok(decoder) => break decoder,
            Err(error) => assert!(error.is_not_here(), "{error}"),
        }
        assert!(next <= coming.steps(), "never opened");
        coming.arrive(next, 1);
        next += 1;
    };
    let mut samples = Vec::new();
    loop {
        decoder.look_on().expect("readable");
        match decoder.read(&mut samples) {
            Ok(0) => return (decoder, samples),
            Ok(_) => {}
            Err(error) => {
                assert!(error.is_not_here(), "{error}");
                assert!(next < coming.steps(), "starved with everything here");
                assert_eq!(coming.last_wanted().map(|offset| offset / STEP <= next as u64), Some(true));
                coming.arrive(next, 1);
                next += 1;
            }
        }
    }
}

/// Without the frame that carries the tag.
fn bare(name: &str) -> Vec<u8> {
    let bytes = std::fs::read(audio(name)).expect("a fixture");
    let tag = bytes.windows(4).position(|four| four == b"Xing" || four == b"Info").expect("a tag");
    let second = (tag..bytes.len() - 1).find(|&at| bytes[at] == 0xFF && bytes[at + 1] & 0xE0 == 0xE0);
    bytes[second.expect("a frame")..].to_vec()
}

#[test]
fn a_recording_decoded_while_it_arrives_is_the_recording_to_the_sample() {
    let files = RECORDINGS.iter().map(|(name, _)| (*name, std::fs::read(audio(name)).expect("a fixture")));
    let bare = [CALL, "call-dual-vbr-40s.mp3"].map(|name| ("without its tag", bare(name)));
    for (name, bytes) in files.chain(bare) {
        let mut whole = Decoder::open(Box::new(io::Cursor::new(bytes.clone()))).expect("sound");
        let mut expected = Vec::new();
        while whole.read(&mut expected).expect("sound") > 0 {}
        let (mut decoder, samples) = decoded_as_it_comes(&Coming::of(bytes));
        while decoder.is_arriving() {
            decoder.look_on().expect("readable");
        }
        assert_eq!(decoder.total_frames(), whole.total_frames(), "{name}");
        assert_eq!(decoder.facts(), whole.facts(), "{name}");
        assert!(!decoder.is_estimate(), "{name}");
        assert_eq!(samples.len(), expected.len(), "{name}");
        assert!(samples == expected, "{name}: other samples");
    }
}

#[test]
fn the_shape_of_what_is_here_is_the_beginning_of_the_whole_shape_and_asks_for_nothing() {
    let bytes = std::fs::read(audio(CALL)).expect("a fixture");
    let whole = analyse(Box::new(io::Cursor::new(bytes.clone()))).expect("sound").peaks;
    let coming = Coming::of(bytes.clone());
    let here = (coming.steps() / 2) as f64 * STEP as f64 / bytes.len() as f64;
    coming.arrive(0, coming.steps() / 2);
    // What is behind a gap does not count.
    coming.arrive(coming.steps() / 2 + 1, 1);
    let shape = ArrivingShape::open(&coming).expect("its beginning is here").grown().expect("sound");
    let half_ms = shape.peaks().duration_ms();
    let expected_ms = whole.duration_ms() as f64 * here;
    assert!((half_ms as f64 - expected_ms).abs() < 2_000.0, "{half_ms}, not about {expected_ms}");
    assert_eq!(shape.duration_ms(), whole.duration_ms());
    // As kept, a hundred pairs a second; the last ones share what is left over.
    let kept = |peaks: &aftercall_media::Peaks| peaks.buckets((peaks.duration_ms() / 10) as usize);
    let (drawn, expected) = (kept(&shape.peaks()), kept(&whole));
    assert_eq!(drawn[0][..4_000], expected[0][..4_000]);
    assert_eq!(drawn[1][..4_000], expected[1][..4_000]);
    coming.arrive_all();
    assert_eq!(shape.grown().expect("sound").peaks(), whole, "grown to its end it is the whole shape");
    assert_eq!(coming.last_wanted(), None, "a picture does not decide what is fetched first");
}

#[test]
fn the_length_is_known_from_the_first_bytes_where_the_format_says_it_and_marked_where_it_does_not() {
    let first = |bytes: Vec<u8>| {
        let coming = Coming::of(bytes);
        coming.arrive(0, 1);
        let decoder = Decoder::open_arriving(&coming).expect("open");
        (decoder.total_frames(), decoder.is_estimate())
    };
    for (name, frames) in RECORDINGS {
        assert_eq!(first(std::fs::read(audio(name)).expect("a fixture")), (frames, false), "{name}");
    }
    let (frames, estimated) = first(bare(CALL));
    assert!(estimated && frames.abs_diff(1_920_000) < 2 * 1_152, "constant bit rate: {frames}");
    let (_, estimated) = first(bare("call-dual-vbr-40s.mp3"));
    assert!(estimated);
}

#[test]
fn a_stall_is_a_pause_that_ends_by_itself_and_no_sample_is_lost_or_heard_twice() {
    let (whole, _) = rendered(SHORT, &at_speed(1.0)).expect("sound");
    let coming = Coming::file(SHORT);
    let (player, headless) = player(RATE);
    player.load_arriving(Box::new(coming.clone()), 0, true);
    assert_eq!(player.status().phase, Phase::Loading, "nothing is here yet");
    coming.arrive(0, 1);
    until(&player, |status| status.phase == Phase::Playing);
    let mut heard = Vec::new();
    for step in 1..=coming.steps() {
        while !player.status().buffering && player.status().phase == Phase::Playing {
            let before = player.status().output_ms;
            let block = headless.step(RATE / 10);
            let frames = (player.status().output_ms - before) as usize * RATE / 1000;
            heard.extend_from_slice(&channel(&block, 2, 0)[..frames.min(RATE / 10)]);
            if player.status().output_ms == before {
                // The ring is empty: the decode thread will have said so, or has got more.
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
        if player.status().phase == Phase::Ended {
            break;
        }
        let stalled = player.status();
        assert_eq!(stalled.phase, Phase::Playing, "a stall is no other phase");
        coming.arrive(step, 1);
        until(&player, |status| !status.buffering);
    }
    until(&player, |status| status.phase == Phase::Ended);
    let expected = channel(&whole, 2, 0);
    let quiet = |samples: &[f32]| samples.iter().filter(|sample| sample.abs() > 1e-4).count();
    // Ramps at each stop and start are a few milliseconds; nothing else differs.
    let ratio = quiet(&heard) as f64 / quiet(&expected) as f64;
    assert!((0.98..=1.02).contains(&ratio), "{ratio} of the sound was heard");
    let status = player.status();
    assert_eq!((status.duration_ms, status.estimated), (45_000, false));
    assert_eq!(status.position_ms, 45_000);
}

#[test]
fn no_command_waits_for_bytes_that_do_not_come() {
    let coming = Coming::file(CALL);
    let (player, headless) = player(RATE);
    player.load_arriving(Box::new(coming.clone()), 0, true);
    let begun = Instant::now();
    player.pause();
    player.seek(60_000);
    player.set_speed(2.0);
    player.play();
    player.unload();
    player.load(source("call-mono-5s.wav"), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    player.load_arriving(Box::new(coming.clone()), 0, true);
    coming.arrive(0, 1);
    until(&player, |status| status.phase == Phase::Playing);
    player.seek(200_000);
    headless.step(RATE / 10);
    until(&player, |status| status.buffering);
    player.seek(1_000);
    until(&player, |status| !status.buffering);
    player.seek(200_000);
    player.unload();
    assert_eq!(player.status().phase, Phase::Idle);
    drop(player);
    assert!(begun.elapsed() < Duration::from_secs(20), "a command waited: {:?}", begun.elapsed());
}

#[test]
fn a_seek_ahead_asks_for_its_place_sounds_there_and_is_exact_once_all_is_here() {
    for bytes in [std::fs::read(audio(CALL)).expect("a fixture"), bare(CALL)] {
        let mut decoder = Decoder::open(Box::new(io::Cursor::new(bytes.clone()))).expect("sound");
        let exact_ms = decoder.facts().duration_ms;
        let coming = Coming::of(bytes);
        let (player, headless) = player(RATE);
        coming.arrive(0, 1);
        player.load_arriving(Box::new(coming.clone()), 0, true);
        until(&player, |status| status.phase == Phase::Playing);
        player.seek(180_000);
        headless.step(RATE / 10);
        until(&player, |status| status.buffering);
        let wanted = coming.last_wanted().expect("it asked");
        let there = coming.bytes.len() as u64 * 3 / 4;
        assert!(wanted.abs_diff(there) < STEP, "{wanted} is not about {there}");
        coming.arrive((wanted / STEP) as usize, 2);
        until(&player, |status| !status.buffering);
        headless.step(RATE);
        let before = player.status();
        assert!((180_500..182_500).contains(&before.position_ms), "{before:?}");
        coming.arrive_all();
        let status = until(&player, |status| !status.estimated && status.duration_ms == exact_ms);
        assert_eq!(status.phase, Phase::Playing, "the whole file took over without a stop");
        // From here on it is exact: the sound of that second of the whole recording.
        player.seek(100_000);
        let heard = channel(&headless.step(2 * RATE), 2, 0);
        decoder.seek_to(100 * RATE as u64);
        let mut whole = Vec::new();
        while whole.len() < 2 * RATE * decoder.channels() {
            decoder.read(&mut whole).expect("sound");
        }
        let whole = channel(&whole, 2, 0);
        // What was heard before fades for 5 ms.
        let late = lag(&whole[..RATE], &heard[..RATE], 80);
        assert!((0..=80).contains(&late), "{late} samples late");
        let alike = correlation(&heard[late as usize + 100..RATE], &whole[100..RATE - late as usize]);
        assert!(alike > 0.999, "{alike}");
    }
}

#[test]
fn what_turns_out_to_be_no_recording_fails_as_one_that_is_whole_does() {
    let (player, _headless) = player(RATE);
    let page = b"<!doctype html><html>".repeat(10_000);
    let coming = Coming::of(page);
    coming.arrive(0, 1);
    player.load_arriving(Box::new(coming), 0, true);
    let status = until(&player, |status| matches!(status.phase, Phase::Failed(_)));
    assert_eq!(status.phase, Phase::Failed(PlayerError::NotAudio));
}
