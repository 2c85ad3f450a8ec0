//! Texts: range headers, pages of JSON, links, Retry-After.

#[path = "../../../media/tests/model/mod.rs"]
mod model;

use std::fs;
use std::path::Path;

use aftercall_domain::backoff::{MAX_RETRY_AFTER_MS, retry_after_ms};
use aftercall_domain::link::{LINK_BYTES_MAX, Link};
use aftercall_engine::upstream::read_as_any_answer;

/// A GET of 1000 bytes without conditions, whose Range header is what follows: how the model reads its bytes.
const GET_WITH_RANGE: [u8; 10] = [0, 2, 0, 0, 3, 232, 0, 0, 0, 1];

/// The vectors of nginx, Go and WPT as raw headers, and as choices.
pub fn range_seeds() -> Vec<Vec<u8>> {
    let vectors: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../media/tests/vectors/range-peers.json")).unwrap_or_default();
    let headers = vectors.iter().filter_map(|vector| vector["range"].as_str());
    let mut seeds: Vec<Vec<u8>> = headers.map(|header| [&GET_WITH_RANGE[..], header.as_bytes()].concat()).collect();
    seeds.extend((0..64_u8).map(|at| (0..40).map(|byte: u8| at.wrapping_mul(37) ^ byte.wrapping_mul(11)).collect()));
    seeds
}

/// The handler answers as its slow model does.
pub fn range(input: &[u8]) {
    model::judge(input);
}

/// Recorded answers of the CRM, and Twilio's shapes.
pub fn page_seeds() -> Vec<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    for folder in [here.join("../engine/tests/transcripts"), here.join("corpus/pages")] {
        let mut files: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path()).collect();
        files.sort();
        for text in files.into_iter().filter_map(|file| fs::read_to_string(file).ok()) {
            let body = text.split_once("----- response -----").and_then(|(_, answer)| answer.split_once("# body"));
            let body = body.and_then(|(_, rest)| rest.split_once('\n')).map_or(&*text, |(_, body)| body);
            seeds.push(body.as_bytes().to_vec());
        }
    }
    seeds
}

/// A page is read or refused.
pub fn pages(input: &[u8]) {
    read_as_any_answer(input);
}

pub fn link_seeds() -> Vec<Vec<u8>> {
    let links = [
        "aftercall://call/CA60acce5a807aaa68a1af7d781a723f6e?t=75",
        "aftercall://call/CA1",
        "aftercall://lead/7",
        "aftercall://lead/9223372036854775807",
        "aftercall://login?state=x",
        "",
    ];
    links.map(|link| link.as_bytes().to_vec()).to_vec()
}

/// Only the two known verbs, each place in one spelling only.
pub fn link(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(link) = text.parse::<Link>() {
        assert_eq!(link.to_string(), text, "a second spelling of one place");
        assert!(text.len() <= LINK_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}

pub fn retry_after_seeds() -> Vec<Vec<u8>> {
    let values = [
        "0\n",
        "5\nWed, 25 Nov 2026 10:00:00 GMT",
        "Wed, 25 Nov 2026 10:07:00 GMT\nWed, 25 Nov 2026 10:00:00 GMT",
        "Wednesday, 25-Nov-26 10:07:00 GMT\n",
        "Wed Nov 25 10:07:00 2026\nbroken",
        "-1\n",
        "1000000000000\n",
        "99999999999999999999999\n",
        "1.5\n",
        "soon\n",
    ];
    values.map(|value| value.as_bytes().to_vec()).to_vec()
}

/// A wait is between nothing and a day, whatever the two headers say.
pub fn retry_after(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (value, date) = text.split_once('\n').unwrap_or((&text, ""));
    for now_ms in [0, 1_795_600_000_000, i64::MAX] {
        for date in [None, Some(date)] {
            if let Some(wait_ms) = retry_after_ms(value, date, now_ms) {
                assert!((0..=MAX_RETRY_AFTER_MS).contains(&wait_ms), "{wait_ms} ms");
            }
        }
    }
}
