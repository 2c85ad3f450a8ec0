//! The window's syncs, one after the other for as long as it is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aftercall_domain::backoff;
use aftercall_domain::clock::Clock;
use aftercall_domain::error::{Code, Retry};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Depth, Progress, SyncError, apply, sync_once};
use crate::store::{Store, StoreError};
use crate::upstream::Crm;

/// The head of the list is read this often.
const HEAD_EVERY_MS: i64 = 60_000;
/// Everything that may have changed is read this often.
const USUAL_EVERY_MS: i64 = 20 * 60_000;
/// Every page is read this often.
const FULL_EVERY_MS: i64 = backoff::DAY_MS;
/// A role that may not read calls is asked again this often: roles change.
const FORBIDDEN_EVERY_MS: i64 = 15 * 60_000;
/// The longest pause after failures.
const RETRY_FLOOR_MS: i64 = 5_000;

/// What is going on, as the window's pill says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPhase {
    /// Never synced, and not syncing.
    Never,
    /// The first sync is running.
    FirstSync,
    /// Syncing.
    Syncing,
    /// The server said so at `last_success_at_ms`.
    Fresh,
    /// No network.
    Offline,
    /// The network is there, the CRM does not answer.
    ServerUnavailable,
    /// The session ended; nothing is tried until somebody signs in.
    SignInAgain,
    /// The server asked for patience.
    RateLimited,
    /// The role may not read this.
    Forbidden,
}

/// How fresh the library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncStatus {
    /// What is going on.
    pub phase: SyncPhase,
    /// When a sync last succeeded.
    pub last_success_at_ms: Option<i64>,
    /// When it is tried again by itself.
    pub next_try_at_ms: Option<i64>,
    /// Of the running or the last sync.
    pub progress: Progress,
}

/// When a sync of this library last succeeded.
///
/// # Errors
/// The library's.
pub async fn last_success_at_ms(store: &Store) -> Result<Option<i64>, StoreError> {
    apply::last_success_at_ms(store).await
}

/// The running task. Stop it before the library is closed; dropping it stops it too, without waiting.
#[derive(Debug)]
pub struct SyncLoop {
    status: watch::Receiver<SyncStatus>,
    asked: Arc<Asked>,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Asked {
    wake: Notify,
    now: AtomicBool,
}

struct Task {
    crm: Arc<Crm>,
    store: Store,
    clock: Arc<dyn Clock>,
    status: watch::Sender<SyncStatus>,
    asked: Arc<Asked>,
    cancel: CancellationToken,
    failures: u32,
    usual_at_ms: Option<i64>,
    full_at_ms: i64,
}

impl SyncLoop {
    /// Starts with a sync at once.
    pub fn start(crm: Arc<Crm>, store: Store, clock: Arc<dyn Clock>) -> Self {
        let never = SyncStatus {
            phase: SyncPhase::Never,
            last_success_at_ms: None,
            next_try_at_ms: None,
            progress: Progress::default(),
        };
        let (sender, status) = watch::channel(never);
        let (asked, cancel) = (Arc::new(Asked::default()), CancellationToken::new());
        let full_at_ms = clock.now_ms();
        let task = Task {
            crm,
            store,
            clock,
            status: sender,
            asked: Arc::clone(&asked),
            cancel: cancel.clone(),
            failures: 0,
            usual_at_ms: None,
            full_at_ms,
        };
        Self { status, asked, cancel, task: Some(tokio::spawn(task.run())) }
    }

    /// How fresh the library is, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.clone()
    }

    /// Syncs everything that may have changed, at once or right after the running sync. Also after a sign-in.
    pub fn sync_now(&self) {
        self.asked.now.store(true, Ordering::SeqCst);
        self.asked.wake.notify_one();
    }

    /// Stops, and waits until nothing is being written any more.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            // It panicked only where a test already says so; there is nothing left to stop then.
            let _ = task.await;
        }
    }
}

impl Drop for SyncLoop {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Task {
    async fn run(mut self) {
        let last = apply::last_success_at_ms(&self.store).await.ok().flatten();
        self.status.send_modify(|status| status.last_success_at_ms = last);
        while !self.cancel.is_cancelled() {
            let asked = self.asked.now.swap(false, Ordering::SeqCst);
            let wait_ms = self.once(asked).await;
            tokio::select! {
                () = self.cancel.cancelled() => {}
                () = self.asked.wake.notified() => {}
                () = pause(wait_ms) => {}
            }
        }
    }

    /// Syncs, and says how long to wait; `None` is until somebody asks.
    async fn once(&mut self, asked: bool) -> Option<i64> {
        let now_ms = self.clock.now_ms();
        let due = |last_ms: i64, every_ms: i64| !(0..every_ms).contains(&(now_ms - last_ms));
        let depth = if due(self.full_at_ms, FULL_EVERY_MS) {
            Depth::Full
        } else if asked || self.usual_at_ms.is_none_or(|at_ms| due(at_ms, USUAL_EVERY_MS)) {
            Depth::Usual
        } else {
            Depth::Head
        };
        self.status.send_modify(|status| {
            let first = status.last_success_at_ms.is_none();
            status.phase = if first { SyncPhase::FirstSync } else { SyncPhase::Syncing };
            status.next_try_at_ms = None;
            status.progress = Progress::default();
        });
        let tell = |progress| self.status.send_modify(|status| status.progress = progress);
        let done = sync_once(&self.crm, &self.store, &*self.clock, depth, &tell, &self.cancel).await;
        let now_ms = self.clock.now_ms();
        let (phase, wait_ms) = match done {
            Ok(_) => {
                self.failures = 0;
                if depth != Depth::Head {
                    self.usual_at_ms = Some(now_ms);
                }
                if depth == Depth::Full {
                    self.full_at_ms = now_ms;
                }
                self.status.send_modify(|status| status.last_success_at_ms = Some(now_ms));
                (SyncPhase::Fresh, Some(HEAD_EVERY_MS))
            }
            Err(SyncError::Cancelled) => return None,
            Err(error) => {
                // The one place where a failed sync is told: its cause, no name and no address.
                tracing::warn!(code = error.code().as_str(), %error, "sync failed");
                self.failed(&error)
            }
        };
        self.status.send_modify(|status| {
            status.phase = phase;
            status.next_try_at_ms = wait_ms.map(|ms| now_ms + ms);
        });
        wait_ms
    }

    fn failed(&mut self, error: &SyncError) -> (SyncPhase, Option<i64>) {
        let asked_ms = match error.retry() {
            Retry::After(ms) => i64::try_from(ms).ok().filter(|ms| *ms > 0),
            Retry::Never | Retry::AfterLogin | Retry::AfterUser => None,
        };
        let wait_ms = RETRY_FLOOR_MS + backoff::retry_wait_ms(self.failures, asked_ms, rand::random());
        self.failures = self.failures.saturating_add(1);
        match error.code() {
            Code::LoginExpired | Code::WrongPassword => (SyncPhase::SignInAgain, None),
            Code::Offline => (SyncPhase::Offline, Some(wait_ms)),
            Code::RateLimited => (SyncPhase::RateLimited, Some(wait_ms.max(HEAD_EVERY_MS))),
            Code::Forbidden => (SyncPhase::Forbidden, Some(FORBIDDEN_EVERY_MS)),
            _ => (SyncPhase::ServerUnavailable, Some(wait_ms)),
        }
    }
}

async fn pause(wait_ms: Option<i64>) {
    match wait_ms.map(u64::try_from) {
        Some(Ok(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(Err(_)) => {}
        None => std::future::pending().await,
    }
}
