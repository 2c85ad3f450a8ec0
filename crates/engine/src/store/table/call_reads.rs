//! What was last read of each call that its source lists: a hash under the call's place.
//!
//! A page of the source's list, which goes by time, is one narrow range here. So a page in which nothing changed costs
//! that range and nothing of the calls themselves, and a call that a whole reading did not meet is found on the way,
//! without remembering every call that was met.

use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::list_key::first_of_ms;
use crate::store::many_rows;

/// One call as it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRead {
    /// The call's place.
    pub list_key: i64,
    /// Of its bytes as sent; 0 where they were never read.
    pub hash: i64,
    /// The last whole reading did not meet it.
    pub missed: bool,
}

/// The first place of calls that began at this moment (UTC) or later.
pub fn place_from(time_ms: i64) -> i64 {
    first_of_ms(Some(time_ms))
}

/// When the call at this place began; `None` for one without a time.
pub fn time_of(list_key: i64) -> Option<i64> {
    crate::store::list_key::ms_of(list_key)
}

/// Those from `least` up to `most`, both included, newest first, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn between(conn: &Connection, least: i64, most: i64, limit: u32) -> Result<Vec<CallRead>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT list_key, hash, missed FROM call_reads WHERE list_key BETWEEN ?1 AND ?2 ORDER BY list_key DESC LIMIT ?3",
    )?;
    let rows = statement.query_map((least, most, limit), |row| {
        Ok(CallRead { list_key: row.get(0)?, hash: row.get(1)?, missed: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The least place of calls with a time.
///
/// # Errors
/// SQLite's.
pub fn least_place(conn: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT min(list_key) FROM call_reads WHERE list_key >= ?1";
    Ok(conn.prepare_cached(sql)?.query_row([place_from(1)], |row| row.get(0))?)
}

/// The call at this place was met and read so. Writes nothing when that is known.
pub(super) fn remember(conn: &Connection, list_key: i64, hash: i64) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO call_reads (list_key, hash) VALUES (?1, ?2)
         ON CONFLICT (list_key) DO UPDATE SET hash = excluded.hash, missed = 0 WHERE hash <> excluded.hash OR missed <> 0",
    )?
    .execute((list_key, hash))?;
    Ok(())
}

/// [`remember`] of many places and hashes.
pub(super) fn remember_all(conn: &Connection, reads: &[(i64, i64)]) -> Result<(), StoreError> {
    let sql = "REPLACE INTO call_reads (list_key, hash) VALUES";
    many_rows::insert(conn, sql, 2, reads.len(), |statement, row, parameter| {
        statement.raw_bind_parameter(parameter, reads[row].0)?;
        statement.raw_bind_parameter(parameter + 1, reads[row].1)
    })?;
    Ok(())
}

/// The call was written from elsewhere: whatever its list says of it next is looked into, also what it said before.
pub(super) fn doubt(conn: &Connection, list_key: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE call_reads SET hash = 0 WHERE list_key = ?1")?.execute([list_key])?;
    Ok(())
}

/// The next row of that call counts as changed, and it is not missed any more.
pub(super) fn forget(conn: &Connection, list_key: i64) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM call_reads WHERE list_key = ?1")?.execute([list_key])?;
    Ok(())
}

/// Takes what is remembered of a call along to its new place.
pub(super) fn rename(conn: &Connection, was: i64, now: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE OR REPLACE call_reads SET list_key = ?2 WHERE list_key = ?1")?.execute((was, now))?;
    Ok(())
}

/// The last whole reading met these, or did not.
///
/// # Errors
/// SQLite's.
pub fn set_missed(conn: &Connection, list_keys: &[i64], missed: bool) -> Result<(), StoreError> {
    let mut statement =
        conn.prepare_cached("UPDATE call_reads SET missed = ?2 WHERE list_key = ?1 AND missed <> ?2")?;
    for list_key in list_keys {
        statement.execute((list_key, missed))?;
    }
    Ok(())
}

/// Calls of an older installation are listed by their source as far as anybody knows, and were never read.
pub(super) fn fill(conn: &Connection) -> Result<(), StoreError> {
    conn.execute(
        "INSERT OR IGNORE INTO call_reads (list_key, hash)
         SELECT list_key, 0 FROM call_log WHERE list_key IS NOT NULL AND removed_upstream = 0 AND source = 'crm'",
        [],
    )?;
    Ok(())
}
