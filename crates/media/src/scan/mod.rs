//! What is in a recording, how long it is to the sample, and where each frame lies, without decoding it.
//!
//! Files lie: about their size, their length, their codec. So lengths come from walking the frames, nothing is
//! allocated because a header says so, and time zero and length are those of ffmpeg's decode.

mod mp3;
mod wav;

use std::io::{self, Read, Seek};

use aftercall_domain::error::{Code, Retry};
use aftercall_domain::recording::AudioFacts;

pub use mp3::{Gapless, Mp3};
pub use wav::{SampleFormat, Wav};

/// Largest file that is looked at.
pub const FILE_BYTES_MAX: u64 = 512 << 20;
/// Longest recording that is taken.
pub const DURATION_MS_MAX: i64 = 6 * 3600 * 1000;
/// Most channels.
pub const CHANNELS_MAX: u16 = 8;
/// Least and greatest samples per second and channel.
pub const SAMPLE_RATE_HZ: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// What was found in a file that can be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Codec, channels, rate, length.
    pub facts: AudioFacts,
    /// How to get at the frames.
    pub container: Container,
    /// Samples per channel after trimming: what is heard, exactly.
    pub total_samples: u64,
}

/// Where the sound lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Container {
    /// A row of MPEG layer III frames.
    Mp3(Mp3),
    /// Samples behind a RIFF header.
    Wav(Wav),
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The bytes could not be read.
    #[error("could not read: {0}")]
    Io(#[from] io::Error),
    /// No sound was found in it.
    #[error("no sound in the file")]
    NotAudio,
    /// A header, and no sound behind it.
    #[error("a header without sound")]
    HeaderOnly,
    /// Sound in a codec that is not played here.
    #[error("the codec {codec} is not played here")]
    Unsupported {
        /// Its name, as ffmpeg has it.
        codec: String,
    },
    /// The header is broken beyond use.
    #[error("the header makes no sense")]
    Malformed,
    /// Larger than [`FILE_BYTES_MAX`].
    #[error("{bytes} bytes are too many")]
    TooLarge {
        /// The file's size.
        bytes: u64,
    },
    /// Longer than [`DURATION_MS_MAX`].
    #[error("too long")]
    TooLong,
    /// Channels or sample rate outside what is taken.
    #[error("{channels} channels at {sample_rate_hz} Hz are not taken")]
    OutOfBounds {
        /// Channels, as the header says.
        channels: u16,
        /// Samples per second, as the header says.
        sample_rate_hz: u32,
    },
}

impl ScanError {
    /// The word for outsiders.
    pub fn code(&self) -> Code {
        match self {
            Self::Io(_) => Code::Internal,
            Self::NotAudio | Self::HeaderOnly | Self::Malformed => Code::NotAudio,
            Self::Unsupported { .. } | Self::TooLarge { .. } | Self::TooLong | Self::OutOfBounds { .. } => {
                Code::UnsupportedAudio
            }
        }
    }

    /// The same bytes scan the same way; only reading them can go better.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Io(_) => Retry::After(0),
            _ => Retry::Never,
        }
    }
}

/// Looks through a whole file. Reads it once, in order, through a buffer of its own.
pub fn scan<R: Read + Seek>(reader: R) -> Result<Scan, ScanError> {
    let _ = reader;
    unimplemented!()
}
