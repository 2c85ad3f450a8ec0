//! Who speaks when, from the channels. Telephony records each side on a channel of its own, so a turn is simply
//! speech on a channel; what has to be found is where speech begins above that call's own noise.
//!
//! Levels are kept for every 10 ms, one byte each, and judged at the end, when the whole call is known: the noise
//! floor and the loudness of this channel set the level above which is speech, so that a customer who is far too
//! quiet is heard as well as a loud agent. Where one side leaks into the other's channel, what is only that leak is not
//! taken for speech.

use serde::{Deserialize, Serialize};

/// One stretch of speech on one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// From 1.
    pub channel: u16,
    /// From the beginning of the recording.
    pub start_ms: i64,
    /// Its end, not included.
    pub end_ms: i64,
}

/// Who speaks when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// How many channels the recording has.
    pub channels: u16,
    /// Length of the recording.
    pub duration_ms: i64,
    /// By start, then channel.
    pub turns: Vec<Turn>,
    /// Speech per channel, channel 1 first.
    pub talk_ms: Vec<i64>,
    /// Time in which no channel speaks.
    pub silence_ms: i64,
    /// Time in which two or more channels speak at once.
    pub overlap_ms: i64,
}

/// Frames per second of the measurement.
const FRAMES_PER_S: u32 = 100;
/// Speech stands this far above the channel's floor…
const ABOVE_FLOOR_DB: f32 = 8.5;
/// … and no further than this below the channel's loudest speech.
const BELOW_TOP_DB: f32 = 40.0;
/// A channel of one even level has no floor to stand out from: take what is near its top.
const NEAR_TOP_DB: f32 = 12.0;
/// What no telephone line carries as speech.
const INAUDIBLE_DB: f32 = -65.0;
const FLOOR_PERCENTILE: usize = 20;
const TOP_PERCENTILE: usize = 98;
/// A pause up to this belongs to the turn. Less than the 700 ms after which silence is skipped.
const PAUSE_FRAMES: usize = 60;
/// Shorter than this is a click.
const LEAST_FRAMES: usize = 4;
/// Soft beginnings and endings of words lie below the threshold: more of them where noise covers them.
const EDGE_FRAMES: usize = 4;
const EDGE_FRAMES_IN_NOISE: usize = 12;
/// A leak is looked for while the other side is so near its loudest, and this side so far below it.
const LEAK_NEAR_TOP_DB: f32 = 20.0;
const LEAK_BELOW_DB: f32 = 10.0;
/// Frames that have to be looked at.
const LEAK_FRAMES: usize = 100;
/// It is one where this side follows the other: the difference between them spreads so much less than the other itself.
const LEAK_SPREAD: f32 = 0.6;
/// Speech stands this far above the leak; and the leak may come some frames late.
const ABOVE_LEAK_DB: f32 = 6.0;
const LEAK_LATE_FRAMES: usize = 3;

/// Builds [`Turns`] from decoded sound.
pub struct TurnsBuilder {
    sample_rate_hz: u32,
    /// Per channel, the level of each frame in half decibels below full scale.
    levels: Vec<Vec<u8>>,
    energy: Vec<f32>,
    samples_in_frame: u32,
    samples: u64,
    channel: usize,
}

impl TurnsBuilder {
    /// For sound of so many channels (at least 1) and samples per second and channel.
    pub fn new(channels: u16, sample_rate_hz: u32) -> Self {
        let channels = usize::from(channels.max(1));
        Self {
            sample_rate_hz: sample_rate_hz.max(FRAMES_PER_S),
            levels: vec![Vec::new(); channels],
            energy: vec![0.0; channels],
            samples_in_frame: 0,
            samples: 0,
            channel: 0,
        }
    }

    /// Takes interleaved samples (-1 … 1) in order; a block may end within a frame.
    pub fn push(&mut self, interleaved: &[f32]) {
        for &sample in interleaved {
            let sample = if sample.is_finite() { sample } else { 0.0 };
            self.energy[self.channel] += sample * sample;
            self.channel += 1;
            if self.channel == self.energy.len() {
                self.channel = 0;
                self.samples += 1;
                self.samples_in_frame += 1;
                if self.samples_in_frame == self.sample_rate_hz / FRAMES_PER_S {
                    self.close_frame();
                }
            }
        }
    }

    fn close_frame(&mut self) {
        if self.samples_in_frame == 0 {
            return;
        }
        for (levels, energy) in self.levels.iter_mut().zip(&mut self.energy) {
            let db = 10.0 * (*energy / self.samples_in_frame as f32).max(1e-13).log10();
            // `as` saturates: louder than full scale is full scale.
            levels.push((-2.0 * db).round() as u8);
            *energy = 0.0;
        }
        self.samples_in_frame = 0;
    }

