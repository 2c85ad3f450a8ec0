//! The lists of what is kept on this device, of what is on its way, and of what failed.

use aftercall_domain::ids::CallSid;
use aftercall_domain::recording::RecordingState as State;
use rusqlite::Connection;

use super::Checked;
use crate::store::StoreError;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptList {
    /// Whole and here, the newest arrival first.
    OnDevice,
    /// Here and pinned, the newest pin first.
    Pinned,
    /// On their way: what arrives now, then as the queue goes.
    Arriving,
    /// Failed or damaged: what needs a person first.
    Failed,
}

impl KeptList {
    fn states(self) -> &'static [State] {
        match self {
            Self::OnDevice => &[State::OnDevice, State::Pinned, State::Unsupported],
            Self::Pinned => &[State::Pinned],
            Self::Arriving => {
                &[State::Downloading, State::Partial, State::Preparing, State::Queued, State::StillPreparing]
            }
            Self::Failed => &[State::FailedNeedsYou, State::FailedRetrying, State::Damaged],
        }
    }

    fn order(self) -> &'static str {
        match self {
            Self::OnDevice => "r.ready_at_ms DESC",
            Self::Pinned => "r.pinned_at_ms DESC",
            Self::Arriving => {
                "CASE r.state WHEN 'downloading' THEN 0 WHEN 'preparing' THEN 1 WHEN 'partial' THEN 2
                    WHEN 'queued' THEN 3 ELSE 4 END, j.priority DESC, j.asked_at_ms"
            }
            Self::Failed => "r.state <> 'failed_needs_you', r.next_try_at_ms",
        }
    }
}

/// The calls of a list from an ordinal on, and how many it has in all.
///
/// # Errors
/// SQLite's.
pub fn list(conn: &Connection, which: KeptList, offset: u64, limit: u32) -> Result<(u64, Vec<CallSid>), StoreError> {
    let states: Vec<_> = which.states().iter().map(|state| format!("'{}'", state.as_str())).collect();
    // A call with two recordings is one row; the words are our own.
    let from = format!(
        "FROM recordings r LEFT JOIN download_jobs j ON j.recording_id = r.id
         WHERE r.state IN ({}) AND EXISTS (SELECT 1 FROM call_log c WHERE c.call_sid = r.call_sid)",
        states.join(", ")
    );
    let matched: i64 =
        conn.prepare_cached(&format!("SELECT count(DISTINCT r.call_sid) {from}"))?.query_row([], |row| row.get(0))?;
    let sql = format!(
        "SELECT r.call_sid {from} GROUP BY r.call_sid ORDER BY {}, r.call_sid LIMIT ?1 OFFSET ?2",
        which.order()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((limit, i64::try_from(offset).unwrap_or(i64::MAX)), |row| {
        Ok(row.get::<_, Checked<CallSid>>(0)?.0)
    })?;
    Ok((matched.unsigned_abs(), rows.collect::<Result<_, _>>()?))
}
