//! Another root key: whatever is cut off, the old one or the new one opens all of it, and never neither.

use std::fs;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use aftercall_domain::clock::ManualClock;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::RecordingState;
use aftercall_engine::rotation::{May, RotationError, open_root_key_with, rotate_in};
use aftercall_engine::secrets::{KeyChoice, RootKey, SecretsError, open_root_key_in};
use aftercall_engine::store::table::{calls, profile, recording_parts, recordings};
use aftercall_engine::store::{Store, StoreError};
use aftercall_engine::vault::Vault;
use keyring_core::{CredentialStore, mock};
use secrecy::SecretString;

use crate::place::{NOW_MS, call, folder, sid};

const RECORDINGS: i64 = 5;
const PART: i64 = RECORDINGS + 1;
/// Variables of the program that is to be killed: this test's own, run again.
const CHILD: &str = "AFTERCALL_TEST_ROTATES";
const STEP: &str = "AFTERCALL_TEST_KILLED_AT";

fn sound(n: i64) -> Vec<u8> {
    (0..70_000).map(|at: i64| (at.wrapping_mul(n + 7) % 251) as u8).collect()
}

fn id(n: i64) -> RecordingId {
    RecordingId::crm(&sid(n))
}

type Chain = dyn Fn() -> Result<Arc<CredentialStore>, SecretsError>;

/// A profile with calls, sealed recordings and a copy that an upgrade made.
fn populate(dir: &Path, choice: &KeyChoice, chain: &Chain) {
    let key = open_root_key_in(dir, choice, chain).expect("a key");
    let store = Store::open(&dir.join("library.db"), &key.db_key(), &ManualClock::at(NOW_MS)).expect("a library");
    let mac = store.read_blocking(profile::name_mac).expect("the key of names");
    let vault = Vault::open(&dir.join("recordings"), &mac, key.file_kek()).expect("a vault");
    for n in 1..=RECORDINGS {
        let intake = vault.begin(&id(n), sound(n).len() as u64).expect("an intake");
        for (index, chunk) in (0..).zip(sound(n).chunks(65_536)) {
            intake.put(index, chunk).expect("written");
        }
        let file = intake.finish().expect("finished");
        let row = recordings::RecordingRow {
            state: RecordingState::OnDevice,
            ..recordings::not_asked_for(&sid(n), aftercall_domain::call::Outcome::Answered, true)
        };
        store
            .write_blocking(move |tx, _| {
                calls::upsert(tx, &call(n))?;
                recordings::put(tx, &row)?;
                recordings::set_file(tx, &row.id, Some(&file))
            })
            .expect("rows");
    }
    // One that has not arrived whole: its first chunk is here.
    let begun = vault.begin(&id(PART), sound(PART).len() as u64).expect("an intake");
    begun.put(0, &sound(PART)[..65_536]).expect("written");
    let part = recording_parts::PartRow { file: begun.keys().clone(), validator: None };
    store
        .write_blocking(move |tx, _| {
            calls::upsert(tx, &call(PART))?;
            let row = recordings::not_asked_for(&sid(PART), aftercall_domain::call::Outcome::Answered, true);
            recordings::put(tx, &row)?;
            recording_parts::put(tx, &id(PART), &part)
        })
        .expect("rows");
    store.close_blocking();
    fs::copy(dir.join("library.db"), dir.join("library.db.before-upgrade-1790000000000.db")).expect("a copy");
}

fn verify(path: &Path, dir: &Path, key: &RootKey) -> Result<(), StoreError> {
    let store = Store::open(path, &key.db_key(), &ManualClock::at(NOW_MS))?;
    let mac = store.read_blocking(profile::name_mac)?;
    let vault = Vault::open(&dir.join("recordings"), &mac, key.file_kek()).expect("a vault");
    for n in 1..=RECORDINGS {
        let file = store.read_blocking(move |conn| recordings::file(conn, &id(n)))?.expect("a file");
        let mut bytes = Vec::new();
        let reader = vault.reader(&id(n), &file).expect("its key opens");
        reader.cursor().read_to_end(&mut bytes).expect("bytes");
        assert!(bytes == sound(n), "recording {n}");
    }
    let part = store.read_blocking(|conn| recording_parts::get(conn, &id(PART)))?.expect("a part");
    let begun = vault.resume(&id(PART), part.file).expect("it is gone on with");
    let chunk = begun.sealed().chunk(0).expect("it verifies").expect("it is here");
    assert!(chunk.bytes() == &sound(PART)[..65_536]);
    store.close_blocking();
    Ok(())
}

