//! A server that fails again and again is left alone, and no recording pays for it.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::clock::{Clock as _, ManualClock, SystemClock};
use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::recording::RecordingState;
use aftercall_engine::queue::{Queue, QueueOptions};
use aftercall_engine::sync::{Depth, SyncError};
use aftercall_engine::upstream::UpstreamError;

use crate::profile::{Profile, options};

async fn on_clock(script: &str) -> (Profile, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    (Profile::on_clock(options(script), &clock).await, clock)
}

fn paused_ms<T: std::fmt::Debug>(asked: Result<T, UpstreamError>) -> i64 {
    match asked {
        Err(UpstreamError::Paused { wait_ms, offline: false, .. }) => wait_ms,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn after_five_failures_the_server_is_left_alone_then_probed_once_and_trusted_again_when_it_answers() {
    let script = r#"[{"match": {"path": "/api/calls"}, "nth": "1-6", "do": [{"status": 502}]}]"#;
    let (profile, clock) = on_clock(script).await;
    profile.sign_in(true).await.expect("signed in");
    for _ in 0..5 {
        let failed = profile.crm.calls(1, 0).await.expect_err("502");
        assert!(matches!(failed, UpstreamError::Unavailable { status: 502, .. }), "{failed:?}");
    }
    let pause_ms = paused_ms(profile.crm.calls(1, 0).await);
    assert!((30_000..=32_400).contains(&pause_ms), "{pause_ms}: half a minute and a little that differs");
    assert_eq!(profile.asked("GET", "/api/calls"), 5, "a paused question is not sent");
    let error = profile.sync(Depth::Usual).await.expect_err("paused");
    assert_eq!(error.code(), Code::ServerUnavailable);
    clock.advance_ms(pause_ms);
    let probe = profile.crm.calls(1, 0).await.expect_err("the probe fails");
    assert!(matches!(probe, UpstreamError::Unavailable { status: 502, .. }), "{probe:?}");
    let pause_ms = paused_ms(profile.crm.calls(1, 0).await);
    assert!((60_000..=64_800).contains(&pause_ms), "{pause_ms}: twice as long");
    clock.advance_ms(pause_ms);
    profile.crm.calls(1, 0).await.expect("it is back");
    profile.sync(Depth::Usual).await.expect("and everything goes on");
}

#[tokio::test]
async fn while_the_server_is_left_alone_no_recording_loses_an_attempt_and_when_it_is_back_all_arrive() {
    let script = r#"[{"match": {"path": "/api/*"}, "nth": "2-25", "do": [{"status": 503}]}]"#;
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    // Nothing of the library is needed but the calls: they come from a sync that the faults leave alone.
    let healthy = Profile::on_clock(options("[]"), &clock).await;
    healthy.sign_in(true).await.expect("signed in");
    healthy.sync(Depth::Usual).await.expect("synced");
    let broken = Profile::on_clock(options(script), &clock).await;
    broken.sign_in(true).await.expect("signed in");
    for _ in 0..5 {
        broken.crm.calls(1, 0).await.expect_err("503");
    }
    let before = broken.sandbox.requests().len();
    let parts = aftercall_engine::queue::QueueParts { source: broken.crm.clone(), ..healthy.parts() };
    let options = QueueOptions { look_every: Duration::from_millis(5), ..QueueOptions::default() };
    let queue = Queue::start(parts, options).await.expect("a queue");
    let wanted: Vec<_> = (0..8).map(|n| healthy.recording(n)).collect();
    for (id, _) in &wanted {
        queue.want(id, Wish::Background).await.expect("wanted");
    }
    // 25 minutes of outage, in steps of five seconds.
    for _ in 0..300 {
        clock.advance_ms(5_000);
        tokio::time::sleep(Duration::from_millis(6)).await;
    }
    let asked = broken.sandbox.requests().len() - before;
    assert!((3..=7).contains(&asked), "{asked} requests: one probe in five minutes");
    for (id, _) in &wanted {
        let row = queue.settled(std::slice::from_ref(id));
        assert!(tokio::time::timeout(Duration::from_millis(20), row).await.is_err(), "it still waits for its turn");
    }
    // The outage ends: the next probe brings everything.
    let ids: Vec<_> = wanted.iter().map(|(id, _)| id.clone()).collect();
    let all = queue.settled(&ids);
    tokio::pin!(all);
    let rows = loop {
        tokio::select! {
            rows = &mut all => break rows.expect("the library"),
            () = tokio::time::sleep(Duration::from_millis(6)) => clock.advance_ms(5_000),
        }
    };
    assert!(rows.iter().all(|row| row.state == RecordingState::OnDevice && row.attempts <= 1), "{rows:?}");
    queue.stop().await;
}

#[tokio::test]
async fn a_person_who_asks_makes_a_probe_at_once_and_the_same_question_is_not_repeated_without_end() {
    let script = r#"[{"match": {"path": "/api/calls"}, "nth": "*", "do": [{"status": 504}]}]"#;
    let (profile, _clock) = on_clock(script).await;
    profile.sign_in(true).await.expect("signed in");
    for _ in 0..5 {
        profile.crm.calls(1, 0).await.expect_err("504");
    }
    let mut sent = 0;
    for _ in 0..50 {
        profile.crm.try_now();
        let before = profile.asked("GET", "/api/calls");
        profile.crm.calls(1, 0).await.expect_err("504, or not asked");
        sent += profile.asked("GET", "/api/calls") - before;
    }
    assert!((1..=10).contains(&sent), "{sent}: ten repeats a minute, however often somebody presses the button");
}

#[tokio::test]
async fn the_recording_of_one_call_failing_at_the_source_is_no_outage_of_the_server() {
    let script = r#"[{"match": {"path": "/api/recordings/*"}, "nth": "*", "do": [{"status": 500}]}]"#;
    let (profile, _clock) = on_clock(script).await;
    profile.sign_in(true).await.expect("signed in");
    profile.sync(Depth::Usual).await.expect("synced");
    let source: Arc<dyn aftercall_engine::upstream::RecordingSource> = profile.crm.clone();
    for n in 0..8 {
        source.head(&profile.recording(n).0).await.expect_err("500");
    }
    assert_eq!(source.resting(aftercall_domain::ids::Source::Crm), None);
    profile.sync(Depth::Usual).await.expect("lists go on");
}

#[tokio::test]
async fn every_form_of_retry_after_is_kept_to_and_nonsense_is_not_believed() {
    let day_ms = 86_400_000_u64;
    for (status, value, wanted_ms) in [
        (429, "0", 0..=0),
        (429, "5", 5_000..=5_000),
        (429, "Thu, 01 Jan 1970 00:00:00 GMT", 0..=0),
        (429, "-1", 0..=0),
        (429, "1000000000000", day_ms..=day_ms),
        (429, "garbage", 0..=0),
        (503, "7", 7_000..=7_000),
        (503, "Thu, 31 Dec 2099 23:59:59 GMT", day_ms..=day_ms),
        (503, "1.5", 0..=0),
        (302, "9", 9_000..=9_000),
    ] {
        let steps = format!(r#"{{"status": {status}}}, {{"header": ["Retry-After", "{value}"]}}"#);
        let script = format!(r#"[{{"match": {{"path": "/api/calls"}}, "nth": "*", "do": [{steps}]}}]"#);
        let profile = Profile::new(options(&script)).await;
        profile.sign_in(true).await.expect("signed in");
        let error = profile.sync(Depth::Head).await.expect_err("refused");
        let aftercall_domain::error::Retry::After(ms) = error.retry() else { panic!("{status} {value}: {error:?}") };
        assert!(wanted_ms.contains(&ms), "{status} {value}: {ms}");
        assert!(matches!(error, SyncError::Upstream(_)));
    }
}
