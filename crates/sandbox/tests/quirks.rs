//! What the contract says about this server that a client would not expect, each by its name.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use aftercall_sandbox::Options;
use common::{NOW_MS, Person, file_of, open, send, start};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn rows<'a>(list: &'a Value, key: &str) -> &'a Vec<Value> {
    list[key].as_array().unwrap()
}

async fn at_once() -> (aftercall_sandbox::Sandbox, Person) {
    let (sandbox, _) = start(Options { prepare_polls: 0, ..Options::default() }).await;
    let owner = Person::owner(&sandbox).await;
    (sandbox, owner)
}

#[tokio::test]
async fn a_partial_answer_says_its_length_twice_on_the_wire() {
    let (sandbox, owner) = at_once().await;
    let path = file_of(&sandbox.ready().recordings[0].call_sid);
    let headers = [("Cookie", owner.cookie.as_str()), ("Range", "bytes=0-99")];
    let mut wire = String::new();
    let mut stream = open(sandbox.url(), "GET", &path, &headers, "").await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    wire.push_str(&String::from_utf8_lossy(&bytes[..bytes.len() - 100]));
    assert!(wire.starts_with("HTTP/1.1 206 "), "{wire}");
    assert_eq!(wire.matches("\r\ncontent-length: 100\r\n").count(), 2, "{wire}");
}

#[tokio::test]
async fn a_recording_is_202_to_its_first_polls_by_get_or_head_and_then_there() {
    let (sandbox, _) = start(Options { prepare_polls: 2, ..Options::default() }).await;
    let owner = Person::owner(&sandbox).await;
    let recording = sandbox.ready().recordings[1].clone();
    let path = file_of(&recording.call_sid);
    let head = owner.ask("HEAD", &path, &[]).await;
    assert_eq!((head.status, head.header("retry-after"), head.body.len()), (202, Some("2"), 0));
    // Asking how it goes is no poll.
    let status = owner.get(&format!("/api/recordings/{}/status", recording.call_sid)).await.json();
    assert_eq!(status["status"], "queued");
    let get = owner.ask("GET", &path, &[("Range", "bytes=0-9")]).await;
    assert_eq!((get.status, get.json()["status"].as_str()), (202, Some("processing")));
    let there = owner.ask("HEAD", &path, &[]).await;
    assert_eq!(there.status, 200);
    let whole = owner.get(&path).await;
    assert_eq!(hex_sha256(&whole.body), recording.sha256);
    assert_eq!(there.header("content-length"), Some(whole.body.len().to_string().as_str()));
    // Another recording has polls of its own.
    assert_eq!(owner.ask("HEAD", &file_of(&sandbox.ready().recordings[2].call_sid), &[]).await.status, 202);
}

fn hex_sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

#[tokio::test]
async fn wav_bytes_are_announced_as_mpeg() {
    let (sandbox, owner) = at_once().await;
    let wav = sandbox.ready().recordings.iter().find(|one| one.file.ends_with(".wav")).unwrap().clone();
    let answer = owner.get(&file_of(&wav.call_sid)).await;
    assert_eq!(answer.header("content-type"), Some("audio/mpeg"));
    assert_eq!(&answer.body[..4], b"RIFF");
}

#[tokio::test]
async fn only_a_whole_get_has_validators_and_they_give_304() {
    let (sandbox, owner) = at_once().await;
    let path = file_of(&sandbox.ready().recordings[0].call_sid);
    let whole = owner.get(&path).await;
    let etag = whole.header("etag").unwrap().to_owned();
    let modified = whole.header("last-modified").unwrap().to_owned();
    for (name, value) in [("If-None-Match", etag.as_str()), ("If-Modified-Since", modified.as_str())] {
        let fresh = owner.ask("GET", &path, &[(name, value)]).await;
        assert_eq!((fresh.status, fresh.body.len()), (304, 0), "{name}");
    }
    assert_eq!(owner.ask("GET", &path, &[("If-None-Match", "\"other\"")]).await.status, 200);
    let head = owner.ask("HEAD", &path, &[]).await;
    let part = owner.ask("GET", &path, &[("Range", "bytes=5-9"), ("If-Range", "\"other\"")]).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, &whole.body[5..10]);
    for answer in [head, part] {
        assert_eq!((answer.header("etag"), answer.header("last-modified")), (None, None));
    }
}

