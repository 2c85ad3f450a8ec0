//! The decode thread as the control thread holds it: started, given orders, watched, and left behind where it does not
//! come back.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::fill::{self, Order};
use crate::machine::Event;
use crate::watch::{PATIENCE, Pulse, Watch};

/// Orders that may wait; it takes one in a few milliseconds, or opens a file.
const ORDERS: usize = 64;
/// Between two tries to hand over an order, or to see its end.
const WAIT: Duration = Duration::from_millis(5);

pub(crate) struct DecodeThread {
    orders: SyncSender<Order>,
    pulse: Pulse,
    watch: Watch,
    thread: JoinHandle<()>,
}

/// The decode thread is gone, or is left behind.
pub(crate) struct Gone;

impl DecodeThread {
    /// `report` is told what happens, until the thread is left.
    pub fn start(report: impl Fn(Event) + Send + 'static) -> Option<Self> {
        let (orders, orders_out) = sync_channel(ORDERS);
        let pulse = Pulse::default();
        let watch = Watch::new(pulse.clone(), PATIENCE);
        let its_pulse = pulse.clone();
        let spawned = std::thread::Builder::new().name("player-decode".into()).spawn(move || {
            let report = |event| {
                if !its_pulse.is_left() {
                    its_pulse.rest(|| report(event));
                }
            };
            fill::run(&orders_out, &report, &its_pulse);
        });
        match spawned {
            Ok(thread) => Some(Self { orders, pulse, watch, thread }),
            Err(error) => {
                tracing::error!(kind = ?error.kind(), "no thread to decode on");
                None
            }
        }
    }

    /// Hands over an order; waits while too many wait before it, as long as the thread is alive.
    pub fn order(&mut self, mut order: Order) -> Result<(), Gone> {
        loop {
            match self.orders.try_send(order) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(Gone),
                Err(TrySendError::Full(back)) if !self.is_stuck() => {
                    order = back;
                    std::thread::park_timeout(WAIT);
                }
                Err(TrySendError::Full(_)) => return Err(Gone),
            }
        }
    }

    /// Whether it has to be looked after.
    pub fn is_working(&self) -> bool {
        !self.pulse.is_resting()
    }

    /// Whether it did not come back. From then on nothing comes of it any more.
    pub fn is_stuck(&mut self) -> bool {
        self.watch.is_stuck()
    }

    /// Ends it, and waits for that as long as it is alive.
    pub fn end(mut self) {
        let (closed, _) = sync_channel(1);
        // It ends when its orders do.
        drop(std::mem::replace(&mut self.orders, closed));
        while !self.thread.is_finished() && !self.watch.is_stuck() {
            std::thread::park_timeout(WAIT);
        }
        if self.thread.is_finished() {
            // Its panics are caught within it.
            let _ = self.thread.join();
        }
    }
}
