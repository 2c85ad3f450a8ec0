//! Twilio as an upstream of its own, against the sandbox over real connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aftercall_domain::clock::Clock;
use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use aftercall_domain::recording::{Fact, Reason, RecordingState};
use aftercall_engine::queue::{Queue, QueueOptions};
use aftercall_engine::store::table::recordings::{self, RecordingRow};
use aftercall_engine::store::table::{Span, calls, sync_state, twilio as said};
use aftercall_engine::sync::{Depth, SyncError, SyncReport, sync_twilio};
use aftercall_engine::upstream::{
    CallsSpan, PrivateKey, Sources, Twilio, TwilioCredentials, UpstreamError, twilio_origin,
};
use aftercall_sandbox::Options;
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::profile::{Profile, limits, options};

const CALLS: &str = "/2010-04-01/Accounts/*/Calls.json";
const RECORDINGS: &str = "/2010-04-01/Accounts/*/Recordings.json";
const MEDIA: &str = "/2010-04-01/Accounts/*/Recordings/RE*.mp3";

/// The sandbox's account, asked with its key.
fn account(profile: &Profile) -> Arc<Twilio> {
    let ready = &profile.sandbox.ready().twilio;
    account_as(profile, &ready.key_sid, &ready.key_secret, Vec::new())
}

fn account_as(profile: &Profile, user: &str, secret: &str, keys: Vec<PrivateKey>) -> Arc<Twilio> {
    let ready = &profile.sandbox.ready().twilio;
    let credentials =
        TwilioCredentials::new(&ready.account_sid, user, SecretString::from(secret)).expect("credentials");
    let origin = twilio_origin(Some(&ready.base_url)).expect("an origin");
    Arc::new(Twilio::new(origin, credentials, keys, limits(), profile.clock.clone()).expect("a client"))
}

fn key(profile: &Profile) -> PrivateKey {
    let key = profile.sandbox.recording_key();
    PrivateKey { sid: key.sid().to_owned(), pem: SecretString::from(key.private_key_pem()) }
}

async fn sync(profile: &Profile, twilio: &Twilio, depth: Depth) -> Result<SyncReport, SyncError> {
    sync_twilio(twilio, &profile.store, &*profile.clock, depth, &|_| {}, &CancellationToken::new()).await
}

async fn queue(profile: &Profile, twilio: &Arc<Twilio>) -> Queue {
    let (crm, twilio) = (profile.crm.clone(), twilio.clone());
    let sources = Sources { crm: Some(crm), twilio: Some(twilio) };
    let parts = aftercall_engine::queue::QueueParts { source: Arc::new(sources), ..profile.parts() };
    Queue::start(parts, QueueOptions { piece_bytes: 100_000, ..QueueOptions::default() }).await.expect("a queue")
}

async fn fetch(queue: &Queue, id: &RecordingId) -> RecordingRow {
    queue.want(id, Wish::Person).await.expect("wanted");
    queue.settled(std::slice::from_ref(id)).await.expect("settled").remove(0)
}

async fn rows(profile: &Profile) -> Vec<RecordingRow> {
    let all = |conn: &rusqlite::Connection| recordings::in_states(conn, &RecordingState::ALL);
    let rows = profile.store.read(all).await.expect("read");
    rows.into_iter().filter(|row| row.id.source() == Source::Twilio).collect()
}

/// What the sandbox itself says of the account's own calls, by a key that tells them apart.
async fn ask(profile: &Profile, path: &str) -> Value {
    let answer = ask_raw(profile, path).await;
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("json")
}

