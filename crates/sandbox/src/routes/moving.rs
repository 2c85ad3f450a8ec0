//! `/sandbox/move`, `/sandbox/truth`, `/sandbox/past`: no part of the CRM, for those who judge a client.

use super::Visit;
use crate::message::Response;
use serde_json::{Value, json};

fn wrong(why: &str) -> Response {
    Response::json(400, &json!({"error": why}))
}

/// `{"steps": n}` moves on at once; `{"each_request": n}` moves on before each answer from now on.
pub(super) fn go_on(visit: &Visit) -> Response {
    let body = visit.json_body();
    let number = |key: &str| body.get(key).map(|value| value.as_u64().filter(|steps| *steps <= 1_000_000));
    match (number("steps"), number("each_request")) {
        (Some(None), _) | (_, Some(None)) | (None, None) => wrong("give steps or each_request, at most 1000000"),
        (steps, each_request) => {
            if let Some(Some(each_request)) = each_request {
                visit.world.move_each_request(each_request);
            }
            let steps = visit.world.move_on(steps.flatten().unwrap_or(0));
            Response::json(200, &json!({"steps": steps}))
        }
    }
}

/// `?kind=calls&offset=0&limit=1000`.
pub(super) fn truth(visit: &Visit) -> Response {
    let number = |name: &str, default: u64| visit.request.param(name).map_or(Some(default), |text| text.parse().ok());
    let (Some(offset), Some(limit)) = (number("offset", 0), number("limit", 1_000)) else {
        return wrong("offset and limit must be whole numbers");
    };
    of_kind(visit, |kind| visit.world.truth(kind, offset, limit))
}

/// `?kind=calls`.
pub(super) fn past(visit: &Visit) -> Response {
    of_kind(visit, |kind| visit.world.past(kind))
}

fn of_kind(visit: &Visit, answer: impl Fn(&str) -> Option<Value>) -> Response {
    match visit.request.param("kind").as_deref().and_then(answer) {
        Some(answer) => Response::json(200, &answer),
        None => wrong("kind must be calls, leads, appointments or calendars"),
    }
}
