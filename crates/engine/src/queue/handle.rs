//! The queue as the rest of the app sees it: wishes, what becomes of them, start and stop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::breaker::Rest;
use aftercall_domain::clock::Clock;
use aftercall_domain::download::{Effect, Event, Wish};
use aftercall_domain::error::Code;
use aftercall_domain::ids::{RecordingId, Source};
use aftercall_domain::standing::is_settled;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use super::arriving::Arriving;
use super::inside::Inside;
use super::lanes::AtOnce;
use super::{Analyst, QueueError, ledger, recover, runner};
use crate::chance::Chance;
use crate::store::table::recordings::RecordingRow;
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
        let inside = Arc::new(Inside::new(parts, options, chance));
        let now = inside.now();
        let taken_up = inside.parts.store.write(move |tx, changes| {
            recover::recover(tx, changes, now)?;
            ledger::clock_moved(tx, changes, now)
        });
        taken_up.await?;
        let task = tokio::spawn(runner::work(Arc::clone(&inside)));
        Ok(Self { inside, task: Arc::new(tokio::sync::Mutex::new(Some(task))) })
    }

    /// Somebody wants it: also "try again". Returns its row as it is now. A wish for what is here already, or for
    /// what will never be, changes nothing.
    ///
    /// # Errors
    /// [`QueueError::UnknownCall`]; the library's.
    pub async fn want(&self, id: &RecordingId, wish: Wish) -> Result<RecordingRow, QueueError> {
        let rows = self.want_all(std::slice::from_ref(id), wish).await?;
        rows.into_iter().next().ok_or(QueueError::UnknownCall)
    }

    /// [`Queue::want`] of many at once, in this order: all of them, or none where one is unknown.
    ///
    /// # Errors
    /// As [`Queue::want`].
    pub async fn want_all(&self, ids: &[RecordingId], wish: Wish) -> Result<Vec<RecordingRow>, QueueError> {
        let (now, wanted) = (self.inside.now(), ids.to_vec());
        let wanted = self.inside.parts.store.write_shared(move |tx, changes| {
            // An unknown call is no failure of the library, and is found before anything is written.
            for id in &wanted {
                if ledger::recording(tx, id)?.is_none() {
                    return Ok(None);
                }
            }
            let mut steps = Vec::with_capacity(wanted.len());
            for id in &wanted {
                match ledger::want(tx, changes, id, wish, now) {
                    Ok(step) => steps.push(step),
                    Err(QueueError::Store(error)) => return Err(error),
                    Err(QueueError::UnknownCall) => return Ok(None),
                }
            }
            Ok(Some(steps))
        });
        let steps = wanted.await?.ok_or(QueueError::UnknownCall)?;
        for (row, _) in steps.iter().filter(|(_, effect)| *effect == Effect::Wake) {
            if wish == Wish::Person {
                self.inside.parts.source.try_now(row.id.source());
            }
            self.inside.wake.notify_one();
        }
        Ok(steps.into_iter().map(|(row, _)| row).collect())
    }

    /// Why the library could not be written when the queue last tried to go on: no row tells of that.
    pub fn trouble(&self) -> Option<Code> {
        self.inside.trouble()
    }

    /// Nobody wants it any more. Stops its run and drops what was written. Returns its row, where it had one.
    ///
    /// # Errors
    /// The library's.
    pub async fn cancel(&self, id: &RecordingId) -> Result<Option<RecordingRow>, StoreError> {
        let of = id.clone();
        let (inside, now, id) = (Arc::clone(&self.inside), self.inside.now(), id.clone());
        let cancelled = self.inside.parts.store.write_shared(move |tx, changes| {
            let stepped = ledger::step(tx, changes, &id, Event::Cancelled, now)?;
            ledger::settle_part(tx, &id)?;
            if let Some((_, Effect::Abort)) = &stepped {
                inside.stop_runs(std::slice::from_ref(&id), inside.last_run());
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
        let mut open: BTreeSet<RecordingId> = ids.iter().cloned().collect();
        // Of a thousand that are waited for only those are read again that something is told of.
        let mut changed = open.clone();
        loop {
            let settled = self.inside.parts.store.read(move |conn| {
                let mut settled = Vec::new();
                for id in changed {
                    if ledger::recording(conn, &id)?.is_none_or(|row| is_settled(row.state)) {
                        settled.push(id);
                    }
                }
                Ok(settled)
            });
            for id in settled.await? {
                open.remove(&id);
            }
            if open.is_empty() {
                break;
            }
            changed = loop {
                let told = match news.recv().await {
                    Ok(changes) => open.intersection(&changes.recordings).cloned().collect(),
                    Err(RecvError::Lagged(_)) => open.clone(),
                    Err(RecvError::Closed) => return Err(StoreError::Closed),
                };
                if !told.is_empty() {
                    break told;
                }
            };
        }
        let asked = ids.to_vec();
        let rows = self
            .inside
            .parts
            .store
            .read(move |conn| asked.iter().map(|id| ledger::recording(conn, id)).collect::<Result<Vec<_>, _>>());
        Ok(rows.await?.into_iter().flatten().collect())
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
