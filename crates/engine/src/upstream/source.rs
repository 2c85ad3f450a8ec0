//! Where recordings come from, as the queue sees it.

use aftercall_domain::breaker::Rest;
use aftercall_domain::ids::{RecordingId, Source};
use futures_util::future::BoxFuture;

use super::{Body, UpstreamError};

/// What the source says about a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is there.
    Here {
        /// Length of the file.
        total_bytes: u64,
    },
    /// It is being prepared (202).
    NotYet {
        /// What the source asks for.
        retry_after_ms: Option<i64>,
    },
}

/// What proves that two answers are of one file: a strong ETag, or a `Last-Modified` that was old already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator(String);

impl Validator {
    /// As it was kept, or came.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value of `If-Range`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A part of a recording on its way.
pub struct Piece {
    /// Place of its first byte in the file.
    pub start: u64,
    /// The source sent the whole file instead of the range.
    pub is_whole: bool,
    /// Length of the file, as this answer says.
    pub total_bytes: u64,
    /// What proves that a later answer is of the same file, where this one says it.
    pub validator: Option<Validator>,
    /// The bytes.
    pub body: Body,
}

/// What comes of asking for a part of a recording.
pub enum Ranged {
    /// It comes.
    Piece(Box<Piece>),
    /// It is being prepared (202), as [`Presence::NotYet`].
    NotYet {
        /// What the source asks for.
        retry_after_ms: Option<i64>,
    },
}

impl From<Piece> for Ranged {
    fn from(piece: Piece) -> Self {
        Self::Piece(Box::new(piece))
    }
}

/// How it is proved that a source still has the file of which a part is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameFile {
    /// It gives no validators and does not heed `If-Range`: the length must be the same, and a part that is here must
    /// come again byte for byte.
    ByBytes,
    /// By a validator; without one nothing proves it.
    ByValidator,
}

/// A place that has recordings. Implemented by the CRM.
pub trait RecordingSource: Send + Sync + 'static {
    /// Asks whether the recording is there, which also makes the source fetch it: never sweep it over a list.
    fn head<'a>(&'a self, id: &'a RecordingId) -> BoxFuture<'a, Result<Presence, UpstreamError>>;

    /// Asks for the bytes `first..=last`, at most 1 MiB of them, and with `same` for those of that file only.
    ///
    /// # Errors
    /// [`UpstreamError::Changed`] where the file has no such bytes, or other ones came.
    fn range<'a>(
        &'a self,
        id: &'a RecordingId,
        first: u64,
        last: u64,
        same: Option<&'a Validator>,
    ) -> BoxFuture<'a, Result<Ranged, UpstreamError>>;

    /// Whether the answer to the first range of a recording says all that the one to `head` says.
    fn range_tells(&self, id: &RecordingId) -> bool {
        let _ = id;
        false
    }

    /// How it proves that two of its answers are of one file.
    fn same_file(&self, id: &RecordingId) -> SameFile;

    /// Whether and how long this source is being left alone, because it failed again and again: until then nothing is
    /// asked of it.
    fn resting(&self, of: Source) -> Option<Rest> {
        let _ = of;
        None
    }

    /// This source is being left alone, or the next question finds out whether it is back.
    fn is_doubted(&self, of: Source) -> bool {
        let _ = of;
        false
    }

    /// Somebody waits for something of this source: one that is being left alone may be probed now.
    fn try_now(&self, of: Source) {
        let _ = of;
    }
}
