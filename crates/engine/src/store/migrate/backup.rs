//! The copy that is made before a migration, and counts only once it was opened again and verified.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::secrets::DbKey;
use crate::store::StoreError;
use crate::store::open::{Access, connect};

const KEPT: usize = 3;

fn prefix(path: &Path) -> String {
    format!("{}.before-upgrade-", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Copies what `conn` sees into a file beside `path`, sealed where it is sealed. The oldest beyond three are removed.
pub(super) fn make(conn: &Connection, path: &Path, key: Option<&DbKey>, now_ms: i64) -> Result<PathBuf, StoreError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let prefix = prefix(path);
    let mut copy = folder.join(format!("{prefix}{now_ms:013}.db"));
    let mut again = 1;
    while copy.exists() {
        copy = folder.join(format!("{prefix}{now_ms:013}-{again}.db"));
        again += 1;
    }
    // Under a name that is no copy's: one that was cut off must not be taken for whole later.
    let part = folder.join(format!("{prefix}part"));
    remove_part(&part)?;
    let made = write(conn, &part, key).and_then(|()| Ok(fs::rename(&part, &copy)?));
    if made.is_err() {
        let _ = remove_part(&part);
    }
    made?;
    crate::secrets::sync_folder(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    prune(path)?;
    Ok(copy)
}

fn remove_part(part: &Path) -> Result<(), StoreError> {
    for ending in ["", "-journal"] {
        match fs::remove_file(super::with_suffix(part, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn write(conn: &Connection, copy: &Path, key: Option<&DbKey>) -> Result<(), StoreError> {
    let name = copy.to_str().ok_or(StoreError::Backup)?;
    conn.execute("VACUUM INTO ?1", [name])?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(copy, fs::Permissions::from_mode(0o600))?;
    }
    File::open(copy)?.sync_all()?;
    let reopened = connect(copy, key, Access::Inspect)?;
    let verdict: String =
        reopened.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|_| StoreError::Backup)?;
    let count = |of: &Connection| of.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0));
    if verdict != "ok" || count(&reopened)? != count(conn)? {
        return Err(StoreError::Backup);
    }
    Ok(())
}

/// The copies of a library, oldest first.
pub(super) fn copies(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = prefix(path);
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) && name.ends_with(".db") {
            copies.push((name, entry.path()));
        }
    }
    // Names hold the time, so they sort by it.
    copies.sort();
    Ok(copies.into_iter().map(|(_, path)| path).collect())
}

fn prune(path: &Path) -> Result<(), StoreError> {
    let copies = copies(path)?;
    let surplus = copies.len().saturating_sub(KEPT);
    for path in copies.into_iter().take(surplus) {
        fs::remove_file(path)?;
    }
    Ok(())
}
