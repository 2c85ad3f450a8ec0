//! `Recordings.json`, `Recordings/{sid}.json` and a call's own `Recordings.json`.

use super::answer::{self, rfc2822, rfc2822_east, uri};
use super::own::{Case, PROCESSING_US};
use super::walk::{self, Line, Span};
use super::{ACCOUNT_SID, VERSION, quiet};
use crate::data::files::AudioFile;
use crate::data::mix;
use crate::data::times::{DAY_US, MINUTE_US, SECOND_US};
use crate::message::{Request, Response};
use crate::world::World;
use serde_json::{Value, json};

/// A deleted recording's row stays for so long.
const REMEMBERED_US: i64 = 40 * DAY_US;

/// One recording.
pub(super) struct Recording {
    pub sid: String,
    /// The parent leg's, where the call has one.
    pub call_sid: String,
    pub created_us: i64,
    pub duration_s: u64,
    pub status: &'static str,
    pub channels: u16,
    pub error_code: Option<u32>,
    pub case: Option<Case>,
    /// Tells recordings apart where something is derived from one.
    pub number: u64,
    pub file: AudioFile,
}

/// The recordings of a call, oldest first.
pub(super) fn of_line(world: &World, line: &Line) -> Vec<Recording> {
    match line {
        Line::Crm(call) => {
            let (Some(sid), Some(rank)) = (call.recording_sid(), call.recording) else { return Vec::new() };
            let file = world.files[(rank % world.files.len() as u64) as usize].clone();
            vec![Recording {
                sid,
                call_sid: call.parent_sid.clone().unwrap_or_else(|| call.sid.clone()),
                created_us: line.start_us() + SECOND_US,
                duration_s: call.duration_s,
                status: "completed",
                channels: quiet::channels(&file.bytes),
                error_code: None,
                case: None,
                number: rank,
                file,
            }]
        }
        Line::Own(own) => {
            let now_us = world.now_us();
            let index = super::own::CASES.iter().position(|case| *case == own.case).unwrap_or(0);
            let file_at = |index: usize| world.files[index % world.files.len()].clone();
            let (status, error_code) = match own.case {
                Case::Unanswered | Case::Sip => return Vec::new(),
                Case::Live => match line.end_us(now_us) {
                    None => ("in-progress", None),
                    Some(end) if now_us < end + PROCESSING_US => ("processing", None),
                    Some(_) => ("completed", None),
                },
                Case::TooShort => ("absent", Some(16101)),
                Case::Silent => ("absent", Some(16102)),
                Case::Deleted => ("deleted", None),
                _ => ("completed", None),
            };
            let number = index as u64;
            let one = |nth: u64, file: AudioFile| Recording {
                sid: format!(
                    "RE{:016x}{:016x}",
                    mix(world.seed(), 73, number * 4 + nth),
                    mix(world.seed(), 74, number * 4 + nth)
                ),
                call_sid: own.sid.clone(),
                created_us: own.start_us + (1 + nth as i64) * SECOND_US,
                duration_s: file.seconds,
                status,
                channels: if own.case == Case::Mono { 1 } else { quiet::channels(&file.bytes) },
                error_code,
                case: Some(own.case),
                number: number * 4 + nth,
                file,
            };
            let mut recordings = vec![one(0, file_at(index))];
            if own.case == Case::Two {
                recordings.push(one(1, file_at(index + 1)));
            }
            recordings
        }
    }
}

pub(super) fn find(world: &World, sid: &str) -> Option<Recording> {
    let digits = sid.strip_prefix("RE")?;
    let lines = walk::find(world, &format!("CA{digits}")).into_iter();
    let own = (0..super::own::CASES.len()).map(|index| Line::Own(walk::own_line(world, index)));
    lines.chain(own).flat_map(|line| of_line(world, &line)).find(|recording| recording.sid == sid)
}

fn is_forgotten(world: &World, recording: &Recording) -> bool {
    recording.status == "deleted" && world.now_us() - recording.created_us > REMEMBERED_US
}

fn encryption(world: &World, recording: &Recording) -> Value {
    match recording.case {
        Some(case) if case.is_sealed() => {
            let sealed = world.twilio.key().seal(case, world.seed(), recording.number, &[]);
            sealed.map_or(Value::Null, |sealed| sealed.details)
        }
        _ => Value::Null,
    }
}

