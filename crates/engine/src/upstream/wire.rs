//! The CRM's JSON, and nothing but here: three names for one thing, nulls everywhere, times in two manners.
//!
//! Each row is parsed on its own, so that a broken one is counted and the rest goes on.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::marker::PhantomData;

use aftercall_domain::appointment::Appointment;
use aftercall_domain::calendar::Calendar;
use aftercall_domain::call::Call;
use aftercall_domain::ids::{AppointmentId, CalendarId, CallSid, LeadId};
use aftercall_domain::lead::Lead;
use aftercall_domain::zone;
use secrecy::SecretString;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{UpstreamError, calls_page};

/// The CRM's words for "no name" and "no transcript", sent as if they were one.
const NO_NAME: &str = "ללא שם";
const NO_TRANSCRIPT: &str = "אין תמליל זמין";
/// Rows of one answer.
pub(super) const ROWS_MAX: usize = 5_000;
/// Letters of a name, a number, a status.
const WORD_BYTES_MAX: usize = 64 * 1024;
/// A transcript of hours of speech; the page's own limit stands above it.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Labels of a lead, and pages of a role, that are kept.
const WORDS_MAX: usize = 1_000;

/// The first `MOST` values of a list. What stands behind them is not kept: a list of millions costs no memory.
#[derive(Debug)]
pub(super) struct Few<T, const MOST: usize>(pub Vec<T>);

impl<T, const MOST: usize> Default for Few<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First<T, const MOST: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for First<T, MOST> {
            type Value = Few<T, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut few = Vec::new();
                while few.len() < MOST {
                    match list.next_element()? {
                        Some(value) => few.push(value),
                        None => return Ok(Few(few)),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Few(few))
            }
        }
        deserializer.deserialize_seq(First(PhantomData))
    }
}

/// The rows of an answer, each as it came: one more than is taken, so that too many can be told.
pub(super) type Rows<'a> = Few<&'a RawValue, { ROWS_MAX + 1 }>;

/// One answer of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows that could be read, in the server's order.
    pub rows: Vec<T>,
    /// Rows that could not, each as a fingerprint: where pages overlap, one broken row is met twice.
    pub rejected: Vec<u64>,
    /// Rows in the answer, readable or not.
    pub sent: u64,
    /// Rows that the server says it has; `None` where the list does not say.
    pub total: Option<u64>,
}

/// Why one row is not taken. Never leaves this room: a row is only counted.
pub(super) struct Rejected;

#[derive(Deserialize)]
pub(super) struct Pagination {
    pub total: Option<u64>,
}

