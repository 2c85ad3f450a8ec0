//! What `rec://` answers: one pure function from a request and what is known of a recording to a response.
//!
//! Each status has one meaning (200/206 audio, 202 on its way, 404 not to be had, 403 not now or not for you, 500 broken
//! here). 502, 503 and 504 are never sent: nothing here asks the network.

use std::ops::Range;

use aftercall_domain::ids::RecordingId;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use serde_json::{Value, json};

use crate::conditions::{self, Outcome};
use crate::range::{Resolved, resolve};
use crate::read_at::ReadAt;

/// Most bytes in one 206: a webview takes a body as one whole buffer.
pub const PART_BYTES_MAX: u64 = 4 << 20;
/// Most bytes in one 200; no larger recording is taken in.
const WHOLE_BYTES_MAX: u64 = crate::scan::FILE_BYTES_MAX;

const METHODS: &str = "GET, HEAD, OPTIONS";
const EXPOSED: &str = "Content-Range, Accept-Ranges, Content-Length, Content-Type, ETag, Retry-After";
const ASKABLE: &str = "Range, If-Range, If-None-Match";

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
    /// Some of it is stored. A range that begins there is answered with what is stored of it, everything else by 202.
    Arriving {
        /// The plain bytes; `len` is that of the whole. Only what `here` names is read.
        body: &'a dyn ReadAt,
        /// The strong entity tag's opaque part. A download that starts again has another.
        etag: &'a str,
        /// As sniffed.
        content_type: &'a str,
        /// What is stored, in bytes.
        here: &'a [Range<u64>],
        /// What the rest is told.
        wait: Wait,
    },
    /// Not here yet; a job exists (202).
    Coming(Wait),
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

/// How a recording that is on its way is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Polls made so far.
    pub attempt: u32,
    /// Polls that will be made at most before the background takes over.
    pub max_attempts: u32,
    /// When to ask again, in seconds.
    pub retry_after_s: u32,
}

/// Whether a request comes from one of the app's own pages, or names no origin, as a page does that asks for itself.
/// Asked before anything is done for a request.
pub fn is_from_app(headers: &HeaderMap, app_origins: &[&str]) -> bool {
    matches!(Caller::of(headers, app_origins), Caller::App(_))
}

/// How many bytes of a recording of `len` bytes the answer will carry, before one of them is read: a body is one whole
/// buffer, and whoever answers many requests may want to hold few large ones at a time.
pub fn body_bytes(request: &Request<()>, etag: &str, len: u64) -> u64 {
    if request.method() != Method::GET {
        return 0;
    }
    match plan(request, &quoted(etag), len) {
        Plan::Failed | Plan::NotModified | Plan::Unsatisfiable => 0,
        Plan::Part { first, last } => last - first + 1,
        Plan::Whole => len,
    }
}

