//! What each state of a recording is answered with, at the handler and over HTTP.

use aftercall_domain::error::Code;
use aftercall_domain::recording::{Fact, Reason, RecordingState};
use http::{Request, Response};
use serde_json::Value;

use crate::table::{APP, ORIGINS, bytes_of};
use crate::world::World;

/// Status, and the reason in the body.
fn promised(state: RecordingState) -> (u16, Option<(Reason, &'static str)>) {
    use RecordingState as S;
    match state {
        S::OnDevice | S::Pinned | S::Unsupported => (200, None),
        S::Preparing | S::StillPreparing | S::Queued | S::Downloading | S::Partial | S::ReadyOnline | S::Evicted => {
            (202, None)
        }
        S::NoneExpected => (404, Some((Reason::Fact(Fact::NotAnswered), "not_answered"))),
        S::Live => (404, Some((Reason::Code(Code::NotReady), "not_ready"))),
        S::Unavailable => (404, Some((Reason::Fact(Fact::DeletedAtSource), "deleted_at_source"))),
        S::FailedRetrying => (500, Some((Reason::Code(Code::ServerUnavailable), "server_unavailable"))),
        S::FailedNeedsYou => (500, Some((Reason::Code(Code::DiskFull), "disk_full"))),
        S::Damaged => (500, Some((Reason::Code(Code::Damaged), "damaged"))),
        S::Restricted => (403, Some((Reason::Code(Code::Forbidden), "forbidden"))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_has_its_one_status_at_the_handler_and_over_http() {
    let world = World::open().await;
    for state in RecordingState::ALL {
        let (status, reason) = promised(state);
        for method in ["GET", "HEAD"] {
            // One recording for each way of asking: the first request may change its state.
            for over_http in [false, true] {
                let id = world.next_id();
                if state.is_stored() {
                    world.store(&id, state, &bytes_of(1000)).await;
                } else {
                    world.put(&id, state, reason.map(|(reason, _)| reason)).await;
                }
                let request = Request::builder().method(method).uri(format!("rec://localhost/{id}"));
                let request = request.header("Origin", APP).body(()).unwrap();
                let response = match over_http {
                    true => world.ask(request).await,
                    false => world.boot().respond(request, true, ORIGINS).await,
                };
                let name = format!("{} {method}, over HTTP: {over_http}", state.as_str());
                assert_eq!(response.status(), status, "{name}");
                judge(&response, method, reason.map(|(_, word)| word), &name);
                let asks = matches!(state, RecordingState::ReadyOnline | RecordingState::Evicted);
                if asks {
                    assert!(world.has_job(&id).await, "{name}: one job is made");
                }
            }
        }
    }
    world.close().await;
}

fn judge(response: &Response<Vec<u8>>, method: &str, reason: Option<&str>, name: &str) {
    let header = |header: &str| response.headers().get(header).map(|value| value.to_str().unwrap());
    let status = response.status().as_u16();
    for (always, value) in [
        ("access-control-allow-origin", APP),
        ("vary", "Origin"),
        ("cache-control", "private, no-store"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "cross-origin"),
    ] {
        assert_eq!(header(always), Some(value), "{name}: {always}");
    }
    let waits = header("retry-after").map(|seconds| seconds.parse::<u32>().unwrap());
    assert_eq!(waits.is_some(), status == 202, "{name}");
    assert!(waits.is_none_or(|seconds| (1..=300).contains(&seconds)), "{name}");
    if status == 200 {
        assert_eq!((header("content-type"), header("content-length")), (Some("audio/mpeg"), Some("1000")), "{name}");
        return;
    }
    assert_eq!((header("content-type"), header("etag")), (Some("application/json"), None), "{name}");
    if method == "HEAD" {
        assert!(response.body().is_empty(), "{name}");
        return;
    }
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    match status {
        202 => {
            assert_eq!((&body["status"], &body["max_attempts"]), (&"processing".into(), &12.into()), "{name}");
            assert_eq!(body["retry_after"].as_u64(), waits.map(u64::from), "{name}");
            assert!(body["attempt"].is_u64(), "{name}");
        }
        404 => assert_eq!(body["error"], "not_found", "{name}"),
        403 => assert_eq!(body["error"], "forbidden", "{name}"),
        _ => assert!(body["error"].is_string(), "{name}"),
    }
    if let Some(reason) = reason {
        assert_eq!(body["reason"], reason, "{name}");
    }
}
