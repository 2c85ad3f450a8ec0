//! The way back from a jump.

/// Jumps that follow each other within this are one: who goes on in steps of five seconds wants back to where the steps
/// began.
const STEPS_MS: i64 = 3_000;
/// So many are kept.
const KEPT: usize = 50;

/// Where the jumps of one recording began.
#[derive(Debug, Default)]
pub(super) struct Jumps {
    from_ms: Vec<i64>,
    last_ms: Option<i64>,
}

impl Jumps {
    /// A jump from there.
    pub fn note(&mut self, from_ms: i64, now_ms: i64) {
        let goes_on = self.last_ms.is_some_and(|last_ms| (0..STEPS_MS).contains(&(now_ms - last_ms)));
        self.last_ms = Some(now_ms);
        if goes_on && !self.from_ms.is_empty() {
            return;
        }
        if self.from_ms.len() == KEPT {
            self.from_ms.remove(0);
        }
        self.from_ms.push(from_ms);
    }

    /// Where the last jump began; it is taken back.
    pub fn undo(&mut self) -> Option<i64> {
        self.last_ms = None;
        self.from_ms.pop()
    }

    /// Whether there is a way back.
    pub fn is_any(&self) -> bool {
        !self.from_ms.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_in_a_row_are_one_jump_and_jumps_are_taken_back_one_by_one() {
        let mut jumps = Jumps::default();
        jumps.note(10_000, 0);
        jumps.note(15_000, 1_000);
        jumps.note(20_000, 3_500);
        jumps.note(60_000, 9_000);
        assert_eq!((jumps.undo(), jumps.undo(), jumps.undo()), (Some(60_000), Some(10_000), None));
        assert!(!jumps.is_any());
    }

    #[test]
    fn a_jump_right_after_going_back_is_a_jump_of_its_own() {
        let mut jumps = Jumps::default();
        jumps.note(10_000, 0);
        assert_eq!(jumps.undo(), Some(10_000));
        jumps.note(11_000, 500);
        assert_eq!(jumps.undo(), Some(11_000));
    }

    #[test]
    fn a_clock_that_was_set_back_joins_nothing() {
        let mut jumps = Jumps::default();
        jumps.note(10_000, 50_000);
        jumps.note(20_000, 1_000);
        assert_eq!((jumps.undo(), jumps.undo()), (Some(20_000), Some(10_000)));
    }
}
