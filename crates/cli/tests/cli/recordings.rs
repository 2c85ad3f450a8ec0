use aftercall_sandbox::Options;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::world::{World, keys, text};

#[test]
fn a_recording_that_needs_two_polls_arrives_and_is_exported_byte_for_byte() {
    let world = World::new(Options { calls: 60, leads: 12, prepare_polls: 2, ..Options::default() }).synced();
    let (sid, sha256) = world.call_with("call-dual-45s.mp3");
    let before = world.run(&["export", &sid, "--out", text(&world.path("early.mp3"))]);
    assert_eq!(before.error(), "not_ready");
    assert!(!world.path("early.mp3").exists());

    let fetched = world.run(&["fetch", &sid]).ok();
    let line = &fetched["recordings"][0];
    let facts = [
        "attempts",
        "bytes",
        "channels",
        "codec",
        "duration_ms",
        "id",
        "polls",
        "reason",
        "sample_rate_hz",
        "sid",
        "state",
    ];
    assert_eq!(keys(line), facts);
    assert_eq!((&line["sid"], &line["id"]), (&json!(sid), &json!(format!("crm:{sid}"))));
    assert_eq!((&line["state"], &line["polls"]), (&json!("on_device"), &json!(2)));
    assert_eq!((&line["duration_ms"], &line["channels"]), (&json!(45_000), &json!(2)));

    let out = world.path("original.mp3");
    let exported = world.run(&["export", &sid, "--out", text(&out)]).ok();
    let bytes = std::fs::read(&out).unwrap();
    assert_eq!(exported, json!({"bytes": bytes.len(), "sha256": sha256, "derivative": false}));
    assert_eq!(hex::encode(Sha256::digest(&bytes)), sha256);
    assert_eq!(line["bytes"], bytes.len());
}

#[test]
fn what_would_be_heard_is_as_long_as_the_speed_says() {
    let world = World::small().synced();
    let (sid, _) = world.call_with("call-dual-45s.mp3");
    world.run(&["fetch", &sid]).ok();
    let out = world.path("heard.wav");
    let played = world.run(&["play", &sid, "--out", text(&out)]).ok();
    assert_eq!(played, json!({"media_ms": 45_000, "output_ms": 45_000, "skipped_ms": 0, "underruns": 0}));
    let wav = hound::WavReader::open(&out).unwrap();
    let spec = wav.spec();
    assert_eq!((spec.bits_per_sample, spec.channels), (16, 2));
    assert_eq!(u64::from(wav.duration()) * 1000 / u64::from(spec.sample_rate), 45_000);

    let faster = world.run(&["play", &sid, "--speed", "1.5", "--out", text(&out)]).ok();
    assert!((faster["output_ms"].as_i64().unwrap() - 30_000).abs() <= 20, "{faster}");
    let part = world.run(&["play", &sid, "--from", "10", "--to", "12.5", "--out", text(&out)]).ok();
    assert_eq!((&part["media_ms"], &part["output_ms"]), (&json!(2_500), &json!(2_500)));
    let shorter = world.run(&["play", &sid, "--skip-silence", "--out", text(&out)]).ok();
    let skipped_ms = shorter["skipped_ms"].as_i64().unwrap();
    assert!(skipped_ms > 500 && shorter["media_ms"] == 45_000, "{shorter}");
    assert_eq!(shorter["output_ms"].as_i64().unwrap(), 45_000 - skipped_ms);
    world.run(&["play", &sid, "--solo", "2", "--out", text(&out)]).ok();
    let samples: Vec<i16> = hound::WavReader::open(&out).unwrap().into_samples().map(Result::unwrap).collect();
    assert!(samples.chunks(2).all(|frame| frame[0] == frame[1]), "one side, in both ears");
    assert_eq!(world.run(&["play", &sid, "--solo", "3", "--out", text(&out)]).code, 2);
    let nonsense = world.run(&["play", &sid, "--speed", "9", "--out", text(&out)]);
    assert_eq!(nonsense.error(), "invalid_input");
}

#[test]
fn the_quiet_side_is_brought_up_and_the_loud_one_is_heard_as_it_was() {
    let world = World::small().synced();
    let (sid, _) = world.call_with("call-dual-quiet-customer-60s.mp3");
    world.run(&["fetch", &sid]).ok();
    let out = world.path("heard.wav");
    // Behind the time that it takes to find out how loud they speak.
    let heard = |more: &[&str]| -> [Vec<f64>; 2] {
        let played = world.run(&[&["play", &sid, "--out", text(&out)][..], more].concat()).ok();
        assert_eq!((&played["media_ms"], &played["output_ms"]), (&json!(60_000), &json!(60_000)));
        let samples: Vec<i16> = hound::WavReader::open(&out).unwrap().into_samples().map(Result::unwrap).collect();
        let settled = &samples[samples.len() / 4 * 2..];
        [0, 1].map(|side| settled.chunks(2).map(|frame| f64::from(frame[side])).collect())
    };
    let (before, after) = (heard(&[]), heard(&["--level"]));
    assert!(before[0] == after[0], "the agent speaks as before");
    let energy = |samples: &[f64]| samples.iter().map(|sample| sample * sample).sum::<f64>();
    let raised_db = 10.0 * (energy(&after[1]) / energy(&before[1])).log10();
    assert!(raised_db > 9.0, "the customer is {raised_db} dB louder");
}

