//! The root key: where it lies, and what is derived from it. Nothing here ever makes a new key over data that an old
//! one sealed.
//!
//! The key has one place: the keychain, a file, or an envelope that a passphrase opens. Each step from one to the next
//! is a person's choice and never taken silently. While the key moves, or another takes its place, the marker says so,
//! so that whatever is cut off is finished or taken back.

mod envelope;
mod key_file;
mod keychain;
mod keys;
mod marker;
mod ring;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_domain::error::{Code, Retry};
use keyring_core::CredentialStore;
use secrecy::SecretString;

pub use self::envelope::{PASSPHRASE_LETTERS_MIN, check_passphrase};
pub(crate) use self::keys::random;
pub use self::keys::{DbKey, FileKek, RootKey};
pub use self::marker::{KeyPlace, LIBRARY_FILE, is_of_library, private_folder, remove_if_empty};
pub(crate) use self::marker::{
    NAME_DIGITS, PART, WHOLE, entries, holds_data, is_hex, is_of_recording, private_new_file, sync_folder,
    unsynced_private_folder,
};
pub(crate) use self::ring::{Ring, Slot};

use self::envelope::Envelope;
use self::marker::{Leftover, Marker};

/// Folder of the sealed recordings within a profile.
pub const RECORDINGS_FOLDER: &str = "recordings";

/// Where the root key is looked for. A choice is explicit: none falls back to another.
#[derive(Debug, Clone)]
pub enum KeyChoice {
    /// Where the profile says that it lies; for a new one, the keychain of the operating system.
    OfProfile,
    /// A file of 64 hex digits and a newline that only its owner may read.
    File(PathBuf),
    /// It is sealed with a passphrase.
    Passphrase(SecretString),
    /// It was had before.
    Known(RootKey),
}

/// Where the root key shall lie from now on.
#[derive(Debug, Clone)]
pub enum NewPlace {
    /// The keychain.
    Keychain,
    /// A file, which the profile names from then on.
    File(PathBuf),
    /// Sealed with this passphrase, in the profile.
    Passphrase(SecretString),
}

/// The keychain of the operating system, or another in its place. Asked for only when it is needed: the keychain of a
/// machine that has none must not stand in the way.
pub type Keychain<'a> = &'a dyn Fn() -> Result<Arc<CredentialStore>, SecretsError>;

/// What can be said of a profile's key without having it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Where it lies; none where no key was made yet.
    pub place: Option<KeyPlace>,
    /// Nothing was sealed with it yet: another may be chosen.
    pub is_fresh: bool,
    /// A copy of it lies somewhere that could not be reached when it moved. It is removed at a later start.
    pub has_leftovers: bool,
}

/// Why there is no root key. Says nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// There is no keychain on this system.
    #[error("there is no keychain to be asked (a key file or a passphrase can replace it)")]
    NoKeychain,
    /// There is a keychain, and it is locked or fails: it is waited for.
    #[error("the keychain does not open: unlock it and try again")]
    KeychainClosed,
    /// The key is sealed with a passphrase, and none was given.
    #[error("the profile is locked with a passphrase")]
    Locked,
    /// The passphrase is another.
    #[error("the passphrase is wrong; nothing was changed")]
    WrongPassphrase,
    /// It may not be chosen.
    #[error("a passphrase has {PASSPHRASE_LETTERS_MIN} letters or more")]
    WeakPassphrase,
    /// The profile holds sealed data, and its key is not where it should be.
    #[error("the key of this profile is not there; its data was left as it is")]
    KeyLost,
    /// There is a key, and it is not the one that sealed this profile.
    #[error("this is not the key of this profile; its data was left as it is")]
    WrongKey,
    /// Another key was about to take its place: which of the two it is now, the library tells.
    #[error("the key is being changed")]
    Rotating,
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
            Self::NoKeychain | Self::KeychainClosed => Code::NoKeychain,
            Self::Locked => Code::Locked,
            Self::WrongPassphrase => Code::WrongPassword,
            Self::KeyLost | Self::WrongKey => Code::KeyLost,
            Self::BadKeyFile | Self::KeyFileIsOpen | Self::WeakPassphrase => Code::InvalidInput,
            Self::TooNew => Code::StoreTooNew,
            Self::BadMarker => Code::StoreDamaged,
            Self::NoKey | Self::Rotating => Code::Internal,
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

