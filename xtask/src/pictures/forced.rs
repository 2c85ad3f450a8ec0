//! The same scenes where the system sets the colours, which the window's engine on Linux cannot show: in Chromium, which
//! can be told to. Fills go there, so that whatever only a fill or a shadow tells is lost: each scene is asked what it
//! still shows, and Tab goes through it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Place, SCENES, SCREENS, look, open_scene, open_screen};
use crate::checks::Checks;
use crate::design;
use crate::failure::Failure;
use crate::page::{Page, TAB};
use crate::stage::{Environment, Home, Window};

/// Those of the scenes and screens that have what forced colours can break.
const MAIN: &[&str] = &[
    "states",
    "playing",
    "call",
    "call-arriving",
    "call-preparing",
    "lead",
    "error",
    "offline",
    "key-file",
    "locked",
    "first-run",
    "leads",
    "kept",
    "appointments",
    "settings",
    "doctor",
];
/// Pictures of the design in forced colours: name, language, and the scene that shows the same.
const PAIRS: &[(&str, &str, &str)] = &[
    ("calls-he-forced", "he", "player=3&paused=1&at=391000&skip=1"),
    ("call-en-forced", "en", "call=3&player=3&paused=1&at=397000&skip=1&repeat=378000,404000"),
];
/// Parts of the settings in which something is chosen.
const SETTINGS: &[&str] = &["account", "listening", "security", "keys", "looks"];
/// No scene has more stops than that.
const STOPS_MAX: usize = 150;

/// What `ui/e2e/forced.js` found: whether the colours are the system's at all, and what there is of each kind of thing.
#[derive(Deserialize)]
struct Seen {
    forced: bool,
    kinds: BTreeMap<String, Kind>,
}

#[derive(Deserialize)]
struct Kind {
    found: usize,
    unseen: Vec<String>,
}

/// What `ui/e2e/focus.js` found where the focus is.
#[derive(Deserialize)]
struct Stop {
    /// None where it is nowhere.
    name: Option<String>,
    /// It was there before.
    over: bool,
    shown: bool,
}

/// Takes all of them.
pub async fn take(
    origin: &str,
    home: &Home,
    env: &Environment,
    place: &Place,
    checks: &mut Checks,
) -> Result<(), Failure> {
    let window = Window::chromium("chromedriver", &home.path().join("chromium"), env, &place.logs).await?;
    let mut page = Page::new(&window.client, &place.results);
    let taken = go_through(&window, &mut page, origin, &place.axe, checks).await;
    window.close().await;
    taken
}

async fn go_through(
    window: &Window,
    page: &mut Page,
    origin: &str,
    axe: &str,
    checks: &mut Checks,
) -> Result<(), Failure> {
    window.force_size(1280, 800).await?;
    let mut looked_at = BTreeMap::new();
    // Light and dark are the system's own there; a theme that was chosen has nothing to say.
    for (language, theme, system) in [("he", "light", "light"), ("en", "dark", "dark")] {
        window.force_colours(system).await?;
        let main = |name: &str| MAIN.contains(&name);
        for scene in SCENES.iter().filter(|scene| main(scene.0)) {
            open_scene(page, origin, language, theme, scene).await?;
            judge(page, axe, &format!("{}-{language}", scene.0), &mut looked_at, checks).await?;
        }
        for scene in SCREENS.iter().filter(|scene| main(scene.0)) {
            open_screen(page, origin, language, theme, scene).await?;
            match scene.0 {
                "doctor" => {
                    page.click("doctor-run").await?;
                    page.find("doctor-summary").await?;
                }
                "settings" => {
                    for part in SETTINGS {
                        page.click_css(&format!("[data-view='{part}']")).await?;
                        page.find_css(&format!("[data-testid='settings'][data-part='{part}']"), part).await?;
                        judge(page, axe, &format!("settings-{part}-{language}"), &mut looked_at, checks).await?;
                    }
                    continue;
                }
                _ => {}
            }
            judge(page, axe, &format!("{}-{language}", scene.0), &mut looked_at, checks).await?;
        }
    }
    let never: Vec<_> = looked_at.iter().filter(|(_, found)| **found == 0).map(|(kind, _)| kind.as_str()).collect();
    checks.rule("there was something of each kind to look at", never.is_empty(), never.join(", "));
    window.force_colours("light").await?;
    for (name, language, scene) in PAIRS {
        page.open(&format!("{origin}?lang={language}&theme=light&{scene}")).await?;
        page.find("dock-waveform").await?;
        page.find_css("[data-testid='call-row'], [data-testid='call-tab']", name).await?;
        let shown = page.picture(name, true).await?;
        design::pair(name, &shown)?;
    }
    Ok(())
}

async fn judge(
    page: &mut Page,
    axe: &str,
    name: &str,
    looked_at: &mut BTreeMap<String, usize>,
    checks: &mut Checks,
) -> Result<(), Failure> {
    let name = format!("forced-{name}");
    look(page, axe, &name, checks).await?;
    let seen = page.script(include_str!("../../../ui/e2e/forced.js"), vec![]).await?;
    let seen: Seen = serde_json::from_value(seen).map_err(|e| Failure::answer("the page", e))?;
    checks.rule(&format!("the colours are the system's ({name})"), seen.forced, "they are the page's own");
    for (kind, Kind { found, unseen }) in &seen.kinds {
        let looked = looked_at.entry(kind.clone()).or_default();
        *looked += found;
        if *found > 0 {
            checks.rule(&format!("{found} {kind} can be seen ({name})"), unseen.is_empty(), unseen.join("; "));
        }
    }
    stops(page, &name, checks).await
}

/// Goes through the page by Tab, once round: whatever has the focus must look otherwise than without it.
async fn stops(page: &Page, name: &str, checks: &mut Checks) -> Result<(), Failure> {
    let (mut unseen, mut stops, mut round) = (Vec::new(), 0, false);
    page.script("document.activeElement?.blur(); window.stops = new Set()", vec![]).await?;
    for _ in 0..STOPS_MAX {
        page.press_here(TAB).await?;
        let stop = page.script(include_str!("../../../ui/e2e/focus.js"), vec![]).await?;
        let stop: Stop = serde_json::from_value(stop).map_err(|e| Failure::answer("the page", e))?;
        round = stop.over;
        if round {
            break;
        }
        stops += usize::from(stop.name.is_some());
        if !stop.shown {
            unseen.push(stop.name.unwrap_or_default());
        }
    }
    let rule = format!("the focus can be seen on {stops} stops of Tab ({name})");
    checks.rule(&rule, round && stops > 0 && unseen.is_empty(), unseen.join("; "));
    Ok(())
}
