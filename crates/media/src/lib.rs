//! Bytes of recordings: ranges, sealed files, lengths, waveforms and turns.
//!
//! Everything here is pure over [`Read`](std::io::Read) + [`Seek`](std::io::Seek), [`ReadAt`](read_at::ReadAt) or
//! plain samples. It knows no call, no database and no network, and every byte that it is given may be hostile.
//! Decoding is the player's: this crate finds out what is in a file, how long it is and where each frame lies.
#![deny(missing_docs)]

mod conditions;
pub mod peaks;
pub mod range;
pub mod read_at;
pub mod respond;
pub mod scan;
pub mod sealed;
pub mod silence;
pub mod sniff;
pub mod talk;
pub mod turns;
pub mod wiped;

pub use peaks::{Peaks, PeaksBuilder, PeaksError};
pub use silence::{Cut, cuts};
pub use turns::{Turn, Turns, TurnsBuilder};
