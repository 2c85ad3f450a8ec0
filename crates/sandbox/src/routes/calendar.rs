//! `/api/calendar/appointments*` and `/api/calendar/calendars*`.

use super::Visit;
use super::like::contains_like;
use crate::data::BUSINESS_NAME;
use crate::data::agenda::{Appointment, Calendar};
use crate::data::times::{naive_utc, read_dropping_offset, read_local, with_offset};
use crate::message::Response;
use crate::world::State;
use serde_json::{Map, Value, json};

fn failure(status: u16, error: &str) -> Response {
    Response::json(status, &json!({"error": error}))
}

pub(super) fn appointments(visit: &Visit) -> Response {
    if visit.request.method == "POST" { create(visit) } else { list(visit) }
}

fn list(visit: &Visit) -> Response {
    let filter = |name: &str| visit.request.param(name).filter(|value| !value.is_empty());
    let date = |name: &str| match filter(name) {
        None => Ok(None),
        Some(text) => read_local(&text).map(Some).ok_or_else(|| failure(400, &format!("Invalid {name} format"))),
    };
    let (from, to) = match (date("start_date"), date("end_date")) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(wrong), _) | (_, Err(wrong)) => return wrong,
    };
    let calendar_id: Option<u64> = match filter("calendar_id").filter(|id| id != "all").map(|id| id.parse()) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return failure(400, "Invalid calendar_id format"),
    };
    let lead_id: Option<u64> = filter("lead_id").and_then(|id| id.parse().ok());
    let (status, kind, search) = (filter("status"), filter("type"), filter("search"));
    let number = |name: &str, default: usize| filter(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let page = number("page", 1).max(1);
    let per_page = number("per_page", 50).clamp(1, 100);
    let state = visit.world.state();
    let mut found: Vec<&Appointment> = state
        .appointments
        .iter()
        .filter(|one| {
            // The end of the window is compared with the end: what spans it is missed.
            from.is_none_or(|from| one.starts >= from)
                && to.is_none_or(|to| one.ends <= to)
                && calendar_id.is_none_or(|id| one.calendar_id == Some(id))
                && lead_id.is_none_or(|id| one.lead_id == Some(id))
                && status.as_deref().is_none_or(|wanted| wanted == one.status)
                && kind.as_deref().is_none_or(|wanted| wanted == one.kind)
                && search.as_deref().is_none_or(|needle| {
                    let fields = [Some(&one.title), one.description.as_ref(), one.contact_name.as_ref()];
                    fields.into_iter().flatten().any(|text| contains_like(text, needle))
                })
        })
        .collect();
    found.sort_by(|left, right| right.starts.cmp(&left.starts).then(right.id.cmp(&left.id)));
    let total = found.len();
    let rows = found.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).map(|one| {
        let mut row = columns(one);
        row.insert("business_name".to_owned(), json!(BUSINESS_NAME));
        row.insert("customer_name".to_owned(), Value::Null);
        Value::Object(row)
    });
    let rows: Vec<Value> = rows.collect();
    let pages = total.div_ceil(per_page);
    let pagination = json!({"page": page, "per_page": per_page, "total": total, "pages": pages});
    Response::json(200, &json!({"appointments": rows, "pagination": pagination}))
}

