//! Leads.

use aftercall_domain::ids::LeadId;
use aftercall_domain::lead::Lead;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use super::{COUNT_CAP, Count, Page, Span, Way, calls, lead_pages};
use crate::store::list_key::{self, Listed};
use crate::store::row_hash::{self, Kind, Upserted};
use crate::store::{StoreError, search};

/// A lead's name: the whole one, or what its parts give. Of the table `l`.
pub(super) const NAME: &str = "coalesce(nullif(trim(l.full_name), ''),
    nullif(trim(coalesce(l.first_name, '') || ' ' || coalesce(l.last_name, '')), ''))";

const COLUMNS: &str = "l.id, l.full_name, l.first_name, l.last_name, l.phone_e164, l.email, l.status, l.source,
    l.owner_user_id, l.tags, l.summary, l.notes, l.created_at_ms, l.updated_at_ms, l.last_contact_at_ms, l.list_key";

/// Which leads. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadsFilter {
    /// Name, number, e-mail, as typed.
    pub search: String,
    /// Key of the status, whatever its case.
    pub status: Option<String>,
}

/// A lead with what its row shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadListing {
    /// The lead.
    pub lead: Lead,
    /// Its place: the cursor after it.
    pub list_key: i64,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The CRM does not list it any more.
    pub removed_upstream: bool,
    /// Its calls.
    pub calls: u64,
    /// Of these, recorded and not heard.
    pub unheard: u64,
}

fn lead_of(row: &Row<'_>) -> rusqlite::Result<Lead> {
    Ok(Lead {
        id: LeadId(row.get(0)?),
        full_name: row.get(1)?,
        first_name: row.get(2)?,
        last_name: row.get(3)?,
        phone_e164: row.get(4)?,
        email: row.get(5)?,
        status: row.get(6)?,
        source: row.get(7)?,
        owner_user_id: row.get(8)?,
        // Labels of an older installation that are no JSON list are no labels.
        tags: serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or_default(),
        summary: row.get(10)?,
        notes: row.get(11)?,
        created_at_ms: row.get(12)?,
        updated_at_ms: row.get(13)?,
        last_contact_at_ms: row.get(14)?,
    })
}

fn listing_of(row: &Row<'_>) -> rusqlite::Result<LeadListing> {
    Ok(LeadListing {
        lead: lead_of(row)?,
        list_key: row.get::<_, Option<i64>>(15)?.unwrap_or(0),
        name: row.get(16)?,
        removed_upstream: row.get(17)?,
        calls: row.get::<_, i64>(18)?.unsigned_abs(),
        unheard: row.get::<_, i64>(19)?.unsigned_abs(),
    })
}

fn select_listing() -> String {
    format!(
        "SELECT {COLUMNS}, {NAME}, l.removed_upstream,
             (SELECT count(*) FROM call_log c WHERE c.lead_id = l.id AND c.listed = 1),
             (SELECT count(*) FROM call_log c WHERE c.lead_id = l.id AND c.listed = 1
                 AND c.has_recording = 1 AND c.heard = 0)
         FROM leads l"
    )
}

/// Writes one lead. Its calls are found by its new name.
///
/// # Errors
/// SQLite's; `BadValue` for labels that are no JSON.
pub fn upsert(conn: &Connection, lead: &Lead) -> Result<Upserted, StoreError> {
    let id = lead.id.to_string();
    let hash = row_hash::of(lead)?;
    if row_hash::known(conn, Kind::Lead, &id)? == Some(hash) {
        return Ok(Upserted::Unchanged);
    }
    let was = conn
        .prepare_cached(&format!("SELECT {COLUMNS}, l.placeholder FROM leads l WHERE l.id = ?1"))?
        .query_row([lead.id.0], |row| Ok((lead_of(row)?, row.get::<_, Option<i64>>(15)?, row.get::<_, bool>(16)?)))
        .optional()?;
    let held = was.as_ref().and_then(|(_, held, _)| *held);
    let old = found_by(conn, lead.id)?;
    let key = list_key::place(conn, Listed::Leads, lead.last_contact_at_ms, &id, held)?;
    let tags = serde_json::to_string(&lead.tags).map_err(|_| StoreError::BadValue("labels that are not JSON"))?;
    conn.prepare_cached(
        "INSERT INTO leads (id, full_name, first_name, last_name, phone_e164, email, status, source, owner_user_id,
             tags, summary, notes, created_at_ms, updated_at_ms, last_contact_at_ms, list_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (id) DO UPDATE SET full_name = excluded.full_name, first_name = excluded.first_name,
             last_name = excluded.last_name, phone_e164 = excluded.phone_e164, email = excluded.email,
             status = excluded.status, source = excluded.source, owner_user_id = excluded.owner_user_id,
             tags = excluded.tags, summary = excluded.summary, notes = coalesce(excluded.notes, notes),
             created_at_ms = excluded.created_at_ms, updated_at_ms = excluded.updated_at_ms,
             last_contact_at_ms = excluded.last_contact_at_ms, list_key = excluded.list_key,
             removed_upstream = 0, placeholder = 0",
    )?
    .execute(rusqlite::params![
        lead.id.0,
        lead.full_name,
        lead.first_name,
        lead.last_name,
        lead.phone_e164,
        lead.email,
        lead.status,
        lead.source,
        lead.owner_user_id,
        tags,
        lead.summary,
        lead.notes,
        lead.created_at_ms,
        lead.updated_at_ms,
        lead.last_contact_at_ms,
        key,
    ])?;
    let new = found_by(conn, lead.id)?;
    index(conn, lead, new.name.as_deref(), held, key)?;
    if old != new {
        calls::index_of_lead(conn, lead.id, &new)?;
    }
    row_hash::remember(conn, Kind::Lead, &id, hash)?;
    Ok(match was {
        None | Some((_, _, true)) => Upserted::Added,
        // An older installation wrote it, without a hash.
        Some((was, ..)) if was == *lead => Upserted::Unchanged,
        Some(_) => Upserted::Changed,
    })
}

