//! What a server, or whoever stands in its place, can do to a client (F9, F11, F12, F13, F22): the real program against
//! the sandbox.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aftercall_app::contract::dispatch;
use aftercall_app::start::{Access, Boot, KeyChoice, StartOptions};
use aftercall_domain::clock::{Clock as _, SystemClock};
use aftercall_player::OutputChoice;
use aftercall_player::output::headless::Headless;
use aftercall_sandbox::{Options, Sandbox, Script, SeenRequest};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::{Answer, Profile, finish};
use crate::row::{Plan, Row};
use crate::{Failure, old, pause};

const MIB: u64 = 1 << 20;
/// What a person who waits may be made to wait, and a hundredth part of it for the way.
const LONGEST_WAIT_MS: i64 = 24 * 3_600_000 * 11 / 10;

/// A sandbox, and a profile that was synced with it.
pub(crate) struct Scene {
    pub runtime: Runtime,
    pub sandbox: Sandbox,
    pub profile: Profile,
}

impl Scene {
    pub(crate) fn new(plan: &Plan) -> Result<Self, Failure> {
        let runtime = Runtime::new().map_err(|source| Failure::Start { program: "the runtime".into(), source })?;
        let options = Options { calls: 200, leads: 20, seed: plan.seed, prepare_polls: 0, ..Options::default() };
        let sandbox = runtime.block_on(Sandbox::start(options))?;
        let profile = Profile::new(&plan.cli)?;
        profile.sign_in(sandbox.ready())?;
        profile.ask(&["sync"])?;
        Ok(Self { runtime, sandbox, profile })
    }

    pub(crate) fn script(&self, rules: &Value) -> Result<(), Failure> {
        self.sandbox.set_script(Script::parse(&rules.to_string())?);
        Ok(())
    }

    /// What was asked since the n-th request.
    fn asked(&self, since: usize, of: impl Fn(&SeenRequest) -> bool) -> usize {
        self.sandbox.requests().iter().skip(since).filter(|one| of(one)).count()
    }

    pub(crate) fn total(&self) -> Result<u64, Failure> {
        Ok(self.profile.ask(&["calls", "--limit", "1"])?["total"].as_u64().unwrap_or(0))
    }
}

fn now_ms() -> i64 {
    SystemClock::new().now_ms()
}

pub(crate) fn manners(at: &str, answer: &Answer, ends: &[&str], wrong: &mut Vec<String>) {
    if !ends.contains(&answer.word().as_str()) {
        wrong.push(format!("{at} ended with {}, not {ends:?}: {}", answer.word(), answer.json));
    }
    if answer.stderr.contains("panicked") {
        wrong.push(format!("{at} panicked: {}", answer.stderr));
    }
}

/// A process that is killed when it goes out of sight.
pub(crate) struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn spawn(mut command: Command) -> Result<Killed, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.map(Killed).map_err(|source| Failure::Start { program, source })
}

/// F9: whatever a 429 says of when to come back, the wait that is kept is at most the cap and at least what was said.
pub(crate) fn patience(plan: &Plan) -> Result<Row, Failure> {
    let scene = Scene::new(plan)?;
    let soon = httpdate_in(90);
    // What is said, and the least wait that it means.
    let said: [(&str, i64); 10] = [
        ("0", 0),
        ("5", 5_000),
        ("40", 40_000),
        (&soon, 80_000),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0),
        ("-1", 0),
        ("1000000000000", 0),
        ("99999999999999999999999999", 0),
        ("soon", 0),
        ("7.5", 0),
    ];
    let mut row = Row { fault: "F9", ..Row::default() };
    let mut longest_ms = 0;
    for (place, (retry_after, least_ms)) in said.into_iter().enumerate() {
        let sid = &scene.sandbox.ready().recordings[place].call_sid;
        scene.script(&json!([{"match": {"path": "/api/recordings/*"},
            "do": [{"status": 429}, {"header": ["Retry-After", retry_after]}]}]))?;
        let before = scene.sandbox.request_count();
        let asked_ms = now_ms();
        let fetching = spawn(scene.profile.command(&["fetch", sid]))?;
        let began = Instant::now();
        let mut before_that = None;
        let next = loop {
            // Looked at before the row: what stood there until the answer came is the time of the first try.
            let was_asked = scene.asked(before, |one| one.path.starts_with("/api/recordings/")) > 0;
            let call = scene.profile.run(&["call", sid])?;
            let next = call.json["recordings"][0]["next_try_at"]
                .as_str()
                .and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let is_settled = next.is_some() && was_asked && next == before_that;
            before_that = if was_asked { next } else { None };
            if is_settled || began.elapsed() > Duration::from_secs(20) {
                break next;
            }
            pause(Duration::from_millis(50));
        };
        let asked = scene.asked(before, |one| one.path.starts_with("/api/recordings/"));
        drop(fetching);
        row.n += 1;
        let Some(next) = next else {
            row.wrong.push(format!("Retry-After {retry_after}: no next try is known"));
            continue;
        };
        let wait_ms = next.as_millisecond() - asked_ms;
        longest_ms = longest_ms.max(wait_ms);
        if wait_ms < least_ms || wait_ms > LONGEST_WAIT_MS + 60_000 {
            row.wrong.push(format!("Retry-After {retry_after}: the next try is {wait_ms} ms away"));
        }
        if asked > 3 {
            row.wrong.push(format!("Retry-After {retry_after}: {asked} requests before the wait"));
        }
    }
    row.figure = format!("longest wait kept {} s", longest_ms / 1000);
    Ok(row)
}

