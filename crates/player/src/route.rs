//! Which frames of a recording are heard, in which order: from a place to an end, without what is cut out, or round
//! and round a stretch. And where each heard frame lies in the recording, so that a position is true whatever was
//! left out before it.

use std::collections::VecDeque;
use std::ops::Range;

/// The pieces of a recording that are heard one after the other, in frames.
#[derive(Debug, Clone)]
pub struct Route {
    at: u64,
    end: u64,
    /// In order, apart from each other, none empty.
    cuts: VecDeque<Range<u64>>,
    repeat: Option<Range<u64>>,
}

impl Route {
    /// `window` without these stretches, which are in order.
    pub fn without(window: Range<u64>, cuts: impl IntoIterator<Item = Range<u64>>) -> Self {
        let cuts =
            cuts.into_iter().filter(|cut| cut.start < cut.end && cut.end > window.start && cut.start < window.end);
        Self { at: window.start, end: window.end, cuts: cuts.collect(), repeat: None }
    }

    /// From `from` to the end of `stretch`, then that stretch again and again. From behind its end it is only heard to
    /// `end`.
    pub fn round(from: u64, stretch: Range<u64>, end: u64) -> Self {
        let repeat = (from < stretch.end && stretch.start < stretch.end).then_some(stretch);
        Self { at: from, end, cuts: VecDeque::new(), repeat }
    }
}

/// The next piece; never an empty one, and never the last where a stretch goes round.
impl Iterator for Route {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        if let Some(stretch) = &self.repeat {
            let piece = self.at..stretch.end;
            self.at = stretch.start;
            return Some(piece);
        }
        while self.at < self.end {
            let Some(cut) = self.cuts.pop_front() else {
                return Some(std::mem::replace(&mut self.at, self.end)..self.end);
            };
            let from = self.at;
            self.at = from.max(cut.end);
            if from < cut.start {
                return Some(from..cut.start.min(self.end));
            }
        }
        None
    }
}

/// Where what is heard lies in the recording.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Frames heard before a piece, and the recording's frame at which it begins.
    pieces: VecDeque<(u64, u64)>,
}

impl Places {
    /// From the `heard`-th frame on it is the recording from `frame` on.
    pub fn push(&mut self, heard: u64, frame: u64) {
        self.pieces.push_back((heard, frame));
    }

    /// The recording's frame of the `heard`-th one, and at which heard one the next piece begins. What lies before is
    /// not asked for again.
    pub fn of(&mut self, heard: f64) -> (f64, Option<u64>) {
        while self.pieces.get(1).is_some_and(|(next, _)| *next as f64 <= heard) {
            self.pieces.pop_front();
        }
        let (before, frame) = self.pieces.front().copied().unwrap_or_default();
        (frame as f64 + heard - before as f64, self.pieces.get(1).map(|(next, _)| *next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(route: Route) -> Vec<Range<u64>> {
        route.take(6).collect()
    }

    #[test]
    fn cuts_are_left_out_wherever_the_window_begins_and_ends() {
        let cuts = [10..20, 30..40, 50..60];
        assert_eq!(pieces(Route::without(0..100, cuts.clone())), [0..10, 20..30, 40..50, 60..100]);
        assert_eq!(pieces(Route::without(12..55, cuts.clone())), [20..30, 40..50]);
        assert_eq!(pieces(Route::without(20..35, cuts.clone())), std::slice::from_ref(&(20..30)));
        assert!(pieces(Route::without(51..60, cuts)).is_empty());
        assert_eq!(pieces(Route::without(3..9, [])), std::slice::from_ref(&(3..9)));
        assert!(pieces(Route::without(9..9, [])).is_empty());
    }

    #[test]
    fn a_stretch_goes_round_and_round_unless_it_is_behind() {
        assert_eq!(pieces(Route::round(5, 20..30, 100))[..3], [5..30, 20..30, 20..30]);
        assert_eq!(pieces(Route::round(30, 20..30, 100)), std::slice::from_ref(&(30..100)));
    }

    #[test]
    fn a_place_is_found_through_what_was_left_out() {
        let mut places = Places::default();
        places.push(0, 100);
        places.push(50, 400);
        assert_eq!(places.of(10.5), (110.5, Some(50)));
        assert_eq!(places.of(50.0), (400.0, None));
        assert_eq!(places.of(60.0), (410.0, None));
    }
}
