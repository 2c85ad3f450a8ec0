//! Twilio's JSON, and nothing but here. Every field may be null, empty or absent; numbers come as text, or do not; words
//! of enums may be new.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use aftercall_domain::call::{Call, Direction, Outcome};
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use jiff::fmt::rfc2822;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use super::super::UpstreamError;
use super::super::wire::{ROWS_MAX, Rows};
use super::sealed::{Disagreement, Wrapped};
use super::{NextPage, TwilioPage};

/// Bytes of the address of a page.
const URI_BYTES_MAX: usize = 4 * 1024;
/// Bytes of what a row says of its recording's key: a key of 16384 bits has 3 KiB.
const DETAILS_BYTES_MAX: usize = 16 * 1024;
/// Letters of a name, a number, a status.
const WORD_BYTES_MAX: usize = 4 * 1024;

/// One call, as Twilio describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioCall {
    /// What calls of every source have. `has_recording` is told by the list of recordings only.
    pub call: Call,
    /// End, UTC; absent while it goes on, and for calls that nobody answered.
    pub ended_at_ms: Option<i64>,
    /// It goes on, or will begin: to be asked for again.
    pub is_open: bool,
}

/// Where a recording stands at Twilio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingStatus {
    /// The call is being recorded, or the recording is paused.
    InProgress,
    /// The call ended; the sound is not there yet.
    Processing,
    /// There.
    Completed,
    /// Never kept, see the error's number.
    Absent,
    /// Deleted less than 40 days ago.
    Deleted,
    /// A word that this version does not know: it is asked for like a completed one.
    Other,
}

/// One recording, as Twilio describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioRecording {
    /// `twilio:RE…`.
    pub id: RecordingId,
    /// The call: the parent leg of a call with two. Absent for a conference's.
    pub call_sid: Option<CallSid>,
    /// Made, UTC: about when the recording began.
    pub created_at_ms: Option<i64>,
    /// Whole seconds.
    pub duration_s: Option<i64>,
    /// Where it stands.
    pub status: RecordingStatus,
    /// Why it is absent: 16101 too short, 16102 silent, …
    pub error_code: Option<i64>,
    /// The sound is kept in the customer's own bucket: Twilio does not have it.
    pub is_elsewhere: bool,
    /// How its key is wrapped, where the sound is encrypted.
    pub(super) wrapped: Result<Option<Wrapped>, Disagreement>,
}

impl TwilioRecording {
    /// To be asked for again: the sound is still being made.
    pub fn is_open(&self) -> bool {
        matches!(self.status, RecordingStatus::InProgress | RecordingStatus::Processing)
    }
}

/// Why one row is not taken. Never leaves this file: a row is only counted.
struct Rejected;

#[derive(Deserialize)]
struct CallsAnswer<'a> {
    #[serde(borrow)]
    calls: Rows<'a>,
    next_page_uri: Option<String>,
}

#[derive(Deserialize)]
struct RecordingsAnswer<'a> {
    #[serde(borrow)]
    recordings: Rows<'a>,
    next_page_uri: Option<String>,
}

/// Text, or a number that is text elsewhere.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Text(String),
    Number(serde_json::Number),
}

#[derive(Deserialize)]
struct CallRow {
    sid: Option<String>,
    parent_call_sid: Option<String>,
    from: Option<String>,
    to: Option<String>,
    status: Option<String>,
    start_time: Option<String>,
    date_created: Option<String>,
    end_time: Option<String>,
    duration: Option<Loose>,
    direction: Option<String>,
}

#[derive(Deserialize)]
struct RecordingRow<'a> {
    sid: Option<String>,
    call_sid: Option<String>,
    date_created: Option<String>,
    start_time: Option<String>,
    duration: Option<Loose>,
    status: Option<String>,
    error_code: Option<Loose>,
    media_url: Option<String>,
    #[serde(borrow)]
    encryption_details: Option<&'a RawValue>,
}

fn rows<'a, W: Deserialize<'a>, T>(
    raw: &Rows<'a>,
    next: Option<String>,
    into: impl Fn(W) -> Result<T, Rejected>,
) -> Result<TwilioPage<T>, UpstreamError> {
    let raw = &raw.0;
    if raw.len() > ROWS_MAX {
        return Err(UpstreamError::TooLarge);
    }
    let (mut rows, mut rejected) = (Vec::with_capacity(raw.len()), Vec::new());
    for row in raw {
        match serde_json::from_str::<W>(row.get()).map_err(|_| Rejected).and_then(&into) {
            Ok(row) => rows.push(row),
            Err(Rejected) => {
                let mut hasher = DefaultHasher::new();
                row.get().hash(&mut hasher);
                rejected.push(hasher.finish());
            }
        }
    }
    let next = next.filter(|uri| !uri.is_empty()).map(|uri| next_page(&uri)).transpose()?;
    Ok(TwilioPage { rows, rejected, next })
}

