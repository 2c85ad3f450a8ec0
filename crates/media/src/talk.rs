//! What can be said of a conversation from who speaks when: who talks longest without a break, where nobody speaks,
//! how often two speak at once.

use crate::turns::Turns;

/// A word of the other side this short is a nod: it does not end a monologue.
const NOD_MS: i64 = 1_000;
/// Who is silent for longer than this begins anew.
const BREATH_MS: i64 = 3_000;
/// A pause up to this belongs to talking; longer, between the first and the last word, is dead air.
const PAUSE_MS: i64 = 2_000;
/// Turns have soft edges: two that only touch do not speak at once.
const OVERLAP_MS: i64 = 200;
/// One side's longest stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Monologue {
    /// From 1.
    pub channel: u16,
    /// From the beginning of the recording.
    pub start_ms: i64,
    /// Its end, not included.
    pub end_ms: i64,
}

/// Measures of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Talk {
    /// The longest time that one side spoke, over the other side's nods; none where nobody speaks.
    pub longest: Option<Monologue>,
    /// Time between the first and the last word in which nobody speaks for longer than a pause.
    pub dead_air_ms: i64,
    /// How often two speak at once.
    pub overlaps: u32,
}

impl Talk {
    /// Measures it.
    pub fn of(turns: &Turns) -> Self {
        let spoken = spoken(turns);
        let gaps = spoken.windows(2).map(|pair| pair[1].0 - pair[0].1);
        Self {
            longest: longest(turns),
            dead_air_ms: gaps.filter(|gap| *gap > PAUSE_MS).sum(),
            overlaps: overlaps(turns),
        }
    }
}

/// Stretches in which somebody speaks, in order and apart.
fn spoken(turns: &Turns) -> Vec<(i64, i64)> {
    let mut found: Vec<(i64, i64)> = Vec::new();
    for turn in &turns.turns {
        match found.last_mut() {
            Some((_, end)) if turn.start_ms <= *end => *end = turn.end_ms.max(*end),
            _ => found.push((turn.start_ms, turn.end_ms)),
        }
    }
    found
}

fn longest(turns: &Turns) -> Option<Monologue> {
    let mut best: Option<Monologue> = None;
    for channel in 1..=turns.channels {
        let mut running: Option<Monologue> = None;
        for turn in &turns.turns {
            if turn.channel == channel {
                running = match running {
                    Some(run) if turn.start_ms - run.end_ms <= BREATH_MS => {
                        Some(Monologue { end_ms: turn.end_ms.max(run.end_ms), ..run })
                    }
                    _ => Some(Monologue { channel, start_ms: turn.start_ms, end_ms: turn.end_ms }),
                };
                let length = |run: Monologue| run.end_ms - run.start_ms;
                if running.map(length) > best.map(length) {
                    best = running;
                }
            } else if turn.end_ms - turn.start_ms > NOD_MS {
                running = None;
            }
        }
    }
    best
}

fn overlaps(turns: &Turns) -> u32 {
    let mut edges: Vec<(i64, i32)> =
        turns.turns.iter().flat_map(|turn| [(turn.start_ms, 1), (turn.end_ms, -1)]).collect();
    edges.sort_unstable();
    let (mut speaking, mut since, mut count) = (0, 0, 0);
    for (at, step) in edges {
        let before = speaking;
        speaking += step;
        if before < 2 && speaking == 2 {
            since = at;
        } else if before == 2 && speaking < 2 && at - since >= OVERLAP_MS {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Turn;

    fn turns(duration_ms: i64, spans: &[(u16, i64, i64)]) -> Turns {
        let mut turns: Vec<Turn> =
            spans.iter().map(|&(channel, start_ms, end_ms)| Turn { channel, start_ms, end_ms }).collect();
        turns.sort_by_key(|turn| (turn.start_ms, turn.channel));
        Turns { channels: 2, duration_ms, turns, talk_ms: vec![0, 0], silence_ms: 0, overlap_ms: 0 }
    }

    #[test]
    fn a_monologue_goes_on_over_a_nod_and_a_breath_and_ends_with_an_answer_or_a_silence() {
        let nods = turns(60_000, &[(1, 1_000, 9_000), (2, 8_500, 9_200), (1, 10_000, 20_000), (2, 21_000, 24_000)]);
        assert_eq!(Talk::of(&nods).longest, Some(Monologue { channel: 1, start_ms: 1_000, end_ms: 20_000 }));
        let answered = turns(60_000, &[(1, 1_000, 9_000), (2, 9_500, 11_000), (1, 11_500, 15_000)]);
        assert_eq!(Talk::of(&answered).longest, Some(Monologue { channel: 1, start_ms: 1_000, end_ms: 9_000 }));
        let silent = turns(60_000, &[(1, 1_000, 9_000), (1, 13_000, 18_000)]);
        assert_eq!(Talk::of(&silent).longest, Some(Monologue { channel: 1, start_ms: 1_000, end_ms: 9_000 }));
        assert_eq!(Talk::of(&turns(60_000, &[])).longest, None);
    }

    #[test]
    fn dead_air_lies_between_words_and_is_longer_than_a_pause() {
        let talk = Talk::of(&turns(60_000, &[(1, 10_000, 12_000), (2, 13_500, 15_000), (1, 25_000, 26_000)]));
        assert_eq!(talk.dead_air_ms, 10_000);
    }

    #[test]
    fn two_who_only_touch_do_not_speak_at_once() {
        let talk = Talk::of(&turns(
            30_000,
            &[(1, 1_000, 5_000), (2, 4_900, 8_000), (1, 7_000, 9_000), (2, 12_000, 14_000), (1, 12_500, 13_000)],
        ));
        assert_eq!(talk.overlaps, 2);
    }
}
