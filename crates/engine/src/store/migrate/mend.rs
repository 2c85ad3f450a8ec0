//! What a current library has lost since it was made, and how it gets it back: a column, an index, a parent to point
//! at; and, where the file itself is broken, the newest copy that is sound.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction};

use super::{backup, check, make_placeholders, runner, shape, with_suffix};
use crate::secrets::DbKey;
use crate::store::StoreError;

/// The migration that added `appointments.calendar_id`.
const CALENDAR_ID: u32 = 3;

/// Every index that the migrations made and did not drop again, with its statement.
fn indexes() -> BTreeMap<String, String> {
    let mut indexes = BTreeMap::new();
    for version in 1..=runner::latest_version() {
        for statement in shape::statements(runner::sql_of(version)) {
            match shape::index_of(&statement) {
                Some((name, true)) => indexes.insert(name, statement),
                Some((name, false)) => indexes.remove(&name),
                None => None,
            };
        }
    }
    indexes
}

/// How many indexes of ours are not there.
pub(in crate::store) fn missing_indexes(conn: &Connection) -> Result<u64, StoreError> {
    let mut missing = 0;
    for name in indexes().keys() {
        missing += u64::from(!shape::exists(conn, "index", name)?);
    }
    Ok(missing)
}

/// Brings back the column, the indexes and the parents that are missing, and makes what is in the indexes anew.
pub(in crate::store) fn mend(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let there = "SELECT count(*) FROM pragma_table_info('appointments') WHERE name = 'calendar_id'";
    if transaction.query_row(there, [], |row| row.get::<_, i64>(0))? == 0 {
        for statement in shape::statements(runner::sql_of(CALENDAR_ID)) {
            shape::run(transaction, &statement)?;
        }
    }
    for statement in indexes().values() {
        shape::run(transaction, statement)?;
    }
    make_placeholders(transaction)?;
    transaction.execute_batch("REINDEX")?;
    Ok(())
}

/// Puts the newest sound copy in a broken library's place. The broken file stays beside it, under a name that says so;
/// `None` where no copy is sound, and then nothing was changed. No process may have the library open. Blocks.
///
/// # Errors
/// The file system's; then the broken file is where it was.
pub fn restore(path: &Path, key: &DbKey, now_ms: i64) -> Result<Option<PathBuf>, StoreError> {
    let mut copies = backup::copies(path)?;
    let sound = loop {
        let Some(copy) = copies.pop() else { return Ok(None) };
        if check(&copy, Some(key)).is_ok() {
            break copy;
        }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Copied, not moved: it stays a copy. Whole before anything else is touched.
    let part = with_suffix(path, ".restored-part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut whole = crate::secrets::private_new_file(&part)?;
    std::io::copy(&mut fs::File::open(&sound)?, &mut whole)?;
    whole.sync_all()?;
    drop(whole);
    let aside = with_suffix(path, &format!(".corrupt-{now_ms:013}"));
    // With its WAL: what somebody may yet get out of the broken file is in both.
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    fs::rename(&part, path)?;
    crate::secrets::sync_folder(folder)?;
    Ok(Some(aside))
}
