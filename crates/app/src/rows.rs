//! From the library's rows to what the window shows.

use aftercall_domain::breaker::Rest;
use aftercall_domain::ids::{CallSid, LeadId, RecordingId, Source};
use aftercall_domain::phone;
use aftercall_domain::standing::{Known, Standing};
use aftercall_domain::status::{LeadStatus, StatusColour};
use aftercall_engine::store::Store;
use aftercall_engine::store::table::appointments::AppointmentListing;
use aftercall_engine::store::table::calls::{self, CallListing};
use aftercall_engine::store::table::leads::LeadListing;
use aftercall_engine::store::table::recordings::{self, RecordingRow};
use aftercall_engine::store::table::{Count, Span, jobs, lead_statuses, leads};

use crate::dto::{
    AppointmentRow, CallRow, CallView, CallsAsk, CallsFilter, CallsWindow, LeadRow, LeadsAsk, LeadsWindow,
    RecordingView, StatusView,
};
use crate::errors::AppError;

/// Rows of one window at most.
pub(crate) const ROWS_MAX: u32 = 200;
/// Letters of a summary that a row shows.
const SUMMARY_LETTERS: usize = 160;

/// What no row can know: which sources are being left alone, now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origins {
    pub crm: Option<Rest>,
    pub twilio: Option<Rest>,
    pub now_ms: i64,
}

impl Origins {
    /// Where a recording stands.
    pub fn standing(&self, row: &RecordingRow) -> Standing {
        let origin = match row.id.source() {
            Source::Crm => self.crm,
            Source::Twilio => self.twilio,
        };
        let (state, reason, next_at_ms) = (row.state, row.reason, row.next_try_at_ms);
        Standing::of(Known { state, reason, next_at_ms, origin, now_ms: self.now_ms })
    }
}

fn recording(row: &RecordingRow, place: Option<u32>, origins: &Origins) -> RecordingView {
    let standing = origins.standing(row);
    RecordingView {
        id: row.id.to_string(),
        state: standing.state,
        reason: standing.reason.map(|reason| reason.as_str().to_owned()),
        next: standing.next,
        action: standing.action,
        can_cancel: standing.can_cancel,
        play: standing.play,
        polls: row.polls,
        attempts: row.attempts,
        place,
        next_try_at_ms: standing.next_at_ms,
        bytes_here: row.bytes_here,
        bytes_total: row.bytes_total,
        duration_ms: row.facts.as_ref().map(|facts| facts.duration_ms),
        channels: row.facts.as_ref().map(|facts| facts.channels),
        codec: row.facts.as_ref().map(|facts| facts.codec.clone()),
        pinned: row.is_pinned,
    }
}

pub(crate) fn call(listing: &CallListing, place: Option<u32>, origins: &Origins) -> CallRow {
    let first_words = |text: &String| text.chars().take(SUMMARY_LETTERS).collect();
    CallRow {
        sid: listing.call.sid.to_string(),
        started_at_ms: listing.call.started_at_ms,
        direction: listing.call.direction,
        outcome: listing.outcome,
        status: listing.call.status.clone(),
        number: listing.customer_number().map(phone::display),
        lead_id: listing.call.lead_id.map(|id| id.to_string()),
        lead_name: listing.lead_name.clone(),
        duration_s: listing.call.duration_s,
        summary: listing.call.summary.as_ref().map(first_words),
        heard: listing.heard,
        recording: recording(&listing.recording, place, origins),
    }
}

/// A lead's row, with what the company calls its status.
pub(crate) fn lead(listing: &LeadListing, statuses: &[LeadStatus]) -> LeadRow {
    LeadRow {
        id: listing.lead.id.to_string(),
        name: listing.name.clone(),
        phone: listing.lead.phone_e164.as_deref().map(phone::display),
        email: listing.lead.email.clone(),
        status: listing.lead.status.as_deref().map(|key| status(key, statuses)),
        source: listing.lead.source.clone(),
        tags: listing.lead.tags.clone(),
        last_contact_at_ms: listing.lead.last_contact_at_ms,
        calls: listing.calls,
        unheard: listing.unheard,
    }
}

/// A status by its key, whether or not the company's list is known.
pub(crate) fn status(key: &str, statuses: &[LeadStatus]) -> StatusView {
    let known = statuses.iter().find(|status| status.key == key.to_lowercase());
    StatusView {
        key: key.to_owned(),
        label: known.map(|status| status.label.clone()),
        colour: known.map_or(StatusColour::Gray, |status| status.colour),
    }
}

