//! A phone call as the sources describe it.

use serde::{Deserialize, Serialize};

use crate::ids::{CallSid, LeadId, Source};

/// Which way a call went. The sources also send `unknown`, null and words of their own: those are `Unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A customer called us.
    Inbound,
    /// We called a customer.
    Outbound,
    /// The source does not say.
    Unknown,
}

impl Direction {
    /// Reads a source's word; Twilio's `outbound-api`, `outbound-dial` are outbound.
    pub fn from_source(word: Option<&str>) -> Self {
        match word {
            Some(w) if w.eq_ignore_ascii_case("inbound") => Self::Inbound,
            Some(w) if w.to_ascii_lowercase().starts_with("outbound") => Self::Outbound,
            _ => Self::Unknown,
        }
    }
    /// The word in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Unknown => "unknown",
        }
    }
}

/// One call. Everything but the sid may be absent: the sources' columns are nullable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its id, the same at every source.
    pub sid: CallSid,
    /// The leg that this one belongs to.
    pub parent_sid: Option<CallSid>,
    /// Where this row was read.
    pub source: Source,
    /// The lead that the CRM linked it to; may change for minutes after the call.
    pub lead_id: Option<LeadId>,
    /// Which way it went.
    pub direction: Direction,
    /// The calling number as the source wrote it: may be `anonymous`.
    pub from_number: Option<String>,
    /// The called number as the source wrote it.
    pub to_number: Option<String>,
    /// Free text, see the CRM's vocabulary; unknown words are shown as they are.
    pub status: Option<String>,
    /// Whole seconds; 0 or absent for an unanswered call.
    pub duration_s: Option<i64>,
    /// Start, UTC.
    pub started_at_ms: Option<i64>,
    /// The source's words about the call.
    pub summary: Option<String>,
    /// What was said, as text.
    pub transcript: Option<String>,
    /// The source knows a recording. Says nothing about a file being there.
    pub has_recording: bool,
}

impl Call {
    /// Fills what this row leaves empty with what another source says of the same call.
    pub fn fill_from(&mut self, other: &Self) {
        fn fill<T: Clone>(mine: &mut Option<T>, theirs: &Option<T>) {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        }
        fill(&mut self.parent_sid, &other.parent_sid);
        fill(&mut self.from_number, &other.from_number);
        fill(&mut self.to_number, &other.to_number);
        fill(&mut self.status, &other.status);
        fill(&mut self.duration_s, &other.duration_s);
        fill(&mut self.started_at_ms, &other.started_at_ms);
        if self.direction == Direction::Unknown {
            self.direction = other.direction;
        }
    }

    /// This row after the other source said `now` where it had said `before`: what stood here as the other source had
    /// said it, or not at all, follows; the rest stays.
    #[must_use]
    pub fn renewed_by(mut self, before: Option<&Self>, now: &Self) -> Self {
        if let Some(before) = before {
            fn empty<T: PartialEq>(mine: &mut Option<T>, theirs: &Option<T>) {
                if mine == theirs {
                    *mine = None;
                }
            }
            empty(&mut self.parent_sid, &before.parent_sid);
            empty(&mut self.from_number, &before.from_number);
            empty(&mut self.to_number, &before.to_number);
            empty(&mut self.status, &before.status);
            empty(&mut self.duration_s, &before.duration_s);
            empty(&mut self.started_at_ms, &before.started_at_ms);
            if self.direction == before.direction {
                self.direction = Direction::Unknown;
            }
        }
        self.fill_from(now);
        self
    }
}

/// What a status word means for the person who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// People spoke.
    Answered,
    /// Nobody picked up.
    Missed,
    /// The line was busy.
    Busy,
    /// It could not be put through.
    Failed,
    /// Still going on.
    Live,
    /// A word this version does not know: show it as it is.
    Other,
}

/// Bytes of the longest word that says something.
const LONGEST_STATUS: usize = 11;

impl Outcome {
    /// Reads the CRM's free-text vocabulary (`processed` is a completed call whose text is ready).
    pub fn of(status: Option<&str>, duration_s: Option<i64>) -> Self {
        let status = status.unwrap_or_default().as_bytes();
        let mut word = [0; LONGEST_STATUS];
        let Some(word) = word.get_mut(..status.len()) else { return Self::Other };
        for (to, from) in word.iter_mut().zip(status) {
            *to = if *from == b'_' { b'-' } else { from.to_ascii_lowercase() };
        }
        match &*word {
            b"completed" | b"processed" | b"ended" | b"recorded" | b"connected" => {
                if duration_s == Some(0) {
                    Self::Missed
                } else {
                    Self::Answered
                }
            }
            b"no-answer" | b"missed" | b"canceled" | b"cancelled" => Self::Missed,
            b"busy" => Self::Busy,
            b"failed" => Self::Failed,
            b"initiated" | b"ringing" | b"in-progress" | b"streaming" | b"queued" => Self::Live,
            _ => Self::Other,
        }
    }
    /// The word in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Missed => "missed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Live => "live",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processed_counts_as_answered_though_the_servers_completed_filter_misses_it() {
        assert_eq!(Outcome::of(Some("processed"), Some(61)), Outcome::Answered);
        assert_eq!(Outcome::of(Some("in_progress"), None), Outcome::Live);
        assert_eq!(Outcome::of(Some("in-progress"), None), Outcome::Live);
        assert_eq!(Outcome::of(Some("something new"), None), Outcome::Other);
        assert_eq!(Outcome::of(Some("completed"), Some(0)), Outcome::Missed);
    }

    #[test]
    fn a_direction_that_nobody_knows_is_unknown() {
        assert_eq!(Direction::from_source(Some("outbound-api")), Direction::Outbound);
        assert_eq!(Direction::from_source(Some("unknown")), Direction::Unknown);
        assert_eq!(Direction::from_source(None), Direction::Unknown);
    }
}
