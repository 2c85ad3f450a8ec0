//! What a person does with the recording in the player, by the contract's commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aftercall_app::start::{Access, Boot, StartOptions};
use aftercall_domain::clock::{Clock, SystemClock};
use aftercall_player::OutputChoice;
use aftercall_player::output::{Device, Headless};
use serde_json::{Value, json};

use crate::world::{World, ask_for, fetched, id_of, refused, until};

async fn state(boot: &Boot) -> Value {
    ask_for(boot, "player_state", json!({})).await
}

/// The computer's clock, and how far it was put ahead.
struct Ahead {
    clock: SystemClock,
    by_ms: AtomicI64,
}

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms() + self.by_ms.load(Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> i64 {
        self.clock.monotonic_ms() + self.by_ms.load(Ordering::SeqCst)
    }
}

struct Listener {
    world: World,
    clock: Arc<Ahead>,
}

impl Listener {
    async fn start(&self) -> Boot {
        Boot::start(StartOptions { clock: self.clock.clone(), ..self.world.options(Access::Window) }).await
    }

    fn goes_on(&self, ms: i64) {
        self.clock.by_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

/// A call of 45 seconds with two channels, stored, standing at its beginning.
async fn standing() -> (Listener, Boot, String) {
    let clock = Arc::new(Ahead { clock: SystemClock::new(), by_ms: AtomicI64::new(0) });
    let listener = Listener { world: World::small().await, clock };
    let boot = listener.start().await;
    listener.world.sign_in(&boot).await;
    until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    let sid = listener.world.call_with("call-dual-45s.mp3");
    fetched(&boot, &sid).await;
    stand(&boot, &sid).await;
    (listener, boot, sid)
}

async fn stand(boot: &Boot, sid: &str) {
    ask_for(boot, "player_load", json!({"id": id_of(sid), "play": false})).await;
    until(|| async { state(boot).await["phase"] == "paused" }).await;
}

async fn code(boot: &Boot, command: &str, args: Value) -> &'static str {
    refused(boot, command, args).await.code.as_str()
}

async fn seek(boot: &Boot, position_ms: i64) -> Value {
    ask_for(boot, "player_seek", json!({ "position_ms": position_ms })).await
}

#[tokio::test]
async fn jumps_by_steps_tenths_and_speakers_and_back() {
    let (_listener, boot, sid) = standing().await;
    assert_eq!(seek(&boot, 20_000).await["position_ms"], 20_000);
    for _ in 0..3 {
        ask_for(&boot, "player_seek_by", json!({"by_ms": 5_000})).await;
    }
    let now = state(&boot).await;
    assert_eq!((&now["position_ms"], &now["can_undo"]), (&json!(35_000), &json!(true)));
    assert_eq!(ask_for(&boot, "player_seek_by", json!({"by_ms": -90_000})).await["position_ms"], 0);
    // They all followed each other at once: one jump, from the beginning.
    let back = ask_for(&boot, "player_undo", json!({})).await;
    assert_eq!((&back["position_ms"], &back["can_undo"]), (&json!(0), &json!(false)));

    assert_eq!(ask_for(&boot, "player_tenth", json!({"tenth": 4})).await["position_ms"], 18_000);
    assert_eq!(code(&boot, "player_tenth", json!({"tenth": 10})).await, "invalid_input");

    let turns = ask_for(&boot, "recording_turns", json!({"id": id_of(&sid)})).await;
    assert_eq!((&turns["channels"], turns["sides"].as_array().unwrap().len()), (&json!(2), 2));
    let starts: Vec<i64> = turns["turns"].as_array().unwrap().iter().map(|t| t["start_ms"].as_i64().unwrap()).collect();
    seek(&boot, 0).await;
    let first = ask_for(&boot, "player_turn", json!({"by": 1})).await["position_ms"].as_i64().unwrap();
    let second = ask_for(&boot, "player_turn", json!({"by": 1})).await["position_ms"].as_i64().unwrap();
    assert!(first == starts[0] && second > first && starts.contains(&second), "{first} {second} {starts:?}");
    assert_eq!(ask_for(&boot, "player_turn", json!({"by": -1})).await["position_ms"], first);
    boot.close().await;
}

#[tokio::test]
async fn silences_are_shown_and_skipped_and_what_is_set_is_remembered() {
    let (listener, boot, sid) = standing().await;
    let turns = ask_for(&boot, "recording_turns", json!({"id": id_of(&sid)})).await;
    let cuts: Vec<(i64, i64)> = serde_json::from_value(turns["cuts"].clone()).unwrap();
    let saved: i64 = cuts.iter().map(|(start, end)| end - start).sum();
    assert!(saved > 0 && turns["saved_ms"] == saved, "{turns}");
    let now = ask_for(&boot, "player_skip_silence", json!({"on": true})).await;
    assert_eq!((&now["skip_silence"], &now["skip_saves_ms"]), (&json!(true), &json!(saved)));

    assert_eq!(ask_for(&boot, "player_speed", json!({"speed": 1.52})).await["speed"], 1.5);
    assert_eq!(ask_for(&boot, "player_volume", json!({"volume": 0.25})).await["volume"], 0.25);
    let now = ask_for(&boot, "player_mute", json!({"on": true})).await;
    assert_eq!((&now["muted"], &now["volume"]), (&json!(true), &json!(0.25)));
    assert_eq!(ask_for(&boot, "player_volume", json!({"volume": 0.5})).await["muted"], false);

    assert_eq!(ask_for(&boot, "player_solo", json!({"channel": 2})).await["solo"], 2);
    assert_eq!(code(&boot, "player_solo", json!({"channel": 3})).await, "invalid_input");
    let now = ask_for(&boot, "player_gain", json!({"channel": 1, "gain": 0.5})).await;
    assert_eq!(now["gains"], json!([0.5, 1.0]));
    assert_eq!(code(&boot, "player_gain", json!({"channel": 1, "gain": 2.5})).await, "invalid_input");
    assert_eq!(now["level"], false, "nobody asked for it");
    assert_eq!(ask_for(&boot, "player_level", json!({"on": true})).await["level"], true);
    boot.close().await;
    drop(boot);

    let again = listener.start().await;
    let now = state(&again).await;
    assert_eq!((&now["speed"], &now["volume"], &now["skip_silence"]), (&json!(1.5), &json!(0.5), &json!(true)));
    assert_eq!(now["level"], true);
    ask_for(&again, "player_load", json!({"id": id_of(&sid), "play": false})).await;
    until(|| async { state(&again).await["phase"] == "paused" }).await;
    assert_eq!(state(&again).await["level"], true, "of every call");
    assert_eq!((&now["solo"], &now["gains"], &now["muted"]), (&Value::Null, &json!([1.0, 1.0]), &json!(false)));
    again.close().await;
}

#[tokio::test]
async fn a_stretch_goes_round_and_what_was_said_is_said_again() {
    let (_listener, boot, _) = standing().await;
    let a = ask_for(&boot, "player_repeat", json!({"step": "a", "at_ms": 10_000})).await;
    assert_eq!(a["repeat"], json!({"a_ms": 10_000, "b_ms": null, "on": false}));
    let b = ask_for(&boot, "player_repeat", json!({"step": "b", "at_ms": 10_400})).await;
    assert_eq!(b["repeat"], json!({"a_ms": 10_000, "b_ms": 10_400, "on": true}));
    assert_eq!(b["position_ms"], 10_000, "from outside it goes to its beginning");
    ask_for(&boot, "player_play", json!({})).await;
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        let at = state(&boot).await["position_ms"].as_i64().unwrap();
        assert!((10_000..=10_400).contains(&at), "{at}");
    }
    ask_for(&boot, "player_repeat", json!({"step": "clear", "at_ms": null})).await;
    seek(&boot, 20_000).await;
    let again = ask_for(&boot, "player_say_again", json!({})).await;
    assert_eq!((&again["saying_again"], &again["pace"], &again["speed"]), (&json!(true), &json!(0.75), &json!(1.0)));
    let at = again["position_ms"].as_i64().unwrap();
    assert!((14_900..=15_200).contains(&at), "{at}");
    boot.close().await;
}

