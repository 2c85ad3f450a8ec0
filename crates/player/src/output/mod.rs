//! Where the sound goes: a device, or nowhere by the same code.
//!
//! An output owns no playback state. When it is lost, another one is opened and everything else stays as it was.

#[cfg(target_os = "linux")]
mod alsa;
pub mod device;
pub mod headless;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::bell::Bell;
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
    /// Whether it still asks for samples.
    fn health(&self) -> Health;
}

/// How an open output fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It plays.
    Fine,
    /// It stopped asking, and the same device can be opened again.
    Broken,
    /// The device is gone or another one took its place.
    Lost,
}

/// What a backend has complained about.
#[derive(Default)]
struct Faults {
    broken: AtomicBool,
    lost: AtomicBool,
}

impl Faults {
    fn health(&self) -> Health {
        match (self.lost.load(Ordering::Acquire), self.broken.load(Ordering::Acquire)) {
            (true, _) => Health::Lost,
            (false, true) => Health::Broken,
            (false, false) => Health::Fine,
        }
    }
}

/// A device that sound can go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Stays the same from start to start.
    pub id: String,
    /// What the system calls it.
    pub name: String,
}

/// The devices that are there. It may take a while: not for a thread that must not wait.
pub fn devices(choice: &OutputChoice) -> Vec<Device> {
    match choice {
        OutputChoice::Device => device::all(),
        OutputChoice::Headless(headless) => headless.devices(),
    }
}

/// Opens an output, the system's default or the one with this id. `breakdowns` says how often one broke down so far;
/// `bell` wakes it; `connect` is told the rate and gives what will render for it.
pub(crate) fn open(
    choice: &OutputChoice,
    id: Option<&str>,
    breakdowns: u32,
    bell: &Bell,
    connect: &mut dyn FnMut(u32) -> Render,
) -> Result<Box<dyn Stream>, PlayerError> {
    match choice {
        OutputChoice::Device => device::open(id, breakdowns, bell, connect),
        OutputChoice::Headless(headless) => headless.open(id, connect),
    }
}
