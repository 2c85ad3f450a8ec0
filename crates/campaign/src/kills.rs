//! SIGKILL at random moments of a sync while the server moves (F1).

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use aftercall_domain::clock::{Clock as _, SystemClock};
use aftercall_engine::store::table::listening::{self, Listening};
use aftercall_sandbox::{Options, Sandbox};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use tokio::runtime::Runtime;

pub use crate::judge::Verdict;
use crate::judge::{Known, Library, Truth, open};
use crate::program::{Ended, Profile, finish, kill_after};
use crate::{Failure, Histogram};

/// Kills of one library before it is synced undisturbed, judged and begun anew.
const KILLS_OF_A_LIBRARY: u32 = 10;
/// Calls that a person has listened to, in part.
const MARKED: usize = 12;
/// A chapter that never gets its kills is broken.
const RUNS_PER_KILL: u32 = 12;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `aftercall-cli`.
    pub cli: PathBuf,
    /// This crate's own program, whose `window` command is the window's loop without a window; every fourth kill is its.
    pub window: Option<PathBuf>,
    /// How many kills.
    pub kills: u32,
    /// Decides moments, moves and people.
    pub seed: u64,
    /// Calls at the server when a library is begun.
    pub calls: u64,
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
    /// Libraries that were begun.
    pub libraries: u32,
    /// Rows compared with the server's states, all judgements together.
    pub rows_judged: u64,
    /// Steps that the server moved.
    pub steps: u64,
    /// Moment of each kill, as a share of the length of such a run.
    pub by_time: Histogram,
    /// Requests answered before each kill, as a share of those of such a run.
    pub by_requests: Histogram,
    /// What was wrong.
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    First,
    Usual,
    Full,
    Window,
}

impl Kind {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Full => &["sync", "--full"],
            _ => &["sync"],
        }
    }
}

/// Length and requests of a run that nobody kills.
#[derive(Debug, Clone, Copy)]
struct Length {
    time: Duration,
    requests: usize,
}

/// Holds the campaign.
///
/// # Errors
/// It could not be held; what the program did wrong is in the report.
pub fn run(plan: &Plan) -> Result<Report, Failure> {
    let runtime = Runtime::new().map_err(|source| Failure::Start { program: "the runtime".into(), source })?;
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut report = Report::default();
    let mut lengths = HashMap::new();
    while report.kills < plan.kills {
        let kills = (plan.kills - report.kills).min(KILLS_OF_A_LIBRARY);
        let mut chapter = Chapter::begin(plan, &runtime, plan.seed.wrapping_add(u64::from(report.libraries)))?;
        report.libraries += 1;
        if lengths.is_empty() {
            lengths = chapter.measure(plan)?;
            chapter = Chapter::begin(plan, &runtime, plan.seed)?;
        }
        chapter.kill(plan, kills, &mut rng, &mut lengths, &mut report)?;
        chapter.end(&mut report)?;
        let sandbox = chapter.sandbox;
        runtime.block_on(sandbox.stop());
        (plan.tell)(&format!(
            "{} of {} kills, {} missed, {} rows judged; lost {}, duplicated {}, half-applied {}, other {}",
            report.kills,
            plan.kills,
            report.missed,
            report.rows_judged,
            report.verdict.lost.len(),
            report.verdict.duplicated.len(),
            report.verdict.half_applied.len(),
            report.verdict.other.len(),
        ));
    }
    Ok(report)
}

/// One library, from its first sync to its last judgement.
struct Chapter {
    sandbox: Sandbox,
    profile: Profile,
    first: Vec<String>,
    known: Known,
    marked: Vec<String>,
    fetched: Option<String>,
}

impl Chapter {
    fn begin(plan: &Plan, runtime: &Runtime, seed: u64) -> Result<Self, Failure> {
        let options =
            Options { calls: plan.calls, leads: plan.calls / 60 + 5, seed, prepare_polls: 0, ..Options::default() };
        let sandbox = runtime.block_on(Sandbox::start(options))?;
        let profile = Profile::new(&plan.cli)?;
        profile.sign_in(sandbox.ready())?;
        let first = Truth::sids(&sandbox);
        let marked: Vec<String> = first.iter().step_by(7).take(MARKED).cloned().collect();
        mark(&profile, &marked)?;
        sandbox.move_each_request(1);
        Ok(Self { sandbox, profile, first, known: Known::default(), marked, fetched: None })
    }

