//! When to ask again: the ladder of a recording that is being prepared, `Retry-After` in both its forms, the
//! jitter of background retries, and the rule of three attempts in ten minutes.
//!
//! Pure arithmetic. Times are UTC milliseconds, random numbers are passed in and lie in `0.0..1.0`.

use serde::{Deserialize, Serialize};

/// The waits between the polls of a recording that the server is preparing. 12 polls have 11 waits: 131 s in all.
pub const LADDER_MS: [i64; 11] = [3_000, 5_000, 8_000, 10_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000];
/// Polls of one asking; after the last "not yet" it is left to the background.
pub const MAX_POLLS: u32 = 12;
/// How long an attempt counts against its recording.
pub const WINDOW_MS: i64 = 600_000;
/// Attempts that any ten minutes may hold.
pub const ATTEMPTS_PER_WINDOW: usize = 3;
/// A day's attempts: six windows of three.
pub const ATTEMPTS_PER_DAY: usize = 18;
/// A day, for the budget above.
pub const DAY_MS: i64 = 86_400_000;
/// A `Retry-After` is honoured up to here while somebody waits; a longer one is left to the background.
pub const FOREGROUND_RETRY_AFTER_MS: i64 = 300_000;
/// No `Retry-After` is believed beyond a day.
pub const MAX_RETRY_AFTER_MS: i64 = DAY_MS;
/// A wall clock that went back by more than this was set, not merely corrected.
pub const CLOCK_SLACK_MS: i64 = 60_000;

/// The wall clock may have been ahead of the other by this much when a process ended.
const UNSEEN_DRIFT_MS: i64 = 1_000;

const RETRY_BASE_MS: i64 = 1_000;
const RETRY_CAP_MS: i64 = 60_000;

fn scaled(ms: i64, factor: f64) -> i64 {
    // The factors used here lie in 0..=1.2 and the times under a day: exact in an f64.
    (ms as f64 * factor).round() as i64
}

/// How long to wait after the `polls`-th "not yet" (1 is the first), or `None` when the polls are used up.
///
/// The ladder's step with ±20 % of jitter (`random` 0.5 gives the literal step), or what the server asked for, never
/// sooner than it said and at most a tenth later.
pub fn poll_wait_ms(polls: u32, retry_after_ms: Option<i64>, random: f64) -> Option<i64> {
    let step = LADDER_MS.get(usize::try_from(polls.checked_sub(1)?).ok()?)?;
    let wait = scaled(*step, 0.8 + 0.4 * random);
    Some(wait.max(retry_after_ms.map_or(0, |ms| patience_ms(ms, random))))
}

/// What the server asked for, with up to a tenth on top, so that many clients do not come back in one moment.
pub fn patience_ms(retry_after_ms: i64, random: f64) -> i64 {
    scaled(retry_after_ms, 1.0 + 0.1 * random)
}

/// The pause before background retry `n` (0 is the first): full jitter under a doubling cap of a minute at most.
pub fn retry_wait_ms(n: u32, retry_after_ms: Option<i64>, random: f64) -> i64 {
    let cap = RETRY_BASE_MS.saturating_mul(1_i64 << n.min(16)).min(RETRY_CAP_MS);
    scaled(cap, random).max(retry_after_ms.map_or(0, |ms| patience_ms(ms, random)))
}

/// Reads a `Retry-After` value: whole seconds, or an HTTP date.
///
/// A date is measured against the response's own `Date` where there is one (the server's clock), else against
/// `now_ms`; a past one is 0. Anything else (negative, fractions, words) is ignored. Never more than a day.
pub fn retry_after_ms(value: &str, response_date: Option<&str>, now_ms: i64) -> Option<i64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = value.parse::<i64>().unwrap_or(i64::MAX);
        return Some(seconds.saturating_mul(1_000).min(MAX_RETRY_AFTER_MS));
    }
    let until_ms = http_date_ms(value)?;
    let base_ms = response_date.and_then(http_date_ms).unwrap_or(now_ms);
    Some(until_ms.saturating_sub(base_ms).clamp(0, MAX_RETRY_AFTER_MS))
}

/// Reads an HTTP date (`Date`, `Retry-After`), in UTC milliseconds.
pub fn http_date_ms(text: &str) -> Option<i64> {
    let at = httpdate::parse_http_date(text.trim()).ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// The moment of one attempt, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Wall clock.
    pub at_ms: i64,
    /// The monotonic clock of the process that made it.
    pub monotonic_ms: i64,
    /// That process: the monotonic time means nothing to another one.
    pub process: u64,
}

