//! What can go wrong between the bytes of a recording and the ear.

use std::io::ErrorKind;

use aftercall_domain::error::{Code, Retry};

/// Why something cannot be played, rendered or analysed. Small and cloneable, because it is part of a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlayerError {
    /// The bytes are not a recording.
    #[error("the bytes are not audio")]
    NotAudio,
    /// A header, and no sound behind it.
    #[error("a header without sound")]
    HeaderOnly,
    /// It is audio, in a codec that is not played here.
    #[error("the codec {codec} is not played here")]
    UnsupportedCodec {
        /// What the file says it is coded in, as ffmpeg names it.
        codec: String,
    },
    /// A call has one channel or two.
    #[error("{channels} channels are not played here")]
    UnsupportedChannels {
        /// How many it has.
        channels: u16,
    },
    /// The file is larger or longer than anything a call can be.
    #[error("the file is beyond what a recording of a call can be")]
    BeyondLimits,
    /// It looked like audio, and not one frame of it could be decoded.
    #[error("no frame could be decoded")]
    NothingDecoded,
    /// The stored bytes could not be read.
    #[error("reading the recording failed: {0:?}")]
    Read(ErrorKind),
    /// The sound file could not be written.
    #[error("writing the sound file failed: {0:?}")]
    Write(ErrorKind),
    /// The decoder gave up in a way it should not.
    #[error("the decoder stopped unexpectedly")]
    DecoderStopped,
    /// The decoder did not come back from a piece of sound.
    #[error("the decoder does not come to an end")]
    Endless,
    /// Resampling to the device's rate is not possible.
    #[error("no resampling from {from_hz} Hz to {to_hz} Hz")]
    Rate {
        /// The recording's rate.
        from_hz: u32,
        /// The device's rate.
        to_hz: u32,
    },
    /// There is no device to play on, or it cannot be opened.
    #[error("no audio output device")]
    NoOutputDevice,
    /// A window of time that ends before it begins, or a speed outside 0.5 to 3.
    #[error("a time window or a speed that cannot be meant")]
    InvalidInput,
}

impl PlayerError {
    /// The bytes that come next have not arrived yet.
    pub fn is_not_here(&self) -> bool {
        matches!(self, Self::Read(ErrorKind::WouldBlock))
    }

    /// The code under which this crosses to the window and to scripts.
    pub fn code(&self) -> Code {
        match self {
            Self::NotAudio | Self::HeaderOnly | Self::NothingDecoded => Code::NotAudio,
            Self::UnsupportedCodec { .. }
            | Self::UnsupportedChannels { .. }
            | Self::BeyondLimits
            | Self::Endless
            | Self::Rate { .. } => Code::UnsupportedAudio,
            Self::Read(_) => Code::Damaged,
            Self::Write(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Code::DiskFull,
            Self::Write(_) | Self::InvalidInput => Code::InvalidInput,
            Self::DecoderStopped => Code::Internal,
            Self::NoOutputDevice => Code::NoOutputDevice,
        }
    }

    /// Whether the same request can succeed later. A missing device comes back when the person plugs one in; the
    /// bytes of a file stay what they are.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoOutputDevice | Self::Write(_) => Retry::AfterUser,
            Self::NotAudio
            | Self::HeaderOnly
            | Self::UnsupportedCodec { .. }
            | Self::UnsupportedChannels { .. }
            | Self::BeyondLimits
            | Self::NothingDecoded
            | Self::Read(_)
            | Self::DecoderStopped
            | Self::Endless
            | Self::Rate { .. }
            | Self::InvalidInput => Retry::Never,
        }
    }
}

impl From<aftercall_media::scan::ScanError> for PlayerError {
    fn from(error: aftercall_media::scan::ScanError) -> Self {
        use aftercall_media::scan::ScanError;
        match error {
            ScanError::Io(error) => Self::Read(error.kind()),
            ScanError::NotAudio | ScanError::Malformed => Self::NotAudio,
            ScanError::HeaderOnly => Self::HeaderOnly,
            ScanError::Unsupported { codec } => Self::UnsupportedCodec { codec },
            ScanError::TooLarge { .. } | ScanError::TooLong | ScanError::OutOfBounds { .. } => Self::BeyondLimits,
        }
    }
}
