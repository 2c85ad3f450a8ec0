//! What the doctor does to a queue that nobody runs.

use aftercall_domain::backoff::Moment;
use aftercall_domain::clock::Clock;

use super::ledger::Now;
use super::recover;
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
