//! What the handler of `rec://` answers: the range table, other projects' vectors, and a slow model of the RFC.

mod model;
mod table;

use std::io;
use std::ops::Range;

use aftercall_media::read_at::ReadAt;
use aftercall_media::respond::{Presence, Wait, body_bytes, is_from_app, recording_id_of, respond};
use http::{Request, Response};
use proptest::prelude::*;

use table::{APP, Case, ORIGINS, bytes_of, cases};

const TAG: &str = "\"00ff-1\"";
const WAIT: Wait = Wait { attempt: 3, max_attempts: 12, retry_after_s: 8 };

fn answer(request: &Request<()>, body: &dyn ReadAt) -> Response<Vec<u8>> {
    answer_as(TAG, request, body)
}

fn answer_as(etag: &str, request: &Request<()>, body: &dyn ReadAt) -> Response<Vec<u8>> {
    respond(request, Presence::Here { body, etag, content_type: "audio/mpeg" }, ORIGINS)
}

fn get(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get("rec://localhost/crm:CA1").header("Origin", APP);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

fn header<'a>(response: &'a Response<Vec<u8>>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

/// A file of which some bytes do not verify.
struct Damaged {
    bytes: Vec<u8>,
    at: Range<u64>,
}

impl ReadAt for Damaged {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset < self.at.end && offset + buf.len() as u64 > self.at.start {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.bytes.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
}

/// Asks the handler alone, which knows the recording as the vault would.
fn of_table(case: &Case) -> Response<Vec<u8>> {
    let request = case.request("crm:CA1", tag_of(case));
    if recording_id_of(request.uri()).is_none() {
        return respond(&request, Presence::Absent { reason: "not_found" }, ORIGINS);
    }
    let body = bytes_of(case.len);
    match case.about.as_str() {
        "here" | "replaced" => answer_as(tag_of(case), &request, &body),
        "damaged" => answer(&request, &Damaged { bytes: body, at: 0..65_536 }),
        "absent" => respond(&request, Presence::Absent { reason: "not_found" }, ORIGINS),
        "locked" => respond(&request, Presence::Forbidden { reason: "locked" }, ORIGINS),
        other => panic!("the table asks about {other}"),
    }
}

fn tag_of(case: &Case) -> &'static str {
    if case.about == "replaced" { "\"00fe-1\"" } else { TAG }
}

#[test]
fn every_row_of_the_range_table_holds_at_the_handler() {
    for case in cases() {
        let response = of_table(&case);
        case.judge(&response, tag_of(&case));
        if case.method == "HEAD" {
            let get = of_table(&Case { method: "GET".into(), headers: without_range(&case), ..case.clone() });
            assert_eq!((response.status(), response.headers()), (get.status(), get.headers()), "{}", case.name());
        }
    }
}

fn without_range(case: &Case) -> Vec<(String, String)> {
    case.headers.iter().filter(|(name, _)| name != "Range").cloned().collect()
}

#[test]
fn nginx_s_go_s_and_wpt_s_vectors_give_their_answer_or_one_that_the_rfc_leaves() {
    let mut checks = std::collections::BTreeMap::<String, u32>::new();
    for vector in table::peer_vectors() {
        let body = bytes_of(vector.len);
        let response = answer(&get(&[("Range", &vector.range)]), &body);
        let found = match response.status().as_u16() {
            206 => {
                let said = header(&response, "content-range").expect("a 206 says which part it is");
                let (part, len) = said.strip_prefix("bytes ").and_then(|said| said.split_once('/')).expect("its form");
                assert_eq!(len, vector.len.to_string());
                let (first, last) = part.split_once('-').expect("its form");
                let (first, last): (usize, usize) = (first.parse().expect("digits"), last.parse().expect("digits"));
                assert!(response.body()[..] == body[first..=last], "{vector:?}");
                format!("206 {part}")
            }
            200 => {
                assert!(*response.body() == body, "{vector:?}");
                "200".into()
            }
            other => other.to_string(),
        };
        assert_eq!(&found, vector.ours.as_ref().unwrap_or(&vector.theirs), "{vector:?}");
        assert_eq!(vector.ours.is_some(), vector.why.is_some(), "a difference has its reason: {vector:?}");
        *checks.entry(vector.source).or_default() += vector.checks;
    }
    let counted: Vec<(&str, u32)> = checks.iter().map(|(source, count)| (source.as_str(), *count)).collect();
    assert_eq!(
        counted,
        [
            ("Go net/http fs_test.go", 14),
            ("Go net/http range_test.go", 38),
            ("WPT fetch/range/blob.any.js", 23),
            ("nginx-tests range.t", 41)
        ]
    );
}

#[test]
fn a_recording_on_its_way_is_202_and_says_when_to_ask_again() {
    for method in ["GET", "HEAD"] {
        let request = Request::builder().method(method).uri("rec://localhost/crm:CA1").header("Range", "bytes=0-9");
        let response = respond(&request.body(()).expect("a request"), Presence::Coming(WAIT), ORIGINS);
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (202, Some("8")));
        assert_eq!(header(&response, "access-control-allow-origin"), Some(APP));
        assert_eq!(header(&response, "cache-control"), Some("private, no-store"));
        if method == "GET" {
            let json: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
            let wanted =
                serde_json::json!({"status": "processing", "attempt": 3, "max_attempts": 12, "retry_after": 8});
            assert_eq!(json, wanted);
        } else {
            assert!(response.body().is_empty());
        }
    }
}

