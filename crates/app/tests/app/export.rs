//! What leaves the app goes where the desktop says, and nowhere else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aftercall_app::desktop::{Desktop, Notice, Tray};
use aftercall_app::now_playing::NowPlaying;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::world::{World, ask_for, fetched, id_of, refused, until};

/// A person who always chooses this folder, or always thinks better of it.
struct Person {
    folder: Option<PathBuf>,
    asked: Mutex<Vec<String>>,
    told: Mutex<Vec<String>>,
    playing: Mutex<Option<NowPlaying>>,
}

impl Person {
    fn with(folder: Option<&Path>) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.map(Path::to_owned),
            asked: Mutex::default(),
            told: Mutex::default(),
            playing: Mutex::default(),
        })
    }
}

impl Desktop for Person {
    fn save_as(&self, name: String, extension: &'static str) -> BoxFuture<'static, Option<PathBuf>> {
        let file = format!("{name}.{extension}");
        self.asked.lock().unwrap().push(file.clone());
        let chosen = self.folder.as_ref().map(|folder| folder.join(file));
        async move { chosen }.boxed()
    }

    fn folder(&self) -> BoxFuture<'static, Option<PathBuf>> {
        let folder = self.folder.clone();
        async move { folder }.boxed()
    }

    fn show(&self, tray: Tray) {
        self.told.lock().unwrap().push(tray.playing);
    }

    fn now_playing(&self, now: Option<NowPlaying>) {
        *self.playing.lock().unwrap() = now;
    }

    fn notify(&self, notice: Notice) {
        self.told.lock().unwrap().push(notice.title);
    }

