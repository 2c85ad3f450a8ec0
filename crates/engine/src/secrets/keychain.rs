//! The operating system's keychain. It holds the root key only: Windows takes 2,560 bytes, and a longer secret left a
//! stale entry behind.

use std::sync::Arc;

use keyring_core::{CredentialStore, Error};
use zeroize::Zeroizing;

use super::{RootKey, SecretsError};

const SERVICE: &str = "aftercall";

/// The Secret Service, the Keychain or the Credential Manager.
pub(super) fn platform_store() -> Result<Arc<CredentialStore>, SecretsError> {
    #[cfg(target_os = "linux")]
    let store = zbus_secret_service_keyring_store::Store::new();
    #[cfg(target_os = "macos")]
    let store = apple_native_keyring_store::keychain::Store::new();
    #[cfg(windows)]
    let store = windows_native_keyring_store::Store::new();
    store.map(|store| store as Arc<CredentialStore>).map_err(|_| SecretsError::NoKeychain)
}

/// The key of that profile; none when the keychain answers that it has none.
pub(super) fn get(store: &Arc<CredentialStore>, profile: &str) -> Result<Option<RootKey>, SecretsError> {
    let secret = match store.build(SERVICE, profile, None).and_then(|entry| entry.get_secret()) {
        Ok(secret) => Zeroizing::new(secret),
        Err(Error::NoEntry) => return Ok(None),
        // It is there and does not open, or holds something that is no entry of ours: a person can do something about it.
        Err(_) => return Err(SecretsError::KeychainClosed),
    };
    let key: [u8; 32] = secret.as_slice().try_into().map_err(|_| SecretsError::WrongKey)?;
    Ok(Some(RootKey(Zeroizing::new(key))))
}

/// Keeps the key, and reads it back: a keychain that forgets at once is none.
pub(super) fn set(store: &Arc<CredentialStore>, profile: &str, key: &RootKey) -> Result<(), SecretsError> {
    let entry = store.build(SERVICE, profile, None).map_err(|_| SecretsError::KeychainClosed)?;
    entry.set_secret(key.0.as_slice()).map_err(|_| SecretsError::KeychainClosed)?;
    match get(store, profile)? {
        Some(kept) if kept.0 == key.0 => Ok(()),
        _ => Err(SecretsError::NoKeychain),
    }
}

/// Removes the key of that profile; one that is not there is as good as removed.
pub(super) fn remove(store: &Arc<CredentialStore>, profile: &str) -> Result<(), SecretsError> {
    match store.build(SERVICE, profile, None).and_then(|entry| entry.delete_credential()) {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(_) => Err(SecretsError::KeychainClosed),
    }
}