    /// How long each kind of run takes when nobody kills it.
    fn measure(&self, plan: &Plan) -> Result<HashMap<Kind, Length>, Failure> {
        let mut lengths = HashMap::new();
        for kind in [Kind::First, Kind::Usual, Kind::Full] {
            self.sandbox.move_on(20);
            let before = self.sandbox.request_count();
            let answer = self.profile.run(kind.arguments())?;
            if answer.code != Some(0) {
                return Err(Failure::Setup(format!("a sync that nobody disturbs failed: {answer:?}")));
            }
            let requests = self.sandbox.request_count() - before;
            (plan.tell)(&format!("{kind:?} sync: {} ms, {requests} requests", answer.took.as_millis()));
            lengths.insert(kind, Length { time: answer.took, requests });
        }
        let usual = lengths[&Kind::Usual];
        // The window goes on for ever: two of its syncs are as good as any.
        lengths.insert(Kind::Window, Length { time: usual.time * 2, requests: usual.requests * 2 });
        Ok(lengths)
    }

    fn kill(
        &mut self,
        plan: &Plan,
        kills: u32,
        rng: &mut StdRng,
        lengths: &mut HashMap<Kind, Length>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut is_complete = false;
        let mut killed = 0;
        for run in 0..kills * RUNS_PER_KILL {
            if killed == kills {
                return Ok(());
            }
            self.sandbox.move_on(rng.random_range(0..40));
            let kind = match (is_complete, run % 4) {
                (_, 3) if plan.window.is_some() => Kind::Window,
                (false, _) => Kind::First,
                (true, 1) => Kind::Full,
                (true, _) => Kind::Usual,
            };
            // A library that has begun goes on where it was: the rest of the first sync is shorter than the whole.
            let length = lengths.get(&kind).copied().unwrap_or(Length { time: Duration::from_secs(1), requests: 20 });
            let share: f64 = rng.random_range(0.0..1.0);
            let command = match &plan.window {
                Some(program) if kind == Kind::Window => {
                    let mut command = self.profile.command_of(program, &["window"]);
                    command.env("AFTERCALL_LOG", "off");
                    command
                }
                _ => self.profile.command(kind.arguments()),
            };
            let before = self.sandbox.request_count();
            // A third by the clock, from the program's start on; the others when so many requests came and a moment
            // more, so that every part of a sync has its kills however the machine's speed changes.
            let wanted = if run % 3 == 0 { 0 } else { 1 + (length.requests as f64 * share) as usize };
            let after = match wanted {
                0 => length.time.mul_f64(share),
                _ => (length.time / u32::try_from(length.requests.max(1)).unwrap_or(1))
                    .mul_f64(rng.random_range(0.0..2.0)),
            };
            let is_due = || self.sandbox.request_count() >= before + wanted;
            match kill_after(command, is_due, after)? {
                Ended::Killed(elapsed) => {
                    killed += 1;
                    report.kills += 1;
                    report.by_time.add(elapsed.as_secs_f64() / length.time.as_secs_f64());
                    let asked = self.sandbox.request_count() - before;
                    report.by_requests.add(asked as f64 / length.requests.max(1) as f64);
                    let at = format!("kill {} ({kind:?} at {:.0} %)", report.kills, share * 100.0);
                    is_complete |= self.judge(&at, report)?;
                }
                Ended::ByItself(answer) => {
                    report.missed += 1;
                    if answer.code != Some(0) {
                        report.verdict.other.push(format!(
                            "a {kind:?} run failed: {} {}",
                            answer.word(),
                            answer.stderr
                        ));
                    }
                    // The machine is faster than it was: the next moments are to lie within the run again.
                    if let Some(known) = lengths.get_mut(&kind).filter(|known| known.time > answer.took) {
                        known.time = answer.took;
                    }
                    is_complete |= self.judge("a run that ended", report)?;
                }
            }
            if is_complete && self.fetched.is_none() {
                self.fetched = Some(self.fetch_and_delete()?);
            }
        }
        Err(Failure::Setup(format!("only {killed} of {kills} runs lasted until their kill")))
    }

    /// Judges the library as it is; whether its first sync has been completed.
    fn judge(&mut self, at: &str, report: &mut Report) -> Result<bool, Failure> {
        let truth = Truth::of(&self.sandbox, self.first.clone());
        let mut verdict = Verdict::default();
        let library = self.profile.library();
        let mut is_complete = false;
        if library.exists() {
            let checked = self.profile.run(&["db", "check", &library.to_string_lossy()])?;
            if checked.code != Some(0) {
                verdict.other.push(format!("db check: {}", checked.word()));
            }
        }
        match Library::read(&self.profile, &truth) {
            Ok(None) => {}
            Ok(Some(library)) => {
                report.rows_judged += library.rows() as u64;
                is_complete = library.is_complete();
                verdict.extend("rows", truth.judge(&library, &mut self.known));
                self.judge_search(&library, &mut verdict)?;
            }
            // A library that cannot be read is what this campaign is there to find.
            Err(failure) => verdict.other.push(failure.to_string()),
        }
        report.verdict.extend(at, verdict);
        Ok(is_complete)
    }

