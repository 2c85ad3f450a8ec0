//! The body of the audio callback. It knows no device, so that a test steps through it sample by sample.
//!
//! It runs on a thread that must never be late: it takes no lock, allocates nothing, frees nothing and logs nothing.
//! It only copies, ramps the gain and drops blocks of an epoch that is over.

use std::sync::Arc;

use rtrb::Consumer;

use crate::ring::{Block, LANES, Link};

/// How long the gain takes from silence to full: long enough not to click, short enough to feel immediate.
const RAMP_MS: f32 = 5.0;

/// So many stretches of what is on its way to the ear are remembered. Each is sound without a jump in the recording; the
/// shortest that goes round is a tenth of a second, and a device holds less than a second.
const TRAIL: usize = 32;

/// Gives the device its samples.
pub struct Render {
    ring: Consumer<Block>,
    link: Arc<Link>,
    block: Block,
    /// The next frame of `block` to be heard.
    at: usize,
    gain: f32,
    gain_step: f32,
    /// The epoch of which something has been given, so that the wait for its first block is no underrun.
    begun_epoch: u64,
    /// Frames that were given so far, silence among them.
    given: u64,
    /// The epoch of which all was given, and with which frame.
    ended: (u64, u64),
    trail: [Piece; TRAIL],
    /// Where the newest piece of the trail is.
    newest: usize,
}

/// Frames that follow on each other in the recording too.
#[derive(Clone, Copy)]
struct Piece {
    epoch: u64,
    /// Counted as [`Render::given`].
    start: u64,
    frames: u64,
    media_us: f64,
    us_per_frame: f64,
}

impl Piece {
    const NONE: Self = Self { epoch: 0, start: 0, frames: 0, media_us: 0.0, us_per_frame: 0.0 };

    fn after(&self, frames: u64) -> f64 {
        self.media_us + frames as f64 * self.us_per_frame
    }
}

/// The wishes of the control thread, read once per callback.
struct Wish {
    epoch: u64,
    running: bool,
    volume: f32,
}

impl Render {
    /// Renders what comes through `ring` at `rate_hz`.
    pub fn new(ring: Consumer<Block>, link: Arc<Link>, rate_hz: u32) -> Self {
        // A trifle more than its share, so that rounding does not cost one frame more.
        let gain_step = 1.0001 * 1000.0 / (RAMP_MS * rate_hz as f32);
        Self {
            ring,
            link,
            block: Block::EMPTY,
            at: 0,
            gain: 0.0,
            gain_step,
            begun_epoch: 0,
            given: 0,
            ended: (0, 0),
            trail: [Piece::NONE; TRAIL],
            newest: 0,
        }
    }

    /// As [`Render::give`], and counts what was given as heard.
    pub fn fill(&mut self, out: &mut [f32], channels: usize) {
        self.give(out, channels);
        self.heard_up_to(0);
    }

    /// Fills a buffer of interleaved frames with `channels` samples each. A device with one channel gets the mean of
    /// both sides; the third and further channels of a surround device stay silent.
    pub fn give(&mut self, out: &mut [f32], channels: usize) {
        let wish = Wish { epoch: self.link.epoch(), running: self.link.running(), volume: self.link.volume() };
        let mut heard = 0;
        let mut short = false;
        for frame in out.chunks_mut(channels.max(1)) {
            let [left, right] = match self.next(&wish) {
                Next::Sound(sides) => {
                    heard += 1;
                    sides
                }
                Next::Held => [0.0; LANES],
                Next::Dry => {
                    short |= wish.running && self.begun_epoch == wish.epoch && self.ended.0 != wish.epoch;
                    [0.0; LANES]
                }
            };
            match frame {
                [mono] => *mono = 0.5 * (left + right),
                [first, second, rest @ ..] => {
                    *first = left;
                    *second = right;
                    rest.fill(0.0);
                }
                [] => {}
            }
            self.given += 1;
        }
        if short {
            self.link.count_underrun();
        }
        self.link.count_frames(heard);
    }

