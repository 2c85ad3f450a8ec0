//! The durable download of one recording, as a pure machine: job x event → job and effect.
//!
//! Whoever runs it keeps the [`Job`] in a row and writes it **before** carrying out the [`Effect`], so that a crash
//! at any point leaves a job that [`Event::Recovered`] understands. A 202 is a *poll*; a fetch that ended any other
//! way is an *attempt*, and no ten minutes hold more than three of those (see [`crate::backoff`]).

use serde::{Deserialize, Serialize};

use crate::backoff::{self, Attempt, Attempts, Moment};
use crate::error::Code;
use crate::recording::{Fact, Reason, RecordingState};

/// A running job is stuck when it started longer ago than this, or than three times what its size needs.
pub const STUCK_AFTER_MS: i64 = 600_000;
/// The slowest line that is still expected to move a file, for [`stuck_after_ms`].
const EXPECTED_BYTES_PER_S: i64 = 64 * 1024;
/// The pauses between looks at a recording that 12 polls did not bring.
const BACKGROUND_LOOK_MS: i64 = 600_000;
const BACKGROUND_LOOK_CAP_MS: i64 = 4 * 3_600_000;
/// A recording that is "being prepared" for a day is never going to be ready.
const NEVER_READY_AFTER_MS: i64 = backoff::DAY_MS;
/// A call this young may get its recording yet: the CRM links it minutes after the end.
const YOUNG_CALL_MS: i64 = 3_600_000;
/// The CRM's retention: an older call's missing recording was cleaned up.
const RETENTION_MS: i64 = 7 * backoff::DAY_MS;

/// Who asked. A person's wish goes before the app's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// A rule of the app.
    Background,
    /// Somebody is waiting for it.
    Person,
}

