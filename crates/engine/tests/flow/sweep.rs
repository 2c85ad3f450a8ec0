//! Changes of calls that the head of the list no longer shows.

use std::sync::Arc;

use aftercall_domain::call::Call;
use aftercall_domain::clock::{Clock as _, ManualClock, SystemClock};
use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_domain::recording::{Reason, RecordingState};
use aftercall_engine::store::table::{call_stamps, calls};
use aftercall_engine::sync::Depth;
use aftercall_sandbox::Options;

use crate::profile::{Profile, options, raw};

const SETTLED_MS: i64 = 49 * 3_600_000;

/// The oldest call that fits: no poll of the head reaches it.
async fn settled(profile: &Profile, fits: impl Fn(&Call) -> bool) -> Call {
    let sids = profile.store.read(calls::present_sids).await.expect("read");
    let mut found: Vec<Call> = Vec::new();
    for sid in sids {
        found.extend(Some(read(profile, &sid).await).filter(&fits));
    }
    let oldest = found.into_iter().min_by_key(|call| call.started_at_ms).expect("such a call in the sandbox");
    assert!(oldest.started_at_ms.is_some_and(|at_ms| at_ms < profile.clock.now_ms() - SETTLED_MS), "{oldest:?}");
    oldest
}

async fn read(profile: &Profile, sid: &CallSid) -> Call {
    let sid = sid.clone();
    profile.store.read(move |conn| calls::get(conn, &sid)).await.expect("read").expect("a call")
}

/// Edits a transcript at the server, as somebody at the CRM's page would.
async fn edit(profile: &Profile, sid: &CallSid, text: &str) {
    let body = format!(r#"{{"transcript": "{text}"}}"#);
    let (status, _) = raw(&profile.sandbox, "PUT", &format!("/api/calls/{sid}/transcript"), &body).await;
    assert_eq!(status, 200);
}

async fn synced() -> (Profile, Arc<ManualClock>) {
    synced_from("[]").await
}

async fn synced_from(script: &str) -> (Profile, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let profile = Profile::on_clock(Options { calls: 900, ..options(script) }, &clock).await;
    profile.sign_in(true).await.expect("signed in");
    profile.sync(Depth::Usual).await.expect("synced");
    (profile, clock)
}

#[tokio::test]
async fn a_new_transcript_of_an_old_call_comes_with_the_sweep_and_one_question_for_its_details() {
    let (profile, clock) = synced().await;
    let call = settled(&profile, |call| !call.has_recording && call.transcript.is_none()).await;
    clock.advance_ms(1_000);
    edit(&profile, &call.sid, "a corrected text").await;
    let head = profile.sync(Depth::Head).await.expect("synced");
    assert_eq!(head.calls.changed, 0, "the head does not reach it");
    let swept = profile.sync(Depth::Usual).await.expect("synced");
    assert_eq!(swept.calls.changed, 1, "{swept:?}");
    let now = read(&profile, &call.sid).await;
    assert_eq!(now.transcript.as_deref(), Some("a corrected text"));
    assert_eq!(Call { transcript: None, ..now }, call, "and nothing else of it");
    // The list leaves out the status: only the details are the call in one state.
    assert_eq!(profile.sandbox.requests().iter().filter(|one| one.path.ends_with("/details")).count(), 1);
    assert_eq!(profile.sync(Depth::Usual).await.expect("synced").calls.changed, 0);
}

#[tokio::test]
async fn details_that_cannot_be_read_stop_no_list_and_are_asked_for_again() {
    let broken = r#"[{"match": {"path": "/api/calls/*/details"}, "nth": "1", "do": [{"body": "{}"}]},
        {"match": {"path": "/api/calls/*/details"}, "nth": "2", "do": [{"status": 500}]}]"#;
    let (profile, clock) = synced_from(&broken.replace('\n', " ")).await;
    let call = settled(&profile, |call| !call.has_recording && call.transcript.is_none()).await;
    clock.advance_ms(1_000);
    edit(&profile, &call.sid, "a corrected text").await;
    for fault in ["no details", "a failure"] {
        let swept = profile.sync(Depth::Usual).await.expect(fault);
        assert_eq!((swept.calls.rejected, swept.calls.changed), (1, 0), "{fault}");
        assert!(swept.appointments.seen > 0, "{fault}: the lists after it were read");
    }
    assert_eq!(profile.sync(Depth::Usual).await.expect("synced").calls.changed, 1);
    assert_eq!(read(&profile, &call.sid).await.transcript.as_deref(), Some("a corrected text"));
}

