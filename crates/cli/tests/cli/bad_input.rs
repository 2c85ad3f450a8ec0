//! Each gives one clear line and exit 1, and nothing is lost.

use serde_json::Value;

use crate::world::{Ran, World, text};

/// Calls in the library: what was there is there.
fn calls(world: &World) -> u64 {
    world.run(&["calls"]).ok()["total"].as_u64().unwrap()
}

fn one_line(ran: &Ran) {
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn a_wrong_password() {
    let world = World::small();
    assert_eq!(world.login_with("no").error(), "wrong_password");
    assert_eq!(world.login_with("").error(), "invalid_input");
    assert_eq!(world.run(&["sync"]).error(), "login_expired");
    let world = world.synced();
    assert_eq!(world.login_with("no").error(), "wrong_password");
    assert_eq!(world.run(&["sync"]).ok()["calls"]["added"], 0, "who was signed in still is");
}

#[test]
fn an_unreachable_server() {
    let mut world = World::small().synced();
    let before = calls(&world);
    let sid = world.call(0);
    let sandbox = world.sandbox.take().unwrap();
    world.runtime.block_on(sandbox.stop());
    assert_eq!(world.run(&["sync"]).error(), "offline");
    one_line(&world.told(&["sync"]));
    assert_eq!(calls(&world), before);
    assert_eq!(world.run(&["call", &sid]).ok()["recordings"][0]["state"], "ready_online");
    let plain = ["login", "crm", "--url", "http://192.0.2.1", "--email", "a@b.c", "--json"];
    let ran = world.command(&plain).env("AFTERCALL_PASSWORD", "x").output().unwrap();
    let answer: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(answer["error"]["code"], "invalid_input", "plain http is for this computer only");
}

#[test]
fn a_server_that_fails_three_times_ends_the_attempts_and_not_in_a_loop() {
    let script = r#"[{"match": {"path": "/api/recordings/file/*"}, "nth": "*", "do": [{"status": 404}]}]"#;
    let world = World::with_script(script).synced();
    let sid = world.run(&["calls", "--has-recording", "--limit", "1000"]).ok()["calls"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    let ran = world.run(&["fetch", &sid]);
    assert!(["not_found", "gone"].contains(&ran.error().as_str()), "{}", ran.stdout);
    let asked = world.sandbox().requests().iter().filter(|request| request.path.contains("/recordings/file/")).count();
    assert!(asked <= 6, "{asked} requests");
    assert_eq!(ran.json()["recordings"][0]["sid"], sid.as_str());
}

#[test]
fn a_body_that_is_a_page_is_never_taken_for_sound() {
    let script =
        r#"[{"match": {"method": "GET", "path": "/api/recordings/file/*"}, "nth": "*", "do": [{"html": true}]}]"#;
    let world = World::with_script(script).synced();
    let sid = world.call(0);
    let before = calls(&world);
    let ran = world.run(&["fetch", &sid]);
    let code = ran.error();
    assert!(["not_audio", "server_unavailable"].contains(&code.as_str()), "{}", ran.stdout);
    assert_ne!(ran.json()["recordings"][0]["state"], "on_device");
    assert_eq!(calls(&world), before);
    let out = world.path("page.mp3");
    assert_ne!(world.run(&["export", &sid, "--out", text(&out)]).code, 0);
    assert!(!out.exists());
}

#[test]
fn a_body_that_is_cut_off_is_never_taken_for_whole() {
    let script =
        r#"[{"match": {"method": "GET", "path": "/api/recordings/file/*"}, "nth": "*", "do": [{"cut_after": 1000}]}]"#;
    let world = World::with_script(script).synced();
    let sid = world.call(0);
    let ran = world.run(&["fetch", &sid]);
    ran.error();
    assert_ne!(ran.json()["recordings"][0]["state"], "on_device");
    assert_eq!(world.run(&["turns", &sid]).code, 1);
}

#[test]
fn a_body_that_is_cut_off_once_arrives_whole_the_next_time() {
    let script =
        r#"[{"match": {"method": "GET", "path": "/api/recordings/file/*"}, "nth": "1", "do": [{"cut_after": 1000}]}]"#;
    let world = World::with_script(script).synced();
    let (sid, sha256) = world.call_with("call-dual-45s.mp3");
    assert_eq!(world.run(&["fetch", &sid]).ok()["recordings"][0]["state"], "on_device");
    let out = world.path("whole.mp3");
    assert_eq!(world.run(&["export", &sid, "--out", text(&out)]).ok()["sha256"], sha256);
}

#[test]
fn a_202_that_asks_for_an_hour_is_not_waited_for_and_stays_asked_for() {
    let script = r#"[{"match": {"path": "/api/recordings/file/*"}, "nth": "*",
        "do": [{"status": 202}, {"header": ["Retry-After", "3600"]}]}]"#;
    let world = World::with_script(script).synced();
    let sid = world.call(0);
    let ran = world.run(&["fetch", &sid]);
    assert_eq!(ran.error(), "not_ready");
    assert_eq!(ran.json()["recordings"][0]["state"], "still_preparing");
    let kept = world.run(&["call", &sid]).ok()["recordings"][0].clone();
    assert_eq!(kept["state"], "still_preparing");
    assert!(kept["next_try_at"].is_string());
}

