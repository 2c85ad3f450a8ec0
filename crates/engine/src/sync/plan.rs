//! Which page comes next, and when enough was read. Pure.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};

use serde::{Deserialize, Serialize};

/// Rows shift under offset paging when calls arrive: pages overlap by this much.
pub(super) const OVERLAP: u64 = 10;
/// Rows younger than this still change at the server (status, transcript, lead), so a sweep does not stop at them.
pub(super) const SETTLED_AFTER_MS: i64 = 48 * 3_600_000;

/// How far the calls were read. Written with the rows it speaks of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CallsCursor {
    /// The list was read to its end once; from then on the head tells what is new.
    pub complete: bool,
    /// Until then: every row before this place was read.
    pub offset: u64,
}

/// What a page of calls turned out to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageOfCalls {
    /// Rows that were asked for.
    pub limit: u32,
    /// Rows that came, readable or not.
    pub sent: u64,
    /// Rows that the server says it has.
    pub total: Option<u64>,
    /// Every readable row was here just so.
    pub all_unchanged: bool,
    /// A row of it was.
    pub any_known: bool,
    /// The youngest call on it; `None` when a row has no time.
    pub youngest_ms: Option<i64>,
}

/// The list became shorter while nobody read it: where the reading was is further up now.
#[derive(Debug, Clone, Copy)]
struct Search {
    /// Known up to here.
    known_to: u64,
    step: u64,
}

/// One way through the list of calls.
#[derive(Debug, Clone)]
pub(super) struct Sweep {
    offset: u64,
    to_the_end: bool,
    cursor: CallsCursor,
    first_total: Option<u64>,
    last_total: Option<u64>,
    reached_end: bool,
    /// While an unfinished first reading, having jumped to where it was, finds nothing there that it knows.
    search: Option<Search>,
    /// It jumped once already.
    jumped: bool,
}

impl Sweep {
    /// `to_the_end` reads every page whatever is known of it.
    pub(super) fn new(cursor: CallsCursor, to_the_end: bool) -> Self {
        Self {
            offset: 0,
            to_the_end,
            cursor,
            first_total: None,
            last_total: None,
            reached_end: false,
            search: None,
            jumped: false,
        }
    }

    /// Every page is read, whatever is known of it.
    pub(super) fn is_whole(&self) -> bool {
        self.to_the_end
    }

    /// Where the next page begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The whole list was read, and nothing came or went meanwhile: what was not met is not there.
    pub(super) fn saw_everything(&self) -> bool {
        self.to_the_end && self.reached_end && self.first_total.is_some() && self.first_total == self.last_total
    }

    /// The list was read to its end while it changed.
    pub(super) fn was_disturbed(&self) -> bool {
        self.to_the_end && self.reached_end && self.first_total != self.last_total
    }

    /// A page without rows, in the middle of a list that is said to go on.
    pub(super) fn is_a_lie(&self, page: PageOfCalls) -> bool {
        page.sent == 0 && page.total.is_some_and(|total| self.offset < total)
    }

    /// Takes a page into account. Returns whether there is another one to read, and how far the calls are read now.
    pub(super) fn turn(&mut self, page: PageOfCalls, now_ms: i64) -> (bool, CallsCursor) {
        self.first_total = self.first_total.or(page.total);
        self.last_total = page.total;
        if let Some(Search { known_to, step }) = self.search.take()
            && !page.any_known
            && self.offset > known_to
        {
            self.search = Some(Search { known_to, step: step * 2 });
            self.offset = self.offset.saturating_sub(step).max(known_to);
            return (true, self.cursor);
        }
        let end = self.offset + page.sent;
        let last = match page.total {
            Some(total) => page.sent == 0 || end >= total,
            None => page.sent < u64::from(page.limit),
        };
        if last {
            // A list with more rows than its total was not counted right: what is not on it may be there all the same.
            self.reached_end = page.total.is_none_or(|total| page.sent == 0 || end == total);
            self.cursor = CallsCursor { complete: true, offset: 0 };
            return (false, self.cursor);
        }
        let settled = page.all_unchanged && page.youngest_ms.is_some_and(|at| now_ms - at > SETTLED_AFTER_MS);
        if settled && self.cursor.complete && !self.to_the_end {
            return (false, self.cursor);
        }
        // A page shorter than the overlap must still move on, or the same page would come for ever.
        let mut next = if page.sent > OVERLAP { end - OVERLAP } else { end };
        if !self.cursor.complete {
            let resume = self.cursor.offset.saturating_sub(OVERLAP);
            if page.all_unchanged && !self.to_the_end && !self.jumped && resume > next {
                self.search = Some(Search { known_to: next, step: u64::from(page.limit) });
                self.jumped = true;
                next = resume;
            }
            self.cursor.offset = self.cursor.offset.max(next);
        }
        self.offset = next;
        (true, self.cursor)
    }
}

/// Remembers what was met, in eight bytes each: a million calls are 16 MB.
#[derive(Debug, Default)]
pub(super) struct Met(HashSet<u64>);

impl Met {
    fn hash(key: &impl Hash) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
    }
    /// Remembers it; whether it is new.
    pub(super) fn insert(&mut self, key: &impl Hash) -> bool {
        self.0.insert(Self::hash(key))
    }
    /// It was met.
    pub(super) fn contains(&self, key: &impl Hash) -> bool {
        self.0.contains(&Self::hash(key))
    }
}

