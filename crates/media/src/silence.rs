//! What silence skip leaves out. Speech was told from the call's own noise where it arrived ([`crate::turns`]); what is
//! left between is quiet on every channel.

use crate::turns::Turns;

/// Shorter silence is a pause for breath and belongs to the talk.
const QUIET_MS: i64 = 700;
/// So much of a silence stays on each side of what is left out.
const KEEP_MS: i64 = 200;

/// A stretch of media time that is left out, in milliseconds from the recording's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Its beginning.
    pub start_ms: i64,
    /// Its end, not included.
    pub end_ms: i64,
}

impl Cut {
    /// How long it is.
    pub fn length_ms(self) -> i64 {
        self.end_ms - self.start_ms
    }
}

/// The stretches in which no channel speaks for 700 ms or more, less 200 ms on each side; in order, apart from each
/// other. A recording in which no speech was found is left whole: it may hold what only was not told from its noise.
pub fn cuts(turns: &Turns) -> Vec<Cut> {
    let mut found = Vec::new();
    if turns.turns.is_empty() {
        return found;
    }
    let mut cut = |start_ms: i64, end_ms: i64| {
        if end_ms - start_ms >= QUIET_MS {
            found.push(Cut { start_ms: start_ms + KEEP_MS, end_ms: end_ms - KEEP_MS });
        }
    };
    let mut spoken_ms = 0;
    // By start, as they are kept; one may lie within another.
    for turn in &turns.turns {
        cut(spoken_ms, turn.start_ms);
        spoken_ms = spoken_ms.max(turn.end_ms);
    }
    cut(spoken_ms, turns.duration_ms);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turns::Turn;

    fn cuts_of(duration_ms: i64, turns: &[(u16, i64, i64)]) -> Vec<(i64, i64)> {
        let turns = turns.iter().map(|&(channel, start_ms, end_ms)| Turn { channel, start_ms, end_ms }).collect();
        let turns = Turns { channels: 2, duration_ms, turns, talk_ms: vec![], silence_ms: 0, overlap_ms: 0 };
        cuts(&turns).into_iter().map(|cut| (cut.start_ms, cut.end_ms)).collect()
    }

    #[test]
    fn only_where_every_channel_is_quiet_for_700_ms_and_200_ms_stay_on_each_side() {
        let turns = [(1, 0, 4_000), (2, 1_000, 2_000), (2, 4_699, 6_000), (1, 6_700, 8_000)];
        assert_eq!(cuts_of(8_000, &turns), [(6_200, 6_500)]);
    }

    #[test]
    fn what_one_side_says_within_the_others_words_ends_no_silence() {
        assert_eq!(cuts_of(20_000, &[(1, 0, 10_000), (2, 3_000, 4_000), (2, 12_000, 20_000)]), [(10_200, 11_800)]);
    }

    #[test]
    fn the_beginning_and_the_end_of_a_call_are_skipped_too() {
        assert_eq!(cuts_of(9_000, &[(1, 3_000, 4_000)]), [(200, 2_800), (4_200, 8_800)]);
    }

    #[test]
    fn where_no_speech_was_found_nothing_is_left_out() {
        assert!(cuts_of(60_000, &[]).is_empty());
    }
}
