//! `aftercall-rec-shim`: opens a profile as the window does, without sound, prints where it listens, and serves the
//! handler of `rec://` until it is interrupted.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use aftercall_app::start::{Access, Boot, StartOptions};
use aftercall_player::OutputChoice;
use aftercall_player::output::headless::Headless;
use clap::Parser;
use tokio::net::TcpListener;

/// The only page that is answered: the app's own. Outside suites name no origin.
const ORIGINS: &[&str] = &["tauri://localhost"];

/// The handler of rec:// over HTTP on 127.0.0.1, for outside test suites. Whoever reaches the port hears the
/// recordings: end it when you are done. Prints one JSON line when it is ready.
#[derive(Parser)]
#[command(name = "aftercall-rec-shim")]
struct Arguments {
    /// The profile's folder
    #[arg(long, value_name = "DIR")]
    profile: PathBuf,
    /// Port of 127.0.0.1; 0 = any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("aftercall-rec-shim: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let options = StartOptions {
        profile: Some(arguments.profile),
        output: OutputChoice::Headless(Headless::paced(48_000)),
        ..StartOptions::from_env(Access::Window)
    };
    let boot = match Boot::start(options).await {
        Boot::Refused(refusal) => return Err(refusal.into_error().to_string()),
        ready => Arc::new(ready),
    };
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("{}", serde_json::json!({"url": format!("http://{address}")}));
    let answering = Arc::clone(&boot);
    let serving = aftercall_rec_shim::serve(listener, move |request| {
        let boot = Arc::clone(&answering);
        async move { boot.respond(request, true, ORIGINS).await }
    });
    let ended = tokio::select! {
        failed = serving => failed.map(drop).map_err(|error| error.to_string()),
        _ = tokio::signal::ctrl_c() => Ok(()),
        () = terminated() => Ok(()),
    };
    boot.close().await;
    ended
}

#[cfg(unix)]
async fn terminated() {
    if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        signal.recv().await;
    } else {
        std::future::pending::<()>().await;
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending::<()>().await;
}
