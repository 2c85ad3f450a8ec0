//! What a lead's page shows beyond its row: notes, activity, reminders, and when they were last read. Mirrored: each
//! page is replaced whole.

use aftercall_domain::ids::{LeadId, NoteId};
use aftercall_domain::lead_detail::{Activity, LeadDetail, Reminder};
use aftercall_domain::note::Note;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{json, leads};
use crate::store::StoreError;

fn note_of(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        id: NoteId(row.get(0)?),
        lead_id: LeadId(row.get(1)?),
        kind: row.get(2)?,
        content: row.get(3)?,
        call_id: row.get(4)?,
        attachments: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
        created_at_ms: row.get(6)?,
        updated_at_ms: row.get(7)?,
    })
}

const NOTE: &str = "id, lead_id, kind, content, call_id, attachments, created_at_ms, updated_at_ms";

/// A lead's notes, newest first.
///
/// # Errors
/// SQLite's.
pub fn notes(conn: &Connection, lead: LeadId) -> Result<Vec<Note>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {NOTE} FROM lead_notes WHERE lead_id = ?1 ORDER BY created_at_ms DESC NULLS LAST, id DESC"
    ))?;
    Ok(statement.query_map([lead.0], note_of)?.collect::<Result<_, _>>()?)
}

/// One note.
///
/// # Errors
/// SQLite's.
pub fn note(conn: &Connection, id: NoteId) -> Result<Option<Note>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {NOTE} FROM lead_notes WHERE id = ?1"))?;
    Ok(statement.query_row([id.0], note_of).optional()?)
}

/// The highest id among a lead's notes, 0 for none; null while they were never read.
///
/// # Errors
/// SQLite's.
pub fn highest_note(conn: &Connection, lead: LeadId) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT (SELECT coalesce(max(id), 0) FROM lead_notes WHERE lead_id = ?1) FROM lead_reads WHERE lead_id = ?1",
    )?;
    Ok(statement.query_row([lead.0], |row| row.get(0)).optional()?)
}

