//! The library as scripts and the command line read it.

use aftercall_domain::call::Direction;
use aftercall_domain::ids::{CalendarId, CallSid, LeadId};
use aftercall_domain::lead_detail;
use aftercall_domain::outbox::Task;
use aftercall_domain::zone;
use aftercall_engine::store::table::appointments::{self, AppointmentListing, AppointmentsFilter};
use aftercall_engine::store::table::calls::{self, CallListing};
use aftercall_engine::store::table::leads::{self, LeadListing};
use aftercall_engine::store::table::recordings::{self, RecordingRow};
use aftercall_engine::store::table::{Span, lead_pages, listening, marks, outbox};
use aftercall_engine::store::{Connection, StoreError};

use crate::errors::AppError;
use crate::notes::draft_id;
use crate::report::{
    Activity, AppointmentLine, Appointments, Call, CallLine, Calls, Lead, LeadFacts, LeadLine, Leads, Mark, Note,
    RecordingFacts, RecordingLine,
};
use crate::start::App;

/// Calls on a lead's page.
const LEAD_CALLS_MAX: u32 = 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Which calls.
#[derive(Debug, Clone, Default)]
pub struct CallsAsk {
    /// Names, numbers, summaries, as typed.
    pub search: String,
    /// One way only.
    pub direction: Option<Direction>,
    /// One lead's.
    pub lead: Option<LeadId>,
    /// The source's status word.
    pub status: Option<String>,
    /// With a recording.
    pub has_recording: bool,
    /// Rows at most.
    pub limit: u32,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which leads.
#[derive(Debug, Clone, Default)]
pub struct LeadsAsk {
    /// Name, number, e-mail, as typed.
    pub search: String,
    /// Key of the status.
    pub status: Option<String>,
    /// Rows at most.
    pub limit: u32,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which appointments.
#[derive(Debug, Clone, Default)]
pub struct AppointmentsAsk {
    /// First day in Israel, or first moment.
    pub from: Option<String>,
    /// Last day in Israel, or the moment before which they start.
    pub to: Option<String>,
    /// One calendar's.
    pub calendar: Option<CalendarId>,
}

fn cursor(text: Option<&str>) -> Result<Span, AppError> {
    let key = text.map(str::parse).transpose().map_err(|_| AppError::InvalidInput("that is no cursor of ours"))?;
    Ok(Span::After(key))
}

/// A day (`2026-11-23`, in Israel) or a moment (RFC 3339). The end of a span includes its day.
fn moment(text: &str, end: bool) -> Result<i64, AppError> {
    if let Ok(ms) = zone::parse_with_offset(text) {
        return Ok(ms);
    }
    let day = zone::parse_naive_israel(&format!("{text}T00:00:00"));
    let ms = day.map_err(|_| AppError::InvalidInput("a day is 2026-11-23, a moment 2026-11-23T10:00:00Z"))?;
    if !end {
        return Ok(ms);
    }
    // A day is not always 24 hours long: midnight of the next one, whichever that is.
    let next = zone::wall_clock(ms + DAY_MS + DAY_MS / 2, "Asia/Jerusalem");
    let next = next.map_err(|_| AppError::InvalidInput("that day cannot be meant"))?;
    let next_day = next.get(..10).unwrap_or_default();
    zone::parse_naive_israel(&format!("{next_day}T00:00:00"))
        .map_err(|_| AppError::InvalidInput("that day cannot be meant"))
}

pub(crate) fn call_line(listing: &CallListing) -> CallLine {
    let call = &listing.call;
    CallLine {
        sid: call.sid.to_string(),
        source: call.source,
        started_at: call.started_at_ms.map(zone::rfc3339_utc),
        direction: call.direction,
        from: call.from_number.clone(),
        to: call.to_number.clone(),
        lead_id: call.lead_id.map(|id| id.0),
        lead_name: listing.lead_name.clone(),
        duration_s: call.duration_s,
        status: call.status.clone(),
        summary: call.summary.clone(),
        removed_upstream: listing.removed_upstream,
        recording: RecordingLine {
            id: listing.recording.id.to_string(),
            state: listing.recording.state,
            reason: listing.recording.reason,
        },
    }
}

/// Length of the sound file: as stored, or as the source announced.
pub(crate) fn bytes_of(row: &RecordingRow) -> Option<u64> {
    row.bytes_total.or_else(|| row.state.is_stored().then_some(row.bytes_here))
}

fn recording_facts(row: &RecordingRow) -> RecordingFacts {
    let facts = row.facts.as_ref();
    RecordingFacts {
        id: row.id.to_string(),
        state: row.state,
        reason: row.reason,
        bytes: bytes_of(row),
        duration_ms: facts.map(|facts| facts.duration_ms),
        channels: facts.map(|facts| facts.channels),
        codec: facts.map(|facts| facts.codec.clone()),
        sample_rate_hz: facts.map(|facts| facts.sample_rate_hz),
        attempts: row.attempts,
        polls: row.polls,
        next_try_at: row.next_try_at_ms.map(zone::rfc3339_utc),
    }
}

fn lead_facts(listing: &LeadListing) -> LeadFacts {
    let lead = &listing.lead;
    LeadFacts {
        id: lead.id.0,
        name: listing.name.clone(),
        phone: lead.phone_e164.clone(),
        email: lead.email.clone(),
        status: lead.status.clone(),
        source: lead.source.clone(),
        owner_user_id: lead.owner_user_id,
        tags: lead.tags.clone(),
        last_contact_at: lead.last_contact_at_ms.map(zone::rfc3339_utc),
        unheard: listing.unheard,
    }
}

fn appointment_line(listing: &AppointmentListing) -> AppointmentLine {
    let appointment = &listing.appointment;
    AppointmentLine {
        id: appointment.id.0,
        title: appointment.title.clone(),
        starts_at: zone::rfc3339_utc(appointment.starts_at_ms),
        ends_at: zone::rfc3339_utc(appointment.ends_at_ms),
        status: appointment.status.clone(),
        lead_id: appointment.lead_id.map(|id| id.0),
        calendar_id: appointment.calendar_id.map(|id| id.0),
        calendar_name: listing.calendar_name.clone(),
    }
}

fn mark(mark: &marks::Mark) -> Mark {
    Mark {
        id: mark.id.to_string(),
        at_ms: mark.at_ms,
        text: mark.text.clone(),
        created_at: zone::rfc3339_utc(mark.created_at_ms),
    }
}

/// What is not sent yet, newest first, then what the CRM has. A note whose text is being changed has the new one.
fn notes(conn: &Connection, lead: LeadId) -> Result<Vec<Note>, StoreError> {
    let mut drafts = outbox::all(conn, Some(lead))?;
    let mut known = Vec::new();
    for note in lead_pages::notes(conn, lead)? {
        let changes =
            |row: &outbox::DraftRow| matches!(row.draft.task, Task::Replace { note: of, .. } if of == note.id);
        let change = drafts.iter().position(changes).map(|at| drafts.remove(at));
        known.push(Note {
            id: note.id.to_string(),
            pending: change.is_some(),
            text: change.map_or(note.content, |row| row.text),
            // The CRM always says when; a note without a time is as old as can be.
            created_at: zone::rfc3339_utc(note.created_at_ms.unwrap_or(0)),
        });
    }
    let waiting = drafts.iter().rev().map(|row| Note {
        id: draft_id(row.id),
        text: row.text.clone(),
        created_at: zone::rfc3339_utc(row.written_at_ms),
        pending: true,
    });
    Ok(waiting.collect::<Vec<_>>().into_iter().chain(known).collect())
}

fn activity(row: &lead_detail::Activity) -> Activity {
    Activity { r#type: row.kind.clone(), at: zone::rfc3339_utc(row.at_ms.unwrap_or(0)), text: row.text() }
}

impl App {
    /// Calls that match, newest first.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor of somebody else; the library's.
    pub async fn report_calls(&self, ask: CallsAsk) -> Result<Calls, AppError> {
        let span = cursor(ask.cursor.as_deref())?;
        let filter = calls::CallsFilter {
            search: ask.search,
            view: if ask.has_recording { calls::CallView::Recorded } else { calls::CallView::All },
            direction: ask.direction,
            lead: ask.lead,
            status: ask.status,
            ..calls::CallsFilter::default()
        };
        let read = self
            .store()
            .read(move |conn| Ok((calls::list(conn, &filter, span, ask.limit)?, calls::count(conn, &filter)?)));
        let (page, count) = read.await?;
        Ok(Calls {
            total: count.rows,
            total_capped: count.is_capped,
            calls: page.rows.iter().map(call_line).collect(),
            next_cursor: page.next.map(|key| key.to_string()),
        })
    }

    /// All that is known of a call.
    ///
    /// # Errors
    /// `NotFound`; the library's.
    pub async fn report_call(&self, sid: &CallSid) -> Result<Call, AppError> {
        let sid = sid.clone();
        let found = self.store().read(move |conn| {
            let Some(listing) = calls::listing(conn, &sid)? else { return Ok(None) };
            let mut rows = recordings::of_call(conn, &sid)?;
            if rows.is_empty() && listing.call.has_recording {
                rows.push(listing.recording.clone());
            }
            let listening = listening::get(conn, &sid)?;
            Ok(Some(Call {
                line: call_line(&listing),
                transcript: calls::get(conn, &sid)?.and_then(|call| call.transcript),
                recordings: rows.iter().map(recording_facts).collect(),
                marks: marks::of_call(conn, &sid)?.iter().map(mark).collect(),
                position_ms: listening.position_ms,
                heard: listening.heard,
            }))
        });
        found.await?.ok_or(AppError::NotFound("call"))
    }

    /// Leads that match, by last contact.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor of somebody else; the library's.
    pub async fn report_leads(&self, ask: LeadsAsk) -> Result<Leads, AppError> {
        let span = cursor(ask.cursor.as_deref())?;
        let filter = leads::LeadsFilter { search: ask.search, status: ask.status };
        let read = self
            .store()
            .read(move |conn| Ok((leads::list(conn, &filter, span, ask.limit)?, leads::count(conn, &filter)?)));
        let (page, count) = read.await?;
        let line = |listing: &LeadListing| LeadLine { facts: lead_facts(listing), calls: listing.calls };
        Ok(Leads {
            total: count.rows,
            total_capped: count.is_capped,
            leads: page.rows.iter().map(line).collect(),
            next_cursor: page.next.map(|key| key.to_string()),
        })
    }

    /// The lead page.
    ///
    /// # Errors
    /// `NotFound`; the library's.
    pub async fn report_lead(&self, id: LeadId) -> Result<Lead, AppError> {
        let now_ms = self.clock().now_ms();
        let found = self.store().read(move |conn| {
            let Some(found) = leads::get(conn, id)? else { return Ok(None) };
            let filter = calls::CallsFilter { lead: Some(id), ..calls::CallsFilter::default() };
            let page = calls::list(conn, &filter, Span::After(None), LEAD_CALLS_MAX)?;
            Ok(Some(Lead {
                facts: lead_facts(&found),
                summary: found.lead.summary.clone(),
                notes: notes(conn, id)?,
                activity: lead_pages::activity(conn, id)?.iter().map(activity).collect(),
                calls: page.rows.iter().map(call_line).collect(),
                appointments: appointments::of_lead(conn, id)?.iter().map(appointment_line).collect(),
                next_appointment: appointments::next_of_lead(conn, id, now_ms)?.as_ref().map(appointment_line),
            }))
        });
        found.await?.ok_or(AppError::NotFound("lead"))
    }

    /// Appointments, by start.
    ///
    /// # Errors
    /// `InvalidInput` for what is no day; the library's.
    pub async fn report_appointments(&self, ask: AppointmentsAsk) -> Result<Appointments, AppError> {
        let filter = AppointmentsFilter {
            from_ms: ask.from.as_deref().map(|text| moment(text, false)).transpose()?,
            to_ms: ask.to.as_deref().map(|text| moment(text, true)).transpose()?,
            calendar: ask.calendar,
        };
        let found = self.store().read(move |conn| appointments::list(conn, &filter)).await?;
        Ok(Appointments { appointments: found.iter().map(appointment_line).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_a_span_is_part_of_it_even_when_the_clocks_change() {
        // Summer time ends in Israel on 2026-10-25: that day has 25 hours.
        let start = moment("2026-10-25", false).unwrap();
        let end = moment("2026-10-25", true).unwrap();
        assert_eq!(end - start, 25 * 60 * 60 * 1000);
        assert_eq!(moment("2026-10-25T10:00:00Z", true).unwrap(), moment("2026-10-25T10:00:00Z", false).unwrap());
        assert!(moment("yesterday", false).is_err());
    }
}