/// Everything opens with the key that is found, first by one who only looks, then by one who mends.
fn intact(dir: &Path, choice: &KeyChoice, chain: &Chain) -> RootKey {
    let looked = open_root_key_with(dir, choice, May::Look, chain).expect("found by a reader");
    drop(Store::open_for_reading(&dir.join("library.db"), &looked.db_key()).expect("read"));
    let key = open_root_key_with(dir, choice, May::Mend, chain).expect("found");
    verify(&dir.join("library.db"), dir, &key).expect("the library opens");
    verify(&dir.join("library.db.before-upgrade-1790000000000.db"), dir, &key).expect("its copy opens");
    open_root_key_in(dir, choice, chain).expect("nothing is left to be mended");
    let left: Vec<_> = fs::read_dir(dir).expect("folder").map(|entry| entry.expect("entry").file_name()).collect();
    let part = left.iter().find(|name| name.to_string_lossy().contains("part"));
    assert_eq!(part, None, "no copy is left");
    key
}

/// Debug says nothing of a key, so keys are told apart by what they seal.
fn same(a: &RootKey, b: &RootKey) -> bool {
    let dir = folder();
    let vault = |key: &RootKey| {
        Vault::open(&dir.path().join("recordings"), &zeroize::Zeroizing::new([5; 32]), key.file_kek()).expect("a vault")
    };
    let intake = vault(a).begin(&id(1), 1).expect("an intake");
    intake.put(0, &[1]).expect("written");
    let file = intake.finish().expect("finished");
    vault(b).reader(&id(1), &file).is_ok()
}

fn no_chain() -> Result<Arc<CredentialStore>, SecretsError> {
    Err(SecretsError::NoKeychain)
}

/// How many steps a whole rotation tells of.
fn steps_of(dir: &Path, choice: &KeyChoice, chain: &Chain) -> usize {
    let mut steps = 0;
    let rotated = rotate_in(dir, choice, chain, &mut || steps += 1).expect("rotated");
    assert_eq!((rotated.recordings, rotated.unreadable), (RECORDINGS as u64, 0));
    steps
}

#[test]
fn a_new_key_opens_everything_and_the_former_one_nothing() {
    let dir = folder();
    let choice = KeyChoice::File(dir.path().join("key"));
    populate(dir.path(), &choice, &no_chain);
    let recordings = tree(&dir.path().join("recordings"));
    let former = open_root_key_in(dir.path(), &choice, &no_chain).expect("the former key");
    steps_of(dir.path(), &choice, &no_chain);
    let key = intact(dir.path(), &choice, &no_chain);
    assert!(!same(&former, &key));
    for file in ["library.db", "library.db.before-upgrade-1790000000000.db"] {
        let opened = Store::open(&dir.path().join(file), &former.db_key(), &ManualClock::at(NOW_MS));
        assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{file}");
    }
    assert_eq!(tree(&dir.path().join("recordings")), recordings, "no sealed file was touched or renamed");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("folder") {
        let (path, name) = (entry.as_ref().expect("entry").path(), entry.expect("entry").file_name());
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}

fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(tree(&path))
        } else {
            found.push((path.clone(), fs::read(&path).expect("bytes")))
        }
    }
    found.sort();
    found
}

/// The program is killed before each step in turn, with the key in a file and under a passphrase.
#[test]
fn a_kill_at_any_step_leaves_a_profile_that_opens_whole() {
    let words = KeyChoice::Passphrase(SecretString::from("a long one"));
    for by_file in [true, false] {
        let (counted, whole) = (folder(), folder());
        let choice_in = |dir: &Path| if by_file { KeyChoice::File(dir.join("key")) } else { words.clone() };
        populate(whole.path(), &choice_in(whole.path()), &no_chain);
        let former = open_root_key_in(whole.path(), &choice_in(whole.path()), &no_chain).expect("the former key");
        copy(whole.path(), counted.path());
        let steps = steps_of(counted.path(), &choice_in(counted.path()), &no_chain);
        assert!(steps >= 15, "{steps}");
        let (mut before, mut after) = (0, 0);
        // The library's own steps are the same wherever the key lies; an envelope's are the first and the last.
        for step in (0..steps).filter(|step| by_file || *step < 3 || *step + 4 > steps) {
            let dir = folder();
            let choice = choice_in(dir.path());
            copy(whole.path(), dir.path());
            let killed = Command::new(std::env::current_exe().expect("this test"))
                .args(["rotation::rotates_and_is_killed", "--exact", "--nocapture"])
                .env(CHILD, dir.path())
                .env(STEP, step.to_string())
                .env("AFTERCALL_TEST_BY_FILE", by_file.to_string())
                .output()
                .expect("it ran");
            assert!(!killed.status.success(), "step {step}: it was to be killed");
            let key = intact(dir.path(), &choice, &no_chain);
            if same(&key, &former) {
                before += 1
            } else {
                after += 1
            }
            if step % 6 == 0 {
                // And it can be done again.
                rotate_in(dir.path(), &choice, &no_chain, &mut || {}).expect("rotated");
                intact(dir.path(), &choice, &no_chain);
            }
        }
        assert!(before >= 2 && after >= 2, "kills fell on both sides of the one step: {before}, {after}");
    }
}