    /// Tells what was heard: all that was given but for the last so many frames, which are still in the device.
    pub fn heard_up_to(&mut self, frames_in_device: u64) {
        let heard = self.given.saturating_sub(frames_in_device);
        let epoch = self.link.epoch();
        let trail = (0..TRAIL).map(|back| &self.trail[(self.newest + TRAIL - back) % TRAIL]);
        let piece = trail.take_while(|piece| piece.frames > 0).find(|piece| piece.start < heard);
        if let Some(piece) = piece.filter(|piece| piece.epoch == epoch) {
            let position_us = piece.after((heard - piece.start).min(piece.frames));
            self.link.publish_heard(epoch, position_us.max(0.0) as u64);
        }
        let (ended_epoch, last) = self.ended;
        if ended_epoch == epoch && last <= heard && self.link.ended_epoch() != epoch {
            self.link.publish_ended(epoch);
        }
    }

    /// Something of the current epoch was given.
    pub fn has_begun(&self) -> bool {
        self.begun_epoch == self.link.epoch()
    }

    /// All of the current epoch was given.
    pub fn has_given_all(&self) -> bool {
        self.ended.0 == self.link.epoch()
    }

    /// What is in the device was thrown away: whatever comes next begins from silence.
    pub fn cut(&mut self) {
        self.gain = 0.0;
    }

    /// Remembers where the frame lies that is being given.
    fn note(&mut self, epoch: u64, media_us: f64, us_per_frame: f64) {
        let piece = &mut self.trail[self.newest];
        let follows = piece.epoch == epoch && piece.start + piece.frames == self.given && piece.frames > 0;
        if follows && (piece.after(piece.frames) - media_us).abs() < us_per_frame {
            piece.frames += 1;
            return;
        }
        self.newest = (self.newest + 1) % TRAIL;
        self.trail[self.newest] = Piece { epoch, start: self.given, frames: 1, media_us, us_per_frame };
    }

    fn next(&mut self, wish: &Wish) -> Next {
        loop {
            if self.at >= self.block.frames {
                let Ok(block) = self.ring.pop() else {
                    // Whatever comes next begins from silence.
                    self.gain = 0.0;
                    return Next::Dry;
                };
                if block.epoch != self.block.epoch {
                    self.gain = 0.0;
                }
                self.block = block;
                self.at = 0;
                if block.frames == 0 && block.last && block.epoch == wish.epoch {
                    self.begun_epoch = wish.epoch;
                    self.ended = (wish.epoch, self.given);
                }
                continue;
            }
            let current = self.block.epoch == wish.epoch;
            if self.gain == 0.0 && !current {
                self.at = self.block.frames;
                continue;
            }
            if self.gain == 0.0 && !wish.running {
                return Next::Held;
            }
            let target = if current && wish.running { wish.volume } else { 0.0 };
            self.gain += (target - self.gain).clamp(-self.gain_step, self.gain_step);
            let (sample, us_per_frame) = (self.at * LANES, self.block.us_per_frame);
            self.note(self.block.epoch, self.block.media_us + self.at as f64 * us_per_frame, us_per_frame);
            let sides = [self.block.samples[sample] * self.gain, self.block.samples[sample + 1] * self.gain];
            self.at += 1;
            if current {
                self.begun_epoch = wish.epoch;
                if self.at == self.block.frames && self.block.last {
                    self.ended = (wish.epoch, self.given + 1);
                }
            }
            return Next::Sound(sides);
        }
    }

    /// What it shares with the control thread.
    pub(crate) fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link)
    }

    /// Whether the control thread wants sound.
    pub(crate) fn wants_sound(&self) -> bool {
        self.link.running()
    }

    /// Drops blocks of past epochs from the head of the ring, as the next callback would, and says how many frames of
    /// the current one are ready and whether its end is among them. For outputs that are stepped by hand.
    pub(crate) fn settle(&mut self) -> (usize, bool) {
        let epoch = self.link.epoch();
        while self.ring.peek().is_ok_and(|block| block.epoch != epoch) {
            if self.ring.pop().is_err() {
                break;
            }
        }
        let mut ready = 0;
        let mut last = self.has_given_all();
        if self.block.epoch == epoch {
            ready += self.block.frames - self.at;
            last |= self.block.last;
        }
        let slots = self.ring.slots();
        if let Ok(chunk) = self.ring.read_chunk(slots) {
            let (first, second) = chunk.as_slices();
            for block in first.iter().chain(second).filter(|block| block.epoch == epoch) {
                ready += block.frames;
                last |= block.last;
            }
        }
        (ready, last)
    }
}

