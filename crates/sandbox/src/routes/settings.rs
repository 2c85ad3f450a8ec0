//! Lists that hardly ever change, and the sandbox's own list of requests.

use super::Visit;
use crate::data::phrases::STATUSES;
use crate::data::times::{DAY_US, naive_utc};
use crate::message::Response;
use serde_json::{Map, Value, json};

pub(super) fn statuses(visit: &Visit) -> Response {
    let made_us = visit.world.anchor_us - 300 * DAY_US;
    let items: Vec<Value> = STATUSES
        .iter()
        .enumerate()
        .map(|(index, (name, label, color, is_system))| {
            json!({
                "id": index + 1, "name": name, "label": label, "color": color, "description": null,
                "order_index": index, "is_default": index == 0, "is_system": is_system,
                "created_at": naive_utc(made_us + index as i64 + 1),
            })
        })
        .collect();
    Response::json(200, &json!({"total": items.len(), "items": items}))
}

pub(super) fn lead_statuses(_: &Visit) -> Response {
    let items: Vec<Value> = STATUSES
        .iter()
        .enumerate()
        .map(|(index, (name, label, color, is_system))| {
            json!({"name": name, "label": label, "color": color, "order_index": index, "is_system": is_system})
        })
        .collect();
    Response::json(200, &Value::Array(items))
}

fn keyed(rows: &[(&str, &str, &str)]) -> Vec<Value> {
    rows.iter().map(|(key, label, color)| json!({"key": key, "label": label, "color": color})).collect()
}

pub(super) fn appointment_types(_: &Visit) -> Response {
    let rows = [
        ("viewing", "צפייה", "blue"),
        ("meeting", "פגישה", "green"),
        ("signing", "חתימה", "purple"),
        ("call_followup", "מעקב שיחה", "orange"),
        ("phone_call", "שיחה טלפונית", "pink"),
    ];
    Response::json(200, &json!({"appointment_types": keyed(&rows)}))
}

pub(super) fn appointment_statuses(_: &Visit) -> Response {
    let rows = [
        ("scheduled", "מתוכנן", "yellow"),
        ("confirmed", "מאושר", "green"),
        ("paid", "שולם", "blue"),
        ("unpaid", "לא שולם", "red"),
        ("cancelled", "בוטל", "gray"),
    ];
    Response::json(200, &json!({"appointment_statuses": keyed(&rows)}))
}

/// For judging: what a client asked, without its secrets.
pub(super) fn seen_requests(visit: &Visit) -> Response {
    let list: Vec<Value> = visit
        .world
        .seen()
        .into_iter()
        .map(|one| {
            let headers: Map<String, Value> =
                one.headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
            let time = jiff::Timestamp::from_millisecond(one.at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            json!({"method": one.method, "path": one.path, "headers": headers, "time": format!("{time:.3}")})
        })
        .collect();
    Response::json(200, &Value::Array(list))
}

/// For judging: the key pair of Twilio's encrypted recordings, which a person would have made.
pub(super) fn twilio_key(visit: &Visit) -> Response {
    let key = visit.world.twilio.key();
    Response::json(200, &json!({"sid": key.sid(), "private_key_pem": key.private_key_pem()}))
}

/// Other faults from now on: the body is a script.
pub(super) fn set_script(visit: &Visit) -> Response {
    match crate::Script::parse(&String::from_utf8_lossy(&visit.request.body)) {
        Ok(script) => {
            visit.world.set_script(script);
            Response::json(200, &json!({}))
        }
        Err(error) => Response::json(400, &json!({"error": error.to_string()})),
    }
}
