//! A recording on its way into the vault. Whatever happens half-way, no file of its final name is left; what verifies
//! of an unfinished one is gone on with later.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_domain::ids::RecordingId;
use aftercall_media::sealed::{Seal, SealedError, SealedPart};

use super::layout::{Layout, part_of};
use super::{StoredFile, Vault, VaultError, remove_if_there, wrap};
use crate::secrets::private_new_file;

/// One recording that is arriving: read by whoever listens to it while it is written. Dropped, its file stays; without
/// its keys in a row it is of no use to anybody, and the next start sweeps it away.
pub struct Intake {
    sealed: SealedPart<File>,
    part: PathBuf,
    path: PathBuf,
    file: StoredFile,
    layout: Arc<Layout>,
}

impl Vault {
    /// Begins a new file of `total_bytes` for a recording, with a key of its own. What an earlier try left is dropped;
    /// a whole file of that recording stays until the new one replaces it. Blocks, also until the vault was swept.
    ///
    /// # Errors
    /// `Io`, `DiskFull`, `Cipher`.
    pub fn begin(&self, id: &RecordingId, total_bytes: u64) -> Result<Intake, VaultError> {
        self.wait_until_swept();
        let path = self.layout.file(id);
        self.layout.make_folders(&path)?;
        let seal = Seal::generate(id.as_str())?;
        let wrapped_dek = wrap::wrap(&self.kek()?, seal.key(), id)?;
        let part = part_of(&path);
        remove_if_there(&part)?;
        let sealed = SealedPart::create(private_new_file(&part)?, &seal, total_bytes)?;
        let file = StoredFile { file_id: seal.file_id(), wrapped_dek, plain_len: total_bytes };
        Ok(Intake { sealed, part, path, file, layout: Arc::clone(&self.layout) })
    }

    /// Goes on with what an earlier run wrote: `file` as [`Intake::keys`] said it. Reads and verifies all of it.
    /// Blocks, also until the vault was swept.
    ///
    /// # Errors
    /// `Missing`, `WrongKey`, `Sealed` where there is nothing to go on with: begin anew. `Io`.
    pub fn resume(&self, id: &RecordingId, file: StoredFile) -> Result<Intake, VaultError> {
        self.wait_until_swept();
        let path = self.layout.file(id);
        self.layout.refuse_links(&path)?;
        let part = part_of(&path);
        let key = wrap::unwrap(&self.kek()?, &file.wrapped_dek, id)?;
        let seal = Seal::from_parts(key, file.file_id, id.as_str());
        let sealed = SealedPart::resume(open_to_write(&part)?, &seal, file.plain_len)?;
        Ok(Intake { sealed, part, path, file, layout: Arc::clone(&self.layout) })
    }

    /// Removes what an unfinished try left; a whole file of that recording stays. Destroy the part's key first. Blocks.
    ///
    /// # Errors
    /// `Io`; the sweep at the next start tries again.
    pub fn remove_unfinished(&self, id: &RecordingId) -> Result<(), VaultError> {
        remove_if_there(&part_of(&self.layout.file(id)))?;
        Ok(())
    }
}

impl Intake {
    /// The chunks, to be written and to be read.
    pub fn sealed(&self) -> &SealedPart<File> {
        &self.sealed
    }

    /// What a row keeps so that a later run can go on: the key, wrapped, and how long the file will be.
    pub fn keys(&self) -> &StoredFile {
        &self.file
    }

    /// Seals a chunk at its place. Blocks.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Sealed`. What was there before still is.
    pub fn put(&self, index: u64, plain: &[u8]) -> Result<(), VaultError> {
        Ok(self.sealed.put(index, plain)?)
    }

    /// Makes durable what was sealed so far. Blocks.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn sync(&self) -> Result<(), VaultError> {
        self.sealed.file().sync_data()?;
        Ok(self.layout.sync_folders(&self.part)?)
    }

    /// Makes the whole file durable under its name; only then may a row say that it is there. Who reads it goes on
    /// reading. Blocks.
    ///
    /// # Errors
    /// `DiskFull`, `Io`; `Sealed` for a file that is not whole. The unfinished file stays.
    pub fn finish(&self) -> Result<StoredFile, VaultError> {
        if !self.sealed.is_whole() {
            return Err(SealedError::Size.into());
        }
        self.sealed.file().sync_all()?;
        fs::rename(&self.part, &self.path)?;
        self.layout.sync_folders(&self.path)?;
        Ok(self.file.clone())
    }
}

/// A link in the vault was planted: it is refused, never followed.
fn open_to_write(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(libc::O_NOFOLLOW);
    }
    options.open(path)
}
