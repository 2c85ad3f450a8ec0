//! A business calendar.

use serde::{Deserialize, Serialize};

use crate::ids::CalendarId;

/// One calendar. A calendar that this role may not list, or that vanished from the list, is kept with a null
/// name: appointments go on pointing at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Its id in the CRM.
    pub id: CalendarId,
    /// Its name, where it may be read.
    pub name: Option<String>,
    /// The CRM's kind of calendar.
    pub type_key: Option<String>,
    /// The list holds active ones only; one that vanished from it is inactive.
    pub is_active: bool,
    /// Order in the CRM, highest first.
    pub priority: i64,
    /// Created, UTC.
    pub created_at_ms: Option<i64>,
    /// Last change, UTC.
    pub updated_at_ms: Option<i64>,
}
