//! Rules that a run proves one by one: each is told when it is seen, and all are counted at the end.

use std::fmt::Display;

use crate::failure::Failure;

/// What a run has proved so far.
#[derive(Debug, Default)]
pub struct Checks {
    pub passed: usize,
    pub failed: Vec<String>,
}

impl Checks {
    /// One rule: whether it holds, and what was found.
    pub fn rule(&mut self, rule: &str, holds: bool, found: impl Display) {
        if holds {
            self.passed += 1;
            println!("  ok    {rule}");
        } else {
            println!("  FAIL  {rule}: {found}");
            self.failed.push(format!("{rule}: {found}"));
        }
    }

    /// A step that had to work before the run could go on.
    pub fn step(&mut self, rule: &str) {
        self.rule(rule, true, "");
    }

    /// A failure that ended the run early.
    pub fn broke(&mut self, failure: &Failure) {
        self.rule("the run comes to its end", false, failure);
    }
}
