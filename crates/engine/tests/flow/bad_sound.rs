//! What a network or a hostile server puts in a recording's place. None of it becomes a file, none of it costs what is
//! here, and each ends in a state that says why.

use std::time::{Duration, Instant};

use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{Reason, RecordingState};
use aftercall_engine::queue::{Analyst, NotAnalysed, Queue, QueueParts, Sound};
use aftercall_engine::store::table::recordings::RecordingRow;
use aftercall_sandbox::Script;

use crate::profile::{Profile, options};

/// `do` these steps to every answer that a recording gives, from now on.
fn script(method: &str, steps: &str) -> String {
    let matches = format!(r#"{{"method": "{method}", "path": "/api/recordings/file/*"}}"#);
    format!(r#"[{{"match": {matches}, "do": [{steps}]}}]"#)
}

async fn wanted(queue: &Queue, id: &RecordingId) -> RecordingRow {
    queue.want(id, Wish::Person).await.expect("wanted");
    queue.settled(std::slice::from_ref(id)).await.expect("settled").remove(0)
}

/// How a recording ends that is answered so, and how long that took; one that was here before is here after.
async fn answered(method: &str, steps: &str) -> (RecordingRow, Duration) {
    let profile = Profile::synced(options("[]")).await;
    let queue = profile.queue().await;
    let (here, sha256) = profile.recording(1);
    assert_eq!(wanted(&queue, &here).await.state, RecordingState::OnDevice);
    profile.sandbox.set_script(Script::parse(&script(method, steps)).expect("a script"));
    let (id, _) = profile.recording(0);
    let began = Instant::now();
    queue.want(&id, Wish::Person).await.expect("wanted");
    // The library answers meanwhile.
    let asked = Instant::now();
    profile.rows_written().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let row = queue.settled(std::slice::from_ref(&id)).await.expect("settled").remove(0);
    let took = began.elapsed();
    assert!(!profile.vault.holds(&id), "{method} {steps}");
    assert_eq!(profile.stored_sha256(&here).await, Some(sha256), "{method} {steps}");
    queue.stop().await;
    (row, took)
}

fn code(row: &RecordingRow) -> Option<Code> {
    match row.reason {
        Some(Reason::Code(code)) => Some(code),
        _ => None,
    }
}

#[tokio::test]
async fn sound_that_drips_or_never_comes_is_given_up_after_three_attempts() {
    let cases = [r#"{"drip_bytes_per_s": 1}"#, r#"{"stall_after": 0}"#, r#"{"drip_bytes_per_s": 500}"#];
    for steps in cases {
        let (row, took) = answered("GET", steps).await;
        assert_eq!((row.state, code(&row)), (RecordingState::FailedRetrying, Some(Code::ServerUnavailable)), "{steps}");
        assert_eq!(row.attempts, 3, "{steps}");
        assert!(took < Duration::from_secs(40), "{steps}: {took:?}");
    }
    println!("cases F7 {}", cases.len());
}

/// Finds that what it hears is not played here.
struct Refusing;

impl Analyst for Refusing {
    fn analyse(&self, _: Box<dyn Sound>) -> Result<aftercall_engine::queue::Analysed, NotAnalysed> {
        Err(NotAnalysed::NotPlayed)
    }
}

#[tokio::test]
async fn a_recording_whose_decoder_does_not_come_back_is_unsupported_and_its_original_is_kept() {
    let profile = Profile::synced(options("[]")).await;
    let parts = QueueParts { analyst: std::sync::Arc::new(Refusing), ..profile.parts() };
    let queue = Queue::start(parts, Default::default()).await.expect("a queue");
    let (id, sha256) = profile.recording(0);
    let row = wanted(&queue, &id).await;
    assert_eq!(row.state, RecordingState::Unsupported, "{row:?}");
    assert_eq!(profile.stored_sha256(&id).await, Some(sha256));
    queue.stop().await;
}