/// A lead's activity, newest first.
///
/// # Errors
/// SQLite's.
pub fn activity(conn: &Connection, lead: LeadId) -> Result<Vec<Activity>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, kind, at_ms, facts FROM lead_activity WHERE lead_id = ?1
         ORDER BY at_ms DESC NULLS LAST, id DESC",
    )?;
    let rows = statement.query_map([lead.0], |row| {
        let facts = serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default();
        Ok(Activity { id: row.get(0)?, kind: row.get(1)?, at_ms: row.get(2)?, facts })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A lead's reminders, the earliest first.
///
/// # Errors
/// SQLite's.
pub fn reminders(conn: &Connection, lead: LeadId) -> Result<Vec<Reminder>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, due_at_ms, note, channel, delivered_at_ms, completed_at_ms FROM lead_reminders
         WHERE lead_id = ?1 ORDER BY due_at_ms, id",
    )?;
    let rows = statement.query_map([lead.0], |row| {
        Ok(Reminder {
            id: row.get(0)?,
            due_at_ms: row.get(1)?,
            note: row.get(2)?,
            channel: row.get(3)?,
            delivered_at_ms: row.get(4)?,
            completed_at_ms: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When a lead's page was last read, UTC; null for never.
///
/// # Errors
/// SQLite's.
pub fn read_at_ms(conn: &Connection, lead: LeadId) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT read_at_ms FROM lead_reads WHERE lead_id = ?1")?;
    Ok(statement.query_row([lead.0], |row| row.get(0)).optional()?)
}

/// Leads that the CRM lists and whose page was never read, or was read of another state of them; those with the last
/// contact first.
///
/// # Errors
/// SQLite's.
pub fn unread(conn: &Connection, limit: u32) -> Result<Vec<LeadId>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT l.id FROM leads l LEFT JOIN lead_reads r ON r.lead_id = l.id
         WHERE l.placeholder = 0 AND l.removed_upstream = 0
           AND (r.lead_id IS NULL OR r.lead_updated_at_ms IS NOT l.updated_at_ms)
         ORDER BY l.list_key DESC LIMIT ?1",
    )?;
    Ok(statement.query_map([limit], |row| row.get(0).map(LeadId))?.collect::<Result<_, _>>()?)
}

/// The page of that state of the lead was read, or is not to be had: it is not asked for again until the lead changes.
///
/// # Errors
/// SQLite's.
pub fn mark_read(
    conn: &Connection,
    lead: LeadId,
    read_at_ms: i64,
    lead_updated_at_ms: Option<i64>,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO lead_reads (lead_id, read_at_ms, lead_updated_at_ms) VALUES (?1, ?2, ?3)",
    )?
    .execute((lead.0, read_at_ms, lead_updated_at_ms))?;
    Ok(())
}

/// Puts one note there, or a new text for it. The lead is found by its words.
///
/// # Errors
/// SQLite's.
pub fn put_note(conn: &Connection, note: &Note) -> Result<(), StoreError> {
    write_note(conn, note)?;
    leads::index_again(conn, note.lead_id)
}

fn write_note(conn: &Connection, note: &Note) -> Result<(), StoreError> {
    conn.prepare_cached(&format!(
        "INSERT OR REPLACE INTO lead_notes ({NOTE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    ))?
    .execute((
        note.id.0,
        note.lead_id.0,
        &note.kind,
        &note.content,
        &note.call_id,
        json(&note.attachments)?,
        note.created_at_ms,
        note.updated_at_ms,
    ))?;
    Ok(())
}

/// Puts a lead's page in the place of the one that was here. Returns whether it differs.
///
/// # Errors
/// SQLite's.
pub fn replace(conn: &Connection, lead: LeadId, detail: &LeadDetail, notes_now: &[Note]) -> Result<bool, StoreError> {
    let mut sorted = notes_now.to_vec();
    sorted.sort_by_key(|note| std::cmp::Reverse((note.created_at_ms, note.id)));
    sorted.dedup_by_key(|note| note.id);
    let notes_differ = notes(conn, lead)? != sorted;
    if notes_differ {
        conn.prepare_cached("DELETE FROM lead_notes WHERE lead_id = ?1")?.execute([lead.0])?;
        for note in &sorted {
            write_note(conn, note)?;
        }
    }
    let text_differs = leads::set_free_text(conn, lead, detail.notes.as_deref())?;
    let rest_differs =
        replace_activity(conn, lead, &detail.activity)? | replace_reminders(conn, lead, &detail.reminders)?;
    if notes_differ || text_differs {
        leads::index_again(conn, lead)?;
    }
    Ok(notes_differ || text_differs || rest_differs)
}

fn replace_activity(conn: &Connection, lead: LeadId, now: &[Activity]) -> Result<bool, StoreError> {
    let mut sorted = now.to_vec();
    sorted.sort_by_key(|row| std::cmp::Reverse((row.at_ms, row.id)));
    if activity(conn, lead)? == sorted {
        return Ok(false);
    }
    conn.prepare_cached("DELETE FROM lead_activity WHERE lead_id = ?1")?.execute([lead.0])?;
    let mut statement = conn.prepare_cached(
        "INSERT OR REPLACE INTO lead_activity (lead_id, id, kind, at_ms, facts) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for row in now {
        statement.execute((lead.0, row.id, &row.kind, row.at_ms, json(&row.facts)?))?;
    }
    Ok(true)
}

fn replace_reminders(conn: &Connection, lead: LeadId, now: &[Reminder]) -> Result<bool, StoreError> {
    let mut sorted = now.to_vec();
    sorted.sort_by_key(|row| (row.due_at_ms, row.id));
    if reminders(conn, lead)? == sorted {
        return Ok(false);
    }
    conn.prepare_cached("DELETE FROM lead_reminders WHERE lead_id = ?1")?.execute([lead.0])?;
    let mut statement = conn.prepare_cached(
        "INSERT OR REPLACE INTO lead_reminders
             (lead_id, id, due_at_ms, note, channel, delivered_at_ms, completed_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for row in now {
        statement.execute((
            lead.0,
            row.id,
            row.due_at_ms,
            &row.note,
            &row.channel,
            row.delivered_at_ms,
            row.completed_at_ms,
        ))?;
    }
    Ok(true)
}
