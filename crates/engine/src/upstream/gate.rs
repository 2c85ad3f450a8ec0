//! What stands before every question to an origin: the circuit breaker and the budget of repeats.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aftercall_domain::breaker::{Breaker, Gate as Passing, Rest, RetryBudget};
use aftercall_domain::clock::Clock;
use http::StatusCode;

use crate::chance::Chance;

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

/// What is asked, as far as the gate cares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// The same for the same question.
    pub question: u64,
    /// It is about a recording.
    pub sound: bool,
}

impl From<&Question> for Asked {
    fn from(question: &Question) -> Self {
        let key = BuildHasherDefault::<DefaultHasher>::default().hash_one((
            question.method.as_str(),
            question.url.path(),
            question.url.query(),
            question.range,
        ));
        Self { question: key, sound: question.sound }
    }
}

/// The gate of one origin, shared by its lists and its recordings.
pub(crate) struct Gate {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    chance: Chance,
}

/// The way through, for one question. Dropped unsettled (the question was given up) it says nothing of the server.
struct Pass<'a> {
    gate: &'a Gate,
    passing: Passing,
    asked: Asked,
    settled: bool,
}

impl Gate {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), clock, chance: Chance::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Gate::new`], drawing the same numbers every time.
    #[cfg(test)]
    pub(crate) fn with_chance(clock: Arc<dyn Clock>, chance: Chance) -> Self {
        Self { chance, ..Self::new(clock) }
    }

    /// The server is left alone, or about to be probed.
    pub(crate) fn is_shut(&self) -> bool {
        self.state().breaker.is_shut()
    }

    /// Lets a question through to `send`, and takes what comes of it into account.
    ///
    /// # Errors
    /// [`UpstreamError::Paused`] while the server is left alone, without sending; those of `send`.
    pub(crate) async fn through<T>(
        &self,
        asked: Asked,
        send: impl Future<Output = Result<T, UpstreamError>>,
        status: impl Fn(&T) -> StatusCode,
    ) -> Result<T, UpstreamError> {
        let pass = self.enter(asked)?;
        let decides_for_recordings = asked.sound && pass.passing == Passing::Probe;
        let answer = send.await;
        match &answer {
            Ok(answer) => pass.answered(status(answer)),
            Err(error) => pass.failed(error),
        }
        match self.resting() {
            // The probe failed. The recording that was it does not pay for the others.
            Some(Rest { wait_ms, .. }) if decides_for_recordings => {
                let offline = matches!(answer, Err(UpstreamError::Offline));
                Err(UpstreamError::Paused { wait_ms, offline, asked: !offline })
            }
            _ => answer,
        }
    }

    /// Lets a question through, or says how long the server is left alone.
    fn enter(&self, asked: Asked) -> Result<Pass<'_>, UpstreamError> {
        let now_ms = self.clock.monotonic_ms();
        let mut state = self.state();
        let passing = state.breaker.enter(now_ms, asked.sound);
        if let Passing::Shut { wait_ms } = passing {
            return Err(UpstreamError::Paused { wait_ms, offline: state.offline, asked: false });
        }
        if !state.failed.contains(&asked.question) {
            state.budget.earn(now_ms);
        } else if let Some(wait_ms) = state.budget.spend(now_ms) {
            state.breaker.let_go(passing);
            return Err(UpstreamError::Paused { wait_ms, offline: state.offline, asked: false });
        }
        Ok(Pass { gate: self, passing, asked, settled: false })
    }

    /// Whether and how long a recording's question would be refused.
    pub(crate) fn resting(&self) -> Option<Rest> {
        let state = self.state();
        let wait_ms = state.breaker.wait_ms(self.clock.monotonic_ms(), true);
        (wait_ms > 0).then_some(Rest { wait_ms, offline: state.offline })
    }

    /// Somebody waits, or the network is back.
    pub(crate) fn try_now(&self) {
        let now_ms = self.clock.monotonic_ms();
        self.state().breaker.try_now(now_ms);
    }
}

impl Pass<'_> {
    /// An answer came. A 500 of a list is the database's outage; that of a recording is its own failed job.
    fn answered(self, status: StatusCode) {
        let failed = match status.as_u16() {
            500 => !self.asked.sound,
            502..=504 => true,
            _ => false,
        };
        self.settle(!failed, false);
    }

    /// No answer came.
    fn failed(self, error: &UpstreamError) {
        let offline = matches!(error, UpstreamError::Offline);
        if offline || matches!(error, UpstreamError::TimedOut | UpstreamError::Unavailable { .. }) {
            self.settle(false, offline);
        }
    }

    fn settle(mut self, well: bool, offline: bool) {
        self.settled = true;
        let now_ms = self.gate.clock.monotonic_ms();
        let mut state = self.gate.state();
        state.breaker.answered(now_ms, self.passing, well, self.gate.chance.draw());
        if well {
            state.failed.remove(&self.asked.question);
        } else {
            if state.failed.len() >= FAILED_MAX {
                state.failed.clear();
            }
            state.failed.insert(self.asked.question);
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