/// Only a path of the API: a host in the body is never asked.
fn next_page(uri: &str) -> Result<NextPage, UpstreamError> {
    let is_plain = uri.len() <= URI_BYTES_MAX && !uri.contains("..") && !uri.contains(['\\', '#']);
    if uri.starts_with("/2010-04-01/Accounts/") && is_plain {
        return Ok(NextPage(uri.to_owned()));
    }
    Err(UpstreamError::NotData)
}

pub(super) fn calls(body: &[u8]) -> Result<TwilioPage<TwilioCall>, UpstreamError> {
    let answer: CallsAnswer<'_> = serde_json::from_slice(body).map_err(|_| UpstreamError::NotData)?;
    rows(&answer.calls, answer.next_page_uri, call)
}

pub(super) fn recordings(body: &[u8]) -> Result<TwilioPage<TwilioRecording>, UpstreamError> {
    let answer: RecordingsAnswer<'_> = serde_json::from_slice(body).map_err(|_| UpstreamError::NotData)?;
    rows(&answer.recordings, answer.next_page_uri, recording)
}

pub(super) fn one_call(body: &[u8]) -> Result<TwilioCall, UpstreamError> {
    serde_json::from_slice(body).map_err(|_| Rejected).and_then(call).map_err(|_| UpstreamError::NotData)
}

pub(super) fn one_recording(body: &[u8]) -> Result<TwilioRecording, UpstreamError> {
    serde_json::from_slice(body).map_err(|_| Rejected).and_then(recording).map_err(|_| UpstreamError::NotData)
}