/// What is gone at the server: missing from two whole readings in a row. Returns those, and what is missing for the
/// first time.
pub(super) fn gone<K: Hash + Eq + Clone>(here: Vec<K>, met: &Met, missing_before: &[K]) -> (Vec<K>, Vec<K>) {
    let before: HashSet<&K> = missing_before.iter().collect();
    here.into_iter().filter(|key| !met.contains(key)).partition(|key| before.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_795_000_000_000;

    fn page(sent: u64, total: u64, all_unchanged: bool, age_ms: i64) -> PageOfCalls {
        PageOfCalls {
            limit: 100,
            sent,
            total: Some(total),
            all_unchanged,
            any_known: all_unchanged,
            youngest_ms: Some(NOW - age_ms),
        }
    }

    const OLD: i64 = SETTLED_AFTER_MS + 1;
    const COMPLETE: CallsCursor = CallsCursor { complete: true, offset: 0 };

    #[test]
    fn a_repeat_stops_at_the_first_page_that_is_known_unchanged_and_old() {
        let mut sweep = Sweep::new(COMPLETE, false);
        assert!(sweep.turn(page(100, 1_000, true, OLD - 2), NOW).0, "young rows still change");
        assert!(sweep.turn(page(100, 1_000, false, OLD), NOW).0, "something was new");
        assert!(!sweep.turn(page(100, 1_000, true, OLD), NOW).0);
        assert_eq!(sweep.offset(), 180);
    }

    #[test]
    fn a_full_reading_stops_at_nothing_and_knows_whether_the_list_stood_still() {
        for (totals, quiet) in [([250, 250, 250], true), ([250, 250, 251], false)] {
            let mut sweep = Sweep::new(COMPLETE, true);
            assert!(sweep.turn(page(100, totals[0], true, OLD), NOW).0);
            assert!(sweep.turn(page(100, totals[1], true, OLD), NOW).0);
            assert!(!sweep.turn(page(totals[2] - 180, totals[2], true, OLD), NOW).0);
            assert_eq!((sweep.saw_everything(), sweep.was_disturbed()), (quiet, !quiet));
        }
    }

    #[test]
    fn a_first_sync_that_was_cut_off_goes_on_where_it_was_and_is_complete_only_at_the_end() {
        let mut sweep = Sweep::new(CallsCursor::default(), false);
        let (more, cursor) = sweep.turn(page(100, 1_000, false, OLD), NOW);
        assert_eq!((more, cursor), (true, CallsCursor { complete: false, offset: 90 }));
        let mut again = Sweep::new(CallsCursor { complete: false, offset: 450 }, false);
        assert!(again.turn(page(100, 1_000, true, OLD), NOW).0, "known rows are not the end of an unfinished list");
        assert_eq!(again.offset(), 440);
    }

    #[test]
    fn a_first_sync_whose_list_became_shorter_meanwhile_goes_back_until_it_knows_a_row() {
        let mut sweep = Sweep::new(CallsCursor { complete: false, offset: 1_450 }, false);
        assert!(sweep.turn(page(100, 2_000, true, OLD), NOW).0);
        let mut tried = vec![sweep.offset()];
        for _ in 0..3 {
            assert!(sweep.turn(page(100, 2_000, false, OLD), NOW).0);
            tried.push(sweep.offset());
        }
        assert_eq!(tried, [1_440, 1_340, 1_140, 740]);
        assert!(sweep.turn(page(100, 2_000, true, OLD), NOW).0);
        assert_eq!(sweep.offset(), 830, "and from there it goes on without another jump");
        let mut nothing_known = Sweep::new(CallsCursor { complete: false, offset: 450 }, false);
        let mut tried = Vec::new();
        for known in [true, false, false, false, false] {
            assert!(nothing_known.turn(page(100, 2_000, known, OLD), NOW).0);
            tried.push(nothing_known.offset());
        }
        assert_eq!(tried, [440, 340, 140, 90, 180], "at the latest where it jumped from");
    }

    #[test]
    fn what_is_missing_twice_is_gone_and_what_is_missing_once_is_not() {
        let mut met = Met::default();
        assert!(met.insert(&1) && !met.insert(&1));
        let (gone, missing) = gone(vec![1, 2, 3], &met, &[2]);
        assert_eq!((gone, missing), (vec![2], vec![3]));
    }

    #[test]
    fn a_list_that_contradicts_its_total_is_never_a_whole_one() {
        let mut sweep = Sweep::new(COMPLETE, true);
        assert!(!sweep.turn(page(100, 5, true, OLD), NOW).0);
        assert!(!sweep.saw_everything() && !sweep.was_disturbed(), "a hundred rows of five");
        assert!(Sweep::new(COMPLETE, true).is_a_lie(page(0, 5, true, OLD)));
        assert!(!Sweep::new(COMPLETE, true).is_a_lie(page(0, 0, true, OLD)));
    }

    proptest! {
        #[test]
        fn a_sweep_always_moves_on_and_ends(pages in proptest::collection::vec((0_u64..101, 0_u64..100_000, any::<bool>(), 0_i64..2 * OLD), 1..60), complete: bool, to_the_end: bool) {
            let mut sweep = Sweep::new(CallsCursor { complete, offset: 0 }, to_the_end);
            for (sent, total, unchanged, age) in pages {
                let before = sweep.offset();
                let (more, _) = sweep.turn(page(sent, total, unchanged, age), NOW);
                // Going back ends: each step is twice as far, and nothing jumps twice.
                prop_assert!(!more || sweep.offset() > before || sweep.search.is_some());
            }
        }
    }
}