/// An HTTP date so many seconds from now.
fn httpdate_in(seconds: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(now_ms() + seconds * 1000).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// F11: a session that ends, a role that may not, a login page, tokens that change: one sign-in, then it stops.
pub(crate) fn sessions(plan: &Plan) -> Result<Row, Failure> {
    let calls = "/api/calls*";
    let cases: [(&str, Value, &[&str]); 7] = [
        (
            "a session that ends once",
            json!([{"match": {"path": calls}, "nth": "1", "do": [{"expire_session": true}]}]),
            &["ok"],
        ),
        ("401 to a page", json!([{"match": {"path": calls}, "nth": "2", "do": [{"status": 401}]}]), &["ok"]),
        (
            "a session that ends with every question",
            json!([{"match": {"path": "/api/*"}, "do": [{"expire_session": true}]}]),
            &["login_expired", "ok"],
        ),
        ("401 for ever", json!([{"match": {"path": calls}, "do": [{"status": 401}]}]), &["login_expired"]),
        (
            "401 for ever, and the password is refused",
            json!([{"match": {"path": calls}, "do": [{"expire_session": true}]},
                {"match": {"path": "/api/auth/login"}, "do": [{"status": 401}]}]),
            &["login_expired", "wrong_password"],
        ),
        (
            "403 in the middle",
            json!([{"match": {"path": calls}, "nth": "2-9999", "do": [{"status": 403}]}]),
            &["ok", "forbidden"],
        ),
        (
            "a login page in place of calls",
            json!([{"match": {"path": calls}, "do": [{"portal": true}]}]),
            &["server_unavailable"],
        ),
    ];
    let mut row = Row { fault: "F11", ..Row::default() };
    let mut logins_most = 0;
    for (what, rules, ends) in cases {
        let scene = Scene::new(plan)?;
        let (before, since) = (scene.total()?, scene.sandbox.request_count());
        scene.script(&rules)?;
        let answer = scene.profile.run(&["sync", "--full"])?;
        manners(what, &answer, ends, &mut row.wrong);
        let logins = scene.asked(since, |one| one.path == "/api/auth/login");
        logins_most = logins_most.max(logins);
        if logins > 1 {
            row.wrong.push(format!("{what}: the password was sent {logins} times"));
        }
        if scene.total()? != before {
            row.wrong.push(format!("{what}: there were {before} calls, and now {}", scene.total()?));
        }
        row.n += 1;
    }
    let scene = Scene::new(plan)?;
    scene.script(&json!([{"match": {"path": "/api/leads/*"}, "do": [{"need_csrf": true}]}]))?;
    let kept = scene.runtime.block_on(two_notes(&scene))?;
    if kept != 2 {
        row.wrong.push(format!("where each token is good once, {kept} of 2 notes came to the server"));
    }
    row.n += 1;
    row.figure = format!("password sent at most {logins_most} time in a run");
    Ok(row)
}

/// Two notes through the window's own app; how many the server has after at most ten seconds.
async fn two_notes(scene: &Scene) -> Result<usize, Failure> {
    let wrong = |error| Failure::Setup(format!("the window's app: {error:?}"));
    let boot = Boot::start(StartOptions {
        profile: Some(scene.profile.profile()),
        key: KeyChoice::File(scene.profile.key_file()),
        output: OutputChoice::Headless(Headless::paced(8_000)),
        ..StartOptions::from_env(Access::Window)
    })
    .await;
    let leads = dispatch(&boot, "leads_window", json!({"search": "", "offset": 0, "limit": 1})).await.map_err(wrong)?;
    let lead = leads["rows"][0]["id"].clone();
    for text in ["one", "two"] {
        let note = json!({"lead_id": lead, "call": null, "text": text});
        dispatch(&boot, "note_add", note).await.map_err(wrong)?;
    }
    let until = Instant::now() + Duration::from_secs(10);
    let mut waiting = 2;
    while waiting > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let state = dispatch(&boot, "outbox_state", json!({})).await.map_err(wrong)?;
        waiting = state["waiting"].as_u64().unwrap_or(0) + state["refused"].as_u64().unwrap_or(0);
    }
    boot.close().await;
    Ok(2 - usize::try_from(waiting).unwrap_or(2).min(2))
}

