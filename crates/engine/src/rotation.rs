//! Another root key for a profile. The library is sealed with it on a copy that takes the original's place in one step;
//! in that copy the keys of the recordings' files are wrapped anew. No recording is read, written or renamed.
//!
//! Until that step the former key is the profile's, after it the new one. Both lie beside each other, in the same place,
//! from before it until after it, and the marker says so; so whatever is cut off anywhere, the next start opens the
//! library with the one or the other, and finishes or takes back the rest.

use std::path::Path;

use aftercall_domain::error::{Code, Retry};

use crate::secrets::{
    FileKek, KeyChoice, Keychain, LIBRARY_FILE, Ring, RootKey, SecretsError, Slot, open_root_key_in, with_keychain,
};
use crate::store::{self, StoreError};
use crate::vault;

/// Why the key was not changed, or could not be had while it is being changed.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The key.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The library.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RotationError {
    /// What outsiders are told.
    pub fn code(&self) -> Code {
        match self {
            Self::Secrets(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Secrets(error) => error.retry(),
            Self::Store(error) => error.retry(),
        }
    }
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// Recordings whose keys were wrapped anew.
    pub recordings: u64,
    /// Wrapped keys that the former key did not open either: their recordings are damaged, and stay so.
    pub unreadable: u64,
}

/// What the opener may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Finish or take back a rotation that was cut off: for whoever holds the right to write.
    Mend,
    /// Only look.
    Look,
}

/// Puts a new root key in the place of the profile's. The caller holds the right to write, and nobody has the library
/// open. Takes as long as copying the library twice. Blocks.
///
/// # Errors
/// `Busy` where another process reads the library; the key's; the disk's. Then the profile is as it was.
pub fn rotate(profile_dir: &Path, choice: &KeyChoice) -> Result<Rotated, RotationError> {
    with_keychain(|keychain| rotate_in(profile_dir, choice, keychain, &mut || {}))
}

/// [`rotate`] with a keychain of the caller's, told before each step: for tests.
///
/// # Errors
/// As there.
pub fn rotate_in(
    profile_dir: &Path,
    choice: &KeyChoice,
    keychain: Keychain<'_>,
    step: &mut dyn FnMut(),
) -> Result<Rotated, RotationError> {
    let old = open_root_key_with(profile_dir, choice, May::Mend, keychain)?;
    let mut ring = Ring::of(profile_dir, choice, keychain)?;
    let new = RootKey::generate()?;
    step();
    let begun = ring.begin(&new);
    let rekeyed = begun.map_err(RotationError::from).and_then(|()| {
        step();
        rekey(profile_dir, LIBRARY_FILE, (&old, &new), step)
    });
    let rotated = match rekeyed {
        Ok(rotated) => rotated,
        // The one step may have been done although what came after it failed: the library tells.
        Err(error) if store::opens(&profile_dir.join(LIBRARY_FILE), &new.db_key()).unwrap_or(true) => {
            return Err(error);
        }
        Err(error) => {
            // What cannot be taken back now is taken back by the next start.
            if store::remove_part(&profile_dir.join(LIBRARY_FILE)).is_ok() {
                let _ = ring.undo();
            }
            return Err(error);
        }
    };
    finish(profile_dir, &mut ring, Some(&old), &new, step)?;
    step();
    Ok(rotated)
}

/// The root key of a profile, also of one whose key was being changed when something went wrong. Blocks.
///
/// # Errors
/// As for `secrets::open_root_key`; the library's.
pub fn open_root_key(profile_dir: &Path, choice: &KeyChoice, may: May) -> Result<RootKey, RotationError> {
    with_keychain(|keychain| open_root_key_with(profile_dir, choice, may, keychain))
}

/// [`open_root_key`] with a keychain of the caller's: for tests.
///
/// # Errors
/// As there.
pub fn open_root_key_with(
    profile_dir: &Path,
    choice: &KeyChoice,
    may: May,
    keychain: Keychain<'_>,
) -> Result<RootKey, RotationError> {
    match open_root_key_in(profile_dir, choice, keychain) {
        Err(SecretsError::Rotating) => recover(profile_dir, choice, may, keychain),
        opened => Ok(opened?),
    }
}

fn recover(profile_dir: &Path, choice: &KeyChoice, may: May, keychain: Keychain<'_>) -> Result<RootKey, RotationError> {
    let mut ring = Ring::of(profile_dir, choice, keychain)?;
    let (current, next) = (ring.get(Slot::Current)?, ring.get(Slot::Next)?);
    let library = profile_dir.join(LIBRARY_FILE);
    let fits = |key: &Option<RootKey>| match key {
        Some(key) => store::opens(&library, &key.db_key()),
        None => Ok(false),
    };
    // Put in place already, and the marker was not told.
    let is_over = current.as_ref().is_some_and(|key| ring.is_next(key));
    match (current, next) {
        (current, Some(next)) if fits(&Some(next.clone()))? => {
            if may == May::Mend {
                store::remove_part(&library)?;
                finish(profile_dir, &mut ring, current.as_ref().filter(|_| !is_over), &next, &mut || {})?;
            }
            Ok(next)
        }
        (Some(current), _) if fits(&Some(current.clone()))? => {
            if may == May::Mend {
                store::remove_part(&library)?;
                if is_over { ring.finish(&current, &mut || {})? } else { ring.undo()? }
            }
            Ok(current)
        }
        (None, None) => Err(SecretsError::KeyLost.into()),
        _ => Err(SecretsError::WrongKey.into()),
    }
}

/// The library is sealed with `new`: its copies follow, then the key takes the former one's place.
fn finish(
    profile_dir: &Path,
    ring: &mut Ring<'_>,
    old: Option<&RootKey>,
    new: &RootKey,
    step: &mut dyn FnMut(),
) -> Result<(), RotationError> {
    if let Some(old) = old {
        for copy in store::copies(profile_dir)? {
            // One that neither key opens was so before.
            if store::opens(&copy, &old.db_key())? {
                let name = copy.file_name().unwrap_or_default().to_string_lossy().into_owned();
                rekey(profile_dir, &name, (old, new), step)?;
            }
        }
    }
    step();
    Ok(ring.finish(new, step)?)
}

fn rekey(
    profile_dir: &Path,
    name: &str,
    (old, new): (&RootKey, &RootKey),
    step: &mut dyn FnMut(),
) -> Result<Rotated, RotationError> {
    let (from, to): (FileKek, FileKek) = (old.file_kek(), new.file_kek());
    let mut unreadable = 0;
    let mut rewrap = |id: &_, wrapped: &[u8]| {
        let rewrapped = vault::rewrap(&from, &to, wrapped, id).ok();
        unreadable += u64::from(rewrapped.is_none());
        rewrapped
    };
    let keys = (&old.db_key(), &new.db_key());
    let recordings = store::rekey(&profile_dir.join(name), keys, &mut rewrap, step)?;
    Ok(Rotated { recordings, unreadable })
}
