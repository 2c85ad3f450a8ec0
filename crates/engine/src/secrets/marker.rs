//! `profile.json`: what must be known before the key is. Not secret.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::envelope::Envelope;
use super::{RECORDINGS_FOLDER, RootKey, SecretsError, random};

/// The database's file within a profile.
pub const LIBRARY_FILE: &str = "library.db";
const MARKER_FILE: &str = "profile.json";
/// 1 had a salt in place of an envelope: the passphrase made the root key itself.
const FORMAT: u32 = 2;
/// Far above what any version writes.
const MARKER_BYTES_MAX: u64 = 64 * 1024;

/// Where the root key of a profile lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// In the keychain of the operating system.
    Keychain,
    /// In a file that only its owner may read.
    File,
    /// In the profile, sealed with a passphrase.
    Passphrase,
}

/// The key that a rotation is about to put in place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Next {
    pub(super) key_check: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) envelope: Option<Envelope>,
}

/// A place that may hold a copy of the key which is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Leftover {
    Keychain,
    File(PathBuf),
}

/// The marker of a profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Marker {
    pub(super) format: u32,
    /// Random; names the entry in the keychain, so that two profiles have two keys.
    pub(super) profile: String,
    pub(super) key: KeyPlace,
    /// Tells whether a key is this profile's.
    pub(super) key_check: String,
    /// The file that a person chose in the window. One that a variable names is named by it each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) envelope: Option<Envelope>,
    /// A rotation is under way: the library is sealed with this key or with the former one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Next>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) leftovers: Vec<Leftover>,
    /// Of format 1 only.
    #[serde(default, skip_serializing)]
    pub(super) salt: Option<String>,
}

impl Marker {
    pub(super) fn new() -> Result<Self, SecretsError> {
        Ok(Self {
            format: FORMAT,
            profile: hex::encode(random::<16>()?.as_slice()),
            key: KeyPlace::Keychain,
            key_check: String::new(),
            key_file: None,
            envelope: None,
            next: None,
            leftovers: Vec::new(),
            salt: None,
        })
    }

    /// Whether a key is this profile's; during a rotation, the one before or the one after it.
    pub(super) fn fits(&self, key: &RootKey) -> bool {
        key.fits(&self.key_check) || self.next.as_ref().is_some_and(|next| key.fits(&next.key_check))
    }

    pub(super) fn read(profile_dir: &Path) -> Result<Option<Self>, SecretsError> {
        let path = profile_dir.join(MARKER_FILE);
        // Before it is opened: a pipe would wait for somebody to write, a device and a mountain of bytes have no end.
        match fs::metadata(&path) {
            Ok(about) if about.is_file() && about.len() <= MARKER_BYTES_MAX => {}
            Ok(_) => return Err(SecretsError::BadMarker),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let bytes = fs::read(path)?;
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| SecretsError::BadMarker)?;
        if value.get("format").and_then(serde_json::Value::as_u64).is_some_and(|format| format > u64::from(FORMAT)) {
            return Err(SecretsError::TooNew);
        }
        let mut marker: Self = serde_json::from_value(value).map_err(|_| SecretsError::BadMarker)?;
        if let (1, KeyPlace::Passphrase, Some(salt)) = (marker.format, marker.key, marker.salt.take()) {
            marker.envelope = Some(Envelope::of_format_1(salt));
        }
        marker.format = FORMAT;
        Ok(Some(marker))
    }

