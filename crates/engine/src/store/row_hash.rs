//! Telling an unchanged row without reading it: a hash of what was last read, in a table of its own.

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::StoreError;

/// Raise it when a mirrored row gains a column: every row is then written once more.
const SHAPE: u8 = 1;

/// Which mirror table a hash belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call = 1,
    Lead = 2,
    Appointment = 3,
    Calendar = 4,
}

/// What came of writing one row of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upserted {
    /// It was not here.
    Added,
    /// It was here and differed.
    Changed,
    /// It was here just so; nothing was written.
    Unchanged,
}

struct IntoHash(Sha256);

impl std::io::Write for IntoHash {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Half of a SHA-256 over the row's JSON: 64 bits, compared only with the same row's own last value.
pub(crate) fn of(row: &impl Serialize) -> Result<i64, StoreError> {
    let mut hash = IntoHash(Sha256::new_with_prefix([SHAPE]));
    serde_json::to_writer(&mut hash, row).map_err(|_| StoreError::BadValue("a row that is not JSON"))?;
    let digest = hash.0.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    Ok(i64::from_le_bytes(first))
}

pub(crate) fn known(conn: &Connection, kind: Kind, key: &str) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT hash FROM row_hashes WHERE kind = ?1 AND key = ?2")?;
    Ok(statement.query_row((kind as i64, key), |row| row.get(0)).optional()?)
}

pub(crate) fn remember(conn: &Connection, kind: Kind, key: &str, hash: i64) -> Result<(), StoreError> {
    let mut statement =
        conn.prepare_cached("INSERT OR REPLACE INTO row_hashes (kind, key, hash) VALUES (?1, ?2, ?3)")?;
    statement.execute((kind as i64, key, hash))?;
    Ok(())
}

/// The next row of that key counts as changed.
pub(crate) fn forget(conn: &Connection, kind: Kind, key: &str) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM row_hashes WHERE kind = ?1 AND key = ?2")?.execute((kind as i64, key))?;
    Ok(())
}
