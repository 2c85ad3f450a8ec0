//! A page of calls, as it came: a sync in which nothing changed never looks into most of its rows.
//!
//! The page is parted into rows once. A row that is here just so is told by its bytes; only another one is read.

use std::cell::RefCell;

use aftercall_domain::call::{Call, Direction};
use aftercall_domain::ids::{LeadId, Source};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::UpstreamError;
use super::split;
use super::wire::{Pagination, ROWS_MAX, Rejected, sid, text, transcript as words, utc, word};

/// One answer of the list of calls.
#[derive(Debug, Clone)]
pub struct CallsPage {
    body: String,
    /// First byte and the one behind the last, of each row.
    rows: Vec<(usize, usize)>,
    total: Option<u64>,
}

/// What stands around the rows.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "calls")]
    _calls: Vec<IgnoredAny>,
    pagination: Option<Pagination>,
}

/// The raw values of a row. One text comes under three names, six bytes a letter: only the one that counts is read.
#[derive(Default)]
struct RawCall<'a> {
    sid: Option<&'a str>,
    call_sid: Option<&'a str>,
    parent_call_sid: Option<&'a str>,
    lead_id: Option<&'a str>,
    direction: Option<&'a str>,
    twilio_direction: Option<&'a str>,
    from_e164: Option<&'a str>,
    to_e164: Option<&'a str>,
    status: Option<&'a str>,
    duration: Option<&'a str>,
    at: Option<&'a str>,
    created_at: Option<&'a str>,
    summary: Option<&'a str>,
    final_transcript: Option<&'a str>,
    transcript: Option<&'a str>,
    transcription: Option<&'a str>,
    has_recording: Option<&'a str>,
}

impl<'a> RawCall<'a> {
    fn of(row: &'a str) -> Option<Self> {
        let mut raw = Self::default();
        split::members(row, |name, value| {
            let place = match name {
                "sid" => &mut raw.sid,
                "call_sid" => &mut raw.call_sid,
                "parent_call_sid" => &mut raw.parent_call_sid,
                "lead_id" => &mut raw.lead_id,
                "direction" => &mut raw.direction,
                "twilio_direction" => &mut raw.twilio_direction,
                "from_e164" => &mut raw.from_e164,
                "to_e164" => &mut raw.to_e164,
                "status" => &mut raw.status,
                "duration" => &mut raw.duration,
                "at" => &mut raw.at,
                "created_at" => &mut raw.created_at,
                "summary" => &mut raw.summary,
                "final_transcript" => &mut raw.final_transcript,
                "transcript" => &mut raw.transcript,
                "transcription" => &mut raw.transcription,
                "hasRecording" => &mut raw.has_recording,
                _ => return true,
            };
            *place = (value != "null").then_some(value);
            true
        })?;
        Some(raw)
    }
}

fn value<T: DeserializeOwned>(raw: Option<&str>) -> Result<Option<T>, Rejected> {
    raw.map(serde_json::from_str).transpose().map_err(|_| Rejected)
}

/// A text. Most are Hebrew written as `\u05d0`, six bytes a letter, which serde_json reads one by one: what is plain or
/// a letter so written is read here, and a text with anything else in it by serde_json.
fn string(raw: Option<&str>) -> Result<Option<String>, Rejected> {
    thread_local! {
        // Escaped letters are six bytes, and two when they are read: each text gets the room that it needs.
        static READ: RefCell<String> = RefCell::default();
    }
    let Some(json) = raw else { return Ok(None) };
    let plain = READ.with_borrow_mut(|text| {
        text.clear();
        let plain = plain_string(json, text).map(|()| text.as_str().to_owned());
        text.shrink_to(ROOM_KEPT);
        plain
    });
    match plain {
        Some(text) => Ok(Some(text)),
        None => value(raw),
    }
}

/// Room for a text that is kept for the next one.
const ROOM_KEPT: usize = 1 << 16;

/// What a hexadecimal digit stands for; any other byte has the upper bits.
const HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut digit = 0;
    while digit < 10 {
        table[b'0' as usize + digit as usize] = digit;
        digit += 1;
    }
    while digit < 16 {
        table[b'a' as usize + digit as usize - 10] = digit;
        table[b'A' as usize + digit as usize - 10] = digit;
        digit += 1;
    }
    table
};

/// None, and a part of the text, for one that is not plain.
fn plain_string(json: &str, text: &mut String) -> Option<()> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    let mut rest = inner;
    loop {
        let bytes = rest.as_bytes();
        let end = bytes.iter().position(|byte| matches!(byte, b'\\' | b'"' | 0..0x20)).unwrap_or(bytes.len());
        text.push_str(rest.get(..end)?);
        rest = rest.get(end..)?;
        // As long as letters follow each other.
        while let Some(escape) = rest.as_bytes().first_chunk::<6>().filter(|escape| escape.starts_with(b"\\u")) {
            let [a, b, c, d] = [escape[2], escape[3], escape[4], escape[5]].map(|digit| HEX[usize::from(digit)]);
            if a | b | c | d > 0xf {
                return None;
            }
            let code = [a, b, c, d].into_iter().fold(0, |code, digit| code << 4 | u32::from(digit));
            // None for one half of a pair.
            text.push(char::from_u32(code)?);
            rest = rest.get(6..)?;
        }
        match rest.as_bytes() {
            [] => return Some(()),
            [b'\\', b'n', ..] => {
                text.push('\n');
                rest = &rest[2..];
            }
            [b'\\', sign @ (b'"' | b'\\' | b'/'), ..] => {
                text.push(char::from(*sign));
                rest = &rest[2..];
            }
            [b'\\' | b'"' | 0..0x20, ..] => return None,
            _ => {}
        }
    }
}

