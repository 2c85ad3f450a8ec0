//! Looks after what decodes: bytes that make a decoder run for ever must not take the player with them.
//!
//! A thread cannot be ended from outside. So one that gives no sign of life for [`PATIENCE`] is left behind: what it
//! reads next fails, what it says is heard by nobody, and another takes its place. Waiting for bytes or for orders is no
//! work: a slow disk is not taken for a broken decoder, nor is a machine that slept, because looks are counted and not
//! time.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use crate::decode::{Arriving, Source};
use crate::error::PlayerError;

/// How long one step may take: a packet, or what lies between two reads of the file. Each is far less than a second of
/// sound.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// So many looks in a row without a sign of life are the whole patience.
const LOOKS: u32 = 20;

/// Signs of life of a thread that decodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse(Arc<Life>);

#[derive(Debug, Default)]
struct Life {
    /// Grows with each sign of life; odd while the thread waits for somebody else.
    beats: AtomicU64,
    is_left: AtomicBool,
}

impl Pulse {
    /// A step is done.
    pub fn beat(&self) {
        self.0.beats.fetch_add(2, Ordering::Relaxed);
    }

    /// Does what may take as long as it takes, because it waits for a disk or for orders.
    pub fn rest<T>(&self, wait: impl FnOnce() -> T) -> T {
        /// Ends the rest also where waiting panics.
        struct Rest<'a>(&'a AtomicU64);
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.0.beats.fetch_add(1, Ordering::Relaxed);
        let _rest = Rest(&self.0.beats);
        wait()
    }

    /// It waits for somebody else.
    pub fn is_resting(&self) -> bool {
        !self.0.beats.load(Ordering::Relaxed).is_multiple_of(2)
    }

    /// Nobody waits for it any more.
    pub fn is_left(&self) -> bool {
        self.0.is_left.load(Ordering::Relaxed)
    }
}

/// Feels a pulse.
#[derive(Debug)]
pub(crate) struct Watch {
    pulse: Pulse,
    every: Duration,
    seen: u64,
    in_vain: u32,
    looked: Instant,
}

impl Watch {
    pub fn new(pulse: Pulse, patience: Duration) -> Self {
        Self { pulse, every: patience / LOOKS, seen: 0, in_vain: 0, looked: Instant::now() }
    }

    /// To be called again and again. True once there was no sign of life for its patience: from then on the thread is
    /// left.
    pub fn is_stuck(&mut self) -> bool {
        if self.looked.elapsed() < self.every {
            return self.pulse.is_left();
        }
        self.looked = Instant::now();
        let beats = self.pulse.0.beats.load(Ordering::Relaxed);
        let is_alive = beats != self.seen || !beats.is_multiple_of(2);
        self.seen = beats;
        self.in_vain = if is_alive { 0 } else { self.in_vain + 1 };
        if self.in_vain >= LOOKS {
            self.pulse.0.is_left.store(true, Ordering::Relaxed);
        }
        self.pulse.is_left()
    }
}

/// Runs what reads hostile bytes on a thread of its own, and waits for it no longer than it is alive.
///
/// # Errors
/// [`PlayerError::Endless`], and what the work returns.
pub(crate) fn watched<T: Send + 'static>(
    work: impl FnOnce(&Pulse) -> Result<T, PlayerError> + Send + 'static,
) -> Result<T, PlayerError> {
    watched_for(PATIENCE, work)
}

fn watched_for<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce(&Pulse) -> Result<T, PlayerError> + Send + 'static,
) -> Result<T, PlayerError> {
    let pulse = Pulse::default();
    let mut watch = Watch::new(pulse.clone(), patience);
    let (done, result) = sync_channel(1);
    let spawned = std::thread::Builder::new().name("player-decode-once".into()).spawn(move || {
        // Nobody may wait for it any more.
        let _ = done.send(work(&pulse));
    });
    if spawned.is_err() {
        return Err(PlayerError::DecoderStopped);
    }
    loop {
        match result.recv_timeout(watch.every) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err(PlayerError::DecoderStopped),
            Err(RecvTimeoutError::Timeout) if watch.is_stuck() => {
                tracing::error!("a decoder did not come back and is left behind");
                return Err(PlayerError::Endless);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Bytes whose reader is watched: a read is a rest, and fails once nobody waits for it.
pub(crate) struct Watched<S> {
    bytes: S,
    pulse: Pulse,
}

impl<S> Watched<S> {
    pub fn new(bytes: S, pulse: &Pulse) -> Self {
        Self { bytes, pulse: pulse.clone() }
    }
}

impl<S: Read> Read for Watched<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.pulse.is_left() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.pulse.rest(|| self.bytes.read(buf))
    }
}

impl<S: Seek> Seek for Watched<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl Arriving for Watched<Box<dyn Arriving>> {
    fn here_from(&self, offset: u64) -> u64 {
        self.bytes.here_from(offset)
    }

    fn want(&self, offset: u64) {
        self.bytes.want(offset);
    }

    fn again(&self) -> Box<dyn Arriving> {
        Box::new(Self::new(self.bytes.again(), &self.pulse))
    }
}

/// The same bytes, watched.
pub(crate) fn watched_source(source: Box<dyn Source>, pulse: &Pulse) -> Box<dyn Source> {
    Box::new(Watched::new(source, pulse))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::mpsc::channel;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(400);

    fn pause(length: Duration) {
        let began = Instant::now();
        while let Some(left) = length.checked_sub(began.elapsed()) {
            std::thread::park_timeout(left);
        }
    }

    #[test]
    fn work_without_a_sign_of_life_is_left_after_its_patience() {
        let (end, ended) = channel::<()>();
        let (tell, told) = channel();
        let began = Instant::now();
        let left = watched_for(PATIENCE, move |pulse| {
            let mut source = Watched::new(Cursor::new([7; 8]), pulse);
            let _ = ended.recv();
            let _ = tell.send(source.read(&mut [0; 8]).map_err(|error| error.kind()));
            Ok(())
        });
        assert_eq!(left, Err(PlayerError::Endless));
        assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
        end.send(()).expect("it still waits");
        // What was left behind gets no more bytes, so that it ends where it can.
        assert_eq!(told.recv(), Ok(Err(ErrorKind::TimedOut)));
    }

    #[test]
    fn waiting_for_a_disk_and_slow_steps_are_no_standstill() {
        let began = Instant::now();
        let done = watched_for(PATIENCE, move |pulse| {
            pulse.rest(|| pause(PATIENCE * 2));
            for _ in 0..4 {
                pause(PATIENCE / 2);
                pulse.beat();
            }
            Ok(7)
        });
        assert_eq!(done, Ok(7));
        assert!(began.elapsed() >= 4 * PATIENCE);
    }

    #[test]
    fn a_panic_is_an_answer() {
        assert_eq!(watched(|_| -> Result<(), PlayerError> { panic!("a test's") }), Err(PlayerError::DecoderStopped));
    }
}
