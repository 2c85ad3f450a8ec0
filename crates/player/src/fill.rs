//! The decode thread: keeps the ring full of sound for the current epoch.
//!
//! It takes orders from the control thread and never decides. While it has nothing to make it sleeps on its channel;
//! while the ring is full it looks again every few milliseconds, because the callback, which makes the room, must not
//! wake anybody.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use rtrb::Producer;

use crate::decode::{Decoder, Source};
use crate::error::PlayerError;
use crate::machine::Event;
use crate::passage::Passage;
use crate::resample::Resample;
use crate::ring::{BLOCK_FRAMES, Block, LANES};
use crate::shape;

const FULL_RING_WAIT: Duration = Duration::from_millis(10);

/// What the control thread wants made.
pub enum Order {
    /// Open a recording; an event says how it went.
    Open {
        /// Comes back with the event.
        ticket: u64,
        /// Its bytes.
        source: Box<dyn Source>,
    },
    /// Forget the recording.
    Close,
    /// From now on for this device.
    Attach {
        /// Where the blocks go.
        ring: Producer<Block>,
        /// The device's rate.
        rate_hz: u32,
    },
    /// There is no device.
    Detach,
    /// Make sound.
    Start {
        /// For this epoch.
        epoch: u64,
        /// From here.
        from_us: u64,
        /// Up to here.
        until_us: u64,
        /// At this speed.
        speed: f64,
    },
    /// Make nothing.
    Stop,
}

struct Attached {
    ring: Producer<Block>,
    rate_hz: u32,
}

/// Sound in the making.
struct Filling {
    epoch: u64,
    passage: Passage,
    resample: Resample,
    start_us: f64,
    us_per_frame: f64,
    /// Interleaved samples at the recording's rate.
    stretched: Vec<f32>,
    /// Interleaved samples at the device's rate that are in no block yet.
    ready: Vec<f32>,
    /// Samples of `ready` that are in a block already.
    taken: usize,
    given_frames: u64,
    decoded: bool,
    /// A block that found no room.
    waiting: Option<Block>,
    all_given: bool,
}

/// Runs until the control thread lets go of its end. `report` may block for a moment, never for long.
pub fn run(orders: &Receiver<Order>, report: &dyn Fn(Event)) {
    let mut worker = Worker { decoder: None, attached: None, filling: None };
    loop {
        let order = match worker.pace() {
            Pace::Idle => orders.recv().map_err(|_| TryRecvError::Disconnected),
            Pace::RingFull => orders.recv_timeout(FULL_RING_WAIT).map_err(|error| match error {
                RecvTimeoutError::Timeout => TryRecvError::Empty,
                RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
            }),
            Pace::Busy => orders.try_recv(),
        };
        let work = catch_unwind(AssertUnwindSafe(|| match order {
            Ok(order) => {
                worker.obey(order, report);
                ControlFlow::Continue(())
            }
            Err(TryRecvError::Empty) => {
                worker.fill(report);
                ControlFlow::Continue(())
            }
            Err(TryRecvError::Disconnected) => ControlFlow::Break(()),
        }));
        match work {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return,
            // The bytes of a recording must not take the player with them.
            Err(_) => {
                let epoch = worker.filling.take().map(|filling| filling.epoch);
                worker.decoder = None;
                tracing::error!("the decode thread caught a panic");
                if let Some(epoch) = epoch {
                    report(Event::FillFailed { epoch, error: PlayerError::DecoderStopped });
                }
            }
        }
    }
}

enum Pace {
    Idle,
    RingFull,
    Busy,
}

struct Worker {
    decoder: Option<Decoder>,
    attached: Option<Attached>,
    filling: Option<Filling>,
}

impl Worker {
    fn pace(&self) -> Pace {
        match &self.filling {
            None => Pace::Idle,
            Some(filling) if filling.all_given => Pace::Idle,
            Some(filling) if filling.waiting.is_some() => Pace::RingFull,
            Some(_) => Pace::Busy,
        }
    }

