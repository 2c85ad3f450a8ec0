//! `cargo xtask gen`: the contract's TypeScript and the licences of what is shipped, written where the user interface
//! imports them.
//!
//! The text is made by a small program of the app's crate (`examples/bindings.rs`), so that this tool need not link
//! the app.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::failure::Failure;
use crate::{licences, paths, run};

/// One file of the bindings, as the app's program prints it.
#[derive(Debug, Deserialize)]
struct Binding(String, String);

/// Builds the program and writes what it prints, or with `check` compares it.
pub fn r#gen(check: bool) -> Result<(), Failure> {
    run::run(&mut run::cargo(&["build", "--quiet", "-p", "aftercall-app", "--example", "bindings"]))?;
    from_built(check)
}

/// The same with the program as it was built before.
pub fn from_built(check: bool) -> Result<(), Failure> {
    let program = paths::cargo_target()?.join("debug/examples/bindings");
    let printed = run::output(&mut Command::new(program))?;
    let mut bindings: Vec<Binding> = serde_json::from_str(&printed).map_err(|e| Failure::answer("the bindings", e))?;
    bindings.push(Binding("licences.json".to_owned(), licences::json()?));
    let folder = paths::ui().join("src/bindings");
    let changed = write(&folder, &bindings, check)?;
    if check && !changed.is_empty() {
        let rule = "ui/src/bindings is what the contract says (run `cargo xtask gen`)";
        return Err(Failure::check(rule, format!("{} would change", changed.join(", "))));
    }
    println!("gen: {} of {} files changed", changed.len(), bindings.len());
    Ok(())
}

/// The names of files that differ; without `check` they are brought up to date, and files of a former contract go.
fn write(folder: &Path, bindings: &[Binding], check: bool) -> Result<Vec<String>, Failure> {
    let mut changed = Vec::new();
    for Binding(name, text) in bindings {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        changed.push(name.clone());
        if !check {
            std::fs::create_dir_all(folder).map_err(|e| Failure::file(folder, e))?;
            std::fs::write(&path, text).map_err(|e| Failure::file(&path, e))?;
        }
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !bindings.iter().any(|binding| binding.0 == name) {
            if !check {
                std::fs::remove_file(entry.path()).map_err(|e| Failure::file(&entry.path(), e))?;
            }
            changed.push(name);
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(name: &str, text: &str) -> Binding {
        Binding(name.into(), text.into())
    }

    #[test]
    fn a_check_tells_what_would_change_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let bindings = [binding("contract.ts", "export type A = 1;\n")];
        assert_eq!(write(folder.path(), &bindings, true).unwrap(), ["contract.ts"]);
        assert!(!folder.path().join("contract.ts").exists());
        assert_eq!(write(folder.path(), &bindings, false).unwrap(), ["contract.ts"]);
        assert!(write(folder.path(), &bindings, true).unwrap().is_empty());
    }

    #[test]
    fn a_file_of_a_former_contract_is_found_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("old.ts"), "").unwrap();
        assert_eq!(write(folder.path(), &[], true).unwrap(), ["old.ts"]);
        assert_eq!(write(folder.path(), &[], false).unwrap(), ["old.ts"]);
        assert!(!folder.path().join("old.ts").exists());
    }
}
