//! Fixtures and the decoder to compare with.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aftercall_player::offline::{RenderOptions, Rendered, render};
use aftercall_player::output::Headless;
use aftercall_player::{Decoder, OutputChoice, Player, PlayerError, Source, Status};

/// Every recording, with its exact length in samples per channel.
pub const RECORDINGS: [(&str, u64); 9] = [
    ("call-dual-20s.wav", 160_000),
    ("call-dual-45s.mp3", 360_000),
    ("call-dual-4min.mp3", 1_920_000),
    ("call-dual-hold-90s.mp3", 720_000),
    ("call-dual-quiet-customer-60s.mp3", 480_000),
    ("call-dual-ulaw-15s.wav", 120_000),
    ("call-dual-vbr-40s.mp3", 882_000),
    ("call-mono-30s.mp3", 240_000),
    ("call-mono-5s.wav", 40_000),
];

pub fn audio(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio").join(name)
}

pub fn source(name: &str) -> Box<dyn Source> {
    Box::new(File::open(audio(name)).expect("a fixture"))
}

/// All samples of it, interleaved, and their rate.
pub fn decoded(name: &str) -> (Vec<f32>, u32) {
    let mut decoder = Decoder::open(source(name)).expect(name);
    let mut call = Vec::new();
    while decoder.read(&mut call).expect(name) > 0 {}
    (call, decoder.sample_rate_hz())
}

/// Renders into memory.
pub fn rendered(name: &str, options: &RenderOptions) -> Result<(Vec<f32>, Rendered), PlayerError> {
    let mut samples = Vec::new();
    let rendered = render(source(name), options, &mut |block| samples.extend_from_slice(block))?;
    Ok((samples, rendered))
}

pub fn at_speed(speed: f64) -> RenderOptions {
    RenderOptions { speed, ..RenderOptions::default() }
}

/// What ffmpeg decodes, interleaved, at the file's own rate and channels, as -1 to 1.
pub fn ffmpeg(name: &str) -> Vec<f32> {
    ffmpeg_of(&audio(name))
}

/// The same of any file.
pub fn ffmpeg_of(path: &Path) -> Vec<f32> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-f", "f32le", "-c:a", "pcm_f32le", "-"])
        .output()
        .expect("ffmpeg is needed for these tests: run `cargo xtask setup`, or install it");
    assert!(output.status.success(), "ffmpeg failed: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// A player whose device is stepped by the test.
pub fn player(rate_hz: usize) -> (Player, Headless) {
    let headless = Headless::stepped(rate_hz as u32);
    (Player::start(OutputChoice::Headless(headless.clone()), Box::new(|_| {})), headless)
}

/// Waits for the decode or control thread to come round. The limit is a test's patience, not a promise of speed.
pub fn until(player: &Player, wanted: impl Fn(&Status) -> bool) -> Status {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let status = player.status();
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < patience, "still {status:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
