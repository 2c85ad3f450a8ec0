//! The script's steps on the wire, and the program that takes them.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use aftercall_sandbox::{Options, Sandbox, Script};
use common::{Answer, Person, file_of, open, send, start};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use tokio::io::AsyncReadExt;

/// A sandbox whose every GET of audio meets these steps.
async fn with_steps(steps: Value) -> (Sandbox, Person, String) {
    let script = json!([{"match": {"method": "GET", "path": "/api/recordings/file/*"}, "nth": "*", "do": steps}]);
    let script = Script::parse(&script.to_string()).unwrap();
    let (sandbox, _) = start(Options { prepare_polls: 0, script, ..Options::default() }).await;
    let owner = Person::owner(&sandbox).await;
    let path = file_of(&sandbox.ready().recordings[0].call_sid);
    (sandbox, owner, path)
}

async fn first_hundred(steps: Value) -> Answer {
    let (_sandbox, owner, path) = with_steps(steps).await;
    owner.ask("GET", &path, &[("Range", "bytes=0-99")]).await
}

#[tokio::test]
async fn the_nth_request_meets_its_fault_and_the_next_does_not() {
    let script = r#"[{"match": {"path": "/api/calls"}, "nth": "1-2", "do": [{"status": 503}, {"header": ["Retry-After", "7"]}]}]"#;
    let (sandbox, _) = start(Options { script: Script::parse(script).unwrap(), ..Options::default() }).await;
    let owner = Person::owner(&sandbox).await;
    for expected in [503, 503, 200] {
        let answer = owner.get("/api/calls?limit=1").await;
        assert_eq!(answer.status, expected);
        assert_eq!(answer.header("retry-after"), (expected == 503).then_some("7"));
    }
}

#[tokio::test]
async fn a_scripted_failure_is_not_a_poll() {
    let script = r#"[{"match": {"path": "/api/recordings/file/*"}, "nth": "1", "do": [{"status": 502}]}]"#;
    let options = Options { prepare_polls: 1, script: Script::parse(script).unwrap(), ..Options::default() };
    let (sandbox, _) = start(options).await;
    let owner = Person::owner(&sandbox).await;
    let path = file_of(&sandbox.ready().recordings[0].call_sid);
    for expected in [502, 202, 200] {
        assert_eq!(owner.get(&path).await.status, expected);
    }
}

#[tokio::test]
async fn an_answer_is_cut_after_so_many_bytes() {
    let answer = first_hundred(json!([{"cut_after": 40}])).await;
    assert_eq!((answer.header("content-length"), answer.body.len()), (Some("100"), 40));
}

#[tokio::test]
async fn a_reset_ends_the_connection_with_an_error() {
    for steps in [json!([{"reset": true}]), json!([{"cut_after": 40}, {"reset": true}])] {
        let (sandbox, owner, path) = with_steps(steps.clone()).await;
        let mut stream = open(sandbox.url(), "GET", &path, &[("Cookie", &owner.cookie)], "").await;
        let mut bytes = Vec::new();
        let error = stream.read_to_end(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{steps}");
    }
}

#[tokio::test]
async fn a_stalled_answer_stays_open_and_holds_up_nobody_until_the_server_stops() {
    let (sandbox, owner, path) = with_steps(json!([{"stall_after": 10}])).await;
    let headers = [("Cookie", owner.cookie.as_str()), ("Range", "bytes=0-99")];
    let mut stalled = open(sandbox.url(), "GET", &path, &headers, "").await;
    let mut bytes = Vec::new();
    while Answer::parse(&bytes).is_none_or(|answer| answer.body.len() < 10) {
        assert!(stalled.read_buf(&mut bytes).await.unwrap() > 0, "closed too early");
    }
    assert_eq!(owner.get("/api/calls?limit=1").await.status, 200);
    sandbox.stop().await;
    // However it ends now, nothing more came.
    let _ = stalled.read_to_end(&mut bytes).await;
    assert_eq!(Answer::parse(&bytes).unwrap().body.len(), 10);
}

#[tokio::test]
async fn a_slow_answer_is_whole() {
    let answer = first_hundred(json!([{"delay_ms": 1}, {"drip_bytes_per_s": 2000}])).await;
    assert_eq!((answer.status, answer.body.len()), (206, 100));
}

#[tokio::test]
async fn the_length_and_the_range_can_lie() {
    let longer = first_hundred(json!([{"content_length": "+1"}])).await;
    assert_eq!(
        (longer.header("content-length"), longer.count("content-length"), longer.body.len()),
        (Some("101"), 2, 100)
    );
    let fixed = first_hundred(json!([{"content_length": "7"}, {"content_range": "bytes 0-99/5"}])).await;
    assert_eq!((fixed.header("content-length"), fixed.header("content-range")), (Some("7"), Some("bytes 0-99/5")));
}

#[tokio::test]
async fn a_body_can_be_replaced_by_text_html_a_redirect_or_a_bomb() {
    let text = first_hundred(json!([{"body": "{\"status\": \"processing\"}"}])).await;
    assert_eq!((text.status, text.header("content-type"), text.body.len()), (206, Some("audio/mpeg"), 24));
    let page = first_hundred(json!([{"status": 200}, {"html": true}])).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.starts_with(b"<!doctype html>"));
    let elsewhere = first_hundred(json!([{"redirect": "http://127.0.0.1:9/"}])).await;
    assert_eq!((elsewhere.status, elsewhere.header("location")), (302, Some("http://127.0.0.1:9/")));
    let bomb = first_hundred(json!([{"gzip_bomb_bytes": 1_000_000}])).await;
    assert_eq!(bomb.header("content-encoding"), Some("gzip"));
    assert!(bomb.body.len() < 20_000);
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bomb.body.as_slice()).read_to_end(&mut plain).unwrap();
    assert_eq!(plain.len(), 1_000_000);
}

