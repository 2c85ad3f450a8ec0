//! What the doctor asks of the library: whether it holds what the app relies on, and how it gets it back.

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use crate::store::{StoreError, migrate};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// `PRAGMA quick_check` says `ok`.
    pub is_sound: bool,
    /// `appointments.calendar_id` is there.
    pub has_calendar_id: bool,
    /// `idx_appointments_calendar_id` is there.
    pub has_calendar_index: bool,
    /// Other indexes that are not there.
    pub missing_indexes: u64,
    /// Rows that point at nothing.
    pub dangling_rows: u64,
    /// Jobs that a run has held since before the moment asked about.
    pub stuck_jobs: u64,
    /// Jobs in all.
    pub jobs: u64,
    /// Recordings that failed and are tried again by themselves.
    pub failing: u64,
    /// Recordings that need the person.
    pub needing_you: u64,
}

/// Looks. Reads the whole file.
///
/// # Errors
/// SQLite's.
pub fn look(conn: &Connection, held_since_before_ms: i64) -> Result<Health, StoreError> {
    let count = |sql: &str| -> Result<u64, StoreError> {
        Ok(conn.query_row(sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
    };
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    let calendar_id = "SELECT count(*) FROM pragma_table_info('appointments') WHERE name = 'calendar_id'";
    let index = "SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'idx_appointments_calendar_id'";
    let stuck = "SELECT count(*) FROM download_jobs WHERE started_at_ms < ?1";
    let has_calendar_index = conn.query_row(index, [], |_| Ok(())).optional()?.is_some();
    Ok(Health {
        is_sound: verdict == "ok",
        has_calendar_id: count(calendar_id)? == 1,
        has_calendar_index,
        missing_indexes: migrate::missing_indexes(conn)? - u64::from(!has_calendar_index),
        dangling_rows: count("SELECT count(*) FROM pragma_foreign_key_check")?,
        stuck_jobs: conn.query_row(stuck, [held_since_before_ms], |row| row.get::<_, i64>(0))?.unsigned_abs(),
        jobs: count("SELECT count(*) FROM download_jobs")?,
        failing: count("SELECT count(*) FROM recordings WHERE state = 'failed_retrying'")?,
        needing_you: count("SELECT count(*) FROM recordings WHERE state = 'failed_needs_you'")?,
    })
}

/// Brings back the column, the indexes and the rows to point at that are missing; values stay. What is made from others
/// and belongs to nobody is dropped. Nothing of a person's is removed.
///
/// # Errors
/// SQLite's; then nothing was changed.
pub fn mend(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    migrate::mend(transaction)?;
    for derived in ["recording_analyses", "recording_loudness", "download_jobs"] {
        transaction
            .execute(&format!("DELETE FROM {derived} WHERE recording_id NOT IN (SELECT id FROM recordings)"), [])?;
    }
    Ok(())
}

/// Whether the library holds nothing that came from a server or a person.
///
/// # Errors
/// SQLite's.
pub fn is_bare(conn: &Connection) -> Result<bool, StoreError> {
    let found: bool = conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM call_log) OR EXISTS (SELECT 1 FROM leads) OR EXISTS (SELECT 1 FROM appointments)
             OR EXISTS (SELECT 1 FROM recordings) OR EXISTS (SELECT 1 FROM outbox) OR EXISTS (SELECT 1 FROM marks)",
        [],
        |row| row.get(0),
    )?;
    Ok(!found)
}
