//! The way of somebody who has no pointer, from the sign-in on: find a name, open the call, hear it, mark it, write to
//! its lead, pin all that the lead said, and find it among what is kept. Keys go to where the focus is, and nowhere else.

use serde_json::json;

use super::synced_scene;
use crate::checks::Checks;
use crate::cli::{Cli, Scene};
use crate::failure::Failure;
use crate::page::{CTRL, DOWN, ENTER, ESCAPE, PATIENCE, Page, SHIFT, TAB};
use crate::stage::{Ready, Stage};

const F6: &str = "\u{e036}";
const F8: &str = "\u{e038}";
const MARK: &str = "כאן הוא שואל על המחיר";
const NOTE: &str = "לשלוח הצעה עד יום חמישי";

/// Counts from now on what only a pointer does.
const COUNT: &str = "window.pointed = [];\
    for (const kind of ['pointerdown', 'mousedown', 'touchstart', 'wheel', 'dragstart'])\
      addEventListener(kind, event => window.pointed.push(event.type), true);";
/// The calls of the lead's page that can be played: sid and state.
const PLAYABLE: &str = "return [...document.querySelectorAll(\"[data-testid='lead-call']\")]\
    .filter(e => e.querySelector(\"[data-testid='lead-call-play']:enabled\")).map(e => e.dataset.state)";

/// Goes all of it, from a window that asks for its first sign-in.
pub async fn walk(page: &mut Page, stage: &Stage, cli: &Cli, checks: &mut Checks) -> Result<(), Failure> {
    page.find("sign-in-submit").await?;
    page.script(COUNT, vec![]).await?;
    sign_in(page, &stage.sandbox.ready, checks).await?;
    let scene = synced_scene(page, cli, stage).await?;
    find_by_name(page, &scene, checks).await?;
    hear_and_mark(page, &scene, checks).await?;
    write_to_the_lead(page, stage, &scene, checks).await?;
    let pinned = pin_all(page, checks).await?;
    kept(page, &scene, pinned, checks).await?;
    in_the_list(page, &scene, checks).await?;
    elsewhere(page, &scene, checks).await?;
    let pointed = page.said_by("return window.pointed.join(' ')").await?;
    checks.rule("all of it without a pointer", pointed.is_empty(), pointed);
    Ok(())
}

async fn sign_in(page: &Page, crm: &Ready, checks: &mut Checks) -> Result<(), Failure> {
    page.until_focus("sign-in-url").await?;
    checks.step("the first field of the sign-in has the focus");
    page.press_here(&crm.url).await?;
    page.press_here(TAB).await?;
    page.until_focus("sign-in-email").await?;
    page.press_here(&crm.email).await?;
    page.press_here(TAB).await?;
    page.until_focus("sign-in-password").await?;
    page.press_here(&crm.password).await?;
    page.press_here(ENTER).await?;
    page.until_focus("first-keep-go").await?;
    checks.step("Tab goes through the fields, and Enter signs in");
    page.tab_to("first-month", &format!("{SHIFT}{TAB}")).await?;
    page.press_here(DOWN).await?;
    page.find_css("[data-testid='first-asked'][data-state='checked']", "the other choice").await?;
    checks.step("the arrows choose what is kept");
    page.tab_to("first-keep-go", TAB).await?;
    page.press_here(ENTER).await?;
    page.find("call-row").await?;
    page.until("a row with the focus", || async {
        let sid = page.chosen_row().await?;
        Ok((!sid.is_empty(), "no row has it".to_owned()))
    })
    .await?;
    checks.step("the list has the focus at once");
    Ok(())
}

async fn find_by_name(page: &Page, scene: &Scene, checks: &mut Checks) -> Result<(), Failure> {
    page.press_here(&format!("{CTRL}f")).await?;
    page.until_focus("calls-search").await?;
    page.press_here(&scene.lead_name).await?;
    page.find_css(&format!("[data-testid='call-row'][data-sid='{}']", scene.sid), "the call").await?;
    checks.step("Ctrl+F and a name in Hebrew find the call");
    page.press_here(DOWN).await?;
    page.until("a row with the focus", || async {
        let sid = page.chosen_row().await?;
        Ok((!sid.is_empty(), "no row has it".to_owned()))
    })
    .await?;
    checks.step("the arrow leads from the search into the list");
    for _ in 0..40 {
        if page.chosen_row().await? == scene.sid {
            break;
        }
        page.press_here(DOWN).await?;
    }
    let chosen = page.chosen_row().await?;
    checks.rule("the arrows reach the call", chosen == scene.sid, chosen);
    Ok(())
}

