//! `/api/calls*` and the two recent-calls lists.

use super::Visit;
use super::like::contains_like;
use crate::data::calls::{Call, Side};
use crate::data::times::{DAY_US, naive_utc};
use crate::message::Response;
use serde_json::{Value, json};

const NEGATIVE_LIMIT: &str = "(psycopg2.errors.InvalidRowCountInLimitClause) LIMIT must not be negative\n\n[SQL: SELECT \
    call_log.id AS call_log_id, call_log.business_id AS call_log_business_id, call_log.call_sid AS call_log_call_sid \n\
    FROM call_log \nWHERE call_log.business_id = %(business_id_1)s ORDER BY call_log.created_at DESC \n LIMIT \
    %(param_1)s OFFSET %(param_2)s]\n(Background on this error at: https://sqlalche.me/e/20/9h9h)";

fn failure(status: u16, error: &str) -> Response {
    Response::json(status, &json!({"success": false, "error": error}))
}

/// Python's `int()` of a parameter, or the text of its exception.
fn int_param(visit: &Visit, name: &str) -> Result<Option<i64>, String> {
    match visit.request.param(name) {
        None => Ok(None),
        Some(text) => {
            text.trim().parse().map(Some).map_err(|_| format!("invalid literal for int() with base 10: '{text}'"))
        }
    }
}

pub(super) fn list(visit: &Visit) -> Response {
    let numbers = || Ok::<_, String>((int_param(visit, "limit")?, int_param(visit, "offset")?));
    let (limit, offset) = match numbers() {
        Ok((limit, offset)) => (limit.unwrap_or(50).min(100), offset.unwrap_or(0)),
        Err(error) => return failure(500, &error),
    };
    let filter = |name: &str| visit.request.param(name).filter(|value| !value.is_empty());
    let lead_id = match filter("lead_id").map(|_| int_param(visit, "lead_id")) {
        None => None,
        Some(Ok(id)) => id,
        Some(Err(error)) => return failure(500, &error),
    };
    if limit < 0 {
        return failure(500, NEGATIVE_LIMIT);
    }
    if offset < 0 {
        return failure(500, &NEGATIVE_LIMIT.replace("InLimitClause) LIMIT", "InResultOffsetClause) OFFSET"));
    }
    let status = filter("status").filter(|status| status != "all");
    let direction = filter("direction").filter(|direction| direction != "all");
    let search = filter("search");
    let world = visit.world;
    let rows = world.rows();
    let (skip, take) = (offset.unsigned_abs(), limit.unsigned_abs());
    let (total, page): (u64, Vec<Call>) =
        if lead_id.is_none() && status.is_none() && direction.is_none() && search.is_none() {
            let page = rows.from(skip).take(usize::try_from(take).unwrap_or(0));
            (rows.total(), page.filter_map(|row| world.call(row)).collect())
        } else {
            let mut total = 0;
            let mut page = Vec::new();
            for row in rows.from(0) {
                let (known_lead, known_status, known_direction) = world.listed_by(row);
                if lead_id.is_some_and(|id| known_lead.map(|known| known as i64) != Some(id))
                    || status.as_deref().is_some_and(|wanted| wanted != known_status)
                    || direction.as_deref().is_some_and(|wanted| Some(wanted) != known_direction)
                {
                    continue;
                }
                let on_page = total >= skip && total < skip.saturating_add(take);
                if search.is_none() && !on_page {
                    // Only counted.
                    total += 1;
                    continue;
                }
                let Some(call) = world.call(row) else { continue };
                let found = search.as_deref().is_none_or(|needle| {
                    let fields = [&call.from, &call.transcription, &call.final_transcript];
                    fields.into_iter().flatten().any(|text| contains_like(text, needle))
                });
                if found {
                    if on_page {
                        page.push(call);
                    }
                    total += 1;
                }
            }
            (total, page)
        };
    // With limit=0 nothing is ever behind: the list is empty and says there is more, for ever.
    let has_more = skip.saturating_add(page.len() as u64) < total;
    let calls: Vec<Value> = page.iter().map(list_row).collect();
    let pagination = json!({"total": total, "limit": limit, "offset": offset, "hasMore": has_more});
    Response::json(200, &json!({"success": true, "calls": calls, "pagination": pagination}))
}

