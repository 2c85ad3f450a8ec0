//! The root key sealed with a passphrase: Argon2id makes a key of the words, AES-256-GCM seals the root key with it.
//! Another passphrase is another envelope around the same root key, so that changing it touches one small file.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::{RootKey, SecretsError, random};

/// Argon2id: 64 MiB, three passes, one lane. About a fifth of a second on a laptop.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
const VERSION: u32 = 1;

/// What a marker may ask for: it lies on the disk, and opening it must not take the computer down.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 16;

/// Letters that a passphrase chosen here has at least.
pub const PASSPHRASE_LETTERS_MIN: usize = 8;
/// Bytes that one has at most: far more than anybody types.
const PASSPHRASE_BYTES_MAX: usize = 4096;

/// How the words become a key, and what that key sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Envelope {
    /// 1: Argon2id version 0x13, then AES-256-GCM.
    version: u32,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// Hex.
    salt: String,
    /// Nonce, sealed key, tag; hex. None in profiles of format 1, whose root key is what the words make.
    sealed: Option<String>,
}

/// The same words typed on two systems can be different bytes: é is one sign, or two.
fn composed(passphrase: &SecretString) -> Zeroizing<String> {
    let typed = passphrase.expose_secret();
    // With room for all of it: a string that grows leaves copies behind.
    let mut words = Zeroizing::new(String::with_capacity(typed.len() * 3));
    words.extend(typed.nfc());
    words
}

/// Whether it may be chosen: long enough to be no word that is guessed at once.
///
/// # Errors
/// `WeakPassphrase`.
pub fn check_passphrase(passphrase: &SecretString) -> Result<(), SecretsError> {
    let words = composed(passphrase);
    let letters = words.trim().chars().count();
    if letters < PASSPHRASE_LETTERS_MIN || words.len() > PASSPHRASE_BYTES_MAX {
        return Err(SecretsError::WeakPassphrase);
    }
    Ok(())
}

impl Envelope {
    /// Profiles of format 1 kept the salt only.
    pub(super) fn of_format_1(salt: String) -> Self {
        Self { version: VERSION, memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, sealed: None }
    }

    pub(super) fn seal(root: &RootKey, passphrase: &SecretString, profile: &str) -> Result<Self, SecretsError> {
        let mut envelope = Self::of_format_1(hex::encode(random::<16>()?.as_slice()));
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = Zeroizing::new(root.0.to_vec());
        let tag = envelope
            .cipher(passphrase)?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(aad(profile)),
                sealed.as_mut_slice(),
            )
            .map_err(|_| SecretsError::NoKey)?;
        envelope.sealed = Some(hex::encode([nonce.as_slice(), sealed.as_slice(), tag.as_ref()].concat()));
        Ok(envelope)
    }

    /// The root key.
    ///
    /// # Errors
    /// `WrongPassphrase`; `BadMarker` for what no version wrote.
    pub(super) fn open(
        &self,
        passphrase: &SecretString,
        profile: &str,
        key_check: &str,
    ) -> Result<RootKey, SecretsError> {
        let Some(sealed) = &self.sealed else {
            let root = RootKey(self.derive(passphrase)?);
            return if root.fits(key_check) { Ok(root) } else { Err(SecretsError::WrongPassphrase) };
        };
        let sealed = hex::decode(sealed).map_err(|_| SecretsError::BadMarker)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SecretsError::BadMarker)?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let root = self
            .cipher(passphrase)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad(profile)), opened.as_mut_slice())
            .map_err(|_| SecretsError::WrongPassphrase)?;
        let root: &[u8; 32] = (&*root).try_into().map_err(|_| SecretsError::BadMarker)?;
        Ok(RootKey(Zeroizing::new(*root)))
    }

    fn cipher(&self, passphrase: &SecretString) -> Result<LessSafeKey, SecretsError> {
        let key = self.derive(passphrase)?;
        UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).map_err(|_| SecretsError::NoKey)
    }

    fn derive(&self, passphrase: &SecretString) -> Result<Zeroizing<[u8; 32]>, SecretsError> {
        let salt = hex::decode(&self.salt).map_err(|_| SecretsError::BadMarker)?;
        let bounded = self.version == VERSION
            && self.memory_kib <= MEMORY_KIB_MAX
            && self.passes <= PASSES_MAX
            && self.lanes <= LANES_MAX
            && (8..=64).contains(&salt.len());
        if !bounded {
            return Err(SecretsError::BadMarker);
        }
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(|_| SecretsError::BadMarker)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(composed(passphrase).as_bytes(), &salt, key.as_mut_slice())
            .map_err(|_| SecretsError::NoKey)?;
        Ok(key)
    }
}

/// Another profile's envelope, put in place of this one's, does not open.
fn aad(profile: &str) -> Vec<u8> {
    [b"aftercall root v1|".as_slice(), profile.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn only_its_own_words_and_profile_open_an_envelope() {
        let root = RootKey(Zeroizing::new([7; 32]));
        let envelope = Envelope::seal(&root, &words("סוס סוללה סיכה"), "one").expect("sealed");
        assert_eq!(envelope.open(&words("סוס סוללה סיכה"), "one", "").expect("opened").0, root.0);
        let wrong = [("סוס סוללה סיכה ", "one"), ("", "one"), ("סוס סוללה סיכה", "two")];
        for (text, profile) in wrong {
            assert!(matches!(envelope.open(&words(text), profile, ""), Err(SecretsError::WrongPassphrase)));
        }
    }

    #[test]
    fn the_same_words_open_it_however_a_system_composes_them() {
        let root = RootKey(Zeroizing::new([7; 32]));
        let envelope = Envelope::seal(&root, &words("cafe\u{301} noir"), "p").expect("sealed");
        assert_eq!(envelope.open(&words("caf\u{e9} noir"), "p", "").expect("opened").0, root.0);
    }

    #[test]
    fn an_envelope_that_asks_for_too_much_or_is_torn_is_refused_at_once() {
        let root = RootKey(Zeroizing::new([7; 32]));
        let whole = Envelope::seal(&root, &words("long enough"), "p").expect("sealed");
        let torn: [fn(&mut Envelope); 7] = [
            |e| e.memory_kib = u32::MAX,
            |e| e.passes = u32::MAX,
            |e| e.lanes = u32::MAX,
            |e| e.version = 2,
            |e| e.salt = "00".into(),
            |e| e.salt = "not hex".into(),
            |e| e.sealed = Some("00".into()),
        ];
        for tear in torn {
            let mut envelope = whole.clone();
            tear(&mut envelope);
            assert!(matches!(envelope.open(&words("long enough"), "p", ""), Err(SecretsError::BadMarker)));
        }
    }

    #[test]
    fn a_passphrase_that_is_chosen_has_eight_letters() {
        for (text, fits) in [("", false), ("1234567", false), ("       8", false), ("אבגדהוזח", true)] {
            assert_eq!(check_passphrase(&words(text)).is_ok(), fits, "{text}");
        }
        assert!(check_passphrase(&words(&"x".repeat(5000))).is_err());
    }
}
