//! Sealed files: whole or not there, and of no use without their keys.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_engine::secrets::{KeyChoice, open_root_key};
use aftercall_engine::vault::{Intake, Known, StoredFile, Swept, Vault};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::place::{NOW_MS, folder, sid};

fn open(folder: &Path) -> Vault {
    let root = open_root_key(folder, &KeyChoice::File(folder.join("key"))).expect("a key");
    Vault::open(&folder.join("recordings"), &Zeroizing::new([5; 32]), root.file_kek()).expect("a vault")
}

fn id(n: i64) -> RecordingId {
    RecordingId::crm(&sid(n))
}

fn sound(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| (n % 251) as u8).collect()
}

fn store(vault: &Vault, id: &RecordingId, bytes: &[u8]) -> StoredFile {
    let intake = vault.begin(id, bytes.len() as u64).expect("an intake");
    fill(&intake, bytes);
    intake.finish().expect("finished")
}

fn fill(intake: &Intake, bytes: &[u8]) {
    if bytes.is_empty() {
        intake.put(0, &[]).expect("written");
    }
    for (index, chunk) in (0..).zip(bytes.chunks(65_536)) {
        intake.put(index, chunk).expect("written");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn read(vault: &Vault, id: &RecordingId, file: &StoredFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    vault.reader(id, file).expect("a reader").cursor().read_to_end(&mut bytes).expect("bytes");
    bytes
}

#[test]
fn what_went_in_comes_out_and_nothing_of_it_can_be_seen() {
    let folder = folder();
    let vault = open(folder.path());
    for (n, length) in (1..).zip([0, 1, 65_535, 65_536, 65_537, 9 * 1024 * 1024]) {
        let bytes = sound(length);
        let file = store(&vault, &id(n), &bytes);
        assert_eq!(file.plain_len, length as u64);
        assert!(read(&vault, &id(n), &file) == bytes, "{length}");
    }
    for path in files(&folder.path().join("recordings")) {
        let name = path.display().to_string();
        assert!(name.ends_with(".rec") && !name.contains("CA0"), "{name}");
        let bytes = fs::read(&path).expect("bytes");
        assert!(!bytes.windows(24).any(|window| window == &sound(24)[..]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o600);
            assert_eq!(
                fs::metadata(path.parent().expect("folder")).expect("folder").permissions().mode() & 0o777,
                0o700
            );
        }
    }
}

#[test]
fn a_file_opens_only_for_its_recording_its_key_and_its_length() {
    let (folder, other) = (folder(), folder());
    let vault = open(folder.path());
    let file = store(&vault, &id(1), &sound(70_000));
    let second = store(&vault, &id(2), &sound(70_000));
    let code = |vault: &Vault, id: &RecordingId, file: &StoredFile| {
        vault.reader(id, file).map(|_| ()).expect_err("refused").code()
    };
    assert_eq!(code(&vault, &id(1), &second), Code::Damaged);
    assert_eq!(code(&vault, &id(1), &StoredFile { plain_len: 69_999, ..file.clone() }), Code::Damaged);
    assert_eq!(code(&vault, &id(1), &StoredFile { file_id: [0; 16], ..file.clone() }), Code::Damaged);
    assert_eq!(code(&vault, &id(1), &StoredFile { wrapped_dek: vec![], ..file.clone() }), Code::Damaged);
    assert_eq!(code(&vault, &id(3), &file), Code::Damaged);
    let stranger = open(other.path());
    assert_eq!(code(&stranger, &id(1), &file), Code::Damaged);
    assert!(vault.remove(&id(1)).expect("removed") && !vault.remove(&id(1)).expect("gone"));
    assert_eq!(code(&vault, &id(1), &file), Code::NotFound);
}

#[test]
fn an_unfinished_file_never_gets_its_name_and_an_old_one_stays_until_the_new_is_whole() {
    let folder = folder();
    let vault = open(folder.path());
    let rec = folder.path().join("recordings");
    let intake = vault.begin(&id(1), 200_000).expect("an intake");
    fill(&intake, &sound(131_072));
    assert!(intake.finish().is_err(), "it is not whole");
    assert!(!vault.holds(&id(1)));
    let keys = intake.keys().clone();
    drop(intake);
    assert!(vault.reader(&id(1), &keys).is_err());

    let first = store(&vault, &id(1), &sound(1000));
    assert!(vault.resume(&id(1), keys).is_err(), "the newer file took its place");
    let again = vault.begin(&id(1), 5).expect("an intake");
    fill(&again, &sound(5));
    assert_eq!(read(&vault, &id(1), &first), sound(1000));
    let second = again.finish().expect("finished");
    assert_eq!(read(&vault, &id(1), &second), sound(5));
    assert!(vault.reader(&id(1), &first).is_err(), "the old key opens nothing");
    assert_eq!(files(&rec).len(), 1);
}

#[cfg(unix)]
#[test]
fn a_planted_link_is_refused() {
    let folder = folder();
    let vault = open(folder.path());
    let file = store(&vault, &id(1), &sound(10));
    let path = files(&folder.path().join("recordings")).remove(0);
    let target = folder.path().join("elsewhere");
    fs::rename(&path, &target).expect("moved");
    std::os::unix::fs::symlink(&target, &path).expect("a link");
    assert!(vault.reader(&id(1), &file).is_err());
    assert!(!vault.holds(&id(1)));
    // A link in the place of the unfinished file: what it points at is not written.
    let part = path.with_extension("part");
    let victim = folder.path().join("victim");
    fs::write(&victim, b"mine").expect("file");
    std::os::unix::fs::symlink(&victim, &part).expect("a link");
    store(&vault, &id(1), &sound(10));
    assert_eq!(fs::read(&victim).expect("file"), b"mine");
}

#[test]
fn a_sweep_deletes_no_file_that_opens_and_names_the_rows_that_lost_theirs() {
    let folder = folder();
    let vault = open(folder.path());
    let rec = folder.path().join("recordings");
    for n in 1..=3 {
        store(&vault, &id(n), &sound(100));
    }
    // As after a crash: a file that nobody finished.
    let unfinished = |n| drop(vault.begin(&id(n), 10).expect("an intake"));
    unfinished(4);
    unfinished(5);
    vault.remove(&id(2)).expect("lost");
    // 1 and 2 have keys in rows, 3 is in none, 6 made room; 4 has a job, 5 has none.
    store(&vault, &id(6), &sound(100));
    let known = |keyed: &[i64]| Known {
        keyed: keyed.iter().map(|n| id(*n)).collect(),
        keyless: vec![id(4), id(6)],
        awaited: vec![id(4)],
    };
    let now_ms = aftercall_domain::clock::Clock::now_ms(&aftercall_domain::clock::SystemClock::new());
    let swept = vault.sweep(&known(&[1, 2]), now_ms).expect("swept");
    assert_eq!((swept.parts_removed, swept.erased, swept.quarantined, swept.missing), (1, 1, 1, vec![id(2)]));
    assert_eq!(files(&rec.join("quarantine")).len(), 1);
    assert_eq!(vault.sweep(&known(&[1]), now_ms).expect("swept"), Swept::default());
    // Eight days later the job's old piece is of no use either.
    let later = vault.sweep(&known(&[1]), now_ms.max(NOW_MS) + 8 * 86_400_000).expect("swept");
    assert_eq!(later.parts_removed, 1);
    assert!(vault.holds(&id(1)));
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_a_planted_link_is_refused_for_reading_and_for_writing() {
    let (folder, elsewhere) = (folder(), folder());
    let vault = open(folder.path());
    let file = store(&vault, &id(1), &sound(10));
    let path = files(&folder.path().join("recordings")).remove(0);
    for shard in [path.parent().expect("inner"), path.parent().and_then(Path::parent).expect("outer")] {
        let target = elsewhere.path().join("there");
        fs::rename(shard, &target).expect("moved");
        std::os::unix::fs::symlink(&target, shard).expect("a link");
        assert!(vault.reader(&id(1), &file).is_err());
        assert!(vault.begin(&id(1), 10).is_err());
        fs::remove_file(shard).expect("unlinked");
        fs::rename(&target, shard).expect("moved back");
    }
    assert_eq!(read(&vault, &id(1), &file), sound(10));
}

#[test]
fn an_unfinished_file_is_gone_on_with_under_its_own_key_and_under_no_other() {
    let folder = folder();
    let vault = open(folder.path());
    let bytes = sound(300_000);
    let intake = vault.begin(&id(1), 300_000).expect("an intake");
    fill(&intake, &bytes[..131_072]);
    let keys = intake.keys().clone();
    drop(intake);
    let reopened = open(folder.path());
    let again = reopened.resume(&id(1), keys.clone()).expect("gone on with");
    assert_eq!(again.sealed().stretches(), [(0, 131_072)]);
    for index in 2..5 {
        again.put(index as u64, &bytes[index * 65_536..((index + 1) * 65_536).min(300_000)]).expect("written");
    }
    let file = again.finish().expect("finished");
    assert_eq!(read(&reopened, &id(1), &file), bytes);
    assert!(reopened.resume(&id(2), keys.clone()).is_err(), "of another recording");
    let other = reopened.begin(&id(3), 300_000).expect("an intake").keys().clone();
    let crossed = StoredFile { file_id: keys.file_id, ..other };
    assert!(reopened.resume(&id(3), crossed).is_err(), "another file's id");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_id_makes_a_name_outside_the_vault_or_another_ids_name(
        texts in proptest::collection::btree_set("[A-Za-z0-9_-]{1,64}", 1..8),
        hostile in any::<String>(),
    ) {
        let folder = folder();
        let vault = open(folder.path());
        let ids: Vec<RecordingId> = texts.iter().map(String::as_str).chain([hostile.as_str(), "../x", "CON:"])
            .filter_map(|text| format!("crm:{text}").parse().ok()).collect();
        for id in &ids {
            store(&vault, id, b"x");
        }
        let found = files(&folder.path().join("recordings"));
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        prop_assert_eq!(found.len(), distinct.len());
        for path in found {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            prop_assert!(name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }
}

/// Files that look a little like ours, each at a place where the vault looks. Returns what must still be there.
fn strangers(rec: &Path) -> Vec<PathBuf> {
    let ours = files(rec).into_iter().find(|path| path.extension().is_some_and(|ending| ending == "rec"));
    let shard = ours.as_deref().and_then(Path::parent).expect("a sealed file").to_owned();
    let digits = "0123456789abcdef0123456789abcdef";
    let places = [
        rec.join("holiday.mp3"),
        rec.join("notes.part"),
        rec.join(format!("{digits}.rec")),
        rec.join("music/a.rec"),
        rec.join("music/00/b.part"),
        rec.join("AB/CD").join(format!("{digits}.rec")),
        shard.join("song.rec"),
        shard.join(format!("{digits}.part")),
        shard.join(format!("{digits}.rec.part")),
        shard.join("readme"),
        rec.join("quarantine/kept.rec"),
        rec.join("quarantine").join(format!("{digits}.txt")),
    ];
    for place in &places {
        fs::create_dir_all(place.parent().expect("a folder")).expect("made");
        fs::write(place, b"somebody else's").expect("written");
    }
    places.into()
}

#[test]
fn a_sweep_and_a_wipe_touch_nothing_that_is_not_named_as_ours() {
    let folder = folder();
    let vault = open(folder.path());
    let rec = folder.path().join("recordings");
    let file = store(&vault, &id(1), &sound(100));
    store(&vault, &id(2), &sound(100));
    drop(vault.begin(&id(3), 10).expect("an intake"));
    let strangers = strangers(&rec);
    let far = NOW_MS + 90 * 86_400_000;
    let swept = vault.sweep(&Known { keyed: vec![id(1)], ..Known::default() }, far).expect("swept");
    assert_eq!((swept.parts_removed, swept.erased, swept.quarantined, swept.missing), (1, 0, 1, vec![]));
    assert_eq!(read(&vault, &id(1), &file), sound(100));
    assert!(strangers.iter().all(|path| fs::read(path).expect("there") == b"somebody else's"));

    aftercall_engine::vault::erase(&rec).expect("erased");
    let mut left = files(&rec);
    left.sort();
    let mut expected = strangers;
    expected.sort();
    assert_eq!(left, expected, "ours are gone, also from quarantine, and all else is there");
}

#[test]
fn a_wipe_leaves_no_folder_where_there_was_nothing_else() {
    let folder = folder();
    let vault = open(folder.path());
    let rec = folder.path().join("recordings");
    store(&vault, &id(1), &sound(10));
    store(&vault, &id(2), &sound(10));
    vault.sweep(&Known { keyed: vec![id(1)], ..Known::default() }, NOW_MS).expect("swept");
    assert_eq!(files(&rec.join("quarantine")).len(), 1);
    aftercall_engine::vault::erase(&rec).expect("erased");
    assert!(!rec.exists());
    aftercall_engine::vault::erase(&rec).expect("there is nothing, which is no error");
}

#[cfg(unix)]
#[test]
fn a_wipe_follows_no_link() {
    let (folder, elsewhere) = (folder(), folder());
    let vault = open(folder.path());
    let file = store(&vault, &id(1), &sound(10));
    let path = files(&folder.path().join("recordings")).remove(0);
    let shard = path.parent().and_then(Path::parent).expect("outer");
    let target = elsewhere.path().join("there");
    fs::rename(shard, &target).expect("moved");
    std::os::unix::fs::symlink(&target, shard).expect("a link");
    aftercall_engine::vault::erase(&folder.path().join("recordings")).expect("erased");
    assert_eq!(files(&target).len(), 1, "what the link points at is not ours to remove");
    drop(file);
}

#[test]
fn who_begins_to_write_waits_for_the_sweep_and_who_reads_does_not() {
    let folder = folder();
    let vault = std::sync::Arc::new(open(folder.path()));
    let file = store(&vault, &id(1), &sound(100));
    let unswept = vault.before_sweep();
    let (told, began) = std::sync::mpsc::channel();
    let writer = std::thread::spawn({
        let vault = std::sync::Arc::clone(&vault);
        move || {
            let intake = vault.begin(&id(2), 10).expect("an intake");
            told.send(()).expect("told");
            drop(intake);
        }
    });
    assert_eq!(read(&vault, &id(1), &file), sound(100), "what is here can be read");
    let soon = std::time::Duration::from_millis(300);
    assert!(began.recv_timeout(soon).is_err(), "it began before the vault was swept");
    // A file that is being written would be taken for one that was left behind.
    assert_eq!(
        vault.sweep(&Known { keyed: vec![id(1)], ..Known::default() }, NOW_MS).expect("swept"),
        Swept::default()
    );
    drop(unswept);
    began.recv_timeout(std::time::Duration::from_secs(30)).expect("it goes on");
    writer.join().expect("no panic");
}
