use std::sync::Arc;

use aftercall_domain::clock::{Clock as _, ManualClock, SystemClock};
use aftercall_domain::error::Code;
use aftercall_domain::zone;
use aftercall_engine::store::table::{appointments, calendars, calls, leads};
use aftercall_engine::sync::{Counts, Depth, SyncLoop, SyncPhase};
use tokio::sync::broadcast::error::TryRecvError;

use crate::profile::{Profile, options, raw};

fn added(rows: u64) -> Counts {
    Counts { seen: rows, added: rows, ..Counts::default() }
}

fn unchanged(rows: u64) -> Counts {
    Counts { seen: rows, unchanged: rows, ..Counts::default() }
}

#[tokio::test]
async fn a_repeat_that_changes_nothing_writes_nothing_but_the_moment_of_its_success() {
    let profile = Profile::new(aftercall_sandbox::Options { calls: 260, ..options("[]") }).await;
    profile.sign_in(true).await.expect("signed in");
    let first = profile.sync(Depth::Usual).await.expect("synced");
    assert!(first.calls.seen >= 260, "{first:?}");
    assert_eq!(first.calls, added(first.calls.seen));
    assert_eq!(first.leads.added + first.leads.changed, first.leads.seen, "{first:?}");
    assert_eq!(first.appointments, added(first.appointments.seen));
    assert_eq!(first.calendars, added(first.calendars.seen));
    assert!(first.leads.seen == 20 && first.appointments.seen > 0 && first.calendars.seen > 0, "{first:?}");
    let here = profile.store.read(calls::present_sids).await.expect("read").len() as u64;
    assert_eq!(here, first.calls.seen);

    for depth in [Depth::Full, Depth::Usual, Depth::Head] {
        let mut news = profile.store.changes();
        let before = profile.rows_written().await;
        let again = profile.sync(depth).await.expect("synced");
        assert_eq!(again.calls, unchanged(again.calls.seen), "{depth:?}");
        if depth != Depth::Head {
            assert_eq!((again.leads, again.appointments), (unchanged(20), unchanged(first.appointments.seen)));
            assert_eq!(again.calendars, unchanged(first.calendars.seen));
        }
        if depth == Depth::Full {
            assert_eq!(again.calls.seen, first.calls.seen);
        }
        assert!(profile.rows_written().await - before <= 1, "{depth:?}");
        assert_eq!(news.try_recv(), Err(TryRecvError::Empty), "{depth:?}");
    }
}