async fn hear_and_mark(page: &mut Page, scene: &Scene, checks: &mut Checks) -> Result<(), Failure> {
    page.press_here(ENTER).await?;
    page.find_css(&format!("[data-testid='call-page'][data-sid='{}']", scene.sid), "the call's page").await?;
    checks.step("Enter opens it");
    page.press_here(" ").await?;
    let heard = |dock: &crate::page::Dock| dock.phase == "playing" && dock.position_ms > 500.0;
    let playing = page.until_dock("sound by the space bar", 3 * PATIENCE, |_| {}, heard).await?;
    checks.step("Space plays it, once the server has prepared it");

    page.press_here("b").await?;
    let bookmark = "[data-testid='call-mark'][data-kind='bookmark']";
    page.find_css(bookmark, "the bookmark").await?;
    let at = page.said_by(&format!("return document.querySelector(\"{bookmark}\").dataset.atMs")).await?;
    let now = page.dock().await?.map_or(0.0, |dock| dock.position_ms);
    let between = at.parse().is_ok_and(|at: f64| at + 100.0 >= playing.position_ms && at <= now + 500.0);
    checks.rule("B marks where it plays", between, format!("{at} of {}..{now}", playing.position_ms));

    page.press_here("c").await?;
    page.until_focus("call-note").await?;
    page.press_here(MARK).await?;
    let typed = page.said_by("return document.activeElement.value").await?;
    checks.rule("C begins a note, and types nothing itself", typed == MARK, typed);
    page.press_here(F8).await?;
    page.until_dock("a pause", PATIENCE, |_| {}, |dock| dock.phase == "paused").await?;
    checks.step("F8 pauses while a note is typed");
    page.press_here(&format!("{CTRL}{ENTER}")).await?;
    written(page, "[data-testid='call-mark'][data-kind='note']", MARK).await?;
    checks.step("Ctrl+Enter keeps it beside its second");
    page.picture("keyboard-call", true).await.map(drop)
}

async fn write_to_the_lead(page: &Page, stage: &Stage, scene: &Scene, checks: &mut Checks) -> Result<(), Failure> {
    page.press_here(F6).await?;
    let pane = "return document.activeElement.closest('[data-pane]')\
        ?.querySelector(\"[data-testid='call-lead']\")?.dataset.testid ?? ''";
    let reached = page.said_by(pane).await?;
    checks.rule("F6 goes on to the next part of the page", reached == "call-lead", page.focus().await?);
    page.tab_to("call-open-lead", TAB).await?;
    page.press_here(ENTER).await?;
    page.find("lead-page").await?;
    let name = page.words("lead-name").await?;
    checks.rule("Tab and Enter open the lead", name.contains(&scene.lead_name), name);

    page.press_here("c").await?;
    page.until_focus("note-text").await?;
    checks.step("C begins a note on the lead");
    page.press_here(NOTE).await?;
    page.press_here(&format!("{CTRL}{ENTER}")).await?;
    written(page, "[data-testid='lead-note']", NOTE).await?;
    let left = page.said_by("return document.activeElement.value").await?;
    checks.rule("Ctrl+Enter keeps it, and the field is empty again", left.is_empty(), left);
    page.until("both notes at the CRM", || async {
        let posted = stage.sandbox.asked("POST", "/api/leads/", "/notes").await?;
        Ok((posted == 2, format!("{posted} were sent")))
    })
    .await?;
    checks.step("the call's note and the lead's reach the CRM");
    page.press_here(ESCAPE).await?;
    page.until_focus("").await?;
    checks.rule("Escape leaves the field, not the page", page.has("lead-page").await?, "another page");
    Ok(())
}

