//! From when on a call counts as heard.

use aftercall_media::Turns;

/// A call is heard when this much of its speech was passed.
const HEARD_PER_CENT: i64 = 90;

/// The media time at which nine tenths of the speech have gone by: what follows the last words does not count, nor
/// does the waiting before the first. Without turns, nine tenths of the length.
pub(crate) fn heard_at_ms(turns: Option<&Turns>, duration_ms: i64) -> i64 {
    let by_length = duration_ms * HEARD_PER_CENT / 100;
    let Some(turns) = turns else { return by_length };
    let mut spoken: Vec<(i64, i64)> = turns.turns.iter().map(|turn| (turn.start_ms, turn.end_ms)).collect();
    spoken.sort_unstable();
    // Where both speak, the time counts once.
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for (start, end) in spoken {
        match stretches.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => stretches.push((start, end)),
        }
    }
    let mut left = stretches.iter().map(|(start, end)| end - start).sum::<i64>() * HEARD_PER_CENT / 100;
    if left <= 0 {
        return by_length;
    }
    for (start, end) in stretches {
        if left <= end - start {
            return start + left;
        }
        left -= end - start;
    }
    by_length
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

    #[test]
    fn a_call_is_heard_at_nine_tenths_of_its_speech_not_of_its_length() {
        let speech_first = turns(&[(1, 0, 5_000), (2, 5_000, 10_000)]);
        assert_eq!(heard_at_ms(Some(&speech_first), 100_000), 9_000);
        let overlapping = turns(&[(1, 10_000, 20_000), (2, 10_000, 20_000)]);
        assert_eq!(heard_at_ms(Some(&overlapping), 100_000), 19_000);
    }

    #[test]
    fn without_speech_found_the_length_decides() {
        assert_eq!(heard_at_ms(None, 100_000), 90_000);
        assert_eq!(heard_at_ms(Some(&turns(&[])), 100_000), 90_000);
    }
}