/// The row, with what only the account's list has when `of_account`.
fn row(world: &World, recording: &Recording, of_account: bool) -> Value {
    let Recording { sid, created_us, .. } = recording;
    let at = |us: i64| if recording.status == "deleted" { rfc2822_east(us) } else { rfc2822(us) };
    let open = matches!(recording.status, "in-progress" | "processing");
    let billed = !open && world.now_us() - created_us > 10 * MINUTE_US;
    let mut row = json!({
        "sid": sid,
        "account_sid": ACCOUNT_SID,
        "call_sid": recording.call_sid,
        "conference_sid": null,
        "status": recording.status,
        "channels": recording.channels,
        "source": if recording.channels == 1 { "RecordVerb" } else { "DialVerb" },
        "error_code": recording.error_code,
        "date_created": at(*created_us),
        "date_updated": at(created_us + recording.duration_s as i64 * SECOND_US),
        "start_time": at(*created_us),
        "duration": (!open && recording.error_code.is_none()).then(|| recording.duration_s.to_string()),
        "price": null,
        "price_unit": "USD",
        "api_version": VERSION,
        "uri": uri(&format!("Recordings/{sid}.json")),
        "encryption_details": encryption(world, recording),
    });
    if of_account {
        row["price"] = json!(billed.then_some("-0.00250"));
        row["subresource_uris"] = json!({"transcriptions": uri(&format!("Recordings/{sid}/Transcriptions.json"))});
        row["media_url"] = if recording.case == Some(Case::External) {
            json!(format!("https://recordings.sandbox.example/{sid}"))
        } else {
            // As Twilio's examples have it: a scheme that no credential may travel by.
            json!(format!("http://api.twilio.com{}", uri(&format!("Recordings/{sid}"))))
        };
    } else {
        row["price"] = if billed { json!(-0.0025) } else { Value::Null };
        row["track"] = json!("both");
    }
    row
}

pub(super) fn list(world: &World, request: &Request) -> Response {
    let Ok(created) = Span::read(request, "DateCreated") else { return answer::failure(&request.path, 400) };
    let deleted_too = match request.param("IncludeSoftDeleted").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return answer::failure(&request.path, 400),
    };
    let of_call = request.param("CallSid");
    walk::page(
        world,
        request,
        "recordings",
        |start_us| created.ends_at(start_us),
        |line| {
            let fits = |recording: &Recording| {
                created.has(Some(recording.created_us))
                    && (recording.status != "deleted" || (deleted_too && !is_forgotten(world, recording)))
                    && of_call.as_deref().is_none_or(|sid| sid == recording.call_sid)
            };
            let newest_first = of_line(world, line).into_iter().rev();
            newest_first.filter(fits).map(|recording| row(world, &recording, true)).collect()
        },
    )
}

pub(super) fn of_call(world: &World, request: &Request, sid: &str) -> Response {
    let Some(line) = walk::find(world, sid) else { return answer::failure(&request.path, 404) };
    let Ok(created) = Span::read(request, "DateCreated") else { return answer::failure(&request.path, 400) };
    // A child leg's recording is listed under its parent.
    let child = match &line {
        Line::Crm(call) if call.duration_s <= 1 => world.calls.find(sid).and_then(|row| row.checked_sub(1)),
        _ => None,
    };
    let child = child.map(|row| Line::Crm(Box::new(world.calls.row(row))));
    let paging = match walk::Paging::read(request) {
        Ok(paging) => paging,
        Err(refusal) => return refusal,
    };
    let rows: Vec<Value> = std::iter::once(line)
        .chain(child)
        .flat_map(|line| of_line(world, &line))
        .filter(|recording| recording.call_sid == sid && recording.status != "deleted")
        .filter(|recording| created.has(Some(recording.created_us)))
        .map(|recording| row(world, &recording, false))
        .collect();
    let mut body = paging.envelope(request, rows.len(), None);
    body["recordings"] = Value::Array(rows);
    answer::json(&body)
}

pub(super) fn one(world: &World, request: &Request, sid: &str) -> Response {
    let deleted_too = request.param("IncludeSoftDeleted").as_deref() == Some("true");
    match find(world, sid) {
        Some(found) if found.status != "deleted" || (deleted_too && !is_forgotten(world, &found)) => {
            answer::json(&row(world, &found, true))
        }
        _ => answer::failure(&request.path, 404),
    }
}
