//! The durable download of one recording, as a pure machine: job x event → job and effect.
//!
//! Whoever runs it keeps the [`Job`] in a row and writes it **before** carrying out the [`Effect`], so that a crash
//! at any point leaves a job that [`Event::Recovered`] understands. A 202 is a *poll*; a fetch that ended any other
//! way is an *attempt*, and no ten minutes hold more than three of those (see [`crate::backoff`]). Every wait is kept
//! with the moment it was planned at, so that a clock that is set makes no job wait longer than it should.

use serde::{Deserialize, Serialize};

use crate::backoff::{self, Attempt, Attempts};
use crate::error::Code;
use crate::recording::Reason;

/// A running job is stuck when it started longer ago than this, or than three times what its size needs.
pub const STUCK_AFTER_MS: i64 = 600_000;
/// So many times a day a recording finds out for all, at the breaker's pace, whether the server is back …
const PROBES_AT_ONCE: usize = 8;
/// … and then so often, however few there are to share the questions. A list's answer opens the way to all at once.
const LATER_PROBE_MS: i64 = backoff::DAY_MS / 6;
/// The slowest line that is still expected to move a file, for [`stuck_after_ms`].
const EXPECTED_BYTES_PER_S: i64 = 64 * 1024;
/// The pauses between looks at a recording that 12 polls did not bring.
const BACKGROUND_LOOK_MS: i64 = 600_000;
const BACKGROUND_LOOK_CAP_MS: i64 = 4 * 3_600_000;
/// A recording that is "being prepared" for a day is never going to be ready …
const NEVER_READY_AFTER_MS: i64 = backoff::DAY_MS;
/// … if it was looked at so often meanwhile: a clock that was set ahead by a day is no day of preparing.
const NEVER_READY_LOOKS: u32 = 6;
/// A wall clock this far behind what the other says was set back.
const SET_BACK_MS: i64 = 2_000;
/// After a sleep the app's own wishes are spread over this time, so that not all clients come back in one moment.
pub const SPREAD_MS: i64 = 30_000;
/// A call this young may get its recording yet: the CRM links it minutes after the end.
const YOUNG_CALL_MS: i64 = 3_600_000;
/// The CRM's retention: an older call's missing recording was cleaned up.
const RETENTION_MS: i64 = 7 * backoff::DAY_MS;

/// Who asked. A person's wish goes first, then what is pinned, then what a rule of the app wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// A rule of the app.
    Background,
    /// Somebody pinned it: it is to be on this device, and nobody waits.
    Pin,
    /// Somebody is waiting for it.
    Person,
}

impl Wish {
    /// The word in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Pin => "pin",
            Self::Person => "person",
        }
    }
    /// The wish whose word this is; an unknown word is the humbler wish.
    pub fn from_word(word: &str) -> Self {
        match word {
            "person" => Self::Person,
            "pin" => Self::Pin,
            _ => Self::Background,
        }
    }
    /// The order of turns, highest first.
    pub fn priority(self) -> i64 {
        match self {
            Self::Background => 0,
            Self::Pin => 5,
            Self::Person => 10,
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for its turn, or for the pause after a failure within the window.
    Queued,
    /// Waits for the next poll.
    Preparing,
    /// Held by a process that is asking or fetching.
    Running,
    /// 12 polls brought nothing; looked at in the background.
    StillPreparing,
    /// The window is used up; goes on by itself.
    FailedRetrying,
    /// Waits for a person.
    NeedsYou,
    /// Not to be had.
    Unavailable,
    /// Not for this role.
    Restricted,
    /// In the vault.
    Stored,
    /// In the vault, in a codec that is not played here.
    Unsupported,
    /// Nobody wants it any more.
    Cancelled,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Preparing,
        Self::Running,
        Self::StillPreparing,
        Self::FailedRetrying,
        Self::NeedsYou,
        Self::Unavailable,
        Self::Restricted,
        Self::Stored,
        Self::Unsupported,
        Self::Cancelled,
    ];
}

