//! A stretch of a recording at one speed: decode and stretch, the part of the way that live playback and rendering
//! to a file have in common.

use std::ops::Range;

use crate::decode::Decoder;
use crate::error::PlayerError;
use crate::stretch::Stretch;

/// Frames `window` of a recording, as they sound at one speed, at the recording's rate and channels.
pub struct Passage {
    stretch: Stretch,
    end: u64,
    decoded: Vec<f32>,
    finished: bool,
}

impl Passage {
    /// Takes the decoder to where the passage begins. The window is cut to the recording.
    ///
    /// # Errors
    /// `InvalidInput` for a speed outside 0.5 to 3 or a window that ends before it begins.
    pub fn begin(decoder: &mut Decoder, window: Range<u64>, speed: f64) -> Result<Self, PlayerError> {
        if window.end < window.start {
            return Err(PlayerError::InvalidInput);
        }
        // The end of what is still arriving is where it ends, not where the estimate has it.
        let end = if decoder.is_arriving() { window.end } else { window.end.min(decoder.total_frames()) };
        let start = window.start.min(end).min(decoder.total_frames());
        let mut stretch = Stretch::new(decoder.sample_rate_hz(), decoder.channels(), speed)?;
        let lead = stretch.lead_frames() as u64;
        let past = lead.min(start);
        decoder.seek_to(start - past);
        let silence = vec![0.0; (lead - past) as usize * decoder.channels()];
        stretch.push(&silence, &mut Vec::new());
        Ok(Self { stretch, end, decoded: Vec::new(), finished: false })
    }

    /// Appends the next samples to `out`, interleaved; `false` once the passage is over. A block may be empty.
    pub fn next(&mut self, decoder: &mut Decoder, out: &mut Vec<f32>) -> Result<bool, PlayerError> {
        if self.finished {
            return Ok(false);
        }
        let left = self.end - decoder.position().min(self.end);
        self.decoded.clear();
        let frames = if left == 0 { 0 } else { decoder.read(&mut self.decoded)? };
        let wanted = frames.min(usize::try_from(left).unwrap_or(usize::MAX));
        self.stretch.push(&self.decoded[..wanted * decoder.channels()], out);
        if wanted == 0 || wanted as u64 == left {
            self.stretch.finish(out);
            self.finished = true;
        }
        Ok(true)
    }
}
