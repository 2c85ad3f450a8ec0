//! Brings the quiet side of a call up to the loud one.
//!
//! Each side gets one gain for the whole call, known beforehand from how loud it speaks ([`gains`]): a gain that follows
//! the voice would pump. Where nothing is known it is measured on the way and settles slowly. Behind a gain stands a
//! limiter; a side that is not raised goes through untouched.

use crate::error::PlayerError;
use crate::loudness::Loudness;

/// More than this lifts the line's noise with the voice.
const LIFT_MAX_DB: f32 = 24.0;
/// A side that never gets louder than this has nobody speaking on it.
const SPEECH_LEAST_LUFS: f32 = -55.0;
/// What the limiter lets through: a little below full scale, for the resampler behind it.
const CEILING: f32 = 0.95;
/// How long the limiter keeps down what it pressed: longer than a period of the deepest voice, so that it does not follow
/// the wave.
const HOLD_S: f32 = 0.020;
/// How fast it lets go.
const RELEASE_S: f32 = 0.150;
/// Measuring on the way: how often the gain is set anew, and how fast it moves. Slower than speech gets louder or softer.
const MEASURE_S: f32 = 0.4;
const SLEW_DB_PER_S: f32 = 4.0;
/// Measuring on the way: a side has to have been heard so long.
const HEARD_LEAST_S: f32 = 2.0;

/// The gain of each side that brings it up to the loudest one, from how loud each speaks (LUFS; none where nobody does).
pub fn gains(lufs: &[Option<f32>]) -> Vec<f32> {
    lufs.iter().map(|side| gain(*side, loudest(lufs.iter().copied()))).collect()
}

fn loudest(lufs: impl Iterator<Item = Option<f32>>) -> f32 {
    lufs.flatten().fold(f32::NEG_INFINITY, f32::max)
}

fn gain(side: Option<f32>, loudest: f32) -> f32 {
    match side {
        Some(lufs) if lufs >= SPEECH_LEAST_LUFS => from_db((loudest - lufs).clamp(0.0, LIFT_MAX_DB)),
        _ => 1.0,
    }
}

fn from_db(db: f32) -> f32 {
    10_f32.powf(db / 20.0)
}

/// Raises the sides of interleaved samples, each by its gain. Allocates nothing once it is made, adds no delay, and what
/// comes out does not depend on how the samples are cut into blocks.
pub struct Leveller {
    sides: Vec<Side>,
    release: f32,
    hold_frames: u32,
    /// Where the gains are not known.
    measure: Option<Measure>,
}

struct Side {
    gain: f32,
    /// What the limiter leaves of it, 0 to 1.
    limit: f32,
    hold: u32,
}

struct Measure {
    loudness: Loudness,
    every_frames: usize,
    /// Frames to go until the gains are set anew.
    left_frames: usize,
    step: f32,
    /// Of each side, how often it was found speaking, and where its gain is going.
    heard: Vec<(u32, f32)>,
}

impl Leveller {
    /// With the gain of each channel as [`gains`] finds them. Where there is not one for each channel, they are measured
    /// on the way.
    ///
    /// # Errors
    /// `InvalidInput` for a rate of 0 or no channels.
    pub fn new(sample_rate_hz: u32, channels: usize, gains: &[f32]) -> Result<Self, PlayerError> {
        if sample_rate_hz == 0 || channels == 0 {
            return Err(PlayerError::InvalidInput);
        }
        let is_known = gains.len() == channels;
        let gain = |n: usize| if is_known && gains[n].is_finite() { gains[n].max(0.0) } else { 1.0 };
        let rate = sample_rate_hz as f32;
        let every_frames = (rate * MEASURE_S) as usize + 1;
        let measure = if is_known {
            None
        } else {
            Some(Measure {
                loudness: Loudness::new(sample_rate_hz, channels)?,
                every_frames,
                left_frames: every_frames,
                step: from_db(SLEW_DB_PER_S / rate),
                heard: vec![(0, 1.0); channels],
            })
        };
        Ok(Self {
            sides: (0..channels).map(|n| Side { gain: gain(n), limit: 1.0, hold: 0 }).collect(),
            release: 1.0 / (RELEASE_S * rate),
            hold_frames: (HOLD_S * rate) as u32,
            measure,
        })
    }

    /// Raises interleaved samples where they are. Whole frames only.
    pub fn process(&mut self, interleaved: &mut [f32]) {
        let mut rest = interleaved;
        while !rest.is_empty() {
            let frames = self.measure.as_ref().map_or(usize::MAX, |measure| measure.left_frames);
            let (now, later) = rest.split_at_mut(rest.len().min(frames.saturating_mul(self.sides.len())));
            if let Some(measure) = &mut self.measure {
                measure.loudness.push(now);
            }
            self.raise(now);
            if let Some(measure) = &mut self.measure {
                measure.heard(now.len());
            }
            rest = later;
        }
    }

    fn raise(&mut self, interleaved: &mut [f32]) {
        let Self { sides, release, hold_frames, measure } = self;
        for frame in interleaved.chunks_mut(sides.len()) {
            for (n, (sample, side)) in frame.iter_mut().zip(&mut *sides).enumerate() {
                if let Some(measure) = measure {
                    side.gain = towards(side.gain, measure.heard[n].1, measure.step);
                }
                side.apply(sample, *release, *hold_frames);
            }
        }
    }
}

