//! Values and decisions of Aftercall: no IO, no async, no clock of its own.
//!
//! Times are UTC milliseconds since 1970 (`_ms`) unless a name says otherwise.
#![deny(missing_docs)]

pub mod appointment;
pub mod backoff;
pub mod breaker;
pub mod calendar;
pub mod call;
pub mod clock;
pub mod download;
pub mod error;
pub mod ids;
pub mod lead;
pub mod lead_detail;
pub mod link;
pub mod note;
pub mod outbox;
pub mod phone;
pub mod played;
pub mod recording;
pub mod retention;
pub mod rewind;
pub mod search;
pub mod sides;
pub mod standing;
pub mod status;
pub mod transcript;
pub mod zone;
