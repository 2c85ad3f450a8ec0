use aftercall_app::dto::AppEvent;
use aftercall_app::start::Boot;
use aftercall_sandbox::{Options, Script};
use serde_json::{Value, json};

use crate::world::{World, ask_for, refused, until};

async fn page(boot: &Boot, id: &str) -> Value {
    ask_for(boot, "lead_read", json!({"id": id})).await
}

fn notes_with<'a>(page: &'a Value, text: &str) -> Vec<&'a Value> {
    page["notes"].as_array().unwrap().iter().filter(|note| note["text"] == text).collect()
}

fn posts(world: &World) -> usize {
    world.sandbox.requests().iter().filter(|one| one.method == "POST" && one.path.ends_with("/notes")).count()
}

async fn scripted(script: &str) -> World {
    let script = Script::parse(script).unwrap();
    World::new(Options { calls: 40, leads: 12, prepare_polls: 0, script, ..Options::default() }).await
}

#[tokio::test]
async fn a_lead_page_has_its_notes_reminders_and_activity_with_the_companys_words_for_statuses() {
    let world = World::small().await;
    let boot = world.synced().await;
    let leads = ask_for(&boot, "leads_window", json!({"search": "", "offset": 0, "limit": 200})).await;
    let (mut notes, mut changes, mut reminders) = (0, 0, 0);
    for lead in leads["rows"].as_array().unwrap() {
        assert!(lead["status"]["label"].is_string() && lead["status"]["colour"].is_string(), "{lead}");
        let page = page(&boot, lead["id"].as_str().unwrap()).await;
        assert!(page["read_at_ms"].is_i64());
        notes += page["notes"].as_array().unwrap().len();
        reminders += page["reminders"].as_array().unwrap().len();
        for change in page["activity"].as_array().unwrap().iter().filter(|row| row["kind"] == "status_change") {
            assert_eq!(change["from"]["label"], "חדש");
            assert!(change["to"]["label"].is_string());
            changes += 1;
        }
    }
    assert!(notes > 5 && changes > 0 && reminders > 3, "{notes} {changes} {reminders}");
    boot.close().await;
}

#[tokio::test]
async fn a_note_stands_on_the_page_at_once_and_ends_with_the_servers_id() {
    let world = World::small().await;
    let boot = world.synced().await;
    let mut events = boot.events().unwrap();
    let added = ask_for(&boot, "note_add", json!({"lead_id": "3", "call": null, "text": "לחזור אחרי שש"})).await;
    assert!(added["id"].as_str().unwrap().starts_with("draft:"));
    assert_eq!(notes_with(&page(&boot, "3").await, "לחזור אחרי שש").len(), 1);
    until(|| async { notes_with(&page(&boot, "3").await, "לחזור אחרי שש")[0]["pending"].is_null() }).await;
    let state = ask_for(&boot, "outbox_state", json!({})).await;
    assert_eq!(state, json!({"waiting": 0, "refused": 0, "refused_lead_id": null}));
    assert_eq!(posts(&world), 1);
    let mut tags = std::collections::BTreeSet::new();
    while !(tags.contains("outbox") && tags.contains("leads")) {
        if let AppEvent::Changed { tags: changed } = events.next().await.unwrap() {
            tags.extend(changed);
        }
    }
    boot.close().await;
}

#[tokio::test]
async fn a_note_written_without_a_network_waits_over_a_restart_and_is_sent_once() {
    let world = scripted(
        r#"[{"match": {"method": "POST", "path": "/api/leads/*/notes"}, "nth": "1", "do": [{"cut_after": 0}, {"reset": true}]}]"#,
    )
    .await;
    let boot = world.synced().await;
    ask_for(&boot, "note_add", json!({"lead_id": "3", "call": null, "text": "ברכבת"})).await;
    let waits = || async { notes_with(&page(&boot, "3").await, "ברכבת")[0]["pending"]["reason"].is_string() };
    until(waits).await;
    assert_eq!(ask_for(&boot, "outbox_state", json!({})).await["waiting"], 1);
    boot.close().await;
    drop(boot);

    let boot = world.window().await;
    assert_eq!(notes_with(&page(&boot, "3").await, "ברכבת").len(), 1, "it is still there");
    until(|| async { ask_for(&boot, "outbox_state", json!({})).await["waiting"] == 0 }).await;
    let page = page(&boot, "3").await;
    let here = notes_with(&page, "ברכבת");
    assert_eq!((here.len(), &here[0]["pending"], posts(&world)), (1, &Value::Null, 1), "it had arrived");
    boot.close().await;
}

