//! The key of a profile that holds data, and the one that is about to take its place.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::envelope::Envelope;
use super::marker::{Marker, Next};
use super::{KeyChoice, KeyPlace, Keychain, RootKey, SecretsError, key_file, keychain};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The profile's.
    Current,
    /// The one that a rotation is about to put in its place.
    Next,
}

enum Held {
    Keychain,
    File(PathBuf),
    Envelope(SecretString),
    Known(RootKey),
}

/// The marker of a profile, with the place where its keys lie.
pub(crate) struct Ring<'a> {
    profile_dir: PathBuf,
    marker: Marker,
    held: Held,
    keychain: Keychain<'a>,
}

/// The keychain's entry of the next key.
pub(super) fn next_entry(profile: &str) -> String {
    format!("{profile}-next")
}

/// The file of the next key.
pub(super) fn next_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

fn held(marker: &Marker, choice: &KeyChoice) -> Result<Held, SecretsError> {
    Ok(match choice {
        KeyChoice::Known(key) => Held::Known(key.clone()),
        KeyChoice::Passphrase(words) => Held::Envelope(words.clone()),
        KeyChoice::File(path) if marker.key == KeyPlace::File || path.exists() => Held::File(path.clone()),
        // The key was moved out of the file that a variable still names: the profile's own word is as explicit.
        KeyChoice::File(_) | KeyChoice::OfProfile => match (marker.key, &marker.key_file) {
            (KeyPlace::Passphrase, _) => return Err(SecretsError::Locked),
            (KeyPlace::File, Some(path)) => Held::File(path.clone()),
            (KeyPlace::Keychain | KeyPlace::File, _) => Held::Keychain,
        },
    })
}

impl<'a> Ring<'a> {
    /// Of a profile that holds data.
    pub(crate) fn of(profile_dir: &Path, choice: &KeyChoice, keychain: Keychain<'a>) -> Result<Self, SecretsError> {
        let marker = Marker::read(profile_dir)?.ok_or(SecretsError::KeyLost)?;
        let held = held(&marker, choice)?;
        Ok(Self { profile_dir: profile_dir.to_owned(), marker, held, keychain })
    }

    /// The profile's key, while no other is about to take its place.
    pub(super) fn key(&self) -> Result<RootKey, SecretsError> {
        if self.is_rotating() {
            return Err(SecretsError::Rotating);
        }
        let key = self.get(Slot::Current)?.ok_or(SecretsError::KeyLost)?;
        if key.fits(&self.marker.key_check) { Ok(key) } else { Err(SecretsError::WrongKey) }
    }

    /// A rotation was begun and not ended.
    pub(crate) fn is_rotating(&self) -> bool {
        self.marker.next.is_some()
    }

    /// Whether it is the key that a rotation was about to put in place.
    pub(crate) fn is_next(&self, key: &RootKey) -> bool {
        self.marker.next.as_ref().is_some_and(|next| key.fits(&next.key_check))
    }

    /// The key in a slot; none where there is none.
    pub(crate) fn get(&self, slot: Slot) -> Result<Option<RootKey>, SecretsError> {
        let profile = &self.marker.profile;
        match (&self.held, slot) {
            (Held::Keychain, Slot::Current) => keychain::get(&(self.keychain)()?, profile),
            (Held::Keychain, Slot::Next) => keychain::get(&(self.keychain)()?, &next_entry(profile)),
            (Held::File(path), Slot::Current) => key_file::read(path),
            (Held::File(path), Slot::Next) => key_file::read(&next_file(path)),
            (Held::Envelope(words), Slot::Current) => {
                // There never was a passphrase: this is no key of this profile.
                let envelope = self.marker.envelope.as_ref().ok_or(SecretsError::WrongKey)?;
                envelope.open(words, profile, &self.marker.key_check).map(Some)
            }
            (Held::Envelope(words), Slot::Next) => {
                let Some(next) = &self.marker.next else { return Ok(None) };
                let Some(envelope) = &next.envelope else { return Ok(None) };
                envelope.open(words, profile, &next.key_check).map(Some)
            }
            (Held::Known(key), Slot::Current) => Ok(Some(key.clone())),
            (Held::Known(_), Slot::Next) => Ok(None),
        }
    }

    fn set(&mut self, slot: Slot, key: &RootKey) -> Result<(), SecretsError> {
        let profile = &self.marker.profile;
        match (&self.held, slot) {
            (Held::Keychain, Slot::Current) => keychain::set(&(self.keychain)()?, profile, key),
            (Held::Keychain, Slot::Next) => keychain::set(&(self.keychain)()?, &next_entry(profile), key),
            (Held::File(path), Slot::Current) => key_file::replace(path, key),
            (Held::File(path), Slot::Next) => key_file::replace(&next_file(path), key),
            // The marker holds them: they are in place when it is written.
            (Held::Envelope(_), _) => Ok(()),
            (Held::Known(_), _) => Err(SecretsError::Locked),
        }
    }

    fn remove_next(&self) -> Result<(), SecretsError> {
        match &self.held {
            Held::Keychain => keychain::remove(&(self.keychain)()?, &next_entry(&self.marker.profile)),
            Held::File(path) => key_file::remove(&next_file(path)),
            Held::Envelope(_) | Held::Known(_) => Ok(()),
        }
    }

    fn enveloped(&self, key: &RootKey) -> Result<Option<Envelope>, SecretsError> {
        match &self.held {
            Held::Envelope(words) => Envelope::seal(key, words, &self.marker.profile).map(Some),
            Held::Keychain | Held::File(_) | Held::Known(_) => Ok(None),
        }
    }

    /// Says that `next` is about to take the key's place, and keeps it beside the key. Until then nothing is sealed with
    /// it, so that a crash on the way loses nothing.
    pub(crate) fn begin(&mut self, next: &RootKey) -> Result<(), SecretsError> {
        if let Held::Known(_) = self.held {
            // Where it lies is not known here, so that nothing could be put beside it.
            return Err(SecretsError::Locked);
        }
        self.marker.next = Some(Next { key_check: next.check(), envelope: self.enveloped(next)? });
        self.marker.write(&self.profile_dir)?;
        self.set(Slot::Next, next)
    }

    /// Puts `next` in the key's place. Can be done again after it was cut off anywhere.
    pub(crate) fn finish(&mut self, next: &RootKey, step: &mut dyn FnMut()) -> Result<(), SecretsError> {
        self.set(Slot::Current, next)?;
        step();
        self.remove_next()?;
        step();
        let envelope = self.marker.next.take().and_then(|next| next.envelope);
        if envelope.is_some() {
            self.marker.envelope = envelope;
        }
        self.marker.key_check = next.check();
        self.marker.write(&self.profile_dir)
    }

    /// The key stays what it was.
    pub(crate) fn undo(&mut self) -> Result<(), SecretsError> {
        self.remove_next()?;
        self.marker.next = None;
        self.marker.write(&self.profile_dir)
    }
}