impl Side {
    fn apply(&mut self, sample: &mut f32, release: f32, hold_frames: u32) {
        if self.gain == 1.0 {
            return;
        }
        *sample *= self.gain;
        let peak = sample.abs();
        if peak * self.limit > CEILING {
            self.limit = CEILING / peak;
            self.hold = hold_frames;
        } else if self.hold > 0 {
            self.hold -= 1;
        } else {
            self.limit += (1.0 - self.limit) * release;
        }
        *sample *= self.limit;
    }
}

fn towards(from: f32, to: f32, step: f32) -> f32 {
    if from < to { (from * step).min(to) } else { (from / step).max(to) }
}

impl Measure {
    /// So many samples were heard: the gains are set anew where it is time.
    fn heard(&mut self, samples: usize) {
        self.left_frames -= samples / self.heard.len();
        if self.left_frames > 0 {
            return;
        }
        self.left_frames = self.every_frames;
        let speaks = |side: &Option<f32>| side.is_some_and(|lufs| lufs >= SPEECH_LEAST_LUFS);
        let loudest = loudest(self.loudness.lufs());
        for (side, (heard, goal)) in self.loudness.lufs().zip(&mut self.heard) {
            *heard += u32::from(speaks(&side));
            if *heard as f32 * MEASURE_S >= HEARD_LEAST_S {
                *goal = gain(side, loudest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(frames: usize, amplitude: f32) -> impl Iterator<Item = f32> {
        (0..frames).map(move |n| {
            let t = n as f32 / 8_000.0;
            amplitude * (t * 1_200.0).sin() * (0.6 + 0.4 * (t * 20.0).sin())
        })
    }

    #[test]
    fn the_quiet_side_is_raised_to_the_loud_one_and_nobody_is_raised_who_says_nothing() {
        assert_eq!(gains(&[Some(-20.0), Some(-20.0)]), [1.0, 1.0]);
        let raised = gains(&[Some(-20.0), Some(-40.0)]);
        assert!(raised[0] == 1.0 && (raised[1] - 10.0).abs() < 1e-3, "{raised:?}");
        assert_eq!(gains(&[Some(-20.0), None]), [1.0, 1.0]);
        assert_eq!(gains(&[Some(-20.0), Some(-60.0)]), [1.0, 1.0]);
        assert!(gains(&[Some(-10.0), Some(-54.0)])[1] <= from_db(LIFT_MAX_DB));
        assert_eq!(gains(&[None, None]), [1.0, 1.0]);
    }

    #[test]
    fn a_side_that_is_not_raised_goes_through_untouched_and_no_sample_leaves_full_scale() {
        let mut call: Vec<f32> = voice(16_000, 0.99).zip(voice(16_000, 0.3)).flat_map(|(a, b)| [a, b]).collect();
        let before = call.clone();
        let mut leveller = Leveller::new(8_000, 2, &[1.0, 6.0]).expect("a rate");
        leveller.process(&mut call);
        assert!(call.chunks(2).zip(before.chunks(2)).all(|(now, then)| now[0] == then[0]));
        let loudest = call.chunks(2).map(|frame| frame[1].abs()).fold(0.0, f32::max);
        assert!(loudest <= CEILING + 1e-4 && loudest > 0.9, "{loudest}");
    }

    #[test]
    fn after_a_shout_the_voice_is_back_within_half_a_second_and_does_not_pump_within_a_syllable() {
        let mut side: Vec<f32> = voice(800, 0.5).chain(voice(8_000, 0.05)).collect();
        let before = side.clone();
        Leveller::new(8_000, 1, &[8.0]).expect("a rate").process(&mut side);
        let gain_at = |n: usize| {
            side[n..n + 40].iter().map(|s| s.abs()).sum::<f32>()
                / before[n..n + 40].iter().map(|s| s.abs()).sum::<f32>()
        };
        assert!(gain_at(400) < 3.0 && (gain_at(5_000) - 8.0).abs() < 0.5, "{} {}", gain_at(400), gain_at(5_000));
        let (first, next) = (gain_at(6_000), gain_at(6_200));
        assert!((first / next - 1.0).abs() < 0.01, "{first} {next}");
    }

    #[test]
    fn blocks_make_no_difference_and_unknown_gains_are_found_on_the_way() {
        let call: Vec<f32> = voice(160_000, 0.5).zip(voice(160_000, 0.06)).flat_map(|(a, b)| [a, b]).collect();
        let levelled = |block: usize| {
            let mut leveller = Leveller::new(8_000, 2, &[]).expect("a rate");
            let mut call = call.clone();
            call.chunks_mut(2 * block).for_each(|part| leveller.process(part));
            call
        };
        let whole = levelled(160_000);
        assert!(whole == levelled(37));
        let energy = |from: usize, side: usize| whole[from..].chunks(2).map(|frame| frame[side].powi(2)).sum::<f32>();
        let db = 10.0 * (energy(200_000, 1) / energy(200_000, 0)).log10();
        assert!(db.abs() < 1.0, "{db}");
        assert!(whole.chunks(2).zip(call.chunks(2)).all(|(now, then)| now[0] == then[0]), "the loud side is as it was");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_or_left_alone() {
        assert!(Leveller::new(0, 1, &[1.0]).is_err() && Leveller::new(8_000, 0, &[]).is_err());
        let mut sample = [0.25];
        Leveller::new(8_000, 1, &[f32::NAN]).expect("a rate").process(&mut sample);
        assert_eq!(sample, [0.25]);
    }
}