#[derive(Deserialize)]
struct LeadsAnswer<'a> {
    #[serde(borrow)]
    items: Rows<'a>,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct AppointmentsAnswer<'a> {
    #[serde(borrow)]
    appointments: Rows<'a>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct CalendarsAnswer<'a> {
    #[serde(borrow)]
    calendars: Rows<'a>,
}

#[derive(Deserialize)]
struct LeadRow {
    id: i64,
    full_name: Option<String>,
    name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    phone_e164: Option<String>,
    email: Option<String>,
    status: Option<String>,
    source: Option<String>,
    owner_user_id: Option<i64>,
    tags: Option<Few<String, WORDS_MAX>>,
    summary: Option<String>,
    notes: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    last_contact_at: Option<String>,
}

#[derive(Deserialize)]
struct AppointmentRow {
    id: i64,
    lead_id: Option<i64>,
    calendar_id: Option<i64>,
    title: String,
    description: Option<String>,
    location: Option<String>,
    status: Option<String>,
    start_time: String,
    end_time: String,
    contact_name: Option<String>,
    contact_phone: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct CalendarRow {
    id: i64,
    name: Option<String>,
    type_key: Option<String>,
    is_active: Option<bool>,
    priority: Option<i64>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct RecentAnswer<'a> {
    #[serde(borrow)]
    items: Rows<'a>,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct RecentRow {
    call_sid: Option<String>,
    lead_id: Option<i64>,
    status: Option<String>,
    ended_at: Option<String>,
    duration: Option<i64>,
    summary: Option<String>,
    transcript: Option<String>,
    #[serde(rename = "hasRecording")]
    has_recording: Option<bool>,
    recording_status: Option<String>,
}

#[derive(Deserialize)]
struct DetailsAnswer<'a> {
    #[serde(borrow)]
    call: &'a RawValue,
    transcript: Option<String>,
    summary: Option<String>,
}

#[derive(Deserialize)]
struct ContextAnswer {
    user: ContextUser,
    #[serde(default)]
    enabled_pages: Few<String, WORDS_MAX>,
}

#[derive(Deserialize)]
struct ContextUser {
    role: String,
}

#[derive(Deserialize)]
struct CsrfAnswer {
    #[serde(rename = "csrfToken")]
    token: String,
}

#[derive(Deserialize)]
struct Refusal {
    reason: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct SessionAnswer {
    user: UserRow,
    tenant: Option<TenantRow>,
}

#[derive(Deserialize)]
struct UserRow {
    name: String,
    email: Option<String>,
    role: String,
    business_id: Option<i64>,
}

#[derive(Deserialize)]
struct TenantRow {
    name: Option<String>,
}

/// Who signed in, as the CRM says.
pub(super) struct Who {
    pub name: String,
    pub email: Option<String>,
    pub role: String,
    pub business_id: Option<i64>,
    pub business: Option<String>,
}

/// What the server says of somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The role as it is now.
    pub role: String,
    /// Keys of the pages that are switched on for the business and this role.
    pub pages: Vec<String>,
}

/// A row of a list of recent calls: what may have changed of a call, without the caller's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentCall {
    /// The call.
    pub sid: CallSid,
    /// The lead that it belongs to.
    pub lead_id: Option<LeadId>,
    /// Length in seconds.
    pub duration_s: Option<i64>,
    /// Its summary.
    pub summary: Option<String>,
    /// Its transcript.
    pub transcript: Option<String>,
    /// A recording is linked.
    pub has_recording: bool,
    /// The newest job for its recording failed.
    pub recording_failed: bool,
    /// Changes with status, duration, moment of the last change, transcript, summary and lead. Kept from
    /// version to version: a hash that means another thing would make every call look changed.
    pub stamp: i64,
}

pub(super) fn envelope<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, UpstreamError> {
    serde_json::from_slice(body).map_err(|_| UpstreamError::NotData)
}

pub(super) fn rows<'a, W: Deserialize<'a>, T>(
    raw: &Rows<'a>,
    total: Option<u64>,
    into_domain: impl Fn(W) -> Result<T, Rejected>,
) -> Result<Page<T>, UpstreamError> {
    let raw = &raw.0;
    if raw.len() > ROWS_MAX {
        return Err(UpstreamError::TooLarge);
    }
    let mut rows = Vec::with_capacity(raw.len());
    let mut rejected = Vec::new();
    for row in raw {
        match serde_json::from_str::<W>(row.get()).map_err(|_| Rejected).and_then(&into_domain) {
            Ok(row) => rows.push(row),
            Err(Rejected) => {
                let mut hasher = DefaultHasher::new();
                row.get().hash(&mut hasher);
                rejected.push(hasher.finish());
            }
        }
    }
    Ok(Page { rows, rejected, sent: raw.len() as u64, total })
}

pub(super) fn leads(body: &[u8]) -> Result<Page<Lead>, UpstreamError> {
    let answer: LeadsAnswer<'_> = envelope(body)?;
    rows(&answer.items, answer.total, lead)
}

pub(super) fn appointments(body: &[u8]) -> Result<Page<Appointment>, UpstreamError> {
    let answer: AppointmentsAnswer<'_> = envelope(body)?;
    rows(&answer.appointments, answer.pagination.and_then(|p| p.total), appointment)
}

pub(super) fn calendars(body: &[u8]) -> Result<Page<Calendar>, UpstreamError> {
    let answer: CalendarsAnswer<'_> = envelope(body)?;
    let total = answer.calendars.0.len() as u64;
    rows(&answer.calendars, Some(total), calendar)
}

