//! A sandbox, a profile with an app over it, and the handler behind a port. Beside the app the library is opened once
//! more, to put recordings into any state.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aftercall_app::contract::dispatch;
use aftercall_app::start::{Access, Boot, StartOptions};
use aftercall_domain::clock::SystemClock;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{AudioFacts, Reason, RecordingState};
use aftercall_engine::secrets::{KeyChoice, open_root_key};
use aftercall_engine::store::Store;
use aftercall_engine::store::table::recordings::{self, RecordingRow, StoredFile};
use aftercall_engine::store::table::{jobs, profile};
use aftercall_engine::vault::Vault;
use aftercall_player::OutputChoice;
use aftercall_player::output::headless::Headless;
use aftercall_sandbox::{Options, Sandbox};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::table::ORIGINS;

pub struct World {
    boot: Arc<Boot>,
    store: Store,
    vault: Vault,
    _sandbox: Sandbox,
    /// Calls whose recordings nobody asked for yet.
    calls: Vec<String>,
    profile: tempfile::TempDir,
    address: SocketAddr,
    serving: JoinHandle<()>,
    next: AtomicUsize,
}

impl World {
    /// Signed in and synced, with recordings that the CRM never gets ready.
    pub async fn open() -> Self {
        let options = Options { calls: 400, leads: 12, prepare_polls: 10_000, ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let profile = tempfile::tempdir().unwrap();
        let folder = profile.path().join("profile");
        let key = KeyChoice::File(profile.path().join("root.key"));
        let boot = Boot::start(StartOptions {
            profile: Some(folder.clone()),
            key: key.clone(),
            output: OutputChoice::Headless(Headless::paced(8_000)),
            ..StartOptions::from_env(Access::Window)
        })
        .await;
        let ready = sandbox.ready();
        let ask = json!({"url": ready.url, "email": ready.email, "password": ready.password, "stay_signed_in": true});
        dispatch(&boot, "session_sign_in", ask).await.unwrap();
        while dispatch(&boot, "sync_state", json!({})).await.unwrap()["phase"] != "fresh" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let asked = json!({"filter": {}, "offset": 0, "limit": 200});
        let listed = dispatch(&boot, "calls_window", asked).await.unwrap();
        let recorded = |row: &&Value| row["recording"]["state"] == "ready_online";
        let sid = |row: &Value| row["sid"].as_str().unwrap().to_owned();
        let calls = listed["rows"].as_array().unwrap().iter().filter(recorded).map(sid).collect();
        let root = open_root_key(&folder, &key).unwrap();
        let store = Store::open(&folder.join("library.db"), &root.db_key(), &SystemClock::new()).unwrap();
        let name_mac = store.read(profile::name_mac).await.unwrap();
        let vault = Vault::open(&folder.join("recordings"), &name_mac, root.file_kek()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let boot = Arc::new(boot);
        let answering = boot.clone();
        let serving = tokio::spawn(async move {
            let served = aftercall_rec_shim::serve(listener, move |request| {
                let boot = answering.clone();
                async move { boot.respond(request, true, ORIGINS).await }
            });
            served.await.unwrap();
        });
        Self { boot, store, vault, _sandbox: sandbox, calls, profile, address, serving, next: AtomicUsize::new(0) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn boot(&self) -> &Boot {
        &self.boot
    }

    /// A recording that nobody asked for yet.
    pub fn next_id(&self) -> RecordingId {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        format!("crm:{}", self.calls[next]).parse().unwrap()
    }

    /// Puts a recording into a state.
    pub async fn put(&self, id: &RecordingId, state: RecordingState, reason: Option<Reason>) {
        let facts = AudioFacts { codec: "mp3".into(), channels: 1, sample_rate_hz: 8_000, duration_ms: 1_000 };
        let row = RecordingRow {
            id: id.clone(),
            call_sid: id.sid().parse().unwrap(),
            state,
            reason,
            polls: 0,
            attempts: 0,
            next_try_at_ms: None,
            bytes_here: 0,
            bytes_total: None,
            facts: state.is_stored().then_some(facts),
            damaged_packets: 0,
            created_at_ms: 0,
            ready_at_ms: None,
            is_pinned: false,
        };
        self.store.write(move |tx, _| recordings::put(tx, &row)).await.unwrap();
    }

    /// Seals bytes as a recording.
    pub async fn store(&self, id: &RecordingId, state: RecordingState, bytes: &[u8]) -> StoredFile {
        let intake = self.vault.begin(id, bytes.len() as u64).unwrap();
        if bytes.is_empty() {
            intake.put(0, &[]).unwrap();
        }
        for (index, chunk) in (0..).zip(bytes.chunks(65_536)) {
            intake.put(index, chunk).unwrap();
        }
        let file = intake.finish().unwrap();
        self.put(id, state, None).await;
        let (kept, stored) = (id.clone(), file.clone());
        self.store.write(move |tx, _| recordings::set_file(tx, &kept, Some(&stored))).await.unwrap();
        file
    }

    /// Flips one bit in the first chunk of a stored recording.
    pub fn tamper(&self, _: &RecordingId, file: &StoredFile) {
        let mut folders = vec![self.profile.path().join("profile/recordings")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let mut sealed = std::fs::read(&path).unwrap();
                // The header names the file.
                if sealed[8..24] == file.file_id {
                    sealed[64 + 100] ^= 1;
                    std::fs::write(&path, sealed).unwrap();
                    return;
                }
            }
        }
        panic!("the sealed file is nowhere");
    }

    pub async fn row(&self, id: &RecordingId) -> Option<RecordingRow> {
        let id = id.clone();
        self.store.read(move |conn| recordings::get(conn, &id)).await.unwrap()
    }

    pub async fn has_job(&self, id: &RecordingId) -> bool {
        self.jobs().await.contains(id)
    }

    pub async fn jobs(&self) -> Vec<RecordingId> {
        let jobs = self.store.read(jobs::all).await.unwrap();
        jobs.into_iter().map(|job| job.recording_id).collect()
    }

    /// Asks over HTTP, on a connection of its own.
    pub async fn ask(&self, request: Request<()>) -> Response<Vec<u8>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driving = tokio::spawn(connection);
        let (mut parts, ()) = request.into_parts();
        let host = match parts.uri.scheme_str() {
            Some("http") => parts.uri.authority().unwrap().to_string(),
            _ => self.address.to_string(),
        };
        parts.headers.insert(header::HOST, HeaderValue::from_str(&host).unwrap());
        parts.uri = Uri::from(parts.uri.path_and_query().unwrap().clone());
        let answer = sender.send_request(Request::from_parts(parts, Empty::<Bytes>::new())).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        driving.abort();
        Response::from_parts(parts, body)
    }

    pub async fn close(&self) {
        self.serving.abort();
        self.boot.close().await;
    }
}
