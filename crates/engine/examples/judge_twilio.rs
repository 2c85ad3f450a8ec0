//! The client before an outside judge: reads Twilio's lists from `prism mock` and, through `prism proxy`, from the
//! sandbox, and prints one JSON object of what it found. Run by `cargo xtask judge`.

use std::path::Path;
use std::sync::{Arc, Mutex};

use aftercall_domain::clock::SystemClock;
use aftercall_domain::ids::RecordingId;
use aftercall_engine::secrets::{KeyChoice, open_root_key};
use aftercall_engine::store::Store;
use aftercall_engine::store::table::{calls, recordings, sync_state};
use aftercall_engine::sync::{Depth, SyncError, SyncReport, sync_twilio};
use aftercall_engine::upstream::{
    CallsSpan, Limits, Presence, RecordingSource as _, RecordingStatus, Twilio, TwilioCredentials, twilio_origin,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Answers of random shape that are read.
const RANDOM_ANSWERS: usize = 60;

/// Stands between the client and Prism: adds a header to questions, and keeps what Prism found wrong with answers.
#[derive(Clone)]
struct Relay {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    /// `added` is a part of a path, and a header line for questions that have it.
    async fn to(target: &str, added: &'static [(&'static str, &'static str)]) -> Outcome<Self> {
        let target = target.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, kept) = (target.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    // A connection that breaks is the client's failure, which it tells.
                    let _ = one(client, &target, added, &kept).await;
                });
            }
        });
        Ok(Self { url, heads })
    }

    /// What Prism found wrong with each answer so far, and how many answers there were.
    fn violations(&self) -> (usize, Vec<Value>) {
        let heads = self.heads.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let found = heads.iter().flat_map(|head| head.lines()).filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sl-violations")
                .then(|| serde_json::from_str::<Value>(value).unwrap_or(json!(value)))
        });
        (heads.len(), found.flat_map(|list| list.as_array().cloned().unwrap_or_else(|| vec![list])).collect())
    }
}

/// One question and its answer; the connection is closed behind it.
async fn one(
    mut client: TcpStream,
    target: &str,
    added: &[(&str, &str)],
    heads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut question = Vec::new();
    while !question.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut question).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&question).into_owned();
    let (first, rest) = text.split_once("\r\n").unwrap_or((&text, ""));
    let mut sent = format!("{first}\r\nconnection: close\r\n");
    for (_, header) in added.iter().filter(|(part, _)| first.contains(part)) {
        sent.push_str(&format!("{header}\r\n"));
    }
    sent.push_str(rest);
    let mut server = TcpStream::connect(target).await?;
    server.write_all(sent.as_bytes()).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..head]).into_owned();
    heads.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(head);
    client.write_all(&answer).await?;
    client.shutdown().await
}

struct Account {
    account: String,
    key: String,
    secret: String,
}

fn client(url: &str, who: &Account) -> Outcome<Twilio> {
    let credentials = TwilioCredentials::new(&who.account, &who.key, SecretString::from(who.secret.as_str()))?;
    let clock = Arc::new(SystemClock::new());
    Ok(Twilio::new(twilio_origin(Some(url))?, credentials, Vec::new(), Limits::default(), clock)?)
}

async fn library(folder: &Path, name: &str) -> Outcome<Store> {
    let (root, key) = (folder.join(name), folder.join(format!("{name}.key")));
    let opened = tokio::task::spawn_blocking(move || -> Outcome<Store> {
        std::fs::create_dir(&root)?;
        let key = open_root_key(&root, &KeyChoice::File(key))?;
        Ok(Store::open(&root.join("library.db"), &key.db_key(), &SystemClock::new())?)
    });
    opened.await?
}

async fn sync(twilio: &Twilio, store: &Store) -> Result<SyncReport, SyncError> {
    sync_twilio(twilio, store, &SystemClock::new(), Depth::Usual, &|_| {}, &CancellationToken::new()).await
}

