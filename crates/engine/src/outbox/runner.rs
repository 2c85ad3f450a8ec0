//! Sends drafts, one at a time.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::clock::Clock;
use aftercall_domain::ids::DraftId;
use aftercall_domain::note::{self, Note};
use aftercall_domain::outbox::{Effect, Event, Failure, FailureKind, Found, Task};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ledger;
use crate::store::table::outbox::DraftRow;
use crate::store::{Store, StoreError, Tag};
use crate::upstream::{Crm, UpstreamError};

/// What the outbox works with.
#[derive(Clone)]
pub struct OutboxParts {
    /// Drafts.
    pub store: Store,
    /// Where they go.
    pub crm: Arc<Crm>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// How it works. The default is what the app uses.
#[derive(Debug, Clone)]
pub struct OutboxOptions {
    /// How often the clocks are looked at when nothing else happens.
    pub look_every: Duration,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self { look_every: Duration::from_secs(30) }
    }
}

/// The running outbox of one library. Cheap to clone. Stop it before the library is closed.
#[derive(Clone)]
pub struct Outbox {
    parts: OutboxParts,
    helped: Arc<Notify>,
    cancel: CancellationToken,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox(..)")
    }
}

impl OutboxParts {
    fn now(&self) -> (i64, f64) {
        (self.clock.now_ms(), rand::random())
    }

    async fn all(&self, event: Event) -> Result<(), StoreError> {
        let now = self.now();
        self.store.write(move |tx, changes| ledger::all(tx, changes, &event, now)).await
    }

    async fn step(&self, id: DraftId, event: Event) -> Result<Option<(DraftRow, Effect)>, StoreError> {
        let now = self.now();
        self.store.write(move |tx, changes| ledger::step(tx, changes, id, event, now)).await
    }
}

impl Outbox {
    /// Takes back what an earlier process held, and starts.
    ///
    /// # Errors
    /// The library's.
    pub async fn start(parts: OutboxParts, options: OutboxOptions) -> Result<Self, StoreError> {
        parts.all(Event::Interrupted).await?;
        let (helped, cancel) = (Arc::new(Notify::new()), CancellationToken::new());
        let task = tokio::spawn(work(parts.clone(), options, Arc::clone(&helped), cancel.clone()));
        Ok(Self { parts, helped, cancel, task: Arc::new(tokio::sync::Mutex::new(Some(task))) })
    }

    /// The network is back, or somebody signed in: what waits is tried now.
    ///
    /// # Errors
    /// The library's.
    pub async fn helped(&self) -> Result<(), StoreError> {
        self.parts.all(Event::Helped).await?;
        self.helped.notify_one();
        Ok(())
    }

    /// Stops, and waits. A draft that is being sent is left in doubt, and looked for when it goes on.
    pub async fn stop(&self) {
        self.cancel.cancel();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await; // a panic was reported where it happened
        }
    }
}

async fn work(parts: OutboxParts, options: OutboxOptions, helped: Arc<Notify>, cancel: CancellationToken) {
    let mut news = parts.store.changes();
    while !cancel.is_cancelled() {
        if let Err(error) = drain(&parts, &cancel).await {
            // The library is busy, full or closed: nothing is lost, the next look tries again.
            tracing::warn!(code = error.code().as_str(), "the outbox could not go on");
        }
        let next_at_ms = parts.store.read(ledger::next_at_ms).await.ok().flatten();
        let wait = next_at_ms.map_or(options.look_every, |at_ms| {
            let ms = at_ms.saturating_sub(parts.clock.now_ms()).max(20);
            Duration::from_millis(ms.unsigned_abs()).min(options.look_every)
        });
        let wait = tokio::time::sleep(wait);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                () = helped.notified() => break,
                () = &mut wait => break,
                changed = news.recv() => match changed {
                    // Something was written, or an account came.
                    Ok(changes) if changes.tags.contains(&Tag::Outbox) || changes.tags.contains(&Tag::Account) => break,
                    Ok(_) => {}
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => break,
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }
}

/// Sends everything that is due, for a program that does not stay. Drafts of a process that is gone are taken back.
///
/// # Errors
/// The library's; what the CRM did not take stays in the outbox.
pub async fn flush(parts: &OutboxParts, cancel: &CancellationToken) -> Result<(), StoreError> {
    parts.all(Event::Interrupted).await?;
    parts.all(Event::Helped).await?;
    drain(parts, cancel).await
}

async fn drain(parts: &OutboxParts, cancel: &CancellationToken) -> Result<(), StoreError> {
    while !cancel.is_cancelled() {
        let now = parts.now();
        let Some((row, effect)) = parts.store.write(move |tx, changes| ledger::claim(tx, changes, now)).await? else {
            return Ok(());
        };
        let id = row.id;
        let done = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                parts.step(id, Event::Interrupted).await?;
                return Ok(());
            }
            done = carry_out(parts, row, effect) => done,
        };
        if let Err(error) = done {
            // Held, and nobody works on it: taken back, or else found at the next start.
            parts.step(id, Event::Interrupted).await?;
            return Err(error);
        }
    }
    Ok(())
}

