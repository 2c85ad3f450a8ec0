//! Who speaks when, from the channels.

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

/// Builds [`Turns`] from decoded sound.
pub struct TurnsBuilder {}

impl TurnsBuilder {
    /// For sound of so many channels (at least 1) and samples per second and channel.
    pub fn new(channels: u16, sample_rate_hz: u32) -> Self {
        let _ = (channels, sample_rate_hz);
        unimplemented!()
    }
    /// Takes interleaved samples (-1 … 1) in order; a block may end within a frame.
    pub fn push(&mut self, interleaved: &[f32]) {
        let _ = interleaved;
        unimplemented!()
    }
    /// The turns of all that was pushed.
    pub fn finish(self) -> Turns {
        unimplemented!()
    }
}
