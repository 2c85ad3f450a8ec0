//! Gives jobs their turn: a person's wish first, then pins, then rules, a few of each source at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use aftercall_domain::backoff::{DAY_MS, Moment};
use aftercall_domain::breaker::Rest;
use aftercall_domain::clock::{Clock, Clocks, Went};
use aftercall_domain::download::{Effect, Event, Interruption, Wish};
use aftercall_domain::error::Code;
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use aftercall_domain::standing::is_settled;
use rusqlite::Connection;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::arriving::{Arriving, Shared};
use super::fetch::{Ended, fetch};
use super::lanes::{AtOnce, Lane, Watch};
use super::ledger::{self, Now};
use super::{Analyst, QueueError, recover};
use crate::chance::Chance;
use crate::store::table::jobs::Turn;
use crate::store::table::recording_parts::{self, PartRow};
use crate::store::table::recordings::{self, RecordingRow};
use crate::store::table::{calls, jobs};
use crate::store::{Store, StoreError, Tag};
use crate::upstream::RecordingSource;
use crate::vault::{Intake, Vault};

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
    /// Runs at once, for each source.
    pub at_once: AtOnce,
    /// Bytes asked for at a time: a longer answer would hold the CRM's thread.
    pub piece_bytes: u64,
    /// How often the clocks are looked at and stuck runs are looked for, when nothing else happens.
    pub look_every: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { at_once: AtOnce::default(), piece_bytes: 1024 * 1024, look_every: Duration::from_secs(5) }
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
    /// What can be listened to while it arrives.
    arriving: HashMap<RecordingId, Weak<Shared>>,
}

pub(super) struct Inside {
    pub(super) parts: QueueParts,
    pub(super) options: QueueOptions,
    process: u64,
    chance: Chance,
    /// What was asked for last was there, and did not have to be prepared.
    ready: AtomicBool,
    pub(super) wake: Notify,
    cancel: CancellationToken,
    runs: Mutex<Runs>,
    /// Why the library could not be written at the last turn.
    trouble: Mutex<Option<Code>>,
}

/// The download queue of one library. Cheap to clone. Stop it before the library is closed.
#[derive(Clone)]
pub struct Queue {
    pub(super) inside: Arc<Inside>,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue(..)")
    }
}

impl Inside {
    pub(super) fn now(&self) -> Now {
        let clock = &self.parts.clock;
        let moment = Moment { now_ms: clock.now_ms(), monotonic_ms: clock.monotonic_ms(), process: self.process };
        Now { moment, random: self.chance.draw() }
    }

    /// Takes these from their runs, which end without a word.
    fn stop_runs(&self, ids: &[RecordingId]) {
        let mut runs = self.runs();
        for id in ids {
            if let Some(run) = runs.running.remove(id) {
                run.cancel.cancel();
            }
        }
    }