    fn obey(&mut self, order: Order, report: &dyn Fn(Event)) {
        match order {
            Order::Open { ticket, source } => {
                self.filling = None;
                self.decoder = None;
                match Decoder::open(source) {
                    Ok(decoder) => {
                        let rate = u64::from(decoder.sample_rate_hz());
                        let duration_us = decoder.total_frames() * 1_000_000 / rate;
                        self.decoder = Some(decoder);
                        report(Event::Opened { ticket, duration_us });
                    }
                    Err(error) => report(Event::OpenFailed { ticket, error }),
                }
            }
            Order::Close => {
                self.filling = None;
                self.decoder = None;
            }
            Order::Attach { ring, rate_hz } => {
                self.filling = None;
                self.attached = Some(Attached { ring, rate_hz });
            }
            Order::Detach => {
                self.filling = None;
                self.attached = None;
            }
            Order::Start { epoch, from_us, until_us, speed } => {
                self.filling = None;
                let (Some(decoder), Some(attached)) = (&mut self.decoder, &self.attached) else { return };
                match Filling::begin(decoder, attached.rate_hz, epoch, from_us..until_us, speed) {
                    Ok(filling) => self.filling = Some(filling),
                    Err(error) => report(Event::FillFailed { epoch, error }),
                }
            }
            Order::Stop => self.filling = None,
        }
    }

    fn fill(&mut self, report: &dyn Fn(Event)) {
        let (Some(decoder), Some(attached), Some(filling)) = (&mut self.decoder, &mut self.attached, &mut self.filling)
        else {
            return;
        };
        if let Err(error) = filling.make(decoder, &mut attached.ring) {
            let epoch = filling.epoch;
            self.filling = None;
            report(Event::FillFailed { epoch, error });
        }
    }
}

impl Filling {
    fn begin(
        decoder: &mut Decoder,
        rate_hz: u32,
        epoch: u64,
        window_us: std::ops::Range<u64>,
        speed: f64,
    ) -> Result<Self, PlayerError> {
        let start = decoder.frame_at_us(window_us.start);
        // Microseconds are rounded down: the last ones mean the recording's end.
        let end = decoder.frame_at_us(window_us.end).max(start);
        let resample = Resample::new(decoder.sample_rate_hz(), rate_hz, decoder.channels())?;
        let passage = Passage::begin(decoder, start..end, speed)?;
        Ok(Self {
            epoch,
            passage,
            resample,
            start_us: start as f64 * 1e6 / f64::from(decoder.sample_rate_hz()),
            us_per_frame: speed * 1e6 / f64::from(rate_hz),
            stretched: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            given_frames: 0,
            decoded: false,
            waiting: None,
            all_given: false,
        })
    }

    /// Gives the ring one more block, or finds it full.
    fn make(&mut self, decoder: &mut Decoder, ring: &mut Producer<Block>) -> Result<(), PlayerError> {
        let block = match self.waiting.take() {
            Some(block) => block,
            None => self.next_block(decoder)?,
        };
        match ring.push(block) {
            Ok(()) => self.all_given = block.last,
            Err(rtrb::PushError::Full(block)) => self.waiting = Some(block),
        }
        Ok(())
    }

    fn next_block(&mut self, decoder: &mut Decoder) -> Result<Block, PlayerError> {
        let channels = decoder.channels();
        let full = BLOCK_FRAMES * channels;
        // One sample more than a block holds tells whether this block is the last.
        while !self.decoded && self.ready.len() - self.taken <= full {
            self.ready.drain(..self.taken);
            self.taken = 0;
            self.stretched.clear();
            if self.passage.next(decoder, &mut self.stretched)? {
                self.resample.push(&self.stretched, &mut self.ready)?;
            } else {
                self.resample.finish(&mut self.ready)?;
                self.decoded = true;
            }
        }
        let mut samples = [0.0; BLOCK_FRAMES * LANES];
        let frames = shape::to_sides(channels, &self.ready[self.taken..], &mut samples);
        self.taken += frames * channels;
        let media_us = self.start_us + self.given_frames as f64 * self.us_per_frame;
        self.given_frames += frames as u64;
        let last = self.decoded && self.taken >= self.ready.len();
        Ok(Block { epoch: self.epoch, media_us, us_per_frame: self.us_per_frame, frames, last, samples })
    }
}
