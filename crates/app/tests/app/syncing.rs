use std::sync::Arc;

use aftercall_app::doctor;
use aftercall_app::dto::AppEvent;
use aftercall_app::report::CheckStatus;
use aftercall_app::start::{Access, Boot};
use aftercall_domain::clock::{Clock as _, ManualClock, SystemClock};
use aftercall_sandbox::Options;
use serde_json::json;

use crate::world::{World, ask_for, until};

#[tokio::test]
async fn after_a_sign_in_the_lists_fill_by_themselves_and_a_lead_page_names_its_calendar() {
    let world = World::small().await;
    let boot = world.synced().await;
    let window = ask_for(&boot, "calls_window", json!({"filter": {}, "offset": 0, "limit": 200})).await;
    assert_eq!(window["all"], 40);
    assert_eq!(window["matched"], 40);
    let rows = window["rows"].as_array().unwrap();
    let times: Vec<_> = rows.iter().map(|row| row["started_at_ms"].as_i64()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
    assert!(rows.iter().any(|row| row["recording"]["state"] == "ready_online"));

    let inbound = json!({"filter": {"direction": "inbound"}, "offset": 0, "limit": 200});
    let inbound = ask_for(&boot, "calls_window", inbound).await;
    assert!(inbound["rows"].as_array().unwrap().iter().all(|row| row["direction"] == "inbound"));

    let leads = ask_for(&boot, "leads_window", json!({"search": "", "offset": 0, "limit": 200})).await;
    let mut calendars = 0;
    for lead in leads["rows"].as_array().unwrap() {
        let page = ask_for(&boot, "lead_read", json!({"id": lead["id"]})).await;
        assert_eq!(page["lead"]["id"], lead["id"]);
        calendars += usize::from(page["next_appointment"]["calendar_name"].is_string());
    }
    assert!(calendars > 0, "no lead's next appointment names its calendar");
    boot.close().await;
}

#[tokio::test]
async fn the_window_is_told_what_changed_and_how_fresh_the_library_is() {
    let world = World::small().await;
    let boot = world.window().await;
    let mut events = boot.events().unwrap();
    world.sign_in(&boot).await;
    let (mut tags, mut phases) = (std::collections::BTreeSet::new(), Vec::new());
    while phases.last().is_none_or(|phase| phase != "fresh") || !tags.contains("appointments") {
        match events.next().await.unwrap() {
            AppEvent::Changed { tags: changed } => tags.extend(changed),
            AppEvent::Sync { state } => {
                phases.push(serde_json::to_value(state.phase).unwrap().as_str().unwrap().to_owned());
            }
            AppEvent::Player { .. } | AppEvent::Locked | AppEvent::Open { .. } => {}
        }
    }
    for tag in ["account", "calls", "leads", "appointments", "calendars"] {
        assert!(tags.contains(tag), "{tag} is missing in {tags:?}");
    }
    boot.close().await;
}

#[tokio::test]
async fn a_second_sync_changes_nothing() {
    let world = World::small().await;
    let boot = world.window().await;
    world.sign_in(&boot).await;
    until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    boot.close().await;
    drop(boot);
    let Boot::Ready(app) = Boot::start(world.options(Access::Write)).await else { panic!("refused") };
    let second = app.sync_once(true).await.unwrap();
    for counts in [second.calls, second.leads, second.appointments, second.calendars] {
        assert_eq!((counts.added, counts.changed, counts.removed), (0, 0, 0));
        assert!(counts.seen > 0);
    }
    app.close().await;
}

#[tokio::test]
async fn a_clock_an_hour_off_is_said_by_the_pill_and_by_the_doctor_and_stops_nothing() {
    let ahead = SystemClock::new().now_ms() + 3_600_000;
    let clock = Arc::new(ManualClock::at(ahead));
    let options = Options { calls: 40, leads: 12, prepare_polls: 0, clock, ..Options::default() };
    let world = World::new(options).await;
    let boot = world.window().await;
    world.sign_in(&boot).await;
    until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "clock_wrong" }).await;
    let window = ask_for(&boot, "calls_window", json!({"filter": {}, "offset": 0, "limit": 1})).await;
    assert_eq!(window["all"], 40);
    boot.close().await;
    drop(boot);
    let diagnosis = doctor::diagnose(&world.options(Access::Read)).await;
    let clock = diagnosis.checks.iter().find(|check| check.id == "clock").unwrap();
    assert_eq!(clock.status, CheckStatus::Fail);
    assert!(clock.cause.contains("minutes behind the server's"), "{}", clock.cause);
    assert!(clock.fix.is_some());
    let session = diagnosis.checks.iter().find(|check| check.id == "session").unwrap();
    assert_eq!(session.status, CheckStatus::Ok, "{}", session.cause);
}
