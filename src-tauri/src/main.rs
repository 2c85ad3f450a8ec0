//! The shell: one window, one command, one channel, one protocol. No SQL, no HTTP, no decisions.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod protocol;
mod rpc;
mod shell;
mod window;

use std::path::PathBuf;

use clap::Parser;

use crate::shell::Shell;

/// Listen back to phone calls.
#[derive(Parser)]
#[command(name = "aftercall", version)]
struct Arguments {
    /// The profile's folder, instead of the platform's data folder.
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
}

#[cfg(test)]
mod golden;

fn main() -> tauri::Result<()> {
    let arguments = Arguments::parse();
    let shell = Shell::new(arguments.profile);
    let context = tauri::generate_context!();
    window::build(tauri::Builder::default(), shell).build(context)?.run(|_, _| {});
    Ok(())
}