    /// The turns of all that was pushed.
    pub fn finish(mut self) -> Turns {
        self.close_frame();
        let duration_ms = i64::try_from(self.samples * 1000 / u64::from(self.sample_rate_hz)).unwrap_or(i64::MAX);
        let frame_ms = |frame: usize| {
            let samples = frame as u64 * u64::from(self.sample_rate_hz / FRAMES_PER_S);
            i64::try_from(samples * 1000 / u64::from(self.sample_rate_hz)).unwrap_or(i64::MAX).min(duration_ms)
        };
        let spoken: Vec<Vec<(usize, usize)>> = (0..self.levels.len())
            .map(|own| {
                let others = self.levels.iter().enumerate().filter(|(other, _)| *other != own);
                stretches(&self.levels[own], &others.map(|(_, levels)| &levels[..]).collect::<Vec<_>>())
            })
            .collect();
        let mut turns: Vec<Turn> = spoken
            .iter()
            .zip(1_u16..)
            .flat_map(|(stretches, channel)| stretches.iter().map(move |stretch| (channel, *stretch)))
            .map(|(channel, (first, end))| Turn { channel, start_ms: frame_ms(first), end_ms: frame_ms(end) })
            .filter(|turn| turn.start_ms < turn.end_ms)
            .collect();
        turns.sort_by_key(|turn| (turn.start_ms, turn.channel));
        let talk_ms = (1..=spoken.len())
            .map(|channel| {
                turns.iter().filter(|t| usize::from(t.channel) == channel).map(|t| t.end_ms - t.start_ms).sum()
            })
            .collect();
        let (spoken_ms, overlap_ms) = covered(&turns);
        Turns {
            channels: u16::try_from(self.levels.len()).unwrap_or(u16::MAX),
            duration_ms,
            turns,
            talk_ms,
            silence_ms: duration_ms - spoken_ms,
            overlap_ms,
        }
    }
}

/// Stretches of speech of one channel, as frames, end not included.
fn stretches(own: &[u8], others: &[&[u8]]) -> Vec<(usize, usize)> {
    let Some(Threshold { db: threshold_db, edge_frames }) = Threshold::of(own) else { return Vec::new() };
    let leaks: Vec<(&[u8], f32)> = others.iter().filter_map(|other| Some((*other, leak_db(own, other)?))).collect();
    let is_speech = |frame: usize, level_db: f32| {
        level_db > threshold_db
            && leaks.iter().all(|(other, leak_db)| {
                let loudest = other[frame.saturating_sub(LEAK_LATE_FRAMES)..].iter().take(LEAK_LATE_FRAMES + 2).min();
                loudest.is_none_or(|other| level_db > db(*other) + leak_db + ABOVE_LEAK_DB)
            })
    };
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (frame, _) in own.iter().enumerate().filter(|(frame, level)| is_speech(*frame, db(**level))) {
        match found.last_mut() {
            Some((_, end)) if frame - *end < PAUSE_FRAMES => *end = frame + 1,
            _ => found.push((frame, frame + 1)),
        }
    }
    found.retain(|(first, end)| end - first >= LEAST_FRAMES);
    found.iter().map(|(first, end)| (first.saturating_sub(edge_frames), (end + edge_frames).min(own.len()))).collect()
}

/// The level of a frame in decibels.
fn db(level: u8) -> f32 {
    -0.5 * f32::from(level)
}

fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied()
}

/// What is speech on one channel.
struct Threshold {
    db: f32,
    /// What belongs to speech before and behind it.
    edge_frames: usize,
}

impl Threshold {
    fn of(levels: &[u8]) -> Option<Self> {
        let mut sorted = levels.to_vec();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let floor = db(percentile(&sorted, FLOOR_PERCENTILE)?);
        let top = db(percentile(&sorted, TOP_PERCENTILE)?);
        let is_noisy = floor + ABOVE_FLOOR_DB > top - BELOW_TOP_DB;
        let db = (floor + ABOVE_FLOOR_DB).max(top - BELOW_TOP_DB).min(top - NEAR_TOP_DB).max(INAUDIBLE_DB);
        Some(Self { db, edge_frames: if is_noisy { EDGE_FRAMES_IN_NOISE } else { EDGE_FRAMES } })
    }
}

/// By how much the other side leaks into this one, in decibels (below 0); none where it does not.
fn leak_db(own: &[u8], other: &[u8]) -> Option<f32> {
    let mut sorted = other.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let top = db(percentile(&sorted, TOP_PERCENTILE)?);
    let looked_at = own.iter().zip(other).map(|(own, other)| (db(*own), db(*other)));
    let looked_at = looked_at.filter(|(own, other)| *other > top - LEAK_NEAR_TOP_DB && *own < other - LEAK_BELOW_DB);
    let (mut apart, mut others): (Vec<f32>, Vec<f32>) = looked_at.map(|(own, other)| (own - other, other)).unzip();
    if apart.len() < LEAK_FRAMES {
        return None;
    }
    apart.sort_unstable_by(f32::total_cmp);
    others.sort_unstable_by(f32::total_cmp);
    let spread = |sorted: &[f32]| Some(percentile(sorted, 75)? - percentile(sorted, 25)?);
    (spread(&apart)? < LEAK_SPREAD * spread(&others)?).then_some(percentile(&apart, 50)?)
}

