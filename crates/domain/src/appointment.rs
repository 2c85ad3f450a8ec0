//! A meeting with a lead.

use serde::{Deserialize, Serialize};

use crate::ids::{AppointmentId, CalendarId, LeadId};

/// One appointment. `calendar_id` null is normal: older databases never had one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// Its id in the CRM.
    pub id: AppointmentId,
    /// The lead it is with.
    pub lead_id: Option<LeadId>,
    /// The business calendar it stands in, whether or not this role may read that calendar.
    pub calendar_id: Option<CalendarId>,
    /// What it is called.
    pub title: String,
    /// More words.
    pub description: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// scheduled, confirmed, completed, cancelled, no_show, paid, unpaid, or the company's own word.
    pub status: Option<String>,
    /// Start, UTC (the CRM sends Israel time with an offset).
    pub starts_at_ms: i64,
    /// End, UTC.
    pub ends_at_ms: i64,
    /// Whom to meet, where it is not the lead.
    pub contact_name: Option<String>,
    /// Their number.
    pub contact_phone: Option<String>,
    /// Created, UTC.
    pub created_at_ms: Option<i64>,
    /// Last change, UTC.
    pub updated_at_ms: Option<i64>,
}
