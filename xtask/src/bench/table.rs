//! What was found, as one table.

use std::fmt;

/// One line: ours beside a peer's, and whether the goal is reached.
#[derive(Debug, Clone)]
struct Line {
    work: String,
    ours: String,
    peer: String,
    ratio: String,
    goal: String,
    reached: Option<bool>,
}

/// All lines.
#[derive(Debug, Clone, Default)]
pub struct Table {
    lines: Vec<Line>,
}

/// The middle one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Table {
    /// A ratio that must be at least `goal`.
    pub fn at_least(&mut self, work: &str, ours: String, peer: String, ratio: f64, goal: f64) {
        self.add(work, ours, peer, format!("{ratio:.2}x"), format!(">= {goal}x"), Some(ratio >= goal));
    }

    /// A ratio that must be at most `goal`.
    pub fn at_most(&mut self, work: &str, ours: String, peer: String, ratio: f64, goal: f64) {
        self.add(work, ours, peer, format!("{ratio:.2}x"), format!("<= {goal}x"), Some(ratio <= goal));
    }

    /// A figure of ours that must be at most `goal`, in the same unit.
    pub fn within(&mut self, work: &str, found: f64, goal: f64, unit: &str) {
        let ours = format!("{found:.3} {unit}");
        self.add(work, ours, "-".into(), "-".into(), format!("<= {goal} {unit}"), Some(found <= goal));
    }

    /// A figure beside a peer's, judged by whoever knows what is equal.
    pub fn beside(&mut self, work: &str, ours: String, peer: String, ratio: f64, goal: String, reached: bool) {
        self.add(work, ours, peer, format!("{ratio:.3}x"), goal, Some(reached));
    }

    /// What was seen, and whether it is as it must be.
    pub fn judged(&mut self, work: &str, seen: String, goal: &str, reached: bool) {
        self.add(work, seen, "-".into(), "-".into(), goal.to_owned(), Some(reached));
    }

    /// What is told and not judged.
    pub fn told(&mut self, work: &str, ours: String, peer: String) {
        self.add(work, ours, peer, "-".into(), "-".into(), None);
    }

    fn add(&mut self, work: &str, ours: String, peer: String, ratio: String, goal: String, reached: Option<bool>) {
        self.lines.push(Line { work: work.to_owned(), ours, peer, ratio, goal, reached });
    }

    /// How many goals were missed.
    pub fn short(&self) -> usize {
        self.lines.iter().filter(|line| line.reached == Some(false)).count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {:>22} {:>26} {:>9} {:>12}", "work", "ours", "peer", "ratio", "goal")?;
        for line in &self.lines {
            let verdict = match line.reached {
                None => "",
                Some(true) => "ok",
                Some(false) => "SHORT",
            };
            let Line { work, ours, peer, ratio, goal, .. } = line;
            writeln!(f, "{work:<44} {ours:>22} {peer:>26} {ratio:>9} {goal:>12} {verdict}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_is_counted_and_seen() {
        let mut table = Table::default();
        table.at_least("first", "1 s".into(), "4 s".into(), 4.0, 5.0);
        table.at_most("second", "1 s".into(), "1 s".into(), 1.0, 1.2);
        table.told("third", "7".into(), "-".into());
        assert_eq!(table.short(), 1);
        let shown = table.to_string();
        assert_eq!(shown.matches("SHORT").count(), 1, "{shown}");
        assert_eq!(shown.lines().count(), 4);
    }

    #[test]
    fn a_median_is_the_middle_one() {
        assert!((median(&mut [3.0, 100.0, 1.0]) - 3.0).abs() < f64::EPSILON);
    }
}
