//! What can be said about a recording: one enum, matched exhaustively wherever it is shown.

use serde::{Deserialize, Serialize};

use crate::error::Code;

/// The state of a recording, as rows, the player, the doctor and the command line all name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// There will never be one (missed, busy).
    NoneExpected,
    /// The call is still going on.
    Live,
    /// The server is preparing the file; the ladder of 12 polls is running.
    Preparing,
    /// The 12 polls are used up; asked again in the background.
    StillPreparing,
    /// Nobody asked for it yet.
    ReadyOnline,
    /// Asked for, waiting for its turn.
    Queued,
    /// Arriving.
    Downloading,
    /// Some of it is here, nothing is arriving.
    Partial,
    /// Every chunk written, the last sealed, length and content checked, file and folder synced.
    OnDevice,
    /// On this device and never evicted.
    Pinned,
    /// Was here; made room. Marks and waveform stay.
    Evicted,
    /// Failed; will be tried again by itself.
    FailedRetrying,
    /// Failed; needs the person (sign in, disk, clock, certificate).
    FailedNeedsYou,
    /// Not to be had, with a reason.
    Unavailable,
    /// Not for this role.
    Restricted,
    /// The stored file does not verify; repairs itself.
    Damaged,
    /// Stored, but in a codec that is not played here.
    Unsupported,
}

impl RecordingState {
    /// Every state, for tests and for reading a stored word back.
    pub const ALL: [Self; 17] = [
        Self::NoneExpected,
        Self::Live,
        Self::Preparing,
        Self::StillPreparing,
        Self::ReadyOnline,
        Self::Queued,
        Self::Downloading,
        Self::Partial,
        Self::OnDevice,
        Self::Pinned,
        Self::Evicted,
        Self::FailedRetrying,
        Self::FailedNeedsYou,
        Self::Unavailable,
        Self::Restricted,
        Self::Damaged,
        Self::Unsupported,
    ];

    /// The word in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoneExpected => "none_expected",
            Self::Live => "live",
            Self::Preparing => "preparing",
            Self::StillPreparing => "still_preparing",
            Self::ReadyOnline => "ready_online",
            Self::Queued => "queued",
            Self::Downloading => "downloading",
            Self::Partial => "partial",
            Self::OnDevice => "on_device",
            Self::Pinned => "pinned",
            Self::Evicted => "evicted",
            Self::FailedRetrying => "failed_retrying",
            Self::FailedNeedsYou => "failed_needs_you",
            Self::Unavailable => "unavailable",
            Self::Restricted => "restricted",
            Self::Damaged => "damaged",
            Self::Unsupported => "unsupported",
        }
    }

    /// The state whose word this is.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The whole file is in the vault.
    pub fn is_stored(self) -> bool {
        matches!(self, Self::OnDevice | Self::Pinned | Self::Unsupported)
    }
}

/// Why a recording is in the state it is in: an error code, or a fact about the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reason {
    /// What failed.
    Code(Code),
    /// What is so.
    Fact(Fact),
}

/// Facts about a recording that no retry changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The source kept nothing, because it was too short.
    TooShort,
    /// The source kept nothing, because nobody spoke.
    Silent,
    /// It was removed where it came from.
    DeletedAtSource,
    /// The source keeps recordings for a while only.
    PastRetention,
    /// A file with a header and no sound.
    HeaderOnly,
    /// Nobody picked up.
    NotAnswered,
    /// The source never got it ready.
    NeverReady,
}

impl Fact {
    const ALL: [Self; 7] = [
        Self::TooShort,
        Self::Silent,
        Self::DeletedAtSource,
        Self::PastRetention,
        Self::HeaderOnly,
        Self::NotAnswered,
        Self::NeverReady,
    ];

    /// The word in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::Silent => "silent",
            Self::DeletedAtSource => "deleted_at_source",
            Self::PastRetention => "past_retention",
            Self::HeaderOnly => "header_only",
            Self::NotAnswered => "not_answered",
            Self::NeverReady => "never_ready",
        }
    }
}

impl Reason {
    /// The word in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code(code) => code.as_str(),
            Self::Fact(fact) => fact.as_str(),
        }
    }

    /// The reason whose word this is.
    pub fn from_word(word: &str) -> Option<Self> {
        let code = Code::ALL.into_iter().find(|c| c.as_str() == word).map(Self::Code);
        code.or_else(|| Fact::ALL.into_iter().find(|f| f.as_str() == word).map(Self::Fact))
    }
}

/// How the sound in a stored recording is coded. Found by looking at the bytes, never by a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFacts {
    /// `mp3`, `pcm_s16le`, `mulaw`, `alaw` …
    pub codec: String,
    /// Channels, 1 or 2 where it is played here.
    pub channels: u16,
    /// Samples per second and channel.
    pub sample_rate_hz: u32,
    /// Exact length from the frames, not from a bit rate.
    pub duration_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_json_and_in_rows_and_read_back() {
        for state in RecordingState::ALL {
            assert_eq!(serde_json::to_string(&state).expect("word"), format!("\"{}\"", state.as_str()));
            assert_eq!(RecordingState::from_word(state.as_str()), Some(state));
        }
        for word in ["too_short", "never_ready", "not_audio", "disk_full"] {
            let reason = Reason::from_word(word).expect(word);
            assert_eq!(serde_json::to_string(&reason).expect("word"), format!("\"{word}\""));
        }
    }
}
