//! The computer is about to sleep, or its session is locked: logind says so beforehand, and the sleep waits until the
//! keys are dropped.

use tauri::{AppHandle, Runtime};

/// Listens for as long as the app runs. Where there is no logind, the app finds out when the computer wakes.
#[cfg(target_os = "linux")]
pub fn listen<R: Runtime>(app: &AppHandle<R>) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if let Err(error) = logind::follow(app).await {
            tracing::debug!(%error, "logind cannot be listened to");
        }
    });
}

/// Elsewhere the clocks tell when the computer wakes.
#[cfg(not(target_os = "linux"))]
pub fn listen<R: Runtime>(_: &AppHandle<R>) {}

#[cfg(target_os = "linux")]
mod logind {
    use futures_util::StreamExt as _;
    use tauri::{AppHandle, Manager, Runtime};
    use zbus::zvariant::OwnedFd;

    use crate::shell::Shell;

    #[zbus::proxy(
        interface = "org.freedesktop.login1.Manager",
        default_service = "org.freedesktop.login1",
        default_path = "/org/freedesktop/login1"
    )]
    trait Manager {
        fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;

        #[zbus(signal)]
        fn prepare_for_sleep(&self, start: bool) -> zbus::Result<()>;
    }

    #[zbus::proxy(
        interface = "org.freedesktop.login1.Session",
        default_service = "org.freedesktop.login1",
        default_path = "/org/freedesktop/login1/session/auto"
    )]
    trait Session {
        #[zbus(signal)]
        fn lock(&self) -> zbus::Result<()>;
    }

    pub async fn follow<R: Runtime>(app: AppHandle<R>) -> zbus::Result<()> {
        let bus = zbus::Connection::system().await?;
        let manager = ManagerProxy::new(&bus).await?;
        let mut sleeps = manager.receive_prepare_for_sleep().await?;
        let mut locks = SessionProxy::new(&bus).await?.receive_lock().await?;
        // Holds up the sleep for the moment that dropping the keys takes; logind waits five seconds at most.
        let hold = || manager.inhibit("sleep", "Aftercall", "Locks before the computer sleeps", "delay");
        let mut held = hold().await.ok();
        loop {
            tokio::select! {
                signal = sleeps.next() => {
                    let Some(signal) = signal else { return Ok(()) };
                    if signal.args()?.start {
                        away(&app).await;
                        held = None;
                    } else {
                        held = hold().await.ok();
                    }
                }
                signal = locks.next() => {
                    if signal.is_none() {
                        return Ok(());
                    }
                    away(&app).await;
                }
            }
            let _ = &held;
        }
    }

    async fn away<R: Runtime>(app: &AppHandle<R>) {
        if let Some(boot) = app.state::<Shell>().started() {
            boot.going_away().await;
        }
    }
}