fn index(conn: &Connection, lead: &Lead, name: Option<&str>, was: Option<i64>, now: i64) -> Result<(), StoreError> {
    let notes = lead_pages::notes(conn, lead.id)?;
    let mut texts = vec![lead.email.as_deref(), lead.summary.as_deref(), lead.notes.as_deref()];
    texts.extend(notes.iter().map(|note| Some(note.content.as_str())));
    let words = search::Document::new(&[name], &texts, &[lead.phone_e164.as_deref()]).words();
    search::put(conn, Listed::Leads, was, now, &words)
}

/// The words by which a lead is found have changed, though its row has not.
pub(super) fn index_again(conn: &Connection, id: LeadId) -> Result<(), StoreError> {
    let Some(found) = get(conn, id)? else { return Ok(()) };
    // A placeholder stands in no list.
    if found.list_key == 0 {
        return Ok(());
    }
    index(conn, &found.lead, found.name.as_deref(), Some(found.list_key), found.list_key)
}

/// The free text of the lead's page, which the list of leads does not send. Returns whether it differs.
pub(super) fn set_free_text(conn: &Connection, id: LeadId, text: Option<&str>) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached("UPDATE leads SET notes = ?2 WHERE id = ?1 AND notes IS NOT ?2")?;
    Ok(statement.execute((id.0, text))? > 0)
}

/// A row to point at, for a lead that only calls or appointments mention.
pub(crate) fn ensure(conn: &Connection, id: LeadId) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR IGNORE INTO leads (id, placeholder) VALUES (?1, 1)")?.execute([id.0])?;
    Ok(())
}

/// A lead's name, where it has one.
///
/// # Errors
/// SQLite's.
pub fn name(conn: &Connection, id: LeadId) -> Result<Option<String>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {NAME} FROM leads l WHERE l.id = ?1"))?;
    Ok(statement.query_row([id.0], |row| row.get(0)).optional()?.flatten())
}

/// By what of its lead a call is found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FoundBy {
    pub(super) name: Option<String>,
    pub(super) number: Option<String>,
}

pub(super) fn found_by(conn: &Connection, id: LeadId) -> Result<FoundBy, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {NAME}, l.phone_e164 FROM leads l WHERE l.id = ?1"))?;
    let found = statement.query_row([id.0], |row| Ok(FoundBy { name: row.get(0)?, number: row.get(1)? }));
    Ok(found.optional()?.unwrap_or_default())
}

/// Leads of an older installation that are in memory at once.
const FILL_ROWS: u32 = 256;

