//! The window's syncs, one after the other for as long as it is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aftercall_domain::backoff;
use aftercall_domain::clock::{Clock, Clocks, Went};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::running::{Failures, Running, asked_ms};
use super::schedule::{HEAD_EVERY_MS, SPREAD_MS, Schedule};
use super::{Depth, Progress, Refused, SyncError, apply, sync_once};
use crate::store::{Store, StoreError};
use crate::upstream::{Crm, UpstreamError};

/// A window that comes to the front asks again when the last try is older than this.
const NUDGE_AFTER_MS: i64 = 15_000;
/// A clock that differs this much from the server's is wrong: offline ages, windows and certificates go by it.
pub const CLOCK_WRONG_MS: i64 = 5 * 60_000;

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
    /// Synced, but this computer's clock differs from the server's.
    ClockWrong,
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
    /// Lists that the role may not read, as the last whole sync found.
    pub refused: Refused,
}

impl SyncStatus {
    /// Before anything was tried.
    pub(super) fn never() -> Self {
        Self {
            phase: SyncPhase::Never,
            last_success_at_ms: None,
            next_try_at_ms: None,
            progress: Progress::default(),
            refused: Refused::default(),
        }
    }

    /// A sync begins.
    pub(super) fn begin(&mut self) {
        self.phase = if self.last_success_at_ms.is_none() { SyncPhase::FirstSync } else { SyncPhase::Syncing };
        self.next_try_at_ms = None;
        self.progress = Progress::default();
    }
}

/// When a sync of this library last succeeded.
///
/// # Errors
/// The library's.
pub async fn last_success_at_ms(store: &Store) -> Result<Option<i64>, StoreError> {
    Ok(apply::kept(store).await?.success_at_ms)
}

/// The running task. Stop it before the library is closed; dropping it stops it too, without waiting.
#[derive(Debug)]
pub struct SyncLoop {
    running: Running,
    asked: Arc<Asked>,
}

/// How the task works. The default is what the app uses.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// How often the clocks are looked at while nothing is due: a computer that slept is noticed by it.
    pub look_every: Duration,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self { look_every: Duration::from_secs(5) }
    }
}

#[derive(Debug, Default)]
struct Asked {
    wake: Notify,
    now: AtomicBool,
    nudged: AtomicBool,
}

struct Task {
    crm: Arc<Crm>,
    store: Store,
    clock: Arc<dyn Clock>,
    options: SyncOptions,
    status: watch::Sender<SyncStatus>,
    asked: Arc<Asked>,
    cancel: CancellationToken,
    failures: Failures,
    schedule: Schedule,
    /// The server asked for patience until then, by the monotonic clock: a person's wish waits too, for five minutes
    /// at most.
    not_before_ms: i64,
    tried_at_ms: i64,
    looked: Clocks,
}

impl SyncLoop {
    /// Starts with a sync at once.
    pub fn start(crm: Arc<Crm>, store: Store, clock: Arc<dyn Clock>) -> Self {
        Self::start_with(crm, store, clock, SyncOptions::default())
    }

    /// [`SyncLoop::start`], looking at the clocks as often as `options` says.
    pub fn start_with(crm: Arc<Crm>, store: Store, clock: Arc<dyn Clock>, options: SyncOptions) -> Self {
        let (sender, status) = watch::channel(SyncStatus::never());
        let (asked, cancel) = (Arc::new(Asked::default()), CancellationToken::new());
        let looked = Clocks::of(&*clock);
        let task = Task {
            crm,
            store,
            clock,
            options,
            status: sender,
            asked: Arc::clone(&asked),
            cancel: cancel.clone(),
            failures: Failures::default(),
            schedule: Schedule::new(super::schedule::Kept::default(), looked),
            not_before_ms: looked.monotonic_ms,
            tried_at_ms: looked.monotonic_ms,
            looked,
        };
        Self { running: Running::new(status, cancel, tokio::spawn(task.run())), asked }
    }

    /// How fresh the library is, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.running.status()
    }

    /// Syncs everything that may have changed, at once or right after the running sync. Also after a sign-in.
    pub fn sync_now(&self) {
        self.asked.now.store(true, Ordering::SeqCst);
        self.asked.wake.notify_one();
    }

    /// The window came to the front, or the network came back: the head is read soon, where the last try is not just
    /// over. Costs nothing otherwise.
    pub fn nudge(&self) {
        self.asked.nudged.store(true, Ordering::SeqCst);
        self.asked.wake.notify_one();
    }

    /// Stops, and waits until nothing is being written any more.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

impl Task {
    fn now(&self) -> Clocks {
        Clocks::of(&*self.clock)
    }

