//! What a person wrote for the CRM and the CRM has not confirmed. Local.

use aftercall_domain::ids::{DraftId, LeadId, NoteId};
use aftercall_domain::outbox::{Draft, Task};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::store::StoreError;

/// One draft with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftRow {
    /// Its id; drafts of one lead are sent in this order.
    pub id: DraftId,
    /// The lead.
    pub lead_id: LeadId,
    /// Its words, as they are sent.
    pub text: String,
    /// Written, UTC.
    pub written_at_ms: i64,
    /// Where it stands.
    pub draft: Draft,
}

/// Whose drafts: nobody sends what another account wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender<'a> {
    /// The CRM's address.
    pub url: &'a str,
    /// E-mail of the account.
    pub email: &'a str,
}

const COLUMNS: &str = "id, lead_id, text, written_at_ms, machine";

fn row_of(row: &Row<'_>) -> rusqlite::Result<DraftRow> {
    let written_at_ms = row.get(3)?;
    let machine: String = row.get(4)?;
    Ok(DraftRow {
        id: DraftId(row.get(0)?),
        lead_id: LeadId(row.get(1)?),
        text: row.get(2)?,
        written_at_ms,
        // What another version wrote and this one cannot read may have been sent: it is looked for first.
        draft: serde_json::from_str(&machine)
            .unwrap_or_else(|_| Draft { in_doubt: true, ..Draft::new(Task::Add, written_at_ms) }),
    })
}

fn note_of(draft: &Draft) -> Option<i64> {
    match &draft.task {
        Task::Add => None,
        Task::Replace { note, .. } => Some(note.0),
    }
}

fn machine_of(draft: &Draft) -> Result<String, StoreError> {
    serde_json::to_string(draft).map_err(|_| StoreError::BadValue("a draft that is not JSON"))
}

/// Keeps a new one. Returns its id.
///
/// # Errors
/// SQLite's.
pub fn add(
    conn: &Connection,
    sender: Sender<'_>,
    lead: LeadId,
    text: &str,
    draft: &Draft,
    now_ms: i64,
) -> Result<DraftId, StoreError> {
    conn.prepare_cached(
        "INSERT INTO outbox (lead_id, note_id, text, url, email, written_at_ms, phase, next_at_ms, machine)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        lead.0,
        note_of(draft),
        text,
        sender.url,
        sender.email,
        now_ms,
        draft.phase.as_str(),
        draft.next_at_ms,
        machine_of(draft)?,
    ))?;
    Ok(DraftId(conn.last_insert_rowid()))
}

/// Where it stands now, and its text.
///
/// # Errors
/// SQLite's.
pub fn put(conn: &Connection, row: &DraftRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE outbox SET note_id = ?2, text = ?3, phase = ?4, next_at_ms = ?5, machine = ?6 WHERE id = ?1",
    )?
    .execute((
        row.id.0,
        note_of(&row.draft),
        &row.text,
        row.draft.phase.as_str(),
        row.draft.next_at_ms,
        machine_of(&row.draft)?,
    ))?;
    Ok(())
}

/// One draft.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, id: DraftId) -> Result<Option<DraftRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1"))?;
    Ok(statement.query_row([id.0], row_of).optional()?)
}

/// All drafts, or one lead's, in the order in which they were written.
///
/// # Errors
/// SQLite's.
pub fn all(conn: &Connection, lead: Option<LeadId>) -> Result<Vec<DraftRow>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE ?1 IS NULL OR lead_id = ?1 ORDER BY id"))?;
    Ok(statement.query_map([lead.map(|lead| lead.0)], row_of)?.collect::<Result<_, _>>()?)
}

/// The draft that is to replace a note's text, if there is one.
///
/// # Errors
/// SQLite's.
pub fn of_note(conn: &Connection, note: NoteId) -> Result<Option<DraftRow>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE note_id = ?1 ORDER BY id LIMIT 1"))?;
    Ok(statement.query_row([note.0], row_of).optional()?)
}

/// The first waiting draft of each of a sender's leads, where no earlier one of that lead is being sent. Another
/// account's wait for that account, and nobody waits for them.
const FIRST: &str = "FROM outbox o WHERE o.url = ?1 AND o.email = ?2 AND o.phase = 'waiting' AND NOT EXISTS (
    SELECT 1 FROM outbox e WHERE e.lead_id = o.lead_id AND e.url = o.url AND e.email = o.email AND e.id < o.id
        AND e.phase IN ('waiting', 'sending'))";

/// The next one whose turn it is: per lead in order, the oldest first.
///
/// # Errors
/// SQLite's.
pub fn due(conn: &Connection, sender: Sender<'_>, now_ms: i64) -> Result<Option<DraftRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} {FIRST} AND o.next_at_ms <= ?3 ORDER BY o.next_at_ms, o.id LIMIT 1"
    ))?;
    Ok(statement.query_row((sender.url, sender.email, now_ms), row_of).optional()?)
}

/// When the next one's turn comes, UTC; null when nothing happens by itself.
///
/// # Errors
/// SQLite's.
pub fn next_at_ms(conn: &Connection, sender: Sender<'_>) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT min(o.next_at_ms) {FIRST}"))?;
    Ok(statement.query_row((sender.url, sender.email), |row| row.get(0))?)
}

/// It is at the CRM, or the person gave it up. Returns whether it was there.
///
/// # Errors
/// SQLite's.
pub fn remove(conn: &Connection, id: DraftId) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([id.0])? > 0)
}

/// How many drafts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Waiting to be sent, or being sent.
    pub waiting: u64,
    /// Waiting for the person.
    pub refused: u64,
    /// The lead of the first that waits for the person.
    pub refused_lead: Option<LeadId>,
}

/// Counts them.
///
/// # Errors
/// SQLite's.
pub fn waiting(conn: &Connection) -> Result<Waiting, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT count(*) FILTER (WHERE phase IN ('waiting', 'sending')),
                count(*) FILTER (WHERE phase NOT IN ('waiting', 'sending')),
                (SELECT lead_id FROM outbox WHERE phase NOT IN ('waiting', 'sending') ORDER BY id LIMIT 1)
         FROM outbox",
    )?;
    Ok(statement.query_row([], |row| {
        Ok(Waiting {
            waiting: row.get::<_, i64>(0)?.unsigned_abs(),
            refused: row.get::<_, i64>(1)?.unsigned_abs(),
            refused_lead: row.get::<_, Option<i64>>(2)?.map(LeadId),
        })
    })?)
}