pub(super) fn recent_calls(body: &[u8]) -> Result<Page<RecentCall>, UpstreamError> {
    let answer: RecentAnswer<'_> = envelope(body)?;
    rows(&answer.items, answer.total, recent_call)
}

pub(super) fn call_details(body: &[u8]) -> Result<Call, UpstreamError> {
    let DetailsAnswer { call, transcript, summary } = envelope(body)?;
    let call = calls_page::read(call.get()).ok_or(UpstreamError::NotData)?;
    let texts = || Ok::<_, Rejected>((self::transcript(transcript)?, text(summary)?));
    let (transcript, summary) = texts().map_err(|Rejected| UpstreamError::NotData)?;
    Ok(Call { transcript, summary, ..call })
}

pub(super) fn context(body: &[u8]) -> Result<Context, UpstreamError> {
    let answer: ContextAnswer = envelope(body)?;
    if answer.user.role.len() > WORD_BYTES_MAX {
        return Err(UpstreamError::TooLarge);
    }
    Ok(Context { role: answer.user.role, pages: answer.enabled_pages.0 })
}

pub(super) fn csrf_token(body: &[u8]) -> Result<SecretString, UpstreamError> {
    Ok(SecretString::from(envelope::<CsrfAnswer>(body)?.token))
}

/// A 403 that says why is about the role or the page; one without a word of the CRM's is its check against forged
/// requests.
pub(super) fn is_refusal_of_role(body: &[u8]) -> bool {
    let words = ["Access denied", "Unauthorized", "No business context"];
    serde_json::from_slice::<Refusal>(body)
        .is_ok_and(|said| said.reason.is_some() || said.error.is_some_and(|error| words.contains(&error.as_str())))
}

pub(super) fn session(body: &[u8]) -> Result<Who, UpstreamError> {
    let answer: SessionAnswer = envelope(body)?;
    let short = |text| word(text).map_err(|Rejected| UpstreamError::TooLarge);
    Ok(Who {
        name: short(Some(answer.user.name))?.unwrap_or_default(),
        email: short(answer.user.email)?,
        role: short(Some(answer.user.role))?.unwrap_or_default(),
        business_id: answer.user.business_id,
        business: short(answer.tenant.and_then(|tenant| tenant.name))?,
    })
}

fn limited(text: Option<String>, bytes_max: usize) -> Result<Option<String>, Rejected> {
    match text {
        Some(text) if text.len() > bytes_max => Err(Rejected),
        Some(text) if text.trim().is_empty() => Ok(None),
        text => Ok(text),
    }
}

pub(super) fn word(text: Option<String>) -> Result<Option<String>, Rejected> {
    limited(text, WORD_BYTES_MAX)
}

pub(super) fn text(text: Option<String>) -> Result<Option<String>, Rejected> {
    limited(text, TEXT_BYTES_MAX)
}

pub(super) fn transcript(words: Option<String>) -> Result<Option<String>, Rejected> {
    Ok(text(words)?.filter(|text| text.trim() != NO_TRANSCRIPT))
}

fn name(text: Option<String>) -> Result<Option<String>, Rejected> {
    Ok(word(text)?.filter(|name| name.trim() != NO_NAME))
}

pub(super) fn utc(text: Option<String>) -> Result<Option<i64>, Rejected> {
    text.map(|text| zone::parse_naive_utc(&text)).transpose().map_err(|_| Rejected)
}

pub(super) fn sid(text: Option<String>) -> Result<Option<CallSid>, Rejected> {
    text.map(CallSid::try_from).transpose().map_err(|_| Rejected)
}

fn recent_call(row: RecentRow) -> Result<RecentCall, Rejected> {
    let seen = (&row.status, row.duration, &row.ended_at, &row.transcript, &row.summary, row.lead_id);
    let digest = Sha256::digest(serde_json::to_vec(&seen).map_err(|_| Rejected)?);
    let stamp = digest.first_chunk().map_or(0, |first| i64::from_le_bytes(*first));
    Ok(RecentCall {
        sid: sid(row.call_sid)?.ok_or(Rejected)?,
        lead_id: row.lead_id.map(LeadId),
        duration_s: row.duration,
        summary: text(row.summary)?,
        transcript: transcript(row.transcript)?,
        has_recording: row.has_recording.unwrap_or(false),
        recording_failed: row.recording_status.as_deref() == Some("failed"),
        stamp,
    })
}

