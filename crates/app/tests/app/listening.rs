use aftercall_app::listen::PlayAsk;
use aftercall_app::start::{Access, Boot};
use aftercall_player::OutputChoice;
use aftercall_player::output::headless::Headless;
use aftercall_sandbox::{Options, Script};
use serde_json::json;

use crate::world::{World, arrived, ask_for, fetched, id_of, refused, tamper, until};

async fn phase(boot: &Boot) -> String {
    ask_for(boot, "player_state", json!({})).await["phase"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_recording_that_is_not_here_is_asked_for_and_starts_by_itself() {
    let world = World::new(Options { calls: 40, leads: 12, prepare_polls: 1, ..Options::default() }).await;
    let boot = world.synced().await;
    let sid = world.call(0);
    let state = ask_for(&boot, "player_load", json!({"id": id_of(&sid), "play": true})).await;
    assert_eq!(state["phase"], "waiting");
    assert_eq!(state["call"]["sid"], sid);
    until(|| async { phase(&boot).await == "playing" }).await;
    let state = ask_for(&boot, "player_state", json!({})).await;
    assert!(state["duration_ms"].as_i64().unwrap() > 0, "the length is known with the first sound");
    // It may sound before the last of it is here.
    arrived(&boot, &sid).await;
    assert_eq!(phase(&boot).await, "playing");
    boot.close().await;
}

/// A quarter of an hour, arriving in a few seconds.
async fn slowly(script: &str) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let call = include_bytes!("../../../sandbox/recordings/call-dual-45s.mp3");
    std::fs::write(folder.path().join("long.mp3"), call.repeat(20)).unwrap();
    let options = Options {
        calls: 40,
        leads: 12,
        prepare_polls: 0,
        recordings: Some(folder.path().to_owned()),
        script: Script::parse(script).unwrap(),
        ..Options::default()
    };
    (World::new(options).await, folder)
}

const SLOWLY: &str =
    r#"{"match": {"method": "GET", "path": "/api/recordings/file/*"}, "do": [{"drip_bytes_per_s": 400000}]}"#;

#[tokio::test]
async fn a_recording_sounds_while_it_arrives_and_a_jump_ahead_is_fetched_first() {
    let (world, _folder) = slowly(&format!("[{SLOWLY}]")).await;
    let boot = world.synced().await;
    let id = id_of(&world.call(0));
    ask_for(&boot, "player_load", json!({"id": id, "play": true})).await;
    until(|| async { phase(&boot).await == "playing" }).await;
    let state = ask_for(&boot, "player_state", json!({})).await;
    assert_eq!(state["call"]["recording"]["state"], "downloading", "{state}");
    let here = state["here"].as_array().unwrap().clone();
    assert!(here[0][0] == 0.0 && here[0][1].as_f64().unwrap() < 0.6, "{here:?}");
    let (length_ms, estimated) = (state["duration_ms"].as_i64().unwrap(), state["duration_estimated"].clone());
    assert!((890_000..=910_000).contains(&length_ms) && estimated == true, "{length_ms} {estimated}");
    let shape = ask_for(&boot, "recording_peaks", json!({"id": id, "buckets": 900})).await;
    let known_ms = shape["known_ms"].as_i64().unwrap();
    assert!(known_ms > 0 && known_ms < shape["duration_ms"].as_i64().unwrap(), "{known_ms}");
    let lane: Vec<i64> = serde_json::from_value(shape["lanes"][0].clone()).unwrap();
    let known = known_ms as usize / 1000;
    assert_eq!(lane.len(), 1800);
    assert!(lane[..2 * known].iter().any(|sample| *sample > 20), "speech is drawn");
    assert!(lane[2 * known + 4..].iter().all(|sample| *sample == 0), "what is not here is not");

    let state = ask_for(&boot, "player_seek", json!({"position_ms": 800_000})).await;
    assert!((799_000..=801_000).contains(&state["position_ms"].as_i64().unwrap()));
    until(|| async {
        ask_for(&boot, "player_state", json!({})).await["here"].as_array().is_some_and(|here| here.len() > 1)
    })
    .await;
    until(|| async {
        let state = ask_for(&boot, "player_state", json!({})).await;
        state["phase"] == "playing" && state["position_ms"].as_i64().unwrap() > 800_200
    })
    .await;
    until(|| async { ask_for(&boot, "player_state", json!({})).await["call"]["recording"]["state"] == "on_device" })
        .await;
    until(|| async { ask_for(&boot, "player_state", json!({})).await["duration_estimated"] == false }).await;
    let state = ask_for(&boot, "player_state", json!({})).await;
    assert_eq!(state["phase"], "playing", "the whole file took over");
    assert!(state["here"].is_null() && state["position_ms"].as_i64().unwrap() > 800_200, "{state}");
    boot.close().await;
}

#[tokio::test]
async fn what_is_cancelled_while_it_is_heard_falls_silent() {
    let (world, _folder) = slowly(&format!("[{SLOWLY}]")).await;
    let boot = world.synced().await;
    let id = id_of(&world.call(0));
    ask_for(&boot, "player_load", json!({"id": id, "play": true})).await;
    until(|| async { phase(&boot).await == "playing" }).await;
    ask_for(&boot, "recording_cancel", json!({"id": id})).await;
    until(|| async { phase(&boot).await == "waiting" }).await;
    assert_eq!(ask_for(&boot, "player_state", json!({})).await["call"]["recording"]["state"], "ready_online");
    boot.close().await;
}

#[tokio::test]
async fn a_download_that_breaks_off_is_heard_on_when_it_goes_on() {
    let cut =
        r#"{"match": {"method": "GET", "path": "/api/recordings/file/*"}, "nth": "1", "do": [{"cut_after": 150000}]}"#;
    let (world, _folder) = slowly(&format!("[{cut}, {SLOWLY}]")).await;
    let boot = world.synced().await;
    let id = id_of(&world.call(0));
    ask_for(&boot, "player_load", json!({"id": id, "play": true})).await;
    until(|| async { phase(&boot).await == "playing" }).await;
    ask_for(&boot, "player_seek", json!({"position_ms": 30_000})).await;
    until(|| async {
        let state = ask_for(&boot, "player_state", json!({})).await;
        state["phase"] == "playing" && state["position_ms"].as_i64().unwrap() > 36_000
    })
    .await;
    boot.close().await;
}

#[tokio::test]
async fn what_was_cancelled_does_not_start_when_it_is_wanted_for_another_reason() {
    let world = World::new(Options { calls: 40, leads: 12, prepare_polls: 1, ..Options::default() }).await;
    let boot = world.synced().await;
    let id = id_of(&world.call(0));
    ask_for(&boot, "player_load", json!({"id": id, "play": true})).await;
    let view = ask_for(&boot, "recording_cancel", json!({"id": id})).await;
    assert_eq!(view["state"], "ready_online");
    assert_eq!(phase(&boot).await, "waiting");
    ask_for(&boot, "recording_want", json!({"id": id})).await;
    arrived(&boot, &world.call(0)).await;
    until(|| async { phase(&boot).await == "paused" }).await;
    boot.close().await;
}

#[tokio::test]
async fn the_one_chosen_last_is_the_one_that_plays() {
    let world = World::new(Options { calls: 40, leads: 12, prepare_polls: 1, ..Options::default() }).await;
    let boot = world.synced().await;
    let (first, second) = (world.call(0), world.call(1));
    ask_for(&boot, "player_load", json!({"id": id_of(&first), "play": true})).await;
    ask_for(&boot, "player_load", json!({"id": id_of(&second), "play": true})).await;
    arrived(&boot, &first).await;
    until(|| async { phase(&boot).await == "playing" }).await;
    assert_eq!(ask_for(&boot, "player_state", json!({})).await["call"]["sid"], second);
    boot.close().await;
}

#[tokio::test]
async fn position_and_speed_are_there_again_after_a_restart() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call(0);
    ask_for(&boot, "player_load", json!({"id": id_of(&sid), "play": false})).await;
    until(|| async { phase(&boot).await == "paused" }).await;
    let length_ms = ask_for(&boot, "player_state", json!({})).await["duration_ms"].as_i64().unwrap();
    let there_ms = length_ms / 3;
    ask_for(&boot, "player_speed", json!({"speed": 1.5})).await;
    let state = ask_for(&boot, "player_seek", json!({"position_ms": there_ms})).await;
    assert!((state["position_ms"].as_i64().unwrap() - there_ms).abs() <= 1);
    boot.close().await;
    drop(boot);

    let boot = world.window().await;
    ask_for(&boot, "player_load", json!({"id": id_of(&sid), "play": false})).await;
    until(|| async { phase(&boot).await == "paused" }).await;
    let state = ask_for(&boot, "player_state", json!({})).await;
    assert!((state["position_ms"].as_i64().unwrap() - there_ms).abs() <= 1, "{state}");
    assert_eq!(state["speed"], 1.5);
    boot.close().await;
}

