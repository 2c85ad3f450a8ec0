//! A damaged or hostile recording, each heard in a process of its own: an answer within two seconds, at most 64 MiB more of
//! memory, and the process goes on to its end.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aftercall_fuzz::changed_inputs;

const CPU_MS_MAX: u64 = 2_000;
const GROWTH_BYTES_MAX: u64 = 64 << 20;
/// Changed real recordings, whole ones.
const CHANGED: usize = 100;

fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../player/tests/audio").join(folder);
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let of_kind =
        |path: &PathBuf| path.extension().is_some_and(|ending| endings.contains(&ending.to_str().unwrap_or_default()));
    let mut paths: Vec<_> = paths.filter(of_kind).collect();
    paths.sort();
    paths
}

/// CPU time in ms, growth in bytes, and what came of it.
fn heard(path: &Path) -> (u64, u64, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall-fuzz"));
    let ran = command.arg("--hear").arg(path).stdin(Stdio::null()).output().expect("it runs");
    assert!(ran.status.success(), "{}: {:?}", path.display(), ran.status);
    let said = String::from_utf8(ran.stdout).expect("text");
    let cells: Vec<&str> = said.trim_end().split('\t').collect();
    let [cpu_ms, _, grew_bytes, outcome] = cells.as_slice() else { panic!("{said}") };
    let (cpu_ms, grew_bytes) = (cpu_ms.parse().expect("a time"), grew_bytes.parse().expect("bytes"));
    assert!(cpu_ms < CPU_MS_MAX, "{}: {cpu_ms} ms", path.display());
    assert!(grew_bytes < GROWTH_BYTES_MAX, "{}: grew by {grew_bytes} bytes", path.display());
    assert!(!outcome.contains("internal"), "{}: a panic", path.display());
    (cpu_ms, grew_bytes, (*outcome).to_owned())
}

#[test]
fn each_hostile_file_is_answered_in_time_and_within_memory() {
    let files = files("hostile", &["bin"]);
    assert_eq!(files.len(), 8);
    for path in &files {
        let (cpu_ms, grew_bytes, outcome) = heard(path);
        println!("{}: {outcome}; {cpu_ms} ms, {} KiB", path.display(), grew_bytes >> 10);
    }
}

#[test]
fn changed_recordings_are_answered_in_time_and_within_memory() {
    // Four good minutes are a matter of speed, not of damage.
    let real = files(".", &["mp3", "wav"]).into_iter().filter(|path| !path.to_string_lossy().contains("4min"));
    let seeds: Vec<_> = real.map(|path| fs::read(path).expect("a file")).collect();
    assert_eq!(seeds.len(), 8);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let (mut slowest, mut largest, mut errors) = (0, 0, 0);
    for input in changed_inputs(&seeds, 1, CHANGED) {
        fs::write(&path, input).expect("written");
        let (cpu_ms, grew_bytes, outcome) = heard(&path);
        (slowest, largest) = (slowest.max(cpu_ms), largest.max(grew_bytes));
        errors += usize::from(outcome.starts_with("error"));
    }
    println!("{CHANGED} changed recordings: {errors} errors; {slowest} ms and {} KiB at most", largest >> 10);
    assert!((1..CHANGED).contains(&errors), "{errors} of {CHANGED} are errors");
}
