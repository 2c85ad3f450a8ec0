//! What `cargo xtask bench range` runs: the handler of `rec://` alone, the same over loopback HTTP, and the peer that is
//! a library. Never shipped: it listens.
#![deny(missing_docs)]

use std::fs::File;
use std::io;
use std::path::Path;

use aftercall_media::sealed::{Seal, SealedReader, SealedWriter};

/// The recording's name in the folder that all of them serve from.
pub const PLAIN: &str = "plain.wav";
/// The same, sealed.
pub const SEALED: &str = "sealed.rec";
/// How many bytes are asked for at a time.
pub const RANGE_BYTES: u64 = 64 << 10;
const ID: &str = "crm:CAmeasured";

/// The files of a run: one recording, plain and sealed.
pub struct Recording {
    /// The plain file.
    pub plain: File,
    /// The sealed one.
    pub sealed: SealedReader<File>,
    /// Plain bytes.
    pub len: u64,
}

impl Recording {
    /// Seals the folder's plain recording under a new key. Blocks.
    ///
    /// # Errors
    /// The file system's, the cipher's.
    pub fn seal(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SEALED);
        let mut plain = File::open(folder.join(PLAIN))?;
        let seal = Seal::generate(ID)?;
        let mut writer = SealedWriter::new(io::BufWriter::new(File::create(&path)?), &seal)?;
        let len = io::copy(&mut plain, &mut writer)?;
        writer.finish()?;
        let sealed = SealedReader::open(File::open(&path)?, &seal)?;
        Ok(Self { plain, sealed, len })
    }
}

/// Numbers that look like chance and are the same in every run.
pub struct Places(u64);

impl Places {
    /// From a seed that is not 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}