fn lead(row: LeadRow) -> Result<Lead, Rejected> {
    let tags = row.tags.unwrap_or_default().0;
    if tags.iter().map(String::len).sum::<usize>() > WORD_BYTES_MAX {
        return Err(Rejected);
    }
    let (full_name, short_name) = (name(row.full_name)?, name(row.name)?);
    Ok(Lead {
        id: LeadId(row.id),
        full_name: full_name.or(short_name),
        first_name: name(row.first_name)?,
        last_name: name(row.last_name)?,
        phone_e164: word(row.phone_e164)?,
        email: word(row.email)?,
        status: word(row.status)?,
        source: word(row.source)?,
        owner_user_id: row.owner_user_id,
        tags,
        summary: text(row.summary)?,
        notes: text(row.notes)?,
        created_at_ms: utc(row.created_at)?,
        updated_at_ms: utc(row.updated_at)?,
        last_contact_at_ms: utc(row.last_contact_at)?,
    })
}

fn appointment(row: AppointmentRow) -> Result<Appointment, Rejected> {
    let at = |text: &str| zone::parse_with_offset(text).map_err(|_| Rejected);
    Ok(Appointment {
        id: AppointmentId(row.id),
        lead_id: row.lead_id.map(LeadId),
        calendar_id: row.calendar_id.map(CalendarId),
        title: word(Some(row.title))?.unwrap_or_default(),
        description: text(row.description)?,
        location: word(row.location)?,
        status: word(row.status)?,
        starts_at_ms: at(&row.start_time)?,
        ends_at_ms: at(&row.end_time)?,
        contact_name: name(row.contact_name)?,
        contact_phone: word(row.contact_phone)?,
        created_at_ms: utc(row.created_at)?,
        updated_at_ms: utc(row.updated_at)?,
    })
}

