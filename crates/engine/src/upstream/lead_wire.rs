//! The CRM's JSON of one lead's page, and of the list of statuses.

use std::collections::BTreeMap;

use aftercall_domain::ids::{LeadId, NoteId};
use aftercall_domain::lead_detail::{Activity, LeadDetail, Reminder};
use aftercall_domain::note::Note;
use aftercall_domain::status::{LeadStatus, StatusColour};
use aftercall_domain::zone;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::UpstreamError;
use super::split;
use super::wire::{Few, Page, Rejected, Rows, envelope, rows, text, utc, word};

/// Facts of one activity that are kept, and letters of each.
const FACTS_MAX: usize = 16;
const FACT_LETTERS_MAX: usize = 500;
/// Names of attachments of one note that are kept.
const ATTACHMENTS_MAX: usize = 50;

#[derive(Deserialize)]
struct DetailAnswer<'a> {
    /// Only to tell a lead from any other object.
    #[serde(rename = "id")]
    _id: i64,
    notes: Option<String>,
    #[serde(borrow)]
    reminders: Option<Rows<'a>>,
    #[serde(borrow)]
    activity: Option<Rows<'a>>,
}

#[derive(Deserialize)]
struct NotesAnswer<'a> {
    #[serde(borrow)]
    notes: Rows<'a>,
}

#[derive(Deserialize)]
struct NoteAnswer<'a> {
    #[serde(borrow)]
    note: &'a RawValue,
}

#[derive(Deserialize)]
struct StatusesAnswer<'a> {
    #[serde(borrow)]
    items: Rows<'a>,
}

#[derive(Deserialize)]
struct NoteRow<'a> {
    id: i64,
    content: Option<String>,
    note_type: Option<String>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    attachments: Option<Few<&'a RawValue, ATTACHMENTS_MAX>>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct ReminderRow {
    id: i64,
    due_at: String,
    note: Option<String>,
    channel: Option<String>,
    delivered_at: Option<String>,
    completed_at: Option<String>,
}

#[derive(Deserialize)]
struct ActivityRow<'a> {
    id: i64,
    r#type: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    at: Option<String>,
}

#[derive(Deserialize)]
struct StatusRow {
    name: String,
    label: Option<String>,
    color: Option<String>,
    order_index: Option<i64>,
    is_default: Option<bool>,
    is_system: Option<bool>,
}

pub(super) fn detail(body: &[u8]) -> Result<LeadDetail, UpstreamError> {
    let answer: DetailAnswer<'_> = envelope(body)?;
    let reminders = rows(&answer.reminders.unwrap_or_default(), None, reminder)?;
    let activity = rows(&answer.activity.unwrap_or_default(), None, activity)?;
    Ok(LeadDetail {
        // A free text that is too long to be one must not cost the rest of the page.
        notes: text(answer.notes).unwrap_or_default(),
        rejected: (reminders.rejected.len() + activity.rejected.len()) as u64,
        reminders: reminders.rows,
        activity: activity.rows,
    })
}

pub(super) fn notes(body: &[u8], lead: LeadId) -> Result<Page<Note>, UpstreamError> {
    let answer: NotesAnswer<'_> = envelope(body)?;
    rows(&answer.notes, None, |row| note(row, lead))
}

/// The answer to a note that was written or changed.
pub(super) fn written(body: &[u8], lead: LeadId) -> Result<Note, UpstreamError> {
    let answer: NoteAnswer<'_> = envelope(body)?;
    let row: NoteRow<'_> = envelope(answer.note.get().as_bytes())?;
    note(row, lead).map_err(|Rejected| UpstreamError::NotData)
}

/// `{"items": [...]}` of `/api/statuses`, or the bare list of `/api/lead-statuses`.
pub(super) fn statuses(body: &[u8]) -> Result<Page<LeadStatus>, UpstreamError> {
    let items = match envelope::<StatusesAnswer<'_>>(body) {
        Ok(answer) => answer.items,
        Err(_) => envelope::<Rows<'_>>(body)?,
    };
    rows(&items, Some(items.0.len() as u64), status)
}

