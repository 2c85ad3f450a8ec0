//! `Calls.json` and `Calls/{sid}.json`.

use super::answer::{self, rfc2822, uri};
use super::own::Case;
use super::walk::{self, Line, Span};
use super::{ACCOUNT_SID, VERSION};
use crate::data::mix;
use crate::data::times::{MINUTE_US, SECOND_US};
use crate::message::{Request, Response};
use crate::world::World;
use serde_json::{Value, json};

const STATUSES: &[&str] = &["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"];

/// The call's status in Twilio's vocabulary; the CRM has one of its own.
fn status(line: &Line, now_us: i64) -> &'static str {
    match line {
        Line::Own(own) if own.case == Case::Unanswered => "no-answer",
        Line::Own(_) if line.end_us(now_us).is_none() => "in-progress",
        Line::Own(_) => "completed",
        Line::Crm(call) if walk::is_unanswered(call.status) => call.status,
        Line::Crm(_) => "completed",
    }
}

fn row(world: &World, line: &Line) -> Value {
    let now_us = world.now_us();
    let (start_us, end_us) = (line.start_us(), line.end_us(now_us));
    let status = status(line, now_us);
    let (from, to) = match line {
        Line::Own(own) => (own.from.clone(), own.to.clone()),
        Line::Crm(call) => walk::number_of(call),
    };
    let (direction, parent) = match line {
        Line::Own(own) => (own.direction, None),
        Line::Crm(call) => (call.twilio_direction.unwrap_or("inbound"), call.parent_sid.clone()),
    };
    let duration = end_us.map(|end| ((end - start_us) / SECOND_US).to_string());
    // Billed some minutes after the end.
    let billed = end_us.is_some_and(|end| now_us - end > 10 * MINUTE_US);
    let sid = line.sid();
    let formatted =
        |number: &str| number.strip_prefix("+972").map_or_else(|| number.to_owned(), |rest| format!("+972 {rest}"));
    json!({
        "sid": sid,
        "account_sid": ACCOUNT_SID,
        "parent_call_sid": parent,
        "phone_number_sid": format!("PN{:032x}", mix(world.seed(), 95, 0)),
        "group_sid": null,
        "trunk_sid": null,
        "from": from,
        "from_formatted": formatted(&from),
        "to": to,
        "to_formatted": formatted(&to),
        "status": status,
        "date_created": rfc2822(start_us - SECOND_US),
        "date_updated": rfc2822(end_us.unwrap_or(start_us)),
        "start_time": rfc2822(start_us),
        "end_time": end_us.map(rfc2822),
        "duration": duration,
        "price": billed.then_some("-0.0130"),
        "price_unit": "USD",
        "direction": direction,
        "answered_by": null,
        "forwarded_from": null,
        "caller_name": "",
        "queue_time": "0",
        "api_version": VERSION,
        "uri": uri(&format!("Calls/{sid}.json")),
        "subresource_uris": {"recordings": uri(&format!("Calls/{sid}/Recordings.json"))},
    })
}

pub(super) fn list(world: &World, request: &Request) -> Response {
    let (Ok(start), Ok(end)) = (Span::read(request, "StartTime"), Span::read(request, "EndTime")) else {
        return answer::failure(&request.path, 400);
    };
    let asked = |name: &str| request.param(name);
    let (wanted, parent, from, to) = (asked("Status"), asked("ParentCallSid"), asked("From"), asked("To"));
    if wanted.as_deref().is_some_and(|word| !STATUSES.contains(&word)) {
        return answer::failure(&request.path, 400);
    }
    let now_us = world.now_us();
    let is_over = |start_us| start.ends_at(start_us) || end.ends_at(start_us);
    walk::page(world, request, "calls", is_over, |line| {
        if !start.has(Some(line.start_us())) || !end.has(line.end_us(now_us)) {
            return Vec::new();
        }
        let row = row(world, line);
        let fits = |field: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| row[field].as_str() == Some(wanted))
        };
        let fits =
            fits("status", &wanted) && fits("parent_call_sid", &parent) && fits("from", &from) && fits("to", &to);
        if fits { vec![row] } else { Vec::new() }
    })
}

pub(super) fn one(world: &World, request: &Request, sid: &str) -> Response {
    match walk::find(world, sid) {
        Some(line) => answer::json(&row(world, &line)),
        None => answer::failure(&request.path, 404),
    }
}
