//! The profile: one folder, readable by its owner only, with one process that writes.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use aftercall_domain::error::Code;
use aftercall_engine::secrets::{
    self, KeyChoice, LIBRARY_FILE, RECORDINGS_FOLDER, SecretsError, destroy_root_key, private_folder,
};
use aftercall_engine::vault;
use fs4::{FileExt, TryLockError};
use secrecy::SecretString;

const LOCK_FILE: &str = "lock";

/// Its presence says that everything here is to be removed, and may be half removed.
const WIPE_FILE: &str = "wipe";

const LOGS_FOLDER: &str = "logs";

/// How folders begin with what no key opened any more.
pub(crate) const ASIDE_PREFIX: &str = "aside-";
/// How often a passphrase was wrong.
pub(crate) const TRIES_FILE: &str = "passphrase.tries";

/// The variable that names a file with the root key, in place of the keychain.
const KEY_FILE_VARIABLE: &str = "AFTERCALL_KEY_FILE";
/// The variable with the passphrase from which the root key is made, in place of the keychain.
const PASSPHRASE_VARIABLE: &str = "AFTERCALL_PASSPHRASE";

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Another process writes to it.
    #[error("another Aftercall is using this profile")]
    InUse,
    /// The platform names no data folder, and none was given.
    #[error("there is no data folder for this user: name one with --profile")]
    NoFolder,
    /// There is no profile to read.
    #[error("there is no profile in this folder")]
    Missing,
    /// The file system refused.
    #[error("the profile's folder cannot be used: {}", .0.kind())]
    Io(#[from] std::io::Error),
}

/// Why a profile was not wiped.
#[derive(Debug, thiserror::Error)]
pub enum WipeError {
    /// The key was not destroyed; everything is as it was.
    #[error(transparent)]
    Key(#[from] SecretsError),
    /// The key is destroyed; what it sealed is removed by the next start.
    #[error("the files cannot be removed: {}", .0.kind())]
    Io(#[from] std::io::Error),
}

impl ProfileError {
    /// What outsiders are told.
    pub fn code(&self) -> Code {
        match self {
            Self::InUse => Code::ProfileInUse,
            Self::NoFolder => Code::InvalidInput,
            Self::Missing => Code::NotFound,
            Self::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => Code::DiskFull,
            Self::Io(_) => Code::InvalidInput,
        }
    }
}

/// Where everything of one profile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFolder(PathBuf);

impl ProfileFolder {
    /// The folder given, or the platform's data folder.
    ///
    /// # Errors
    /// `NoFolder` where neither is.
    pub fn of(given: Option<&Path>) -> Result<Self, ProfileError> {
        if let Some(folder) = given {
            return Ok(Self(folder.to_owned()));
        }
        let folders = directories::ProjectDirs::from("app", "Aftercall", "aftercall").ok_or(ProfileError::NoFolder)?;
        Ok(Self(folders.data_local_dir().to_owned()))
    }

    /// Makes the folder where it is missing; only its owner may enter.
    ///
    /// # Errors
    /// The file system's.
    pub fn prepare(&self) -> Result<(), ProfileError> {
        private_folder(&self.0)?;
        private_folder(&self.logs())?;
        private_folder(&self.recordings())?;
        Ok(())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The library.
    pub fn library(&self) -> PathBuf {
        self.0.join(LIBRARY_FILE)
    }

    /// The sealed recordings.
    pub fn recordings(&self) -> PathBuf {
        self.0.join(RECORDINGS_FOLDER)
    }

    /// The logs.
    pub fn logs(&self) -> PathBuf {
        self.0.join(LOGS_FOLDER)
    }

    /// Whether there is a library that a reader could open.
    pub fn has_library(&self) -> bool {
        self.library().is_file()
    }

    /// A wipe of this profile began and did not end.
    pub fn is_being_wiped(&self) -> bool {
        self.0.join(WIPE_FILE).exists()
    }

    /// Destroys the key, then removes everything that it sealed, and nothing else that lies in the folder. To be called
    /// by whoever holds the lock, with the library closed. A wipe that is interrupted is finished by the next start. Logs
    /// stay: they name nobody.
    ///
    /// # Errors
    /// The key's, and then nothing was removed; the file system's.
    pub fn wipe(&self, key: &KeyChoice) -> Result<(), WipeError> {
        if !self.is_being_wiped() {
            private(OpenOptions::new().create(true).truncate(false).write(true))
                .open(self.0.join(WIPE_FILE))?
                .sync_all()?;
        }
        if let Err(error) = destroy_root_key(&self.0, key) {
            // Nothing is destroyed yet: the profile is as it was.
            fs::remove_file(self.0.join(WIPE_FILE))?;
            return Err(error.into());
        }
        remove_sealed(&self.0)?;
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if is_aside(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_dir() {
                remove_sealed(&entry.path())?;
                secrets::forget_marker(&entry.path())?;
                secrets::remove_if_empty(&entry.path())?;
            }
        }
        fs::remove_file(self.0.join(WIPE_FILE))?;
        Ok(())
    }

    /// Takes the right to write, until the returned lock is dropped or the process ends.
    ///
    /// # Errors
    /// `InUse` where another process has it.
    pub fn lock(&self) -> Result<WriteLock, ProfileError> {
        let file =
            private(&mut OpenOptions::new()).create(true).truncate(false).write(true).open(self.0.join(LOCK_FILE))?;
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(WriteLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(ProfileError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

/// The right to write to a profile. The system frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct WriteLock {
    _file: File,
}

/// Which root key: the explicit replacements of the environment, else the keychain.
pub fn key_choice_from_env() -> KeyChoice {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(file) = variable(KEY_FILE_VARIABLE) {
        return KeyChoice::File(PathBuf::from(file));
    }
    match variable(PASSPHRASE_VARIABLE).and_then(|text| text.into_string().ok()) {
        Some(text) => KeyChoice::Passphrase(SecretString::from(text)),
        None => KeyChoice::OfProfile,
    }
}

/// A file that others may not open.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// What a key sealed in a profile, or in what was put aside of one: the library, its log and copies, the recordings.
fn remove_sealed(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if (secrets::is_of_library(&name) || name == TRIES_FILE) && !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    vault::erase(&folder.join(RECORDINGS_FOLDER))
}

/// A folder that was made to put a library aside: by its name, which says when.
fn is_aside(name: &str) -> bool {
    name.strip_prefix(ASIDE_PREFIX).is_some_and(|when| !when.is_empty() && when.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_of_the_lock_at_a_time_and_it_is_free_again_after_a_drop() {
        let dir = tempfile::tempdir().unwrap();
        let folder = ProfileFolder::of(Some(dir.path())).unwrap();
        folder.prepare().unwrap();
        let first = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(ProfileError::InUse)));
        drop(first);
        folder.lock().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_enter_even_a_folder_that_was_open_before() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let folder = ProfileFolder::of(Some(dir.path())).unwrap();
        folder.prepare().unwrap();
        let _lock = folder.lock().unwrap();
        for path in [folder.path().to_owned(), folder.logs(), folder.recordings()] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert_eq!(fs::metadata(folder.path().join(LOCK_FILE)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
