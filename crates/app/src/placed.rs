//! Files that leave the app. What stands under the chosen name is whole, and what stood there before stays until then.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::errors::AppError;
use crate::profile::private;

/// Writes into a new file beside `out`, syncs, then renames.
///
/// # Errors
/// `InvalidInput` for a place that is no file or the profile's own; `Output`; what `fill` says.
pub(crate) fn write<T>(
    out: &Path,
    profile: &Path,
    fill: impl FnOnce(&mut File) -> Result<T, AppError>,
) -> Result<T, AppError> {
    let part = part_beside(out, profile)?;
    let filled =
        private(&mut OpenOptions::new()).create_new(true).write(true).open(&part).map_err(AppError::Output).and_then(
            |mut file| {
                let filled = fill(&mut file)?;
                file.sync_all().map_err(AppError::Output)?;
                Ok(filled)
            },
        );
    settle(filled, &part, out)
}

/// The same for who writes the file by its name.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_by_name<T>(
    out: &Path,
    profile: &Path,
    fill: impl FnOnce(&Path) -> Result<T, AppError>,
) -> Result<T, AppError> {
    let part = part_beside(out, profile)?;
    settle(fill(&part), &part, out)
}

fn settle<T>(filled: Result<T, AppError>, part: &Path, out: &Path) -> Result<T, AppError> {
    let placed = filled.and_then(|filled| {
        std::fs::rename(part, out).map_err(AppError::Output)?;
        #[cfg(unix)]
        if let Some(folder) = part.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(AppError::Output)?;
        }
        Ok(filled)
    });
    if placed.is_err() {
        // Best effort: the cause that is reported is the first one.
        let _ = std::fs::remove_file(part);
    }
    placed
}

fn part_beside(out: &Path, profile: &Path) -> Result<PathBuf, AppError> {
    let folder = folder_of(out, profile)?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    Ok(folder.join(format!(".{:.64}.{:016x}.part", name, rand::random::<u64>())))
}

/// The folder of a file that may be written: a new one, or a file to be replaced. Never a folder, a pipe or a device,
/// and never anything of the profile's own.
fn folder_of(out: &Path, profile: &Path) -> Result<PathBuf, AppError> {
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(AppError::Output)?;
    if out.file_name().is_none() || std::fs::metadata(out).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(AppError::InvalidInput("name a file to write to, not a folder or a device"));
    }
    if profile.canonicalize().is_ok_and(|profile| folder.starts_with(profile)) {
        return Err(AppError::InvalidInput("name a file outside the profile's folder"));
    }
    Ok(folder)
}
