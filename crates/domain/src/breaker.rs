//! When a server is left alone: the circuit breaker of an origin, and the budget of repeated questions.
//!
//! Pure arithmetic over a monotonic clock in milliseconds. One breaker stands before everything that is asked of an
//! origin, lists and recordings alike, so that an outage costs a few requests and not a few per recording.

use std::collections::VecDeque;

/// So many failures in a row open it …
pub const FAILURES_IN_A_ROW: u32 = 5;
/// … or half of at least so many answers …
pub const ANSWERS_JUDGED: usize = 20;
/// … within this time.
pub const JUDGED_WITHIN_MS: i64 = 60_000;
/// The first pause; each failed probe doubles it …
pub const FIRST_PAUSE_MS: i64 = 30_000;
/// … up to here.
pub const LONGEST_PAUSE_MS: i64 = 300_000;
/// Clients that lost a server in one moment do not come back in one: each pause is up to this much longer. With the
/// longest pause a server that came back is noticed within five minutes and a half, its answer and the sound included.
const JITTER: f64 = 0.08;
/// A probe by the HEAD of a recording makes the server work for one that nobody may be waiting for: at most so often.
pub const SOUND_PROBE_EVERY_MS: i64 = 300_000;
/// More recent answers than this are not remembered; a client as polite as this one never gets there.
const REMEMBERED: usize = 512;

/// Whether a question may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Open,
    /// It may, and its answer decides for all: settle it with [`Breaker::answered`] or [`Breaker::let_go`].
    Probe,
    /// Not now.
    Shut {
        /// Until it makes sense to ask again.
        wait_ms: i64,
    },
}

/// An origin is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// Until a recording may be asked for.
    pub wait_ms: i64,
    /// What failed last was the connection, not the server.
    pub offline: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until_ms: i64,
    length_ms: i64,
    probing: bool,
}

/// The circuit breaker of one origin.
#[derive(Debug, Default)]
pub struct Breaker {
    in_a_row: u32,
    recent: VecDeque<(i64, bool)>,
    pause: Option<Pause>,
    sound_probe_at_ms: Option<i64>,
}

impl Breaker {
    /// Asks to send a question now; `sound` for one of a recording.
    pub fn enter(&mut self, now_ms: i64, sound: bool) -> Gate {
        let wait_ms = self.wait_ms(now_ms, sound);
        let Some(pause) = self.pause.as_mut() else { return Gate::Open };
        if wait_ms > 0 {
            return Gate::Shut { wait_ms };
        }
        pause.probing = true;
        if sound {
            self.sound_probe_at_ms = Some(now_ms);
        }
        Gate::Probe
    }

    /// How long [`Breaker::enter`] would refuse; 0 when it would not.
    pub fn wait_ms(&self, now_ms: i64, sound: bool) -> i64 {
        let Some(pause) = self.pause else { return 0 };
        // A running probe answers soon; until then a second is as good as any.
        let of_probe = if pause.probing { 1_000 } else { 0 };
        let of_sound = match self.sound_probe_at_ms {
            Some(at_ms) if sound => at_ms + SOUND_PROBE_EVERY_MS - now_ms,
            _ => 0,
        };
        (pause.until_ms - now_ms).max(of_probe).max(of_sound).max(0)
    }

