//! The root key: where it lies, and what is derived from it. Nothing here ever makes a new key over data that an old
//! one sealed.

mod key_file;
mod keychain;
mod keys;
mod marker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_domain::error::{Code, Retry};
use keyring_core::CredentialStore;
use secrecy::SecretString;

pub(crate) use self::keys::random;
pub use self::keys::{DbKey, FileKek, RootKey};
pub use self::marker::LIBRARY_FILE;
pub(crate) use self::marker::{holds_data, private_folder, private_new_file, sync_folder};

use self::marker::{KeyPlace, Marker};

/// Folder of the sealed recordings within a profile.
pub const RECORDINGS_FOLDER: &str = "recordings";

/// Where the root key lies. A choice is explicit: none falls back to another.
#[derive(Debug, Clone)]
pub enum KeyChoice {
    /// The keychain of the operating system.
    Keychain,
    /// A file of 64 hex digits and a newline that only its owner may read.
    File(PathBuf),
    /// It is computed from a passphrase.
    Passphrase(SecretString),
}

/// Why there is no root key. Says nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The keychain cannot be asked: there is none, or it is locked.
    #[error("there is no keychain to be asked (a key file or a passphrase can replace it)")]
    NoKeychain,
    /// The profile holds sealed data, and its key is not where it should be.
    #[error("the key of this profile is not there; its data was left as it is")]
    KeyLost,
    /// There is a key, and it is not the one that sealed this profile.
    #[error("this is not the key of this profile; its data was left as it is")]
    WrongKey,
    /// The key file is not 64 hex digits and a newline.
    #[error("the key file does not hold a key")]
    BadKeyFile,
    /// Others than its owner may read the key file.
    #[error("the key file may be read by others (its mode must be 0600)")]
    KeyFileIsOpen,
    /// The profile's marker was written by a newer version.
    #[error("the profile was made by a newer version of the app")]
    TooNew,
    /// The profile's marker cannot be read.
    #[error("the profile's marker is damaged")]
    BadMarker,
    /// The operating system gave no random numbers, or Argon2 refused its parameters.
    #[error("a key could not be computed")]
    NoKey,
    /// The file system.
    #[error("the profile: {}", .0.kind())]
    Io(#[from] io::Error),
}

impl SecretsError {
    /// What outsiders are told.
    pub fn code(&self) -> Code {
        match self {
            Self::NoKeychain => Code::NoKeychain,
            Self::KeyLost | Self::WrongKey => Code::KeyLost,
            Self::BadKeyFile | Self::KeyFileIsOpen => Code::InvalidInput,
            Self::TooNew => Code::StoreTooNew,
            Self::BadMarker => Code::StoreDamaged,
            Self::NoKey => Code::Internal,
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => Code::DiskFull,
            Self::Io(_) => Code::Internal,
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoKey => Retry::Never,
            _ => Retry::AfterUser,
        }
    }
}

/// The root key of a profile: found where `choice` says, or made when the profile holds nothing yet. The keychain is
/// asked on a thread of its own. Blocks, for as long as a person takes to unlock the keychain.
///
/// # Errors
/// `NoKeychain`, `KeyLost` and `WrongKey` leave every byte as it is.
pub fn open_root_key(profile_dir: &Path, choice: &KeyChoice) -> Result<RootKey, SecretsError> {
    match choice {
        // The Secret Service's client runs an async runtime of its own, which must neither start nor end on a thread
        // of ours that runs another.
        KeyChoice::Keychain => std::thread::scope(|scope| {
            let asked = scope.spawn(|| open_root_key_in(profile_dir, choice, &keychain::platform_store));
            asked.join().unwrap_or(Err(SecretsError::NoKeychain))
        }),
        // Never touched: the keychain of a machine that has none must not stand in the way.
        _ => open_root_key_in(profile_dir, choice, &|| Err(SecretsError::NoKeychain)),
    }
}

