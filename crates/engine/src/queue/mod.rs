//! Recordings into the vault: durable jobs, decided by [`aftercall_domain::download`], carried out here.
//!
//! [`Queue`] (`handle`) is the door: wishes, and what became of them. `runner` gives jobs their turn, each source's in a
//! lane of its own (`lanes`); `inside` is what all of them share, and which runs there are. `ledger` writes every step of a
//! job with its recording's row in one transaction.
//!
//! A run is `fetch`: it asks the source, begins a file or goes on with one (`part`), fills it in ranges (`filling`, written
//! by `intake`) while it can be listened to (`arriving`), and looks at what it is (`look`). `recover` takes jobs from runs
//! that are no more; `room` sees to it that what arrives fits; `repair` asks again for what is damaged.

mod arriving;
mod error;
mod failure;
mod fetch;
mod filling;
mod handle;
mod inside;
mod intake;
mod lanes;
mod ledger;
mod look;
mod mend;
mod part;
mod recover;
pub mod repair;
mod room;
mod runner;
#[cfg(test)]
mod simulation;

use std::io::{Read, Seek};

pub use arriving::{Arriving, ArrivingCursor};
pub use error::QueueError;
pub use handle::{Queue, QueueOptions, QueueParts};
pub use lanes::AtOnce;
pub use mend::requeue_stuck;

/// A stored recording, decrypted as it is read.
pub trait Sound: Read + Seek + Send + Sync {}
impl<T: Read + Seek + Send + Sync> Sound for T {}

/// What is drawn and counted from a recording's sound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Analysed {
    /// `media::Peaks` as bytes.
    pub peaks: Vec<u8>,
    /// JSON of `media::Turns`.
    pub turns: String,
    /// Packets that could not be decoded.
    pub damaged_packets: u32,
}

/// Why a sound could not be analysed. The recording is kept all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnalysed {
    /// What was tried may sound in parts: the recording stands without a waveform.
    #[error("the sound could not be analysed")]
    NotDecoded,
    /// It is nothing that is played here, or its decoding does not come to an end.
    #[error("the sound cannot be played")]
    NotPlayed,
}

/// Hears a recording once, when it has arrived. Implemented where the player is known.
pub trait Analyst: Send + Sync + 'static {
    /// Blocks for as long as it takes to decode the whole recording.
    ///
    /// # Errors
    /// [`NotAnalysed`] for what cannot be decoded.
    fn analyse(&self, sound: Box<dyn Sound>) -> Result<Analysed, NotAnalysed>;
}
