//! Recordings: what is known of each, and the keys of their files.

use aftercall_domain::call::Outcome;
use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_domain::recording::{AudioFacts, Reason, RecordingState};
use aftercall_domain::retention::shown;
use aftercall_domain::standing;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{Checked, word};
use crate::store::StoreError;

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingRow {
    /// Its id.
    pub id: RecordingId,
    /// The call it is of.
    pub call_sid: CallSid,
    /// Its state.
    pub state: RecordingState,
    /// Why.
    pub reason: Option<Reason>,
    /// Answers "being prepared" of the running asking.
    pub polls: u32,
    /// Attempts in the running window.
    pub attempts: u32,
    /// What happens next by itself.
    pub next_try_at_ms: Option<i64>,
    /// Bytes here.
    pub bytes_here: u64,
    /// Bytes in all, once known.
    pub bytes_total: Option<u64>,
    /// What the bytes are, once they were looked at.
    pub facts: Option<AudioFacts>,
    /// Packets that could not be decoded and were skipped.
    pub damaged_packets: u32,
    /// Made.
    pub created_at_ms: i64,
    /// Arrived whole.
    pub ready_at_ms: Option<i64>,
    /// The person keeps it on this device (see [`super::kept`]).
    pub is_pinned: bool,
}

/// The keys and length of a sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// In the file's header and the AAD of its chunks.
    pub file_id: [u8; 16],
    /// The file's key, wrapped by the profile's.
    pub wrapped_dek: Vec<u8>,
    /// Length of the sound file itself, in bytes.
    pub plain_len: u64,
}

/// What is kept of a recording even after its file made room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// `media::Peaks` as bytes.
    pub peaks: Vec<u8>,
    /// `media::Turns` as JSON.
    pub turns: String,
}

pub(super) const COLUMNS: &str = "r.id, r.call_sid, r.state, r.reason, r.polls, r.attempts, r.next_try_at_ms,
    r.bytes_here, r.bytes_total, r.codec, r.channels, r.sample_rate_hz, r.duration_ms, r.damaged_packets,
    r.created_at_ms, r.ready_at_ms, r.pinned_at_ms IS NOT NULL";

/// The order of a call's recordings: those that can be had before those that cannot, the CRM's before Twilio's, then
/// the older ones. What a call's sid means is the first.
pub(super) const FIRST: &str = "r.state IN ('unavailable', 'restricted'), r.id >= 'twilio:', r.created_at_ms, r.id";

/// Reads [`COLUMNS`] from column `at` on; null when the join found no recording.
pub(super) fn from_row(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<RecordingRow>> {
    let Some(Checked(id)) = row.get::<_, Option<Checked<RecordingId>>>(at)? else { return Ok(None) };
    let is_pinned = row.get(at + 16)?;
    // A word of a later version: it can be asked for again, and nothing is lost by that.
    let state = word(row, at + 2)?.and_then(RecordingState::from_word).unwrap_or(RecordingState::ReadyOnline);
    let facts = match row.get::<_, Option<String>>(at + 9)? {
        None => None,
        Some(codec) => Some(AudioFacts {
            codec,
            channels: row.get::<_, Option<u16>>(at + 10)?.unwrap_or(0),
            sample_rate_hz: row.get::<_, Option<u32>>(at + 11)?.unwrap_or(0),
            duration_ms: row.get::<_, Option<i64>>(at + 12)?.unwrap_or(0),
        }),
    };
    Ok(Some(RecordingRow {
        id,
        call_sid: row.get::<_, Checked<CallSid>>(at + 1)?.0,
        state: shown(state, is_pinned),
        reason: word(row, at + 3)?.and_then(Reason::from_word),
        polls: row.get(at + 4)?,
        attempts: row.get(at + 5)?,
        next_try_at_ms: row.get(at + 6)?,
        bytes_here: row.get::<_, i64>(at + 7)?.unsigned_abs(),
        bytes_total: row.get::<_, Option<i64>>(at + 8)?.map(i64::unsigned_abs),
        facts,
        damaged_packets: row.get(at + 13)?,
        created_at_ms: row.get(at + 14)?,
        ready_at_ms: row.get(at + 15)?,
        is_pinned,
    }))
}

/// What can be said of a call's recording that nobody asked for yet.
pub fn not_asked_for(call: &CallSid, outcome: Outcome, has_recording: bool) -> RecordingRow {
    let (state, reason) = standing::not_asked_for(outcome, has_recording);
    RecordingRow {
        id: RecordingId::crm(call),
        call_sid: call.clone(),
        state,
        reason,
        polls: 0,
        attempts: 0,
        next_try_at_ms: None,
        bytes_here: 0,
        bytes_total: None,
        facts: None,
        damaged_packets: 0,
        created_at_ms: 0,
        ready_at_ms: None,
        is_pinned: false,
    }
}

/// One recording's row, where somebody asked for it.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, id: &RecordingId) -> Result<Option<RecordingRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM recordings r WHERE r.id = ?1"))?;
    Ok(statement.query_row([id.as_str()], |row| from_row(row, 0)).optional()?.flatten())
}

