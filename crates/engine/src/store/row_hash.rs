//! Telling an unchanged row without reading it: a hash of what was last read, in a table of its own. Calls have
//! theirs in `call_reads`.

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::StoreError;

/// Raise it when a mirrored row gains a column: every row is then written once more.
const SHAPE: u8 = 1;

/// Which mirror table a hash belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    // 1 was calls.
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

/// A hash of a call's row as it was sent, never 0.
///
/// 64 bits are enough: it is compared with the few rows that lie in the same page's span of time, so that a changed row
/// passes for an unchanged one once in 10^17. Who could choose rows whose hashes meet is the server, which could as well
/// send the old row. Raise [`SHAPE`] when a call is read in another way: every row is then read once more.
pub fn of_raw(row: &str) -> i64 {
    match xxh3_64_with_seed(row.as_bytes(), u64::from(SHAPE)).cast_signed() {
        0 => 1,
        hash => hash,
    }
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
