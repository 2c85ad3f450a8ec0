//! The window's syncs with Twilio, one after the other for as long as it is open: beside the CRM's, so that neither
//! waits for the other nor fails with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aftercall_domain::backoff;
use aftercall_domain::clock::Clock;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{apply, sync_twilio};
use crate::store::Store;
use crate::sync::running::{Failures, RETRY_FLOOR_MS, Running};
use crate::sync::{Depth, SyncError, SyncPhase, SyncStatus};
use crate::upstream::Twilio;

/// The lists are read this often: each time is three requests or more.
const EVERY_MS: i64 = 120_000;
/// Every page of every list is read this often.
const FULL_EVERY_MS: i64 = backoff::DAY_MS;

/// The running task. Stop it before the library is closed; dropping it stops it too, without waiting.
#[derive(Debug)]
pub struct TwilioLoop {
    running: Running,
    asked: Arc<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    wake: Notify,
    now: AtomicBool,
}

struct Task {
    twilio: Arc<Twilio>,
    store: Store,
    clock: Arc<dyn Clock>,
    status: watch::Sender<SyncStatus>,
    asked: Arc<Asked>,
    cancel: CancellationToken,
    failures: Failures,
    full_at_ms: i64,
}

impl TwilioLoop {
    /// Starts with a sync at once.
    pub fn start(twilio: Arc<Twilio>, store: Store, clock: Arc<dyn Clock>) -> Self {
        let (sender, status) = watch::channel(SyncStatus::never());
        let (asked, cancel) = (Arc::new(Asked::default()), CancellationToken::new());
        let full_at_ms = clock.now_ms();
        let task = Task {
            twilio,
            store,
            clock,
            status: sender,
            asked: Arc::clone(&asked),
            cancel: cancel.clone(),
            failures: Failures::default(),
            full_at_ms,
        };
        Self { running: Running::new(status, cancel, tokio::spawn(task.run())), asked }
    }

    /// How fresh Twilio's rows are, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.running.status()
    }

    /// Syncs at once, or right after the running sync.
    pub fn sync_now(&self) {
        self.asked.now.store(true, Ordering::SeqCst);
        self.asked.wake.notify_one();
    }

    /// Stops, and waits until nothing is being written any more.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

impl Task {
    async fn run(mut self) {
        let last = apply::last_success_at_ms(&self.store).await.ok().flatten();
        self.status.send_modify(|status| status.last_success_at_ms = last);
        while !self.cancel.is_cancelled() {
            self.asked.now.store(false, Ordering::SeqCst);
            let wait_ms = self.once().await;
            if self.asked.now.load(Ordering::SeqCst) {
                continue;
            }
            tokio::select! {
                () = self.cancel.cancelled() => {}
                () = self.asked.wake.notified() => {}
                () = pause(wait_ms) => {}
            }
        }
    }

    /// Syncs, and says how long to wait; `None` is until somebody asks.
    async fn once(&mut self) -> Option<i64> {
        let now_ms = self.clock.now_ms();
        let full = !(0..FULL_EVERY_MS).contains(&(now_ms - self.full_at_ms));
        self.status.send_modify(SyncStatus::begin);
        let tell = |progress| self.status.send_modify(|status| status.progress = progress);
        let depth = if full { Depth::Full } else { Depth::Usual };
        let done = sync_twilio(&self.twilio, &self.store, &*self.clock, depth, &tell, &self.cancel).await;
        let now_ms = self.clock.now_ms();
        let (phase, wait_ms) = match done {
            Ok(_) => {
                self.failures.end();
                if full {
                    self.full_at_ms = now_ms;
                }
                self.status.send_modify(|status| status.last_success_at_ms = Some(now_ms));
                (SyncPhase::Fresh, Some(self.until_next(now_ms).await))
            }
            Err(SyncError::Cancelled) => return None,
            Err(error) => {
                tracing::warn!(code = error.code().as_str(), %error, "sync with twilio failed");
                self.failures.another(&error, EVERY_MS)
            }
        };
        self.status.send_modify(|status| {
            status.phase = phase;
            status.next_try_at_ms = wait_ms.map(|ms| now_ms + ms);
        });
        wait_ms
    }

    /// The usual pause, or less where something unfinished is due before.
    async fn until_next(&self, now_ms: i64) -> i64 {
        let due_ms = apply::next_recheck_at_ms(&self.store).await.ok().flatten();
        due_ms.map_or(EVERY_MS, |at_ms| (at_ms - now_ms).clamp(RETRY_FLOOR_MS, EVERY_MS))
    }
}

async fn pause(wait_ms: Option<i64>) {
    match wait_ms.map(u64::try_from) {
        Some(Ok(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(Err(_)) => {}
        None => std::future::pending().await,
    }
}