/// A word or a number as text; what has parts is no word, and is not read.
fn plain(raw: &str) -> Option<String> {
    if raw.starts_with(['[', '{']) {
        return None;
    }
    match serde_json::from_str(raw).ok()? {
        Value::String(text) if !text.trim().is_empty() => Some(text.chars().take(FACT_LETTERS_MAX).collect()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An attachment is an object with a name, or only a name.
fn attachment(raw: &str) -> Option<String> {
    const NAMED: [&str; 5] = ["filename", "file_name", "name", "original_filename", "title"];
    let mut found: Option<(usize, String)> = None;
    split::members(raw, |name, value| {
        if let Some(place) = NAMED.iter().position(|named| *named == name)
            && found.as_ref().is_none_or(|(best, _)| place < *best)
            && let Some(text) = plain(value)
        {
            found = Some((place, text));
        }
        true
    });
    plain(raw).or(found.map(|(_, text)| text))
}

fn note(row: NoteRow<'_>, lead_id: LeadId) -> Result<Note, Rejected> {
    let attachments = row.attachments.unwrap_or_default().0;
    Ok(Note {
        id: NoteId(row.id),
        lead_id,
        kind: word(row.note_type)?.unwrap_or_else(|| "manual".to_owned()),
        content: text(row.content)?.unwrap_or_default(),
        call_id: row.call_id.and_then(|raw| plain(raw.get())),
        attachments: attachments.iter().filter_map(|raw| attachment(raw.get())).collect(),
        created_at_ms: utc(row.created_at)?,
        updated_at_ms: utc(row.updated_at)?,
    })
}

/// Israel time with its offset; a moment that the server wrote itself may be naive UTC.
fn moment(text: Option<String>) -> Result<Option<i64>, Rejected> {
    let read = |text: &String| zone::parse_with_offset(text).or_else(|_| zone::parse_naive_utc(text));
    text.as_ref().map(read).transpose().map_err(|_| Rejected)
}

fn reminder(row: ReminderRow) -> Result<Reminder, Rejected> {
    Ok(Reminder {
        id: row.id,
        due_at_ms: zone::parse_with_offset(&row.due_at).map_err(|_| Rejected)?,
        note: text(row.note)?,
        channel: word(row.channel)?,
        delivered_at_ms: moment(row.delivered_at)?,
        completed_at_ms: moment(row.completed_at)?,
    })
}

fn activity(row: ActivityRow<'_>) -> Result<Activity, Rejected> {
    let mut facts = BTreeMap::new();
    split::members(row.payload.map_or("", RawValue::get), |name, value| {
        if let (Ok(name), Some(fact)) = (serde_json::from_str::<String>(&format!("\"{name}\"")), plain(value)) {
            facts.insert(name.chars().take(FACT_LETTERS_MAX).collect(), fact);
        }
        facts.len() < FACTS_MAX
    });
    Ok(Activity { id: row.id, kind: word(row.r#type)?.ok_or(Rejected)?, at_ms: utc(row.at)?, facts })
}

fn status(row: StatusRow) -> Result<LeadStatus, Rejected> {
    let key = word(Some(row.name))?.ok_or(Rejected)?;
    Ok(LeadStatus {
        label: word(row.label)?.unwrap_or_else(|| key.clone()),
        key: key.to_lowercase(),
        colour: StatusColour::of_classes(row.color.as_deref().unwrap_or_default()),
        order: row.order_index.unwrap_or(0),
        is_default: row.is_default.unwrap_or(false),
        is_system: row.is_system.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    const LEAD: LeadId = LeadId(1);

    fn transcript(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, answer) = text.split_once("----- response -----").expect("a recorded answer");
        let (_, body) = answer.split_once("# body").expect("a body");
        body.split_once('\n').expect("a line").1.to_owned()
    }

    #[test]
    fn every_recorded_page_of_a_lead_is_read_whole() {
        let detail = detail(transcript("06_lead_detail.http").as_bytes()).expect("a lead");
        assert_eq!((detail.rejected, detail.reminders.len(), detail.activity.len()), (0, 1, 2));
        assert_eq!(detail.notes.as_deref(), Some("מבקש/ת לחזור בערב"));
        assert_eq!(detail.reminders[0].due_at_ms, 1_795_332_608_590, "09:30:08+02:00");
        assert_eq!(detail.reminders[0].completed_at_ms, None);
        assert_eq!(detail.activity[1].text(), "new → contacted");
        assert_eq!(detail.activity[0].text(), "", "an empty payload");

        let notes = notes(transcript("06_lead_notes.http").as_bytes(), LEAD).expect("notes");
        let kinds: Vec<&str> = notes.rows.iter().map(|note| note.kind.as_str()).collect();
        assert_eq!((kinds, notes.rejected.len()), (vec!["call_summary", "customer_service_ai", "manual"], 0));
        assert_eq!(notes.rows[0].content, "שורה ראשונה\nשורה שנייה\n• נקודה");
        assert_eq!(notes.rows[2].created_at_ms, Some(1_793_739_333_293), "naive UTC");
        for name in ["06_lead_note_create.http", "06_lead_note_patch.http"] {
            let note = written(transcript(name).as_bytes(), LEAD).expect(name);
            assert_eq!((note.id, note.lead_id), (NoteId(60), LEAD), "{name}");
        }
    }

    #[test]
    fn both_shapes_of_the_statuses_say_the_same() {
        let long = statuses(transcript("07_statuses.http").as_bytes()).expect("statuses");
        let short = statuses(transcript("07_lead_statuses.http").as_bytes()).expect("statuses");
        let facts = |page: &Page<LeadStatus>| -> Vec<(String, String, StatusColour, i64)> {
            page.rows.iter().map(|row| (row.key.clone(), row.label.clone(), row.colour, row.order)).collect()
        };
        assert_eq!((long.rows.len(), long.rejected.len()), (8, 0));
        assert_eq!(facts(&long), facts(&short));
        assert_eq!((long.rows[0].label.as_str(), long.rows[0].colour), ("חדש", StatusColour::Blue));
        assert!(long.rows[0].is_default && long.rows[6].is_system);
    }

    #[test]
    fn nulls_and_unknown_words_are_read_and_what_cannot_be_meant_is_counted() {
        let body = r#"{"id": 7, "notes": null, "activity": [
            {"id": 1, "type": "telepathy", "payload": null, "at": null},
            {"id": 2, "type": "call", "payload": {"duration": 12, "list": [1], "yes": true, "none": null}, "at": "2026-11-20T08:00:00"},
            {"id": 3, "type": null}, {"type": "call"}, {"id": 4, "type": "call", "at": "yesterday"}, 7],
            "reminders": [{"id": 1, "due_at": "2026-03-27T03:30:00+03:00", "completed_at": "2026-03-27T00:31:00", "delivered_at": "2026-03-27T03:30:05+03:00"},
            {"id": 2, "due_at": null}, {"id": 3, "due_at": "2026-03-27T03:30:00"}]}"#;
        let detail = detail(body.as_bytes()).expect("a lead");
        let kinds: Vec<&str> = detail.activity.iter().map(|row| row.kind.as_str()).collect();
        assert_eq!((kinds, detail.rejected), (vec!["telepathy", "call"], 6));
        assert_eq!(detail.activity[1].text(), "duration: 12, yes: true");
        assert_eq!(detail.reminders[0].completed_at_ms, Some(1_774_571_460_000));
        let body = r#"{"notes": [{"id": 1, "content": null, "note_type": null, "attachments": null},
            {"id": 2, "content": "x", "note_type": "carrier_pigeon", "call_id": 12, "attachments": ["a.pdf", {"filename": "b.pdf"}, {"id": 1}, 3, null]},
            {"content": "no id"}], "success": true}"#;
        let notes = notes(body.as_bytes(), LEAD).expect("notes");
        assert_eq!((notes.rows.len(), notes.rejected.len()), (2, 1));
        assert_eq!((notes.rows[0].kind.as_str(), notes.rows[0].content.as_str()), ("manual", ""));
        assert_eq!(notes.rows[1].kind, "carrier_pigeon");
        assert_eq!(notes.rows[1].attachments, ["a.pdf", "b.pdf", "3"]);
        assert_eq!(notes.rows[1].call_id.as_deref(), Some("12"));
    }

    #[test]
    fn a_page_or_an_error_in_place_of_a_lead_is_not_data() {
        for body in
            ["<!doctype html>", "", "[]", r#"{"success": true}"#, r#"{"error": "Lead not found or access denied"}"#]
        {
            assert!(matches!(detail(body.as_bytes()), Err(UpstreamError::NotData)), "{body:?}");
            assert!(matches!(notes(body.as_bytes(), LEAD), Err(UpstreamError::NotData)), "{body:?}");
            assert!(matches!(written(body.as_bytes(), LEAD), Err(UpstreamError::NotData)), "{body:?}");
        }
        assert!(matches!(statuses(b"{}"), Err(UpstreamError::NotData)));
        let long = format!(r#"{{"id": 1, "notes": "{}", "activity": []}}"#, "x".repeat(2 * 1024 * 1024));
        assert_eq!(detail(long.as_bytes()).expect("the rest").notes, None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), row in ".{0,200}") {
            let wrapped = format!(r#"{{"id": 1, "notes": [{row}], "note": {row}, "items": [{row}], "activity": [{row}]}}"#);
            for body in [bytes.as_slice(), wrapped.as_bytes()] {
                let _ = (detail(body), notes(body, LEAD), written(body, LEAD), statuses(body));
            }
        }
    }
}