impl Wish {
    /// The word in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Person => "person",
        }
    }
    /// The wish whose word this is; an unknown word is the humbler wish.
    pub fn from_word(word: &str) -> Self {
        if word == "person" { Self::Person } else { Self::Background }
    }
    /// The order of turns, highest first.
    pub fn priority(self) -> i64 {
        match self {
            Self::Background => 0,
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
    /// The run was stopped by us (quit, sleep); the server did nothing wrong.
    Interrupted,
    /// The run did not ask, because the server is being left alone (see [`crate::breaker`]): no attempt.
    Postponed {
        /// How long it is left alone.
        wait_ms: i64,
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

impl Job {
    /// A wish for something that nobody asked for yet.
    pub fn new(wish: Wish, now_ms: i64) -> Self {
        Self {
            phase: Phase::Queued,
            reason: None,
            wish,
            asked_at_ms: now_ms,
            next_at_ms: Some(now_ms),
            started: None,
            attempts: Attempts::default(),
            polls: 0,
            first_poll_at_ms: None,
            looks: 0,
            beyond_budget: false,
        }
    }

    /// What the recording's row says while the job stands like this.
    pub fn recording_state(&self) -> RecordingState {
        match self.phase {
            Phase::Queued => RecordingState::Queued,
            Phase::Preparing => RecordingState::Preparing,
            // A poll is a short run: the ladder goes on being shown.
            Phase::Running if self.looks > 0 => RecordingState::StillPreparing,
            Phase::Running if self.polls > 0 => RecordingState::Preparing,
            Phase::Running => RecordingState::Queued,
            Phase::StillPreparing => RecordingState::StillPreparing,
            Phase::FailedRetrying => RecordingState::FailedRetrying,
            Phase::NeedsYou => RecordingState::FailedNeedsYou,
            Phase::Unavailable => RecordingState::Unavailable,
            Phase::Restricted => RecordingState::Restricted,
            Phase::Stored => RecordingState::OnDevice,
            Phase::Unsupported => RecordingState::Unsupported,
            Phase::Cancelled => RecordingState::ReadyOnline,
        }
    }

    /// Nothing more comes by itself while somebody waits: stored, not to be had, needing the person, or its window
    /// or its polls used up.
    pub fn is_settled(&self) -> bool {
        !matches!(self.phase, Phase::Queued | Phase::Preparing | Phase::Running)
    }

    /// Whether a runner may take it now.
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.started.is_none() && self.next_at_ms.is_some_and(|at| at <= now_ms)
    }

    /// Whether the run that holds it must be taken from it: its process is gone (one process at a time writes to a
    /// profile, so a lease of another one is dead), or it began too long ago.
    pub fn is_stuck(&self, moment: Moment, bytes_total: Option<i64>) -> bool {
        self.started.is_some_and(|started| {
            started.process != moment.process || moment.now_ms - started.at_ms > stuck_after_ms(bytes_total)
        })
    }

    /// One step. Events that mean nothing in a phase change nothing.
    pub fn step(mut self, event: Event, moment: Moment, random: f64) -> (Self, Effect) {
        self.attempts.settle(moment);
        if let Some(started) = self.started.as_mut().filter(|started| started.process == moment.process) {
            started.settle(moment);
        }
        let effect = self.apply(event, moment, random);
        (self, effect)
    }

    fn apply(&mut self, event: Event, moment: Moment, random: f64) -> Effect {
        match (self.phase, event) {
            (Phase::Stored | Phase::Unsupported, Event::Wanted(_)) => Effect::None,
            (Phase::Queued | Phase::Preparing | Phase::Running, Event::Wanted(wish)) => {
                self.heed(wish, moment);
                Effect::Wake
            }
            (
                Phase::StillPreparing
                | Phase::FailedRetrying
                | Phase::NeedsYou
                | Phase::Unavailable
                | Phase::Restricted
                | Phase::Cancelled,
                Event::Wanted(wish),
            ) => self.ask_again(wish, moment),

            (Phase::Queued | Phase::Preparing | Phase::StillPreparing | Phase::FailedRetrying, Event::Claimed) => {
                self.claim(moment)
            }
            (
                Phase::Running
                | Phase::NeedsYou
                | Phase::Unavailable
                | Phase::Restricted
                | Phase::Stored
                | Phase::Unsupported
                | Phase::Cancelled,
                Event::Claimed,
            ) => Effect::None,

            (Phase::Running, Event::NotYet { retry_after_ms }) => self.not_yet(retry_after_ms, moment, random),
            (Phase::Running, Event::Failed(failure)) => {
                self.count_run(moment);
                self.fail(failure, moment, random)
            }
            (Phase::Running, Event::Interrupted) => {
                self.started = None;
                self.phase = if self.polls > 0 { Phase::Preparing } else { Phase::Queued };
                self.next_at_ms = Some(moment.now_ms);
                Effect::Wake
            }
            (Phase::Running, Event::Postponed { wait_ms }) => {
                self.started = None;
                self.phase = match (self.looks, self.polls) {
                    (1.., _) => Phase::StillPreparing,
                    (_, 1..) => Phase::Preparing,
                    _ => Phase::Queued,
                };
                self.next_at_ms = Some(moment.now_ms.saturating_add(backoff::patience_ms(wait_ms, random)));
                Effect::Wake
            }
            (Phase::Running, Event::SourceFailed) => self.source_failed(moment, random),
            (Phase::Running, Event::Stored { playable }) => {
                self.count_run(moment);
                self.rest(if playable { Phase::Stored } else { Phase::Unsupported }, None, None);
                if !playable {
                    self.reason = Some(Reason::Code(Code::UnsupportedAudio));
                }
                Effect::None
            }
            (Phase::Running, Event::Recovered) => {
                self.count_run(moment);
                self.fail(Failure::Passing { code: Code::Internal, retry_after_ms: None }, moment, random)
            }
            // A result of a run that was taken from its runner: too late to count.
            (
                _,
                Event::NotYet { .. }
                | Event::Failed(_)
                | Event::Interrupted
                | Event::Postponed { .. }
                | Event::SourceFailed
                | Event::Stored { .. }
                | Event::Recovered,
            ) => Effect::None,

            (Phase::Running, Event::Cancelled) => {
                self.count_run(moment);
                self.rest(Phase::Cancelled, None, None);
                Effect::Abort
            }
            (
                Phase::Queued | Phase::Preparing | Phase::StillPreparing | Phase::FailedRetrying | Phase::NeedsYou,
                Event::Cancelled,
            ) => {
                self.rest(Phase::Cancelled, None, None);
                Effect::None
            }
            (
                Phase::Unavailable | Phase::Restricted | Phase::Stored | Phase::Unsupported | Phase::Cancelled,
                Event::Cancelled,
            ) => Effect::None,

            (Phase::NeedsYou, Event::Helped) => self.ask_again(self.wish, moment),
            (
                Phase::Queued
                | Phase::Preparing
                | Phase::Running
                | Phase::StillPreparing
                | Phase::FailedRetrying
                | Phase::Unavailable
                | Phase::Restricted
                | Phase::Stored
                | Phase::Unsupported
                | Phase::Cancelled,
                Event::Helped,
            ) => Effect::None,
        }
    }

    fn heed(&mut self, wish: Wish, moment: Moment) {
        if wish > self.wish {
            self.wish = wish;
            self.asked_at_ms = moment.now_ms;
        }
    }

    fn ask_again(&mut self, wish: Wish, moment: Moment) -> Effect {
        self.wish = wish;
        self.asked_at_ms = moment.now_ms;
        self.polls = 0;
        self.looks = 0;
        self.first_poll_at_ms = None;
        self.beyond_budget = wish == Wish::Person;
        let allowed_at_ms = self.allowed_at_ms(moment);
        if allowed_at_ms <= moment.now_ms {
            self.rest(Phase::Queued, None, Some(moment.now_ms));
        } else {
            let reason = self.reason.or(Some(Reason::Code(Code::ServerUnavailable)));
            self.rest(Phase::FailedRetrying, reason, Some(allowed_at_ms));
        }
        Effect::Wake
    }

    /// The last check before the network: a job that comes too early goes back to wait, whatever its row said.
    fn claim(&mut self, moment: Moment) -> Effect {
        let allowed_at_ms = self.allowed_at_ms(moment);
        if allowed_at_ms > moment.now_ms {
            self.rest(Phase::FailedRetrying, self.reason, Some(allowed_at_ms));
            return Effect::Wake;
        }
        self.phase = Phase::Running;
        self.started = Some(moment.attempt());
        self.next_at_ms = None;
        Effect::Fetch
    }

    fn allowed_at_ms(&self, moment: Moment) -> i64 {
        self.attempts.allowed_at_ms(moment.now_ms, !self.beyond_budget)
    }

    fn not_yet(&mut self, retry_after_ms: Option<i64>, moment: Moment, random: f64) -> Effect {
        let sent_at_ms = self.started.map_or(moment.now_ms, |started| started.at_ms.min(moment.now_ms));
        self.started = None;
        let first_ms = *self.first_poll_at_ms.get_or_insert(sent_at_ms);
        let asked_ms = retry_after_ms.unwrap_or(0);
        if self.polls < backoff::MAX_POLLS {
            self.polls += 1;
            // The schedule runs from the first poll: what an answer took is not added to the waits.
            if asked_ms <= backoff::FOREGROUND_RETRY_AFTER_MS
                && let Some(wait_ms) = backoff::poll_wait_ms(self.polls, retry_after_ms, random)
            {
                let patience_ms = retry_after_ms.map_or(0, |ms| backoff::patience_ms(ms, random));
                let next_ms = sent_at_ms.saturating_add(wait_ms).max(moment.now_ms.saturating_add(patience_ms));
                self.rest(Phase::Preparing, None, Some(next_ms));
                return Effect::Wake;
            }
        }
        if moment.now_ms.saturating_sub(first_ms) >= NEVER_READY_AFTER_MS {
            self.rest(Phase::Unavailable, Some(Reason::Fact(Fact::NeverReady)), None);
            return Effect::None;
        }
        let wait_ms = self.next_look_ms().max(backoff::patience_ms(asked_ms, random));
        self.rest(Phase::StillPreparing, Some(Reason::Code(Code::NotReady)), Some(moment.now_ms + wait_ms));
        Effect::Wake
    }

    fn next_look_ms(&mut self) -> i64 {
        let look_ms = (BACKGROUND_LOOK_MS << self.looks.min(8)).min(BACKGROUND_LOOK_CAP_MS);
        self.looks += 1;
        look_ms
    }

    /// The source's job failed. It makes a new one when it is asked again, not within ten minutes.
    fn source_failed(&mut self, moment: Moment, random: f64) -> Effect {
        let first_ms = *self.first_poll_at_ms.get_or_insert(moment.now_ms);
        self.started = None;
        if moment.now_ms.saturating_sub(first_ms) >= NEVER_READY_AFTER_MS {
            self.rest(Phase::Unavailable, Some(Reason::Fact(Fact::NeverReady)), None);
            return Effect::None;
        }
        let wait_ms = backoff::patience_ms(self.next_look_ms(), random);
        let reason = Some(Reason::Code(Code::ServerUnavailable));
        self.rest(Phase::FailedRetrying, reason, Some(moment.now_ms.saturating_add(wait_ms)));
        Effect::Wake
    }

    fn fail(&mut self, failure: Failure, moment: Moment, random: f64) -> Effect {
        let passing = match failure {
            Failure::Passing { code, retry_after_ms } => (code, retry_after_ms),
            Failure::Missing { call_age_ms: Some(age_ms) } if age_ms < YOUNG_CALL_MS => (Code::NotFound, None),
            Failure::Missing { call_age_ms } => {
                let old = call_age_ms.is_some_and(|age_ms| age_ms > RETENTION_MS);
                let reason = if old { Reason::Fact(Fact::PastRetention) } else { Reason::Code(Code::NotFound) };
                self.rest(Phase::Unavailable, Some(reason), None);
                return Effect::None;
            }
            Failure::NeedsYou(code) => {
                self.rest(Phase::NeedsYou, Some(Reason::Code(code)), None);
                return Effect::None;
            }
            Failure::Permanent(reason) => {
                self.rest(Phase::Unavailable, Some(reason), None);
                return Effect::None;
            }
            Failure::Forbidden => {
                self.rest(Phase::Restricted, Some(Reason::Code(Code::Forbidden)), None);
                return Effect::None;
            }
        };
        let (code, retry_after_ms) = passing;
        let allowed_at_ms = self.allowed_at_ms(moment);
        let tries = u32::try_from(self.attempts.in_window(moment.now_ms)).unwrap_or(u32::MAX).saturating_sub(1);
        let wait_ms = backoff::retry_wait_ms(tries, retry_after_ms, random);
        let next_at_ms = moment.now_ms.saturating_add(wait_ms).max(allowed_at_ms);
        let used_up = allowed_at_ms > moment.now_ms
            || retry_after_ms.is_some_and(|asked_ms| asked_ms > backoff::FOREGROUND_RETRY_AFTER_MS);
        let phase = if used_up { Phase::FailedRetrying } else { Phase::Queued };
        self.rest(phase, Some(Reason::Code(code)), Some(next_at_ms));
        Effect::Wake
    }

    /// The run that ends now was an attempt, made when it began.
    fn count_run(&mut self, moment: Moment) {
        if let Some(started) = self.started.take() {
            self.attempts.push(started);
            self.attempts.settle(moment);
        }
        self.beyond_budget = false;
    }

    fn rest(&mut self, phase: Phase, reason: Option<Reason>, next_at_ms: Option<i64>) {
        self.phase = phase;
        self.reason = reason;
        self.next_at_ms = next_at_ms;
        self.started = None;
    }
}

#[cfg(test)]
mod tests;