/// One frame's worth of decision.
enum Next {
    /// A frame of sound, left and right.
    Sound([f32; LANES]),
    /// Paused: silence, and nothing is used up.
    Held,
    /// There is nothing to play.
    Dry,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{BLOCK_FRAMES, ring};
    use rtrb::Producer;

    const RATE_HZ: u32 = 48_000;

    fn block(epoch: u64, value: f32, media_us: f64, last: bool) -> Block {
        Block {
            epoch,
            media_us,
            us_per_frame: 1e6 / f64::from(RATE_HZ),
            frames: BLOCK_FRAMES,
            last,
            samples: [value; BLOCK_FRAMES * LANES],
        }
    }

    fn rig() -> (Producer<Block>, Render, Arc<Link>) {
        let (producer, consumer) = ring(RATE_HZ);
        let link = Arc::new(Link::new());
        link.set_epoch(1);
        let render = Render::new(consumer, Arc::clone(&link), RATE_HZ);
        (producer, render, link)
    }

    fn frames(render: &mut Render, count: usize) -> Vec<f32> {
        let mut out = vec![9.0; count * 2];
        render.fill(&mut out, 2);
        out
    }

    #[test]
    fn nothing_is_used_up_before_sound_is_wanted() {
        let (mut producer, mut render, link) = rig();
        producer.push(block(1, 0.5, 0.0, false)).expect("room");
        assert!(frames(&mut render, 64).iter().all(|s| *s == 0.0));
        link.set_running(true);
        let out = frames(&mut render, BLOCK_FRAMES);
        assert!(out[0] > 0.0 && out[0] < 0.01, "begins from silence: {}", out[0]);
        assert_eq!(out[out.len() - 1], 0.5);
        assert_eq!(link.underruns(), 0);
    }

    #[test]
    fn the_gain_never_jumps() {
        let (mut producer, mut render, link) = rig();
        for n in 0..8 {
            producer.push(block(1, 1.0, n as f64 * 5_333.0, false)).expect("room");
        }
        link.set_running(true);
        let mut out = frames(&mut render, 400);
        link.set_volume(0.25);
        out.extend(frames(&mut render, 400));
        link.set_running(false);
        out.extend(frames(&mut render, 400));
        let step = out.iter().step_by(2).zip(out.iter().step_by(2).skip(1)).map(|(a, b)| (b - a).abs());
        assert!(step.fold(0.0_f32, f32::max) <= 1.001 * 1000.0 / (RAMP_MS * RATE_HZ as f32));
        assert_eq!(out[2 * 799], 0.25);
        assert_eq!(out[2 * 1199], 0.0);
    }

    #[test]
    fn a_raised_epoch_is_heard_at_once_whatever_is_buffered() {
        let (mut producer, mut render, link) = rig();
        for _ in 0..20 {
            producer.push(block(1, 0.5, 0.0, false)).expect("room");
        }
        link.set_running(true);
        frames(&mut render, 300);
        link.set_epoch(2);
        producer.push(block(2, -0.5, 7_000_000.0, false)).expect("room");
        let ramp_frames = (RATE_HZ as f32 * RAMP_MS / 1000.0) as usize;
        let out = frames(&mut render, 2 * ramp_frames + 4);
        assert!(out[0] > 0.4, "the old sound fades instead of breaking off");
        assert!(out[2 * (2 * ramp_frames + 2)] < -0.4, "the new sound is there after one fade");
        let heard = link.heard();
        assert_eq!(heard.epoch, 2);
        assert!((7_000_000..7_006_000).contains(&heard.position_us), "{heard:?}");
    }

