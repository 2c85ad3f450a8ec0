//! Programs run in the foreground: the person sees what they say.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::paths;

/// `cargo …` at the root of the workspace.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(paths::cargo());
    command.args(args).current_dir(paths::root());
    command
}

/// `npm …` in the user interface's package.
pub fn npm(args: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(args).current_dir(paths::ui());
    command
}

/// The line a person could type to do the same.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// Runs to the end with our own output, and fails with the program's status.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let line = shown(command);
    println!("$ {line}");
    let status =
        command.stdin(Stdio::null()).status().map_err(|source| Failure::Start { program: line.clone(), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Status { command: line, status }) }
}

/// Runs quietly and gives what it wrote to standard output.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    let line = shown(command);
    let output = command.output().map_err(|source| Failure::Start { program: line.clone(), source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        Err(Failure::Status { command: line, status: output.status })
    }
}
