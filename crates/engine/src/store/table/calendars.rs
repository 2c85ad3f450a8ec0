//! Business calendars. None is ever deleted by its absence: appointments go on pointing at it.

use std::collections::BTreeSet;

use aftercall_domain::calendar::Calendar;
use aftercall_domain::ids::CalendarId;
use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::row_hash::{self, Kind, Upserted};

/// Writes one calendar of the CRM's list.
///
/// # Errors
/// SQLite's.
pub fn upsert(conn: &Connection, calendar: &Calendar) -> Result<Upserted, StoreError> {
    let key = calendar.id.to_string();
    let hash = row_hash::of(calendar)?;
    let known = row_hash::known(conn, Kind::Calendar, &key)?;
    if known == Some(hash) {
        return Ok(Upserted::Unchanged);
    }
    conn.prepare_cached(
        "INSERT INTO business_calendars (id, name, type_key, is_active, priority, created_at_ms, updated_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, type_key = excluded.type_key,
             is_active = excluded.is_active, priority = excluded.priority, created_at_ms = excluded.created_at_ms,
             updated_at_ms = excluded.updated_at_ms",
    )?
    .execute((
        calendar.id.0,
        &calendar.name,
        &calendar.type_key,
        calendar.is_active,
        calendar.priority,
        calendar.created_at_ms,
        calendar.updated_at_ms,
    ))?;
    row_hash::remember(conn, Kind::Calendar, &key, hash)?;
    Ok(if known.is_some() { Upserted::Changed } else { Upserted::Added })
}

/// The list is complete, and these are all of it: every other calendar is inactive from now on, with the name it
/// had. Returns how many became so.
///
/// # Errors
/// SQLite's.
pub fn keep_only(conn: &Connection, listed: &BTreeSet<CalendarId>) -> Result<u64, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT id FROM business_calendars WHERE is_active = 1 AND name IS NOT NULL")?;
    let active = statement.query_map([], |row| row.get(0).map(CalendarId))?.collect::<Result<Vec<_>, _>>()?;
    let mut gone = 0;
    for id in active.into_iter().filter(|id| !listed.contains(id)) {
        conn.prepare_cached("UPDATE business_calendars SET is_active = 0 WHERE id = ?1")?.execute([id.0])?;
        row_hash::forget(conn, Kind::Calendar, &id.to_string())?;
        gone += 1;
    }
    Ok(gone)
}

/// A row to point at, for a calendar that only an appointment mentions.
pub(crate) fn ensure(conn: &Connection, id: CalendarId) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR IGNORE INTO business_calendars (id) VALUES (?1)")?.execute([id.0])?;
    Ok(())
}

/// All of them, by priority; placeholders too, with a null name.
///
/// # Errors
/// SQLite's.
pub fn all(conn: &Connection) -> Result<Vec<Calendar>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, name, type_key, is_active, priority, created_at_ms, updated_at_ms
         FROM business_calendars ORDER BY priority DESC, id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Calendar {
            id: CalendarId(row.get(0)?),
            name: row.get(1)?,
            type_key: row.get(2)?,
            is_active: row.get(3)?,
            priority: row.get(4)?,
            created_at_ms: row.get(5)?,
            updated_at_ms: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
