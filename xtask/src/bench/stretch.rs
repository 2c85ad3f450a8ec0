//! Speech faster and slower: ours beside ffmpeg's atempo, SoundTouch, libsonic, Rubber Band and the `wsola` crate.
//!
//! One script judges all of them alike and says how (`xtask/bench/stretch.py`). In each column ours must be at least as
//! good as the better of libsonic and `wsola`; what lies within the margins is equal.

use std::fmt::Write as _;

use serde_json::Value;

use super::Programs;
use super::folder;
use super::peers;
use super::table::Table;
use crate::failure::Failure;
use crate::setup::{self, Need, Probe};
use crate::{paths, run};

/// The peers, and what keeps a program on one core: Rubber Band 3.1.2 hangs with several threads.
const NEEDS: &[Need] = &[
    Need { package: "rubberband-cli", probe: Probe::Program("rubberband-r3") },
    Need { package: "soundstretch", probe: Probe::Program("soundstretch") },
    Need { package: "sonic", probe: Probe::Program("sonic") },
    Need { package: "ffmpeg", probe: Probe::Program("ffmpeg") },
    Need { package: "util-linux", probe: Probe::Program("taskset") },
];

/// Judged at these; the others are for information.
const JUDGED: [&str; 2] = ["1.5", "2"];
const SPEEDS: &str = "--speeds=1.5,2,0.75,3";
const BETTER_OF: [&str; 2] = ["libsonic", "wsola"];

/// A column, which way is better, and what counts as equal.
struct Column {
    key: &'static str,
    shown: &'static str,
    higher_is_better: bool,
    equal: f64,
}

const COLUMNS: [Column; 3] = [
    Column { key: "spectral_db", shown: "spectral distance, dB", higher_is_better: false, equal: 0.1 },
    Column { key: "pesq", shown: "PESQ after stretching back", higher_is_better: true, equal: 0.02 },
    Column { key: "stoi", shown: "STOI after stretching back", higher_is_better: true, equal: 0.005 },
];

/// What ours must stay under, whatever the others do.
const LIMITS: [(&str, &str, f64, &str); 4] = [
    ("clicks_lost_percent", "clicks lost in speech", 5.0, "%"),
    ("clicks_lost_in_silence_percent", "clicks lost in silence", 5.0, "%"),
    ("f0_deviation_percent", "F0 off by", 2.0, "%"),
    ("duration_error_ms", "length off by", 20.0, "ms"),
];

/// Decode and stretch at 2x, times real time.
const SPEED_GOAL: f64 = 1_000.0;

pub(super) fn bench(table: &mut Table) -> Result<(), Failure> {
    setup::require(NEEDS)?;
    let examples = ["--example", "stretch", "--example", "stretch_wsola"];
    let build = ["build", "--profile", Programs::PROFILE, "-p", "aftercall-player"];
    run::run(&mut run::cargo(&[&build[..], &examples].concat()))?;
    let programs = paths::cargo_target()?.join(Programs::PROFILE).join("examples");
    let audio = paths::root().join("crates/player/tests/audio");
    let (work, ours, wsola) = (folder("stretch")?, programs.join("stretch"), programs.join("stretch_wsola"));
    let args = [audio.as_os_str(), work.as_os_str(), ours.as_os_str(), wsola.as_os_str(), SPEEDS.as_ref()];
    let found = peers::judges()?.judge("stretch.py", &args)?;
    println!("{}", every_engine(&found));
    judge(&found, table);
    Ok(())
}

fn figure(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or(f64::NAN)
}

