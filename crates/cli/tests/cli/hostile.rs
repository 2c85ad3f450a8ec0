//! Servers that send what no server should: each ends in a word of its own, nothing is lost, memory and requests are
//! bounded.

use aftercall_campaign::program::{self, Answer};
use aftercall_sandbox::{Options, Script};
use serde_json::{Value, json};

use crate::world::World;

const MIB: u64 = 1 << 20;
/// F22: what one process may take for whatever a server sends.
const MEMORY_MAX: u64 = 300 * MIB;

/// Whether a library that was synced before meets this, or one that is new.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Synced,
    New,
}

/// A sync against a server that answers the lists of calls as `steps` say, from the `nth` on.
struct Met {
    world: World,
    sync: Answer,
    requests: usize,
    before: u64,
}

fn rules(path: &str, nth: &str, steps: &Value) -> String {
    json!([{"match": {"method": "GET", "path": path}, "nth": nth, "do": steps}]).to_string()
}

fn total(world: &World) -> u64 {
    world.run(&["calls"]).ok()["total"].as_u64().unwrap()
}

/// The first sync reads two pages of calls: what is scripted begins with the third.
fn meets(before: Before, path: &str, steps: Value) -> Met {
    let nth = if before == Before::Synced && path.contains("calls") { "3-9999" } else { "1-9999" };
    let script = Script::parse(&rules(path, nth, &steps)).unwrap();
    let world = World::new(Options { calls: 150, leads: 12, prepare_polls: 0, script, ..Options::default() });
    world.login();
    if before == Before::Synced {
        world.run(&["sync"]).ok();
    }
    let (known, asked) = (total(&world), world.sandbox().request_count());
    let sync = program::finish(world.command(&["sync", "--full", "--json"])).unwrap();
    // Of the list that is lied about; the others are read as ever.
    let seen = world.sandbox().requests();
    let requests = seen[asked..].iter().filter(|one| one.path.starts_with(path.trim_end_matches('*'))).count();
    let mib = sync.peak_rss_bytes / MIB;
    let told: String = steps.to_string().chars().take(70).collect();
    eprintln!("{told}: {} after {requests} requests, peak {mib} MiB, {:?}", sync.word(), sync.took);
    Met { world, sync, requests, before: known }
}

impl Met {
    /// It ended with this word, within bounds, and what was there is there.
    fn ends(&self, word: &str, requests_max: usize) {
        assert_eq!(self.sync.word(), word, "{} {}", self.sync.json, self.sync.stderr);
        assert!(self.requests <= requests_max, "{} requests", self.requests);
        assert!(self.sync.peak_rss_bytes < MEMORY_MAX, "{} MiB", self.sync.peak_rss_bytes / MIB);
        assert!(!self.sync.stderr.contains("panicked"), "{}", self.sync.stderr);
        assert!(total(&self.world) >= self.before);
    }

    fn rejected(&self) -> u64 {
        self.sync.json["calls"]["rejected"].as_u64().unwrap_or_default()
    }
}

fn list(rows: &str, total: u64) -> Value {
    let more = json!({"total": total, "limit": 100, "offset": 0, "hasMore": true});
    json!({"body": format!("{{\"calls\":[{rows}],\"pagination\":{more},\"success\":true}}")})
}

fn row(sid: &str, more: &str) -> String {
    format!("{{\"sid\":\"{sid}\",\"at\":\"2026-11-20T10:00:00\"{more}}}")
}

/// 200 MB of rows that each could be a call.
fn mountain() -> Value {
    let unit = format!("{},", row("CA0", ",\"summary\":\"הר\""));
    let times = 200_000_000 / unit.len();
    json!({"fill": {"head": "{\"calls\":[", "unit": unit, "times": times, "tail": "null],\"pagination\":{\"total\":5}}"}})
}

#[test]
fn a_page_of_200_mb_is_too_large_and_is_not_read_to_its_end() {
    // The page is asked for again in smaller ones, down to a quarter, and given up.
    meets(Before::Synced, "/api/calls*", json!([mountain()])).ends("server_unavailable", 12);
}

#[test]
fn a_page_of_200_mb_without_a_length_is_too_large_too() {
    meets(Before::New, "/api/calls*", json!([mountain(), {"chunked": true}])).ends("server_unavailable", 12);
}

