//! The channels of a recording and the two sides of the listener.
//!
//! A call of two channels has one person on each. They stay apart through stretching and resampling, so that neither
//! loses to the other, and meet the device as left and right; a call of one channel is heard on both sides.

use crate::error::PlayerError;
use crate::level::Leveller;
use crate::ring::LANES;

/// Loudest that a person can make one side.
pub const GAIN_MAX: f32 = 2.0;

/// How the sides of a call stand to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Only this channel is heard, in both ears; from 1. A recording of one channel has nothing to choose from.
    pub solo: Option<u16>,
    /// Linear gain of each channel, 0 to [`GAIN_MAX`].
    pub gains: [f32; 2],
    /// The quiet side is brought up to the loud one. A recording of one channel has nothing to bring up.
    pub level: bool,
    /// By how much each channel is raised for that, as [`crate::level::gains`] finds it; none = found on the way, from
    /// where it is heard.
    pub lift: Option<[f32; 2]>,
}

impl Default for Shape {
    /// As it was recorded.
    fn default() -> Self {
        Self { solo: None, gains: [1.0; 2], level: false, lift: None }
    }
}

/// Mixes the channels of one passage to a [`Shape`].
pub struct Mix {
    shape: Shape,
    channels: usize,
    leveller: Option<Leveller>,
}

impl Mix {
    /// For interleaved samples of so many channels.
    ///
    /// # Errors
    /// `InvalidInput` where sides are to be levelled at a rate of 0.
    pub fn new(shape: &Shape, sample_rate_hz: u32, channels: usize) -> Result<Self, PlayerError> {
        let lift = shape.lift.as_ref().map_or(&[][..], |lift| &lift[..]);
        let leveller =
            (shape.level && channels > 1).then(|| Leveller::new(sample_rate_hz, channels, lift)).transpose()?;
        Ok(Self { shape: *shape, channels, leveller })
    }

    /// Mixes whole frames in place.
    pub fn process(&mut self, interleaved: &mut [f32]) {
        // First, so that a side that a person made softer, or does not hear, still counts as it was spoken.
        if let Some(leveller) = &mut self.leveller {
            leveller.process(interleaved);
        }
        if self.shape.gains != [1.0; 2] {
            for frame in interleaved.chunks_exact_mut(self.channels) {
                frame.iter_mut().zip(self.shape.gains).for_each(|(sample, gain)| *sample *= gain);
            }
        }
        let Some(solo) = self.shape.solo.map(|channel| usize::from(channel.max(1)) - 1) else { return };
        for frame in interleaved.chunks_exact_mut(self.channels) {
            if let Some(alone) = frame.get(solo).copied().filter(|_| self.channels > 1) {
                frame.fill(alone);
            }
        }
    }
}

/// Writes interleaved frames of one or two channels as left and right; says how many frames fitted.
pub fn to_sides(channels: usize, interleaved: &[f32], sides: &mut [f32]) -> usize {
    let frames = interleaved.chunks_exact(channels.max(1));
    let mut written = 0;
    for (frame, side) in frames.zip(sides.chunks_exact_mut(LANES)) {
        match frame {
            [both] => side.fill(*both),
            [left, right, ..] => side.copy_from_slice(&[*left, *right]),
            [] => side.fill(0.0),
        }
        written += 1;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(shape: Shape, channels: usize, samples: &[f32]) -> Vec<f32> {
        let mut samples = samples.to_vec();
        Mix::new(&shape, 8_000, channels).expect("a rate").process(&mut samples);
        samples
    }

    #[test]
    fn the_one_side_is_heard_in_both_ears_and_one_channel_has_no_sides() {
        let two = [0.1, 0.2, 0.3, 0.4];
        let only = |channel| Shape { solo: Some(channel), ..Shape::default() };
        assert_eq!(mixed(only(1), 2, &two), [0.1, 0.1, 0.3, 0.3]);
        assert_eq!(mixed(only(2), 2, &two), [0.2, 0.2, 0.4, 0.4]);
        assert_eq!(mixed(only(2), 1, &two), two);
        assert_eq!(mixed(Shape::default(), 2, &two), two);
    }

    #[test]
    fn each_side_has_a_gain_of_its_own() {
        let shape = Shape { gains: [0.5, 2.0], ..Shape::default() };
        assert_eq!(mixed(shape, 2, &[0.1, 0.2, 0.3, 0.4]), [0.05, 0.4, 0.15, 0.8]);
        assert_eq!(mixed(shape, 1, &[0.2, 0.4]), [0.1, 0.2]);
    }

    #[test]
    fn the_quiet_side_is_brought_up_before_a_person_sets_its_gain_and_one_channel_stays() {
        let loud = |n: usize| (n as f32 * 0.5).sin() * 0.5;
        let call: Vec<f32> = (0..96_000).flat_map(|n| [loud(n), loud(n) / 8.0]).collect();
        let level = Shape { level: true, ..Shape::default() };
        let peak = |samples: &[f32], side: usize| {
            samples[176_000..].chunks(2).map(|frame| frame[side].abs()).fold(0.0_f32, f32::max)
        };
        let levelled = mixed(level, 2, &call);
        assert!((peak(&levelled, 1) - 0.5).abs() < 0.05 && (peak(&levelled, 0) - 0.5).abs() < 1e-3);
        let softer = mixed(Shape { gains: [0.5, 1.0], ..level }, 2, &call);
        assert!((peak(&softer, 1) - peak(&levelled, 1)).abs() < 1e-6, "not down to what is heard of the other");
        assert_eq!(mixed(level, 1, &call), call);
    }

    #[test]
    fn one_channel_is_heard_on_both_sides_and_two_stay_apart() {
        let mut sides = [0.0; 4];
        assert_eq!(to_sides(1, &[0.5, -0.5], &mut sides), 2);
        assert_eq!(sides, [0.5, 0.5, -0.5, -0.5]);
        assert_eq!(to_sides(2, &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], &mut sides), 2);
        assert_eq!(sides, [0.1, 0.2, 0.3, 0.4]);
    }
}
