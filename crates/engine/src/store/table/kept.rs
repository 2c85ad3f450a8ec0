//! What is kept on this device of all recordings: pins, what may make room, and what its source has deleted.

use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_domain::recording::{Fact, Reason, RecordingState};
use aftercall_domain::retention::{Candidate, Limits, sort_by_turn};
use aftercall_media::sealed::sealed_len;
use rusqlite::{Connection, Row};

use super::{Checked, jobs, profile, recordings};
use crate::store::{ChangeSet, StoreError};

const LIMITS: &str = "retention";

/// What a person allows, or the defaults.
///
/// # Errors
/// SQLite's.
pub fn limits(conn: &Connection) -> Result<Limits, StoreError> {
    Ok(profile::get(conn, LIMITS)?.unwrap_or_default())
}

/// Keeps what a person allows.
///
/// # Errors
/// SQLite's.
pub fn set_limits(conn: &Connection, limits: &Limits) -> Result<(), StoreError> {
    profile::set(conn, LIMITS, limits)
}

/// What all sealed files take that rows have keys for, in bytes.
///
/// # Errors
/// SQLite's.
pub fn used_bytes(conn: &Connection) -> Result<u64, StoreError> {
    let mut statement = conn.prepare_cached("SELECT plain_bytes FROM recordings WHERE wrapped_dek IS NOT NULL")?;
    let mut used = 0;
    for plain in statement.query_map([], |row| row.get::<_, Option<i64>>(0))? {
        used += sealed_len(plain?.unwrap_or(0).unsigned_abs());
    }
    Ok(used)
}

/// What the others that arrive now will take, in bytes, as far as their lengths are known.
///
/// # Errors
/// SQLite's.
pub fn arriving_bytes(conn: &Connection, but: &RecordingId) -> Result<u64, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT r.bytes_total FROM download_jobs j JOIN recordings r ON r.id = j.recording_id
         WHERE j.started_at_ms IS NOT NULL AND r.id <> ?1 AND r.bytes_total IS NOT NULL",
    )?;
    let mut arriving = 0;
    for total in statement.query_map([but.as_str()], |row| row.get::<_, i64>(0))? {
        arriving += sealed_len(total?.unsigned_abs());
    }
    Ok(arriving)
}

/// How many recordings are in each state.
///
/// # Errors
/// SQLite's.
pub fn counts(conn: &Connection) -> Result<Vec<(RecordingState, u64)>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT state, count(*) FROM recordings GROUP BY state")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter_map(|(word, n)| Some((RecordingState::from_word(&word)?, n.unsigned_abs()))).collect())
}

/// Recordings that may make room, those first that go first. Pinned ones never do.
///
/// # Errors
/// SQLite's.
pub fn candidates(conn: &Connection) -> Result<Vec<Candidate<(RecordingId, CallSid)>>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT r.id, r.call_sid, r.plain_bytes, coalesce(l.heard, 0),
             coalesce(l.updated_at_ms, r.ready_at_ms, r.created_at_ms)
         FROM recordings r LEFT JOIN listening l ON l.call_sid = r.call_sid
         WHERE r.state IN ('on_device', 'unsupported') AND r.pinned_at_ms IS NULL AND r.wrapped_dek IS NOT NULL",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Candidate {
            what: (row.get::<_, Checked<RecordingId>>(0)?.0, row.get::<_, Checked<CallSid>>(1)?.0),
            bytes: sealed_len(row.get::<_, Option<i64>>(2)?.unwrap_or(0).unsigned_abs()),
            is_heard: row.get(3)?,
            used_at_ms: row.get(4)?,
        })
    })?;
    let mut candidates = rows.collect::<Result<Vec<_>, _>>()?;
    sort_by_turn(&mut candidates);
    Ok(candidates)
}

/// Destroys a file's key and says that it made room; marks, waveform and facts stay. Returns whether there was one. The
/// file itself is the vault's.
///
/// # Errors
/// SQLite's.
pub fn evict(conn: &Connection, changes: &mut ChangeSet, id: &RecordingId) -> Result<bool, StoreError> {
    give_up(conn, changes, id, RecordingState::Evicted, None)
}

fn give_up(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    state: RecordingState,
    reason: Option<Reason>,
) -> Result<bool, StoreError> {
    let (Some(row), Some(_)) = (recordings::get(conn, id)?, recordings::file(conn, id)?) else { return Ok(false) };
    recordings::set_file(conn, id, None)?;
    // One that waits for the repair of this file is not wanted for itself.
    jobs::remove(conn, id)?;
    recordings::put(conn, &recordings::RecordingRow { state, reason, bytes_here: 0, ready_at_ms: None, ..row })?;
    changes.touch_recording(id);
    Ok(true)
}

/// Pins or unpins a recording that has a row.
///
/// # Errors
/// SQLite's.
pub fn set_pinned(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    pinned_at_ms: Option<i64>,
) -> Result<(), StoreError> {
    // Whoever takes a pin back has not been asked about the next one.
    conn.prepare_cached(
        "UPDATE recordings SET pinned_at_ms = ?2, kept_at_ms = CASE WHEN ?2 IS NULL THEN NULL ELSE kept_at_ms END
         WHERE id = ?1",
    )?
    .execute((id.as_str(), pinned_at_ms))?;
    if let Some(row) = recordings::get(conn, id)? {
        recordings::put(conn, &row)?; // its state's word follows the pin
    }
    changes.touch_recording(id);
    Ok(())
}

