use std::time::{Duration, Instant};

use aftercall_app::contract::dispatch;
use aftercall_app::start::{Access, Boot, KeyChoice, StartOptions};
use serde_json::{Value, json};

use crate::world::{World, keys};

impl World {
    /// Writes something as the window would, without sending it.
    fn write(&self, command: &str, args: Value) -> Value {
        self.runtime.block_on(async {
            let boot = Boot::start(StartOptions {
                profile: Some(self.profile()),
                key: KeyChoice::File(self.path("root.key")),
                ..StartOptions::from_env(Access::Write)
            })
            .await;
            let answer = dispatch(&boot, command, args).await.unwrap();
            boot.close().await;
            answer
        })
    }

    fn note(&self, text: &str) {
        self.write("note_add", json!({"lead_id": "3", "call": null, "text": text}));
    }

    fn notes(&self) -> Vec<Value> {
        self.run(&["lead", "3"]).ok()["notes"].as_array().unwrap().clone()
    }

    fn asked(&self, method: &str, path: &str) -> usize {
        self.sandbox().requests().iter().filter(|one| one.method == method && one.path == path).count()
    }
}

#[test]
fn a_lead_says_its_notes_and_what_happened_and_what_is_not_sent_yet() {
    let world = World::small().synced();
    let (mut notes, mut activity) = (0, 0);
    for lead in world.run(&["leads", "--limit", "1000"]).ok()["leads"].as_array().unwrap() {
        let page = world.run(&["lead", &lead["id"].to_string()]).ok();
        for note in page["notes"].as_array().unwrap() {
            assert_eq!(keys(note), ["created_at", "id", "pending", "text"]);
            assert_eq!(note["pending"], false);
            notes += 1;
        }
        for one in page["activity"].as_array().unwrap() {
            assert_eq!(keys(one), ["at", "text", "type"]);
            assert!(one["at"].as_str().unwrap().ends_with('Z'));
            activity += 1;
        }
    }
    assert!(notes > 5 && activity > 10, "{notes} {activity}");
    world.note("לשלוח הצעה");
    let notes = world.notes();
    assert_eq!((&notes[0]["text"], &notes[0]["pending"]), (&json!("לשלוח הצעה"), &json!(true)));
    assert!(world.told(&["lead", "3"]).stdout.contains("not sent yet"));
    world.run(&["sync"]).ok();
    let notes = world.notes();
    let sent: Vec<_> = notes.iter().filter(|note| note["text"] == "לשלוח הצעה").collect();
    assert_eq!((sent.len(), &sent[0]["pending"]), (1, &json!(false)));
    assert!(sent[0]["id"].as_str().unwrap().parse::<u64>().is_ok(), "the CRM's own id");
}

#[test]
fn a_call_says_its_marks_also_when_the_crm_does_not_list_it_any_more() {
    let world = World::small().synced();
    let sid = world.call(0);
    world.write("note_add", json!({"lead_id": null, "call": {"sid": sid, "at_ms": 72_900}, "text": "המחיר"}));
    let call = world.run(&["call", &sid]).ok();
    let marks = call["marks"].as_array().unwrap();
    assert_eq!(keys(&marks[0]), ["at_ms", "created_at", "id", "text"]);
    assert_eq!((&marks[0]["at_ms"], &marks[0]["text"]), (&json!(72_900), &json!("המחיר")));
    assert!(world.told(&["call", &sid]).stdout.contains("המחיר"));
}

/// The CRM has taken the note and its answer is on the way, when the program dies.
#[test]
fn a_program_that_is_killed_between_sending_and_answer_sends_the_note_once() {
    let world = World::with_script(
        r#"[{"match": {"method": "POST", "path": "/api/leads/3/notes"}, "nth": "1", "do": [{"delay_ms": 20000}]}]"#,
    )
    .synced();
    world.note("פעם אחת");
    let mut child = world.command(&["sync", "--json"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    while world.asked("POST", "/api/leads/3/notes") == 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "it was never sent");
        world.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.notes()[0]["pending"], true, "nobody said that it arrived");
    for _ in 0..2 {
        world.run(&["sync", "--full"]).ok();
    }
    let notes = world.notes();
    let here: Vec<_> = notes.iter().filter(|note| note["text"] == "פעם אחת").collect();
    assert_eq!((here.len(), &here[0]["pending"]), (1, &json!(false)));
    assert_eq!(world.asked("POST", "/api/leads/3/notes"), 1);
}

#[test]
fn a_note_that_the_crm_refuses_ends_no_sync_and_keeps_its_text() {
    let world = World::with_script(
        r#"[{"match": {"method": "POST", "path": "/api/leads/3/notes"}, "nth": "*", "do": [{"status": 400}]}]"#,
    )
    .synced();
    world.note("ארוך מדי");
    world.run(&["sync"]).ok();
    world.run(&["sync"]).ok();
    assert_eq!((&world.notes()[0]["text"], &world.notes()[0]["pending"]), (&json!("ארוך מדי"), &json!(true)));
    assert_eq!(world.asked("POST", "/api/leads/3/notes"), 1, "it waits for the person");
}
