//! The window's one command and its one channel.

use aftercall_app::contract;
use aftercall_app::dto::{AppEvent, WireError};
use serde_json::Value;
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager, Runtime, State};

use crate::shell::Shell;

/// Runs a command of the contract.
#[tauri::command]
pub async fn rpc(shell: State<'_, Shell>, cmd: String, args: Value) -> Result<Value, WireError> {
    contract::dispatch(&*shell.boot().await, &cmd, args).await
}

/// Tells the window what happens by itself, until the window listens anew or the app stops.
#[tauri::command]
pub async fn events<R: Runtime>(app: AppHandle<R>, channel: Channel<AppEvent>) -> Result<(), WireError> {
    let shell = app.state::<Shell>().inner().clone();
    let stopped = shell.new_listener();
    let boot = shell.boot().await;
    let Some(mut events) = boot.events() else {
        // Locked, or refused: a link opens no more than this screen, and is not kept for later.
        shell.links().forget();
        return Ok(());
    };
    tauri::async_runtime::spawn(async move {
        loop {
            let event = tokio::select! {
                () = stopped.cancelled() => break,
                event = events.next() => event,
                link = shell.links().next() => Some(link),
            };
            // A channel that refuses belongs to a page that is gone.
            if event.is_none_or(|event| channel.send(event).is_err()) {
                break;
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aftercall_app::start::{Access, StartOptions};
    use serde_json::json;
    use tauri::ipc::{CallbackFn, InvokeBody};
    use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context, noop_assets};
    use tauri::webview::InvokeRequest;
    use tauri::{App, WebviewWindow, WebviewWindowBuilder};

    use super::*;
    use crate::window;

    /// The shell on the mock runtime, over a profile whose key is a file beside it.
    fn shell(folder: &Path) -> (App<MockRuntime>, WebviewWindow<MockRuntime>) {
        let options = StartOptions {
            profile: Some(folder.join("profile")),
            key: aftercall_app::start::KeyChoice::File(folder.join("root.key")),
            ..StartOptions::from_env(Access::Window)
        };
        let builder = window::build(mock_builder(), Shell::with(options));
        let app = builder.build(mock_context(noop_assets())).unwrap();
        let window = WebviewWindowBuilder::new(&app, window::LABEL, tauri::WebviewUrl::default()).build().unwrap();
        (app, window)
    }

    fn ask(window: &WebviewWindow<MockRuntime>, command: &str, body: Value) -> Result<Value, Value> {
        let request = InvokeRequest {
            cmd: command.into(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: InvokeBody::Json(body),
            headers: Default::default(),
            invoke_key: INVOKE_KEY.to_owned(),
        };
        get_ipc_response(window, request).map(|body| body.deserialize().unwrap())
    }

    #[test]
    fn the_window_asks_through_one_command_and_hears_the_code_of_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let (_app, window) = shell(folder.path());
        let state = ask(&window, "rpc", json!({"cmd": "boot_state", "args": {}})).unwrap();
        assert_eq!((&state["phase"], &state["key_in_file"]), (&json!("sign_in"), &json!(true)));
        let error = ask(&window, "rpc", json!({"cmd": "lead_read", "args": {"id": "7"}})).unwrap_err();
        assert_eq!(error["code"], "not_found");
        assert!(error["ref"].is_string());
        let error = ask(&window, "rpc", json!({"cmd": "drop_everything", "args": {}})).unwrap_err();
        assert_eq!(error["code"], "invalid_input");
    }

    #[test]
    fn a_refused_start_is_an_answer_and_the_window_stays_open() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("profile")).unwrap();
        std::fs::write(folder.path().join("profile/library.db"), [7; 4096]).unwrap();
        let (_app, window) = shell(folder.path());
        let state = ask(&window, "rpc", json!({"cmd": "boot_state", "args": {}})).unwrap();
        assert_eq!((&state["phase"], &state["error"]["code"]), (&json!("refused"), &json!("key_lost")));
        let asked = json!({"cmd": "calls_window", "args": {"filter": {}, "offset": 0, "limit": 1}});
        assert_eq!(ask(&window, "rpc", asked).unwrap_err()["code"], "key_lost");
    }

    #[test]
    fn there_is_no_other_command() {
        let folder = tempfile::tempdir().unwrap();
        let (_app, window) = shell(folder.path());
        for command in ["plugin:fs|read_file", "plugin:shell|open", "greet", "contract"] {
            assert!(ask(&window, command, json!({})).is_err(), "{command}");
        }
    }
}