/// Gives rows of an older installation what the lists need. Rows that have it are left alone.
pub(crate) fn fill(conn: &Connection) -> Result<(), StoreError> {
    let is_index_new = search::is_empty(conn, Listed::Leads)?;
    let mut statement = conn.prepare(&format!(
        "SELECT {COLUMNS}, {NAME} FROM leads l WHERE l.list_key IS NULL AND l.placeholder = 0 AND l.id > ?1
         ORDER BY l.id LIMIT {FILL_ROWS}"
    ))?;
    let mut last = i64::MIN;
    loop {
        let found = statement.query_map([last], |row| Ok((lead_of(row)?, row.get::<_, Option<String>>(16)?)))?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let Some((lead, _)) = found.last() else { break };
        last = lead.id.0;
        for (lead, name) in found {
            let key = list_key::place(conn, Listed::Leads, lead.last_contact_at_ms, &lead.id.to_string(), None)?;
            conn.prepare_cached("UPDATE leads SET list_key = ?2 WHERE id = ?1")?.execute((lead.id.0, key))?;
            if !is_index_new {
                index(conn, &lead, name.as_deref(), None, key)?;
            }
        }
    }
    if is_index_new {
        index_all(conn)?;
    }
    Ok(())
}

fn index_all(conn: &Connection) -> Result<(), StoreError> {
    let mut statement = conn.prepare(&format!(
        "SELECT {COLUMNS}, {NAME} FROM leads l WHERE l.list_key IS NOT NULL AND l.placeholder = 0 ORDER BY l.list_key"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        index(conn, &lead_of(row)?, row.get::<_, Option<String>>(16)?.as_deref(), None, row.get(15)?)?;
    }
    Ok(())
}

/// Keeps the row and says that the CRM does not list it any more. Returns whether that is new.
///
/// # Errors
/// SQLite's.
pub fn mark_removed(conn: &Connection, id: LeadId) -> Result<bool, StoreError> {
    row_hash::forget(conn, Kind::Lead, &id.to_string())?;
    let mut statement =
        conn.prepare_cached("UPDATE leads SET removed_upstream = 1 WHERE id = ?1 AND removed_upstream = 0")?;
    Ok(statement.execute([id.0])? > 0)
}

/// Ids of the leads that the CRM listed when last asked.
///
/// # Errors
/// SQLite's.
pub fn present_ids(conn: &Connection) -> Result<Vec<LeadId>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT id FROM leads WHERE removed_upstream = 0 AND placeholder = 0 ORDER BY id")?;
    Ok(statement.query_map([], |row| row.get(0).map(LeadId))?.collect::<Result<_, _>>()?)
}

/// One lead, placeholders included.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, id: LeadId) -> Result<Option<LeadListing>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("{} WHERE l.id = ?1", select_listing()))?;
    Ok(statement.query_row([id.0], listing_of).optional()?)
}

/// How many leads the library has.
///
/// # Errors
/// SQLite's.
pub fn total(conn: &Connection) -> Result<u64, StoreError> {
    let mut statement = conn.prepare_cached("SELECT count(*) FROM leads WHERE placeholder = 0")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

fn matching(conn: &Connection, filter: &LeadsFilter) -> Result<(String, &'static str, Vec<Value>), StoreError> {
    let mut values = Vec::new();
    let (mut from, key) = match search::expression(conn, Listed::Leads, &filter.search)? {
        Some(words) => {
            values.push(Value::Text(words));
            let from = "FROM lead_search s CROSS JOIN leads l ON l.list_key = s.rowid
                        WHERE s.lead_search MATCH ? AND l.placeholder = 0";
            (from.to_owned(), "s.rowid")
        }
        None => ("FROM leads l WHERE l.list_key IS NOT NULL AND l.placeholder = 0".to_owned(), "l.list_key"),
    };
    if let Some(status) = &filter.status {
        from.push_str(" AND l.status = ? COLLATE NOCASE");
        values.push(Value::Text(status.clone()));
    }
    Ok((from, key, values))
}

/// How many leads match.
///
/// # Errors
/// SQLite's.
pub fn count(conn: &Connection, filter: &LeadsFilter) -> Result<Count, StoreError> {
    let (from, _, values) = matching(conn, filter)?;
    let sql = format!("SELECT count(*) FROM (SELECT 1 {from} LIMIT {})", COUNT_CAP + 1);
    let counted: i64 = conn.prepare_cached(&sql)?.query_row(params_from_iter(&values), |row| row.get(0))?;
    Ok(Count::of(counted.unsigned_abs()))
}

/// Leads that match, by last contact, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn list(conn: &Connection, filter: &LeadsFilter, span: Span, limit: u32) -> Result<Page<LeadListing>, StoreError> {
    let (from, key, mut values) = matching(conn, filter)?;
    let keys = span.keys(&from, key, Way::Down, "?", limit, &mut values);
    let sql = format!("{} WHERE l.list_key IN ({keys}) ORDER BY l.list_key DESC", select_listing());
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), listing_of)?.collect::<Result<Vec<_>, _>>()?;
    let is_full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| is_full).map(|row| row.list_key);
    Ok(Page { next, rows })
}