#[test]
fn a_recording_that_arrives_answers_the_ranges_that_are_here_and_202_for_the_others() {
    let body = bytes_of(1000);
    let ask = |method: &str, headers: &[(&str, &str)], here: &[Range<u64>]| {
        let mut request = Request::builder().method(method).uri("rec://localhost/crm:CA1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let presence = Presence::Arriving {
            body: &Damaged { bytes: body.clone(), at: 500..1000 },
            etag: "00ff-1",
            content_type: "audio/mpeg",
            here,
            wait: WAIT,
        };
        respond(&request.body(()).expect("a request"), presence, ORIGINS)
    };
    let here = [0..100, 200..300];
    for (range, first, last) in [
        ("bytes=0-9", 0, 9),
        ("bytes=90-99", 90, 99),
        // What is here of it, and the truth about which part that is.
        ("bytes=0-", 0, 99),
        ("bytes=50-250", 50, 99),
        ("bytes=299-", 299, 299),
    ] {
        let response = ask("GET", &[("Range", range)], &here);
        assert_eq!(response.status(), 206, "{range}");
        assert_eq!(header(&response, "content-range"), Some(&*format!("bytes {first}-{last}/1000")), "{range}");
        assert!(response.body()[..] == body[first..=last], "{range}");
    }
    for range in ["bytes=100-", "bytes=150-250", "bytes=300-", "bytes=-5", "bytes=abc"] {
        assert_eq!(ask("GET", &[("Range", range)], &here).status(), 202, "{range}");
    }
    assert_eq!(ask("GET", &[("Range", "bytes=1000-")], &here).status(), 416);
    assert_eq!(ask("GET", &[("If-None-Match", TAG)], &here).status(), 304);
    assert_eq!(ask("GET", &[("If-Match", "\"other\"")], &here).status(), 412);
    assert_eq!(ask("GET", &[("Range", "bytes=0-9"), ("If-Range", "\"other\"")], &here).status(), 202);
    for method in ["GET", "HEAD"] {
        let whole = ask(method, &[], &here);
        assert_eq!((whole.status().as_u16(), header(&whole, "retry-after")), (202, Some("8")), "{method}");
        assert_eq!(header(&whole, "etag"), None);
    }
    assert_eq!(ask("GET", &[("Range", "bytes=0-9")], &[]).status(), 202);
    let head = ask("HEAD", &[], std::slice::from_ref(&(0..1000)));
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, Some("1000")));
    // What the ledger says is here and cannot be read is broken, not late.
    assert_eq!(ask("GET", &[("Range", "bytes=600-")], std::slice::from_ref(&(0..1000))).status(), 500);
}

#[test]
fn what_is_broken_is_500_with_its_reason() {
    let response = respond(&get(&[]), Presence::Broken { error: "disk_full", reason: "disk_full" }, ORIGINS);
    assert_eq!(response.status(), 500);
    assert_eq!(response.body(), br#"{"error":"disk_full","reason":"disk_full"}"#);
}

#[test]
fn only_the_app_s_own_origins_are_answered_and_each_by_its_name() {
    let origins = &[APP, "http://tauri.localhost"];
    let body = bytes_of(10);
    let here = Presence::Here { body: &body, etag: "e", content_type: "audio/wav" };
    let of = |named: &[&str]| {
        let mut request = Request::get("rec://localhost/crm:CA1");
        for origin in named {
            request = request.header("Origin", *origin);
        }
        let request = request.body(()).expect("a request");
        let response = respond(&request, here, origins);
        assert_eq!(is_from_app(request.headers(), origins), response.status() != 403);
        response
    };
    for ours in origins {
        let response = of(&[ours]);
        assert_eq!((response.status().as_u16(), header(&response, "access-control-allow-origin")), (200, Some(*ours)));
    }
    let unnamed = of(&[]);
    assert_eq!((unnamed.status().as_u16(), header(&unnamed, "access-control-allow-origin")), (200, Some(APP)));
    for others in [
        &["null"][..],
        &["*"],
        &["https://example.com"],
        &["tauri://localhost.example.com"],
        &["tauri://localhost/"],
        &["TAURI://localhost"],
        &[""],
        // Two lines are no origin, whichever comes first.
        &[APP, "https://example.com"],
        &["https://example.com", APP],
    ] {
        let response = of(others);
        assert_eq!(response.status(), 403, "{others:?}");
        assert_eq!(header(&response, "access-control-allow-origin"), None, "{others:?}");
        assert!(!response.body().windows(4).any(|w| w == &body[..4]));
    }
}

#[test]
fn another_scheme_host_or_port_names_no_recording() {
    for elsewhere in [
        "rec://elsewhere/crm:CA1",
        "http://localhost/crm:CA1",
        "http://rec.localhost.example.com/crm:CA1",
        "http://rec.localhost:80/crm:CA1",
        "http://user@rec.localhost/crm:CA1",
        "http://REC.localhost/crm:CA1",
        "file://localhost/crm:CA1",
        "/crm:CA1",
    ] {
        let named = elsewhere.parse().ok().and_then(|uri| recording_id_of(&uri));
        assert_eq!(named, None, "{elsewhere}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any request, well-formed or not, against the model that goes through the RFC byte by byte.
    #[test]
    fn every_answer_is_the_slow_model_s(data in proptest::collection::vec(any::<u8>(), 0..64)) {
        model::judge(&data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_of_a_partition_add_up_to_the_whole(len in 1u64..200_000, mut cuts in proptest::collection::vec(0u64..200_000, 0..8)) {
        let body = bytes_of(len);
        cuts.retain(|&cut| cut > 0 && cut < len);
        cuts.extend([0, len]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut sum = Vec::new();
        for pair in cuts.windows(2) {
            let request = get(&[("Range", &format!("bytes={}-{}", pair[0], pair[1] - 1))]);
            prop_assert_eq!(body_bytes(&request, "00ff-1", len), pair[1] - pair[0]);
            sum.extend_from_slice(answer(&request, &body).body());
        }
        prop_assert!(sum == body);
    }
}