/// F12: a portal, a redirect to one, somebody's own certificate: named, and nothing is changed by it.
pub(crate) fn portals(plan: &Plan) -> Result<Row, Failure> {
    let mut row = Row { fault: "F12", ..Row::default() };
    for (what, step) in
        [("a portal", json!({"portal": true})), ("a redirect to a portal", json!({"redirect": "http://192.0.2.1/"}))]
    {
        let scene = Scene::new(plan)?;
        let (total, sid) = (scene.total()?, scene.sandbox.ready().recordings[0].call_sid.clone());
        scene.profile.ask(&["fetch", &scene.sandbox.ready().recordings[1].call_sid])?;
        scene.script(&json!([{"match": {"path": "/api/*"}, "do": [step]}]))?;
        let answer = scene.profile.run(&["sync", "--full"])?;
        manners(what, &answer, &["server_unavailable"], &mut row.wrong);
        let doctor = scene.profile.run(&["doctor"])?;
        let is_named = doctor.json.to_string().contains("a web page answers in the CRM's place");
        if !is_named {
            row.wrong.push(format!("{what} is not named as one by the doctor"));
        }
        row.n += 1;
        // The wait would be a person's: what is judged is what the row says meanwhile. A second try hangs, so that a
        // third is left for when the portal is gone, however slow the machine.
        let recording = json!({"path": "/api/recordings/*"});
        scene.script(&json!([{"match": recording, "nth": "1", "do": [step]},
            {"match": recording, "do": [{"delay_ms": 60_000}]}]))?;
        let since = scene.sandbox.request_count();
        let fetching = spawn(scene.profile.command(&["fetch", &sid]))?;
        let until = Instant::now() + Duration::from_secs(20);
        while scene.asked(since, |one| one.path.contains(&sid)) == 0 && Instant::now() < until {
            pause(Duration::from_millis(20));
        }
        pause(Duration::from_millis(500));
        drop(fetching);
        let state = scene.profile.ask(&["call", &sid])?["recording"]["state"].take();
        if ["on_device", "unavailable", "unsupported", "damaged"].iter().any(|end| state == *end) {
            row.wrong.push(format!("{what}: a recording became {state}"));
        }
        row.n += 1;
        scene.script(&json!([]))?;
        let since = scene.sandbox.request_count();
        manners("the sync after it", &scene.profile.run(&["sync", "--full"])?, &["ok"], &mut row.wrong);
        if scene.asked(since, |one| one.path == "/api/auth/login") > 0 || scene.total()? != total {
            row.wrong.push(format!("{what}: the session or calls were lost"));
        }
        manners("the fetch after it", &scene.profile.run(&["fetch", &sid])?, &["ok"], &mut row.wrong);
    }
    interceptor(plan, &mut row)?;
    row.figure = "portal, redirect, foreign certificate: named; session, calls and states as before".into();
    Ok(row)
}

