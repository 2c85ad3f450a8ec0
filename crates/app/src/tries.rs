//! Wrong passphrases cost time, and more of it each time: also across starts.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::profile::{TRIES_FILE, private};

const FIRST_WAIT_MS: u64 = 1_000;
const LONGEST_WAIT_MS: u64 = 30_000;

#[derive(Default, Serialize, Deserialize)]
struct Tries {
    failures: u32,
    last_at_ms: i64,
}

fn path(profile: &Path) -> PathBuf {
    profile.join(TRIES_FILE)
}

fn read(profile: &Path) -> Tries {
    // Whoever can change this file can also guess on a copy: it slows a person down, no more.
    let about = fs::metadata(path(profile)).is_ok_and(|about| about.is_file() && about.len() < 1024);
    let text = about.then(|| fs::read(path(profile)).ok()).flatten();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// 1, 2, 4, 8, 16 and then 30 seconds.
fn wait_after(failures: u32) -> u64 {
    match failures {
        0 => 0,
        _ => (FIRST_WAIT_MS << (failures - 1).min(16)).min(LONGEST_WAIT_MS),
    }
}

/// How long to wait before another is tried.
pub(crate) fn wait_ms(profile: &Path, now_ms: i64) -> u64 {
    let tries = read(profile);
    let wait_ms = wait_after(tries.failures);
    match u64::try_from(now_ms.saturating_sub(tries.last_at_ms)) {
        Ok(passed_ms) => wait_ms.saturating_sub(passed_ms),
        // The clock was set back: from now on, then.
        Err(_) => {
            write(profile, &Tries { last_at_ms: now_ms, ..tries });
            wait_ms
        }
    }
}

/// One more was wrong. Returns how long to wait from now on.
pub(crate) fn failed(profile: &Path, now_ms: i64) -> u64 {
    let failures = read(profile).failures.saturating_add(1);
    write(profile, &Tries { failures, last_at_ms: now_ms });
    wait_after(failures)
}

/// One was right.
pub(crate) fn done(profile: &Path) {
    // Where it cannot be removed, the next try waits once more.
    let _ = fs::remove_file(path(profile));
}

fn write(profile: &Path, tries: &Tries) {
    let Ok(text) = serde_json::to_vec(tries) else { return };
    let file = private(fs::OpenOptions::new().create(true).truncate(true).write(true)).open(path(profile));
    if file.and_then(|mut file| file.write_all(&text)).is_err() {
        tracing::warn!("a wrong passphrase could not be counted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_passphrase_doubles_the_wait_and_a_right_one_ends_it() {
        let dir = tempfile::tempdir().unwrap();
        let waits: Vec<u64> = (0..8).map(|_| failed(dir.path(), 1_000)).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(wait_ms(dir.path(), 11_000), 20_000);
        assert_eq!(wait_ms(dir.path(), 31_000), 0);
        done(dir.path());
        assert_eq!(wait_ms(dir.path(), 1_000), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_or_a_torn_file_locks_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        failed(dir.path(), 9_000_000);
        assert_eq!(wait_ms(dir.path(), 5_000), 1_000);
        assert_eq!(wait_ms(dir.path(), 6_000), 0);
        std::fs::write(path(dir.path()), "{").unwrap();
        assert_eq!(wait_ms(dir.path(), 6_000), 0);
    }
}