impl CallsPage {
    /// Parts a body into rows.
    pub(super) fn of(body: Bytes) -> Result<Self, UpstreamError> {
        let body = String::from_utf8(body.into()).map_err(|_| UpstreamError::NotData)?;
        let json = body.as_str();
        let start = json.as_ptr().addr();
        let mut list = None;
        split::members(json, |name, value| {
            list = (name == "calls").then_some(value);
            list.is_none()
        })
        .ok_or(UpstreamError::NotData)?;
        let list = list.ok_or(UpstreamError::NotData)?;
        let at = list.as_ptr().addr() - start;
        let mut rows = Vec::with_capacity(128);
        let mut too_many = false;
        split::elements(list, |from, to| {
            too_many = rows.len() == ROWS_MAX;
            if !too_many {
                rows.push((at + from, at + to));
            }
            !too_many
        })
        .ok_or(UpstreamError::NotData)?;
        if too_many {
            return Err(UpstreamError::TooLarge);
        }
        // The rest of the page without its rows: small, and read with all the strictness there is.
        let envelope = format!("{}[]{}", &json[..at], &json[at + list.len()..]);
        let envelope: Envelope = serde_json::from_str(&envelope).map_err(|_| UpstreamError::NotData)?;
        Ok(Self { total: envelope.pagination.and_then(|p| p.total), rows, body })
    }

    /// Rows in the answer, readable or not.
    pub fn sent(&self) -> usize {
        self.rows.len()
    }

    /// Rows that the server says it has; `None` when it does not say.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// A row's own bytes: JSON, as sent. Empty beyond the last.
    pub fn raw(&self, index: usize) -> &str {
        self.rows.get(index).and_then(|(first, end)| self.body.get(*first..*end)).unwrap_or_default()
    }

    /// When a row's call began, UTC, without reading the rest of it.
    pub fn started_at_ms(&self, index: usize) -> Option<i64> {
        let (mut at, mut created_at) = (None, None);
        split::members(self.raw(index), |name, value| {
            match name {
                "at" => at = Some(value).filter(|value| *value != "null"),
                "created_at" => created_at = Some(value).filter(|value| *value != "null"),
                _ => {}
            }
            at.is_none()
        })?;
        utc(value(at.or(created_at)).ok()?).ok().flatten()
    }

    /// Reads a row; `None` for one that is no call.
    pub fn read(&self, index: usize) -> Option<Call> {
        read(self.raw(index))
    }
}

/// Reads a call's JSON.
pub(super) fn read(row: &str) -> Option<Call> {
    call(&RawCall::of(row)?).ok()
}