/// Everything a download remembers. The row keeps it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Where it stands.
    pub phase: Phase,
    /// Why, where there is a why.
    pub reason: Option<Reason>,
    /// The strongest wish.
    pub wish: Wish,
    /// When that wish was made.
    pub asked_at_ms: i64,
    /// Not to be run before; `None` where nothing happens by itself.
    pub next_at_ms: Option<i64>,
    /// Begin of the run that holds it.
    pub started: Option<Attempt>,
    /// Attempts of the last day, for the window.
    pub attempts: Attempts,
    /// 202 answers of this asking.
    pub polls: u32,
    /// When this asking got its first 202.
    pub first_poll_at_ms: Option<i64>,
    /// Looks since the polls were used up.
    pub looks: u32,
    /// A person asked after the day's budget was used up: one attempt beyond it.
    pub beyond_budget: bool,
    /// When `next_at_ms` was decided, on both clocks.
    #[serde(default)]
    pub planned: Option<Attempt>,
    /// The server asked not to be asked before.
    #[serde(default)]
    pub patient_until_ms: Option<i64>,
    /// Questions of the last day by which it was found out, for all, that the server is not back. They are no attempts,
    /// and draw on the same day's budget.
    #[serde(default)]
    pub probes: Attempts,
    /// It waits because the server is being left alone, and for nothing else.
    #[serde(default)]
    pub postponed: bool,
}

/// Why a run was stopped by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// The app is closing, or the library.
    Stopped,
    /// The computer slept: its connections are gone.
    Suspended,
}

/// A failure, by what is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// May pass: network, 5xx, 429, a truncated or wrong body.
    Passing {
        /// What happened.
        code: Code,
        /// What the server asked for.
        retry_after_ms: Option<i64>,
    },
    /// Needs the person: sign in, free the disk, set the clock.
    NeedsYou(Code),
    /// 404. What it means depends on the call's age (`None`: unknown).
    Missing {
        /// Milliseconds since the call began.
        call_age_ms: Option<i64>,
    },
    /// No retry changes it.
    Permanent(Reason),
    /// 403.
    Forbidden,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it.
    Wanted(Wish),
    /// A runner takes it.
    Claimed,
    /// The server answered 202.
    NotYet {
        /// What it asked for.
        retry_after_ms: Option<i64>,
    },
    /// The run failed.
    Failed(Failure),
    /// The run was stopped by us; the server did nothing wrong, and it is no attempt.
    Interrupted(Interruption),
    /// The server is being left alone (see [`crate::breaker`]): no attempt.
    Postponed {
        /// How long it is left alone.
        wait_ms: i64,
        /// It was asked all the same, to find out whether it is back.
        asked: bool,
    },
    /// The server that was left alone answers again.
    ServerIsBack,
    /// The disk has no room for anything: all downloads wait for somebody to make some.
    NoRoom {
        /// It was the run's own bytes that found no room: an attempt.
        asked: bool,
    },
    /// "Not yet", while the source's own list says that its job failed: nothing comes of asking on.
    SourceFailed,
    /// The file is in the vault; `playable` is false for a codec that is not played here.
    Stored {
        /// Whether this device can play it.
        playable: bool,
    },
    /// Nobody wants it any more.
    Cancelled,
    /// The process that held it is gone, or it holds it too long.
    Recovered,
    /// What `NeedsYou` waited for was done.
    Helped,
    /// A clock was set, or the computer slept: what is remembered is brought in line, and nothing else happens.
    ClockMoved,
}

/// What the runner has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Look at the queue: something may be due.
    Wake,
    /// Ask the server with a HEAD, and fetch when it is there.
    Fetch,
    /// Stop the running fetch and drop what it wrote.
    Abort,
}

/// Longest time a run may take before it counts as stuck; `bytes_total` as far as known.
pub fn stuck_after_ms(bytes_total: Option<i64>) -> i64 {
    let expected_ms = bytes_total.unwrap_or(0).saturating_mul(1_000) / EXPECTED_BYTES_PER_S;
    STUCK_AFTER_MS.max(expected_ms.saturating_mul(3))
}

mod step;

#[cfg(test)]
mod tests;
