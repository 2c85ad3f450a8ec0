//! What the CRM's loop and Twilio's have in common: a task that can be stopped, and what a failed sync comes to.

use aftercall_domain::backoff;
use aftercall_domain::error::{Code, Retry};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{SyncError, SyncPhase, SyncStatus};

/// A role or a key that may not read this is tried again this often: roles and keys change.
const FORBIDDEN_EVERY_MS: i64 = 15 * 60_000;
/// The shortest pause after a failure.
pub(super) const RETRY_FLOOR_MS: i64 = 5_000;

/// A running loop. Dropping it stops it too, without waiting.
#[derive(Debug)]
pub(super) struct Running {
    status: watch::Receiver<SyncStatus>,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn new(status: watch::Receiver<SyncStatus>, cancel: CancellationToken, task: JoinHandle<()>) -> Self {
        Self { status, cancel, task: Some(task) }
    }

    pub(super) fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.clone()
    }

    /// Stops, and waits until nothing is being written any more.
    pub(super) async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            // It panicked only where a test already says so; there is nothing left to stop then.
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// What the server asked for, where it asked for anything.
pub(super) fn asked_ms(error: &SyncError) -> Option<i64> {
    match error.retry() {
        Retry::After(ms) => i64::try_from(ms).ok().filter(|ms| *ms > 0),
        Retry::Never | Retry::AfterLogin | Retry::AfterUser => None,
    }
}

/// Syncs that failed in a row.
#[derive(Debug, Default)]
pub(super) struct Failures(u32);

impl Failures {
    /// One worked.
    pub(super) fn end(&mut self) {
        self.0 = 0;
    }

    /// One more failed: what is shown, and how long to wait; `None` is until somebody asks. `usual_ms` is the pause
    /// after one that works.
    pub(super) fn another(&mut self, error: &SyncError, usual_ms: i64) -> (SyncPhase, Option<i64>) {
        let wait_ms = RETRY_FLOOR_MS + backoff::retry_wait_ms(self.0, asked_ms(error), rand::random());
        self.0 = self.0.saturating_add(1);
        match error.code() {
            Code::LoginExpired | Code::WrongPassword => (SyncPhase::SignInAgain, None),
            Code::Offline => (SyncPhase::Offline, Some(wait_ms)),
            Code::RateLimited => (SyncPhase::RateLimited, Some(wait_ms.max(usual_ms))),
            Code::Forbidden => (SyncPhase::Forbidden, Some(FORBIDDEN_EVERY_MS)),
            _ => (SyncPhase::ServerUnavailable, Some(wait_ms)),
        }
    }
}
