//! What `cargo xtask bench player` presses keys of: the app as the window has it, over the real sound card. Each line of
//! standard input is a command of the contract, a space and its arguments; each answer is a line: `measure_player PROFILE`.

use std::io::{BufRead as _, Write as _};

use aftercall_app::contract::dispatch;
use aftercall_app::start::{Access, Boot, StartOptions};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let profile = std::env::args_os().nth(1).ok_or("measure_player PROFILE")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let options = StartOptions { profile: Some(profile.into()), ..StartOptions::from_env(Access::Window) };
    let boot = match runtime.block_on(Boot::start(options)) {
        Boot::Refused(refusal) => return Err(refusal.into_error().to_string().into()),
        ready => ready,
    };
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (command, arguments) = line.split_once(' ').unwrap_or((&line, "{}"));
        let arguments: Value = serde_json::from_str(arguments)?;
        let reply = runtime.block_on(dispatch(&boot, command, arguments));
        writeln!(out, "{}", reply.map_err(|error| format!("{command}: {error:?}"))?)?;
    }
    runtime.block_on(boot.close());
    Ok(())
}
