//! The other side as Twilio: its lists, its two languages of errors, its sound.

mod common;

use aftercall_domain::clock::ManualClock;
use aftercall_sandbox::{Options, Sandbox};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Answer, NOW_MS, send};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

struct Account {
    sandbox: Sandbox,
    clock: Arc<ManualClock>,
}

impl Account {
    async fn open() -> Self {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let options = Options { calls: 60, leads: 20, clock: clock.clone(), ..Options::default() };
        Self { sandbox: Sandbox::start(options).await.expect("a sandbox"), clock }
    }

    fn path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}/{rest}", self.sandbox.ready().twilio.account_sid)
    }

    async fn at(&self, target: &str, user: &str, secret: &str, headers: &[(&str, &str)]) -> Answer {
        let pair = format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
        let mut all = vec![("Authorization", &*pair)];
        all.extend_from_slice(headers);
        send(self.sandbox.url(), "GET", target, &all, "").await
    }

    async fn get(&self, rest: &str) -> Answer {
        let twilio = &self.sandbox.ready().twilio;
        self.at(&self.path(rest), &twilio.key_sid, &twilio.key_secret, &[]).await
    }

    async fn rows(&self, rest: &str, name: &str) -> Vec<Value> {
        let answer = self.get(rest).await;
        assert_eq!(answer.status, 200, "{rest}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()[name].as_array().expect("rows").clone()
    }

    /// The account's own recordings of one status.
    async fn own(&self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let crm: BTreeSet<String> =
            self.sandbox.ready().recordings.iter().map(|one| format!("RE{}", &one.call_sid[2..])).collect();
        let rows = self.rows("Recordings.json?PageSize=1000&IncludeSoftDeleted=true", "recordings").await;
        rows.into_iter().filter(|row| !crm.contains(text(row, "sid")) && fits(row)).collect()
    }
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

#[tokio::test]
async fn pages_hold_every_call_once_newest_first_and_go_on_by_a_relative_address() {
    let account = Account::open().await;
    let (mut target, mut sids, mut pages) = (account.path("Calls.json?PageSize=20"), Vec::new(), 0);
    let twilio = account.sandbox.ready().twilio.clone();
    loop {
        let answer = account.at(&target, &twilio.key_sid, &twilio.key_secret, &[]).await;
        assert!(answer.header("twilio-request-id").is_some_and(|id| id.len() == 34 && id.starts_with("RQ")));
        let page = answer.json();
        pages += 1;
        let rows = page["calls"].as_array().expect("rows").clone();
        assert_eq!((page["page_size"].as_u64(), page["page"].as_u64()), (Some(20), Some(pages - 1)));
        sids.extend(rows.iter().map(|row| text(row, "sid").to_owned()));
        match page["next_page_uri"].as_str() {
            Some(next) => {
                assert!(next.starts_with("/2010-04-01/") && next.contains("PageToken=PACA"), "{next}");
                target = next.to_owned();
            }
            None => break,
        }
    }
    let distinct: BTreeSet<&String> = sids.iter().collect();
    assert_eq!((distinct.len(), pages), (sids.len(), sids.len().div_ceil(20) as u64));
    let all = account.rows("Calls.json?PageSize=1000", "calls").await;
    let listed: Vec<&str> = all.iter().map(|row| text(row, "sid")).collect();
    assert_eq!(listed, sids);
    for one in &account.sandbox.ready().recordings {
        assert!(distinct.contains(&one.call_sid), "the CRM's calls are Twilio's");
    }
}

#[tokio::test]
async fn filters_by_time_take_the_encoded_operator_and_days_as_well_as_moments() {
    let account = Account::open().await;
    let starts = |rows: &[Value]| rows.iter().map(|row| text(row, "start_time").to_owned()).collect::<Vec<_>>();
    let all = account.rows("Calls.json?PageSize=1000", "calls").await;
    let since = account.rows("Calls.json?PageSize=1000&StartTime%3E=2026-11-22T05:00:00Z", "calls").await;
    let before = account.rows("Calls.json?PageSize=1000&StartTime%3C=2026-11-22T05:00:00Z", "calls").await;
    assert!(!since.is_empty() && !before.is_empty());
    assert_eq!([starts(&since), starts(&before)].concat(), starts(&all));
    let day = account.rows("Calls.json?PageSize=1000&StartTime=2026-11-22", "calls").await;
    assert!(!day.is_empty() && day.iter().all(|row| text(row, "start_time").contains("22 Nov 2026")));
    let ended = account.rows("Calls.json?PageSize=1000&EndTime%3E=2026-11-22", "calls").await;
    assert!(ended.iter().all(|row| !row["end_time"].is_null()), "who has no end is in no list by end");
    let none = account.rows("Recordings.json?DateCreated%3E=2030-01-01", "recordings").await;
    assert!(none.is_empty());
    for wrong in ["StartTime%3E=yesterday", "PageSize=0", "PageSize=1001", "PageToken=x", "Status=nonsense"] {
        let answer = account.get(&format!("Calls.json?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    assert_eq!(account.get("Calls.json?PageToken=x").await.json()["code"], 21481);
}

#[tokio::test]
async fn who_asks_is_told_by_key_or_token_and_refused_in_the_language_of_the_path() {
    let account = Account::open().await;
    let twilio = account.sandbox.ready().twilio.clone();
    let (calls, sound) = (account.path("Calls.json"), account.path("Recordings/RE1.mp3"));
    let json = account.at(&calls, &twilio.key_sid, "wrong", &[]).await;
    assert_eq!((json.status, &json.json()["code"]), (401, &20003.into()));
    let xml = account.at(&sound, &twilio.key_sid, "wrong", &[]).await;
    assert_eq!((xml.status, xml.header("content-type")), (401, Some("application/xml")));
    assert!(String::from_utf8_lossy(&xml.body).contains("<RestException><Code>20003</Code>"));
    let token = account.sandbox.twilio_auth_token();
    assert_eq!(account.at(&calls, &twilio.account_sid, token, &[]).await.status, 200);
    let own = format!("/2010-04-01/Accounts/{}.json", twilio.account_sid);
    assert_eq!(account.at(&own, &twilio.account_sid, token, &[]).await.status, 200);
    assert_eq!(account.at(&own, &twilio.key_sid, &twilio.key_secret, &[]).await.status, 401, "a standard key may not");
    let wrong_place = calls.replace(&twilio.account_sid, &twilio.key_sid);
    let answer = account.at(&wrong_place, &twilio.key_sid, &twilio.key_secret, &[]).await;
    assert_eq!((answer.status, &answer.json()["code"]), (404, &20404.into()));
}

#[tokio::test]
async fn the_same_recording_is_told_in_two_shapes_and_a_deleted_one_only_when_asked_for() {
    let account = Account::open().await;
    let listed = account.own(|row| row["status"] == "completed" && row["channels"] == 2).await;
    let of_call = account.rows(&format!("Calls/{}/Recordings.json", text(&listed[0], "call_sid")), "recordings").await;
    assert!(listed.iter().any(|row| row["price"].is_string()) && listed[0]["media_url"].as_str().is_some());
    assert!(of_call[0].get("media_url").is_none() && of_call[0]["track"] == "both");
    assert!(of_call.iter().all(|row| row["price"].is_number() || row["price"].is_null()));
    let deleted = account.own(|row| row["status"] == "deleted").await;
    assert_eq!(deleted.len(), 1);
    assert!(text(&deleted[0], "date_created").ends_with("+0100"));
    let path = format!("Recordings/{}.json", text(&deleted[0], "sid"));
    assert_eq!(account.get(&path).await.status, 404);
    assert_eq!(account.get(&format!("{path}?IncludeSoftDeleted=true")).await.status, 200);
    let usual = account.rows("Recordings.json?PageSize=1000", "recordings").await;
    assert!(usual.iter().all(|row| row["status"] != "deleted"));
    account.clock.advance_ms(41 * 86_400_000);
    assert_eq!(account.get(&format!("{path}?IncludeSoftDeleted=true")).await.status, 404, "forgotten after 40 days");
    let absent: BTreeSet<i64> = account
        .own(|row| row["status"] == "absent")
        .await
        .iter()
        .filter_map(|row| row["error_code"].as_i64())
        .collect();
    assert_eq!(absent, BTreeSet::from([16101, 16102]));
}

#[tokio::test]
async fn a_live_call_ends_and_its_recording_is_processed_before_it_is_there() {
    let account = Account::open().await;
    let live = account.own(|row| row["status"] == "in-progress").await.remove(0);
    let (call, sound) = (text(&live, "call_sid").to_owned(), format!("Recordings/{}.wav", text(&live, "sid")));
    let now = account.get(&format!("Calls/{call}.json")).await.json();
    assert_eq!((text(&now, "status"), &now["end_time"], &now["duration"]), ("in-progress", &Value::Null, &Value::Null));
    account.clock.advance_ms(65_000);
    let answer = account.get(&sound).await;
    assert_eq!((answer.status, answer.header("retry-after")), (404, Some("7")));
    assert!(String::from_utf8_lossy(&answer.body).contains("<Code>21501</Code>"));
    assert_eq!(account.get(&format!("Calls/{call}.json")).await.json()["status"], "completed");
    account.clock.advance_ms(60_000);
    let answer = account.get(&sound).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("audio/x-wav")));
    assert!(answer.body.starts_with(b"RIFF"));
}

#[tokio::test]
async fn sound_comes_in_both_forms_and_two_channels_of_one_are_refused_by_16113() {
    let account = Account::open().await;
    let mono = account.own(|row| row["status"] == "completed" && row["channels"] == 1).await.remove(0);
    let sid = text(&mono, "sid").to_owned();
    let refused = account.get(&format!("Recordings/{sid}.mp3?RequestedChannels=2")).await;
    assert_eq!(refused.status, 400);
    assert!(String::from_utf8_lossy(&refused.body).contains("<Code>16113</Code>"));
    let mp3 = account.get(&format!("Recordings/{sid}.mp3?RequestedChannels=1")).await;
    assert_eq!((mp3.status, mp3.header("content-type")), (200, Some("audio/mpeg")));
    for name in [format!("Recordings/{sid}"), format!("Recordings/{sid}.wav")] {
        assert_eq!(account.get(&name).await.header("content-type"), Some("audio/x-wav"));
    }
    let one = account.sandbox.ready().recordings.iter().find(|one| one.file.ends_with("45s.mp3")).expect("one").clone();
    let sid = format!("Recordings/RE{}.mp3", &one.call_sid[2..]);
    let twilio = account.sandbox.ready().twilio.clone();
    let whole = account.get(&sid).await;
    let part = account.at(&account.path(&sid), &twilio.key_sid, &twilio.key_secret, &[("Range", "bytes=10-19")]).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &whole.body[10..20]));
    assert_eq!(part.header("content-range"), Some(&*format!("bytes 10-19/{}", whole.body.len())));
}

#[tokio::test]
async fn a_signed_address_refuses_a_second_way_of_asking() {
    let account = Account::open().await;
    let mut redirected = Vec::new();
    for row in account.own(|row| row["status"] == "completed").await {
        let answer = account.get(&format!("Recordings/{}.mp3?RequestedChannels=2", text(&row, "sid"))).await;
        if answer.status == 302 {
            redirected.push(answer.header("location").expect("a place").to_owned());
        }
    }
    assert_eq!(redirected.len(), 1);
    let (_, target) = redirected[0].split_once("http://localhost:").expect("another host");
    let target = &target[target.find('/').expect("a path")..];
    assert_eq!(send(account.sandbox.url(), "GET", target, &[], "").await.status, 200);
    assert_eq!(send(account.sandbox.url(), "GET", target, &[("Authorization", "Basic x")], "").await.status, 400);
    assert_eq!(send(account.sandbox.url(), "GET", &target.replace("invented", "forged"), &[], "").await.status, 403);
}
