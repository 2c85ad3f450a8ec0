use serde_json::json;

use crate::world::{World, arrived, ask_for, fetched, id_of, refused, until};

#[tokio::test]
async fn a_pin_asks_for_the_recording_and_keeps_it_and_taken_back_it_may_go() {
    let world = World::small().await;
    let boot = world.synced().await;
    let (first, second) = (world.call(0), world.call(1));
    let pinned = ask_for(&boot, "recording_pin", json!({"id": id_of(&first)})).await;
    assert_eq!(pinned["pinned"], true);
    let call = || ask_for(&boot, "call_read", json!({"sid": first}));
    until(|| async { call().await["recording"]["state"] == "pinned" }).await;
    fetched(&boot, &second).await;

    let state = ask_for(&boot, "storage_state", json!({})).await;
    assert_eq!((&state["on_device"], &state["pinned"], &state["is_full"]), (&json!(2), &json!(1), &json!(false)));
    assert_eq!(state["next_out"].as_array().unwrap().len(), 1);
    assert_eq!(state["next_out"][0]["sid"], second);
    assert_eq!(state["deleted"], json!([]));
    assert!(state["used_bytes"].as_u64().unwrap() > 0 && state["free_bytes"].as_u64().unwrap() > 0);

    let error = refused(&boot, "recording_evict", json!({"id": id_of(&first)})).await;
    assert_eq!(error.code.as_str(), "invalid_input");
    let evicted = ask_for(&boot, "recording_evict", json!({"id": id_of(&second)})).await;
    assert_eq!((&evicted["state"], &evicted["pinned"]), (&json!("evicted"), &json!(false)));
    assert!(evicted["duration_ms"].as_i64().unwrap() > 0, "what it was stays known");
    let peaks = ask_for(&boot, "recording_peaks", json!({"id": id_of(&second), "buckets": 10})).await;
    assert!(peaks["lanes"].as_array().is_some(), "and so does its waveform");

    let unpinned = ask_for(&boot, "recording_unpin", json!({"id": id_of(&first)})).await;
    assert_eq!((&unpinned["state"], &unpinned["pinned"]), (&json!("on_device"), &json!(false)));
    let limits = json!({"cap_bytes": 1, "keep_free_bytes": null, "deleted_after_days": 7});
    let state = ask_for(&boot, "storage_limits", limits.clone()).await;
    assert_eq!((&state["on_device"], &state["limits"]), (&json!(0), &limits));
    assert_eq!(call().await["recording"]["state"], "evicted");
    boot.close().await;
}

#[tokio::test]
async fn what_found_no_room_goes_on_by_itself_when_there_is_some() {
    let world = World::small().await;
    let boot = world.synced().await;
    let limits = |cap: Option<u64>| json!({"cap_bytes": cap, "keep_free_bytes": null, "deleted_after_days": 7});
    ask_for(&boot, "storage_limits", limits(Some(1000))).await;
    let sid = world.call(0);
    ask_for(&boot, "recording_want", json!({"id": id_of(&sid)})).await;
    let call = || ask_for(&boot, "call_read", json!({"sid": sid}));
    until(|| async { call().await["recording"]["state"] == "failed_needs_you" }).await;
    assert_eq!(call().await["recording"]["reason"], "disk_full");
    ask_for(&boot, "storage_limits", limits(None)).await;
    arrived(&boot, &sid).await;
    boot.close().await;
}

#[tokio::test]
async fn a_pin_of_nothing_known_and_a_limit_beyond_all_disks_are_refused() {
    let world = World::small().await;
    let boot = world.synced().await;
    let unknown = refused(&boot, "recording_pin", json!({"id": "crm:CA00000000000000000000000000000000"})).await;
    assert_eq!(unknown.code.as_str(), "not_found");
    for limits in [
        json!({"cap_bytes": u64::MAX, "keep_free_bytes": null, "deleted_after_days": 7}),
        json!({"cap_bytes": 5, "keep_free_bytes": null, "deleted_after_days": 100_000}),
        json!({"cap_bytes": -5, "keep_free_bytes": null, "deleted_after_days": 7}),
    ] {
        assert_eq!(refused(&boot, "storage_limits", limits).await.code.as_str(), "invalid_input");
    }
    boot.close().await;
}
