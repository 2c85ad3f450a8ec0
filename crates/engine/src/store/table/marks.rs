//! What a person marked at a second of a call: a bookmark, or where a note was written. Local: it outlives the call.

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
    /// Its words; a bookmark may have none.
    pub text: String,
    /// A note was written here; else it is a bookmark.
    pub is_note: bool,
    /// Written, UTC.
    pub created_at_ms: i64,
}

/// A mark that is to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewMark<'a> {
    /// Media time.
    pub at_ms: i64,
    /// Its words.
    pub text: &'a str,
    /// A note was written here.
    pub is_note: bool,
}

/// Keeps one. Returns its id.
///
/// # Errors
/// SQLite's.
pub fn add(conn: &Connection, sid: &CallSid, mark: NewMark<'_>, now_ms: i64) -> Result<i64, StoreError> {
    conn.prepare_cached(
        "INSERT INTO marks (call_sid, at_ms, text, is_note, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((sid.as_str(), mark.at_ms, mark.text, mark.is_note, now_ms))?;
    Ok(conn.last_insert_rowid())
}

/// A call's, by their place in it.
///
/// # Errors
/// SQLite's.
pub fn of_call(conn: &Connection, sid: &CallSid) -> Result<Vec<Mark>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, at_ms, text, is_note, created_at_ms FROM marks WHERE call_sid = ?1 ORDER BY at_ms, id",
    )?;
    let rows = statement.query_map([sid.as_str()], |row| {
        let (id, at_ms, text, is_note) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Mark { id, at_ms, text, is_note, created_at_ms: row.get(4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Another name for a bookmark. False where there is no such bookmark: a note is changed where notes are.
///
/// # Errors
/// SQLite's.
pub fn rename(conn: &Connection, id: i64, text: &str) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached("UPDATE marks SET text = ?2 WHERE id = ?1 AND is_note = 0")?;
    Ok(statement.execute((id, text))? > 0)
}

/// Takes a mark off this device. False where there is none.
///
/// # Errors
/// SQLite's.
pub fn delete(conn: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("DELETE FROM marks WHERE id = ?1")?.execute([id])? > 0)
}