impl Attempt {
    /// Brings it in line with the clocks: it is not older than the monotonic clock says.
    pub fn settle(&mut self, moment: Moment) {
        let age_ms = if self.process == moment.process {
            moment.monotonic_ms.saturating_sub(self.monotonic_ms).max(0)
        } else {
            // Another process made it: from here on this process's monotonic clock ages it. What the wall clock gained
            // unseen in that one's last moments is not taken for age.
            moment.now_ms.saturating_sub(self.at_ms).saturating_sub(UNSEEN_DRIFT_MS).max(0)
        };
        self.process = moment.process;
        self.monotonic_ms = moment.monotonic_ms.saturating_sub(age_ms);
        self.at_ms = self.at_ms.max(moment.now_ms.saturating_sub(age_ms));
    }
}

/// The two clocks and the process, as they are when a decision is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Wall clock.
    pub now_ms: i64,
    /// Monotonic clock of this process.
    pub monotonic_ms: i64,
    /// A number drawn anew by every process.
    pub process: u64,
}

impl Moment {
    /// An attempt made now.
    pub fn attempt(self) -> Attempt {
        Attempt { at_ms: self.now_ms, monotonic_ms: self.monotonic_ms, process: self.process }
    }
}

/// The attempts of one recording, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempts(Vec<Attempt>);

impl Attempts {
    /// Remembers one. Call [`Attempts::settle`] first: it keeps the list short and in order.
    pub fn push(&mut self, attempt: Attempt) {
        self.0.push(attempt);
        self.0.sort_by_key(|a| a.at_ms);
    }

    /// Brings the remembered times in line with the clocks.
    ///
    /// A wall clock set back would put attempts into the future and block the recording for as long: those
    /// times become now, which blocks for ten minutes at most. A wall clock that ran ahead of this process's
    /// monotonic one (set forward, or a sleep) would forget attempts too soon: those are as old as the monotonic
    /// clock says. Attempts older than a day are dropped.
    pub fn settle(&mut self, moment: Moment) {
        let set_back = self.0.last().is_some_and(|last| moment.now_ms < last.at_ms.saturating_sub(CLOCK_SLACK_MS));
        for attempt in &mut self.0 {
            if set_back && moment.now_ms.saturating_sub(attempt.at_ms) < WINDOW_MS {
                attempt.at_ms = moment.now_ms;
            }
            attempt.settle(moment);
        }
        self.0.sort_by_key(|a| a.at_ms);
        self.0.retain(|a| moment.now_ms.saturating_sub(a.at_ms) < DAY_MS);
        if self.0.len() > ATTEMPTS_PER_DAY {
            self.0.drain(..self.0.len() - ATTEMPTS_PER_DAY);
        }
    }

    /// Attempts that count against the window that ends now.
    pub fn in_window(&self, now_ms: i64) -> usize {
        self.0.iter().filter(|a| now_ms.saturating_sub(a.at_ms) < WINDOW_MS).count()
    }

