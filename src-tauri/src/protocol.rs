//! `rec://localhost/<recording id>`: answered asynchronously, from a blocking pool, out of the vault.

use tauri::{Runtime, UriSchemeContext, UriSchemeResponder};

use crate::shell::Shell;
use crate::window::{LABEL, app_origins};

/// Answers one request of the webview.
pub fn answer<R: Runtime>(
    shell: &Shell,
    context: &UriSchemeContext<'_, R>,
    request: http::Request<Vec<u8>>,
    responder: UriSchemeResponder,
) {
    let own_window = context.webview_label() == LABEL;
    let shell = shell.clone();
    let request = request.map(drop);
    tauri::async_runtime::spawn(async move {
        let origins = app_origins();
        // Closed never: the semaphore lives as long as the app.
        let _room = shell.responses().acquire().await;
        let response = shell.boot().await.respond(request, own_window, &origins).await;
        responder.respond(response);
    });
}
