//! Notes that a person writes. Each is a row of the outbox before anything else happens.

use std::sync::{Arc, Mutex, PoisonError};

use aftercall_domain::ids::{DraftId, LeadId, NoteId};
use aftercall_domain::note::{self, CallPlace};
use aftercall_engine::outbox::{self, Outbox, OutboxError, OutboxOptions, OutboxParts};
use aftercall_engine::store::table::outbox as rows;
use aftercall_engine::store::table::outbox::DraftRow;
use aftercall_engine::store::{ChangeSet, Connection, Store};
use aftercall_engine::sync::{SyncPhase, SyncStatus};
use aftercall_engine::upstream::Crm;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::dto::{NoteAddAsk, NoteAdded, Nothing, OutboxState};
use crate::errors::AppError;
use crate::library::Library;
use crate::start::App;

/// How ids of drafts begin, so that none is taken for the CRM's.
const DRAFT: &str = "draft:";

/// A draft's id as it crosses to the window.
pub(crate) fn draft_id(id: DraftId) -> String {
    format!("{DRAFT}{id}")
}

enum Asked {
    Note(NoteId),
    Draft(DraftId),
}

fn asked(id: &str) -> Result<Asked, AppError> {
    Ok(match id.strip_prefix(DRAFT) {
        Some(id) => Asked::Draft(id.parse()?),
        None => Asked::Note(id.parse()?),
    })
}

/// One transaction over the drafts. What cannot be done is no failure of the library.
async fn write<T: Send + 'static>(
    store: &Store,
    what: impl FnOnce(&Connection, &mut ChangeSet) -> Result<T, OutboxError> + Send + 'static,
) -> Result<T, AppError> {
    let done = store.write(move |tx, changes| match what(tx, changes) {
        Err(OutboxError::Store(error)) => Err(error),
        done => Ok(done),
    });
    Ok(done.await??)
}

/// Keeps a note.
pub(crate) async fn add(app: &App, ask: NoteAddAsk) -> Result<NoteAdded, AppError> {
    let lead: Option<LeadId> = ask.lead_id.as_deref().map(str::parse).transpose()?;
    let place = match ask.call {
        Some(place) => Some(CallPlace { sid: place.sid.parse()?, at_ms: place.at_ms }),
        None => None,
    };
    let now_ms = app.clock().now_ms();
    let written = write(app.store(), move |conn, changes| {
        outbox::add_note(conn, changes, lead, place.as_ref(), &ask.text, now_ms)
    });
    Ok(NoteAdded { id: written.await?.draft.map(draft_id) })
}

/// Another text. A note on a call keeps its heading.
pub(crate) async fn edit(app: &App, id: &str, text: String) -> Result<Nothing, AppError> {
    let (id, now_ms) = (asked(id)?, app.clock().now_ms());
    let done = write(app.store(), move |conn, changes| match id {
        Asked::Note(id) => {
            let former = aftercall_engine::store::table::lead_pages::note(conn, id)?.map(|note| note.content);
            outbox::edit_note(conn, changes, id, &headed_as(former.as_deref(), &text)?, now_ms)
        }
        Asked::Draft(id) => {
            let former = rows::get(conn, id)?.map(|row: DraftRow| row.text);
            outbox::edit_draft(conn, changes, id, &headed_as(former.as_deref(), &text)?, now_ms)
        }
    });
    done.await?;
    Ok(Nothing {})
}

fn headed_as(former: Option<&str>, text: &str) -> Result<String, OutboxError> {
    let text = note::checked(text)?;
    Ok(match former.and_then(note::heading_of) {
        Some((place, _)) => note::headed(&place, &text),
        None => text,
    })
}

fn draft(id: &str) -> Result<DraftId, AppError> {
    match asked(id)? {
        Asked::Draft(id) => Ok(id),
        Asked::Note(_) => Err(AppError::NotFound("note that waits to be sent")),
    }
}

/// Tries it again.
pub(crate) async fn retry(app: &App, id: &str) -> Result<Nothing, AppError> {
    let (id, now_ms) = (draft(id)?, app.clock().now_ms());
    write(app.store(), move |conn, changes| outbox::retry(conn, changes, id, now_ms)).await?;
    Ok(Nothing {})
}

/// Gives it up.
pub(crate) async fn discard(app: &App, id: &str) -> Result<Nothing, AppError> {
    let id = draft(id)?;
    write(app.store(), move |conn, changes| outbox::discard(conn, changes, id)).await?;
    Ok(Nothing {})
}

/// What waits.
pub(crate) async fn state(app: &App) -> Result<OutboxState, AppError> {
    let waiting = app.store().read(rows::waiting).await?;
    Ok(OutboxState {
        waiting: waiting.waiting,
        refused: waiting.refused,
        refused_lead_id: waiting.refused_lead.map(|id| id.to_string()),
    })
}

/// The door to the sending, which runs while somebody is signed in; drafts are durable, it is not.
#[derive(Clone, Default)]
pub(crate) struct Sending {
    running: Arc<Mutex<Option<Outbox>>>,
}

impl Sending {
    fn parts(library: &Library, crm: &Arc<Crm>) -> OutboxParts {
        OutboxParts { store: library.store.clone(), crm: crm.clone(), clock: library.clock.clone() }
    }

    /// Sends to this CRM from now on; a former sending is stopped first.
    pub async fn run(&self, library: &Library, crm: &Arc<Crm>) -> Result<(), AppError> {
        self.stop().await;
        let running = Outbox::start(Self::parts(library, crm), OutboxOptions::default()).await?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        Ok(())
    }

    /// Sends what waits, once, for a program that does not stay.
    pub async fn flush(library: &Library, crm: &Arc<Crm>, stop: &CancellationToken) -> Result<(), AppError> {
        Ok(outbox::flush(&Self::parts(library, crm), stop).await?)
    }

    /// The network is back, or somebody signed in.
    pub async fn helped(&self) -> Result<(), AppError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match running {
            Some(running) => Ok(running.helped().await?),
            None => Ok(()),
        }
    }

    /// Stops; what waits goes on with the next start.
    pub async fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.stop().await;
        }
    }

    /// A sync that succeeded after one that did not says that the CRM can be reached again.
    pub async fn follow(self, mut status: watch::Receiver<SyncStatus>, stop: CancellationToken) {
        let mut was_down = false;
        loop {
            let phase = status.borrow_and_update().phase;
            match phase {
                SyncPhase::Fresh | SyncPhase::ClockWrong if was_down => {
                    was_down = false;
                    if let Err(error) = self.helped().await {
                        tracing::warn!(code = error.code().as_str(), "the outbox was not told of the network");
                    }
                }
                SyncPhase::Never
                | SyncPhase::FirstSync
                | SyncPhase::Syncing
                | SyncPhase::Fresh
                | SyncPhase::ClockWrong => {}
                SyncPhase::Offline
                | SyncPhase::ServerUnavailable
                | SyncPhase::SignInAgain
                | SyncPhase::RateLimited
                | SyncPhase::Forbidden => was_down = true,
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = status.changed() => if changed.is_err() { return },
            }
        }
    }
}
