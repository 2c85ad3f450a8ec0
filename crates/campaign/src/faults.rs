//! System calls that kill or fail, by strace (F4): the n-th write or sync of a sync, of an upgrade and of a fetch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use aftercall_sandbox::{Options, Sandbox};
use tokio::runtime::Runtime;

use crate::judge::{Known, Library, Truth, Verdict};
use crate::program::{Profile, finish};
use crate::{Failure, fetches, migrations, old};

const CALLS: [&str; 5] = ["pwrite64", "fdatasync", "fsync", "rename", "ftruncate"];
const FAULTS: [&str; 3] = ["signal=KILL", "error=EIO", "error=ENOSPC"];
const ROWS: u32 = 1_000;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `aftercall-cli`.
    pub cli: PathBuf,
    /// Up to which n-th of each system call.
    pub of_each: u32,
    /// People and moves.
    pub seed: u64,
    /// Tells how far it is.
    pub tell: fn(&str),
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Runs in which the fault hit.
    pub hit: u32,
    /// Runs that made fewer such calls.
    pub missed: u32,
    /// How runs ended, counted.
    pub ends: BTreeMap<String, u32>,
    /// What was wrong.
    pub verdict: Verdict,
}

/// Whether strace is here and may trace.
pub fn can_trace() -> bool {
    Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success())
}

/// The same command, with every such call of it and of what it starts written into `log`, paths included.
pub(crate) fn recorded(command: &Command, calls: &str, log: &Path) -> Command {
    let log = log.to_string_lossy();
    under_strace(command, &["-f", "-y", "-qq", "-s", "4096", "-e", &format!("trace={calls}"), "-o", &log])
}

fn under_strace(command: &Command, options: &[&str]) -> Command {
    let mut traced = Command::new("strace");
    traced.args(options).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(key, value),
            None => traced.env_remove(key),
        };
    }
    traced
}

/// Holds the campaign.
///
/// # Errors
/// strace is missing (Debian: `apt-get install strace`), or it could not be held otherwise.
pub fn run(plan: &Plan) -> Result<Report, Failure> {
    if !can_trace() {
        return Err(Failure::Setup("strace is missing or may not trace: apt-get install strace".into()));
    }
    let mut report = Report::default();
    upgrades(plan, &mut report)?;
    syncs(plan, &mut report)?;
    fetches::run(plan, &mut report)?;
    Ok(report)
}

/// The n-th of one system call is made to fail; no `when` makes all from there on fail, as a full disk does.
pub(crate) fn traced(command: &Command, call: &str, fault: &str, n: u32, log: &Path) -> Command {
    let when = if fault == "error=ENOSPC" { format!("{n}+") } else { n.to_string() };
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{fault}:when={when}"));
    let log = log.to_string_lossy();
    under_strace(command, &["-f", "-qq", "-o", &log, "-e", &trace, "-e", &inject])
}

/// Goes through the n-th calls until nothing is hit any more.
pub(crate) fn each(
    plan: &Plan,
    calls: &[&str],
    mut run: impl FnMut(&str, &str, u32) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    for call in calls {
        for fault in FAULTS {
            let mut n = 1;
            while n <= plan.of_each && run(call, fault, n)? {
                n += 1;
            }
            (plan.tell)(&format!("{call} {fault}: {} hit", n - 1));
        }
    }
    Ok(())
}

fn note(report: &mut Report, what: &str, call: &str, fault: &str, answer: &crate::program::Answer) -> bool {
    let is_hit = answer.code != Some(0);
    report.hit += u32::from(is_hit);
    report.missed += u32::from(!is_hit);
    let end = answer.end();
    *report.ends.entry(format!("{what}: {call} {fault} -> {end}")).or_default() += 1;
    let named = ["killed", "ok", "disk_full", "internal", "invalid_input", "store_damaged"].contains(&end.as_str());
    if !named || answer.stderr.contains("panicked") {
        report.verdict.other.push(format!("{what}: {call} {fault} ended with {end}: {}", answer.stderr));
    }
    // SQLite does not say why a sync or a cut failed; a write that finds no room it does.
    if call == "pwrite64" && fault == "error=ENOSPC" && end == "internal" {
        report.verdict.other.push(format!("{what}: {call} {fault} is not called a full disk"));
    }
    is_hit
}

fn upgrades(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let profile = migrations::profile(&plan.cli)?;
    let template = profile.path("template.db");
    old::make(&template, None, 1, ROWS, false)?;
    let print = old::print(&old::connect(&template, None)?, None)?;
    let file = profile.path("trial.db");
    each(plan, &CALLS, |call, fault, n| {
        old::copy_with_companions(&template, &file)?;
        let command = profile.command(&["db", "upgrade", &file.to_string_lossy()]);
        let answer = finish(traced(&command, call, fault, n, Path::new("/dev/null")))?;
        let is_hit = note(report, "upgrade", call, fault, &answer);
        let at = format!("upgrade, {call} {n} {fault}");
        // Undisturbed it goes through, with every value.
        let again = profile.run(&["db", "upgrade", &file.to_string_lossy()])?;
        if again.code != Some(0) {
            report.verdict.lost.push(format!("{at}: the next upgrade ended with {}", again.word()));
        } else if old::print(&old::connect(&file, None)?, Some(&print))? != print {
            report.verdict.lost.push(format!("{at}: the rows are not what they were"));
        }
        Ok(is_hit)
    })
}

fn syncs(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(|source| Failure::Start { program: "the runtime".into(), source })?;
    let options = Options { calls: 300, leads: 40, seed: plan.seed, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    let first = Truth::sids(&sandbox);
    sandbox.move_each_request(1);
    let mut one = (Profile::new(&plan.cli)?, Known::default());
    one.0.sign_in(sandbox.ready())?;
    let mut runs = 0;
    each(plan, &CALLS, |call, fault, n| {
        // A library now and then begun anew: a first sync writes more.
        runs += 1;
        if runs % 10 == 0 {
            one = (Profile::new(&plan.cli)?, Known::default());
            one.0.sign_in(sandbox.ready())?;
        }
        sandbox.move_on(60);
        let (profile, known) = &mut one;
        let answer = finish(traced(&profile.command(&["sync", "--full"]), call, fault, n, Path::new("/dev/null")))?;
        let is_hit = note(report, "sync", call, fault, &answer);
        let truth = Truth::of(&sandbox, first.clone());
        let at = format!("sync, {call} {n} {fault}");
        match Library::read(profile, &truth) {
            Ok(Some(library)) => report.verdict.extend(&at, truth.judge(&library, known)),
            Ok(None) => {}
            Err(failure) => report.verdict.other.push(format!("{at}: {failure}")),
        }
        Ok(is_hit)
    })?;
    sandbox.move_each_request(0);
    let (profile, _) = &one;
    for _ in 0..2 {
        profile.ask(&["sync", "--full"])?;
    }
    let truth = Truth::of(&sandbox, first.clone());
    if let Some(library) = Library::read(profile, &truth)? {
        report.verdict.extend("the end", truth.judge_equal(&library, true));
    }
    runtime.block_on(sandbox.stop());
    Ok(())
}
