//! Files that leave the app. What stands under the chosen name is whole, and what stood there before stays until then.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::errors::AppError;
use crate::profile::private;

/// What is never written over, by whatever name it is reached.
pub(crate) struct Own {
    /// The profile: the library, its log, the recordings, the key's marker.
    pub folder: PathBuf,
    /// Where the key lies, or may.
    pub keys: Vec<PathBuf>,
}

/// Writes into a new file beside `out`, syncs, then renames.
///
/// # Errors
/// `InvalidInput` for a place that is no file or the app's own; `Output`; what `fill` says.
pub(crate) fn write<T>(
    out: &Path,
    own: &Own,
    fill: impl FnOnce(&mut File) -> Result<T, AppError>,
) -> Result<T, AppError> {
    let part = part_beside(out, own)?;
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
    own: &Own,
    fill: impl FnOnce(&Path) -> Result<T, AppError>,
) -> Result<T, AppError> {
    let part = part_beside(out, own)?;
    let filled = fill(&part).and_then(|filled| {
        OpenOptions::new().write(true).open(&part).and_then(|file| file.sync_all()).map_err(AppError::Output)?;
        Ok(filled)
    });
    settle(filled, &part, out)
}

fn settle<T>(filled: Result<T, AppError>, part: &Path, out: &Path) -> Result<T, AppError> {
    let placed = filled.and_then(|filled| {
        fs::rename(part, out).map_err(AppError::Output)?;
        #[cfg(unix)]
        if let Some(folder) = part.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(AppError::Output)?;
        }
        Ok(filled)
    });
    if placed.is_err() {
        // Best effort: the cause that is reported is the first one.
        let _ = fs::remove_file(part);
    }
    placed
}

fn part_beside(out: &Path, own: &Own) -> Result<PathBuf, AppError> {
    let folder = folder_of(out, own)?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    Ok(folder.join(format!(".{:.64}.{:016x}.part", name, rand::random::<u64>())))
}

/// The folder of a file that may be written: a new one, or a file to be replaced. Never a folder, a pipe or a device,
/// and never anything of the app's own.
fn folder_of(out: &Path, own: &Own) -> Result<PathBuf, AppError> {
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(AppError::Output)?;
    if out.file_name().is_none() || fs::metadata(out).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(AppError::InvalidInput("name a file to write to, not a folder or a device"));
    }
    if own.has(&folder, out) {
        return Err(AppError::InvalidInput("name a file outside the profile's folder, and not the one with the key"));
    }
    Ok(folder)
}

impl Own {
    /// Whether `out`, in `folder` (without links), is one of ours: by its place, through a link to it, or by another name
    /// of the same file.
    fn has(&self, folder: &Path, out: &Path) -> bool {
        let profile = self.folder.canonicalize().ok();
        let is_below = |path: &Path| profile.as_deref().is_some_and(|profile| path.starts_with(profile));
        let target = out.canonicalize().ok();
        let is_key = |path: &PathBuf| target.is_some() && path.canonicalize().ok() == target;
        is_below(folder)
            || target.as_deref().is_some_and(is_below)
            || self.keys.iter().any(is_key)
            || self.has_by_another_name(out)
    }

    #[cfg(unix)]
    fn has_by_another_name(&self, out: &Path) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        // A file with one name has been judged by it.
        let Some(asked) = fs::metadata(out).ok().filter(|about| about.nlink() > 1) else { return false };
        let is_same = |path: &Path| {
            fs::symlink_metadata(path).is_ok_and(|about| (about.dev(), about.ino()) == (asked.dev(), asked.ino()))
        };
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                } else if is_same(&entry.path()) {
                    return true;
                }
            }
        }
        self.keys.iter().any(|key| is_same(key))
    }

    #[cfg(not(unix))]
    fn has_by_another_name(&self, _out: &Path) -> bool {
        false
    }
}
