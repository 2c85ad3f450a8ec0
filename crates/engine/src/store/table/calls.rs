//! Calls: writing what a source says of them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use aftercall_domain::call::{Call, Direction, Outcome};
use aftercall_domain::ids::{CallSid, LeadId, Source};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row};

use super::call_load::{self, Load, NewRow, Waiting};
use super::leads::FoundBy;
use super::{Checked, call_reads, call_rows, leads, listening, word};
use crate::store::list_key::{self, Listed};
use crate::store::search::{self, Document, Gathered};
use crate::store::{StoreError, Upserted};

pub(in crate::store) use super::call_lists::place_after;
pub use super::call_lists::{
    CallListing, CallView, CallsFilter, LeadTotals, Totals, count, lead_totals, list, listing, totals,
};

/// A parent leg this short is only the line on which the call itself was made.
const PARENT_LEG_MAX_S: i64 = 1;

macro_rules! columns {
    (transcript: $transcript:literal) => {
        concat!(
            "c.call_sid, c.parent_call_sid, c.source, c.lead_id, c.direction, c.from_number, c.to_number, c.status, ",
            "c.duration_s, c.started_at_ms, c.summary, ",
            $transcript,
            ", c.has_recording"
        )
    };
}

pub(super) const COLUMNS: &str = columns!(transcript: "c.transcript");
/// The same for a row of a list: a transcript is most of a row, and no list shows it.
pub(super) const LISTED_COLUMNS: &str = columns!(transcript: "NULL");

/// Reads [`COLUMNS`] or [`LISTED_COLUMNS`].
pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Call> {
    Ok(Call {
        sid: row.get::<_, Checked<CallSid>>(0)?.0,
        // An older installation may have kept one that is no sid; then nothing hangs on it.
        parent_sid: word(row, 1)?.and_then(|text| text.parse().ok()),
        source: word(row, 2)?.and_then(|text| text.parse().ok()).unwrap_or(Source::Crm),
        lead_id: row.get::<_, Option<i64>>(3)?.map(LeadId),
        direction: Direction::from_source(word(row, 4)?),
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

/// Writes one call; makes a placeholder for a lead that nobody listed yet. A row that is here just so is not written.
///
/// # Errors
/// SQLite's.
pub fn upsert(conn: &Connection, call: &Call) -> Result<Upserted, StoreError> {
    Ok(Writing::new(conn)?.put(call, None)?.0)
}

/// A call as its source's list gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedCall {
    /// The call.
    pub call: Call,
    /// [`hash_of_raw`](crate::store::hash_of_raw) of its row.
    pub hash: i64,
}

/// Writes calls of a source's list, and says of each what came of it and its place. Where one is there twice, the last
/// one counts, and is told of alone.
///
/// # Errors
/// SQLite's.
pub fn upsert_listed<'c>(conn: &'c Connection, rows: &'c [ListedCall]) -> Result<Vec<(Upserted, i64)>, StoreError> {
    keep_pages(conn, if rows.len() >= LOAD_ROWS { LOAD_CACHE_KIB } else { CACHE_KIB })?;
    let mut seen = HashSet::with_capacity(rows.len());
    let mut rows: Vec<&ListedCall> = rows.iter().rev().filter(|row| seen.insert(&row.call.sid)).collect();
    // The search index makes a segment of its own for each row that goes below the one before.
    rows.sort_by_cached_key(|row| Reverse(list_key::first_wish(row.call.started_at_ms, row.call.sid.as_str())));
    let mut writing = Writing::new(conn)?;
    writing.parents = rows.iter().filter_map(|row| row.call.parent_sid.clone()).collect();
    writing.together = seen;
    writing.left = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    if rows.len() >= LOAD_ROWS {
        writing.load = Some(Load::new(conn)?);
    }
    let mut written = Vec::with_capacity(rows.len());
    for (turn, row) in rows.into_iter().enumerate() {
        if let Some(list_key) = writing.wait(row, turn)? {
            written.push((Upserted::Added, list_key));
            if writing.load.as_ref().is_some_and(Load::is_due) {
                writing.write_waiting(&mut written)?;
            }
        } else {
            writing.write_waiting(&mut written)?;
            written.push(writing.put(&row.call, Some(row.hash))?);
        }
        writing.left -= 1;
    }
    writing.write_waiting(&mut written)?;
    if let Some(load) = writing.load {
        load.words.write(conn)?;
        call_reads::remember_all(conn, &load.reads)?;
    }
    Ok(written)
}

/// From so many calls on writing them is a load.
pub const LOAD_ROWS: usize = 2_000;
/// Pages that the writer keeps, KiB. During a load every page of the index of sids is written again and again, which a
/// million calls fill with 60 MB; between loads it is memory that nobody needs.
const CACHE_KIB: i64 = 32 << 10;
const LOAD_CACHE_KIB: i64 = 112 << 10;

fn keep_pages(conn: &Connection, kib: i64) -> Result<(), StoreError> {
    Ok(conn.pragma_update(None, "cache_size", -kib)?)
}

/// One step of what a load leaves to do; returns whether there is another one.
///
/// # Errors
/// SQLite's.
pub fn settle_load(conn: &Connection) -> Result<bool, StoreError> {
    let more = search::join_segments(conn)?;
    if !more {
        keep_pages(conn, CACHE_KIB)?;
    }
    Ok(more)
}

/// What writing many calls in one transaction needs again and again.
struct Writing<'c> {
    conn: &'c Connection,
    /// The sids of these calls, and those of the legs that they belong to.
    together: HashSet<&'c CallSid>,
    parents: HashSet<CallSid>,
    find: CachedStatement<'c>,
    /// Leads that were looked at; their rows are there.
    leads: HashMap<LeadId, FoundBy>,
    /// Nobody listened to anything yet.
    nothing_heard: bool,
    /// The row of the call that was written before.
    before: Option<i64>,
    /// Calls that are still to be written, this one too.
    left: i64,
    load: Option<Load<'c>>,
}

