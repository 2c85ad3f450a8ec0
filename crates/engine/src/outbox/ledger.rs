//! Drafts, each step in one transaction.

use aftercall_domain::ids::{DraftId, LeadId, NoteId};
use aftercall_domain::note::{self, CallPlace, Note};
use aftercall_domain::outbox::{Draft, Effect, Event, Phase, Task};
use rusqlite::Connection;

use super::OutboxError;
use crate::store::table::marks::NewMark;
use crate::store::table::outbox::{self, DraftRow, Sender};
use crate::store::table::{account, calls, lead_pages, leads, marks};
use crate::store::{ChangeSet, StoreError, Tag};

/// What became of a text that a person wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The draft that will be sent; null for a note on a call without a lead, which stays on this device.
    pub draft: Option<DraftId>,
    /// The mark in the call, where it is about one.
    pub mark: Option<i64>,
}

fn touch(changes: &mut ChangeSet) {
    changes.touch(Tag::Outbox);
}

/// A note on a lead, or on a call at a second, which then is a note of the call's lead.
///
/// # Errors
/// A text that is none, a lead or call that is not here, nobody to send it as; the library's.
pub fn add_note(
    conn: &Connection,
    changes: &mut ChangeSet,
    lead: Option<LeadId>,
    place: Option<&CallPlace>,
    text: &str,
    now_ms: i64,
) -> Result<Written, OutboxError> {
    let text = note::checked(text)?;
    let lead = match place {
        Some(place) => calls::get(conn, &place.sid)?.ok_or(OutboxError::Unknown)?.lead_id,
        None => Some(lead.ok_or(OutboxError::Unknown)?),
    };
    let mark = match place {
        Some(place) => {
            changes.touch(Tag::Calls);
            changes.touch(Tag::Marks);
            let mark = NewMark { at_ms: place.at_ms.max(0), text: &text, is_note: true };
            Some(marks::add(conn, &place.sid, mark, now_ms)?)
        }
        None => None,
    };
    let Some(lead) = lead else { return Ok(Written { draft: None, mark }) };
    if leads::get(conn, lead)?.is_none() {
        return Err(OutboxError::Unknown);
    }
    let text = place.map_or_else(|| text.clone(), |place| note::headed(place, &text));
    let draft = keep(conn, changes, lead, &text, Task::Add, now_ms)?;
    Ok(Written { draft: Some(draft), mark })
}

fn keep(
    conn: &Connection,
    changes: &mut ChangeSet,
    lead: LeadId,
    text: &str,
    task: Task,
    now_ms: i64,
) -> Result<DraftId, OutboxError> {
    let account = account::get(conn)?.ok_or(OutboxError::NotSignedIn)?;
    let sender = Sender { url: &account.url, email: &account.email };
    touch(changes);
    Ok(outbox::add(conn, sender, lead, text, &Draft::new(task, now_ms), now_ms)?)
}

/// Another text for a note of the CRM. One draft per note: a second change changes the first.
///
/// # Errors
/// As [`add_note`]; [`OutboxError::BeingSent`].
pub fn edit_note(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: NoteId,
    text: &str,
    now_ms: i64,
) -> Result<(), OutboxError> {
    if let Some(row) = outbox::of_note(conn, id)? {
        return edit_draft(conn, changes, row.id, text, now_ms);
    }
    let text = note::checked(text)?;
    let note = lead_pages::note(conn, id)?.ok_or(OutboxError::Unknown)?;
    if note::same_text(&note.content) != text {
        keep(conn, changes, note.lead_id, &text, Task::Replace { note: id, base: note.content }, now_ms)?;
    }
    Ok(())
}

fn waiting(conn: &Connection, id: DraftId) -> Result<DraftRow, OutboxError> {
    let row = outbox::get(conn, id)?.ok_or(OutboxError::Unknown)?;
    if row.draft.phase == Phase::Sending { Err(OutboxError::BeingSent) } else { Ok(row) }
}

