//! Calls: writing what a source says of them.

use aftercall_domain::call::{Call, Direction, Outcome};
use aftercall_domain::ids::{CallSid, LeadId, Source};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{Checked, leads};
use crate::store::list_key::{self, Listed};
use crate::store::row_hash::{self, Kind, Upserted};
use crate::store::{StoreError, search};

pub use super::call_lists::{
    CallListing, CallView, CallsFilter, LeadTotals, Totals, count, lead_totals, list, listing, totals,
};

/// A parent leg this short is only the line on which the call itself was made.
const PARENT_LEG_MAX_S: i64 = 1;

pub(super) const COLUMNS: &str = "c.call_sid, c.parent_call_sid, c.source, c.lead_id, c.direction, c.from_number,
    c.to_number, c.status, c.duration_s, c.started_at_ms, c.summary, c.transcript, c.has_recording";

/// Reads [`COLUMNS`].
pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Call> {
    Ok(Call {
        sid: row.get::<_, Checked<CallSid>>(0)?.0,
        // An older installation may have kept one that is no sid; then nothing hangs on it.
        parent_sid: row.get::<_, Option<String>>(1)?.and_then(|text| text.parse().ok()),
        source: row.get::<_, String>(2)?.parse().unwrap_or(Source::Crm),
        lead_id: row.get::<_, Option<i64>>(3)?.map(LeadId),
        direction: Direction::from_source(row.get::<_, Option<String>>(4)?.as_deref()),
        from_number: row.get(5)?,
        to_number: row.get(6)?,
        status: row.get(7)?,
        duration_s: row.get(8)?,
        started_at_ms: row.get(9)?,
        summary: row.get(10)?,
        transcript: row.get(11)?,
        has_recording: row.get(12)?,
    })
}

/// One call as the source described it.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, sid: &CallSid) -> Result<Option<Call>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM call_log c WHERE c.call_sid = ?1"))?;
    Ok(statement.query_row([sid.as_str()], from_row).optional()?)
}

/// Writes one call; makes a placeholder for a lead that nobody listed yet. A row that is here just so costs one look
/// at a narrow table.
///
/// # Errors
/// SQLite's.
pub fn upsert(conn: &Connection, call: &Call) -> Result<Upserted, StoreError> {
    let sid = call.sid.as_str();
    let hash = row_hash::of(call)?;
    if row_hash::known(conn, Kind::Call, sid)? == Some(hash) {
        return Ok(Upserted::Unchanged);
    }
    if let Some(lead) = call.lead_id {
        leads::ensure(conn, lead)?;
    }
    let was = get(conn, &call.sid)?;
    let held = place_of(conn, sid)?;
    let key = list_key::place(conn, Listed::Calls, call.started_at_ms, sid, held)?;
    conn.prepare_cached(
        "INSERT INTO call_log (call_sid, parent_call_sid, source, lead_id, direction, from_number, to_number, status,
             duration_s, started_at_ms, summary, transcript, has_recording, outcome, list_key, heard)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
             coalesce((SELECT heard FROM listening WHERE call_sid = ?1), 0))
         ON CONFLICT (call_sid) DO UPDATE SET parent_call_sid = excluded.parent_call_sid, source = excluded.source,
             lead_id = excluded.lead_id, direction = excluded.direction, from_number = excluded.from_number,
             to_number = excluded.to_number, status = excluded.status, duration_s = excluded.duration_s,
             started_at_ms = excluded.started_at_ms, summary = excluded.summary, transcript = excluded.transcript,
             has_recording = excluded.has_recording, outcome = excluded.outcome, list_key = excluded.list_key,
             removed_upstream = 0",
    )?
    .execute(rusqlite::params![
        sid,
        call.parent_sid.as_ref().map(CallSid::as_str),
        call.source.as_str(),
        call.lead_id.map(|id| id.0),
        call.direction.as_str(),
        call.from_number,
        call.to_number,
        call.status,
        call.duration_s,
        call.started_at_ms,
        call.summary,
        call.transcript,
        call.has_recording,
        Outcome::of(call.status.as_deref(), call.duration_s).as_str(),
        key,
    ])?;
    list_legs(conn, call)?;
    index(conn, call, held, key)?;
    row_hash::remember(conn, Kind::Call, sid, hash)?;
    Ok(match was {
        None => Upserted::Added,
        // An older installation wrote it, without a hash.
        Some(was) if was == *call => Upserted::Unchanged,
        Some(_) => Upserted::Changed,
    })
}