#[test]
fn a_page_that_unpacks_to_200_mb_is_stopped_while_it_unpacks() {
    meets(Before::Synced, "/api/calls*", json!([mountain(), {"gzip": true}])).ends("server_unavailable", 12);
    meets(Before::New, "/api/leads*", json!([{"gzip_bomb_bytes": 200_000_000}])).ends("server_unavailable", 12);
}

#[test]
fn a_row_with_a_name_of_1_mb_is_rejected_and_the_others_are_read() {
    let name = "ש".repeat(500_000);
    let body = json!({"items": [{"id": 1, "full_name": name}, {"id": 2, "full_name": "דנה כהן"}], "total": 2});
    let met = meets(Before::New, "/api/leads*", json!([{"body": body.to_string()}]));
    met.ends("ok", 12);
    assert_eq!(met.sync.json["leads"]["rejected"], 1);
    assert_eq!(met.world.run(&["lead", "2"]).ok()["name"], "דנה כהן");
}

#[test]
fn the_same_page_for_ever_ends() {
    let rows: Vec<String> = (0..100).map(|n| row(&format!("CA{n}"), "")).collect();
    for (total, word) in [(100_u64, "ok"), (1_000_000, "server_unavailable"), (u64::MAX, "server_unavailable")] {
        meets(Before::New, "/api/calls*", json!([list(&rows.join(","), total)])).ends(word, 20);
    }
}

#[test]
fn a_total_that_is_too_small_removes_nothing() {
    let rows: Vec<String> = (0..100).map(|n| row(&format!("CA{n}"), "")).collect();
    let met = meets(Before::Synced, "/api/calls*", json!([list(&rows.join(","), 7)]));
    met.ends("ok", 12);
    assert_eq!(met.world.run(&["sync", "--full"]).ok()["calls"]["removed"], 0);
}

#[test]
fn empty_pages_that_promise_more_for_ever_end() {
    let met = meets(Before::Synced, "/api/calls*", json!([list("", 1_000_000)]));
    met.ends("server_unavailable", 12);
    // Nothing of what is here is taken for deleted, however often it is said.
    assert_eq!(met.world.run(&["sync", "--full"]).error(), "server_unavailable");
    let here = met.world.run(&["calls", "--limit", "1000"]).ok();
    assert!(here["calls"].as_array().unwrap().iter().all(|call| call["removed_upstream"] == false));
}

#[test]
fn pages_of_a_web_site_are_no_data() {
    meets(Before::Synced, "/api/calls*", json!([{"html": true}])).ends("server_unavailable", 12);
    meets(Before::New, "/api/leads*", json!([{"html": true}])).ends("server_unavailable", 12);
}

#[test]
fn a_portal_that_redirects_is_not_followed() {
    let met = meets(Before::Synced, "/api/calls*", json!([{"redirect": "http://127.0.0.1:9/portal"}]));
    met.ends("server_unavailable", 12);
}

#[test]
fn broken_text_costs_its_row_or_its_page_and_nothing_else() {
    // 0xff in a name, in the middle of a list that is sound otherwise.
    let body =
        [br#"{"calls":[{"sid":"CA1","summary":""#.as_slice(), &[0xff, 0xfe], br#""}],"pagination":{"total":1}}"#];
    let met = meets(Before::Synced, "/api/calls*", json!([{"body_hex": hex::encode(body.concat())}]));
    assert!(met.sync.word() == "server_unavailable" || met.rejected() == 1, "{}", met.sync.json);
    met.ends(&met.sync.word(), 12);
    // Half of a surrogate pair.
    let met = meets(Before::New, "/api/calls*", json!([list(&row("CA1", ",\"summary\":\"\\ud83d\""), 1)]));
    assert!(met.sync.word() == "ok" && met.rejected() <= 1, "{}", met.sync.json);
    met.ends("ok", 12);
}

#[test]
fn nesting_doubled_keys_and_numbers_out_of_range_cost_their_row() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let rows = [
        row("CA1", ""),
        row("CA2", &format!(",\"summary\":{deep}")),
        row("CA3", ",\"duration\":99999999999999999999999999"),
        row("CA4", ",\"lead_id\":1e400"),
        row("CA5", ",\"duration\":-5"),
        "{\"sid\":\"CA6\",\"sid\":\"CA7\",\"at\":\"2026-11-20T10:00:00\"}".to_owned(),
        row("CA8", ",\"duration\":1.5"),
        row("CA9", ",\"from_e164\":{\"a\":1}"),
        "{\"sid\":\"CA10\",\"at\":\"9999999-01-01T00:00:00\"}".to_owned(),
        "{\"sid\":\"CA11\",\"at\":\"2026-11-20T10:00:00.123456789123\"}".to_owned(),
    ];
    let met = meets(Before::New, "/api/calls*", json!([list(&rows.join(","), 10)]));
    met.ends("ok", 12);
    assert!((5..=9).contains(&met.rejected()), "{}", met.sync.json);
    assert_eq!(met.world.run(&["call", "CA1"]).ok()["sid"], "CA1");
    assert_eq!(met.world.run(&["calls", "--limit", "100"]).ok()["total"].as_u64().unwrap(), 10 - met.rejected());
}

