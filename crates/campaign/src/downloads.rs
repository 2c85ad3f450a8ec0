//! Recordings that are killed on their way (F2), and stored ones in which bits flip.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aftercall_sandbox::{Options, Sandbox};
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

use crate::program::{Ended, Profile, kill_after};
use crate::{Failure, Histogram};

/// Three attempts are made in ten minutes, and the last is to bring the recording home.
const KILLS_OF_A_RECORDING: u32 = 2;
/// Recordings that are kept at a time, so that a long campaign does not fill the disk.
const KEPT: u32 = 8;
/// More than is synced to the disk at a time, so that going on differs from beginning again.
const SOUND_BYTES: usize = 12 << 20;
/// What a kill may cost: what was not synced yet, and the last chunk, which is asked for again to compare.
const REFETCHED_MAX: u64 = (8 << 20) + (64 << 10);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `aftercall-cli`.
    pub cli: PathBuf,
    /// How many kills, or flips.
    pub n: u32,
    /// Decides moments and bits.
    pub seed: u64,
    /// Tells how far it is.
    pub tell: fn(&str),
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Runs that were killed.
    pub kills: u32,
    /// Runs that ended before their moment; they count for nothing.
    pub missed: u32,
    /// Bits that were flipped.
    pub flips: u32,
    /// Recordings that came home, byte for byte.
    pub arrived: u32,
    /// Bytes asked for again because of kills or flips.
    pub refetched_bytes: u64,
    /// Moment of each kill, as a share of the length of such a run.
    pub by_time: Histogram,
    /// What was wrong.
    pub wrong: Vec<String>,
    /// Recordings that cost more bytes again than a kill may.
    pub dear: Vec<String>,
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { below(&path, found) } else { found.push(path) }
    }
}

pub(crate) fn files(profile: &Profile, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    below(&profile.profile().join("recordings"), &mut found);
    found.retain(|path| path.extension().is_some_and(|is| is == extension));
    found.sort();
    found
}

/// Bytes of sound that were asked for, by call. A first range may reach beyond the end of a file.
fn asked_bytes(sandbox: &Sandbox, total: impl Fn(&str) -> u64) -> HashMap<String, u64> {
    let mut asked = HashMap::new();
    for request in sandbox.requests() {
        let Some(sid) = request.path.strip_prefix("/api/recordings/file/").filter(|_| request.method == "GET") else {
            continue;
        };
        let range = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let bytes = range.and_then(|(first, last)| {
            let (first, end) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?.saturating_add(1));
            Some(end.min(total(sid)).saturating_sub(first))
        });
        *asked.entry(sid.to_owned()).or_default() += bytes.unwrap_or(0);
    }
    asked
}

