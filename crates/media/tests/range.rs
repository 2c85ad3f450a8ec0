//! The rows of the range table, one test each: what `rec://` answers.

use std::io;

use aftercall_media::read_at::ReadAt;
use aftercall_media::respond::{Presence, recording_id_of, respond};
use http::{Method, Request, Response, Uri};
use proptest::prelude::*;

const APP: &str = "tauri://localhost";
const ORIGINS: &[&str] = &[APP, "http://tauri.localhost"];
const TAG: &str = "\"00ff-1\"";

fn bytes_of(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
}

fn ask(method: &str, headers: &[(&str, &[u8])], body: &dyn ReadAt) -> Response<Vec<u8>> {
    ask_about(method, headers, Presence::Here { body, etag: "00ff-1", content_type: "audio/mpeg" })
}

fn ask_about(method: &str, headers: &[(&str, &[u8])], presence: Presence<'_>) -> Response<Vec<u8>> {
    let mut request = Request::builder().method(method).uri("rec://localhost/crm:CA1").header("Origin", APP);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    respond(&request.body(()).expect("a request"), presence, ORIGINS)
}

/// A GET of 1000 bytes with these headers.
fn get(headers: &[(&str, &str)]) -> Response<Vec<u8>> {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    ask("GET", &headers, &bytes_of(1000))
}

fn get_range(range: &str) -> Response<Vec<u8>> {
    get(&[("Range", range)])
}

fn header<'a>(response: &'a Response<Vec<u8>>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

/// A 206 of exactly these bytes of 1000.
fn assert_part(response: &Response<Vec<u8>>, first: usize, last: usize) {
    assert_part_of(response, first, last, 1000);
}

fn assert_part_of(response: &Response<Vec<u8>>, first: usize, last: usize, len: usize) {
    assert_eq!(response.status(), 206);
    assert_eq!(header(response, "content-range"), Some(format!("bytes {first}-{last}/{len}").as_str()));
    assert_eq!(header(response, "content-length"), Some((last - first + 1).to_string().as_str()));
    assert!(response.body()[..] == bytes_of(len)[first..=last], "other bytes than {first}-{last}");
    assert_representation(response);
}

fn assert_whole(response: &Response<Vec<u8>>) {
    assert_eq!(response.status(), 200);
    assert_eq!(header(response, "content-range"), None);
    assert_eq!(header(response, "content-length"), Some("1000"));
    assert!(*response.body() == bytes_of(1000));
    assert_representation(response);
}

fn assert_unsatisfiable(response: &Response<Vec<u8>>) {
    assert_eq!(response.status(), 416);
    assert_eq!(header(response, "content-range"), Some("bytes */1000"));
    assert!(response.body().is_empty());
}

/// What 200 and 206 always say.
fn assert_representation(response: &Response<Vec<u8>>) {
    for (name, value) in [
        ("accept-ranges", "bytes"),
        ("etag", TAG),
        ("content-type", "audio/mpeg"),
        ("cache-control", "private, no-store"),
        ("x-content-type-options", "nosniff"),
        ("vary", "Origin"),
        ("access-control-allow-origin", APP),
        (
            "access-control-expose-headers",
            "Content-Range, Accept-Ranges, Content-Length, Content-Type, ETag, Retry-After",
        ),
    ] {
        assert_eq!(header(response, name), Some(value), "{name}");
    }
    assert_eq!(header(response, "content-encoding"), None);
    assert_eq!(header(response, "transfer-encoding"), None);
}

#[test]
fn row_01_get_is_200_with_everything() {
    assert_whole(&get(&[]));
}

#[test]
fn row_02_head_is_the_get_without_its_body() {
    let head = ask("HEAD", &[], &bytes_of(1000));
    let get = get(&[]);
    assert_eq!((head.status(), head.headers()), (get.status(), get.headers()));
    assert!(head.body().is_empty());
}

#[test]
fn row_03_head_ignores_any_range() {
    for range in ["bytes=0-9", "bytes=5000-", "bytes=abc"] {
        let response = ask("HEAD", &[("Range", range.as_bytes())], &bytes_of(1000));
        assert_eq!((response.status().as_u16(), header(&response, "content-length")), (200, Some("1000")));
        assert_eq!(header(&response, "content-range"), None);
    }
}