    #[test]
    fn the_position_is_the_media_time_of_what_was_given_out() {
        let (mut producer, mut render, link) = rig();
        let mut at_2x = block(1, 0.1, 1_000_000.0, false);
        at_2x.us_per_frame *= 2.0;
        producer.push(at_2x).expect("room");
        link.set_running(true);
        frames(&mut render, 48);
        assert_eq!(link.heard().position_us, 1_002_000);
    }

    #[test]
    fn what_is_still_in_the_device_was_not_heard_and_where_it_lies_is_known_beyond_a_jump() {
        let (mut producer, mut render, link) = rig();
        for media_us in [1_000_000.0, 1_000_000.0 + BLOCK_FRAMES as f64 * 1e6 / f64::from(RATE_HZ), 9_000_000.0] {
            producer.push(block(1, 0.1, media_us, media_us > 8e6)).expect("room");
        }
        link.set_running(true);
        let mut out = vec![0.0; 3 * BLOCK_FRAMES * 2];
        render.give(&mut out, 2);
        render.heard_up_to(3 * BLOCK_FRAMES as u64);
        assert_eq!(link.heard().position_us, 0, "nothing was heard yet");
        render.heard_up_to(2 * BLOCK_FRAMES as u64 + 208);
        assert_eq!(link.heard().position_us, 1_001_000, "48 frames of the first block");
        render.heard_up_to(BLOCK_FRAMES as u64 + 16);
        assert_eq!(link.heard().position_us, 1_000_000 + (2 * BLOCK_FRAMES as u64 - 16) * 1_000 / 48);
        render.heard_up_to(208);
        assert_eq!(link.heard().position_us, 9_001_000, "beyond the jump");
        assert_ne!(link.ended_epoch(), 1, "the end was given, and not heard");
        render.heard_up_to(0);
        assert_eq!(link.ended_epoch(), 1);
    }

    #[test]
    fn after_what_was_thrown_away_nothing_of_the_old_sound_follows() {
        let (mut producer, mut render, link) = rig();
        producer.push(block(1, 0.5, 0.0, false)).expect("room");
        link.set_running(true);
        frames(&mut render, 100);
        link.set_epoch(2);
        producer.push(block(2, -0.5, 0.0, false)).expect("room");
        render.cut();
        let out = frames(&mut render, BLOCK_FRAMES);
        assert!(out.iter().all(|sample| *sample <= 0.0), "{out:?}");
        assert!((out[2 * BLOCK_FRAMES - 1] + 0.5).abs() < 1e-6);
    }

    #[test]
    fn running_dry_is_counted_but_waiting_for_the_first_block_and_the_end_are_not() {
        let (mut producer, mut render, link) = rig();
        link.set_running(true);
        frames(&mut render, 64);
        assert_eq!(link.underruns(), 0, "the first block has not come yet");
        producer.push(block(1, 0.5, 0.0, false)).expect("room");
        frames(&mut render, BLOCK_FRAMES + 10);
        assert_eq!(link.underruns(), 1);
        producer.push(block(1, 0.5, 0.0, true)).expect("room");
        frames(&mut render, BLOCK_FRAMES + 10);
        assert_eq!(link.underruns(), 1, "the end is no underrun");
        assert_eq!(link.ended_epoch(), 1);
    }

    #[test]
    fn one_channel_gets_both_sides_and_six_get_two() {
        let (mut producer, mut render, link) = rig();
        let mut sides = block(1, 0.0, 0.0, false);
        for frame in sides.samples.chunks_mut(2) {
            frame[0] = 0.8;
            frame[1] = 0.4;
        }
        producer.push(sides).expect("room");
        producer.push(sides).expect("room");
        link.set_running(true);
        let mut mono = vec![0.0; BLOCK_FRAMES];
        render.fill(&mut mono, 1);
        assert!((mono[BLOCK_FRAMES - 1] - 0.6).abs() < 1e-6);
        let mut six = vec![1.0; 6];
        render.fill(&mut six, 6);
        assert_eq!(six, [0.8, 0.4, 0.0, 0.0, 0.0, 0.0]);
    }
}
