//! What a person wants to listen to, one after the other. Local: it outlives a restart.

use aftercall_domain::ids::RecordingId;
use rusqlite::Connection;

use crate::store::StoreError;

/// All of it, in order.
///
/// # Errors
/// SQLite's; an id that is none.
pub fn all(conn: &Connection) -> Result<Vec<RecordingId>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT recording_id FROM listening_queue ORDER BY place")?;
    let ids = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    ids.iter().map(|id| id.parse().map_err(|_| StoreError::BadValue("a recording in the listening queue"))).collect()
}

/// How many wait.
///
/// # Errors
/// SQLite's.
pub fn count(conn: &Connection) -> Result<u32, StoreError> {
    Ok(conn.prepare_cached("SELECT count(*) FROM listening_queue")?.query_row([], |row| row.get(0))?)
}

/// Puts these in the place of all that waited, in this order; one that is named twice stands where it is named first.
///
/// # Errors
/// SQLite's.
pub fn set(conn: &Connection, ids: &[RecordingId]) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM listening_queue")?.execute([])?;
    let mut statement =
        conn.prepare_cached("INSERT OR IGNORE INTO listening_queue (recording_id, place) VALUES (?1, ?2)")?;
    for (place, id) in (0_i64..).zip(ids) {
        statement.execute((id.to_string(), place))?;
    }
    Ok(())
}