async fn mark(store: &Store, feed: &'static str) -> Outcome<Option<Value>> {
    Ok(store.read(move |conn| sync_state::get(conn, feed)).await?)
}

#[derive(Default)]
struct Found(Vec<Value>);

impl Found {
    fn rule(&mut self, rule: &str, holds: bool, found: impl std::fmt::Debug) {
        self.0.push(json!({"rule": rule, "holds": holds, "found": format!("{found:?}")}));
    }
}

/// `prism mock`: Twilio's own examples, whose second page Prism itself refuses.
async fn from_examples(mock: &str, who: &Account, folder: &Path, found: &mut Found) -> Outcome<()> {
    let twilio = client(mock, who)?;
    let page = twilio.calls(CallsSpan::All).await?;
    found.rule(
        "page one of calls is read whole",
        !page.rows.is_empty() && page.rejected.is_empty(),
        (page.rows.len(), page.rejected.len()),
    );
    let store = library(folder, "calls").await?;
    let synced = sync(&twilio, &store).await;
    found.rule("page two of calls is a failed page", synced.is_err(), &synced);
    let known = store.read(|conn| Ok(calls::totals(conn)?.all)).await?;
    found.rule("what page one of calls brought is kept", known == page.rows.len() as u64, known);
    let unmoved = mark(&store, "twilio_calls").await?;
    found.rule("the calls' mark did not move", unmoved.is_none(), unmoved);

    // Twilio's example of recordings is one page. With a list of calls that is empty the sync comes to it.
    const NO_CALLS: (&str, &str) = ("/Calls.json", "prefer: example=readEmptyDatesGreater");
    let store = library(folder, "refused").await?;
    let relay = Relay::to(mock, &[NO_CALLS, ("/Recordings.json", "prefer: code=404")]).await?;
    let synced = sync(&client(&relay.url, who)?, &store).await;
    found.rule("a page of recordings that is refused is a failed page", synced.is_err(), &synced);
    let unmoved = mark(&store, "twilio_recordings").await?;
    found.rule("the recordings' mark did not move", unmoved.is_none(), unmoved);
    let moved = mark(&store, "twilio_calls").await?;
    found.rule("an empty list of calls is read to its end", moved.is_some(), moved);
    let relay = Relay::to(mock, &[NO_CALLS]).await?;
    let synced = sync(&client(&relay.url, who)?, &store).await;
    found.rule("the list of recordings is read to its end", synced.is_ok(), &synced);
    let page = twilio.recordings(None).await?;
    let ids: Vec<RecordingId> = page.rows.iter().map(|row| row.id.clone()).collect();
    let read = page.rejected.is_empty() && !ids.is_empty();
    found.rule("page one of recordings is read whole", read, (ids.len(), page.rejected.len()));
    let first = ids.first().cloned().ok_or("no recording in Twilio's example")?;
    let kept = store.read(move |conn| recordings::get(conn, &first)).await?;
    found.rule("what the list of recordings brought is kept", kept.is_some(), kept);

    let relay = Relay::to(mock, &[("/Recordings", "prefer: example=readIncludeSoftDeleted")]).await?;
    let page = client(&relay.url, who)?.recordings(None).await?;
    let statuses: Vec<RecordingStatus> = page.rows.iter().map(|row| row.status).collect();
    let both = statuses.contains(&RecordingStatus::Deleted) && statuses.contains(&RecordingStatus::Completed);
    found.rule("a deleted recording is told from one that is there", both && page.rejected.is_empty(), statuses);

    let relay = Relay::to(mock, &[("/", "prefer: dynamic=true")]).await?;
    let twilio = client(&relay.url, who)?;
    let (mut rows, mut rejected, mut refused) = (0, 0, 0);
    for _ in 0..RANDOM_ANSWERS {
        match twilio.calls(CallsSpan::All).await {
            Ok(page) => (rows, rejected) = (rows + page.rows.len(), rejected + page.rejected.len()),
            Err(_) => refused += 1,
        }
        match twilio.recordings(None).await {
            Ok(page) => (rows, rejected) = (rows + page.rows.len(), rejected + page.rejected.len()),
            Err(_) => refused += 1,
        }
    }
    let all = 2 * RANDOM_ANSWERS;
    let found_rows = (rows, rejected, refused);
    found.rule(
        "answers of random shape are read, counted or refused",
        rows + rejected > 0 || refused == all,
        found_rows,
    );
    Ok(())
}

