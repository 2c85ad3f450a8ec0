use serde_json::json;

use crate::world::{World, keys};

#[test]
fn logout_forgets_the_secrets_and_keeps_the_library() {
    let world = World::small().synced();
    assert_eq!(world.run(&["logout"]).ok(), json!({"wiped": false}));
    assert_eq!(world.run(&["sync"]).error(), "login_expired");
    assert_eq!(world.run(&["calls"]).ok()["total"], 60);
    let told = |path: &str| world.sandbox().requests().iter().filter(|one| one.path == path).count();
    assert_eq!((told("/api/auth/logout"), told("/api/auth/login")), (1, 1));
    assert_eq!(world.run(&["logout"]).ok(), json!({"wiped": false}), "there is nobody to sign out, which is no error");
    world.login();
    world.run(&["sync"]).ok();
}

#[test]
fn logout_with_wipe_leaves_nothing_that_could_be_read() {
    let world = World::small().synced();
    let sid = world.call(0);
    world.run(&["fetch", &sid]).ok();
    let wiped = world.run(&["logout", "--wipe"]).ok();
    assert_eq!((keys(&wiped), &wiped["wiped"]), (vec!["wiped"], &json!(true)));
    assert!(!world.path("root.key").exists());
    for name in ["library.db", "library.db-wal", "library.db-shm", "recordings", "profile.json", "wipe"] {
        assert!(!world.profile().join(name).exists(), "{name}");
    }
    assert_eq!(world.run(&["calls"]).ok()["total"], 0);
    world.login();
    world.run(&["sync"]).ok();
    assert_eq!(world.run(&["calls"]).ok()["total"], 60);
}

#[test]
fn a_profile_that_cannot_be_opened_can_still_be_thrown_away() {
    let world = World::small().synced();
    std::fs::remove_file(world.path("root.key")).unwrap();
    assert_eq!(world.run(&["calls"]).error(), "key_lost");
    assert_eq!(world.run(&["logout"]).error(), "key_lost");
    assert!(world.profile().join("library.db").exists());
    assert_eq!(world.run(&["logout", "--wipe"]).ok(), json!({"wiped": true}));
    world.login();
}

#[test]
fn for_a_person_logout_says_what_stays() {
    let world = World::small().synced();
    let told = world.told(&["logout"]);
    assert_eq!((told.code, told.stdout.trim_end()), (0, "Signed out; the library stays on this device"));
}

#[test]
fn a_wipe_leaves_what_somebody_else_put_into_the_folder() {
    let world = World::small().synced();
    world.run(&["fetch", &world.call(0)]).ok();
    let theirs = ["recordings/holiday.mp3", "recordings/music/a.rec", "library.db.notes", "aside-trip/photo", "letter"];
    for name in theirs {
        let path = world.profile().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "theirs").unwrap();
    }
    assert_eq!(world.run(&["logout", "--wipe"]).ok(), json!({"wiped": true}));
    for name in theirs {
        assert_eq!(std::fs::read_to_string(world.profile().join(name)).unwrap(), "theirs", "{name}");
    }
    for name in ["library.db", "library.db-wal", "profile.json"] {
        assert!(!world.profile().join(name).exists(), "{name}");
    }
    // What is left is no data of a lost key: the profile begins anew.
    assert_eq!(world.run(&["calls"]).ok()["total"], 0);
}

#[test]
fn a_wipe_takes_what_was_put_aside_along() {
    let world = World::small().synced();
    world.run(&["fetch", &world.call(0)]).ok();
    std::fs::remove_file(world.path("root.key")).unwrap();
    let aside = world.run(&["key", "anew"]).ok()["aside"].as_str().unwrap().to_owned();
    assert!(std::path::Path::new(&aside).join("library.db").exists());
    world.login();
    world.run(&["logout", "--wipe"]).ok();
    assert!(!std::path::Path::new(&aside).exists());
}
