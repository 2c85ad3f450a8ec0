//! Each source has a lane: how many runs it bears at once, whether it is being left alone, and who may go now.

use std::time::Duration;

use aftercall_domain::breaker::Rest;
use aftercall_domain::clock::{Clocks, Went};
use aftercall_domain::download::{SPREAD_MS, Wish};
use aftercall_domain::error::Code;
use aftercall_domain::ids::Source;
use tokio::time::Instant;

use crate::store::table::jobs::Turn;

/// The CRM prepares so many recordings at a time; what is asked for beyond that waits there.
const CRM_PLACES: usize = 3;

/// How many runs each source bears at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtOnce {
    /// The CRM: 1 to 3 in the app. It has one thread per process, which others need too.
    pub crm: usize,
    /// Twilio counts what an account asks at a time.
    pub twilio: usize,
}

impl Default for AtOnce {
    fn default() -> Self {
        Self { crm: 3, twilio: 4 }
    }
}

/// One source's lane.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub source: Source,
    pub at_once: usize,
    /// Places for what is being prepared, where the source has few.
    places: Option<usize>,
    rest: Option<Resting>,
    was_doubted: bool,
    /// By the monotonic clock: until then only what a person waits for goes.
    quiet_until_ms: i64,
    /// Places for which jobs are being written as begun.
    pub claiming: usize,
    /// Until then none is claimed: the last claim came to nothing.
    rests_until: Option<Instant>,
    /// Why the last claim could not be written, as long as there is something to claim.
    pub trouble: Option<Code>,
}

/// A source that is being left alone.
#[derive(Debug, Clone, Copy)]
struct Resting {
    /// By the monotonic clock, as seen last.
    ends_ms: i64,
    /// The longest wait that was seen.
    longest_ms: i64,
}

/// A server that is back is noticed within this, its answer and the sound included.
const NOTICED_WITHIN_MS: i64 = 330_000;
/// For the answer and the sound, and between two looks.
const ANSWERS_WITHIN_MS: i64 = 10_000;

impl Lane {
    /// All of them.
    pub(super) fn all(at_once: AtOnce) -> [Self; 2] {
        let lane = |source, at_once, places| Self {
            source,
            at_once,
            places,
            rest: None,
            was_doubted: false,
            quiet_until_ms: i64::MIN,
            claiming: 0,
            rests_until: None,
            trouble: None,
        };
        // A bench whose server prepares nothing sets more runs, and may have that many.
        let places = CRM_PLACES.max(at_once.crm);
        [lane(Source::Crm, at_once.crm, Some(places)), lane(Source::Twilio, at_once.twilio, None)]
    }

    /// The computer woke, or the network is back, for many clients in one moment: they shall not come in one.
    pub(super) fn spread(&mut self, now: Clocks, random: f64) {
        self.quiet_until_ms = now.monotonic_ms.saturating_add((SPREAD_MS as f64 * random) as i64);
    }

    /// The source is being left alone, or not any more. Returns whether that is news.
    pub(super) fn rests(&mut self, rest: Option<Rest>, now: Clocks, random: f64) -> bool {
        let was = self.rest;
        self.rest = rest.map(|rest| Resting {
            ends_ms: now.monotonic_ms.saturating_add(rest.wait_ms),
            longest_ms: rest.wait_ms.max(was.map_or(0, |was| was.longest_ms)),
        });
        if let (None, Some(was)) = (rest, was)
            && !was.may_be_followed_at_once(now)
        {
            self.spread(now, random);
        }
        was.is_some() != rest.is_some()
    }

    /// Whether the source is back that was being left alone; if so, only what a person waits for goes at once.
    pub(super) fn is_back(&mut self, is_doubted: bool, now: Clocks, random: f64) -> bool {
        let is_back = std::mem::replace(&mut self.was_doubted, is_doubted) && !is_doubted;
        if is_back {
            self.spread(now, random);
        }
        is_back
    }

    /// A claim for so many places has ended; the next may come after a rest.
    pub(super) fn claimed(&mut self, places: usize, rest: Duration, trouble: Option<Code>) {
        self.trouble = trouble;
        self.claiming = self.claiming.saturating_sub(places);
        self.rests_until = (!rest.is_zero()).then(|| Instant::now() + rest);
    }

    /// In how long one may claim again; none when at once.
    pub(super) fn claims_in(&self) -> Option<Duration> {
        let wait = self.rests_until?.saturating_duration_since(Instant::now());
        (!wait.is_zero()).then_some(wait)
    }

    /// How long only persons' wishes go; 0 when all do.
    pub(super) fn quiet_ms(&self, now: Clocks) -> i64 {
        self.quiet_until_ms.saturating_sub(now.monotonic_ms).max(0)
    }

    /// Who may go, while so many places are taken. The last one is kept for somebody who waits, unless what was asked
    /// for last was `ready` without being prepared.
    pub(super) fn turn(&self, places_taken: usize, ready: bool, now: Clocks) -> Turn {
        let person = Wish::Person.priority();
        let least_fresh = match self.places.map(|places| places.saturating_sub(places_taken)) {
            None | Some(2..) => 0,
            Some(1) if ready => 0,
            Some(1) => person,
            Some(0) => i64::MAX,
        };
        Turn { source: self.source, least_priority: if self.quiet_ms(now) > 0 { person } else { 0 }, least_fresh }
    }
}

