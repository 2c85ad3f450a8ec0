//! `cargo xtask campaign listen`: the command line plays for minutes into a captured sound card; what the card heard is
//! compared with the render of the same code, stretch by stretch, so that a gap, a repeat or a drift shows.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::likeness::{Clip, compare};
use crate::stage::{Home, Sandbox, Sound};
use crate::{paths, run, until_interrupted};

/// What is repeated until it is long enough.
const CALL: &[u8] = include_bytes!("../../crates/sandbox/recordings/call-dual-45s.mp3");
const CALL_S: u64 = 45;
/// What is compared at a time, and how far it is looked for round its place.
const STRETCH_S: usize = 10;
const REACH_S: usize = 1;
/// Each stretch must be at least so much like the render.
const LEAST_CORRELATION: f64 = 0.99;

/// Plays for so many seconds at a speed, and judges.
pub fn listen(seconds: u64, speed: f64) -> Result<(), Failure> {
    run::run(&mut run::cargo(&["build", "-p", "aftercall-sandbox", "-p", "aftercall-cli"]))?;
    let results = paths::results("listen")?;
    let logs = results.join("logs");
    std::fs::create_dir_all(&logs).map_err(|e| Failure::file(&logs, e))?;
    until_interrupted(async {
        let home = Home::new()?;
        let sound = Sound::open(&home, &logs).await?;
        let heard = hear(&home, &sound, &results, seconds, speed).await;
        sound.end().await;
        let (played, heard, render) = heard?;
        judge(&played, &heard, &render)
    })
}

type Heard = (Value, std::path::PathBuf, std::path::PathBuf);

async fn hear(home: &Home, sound: &Sound, results: &Path, seconds: u64, speed: f64) -> Result<Heard, Failure> {
    let recordings = home.path().join("recordings");
    std::fs::create_dir_all(&recordings).map_err(|e| Failure::file(&recordings, e))?;
    let long = recordings.join("long.mp3");
    let times = (seconds as f64 * speed / CALL_S as f64).ceil() as usize;
    std::fs::write(&long, CALL.repeat(times.max(1))).map_err(|e| Failure::file(&long, e))?;
    let folder = recordings.to_string_lossy();
    let sandbox = Sandbox::open_with(&["--prepare-polls", "0", "--recordings", &folder], &results.join("logs")).await?;
    let heard = hear_from(&sandbox, home, sound, results, speed).await;
    sandbox.end().await;
    heard
}

async fn hear_from(
    sandbox: &Sandbox,
    home: &Home,
    sound: &Sound,
    results: &Path,
    speed: f64,
) -> Result<Heard, Failure> {
    let mut env = home.environment();
    env.extend(sound.environment());
    env.push(("AFTERCALL_KEY_FILE", home.path().join("root.key").to_string_lossy().into_owned()));
    let cli = Cli::new(&home.path().join("profile"), env)?;
    cli.sign_in(&sandbox.ready.url, &sandbox.ready.email, &sandbox.ready.password)?;
    cli.ask(&["sync"], None)?;
    let sid = sandbox.ready.recordings.first().map(|recording| recording.call_sid.clone());
    let sid = sid.ok_or_else(|| Failure::answer("aftercall-sandbox", "no recordings"))?;
    cli.ask(&["fetch", &sid], None)?;
    let speed = speed.to_string();
    let render = results.join("render.wav");
    cli.ask(&["play", &sid, "--speed", &speed, "--out", &render.to_string_lossy()], None)?;
    let capture = sound.capture(&results.join("heard.wav")).await?;
    println!("Plays at {speed}x into a captured sound card, by the clock.");
    let asked = sid.clone();
    let played = tokio::task::spawn_blocking(move || cli.ask(&["play", &asked, "--speed", &speed], None));
    let played = played.await.map_err(|e| Failure::answer("aftercall-cli play", e))?;
    // The card still holds what was written last.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let heard = capture.stop().await;
    Ok((played?, heard, render))
}

fn judge(played: &Value, heard: &Path, render: &Path) -> Result<(), Failure> {
    let heard = Clip::read(heard)?.trimmed();
    let expected = Clip::read(render)?.resampled(heard.rate_hz)?;
    let rate = heard.rate_hz as usize;
    let begin = compare(&heard.part(0, STRETCH_S * rate), &expected.part(0, (STRETCH_S + 2) * rate));
    let offset = (begin.starts_at_ms / 1000.0 * rate as f64).max(0.0) as usize;
    let (mut worst, mut sum, mut count, mut drift_ms) = (1.0_f64, 0.0, 0, 0.0_f64);
    let mut at = 0;
    while at + STRETCH_S * rate <= heard.frames() {
        let from = (at + offset).saturating_sub(REACH_S * rate);
        let like = compare(&heard.part(at, STRETCH_S * rate), &expected.part(from, (STRETCH_S + 2 * REACH_S) * rate));
        let place_ms = from as f64 * 1000.0 / rate as f64 + like.starts_at_ms;
        drift_ms = drift_ms.max((place_ms - (at + offset) as f64 * 1000.0 / rate as f64).abs());
        worst = worst.min(like.correlation);
        sum += like.correlation;
        count += 1;
        at += STRETCH_S * rate;
    }
    println!(
        "{} s heard, {} underruns; {count} stretches of {STRETCH_S} s: correlation {:.4} on average, {worst:.4} at worst; \
         at most {drift_ms:.1} ms from its place.",
        heard.duration_ms() / 1000,
        played["underruns"],
        sum / f64::from(count.max(1)),
    );
    let rule = "what is heard is what was rendered, without an underrun";
    let missing_ms = expected.duration_ms().abs_diff(heard.duration_ms());
    if played["underruns"] == 0 && count > 0 && worst >= LEAST_CORRELATION && missing_ms < 1_000 {
        println!("listen: passed");
        return Ok(());
    }
    Err(Failure::check(rule, format!("{} underruns, {worst:.4}, {missing_ms} ms missing", played["underruns"])))
}
