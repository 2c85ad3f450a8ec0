//! The call page: the call with its recording's file, what was said, how they talked, and its lead.

pub mod dto;

use aftercall_domain::call::{Call, Direction};
use aftercall_domain::ids::{CallSid, LeadId};
use aftercall_domain::sides::{Side, sides};
use aftercall_domain::transcript;
use aftercall_engine::store::table::calls::{self, CallListing};
use aftercall_engine::store::table::recordings::{self, RecordingRow};
use aftercall_engine::store::table::{appointments, jobs, lead_statuses, leads, profile};
use aftercall_engine::store::{Connection, Store, StoreError};
use aftercall_media::Turns;
use aftercall_media::talk::Talk;

use crate::dto::{AppointmentRow, LeadRow, NoteView};
use crate::errors::AppError;
use crate::lead_page;
use crate::rows::{self, Origins};
use crate::sides::setting;
use dto::{CallPage, FileView, TalkView, TranscriptLine};

/// Reads it.
pub(crate) async fn read(store: &Store, sid: CallSid, origins: Origins) -> Result<CallPage, AppError> {
    let page = store.read(move |conn| {
        let Some(listing) = calls::listing(conn, &sid)? else { return Ok(None) };
        let whole = calls::get(conn, &sid)?;
        let (lead, next_appointment) = match listing.call.lead_id {
            Some(id) => lead_card(conn, id, origins.now_ms)?,
            None => (None, None),
        };
        Ok(Some(CallPage {
            call: rows::call(&listing, jobs::place(conn, &listing.recording.id)?, &origins),
            summary: whole.as_ref().and_then(|call| call.summary.clone()),
            source: listing.recording.id.source().as_str(),
            file: file(conn, &listing.recording)?,
            lead,
            next_appointment,
            notes: notes(conn, &listing)?,
            transcript: whole.as_ref().map(words).unwrap_or_default(),
            talk: talk(conn, &listing)?,
        }))
    });
    page.await?.ok_or(AppError::NotFound("call"))
}

fn lead_card(
    conn: &Connection,
    id: LeadId,
    now_ms: i64,
) -> Result<(Option<LeadRow>, Option<AppointmentRow>), StoreError> {
    let Some(found) = leads::get(conn, id)? else { return Ok((None, None)) };
    let statuses = lead_statuses::all(conn)?;
    let next = appointments::next_of_lead(conn, id, now_ms)?;
    Ok((Some(rows::lead(&found, &statuses)), next.as_ref().map(rows::appointment)))
}

fn notes(conn: &Connection, listing: &CallListing) -> Result<Vec<NoteView>, StoreError> {
    let Some(lead) = listing.call.lead_id else { return Ok(Vec::new()) };
    let mut notes = lead_page::notes(conn, lead)?;
    let sid = listing.call.sid.as_str();
    notes.retain(|note| note.call.as_ref().is_some_and(|place| place.sid == sid));
    Ok(notes)
}

fn words(call: &Call) -> Vec<TranscriptLine> {
    let text = call.transcript.as_deref().unwrap_or_default();
    let line = |line: transcript::Line| TranscriptLine { side: line.side, at_ms: line.at_ms, text: line.text };
    transcript::lines(text).into_iter().map(line).collect()
}

fn file(conn: &Connection, row: &RecordingRow) -> Result<FileView, StoreError> {
    let stored = recordings::file(conn, &row.id)?.filter(|_| row.state.is_stored());
    Ok(FileView {
        bytes: stored.as_ref().map(|file| file.plain_len).or(row.bytes_total),
        sample_rate_hz: row.facts.as_ref().map(|facts| facts.sample_rate_hz),
        is_verified: stored.is_some(),
        verified_at_ms: row.ready_at_ms.filter(|_| stored.is_some()),
        damaged_packets: row.damaged_packets,
    })
}

/// Who speaks when in a recording, and whose its channels are.
pub(crate) struct Spoken {
    turns: Turns,
    /// Where the speakers can be split.
    split: Option<[Side; 2]>,
}

impl Spoken {
    /// Speech of one side; nothing where the speakers cannot be split.
    pub fn ms_of(&self, side: Side) -> Option<i64> {
        let split = self.split?;
        Some(split.iter().zip(&self.turns.talk_ms).filter(|(whose, _)| **whose == side).map(|(_, ms)| ms).sum())
    }
}

/// Nothing for a recording that was never here.
pub(crate) fn spoken(
    conn: &Connection,
    row: &RecordingRow,
    direction: Direction,
) -> Result<Option<Spoken>, StoreError> {
    let Some(analysis) = recordings::analysis(conn, &row.id)? else { return Ok(None) };
    // Our own words: what cannot be read was written by another version, and is made anew with the next download.
    let Ok(turns) = serde_json::from_str::<Turns>(&analysis.turns) else { return Ok(None) };
    let swapped = profile::get(conn, setting(row.id.source()))?.unwrap_or(false);
    let split = (turns.channels == 2).then(|| sides(row.id.source(), direction, swapped));
    Ok(Some(Spoken { turns, split }))
}

fn talk(conn: &Connection, listing: &CallListing) -> Result<Option<TalkView>, StoreError> {
    let Some(spoken) = spoken(conn, &listing.recording, listing.call.direction)? else { return Ok(None) };
    let talk = Talk::of(&spoken.turns);
    let longest = talk.longest;
    let side = |channel: u16| spoken.split.and_then(|split| split.get(usize::from(channel).wrapping_sub(1)).copied());
    Ok(Some(TalkView {
        longest_side: longest.and_then(|longest| side(longest.channel)),
        longest_ms: longest.map_or(0, |longest| longest.end_ms - longest.start_ms),
        longest_at_ms: longest.map_or(0, |longest| longest.start_ms),
        dead_air_ms: talk.dead_air_ms,
        overlaps: talk.overlaps,
        agent_ms: spoken.ms_of(Side::Agent).unwrap_or(0),
        customer_ms: spoken.ms_of(Side::Customer).unwrap_or(0),
    }))
}