fn customer_phone(call: &Call) -> Option<&String> {
    if call.direction == Some("inbound") { call.from.as_ref() } else { call.to.as_ref() }
}

fn list_row(call: &Call) -> Value {
    let at = naive_utc(call.created_us);
    json!({
        "sid": call.sid,
        "call_sid": call.sid,
        "lead_id": call.lead_id,
        "lead_name": null,
        "from_e164": call.from,
        "to_e164": call.to,
        "customer_phone": customer_phone(call),
        "duration": call.duration_s,
        "status": call.status,
        "direction": call.direction,
        "twilio_direction": call.twilio_direction,
        "parent_call_sid": call.parent_sid,
        "at": at,
        "created_at": at,
        "transcription": call.transcript(),
        "transcript": call.transcript(),
        "final_transcript": call.final_transcript,
        "summary": call.summary,
        "hasRecording": call.recording.is_some(),
        "hasTranscript": call.transcript().is_some(),
        "expiresAt": call.recording.map(|_| naive_utc(call.created_us + 7 * DAY_US)),
    })
}

pub(super) fn details(visit: &Visit) -> Response {
    let Some((_, call)) = visit.world.call_by_sid(visit.segments[2]) else {
        return failure(404, "Call not found");
    };
    let url = call.recording_sid().map(|sid| format!("/2010-04-01/Accounts/AC0/Recordings/{sid}.json"));
    Response::json(
        200,
        &json!({
            "success": true,
            "call": {
                "sid": call.sid,
                "lead_id": call.lead_id,
                "lead_name": null,
                "from_e164": call.from,
                "to_e164": call.to,
                "customer_phone": customer_phone(&call),
                "duration": call.duration_s,
                "status": call.status,
                "direction": call.direction,
                "at": naive_utc(call.created_us),
                "recording_url": url,
                "hasRecording": url.is_some(),
                "hasTranscript": call.transcript().is_some(),
            },
            "transcript": call.transcript().map_or("אין תמליל זמין", String::as_str),
            "summary": call.summary,
            "sentiment": null,
        }),
    )
}

pub(super) fn stats(visit: &Visit) -> Response {
    let world = visit.world;
    let rows = world.rows();
    let calls = || rows.from(0).filter_map(|row| world.call(row));
    // Counts the realtime column only, and everything younger than five days.
    let with_transcript = calls().filter(|call| call.transcription.is_some()).count();
    let expiring_soon = calls().filter(|call| world.now_us() - call.created_us < 5 * DAY_US).count();
    Response::json(
        200,
        &json!({"success": true, "stats": {
            "total_calls": rows.total(),
            "with_recording": calls().filter(|call| call.recording.is_some()).count(),
            "with_transcript": with_transcript,
            "expiring_soon": expiring_soon,
        }}),
    )
}

pub(super) fn counts(_: &Visit) -> Response {
    Response::json(200, &json!({"active_total": 0, "active_outbound": 0, "max_total": 5, "max_outbound": 3}))
}

/// The edit goes where the realtime transcript is, so it never shows where there is a final one.
pub(super) fn put_transcript(visit: &Visit) -> Response {
    let text = visit.json_body().get("transcript").and_then(Value::as_str).map(|text| text.trim().to_owned());
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return failure(400, "Transcript is required");
    };
    let Some((row, call)) = visit.world.call_by_sid(visit.segments[2]) else {
        return failure(404, "Call not found");
    };
    visit.world.state().transcripts.insert(row, (text.clone(), visit.world.now_us()));
    let message = "Transcript updated successfully";
    Response::json(200, &json!({"success": true, "message": message, "transcript": text, "call_sid": call.sid}))
}

pub(super) fn delete(visit: &Visit) -> Response {
    if !visit.world.remove_call(visit.segments[2]) {
        return failure(404, "Call not found");
    }
    Response::json(200, &json!({"success": true, "message": "Call deleted successfully"}))
}

pub(super) fn cleanup(_: &Visit) -> Response {
    Response::json(200, &json!({"success": true, "deleted_count": 0}))
}

pub(super) fn recent_inbound(visit: &Visit) -> Response {
    recent(visit, Side::Inbound, "שגיאה בטעינת השיחות הנכנסות האחרונות")
}

