//! Gives jobs their turn: a person's wish first, a few at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aftercall_domain::backoff::{DAY_MS, Moment};
use aftercall_domain::clock::Clock;
use aftercall_domain::download::{Effect, Event, Wish};
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use aftercall_domain::recording::RecordingState;
use rusqlite::Connection;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::fetch::{Ended, fetch};
use super::ledger::{self, Now};
use super::{Analyst, QueueError, recover};
use crate::store::table::recordings::{self, RecordingRow};
use crate::store::table::{calls, jobs};
use crate::store::{Store, StoreError};
use crate::upstream::RecordingSource;
use crate::vault::Vault;

/// What the queue works with.
#[derive(Clone)]
pub struct QueueParts {
    /// Jobs and recordings.
    pub store: Store,
    /// Where files go.
    pub vault: Arc<Vault>,
    /// Where they come from.
    pub source: Arc<dyn RecordingSource>,
    /// Who draws their waveform.
    pub analyst: Arc<dyn Analyst>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// How it works. The default is what the app uses.
#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// Runs at once. The CRM has one thread per process, and prepares three recordings at a time.
    pub at_once: usize,
    /// Bytes asked for at a time: a longer answer would hold the CRM's thread.
    pub piece_bytes: u64,
    /// How often the clocks are looked at and stuck runs are looked for, when nothing else happens.
    pub look_every: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { at_once: 2, piece_bytes: 1024 * 1024, look_every: Duration::from_secs(5) }
    }
}

/// One run, told apart from an earlier one of the same recording.
struct Run {
    number: u64,
    cancel: CancellationToken,
}

#[derive(Default)]
struct Runs {
    next: u64,
    running: HashMap<RecordingId, Run>,
    /// Held by a run until its file is closed, so that the next run of the same recording finds it gone.
    files: HashMap<RecordingId, Arc<tokio::sync::Mutex<()>>>,
}

pub(super) struct Inside {
    pub(super) parts: QueueParts,
    pub(super) options: QueueOptions,
    process: u64,
    wake: Notify,
    cancel: CancellationToken,
    runs: Mutex<Runs>,
}

/// The download queue of one library. Cheap to clone. Stop it before the library is closed.
#[derive(Clone)]
pub struct Queue {
    inside: Arc<Inside>,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue(..)")
    }
}

impl Inside {
    fn now(&self) -> Now {
        let clock = &self.parts.clock;
        let moment = Moment { now_ms: clock.now_ms(), monotonic_ms: clock.monotonic_ms(), process: self.process };
        Now { moment, random: rand::random() }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn progress(self: &Arc<Self>, id: &RecordingId, bytes_here: u64, bytes_total: u64) {
        let (inside, number, id) = (Arc::clone(self), self.number_of(id), id.clone());
        let told = self.parts.store.write(move |tx, changes| {
            if inside.number_of(&id) != number || number.is_none() {
                return Ok(()); // cancelled meanwhile: the row says so already
            }
            ledger::progress(tx, changes, &id, bytes_here, bytes_total)
        });
        if let Err(error) = told.await {
            tracing::warn!(code = error.code().as_str(), "progress was not written");
        }
    }

    fn number_of(&self, id: &RecordingId) -> Option<u64> {
        self.runs().running.get(id).map(|run| run.number)
    }
}

impl Queue {
    /// Takes back what an earlier process held, and starts.
    ///
    /// # Errors
    /// The library's.
    pub async fn start(parts: QueueParts, options: QueueOptions) -> Result<Self, StoreError> {
        let inside = Arc::new(Inside {
            parts,
            options,
            process: rand::random(),
            wake: Notify::new(),
            cancel: CancellationToken::new(),
            runs: Mutex::default(),
        });
        let now = inside.now();
        inside.parts.store.write(move |tx, changes| recover::recover(tx, changes, now)).await?;
        let task = tokio::spawn(work(Arc::clone(&inside)));
        Ok(Self { inside, task: Arc::new(tokio::sync::Mutex::new(Some(task))) })
    }

