//! Which rowid a call gets: one that goes by time, with little between neighbours.
//!
//! The search index knows a call by its rowid and holds it for every word of it, as the distance from the one before.
//! Places in the list (`list_key`) are far apart: with them the index was six times as large, and so was the work of
//! writing it. Rowids in the list's order give the newest first without sorting, as places did, and neighbours in the
//! list are neighbours in the file.
//!
//! A call that comes between two others takes a number between theirs. Where none is left it takes the nearest free one:
//! a search may then show these few neighbours in another order than the list does.

use rusqlite::{Connection, OptionalExtension as _};

use crate::store::StoreError;

/// The first call's, with room on both sides.
const FIRST: i64 = 1 << 40;
/// Between neighbours, so that calls that come late find room.
const STEP: i64 = 8;

fn neighbour(conn: &Connection, sql: &str, list_key: i64) -> Result<Option<i64>, StoreError> {
    Ok(conn.prepare_cached(sql)?.query_row([list_key], |row| row.get(0)).optional()?)
}

/// A free rowid for a call at a place, with room below for `left` calls that follow upwards (this one too).
pub(super) fn row_at(conn: &Connection, list_key: i64, left: i64) -> Result<i64, StoreError> {
    let older = "SELECT rowid FROM call_log WHERE list_key < ?1 ORDER BY list_key DESC LIMIT 1";
    let newer = "SELECT rowid FROM call_log WHERE list_key > ?1 ORDER BY list_key LIMIT 1";
    let row = match (neighbour(conn, older, list_key)?, neighbour(conn, newer, list_key)?) {
        (None, None) => FIRST,
        (Some(older), None) => older.saturating_add(STEP),
        (None, Some(newer)) => newer.saturating_sub(STEP.saturating_mul(left)),
        (Some(older), Some(newer)) if newer > older && newer - older > STEP => older + STEP,
        (Some(older), Some(newer)) => older.midpoint(newer),
    };
    nearest_free(conn, row)
}

fn nearest_free(conn: &Connection, row: i64) -> Result<i64, StoreError> {
    let mut taken = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM call_log WHERE rowid = ?1)")?;
    for distance in 0..=i64::from(u16::MAX) {
        for row in [row.saturating_sub(distance), row.saturating_add(distance)] {
            if !taken.query_row([row], |row| row.get::<_, bool>(0))? {
                return Ok(row);
            }
        }
    }
    Err(StoreError::BadValue("too many calls of one moment"))
}

/// Gives every call that has a place a rowid that goes by it. The search index is empty when this runs.
pub(super) fn sort(conn: &Connection) -> Result<(), StoreError> {
    let largest: Option<i64> = conn.query_row("SELECT max(rowid) FROM call_log", [], |row| row.get(0))?;
    let mut next = largest.unwrap_or(0).max(FIRST);
    let mut statement = conn.prepare("SELECT rowid FROM call_log WHERE list_key IS NOT NULL ORDER BY list_key")?;
    let rows = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let mut change = conn.prepare("UPDATE call_log SET rowid = ?2 WHERE rowid = ?1")?;
    for row in rows {
        next += STEP;
        change.execute((row, next))?;
    }
    Ok(())
}