    async fn run(mut self) {
        let kept = apply::kept(&self.store).await.unwrap_or_default();
        let refused = apply::refused(&self.store).await.unwrap_or_default();
        self.schedule = Schedule::new(kept, self.now());
        self.status.send_modify(|status| {
            status.last_success_at_ms = kept.success_at_ms;
            status.refused = refused;
        });
        let mut asked = false;
        while !self.cancel.is_cancelled() {
            asked |= self.asked.now.swap(false, Ordering::SeqCst);
            if asked {
                // Somebody waits: a server that is left alone is probed now.
                self.crm.try_now();
            }
            let wait_ms = self.once(asked).await;
            asked = self.wait(wait_ms).await;
        }
    }

    /// Waits until the next sync is due, or is asked for; `None` is until somebody asks. Returns whether somebody did.
    async fn wait(&mut self, wait_ms: Option<i64>) -> bool {
        let mut due_ms = wait_ms.map(|ms| self.clock.monotonic_ms().saturating_add(ms));
        let mut asked = false;
        loop {
            let now = self.now();
            let before = std::mem::replace(&mut self.looked, now);
            match Went::between(before, now) {
                Went::Together => {}
                Went::Ahead => {
                    let soon_ms = now.monotonic_ms + (rand::random::<f64>() * SPREAD_MS as f64) as i64;
                    due_ms = due_ms.map(|due_ms| due_ms.min(soon_ms.max(self.not_before_ms)));
                }
                Went::Back => self.schedule.set_back(now),
            }
            if self.asked.now.swap(false, Ordering::SeqCst) {
                asked = true;
                due_ms = Some(self.not_before_ms.min(now.monotonic_ms + backoff::FOREGROUND_RETRY_AFTER_MS));
            }
            if self.asked.nudged.swap(false, Ordering::SeqCst)
                && now.monotonic_ms - self.tried_at_ms >= NUDGE_AFTER_MS
                && let Some(due_ms) = due_ms.as_mut()
            {
                self.crm.try_now();
                *due_ms = (*due_ms).min(self.not_before_ms.max(now.monotonic_ms));
            }
            let left_ms = due_ms.map(|due_ms| due_ms - now.monotonic_ms);
            if left_ms.is_some_and(|ms| ms <= 0) {
                return asked;
            }
            let left = left_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
            tokio::select! {
                () = self.cancel.cancelled() => return false,
                () = self.asked.wake.notified() => {}
                () = tokio::time::sleep(left.map_or(self.options.look_every, |left| left.min(self.options.look_every))) => {}
            }
        }
    }

    /// Syncs, and says how long to wait; `None` is until somebody asks.
    async fn once(&mut self, asked: bool) -> Option<i64> {
        let depth = self.schedule.depth(asked, self.now());
        self.tried_at_ms = self.clock.monotonic_ms();
        self.status.send_modify(SyncStatus::begin);
        let tell = |progress| self.status.send_modify(|status| status.progress = progress);
        let done = sync_once(&self.crm, &self.store, &*self.clock, depth, &tell, &self.cancel).await;
        let now = self.now();
        if depth != Depth::Head {
            let refused = apply::refused(&self.store).await.unwrap_or_default();
            self.status.send_modify(|status| status.refused = refused);
        }
        let (phase, wait_ms) = match done {
            Ok(_) => {
                self.failures.end();
                self.schedule.done(depth, now);
                self.status.send_modify(|status| status.last_success_at_ms = Some(now.wall_ms));
                let clock_wrong = self.crm.clock_ahead_ms().is_some_and(|ms| ms.abs() >= CLOCK_WRONG_MS);
                (if clock_wrong { SyncPhase::ClockWrong } else { SyncPhase::Fresh }, Some(HEAD_EVERY_MS))
            }
            Err(SyncError::Cancelled) => return None,
            Err(error) => {
                // The one place where a failed sync is told: its cause, no name and no address.
                tracing::warn!(code = error.code().as_str(), %error, "sync failed");
                self.failed(&error, now)
            }
        };
        self.status.send_modify(|status| {
            status.phase = phase;
            status.next_try_at_ms = wait_ms.map(|ms| now.wall_ms + ms);
        });
        wait_ms
    }

    fn failed(&mut self, error: &SyncError, now: Clocks) -> (SyncPhase, Option<i64>) {
        let left_alone = matches!(error, SyncError::Upstream(UpstreamError::Paused { .. }));
        if let Some(asked_ms) = asked_ms(error).filter(|_| !left_alone) {
            self.not_before_ms = now.monotonic_ms.saturating_add(asked_ms);
        }
        let (phase, wait_ms) = self.failures.another(error, HEAD_EVERY_MS);
        if phase == SyncPhase::Forbidden {
            // The others were read: what may have changed of them is due as usual.
            self.failures.end();
        }
        (phase, wait_ms)
    }
}
