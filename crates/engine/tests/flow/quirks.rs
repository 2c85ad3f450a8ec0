//! The quirks of the CRM's contract, by their numbers: each is really on the sandbox's wire, and none gets past the
//! client into the library.

use std::collections::BTreeSet;
use std::sync::Arc;

use aftercall_domain::call::Call;
use aftercall_domain::clock::{Clock as _, ManualClock, SystemClock};
use aftercall_domain::error::Code;
use aftercall_domain::ids::{CallSid, LeadId, RecordingId};
use aftercall_domain::zone;
use aftercall_engine::store::table::calls::{CallListing, CallsFilter};
use aftercall_engine::store::table::{Span, appointments, calendars, calls, leads};
use aftercall_engine::sync::Depth;
use aftercall_engine::upstream::{Presence, Ranged, RecordingSource as _, UpstreamError};
use aftercall_sandbox::Options;
use serde_json::Value;

use crate::profile::{Profile, options, raw};

async fn synced() -> Profile {
    Profile::synced(Options { calls: 300, leads: 60, ..options("[]") }).await
}

async fn wire(profile: &Profile, target: &str) -> Value {
    let (status, body) = raw(&profile.sandbox, "GET", target, "").await;
    assert_eq!(status, 200, "{target}");
    body
}

fn rows<'a>(body: &'a Value, list: &str) -> &'a Vec<Value> {
    body[list].as_array().expect("a list")
}

/// The whole list of calls as the server sends it.
async fn wire_calls(profile: &Profile) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = wire(profile, &format!("/api/calls?limit=100&offset={}", all.len())).await;
        let rows = rows(&page, "calls").clone();
        if rows.is_empty() {
            return all;
        }
        all.extend(rows);
    }
}

async fn shown(profile: &Profile) -> Vec<CallListing> {
    let list = |conn: &rusqlite::Connection| calls::list(conn, &CallsFilter::default(), Span::After(None), 1_000);
    profile.store.read(list).await.expect("read").rows
}

async fn call(profile: &Profile, sid: &str) -> Call {
    let sid: CallSid = sid.parse().expect("a sid");
    profile.store.read(move |conn| calls::get(conn, &sid)).await.expect("read").expect("a call")
}

fn text<'a>(row: &'a Value, field: &str) -> Option<&'a str> {
    row[field].as_str()
}

#[tokio::test]
async fn quirk_01_a_parent_leg_stands_beside_its_call_and_is_not_shown() {
    let profile = synced().await;
    let wire = wire_calls(&profile).await;
    let parents: BTreeSet<&str> = wire.iter().filter_map(|row| text(row, "parent_call_sid")).collect();
    let legs = wire.iter().filter(|row| parents.contains(text(row, "sid").expect("a sid"))).count();
    assert!(legs > 3 && legs == parents.len(), "{legs} legs on the wire");
    let shown = shown(&profile).await;
    assert_eq!(shown.len(), wire.len() - legs);
    assert!(shown.iter().all(|row| !parents.contains(row.call.sid.as_str())));
    assert!(shown.iter().filter(|row| row.call.parent_sid.is_some()).count() == legs, "the calls themselves are");
    let again = profile.sync(Depth::Full).await.expect("synced");
    assert_eq!((again.calls.changed, again.calls.removed), (0, 0), "hidden, not fought over");
}

