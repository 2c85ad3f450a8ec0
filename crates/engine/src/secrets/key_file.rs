//! The root key in a file: an explicit choice, with a banner in the window for as long as it lasts.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::marker::{private_new_file, sync_folder};
use super::{RootKey, SecretsError};

const HEX_DIGITS: usize = 64;

/// The key, or none when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<RootKey>, SecretsError> {
    // Before it is opened: a pipe would wait for somebody to write.
    let metadata = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Err(SecretsError::BadKeyFile),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let file = File::open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(SecretsError::KeyFileIsOpen);
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(HEX_DIGITS + 2));
    // One byte more than a key and its line end (CR LF too) tells a longer file.
    file.take(HEX_DIGITS as u64 + 3).read_to_string(&mut text).map_err(|_| SecretsError::BadKeyFile)?;
    let digits = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, key.as_mut_slice()).map_err(|_| SecretsError::BadKeyFile)?;
    Ok(Some(RootKey(key)))
}

/// Writes a new key file, synced; never over one that is there.
pub(super) fn create(path: &Path, key: &RootKey) -> Result<(), SecretsError> {
    let mut file = private_new_file(path)?;
    let mut line = key.hex();
    line.push('\n');
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        sync_folder(folder)?;
    }
    Ok(())
}

/// Keeps the key in a file of that name: what was there before stays until the new one is whole and synced.
pub(super) fn replace(path: &Path, key: &RootKey) -> Result<(), SecretsError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = std::path::PathBuf::from(part);
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    create(&part, key)?;
    fs::rename(&part, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        sync_folder(folder)?;
    }
    Ok(())
}

/// Overwrites and removes the key file; one that is not there is as good as removed. A file that holds no key is
/// somebody else's, and stays.
pub(super) fn remove(path: &Path) -> Result<(), SecretsError> {
    if read(path)?.is_none() {
        return Ok(());
    }
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    // A disk that writes elsewhere keeps the old bytes; the file system's own encryption is what helps there.
    file.write_all(&[b'0'; HEX_DIGITS])?;
    file.sync_all()?;
    std::fs::remove_file(path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        sync_folder(folder)?;
    }
    Ok(())
}
