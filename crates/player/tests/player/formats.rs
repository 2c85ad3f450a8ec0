//! What telephony delivers, made by ffmpeg: every one decodes to ffmpeg's own samples, and nothing else is attempted.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use aftercall_player::{Decoder, PlayerError};

use crate::support::{audio, ffmpeg_of};

/// Name, and what ffmpeg is told.
const PLAYED: [(&str, &[&str]); 13] = [
    ("pcm-8.wav", &["-ar", "8000", "-c:a", "pcm_s16le"]),
    ("pcm-mono-48.wav", &["-ar", "48000", "-ac", "1", "-c:a", "pcm_s24le"]),
    ("pcm-44.wav", &["-ar", "44100", "-c:a", "pcm_f32le"]),
    ("pcm-u8-11.wav", &["-ar", "11025", "-ac", "1", "-c:a", "pcm_u8"]),
    ("mulaw-8.wav", &["-ar", "8000", "-c:a", "pcm_mulaw"]),
    ("alaw-8.wav", &["-ar", "8000", "-c:a", "pcm_alaw"]),
    ("alaw-mono-16.wav", &["-ar", "16000", "-ac", "1", "-c:a", "pcm_alaw"]),
    ("cbr-8.mp3", &["-ar", "8000", "-b:a", "32k"]),
    ("cbr-mono-16.mp3", &["-ar", "16000", "-ac", "1", "-b:a", "32k"]),
    ("cbr-48.mp3", &["-ar", "48000", "-b:a", "128k"]),
    ("vbr-44.mp3", &["-ar", "44100", "-q:a", "5"]),
    ("vbr-bare-22.mp3", &["-ar", "22050", "-q:a", "5", "-write_xing", "0", "-id3v2_version", "0"]),
    ("cbr-bare-8.mp3", &["-ar", "8000", "-b:a", "16k", "-write_xing", "0", "-id3v2_version", "0"]),
];

const NOT_PLAYED: [(&str, &str, &[&str]); 4] = [
    ("call.flac", "flac", &["-c:a", "flac"]),
    ("call.ogg", "", &["-c:a", "libopus", "-ar", "48000"]),
    ("call.m4a", "", &["-c:a", "aac"]),
    ("gsm.wav", "gsm_ms", &["-ar", "8000", "-ac", "1", "-c:a", "adpcm_ima_wav"]),
];

fn made(folder: &Path, name: &str, how: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(audio("call-dual-20s.wav"))
        .args(["-t", "12"])
        .args(how)
        .arg(&path)
        .output()
        .expect("ffmpeg is needed for these tests: run `cargo xtask setup`, or install it");
    assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
    path
}

fn open(path: &Path) -> Result<Decoder, PlayerError> {
    Decoder::open(Box::new(File::open(path).expect("a file")))
}

#[test]
fn every_format_of_telephony_decodes_to_ffmpegs_samples_and_seeks_to_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, how) in PLAYED {
        let path = made(folder.path(), name, how);
        let theirs = ffmpeg_of(&path);
        let mut decoder = open(&path).expect(name);
        let mut ours = Vec::new();
        while decoder.read(&mut ours).expect(name) > 0 {}
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{name}: off by {worst}");
        assert_eq!(decoder.damaged_packets(), 0, "{name}");
        let channels = decoder.channels();
        for place in [decoder.total_frames() / 2 + 7, 3, decoder.total_frames() * 3 / 4 + 1] {
            decoder.seek_to(place);
            let mut read = Vec::new();
            decoder.read(&mut read).expect(name);
            let from = place as usize * channels;
            assert!(!read.is_empty() && read == ours[from..from + read.len()], "{name}: after a seek to {place}");
        }
    }
}

#[test]
fn another_codec_is_named_and_not_attempted() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, codec, how) in NOT_PLAYED {
        match open(&made(folder.path(), name, how)).err() {
            Some(PlayerError::UnsupportedCodec { codec: named }) => {
                println!("{name}: {named}");
                assert!(
                    !named.is_empty() && (codec.is_empty() || !codec.starts_with("flac") || named == codec),
                    "{name}: {named}"
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}
