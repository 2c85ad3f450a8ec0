//! The script's steps on the wire, and the program that takes them.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use aftercall_sandbox::{Options, Sandbox, Script};
use common::{Answer, Person, file_of, open, send, start};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
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

/// Everything that comes, with the moments at which it came.
async fn watched(url: &str, path: &str, cookie: &str) -> (Vec<u8>, Vec<(Duration, usize)>) {
    let began = Instant::now();
    let mut stream = open(url, "GET", path, &[("Cookie", cookie), ("Range", "bytes=0-99")], "").await;
    let (mut bytes, mut pieces) = (Vec::new(), Vec::new());
    while let Ok(read @ 1..) = stream.read_buf(&mut bytes).await {
        pieces.push((began.elapsed(), read));
    }
    (bytes, pieces)
}

#[tokio::test]
async fn a_delay_comes_before_the_head_and_a_drip_is_as_slow_as_it_says() {
    let (sandbox, owner, path) = with_steps(json!([{"delay_ms": 300}])).await;
    let (bytes, pieces) = watched(sandbox.url(), &path, &owner.cookie).await;
    assert!(pieces[0].0 >= Duration::from_millis(300), "{pieces:?}");
    assert_eq!(Answer::parse(&bytes).unwrap().body.len(), 100);
    // A hundred bytes at two hundred a second: half a second, in helpings of a tenth.
    let (sandbox, owner, path) = with_steps(json!([{"drip_bytes_per_s": 200}])).await;
    let (bytes, pieces) = watched(sandbox.url(), &path, &owner.cookie).await;
    let took = pieces.last().unwrap().0 - pieces[0].0;
    assert!(took >= Duration::from_millis(350) && pieces.len() >= 4, "{took:?} {pieces:?}");
    assert_eq!(Answer::parse(&bytes).unwrap().body.len(), 100);
}

#[tokio::test]
async fn an_answer_can_stall_after_its_head() {
    let (sandbox, owner, path) = with_steps(json!([{"stall_after": 0}])).await;
    let headers = [("Cookie", owner.cookie.as_str()), ("Range", "bytes=0-99")];
    let mut stalled = open(sandbox.url(), "GET", &path, &headers, "").await;
    let mut bytes = Vec::new();
    while Answer::parse(&bytes).is_none() {
        assert!(stalled.read_buf(&mut bytes).await.unwrap() > 0, "closed too early");
    }
    let more = tokio::time::timeout(Duration::from_millis(300), stalled.read_buf(&mut bytes)).await;
    assert!(more.is_err(), "something came, or it was closed: {more:?}");
    assert_eq!(Answer::parse(&bytes).unwrap().body.len(), 0);
}

#[tokio::test]
async fn every_redirect_is_the_status_and_the_place_that_the_script_says_in_either_order() {
    for code in [301, 302, 303, 307, 308] {
        for steps in [
            json!([{"redirect": "http://127.0.0.1:9/x"}, {"status": code}]),
            json!([{"status": code}, {"redirect": "http://127.0.0.1:9/x"}]),
        ] {
            let answer = first_hundred(steps).await;
            assert_eq!((answer.status, answer.header("location")), (code, Some("http://127.0.0.1:9/x")));
        }
    }
}

#[tokio::test]
async fn two_lengths_can_contradict_each_other() {
    let answer = first_hundred(json!([{"add_header": ["Content-Length", "7"]}])).await;
    let said: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!((said.first(), said.last(), answer.body.len()), (Some(&"100"), Some(&"7"), 100));
}

#[tokio::test]
async fn pieces_can_be_whole_or_broken_in_three_ways() {
    for (how, end) in [
        (json!(true), &b"\r\n0\r\n\r\n"[..]),
        (json!("no_end"), b"\r\n"),
        (json!("no_length"), b"\r\n"),
        (json!("too_short"), b""),
    ] {
        let answer = first_hundred(json!([{"chunked": how}])).await;
        assert_eq!((answer.header("transfer-encoding"), answer.count("content-length")), (Some("chunked"), 0));
        let head = match how.as_str() {
            Some("no_length") => "zz\r\n",
            Some("too_short") => "44c\r\n",
            _ => "64\r\n",
        };
        assert!(answer.body.starts_with(head.as_bytes()), "{how} {:?}", String::from_utf8_lossy(&answer.body[..8]));
        assert_eq!(answer.body.len(), head.len() + 100 + end.len(), "{how}");
        assert!(answer.body.ends_with(end), "{how}");
    }
}