/// Answers one request. `app_origins` are the origins of the app's own window, exact; the first is named where the
/// request has no `Origin`. A request from any other origin is refused with 403.
pub fn respond(request: &Request<()>, presence: Presence<'_>, app_origins: &[&str]) -> Response<Vec<u8>> {
    let mut response = match Caller::of(request.headers(), app_origins) {
        Caller::Stranger => json_answer(StatusCode::FORBIDDEN, &json!({"error": "forbidden", "reason": "origin"})),
        Caller::App(origin) => {
            let mut response = answer(request, presence);
            if let Some(origin) = origin.and_then(|o| HeaderValue::from_str(o).ok()) {
                response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // `same-origin` would block the window's own <audio> on Windows, where both have hosts of their own.
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    if request.method() == Method::HEAD {
        response.body_mut().clear();
    }
    response
}

enum Caller<'a> {
    App(Option<&'a str>),
    Stranger,
}

impl<'a> Caller<'a> {
    fn of(headers: &HeaderMap, app_origins: &[&'a str]) -> Self {
        let mut asked = headers.get_all(header::ORIGIN).iter();
        match (asked.next(), asked.next()) {
            (None, _) => Self::App(app_origins.first().copied()),
            (Some(asked), None) => {
                let known = app_origins.iter().find(|origin| origin.as_bytes() == asked.as_bytes());
                known.map_or(Self::Stranger, |origin| Self::App(Some(origin)))
            }
            (Some(_), Some(_)) => Self::Stranger,
        }
    }
}

fn answer(request: &Request<()>, presence: Presence<'_>) -> Response<Vec<u8>> {
    match *request.method() {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return preflight(),
        Method::POST | Method::PUT | Method::DELETE | Method::PATCH | Method::TRACE | Method::CONNECT => {
            return with_allow(empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        _ => return with_allow(empty(StatusCode::NOT_IMPLEMENTED)),
    }
    match presence {
        Presence::Here { body, etag, content_type } => {
            stored(request, body, etag, content_type, None).unwrap_or_else(|_| broken("damaged", "damaged"))
        }
        Presence::Arriving { body, etag, content_type, here, wait } => {
            let stored = stored(request, body, etag, content_type, Some((here, wait)));
            stored.unwrap_or_else(|_| broken("damaged", "damaged"))
        }
        Presence::Coming(wait) => coming(wait),
        Presence::Absent { reason } => {
            json_answer(StatusCode::NOT_FOUND, &json!({"error": "not_found", "reason": reason}))
        }
        Presence::Broken { error, reason } => broken(error, reason),
        Presence::Forbidden { reason } => {
            json_answer(StatusCode::FORBIDDEN, &json!({"error": "forbidden", "reason": reason}))
        }
    }
}

/// What a GET or HEAD of a representation of `len` bytes asks for.
enum Plan {
    Failed,
    NotModified,
    Unsatisfiable,
    Part { first: u64, last: u64 },
    Whole,
}

fn plan(request: &Request<()>, tag: &str, len: u64) -> Plan {
    let headers = request.headers();
    let with_range = match conditions::evaluate(headers, tag) {
        Outcome::Failed => return Plan::Failed,
        Outcome::NotModified => return Plan::NotModified,
        Outcome::Goes { with_range } => with_range,
    };
    let mut ranges = headers.get_all(header::RANGE).iter();
    match (ranges.next(), ranges.next()) {
        // Only GET defines Range; two lines join to several ranges.
        (Some(range), None) if with_range && request.method() == Method::GET => match resolve(range.as_bytes(), len) {
            Resolved::Whole => Plan::Whole,
            Resolved::Part { first, last } => Plan::Part { first, last: last.min(first + PART_BYTES_MAX - 1) },
            Resolved::Unsatisfiable => Plan::Unsatisfiable,
        },
        _ => Plan::Whole,
    }
}

/// Answers from bytes that are stored: all of them, or those of `arriving`.
fn stored(
    request: &Request<()>,
    body: &dyn ReadAt,
    etag: &str,
    content_type: &str,
    arriving: Option<(&[Range<u64>], Wait)>,
) -> std::io::Result<Response<Vec<u8>>> {
    let tag = quoted(etag);
    let len = body.len()?;
    // Up to where bytes are stored without a gap from `first` on.
    let stored_to = |first: u64| match arriving {
        None => Some(len),
        Some((here, _)) => here.iter().find(|part| part.contains(&first)).map(|part| part.end.min(len)),
    };
    let not_yet = || arriving.map_or_else(|| broken("internal", "internal"), |(_, wait)| coming(wait));
    let response = match plan(request, &tag, len) {
        Plan::Failed => return Ok(tagged(empty(StatusCode::PRECONDITION_FAILED), &tag)),
        Plan::NotModified => {
            let mut response = tagged(empty(StatusCode::NOT_MODIFIED), &tag);
            response.headers_mut().remove(header::CONTENT_LENGTH);
            return Ok(response);
        }
        Plan::Unsatisfiable => {
            let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{len}"));
            response
        }
        Plan::Part { first, last } => {
            let Some(end) = stored_to(first) else { return Ok(not_yet()) };
            let last = last.min(end - 1);
            let mut response = filled(StatusCode::PARTIAL_CONTENT, body, first, last - first + 1, true)?;
            set(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{len}"));
            response
        }
        Plan::Whole if len > WHOLE_BYTES_MAX => return Ok(broken("damaged", "damaged")),
        Plan::Whole if stored_to(0) != Some(len) => return Ok(not_yet()),
        Plan::Whole => filled(StatusCode::OK, body, 0, len, request.method() == Method::GET)?,
    };
    let mut response = tagged(response, &tag);
    set(&mut response, header::CONTENT_TYPE, content_type);
    set(&mut response, header::CONTENT_DISPOSITION, "inline");
    Ok(response)
}

fn quoted(etag: &str) -> String {
    format!("\"{}\"", etag.trim_matches('"'))
}

fn coming(wait: Wait) -> Response<Vec<u8>> {
    let Wait { attempt, max_attempts, retry_after_s } = wait;
    let status = json!({
        "status": "processing", "attempt": attempt, "max_attempts": max_attempts, "retry_after": retry_after_s
    });
    let mut response = json_answer(StatusCode::ACCEPTED, &status);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
    response
}

fn filled(
    status: StatusCode,
    body: &dyn ReadAt,
    first: u64,
    count: u64,
    read: bool,
) -> std::io::Result<Response<Vec<u8>>> {
    let mut bytes = Vec::new();
    if read {
        let count = usize::try_from(count).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        bytes.reserve_exact(count);
        body.append_at(&mut bytes, first, count)?;
    }
    let mut response = Response::new(bytes);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(count));
    Ok(response)
}

fn tagged(mut response: Response<Vec<u8>>, tag: &str) -> Response<Vec<u8>> {
    set(&mut response, header::ETAG, tag);
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

fn broken(error: &str, reason: &str) -> Response<Vec<u8>> {
    json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error, "reason": reason}))
}

fn preflight() -> Response<Vec<u8>> {
    let mut response = with_allow(empty(StatusCode::NO_CONTENT));
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ASKABLE));
    response
}

fn with_allow(mut response: Response<Vec<u8>>) -> Response<Vec<u8>> {
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(METHODS));
    response
}

fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

fn json_answer(status: StatusCode, value: &Value) -> Response<Vec<u8>> {
    let bytes = value.to_string().into_bytes();
    let mut response = empty(status);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = bytes;
    response
}

fn set(response: &mut Response<Vec<u8>>, name: HeaderName, value: &str) {
    // Tags and types are ours; one that is no header value is left out rather than a panic.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The recording that `rec://localhost/<id>` or `http://rec.localhost/<id>` names, or `None` for anything odd: the
/// colon of an id may be percent-encoded once, nothing else may.
pub fn recording_id_of(uri: &Uri) -> Option<RecordingId> {
    match (uri.scheme_str(), uri.authority()?.as_str()) {
        (Some("rec"), "localhost") | (Some("http" | "https"), "rec.localhost") => {}
        _ => return None,
    }
    let path = uri.path().strip_prefix('/')?;
    match path.split_once('%') {
        None => path.parse().ok(),
        Some((source, rest)) => {
            let sid = rest.strip_prefix("3A").or_else(|| rest.strip_prefix("3a"))?;
            format!("{source}:{sid}").parse().ok()
        }
    }
}