#[tokio::test]
async fn after_a_pause_it_goes_back_a_little_and_after_a_jump_it_does_not() {
    let (listener, boot, sid) = standing().await;
    let rested = async |rewind: &str, jumps: bool| -> i64 {
        let settings = json!({"language": "he", "theme": "system", "time_zone": "Asia/Jerusalem", "rewind": rewind});
        ask_for(&boot, "settings_write", settings).await;
        seek(&boot, 20_000).await;
        ask_for(&boot, "player_play", json!({})).await;
        let paused = ask_for(&boot, "player_pause", json!({})).await["position_ms"].as_i64().unwrap();
        until(|| async { state(&boot).await["phase"] == "paused" }).await;
        listener.goes_on(600_000);
        let from = if jumps { seek(&boot, 30_000).await["position_ms"].as_i64().unwrap() } else { paused };
        let played = ask_for(&boot, "player_play", json!({})).await["position_ms"].as_i64().unwrap();
        ask_for(&boot, "player_pause", json!({})).await;
        from - played
    };
    assert!((2_900..=3_000).contains(&rested("gentle", false).await));
    assert!((5_900..=6_000).contains(&rested("strong", false).await));
    assert!((-100..=0).contains(&rested("off", false).await));
    assert!((-100..=0).contains(&rested("gentle", true).await));
    boot.close().await;
    drop(boot);

    // A day later, after a restart.
    listener.goes_on(26 * 3_600_000);
    let boot = listener.start().await;
    ask_for(&boot, "player_load", json!({"id": id_of(&sid), "play": true})).await;
    until(|| async { state(&boot).await["phase"] == "playing" }).await;
    let at = state(&boot).await["position_ms"].as_i64().unwrap();
    assert!((9_500..=12_000).contains(&at), "20 s before where it stood: {at}");
    boot.close().await;
}

