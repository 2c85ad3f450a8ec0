//! Wishes for recordings. The queue behind them runs while somebody is signed in; a wish is durable, the queue is not.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::ids::{RecordingId, Source};
use aftercall_engine::queue::{
    Analysed, Analyst, Arriving, NotAnalysed, Queue, QueueOptions, QueueParts, Sound, repair,
};
use aftercall_engine::store::table::recordings;
use aftercall_engine::upstream::Sources;
use aftercall_player::analyse;

use crate::errors::AppError;
use crate::library::Library;
use crate::rows::Origins;

/// The door to the queue.
#[derive(Clone, Default)]
pub(crate) struct Downloads {
    queue: Arc<Mutex<Option<Queue>>>,
    /// What was repaired since the start: a disk that damages a file twice is no reason to fetch it for ever.
    repaired: Arc<Mutex<HashSet<RecordingId>>>,
}

impl Downloads {
    /// Runs the queue against these sources from now on; a former queue is stopped first.
    pub async fn run(&self, library: &Library, sources: Sources) -> Result<(), AppError> {
        self.stop().await;
        let parts = QueueParts {
            store: library.store.clone(),
            vault: library.vault.clone(),
            source: Arc::new(sources),
            analyst: Arc::new(Ear),
            clock: library.clock.clone(),
        };
        let queue = Queue::start(parts, QueueOptions::default()).await?;
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some(queue);
        Ok(())
    }

    /// A person wants it: it goes first, also after a failure.
    pub async fn want(&self, id: &RecordingId) -> Result<(), AppError> {
        self.queue()?.want(id, Wish::Person).await?;
        Ok(())
    }

    /// A person wants all of these.
    pub async fn want_all(&self, ids: &[RecordingId]) -> Result<(), AppError> {
        self.queue()?.want_all(ids, Wish::Person).await?;
        Ok(())
    }

    /// A person keeps it on this device, and does not wait for it.
    pub async fn want_pinned(&self, id: &RecordingId) -> Result<(), AppError> {
        self.queue()?.want(id, Wish::Pin).await?;
        Ok(())
    }

    /// A rule of the app wants it, behind everybody else.
    pub async fn want_by_rule(&self, id: &RecordingId) -> Result<(), AppError> {
        self.queue()?.want(id, Wish::Background).await?;
        Ok(())
    }

    /// Nobody wants it any more.
    pub async fn cancel(&self, id: &RecordingId) -> Result<(), AppError> {
        self.queue()?.cancel(id).await?;
        Ok(())
    }

    /// What is here of a recording that is arriving, to be listened to.
    pub fn arriving(&self, id: &RecordingId) -> Option<Arriving> {
        self.queue().ok()?.arriving(id)
    }

    /// Somebody signed in: what waited for that goes on by itself. Without a queue it goes on when one starts to run
    /// and a person wishes for it again.
    pub async fn signed_in(&self) -> Result<(), AppError> {
        match self.queue() {
            Ok(queue) => Ok(queue.helped().await?),
            Err(_) => Ok(()),
        }
    }

    /// A stored file does not verify: its row says `damaged`, and it is asked for again, once. It stays until the new
    /// one is whole. Returns whether that is on its way.
    pub async fn repair(&self, library: &Library, id: &RecordingId) -> Result<bool, AppError> {
        // Asked first, because judging a file reads all of it: a page that asks again and again must not cost that.
        let is_repaired = self.repaired.lock().unwrap_or_else(PoisonError::into_inner).contains(id);
        if is_repaired || !is_lost(library, id).await? {
            return Ok(false);
        }
        if !self.repaired.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
            return Ok(false);
        }
        tracing::warn!("a stored recording does not verify and is fetched again");
        repair::mark_damaged(&library.store, &library.clock, id).await?;
        self.want(id).await?;
        Ok(true)
    }

    /// What stopped for want of room goes on where there is room now. Without a queue it goes on with the next one.
    pub async fn resume_where_room(&self) -> Result<(), AppError> {
        if let Ok(queue) = self.queue() {
            queue.resume_where_room().await?;
        }
        Ok(())
    }

    /// Stops what runs; its job stays and goes on with the next start.
    pub async fn stop(&self) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(queue) = queue {
            queue.stop().await;
        }
    }

    /// Which sources are being left alone, as far as wishes are being worked on.
    pub fn origins(&self, now_ms: i64) -> Origins {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let resting = |source| queue.as_ref().and_then(|queue| queue.resting(source));
        Origins { crm: resting(Source::Crm), twilio: resting(Source::Twilio), now_ms }
    }

    /// Whether wishes are being worked on.
    pub fn is_running(&self) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Why the library could not be written when wishes were last worked on. Nothing goes on while it is so.
    pub fn trouble(&self) -> Option<Code> {
        self.queue().ok().and_then(|queue| queue.trouble())
    }

    fn queue(&self) -> Result<Queue, AppError> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(AppError::NotSignedIn)
    }
}

/// Only a file that was read and does not verify, or that is not there, is given up: a read that failed in passing must
/// not cost what may be the only copy.
async fn is_lost(library: &Library, id: &RecordingId) -> Result<bool, AppError> {
    let asked = id.clone();
    let Some(file) = library.store.read(move |conn| recordings::file(conn, &asked)).await? else { return Ok(false) };
    let (vault, id) = (library.vault.clone(), id.clone());
    let judged = tokio::task::spawn_blocking(move || repair::judge(&vault, &id, &file));
    Ok(judged.await.map_err(|_| AppError::Panicked)? == repair::Judged::Damaged)
}

/// Hears a recording once, when it arrives. The engine does not know the player: this is where they meet.
struct Ear;

impl Analyst for Ear {
    fn analyse(&self, sound: Box<dyn Sound>) -> Result<Analysed, NotAnalysed> {
        let heard = analyse(Box::new(sound)).map_err(|error| {
            tracing::warn!(code = error.code().as_str(), "a recording could not be analysed");
            if error.code() == Code::UnsupportedAudio { NotAnalysed::NotPlayed } else { NotAnalysed::NotDecoded }
        })?;
        Ok(Analysed {
            peaks: heard.peaks.to_bytes(),
            turns: serde_json::to_string(&heard.turns).map_err(|_| NotAnalysed::NotDecoded)?,
            damaged_packets: u32::try_from(heard.damaged_packets).unwrap_or(u32::MAX),
        })
    }
}
