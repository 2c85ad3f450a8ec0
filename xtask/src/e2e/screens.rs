//! Every screen in Hebrew and English, light and dark: reached, looked at by axe, and pictured; beside those that the
//! design shows.

use std::time::Duration;

use tokio::time::sleep;

use crate::checks::Checks;
use crate::cli::Scene;
use crate::design;
use crate::failure::Failure;
use crate::page::{ESCAPE, Page};

/// Parts of the settings, as their tabs are named.
const SETTINGS: &[&str] = &["account", "listening", "storage", "security", "keys", "looks", "about"];
/// Pictures of the design that the window can be put beside: name, language, colours, and what is shown. The two in
/// forced colours are with `cargo xtask pictures`: the window's engine on Linux has none.
const PAIRS: &[(&str, &str, &str, Shown)] = &[
    ("calls-he-light", "he", "light", Shown::Section("nav-calls")),
    ("lead-he-light", "he", "light", Shown::Lead),
    ("offline-he-dark", "he", "dark", Shown::Section("nav-offline")),
    ("call-he-dark", "he", "dark", Shown::Call),
    ("calls-en-dark", "en", "dark", Shown::Section("nav-calls")),
    ("call-en-light", "en", "light", Shown::Call),
];

/// What the design shows there.
#[derive(Clone, Copy)]
enum Shown {
    /// A screen, by its button in the side bar.
    Section(&'static str),
    /// The page of the call that is in the player.
    Call,
    /// The page of its lead.
    Lead,
}

/// Goes through all of them.
pub async fn walk(page: &mut Page, axe: &str, scene: &Scene, checks: &mut Checks) -> Result<(), Failure> {
    for (language, theme) in [("he", "light"), ("en", "dark")] {
        page.switch_language(language).await?;
        page.switch_theme(theme).await?;
        for (button, screen) in [
            ("nav-leads", "leads-grid"),
            ("nav-offline", "offline"),
            ("nav-appointments", "agenda"),
            ("nav-doctor", "doctor"),
        ] {
            page.click(button).await?;
            page.find(screen).await?;
            look(page, axe, &format!("{screen}-{language}-{theme}"), checks).await?;
        }
        page.click("nav-settings").await?;
        for part in SETTINGS {
            page.click_css(&format!("[data-view='{part}']")).await?;
            page.find_css(&format!("[data-testid='settings'][data-part='{part}']"), part).await?;
            look(page, axe, &format!("settings-{part}-{language}-{theme}"), checks).await?;
        }
        page.click("nav-calls").await?;
        page.find("call-row").await?;
        over_the_page(page, axe, &format!("{language}-{theme}"), checks).await?;
        states_of_the_list(page, axe, &format!("{language}-{theme}"), checks).await?;
    }
    pairs(page, scene).await
}

/// What lies over the page: the palette, the keys, the filters.
async fn over_the_page(page: &mut Page, axe: &str, of: &str, checks: &mut Checks) -> Result<(), Failure> {
    page.click("palette-open").await?;
    page.find("palette-input").await?;
    look(page, axe, &format!("palette-{of}"), checks).await?;
    page.press_here(ESCAPE).await?;
    page.gone("palette").await?;
    // By the palette: a driver types "?" without the Shift that a keyboard has for it.
    page.click("palette-open").await?;
    page.click("palette-help").await?;
    page.find("key-help").await?;
    look(page, axe, &format!("keys-{of}"), checks).await?;
    page.press_here(ESCAPE).await?;
    page.gone("key-help").await?;
    page.click("calls-date").await?;
    page.find_css(".calendar", "the calendar").await?;
    look(page, axe, &format!("date-{of}"), checks).await?;
    page.press_here(ESCAPE).await?;
    Ok(())
}

/// The list with nothing found, and with several calls chosen.
async fn states_of_the_list(page: &mut Page, axe: &str, of: &str, checks: &mut Checks) -> Result<(), Failure> {
    page.type_into("calls-search", "qqqqqq").await?;
    page.find("calls-clear").await?;
    look(page, axe, &format!("calls-nothing-{of}"), checks).await?;
    page.click("calls-clear").await?;
    page.find("call-row").await?;
    page.press("\u{e009}a").await?;
    let chosen = page.words("bulk-count").await?;
    checks.rule("Ctrl+A chooses the calls of the list", chosen.chars().any(|c| c.is_ascii_digit()), chosen);
    look(page, axe, &format!("calls-chosen-{of}"), checks).await?;
    page.press(ESCAPE).await?;
    page.gone("bulk-bar").await
}

async fn look(page: &mut Page, axe: &str, name: &str, checks: &mut Checks) -> Result<(), Failure> {
    page.picture(name, false).await?;
    let violations = page.accessibility(axe).await?;
    checks.rule(&format!("axe finds nothing wrong ({name})"), violations.is_empty(), violations.join("; "));
    Ok(())
}

/// The scene's call, in the list.
async fn find_again(page: &mut Page, scene: &Scene) -> Result<(), Failure> {
    page.click("nav-calls").await?;
    page.search_call(&scene.lead_name, &scene.sid).await.map(drop)
}

/// The window and the design's picture of the same screen, side by side in `target/e2e/design`.
async fn pairs(page: &mut Page, scene: &Scene) -> Result<(), Failure> {
    for (name, language, theme, shown) in PAIRS {
        page.switch_language(language).await?;
        page.switch_theme(theme).await?;
        match shown {
            Shown::Section(button) => page.click(button).await?,
            Shown::Call => {
                find_again(page, scene).await?;
                page.open_call(&scene.sid).await?;
            }
            Shown::Lead => {
                find_again(page, scene).await?;
                page.open_lead_of(&scene.sid).await?;
            }
        }
        // What moves in and is asked for behind the first look.
        sleep(Duration::from_millis(600)).await;
        let shown = page.picture(&format!("design-{name}"), true).await?;
        design::pair(name, &shown)?;
    }
    Ok(())
}
