use aftercall_app::contract::{COMMANDS, typescript};
use serde_json::json;

use crate::world::{World, refused};

/// The window and the app are built from this text: a change in it is a change of the contract.
#[test]
fn the_contract_is_the_one_that_was_agreed() {
    let files = typescript();
    assert_eq!(files.len(), 1);
    insta::assert_snapshot!(files[0].0, files[0].1);
}

#[test]
fn the_files_that_the_window_uses_are_the_ones_made_from_the_contract() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/bindings");
    for (name, text) in typescript() {
        let kept = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(kept == text, "{name} is not up to date: run cargo xtask gen");
    }
}

#[test]
fn every_command_has_one_name() {
    let names: std::collections::BTreeSet<_> = COMMANDS.iter().collect();
    assert_eq!(names.len(), COMMANDS.len());
}

#[tokio::test]
async fn a_command_that_is_not_in_the_list_and_arguments_that_do_not_fit_are_refused() {
    let world = World::small().await;
    let boot = world.window().await;
    for (command, args) in [
        ("run_sql", json!({})),
        ("calls_window", json!({"offset": -1})),
        ("call_read", json!({"sid": "../etc/passwd"})),
        ("call_read", json!([])),
        ("player_load", json!({"id": "crm:", "play": true})),
        ("player_speed", json!({"speed": 99})),
        ("settings_write", json!({"language": "he", "theme": "dark", "time_zone": "Mars/Base"})),
    ] {
        let error = refused(&boot, command, args).await;
        assert_eq!(error.code.as_str(), "invalid_input", "{command}");
    }
    assert_eq!(refused(&boot, "call_read", json!({"sid": "CA404"})).await.code.as_str(), "not_found");
    boot.close().await;
}
