//! The icon beside the clock: what is playing, how fresh the library is, and the way back to the window.

use std::panic::{AssertUnwindSafe, catch_unwind};

use aftercall_app::contract;
use aftercall_app::desktop::Tray;
use serde_json::{Value, json};
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager, Runtime};

use crate::shell::Shell;
use crate::window;

const ID: &str = "tray";

/// Shows it, from the thread that may touch the desktop.
pub fn show<R: Runtime>(app: &AppHandle<R>, tray: Tray) {
    let handle = app.clone();
    let shown = app.run_on_main_thread(move || {
        // Where the desktop's library for it is missing, it is loaded with a panic: then there is no tray.
        match catch_unwind(AssertUnwindSafe(|| draw(&handle, &tray))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "no icon beside the clock"),
            Err(_) => tracing::debug!("this desktop has no place beside the clock"),
        }
    });
    if shown.is_err() {
        tracing::debug!("the app is ending: nothing is shown beside the clock");
    }
}

fn draw<R: Runtime>(app: &AppHandle<R>, tray: &Tray) -> tauri::Result<()> {
    let menu = Menu::new(app)?;
    menu.append(&MenuItem::with_id(app, "playing", &tray.playing, false, None::<&str>)?)?;
    if let Some(play) = &tray.play {
        menu.append(&MenuItem::with_id(app, "play", play, true, None::<&str>)?)?;
    }
    menu.append(&PredefinedMenuItem::separator(app)?)?;
    menu.append(&MenuItem::with_id(app, "sync", &tray.sync, false, None::<&str>)?)?;
    menu.append(&MenuItem::with_id(app, "open", &tray.open, true, None::<&str>)?)?;
    menu.append(&MenuItem::with_id(app, "quit", &tray.quit, true, None::<&str>)?)?;
    if let Some(icon) = app.tray_by_id(ID) {
        icon.set_menu(Some(menu))?;
        return icon.set_tooltip(Some(&tray.playing));
    }
    let icon = TrayIconBuilder::with_id(ID).menu(&menu).tooltip(&tray.playing).on_menu_event(|app, event| match event
        .id()
        .as_ref()
    {
        "open" => window::come_to_front(app),
        "quit" => window::close(app),
        "play" => play(app),
        _ => {}
    });
    match app.default_window_icon() {
        Some(picture) => icon.icon(picture.clone()).build(app)?,
        None => icon.build(app)?,
    };
    Ok(())
}

/// Plays, or pauses what plays.
pub fn play<R: Runtime>(app: &AppHandle<R>) {
    let shell = app.state::<Shell>().inner().clone();
    tauri::async_runtime::spawn(async move {
        let boot = shell.boot().await;
        let state = contract::dispatch(&boot, "player_state", Value::Null).await;
        let plays = state.is_ok_and(|state| state["phase"] == "playing" || state["phase"] == "buffering");
        let command = if plays { "player_pause" } else { "player_play" };
        // What cannot be played says so in the window.
        let _ = contract::dispatch(&boot, command, json!({})).await;
    });
}
