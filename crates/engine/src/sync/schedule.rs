//! When to read how much. Pure: both clocks are passed in.
//!
//! What was read last is remembered by the wall clock, in the library: an app that is closed every evening still makes
//! its daily reading. While the process lives the monotonic clock stands beside it, because a wall clock may be set.

use aftercall_domain::clock::Clocks;
use serde::{Deserialize, Serialize};

use super::Depth;

/// The head of the list is read this often.
pub(super) const HEAD_EVERY_MS: i64 = 60_000;
/// Everything that may have changed is read this often.
pub(super) const USUAL_EVERY_MS: i64 = 20 * 60_000;
/// Every page is read this often.
pub(super) const FULL_EVERY_MS: i64 = 24 * 3_600_000;
/// After a jump it is asked soon: within this time, so that not all windows of a company come back in one moment.
pub(super) const SPREAD_MS: i64 = 10_000;

/// What the library remembers of the syncs so far, by the wall clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// A sync of any depth succeeded, told to within five minutes.
    pub success_at_ms: Option<i64>,
    /// Everything that may have changed was read.
    pub usual_at_ms: Option<i64>,
    /// Every page was read.
    pub full_at_ms: Option<i64>,
}

impl Kept {
    /// Takes a success of this depth into account. The first reading of a list reads every page of it.
    pub(super) fn done(&mut self, depth: Depth, wall_ms: i64) {
        self.success_at_ms = Some(wall_ms);
        if depth != Depth::Head {
            self.usual_at_ms = Some(wall_ms);
        }
        if depth == Depth::Full || (depth == Depth::Usual && self.full_at_ms.is_none()) {
            self.full_at_ms = Some(wall_ms);
        }
    }
}

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
struct Mark {
    wall_ms: i64,
    monotonic_ms: i64,
}

impl Mark {
    /// What another process wrote down. A moment that has not come yet, by a clock that was set back since, is now.
    fn of(wall_ms: i64, now: Clocks) -> Self {
        let age_ms = (now.wall_ms - wall_ms).max(0);
        Self { wall_ms: now.wall_ms - age_ms, monotonic_ms: now.monotonic_ms - age_ms }
    }

    /// The longer of what both clocks say: a sleep counts, and a clock that was set back takes nothing away.
    fn age_ms(self, now: Clocks) -> i64 {
        (now.wall_ms - self.wall_ms).max(now.monotonic_ms - self.monotonic_ms)
    }
}

/// Which depth is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    usual: Option<Mark>,
    full: Option<Mark>,
}

impl Schedule {
    pub(super) fn new(kept: Kept, now: Clocks) -> Self {
        let mark = |at_ms: Option<i64>| at_ms.map(|at_ms| Mark::of(at_ms, now));
        // A window that was just opened shows what changed meanwhile, however short that was.
        Self { usual: None, full: mark(kept.full_at_ms) }
    }

    /// What to read now; `asked` where somebody asked for it.
    pub(super) fn depth(&self, asked: bool, now: Clocks) -> Depth {
        let due = |mark: Option<Mark>, every_ms| mark.is_none_or(|mark| mark.age_ms(now) >= every_ms);
        if self.full.is_some() && due(self.full, FULL_EVERY_MS) {
            Depth::Full
        } else if asked || due(self.usual, USUAL_EVERY_MS) {
            Depth::Usual
        } else {
            Depth::Head
        }
    }

    /// It succeeded.
    pub(super) fn done(&mut self, depth: Depth, now: Clocks) {
        let mark = Some(Mark { wall_ms: now.wall_ms, monotonic_ms: now.monotonic_ms });
        if depth != Depth::Head {
            self.usual = mark;
        }
        if depth == Depth::Full || (depth == Depth::Usual && self.full.is_none()) {
            self.full = mark;
        }
    }

