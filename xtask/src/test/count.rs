//! How many tests passed and failed, as the tools themselves say.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::run;

/// Tests, or steps that are one test.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub passed: usize,
    pub failed: usize,
}

impl Count {
    /// A step that passed and counts once.
    pub fn one() -> Self {
        Count { passed: 1, failed: 0 }
    }
}

/// Runs `cargo test` with its output shown, and adds up its result lines.
pub fn cargo_test(mut command: Command) -> Result<Count, Failure> {
    let line = run::shown(&command);
    println!("$ {line}");
    let start = |source| Failure::Start { program: line.clone(), source };
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(start)?;
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            let _ = writeln!(std::io::stdout(), "{line}");
            if let Some(result) = result_line(&line) {
                count.passed += result.passed;
                count.failed += result.failed;
            }
        }
    }
    let status = child.wait().map_err(start)?;
    // A binary that crashed or did not compile prints no result line.
    if !status.success() && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// `test result: ok. 31 passed; 0 failed; …`
fn result_line(line: &str) -> Option<Count> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number =
        |word: &str| counts.split(';').find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<usize>().ok());
    Some(Count { passed: number("passed")?, failed: number("failed")? })
}

/// The counts of vitest's JSON report.
pub fn vitest(report: &str) -> Result<Count, Failure> {
    let value: serde_json::Value = serde_json::from_str(report).map_err(|e| Failure::answer("vitest", e))?;
    let number = |key: &str| {
        value[key].as_u64().map(|n| n as usize).ok_or_else(|| Failure::answer("vitest", format!("no {key}")))
    };
    Ok(Count { passed: number("numPassedTests")?, failed: number("numFailedTests")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_of_cargo_is_read() {
        let line = "test result: FAILED. 30 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.80s";
        assert_eq!(result_line(line), Some(Count { passed: 30, failed: 1 }));
        assert_eq!(result_line("test arch::tests::x ... ok"), None);
    }

    #[test]
    fn a_report_of_vitest_is_read() {
        let count = vitest("{\"numPassedTests\": 7, \"numFailedTests\": 2, \"success\": false}").unwrap();
        assert_eq!(count, Count { passed: 7, failed: 2 });
        assert!(vitest("{}").is_err());
    }
}
