//! Keys in a person's hands: lock and unlock, passphrases, another key, a lost one, and a device nobody asked after.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aftercall_app::contract::{COMMANDS, dispatch};
use aftercall_app::start::{Access, Boot, StartOptions};
use aftercall_domain::clock::{Clock as _, ManualClock, SystemClock};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::world::{World, arrived, ask_for, id_of, refused, until};

const WORDS: &str = "סוס סוללה סיכה נכון";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The apps that follow each other behind one window.
struct Window {
    options: StartOptions,
    boot: Boot,
}

impl Window {
    async fn open(options: StartOptions) -> Self {
        Self { boot: Boot::start(options.clone()).await, options }
    }

    /// What the shell does before each question.
    async fn turn(&mut self) -> &Boot {
        if self.boot.is_over() {
            self.boot = Boot::start(self.boot.next(&self.options)).await;
        }
        &self.boot
    }

    async fn ask(&mut self, command: &str, args: Value) -> Value {
        ask_for(self.turn().await, command, args).await
    }

    async fn phase(&mut self) -> String {
        self.ask("boot_state", json!({})).await["phase"].as_str().unwrap().to_owned()
    }

    /// Puts the profile's key under a passphrase.
    async fn with_passphrase(mut self) -> Self {
        self.ask("key_move", json!({"place": "passphrase", "passphrase": WORDS})).await;
        assert_eq!(self.ask("security_read", json!({})).await["can_lock"], true);
        self
    }
}

