//! What the webview gets from `rec://`, over a real vault.

use aftercall_app::start::Boot;
use aftercall_sandbox::{Options, Script};
use http::{Method, Request, Response};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::world::{World, arrived, fetched, id_of, tamper};

const ORIGINS: &[&str] = &["tauri://localhost"];

async fn get(boot: &Boot, method: Method, id: &str, range: Option<&str>) -> Response<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(format!("rec://localhost/{id}"));
    if let Some(range) = range {
        request = request.header("Range", range);
    }
    boot.respond(request.header("Origin", ORIGINS[0]).body(()).unwrap(), true, ORIGINS).await
}

#[tokio::test]
async fn the_first_request_makes_one_job_and_the_stored_recording_answers_ranges() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call(0);
    let id = id_of(&sid);
    let coming = get(&boot, Method::GET, &id, None).await;
    assert_eq!(coming.status(), 202);
    assert!(coming.headers()["Retry-After"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    let body: serde_json::Value = serde_json::from_slice(coming.body()).unwrap();
    assert_eq!((&body["status"], &body["max_attempts"]), (&json!("processing"), &json!(12)));
    arrived(&boot, &sid).await;

    let whole = get(&boot, Method::GET, &id, None).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.headers()["Access-Control-Allow-Origin"], "tauri://localhost");
    let sent = &world.sandbox.ready().recordings[0].sha256;
    assert_eq!(&hex::encode(Sha256::digest(whole.body())), sent, "the bytes are the server's");

    let head = get(&boot, Method::HEAD, &id, None).await;
    assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
    assert_eq!(head.headers()["Content-Length"], whole.body().len().to_string());

    // Across the edge of a sealed chunk.
    let part = get(&boot, Method::GET, &id, Some("bytes=65530-65550")).await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.body().as_slice(), &whole.body()[65_530..=65_550]);
    assert_eq!(get(&boot, Method::GET, &id, Some("bytes=999999999-")).await.status(), 416);
    assert_eq!(get(&boot, Method::OPTIONS, &id, None).await.status(), 204);
    boot.close().await;
}

#[tokio::test]
async fn a_range_that_is_here_is_answered_while_the_rest_of_the_recording_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let file = include_bytes!("../../../sandbox/recordings/call-dual-45s.mp3").to_vec();
    std::fs::write(folder.path().join("call.mp3"), &file).unwrap();
    let script = r#"[{"match": {"method": "GET", "path": "/api/recordings/file/*"},
                      "do": [{"drip_bytes_per_s": 150000}]}]"#;
    let world = World::new(Options {
        calls: 40,
        leads: 12,
        prepare_polls: 0,
        recordings: Some(folder.path().to_owned()),
        script: Script::parse(script).unwrap(),
        ..Options::default()
    });
    let world = world.await;
    let boot = world.synced().await;
    let sid = world.call(0);
    let id = id_of(&sid);
    assert_eq!(get(&boot, Method::GET, &id, None).await.status(), 202);
    let part = loop {
        let answer = get(&boot, Method::GET, &id, Some("bytes=500-999")).await;
        if answer.status() != 202 {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let len = file.len();
    assert_eq!((part.status().as_u16(), part.body().as_slice()), (206, &file[500..1000]));
    assert_eq!(part.headers()["Content-Range"], format!("bytes 500-999/{len}"));
    assert_eq!(part.headers()["Content-Type"], "audio/mpeg");
    let last = format!("bytes={}-", len - 10);
    for range in [None, Some(last.as_str())] {
        let answer = get(&boot, Method::GET, &id, range).await;
        assert_eq!(answer.status(), 202, "{range:?}");
        assert!(answer.headers().contains_key("Retry-After"));
    }
    let behind = format!("bytes={len}-");
    assert_eq!(get(&boot, Method::GET, &id, Some(&behind)).await.status(), 416, "its length is known");
    arrived(&boot, &sid).await;
    let whole = get(&boot, Method::GET, &id, None).await;
    assert_eq!((whole.status().as_u16(), whole.body() == &file), (200, true));
    assert_eq!(whole.headers()["ETag"], part.headers()["ETag"], "it is the same file");
    assert_eq!(world.sandbox.requests().iter().filter(|one| one.path.ends_with(&sid)).count(), 2, "a HEAD and a GET");
    boot.close().await;
}

#[tokio::test]
async fn what_is_not_a_recording_is_not_there_and_another_webview_gets_nothing() {
    let world = World::small().await;
    let boot = world.synced().await;
    for id in ["crm:CA404", "..%2f..%2flibrary.db", "%00", "", "crm:"] {
        assert_eq!(get(&boot, Method::GET, id, None).await.status(), 404, "{id}");
    }
    let request = Request::get(format!("rec://localhost/{}", id_of(&world.call(0)))).body(()).unwrap();
    assert_eq!(boot.respond(request, false, ORIGINS).await.status(), 403);
    boot.close().await;
}

#[tokio::test]
async fn a_chunk_that_was_tampered_with_is_a_500_without_a_byte_of_it_and_is_fetched_again() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call(0);
    fetched(&boot, &sid).await;
    tamper(&world.folder().join("recordings"));
    let answer = get(&boot, Method::GET, &id_of(&sid), Some("bytes=0-99")).await;
    assert_eq!(answer.status(), 500);
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["error"], "damaged");
    // It repairs itself: the same bytes come again, under a new key.
    let mut answer = get(&boot, Method::GET, &id_of(&sid), None).await;
    while answer.status() == 202 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        answer = get(&boot, Method::GET, &id_of(&sid), None).await;
    }
    assert_eq!(answer.status(), 200);
    let sent = &world.sandbox.ready().recordings[0].sha256;
    assert_eq!(&hex::encode(Sha256::digest(answer.body())), sent);
    boot.close().await;
}

#[tokio::test]
async fn a_refused_start_answers_500_and_never_502() {
    let world = World::small().await;
    let first = world.synced().await;
    let second = world.window().await;
    let answer = get(&second, Method::GET, &id_of(&world.call(0)), None).await;
    assert_eq!(answer.status(), 500);
    first.close().await;
}
