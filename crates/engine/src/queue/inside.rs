//! What the queue's parts share: its surroundings, and what this process knows of its own runs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use aftercall_domain::backoff::Moment;
use aftercall_domain::error::Code;
use aftercall_domain::ids::{RecordingId, Source};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::arriving::{Arriving, Shared};
use super::handle::{QueueOptions, QueueParts};
use super::ledger::{self, Now};
use crate::chance::Chance;
use crate::store::StoreError;
use crate::store::table::recording_parts::{self, PartRow};
use crate::vault::Intake;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The source was asked and did not say yet whether it is there: it may have to prepare it.
    Asking,
    /// It comes.
    Arriving,
    /// Every byte is here: looked at and made durable. The source has nothing to do with it any more.
    Here,
}

/// One run, told apart from an earlier one of the same recording.
struct Run {
    number: u64,
    cancel: CancellationToken,
    stage: Stage,
}

/// Where the library is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// When is looked who may go.
    Turn,
    /// When jobs are written as begun.
    Claim,
    /// When a run has ended.
    End,
}

/// A run that begins.
pub(super) struct Begun {
    pub number: u64,
    pub cancel: CancellationToken,
    /// To be locked before the recording's file is touched.
    pub file: Arc<tokio::sync::Mutex<()>>,
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
    pub(super) chance: Chance,
    /// What was asked for last was there, and did not have to be prepared.
    ready: AtomicBool,
    pub(super) wake: Notify,
    pub(super) cancel: CancellationToken,
    runs: Mutex<Runs>,
    /// Why the library could not be written when it last should have been.
    trouble: Mutex<[Option<Code>; 3]>,
}

impl Inside {
    pub(super) fn new(parts: QueueParts, options: QueueOptions, chance: Chance) -> Self {
        Self {
            parts,
            options,
            process: rand::random(),
            chance,
            ready: AtomicBool::new(false),
            wake: Notify::new(),
            cancel: CancellationToken::new(),
            runs: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Now {
        let clock = &self.parts.clock;
        let moment = Moment { now_ms: clock.now_ms(), monotonic_ms: clock.monotonic_ms(), process: self.process };
        Now { moment, random: self.chance.draw() }
    }

    /// Whether the library could be written at this place, and if not, why.
    pub(super) fn has_trouble(&self, at: Trouble, code: Option<Code>) {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)[at as usize] = code;
    }

    /// Why the library could not be written, wherever that was.
    pub(super) fn trouble(&self) -> Option<Code> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().next().copied()
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run of this recording begins.
    pub(super) fn begin_run(&self, id: &RecordingId) -> Begun {
        let cancel = self.cancel.child_token();
        let mut runs = self.runs();
        runs.next += 1;
        let number = runs.next;
        runs.running.insert(id.clone(), Run { number, cancel: cancel.clone(), stage: Stage::Asking });
        runs.files.retain(|_, file| Arc::strong_count(file) > 1);
        let file = Arc::clone(runs.files.entry(id.clone()).or_default());
        Begun { number, cancel, file }
    }

    /// The run is over, unless it was taken from its job already.
    pub(super) fn end_run(&self, id: &RecordingId, number: u64) {
        let mut runs = self.runs();
        if runs.running.get(id).is_some_and(|run| run.number == number) {
            runs.running.remove(id);
        }
    }

    /// The number of the run that began last.
    pub(super) fn last_run(&self) -> u64 {
        self.runs().next
    }

    /// Takes these from their runs, which end without a word; not from those that began after the run `last`.
    pub(super) fn stop_runs(&self, ids: &[RecordingId], last: u64) {
        let mut runs = self.runs();
        for id in ids {
            if runs.running.get(id).is_some_and(|run| run.number <= last)
                && let Some(run) = runs.running.remove(id)
            {
                run.cancel.cancel();
            }
        }
    }

    pub(super) fn running(&self) -> Vec<RecordingId> {
        self.runs().running.keys().cloned().collect()
    }

    pub(super) fn number_of(&self, id: &RecordingId) -> Option<u64> {
        self.runs().running.get(id).map(|run| run.number)
    }

    /// How many runs of this source are so far.
    pub(super) fn at(&self, source: Source, stage: Stage) -> usize {
        self.runs().running.iter().filter(|(id, run)| id.source() == source && run.stage == stage).count()
    }

    /// A run has come further, and gives a place back that another may have.
    pub(super) fn reached(&self, id: &RecordingId, stage: Stage) {
        {
            let mut runs = self.runs();
            let Some(run) = runs.running.get_mut(id).filter(|run| run.stage < stage) else { return };
            run.stage = stage;
        }
        if stage == Stage::Arriving {
            self.ready.store(true, Ordering::Relaxed);
        }
        self.wake.notify_one();
    }

    /// What was asked for last has to be prepared.
    pub(super) fn is_preparing(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }

    /// What was asked for last did not have to be.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Writes how much is here.
    pub(super) async fn progress(self: &Arc<Self>, id: &RecordingId, bytes_here: u64, bytes_total: u64) {
        let (inside, number, id) = (Arc::clone(self), self.number_of(id), id.clone());
        let told = self.parts.store.write_shared(move |tx, changes| {
            if inside.number_of(&id) != number || number.is_none() {
                return Ok(()); // cancelled meanwhile: the row says so already
            }
            ledger::progress(tx, changes, &id, bytes_here, bytes_total)
        });
        if let Err(error) = told.await {
            tracing::warn!(code = error.code().as_str(), "progress was not written");
        }
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
        let kept = self.parts.store.write_shared(move |tx, _| {
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
        if let Err(error) = self.parts.store.write_shared(move |tx, _| recording_parts::remove(tx, &id)).await {
            tracing::warn!(code = error.code().as_str(), "a part's key was not destroyed");
        }
    }

    /// Removes the file of a recording that nobody goes on with, when no run has it open any more.
    pub(super) async fn drop_part(&self, id: &RecordingId) -> Result<(), StoreError> {
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
