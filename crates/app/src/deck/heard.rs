//! From when on a call counts as heard.

use aftercall_domain::played::Played;
use aftercall_media::Turns;

/// A call is heard when this much of its speech was played.
const HEARD_PER_CENT: i64 = 90;

/// Whether nine tenths of the speech were played: silences do not count, nor does what was jumped over. Without turns,
/// nine tenths of the length.
pub(crate) fn is_heard(turns: Option<&Turns>, duration_ms: i64, played: &Played) -> bool {
    let spoken = turns.map(stretches).filter(|spoken| !spoken.is_empty());
    let spoken = spoken.unwrap_or_else(|| vec![(0, duration_ms)]);
    let whole = spoken.iter().map(|(start, end)| end - start).sum::<i64>();
    whole > 0 && played.within_ms(&spoken) * 100 >= whole * HEARD_PER_CENT
}

/// Where somebody speaks. Where both do, the time counts once.
fn stretches(turns: &Turns) -> Vec<(i64, i64)> {
    Played::from(turns.turns.iter().map(|turn| (turn.start_ms, turn.end_ms)).collect::<Vec<_>>()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aftercall_media::Turn;

    fn turns(spans: &[(u16, i64, i64)]) -> Turns {
        let turns =
            spans.iter().map(|&(channel, start_ms, end_ms)| Turn { channel, start_ms, end_ms }).collect::<Vec<_>>();
        Turns { channels: 2, duration_ms: 100_000, turns, talk_ms: vec![0, 0], silence_ms: 0, overlap_ms: 0 }
    }

    fn heard(turns: Option<&Turns>, played: &[(i64, i64)]) -> bool {
        is_heard(turns, 100_000, &Played::from(played.to_vec()))
    }

    #[test]
    fn a_call_is_heard_at_nine_tenths_of_its_speech_not_of_its_length() {
        let speech_first = turns(&[(1, 0, 5_000), (2, 5_000, 10_000)]);
        assert!(heard(Some(&speech_first), &[(0, 9_000)]) && !heard(Some(&speech_first), &[(0, 8_999)]));
        let overlapping = turns(&[(1, 10_000, 20_000), (2, 10_000, 20_000)]);
        assert!(heard(Some(&overlapping), &[(0, 19_000)]) && !heard(Some(&overlapping), &[(0, 18_999)]));
    }

    #[test]
    fn what_was_jumped_over_was_not_heard_and_what_was_heard_before_counts() {
        let call = turns(&[(1, 0, 50_000), (2, 50_000, 100_000)]);
        assert!(!heard(Some(&call), &[(0, 5_000), (95_000, 100_000)]), "a jump to the end");
        assert!(heard(Some(&call), &[(0, 40_000), (45_000, 100_000)]));
        assert!(heard(Some(&call), &[(60_000, 100_000), (0, 50_000)]), "the end first");
    }

    #[test]
    fn without_speech_found_the_length_decides() {
        for turns in [None, Some(&turns(&[]))] {
            assert!(heard(turns, &[(0, 90_000)]) && !heard(turns, &[(0, 89_999)]));
        }
        assert!(!is_heard(None, 0, &Played::default()), "a length that is not known is not heard");
    }
}
