//! The decode thread: keeps the ring full of sound for the current epoch.
//!
//! It takes orders from the control thread and never decides. While it has nothing to make it sleeps on its channel;
//! while the ring is full it looks again every few milliseconds, because the callback, which makes the room, must not
//! wake anybody.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use rtrb::Producer;

use crate::bell::Bell;
use crate::decode::{Arriving, Decoder, Media};
use crate::error::PlayerError;
use crate::machine::Event;
use crate::passage::Passage;
use crate::plan::Plan;
use crate::resample::Resample;
use crate::ring::{BLOCK_FRAMES, Block, LANES};
use crate::shape;
use crate::watch::{Pulse, Watched, watched_source};

const FULL_RING_WAIT: Duration = Duration::from_millis(10);
/// What has not arrived is looked for again after this.
const MISSING_WAIT: Duration = Duration::from_millis(20);
/// The device is told of each block of so much of a beginning.
const BEGINNING_MS: u64 = 250;
/// A length that is found to be off by less is not worth telling before it is exact.
const MEASURE_US: u64 = 500_000;

/// What the control thread wants made.
pub enum Order {
    /// Open a recording; an event says how it went.
    Open {
        /// Comes back with the event.
        ticket: u64,
        /// Its bytes.
        media: Media,
    },
    /// Forget the recording.
    Close,
    /// From now on for this device.
    Attach {
        /// Where the blocks go.
        ring: Producer<Block>,
        /// The device's rate.
        rate_hz: u32,
        /// Rung when there is something new for the device.
        bell: Arc<Bell>,
    },
    /// There is no device.
    Detach,
    /// Make sound.
    Start {
        /// For this epoch.
        epoch: u64,
        /// What, and how.
        plan: Plan,
    },
    /// Make nothing.
    Stop,
}

struct Attached {
    ring: Producer<Block>,
    rate_hz: u32,
    bell: Arc<Bell>,
}

impl Attached {
    /// What a device buffers at its beginning is waited for.
    fn is_beginning(&self, given_frames: u64) -> bool {
        given_frames * 1000 < u64::from(self.rate_hz) * BEGINNING_MS
    }
}

/// Sound in the making.
struct Filling {
    epoch: u64,
    passage: Passage,
    resample: Resample,
    /// By how much the places in the recording were found to be off.
    shift_us: f64,
    us_per_frame: f64,
    /// The recording's.
    frames_per_us: f64,
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
    /// The next packet has not arrived.
    missing: bool,
    /// That was told, because nothing was left to be heard.
    told_starved: bool,
}

/// What was told of the length of a recording that is arriving.
struct Length {
    ticket: u64,
    duration_us: u64,
    estimated: bool,
}

