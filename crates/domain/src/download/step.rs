//! The steps of the machine.

use super::{
    BACKGROUND_LOOK_CAP_MS, BACKGROUND_LOOK_MS, Effect, Event, Failure, Interruption, Job, LATER_PROBE_MS,
    NEVER_READY_AFTER_MS, NEVER_READY_LOOKS, PROBES_AT_ONCE, Phase, RETENTION_MS, SET_BACK_MS, SPREAD_MS, Wish,
    YOUNG_CALL_MS, stuck_after_ms,
};
use crate::backoff::{self, Attempts, Moment};
use crate::error::Code;
use crate::recording::{Fact, Reason, RecordingState};

impl Job {
    /// A wish for something that nobody asked for yet.
    pub fn new(wish: Wish, moment: Moment) -> Self {
        Self {
            phase: Phase::Queued,
            reason: None,
            wish,
            asked_at_ms: moment.now_ms,
            next_at_ms: Some(moment.now_ms),
            started: None,
            attempts: Attempts::default(),
            polls: 0,
            first_poll_at_ms: None,
            looks: 0,
            beyond_budget: false,
            planned: Some(moment.attempt()),
            patient_until_ms: None,
            probes: Attempts::default(),
            postponed: false,
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
    /// profile, so a lease of another one is dead), or it began too long ago. How long is asked of the clock that can
    /// be neither set nor slept through.
    pub fn is_stuck(&self, moment: Moment, bytes_total: Option<i64>) -> bool {
        self.started.is_some_and(|started| {
            let held_ms = moment.monotonic_ms.saturating_sub(started.monotonic_ms);
            started.process != moment.process || held_ms > stuck_after_ms(bytes_total)
        })
    }

    /// It has one of the source's places for what is being prepared: another asking for a new one would queue behind.
    pub fn is_preparing(&self) -> bool {
        matches!(self.phase, Phase::Preparing | Phase::Running) && self.polls > 0 && self.looks == 0
    }

    /// One step. Events that mean nothing in a phase change nothing.
    pub fn step(mut self, event: Event, moment: Moment, random: f64) -> (Self, Effect) {
        self.attempts.settle(moment);
        self.probes.settle(moment);
        if let Some(started) = self.started.as_mut().filter(|started| started.process == moment.process) {
            started.settle(moment);
        }
        self.settle_wait(moment);
        let effect = self.apply(event, moment, random);
        (self, effect)
    }

    /// A clock that was set back since the wait was planned would make it longer by as much.
    fn settle_wait(&mut self, moment: Moment) {
        let Some(planned) = self.planned.as_mut() else { return };
        let same = planned.process == moment.process;
        let true_ms = if same { moment.monotonic_ms.saturating_sub(planned.monotonic_ms).max(0) } else { 0 };
        let set_back_ms = true_ms.saturating_sub(moment.now_ms.saturating_sub(planned.at_ms));
        if set_back_ms > SET_BACK_MS {
            planned.at_ms = planned.at_ms.saturating_sub(set_back_ms);
            for at_ms in [&mut self.next_at_ms, &mut self.patient_until_ms, &mut self.first_poll_at_ms] {
                *at_ms = at_ms.map(|at_ms| at_ms.saturating_sub(set_back_ms));
            }
        }
    }

    fn apply(&mut self, event: Event, moment: Moment, random: f64) -> Effect {
        match (self.phase, event) {
            (Phase::Stored | Phase::Unsupported, Event::Wanted(_)) => Effect::None,
            (Phase::Queued | Phase::Preparing | Phase::Running, Event::Wanted(wish)) => {
                self.heed(wish, moment);
                Effect::Wake
            }
            // A rule asks on and on; it takes nothing back that was decided, and makes no wait shorter.
            (
                Phase::StillPreparing
                | Phase::FailedRetrying
                | Phase::NeedsYou
                | Phase::Unavailable
                | Phase::Restricted
                | Phase::Cancelled,
                Event::Wanted(wish),
            ) => match wish {
                Wish::Background => Effect::None,
                Wish::Pin | Wish::Person => self.ask_again(wish, moment),
            },

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
            (Phase::Running, Event::Interrupted(cause)) => {
                let spread = cause == Interruption::Suspended && self.wish != Wish::Person;
                let wait_ms = if spread { (SPREAD_MS as f64 * random) as i64 } else { 0 };
                self.put_back(wait_ms, moment);
                Effect::Wake
            }
            (Phase::Running, Event::Postponed { wait_ms, asked }) => {
                if asked && let Some(started) = self.started {
                    self.probes.push(started);
                }
                let is_spent = asked && self.probes.len() >= PROBES_AT_ONCE;
                let wait_ms = if is_spent { wait_ms.max(LATER_PROBE_MS) } else { wait_ms };
                // Behind the others of its kind: it may have been the one that asked for all of them, and the same
                // recording shall not be the next one too.
                self.asked_at_ms = moment.now_ms;
                self.put_back(backoff::patience_ms(wait_ms, random), moment);
                self.postponed = true;
                Effect::Wake
            }
            (Phase::Queued | Phase::Preparing | Phase::StillPreparing, Event::ServerIsBack) if self.postponed => {
                self.put_back((SPREAD_MS as f64 * random) as i64, moment);
                Effect::Wake
            }
            (_, Event::ServerIsBack) => Effect::None,
            (Phase::Running, Event::NoRoom { asked }) => {
                if asked {
                    self.count_run(moment);
                }
                self.rest(Phase::NeedsYou, Some(Reason::Code(Code::DiskFull)), None, moment);
                Effect::None
            }
            (
                Phase::Queued | Phase::Preparing | Phase::StillPreparing | Phase::FailedRetrying,
                Event::NoRoom { asked: false },
            ) => {
                self.rest(Phase::NeedsYou, Some(Reason::Code(Code::DiskFull)), None, moment);
                Effect::None
            }
            (_, Event::NoRoom { .. }) => Effect::None,
            (Phase::Running, Event::SourceFailed) => self.source_failed(moment, random),
            (Phase::Running, Event::Stored { playable }) => {
                self.count_run(moment);
                self.rest(if playable { Phase::Stored } else { Phase::Unsupported }, None, None, moment);
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
                | Event::Interrupted(_)
                | Event::Postponed { .. }
                | Event::SourceFailed
                | Event::Stored { .. }
                | Event::Recovered,
            ) => Effect::None,

            (Phase::Running, Event::Cancelled) => {
                self.count_run(moment);
                self.rest(Phase::Cancelled, None, None, moment);
                Effect::Abort
            }
            (
                Phase::Queued | Phase::Preparing | Phase::StillPreparing | Phase::FailedRetrying | Phase::NeedsYou,
                Event::Cancelled,
            ) => {
                self.rest(Phase::Cancelled, None, None, moment);
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
            (_, Event::ClockMoved) => Effect::None,
        }
    }

    /// Back to where the run took it from.
    fn put_back(&mut self, wait_ms: i64, moment: Moment) {
        let phase = match (self.looks, self.polls) {
            (1.., _) => Phase::StillPreparing,
            (_, 1..) => Phase::Preparing,
            _ => Phase::Queued,
        };
        self.rest(phase, self.reason, Some(moment.now_ms.saturating_add(wait_ms)), moment);
    }

    fn heed(&mut self, wish: Wish, moment: Moment) {
        if wish > self.wish {
            self.wish = wish;
            self.asked_at_ms = moment.now_ms;
        }
        if wish == Wish::Person && self.phase == Phase::Queued {
            // "Try again": at once, as far as the window and the server allow.
            self.beyond_budget = true;
            let at_ms = self.allowed_at_ms(moment).max(self.patient_until_ms(wish, moment));
            if self.next_at_ms.is_none_or(|next_at_ms| next_at_ms > at_ms) {
                self.plan(Some(at_ms), moment);
            }
        }
    }

    /// Until when the server is left in peace; somebody who waits does so for five minutes of it at most.
    fn patient_until_ms(&self, wish: Wish, moment: Moment) -> i64 {
        let Some(until_ms) = self.patient_until_ms else { return i64::MIN };
        match wish {
            Wish::Person => until_ms.min(moment.now_ms.saturating_add(backoff::FOREGROUND_RETRY_AFTER_MS)),
            Wish::Background | Wish::Pin => until_ms,
        }
    }

    fn ask_again(&mut self, wish: Wish, moment: Moment) -> Effect {
        let taken_up_again = matches!(self.phase, Phase::Cancelled | Phase::Unavailable | Phase::Restricted);
        self.wish = if taken_up_again { wish } else { self.wish.max(wish) };
        self.asked_at_ms = moment.now_ms;
        self.polls = 0;
        self.looks = 0;
        self.first_poll_at_ms = None;
        self.beyond_budget = wish == Wish::Person;
        let mut at_ms = self.allowed_at_ms(moment).max(self.patient_until_ms(wish, moment));
        if at_ms <= moment.now_ms {
            self.rest(Phase::Queued, None, Some(moment.now_ms), moment);
        } else {
            let reason = self.reason.or(Some(Reason::Code(Code::ServerUnavailable)));
            if self.phase == Phase::FailedRetrying && wish == Wish::Person {
                // Asking a second time makes nobody wait longer than asking once did.
                at_ms = self.next_at_ms.map_or(at_ms, |next_at_ms| next_at_ms.min(at_ms));
            }
            let (phase, reason) = match self.phase {
                Phase::StillPreparing => (Phase::StillPreparing, self.reason),
                _ => (Phase::FailedRetrying, reason),
            };
            self.rest(phase, reason, Some(at_ms), moment);
        }
        Effect::Wake
    }

    /// The last check before the network: a job that comes too early goes back to wait, whatever its row said.
    fn claim(&mut self, moment: Moment) -> Effect {
        let allowed_at_ms = self.allowed_at_ms(moment);
        if allowed_at_ms > moment.now_ms {
            self.rest(Phase::FailedRetrying, self.reason, Some(allowed_at_ms), moment);
            return Effect::Wake;
        }
        self.phase = Phase::Running;
        self.started = Some(moment.attempt());
        self.patient_until_ms = None;
        self.postponed = false;
        self.plan(None, moment);
        Effect::Fetch
    }

    fn allowed_at_ms(&self, moment: Moment) -> i64 {
        let allowed_at_ms = self.attempts.allowed_at_ms(moment.now_ms);
        if self.beyond_budget { allowed_at_ms } else { allowed_at_ms.max(self.attempts.day_frees_at_ms(&self.probes)) }
    }

    fn not_yet(&mut self, retry_after_ms: Option<i64>, moment: Moment, random: f64) -> Effect {
        let sent_at_ms = self.started.map_or(moment.now_ms, |started| started.at_ms.min(moment.now_ms));
        self.started = None;
        let first_ms = *self.first_poll_at_ms.get_or_insert(sent_at_ms);
        let asked_ms = retry_after_ms.unwrap_or(0);
        self.patient_until_ms = retry_after_ms.map(|ms| moment.now_ms.saturating_add(ms));
        if self.polls < backoff::MAX_POLLS {
            self.polls += 1;
            // The schedule runs from the first poll: what an answer took is not added to the waits.
            if asked_ms <= backoff::FOREGROUND_RETRY_AFTER_MS
                && let Some(wait_ms) = backoff::poll_wait_ms(self.polls, retry_after_ms, random)
            {
                let patience_ms = retry_after_ms.map_or(0, |ms| backoff::patience_ms(ms, random));
                let next_ms = sent_at_ms.saturating_add(wait_ms).max(moment.now_ms.saturating_add(patience_ms));
                self.rest(Phase::Preparing, None, Some(next_ms), moment);
                return Effect::Wake;
            }
        }
        if self.is_given_up(first_ms, moment) {
            return Effect::None;
        }
        let wait_ms = self.next_look_ms().max(backoff::patience_ms(asked_ms, random));
        let next_ms = moment.now_ms.saturating_add(wait_ms);
        self.rest(Phase::StillPreparing, Some(Reason::Code(Code::NotReady)), Some(next_ms), moment);
        Effect::Wake
    }

    fn is_given_up(&mut self, first_ms: i64, moment: Moment) -> bool {
        let given_up =
            self.looks >= NEVER_READY_LOOKS && moment.now_ms.saturating_sub(first_ms) >= NEVER_READY_AFTER_MS;
        if given_up {
            self.rest(Phase::Unavailable, Some(Reason::Fact(Fact::NeverReady)), None, moment);
        }
        given_up
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
        if self.is_given_up(first_ms, moment) {
            return Effect::None;
        }
        let wait_ms = backoff::patience_ms(self.next_look_ms(), random);
        let reason = Some(Reason::Code(Code::ServerUnavailable));
        self.rest(Phase::FailedRetrying, reason, Some(moment.now_ms.saturating_add(wait_ms)), moment);
        Effect::Wake
    }

    fn fail(&mut self, failure: Failure, moment: Moment, random: f64) -> Effect {
        let passing = match failure {
            Failure::Passing { code, retry_after_ms } => (code, retry_after_ms),
            Failure::Missing { call_age_ms: Some(age_ms) } if age_ms < YOUNG_CALL_MS => (Code::NotFound, None),
            Failure::Missing { call_age_ms } => {
                let old = call_age_ms.is_some_and(|age_ms| age_ms > RETENTION_MS);
                let reason = if old { Reason::Fact(Fact::PastRetention) } else { Reason::Code(Code::NotFound) };
                self.rest(Phase::Unavailable, Some(reason), None, moment);
                return Effect::None;
            }
            Failure::NeedsYou(code) => {
                self.rest(Phase::NeedsYou, Some(Reason::Code(code)), None, moment);
                return Effect::None;
            }
            Failure::Permanent(reason) => {
                self.rest(Phase::Unavailable, Some(reason), None, moment);
                return Effect::None;
            }
            Failure::Forbidden => {
                self.rest(Phase::Restricted, Some(Reason::Code(Code::Forbidden)), None, moment);
                return Effect::None;
            }
        };
        let (code, retry_after_ms) = passing;
        self.patient_until_ms = retry_after_ms.map(|ms| moment.now_ms.saturating_add(ms));
        let allowed_at_ms = self.allowed_at_ms(moment);
        let tries = u32::try_from(self.attempts.in_window(moment.now_ms)).unwrap_or(u32::MAX).saturating_sub(1);
        let wait_ms = backoff::retry_wait_ms(tries, retry_after_ms, random);
        let next_at_ms = moment.now_ms.saturating_add(wait_ms).max(allowed_at_ms);
        let used_up = allowed_at_ms > moment.now_ms
            || retry_after_ms.is_some_and(|asked_ms| asked_ms > backoff::FOREGROUND_RETRY_AFTER_MS);
        let phase = if used_up { Phase::FailedRetrying } else { Phase::Queued };
        self.rest(phase, Some(Reason::Code(code)), Some(next_at_ms), moment);
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

    fn rest(&mut self, phase: Phase, reason: Option<Reason>, next_at_ms: Option<i64>, moment: Moment) {
        self.phase = phase;
        self.reason = reason;
        self.started = None;
        self.postponed = false;
        self.plan(next_at_ms, moment);
    }

    fn plan(&mut self, next_at_ms: Option<i64>, moment: Moment) {
        self.next_at_ms = next_at_ms;
        self.planned = next_at_ms.map(|_| moment.attempt());
    }
}
