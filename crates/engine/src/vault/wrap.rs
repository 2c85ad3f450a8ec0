//! The key of each file, wrapped by the profile's: AES-256-GCM, nonce before, tag behind, bound to the recording.

use aftercall_domain::ids::RecordingId;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::VaultError;
use crate::secrets::{FileKek, random};

fn cipher(kek: &FileKek) -> Result<LessSafeKey, VaultError> {
    UnboundKey::new(&AES_256_GCM, kek.0.as_slice()).map(LessSafeKey::new).map_err(|_| VaultError::Cipher)
}

pub(super) fn wrap(kek: &FileKek, key: &[u8; 32], id: &RecordingId) -> Result<Vec<u8>, VaultError> {
    // Random: one profile wraps some million keys at most, far from where 96 random bits repeat.
    let nonce = random::<NONCE_LEN>().map_err(|_| VaultError::Cipher)?;
    let mut sealed = Zeroizing::new(key.to_vec());
    let tag = cipher(kek)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(id.as_str().as_bytes()),
            sealed.as_mut_slice(),
        )
        .map_err(|_| VaultError::Cipher)?;
    Ok([nonce.as_slice(), sealed.as_slice(), tag.as_ref()].concat())
}

pub(super) fn unwrap(kek: &FileKek, wrapped: &[u8], id: &RecordingId) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::WrongKey)?;
    let mut opened = Zeroizing::new(sealed.to_vec());
    let key = cipher(kek)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(id.as_str().as_bytes()), opened.as_mut_slice())
        .map_err(|_| VaultError::WrongKey)?;
    let key: &[u8; 32] = (&*key).try_into().map_err(|_| VaultError::WrongKey)?;
    Ok(Zeroizing::new(*key))
}

/// The same key, wrapped by another.
pub(crate) fn rewrap(from: &FileKek, to: &FileKek, wrapped: &[u8], id: &RecordingId) -> Result<Vec<u8>, VaultError> {
    wrap(to, &*unwrap(from, wrapped, id)?, id)
}