#[tokio::test]
async fn a_range_that_is_not_one_plain_range_is_500_and_one_past_the_end_is_a_bare_416() {
    let (sandbox, owner) = at_once().await;
    let path = file_of(&sandbox.ready().recordings[0].call_sid);
    for range in ["bytes=0-99,200-299", "bytes=abc-def", "bytes=", "bytes=200-100", "items=0-9"] {
        let answer = owner.ask("GET", &path, &[("Range", range)]).await;
        assert_eq!(answer.status, 500, "{range}");
        assert!(answer.json()["message"].as_str().unwrap().starts_with("416 "), "{range}");
    }
    for range in ["bytes=999999999-", "bytes=-0"] {
        let answer = owner.ask("GET", &path, &[("Range", range)]).await;
        assert_eq!((answer.status, answer.header("content-range"), answer.body.len()), (416, None, 0), "{range}");
    }
    let truncated = owner.ask("GET", &path, &[("Range", "BYTES=0-99")]).await;
    assert_eq!((truncated.status, truncated.body.len()), (206, 100));
    assert!(truncated.header("content-length").unwrap().parse::<usize>().unwrap() > 100);
}

#[tokio::test]
async fn a_file_that_never_comes_is_restarted_three_times_and_then_given_up() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.mp3"), [0u8; 1_000]).unwrap();
    let options = Options { recordings: Some(folder.path().to_owned()), prepare_polls: 0, ..Options::default() };
    let (sandbox, clock) = start(options).await;
    let owner = Person::owner(&sandbox).await;
    let path = file_of(&sandbox.ready().recordings[0].call_sid);
    assert_eq!(owner.get(&path).await.header("retry-after"), Some("2"));
    for attempt in 1..=3 {
        clock.advance_ms(5 * MINUTE_MS + 1);
        let answer = owner.get(&path).await;
        assert_eq!((answer.status, answer.header("retry-after")), (202, Some("5")));
        assert_eq!(answer.json()["attempt_count"], attempt);
    }
    clock.advance_ms(5 * MINUTE_MS + 1);
    let given_up = owner.get(&path).await;
    assert_eq!(given_up.status, 500);
    assert_eq!(given_up.json()["error"], "worker_not_processing_queue");
    // And the next request makes a new run, as upstream.
    assert_eq!(owner.get(&path).await.status, 202);
}

#[tokio::test]
async fn status_and_stream_are_410_after_eight_days_while_the_file_route_serves() {
    let (_sandbox, owner) = at_once().await;
    let list = owner.get("/api/calls?limit=100&offset=200").await.json();
    let old = rows(&list, "calls").iter().find(|call| call["hasRecording"] == true).unwrap();
    let sid = old["sid"].as_str().unwrap();
    assert_eq!(owner.get(&format!("/api/recordings/{sid}/status")).await.status, 410);
    assert_eq!(owner.get(&format!("/api/recordings/{sid}/stream?explicit_user_action=true")).await.status, 410);
    assert_eq!(owner.get(&file_of(sid)).await.status, 200);
}

#[tokio::test]
async fn the_call_list_clamps_its_limit_and_promises_more_behind_limit_zero() {
    let (_sandbox, owner) = at_once().await;
    let clamped = owner.get("/api/calls?limit=5000").await.json();
    assert_eq!((rows(&clamped, "calls").len(), &clamped["pagination"]["limit"]), (100, &json!(100)));
    let zero = owner.get("/api/calls?limit=0").await.json();
    assert_eq!((rows(&zero, "calls").len(), &zero["pagination"]["hasMore"]), (0, &json!(true)));
    let beyond = owner.get("/api/calls?offset=100000").await.json();
    assert_eq!((rows(&beyond, "calls").len(), &beyond["pagination"]["hasMore"]), (0, &json!(false)));
    let negative = owner.get("/api/calls?limit=-1").await;
    assert_eq!(negative.status, 500);
    assert!(negative.json()["error"].as_str().unwrap().contains("SELECT"), "the SQL is in the error");
}

