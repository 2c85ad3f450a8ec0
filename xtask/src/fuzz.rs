//! `cargo xtask fuzz`: builds `aftercall-fuzz`, as the tests are built, so that an overflow is a finding, and runs it.

use clap::Args;

use crate::failure::Failure;
use crate::{paths, run};

/// What is fed, and how long: `aftercall-fuzz` knows.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct Asked {
    /// `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Feeds the targets; fails when one broke a rule.
pub fn fuzz(asked: &Asked) -> Result<(), Failure> {
    run::run(&mut run::cargo(&["build", "-q", "-p", "aftercall-fuzz"]))?;
    let mut command = std::process::Command::new(paths::built("aftercall-fuzz")?);
    command.arg("--findings").arg(paths::results("fuzz")?).args(&asked.options);
    run::run(&mut command)
}