/// Somebody's own certificate, by openssl: a sign-in, and a sync of a library that trusted another one.
fn interceptor(plan: &Plan, row: &mut Row) -> Result<(), Failure> {
    let scene = Scene::new(plan)?;
    let (key, cert) = (scene.profile.path("mitm.key"), scene.profile.path("mitm.pem"));
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout"]);
    make.arg(&key).arg("-out").arg(&cert);
    let made = finish(make)?;
    if made.code != Some(0) {
        return Err(Failure::Setup("openssl made no certificate: apt-get install openssl".into()));
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .map_err(|source| Failure::Start { program: "a port".into(), source })?
        .port();
    let mut serve = Command::new("openssl");
    serve.args(["s_server", "-quiet", "-www", "-accept", &format!("127.0.0.1:{port}"), "-key"]);
    serve.arg(&key).arg("-cert").arg(&cert).stdin(Stdio::null());
    let _server = spawn(serve)?;
    let until = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() && Instant::now() < until {
        pause(Duration::from_millis(50));
    }
    let url = format!("https://127.0.0.1:{port}");
    // A library that has an account takes no other.
    let fresh = Profile::new(&plan.cli)?;
    let mut login = fresh.command(&["login", "crm", "--url", &url, "--email", "a@example.com"]);
    login.env("AFTERCALL_PASSWORD", "Canary-Password-1");
    let answer = finish(login)?;
    manners("a sign-in through an interceptor", &answer, &["server_unavailable"], &mut row.wrong);
    if !answer.json["error"]["message"].as_str().is_some_and(|text| text.contains("certificate")) {
        row.wrong.push(format!("an interceptor is not named: {}", answer.json));
    }
    row.n += 1;
    let total = scene.total()?;
    let library = old::connect(&scene.profile.library(), Some(&old::database_key(&scene.profile.key_file())?))?;
    library.execute("UPDATE account SET url = ?1", [&url])?;
    drop(library);
    manners("a sync through an interceptor", &scene.profile.run(&["sync"])?, &["server_unavailable"], &mut row.wrong);
    if scene.total()? != total {
        row.wrong.push("an interceptor changed the library".into());
    }
    row.n += 1;
    Ok(())
}

/// F13: answers that unpack to five hundred times their size, in three packings, and as a recording.
pub(crate) fn bombs(plan: &Plan) -> Result<Row, Failure> {
    let scene = Scene::new(plan)?;
    let usual = scene.profile.run(&["sync", "--full"])?.peak_rss_bytes;
    let mut row = Row { fault: "F13", ..Row::default() };
    let mut most = 0;
    for step in ["gzip_bomb_bytes", "zstd_bomb_bytes", "br_bomb_bytes"] {
        scene.script(&json!([{"match": {"path": "/api/calls*"}, "do": [{step: 512 << 20}]}]))?;
        let answer = scene.profile.run(&["sync", "--full"])?;
        manners(step, &answer, &["server_unavailable"], &mut row.wrong);
        most = most.max(answer.peak_rss_bytes.saturating_sub(usual));
        row.n += 1;
    }
    let sid = &scene.sandbox.ready().recordings[0].call_sid;
    scene.script(
        &json!([{"match": {"path": "/api/recordings/*"}, "nth": "1-2", "do": [{"gzip_bomb_bytes": 512 << 20}]}]),
    )?;
    let answer = scene.profile.run(&["fetch", sid])?;
    manners(
        "a recording that is a bomb",
        &answer,
        &["ok", "not_audio", "server_unavailable", "damaged"],
        &mut row.wrong,
    );
    most = most.max(answer.peak_rss_bytes.saturating_sub(usual));
    row.n += 1;
    if most > 32 * MIB {
        row.wrong.push(format!("{} MiB more than a usual sync", most / MIB));
    }
    row.figure = format!("512 MiB unpacked each; at most {} MiB above a usual sync's {} MiB", most / MIB, usual / MIB);
    Ok(row)
}

/// F22: one page of a hundred thousand calls, 200 MB of JSON.
pub(crate) fn big_page(plan: &Plan) -> Result<Row, Failure> {
    let scene = Scene::new(plan)?;
    let total = scene.total()?;
    let unit = format!(r#"{{"sid": "CA1", "summary": "{}"}},"#, "x".repeat(1_960));
    scene.script(&json!([{"match": {"path": "/api/calls*"}, "do": [
        {"fill": {"head": "{\"calls\": [", "unit": unit, "times": 100_000, "tail": "{}]}"}}]}]))?;
    let mut row = Row { fault: "F22", n: 1, ..Row::default() };
    let answer = scene.profile.run(&["sync", "--full"])?;
    manners("a page of 200 MB", &answer, &["server_unavailable"], &mut row.wrong);
    if answer.peak_rss_bytes > 300 * MIB {
        row.wrong.push(format!("{} MiB resident", answer.peak_rss_bytes / MIB));
    }
    if scene.total()? != total {
        row.wrong.push("it changed the library".into());
    }
    row.figure = format!("refused at {} MiB resident", answer.peak_rss_bytes / MIB);
    Ok(row)
}
