//! How far a person listened to each call.

use aftercall_domain::ids::CallSid;
use rusqlite::{Connection, OptionalExtension as _};

use crate::store::StoreError;

/// How far a call was listened to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Listening {
    /// Where to go on, in media time.
    pub position_ms: i64,
    /// The person has heard it.
    pub heard: bool,
    /// The speed that was chosen for it.
    pub speed: Option<f64>,
}

/// What is remembered of a call; nothing heard when nothing is.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, sid: &CallSid) -> Result<Listening, StoreError> {
    let mut statement = conn.prepare_cached("SELECT position_ms, heard, speed FROM listening WHERE call_sid = ?1")?;
    let found = statement
        .query_row([sid.as_str()], |row| {
            Ok(Listening { position_ms: row.get(0)?, heard: row.get(1)?, speed: row.get(2)? })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// When a call was last listened to, UTC; nothing where it never was.
///
/// # Errors
/// SQLite's.
pub fn last_at(conn: &Connection, sid: &CallSid) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT updated_at_ms FROM listening WHERE call_sid = ?1")?;
    Ok(statement.query_row([sid.as_str()], |row| row.get(0)).optional()?)
}

/// Remembers it, and keeps the list of unheard calls in step.
///
/// # Errors
/// SQLite's.
pub fn set(conn: &Connection, sid: &CallSid, listening: Listening, now_ms: i64) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO listening (call_sid, position_ms, heard, speed, updated_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((sid.as_str(), listening.position_ms, listening.heard, listening.speed, now_ms))?;
    conn.prepare_cached("UPDATE call_log SET heard = ?2 WHERE call_sid = ?1 AND heard <> ?2")?
        .execute((sid.as_str(), listening.heard))?;
    Ok(())
}
