//! Where the sound goes: a device, or nowhere by the same code.
//!
//! An output owns no playback state. When it is lost, another one is opened and everything else stays as it was.

pub mod device;
pub mod headless;

use crate::error::PlayerError;
use crate::render::Render;

pub use headless::Headless;

/// Which output a player uses.
#[derive(Debug, Clone)]
pub enum OutputChoice {
    /// The system's default device.
    Device,
    /// No device: samples are collected.
    Headless(Headless),
}

/// An output that is open. Dropping it closes it.
pub(crate) trait Stream {
    /// The device is gone, and no more samples will be asked for.
    fn is_lost(&self) -> bool;
}

/// Opens an output. `connect` is told the rate and gives what will render for it.
pub(crate) fn open(
    choice: &OutputChoice,
    connect: &mut dyn FnMut(u32) -> Render,
) -> Result<Box<dyn Stream>, PlayerError> {
    match choice {
        OutputChoice::Device => device::open(connect),
        OutputChoice::Headless(headless) => headless.open(connect),
    }
}