/// What can be said of the key of a profile.
///
/// # Errors
/// `TooNew`, `BadMarker`, `Io`.
pub fn describe(profile_dir: &Path) -> Result<KeyInfo, SecretsError> {
    let marker = Marker::read(profile_dir)?;
    Ok(KeyInfo {
        place: marker.as_ref().map(|marker| marker.key),
        is_fresh: !holds_data(profile_dir)?,
        has_leftovers: marker.is_some_and(|marker| !marker.leftovers.is_empty()),
    })
}

/// Runs what asks the keychain of this system. The Secret Service's client runs an async runtime of its own, which must
/// neither start nor end on a thread of ours that runs another. Blocks, for as long as a person takes to unlock it.
pub(crate) fn with_keychain<T: Send, E: From<SecretsError> + Send>(
    body: impl FnOnce(Keychain<'_>) -> Result<T, E> + Send,
) -> Result<T, E> {
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| body(&keychain::platform_store));
        asked.join().unwrap_or(Err(SecretsError::NoKeychain.into()))
    })
}

/// The root key of a profile: found where `choice` says, or made when the profile holds nothing yet. Blocks.
///
/// # Errors
/// All but those of the file system leave every byte as it is. `Rotating` where `rotation::open_root_key` is to be asked.
pub fn open_root_key(profile_dir: &Path, choice: &KeyChoice) -> Result<RootKey, SecretsError> {
    with_keychain(|keychain| open_root_key_in(profile_dir, choice, keychain))
}

/// [`open_root_key`] with a keychain of the caller's: for tests.
///
/// # Errors
/// As there.
pub fn open_root_key_in(
    profile_dir: &Path,
    choice: &KeyChoice,
    keychain: Keychain<'_>,
) -> Result<RootKey, SecretsError> {
    if marker::holds_data(profile_dir)? {
        return Ring::of(profile_dir, choice, keychain)?.key();
    }
    // Nothing was sealed yet, so nothing can be lost: a key that is there is taken, an absent one is made.
    let mut fresh = Marker::read(profile_dir)?.map_or_else(Marker::new, Ok)?;
    fresh.next = None;
    let key = match choice {
        KeyChoice::Known(key) if fresh.fits(key) => return Ok(key.clone()),
        KeyChoice::Known(_) => return Err(SecretsError::WrongKey),
        KeyChoice::File(path) => file_key(&mut fresh, path)?,
        KeyChoice::Passphrase(words) => {
            let kept = fresh.envelope.as_ref().map(|kept| kept.open(words, &fresh.profile, &fresh.key_check));
            match kept {
                Some(Ok(key)) => return Ok(key),
                _ => enveloped_key(&mut fresh, words)?,
            }
        }
        KeyChoice::OfProfile => match (fresh.key, fresh.key_file.clone()) {
            (KeyPlace::Passphrase, _) if fresh.envelope.is_some() => return Err(SecretsError::Locked),
            (KeyPlace::File, Some(path)) => file_key(&mut fresh, &path)?,
            _ => chained_key(&mut fresh, keychain)?,
        },
    };
    fresh.key_check = key.check();
    fresh.write(profile_dir)?;
    Ok(key)
}

fn chained_key(fresh: &mut Marker, keychain: Keychain<'_>) -> Result<RootKey, SecretsError> {
    fresh.key = KeyPlace::Keychain;
    let chain = keychain()?;
    if let Some(key) = keychain::get(&chain, &fresh.profile)? {
        return Ok(key);
    }
    let key = RootKey::generate()?;
    keychain::set(&chain, &fresh.profile, &key)?;
    Ok(key)
}

fn file_key(fresh: &mut Marker, path: &Path) -> Result<RootKey, SecretsError> {
    fresh.key = KeyPlace::File;
    if let Some(key) = key_file::read(path)? {
        return Ok(key);
    }
    let key = RootKey::generate()?;
    key_file::create(path, &key)?;
    Ok(key)
}

fn enveloped_key(fresh: &mut Marker, words: &SecretString) -> Result<RootKey, SecretsError> {
    fresh.key = KeyPlace::Passphrase;
    let key = RootKey::generate()?;
    fresh.envelope = Some(Envelope::seal(&key, words, &fresh.profile)?);
    Ok(key)
}

