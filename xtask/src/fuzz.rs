//! `cargo xtask fuzz`: builds `aftercall-fuzz`, as the tests are built, so that an overflow is a finding, and runs it.

use clap::Args;

use crate::failure::Failure;
use crate::{paths, run};

/// What is fed, and how long.
#[derive(Debug, Args)]
pub struct Asked {
    /// One target: range, sealed, pages, mp3, wav, link, retry-after or decode
    #[arg(long)]
    target: Option<String>,
    /// How long each target is fed
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// At least so many inputs each, however long it takes
    #[arg(long, default_value_t = 0)]
    cases: u64,
    /// Another seed, other inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Feeds the targets; fails when one broke a rule.
pub fn fuzz(asked: &Asked) -> Result<(), Failure> {
    run::run(&mut run::cargo(&["build", "-q", "-p", "aftercall-fuzz"]))?;
    let mut command = std::process::Command::new(paths::built("aftercall-fuzz")?);
    for (name, number) in [("--seconds", asked.seconds), ("--cases", asked.cases), ("--seed", asked.seed)] {
        command.arg(name).arg(number.to_string());
    }
    if let Some(target) = &asked.target {
        command.arg("--target").arg(target);
    }
    run::run(command.arg("--findings").arg(paths::results("fuzz")?))
}
