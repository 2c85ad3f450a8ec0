//! Which rowid a call gets: one that goes by time, the newest first, with little between neighbours.
//!
//! The search index knows a call by its rowid and holds it for every word of it, as the distance from the one before.
//! Places in the list (`list_key`) are far apart: with them the index was six times as large, and so was the work of
//! writing it. Rowids in the list's order give the newest first without sorting, as places did, and neighbours in the
//! list are neighbours in the file.
//!
//! A source lists the newest first. So a first sync goes upwards through the rowids and always writes to the end of the
//! table, where SQLite fills a page and begins the next one; anywhere else it parts full pages again and again, and
//! leaves them half empty.
//!
//! A call that comes between two others takes a number between theirs. Where none is left it takes the nearest free one:
//! a search may then show these few neighbours in another order than the list does.

use rusqlite::{Connection, OptionalExtension as _};

use crate::store::StoreError;
use crate::store::list_key::first_of_ms;

/// The first call's, with room on both sides.
const FIRST: i64 = 1 << 40;
/// The first of those without a time. They are last in the list, and older calls still come between them and the others.
const FIRST_TIMELESS: i64 = 1 << 42;
/// From here on rows are of calls without a time.
const TIMELESS: i64 = FIRST.midpoint(FIRST_TIMELESS);
/// The least place of a call with a time.
const TIMED: i64 = first_of_ms(Some(1));
/// Between neighbours, so that calls that come late find room.
const STEP: i64 = 8;
/// Between the calls that were written together and those written before, which are newer: others may come between them.
/// As a distance in the search index it takes two bytes.
const ROOM: i64 = 1 << 13;
/// Between calls without a time: they are few, and in no order that a source keeps.
const ROOM_TIMELESS: i64 = 1 << 30;

fn neighbour(conn: &Connection, sql: &str, list_key: i64, end: i64) -> Result<Option<i64>, StoreError> {
    Ok(conn.prepare_cached(sql)?.query_row([list_key, end], |row| row.get(0)).optional()?)
}

/// A free rowid for a call at a place, with room above for `left` calls that follow, each older (this one too). `before`
/// is the row of the one that was written before it.
pub(super) fn row_at(conn: &Connection, list_key: i64, left: i64, before: Option<i64>) -> Result<i64, StoreError> {
    let has_time = list_key >= TIMED;
    let (least, most) = if has_time { (TIMED, i64::MAX) } else { (i64::MIN, TIMED - 1) };
    let older = "SELECT rowid FROM call_log WHERE list_key < ?1 AND list_key >= ?2 ORDER BY list_key DESC LIMIT 1";
    let newer = "SELECT rowid FROM call_log WHERE list_key > ?1 AND list_key <= ?2 ORDER BY list_key LIMIT 1";
    let room = if has_time { ROOM } else { ROOM_TIMELESS };
    let row = match (neighbour(conn, newer, list_key, most)?, neighbour(conn, older, list_key, least)?) {
        (None, None) if has_time => FIRST,
        (None, None) => FIRST_TIMELESS,
        (Some(newer), None) if has_time && before == Some(newer) => row_after(newer),
        (Some(newer), None) => newer.saturating_add(room),
        (None, Some(older)) => older.saturating_sub(if has_time { STEP.saturating_mul(left) } else { room }),
        (Some(newer), Some(older)) if older.saturating_sub(newer) > 2 * STEP => {
            let most = if has_time { STEP } else { i64::MAX };
            newer + ((older - newer) / left.saturating_add(1)).clamp(1, most)
        }
        (Some(newer), Some(older)) => newer.midpoint(older),
    };
    nearest_free(conn, row)
}

/// The least place of a call with a time, and a rowid above all of those: older calls follow upwards.
pub(super) fn behind_all(conn: &Connection) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT (SELECT min(list_key) FROM call_log WHERE list_key >= ?1),
                      (SELECT max(rowid) FROM call_log WHERE rowid < ?2)";
    let ends = conn.query_row(sql, [TIMED, TIMELESS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (place, row): (Option<i64>, Option<i64>) = ends;
    Ok((place.unwrap_or(i64::MAX), row.map_or(FIRST, |row| row.saturating_add(ROOM))))
}

/// The rowid of the next older call of many.
pub(super) fn row_after(row: i64) -> i64 {
    row.saturating_add(STEP)
}

fn nearest_free(conn: &Connection, row: i64) -> Result<i64, StoreError> {
    let mut taken = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM call_log WHERE rowid = ?1)")?;
    for distance in 0..=i64::from(u16::MAX) {
        for row in [row.saturating_add(distance), row.saturating_sub(distance)] {
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
    // Above all that are taken, so that none is in another one's way; those without a time further on.
    let mut next = largest.unwrap_or(0).max(FIRST);
    // Some thousand at a time: they move while they are read.
    let mut statement =
        conn.prepare("SELECT rowid, list_key FROM call_log WHERE list_key < ?1 ORDER BY list_key DESC LIMIT 4096")?;
    let mut change = conn.prepare("UPDATE call_log SET rowid = ?2 WHERE rowid = ?1")?;
    let mut last = i64::MAX;
    loop {
        let rows = statement.query_map([last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows = rows.collect::<Result<Vec<(i64, i64)>, _>>()?;
        let Some((_, list_key)) = rows.last() else { return Ok(()) };
        last = *list_key;
        for (row, list_key) in rows {
            next = if list_key < TIMED { next.max(FIRST_TIMELESS) } else { next } + STEP;
            change.execute((row, next))?;
        }
    }
}