async fn ask_raw(profile: &Profile, path: &str) -> String {
    let ready = &profile.sandbox.ready().twilio;
    let mut stream =
        tokio::net::TcpStream::connect(ready.base_url.strip_prefix("http://").expect("http")).await.expect("connected");
    let pair = base64(&format!("{}:{}", ready.key_sid, ready.key_secret));
    let request = format!(
        "GET /2010-04-01/Accounts/{}/{path} HTTP/1.1\r\nhost: sandbox\r\nauthorization: Basic {pair}\r\nconnection: close\r\n\r\n",
        ready.account_sid
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The account's own recordings (not the CRM's) as the sandbox lists them.
async fn own_recordings(profile: &Profile) -> Vec<Value> {
    let crm: std::collections::BTreeSet<String> =
        profile.sandbox.ready().recordings.iter().map(|one| format!("RE{}", &one.call_sid[2..])).collect();
    let body = ask(profile, "Recordings.json?PageSize=1000&IncludeSoftDeleted=true").await;
    let rows = body["recordings"].as_array().expect("rows").clone();
    rows.into_iter().filter(|row| !crm.contains(row["sid"].as_str().expect("a sid"))).collect()
}

fn id_of(row: &Value) -> RecordingId {
    format!("twilio:{}", row["sid"].as_str().expect("a sid")).parse().expect("an id")
}

/// Own recordings that the API lists as completed, with nothing special in the row but what `fits` says.
async fn completed(profile: &Profile, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let rows = own_recordings(profile).await;
    rows.into_iter().filter(|row| row["status"] == "completed" && fits(row)).collect()
}

#[tokio::test]
async fn a_first_sync_reads_every_call_and_recording_and_a_second_changes_nothing() {
    let profile = Profile::new(options("[]")).await;
    let twilio = account(&profile);
    twilio.check().await.expect("good credentials");
    let first = sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let listed = ask(&profile, "Calls.json?PageSize=1000").await["calls"].as_array().expect("rows").len() as u64;
    assert_eq!((first.calls.seen, first.calls.added, first.calls.rejected), (listed, listed, 0));
    assert!(listed >= 60 + 15, "{listed}");
    let recordings = ask(&profile, "Recordings.json?PageSize=1000&IncludeSoftDeleted=true").await;
    assert_eq!(rows(&profile).await.len(), recordings["recordings"].as_array().expect("rows").len());
    let written = profile.rows_written().await;
    let second = sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    assert_eq!((second.calls.added, second.calls.changed), (0, 0));
    assert!(second.calls.unchanged > 0);
    // Two marks, the deletions' is not due again, and the moment of success.
    assert!(profile.rows_written().await - written <= 3, "{}", profile.rows_written().await - written);
}

#[tokio::test]
async fn pages_follow_the_servers_token_and_their_operators_are_encoded() {
    let profile = Profile::new(Options { calls: 2_300, ..options("[]") }).await;
    let twilio = account(&profile);
    let report = sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    assert!(report.calls.seen > 2_300, "{report:?}");
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let asked: Vec<String> = profile.sandbox.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked.iter().filter(|path| path.contains("Calls.json") && path.contains("PageToken=PACA")).count(), 2);
    assert!(asked.iter().any(|path| path.contains("Calls.json?PageSize=1000&EndTime%3E=")), "{asked:?}");
    assert!(asked.iter().any(|path| path.contains("Calls.json?PageSize=1000&StartTime%3E=")));
    assert!(
        asked.iter().any(|path| path.contains("Recordings.json?IncludeSoftDeleted=true&PageSize=1000&DateCreated%3E="))
    );
    let head = profile.sandbox.requests();
    assert!(
        head.iter()
            .all(|request| request.header("authorization") == Some("present") && request.header("cookie").is_none())
    );
}

