//! Where a recording's file lies: a name that only this profile can make, two folders deep. What is not named so is not
//! ours, and is never touched.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aftercall_domain::ids::RecordingId;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::remove_if_there;
use crate::secrets::{
    NAME_DIGITS, PART, WHOLE, entries, is_hex, is_of_recording, remove_if_empty, sync_folder, unsynced_private_folder,
};

/// Where whole files go that no row knows.
const QUARANTINE: &str = "quarantine";
const SHARD_DIGITS: usize = 2;

pub(super) struct Layout {
    root: PathBuf,
    name_mac: hmac::Key,
    /// Folders that are there after a loss of power, as far as this process knows.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Layout {
    pub(super) fn new(root: PathBuf, name_mac: &Zeroizing<[u8; 32]>) -> Self {
        Self { root, name_mac: hmac::Key::new(hmac::HMAC_SHA256, name_mac.as_slice()), durable: Mutex::default() }
    }

    pub(super) fn root(&self) -> &PathBuf {
        &self.root
    }

    /// `ab/cd/abcd….rec`. The id never touches the path.
    pub(super) fn file(&self, id: &RecordingId) -> PathBuf {
        let mut name = hex::encode(hmac::sign(&self.name_mac, id.as_str().as_bytes()).as_ref());
        name.truncate(NAME_DIGITS);
        self.root.join(&name[..2]).join(&name[2..4]).join(format!("{name}.{WHOLE}"))
    }

    /// The two folders above a file, each shut to others.
    ///
    /// # Errors
    /// The file system's; a link that was planted in the place of one.
    pub(super) fn make_folders(&self, file: &Path) -> io::Result<()> {
        for folder in Self::folders(file) {
            refuse_link(folder)?;
            if unsynced_private_folder(folder)? {
                self.durable().remove(folder);
            }
        }
        Ok(())
    }

    /// Makes the two folders durable, and then what the inner one says of the file.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn sync_folders(&self, file: &Path) -> io::Result<()> {
        for folder in Self::folders(file) {
            // The folder above says that this one is there: it is asked once, however many files come into it.
            if !self.durable().contains(folder) {
                sync_folder(folder.parent().unwrap_or(&self.root))?;
                self.durable().insert(folder.to_owned());
            }
        }
        sync_folder(file.parent().unwrap_or(&self.root))
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a file that is reached through a link.
    pub(super) fn refuse_links(&self, file: &Path) -> io::Result<()> {
        Self::folders(file).try_for_each(refuse_link)
    }

    fn folders(file: &Path) -> impl Iterator<Item = &Path> {
        file.ancestors().skip(1).take(2).collect::<Vec<_>>().into_iter().rev()
    }
}

/// The file while it is being written: in the final folder, so that the rename stays within one file system.
pub(super) fn part_of(file: &Path) -> PathBuf {
    file.with_extension(PART)
}

/// Where whole files go that no row knows.
pub(super) fn quarantine(root: &Path) -> PathBuf {
    root.join(QUARANTINE)
}

/// Every sealed file at its place in a vault, whole or not. Links are neither folders nor files here, and what is named
/// otherwise is somebody else's. Blocks.
///
/// # Errors
/// The file system's.
pub(super) fn sealed_files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for outer in shards(root)? {
        for inner in shards(&outer)? {
            let start = [&outer, &inner].map(|shard| name_of(shard)).concat();
            found.extend(files(&inner, &[WHOLE, PART])?.into_iter().filter(|file| name_of(file).starts_with(&start)));
        }
    }
    Ok(found)
}

/// Removes every sealed file of the vault in `root`, also those that were put aside, and the folders that are empty then.
/// Whatever else lies there stays, and so do the folders that it lies in. Destroy the key first: bytes may linger on the
/// disk. Blocks.
///
/// # Errors
/// The file system's.
pub fn erase(root: &Path) -> io::Result<()> {
    let aside = quarantine(root);
    for file in sealed_files(root)?.into_iter().chain(files(&aside, &[WHOLE])?) {
        remove_if_there(&file)?;
    }
    for outer in shards(root)? {
        for inner in shards(&outer)? {
            remove_if_empty(&inner)?;
        }
        remove_if_empty(&outer)?;
    }
    remove_if_empty(&aside)?;
    remove_if_empty(root)
}

fn shards(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut shards = Vec::new();
    for entry in entries(folder)? {
        if entry.file_type()?.is_dir() && is_hex(&entry.file_name().to_string_lossy(), SHARD_DIGITS) {
            shards.push(entry.path());
        }
    }
    Ok(shards)
}

/// Files whose names are ours, with one of these endings.
fn files(folder: &Path, endings: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        if is_of_recording(&entry.file_name().to_string_lossy(), endings) && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn refuse_link(folder: &Path) -> io::Result<()> {
    match folder.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Err(io::Error::new(io::ErrorKind::NotADirectory, "a link")),
        _ => Ok(()),
    }
}
