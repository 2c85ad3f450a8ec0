//! The desktop around the app: dialogs for files, the tray, notifications.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use aftercall_app::contract;
use aftercall_app::desktop::{Desktop, Notice, Tray};
use aftercall_app::now_playing::NowPlaying;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::json;
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_dialog::DialogExt as _;
use tauri_plugin_notification::NotificationExt as _;
use tauri_plugin_opener::OpenerExt as _;

use crate::media_keys::{MediaKeys, Press};
use crate::shell::Shell;
use crate::{tray, window};

/// The real one, as the app asks it.
pub struct OfWindow<R: Runtime> {
    app: AppHandle<R>,
    shown: Mutex<Option<Tray>>,
    keys: MediaKeys,
}

impl<R: Runtime> OfWindow<R> {
    /// Over this app.
    pub fn new(app: AppHandle<R>) -> Self {
        let keys = MediaKeys::default();
        let pressed = app.clone();
        keys.open(move |press| follow(&pressed, press));
        Self { app, shown: Mutex::default(), keys }
    }

    fn file(&self) -> tauri_plugin_dialog::FileDialogBuilder<R> {
        let dialog = self.app.dialog().file();
        match self.app.get_webview_window(window::LABEL) {
            Some(window) => dialog.set_parent(&window),
            None => dialog,
        }
    }
}

impl<R: Runtime> Desktop for OfWindow<R> {
    fn save_as(&self, name: String, extension: &'static str) -> BoxFuture<'static, Option<PathBuf>> {
        let (chosen, choice) = tokio::sync::oneshot::channel();
        let dialog = self.file().add_filter(extension.to_uppercase(), &[extension]);
        dialog.set_file_name(format!("{name}.{extension}")).save_file(|file| {
            // Who asked may be gone, with the page.
            let _ = chosen.send(file);
        });
        async move { choice.await.ok().flatten()?.into_path().ok() }.boxed()
    }

    fn folder(&self) -> BoxFuture<'static, Option<PathBuf>> {
        let (chosen, choice) = tokio::sync::oneshot::channel();
        self.file().pick_folder(|folder| {
            let _ = chosen.send(folder);
        });
        async move { choice.await.ok().flatten()?.into_path().ok() }.boxed()
    }

    fn show(&self, now: Tray) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref() == Some(&now) {
            return;
        }
        *shown = Some(now.clone());
        tray::show(&self.app, now);
    }

    fn now_playing(&self, now: Option<NowPlaying>) {
        self.keys.show(now);
    }

    fn notify(&self, notice: Notice) {
        let in_front = |window: tauri::WebviewWindow<R>| window.is_focused().unwrap_or(false);
        if self.app.get_webview_window(window::LABEL).is_some_and(in_front) {
            return;
        }
        // A desktop without notifications misses one; the window says the same.
        let _ = self.app.notification().builder().title(notice.title).body(notice.text).show();
    }

    fn browse(&self, page: &str) -> bool {
        let opened = self.app.opener().open_url(page, None::<&str>);
        opened.inspect_err(|error| tracing::warn!(%error, "no browser opened")).is_ok()
    }
}

/// Does what a media key asks for, as a key in the window would.
fn follow<R: Runtime>(app: &AppHandle<R>, press: Press) {
    let (command, arguments) = match press {
        Press::Raise => return window::come_to_front(app),
        Press::Quit => return window::close(app),
        Press::PlayPause => return tray::play(app),
        Press::Play => ("player_play", json!({})),
        Press::Pause => ("player_pause", json!({})),
        Press::Next => ("player_next", json!({})),
        Press::Previous => ("player_previous", json!({})),
        Press::SeekBy(by_ms) => ("player_seek_by", json!({ "by_ms": by_ms })),
        Press::SeekTo(position_ms) => ("player_seek", json!({ "position_ms": position_ms })),
    };
    let shell = app.state::<Shell>().inner().clone();
    tauri::async_runtime::spawn(async move {
        let boot = shell.boot().await;
        // What cannot be done, while it is locked above all, is not done.
        let _ = contract::dispatch(&boot, command, arguments).await;
    });
}