/// A row as it is here.
struct Here {
    row: i64,
    call: Call,
    list_key: Option<i64>,
    removed_upstream: bool,
}

impl<'c> Writing<'c> {
    fn new(conn: &'c Connection) -> Result<Self, StoreError> {
        let nothing_heard = conn.query_row("SELECT NOT EXISTS (SELECT 1 FROM listening)", [], |row| row.get(0))?;
        Ok(Self {
            conn,
            together: HashSet::new(),
            parents: HashSet::new(),
            find: conn.prepare_cached(&format!(
                "SELECT {COLUMNS}, c.list_key, c.removed_upstream, c.rowid FROM call_log c WHERE c.call_sid = ?1"
            ))?,
            leads: HashMap::new(),
            nothing_heard,
            before: None,
            left: 1,
            load: None,
        })
    }

    /// Takes a call of many, where it is older than all, to be written with others; returns its place. `None`: nothing
    /// was done.
    fn wait(&mut self, row: &'c ListedCall, turn: usize) -> Result<Option<i64>, StoreError> {
        let call = &row.call;
        let Some(list_key) = self.load.as_mut().and_then(|load| load.place(call)) else { return Ok(None) };
        self.ensure_lead(call)?;
        let listed = !self.is_short_leg(call)?;
        let heard = self.is_heard(call)?;
        self.hide_parent(call)?;
        if let Some(load) = &mut self.load {
            load.wait(row, list_key, listed, heard, turn);
        }
        Ok(Some(list_key))
    }

    /// Writes those that wait; `written` is what came of each call so far.
    fn write_waiting(&mut self, written: &mut [(Upserted, i64)]) -> Result<(), StoreError> {
        let Some(load) = &mut self.load else { return Ok(()) };
        let waiting = std::mem::take(&mut load.waiting);
        let all_are_new = call_load::insert(self.conn, &waiting)? == waiting.len();
        for Waiting { new, hash, turn } in waiting {
            if !all_are_new && !is_at(self.conn, new.call, new.row)? {
                written[turn] = self.put(new.call, Some(hash))?;
                continue;
            }
            let Some(load) = &mut self.load else { continue };
            load.reads.push((new.list_key, hash));
            if new.listed {
                load.words.add(new.row, &document(new.call, found_by(&self.leads, new.call)));
                if load.words.is_full() {
                    std::mem::replace(&mut load.words, Gathered::new()).write(self.conn)?;
                }
            }
        }
        Ok(())
    }

