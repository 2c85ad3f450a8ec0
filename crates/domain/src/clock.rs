//! Time as a value that is passed in, so that windows, ladders and stuck jobs are tested in virtual time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Two clocks. The wall clock judges windows and stuck jobs, because a monotonic one stands still while the
/// laptop sleeps; the monotonic one guards against a wall clock that is set back.
pub trait Clock: Send + Sync + 'static {
    /// UTC milliseconds since 1970.
    fn now_ms(&self) -> i64;
    /// Milliseconds since some fixed moment, never going back.
    fn monotonic_ms(&self) -> i64;
}

/// A wall clock that runs this far ahead of the monotonic one slept with the computer, or was set.
pub const JUMP_MS: i64 = 30_000;

/// What both clocks show at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// UTC milliseconds since 1970.
    pub wall_ms: i64,
    /// Milliseconds since some fixed moment, never going back.
    pub monotonic_ms: i64,
}

impl Clocks {
    /// What they show now.
    pub fn of(clock: &dyn Clock) -> Self {
        Self { wall_ms: clock.now_ms(), monotonic_ms: clock.monotonic_ms() }
    }
}

/// What the clocks say at a look, against the look before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// Together.
    Together,
    /// The computer slept, or its clock was set forward.
    Ahead,
    /// The clock was set back.
    Back,
}

impl Went {
    /// Compares two looks.
    pub fn between(before: Clocks, now: Clocks) -> Self {
        let jump_ms = (now.wall_ms - before.wall_ms) - (now.monotonic_ms - before.monotonic_ms);
        if jump_ms >= JUMP_MS {
            Self::Ahead
        } else if jump_ms <= -JUMP_MS {
            Self::Back
        } else {
            Self::Together
        }
    }
}

/// The computer's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic zero is now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

fn as_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the computer")]
    fn now_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, as_ms)
    }
    fn monotonic_ms(&self) -> i64 {
        as_ms(self.started.elapsed())
    }
}

/// A clock that stands still until it is moved. For tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicI64,
}

impl ManualClock {
    /// Standing at `now_ms`.
    pub fn at(now_ms: i64) -> Self {
        Self { wall_ms: AtomicI64::new(now_ms), monotonic_ms: AtomicI64::new(0) }
    }
    /// Both clocks go on by `ms`.
    pub fn advance_ms(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }
    /// Somebody set the wall clock; the monotonic one does not notice.
    pub fn set_wall_ms(&self, now_ms: i64) {
        self.wall_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> i64 {
        self.monotonic_ms.load(Ordering::SeqCst)
    }
}