/// Milliseconds in which somebody speaks, and in which two or more speak at once.
fn covered(turns: &[Turn]) -> (i64, i64) {
    let mut edges: Vec<(i64, i64)> = turns.iter().flat_map(|t| [(t.start_ms, 1), (t.end_ms, -1)]).collect();
    edges.sort_unstable();
    let (mut spoken, mut overlap, mut speaking, mut since) = (0, 0, 0, 0);
    for (at, step) in edges {
        if speaking >= 1 {
            spoken += at - since;
        }
        if speaking >= 2 {
            overlap += at - since;
        }
        speaking += step;
        since = at;
    }
    (spoken, overlap)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8000;

    /// A tone on one channel between two times, over a faint hiss on both.
    fn call(seconds: f32, speech: &[(usize, f32, f32, f32)]) -> Vec<f32> {
        let mut seed = 1_u32;
        let mut hiss = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 9) as f32 / (1 << 23) as f32 * 0.0006 - 0.0003
        };
        (0..(seconds * RATE as f32) as usize)
            .flat_map(|n| {
                let t = n as f32 / RATE as f32;
                [0, 1].map(|channel| {
                    let tone = |(c, from, to, gain): &(usize, f32, f32, f32)| {
                        if *c == channel && t >= *from && t < *to { gain * (t * 1382.0).sin() } else { 0.0 }
                    };
                    hiss() + speech.iter().map(tone).sum::<f32>()
                })
            })
            .collect()
    }

    fn turns_of(samples: &[f32]) -> Turns {
        let mut builder = TurnsBuilder::new(2, RATE);
        for block in samples.chunks(321) {
            builder.push(block);
        }
        builder.finish()
    }

    fn near(turn: &Turn, channel: u16, start_ms: i64, end_ms: i64) -> bool {
        turn.channel == channel && (turn.start_ms - start_ms).abs() <= 50 && (turn.end_ms - end_ms).abs() <= 50
    }

    #[test]
    fn a_quiet_side_is_heard_by_its_own_floor() {
        let found = turns_of(&call(6.0, &[(0, 1.0, 2.0, 0.5), (1, 3.0, 5.0, 0.02)]));
        assert_eq!(found.turns.len(), 2, "{found:?}");
        assert!(near(&found.turns[0], 1, 1000, 2000), "{found:?}");
        // Close to its floor a side's edges are known less well, and are laid outwards: no word may be lost.
        let quiet = &found.turns[1];
        assert!(quiet.channel == 2 && (2850..=3000).contains(&quiet.start_ms), "{found:?}");
        assert!((5000..=5150).contains(&quiet.end_ms), "{found:?}");
        assert!((found.silence_ms - 3000).abs() <= 350 && found.overlap_ms == 0, "{found:?}");
    }

    #[test]
    fn a_breath_belongs_to_the_turn_and_a_long_pause_ends_it() {
        let found = turns_of(&call(8.0, &[(0, 1.0, 2.0, 0.4), (0, 2.4, 3.0, 0.4), (0, 5.0, 6.0, 0.4)]));
        assert_eq!(found.turns.len(), 2, "{found:?}");
        assert!(near(&found.turns[0], 1, 1000, 3000) && near(&found.turns[1], 1, 5000, 6000), "{found:?}");
    }

    #[test]
    fn talking_at_once_is_counted_as_overlap() {
        let found = turns_of(&call(6.0, &[(0, 1.0, 3.0, 0.4), (1, 2.0, 4.0, 0.4)]));
        assert!((found.overlap_ms - 1000).abs() <= 150, "{found:?}");
    }

    #[test]
    fn what_leaks_from_the_other_side_is_not_speech_and_who_speaks_over_it_is_heard() {
        let words: Vec<(usize, f32, f32, f32)> =
            (0..20).map(|n| (0, n as f32 * 0.4, n as f32 * 0.4 + 0.3, 0.1 + 0.3 * (n % 3) as f32)).collect();
        let mut call = call(10.0, &[&words[..], &[(1, 4.0, 5.0, 0.3)]].concat());
        for frame in call.chunks_mut(2) {
            frame[1] += 0.056 * frame[0];
        }
        let found = turns_of(&call);
        let other: Vec<&Turn> = found.turns.iter().filter(|turn| turn.channel == 2).collect();
        assert!(other.len() == 1 && near(other[0], 2, 4000, 5000), "{found:?}");
    }

    #[test]
    fn silence_has_no_turns() {
        assert!(turns_of(&call(5.0, &[])).turns.is_empty());
        assert!(turns_of(&vec![0.0; 80_000]).turns.is_empty());
        let nothing = TurnsBuilder::new(2, RATE).finish();
        assert_eq!((nothing.duration_ms, nothing.silence_ms, nothing.turns.len()), (0, 0, 0));
    }
}
