//! A sandbox, a profile, and an app over both.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aftercall_app::contract::dispatch;
use aftercall_app::desktop::Desktop;
use aftercall_app::dto::WireError;
use aftercall_app::start::{Access, Boot, StartOptions};
use aftercall_domain::clock::SystemClock;
use aftercall_engine::secrets::KeyChoice;
use aftercall_engine::upstream::Limits;
use aftercall_player::OutputChoice;
use aftercall_player::output::headless::Headless;
use aftercall_sandbox::{Options, Sandbox};
use serde_json::{Value, json};

/// Long enough for a busy machine; what is waited for takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub sandbox: Sandbox,
    pub profile: tempfile::TempDir,
}

impl World {
    pub async fn new(options: Options) -> Self {
        Self { sandbox: Sandbox::start(options).await.unwrap(), profile: tempfile::tempdir().unwrap() }
    }

    /// Few calls, and recordings that are there at once.
    pub async fn small() -> Self {
        Self::new(Options { calls: 40, leads: 12, prepare_polls: 0, ..Options::default() }).await
    }

    pub fn key_file(&self) -> PathBuf {
        self.profile.path().join("root.key")
    }

    pub fn folder(&self) -> PathBuf {
        self.profile.path().join("profile")
    }

    pub fn options(&self, access: Access) -> StartOptions {
        StartOptions {
            profile: Some(self.folder()),
            key: KeyChoice::File(self.key_file()),
            access,
            output: OutputChoice::Headless(Headless::paced(8_000)),
            clock: Arc::new(SystemClock::new()),
            limits: Limits::default(),
            following: Default::default(),
            desktop: None,
        }
    }

    pub async fn window(&self) -> Boot {
        Boot::start(self.options(Access::Window)).await
    }

    pub async fn sign_in(&self, boot: &Boot) -> Value {
        let ready = self.sandbox.ready();
        let ask = json!({
            "url": ready.url, "email": ready.email, "password": ready.password, "stay_signed_in": true,
        });
        ask_for(boot, "session_sign_in", ask).await
    }

    /// Signed in, with the first sync done.
    pub async fn synced(&self) -> Boot {
        self.synced_on(None).await
    }

    /// The same with a desktop around it.
    pub async fn synced_on(&self, desktop: Option<Arc<dyn Desktop>>) -> Boot {
        let boot = Boot::start(StartOptions { desktop, ..self.options(Access::Window) }).await;
        self.sign_in(&boot).await;
        until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
        boot
    }

    /// The newest call with a recording of this file.
    pub fn call_with(&self, file: &str) -> String {
        let recordings = &self.sandbox.ready().recordings;
        recordings.iter().find(|one| one.file == file).expect("a call with that file").call_sid.clone()
    }

    /// Calls with recordings, newest first.
    pub fn call(&self, ordinal: usize) -> String {
        self.sandbox.ready().recordings[ordinal].call_sid.clone()
    }
}

pub async fn ask_for(boot: &Boot, command: &str, args: Value) -> Value {
    dispatch(boot, command, args).await.unwrap_or_else(|error| panic!("{command}: {error:?}"))
}

pub async fn refused(boot: &Boot, command: &str, args: Value) -> WireError {
    dispatch(boot, command, args).await.expect_err("it was to be refused")
}

/// Waits until something holds.
pub async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never came to hold");
}

pub fn id_of(sid: &str) -> String {
    format!("crm:{sid}")
}

/// Waits until a recording is on the device.
pub async fn arrived(boot: &Boot, sid: &str) {
    until(|| async { ask_for(boot, "call_read", json!({"sid": sid})).await["recording"]["state"] == "on_device" })
        .await;
}

/// Wants a recording and waits until it is on this device.
pub async fn fetched(boot: &Boot, sid: &str) {
    ask_for(boot, "recording_want", json!({"id": id_of(sid)})).await;
    arrived(boot, sid).await;
}

/// Flips one bit in the first chunk of the one stored recording.
pub fn tamper(recordings: &std::path::Path) {
    let (mut files, mut folders) = (Vec::new(), vec![recordings.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert_eq!(files.len(), 1);
    let mut sealed = std::fs::read(&files[0]).unwrap();
    sealed[64 + 100] ^= 1;
    std::fs::write(&files[0], sealed).unwrap();
}
