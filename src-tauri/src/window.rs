//! The one window, and how it goes.

use std::sync::Arc;
use std::time::Duration;

use tauri::plugin::TauriPlugin;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Builder, Manager, Runtime, Url, WebviewUrl, WebviewWindowBuilder, WindowEvent};

use tauri_plugin_window_state::StateFlags;

use crate::desktop::OfWindow;
use crate::shell::Shell;
use crate::{away, protocol, rpc};

/// The window's label; capabilities and the protocol know no other.
pub const LABEL: &str = "main";

/// How long saving and stopping may hold up the end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Vite's server, in a build without the interface inside.
const DEV_ORIGIN: &str = "http://localhost:1420";

/// Where nothing listens, and nobody but the system itself may. The page's policy forbids every address, and an engine
/// opens some connections all the same (`<link rel=preconnect>`): they end here. Where it was never tried it is left out.
#[cfg(all(target_os = "linux", feature = "custom-protocol"))]
const NOWHERE: &str = "http://127.0.0.1:1";

/// The origins of the app's own pages, exact.
pub fn app_origins() -> Vec<&'static str> {
    // Where a scheme of one's own exists, `tauri.localhost` is a real address that anybody may listen on.
    let mut origins = match cfg!(windows) {
        true => vec!["http://tauri.localhost", "https://tauri.localhost"],
        false => vec!["tauri://localhost"],
    };
    if cfg!(not(feature = "custom-protocol")) {
        origins.push(DEV_ORIGIN);
    }
    origins
}

/// Whether the page may go there: only within the app.
fn may_navigate(url: &Url) -> bool {
    // `Url::origin` is opaque for tauri://, so the parts are compared.
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let origin = format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default());
    url.username().is_empty() && app_origins().contains(&origin.as_str())
}

/// The shell on any runtime; tests use the mock one.
pub fn build<R: Runtime>(builder: Builder<R>, shell: Shell) -> Builder<R> {
    let for_protocol = shell.clone();
    builder
        .manage(shell)
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .register_asynchronous_uri_scheme_protocol("rec", move |context, request, responder| {
            protocol::answer(&for_protocol, &context, request, responder);
        })
        .invoke_handler(tauri::generate_handler![rpc::rpc, rpc::events])
        .setup(|app| {
            let shell = app.state::<Shell>().inner().clone();
            shell.set_desktop(Arc::new(OfWindow::new(app.handle().clone())));
            open(app.handle())?;
            away::listen(app.handle());
            let handle = app.handle().clone();
            tauri::async_runtime::spawn(async move {
                // Starts while the page loads.
                handle.state::<Shell>().boot().await;
            });
            close_on_signal(app.handle());
            Ok(())
        })
        .on_window_event(|window, event| {
            if let WindowEvent::CloseRequested { api, .. } = event {
                api.prevent_close();
                // A window that is hidden looks closed at once, while the position is being saved.
                let _ = window.hide();
                close(window.app_handle());
            }
        })
}

/// Where the window was, how large, and whether it filled the screen; not whether it was shown.
pub fn state<R: Runtime>() -> TauriPlugin<R> {
    let kept = StateFlags::POSITION | StateFlags::SIZE | StateFlags::MAXIMIZED | StateFlags::FULLSCREEN;
    tauri_plugin_window_state::Builder::new().with_state_flags(kept).build()
}

fn open<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Aftercall")
        .inner_size(1280.0, 800.0)
        .min_inner_size(900.0, 600.0)
        .on_navigation(may_navigate)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        // Sound leaves only through the app's own export; a page's download would be plaintext on the disk.
        .on_download(|_, _| false);
    #[cfg(all(target_os = "linux", feature = "custom-protocol"))]
    let window = match Url::parse(NOWHERE) {
        Ok(nowhere) => window.proxy_url(nowhere),
        Err(_) => window,
    };
    window.build()?;
    Ok(())
}

/// Shows the window, wherever it is.
pub fn come_to_front<R: Runtime>(app: &AppHandle<R>) {
    if let Some(window) = app.get_webview_window(LABEL) {
        // Each of these is a wish to the desktop; one that does not take it leaves the window where it is.
        let _ = window.unminimize();
        let _ = window.show();
        let _ = window.set_focus();
    }
}

/// Saves, stops the sound and the tasks, then ends the process.
pub fn close<R: Runtime>(app: &AppHandle<R>) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let shell = app.state::<Shell>().inner().clone();
        if let Some(boot) = shell.started()
            && tokio::time::timeout(CLOSE_PATIENCE, boot.close()).await.is_err()
        {
            tracing::warn!("closing took too long and was cut short");
        }
        app.exit(0);
    });
}

/// A session that ends, or a terminal that is closed, saves as a closed window does.
#[cfg(unix)]
fn close_on_signal<R: Runtime>(app: &AppHandle<R>) {
    use tokio::signal::unix::{SignalKind, signal};
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        close(&app);
    });
}

#[cfg(not(unix))]
fn close_on_signal<R: Runtime>(_: &AppHandle<R>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_never_leaves_the_app() {
        let own = app_origins()[0];
        for allowed in [format!("{own}/"), format!("{own}/index.html#/calls")] {
            assert!(may_navigate(&allowed.parse().unwrap()), "{allowed}");
        }
        assert_eq!(may_navigate(&"http://tauri.localhost/".parse().unwrap()), cfg!(windows));
        for refused in [
            "https://example.com/",
            "http://tauri.localhost.example.com/",
            "http://tauri.localhost:8080/",
            "http://user@tauri.localhost/",
            "rec://localhost/crm:CA1",
            "file:///etc/passwd",
            "data:text/html,x",
            "javascript:alert(1)",
            "about:blank",
        ] {
            assert!(!may_navigate(&refused.parse().unwrap()), "{refused}");
        }
    }
}