#[test]
fn turns_and_peaks_come_from_the_channels() {
    let world = World::small().synced();
    let (sid, _) = world.call_with("call-dual-45s.mp3");
    world.run(&["fetch", &sid]).ok();
    let turns = world.run(&["turns", &sid]).ok();
    assert_eq!(keys(&turns), ["channels", "duration_ms", "overlap_ms", "silence_ms", "talk_ms", "turns"]);
    assert_eq!((&turns["channels"], &turns["duration_ms"]), (&json!(2), &json!(45_000)));
    let spoken = turns["turns"].as_array().unwrap();
    assert!(spoken.iter().any(|turn| turn["channel"] == 1) && spoken.iter().any(|turn| turn["channel"] == 2));
    let peaks = world.run(&["peaks", &sid, "--buckets", "64"]).ok();
    assert_eq!(keys(&peaks), ["buckets", "channels", "duration_ms"]);
    for lane in peaks["buckets"].as_array().unwrap() {
        assert_eq!(lane.as_array().unwrap().len(), 64);
        assert!(lane.as_array().unwrap().iter().all(|pair| pair.as_array().unwrap().len() == 2));
    }
}

#[test]
fn only_what_was_asked_for_is_fetched_and_once() {
    let world = World::small().synced();
    let sid = world.call(0);
    world.run(&["fetch", &sid]).ok();
    let asked = |world: &World| {
        world.sandbox().requests().iter().filter(|request| request.path.contains("/api/recordings/file/")).count()
    };
    let first = asked(&world);
    assert!(
        world
            .sandbox()
            .requests()
            .iter()
            .all(|request| { !request.path.contains("/api/recordings/file/") || request.path.contains(&sid) })
    );
    assert_eq!(world.run(&["fetch", &sid]).ok()["recordings"][0]["state"], "on_device");
    assert_eq!(asked(&world), first, "what is here is not asked for again");
}

#[test]
fn an_export_replaces_a_file_whole_or_not_at_all_and_nothing_else() {
    let world = World::small().synced();
    let sid = world.call(0);
    world.run(&["fetch", &sid]).ok();
    let folder = world.path("exports");
    std::fs::create_dir(&folder).unwrap();
    for place in [&folder, &folder.join(".."), std::path::Path::new("/dev/null"), &world.profile().join("library.db")] {
        assert_eq!(world.run(&["export", &sid, "--out", text(place)]).error(), "invalid_input", "{place:?}");
    }
    assert_eq!(world.run(&["export", &sid, "--out", text(&folder.join("missing/x.mp3"))]).error(), "invalid_input");
    let out = folder.join("call.mp3");
    std::fs::write(&out, "what was here").unwrap();
    assert_eq!(world.run(&["export", &world.call(1), "--out", text(&out)]).error(), "not_ready");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "what was here");
    let exported = world.run(&["export", &sid, "--out", text(&out)]).ok();
    assert_eq!(std::fs::metadata(&out).unwrap().len(), exported["bytes"].as_u64().unwrap());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    world.run(&["calls"]).ok();
}

#[cfg(unix)]
#[test]
fn neither_play_nor_export_writes_over_anything_of_the_apps_own_by_whatever_name() {
    let world = World::small().synced();
    let sid = world.call(0);
    world.run(&["fetch", &sid]).ok();
    let below = |folder: &std::path::Path| -> Vec<std::path::PathBuf> {
        let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    };
    let links = world.path("links");
    std::fs::create_dir(&links).unwrap();
    let mut own = below(&world.profile());
    assert!(own.iter().any(|path| path.extension().is_some_and(|ending| ending == "rec")), "{own:?}");
    own.push(world.path("root.key"));
    let mut places = vec![world.profile().join("new.wav"), world.profile().join("recordings/new.wav")];
    std::os::unix::fs::symlink(world.profile(), links.join("profile")).unwrap();
    places.push(links.join("profile/library.db"));
    for (n, path) in own.iter().enumerate() {
        let (soft, hard) = (links.join(format!("soft-{n}")), links.join(format!("hard-{n}")));
        std::os::unix::fs::symlink(path, &soft).unwrap();
        std::fs::hard_link(path, &hard).unwrap();
        places.extend([path.clone(), soft, hard]);
    }
    let before: Vec<_> = own.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for place in &places {
        for what in ["play", "export"] {
            let refused = world.run(&[what, &sid, "--out", text(place)]);
            assert_eq!(refused.error(), "invalid_input", "{what} {place:?}");
        }
    }
    let after: Vec<_> = own.iter().map(|path| std::fs::read(path).unwrap()).collect();
    // The key's file has been asked for by every run, and the log may have grown; nothing is anybody else's bytes.
    for (path, (before, after)) in own.iter().zip(before.iter().zip(&after)) {
        assert!(after.starts_with(before) || path.extension().is_some_and(|ending| ending == "db-shm"), "{path:?}");
    }
    let beside = below(&world.profile()).into_iter().filter(|path| !own.contains(path));
    let beside: Vec<_> = beside.filter(|path| !path.to_string_lossy().contains("library.db-")).collect();
    assert!(beside.is_empty(), "left beside them: {beside:?}");
    world.run(&["verify"]).ok();
    let out = world.path("heard.wav");
    std::fs::write(&out, "what was here").unwrap();
    world.run(&["play", &sid, "--out", text(&out)]).ok();
    assert_eq!(&std::fs::read(&out).unwrap()[..4], b"RIFF");
}
