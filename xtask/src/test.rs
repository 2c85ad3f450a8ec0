//! `cargo xtask test`: everything that must hold before a change goes in.

mod count;
mod table;

use std::time::Instant;

use crate::failure::Failure;
use crate::{arch, e2e, r#gen, judge, paths, programs, run, setup};
use count::Count;
use table::{Row, Table};

/// Runs every step, goes on after a failure where the next can still say something, and ends with the count.
pub fn test(with_window: bool) -> Result<(), Failure> {
    let mut table = Table::default();
    step(&mut table, "setup", || setup::setup().map(|()| Count::one()));
    if table.failed() > 0 {
        return end(&table);
    }
    step(&mut table, "format (rust)", || command(run::cargo(&["fmt", "--all", "--check"])));
    step(&mut table, "imports", || arch::arch().map(|()| Count::one()));
    step(&mut table, "format (ui)", || command(run::npm(&["run", "format:check", "--silent"])));
    step(&mut table, "lint (ui)", || command(run::npm(&["run", "lint", "--silent"])));
    step(&mut table, "types (ui)", || command(run::npm(&["run", "check", "--silent"])));
    step(&mut table, "tests (ui)", vitest);
    step(&mut table, "build (ui)", || programs::build_page().map(|()| Count::one()));
    // The shell embeds the page: it is built after it.
    step(&mut table, "lint (rust)", || {
        command(run::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    step(&mut table, "build (rust)", || programs::build_all().map(|()| Count::one()));
    let built = table.failed_step("build (rust)");
    if !built {
        step(&mut table, "bindings", || r#gen::from_built(true).map(|()| Count::one()));
    }
    if !built {
        step(&mut table, "judge (twilio)", || {
            judge::with_built_programs().map(|checks| Count { passed: checks.passed, failed: checks.failed.len() })
        });
    }
    step(&mut table, "tests (rust)", || count::cargo_test(run::cargo(&["test", "--workspace", "--no-fail-fast"])));
    if with_window && !built {
        step(&mut table, "window", || {
            e2e::with_built_programs().map(|checks| Count { passed: checks.passed, failed: checks.failed.len() })
        });
    }
    end(&table)
}

fn end(table: &Table) -> Result<(), Failure> {
    println!("{table}");
    println!("{} passed, {} failed", table.passed(), table.failed());
    if table.failed() == 0 { Ok(()) } else { Err(Failure::Several { count: table.failed() }) }
}

fn step(table: &mut Table, name: &'static str, work: impl FnOnce() -> Result<Count, Failure>) {
    println!("\n== {name}");
    let start = Instant::now();
    let count = match work() {
        Ok(count) => count,
        Err(failure) => {
            eprintln!("{name}: {failure}");
            match failure {
                Failure::Several { count } => Count { passed: 0, failed: count },
                _ => Count { passed: 0, failed: 1 },
            }
        }
    };
    table.rows.push(Row { name, count, seconds: start.elapsed().as_secs_f64() });
}

fn command(mut command: std::process::Command) -> Result<Count, Failure> {
    run::run(&mut command).map(|()| Count::one())
}

fn vitest() -> Result<Count, Failure> {
    let report = paths::results("test")?.join("vitest.json");
    let _ = std::fs::remove_file(&report);
    let output = format!("--outputFile.json={}", report.display());
    let ran =
        run::run(&mut run::npm(&["run", "test", "--silent", "--", "--reporter=default", "--reporter=json", &output]));
    let text = std::fs::read_to_string(&report).map_err(|e| Failure::file(&report, e));
    match (ran, text) {
        (Err(failure), Err(_)) => Err(failure),
        (_, Err(failure)) => Err(failure),
        (ran, Ok(text)) => {
            let mut count = count::vitest(&text)?;
            // A file that could not even be loaded has no test that failed.
            if ran.is_err() && count.failed == 0 {
                count.failed = 1;
            }
            Ok(count)
        }
    }
}