fn word(text: Option<String>) -> Result<Option<String>, Rejected> {
    match text {
        Some(text) if text.len() > WORD_BYTES_MAX => Err(Rejected),
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}

fn whole(number: Option<Loose>) -> Result<Option<i64>, Rejected> {
    match number {
        None => Ok(None),
        Some(Loose::Number(number)) => number.as_i64().map(Some).ok_or(Rejected),
        Some(Loose::Text(text)) if text.trim().is_empty() => Ok(None),
        Some(Loose::Text(text)) => text.trim().parse().map(Some).map_err(|_| Rejected),
    }
}

/// RFC 2822 with any offset; newer products say ISO 8601, which is read too.
fn moment(text: Option<String>) -> Result<Option<i64>, Rejected> {
    let Some(text) = word(text)? else { return Ok(None) };
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let read = parser.parse_timestamp(text.trim()).or_else(|_| text.trim().parse::<jiff::Timestamp>());
    read.map(|at| Some(at.as_millisecond())).map_err(|_| Rejected)
}

fn sid(text: Option<String>) -> Result<Option<CallSid>, Rejected> {
    word(text)?.map(CallSid::try_from).transpose().map_err(|_| Rejected)
}

fn direction(text: Option<&str>) -> Direction {
    match text {
        // A SIP trunk is named from Twilio's side: what originates there comes in at ours.
        Some("trunking-originating") => Direction::Inbound,
        Some("trunking-terminating") => Direction::Outbound,
        text => Direction::from_source(text),
    }
}

fn call(row: CallRow) -> Result<TwilioCall, Rejected> {
    let status = word(row.status)?;
    let duration_s = whole(row.duration)?.filter(|seconds| *seconds >= 0);
    let started_at_ms = moment(row.start_time)?.or(moment(row.date_created)?);
    Ok(TwilioCall {
        is_open: Outcome::of(status.as_deref(), duration_s) == Outcome::Live,
        ended_at_ms: moment(row.end_time)?,
        call: Call {
            sid: sid(row.sid)?.ok_or(Rejected)?,
            parent_sid: sid(row.parent_call_sid)?,
            source: Source::Twilio,
            lead_id: None,
            direction: direction(row.direction.as_deref()),
            from_number: word(row.from)?,
            to_number: word(row.to)?,
            status,
            duration_s,
            started_at_ms,
            summary: None,
            transcript: None,
            has_recording: false,
        },
    })
}

fn recording(row: RecordingRow<'_>) -> Result<TwilioRecording, Rejected> {
    let sid = word(row.sid)?.ok_or(Rejected)?;
    let status = match word(row.status)?.as_deref() {
        Some("in-progress" | "paused" | "stopped") => RecordingStatus::InProgress,
        Some("processing") => RecordingStatus::Processing,
        Some("completed") => RecordingStatus::Completed,
        Some("absent" | "failed") => RecordingStatus::Absent,
        Some("deleted") => RecordingStatus::Deleted,
        _ => RecordingStatus::Other,
    };
    Ok(TwilioRecording {
        id: format!("twilio:{sid}").parse().map_err(|_| Rejected)?,
        call_sid: self::sid(row.call_sid)?,
        created_at_ms: moment(row.date_created)?.or(moment(row.start_time)?),
        duration_s: whole(row.duration)?,
        status,
        error_code: whole(row.error_code)?,
        is_elsewhere: word(row.media_url)?.is_some_and(|url| is_elsewhere(&url)),
        wrapped: wrapped(row.encryption_details),
    })
}

fn wrapped(details: Option<&RawValue>) -> Result<Option<Wrapped>, Disagreement> {
    match details.map(RawValue::get) {
        Some(raw) if raw.len() > DETAILS_BYTES_MAX => Err(Disagreement),
        Some(raw) => Wrapped::read(Some(&serde_json::from_str(raw).map_err(|_| Disagreement)?)),
        None => Ok(None),
    }
}

/// Whether the sound is kept at a host that is not Twilio's. The address is looked at, never asked.
fn is_elsewhere(media_url: &str) -> bool {
    let url = Url::parse(media_url);
    let host = url.as_ref().ok().and_then(Url::host_str).unwrap_or("twilio.com");
    !(host == "twilio.com" || host.ends_with(".twilio.com"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACCOUNT: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn read_calls(rows: &str) -> TwilioPage<TwilioCall> {
        calls(format!(r#"{{"calls": [{rows}], "next_page_uri": null}}"#).as_bytes()).expect("an envelope")
    }

    #[test]
    fn a_call_of_the_documentation_is_read() {
        let page = read_calls(
            r#"{"sid": "CAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "parent_call_sid": "CAdeadbeefdeadbeefdeadbeefdeadbeef",
                "from": "+13051416799", "to": "sip:a@b.example", "status": "completed", "direction": "outbound-api",
                "start_time": "Fri, 18 Oct 2019 17:02:00 +0000", "end_time": "Fri, 18 Oct 2019 17:03:00 +0000",
                "duration": "4", "price": "-0.200", "answered_by": "machine_start", "queue_time": "1000"}"#,
        );
        let TwilioCall { call, ended_at_ms, is_open } = &page.rows[0];
        assert_eq!((call.started_at_ms, *ended_at_ms), (Some(1_571_418_120_000), Some(1_571_418_180_000)));
        assert_eq!((call.duration_s, call.direction, *is_open), (Some(4), Direction::Outbound, false));
        assert_eq!(call.to_number.as_deref(), Some("sip:a@b.example"));
        assert_eq!((call.source, call.has_recording), (Source::Twilio, false));
    }

    #[test]
    fn everything_but_the_sid_may_be_null_empty_or_absent() {
        let nulls = r#"{"sid": "CA1", "parent_call_sid": null, "from": null, "to": null, "status": null, "start_time": null,
            "date_created": null, "end_time": null, "duration": null, "direction": null, "price": null}"#;
        let empties = r#"{"sid": "CA2", "parent_call_sid": "", "from": "", "to": "", "status": "", "start_time": "",
            "date_created": "", "end_time": "", "duration": "", "direction": ""}"#;
        let page = read_calls(&format!(r#"{nulls}, {empties}, {{"sid": "CA3"}}"#));
        assert_eq!((page.rows.len(), page.rejected.len()), (3, 0));
        for row in &page.rows {
            assert_eq!((row.call.started_at_ms, row.call.duration_s, row.ended_at_ms), (None, None, None));
            assert_eq!((row.call.status.as_deref(), row.call.direction), (None, Direction::Unknown));
        }
    }

    #[test]
    fn a_duration_and_a_price_may_be_text_or_a_number() {
        let page = read_calls(
            r#"{"sid": "CA1", "duration": "61", "price": "-0.2"}, {"sid": "CA2", "duration": 61, "price": -0.2},
               {"sid": "CA3", "duration": "-5"}, {"sid": "CA4", "duration": "long"}"#,
        );
        let durations: Vec<Option<i64>> = page.rows.iter().map(|row| row.call.duration_s).collect();
        assert_eq!((durations, page.rejected.len()), (vec![Some(61), Some(61), None], 1));
    }

    #[test]
    fn a_status_that_nobody_knows_is_kept_and_one_that_goes_on_is_asked_for_again() {
        let page = read_calls(
            r#"{"sid": "CA1", "status": "teleported"}, {"sid": "CA2", "status": "in-progress"},
               {"sid": "CA3", "status": "queued"}, {"sid": "CA4", "status": "ringing"}, {"sid": "CA5", "status": "busy"}"#,
        );
        let open: Vec<bool> = page.rows.iter().map(|row| row.is_open).collect();
        assert_eq!(open, [false, true, true, true, false]);
        assert_eq!(page.rows[0].call.status.as_deref(), Some("teleported"));
    }

    #[test]
    fn a_time_is_read_with_its_offset_and_a_wrong_weekday_does_not_matter() {
        for (text, ms) in [
            ("Fri, 18 Oct 2019 17:02:00 +0000", Some(1_571_418_120_000)),
            ("Fri, 18 Oct 2019 18:02:00 +0100", Some(1_571_418_120_000)),
            ("Mon, 18 Oct 2019 17:02:00 +0000", Some(1_571_418_120_000)),
            ("18 Oct 2019 17:02:00 GMT", Some(1_571_418_120_000)),
            ("2019-10-18T17:02:00Z", Some(1_571_418_120_000)),
            ("yesterday", None),
        ] {
            assert_eq!(moment(Some(text.to_owned())).ok().flatten(), ms, "{text}");
        }
    }

    #[test]
    fn a_trunks_direction_is_turned_to_our_side() {
        let page = read_calls(
            r#"{"sid": "CA1", "direction": "trunking-originating"}, {"sid": "CA2", "direction": "trunking-terminating"},
               {"sid": "CA3", "direction": "outbound-dial"}, {"sid": "CA4", "direction": "sideways"}"#,
        );
        let directions: Vec<Direction> = page.rows.iter().map(|row| row.call.direction).collect();
        assert_eq!(directions, [Direction::Inbound, Direction::Outbound, Direction::Outbound, Direction::Unknown]);
    }

    #[test]
    fn a_page_goes_on_at_the_configured_host_or_not_at_all() {
        let own = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json?PageSize=50&Page=1&PageToken=PACA1");
        assert_eq!(next_page(&own).expect("ours"), NextPage(own.clone()));
        for uri in [
            "https://evil.example/2010-04-01/Accounts/AC/Calls.json",
            "//evil.example/x",
            "/@evil.example",
            &format!("/2010-04-01/Accounts/{ACCOUNT}/../x"),
            "\\\\evil.example",
            &format!("{own}{}", "x".repeat(URI_BYTES_MAX)),
        ] {
            assert!(next_page(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn a_recording_of_each_status_is_told_apart() {
        let statuses =
            ["in-progress", "paused", "stopped", "processing", "completed", "absent", "failed", "deleted", "new"];
        let rows: Vec<String> =
            statuses.iter().map(|word| format!(r#"{{"sid": "RE1", "status": "{word}", "channels": 2}}"#)).collect();
        let body = format!(r#"{{"recordings": [{}]}}"#, rows.join(","));
        let page = recordings(body.as_bytes()).expect("an envelope");
        use RecordingStatus::*;
        let read: Vec<RecordingStatus> = page.rows.iter().map(|row| row.status).collect();
        assert_eq!(read, [InProgress, InProgress, InProgress, Processing, Completed, Absent, Absent, Deleted, Other]);
    }

    #[test]
    fn a_media_address_says_only_whether_the_sound_is_elsewhere() {
        for (url, elsewhere) in [
            ("http://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", false),
            ("https://api.dublin.ie1.twilio.com/x", false),
            ("https://bucket.s3.amazonaws.com/RE1", true),
            ("https://api.twilio.com@evil.example/RE1", true),
            ("not a url", false),
        ] {
            assert_eq!(is_elsewhere(url), elsewhere, "{url}");
        }
    }

    #[test]
    fn more_about_a_key_than_a_key_has_is_not_read() {
        let row = |details: &str| format!(r#"{{"sid": "RE1", "encryption_details": {details}}}"#);
        for (details, read) in
            [("null", Ok(None)), ("{}", Ok(None)), (&format!("[{}1]", "1,".repeat(20_000)), Err(Disagreement))]
        {
            let recording = one_recording(row(details).as_bytes()).expect("a row");
            assert_eq!(recording.wrapped, read);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = calls(&body);
            let _ = recordings(&body);
            let _ = (one_call(&body), one_recording(&body));
        }

        #[test]
        fn no_value_in_any_field_makes_the_reader_panic(
            field in proptest::sample::select(vec!["sid", "call_sid", "parent_call_sid", "from", "status", "start_time", "date_created", "end_time", "duration", "direction", "error_code", "channels", "price", "media_url", "encryption_details"]),
            value in proptest::sample::select(vec!["null", "0", "-1", "1e400", "\"\"", "\"x\"", "[]", "{}", "true", "[[[[]]]]", "\"Fri, 31 Feb 2019 25:61:61 +9999\"", "{\"iv\": 7, \"encryption_cek\": [], \"type\": null}"]),
            text in ".{0,40}",
        ) {
            for value in [value.to_owned(), serde_json::Value::from(text).to_string()] {
                let row = format!(r#"{{"sid": "CA1", "{field}": {value}}}"#);
                let _ = calls(format!(r#"{{"calls": [{row}]}}"#).as_bytes());
                let _ = recordings(format!(r#"{{"recordings": [{row}]}}"#).as_bytes());
            }
        }
    }
}
