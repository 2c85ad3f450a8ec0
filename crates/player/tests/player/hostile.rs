//! Files that were made to hurt: an error or sound, never a panic.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aftercall_domain::error::Code;
use aftercall_player::{Decoder, PATIENCE, Phase, PlayerError, analyse};

use crate::support::{RECORDINGS, audio, player, source, until};

/// Decodes all of it. Returns samples, or why not.
fn decoded(bytes: Vec<u8>) -> Result<usize, PlayerError> {
    let mut decoder = Decoder::open(Box::new(Cursor::new(bytes)))?;
    let mut samples = Vec::new();
    let mut count = 0;
    while decoder.read(&mut samples)? > 0 {
        assert!(samples.iter().all(|sample| sample.is_finite()));
        count += samples.len();
        samples.clear();
    }
    assert_eq!(count as u64, decoder.total_frames() * decoder.channels() as u64);
    Ok(count)
}

#[test]
fn the_hostile_files_end_in_an_error_or_in_sound() {
    let mut seen = 0;
    let entries = std::fs::read_dir(audio("hostile")).expect("the hostile files");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    for path in paths.filter(|path| path.extension().is_some_and(|ending| ending == "bin")) {
        let bytes = std::fs::read(&path).expect("a file");
        let outcome = decoded(bytes.clone());
        println!("{}: {outcome:?}", path.display());
        // A panic is caught and has this name: the decoder must not even get there.
        assert_ne!(outcome, Err(PlayerError::DecoderStopped), "{}", path.display());
        let analysis = analyse(Box::new(Cursor::new(bytes)));
        assert_eq!(analysis.is_ok(), outcome.is_ok(), "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn truncated_and_scrambled_recordings_end_in_an_error_or_in_sound() {
    for (name, _) in RECORDINGS.iter().filter(|(name, _)| !name.contains("4min")) {
        let whole = std::fs::read(audio(name)).expect("a fixture");
        for cut in [0, 1, 3, 44, 45, 100, 417, 1_000, whole.len() / 2, whole.len() - 1] {
            let outcome = decoded(whole[..cut.min(whole.len())].to_vec());
            assert_ne!(outcome, Err(PlayerError::DecoderStopped), "{name} cut at {cut}");
        }
        let mut state = 0x2545_f491_u32;
        for round in 0..12 {
            let mut bytes = whole[..whole.len().min(60_000)].to_vec();
            for _ in 0..(1 << round) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = state as usize % bytes.len();
                bytes[at] ^= (state >> 24) as u8;
            }
            let outcome = decoded(bytes);
            assert_ne!(outcome, Err(PlayerError::DecoderStopped), "{name}, round {round}");
        }
    }
}

#[test]
fn what_is_no_recording_is_refused_by_its_cause() {
    let rows: [(&[u8], Code); 4] = [
        (b"", Code::NotAudio),
        (b"<!doctype html><html><body>502 Bad Gateway</body></html>", Code::NotAudio),
        (b"{\"error\": \"Recording not found\"}", Code::NotAudio),
        (
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\0\0\0",
            Code::NotAudio,
        ),
    ];
    for (bytes, code) in rows {
        let error = decoded(bytes.to_vec()).expect_err("refused");
        assert_eq!(error.code(), code, "{error:?}");
    }
}

/// A recording on which decoding does not come to an end: going on from its middle never comes back, as an endless loop
/// in a decoder would not, until the test lets go of it.
struct Endless {
    bytes: Cursor<Vec<u8>>,
    from: u64,
    let_go: Arc<Mutex<Receiver<()>>>,
}

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buf)
    }
}

impl Seek for Endless {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.bytes.seek(to)?;
        if at >= self.from && to != SeekFrom::End(0) {
            let _ = self.let_go.lock().expect("no panic").recv();
        }
        Ok(at)
    }
}

#[test]
fn a_decoder_that_does_not_come_back_is_left_and_the_next_recording_plays() {
    let (let_go, held) = channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let bytes = std::fs::read(audio("call-dual-20s.wav")).expect("a fixture");
    let endless = |from| Endless { bytes: Cursor::new(bytes.clone()), from, let_go: Arc::clone(&held) };
    let began = Instant::now();
    let spent = || began.elapsed();
    assert_eq!(analyse(Box::new(endless(100_000))).map(drop), Err(PlayerError::Endless));
    assert!((PATIENCE..PATIENCE + Duration::from_secs(10)).contains(&spent()), "{:?}", spent());

    let (player, headless) = player(8_000);
    // From its middle: it opens, begins to sound, and stops for ever.
    player.load(Box::new(endless(100_000)), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    let failed = until(&player, |status| {
        headless.step(8_000);
        matches!(status.phase, Phase::Failed(_))
    });
    assert_eq!(failed.phase, Phase::Failed(PlayerError::Endless));
    // Commands are answered meanwhile and after.
    assert_eq!(player.play().phase, failed.phase);
    player.load(source("call-mono-5s.wav"), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    let heard = headless.step(16_000);
    assert!(heard.iter().any(|sample| *sample != 0.0), "silence");

    // From its first byte: it does not even open.
    player.load(Box::new(endless(0)), 0, true);
    until(&player, |status| status.phase == Phase::Failed(PlayerError::Endless));
    player.load(source("call-mono-5s.wav"), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    player.close();
    drop(let_go);
}
