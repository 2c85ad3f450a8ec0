//! What is in a recording, how long it is to the sample, and where each frame lies, without decoding it.
//!
//! Files lie: about their size, their length, their codec. So lengths come from walking the frames, nothing is
//! allocated because a header says so, and time zero and length are those of ffmpeg's decode.

mod arriving;
mod frame;
mod mp3;
mod wav;
mod window;

use std::io::{self, Read, Seek};

use aftercall_domain::error::{Code, Retry};
use aftercall_domain::recording::AudioFacts;

use crate::sniff::{SNIFF_BYTES, Sniffed, sniff};
use window::Window;

pub use arriving::{Arrived, ArrivingMp3, begin};
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
    let mut window = Window::new(reader)?;
    if window.len() > FILE_BYTES_MAX {
        return Err(ScanError::TooLarge { bytes: window.len() });
    }
    let first = window.at(0, SNIFF_BYTES)?;
    if let Some(codec) = codec_not_played(first) {
        return Err(ScanError::Unsupported { codec: codec.to_owned() });
    }
    match sniff(first) {
        Sniffed::Wav => wav::scan(&mut window),
        Sniffed::Html | Sniffed::Json | Sniffed::Xml | Sniffed::Empty => Err(ScanError::NotAudio),
        // MP3 may begin with any junk, so it is looked for in what nothing else is.
        Sniffed::Mp3 | Sniffed::Unknown => mp3::scan(&mut window),
    }
}

/// The name of a codec or container that is known by its first bytes and not played here.
fn codec_not_played(first: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| first.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let has = |magic: &[u8]| first.windows(magic.len()).any(|w| w == magic);
    Some(match () {
        () if at(0, b"OggS") && has(b"OpusHead") => "opus",
        () if at(0, b"OggS") && has(b"\x01vorbis") => "vorbis",
        () if at(0, b"OggS") && has(b"Speex   ") => "speex",
        () if at(0, b"OggS") => "ogg",
        () if at(0, b"fLaC") => "flac",
        () if at(0, b"#!AMR-WB\n") => "amr_wb",
        () if at(0, b"#!AMR\n") => "amr_nb",
        () if at(4, b"ftyp") => "aac",
        () if at(0, b"ADIF") => "aac",
        // ADTS: the sync word of MPEG audio with the layer that MPEG audio reserves.
        () if first.len() >= 2 && first[0] == 0xFF && first[1] & 0xF6 == 0xF0 => "aac",
        () if at(0, b"\x1A\x45\xDF\xA3") => "matroska",
        () if at(0, b"caff") => "caf",
        () if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => "aiff",
        () if at(0, b".snd") => "au",
        () if at(0, b"RIFX") => "wav, big endian",
        () if at(0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11") => "wma",
        () => return None,
    })
}

/// Facts of so many samples per channel, where they are within the limits.
fn facts(codec: &str, channels: u16, sample_rate_hz: u32, total_samples: u64) -> Result<AudioFacts, ScanError> {
    if !(1..=CHANNELS_MAX).contains(&channels) || !SAMPLE_RATE_HZ.contains(&sample_rate_hz) {
        return Err(ScanError::OutOfBounds { channels, sample_rate_hz });
    }
    let rate = u64::from(sample_rate_hz);
    // Files of 512 MiB hold fewer than 2^30 samples: no overflow.
    let duration_ms = ((total_samples * 1000 + rate / 2) / rate) as i64;
    if duration_ms > DURATION_MS_MAX {
        return Err(ScanError::TooLong);
    }
    Ok(AudioFacts { codec: codec.to_owned(), channels, sample_rate_hz, duration_ms })
}
