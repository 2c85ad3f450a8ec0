//! Each trouble is made, and nothing else: the doctor finds just that, says one thing to do, and mends what it can.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aftercall_campaign::old;
use aftercall_sandbox::{Options, Script};
use rusqlite::Connection;
use serde_json::Value;

use crate::world::{Ran, World};

/// Every check that is not well, by id, with its cause.
fn troubles(ran: &Ran) -> BTreeMap<String, String> {
    let answer = ran.json();
    let checks = answer["checks"].as_array().unwrap_or_else(|| panic!("{} {}", ran.stdout, ran.stderr));
    let mut found = BTreeMap::new();
    for check in checks {
        let text = |key: &str| check[key].as_str().map(str::to_owned);
        assert_eq!(check["status"] == "ok", check["fix"].is_null(), "{check}");
        if check["status"] != "ok" {
            found.insert(text("id").unwrap(), text("cause").unwrap());
        }
    }
    // The tests' key lies in a file, and not every machine that runs them has a sound card or a free disk.
    for usual in ["key", "audio_device", "disk"] {
        found.remove(usual);
    }
    found
}

/// What was said on standard error; sound libraries of machines without a device have their own to say.
fn said(ran: &Ran) -> String {
    ran.stderr.lines().filter(|line| !line.starts_with("ALSA ")).map(|line| format!("{line}\n")).collect()
}

fn one(id: &str, cause: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(id.to_owned(), cause.to_owned())])
}

fn library(world: &World) -> Connection {
    let key = old::database_key(&world.path("root.key")).unwrap();
    let conn = old::connect(&world.profile().join("library.db"), Some(&key)).unwrap();
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    conn
}

