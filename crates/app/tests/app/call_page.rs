use aftercall_app::start::Boot;
use serde_json::{Value, json};

use crate::world::{World, ask_for, fetched, id_of, refused};

const DUAL: &str = "call-dual-45s.mp3";

async fn page(boot: &Boot, sid: &str) -> Value {
    ask_for(boot, "call_page", json!({"sid": sid})).await
}

#[tokio::test]
async fn a_call_page_has_its_file_its_words_its_talk_and_its_lead() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call_with(DUAL);
    let before = page(&boot, &sid).await;
    assert_eq!(before["file"]["is_verified"], false);
    assert_eq!(before["talk"], Value::Null, "nothing is measured of what was never here");

    fetched(&boot, &sid).await;
    let page = page(&boot, &sid).await;
    assert_eq!((&page["call"]["sid"], &page["source"]), (&json!(sid), &json!("crm")));
    let file = &page["file"];
    assert_eq!((file["is_verified"].as_bool(), file["sample_rate_hz"].as_i64()), (Some(true), Some(8_000)));
    assert!(file["bytes"].as_i64().unwrap() > 100_000 && file["verified_at_ms"].is_i64(), "{file}");

    // turns.json of the sample: channel 1, the agent's, speaks 4,892 ms at once from 600 ms on, twice.
    let talk = &page["talk"];
    assert_eq!(talk["longest_side"], "agent");
    let longest_ms = talk["longest_ms"].as_i64().unwrap();
    assert!((4_500..=5_600).contains(&longest_ms), "{talk}");
    let (agent, customer) = (talk["agent_ms"].as_i64().unwrap(), talk["customer_ms"].as_i64().unwrap());
    assert!((19_000..=25_000).contains(&agent) && (13_000..=18_500).contains(&customer), "{talk}");
    assert_eq!(talk["dead_air_ms"], 0, "no pause of the sample is longer than 1.4 s");
    boot.close().await;
}

#[tokio::test]
async fn swapped_sides_are_swapped_in_the_measures_too() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call_with(DUAL);
    fetched(&boot, &sid).await;
    let before = page(&boot, &sid).await["talk"].clone();
    ask_for(&boot, "recording_swap_sides", json!({"id": id_of(&sid)})).await;
    let after = page(&boot, &sid).await["talk"].clone();
    assert_eq!((&after["agent_ms"], &after["customer_ms"]), (&before["customer_ms"], &before["agent_ms"]));
    assert_eq!((&before["longest_side"], &after["longest_side"]), (&json!("agent"), &json!("customer")));
    boot.close().await;
}

#[tokio::test]
async fn a_transcript_says_who_speaks_where_the_crm_says_so() {
    let world = World::small().await;
    let boot = world.synced().await;
    // The sandbox's newest call has everything.
    let sid = world.call(0);
    let page = page(&boot, &sid).await;
    let lines = page["transcript"].as_array().unwrap();
    assert!(lines.len() > 3, "{lines:?}");
    let sides: Vec<&str> = lines.iter().filter_map(|line| line["side"].as_str()).collect();
    assert!(sides.contains(&"agent") && sides.contains(&"customer"), "{sides:?}");
    assert!(lines.iter().all(|line| !line["text"].as_str().unwrap().starts_with("נציג:")), "the label is no words");
    assert!(lines.iter().all(|line| line["at_ms"].is_null()), "the CRM names no times, and none is invented");
    boot.close().await;
}

#[tokio::test]
async fn a_note_at_a_second_stands_on_the_page_of_its_call_only() {
    let world = World::small().await;
    let boot = world.synced().await;
    let window = ask_for(
        &boot,
        "calls_window",
        json!({"filter": {"search": "", "view": "all", "direction": null, "lead_id": null}, "offset": 0, "limit": 40}),
    )
    .await;
    let rows = window["rows"].as_array().unwrap();
    let with_lead = rows.iter().find(|row| row["lead_id"].is_string()).unwrap();
    let (sid, lead) = (with_lead["sid"].as_str().unwrap(), with_lead["lead_id"].as_str().unwrap());
    let ask = json!({"lead_id": null, "call": {"sid": sid, "at_ms": 72_500}, "text": "המחיר גבוה מדי"});
    ask_for(&boot, "note_add", ask).await;
    ask_for(&boot, "note_add", json!({"lead_id": lead, "call": null, "text": "לא על השיחה"})).await;
    let page = page(&boot, sid).await;
    let notes = page["notes"].as_array().unwrap();
    let texts: Vec<&str> = notes.iter().map(|note| note["text"].as_str().unwrap()).collect();
    assert!(texts.contains(&"המחיר גבוה מדי") && !texts.contains(&"לא על השיחה"), "{texts:?}");
    assert_eq!(notes[0]["call"]["at_ms"], 72_000, "the CRM keeps whole seconds");
    assert_eq!(page["lead"]["id"], json!(lead));
    boot.close().await;
}

#[tokio::test]
async fn the_windows_own_player_is_remembered_as_the_apps_is() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call_with(DUAL);
    fetched(&boot, &sid).await;
    let read = || async { ask_for(&boot, "listening_read", json!({"sid": sid})).await };
    assert_eq!(read().await, json!({"position_ms": 0, "heard": false}));
    ask_for(&boot, "listening_keep", json!({"sid": sid, "position_ms": 20_000})).await;
    assert_eq!(read().await, json!({"position_ms": 20_000, "heard": false}));
    ask_for(&boot, "listening_keep", json!({"sid": sid, "position_ms": 44_500})).await;
    assert_eq!(read().await["heard"], false, "a jump to the end is no listening");
    ask_for(&boot, "listening_keep", json!({"sid": sid, "position_ms": 20_000, "played_from_ms": 0})).await;
    assert_eq!(read().await["heard"], false, "half of it was played");
    ask_for(&boot, "listening_keep", json!({"sid": sid, "position_ms": 44_500, "played_from_ms": 20_000})).await;
    ask_for(&boot, "listening_keep", json!({"sid": sid, "position_ms": 1_000})).await;
    assert_eq!(read().await, json!({"position_ms": 1_000, "heard": true}), "what was heard stays heard");
    ask_for(&boot, "listening_keep", json!({"sid": sid, "position_ms": 9_999_999})).await;
    assert!(read().await["position_ms"].as_i64().unwrap() <= 45_100, "no place behind the end");
    let state = ask_for(&boot, "player_load", json!({"id": id_of(&sid), "play": false})).await;
    assert_eq!(state["call"]["heard"], true);
    refused(&boot, "listening_keep", json!({"sid": "CA0000", "position_ms": 1})).await;
    boot.close().await;
}

#[tokio::test]
async fn a_lead_page_says_who_talks_over_the_calls_that_were_measured() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call_with(DUAL);
    fetched(&boot, &sid).await;
    let call = ask_for(&boot, "call_read", json!({"sid": sid})).await;
    let Some(lead) = call["lead_id"].as_str() else { panic!("the sample's call has a lead") };
    ask_for(&boot, "mark_add", json!({"sid": sid, "at_ms": 1_500, "text": "the roof"})).await;
    let lead = ask_for(&boot, "lead_read", json!({"id": lead})).await;
    let talk = page(&boot, &sid).await["talk"].clone();
    let marks = lead["marks"].as_array().unwrap();
    assert_eq!((marks.len(), &marks[0]["sid"], &marks[0]["mark"]["text"]), (1, &json!(sid), &json!("the roof")));
    assert_eq!(lead["talk"], json!({"calls": 1, "agent_ms": talk["agent_ms"], "customer_ms": talk["customer_ms"]}));
    boot.close().await;
}
