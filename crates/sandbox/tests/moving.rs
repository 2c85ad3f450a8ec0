//! The business goes on, and `/sandbox/truth` is what a client would have to see.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use aftercall_sandbox::Options;
use common::{Person, send, start};
use serde_json::{Value, json};

fn texts(rows: &Value, key: &str) -> Vec<Value> {
    rows.as_array().unwrap().iter().map(|row| row[key].clone()).collect()
}

async fn truth(url: &str, kind: &str) -> Value {
    let answer = send(url, "GET", &format!("/sandbox/truth?kind={kind}&limit=10000"), &[], "").await;
    assert_eq!(answer.status, 200);
    answer.json()
}

#[tokio::test]
async fn the_lists_show_what_the_truth_says_page_by_page_after_moves() {
    let (sandbox, _) = start(Options { calls: 300, leads: 40, ..Options::default() }).await;
    let person = Person::owner(&sandbox).await;
    let body = json!({"steps": 400}).to_string();
    let moved = send(sandbox.url(), "POST", "/sandbox/move", &[], &body).await.json();
    assert_eq!(moved, json!({"steps": 400}));

    let calls = truth(sandbox.url(), "calls").await;
    let mut listed = Vec::new();
    for offset in (0..500).step_by(100) {
        let page = person.get(&format!("/api/calls?limit=100&offset={offset}")).await.json();
        assert_eq!(page["pagination"]["total"], calls["total"]);
        listed.extend(page["calls"].as_array().unwrap().clone());
    }
    let listed = Value::Array(listed);
    for (wire, column) in [
        ("sid", "sid"),
        ("lead_id", "lead_id"),
        ("status", "status"),
        ("duration", "duration_s"),
        ("summary", "summary"),
        ("transcript", "transcript"),
        ("from_e164", "from"),
        ("to_e164", "to"),
        ("direction", "direction"),
    ] {
        assert_eq!(texts(&listed, wire), texts(&calls["rows"], column), "{wire}");
    }

    for side in ["inbound", "outbound"] {
        let expected: Vec<&Value> =
            calls["rows"].as_array().unwrap().iter().filter(|call| call["direction"] == side).collect();
        let mut recent = Vec::new();
        for page in 1..5 {
            let answer = person.get(&format!("/api/{side}/recent-calls?page={page}&page_size=90")).await.json();
            assert_eq!(answer["total"], expected.len());
            recent.extend(answer["items"].as_array().unwrap().clone());
        }
        let sids: Vec<&Value> = recent.iter().map(|call| &call["call_sid"]).collect();
        assert_eq!(sids, expected.iter().map(|call| &call["sid"]).collect::<Vec<_>>());
    }

    let leads = truth(sandbox.url(), "leads").await;
    let page = person.get("/api/leads?pageSize=500").await.json();
    assert_eq!((texts(&page["items"], "id"), &page["total"]), (texts(&leads["rows"], "id"), &leads["total"]));
    assert_eq!(texts(&page["items"], "full_name"), texts(&leads["rows"], "name"));
    // Who arrived has a page of their own as everybody has.
    for id in texts(&leads["rows"], "id") {
        for page in ["", "/notes", "/reminders"] {
            assert_eq!(person.get(&format!("/api/leads/{id}{page}")).await.status, 200, "{id}{page}");
        }
    }
}

#[tokio::test]
async fn steps_can_be_taken_before_each_answer_and_stopped_again() {
    let (sandbox, _) = start(Options { calls: 50, leads: 10, ..Options::default() }).await;
    let person = Person::owner(&sandbox).await;
    let body = json!({"each_request": 3}).to_string();
    assert_eq!(send(sandbox.url(), "POST", "/sandbox/move", &[], &body).await.json(), json!({"steps": 0}));
    person.get("/api/calls").await;
    person.get("/api/leads").await;
    assert_eq!(truth(sandbox.url(), "calls").await["steps"], 6);
    sandbox.move_each_request(0);
    person.get("/api/calls").await;
    assert_eq!(truth(sandbox.url(), "calls").await["steps"], 6);
    for wrong in ["{}", r#"{"steps": -1}"#, "nonsense"] {
        assert_eq!(send(sandbox.url(), "POST", "/sandbox/move", &[], wrong).await.status, 400);
    }
    assert_eq!(send(sandbox.url(), "GET", "/sandbox/truth?kind=secrets", &[], "").await.status, 400);
}

#[tokio::test]
async fn a_deleted_call_is_in_the_past_and_no_more_in_the_truth() {
    let (sandbox, _) = start(Options { calls: 50, leads: 10, ..Options::default() }).await;
    let person = Person::owner(&sandbox).await;
    let sid = texts(&truth(sandbox.url(), "calls").await["rows"], "sid")[5].as_str().unwrap().to_owned();
    assert_eq!(person.post("DELETE", &format!("/api/calls/{sid}"), &json!({})).await.status, 200);
    assert!(!texts(&truth(sandbox.url(), "calls").await["rows"], "sid").contains(&json!(sid)));
    let past = send(sandbox.url(), "GET", "/sandbox/past?kind=calls", &[], "").await.json();
    assert_eq!(past["rows"][&sid].as_array().unwrap().len(), 1);
    assert_eq!(person.get(&format!("/api/calls/{sid}/details")).await.status, 404);
}
