//! Files that were made to hurt: an error or sound, never a panic.

use std::io::Cursor;

use aftercall_domain::error::Code;
use aftercall_player::{Decoder, PlayerError, analyse};

use crate::support::{RECORDINGS, audio};

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
    for entry in std::fs::read_dir(audio("hostile")).expect("the hostile files") {
        let path = entry.expect("an entry").path();
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
