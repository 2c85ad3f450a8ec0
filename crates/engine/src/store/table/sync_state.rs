//! How far each feed was read. Written in the transaction that holds the rows it speaks of.

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// The cursor of a feed, or null for one that was never read (or was written by another version: read again).
///
/// # Errors
/// SQLite's.
pub fn get<T: DeserializeOwned>(conn: &Connection, feed: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = conn
        .prepare_cached("SELECT cursor FROM sync_state WHERE feed = ?1")?
        .query_row([feed], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Moves it. Writes nothing when it stands there already.
///
/// # Errors
/// SQLite's; `BadValue` for what is not JSON.
pub fn set(conn: &Connection, feed: &str, cursor: &impl Serialize) -> Result<(), StoreError> {
    let text = serde_json::to_string(cursor).map_err(|_| StoreError::BadValue("a cursor that is not JSON"))?;
    conn.prepare_cached(
        "INSERT INTO sync_state (feed, cursor) VALUES (?1, ?2)
         ON CONFLICT (feed) DO UPDATE SET cursor = excluded.cursor WHERE cursor IS NOT excluded.cursor",
    )?
    .execute((feed, text))?;
    Ok(())
}

/// Forgets all cursors: the next sync reads everything.
///
/// # Errors
/// SQLite's.
pub fn clear(conn: &Connection) -> Result<(), StoreError> {
    conn.execute("DELETE FROM sync_state", [])?;
    Ok(())
}