#[tokio::test]
async fn pages_of_every_list_add_up_to_its_total_without_a_row_twice() {
    let (_sandbox, owner) = at_once().await;
    let mut sids = std::collections::BTreeSet::new();
    for offset in (0..400).step_by(100) {
        let page = owner.get(&format!("/api/calls?limit=100&offset={offset}")).await.json();
        sids.extend(rows(&page, "calls").iter().map(|call| call["sid"].as_str().unwrap().to_owned()));
    }
    let total = owner.get("/api/calls?limit=1").await.json()["pagination"]["total"].as_u64().unwrap();
    assert_eq!(sids.len() as u64, total);
    let mut by_side = 0;
    for side in ["inbound", "outbound"] {
        let whole = owner.get(&format!("/api/{side}/recent-calls?page_size=10000")).await.json();
        let second = owner.get(&format!("/api/{side}/recent-calls?page=2&page_size=7")).await.json();
        assert_eq!(rows(&whole, "items").len() as u64, whole["total"].as_u64().unwrap());
        assert_eq!(rows(&whole, "items")[7..14], rows(&second, "items")[..]);
        by_side += rows(&whole, "items").len();
        let filtered = owner.get(&format!("/api/calls?direction={side}&limit=1")).await.json();
        assert_eq!(filtered["pagination"]["total"], whole["total"]);
    }
    assert!(by_side < sids.len(), "calls of unknown direction are in neither list");
}

#[tokio::test]
async fn an_outbound_call_with_a_parent_leg_is_there_twice() {
    let (_sandbox, owner) = at_once().await;
    let list = owner.get("/api/calls?limit=100").await.json();
    let calls = rows(&list, "calls");
    let children: Vec<_> = calls.iter().filter(|call| call["parent_call_sid"].is_string()).collect();
    assert!(!children.is_empty());
    for child in children {
        if let Some(leg) = calls.iter().find(|call| call["sid"] == child["parent_call_sid"]) {
            assert!(leg["duration"].as_u64().unwrap() <= 1 && leg["direction"] == "outbound");
        }
    }
    let shown = owner.get("/api/calls?limit=100&show_all=true").await.json();
    assert_eq!(shown["pagination"]["total"], list["pagination"]["total"]);
}

#[tokio::test]
async fn inbound_rows_lack_the_callers_number_and_the_name_is_only_there() {
    let (_sandbox, owner) = at_once().await;
    let recent = owner.get("/api/inbound/recent-calls?page_size=100").await.json();
    let recent = rows(&recent, "items");
    assert!(recent.iter().all(|row| row["to_number"] == "+97235550101" && row.get("from_number").is_none()));
    assert!(recent.iter().any(|row| row["lead_name"].is_string()));
    let list = owner.get("/api/calls?limit=100").await.json();
    assert!(rows(&list, "calls").iter().all(|call| call["lead_name"].is_null()));
    let disagree = recent.iter().any(|row| {
        let call = rows(&list, "calls").iter().find(|call| call["sid"] == row["call_sid"]);
        call.is_some_and(|call| call["status"] != row["status"])
    });
    assert!(disagree, "the two status columns disagree");
}

#[tokio::test]
async fn call_times_are_naive_utc_with_six_digits_or_none() {
    let (_sandbox, owner) = at_once().await;
    let list = owner.get("/api/calls?limit=100").await.json();
    let times: Vec<&str> = rows(&list, "calls").iter().map(|call| call["at"].as_str().unwrap()).collect();
    assert!(times.iter().all(|time| [19, 26].contains(&time.len())), "{times:?}");
    assert!(times.iter().any(|time| time.len() == 19) && times.iter().any(|time| time.len() == 26));
}

#[tokio::test]
async fn search_is_ilike_with_wildcards_over_the_callers_number_and_transcripts() {
    let (_sandbox, owner) = at_once().await;
    let total = |answer: &Value| answer["pagination"]["total"].as_u64().unwrap();
    let all = total(&owner.get("/api/calls?limit=1").await.json());
    // Rows without a from-number and without transcript match nothing, not even the wildcard.
    let percent = total(&owner.get("/api/calls?limit=1&search=%25").await.json());
    assert!(percent > all / 2 && percent <= all);
    let kitchen = owner.get("/api/calls?limit=100&search=%D7%9E%D7%98%D7%91%D7%97").await.json();
    assert!(total(&kitchen) > 0);
    let has = |call: &Value, key: &str| call[key].as_str().is_some_and(|text| text.contains("מטבח"));
    assert!(rows(&kitchen, "calls").iter().all(|call| has(call, "transcription") || has(call, "final_transcript")));
    assert_eq!(total(&owner.get("/api/calls?search=no-such-words").await.json()), 0);
}

