//! How the API says things: JSON, errors in two languages, times as RFC 2822.

use super::{ACCOUNT_SID, ROOT};
use crate::data::{mix, times};
use crate::message::Response;
use crate::world::World;
use serde_json::{Value, json};

pub(super) fn json(value: &Value) -> Response {
    with_json(200, value)
}

fn with_json(status: u16, value: &Value) -> Response {
    Response::new(status)
        .with("content-type", "application/json; charset=utf-8")
        .with_body(serde_json::to_vec(value).unwrap_or_default())
}

/// The error of a status, as the path's language says it.
pub(crate) fn failure(path: &str, status: u16) -> Response {
    let (code, message) = match status {
        400 => (20001, "Invalid parameter".to_owned()),
        401 => (20003, "Authenticate".to_owned()),
        403 => (70051, "Authorization Failed".to_owned()),
        404 => (20404, format!("The requested resource {path} was not found")),
        405 => (20004, "Method not allowed".to_owned()),
        429 => (20429, "Too Many Requests".to_owned()),
        500 => (20500, "An internal server error has occurred".to_owned()),
        503 => (20503, "Service unavailable".to_owned()),
        other => (u32::from(other), "Error".to_owned()),
    };
    coded(path, status, code, &message)
}

/// An error with a code of its own.
pub(super) fn coded(path: &str, status: u16, code: u32, message: &str) -> Response {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    if path.ends_with(".json") {
        let body = json!({"code": code, "message": message, "more_info": more, "status": status});
        return with_json(status, &body);
    }
    let escaped = message.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><RestException><Code>{code}</Code><Message>{escaped}\
         </Message><MoreInfo>{more}</MoreInfo><Status>{status}</Status></RestException></TwilioResponse>"
    );
    Response::new(status).with("content-type", "application/xml").with_body(body)
}

/// What every answer carries.
pub(super) fn with_headers(world: &World, response: Response) -> Response {
    let number = world.count_answer();
    let request_id = format!("RQ{:016x}{:016x}", mix(world.seed(), 91, number), mix(world.seed(), 92, number));
    response
        .with("twilio-request-id", request_id)
        .with("twilio-concurrent-requests", "1")
        .with("twilio-request-duration", "0.012")
        .with("x-home-region", "us1")
        .with("access-control-allow-origin", "*")
        .with("access-control-allow-methods", "GET, OPTIONS")
        .with("access-control-allow-headers", "Accept, Authorization, Content-Type, If-Match, Range")
        .with("access-control-allow-credentials", "true")
        .with("access-control-expose-headers", "ETag, Twilio-Request-Id")
}

/// `/2010-04-01/Accounts/AC…/` and what follows.
pub(super) fn uri(rest: &str) -> String {
    format!("{ROOT}/Accounts/{ACCOUNT_SID}/{rest}")
}

/// `Fri, 18 Oct 2019 17:02:00 +0000`.
pub(super) fn rfc2822(us: i64) -> String {
    times::at(us).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The same moment as a clock an hour further east says it: soft-deleted rows are told so.
pub(super) fn rfc2822_east(us: i64) -> String {
    times::at(us + times::HOUR_US).strftime("%a, %d %b %Y %H:%M:%S +0100").to_string()
}
