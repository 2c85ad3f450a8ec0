//! The sandbox against the real server's recorded answers (crates/engine/tests/transcripts): for the same request the same status,
//! the same header names, and JSON with the same keys and kinds of values, all the way down.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use aftercall_sandbox::{Options, Sandbox};
use common::{Answer, Person, send, start};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What kinds of values stand at one place of the JSON.
#[derive(Debug, Default)]
struct Shape {
    kinds: BTreeSet<&'static str>,
    keys: BTreeMap<String, Shape>,
    items: Option<Box<Shape>>,
}

impl Shape {
    fn add(&mut self, value: &Value) {
        self.kinds.insert(kind(value));
        match value {
            Value::Array(items) => {
                let shape = self.items.get_or_insert_default();
                items.iter().for_each(|item| shape.add(item));
            }
            Value::Object(map) => {
                map.iter().for_each(|(key, item)| self.keys.entry(key.clone()).or_default().add(item))
            }
            _ => {}
        }
    }

    /// Null says nothing about the kind that a value has when there is one.
    fn fits(&self, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let kind = kind(value);
        let known: Vec<_> = self.kinds.iter().filter(|known| **known != "null").collect();
        if kind != "null" && !known.is_empty() && !known.contains(&&kind) {
            wrong.push(format!("{at}: {kind} where the server sends {known:?}"));
        }
        match value {
            Value::Array(items) => {
                if let Some(shape) = &self.items {
                    items.iter().for_each(|item| shape.fits(item, &format!("{at}[]"), wrong));
                }
            }
            // Keys that are data: a page's key, an activity's details.
            Value::Object(map) if at.ends_with(".page_registry") => {
                if let (Some(shape), Some((_, page))) = (self.keys.get("calendar"), map.iter().next()) {
                    shape.fits(page, &format!("{at}.*"), wrong);
                }
            }
            Value::Object(map) if !at.ends_with(".payload") && self.kinds.contains("object") => {
                for key in map.keys().filter(|key| !self.keys.contains_key(*key)) {
                    wrong.push(format!("{at}.{key}: the server does not send this"));
                }
                for (key, shape) in &self.keys {
                    match map.get(key) {
                        Some(item) => shape.fits(item, &format!("{at}.{key}"), wrong),
                        None => wrong.push(format!("{at}.{key}: missing")),
                    }
                }
            }
            _ => {}
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The real server's answer.
struct Recorded {
    status: u16,
    header_names: Vec<String>,
    json: Option<Value>,
}

fn recorded(name: &str) -> Recorded {
    let path = format!("{}/../engine/tests/transcripts/{name}.http", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (_, response) = text.split_once("----- response -----\n").unwrap();
    let (head, body) = response.split_once("\n# body").unwrap();
    let mut lines = head.trim().lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header_names = lines.filter_map(|line| line.split_once(": ")).map(|(name, _)| name.to_owned()).collect();
    let json = body.starts_with(": JSON").then(|| body.split_once('\n').unwrap().1);
    Recorded { status, header_names, json: json.map(|json| serde_json::from_str(json).unwrap()) }
}

/// Left out of the transcripts (the contract says that every answer carries them), or of one connection only.
const NOT_COMPARED: &[&str] = &[
    "content-security-policy",
    "x-frame-options",
    "x-content-type-options",
    "cross-origin-opener-policy",
    "connection",
];

fn compare(name: &str, answer: &Answer, wrong: &mut Vec<String>) {
    let recorded = recorded(name);
    let mut differences = Vec::new();
    if answer.status != recorded.status {
        differences.push(format!("status {} instead of {}", answer.status, recorded.status));
    }
    let mut ours: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| !NOT_COMPARED.contains(&name.as_str()))
        .collect();
    let mut theirs = recorded.header_names;
    ours.sort();
    theirs.sort();
    if !name.starts_with("19_health") && ours != theirs {
        differences.push(format!("headers {ours:?} instead of {theirs:?}"));
    }
    if let Some(json) = recorded.json {
        let mut shape = Shape::default();
        shape.add(&json);
        shape.fits(&answer.json(), "", &mut differences);
        assert!(answer.body.is_ascii(), "{name}: JSON is ASCII on the wire");
    }
    wrong.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const ORIGIN: (&str, &str) = ("Origin", "tauri://localhost");

struct Sids {
    recorded: String,
    other: String,
    unrecorded: String,
    old: String,
}

async fn sids(owner: &Person) -> Sids {
    let page = |offset: usize| async move { owner.get(&format!("/api/calls?limit=100&offset={offset}")).await.json() };
    let (newest, oldest) = (page(0).await, page(200).await);
    let find = |list: &Value, has: bool, nth: usize| {
        let mut fitting = list["calls"].as_array().unwrap().iter().filter(|call| call["hasRecording"] == has);
        fitting.nth(nth).unwrap()["sid"].as_str().unwrap().to_owned()
    };
    Sids {
        recorded: find(&newest, true, 0),
        other: find(&newest, true, 1),
        unrecorded: find(&newest, false, 0),
        old: find(&oldest, true, 0),
    }
}

/// Transcript, who asks (`""` = nobody), method, target, headers, body.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

async fn compare_all(sandbox: &Sandbox, cases: &[Case<'_>]) {
    let (owner, agent) = (Person::owner(sandbox).await, Person::agent(sandbox).await);
    let sids = sids(&owner).await;
    let mut wrong = Vec::new();
    for (name, who, method, target, headers, body) in cases {
        let target = target
            .replace("{recorded}", &sids.recorded)
            .replace("{other}", &sids.other)
            .replace("{unrecorded}", &sids.unrecorded)
            .replace("{old}", &sids.old);
        let mut headers = headers.to_vec();
        match *who {
            "owner" => headers.push(("Cookie", &owner.cookie)),
            "agent" => headers.push(("Cookie", &agent.cookie)),
            "garbage" => headers.push(("Cookie", "al_sess=garbage.1.2")),
            _ => {}
        }
        compare(name, &send(sandbox.url(), method, &target, &headers, body).await, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn sessions_and_records_have_the_real_servers_shapes() {
    let (sandbox, _) = start(Options { prepare_polls: 0, ..Options::default() }).await;
    let ready = sandbox.ready().clone();
    let login = |email: &str, password: &str| serde_json::json!({"email": email, "password": password}).to_string();
    let owner_login = login(&ready.email, &ready.password);
    let agent_login = login(&ready.agent.email, &ready.agent.password);
    let wrong_login = login(&ready.email, "wrong");
    let meeting = r#"{"title": "פגישת בדיקה", "start_time": "2027-01-10T10:00:00Z", "end_time": "2027-01-10T11:00:00Z", "lead_id": 1}"#;
    let overlapping = r#"{"title": "חופפת", "start_time": "2027-01-10T10:30:00", "end_time": "2027-01-10T11:30:00"}"#;
    let status = "/api/leads/1/status";
    let lead = Person::owner(&sandbox).await.get("/api/leads/1").await.json();
    let same_status = serde_json::json!({"status": lead["status"]}).to_string();
    let meeting_at = "/api/calendar/appointments/46";
    compare_all(
        &sandbox,
        &[
            ("01_login_bad_password", "", "POST", "/api/auth/login", &[JSON], &wrong_login),
            ("01_login_empty_object", "", "POST", "/api/auth/login", &[JSON], "{}"),
            ("01_login_malformed_json", "", "POST", "/api/auth/login", &[JSON], "{\"email\": "),
            ("01_login_missing_field", "", "POST", "/api/auth/login", &[JSON], "{\"email\": \"x\"}"),
            ("01_login_not_json", "", "POST", "/api/auth/login", &[("Content-Type", "text/plain")], "email=x"),
            ("01_login_ok_owner", "", "POST", "/api/auth/login", &[JSON], &owner_login),
            ("01_login_ok_agent", "", "POST", "/api/auth/login", &[JSON], &agent_login),
            (
                "02_bearer_token_is_ignored",
                "",
                "GET",
                "/api/calls?limit=1",
                &[("Authorization", "Bearer session_1")],
                "",
            ),
            ("02_context_owner", "owner", "GET", "/api/me/context", &[], ""),
            ("02_context_agent", "agent", "GET", "/api/me/context", &[], ""),
            ("02_context_unauthenticated", "", "GET", "/api/me/context", &[], ""),
            ("02_csrf_token", "owner", "GET", "/api/auth/csrf", &[], ""),
            ("02_current_legacy", "owner", "GET", "/api/auth/current", &[], ""),
            ("02_me_ok", "owner", "GET", "/api/auth/me", &[], ""),
            ("02_me_garbage_cookie", "garbage", "GET", "/api/auth/me", &[], ""),
            ("02_me_unauthenticated", "", "GET", "/api/auth/me", &[], ""),
            ("02_refresh_ok", "owner", "POST", "/api/auth/refresh", &[JSON], "{}"),
            ("02_refresh_no_session", "", "POST", "/api/auth/refresh", &[JSON], "{\"x\": 1}"),
            ("02_refresh_no_body_no_session", "", "POST", "/api/auth/refresh", &[], ""),
            ("03_calls_page1", "owner", "GET", "/api/calls?limit=5&offset=0", &[], ""),
            ("03_calls_page2", "owner", "GET", "/api/calls?limit=5&offset=5", &[], ""),
            ("03_calls_beyond_end", "owner", "GET", "/api/calls?limit=50&offset=100000", &[], ""),
            ("03_calls_by_lead_bad", "owner", "GET", "/api/calls?lead_id=abc", &[], ""),
            (
                "03_calls_filter_outbound_completed",
                "owner",
                "GET",
                "/api/calls?direction=outbound&status=completed&limit=3",
                &[],
                "",
            ),
            ("03_calls_if_none_match", "owner", "GET", "/api/calls?limit=1", &[("If-None-Match", "\"x\"")], ""),
            ("03_calls_limit_negative", "owner", "GET", "/api/calls?limit=-1", &[], ""),
            ("03_calls_limit_not_a_number", "owner", "GET", "/api/calls?limit=abc", &[], ""),
            ("03_calls_limit_zero", "owner", "GET", "/api/calls?limit=0", &[], ""),
            ("03_calls_search_hebrew", "owner", "GET", "/api/calls?search=%D7%9E%D7%98%D7%91%D7%97&limit=3", &[], ""),
            ("03_calls_search_percent", "owner", "GET", "/api/calls?search=%25&limit=1", &[], ""),
            ("03_calls_stats", "owner", "GET", "/api/calls/stats", &[], ""),
            ("03_calls_unauthenticated", "", "GET", "/api/calls", &[], ""),
            ("03_inbound_recent_page1", "owner", "GET", "/api/inbound/recent-calls?page=1&page_size=5", &[], ""),
            (
                "03_inbound_recent_status",
                "owner",
                "GET",
                "/api/inbound/recent-calls?status=completed&page_size=2",
                &[],
                "",
            ),
            (
                "03_inbound_recent_search_name",
                "owner",
                "GET",
                "/api/inbound/recent-calls?search=%D7%91%D7%A8%D7%A7&page_size=3",
                &[],
                "",
            ),
            ("03_inbound_alias", "owner", "GET", "/api/inbound/recent?page_size=1", &[], ""),
            ("03_inbound_bad_page", "owner", "GET", "/api/inbound/recent-calls?page=abc", &[], ""),
            ("03_inbound_counts", "owner", "GET", "/api/inbound_calls/counts", &[], ""),
            ("03_outbound_counts", "owner", "GET", "/api/outbound_calls/counts", &[], ""),
            ("03_outbound_recent_page1", "owner", "GET", "/api/outbound/recent-calls?page=1&page_size=5", &[], ""),
            ("04_call_bare_sid_get", "owner", "GET", "/api/calls/{recorded}", &[], ""),
            ("04_call_details", "owner", "GET", "/api/calls/{recorded}/details", &[], ""),
            ("04_call_details_no_transcript", "owner", "GET", "/api/calls/{unrecorded}/details", &[], ""),
            ("04_call_details_404", "owner", "GET", "/api/calls/CAdoesnotexist/details", &[], ""),
            ("04_delete_call_agent", "agent", "DELETE", "/api/calls/{recorded}", &[], ""),
            (
                "04_transcript_put_ok",
                "owner",
                "PUT",
                "/api/calls/{old}/transcript",
                &[JSON],
                "{\"transcript\": \"תמליל\"}",
            ),
            ("05_leads_page1", "owner", "GET", "/api/leads?page=1&pageSize=5", &[], ""),
            ("05_leads_bad_page", "owner", "GET", "/api/leads?page=abc", &[], ""),
            ("05_leads_page_zero", "owner", "GET", "/api/leads?page=0", &[], ""),
            ("05_leads_pagesize_zero", "owner", "GET", "/api/leads?pageSize=0", &[], ""),
            ("05_leads_search", "owner", "GET", "/api/leads?q=%D7%91%D7%A8%D7%A7&pageSize=2", &[], ""),
            (
                "05_leads_filter_statuses",
                "owner",
                "GET",
                "/api/leads?statuses%5B%5D=won&statuses%5B%5D=lost&pageSize=2",
                &[],
                "",
            ),
            (
                "05_leads_created_range",
                "owner",
                "GET",
                "/api/leads?from=2026-01-01T00:00:00Z&to=2026-11-22T00:00:00Z&pageSize=1",
                &[],
                "",
            ),
            ("05_leads_unauthenticated", "", "GET", "/api/leads", &[], ""),
            ("06_lead_activities_500", "owner", "GET", "/api/leads/1/activities", &[], ""),
            ("06_lead_appointments", "owner", "GET", "/api/calendar/appointments?lead_id=99999", &[], ""),
            ("06_lead_detail", "owner", "GET", "/api/leads/1", &[], ""),
            ("06_lead_detail_404", "owner", "GET", "/api/leads/999999", &[], ""),
            ("06_lead_notes", "owner", "GET", "/api/leads/2/notes", &[], ""),
            ("06_lead_note_create", "owner", "POST", "/api/leads/1/notes", &[JSON], "{\"content\": \"הערה מהנגן\"}"),
            (
                "06_lead_note_patch",
                "owner",
                "PATCH",
                "/api/leads/1/notes/241",
                &[JSON],
                "{\"content\": \"הערה מעודכנת\"}",
            ),
            ("06_lead_note_delete", "owner", "DELETE", "/api/leads/1/notes/241", &[], ""),
            ("06_lead_patch_status", "owner", "PATCH", status, &[JSON], &same_status),
            ("06_lead_patch_status_invalid", "owner", "PATCH", status, &[JSON], "{\"status\": \"nonsense\"}"),
            ("06_lead_reminders", "owner", "GET", "/api/leads/1/reminders", &[], ""),
            ("07_lead_statuses", "owner", "GET", "/api/lead-statuses", &[], ""),
            ("07_statuses", "owner", "GET", "/api/statuses", &[], ""),
            ("08_appointment_404", "owner", "GET", "/api/calendar/appointments/99999", &[], ""),
            ("08_appointment_create", "owner", "POST", "/api/calendar/appointments", &[JSON], meeting),
            (
                "08_appointment_create_missing",
                "owner",
                "POST",
                "/api/calendar/appointments",
                &[JSON],
                "{\"title\": \"x\"}",
            ),
            ("08_appointment_created_read", "owner", "GET", meeting_at, &[], ""),
            ("08_appointment_overlap_409", "owner", "POST", "/api/calendar/appointments", &[JSON], overlapping),
            ("08_appointment_patch", "owner", "PATCH", meeting_at, &[JSON], "{\"status\": \"confirmed\"}"),
            ("08_appointment_delete", "owner", "DELETE", meeting_at, &[], ""),
            ("08_appointment_delete_again", "owner", "DELETE", meeting_at, &[], ""),
            ("08_appointments_agent", "agent", "GET", "/api/calendar/appointments?per_page=1", &[], ""),
            ("08_appointments_page1", "owner", "GET", "/api/calendar/appointments?page=1&per_page=5", &[], ""),
            ("08_appointments_bad_calendar", "owner", "GET", "/api/calendar/appointments?calendar_id=x", &[], ""),
            ("08_appointments_bad_date", "owner", "GET", "/api/calendar/appointments?start_date=yesterday", &[], ""),
            (
                "08_appointments_by_calendar",
                "owner",
                "GET",
                "/api/calendar/appointments?calendar_id=1&per_page=3",
                &[],
                "",
            ),
            ("08_appointments_unauthenticated", "", "GET", "/api/calendar/appointments", &[], ""),
            ("09_appointment_statuses", "owner", "GET", "/api/calendar/config/appointment-statuses", &[], ""),
            ("09_appointment_types", "owner", "GET", "/api/calendar/config/appointment-types", &[], ""),
            ("09_calendars", "owner", "GET", "/api/calendar/calendars", &[], ""),
            ("09_calendars_agent_403", "agent", "GET", "/api/calendar/calendars", &[], ""),
            (
                "09_calendar_create",
                "owner",
                "POST",
                "/api/calendar/calendars",
                &[JSON],
                "{\"name\": \"לוח\", \"allowed_tags\": [\"א\"]}",
            ),
            ("09_calendar_put_name", "owner", "PUT", "/api/calendar/calendars/5", &[JSON], "{\"name\": \"לוח 2\"}"),
            (
                "09_calendar_put_is_active_500",
                "owner",
                "PUT",
                "/api/calendar/calendars/5",
                &[JSON],
                "{\"is_active\": true}",
            ),
            ("09_calendar_delete", "owner", "DELETE", "/api/calendar/calendars/5", &[], ""),
            ("09_calendar_default", "owner", "GET", "/api/calendar/config/default-calendar", &[], ""),
            ("09_routing_rules", "owner", "GET", "/api/calendar/routing-rules", &[], ""),
            ("14_calls_get_foreign_origin", "owner", "GET", "/api/calls?limit=1", &[ORIGIN], ""),
            ("14_calls_options_preflight", "", "OPTIONS", "/api/calls", &[ORIGIN], ""),
            ("19_health", "", "GET", "/health", &[], ""),
            ("19_unknown_api_route", "owner", "GET", "/api/does-not-exist", &[], ""),
            ("25_cleanup_agent_403", "agent", "POST", "/api/calls/cleanup-recordings", &[JSON], "{}"),
            ("20_logout", "owner", "POST", "/api/auth/logout", &[JSON], "{}"),
            ("20_after_logout_new_jar", "", "GET", "/api/auth/me", &[], ""),
            ("20_after_logout_old_cookie", "owner", "GET", "/api/calls?limit=1", &[], ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn recordings_that_are_there_have_the_real_servers_shapes() {
    let (sandbox, _) = start(Options { prepare_polls: 0, ..Options::default() }).await;
    let file = "/api/recordings/file/{recorded}";
    let stream = "/api/recordings/{recorded}/stream?explicit_user_action=true";
    let download = "/api/calls/{recorded}/download";
    let part: (&str, &str) = ("Range", "bytes=0-99");
    compare_all(
        &sandbox,
        &[
            ("10_rec_get_200", "owner", "GET", file, &[], ""),
            ("10_rec_get_200_with_origin", "owner", "GET", file, &[ORIGIN], ""),
            ("10_rec_head_200", "owner", "HEAD", file, &[], ""),
            ("10_rec_head_200_with_origin", "owner", "HEAD", file, &[ORIGIN], ""),
            ("11_rec_if_range", "owner", "GET", file, &[part, ("If-Range", "\"zzz\"")], ""),
            ("11_rec_range_0_99", "owner", "GET", file, &[part], ""),
            ("11_rec_range_multi", "owner", "GET", file, &[("Range", "bytes=0-99,200-299")], ""),
            ("11_rec_range_on_head", "owner", "HEAD", file, &[part], ""),
            ("11_rec_range_oob", "owner", "GET", file, &[("Range", "bytes=999999999-")], ""),
            ("11_rec_range_reversed", "owner", "GET", file, &[("Range", "bytes=200-100")], ""),
            ("11_rec_range_suffix_zero", "owner", "GET", file, &[("Range", "bytes=-0")], ""),
            ("11_rec_range_uppercase_unit", "owner", "GET", file, &[("Range", "BYTES=0-99")], ""),
            ("11_rec_range_with_origin", "owner", "GET", file, &[part, ORIGIN], ""),
            ("12_rec_if_none_match", "owner", "GET", file, &[("If-None-Match", "*")], ""),
            ("14_rec_401_unauthenticated", "", "GET", file, &[], ""),
            ("14_rec_401_unauthenticated_head", "", "HEAD", file, &[], ""),
            ("14_rec_404_no_recording_url", "owner", "GET", "/api/recordings/file/{unrecorded}", &[], ""),
            ("14_rec_404_no_recording_url_head", "owner", "HEAD", "/api/recordings/file/{unrecorded}", &[], ""),
            ("14_rec_404_unknown_sid", "owner", "GET", "/api/recordings/file/CAdoesnotexist", &[], ""),
            ("14_rec_404_unknown_sid_head", "owner", "HEAD", "/api/recordings/file/CAdoesnotexist", &[], ""),
            ("14_rec_agent_can_read", "agent", "HEAD", file, &[], ""),
            ("14_rec_options_no_origin", "", "OPTIONS", file, &[], ""),
            ("14_rec_options_preflight", "", "OPTIONS", file, &[ORIGIN, ("Access-Control-Request-Method", "GET")], ""),
            ("14_rec_post_405", "owner", "POST", file, &[JSON], "{}"),
            ("16_prepare_no_csrf", "owner", "POST", "/api/recordings/{recorded}/prepare", &[JSON], "{}"),
            ("16_prepare_404", "owner", "POST", "/api/recordings/{unrecorded}/prepare", &[JSON], "{}"),
            ("16_status_ready", "owner", "GET", "/api/recordings/{recorded}/status", &[], ""),
            ("16_status_404", "owner", "GET", "/api/recordings/{unrecorded}/status", &[], ""),
            ("16_status_410", "owner", "GET", "/api/recordings/{old}/status", &[], ""),
            ("17_stream_200", "owner", "GET", stream, &[], ""),
            ("17_stream_head", "owner", "HEAD", stream, &[], ""),
            (
                "17_stream_206",
                "owner",
                "GET",
                "/api/recordings/{recorded}/stream",
                &[part, ("X-User-Action", "play")],
                "",
            ),
            ("17_stream_410", "owner", "GET", "/api/recordings/{old}/stream?explicit_user_action=true", &[], ""),
            ("17_stream_416", "owner", "GET", stream, &[("Range", "bytes=999999999-")], ""),
            ("17_stream_malformed_range_500", "owner", "GET", stream, &[("Range", "bytes=abc-def")], ""),
            ("17_stream_no_user_action_400", "owner", "GET", "/api/recordings/{recorded}/stream", &[], ""),
            ("18_download_200", "owner", "GET", download, &[], ""),
            ("18_download_206", "owner", "GET", download, &[part], ""),
            ("18_download_404", "owner", "GET", "/api/calls/{unrecorded}/download", &[], ""),
            ("18_download_410", "owner", "GET", "/api/calls/{old}/download", &[], ""),
            ("18_download_malformed_range_500", "owner", "GET", download, &[("Range", "bytes=abc-def")], ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn recordings_in_preparation_have_the_real_servers_shapes() {
    let (sandbox, _) = start(Options { prepare_polls: 9, ..Options::default() }).await;
    let file = "/api/recordings/file/{recorded}";
    compare_all(
        &sandbox,
        &[
            ("16_status_unknown", "owner", "GET", "/api/recordings/{recorded}/status", &[], ""),
            ("15_rec_202_new_job_get", "owner", "GET", file, &[], ""),
            ("15_rec_202_repeat_get", "owner", "GET", file, &[], ""),
            ("15_rec_202_repeat_head", "owner", "HEAD", file, &[], ""),
            ("16_status_queued", "owner", "GET", "/api/recordings/{recorded}/status", &[], ""),
            ("16_prepare_again", "owner", "POST", "/api/recordings/{recorded}/prepare", &[JSON], "{}"),
            ("15_rec_202_new_job_head", "owner", "HEAD", "/api/recordings/file/{other}", &[], ""),
            ("16_prepare_queued", "owner", "POST", "/api/recordings/{old}/prepare", &[JSON], "{}"),
            ("16_runs_active", "owner", "GET", "/api/recordings/runs/active", &[], ""),
            ("16_run_status", "owner", "GET", "/api/recordings/runs/1/status", &[], ""),
            ("16_run_status_404", "owner", "GET", "/api/recordings/runs/99999/status", &[], ""),
            ("16_run_cancel", "owner", "POST", "/api/recordings/runs/1/cancel", &[JSON], "{}"),
        ],
    )
    .await;
}
