use std::io::Write as _;
use std::process::Stdio;

use aftercall_sandbox::Options;
use serde_json::Value;

use crate::world::{Ran, World, keys, text};

fn login(world: &World, secret: &str, more: &[&str]) -> Ran {
    let twilio = &world.sandbox().ready().twilio;
    let mut arguments = vec![
        "login",
        "twilio",
        "--account",
        &*twilio.account_sid,
        "--key",
        &*twilio.key_sid,
        "--base-url",
        &*twilio.base_url,
    ];
    arguments.extend_from_slice(more);
    let mut command = world.command(&arguments);
    let mut child = command
        .arg("--json")
        .env_remove("AFTERCALL_SECRET")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{secret}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn secret(world: &World) -> String {
    world.sandbox().ready().twilio.key_secret.clone()
}

fn listed(world: &World) -> Vec<Value> {
    world.run(&["calls", "--limit", "200"]).ok()["calls"].as_array().unwrap().clone()
}

#[test]
fn login_twilio_is_checked_with_one_call_and_keeps_its_secret_to_itself() {
    let world = World::small();
    let signed_in = login(&world, &secret(&world), &[]);
    let object = signed_in.ok();
    assert_eq!(keys(&object), ["account", "source"]);
    assert_eq!(object["source"], "twilio");
    let asked: Vec<String> = world.sandbox().requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].ends_with("/Calls.json?PageSize=1"), "{asked:?}");
    assert!(!(signed_in.stdout + &signed_in.stderr).contains(&secret(&world)));
    for file in walk(&world.profile()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            !bytes.windows(secret(&world).len()).any(|part| part == secret(&world).as_bytes()),
            "{}",
            file.display()
        );
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn what_cannot_be_signed_in_with_says_why_and_keeps_nothing() {
    let world = World::small();
    assert_eq!(login(&world, "wrong", &[]).error(), "wrong_password");
    assert_eq!(login(&world, "a b", &[]).error(), "invalid_input");
    let twilio = world.sandbox().ready().twilio.clone();
    for (account, key, url) in [
        ("AC1", &*twilio.key_sid, &*twilio.base_url),
        (&*twilio.account_sid, "SK1", &*twilio.base_url),
        (&*twilio.account_sid, &*twilio.key_sid, "http://api.twilio.com"),
        (&*twilio.account_sid, &*twilio.key_sid, "https://api.twilio.com@evil.example"),
        (&*twilio.account_sid, &*twilio.key_sid, "https://evil.example"),
    ] {
        let asked = world.sandbox().requests().len();
        let mut command = world.command(&["login", "twilio", "--account", account, "--key", key, "--base-url", url]);
        let output = command.arg("--json").env("AFTERCALL_SECRET", "x").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{account} {key} {url}");
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["error"]["code"], "invalid_input", "{account} {key} {url}");
        assert_eq!(world.sandbox().requests().len(), asked, "nobody is asked");
    }
    assert_eq!(world.run(&["sync"]).error(), "login_expired");
    assert_eq!(world.run(&["login", "twilio", "--account", "AC1"]).code, 2);
}

