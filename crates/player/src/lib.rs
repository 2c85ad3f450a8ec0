//! The sound of Aftercall: from the bytes of a recording to the ear, or to a file.
//!
//! It knows nothing of calls, of the CRM or of SQLite. The way of sound is: a [`Source`] of bytes →
//! [`decode`] → [`passage`] (what is left out, [`shape`], [`stretch`]) → [`resample`] → [`ring`] → [`render`] → a device or [`output::headless`].
//! What to do is decided by [`machine`], a pure function; [`control`] carries it out.
#![deny(missing_docs)]

pub mod analyse;
pub mod arriving_shape;
mod bell;
pub mod control;
pub mod decode;
mod decode_thread;
pub mod error;
mod fill;
pub mod level;
pub mod loudness;
pub mod machine;
pub mod offline;
pub mod output;
pub mod passage;
pub mod plan;
pub mod render;
pub mod resample;
pub mod ring;
pub mod route;
pub mod shape;
pub mod stretch;
mod watch;

pub use analyse::{Analysis, analyse};
pub use arriving_shape::ArrivingShape;
pub use control::{Player, Status};
pub use decode::{Arriving, Decoder, Source};
pub use error::PlayerError;
pub use machine::{Phase, Stop};
pub use output::OutputChoice;
pub use watch::PATIENCE;
