//! The recordings' bytes: the built-in ones, or the files of a folder.

use crate::SandboxError;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::path::Path;

/// One recording.
#[derive(Debug, Clone)]
pub(crate) struct AudioFile {
    pub name: String,
    pub bytes: Bytes,
    pub sha256: String,
    /// Rounded to whole seconds, at least one.
    pub seconds: u64,
}

macro_rules! built_in {
    ($(($name:literal, $seconds:literal)),* $(,)?) => {
        &[$(($name, $seconds, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/", $name)))),*]
    };
}

/// Inside the program, so that it runs wherever it is copied. In order of name, as a folder would be.
const BUILT_IN: &[(&str, u64, &[u8])] = built_in![
    ("call-dual-20s.wav", 20),
    ("call-dual-45s.mp3", 45),
    ("call-dual-4min.mp3", 240),
    ("call-dual-hold-90s.mp3", 90),
    ("call-dual-quiet-customer-60s.mp3", 60),
    ("call-dual-ulaw-15s.wav", 15),
    ("call-dual-vbr-40s.mp3", 40),
    ("call-mono-30s.mp3", 30),
    ("call-mono-5s.wav", 5),
];

/// The built-in files, or those of `folder` in order of name.
pub(crate) fn load(folder: Option<&Path>) -> Result<Vec<AudioFile>, SandboxError> {
    let Some(folder) = folder else {
        return Ok(BUILT_IN
            .iter()
            .map(|(name, seconds, bytes)| AudioFile {
                name: (*name).to_owned(),
                bytes: Bytes::from_static(bytes),
                sha256: hex::encode(Sha256::digest(bytes)),
                seconds: *seconds,
            })
            .collect());
    };
    let trouble = |why: String| SandboxError::Recordings(format!("{}: {why}", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| trouble(error.to_string()))? {
        let path = entry.map_err(|error| trouble(error.to_string()))?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(trouble("no file in it".to_owned()));
    }
    paths
        .into_iter()
        .map(|path| {
            let bytes = std::fs::read(&path).map_err(|error| trouble(error.to_string()))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let sha256 = hex::encode(Sha256::digest(&bytes));
            let seconds = seconds_of(&bytes);
            Ok(AudioFile { name, bytes: bytes.into(), sha256, seconds })
        })
        .collect()
}

/// About how long a file lasts: what the provider would have written into the call's row.
fn seconds_of(bytes: &[u8]) -> u64 {
    if let Some((_, seconds, _)) = BUILT_IN.iter().find(|(_, _, known)| *known == bytes) {
        return *seconds;
    }
    let bytes_per_s = if bytes.starts_with(b"RIFF") { wav_bytes_per_s(bytes) } else { mp3_bytes_per_s(bytes) };
    // 32 kb/s is what the provider encodes to.
    let rate = bytes_per_s.filter(|rate| *rate > 0).unwrap_or(4_000);
    ((bytes.len() as u64 + rate / 2) / rate).clamp(1, 4 * 3600)
}

fn wav_bytes_per_s(bytes: &[u8]) -> Option<u64> {
    let format_at = bytes.windows(4).take(4096).position(|word| word == b"fmt ")?;
    let field = bytes.get(format_at + 16..format_at + 20)?;
    Some(u64::from(u32::from_le_bytes(field.try_into().ok()?)))
}

/// From the first frame's header, as if the rate were constant.
fn mp3_bytes_per_s(bytes: &[u8]) -> Option<u64> {
    const V1: [u64; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const V2: [u64; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let header = bytes.windows(3).take(64 * 1024).find(|head| head[0] == 0xFF && head[1] & 0xE6 == 0xE2)?;
    let index = usize::from(header[2] >> 4);
    let kbit_per_s = if header[1] & 0x18 == 0x18 { V1.get(index) } else { V2.get(index) };
    kbit_per_s.map(|rate| rate * 125)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folders_files_come_in_order_of_name_with_their_length() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.mp3", "a.wav", ".hidden"] {
            let source = if name == "a.wav" { "call-mono-5s.wav" } else { "call-dual-45s.mp3" };
            let mut bytes = BUILT_IN.iter().find(|(known, ..)| *known == source).unwrap().2.to_vec();
            // One more byte: not recognised as built in, so the length is read from the file.
            bytes.push(0);
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let files = load(Some(folder.path())).unwrap();
        let found: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.seconds)).collect();
        assert_eq!(found, [("a.wav", 5), ("b.mp3", 45)]);
    }

    #[test]
    fn an_empty_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load(Some(folder.path())).unwrap_err().to_string().contains("no file in it"));
    }
}
