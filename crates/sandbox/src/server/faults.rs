//! From a request to an answer and the way it is to be delivered: the script's steps, applied.

use crate::message::{Request, Response};
use crate::script::{Coding, LengthLie, Pieces, Step};
use crate::world::World;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write;
use std::time::Duration;

const PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>Sign in to the network</title>\n<h1>Welcome</h1>\n<p>Accept the terms to go online.</p>\n";

/// How the answer's bytes go out.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    pub now_ms: i64,
    pub delay: Option<Duration>,
    pub drip_bytes_per_s: Option<u64>,
    pub stall_after: Option<u64>,
    pub cut_after: Option<u64>,
    pub reset: bool,
    pub chunked: Option<Pieces>,
    /// Written as they are, beside what is there.
    pub more_headers: Vec<(String, String)>,
    pub length_lie: Option<LengthLie>,
}

impl Delivery {
    /// After how many body bytes nothing more is sent.
    pub(super) fn stops_at(&self) -> Option<u64> {
        self.stall_after.into_iter().chain(self.cut_after).min()
    }
}

impl LengthLie {
    pub(super) fn apply(self, honest: u64) -> u64 {
        match self {
            Self::Off(by) => honest.saturating_add_signed(by),
            Self::Exactly(length) => length,
        }
    }
}

/// Records the request, lets the script replace or bend the answer, and says how to send it.
pub(super) fn answer(world: &World, mut request: Request) -> (Response, Delivery) {
    let mut delivery = Delivery { now_ms: world.now_ms(), ..Delivery::default() };
    let steps = world.note(&request);
    if steps.contains(&Step::ExpireSession) {
        world.expire_sessions();
    }
    if steps.contains(&Step::Status(200)) {
        // A server that does not know ranges answers with the whole file.
        request.headers.retain(|(name, _)| name != "range");
    }
    let redirect = steps.iter().find(|step| matches!(step, Step::Redirect(_)));
    let mut response = match redirect.into_iter().chain(&steps).find_map(|step| replacement(step, &request.path)) {
        Some(replaced) => replaced,
        None if steps.contains(&Step::NeedCsrf) && !spends_csrf(world, &request) => refused_by_csrf(),
        None if steps.contains(&Step::Reset) && !steps.iter().any(|step| matches!(step, Step::CutAfter(_))) => {
            Response::new(500)
        }
        None => {
            if request.path.starts_with("/api/") {
                world.before_answer();
            }
            crate::routes::respond(world, &request)
        }
    };
    for step in steps {
        match step {
            Step::Status(code) => response.status = code,
            Step::Header(name, value) => response.set(&name, &value),
            Step::DelayMs(ms) => delivery.delay = Some(Duration::from_millis(ms)),
            Step::DripBytesPerS(rate) => delivery.drip_bytes_per_s = Some(rate),
            Step::StallAfter(bytes) => delivery.stall_after = Some(bytes),
            Step::CutAfter(bytes) => delivery.cut_after = Some(bytes),
            Step::Reset => delivery.reset = true,
            Step::ContentLength(lie) => delivery.length_lie = Some(lie),
            Step::ContentRange(value) => response.set("content-range", &value),
            Step::Body(bytes) => replace_body(&mut response, bytes),
            Step::Gzip => {
                let packed = gzip(&response.body);
                response.set("content-encoding", "gzip");
                replace_body(&mut response, packed);
            }
            Step::Chunked(pieces) => delivery.chunked = Some(pieces),
            Step::AddHeader(name, value) => delivery.more_headers.push((name, value)),
            Step::Html => {
                response.set("content-type", "text/html; charset=utf-8");
                replace_body(&mut response, PAGE.as_bytes().to_vec());
            }
            Step::Texts(texts) => {
                if let Ok(mut value) = serde_json::from_slice(&response.body) {
                    crate::texts::put_into(&mut value, &texts);
                    replace_body(&mut response, value.to_string().into_bytes());
                }
            }
            Step::Redirect(_) | Step::Bomb(..) | Step::ExpireSession | Step::Portal | Step::NeedCsrf => {}
        }
    }
    (response, delivery)
}

