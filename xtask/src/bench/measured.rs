//! A program run to its end, with what it cost.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::failure::Failure;
use crate::paths;

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a run cost, and what it said.
#[derive(Debug, Clone)]
pub struct Measured {
    /// User and system time of the process and its threads, seconds.
    pub cpu_s: f64,
    /// Largest proportional set size seen, KiB.
    pub peak_pss_kib: u64,
    said: String,
}

impl Measured {
    /// Its one JSON object.
    pub fn json(&self, from: &str) -> Result<Value, Failure> {
        serde_json::from_str(self.said.trim()).map_err(|e| Failure::answer(from, format!("{e}: {}", self.said)))
    }
}

/// Runs a program to its end, and looks at its memory on the way.
pub async fn measure(command: Command) -> Result<Measured, Failure> {
    run(command, Some(LOOK_EVERY)).await
}

/// Runs a program to its end and leaves it alone: a look at its memory stops it for a moment, the longer the more it has.
/// What it says of its memory is nothing.
pub async fn time(command: Command) -> Result<Measured, Failure> {
    run(command, None).await
}

async fn run(mut command: Command, look_every: Option<Duration>) -> Result<Measured, Failure> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let before = children_cpu_s()?;
    let start = |source| Failure::Start { program: name.clone(), source };
    let mut child = command
        .current_dir(paths::root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let id = child.id().unwrap_or_default();
    let mut output = child.stdout.take();
    let reading = async {
        let mut said = String::new();
        if let Some(output) = &mut output {
            output.read_to_string(&mut said).await?;
        }
        Ok::<_, std::io::Error>((child.wait().await?, said))
    };
    tokio::pin!(reading);
    let mut peak_pss_kib = 0;
    let (status, said) = loop {
        tokio::select! {
            done = &mut reading => break done.map_err(start)?,
            () = tokio::time::sleep(look_every.unwrap_or(Duration::MAX)) => peak_pss_kib = peak_pss_kib.max(pss_kib(id)),
        }
    };
    if !status.success() {
        return Err(Failure::answer(&name, format!("{status}: {said}")));
    }
    Ok(Measured { cpu_s: children_cpu_s()? - before, peak_pss_kib, said })
}

/// CPU time of all children that ended and were waited for: what the kernel adds to ours.
fn children_cpu_s() -> Result<f64, Failure> {
    let path = std::path::Path::new("/proc/self/stat");
    let stat = std::fs::read_to_string(path).map_err(|e| Failure::file(path, e))?;
    // The name, in brackets, may hold spaces. After it, cutime and cstime are the 14th and 15th word.
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
    let sum = ticks(13).zip(ticks(14)).map(|(user, system)| user + system);
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    sum.map(|ticks| ticks / per_second).ok_or_else(|| Failure::answer("/proc/self/stat", "no times of children"))
}

/// CPU time of a running process and its threads, so far.
pub fn cpu_s_of(id: u32) -> Result<f64, Failure> {
    let path = std::path::PathBuf::from(format!("/proc/{id}/stat"));
    let stat = std::fs::read_to_string(&path).map_err(|e| Failure::file(&path, e))?;
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
    let sum = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    sum.map(|ticks| ticks / per_second).ok_or_else(|| Failure::answer("/proc", "no times of a process"))
}

/// Proportional set size of a process now, KiB; 0 where it is gone.
pub fn pss_kib(id: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Pss:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_is_told_with_its_time_and_memory() {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo '{\"done\": true}'"]);
        let measured = measure(command).await.expect("a shell");
        assert!(measured.cpu_s > 0.02 && measured.peak_pss_kib > 50, "{measured:?}");
        assert_eq!(measured.json("sh").expect("json")["done"], true);
        let mut fails = Command::new("sh");
        fails.args(["-c", "exit 3"]);
        assert!(measure(fails).await.is_err());
    }
}
