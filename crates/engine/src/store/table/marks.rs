//! What a person wrote at a second of a call. Local: it outlives the call.

use aftercall_domain::ids::CallSid;
use rusqlite::Connection;

use crate::store::StoreError;

/// A mark in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its id on this device.
    pub id: i64,
    /// Media time.
    pub at_ms: i64,
    /// Its words.
    pub text: String,
    /// Written, UTC.
    pub created_at_ms: i64,
}

/// Keeps one. Returns its id.
///
/// # Errors
/// SQLite's.
pub fn add(conn: &Connection, sid: &CallSid, at_ms: i64, text: &str, now_ms: i64) -> Result<i64, StoreError> {
    conn.prepare_cached("INSERT INTO marks (call_sid, at_ms, text, created_at_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute((sid.as_str(), at_ms, text, now_ms))?;
    Ok(conn.last_insert_rowid())
}

/// A call's, by their place in it.
///
/// # Errors
/// SQLite's.
pub fn of_call(conn: &Connection, sid: &CallSid) -> Result<Vec<Mark>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT id, at_ms, text, created_at_ms FROM marks WHERE call_sid = ?1 ORDER BY at_ms, id")?;
    let rows = statement.query_map([sid.as_str()], |row| {
        Ok(Mark { id: row.get(0)?, at_ms: row.get(1)?, text: row.get(2)?, created_at_ms: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
