//! Why a command of this tool could not do its work, by cause.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// One variant for each thing a person would do something different about.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The program is not there or may not be run.
    #[error("`{program}` could not be started: {source}")]
    Start { program: String, source: std::io::Error },
    /// A program ran and said no.
    #[error("`{command}` failed: {status}")]
    Status { command: String, status: ExitStatus },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// Something has to be installed by hand.
    #[error("{what}\n    {command}")]
    Install { what: String, command: String },
    /// A program's answer is not what was agreed.
    #[error("{from} answered something else than agreed: {why}")]
    Answer { from: String, why: String },
    /// A wait came to its end.
    #[error("waited {seconds} s for {what}; last seen: {seen}")]
    Waited { what: String, seconds: u64, seen: String },
    /// A check found something else than the rule says.
    #[error("{rule}: {found}")]
    Check { rule: String, found: String },
    /// The window's driver refused a step.
    #[error("while {step}: {source}")]
    Driver { step: String, source: Box<fantoccini::error::CmdError> },
    /// No session with the window could be opened.
    #[error("the window did not open for the driver: {0}")]
    Session(#[source] Box<fantoccini::error::NewSessionError>),
    /// A sound file could not be read.
    #[error("{}: {source}", path.display())]
    Sound { path: PathBuf, source: hound::Error },
    /// Several steps of a run failed; each was told when it happened.
    #[error("{count} failed")]
    Several { count: usize },
    /// The person pressed Ctrl-C, or the machine asked us to end.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// A file failure that says which file.
    pub fn file(path: &Path, source: std::io::Error) -> Self {
        Failure::File { path: path.to_owned(), source }
    }

    /// A check that found something else than its rule.
    pub fn check(rule: impl Into<String>, found: impl std::fmt::Display) -> Self {
        Failure::Check { rule: rule.into(), found: found.to_string() }
    }

    /// An answer that breaks an agreement between two of our programs.
    pub fn answer(from: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Failure::Answer { from: from.into(), why: why.to_string() }
    }
}
