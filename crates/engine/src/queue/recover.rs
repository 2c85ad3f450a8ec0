//! Jobs that a run holds which is no more: the process was killed, or the run stands still.

use aftercall_domain::ids::RecordingId;
use rusqlite::Connection;

use super::ledger::{self, Now};
use crate::store::{ChangeSet, StoreError};

/// Requeues them, each counted as an attempt, so that a crash loop ends too. Returns which.
pub(super) fn recover(conn: &Connection, changes: &mut ChangeSet, now: Now) -> Result<Vec<RecordingId>, StoreError> {
    let stuck = ledger::stuck(conn, now)?;
    for id in &stuck {
        ledger::take_back(conn, changes, id, now)?;
    }
    Ok(stuck)
}
