use aftercall_app::start::{Access, Boot};
use serde_json::json;

use crate::world::{World, ask_for, refused};

async fn phase(boot: &Boot) -> (String, Option<String>) {
    let state = ask_for(boot, "boot_state", json!({})).await;
    let code = state["error"]["code"].as_str().map(str::to_owned);
    (state["phase"].as_str().unwrap().to_owned(), code)
}

#[tokio::test]
async fn a_new_profile_asks_to_sign_in_and_says_that_the_key_lies_in_a_file() {
    let world = World::small().await;
    let boot = world.window().await;
    let state = ask_for(&boot, "boot_state", json!({})).await;
    assert_eq!(state["phase"], "sign_in");
    assert_eq!(state["key_in_file"], true);
    assert_eq!(state["settings"]["language"], "he");
    assert_eq!(state["account"], json!(null));
    boot.close().await;
}

#[tokio::test]
async fn a_signed_in_profile_starts_ready_and_keeps_what_was_set() {
    let world = World::small().await;
    let boot = world.window().await;
    let account = world.sign_in(&boot).await;
    assert_eq!(account["email"], world.sandbox.ready().email);
    let moved = json!({"command": "pin", "was": "shift+d", "key": "y", "code": "KeyY", "ctrl": false, "shift": false});
    let settings = json!({
        "language": "en", "theme": "dark", "time_zone": "Europe/Berlin",
        "keys": {"singles": false, "remapped": [moved]}, "notifications": false, "now_playing_names": true, "rewind": "strong", "sound": "page",
    });
    ask_for(&boot, "settings_write", settings.clone()).await;
    boot.close().await;
    drop(boot);

    let boot = world.window().await;
    let state = ask_for(&boot, "boot_state", json!({})).await;
    assert_eq!(state["phase"], "ready");
    assert_eq!(state["settings"], settings);
    assert_eq!(state["account"]["email"], world.sandbox.ready().email);
    assert_eq!(state["account"].get("password"), None);
    boot.close().await;
}

#[tokio::test]
async fn a_wrong_password_keeps_nothing() {
    let world = World::small().await;
    let boot = world.window().await;
    let ask = json!({
        "url": world.sandbox.url(), "email": world.sandbox.ready().email, "password": "no", "stay_signed_in": true,
    });
    assert_eq!(refused(&boot, "session_sign_in", ask).await.code.as_str(), "wrong_password");
    assert_eq!(phase(&boot).await, ("sign_in".into(), None));
    let plain = json!({"url": "http://crm.example.com", "email": "a@b.c", "password": "x", "stay_signed_in": false});
    assert_eq!(refused(&boot, "session_sign_in", plain).await.code.as_str(), "invalid_input");
    boot.close().await;
}

#[tokio::test]
async fn one_process_writes_and_another_may_read() {
    let world = World::small().await;
    let first = world.synced().await;
    let second = world.window().await;
    assert_eq!(phase(&second).await, ("refused".into(), Some("profile_in_use".into())));
    assert_eq!(refused(&second, "calls_window", json!({})).await.code.as_str(), "invalid_input");
    let ask = json!({"filter": {}, "offset": 0, "limit": 10});
    assert_eq!(refused(&second, "calls_window", ask.clone()).await.code.as_str(), "profile_in_use");

    let reader = Boot::start(world.options(Access::Read)).await;
    assert_eq!(ask_for(&reader, "calls_window", ask).await["rows"].as_array().unwrap().len(), 10);
    let want = json!({"id": format!("crm:{}", world.call(0))});
    assert_eq!(refused(&reader, "recording_want", want).await.code.as_str(), "profile_in_use");
    reader.close().await;
    first.close().await;
    drop(first);
    assert_eq!(phase(&world.window().await).await.0, "ready");
}

#[tokio::test]
async fn a_lost_key_is_a_screen_and_leaves_the_data_as_it_was() {
    let world = World::small().await;
    let boot = world.synced().await;
    boot.close().await;
    drop(boot);
    let library = world.folder().join("library.db");
    let before = std::fs::read(&library).unwrap();

    std::fs::rename(world.key_file(), world.key_file().with_extension("kept")).unwrap();
    assert_eq!(phase(&world.window().await).await, ("refused".into(), Some("key_lost".into())));
    assert!(!world.key_file().exists(), "no key is ever made over data that an old one sealed");
    assert_eq!(std::fs::read(&library).unwrap(), before);

    std::fs::rename(world.key_file().with_extension("kept"), world.key_file()).unwrap();
    assert_eq!(phase(&world.window().await).await, ("ready".into(), None));
}

#[tokio::test]
async fn a_damaged_library_is_a_screen_and_is_left_as_it_was() {
    let world = World::small().await;
    world.window().await.close().await;
    let library = world.folder().join("library.db");
    for damage in [Vec::new(), vec![0x5a; 64 * 1024]] {
        std::fs::write(&library, &damage).unwrap();
        let boot = world.window().await;
        assert_eq!(phase(&boot).await, ("refused".into(), Some("store_damaged".into())));
        assert_eq!(std::fs::read(&library).unwrap(), damage);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_a_profile() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::small().await;
    let boot = world.synced().await;
    let mut folders = vec![world.folder()];
    while let Some(folder) = folders.pop() {
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o077, 0, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
            }
        }
    }
    boot.close().await;
}
