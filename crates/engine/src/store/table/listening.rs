//! How far a person listened to each call.

use aftercall_domain::ids::CallSid;
use aftercall_domain::played::Played;
use rusqlite::{Connection, OptionalExtension as _};

use crate::store::StoreError;

/// How far a call was listened to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listening {
    /// Where to go on, in media time.
    pub position_ms: i64,
    /// The person has heard it.
    pub heard: bool,
    /// The speed that was chosen for it.
    pub speed: Option<f64>,
    /// What of it was really played.
    pub played: Played,
}

/// What is remembered of a call; nothing heard when nothing is.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, sid: &CallSid) -> Result<Listening, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT position_ms, heard, speed, played FROM listening WHERE call_sid = ?1")?;
    let found = statement
        .query_row([sid.as_str()], |row| {
            let (position_ms, played): (i64, Option<String>) = (row.get(0)?, row.get(3)?);
            // Before that was kept, whoever stood somewhere counted as having come there by listening.
            let played = played.and_then(|played| serde_json::from_str(&played).ok());
            let played = played.unwrap_or_else(|| Played::from(vec![(0, position_ms)]));
            Ok(Listening { position_ms, heard: row.get(1)?, speed: row.get(2)?, played })
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
pub fn set(conn: &Connection, sid: &CallSid, listening: &Listening, now_ms: i64) -> Result<(), StoreError> {
    let played = serde_json::to_string(&listening.played).map_err(|_| StoreError::BadValue("what was played"))?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO listening (call_sid, position_ms, heard, speed, played, updated_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((sid.as_str(), listening.position_ms, listening.heard, listening.speed, played, now_ms))?;
    conn.prepare_cached("UPDATE call_log SET heard = ?2 WHERE call_sid = ?1 AND heard <> ?2")?
        .execute((sid.as_str(), listening.heard))?;
    Ok(())
}
