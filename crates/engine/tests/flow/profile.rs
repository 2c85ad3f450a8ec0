//! A library, a vault and a CRM session, of nobody real.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aftercall_domain::clock::{Clock, ManualClock, SystemClock};
use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_engine::queue::{Analysed, Analyst, NotAnalysed, Queue, QueueOptions, QueueParts, Sound};
use aftercall_engine::secrets::{KeyChoice, open_root_key};
use aftercall_engine::store::Store;
use aftercall_engine::store::table::{profile, recordings};
use aftercall_engine::sync::{Depth, SyncError, SyncReport, sync_once};
use aftercall_engine::upstream::{Credentials, Crm, Limits, UpstreamError};
use aftercall_engine::vault::Vault;
use aftercall_sandbox::{Options, Sandbox, Script};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

/// Draws nothing, or fails.
pub struct Ear {
    pub heard: AtomicU32,
    pub deaf: bool,
}

impl Analyst for Ear {
    fn analyse(&self, mut sound: Box<dyn Sound>) -> Result<Analysed, NotAnalysed> {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut sound, &mut bytes).map_err(|_| NotAnalysed::NotDecoded)?;
        self.heard.fetch_add(1, Ordering::SeqCst);
        if self.deaf { Err(NotAnalysed::NotDecoded) } else { Ok(Analysed { peaks: vec![1, 2], ..Analysed::default() }) }
    }
}

pub struct Profile {
    pub sandbox: Sandbox,
    pub store: Store,
    pub vault: Arc<Vault>,
    pub crm: Arc<Crm>,
    pub clock: Arc<dyn Clock>,
    pub ear: Arc<Ear>,
    pub folder: tempfile::TempDir,
}

/// A sandbox whose own time stands still, so that nothing in it changes by itself.
pub fn options(script: &str) -> Options {
    let now_ms = SystemClock::new().now_ms();
    Options {
        calls: 60,
        leads: 20,
        prepare_polls: 0,
        script: Script::parse(script).expect("a script"),
        clock: Arc::new(ManualClock::at(now_ms)),
        ..Options::default()
    }
}

pub fn limits() -> Limits {
    Limits {
        idle: Duration::from_millis(1_500),
        json: Duration::from_secs(20),
        low_speed: Duration::from_secs(2),
        low_speed_bytes: 2 * 1024,
        ..Limits::default()
    }
}

impl Profile {
    pub async fn new(options: Options) -> Self {
        Self::with(options, false).await
    }

    pub async fn with(options: Options, deaf: bool) -> Self {
        Self::at(options, deaf, Arc::new(SystemClock::new())).await
    }

    /// Both sides live by one clock that the test moves.
    pub async fn on_clock(options: Options, clock: &Arc<ManualClock>) -> Self {
        Self::at(Options { clock: clock.clone(), ..options }, false, clock.clone()).await
    }

    /// The other side's clock is another one.
    pub async fn with_clocks(options: Options, server: &Arc<ManualClock>, mine: &Arc<ManualClock>) -> Self {
        Self::at(Options { clock: server.clone(), ..options }, false, mine.clone()).await
    }

    async fn at(options: Options, deaf: bool, clock: Arc<dyn Clock>) -> Self {
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("profile");
        std::fs::create_dir(&root).expect("a folder");
        let (path, now) = (root.clone(), clock.clone());
        let key_file: PathBuf = folder.path().join("key");
        let (store, vault) = tokio::task::spawn_blocking(move || {
            let key = open_root_key(&path, &KeyChoice::File(key_file)).expect("a key");
            let store = Store::open(&path.join("library.db"), &key.db_key(), &*now).expect("a library");
            let name_mac = store.read_blocking(profile::name_mac).expect("a name key");
            let vault = Vault::open(&path.join("recordings"), &name_mac, key.file_kek()).expect("a vault");
            (store, vault)
        })
        .await
        .expect("no panic");
        let crm = crm_at(&sandbox, &clock);
        let ear = Arc::new(Ear { heard: AtomicU32::new(0), deaf });
        Self { sandbox, store, vault: Arc::new(vault), crm, clock, ear, folder }
    }

