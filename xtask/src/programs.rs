//! Building what runs on the stage: the page, then the three programs.

use crate::failure::Failure;
use crate::{paths, run};

/// The user interface as files; the shell embeds them when it is built.
pub fn build_page() -> Result<(), Failure> {
    run::run(&mut run::npm(&["run", "build", "--silent"]))
}

/// The sandbox, the command line and the window, with the dev profile.
pub fn build_programs() -> Result<(), Failure> {
    build_page()?;
    run::run(&mut run::cargo(&["build", "-p", "aftercall-sandbox", "-p", "aftercall-cli", "-p", "aftercall"]))
}

/// Everything of the workspace, tests too: with one selection of packages every dependency is compiled once.
pub fn build_all() -> Result<(), Failure> {
    run::run(&mut run::cargo(&["build", "--workspace", "--all-targets"]))
}

/// Fails with a plain word when a program of the stage was never built.
pub fn check_built() -> Result<(), Failure> {
    for program in ["aftercall-sandbox", "aftercall-cli", "aftercall"] {
        let path = paths::built(program)?;
        if !path.exists() {
            return Err(Failure::check("the programs are built", format!("{} is missing", path.display())));
        }
    }
    Ok(())
}
