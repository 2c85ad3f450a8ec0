//! What is listened to next, and what was before.

use aftercall_domain::ids::RecordingId;
use aftercall_engine::store::Tag;
use aftercall_engine::store::table::listening_queue;

use super::Deck;
use super::dto::{PlayerState, QueueAddAsk, QueueMoveAsk, QueueView};
use crate::errors::AppError;
use crate::rows;

/// More than anybody listens to in a week.
const QUEUE_MAX: usize = 1_000;

impl Deck {
    /// What waits, in order. A call that is gone from the library is passed over.
    pub async fn queue(&self) -> Result<QueueView, AppError> {
        let store = &self.0.library.store;
        let mut calls = Vec::new();
        for id in store.read(listening_queue::all).await? {
            match rows::call_of_recording(store, &id, self.origins()).await {
                Ok((_, row)) => calls.push(row),
                Err(AppError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(QueueView { calls })
    }

    /// Adds recordings, at the end or before all that wait. One that waits already is moved.
    pub async fn queue_add(&self, ask: QueueAddAsk) -> Result<QueueView, AppError> {
        let mut ids = Vec::with_capacity(ask.ids.len().min(QUEUE_MAX));
        for id in &ask.ids {
            let id: RecordingId = id.parse()?;
            rows::call_of_recording(&self.0.library.store, &id, self.origins()).await?;
            ids.push(id);
        }
        self.arrange(move |waiting| {
            waiting.retain(|id| !ids.contains(id));
            let at = if ask.first { 0 } else { waiting.len() };
            waiting.splice(at..at, ids);
        })
        .await
    }

    /// Takes one out.
    pub async fn queue_remove(&self, id: RecordingId) -> Result<QueueView, AppError> {
        self.arrange(move |waiting| waiting.retain(|other| *other != id)).await
    }

    /// Moves one to a place, 0 being the first.
    pub async fn queue_move(&self, ask: QueueMoveAsk) -> Result<QueueView, AppError> {
        let id: RecordingId = ask.id.parse()?;
        self.arrange(move |waiting| {
            if let Some(from) = waiting.iter().position(|other| *other == id) {
                let id = waiting.remove(from);
                waiting.insert((ask.to as usize).min(waiting.len()), id);
            }
        })
        .await
    }

    /// Nothing waits any more.
    pub async fn queue_clear(&self) -> Result<QueueView, AppError> {
        self.arrange(Vec::clear).await
    }

    /// Plays the first that waits.
    pub async fn next(&self) -> Result<PlayerState, AppError> {
        let taken = self.rearrange(|waiting| if waiting.is_empty() { None } else { Some(waiting.remove(0)) });
        let id = taken.await?.ok_or(AppError::NotFound("call that waits"))?;
        self.load(id, true).await
    }

    /// Plays the one that was listened to before this one, which waits from now on before all others.
    pub async fn previous(&self) -> Result<PlayerState, AppError> {
        let (before, this) = {
            let mut chosen = self.0.chosen.lock().await;
            (chosen.before.pop().ok_or(AppError::NotFound("call before"))?, chosen.id.clone())
        };
        if let Some(this) = this {
            self.rearrange(move |waiting| {
                waiting.retain(|id| *id != this);
                waiting.insert(0, this);
            })
            .await?;
        }
        self.load_as(before, true, false).await
    }

    /// A call was listened to the end.
    pub(super) async fn go_on(&self) {
        match self.next().await {
            Ok(_) | Err(AppError::NotFound(_)) => {}
            Err(error) => tracing::warn!(code = error.code().as_str(), "the next call did not start"),
        }
    }

    async fn arrange(&self, how: impl FnOnce(&mut Vec<RecordingId>) + Send + 'static) -> Result<QueueView, AppError> {
        self.rearrange(how).await?;
        self.queue().await
    }

    async fn rearrange<T: Send + 'static>(
        &self,
        how: impl FnOnce(&mut Vec<RecordingId>) -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let written = self.0.library.store.write(move |tx, changes| {
            let mut waiting = listening_queue::all(tx)?;
            let before = waiting.clone();
            let done = how(&mut waiting);
            if waiting.len() > QUEUE_MAX {
                return Ok((Err(AppError::InvalidInput("the queue is full")), before.len()));
            }
            if waiting != before {
                listening_queue::set(tx, &waiting)?;
                changes.touch(Tag::Queue);
            }
            Ok((Ok(done), waiting.len()))
        });
        let (done, count) = written.await?;
        let mut chosen = self.0.chosen.lock().await;
        chosen.queued = u32::try_from(count).unwrap_or(u32::MAX);
        self.show(&mut chosen);
        done
    }
}
