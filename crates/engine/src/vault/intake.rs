//! A recording on its way into the vault. Whatever happens half-way, no file of its final name is left.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use aftercall_media::sealed::{Seal, SealedWriter};

use super::layout::part_of;
use super::{StoredFile, VaultError, remove_if_there};
use crate::secrets::{private_new_file, sync_folder};

/// A crash then costs at most this much of what was fetched, and the last sync is short.
const SYNC_EVERY_BYTES: u64 = 8 * 1024 * 1024;

/// One file that is being sealed. Dropped unfinished, it is removed.
pub struct Intake {
    writer: Option<SealedWriter<File>>,
    part: PathBuf,
    path: PathBuf,
    file_id: [u8; 16],
    wrapped_dek: Vec<u8>,
    synced_bytes: u64,
}

impl Intake {
    pub(super) fn start(path: PathBuf, seal: &Seal, wrapped_dek: Vec<u8>) -> Result<Self, VaultError> {
        let part = part_of(&path);
        // An earlier try's: sealed under a key that nobody kept.
        remove_if_there(&part)?;
        let mut intake =
            Self { writer: None, path, file_id: seal.file_id(), wrapped_dek, synced_bytes: 0, part: part.clone() };
        intake.writer = Some(SealedWriter::new(private_new_file(&part)?, seal)?);
        Ok(intake)
    }

    /// Takes the next bytes of the sound file. Blocks.
    ///
    /// # Errors
    /// `DiskFull`, `Io`. Then abandon it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        let writer = self.writer.as_mut().ok_or(VaultError::Cipher)?;
        writer.write_all(bytes)?;
        if writer.plain_len() - self.synced_bytes >= SYNC_EVERY_BYTES {
            writer.get_ref().sync_data()?;
            self.synced_bytes = writer.plain_len();
        }
        Ok(())
    }

    /// Bytes of the sound file so far.
    pub fn plain_len(&self) -> u64 {
        self.writer.as_ref().map_or(0, SealedWriter::plain_len)
    }

    /// Seals the last chunk and makes the file durable under its name; only then may a row say that it is there.
    /// Blocks.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Sealed`. Nothing is left then.
    pub fn finish(mut self) -> Result<StoredFile, VaultError> {
        let writer = self.writer.take().ok_or(VaultError::Cipher)?;
        let sealed = writer.finish().map_err(VaultError::from).and_then(|(file, plain_len)| {
            file.sync_all()?;
            fs::rename(&self.part, &self.path)?;
            sync_folder(self.path.parent().unwrap_or(Path::new(".")))?;
            Ok(plain_len)
        });
        match sealed {
            Ok(plain_len) => {
                let wrapped_dek = std::mem::take(&mut self.wrapped_dek);
                Ok(StoredFile { file_id: self.file_id, wrapped_dek, plain_len })
            }
            Err(error) => {
                let _ = remove_if_there(&self.part);
                Err(error)
            }
        }
    }

    /// Drops what was written. Blocks.
    ///
    /// # Errors
    /// `Io`; the sweep at the next start tries again.
    pub fn abandon(mut self) -> Result<(), VaultError> {
        self.writer = None;
        remove_if_there(&self.part)?;
        Ok(())
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Nobody is left to be told; the sweep at the next start tries again.
            let _ = remove_if_there(&self.part);
        }
    }
}
