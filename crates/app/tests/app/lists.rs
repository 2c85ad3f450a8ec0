//! The lists of the window: filters, saved views, what is kept, the agenda, and what is fetched by itself.

use serde_json::{Value, json};

use crate::world::{World, ask_for, fetched, id_of, refused, until};

async fn window(boot: &aftercall_app::start::Boot, filter: Value) -> Value {
    ask_for(boot, "calls_window", json!({"filter": filter, "offset": 0, "limit": 200})).await
}

fn rows(window: &Value) -> &Vec<Value> {
    window["rows"].as_array().unwrap()
}

#[tokio::test]
async fn each_filter_leaves_what_it_says_and_counts_it() {
    let world = World::small().await;
    let boot = world.synced().await;
    let all = window(&boot, json!({})).await;
    let count = |keep: &dyn Fn(&Value) -> bool| rows(&all).iter().filter(|row| keep(row)).count();
    let middle = rows(&all)[rows(&all).len() / 2]["started_at_ms"].as_i64().unwrap();
    for (filter, keep) in [
        (
            json!({"outcome": "missed"}),
            Box::new(|row: &Value| row["outcome"] == "missed") as Box<dyn Fn(&Value) -> bool>,
        ),
        (
            json!({"outcome": "answered", "direction": "inbound"}),
            Box::new(|row: &Value| row["outcome"] == "answered" && row["direction"] == "inbound"),
        ),
        (json!({"from_ms": middle}), Box::new(move |row: &Value| row["started_at_ms"].as_i64().unwrap() >= middle)),
        (json!({"to_ms": middle}), Box::new(move |row: &Value| row["started_at_ms"].as_i64().unwrap() < middle)),
    ] {
        let found = window(&boot, filter.clone()).await;
        assert_eq!(rows(&found).len(), count(&*keep), "{filter}");
        assert_eq!(found["matched"].as_u64().unwrap() as usize, rows(&found).len(), "{filter}");
        assert!(rows(&found).iter().all(keep), "{filter}");
    }
    let with = window(&boot, json!({"has_recording": true})).await;
    let without = window(&boot, json!({"has_recording": false})).await;
    assert_eq!(rows(&with).len() + rows(&without).len(), rows(&all).len());
    assert!(!rows(&with).is_empty());
    boot.close().await;
}

#[tokio::test]
async fn many_calls_are_marked_heard_at_once_and_back() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sids = [world.call(0), world.call(1), world.call(2)];
    let before = window(&boot, json!({})).await["unheard"].as_u64().unwrap();
    ask_for(&boot, "calls_mark", json!({"sids": sids, "heard": true})).await;
    assert_eq!(window(&boot, json!({})).await["unheard"].as_u64().unwrap(), before - 3);
    ask_for(&boot, "calls_mark", json!({"sids": sids, "heard": false})).await;
    assert_eq!(window(&boot, json!({})).await["unheard"].as_u64().unwrap(), before);
    assert_eq!(
        refused(&boot, "calls_mark", json!({"sids": ["?"], "heard": true})).await.code.as_str(),
        "invalid_input"
    );
    boot.close().await;
}

#[tokio::test]
async fn saved_views_come_back_and_one_without_a_name_is_refused() {
    let world = World::small().await;
    let boot = world.synced().await;
    assert_eq!(ask_for(&boot, "views_read", json!({})).await["views"], json!([]));
    let view = |name: &str| json!({"id": "v", "name": name, "filter": {"view": "missed"}, "days": 7});
    ask_for(&boot, "views_write", json!({"views": [view("לא נענו")]})).await;
    let kept = ask_for(&boot, "views_read", json!({})).await;
    assert_eq!((&kept["views"][0]["name"], &kept["views"][0]["days"]), (&json!("לא נענו"), &json!(7)));
    assert_eq!(kept["views"][0]["filter"]["view"], "missed");
    let nameless = refused(&boot, "views_write", json!({"views": [view("  ")]})).await;
    assert_eq!(nameless.code.as_str(), "invalid_input");
    boot.close().await;
}

