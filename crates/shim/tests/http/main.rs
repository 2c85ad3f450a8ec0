//! `rec://` over HTTP: the range table and the table of states, with a real vault behind the handler.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure here is a failed test")]

mod states;
#[path = "../../../media/tests/table/mod.rs"]
mod table;
mod world;

use std::collections::HashMap;

use aftercall_domain::recording::RecordingState;
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use table::{APP, Case, bytes_of, cases};
use world::World;

/// What a case asks about, stored in the vault; a damaged one is asked once, because it is then fetched again.
async fn recording_of(world: &World, case: &Case, kept: &mut HashMap<(String, u64), Stored>) -> Stored {
    let key = (case.about.clone(), case.len);
    if case.about != "damaged"
        && let Some(stored) = kept.get(&key)
    {
        return stored.clone();
    }
    let stored = match case.about.as_str() {
        "absent" => Stored { id: "crm:NOBODY".into(), etag: "\"\"".into() },
        "locked" => {
            let id = world.next_id();
            world.put(&id, RecordingState::Restricted, None).await;
            Stored { id: id.to_string(), etag: "\"\"".into() }
        }
        "here" | "replaced" | "damaged" => {
            let id = world.next_id();
            let file = world.store(&id, RecordingState::OnDevice, &bytes_of(case.len)).await;
            if case.about == "damaged" {
                world.tamper(&id, &file);
            }
            Stored { id: id.to_string(), etag: format!("\"{}-1\"", hex(&file.file_id)) }
        }
        other => panic!("the table asks about {other}"),
    };
    kept.insert(key, stored.clone());
    stored
}

#[derive(Clone)]
struct Stored {
    id: String,
    etag: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_range_table_holds_over_http_with_a_real_vault() {
    let world = World::open().await;
    let mut kept = HashMap::new();
    for case in cases() {
        if case.row == 50 {
            let long = recording_of(&world, &Case { len: 9 << 20, ..case.clone() }, &mut kept).await;
            give_up(&world, &long.id, 1000).await;
        }
        let recording = recording_of(&world, &case, &mut kept).await;
        let response = world.ask(case.request(&recording.id, &recording.etag)).await;
        case.judge(&response, &recording.etag);
        if case.method == "HEAD" {
            let headers = case.headers.iter().filter(|(name, _)| name != "Range").cloned().collect();
            let get = Case { method: "GET".into(), headers, ..case.clone() };
            let get = world.ask(get.request(&recording.id, &recording.etag)).await;
            assert_eq!(without_date(&response), without_date(&get), "{}", case.name());
        }
    }
    world.close().await;
}

fn without_date(response: &Response<Vec<u8>>) -> (u16, http::HeaderMap) {
    let mut headers = response.headers().clone();
    headers.remove("date");
    (response.status().as_u16(), headers)
}

/// Asks for a long recording and goes away: at once, in the middle of the headers, or in the middle of the body.
async fn give_up(world: &World, id: &str, times: usize) {
    for turn in 0..times {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        let host = world.address();
        let range = ["", "Range: bytes=0-\r\n", "Range: bytes=100-200\r\n"][turn % 3];
        let request = format!("GET /{id} HTTP/1.1\r\nHost: {host}\r\nOrigin: {APP}\r\n{range}\r\n");
        let sent = if turn % 5 == 0 { &request[..request.len() / 2] } else { &request };
        stream.write_all(sent.as_bytes()).await.unwrap();
        if turn % 7 == 0 && turn % 5 != 0 {
            let _ = stream.read(&mut [0; 4096]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_ours_gets_nothing_and_makes_no_job() {
    let world = World::open().await;
    let id = world.next_id();
    for origin in ["https://example.com", "null", "http://127.0.0.1"] {
        let request = Request::get(format!("rec://localhost/{id}")).header("Origin", origin).body(()).unwrap();
        let response = world.ask(request).await;
        assert_eq!((response.status().as_u16(), response.headers().get("access-control-allow-origin")), (403, None));
    }
    assert!(world.row(&id).await.is_none_or(|row| row.state == RecordingState::ReadyOnline), "nothing was asked for");
    assert!(!world.has_job(&id).await);
    let request = Request::get(format!("rec://localhost/{id}")).header("Origin", APP).body(()).unwrap();
    assert_eq!(world.ask(request).await.status(), 202);
    assert!(world.has_job(&id).await);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_requests_make_one_job() {
    let world = std::sync::Arc::new(World::open().await);
    let id = world.next_id();
    let mut asking = tokio::task::JoinSet::new();
    for turn in 0..40 {
        let (world, id) = (world.clone(), id.clone());
        let method = if turn % 2 == 0 { "GET" } else { "HEAD" };
        asking.spawn(async move {
            let request = Request::builder().method(method).uri(format!("rec://localhost/{id}"));
            world.ask(request.body(()).unwrap()).await.status().as_u16()
        });
    }
    assert_eq!(asking.join_all().await, [202; 40]);
    assert_eq!(world.jobs().await, vec![id]);
    world.close().await;
}

#[tokio::test]
async fn a_name_that_an_outsider_could_point_here_is_not_answered() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answering = |_| async { Response::new(b"answered".to_vec()) };
    let serving = tokio::spawn(aftercall_rec_shim::serve(listener, answering));
    let own = format!("localhost:{}", address.port());
    for (host, answered) in [
        (&*own, true),
        ("127.0.0.1", true),
        ("rec.localhost", true),
        ("evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("rec.localhost.evil.example:80", false),
        ("localhost.", false),
        ("", false),
    ] {
        let request = format!("GET /crm:CA1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.starts_with("HTTP/1.1 200"), answered, "{host}: {answer}");
        assert_eq!(answer.ends_with("answered"), answered, "{host}");
    }
    serving.abort();
}