#[tokio::test]
async fn a_leads_calls_and_appointments_are_found_by_its_id() {
    let (_sandbox, owner) = at_once().await;
    let newest = owner.get("/api/calls?limit=1").await.json();
    let id = rows(&newest, "calls")[0]["lead_id"].as_u64().unwrap();
    let calls = owner.get(&format!("/api/calls?lead_id={id}&limit=100")).await.json();
    assert!(rows(&calls, "calls").iter().all(|call| call["lead_id"] == id));
    let visits = owner.get(&format!("/api/calendar/appointments?lead_id={id}")).await.json();
    assert!(!rows(&visits, "appointments").is_empty(), "who called last has an appointment ahead");
    assert_eq!(owner.get("/api/calls?lead_id=abc").await.status, 500);
}

#[tokio::test]
async fn an_edited_transcript_never_shows_where_a_final_one_exists() {
    let (_sandbox, owner) = at_once().await;
    let list = owner.get("/api/calls?limit=50").await.json();
    let call = rows(&list, "calls").iter().find(|call| call["final_transcript"].is_string()).unwrap();
    let sid = call["sid"].as_str().unwrap();
    let put = owner.post("PUT", &format!("/api/calls/{sid}/transcript"), &json!({"transcript": "תוקן"})).await;
    assert_eq!(put.status, 200);
    let details = owner.get(&format!("/api/calls/{sid}/details")).await.json();
    assert_eq!(details["transcript"], call["final_transcript"]);
}

#[tokio::test]
async fn a_deleted_call_leaves_no_tombstone_and_the_audio_goes_with_its_row() {
    let (_sandbox, owner) = at_once().await;
    let before = owner.get("/api/calls?limit=2").await.json();
    let sid = rows(&before, "calls")[0]["sid"].as_str().unwrap();
    assert_eq!(owner.ask("DELETE", &format!("/api/calls/{sid}"), &[]).await.status, 200);
    let after = owner.get("/api/calls?limit=2").await.json();
    assert_eq!(rows(&after, "calls")[0], rows(&before, "calls")[1]);
    assert_eq!(after["pagination"]["total"].as_u64().unwrap() + 1, before["pagination"]["total"].as_u64().unwrap());
    assert_eq!(owner.get(&format!("/api/calls/{sid}/details")).await.status, 404);
}

#[tokio::test]
async fn activities_fail_where_there_are_some_and_notes_can_be_written() {
    let (_sandbox, owner) = at_once().await;
    let newest = owner.get("/api/calls?limit=1").await.json();
    let id = rows(&newest, "calls")[0]["lead_id"].as_u64().unwrap();
    assert_eq!(owner.get(&format!("/api/leads/{id}/activities")).await.status, 500);
    let notes = format!("/api/leads/{id}/notes");
    let made = owner.post("POST", &notes, &json!({"content": "חדש 😊"})).await;
    assert_eq!(made.status, 201);
    let note_id = made.json()["note"]["id"].as_u64().unwrap();
    let listed = owner.get(&notes).await.json();
    assert!(rows(&listed, "notes").iter().any(|note| note["id"] == note_id && note["content"] == "חדש 😊"));
    assert_eq!(owner.ask("DELETE", &format!("{notes}/{note_id}"), &[]).await.status, 200);
    let left = owner.get(&notes).await.json();
    assert!(rows(&left, "notes").iter().all(|note| note["id"] != note_id));
}

#[tokio::test]
async fn calendars_are_the_active_ones_while_appointments_still_point_at_the_others() {
    let (sandbox, owner) = at_once().await;
    let list = owner.get("/api/calendar/calendars").await.json();
    let known: Vec<u64> = rows(&list, "calendars").iter().map(|one| one["id"].as_u64().unwrap()).collect();
    let page = owner.get("/api/calendar/appointments?per_page=100").await.json();
    let used: Vec<Option<u64>> = rows(&page, "appointments").iter().map(|one| one["calendar_id"].as_u64()).collect();
    assert!(used.contains(&None), "some have no calendar");
    assert!(used.iter().flatten().any(|id| !known.contains(id)), "some have one that is not listed");
    let agent = Person::agent(&sandbox).await;
    assert_eq!(agent.get("/api/calendar/calendars").await.status, 403);
    assert_eq!(agent.get("/api/calendar/appointments").await.status, 200);
}