/// Runs until the control thread lets go of its end, or does not wait for it any more. `report` may block for a moment,
/// never for long.
pub fn run(orders: &Receiver<Order>, report: &dyn Fn(Event), pulse: &Pulse) {
    let pulse = pulse.clone();
    let mut worker = Worker { decoder: None, opening: None, length: None, attached: None, filling: None, pulse };
    while !worker.pulse.is_left() {
        worker.pulse.beat();
        let order = match worker.pace() {
            Pace::Idle => worker.pulse.rest(|| orders.recv()).map_err(|_| TryRecvError::Disconnected),
            Pace::After(wait) => worker.pulse.rest(|| orders.recv_timeout(wait)).map_err(|error| match error {
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
    After(Duration),
    Busy,
}

struct Worker {
    decoder: Option<Decoder>,
    /// A recording of which too little is here to open it.
    opening: Option<(u64, Box<dyn Arriving>)>,
    length: Option<Length>,
    attached: Option<Attached>,
    filling: Option<Filling>,
    pulse: Pulse,
}

impl Worker {
    fn pace(&self) -> Pace {
        match &self.filling {
            _ if self.opening.is_some() => Pace::After(MISSING_WAIT),
            Some(filling) if filling.missing => Pace::After(MISSING_WAIT),
            Some(filling) if filling.waiting.is_some() => Pace::After(FULL_RING_WAIT),
            Some(filling) if !filling.all_given => Pace::Busy,
            // Its end and its exact length are still to be found.
            _ if self.decoder.as_ref().is_some_and(Decoder::is_arriving) => Pace::After(MISSING_WAIT),
            _ => Pace::Idle,
        }
    }

    fn obey(&mut self, order: Order, report: &dyn Fn(Event)) {
        match order {
            Order::Open { ticket, media } => {
                self.filling = None;
                self.decoder = None;
                self.length = None;
                match media {
                    Media::Whole(source) => {
                        self.opening = None;
                        let source = watched_source(source, &self.pulse);
                        self.opened(ticket, Decoder::open(source), report);
                    }
                    Media::Arriving(bytes) => {
                        self.opening = Some((ticket, Box::new(Watched::new(bytes, &self.pulse))));
                        self.open(report);
                    }
                }
            }
            Order::Close => {
                self.filling = None;
                self.decoder = None;
                self.opening = None;
                self.length = None;
            }
            Order::Attach { ring, rate_hz, bell } => {
                self.filling = None;
                self.attached = Some(Attached { ring, rate_hz, bell });
            }
            Order::Detach => {
                self.filling = None;
                self.attached = None;
            }
            Order::Start { epoch, plan } => {
                self.filling = None;
                let (Some(decoder), Some(attached)) = (&mut self.decoder, &self.attached) else { return };
                match Filling::begin(decoder, attached.rate_hz, epoch, &plan) {
                    Ok(filling) => self.filling = Some(filling),
                    Err(error) => report(Event::FillFailed { epoch, error }),
                }
            }
            Order::Stop => self.filling = None,
        }
    }

    /// Opens what is arriving, if enough of it is here.
    fn open(&mut self, report: &dyn Fn(Event)) {
        let Some((ticket, bytes)) = self.opening.take() else { return };
        match Decoder::open_arriving(&*bytes) {
            Err(error) if error.is_not_here() => self.opening = Some((ticket, bytes)),
            opened => self.opened(ticket, opened, report),
        }
    }

    fn opened(&mut self, ticket: u64, opened: Result<Decoder, PlayerError>, report: &dyn Fn(Event)) {
        match opened {
            Ok(decoder) => {
                let (duration_us, estimated) = (duration_us(&decoder), decoder.is_estimate());
                self.length = Some(Length { ticket, duration_us, estimated });
                self.decoder = Some(decoder);
                report(Event::Opened { ticket, duration_us, estimated });
            }
            Err(error) => report(Event::OpenFailed { ticket, error }),
        }
    }

    /// Looks through some more of what is arriving, and tells what that makes of its length.
    fn measure(&mut self, report: &dyn Fn(Event)) {
        let (Some(decoder), Some(length)) = (&mut self.decoder, &mut self.length) else { return };
        if !decoder.is_arriving() {
            return;
        }
        if let Err(error) = decoder.look_on() {
            // Where it is listened to, the same comes out.
            tracing::debug!(code = error.code().as_str(), "a recording that is arriving cannot be looked through");
            return;
        }
        let shift_us = decoder.take_shift_frames() as f64 * 1e6 / f64::from(decoder.sample_rate_hz());
        if let Some(filling) = &mut self.filling {
            filling.shift_us += shift_us;
        }
        let (duration_us, estimated) = (duration_us(decoder), decoder.is_estimate());
        let is_exact = !decoder.is_arriving() && duration_us != length.duration_us;
        if estimated != length.estimated || is_exact || duration_us.abs_diff(length.duration_us) >= MEASURE_US {
            (length.duration_us, length.estimated) = (duration_us, estimated);
            report(Event::Measured { ticket: length.ticket, duration_us, estimated });
        }
    }

    fn fill(&mut self, report: &dyn Fn(Event)) {
        if self.opening.is_some() {
            self.open(report);
        }
        self.measure(report);
        let (Some(decoder), Some(attached), Some(filling)) = (&mut self.decoder, &mut self.attached, &mut self.filling)
        else {
            return;
        };
        if filling.all_given {
            return;
        }
        let made = filling.make(decoder, &mut attached.ring);
        let room = attached.ring.buffer().capacity();
        let left = room - attached.ring.slots();
        filling.missing = matches!(&made, Err(error) if error.is_not_here());
        let epoch = filling.epoch;
        match made {
            Err(error) if error.is_not_here() => {
                // As long as something is left to be heard it may come in time.
                if left == 0 && !filling.told_starved {
                    filling.told_starved = true;
                    report(Event::Starved { epoch });
                }
            }
            Err(error) => {
                self.filling = None;
                report(Event::FillFailed { epoch, error });
            }
            Ok(()) => {
                if filling.all_given || attached.is_beginning(filling.given_frames) {
                    attached.bell.ring();
                }
                if filling.told_starved && (left * 2 >= room || filling.all_given) {
                    filling.told_starved = false;
                    report(Event::Fed { epoch });
                }
            }
        }
    }
}

fn duration_us(decoder: &Decoder) -> u64 {
    let frames = u128::from(decoder.total_frames()) * 1_000_000;
    u64::try_from(frames / u128::from(decoder.sample_rate_hz())).unwrap_or(u64::MAX)
}

impl Filling {
    fn begin(decoder: &mut Decoder, rate_hz: u32, epoch: u64, plan: &Plan) -> Result<Self, PlayerError> {
        let resample = Resample::new(decoder.sample_rate_hz(), rate_hz, decoder.channels())?;
        let route = plan.route(decoder);
        let passage = Passage::begin(decoder, route, plan.speed, &plan.shape)?;
        Ok(Self {
            epoch,
            passage,
            resample,
            shift_us: 0.0,
            us_per_frame: plan.speed * 1e6 / f64::from(rate_hz),
            frames_per_us: f64::from(decoder.sample_rate_hz()) / 1e6,
            stretched: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            given_frames: 0,
            decoded: false,
            waiting: None,
            all_given: false,
            missing: false,
            told_starved: false,
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
        // A block ends where the sound goes on elsewhere in the recording, so that its position is true throughout.
        let step = self.us_per_frame * self.frames_per_us;
        let heard = self.given_frames as f64 * step;
        let (place, next) = self.passage.place(heard);
        let room = next
            .map_or(BLOCK_FRAMES, |next| (((next as f64 - heard) / step).ceil().max(1.0) as usize).min(BLOCK_FRAMES));
        let mut samples = [0.0; BLOCK_FRAMES * LANES];
        let frames = shape::to_sides(channels, &self.ready[self.taken..], &mut samples[..room * LANES]);
        self.taken += frames * channels;
        let media_us = place / self.frames_per_us + self.shift_us;
        self.given_frames += frames as u64;
        let last = self.decoded && self.taken >= self.ready.len();
        Ok(Block { epoch: self.epoch, media_us, us_per_frame: self.us_per_frame, frames, last, samples })
    }
}
