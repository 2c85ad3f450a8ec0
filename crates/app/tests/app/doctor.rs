//! The doctor over the window's own app: step by step, beside what runs.

use std::time::{Duration, Instant};

use aftercall_app::start::{Access, Boot};
use aftercall_sandbox::{Options, Script};
use serde_json::{Value, json};

use crate::world::{World, arrived, ask_for, fetched, id_of, refused, tamper};

async fn look(boot: &Boot, step: &str) -> Vec<Value> {
    let looked = ask_for(boot, "doctor_look", json!({"step": step})).await;
    looked["found"].as_array().unwrap().clone()
}

async fn findings(boot: &Boot, step: &str) -> Vec<String> {
    look(boot, step).await.iter().map(|one| one["finding"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_step_finds_a_healthy_app_well_while_it_runs() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call(0);
    fetched(&boot, &sid).await;
    let steps = ask_for(&boot, "doctor_steps", json!({})).await;
    let steps: Vec<&str> = steps["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    assert_eq!(steps.len(), 11);
    for step in steps {
        for one in look(&boot, step).await {
            let is_usual = ["key_in_file", "disk_low"].contains(&one["finding"].as_str().unwrap());
            assert!(one["status"] == "ok" || is_usual, "{step}: {one}");
        }
    }
    assert_eq!(refused(&boot, "doctor_look", json!({"step": "horoscope"})).await.code.as_str(), "not_found");
    boot.close().await;
}

#[tokio::test]
async fn a_damaged_recording_is_mended_by_the_running_queue() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call(0);
    fetched(&boot, &sid).await;
    tamper(&world.folder().join("recordings"));
    let found = look(&boot, "recordings").await;
    assert_eq!((&found[0]["finding"], &found[0]["is_mendable"]), (&json!("recordings_damaged"), &json!(true)));
    let mended = ask_for(&boot, "doctor_mend", json!({})).await;
    assert_eq!(mended, json!({"done": [{"mend": "mended_recordings", "n": 1}], "restart": false}));
    arrived(&boot, &sid).await;
    assert_eq!(findings(&boot, "recordings").await, ["recordings_ok"]);
    boot.close().await;
}

#[tokio::test]
async fn answers_are_counted_by_status_and_outlive_the_app() {
    let world = World::small().await;
    let boot = world.synced().await;
    world.sandbox.set_script(Script::parse(r#"[{"match": {"path": "/api/*"}, "do": [{"status": 502}]}]"#).unwrap());
    assert_eq!(findings(&boot, "network").await.last().unwrap(), "session_gateway");
    let before = look(&boot, "answers").await;
    assert_eq!(before[0]["finding"], "upstream_gateway");
    assert_eq!(before[1]["finding"], "gateway_shown_none", "what failed in the background was shown to nobody");
    boot.close().await;
    drop(boot);
    world.sandbox.set_script(Script::default());
    let boot = Boot::start(world.options(Access::Read)).await;
    let after = look(&boot, "answers").await;
    assert!(after[0]["n"].as_i64() >= before[0]["n"].as_i64(), "{before:?} {after:?}");
    assert!(after[0]["what"].as_str().unwrap().contains("502: "), "{after:?}");
    boot.close().await;
}

/// A counter that cannot count would say nought for ever: here is what it counts.
#[tokio::test]
async fn a_listener_who_is_told_of_a_gateway_is_counted() {
    let script = r#"[{"match": {"path": "/api/recordings/*"}, "do": [{"status": 503}]}]"#;
    let script = Script::parse(script).unwrap();
    let world = World::new(Options { calls: 40, leads: 12, prepare_polls: 0, script, ..Options::default() }).await;
    let boot = world.synced().await;
    let id = id_of(&world.call(0));
    // The recording is asked for and its source fails: the player waits, and says when it is tried again.
    ask_for(&boot, "player_load", json!({"id": id, "play": true})).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(findings(&boot, "answers").await[1], "gateway_shown_none");
    // Nothing to draw is there: this asks for more than the page ever does without a file, and is told why not.
    let told = refused(&boot, "recording_peaks", json!({"id": id, "buckets": 8})).await;
    let shown = look(&boot, "answers").await;
    let is_gateway = told.code.as_str() == "server_unavailable";
    assert_eq!(shown[1]["finding"] == "gateway_shown", is_gateway, "{told:?} {shown:?}");
    assert!(is_gateway, "{told:?}");
    assert_eq!(shown[1]["n"], 1);
    boot.close().await;
}

#[tokio::test]
async fn a_refused_start_is_looked_at_and_what_was_in_the_way_is_mended() {
    let world = World::small().await;
    world.synced().await.close().await;
    let library = world.folder().join("library.db");
    let copy = world.folder().join("library.db.before-upgrade-0000000000001.db");
    std::fs::copy(&library, &copy).unwrap();
    std::fs::write(&library, vec![9u8; 65_536]).unwrap();
    let boot = world.window().await;
    let began = Instant::now();
    assert_eq!(findings(&boot, "start").await, ["start_damaged"]);
    assert_eq!(findings(&boot, "library").await, Vec::<String>::new());
    assert_eq!(findings(&boot, "permissions").await, ["permissions_ok"]);
    assert!(!boot.is_over());
    let mended = ask_for(&boot, "doctor_mend", json!({})).await;
    assert_eq!(mended, json!({"done": [{"mend": "mended_restored", "n": null}], "restart": true}));
    assert!(boot.is_over(), "the shell starts anew");
    assert!(began.elapsed() < Duration::from_secs(10));
    boot.close().await;
    drop(boot);
    let boot = world.window().await;
    assert_eq!(ask_for(&boot, "calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await["all"], 40);
    boot.close().await;
}