/// Look, send, write down what came of it, until there is nothing more to do.
async fn carry_out(parts: &OutboxParts, mut row: DraftRow, mut effect: Effect) -> Result<(), StoreError> {
    let mut notes: Vec<Note> = Vec::new();
    loop {
        let event = match effect {
            Effect::Look => match parts.crm.lead_notes(row.lead_id).await {
                Ok(page) => {
                    notes = page.rows;
                    Event::Looked(row.draft.look(&row.text, row.written_at_ms, &notes))
                }
                Err(error) => Event::Failed(failure(&error)),
            },
            Effect::Send => match send(parts, &row).await {
                Ok(note) => {
                    let id = row.id;
                    if note::same_text(&note.content) != row.text {
                        tracing::warn!("the CRM took a note with another text");
                        let now = parts.now();
                        let taken =
                            parts.store.write(move |tx, changes| ledger::taken_differently(tx, changes, id, note, now));
                        return taken.await;
                    }
                    return parts.store.write(move |tx, changes| ledger::done(tx, changes, id, &note)).await;
                }
                Err(error) => Event::Failed(failure(&error)),
            },
            Effect::Done(note) => {
                let id = row.id;
                let Some(note) = notes.into_iter().find(|here| here.id == note) else { return Ok(()) };
                return parts.store.write(move |tx, changes| ledger::done(tx, changes, id, &note)).await;
            }
            Effect::None | Effect::Wake => return Ok(()),
        };
        if let Event::Failed(failure) = &event {
            // The one place where it is told: no lead, no word of the text.
            tracing::info!(code = failure.code.as_str(), may_be_done = failure.may_be_done, "a note was not sent");
        }
        if let Event::Looked(Found::Differs(_)) = &event {
            tracing::info!("a note was changed at the CRM meanwhile");
        }
        match parts.step(row.id, event).await? {
            Some((now, next)) => (row, effect) = (now, next),
            None => return Ok(()),
        }
    }
}

async fn send(parts: &OutboxParts, row: &DraftRow) -> Result<Note, UpstreamError> {
    match row.draft.task {
        Task::Add => parts.crm.add_note(row.lead_id, &row.text).await,
        Task::Replace { note, .. } => parts.crm.replace_note(row.lead_id, note, &row.text).await,
    }
}

fn failure(error: &UpstreamError) -> Failure {
    let passing = FailureKind::Passing { retry_after_ms: error.retry_after_ms() };
    let kind = match error {
        UpstreamError::SessionEnded | UpstreamError::WrongPassword | UpstreamError::BadCredentials => {
            FailureKind::SignIn
        }
        UpstreamError::Forbidden
        | UpstreamError::NoBusiness
        | UpstreamError::InvalidAccount
        | UpstreamError::NeverKept(_)
        | UpstreamError::NotFound
        | UpstreamError::Gone
        | UpstreamError::Refused { .. }
        | UpstreamError::TooLarge
        | UpstreamError::InvalidAddress => FailureKind::Refusal,
        UpstreamError::Offline
        | UpstreamError::TimedOut
        | UpstreamError::Certificate
        | UpstreamError::Unavailable { .. }
        | UpstreamError::NotData
        | UpstreamError::Captive { .. }
        | UpstreamError::ForeignRedirect
        | UpstreamError::KeyMissing
        | UpstreamError::Unverified
        | UpstreamError::Paused { .. }
        | UpstreamError::RateLimited { .. }
        | UpstreamError::NotAudio
        | UpstreamError::Truncated
        | UpstreamError::Changed => passing,
    };
    Failure { code: error.code(), kind, may_be_done: error.may_be_done() }
}
