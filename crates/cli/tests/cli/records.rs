use serde_json::{Value, json};

use crate::world::{World, keys};

const CALL: [&str; 13] = [
    "direction",
    "duration_s",
    "from",
    "lead_id",
    "lead_name",
    "recording",
    "removed_upstream",
    "sid",
    "source",
    "started_at",
    "status",
    "summary",
    "to",
];
const LEAD: [&str; 11] = [
    "calls",
    "email",
    "id",
    "last_contact_at",
    "name",
    "owner_user_id",
    "phone",
    "source",
    "status",
    "tags",
    "unheard",
];
const APPOINTMENT: [&str; 8] =
    ["calendar_id", "calendar_name", "ends_at", "id", "lead_id", "starts_at", "status", "title"];
const COUNTS: [&str; 6] = ["added", "changed", "rejected", "removed", "seen", "unchanged"];

#[test]
fn signing_in_says_who_and_syncing_twice_changes_nothing_the_second_time() {
    let world = World::small();
    let signed_in = world.login();
    assert_eq!(keys(&signed_in), ["account", "business", "role", "source", "user"]);
    assert_eq!(signed_in["source"], "crm");
    assert_eq!(signed_in["account"], world.sandbox().ready().email);
    let first = world.run(&["sync"]).ok();
    assert_eq!(keys(&first), ["appointments", "calendars", "calls", "duration_ms", "leads", "requests"]);
    for feed in ["calls", "leads", "appointments", "calendars"] {
        assert_eq!(keys(&first[feed]), COUNTS);
        assert!(first[feed]["added"].as_u64().unwrap() > 0, "{feed}: {first}");
    }
    for again in [world.run(&["sync"]).ok(), world.run(&["sync", "--full"]).ok()] {
        for feed in ["calls", "leads", "appointments", "calendars"] {
            assert_eq!((&again[feed]["added"], &again[feed]["changed"]), (&json!(0), &json!(0)), "{feed}: {again}");
        }
    }
}