/// Signed in, synced, one recording here, under a passphrase.
async fn guarded(world: &World, options: StartOptions) -> Window {
    let window = Window::open(options).await;
    world.sign_in(&window.boot).await;
    until(|| async { ask_for(&window.boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    ask_for(&window.boot, "recording_want", json!({"id": id_of(&world.call(0))})).await;
    arrived(&window.boot, &world.call(0)).await;
    window.with_passphrase().await
}

fn bytes_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if !name.starts_with("logs") && name != "lock" && name != "passphrase.tries" {
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Arguments that fit each command: a new one has to be added here.
fn arguments(command: &str, sid: &str) -> Value {
    let id = id_of(sid);
    match command {
        "boot_state" | "sync_now" | "sync_nudge" | "sync_state" | "outbox_state" | "player_play" | "player_pause"
        | "player_state" | "doctor_steps" | "doctor_mend" | "security_read" | "lock" | "start_again" | "start_anew"
        | "presence" | "storage_state" | "storage_evict" | "views_read" | "rules_read" | "about_read"
        | "player_undo" | "player_say_again" | "player_next" | "player_previous" | "player_devices" | "queue_read"
        | "queue_clear" => json!({}),
        "session_sign_in" => {
            json!({"url": "https://crm.example.com", "email": "a", "password": "b", "stay_signed_in": false})
        }
        "session_sign_out" => json!({"wipe": false}),
        "settings_write" => json!({"language": "he", "theme": "dark", "time_zone": "Asia/Jerusalem"}),
        "security_write" => json!({"lock_after_minutes": 5, "lock_on_suspend": true, "offline_days": 30}),
        "unlock" => json!({"passphrase": "not this one"}),
        "key_choose" => json!({"place": "passphrase", "passphrase": WORDS}),
        "key_move" => json!({"place": "passphrase", "current": WORDS, "passphrase": WORDS}),
        "key_rotate" => json!({"current": WORDS}),
        "doctor_look" => json!({"step": "key"}),
        "desk_keep" => json!({"place": "", "typed": []}),
        "calls_window" => json!({"filter": {}, "offset": 0, "limit": 5}),
        "leads_window" => json!({"search": "", "offset": 0, "limit": 5}),
        "call_read" | "call_page" | "listening_read" => json!({"sid": sid}),
        "listening_keep" => json!({"sid": sid, "position_ms": 1}),
        "lead_read" | "lead_open" | "lead_in_crm" => json!({"id": "1"}),
        "note_add" => json!({"lead_id": "1", "text": "a note"}),
        "note_edit" => json!({"id": "1", "text": "a note"}),
        "note_retry" | "note_discard" => json!({"id": "draft:1"}),
        "recording_want"
        | "recording_cancel"
        | "recording_swap_sides"
        | "recording_pin"
        | "recording_unpin"
        | "recording_evict"
        | "recording_keep"
        | "recording_turns"
        | "queue_remove" => json!({"id": id}),
        "storage_limits" => json!({"cap_bytes": null, "keep_free_bytes": null, "deleted_after_days": 7}),
        "recording_peaks" => json!({"id": id, "buckets": 10}),
        "player_load" => json!({"id": id, "play": true}),
        "player_seek" => json!({"position_ms": 1}),
        "player_speed" => json!({"speed": 1.0}),
        "player_volume" => json!({"volume": 0.5}),
        "calls_mark" => json!({"sids": [sid], "heard": true}),
        "calls_csv" => {
            json!({"sids": [sid], "filter": {}, "name": "x", "heads": vec!["head"; 10], "words": {}})
        }
        "views_write" => json!({"views": []}),
        "agenda_read" => json!({"from_ms": 0, "to_ms": 1}),
        "recordings_export" => json!({"ids": [id], "from_ms": null, "to_ms": null}),
        "rules_write" => json!({"appointments": true, "recent_days": null}),
        "kept_window" => json!({"list": "on_device", "offset": 0, "limit": 5}),
        "desktop_show" => {
            json!({"playing": "locked", "recording": "r", "play": null, "sync": "-", "open": "o", "quit": "q"})
        }
        "desktop_notify" => json!({"title": "t", "text": "x"}),
        "player_seek_by" => json!({"by_ms": 5_000}),
        "player_tenth" => json!({"tenth": 1}),
        "player_turn" => json!({"by": 1}),
        "player_repeat" => json!({"step": "a", "at_ms": 100}),
        "player_mute" | "player_skip_silence" | "player_level" => json!({"on": true}),
        "player_solo" => json!({"channel": 1}),
        "player_gain" => json!({"channel": 1, "gain": 0.5}),
        "player_device" => json!({"id": null}),
        "queue_add" => json!({"ids": [id], "first": true}),
        "queue_move" => json!({"id": id, "to": 0}),
        "marks_read" => json!({"sid": sid}),
        "mark_add" => json!({"sid": sid, "at_ms": 100, "text": "here"}),
        "mark_rename" => json!({"id": 1, "text": "there"}),
        "mark_delete" => json!({"id": 1}),
        _ => panic!("say what fits {command}"),
    }
}

#[tokio::test]
async fn locked_every_command_answers_so_nothing_personal_comes_out_and_the_sound_has_stopped() {
    let world = World::small().await;
    let mut window = guarded(&world, world.options(Access::Window)).await;
    let sid = world.call(0);
    window.ask("player_load", json!({"id": id_of(&sid), "play": true})).await;
    until(|| async { ask_for(&window.boot, "player_state", json!({})).await["position_ms"].as_i64() > Some(300) })
        .await;
    let account = window.ask("boot_state", json!({})).await["account"].clone();
    let desk = json!({"place": "{\"at\":\"lead\",\"id\":\"3\"}", "typed": [{"lead_id": "3", "text": "עוד לא"}]});
    window.ask("desk_keep", desk.clone()).await;
    let mut events = window.boot.events().unwrap();

    window.ask("lock", json!({})).await;
    assert!(window.boot.is_over());
    let told = async { while !matches!(events.next().await.unwrap(), aftercall_app::dto::AppEvent::Locked) {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), told).await.expect("the page is told");
    assert!(events.next().await.is_none(), "and nothing after it");

    // The app that was, for a question that was under way; then the one that the window has from now on.
    for round in 0..2 {
        let boot = if round == 0 { &window.boot } else { window.turn().await };
        let before = world.sandbox.requests().len();
        for command in COMMANDS {
            if round == 1 && ["start_again", "start_anew", "unlock"].contains(command) {
                continue;
            }
            match dispatch(boot, command, arguments(command, &sid)).await {
                Ok(state) if *command == "boot_state" => {
                    assert_eq!((&state["phase"], &state["account"]), (&json!("locked"), &json!(null)));
                    let said = state.to_string();
                    for name in ["email", "name", "business"] {
                        assert!(!said.contains(account[name].as_str().unwrap()), "{said}");
                    }
                }
                // The window says what the desktop shows of a locked app; the app says nothing back.
                Ok(reply) if command.starts_with("desktop_") => assert_eq!(reply, json!({}), "{command}"),
                Ok(reply) => panic!("{command} answered {reply}"),
                Err(error) => {
                    // A choice of another key is refused in words of its own: there is one.
                    let allowed = if *command == "key_choose" && round == 1 { "invalid_input" } else { "locked" };
                    assert_eq!(error.code.as_str(), allowed, "{command}, round {round}");
                }
            }
        }
        let request = Request::builder().method(Method::GET).uri(format!("rec://localhost/{}", id_of(&sid)));
        let request = request.header("Origin", "tauri://localhost").body(()).unwrap();
        let answer = boot.respond(request, true, &["tauri://localhost"]).await;
        assert_eq!(answer.status(), 403, "round {round}");
        assert!(!String::from_utf8_lossy(answer.body()).contains(&sid));
        assert_eq!(world.sandbox.requests().len(), before, "nobody asks the server");
    }
    // Sealed on the disk, not beside it.
    for (name, bytes) in bytes_of(&world.folder()) {
        assert!(!bytes.windows(10).any(|part| part == &"עוד לא".as_bytes()[..10]), "{name}");
    }

    window.ask("unlock", json!({"passphrase": WORDS})).await;
    let state = window.ask("boot_state", json!({})).await;
    assert_eq!((&state["phase"], &state["account"], &state["desk"]), (&json!("ready"), &account, &desk));
    assert_eq!(window.ask("boot_state", json!({})).await["desk"], json!(null), "once");
    let call = window.ask("player_load", json!({"id": id_of(&sid), "play": false})).await;
    assert!(call["position_ms"].as_i64() > Some(200), "the position was saved: {call}");
    window.boot.close().await;
}

#[tokio::test]
async fn a_wrong_passphrase_is_said_costs_more_time_each_time_and_changes_nothing() {
    let world = World::small().await;
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let options = StartOptions { clock: clock.clone(), ..world.options(Access::Window) };
    let mut window = Window::open(options).await.with_passphrase().await;
    window.ask("lock", json!({})).await;
    let before = bytes_of(&world.folder());
    for wait_ms in [1_000, 2_000, 4_000] {
        let error = refused(window.turn().await, "unlock", json!({"passphrase": "סוס סוללה"})).await;
        assert_eq!((error.code.as_str(), error.retry_after_ms), ("wrong_password", Some(wait_ms)));
        let error = refused(window.turn().await, "unlock", json!({"passphrase": WORDS})).await;
        assert_eq!((error.code.as_str(), error.retry_after_ms), ("rate_limited", Some(wait_ms)));
        clock.advance_ms(wait_ms as i64);
    }
    assert_eq!(bytes_of(&world.folder()), before);
    assert_eq!(window.phase().await, "locked");
    window.ask("unlock", json!({"passphrase": WORDS})).await;
    assert_eq!(window.phase().await, "sign_in");
    window.boot.close().await;
}

#[tokio::test]
async fn the_passphrase_is_set_changed_and_removed_and_the_library_stays() {
    let world = World::small().await;
    let mut window = guarded(&world, world.options(Access::Window)).await;
    assert!(!world.key_file().exists(), "the file that a variable named is gone");
    let wrong = json!({"place": "passphrase", "current": "another one", "passphrase": "a new long one"});
    assert_eq!(refused(window.turn().await, "key_move", wrong).await.code.as_str(), "wrong_password");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let weak = json!({"place": "passphrase", "current": WORDS, "passphrase": "short"});
    assert_eq!(refused(window.turn().await, "key_move", weak).await.code.as_str(), "invalid_input");
    assert_eq!(window.phase().await, "ready");
    window.ask("key_move", json!({"place": "passphrase", "current": WORDS, "passphrase": "a new long one"})).await;
    assert_eq!(window.phase().await, "ready");
    window.ask("lock", json!({})).await;
    let former = refused(window.turn().await, "unlock", json!({"passphrase": WORDS})).await;
    assert_eq!(former.code.as_str(), "wrong_password");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    window.ask("unlock", json!({"passphrase": "a new long one"})).await;
    let calls = window.ask("calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await;
    assert_eq!(calls["all"], 40);
    window.boot.close().await;
}

#[tokio::test]
async fn another_key_opens_everything_and_the_app_goes_on_with_it() {
    let world = World::small().await;
    let mut window = guarded(&world, world.options(Access::Window)).await;
    let refusal = refused(window.turn().await, "key_rotate", json!({})).await;
    assert_eq!(refusal.code.as_str(), "locked", "the passphrase is asked for");
    window.ask("key_rotate", json!({"current": WORDS})).await;
    assert_eq!(window.phase().await, "ready");
    window.ask("player_load", json!({"id": id_of(&world.call(0)), "play": false})).await;
    until(|| async { ask_for(&window.boot, "player_state", json!({})).await["phase"] == "paused" }).await;
    window.ask("lock", json!({})).await;
    window.ask("unlock", json!({"passphrase": WORDS})).await;
    assert_eq!(window.phase().await, "ready");
    window.boot.close().await;
}

#[tokio::test]
async fn without_a_passphrase_locking_is_not_offered() {
    let world = World::small().await;
    let mut window = Window::open(world.options(Access::Window)).await;
    assert_eq!(window.ask("security_read", json!({})).await["can_lock"], false);
    assert_eq!(refused(&window.boot, "lock", json!({})).await.code.as_str(), "invalid_input");
    assert_eq!(window.phase().await, "sign_in");
    window.boot.close().await;
}

async fn locks_by_itself(settings: Value, then: impl Fn(&ManualClock), locks: bool) {
    let world = World::small().await;
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let options = StartOptions { clock: clock.clone(), ..world.options(Access::Window) };
    let mut window = Window::open(options).await.with_passphrase().await;
    window.ask("security_write", settings).await;
    window.ask("presence", json!({})).await;
    then(&clock);
    if locks {
        until(|| async { window.boot.is_over() }).await;
        assert_eq!(window.phase().await, "locked");
    } else {
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        assert_eq!(window.phase().await, "sign_in");
    }
    window.boot.close().await;
}

#[tokio::test]
async fn it_locks_when_nobody_was_there_for_the_minutes_that_are_set_and_not_before() {
    let set = json!({"lock_after_minutes": 5, "lock_on_suspend": false, "offline_days": 30});
    locks_by_itself(set.clone(), |clock| clock.advance_ms(299_000), false).await;
    locks_by_itself(set, |clock| clock.advance_ms(300_000), true).await;
    let never = json!({"lock_after_minutes": null, "lock_on_suspend": false, "offline_days": 30});
    locks_by_itself(never, |clock| clock.advance_ms(100 * 60_000), false).await;
}

#[tokio::test]
async fn it_locks_when_the_computer_slept_where_that_is_set() {
    let slept = |clock: &ManualClock| clock.set_wall_ms(clock.now_ms() + 120_000);
    locks_by_itself(json!({"lock_after_minutes": null, "lock_on_suspend": true, "offline_days": 30}), slept, true)
        .await;
    locks_by_itself(json!({"lock_after_minutes": null, "lock_on_suspend": false, "offline_days": 30}), slept, false)
        .await;
}

#[tokio::test]
async fn recordings_lock_on_the_day_that_was_shown_and_open_once_the_server_was_asked() {
    let world = World::small().await;
    let boot = world.synced().await;
    ask_for(&boot, "recording_want", json!({"id": id_of(&world.call(0))})).await;
    arrived(&boot, &world.call(0)).await;
    boot.close().await;
    drop(boot);

    let later = Arc::new(ManualClock::at(SystemClock::new().now_ms() + 29 * DAY_MS));
    let reader = StartOptions { clock: later.clone(), ..world.options(Access::Read) };
    let load = json!({"id": id_of(&world.call(0)), "buckets": 10});
    let boot = Boot::start(reader.clone()).await;
    let shown = ask_for(&boot, "security_read", json!({})).await;
    assert_eq!(shown["recordings_locked"], false);
    let until_ms = shown["recordings_until_ms"].as_i64().unwrap();
    assert!((0..=DAY_MS).contains(&(until_ms - later.now_ms())), "the day is known beforehand");
    boot.close().await;
    later.advance_ms(DAY_MS + 1);

    let boot = Boot::start(reader).await;
    assert_eq!(ask_for(&boot, "security_read", json!({})).await["recordings_locked"], true);
    let calls = ask_for(&boot, "calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await;
    assert_eq!(calls["all"], 40, "what is known stays readable");
    ask_for(&boot, "recording_peaks", load).await;
    let request = Request::builder().uri(format!("rec://localhost/{}", id_of(&world.call(0))));
    let request = request.header("Origin", "tauri://localhost").body(()).unwrap();
    assert_eq!(boot.respond(request, true, &["tauri://localhost"]).await.status(), 403);
    let Boot::Ready(app) = &boot else { panic!("refused") };
    let out = world.profile.path().join("out.mp3");
    let exported = app.export(&world.call(0).parse().unwrap(), out.clone()).await;
    assert_eq!(exported.expect_err("locked").code().as_str(), "locked");
    assert!(!out.exists());
    boot.close().await;

    let writer = StartOptions { clock: later, ..world.options(Access::Write) };
    let boot = Boot::start(writer).await;
    let Boot::Ready(app) = &boot else { panic!("refused") };
    app.sync_once(false).await.unwrap();
    assert_eq!(ask_for(&boot, "security_read", json!({})).await["recordings_locked"], false);
    app.export(&world.call(0).parse().unwrap(), out).await.unwrap();
    boot.close().await;
}

#[tokio::test]
async fn what_no_key_opens_is_put_aside_whole_and_opens_again_with_its_key() {
    let world = World::small().await;
    let boot = world.synced().await;
    ask_for(&boot, "recording_want", json!({"id": id_of(&world.call(0))})).await;
    arrived(&boot, &world.call(0)).await;
    assert_eq!(refused(&boot, "start_anew", json!({})).await.code.as_str(), "invalid_input", "it opens");
    boot.close().await;
    drop(boot);
    let before = bytes_of(&world.folder());
    let kept = world.key_file().with_extension("kept");
    std::fs::rename(world.key_file(), &kept).unwrap();

    let mut window = Window::open(world.options(Access::Window)).await;
    assert_eq!(window.ask("boot_state", json!({})).await["error"]["code"], "key_lost");
    assert_eq!(bytes_of(&world.folder()), before, "nothing happens before it is asked for");
    window.ask("start_anew", json!({})).await;
    assert_eq!(window.phase().await, "sign_in");
    let calls = window.ask("calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await;
    assert_eq!(calls["all"], 0);
    let aside = std::fs::read_dir(world.folder()).unwrap().map(|entry| entry.unwrap().path());
    let aside = aside.into_iter().find(|path| path.display().to_string().contains("aside-")).expect("a folder");
    assert_eq!(bytes_of(&aside), before, "every byte of it is there");
    window.boot.close().await;

    let old = StartOptions {
        profile: Some(aside.clone()),
        key: aftercall_app::start::KeyChoice::File(kept),
        ..world.options(Access::Read)
    };
    let boot = Boot::start(old).await;
    assert_eq!(ask_for(&boot, "calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await["all"], 40);
    boot.close().await;
    window.ask("boot_state", json!({})).await;
}

#[tokio::test]
async fn a_second_account_is_a_second_profile_unless_nothing_of_the_first_is_here() {
    let world = World::small().await;
    let ready = world.sandbox.ready();
    let agent = json!({
        "url": ready.url, "email": ready.agent.email, "password": ready.agent.password, "stay_signed_in": true,
    });
    let boot = world.window().await;
    world.sign_in(&boot).await;
    until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    ask_for(&boot, "session_sign_out", json!({"wipe": false})).await;
    let asked = world.sandbox.requests().len();
    assert_eq!(refused(&boot, "session_sign_in", agent.clone()).await.code.as_str(), "profile_in_use");
    assert_eq!(world.sandbox.requests().len(), asked, "no password went out");
    let mut shouted = json!({"url": ready.url, "email": ready.email.to_uppercase(), "password": ready.password});
    shouted["stay_signed_in"] = json!(true);
    let _ = dispatch(&boot, "session_sign_in", shouted).await.map_err(|error| {
        assert_ne!(error.code.as_str(), "profile_in_use", "the same person");
    });
    ask_for(&boot, "session_sign_out", json!({"wipe": true})).await;
    let boot = Boot::start(boot.next(&world.options(Access::Window))).await;
    let account = ask_for(&boot, "session_sign_in", agent).await;
    assert_eq!(account["email"], ready.agent.email);
    boot.close().await;
}
