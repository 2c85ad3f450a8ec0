//! `/api/auth/*` and `/api/me/context`.

use super::{SessionChange, Visit};
use crate::data::{BUSINESS_NAME, BUSINESS_NUMBER};
use crate::message::Response;
use crate::session::Session;
use crate::world::{USERS, User};
use serde_json::{Map, Value, json};

const NOT_JSON: &str = "415 Unsupported Media Type: Did not attempt to load JSON data because the request \
    Content-Type was not 'application/json'.";
const BROKEN_JSON: &str =
    "400 Bad Request: The browser (or proxy) sent a request that this server could not understand.";

fn failure(status: u16, error: &str) -> Response {
    Response::json(status, &json!({"success": false, "error": error}))
}

/// The body as the framework reads it: anything but JSON becomes a 500 with the exception's text.
fn strict_json(visit: &Visit) -> Result<Value, Response> {
    let is_json = visit.request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if !is_json {
        return Err(failure(500, NOT_JSON));
    }
    serde_json::from_slice(&visit.request.body).map_err(|_| failure(500, BROKEN_JSON))
}

fn user_json(user: &User) -> Value {
    json!({
        "id": user.id, "name": user.name, "role": user.role, "business_id": user.business_id(),
        "email": user.email, "is_active": true,
    })
}

fn identity(user: &User) -> Response {
    // Who has no business is told this name, and so is everybody while the database is down.
    let tenant = json!({
        "id": user.business_id(),
        "name": if user.business_id().is_some() { BUSINESS_NAME } else { "No Tenant" },
    });
    Response::json(200, &json!({"user": user_json(user), "tenant": tenant, "impersonating": false}))
}

pub(super) fn login(visit: &Visit) -> Response {
    let body = match strict_json(visit) {
        Ok(body) => body,
        Err(failed) => return failed,
    };
    let Some(map) = body.as_object().filter(|map| !map.is_empty()) else {
        return failure(400, "Missing request data");
    };
    let text = |key| map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(email), Some(password)) = (text("email"), text("password")) else {
        return failure(400, "Missing email or password");
    };
    let known = USERS.iter().find(|user| user.email.eq_ignore_ascii_case(email.trim()) && user.password == password);
    let Some(user) = known else {
        return failure(401, "Invalid credentials");
    };
    let remember = map.get("remember_me").and_then(Value::as_bool).unwrap_or(false);
    visit.change_session(SessionChange::Begin(Session::begin(visit.world, user, remember)));
    identity(user)
}

pub(super) fn me(visit: &Visit) -> Response {
    match visit.user() {
        Some(user) => identity(user),
        None => Response::json(401, &json!({"error": "Not authenticated"})),
    }
}

pub(super) fn refresh(visit: &Visit) -> Response {
    let from_session = visit.session().and_then(|session| session.refresh_token.clone());
    let (token, by_body) = match from_session {
        Some(token) => (Some(token), false),
        None => match strict_json(visit) {
            Ok(body) => (body.get("refresh_token").and_then(Value::as_str).map(str::to_owned), true),
            Err(failed) => return failed,
        },
    };
    let Some(token) = token else {
        return failure(401, "No refresh token provided");
    };
    let owner = visit.world.state().refreshes.usable(&token, visit.world.now_ms());
    let Some(user) = owner.and_then(|id| USERS.iter().find(|user| user.id == id)) else {
        visit.change_session(SessionChange::Clear);
        return failure(401, "Invalid or expired refresh token");
    };
    let mut state = visit.world.state();
    state.refreshes.touch(&token, visit.world.now_ms());
    let now_ms = visit.world.now_ms();
    let session = Session {
        user_id: user.id,
        started_ms: visit.session().map_or(now_ms, |session| session.started_ms),
        last_activity_ms: now_ms,
        // A session made from a token in the body has none inside.
        refresh_token: (!by_body).then_some(token),
        epoch: state.epoch,
    };
    drop(state);
    visit.change_session(SessionChange::Begin(session));
    identity(user)
}

pub(super) fn logout(visit: &Visit) -> Response {
    if let Some(user) = visit.user() {
        // All of the user's tokens, on all devices; a replayed cookie stays good.
        visit.world.state().refreshes.forget_user(user.id);
    }
    visit.change_session(SessionChange::Clear);
    Response::json(200, &json!({"success": true}))
}

pub(super) fn csrf(visit: &Visit) -> Response {
    let mut state = visit.world.state();
    state.tokens_made += 1;
    let word = |salt| crate::data::mix(visit.world.seed(), salt, state.tokens_made);
    let token = format!("{:016x}{:016x}{:016x}{:016x}", word(90), word(91), word(92), word(93));
    state.csrf = Some(token.clone());
    Response::json(200, &json!({"csrfToken": token}))
}

pub(super) fn current(visit: &Visit) -> Response {
    Response::json(
        200,
        &json!({
            "user": visit.user().map(user_json),
            "business": {"id": 1, "name": BUSINESS_NAME, "phone_e164": BUSINESS_NUMBER},
            "permissions": {
                "manage_business": false, "manage_users": false, "view_calls": true, "view_customers": true,
                "view_whatsapp": true,
            },
        }),
    )
}

/// Page key, title, category, route, icon, least role.
const PAGES: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("dashboard", "סקירה כללית", "dashboard", "/app/business/overview", "LayoutDashboard", "agent"),
    ("crm_leads", "לידים", "crm", "/app/leads", "Users", "agent"),
    ("calls_inbound", "שיחות נכנסות", "calls", "/app/calls", "Phone", "agent"),
    ("calls_outbound", "שיחות יוצאות", "calls", "/app/outbound-calls", "PhoneOutgoing", "agent"),
    ("calendar", "לוח שנה", "calendar", "/app/calendar", "Calendar", "agent"),
    ("statistics", "סטטיסטיקות", "reports", "/app/statistics", "BarChart3", "agent"),
    ("settings", "הגדרות מערכת", "settings", "/app/settings", "Settings", "agent"),
    ("users", "ניהול משתמשים", "settings", "/app/users", "UserCog", "admin"),
];

pub(super) fn context(visit: &Visit) -> Response {
    let Some(user) = visit.user() else { return super::no_session() };
    if user.business_id().is_none() {
        return Response::json(403, &json!({"error": "No business context"}));
    }
    let pages: Vec<_> = PAGES.iter().filter(|page| user.role != "agent" || page.5 == "agent").collect();
    let registry: Map<String, Value> = pages
        .iter()
        .map(|(key, title, category, route, icon, role)| {
            let page = json!({
                "page_key": key, "title_he": title, "description": title, "category": category, "route": route,
                "icon": icon, "min_role": role, "is_system_admin_only": false, "api_tags": [key],
            });
            ((*key).to_owned(), page)
        })
        .collect();
    Response::json(
        200,
        &json!({
            "user": {"id": user.id, "name": user.name, "email": user.email, "role": user.role},
            "business": {"id": 1, "name": BUSINESS_NAME, "business_type": "renovation"},
            "enabled_pages": pages.iter().map(|page| page.0).collect::<Vec<_>>(),
            "page_registry": registry,
            "is_impersonating": false,
        }),
    )
}