/// The program that the test above kills; does nothing when it is run as a test.
#[test]
fn rotates_and_is_killed() {
    let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let at: usize = std::env::var(STEP).expect("a step").parse().expect("a number");
    let by_file = std::env::var("AFTERCALL_TEST_BY_FILE").is_ok_and(|value| value == "true");
    let choice = match by_file {
        true => KeyChoice::File(dir.join("key")),
        false => KeyChoice::Passphrase(SecretString::from("a long one")),
    };
    let mut step = 0;
    let _ = rotate_in(&dir, &choice, &no_chain, &mut || {
        if step == at {
            // No destructor runs and nothing is flushed.
            std::process::abort();
        }
        step += 1;
    });
}

/// A keychain cannot be killed with the program: there the rotation is cut off by a panic.
#[test]
fn a_key_in_the_keychain_survives_a_rotation_that_is_cut_off_at_any_step() {
    let new_chain = || -> Arc<CredentialStore> { mock::Store::new().expect("a mock keychain") };
    let counted = folder();
    let store = new_chain();
    let chain = move || Ok(store.clone());
    populate(counted.path(), &KeyChoice::OfProfile, &chain);
    let steps = steps_of(counted.path(), &KeyChoice::OfProfile, &chain);
    for step in 0..steps {
        let dir = folder();
        let store = new_chain();
        let chain = move || Ok(store.clone());
        populate(dir.path(), &KeyChoice::OfProfile, &chain);
        let mut at = 0;
        let cut = catch_unwind(AssertUnwindSafe(|| {
            rotate_in(dir.path(), &KeyChoice::OfProfile, &chain, &mut || {
                assert_ne!(at, step, "cut off");
                at += 1;
            })
        }));
        assert!(cut.is_err(), "step {step}: it was to be cut off");
        intact(dir.path(), &KeyChoice::OfProfile, &chain);
    }
}

#[test]
fn while_somebody_reads_the_library_no_key_is_changed() {
    let dir = folder();
    let choice = KeyChoice::File(dir.path().join("key"));
    populate(dir.path(), &choice, &no_chain);
    let former = open_root_key_in(dir.path(), &choice, &no_chain).expect("the former key");
    // As the window leaves it: with its log.
    let writer = Store::open(&dir.path().join("library.db"), &former.db_key(), &ManualClock::at(NOW_MS)).expect("open");
    let reader = Store::open_for_reading(&dir.path().join("library.db"), &former.db_key()).expect("a reader");
    writer.close_blocking();
    let refused = rotate_in(dir.path(), &choice, &no_chain, &mut || {});
    assert!(matches!(refused, Err(RotationError::Store(StoreError::Busy))), "{refused:?}");
    reader.read_blocking(profile::name_mac).expect("the reader goes on");
    reader.close_blocking();
    assert!(same(&former, &intact(dir.path(), &choice, &no_chain)));
}

#[test]
fn a_keychain_that_closes_on_the_way_costs_nothing() {
    let dir = folder();
    let store: Arc<CredentialStore> = mock::Store::new().expect("a mock keychain");
    let open = {
        let store = store.clone();
        move || Ok(store.clone())
    };
    populate(dir.path(), &KeyChoice::OfProfile, &open);
    let former = open_root_key_in(dir.path(), &KeyChoice::OfProfile, &open).expect("the former key");
    for answers in 0..12 {
        let asked = std::cell::Cell::new(0);
        let closing = || {
            asked.set(asked.get() + 1);
            if asked.get() > answers { Err(SecretsError::KeychainClosed) } else { Ok(store.clone()) }
        };
        if rotate_in(dir.path(), &KeyChoice::OfProfile, &closing, &mut || {}).is_ok() {
            assert!(!same(&former, &intact(dir.path(), &KeyChoice::OfProfile, &open)));
            return;
        }
        intact(dir.path(), &KeyChoice::OfProfile, &open);
    }
    panic!("it never came through");
}