impl Resting {
    /// The longest pauses are of each client's own length, by as much as clients are spread otherwise, if they end by
    /// themselves: what finds out then whether the source is back need not wait longer, and must not.
    fn may_be_followed_at_once(&self, now: Clocks) -> bool {
        let by_itself = now.monotonic_ms >= self.ends_ms - 1_000;
        by_itself && self.longest_ms > NOTICED_WITHIN_MS - ANSWERS_WITHIN_MS - SPREAD_MS
    }
}

/// What the clocks did since the last look, which a sleep of the computer may have made late.
#[derive(Debug)]
pub(super) struct Watch {
    looked: Clocks,
    settled: Clocks,
}

/// Clocks that differ by this much since what is remembered was last brought in line: that is done again. A clock that is
/// corrected by a little each day would add up over many restarts.
const DRIFT_MS: i64 = 500;

impl Watch {
    pub(super) fn new(now: Clocks) -> Self {
        Self { looked: now, settled: now }
    }

    /// None while what is remembered fits the clocks.
    pub(super) fn look(&mut self, now: Clocks) -> Option<Went> {
        let before = std::mem::replace(&mut self.looked, now);
        let went = Went::between(before, now);
        let drift_ms = (now.wall_ms - self.settled.wall_ms) - (now.monotonic_ms - self.settled.monotonic_ms);
        if went == Went::Together && drift_ms.abs() < DRIFT_MS {
            return None;
        }
        self.settled = now;
        Some(went)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(monotonic_ms: i64) -> Clocks {
        Clocks { wall_ms: 1_795_000_000_000 + monotonic_ms, monotonic_ms }
    }

    #[test]
    fn the_crm_prepares_three_at_a_time_and_the_last_place_is_kept_for_somebody_who_waits() {
        let [crm, twilio] = Lane::all(AtOnce::default());
        let fresh = |lane: &Lane, taken| {
            let turn = lane.turn(taken, false, at(0));
            [Wish::Background, Wish::Pin, Wish::Person].map(|wish| wish.priority() >= turn.least_fresh)
        };
        assert_eq!(
            [0, 1, 2, 3, 9].map(|taken| fresh(&crm, taken)),
            [[true; 3], [true; 3], [false, false, true], [false; 3], [false; 3]]
        );
        assert_eq!(fresh(&twilio, 9), [true; 3]);
        let least_fresh = [2, 3].map(|taken| crm.turn(taken, true, at(0)).least_fresh);
        assert_eq!(least_fresh, [0, i64::MAX], "where files are ready none is kept");
        assert_eq!(crm.turn(9, false, at(0)).least_priority, 0, "what is being prepared goes on being asked for");
    }

    #[test]
    fn a_clock_that_is_corrected_by_little_and_little_is_noticed_too() {
        let mut watch = Watch::new(at(0));
        let drifted = |ms: i64, by_ms: i64| Clocks { wall_ms: at(ms).wall_ms + by_ms, ..at(ms) };
        assert_eq!(watch.look(at(5_000)), None);
        assert_eq!(watch.look(drifted(10_000, 300)), None);
        assert_eq!(watch.look(drifted(15_000, 600)), Some(Went::Together), "together, but not in line any more");
        assert_eq!(watch.look(drifted(20_000, 600)), None);
        assert_eq!(watch.look(drifted(25_000, 3_600_600)), Some(Went::Ahead));
        assert_eq!(watch.look(drifted(30_000, 0)), Some(Went::Back));
    }

    #[test]
    fn when_a_source_is_back_only_persons_go_at_once() {
        let [mut crm, _] = Lane::all(AtOnce::default());
        let rest = |wait_ms| Some(Rest { wait_ms, offline: false });
        assert!(!crm.rests(None, at(0), 0.5) && crm.quiet_ms(at(0)) == 0);
        assert!(crm.rests(rest(1_000), at(0), 0.5) && !crm.rests(rest(999), at(1), 0.5));
        assert!(crm.rests(None, at(1_000), 0.5));
        assert_eq!(crm.quiet_ms(at(1_000)), SPREAD_MS / 2);
        assert_eq!(crm.turn(0, false, at(1_000)).least_priority, Wish::Person.priority());
        assert_eq!(crm.turn(0, false, at(1_000 + SPREAD_MS / 2)).least_priority, 0);
    }

    #[test]
    fn what_finds_out_whether_a_source_is_back_waits_for_the_longest_pause_and_no_longer() {
        let rest = |wait_ms| Some(Rest { wait_ms, offline: true });
        let quiet_after = |ended_ms: i64| {
            let [mut crm, _] = Lane::all(AtOnce::default());
            assert!(!crm.is_back(true, at(0), 0.5));
            assert!(crm.rests(rest(310_000), at(0), 0.5) && !crm.rests(rest(5_000), at(305_000), 0.5));
            assert!(crm.rests(None, at(ended_ms), 0.5));
            let quiet_ms = crm.quiet_ms(at(ended_ms));
            assert!(crm.is_back(false, at(ended_ms), 0.5));
            assert_eq!(crm.quiet_ms(at(ended_ms)), SPREAD_MS / 2, "it was answered");
            quiet_ms
        };
        assert_eq!(quiet_after(310_000), 0, "its time was up");
        assert_eq!(quiet_after(306_000), SPREAD_MS / 2, "the network is back, for everybody");
    }
}
