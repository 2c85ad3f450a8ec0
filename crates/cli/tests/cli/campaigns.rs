//! The campaigns' short forms; `cargo xtask campaign` holds the long ones.

use std::path::Path;

use aftercall_campaign::row::{self, hold};
use aftercall_campaign::{downloads, kills, migrations};

fn cli() -> std::path::PathBuf {
    Path::new(env!("CARGO_BIN_EXE_aftercall-cli")).to_owned()
}

fn quiet(_: &str) {}

#[test]
fn syncs_that_are_killed_lose_double_and_mix_up_nothing() {
    let plan = kills::Plan { cli: cli(), window: None, kills: 12, seed: 7, calls: 300, tell: quiet };
    let report = kills::run(&plan).unwrap();
    assert_eq!(report.kills, 12);
    assert!(report.verdict.is_clean(), "seed {}: {:#?}", plan.seed, report.verdict);
    assert!(report.rows_judged > 1_000, "{report:?}");
}

#[test]
fn upgrades_that_are_killed_and_broken_files_lose_nothing() {
    let plan = migrations::Plan { cli: cli(), kills: 12, seed: 7, rows: 900, flips: 12, tell: quiet };
    let report = migrations::run(&plan).unwrap();
    assert_eq!((report.kills, report.flips), (12, 12));
    assert!(report.zoo >= 25, "{report:?}");
    assert!(report.wrong.is_empty(), "seed {}: {:#?}", plan.seed, report.wrong);
}

#[test]
fn fetches_that_are_killed_leave_nothing_that_does_not_verify_and_arrive_in_the_end() {
    let plan = downloads::Plan { cli: cli(), n: 6, seed: 7, tell: quiet };
    let report = downloads::kills(&plan).unwrap();
    assert_eq!(report.kills, 6);
    assert!(report.wrong.is_empty() && report.arrived >= 3, "seed {}: {report:#?}", plan.seed);
}

#[test]
fn every_flipped_bit_is_found_and_mended_by_one_new_fetch() {
    let plan = downloads::Plan { cli: cli(), n: 40, seed: 7, tell: quiet };
    let report = downloads::flips(&plan).unwrap();
    assert_eq!((report.flips, report.arrived), (40, 20));
    assert!(report.wrong.is_empty(), "seed {}: {:#?}", plan.seed, report.wrong);
}

#[test]
fn portals_bombs_sessions_and_a_page_of_200_mb_are_named_and_change_nothing() {
    let plan = row::Plan { cli: cli(), window: cli(), seed: 7, tell: quiet };
    for fault in ["F11", "F12", "F13", "F22"] {
        for row in hold(fault, &plan).unwrap() {
            assert!(row.holds(), "{}: {:#?}", row.fault, row.wrong);
        }
    }
}