    /// What came of a question that was let through. `random` lies in `0.0..1.0`.
    pub fn answered(&mut self, now_ms: i64, gate: Gate, well: bool, random: f64) {
        self.recent.push_back((now_ms, well));
        while self.recent.front().is_some_and(|(at_ms, _)| now_ms - at_ms >= JUDGED_WITHIN_MS)
            || self.recent.len() > REMEMBERED
        {
            self.recent.pop_front();
        }
        if well {
            self.in_a_row = 0;
            // Any answer proves that it lives, also one to a question sent before it was shut.
            self.pause = None;
            if gate == Gate::Probe {
                self.recent.clear();
            }
            if !self.half_failed() {
                return;
            }
        } else {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        let longer = |ms: i64| ms + (ms as f64 * JITTER * random) as i64;
        let shut = |length_ms| Some(Pause { until_ms: now_ms + longer(length_ms), length_ms, probing: false });
        match self.pause {
            Some(pause) if gate == Gate::Probe => {
                self.pause = shut((pause.length_ms * 2).min(LONGEST_PAUSE_MS));
                // It was asked a moment ago, so that the wait that is spread begins here too.
                if let Some(at_ms) = self.sound_probe_at_ms.as_mut().filter(|at_ms| now_ms - **at_ms < FIRST_PAUSE_MS) {
                    *at_ms = at_ms.saturating_add(longer(SOUND_PROBE_EVERY_MS) - SOUND_PROBE_EVERY_MS);
                }
            }
            Some(_) => {}
            None if self.in_a_row >= FAILURES_IN_A_ROW || self.half_failed() => self.pause = shut(FIRST_PAUSE_MS),
            None => {}
        }
    }

    /// A question that was let through and then given up by us: it says nothing about the server.
    pub fn let_go(&mut self, gate: Gate) {
        if let (Gate::Probe, Some(pause)) = (gate, self.pause.as_mut()) {
            pause.probing = false;
        }
    }

    /// Somebody is there and waits, or the network came back: the next question may be a probe at once.
    pub fn try_now(&mut self, now_ms: i64) {
        if let Some(pause) = self.pause.as_mut() {
            pause.until_ms = pause.until_ms.min(now_ms);
        }
    }

    /// It is open: the server is left alone.
    pub fn is_shut(&self) -> bool {
        self.pause.is_some()
    }

    fn half_failed(&self) -> bool {
        let failed = self.recent.iter().filter(|(_, well)| !well).count();
        self.recent.len() >= ANSWERS_JUDGED && failed * 2 >= self.recent.len()
    }
}

/// Repeats are paid for by questions: one for five, and ten a minute in any case.
#[derive(Debug)]
pub struct RetryBudget {
    tokens: f64,
    at_ms: Option<i64>,
}

/// Part of the questions that may be repeats.
const PER_QUESTION: f64 = 0.2;
/// Repeats a minute that are always allowed.
pub const FLOOR_PER_MINUTE: f64 = 10.0;
/// What is saved up in quiet times is no licence for a storm.
const TOKENS_MAX: f64 = 60.0;

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tokens: FLOOR_PER_MINUTE, at_ms: None }
    }
}

impl RetryBudget {
    fn refill(&mut self, now_ms: i64) {
        let since_ms = now_ms - self.at_ms.unwrap_or(now_ms);
        self.at_ms = Some(now_ms);
        // The floor fills up to a minute's worth; only questions earn more.
        if self.tokens < FLOOR_PER_MINUTE && since_ms > 0 {
            let gained = since_ms as f64 * FLOOR_PER_MINUTE / 60_000.0;
            self.tokens = (self.tokens + gained).min(FLOOR_PER_MINUTE);
        }
    }

    /// A question is sent for the first time.
    pub fn earn(&mut self, now_ms: i64) {
        self.refill(now_ms);
        self.tokens = (self.tokens + PER_QUESTION).min(TOKENS_MAX);
    }

