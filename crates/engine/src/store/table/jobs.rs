//! Download jobs: one durable row per recording that somebody wants.

use aftercall_domain::ids::{RecordingId, Source};
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
    /// It has one of its source's places for what is being prepared.
    pub preparing: bool,
    /// JSON of the download machine.
    pub machine: String,
}

/// Which jobs may have a turn now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Those of this source …
    pub source: Source,
    /// … of at least this priority …
    pub least_priority: i64,
    /// … and of at least this one, where the source did not begin to prepare them yet.
    pub least_fresh: i64,
}

const COLUMNS: &str = "recording_id, priority, wish, asked_at_ms, next_at_ms, started_at_ms, preparing, machine";
/// A [`Turn`] as ?1 to ?4 (first id of the source, first id behind it, and the two priorities).
const IN_TURN: &str = "started_at_ms IS NULL AND recording_id >= ?1 AND recording_id < ?2 AND priority >= ?3
    AND (preparing OR priority >= ?4)";

fn span(source: Source) -> (&'static str, &'static str) {
    // ';' follows ':'.
    match source {
        Source::Crm => ("crm:", "crm;"),
        Source::Twilio => ("twilio:", "twilio;"),
    }
}

fn job(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        recording_id: row.get::<_, Checked<RecordingId>>(0)?.0,
        priority: row.get(1)?,
        wish: row.get(2)?,
        asked_at_ms: row.get(3)?,
        next_at_ms: row.get(4)?,
        started_at_ms: row.get(5)?,
        preparing: row.get(6)?,
        machine: row.get(7)?,
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

/// Those that a run holds.
///
/// # Errors
/// SQLite's.
pub fn held(conn: &Connection) -> Result<Vec<JobRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM download_jobs WHERE started_at_ms IS NOT NULL ORDER BY recording_id"
    ))?;
    Ok(statement.query_map([], job)?.collect::<Result<_, _>>()?)
}

/// How many the source is preparing and nobody is asking for just now: each has one of its places.
///
/// # Errors
/// SQLite's.
pub fn prepared_for(conn: &Connection, source: Source) -> Result<usize, StoreError> {
    let (from, to) = span(source);
    let mut statement = conn.prepare_cached(
        "SELECT count(*) FROM download_jobs
         WHERE recording_id >= ?1 AND recording_id < ?2 AND preparing AND started_at_ms IS NULL",
    )?;
    let waiting: i64 = statement.query_row([from, to], |row| row.get(0))?;
    Ok(usize::try_from(waiting).unwrap_or(usize::MAX))
}

/// Makes or replaces the job. Its recording's row must be there.
///
/// # Errors
/// SQLite's.
pub fn put(conn: &Connection, row: &JobRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO download_jobs
             (recording_id, priority, wish, asked_at_ms, next_at_ms, started_at_ms, preparing, machine)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        row.recording_id.as_str(),
        row.priority,
        &row.wish,
        row.asked_at_ms,
        row.next_at_ms,
        row.started_at_ms,
        row.preparing,
        &row.machine,
    ))?;
    Ok(())
}

/// Takes the next job whose turn and time have come, and marks it as held since `now_ms`. None when there is none.
///
/// # Errors
/// SQLite's.
pub fn claim(conn: &Connection, turn: Turn, now_ms: i64) -> Result<Option<JobRow>, StoreError> {
    let (from, to) = span(turn.source);
    let mut statement = conn.prepare_cached(&format!(
        "UPDATE download_jobs SET started_at_ms = ?5 WHERE recording_id = (
             SELECT recording_id FROM download_jobs WHERE {IN_TURN} AND next_at_ms <= ?5
             ORDER BY priority DESC, asked_at_ms, recording_id LIMIT 1)
         RETURNING {COLUMNS}"
    ))?;
    let claimed = statement.query_row((from, to, turn.least_priority, turn.least_fresh, now_ms), job);
    Ok(claimed.optional()?)
}

/// When the next job that may have a turn may start, UTC; null when there is none.
///
/// # Errors
/// SQLite's.
pub fn next_at_ms(conn: &Connection, turn: Turn) -> Result<Option<i64>, StoreError> {
    let (from, to) = span(turn.source);
    let mut statement = conn.prepare_cached(&format!("SELECT min(next_at_ms) FROM download_jobs WHERE {IN_TURN}"))?;
    Ok(statement.query_row((from, to, turn.least_priority, turn.least_fresh), |row| row.get(0))?)
}

/// The job's place among those of its source that nobody holds, from 1; null when it is held or absent.
///
/// # Errors
/// SQLite's.
pub fn place(conn: &Connection, id: &RecordingId) -> Result<Option<u32>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 + (SELECT count(*) FROM download_jobs o WHERE o.started_at_ms IS NULL
             AND (o.recording_id < 'twilio:') = (j.recording_id < 'twilio:') AND (
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
