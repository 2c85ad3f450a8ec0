//! Runs a target on changed seeds until something breaks or it has had enough.

use std::time::{Duration, Instant};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use rustix::time::{ClockId, clock_gettime};

use crate::edit::{change, changed};
use crate::{ALLOCATED, Target};

/// What one case may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// CPU time of one case.
    pub cpu: Duration,
    /// Bytes allocated at its peak.
    pub allocated_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu: Duration::from_secs(2), allocated_bytes: 64 << 20 }
    }
}

/// How much to run.
const BATCH: u32 = 2_000;

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// Inputs judged.
    pub cases: u64,
    /// CPU time in the target.
    pub cpu: Duration,
    /// The slowest case.
    pub slowest: Duration,
    /// The largest peak of one case, bytes.
    pub largest_bytes: usize,
    /// What broke it, made as small as it would go.
    pub finding: Option<Finding>,
}

/// An input that breaks a rule.
#[derive(Debug)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// The panic's message, or which limit.
    pub why: String,
}

/// Judges the seeds as they are, then changed ones: at least `cases`, and until `time` has passed. The same seed makes
/// the same cases.
pub fn run(target: &Target, cases: u64, time: Duration, seed: u64, limits: Limits) -> Report {
    let seeds = (target.seeds)();
    let mut report = Report { cases: 0, cpu: Duration::ZERO, slowest: Duration::ZERO, largest_bytes: 0, finding: None };
    for seed in &seeds {
        let judged =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| judge(target, seed, limits, &mut report)));
        let why = match judged {
            Ok(Ok(())) => continue,
            Ok(Err(why)) => why,
            Err(panic) => said(&*panic),
        };
        report.finding = Some(Finding { input: seed.clone(), why });
        return report;
    }
    let start = Instant::now();
    let mut batch = 0_u64;
    while report.cases < cases || start.elapsed() < time {
        let left = u32::try_from(cases.saturating_sub(report.cases)).unwrap_or(BATCH);
        let count = if time.is_zero() { left.clamp(1, BATCH) } else { BATCH };
        let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &key(seed, batch)));
        let so_far = std::cell::RefCell::new(&mut report);
        let ran = runner.run(&change(), |change| {
            let input = changed(&seeds, &change, target.bytes_max);
            judge(target, &input, limits, *so_far.borrow_mut()).map_err(TestCaseError::fail)
        });
        match ran {
            Ok(()) => {}
            Err(TestError::Fail(why, change)) => {
                let input = changed(&seeds, &change, target.bytes_max);
                report.finding = Some(Finding { input, why: why.message().to_owned() });
                return report;
            }
            Err(TestError::Abort(why)) => {
                report.finding = Some(Finding { input: Vec::new(), why: why.message().to_owned() });
                return report;
            }
        }
        batch += 1;
    }
    report
}

/// The first inputs that a seed makes of good ones, for those who judge them elsewhere.
pub fn changed_inputs(seeds: &[Vec<u8>], seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &key(seed, 0)));
    let changes = (0..count).filter_map(|_| change().new_tree(&mut runner).ok());
    changes.map(|tree| changed(seeds, &tree.current(), usize::MAX)).collect()
}

fn key(seed: u64, batch: u64) -> [u8; 32] {
    std::array::from_fn(|at| (seed ^ batch.rotate_left(32)).to_le_bytes()[at % 8] ^ at as u8)
}

/// Judges one input; what it costs goes into the report.
fn judge(target: &Target, input: &[u8], limits: Limits, report: &mut Report) -> Result<(), String> {
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let start = thread_cpu();
    (target.judge)(input);
    let cpu = thread_cpu().saturating_sub(start);
    let peak = ALLOCATED.peak_usage().saturating_sub(before);
    report.cases += 1;
    report.cpu += cpu;
    report.slowest = report.slowest.max(cpu);
    report.largest_bytes = report.largest_bytes.max(peak);
    if cpu > limits.cpu {
        return Err(format!("{} ms", cpu.as_millis()));
    }
    if peak > limits.allocated_bytes {
        return Err(format!("{peak} bytes allocated"));
    }
    Ok(())
}

/// CPU time of this thread: what other programs do meanwhile is not counted.
fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