#[tokio::test]
async fn three_bombs_are_small_on_the_wire_and_say_how_they_are_packed() {
    for (step, coding, most) in
        [("gzip_bomb_bytes", "gzip", 700_000), ("zstd_bomb_bytes", "zstd", 5_000), ("br_bomb_bytes", "br", 60_000)]
    {
        let answer = first_hundred(json!([{step: 128 << 20}])).await;
        assert_eq!(answer.header("content-encoding"), Some(coding));
        assert!((100..most).contains(&answer.body.len()), "{step}: {} bytes", answer.body.len());
    }
    let answer = first_hundred(json!([{"br_bomb_bytes": 3_000_000}])).await;
    let mut plain = Vec::new();
    brotli::Decompressor::new(answer.body.as_slice(), 4096).read_to_end(&mut plain).unwrap();
    assert_eq!(plain.len(), 3_000_000);
    // RFC 8878: 300,000 bytes are two runs of 128 KiB and one of 37,856, the last one marked.
    let answer = first_hundred(json!([{"zstd_bomb_bytes": 300_000}])).await;
    assert_eq!(hex::encode(&answer.body), "28b52ffd00380200100002001000039f0400");
}

#[tokio::test]
async fn a_portal_answers_in_the_servers_place() {
    let script = r#"[{"match": {"path": "/api/auth/login"}, "nth": "1", "do": [{"portal": true}]}]"#;
    let (sandbox, _) = start(Options { script: Script::parse(script).unwrap(), ..Options::default() }).await;
    let ready = sandbox.ready();
    let body = json!({"email": ready.email, "password": ready.password}).to_string();
    let answer = send(sandbox.url(), "POST", "/api/auth/login", &[("Content-Type", "application/json")], &body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!((answer.cookie(), answer.body.starts_with(b"<!doctype html>")), (None, true));
    assert!(!Person::owner(&sandbox).await.cookie.is_empty());
}

#[tokio::test]
async fn where_tokens_are_wanted_each_is_good_once() {
    let script = r#"[{"match": {"path": "/api/leads/*"}, "do": [{"need_csrf": true}]}]"#;
    let (sandbox, _) = start(Options { script: Script::parse(script).unwrap(), ..Options::default() }).await;
    let owner = Person::owner(&sandbox).await;
    let write = async |token: &str| {
        let headers = [("Content-Type", "application/json"), ("Cookie", owner.cookie.as_str()), ("X-CSRFToken", token)];
        send(&owner.url, "POST", "/api/leads/3/notes", &headers, r#"{"content": "שלום"}"#).await.status
    };
    assert_eq!(write("").await, 403);
    let token = async || owner.get("/api/auth/csrf").await.json()["csrfToken"].as_str().unwrap().to_owned();
    let (first, second) = (token().await, token().await);
    assert_eq!(write(&first).await, 403);
    assert_eq!(write(&second).await, 201);
    assert_eq!(write(&second).await, 403);
    assert_eq!(owner.get("/api/leads/3").await.status, 200);
}

#[tokio::test]
async fn a_storm_hits_all_until_its_hour_is_over_and_the_server_still_knows_who_is_who() {
    let script = r#"[{"match": {"path": "/api/calls"}, "for_s": 3600, "do": [{"status": 502}]}]"#;
    let (sandbox, clock) = start(Options { script: Script::parse(script).unwrap(), ..Options::default() }).await;
    let owner = Person::owner(&sandbox).await;
    for _ in 0..6 {
        let answer = owner.get("/api/calls?limit=1").await;
        assert_eq!((answer.status, answer.header("content-type")), (502, Some("text/html; charset=utf-8")));
        clock.advance_ms(600_000);
    }
    assert_eq!(owner.get("/api/calls?limit=1").await.status, 200);
}

#[tokio::test]
async fn faults_can_change_while_it_runs() {
    let (sandbox, _) = start(Options::default()).await;
    let owner = Person::owner(&sandbox).await;
    let script = r#"[{"match": {"path": "/api/calls"}, "nth": "1", "do": [{"status": 504}]}]"#;
    assert_eq!(send(sandbox.url(), "POST", "/sandbox/script", &[], script).await.status, 200);
    assert_eq!(owner.get("/api/calls?limit=1").await.status, 504);
    assert_eq!(owner.get("/api/calls?limit=1").await.status, 200);
    let refused = send(sandbox.url(), "POST", "/sandbox/script", &[], r#"[{"match": {}, "do": [{"x": 1}]}]"#).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"], "script: rule 1: unknown step \"x\"");
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
