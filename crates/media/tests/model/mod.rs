//! A slow model of what `rec://` answers, in another shape than the handler: numbers are texts of digits, a range is
//! found by asking every byte whether it belongs, and conditions are known because they were made, not because they
//! were read. Bytes become a request, so that a property test and a fuzzer can both steer it.

use std::cmp::Ordering;

use aftercall_media::respond::{Presence, body_bytes, respond};
use http::{HeaderValue, Request};

const APP: &str = "tauri://localhost";
const TAG: &str = "\"00ff-1\"";
const LEN_MAX: u64 = 200_000;

/// Choices read from bytes; what is missing is zero.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn of(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    fn number(&mut self) -> u64 {
        (0..4).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }
}

/// A condition, and whether it names our tag.
struct Condition {
    text: Option<&'static str>,
    strongly: bool,
    weakly: bool,
}

const fn condition(text: &'static str, strongly: bool, weakly: bool) -> Condition {
    Condition { text: Some(text), strongly, weakly }
}

const CONDITIONS: &[Condition] = &[
    Condition { text: None, strongly: false, weakly: false },
    condition(TAG, true, true),
    condition("W/\"00ff-1\"", false, true),
    condition("\"other\"", false, false),
    condition("*", true, true),
    condition("\"a\", \"00ff-1\"", true, true),
    condition("W/\"00ff-1\" , \"b\"", false, true),
    condition("\"a,*\",\"b\"", false, false),
    condition("\"00ff-1", false, false),
    condition("00ff-1", false, false),
    condition("\"\"", false, false),
    condition("Mon, 23 Nov 2026 09:00:00 GMT", false, false),
    condition("", false, false),
];

/// Makes a request of `data`, asks the handler, and panics where the model answers otherwise.
pub fn judge(data: &[u8]) {
    let mut choices = Choices(data);
    let method = ["GET", "GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "BREW"][choices.of(9)];
    let len = match choices.of(8) {
        0 => [0, 1, 2, 10, 65_536, 65_537, 131_072][choices.of(7)],
        1 => choices.number() % (LEN_MAX + 1),
        _ => choices.number() % 2_000,
    };
    let if_match = &CONDITIONS[choices.of(64).saturating_sub(64 - CONDITIONS.len())];
    let if_none_match = &CONDITIONS[choices.of(64).saturating_sub(64 - CONDITIONS.len())];
    let if_range = &CONDITIONS[choices.of(CONDITIONS.len() * 2).saturating_sub(CONDITIONS.len())];
    let range = range_of(&mut choices, len);

    let mut request = Request::builder().method(method).uri("rec://localhost/crm:CA1").header("Origin", APP);
    for (name, condition) in [("If-Match", if_match), ("If-None-Match", if_none_match), ("If-Range", if_range)] {
        if let Some(text) = condition.text {
            request = request.header(name, text);
        }
    }
    // What no header can hold never reaches the handler.
    let range = range.and_then(|value| HeaderValue::from_bytes(&value).ok());
    if let Some(value) = &range {
        request = request.header("Range", value);
    }
    let request = request.body(()).expect("a request of known parts");
    BODY.with(|whole| {
        let body = &whole[..len as usize];
        let here = Presence::Here { body: &body, etag: "00ff-1", content_type: "audio/mpeg" };
        let response = respond(&request, here, &[APP]);
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        let counted = body_bytes(&request, "00ff-1", len);

        let wanted = wanted(method, len, [if_match, if_none_match, if_range], range.as_ref().map(|r| r.as_bytes()));
        let status = response.status().as_u16();
        let (bytes, content_range, said_len): (&[u8], _, _) = match wanted {
            Wanted::Status(wanted) => {
                assert_eq!(status, wanted, "{request:?}");
                let said = (wanted == 416).then(|| format!("bytes */{len}"));
                (&[], said, (!matches!(wanted, 204 | 304)).then_some(0))
            }
            Wanted::Whole => {
                assert_eq!(status, 200, "{request:?} of {len}");
                (body, None, Some(len))
            }
            Wanted::Part { first, count } => {
                assert_eq!(status, 206, "{request:?} of {len}");
                let part = &body[first as usize..(first + count) as usize];
                (part, Some(format!("bytes {first}-{}/{len}", first + count - 1)), Some(count))
            }
        };
        assert_eq!(header("content-range"), content_range, "{request:?} of {len}");
        assert_eq!(header("content-length"), said_len.map(|len: u64| len.to_string()), "{request:?} of {len}");
        let sent: &[u8] = if method == "HEAD" { &[] } else { bytes };
        assert!(response.body() == sent, "other bytes for {request:?} of {len}");
        if matches!(method, "GET" | "HEAD") {
            assert_eq!(counted, sent.len() as u64, "{request:?} of {len}");
        }
        assert_eq!(header("access-control-allow-origin").as_deref(), Some(APP));
        assert_eq!(header("cache-control").as_deref(), Some("private, no-store"));
        if matches!(status, 200 | 206 | 304 | 412 | 416) {
            assert_eq!(header("etag").as_deref(), Some(TAG));
        }
    });
}

thread_local! {
    static BODY: Vec<u8> = (0..LEN_MAX + 100).map(|at| (at * 7 + at / 256) as u8).collect();
}

/// A Range header: mostly one that is nearly right.
fn range_of(choices: &mut Choices<'_>, len: u64) -> Option<Vec<u8>> {
    let number = |choices: &mut Choices<'_>| match choices.of(8) {
        0 => String::new(),
        1 => len.to_string(),
        2 => len.saturating_sub(1).to_string(),
        3 => "18446744073709551616".to_owned(),
        4 => format!("000{}", choices.number() % (len + 10)),
        5 => "99999999999999999999999999999999".to_owned(),
        _ => (choices.number() % (len + 10)).to_string(),
    };
    match choices.of(8) {
        0 => None,
        1 => Some(choices.0.to_vec()),
        2 => Some([b"bytes=", choices.0].concat()),
        3 => {
            let alphabet = b"0123456789-, \tx=";
            let text = choices.0.iter().take(40).map(|byte| alphabet[usize::from(*byte) % alphabet.len()]);
            Some(b"bytes=".iter().copied().chain(text).collect())
        }
        4 => {
            let (a, b, c) = (number(choices), number(choices), number(choices));
            let form = choices.of(4);
            Some(
                [
                    format!("bytes={a}-{b},{c}-"),
                    format!("bytes={a}-{b},"),
                    format!("bytes=,\t{a}-{b} ,"),
                    format!("{a}-{b}"),
                ][form]
                    .clone()
                    .into_bytes(),
            )
        }
        _ => {
            let (first, last) = (number(choices), number(choices));
            let unit = ["bytes", "bytes", "bytes", "BYTES", "bytes ", "items"][choices.of(6)];
            Some(format!("{unit}={first}-{last}").into_bytes())
        }
    }
}