/// A telephone's quarter of an hour, of noise.
fn sound(path: &Path, rng: &mut StdRng) -> Result<(), Failure> {
    let mut bytes = vec![0; 44 + SOUND_BYTES];
    rng.fill_bytes(&mut bytes[44..]);
    let len = SOUND_BYTES as u32;
    bytes[..4].copy_from_slice(b"RIFF");
    bytes[4..8].copy_from_slice(&(36 + len).to_le_bytes());
    bytes[8..16].copy_from_slice(b"WAVEfmt ");
    for (at, word) in [(16, 16_u32), (20, 1 | 1 << 16), (24, 8_000), (28, 16_000), (32, 2 | 16 << 16)] {
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes[36..40].copy_from_slice(b"data");
    bytes[40..44].copy_from_slice(&len.to_le_bytes());
    fs::write(path, bytes).map_err(Failure::file(path))
}

fn runtime() -> Result<Runtime, Failure> {
    Runtime::new().map_err(|source| Failure::Start { program: "the runtime".into(), source })
}

pub(crate) fn synced(plan: &Plan, sandbox: &Sandbox) -> Result<Profile, Failure> {
    let profile = Profile::new(&plan.cli)?;
    profile.sign_in(sandbox.ready())?;
    profile.ask(&["sync"])?;
    Ok(profile)
}

/// What comes back is what the server has.
pub(crate) fn is_original(profile: &Profile, sid: &str, sha256: &str) -> Result<bool, Failure> {
    let out = profile.path("original");
    let exported = profile.run(&["export", sid, "--out", &out.to_string_lossy()])?;
    let bytes = fs::read(&out).unwrap_or_default();
    let _ = fs::remove_file(&out);
    Ok(exported.code == Some(0) && hex::encode(Sha256::digest(&bytes)) == sha256)
}

/// SIGKILL at random moments of a fetch.
///
/// # Errors
/// It could not be held; what the program did wrong is in the report.
pub fn kills(plan: &Plan) -> Result<Report, Failure> {
    let runtime = runtime()?;
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut report = Report::default();
    let folder = tempfile::Builder::new().prefix("aftercall-sound-").tempdir();
    let folder = folder.map_err(Failure::file(std::env::temp_dir()))?;
    for name in ["a.wav", "b.wav", "c.wav"] {
        sound(&folder.path().join(name), &mut rng)?;
    }
    let calls = u64::from(plan.n) * 3 + 60;
    let recordings = Some(folder.path().to_owned());
    let options = Options { calls, leads: 20, seed: plan.seed, prepare_polls: 0, recordings, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    let profile = synced(plan, &sandbox)?;
    let recordings = sandbox.ready().recordings.clone();
    let whole = |_: &str| (SOUND_BYTES + 44) as u64;
    let mut length: Option<(Duration, usize)> = None;
    // Round and round: what came home made room by then. A campaign that never gets its kills is broken.
    for (place, recording) in recordings.iter().cycle().take(plan.n as usize * 4 + 8).enumerate() {
        if report.kills >= plan.n {
            break;
        }
        let sid = &recording.call_sid;
        let asked_before = asked_bytes(&sandbox, whole).get(sid).copied().unwrap_or(0);
        let mut kills = 0;
        while let Some((time, requests)) = length.filter(|_| kills < KILLS_OF_A_RECORDING && report.kills < plan.n) {
            let before = sandbox.request_count();
            let share: f64 = rng.random_range(0.0..1.0);
            // Half by the clock, half when so many pieces came and a moment more.
            let (wanted, after) = if rng.random() {
                (0, time.mul_f64(share))
            } else {
                let one = time / u32::try_from(requests.max(1)).unwrap_or(1);
                (1 + (requests as f64 * share) as usize, one.mul_f64(rng.random_range(0.0..1.0)))
            };
            let is_due = || sandbox.request_count() >= before + wanted;
            match kill_after(profile.command(&["fetch", sid]), is_due, after)? {
                Ended::Killed(elapsed) => {
                    kills += 1;
                    report.kills += 1;
                    report.by_time.add(elapsed.as_secs_f64() / time.as_secs_f64());
                    judge_kill(&profile, sid, &mut report)?;
                }
                Ended::ByItself(_) => {
                    report.missed += 1;
                    break;
                }
            }
        }
        let answer = profile.run(&["fetch", sid])?;
        if length.is_none() {
            length = Some((answer.took, sandbox.requests().iter().filter(|one| one.path.ends_with(sid)).count()));
        }
        if answer.code == Some(0) && is_original(&profile, sid, &recording.sha256)? {
            report.arrived += 1;
        } else {
            report.wrong.push(format!("recording {place} did not come home: {} {}", answer.word(), answer.json));
        }
        let asked = asked_bytes(&sandbox, whole).get(sid).copied().unwrap_or(0);
        let again = (asked - asked_before).saturating_sub(whole(sid));
        report.refetched_bytes += again;
        if again > u64::from(kills) * REFETCHED_MAX {
            report.dear.push(format!("recording {place}: {again} bytes again for {kills} kills"));
        }
        let parts = files(&profile, "part").len();
        if parts > 0 {
            report.wrong.push(format!("{parts} unfinished files are left"));
        }
        if (place as u32 + 1).is_multiple_of(KEPT) {
            profile.ask(&["storage", "--cap", "0", "--evict"])?;
            profile.ask(&["storage", "--cap", "none"])?;
            (plan.tell)(&format!("{} of {} kills, {} wrong", report.kills, plan.n, report.wrong.len()));
        }
    }
    runtime.block_on(sandbox.stop());
    if report.kills < plan.n {
        return Err(Failure::Setup(format!("only {} of {} runs lasted until their kill", report.kills, plan.n)));
    }
    Ok(report)
}

/// Whatever the rows call stored verifies whole, and the next start leaves nothing behind that nobody waits for.
fn judge_kill(profile: &Profile, sid: &str, report: &mut Report) -> Result<(), Failure> {
    let at = report.kills;
    let verified = profile.run(&["verify"])?;
    if verified.code != Some(0) {
        report.wrong.push(format!("kill {at}: verify says {} {}", verified.word(), verified.json));
    }
    let state = profile.ask(&["call", sid])?["recording"]["state"].clone();
    let is_here = state == "on_device";
    let (whole, parts) = (files(profile, "rec").len() as u64, files(profile, "part").len());
    let storage = profile.ask(&["storage"])?;
    // One more may lie there that is whole on the disk, and of which no row says so yet: its job goes on.
    let allowed = storage["on_device"].as_u64().unwrap_or(0) + u64::from(!is_here);
    if whole > allowed || parts > 1 || (is_here && parts > 0) {
        report.wrong.push(format!("kill {at} ({state}): {whole} whole files for {allowed}, {parts} unfinished"));
    }
    Ok(())
}

/// Flips one bit in every stored file again and again: each is found, and mended by one new fetch.
///
/// # Errors
/// It could not be held; what the program did wrong is in the report.
pub fn flips(plan: &Plan) -> Result<Report, Failure> {
    const RECORDINGS: usize = 20;
    let runtime = runtime()?;
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut report = Report::default();
    let options = Options { calls: 200, leads: 20, seed: plan.seed, prepare_polls: 0, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    let profile = synced(plan, &sandbox)?;
    let chosen = sandbox.ready().recordings.to_vec();
    let mut fetch = vec!["fetch"];
    fetch.extend(chosen.iter().take(RECORDINGS).map(|one| one.call_sid.as_str()));
    let fetched = profile.ask(&fetch)?;
    let lengths: HashMap<String, u64> = fetched["recordings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["sid"].as_str()?.to_owned(), one["bytes"].as_u64()?)))
        .collect();
    let whole = |sid: &str| lengths.get(sid).copied().unwrap_or(0);
    let all_bytes: u64 = asked_bytes(&sandbox, whole).values().sum();
    while report.flips < plan.n {
        let paths: Vec<_> = files(&profile, "rec").into_iter().take((plan.n - report.flips) as usize).collect();
        let before: u64 = asked_bytes(&sandbox, whole).values().sum();
        for path in &paths {
            let mut bytes = fs::read(path).map_err(Failure::file(path))?;
            let bit = rng.random_range(0..bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(path, bytes).map_err(Failure::file(path))?;
        }
        report.flips += paths.len() as u32;
        let at = report.flips;
        let found = profile.run(&["verify"])?;
        if found.json["damaged"] != paths.len() || found.json["requeued"] != paths.len() {
            report.wrong.push(format!("flip {at}: {} of {} found: {}", found.json["damaged"], paths.len(), found.json));
        }
        profile.ask(&fetch)?;
        let again = asked_bytes(&sandbox, whole).values().sum::<u64>() - before;
        report.refetched_bytes += again;
        if again > all_bytes || (paths.len() == RECORDINGS && again != all_bytes) {
            report.wrong.push(format!("flip {at}: {again} bytes were fetched for {all_bytes}"));
        }
        if profile.run(&["verify"])?.code != Some(0) {
            report.wrong.push(format!("flip {at}: the new files do not verify"));
        }
        (plan.tell)(&format!("{at} of {} flips, {} wrong", plan.n, report.wrong.len()));
    }
    for one in chosen.iter().take(RECORDINGS) {
        if is_original(&profile, &one.call_sid, &one.sha256)? {
            report.arrived += 1;
        } else {
            report.wrong.push("a mended recording is not the original".to_owned());
        }
    }
    runtime.block_on(sandbox.stop());
    Ok(report)
}
