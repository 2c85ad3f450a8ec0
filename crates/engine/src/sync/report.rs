//! What a sync did, in the words of the command line.

use serde::Serialize;

use crate::store::Upserted;

/// Rows of one list. `seen` is each row once, however often overlapping pages brought it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Read.
    pub seen: u64,
    /// New here.
    pub added: u64,
    /// Here, and different.
    pub changed: u64,
    /// Here just so.
    pub unchanged: u64,
    /// Here, and no longer listed at the server.
    pub removed: u64,
    /// Not readable; counted and left out.
    pub rejected: u64,
}

impl Counts {
    pub(super) fn count(&mut self, upserted: Upserted) {
        self.seen += 1;
        match upserted {
            Upserted::Added => self.added += 1,
            Upserted::Changed => self.changed += 1,
            Upserted::Unchanged => self.unchanged += 1,
        }
    }
}

/// What one sync did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Calls.
    pub calls: Counts,
    /// Leads.
    pub leads: Counts,
    /// Appointments.
    pub appointments: Counts,
    /// Calendars; nothing where the role may not list them.
    pub calendars: Counts,
    /// Requests sent.
    pub requests: u64,
    /// How long it took.
    pub duration_ms: u64,
}

impl SyncReport {
    /// Rows that could not be read.
    pub fn rejected(&self) -> u64 {
        self.calls.rejected + self.leads.rejected + self.appointments.rejected + self.calendars.rejected
    }
}