#[test]
fn lists_have_exactly_their_fields_and_pages_that_meet() {
    let world = World::small().synced();
    let all = world.run(&["calls", "--limit", "1000"]).ok();
    assert_eq!(keys(&all), ["calls", "next_cursor", "total", "total_capped"]);
    assert_eq!(all["next_cursor"], Value::Null);
    let rows = all["calls"].as_array().unwrap();
    assert_eq!(all["total"], rows.len());
    for call in rows {
        assert_eq!(keys(call), CALL);
        assert_eq!(keys(&call["recording"]), ["id", "reason", "state"]);
        assert!(call["lead_id"].is_null() || call["lead_id"].is_number());
    }
    let (mut paged, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = match &cursor {
            Some(cursor) => world.run(&["calls", "--limit", "7", "--cursor", cursor]).ok(),
            None => world.run(&["calls", "--limit", "7"]).ok(),
        };
        paged.extend(page["calls"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(&paged, rows);

    let outbound = world.run(&["calls", "--direction", "outbound", "--has-recording", "--limit", "1000"]).ok();
    for call in outbound["calls"].as_array().unwrap() {
        assert_eq!((&call["direction"], &call["recording"]["state"]), (&json!("outbound"), &json!("ready_online")));
    }

    let leads = world.run(&["leads"]).ok();
    assert_eq!(keys(&leads), ["leads", "next_cursor", "total", "total_capped"]);
    for lead in leads["leads"].as_array().unwrap() {
        assert_eq!(keys(lead), LEAD);
    }
    let appointments = world.run(&["appointments"]).ok();
    let appointments = appointments["appointments"].as_array().unwrap();
    assert!(appointments.iter().any(|one| one["calendar_name"].is_string()));
    for appointment in appointments {
        assert_eq!(keys(appointment), APPOINTMENT);
    }
}

#[test]
fn a_call_and_a_lead_say_all_that_is_known() {
    let world = World::small().synced();
    let sid = world.call(0);
    let call = world.run(&["call", &sid]).ok();
    let mut expected = CALL.to_vec();
    expected.extend(["heard", "marks", "position_ms", "recordings", "transcript"]);
    expected.sort_unstable();
    assert_eq!(keys(&call), expected);
    assert_eq!(call["recordings"][0]["id"], format!("crm:{sid}"));
    let facts = [
        "attempts",
        "bytes",
        "channels",
        "codec",
        "duration_ms",
        "id",
        "next_try_at",
        "polls",
        "reason",
        "sample_rate_hz",
        "state",
    ];
    assert_eq!(keys(&call["recordings"][0]), facts);

    let id = world.run(&["leads", "--limit", "1"]).ok()["leads"][0]["id"].to_string();
    let lead = world.run(&["lead", &id]).ok();
    let mut expected = LEAD.to_vec();
    expected.extend(["activity", "appointments", "next_appointment", "notes", "summary"]);
    expected.sort_unstable();
    assert_eq!(keys(&lead), expected);
    assert_eq!(lead["id"].to_string(), id);
    for call in lead["calls"].as_array().unwrap() {
        assert_eq!(keys(call), CALL);
        assert_eq!(call["lead_id"].to_string(), id);
    }
}

#[test]
fn search_finds_a_lead_by_its_hebrew_name() {
    let world = World::small().synced();
    let leads = world.run(&["leads", "--limit", "1000"]).ok();
    let named = leads["leads"].as_array().unwrap().iter().find_map(|lead| {
        let name = lead["name"].as_str()?;
        name.chars().any(|letter| ('א'..='ת').contains(&letter)).then(|| (name.to_owned(), lead["id"].clone()))
    });
    let (name, id) = named.expect("a lead with a Hebrew name");
    let found = world.run(&["leads", "--search", &name]).ok();
    assert!(found["leads"].as_array().unwrap().iter().any(|lead| lead["id"] == id), "{name}");
}

#[test]
fn search_finds_a_call_by_what_was_said() {
    let world = World::small().synced();
    let calls = world.run(&["calls", "--has-recording", "--limit", "40"]).ok();
    let sids = calls["calls"].as_array().unwrap().iter().map(|call| call["sid"].as_str().unwrap().to_owned());
    let (sid, transcript) = sids
        .filter_map(|sid| {
            let call = world.run(&["call", &sid]).ok();
            Some((sid, call["transcript"].as_str()?.to_owned()))
        })
        .find(|(_, transcript)| !transcript.is_empty())
        .expect("a call with a transcript");
    let words: Vec<&str> = transcript.split_whitespace().rev().take(5).collect();
    let found = world.run(&["calls", "--search", &words.join(" "), "--limit", "1000"]).ok();
    assert!(found["calls"].as_array().unwrap().iter().any(|call| call["sid"] == sid.as_str()), "{words:?}");
}

#[test]
fn the_doctor_names_every_check_with_its_cause_and_no_secret() {
    let world = World::small().synced();
    let ran = world.run(&["doctor"]);
    let diagnosis = ran.json();
    let checks = diagnosis["checks"].as_array().unwrap();
    for check in checks {
        assert_eq!(keys(check), ["cause", "fix", "id", "status"]);
        assert!(check["status"] == "ok" || check["fix"].is_string(), "{check}");
    }
    let ids: Vec<_> = checks.iter().map(|check| check["id"].as_str().unwrap()).collect();
    for id in
        ["key", "disk", "clock", "database", "calendar_id", "foreign_keys", "stuck_jobs", "session", "audio_device"]
    {
        assert!(ids.contains(&id), "{id} is missing in {ids:?}");
    }
    let ready = world.sandbox().ready();
    for secret in [&ready.email, &ready.password, &ready.url] {
        assert!(!ran.stdout.contains(secret.as_str()));
    }
}

#[test]
fn people_get_words_and_scripts_one_object() {
    let world = World::small().synced();
    for arguments in [&["calls"][..], &["leads"], &["appointments"], &["call", &world.call(0)]] {
        let told = world.told(arguments);
        assert_eq!(told.code, 0, "{}", told.stderr);
        assert!(serde_json::from_str::<Value>(&told.stdout).is_err());
        assert!(!told.stdout.trim().is_empty());
        assert_eq!(told.stderr, "", "progress is for terminals");
    }
}

#[test]
fn a_day_of_appointments_is_israels_day_also_when_its_clocks_change() {
    let row = |id: u32, start: &str| {
        format!(r#"{{\"id\": {id}, \"title\": \"x\", \"start_time\": \"{start}\", \"end_time\": \"{start}\"}}"#)
    };
    let rows = [
        row(1, "2026-03-26T23:59:59+02:00"),
        row(2, "2026-03-27T00:00:00+02:00"),
        row(3, "2026-03-27T23:59:59+03:00"),
        row(4, "2026-03-28T00:00:00+03:00"),
        row(5, "2026-10-24T23:59:59+03:00"),
        row(6, "2026-10-25T01:30:00+03:00"),
        row(7, "2026-10-25T01:30:00+02:00"),
        row(8, "2026-10-25T23:59:59+02:00"),
        row(9, "2026-10-26T00:00:00+02:00"),
    ];
    let list = format!(r#"{{\"appointments\": [{}], \"pagination\": {{\"total\": 9}}}}"#, rows.join(", "));
    let world = World::with_script(&format!(
        r#"[{{"match": {{"path": "/api/calendar/appointments"}}, "do": [{{"body": "{list}"}}]}}]"#
    ))
    .synced();
    for (day, wanted) in [("2026-03-27", vec![2, 3]), ("2026-10-25", vec![6, 7, 8])] {
        let answer = world.run(&["appointments", "--from", day, "--to", day]).ok();
        let listed = answer["appointments"].as_array().unwrap();
        let ids: Vec<i64> = listed.iter().map(|one| one["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, wanted, "{day}: {answer}");
        assert!(listed.iter().all(|one| one["starts_at"].as_str().unwrap().ends_with('Z')));
    }
    let october = world.run(&["appointments", "--from", "2026-10-25", "--to", "2026-10-25"]).ok();
    let starts = [&october["appointments"][0]["starts_at"], &october["appointments"][1]["starts_at"]];
    assert_eq!(starts, [&json!("2026-10-24T22:30:00Z"), &json!("2026-10-24T23:30:00Z")], "an hour that came twice");
}

#[test]
fn an_agents_appointments_have_calendars_without_names() {
    let world = World::small();
    let agent = &world.sandbox().ready().agent;
    let mut login = world.command(&["login", "crm", "--url", world.sandbox().url(), "--email", &agent.email, "--json"]);
    let signed_in = login.env("AFTERCALL_PASSWORD", &agent.password).output().unwrap();
    assert!(signed_in.status.success());
    world.run(&["sync"]).ok();
    let answer = world.run(&["appointments"]).ok();
    let listed = answer["appointments"].as_array().unwrap();
    assert!(listed.iter().any(|one| one["calendar_id"].is_i64()));
    assert!(listed.iter().all(|one| one["calendar_name"].is_null()), "{answer}");
}