/// The key of a profile that holds nothing yet, in a place that a person chose because there is no keychain, or in spite
/// of it. The profile remembers the choice. Blocks.
///
/// # Errors
/// `KeyLost` where there is data: its key is looked for, not chosen. `WeakPassphrase`; `NoKeychain`.
pub fn choose_place(profile_dir: &Path, to: &NewPlace) -> Result<RootKey, SecretsError> {
    if marker::holds_data(profile_dir)? {
        return Err(SecretsError::KeyLost);
    }
    let mut fresh = Marker::new()?;
    let key = match to {
        NewPlace::Keychain => with_keychain(|keychain| chained_key(&mut fresh, keychain))?,
        NewPlace::File(path) => {
            make_folder_of(path)?;
            fresh.key_file = Some(path.clone());
            file_key(&mut fresh, path)?
        }
        NewPlace::Passphrase(words) => {
            check_passphrase(words)?;
            enveloped_key(&mut fresh, words)?
        }
    };
    fresh.key_check = key.check();
    fresh.write(profile_dir)?;
    Ok(key)
}

/// Moves the root key of a profile to another place, or into another envelope. The key stays the same: nothing that it
/// sealed is touched. The new place is read back before the profile names it, and the old one is emptied after. Blocks.
///
/// # Errors
/// `WrongKey` where `key` is not this profile's; `WeakPassphrase`; the keychain's. Then the key lies where it lay.
pub fn move_root_key(profile_dir: &Path, choice: &KeyChoice, key: &RootKey, to: &NewPlace) -> Result<(), SecretsError> {
    with_keychain(|keychain| move_root_key_in(profile_dir, choice, key, to, keychain))
}

/// [`move_root_key`] with a keychain of the caller's: for tests.
///
/// # Errors
/// As there.
pub fn move_root_key_in(
    profile_dir: &Path,
    choice: &KeyChoice,
    key: &RootKey,
    to: &NewPlace,
    keychain: Keychain<'_>,
) -> Result<(), SecretsError> {
    let mut marker = Marker::read(profile_dir)?.ok_or(SecretsError::KeyLost)?;
    if marker.next.is_some() {
        return Err(SecretsError::Rotating);
    }
    if !key.fits(&marker.key_check) {
        return Err(SecretsError::WrongKey);
    }
    let former = match (marker.key, choice, &marker.key_file) {
        (KeyPlace::Keychain, ..) => Some(Leftover::Keychain),
        (KeyPlace::File, KeyChoice::File(path), _) | (KeyPlace::File, _, Some(path)) => {
            Some(Leftover::File(path.clone()))
        }
        (KeyPlace::File | KeyPlace::Passphrase, ..) => None,
    };
    let mut moved = Marker { envelope: None, key_file: None, ..marker.clone() };
    // Said before it is done: a copy that was made and then not named is removed at the next start.
    let arriving = match to {
        NewPlace::Keychain => Some(Leftover::Keychain),
        NewPlace::File(path) => Some(Leftover::File(path.clone())),
        NewPlace::Passphrase(words) => {
            check_passphrase(words)?;
            moved.envelope = Some(Envelope::seal(key, words, &marker.profile)?);
            None
        }
    };
    if arriving.is_some() && arriving != former {
        marker.leftovers.extend(arriving.clone());
        marker.write(profile_dir)?;
    }
    moved.key = match to {
        NewPlace::Keychain => {
            keychain::set(&keychain()?, &moved.profile, key)?;
            KeyPlace::Keychain
        }
        NewPlace::File(path) => {
            make_folder_of(path)?;
            key_file::replace(path, key)?;
            moved.key_file = Some(path.clone());
            KeyPlace::File
        }
        NewPlace::Passphrase(_) => KeyPlace::Passphrase,
    };
    moved.leftovers.retain(|leftover| Some(leftover) != arriving.as_ref());
    moved.leftovers.extend(former.filter(|former| Some(former) != arriving.as_ref()));
    moved.write(profile_dir)?;
    tidy_in(profile_dir, keychain)
}

fn make_folder_of(file: &Path) -> Result<(), SecretsError> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        private_folder(folder)?;
    }
    Ok(())
}

/// Removes the copies of the key that a move left behind. What cannot be reached stays named, and is tried again at the
/// next start. To be called by whoever may write. Blocks.
///
/// # Errors
/// `Io`.
pub fn tidy(profile_dir: &Path) -> Result<(), SecretsError> {
    if Marker::read(profile_dir)?.is_none_or(|marker| marker.leftovers.is_empty()) {
        return Ok(());
    }
    with_keychain(|keychain| tidy_in(profile_dir, keychain))
}

