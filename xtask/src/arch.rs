//! `cargo xtask arch`: who may import whom, as docs/ARCHITECTURE.md draws it.
//!
//! Crates are asked of `cargo metadata`; modules and outside crates are read from the source's tokens, so a comment or
//! a string that names something is no import. Every forbidden edge is told with its file and line.

mod crates;
mod engine;
mod outside;
mod tokens;
mod tree;
mod ui;

use std::fmt;
use std::path::Path;

use crate::failure::Failure;
use crate::paths;

/// One import that the plan forbids.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// From the repository's root, with forward slashes.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What was found and which rule forbids it.
    pub rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// Checks the repository and prints each violation.
pub fn arch() -> Result<(), Failure> {
    let violations = violations(paths::root(), &paths::metadata()?)?;
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("arch: every import is where the plan puts it");
        Ok(())
    } else {
        Err(Failure::check("imports follow docs/ARCHITECTURE.md", format!("{} forbidden", violations.len())))
    }
}

fn violations(root: &Path, metadata: &serde_json::Value) -> Result<Vec<Violation>, Failure> {
    let mut found = crates::violations(root, metadata)?;
    for source in tree::sources(root, &["crates", "src-tauri", "xtask"], &["rs"])? {
        found.extend(tree::too_long(&source));
        let paths = tokens::paths(&source.text)
            .map_err(|why| Failure::check("a source file can be read as Rust", format!("{}: {why}", source.file)))?;
        found.extend(outside::violations(&source.file, &paths));
        found.extend(engine::violations(&source.file, &paths));
    }
    engine::check_reexports(root)?;
    for source in tree::sources(root, &["ui/src", "ui/e2e"], &["ts", "svelte", "js"])? {
        found.extend(tree::too_long(&source));
        found.extend(ui::violations(&source));
    }
    found.sort();
    Ok(found)
}
