//! The steps of a run, for a person to read.

use std::fmt;

use super::count::Count;

/// One step.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub count: Count,
    pub seconds: f64,
}

/// All steps in their order.
#[derive(Debug, Default)]
pub struct Table {
    pub rows: Vec<Row>,
}

impl Table {
    /// Everything that passed.
    pub fn passed(&self) -> usize {
        self.rows.iter().map(|row| row.count.passed).sum()
    }

    /// Everything that failed.
    pub fn failed(&self) -> usize {
        self.rows.iter().map(|row| row.count.failed).sum()
    }

    /// Whether a step ran and failed.
    pub fn failed_step(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name && row.count.failed > 0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<16}{:>8}{:>8}{:>10}", "step", "passed", "failed", "seconds")?;
        for Row { name, count, seconds } in &self.rows {
            writeln!(f, "{name:<16}{:>8}{:>8}{seconds:>10.1}", count.passed, count.failed)?;
        }
        write!(
            f,
            "{:<16}{:>8}{:>8}{:>10.1}",
            "all",
            self.passed(),
            self.failed(),
            self.rows.iter().map(|r| r.seconds).sum::<f64>()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_rows() {
        let row = |name, passed, failed| Row { name, count: Count { passed, failed }, seconds: 1.0 };
        let table = Table { rows: vec![row("a", 3, 0), row("b", 4, 2)] };
        assert_eq!((table.passed(), table.failed()), (7, 2));
        assert!(table.failed_step("b") && !table.failed_step("a") && !table.failed_step("c"));
        assert!(table.to_string().ends_with("2.0"));
    }
}
