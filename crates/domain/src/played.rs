//! Which stretches of a recording somebody really listened to.

use serde::{Deserialize, Serialize};

/// More stretches than anybody makes by jumping about; beyond it the shortest are forgotten.
const STRETCHES_MAX: usize = 500;

/// Stretches of media time, in milliseconds, in order and apart. Ends are not included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(i64, i64)>", into = "Vec<(i64, i64)>")]
pub struct Played(Vec<(i64, i64)>);

impl Played {
    /// From there to there it was played; what does not go forward is nothing.
    pub fn add(&mut self, from_ms: i64, to_ms: i64) {
        let (mut from_ms, mut to_ms) = (from_ms.max(0), to_ms);
        if to_ms <= from_ms {
            return;
        }
        let begin = self.0.partition_point(|(_, end_ms)| *end_ms < from_ms);
        let end = self.0.partition_point(|(start_ms, _)| *start_ms <= to_ms);
        if let Some(touched) = self.0.get(begin..end).filter(|touched| !touched.is_empty()) {
            from_ms = from_ms.min(touched[0].0);
            to_ms = to_ms.max(touched[touched.len() - 1].1);
        }
        self.0.splice(begin..end.max(begin), [(from_ms, to_ms)]);
        if self.0.len() > STRETCHES_MAX {
            let shortest = (0..self.0.len()).min_by_key(|n| self.0[*n].1 - self.0[*n].0);
            self.0.remove(shortest.unwrap_or(0));
        }
    }

    /// What was played then, too.
    pub fn join(&mut self, other: &Self) {
        for (from_ms, to_ms) in &other.0 {
            self.add(*from_ms, *to_ms);
        }
    }

    /// How much of these stretches was played. They are in order and apart, in milliseconds.
    pub fn within_ms(&self, stretches: &[(i64, i64)]) -> i64 {
        let mut played = self.0.iter().peekable();
        let mut sum = 0;
        for (start_ms, end_ms) in stretches {
            while let Some((from_ms, to_ms)) = played.peek() {
                sum += (to_ms.min(end_ms) - from_ms.max(start_ms)).max(0);
                // The next stretch may begin within this one.
                if to_ms > end_ms {
                    break;
                }
                played.next();
            }
        }
        sum
    }

    /// Nothing was played.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<(i64, i64)>> for Played {
    /// In whatever order.
    fn from(stretches: Vec<(i64, i64)>) -> Self {
        let mut played = Self::default();
        for (from_ms, to_ms) in stretches {
            played.add(from_ms, to_ms);
        }
        played
    }
}

impl From<Played> for Vec<(i64, i64)> {
    fn from(played: Played) -> Self {
        played.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(stretches: &[(i64, i64)]) -> Vec<(i64, i64)> {
        Played::from(stretches.to_vec()).into()
    }

    #[test]
    fn stretches_that_touch_are_one_and_the_others_stay_apart_in_order() {
        assert_eq!(played(&[(0, 10), (10, 20)]), [(0, 20)]);
        assert_eq!(played(&[(30, 40), (0, 10)]), [(0, 10), (30, 40)]);
        assert_eq!(played(&[(0, 10), (30, 40), (60, 70), (5, 35)]), [(0, 40), (60, 70)]);
        assert_eq!(played(&[(0, 100), (20, 30)]), [(0, 100)]);
        assert_eq!(played(&[(20, 30), (0, 100)]), [(0, 100)]);
        assert_eq!(played(&[(5, 5), (9, 3), (-20, -10), (-5, 4)]), [(0, 4)]);
    }

    #[test]
    fn only_what_was_played_of_the_speech_counts_and_once() {
        let heard = Played::from(vec![(0, 10), (25, 60)]);
        assert_eq!(heard.within_ms(&[(5, 30), (40, 100)]), 5 + 5 + 20);
        assert_eq!(heard.within_ms(&[(10, 25)]), 0);
        assert_eq!(Played::default().within_ms(&[(0, 100)]), 0);
        let mut twice = heard.clone();
        twice.join(&heard);
        assert_eq!(twice, heard);
    }

    #[test]
    fn it_is_kept_as_pairs_and_what_is_read_is_put_in_order() {
        let heard: Played = serde_json::from_str("[[30,40],[0,10],[8,12]]").expect("pairs");
        assert_eq!(serde_json::to_string(&heard).expect("json"), "[[0,12],[30,40]]");
    }

    #[test]
    fn who_jumps_about_without_end_takes_no_more_room() {
        let mut heard = Played::default();
        for n in 0..10_000 {
            heard.add(n * 10, n * 10 + 1 + n % 7);
        }
        assert_eq!(Vec::from(heard).len(), STRETCHES_MAX);
    }
}