#[tokio::test]
async fn a_page_that_fails_stops_the_sync_and_moves_no_mark() {
    let forbidden = r#"{"status": 403}"#;
    let broken = [
        r#"{"html": true}"#,
        r#"{"body": "{"}"#,
        r#"{"status": 422}"#,
        r#"{"redirect": "http://127.0.0.1:9/"}"#,
        r#"{"cut_after": 100}"#,
        forbidden,
    ];
    for (list, calls, step) in
        broken.map(|step| (CALLS, 1_100, step)).into_iter().chain([(RECORDINGS, 2_000, forbidden)])
    {
        let script = format!(r#"[{{"match": {{"path": "{list}"}}, "nth": "2", "do": [{step}]}}]"#);
        let profile = Profile::new(Options { calls, ..options(&script) }).await;
        let twilio = account(&profile);
        sync(&profile, &twilio, Depth::Usual).await.expect_err(step);
        let feed = if list == CALLS { "twilio_calls" } else { "twilio_recordings" };
        let mark: Option<Value> = profile.store.read(move |conn| sync_state::get(conn, feed)).await.expect("read");
        assert_eq!(mark, None, "{step} {list}");
        let known = profile.store.read(calls::totals).await.expect("read").all;
        assert!(known > 900, "what page one brought stays: {known}");
        let again = sync(&profile, &twilio, Depth::Usual).await.expect("synced");
        let requests = profile.sandbox.requests();
        let from_the_start = requests.iter().filter(|r| r.path.ends_with("s.json?PageSize=1000")).count();
        match list {
            CALLS => assert!(again.calls.seen > calls && from_the_start == 2, "all calls are read again: {again:?}"),
            _ => assert!(rows(&profile).await.len() > 1_000, "all recordings are read again"),
        }
    }
}

/// Every look at it is a minute later than the one before.
struct Hurried(std::sync::atomic::AtomicI64);

impl Clock for Hurried {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(60_000, std::sync::atomic::Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> i64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[tokio::test]
async fn the_mark_is_the_moment_before_the_first_request() {
    let mut profile = Profile::new(options("[]")).await;
    let twilio = account(&profile);
    let before_ms = profile.clock.now_ms();
    profile.clock = Arc::new(Hurried(before_ms.into()));
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    for feed in ["twilio_calls", "twilio_recordings"] {
        let mark: Option<Value> = profile.store.read(move |conn| sync_state::get(conn, feed)).await.expect("read");
        assert_eq!(mark.expect("a mark")["at_ms"], before_ms, "{feed}");
    }
    assert!(profile.clock.now_ms() > before_ms + 60_000);
}

#[tokio::test]
async fn a_refusal_that_was_not_processed_is_sent_again_and_not_sooner_than_it_says() {
    for (steps, least_ms) in [
        (r#"{"status": 429}"#, 150),
        (r#"{"status": 503}, {"header": ["Retry-After", "1"]}"#, 1_000),
        (r#"{"status": 500}"#, 150),
    ] {
        let script = format!(r#"[{{"match": {{"path": "{CALLS}"}}, "nth": "1", "do": [{steps}]}}]"#);
        let profile = Profile::new(options(&script)).await;
        let start = std::time::Instant::now();
        sync(&profile, &account(&profile), Depth::Usual).await.expect(steps);
        assert!(start.elapsed() >= Duration::from_millis(least_ms), "{steps}");
    }
    for (steps, code, asked) in [
        (r#"{"status": 429}, {"header": ["Retry-After", "3600"]}"#, Code::RateLimited, 1),
        (r#"{"status": 429}"#, Code::RateLimited, 4),
        (r#"{"status": 503}"#, Code::ServerUnavailable, 4),
        (r#"{"status": 401}"#, Code::WrongPassword, 1),
        (r#"{"status": 403}"#, Code::Forbidden, 1),
    ] {
        let script = format!(r#"[{{"match": {{"path": "{CALLS}"}}, "nth": "*", "do": [{steps}]}}]"#);
        let profile = Profile::new(options(&script)).await;
        let error = sync(&profile, &account(&profile), Depth::Usual).await.expect_err(steps);
        assert_eq!((error.code(), profile.asked("GET", "/2010-04-01/")), (code, asked), "{steps}");
    }
}

#[tokio::test]
async fn a_token_that_the_server_forgot_begins_the_list_again_once() {
    let bad = r#"{"status": 400}, {"body": "{\"code\":21481,\"message\":\"Invalid PageToken\",\"status\":400}"}"#;
    for (nth, works) in [("2", true), ("2-9", false)] {
        let script = format!(r#"[{{"match": {{"path": "{CALLS}"}}, "nth": "{nth}", "do": [{bad}]}}]"#);
        let profile = Profile::new(Options { calls: 1_500, ..options(&script) }).await;
        let synced = sync(&profile, &account(&profile), Depth::Usual).await;
        assert_eq!(synced.is_ok(), works, "{nth}: {synced:?}");
    }
}

#[tokio::test]
async fn a_list_that_names_the_same_page_for_ever_is_not_followed_for_ever() {
    let profile = Profile::new(options("[]")).await;
    let account_sid = profile.sandbox.ready().twilio.account_sid.clone();
    let page = format!(
        r#"{{\"calls\": [], \"next_page_uri\": \"/2010-04-01/Accounts/{account_sid}/Calls.json?Page=1&PageToken=PA1\"}}"#
    );
    let script = format!(r#"[{{"match": {{"path": "{CALLS}"}}, "nth": "*", "do": [{{"body": "{page}"}}]}}]"#);
    let profile = Profile::new(options(&script)).await;
    let error = sync(&profile, &account(&profile), Depth::Usual).await.expect_err("a loop");
    assert_eq!((error.code(), profile.asked("GET", "/2010-04-01/")), (Code::ServerUnavailable, 2));
}

#[tokio::test]
async fn wrong_credentials_are_told_from_a_key_that_lacks_a_permission() {
    let profile = Profile::new(options("[]")).await;
    let ready = profile.sandbox.ready().twilio.clone();
    assert!(matches!(
        account_as(&profile, &ready.key_sid, "wrong", Vec::new()).check().await,
        Err(UpstreamError::BadCredentials)
    ));
    let token = profile.sandbox.twilio_auth_token();
    account_as(&profile, &ready.account_sid, token, Vec::new()).check().await.expect("the account's own token");
    assert_eq!(profile.asked("GET", &format!("/2010-04-01/Accounts/{}.json", ready.account_sid)), 0, "a key may not");
    for (account, user) in [
        ("AC1", &*ready.key_sid),
        (&*ready.key_sid, &*ready.key_sid),
        (&*ready.account_sid, "SKx"),
        (&*ready.account_sid, ""),
    ] {
        assert!(TwilioCredentials::new(account, user, SecretString::from("x")).is_err(), "{account} {user}");
    }
    for secret in ["", "a b", "a\r\nX-Header: 1", "א"] {
        assert!(TwilioCredentials::new(&ready.account_sid, &ready.key_sid, SecretString::from(secret)).is_err());
    }
}

#[tokio::test]
async fn twilio_fills_what_the_crm_leaves_empty_and_never_takes_what_it_says() {
    for crm_first in [true, false] {
        let profile = Profile::new(options("[]")).await;
        profile.sign_in(true).await.expect("signed in");
        let twilio = account(&profile);
        if crm_first {
            profile.sync(Depth::Usual).await.expect("synced");
            sync(&profile, &twilio, Depth::Usual).await.expect("synced");
        } else {
            sync(&profile, &twilio, Depth::Usual).await.expect("synced");
            profile.sync(Depth::Usual).await.expect("synced");
        }
        let listed = profile.store.read(|conn| calls::list(conn, &calls::CallsFilter::default(), Span::From(0), 200));
        let listed = listed.await.expect("read").rows;
        let (ours, theirs): (Vec<_>, Vec<_>) = listed.iter().partition(|row| row.call.source == Source::Twilio);
        assert_eq!((ours.len(), theirs.len() >= 60), (15, true), "crm first: {crm_first}");
        assert!(theirs.iter().any(|row| row.call.summary.is_some() && row.call.lead_id.is_some()));
        // The CRM says neither the number nor the direction of some calls: Twilio does.
        assert!(theirs.iter().all(|row| row.call.from_number.is_some()), "crm first: {crm_first}");
        for row in &theirs {
            let sid = row.call.sid.clone();
            let all = profile.store.read(move |conn| recordings::of_call(conn, &sid)).await.expect("read");
            let sources: Vec<Source> = all.iter().map(|row| row.id.source()).collect();
            if row.call.has_recording {
                assert_eq!(sources, [Source::Crm, Source::Twilio], "{} crm first: {crm_first}", row.call.sid);
                assert_eq!(row.recording.id, RecordingId::crm(&row.call.sid), "a call's sid means its first");
            }
        }
        let again = sync(&profile, &twilio, Depth::Full).await.expect("synced");
        assert_eq!((again.calls.added, again.calls.changed), (0, 0), "crm first: {crm_first}");
        let again = profile.sync(Depth::Full).await.expect("synced");
        assert_eq!((again.calls.added, again.calls.changed, again.calls.removed), (0, 0, 0), "crm first: {crm_first}");
        let again = profile.sync(Depth::Full).await.expect("synced");
        assert_eq!(again.calls.removed, 0, "the CRM's list says nothing of Twilio's own calls");
    }
}

#[tokio::test]
async fn a_call_that_the_crm_never_had_a_recording_of_is_recorded_once_twilio_has_one() {
    let profile = Profile::new(options("[]")).await;
    sync(&profile, &account(&profile), Depth::Usual).await.expect("synced");
    let recorded = calls::CallsFilter { view: calls::CallView::Recorded, ..calls::CallsFilter::default() };
    let listed =
        profile.store.read(move |conn| calls::list(conn, &recorded, Span::From(0), 200)).await.expect("read").rows;
    assert!(!listed.is_empty());
    for row in &listed {
        assert_eq!(row.recording.id.source(), Source::Twilio);
        assert_ne!(row.recording.state, RecordingState::Unavailable);
    }
    let all = rows(&profile).await;
    let of_two = all.iter().map(|row| all.iter().filter(|other| other.call_sid == row.call_sid).count()).max();
    assert_eq!(of_two, Some(2), "a call can have several");
}

#[tokio::test]
async fn recordings_that_were_never_kept_or_were_deleted_say_why_at_once() {
    let profile = Profile::new(options("[]")).await;
    let twilio = account(&profile);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let mut reasons = BTreeMap::new();
    for row in rows(&profile).await.into_iter().filter(|row| row.state == RecordingState::Unavailable) {
        *reasons.entry(row.reason.expect("a reason").as_str()).or_insert(0) += 1;
        let queue = queue(&profile, &twilio).await;
        let fetched = fetch(&queue, &row.id).await;
        assert_eq!((fetched.state, fetched.reason), (RecordingState::Unavailable, row.reason));
        queue.stop().await;
    }
    assert_eq!(reasons, BTreeMap::from([("deleted_at_source", 1), ("silent", 1), ("too_short", 1)]));
}

#[tokio::test]
async fn a_recording_that_twilio_deletes_later_says_so_and_one_that_is_here_stays() {
    let deleted = r#"{\"recordings\": [{\"sid\": \"RE1\", \"call_sid\": \"CA1\", \"status\": \"deleted\", \"date_created\": \"Fri, 20 Nov 2026 10:00:00 +0100\"}, {\"sid\": \"RE2\", \"call_sid\": \"CA1\", \"status\": \"deleted\", \"date_created\": \"Fri, 20 Nov 2026 10:00:00 +0100\"}]}"#;
    let whole = deleted.replace("deleted", "completed");
    let one_call = r#"{\"calls\": [{\"sid\": \"CA1\", \"status\": \"completed\", \"start_time\": \"Fri, 20 Nov 2026 09:00:00 +0000\"}]}"#;
    let script = format!(
        r#"[{{"match": {{"path": "{CALLS}"}}, "nth": "*", "do": [{{"body": "{one_call}"}}]}},
            {{"match": {{"path": "{RECORDINGS}"}}, "nth": "1", "do": [{{"body": "{whole}"}}]}},
            {{"match": {{"path": "{RECORDINGS}"}}, "nth": "*", "do": [{{"body": "{deleted}"}}]}}]"#
    );
    let profile = Profile::new(options(&script)).await;
    let twilio = account(&profile);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let store_one = |tx: &rusqlite::Transaction<'_>, _: &mut aftercall_engine::store::ChangeSet| {
        let row = recordings::get(tx, &"twilio:RE2".parse().expect("an id"))?.expect("a row");
        recordings::put(tx, &RecordingRow { state: RecordingState::OnDevice, ..row })
    };
    profile.store.write(store_one).await.expect("written");
    sync(&profile, &twilio, Depth::Full).await.expect("synced");
    let states: Vec<_> =
        rows(&profile).await.into_iter().map(|row| (row.id.to_string(), row.state, row.reason)).collect();
    let gone = Some(Reason::Fact(Fact::DeletedAtSource));
    assert!(states.contains(&("twilio:RE1".into(), RecordingState::Unavailable, gone)), "{states:?}");
    assert!(states.contains(&("twilio:RE2".into(), RecordingState::OnDevice, None)), "{states:?}");
}

#[tokio::test]
async fn a_call_that_goes_on_is_asked_for_again_until_its_recording_is_there() {
    use aftercall_domain::clock::ManualClock;
    let start = options("[]");
    let time = Arc::new(ManualClock::at(start.clock.now_ms()));
    let mut profile = Profile::new(Options { clock: time.clone(), ..start }).await;
    profile.clock = time.clone();
    let twilio = account(&profile);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let live = rows(&profile).await.into_iter().find(|row| row.state == RecordingState::Live).expect("a live one");
    let status = async |profile: &Profile| {
        let sid = live.call_sid.clone();
        profile.store.read(move |conn| calls::get(conn, &sid)).await.expect("read").expect("a call").status
    };
    assert_eq!(status(&profile).await.as_deref(), Some("in-progress"));
    let next = async |profile: &Profile| profile.store.read(said::next_recheck_at_ms).await;
    assert_eq!(next(&profile).await.expect("read"), Some(profile.clock.now_ms() + 5_000));
    let by_sid = |profile: &Profile| {
        profile.asked("GET", "/2010-04-01/")
            - profile.sandbox.requests().iter().filter(|r| r.path.contains("s.json?")).count()
    };
    time.advance_ms(4_999);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    assert_eq!(by_sid(&profile), 0, "not before its time");
    time.advance_ms(70_000);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    assert_eq!(status(&profile).await.as_deref(), Some("completed"));
    time.advance_ms(60_000);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let id = live.id.clone();
    let row = profile.store.read(move |conn| recordings::get(conn, &id)).await.expect("read").expect("a row");
    assert_eq!(row.state, RecordingState::ReadyOnline);
    assert_eq!(next(&profile).await.expect("read"), None, "nothing is unfinished any more");
}

#[tokio::test]
async fn a_recording_of_a_call_that_no_list_has_brings_its_call() {
    let recording = r#"{\"recordings\": [{\"sid\": \"RE1\", \"call_sid\": \"CA404\", \"status\": \"completed\", \"duration\": \"61\", \"date_created\": \"Fri, 20 Nov 2026 10:00:00 +0000\"}]}"#;
    let script = format!(r#"[{{"match": {{"path": "{RECORDINGS}"}}, "nth": "*", "do": [{{"body": "{recording}"}}]}}]"#);
    let profile = Profile::new(options(&script)).await;
    sync(&profile, &account(&profile), Depth::Usual).await.expect("synced");
    let sid: CallSid = "CA404".parse().expect("a sid");
    let call = profile.store.read(move |conn| calls::listing(conn, &sid)).await.expect("read").expect("a call");
    assert_eq!((call.call.duration_s, call.call.has_recording), (Some(61), true));
    assert_eq!(call.recording.id.as_str(), "twilio:RE1");
}

#[tokio::test]
async fn sound_arrives_whole_or_in_parts_with_two_channels_or_one() {
    let profile = Profile::new(options("[]")).await;
    let twilio = account(&profile);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let queue = queue(&profile, &twilio).await;
    // The CRM's: the file is known, and the server serves parts.
    let mp3 = profile
        .sandbox
        .ready()
        .recordings
        .iter()
        .find(|one| one.file.ends_with(".mp3") && one.file.contains("dual"))
        .expect("one");
    let id: RecordingId = format!("twilio:RE{}", &mp3.call_sid[2..]).parse().expect("an id");
    let row = fetch(&queue, &id).await;
    assert_eq!((row.state, row.reason), (RecordingState::OnDevice, None));
    assert_eq!(profile.stored_sha256(&id).await, Some(mp3.sha256.clone()));
    // Twilio's own, whole only; one of them has one channel and refuses two.
    for row in completed(&profile, |row| row["encryption_details"].is_null() && row["channels"] == 1).await {
        let fetched = fetch(&queue, &id_of(&row)).await;
        assert_eq!((fetched.state, fetched.reason), (RecordingState::OnDevice, None), "{row}");
        assert_eq!(fetched.facts.expect("facts").channels, 1);
    }
    let asked: Vec<String> = profile
        .sandbox
        .requests()
        .into_iter()
        .map(|request| request.path)
        .filter(|path| path.contains(".mp3"))
        .collect();
    assert!(
        asked.iter().any(|path| path.ends_with("RequestedChannels=1")) && asked[0].ends_with("RequestedChannels=2")
    );
    assert!(
        profile
            .sandbox
            .requests()
            .iter()
            .filter(|r| r.path.contains(".mp3"))
            .all(|r| r.header("accept-encoding") == Some("identity"))
    );
    queue.stop().await;
}

#[tokio::test]
async fn a_young_recordings_404_is_tried_again_and_processing_is_waited_for_as_told() {
    use aftercall_domain::clock::ManualClock;
    let start = options("[]");
    let time = Arc::new(ManualClock::at(start.clock.now_ms()));
    let profile = Profile::new(Options { clock: time.clone(), ..start }).await;
    let twilio = account(&profile);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let live = rows(&profile).await.into_iter().find(|row| row.state == RecordingState::Live).expect("a live one");
    time.advance_ms(70_000);
    let url = format!("Recordings/{}.mp3", live.id.sid());
    let body = ask_raw(&profile, &url).await;
    assert!(body.contains("<Code>21501</Code>") && body.contains("retry-after: 7"), "{body}");
    use aftercall_engine::upstream::{Presence, RecordingSource as _};
    assert_eq!(
        twilio.head(&live.id).await.expect("an answer"),
        Presence::NotYet { retry_after_ms: None },
        "its row says processing"
    );
    time.advance_ms(60_000);
    assert!(matches!(twilio.head(&live.id).await, Ok(Presence::Here { .. })));

    // The row says completed, the sound's address says 21501: as long as it says.
    let steps = r#"{"status": 404}, {"header": ["Retry-After", "7"]}, {"body": "<TwilioResponse><RestException><Code>21501</Code><Status>404</Status></RestException></TwilioResponse>"}"#;
    let script = format!(r#"[{{"match": {{"path": "{MEDIA}"}}, "nth": "1", "do": [{steps}]}}]"#);
    let profile = Profile::new(options(&script)).await;
    let twilio = account(&profile);
    let id = id_of(&completed(&profile, |row| row["channels"] == 2).await[0]);
    assert_eq!(twilio.head(&id).await.expect("an answer"), Presence::NotYet { retry_after_ms: Some(7_000) });
    assert!(matches!(twilio.head(&id).await, Ok(Presence::Here { .. })));
}

#[tokio::test]
async fn a_404_soon_after_the_call_is_no_end_and_much_later_it_is() {
    let script = format!(r#"[{{"match": {{"path": "{MEDIA}"}}, "nth": "*", "do": [{{"status": 404}}]}}]"#);
    let profile = Profile::new(options(&script)).await;
    let twilio = account(&profile);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let queue = queue(&profile, &twilio).await;
    let plain = completed(&profile, |row| row["encryption_details"].is_null()).await;
    // Ended less than an hour ago: three tries, then it waits for its next window.
    let young = fetch(&queue, &id_of(&plain[0])).await;
    assert_eq!(young.state, RecordingState::FailedRetrying, "{young:?}");
    let old = fetch(&queue, &id_of(plain.last().expect("an old one"))).await;
    assert_eq!((old.state, old.reason), (RecordingState::Unavailable, Some(Reason::Code(Code::NotFound))));
    queue.stop().await;
}

#[tokio::test]
async fn an_error_in_xml_is_never_stored_as_sound_whatever_its_status() {
    let xml = "<?xml version='1.0'?><TwilioResponse><RestException><Code>20404</Code></RestException></TwilioResponse>";
    for header in ["application/xml", "audio/mpeg"] {
        let script = format!(
            r#"[{{"match": {{"path": "{MEDIA}"}}, "nth": "*", "do": [{{"header": ["Content-Type", "{header}"]}}, {{"header": ["Content-Range", "bytes 0-99/100"]}}, {{"body": "{xml}"}}, {{"status": 200}}]}}]"#
        );
        let profile = Profile::new(options(&script)).await;
        let twilio = account(&profile);
        sync(&profile, &twilio, Depth::Usual).await.expect("synced");
        let queue = queue(&profile, &twilio).await;
        let id = id_of(&completed(&profile, |row| row["encryption_details"].is_null()).await[0]);
        let row = fetch(&queue, &id).await;
        assert_eq!(
            (row.state, row.reason),
            (RecordingState::FailedNeedsYou, Some(Reason::Code(Code::NotAudio))),
            "{header}"
        );
        assert_eq!(profile.stored_sha256(&id).await, None);
        queue.stop().await;
    }
}

#[tokio::test]
async fn encrypted_recordings_are_stored_only_with_the_right_key_and_only_when_they_verify() {
    let profile = Profile::new(options("[]")).await;
    let without = account(&profile);
    sync(&profile, &without, Depth::Usual).await.expect("synced");
    let sealed = completed(&profile, |row| !row["encryption_details"].is_null()).await;
    assert_eq!(sealed.len(), 3, "three spellings");
    let waiting = queue(&profile, &without).await;
    for row in &sealed {
        let fetched = fetch(&waiting, &id_of(row)).await;
        assert_eq!(
            (fetched.state, fetched.reason),
            (RecordingState::FailedNeedsYou, Some(Reason::Code(Code::KeyLost)))
        );
    }
    without.set_keys(vec![key(&profile)]);
    waiting.helped().await.expect("helped");
    let ids: Vec<RecordingId> = sealed.iter().map(id_of).collect();
    for row in waiting.settled(&ids).await.expect("settled") {
        assert_eq!((row.state, row.reason), (RecordingState::OnDevice, None));
        let facts = row.facts.expect("sound");
        assert!(facts.duration_ms > 1_000, "{facts:?}");
    }
    waiting.stop().await;

    // One byte of the sealed body is another.
    let changed = r#"{"body": "0123456789abcdef0123456789abcdef"}"#;
    let script = format!(r#"[{{"match": {{"path": "{MEDIA}"}}, "nth": "*", "do": [{changed}]}}]"#);
    let profile = Profile::new(options(&script)).await;
    let twilio = account_as(
        &profile,
        &profile.sandbox.ready().twilio.key_sid,
        &profile.sandbox.ready().twilio.key_secret,
        vec![key(&profile)],
    );
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let queue = queue(&profile, &twilio).await;
    let id = id_of(&completed(&profile, |row| !row["encryption_details"].is_null()).await[0]);
    let row = fetch(&queue, &id).await;
    assert_eq!((row.state, row.reason), (RecordingState::FailedRetrying, Some(Reason::Code(Code::Damaged))));
    assert_eq!(profile.stored_sha256(&id).await, None, "nothing is stored");
    queue.stop().await;
}

#[tokio::test]
async fn a_redirect_to_a_signed_address_is_followed_without_credentials() {
    let profile = Profile::new(options("[]")).await;
    let twilio = account(&profile);
    sync(&profile, &twilio, Depth::Usual).await.expect("synced");
    let queue = queue(&profile, &twilio).await;
    let plain = completed(&profile, |row| row["encryption_details"].is_null()).await;
    let ids: Vec<RecordingId> = plain.iter().map(id_of).collect();
    for id in &ids {
        queue.want(id, Wish::Person).await.expect("wanted");
        if profile.asked("GET", "/media-cdn/") > 1 {
            break;
        }
        queue.settled(std::slice::from_ref(id)).await.expect("settled");
    }
    let followed: Vec<_> =
        profile.sandbox.requests().into_iter().filter(|request| request.path.starts_with("/media-cdn/")).collect();
    assert!(!followed.is_empty());
    for request in followed {
        for name in ["authorization", "cookie", "referer", "proxy-authorization", "x-csrftoken"] {
            assert_eq!(request.header(name), None, "{name}");
        }
    }
    queue.stop().await;
}

/// Records what it is sent, and answers 404.
struct Trap {
    url: String,
    heard: Arc<Mutex<String>>,
}

impl Trap {
    async fn set() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
        let heard = Arc::new(Mutex::new(String::new()));
        let ear = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut block = vec![0; 8_192];
                let read = stream.read(&mut block).await.unwrap_or(0);
                ear.lock().expect("a lock").push_str(&String::from_utf8_lossy(&block[..read]));
                let _ =
                    stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            }
        });
        Self { url, heard }
    }
}

#[tokio::test]
async fn no_redirect_of_any_kind_carries_a_secret_to_another_host() {
    let trap = Trap::set().await;
    let mut reached = 0;
    for status in [301, 302, 303, 307, 308] {
        for (target, allowed) in [
            (format!("{}/x?sig=1", trap.url), true),
            (trap.url.replace("localhost", "127.0.0.1"), true),
            (trap.url.replace("http://", "http://user:word@"), false),
            (trap.url.replace("localhost", "0.0.0.0"), false),
            (trap.url.replace("localhost", "[::ffff:127.0.0.1]"), false),
            (trap.url.replace("http://", "https://api.twilio.com@"), false),
        ] {
            let before = trap.heard.lock().expect("a lock").len();
            let steps = format!(r#"{{"redirect": "{target}"}}, {{"status": {status}}}"#);
            let script = format!(r#"[{{"match": {{"path": "{MEDIA}"}}, "nth": "*", "do": [{steps}]}}]"#);
            let profile = Profile::new(options(&script)).await;
            let twilio = account(&profile);
            let id = id_of(&completed(&profile, |row| row["encryption_details"].is_null()).await[0]);
            use aftercall_engine::upstream::RecordingSource as _;
            let error = twilio.head(&id).await.expect_err(&target);
            let heard = trap.heard.lock().expect("a lock").len() > before;
            assert_eq!(heard, allowed, "{status} {target}: {error:?}");
            reached += usize::from(heard);
        }
    }
    assert_eq!(reached, 10);
    let heard = trap.heard.lock().expect("a lock").to_ascii_lowercase();
    for secret in ["authorization", "cookie", "referer", "basic ", "csrf", "sk5a0d", "ac5a0d"] {
        assert!(!heard.contains(secret), "{secret} in {heard}");
    }
}

#[tokio::test]
async fn a_chain_of_redirects_ends_after_three_hops() {
    let profile = Profile::new(options("[]")).await;
    let sid = profile.sandbox.ready().twilio.account_sid.clone();
    let here = format!("/2010-04-01/Accounts/{sid}/Recordings/RE1.mp3");
    let script = format!(r#"[{{"match": {{"path": "{MEDIA}"}}, "nth": "*", "do": [{{"redirect": "{here}"}}]}}]"#);
    let profile = Profile::new(options(&script)).await;
    let id = id_of(&completed(&profile, |row| row["encryption_details"].is_null()).await[0]);
    use aftercall_engine::upstream::RecordingSource as _;
    let before = profile.asked("GET", "/2010-04-01/");
    assert!(matches!(account(&profile).head(&id).await, Err(UpstreamError::ForeignRedirect)));
    assert_eq!(profile.asked("GET", "/2010-04-01/") - before, 1 + 4, "the row, the sound, three hops");
}

#[tokio::test]
async fn the_lists_never_follow_a_redirect() {
    let trap = Trap::set().await;
    let script = format!(r#"[{{"match": {{"path": "{CALLS}"}}, "nth": "*", "do": [{{"redirect": "{}"}}]}}]"#, trap.url);
    let profile = Profile::new(options(&script)).await;
    account(&profile).calls(CallsSpan::All).await.expect_err("a redirect is no list");
    assert!(trap.heard.lock().expect("a lock").is_empty());
}
