//! `db check` and `db upgrade`: any database file, plain or sealed with the profile's key.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use aftercall_engine::rotation::{May, open_root_key};
use aftercall_engine::secrets::DbKey;
use aftercall_engine::store::{self, StoreError, Upgraded};

use crate::errors::AppError;
use crate::profile::ProfileFolder;
use crate::report::DatabaseReport;
use crate::start::StartOptions;

const PLAIN_HEAD: &[u8] = b"SQLite format 3\0";

/// Says what a database is, and what an upgrade would do. Changes nothing.
///
/// # Errors
/// What is wrong with the file, or with the key that it needs.
pub async fn check(file: &Path, options: &StartOptions) -> Result<DatabaseReport, AppError> {
    let (file, options) = (file.to_owned(), options.clone());
    let checked = tokio::task::spawn_blocking(move || {
        let key = key_for(&file, &options)?;
        Ok(report(store::check(&file, key.as_ref())?))
    });
    checked.await.map_err(|_| AppError::Panicked)?
}

/// Brings a database to this version's schema, after a copy was made. A plain file stays plain.
///
/// # Errors
/// What is wrong with the file, or with the key that it needs; then the file is as it was. `ProfileInUse` where it is
/// the library of a profile that another process writes to.
pub async fn upgrade(file: &Path, options: &StartOptions) -> Result<DatabaseReport, AppError> {
    let (file, options) = (file.to_owned(), options.clone());
    let upgraded = tokio::task::spawn_blocking(move || {
        let folder = ProfileFolder::of(options.profile.as_deref())?;
        let same = |a: &Path, b: &Path| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
        let _lock = if same(&file, &folder.library()) { Some(folder.lock()?) } else { None };
        let key = key_for(&file, &options)?;
        Ok(report(store::upgrade(&file, key.as_ref())?))
    });
    upgraded.await.map_err(|_| AppError::Panicked)?
}

/// The key for a file that does not begin as a plain database does; a plain one needs none.
fn key_for(file: &Path, options: &StartOptions) -> Result<Option<DbKey>, AppError> {
    // Before it is opened: a pipe would wait for somebody to write.
    if !std::fs::metadata(file).map_err(StoreError::from)?.is_file() {
        return Err(StoreError::NotOurs.into());
    }
    let mut head = Vec::with_capacity(PLAIN_HEAD.len());
    let opened = File::open(file).map_err(StoreError::from)?;
    opened.take(PLAIN_HEAD.len() as u64).read_to_end(&mut head).map_err(StoreError::from)?;
    // Too short for either: the store says what is wrong with it.
    if head == PLAIN_HEAD || head.len() < PLAIN_HEAD.len() {
        return Ok(None);
    }
    let folder = ProfileFolder::of(options.profile.as_deref())?;
    // Without a profile there is no key: nothing is made for a file that somebody only wants to look at.
    if !folder.has_library() {
        return Err(StoreError::Damaged {
            what: "it cannot be read as a database, and there is no profile with a key",
        }
        .into());
    }
    Ok(Some(open_root_key(folder.path(), &options.key, May::Look)?.db_key()))
}

fn report(found: Upgraded) -> DatabaseReport {
    let shown = |path: PathBuf| path.display().to_string();
    DatabaseReport {
        from_version: found.from_version,
        to_version: found.to_version,
        applied: found.applied,
        rows: found.rows.into_iter().collect(),
        backup: found.backup.map(shown),
    }
}
