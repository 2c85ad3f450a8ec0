//! From speaker to speaker.

use aftercall_media::Turns;

/// Who goes back within this of where a turn begins wants the one before.
const BEGINNING_MS: i64 = 1_500;

/// Where each speaker's turn begins: pauses within one do not end it, nor does what the other says into it.
fn beginnings(turns: &Turns) -> Vec<i64> {
    let mut found = Vec::new();
    // Who has the floor, and until when.
    let mut floor: Option<(u16, i64)> = None;
    for turn in &turns.turns {
        match floor {
            Some((channel, end_ms)) if turn.channel == channel && turns.channels > 1 => {
                floor = Some((channel, end_ms.max(turn.end_ms)));
            }
            Some((_, end_ms)) if turn.end_ms <= end_ms => {}
            Some(_) | None => {
                found.push(turn.start_ms);
                floor = Some((turn.channel, turn.end_ms));
            }
        }
    }
    found
}

/// The beginning of the next turn (`by` above 0) or of this one or the one before; nothing where there is none.
pub(super) fn step(turns: &Turns, position_ms: i64, by: i32) -> Option<i64> {
    let beginnings = beginnings(turns);
    if by > 0 {
        return beginnings.into_iter().find(|start_ms| *start_ms > position_ms);
    }
    let mut before = beginnings.into_iter().rev().skip_while(|start_ms| *start_ms > position_ms);
    let this_ms = before.next()?;
    if position_ms - this_ms >= BEGINNING_MS { Some(this_ms) } else { before.next().or(Some(this_ms)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aftercall_media::Turn;

    fn turns(channels: u16, spans: &[(u16, i64, i64)]) -> Turns {
        let turns = spans.iter().map(|&(channel, start_ms, end_ms)| Turn { channel, start_ms, end_ms }).collect();
        Turns { channels, duration_ms: 60_000, turns, talk_ms: vec![], silence_ms: 0, overlap_ms: 0 }
    }

    #[test]
    fn a_turn_ends_with_the_other_speaker_and_not_with_a_pause_or_a_word_thrown_in() {
        let call = [
            (1, 1_000, 4_000),
            (1, 5_000, 9_000),
            (2, 6_000, 6_500),
            (2, 10_000, 12_000),
            (1, 11_500, 20_000),
            (2, 19_000, 25_000),
        ];
        assert_eq!(beginnings(&turns(2, &call)), [1_000, 10_000, 11_500, 19_000]);
    }

    #[test]
    fn with_one_channel_each_stretch_of_speech_is_a_turn() {
        assert_eq!(beginnings(&turns(1, &[(1, 1_000, 2_000), (1, 5_000, 6_000)])), [1_000, 5_000]);
    }

    #[test]
    fn back_goes_to_the_beginning_first_and_from_there_to_the_one_before() {
        let call = turns(2, &[(1, 1_000, 9_000), (2, 10_000, 20_000), (1, 21_000, 30_000)]);
        assert_eq!(step(&call, 15_000, -1), Some(10_000));
        assert_eq!(step(&call, 11_000, -1), Some(1_000));
        assert_eq!(step(&call, 1_200, -1), Some(1_000));
        assert_eq!(step(&call, 500, -1), None);
        assert_eq!(step(&call, 500, 1), Some(1_000));
        assert_eq!(step(&call, 10_000, 1), Some(21_000));
        assert_eq!(step(&call, 21_000, 1), None);
    }
}
