//! From a request to the CRM's answer.

mod auth;
mod calendar;
mod calls;
mod leads;
mod like;
mod moving;
mod ranges;
mod recordings;
mod settings;

use crate::message::{Request, Response};
use crate::session::{Session, clear_cookie};
use crate::world::{USERS, User, World};
use serde_json::{Value, json};
use std::cell::RefCell;

/// One request on its way through a handler.
pub(crate) struct Visit<'a> {
    pub world: &'a World,
    pub request: &'a Request,
    pub segments: &'a [&'a str],
    session: Option<Session>,
    change: RefCell<Option<SessionChange>>,
}

pub(crate) enum SessionChange {
    Begin(Session),
    Clear,
}

impl Visit<'_> {
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    pub(crate) fn user(&self) -> Option<&'static User> {
        let id = self.session.as_ref()?.user_id;
        USERS.iter().find(|user| user.id == id)
    }

    pub(crate) fn change_session(&self, change: SessionChange) {
        self.change.replace(Some(change));
    }

    /// The body as a JSON object; anything else is an empty one.
    pub(crate) fn json_body(&self) -> serde_json::Map<String, Value> {
        match serde_json::from_slice(&self.request.body) {
            Ok(Value::Object(map)) => map,
            _ => serde_json::Map::new(),
        }
    }

    /// A path segment as a number: a route with a number in it does not exist for anything else.
    pub(crate) fn id_at(&self, index: usize) -> Option<u64> {
        self.segments.get(index)?.parse().ok()
    }
}

