//! Hostile bytes for everything that reads them. A target is a function that panics where a rule breaks; its seeds are
//! good inputs and known bad ones, which are cut, doubled, spliced and overwritten until one of them breaks it.
//!
//! In no shipped program. The short form is this crate's test; the long one is `cargo xtask fuzz`.
#![deny(missing_docs)]

pub mod alone;
mod edit;
mod run;
mod targets;

pub use run::{Finding, Limits, Report, changed_inputs, run};
pub use targets::{TARGETS, Target};

use peak_alloc::PeakAlloc;

/// Counts what is allocated, so that a case can be judged by its peak.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;