#[tokio::test]
async fn the_window_takes_offsets_and_naive_israel_time_and_misses_what_spans_its_end() {
    let (_sandbox, owner) = at_once().await;
    let visit = json!({"title": "x", "start_time": "2027-07-10T10:00:00Z", "end_time": "2027-07-10T11:00:00Z"});
    assert_eq!(owner.post("POST", "/api/calendar/appointments", &visit).await.status, 201);
    // Stored as ten in Israel: the zone was dropped. Ten in Israel is seven UTC in July.
    for (from, to, found) in [
        ("2027-07-10T10:00:00", "2027-07-10T11:00:00", 1),
        ("2027-07-10T07:00:00Z", "2027-07-10T08:00:00Z", 1),
        ("2027-07-10T10:00:00%2B03:00", "2027-07-10T11:00:00%2B03:00", 1),
        ("2027-07-10T08:00:00Z", "2027-07-11", 0),
        ("2027-07-10", "2027-07-10T10:30:00", 0),
    ] {
        let target = format!("/api/calendar/appointments?start_date={from}&end_date={to}");
        let page = owner.get(&target).await.json();
        assert_eq!(rows(&page, "appointments").len(), found, "{from} to {to}");
    }
}

#[tokio::test]
async fn the_cookie_is_issued_again_on_every_answer_and_both_stay_good() {
    let (sandbox, clock) = start(Options::default()).await;
    let mut owner = Person::owner(&sandbox).await;
    clock.advance_ms(HOUR_MS);
    let newer = owner.get("/api/calls?limit=1").await.cookie().unwrap();
    assert_ne!(newer, owner.cookie);
    assert_eq!(owner.get("/api/calls?limit=1").await.status, 200);
    owner.cookie = newer;
    clock.advance_ms(8 * HOUR_MS - 1);
    assert_eq!(owner.get("/api/calls?limit=1").await.status, 200, "eight hours from the last answer, not from login");
}

#[tokio::test]
async fn a_cookie_signed_nine_hours_ago_is_no_session() {
    let (sandbox, clock) = start(Options::default()).await;
    let owner = Person::owner(&sandbox).await;
    clock.advance_ms(9 * HOUR_MS);
    let answer = owner.get("/api/calls?limit=1").await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (401, Some("no_session")));
    assert_eq!(answer.body.len(), 80);
}

#[tokio::test]
async fn polling_me_alone_lets_the_session_expire_everywhere_else() {
    let (sandbox, clock) = start(Options::default()).await;
    let mut owner = Person::owner(&sandbox).await;
    for _ in 0..3 {
        clock.advance_ms(3 * HOUR_MS);
        let me = owner.get("/api/auth/me").await;
        assert_eq!(me.status, 200);
        owner.cookie = me.cookie().unwrap();
    }
    assert_eq!(owner.get("/api/calls?limit=1").await.json(), json!({"error": "Session expired"}));
    assert_eq!(owner.post("POST", "/api/auth/refresh", &json!({})).await.status, 401);
}

#[tokio::test]
async fn refresh_is_refused_after_75_idle_minutes_while_calls_still_work() {
    let (sandbox, clock) = start(Options::default()).await;
    let owner = Person::owner(&sandbox).await;
    assert_eq!(owner.post("POST", "/api/auth/refresh", &json!({})).await.status, 200);
    clock.advance_ms(76 * MINUTE_MS);
    let refused = owner.post("POST", "/api/auth/refresh", &json!({})).await;
    assert_eq!(refused.json()["error"], "Invalid or expired refresh token");
    assert_eq!(owner.get("/api/calls?limit=1").await.status, 200);
}

