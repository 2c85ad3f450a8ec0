//! Random numbers of decisions, so that a simulation can be run again.

use std::sync::Arc;

/// Numbers in `0.0..1.0`. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chance(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Chance {
    /// The next one.
    pub(crate) fn draw(&self) -> f64 {
        (self.0)()
    }

    /// This number every time.
    #[cfg(test)]
    pub(crate) fn always(number: f64) -> Self {
        Self(Arc::new(move || number))
    }

    /// The same numbers every time.
    #[cfg(test)]
    pub(crate) fn seeded(seed: u64) -> Self {
        use rand::{Rng as _, SeedableRng as _};
        let numbers = std::sync::Mutex::new(rand::rngs::StdRng::seed_from_u64(seed));
        Self(Arc::new(move || numbers.lock().expect("no panic while drawing").random()))
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self(Arc::new(rand::random))
    }
}

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chance(..)")
    }
}
