//! What the window's commands share: the app, once it has started.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aftercall_app::desktop::Desktop;
use aftercall_app::start::{Access, Boot, StartOptions};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::links::Links;

/// Answers of `rec://` under way at once: each is one whole buffer.
const RESPONSES_MAX: usize = 8;

/// The app behind the window. The window opens at once; whoever needs the app waits for its start.
#[derive(Clone)]
pub struct Shell(Arc<Inner>);

struct Inner {
    options: StartOptions,
    desktop: OnceLock<Arc<dyn Desktop>>,
    links: Links,
    boot: AsyncMutex<Option<Arc<Boot>>>,
    responses: Semaphore,
    listener: Mutex<CancellationToken>,
}

impl Shell {
    /// Nothing is opened yet.
    pub fn new(profile: Option<PathBuf>) -> Self {
        Self::with(StartOptions { profile, ..StartOptions::from_env(Access::Window) })
    }

    /// A shell that starts the app just so.
    pub fn with(options: StartOptions) -> Self {
        Self(Arc::new(Inner {
            options,
            desktop: OnceLock::new(),
            links: Links::default(),
            boot: AsyncMutex::default(),
            responses: Semaphore::new(RESPONSES_MAX),
            listener: Mutex::new(CancellationToken::new()),
        }))
    }

    /// The app; starts it for the first that asks, and again after it was locked, unlocked or wiped.
    pub async fn boot(&self) -> Arc<Boot> {
        let mut boot = self.0.boot.lock().await;
        let options = match boot.as_ref() {
            Some(running) if !running.is_over() => return Arc::clone(running),
            Some(former) => former.next(&self.0.options),
            None => self.0.options.clone(),
        };
        let options = StartOptions { desktop: self.0.desktop.get().cloned(), ..options };
        // The former one goes before the next begins: it may hold the last of what was dropped.
        boot.take();
        Arc::clone(boot.insert(Arc::new(Boot::start(options).await)))
    }

    /// The desktop that the app shall ask, before its first start.
    pub fn set_desktop(&self, desktop: Arc<dyn Desktop>) {
        // The second of two would be of the same window.
        let _ = self.0.desktop.set(desktop);
    }

    /// Links that were followed.
    pub fn links(&self) -> &Links {
        &self.0.links
    }

    /// The app, where it has started.
    pub fn started(&self) -> Option<Arc<Boot>> {
        self.0.boot.try_lock().ok()?.clone()
    }

    /// Room for one more answer.
    pub fn responses(&self) -> &Semaphore {
        &self.0.responses
    }

    /// A reloaded page listens anew: the former page's listener is told to stop.
    pub fn new_listener(&self) -> CancellationToken {
        let fresh = CancellationToken::new();
        let mut listener = self.0.listener.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *listener, fresh.clone()).cancel();
        fresh
    }
}