fn call(raw: &RawCall<'_>) -> Result<Call, Rejected> {
    let direction = match Direction::from_source(string(raw.direction)?.as_deref()) {
        Direction::Unknown => Direction::from_source(string(raw.twilio_direction)?.as_deref()),
        known => known,
    };
    let transcript = raw.final_transcript.or(raw.transcript).or(raw.transcription);
    Ok(Call {
        sid: sid(string(raw.sid.or(raw.call_sid))?)?.ok_or(Rejected)?,
        parent_sid: sid(string(raw.parent_call_sid)?)?,
        source: Source::Crm,
        lead_id: value(raw.lead_id)?.map(LeadId),
        direction,
        from_number: word(string(raw.from_e164)?)?,
        to_number: word(string(raw.to_e164)?)?,
        status: word(string(raw.status)?)?,
        duration_s: value(raw.duration)?,
        started_at_ms: utc(value(raw.at.or(raw.created_at))?)?,
        summary: text(string(raw.summary)?)?,
        transcript: words(string(transcript)?)?,
        has_recording: value(raw.has_recording)?.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::{transcript, transcripts};
    use super::*;
    use proptest::prelude::*;

    fn page(body: &str) -> Result<CallsPage, UpstreamError> {
        CallsPage::of(Bytes::copy_from_slice(body.as_bytes()))
    }

    fn all(page: &CallsPage) -> Vec<Option<Call>> {
        (0..page.sent()).map(|index| page.read(index)).collect()
    }

    #[test]
    fn every_recorded_list_of_the_real_server_is_read_whole() {
        let mut read = 0;
        for name in transcripts(&["03_calls"]) {
            let page = page(&transcript(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            for (index, call) in all(&page).into_iter().enumerate() {
                let call = call.unwrap_or_else(|| panic!("{name}: row {index}"));
                assert_eq!(page.started_at_ms(index), call.started_at_ms, "{name}");
                assert!(page.raw(index).starts_with('{') && page.raw(index).ends_with('}'), "{name}");
            }
            read += page.sent();
        }
        assert!(read > 30, "{read} rows");
    }

    #[test]
    fn a_recorded_call_stands_at_the_right_moment() {
        let page = page(&transcript("03_calls_page2.http")).expect("calls");
        let first = page.read(0).expect("a call");
        assert_eq!(first.sid.as_str(), "CAf6208821b0c85ee69bedd777efaa51ee");
        assert_eq!(first.started_at_ms, Some(1_795_334_785_514), "naive UTC");
        assert_eq!(
            (first.direction, first.duration_s, first.lead_id),
            (Direction::Outbound, Some(364), Some(LeadId(9)))
        );
    }

    #[test]
    fn a_broken_row_is_told_and_the_rest_goes_on() {
        let long = "א".repeat(600_000);
        let body = format!(
            r#"{{"calls": [
            {{"sid": "CA1", "at": "2026-11-22T08:06:25"}},
            {{"sid": "../../etc/passwd"}},
            {{"sid": null}},
            {{"sid": "CA2", "duration": "long"}},
            {{"sid": "CA3", "at": "yesterday"}},
            17, null, [],
            {{"sid": "CA5", "from_e164": "{long}"}},
            {{"sid": "CA6", "final_transcript": 17}},
            {{"sid": "CA7", "summary": "\ud83d"}},
            {{"call_sid": "CA4", "lead_id": null, "transcript": "אין תמליל זמין", "from_e164": "anonymous",
              "summary": "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \ud83c\udfa7"}}
        ], "pagination": {{"total": 12}}}}"#
        );
        let page = page(&body).expect("an envelope");
        let read: Vec<Call> = all(&page).into_iter().flatten().collect();
        let sids: Vec<&str> = read.iter().map(|call| call.sid.as_str()).collect();
        assert_eq!((sids, page.sent(), page.total()), (vec!["CA1", "CA4"], 12, Some(12)));
        assert_eq!(read[1].transcript, None);
        assert_eq!(read[1].from_number.as_deref(), Some("anonymous"));
        assert_eq!(read[1].summary.as_deref(), Some("שָׁלוֹם 🎧"));
        assert_eq!(
            (page.started_at_ms(0), page.started_at_ms(4), page.started_at_ms(5)),
            (Some(1_795_334_785_000), None, None)
        );
        assert_eq!((page.raw(6), page.raw(99), page.read(99)), ("null", "", None));
    }

    #[test]
    fn the_final_transcript_counts_and_an_absent_one_gives_way() {
        let body = r#"{"calls": [
            {"sid": "CA1", "final_transcript": "סוף", "transcript": "אמצע", "transcription": "התחלה"},
            {"sid": "CA2", "final_transcript": null, "transcript": null, "transcription": "התחלה"}]}"#;
        let texts: Vec<Option<String>> =
            all(&page(body).expect("calls")).into_iter().map(|call| call.and_then(|call| call.transcript)).collect();
        assert_eq!(texts, [Some("סוף".to_owned()), Some("התחלה".to_owned())]);
    }

    #[test]
    fn a_page_or_an_error_in_place_of_a_list_is_not_data() {
        for body in ["<!doctype html><html>", "", "[]", r#"{"success": true}"#, r#"{"calls": {}}"#, "\u{feff}{}"] {
            assert!(matches!(page(body), Err(UpstreamError::NotData)), "{body:?}");
        }
        assert!(matches!(CallsPage::of(Bytes::from_static(b"{\"calls\": [\"\xff\"]}")), Err(UpstreamError::NotData)));
        let many = format!(r#"{{"calls": [{}]}}"#, vec!["1"; ROWS_MAX + 1].join(","));
        assert!(matches!(page(&many), Err(UpstreamError::TooLarge)));
        let deep = format!(r#"{{"calls": [{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let page = page(&deep).expect("an envelope around one row");
        assert_eq!((page.sent(), page.read(0)), (1, None), "a row too deep to be meant");
    }

    proptest! {
        #[test]
        fn a_text_is_read_as_serde_json_reads_it(
            json in "\"([a-zא-ת \n]|\\\\u[0-9a-fA-F]{4}|\\\\u05[d-e][0-9a-f]|\\\\ud83c\\\\udfa7|\\\\[nt/u\\\\\"x]|\"){0,20}\"?"
        ) {
            prop_assert_eq!(string(Some(&json)).ok(), value::<String>(Some(&json)).ok(), "{}", json);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), row in ".{0,200}") {
            let _ = CallsPage::of(Bytes::from(bytes));
            for body in [format!(r#"{{"calls": [{row}]}}"#), format!(r#"{{"calls": [{{"sid": "CA1", "at": {row}}}]}}"#)] {
                if let Ok(page) = page(&body) {
                    let _ = (all(&page), page.started_at_ms(0));
                }
            }
        }
    }
}
