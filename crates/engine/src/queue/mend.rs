//! What the doctor does to a queue that nobody runs.

use aftercall_domain::backoff::Moment;
use aftercall_domain::clock::Clock;
use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{Reason, RecordingState};

use super::ledger::{self, Now};
use super::{QueueError, recover};
use crate::store::table::{jobs, recordings};
use crate::store::{Store, StoreError};

/// Of a process that holds no job: whatever is held is held by one that is no more.
fn now(clock: &dyn Clock) -> Now {
    let moment = Moment { now_ms: clock.now_ms(), monotonic_ms: clock.monotonic_ms(), process: rand::random() };
    Now { moment, random: rand::random() }
}

/// Takes back every job that a run holds; each counts as an attempt. Only while no queue of this library runs. Returns
/// how many.
///
/// # Errors
/// The library's.
pub async fn requeue_stuck(store: &Store, clock: &dyn Clock) -> Result<u64, StoreError> {
    let now = now(clock);
    let taken = store.write(move |tx, changes| recover::recover(tx, changes, now)).await?;
    Ok(taken.len() as u64)
}

/// A stored file is gone or does not verify: its key is destroyed, its row says `damaged`, and it is wished for again,
/// for whoever runs the queue next. Returns whether there was something to do.
///
/// # Errors
/// The library's.
pub async fn fetch_again(store: &Store, clock: &dyn Clock, id: &RecordingId) -> Result<bool, QueueError> {
    let (now, id) = (now(clock), id.clone());
    let kept = store.write(move |tx, changes| {
        let Some(row) = recordings::get(tx, &id)?.filter(|row| row.state.is_stored()) else { return Ok(Ok(false)) };
        recordings::set_file(tx, &id, None)?;
        // The job that fetched it is done: a new one is due.
        jobs::remove(tx, &id)?;
        let reason = Some(Reason::Code(Code::Damaged));
        recordings::put(tx, &recordings::RecordingRow { state: RecordingState::Damaged, reason, ..row })?;
        match ledger::want(tx, changes, &id, Wish::Person, now) {
            Err(QueueError::Store(error)) => Err(error),
            wanted => Ok(wanted.map(|_| true)),
        }
    });
    kept.await?
}
