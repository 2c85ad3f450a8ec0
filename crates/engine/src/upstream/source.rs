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

/// A part of a recording on its way.
pub struct Piece {
    /// Place of its first byte in the file: 0 when the source sent the whole file instead of the range.
    pub start: u64,
    /// Length of the file, as this answer says.
    pub total_bytes: u64,
    /// The bytes.
    pub body: Body,
}

/// A place that has recordings. Implemented by the CRM.
pub trait RecordingSource: Send + Sync + 'static {
    /// Asks whether the recording is there, which also makes the source fetch it: never sweep it over a list.
    fn head<'a>(&'a self, id: &'a RecordingId) -> BoxFuture<'a, Result<Presence, UpstreamError>>;

    /// Asks for the bytes `first..=last`, at most 1 MiB of them.
    fn range<'a>(&'a self, id: &'a RecordingId, first: u64, last: u64) -> BoxFuture<'a, Result<Piece, UpstreamError>>;

    /// Whether and how long this source is being left alone, because it failed again and again: until then nothing is
    /// asked of it.
    fn resting(&self, of: Source) -> Option<Rest> {
        let _ = of;
        None
    }

    /// Somebody waits for something of this source: one that is being left alone may be probed now.
    fn try_now(&self, of: Source) {
        let _ = of;
    }
}
