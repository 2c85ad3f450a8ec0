//! `aftercall-cli`: the same app without a window.

mod arguments;
mod human;
mod output;
mod progress;
mod run;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::output::Output;

fn main() -> ExitCode {
    if let Err(error) = aftercall_app::process::keep_private() {
        eprintln!("core dumps cannot be switched off: {}", error.kind());
        return ExitCode::FAILURE;
    }
    let arguments = Arguments::parse();
    let output = Output { json: arguments.common.json };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no threads can be started: {}", error.kind());
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run::run(&arguments, output));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failed(&failure),
    }
}
