//! The repository's own tools: `cargo xtask <command>`.

mod arch;
mod bench;
mod bundle;
mod campaign;
mod checks;
mod cli;
mod demo;
mod design;
mod e2e;
mod failure;
mod fuzz;
mod r#gen;
mod judge;
mod licences;
mod likeness;
mod listen;
mod page;
mod paths;
mod pictures;
mod programs;
mod redbot;
mod run;
mod setup;
mod shim;
mod stage;
mod supply;
mod test;

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Aftercall's own tools. `demo` and `test` do all the set-up they need.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what the build and the tests need, or says what to install
    Setup,
    /// Shows the app with an invented CRM; with no display it drives the window itself and judges the sound
    Demo {
        /// Drive the window unseen even where there is a display
        #[arg(long)]
        hidden: bool,
    },
    /// Formatting, lints, import rules, every test, and the real window from sign-in to a lead's page
    Test {
        /// Leave out the run of the real window
        #[arg(long)]
        no_e2e: bool,
    },
    /// Drives the real window by WebDriver
    E2e {
        /// Take the programs as they were built before
        #[arg(long)]
        built: bool,
    },
    /// Puts two hundred texts of strangers on every screen of the real window, and tries every way out of it
    Hostile(e2e::hostile::Asked),
    /// Pictures every state of the lists and screens, in both languages, light, dark and in the system's colours, and has
    /// axe look at each
    Pictures {
        /// Only those in the system's colours
        #[arg(long)]
        forced: bool,
    },
    /// Feeds hostile bytes to everything that reads them: ranges, sealed files, pages, sound, links, Retry-After
    Fuzz(fuzz::Asked),
    /// Serves the handler of rec:// over HTTP on 127.0.0.1, for outside test suites
    RecShim(shim::Asked),
    /// Has Prism judge both ends by Twilio's own description of its API, and REDbot what rec:// answers
    Judge,
    /// Writes the TypeScript made from the app's contract into ui/src/bindings
    Gen {
        /// Change nothing, and fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// Packs what a person installs: a .deb and an .rpm
    Bundle(bundle::Asked),
    /// Checks who imports whom
    Arch,
    /// Judges licences, sources and versions of everything that is shipped, and lists it (needs cargo-deny)
    Supply {
        /// Look up known faults too; asks the network
        #[arg(long)]
        advisories: bool,
    },
    /// Measures a million calls beside sqlite-utils, sqlite3 and sonic-rs, stretched speech beside libsonic and others, or
    /// the window beside Chromium
    Bench(bench::Asked),
    /// Breaks the real programs and judges what is left: kills, old databases, failing system calls
    Campaign {
        #[command(subcommand)]
        which: Option<campaign::Campaign>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Setup => setup::setup().inspect(|()| println!("setup: nothing is missing")),
        Command::Demo { hidden } => demo::demo(hidden),
        Command::Test { no_e2e } => test::test(!no_e2e),
        Command::E2e { built } => setup::setup().and_then(|()| e2e::e2e(built)).map(|_| ()),
        Command::Hostile(asked) => setup::setup().and_then(|()| e2e::hostile::hostile(&asked)).map(|_| ()),
        Command::Pictures { forced } => setup::setup().and_then(|()| pictures::pictures(forced)),
        Command::Fuzz(asked) => fuzz::fuzz(&asked),
        Command::RecShim(asked) => shim::shim(&asked),
        Command::Judge => judge::judge(),
        Command::Gen { check } => r#gen::r#gen(check),
        Command::Bundle(asked) => setup::setup().and_then(|()| bundle::bundle(&asked)),
        Command::Arch => arch::arch(),
        Command::Supply { advisories } => supply::supply(advisories),
        Command::Bench(asked) => bench::bench(&asked),
        Command::Campaign { which } => campaign::campaign(&which.unwrap_or_default()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what waits for programs and the window, until it is done or the person interrupts it; either way everything
/// it started is ended.
fn until_interrupted<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::Start { program: "the runtime".into(), source })?;
    runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|source| Failure::Start { program: "the signal handler".into(), source })?;
        tokio::select! {
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
            _ = terminate.recv() => Err(Failure::Interrupted),
        }
    })
}