enum Wanted {
    Status(u16),
    Whole,
    Part { first: u64, count: u64 },
}

fn wanted(method: &str, len: u64, conditions: [&Condition; 3], range: Option<&[u8]>) -> Wanted {
    let [if_match, if_none_match, if_range] = conditions;
    match method {
        "OPTIONS" => return Wanted::Status(204),
        "POST" => return Wanted::Status(405),
        "BREW" => return Wanted::Status(501),
        _ => {}
    }
    if if_match.text.is_some() && !if_match.strongly {
        return Wanted::Status(412);
    }
    if if_none_match.weakly {
        return Wanted::Status(304);
    }
    // If-Range is one tag: a list or a star is none.
    let range_counts = if_range.text.is_none_or(|text| text == TAG);
    match range {
        Some(range) if method == "GET" && range_counts && len > 0 => part(range, len),
        _ => Wanted::Whole,
    }
}

/// Asks every byte whether the header wants it.
fn part(header: &[u8], len: u64) -> Wanted {
    let Some((first, last)) = spec(header) else { return Wanted::Whole };
    let belongs = |at: u64| match (first, last) {
        ([], count) => !less(count, len - at),
        (first, []) => !less_than_number(at, first),
        (first, last) => !less_than_number(at, first) && !less(last, at),
    };
    let wanted: Vec<u64> = (0..len).filter(|at| belongs(*at)).collect();
    let Some(first) = wanted.first() else { return Wanted::Status(416) };
    assert!(wanted.iter().zip(*first..).all(|(at, expected)| *at == expected), "the model's own part has a gap");
    Wanted::Part { first: *first, count: wanted.len() as u64 }
}

/// The digits before and behind the hyphen of the one range, or nothing where the header is to be ignored.
fn spec(header: &[u8]) -> Option<(&[u8], &[u8])> {
    if header.len() > 4096 {
        return None;
    }
    let equals = header.iter().position(|byte| *byte == b'=')?;
    if !header[..equals].eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut only = None;
    for element in header[equals + 1..].split(|byte| *byte == b',') {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let Some(start) = element.iter().position(|byte| !blank(byte)) else { continue };
        let end = element.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
        if only.replace(&element[start..end]).is_some() {
            return None;
        }
    }
    let only: &[u8] = only?;
    let hyphen = only.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (&only[..hyphen], &only[hyphen + 1..]);
    let digits = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_digit());
    let one = !first.is_empty() || !last.is_empty();
    let forwards = first.is_empty() || last.is_empty() || compare(first, last) != Ordering::Greater;
    (digits(first) && digits(last) && one && forwards).then_some((first, last))
}

/// Two numbers of any size, as their digits.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let bare = |digits: &[u8]| {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits[zeros..].to_vec()
    };
    let (a, b) = (bare(a), bare(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

fn less(digits: &[u8], number: u64) -> bool {
    compare(digits, number.to_string().as_bytes()) == Ordering::Less
}

fn less_than_number(number: u64, digits: &[u8]) -> bool {
    compare(number.to_string().as_bytes(), digits) == Ordering::Less
}
