//! `cargo xtask e2e`: the real window by WebDriver, from sign-in to a lead's page, then every screen, then by links, then
//! without a pointer, and without a network.
//!
//! Pictures of every step and the programs' logs stay in `target/e2e`.

pub mod hostile;
mod keyboard;
mod links;
mod offline;
mod screens;

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use crate::checks::Checks;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::page::{Fetched, PATIENCE, Page, has_hebrew};
use crate::stage::{Environment, Props, Stage, Window};
use crate::{paths, programs, until_interrupted};

/// Recordings long enough to seek in.
const LONG: &[&str] =
    &["call-dual-4min.mp3", "call-dual-hold-90s.mp3", "call-dual-quiet-customer-60s.mp3", "call-dual-45s.mp3"];

/// Runs the journey; builds the programs first, unless they were `built` before.
pub fn e2e(built: bool) -> Result<Checks, Failure> {
    if !built {
        programs::build_programs()?;
    }
    with_built_programs()
}

/// The journey with the programs as they were built before.
pub fn with_built_programs() -> Result<Checks, Failure> {
    programs::check_built()?;
    let results = paths::results("e2e")?;
    let axe = paths::ui().join("node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&axe).map_err(|e| Failure::file(&axe, e))?;
    let mut checks = Checks::default();
    for (title, keychain) in
        [("The window with a keychain", true), ("The window with a key file, without a pointer", false)]
    {
        println!("{title}");
        let ran = until_interrupted(run(keychain, &results, &axe, &mut checks));
        came_to_its_end(ran, &mut checks)?;
    }
    hostile::with_built_programs(hostile::PAGES_SHORT, &mut checks)?;
    println!("The window without a network");
    let ran = until_interrupted(offline::run(&results, &axe, &mut checks));
    came_to_its_end(ran, &mut checks)?;
    println!("{} passed, {} failed; pictures and logs are in target/e2e", checks.passed, checks.failed.len());
    if checks.failed.is_empty() { Ok(checks) } else { Err(Failure::Several { count: checks.failed.len() }) }
}

/// What broke a run off is one failed rule; who interrupted it wants no more of them.
fn came_to_its_end(ran: Result<(), Failure>, checks: &mut Checks) -> Result<(), Failure> {
    match ran {
        Ok(()) => Ok(()),
        Err(Failure::Interrupted) => Err(Failure::Interrupted),
        Err(failure) => {
            checks.broke(&failure);
            Ok(())
        }
    }
}

async fn run(keychain: bool, results: &Path, axe: &str, checks: &mut Checks) -> Result<(), Failure> {
    let logs = results.join("logs").join(if keychain { "keychain" } else { "key-file" });
    let stage = Stage::set(Props { hidden: true, keychain, prepare_polls: 2 }, &logs).await?;
    let mut environment = stage.environment();
    if !keychain {
        let key_file = stage.scratch("root.key");
        environment.push(("AFTERCALL_KEY_FILE", key_file.to_string_lossy().into_owned()));
    }
    let window = Window::open("driver", &paths::built("aftercall")?, &stage.profile(), &environment, &logs).await?;
    let mut page = Page::new(&window.client, results);
    let walked = if keychain {
        journey(&mut page, &stage, environment, axe, checks).await
    } else {
        key_file(&mut page, &stage, environment, checks).await
    };
    if walked.is_err() {
        // What the window showed when it went wrong.
        let _ = page.picture("failed", true).await;
    }
    window.close().await;
    stage.clear().await;
    walked
}

async fn journey(
    page: &mut Page,
    stage: &Stage,
    environment: Environment,
    axe: &str,
    checks: &mut Checks,
) -> Result<(), Failure> {
    let crm = &stage.sandbox.ready;
    page.find("sign-in-submit").await?;
    let (language, direction) = page.language().await?;
    checks.rule("the first start speaks Hebrew, right to left", language == "he" && direction == "rtl", language);
    page.picture("sign-in", false).await?;
    accessible(page, axe, "sign in", checks).await?;

    page.sign_in(&crm.url, &crm.email, "not-the-password").await?;
    let said = page.words("sign-in-error").await?;
    checks.rule("a wrong password is told in words", has_hebrew(&said), said);
    page.sign_in_to(crm).await?;
    checks.step("signing in leads to the calls");
    let grid = page.words("calls-grid").await?;
    checks.rule("the calls show Hebrew names", has_hebrew(&grid), grid.chars().take(120).collect::<String>());
    checks.rule("no banner while the key is in the keychain", !page.has("key-file-banner").await?, "a banner");

    let cli = Cli::new(&stage.profile(), environment)?;
    let scene = synced_scene(page, &cli, stage).await?;
    page.picture("calls", false).await?;
    accessible(page, axe, "calls, Hebrew", checks).await?;

    page.search_call(&scene.lead_name, &scene.sid).await?;
    page.picture("search", false).await?;
    page.play_call(&scene.sid).await?;
    listen(page, checks).await?;

    page.open_lead_of(&scene.sid).await?;
    let name = page.words("lead-name").await?;
    checks.rule("the lead's page shows its name", name.contains(&scene.lead_name), name);
    let calendar = page.words("lead-calendar-name").await?;
    checks.rule("its next appointment names the calendar", calendar.contains(&scene.calendar_name), calendar);
    page.find("lead-next-appointment").await?;
    page.find("lead-call").await?;
    page.picture("lead-hebrew", false).await?;
    accessible(page, axe, "lead, Hebrew", checks).await?;
    page.switch_language("en").await?;
    let (_, direction) = page.language().await?;
    checks.rule("English runs left to right", direction == "ltr", direction);
    let calendar = page.words("lead-calendar-name").await?;
    checks.rule("the calendar's name is the same in English", calendar.contains(&scene.calendar_name), calendar);
    page.picture("lead-english", false).await?;
    accessible(page, axe, "lead, English", checks).await?;

    let fetched = page.fetch_recording(&scene.recording_id).await?;
    judge_fetches(&fetched, checks);
    page.click("nav-calls").await?;
    page.find("calls-grid").await?;
    page.picture("calls-english", false).await?;
    accessible(page, axe, "calls, English", checks).await?;
    screens::walk(page, axe, &scene, checks).await?;
    links::walk(page, stage, &cli, &scene, checks).await
}

/// The first sync goes on behind the first rows: the call to listen to may come later.
async fn synced_scene(page: &Page, cli: &Cli, stage: &Stage) -> Result<crate::cli::Scene, Failure> {
    let mut found = None;
    let slot = &mut found;
    let mut tries = 0;
    loop {
        match cli.scene(&stage.sandbox.ready.recordings, LONG) {
            Ok(scene) => {
                *slot = Some(scene);
                break;
            }
            Err(failure) if tries >= 20 => return Err(failure),
            Err(_) => tries += 1,
        }
        sleep(Duration::from_secs(1)).await;
    }
    page.find("call-row").await?;
    found.ok_or_else(|| Failure::check("a call to listen to", "none"))
}

/// From the first 202 to a seek while it plays.
async fn listen(page: &mut Page, checks: &mut Checks) -> Result<(), Failure> {
    let preparing = page
        .until_dock("the recording being prepared", PATIENCE, |_| {}, |dock| dock.recording_state == "preparing")
        .await?;
    checks.step("a recording that the server prepares is shown as preparing");
    let said = if page.has("dock-message").await? { page.words("dock-message").await? } else { String::new() };
    let counted = said.contains("12") || preparing.message.is_some_and(|message| message.contains("12"));
    checks.rule("the tries are counted out of 12", counted, said);
    checks.rule("waiting can be cancelled", page.has("dock-cancel").await?, "no dock-cancel");
    page.picture("preparing", false).await?;

    page.until_dock(
        "the recording on the device",
        3 * PATIENCE,
        |_| {},
        |dock| matches!(dock.recording_state.as_str(), "on_device" | "pinned"),
    )
    .await?;
    checks.step("after its 202s the recording is on the device");
    // It was asked for by a press of play: nobody presses again, and a second press would be a pause.
    let playing = page
        .until_dock(
            "sound that starts by itself",
            PATIENCE,
            |_| {},
            |dock| dock.phase == "playing" && dock.position_ms > 500.0,
        )
        .await?;
    checks.step("when it has arrived it starts by itself");
    checks.rule("the length is exact at once", playing.duration_ms > 10_000.0, playing.duration_ms);
    page.picture("playing", false).await?;

    page.set_speed(2.0).await?;
    let before = page.dock().await?.map_or(0.0, |dock| dock.position_ms);
    page.until_dock("four seconds of the call", PATIENCE, |_| {}, |dock| dock.position_ms > before + 4000.0).await?;
    checks.step("at 2x it goes on playing");
    page.picture("double-speed", false).await?;

    page.press("5").await?;
    let half = playing.duration_ms / 2.0;
    let sought = page
        .until_dock(
            "the middle of the call",
            PATIENCE,
            |_| {},
            |dock| dock.position_ms >= half - 50.0 && dock.position_ms < half + 5000.0,
        )
        .await?;
    checks.rule("seeking keeps playing", sought.phase == "playing", &sought.phase);
    page.picture("sought", false).await?;
    page.click("dock-play").await?;
    page.until_dock("a pause", PATIENCE, |_| {}, |dock| dock.phase == "paused").await?;
    checks.step("the same button pauses");
    Ok(())
}

async fn accessible(page: &Page, axe: &str, screen: &str, checks: &mut Checks) -> Result<(), Failure> {
    let violations = page.accessibility(axe).await?;
    checks.rule(&format!("axe finds nothing wrong ({screen})"), violations.is_empty(), violations.join("; "));
    Ok(())
}

/// Without a pointer, and with a key file instead of a keychain: the window says so as long as it is used.
async fn key_file(
    page: &mut Page,
    stage: &Stage,
    environment: Environment,
    checks: &mut Checks,
) -> Result<(), Failure> {
    let cli = Cli::new(&stage.profile(), environment)?;
    keyboard::walk(page, stage, &cli, checks).await?;
    let said = page.words("key-file-banner").await?;
    checks.rule("with a key file the window shows a banner", !said.trim().is_empty(), said);
    let private = is_private(&stage.scratch("root.key"));
    checks.rule("the key file is the person's alone (0600)", private, "others may read it");
    page.picture("key-file", true).await?;
    Ok(())
}

fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o777 == 0o600)
}