fn columns(one: &Appointment) -> Map<String, Value> {
    let value = json!({
        "id": one.id,
        "business_id": 1,
        "customer_id": null,
        "deal_id": null,
        "lead_id": one.lead_id,
        "call_log_id": null,
        "whatsapp_message_id": null,
        "calendar_id": one.calendar_id,
        "title": one.title,
        "description": one.description,
        "location": one.location,
        "notes": one.notes,
        "outcome": null,
        "contact_name": one.contact_name,
        "contact_phone": one.contact_phone,
        "contact_email": null,
        "call_summary": one.call_summary,
        "call_transcript": null,
        "dynamic_summary": null,
        "start_time": with_offset(one.starts),
        "end_time": with_offset(one.ends),
        "status": one.status,
        "appointment_type": one.kind,
        "priority": one.priority,
        "source": one.source,
        "auto_generated": one.auto_generated,
        "follow_up_needed": one.follow_up_needed,
        "follow_up_date": null,
        "created_at": naive_utc(one.created_us),
        "updated_at": naive_utc(one.updated_us),
        "from_phone": one.contact_phone,
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn create(visit: &Visit) -> Response {
    let body = visit.json_body();
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    for field in ["title", "start_time", "end_time"] {
        if text(field).is_none() {
            return failure(400, &format!("שדה חובה חסר: {field}"));
        }
    }
    // The zone is dropped, not converted: 10:00Z is stored as ten in Israel.
    let time = |key: &str| text(key).and_then(read_dropping_offset);
    let (Some(starts), Some(ends)) = (time("start_time"), time("end_time")) else {
        return failure(400, "פורמט תאריך לא תקין");
    };
    let lead_id = body.get("lead_id").and_then(Value::as_u64);
    let lead = lead_id.and_then(|id| visit.world.lead(id)).map(|(lead, _)| lead);
    let now_us = visit.world.now_us();
    let mut state = visit.world.state();
    let default = state.calendars.iter().filter(|one| one.is_active).max_by_key(|one| one.priority).map(|one| one.id);
    let calendar_id = body.get("calendar_id").and_then(Value::as_u64).or(default);
    let one = Appointment {
        id: state.next_appointment,
        lead_id,
        calendar_id,
        title: text("title").unwrap_or_default().to_owned(),
        description: text("description").map(str::to_owned),
        location: text("location").map(str::to_owned),
        notes: text("notes").map(str::to_owned),
        contact_name: text("contact_name").map(str::to_owned),
        contact_phone: text("contact_phone").map(str::to_owned).or(lead.and_then(|lead| lead.phone)),
        call_summary: None,
        status: text("status").unwrap_or("scheduled").to_owned(),
        kind: text("appointment_type").unwrap_or("appointment").to_owned(),
        priority: "medium",
        source: "manual",
        auto_generated: Some(false),
        follow_up_needed: Some(false),
        starts,
        ends,
        created_us: now_us,
        updated_us: now_us,
    };
    if let Some(conflict) = conflict(&state, &one) {
        return conflict;
    }
    let id = one.id;
    state.next_appointment += 1;
    state.appointments.push(one);
    Response::json(201, &json!({"success": true, "appointment_id": id, "message": "הפגישה נוצרה בהצלחה"}))
}

fn conflict(state: &State, wanted: &Appointment) -> Option<Response> {
    let other = state.appointments.iter().find(|other| {
        other.id != wanted.id
            && other.calendar_id == wanted.calendar_id
            && ["scheduled", "confirmed"].contains(&other.status.as_str())
            && other.starts < wanted.ends
            && wanted.starts < other.ends
    })?;
    let at = other.starts.strftime("%H:%M").to_string();
    let error = format!("קיימת חפיפה עם פגישה \"{}\" בשעה {at}. אנא בחר זמן אחר.", other.title);
    let other = json!({"id": other.id, "title": other.title, "start_time": with_offset(other.starts)});
    Some(Response::json(409, &json!({"error": error, "conflict": true, "conflicting_appointment": other})))
}

pub(super) fn appointment(visit: &Visit) -> Response {
    let body = visit.json_body();
    let now_us = visit.world.now_us();
    let mut state = visit.world.state();
    let Some(index) = visit.id_at(3).and_then(|id| state.appointments.iter().position(|one| one.id == id)) else {
        return failure(404, "פגישה לא נמצאה");
    };
    match visit.request.method.as_str() {
        "DELETE" => {
            state.appointments.remove(index);
            Response::json(200, &json!({"success": true, "message": "הפגישה נמחקה בהצלחה"}))
        }
        "PATCH" | "PUT" => {
            let mut changed = state.appointments[index].clone();
            let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
            changed.title = text("title").unwrap_or(changed.title);
            changed.status = text("status").unwrap_or(changed.status);
            changed.notes = text("notes").or(changed.notes);
            changed.description = text("description").or(changed.description);
            changed.location = text("location").or(changed.location);
            let time = |key: &str| body.get(key).and_then(Value::as_str).and_then(read_dropping_offset);
            changed.starts = time("start_time").unwrap_or(changed.starts);
            changed.ends = time("end_time").unwrap_or(changed.ends);
            if let Some(calendar) = body.get("calendar_id") {
                changed.calendar_id = calendar.as_u64();
            }
            let moved = body.contains_key("start_time") || body.contains_key("end_time");
            if let Some(conflict) = moved.then(|| conflict(&state, &changed)).flatten() {
                return conflict;
            }
            changed.updated_us = now_us;
            state.appointments[index] = changed;
            Response::json(200, &json!({"success": true, "message": "הפגישה עודכנה בהצלחה"}))
        }
        _ => {
            let mut row = columns(&state.appointments[index]);
            row.insert("business".to_owned(), json!({"id": 1, "name": BUSINESS_NAME}));
            for nested in ["customer", "deal", "call_log"] {
                row.insert(nested.to_owned(), Value::Null);
            }
            Response::json(200, &json!({"appointment": row}))
        }
    }
}

fn calendar_json(one: &Calendar) -> Map<String, Value> {
    let value = json!({
        "id": one.id,
        "name": one.name,
        "type_key": one.type_key,
        "provider": "internal",
        "is_active": one.is_active,
        "priority": one.priority,
        "default_duration_minutes": one.default_duration_minutes,
        "buffer_before_minutes": one.buffer_before_minutes,
        "buffer_after_minutes": one.buffer_after_minutes,
        "allowed_tags": one.allowed_tags,
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

pub(super) fn calendars(visit: &Visit) -> Response {
    let now_us = visit.world.now_us();
    let mut state = visit.world.state();
    if visit.request.method == "POST" {
        let body = visit.json_body();
        let Some(name) = body.get("name").and_then(Value::as_str).filter(|name| !name.trim().is_empty()) else {
            return failure(400, "שם לוח שנה נדרש");
        };
        let number = |key: &str, default: i64| body.get(key).and_then(Value::as_i64).unwrap_or(default);
        let tags = body.get("allowed_tags").and_then(Value::as_array).into_iter().flatten();
        let one = Calendar {
            id: state.calendars.len() as u64 + 1,
            name: name.to_owned(),
            type_key: None,
            is_active: true,
            priority: number("priority", 0),
            default_duration_minutes: number("default_duration_minutes", 60),
            buffer_before_minutes: number("buffer_before_minutes", 0),
            buffer_after_minutes: number("buffer_after_minutes", 0),
            allowed_tags: tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
            created_us: now_us,
            updated_us: now_us,
        };
        let answer = json!({"success": true, "calendar": calendar_json(&one)});
        state.calendars.push(one);
        return Response::json(201, &answer);
    }
    let mut active: Vec<&Calendar> = state.calendars.iter().filter(|one| one.is_active).collect();
    active.sort_by(|left, right| right.priority.cmp(&left.priority).then(left.name.cmp(&right.name)));
    let rows: Vec<Value> = active
        .into_iter()
        .map(|one| {
            let mut row = calendar_json(one);
            row.insert("business_id".to_owned(), json!(1));
            row.insert("calendar_external_id".to_owned(), Value::Null);
            row.insert("created_at".to_owned(), json!(naive_utc(one.created_us)));
            row.insert("updated_at".to_owned(), json!(naive_utc(one.updated_us)));
            Value::Object(row)
        })
        .collect();
    Response::json(200, &json!({"calendars": rows}))
}

pub(super) fn calendar(visit: &Visit) -> Response {
    let body = visit.json_body();
    let now_us = visit.world.now_us();
    let mut state = visit.world.state();
    let Some(index) = visit.id_at(3).and_then(|id| state.calendars.iter().position(|one| one.id == id)) else {
        return failure(404, "לוח שנה לא נמצא");
    };
    let last_active = state.calendars.iter().filter(|one| one.is_active).count() == 1;
    let one = &mut state.calendars[index];
    if visit.request.method == "DELETE" {
        if last_active && one.is_active {
            return failure(400, "לא ניתן להשבית את לוח השנה הפעיל האחרון");
        }
        one.is_active = false;
        one.updated_us = now_us;
        return Response::json(200, &json!({"success": true, "message": "לוח השנה הושבת בהצלחה"}));
    }
    // The handler reads a key that the request need not have.
    if body.contains_key("is_active") && !body.contains_key("buffer_before_minutes") {
        return failure(500, "שגיאה בעדכון לוח שנה");
    }
    if let Some(name) = body.get("name").and_then(Value::as_str) {
        one.name = name.to_owned();
    }
    one.is_active = body.get("is_active").and_then(Value::as_bool).unwrap_or(one.is_active);
    one.priority = body.get("priority").and_then(Value::as_i64).unwrap_or(one.priority);
    one.updated_us = now_us;
    Response::json(200, &json!({"success": true, "calendar": calendar_json(one)}))
}
