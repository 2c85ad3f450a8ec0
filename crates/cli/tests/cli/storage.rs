use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::world::{World, keys, text};

fn sealed(world: &World) -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    below(&world.profile().join("recordings"), &mut found);
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_pinned_is_never_evicted_and_what_goes_next_is_named() {
    let world = World::small().synced();
    let (first, second, third) = (world.call(0), world.call(1), world.call(2));
    let empty = world.run(&["storage"]).ok();
    assert_eq!(keys(&empty), ["cap_bytes", "next_out", "on_device", "pinned", "used_bytes"]);
    assert_eq!((&empty["used_bytes"], &empty["on_device"], &empty["next_out"]), (&json!(0), &json!(0), &json!([])));

    let pinned = world.run(&["fetch", &first, "--pin"]).ok();
    assert_eq!(pinned["recordings"][0]["state"], "pinned");
    world.run(&["fetch", &second]).ok();
    world.run(&["fetch", &third]).ok();
    let on_disk: u64 = sealed(&world).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    let storage = world.run(&["storage"]).ok();
    assert_eq!((&storage["pinned"], &storage["on_device"]), (&json!(1), &json!(3)));
    assert_eq!(storage["used_bytes"], on_disk, "what the disk says");
    assert_eq!(storage["next_out"], json!([second, third]));

    // A limit alone only says what would go; nothing goes until somebody says so, or the next one comes.
    let limited = world.run(&["storage", "--cap", "0.000001"]).ok();
    assert_eq!((&limited["cap_bytes"], &limited["on_device"]), (&json!(1_000), &json!(3)));
    let evicted = world.run(&["storage", "--evict"]).ok();
    assert_eq!((&evicted["pinned"], &evicted["on_device"], &evicted["next_out"]), (&json!(1), &json!(1), &json!([])));
    assert_eq!(sealed(&world).len(), 1);
    let state = |sid: &str| world.run(&["call", sid]).ok()["recording"]["state"].clone();
    assert_eq!((state(&first), state(&second)), (json!("pinned"), json!("evicted")));
    assert!(world.run(&["turns", &second]).ok()["turns"].is_array(), "who spoke when is still known");
    assert_eq!(world.run(&["export", &second, "--out", text(&world.path("x"))]).error(), "not_ready");

    let refused = world.run(&["fetch", &second]);
    assert_eq!(refused.error(), "disk_full");
    let unlimited = world.run(&["storage", "--cap", "none", "--keep-free", "0.001"]).ok();
    assert_eq!(unlimited["cap_bytes"], json!(null));
    assert_eq!(world.run(&["fetch", &second]).ok()["recordings"][0]["state"], "on_device");
    // Pinned where it is.
    assert_eq!(world.run(&["fetch", &second, "--pin"]).ok()["recordings"][0]["state"], "pinned");
    assert_eq!(world.run(&["storage", "--evict"]).ok()["pinned"], 2);
}

#[test]
fn limits_that_cannot_be_meant_are_wrong_usage() {
    let world = World::small();
    for bad in ["-1", "x", "NaN", "inf", "1e99", ""] {
        let argument = format!("--cap={bad}");
        assert_eq!(world.run(&["storage", &argument]).code, 2, "{bad}");
    }
}

#[test]
fn a_verify_finds_what_is_damaged_and_a_fetch_mends_it() {
    let world = World::small().synced();
    let (sid, other) = (world.call(0), world.call(1));
    let sha256 = &world.sandbox().ready().recordings[0].sha256;
    world.run(&["fetch", &sid, &other, "--pin"]).ok();
    let sound = world.run(&["verify"]).ok();
    assert_eq!(sound, json!({"checked": 2, "damaged": 0, "requeued": 0}));
    for path in sealed(&world) {
        flip(&path, 64 + 700);
    }
    let damaged = world.run(&["verify"]);
    assert_eq!(damaged.error(), "damaged");
    let counted = damaged.json();
    assert_eq!((&counted["checked"], &counted["damaged"], &counted["requeued"]), (&json!(2), &json!(2), &json!(2)));
    assert_eq!(
        world.run(&["call", &sid]).ok()["recording"],
        json!({"id": format!("crm:{sid}"), "state": "damaged", "reason": "damaged"})
    );
    assert_eq!(world.run(&["verify"]).ok()["checked"], 0, "it is asked for already");
    assert_eq!(sealed(&world).len(), 2, "what is damaged stays until the new one is whole");
    let mended = world.run(&["fetch", &sid, &other]).ok();
    assert_eq!(mended["recordings"][0]["state"], "pinned", "the pin is the person's, not the file's");
    assert_eq!(world.run(&["verify"]).ok(), sound);
    let out = world.path("original");
    world.run(&["export", &sid, "--out", text(&out)]).ok();
    assert_eq!(&hex::encode(Sha256::digest(fs::read(&out).unwrap())), sha256);
}

#[test]
fn a_file_that_is_gone_is_asked_for_again_by_the_next_start() {
    let world = World::small().synced();
    let sid = world.call(0);
    world.run(&["fetch", &sid]).ok();
    fs::remove_file(&sealed(&world)[0]).unwrap();
    // Who only reads changes nothing; who may write says what is so.
    assert_eq!(world.run(&["call", &sid]).ok()["recording"]["state"], "on_device");
    assert_eq!(world.run(&["export", &sid, "--out", text(&world.path("x"))]).error(), "not_found");
    assert_eq!(world.run(&["verify"]).ok()["checked"], 0);
    assert_eq!(world.run(&["call", &sid]).ok()["recording"]["state"], "damaged");
    assert_eq!(world.run(&["fetch", &sid]).ok()["recordings"][0]["state"], "on_device");
}
