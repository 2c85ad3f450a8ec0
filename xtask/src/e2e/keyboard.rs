//! The way of somebody who has no pointer: find a name, hear the call, pin it, find it among what is kept, look into the
//! week, and open the lead.

use crate::checks::Checks;
use crate::cli::Scene;
use crate::failure::Failure;
use crate::page::{DOWN, ENTER, ESCAPE, PATIENCE, Page};

/// Ctrl, held for the key that follows.
const CTRL: &str = "\u{e009}";
/// Shift, likewise.
const SHIFT: &str = "\u{e008}";

/// Goes it, over a library in which the scene's call is already on this device.
pub async fn walk(page: &mut Page, scene: &Scene, checks: &mut Checks) -> Result<(), Failure> {
    page.press(&format!("{CTRL}1")).await?;
    page.find("calls-grid").await?;
    page.press(&format!("{CTRL}f")).await?;
    page.press_here(&format!("{CTRL}a")).await?;
    page.press_here(&scene.lead_name).await?;
    page.find_css(&format!("[data-testid='call-row'][data-sid='{}']", scene.sid), "the call").await?;
    page.press_here(DOWN).await?;
    checks.step("the arrow leads from the search into the list");
    for _ in 0..40 {
        if page.chosen_row().await? == scene.sid {
            break;
        }
        page.press_here(DOWN).await?;
    }
    let chosen = page.chosen_row().await?;
    checks.rule("the arrows reach the call", chosen == scene.sid, chosen);
    page.press_here(&format!("{SHIFT}d")).await?;
    page.find_css(
        &format!("[data-testid='call-row'][data-sid='{}'] [data-state='pinned']", scene.sid),
        "the pinned call",
    )
    .await?;
    checks.step("Shift+D pins it");
    page.press_here(" ").await?;
    page.until_dock("sound by the space bar", PATIENCE, |_| {}, |dock| dock.phase == "playing").await?;
    checks.step("Space plays it");
    page.press_here(" ").await?;
    page.press(&format!("{CTRL}3")).await?;
    page.find_css(&format!("[data-testid='kept-pinned'] [data-sid='{}']", scene.sid), "the call among the pinned ones")
        .await?;
    checks.step("Ctrl+3 shows it among what is kept");
    page.press(&format!("{CTRL}4")).await?;
    page.find("agenda").await?;
    checks.step("Ctrl+4 shows the appointments");
    page.press(&format!("{CTRL}k")).await?;
    page.find("palette-input").await?;
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
    page.press(ESCAPE).await?;
    page.find("leads-grid").await?;
    checks.step("Esc goes back to the list");
    Ok(())
}