    /// Writes one call; `hash` where its source's list gave it. Returns its place as well.
    fn put(&mut self, call: &Call, hash: Option<i64>) -> Result<(Upserted, i64), StoreError> {
        let conn = self.conn;
        let sid = call.sid.as_str();
        let here = self
            .find
            .query_row([sid], |row| {
                let (call, list_key, removed_upstream) = (from_row(row)?, row.get(13)?, row.get(14)?);
                Ok(Here { row: row.get(15)?, call, list_key, removed_upstream })
            })
            .optional()?;
        let held = here.as_ref().and_then(|here| here.list_key);
        let stands = here.as_ref().is_some_and(|here| here.call == *call && !here.removed_upstream);
        let (upserted, list_key) = match (held, here) {
            (Some(list_key), Some(_)) if stands => (Upserted::Unchanged, list_key),
            (_, here) => {
                let list_key = list_key::place(conn, Listed::Calls, call.started_at_ms, sid, held)?;
                self.ensure_lead(call)?;
                let listed = !self.is_short_leg(call)?;
                let was = here.as_ref().map(|here| here.row);
                let row = match was {
                    Some(row) if held == Some(list_key) => row,
                    _ => call_rows::row_at(conn, list_key, self.left, self.before)?,
                };
                if here.is_some() {
                    self.update(call, list_key, listed, row)?;
                } else {
                    let new = NewRow { call, list_key, listed, heard: self.is_heard(call)?, row };
                    if call_load::insert(conn, &[new])? == 0 {
                        return Err(StoreError::BadValue("a call's place that is not free"));
                    }
                }
                self.before = Some(row);
                self.hide_parent(call)?;
                if let Some(was) = held.filter(|was| *was != list_key) {
                    call_reads::rename(conn, was, list_key)?;
                }
                if listed {
                    index(conn, call, found_by(&self.leads, call), was, row)?;
                } else {
                    search::put(conn, Listed::Calls, was, row, "")?;
                }
                (if here.is_none() { Upserted::Added } else { Upserted::Changed }, list_key)
            }
        };
        match hash {
            Some(hash) => call_reads::remember(conn, list_key, hash)?,
            None if upserted == Upserted::Changed => call_reads::doubt(conn, list_key)?,
            None => {}
        }
        Ok((upserted, list_key))
    }

    fn ensure_lead(&mut self, call: &Call) -> Result<(), StoreError> {
        if let Some(lead) = call.lead_id
            && !self.leads.contains_key(&lead)
        {
            leads::ensure(self.conn, lead)?;
            self.leads.insert(lead, leads::found_by(self.conn, lead)?);
        }
        Ok(())
    }

    fn is_heard(&self, call: &Call) -> Result<bool, StoreError> {
        Ok(!self.nothing_heard && listening::get(self.conn, &call.sid)?.heard)
    }

    fn update(&mut self, call: &Call, list_key: i64, listed: bool, row: i64) -> Result<(), StoreError> {
        let conn = self.conn;
        conn.prepare_cached(
            "UPDATE call_log SET parent_call_sid = ?2, source = ?3, lead_id = ?4, direction = ?5, from_number = ?6,
                 to_number = ?7, status = ?8, duration_s = ?9, started_at_ms = ?10, summary = ?11, transcript = ?12,
                 has_recording = ?13, outcome = ?14, list_key = ?15, listed = ?16, removed_upstream = 0,
                 rowid = ?17
             WHERE call_sid = ?1",
        )?
        .execute(rusqlite::params![
            call.sid.as_str(),
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
            list_key,
            listed,
            row,
        ])?;
        Ok(())
    }

    /// The source lists an outbound call and the short leg that it was made on: the leg is not shown.
    fn is_short_leg(&self, call: &Call) -> Result<bool, StoreError> {
        let child_is_here = self.parents.contains(&call.sid) && call.parent_sid.as_ref() != Some(&call.sid);
        Ok(is_short(call) && (child_is_here || has_child(self.conn, call)?))
    }

    /// Legs that are written together with this call know that they are legs.
    fn hide_parent(&self, call: &Call) -> Result<(), StoreError> {
        match &call.parent_sid {
            Some(parent) if !self.together.contains(parent) => hide_parent(self.conn, call),
            _ => Ok(()),
        }
    }
}