#[tokio::test]
async fn status_200_answers_the_whole_file_to_a_range() {
    let answer = first_hundred(json!([{"status": 200}])).await;
    assert_eq!((answer.status, answer.header("content-range")), (200, None));
    assert!(answer.body.len() > 100);
}

#[tokio::test]
async fn an_expired_session_needs_a_new_login() {
    let script = r#"[{"match": {"path": "/api/leads"}, "nth": "1", "do": [{"expire_session": true}]}]"#;
    let (sandbox, _) = start(Options { script: Script::parse(script).unwrap(), ..Options::default() }).await;
    let owner = Person::owner(&sandbox).await;
    let refused = owner.get("/api/leads").await;
    assert_eq!((refused.status, refused.json()["reason"].as_str()), (401, Some("no_session")));
    assert_eq!(owner.post("POST", "/api/auth/refresh", &json!({})).await.status, 401);
    let again = Person::owner(&sandbox).await;
    assert_eq!(again.get("/api/leads").await.status, 200);
}

#[tokio::test]
async fn a_connection_is_kept_for_several_requests() {
    use tokio::io::AsyncWriteExt;
    let (sandbox, _) = start(Options::default()).await;
    let mut stream = tokio::net::TcpStream::connect(sandbox.url().trim_start_matches("http://")).await.unwrap();
    let ask = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(format!("{ask}{ask}").as_bytes()).await.unwrap();
    stream.write_all(b"GET /api/auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!((text.matches("HTTP/1.1 200 OK").count(), text.matches("HTTP/1.1 401 ").count()), (2, 1));
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_aftercall-sandbox"))
}

#[test]
fn wrong_arguments_and_scripts_are_one_clear_line_and_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.json");
    std::fs::write(&script, r#"[{"match": {}, "do": [{"explode": 1}]}]"#).unwrap();
    let script = script.to_str().unwrap();
    let empty = folder.path().join("none");
    for (arguments, expected) in [
        (vec!["--calls", "many"], "many"),
        (vec!["--nonsense"], "--nonsense"),
        (vec!["--script", script], "unknown step \"explode\""),
        (vec!["--script", "/does/not/exist"], "/does/not/exist"),
        (vec!["--recordings", empty.to_str().unwrap()], "recordings"),
    ] {
        let output = program().args(&arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{arguments:?}: {said}");
        assert!(said.contains(expected) && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn the_program_prints_one_ready_line_and_serves_a_folder_in_order_of_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("2.mp3"), vec![2u8; 3_000]).unwrap();
    std::fs::write(folder.path().join("1.wav"), vec![1u8; 2_000]).unwrap();
    let mut child = program()
        .args(["--port", "0", "--prepare-polls", "0", "--recordings", folder.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let url = ready["url"].as_str().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let owner = Person::sign_in(url, &text(&ready["email"]), &text(&ready["password"])).await;
    for (index, (file, bytes)) in [("1.wav", 2_000), ("2.mp3", 3_000), ("1.wav", 2_000)].into_iter().enumerate() {
        let recording = &ready["recordings"][index];
        assert_eq!(recording["file"], file);
        let sid = text(&recording["call_sid"]);
        assert_eq!(
            send(url, "HEAD", &file_of(&sid), &[("Cookie", &owner.cookie)], "").await.header("content-length"),
            Some(bytes.to_string().as_str())
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
