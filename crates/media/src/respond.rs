//! What `rec://` answers: one pure function from a request and what is known of a recording to a response.

use aftercall_domain::ids::RecordingId;

use crate::read_at::ReadAt;

/// Most bytes in one 206: a webview takes a body as one whole buffer.
pub const PART_BYTES_MAX: u64 = 4 << 20;

/// What is known of the recording that was asked for.
#[derive(Clone, Copy)]
pub enum Presence<'a> {
    /// Stored whole.
    Here {
        /// The plain bytes. A read that fails becomes a 500 before any byte of it.
        body: &'a dyn ReadAt,
        /// The strong entity tag's opaque part, with or without its quotes.
        etag: &'a str,
        /// As sniffed, never as declared.
        content_type: &'a str,
    },
    /// Not here yet; a job exists (202).
    Coming {
        /// Polls made so far.
        attempt: u32,
        /// Polls that will be made at most before the background takes over.
        max_attempts: u32,
        /// When to ask again, in seconds.
        retry_after_s: u32,
    },
    /// Not to be had (404).
    Absent {
        /// A word, as in [`aftercall_domain::recording::Reason`].
        reason: &'a str,
    },
    /// The queue or the file is broken (500).
    Broken {
        /// A word, as in [`aftercall_domain::error::Code`].
        error: &'a str,
        /// A word, as in [`aftercall_domain::recording::Reason`].
        reason: &'a str,
    },
    /// Locked, or not for this role (403).
    Forbidden {
        /// A word.
        reason: &'a str,
    },
}

/// Answers one request. `app_origins` are the origins of the app's own window, exact; the first is named where the
/// request has no `Origin`.
pub fn respond(request: &http::Request<()>, presence: Presence<'_>, app_origins: &[&str]) -> http::Response<Vec<u8>> {
    let _ = (request, presence, app_origins);
    unimplemented!()
}

/// The recording that `rec://localhost/<id>` or `http://rec.localhost/<id>` names, or `None` for anything odd.
pub fn recording_id_of(uri: &http::Uri) -> Option<RecordingId> {
    let _ = uri;
    unimplemented!()
}