#[tokio::test]
async fn what_the_list_does_not_explain_is_asked_for_once_by_its_details() {
    let (profile, clock) = synced().await;
    // Where a final transcript exists an edit shows nowhere, and only the moment of the change moves.
    let call = settled(&profile, |call| call.transcript.as_ref().is_some_and(|text| text.lines().count() > 4)).await;
    clock.advance_ms(1_000);
    edit(&profile, &call.sid, "an edit that never shows").await;
    for _ in 0..3 {
        profile.sync(Depth::Usual).await.expect("synced");
    }
    let details = |one: &&aftercall_sandbox::SeenRequest| one.path == format!("/api/calls/{}/details", call.sid);
    assert_eq!(profile.sandbox.requests().iter().filter(details).count(), 1);
    assert_eq!(read(&profile, &call.sid).await, call);
}

#[tokio::test]
async fn a_job_that_the_list_says_failed_ends_the_polling_of_its_recording() {
    let (healthy, _clock) = synced().await;
    let sid: CallSid = healthy.sandbox.ready().recordings[0].call_sid.parse().expect("a sid");
    let row = format!(r#"{{\"call_sid\": \"{sid}\", \"hasRecording\": true, \"recording_status\": \"failed\"}}"#);
    let body = format!(r#"{{\"items\": [{row}], \"total\": 1}}"#);
    let script = format!(
        r#"[{{"match": {{"path": "/api/*bound/recent-calls"}}, "nth": "3-99", "do": [{{"body": "{body}"}}]}}]"#
    );
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let never = Options { prepare_polls: 999, ..options(&script) };
    let profile = Profile::on_clock(never, &clock).await;
    profile.sign_in(true).await.expect("signed in");
    profile.sync(Depth::Usual).await.expect("synced");
    let queue = profile.queue().await;
    let id = RecordingId::crm(&sid);
    queue.want(&id, Wish::Person).await.expect("wanted");
    let one = std::slice::from_ref(&id);
    let shown = async || {
        let rows = tokio::time::timeout(std::time::Duration::from_millis(300), queue.settled(one)).await;
        rows.ok().map(|rows| rows.expect("the library").remove(0))
    };
    assert!(shown().await.is_none(), "being prepared");
    clock.advance_ms(1_000);
    profile.sync(Depth::Usual).await.expect("synced");
    clock.advance_ms(20_000);
    let row = tokio::time::timeout(std::time::Duration::from_secs(15), queue.settled(one)).await;
    let row = row.expect("it ends").expect("the library").remove(0);
    assert_eq!(row.state, RecordingState::FailedRetrying);
    assert_eq!((row.reason, row.polls), (Some(Reason::Code(Code::ServerUnavailable)), 1));
    assert!(row.next_try_at_ms.is_some_and(|at_ms| at_ms - clock.now_ms() > 9 * 60_000), "{row:?}");
    let stamp = profile.store.read(move |conn| call_stamps::get(conn, &sid)).await.expect("read");
    assert!(stamp.is_some_and(|stamp| stamp.recording_failed_at_ms.is_some()));
    queue.stop().await;
}

#[tokio::test]
async fn the_lists_of_recent_calls_are_asked_in_pages_that_the_server_can_bear() {
    let (profile, _clock) = synced().await;
    let seen = profile.sandbox.requests();
    let sizes: Vec<&str> = seen
        .iter()
        .filter(|one| one.path.contains("/recent-calls"))
        .filter_map(|one| one.path.split("page_size=").nth(1))
        .collect();
    assert!(!sizes.is_empty() && sizes.iter().all(|size| *size == "500"), "{sizes:?}");
}