/// The row is this call's.
fn is_at(conn: &Connection, call: &Call, row: i64) -> Result<bool, StoreError> {
    let mut at = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM call_log WHERE rowid = ?1 AND call_sid = ?2)")?;
    Ok(at.query_row((row, call.sid.as_str()), |row| row.get(0))?)
}

fn is_short(call: &Call) -> bool {
    call.duration_s.unwrap_or(0) <= PARENT_LEG_MAX_S
}

fn has_child(conn: &Connection, call: &Call) -> Result<bool, StoreError> {
    let mut children =
        conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM call_log WHERE parent_call_sid = ?1 AND call_sid <> ?1)")?;
    Ok(children.query_row([call.sid.as_str()], |row| row.get(0))?)
}

/// The short leg that this call was made on is not shown from now on, and not found.
fn hide_parent(conn: &Connection, call: &Call) -> Result<(), StoreError> {
    let Some(parent) = call.parent_sid.as_ref().filter(|parent| **parent != call.sid) else { return Ok(()) };
    let hidden = conn
        .prepare_cached(
            "UPDATE call_log SET listed = 0 WHERE call_sid = ?1 AND coalesce(duration_s, 0) <= ?2 AND listed = 1
             RETURNING rowid",
        )?
        .query_row((parent.as_str(), PARENT_LEG_MAX_S), |row| row.get(0))
        .optional()?;
    match hidden {
        Some(row) => search::put(conn, Listed::Calls, Some(row), row, ""),
        None => Ok(()),
    }
}

fn document<'a>(call: &'a Call, lead: &'a FoundBy) -> Document<'a> {
    let missed = Outcome::of(call.status.as_deref(), call.duration_s) == Outcome::Missed;
    let marks = [
        missed.then_some(search::MISSED),
        call.has_recording.then_some(search::RECORDED),
        search::mark_of(call.direction),
    ];
    let (from, to) = (call.from_number.as_deref(), call.to_number.as_deref());
    // Mostly it is one of the two.
    let of_lead = lead.number.as_deref().filter(|number| Some(*number) != from && Some(*number) != to);
    Document::new(&[lead.name.as_deref()], &[call.summary.as_deref(), call.transcript.as_deref()], &[from, to, of_lead])
        .marked(marks.into_iter().flatten())
}

fn found_by<'a>(leads: &'a HashMap<LeadId, FoundBy>, call: &Call) -> &'a FoundBy {
    static NOBODY: FoundBy = FoundBy { name: None, number: None };
    call.lead_id.and_then(|lead| leads.get(&lead)).unwrap_or(&NOBODY)
}

fn index(conn: &Connection, call: &Call, lead: &FoundBy, was: Option<i64>, now: i64) -> Result<(), StoreError> {
    search::put(conn, Listed::Calls, was, now, &document(call, lead).words())
}

/// The calls of a lead are found by its new name and number. A hidden leg is found by no search.
pub(super) fn index_of_lead(conn: &Connection, lead: LeadId, found_by: &FoundBy) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, c.rowid FROM call_log c WHERE c.lead_id = ?1 AND c.listed = 1 ORDER BY c.list_key DESC"
    ))?;
    let calls = statement.query_map([lead.0], |row| Ok((from_row(row)?, row.get::<_, i64>(13)?)))?;
    for (call, row) in calls.collect::<Result<Vec<_>, _>>()? {
        index(conn, &call, found_by, Some(row), row)?;
    }
    Ok(())
}

fn lead_of(conn: &Connection, call: &Call) -> Result<FoundBy, StoreError> {
    Ok(call.lead_id.map(|lead| leads::found_by(conn, lead)).transpose()?.unwrap_or_default())
}

fn index_all(conn: &Connection) -> Result<(), StoreError> {
    call_rows::sort(conn)?;
    let mut statement = conn.prepare(&format!(
        "SELECT {COLUMNS}, c.rowid FROM call_log c WHERE c.list_key IS NOT NULL AND c.listed = 1
         ORDER BY c.list_key DESC"
    ))?;
    let mut rows = statement.query([])?;
    let mut words = Gathered::new();
    while let Some(row) = rows.next()? {
        let (call, row) = (from_row(row)?, row.get(13)?);
        words.add(row, &document(&call, &lead_of(conn, &call)?));
        if words.is_full() {
            std::mem::replace(&mut words, Gathered::new()).write(conn)?;
        }
    }
    words.write(conn)
}