#[tokio::test]
async fn a_call_that_was_played_to_its_end_is_heard_and_one_whose_end_was_jumped_to_is_not() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call_with("call-mono-5s.wav");
    ask_for(&boot, "player_load", json!({"id": id_of(&sid), "play": false})).await;
    until(|| async { phase(&boot).await == "paused" }).await;
    assert_eq!(ask_for(&boot, "call_read", json!({"sid": sid})).await["heard"], false);
    let length_ms = ask_for(&boot, "player_state", json!({})).await["duration_ms"].as_i64().unwrap();
    ask_for(&boot, "player_seek", json!({"position_ms": length_ms - 500})).await;
    ask_for(&boot, "player_play", json!({})).await;
    until(|| async { phase(&boot).await == "ended" }).await;
    let read = || async { ask_for(&boot, "call_read", json!({"sid": sid})).await["heard"].clone() };
    assert_eq!(read().await, false, "only half a second was played");
    ask_for(&boot, "player_speed", json!({"speed": 3.0})).await;
    ask_for(&boot, "player_play", json!({})).await;
    until(|| async { phase(&boot).await == "playing" }).await;
    until(|| async { phase(&boot).await == "ended" }).await;
    until(|| async { read().await == true }).await;
    boot.close().await;
}

#[tokio::test]
async fn what_was_heard_yesterday_counts_today() {
    let world = World::small().await;
    let sid = world.call_with("call-mono-5s.wav");
    let sid = &sid;
    let half = |boot: Boot, from_ms: i64| async move {
        ask_for(&boot, "player_load", json!({"id": id_of(sid), "play": false})).await;
        until(|| async { phase(&boot).await == "paused" }).await;
        ask_for(&boot, "player_seek", json!({"position_ms": from_ms})).await;
        ask_for(&boot, "player_play", json!({})).await;
        until(|| async {
            let state = ask_for(&boot, "player_state", json!({})).await;
            state["position_ms"].as_i64().unwrap() > from_ms + 2_500 || state["phase"] == "ended"
        })
        .await;
        ask_for(&boot, "player_pause", json!({})).await;
        let heard = ask_for(&boot, "call_read", json!({"sid": sid})).await["heard"].clone();
        boot.close().await;
        heard
    };
    assert_eq!(half(world.synced().await, 2_400).await, false, "the second half");
    assert_eq!(half(world.window().await, 0).await, true, "and the first");
}

