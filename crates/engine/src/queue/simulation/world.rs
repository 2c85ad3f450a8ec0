//! The other side, the clocks and the disk of a simulation. The queue itself, its rows, its gate and its files are the
//! real ones; time is virtual, and goes on only when nobody has anything to do.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aftercall_domain::backoff;
use aftercall_domain::breaker::Rest;
use aftercall_domain::call::Outcome;
use aftercall_domain::clock::Clock;
use aftercall_domain::download::{Job, Wish};
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use aftercall_domain::recording::RecordingState;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::queue::ledger;
use crate::queue::{Analysed, Analyst, NotAnalysed, Queue, QueueOptions, QueueParts, Sound};
use crate::store::Store;
use crate::store::table::recordings::{self, RecordingRow};
use crate::upstream::gate::{Asked, Gate};
use crate::upstream::{Body, Piece, Presence, Ranged, RecordingSource, SameFile, UpstreamError, Validator, failure};
use crate::vault::Vault;

/// 2026-11-18, a Wednesday.
pub const NOON_MS: i64 = 1_795_000_000_000;

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("a simulation ends")
}

/// The computer's clocks. The wall clock can be set and goes on in a sleep; the monotonic one does neither.
pub struct Times {
    began: Instant,
    set_ms: AtomicI64,
    slept_ms: AtomicI64,
}

impl Times {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), set_ms: AtomicI64::new(0), slept_ms: AtomicI64::new(0) })
    }
    fn awake_ms(&self) -> i64 {
        ms(self.began.elapsed())
    }
    /// Time that really went by.
    pub fn true_ms(&self) -> i64 {
        self.awake_ms() + self.slept_ms.load(Ordering::SeqCst)
    }
    pub fn set_by_ms(&self, by_ms: i64) {
        self.set_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
    pub fn sleep_ms(&self, for_ms: i64) {
        self.slept_ms.fetch_add(for_ms, Ordering::SeqCst);
    }
}

/// Of one process: its monotonic clock begins with it.
struct ProcessClock {
    times: Arc<Times>,
    born_ms: i64,
}

