//! `cargo xtask rec-shim`: builds `aftercall-rec-shim`, which no shipped program contains, and runs it over a profile.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::{paths, run};

/// Which profile, and where to listen.
#[derive(Debug, Args)]
pub struct Asked {
    /// The profile's folder; its key as for aftercall-cli (AFTERCALL_KEY_FILE, AFTERCALL_PASSPHRASE or the keychain)
    #[arg(long, value_name = "DIR")]
    profile: PathBuf,
    /// Port of 127.0.0.1; 0 = any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Serves until it is interrupted.
pub fn shim(asked: &Asked) -> Result<(), Failure> {
    run::run(&mut run::cargo(&["build", "-q", "-p", "aftercall-rec-shim"]))?;
    let mut command = std::process::Command::new(paths::built("aftercall-rec-shim")?);
    command.arg("--profile").arg(&asked.profile).args(["--port", &asked.port.to_string()]);
    run::run(&mut command)
}
