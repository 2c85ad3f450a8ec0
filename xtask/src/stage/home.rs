//! A home folder for one run: what the programs write is gone when it ends.

use std::path::Path;

use tempfile::TempDir;

use super::Environment;
use crate::failure::Failure;

/// The folder. Its path is short, for a socket's path must be.
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// A new folder that only we may enter (the temporary folder's own rule), with ALSA led to PulseAudio.
    pub fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("aftercall-")
            .tempdir()
            .map_err(|e| Failure::file(&std::env::temp_dir(), e))?;
        let asoundrc = folder.path().join(".asoundrc");
        std::fs::write(&asoundrc, "pcm.!default { type pulse }\nctl.!default { type pulse }\n")
            .map_err(|e| Failure::file(&asoundrc, e))?;
        Ok(Home { folder })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What makes this the home of a program.
    pub fn environment(&self) -> Environment {
        let at = |name: &str| self.path().join(name).to_string_lossy().into_owned();
        vec![
            ("HOME", self.path().to_string_lossy().into_owned()),
            ("XDG_RUNTIME_DIR", self.path().to_string_lossy().into_owned()),
            ("XDG_DATA_HOME", at("data")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_CACHE_HOME", at("cache")),
            ("XDG_STATE_HOME", at("state")),
            ("LANG", "C.UTF-8".into()),
            ("LC_ALL", "C.UTF-8".into()),
        ]
    }
}