fn calendar(row: CalendarRow) -> Result<Calendar, Rejected> {
    Ok(Calendar {
        id: CalendarId(row.id),
        name: word(row.name)?,
        type_key: word(row.type_key)?,
        is_active: row.is_active.unwrap_or(true),
        priority: row.priority.unwrap_or(0),
        created_at_ms: utc(row.created_at)?,
        updated_at_ms: utc(row.updated_at)?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    /// The body of a recorded answer.
    pub(in crate::upstream) fn transcript(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, answer) = text.split_once("----- response -----").expect("a recorded answer");
        let (_, body) = answer.split_once("# body").expect("a body");
        body.split_once('\n').expect("a line").1.to_owned()
    }

    /// Names of the recorded successes that begin so and were kept whole. What each recorded answer becomes on its way
    /// through the client is judged in tests/flow/transcripts.rs.
    pub(in crate::upstream) fn transcripts(starts_with: &[&str]) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
        let names = std::fs::read_dir(&folder).expect("transcripts").map(|file| file.expect("file").file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().expect("ascii")).collect();
        names.retain(|name| {
            let wanted = starts_with.iter().any(|start| name.starts_with(start)) && !name.starts_with("03_calls_stats");
            wanted
                && std::fs::read_to_string(folder.join(name))
                    .is_ok_and(|text| text.contains("\nHTTP/1.1 200 OK\n") && !text.contains("… cut here"))
        });
        names.sort();
        assert!(!names.is_empty(), "{starts_with:?}");
        names
    }

    #[test]
    fn every_recorded_list_of_the_real_server_is_read_whole() {
        let mut read = 0;
        for name in transcripts(&["05_leads"]) {
            let page = leads(transcript(&name).as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((page.rejected.len(), page.rows.len() as u64), (0, page.sent), "{name}");
            assert!(page.total.is_some(), "{name}");
            read += page.sent;
        }
        for name in transcripts(&["06_lead_appointments", "08_appointments"]) {
            let page = appointments(transcript(&name).as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((page.rejected.len(), page.rows.len() as u64), (0, page.sent), "{name}");
            read += page.sent;
        }
        let page = calendars(transcript("09_calendars.http").as_bytes()).expect("calendars");
        assert_eq!((page.rejected.len(), page.sent), (0, 2));
        assert!(read > 20, "{read} rows");
    }

    #[test]
    fn every_recorded_sign_in_is_read() {
        for name in transcripts(&["01_login_ok", "02_refresh_ok", "02_me_ok"]) {
            let who = session(transcript(&name).as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!who.role.is_empty() && !who.name.is_empty(), "{name}");
            assert!(who.business_id.is_some() && who.business.is_some(), "{name}");
        }
    }

    #[test]
    fn a_recorded_appointment_stands_at_the_right_moment() {
        let page = appointments(transcript("08_appointments_page2.http").as_bytes()).expect("appointments");
        assert_eq!(page.rows[0].starts_at_ms, 1_796_799_600_000, "09:00+02:00");
    }

    #[test]
    fn a_broken_row_is_counted_and_the_rest_goes_on() {
        let body = r#"{"items": [{"id": 1}, {"id": "x"}, {"id": 2, "created_at": "yesterday"}, 17, null, [], {"id": 3}],
            "total": 7}"#;
        let page = leads(body.as_bytes()).expect("an envelope");
        let ids: Vec<i64> = page.rows.iter().map(|lead| lead.id.0).collect();
        assert_eq!((ids, page.rejected.len(), page.sent, page.total), (vec![1, 3], 5, 7, Some(7)));
    }

    #[test]
    fn a_placeholder_name_is_no_name() {
        let body = r#"{"items": [{"id": 7, "full_name": "ללא שם", "first_name": "", "tags": null}], "total": 1}"#;
        let page = leads(body.as_bytes()).expect("an envelope");
        assert_eq!((page.rows[0].full_name.as_ref(), page.rows[0].first_name.as_ref()), (None, None));
        assert!(page.rows[0].tags.is_empty());
    }

    #[test]
    fn a_page_or_an_error_in_place_of_a_list_is_not_data() {
        for body in ["<!doctype html><html>", "", "[]", r#"{"success": true}"#, r#"{"items": {}}"#, "\u{feff}{}"] {
            assert!(matches!(leads(body.as_bytes()), Err(UpstreamError::NotData)), "{body:?}");
        }
        let many = format!(r#"{{"items": [{}]}}"#, vec!["1"; ROWS_MAX + 1].join(","));
        assert!(matches!(leads(many.as_bytes()), Err(UpstreamError::TooLarge)));
        let deep = format!(r#"{{"items": [{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let page = leads(deep.as_bytes()).expect("an envelope around one row");
        assert_eq!((page.rows.len(), page.rejected.len()), (0, 1), "a row too deep to be meant");
    }

    #[test]
    fn of_a_list_of_millions_no_more_is_kept_than_is_read() {
        let many = format!("[{}1]", "1,".repeat(1_000_000));
        let few: Few<&RawValue, 5> = serde_json::from_str(&many).expect("a list");
        assert_eq!((few.0.len(), few.0.capacity() < 16), (5, true));
        assert!(serde_json::from_str::<Few<u8, 5>>("[1,2,3,4,5,6").is_err(), "cut behind what is kept");
        assert!(serde_json::from_str::<Few<u8, 5>>("{}").is_err());
    }

    #[test]
    fn who_signed_in_has_a_name_and_not_a_book() {
        let long = "n".repeat(WORD_BYTES_MAX + 1);
        for (name, email) in [(long.as_str(), "a@b.example"), ("n", long.as_str())] {
            let body = format!(r#"{{"user": {{"name": "{name}", "email": "{email}", "role": "owner"}}}}"#);
            assert!(matches!(session(body.as_bytes()), Err(UpstreamError::TooLarge)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), row in ".{0,200}") {
            let _ = leads(&bytes);
            let wrapped = format!(r#"{{"items": [{row}], "appointments": [{row}], "calendars": [{row}]}}"#);
            let _ = leads(wrapped.as_bytes());
            let _ = (appointments(wrapped.as_bytes()), calendars(wrapped.as_bytes()), session(wrapped.as_bytes()));
        }
    }
}