#[tokio::test]
async fn calls_wait_in_a_queue_that_outlives_a_restart_and_go_on_by_themselves() {
    let (listener, boot, first) = standing().await;
    let others: Vec<String> = (0..10).map(|ordinal| listener.world.call(ordinal)).filter(|sid| *sid != first).collect();
    let (second, third) = (others[0].clone(), others[1].clone());
    for sid in [&second, &third] {
        fetched(&boot, sid).await;
    }
    let sids = |view: &Value| -> Vec<String> {
        let calls = view["calls"].as_array().unwrap().iter();
        calls.map(|call| call["sid"].as_str().unwrap().to_owned()).collect()
    };
    let ids = json!([id_of(&second), id_of(&third)]);
    let view = ask_for(&boot, "queue_add", json!({"ids": ids, "first": false})).await;
    assert_eq!(sids(&view), [second.clone(), third.clone()]);
    let view = ask_for(&boot, "queue_move", json!({"id": id_of(&third), "to": 0})).await;
    assert_eq!(sids(&view), [third.clone(), second.clone()]);
    let view = ask_for(&boot, "queue_add", json!({"ids": [id_of(&second)], "first": true})).await;
    assert_eq!(sids(&view), [second.clone(), third.clone()], "one that waits already is moved");
    assert_eq!(state(&boot).await["queued"], 2);
    boot.close().await;
    drop(boot);

    let boot = listener.start().await;
    assert_eq!(sids(&ask_for(&boot, "queue_read", json!({})).await), [second.clone(), third.clone()]);
    stand(&boot, &first).await;
    seek(&boot, 44_700).await;
    ask_for(&boot, "player_play", json!({})).await;
    until(|| async { state(&boot).await["call"]["sid"] == *second }).await;
    assert_eq!(sids(&ask_for(&boot, "queue_read", json!({})).await), std::slice::from_ref(&third));
    assert_eq!(ask_for(&boot, "player_next", json!({})).await["call"]["sid"], *third);
    assert_eq!(code(&boot, "player_next", json!({})).await, "not_found");
    assert_eq!(ask_for(&boot, "player_previous", json!({})).await["call"]["sid"], *second);
    assert_eq!(
        sids(&ask_for(&boot, "queue_read", json!({})).await),
        std::slice::from_ref(&third),
        "what was left waits"
    );
    assert_eq!(sids(&ask_for(&boot, "queue_remove", json!({"id": id_of(&third)})).await).len(), 0);
    boot.close().await;
}

