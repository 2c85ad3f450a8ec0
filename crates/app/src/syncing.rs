//! How fresh the library is, in the window's words.

use aftercall_engine::store::Store;
use aftercall_engine::sync::{self, Progress, Refused, SyncStatus, last_success_at_ms};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::dto::{SyncPhase, SyncState};
use crate::errors::AppError;

/// Before the first step of a sync task.
pub(crate) async fn never(store: &Store) -> Result<SyncState, AppError> {
    let status = SyncStatus {
        phase: sync::SyncPhase::Never,
        last_success_at_ms: last_success_at_ms(store).await?,
        next_try_at_ms: None,
        progress: Progress::default(),
        refused: Refused::default(),
    };
    Ok(state(&status))
}

fn state(status: &SyncStatus) -> SyncState {
    let progress = status.progress;
    SyncState {
        phase: match status.phase {
            sync::SyncPhase::Never => SyncPhase::Never,
            sync::SyncPhase::FirstSync => SyncPhase::FirstSync,
            sync::SyncPhase::Syncing => SyncPhase::Syncing,
            sync::SyncPhase::Fresh => SyncPhase::Fresh,
            sync::SyncPhase::Offline => SyncPhase::Offline,
            sync::SyncPhase::ServerUnavailable => SyncPhase::ServerUnavailable,
            sync::SyncPhase::SignInAgain => SyncPhase::SignInAgain,
            sync::SyncPhase::RateLimited => SyncPhase::RateLimited,
            sync::SyncPhase::Forbidden => SyncPhase::Forbidden,
            sync::SyncPhase::ClockWrong => SyncPhase::ClockWrong,
        },
        last_success_at_ms: status.last_success_at_ms,
        next_try_at_ms: status.next_try_at_ms,
        calls_seen: progress.calls_seen,
        calls_total: progress.calls_total,
        leads_seen: progress.leads_seen,
        leads_total: progress.leads_total,
        appointments_seen: progress.appointments_seen,
        appointments_total: progress.appointments_total,
        refused: status.refused.lists().map(|list| list.as_str().to_owned()).collect(),
        rejected: progress.rejected,
    }
}

/// Shows one sync task's status until it ends, or another one is shown.
pub(crate) async fn show(
    mut status: watch::Receiver<SyncStatus>,
    shown: watch::Sender<SyncState>,
    stop: CancellationToken,
) {
    loop {
        let now = state(&status.borrow_and_update());
        shown.send_if_modified(|before| {
            // Asked under the lock: what is shown next must not be overwritten.
            let news = !stop.is_cancelled() && *before != now;
            if news {
                before.clone_from(&now);
            }
            news
        });
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = status.changed() => if changed.is_err() { return },
        }
    }
}