#[tokio::test]
async fn how_loud_the_sides_speak_is_measured_once_it_is_here_and_level_knows_it_from_the_first_word() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call_with("call-dual-quiet-customer-60s.mp3");
    fetched(&boot, &sid).await;
    let Boot::Ready(app) = &boot else { panic!("it started") };
    let folder = tempfile::tempdir().unwrap();
    let customer = |level: bool| {
        let out = folder.path().join(format!("{level}.wav"));
        let sid = sid.parse().unwrap();
        async move {
            let ask = PlayAsk { speed: 1.0, from_ms: 0, to_ms: Some(6_000), skip_silence: false, level, solo: None };
            app.render(&sid, &ask, out.clone()).await.unwrap();
            let wav = std::fs::read(&out).unwrap();
            let frames = wav[44..].chunks_exact(4).map(|frame| f64::from(i16::from_le_bytes([frame[2], frame[3]])));
            frames.map(|sample| sample.powi(2)).sum::<f64>()
        }
    };
    let before = customer(false).await;
    // The customer speaks for two seconds here: where the gain has to be found on the way, nothing is raised yet.
    until(|| async { 10.0 * (customer(true).await / before).log10() > 12.0 }).await;
    boot.close().await;
}

#[tokio::test]
async fn no_device_is_a_state_and_playing_goes_on_when_there_is_one_again() {
    let world = World::small().await;
    let device = Headless::paced(8_000);
    device.unplug();
    let mut options = world.options(Access::Window);
    options.output = OutputChoice::Headless(device.clone());
    let boot = Boot::start(options).await;
    world.sign_in(&boot).await;
    until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    ask_for(&boot, "player_load", json!({"id": id_of(&world.call(0)), "play": true})).await;
    until(|| async { phase(&boot).await == "failed" }).await;
    assert_eq!(ask_for(&boot, "player_state", json!({})).await["error"], "no_output_device");
    device.plug();
    ask_for(&boot, "player_play", json!({})).await;
    until(|| async { phase(&boot).await == "playing" }).await;
    boot.close().await;
}

