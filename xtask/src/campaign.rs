//! `cargo xtask campaign`: builds the real programs and lets `aftercall-campaign` break them.

use clap::Subcommand;

use crate::failure::Failure;
use crate::{paths, run, setup};

/// Which campaign, how long and by which seed.
#[derive(Subcommand)]
pub enum Campaign {
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

/// Holds it; fails when something did not hold.
pub fn campaign(which: &Campaign) -> Result<(), Failure> {
    let (name, n, seed) = match which {
        Campaign::Queue { seeds } => return queue(*seeds),
        Campaign::Kills { n, seed, .. } => ("kills", n, seed),
        Campaign::Flips { n, seed } => ("flips", n, seed),
        Campaign::Migrations { n, seed } => ("migrations", n, seed),
        Campaign::Faults { n, seed } => ("faults", n, seed),
    };
    if name == "faults" && !setup::on_path("strace") {
        let what = "This campaign makes system calls fail, with strace:".into();
        return Err(Failure::Install { what, command: "apt-get install -y --no-install-recommends strace".into() });
    }
    run::run(&mut run::cargo(&["build", "-p", "aftercall-campaign", "-p", "aftercall-cli"]))?;
    let mut command = std::process::Command::new(paths::built("aftercall-campaign")?);
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
        let mut command = run::cargo(&["test", "-q", "-p", package, "--lib", tests, "--", "--nocapture"]);
        run::run(command.env("AFTERCALL_SEEDS", seeds.to_string()))?;
    }
    Ok(())
}
