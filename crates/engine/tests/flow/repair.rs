//! Damaged files and files that are gone: found, said, and fetched once more, with the old one staying until then.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_domain::download::Wish;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::RecordingState;
use aftercall_engine::queue::Queue;
use aftercall_engine::queue::repair::{self, Verified};
use aftercall_engine::store::table::recordings::{self, RecordingRow};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::profile::{Profile, options};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn sealed(profile: &Profile) -> Vec<PathBuf> {
    files(&profile.folder.path().join("profile/recordings"))
}

async fn fetch(queue: &Queue, ids: &[RecordingId]) -> Vec<RecordingRow> {
    for id in ids {
        queue.want(id, Wish::Person).await.expect("wanted");
    }
    queue.settled(ids).await.expect("settled")
}

async fn verify(profile: &Profile) -> Verified {
    repair::verify(&profile.store, &profile.vault, &profile.clock, |_, _| {}).await.expect("verified")
}

async fn row(profile: &Profile, id: &RecordingId) -> RecordingRow {
    let id = id.clone();
    profile.store.read(move |conn| recordings::get(conn, &id)).await.expect("read").expect("a row")
}

/// Bytes of these recordings that ranges asked for so far: a range may reach beyond a file whose length nobody knows yet.
fn asked_bytes(profile: &Profile, rows: &[RecordingRow]) -> u64 {
    let requests = profile.sandbox.requests();
    let gets = requests.iter().filter(|request| request.method == "GET");
    gets.filter_map(|request| {
        let sid = request.path.strip_prefix("/api/recordings/file/")?;
        let total = rows.iter().find(|row| row.id.sid() == sid)?.bytes_total?;
        let (first, last) = request.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((last.parse::<u64>().ok()? + 1).min(total) - first.parse::<u64>().ok()?)
    })
    .sum()
}

#[tokio::test]
async fn every_flipped_bit_is_found_and_mended_by_one_new_fetch() {
    let profile = Profile::synced(options("[]")).await;
    let queue = profile.queue().await;
    let wanted: Vec<_> = (0..9).map(|n| profile.recording(n)).collect();
    let ids: Vec<_> = wanted.iter().map(|(id, _)| id.clone()).collect();
    let rows = fetch(&queue, &ids).await;
    let all_bytes: u64 = rows.iter().filter_map(|row| row.bytes_total).sum();
    assert_eq!(verify(&profile).await, Verified { checked: 9, ..Verified::default() });
    let mut rng = StdRng::seed_from_u64(11);
    for round in 0..4 {
        for path in sealed(&profile) {
            let mut bytes = fs::read(&path).expect("bytes");
            let bit = rng.random_range(0..bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).expect("written");
        }
        let found = verify(&profile).await;
        assert_eq!(found, Verified { checked: 9, damaged: 9, requeued: 9, unread: 0 }, "round {round}");
        let before = asked_bytes(&profile, &rows);
        let rows = fetch(&queue, &ids).await;
        assert!(rows.iter().all(|row| row.state == RecordingState::OnDevice), "{rows:?}");
        assert_eq!(asked_bytes(&profile, &rows) - before, all_bytes, "each once, and nothing twice");
        for (id, sha256) in &wanted {
            assert_eq!(profile.stored_sha256(id).await.as_ref(), Some(sha256));
        }
    }
    queue.stop().await;
}

#[tokio::test]
async fn a_damaged_file_stays_with_its_key_until_the_new_one_is_whole() {
    let gone =
        r#"[{"match": {"method": "HEAD", "path": "/api/recordings/file/*"}, "nth": "2-9", "do": [{"status": 404}]}]"#;
    let profile = Profile::synced(options(gone)).await;
    let queue = profile.queue().await;
    let (id, _) = profile.recording(0);
    fetch(&queue, std::slice::from_ref(&id)).await;
    let path = sealed(&profile).remove(0);
    let mut bytes = fs::read(&path).expect("bytes");
    bytes[100] ^= 1;
    fs::write(&path, &bytes).expect("written");
    assert_eq!(verify(&profile).await.damaged, 1);
    assert_eq!(row(&profile, &id).await.state, RecordingState::Damaged);

    // The source has it no more: what is here, though damaged, stays, and the row says why nothing better comes.
    fetch(&queue, std::slice::from_ref(&id)).await;
    let after = row(&profile, &id).await;
    assert!(!after.state.is_stored(), "{after:?}");
    assert!(after.reason.is_some());
    assert_eq!(fs::read(&path).expect("bytes"), bytes);
    let of = id.clone();
    let file = profile.store.read(move |conn| recordings::file(conn, &of)).await.expect("read");
    assert!(file.is_some(), "its key is not thrown away");
    queue.stop().await;
}

#[tokio::test]
async fn a_start_asks_again_for_what_is_gone_and_deletes_nothing_that_opens() {
    let profile = Profile::synced(options("[]")).await;
    let queue = profile.queue().await;
    let ids: Vec<_> = (0..3).map(|n| profile.recording(n).0).collect();
    fetch(&queue, &ids).await;
    queue.stop().await;
    let before = sealed(&profile);
    let lost = before[0].clone();
    fs::remove_file(&lost).expect("removed");
    fs::write(lost.with_extension("part"), b"left behind").expect("written");
    let sweep = || async {
        let (store, vault, clock) = (profile.store.clone(), Arc::clone(&profile.vault), profile.clock.clone());
        let swept = tokio::task::spawn_blocking(move || repair::sweep(&store, &vault, &*clock));
        swept.await.expect("no panic").expect("swept")
    };
    let swept = sweep().await;
    assert_eq!((swept.parts_removed, swept.quarantined, swept.erased, swept.missing.len()), (1, 0, 0, 1));
    assert_eq!(sealed(&profile), before[1..]);
    assert_eq!(row(&profile, &swept.missing[0]).await.state, RecordingState::Damaged);
    assert!(sweep().await.missing.is_empty(), "it is asked for already");

    // The next queue brings it back by itself.
    let queue = profile.queue().await;
    let rows = queue.settled(&swept.missing).await.expect("settled");
    assert_eq!(rows.len(), 1);
    fetch(&queue, &swept.missing).await;
    assert_eq!(sealed(&profile), before);
    assert_eq!(verify(&profile).await, Verified { checked: 3, ..Verified::default() });
    queue.stop().await;
}
