//! `aftercall-fuzz`: feeds every target, or one, and prints a table. What breaks a rule is written to a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use aftercall_fuzz::{Finding, Limits, TARGETS, Target, alone, run};
use clap::Parser;

/// Hostile bytes for everything that reads them.
#[derive(Parser)]
#[command(name = "aftercall-fuzz")]
struct Arguments {
    /// One target only
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(TARGETS.iter().map(|target| target.name)))]
    target: Option<String>,
    /// How long each target is fed
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// At least so many inputs each, however long it takes
    #[arg(long, default_value_t = 0)]
    cases: u64,
    /// Another seed, other inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where inputs are written that break a rule
    #[arg(long, value_name = "DIR", default_value = "target/fuzz")]
    findings: PathBuf,
    /// Hears one recording in this process, and nothing else: CPU ms, ms, bytes of memory more, outcome
    #[arg(long, value_name = "FILE")]
    hear: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(path) = &arguments.hear {
        return match std::fs::read(path) {
            Ok(bytes) => {
                println!("{}", alone::hear(bytes));
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                ExitCode::FAILURE
            }
        };
    }
    // A finding is told once, not at every step of making it smaller.
    std::panic::set_hook(Box::new(|_| {}));
    println!("seed {}", arguments.seed);
    println!(
        "{:<12} {:>10} {:>12} {:>14} {:>14}  verdict",
        "target", "inputs", "a CPU second", "slowest ms", "largest KiB"
    );
    let wanted = |target: &&Target| arguments.target.as_ref().is_none_or(|name| name == target.name);
    let mut broken = 0;
    for target in TARGETS.iter().filter(wanted) {
        let time = Duration::from_secs(arguments.seconds);
        let report = run(target, arguments.cases, time, arguments.seed, Limits::default());
        let per_s = report.cases as f64 / report.cpu.as_secs_f64().max(1e-9);
        let slow = target.floor_per_s.is_some_and(|floor| per_s < f64::from(floor));
        let verdict = match (&report.finding, slow) {
            (Some(finding), _) => match kept(&arguments.findings, target.name, finding) {
                Ok(path) => format!("BROKEN: {}; see {}", finding.why, path.display()),
                Err(error) => format!("BROKEN: {}; not written: {error}", finding.why),
            },
            (None, true) => format!("SLOW: under {} a second", target.floor_per_s.unwrap_or_default()),
            (None, false) => "holds".into(),
        };
        broken += u32::from(report.finding.is_some() || slow);
        println!(
            "{:<12} {:>10} {:>12.0} {:>14.1} {:>14}  {verdict}",
            target.name,
            report.cases,
            per_s,
            report.slowest.as_secs_f64() * 1e3,
            report.largest_bytes >> 10,
        );
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn kept(folder: &Path, target: &str, finding: &Finding) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{target}-{}.bin", finding.input.len()));
    std::fs::write(&path, &finding.input)?;
    Ok(path)
}