/// `prism proxy` before the sandbox: every question and every answer is judged by Twilio's description.
async fn through_proxy(
    proxy: &str,
    sandbox: &str,
    who: &Account,
    folder: &Path,
    found: &mut Found,
) -> Outcome<Vec<Value>> {
    let relay = Relay::to(proxy, &[]).await?;
    let twilio = client(&relay.url, who)?;
    twilio.check().await?;
    let store = library(folder, "proxy").await?;
    let first = sync(&twilio, &store).await?;
    found.rule("everything is read through the proxy", first.calls.added > 0 && first.calls.rejected == 0, first.calls);
    let second = sync(&twilio, &store).await?;
    found.rule(
        "a repeat with its filters changes nothing",
        second.calls.added + second.calls.changed == 0,
        second.calls,
    );
    let direct = client(sandbox, who)?;
    let straight = library(folder, "straight").await?;
    let alone = sync(&direct, &straight).await?;
    found.rule(
        "as much as straight from the sandbox",
        alone.calls.seen == first.calls.seen,
        (alone.calls.seen, first.calls.seen),
    );

    let page = twilio.recordings(None).await?;
    let mut sound = 0;
    for row in &page.rows {
        let one = twilio.recording(&row.id).await?;
        if one != *row {
            found.rule("one recording is what its list says", false, (&one.status, &row.status));
        }
        // Sound is not in the description: it is asked of the sandbox itself.
        if row.status == RecordingStatus::Completed && sound < 10 {
            sound += usize::from(matches!(direct.head(&row.id).await, Ok(Presence::Here { .. })));
        }
    }
    found.rule("sound is had straight from the sandbox", sound > 3, sound);
    let listed = twilio.calls(CallsSpan::All).await?;
    for row in listed.rows.iter().take(40) {
        let one = twilio.call(&row.call.sid).await?;
        if one.call != row.call {
            found.rule("one call is what its list says", false, &row.call.status);
        }
        twilio.recordings_of(&row.call.sid).await?;
    }
    let (answers, violations) = relay.violations();
    found.rule("the proxy judged", answers > 100 && !violations.is_empty(), (answers, violations.len()));

    // A question that the description forbids: the proxy says so, and would have said so of ours.
    let relay = Relay::to(proxy, &[]).await?;
    let mut stream = TcpStream::connect(relay.url.trim_start_matches("http://")).await?;
    let path = format!("/2010-04-01/Accounts/{}/Calls.json?PageSize=0", who.account);
    let question = format!("GET {path} HTTP/1.1\r\nhost: proxy\r\nauthorization: Basic YTpi\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    stream.read_to_string(&mut String::new()).await?;
    let (_, told) = relay.violations();
    let of_the_question = told.iter().any(|violation| violation["location"][0] == "request");
    found.rule("a wrong question would have been told", of_the_question, told);
    Ok(violations)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("missing: {what}"));
    let (mock, proxy, sandbox) = (next("mock's address")?, next("proxy's address")?, next("sandbox's address")?);
    let who = Account { account: next("account")?, key: next("key")?, secret: std::env::var("AFTERCALL_SECRET")? };
    let folder = tempfile::tempdir()?;
    let mut found = Found::default();
    from_examples(&mock, &who, folder.path(), &mut found).await?;
    let violations = through_proxy(&proxy, &sandbox, &who, folder.path(), &mut found).await?;
    println!("{}", json!({"rules": found.0, "violations": violations}));
    Ok(())
}
