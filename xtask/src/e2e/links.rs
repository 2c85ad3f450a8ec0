//! Links that somebody follows while the app runs: the desktop starts the app a second time, with the link. The second
//! one hands it over and ends; the first shows the place, and does nothing there. What is no such link shows nothing.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{sleep, timeout};

use crate::checks::Checks;
use crate::cli::{Cli, Scene};
use crate::failure::Failure;
use crate::page::Page;
use crate::paths;
use crate::stage::{Program, Stage};

/// A second start takes a moment; one that opens a window of its own would stay.
const ENDS_IN: Duration = Duration::from_secs(30);
/// What comes by itself would have come.
const SETTLE: Duration = Duration::from_secs(2);
/// Where the links point: not where any call is opened by itself.
const AT_S: u64 = 30;

/// What looks like a link, and is none.
const HOSTILE: &[&str] = &[
    "aftercall://call/../../etc",
    "aftercall://call/%2e%2e%2f%2e%2e%2fetc",
    "aftercall://lead/7;rm",
    "aftercall://lead/7?play=1",
    "aftercall://sign-out",
    "https://example.com/aftercall://lead/7",
    "file:///etc/passwd",
];

/// What the window shows.
#[derive(Debug, PartialEq, Deserialize)]
struct Shown {
    address: String,
    title: String,
    /// Everything that has a name, with the call or the lead that it is about.
    parts: Vec<String>,
    dialogs: usize,
}

/// Follows them, over a window with a call in its player that does not play.
pub async fn walk(
    page: &mut Page,
    stage: &Stage,
    cli: &Cli,
    scene: &Scene,
    checks: &mut Checks,
) -> Result<(), Failure> {
    page.click("nav-calls").await?;
    page.find("calls-grid").await?;
    let player = page.dock().await?;
    let quiet = player.as_ref().is_some_and(|dock| dock.phase == "paused");
    checks.rule("a call stands in the player, and does not play", quiet, format!("{player:?}"));
    let fetches = fetches(stage).await?;

    let other = another(cli, stage, scene)?;
    to_call(page, stage, &other, "another call", checks).await?;
    let second = page.said_by("return document.querySelector(\"[data-testid='call-lanes']\").ariaValueNow").await?;
    checks.rule("where it would begin is that second", second == AT_S.to_string(), second);
    to_call(page, stage, &scene.sid, "the call in the player", checks).await?;
    to_lead(page, stage, scene, checks).await?;
    to_nowhere(page, stage, checks).await?;

    let now = page.dock().await?;
    checks.rule("nothing plays by itself, and the player stays as it was", now == player, format!("{now:?}"));
    let fetched = self::fetches(stage).await?;
    checks.rule("no link asked for a recording", fetched == fetches, format!("{fetched}, {fetches} before"));
    Ok(())
}

async fn to_call(page: &mut Page, stage: &Stage, sid: &str, which: &str, checks: &mut Checks) -> Result<(), Failure> {
    let ended = follow(stage, &format!("aftercall://call/{sid}?t={AT_S}")).await?;
    checks.rule(&format!("a second start with a link to {which} ends by itself"), ended.is_empty(), ended);
    page.find_css(&format!("[data-testid='call-page'][data-sid='{sid}']"), "the call of the link").await?;
    checks.step(&format!("the first window shows {which}"));
    page.until("the second of the link", || async {
        let seen = page.script(SEEN, vec![(AT_S * 1000).into()]).await?;
        Ok((seen[0] == true, seen.to_string()))
    })
    .await?;
    checks.step("at the second of the link");
    page.picture(&format!("link-to-{}", which.replace(' ', "-")), false).await?;
    sleep(SETTLE).await;
    Ok(())
}

async fn to_lead(page: &mut Page, stage: &Stage, scene: &Scene, checks: &mut Checks) -> Result<(), Failure> {
    let ended = follow(stage, &format!("aftercall://lead/{}", scene.lead_id)).await?;
    checks.rule("a second start with a link to a lead ends by itself", ended.is_empty(), ended);
    page.find_css(&format!("[data-testid='lead-page'][data-id='{}']", scene.lead_id), "the lead of the link").await?;
    let name = page.words("lead-name").await?;
    checks.rule("the first window shows that lead", name.contains(&scene.lead_name), name);
    page.picture("link-to-a-lead", false).await?;
    // The page asks for the lead's notes behind its first look.
    sleep(SETTLE).await;
    Ok(())
}

/// Which part of a recording the lanes show, and whether a moment lies in it.
const SEEN: &str = "const { fromMs, toMs } = document.querySelector(\"[data-testid='call-lanes']\")?.dataset ?? {};\
    return [Number(fromMs) <= arguments[0] && arguments[0] <= Number(toMs), fromMs, toMs]";

async fn to_nowhere(page: &Page, stage: &Stage, checks: &mut Checks) -> Result<(), Failure> {
    let before = shown(page).await?;
    for link in HOSTILE {
        let ended = follow(stage, link).await?;
        checks.rule(&format!("a second start with {link} ends by itself"), ended.is_empty(), ended);
        sleep(SETTLE).await;
        let now = shown(page).await?;
        checks.rule(&format!("{link} changes nothing"), now == before, format!("{now:?}, {before:?} before"));
    }
    Ok(())
}

/// A call of the same kind that is not in the player.
fn another(cli: &Cli, stage: &Stage, scene: &Scene) -> Result<String, Failure> {
    let rest: Vec<_> = stage.sandbox.ready.recordings.iter().filter(|one| one.call_sid != scene.sid).cloned().collect();
    cli.scene(&rest, super::LONG).map(|scene| scene.sid)
}

/// Starts the app a second time, as a desktop does for a link; says what was wrong, if anything.
async fn follow(stage: &Stage, link: &str) -> Result<String, Failure> {
    let profile = stage.profile();
    let args = ["--profile", &profile.to_string_lossy(), link];
    let binary = paths::built("aftercall")?;
    let mut second = Program::start("second-start", &binary, &args, &stage.environment(), stage.logs(), false)?;
    Ok(match timeout(ENDS_IN, second.ended()).await {
        Err(_) => format!("it still runs after {} s", ENDS_IN.as_secs()),
        Ok(status) => match status? {
            status if status.success() => String::new(),
            status => status.to_string(),
        },
    })
}

/// How often recordings were asked for.
async fn fetches(stage: &Stage) -> Result<usize, Failure> {
    let mut asked = 0;
    for method in ["HEAD", "GET"] {
        asked += stage.sandbox.asked(method, "/api/recordings/file/", "").await?;
    }
    Ok(asked)
}

async fn shown(page: &Page) -> Result<Shown, Failure> {
    let script = "return { address: location.href, title: document.title,\
        parts: [...document.querySelectorAll('[data-testid]')]\
          .map(e => [e.dataset.testid, e.dataset.sid, e.dataset.id].join(' ').trim()),\
        dialogs: document.querySelectorAll('[role=dialog], [role=alertdialog]').length }";
    serde_json::from_value(page.script(script, vec![]).await?).map_err(|e| Failure::answer("the page", e))
}