#[tokio::test]
async fn a_broken_row_is_counted_and_the_rest_is_kept() {
    let body = r#"{\"calls\": [{\"sid\": \"CA1\", \"at\": \"2026-11-20T08:00:00\", \"lead_id\": 987654},
        {\"sid\": \"../x\"}, {\"sid\": \"CA2\", \"duration\": \"long\"}, 7], \"pagination\": {\"total\": 4}}"#
        .replace('\n', " ");
    let script = format!(r#"[{{"match": {{"path": "/api/calls"}}, "nth": "*", "do": [{{"body": "{body}"}}]}}]"#);
    let profile = Profile::synced(options(&script)).await;
    let report = profile.sync(Depth::Full).await.expect("synced");
    assert_eq!(report.calls, Counts { seen: 1, unchanged: 1, rejected: 3, ..Counts::default() });
    let call = profile.store.read(|conn| calls::get(conn, &"CA1".parse().expect("a sid"))).await.expect("read");
    let lead = call.and_then(|call| call.lead_id).expect("a lead that no list has");
    assert!(profile.store.read(move |conn| leads::get(conn, lead)).await.expect("read").is_some());
}

#[tokio::test]
async fn an_agent_who_may_not_list_calendars_keeps_appointments_under_nameless_calendars() {
    let profile = Profile::new(options("[]")).await;
    profile.crm.sign_in(profile.agent(), false).await.expect("signed in");
    let report = profile.sync(Depth::Usual).await.expect("synced");
    assert_eq!(report.calendars, Counts::default());
    assert!(report.appointments.seen > 0);
    let known = profile.store.read(calendars::all).await.expect("read");
    assert!(!known.is_empty() && known.iter().all(|calendar| calendar.name.is_none()), "{known:?}");
    let all = appointments::AppointmentsFilter::default();
    let listed = profile.store.read(move |conn| appointments::list(conn, &all)).await.expect("read");
    assert_eq!(listed.len() as u64, report.appointments.seen);
}

#[tokio::test]
async fn a_call_that_two_whole_readings_miss_is_marked_as_removed_and_kept() {
    let one = r#"{\"sid\": \"CA1\", \"at\": \"2026-01-20T08:00:00\"}"#;
    let two = r#"{\"sid\": \"CA2\", \"at\": \"2026-01-20T07:00:00\"}"#;
    let answer = |rows: &str, total: u32| format!(r#"{{\"calls\": [{rows}], \"pagination\": {{\"total\": {total}}}}}"#);
    let script = format!(
        r#"[{{"match": {{"path": "/api/calls"}}, "nth": "1", "do": [{{"body": "{}"}}]}},
            {{"match": {{"path": "/api/calls"}}, "nth": "*", "do": [{{"body": "{}"}}]}}]"#,
        answer(&format!("{one}, {two}"), 2),
        answer(one, 1)
    );
    let profile = Profile::synced(options(&script)).await;
    let removed = async || profile.sync(Depth::Full).await.expect("synced").calls.removed;
    assert_eq!((removed().await, removed().await, removed().await), (0, 1, 0));
    let here = profile.store.read(calls::present_sids).await.expect("read");
    assert_eq!(here, ["CA1".parse().expect("a sid")]);
    assert!(profile.store.read(|conn| calls::get(conn, &"CA2".parse().expect("a sid"))).await.expect("read").is_some());
}

/// A script in which the n-th question for calls is answered with the n-th body, and every later one with the last.
fn answers(bodies: &[String]) -> String {
    let rule = |(index, body): (usize, &String)| {
        let nth = if index + 1 == bodies.len() { "*".to_owned() } else { (index + 1).to_string() };
        let body = body.replace('"', "\\\"");
        format!(r#"{{"match": {{"path": "/api/calls"}}, "nth": "{nth}", "do": [{{"body": "{body}"}}]}}"#)
    };
    format!("[{}]", bodies.iter().enumerate().map(rule).collect::<Vec<_>>().join(","))
}

fn list(rows: &[&str], total: u32) -> String {
    format!(r#"{{"calls": [{}], "pagination": {{"total": {total}}}}}"#, rows.join(", "))
}

#[tokio::test]
async fn a_call_that_comes_back_between_two_readings_is_not_removed_and_calls_without_a_time_are_met() {
    let one = r#"{"sid": "CA1", "at": "2026-01-20T08:00:00"}"#;
    let two = r#"{"sid": "CA2", "at": "2026-01-20T07:00:00"}"#;
    // Those without a time come first, as the server sorts them.
    let (null, other_null) = (r#"{"sid": "CA8", "at": null}"#, r#"{"sid": "CA9"}"#);
    let all = list(&[null, other_null, one, two], 4);
    let without_two = list(&[null, other_null, one], 3);
    let without_null = list(&[null, one, two], 3);
    let script = answers(&[all.clone(), without_two.clone(), all, without_two, without_null.clone(), without_null]);
    let profile = Profile::synced(options(&script)).await;
    let mut removed = Vec::new();
    for _ in 0..5 {
        let calls = profile.sync(Depth::Full).await.expect("synced").calls;
        assert_eq!((calls.seen, calls.added, calls.changed), (calls.unchanged, 0, 0));
        removed.push(calls.removed);
    }
    assert_eq!(removed, [0, 0, 0, 0, 1], "only the one that two readings in a row missed");
    let gone = profile.store.read(|conn| calls::listing(conn, &"CA9".parse().expect("a sid"))).await.expect("read");
    assert!(gone.expect("kept").removed_upstream);
}

#[tokio::test]
async fn a_page_that_fails_keeps_the_pages_before_it_and_the_next_sync_goes_on_there() {
    let script = r#"[{"match": {"path": "/api/calls"}, "nth": "8", "do": [{"status": 502}]}]"#;
    let profile = Profile::new(aftercall_sandbox::Options { calls: 1_500, ..options(script) }).await;
    profile.sign_in(true).await.expect("signed in");
    profile.sync(Depth::Usual).await.expect_err("the eighth page");
    let here = async || profile.store.read(calls::present_sids).await.expect("read").len() as u64;
    assert_eq!(here().await, 7 * 90 + 10, "pages overlap by ten");
    let asked = profile.asked("GET", "/api/calls");
    let rest = profile.sync(Depth::Usual).await.expect("synced").calls;
    assert_eq!(here().await, 1_594);
    assert_eq!(rest.added, 1_594 - 640);
    let pages = (1_594 - 640_usize).div_ceil(90);
    assert!(profile.asked("GET", "/api/calls") - asked <= pages + 2, "the head, and then where it was");
    let whole = profile.sync(Depth::Full).await.expect("synced").calls;
    assert_eq!((whole.seen, whole.unchanged, whole.removed), (1_594, 1_594, 0));
}

#[tokio::test]
async fn the_first_page_can_be_used_while_the_rest_is_on_its_way() {
    let script = r#"[{"match": {"path": "/api/calls"}, "nth": "2", "do": [{"delay_ms": 1200}]}]"#;
    let profile = Profile::new(aftercall_sandbox::Options { calls: 300, ..options(script) }).await;
    profile.sign_in(true).await.expect("signed in");
    let mut news = profile.store.changes();
    let usable = async {
        loop {
            let changes = news.recv().await.expect("news");
            if changes.tags.contains(&aftercall_engine::store::Tag::Calls) {
                let filter = calls::CallsFilter::default();
                let count = profile.store.read(move |conn| calls::count(conn, &filter)).await.expect("read");
                if count.rows > 0 {
                    return count.rows;
                }
            }
        }
    };
    let (synced, rows) = tokio::join!(profile.sync(Depth::Usual), usable);
    assert!((80..=100).contains(&rows), "{rows} rows of the first page, legs left out");
    assert_eq!(synced.expect("synced").calls.added, 319);
}

#[tokio::test]
async fn a_list_that_goes_in_circles_ends_as_no_data_and_keeps_what_came() {
    let rows: Vec<String> =
        (0..30).map(|n| format!(r#"{{"sid": "CA{n}", "at": "2026-01-20T07:00:{n:02}"}}"#)).collect();
    let rows: Vec<&str> = rows.iter().rev().map(String::as_str).collect();
    let profile = Profile::new(options(&answers(&[list(&rows, 1_000_000)]))).await;
    profile.sign_in(true).await.expect("signed in");
    let error = profile.sync(Depth::Full).await.expect_err("no end");
    assert_eq!(error.code(), Code::ServerUnavailable);
    assert!(profile.asked("GET", "/api/calls") < 8);
    assert_eq!(profile.store.read(calls::present_sids).await.expect("read").len(), 30);
}

#[tokio::test]
async fn what_is_no_data_ends_the_sync_with_its_cause_and_keeps_what_is_here() {
    for (steps, code) in [
        (r#"{"status": 502}"#, Code::ServerUnavailable),
        (r#"{"html": true}"#, Code::ServerUnavailable),
        (r#"{"status": 429}, {"header": ["Retry-After", "7"]}"#, Code::RateLimited),
        (r#"{"status": 403}"#, Code::Forbidden),
        (r#"{"redirect": "http://127.0.0.1:9/api/calls"}"#, Code::ServerUnavailable),
        (r#"{"gzip_bomb_bytes": 300000000}"#, Code::ServerUnavailable),
        (r#"{"cut_after": 300}"#, Code::ServerUnavailable),
    ] {
        let script = format!(r#"[{{"match": {{"path": "/api/calls"}}, "nth": "*", "do": [{steps}]}}]"#);
        let profile = Profile::new(options(&script)).await;
        profile.sign_in(true).await.expect("signed in");
        let error = profile.sync(Depth::Usual).await.expect_err(steps);
        assert_eq!(error.code(), code, "{steps}");
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
        assert_eq!(profile.store.read(leads::present_ids).await.expect("read").len(), 20, "{steps}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_offline() {
    let profile = Profile::new(options("[]")).await;
    profile.sign_in(true).await.expect("signed in");
    let Profile { sandbox, store, crm, clock, .. } = profile;
    sandbox.stop().await;
    let never = tokio_util::sync::CancellationToken::new();
    let done = aftercall_engine::sync::sync_once(&crm, &store, &*clock, Depth::Usual, &|_| {}, &never).await;
    assert_eq!(done.expect_err("offline").code(), Code::Offline);
}

#[tokio::test]
async fn the_loop_becomes_fresh_syncs_when_asked_and_stops_when_told() {
    let profile = Profile::new(options("[]")).await;
    profile.sign_in(true).await.expect("signed in");
    let running = SyncLoop::start(profile.crm.clone(), profile.store.clone(), profile.clock.clone());
    let mut status = running.status();
    let fresh = *status.wait_for(|status| status.phase == SyncPhase::Fresh).await.expect("running");
    assert!(fresh.last_success_at_ms.is_some() && fresh.next_try_at_ms > fresh.last_success_at_ms);
    assert!(fresh.progress.calls_seen >= 60 && fresh.progress.calls_total >= 60, "{fresh:?}");
    let before = profile.asked("GET", "/api/leads");
    running.sync_now();
    status.wait_for(|status| status.last_success_at_ms > fresh.last_success_at_ms).await.expect("running");
    assert!(profile.asked("GET", "/api/leads") > before);
    running.stop().await;
}

#[tokio::test]
async fn the_loop_waits_for_a_sign_in_when_the_session_cannot_be_renewed() {
    let profile = Profile::new(options("[]")).await;
    let running = SyncLoop::start(profile.crm.clone(), profile.store.clone(), profile.clock.clone());
    let mut status = running.status();
    let waiting = *status.wait_for(|status| status.phase == SyncPhase::SignInAgain).await.expect("running");
    assert_eq!((waiting.next_try_at_ms, profile.sandbox.requests().len()), (None, 0));
    profile.sign_in(false).await.expect("signed in");
    running.sync_now();
    status.wait_for(|status| status.phase == SyncPhase::Fresh).await.expect("running");
    running.stop().await;
}

#[tokio::test]
async fn a_packing_that_was_not_asked_for_is_not_unpacked() {
    // Zlib of a list that would be accepted.
    let packed = "789cab564a4eccc92956b252888ed551502a484ccfcc4b2cc9cccf038a542b95e49724e6005906b5b500177a0d5c";
    for encoding in ["deflate", "br", "zstd", "gzip, gzip"] {
        let steps = format!(r#"{{"body_hex": "{packed}"}}, {{"header": ["Content-Encoding", "{encoding}"]}}"#);
        let script = format!(r#"[{{"match": {{"path": "/api/calls"}}, "nth": "*", "do": [{steps}]}}]"#);
        let profile = Profile::new(options(&script)).await;
        profile.sign_in(true).await.expect("signed in");
        assert_eq!(profile.sync(Depth::Head).await.expect_err(encoding).code(), Code::ServerUnavailable);
        let asked = profile.sandbox.requests().pop().expect("a request");
        assert_eq!(asked.header("accept-encoding"), Some("gzip"), "the one that is asked for");
    }
}

#[tokio::test]
async fn appointments_are_asked_for_beyond_the_window_and_one_across_its_edge_is_not_taken_for_deleted() {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let profile = Profile::on_clock(options("[]"), &clock).await;
    profile.sign_in(true).await.expect("signed in");
    let now_ms = clock.now_ms();
    let day_ms = 86_400_000;
    let local = |ms: i64| zone::wall_clock(ms, zone::ISRAEL).expect("a time");
    // The CRM takes Israel's wall clock. One lies across the far edge of what is asked for, one is deleted later.
    let mut made = Vec::new();
    for (title, from_ms, to_ms) in [
        ("across", now_ms + 179 * day_ms, now_ms + 181 * day_ms),
        ("long", now_ms + 179 * day_ms, now_ms + 190 * day_ms),
        ("deleted", now_ms + 400 * 60_000, now_ms + 401 * 60_000),
    ] {
        let body = serde_json::json!({
            "title": title, "start_time": local(from_ms), "end_time": local(to_ms), "calendar_id": 9_000 + made.len(),
        });
        let (status, answer) = raw(&profile.sandbox, "POST", "/api/calendar/appointments", &body.to_string()).await;
        assert_eq!(status, 201, "{answer}");
        made.push(answer["appointment_id"].as_i64().expect("an id"));
    }
    profile.sync(Depth::Usual).await.expect("synced");
    let asked = profile.sandbox.requests().into_iter().find(|one| one.path.starts_with("/api/calendar/appointments?"));
    let asked = asked.expect("asked").path;
    let bound = |name: &str| {
        let value = asked.split(name).nth(1).and_then(|rest| rest.split('&').next()).expect("a bound");
        zone::parse_with_offset(&value.replace("%3A", ":")).expect("a time")
    };
    assert!(bound("start_date=") <= now_ms - 61 * day_ms && bound("end_date=") >= now_ms + 181 * day_ms, "{asked}");
    assert!(asked.contains("per_page=100"), "{asked}");
    let known = async |id: i64| {
        let id = aftercall_domain::ids::AppointmentId(id);
        profile.store.read(move |conn| appointments::get(conn, id)).await.expect("read")
    };
    assert!(known(made[0]).await.is_some(), "it crosses the window's edge, and the wider question has it");
    assert!(known(made[1]).await.is_none(), "it crosses the question's too");
    let (status, _) = raw(&profile.sandbox, "DELETE", &format!("/api/calendar/appointments/{}", made[2]), "").await;
    assert_eq!(status, 200);
    let mut removed = Vec::new();
    for _ in 0..3 {
        removed.push(profile.sync(Depth::Usual).await.expect("synced").appointments.removed);
    }
    assert_eq!(removed, [0, 1, 0], "after two whole readings without it");
    assert!(known(made[2]).await.is_some_and(|listed| listed.removed_upstream), "kept, and marked");
    // Weeks later the one at the edge is read again, as it is.
    clock.advance_ms(day_ms);
    assert_eq!(profile.sync(Depth::Usual).await.expect("synced").appointments.removed, 0);
}

#[tokio::test]
async fn a_calendar_that_is_deactivated_keeps_its_name() {
    let profile = Profile::synced(options("[]")).await;
    let before = profile.store.read(calendars::all).await.expect("read");
    let one = before.iter().find(|calendar| calendar.name.is_some() && calendar.is_active).expect("a calendar").clone();
    let target = format!("/api/calendar/calendars/{}", one.id);
    assert_eq!(raw(&profile.sandbox, "DELETE", &target, "").await.0, 200);
    let report = profile.sync(Depth::Usual).await.expect("synced");
    assert_eq!(report.calendars.removed, 1, "{report:?}");
    let after = profile.store.read(calendars::all).await.expect("read");
    let after = after.into_iter().find(|calendar| calendar.id == one.id).expect("it is kept");
    assert_eq!((after.name, after.is_active), (one.name, false));
}

#[tokio::test]
async fn on_the_days_when_israels_clocks_change_each_time_is_read_as_its_field_promises() {
    let appointment = |id: u32, start: &str, end: &str| {
        format!(
            r#"{{\"id\": {id}, \"title\": \"x\", \"start_time\": \"{start}\", \"end_time\": \"{end}\",
            \"created_at\": \"2026-03-27T00:30:00\", \"updated_at\": \"2026-10-24T22:30:00.000001\"}}"#
        )
    };
    let rows = [
        appointment(1, "2026-03-27T01:30:00+02:00", "2026-03-27T03:00:00+03:00"),
        appointment(2, "2026-10-25T01:30:00+03:00", "2026-10-25T01:30:00+02:00"),
    ];
    let list = format!(r#"{{\"appointments\": [{}], \"pagination\": {{\"total\": 2}}}}"#, rows.join(", "));
    let call =
        r#"{\"sid\": \"CA1\", \"at\": \"2026-03-27T00:30:00\"}, {\"sid\": \"CA2\", \"at\": \"2026-10-24T22:30:00\"}"#;
    let script = format!(
        r#"[{{"match": {{"path": "/api/calendar/appointments"}}, "do": [{{"body": "{list}"}}]}},
            {{"match": {{"path": "/api/calls"}}, "do": [{{"body": "{{\"calls\": [{call}], \"pagination\": {{\"total\": 2}}}}"}}]}}]"#
    )
    .replace('\n', " ");
    let profile = Profile::synced(options(&script)).await;
    let read = async |id: i64| {
        let id = aftercall_domain::ids::AppointmentId(id);
        profile
            .store
            .read(move |conn| appointments::get(conn, id))
            .await
            .expect("read")
            .expect("it is there")
            .appointment
    };
    let utc = |ms: i64| zone::rfc3339_utc(ms);
    let spring = read(1).await;
    assert_eq!(
        (utc(spring.starts_at_ms), utc(spring.ends_at_ms)),
        ("2026-03-26T23:30:00Z".into(), "2026-03-27T00:00:00Z".into())
    );
    let autumn = read(2).await;
    assert_eq!(autumn.ends_at_ms - autumn.starts_at_ms, 3_600_000, "the same wall clock, an hour apart");
    assert_eq!(utc(autumn.starts_at_ms), "2026-10-24T22:30:00Z");
    assert_eq!(spring.created_at_ms.map(utc).as_deref(), Some("2026-03-27T00:30:00Z"), "naive, and UTC: not skipped");
    for (sid, at) in [("CA1", "2026-03-27T00:30:00Z"), ("CA2", "2026-10-24T22:30:00Z")] {
        let sid = sid.parse().expect("a sid");
        let call = profile.store.read(move |conn| calls::get(conn, &sid)).await.expect("read").expect("a call");
        assert_eq!(call.started_at_ms.map(utc).as_deref(), Some(at));
    }
}

#[tokio::test]
async fn a_list_of_leads_or_appointments_that_goes_in_circles_is_given_up_after_a_few_pages() {
    let leads = r#"{\"items\": [{\"id\": 1}], \"total\": 18446744073709551615}"#;
    let appointments = r#"{\"appointments\": [{\"id\": 1, \"title\": \"t\", \"start_time\":
        \"2026-11-25T10:00:00+02:00\", \"end_time\": \"2026-11-25T11:00:00+02:00\"}], \"pagination\": {\"total\": 900000}}"#
        .replace('\n', " ");
    for (path, body) in [("/api/leads", leads), ("/api/calendar/appointments", appointments.as_str())] {
        let script = format!(r#"[{{"match": {{"path": "{path}"}}, "nth": "*", "do": [{{"body": "{body}"}}]}}]"#);
        let profile = Profile::new(options(&script)).await;
        profile.sign_in(true).await.expect("signed in");
        let done = profile.sync(Depth::Full).await;
        assert!(done.is_err_and(|error| error.code() == Code::ServerUnavailable), "{path}");
        assert!((2..=5).contains(&profile.asked("GET", path)), "{path}: {}", profile.asked("GET", path));
    }
}

#[tokio::test]
async fn a_page_of_leads_sent_twice_in_place_of_the_next_one_removes_nobody() {
    let page = |first: u64| {
        let rows: Vec<String> = (first..first + 500).map(|id| format!(r#"{{\"id\": {id}}}"#)).collect();
        format!(r#"{{\"items\": [{}], \"total\": 1000}}"#, rows.join(","))
    };
    let step = |nth: &str, body: String| {
        format!(r#"{{"match": {{"path": "/api/leads"}}, "nth": "{nth}", "do": [{{"body": "{body}"}}]}}"#)
    };
    // One honest reading, then two that send the first page in place of the second.
    let script = format!("[{}, {}, {}]", step("1", page(1)), step("2", page(501)), step("3-99", page(1)));
    let profile = Profile::new(options(&script)).await;
    profile.sign_in(true).await.expect("signed in");
    assert_eq!(profile.sync(Depth::Full).await.expect("synced").leads.added, 1_000);
    for _ in 0..3 {
        let again = profile.sync(Depth::Full).await.expect("synced").leads;
        assert_eq!((again.seen, again.removed), (500, 0));
    }
}