#[test]
fn a_hundred_thousand_tiny_rows_are_refused_or_read_within_the_bound() {
    let fill = json!({"fill": {"head": "{\"calls\":[", "unit": "{},", "times": 100_000, "tail": "{}],\"pagination\":{\"total\":100001}}"}});
    let met = meets(Before::Synced, "/api/calls*", json!([fill]));
    met.ends(&met.sync.word(), 12);
    assert!(met.sync.word() == "server_unavailable" || met.rejected() > 0, "{}", met.sync.json);
    let fill = json!({"fill": {"head": "{\"items\":[", "unit": "{\"id\":1},", "times": 100_000, "tail": "{\"id\":2}],\"total\":100001}"}});
    let met = meets(Before::New, "/api/leads*", json!([fill]));
    assert!(["ok", "server_unavailable"].contains(&met.sync.word().as_str()), "{}", met.sync.json);
    met.ends(&met.sync.word(), 12);
}

#[test]
fn a_list_that_shrinks_while_it_is_read_removes_nothing() {
    let world = World::new(Options { calls: 300, leads: 12, prepare_polls: 0, ..Options::default() }).synced();
    let before = world.run(&["calls", "--limit", "1000"]).ok();
    world.sandbox().move_each_request(9);
    for _ in 0..2 {
        let answer = world.run(&["sync", "--full"]).ok();
        assert_eq!(answer["calls"]["removed"], 0, "the total did not stand still: {answer}");
    }
    world.sandbox().move_each_request(0);
    let after = world.run(&["calls", "--limit", "1000"]).ok();
    assert!(after["calls"].as_array().unwrap().len() >= before["calls"].as_array().unwrap().len());
}

#[test]
fn a_wait_that_nobody_could_wait_for_is_not_waited_for() {
    for value in ["999999999999", "-1", "Wed, 01 Jan 9999 00:00:00 GMT", "\u{5d0}", "1e9", ""] {
        let steps = json!([{"status": 429}, {"header": ["Retry-After", value]}]);
        let met = meets(Before::Synced, "/api/calls*", steps);
        met.ends("rate_limited", 12);
        assert!(met.sync.took.as_secs() < 60, "{value}: {:?}", met.sync.took);
    }
}

#[test]
fn a_servers_clock_that_is_an_hour_off_changes_nothing_that_is_here() {
    for (date, offset_us) in [("past", -3_600_000_000_i64), ("future", 3_600_000_000)] {
        let now_us = i64::try_from(
            std::fs::metadata("/proc/self")
                .unwrap()
                .modified()
                .unwrap()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_micros(),
        )
        .unwrap();
        let clock = std::sync::Arc::new(aftercall_domain::clock::ManualClock::at((now_us + offset_us) / 1000));
        let world =
            World::new(Options { calls: 150, leads: 12, prepare_polls: 0, clock, ..Options::default() }).synced();
        let (first, requests) = (total(&world), world.sandbox().request_count());
        let again = world.run(&["sync", "--full"]).ok();
        assert_eq!((&again["calls"]["changed"], &again["calls"]["removed"]), (&json!(0), &json!(0)), "{date}");
        assert_eq!(total(&world), first);
        assert!(world.sandbox().request_count() - requests < 20);
    }
}
