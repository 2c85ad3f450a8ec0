//! The source files that the rules are read from.

use std::path::{Path, PathBuf};

use super::Violation;
use crate::failure::Failure;

/// A file and what is in it.
pub struct Source {
    /// From the repository's root, with forward slashes.
    pub file: String,
    pub text: String,
}

/// Folders that hold no source of ours.
const SKIPPED: &[&str] = &["target", "node_modules", "dist", "gen", "bindings"];

/// A module is a page or two; here it must have been split.
const LONGEST_LINES: usize = 800;

/// Every file with one of `extensions` under `folders`, in order of name. A folder that does not exist has no files.
pub fn sources(root: &Path, folders: &[&str], extensions: &[&str]) -> Result<Vec<Source>, Failure> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&root.join(folder), extensions, &mut files)?;
    }
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).map_err(|e| Failure::file(&path, e))?;
            let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            Ok(Source { file, text })
        })
        .collect()
}

fn collect(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Failure::file(folder, e)),
    };
    for entry in entries {
        let path = entry.map_err(|e| Failure::file(folder, e))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED.contains(&name) {
                collect(&path, extensions, files)?;
            }
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e)) {
            files.push(path);
        }
    }
    Ok(())
}

/// A file that outgrew a module.
pub fn too_long(source: &Source) -> Option<Violation> {
    let lines = source.text.lines().count();
    (lines > LONGEST_LINES).then(|| Violation {
        file: source.file.clone(),
        line: LONGEST_LINES + 1,
        rule: format!("{lines} lines: a module is split before {LONGEST_LINES}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_more_than_eight_hundred_lines_is_reported() {
        let source = |lines: usize| Source { file: "crates/x/src/lib.rs".into(), text: "//\n".repeat(lines) };
        assert!(too_long(&source(800)).is_none());
        assert_eq!(too_long(&source(801)).map(|v| v.line), Some(801));
    }
}
