//! `cargo xtask demo`: the app with an invented CRM, in one command.
//!
//! With a display the window is the person's. With none the same is done unseen: the window is driven, plays into a
//! captured sound card, and what was heard is compared with the headless render of the same code.

use std::path::Path;
use std::time::Duration;

use crate::cli::{Cli, Scene};
use crate::failure::Failure;
use crate::likeness::{self, Clip, Likeness};
use crate::page::{PATIENCE, Page};
use crate::stage::{Program, Props, Stage, Window};
use crate::{paths, programs, setup, until_interrupted};

/// What is heard must be at least this much like what was rendered.
const LEAST_CORRELATION: f64 = 0.9;

const SPEED: f64 = 1.5;

/// The recordings to play, best first: long enough to hear, short enough to wait for.
const PLAYED: &[&str] =
    &["call-dual-45s.mp3", "call-dual-20s.wav", "call-mono-30s.mp3", "call-dual-vbr-40s.mp3", "call-dual-hold-90s.mp3"];

/// Does all the set-up, then shows the app.
pub fn demo(hidden: bool) -> Result<(), Failure> {
    setup::setup()?;
    programs::build_programs()?;
    let results = paths::results("demo")?;
    let hidden = hidden || !has_display();
    let props = Props { hidden, keychain: true, prepare_polls: 2 };
    until_interrupted(async {
        let stage = Stage::set(props, &results.join("logs")).await?;
        let done = if hidden { driven(&stage, &results).await } else { shown(&stage).await };
        stage.clear().await;
        done
    })
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Sandbox, sign-in and first sync: the same with and without a display.
fn prepare(stage: &Stage) -> Result<Cli, Failure> {
    let crm = &stage.sandbox.ready;
    println!("A CRM with invented people runs at {}.", crm.url);
    let cli = Cli::new(&stage.profile(), stage.environment())?;
    let account = cli.sign_in(&crm.url, &crm.email, &crm.password)?;
    println!("Signed in as {} ({}).", account["user"].as_str().unwrap_or("?"), account["role"].as_str().unwrap_or("?"));
    let report = cli.ask(&["sync"], None)?;
    println!(
        "Synced {} calls, {} leads, {} appointments, {} calendars in {} ms with {} requests.",
        report["calls"]["added"],
        report["leads"]["added"],
        report["appointments"]["added"],
        report["calendars"]["added"],
        report["duration_ms"],
        report["requests"],
    );
    Ok(cli)
}

/// The person's own window; the demo ends when it is closed.
async fn shown(stage: &Stage) -> Result<(), Failure> {
    prepare(stage)?;
    let crm = &stage.sandbox.ready;
    println!("The window opens, signed in. To sign in by hand: {}, {}, password {}.", crm.url, crm.email, crm.password);
    println!("Press play on any call: its recording is fetched first, which takes some seconds, then you hear it.");
    println!("Close the window, or press Ctrl-C here, to end. Nothing of the demo is kept.");
    let profile = stage.profile();
    let args = ["--profile", &profile.to_string_lossy()];
    let binary = paths::built("aftercall")?;
    let mut window = Program::start("aftercall", &binary, &args, &stage.environment(), stage.logs(), false)?;
    let status = window.ended().await?;
    if status.success() { Ok(()) } else { Err(Failure::Status { command: "aftercall".into(), status }) }
}

/// Nobody looks: drive it, take pictures, listen to it, judge it.
async fn driven(stage: &Stage, results: &Path) -> Result<(), Failure> {
    let cli = prepare(stage)?;
    let scene = cli.scene(&stage.sandbox.ready.recordings, PLAYED)?;
    println!("The call to play is {} (recording {}).", scene.sid, scene.file);
    let window =
        Window::open("driver", &paths::built("aftercall")?, &stage.profile(), &stage.environment(), stage.logs())
            .await?;
    let mut page = Page::new(&window.client, results);
    let played = play(&mut page, stage, &scene, results).await;
    if played.is_err() {
        let _ = page.picture("failed", true).await;
    }
    window.close().await;
    let heard = played?;
    // The window has let go of the profile; the command line renders the same recording with the same code.
    let render = results.join("render.wav");
    let speed = SPEED.to_string();
    let out = render.to_string_lossy();
    let rendered = cli.ask(&["play", &scene.sid, "--speed", &speed, "--out", &out], None)?;
    println!("Rendered without a device: {} ms of the call became {} ms.", rendered["media_ms"], rendered["output_ms"]);
    judge(&heard, &render)
}

/// From the list to the end of the call; gives what the sound card heard.
async fn play(page: &mut Page, stage: &Stage, scene: &Scene, results: &Path) -> Result<std::path::PathBuf, Failure> {
    page.find("call-row").await?;
    page.picture("calls", true).await?;
    page.search_call(&scene.lead_name, &scene.sid).await?;
    page.open_lead_of(&scene.sid).await?;
    page.find("lead-calendar-name").await?;
    page.picture("lead", true).await?;
    println!("Pictures of Calls and Lead are taken; the lead's next appointment is in its calendar by name.");
    page.click("nav-calls").await?;
    page.search_call(&scene.lead_name, &scene.sid).await?;

    let sound = stage.sound.as_ref().ok_or_else(|| Failure::check("a sound card to listen to", "none"))?;
    page.play_call(&scene.sid).await?;
    let mut polls = Vec::new();
    let note = |dock: &crate::page::Dock| {
        // The first line says how far it is; the seconds that are counted down below it would fill the screen.
        let said = dock.message.as_deref().and_then(|message| message.trim().lines().next()).unwrap_or_default();
        if dock.phase == "waiting" && !said.is_empty() && polls.last().is_none_or(|last: &String| last != said) {
            polls.push(said.to_owned());
        }
    };
    page.until_dock("the recording on the device", 3 * PATIENCE, note, |dock| {
        matches!(dock.recording_state.as_str(), "on_device" | "pinned")
    })
    .await?;
    println!("The server was still preparing the recording; the player said:");
    polls.iter().for_each(|message| println!("    {message}"));
    // From the very start at the wanted speed: a stretch that began elsewhere has other seams.
    page.until_dock("sound that starts by itself", PATIENCE, |_| {}, |dock| dock.phase == "playing").await?;
    page.click("dock-play").await?;
    page.until_dock("a pause", PATIENCE, |_| {}, |dock| dock.phase == "paused").await?;
    page.set_speed(SPEED).await?;
    page.press("0").await?;
    page.until_dock("the start of the call", PATIENCE, |_| {}, |dock| dock.position_ms < 1.0).await?;
    let capture = sound.capture(&results.join("heard.wav")).await?;
    page.click("dock-play").await?;
    let playing =
        page.until_dock("sound", PATIENCE, |_| {}, |dock| dock.phase == "playing" && dock.position_ms > 3000.0).await?;
    page.picture("playing", true).await?;
    println!("Plays at {}x: {:.0} ms long, exact before the first sound.", playing.speed, playing.duration_ms);
    let limit = Duration::from_millis(playing.duration_ms as u64) + PATIENCE;
    page.until_dock(
        "the end of the call",
        limit,
        |_| {},
        |dock| dock.phase == "ended" || dock.position_ms >= dock.duration_ms - 20.0,
    )
    .await?;
    // The card still holds what was written last.
    tokio::time::sleep(Duration::from_millis(700)).await;
    Ok(capture.stop().await)
}

fn judge(heard: &Path, render: &Path) -> Result<(), Failure> {
    let heard = Clip::read(heard)?.trimmed();
    let expected = Clip::read(render)?.resampled(heard.rate_hz)?;
    let like: Likeness = likeness::compare(&heard, &expected);
    println!("Heard {} ms of sound on the captured card; expected {} ms.", heard.duration_ms(), expected.duration_ms());
    println!(
        "Likeness {:.4} over {} ms (starts {:.1} ms into the render; worst second {:.4}); at least {LEAST_CORRELATION} is asked.",
        like.correlation, like.compared_ms, like.starts_at_ms, like.worst_second
    );
    println!("Pictures, both sounds and logs are in target/demo.");
    if like.correlation >= LEAST_CORRELATION {
        println!("demo: passed");
        Ok(())
    } else {
        Err(Failure::check("what is heard is what was rendered", format!("likeness {:.4}", like.correlation)))
    }
}
