//! What stands between the decode thread and the audio callback: blocks of plain samples, and a few atomics.
//!
//! Neither side ever waits for the other. The producer fills blocks until the ring is full; the consumer takes them
//! when the device asks. A block carries the epoch it was made for, so that whatever is buffered when the listener
//! seeks is dropped by the consumer and never heard, without anybody clearing the ring behind anybody's back.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

/// Channels in a block: left and right. A device with fewer or more is served by the renderer.
pub const LANES: usize = 2;
/// Frames that fit in one block: about 5 ms at 48 kHz, so that a seek is heard at once and a position is fine.
pub const BLOCK_FRAMES: usize = 256;
/// How far the decode thread works ahead, in milliseconds of output.
const AHEAD_MS: usize = 400;

/// A few milliseconds of sound for the device: plain data, so that neither end allocates or frees.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// The epoch it was made for. Only blocks of the current epoch are heard.
    pub epoch: u64,
    /// Media time of its first frame, in microseconds from the recording's start.
    pub media_us: f64,
    /// Media time that one frame covers, in microseconds: grows with the speed.
    pub us_per_frame: f64,
    /// How many of the frames are filled; 0 is allowed in the last block only.
    pub frames: usize,
    /// Nothing follows in this epoch.
    pub last: bool,
    /// Interleaved left and right, at the device's rate.
    pub samples: [f32; BLOCK_FRAMES * LANES],
}

impl Block {
    /// A block without sound, of an epoch that never is.
    pub const EMPTY: Self = Self {
        epoch: 0,
        media_us: 0.0,
        us_per_frame: 0.0,
        frames: 0,
        last: false,
        samples: [0.0; BLOCK_FRAMES * LANES],
    };
}

/// A ring that holds about 400 ms at `rate_hz`.
pub fn ring(rate_hz: u32) -> (Producer<Block>, Consumer<Block>) {
    let frames = rate_hz as usize * AHEAD_MS / 1000;
    RingBuffer::new(frames.div_ceil(BLOCK_FRAMES).max(4))
}

/// What the control thread tells the callback, and what the callback tells back. Atomics only: the callback may not
/// wait, and each value stands for itself.
#[derive(Debug)]
pub struct Link {
    epoch: AtomicU64,
    running: AtomicBool,
    volume_bits: AtomicU32,
    heard: AtomicU64,
    ended_epoch: AtomicU64,
    underruns: AtomicU64,
    frames: AtomicU64,
}

/// Where the sound is: media time of the last frame that was given to the device, and the epoch it belonged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The low 16 bits of the epoch; compared for equality only.
    pub epoch: u16,
    /// Microseconds from the recording's start.
    pub position_us: u64,
}

const HEARD_US_BITS: u32 = 48;

impl Link {
    /// Nothing plays; full volume.
    pub fn new() -> Self {
        Self {
            epoch: AtomicU64::new(0),
            running: AtomicBool::new(false),
            volume_bits: AtomicU32::new(1.0_f32.to_bits()),
            heard: AtomicU64::new(0),
            ended_epoch: AtomicU64::new(0),
            underruns: AtomicU64::new(0),
            frames: AtomicU64::new(0),
        }
    }

    /// From the next callback on only blocks of this epoch are heard.
    pub fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Release);
    }
    /// The epoch that may be heard.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
    /// Sound, or a held silence.
    pub fn set_running(&self, running: bool) {
        self.running.store(running, Ordering::Release);
    }
    /// Whether sound is wanted.
    pub fn running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }
    /// Linear gain, 0 to 1. The callback ramps to it.
    pub fn set_volume(&self, volume: f32) {
        self.volume_bits.store(volume.to_bits(), Ordering::Relaxed);
    }
    /// Linear gain, 0 to 1.
    pub fn volume(&self) -> f32 {
        f32::from_bits(self.volume_bits.load(Ordering::Relaxed))
    }
    /// The callback: this much has been given to the device. Epoch and time go in one word, so that a reader never
    /// pairs the time of one epoch with another.
    pub fn publish_heard(&self, epoch: u64, position_us: u64) {
        let us = position_us.min((1 << HEARD_US_BITS) - 1);
        self.heard.store((epoch << HEARD_US_BITS) | us, Ordering::Release);
    }
    /// What was last given to the device.
    pub fn heard(&self) -> Heard {
        let word = self.heard.load(Ordering::Acquire);
        Heard { epoch: (word >> HEARD_US_BITS) as u16, position_us: word & ((1 << HEARD_US_BITS) - 1) }
    }
    /// The callback: the last frame of this epoch has been given to the device.
    pub fn publish_ended(&self, epoch: u64) {
        self.ended_epoch.store(epoch, Ordering::Release);
    }
    /// The epoch that was played to its end last.
    pub fn ended_epoch(&self) -> u64 {
        self.ended_epoch.load(Ordering::Acquire)
    }
    /// The callback: sound was wanted, and there was none.
    pub fn count_underrun(&self) {
        self.underruns.fetch_add(1, Ordering::Relaxed);
    }
    /// How often a callback came up short.
    pub fn underruns(&self) -> u64 {
        self.underruns.load(Ordering::Relaxed)
    }
    /// The callback: this many frames of sound went out.
    pub fn count_frames(&self, frames: u64) {
        self.frames.fetch_add(frames, Ordering::Relaxed);
    }
    /// Frames of sound that went out since the start, at the device's rate.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_and_position_travel_in_one_word() {
        let link = Link::new();
        link.publish_heard(0x1_0007, 6 * 3_600 * 1_000_000);
        assert_eq!(link.heard(), Heard { epoch: 7, position_us: 21_600_000_000 });
    }
}
