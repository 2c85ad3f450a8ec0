use aftercall_app::start::{Access, Boot};
use serde_json::json;

use crate::world::{World, arrived, ask_for, id_of, refused, until};

async fn phase(boot: &Boot) -> String {
    ask_for(boot, "boot_state", json!({})).await["phase"].as_str().unwrap().to_owned()
}

fn asked(world: &World, path: &str) -> usize {
    world.sandbox.requests().iter().filter(|one| one.path.starts_with(path)).count()
}

#[tokio::test]
async fn signing_out_forgets_the_secrets_stops_everything_and_keeps_the_library() {
    let world = World::small().await;
    let boot = world.synced().await;
    ask_for(&boot, "session_sign_out", json!({"wipe": false})).await;
    assert_eq!(phase(&boot).await, "sign_in");
    assert_eq!(asked(&world, "/api/auth/logout"), 1, "the server was told");
    let sync = ask_for(&boot, "sync_state", json!({})).await;
    assert_eq!(sync["phase"], "never");
    let before = world.sandbox.requests().len();
    ask_for(&boot, "sync_now", json!({})).await;
    ask_for(&boot, "sync_nudge", json!({})).await;
    let want = json!({"id": id_of(&world.call(0))});
    assert_eq!(refused(&boot, "recording_want", want).await.code.as_str(), "login_expired");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(world.sandbox.requests().len(), before, "nobody is signed in");
    let window = ask_for(&boot, "calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await;
    assert_eq!(window["all"], 40, "what is here stays readable");

    world.sign_in(&boot).await;
    until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    assert_eq!(phase(&boot).await, "ready");
    boot.close().await;
    drop(boot);
    let again = world.window().await;
    assert_eq!(phase(&again).await, "ready");
    ask_for(&again, "session_sign_out", json!({"wipe": false})).await;
    again.close().await;
    drop(again);
    assert_eq!(phase(&world.window().await).await, "sign_in", "it stays forgotten");
}

#[tokio::test]
async fn a_wipe_destroys_the_key_then_the_files_and_the_next_start_begins_anew() {
    let world = World::small().await;
    let boot = world.synced().await;
    ask_for(&boot, "recording_want", json!({"id": id_of(&world.call(0))})).await;
    arrived(&boot, &world.call(0)).await;
    let key_before = std::fs::read(world.key_file()).unwrap();
    assert!(!boot.is_over());
    ask_for(&boot, "session_sign_out", json!({"wipe": true})).await;
    assert!(boot.is_over(), "the window starts another");
    assert!(!world.key_file().exists());
    let mut left: Vec<_> = std::fs::read_dir(world.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["lock", "logs"]);
    let next = world.window().await;
    assert_eq!(phase(&next).await, "sign_in");
    assert_ne!(std::fs::read(world.key_file()).unwrap(), key_before, "another key");
    let window = ask_for(&next, "calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await;
    assert_eq!(window["all"], 0);
    // The former app goes away late: it must not touch what the next one made.
    drop(boot);
    world.sign_in(&next).await;
    until(|| async { ask_for(&next, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    next.close().await;
}

#[tokio::test]
async fn a_wipe_that_was_cut_off_is_finished_by_the_next_start() {
    let world = World::small().await;
    let boot = world.synced().await;
    boot.close().await;
    drop(boot);
    // The power went after the key was destroyed and before the files were removed.
    std::fs::write(world.folder().join("wipe"), "").unwrap();
    std::fs::remove_file(world.key_file()).unwrap();
    let next = world.window().await;
    assert_eq!(phase(&next).await, "sign_in");
    assert!(!world.folder().join("wipe").exists());
    next.close().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_keeps_nobody_from_signing_out() {
    let world = World::small().await;
    let boot = world.synced().await;
    let World { sandbox, profile } = world;
    sandbox.stop().await;
    ask_for(&boot, "session_sign_out", json!({"wipe": false})).await;
    assert_eq!(phase(&boot).await, "sign_in");
    boot.close().await;
    assert!(profile.path().join("profile/library.db").exists());
}

#[tokio::test]
async fn two_sign_ins_at_the_same_moment_leave_one_sync_and_one_queue() {
    let world = World::small().await;
    let boot = world.window().await;
    let (one, two) = tokio::join!(world.sign_in(&boot), world.sign_in(&boot));
    assert_eq!(one, two);
    until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    ask_for(&boot, "session_sign_out", json!({"wipe": false})).await;
    let before = world.sandbox.requests().len();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(world.sandbox.requests().len(), before, "nothing that nobody can stop goes on asking");
    boot.close().await;
}

#[tokio::test]
async fn a_process_that_only_reads_signs_nobody_out() {
    let world = World::small().await;
    let boot = world.synced().await;
    let reader = Boot::start(world.options(Access::Read)).await;
    let refusal = refused(&reader, "session_sign_out", json!({"wipe": true})).await;
    assert_eq!(refusal.code.as_str(), "profile_in_use");
    assert_eq!(phase(&boot).await, "ready");
    reader.close().await;
    boot.close().await;
}