    /// The index goes with the row: a call is found by the words that it has now.
    fn judge_search(&self, library: &Library, verdict: &mut Verdict) -> Result<(), Failure> {
        let Some((sid, word)) = library.marked().into_iter().next() else { return Ok(()) };
        let found = self.profile.ask(&["calls", "--search", &word])?;
        let sids: Vec<&str> =
            found["calls"].as_array().into_iter().flatten().filter_map(|call| call["sid"].as_str()).collect();
        if sids != [sid] {
            verdict.half_applied.push(format!("call {sid} is not what a search for {word} finds: {sids:?}"));
        }
        Ok(())
    }

    /// Something that only this device has: one recording, whose call is then deleted at the server, and two marked
    /// calls that go too.
    fn fetch_and_delete(&self) -> Result<String, Failure> {
        // The person's own command may run into a moving server's 404; another recording will do.
        let listed = self.profile.ask(&["calls", "--has-recording", "--limit", "40"])?;
        let sids = listed["calls"].as_array().into_iter().flatten().filter_map(|call| call["sid"].as_str());
        for sid in sids.filter(|sid| self.first.iter().any(|first| first == sid)).take(12) {
            let answer = finish(self.profile.command(&["fetch", sid]))?;
            if answer.code == Some(0) {
                self.sandbox.remove_call(sid);
                for marked in self.marked.iter().take(2) {
                    self.sandbox.remove_call(marked);
                }
                return Ok(sid.to_owned());
            }
        }
        Err(Failure::Setup("no recording could be fetched".into()))
    }

    /// The server stands still, and three syncs later the library is what it has.
    fn end(&mut self, report: &mut Report) -> Result<(), Failure> {
        self.sandbox.move_each_request(0);
        report.steps += self.sandbox.move_on(0);
        for (round, arguments) in [&["sync", "--full"][..], &["sync", "--full"], &["sync"]].into_iter().enumerate() {
            self.profile.ask(arguments)?;
            let at = format!("library {}, undisturbed sync {}", report.libraries, round + 1);
            self.judge(&at, report)?;
            let truth = Truth::of(&self.sandbox, self.first.clone());
            if let Some(library) = Library::read(&self.profile, &truth)? {
                report.verdict.extend(&at, truth.judge_equal(&library, round > 0));
            }
        }
        let again = self.profile.ask(&["sync", "--full"])?;
        for feed in ["calls", "leads", "appointments", "calendars"] {
            for count in ["added", "changed", "removed", "rejected"] {
                if again[feed][count] != 0 {
                    report
                        .verdict
                        .other
                        .push(format!("a sync with nothing new: {feed} {count} {}", again[feed][count]));
                }
            }
        }
        self.judge_local(report)
    }

    /// What only this device knows is as it was made.
    fn judge_local(&self, report: &mut Report) -> Result<(), Failure> {
        for (place, sid) in self.marked.iter().enumerate() {
            let call = self.profile.run(&["call", sid])?;
            // A call that was deleted before it was ever read is not here.
            let is_kept = call.json["position_ms"] == position_ms(place) && call.json["heard"] == true;
            if call.word() != "not_found" && !is_kept {
                report.verdict.lost.push(format!("library {}: the marks of call {sid}", report.libraries));
            }
        }
        if let Some(sid) = &self.fetched {
            let call = self.profile.ask(&["call", sid])?;
            let is_kept = call["removed_upstream"] == true && call["recordings"][0]["state"] == "on_device";
            let out = self.profile.path("original");
            let exported = self.profile.run(&["export", sid, "--out", &out.to_string_lossy()])?;
            if !is_kept || exported.code != Some(0) {
                report.verdict.lost.push(format!("library {}: the recording of call {sid}", report.libraries));
            }
        }
        Ok(())
    }
}

fn position_ms(place: usize) -> Value {
    Value::from(1_000 + place * 17)
}

/// How far a person listened: kept on this device only.
fn mark(profile: &Profile, sids: &[String]) -> Result<(), Failure> {
    let store = open(profile, true)?;
    let now_ms = SystemClock::new().now_ms();
    for (place, sid) in sids.iter().enumerate() {
        let Ok(sid) = sid.parse() else { continue };
        let position_ms = position_ms(place).as_i64().unwrap_or(0);
        let marked = store.write_blocking(move |tx, _| {
            let heard = Listening { position_ms, heard: true, speed: Some(1.5), ..Listening::default() };
            listening::set(tx, &sid, &heard, now_ms)
        });
        marked.map_err(|error| Failure::Setup(format!("a mark could not be made: {error}")))?;
    }
    Ok(())
}