#[tokio::test]
async fn a_note_that_is_not_accepted_says_why_and_goes_on_when_it_was_mended() {
    let world = scripted(
        r#"[{"match": {"method": "POST", "path": "/api/leads/*/notes"}, "nth": "1-2", "do": [{"status": 400}]}]"#,
    )
    .await;
    let boot = world.synced().await;
    let add = |text: &'static str| ask_for(&boot, "note_add", json!({"lead_id": "3", "call": null, "text": text}));
    let (first, second) = (add("one").await, add("two").await);
    until(|| async { ask_for(&boot, "outbox_state", json!({})).await["refused"] == 2 }).await;
    assert_eq!(ask_for(&boot, "outbox_state", json!({})).await["refused_lead_id"], "3");
    let now = page(&boot, "3").await;
    let pending = &notes_with(&now, "one")[0]["pending"];
    assert_eq!((&pending["phase"], &pending["reason"]), (&json!("refused"), &json!("invalid_input")));
    ask_for(&boot, "note_edit", json!({"id": first["id"], "text": "one, mended"})).await;
    ask_for(&boot, "note_discard", json!({"id": second["id"]})).await;
    until(|| async { ask_for(&boot, "outbox_state", json!({})).await["waiting"] == 0 }).await;
    let now = page(&boot, "3").await;
    assert_eq!((notes_with(&now, "one, mended").len(), notes_with(&now, "two").len()), (1, 0));
    boot.close().await;
}

#[tokio::test]
async fn a_note_on_a_call_stands_with_its_lead_under_the_call_and_its_second() {
    let world = World::small().await;
    let boot = world.synced().await;
    let window = ask_for(&boot, "calls_window", json!({"filter": {}, "offset": 0, "limit": 200})).await;
    let calls = window["rows"].as_array().unwrap();
    let of_lead = calls.iter().find(|call| call["lead_id"].is_string()).unwrap();
    let add = |call: &Value| {
        let place = json!({"sid": call["sid"], "at_ms": 72_900});
        ask_for(&boot, "note_add", json!({"lead_id": null, "call": place, "text": "המחיר"}))
    };
    assert!(add(of_lead).await["id"].is_string());
    let lead = of_lead["lead_id"].as_str().unwrap();
    until(|| async { notes_with(&page(&boot, lead).await, "המחיר")[0]["pending"].is_null() }).await;
    let now = page(&boot, lead).await;
    let note = notes_with(&now, "המחיר")[0];
    assert_eq!(note["call"], json!({"sid": of_lead["sid"], "at_ms": 72_000}));
    ask_for(&boot, "note_edit", json!({"id": note["id"], "text": "המחיר, שוב"})).await;
    until(|| async { !notes_with(&page(&boot, lead).await, "המחיר, שוב").is_empty() }).await;
    assert_eq!(notes_with(&page(&boot, lead).await, "המחיר, שוב")[0]["call"]["sid"], of_lead["sid"]);
    if let Some(alone) = calls.iter().find(|call| call["lead_id"].is_null()) {
        assert!(add(alone).await["id"].is_null(), "it stays on this device");
    }
    boot.close().await;
}

#[tokio::test]
async fn what_cannot_be_a_note_is_refused() {
    let world = World::small().await;
    let boot = world.synced().await;
    for (command, args, code) in [
        ("note_add", json!({"lead_id": "3", "call": null, "text": "  "}), "invalid_input"),
        ("note_add", json!({"lead_id": "3", "call": null, "text": "x".repeat(30_000)}), "invalid_input"),
        ("note_add", json!({"lead_id": "99999", "call": null, "text": "x"}), "not_found"),
        ("note_add", json!({"lead_id": null, "call": null, "text": "x"}), "not_found"),
        ("note_add", json!({"lead_id": null, "call": {"sid": "../x", "at_ms": 0}, "text": "x"}), "invalid_input"),
        ("note_edit", json!({"id": "99999", "text": "x"}), "not_found"),
        ("note_edit", json!({"id": "draft:99999", "text": "x"}), "not_found"),
        ("note_retry", json!({"id": "5"}), "not_found"),
        ("note_discard", json!({"id": "draft:x"}), "invalid_input"),
        ("lead_open", json!({"id": "99999"}), "not_found"),
    ] {
        assert_eq!(refused(&boot, command, args.clone()).await.code.as_str(), code, "{command} {args}");
    }
    boot.close().await;
}

#[tokio::test]
async fn opening_a_lead_reads_its_page_once_in_a_while_and_without_a_network_says_so() {
    let world = World::small().await;
    let boot = world.synced().await;
    let pages = || world.sandbox.requests().iter().filter(|one| one.path == "/api/leads/3/notes").count();
    assert_eq!(pages(), 1, "with the sync");
    let opened = ask_for(&boot, "lead_open", json!({"id": "3"})).await;
    assert_eq!(page(&boot, "3").await["read_at_ms"], opened["read_at_ms"]);
    boot.close().await;
    let World { sandbox, profile } = world;
    sandbox.stop().await;
    let world = World { sandbox: aftercall_sandbox::Sandbox::start(Options::default()).await.unwrap(), profile };
    let later = aftercall_app::start::StartOptions {
        clock: std::sync::Arc::new(Later(aftercall_domain::clock::SystemClock::new())),
        ..world.options(aftercall_app::start::Access::Window)
    };
    let boot = Boot::start(later).await;
    assert_eq!(refused(&boot, "lead_open", json!({"id": "3"})).await.code.as_str(), "offline");
    assert_eq!(page(&boot, "3").await["read_at_ms"], opened["read_at_ms"]);
    boot.close().await;
}

/// An hour later.
struct Later(aftercall_domain::clock::SystemClock);

impl aftercall_domain::clock::Clock for Later {
    fn now_ms(&self) -> i64 {
        self.0.now_ms() + 3_600_000
    }
    fn monotonic_ms(&self) -> i64 {
        self.0.monotonic_ms()
    }
}
