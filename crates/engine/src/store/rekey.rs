//! Another key for a sealed database: on a copy, which then takes the name of the original.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use zeroize::Zeroizing;

use super::StoreError;
use super::migrate::with_suffix;
use super::open::{Access, connect};
use super::table::recording_parts;
use super::table::recordings::{self, Rewrap};
use crate::secrets::{DbKey, LIBRARY_FILE, private_new_file, sync_folder};

/// Whether the database at `path` opens with that key. Changes nothing.
///
/// # Errors
/// `NoFile`; whatever else is not a wrong key.
pub(crate) fn opens(path: &Path, key: &DbKey) -> Result<bool, StoreError> {
    let looked = connect(path, Some(key), Access::Read)
        .and_then(|conn| Ok(conn.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?));
    match looked {
        Ok(()) => Ok(true),
        Err(StoreError::Damaged { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The copies that upgrades made of the library in a profile: sealed as it was.
pub(crate) fn copies(profile_dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(profile_dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(LIBRARY_FILE) && name.ends_with(".db") && name != LIBRARY_FILE {
            copies.push(entry.path());
        }
    }
    copies.sort();
    Ok(copies)
}

/// Makes a copy of the database at `path`, gives each wrapped key of a file in it to `rewrap`, seals it with `new` and
/// puts it in the original's place, in one step: before it the file opens with `old`, after it with `new`. Nobody may
/// have it open. `step` is told before each step. Returns how many keys were kept.
///
/// # Errors
/// `Busy` where somebody reads it; whatever fails, the file is as it was.
pub(crate) fn rekey(
    path: &Path,
    (old, new): (&DbKey, &DbKey),
    rewrap: Rewrap<'_>,
    step: &mut dyn FnMut(),
) -> Result<u64, StoreError> {
    let part = with_suffix(path, ".part-rekeyed");
    remove(&part)?;
    alone(path, old)?;
    step();
    copy(path, &part)?;
    step();
    let kept = sealed_anew(&part, old, new, rewrap, step)?;
    verify(&part, new, step)?;
    File::open(&part)?.sync_all()?;
    step();
    fs::rename(&part, path)?;
    step();
    sync_folder(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    Ok(kept)
}

/// Removes what a try that was cut off left behind.
pub(crate) fn remove_part(path: &Path) -> Result<(), StoreError> {
    remove(&with_suffix(path, ".part-rekeyed"))
}

fn remove(part: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(with_suffix(part, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Folds the log into the file and takes it away, which only goes while nobody else has the file open: the copy is then
/// all of it, and no log of the old file is left beside the new one.
fn alone(path: &Path, key: &DbKey) -> Result<(), StoreError> {
    let conn = connect(path, Some(key), Access::Write)?;
    conn.busy_timeout(Duration::from_secs(2))?;
    let mode: String = conn.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode != "delete" {
        return Err(StoreError::Busy);
    }
    conn.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (mut from, mut to) = (File::open(from)?, private_new_file(to)?);
    std::io::copy(&mut from, &mut to)?;
    Ok(())
}

fn sealed_anew(
    part: &Path,
    old: &DbKey,
    new: &DbKey,
    rewrap: Rewrap<'_>,
    step: &mut dyn FnMut(),
) -> Result<u64, StoreError> {
    let mut conn = connect(part, Some(old), Access::Write)?;
    // A copy that is cut off is thrown away: it needs no journal.
    conn.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
    conn.execute_batch("PRAGMA synchronous = OFF")?;
    let mut kept = 0;
    // A copy that an upgrade made may be older than either table.
    let (has_recordings, has_parts) = (has_keys(&conn, "recordings")?, has_keys(&conn, "recording_parts")?);
    let transaction = conn.transaction()?;
    if has_recordings {
        kept = recordings::rewrap_all(&transaction, rewrap)?;
    }
    if has_parts {
        recording_parts::rewrap_all(&transaction, rewrap)?;
    }
    transaction.commit()?;
    step();
    let pragma = Zeroizing::new(format!("PRAGMA rekey = \"x'{}'\"", new.hex().as_str()));
    conn.execute_batch(&pragma)?;
    conn.close().map_err(|(_, error)| error)?;
    step();
    Ok(kept)
}

fn has_keys(conn: &Connection, table: &str) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = 'wrapped_dek'";
    let found: i64 = conn.query_row(sql, [table], |row| row.get(0))?;
    Ok(found > 0)
}

/// Every page opens with the new key.
fn verify(part: &Path, new: &DbKey, step: &mut dyn FnMut()) -> Result<(), StoreError> {
    let conn = connect(part, Some(new), Access::Inspect)?;
    let mut statement = conn.prepare("PRAGMA cipher_integrity_check")?;
    let broken = statement.query([])?.next()?.is_some();
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    step();
    if broken || tables == 0 {
        Err(StoreError::Damaged { what: "its copy with another key does not verify" })
    } else {
        Ok(())
    }
}
