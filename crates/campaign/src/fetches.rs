//! System calls of a fetch that kill or fail, by strace (F4): what is left of the recording, and whether it comes home.

use std::fs;
use std::path::Path;

use aftercall_sandbox::{Options, Sandbox};
use tokio::runtime::Runtime;

use crate::downloads::{files, is_original, synced};
use crate::faults::{Plan, Report, each, traced};
use crate::program::{Answer, Profile, finish};
use crate::{Failure, downloads};

pub(crate) const CALLS: [&str; 7] =
    ["pwrite64", "write", "fsync", "fdatasync", "rename,renameat,renameat2", "openat", "ftruncate"];
/// Recordings that are kept at a time: each is read whole after each fault.
const KEPT: u32 = 8;
/// How a run may end. The program's loader has words of its own, and ends with 127 before the program began.
const ENDS: [&str; 6] = ["killed", "ok", "disk_full", "internal", "invalid_input", "exit 127"];

/// Makes those of one call, each on a recording of its own.
pub(crate) fn run(plan: &Plan, call: &str, report: &mut Report) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(|source| Failure::Start { program: "the runtime".into(), source })?;
    let cases = 3 * u64::from(plan.of_each);
    let options = Options { calls: cases * 6 + 60, leads: 20, seed: plan.seed, prepare_polls: 0, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    let profile = synced(&downloads::Plan { cli: plan.cli.clone(), n: 0, seed: plan.seed, tell: plan.tell }, &sandbox)?;
    let recordings = sandbox.ready().recordings.clone();
    let (mut recordings, mut runs, mut waiting) = (recordings.iter(), 0, 0);
    let log = profile.path("calls.txt");
    each(plan, "fetch", &[call], |call, fault, n| {
        // Of its writes most wake its own threads: no disk makes those fail, and no program would live on.
        if call == "write" && fault != "signal=KILL" {
            return Ok(false);
        }
        let recording = recordings.next().ok_or_else(|| Failure::Setup("too few recordings".into()))?;
        let sid = recording.call_sid.as_str();
        let at = format!("fetch, {call} {n} {fault}");
        let _ = fs::remove_file(&log);
        let answer = finish(traced(&profile.command(&["fetch", sid]), call, fault, n, &log))?;
        let is_hit = is_hit(&log, &answer);
        note(report, call, fault, &answer, is_hit);
        judge(&profile, sid, &at, waiting, report)?;
        let home = profile.run(&["fetch", sid])?;
        // Three attempts in ten minutes may be used up: it goes on by itself then, and says so.
        let waits = home.json["recordings"][0]["state"] == "failed_retrying";
        if home.code == Some(0) {
            if !is_original(&profile, sid, &recording.sha256)? {
                report.verdict.lost.push(format!("{at}: what came home is not the original"));
            }
        } else if waits {
            waiting += 1;
        } else {
            report.verdict.lost.push(format!("{at}: it did not come home: {} {}", home.word(), home.json));
        }
        runs += 1;
        if runs % KEPT == 0 {
            profile.ask(&["storage", "--cap", "0", "--evict"])?;
            profile.ask(&["storage", "--cap", "none"])?;
        }
        Ok(is_hit)
    })?;
    runtime.block_on(sandbox.stop());
    Ok(())
}

/// A run that goes on after the fault ends well: strace says whether there was one.
fn is_hit(log: &Path, answer: &Answer) -> bool {
    answer.code != Some(0) || fs::read_to_string(log).is_ok_and(|calls| calls.contains("(INJECTED)"))
}

fn note(report: &mut Report, call: &str, fault: &str, answer: &Answer, is_hit: bool) {
    report.hit += u32::from(is_hit);
    report.missed += u32::from(!is_hit);
    let end = answer.end();
    *report.ends.entry(format!("fetch: {call} {fault} -> {end}")).or_default() += 1;
    if !ENDS.contains(&end.as_str()) || answer.stderr.contains("panicked") {
        report.verdict.other.push(format!("fetch: {call} {fault} ended with {end}: {}", answer.stderr));
    }
}

/// Whatever the rows call stored verifies whole, and the next start left nothing behind that nobody waits for.
/// `waiting` are those before whose jobs go on later: each may have a file, whole or not.
fn judge(profile: &Profile, sid: &str, at: &str, waiting: u64, report: &mut Report) -> Result<(), Failure> {
    let verified = profile.run(&["verify"])?;
    if verified.code != Some(0) {
        report.verdict.lost.push(format!("{at}: verify says {} {}", verified.word(), verified.json));
    }
    let is_here = profile.ask(&["call", sid])?["recording"]["state"] == "on_device";
    let (whole, parts) = (files(profile, "rec").len() as u64, files(profile, "part").len());
    let storage = profile.ask(&["storage"])?;
    // One more may lie there that is whole on the disk, and of which no row says so yet: its job goes on.
    let allowed = storage["on_device"].as_u64().unwrap_or(0) + u64::from(!is_here) + waiting;
    if whole > allowed || parts as u64 > u64::from(!is_here) + waiting {
        report.verdict.half_applied.push(format!("{at}: {whole} whole files for {allowed}, {parts} unfinished"));
    }
    Ok(())
}
