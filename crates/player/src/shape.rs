//! The channels of a recording and the two sides of the listener.
//!
//! A call of two channels has one person on each. They stay apart through stretching and resampling, so that neither
//! loses to the other, and meet the device as left and right; a call of one channel is heard on both sides.

use crate::ring::LANES;

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

    #[test]
    fn one_channel_is_heard_on_both_sides_and_two_stay_apart() {
        let mut sides = [0.0; 4];
        assert_eq!(to_sides(1, &[0.5, -0.5], &mut sides), 2);
        assert_eq!(sides, [0.5, 0.5, -0.5, -0.5]);
        assert_eq!(to_sides(2, &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], &mut sides), 2);
        assert_eq!(sides, [0.1, 0.2, 0.3, 0.4]);
    }
}
