//! The shape of a recording: least and greatest sample per stretch of time and channel.

/// Stored peaks do not make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored peaks do not make sense")]
pub struct PeaksError;

/// The shape of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peaks {}

impl Peaks {
    /// How many channels.
    pub fn channels(&self) -> u16 {
        unimplemented!()
    }
    /// Length in milliseconds, rounded.
    pub fn duration_ms(&self) -> i64 {
        unimplemented!()
    }
    /// Per channel, `count` pairs of least and greatest sample (-127 … 127), each of one `count`-th of the time.
    pub fn buckets(&self, count: usize) -> Vec<Vec<(i8, i8)>> {
        let _ = count;
        unimplemented!()
    }
    /// As a row keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        unimplemented!()
    }
    /// Reads back what a row kept; any bytes may be given.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PeaksError> {
        let _ = bytes;
        unimplemented!()
    }
}

/// Builds [`Peaks`] from decoded sound.
pub struct PeaksBuilder {}

impl PeaksBuilder {
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
    /// The shape of all that was pushed.
    pub fn finish(self) -> Peaks {
        unimplemented!()
    }
}
