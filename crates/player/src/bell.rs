//! Wakes the thread that feeds a device, so that what a person just asked for is not heard a wait later.

use std::sync::{Mutex, PoisonError};
use std::thread::Thread;

/// Rung by whoever has something new for the device. An output that is asked by the system itself has no use for it.
#[derive(Debug, Default)]
pub struct Bell(Mutex<Option<Thread>>);

impl Bell {
    /// Whom to wake.
    pub(crate) fn wakes(&self, thread: Thread) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    /// Wakes it. Where nobody listens, nothing happens.
    pub(crate) fn ring(&self) {
        if let Some(thread) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }
}