#[tokio::test]
async fn logout_ends_every_refresh_token_and_leaves_a_replayed_cookie_good() {
    let (sandbox, _) = start(Options::default()).await;
    let (here, elsewhere) = (Person::owner(&sandbox).await, Person::owner(&sandbox).await);
    assert_eq!(here.post("POST", "/api/auth/logout", &json!({})).await.cookie().as_deref(), Some("al_sess="));
    assert_eq!(elsewhere.post("POST", "/api/auth/refresh", &json!({})).await.status, 401);
    assert_eq!(here.get("/api/calls?limit=1").await.status, 200);
}

#[tokio::test]
async fn json_is_ascii_with_sorted_keys() {
    let (_sandbox, owner) = at_once().await;
    let answer = owner.get("/api/leads?pageSize=100").await;
    assert!(answer.body.is_ascii());
    assert!(String::from_utf8_lossy(&answer.body).contains("\\u05"));
    let text = String::from_utf8(owner.get("/api/auth/me").await.body).unwrap();
    let places: Vec<_> = ["impersonating", "tenant", "user"].iter().map(|key| text.find(key).unwrap()).collect();
    assert!(places.is_sorted());
}

#[tokio::test]
async fn a_million_calls_answer_pages_from_both_ends() {
    let (sandbox, _) = start(Options { calls: 1_000_000, leads: 5_000, ..Options::default() }).await;
    let owner = Person::owner(&sandbox).await;
    let newest = owner.get("/api/calls?limit=100").await.json();
    let total = newest["pagination"]["total"].as_u64().unwrap();
    assert_eq!(total, 1_062_500);
    let oldest = owner.get(&format!("/api/calls?limit=100&offset={}", total - 50)).await.json();
    assert_eq!(rows(&oldest, "calls").len(), 50);
    let recent = owner.get("/api/inbound/recent-calls?page=6000&page_size=100").await.json();
    assert_eq!((rows(&recent, "items").len(), &recent["total"]), (100, &json!(625_000)));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_people_and_another_seed_others() {
    let mut lists = Vec::new();
    for seed in [7, 7, 8] {
        let (sandbox, _) = start(Options { seed, ..Options::default() }).await;
        let owner = Person::owner(&sandbox).await;
        lists.push(owner.get("/api/calls?limit=20").await.body);
    }
    assert_eq!(lists[0], lists[1]);
    assert_ne!(lists[0], lists[2]);
}

#[tokio::test]
async fn the_newest_call_is_minutes_old_and_lasts_as_long_as_its_recording() {
    let (sandbox, owner) = at_once().await;
    let list = owner.get("/api/calls?limit=30").await.json();
    let newest = &rows(&list, "calls")[0];
    assert_eq!(newest["sid"], sandbox.ready().recordings[0].call_sid.as_str());
    let at = newest["at"].as_str().unwrap().parse::<jiff::civil::DateTime>().unwrap();
    let at_ms = jiff::tz::TimeZone::UTC.to_timestamp(at).unwrap().as_millisecond();
    assert!((0..10 * MINUTE_MS).contains(&(NOW_MS - at_ms)));
    for recording in sandbox.ready().recordings.iter().take(9) {
        let call = owner.get(&format!("/api/calls/{}/details", recording.call_sid)).await.json();
        let expected = match recording.file.as_str() {
            "call-dual-4min.mp3" => 240,
            name => {
                let digits = name.rsplit('-').next().unwrap().trim_end_matches(|one: char| !one.is_ascii_digit());
                digits.trim_end_matches("3").trim_end_matches("s.mp").trim_end_matches('s').parse().unwrap()
            }
        };
        assert_eq!(call["call"]["duration"], expected, "{}", recording.file);
    }
}

#[tokio::test]
async fn requests_are_listed_with_their_headers_and_without_their_secrets() {
    let (sandbox, owner) = at_once().await;
    owner.ask("GET", "/api/calls?limit=1", &[("X-Mark", "seen")]).await;
    let list = send(sandbox.url(), "GET", "/sandbox/requests", &[], "").await.json();
    let last = list.as_array().unwrap().last().unwrap();
    assert_eq!((&last["method"], &last["path"]), (&json!("GET"), &json!("/api/calls?limit=1")));
    assert_eq!((&last["headers"]["x-mark"], &last["headers"]["cookie"]), (&json!("seen"), &json!("present")));
    assert_eq!(last["time"], "2026-11-22T10:00:00.000Z");
    let seen = sandbox.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[1].header("cookie"), seen[1].at_ms), (Some("present"), NOW_MS));
}
