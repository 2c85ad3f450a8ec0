//! What a list of recent calls last said of each call, so that the next look finds what changed.

use aftercall_domain::ids::CallSid;
use rusqlite::{Connection, OptionalExtension as _};

use crate::store::StoreError;

/// What was said of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallStamp {
    /// A hash of what the list says.
    pub stamp: i64,
    /// When the newest job for the call's recording was first seen to have failed; `None` while it has not.
    pub recording_failed_at_ms: Option<i64>,
}

/// What was last said of a call.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, sid: &CallSid) -> Result<Option<CallStamp>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT stamp, recording_failed_at_ms FROM call_stamps WHERE call_sid = ?1")?;
    let stamp = statement
        .query_row([sid.as_str()], |row| Ok(CallStamp { stamp: row.get(0)?, recording_failed_at_ms: row.get(1)? }));
    Ok(stamp.optional()?)
}

/// Remembers it.
///
/// # Errors
/// SQLite's.
pub fn put(conn: &Connection, sid: &CallSid, stamp: CallStamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO call_stamps (call_sid, stamp, recording_failed_at_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (call_sid) DO UPDATE SET stamp = excluded.stamp,
             recording_failed_at_ms = excluded.recording_failed_at_ms",
    )?
    .execute((sid.as_str(), stamp.stamp, stamp.recording_failed_at_ms))?;
    Ok(())
}

/// The newest job for a call's recording failed, and was seen to after `since_ms`.
///
/// # Errors
/// SQLite's.
pub fn recording_failed_since(conn: &Connection, sid: &CallSid, since_ms: i64) -> Result<bool, StoreError> {
    let failed_at_ms = get(conn, sid)?.and_then(|stamp| stamp.recording_failed_at_ms);
    Ok(failed_at_ms.is_some_and(|at_ms| at_ms >= since_ms))
}