    fn browse(&self, page: &str) -> bool {
        self.told.lock().unwrap().push(page.to_owned());
        self.folder.is_some()
    }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn csv(sids: Value) -> Value {
    let heads: Vec<_> = (0..10).map(|n| format!("head {n}")).collect();
    let filter = json!({"search": "", "view": "all"});
    json!({"sids": sids, "filter": filter, "name": "שיחות/היום", "heads": heads, "words": {"outcome_answered": "נענתה"}})
}

#[tokio::test]
async fn an_original_leaves_byte_for_byte_under_a_name_that_a_person_would_give_it() {
    let world = World::small().await;
    let folder = tempfile::tempdir().unwrap();
    let person = Person::with(Some(folder.path()));
    let boot = world.synced_on(Some(person.clone())).await;
    let (sid, other) = (world.call(0), world.call(1));
    let ask = |ids: &[&String]| {
        let ids: Vec<_> = ids.iter().map(|sid| id_of(sid)).collect();
        json!({"ids": ids, "from_ms": null, "to_ms": null})
    };
    let early = refused(&boot, "recordings_export", ask(&[&sid])).await;
    assert_eq!(early.code.as_str(), "invalid_input", "what is not here is not asked a place for");
    assert!(person.asked.lock().unwrap().is_empty());

    fetched(&boot, &sid).await;
    let saved = ask_for(&boot, "recordings_export", ask(&[&sid])).await;
    let name = person.asked.lock().unwrap()[0].clone();
    assert_eq!((&saved["files"], &saved["name"]), (&json!(1), &json!(name)));
    let row = ask_for(&boot, "call_read", json!({"sid": sid})).await;
    assert!(name.contains(row["lead_name"].as_str().unwrap_or_else(|| row["number"].as_str().unwrap())), "{name}");
    let hash = Sha256::digest(std::fs::read(folder.path().join(&name)).unwrap());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let truth = world.sandbox.ready().recordings.iter().find(|one| one.call_sid == sid).unwrap().sha256.clone();
    assert_eq!(hash, truth);

    fetched(&boot, &other).await;
    let saved = ask_for(&boot, "recordings_export", ask(&[&sid, &other])).await;
    assert_eq!((&saved["files"], &saved["left_out"]), (&json!(2), &json!(0)));
    assert_eq!(files(folder.path()).len(), 3, "no file is written over another: {:?}", files(folder.path()));

    let clip = json!({"ids": [id_of(&sid)], "from_ms": 500, "to_ms": 1500});
    ask_for(&boot, "recordings_export", clip).await;
    let name = person.asked.lock().unwrap().last().unwrap().clone();
    assert!(name.ends_with("(00.00-00.01).wav"), "{name}");
    let wav = std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(&wav[..4], b"RIFF");
    boot.close().await;
}

#[tokio::test]
async fn calls_leave_as_a_table_that_a_spreadsheet_reads_and_does_not_run() {
    let world = World::small().await;
    let folder = tempfile::tempdir().unwrap();
    let person = Person::with(Some(folder.path()));
    let boot = world.synced_on(Some(person.clone())).await;
    let saved = ask_for(&boot, "calls_csv", csv(json!(null))).await;
    let all = ask_for(&boot, "calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await["all"].clone();
    assert_eq!((&saved["rows"], &saved["name"]), (&all, &json!("שיחות-היום.csv")));
    let text = std::fs::read_to_string(folder.path().join("שיחות-היום.csv")).unwrap();
    assert!(text.starts_with("\u{feff}\"head 0\",\"head 1\""));
    assert_eq!(text.matches("\r\n").count() as u64, all.as_u64().unwrap() + 1);
    assert!(text.contains("\"נענתה\""), "words are the window's");
    for field in text.lines().skip(1).flat_map(|line| line.split("\",\"")) {
        assert!(!field.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{field}");
    }

    let some = ask_for(&boot, "calls_csv", csv(json!([world.call(0), world.call(1)]))).await;
    assert_eq!(some["rows"], 2);
    let wrong = json!({"sids": null, "filter": {}, "name": "x", "heads": ["one"], "words": {}});
    assert_eq!(refused(&boot, "calls_csv", wrong).await.code.as_str(), "invalid_input");
    boot.close().await;
}

#[tokio::test]
async fn a_lead_is_shown_in_the_crm_that_somebody_signed_in_to_and_nowhere_else() {
    let world = World::small().await;
    let folder = tempfile::tempdir().unwrap();
    let person = Person::with(Some(folder.path()));
    let boot = world.synced_on(Some(person.clone())).await;
    ask_for(&boot, "lead_in_crm", json!({"id": "7"})).await;
    assert_eq!(*person.told.lock().unwrap(), [format!("{}/app/leads/7", world.sandbox.ready().url)]);
    for id in ["7/../../login", "//evil.example", "7?x", "@evil.example", ""] {
        assert_eq!(refused(&boot, "lead_in_crm", json!({"id": id})).await.code.as_str(), "invalid_input", "{id:?}");
    }
    assert_eq!(person.told.lock().unwrap().len(), 1);
    ask_for(&boot, "session_sign_out", json!({"wipe": false})).await;
    assert_eq!(refused(&boot, "lead_in_crm", json!({"id": "7"})).await.code.as_str(), "login_expired");
    boot.close().await;
}

#[tokio::test]
async fn who_thinks_better_of_it_gets_no_file_and_who_has_no_desktop_is_told() {
    let world = World::small().await;
    let person = Person::with(None);
    let boot = world.synced_on(Some(person.clone())).await;
    fetched(&boot, &world.call(0)).await;
    let ask = json!({"ids": [id_of(&world.call(0))], "from_ms": null, "to_ms": null});
    assert_eq!(ask_for(&boot, "recordings_export", ask.clone()).await["files"], 0);
    assert_eq!(ask_for(&boot, "calls_csv", csv(json!(null))).await["files"], 0);
    let tray = json!({"playing": "x", "recording": "r", "play": null, "sync": "y", "open": "o", "quit": "q"});
    ask_for(&boot, "desktop_show", tray).await;
    ask_for(&boot, "desktop_notify", json!({"title": "ready", "text": "it plays"})).await;
    assert_eq!(person.told.lock().unwrap()[..2], ["x", "ready"]);
    assert_eq!(refused(&boot, "lead_in_crm", json!({"id": "7"})).await.code.as_str(), "not_found", "no browser");
    let turned = json!({"title": "two\nlines", "text": ""});
    assert_eq!(refused(&boot, "desktop_notify", turned).await.code.as_str(), "invalid_input");
    boot.close().await;

    let boot = world.window().await;
    assert_eq!(refused(&boot, "recordings_export", ask).await.code.as_str(), "invalid_input");
    ask_for(&boot, "desktop_notify", json!({"title": "nobody hears it", "text": ""})).await;
    boot.close().await;
}

#[tokio::test]
async fn strangers_see_that_a_call_plays_and_whose_it_is_only_where_that_was_chosen() {
    let world = World::small().await;
    let person = Person::with(None);
    let boot = world.synced_on(Some(person.clone())).await;
    let seen = || person.playing.lock().unwrap().clone();
    fetched(&boot, &world.call(0)).await;
    assert_eq!(seen(), None, "nothing is in the player");
    let tray = |whose: &str| {
        json!({"playing": whose, "recording": "Call recording", "whose": whose, "play": "Pause", "sync": "-",
               "open": "o", "quit": "q"})
    };
    ask_for(&boot, "desktop_show", tray("Noa Levi")).await;
    ask_for(&boot, "player_load", json!({"id": id_of(&world.call(0)), "play": true})).await;
    until(|| async { seen().is_some_and(|now| now.plays && now.position_ms > 0) }).await;
    let now = seen().unwrap();
    assert_eq!((now.title.as_str(), now.pace), ("Call recording", 1.0));
    assert!(now.duration_ms.is_some_and(|length_ms| length_ms >= now.position_ms), "{now:?}");
    let mut settings = ask_for(&boot, "boot_state", json!({})).await["settings"].clone();
    settings["now_playing_names"] = json!(true);
    ask_for(&boot, "settings_write", settings).await;
    until(|| async { seen().is_some_and(|now| now.title == "Noa Levi") }).await;
    ask_for(&boot, "player_pause", json!({})).await;
    until(|| async { seen().is_some_and(|now| !now.plays) }).await;
    let long = json!({"playing": "x", "recording": "two\nlines", "play": null, "sync": "-", "open": "o", "quit": "q"});
    assert_eq!(refused(&boot, "desktop_show", long).await.code.as_str(), "invalid_input");
    boot.close().await;
    assert_eq!(seen(), None, "what is closed or locked shows nothing");
}
