//! The library under its key: nothing can be read without it, and two processes get along.

use std::fs;
use std::path::Path;
use std::process::Command;

use aftercall_domain::clock::ManualClock;
use aftercall_domain::error::Code;
use aftercall_engine::secrets::{DbKey, KeyChoice, open_root_key};
use aftercall_engine::store::table::{account, calls, leads, profile};
use aftercall_engine::store::{ChangeSet, Store, StoreError, Tag};
use secrecy::{ExposeSecret as _, SecretString};

use crate::place::{NOW_MS, call, folder, key, lead, open, sid};

fn forms_of(canary: &str) -> Vec<Vec<u8>> {
    let utf16: Vec<u8> = canary.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![canary.as_bytes().to_vec(), utf16, hex::encode(canary).into_bytes()]
}

fn every_file(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            every_file(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read(&path).expect("bytes")));
        }
    }
}

#[test]
fn nothing_in_any_file_of_the_library_can_be_read_while_it_is_open_or_closed() {
    let folder = folder();
    let store = open(folder.path());
    let canaries = ["ZZCANARYNAME", "ZZCANARYSUMMARY", "ZZCANARYPASSWORD", "ZZCANARYCOOKIE", "קנריתסודית"];
    store
        .write_blocking(|tx, _| {
            let mut person = lead(1, "ZZCANARYNAME קנריתסודית");
            person.notes = Some("ZZCANARYSUMMARY".into());
            leads::upsert(tx, &person)?;
            for n in 0..200 {
                let mut row = call(n);
                row.summary = Some("ZZCANARYSUMMARY".into());
                calls::upsert(tx, &row)?;
            }
            account::put(
                tx,
                &account::Account {
                    url: "http://127.0.0.1:1".into(),
                    email: "dana@example.com".into(),
                    name: "ZZCANARYNAME".into(),
                    role: "agent".into(),
                    business: "b".into(),
                    cookie: Some(SecretString::from("ZZCANARYCOOKIE")),
                    password: Some(SecretString::from("ZZCANARYPASSWORD")),
                },
            )
        })
        .expect("rows");
    let look = |when: &str, wants_wal: bool| {
        let mut files = Vec::new();
        every_file(folder.path(), &mut files);
        assert_eq!(files.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()), wants_wal, "{when}");
        for (name, bytes) in files {
            for canary in canaries {
                for form in forms_of(canary) {
                    assert!(!bytes.windows(form.len()).any(|window| window == form), "{when}: {canary} in {name}");
                }
            }
        }
    };
    look("open", true);
    let kept = store.read_blocking(account::get).expect("a read").expect("an account");
    assert_eq!(kept.password.map(|p| p.expose_secret().to_owned()).as_deref(), Some("ZZCANARYPASSWORD"));
    assert!(!format!("{:?}", kept.cookie).contains("CANARY"));
    drop(store);
    look("closed", false);
}

#[test]
fn an_empty_file_in_the_librarys_place_is_damage_and_not_a_new_library() {
    let folder = folder();
    let key = key(folder.path());
    for (bytes, code) in [(&b""[..], Code::StoreDamaged), (&[7; 40_000][..], Code::StoreDamaged)] {
        fs::write(folder.path().join("library.db"), bytes).expect("file");
        let refused =
            Store::open(&folder.path().join("library.db"), &key, &ManualClock::at(NOW_MS)).expect_err("damage");
        assert_eq!(refused.code(), code);
        assert_eq!(fs::read(folder.path().join("library.db")).expect("file"), bytes);
    }
}

#[test]
fn a_library_that_is_gone_is_not_made_anew_beside_its_recordings() {
    let folder = folder();
    let key = key(folder.path());
    let make = || Store::open(&folder.path().join("library.db"), &key, &ManualClock::at(NOW_MS));
    fs::write(folder.path().join("library.db.part"), b"a start that was cut off").expect("file");
    drop(make().expect("what was never whole is made anew"));
    fs::remove_file(folder.path().join("library.db")).expect("gone");
    fs::create_dir_all(folder.path().join("recordings/ab/cd")).expect("folders");
    fs::write(folder.path().join("recordings/ab/cd/song.rec"), b"somebody else's").expect("a file");
    drop(make().expect("empty folders are nothing, nor is what was never ours"));
    fs::remove_file(folder.path().join("library.db")).expect("gone");
    let sealed = format!("recordings/ab/cd/abcd{}.rec", "0".repeat(28));
    fs::write(folder.path().join(sealed), b"sealed").expect("a recording");
    assert_eq!(make().expect_err("gone").code(), Code::StoreDamaged);
    assert!(!folder.path().join("library.db").exists());
}

