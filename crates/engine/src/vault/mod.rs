//! Sealed recordings on disk. Names say nothing, bytes say nothing, and a file is there whole or not at all.

mod intake;
mod layout;
mod sweep;
mod wrap;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use aftercall_domain::error::{Code, Retry};
use aftercall_domain::ids::RecordingId;
use aftercall_media::sealed::{Seal, SealedError, SealedReader};
use zeroize::Zeroizing;

pub use self::intake::Intake;
pub use self::layout::erase;
pub use self::sweep::{Known, Swept, Unswept};
pub use crate::store::table::recordings::StoredFile;

pub(crate) use self::wrap::rewrap;

use self::layout::Layout;
use crate::secrets::{FileKek, private_folder, sync_folder};

/// Why a sealed file could not be written or read. Names no path and no recording.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No room.
    #[error("the disk is full")]
    DiskFull,
    /// The file is not there.
    #[error("the recording's file is not there")]
    Missing,
    /// Its key does not open: another profile's, or another recording's.
    #[error("the file's key cannot be unwrapped")]
    WrongKey,
    /// It is not as long as its row says.
    #[error("the file's length is not the stored one")]
    Length,
    /// The sealed bytes do not verify, or could not be written.
    #[error(transparent)]
    Sealed(SealedError),
    /// Its recordings are locked: the app is, or the server was not asked for too long.
    #[error("the recordings are locked")]
    Locked,
    /// The cipher or the system's random numbers failed.
    #[error("the cipher failed")]
    Cipher,
    /// The file system.
    #[error("the vault: {}", .0.kind())]
    Io(#[source] io::Error),
}

impl VaultError {
    /// What outsiders are told.
    pub fn code(&self) -> Code {
        match self {
            Self::DiskFull => Code::DiskFull,
            Self::Missing => Code::NotFound,
            Self::WrongKey | Self::Length => Code::Damaged,
            Self::Sealed(error) => error.code(),
            Self::Locked => Code::Locked,
            Self::Cipher | Self::Io(_) => Code::Internal,
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::DiskFull | Self::Locked => Retry::AfterUser,
            Self::Sealed(error) => error.retry(),
            Self::Io(_) => Retry::After(0),
            Self::Missing | Self::WrongKey | Self::Length | Self::Cipher => Retry::Never,
        }
    }
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        if SealedError::within(&error).is_some() {
            return match error.downcast::<SealedError>() {
                Ok(sealed) => Self::Sealed(sealed),
                Err(error) => Self::Io(error),
            };
        }
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

impl From<SealedError> for VaultError {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::Io(error) => error.into(),
            other => Self::Sealed(other),
        }
    }
}

/// The sealed recordings of one profile.
pub struct Vault {
    layout: Arc<Layout>,
    /// None once it was locked.
    kek: Mutex<Option<FileKek>>,
    /// Nothing is read for now.
    held: AtomicBool,
    /// Nothing begins to be written for now.
    unswept: Mutex<bool>,
    was_swept: Condvar,
    /// Its disk says so.
    #[cfg(test)]
    pub(crate) full: AtomicBool,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    /// The vault in `root` (made when absent). `name_mac` makes the files' names; `kek` wraps their keys. Blocks.
    ///
    /// # Errors
    /// `Io`, `DiskFull`.
    pub fn open(root: &Path, name_mac: &Zeroizing<[u8; 32]>, kek: FileKek) -> Result<Self, VaultError> {
        private_folder(root)?;
        Ok(Self {
            layout: Arc::new(Layout::new(root.to_owned(), name_mac)),
            kek: Mutex::new(Some(kek)),
            held: AtomicBool::new(false),
            unswept: Mutex::new(false),
            was_swept: Condvar::new(),
            #[cfg(test)]
            full: AtomicBool::new(false),
        })
    }

    /// Forgets the key that opens its files, for good: from here on every clone answers `Locked`. Readers that are open
    /// hold the key of their own file until they are dropped.
    pub fn lock(&self) {
        drop(self.kek.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Whether it was locked: nothing is written until the next start.
    pub fn is_locked(&self) -> bool {
        self.kek.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// From now on no recording is read (`true`), or they are again.
    pub fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }

    /// Whether no recording is read for now.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    fn kek(&self) -> Result<FileKek, VaultError> {
        self.kek.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(VaultError::Locked)
    }

    /// Opens a stored file; the header, the length and the last chunk have verified. Any number may be open. Blocks.
    ///
    /// # Errors
    /// `Locked`, `Missing`, `WrongKey`, `Length`, `Sealed`, `Io`.
    pub fn reader(&self, id: &RecordingId, file: &StoredFile) -> Result<SealedReader<File>, VaultError> {
        if self.is_held() {
            return Err(VaultError::Locked);
        }
        let key = wrap::unwrap(&self.kek()?, &file.wrapped_dek, id)?;
        let seal = Seal::from_parts(key, file.file_id, id.as_str());
        let path = self.layout.file(id);
        self.layout.refuse_links(&path)?;
        let reader = SealedReader::open(open_no_link(&path)?, &seal)?;
        if reader.plain_len() != file.plain_len {
            return Err(VaultError::Length);
        }
        Ok(reader)
    }

    /// Whether a file by that recording's name is there. Says nothing of its bytes.
    pub fn holds(&self, id: &RecordingId) -> bool {
        self.layout.file(id).symlink_metadata().is_ok_and(|metadata| metadata.is_file())
    }

    /// Removes a recording's file, and what an unfinished try left. Returns whether there was a file. Destroy its key
    /// first (`recordings::set_file` with none): bytes may linger on the disk. Blocks.
    ///
    /// # Errors
    /// `Io`.
    pub fn remove(&self, id: &RecordingId) -> Result<bool, VaultError> {
        let path = self.layout.file(id);
        remove_if_there(&layout::part_of(&path))?;
        let was_there = remove_if_there(&path)?;
        if was_there && let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        Ok(was_there)
    }

    /// Room that is left on the vault's disk, in bytes. Blocks.
    ///
    /// # Errors
    /// `Io`; `Missing` where the vault's folder was taken away.
    pub fn free_bytes(&self) -> Result<u64, VaultError> {
        #[cfg(test)]
        if self.full.load(Ordering::SeqCst) {
            return Ok(0);
        }
        Ok(fs4::available_space(self.root())?)
    }

    /// An empty vault in a folder, with a key of its own, for tests of what stands above. Blocks.
    #[cfg(test)]
    pub(crate) fn scratch(folder: &Path) -> Self {
        use crate::secrets::{KeyChoice, open_root_key};
        let key = open_root_key(folder, &KeyChoice::File(folder.join("key"))).expect("a key");
        Self::open(&folder.join("recordings"), &Zeroizing::new([7; 32]), key.file_kek()).expect("a vault")
    }

    fn root(&self) -> &PathBuf {
        self.layout.root()
    }
}

fn remove_if_there(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A link in the vault was planted: it is refused, never followed.
fn open_no_link(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(libc::O_NOFOLLOW);
    }
    options.open(path)
}
