//! The short form of `cargo xtask fuzz`, and everything that was ever found. One test: what a case allocates is counted
//! for the whole process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aftercall_fuzz::{Limits, TARGETS, run};

#[test]
fn every_target_holds_on_its_seeds_on_what_was_found_and_on_some_thousand_changed_inputs() {
    let regressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut found: Vec<_> =
        fs::read_dir(&regressions).expect("a folder").map(|file| file.expect("a file").path()).collect();
    found.sort();
    let mut known = 0;
    for path in found.iter().filter(|path| path.extension().is_some_and(|ending| ending == "bin")) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let target = TARGETS.iter().find(|target| name.starts_with(&format!("{}-", target.name))).expect("a target");
        (target.judge)(&fs::read(path).expect("a file"));
        known += 1;
    }
    println!("{known} inputs that once broke a rule");
    for target in TARGETS {
        assert!((target.seeds)().len() >= 3, "{}: seeds are read", target.name);
        let report = run(target, 2_000, Duration::ZERO, 1, Limits::default());
        if let Some(finding) = report.finding {
            panic!("{}: {} with {} bytes: {:?}", target.name, finding.why, finding.input.len(), &finding.input);
        }
        assert!(report.cases >= 2_000, "{}", target.name);
    }
}
