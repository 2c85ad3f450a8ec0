//! `/api/leads*`.

use super::like::contains_like;
use super::{Visit, server_error};
use crate::data::leads::{Lead, display_phone};
use crate::data::phrases::{STATUSES, fill};
use crate::data::times::{DAY_US, HOUR_US, local_at, naive_utc, with_offset};
use crate::data::{mix, pick};
use crate::message::Response;
use crate::world::{Note, World};
use serde_json::{Map, Value, json};

pub(super) fn list(visit: &Visit) -> Response {
    let number = |name: &str, default: u64| match visit.request.param(name) {
        None => Some(default),
        Some(text) => text.trim().parse::<u64>().ok().filter(|number| *number > 0),
    };
    let (Some(page), Some(size)) = (number("page", 1), number("pageSize", 50).map(|size| size.min(10_000))) else {
        return server_error();
    };
    let world = visit.world;
    let filter = |name: &str| visit.request.param(name).filter(|value| !value.is_empty());
    let mut statuses = visit.request.params("statuses[]");
    if statuses.is_empty() {
        statuses.extend(filter("status"));
    }
    let (search, source) = (filter("q"), filter("source"));
    let owner: Option<u64> = filter("owner").and_then(|owner| owner.parse().ok());
    // On the time of creation; what cannot be read is ignored without a word.
    let bound = |name: &str| filter(name).and_then(|text| read_utc_us(&text));
    let (from, to) = (bound("from"), bound("to"));
    let fits = |lead: &Lead| {
        (statuses.is_empty() || statuses.contains(&lead.status))
            && source.as_deref().is_none_or(|wanted| wanted == lead.source)
            && owner.is_none_or(|wanted| lead.owner_user_id == Some(wanted))
            && from.is_none_or(|from| lead.created_us >= from)
            && to.is_none_or(|to| lead.created_us <= to)
            && search.as_deref().is_none_or(|needle| {
                let fields = [&lead.first_name, &lead.last_name, &lead.name, &lead.phone];
                fields.into_iter().flatten().any(|text| contains_like(text, needle))
            })
    };
    let unfiltered = statuses.is_empty()
        && [&search, &source].iter().all(|filter| filter.is_none())
        && owner.is_none()
        && from.is_none()
        && to.is_none();
    let skip = (page - 1).saturating_mul(size);
    let (total, items): (u64, Vec<Value>) = if unfiltered {
        let (total, ids) = world.state().lead_ids(&world.calls, skip, size);
        let page = ids.into_iter().filter_map(|id| world.lead(id));
        (total, page.map(|(lead, at)| list_row(world, &lead, at)).collect())
    } else {
        let mut total = 0;
        let mut items = Vec::new();
        let (_, ids) = world.state().lead_ids(&world.calls, 0, u64::MAX);
        for (lead, updated_us) in ids.into_iter().filter_map(|id| world.lead(id)).filter(|(lead, _)| fits(lead)) {
            if total >= skip && total < skip.saturating_add(size) {
                items.push(list_row(world, &lead, updated_us));
            }
            total += 1;
        }
        (total, items)
    };
    let pages = total.div_ceil(size);
    Response::json(200, &json!({"items": items, "total": total, "page": page, "pageSize": size, "totalPages": pages}))
}

fn read_utc_us(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment.as_microsecond());
    }
    let local = crate::data::times::read_dropping_offset(text)?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(local).ok()?.as_microsecond())
}

