//! `REC1`: a recording sealed in chunks, each at its own place: written as they come, read from any place.
//!
//! ```text
//! header 64 B   "REC1" | version 1 | suite | log2(chunk) 16 | flags 0 | file_id [16] | 36 zeros | crc32c (BE)
//! chunk i       at 64 + i * (65536 + 28):  nonce [12] | ciphertext [<= 65536] | tag [16]
//! AAD           "REC1" | version | suite | file_id | i as u64 BE | final as u8 | sha256(recording_id)
//! ```
//!
//! Every chunk but the last is full; the last alone is sealed with `final` = 1, so a file cut at the edge of a chunk
//! does not open. An empty recording is one empty final chunk. Nonces are random: a download that starts again under
//! the same key must not use a nonce for two texts.

mod format;
mod part;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

use std::io;

use aftercall_domain::error::{Code, Retry};
use zeroize::Zeroizing;

pub use format::Suite;
pub use part::{ChunkBytes, SealedPart};
pub use reader::{SealedCursor, SealedReader};
pub use writer::SealedWriter;

/// Plain bytes in a full chunk.
pub const CHUNK_BYTES: usize = 65_536;
/// Bytes before the first chunk.
pub const HEADER_BYTES: usize = 64;
/// Bytes that sealing adds to each chunk: the nonce before it, the tag behind it.
pub const CHUNK_OVERHEAD_BYTES: usize = 28;

/// What `plain_len` bytes take, sealed.
pub fn sealed_len(plain_len: u64) -> u64 {
    let chunks = plain_len.div_ceil(CHUNK_BYTES as u64).max(1);
    HEADER_BYTES as u64 + plain_len + chunks * CHUNK_OVERHEAD_BYTES as u64
}

/// Why a sealed file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The file below could not be read or written.
    #[error("sealed file: {0}")]
    Io(#[from] io::Error),
    /// The header is not one of ours: wrong magic, version, suite, chunk size, reserved byte or checksum.
    #[error("not a REC1 header")]
    Header,
    /// The header is sound and names another file than the row does.
    #[error("another file's header")]
    OtherFile,
    /// The size cannot be that of a whole file.
    #[error("a sealed file of this size does not exist")]
    Size,
    /// A chunk does not verify: changed, moved, cut, of another recording, or under another key.
    #[error("chunk {index} does not verify")]
    Chunk {
        /// Which, from 0.
        index: u64,
    },
    /// The cipher or the system's random numbers failed.
    #[error("the cipher failed")]
    Cipher,
    /// An earlier write failed half-way; the file must be started again.
    #[error("an earlier write failed")]
    Poisoned,
}

impl SealedError {
    /// The word for outsiders.
    pub fn code(&self) -> Code {
        match self {
            Self::Io(e) if e.kind() == io::ErrorKind::StorageFull => Code::DiskFull,
            Self::Io(_) | Self::Cipher | Self::Poisoned => Code::Internal,
            Self::Header | Self::OtherFile | Self::Size | Self::Chunk { .. } => Code::Damaged,
        }
    }

    /// Whether the same call can go better later. Damaged bytes stay damaged; what helps is a new download.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Io(e) if e.kind() == io::ErrorKind::StorageFull => Retry::AfterUser,
            Self::Io(_) => Retry::After(0),
            _ => Retry::Never,
        }
    }

    /// The sealed file's own error inside what [`Read`](io::Read) or [`ReadAt`](crate::read_at::ReadAt) returned.
    pub fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<SealedError> for io::Error {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::Io(e) => e,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// What seals one recording: its own key and what its chunks are bound to. The key is wiped when this is dropped.
#[derive(Clone)]
pub struct Seal {
    key: Zeroizing<[u8; 32]>,
    file_id: [u8; 16],
    recording_id: String,
    suite: Suite,
}

impl Seal {
    /// A new key and file id for one try at storing a recording, with the suite that this CPU is good at.
    pub fn generate(recording_id: &str) -> Result<Self, SealedError> {
        let mut key = Zeroizing::new([0; 32]);
        let mut file_id = [0; 16];
        aws_lc_rs::rand::fill(key.as_mut()).map_err(|_| SealedError::Cipher)?;
        aws_lc_rs::rand::fill(&mut file_id).map_err(|_| SealedError::Cipher)?;
        Ok(Self::from_parts(key, file_id, recording_id))
    }

    /// The seal of a file that exists. The suite for reading is taken from the file's header, which is authenticated.
    pub fn from_parts(key: Zeroizing<[u8; 32]>, file_id: [u8; 16], recording_id: &str) -> Self {
        Self { key, file_id, recording_id: recording_id.to_owned(), suite: Suite::of_this_cpu() }
    }

    /// The same seal, writing with this suite.
    pub fn with_suite(mut self, suite: Suite) -> Self {
        self.suite = suite;
        self
    }

    /// The key, to be wrapped by the profile's.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Names the file in its header and in every chunk.
    pub fn file_id(&self) -> [u8; 16] {
        self.file_id
    }

    /// The recording that every chunk is bound to.
    pub fn recording_id(&self) -> &str {
        &self.recording_id
    }

    /// The suite used for writing.
    pub fn suite(&self) -> Suite {
        self.suite
    }
}

// The key must not reach a log.
impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").field("suite", &self.suite).finish_non_exhaustive()
    }
}
