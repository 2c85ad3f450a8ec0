//! Proof by breaking it: the real `aftercall-cli` is killed, starved and lied to, and what it leaves is judged.
//!
//! A development tool, in no shipped program. `cargo xtask campaign` runs the long forms; the tests of the command line
//! run short ones. Every campaign prints its seed, and the same seed does the same again (the moment of a kill is a
//! share of a sync's length, so the exact system call under it is the machine's).

mod disk;
pub mod downloads;
pub mod faults;
mod fetches;
pub mod kills;
pub mod migrations;
mod network;
pub mod old;
mod power;
pub mod program;
pub mod row;
mod sharing;
mod traces;

mod judge;
mod zoo;

use std::path::PathBuf;

/// Why a campaign could not be held. What the program under judgement does wrong is a verdict, not a failure.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or folder of the campaign's own.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("`{program}` could not be started: {source}")]
    Start {
        /// Which.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] aftercall_sandbox::SandboxError),
    /// An old database could not be made, or a copy of one could not be read.
    #[error("SQLite: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The program under judgement does not even do what every campaign begins with.
    #[error("{0}")]
    Setup(String),
}

impl Failure {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// Waits without work. A campaign is a thread of its own: there is no runtime to block.
pub(crate) fn pause(duration: std::time::Duration) {
    let end = std::time::Instant::now() + duration;
    while let Some(left) = end.checked_duration_since(std::time::Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Ten columns of what share of a run had passed when it was killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Histogram(pub [u32; 10]);

impl Histogram {
    pub(crate) fn add(&mut self, share: f64) {
        self.0[((share * 10.0) as usize).min(9)] += 1;
    }

    /// How many of the ten columns hold anything.
    pub fn columns(&self) -> usize {
        self.0.iter().filter(|count| **count > 0).count()
    }
}

impl std::fmt::Display for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let most = self.0.iter().copied().max().unwrap_or(0).max(1);
        for (column, count) in self.0.iter().enumerate() {
            let bar = "#".repeat((count * 40).div_ceil(most) as usize);
            writeln!(f, "  {:>3}-{:>3} % {count:>5} {bar}", column * 10, column * 10 + 10)?;
        }
        Ok(())
    }
}