    /// A question is to be repeated: `None` when that is paid for, else how long until it is.
    pub fn spend(&mut self, now_ms: i64) -> Option<i64> {
        self.refill(now_ms);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return None;
        }
        Some(((1.0 - self.tokens) * 60_000.0 / FLOOR_PER_MINUTE).ceil() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fail(breaker: &mut Breaker, now_ms: i64) -> Gate {
        let gate = breaker.enter(now_ms, false);
        if !matches!(gate, Gate::Shut { .. }) {
            breaker.answered(now_ms, gate, false, 0.0);
        }
        gate
    }

    #[test]
    fn it_opens_after_five_failures_in_a_row_and_one_success_between_them_starts_anew() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            assert_eq!(fail(&mut breaker, 0), Gate::Open);
        }
        breaker.answered(0, Gate::Open, true, 0.0);
        for _ in 0..5 {
            assert_eq!(fail(&mut breaker, 0), Gate::Open);
        }
        assert_eq!(breaker.enter(1, false), Gate::Shut { wait_ms: FIRST_PAUSE_MS - 1 });
    }

    #[test]
    fn it_opens_when_half_of_twenty_answers_within_a_minute_failed() {
        let mut breaker = Breaker::default();
        for n in 0..10 {
            breaker.answered(n, Gate::Open, true, 0.0);
            assert!(!breaker.is_shut(), "{n}");
            breaker.answered(n, Gate::Open, false, 0.0);
        }
        assert!(breaker.is_shut());
        let mut slow = Breaker::default();
        for n in 0..40 {
            slow.answered(n * 10_000, Gate::Open, n % 2 == 0, 0.0);
        }
        assert!(!slow.is_shut(), "six answers a minute are too few to judge by");
    }

    #[test]
    fn the_pause_doubles_from_half_a_minute_to_five_with_one_probe_each() {
        let mut breaker = Breaker::default();
        let (mut now_ms, mut pauses) = (0, Vec::new());
        for _ in 0..5 {
            fail(&mut breaker, now_ms);
        }
        for _ in 0..6 {
            let Gate::Shut { wait_ms } = breaker.enter(now_ms, false) else { panic!("open") };
            pauses.push(wait_ms / 1_000);
            now_ms += wait_ms;
            assert_eq!(breaker.enter(now_ms, false), Gate::Probe);
            assert!(matches!(breaker.enter(now_ms, false), Gate::Shut { .. }), "one probe at a time");
            breaker.answered(now_ms, Gate::Probe, false, 0.0);
        }
        assert_eq!(pauses, [30, 60, 120, 240, 300, 300]);
        now_ms += LONGEST_PAUSE_MS;
        let gate = breaker.enter(now_ms, false);
        breaker.answered(now_ms, gate, true, 0.0);
        assert_eq!((gate, breaker.enter(now_ms, false)), (Gate::Probe, Gate::Open));
    }

    #[test]
    fn pauses_differ_by_a_little_so_that_not_all_clients_probe_in_one_moment_and_stay_under_five_minutes_and_a_half() {
        let wait_ms = |random| {
            let mut breaker = Breaker::default();
            (0..5).for_each(|_| breaker.answered(0, Gate::Open, false, random));
            let mut now_ms = 0;
            for _ in 0..8 {
                now_ms += breaker.wait_ms(now_ms, true);
                assert_eq!(breaker.enter(now_ms, true), Gate::Probe);
                breaker.answered(now_ms, Gate::Probe, false, random);
            }
            breaker.wait_ms(now_ms, true)
        };
        assert_eq!((wait_ms(0.0), wait_ms(0.5), wait_ms(1.0)), (300_000, 312_000, 324_000));
    }

    #[test]
    fn a_recording_probes_once_in_five_minutes_and_a_list_whenever_the_pause_is_over() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            fail(&mut breaker, 0);
        }
        let gate = breaker.enter(30_000, true);
        assert_eq!(gate, Gate::Probe);
        breaker.answered(30_000, gate, false, 0.0);
        assert_eq!(breaker.enter(100_000, true), Gate::Shut { wait_ms: 230_000 });
        assert_eq!(breaker.enter(100_000, false), Gate::Probe);
    }

    #[test]
    fn a_probe_that_was_given_up_leaves_room_for_the_next_and_somebody_who_waits_need_not() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            fail(&mut breaker, 0);
        }
        breaker.try_now(1);
        assert_eq!(breaker.enter(1, false), Gate::Probe);
        breaker.let_go(Gate::Probe);
        assert_eq!(breaker.enter(2, false), Gate::Probe);
    }

    #[test]
    fn repeats_are_a_fifth_of_the_questions_and_ten_a_minute_in_any_case() {
        let mut budget = RetryBudget::default();
        let spent = (0..100).filter(|_| budget.spend(0).is_none()).count();
        assert_eq!(spent, 10);
        assert_eq!(budget.spend(0), Some(6_000));
        let in_an_hour = (0..3_600).filter(|s| budget.spend(s * 1_000).is_none()).count();
        assert!((590..=610).contains(&in_an_hour), "{in_an_hour}");
        for _ in 0..100 {
            budget.earn(3_600_000);
        }
        assert!((0..100).filter(|_| budget.spend(3_600_000).is_none()).count() >= 20);
    }

    proptest! {
        #[test]
        fn a_server_that_never_answers_well_is_asked_less_than_thirty_times_an_hour(steps in proptest::collection::vec((0_i64..20_000, any::<bool>()), 1..400)) {
            let mut breaker = Breaker::default();
            let (mut now_ms, mut asked) = (0, 0);
            for (after_ms, sound) in steps {
                now_ms += after_ms;
                let gate = breaker.enter(now_ms, sound);
                if !matches!(gate, Gate::Shut { .. }) {
                    asked += 1;
                    breaker.answered(now_ms, gate, false, 0.0);
                }
            }
            prop_assert!(asked <= 5 + 5 + now_ms / LONGEST_PAUSE_MS, "{asked} in {now_ms}");
        }
    }
}
