//! After a crash: what lies in the vault and what the rows say are brought together. No whole file is ever deleted.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use aftercall_domain::ids::RecordingId;

use super::layout::{PART, WHOLE};
use super::{Vault, VaultError};
use crate::secrets::private_folder;

const PART_LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
const QUARANTINE: &str = "quarantine";

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

impl Vault {
    /// Removes unfinished files that no job owns or that are older than seven days, and files whose key was destroyed;
    /// puts whole files aside that no row knows; names the rows whose file is gone. A file that can be opened stays.
    /// Run it before anything is written. Blocks.
    ///
    /// # Errors
    /// `Io`.
    pub fn sweep(&self, known: &Known, now_ms: i64) -> Result<Swept, VaultError> {
        let paths = |ids: &[RecordingId]| ids.iter().map(|id| self.layout.file(id)).collect::<BTreeSet<PathBuf>>();
        let (keyed, awaited) = (paths(&known.keyed), paths(&known.awaited));
        let keyless = &paths(&known.keyless) - &awaited;
        let mut swept = Swept::default();
        let mut found = BTreeSet::new();
        let aside = self.root().join(QUARANTINE);
        files_below(self.root(), &aside, &mut found)?;
        for path in &found {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(PART)
                    if !awaited.contains(&path.with_extension(WHOLE)) || age_ms(path, now_ms)? > PART_LIFE_MS =>
                {
                    fs::remove_file(path)?;
                    swept.parts_removed += 1;
                }
                Some(WHOLE) if keyed.contains(path) || awaited.contains(path) => {}
                Some(WHOLE) if keyless.contains(path) => {
                    fs::remove_file(path)?;
                    swept.erased += 1;
                }
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

fn files_below(folder: &Path, but: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Links are neither folders nor files here: they are left alone.
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.path() != but {
            files_below(&entry.path(), but, found)?;
        } else if kind.is_file() {
            found.insert(entry.path());
        }
    }
    Ok(())
}

fn age_ms(path: &Path, now_ms: i64) -> io::Result<i64> {
    let modified = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(now_ms.saturating_sub(i64::try_from(modified.as_millis()).unwrap_or(i64::MAX)))
}