#[test]
fn a_sync_reads_every_source_that_somebody_signed_in_to() {
    let world = World::small();
    login(&world, &secret(&world), &[]).ok();
    let alone = world.run(&["sync"]).ok();
    assert_eq!(keys(&alone), ["appointments", "calendars", "calls", "duration_ms", "leads", "requests"]);
    assert!(alone["calls"]["added"].as_u64().unwrap() >= 75);
    assert_eq!(alone["leads"]["seen"], 0);
    let rows = listed(&world);
    assert!(rows.iter().all(|row| row["source"] == "twilio"));
    world.login();
    let both = world.run(&["sync"]).ok();
    assert_eq!(both["calls"]["added"], 0, "the same calls: {both}");
    assert!(both["leads"]["added"].as_u64().unwrap() > 0);
    let rows = listed(&world);
    assert!(rows.iter().any(|row| row["source"] == "twilio") && rows.iter().any(|row| row["source"] == "crm"));
    let sid = world.call(0);
    let call = world.run(&["call", &sid]).ok();
    let ids: Vec<&str> = call["recordings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [format!("crm:{sid}"), format!("twilio:RE{}", &sid[2..])]);
    let again = world.run(&["sync"]).ok();
    assert_eq!((&again["calls"]["added"], &again["calls"]["changed"]), (&0.into(), &0.into()));
}

#[test]
fn one_sources_failure_stops_no_other() {
    for (broken, source, leads) in [("/2010-04-01/*Recordings.json", "crm", true), ("/api/*", "twilio", false)] {
        let script =
            format!(r#"[{{"match": {{"method": "GET", "path": "{broken}"}}, "nth": "*", "do": [{{"status": 403}}]}}]"#);
        let world = World::with_script(&script);
        world.login();
        login(&world, &secret(&world), &[]).ok();
        let synced = world.run(&["sync"]);
        assert_eq!(synced.error(), "forbidden", "{broken}");
        assert_eq!(
            synced.json()["leads"]["added"].as_u64().is_some_and(|added| added > 0),
            leads,
            "{broken}: {}",
            synced.stdout
        );
        assert!(listed(&world).iter().any(|row| row["source"] == source), "{broken}");
    }
}

#[test]
fn a_recording_of_twilios_own_call_is_fetched_and_exported() {
    let world = World::small();
    login(&world, &secret(&world), &[]).ok();
    world.run(&["sync"]).ok();
    let dual = world.sandbox().ready().recordings.iter().find(|one| one.file.ends_with("45s.mp3")).unwrap().clone();
    let fetched = world.run(&["fetch", &dual.call_sid]).ok();
    assert_eq!(fetched["recordings"][0]["state"], "on_device");
    assert_eq!(fetched["recordings"][0]["id"], format!("twilio:RE{}", &dual.call_sid[2..]));
    let out = world.path("out.mp3");
    let exported = world.run(&["export", &dual.call_sid, "--out", text(&out)]).ok();
    assert_eq!(exported["sha256"], dual.sha256);
    let turns = world.run(&["turns", &dual.call_sid]).ok();
    assert_eq!(turns["channels"], 2);
}

#[test]
fn encrypted_recordings_are_fetched_with_a_key_from_a_file_and_without_it_say_what_is_missing() {
    let world = World::new(Options { calls: 0, leads: 0, prepare_polls: 0, ..Options::default() });
    login(&world, &secret(&world), &[]).ok();
    world.run(&["sync"]).ok();
    let ready: Vec<String> = listed(&world)
        .iter()
        .filter(|row| row["recording"]["state"] == "ready_online")
        .map(|row| row["sid"].as_str().unwrap().to_owned())
        .collect();
    let without: Vec<String> =
        ready.iter().filter(|sid| world.run(&["fetch", sid]).json()["error"]["code"] == "key_lost").cloned().collect();
    assert_eq!(without.len(), 3);
    let pem = world.path("key.pem");
    std::fs::write(&pem, world.sandbox().recording_key().private_key_pem()).unwrap();
    let key = format!("{}={}", world.sandbox().recording_key().sid(), text(&pem));
    login(&world, &secret(&world), &["--recording-key", &key]).ok();
    for sid in &without {
        assert_eq!(world.run(&["fetch", sid]).ok()["recordings"][0]["state"], "on_device");
    }
    std::fs::write(&pem, "no key").unwrap();
    assert_eq!(login(&world, &secret(&world), &["--recording-key", &key]).error(), "invalid_input");
    assert_eq!(login(&world, &secret(&world), &["--recording-key", "CR1"]).code, 2);
}

#[test]
fn the_doctor_says_whether_twilio_takes_the_key() {
    let world = World::small();
    login(&world, &secret(&world), &[]).ok();
    world.run(&["sync"]).ok();
    let found = world.run(&["doctor"]);
    let check = |ran: &Ran| {
        let checks = ran.json()["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["id"] == "twilio").unwrap()
    };
    assert_eq!(check(&found)["status"], "ok", "{}", found.stdout);
    let told = found.stdout.clone() + &found.stderr;
    let twilio = &world.sandbox().ready().twilio;
    for personal in [&*twilio.account_sid, &*twilio.key_sid, &*twilio.key_secret, &*twilio.base_url] {
        assert!(!told.contains(personal), "{told}");
    }
}
