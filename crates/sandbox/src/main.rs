//! `aftercall-sandbox`: starts the sandbox, prints the ready line, and runs until it is interrupted.

use aftercall_sandbox::{Options, Sandbox, SandboxError, Script};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// The CRM and Twilio with invented people, for development and tests. Prints one JSON line when it is ready.
#[derive(Parser)]
#[command(name = "aftercall-sandbox")]
struct Arguments {
    /// Port of 127.0.0.1; 0 = any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many calls
    #[arg(long, default_value_t = 300)]
    calls: u64,
    /// How many leads
    #[arg(long, default_value_t = 60)]
    leads: u64,
    /// Another seed, other people
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder whose files are the recordings, in order of name
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
    /// How many GET or HEAD requests for a recording are answered 202 first
    #[arg(long, default_value_t = 2, value_name = "N")]
    prepare_polls: u32,
    /// Faults: a JSON list of rules
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return refuse(&first_line(&error)),
        Err(error) => {
            // --help
            print!("{error}");
            return ExitCode::SUCCESS;
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => refuse(&why),
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or("wrong arguments").trim_start_matches("error: ").to_owned()
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("aftercall-sandbox: {why}");
    ExitCode::from(2)
}

fn run(arguments: Arguments) -> Result<(), String> {
    let script = match &arguments.script {
        None => Script::default(),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| format!("script {}: {error}", file.display()))?;
            Script::parse(&text).map_err(|error| error.to_string())?
        }
    };
    let options = Options {
        port: arguments.port,
        calls: arguments.calls,
        leads: arguments.leads,
        seed: arguments.seed,
        recordings: arguments.recordings,
        prepare_polls: arguments.prepare_polls,
        script,
        ..Options::default()
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(serve(options)).map_err(|error| error.to_string())
}

async fn serve(options: Options) -> Result<(), SandboxError> {
    let sandbox = Sandbox::start(options).await?;
    println!("{}", sandbox.ready().to_json());
    // Without a way to be told, run until killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    sandbox.stop().await;
    Ok(())
}
