//! What stands before every question to an origin: the circuit breaker and the budget of repeats.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aftercall_domain::breaker::{Breaker, Gate as Passing, RetryBudget};
use aftercall_domain::clock::Clock;
use http::StatusCode;

use super::UpstreamError;
use super::http::Question;

/// Questions whose last answer was a failure; more than this at once are not told apart.
const FAILED_MAX: usize = 1_024;

#[derive(Default)]
struct State {
    breaker: Breaker,
    budget: RetryBudget,
    failed: HashSet<u64>,
    offline: bool,
}

/// The gate of one origin, shared by its lists and its recordings.
pub(super) struct Gate {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
}

/// The way through, for one question. Dropped unsettled (the question was given up) it says nothing of the server.
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    passing: Passing,
    question: u64,
    sound: bool,
    settled: bool,
}

impl Gate {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), clock }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a question through, or says how long the server is left alone.
    pub(super) fn enter(&self, question: &Question) -> Result<Pass<'_>, UpstreamError> {
        let now_ms = self.clock.monotonic_ms();
        let key = BuildHasherDefault::<DefaultHasher>::default().hash_one((
            question.method.as_str(),
            question.url.path(),
            question.url.query(),
            question.range,
        ));
        let mut state = self.state();
        let passing = state.breaker.enter(now_ms, question.sound);
        if let Passing::Shut { wait_ms } = passing {
            return Err(UpstreamError::Paused { wait_ms, offline: state.offline });
        }
        if !state.failed.contains(&key) {
            state.budget.earn(now_ms);
        } else if let Some(wait_ms) = state.budget.spend(now_ms) {
            state.breaker.let_go(passing);
            return Err(UpstreamError::Paused { wait_ms, offline: state.offline });
        }
        Ok(Pass { gate: self, passing, question: key, sound: question.sound, settled: false })
    }

    /// How long a recording's question would be refused.
    pub(super) fn resting_ms(&self) -> i64 {
        self.state().breaker.wait_ms(self.clock.monotonic_ms(), true)
    }

    /// Somebody waits, or the network is back.
    pub(super) fn try_now(&self) {
        let now_ms = self.clock.monotonic_ms();
        self.state().breaker.try_now(now_ms);
    }
}

impl Pass<'_> {
    /// An answer came. A 500 of a list is the database's outage; that of a recording is its own failed job.
    pub(super) fn answered(self, status: StatusCode) {
        let failed = match status.as_u16() {
            500 => !self.sound,
            502..=504 => true,
            _ => false,
        };
        self.settle(!failed, false);
    }

    /// No answer came. The caller's error, or, where this was the probe that was to decide for all, that the server is
    /// left alone on: the one recording that was the probe shall not pay for it.
    pub(super) fn failed(self, error: UpstreamError) -> UpstreamError {
        let offline = matches!(error, UpstreamError::Offline);
        if offline || matches!(error, UpstreamError::TimedOut | UpstreamError::Unavailable { .. }) {
            self.settle(false, offline);
        }
        error
    }

    /// This question was to decide for all.
    pub(super) fn is_probe(&self) -> bool {
        self.passing == Passing::Probe
    }

    fn settle(mut self, well: bool, offline: bool) {
        self.settled = true;
        let now_ms = self.gate.clock.monotonic_ms();
        let mut state = self.gate.state();
        state.breaker.answered(now_ms, self.passing, well);
        if well {
            state.failed.remove(&self.question);
        } else {
            if state.failed.len() >= FAILED_MAX {
                state.failed.clear();
            }
            state.failed.insert(self.question);
            state.offline = offline;
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.gate.state().breaker.let_go(self.passing);
        }
    }
}