#[tokio::test]
async fn quirk_02_three_names_for_one_thing_are_all_read() {
    let body = |row: &str| format!(r#"{{\"calls\": [{row}], \"pagination\": {{\"total\": 1}}}}"#);
    for row in [
        r#"{\"sid\": \"CA1\", \"at\": \"2026-01-20T08:00:00\", \"final_transcript\": \"x\", \"from_e164\": \"1\"}"#,
        r#"{\"call_sid\": \"CA1\", \"created_at\": \"2026-01-20T08:00:00\", \"transcription\": \"x\", \"from_e164\": \"1\"}"#,
        r#"{\"sid\": \"CA1\", \"call_sid\": \"CA1\", \"at\": \"2026-01-20T08:00:00\", \"transcript\": \"x\", \"from_e164\": \"1\"}"#,
    ] {
        let script =
            format!(r#"[{{"match": {{"path": "/api/calls"}}, "nth": "*", "do": [{{"body": "{}"}}]}}]"#, body(row));
        let profile = Profile::synced(options(&script)).await;
        let read = call(&profile, "CA1").await;
        assert_eq!(read.started_at_ms, Some(1_768_896_000_000), "{row}");
        assert_eq!((read.transcript.as_deref(), read.from_number.as_deref()), (Some("x"), Some("1")), "{row}");
    }
    let profile = synced().await;
    for (target, list, total) in [
        ("/api/calls?limit=2&offset=0", "calls", "pagination"),
        ("/api/inbound/recent-calls?page=1&page_size=2", "items", "total"),
        ("/api/leads?page=1&pageSize=2", "items", "total"),
        ("/api/calendar/appointments?page=1&per_page=2", "appointments", "pagination"),
    ] {
        let body = wire(&profile, target).await;
        assert!(!rows(&body, list).is_empty() && !body[total].is_null(), "{target}");
    }
}

#[tokio::test]
async fn quirk_03_lead_names_are_null_in_the_calls_and_come_from_the_leads() {
    let profile = synced().await;
    assert!(wire_calls(&profile).await.iter().all(|row| row["lead_name"].is_null()));
    let shown = shown(&profile).await;
    let named = shown.iter().filter(|row| row.lead_name.is_some()).count();
    let with_lead = shown.iter().filter(|row| row.call.lead_id.is_some()).count();
    assert!(named > 100 && named * 10 > with_lead * 8, "{named} of {with_lead} calls with a lead show its name");
}

#[tokio::test]
async fn quirk_04_of_two_statuses_that_disagree_the_call_lists_own_is_kept() {
    let profile = synced().await;
    let list = wire_calls(&profile).await;
    let recent = wire(&profile, "/api/inbound/recent-calls?page_size=500").await;
    let (mut differ, mut same) = (0, 0);
    for row in rows(&recent, "items") {
        let sid = text(row, "call_sid").expect("a sid");
        let of_list = list.iter().find(|one| text(one, "sid") == Some(sid)).expect("in both");
        if row["status"] == of_list["status"] {
            same += 1
        } else {
            differ += 1
        }
        assert_eq!(call(&profile, sid).await.status.as_deref(), text(of_list, "status"));
    }
    assert!(differ > 10 && same > 10, "{differ} differ, {same} do not");
}

#[tokio::test]
async fn quirk_05_the_recent_list_lacks_the_callers_number_and_takes_none_away() {
    let profile = synced().await;
    let recent = wire(&profile, "/api/inbound/recent-calls?page_size=500").await;
    let items = rows(&recent, "items");
    assert!(items.iter().all(|row| row.get("from_number").is_none() && row.get("from_e164").is_none()));
    let business: BTreeSet<Option<&str>> = items.iter().map(|row| text(row, "to_number")).collect();
    assert_eq!(business.len(), 1, "it shows the business's own number");
    for row in wire_calls(&profile).await {
        let read = call(&profile, text(&row, "sid").expect("a sid")).await;
        assert_eq!(read.from_number.as_deref(), text(&row, "from_e164"));
        assert_eq!(read.to_number.as_deref(), text(&row, "to_e164"));
    }
}

#[tokio::test]
async fn quirk_06_naive_times_of_calls_are_utc_and_not_the_computers_time() {
    let profile = synced().await;
    let now_ms = SystemClock::new().now_ms();
    let newest = shown(&profile).await.into_iter().filter_map(|row| row.call.started_at_ms).max().expect("a time");
    assert!((0..15 * 60_000).contains(&(now_ms - newest)), "the newest call is minutes old, in every zone");
    for row in wire_calls(&profile).await.iter().take(40) {
        let at = text(row, "at").expect("a time");
        assert!(!at.contains(['Z', '+']), "{at}");
        let read = call(&profile, text(row, "sid").expect("a sid")).await.started_at_ms.expect("a time");
        assert_eq!(&zone::rfc3339_utc(read)[..19], &at[..19]);
    }
}

#[tokio::test]
async fn quirk_07_times_have_six_digits_of_a_second_or_none_and_both_are_read() {
    let profile = synced().await;
    let (mut none, mut six) = (0, 0);
    for row in wire_calls(&profile).await {
        match text(&row, "at").expect("a time").split_once('.') {
            None => none += 1,
            Some((_, digits)) => {
                assert_eq!(digits.len(), 6);
                six += 1;
            }
        }
    }
    assert!(none > 3 && six > 100, "{none} and {six}");
    let report = profile.sync(Depth::Full).await.expect("synced");
    assert_eq!(report.rejected(), 0);
}

#[tokio::test]
async fn quirk_08_a_500_with_sql_or_hebrew_in_it_is_a_failure_whose_words_go_nowhere() {
    let profile = Profile::new(options("[]")).await;
    let (status, body) = raw(&profile.sandbox, "GET", "/api/calls?limit=-1", "").await;
    let sql = text(&body, "error").expect("words");
    assert!(status == 500 && sql.contains("SELECT"), "{status} {sql}");
    let (status, hebrew) = raw(&profile.sandbox, "GET", "/api/inbound/recent-calls?page=x", "").await;
    assert!(status == 500 && text(&hebrew, "error").is_some_and(|words| words.contains("שגיאה")));
    let words = serde_json::to_string(sql).expect("text").replace('\\', "\\\\").replace('"', "\\\"");
    let script = format!(
        r#"[{{"match": {{"path": "/api/calls"}}, "nth": "*", "do": [{{"status": 500}}, {{"body": "{{\"error\": {words}}}"}}]}}]"#
    );
    let profile = Profile::new(options(&script)).await;
    profile.sign_in(true).await.expect("signed in");
    let error = profile.sync(Depth::Usual).await.expect_err("a failure");
    assert_eq!(error.code(), Code::ServerUnavailable);
    let told = format!("{error} {error:?}");
    assert!(!told.contains("SELECT") && !told.contains("שגיאה"), "{told}");
}

#[tokio::test]
async fn quirk_09_more_behind_an_empty_page_is_no_reason_to_ask_for_ever() {
    let profile = synced().await;
    let empty = wire(&profile, "/api/calls?limit=0").await;
    assert_eq!((rows(&empty, "calls").len(), &empty["pagination"]["hasMore"]), (0, &Value::Bool(true)));
    profile.crm.calls(0, 0).await.expect("asked for one row at least");
    let last = profile.sandbox.requests().pop().expect("a request");
    assert!(last.path.contains("limit=1&"), "{}", last.path);
    let body = r#"{\"calls\": [], \"pagination\": {\"total\": 500, \"limit\": 100, \"offset\": 0, \"hasMore\": true}}"#;
    let script = format!(r#"[{{"match": {{"path": "/api/calls"}}, "nth": "*", "do": [{{"body": "{body}"}}]}}]"#);
    let profile = Profile::new(options(&script)).await;
    profile.sign_in(true).await.expect("signed in");
    for depth in [Depth::Usual, Depth::Full] {
        // Nothing is on a page of a list that is said to have 500 rows: it is not believed, and it ends.
        assert_eq!(profile.sync(depth).await.expect_err("no list").code(), Code::ServerUnavailable);
    }
    assert!(profile.asked("GET", "/api/calls") <= 4, "{}", profile.asked("GET", "/api/calls"));
}

#[tokio::test]
async fn quirk_10_hebrew_with_points_quotes_marks_and_line_ends_arrives_letter_for_letter() {
    let profile = synced().await;
    let mut seen = String::new();
    for row in wire_calls(&profile).await {
        let read = call(&profile, text(&row, "sid").expect("a sid")).await;
        assert_eq!(read.summary.as_deref(), text(&row, "summary"));
        let words = text(&row, "final_transcript").or_else(|| text(&row, "transcript"));
        assert_eq!(read.transcript.as_deref(), words);
        seen.extend(words.into_iter().chain(text(&row, "summary")));
    }
    let page = wire(&profile, "/api/leads?pageSize=500").await;
    for row in rows(&page, "items") {
        let id = LeadId(row["id"].as_i64().expect("an id"));
        let read = profile.store.read(move |conn| leads::get(conn, id)).await.expect("read").expect("a lead");
        assert_eq!(read.lead.first_name.as_deref(), text(row, "first_name").filter(|name| !name.is_empty()));
        seen.extend([text(row, "first_name"), text(row, "last_name"), text(row, "summary")].into_iter().flatten());
    }
    assert!(seen.contains('\n') && seen.chars().any(|letter| ('\u{5d0}'..='\u{5ea}').contains(&letter)));
    assert!(seen.contains(['״', '׳', '"', '\'']), "a geresh or a quote");
}

#[tokio::test]
async fn quirk_11_placeholders_that_arrive_as_data_are_no_data() {
    let profile = synced().await;
    let page = wire(&profile, "/api/leads?pageSize=500").await;
    let nameless: Vec<i64> = rows(&page, "items")
        .iter()
        .filter(|row| text(row, "full_name") == Some("ללא שם"))
        .filter_map(|row| row["id"].as_i64())
        .collect();
    assert!(!nameless.is_empty(), "the server names nobody");
    for id in nameless {
        let lead = profile.store.read(move |conn| leads::get(conn, LeadId(id))).await.expect("read").expect("a lead");
        assert_eq!((lead.name, lead.lead.full_name), (None, None));
    }
    // A list reads no transcripts: which call has none is asked of each call.
    let mut silent = None;
    for row in shown(&profile).await {
        if call(&profile, row.call.sid.as_str()).await.transcript.is_none() {
            silent = Some(row.call.sid);
            break;
        }
    }
    let silent = silent.expect("a call");
    let details = wire(&profile, &format!("/api/calls/{silent}/details")).await;
    assert_eq!(text(&details, "transcript"), Some("אין תמליל זמין"));
    assert_eq!(profile.crm.call_details(&silent).await.expect("details").transcript, None);
}

#[tokio::test]
async fn quirk_12_a_202_of_the_audio_route_is_json_and_never_sound() {
    let profile = Profile::new(Options { prepare_polls: 9, ..options("[]") }).await;
    profile.sign_in(true).await.expect("signed in");
    let (id, _) = profile.recording(0);
    let (status, body) = raw(&profile.sandbox, "GET", &format!("/api/recordings/file/{}", id.sid()), "").await;
    assert_eq!((status, text(&body, "status")), (202, Some("processing")));
    let presence = profile.crm.head(&id).await.expect("an answer");
    assert!(matches!(presence, Presence::NotYet { retry_after_ms: Some(2_000) }), "{presence:?}");
    let piece = profile.crm.range(&id, 0, 99, None).await;
    assert!(matches!(piece, Ok(Ranged::NotYet { retry_after_ms: Some(2_000) })));
}

#[tokio::test]
async fn quirk_13_what_status_and_stream_call_gone_is_fetched_by_the_file_route() {
    let profile = synced().await;
    let eight_days_ms = 8 * 86_400_000;
    let old = shown(&profile).await.into_iter().rev().find(|row| row.call.has_recording).expect("a recording").call;
    assert!(old.started_at_ms.is_some_and(|at_ms| SystemClock::new().now_ms() - at_ms > eight_days_ms), "{old:?}");
    for route in ["status", "stream?explicit_user_action=true"] {
        let (status, _) = raw(&profile.sandbox, "GET", &format!("/api/recordings/{}/{route}", old.sid), "").await;
        assert_eq!(status, 410, "{route}");
    }
    let presence = profile.crm.head(&RecordingId::crm(&old.sid)).await.expect("an answer");
    assert!(matches!(presence, Presence::Here { .. }), "{presence:?}");
}

#[tokio::test]
async fn quirk_14_an_agent_may_not_list_calendars_and_sees_appointments_all_the_same() {
    let profile = Profile::new(options("[]")).await;
    profile.crm.sign_in(profile.agent(), false).await.expect("signed in");
    assert!(matches!(profile.crm.calendars().await, Err(UpstreamError::Forbidden)));
    let report = profile.sync(Depth::Usual).await.expect("synced");
    assert!(report.refused.calendars && report.refused.lists().count() == 1, "{report:?}");
    let all = appointments::AppointmentsFilter::default();
    let listed = profile.store.read(move |conn| appointments::list(conn, &all)).await.expect("read");
    assert!(listed.iter().any(|row| row.appointment.calendar_id.is_some()));
    assert!(listed.iter().all(|row| row.calendar_name.is_none()), "no name that the role may not see");
}

#[tokio::test]
async fn quirk_15_booleans_that_may_be_null_reject_no_row() {
    let profile = synced().await;
    let page = wire(&profile, "/api/calendar/appointments?per_page=100").await;
    let null = rows(&page, "appointments").iter().filter(|row| row["auto_generated"].is_null()).count();
    assert!(null > 3, "{null} appointments with a null");
    assert_eq!(profile.sync(Depth::Full).await.expect("synced").rejected(), 0);
    let body = r#"{\"calendars\": [{\"id\": 1, \"name\": \"x\", \"is_active\": null, \"priority\": null}]}"#;
    let script =
        format!(r#"[{{"match": {{"path": "/api/calendar/calendars"}}, "nth": "*", "do": [{{"body": "{body}"}}]}}]"#);
    let profile = Profile::synced(options(&script)).await;
    let known = profile.store.read(calendars::all).await.expect("read");
    assert!(known.iter().any(|one| one.name.as_deref() == Some("x") && one.is_active), "{known:?}");
}

/// Not numbered in the contract, and as real: a legacy manager passes every gate but the appointments' own.
#[tokio::test]
async fn a_legacy_manager_is_refused_appointments_and_has_everything_else() {
    let profile = Profile::new(options("[]")).await;
    let manager = profile.somebody("manager@sandbox.example", "Sandbox-Manager-1");
    profile.crm.sign_in(manager, false).await.expect("signed in");
    let report = profile.sync(Depth::Usual).await.expect("synced");
    assert!(report.refused.appointments && report.refused.lists().count() == 1, "{report:?}");
    assert!(report.calls.seen >= 60 && report.leads.seen == 20 && report.calendars.seen > 0, "{report:?}");
}

#[tokio::test]
async fn a_page_that_is_not_enabled_is_refused_by_name_while_the_others_are_synced() {
    let refused = r#"{\"error\": \"forbidden\", \"reason\": \"page_not_enabled\", \"message\": \"off\"}"#;
    for (path, calls, leads) in [("/api/calls", true, false), ("/api/leads", false, true)] {
        let script = format!(
            r#"[{{"match": {{"path": "{path}"}}, "nth": "*", "do": [{{"status": 403}}, {{"body": "{refused}"}}]}}]"#
        );
        let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
        let profile = Profile::on_clock(options(&script), &clock).await;
        profile.sign_in(true).await.expect("signed in");
        let done = profile.sync(Depth::Usual).await;
        assert_eq!(done.as_ref().is_err_and(|error| error.code() == Code::Forbidden), calls, "{done:?}");
        let all = appointments::AppointmentsFilter::default();
        let listed = profile.store.read(move |conn| appointments::list(conn, &all)).await.expect("read");
        assert!(!listed.is_empty(), "the others are read: {path}");
        assert_eq!(profile.store.read(leads::present_ids).await.expect("read").is_empty(), leads);
        assert_eq!(shown(&profile).await.is_empty(), calls);
    }
}