/// Who may call.
enum Access {
    Open,
    SignedIn,
    /// Not agents; the text is how the server lists those who may.
    Managers(&'static str),
}

struct Endpoint {
    methods: &'static str,
    access: Access,
    run: fn(&Visit) -> Response,
}

const CALENDAR_MANAGERS: &str = "['system_admin', 'owner', 'admin']";
const CALL_MANAGERS: &str = "['admin', 'owner', 'system_admin']";

fn find(method: &str, segments: &[&str]) -> Option<Endpoint> {
    use Access::{Managers, Open, SignedIn};
    let endpoint = |methods, access, run: fn(&Visit) -> Response| Some(Endpoint { methods, access, run });
    match segments {
        ["health" | "healthz"] => endpoint("GET", Open, |_| {
            Response::new(200).with("content-type", "text/plain; charset=utf-8").with_body("ok")
        }),
        ["sandbox", "twilio-key"] => endpoint("GET", Open, settings::twilio_key),
        ["sandbox", "requests"] => endpoint("GET", Open, settings::seen_requests),
        ["sandbox", "move"] => endpoint("POST", Open, moving::go_on),
        ["sandbox", "script"] => endpoint("POST", Open, settings::set_script),
        ["sandbox", "truth"] => endpoint("GET", Open, moving::truth),
        ["sandbox", "past"] => endpoint("GET", Open, moving::past),
        ["api", "auth", "login"] => endpoint("POST", Open, auth::login),
        ["api", "auth", "me"] => endpoint("GET", Open, auth::me),
        ["api", "auth", "refresh"] => endpoint("POST", Open, auth::refresh),
        ["api", "auth", "logout"] => endpoint("POST", Open, auth::logout),
        ["api", "auth", "csrf"] => endpoint("GET", Open, auth::csrf),
        ["api", "auth", "current"] => endpoint("GET", SignedIn, auth::current),
        ["api", "me", "context"] => endpoint("GET", SignedIn, auth::context),
        ["api", "calls"] => endpoint("GET", SignedIn, calls::list),
        ["api", "calls", "stats"] => endpoint("GET", SignedIn, calls::stats),
        ["api", "calls", "cleanup-recordings"] => endpoint("POST", Managers(CALENDAR_MANAGERS), calls::cleanup),
        ["api", "calls", _] => {
            endpoint("DELETE", Managers(CALL_MANAGERS), calls::delete).filter(|_| method == "DELETE")
        }
        ["api", "calls", _, "details"] => endpoint("GET", SignedIn, calls::details),
        ["api", "calls", _, "transcript"] => endpoint("PUT", SignedIn, calls::put_transcript),
        ["api", "calls", _, "download"] => endpoint("GET", SignedIn, recordings::download),
        ["api", "inbound", "recent-calls" | "recent"] => endpoint("GET", SignedIn, calls::recent_inbound),
        ["api", "outbound", "recent-calls" | "recent"] => endpoint("GET", SignedIn, calls::recent_outbound),
        ["api", "inbound_calls" | "outbound_calls", "counts"] => endpoint("GET", SignedIn, calls::counts),
        ["api", "leads"] => endpoint("GET", SignedIn, leads::list),
        ["api", "leads", _] => endpoint("GET PATCH", SignedIn, leads::one),
        ["api", "leads", _, "status"] => endpoint("POST PATCH", SignedIn, leads::set_status),
        ["api", "leads", _, "notes"] => endpoint("GET POST", SignedIn, leads::notes),
        ["api", "leads", _, "notes", _] => endpoint("PATCH DELETE", SignedIn, leads::note),
        ["api", "leads", _, "activities"] => endpoint("GET", SignedIn, leads::activities),
        ["api", "leads", _, "reminders"] => endpoint("GET", SignedIn, leads::reminders),
        ["api", "statuses"] => endpoint("GET", SignedIn, settings::statuses),
        ["api", "lead-statuses"] => endpoint("GET", SignedIn, settings::lead_statuses),
        ["api", "calendar", "appointments"] => endpoint("GET POST", SignedIn, calendar::appointments),
        ["api", "calendar", "appointments", _] => endpoint("GET PATCH PUT DELETE", SignedIn, calendar::appointment),
        ["api", "calendar", "calendars"] => endpoint("GET POST", Managers(CALENDAR_MANAGERS), calendar::calendars),
        ["api", "calendar", "calendars", _] => endpoint("PUT DELETE", Managers(CALENDAR_MANAGERS), calendar::calendar),
        ["api", "calendar", "routing-rules"] => {
            endpoint("GET", Managers(CALENDAR_MANAGERS), |_| Response::json(200, &json!({"rules": []})))
        }
        ["api", "calendar", "config", "appointment-types"] => endpoint("GET", SignedIn, settings::appointment_types),
        ["api", "calendar", "config", "appointment-statuses"] => {
            endpoint("GET", SignedIn, settings::appointment_statuses)
        }
        ["api", "calendar", "config", "default-calendar"] => {
            endpoint("GET", SignedIn, |_| Response::json(200, &json!({"default_calendar_id": null})))
        }
        ["api", "recordings", "file", _] => endpoint("GET", SignedIn, recordings::file),
        ["api", "recordings", "runs", "active"] => endpoint("GET", SignedIn, recordings::active_runs),
        ["api", "recordings", "runs", id, "status"] if id.parse::<u64>().is_ok() => {
            endpoint("GET", SignedIn, recordings::run_status)
        }
        ["api", "recordings", "runs", id, "cancel"] if id.parse::<u64>().is_ok() => {
            endpoint("POST", SignedIn, recordings::cancel_run)
        }
        ["api", "recordings", _, "status"] => endpoint("GET", SignedIn, recordings::status),
        ["api", "recordings", _, "stream"] => endpoint("GET", SignedIn, recordings::stream),
        ["api", "recordings", _, "prepare"] => endpoint("POST", SignedIn, recordings::prepare),
        _ => None,
    }
}

/// The CRM's answer to a request, with its headers and its cookie.
pub(crate) fn respond(world: &World, request: &Request) -> Response {
    if crate::twilio::is_ours(&request.path) {
        return crate::twilio::respond(world, request);
    }
    let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    let session = Session::read(world, request.header("cookie"));
    let mut visit = Visit { world, request, segments: &segments, session, change: RefCell::new(None) };
    let plain = matches!(segments.as_slice(), ["health" | "healthz"] | ["sandbox", ..]);
    let idle = visit.session.as_ref().is_some_and(|session| session.is_idle(world.now_ms()));
    let mut response = if idle && !plain && !matches!(segments.as_slice(), ["api", "auth", "me" | "login"]) {
        Response::json(401, &json!({"error": "Session expired"}))
    } else {
        if !idle
            && request.path != "/api/auth/me"
            && let Some(session) = visit.session.as_mut()
        {
            session.touch(&mut world.state(), world.now_ms(), !request.path.starts_with("/api/auth/"));
        }
        dispatch(&visit)
    };
    if plain {
        return response;
    }
    add_headers(&mut response, request);
    let cookie = match (visit.change.take(), &visit.session) {
        (Some(SessionChange::Begin(session)), _) => Some(session.set_cookie(world)),
        (Some(SessionChange::Clear), _) => Some(clear_cookie()),
        (None, Some(session)) => Some(session.set_cookie(world)),
        (None, None) => None,
    };
    match cookie.filter(|_| request.method != "OPTIONS") {
        Some(cookie) => response.with("set-cookie", cookie),
        None => response,
    }
}

fn dispatch(visit: &Visit) -> Response {
    let method = visit.request.method.as_str();
    let Some(endpoint) = find(method, visit.segments) else {
        return not_found(visit.segments);
    };
    let answers_get = endpoint.methods.split(' ').any(|known| known == "GET");
    if method == "OPTIONS" {
        return options(visit, &endpoint);
    }
    let known = endpoint.methods.split(' ').any(|known| known == method) || (method == "HEAD" && answers_get);
    if !known {
        const PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n\
            <h1>Method Not Allowed</h1>\n<p>The method is not allowed for the requested URL.</p>\n";
        return Response::html(405, PAGE).with("allow", allow(&endpoint));
    }
    match endpoint.access {
        Access::Open => {}
        _ if visit.user().is_none() => return no_session(),
        Access::Managers(listed) if visit.user().is_some_and(|user| user.role == "agent") => {
            let message = format!("This route requires one of {listed}, got agent (mapped to agent)");
            let body = json!({"error": "forbidden", "reason": "insufficient_permissions", "message": message});
            return Response::json(403, &body);
        }
        Access::SignedIn | Access::Managers(_) => {}
    }
    if needs_business(visit.segments) && visit.user().is_some_and(|user| user.business_id().is_none()) {
        let message = "No business is selected";
        let body = json!({"error": "forbidden", "reason": "no_tenant_context", "message": message});
        return Response::json(403, &body);
    }
    // The inner filter of appointments knows the roles of today only.
    if matches!(visit.segments, ["api", "calendar", "appointments", ..])
        && visit.user().is_some_and(|user| user.role == "manager")
    {
        return Response::json(403, &json!({"error": "Access denied"}));
    }
    (endpoint.run)(visit)
}

/// Routes that stand on a page of the web client.
fn needs_business(segments: &[&str]) -> bool {
    matches!(segments, ["api", "calls" | "inbound" | "outbound" | "leads" | "calendar", ..])
}

fn not_found(segments: &[&str]) -> Response {
    if segments.first() == Some(&"api") {
        return Response::json(404, &json!({"error": "not_found", "message": "Resource not found"}));
    }
    Response::html(404, "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n")
}

pub(crate) fn no_session() -> Response {
    let body = json!({"error": "forbidden", "reason": "no_session", "message": "Authentication required"});
    Response::json(401, &body)
}

pub(crate) fn server_error() -> Response {
    Response::json(500, &json!({"error": "server_error", "message": "Internal server error"}))
}

fn allow(endpoint: &Endpoint) -> String {
    let mut methods = vec!["OPTIONS"];
    for method in endpoint.methods.split(' ') {
        methods.push(method);
        if method == "GET" {
            methods.push("HEAD");
        }
    }
    methods.join(", ")
}

/// The audio route answers a preflight itself; elsewhere the framework lists the methods.
fn options(visit: &Visit, endpoint: &Endpoint) -> Response {
    if !is_audio(visit.request) {
        return Response::html(200, "").with("allow", allow(endpoint));
    }
    let answer = Response::html(204, "");
    if visit.request.header("origin").is_none() {
        return answer;
    }
    answer
        .with("access-control-allow-methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
        .with("access-control-allow-headers", "Content-Type, Authorization, X-Requested-With")
        .with("access-control-max-age", "86400")
}

fn is_audio(request: &Request) -> bool {
    request.path.starts_with("/api/recordings/file/")
}

const LISTED_ORIGINS: &[&str] = &["http://127.0.0.1:3000", "http://localhost:3000"];

fn add_headers(response: &mut Response, request: &Request) {
    let origin = request.header("origin");
    let audio = is_audio(request);
    let allowed = match origin {
        None => Some(LISTED_ORIGINS[0]),
        Some(origin) if audio || LISTED_ORIGINS.contains(&origin) => Some(origin),
        Some(_) => None,
    };
    let mut add = |name: &str, value: &str| response.headers.push((name.to_owned(), value.to_owned()));
    if let Some(allowed) = allowed {
        add("access-control-allow-origin", allowed);
        add("access-control-allow-credentials", "true");
        add("vary", "Origin, Cookie");
    } else {
        add("vary", "Cookie");
    }
    if audio && origin.is_some() && request.method != "OPTIONS" {
        add("access-control-expose-headers", "Content-Range, Accept-Ranges, Content-Length, Content-Type");
    }
    add("content-security-policy", "default-src 'self'; object-src 'none'; frame-ancestors 'none'");
    add("x-frame-options", "DENY");
    add("x-content-type-options", "nosniff");
    add("cross-origin-opener-policy", "same-origin");
    add("cross-origin-resource-policy", "same-origin");
}
