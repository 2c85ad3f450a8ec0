//! What a transaction changed, as others are told after its commit.

use std::collections::BTreeSet;

use aftercall_domain::ids::RecordingId;

/// A part of the library. Queries name the parts they read, and run again when one of them changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tag {
    /// Calls.
    Calls,
    /// Leads.
    Leads,
    /// Appointments.
    Appointments,
    /// Calendars.
    Calendars,
    /// Recordings and their download jobs.
    Recordings,
    /// Positions, and what was heard.
    Listening,
    /// Settings.
    Settings,
    /// Who is signed in.
    Account,
    /// What waits to be sent.
    Outbox,
    /// Bookmarks, and where notes were written.
    Marks,
    /// What waits to be listened to.
    Queue,
}

impl Tag {
    /// The word that crosses to the window.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Leads => "leads",
            Self::Appointments => "appointments",
            Self::Calendars => "calendars",
            Self::Recordings => "recordings",
            Self::Listening => "listening",
            Self::Settings => "settings",
            Self::Account => "account",
            Self::Outbox => "outbox",
            Self::Marks => "marks",
            Self::Queue => "queue",
        }
    }
}

/// What one committed transaction changed. Empty means that nobody needs to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// Parts of the library.
    pub tags: BTreeSet<Tag>,
    /// Recordings whose row or job changed, for those who wait for one.
    pub recordings: BTreeSet<RecordingId>,
}

impl ChangeSet {
    /// This part changed.
    pub fn touch(&mut self, tag: Tag) {
        self.tags.insert(tag);
    }

    /// This recording, or its job, changed.
    pub fn touch_recording(&mut self, id: &RecordingId) {
        self.tags.insert(Tag::Recordings);
        self.recordings.insert(id.clone());
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.recordings.is_empty()
    }
}