#[test]
fn a_page_instead_of_the_lists() {
    let script = r#"[{"match": {"path": "/api/calls*"}, "nth": "2-9", "do": [{"html": true}]}]"#;
    let world = World::with_script(script).synced();
    let before = calls(&world);
    let ran = world.run(&["sync", "--full"]);
    assert_eq!(ran.error(), "server_unavailable");
    assert_eq!(calls(&world), before);
}

#[test]
fn a_damaged_database_file() {
    let world = World::small().synced();
    let library = world.profile().join("library.db");
    let sound = std::fs::read(&library).unwrap();
    for damage in [Vec::new(), vec![0x41; 100_000]] {
        std::fs::write(&library, &damage).unwrap();
        let ran = world.run(&["calls"]);
        assert_eq!(ran.error(), "store_damaged", "{}", ran.stderr);
        one_line(&world.told(&["sync"]));
        assert_eq!(std::fs::read(&library).unwrap(), damage, "it is left as it was");
    }
    std::fs::write(&library, &sound).unwrap();
    calls(&world);
}

#[test]
fn a_missing_key() {
    let world = World::small().synced();
    let library = std::fs::read(world.profile().join("library.db")).unwrap();
    std::fs::rename(world.path("root.key"), world.path("kept.key")).unwrap();
    assert_eq!(world.run(&["sync"]).error(), "key_lost");
    assert_eq!(world.run(&["calls"]).error(), "key_lost");
    one_line(&world.told(&["calls"]));
    assert!(!world.path("root.key").exists());
    assert_eq!(std::fs::read(world.profile().join("library.db")).unwrap(), library);
    std::fs::rename(world.path("kept.key"), world.path("root.key")).unwrap();
    calls(&world);
}

#[test]
fn what_is_not_there() {
    let world = World::small().synced();
    for arguments in [&["call", "CA404"][..], &["lead", "404404"], &["fetch", "CA404"], &["turns", "CA404"]] {
        assert_eq!(world.run(arguments).error(), "not_found", "{arguments:?}");
    }
    assert_eq!(world.run(&["calls", "--cursor", "nonsense"]).error(), "invalid_input");
    assert_eq!(world.run(&["appointments", "--from", "tomorrow"]).error(), "invalid_input");
}

#[test]
fn wrong_usage_is_2() {
    let world = World::small();
    for arguments in [&["calls", "--limit", "0"][..], &["call", "../x"], &["fetch"], &["unknown"], &["export", "CA1"]] {
        assert_eq!(world.run(arguments).code, 2, "{arguments:?}");
    }
}