/// The one stored recording.
fn stored(world: &World) -> PathBuf {
    let (mut files, mut folders) = (Vec::new(), vec![world.profile().join("recordings")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn state(world: &World, sid: &str) -> Value {
    world.run(&["call", sid]).ok()["recording"]["state"].take()
}

#[test]
fn a_library_that_is_well_has_no_trouble_and_nothing_to_mend() {
    let world = World::small().synced();
    world.run(&["fetch", &world.call(0)]).ok();
    let ran = world.run(&["doctor"]);
    assert_eq!((ran.code, troubles(&ran)), (0, BTreeMap::new()), "{}", ran.stdout);
    let mended = world.run(&["doctor", "--repair"]);
    assert_eq!((mended.code, said(&mended).as_str()), (0, "there was nothing to mend\n"));
    assert_eq!(troubles(&mended), BTreeMap::new());
}

#[test]
fn recording_not_found_is_found_and_fetched_again() {
    let world = World::small().synced();
    let sid = world.call(0);
    world.run(&["fetch", &sid]).ok();
    fs::remove_file(stored(&world)).unwrap();
    let ran = world.run(&["doctor"]);
    let cause = "recording not found: 1 files are not where they were written";
    assert_eq!((ran.code, troubles(&ran)), (1, one("recordings", cause)));
    let mended = world.run(&["doctor", "--repair"]);
    assert_eq!((mended.code, said(&mended).as_str()), (0, "1 recordings are fetched again\n"), "{}", mended.stdout);
    assert_eq!(state(&world, &sid), "damaged");
    world.run(&["fetch", &sid]).ok();
    assert_eq!((state(&world, &sid), troubles(&world.run(&["doctor"]))), ("on_device".into(), BTreeMap::new()));
}

#[test]
fn a_recording_that_does_not_verify_is_found_and_fetched_again_and_stays_until_then() {
    let world = World::small().synced();
    let sid = world.call(0);
    world.run(&["fetch", &sid]).ok();
    let file = stored(&world);
    let mut bytes = fs::read(&file).unwrap();
    bytes[64 + 100] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let ran = world.run(&["doctor"]);
    assert_eq!(troubles(&ran), one("recordings", "1 of the recordings looked at do not verify"));
    let mended = world.run(&["doctor", "--repair"]);
    assert!(mended.stderr.starts_with("1 recordings are fetched again\n"), "{}", mended.stderr);
    assert_eq!(fs::read(&file).unwrap(), bytes, "what is here stays until something better is");
    world.run(&["fetch", &sid]).ok();
    assert_eq!(troubles(&world.run(&["doctor"])), BTreeMap::new());
}

#[test]
fn a_missing_calendar_id_is_found_and_brought_back_with_its_index() {
    let world = World::small().synced();
    let before = world.run(&["appointments"]).ok()["appointments"].as_array().unwrap().len();
    let conn = library(&world);
    conn.execute_batch("DROP INDEX idx_appointments_calendar_id; ALTER TABLE appointments DROP COLUMN calendar_id")
        .unwrap();
    drop(conn);
    let ran = world.run(&["doctor"]);
    assert_eq!((ran.code, troubles(&ran)), (1, one("calendar_id", "appointments.calendar_id is missing")));
    let mended = world.run(&["doctor", "--repair"]);
    assert_eq!(
        (mended.code, said(&mended).as_str()),
        (0, "brought back what was missing of the library's columns, indexes and rows\n"),
        "{}",
        mended.stdout
    );
    assert_eq!(troubles(&mended), BTreeMap::new());
    world.run(&["sync", "--full"]).ok();
    assert_eq!(world.run(&["appointments"]).ok()["appointments"].as_array().unwrap().len(), before);
}

#[test]
fn missing_indexes_and_rows_that_point_at_nothing_are_found_each_by_its_check_and_mended() {
    for (sql, id, cause) in [
        ("DROP INDEX idx_appointments_calendar_id", "calendar_id", "the index of appointments.calendar_id is missing"),
        ("DROP INDEX idx_marks_call; DROP INDEX idx_outbox_lead", "database", "2 indexes are missing"),
        (
            "UPDATE appointments SET calendar_id = 987654 WHERE id = (SELECT min(id) FROM appointments)",
            "foreign_keys",
            "1 rows point at nothing",
        ),
    ] {
        let world = World::small().synced();
        library(&world).execute_batch(sql).unwrap();
        let ran = world.run(&["doctor"]);
        assert_eq!((ran.code, troubles(&ran)), (1, one(id, cause)));
        let mended = world.run(&["doctor", "--repair"]);
        assert_eq!((mended.code, troubles(&mended)), (0, BTreeMap::new()), "{sql}: {}", mended.stderr);
        if id == "foreign_keys" {
            let kept: i64 = library(&world)
                .query_row("SELECT count(*) FROM appointments WHERE calendar_id = 987654", [], |row| row.get(0))
                .unwrap();
            assert_eq!(kept, 1, "the value stays, and has something to point at");
        }
    }
}

#[test]
fn a_stuck_download_is_found_and_queued_again() {
    let world = World::small().synced();
    let sid = world.call(0);
    world
        .sandbox()
        .set_script(Script::parse(r#"[{"match": {"path": "/api/recordings/*"}, "do": [{"status": 401}]}]"#).unwrap());
    world.run(&["fetch", &sid]);
    world.sandbox().set_script(Script::default());
    let conn = library(&world);
    // As a run that was killed leaves it, an hour ago.
    let machine: String = conn.query_row("SELECT machine FROM download_jobs", [], |row| row.get(0)).unwrap();
    let mut machine: Value = serde_json::from_str(&machine).unwrap();
    machine["phase"] = "running".into();
    machine["started"] = serde_json::json!({"at_ms": 1_790_000_000_000_i64, "monotonic_ms": 1, "process": 1});
    conn.execute("UPDATE download_jobs SET started_at_ms = 1790000000000, machine = ?1", [machine.to_string()])
        .unwrap();
    conn.execute(
        "UPDATE recordings SET state = 'queued', reason = NULL WHERE id IN (SELECT recording_id FROM download_jobs)",
        [],
    )
    .unwrap();
    drop(conn);
    let ran = world.run(&["doctor"]);
    let cause = "1 downloads began more than ten minutes ago and did not end";
    assert_eq!((ran.code, troubles(&ran)), (0, one("stuck_jobs", cause)), "{}", ran.stdout);
    let mended = world.run(&["doctor", "--repair"]);
    assert_eq!((mended.code, said(&mended).as_str()), (0, "queued 1 stuck downloads again\n"));
    assert!(!troubles(&mended).contains_key("stuck_jobs"), "{}", mended.stdout);
}

#[cfg(unix)]
#[test]
fn what_others_may_read_is_found_and_shut_to_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::small().synced();
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let is_shut = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0;
    open(&world.profile().join("library.db"), 0o644);
    open(&world.profile().join("recordings"), 0o755);
    let ran = world.run(&["doctor"]);
    let found = troubles(&ran);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["permissions"]);
    assert!(found["permissions"].ends_with(" files or folders of the profile may be read by others"), "{found:?}");
    let mended = world.run(&["doctor", "--repair"]);
    // Starting to write shuts the folders by itself.
    assert!(mended.stderr.contains(" files and folders to others"), "{}", mended.stderr);
    assert_eq!((mended.code, troubles(&mended)), (0, BTreeMap::new()));
    assert!(is_shut(&world.profile().join("library.db")) && is_shut(&world.profile().join("recordings")));
    // A key file that others may read opens nothing; what is wrong is said, and mended.
    open(&world.path("root.key"), 0o644);
    let ran = world.run(&["doctor"]);
    let ids: Vec<_> = troubles(&ran).into_keys().collect();
    assert_eq!((ran.code, ids), (1, vec!["permissions".to_owned(), "start".to_owned()]), "{}", ran.stdout);
    let mended = world.run(&["doctor", "--repair"]);
    assert_eq!((mended.code, troubles(&mended), is_shut(&world.path("root.key"))), (0, BTreeMap::new(), true));
}

#[test]
fn a_damaged_library_is_replaced_by_its_newest_sound_copy_and_kept_beside_it() {
    let world = World::small().synced();
    let file = world.profile().join("library.db");
    let copy = |n: u32| world.profile().join(format!("library.db.before-upgrade-{n:013}.db"));
    fs::copy(&file, copy(1)).unwrap();
    fs::copy(&file, copy(2)).unwrap();
    fs::write(copy(2), b"no copy at all").unwrap();
    fs::write(&file, [7u8; 64 * 1024]).unwrap();
    let ran = world.run(&["doctor"]);
    assert_eq!((ran.code, troubles(&ran)), (1, one("start", "the library is damaged")));
    let mended = world.run(&["doctor", "--repair"]);
    assert!(mended.stderr.starts_with("put back the newest copy of the library"), "{}", mended.stderr);
    assert_eq!((mended.code, troubles(&mended)), (0, BTreeMap::new()), "{}", mended.stdout);
    assert_eq!(world.run(&["calls"]).ok()["total"].as_u64(), Some(60));
    let aside = fs::read_dir(world.profile()).unwrap().map(|entry| entry.unwrap().path());
    let aside: Vec<_> = aside.filter(|path| path.to_string_lossy().contains("library.db.corrupt-")).collect();
    assert_eq!(aside.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), [vec![7u8; 64 * 1024]]);
    world.run(&["sync", "--full"]).ok();
}

#[test]
fn a_damaged_library_without_a_copy_is_left_as_it_is() {
    let world = World::small().synced();
    let file = world.profile().join("library.db");
    fs::write(&file, [7u8; 64 * 1024]).unwrap();
    let mended = world.run(&["doctor", "--repair"]);
    assert_eq!(said(&mended), "found no sound copy of the library; nothing was changed\n");
    assert_eq!((mended.code, troubles(&mended)), (1, one("start", "the library is damaged")));
    assert_eq!(fs::read(&file).unwrap(), [7u8; 64 * 1024]);
}

#[test]
fn a_newer_library_a_lost_key_and_a_profile_in_use_are_each_said() {
    let world = World::small().synced();
    let conn = library(&world);
    conn.execute("INSERT INTO refinery_schema_history VALUES (9999, 'x', '2026-01-01T00:00:00Z', '1')", []).unwrap();
    let ran = world.run(&["doctor"]);
    assert_eq!((ran.code, troubles(&ran)), (1, one("start", "a newer version of the app wrote this library")));
    assert_eq!(world.run(&["doctor", "--repair"]).error(), "store_too_new");
    conn.execute("DELETE FROM refinery_schema_history WHERE version = 9999", []).unwrap();
    drop(conn);
    fs::rename(world.path("root.key"), world.path("kept.key")).unwrap();
    let ran = world.run(&["doctor"]);
    assert_eq!((ran.code, troubles(&ran)), (1, one("start", "the key of this library is not where it was")));
    assert_eq!(world.run(&["doctor", "--repair"]).error(), "key_lost");
    assert!(!world.path("root.key").exists());
    fs::rename(world.path("kept.key"), world.path("root.key")).unwrap();
    // Another process writes: looking still works, mending does not.
    let lock = fs::File::options().write(true).open(world.profile().join("lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(troubles(&world.run(&["doctor"])), BTreeMap::new());
    assert_eq!(world.run(&["doctor", "--repair"]).error(), "profile_in_use");
}

#[test]
fn without_a_network_the_doctor_says_so_and_everything_else_is_looked_at() {
    let mut world = World::small().synced();
    let sandbox = world.sandbox.take().unwrap();
    world.runtime.block_on(sandbox.stop());
    let ran = world.run(&["doctor"]);
    assert_eq!((ran.code, troubles(&ran)), (0, one("session", "there is no connection to the CRM")), "{}", ran.stdout);
    let answer = ran.json();
    let ids: Vec<&str> = answer["checks"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    for id in
        ["start", "permissions", "database", "foreign_keys", "recordings", "clock", "dns", "upstream", "gateway_shown"]
    {
        assert!(ids.contains(&id), "{id} is missing in {ids:?}");
    }
}

#[test]
fn a_502_is_found_by_the_session_and_counted_among_the_answers_and_none_is_shown_to_a_listener() {
    let world = World::small().synced();
    world.sandbox().set_script(Script::parse(r#"[{"match": {"path": "/api/*"}, "do": [{"status": 502}]}]"#).unwrap());
    assert_eq!(world.run(&["sync"]).error(), "server_unavailable");
    let ran = world.run(&["doctor"]);
    let found = troubles(&ran);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["session", "upstream"], "{found:?}");
    assert!(found["session"].starts_with("the CRM answers 502"), "{found:?}");
    assert!(found["upstream"].contains("502, 503 or 504") && found["upstream"].contains("502: "), "{found:?}");
    assert!(ran.stdout.contains("gateway errors shown to a listener in the last day: 0"), "{}", ran.stdout);
    // The server is well again: the counts of the day stay.
    world.sandbox().set_script(Script::default());
    assert_eq!(troubles(&world.run(&["doctor"])).into_keys().collect::<Vec<_>>(), ["upstream"]);
}

#[test]
fn whatever_the_server_does_the_doctor_ends_within_ten_seconds_and_names_it() {
    let world = World::small().synced();
    for (steps, cause) in [
        (r#"{"delay_ms": 600000}"#, "the CRM does not answer usefully (the server does not answer)"),
        (r#"{"stall_after": 3}"#, "the CRM does not answer usefully"),
        (r#"{"drip_bytes_per_s": 1}"#, "the CRM does not answer usefully"),
        (r#"{"portal": true}"#, "a web page answers in the CRM's place"),
        (r#"{"redirect": "http://192.0.2.1/"}"#, "a web page answers in the CRM's place"),
        (r#"{"status": 429}, {"header": ["Retry-After", "7"]}"#, "the CRM asks for patience"),
        (r#"{"status": 403}"#, "the account may not see calls"),
        (r#"{"reset": true}"#, "the CRM does not answer usefully"),
    ] {
        let script = format!(r#"[{{"match": {{"path": "/api/*"}}, "do": [{steps}]}}]"#);
        world.sandbox().set_script(Script::parse(&script).unwrap());
        let began = Instant::now();
        let ran = world.run(&["doctor"]);
        let found = troubles(&ran);
        let said = found.get("session").map(String::as_str).unwrap_or_default();
        // The device has three seconds of its own where there is none.
        assert!(began.elapsed() < Duration::from_secs(16), "{steps}: {:?}", began.elapsed());
        let is_offline = said == "there is no connection to the CRM";
        assert!(said.starts_with(cause) || (steps.contains("reset") && is_offline), "{steps}: {found:?}");
    }
}

/// Words that are in the library and nowhere in what the doctor says.
#[test]
fn the_doctor_says_no_name_number_address_or_key_even_of_a_library_that_is_ill() {
    let world = World::new(Options { calls: 60, leads: 12, prepare_polls: 0, ..Options::default() }).synced();
    let sid = world.call(0);
    world.run(&["fetch", &sid]).ok();
    fs::remove_file(stored(&world)).unwrap();
    let conn = library(&world);
    conn.execute_batch("DROP INDEX idx_marks_call; UPDATE call_log SET lead_id = 99999 WHERE lead_id IS NOT NULL")
        .unwrap();
    drop(conn);
    world.sandbox().set_script(Script::parse(r#"[{"match": {"path": "/api/*"}, "do": [{"status": 503}]}]"#).unwrap());
    let listed = world.run(&["leads", "--limit", "100"]).ok();
    let mut secrets: Vec<String> = Vec::new();
    for lead in listed["leads"].as_array().unwrap() {
        secrets.extend(["name", "phone", "email"].iter().filter_map(|key| lead[*key].as_str().map(str::to_owned)));
    }
    let ready = world.sandbox().ready();
    let key = fs::read_to_string(world.path("root.key")).unwrap();
    let file = world.profile().display().to_string();
    secrets.extend([ready.email.clone(), ready.password.clone(), ready.url.clone(), sid, key.trim().to_owned(), file]);
    secrets.push(ready.url.rsplit(':').next().unwrap().to_owned());
    assert!(secrets.len() > 20);
    for arguments in [&["doctor"][..], &["doctor", "--repair"]] {
        for ran in [world.run(arguments), world.told(arguments)] {
            let said = ran.stdout + &ran.stderr;
            assert!(said.contains("503") && said.len() > 500, "{said}");
            for secret in secrets.iter().filter(|secret| secret.len() > 2) {
                assert!(!said.contains(secret.as_str()), "{secret:?} in {said}");
            }
        }
    }
}

#[test]
fn without_a_keychain_the_doctor_says_what_can_replace_it() {
    let world = World::small();
    let mut command = world.command(&["doctor", "--json"]);
    // Where there is a session bus there may be a keychain, and it is not this test's to write to.
    command.env_remove("AFTERCALL_KEY_FILE").env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no keychain to be asked") && said.contains("AFTERCALL_KEY_FILE"), "{said}");
}

#[test]
fn a_server_that_was_never_there_is_no_trouble_of_the_library() {
    let world = World::small();
    let ran = world.run(&["doctor"]);
    let found: Vec<_> = troubles(&ran).into_keys().collect();
    assert_eq!((ran.code, found), (0, vec!["session".to_owned(), "sync".to_owned()]), "{}", ran.stdout);
}