/// Pins all calls of the lead whose page is open, and says how many there are.
async fn pin_all(page: &mut Page, checks: &mut Checks) -> Result<usize, Failure> {
    page.press_here(&format!("{SHIFT}d")).await?;
    let states = || async {
        let states = page.script(PLAYABLE, vec![]).await?;
        serde_json::from_value::<Vec<String>>(states).map_err(|e| Failure::answer("the page", e))
    };
    page.until("all calls of the lead to be pinned", || async {
        let now = states().await?;
        Ok((!now.is_empty() && now.iter().all(|state| state == "pinned"), now.join(" ")))
    })
    .await?;
    page.find_css("[data-testid='lead-pin-all']:disabled", "nothing more to pin").await?;
    let pinned = states().await?.len();
    checks.step(&format!("Shift+D pins all calls of the lead ({pinned})"));
    page.picture("keyboard-lead", true).await?;
    Ok(pinned)
}

async fn kept(page: &mut Page, scene: &Scene, pinned: usize, checks: &mut Checks) -> Result<(), Failure> {
    page.press_here(&format!("{CTRL}3")).await?;
    page.find("kept-pinned").await?;
    let many = page.said_by("return document.querySelector(\"[data-testid='kept-pinned']\").dataset.matched").await?;
    checks.rule("Ctrl+3 shows them all among what is kept", many == pinned.to_string(), format!("{many} of {pinned}"));
    let whole = page.has("kept-pinned-all").await?;
    if whole {
        page.tab_to("kept-pinned-all", TAB).await?;
        page.press_here(ENTER).await?;
        page.find("offline-back").await?;
    }
    page.find_css(&format!("[data-testid='kept-pinned'] [data-sid='{}']", scene.sid), "the call among the pinned ones")
        .await?;
    checks.step("the call is one of them");
    page.picture("keyboard-kept", true).await?;
    if whole {
        page.press_here(ESCAPE).await?;
        page.gone("offline-back").await?;
    }
    Ok(())
}

/// Back in the list of calls, at the row that was left: its pin goes and comes.
async fn in_the_list(page: &Page, scene: &Scene, checks: &mut Checks) -> Result<(), Failure> {
    page.press_here(&format!("{CTRL}1")).await?;
    page.find("calls-grid").await?;
    page.until("the row that was left", || async {
        let chosen = page.chosen_row().await?;
        Ok((chosen == scene.sid, chosen))
    })
    .await?;
    checks.step("Ctrl+1 leads back to the row that was left");
    for (state, rule) in [("on_device", "Shift+D lets it go"), ("pinned", "Shift+D pins it")] {
        page.press_here(&format!("{SHIFT}d")).await?;
        page.find_css(
            &format!("[data-testid='call-row'][data-sid='{}'] [data-state='{state}']", scene.sid),
            &format!("the state {state}"),
        )
        .await?;
        checks.step(rule);
    }
    page.press_here(" ").await?;
    page.until_dock("sound by the space bar", PATIENCE, |_| {}, |dock| dock.phase == "playing").await?;
    checks.step("Space plays it from its row");
    page.press_here(" ").await?;
    page.until_dock("a pause", PATIENCE, |_| {}, |dock| dock.phase == "paused").await.map(drop)
}

async fn elsewhere(page: &Page, scene: &Scene, checks: &mut Checks) -> Result<(), Failure> {
    page.press_here(&format!("{CTRL}4")).await?;
    page.find("agenda").await?;
    checks.step("Ctrl+4 shows the appointments");
    page.press_here(&format!("{CTRL}k")).await?;
    page.until_focus("palette-input").await?;
    page.press_here(&scene.lead_name).await?;
    page.find("palette-lead").await?;
    // Calls come first; the lead is below them.
    for _ in 0..20 {
        if page.chosen_in_palette().await?.starts_with("lead-") {
            break;
        }
        page.press_here(DOWN).await?;
    }
    page.press_here(ENTER).await?;
    let name = page.words("lead-name").await?;
    checks.rule("Ctrl+K opens the lead", name.contains(&scene.lead_name), name);
    page.press_here(ESCAPE).await?;
    page.find("leads-grid").await?;
    checks.step("Esc goes back to the list");
    Ok(())
}

/// Waits until one of these has the words.
async fn written(page: &Page, css: &str, words: &str) -> Result<(), Failure> {
    let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)";
    page.until(words, || async {
        let texts = page.script(script, vec![json!(css)]).await?;
        let texts: Vec<String> = serde_json::from_value(texts).map_err(|e| Failure::answer("the page", e))?;
        Ok((texts.iter().any(|text| text.contains(words)), texts.join(" | ")))
    })
    .await
}