/// What the page's own fetches of `rec://` must give.
fn judge_fetches(fetched: &[Fetched], checks: &mut Checks) {
    let whole = fetched.iter().find(|f| f.name == "get").map_or(0, |f| f.bytes);
    let mut judge = |name: &str, rule: &str, holds: &dyn Fn(&Fetched) -> bool| {
        let found = fetched.iter().find(|f| f.name == name);
        checks.rule(rule, found.is_some_and(holds), format!("{found:?}"));
    };
    let header = |f: &Fetched, name: &str| f.headers.get(name).cloned().unwrap_or_default();
    judge("get", "rec:// GET is 200 with the whole recording", &|f| f.status == 200 && f.bytes > 1000);
    judge("get", "rec:// bytes stay out of caches", &|f| header(f, "cache-control").contains("no-store"));
    judge("get", "rec:// answers the app's origin by name", &|f| {
        !header(f, "access-control-allow-origin").contains('*')
    });
    judge("head", "rec:// HEAD is 200 with the length and no body", &|f| {
        f.status == 200 && f.bytes == 0 && header(f, "content-length") == whole.to_string()
    });
    judge("options", "rec:// OPTIONS is 204", &|f| f.status == 204);
    judge("range", "rec:// Range: bytes=0-99 is 206 with 100 bytes", &|f| {
        f.status == 206 && f.bytes == 100 && header(f, "content-range") == format!("bytes 0-99/{whole}")
    });
    judge("suffix", "rec:// Range: bytes=-10 is 206 with the last 10 bytes", &|f| f.status == 206 && f.bytes == 10);
    judge("beyond", "rec:// a range beyond the end is 416", &|f| {
        f.status == 416 && header(f, "content-range") == format!("bytes */{whole}")
    });
    judge("unchanged", "rec:// If-None-Match with its ETag is 304", &|f| f.status == 304 && f.bytes == 0);
    judge("unknown", "rec:// an unknown id is 404", &|f| f.status == 404);
    judge("traversal", "rec:// a path that climbs is 404", &|f| f.status == 404);
}
