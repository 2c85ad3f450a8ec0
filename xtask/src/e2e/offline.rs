//! The network is taken away, the app is started again: calls, leads, search, what is pinned and notes work as ever, and
//! nothing is red. When the network is back, what was written meanwhile arrives, once.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::{accessible, synced_scene};
use crate::checks::Checks;
use crate::cli::{Cli, Scene};
use crate::failure::Failure;
use crate::page::{CTRL, PATIENCE, Page, SHIFT};
use crate::paths;
use crate::stage::{Environment, Props, Stage, Window, Wire};

const NOTE: &str = "לחזור אחרי שש, לא לפני כן";

/// Elements on which somebody looks now and that have the colour of "you have to do something".
const RED: &str = "const probe = document.body.appendChild(document.createElement('i'));\
    probe.style.color = 'var(--danger)'; const red = getComputedStyle(probe).color; probe.remove();\
    const drawn = e => { const s = getComputedStyle(e); const box = e.getBoundingClientRect();\
      return box.width > 0 && box.height > 0 && s.visibility !== 'hidden' &&\
        [s.color, s.backgroundColor, s.fill, s.stroke].includes(red) &&\
        (e.childElementCount === 0 || [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim() !== '')) };\
    return [...document.querySelectorAll('body *')].filter(drawn)\
      .map(e => `${e.tagName} ${e.className?.baseVal ?? e.className} ${e.textContent.trim().slice(0, 40)}`)";

/// Goes all of it, on a stage of its own.
pub async fn run(results: &Path, axe: &str, checks: &mut Checks) -> Result<(), Failure> {
    let logs = results.join("logs/offline");
    let stage = Stage::set(Props { hidden: true, keychain: true, prepare_polls: 0 }, &logs).await?;
    let mut wire = Wire::to(&stage.sandbox.ready.url).await?;
    let walked = walk(&stage, &mut wire, results, axe, checks).await;
    stage.clear().await;
    walked
}

/// A window over the same profile; what it shows when something goes wrong is pictured.
struct Opened {
    window: Window,
    page: Page,
}

impl Opened {
    async fn on(stage: &Stage, environment: &Environment, results: &Path) -> Result<Self, Failure> {
        let binary = paths::built("aftercall")?;
        let window = Window::open("driver", &binary, &stage.profile(), environment, stage.logs()).await?;
        let page = Page::new(&window.client, results);
        Ok(Self { window, page })
    }

    async fn close(mut self, walked: Result<(), Failure>) -> Result<(), Failure> {
        if walked.is_err() {
            let _ = self.page.picture("offline-failed", true).await;
        }
        self.window.close().await;
        walked
    }
}

async fn walk(stage: &Stage, wire: &mut Wire, results: &Path, axe: &str, checks: &mut Checks) -> Result<(), Failure> {
    let environment = stage.environment();
    let cli = Cli::new(&stage.profile(), environment.clone())?;

    let mut opened = Opened::on(stage, &environment, results).await?;
    let mut found = None;
    let walked = online(&mut opened.page, stage, wire, &cli).await.map(|scene| found = Some(scene));
    opened.close(walked).await?;
    let Some(scene) = found else { return Ok(()) };

    wire.cut();
    let mut opened = Opened::on(stage, &environment, results).await?;
    let walked = without(&mut opened.page, &scene, axe, checks).await;
    opened.close(walked).await?;

    let mut opened = Opened::on(stage, &environment, results).await?;
    let walked = back(&mut opened.page, stage, wire, &scene, checks).await;
    opened.close(walked).await
}

/// Signed in over the wire, with one call pinned and its lead's page read.
async fn online(page: &mut Page, stage: &Stage, wire: &Wire, cli: &Cli) -> Result<Scene, Failure> {
    let crm = &stage.sandbox.ready;
    page.find("sign-in-submit").await?;
    page.sign_in_at(&wire.url(), crm).await?;
    let scene = synced_scene(page, cli, stage).await?;
    // Until the first sync has come to its end, there is no time of which the data is.
    page.find_css("[data-testid='sync-pill'][data-phase='fresh']", "the end of the first sync").await?;
    page.search_call(&scene.lead_name, &scene.sid).await?;
    page.press_on_call(&scene.sid, &format!("{SHIFT}d")).await?;
    page.find_css(&pinned(&scene), "the pinned call").await?;
    page.open_lead_of(&scene.sid).await?;
    page.find("lead-call").await?;
    Ok(scene)
}

fn pinned(scene: &Scene) -> String {
    format!("[data-testid='call-row'][data-sid='{}'] [data-state='pinned']", scene.sid)
}