    /// Somebody wants it: also "try again". Returns its row as it is now. A wish for what is here already, or for
    /// what will never be, changes nothing.
    ///
    /// # Errors
    /// [`QueueError::UnknownCall`]; the library's.
    pub async fn want(&self, id: &RecordingId, wish: Wish) -> Result<RecordingRow, QueueError> {
        let (now, id) = (self.inside.now(), id.clone());
        let wanted = self.inside.parts.store.write(move |tx, changes| {
            // An unknown call is no failure of the library.
            match ledger::want(tx, changes, &id, wish, now) {
                Err(QueueError::Store(error)) => Err(error),
                wanted => Ok(wanted),
            }
        });
        let (row, effect) = wanted.await??;
        if effect == Effect::Wake {
            self.inside.wake.notify_one();
        }
        Ok(row)
    }

    /// Nobody wants it any more. Stops its run and drops what was written. Returns its row, where it had one.
    ///
    /// # Errors
    /// The library's.
    pub async fn cancel(&self, id: &RecordingId) -> Result<Option<RecordingRow>, StoreError> {
        let (inside, now, id) = (Arc::clone(&self.inside), self.inside.now(), id.clone());
        let cancelled = self.inside.parts.store.write(move |tx, changes| {
            let stepped = ledger::step(tx, changes, &id, Event::Cancelled, now)?;
            if let Some((_, Effect::Abort)) = &stepped
                && let Some(run) = inside.runs().running.remove(&id)
            {
                run.cancel.cancel();
            }
            match stepped {
                Some((row, _)) => Ok(Some(row)),
                None => ledger::recording(tx, &id),
            }
        });
        let row = cancelled.await?;
        self.inside.wake.notify_one();
        Ok(row)
    }

    /// What jobs waited for was done (somebody signed in, freed the disk): those that need a person go on.
    ///
    /// # Errors
    /// The library's.
    pub async fn helped(&self) -> Result<(), StoreError> {
        let now = self.inside.now();
        let helped = self.inside.parts.store.write(move |tx, changes| {
            for id in ledger::needing_you(tx)? {
                ledger::step(tx, changes, &id, Event::Helped, now)?;
            }
            Ok(())
        });
        helped.await?;
        self.inside.wake.notify_one();
        Ok(())
    }

    /// Waits until each of these is stored, not to be had, needs the person, or has used up its window or its 12
    /// polls. Returns their rows in the order asked. Dropping the future leaves the wishes in the queue.
    ///
    /// # Errors
    /// The library's.
    pub async fn settled(&self, ids: &[RecordingId]) -> Result<Vec<RecordingRow>, StoreError> {
        let mut news = self.inside.parts.store.changes();
        loop {
            let asked = ids.to_vec();
            let rows = self.inside.parts.store.read(move |conn| {
                let rows = asked.iter().map(|id| ledger::recording(conn, id)).collect::<Result<Vec<_>, _>>()?;
                Ok(rows.into_iter().flatten().collect::<Vec<_>>())
            });
            let rows = rows.await?;
            if rows.iter().all(|row| is_settled(row.state)) {
                return Ok(rows);
            }
            loop {
                use tokio::sync::broadcast::error::RecvError;
                match news.recv().await {
                    Ok(changes) if !ids.iter().any(|id| changes.recordings.contains(id)) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Err(StoreError::Closed),
                }
            }
        }
    }

    /// Stops all runs and waits for them; their jobs stay, and are no worse for it.
    pub async fn stop(&self) {
        self.inside.cancel.cancel();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await; // a panic was reported where it happened
        }
    }
}

fn is_settled(state: RecordingState) -> bool {
    !matches!(
        state,
        RecordingState::Queued | RecordingState::Preparing | RecordingState::Downloading | RecordingState::Partial
    )
}