#[tokio::test]
async fn bookmarks_are_set_named_and_taken_away_and_a_note_leaves_a_mark() {
    let (_listener, boot, sid) = standing().await;
    let at = |at_ms: i64, text: &str| json!({"sid": sid, "at_ms": at_ms, "text": text});
    ask_for(&boot, "mark_add", at(9_000, "")).await;
    let marks = ask_for(&boot, "mark_add", at(3_000, " המחיר ")).await["marks"].clone();
    let rows = |marks: &Value| -> Vec<(i64, String, String)> {
        let row = |mark: &Value| {
            let text = |key: &str| mark[key].as_str().unwrap().to_owned();
            (mark["at_ms"].as_i64().unwrap(), text("text"), text("kind"))
        };
        marks.as_array().unwrap().iter().map(row).collect()
    };
    let bookmark = |at_ms: i64, text: &str| (at_ms, text.to_owned(), "bookmark".to_owned());
    assert_eq!(rows(&marks), [bookmark(3_000, "המחיר"), bookmark(9_000, "")]);
    ask_for(&boot, "mark_rename", json!({"id": marks[1]["id"], "text": "the offer"})).await;
    ask_for(&boot, "note_add", json!({"lead_id": null, "call": {"sid": sid, "at_ms": 5_000}, "text": "a note"})).await;
    let marks = ask_for(&boot, "marks_read", json!({"sid": sid})).await["marks"].clone();
    let note = (5_000, "a note".to_owned(), "note".to_owned());
    assert_eq!(rows(&marks), [bookmark(3_000, "המחיר"), note, bookmark(9_000, "the offer")]);
    assert_eq!(code(&boot, "mark_rename", json!({"id": marks[1]["id"], "text": "x"})).await, "not_found");
    ask_for(&boot, "mark_delete", json!({"id": marks[0]["id"]})).await;
    assert_eq!(code(&boot, "mark_delete", json!({"id": marks[0]["id"]})).await, "not_found");
    assert_eq!(ask_for(&boot, "marks_read", json!({"sid": sid})).await["marks"].as_array().unwrap().len(), 2);
    assert_eq!(code(&boot, "mark_add", json!({"sid": "CA0", "at_ms": 0, "text": ""})).await, "not_found");
    boot.close().await;
}

#[tokio::test]
async fn a_device_is_chosen_remembered_and_said_to_be_missing() {
    let world = World::small().await;
    let headless = Headless::paced(8_000);
    let headset = Device { id: "usb".into(), name: "Headset".into() };
    headless.set_devices(vec![headset]);
    let options = || {
        let mut options = world.options(Access::Window);
        options.output = OutputChoice::Headless(headless.clone());
        options
    };
    let boot = Boot::start(options()).await;
    let devices = ask_for(&boot, "player_devices", json!({})).await;
    assert_eq!(
        devices,
        json!({"devices": [{"id": "usb", "name": "Headset"}], "chosen": null, "chosen_missing": false})
    );
    assert_eq!(ask_for(&boot, "player_device", json!({"id": "usb"})).await["chosen"], "usb");
    assert_eq!(code(&boot, "player_device", json!({"id": "gone"})).await, "not_found");
    boot.close().await;
    drop(boot);
    headless.set_devices(Vec::new());
    let boot = Boot::start(options()).await;
    let devices = ask_for(&boot, "player_devices", json!({})).await;
    assert_eq!((&devices["chosen"], &devices["chosen_missing"]), (&json!("usb"), &json!(true)));
    assert_eq!(ask_for(&boot, "player_device", json!({"id": null})).await["chosen_missing"], false);
    boot.close().await;
}