#[test]
fn row_04_options_is_204_and_allows_what_the_window_asks() {
    let response = ask("OPTIONS", &[], &bytes_of(1000));
    assert_eq!(response.status(), 204);
    assert_eq!(header(&response, "allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(header(&response, "access-control-allow-origin"), Some(APP));
    assert_eq!(header(&response, "access-control-allow-methods"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(header(&response, "access-control-allow-headers"), Some("Range, If-Range, If-None-Match"));
    assert!(response.body().is_empty());
}

#[test]
fn row_05_other_methods_are_405_and_unknown_ones_501() {
    for (method, status) in
        [("POST", 405), ("PUT", 405), ("DELETE", 405), ("PATCH", 405), ("TRACE", 405), ("BREW", 501), ("get", 501)]
    {
        let response = ask(method, &[], &bytes_of(1000));
        assert_eq!(response.status(), status, "{method}");
        assert_eq!(header(&response, "allow"), Some("GET, HEAD, OPTIONS"));
        assert!(response.body().is_empty());
    }
}

#[test]
fn row_06_an_unknown_recording_is_404_and_never_stored() {
    let response = ask_about("GET", &[], Presence::Absent { reason: "not_found" });
    assert_eq!(response.status(), 404);
    assert_eq!(response.body(), br#"{"error":"not_found","reason":"not_found"}"#);
    assert_eq!(header(&response, "cache-control"), Some("private, no-store"));
    assert_eq!(header(&response, "content-type"), Some("application/json"));
}

macro_rules! parts {
    ($($name:ident: $($range:literal)|+ => $first:literal - $last:literal;)*) => {$(
        #[test]
        fn $name() {
            for range in [$($range),+] {
                let response = get_range(range);
                assert_eq!(response.status(), 206, "{range}");
                assert_part(&response, $first, $last);
            }
        }
    )*};
}

parts! {
    row_07_the_first_byte: "bytes=0-0" => 0 - 0;
    row_08_the_first_hundred: "bytes=0-99" => 0 - 99;
    row_09_a_hundred_in_the_middle: "bytes=500-599" => 500 - 599;
    row_11_an_open_range_goes_to_the_end: "bytes=990-" => 990 - 999;
    row_12_from_zero_on_is_206_not_200: "bytes=0-" => 0 - 999;
    row_13_the_probe_of_webkit: "bytes=0-1" => 0 - 1;
    row_14_a_last_byte_beyond_the_end_is_clamped: "bytes=990-5000" => 990 - 999;
    row_15_a_suffix: "bytes=-10" => 990 - 999;
    row_16_a_suffix_longer_than_everything: "bytes=-5000" => 0 - 999;
    row_19_the_last_byte: "bytes=999-" => 999 - 999;
    row_23_the_unit_has_no_case: "Bytes=0-9" | "BYTES=0-9" => 0 - 9;
    row_24_a_last_byte_beyond_64_bits_is_clamped: "bytes=0-18446744073709551616" => 0 - 999;
    row_27_empty_list_elements_and_blanks_do_not_matter:
        "bytes=0-9," | "bytes=,0-9" | "bytes= 0-9" | "bytes=0-9 ,\t," => 0 - 9;
}

#[test]
fn row_10_a_range_across_the_edge_of_a_chunk() {
    let response = ask("GET", &[("Range", b"bytes=65530-65550")], &bytes_of(100_000));
    assert_part_of(&response, 65_530, 65_550, 100_000);
}

#[test]
fn row_17_a_suffix_of_nothing_is_416() {
    assert_unsatisfiable(&get_range("bytes=-0"));
}

#[test]
fn row_18_a_range_behind_the_end_is_416() {
    for range in ["bytes=1000-", "bytes=5000-6000"] {
        assert_unsatisfiable(&get_range(range));
    }
}

#[test]
fn row_20_a_range_backwards_is_ignored() {
    assert_whole(&get_range("bytes=5-2"));
}

#[test]
fn row_21_a_malformed_range_is_ignored() {
    for range in [
        "bytes=abc",
        "bytes=",
        "bytes=-",
        "bytes=5",
        "bytes=1-x",
        "bytes=0x1-2",
        "bytes=+1-2",
        "bytes=--5",
        "bytes=1 -2",
        "bytes=1- 2",
        "bytes",
        "",
        "=0-1",
    ] {
        assert_whole(&get_range(range));
    }
}

#[test]
fn row_22_an_unknown_unit_is_ignored() {
    for range in ["items=0-1", "foo=0-5", "bytes =0-1"] {
        assert_whole(&get_range(range));
    }
}

#[test]
fn row_25_a_first_byte_beyond_64_bits_is_416() {
    assert_unsatisfiable(&get_range("bytes=18446744073709551616-"));
}

#[test]
fn row_26_several_ranges_are_ignored() {
    assert_whole(&get_range("bytes=0-9,20-29"));
}

#[test]
fn row_28_a_thousand_ranges_cost_no_more_than_one_body() {
    let ranges = vec!["0-9"; 1300].join(",");
    assert_whole(&get_range(&format!("bytes={ranges}")));
    assert_whole(&get_range(&format!("bytes=0-9{}", ",".repeat(4097))));
}

#[test]
fn row_29_two_range_lines_are_ignored() {
    assert_whole(&get(&[("Range", "bytes=0-9"), ("Range", "bytes=0-9")]));
}

#[test]
fn rows_30_31_and_32_of_nothing_everything_is_200() {
    for headers in [&[][..], &[("Range", &b"bytes=0-"[..])], &[("Range", b"bytes=-5")], &[("Range", b"bytes=-0")]] {
        let response = ask("GET", headers, &Vec::new());
        assert_eq!((response.status().as_u16(), header(&response, "content-length")), (200, Some("0")));
        assert!(response.body().is_empty());
    }
}

#[test]
fn row_33_if_range_with_the_same_tag_keeps_the_range() {
    assert_part(&get(&[("Range", "bytes=0-9"), ("If-Range", TAG)]), 0, 9);
}

#[test]
fn row_34_if_range_with_another_tag_gives_everything() {
    assert_whole(&get(&[("Range", "bytes=0-9"), ("If-Range", "\"other\"")]));
}

#[test]
fn row_35_if_range_never_matches_weakly() {
    assert_whole(&get(&[("Range", "bytes=0-9"), ("If-Range", "W/\"00ff-1\"")]));
}

#[test]
fn row_36_if_range_with_a_date_gives_everything() {
    assert_whole(&get(&[("Range", "bytes=0-9"), ("If-Range", "Mon, 23 Nov 2026 09:00:00 GMT")]));
}

#[test]
fn row_37_if_range_without_a_range_is_ignored() {
    assert_whole(&get(&[("If-Range", TAG)]));
    assert_whole(&get(&[("If-Range", "\"other\"")]));
}

#[test]
fn row_38_if_range_that_matches_leaves_416_as_it_is() {
    assert_unsatisfiable(&get(&[("Range", "bytes=1000-"), ("If-Range", TAG)]));
}

#[test]
fn row_39_if_none_match_with_the_tag_is_304() {
    for value in [TAG, "W/\"00ff-1\"", "*", "\"a\", \"00ff-1\"", "\"a\",W/\"00ff-1\",\"b\""] {
        for method in ["GET", "HEAD"] {
            let response = ask(method, &[("If-None-Match", value.as_bytes())], &bytes_of(1000));
            assert_eq!(response.status(), 304, "{method} {value}");
            assert_eq!(header(&response, "etag"), Some(TAG));
            assert_eq!(header(&response, "cache-control"), Some("private, no-store"));
            assert_eq!(header(&response, "vary"), Some("Origin"));
            assert_eq!(header(&response, "content-length"), None);
            assert!(response.body().is_empty());
        }
    }
}

#[test]
fn row_40_if_none_match_comes_before_the_range() {
    let response = get(&[("If-None-Match", TAG), ("Range", "bytes=0-9")]);
    assert_eq!(response.status(), 304);
    assert_eq!(header(&response, "content-range"), None);
}

#[test]
fn row_41_if_none_match_with_another_tag_leaves_the_range() {
    assert_part(&get(&[("If-None-Match", "\"other\""), ("Range", "bytes=0-9")]), 0, 9);
}

#[test]
fn row_42_if_match_needs_the_tag() {
    assert_whole(&get(&[("If-Match", TAG)]));
    assert_whole(&get(&[("If-Match", "*")]));
    assert_whole(&get(&[("If-Match", "\"a\", \"00ff-1\"")]));
    let response = get(&[("If-Match", "\"other\"")]);
    assert_eq!(response.status(), 412);
    assert!(response.body().is_empty());
    assert_eq!(get(&[("If-Match", "\"other\""), ("If-None-Match", TAG)]).status(), 412);
}

#[test]
fn row_43_if_match_never_matches_weakly() {
    assert_eq!(get(&[("If-Match", "W/\"00ff-1\"")]).status(), 412);
}

#[test]
fn rows_44_and_45_dates_alone_are_ignored() {
    for name in ["If-Modified-Since", "If-Unmodified-Since"] {
        assert_whole(&get(&[(name, "Mon, 23 Nov 2026 09:00:00 GMT")]));
        assert_whole(&get(&[(name, "Thu, 01 Jan 1970 00:00:00 GMT")]));
    }
}

#[test]
fn row_46_a_replaced_file_is_not_mixed_with_the_old_one() {
    let new = bytes_of(500);
    let here = Presence::Here { body: &new, etag: "00fe-1", content_type: "audio/mpeg" };
    let guarded = ask_about("GET", &[("Range", b"bytes=0-9"), ("If-Range", TAG.as_bytes())], here);
    assert_eq!((guarded.status().as_u16(), guarded.body().len()), (200, 500));
    let bare = ask_about("GET", &[("Range", b"bytes=0-9")], here);
    assert_eq!((bare.status().as_u16(), header(&bare, "etag")), (206, Some("\"00fe-1\"")));
}

/// A file whose second half does not verify.
struct HalfDamaged(Vec<u8>);

impl ReadAt for HalfDamaged {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let half = self.0.len() / 2;
        let from = usize::try_from(offset).expect("small");
        if from >= half {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.0[..half].read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

#[test]
fn row_47_a_chunk_that_does_not_verify_is_500_before_any_byte() {
    let body = HalfDamaged(bytes_of(1000));
    for headers in [&[][..], &[("Range", &b"bytes=400-600"[..])]] {
        let response = ask("GET", headers, &body);
        assert_eq!(response.status(), 500);
        assert_eq!(response.body(), br#"{"error":"damaged","reason":"damaged"}"#);
        assert_eq!(header(&response, "etag"), None);
    }
    assert_eq!(ask("GET", &[("Range", b"bytes=0-9")], &body).status(), 206);
}

#[test]
fn row_48_locked_is_403() {
    let response = ask_about("GET", &[], Presence::Forbidden { reason: "locked" });
    assert_eq!(response.status(), 403);
    assert_eq!(response.body(), br#"{"error":"forbidden","reason":"locked"}"#);
}

#[test]
fn row_49_a_part_is_4_mib_at_most_and_the_whole_is_whole() {
    const MIB_4: usize = 4 << 20;
    let len = 9 << 20;
    let body = bytes_of(len);
    assert_part_of(&ask("GET", &[("Range", b"bytes=0-")], &body), 0, MIB_4 - 1, len);
    assert_part_of(&ask("GET", &[("Range", b"bytes=100-9000000")], &body), 100, 99 + MIB_4, len);
    assert_part_of(&ask("GET", &[("Range", b"bytes=-5000000")], &body), len - 5_000_000, len - 5_000_001 + MIB_4, len);
    let whole = ask("GET", &[], &body);
    assert_eq!((whole.status().as_u16(), whole.body().len()), (200, len));
}

#[test]
fn row_51_an_odd_id_names_no_recording() {
    let named = |uri: &str| uri.parse::<Uri>().ok().and_then(|uri| recording_id_of(&uri));
    for id in [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fcrm:CA1",
        "../crm:CA1",
        "crm:CA1%00",
        "crm%253ACA1",
        "crm%3ACA1%3A",
        "crm%3ACA%31",
        "crm%3A%3ACA1",
        "crm::CA1",
        "CRM:CA1",
        "crm:",
        "",
        "crm:CA1/",
        "x/crm:CA1",
        "CA1",
        "crm:CA1?x=1/../",
    ] {
        let found = named(&format!("rec://localhost/{id}"));
        assert!(found.is_none() || id.contains('?'), "{id}: {found:?}");
    }
    for elsewhere in [
        "rec://elsewhere/crm:CA1",
        "http://localhost/crm:CA1",
        "http://rec.localhost.example.com/crm:CA1",
        "http://rec.localhost:80/crm:CA1",
        "file://localhost/crm:CA1",
        "/crm:CA1",
    ] {
        assert_eq!(named(elsewhere), None, "{elsewhere}");
    }
}

#[test]
fn row_54_both_forms_of_the_address_name_the_same_recording() {
    for uri in [
        "rec://localhost/crm:CA1",
        "rec://localhost/crm%3ACA1",
        "rec://localhost/crm%3aCA1",
        "http://rec.localhost/crm:CA1",
        "http://rec.localhost/crm%3ACA1",
    ] {
        let id = recording_id_of(&uri.parse().expect("a URI")).expect(uri);
        assert_eq!(id.as_str(), "crm:CA1", "{uri}");
    }
}

#[test]
fn a_recording_on_its_way_is_202_and_says_when_to_ask_again() {
    let coming = Presence::Coming { attempt: 3, max_attempts: 12, retry_after_s: 8 };
    for method in ["GET", "HEAD"] {
        let response = ask_about(method, &[("Range", b"bytes=0-9")], coming);
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (202, Some("8")));
        assert_eq!(header(&response, "access-control-allow-origin"), Some(APP));
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
fn what_is_broken_is_500_with_its_reason() {
    let response = ask_about("GET", &[], Presence::Broken { error: "disk_full", reason: "disk_full" });
    assert_eq!(response.status(), 500);
    assert_eq!(response.body(), br#"{"error":"disk_full","reason":"disk_full"}"#);
}

#[test]
fn only_the_app_s_own_origins_are_answered_and_each_by_its_name() {
    let body = bytes_of(10);
    let here = Presence::Here { body: &body, etag: "e", content_type: "audio/wav" };
    let of = |origin: Option<&str>| {
        let mut request = Request::builder().method(Method::GET).uri("rec://localhost/crm:CA1");
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        respond(&request.body(()).expect("a request"), here, ORIGINS)
    };
    for ours in ORIGINS {
        let response = of(Some(ours));
        assert_eq!((response.status().as_u16(), header(&response, "access-control-allow-origin")), (200, Some(*ours)));
    }
    let unnamed = of(None);
    assert_eq!((unnamed.status().as_u16(), header(&unnamed, "access-control-allow-origin")), (200, Some(APP)));
    for other in ["null", "*", "https://example.com", "tauri://localhost.example.com", "TAURI://localhost", ""] {
        let response = of(Some(other));
        assert_eq!(response.status(), 403, "{other}");
        assert_eq!(header(&response, "access-control-allow-origin"), None, "{other}");
        assert!(!response.body().windows(4).any(|w| w == &body[..4]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_part_is_the_slice_of_the_whole(len in 1usize..200_000, a in 0usize..220_000, b in 0usize..220_000, form in 0..3) {
        let body = bytes_of(len);
        let (first, last) = (a.min(b), a.max(b));
        let (range, wanted) = match form {
            0 => (format!("bytes={first}-{last}"), first..last.saturating_add(1).min(len)),
            1 => (format!("bytes={first}-"), first..len),
            _ => (format!("bytes=-{first}"), len.saturating_sub(first)..len),
        };
        let response = ask("GET", &[("Range", range.as_bytes())], &body);
        if wanted.start >= len {
            prop_assert_eq!(response.status(), 416);
        } else {
            prop_assert_eq!(response.status(), 206);
            prop_assert!(response.body()[..] == body[wanted]);
        }
    }

    #[test]
    fn the_parts_of_a_partition_add_up_to_the_whole(len in 1usize..200_000, mut cuts in proptest::collection::vec(0usize..200_000, 0..8)) {
        let body = bytes_of(len);
        cuts.retain(|&cut| cut > 0 && cut < len);
        cuts.extend([0, len]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut sum = Vec::new();
        for pair in cuts.windows(2) {
            let range = format!("bytes={}-{}", pair[0], pair[1] - 1);
            sum.extend_from_slice(ask("GET", &[("Range", range.as_bytes())], &body).body());
        }
        prop_assert!(sum == body);
    }

    #[test]
    fn arbitrary_header_bytes_never_panic_and_never_leave_the_table(
        values in proptest::collection::vec((0usize..6, proptest::collection::vec(any::<u8>(), 0..30)), 0..6),
        prefix in any::<bool>(),
    ) {
        let names = ["Range", "If-Range", "If-Match", "If-None-Match", "Origin", "If-Modified-Since"];
        let body = bytes_of(1000);
        let mut request = Request::builder().method(Method::GET).uri("rec://localhost/crm:CA1");
        for (name, value) in values {
            let mut bytes = if prefix && name == 0 { b"bytes=".to_vec() } else { Vec::new() };
            bytes.extend(value);
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
                request = request.header(names[name], value);
            }
        }
        let here = Presence::Here { body: &body, etag: "00ff-1", content_type: "audio/mpeg" };
        let response = respond(&request.body(()).expect("a request"), here, ORIGINS);
        prop_assert!([200, 206, 304, 403, 412, 416].contains(&response.status().as_u16()));
    }
}
