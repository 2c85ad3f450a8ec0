//! The range table as data (`tests/vectors/range.json`), and what each case is judged by. Shared by whoever answers:
//! the handler alone, and the handler over HTTP with a real vault behind it.
#![allow(dead_code, reason = "two test programs share it")]

use std::collections::BTreeMap;

use http::{Request, Response};
use serde::Deserialize;

/// The window's origin in every case that names none of its own.
pub const APP: &str = "tauri://localhost";
pub const ORIGINS: &[&str] = &[APP];

/// One request and what must come back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The row of the range table, 1 to 54.
    pub row: u32,
    /// What the row says.
    pub rule: String,
    /// What is asked about: `here`, `replaced`, `damaged` (its first sealed chunk), `absent`, `locked`.
    #[serde(default = "here")]
    pub about: String,
    /// Bytes of the recording.
    #[serde(default = "thousand")]
    pub len: u64,
    #[serde(default = "get")]
    pub method: String,
    /// The address, where it is not the recording's usual one: `{id}` is the recording's id.
    pub uri: Option<String>,
    /// `{etag}` stands for the tag of the recording, `{ranges}` for 1300 ranges.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    pub status: u16,
    /// Headers that must be just so.
    #[serde(default)]
    pub has: BTreeMap<String, String>,
    /// Headers that must not be there.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// First and last byte of the recording in the body; without it the body is not looked at.
    pub bytes: Option<(u64, u64)>,
    /// The body is empty.
    #[serde(default)]
    pub empty: bool,
}

/// What another project's suite expects of one range, in our words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerVector {
    /// Which suite.
    pub source: String,
    pub len: u64,
    pub range: String,
    /// `206 <first>-<last>`, `206 multipart`, `200`, `416`, `none` (a parser that gives nothing), `error`.
    pub theirs: String,
    /// Where ours is another one.
    pub ours: Option<String>,
    /// Why it is: a choice that the RFC leaves.
    pub why: Option<String>,
    /// How many of the suite's checks it stands for.
    pub checks: u32,
}

pub fn peer_vectors() -> Vec<PeerVector> {
    serde_json::from_str(include_str!("../vectors/range-peers.json")).expect("the vectors are JSON")
}

fn here() -> String {
    "here".into()
}
fn thousand() -> u64 {
    1000
}
fn get() -> String {
    "GET".into()
}

/// All cases, in the order of the rows; every row has at least one.
pub fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../vectors/range.json")).expect("the table is JSON");
    let rows: Vec<u32> = (1..=54).collect();
    let mut seen: Vec<u32> = cases.iter().map(|case| case.row).collect();
    seen.dedup();
    assert_eq!(seen, rows, "every row, in order");
    cases
}

/// The recording's bytes: no two neighbourhoods alike.
pub fn bytes_of(len: u64) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 256) as u8).collect()
}

impl Case {
    /// A name for whoever reads a failure.
    pub fn name(&self) -> String {
        format!("row {:02}, {}: {} {:?}", self.row, self.rule, self.method, self.headers)
    }

    /// The request, asked about `id` under `etag` (with its quotes).
    pub fn request(&self, id: &str, etag: &str) -> Request<()> {
        let uri = self
            .uri
            .as_deref()
            .unwrap_or("rec://localhost/{id}")
            .replace("{id}", id)
            .replace("{id%3A}", &id.replace(':', "%3A"));
        let mut request = Request::builder().method(self.method.as_str()).uri(uri);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("origin")) {
            request = request.header("Origin", APP);
        }
        for (name, value) in &self.headers {
            let opaque = etag.trim_matches('"');
            let value = value.replace("{etag}", etag).replace("{opaque}", opaque);
            request = request.header(name, value.replace("{ranges}", &vec!["0-9"; 1300].join(",")));
        }
        request.body(()).unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    /// Fails, with the case's name, where the response is another than the table's.
    pub fn judge(&self, response: &Response<Vec<u8>>, etag: &str) {
        let name = self.name();
        let header = |header: &str| response.headers().get(header).map(|value| value.to_str().expect("text"));
        let status = response.status().as_u16();
        assert_eq!(status, self.status, "{name}");
        for (wanted, value) in &self.has {
            assert_eq!(header(wanted), Some(value.replace("{etag}", etag).as_str()), "{name}: {wanted}");
        }
        for absent in &self.lacks {
            assert_eq!(header(absent), None, "{name}: {absent}");
        }
        if let Some((first, last)) = self.bytes {
            let wanted = &bytes_of(self.len)[first as usize..=last as usize];
            assert!(response.body() == wanted, "{name}: other bytes than {first}-{last}");
            let part = format!("bytes {first}-{last}/{}", self.len);
            assert_eq!(header("content-range"), (status == 206).then_some(part.as_str()), "{name}");
        }
        if self.empty {
            assert!(response.body().is_empty(), "{name}: a body of {} bytes", response.body().len());
        }
        // A HEAD names the length of what a GET would bring.
        if self.method != "HEAD" && !matches!(status, 204 | 304) {
            assert_eq!(header("content-length"), Some(response.body().len().to_string().as_str()), "{name}");
        }
        if status == 416 {
            assert_eq!(header("content-range"), Some(format!("bytes */{}", self.len).as_str()), "{name}");
        }
        self.judge_what_always_holds(response, etag);
    }

    fn judge_what_always_holds(&self, response: &Response<Vec<u8>>, etag: &str) {
        let name = self.name();
        let header = |header: &str| response.headers().get(header).map(|value| value.to_str().expect("text"));
        // Row 52: a 206 says what a 200 says. Row 53: bytes are sent as they are.
        for (always, value) in [
            ("cache-control", "private, no-store"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("vary", "Origin"),
            (
                "access-control-expose-headers",
                "Content-Range, Accept-Ranges, Content-Length, Content-Type, ETag, Retry-After",
            ),
        ] {
            assert_eq!(header(always), Some(value), "{name}: {always}");
        }
        if response.status() != 403 {
            assert_eq!(header("access-control-allow-origin"), Some(APP), "{name}");
        }
        for never in ["content-encoding", "transfer-encoding", "last-modified"] {
            assert_eq!(header(never), None, "{name}: {never}");
        }
        if matches!(response.status().as_u16(), 200 | 206) {
            for (said, value) in [("accept-ranges", "bytes"), ("etag", etag), ("content-disposition", "inline")] {
                assert_eq!(header(said), Some(value), "{name}: {said}");
            }
            assert!(header("content-type").is_some_and(|said| said.starts_with("audio/")), "{name}");
        }
        assert!(![502, 503, 504].contains(&response.status().as_u16()), "{name}");
    }
}
