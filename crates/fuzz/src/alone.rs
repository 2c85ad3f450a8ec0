//! One recording in a process of its own: what comes of it, how long that takes, and how far the process's memory grows.

use std::fmt;
use std::io::Cursor;
use std::time::{Duration, Instant};

use aftercall_player::analyse;
use rustix::time::{ClockId, clock_gettime};

/// What hearing one recording cost this process.
#[derive(Debug)]
pub struct Heard {
    /// Sound, or why not.
    pub outcome: String,
    /// CPU time of all its threads: what other programs do meanwhile is not counted.
    pub cpu: Duration,
    /// From the first byte to the outcome.
    pub took: Duration,
    /// How far what it holds of the memory grew at its peak; 0 where the system does not tell.
    pub grew_bytes: u64,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_millis();
        write!(f, "{}\t{}\t{}\t{}", ms(self.cpu), ms(self.took), self.grew_bytes, self.outcome)
    }
}

/// Hears a recording from beginning to end, as the app does when one has arrived.
pub fn hear(bytes: Vec<u8>) -> Heard {
    let before = memory_bytes("VmRSS");
    let (began, cpu) = (Instant::now(), process_cpu());
    let outcome = match analyse(Box::new(Cursor::new(bytes))) {
        Ok(heard) => format!("sound: {} ms, {} packets damaged", heard.facts.duration_ms, heard.damaged_packets),
        Err(error) => format!("error: {}", error.code().as_str()),
    };
    Heard {
        outcome,
        cpu: process_cpu().saturating_sub(cpu),
        took: began.elapsed(),
        grew_bytes: memory_bytes("VmHWM").saturating_sub(before),
    }
}

fn memory_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|rest| rest.split_whitespace().nth(1)).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn process_cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