    /// The wall clock was set back: what it says of the past is not believed, the other clock goes on.
    pub(super) fn set_back(&mut self, now: Clocks) {
        for mark in [&mut self.usual, &mut self.full].into_iter().flatten() {
            mark.wall_ms = mark.wall_ms.min(now.wall_ms - (now.monotonic_ms - mark.monotonic_ms).max(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aftercall_domain::clock::Went;
    use proptest::prelude::*;

    const NOW: i64 = 1_795_000_000_000;
    const HOUR_MS: i64 = 3_600_000;

    fn at(wall_ms: i64, monotonic_ms: i64) -> Clocks {
        Clocks { wall_ms: NOW + wall_ms, monotonic_ms }
    }

    /// Goes through a time in steps of a minute, every sync successful.
    fn depths(schedule: &mut Schedule, from: Clocks, minutes: i64) -> Vec<Depth> {
        let minute = |n: i64| at(from.wall_ms - NOW + n * 60_000, from.monotonic_ms + n * 60_000);
        (0..minutes)
            .map(|n| {
                let depth = schedule.depth(false, minute(n));
                schedule.done(depth, minute(n));
                depth
            })
            .collect()
    }

    fn count(depths: &[Depth], wanted: Depth) -> usize {
        depths.iter().filter(|depth| **depth == wanted).count()
    }

    #[test]
    fn a_day_has_a_head_poll_each_minute_a_sweep_each_twenty_and_one_reading_of_everything() {
        let mut schedule = Schedule::new(Kept::default(), at(0, 0));
        let day = depths(&mut schedule, at(0, 0), 24 * 60 + 1);
        assert_eq!((count(&day, Depth::Full), count(&day, Depth::Usual), count(&day, Depth::Head)), (1, 72, 1368));
        assert_eq!((day[0], day[20], day[1440]), (Depth::Usual, Depth::Usual, Depth::Full));
    }

    #[test]
    fn an_app_that_is_closed_every_evening_still_reads_everything_each_day() {
        let mut kept = Kept::default();
        let mut full = 0;
        for day in 0..5 {
            // Nine hours of work; the process, and with it its monotonic clock, begins anew each morning.
            let morning = at(day * 24 * HOUR_MS, 7);
            let mut schedule = Schedule::new(kept, morning);
            for minute in 0..9 * 60 {
                let now = at(day * 24 * HOUR_MS + minute * 60_000, 7 + minute * 60_000);
                let depth = schedule.depth(false, now);
                schedule.done(depth, now);
                kept.done(depth, now.wall_ms);
                full += usize::from(depth == Depth::Full);
            }
        }
        assert_eq!(full, 4, "the first day's sync reads everything as it is");
    }

    #[test]
    fn what_was_asked_for_reads_what_may_have_changed() {
        let mut schedule = Schedule::new(Kept::default(), at(0, 0));
        schedule.done(Depth::Usual, at(0, 0));
        assert_eq!(schedule.depth(false, at(1, 1)), Depth::Head);
        assert_eq!(schedule.depth(true, at(1, 1)), Depth::Usual);
    }

    #[test]
    fn a_night_asleep_counts_although_the_monotonic_clock_stood_still() {
        let mut schedule = Schedule::new(Kept::default(), at(0, 0));
        schedule.done(Depth::Usual, at(0, 0));
        assert_eq!(Went::between(at(0, 0), at(8 * HOUR_MS, 5_000)), Went::Ahead);
        assert_eq!(schedule.depth(false, at(8 * HOUR_MS, 5_000)), Depth::Usual);
        assert_eq!(schedule.depth(false, at(25 * HOUR_MS, 6_000)), Depth::Full);
    }

    #[test]
    fn a_clock_set_back_or_to_1970_neither_repeats_what_was_read_nor_keeps_it_from_being_read() {
        for wall_ms in [-HOUR_MS, -24 * HOUR_MS, -NOW] {
            let mut schedule = Schedule::new(Kept::default(), at(0, 0));
            schedule.done(Depth::Usual, at(0, 0));
            assert_eq!(Went::between(at(0, 0), at(wall_ms, 5_000)), Went::Back);
            schedule.set_back(at(wall_ms, 5_000));
            assert_eq!(schedule.depth(false, at(wall_ms, 5_000)), Depth::Head);
            assert_eq!(schedule.depth(false, at(wall_ms + USUAL_EVERY_MS, USUAL_EVERY_MS)), Depth::Usual);
            assert_eq!(schedule.depth(false, at(wall_ms + FULL_EVERY_MS, FULL_EVERY_MS)), Depth::Full);
        }
        // Written down by a clock that ran ahead, read by one that is right again.
        let kept = Kept { full_at_ms: Some(NOW + 400 * 24 * HOUR_MS), ..Kept::default() };
        let schedule = Schedule::new(kept, at(0, 0));
        assert_eq!(schedule.depth(false, at(FULL_EVERY_MS, FULL_EVERY_MS)), Depth::Full);
        assert_eq!(schedule.depth(false, at(HOUR_MS, HOUR_MS)), Depth::Usual);
    }

    proptest! {
        #[test]
        fn whatever_is_done_to_the_clock_no_sweep_is_missing_for_long_and_none_is_in_a_loop(jumps in proptest::collection::vec((0_i64..40 * 60_000, -30 * HOUR_MS..30 * HOUR_MS, any::<bool>()), 1..80)) {
            let mut schedule = Schedule::new(Kept::default(), at(0, 0));
            let (mut now, mut last_usual) = (at(0, 0), i64::MIN / 2);
            for (pass_ms, jump_ms, jumps) in jumps {
                let before = now;
                now.monotonic_ms += pass_ms;
                now.wall_ms += pass_ms + if jumps { jump_ms } else { 0 };
                if Went::between(before, now) == Went::Back {
                    schedule.set_back(now);
                }
                let depth = schedule.depth(false, now);
                schedule.done(depth, now);
                if depth == Depth::Head {
                    prop_assert!(now.monotonic_ms - last_usual < USUAL_EVERY_MS, "overdue by the clock that cannot be set");
                } else {
                    last_usual = now.monotonic_ms;
                }
                prop_assert_eq!(schedule.depth(false, now), Depth::Head, "done is done");
            }
        }
    }
}
