//! What a sync did, in the words of the command line.

use serde::{Deserialize, Serialize};

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

/// A list of the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// Calls.
    Calls,
    /// Leads.
    Leads,
    /// Appointments.
    Appointments,
    /// Calendars.
    Calendars,
}

impl List {
    /// The word that crosses to the window.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Leads => "leads",
            Self::Appointments => "appointments",
            Self::Calendars => "calendars",
        }
    }
}

/// Lists that the role or the business may not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    /// Calls.
    pub calls: bool,
    /// Leads.
    pub leads: bool,
    /// Appointments.
    pub appointments: bool,
    /// Calendars, which no agent may list.
    pub calendars: bool,
}

impl Refused {
    /// Which.
    pub fn lists(self) -> impl Iterator<Item = List> {
        let all = [
            (self.calls, List::Calls),
            (self.leads, List::Leads),
            (self.appointments, List::Appointments),
            (self.calendars, List::Calendars),
        ];
        all.into_iter().filter_map(|(refused, list)| refused.then_some(list))
    }

    pub(super) fn set(&mut self, list: List, refused: bool) {
        *match list {
            List::Calls => &mut self.calls,
            List::Leads => &mut self.leads,
            List::Appointments => &mut self.appointments,
            List::Calendars => &mut self.calendars,
        } = refused;
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
    /// Lists that were left out.
    #[serde(skip)]
    pub refused: Refused,
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            added: self.added + other.added,
            changed: self.changed + other.changed,
            unchanged: self.unchanged + other.unchanged,
            removed: self.removed + other.removed,
            rejected: self.rejected + other.rejected,
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SyncReport {
    /// Of two sources, one after the other. Only the CRM refuses lists one by one: it stands first.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            leads: self.leads + other.leads,
            appointments: self.appointments + other.appointments,
            calendars: self.calendars + other.calendars,
            requests: self.requests + other.requests,
            duration_ms: self.duration_ms + other.duration_ms,
            refused: self.refused,
        }
    }

    /// Rows that could not be read.
    pub fn rejected(&self) -> u64 {
        self.calls.rejected + self.leads.rejected + self.appointments.rejected + self.calendars.rejected
    }
}