/// [`open_root_key`] with a keychain of the caller's: for tests.
///
/// # Errors
/// As there.
pub fn open_root_key_in(
    profile_dir: &Path,
    choice: &KeyChoice,
    keychain: &dyn Fn() -> Result<Arc<CredentialStore>, SecretsError>,
) -> Result<RootKey, SecretsError> {
    let marker = Marker::read(profile_dir)?;
    if marker::holds_data(profile_dir)? {
        let marker = marker.ok_or(SecretsError::KeyLost)?;
        return existing(&marker, choice, keychain);
    }
    // Nothing was sealed yet, so nothing can be lost: a key that is there is taken, an absent one is made.
    let mut fresh = marker.map_or_else(Marker::new, Ok)?;
    let key = match choice {
        KeyChoice::Keychain => {
            fresh.key = KeyPlace::Keychain;
            let chain = keychain()?;
            match keychain::get(&chain, &fresh.profile)? {
                Some(key) => key,
                None => {
                    let key = RootKey::generate()?;
                    keychain::set(&chain, &fresh.profile, &key)?;
                    key
                }
            }
        }
        KeyChoice::File(path) => {
            fresh.key = KeyPlace::File;
            match key_file::read(path)? {
                Some(key) => key,
                None => {
                    let key = RootKey::generate()?;
                    key_file::create(path, &key)?;
                    key
                }
            }
        }
        KeyChoice::Passphrase(passphrase) => {
            fresh.key = KeyPlace::Passphrase;
            RootKey::from_passphrase(passphrase, fresh.salt()?.as_slice())?
        }
    };
    fresh.key_check = key.check();
    fresh.write(profile_dir)?;
    Ok(key)
}

/// Destroys the root key of a profile, where `choice` says that it lies: from then on nothing that it sealed can be read
/// by anybody. The profile's marker goes with it. Blocks, as [`open_root_key`] does.
///
/// # Errors
/// `NoKeychain` where the keychain cannot be asked; then the key is as it was.
pub fn destroy_root_key(profile_dir: &Path, choice: &KeyChoice) -> Result<(), SecretsError> {
    match choice {
        KeyChoice::Keychain => std::thread::scope(|scope| {
            let asked = scope.spawn(|| destroy_root_key_in(profile_dir, choice, &keychain::platform_store));
            asked.join().unwrap_or(Err(SecretsError::NoKeychain))
        }),
        _ => destroy_root_key_in(profile_dir, choice, &|| Err(SecretsError::NoKeychain)),
    }
}

/// [`destroy_root_key`] with a keychain of the caller's: for tests.
///
/// # Errors
/// As there.
pub fn destroy_root_key_in(
    profile_dir: &Path,
    choice: &KeyChoice,
    keychain: &dyn Fn() -> Result<Arc<CredentialStore>, SecretsError>,
) -> Result<(), SecretsError> {
    match choice {
        KeyChoice::Keychain => {
            // Without a marker nobody knows the entry's name any more: it was destroyed before.
            if let Some(marker) = Marker::read(profile_dir)? {
                keychain::remove(&keychain()?, &marker.profile)?;
            }
        }
        KeyChoice::File(path) => key_file::remove(path)?,
        // It is nowhere but in a person's head; without the salt in the marker it makes another key.
        KeyChoice::Passphrase(_) => {}
    }
    Marker::remove(profile_dir)
}

fn existing(
    marker: &Marker,
    choice: &KeyChoice,
    keychain: &dyn Fn() -> Result<Arc<CredentialStore>, SecretsError>,
) -> Result<RootKey, SecretsError> {
    let key = match choice {
        KeyChoice::Keychain => keychain::get(&keychain()?, &marker.profile)?.ok_or(SecretsError::KeyLost)?,
        KeyChoice::File(path) => key_file::read(path)?.ok_or(SecretsError::KeyLost)?,
        KeyChoice::Passphrase(passphrase) => RootKey::from_passphrase(passphrase, marker.salt()?.as_slice())?,
    };
    if key.fits(&marker.key_check) { Ok(key) } else { Err(SecretsError::WrongKey) }
}