pub(crate) fn appointment(listing: &AppointmentListing) -> AppointmentRow {
    let appointment = &listing.appointment;
    AppointmentRow {
        id: appointment.id.to_string(),
        title: appointment.title.clone(),
        starts_at_ms: appointment.starts_at_ms,
        ends_at_ms: appointment.ends_at_ms,
        status: appointment.status.clone(),
        location: appointment.location.clone(),
        calendar_id: appointment.calendar_id.map(|id| id.to_string()),
        calendar_name: listing.calendar_name.clone(),
    }
}

/// One call, with its recording's place in the queue.
pub(crate) async fn read_call(store: &Store, sid: CallSid, origins: Origins) -> Result<CallRow, AppError> {
    let found = store.read(move |conn| {
        let Some(listing) = calls::listing(conn, &sid)? else { return Ok(None) };
        let place = jobs::place(conn, &listing.recording.id)?;
        Ok(Some(call(&listing, place, &origins)))
    });
    found.await?.ok_or(AppError::NotFound("call"))
}

/// The call that a recording is of.
pub(crate) async fn call_of_recording(
    store: &Store,
    id: &RecordingId,
    origins: Origins,
) -> Result<(CallSid, CallRow), AppError> {
    let sid = sid_of_recording(store, id).await?;
    Ok((sid.clone(), read_call(store, sid, origins).await?))
}

/// The sid of the call that a recording is of: the row says so, or the id of one that nobody asked for yet.
pub(crate) async fn sid_of_recording(store: &Store, id: &RecordingId) -> Result<CallSid, AppError> {
    let asked = id.clone();
    let row = store.read(move |conn| recordings::get(conn, &asked)).await?;
    match row {
        Some(row) => Ok(row.call_sid),
        None => id.sid().parse().map_err(|_| AppError::NotFound("recording")),
    }
}

/// Which calls the window means.
pub(crate) fn filter_of(ask: CallsFilter) -> Result<calls::CallsFilter, AppError> {
    Ok(calls::CallsFilter {
        search: ask.search,
        view: match ask.view {
            CallView::All => calls::CallView::All,
            CallView::Unheard => calls::CallView::Unheard,
            CallView::Missed => calls::CallView::Missed,
            CallView::Recorded => calls::CallView::Recorded,
        },
        direction: ask.direction,
        lead: ask.lead_id.map(|id| id.parse::<LeadId>()).transpose()?,
        status: None,
        outcome: ask.outcome,
        has_recording: ask.has_recording,
        from_ms: ask.from_ms,
        to_ms: ask.to_ms,
    })
}

/// A window onto the calls.
pub(crate) async fn calls_window(store: &Store, ask: CallsAsk, origins: Origins) -> Result<CallsWindow, AppError> {
    let filter = filter_of(ask.filter)?;
    let (offset, limit) = (ask.offset, ask.limit.clamp(1, ROWS_MAX));
    let overview = store.overview();
    let window = store.read(move |conn| {
        let totals = overview.totals(conn)?;
        let page = overview.calls(conn, &filter, offset, limit)?;
        // Without a filter the true number is known, beyond what a filtered list is counted to.
        let unfiltered = filter == calls::CallsFilter::default();
        let count = if unfiltered { Count::default() } else { calls::count(conn, &filter)? };
        let mut rows = Vec::with_capacity(page.rows.len());
        for listing in &page.rows {
            rows.push(call(listing, jobs::place(conn, &listing.recording.id)?, &origins));
        }
        Ok(CallsWindow {
            matched: if unfiltered { totals.all } else { count.rows },
            matched_capped: count.is_capped,
            all: totals.all,
            unheard: totals.unheard,
            offset,
            rows,
        })
    });
    Ok(window.await?)
}

/// A window onto the leads.
pub(crate) async fn leads_window(store: &Store, ask: LeadsAsk) -> Result<LeadsWindow, AppError> {
    let filter = leads::LeadsFilter { search: ask.search, status: None };
    let (offset, limit) = (ask.offset, ask.limit.clamp(1, ROWS_MAX));
    let window = store.read(move |conn| {
        let all = leads::total(conn)?;
        let statuses = lead_statuses::all(conn)?;
        let page = leads::list(conn, &filter, Span::From(offset), limit)?;
        let unfiltered = filter == leads::LeadsFilter::default();
        let count = if unfiltered { Count::default() } else { leads::count(conn, &filter)? };
        Ok(LeadsWindow {
            matched: if unfiltered { all } else { count.rows },
            matched_capped: count.is_capped,
            all,
            offset,
            rows: page.rows.iter().map(|row| lead(row, &statuses)).collect(),
        })
    });
    Ok(window.await?)
}
