use std::sync::atomic::Ordering;
use std::time::Duration;

use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{Reason, RecordingState};
use aftercall_engine::queue::{Queue, QueueError, QueueOptions};
use aftercall_engine::store::table::recordings::{self, RecordingRow};
use aftercall_engine::upstream::RecordingSource as _;
use aftercall_sandbox::Options;

use crate::profile::{Profile, options};

fn on_recordings(method: &str, nth: &str, steps: &str) -> Options {
    let matches = format!(r#"{{"method": "{method}", "path": "/api/recordings/file/*"}}"#);
    options(&format!(r#"[{{"match": {matches}, "nth": "{nth}", "do": [{steps}]}}]"#))
}

async fn fetch(queue: &Queue, id: &RecordingId) -> RecordingRow {
    queue.want(id, Wish::Person).await.expect("wanted");
    let rows = queue.settled(std::slice::from_ref(id)).await.expect("settled");
    rows.into_iter().next().expect("one row")
}

fn code(row: &RecordingRow) -> Option<Code> {
    match row.reason {
        Some(Reason::Code(code)) => Some(code),
        _ => None,
    }
}

#[tokio::test]
async fn a_recording_that_needs_two_202s_ends_on_device_with_the_servers_bytes() {
    let profile = Profile::synced(Options { prepare_polls: 2, ..options("[]") }).await;
    let queue = profile.queue().await;
    let (id, sha256) = profile.recording(0);
    let row = fetch(&queue, &id).await;
    assert_eq!((row.state, row.reason), (RecordingState::OnDevice, None));
    assert_eq!((row.polls, row.attempts), (2, 1));
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    let facts = row.facts.expect("facts");
    assert!(facts.duration_ms > 0 && facts.channels > 0 && facts.sample_rate_hz > 0, "{facts:?}");
    assert_eq!(row.bytes_total, Some(row.bytes_here));
    let of = id.clone();
    let analysis = profile.store.read(move |conn| recordings::analysis(conn, &of)).await.expect("read");
    assert_eq!(analysis.map(|analysis| analysis.peaks), Some(vec![1, 2]));
    assert_eq!(profile.asked("HEAD", "/api/recordings/file/"), 3);

    let asked = profile.sandbox.requests().len();
    assert_eq!(fetch(&queue, &id).await.state, RecordingState::OnDevice);
    assert_eq!(profile.sandbox.requests().len(), asked, "what is here is not asked for again");
    queue.stop().await;
}

/// A wish of the app's own: nobody waits.
async fn fetch_for_nobody(queue: &Queue, id: &RecordingId) -> RecordingRow {
    queue.want(id, Wish::Background).await.expect("wanted");
    queue.settled(std::slice::from_ref(id)).await.expect("settled").remove(0)
}

#[tokio::test]
async fn where_nobody_waits_the_first_range_is_the_question_and_its_202_is_a_poll() {
    let profile = Profile::synced(Options { prepare_polls: 2, ..options("[]") }).await;
    let queue = profile.queue().await;
    let (id, sha256) = profile.recording(0);
    let row = fetch_for_nobody(&queue, &id).await;
    assert_eq!((row.state, row.polls, row.attempts), (RecordingState::OnDevice, 2, 1));
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    let asked = |method| profile.asked(method, "/api/recordings/file/");
    assert_eq!((asked("HEAD"), asked("GET")), (0, 3), "two that said \"not yet\", and the one that brought it");
    queue.stop().await;
}

#[tokio::test]
async fn a_202_in_the_middle_of_a_file_is_a_poll_and_what_is_here_is_gone_on_with() {
    let profile = Profile::synced(on_recordings("GET", "3", r#"{"status": 202}"#)).await;
    let options = QueueOptions { piece_bytes: 65_536, ..QueueOptions::default() };
    let queue = Queue::start(profile.parts(), options).await.expect("a queue");
    let (id, sha256) = profile.recording(0);
    let row = fetch_for_nobody(&queue, &id).await;
    assert_eq!((row.state, row.polls, row.attempts), (RecordingState::OnDevice, 1, 1));
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    let requests = profile.sandbox.requests();
    let ranges: Vec<&str> = requests
        .iter()
        .filter(|request| request.path.starts_with("/api/recordings/file/"))
        .map(|request| request.header("range").expect("a range"))
        .collect();
    let third = "bytes=131072-196607";
    // After the pause the last chunk that is here comes once more, as the proof that it is the same file.
    assert_eq!(ranges[..4], ["bytes=0-65535", "bytes=65536-131071", third, "bytes=65536-131071"], "{ranges:?}");
    queue.stop().await;
}

#[tokio::test]
async fn a_server_that_is_left_alone_is_probed_by_a_head_and_not_by_a_download() {
    let profile = Profile::synced(on_recordings("GET", "*", r#"{"status": 502}"#)).await;
    let queue = profile.queue().await;
    let ids: Vec<RecordingId> = (0..6).map(|n| profile.recording(n).0).collect();
    queue.want_all(&ids, Wish::Background).await.expect("wanted");
    while queue.resting(aftercall_domain::ids::Source::Crm).is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(profile.asked("HEAD", "/api/recordings/file/"), 0);
    assert!(profile.crm.is_doubted(aftercall_domain::ids::Source::Crm));
    let before = profile.asked("GET", "/api/recordings/file/");
    // The pause is over, and one that nobody waits for is next.
    profile.crm.try_now();
    queue.want(&profile.recording(7).0, Wish::Background).await.expect("wanted");
    while profile.asked("HEAD", "/api/recordings/file/") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let requests = profile.sandbox.requests();
    let mut of_files = requests.iter().filter(|request| request.path.starts_with("/api/recordings/file/"));
    assert_eq!(of_files.nth(before).map(|request| request.method.as_str()), Some("HEAD"));
    queue.stop().await;
}

#[tokio::test]
async fn every_builtin_recording_arrives_in_bounded_ranges_and_without_a_word_about_compression() {
    let profile = Profile::synced(options("[]")).await;
    let options = QueueOptions { piece_bytes: 50_000, ..QueueOptions::default() };
    let queue = Queue::start(profile.parts(), options).await.expect("a queue");
    let wanted: Vec<_> = (0..profile.sandbox.ready().recordings.len().min(9)).map(|n| profile.recording(n)).collect();
    let ids: Vec<RecordingId> = wanted.iter().map(|(id, _)| id.clone()).collect();
    for id in &ids {
        queue.want(id, Wish::Person).await.expect("wanted");
    }
    for row in queue.settled(&ids).await.expect("settled") {
        assert_eq!(row.state, RecordingState::OnDevice, "{:?}", row.reason);
    }
    for (id, sha256) in wanted {
        assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    }
    for request in profile.sandbox.requests().iter().filter(|r| r.path.starts_with("/api/recordings/")) {
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        assert_eq!((request.header("if-range"), request.header("referer")), (None, None));
        if request.method == "GET" {
            let range = request.header("range").expect("a range").strip_prefix("bytes=").expect("bytes");
            let (first, last) = range.split_once('-').expect("two ends");
            let (first, last): (u64, u64) = (first.parse().expect("first"), last.parse().expect("last"));
            assert!(last - first < 50_000, "{range}");
        }
    }
    queue.stop().await;
}

#[tokio::test]
async fn a_page_in_place_of_sound_is_refused_and_leaves_no_file() {
    for method in ["HEAD", "GET"] {
        let profile = Profile::synced(on_recordings(method, "*", r#"{"html": true}"#)).await;
        let queue = profile.queue().await;
        let (id, _) = profile.recording(0);
        let row = fetch(&queue, &id).await;
        assert_eq!((row.state, code(&row)), (RecordingState::FailedNeedsYou, Some(Code::NotAudio)), "{method}");
        assert!(!profile.vault.holds(&id), "{method}");
        assert_eq!(profile.asked("HEAD", "/api/recordings/file/"), 1, "it is not asked for again");
        queue.stop().await;
    }
}

#[tokio::test]
async fn json_under_the_name_of_sound_is_refused_by_its_first_bytes() {
    let steps = r#"{"header": ["Content-Type", "audio/mpeg"]}, {"body": "{\"status\": \"processing\"}"}"#;
    let profile = Profile::synced(on_recordings("GET", "*", steps)).await;
    let queue = profile.queue().await;
    let (id, _) = profile.recording(0);
    let row = fetch(&queue, &id).await;
    assert!(!row.state.is_stored() && row.state != RecordingState::Queued, "{row:?}");
    assert!(!profile.vault.holds(&id));
    queue.stop().await;
}

#[tokio::test]
async fn a_storm_of_502_ends_after_exactly_three_attempts_and_a_wish_makes_no_fourth() {
    let profile = Profile::synced(on_recordings("HEAD", "*", r#"{"status": 502}"#)).await;
    let queue = profile.queue().await;
    let (id, _) = profile.recording(0);
    let before_ms = profile.clock.now_ms();
    let row = fetch(&queue, &id).await;
    assert_eq!((row.state, code(&row)), (RecordingState::FailedRetrying, Some(Code::ServerUnavailable)));
    assert_eq!(row.attempts, 3);
    let next = row.next_try_at_ms.expect("it goes on by itself") - before_ms;
    assert!((590_000..=600_000 + 60_000).contains(&next), "{next}");
    assert_eq!(fetch(&queue, &id).await.state, RecordingState::FailedRetrying);
    assert_eq!(profile.asked("HEAD", "/api/recordings/file/"), 3);
    queue.stop().await;
}

#[tokio::test]
async fn bodies_that_lie_or_stop_are_attempts_and_never_become_a_file() {
    for (steps, cause) in [
        (r#"{"cut_after": 1000}"#, Code::Damaged),
        (r#"{"reset": true}"#, Code::ServerUnavailable),
        (r#"{"stall_after": 1000}"#, Code::ServerUnavailable),
        (r#"{"content_length": "+1"}"#, Code::Damaged),
        (r#"{"content_range": "bytes 5-9/10"}"#, Code::Damaged),
        (r#"{"content_range": "bytes 0-99/100"}"#, Code::Damaged),
        (r#"{"status": 416}"#, Code::Damaged),
    ] {
        let profile = Profile::synced(on_recordings("GET", "*", steps)).await;
        let queue = profile.queue().await;
        let (id, _) = profile.recording(0);
        let row = fetch(&queue, &id).await;
        assert_eq!((row.state, code(&row)), (RecordingState::FailedRetrying, Some(cause)), "{steps}");
        assert_eq!(row.attempts, 3, "{steps}");
        assert!(!profile.vault.holds(&id), "{steps}");
        queue.stop().await;
    }
}

#[tokio::test]
async fn a_body_that_was_cut_once_arrives_at_the_second_attempt() {
    let profile = Profile::synced(on_recordings("GET", "1", r#"{"cut_after": 1000}"#)).await;
    let queue = profile.queue().await;
    let (id, sha256) = profile.recording(0);
    let row = fetch(&queue, &id).await;
    assert_eq!((row.state, row.attempts, row.reason), (RecordingState::OnDevice, 2, None));
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    queue.stop().await;
}

#[tokio::test]
async fn a_whole_file_in_answer_to_a_range_is_taken_from_its_start() {
    for nth in ["*", "2"] {
        let profile = Profile::synced(on_recordings("GET", nth, r#"{"status": 200}"#)).await;
        let options = QueueOptions { piece_bytes: 30_000, ..QueueOptions::default() };
        let queue = Queue::start(profile.parts(), options).await.expect("a queue");
        let (id, sha256) = profile.recording(0);
        let row = fetch(&queue, &id).await;
        assert_eq!(row.state, RecordingState::OnDevice, "{nth} {:?}", row.reason);
        assert_eq!(profile.stored_sha256(&id).await, Some(sha256), "{nth}");
        queue.stop().await;
    }
}

#[tokio::test]
async fn a_cancel_while_it_is_prepared_ends_the_asking() {
    let profile = Profile::synced(Options { prepare_polls: 99, ..options("[]") }).await;
    let queue = profile.queue().await;
    let (id, _) = profile.recording(0);
    queue.want(&id, Wish::Person).await.expect("wanted");
    let mut news = profile.store.changes();
    loop {
        let of = id.clone();
        let row = profile.store.read(move |conn| recordings::get(conn, &of)).await.expect("read").expect("a row");
        if row.state == RecordingState::Preparing && row.polls == 1 {
            break;
        }
        let _ = news.recv().await;
    }
    let row = queue.cancel(&id).await.expect("cancelled").expect("a row");
    assert_eq!((row.state, row.next_try_at_ms), (RecordingState::ReadyOnline, None));
    tokio::time::sleep(Duration::from_secs(4)).await; // longer than the ladder's first step
    assert_eq!(profile.asked("HEAD", "/api/recordings/file/"), 1);
    queue.stop().await;
}

#[tokio::test]
async fn a_cancel_in_the_middle_of_a_body_leaves_no_file_and_the_next_wish_fetches_it_whole() {
    let profile = Profile::synced(on_recordings("GET", "1", r#"{"stall_after": 2000}"#)).await;
    let queue = profile.queue().await;
    let (id, sha256) = profile.recording(0);
    queue.want(&id, Wish::Person).await.expect("wanted");
    while profile.asked("GET", "/api/recordings/file/") == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let row = queue.cancel(&id).await.expect("cancelled").expect("a row");
    assert_eq!((row.state, row.bytes_here), (RecordingState::ReadyOnline, 0));
    let row = fetch(&queue, &id).await;
    assert_eq!((row.state, row.attempts), (RecordingState::OnDevice, 2));
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    queue.stop().await;
}

#[tokio::test]
async fn a_quit_in_the_middle_is_no_attempt_and_the_next_start_goes_on() {
    let profile = Profile::synced(on_recordings("GET", "1", r#"{"stall_after": 2000}"#)).await;
    let queue = profile.queue().await;
    let (id, sha256) = profile.recording(0);
    queue.want(&id, Wish::Person).await.expect("wanted");
    while profile.asked("GET", "/api/recordings/file/") == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    queue.stop().await;
    let next = profile.queue().await;
    let rows = next.settled(std::slice::from_ref(&id)).await.expect("settled");
    assert_eq!((rows[0].state, rows[0].attempts), (RecordingState::OnDevice, 1));
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    next.stop().await;
}

#[test]
fn a_kill_in_the_middle_counts_as_an_attempt_and_the_next_start_fetches_it() {
    let outer = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let profile = outer.block_on(Profile::synced(on_recordings("GET", "1", r#"{"stall_after": 2000}"#)));
    let (id, sha256) = profile.recording(0);
    // The queue of a process that is killed: nothing of it runs on, nothing is written at its end.
    let killed = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    killed.block_on(async {
        let queue = profile.queue().await;
        queue.want(&id, Wish::Person).await.expect("wanted");
        while profile.asked("GET", "/api/recordings/file/") == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    killed.shutdown_background();
    outer.block_on(async {
        // A new process has connections of its own.
        let crm = crate::profile::crm_at(&profile.sandbox, &profile.clock);
        crm.sign_in(profile.owner(), true).await.expect("signed in");
        let parts = aftercall_engine::queue::QueueParts { source: crm, ..profile.parts() };
        let queue = Queue::start(parts, QueueOptions::default()).await.expect("a queue");
        let rows = queue.settled(std::slice::from_ref(&id)).await.expect("settled");
        assert_eq!((rows[0].state, rows[0].attempts), (RecordingState::OnDevice, 2), "{:?}", rows[0]);
        assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
        queue.stop().await;
    });
}

#[tokio::test]
async fn a_session_that_ended_needs_the_person_and_goes_on_after_the_sign_in() {
    let steps = r#"{"expire_session": true}"#;
    let profile = Profile::new(on_recordings("HEAD", "1", steps)).await;
    profile.sign_in(false).await.expect("signed in");
    profile.sync(aftercall_engine::sync::Depth::Usual).await.expect("synced");
    let queue = profile.queue().await;
    let (id, sha256) = profile.recording(0);
    let row = fetch(&queue, &id).await;
    assert_eq!((row.state, code(&row)), (RecordingState::FailedNeedsYou, Some(Code::LoginExpired)));
    profile.sign_in(false).await.expect("signed in");
    queue.helped().await.expect("helped");
    let rows = queue.settled(std::slice::from_ref(&id)).await.expect("settled");
    assert_eq!(rows[0].state, RecordingState::OnDevice);
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    queue.stop().await;
}

#[tokio::test]
async fn a_recording_whose_waveform_cannot_be_drawn_is_kept_all_the_same() {
    let profile = Profile::with(options("[]"), true).await;
    profile.sign_in(true).await.expect("signed in");
    profile.sync(aftercall_engine::sync::Depth::Usual).await.expect("synced");
    let queue = profile.queue().await;
    let (id, sha256) = profile.recording(0);
    assert_eq!(fetch(&queue, &id).await.state, RecordingState::OnDevice);
    assert_eq!(profile.ear.heard.load(Ordering::SeqCst), 1);
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    queue.stop().await;
}

#[tokio::test]
async fn what_cannot_be_there_is_not_asked_for() {
    let profile = Profile::synced(options("[]")).await;
    let queue = profile.queue().await;
    let unknown: RecordingId = "crm:CAnobody".parse().expect("an id");
    assert!(matches!(queue.want(&unknown, Wish::Person).await, Err(QueueError::UnknownCall)));
    let silent = profile.store.read(|conn| {
        let sids = aftercall_engine::store::table::calls::present_sids(conn)?;
        for sid in sids {
            let call = aftercall_engine::store::table::calls::get(conn, &sid)?;
            if call.is_some_and(|call| !call.has_recording) {
                return Ok(Some(sid));
            }
        }
        Ok(None)
    });
    let silent = RecordingId::crm(&silent.await.expect("read").expect("a call without a recording"));
    let row = fetch(&queue, &silent).await;
    assert!(matches!(row.state, RecordingState::NoneExpected | RecordingState::Live), "{row:?}");
    assert_eq!(profile.asked("HEAD", "/api/recordings/"), 0);
    queue.stop().await;
}

#[tokio::test]
async fn an_unreachable_server_uses_up_the_window_and_says_offline() {
    let profile = Profile::synced(options("[]")).await;
    let (id, _) = profile.recording(0);
    let queue = profile.queue().await;
    let Profile { sandbox, folder, vault, .. } = profile;
    sandbox.stop().await;
    let row = fetch(&queue, &id).await;
    assert_eq!((row.state, code(&row), row.attempts), (RecordingState::FailedRetrying, Some(Code::Offline), 3));
    queue.stop().await;
    drop((folder, vault));
}
