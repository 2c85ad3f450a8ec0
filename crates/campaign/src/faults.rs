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
    // Each has a profile and a server of its own, and waits for its disk and for its next tries.
    std::thread::scope(|scope| {
        let begin = |part: Part| {
            let run = move || {
                let mut report = Report::default();
                part(plan, &mut report).map(|()| report)
            };
            scope.spawn(run)
        };
        let mut running = vec![begin(Box::new(upgrades)), begin(Box::new(syncs))];
        running.extend(
            fetches::CALLS
                .map(|call| begin(Box::new(move |plan: &Plan, report: &mut Report| fetches::run(plan, call, report)))),
        );
        let mut all = Report::default();
        for part in running {
            let stopped = |_| Err(Failure::Setup("a part of the campaign stopped unexpectedly".into()));
            all.take(part.join().unwrap_or_else(stopped)?);
        }
        Ok(all)
    })
}

type Part = Box<dyn FnOnce(&Plan, &mut Report) -> Result<(), Failure> + Send>;

impl Report {
    fn take(&mut self, other: Self) {
        self.hit += other.hit;
        self.missed += other.missed;
        for (end, count) in other.ends {
            *self.ends.entry(end).or_default() += count;
        }
        self.verdict.lost.extend(other.verdict.lost);
        self.verdict.duplicated.extend(other.verdict.duplicated);
        self.verdict.half_applied.extend(other.verdict.half_applied);
        self.verdict.other.extend(other.verdict.other);
    }
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
    what: &str,
    calls: &[&str],
    mut run: impl FnMut(&str, &str, u32) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    for call in calls {
        for fault in FAULTS {
            let mut n = 1;
            while n <= plan.of_each && run(call, fault, n)? {
                n += 1;
            }
            (plan.tell)(&format!("{what}: {call} {fault}: {} hit", n - 1));
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
    each(plan, "upgrade", &CALLS, |call, fault, n| {
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

/// A server whose business goes on, and a library that follows it. Not for long: what it once was is looked through after
/// each fault, and a business of hundreds of faults would be larger with each.
struct Following {
    sandbox: Sandbox,
    first: Vec<String>,
    profile: Profile,
    known: Known,
}

/// Faults of one library: of its first sync, which writes more, and of the next ones.
const FAULTS_OF_ONE: u64 = 10;

impl Following {
    fn begin(runtime: &Runtime, plan: &Plan, seed: u64) -> Result<Self, Failure> {
        let options = Options { calls: 300, leads: 40, seed, ..Options::default() };
        let sandbox = runtime.block_on(Sandbox::start(options))?;
        let first = Truth::sids(&sandbox);
        sandbox.move_each_request(1);
        let profile = Profile::new(&plan.cli)?;
        profile.sign_in(sandbox.ready())?;
        Ok(Self { sandbox, first, profile, known: Known::default() })
    }

    /// Undisturbed it comes to what the server has.
    fn end(self, runtime: &Runtime, report: &mut Report) -> Result<(), Failure> {
        self.sandbox.move_each_request(0);
        for _ in 0..2 {
            self.profile.ask(&["sync", "--full"])?;
        }
        let truth = Truth::of(&self.sandbox, self.first);
        if let Some(library) = Library::read(&self.profile, &truth)? {
            report.verdict.extend("the end", truth.judge_equal(&library, true));
        }
        runtime.block_on(self.sandbox.stop());
        Ok(())
    }
}

fn syncs(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(|source| Failure::Start { program: "the runtime".into(), source })?;
    let (mut now, mut runs): (Option<Following>, u64) = (None, 0);
    each(plan, "sync", &CALLS, |call, fault, n| {
        if runs.is_multiple_of(FAULTS_OF_ONE) {
            let former = now.replace(Following::begin(&runtime, plan, plan.seed + runs)?);
            former.map(|former| former.end(&runtime, report)).transpose()?;
        }
        runs += 1;
        let Some(Following { sandbox, first, profile, known }) = &mut now else { return Ok(false) };
        sandbox.move_on(60);
        let answer = finish(traced(&profile.command(&["sync", "--full"]), call, fault, n, Path::new("/dev/null")))?;
        let is_hit = note(report, "sync", call, fault, &answer);
        let truth = Truth::of(sandbox, first.clone());
        let at = format!("sync, {call} {n} {fault}");
        match Library::read(profile, &truth) {
            Ok(Some(library)) => report.verdict.extend(&at, truth.judge(&library, known)),
            Ok(None) => {}
            Err(failure) => report.verdict.other.push(format!("{at}: {failure}")),
        }
        Ok(is_hit)
    })?;
    now.map_or(Ok(()), |last| last.end(&runtime, report))
}