pub(super) fn recent_outbound(visit: &Visit) -> Response {
    recent(visit, Side::Outbound, "שגיאה בטעינת השיחות האחרונות")
}

fn recent(visit: &Visit, side: Side, trouble: &str) -> Response {
    let (page, page_size) = match (int_param(visit, "page"), int_param(visit, "page_size")) {
        (Ok(page), Ok(size)) => (page.unwrap_or(1).max(1), size.unwrap_or(50).clamp(1, 10_000)),
        _ => return Response::json(500, &json!({"error": trouble})),
    };
    let world = visit.world;
    let filter = |name: &str| visit.request.param(name).filter(|value| !value.is_empty());
    let sane = |status: &String| status.chars().all(|one| one.is_ascii_alphanumeric() || "_-".contains(one));
    let status = filter("status").filter(sane).map(|status| status.to_lowercase());
    let search = filter("search");
    let skip = (page - 1).unsigned_abs().saturating_mul(page_size.unsigned_abs());
    let end = skip.saturating_add(page_size.unsigned_abs());
    let take = usize::try_from(page_size).unwrap_or(0);
    let all = world.calls.rows_of_side(side);
    let nth = |n| world.calls.nth_of_side(side, n);
    let rows = world.rows();
    let (total, calls): (u64, Vec<Call>) = if status.is_none() && search.is_none() && rows.stand_still() {
        (all, (skip..end.min(all)).filter_map(nth).filter_map(|row| world.call(row)).collect())
    } else if status.is_none() && search.is_none() {
        let arrived = rows.arrivals().filter(|row| world.listed_by(*row).2 == Some(side.name()));
        let there = || arrived.clone().chain((0..all).filter_map(nth).filter(|row| !rows.is_gone(*row)));
        let page = there().skip(usize::try_from(skip).unwrap_or(usize::MAX)).take(take);
        (there().count() as u64, page.filter_map(|row| world.call(row)).collect())
    } else {
        let mut total = 0;
        let mut page = Vec::new();
        let arrived = rows.arrivals().filter(|row| world.listed_by(*row).2 == Some(side.name()));
        for call in arrived.chain((0..all).filter_map(nth)).filter_map(|row| world.call(row)) {
            let named = |needle: &str| {
                let lead = call.lead_id.and_then(|id| world.lead(id)).map(|(lead, _)| lead);
                let fields = [
                    call.to.clone(),
                    lead.as_ref().and_then(|lead| lead.first_name.clone()),
                    lead.and_then(|lead| lead.last_name),
                ];
                fields.into_iter().flatten().any(|text| contains_like(&text, needle))
            };
            if status.as_deref().is_none_or(|wanted| wanted == call.call_status) && search.as_deref().is_none_or(named)
            {
                if total >= skip && total < end {
                    page.push(call);
                }
                total += 1;
            }
        }
        (total, page)
    };
    let items: Vec<Value> = calls.iter().map(|call| recent_row(visit, call)).collect();
    Response::json(200, &json!({"items": items, "page": page, "page_size": page_size, "total": total}))
}

fn recent_row(visit: &Visit, call: &Call) -> Value {
    let lead = call.lead_id.and_then(|id| visit.world.lead(id)).map(|(lead, _)| lead);
    let run = visit.world.newest_run(&call.sid);
    // Half of the recordings have their sid in the row.
    let recording_sid = call.recording_sid().filter(|sid| sid.as_bytes()[3] % 2 == 0);
    let recording_status = run.as_ref().map(|run| run.status).or(call.recording.map(|_| "completed"));
    json!({
        "call_sid": call.sid,
        "lead_id": call.lead_id,
        "lead_name": lead.as_ref().map(|lead| lead.full_name()),
        "lead_status": lead.as_ref().map(|lead| lead.status.clone()),
        "to_number": call.to,
        "status": call.call_status,
        "started_at": naive_utc(call.created_us),
        "ended_at": (call.updated_us != call.created_us).then(|| naive_utc(call.updated_us)),
        "duration": call.duration_s,
        "summary": call.summary,
        "transcript": call.transcript(),
        "hasRecording": call.recording.is_some(),
        "recording_sid": recording_sid,
        "recording_status": recording_status,
        "recording_run_id": run.map(|run| run.id),
    })
}