/// [`tidy`] with a keychain of the caller's: for tests.
///
/// # Errors
/// As there.
pub fn tidy_in(profile_dir: &Path, keychain: Keychain<'_>) -> Result<(), SecretsError> {
    let Some(mut marker) = Marker::read(profile_dir)?.filter(|marker| !marker.leftovers.is_empty()) else {
        return Ok(());
    };
    let current = match (marker.key, &marker.key_file) {
        (KeyPlace::Keychain, _) => Some(Leftover::Keychain),
        (KeyPlace::File, Some(path)) => Some(Leftover::File(path.clone())),
        _ => None,
    };
    let before = marker.leftovers.clone();
    marker.leftovers.retain(|leftover| {
        let removed = match leftover {
            _ if Some(leftover) == current.as_ref() => Ok(()),
            Leftover::Keychain => keychain().and_then(|chain| keychain::remove(&chain, &marker.profile)),
            Leftover::File(path) => key_file::remove(path),
        };
        removed.is_err()
    });
    if marker.leftovers != before {
        marker.write(profile_dir)?;
    }
    Ok(())
}

/// Destroys the root key of a profile, where `choice` and the profile say that it lies: from then on nothing that it
/// sealed can be read by anybody. The profile's marker goes with it. Blocks.
///
/// # Errors
/// The keychain's where it cannot be asked; then the key is as it was.
pub fn destroy_root_key(profile_dir: &Path, choice: &KeyChoice) -> Result<(), SecretsError> {
    with_keychain(|keychain| destroy_root_key_in(profile_dir, choice, keychain))
}

/// [`destroy_root_key`] with a keychain of the caller's: for tests.
///
/// # Errors
/// As there.
pub fn destroy_root_key_in(profile_dir: &Path, choice: &KeyChoice, keychain: Keychain<'_>) -> Result<(), SecretsError> {
    let marker = Marker::read(profile_dir)?;
    // Without a marker nobody knows the entry's name any more: it was destroyed before.
    let chained = marker.as_ref().filter(|marker| {
        let by_file = matches!(choice, KeyChoice::File(_)) || marker.key_file.is_some();
        let here = marker.key == KeyPlace::Keychain || (marker.key == KeyPlace::File && !by_file);
        here || marker.leftovers.contains(&Leftover::Keychain)
    });
    if let Some(marker) = chained {
        let chain = keychain()?;
        keychain::remove(&chain, &ring::next_entry(&marker.profile))?;
        keychain::remove(&chain, &marker.profile)?;
    }
    for file in files_of(marker.as_ref(), choice) {
        key_file::remove(&file)?;
    }
    // An envelope goes with the marker.
    Marker::remove(profile_dir)
}

/// Files in which the key of a profile may lie, by `choice` or by its marker: nothing else may be written there.
///
/// # Errors
/// As [`describe`].
pub fn key_files(profile_dir: &Path, choice: &KeyChoice) -> Result<Vec<PathBuf>, SecretsError> {
    Ok(files_of(Marker::read(profile_dir)?.as_ref(), choice))
}

fn files_of(marker: Option<&Marker>, choice: &KeyChoice) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if let KeyChoice::File(path) = choice {
        files.push(path.clone());
    }
    if let Some(marker) = marker {
        files.extend(marker.key_file.clone());
        files.extend(marker.leftovers.iter().filter_map(|leftover| match leftover {
            Leftover::File(path) => Some(path.clone()),
            Leftover::Keychain => None,
        }));
    }
    // What a rotation that was cut off left goes first.
    files.into_iter().flat_map(|file| [ring::next_file(&file), file]).collect()
}

/// Copies the marker of a profile into another folder, so that what is put aside there can still be opened should its
/// key come back.
///
/// # Errors
/// `Io`.
pub fn copy_marker(profile_dir: &Path, to: &Path) -> Result<(), SecretsError> {
    if let Some(marker) = Marker::read(profile_dir).ok().flatten() {
        return marker.write(to);
    }
    // One that cannot be read is kept as it is.
    match std::fs::copy(Marker::path(profile_dir), Marker::path(to)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Forgets where the key of a profile lay, without touching the key. For a profile whose data was put aside.
///
/// # Errors
/// `Io`; `KeyLost` where there still is data.
pub fn forget_marker(profile_dir: &Path) -> Result<(), SecretsError> {
    if marker::holds_data(profile_dir)? {
        return Err(SecretsError::KeyLost);
    }
    match std::fs::remove_file(Marker::path(profile_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(sync_folder(profile_dir)?)
}

/// A name for a file outside of a profile that belongs to it: 16 hex digits of its folder's path.
pub fn name_of(profile_dir: &Path) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, profile_dir.as_os_str().as_encoded_bytes());
    hex::encode(&digest.as_ref()[..8])
}