    /// Whole or not at all: a temporary file, synced, renamed, the folder synced.
    pub(super) fn write(&self, profile_dir: &Path) -> Result<(), SecretsError> {
        private_folder(profile_dir)?;
        let mut text = serde_json::to_vec_pretty(self).map_err(|_| SecretsError::BadMarker)?;
        text.push(b'\n');
        let part = profile_dir.join(format!("{MARKER_FILE}.part"));
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = private_new_file(&part)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&part, profile_dir.join(MARKER_FILE))?;
        sync_folder(profile_dir)?;
        Ok(())
    }

    /// Removes it, and with it the envelope that a passphrase opens, whose bytes are overwritten first. Synced.
    pub(super) fn remove(profile_dir: &Path) -> Result<(), SecretsError> {
        let path = profile_dir.join(MARKER_FILE);
        match fs::metadata(&path) {
            Ok(about) if about.is_file() && about.len() <= MARKER_BYTES_MAX => {
                let mut file = OpenOptions::new().write(true).open(&path)?;
                file.write_all(&vec![b' '; usize::try_from(about.len()).unwrap_or_default()])?;
                file.sync_all()?;
                fs::remove_file(&path)?;
            }
            Ok(_) => fs::remove_file(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(sync_folder(profile_dir)?)
    }

    /// Where it lies.
    pub(super) fn path(profile_dir: &Path) -> PathBuf {
        profile_dir.join(MARKER_FILE)
    }
}

/// Something in the profile was sealed with a key already: the library, its log, a copy of it, or a recording. A
/// library that was still being made holds nothing yet.
pub(crate) fn holds_data(profile_dir: &Path) -> io::Result<bool> {
    for entry in entries(profile_dir)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_of_library(&name) && !name[LIBRARY_FILE.len()..].starts_with(".part") {
            return Ok(true);
        }
    }
    holds_a_recording(&profile_dir.join(RECORDINGS_FOLDER))
}

/// Whole or not, at its place or put aside.
fn holds_a_recording(folder: &Path) -> io::Result<bool> {
    for entry in entries(folder)? {
        let is_one = if entry.file_type()?.is_dir() {
            holds_a_recording(&entry.path())?
        } else {
            is_of_recording(&entry.file_name().to_string_lossy(), &[WHOLE, PART])
        };
        if is_one {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Endings of a recording's file: a whole one, and one that arrives.
pub(crate) const WHOLE: &str = "rec";
pub(crate) const PART: &str = "part";
/// Of the name of a recording's file.
pub(crate) const NAME_DIGITS: usize = 32;

/// Whether a file of the vault, by its name, is a recording that we sealed, with one of these endings.
pub(crate) fn is_of_recording(name: &str, endings: &[&str]) -> bool {
    name.split_once('.').is_some_and(|(stem, ending)| is_hex(stem, NAME_DIGITS) && endings.contains(&ending))
}

/// As we write it: small letters, and exactly so many.
pub(crate) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a file of a profile, by its name, is the library, its log, or a copy that was made of it: what the key seals.
pub fn is_of_library(name: &str) -> bool {
    const ENDINGS: [&str; 7] = ["-wal", "-shm", "-journal", ".part", ".before-upgrade-", ".restored-part", ".corrupt-"];
    name.strip_prefix(LIBRARY_FILE)
        .is_some_and(|rest| rest.is_empty() || ENDINGS.iter().any(|ending| rest.starts_with(ending)))
}

/// Makes the folder, with what is missing above it, so that it is there after a loss of power, and shuts it to everybody
/// but its owner: also one that was there already.
///
/// # Errors
/// The file system's.
pub fn private_folder(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !above.is_dir() {
            private_folder(above)?;
        }
        unsynced_private_folder(path)?;
        return match sync_folder(above) {
            // One that may be entered and not read cannot be synced either.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        };
    }
    unsynced_private_folder(path).map(drop)
}

/// The same, of a folder in one that is there; a new one is there after a loss of power once the folder above is synced.
/// Returns whether it is new.
pub(crate) fn unsynced_private_folder(path: &Path) -> io::Result<bool> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    let is_new = match builder.create(path) {
        // A drive's own folder is not said to be there already, but refused.
        Err(_) if path.is_dir() => false,
        made => made.map(|()| true)?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Setting what is set already would be one more change for the disk to keep.
        if fs::metadata(path)?.permissions().mode() & 0o777 != 0o700 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(is_new)
}

/// What lies in a folder; nothing in one that is not there.
pub(crate) fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Removes a folder that nothing lies in; another stays.
///
/// # Errors
/// The file system's.
pub fn remove_if_empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        // A link to a folder elsewhere is a person's own, and stays.
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// A file that was not there before and that only its owner may open. Follows no link.
pub(crate) fn private_new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).read(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    }
    options.open(path)
}

/// Makes a rename in the folder durable. Windows has no such call and needs none.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
