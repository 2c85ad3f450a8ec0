//! After a crash: what lies in the vault and what the rows say are brought together. No whole file is ever deleted that
//! can be opened, and nothing is touched that is not named as ours.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::UNIX_EPOCH;

use aftercall_domain::ids::RecordingId;

use super::layout::{quarantine, sealed_files};
use super::{Vault, VaultError, remove_if_there};
use crate::secrets::{PART, WHOLE, private_folder};

const PART_LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What the rows say about the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Recordings whose row has the file's keys.
    pub keyed: Vec<RecordingId>,
    /// Recordings whose row has none: their file made room, and the process ended before it was removed.
    pub keyless: Vec<RecordingId>,
    /// Recordings that are still to be fetched: their unfinished file may be gone on with.
    pub awaited: Vec<RecordingId>,
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Unfinished files that were removed.
    pub parts_removed: u64,
    /// Whole files that nothing opens any more, because their key was destroyed before them; removed.
    pub erased: u64,
    /// Whole files that no row knows; put aside.
    pub quarantined: u64,
    /// Recordings whose row has keys, and whose file is not there: to be fetched again.
    pub missing: Vec<RecordingId>,
}

impl Swept {
    /// Files that were removed or put aside.
    pub fn files(&self) -> u64 {
        self.parts_removed + self.erased + self.quarantined
    }
}

/// As long as this is there, nothing begins to be written into the vault.
pub struct Unswept(Arc<Vault>);

impl Drop for Unswept {
    fn drop(&mut self) {
        *self.0.unswept.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.was_swept.notify_all();
    }
}

impl Vault {
    /// From now on who begins to write waits, until what is returned is dropped: a file that is being written looks like
    /// one that was left behind. What is here can be read meanwhile.
    pub fn before_sweep(self: &Arc<Self>) -> Unswept {
        *self.unswept.lock().unwrap_or_else(PoisonError::into_inner) = true;
        Unswept(Arc::clone(self))
    }

    pub(super) fn wait_until_swept(&self) {
        let unswept = self.unswept.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.was_swept.wait_while(unswept, |unswept| *unswept).unwrap_or_else(PoisonError::into_inner));
    }

    /// Removes unfinished files that no job owns or that are older than seven days, and files whose key was destroyed;
    /// puts whole files aside that no row knows; names the rows whose file is gone. A file that can be opened stays.
    /// Run it before anything is written; files may be removed meanwhile. Blocks.
    ///
    /// # Errors
    /// `Io`.
    pub fn sweep(&self, known: &Known, now_ms: i64) -> Result<Swept, VaultError> {
        let paths = |ids: &[RecordingId]| ids.iter().map(|id| self.layout.file(id)).collect::<BTreeSet<PathBuf>>();
        let (keyed, awaited) = (paths(&known.keyed), paths(&known.awaited));
        let keyless = &paths(&known.keyless) - &awaited;
        let mut swept = Swept::default();
        let aside = quarantine(self.root());
        let found: BTreeSet<PathBuf> = sealed_files(self.root())?.into_iter().collect();
        for path in &found {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(PART) if !awaited.contains(&path.with_extension(WHOLE)) || is_old(path, now_ms)? => {
                    swept.parts_removed += u64::from(remove_if_there(path)?);
                }
                Some(WHOLE) if keyed.contains(path) || awaited.contains(path) => {}
                Some(WHOLE) if keyless.contains(path) => swept.erased += u64::from(remove_if_there(path)?),
                Some(WHOLE) => {
                    private_folder(&aside)?;
                    if let Some(name) = path.file_name() {
                        fs::rename(path, aside.join(name))?;
                        swept.quarantined += 1;
                    }
                }
                _ => {}
            }
        }
        swept.missing = known.keyed.iter().filter(|id| !found.contains(&self.layout.file(id))).cloned().collect();
        Ok(swept)
    }
}

fn is_old(path: &Path, now_ms: i64) -> io::Result<bool> {
    let modified = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(now_ms.saturating_sub(i64::try_from(modified.as_millis()).unwrap_or(i64::MAX)) > PART_LIFE_MS)
}
