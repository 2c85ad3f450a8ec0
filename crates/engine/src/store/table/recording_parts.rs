//! Recordings that have not arrived whole: the keys of what is here, and what proves that the rest is of the same file.

use aftercall_domain::ids::RecordingId;
use rusqlite::{Connection, OptionalExtension as _};

use super::Checked;
use super::recordings::{Rewrap, StoredFile};
use crate::store::StoreError;

/// What is needed to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// The keys; `plain_len` is the length when it is whole.
    pub file: StoredFile,
    /// The value of `If-Range`, where the source gave one.
    pub validator: Option<String>,
}

/// One recording's part, where there is one.
///
/// # Errors
/// SQLite's; `BadValue`.
pub fn get(conn: &Connection, id: &RecordingId) -> Result<Option<PartRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT file_id, wrapped_dek, total_bytes, validator FROM recording_parts WHERE recording_id = ?1",
    )?;
    let found = statement.query_row([id.as_str()], |row| {
        let file_id: Option<[u8; 16]> = row.get::<_, Vec<u8>>(0)?.try_into().ok();
        let (wrapped_dek, total): (Vec<u8>, i64) = (row.get(1)?, row.get(2)?);
        let file = file_id.map(|file_id| StoredFile { file_id, wrapped_dek, plain_len: total.unsigned_abs() });
        Ok((file, row.get(3)?))
    });
    let Some((file, validator)) = found.optional()? else { return Ok(None) };
    Ok(Some(PartRow { file: file.ok_or(StoreError::BadValue("a file's id"))?, validator }))
}

/// Keeps it, in place of an earlier one.
///
/// # Errors
/// SQLite's; the recording's row must be there.
pub fn put(conn: &Connection, id: &RecordingId, part: &PartRow) -> Result<(), StoreError> {
    let total = i64::try_from(part.file.plain_len).map_err(|_| StoreError::BadValue("a length"))?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO recording_parts (recording_id, file_id, wrapped_dek, total_bytes, validator)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((id.as_str(), part.file.file_id.as_slice(), &part.file.wrapped_dek, total, &part.validator))?;
    Ok(())
}

/// As [`super::recordings::rewrap_all`], for what has not arrived whole. A key that opens with neither is of no use.
pub(crate) fn rewrap_all(conn: &Connection, rewrap: Rewrap<'_>) -> Result<(), StoreError> {
    let mut read = conn.prepare("SELECT recording_id, wrapped_dek FROM recording_parts")?;
    let mut write = conn.prepare("UPDATE recording_parts SET wrapped_dek = ?2 WHERE recording_id = ?1")?;
    let found = read.query_map([], |row| Ok((row.get::<_, Checked<RecordingId>>(0)?.0, row.get::<_, Vec<u8>>(1)?)))?;
    for (id, wrapped) in found.collect::<Result<Vec<_>, _>>()? {
        if let Some(wrapped) = rewrap(&id, &wrapped) {
            write.execute((id.as_str(), wrapped))?;
        }
    }
    Ok(())
}

/// Destroys the key: what was written can never be read.
///
/// # Errors
/// SQLite's.
pub fn remove(conn: &Connection, id: &RecordingId) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM recording_parts WHERE recording_id = ?1")?.execute([id.as_str()])?;
    Ok(())
}