impl Clock for ProcessClock {
    fn now_ms(&self) -> i64 {
        NOON_MS + self.times.true_ms() + self.times.set_ms.load(Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> i64 {
        self.times.awake_ms() - self.born_ms
    }
}

/// What the server says to one request.
#[derive(Debug, Clone)]
pub enum Says {
    /// This status, and `Retry-After` as it stands in the answer.
    Status(u16, Option<&'static str>),
    /// 200, and the file is there.
    Here,
    /// Nothing, for so long; then 504.
    Hangs(i64),
    /// No connection.
    Offline,
}

/// One request that reached the network.
#[derive(Debug, Clone)]
pub struct Request {
    pub true_ms: i64,
    pub id: RecordingId,
    /// The breaker's own question.
    pub is_probe: bool,
    /// What it was answered; none while it waits, or when whoever asked went away.
    pub status: Option<u16>,
}

impl Request {
    /// Its answer did not come yet.
    pub fn is_waiting(&self) -> bool {
        self.status.is_none()
    }
}

type Plan = Box<dyn Fn(&RecordingId, usize, i64) -> Says + Send + Sync>;

/// The CRM, seen from this client: its answers are planned, the gate before it is the real one.
pub struct Server {
    times: Arc<Times>,
    /// None lets everything through, to see what the jobs' own rules hold.
    gate: Mutex<Option<Arc<Gate>>>,
    plan: Plan,
    latency_ms: i64,
    asked: Mutex<Vec<Request>>,
    /// What a HEAD found there: the range that follows brings it, and is no question of its own.
    found: Mutex<HashSet<RecordingId>>,
    nth: Mutex<HashMap<RecordingId, usize>>,
}

impl Server {
    pub fn new(times: &Arc<Times>, latency_ms: i64, plan: Plan) -> Arc<Self> {
        let (times, asked) = (Arc::clone(times), Mutex::default());
        let (gate, found, nth) = (Mutex::new(None), Mutex::default(), Mutex::default());
        Arc::new(Self { times, gate, plan, latency_ms, asked, found, nth })
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Request>> {
        self.asked.lock().expect("no panic while asking")
    }

    pub fn requests(&self) -> Vec<Request> {
        self.asked().clone()
    }

    fn gate(&self) -> Option<Arc<Gate>> {
        self.gate.lock().expect("no panic at the gate").clone()
    }

    /// A process begins with a gate that knows nothing.
    pub fn with_gate(&self, clock: Arc<dyn Clock>, seed: u64) {
        *self.gate.lock().expect("no panic at the gate") =
            Some(Arc::new(Gate::with_chance(clock, Chance::seeded(seed))));
    }

    /// The app asks for a list, and gets it.
    pub async fn answer_a_list(&self) {
        let gate = self.gate().expect("a gate");
        while gate.through(Asked { question: 0, sound: false }, async { Ok(()) }, |()| StatusCode::OK).await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn send(&self, id: &RecordingId, is_probe: bool) -> Result<(StatusCode, Option<i64>), UpstreamError> {
        let nth = {
            let mut nth = self.nth.lock().expect("no panic while counting");
            let nth = nth.entry(id.clone()).or_default();
            *nth += 1;
            *nth
        };
        let true_ms = self.times.true_ms();
        let at = {
            let mut asked = self.asked();
            asked.push(Request { true_ms, id: id.clone(), is_probe, status: None });
            asked.len() - 1
        };
        let wait = |ms: i64| tokio::time::sleep(Duration::from_millis(ms.unsigned_abs()));
        let (status, retry_after) = match (self.plan)(id, nth, true_ms) {
            Says::Offline => return Err(UpstreamError::Offline),
            Says::Hangs(for_ms) => {
                wait(for_ms).await;
                (504, None)
            }
            Says::Status(status, retry_after) => {
                wait(self.latency_ms).await;
                (status, retry_after)
            }
            Says::Here => {
                wait(self.latency_ms).await;
                (200, None)
            }
        };
        self.asked()[at].status = Some(status);
        let now_ms = NOON_MS + self.times.true_ms();
        let retry_after_ms = retry_after.and_then(|value| backoff::retry_after_ms(value, None, now_ms));
        Ok((StatusCode::from_u16(status).expect("a status"), retry_after_ms))
    }

    async fn ask(&self, id: &RecordingId) -> Result<Presence, UpstreamError> {
        let (status, retry_after_ms) = match self.gate() {
            None => self.send(id, false).await?,
            Some(gate) => {
                // Only for the record: it goes through one gate with nobody else.
                let is_probe = gate.is_shut();
                let asked = Asked { question: question(id), sound: true };
                gate.through(asked, self.send(id, is_probe), |(status, _)| *status).await?
            }
        };
        match (status.as_u16(), failure(status, retry_after_ms)) {
            (_, Some(error)) => Err(error),
            (202, None) => Ok(Presence::NotYet { retry_after_ms }),
            (_, None) => Ok(Presence::Here { total_bytes: WAV_BYTES }),
        }
    }
}

fn question(id: &RecordingId) -> u64 {
    id.as_str().bytes().fold(0, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

impl RecordingSource for Server {
    fn head<'a>(&'a self, id: &'a RecordingId) -> BoxFuture<'a, Result<Presence, UpstreamError>> {
        Box::pin(async {
            let presence = self.ask(id).await?;
            if matches!(presence, Presence::Here { .. }) {
                self.found.lock().expect("no panic while finding").insert(id.clone());
            }
            Ok(presence)
        })
    }

    fn range_tells(&self, _: &RecordingId) -> bool {
        true
    }

    fn is_doubted(&self, _: Source) -> bool {
        self.gate().is_some_and(|gate| gate.is_shut())
    }

    fn range<'a>(
        &'a self,
        id: &'a RecordingId,
        first: u64,
        last: u64,
        _: Option<&'a Validator>,
    ) -> BoxFuture<'a, Result<Ranged, UpstreamError>> {
        Box::pin(async move {
            if !self.found.lock().expect("no panic while finding").remove(id)
                && let Presence::NotYet { retry_after_ms } = self.ask(id).await?
            {
                return Ok(Ranged::NotYet { retry_after_ms });
            }
            // The bytes come at once: while a thread writes the file virtual time stands still.
            let end = usize::try_from(last + 1).expect("small").min(wav().len());
            let body = Body::of(Bytes::copy_from_slice(&wav()[usize::try_from(first).expect("small")..end]));
            Ok(Piece { start: first, is_whole: false, total_bytes: WAV_BYTES, validator: None, body }.into())
        })
    }

    fn same_file(&self, _: &RecordingId) -> SameFile {
        SameFile::ByBytes
    }

    fn resting(&self, _: Source) -> Option<Rest> {
        self.gate()?.resting()
    }

    fn try_now(&self, _: Source) {
        if let Some(gate) = self.gate() {
            gate.try_now();
        }
    }
}

const WAV_BYTES: u64 = 44 + 1_600;

/// A tenth of a second of silence.
fn wav() -> Vec<u8> {
    let mut wav = b"RIFF".to_vec();
    wav.extend_from_slice(&(WAV_BYTES as u32 - 8).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    wav.extend([1u16, 1].iter().flat_map(|half| half.to_le_bytes()));
    wav.extend([8_000u32, 16_000].iter().flat_map(|word| word.to_le_bytes()));
    wav.extend([2u16, 16].iter().flat_map(|half| half.to_le_bytes()));
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&1_600u32.to_le_bytes());
    wav.resize(WAV_BYTES as usize, 0);
    wav
}

struct Deaf;

impl Analyst for Deaf {
    fn analyse(&self, _: Box<dyn Sound>) -> Result<Analysed, NotAnalysed> {
        Err(NotAnalysed::NotDecoded)
    }
}

/// A folder that costs no disk, where there is one.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}

/// What outlives a crash: the library and the files.
pub struct Disk {
    pub store: Store,
    pub vault: Arc<Vault>,
    _folder: tempfile::TempDir,
}

impl Disk {
    pub fn new() -> Self {
        let folder = folder();
        let vault = Vault::scratch(folder.path());
        Self { store: Store::in_memory(), vault: Arc::new(vault), _folder: folder }
    }

    /// Recordings that can be asked for, `crm:CA0001` and on.
    pub async fn know(&self, n: usize) -> Vec<RecordingId> {
        let sids: Vec<CallSid> = (1..=n).map(|n| format!("CA{n:04}").parse().expect("a sid")).collect();
        let ids = sids.iter().map(RecordingId::crm).collect();
        let known = self.store.write(move |tx, _| {
            for sid in &sids {
                recordings::put(tx, &recordings::not_asked_for(sid, Outcome::Answered, true))?;
            }
            Ok(())
        });
        known.await.expect("written");
        ids
    }

    /// Everything that was known, so that the next life begins with nothing.
    pub async fn forget(&self) {
        self.store.forget_recordings().await;
    }

    pub async fn count(&self, state: RecordingState) -> usize {
        self.store.read(move |conn| Ok(recordings::in_states(conn, &[state])?.len())).await.expect("read")
    }

    pub async fn job(&self, id: &RecordingId) -> Option<Job> {
        let id = id.clone();
        self.store.read(move |conn| ledger::job(conn, &id)).await.expect("read")
    }

    pub async fn rows(&self, ids: &[RecordingId]) -> Vec<RecordingRow> {
        let ids = ids.to_vec();
        let rows = self.store.read(move |conn| ids.iter().map(|id| recordings::get(conn, id)).collect());
        let rows: Vec<Option<RecordingRow>> = rows.await.expect("read");
        rows.into_iter().map(|row| row.expect("a row")).collect()
    }

    /// A process begins.
    pub async fn boot(&self, times: &Arc<Times>, server: &Arc<Server>, start: Start) -> Queue {
        let born_ms = times.awake_ms();
        let clock: Arc<dyn Clock> = Arc::new(ProcessClock { times: Arc::clone(times), born_ms });
        if start.gate {
            server.with_gate(Arc::clone(&clock), start.seed ^ 1);
        }
        let parts = QueueParts {
            store: self.store.clone(),
            vault: Arc::clone(&self.vault),
            source: Arc::clone(server) as Arc<dyn RecordingSource>,
            analyst: Arc::new(Deaf),
            clock,
        };
        Queue::start_with(parts, start.options, start.chance).await.expect("a queue")
    }
}

/// How a process begins.
pub struct Start {
    pub seed: u64,
    pub chance: Chance,
    pub gate: bool,
    pub options: QueueOptions,
}

impl Start {
    pub fn seeded(seed: u64) -> Self {
        Self { seed, chance: Chance::seeded(seed), gate: true, options: QueueOptions::default() }
    }

    pub fn that_looks_every_s(mut self, s: u64) -> Self {
        self.options.look_every = Duration::from_secs(s);
        self
    }
}

pub async fn want_all(queue: &Queue, ids: &[RecordingId], wish: Wish) {
    for id in ids {
        queue.want(id, wish).await.expect("wanted");
    }
}

pub async fn pass_ms(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
}
