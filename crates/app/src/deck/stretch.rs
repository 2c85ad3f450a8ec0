//! The stretch between A and B that goes round and round.

use super::dto::RepeatStep;
use crate::errors::AppError;

/// What is shorter is a slip of the finger.
const LEAST_MS: i64 = 100;

/// A, B, and whether it goes round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub a_ms: i64,
    pub b_ms: Option<i64>,
    pub on: bool,
}

impl Stretch {
    /// What goes round: begin and end.
    pub fn round(self) -> Option<(i64, i64)> {
        self.b_ms.filter(|_| self.on).map(|b_ms| (self.a_ms, b_ms))
    }
}

/// What a step makes of it, taken at `at_ms`.
///
/// # Errors
/// `InvalidInput` for an end without a beginning before it, and for switching what has no end.
pub(super) fn after(stretch: Option<Stretch>, step: RepeatStep, at_ms: i64) -> Result<Option<Stretch>, AppError> {
    Ok(match (step, stretch) {
        (RepeatStep::Clear, _) => None,
        (RepeatStep::A, Some(Stretch { b_ms: Some(b_ms), on, .. })) if b_ms - at_ms >= LEAST_MS => {
            Some(Stretch { a_ms: at_ms, b_ms: Some(b_ms), on })
        }
        (RepeatStep::A, _) => Some(Stretch { a_ms: at_ms, b_ms: None, on: false }),
        (RepeatStep::B, stretch) => {
            let a_ms = stretch.map_or(0, |stretch| stretch.a_ms);
            // Who marks the end first and then the beginning means the same stretch.
            let (a_ms, b_ms) = (a_ms.min(at_ms), a_ms.max(at_ms));
            if b_ms - a_ms < LEAST_MS {
                return Err(AppError::InvalidInput("a stretch is a tenth of a second at least"));
            }
            Some(Stretch { a_ms, b_ms: Some(b_ms), on: true })
        }
        (RepeatStep::Toggle, Some(Stretch { a_ms, b_ms: Some(b_ms), on })) => {
            Some(Stretch { a_ms, b_ms: Some(b_ms), on: !on })
        }
        (RepeatStep::Toggle, _) => return Err(AppError::InvalidInput("a stretch needs an end")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(a_ms: i64, b_ms: Option<i64>, on: bool) -> Option<Stretch> {
        Some(Stretch { a_ms, b_ms, on })
    }

    #[test]
    fn each_step_from_each_state() {
        let rows = [
            (None, RepeatStep::A, 4_000, stretch(4_000, None, false)),
            (None, RepeatStep::B, 4_000, stretch(0, Some(4_000), true)),
            (None, RepeatStep::Clear, 4_000, None),
            (stretch(1_000, None, false), RepeatStep::B, 4_000, stretch(1_000, Some(4_000), true)),
            (stretch(5_000, None, false), RepeatStep::B, 4_000, stretch(4_000, Some(5_000), true)),
            (stretch(1_000, Some(4_000), true), RepeatStep::Toggle, 0, stretch(1_000, Some(4_000), false)),
            (stretch(1_000, Some(4_000), false), RepeatStep::Toggle, 0, stretch(1_000, Some(4_000), true)),
            (stretch(1_000, Some(4_000), true), RepeatStep::A, 2_000, stretch(2_000, Some(4_000), true)),
            (stretch(1_000, Some(4_000), true), RepeatStep::A, 6_000, stretch(6_000, None, false)),
            (stretch(1_000, Some(4_000), true), RepeatStep::Clear, 2_000, None),
        ];
        for (before, step, at_ms, wanted) in rows {
            assert_eq!(after(before, step, at_ms).ok(), Some(wanted), "{before:?} {step:?} {at_ms}");
        }
    }

    #[test]
    fn what_is_no_stretch_is_refused() {
        assert!(after(stretch(1_000, None, false), RepeatStep::B, 1_050).is_err());
        assert!(after(stretch(1_000, None, false), RepeatStep::Toggle, 0).is_err());
        assert!(after(None, RepeatStep::Toggle, 0).is_err());
    }

    #[test]
    fn only_what_is_on_and_has_an_end_goes_round() {
        let round = |stretch: Option<Stretch>| stretch.and_then(Stretch::round);
        assert_eq!(round(stretch(1, Some(2), true)), Some((1, 2)));
        assert_eq!(round(stretch(1, Some(2), false)), None);
        assert_eq!(round(stretch(1, None, false)), None);
    }
}