#[tokio::test]
async fn what_is_kept_is_listed_by_where_it_stands() {
    let world = World::small().await;
    let boot = world.synced().await;
    let (here, pinned) = (world.call(0), world.call(1));
    fetched(&boot, &here).await;
    ask_for(&boot, "recording_pin", json!({"id": id_of(&pinned)})).await;
    let list = |which: &str| ask_for(&boot, "kept_window", json!({"list": which, "offset": 0, "limit": 50}));
    until(|| async { list("pinned").await["matched"] == 1 }).await;
    let on_device = list("on_device").await;
    assert_eq!(on_device["matched"], 2);
    assert_eq!(rows(&on_device)[0]["sid"], pinned, "the newest arrival is first");
    assert_eq!(rows(&list("pinned").await)[0]["sid"], pinned);
    assert_eq!(
        (list("failed").await["matched"].clone(), list("arriving").await["matched"].clone()),
        (json!(0), json!(0))
    );
    let second = ask_for(&boot, "kept_window", json!({"list": "on_device", "offset": 1, "limit": 1})).await;
    assert_eq!((rows(&second)[0]["sid"].clone(), &second["matched"]), (json!(here), &json!(2)));

    let state = ask_for(&boot, "storage_state", json!({})).await;
    let (used, pins) = (state["used_bytes"].as_u64().unwrap(), state["pinned_bytes"].as_u64().unwrap());
    assert!(pins > 0 && pins < used, "{pins} of {used}");
    assert_eq!(state["goes_first"], 0, "nothing was heard yet");
    ask_for(&boot, "calls_mark", json!({"sids": [here], "heard": true})).await;
    let state = ask_for(&boot, "storage_state", json!({})).await;
    assert_eq!((&state["goes_first"], state["goes_first_bytes"].as_u64().unwrap()), (&json!(1), used - pins));
    boot.close().await;
}

#[tokio::test]
async fn the_agenda_names_calendar_lead_and_last_call() {
    let world = World::small().await;
    let boot = world.synced().await;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let span = |days: i64| json!({"from_ms": now - 40 * 86_400_000, "to_ms": now + days * 86_400_000});
    let agenda = ask_for(&boot, "agenda_read", span(40)).await;
    let appointments = agenda["appointments"].as_array().unwrap();
    assert!(!appointments.is_empty());
    let starts: Vec<_> = appointments.iter().map(|row| row["appointment"]["starts_at_ms"].as_i64().unwrap()).collect();
    assert!(starts.is_sorted());
    let with_call = appointments.iter().find(|row| row["last_call"]["sid"].is_string()).unwrap();
    assert_eq!(with_call["last_call"]["lead_id"], with_call["lead_id"]);
    assert!(agenda["calendars"].as_array().unwrap().iter().any(|one| one["name"].is_string()));
    assert_eq!(refused(&boot, "agenda_read", span(400)).await.code.as_str(), "invalid_input");
    boot.close().await;
}

#[tokio::test]
async fn a_rule_fetches_the_newest_calls_and_never_again_what_made_room() {
    let world = World::small().await;
    let boot = world.synced().await;
    let sid = world.call(0);
    let state = || async { ask_for(&boot, "call_read", json!({"sid": sid})).await["recording"]["state"].clone() };
    assert_eq!(state().await, "ready_online", "nothing is fetched that nobody asked for");
    let rules = json!({"appointments": false, "recent_days": 365});
    assert_eq!(ask_for(&boot, "rules_write", rules.clone()).await, rules);
    until(|| async { state().await == "on_device" }).await;
    ask_for(&boot, "recording_evict", json!({"id": id_of(&sid)})).await;
    ask_for(&boot, "rules_write", rules).await;
    assert_eq!(state().await, "evicted");
    let wrong = json!({"appointments": true, "recent_days": 0});
    assert_eq!(refused(&boot, "rules_write", wrong).await.code.as_str(), "invalid_input");
    boot.close().await;
}
