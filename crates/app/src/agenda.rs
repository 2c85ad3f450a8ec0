//! Appointments by day, each with its calendar, its lead and what was said last.

use aftercall_domain::phone;
use aftercall_engine::store::StoreError;
use aftercall_engine::store::table::appointments::{self, AppointmentsFilter};
use aftercall_engine::store::table::{Span, calendars, calls, jobs, leads};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::dto::{AppointmentRow, CallRow};
use crate::errors::AppError;
use crate::rows;
use crate::start::App;

/// A longest span of one look: a quarter of a year.
const SPAN_MS_MAX: i64 = 100 * 86_400_000;

/// Which appointments.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct AgendaAsk {
    /// Starting then or later, UTC.
    #[ts(type = "number")]
    pub from_ms: i64,
    /// Starting before that, UTC.
    #[ts(type = "number")]
    pub to_ms: i64,
}

/// A calendar by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct CalendarView {
    /// Its id.
    pub id: String,
    /// Null where the role may not see it.
    pub name: Option<String>,
}

/// An appointment of the agenda.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct AgendaRow {
    /// The appointment.
    pub appointment: AppointmentRow,
    /// Its lead.
    pub lead_id: Option<String>,
    /// The lead's name, or whom the appointment names.
    pub lead_name: Option<String>,
    /// Their number, as a person reads it.
    pub number: Option<String>,
    /// The lead's last call.
    pub last_call: Option<CallRow>,
}

/// The agenda, by start.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct Agenda {
    /// The appointments.
    pub appointments: Vec<AgendaRow>,
    /// The calendars that are known.
    pub calendars: Vec<CalendarView>,
}

impl App {
    pub(crate) async fn agenda(&self, ask: AgendaAsk) -> Result<Agenda, AppError> {
        if ask.to_ms < ask.from_ms || ask.to_ms - ask.from_ms > SPAN_MS_MAX {
            return Err(AppError::InvalidInput("a span of a hundred days at most"));
        }
        let origins = self.origins();
        let agenda = self.store().read(move |conn| {
            let filter = AppointmentsFilter { from_ms: Some(ask.from_ms), to_ms: Some(ask.to_ms), calendar: None };
            let mut rows = Vec::new();
            for listing in appointments::list(conn, &filter)? {
                let appointment = &listing.appointment;
                let lead = appointment.lead_id.map(|id| leads::get(conn, id)).transpose()?.flatten();
                let last_call = match appointment.lead_id {
                    Some(lead) => {
                        let of_lead = calls::CallsFilter { lead: Some(lead), ..calls::CallsFilter::default() };
                        let last = calls::list(conn, &of_lead, Span::From(0), 1)?;
                        let row = |listing: &calls::CallListing| {
                            let place = jobs::place(conn, &listing.recording.id)?;
                            Ok::<_, StoreError>(rows::call(listing, place, &origins))
                        };
                        last.rows.first().map(row).transpose()?
                    }
                    None => None,
                };
                let number = lead.as_ref().and_then(|lead| lead.lead.phone_e164.clone());
                rows.push(AgendaRow {
                    appointment: rows::appointment(&listing),
                    lead_id: appointment.lead_id.map(|id| id.to_string()),
                    lead_name: lead.and_then(|lead| lead.name).or_else(|| appointment.contact_name.clone()),
                    number: number.or_else(|| appointment.contact_phone.clone()).map(|number| phone::display(&number)),
                    last_call,
                });
            }
            let calendars = calendars::all(conn)?.into_iter();
            let calendars = calendars.map(|one| CalendarView { id: one.id.to_string(), name: one.name }).collect();
            Ok(Agenda { appointments: rows, calendars })
        });
        Ok(agenda.await?)
    }
}
