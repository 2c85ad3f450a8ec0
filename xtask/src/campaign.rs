//! `cargo xtask campaign`: builds the real programs and lets `aftercall-campaign` break them; without a name, the whole
//! fault list, as a table.

use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Subcommand;

use crate::failure::Failure;
use crate::{paths, run, setup};

/// Which campaign, how long and by which seed.
#[derive(Subcommand)]
pub enum Campaign {
    /// Every fault of the list as often as each change of the code wants it, as a table (the default)
    All {
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only these: F1 F5 …
        faults: Vec<String>,
    },
    /// SIGKILL at random moments of syncs against a moving server, or of fetches
    Kills {
        /// What is killed: sync or download
        #[arg(long, default_value = "sync")]
        what: String,
        /// How many
        #[arg(long, default_value_t = 200)]
        n: u32,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Bits that flip in stored recordings: each found, and mended by one new fetch
    Flips {
        /// How many
        #[arg(long, default_value_t = 2000)]
        n: u32,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// SIGKILL at random moments of upgrades of old databases, and every kind of broken file
    Migrations {
        /// How many kills
        #[arg(long, default_value_t = 100)]
        n: u32,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// The download queue in virtual time: days of outage, crashes, sleeps and clocks that are set
    Queue {
        /// Lives of a library, each with its own crashes, sleeps and clocks
        #[arg(long, default_value_t = 10_000)]
        seeds: u32,
    },
    /// Minutes of playback into a captured sound card, compared with the render
    Listen {
        /// How long it plays
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// How fast
        #[arg(long, default_value_t = 2.0)]
        speed: f64,
    },
    /// System calls that kill or fail at the n-th write, sync or rename, by strace
    Faults {
        /// Up to which n-th of each system call
        #[arg(long, default_value_t = 40)]
        n: u32,
        /// Replays a run
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

impl Default for Campaign {
    fn default() -> Self {
        Self::All { seed: 1, faults: Vec::new() }
    }
}

/// Where a line of the table comes from.
enum From {
    /// `aftercall-campaign row`, which may give several lines.
    Campaign(&'static str),
    /// Tests that make the fault: package, target, a part of their names. None found counts as a failure.
    Tests(&'static str, &'static [&'static str], &'static [&'static str]),
    /// Tests that go through a table of cases: the same, and how many cases there must be. Each prints `cases F6 24`.
    Cases(&'static str, &'static [&'static str], &'static [&'static str], u64),
}

/// The list: fault, what it is, who makes it.
const FAULTS: &[(&str, &str, From)] = &[
    ("F1", "SIGKILL in a sync", From::Campaign("F1")),
    ("F2", "SIGKILL in a download", From::Campaign("F2")),
    ("F3", "SIGKILL in a migration", From::Campaign("F3")),
    ("F4", "n-th system call fails", From::Campaign("F4")),
    ("F5", "power loss of our files", From::Campaign("F5")),
    ("F6", "truncated body", From::Cases("aftercall-engine", &["--test", "flow"], &["resuming::a_body_cut"], 24)),
    (
        "F7",
        "slow, or silent",
        From::Cases("aftercall-engine", &["--test", "twilio", "--test", "flow"], &["drips::", "that_drips"], 6),
    ),
    (
        "F8",
        "wrong length or range",
        From::Cases("aftercall-engine", &["--test", "flow"], &["resuming::an_answer_that_lies"], 12),
    ),
    ("F9", "Retry-After in ten shapes", From::Campaign("F9")),
    ("F10", "a storm of 502", From::Tests("aftercall-engine", &["--lib"], &["queue::simulation::days"])),
    ("F11", "sessions, roles, tokens", From::Campaign("F11")),
    ("F12", "portal, redirect, certificate", From::Campaign("F12")),
    ("F13", "bombs", From::Campaign("F13")),
    ("F14", "redirects", From::Cases("aftercall-engine", &["--lib"], &["trap_tests::no_redirect"], 100)),
    (
        "F15",
        "clock jumps, sleep",
        From::Cases("aftercall-engine", &["--lib"], &["simulation::stops::whatever_is_done_to_the_clocks"], 10),
    ),
    ("F16", "disk full", From::Campaign("F16")),
    ("F17", "read-only", From::Campaign("F17")),
    ("F18", "library locked by another", From::Campaign("F18")),
    ("F19", "two instances", From::Campaign("F19")),
    ("F20", "pages flipped", From::Campaign("F3")),
    ("F21", "every schema", From::Campaign("F3")),
    ("F22", "a page of 200 MB", From::Campaign("F22")),
    ("T11", "files made outside", From::Campaign("T11")),
    ("F24", "sound device goes and comes", From::Cases("aftercall-player", &["--test", "player"], &["devices::"], 200)),
];

/// Holds it; fails when something did not hold.
pub fn campaign(which: &Campaign) -> Result<(), Failure> {
    let (name, n, seed) = match which {
        Campaign::All { seed, faults } => return all(*seed, faults),
        Campaign::Queue { seeds } => return queue(*seeds),
        Campaign::Listen { seconds, speed } => return crate::listen::listen(*seconds, *speed),
        Campaign::Kills { n, seed, .. } => ("kills", n, seed),
        Campaign::Flips { n, seed } => ("flips", n, seed),
        Campaign::Migrations { n, seed } => ("migrations", n, seed),
        Campaign::Faults { n, seed } => ("faults", n, seed),
    };
    if name == "faults" {
        needs_strace()?;
    }
    build()?;
    let mut command = Command::new(paths::built("aftercall-campaign")?);
    command.arg(name).arg("--cli").arg(paths::built("aftercall-cli")?);
    command.args(["--n", &n.to_string(), "--seed", &seed.to_string()]);
    if let Campaign::Kills { what, .. } = which {
        command.args(["--what", what]);
    }
    run::run(&mut command)
}

/// The simulations are tests, whole here and short in every run of the tests; they print their figures.
fn queue(seeds: u32) -> Result<(), Failure> {
    for (package, tests) in [("aftercall-domain", "download::"), ("aftercall-engine", "queue::simulation::")] {
        // Optimised: ten thousand lives take hours without.
        let profile = ["test", "-q", "--profile", "measure", "-p", package, "--lib", tests, "--", "--nocapture"];
        run::run(run::cargo(&profile).env("AFTERCALL_SEEDS", seeds.to_string()))?;
    }
    Ok(())
}

fn needs_strace() -> Result<(), Failure> {
    if setup::on_path("strace") {
        return Ok(());
    }
    let what = "This campaign makes system calls fail, with strace:".into();
    Err(Failure::Install { what, command: "apt-get install -y --no-install-recommends strace".into() })
}

fn build() -> Result<(), Failure> {
    run::run(&mut run::cargo(&["build", "-p", "aftercall-campaign", "-p", "aftercall-cli"]))
}

/// One line.
struct Line {
    fault: String,
    n: u64,
    ending: String,
    seconds: f64,
    figure: String,
}

fn all(seed: u64, only: &[String]) -> Result<(), Failure> {
    needs_strace()?;
    build()?;
    let is_wanted = |fault: &str| only.is_empty() || only.iter().any(|one| one.eq_ignore_ascii_case(fault));
    let mut lines: Vec<Line> = Vec::new();
    for (fault, what, from) in FAULTS {
        if !is_wanted(fault) || lines.iter().any(|line| line.fault == *fault) {
            continue;
        }
        eprintln!("{fault} {what}");
        let began = Instant::now();
        let mut made = match from {
            From::Campaign(run) => by_campaign(run, seed)?,
            From::Tests(package, target, names) => vec![by_tests(fault, package, target, names, None)?],
            From::Cases(package, target, names, wanted) => {
                vec![by_tests(fault, package, target, names, Some(*wanted))?]
            }
        };
        made.retain(|line| is_wanted(&line.fault));
        if let Some(first) = made.first_mut() {
            first.seconds = began.elapsed().as_secs_f64();
        }
        lines.extend(made);
    }
    let place = |line: &Line| FAULTS.iter().position(|(fault, ..)| line.fault == *fault);
    lines.sort_by_key(place);
    println!("{:<4} {:<30} {:>6}  {:<11} {:>7}  figure", "", "fault", "n", "", "s");
    for line in &lines {
        let what = FAULTS.iter().find(|(fault, ..)| line.fault == *fault).map_or("", |(_, what, _)| what);
        println!(
            "{:<4} {what:<30} {:>6}  {:<11} {:>7.1}  {}",
            line.fault, line.n, line.ending, line.seconds, line.figure
        );
    }
    let held = lines.iter().filter(|line| line.ending == "held").count();
    println!("{held} of {} held (seed {seed})", lines.len());
    if held == lines.len() { Ok(()) } else { Err(Failure::Several { count: lines.len() - held }) }
}

fn line(fault: &str, n: u64, ending: &str, figure: impl Into<String>) -> Line {
    Line { fault: fault.to_owned(), n, ending: ending.to_owned(), seconds: 0.0, figure: figure.into() }
}

/// What it says on the way goes to standard error; its lines are for the table.
fn by_campaign(run: &str, seed: u64) -> Result<Vec<Line>, Failure> {
    let mut command = Command::new(paths::built("aftercall-campaign")?);
    command.args(["row", "--fault", run, "--seed", &seed.to_string(), "--cli"]).arg(paths::built("aftercall-cli")?);
    let text = output(&mut command)?.1;
    let mut lines = Vec::new();
    for said in text.lines() {
        let cells: Vec<&str> = said.split(" | ").collect();
        match cells.as_slice() {
            ["row", fault, n, ending, figure] => lines.push(line(fault, n.parse().unwrap_or(0), ending, *figure)),
            _ => eprintln!("  {said}"),
        }
    }
    if lines.is_empty() {
        lines.push(line(run, 0, "FAILED", "the campaign could not be held"));
    }
    Ok(lines)
}

/// Tests by a part of their names; `n` is how many passed, or how many cases they say that they went through.
fn by_tests(fault: &str, package: &str, target: &[&str], names: &[&str], cases: Option<u64>) -> Result<Line, Failure> {
    let mut command = run::cargo(&["test", "--quiet", "-p", package]);
    command.args(target).args(["--", "--nocapture"]).args(names);
    let (succeeded, text) = output(&mut command)?;
    let count = |word: &str| -> u64 {
        let results = text.lines().filter(|line| line.starts_with("test result:"));
        results
            .filter_map(|line| {
                let before = line.split(word).next()?;
                before.rsplit([' ', ';', '.']).find(|part| !part.is_empty())?.parse::<u64>().ok()
            })
            .sum()
    };
    let (passed, failed) = (count(" passed"), count(" failed"));
    let figure = format!("tests of {package}: {}", names.join(", "));
    Ok(match (succeeded, passed) {
        (true, 0) => line(fault, 0, "not covered", "no test by that name"),
        (true, _) if cases.is_some() => {
            let said = format!("cases {fault} ");
            let made = text
                .lines()
                .filter_map(|line| line.split(&said).nth(1)?.split_whitespace().next()?.parse::<u64>().ok());
            let made: u64 = made.sum();
            line(fault, made, if Some(made) == cases { "held" } else { "FAILED" }, figure)
        }
        (true, passed) => line(fault, passed, "held", figure),
        (false, _) => {
            text.lines().filter(|line| line.contains("panicked at")).for_each(|line| eprintln!("  {line}"));
            line(fault, passed + failed, "FAILED", figure)
        }
    })
}

fn output(command: &mut Command) -> Result<(bool, String), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Failure::Start { program, source })?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}