    /// When the next attempt may be made: now, or when the window has room. The day's budget is asked beside it
    /// ([`Attempts::day_frees_at_ms`]).
    pub fn allowed_at_ms(&self, now_ms: i64) -> i64 {
        self.frees_at_ms(ATTEMPTS_PER_WINDOW, WINDOW_MS).max(now_ms)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and others: when the day's budget, which both draw on, has room.
    pub fn day_frees_at_ms(&self, others: &Self) -> i64 {
        let mut both = Self([self.0.as_slice(), others.0.as_slice()].concat());
        both.0.sort_by_key(|a| a.at_ms);
        both.frees_at_ms(ATTEMPTS_PER_DAY, DAY_MS)
    }

    fn frees_at_ms(&self, most: usize, within_ms: i64) -> i64 {
        match self.0.len().checked_sub(most) {
            Some(index) => self.0[index].at_ms.saturating_add(within_ms),
            None => i64::MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_795_000_000_000; // Wed, 18 Nov 2026 11:06:40 GMT

    fn allowed_at_ms(attempts: &Attempts, now_ms: i64, whole_day: bool) -> i64 {
        let of_day = attempts.day_frees_at_ms(&Attempts::default());
        attempts.allowed_at_ms(now_ms).max(if whole_day { of_day } else { i64::MIN })
    }

    fn at(now_ms: i64, monotonic_ms: i64, process: u64) -> Moment {
        Moment { now_ms, monotonic_ms, process }
    }

    #[test]
    fn twelve_polls_are_sent_at_the_times_of_the_given_schedule() {
        let mut at_s = vec![0];
        let mut polls = 1;
        while let Some(wait) = poll_wait_ms(polls, None, 0.5) {
            at_s.push(at_s[at_s.len() - 1] + wait / 1_000);
            polls += 1;
        }
        assert_eq!(at_s, [0, 3, 8, 16, 26, 41, 56, 71, 86, 101, 116, 131]);
        assert_eq!(polls, MAX_POLLS);
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_honoured_when_it_is_longer_than_the_ladder() {
        assert_eq!(poll_wait_ms(1, Some(2_000), 0.5), Some(3_000));
        assert_eq!(poll_wait_ms(1, Some(7_000), 0.0), Some(7_000));
        assert_eq!(poll_wait_ms(12, Some(7_000), 0.0), None);
        assert_eq!(poll_wait_ms(0, None, 0.0), None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_nonsense_is_ignored() {
        let date = Some("Wed, 18 Nov 2026 11:06:30 GMT");
        for (value, response_date, wanted) in [
            ("0", None, Some(0)),
            ("5", None, Some(5_000)),
            (" 7 ", None, Some(7_000)),
            ("1000000000000", None, Some(MAX_RETRY_AFTER_MS)),
            ("99999999999999999999999999", None, Some(MAX_RETRY_AFTER_MS)),
            ("-1", None, None),
            ("+5", None, None),
            ("1.5", None, None),
            ("", None, None),
            ("soon", None, None),
            ("Wed, 18 Nov 2026 11:07:40 GMT", None, Some(60_000)),
            ("Wed, 18 Nov 2026 11:07:40 GMT", date, Some(70_000)),
            ("Wed, 18 Nov 2026 11:07:40 GMT", Some("nonsense"), Some(60_000)),
            ("Wednesday, 18-Nov-26 11:07:40 GMT", None, Some(60_000)),
            ("Wed Nov 18 11:07:40 2026", None, Some(60_000)),
            ("Tue, 18 Nov 2025 11:07:40 GMT", None, Some(0)),
            ("Thu, 01 Jan 2099 00:00:00 GMT", None, Some(MAX_RETRY_AFTER_MS)),
        ] {
            assert_eq!(retry_after_ms(value, response_date, NOW), wanted, "{value:?} {response_date:?}");
        }
    }

    #[test]
    fn the_fourth_attempt_waits_until_the_first_is_ten_minutes_old() {
        let mut attempts = Attempts::default();
        for s in [0, 10, 20] {
            assert_eq!(allowed_at_ms(&attempts, NOW + s * 1_000, true), NOW + s * 1_000);
            attempts.push(at(NOW + s * 1_000, s * 1_000, 1).attempt());
        }
        assert_eq!(allowed_at_ms(&attempts, NOW + 21_000, true), NOW + WINDOW_MS);
        assert_eq!(attempts.in_window(NOW + WINDOW_MS - 1), 3);
        assert_eq!(attempts.in_window(NOW + WINDOW_MS), 2);
    }

    #[test]
    fn a_day_holds_six_windows_unless_a_person_asks() {
        let mut attempts = Attempts::default();
        for n in 0..18 {
            attempts.push(at(NOW + n * WINDOW_MS, n * WINDOW_MS, 1).attempt());
        }
        let now = NOW + 18 * WINDOW_MS;
        assert_eq!(allowed_at_ms(&attempts, now, false), now);
        assert_eq!(allowed_at_ms(&attempts, now, true), NOW + DAY_MS);
    }

    #[test]
    fn a_clock_set_back_blocks_for_ten_minutes_at_most() {
        let mut attempts = Attempts::default();
        for s in 0..3 {
            attempts.push(at(NOW + s, s, 1).attempt());
        }
        let yesterday = NOW - DAY_MS;
        attempts.settle(at(yesterday, 5, 2));
        assert_eq!(allowed_at_ms(&attempts, yesterday, true), yesterday + WINDOW_MS);
    }

    #[test]
    fn a_clock_set_forward_frees_nothing_in_the_same_process() {
        let mut attempts = Attempts::default();
        for s in 0..3 {
            attempts.push(at(NOW + s, s, 1).attempt());
        }
        let tomorrow = NOW + DAY_MS;
        attempts.settle(at(tomorrow, 1_000, 1));
        assert!(allowed_at_ms(&attempts, tomorrow, false) > tomorrow + WINDOW_MS - 2_000);
    }

    proptest! {
        #[test]
        fn a_retry_after_never_panics_and_stays_within_a_day(value in ".{0,60}", date in proptest::option::of(".{0,40}")) {
            if let Some(ms) = retry_after_ms(&value, date.as_deref(), NOW) {
                prop_assert!((0..=MAX_RETRY_AFTER_MS).contains(&ms));
            }
        }

        #[test]
        fn a_wait_is_never_sooner_than_the_server_said(n in 0_u32..40, asked in 0_i64..MAX_RETRY_AFTER_MS, random in 0.0_f64..1.0) {
            prop_assert!(retry_wait_ms(n, Some(asked), random) >= asked);
            prop_assert!(retry_wait_ms(n, None, random) <= 60_000);
            if let Some(wait) = poll_wait_ms(n, Some(asked), random) {
                prop_assert!(wait >= asked);
            }
        }
    }
}