/// What the list and the detail have in common.
fn common(world: &World, lead: &Lead, updated_us: i64) -> Map<String, Value> {
    let value = json!({
        "id": lead.id,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "name": lead.name,
        "name_source": lead.name.as_ref().map(|_| "form"),
        "full_name": lead.full_name(),
        "phone_e164": lead.phone,
        "display_phone": lead.phone.as_deref().map(display_phone),
        "email": lead.email,
        "gender": lead.gender,
        "status": lead.status,
        "source": lead.source,
        "owner_user_id": lead.owner_user_id,
        "tags": lead.tags,
        "created_at": naive_utc(lead.created_us),
        "updated_at": naive_utc(updated_us),
        "last_contact_at": world.last_contact_us(lead.id).map(naive_utc),
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn list_row(world: &World, lead: &Lead, updated_us: i64) -> Value {
    let mut row = common(world, lead, updated_us);
    let first_call = world.lead_rows(lead.id).last().and_then(|row| world.calls.row(*row).direction);
    row.insert("summary".to_owned(), json!(lead.summary));
    row.insert("outbound_list_id".to_owned(), Value::Null);
    row.insert("last_call_direction".to_owned(), json!(first_call));
    Value::Object(row)
}

fn detail(world: &World, lead: &Lead, updated_us: i64) -> Value {
    let mut row = common(world, lead, updated_us);
    let reminders: Vec<Value> = reminder_of(world, lead)
        .into_iter()
        .map(|(due_at, note)| {
            json!({"id": lead.id, "due_at": due_at, "note": note, "channel": "ui", "delivered_at": null, "completed_at": null})
        })
        .collect();
    row.insert("external_id".to_owned(), Value::Null);
    row.insert("notes".to_owned(), json!(lead.notes));
    row.insert("tenant_id".to_owned(), json!(1));
    row.insert("reminders".to_owned(), json!(reminders));
    row.insert("activity".to_owned(), json!(activity_of(world, lead)));
    Value::Object(row)
}

fn reminder_of(world: &World, lead: &Lead) -> Option<(String, &'static str)> {
    let roll = mix(world.seed(), 40, lead.id);
    if roll.is_multiple_of(3) {
        return None;
    }
    let due_us = world.anchor_us + ((roll >> 8) % 200) as i64 * HOUR_US - 30 * HOUR_US;
    let notes = ["לחזור ללקוח", "לשלוח הצעת מחיר מתוקנת", "לוודא שהגיע החומר לאתר", "להתקשר לפני 16:00 📞"];
    Some((with_offset(local_at(due_us)), pick(&notes, roll >> 4)))
}

/// The newest fifty things that happened to a lead; leads nobody called have none.
fn activity_of(world: &World, lead: &Lead) -> Vec<Value> {
    let rows = world.lead_rows(lead.id);
    let mut things: Vec<(i64, &str, Value, Option<u64>)> = rows
        .iter()
        .map(|row| world.calls.row(*row))
        .map(|call| {
            let payload = json!({"call_sid": call.sid, "direction": call.direction, "duration": call.duration_s});
            (call.created_us, "call", payload, None)
        })
        .collect();
    if let Some((oldest_us, ..)) = things.last() {
        let oldest_us = *oldest_us;
        let newest_us = things[0].0;
        if lead.status != "new" {
            let payload = json!({"from": "new", "to": lead.status, "changed_by": crate::world::USERS[0].email});
            things.push(((oldest_us + 2 * HOUR_US).min(world.anchor_us), "status_change", payload, Some(1)));
        }
        things.push(((newest_us + 11 * 60_000_000).min(world.anchor_us), "note", json!({}), Some(2)));
        if reminder_of(world, lead).is_some() {
            things.push((oldest_us + HOUR_US, "reminder_created", json!({}), Some(1)));
        }
    }
    things.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    let numbered = things.into_iter().take(50).enumerate();
    numbered
        .map(|(index, (at, kind, payload, by))| {
            let id = lead.id * 100 + 99 - index as u64;
            json!({"id": id, "type": kind, "payload": payload, "at": naive_utc(at), "created_by": by})
        })
        .collect()
}

fn missing() -> Response {
    Response::json(404, &json!({"error": "Lead not found or access denied"}))
}

pub(super) fn one(visit: &Visit) -> Response {
    let Some((mut lead, updated_us)) = visit.id_at(2).and_then(|id| visit.world.lead(id)) else { return missing() };
    if visit.request.method != "PATCH" {
        return Response::json(200, &detail(visit.world, &lead, updated_us));
    }
    let body = visit.json_body();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut changes = Vec::new();
    for (key, value) in &body {
        match key.as_str() {
            "first_name" => lead.first_name = text(value),
            "last_name" => lead.last_name = text(value),
            "phone_e164" => lead.phone = text(value),
            "email" => lead.email = text(value),
            "notes" => lead.notes = text(value),
            "owner_user_id" => lead.owner_user_id = value.as_u64(),
            "gender" => lead.gender = ["female", "male"].into_iter().find(|known| value == known),
            "tags" => lead.tags = value.as_array().into_iter().flatten().filter_map(text).collect(),
            _ => continue,
        }
        changes.push(key.clone());
    }
    let now_us = visit.world.now_us();
    visit.world.state().leads.insert(lead.id, (lead.clone(), now_us));
    let lead = detail(visit.world, &lead, now_us);
    Response::json(200, &json!({"message": "Lead updated successfully", "changes": changes, "lead": lead}))
}

pub(super) fn set_status(visit: &Visit) -> Response {
    let Some((mut lead, _)) = visit.id_at(2).and_then(|id| visit.world.lead(id)) else { return missing() };
    let wanted = visit.json_body().get("status").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let Some((status, ..)) = STATUSES.iter().find(|(key, ..)| *key == wanted) else {
        let valid: Vec<&str> = STATUSES.iter().map(|(key, ..)| *key).collect();
        let error = format!("Invalid status '{wanted}'. Valid options: {}", valid.join(", "));
        return Response::json(400, &json!({"error": error}));
    };
    if lead.status == *status {
        return Response::json(200, &json!({"message": "Status unchanged"}));
    }
    let old = std::mem::replace(&mut lead.status, (*status).to_owned());
    let now_us = visit.world.now_us();
    visit.world.state().leads.insert(lead.id, (lead, now_us));
    Response::json(200, &json!({"message": "Status updated successfully", "old_status": old, "new_status": status}))
}

/// The notes a lead began with.
fn first_notes(world: &World, lead: &Lead) -> Vec<Note> {
    let roll = mix(world.seed(), 41, lead.id);
    let subject = world.calls.leads().subject(lead.id);
    let name = lead.first_name.clone().unwrap_or_default();
    let last_us = world.last_contact_us(lead.id).unwrap_or(lead.created_us);
    let texts = [
        ("call_summary", format!("• {}\n• לשלוח סיכום במייל", fill(pick(subject.summaries, roll >> 5), &name, roll))),
        ("manual", pick(subject.notes, roll >> 9).to_owned()),
        ("customer_service_ai", "קבענו פגישה ליום ג׳ ✅ (Ref: #A-1042)".to_owned()),
    ];
    let notes = texts.into_iter().take((roll % 4) as usize).enumerate().map(|(index, (note_type, content))| {
        // A lead that arrived since the start is newer than everything the data began with.
        let newest_us = world.anchor_us.max(lead.created_us);
        let at = (last_us + HOUR_US - index as i64 * 5 * DAY_US).clamp(lead.created_us, newest_us);
        let id = lead.id * 4 + index as u64 - 3;
        Note { id, content, note_type: note_type.to_owned(), created_us: at, updated_us: at }
    });
    notes.collect()
}

fn note_json(note: &Note) -> Value {
    json!({
        "id": note.id, "content": note.content, "note_type": note.note_type, "attachments": [],
        "created_at": naive_utc(note.created_us), "updated_at": naive_utc(note.updated_us),
    })
}

pub(super) fn notes(visit: &Visit) -> Response {
    let Some((lead, _)) = visit.id_at(2).and_then(|id| visit.world.lead(id)) else { return missing() };
    let first = first_notes(visit.world, &lead);
    let now_us = visit.world.now_us();
    let mut state = visit.world.state();
    if visit.request.method == "POST" {
        let body = visit.json_body();
        let content = body.get("content").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        if content.is_empty() {
            return Response::json(400, &json!({"success": false, "error": "Content is required"}));
        }
        let note_type = body.get("note_type").and_then(Value::as_str).unwrap_or("manual").to_owned();
        let note = Note { id: state.next_note, content, note_type, created_us: now_us, updated_us: now_us };
        state.next_note += 1;
        let answer = json!({"success": true, "note": note_json(&note)});
        state.notes.entry(lead.id).or_insert(first).insert(0, note);
        return Response::json(201, &answer);
    }
    let notes = state.notes.get(&lead.id).unwrap_or(&first);
    let listed: Vec<Value> = notes
        .iter()
        .map(|note| {
            let mut row = note_json(note);
            row["call_id"] = Value::Null;
            row["structured_data"] = Value::Null;
            row
        })
        .collect();
    Response::json(200, &json!({"success": true, "notes": listed}))
}

pub(super) fn note(visit: &Visit) -> Response {
    let Some((lead, _)) = visit.id_at(2).and_then(|id| visit.world.lead(id)) else { return missing() };
    let first = first_notes(visit.world, &lead);
    let now_us = visit.world.now_us();
    let body = visit.json_body();
    let mut state = visit.world.state();
    let notes = state.notes.entry(lead.id).or_insert(first);
    let Some(index) = visit.id_at(4).and_then(|id| notes.iter().position(|note| note.id == id)) else {
        return Response::json(404, &json!({"success": false, "error": "Note not found"}));
    };
    if visit.request.method == "DELETE" {
        notes.remove(index);
        return Response::json(200, &json!({"success": true, "message": "Note deleted successfully"}));
    }
    if let Some(content) = body.get("content").and_then(Value::as_str) {
        notes[index].content = content.to_owned();
        notes[index].updated_us = now_us;
    }
    Response::json(200, &json!({"success": true, "note": note_json(&notes[index])}))
}

/// Reads a field its model does not have: fails as soon as there is one activity.
pub(super) fn activities(visit: &Visit) -> Response {
    let Some((lead, _)) = visit.id_at(2).and_then(|id| visit.world.lead(id)) else { return missing() };
    if activity_of(visit.world, &lead).is_empty() {
        Response::json(200, &json!({"activities": []}))
    } else {
        server_error()
    }
}

pub(super) fn reminders(visit: &Visit) -> Response {
    let Some((lead, _)) = visit.id_at(2).and_then(|id| visit.world.lead(id)) else { return missing() };
    let listed: Vec<Value> = reminder_of(visit.world, &lead)
        .into_iter()
        .map(|(due_at, note)| {
            json!({
                "id": lead.id, "lead_id": lead.id, "due_at": due_at, "note": note, "channel": "ui",
                "completed_at": null, "created_by": 1,
            })
        })
        .collect();
    Response::json(200, &json!({"reminders": listed}))
}
