//! What the doctor sees of the profile's folder: room, and who else may read it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aftercall_engine::secrets::KeyChoice;

use super::finding::{Finding, Found};
use crate::profile::ProfileFolder;
use crate::start::StartOptions;

/// Room that should be left on the disk.
const ROOM_BYTES: u64 = 1 << 30;

/// How much room there is.
pub(super) fn disk(options: &StartOptions) -> Vec<Found> {
    let Ok(folder) = ProfileFolder::of(options.profile.as_deref()) else { return Vec::new() };
    // The folder may not be there yet: then the one that it will be made in.
    let there = folder.path().ancestors().find(|folder| folder.is_dir());
    let room = there.and_then(|there| fs4::available_space(there).ok());
    let found = |room: u64| if room >= ROOM_BYTES { Finding::DiskOk } else { Finding::DiskLow }.with(room >> 20);
    room.map(found).into_iter().collect()
}

/// Who may read the profile. Blocks.
pub(super) fn permissions(options: &StartOptions) -> Vec<Found> {
    if cfg!(not(unix)) {
        return vec![Finding::PermissionsOfSystem.into()];
    }
    match open_to_others(options) {
        Ok(open) if open.is_empty() => vec![Finding::PermissionsOk.into()],
        Ok(open) => vec![Finding::PermissionsOpen.with(open.len())],
        Err(_) => Vec::new(),
    }
}

/// Shuts everything of the profile to others. Returns how many files and folders that were open. Blocks.
pub(super) fn shut(options: &StartOptions) -> io::Result<u64> {
    let open = open_to_others(options)?;
    for path in &open {
        shut_one(path)?;
    }
    Ok(open.len() as u64)
}

#[cfg(unix)]
fn shut_one(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if fs::symlink_metadata(path)?.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn shut_one(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Everything below the profile's folder, it and the key file that others may open. Links are not followed: what they
/// lead to is not the profile's.
fn open_to_others(options: &StartOptions) -> io::Result<Vec<PathBuf>> {
    let mut open = Vec::new();
    let mut folders = Vec::new();
    if let Ok(folder) = ProfileFolder::of(options.profile.as_deref())
        && folder.path().is_dir()
    {
        look_at(folder.path(), &mut open)?;
        folders.push(folder.path().to_owned());
    }
    if let KeyChoice::File(file) = &options.key
        && file.is_file()
    {
        look_at(file, &mut open)?;
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            // Files come and go while the app runs.
            let Ok(about) = fs::symlink_metadata(&path) else { continue };
            if about.is_symlink() {
                continue;
            }
            look_at(&path, &mut open)?;
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(open)
}

#[cfg(unix)]
fn look_at(path: &Path, open: &mut Vec<PathBuf>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    match fs::symlink_metadata(path) {
        Ok(about) if about.permissions().mode() & 0o077 != 0 => open.push(path.to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Ok(())
}

#[cfg(not(unix))]
fn look_at(_: &Path, _: &mut Vec<PathBuf>) -> io::Result<()> {
    Ok(())
}