/// Calls of an older installation that are in memory at once.
const FILL_ROWS: u32 = 256;
const IS_SID: &str = "length(call_sid) BETWEEN 1 AND 64 AND call_sid NOT GLOB '*[^A-Za-z0-9_-]*'";

/// Gives rows of an older installation what the lists need. Rows that have it are left alone.
pub(crate) fn fill(conn: &Connection) -> Result<(), StoreError> {
    // What is no sid can be asked of no one: such a row is kept, and shown nowhere.
    conn.execute(&format!("UPDATE call_log SET listed = 0 WHERE NOT ({IS_SID})"), [])?;
    let is_index_new = search::is_empty(conn, Listed::Calls)?;
    // A few at a time: a million calls with their transcripts do not fit in memory.
    let mut statement = conn.prepare(&format!(
        "SELECT {COLUMNS}, c.rowid FROM call_log c WHERE c.list_key IS NULL AND {IS_SID} AND c.rowid > ?1
         ORDER BY c.rowid LIMIT {FILL_ROWS}"
    ))?;
    let mut last = i64::MIN;
    loop {
        let calls = statement.query_map([last], |row| Ok((from_row(row)?, row.get::<_, i64>(13)?)))?;
        let calls = calls.collect::<Result<Vec<_>, _>>()?;
        let Some((_, row)) = calls.last() else { break };
        last = *row;
        for (call, _) in &calls {
            fill_one(conn, call, is_index_new)?;
        }
    }
    if is_index_new {
        index_all(conn)?;
        while search::join_segments(conn)? {}
    }
    call_reads::fill(conn)
}

fn fill_one(conn: &Connection, call: &Call, is_index_new: bool) -> Result<(), StoreError> {
    let sid = call.sid.as_str();
    let key = list_key::place(conn, Listed::Calls, call.started_at_ms, sid, None)?;
    let outcome = Outcome::of(call.status.as_deref(), call.duration_s).as_str();
    conn.prepare_cached("UPDATE call_log SET list_key = ?2, outcome = ?3 WHERE call_sid = ?1")?
        .execute((sid, key, outcome))?;
    let is_leg = is_short(call) && has_child(conn, call)?;
    if is_leg {
        conn.prepare_cached("UPDATE call_log SET listed = 0 WHERE call_sid = ?1")?.execute([sid])?;
    } else if !is_index_new {
        let row = call_rows::row_at(conn, key, 1, None)?;
        conn.prepare_cached("UPDATE call_log SET rowid = ?2 WHERE call_sid = ?1")?.execute((sid, row))?;
        index(conn, call, &lead_of(conn, call)?, None, row)?;
    }
    hide_parent(conn, call)
}

/// Keeps the row and says that the source does not list it any more. Returns whether that is new.
///
/// # Errors
/// SQLite's.
pub fn mark_removed(conn: &Connection, sid: &CallSid) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached("SELECT list_key FROM call_log WHERE call_sid = ?1")?;
    match statement.query_row([sid.as_str()], |row| row.get::<_, Option<i64>>(0)).optional()?.flatten() {
        Some(list_key) => mark_removed_at(conn, list_key),
        None => Ok(false),
    }
}

/// [`mark_removed`] of the call at a place.
///
/// # Errors
/// SQLite's.
pub fn mark_removed_at(conn: &Connection, list_key: i64) -> Result<bool, StoreError> {
    call_reads::forget(conn, list_key)?;
    let mut statement =
        conn.prepare_cached("UPDATE call_log SET removed_upstream = 1 WHERE list_key = ?1 AND removed_upstream = 0")?;
    Ok(statement.execute([list_key])? > 0)
}

/// Sids of the calls that the CRM listed when last asked.
///
/// # Errors
/// SQLite's.
pub fn present_sids(conn: &Connection) -> Result<Vec<CallSid>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT call_sid FROM call_log WHERE removed_upstream = 0 AND source = 'crm'")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter_map(|sid| sid.parse().ok()).collect())
}