fn place_of(conn: &Connection, sid: &str) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT list_key FROM call_log WHERE call_sid = ?1")?;
    Ok(statement.query_row([sid], |row| row.get(0)).optional()?.flatten())
}

/// The source lists an outbound call and the short leg that it was made on: the leg is not shown.
fn list_legs(conn: &Connection, call: &Call) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE call_log SET listed = NOT (coalesce(duration_s, 0) <= ?2 AND EXISTS (
             SELECT 1 FROM call_log child WHERE child.parent_call_sid = call_log.call_sid
             AND child.call_sid <> call_log.call_sid)) WHERE call_sid = ?1",
    )?
    .execute((call.sid.as_str(), PARENT_LEG_MAX_S))?;
    if let Some(parent) = call.parent_sid.as_ref().filter(|parent| **parent != call.sid) {
        conn.prepare_cached("UPDATE call_log SET listed = 0 WHERE call_sid = ?1 AND coalesce(duration_s, 0) <= ?2")?
            .execute((parent.as_str(), PARENT_LEG_MAX_S))?;
    }
    Ok(())
}

fn index(conn: &Connection, call: &Call, was: Option<i64>, now: i64) -> Result<(), StoreError> {
    let lead_name = match call.lead_id {
        Some(lead) => leads::name(conn, lead)?,
        None => None,
    };
    let words = search::document(
        &[lead_name.as_deref(), call.summary.as_deref()],
        &[call.from_number.as_deref(), call.to_number.as_deref()],
    );
    search::put(conn, Listed::Calls, was, now, &words)
}

/// The calls of a lead are found by its new name.
pub(super) fn index_of_lead(conn: &Connection, lead: LeadId) -> Result<(), StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS}, c.list_key FROM call_log c WHERE c.lead_id = ?1"))?;
    let calls = statement.query_map([lead.0], |row| Ok((from_row(row)?, row.get::<_, Option<i64>>(13)?)))?;
    for found in calls.collect::<Result<Vec<_>, _>>()? {
        if let (call, Some(key)) = found {
            index(conn, &call, Some(key), key)?;
        }
    }
    Ok(())
}

/// Gives rows of an older installation what the lists need. Rows that have it are left alone.
pub(crate) fn fill(conn: &Connection) -> Result<(), StoreError> {
    // What is no sid can be asked of no one: such a row is kept, and shown nowhere.
    conn.execute("UPDATE call_log SET listed = 0 WHERE NOT (length(call_sid) BETWEEN 1 AND 64 AND call_sid NOT GLOB '*[^A-Za-z0-9_-]*')", [])?;
    let mut statement =
        conn.prepare(&format!("SELECT {COLUMNS} FROM call_log c WHERE c.list_key IS NULL AND c.listed = 1"))?;
    let calls = statement.query_map([], from_row)?.collect::<Result<Vec<_>, _>>()?;
    for call in calls {
        let sid = call.sid.as_str();
        let key = list_key::place(conn, Listed::Calls, call.started_at_ms, sid, None)?;
        let outcome = Outcome::of(call.status.as_deref(), call.duration_s).as_str();
        conn.prepare_cached("UPDATE call_log SET list_key = ?2, outcome = ?3 WHERE call_sid = ?1")?
            .execute((sid, key, outcome))?;
        list_legs(conn, &call)?;
        index(conn, &call, None, key)?;
    }
    Ok(())
}

/// Keeps the row and says that the source does not list it any more. Returns whether that is new.
///
/// # Errors
/// SQLite's.
pub fn mark_removed(conn: &Connection, sid: &CallSid) -> Result<bool, StoreError> {
    row_hash::forget(conn, Kind::Call, sid.as_str())?;
    let mut statement =
        conn.prepare_cached("UPDATE call_log SET removed_upstream = 1 WHERE call_sid = ?1 AND removed_upstream = 0")?;
    Ok(statement.execute([sid.as_str()])? > 0)
}

/// Sids of the calls that their source listed when last asked.
///
/// # Errors
/// SQLite's.
pub fn present_sids(conn: &Connection) -> Result<Vec<CallSid>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT call_sid FROM call_log WHERE removed_upstream = 0")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter_map(|sid| sid.parse().ok()).collect())
}
