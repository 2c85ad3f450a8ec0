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
    contract::dispatch(shell.boot().await, &cmd, args).await
}

/// Tells the window what happens by itself, until the window listens anew or the app stops.
#[tauri::command]
pub async fn events<R: Runtime>(app: AppHandle<R>, channel: Channel<AppEvent>) -> Result<(), WireError> {
    let shell = app.state::<Shell>().inner().clone();
    let stopped = shell.new_listener();
    let Some(mut events) = shell.boot().await.events() else { return Ok(()) };
    tauri::async_runtime::spawn(async move {
        loop {
            let event = tokio::select! {
                () = stopped.cancelled() => break,
                event = events.next() => event,
            };
            // A channel that refuses belongs to a page that is gone.
            if event.is_none_or(|event| channel.send(event).is_err()) {
                break;
            }
        }
    });
    Ok(())
}