fn replace_body(response: &mut Response, body: Vec<u8>) {
    response.body = body.into();
    response.declared_bytes = None;
}

/// The steps that answer in the CRM's place: its own state does not move (a scripted 502 is not a poll).
fn replacement(step: &Step, path: &str) -> Option<Response> {
    match step {
        Step::Status(code) if *code >= 300 && crate::twilio::is_ours(path) => Some(crate::twilio::failure(path, *code)),
        Step::Status(code) if *code >= 300 => Some(failure(*code)),
        Step::Redirect(url) => Some(Response::html(302, "").with("location", url.clone())),
        Step::Portal => Some(Response::html(200, PAGE)),
        Step::Bomb(coding, bytes) => {
            let (name, packed) = match coding {
                Coding::Gzip => ("gzip", gzip_of_zeros(*bytes)),
                Coding::Zstd => ("zstd", zstd_of_zeros(*bytes)),
                Coding::Brotli => ("br", brotli_of_zeros(*bytes)),
            };
            Some(Response::json(200, &json!({})).with("content-encoding", name).with_body(packed))
        }
        _ => None,
    }
}

fn failure(code: u16) -> Response {
    match code {
        401 => Response::json(
            401,
            &json!({"error": "forbidden", "reason": "no_session", "message": "Authentication required"}),
        ),
        404 => Response::json(404, &json!({"error": "not_found", "message": "Resource not found"})),
        500 => Response::json(500, &json!({"error": "server_error", "message": "Internal server error"})),
        // What the proxy in front says when the application does not.
        502..=504 => Response::html(
            code,
            "<html>\r\n<head><title>Upstream failure</title></head>\r\n<body>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
        ),
        _ => Response::json(code, &json!({"error": format!("status {code}")})),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into a Vec does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Gzip of that many zero bytes: a thousandth of the size on the wire.
fn gzip_of_zeros(bytes: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = [0u8; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        // Writing into a Vec does not fail.
        let _ = encoder.write_all(&zeros[..now]);
        left -= now as u64;
    }
    encoder.finish().unwrap_or_default()
}

/// Zstandard of that many zero bytes: one frame of run-length blocks (RFC 8878, 3.1.1), 4 bytes for each 128 KiB.
fn zstd_of_zeros(bytes: u64) -> Vec<u8> {
    const BLOCK_BYTES: u64 = 128 * 1024;
    const RUN_LENGTH: u64 = 1;
    // Magic number; no single segment, no checksum, no content size; a window of 128 KiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let mut left = bytes;
    loop {
        let now = left.min(BLOCK_BYTES);
        left -= now;
        let is_last = u64::from(left == 0);
        frame.extend_from_slice(&(is_last | RUN_LENGTH << 1 | now << 3).to_le_bytes()[..3]);
        frame.push(0);
        if is_last == 1 {
            return frame;
        }
    }
}

/// Brotli of that many zero bytes.
fn brotli_of_zeros(bytes: u64) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 64 * 1024, 1, 22);
    let zeros = [0u8; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        // Writing into a Vec does not fail.
        let _ = encoder.write_all(&zeros[..now]);
        left -= now as u64;
    }
    encoder.into_inner()
}

/// Only what changes something needs a token.
fn spends_csrf(world: &World, request: &Request) -> bool {
    if matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
        return true;
    }
    let mut state = world.state();
    let is_right = state.csrf.is_some() && request.header("x-csrftoken") == state.csrf.as_deref();
    if is_right {
        state.csrf = None;
    }
    is_right
}

/// As SeaSurf refuses: Werkzeug's page, without the CRM's own words for a role that may not.
fn refused_by_csrf() -> Response {
    Response::html(
        403,
        "<!doctype html>\n<html lang=en>\n<title>403 Forbidden</title>\n<h1>Forbidden</h1>\n<p>CSRF token missing or incorrect.</p>\n",
    )
}
