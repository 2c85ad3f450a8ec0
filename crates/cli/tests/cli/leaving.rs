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
