//! `cargo xtask pictures`: every state of the lists and screens, reached with invented data in the engine of the window:
//! in Hebrew and English, light and dark, and the main ones in the system's own colours. Each is pictured and looked at by
//! axe; each state of a recording must have an icon, a word, and a sentence for the screen reader.

mod forced;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::checks::Checks;
use crate::failure::Failure;
use crate::page::Page;
use crate::stage::{Environment, Home, Program, Screen, Window, free_port, wait_for_port};
use crate::{paths, run, setup, until_interrupted};

/// Its name, what the address bar says, and what has to be there.
type Scene = (&'static str, &'static str, &'static str);

const SCENES: &[Scene] = &[
    ("states", "calls=22", "[data-testid='call-row']"),
    ("playing", "calls=22&player=3&paused=1", "[data-testid='call-row'].play"),
    ("call", "call=3&player=3&paused=1&at=397000&skip=1&repeat=378000,404000", "[data-testid='call-tab']"),
    ("call-arriving", "call=1&player=1&paused=1&at=660000", "[data-testid='call-missing']"),
    ("call-preparing", "call=2", "[data-testid='call-missing'][data-state='preparing']"),
    ("call-removed", "call=13", "[data-testid='call-missing'][data-state='evicted']"),
    ("call-too-short", "call=10", "[data-testid='call-missing'][data-state='unavailable']"),
    ("call-one-channel", "call=12&player=12&paused=1", "[data-testid='call-canvas']"),
    ("call-without-times", "call=0&transcript=untimed", "[data-testid='call-line']"),
    ("call-no-transcript", "call=0&transcript=none", "[data-testid='call-page']"),
    ("lead", "lead=1&player=0&paused=1&at=192000", "[data-testid='lead-play-unheard']"),
    ("empty-new", "calls=0", ".empty"),
    ("empty-first-sync", "calls=0&sync=first_sync", ".empty"),
    ("empty-offline", "calls=0&sync=offline", ".empty"),
    ("empty-no-access", "calls=0&refused=calls", ".empty"),
    ("error", "error=calls", "[role='alert']"),
    ("history-partial", "sync=first_sync", "[data-testid='history-partial']"),
    ("offline", "sync=offline", "[data-testid='sync-pill'][data-phase='offline']"),
    ("server-unavailable", "sync=server_unavailable", "[data-phase='server_unavailable']"),
    ("sign-in-again", "sync=sign_in_again", "[data-phase='sign_in_again']"),
    ("rate-limited", "sync=rate_limited", "[data-phase='rate_limited']"),
    ("clock-wrong", "sync=clock_wrong", "[data-phase='clock_wrong']"),
    ("notes-refused", "notes=refused", "[data-testid='sync-pill']"),
    ("key-file", "key_file=1", "[data-testid='key-file-banner']"),
    ("recordings-locked", "offline_days=0", "[data-testid='offline-age']"),
    ("locked", "boot=locked", "[data-testid='locked']"),
    ("first-run", "boot=sign_in", "[data-testid='sign-in-submit']"),
    ("too-new", "boot=store_too_new", "main, .page"),
    ("damaged", "boot=store_damaged", "main, .page"),
];

/// Screens that are reached by their button in the side bar, which is their third.
const SCREENS: &[Scene] = &[
    ("leads", "", "leads"),
    ("kept", "cap=200000000", "offline"),
    ("kept-nothing", "kept=none", "offline"),
    ("kept-disk-full", "disk=full", "offline"),
    ("appointments", "", "appointments"),
    ("appointments-none", "agenda=none", "appointments"),
    ("appointments-refused", "refused=appointments,calendars", "appointments"),
    ("settings", "", "settings"),
    ("doctor", "doctor=ill", "doctor"),
];

/// Takes all of them, or only those in the system's colours.
pub fn pictures(only_forced: bool) -> Result<(), Failure> {
    setup::require(setup::CHROMIUM)?;
    run::run(&mut run::npm(&["exec", "vite", "--", "build", "--mode", "fake", "--outDir", "dist-fake"]))?;
    let mut checks = Checks::default();
    until_interrupted(take(only_forced, &mut checks))?;
    println!("{} passed, {} failed; the pictures are in target/pictures", checks.passed, checks.failed.len());
    if checks.failed.is_empty() { Ok(()) } else { Err(Failure::Several { count: checks.failed.len() }) }
}

/// Where all goes, and what looks at it.
struct Place {
    results: PathBuf,
    logs: PathBuf,
    axe: String,
}

async fn take(only_forced: bool, checks: &mut Checks) -> Result<(), Failure> {
    let results = paths::results("pictures")?;
    let logs = results.join("logs");
    std::fs::create_dir_all(&logs).map_err(|e| Failure::file(&logs, e))?;
    let axe = paths::ui().join("node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&axe).map_err(|e| Failure::file(&axe, e))?;
    let place = Place { results, logs, axe };
    let home = Home::new()?;
    let screen = Screen::open(&place.logs).await?;
    let mut env: Environment = home.environment();
    env.extend(screen.environment());
    env.push(("DBUS_SESSION_BUS_ADDRESS", "disabled:".into()));
    let (mut server, origin) = serve(&env, &place.logs).await?;
    let taken = match only_forced {
        true => Ok(()),
        false => in_the_window(&origin, &env, &place, checks).await,
    };
    let taken = match taken {
        Ok(()) => forced::take(&origin, &home, &env, &place, checks).await,
        failed => failed,
    };
    if !server.is_running() {
        eprintln!("the server of the page ended early: see {}", place.logs.display());
    }
    server.end().await;
    screen.end().await;
    drop(home);
    taken
}

async fn in_the_window(origin: &str, env: &Environment, place: &Place, checks: &mut Checks) -> Result<(), Failure> {
    let window = Window::browser("driver", env, &place.logs).await?;
    let mut page = Page::new(&window.client, &place.results);
    let taken = go_through(&mut page, origin, &place.axe, checks).await;
    window.close().await;
    taken
}

/// The page with invented data, under the policy of the window.
async fn serve(env: &Environment, logs: &Path) -> Result<(Program, String), Failure> {
    let port = free_port()?;
    let folder = paths::ui();
    let port_arg = port.to_string();
    let folder_arg = folder.to_string_lossy();
    let args = ["preview", &folder_arg, "--outDir", "dist-fake", "--host", "127.0.0.1", "--port", &port_arg];
    let mut server = Program::start("page", &folder.join("node_modules/.bin/vite"), &args, env, logs, false)?;
    wait_for_port(&mut server, port).await?;
    Ok((server, format!("http://127.0.0.1:{port}/")))
}

async fn go_through(page: &mut Page, origin: &str, axe: &str, checks: &mut Checks) -> Result<(), Failure> {
    for (language, theme) in [("he", "light"), ("he", "dark"), ("en", "light"), ("en", "dark")] {
        for scene in SCENES {
            open_scene(page, origin, language, theme, scene).await?;
            if scene.0 == "states" {
                spoken(page, language, checks).await?;
            }
            look(page, axe, &format!("{}-{language}-{theme}", scene.0), checks).await?;
        }
        for screen in SCREENS {
            open_screen(page, origin, language, theme, screen).await?;
            look(page, axe, &format!("{}-{language}-{theme}", screen.0), checks).await?;
        }
    }
    Ok(())
}

async fn open_scene(page: &Page, origin: &str, language: &str, theme: &str, scene: &Scene) -> Result<(), Failure> {
    let (name, address, wanted) = scene;
    page.open(&format!("{origin}?lang={language}&theme={theme}&{address}")).await?;
    page.find_css(wanted, name).await.map(drop)
}

async fn open_screen(page: &Page, origin: &str, language: &str, theme: &str, screen: &Scene) -> Result<(), Failure> {
    let (name, address, button) = screen;
    page.open(&format!("{origin}?lang={language}&theme={theme}&{address}")).await?;
    page.click(&format!("nav-{button}")).await?;
    page.find_css(".bar h1, .doctor h1, header h1", name).await.map(drop)
}

/// Every state that a row can show has an icon, a word, and words for the screen reader.
async fn spoken(page: &Page, language: &str, checks: &mut Checks) -> Result<(), Failure> {
    let script = "return [...document.querySelectorAll('.rec[data-state]')].map(e => [e.dataset.state,\
        !!e.querySelector('svg'), e.innerText.trim(), e.textContent.trim()])";
    let rows: Vec<(String, bool, String, String)> = match page.script(script, vec![]).await? {
        Value::Null => Vec::new(),
        rows => serde_json::from_value(rows).map_err(|e| Failure::answer("the states", e))?,
    };
    let states: std::collections::BTreeSet<_> = rows.iter().map(|row| row.0.as_str()).collect();
    checks.rule(&format!("the list shows every state ({language})"), states.len() >= 17, format!("{states:?}"));
    let bare: Vec<_> = rows.iter().filter(|row| !row.1 || row.2.is_empty() || row.3.is_empty()).collect();
    checks.rule(&format!("each has an icon and words ({language})"), bare.is_empty(), format!("{bare:?}"));
    Ok(())
}

async fn look(page: &mut Page, axe: &str, name: &str, checks: &mut Checks) -> Result<(), Failure> {
    page.picture(name, true).await?;
    let violations = page.accessibility(axe).await?;
    checks.rule(&format!("axe finds nothing wrong ({name})"), violations.is_empty(), violations.join("; "));
    Ok(())
}
