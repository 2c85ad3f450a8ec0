//! Download jobs: one durable row per recording that somebody wants.

use aftercall_domain::ids::RecordingId;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::Checked;
use crate::store::StoreError;

/// One job. What the download machine remembers is its own JSON: the store only orders and keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The recording; asking twice is the same job.
    pub recording_id: RecordingId,
    /// Highest first: a person's wish goes before a rule's.
    pub priority: i64,
    /// Who asked.
    pub wish: String,
    /// First asked, UTC. Oldest first within a priority.
    pub asked_at_ms: i64,
    /// Not before, UTC.
    pub next_at_ms: i64,
    /// Start of the run that holds it, UTC; null while nobody does.
    pub started_at_ms: Option<i64>,
    /// JSON of the download machine.
    pub machine: String,
}

const COLUMNS: &str = "recording_id, priority, wish, asked_at_ms, next_at_ms, started_at_ms, machine";

fn job(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        recording_id: row.get::<_, Checked<RecordingId>>(0)?.0,
        priority: row.get(1)?,
        wish: row.get(2)?,
        asked_at_ms: row.get(3)?,
        next_at_ms: row.get(4)?,
        started_at_ms: row.get(5)?,
        machine: row.get(6)?,
    })
}

/// One job.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, id: &RecordingId) -> Result<Option<JobRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM download_jobs WHERE recording_id = ?1"))?;
    Ok(statement.query_row([id.as_str()], job).optional()?)
}

/// All jobs, in the order of their turns.
///
/// # Errors
/// SQLite's.
pub fn all(conn: &Connection) -> Result<Vec<JobRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM download_jobs ORDER BY priority DESC, asked_at_ms, recording_id"
    ))?;
    Ok(statement.query_map([], job)?.collect::<Result<_, _>>()?)
}

/// Makes or replaces the job. Its recording's row must be there.
///
/// # Errors
/// SQLite's.
pub fn put(conn: &Connection, row: &JobRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO download_jobs
             (recording_id, priority, wish, asked_at_ms, next_at_ms, started_at_ms, machine)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        row.recording_id.as_str(),
        row.priority,
        &row.wish,
        row.asked_at_ms,
        row.next_at_ms,
        row.started_at_ms,
        &row.machine,
    ))?;
    Ok(())
}

/// Takes the next job whose time has come, and marks it as held since `now_ms`. None when there is none.
///
/// # Errors
/// SQLite's.
pub fn claim(conn: &Connection, now_ms: i64) -> Result<Option<JobRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "UPDATE download_jobs SET started_at_ms = ?1 WHERE recording_id = (
             SELECT recording_id FROM download_jobs WHERE started_at_ms IS NULL AND next_at_ms <= ?1
             ORDER BY priority DESC, asked_at_ms, recording_id LIMIT 1)
         RETURNING {COLUMNS}"
    ))?;
    Ok(statement.query_row([now_ms], job).optional()?)
}

/// When the next job that nobody holds may start, UTC; null when there is none.
///
/// # Errors
/// SQLite's.
pub fn next_at_ms(conn: &Connection) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT min(next_at_ms) FROM download_jobs WHERE started_at_ms IS NULL")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Jobs held since before `than_ms`, and those held since a time that has not come yet (the clock was set back).
///
/// # Errors
/// SQLite's.
pub fn held_longer(conn: &Connection, than_ms: i64, now_ms: i64) -> Result<Vec<JobRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM download_jobs WHERE started_at_ms < ?1 OR started_at_ms > ?2 ORDER BY recording_id"
    ))?;
    Ok(statement.query_map([than_ms, now_ms], job)?.collect::<Result<_, _>>()?)
}

/// The job's place among those that nobody holds, from 1; null when it is held or absent.
///
/// # Errors
/// SQLite's.
pub fn place(conn: &Connection, id: &RecordingId) -> Result<Option<u32>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 + (SELECT count(*) FROM download_jobs o WHERE o.started_at_ms IS NULL AND (
             o.priority > j.priority OR (o.priority = j.priority AND
             (o.asked_at_ms, o.recording_id) < (j.asked_at_ms, j.recording_id))))
         FROM download_jobs j WHERE j.recording_id = ?1 AND j.started_at_ms IS NULL",
    )?;
    Ok(statement.query_row([id.as_str()], |row| row.get(0)).optional()?)
}

/// It is done, or nobody wants it any more. Returns whether it was there.
///
/// # Errors
/// SQLite's.
pub fn remove(conn: &Connection, id: &RecordingId) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("DELETE FROM download_jobs WHERE recording_id = ?1")?.execute([id.as_str()])? > 0)
}
