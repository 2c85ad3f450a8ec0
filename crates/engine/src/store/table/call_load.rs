//! Many calls that are older than all that are here, as in a first sync: they need no look at each of their neighbours,
//! and go into the library some dozen at a time.

use aftercall_domain::call::{Call, Outcome};
use aftercall_domain::ids::CallSid;
use rusqlite::{Connection, Statement};

use super::call_rows;
use super::calls::ListedCall;
use crate::store::search::Gathered;
use crate::store::{StoreError, list_key, many_rows};

/// A row of `call_log` to be.
pub(super) struct NewRow<'c> {
    pub(super) call: &'c Call,
    pub(super) list_key: i64,
    pub(super) listed: bool,
    pub(super) heard: bool,
    pub(super) row: i64,
}

const INSERT: &str =
    "INSERT OR IGNORE INTO call_log (call_sid, parent_call_sid, source, lead_id, direction, from_number,
    to_number, status, duration_s, started_at_ms, summary, transcript, has_recording, outcome, list_key, listed, heard,
    rowid) VALUES";
const COLUMNS: usize = 18;

/// Returns how many were written: none of those of which something is here already.
pub(super) fn insert<'c>(conn: &Connection, rows: &[impl AsRef<NewRow<'c>>]) -> Result<usize, StoreError> {
    many_rows::insert(conn, INSERT, COLUMNS, rows.len(), |statement, at, first| {
        bind(statement, rows[at].as_ref(), first)
    })
}

fn bind(statement: &mut Statement<'_>, new: &NewRow<'_>, first: usize) -> rusqlite::Result<()> {
    let call = new.call;
    statement.raw_bind_parameter(first, call.sid.as_str())?;
    statement.raw_bind_parameter(first + 1, call.parent_sid.as_ref().map(CallSid::as_str))?;
    statement.raw_bind_parameter(first + 2, call.source.as_str())?;
    statement.raw_bind_parameter(first + 3, call.lead_id.map(|id| id.0))?;
    statement.raw_bind_parameter(first + 4, call.direction.as_str())?;
    statement.raw_bind_parameter(first + 5, &call.from_number)?;
    statement.raw_bind_parameter(first + 6, &call.to_number)?;
    statement.raw_bind_parameter(first + 7, &call.status)?;
    statement.raw_bind_parameter(first + 8, call.duration_s)?;
    statement.raw_bind_parameter(first + 9, call.started_at_ms)?;
    statement.raw_bind_parameter(first + 10, &call.summary)?;
    statement.raw_bind_parameter(first + 11, &call.transcript)?;
    statement.raw_bind_parameter(first + 12, call.has_recording)?;
    statement.raw_bind_parameter(first + 13, Outcome::of(call.status.as_deref(), call.duration_s).as_str())?;
    statement.raw_bind_parameter(first + 14, new.list_key)?;
    statement.raw_bind_parameter(first + 15, new.listed)?;
    statement.raw_bind_parameter(first + 16, new.heard)?;
    statement.raw_bind_parameter(first + 17, new.row)
}

/// A call of a load that is not written yet.
pub(super) struct Waiting<'c> {
    pub(super) new: NewRow<'c>,
    pub(super) hash: i64,
    /// Which of the calls it is.
    pub(super) turn: usize,
}

impl<'c> AsRef<NewRow<'c>> for Waiting<'c> {
    fn as_ref(&self) -> &NewRow<'c> {
        &self.new
    }
}

impl<'c> AsRef<NewRow<'c>> for NewRow<'c> {
    fn as_ref(&self) -> &NewRow<'c> {
        self
    }
}

/// Where the next call of a load goes, and what waits to be written.
pub(super) struct Load<'c> {
    pub(super) words: Gathered,
    /// Places and hashes of those that were written.
    pub(super) reads: Vec<(i64, i64)>,
    pub(super) waiting: Vec<Waiting<'c>>,
    /// Every call here that has a time has a greater place.
    below: i64,
    /// The next one's row; every one of those has a smaller one.
    next: i64,
    /// Places of these calls at one moment.
    moment: Vec<i64>,
}

impl<'c> Load<'c> {
    pub(super) fn new(conn: &Connection) -> Result<Self, StoreError> {
        let (below, next) = call_rows::behind_all(conn)?;
        Ok(Self { words: Gathered::new(), reads: Vec::new(), waiting: Vec::new(), below, next, moment: Vec::new() })
    }

    /// The place of the next one; `None` where it is not older than all that were here before, or nobody knows.
    pub(super) fn place(&mut self, call: &Call) -> Option<i64> {
        call.started_at_ms.filter(|ms| *ms > 0)?;
        let sid = call.sid.as_str();
        let place = list_key::place_among(call.started_at_ms, sid, &mut self.moment)?;
        (place < self.below).then_some(place)
    }

    /// It waits for its turn to be written.
    pub(super) fn wait(&mut self, row: &'c ListedCall, list_key: i64, listed: bool, heard: bool, turn: usize) {
        let new = NewRow { call: &row.call, list_key, listed, heard, row: self.next };
        self.next = call_rows::row_after(self.next);
        self.waiting.push(Waiting { new, hash: row.hash, turn });
    }

    pub(super) fn is_due(&self) -> bool {
        self.waiting.len() >= many_rows::AT_ONCE
    }
}