/// Is given each wrapped key of a file, and answers it wrapped otherwise.
pub(crate) type Rewrap<'a> = &'a mut dyn FnMut(&RecordingId, &[u8]) -> Option<Vec<u8>>;

/// Gives every wrapped key of a file to `rewrap` and keeps what it answers; none leaves it as it is. Returns how many
/// were kept.
pub(crate) fn rewrap_all(conn: &Connection, rewrap: Rewrap<'_>) -> Result<u64, StoreError> {
    let mut read = conn.prepare("SELECT id, wrapped_dek FROM recordings WHERE wrapped_dek IS NOT NULL")?;
    let mut write = conn.prepare("UPDATE recordings SET wrapped_dek = ?2 WHERE id = ?1")?;
    let found = read.query_map([], |row| Ok((row.get::<_, Checked<RecordingId>>(0)?.0, row.get::<_, Vec<u8>>(1)?)))?;
    let mut count = 0;
    // All of them first: a statement that reads must not meet the rows that another writes.
    for (id, wrapped) in found.collect::<Result<Vec<_>, _>>()? {
        if let Some(wrapped) = rewrap(&id, &wrapped) {
            write.execute((id.as_str(), wrapped))?;
            count += 1;
        }
    }
    Ok(count)
}

/// A call's recordings that somebody asked for, the first first.
///
/// # Errors
/// SQLite's.
pub fn of_call(conn: &Connection, sid: &CallSid) -> Result<Vec<RecordingRow>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM recordings r WHERE r.call_sid = ?1 ORDER BY {FIRST}"))?;
    let rows = statement.query_map([sid.as_str()], |row| from_row(row, 0))?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// Those in one of `states`.
///
/// # Errors
/// SQLite's.
pub fn in_states(conn: &Connection, states: &[RecordingState]) -> Result<Vec<RecordingRow>, StoreError> {
    let mut found = Vec::new();
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM recordings r WHERE r.state = ?1 ORDER BY r.id"))?;
    for state in states {
        for row in statement.query_map([state.as_str()], |row| from_row(row, 0))? {
            found.extend(row?);
        }
    }
    Ok(found)
}

/// Writes the whole row; the file's keys, the pin and the analysis stay as they are.
///
/// # Errors
/// SQLite's.
pub fn put(conn: &Connection, row: &RecordingRow) -> Result<(), StoreError> {
    let facts = row.facts.as_ref();
    conn.prepare_cached(
        "INSERT INTO recordings (id, call_sid, state, reason, polls, attempts, next_try_at_ms, bytes_here,
             bytes_total, codec, channels, sample_rate_hz, duration_ms, damaged_packets, created_at_ms, ready_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (id) DO UPDATE SET call_sid = excluded.call_sid, state = excluded.state,
             reason = excluded.reason, polls = excluded.polls, attempts = excluded.attempts,
             next_try_at_ms = excluded.next_try_at_ms, bytes_here = excluded.bytes_here,
             bytes_total = excluded.bytes_total, codec = excluded.codec, channels = excluded.channels,
             sample_rate_hz = excluded.sample_rate_hz, duration_ms = excluded.duration_ms,
             damaged_packets = excluded.damaged_packets, ready_at_ms = excluded.ready_at_ms",
    )?
    .execute(rusqlite::params![
        row.id.as_str(),
        row.call_sid.as_str(),
        shown(row.state, row.is_pinned).as_str(),
        row.reason.map(|reason| reason.as_str()),
        row.polls,
        row.attempts,
        row.next_try_at_ms,
        signed(row.bytes_here)?,
        row.bytes_total.map(signed).transpose()?,
        facts.map(|f| f.codec.as_str()),
        facts.map(|f| f.channels),
        facts.map(|f| f.sample_rate_hz),
        facts.map(|f| f.duration_ms),
        row.damaged_packets,
        row.created_at_ms,
        row.ready_at_ms,
    ])?;
    Ok(())
}

