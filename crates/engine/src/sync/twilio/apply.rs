//! Rows and marks in one transaction.

use aftercall_domain::call::{Call, Direction};
use aftercall_domain::ids::{CallSid, Source};
use aftercall_domain::recording::{Fact, Reason, RecordingState};
use rusqlite::Connection;

use super::plan::{self, Mark};
use crate::store::table::twilio::{self, Recheck, RecordingSaid};
use crate::store::table::{calls, sync_state};
use crate::store::{ChangeSet, Store, StoreError, Tag};
use crate::sync::Counts;
use crate::upstream::{RecordingStatus, TwilioCall, TwilioRecording};

pub(super) const CALLS: &str = "twilio_calls";
pub(super) const RECORDINGS: &str = "twilio_recordings";
pub(super) const DELETIONS: &str = "twilio_deletions";
const SYNC: &str = "twilio_sync";

/// Marks to be set when a list was read to its end.
pub(super) type Marks = Vec<(&'static str, Mark)>;

pub(super) async fn mark(store: &Store, feed: &'static str) -> Result<Option<Mark>, StoreError> {
    store.read(move |conn| sync_state::get(conn, feed)).await
}

fn set_marks(conn: &Connection, marks: &Marks) -> Result<(), StoreError> {
    for (feed, mark) in marks {
        sync_state::set(conn, feed, mark)?;
    }
    Ok(())
}

fn put_call(conn: &Connection, row: &TwilioCall, counts: &mut Counts, now_ms: i64) -> Result<(), StoreError> {
    counts.count(twilio::upsert_call(conn, &row.call)?);
    if row.is_open
        && let Some(at_ms) = plan::again_at_ms(now_ms, 0, now_ms)
    {
        twilio::recheck(conn, row.call.sid.as_str(), now_ms, at_ms)?;
    }
    Ok(())
}

fn tell(changes: &mut ChangeSet, counts: &Counts) {
    if counts.added + counts.changed > 0 {
        changes.touch(Tag::Calls);
    }
}

pub(super) async fn calls_page(
    store: &Store,
    rows: Vec<TwilioCall>,
    marks: Marks,
    now_ms: i64,
) -> Result<Counts, StoreError> {
    let written = store.write(move |tx, changes| {
        let mut counts = Counts::default();
        for row in &rows {
            put_call(tx, row, &mut counts, now_ms)?;
        }
        tell(changes, &counts);
        set_marks(tx, &marks)?;
        Ok(counts)
    });
    written.await
}

/// What a recording's row at Twilio means here, for one that nobody asked for.
fn said(row: &TwilioRecording) -> Option<RecordingSaid> {
    let fact = |fact| (RecordingState::Unavailable, Some(Reason::Fact(fact)));
    let (state, reason) = match (row.status, row.error_code) {
        (RecordingStatus::InProgress, _) => (RecordingState::Live, None),
        (RecordingStatus::Deleted, _) => fact(Fact::DeletedAtSource),
        (RecordingStatus::Absent, Some(16_101)) => fact(Fact::TooShort),
        (RecordingStatus::Absent, Some(16_102)) => fact(Fact::Silent),
        (RecordingStatus::Absent, _) => fact(Fact::NeverReady),
        (RecordingStatus::Processing | RecordingStatus::Completed | RecordingStatus::Other, _) => {
            (RecordingState::ReadyOnline, None)
        }
    };
    // A conference's recording belongs to no call: it has no place here.
    let call_sid = row.call_sid.clone()?;
    Some(RecordingSaid { id: row.id.clone(), call_sid, created_at_ms: row.created_at_ms, state, reason })
}

/// The calls that recordings are of and nobody listed.
pub(super) async fn unknown_calls(store: &Store, rows: &[TwilioRecording]) -> Result<Vec<CallSid>, StoreError> {
    let sids: Vec<CallSid> = rows.iter().filter_map(|row| row.call_sid.clone()).collect();
    store.read(move |conn| twilio::unknown_calls(conn, &sids)).await
}

/// All that is known of a call that Twilio does not list: its recording.
pub(super) fn bare_call(sid: &CallSid, rows: &[TwilioRecording]) -> TwilioCall {
    let row = rows.iter().find(|row| row.call_sid.as_ref() == Some(sid));
    let call = Call {
        sid: sid.clone(),
        parent_sid: None,
        source: Source::Twilio,
        lead_id: None,
        direction: Direction::Unknown,
        from_number: None,
        to_number: None,
        status: None,
        duration_s: row.and_then(|row| row.duration_s),
        started_at_ms: row.and_then(|row| row.created_at_ms),
        summary: None,
        transcript: None,
        has_recording: false,
    };
    TwilioCall { call, ended_at_ms: None, is_open: false }
}

/// A page of recordings, with calls that had to be asked for one by one.
pub(super) async fn recordings_page(
    store: &Store,
    rows: Vec<TwilioRecording>,
    found: Vec<TwilioCall>,
    marks: Marks,
    now_ms: i64,
) -> Result<Counts, StoreError> {
    let written = store.write(move |tx, changes| {
        let mut counts = Counts::default();
        for call in &found {
            put_call(tx, call, &mut counts, now_ms)?;
        }
        tell(changes, &counts);
        for row in &rows {
            put_recording(tx, changes, row, now_ms)?;
        }
        set_marks(tx, &marks)?;
        Ok(counts)
    });
    written.await
}

fn put_recording(
    conn: &Connection,
    changes: &mut ChangeSet,
    row: &TwilioRecording,
    now_ms: i64,
) -> Result<(), StoreError> {
    let Some(said) = said(row) else { return Ok(()) };
    if twilio::upsert_recording(conn, changes, &said, now_ms)? != crate::store::Upserted::Unchanged {
        changes.touch(Tag::Calls);
    }
    if row.is_open()
        && let Some(at_ms) = plan::again_at_ms(now_ms, 0, now_ms)
    {
        twilio::recheck(conn, row.id.sid(), now_ms, at_ms)?;
    }
    Ok(())
}

/// What came of asking again for something unfinished.
pub(super) enum Asked {
    Call(Box<TwilioCall>),
    Recording(Box<TwilioRecording>),
    /// Twilio knows it no more.
    Gone,
}

pub(super) async fn due(store: &Store, now_ms: i64, limit: u32) -> Result<Vec<Recheck>, StoreError> {
    store.read(move |conn| twilio::rechecks_due(conn, now_ms, limit)).await
}

pub(super) async fn rechecked(store: &Store, due: Recheck, asked: Asked, now_ms: i64) -> Result<Counts, StoreError> {
    let written = store.write(move |tx, changes| {
        let mut counts = Counts::default();
        let open = match &asked {
            Asked::Call(row) => {
                put_call(tx, row, &mut counts, now_ms)?;
                row.is_open
            }
            Asked::Recording(row) => {
                let known = match &row.call_sid {
                    Some(sid) => calls::get(tx, sid)?.is_some(),
                    None => false,
                };
                if known {
                    put_recording(tx, changes, row, now_ms)?;
                }
                row.is_open()
            }
            Asked::Gone => false,
        };
        tell(changes, &counts);
        match plan::again_at_ms(due.since_ms, due.tries + 1, now_ms).filter(|_| open) {
            Some(at_ms) => twilio::recheck_later(tx, &due.sid, at_ms)?,
            None => twilio::recheck_done(tx, &due.sid)?,
        }
        Ok(counts)
    });
    written.await
}

pub(super) async fn next_recheck_at_ms(store: &Store) -> Result<Option<i64>, StoreError> {
    store.read(twilio::next_recheck_at_ms).await
}

pub(super) async fn last_success_at_ms(store: &Store) -> Result<Option<i64>, StoreError> {
    store.read(|conn| sync_state::get(conn, SYNC)).await
}

pub(super) async fn note_success(store: &Store, now_ms: i64) -> Result<(), StoreError> {
    store.write(move |tx, _| sync_state::set(tx, SYNC, &now_ms)).await
}
