//! The lead page: what the library knows of a lead, and what a person wrote that is not at the CRM yet.

use aftercall_domain::ids::LeadId;
use aftercall_domain::lead_detail::{Activity, Reminder};
use aftercall_domain::note::{self, Note};
use aftercall_domain::outbox::Task;
use aftercall_domain::sides::Side;
use aftercall_domain::status::LeadStatus;
use aftercall_engine::store::table::outbox::DraftRow;
use aftercall_engine::store::table::{
    Span, appointments, calls, jobs, lead_pages, lead_statuses, leads, marks, outbox,
};
use aftercall_engine::store::{Connection, Store, StoreError};

use crate::call_page;
use crate::dto::{ActivityView, CallMarkView, CallPlaceView, LeadPage, LeadTalk, NoteView, PendingView, ReminderView};
use crate::errors::AppError;
use crate::marks::view;
use crate::notes::draft_id;
use crate::rows::{Origins, ROWS_MAX, appointment, call, lead, status};

fn pending(row: &DraftRow) -> PendingView {
    let (_, text) = place_of(&row.text);
    PendingView {
        id: draft_id(row.id),
        phase: row.draft.phase,
        reason: row.draft.reason,
        next_try_at_ms: row.draft.next_at_ms,
        text: text.to_owned(),
        theirs: row.draft.theirs.clone(),
    }
}

fn place_of(text: &str) -> (Option<CallPlaceView>, &str) {
    match note::heading_of(text) {
        Some((place, words)) => (Some(CallPlaceView { sid: place.sid.to_string(), at_ms: place.at_ms }), words),
        None => (None, text),
    }
}

fn note_view(note: &Note, drafts: &[DraftRow]) -> NoteView {
    let (call, text) = place_of(&note.content);
    let changes = |row: &&DraftRow| matches!(row.draft.task, Task::Replace { note: of, .. } if of == note.id);
    NoteView {
        id: note.id.to_string(),
        kind: note.kind.clone(),
        text: text.to_owned(),
        at_ms: note.created_at_ms,
        // The CRM stamps both within the same moment when a note is new.
        edited: matches!((note.created_at_ms, note.updated_at_ms), (Some(new), Some(now)) if now - new >= 1_000),
        attachments: note.attachments.clone(),
        call,
        pending: drafts.iter().find(changes).map(pending),
    }
}

fn draft_view(row: &DraftRow) -> NoteView {
    let (call, text) = place_of(&row.text);
    NoteView {
        id: draft_id(row.id),
        kind: "manual".to_owned(),
        text: text.to_owned(),
        at_ms: Some(row.written_at_ms),
        edited: false,
        attachments: Vec::new(),
        call,
        pending: Some(pending(row)),
    }
}

/// What is not sent yet, newest first, then what the CRM has. A change whose note is gone stands for itself.
pub(crate) fn notes(conn: &Connection, lead: LeadId) -> Result<Vec<NoteView>, StoreError> {
    let (here, drafts) = (lead_pages::notes(conn, lead)?, outbox::all(conn, Some(lead))?);
    let stands_alone = |row: &&DraftRow| match row.draft.task {
        Task::Add => true,
        Task::Replace { note, .. } => here.iter().all(|here| here.id != note),
    };
    let mut views: Vec<NoteView> = drafts.iter().rev().filter(stands_alone).map(draft_view).collect();
    views.extend(here.iter().map(|note| note_view(note, &drafts)));
    Ok(views)
}

fn activity(row: &Activity, statuses: &[LeadStatus]) -> ActivityView {
    let is_change = row.kind == "status_change";
    let fact = |name: &str| row.facts.get(name);
    let moved = |name: &str| fact(name).filter(|_| is_change).map(|key| status(key, statuses));
    let (from, to) = (moved("from"), moved("to"));
    // Told already, in the window's own words.
    let told = is_change && (from.is_some() || to.is_some());
    ActivityView {
        id: row.id.to_string(),
        kind: row.kind.clone(),
        at_ms: row.at_ms,
        call_sid: fact("call_sid").cloned(),
        text: if told || row.kind == "call" { String::new() } else { row.text() },
        from,
        to,
    }
}

fn reminder(row: &Reminder) -> ReminderView {
    ReminderView {
        id: row.id.to_string(),
        due_at_ms: row.due_at_ms,
        note: row.note.clone(),
        done_at_ms: row.completed_at_ms,
    }
}

/// Reads it.
pub(crate) async fn read(store: &Store, id: LeadId, origins: Origins) -> Result<LeadPage, AppError> {
    let now_ms = origins.now_ms;
    let page = store.read(move |conn| {
        let Some(found) = leads::get(conn, id)? else { return Ok(None) };
        let filter = calls::CallsFilter { lead: Some(id), ..calls::CallsFilter::default() };
        let totals = calls::lead_totals(conn, id)?;
        let statuses = lead_statuses::all(conn)?;
        let (mut rows, mut talk, mut marks) = (Vec::new(), LeadTalk::default(), Vec::new());
        for listing in &calls::list(conn, &filter, Span::From(0), ROWS_MAX)?.rows {
            rows.push(call(listing, jobs::place(conn, &listing.recording.id)?, &origins));
            let sid = &listing.call.sid;
            let told = |mark| CallMarkView { sid: sid.to_string(), mark: view(mark) };
            marks.extend(marks::of_call(conn, sid)?.into_iter().map(told));
            let spoken = call_page::spoken(conn, &listing.recording, listing.call.direction)?;
            let both = spoken.and_then(|spoken| Some((spoken.ms_of(Side::Agent)?, spoken.ms_of(Side::Customer)?)));
            if let Some((agent_ms, customer_ms)) = both {
                talk.calls += 1;
                talk.agent_ms += agent_ms;
                talk.customer_ms += customer_ms;
            }
        }
        Ok(Some(LeadPage {
            lead: lead(&found, &statuses),
            summary: found.lead.summary.clone(),
            free_text: found.lead.notes.clone(),
            owner_user_id: found.lead.owner_user_id.map(|id| id.to_string()),
            notes: notes(conn, id)?,
            activity: lead_pages::activity(conn, id)?.iter().map(|row| activity(row, &statuses)).collect(),
            reminders: lead_pages::reminders(conn, id)?.iter().map(reminder).collect(),
            read_at_ms: lead_pages::read_at_ms(conn, id)?,
            created_at_ms: found.lead.created_at_ms,
            calls: rows,
            calls_in_all: totals.calls,
            heard: totals.heard,
            talk_s: totals.talk_s,
            talk,
            appointments: appointments::of_lead(conn, id)?.iter().map(appointment).collect(),
            next_appointment: appointments::next_of_lead(conn, id, now_ms)?.as_ref().map(appointment),
            marks,
        }))
    });
    page.await?.ok_or(AppError::NotFound("lead"))
}