    fn running(&self, source: Source) -> usize {
        self.runs().running.keys().filter(|id| id.source() == source).count()
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn progress(self: &Arc<Self>, id: &RecordingId, bytes_here: u64, bytes_total: u64) {
        let (inside, number, id) = (Arc::clone(self), self.number_of(id), id.clone());
        let told = self.parts.store.write(move |tx, changes| {
            if inside.number_of(&id) != number || number.is_none() {
                return Ok(false); // cancelled meanwhile: the row says so already
            }
            ledger::progress(tx, changes, &id, bytes_here, bytes_total)
        });
        match told.await {
            // Its place at the source is free for another.
            Ok(true) => {
                self.ready.store(true, Ordering::Relaxed);
                self.wake.notify_one();
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(code = error.code().as_str(), "progress was not written"),
        }
    }

    fn number_of(&self, id: &RecordingId) -> Option<u64> {
        self.runs().running.get(id).map(|run| run.number)
    }

    /// A file begins to arrive, or goes on to.
    pub(super) fn arrives(&self, id: &RecordingId, intake: Intake) -> Arriving {
        let arriving = Arriving::new(intake);
        let mut runs = self.runs();
        runs.arriving.retain(|_, one| one.strong_count() > 0);
        runs.arriving.insert(id.clone(), Arc::downgrade(&arriving.0));
        arriving
    }

    /// What arrives of a recording, or has arrived and is still read.
    pub(super) fn arriving(&self, id: &RecordingId) -> Option<Arriving> {
        self.runs().arriving.get(id).and_then(Weak::upgrade).map(Arriving)
    }

    /// Nothing more comes into the file of which a part is here.
    pub(super) fn give_up(&self, id: &RecordingId) {
        if let Some(arriving) = self.arriving(id) {
            arriving.give_up();
        }
        self.runs().arriving.remove(id);
    }

    /// Keeps what a later run needs to go on.
    pub(super) async fn keep_part(self: &Arc<Self>, id: &RecordingId, part: PartRow) {
        let (inside, number, id) = (Arc::clone(self), self.number_of(id), id.clone());
        let kept = self.parts.store.write(move |tx, _| {
            if inside.number_of(&id) != number || number.is_none() {
                return Ok(()); // cancelled meanwhile: nobody goes on
            }
            recording_parts::put(tx, &id, &part)
        });
        if let Err(error) = kept.await {
            tracing::warn!(code = error.code().as_str(), "a part's key was not kept");
        }
    }

    pub(super) async fn forget_part(&self, id: &RecordingId) {
        let id = id.clone();
        if let Err(error) = self.parts.store.write(move |tx, _| recording_parts::remove(tx, &id)).await {
            tracing::warn!(code = error.code().as_str(), "a part's key was not destroyed");
        }
    }

    /// Removes the file of a recording that nobody goes on with, when no run has it open any more.
    async fn drop_part(&self, id: &RecordingId) -> Result<(), StoreError> {
        self.give_up(id);
        let file = Arc::clone(self.runs().files.entry(id.clone()).or_default());
        let _hold = file.lock_owned().await;
        let of = id.clone();
        let is_wanted = self.parts.store.read(move |conn| {
            // A wish that came meanwhile has begun anew, or will.
            Ok(recording_parts::get(conn, &of)?.is_some() || ledger::is_running(conn, &of)?)
        });
        if is_wanted.await? {
            return Ok(());
        }
        let (vault, id) = (Arc::clone(&self.parts.vault), id.clone());
        let removed = tokio::task::spawn_blocking(move || vault.remove_unfinished(&id)).await;
        if let Ok(Err(error)) = removed {
            // The sweep at the next start tries again.
            tracing::debug!(code = error.code().as_str(), "an unfinished file was not removed");
        }
        Ok(())
    }
}

impl Queue {
    /// Takes back what an earlier process held, and starts.
    ///
    /// # Errors
    /// The library's.
    pub async fn start(parts: QueueParts, options: QueueOptions) -> Result<Self, StoreError> {
        Self::start_with(parts, options, Chance::default()).await
    }

    pub(super) async fn start_with(
        parts: QueueParts,
        options: QueueOptions,
        chance: Chance,
    ) -> Result<Self, StoreError> {
        let inside = Arc::new(Inside {
            parts,
            options,
            process: rand::random(),
            chance,
            ready: AtomicBool::new(false),
            wake: Notify::new(),
            cancel: CancellationToken::new(),
            runs: Mutex::default(),
            trouble: Mutex::default(),
        });
        let now = inside.now();
        let taken_up = inside.parts.store.write(move |tx, changes| {
            recover::recover(tx, changes, now)?;
            ledger::clock_moved(tx, changes, now)
        });
        taken_up.await?;
        let task = tokio::spawn(work(Arc::clone(&inside)));
        Ok(Self { inside, task: Arc::new(tokio::sync::Mutex::new(Some(task))) })
    }

    /// Somebody wants it: also "try again". Returns its row as it is now. A wish for what is here already, or for
    /// what will never be, changes nothing.
    ///
    /// # Errors
    /// [`QueueError::UnknownCall`]; the library's.
    pub async fn want(&self, id: &RecordingId, wish: Wish) -> Result<RecordingRow, QueueError> {
        let source = id.source();
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
            if wish == Wish::Person {
                self.inside.parts.source.try_now(source);
            }
            self.inside.wake.notify_one();
        }
        Ok(row)
    }

    /// Why the library could not be written when the queue last tried to go on: no row tells of that.
    pub fn trouble(&self) -> Option<Code> {
        *self.inside.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody wants it any more. Stops its run and drops what was written. Returns its row, where it had one.
    ///
    /// # Errors
    /// The library's.
    pub async fn cancel(&self, id: &RecordingId) -> Result<Option<RecordingRow>, StoreError> {
        let of = id.clone();
        let (inside, now, id) = (Arc::clone(&self.inside), self.inside.now(), id.clone());
        let cancelled = self.inside.parts.store.write(move |tx, changes| {
            let stepped = ledger::step(tx, changes, &id, Event::Cancelled, now)?;
            ledger::settle_part(tx, &id)?;
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
        self.inside.drop_part(&of).await?;
        Ok(row)
    }

    /// Whether and how long this source is being left alone: what waits for it says so.
    pub fn resting(&self, source: Source) -> Option<Rest> {
        self.inside.parts.source.resting(source)
    }

    /// What is here of a recording that is arriving, to be listened to; also one that has just arrived, while somebody
    /// still listens to it.
    pub fn arriving(&self, id: &RecordingId) -> Option<Arriving> {
        self.inside.arriving(id)
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

    /// Ends as a process does that is killed: nothing is written any more.
    #[cfg(test)]
    pub(super) async fn crash(&self) {
        if let Some(task) = self.task.lock().await.take() {
            task.abort();
            let _ = task.await; // it was aborted
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

async fn work(inside: Arc<Inside>) {
    let mut runs = JoinSet::new();
    let mut lanes = Lane::all(inside.options.at_once);
    let mut watch = Watch::new(Clocks::of(&*inside.parts.clock));
    while !inside.cancel.is_cancelled() {
        let turned = turn(&inside, &mut watch, &mut lanes, &mut runs).await;
        *inside.trouble.lock().unwrap_or_else(PoisonError::into_inner) = turned.as_ref().err().map(StoreError::code);
        let wait = match turned {
            Ok(wait) => wait,
            Err(error) => {
                // The library is busy, full or closed: nothing is lost, the next look tries again.
                tracing::warn!(code = error.code().as_str(), "the queue could not go on");
                inside.options.look_every
            }
        };
        tokio::select! {
            () = inside.cancel.cancelled() => {}
            () = inside.wake.notified() => {}
            Some(_) = runs.join_next() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    while runs.join_next().await.is_some() {}
}

/// One look at everything: the clocks, runs that stand still, and each source's lane. Returns when the next is due.
async fn turn(
    inside: &Arc<Inside>,
    watch: &mut Watch,
    lanes: &mut [Lane],
    runs: &mut JoinSet<()>,
) -> Result<Duration, StoreError> {
    let clocks = Clocks::of(&*inside.parts.clock);
    let went = watch.look(clocks);
    if went == Some(Went::Ahead) {
        lanes.iter_mut().for_each(|lane| lane.spread(clocks, inside.chance.draw()));
    }
    if let Some(went) = went {
        moved(inside, went).await?;
    }
    let now = inside.now();
    let stuck = inside.parts.store.read(move |conn| ledger::stuck(conn, now)).await?;
    if !stuck.is_empty() {
        let taken = inside.parts.store.write(move |tx, changes| recover::recover(tx, changes, now)).await?;
        inside.stop_runs(&taken);
    }
    let mut wait = inside.options.look_every;
    for lane in lanes {
        wait = wait.min(fill(inside, lane, runs).await?);
    }
    Ok(wait)
}

/// The computer slept, or a clock was set.
async fn moved(inside: &Arc<Inside>, went: Went) -> Result<(), StoreError> {
    let (now, slept) = (inside.now(), went == Went::Ahead);
    let running: Vec<RecordingId> = inside.runs().running.keys().filter(|_| slept).cloned().collect();
    let stopped = running.clone();
    let settled = inside.parts.store.write(move |tx, changes| {
        ledger::suspended(tx, changes, &stopped, now)?;
        ledger::clock_moved(tx, changes, now)
    });
    settled.await?;
    inside.stop_runs(&running);
    tracing::info!(?went, cause = if slept { "suspended" } else { "clock" }, "the clocks moved");
    Ok(())
}

/// Gives as many of the lane's jobs their turn as may have one. Returns when to look again.
async fn fill(inside: &Arc<Inside>, lane: &mut Lane, runs: &mut JoinSet<()>) -> Result<Duration, StoreError> {
    let source = lane.source;
    let clocks = Clocks::of(&*inside.parts.clock);
    let resting = inside.parts.source.resting(source);
    if lane.rests(resting.is_some(), clocks, inside.chance.draw()) {
        // What is shown of all that waits for this source is another thing now; no row changed.
        let told = inside.parts.store.write(|_, changes| {
            changes.touch(Tag::Recordings);
            Ok(())
        });
        told.await?;
    }
    if let Some(rest) = resting {
        // However many wait, it costs no job a step.
        return Ok(after_ms(rest.wait_ms));
    }
    loop {
        let taken = inside.parts.store.read(move |conn| jobs::places_taken(conn, source)).await?;
        let turn = lane.turn(taken, inside.ready.load(Ordering::Relaxed), Clocks::of(&*inside.parts.clock));
        let is_free = inside.running(source) < lane.at_once && !inside.cancel.is_cancelled();
        if !is_free || inside.parts.source.resting(source).is_some() || !start_next(inside, turn, runs).await? {
            let quiet_ms = Some(lane.quiet_ms(clocks)).filter(|ms| *ms > 0);
            // While no run is free the end of one wakes us.
            let next_at_ms =
                if is_free { inside.parts.store.read(move |conn| jobs::next_at_ms(conn, turn)).await? } else { None };
            let due_ms = next_at_ms.map(|at_ms| at_ms.saturating_sub(inside.parts.clock.now_ms()));
            let next = [due_ms, quiet_ms].into_iter().flatten().min().map(after_ms);
            return Ok(next.unwrap_or(inside.options.look_every));
        }
    }
}

/// In so many milliseconds, but not at once: whatever made it due and not startable may need a moment.
fn after_ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(20))
}

/// Starts the run of the next job that may go. Returns whether there was one.
async fn start_next(inside: &Arc<Inside>, turn: Turn, runs: &mut JoinSet<()>) -> Result<bool, StoreError> {
    let (now, within) = (inside.now(), Arc::clone(inside));
    let claimed = inside.parts.store.write(move |tx, changes| {
        let Some(id) = ledger::claim(tx, changes, turn, now)? else { return Ok(None) };
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
    let Some((id, call_age_ms, number, cancel, file)) = claimed.await? else { return Ok(false) };
    let inside = Arc::clone(inside);
    runs.spawn(async move {
        let hold = Arc::new(file.lock_owned().await);
        // A run that is cancelled leaves its future, and with it the file, at the next await.
        let ended = tokio::select! {
            biased;
            () = cancel.cancelled() => Ended::With(Event::Interrupted(Interruption::Stopped)),
            ended = fetch(&inside, &id, call_age_ms, &hold) => ended,
        };
        drop(hold);
        finish(&inside, &id, number, ended).await;
    });
    Ok(true)
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
    if let Ended::With(Event::NotYet { .. }) = &ended {
        inside.ready.store(false, Ordering::Relaxed);
    }
    let (within, now, of) = (Arc::clone(inside), inside.now(), id.clone());
    let finished = inside.parts.store.write(move |tx, changes| {
        if within.number_of(&of) != Some(number) {
            return Ok(true);
        }
        let event = match ended {
            Ended::With(event @ Event::NotYet { .. }) => ledger::not_yet(tx, &of, event)?,
            Ended::With(event) => event,
            Ended::Arrived(arrived, playable) => {
                ledger::arrived(tx, changes, &of, arrived, playable, now)?;
                return Ok(true);
            }
        };
        ledger::step(tx, changes, &of, event, now)?;
        ledger::settle_part(tx, &of)
    });
    let goes_on = finished.await.unwrap_or_else(|error| {
        // The job is still held: it is found stuck, or at the next start.
        tracing::warn!(code = error.code().as_str(), "the end of a run was not written");
        true
    });
    {
        let mut runs = inside.runs();
        if runs.running.get(id).is_some_and(|run| run.number == number) {
            runs.running.remove(id);
        }
    }
    if !goes_on && let Err(error) = inside.drop_part(id).await {
        tracing::debug!(code = error.code().as_str(), "an unfinished file was not removed");
    }
}