fn judge(found: &Value, table: &mut Table) {
    let speed = figure(found, "decode");
    table.beside(
        "decode and stretch at 2x, times real time",
        format!("{speed:.0}"),
        "-".into(),
        speed / SPEED_GOAL,
        format!(">= {SPEED_GOAL}"),
        speed >= SPEED_GOAL,
    );
    for speed in JUDGED {
        let ours = &found[speed]["ours"];
        for Column { key, shown, higher_is_better, equal } in COLUMNS {
            let sign = if higher_is_better { 1.0 } else { -1.0 };
            let peers = BETTER_OF.map(|name| (name, figure(&found[speed][name], key)));
            let best = peers.into_iter().max_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)));
            let (name, theirs) = best.unwrap_or(("none", f64::NAN));
            let ours = figure(ours, key);
            let goal = format!("{} {equal}", if higher_is_better { ">= -" } else { "<= +" });
            let reached = sign * (ours - theirs) >= -equal;
            table.beside(
                &format!("{speed}x {shown}"),
                format!("{ours:.3}"),
                format!("{theirs:.3} {name}"),
                ours / theirs,
                goal,
                reached,
            );
        }
        let times = |name: &str| figure(&found[speed][name], "times_real_time");
        for name in BETTER_OF {
            let (ours, theirs) = (times("ours"), times(name));
            table.told(
                &format!("{speed}x times real time, files included"),
                format!("{ours:.0}"),
                format!("{theirs:.0} {name} ({:.2}x)", ours / theirs),
            );
        }
        for (key, shown, most, unit) in LIMITS {
            table.within(&format!("{speed}x {shown}"), figure(ours, key), most, unit);
        }
    }
}

/// All that was found, a line for each engine and speed.
fn every_engine(found: &Value) -> String {
    let columns = [
        ("times_real_time", "x real time"),
        ("duration_error_ms", "length ms"),
        ("late_ms", "late ms"),
        ("f0_deviation_percent", "F0 %"),
        ("spectral_db", "spectral dB"),
        ("clicks_lost_percent", "lost %"),
        ("clicks_lost_in_silence_percent", "in silence"),
        ("clicks_doubled_percent", "doubled %"),
        ("pesq", "PESQ"),
        ("stoi", "STOI"),
    ];
    let mut lines = format!("{:<20}", "");
    for (_, shown) in columns {
        // Writing to a String cannot fail.
        let _ = write!(lines, " {shown:>11}");
    }
    for (speed, engines) in found.as_object().into_iter().flatten() {
        for (engine, row) in engines.as_object().into_iter().flatten() {
            let _ = write!(lines, "\n{:<20}", format!("{speed}x {engine}"));
            for (key, _) in columns {
                let _ = write!(lines, " {:>11.3}", figure(row, key));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(spectral_db: f64, pesq: f64, stoi: f64) -> Value {
        json!({"spectral_db": spectral_db, "pesq": pesq, "stoi": stoi, "clicks_lost_percent": 1.0,
               "clicks_lost_in_silence_percent": 0.0, "f0_deviation_percent": 1.0, "duration_error_ms": 0.0})
    }

    fn short(ours: Value) -> usize {
        let speed = json!({"ours": ours, "libsonic": row(2.0, 2.5, 0.9), "wsola": row(1.9, 2.4, 0.91)});
        let mut table = Table::default();
        judge(&json!({"decode": 1_500.0, "1.5": speed, "2": speed}), &mut table);
        table.short()
    }

    #[test]
    fn ours_is_held_against_the_better_of_two_in_each_column_and_what_is_equal_is_reached() {
        assert_eq!(short(row(1.9, 2.5, 0.91)), 0);
        assert_eq!(short(row(1.99, 2.485, 0.906)), 0, "within the margins");
        assert_eq!(short(row(2.01, 2.5, 0.91)), 2, "wsola's spectral distance, at both speeds");
        assert_eq!(short(row(1.9, 2.47, 0.91)), 2, "libsonic's PESQ");
        assert_eq!(short(row(1.9, 2.5, 0.90)), 2, "wsola's STOI");
        let mut silent = row(1.9, 2.5, 0.91);
        silent["pesq"] = Value::Null;
        assert_eq!(short(silent), 2, "what was not measured is not reached");
    }

    #[test]
    fn every_engine_has_its_line() {
        let found = json!({"decode": 1.0, "2": {"ours": row(1.0, 2.0, 0.9), "libsonic": row(1.0, 2.0, 0.9)}});
        assert_eq!(every_engine(&found).lines().count(), 3);
    }
}