fn signed(bytes: u64) -> Result<i64, StoreError> {
    i64::try_from(bytes).map_err(|_| StoreError::BadValue("a length"))
}

/// The keys of a recording's file, where there is one.
///
/// # Errors
/// SQLite's; `BadValue`.
pub fn file(conn: &Connection, id: &RecordingId) -> Result<Option<StoredFile>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT file_id, wrapped_dek, plain_bytes FROM recordings
         WHERE id = ?1 AND file_id IS NOT NULL AND wrapped_dek IS NOT NULL",
    )?;
    let found: Option<(Vec<u8>, Vec<u8>, i64)> =
        statement.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    found
        .map(|(file_id, wrapped_dek, plain)| {
            Ok(StoredFile {
                file_id: file_id.try_into().map_err(|_| StoreError::BadValue("a file's id"))?,
                wrapped_dek,
                plain_len: plain.unsigned_abs(),
            })
        })
        .transpose()
}

/// Keeps the keys of a recording's file, or, with none, destroys them: the file can never be read again.
///
/// # Errors
/// SQLite's.
pub fn set_file(conn: &Connection, id: &RecordingId, file: Option<&StoredFile>) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE recordings SET file_id = ?2, wrapped_dek = ?3, plain_bytes = ?4 WHERE id = ?1")?
        .execute((
            id.as_str(),
            file.map(|f| f.file_id.as_slice()),
            file.map(|f| f.wrapped_dek.as_slice()),
            file.map(|f| signed(f.plain_len)).transpose()?,
        ))?;
    Ok(())
}

/// The waveform and the turns, where the recording was analysed.
///
/// # Errors
/// SQLite's.
pub fn analysis(conn: &Connection, id: &RecordingId) -> Result<Option<Analysis>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT peaks, turns FROM recording_analyses WHERE recording_id = ?1")?;
    let found = statement.query_row([id.as_str()], |row| Ok(Analysis { peaks: row.get(0)?, turns: row.get(1)? }));
    Ok(found.optional()?)
}

/// The stored recordings of more than one channel whose loudness was not measured yet, the newest first.
///
/// # Errors
/// SQLite's.
pub fn without_loudness(conn: &Connection, most: usize) -> Result<Vec<RecordingId>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM recordings
         WHERE state IN ('on_device', 'pinned') AND channels > 1 AND file_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM recording_loudness WHERE recording_id = id)
         ORDER BY ready_at_ms DESC LIMIT ?1",
    )?;
    let ids = statement.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get::<_, String>(0))?;
    ids.map(|id| id?.parse().map_err(|_| StoreError::BadValue("a recording's id"))).collect()
}

/// How loud each channel speaks, in LUFS, none where nobody does; nothing where it was not measured or cannot be told.
///
/// # Errors
/// SQLite's.
pub fn loudness(conn: &Connection, id: &RecordingId) -> Result<Option<Vec<Option<f32>>>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT channels_lufs FROM recording_loudness WHERE recording_id = ?1")?;
    let found: Option<String> = statement.query_row([id.as_str()], |row| row.get(0)).optional()?;
    let lufs: Option<Vec<Option<f32>>> = found.and_then(|found| serde_json::from_str(&found).ok());
    Ok(lufs.filter(|lufs| !lufs.is_empty()))
}

/// Keeps it; empty where it cannot be told. A recording that was forgotten meanwhile stays so.
///
/// # Errors
/// SQLite's.
pub fn set_loudness(conn: &Connection, id: &RecordingId, lufs: &[Option<f32>]) -> Result<(), StoreError> {
    let lufs = serde_json::to_string(lufs).map_err(|_| StoreError::BadValue("loudness"))?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO recording_loudness (recording_id, channels_lufs)
         SELECT id, ?2 FROM recordings WHERE id = ?1",
    )?
    .execute((id.as_str(), lufs))?;
    Ok(())
}

/// Keeps the waveform and the turns. The loudness of another file is forgotten.
///
/// # Errors
/// SQLite's; the recording's row must be there.
pub fn set_analysis(conn: &Connection, id: &RecordingId, analysis: &Analysis) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR REPLACE INTO recording_analyses (recording_id, peaks, turns) VALUES (?1, ?2, ?3)")?
        .execute((id.as_str(), &analysis.peaks, &analysis.turns))?;
    conn.prepare_cached("DELETE FROM recording_loudness WHERE recording_id = ?1")?.execute([id.as_str()])?;
    Ok(())
}