#[test]
fn the_key_of_file_names_is_made_once() {
    let folder = folder();
    let first = open(folder.path()).read_blocking(profile::name_mac).expect("a key");
    let second = open(folder.path()).read_blocking(profile::name_mac).expect("a key");
    assert_eq!(first, second);
    assert_ne!(*first, [0; 32]);
}

#[test]
fn a_transaction_that_fails_or_panics_leaves_nothing_and_the_writer_goes_on() {
    let folder = folder();
    let store = open(folder.path());
    let mut news = store.changes();
    let failed = store.write_blocking(|tx, changes: &mut ChangeSet| {
        calls::upsert(tx, &call(1))?;
        changes.touch(Tag::Calls);
        Err::<(), _>(StoreError::BadValue("on purpose"))
    });
    assert!(matches!(failed, Err(StoreError::BadValue(_))));
    let panicked: Result<(), _> = store.write_blocking(|tx, changes| {
        calls::upsert(tx, &call(2))?;
        changes.touch(Tag::Calls);
        panic!("on purpose")
    });
    assert!(matches!(panicked, Err(StoreError::Internal)));
    assert!(news.try_recv().is_err(), "nobody is told of what did not happen");

    store
        .write_blocking(|tx, changes| {
            changes.touch(Tag::Calls);
            calls::upsert(tx, &call(3))
        })
        .expect("the writer lives");
    assert_eq!(news.try_recv().expect("news").tags.into_iter().collect::<Vec<_>>(), [Tag::Calls]);
    let sids = store.read_blocking(calls::present_sids).expect("a read");
    assert_eq!(sids, [sid(3)]);
}

#[test]
fn a_reader_sees_one_moment_and_cannot_write() {
    let folder = folder();
    let store = open(folder.path());
    let refused = store.read_blocking(|conn| {
        conn.execute("INSERT INTO leads (id) VALUES (1)", [])?;
        Ok(())
    });
    assert!(matches!(refused, Err(StoreError::ReadOnly | StoreError::Sql(_))));
}

#[tokio::test]
async fn many_tasks_write_and_read_at_once_and_every_write_arrives() {
    let folder = folder();
    let path = folder.path().to_owned();
    let store = tokio::task::spawn_blocking(move || open(&path)).await.expect("open");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        tasks.spawn(async move {
            store.write(move |tx, _| calls::upsert(tx, &call(n))).await.expect("a write");
            store.read(calls::totals).await.expect("a read").all
        });
    }
    let seen = tasks.join_all().await;
    assert_eq!(seen.into_iter().max(), Some(200));
    tokio::task::spawn_blocking(move || drop(store)).await.expect("closed");
}

const CHILD: &str = "AFTERCALL_TEST_STORE_CHILD";

fn child_key(folder: &Path) -> DbKey {
    open_root_key(folder, &KeyChoice::File(folder.join("key"))).expect("a key").db_key()
}

/// Not a test of its own: the second process of the next one.
#[test]
fn second_process() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let folder = Path::new(&folder);
    let store = Store::open(&folder.join("library.db"), &child_key(folder), &ManualClock::at(NOW_MS)).expect("open");
    for n in 1000..1200 {
        store.write_blocking(move |tx, _| calls::upsert(tx, &call(n))).expect("a write");
    }
}

#[test]
fn two_processes_write_at_once_and_no_row_is_lost() {
    let folder = folder();
    let store = open(folder.path());
    let mut other = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "sealed::second_process"])
        .env(CHILD, folder.path())
        .spawn()
        .expect("a second process");
    for n in 0..200 {
        store.write_blocking(move |tx, _| calls::upsert(tx, &call(n))).expect("a write");
    }
    assert!(other.wait().expect("it ends").success());
    assert_eq!(store.read_blocking(calls::totals).expect("a read").all, 400);

    let beside = Store::open_for_reading(&folder.path().join("library.db"), &key(folder.path())).expect("a reader");
    assert_eq!(beside.read_blocking(calls::totals).expect("a read").all, 400);
    let refused = beside.write_blocking(|tx, _| calls::upsert(tx, &call(1)));
    assert_eq!(refused.expect_err("read only").code(), Code::ProfileInUse);
}