/// Another text for what was not sent yet. One that was refused is tried again.
///
/// # Errors
/// As [`edit_note`].
pub fn edit_draft(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: DraftId,
    text: &str,
    now_ms: i64,
) -> Result<(), OutboxError> {
    let text = note::checked(text)?;
    let mut row = waiting(conn, id)?;
    let before = std::mem::replace(&mut row.text, text);
    (row.draft, _) = row.draft.step(Event::Edited(before), now_ms, 0.0);
    outbox::put(conn, &row)?;
    touch(changes);
    Ok(())
}

/// The person wants it tried (again); in a conflict, with the person's text.
///
/// # Errors
/// As [`edit_note`].
pub fn retry(conn: &Connection, changes: &mut ChangeSet, id: DraftId, now_ms: i64) -> Result<(), OutboxError> {
    let mut row = waiting(conn, id)?;
    (row.draft, _) = row.draft.step(Event::Retry, now_ms, 0.0);
    outbox::put(conn, &row)?;
    touch(changes);
    Ok(())
}

/// The person gives it up; in a conflict, the CRM's text stays. A mark in a call stays as well.
///
/// # Errors
/// As [`edit_note`].
pub fn discard(conn: &Connection, changes: &mut ChangeSet, id: DraftId) -> Result<(), OutboxError> {
    let row = waiting(conn, id)?;
    outbox::remove(conn, row.id)?;
    if let (Task::Replace { note, .. }, Some(theirs)) = (&row.draft.task, row.draft.theirs)
        && let Some(known) = lead_pages::note(conn, *note)?
    {
        lead_pages::put_note(conn, &Note { content: theirs, ..known })?;
        changes.touch(Tag::Leads);
    }
    touch(changes);
    Ok(())
}

/// One step of a draft. `None` when the person took it away meanwhile.
pub(super) fn step(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: DraftId,
    event: Event,
    (now_ms, random): (i64, f64),
) -> Result<Option<(DraftRow, Effect)>, StoreError> {
    let Some(mut row) = outbox::get(conn, id)? else { return Ok(None) };
    let (draft, effect) = row.draft.clone().step(event, now_ms, random);
    if draft != row.draft {
        row.draft = draft;
        outbox::put(conn, &row)?;
        touch(changes);
    }
    Ok(Some((row, effect)))
}

/// The CRM has it: the draft goes and the note comes, at once.
pub(super) fn done(conn: &Connection, changes: &mut ChangeSet, id: DraftId, note: &Note) -> Result<(), StoreError> {
    outbox::remove(conn, id)?;
    lead_pages::put_note(conn, note)?;
    changes.touch(Tag::Leads);
    touch(changes);
    Ok(())
}

/// The CRM has the note, with another text than the person's, which stays here until the person decides.
pub(super) fn taken_differently(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: DraftId,
    note: Note,
    now: (i64, f64),
) -> Result<(), StoreError> {
    lead_pages::put_note(conn, &note)?;
    changes.touch(Tag::Leads);
    step(conn, changes, id, Event::TakenDifferently(note.id, note.content), now).map(drop)
}

/// Takes the next one whose turn it is.
pub(super) fn claim(
    conn: &Connection,
    changes: &mut ChangeSet,
    now: (i64, f64),
) -> Result<Option<(DraftRow, Effect)>, StoreError> {
    let Some(account) = account::get(conn)? else { return Ok(None) };
    let sender = Sender { url: &account.url, email: &account.email };
    let Some(row) = outbox::due(conn, sender, now.0)? else { return Ok(None) };
    let known = lead_pages::highest_note(conn, row.lead_id)?;
    step(conn, changes, row.id, Event::Claimed(known), now)
}

/// When the next one's turn comes.
pub(super) fn next_at_ms(conn: &Connection) -> Result<Option<i64>, StoreError> {
    let Some(account) = account::get(conn)? else { return Ok(None) };
    outbox::next_at_ms(conn, Sender { url: &account.url, email: &account.email })
}

/// The same thing happened to all: a process that held some is gone, or the network is back.
pub(super) fn all(
    conn: &Connection,
    changes: &mut ChangeSet,
    event: &Event,
    now: (i64, f64),
) -> Result<(), StoreError> {
    for row in outbox::all(conn, None)? {
        step(conn, changes, row.id, event.clone(), now)?;
    }
    Ok(())
}