async fn without(page: &mut Page, scene: &Scene, axe: &str, checks: &mut Checks) -> Result<(), Failure> {
    page.find("call-row").await?;
    checks.step("without a network the app starts, with its calls");
    page.find_css("[data-testid='sync-pill'][data-phase='offline']", "the word offline").await?;
    let said = page.words("sync-pill").await?;
    checks.rule("the pill says so, with the time of what is here", said.chars().any(|c| c.is_ascii_digit()), said);

    page.search_call(&scene.lead_name, &scene.sid).await?;
    checks.step("search finds a call by its lead");
    page.find_css(&pinned(scene), "the pinned call").await?;
    page.play_call(&scene.sid).await?;
    let playing =
        page.until_dock("sound", PATIENCE, |_| {}, |dock| dock.phase == "playing" && dock.position_ms > 300.0).await?;
    checks.rule("what is pinned plays", playing.recording_state == "pinned", playing.recording_state);
    page.press("k").await?;
    page.until_dock("a pause", PATIENCE, |_| {}, |dock| dock.phase == "paused").await?;

    page.open_lead_of(&scene.sid).await?;
    let name = page.words("lead-name").await?;
    checks.rule("the lead's page is here", name.contains(&scene.lead_name), name);
    page.type_into("note-text", NOTE).await?;
    page.click("note-send").await?;
    page.find_css("[data-testid='lead-note'][data-phase='waiting']", "the note").await?;
    checks.step("a note is kept, to be sent");
    calm(page, "lead", axe, checks).await?;

    for (language, theme) in [("he", "light"), ("en", "dark")] {
        page.switch_language(language).await?;
        page.switch_theme(theme).await?;
        for (button, wanted) in [
            ("nav-calls", "call-row"),
            ("nav-leads", "leads-grid"),
            ("nav-offline", "kept-pinned"),
            ("nav-appointments", "agenda"),
        ] {
            page.click(button).await?;
            page.find(wanted).await?;
            calm(page, &format!("{button}-{language}-{theme}"), axe, checks).await?;
        }
    }
    Ok(())
}

/// Nothing red, nothing that axe finds, and a picture.
async fn calm(page: &mut Page, name: &str, axe: &str, checks: &mut Checks) -> Result<(), Failure> {
    page.picture(&format!("offline-{name}"), true).await?;
    let red = page.script(RED, vec![]).await?;
    let none = red.as_array().is_some_and(Vec::is_empty);
    checks.rule(&format!("nothing is red without a network ({name})"), none, red);
    accessible(page, axe, &format!("offline, {name}"), checks).await
}

async fn back(
    page: &mut Page,
    stage: &Stage,
    wire: &mut Wire,
    scene: &Scene,
    checks: &mut Checks,
) -> Result<(), Failure> {
    page.find("call-row").await?;
    page.search_call(&scene.lead_name, &scene.sid).await?;
    page.open_lead_of(&scene.sid).await?;
    page.find_css("[data-testid='lead-note'][data-phase='waiting']", "the note after another start").await?;
    let posted = || stage.sandbox.asked("POST", "/api/leads/", "/notes");
    checks.rule("the note waits, also over another start", posted().await? == 0, posted().await?);
    wire.mend().await?;
    page.press(&format!("{CTRL}r")).await?;
    page.find_css("[data-testid='sync-pill'][data-phase='fresh']", "a sync over the new network").await?;
    page.until("the note to have been sent", || async {
        let written = notes(page).await?;
        let sent = written.iter().any(|(phase, text)| phase.is_empty() && text.contains(NOTE));
        Ok((sent, format!("{written:?}")))
    })
    .await?;
    // Whatever would send it again has its turn.
    page.press(&format!("{CTRL}r")).await?;
    sleep(Duration::from_secs(5)).await;
    page.find_css("[data-testid='sync-pill'][data-phase='fresh']", "the next sync").await?;
    checks.rule("when the network is back the note is sent once", posted().await? == 1, posted().await?);
    let written = notes(page).await?;
    let times = written.iter().filter(|(_, text)| text.contains(NOTE)).count();
    checks.rule("and stands on the page once", times == 1, format!("{written:?}"));
    page.picture("offline-back", true).await.map(drop)
}

/// The notes of the lead's page: where each stands, and its words.
async fn notes(page: &Page) -> Result<Vec<(String, String)>, Failure> {
    let script = "return [...document.querySelectorAll(\"[data-testid='lead-note']\")]\
        .map(e => [e.dataset.phase ?? '', e.innerText])";
    let value = page.script(script, vec![]).await?;
    serde_json::from_value(value).map_err(|e| Failure::answer("the page", e))
}