async fn work(inside: Arc<Inside>) {
    let mut runs = JoinSet::new();
    while !inside.cancel.is_cancelled() {
        if let Err(error) = turn(&inside, &mut runs).await {
            // The library is busy, full or closed: nothing is lost, the next look tries again.
            tracing::warn!(code = error.code().as_str(), "the queue could not go on");
        }
        let next = inside.parts.store.read(jobs::next_at_ms).await.ok().flatten();
        let wait = next.map_or(inside.options.look_every, |at_ms| {
            let ms = at_ms.saturating_sub(inside.parts.clock.now_ms()).max(0);
            // Due, but no run is free: the end of a run wakes us. Or the source is left alone for a while.
            let full = runs.len() >= inside.options.at_once || inside.parts.source.resting_ms() > 0;
            let due = Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(20));
            if full { inside.options.look_every } else { due.min(inside.options.look_every) }
        });
        tokio::select! {
            () = inside.cancel.cancelled() => {}
            () = inside.wake.notified() => {}
            Some(_) = runs.join_next() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    while runs.join_next().await.is_some() {}
}

async fn turn(inside: &Arc<Inside>, runs: &mut JoinSet<()>) -> Result<(), StoreError> {
    let now = inside.now();
    let stuck = inside.parts.store.read(move |conn| ledger::stuck(conn, now)).await?;
    if !stuck.is_empty() {
        let taken = inside.parts.store.write(move |tx, changes| recover::recover(tx, changes, now)).await?;
        for id in taken {
            if let Some(run) = inside.runs().running.remove(&id) {
                run.cancel.cancel();
            }
        }
    }
    // A source that is left alone costs no job a step, however many wait.
    while runs.len() < inside.options.at_once && !inside.cancel.is_cancelled() && inside.parts.source.resting_ms() == 0
    {
        let (now, within) = (inside.now(), Arc::clone(inside));
        let claimed = inside.parts.store.write(move |tx, changes| {
            let Some(id) = ledger::claim(tx, changes, now)? else { return Ok(None) };
            let age_ms = call_age_ms(tx, &id, now.moment.now_ms)?;
            let cancel = within.cancel.child_token();
            let mut runs = within.runs();
            runs.next += 1;
            let number = runs.next;
            runs.running.insert(id.clone(), Run { number, cancel: cancel.clone() });
            runs.files.retain(|_, file| Arc::strong_count(file) > 1);
            let file = Arc::clone(runs.files.entry(id.clone()).or_default());
            Ok(Some((id, age_ms, number, cancel, file)))
        });
        let Some((id, call_age_ms, number, cancel, file)) = claimed.await? else { break };
        let inside = Arc::clone(inside);
        runs.spawn(async move {
            let hold = Arc::new(file.lock_owned().await);
            // A run that is cancelled leaves its future, and with it the file, at the next await.
            let ended = tokio::select! {
                biased;
                () = cancel.cancelled() => Ended::With(Event::Interrupted),
                ended = fetch(&inside, &id, call_age_ms, &hold) => ended,
            };
            finish(&inside, &id, number, ended).await;
        });
    }
    Ok(())
}

/// How old the recording's call is: whether a missing one may still come depends on it.
fn call_age_ms(conn: &Connection, id: &RecordingId, now_ms: i64) -> Result<Option<i64>, StoreError> {
    let call_sid = match recordings::get(conn, id)? {
        Some(row) => Some(row.call_sid),
        None => id.sid().parse::<CallSid>().ok(),
    };
    let Some(call) = call_sid.map(|sid| calls::get(conn, &sid)).transpose()?.flatten() else { return Ok(None) };
    Ok(call.started_at_ms.map(|at_ms| match id.source() {
        Source::Crm => now_ms - at_ms,
        // Twilio makes the sound when the call has ended, and keeps it until somebody deletes it: no age means that it
        // was cleaned up.
        Source::Twilio => (now_ms - at_ms - call.duration_s.unwrap_or(0).saturating_mul(1_000)).min(DAY_MS),
    }))
}

/// Writes how a run ended, unless the run was taken from it meanwhile.
async fn finish(inside: &Arc<Inside>, id: &RecordingId, number: u64, ended: Ended) {
    if let Ended::With(Event::Failed(failure)) = &ended {
        // The one place where a failed run is told: no id, no name, no address.
        tracing::info!(?failure, "a recording could not be fetched");
    }
    let (within, now, of) = (Arc::clone(inside), inside.now(), id.clone());
    let finished = inside.parts.store.write(move |tx, changes| {
        if within.number_of(&of) != Some(number) {
            return Ok(());
        }
        match ended {
            Ended::With(event @ Event::NotYet { .. }) => {
                let event = ledger::not_yet(tx, &of, event)?;
                ledger::step(tx, changes, &of, event, now).map(drop)
            }
            Ended::With(event) => ledger::step(tx, changes, &of, event, now).map(drop),
            Ended::Arrived(arrived, playable) => ledger::arrived(tx, changes, &of, arrived, playable, now).map(drop),
        }
    });
    if let Err(error) = finished.await {
        // The job is still held: it is found stuck, or at the next start.
        tracing::warn!(code = error.code().as_str(), "the end of a run was not written");
    }
    let mut runs = inside.runs();
    if runs.running.get(id).is_some_and(|run| run.number == number) {
        runs.running.remove(id);
    }
}
