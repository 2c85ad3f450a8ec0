//! What only a desktop can do: ask a person where a file shall go, show the app's state beside the clock, and say
//! something while the window is away. The shell hands it in; without one (the command line, tests) nobody can be asked.
//! No path crosses to the page: whoever chooses is asked here, and what was chosen is used here. The words are the
//! page's, as everywhere.

use std::path::PathBuf;

use aftercall_domain::ids::LeadId;
use aftercall_engine::store::table::account;
use aftercall_engine::upstream::Origin;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use ts_rs::TS;

use crate::dto::Nothing;
use crate::errors::AppError;
use crate::now_playing::{NowPlaying, Words};
use crate::start::{App, Boot};

/// Letters of one line in the tray or of a notification.
const LINE_LETTERS_MAX: usize = 200;

/// The desktop around the app.
pub trait Desktop: Send + Sync {
    /// Asks where to write a file; `None` where the person thought better of it. `extension` is without its dot.
    fn save_as(&self, name: String, extension: &'static str) -> BoxFuture<'static, Option<PathBuf>>;

    /// Asks for a folder to write several files into.
    fn folder(&self) -> BoxFuture<'static, Option<PathBuf>>;

    /// Shows this beside the clock.
    fn show(&self, tray: Tray);

    /// Shows this to media keys and whoever displays what plays; none = nothing is in the player, or it is locked.
    fn now_playing(&self, now: Option<NowPlaying>);

    /// Says it outside of the window, where the window is not in front.
    fn notify(&self, notice: Notice);

    /// Opens a page of the CRM in the system's browser, and waits for a moment to see whether that fails. False where none
    /// opens.
    fn browse(&self, page: &str) -> bool;
}

/// What stands beside the clock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, TS)]
pub struct Tray {
    /// What is playing; while the app is locked, nothing of whose it is.
    pub playing: String,
    /// What stands on a lock screen for whatever is in the player: "Call recording".
    pub recording: String,
    /// Whose call is in the player; shown there only where the person chose that.
    pub whose: Option<String>,
    /// What the next line does with it; null where there is nothing to play.
    pub play: Option<String>,
    /// How fresh the library is.
    pub sync: String,
    /// "Open Aftercall".
    pub open: String,
    /// "Quit".
    pub quit: String,
}

/// Something to know while the window is away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, TS)]
pub struct Notice {
    /// In one line, with nobody's name or number: it is shown on a locked screen, too.
    pub title: String,
    /// What follows from it.
    pub text: String,
}

fn is_line(text: &str) -> bool {
    text.chars().count() <= LINE_LETTERS_MAX && !text.chars().any(char::is_control)
}

/// Shows it, also over a start that was refused.
pub(crate) fn show(boot: &Boot, tray: Tray) -> Result<Nothing, AppError> {
    let always = [&tray.playing, &tray.recording, &tray.sync, &tray.open, &tray.quit].map(Some);
    let maybe = [tray.play.as_ref(), tray.whose.as_ref()];
    if !always.into_iter().chain(maybe).flatten().all(|line| is_line(line)) {
        return Err(AppError::InvalidInput("a line"));
    }
    if let Boot::Ready(app) = boot {
        app.0.words.send_replace(Words::of(&tray));
    }
    if let Some(desktop) = boot.desktop() {
        desktop.show(tray);
    }
    Ok(Nothing {})
}

impl App {
    /// Shows a lead in the CRM's own pages. The address is made here, of the origin that somebody signed in to: nothing
    /// of it comes from the page or from the CRM's data.
    pub(crate) async fn show_in_crm(&self, id: LeadId) -> Result<Nothing, AppError> {
        let account = self.store().read(account::get).await?.ok_or(AppError::NotSignedIn)?;
        let origin: Origin = account.url.parse()?;
        let desktop = self.0.desktop.clone().ok_or(AppError::NotFound("desktop"))?;
        let page = origin.lead_page(id);
        let opened = tokio::task::spawn_blocking(move || desktop.browse(&page)).await;
        if opened.map_err(|_| AppError::Panicked)? { Ok(Nothing {}) } else { Err(AppError::NotFound("browser")) }
    }
}

/// Says it.
pub(crate) fn notify(boot: &Boot, notice: Notice) -> Result<Nothing, AppError> {
    if !is_line(&notice.title) || !is_line(&notice.text) {
        return Err(AppError::InvalidInput("a line"));
    }
    if let Some(desktop) = boot.desktop() {
        desktop.notify(notice);
    }
    Ok(Nothing {})
}