/// Files whose keys are in rows, and whether the row says that the file is whole.
///
/// # Errors
/// SQLite's.
pub fn with_files(conn: &Connection) -> Result<Vec<(RecordingId, bool)>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT id, state FROM recordings WHERE wrapped_dek IS NOT NULL AND file_id IS NOT NULL")?;
    let rows = statement.query_map([], |row| {
        let state = RecordingState::from_word(&row.get::<_, String>(1)?);
        Ok((row.get::<_, Checked<RecordingId>>(0)?.0, state.is_some_and(RecordingState::is_stored)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Recordings that are known, and whose file, if there is one, nobody has a key for.
///
/// # Errors
/// SQLite's.
pub fn without_files(conn: &Connection) -> Result<Vec<RecordingId>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT id FROM recordings WHERE wrapped_dek IS NULL")?;
    let rows = statement.query_map([], |row| Ok(row.get::<_, Checked<RecordingId>>(0)?.0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A recording here that its source has deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Which.
    pub id: RecordingId,
    /// The call it is of.
    pub call_sid: CallSid,
    /// When that was noticed, UTC.
    pub noticed_at_ms: i64,
    /// It is pinned.
    pub is_pinned: bool,
    /// It is pinned, and the person said that it stays.
    pub is_kept: bool,
}

/// The source has deleted it: the CRM its call, Twilio the recording.
const IS_DELETED: &str = "EXISTS (SELECT 1 FROM call_log c WHERE c.call_sid = r.call_sid AND c.removed_upstream = 1
         AND r.id >= 'crm:' AND r.id < 'crm;')
     OR EXISTS (SELECT 1 FROM twilio_recordings t WHERE 'twilio:' || t.recording_sid = r.id
         AND json_extract(t.said, '$.reason') = 'deleted_at_source')";

/// Notes what has been deleted at its source since the last look, and what came back. Returns whether anything did.
///
/// # Errors
/// SQLite's.
pub fn notice_deleted(conn: &Connection, changes: &mut ChangeSet, now_ms: i64) -> Result<bool, StoreError> {
    let here = "r.wrapped_dek IS NOT NULL";
    let gone = conn
        .prepare_cached(&format!(
            "UPDATE recordings AS r SET source_deleted_at_ms = ?1
         WHERE {here} AND source_deleted_at_ms IS NULL AND ({IS_DELETED})"
        ))?
        .execute([now_ms])?;
    let back = conn
        .prepare_cached(&format!(
            "UPDATE recordings AS r SET source_deleted_at_ms = NULL, kept_at_ms = NULL
         WHERE {here} AND source_deleted_at_ms IS NOT NULL AND NOT ({IS_DELETED})"
        ))?
        .execute([])?;
    if gone + back > 0 {
        changes.touch(crate::store::Tag::Recordings);
    }
    Ok(gone + back > 0)
}

fn deleted(row: &Row<'_>) -> rusqlite::Result<Deleted> {
    Ok(Deleted {
        id: row.get::<_, Checked<RecordingId>>(0)?.0,
        call_sid: row.get::<_, Checked<CallSid>>(1)?.0,
        noticed_at_ms: row.get(2)?,
        is_pinned: row.get(3)?,
        is_kept: row.get(4)?,
    })
}

/// What is here and was deleted at its source, the first noticed first.
///
/// # Errors
/// SQLite's.
pub fn deleted_at_source(conn: &Connection) -> Result<Vec<Deleted>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, call_sid, source_deleted_at_ms, pinned_at_ms IS NOT NULL,
             pinned_at_ms IS NOT NULL AND kept_at_ms IS NOT NULL
         FROM recordings WHERE source_deleted_at_ms IS NOT NULL AND wrapped_dek IS NOT NULL
         ORDER BY source_deleted_at_ms, id",
    )?;
    Ok(statement.query_map([], deleted)?.collect::<Result<_, _>>()?)
}

/// The person keeps a pinned recording although its source has deleted it.
///
/// # Errors
/// SQLite's.
pub fn keep(conn: &Connection, changes: &mut ChangeSet, id: &RecordingId, now_ms: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE recordings SET kept_at_ms = ?2 WHERE id = ?1 AND pinned_at_ms IS NOT NULL")?
        .execute((id.as_str(), now_ms))?;
    changes.touch_recording(id);
    Ok(())
}

/// The voice goes, its key first: the source has deleted it, and cannot be asked again.
///
/// # Errors
/// SQLite's.
pub fn drop_deleted(conn: &Connection, changes: &mut ChangeSet, id: &RecordingId) -> Result<bool, StoreError> {
    let reason = Some(Reason::Fact(Fact::DeletedAtSource));
    give_up(conn, changes, id, RecordingState::Unavailable, reason)
}
