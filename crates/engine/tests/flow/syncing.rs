use aftercall_domain::error::Code;
use aftercall_engine::store::table::{appointments, calendars, calls, leads};
use aftercall_engine::sync::{Counts, Depth, SyncLoop, SyncPhase};
use tokio::sync::broadcast::error::TryRecvError;

use crate::profile::{Profile, options};

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