#[tokio::test]
async fn the_waveform_is_there_with_the_recording_and_not_before() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call_with("call-dual-45s.mp3");
    let ask = json!({"id": id_of(&sid), "buckets": 100});
    assert_eq!(refused(&boot, "recording_peaks", ask.clone()).await.code.as_str(), "not_ready");
    fetched(&boot, &sid).await;
    let peaks = ask_for(&boot, "recording_peaks", ask).await;
    assert_eq!(peaks["channels"], 2);
    assert_eq!(peaks["duration_ms"], 45_000);
    assert_eq!(peaks["lanes"].as_array().unwrap().len(), 2);
    assert_eq!(peaks["lanes"][0].as_array().unwrap().len(), 200);
    boot.close().await;
}

#[tokio::test]
async fn a_file_that_was_tampered_with_is_fetched_again_and_plays() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call(0);
    fetched(&boot, &sid).await;
    tamper(&world.folder().join("recordings"));
    ask_for(&boot, "player_load", json!({"id": id_of(&sid), "play": true})).await;
    until(|| async { phase(&boot).await == "playing" }).await;
    boot.close().await;
}

#[tokio::test]
async fn a_waveform_says_whose_each_lane_is_and_a_swap_holds_for_all_of_its_source() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sides = async |sid: &str| {
        ask_for(&boot, "recording_peaks", json!({"id": id_of(sid), "buckets": 10})).await["sides"].clone()
    };
    let (first, second, mono) = (
        world.call_with("call-dual-45s.mp3"),
        world.call_with("call-dual-20s.wav"),
        world.call_with("call-mono-5s.wav"),
    );
    for sid in [&first, &second, &mono] {
        ask_for(&boot, "recording_want", json!({"id": id_of(sid)})).await;
        arrived(&boot, sid).await;
    }
    assert_eq!(sides(&first).await, json!(["agent", "customer"]));
    assert_eq!(sides(&mono).await, json!([]));
    ask_for(&boot, "recording_swap_sides", json!({"id": id_of(&first)})).await;
    assert_eq!(sides(&second).await, json!(["customer", "agent"]));
    ask_for(&boot, "recording_swap_sides", json!({"id": id_of(&second)})).await;
    assert_eq!(sides(&first).await, json!(["agent", "customer"]));
    boot.close().await;
}
