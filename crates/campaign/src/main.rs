//! `aftercall-campaign`: the long forms, and the window's loop without a window.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aftercall_app::contract::dispatch;
use aftercall_app::profile::key_choice_from_env;
use aftercall_app::start::{Access, Boot, StartOptions};
use aftercall_campaign::row::{self, Row};
use aftercall_campaign::{Failure, downloads, faults, kills, migrations};
use aftercall_domain::clock::SystemClock;
use aftercall_engine::upstream::Limits;
use aftercall_player::OutputChoice;
use aftercall_player::output::headless::Headless;
use clap::{Parser, Subcommand};

/// Breaks the real aftercall-cli and judges what is left.
#[derive(Parser)]
#[command(name = "aftercall-campaign")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// SIGKILL at random moments of syncs against a moving server, or of fetches
    Kills {
        /// aftercall-cli
        #[arg(long)]
        cli: PathBuf,
        /// What is killed
        #[arg(long, default_value = "sync")]
        what: Killed,
        /// How many
        #[arg(long, default_value_t = 200)]
        n: u32,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Calls at the server
        #[arg(long, default_value_t = 1500)]
        calls: u64,
    },
    /// Bits that flip in stored recordings
    Flips {
        /// aftercall-cli
        #[arg(long)]
        cli: PathBuf,
        /// How many
        #[arg(long, default_value_t = 2000)]
        n: u32,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// SIGKILL at random moments of upgrades of old databases, and every kind of broken file
    Migrations {
        /// aftercall-cli
        #[arg(long)]
        cli: PathBuf,
        /// How many kills
        #[arg(long, default_value_t = 100)]
        n: u32,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Rows of each database
        #[arg(long, default_value_t = 10_000)]
        rows: u32,
        /// Databases to flip pages of
        #[arg(long, default_value_t = 100)]
        flips: u32,
    },
    /// System calls that kill or fail, by strace
    Faults {
        /// aftercall-cli
        #[arg(long)]
        cli: PathBuf,
        /// How many of each system call
        #[arg(long, default_value_t = 40)]
        n: u32,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// One fault of the list, as often as each change of the code wants it: a line of the table
    Row {
        /// aftercall-cli
        #[arg(long)]
        cli: PathBuf,
        /// F1, F3 …
        #[arg(long)]
        fault: String,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// The window's loop without a window, until it is killed
    Window {
        /// The profile's folder
        #[arg(long)]
        profile: PathBuf,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Killed {
    Sync,
    Download,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Kills { cli, what: Killed::Download, n, seed, .. } => {
            println!("kills in downloads: seed {seed}");
            downloads::kills(&downloads::Plan { cli, n, seed, tell: say }).map(|report| tell_downloads(&report))
        }
        Command::Flips { cli, n, seed } => {
            println!("flips: seed {seed}");
            downloads::flips(&downloads::Plan { cli, n, seed, tell: say }).map(|report| tell_downloads(&report))
        }
        Command::Kills { cli, what: Killed::Sync, n, seed, calls } => {
            let window = std::env::current_exe().ok();
            println!("kills: seed {seed}");
            kills::run(&kills::Plan { cli, window, kills: n, seed, calls, tell: say }).map(|report| tell_kills(&report))
        }
        Command::Migrations { cli, n, seed, rows, flips } => {
            println!("migrations: seed {seed}");
            migrations::run(&migrations::Plan { cli, kills: n, seed, rows, flips, tell: say })
                .map(|report| tell_migrations(&report))
        }
        Command::Faults { cli, n, seed } => {
            println!("faults: seed {seed}");
            faults::run(&faults::Plan { cli, of_each: n, seed, tell: say }).map(|report| tell_faults(&report))
        }
        Command::Row { cli, fault, seed } => std::env::current_exe()
            .map_err(|source| Failure::Start { program: "this program".into(), source })
            .and_then(|window| row::hold(&fault, &row::Plan { cli, window, seed, tell: say }))
            .map(|rows| {
                rows.iter().for_each(tell_row);
                rows.iter().all(Row::holds)
            }),
        Command::Window { profile } => return window(profile),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("aftercall-campaign: {failure}");
            ExitCode::from(2)
        }
    }
}

fn say(line: &str) {
    println!("{line}");
}

fn tell_kills(report: &kills::Report) -> bool {
    println!(
        "{} kills over {} libraries ({} runs ended before their moment), {} steps of the server, {} rows judged",
        report.kills, report.libraries, report.missed, report.steps, report.rows_judged
    );
    println!("moment of the kill, share of such a run's time:\n{}", report.by_time);
    println!("requests answered before it, share of such a run's:\n{}", report.by_requests);
    tell_verdict(&report.verdict)
}

fn tell_downloads(report: &downloads::Report) -> bool {
    println!(
        "{} kills ({} runs ended before their moment), {} flips; {} recordings came home; {} bytes again",
        report.kills, report.missed, report.flips, report.arrived, report.refetched_bytes
    );
    if report.kills > 0 {
        println!("moment of the kill, share of such a run's time:\n{}", report.by_time);
    }
    report.wrong.iter().chain(&report.dear).take(40).for_each(|what| println!("  {what}"));
    println!("{} wrong, {} dear", report.wrong.len(), report.dear.len());
    report.wrong.is_empty() && report.dear.is_empty()
}

fn tell_verdict(verdict: &kills::Verdict) -> bool {
    println!(
        "{} lost, {} duplicated, {} half-applied, {} otherwise wrong",
        verdict.lost.len(),
        verdict.duplicated.len(),
        verdict.half_applied.len(),
        verdict.other.len()
    );
    let wrong = [&verdict.lost, &verdict.duplicated, &verdict.half_applied, &verdict.other];
    wrong.into_iter().flat_map(|list| list.iter().take(20)).for_each(|what| println!("  {what}"));
    verdict.is_clean()
}

fn tell_migrations(report: &migrations::Report) -> bool {
    println!(
        "{} kills ({} ended before their moment): {} left the old version, {} the new one",
        report.kills, report.missed, report.left_old, report.left_new
    );
    println!("moment of the kill, share of such an upgrade's time:\n{}", report.by_time);
    println!("{} broken files, {} databases with {} flipped pages", report.zoo, report.flips, report.pages);
    report.wrong.iter().take(40).for_each(|what| println!("  {what}"));
    println!("{} wrong", report.wrong.len());
    report.wrong.is_empty()
}

/// The line that `cargo xtask campaign` puts into its table, and before it what did not hold.
fn tell_row(row: &Row) {
    row.wrong.iter().take(40).for_each(|what| println!("  {what}"));
    let holds = if row.holds() { "held" } else { "FAILED" };
    println!("row | {} | {} | {holds} | {}", row.fault, row.n, row.figure);
}

fn tell_faults(report: &faults::Report) -> bool {
    println!("{} faults hit ({} runs were over before theirs)", report.hit, report.missed);
    report.ends.iter().for_each(|(end, count)| println!("  {count:>5} {end}"));
    tell_verdict(&report.verdict)
}

fn window(profile: PathBuf) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::FAILURE };
    runtime.block_on(async {
        let boot = Boot::start(StartOptions {
            profile: Some(profile),
            key: key_choice_from_env(),
            access: Access::Window,
            output: OutputChoice::Headless(Headless::paced(8_000)),
            clock: Arc::new(SystemClock::new()),
            limits: Limits::default(),
            following: Default::default(),
            desktop: None,
        })
        .await;
        if let Boot::Refused(refusal) = &boot {
            eprintln!("{}", refusal.to_error());
            return ExitCode::FAILURE;
        }
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if let Err(error) = dispatch(&boot, "sync_now", serde_json::json!({})).await {
                eprintln!("{error:?}");
                return ExitCode::FAILURE;
            }
        }
    })
}