    /// Signed in as the owner, with the password kept, and synced.
    pub async fn synced(options: Options) -> Self {
        let profile = Self::new(options).await;
        profile.sign_in(true).await.expect("signed in");
        profile.sync(Depth::Usual).await.expect("synced");
        profile
    }

    pub fn owner(&self) -> Credentials {
        let ready = self.sandbox.ready();
        Credentials { email: ready.email.clone(), password: SecretString::from(ready.password.as_str()) }
    }

    pub fn agent(&self) -> Credentials {
        let agent = &self.sandbox.ready().agent;
        Credentials { email: agent.email.clone(), password: SecretString::from(agent.password.as_str()) }
    }

    pub fn somebody(&self, email: &str, password: &str) -> Credentials {
        Credentials { email: email.to_owned(), password: SecretString::from(password) }
    }

    pub async fn sign_in(&self, stay: bool) -> Result<(), UpstreamError> {
        self.crm.sign_in(self.owner(), stay).await.map(drop)
    }

    pub async fn sync(&self, depth: Depth) -> Result<SyncReport, SyncError> {
        sync_once(&self.crm, &self.store, &*self.clock, depth, &|_| {}, &CancellationToken::new()).await
    }

    pub fn parts(&self) -> QueueParts {
        QueueParts {
            store: self.store.clone(),
            vault: Arc::clone(&self.vault),
            source: self.crm.clone(),
            analyst: self.ear.clone(),
            clock: self.clock.clone(),
        }
    }

    pub async fn queue(&self) -> Queue {
        Queue::start(self.parts(), QueueOptions::default()).await.expect("a queue")
    }

    /// The `n`-th newest recording: its id, and the SHA-256 of what the server has.
    pub fn recording(&self, n: usize) -> (RecordingId, String) {
        let one = &self.sandbox.ready().recordings[n];
        let sid: CallSid = one.call_sid.parse().expect("a sid");
        (RecordingId::crm(&sid), one.sha256.clone())
    }

    /// The SHA-256 of what the vault gives back, where it has the recording.
    pub async fn stored_sha256(&self, id: &RecordingId) -> Option<String> {
        let of = id.clone();
        let file = self.store.read(move |conn| recordings::file(conn, &of)).await.expect("read")?;
        let (vault, id) = (Arc::clone(&self.vault), id.clone());
        tokio::task::spawn_blocking(move || {
            let mut sound = vault.reader(&id, &file).expect("a file").cursor();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut sound, &mut bytes).expect("it verifies");
            Some(hex::encode(Sha256::digest(&bytes)))
        })
        .await
        .expect("no panic")
    }

    /// Requests of this method whose path begins so.
    pub fn asked(&self, method: &str, path: &str) -> usize {
        self.sandbox.requests().iter().filter(|r| r.method == method && r.path.starts_with(path)).count()
    }

    /// Rows written by anybody so far.
    pub async fn rows_written(&self) -> i64 {
        let count = |tx: &rusqlite::Transaction<'_>| Ok(tx.query_row("SELECT total_changes()", [], |row| row.get(0))?);
        self.store.write(move |tx, _| count(tx)).await.expect("a count")
    }
}

/// Asks the sandbox itself, past the client: what is really on the wire.
pub async fn raw(sandbox: &Sandbox, method: &str, target: &str, body: &str) -> (u16, serde_json::Value) {
    let ready = sandbox.ready();
    let credentials = serde_json::json!({"email": ready.email, "password": ready.password}).to_string();
    let (_, head, _) = send(sandbox, "POST", "/api/auth/login", "", &credentials).await;
    let cookie = head.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next()).expect("a cookie");
    let (status, _, body) = send(sandbox, method, target, &format!("Cookie: {cookie}\r\n"), body).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn send(sandbox: &Sandbox, method: &str, target: &str, cookie: &str, body: &str) -> (u16, String, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = sandbox.url().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("connected");
    let length = body.len();
    let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{cookie}");
    let kind = "Content-Type: application/json\r\n";
    let request = format!("{head}{kind}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

pub fn crm_at(sandbox: &Sandbox, clock: &Arc<dyn Clock>) -> Arc<Crm> {
    let origin = sandbox.url().parse().expect("an origin");
    Arc::new(Crm::new(origin, limits(), clock.clone()).expect("a client"))
}
