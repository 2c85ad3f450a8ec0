//! Where things stand in the repository.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::failure::Failure;

/// The repository's root: the folder above this package.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        package.parent().map(Path::to_owned).unwrap_or(package)
    })
}

/// The user interface's package.
pub fn ui() -> PathBuf {
    root().join("ui")
}

/// What `cargo metadata` says of the workspace (members only).
pub fn metadata() -> Result<serde_json::Value, Failure> {
    let mut command = Command::new(cargo());
    command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root());
    let output = command.output().map_err(|source| Failure::Start { program: "cargo metadata".into(), source })?;
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(Failure::Status { command: "cargo metadata".into(), status: output.status });
    }
    serde_json::from_slice(&output.stdout).map_err(|e| Failure::answer("cargo metadata", e))
}

/// Where cargo puts what it builds (a person may have set CARGO_TARGET_DIR).
pub fn cargo_target() -> Result<PathBuf, Failure> {
    metadata()?["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| Failure::answer("cargo metadata", "no target_directory"))
}

/// A program of the workspace as built by the dev profile.
pub fn built(program: &str) -> Result<PathBuf, Failure> {
    Ok(cargo_target()?.join("debug").join(program))
}

/// Where a command of this tool leaves its pictures and logs: always `target/<name>` of the repository.
pub fn results(name: &str) -> Result<PathBuf, Failure> {
    let folder = root().join("target").join(name);
    std::fs::create_dir_all(&folder).map_err(|e| Failure::file(&folder, e))?;
    Ok(folder)
}

/// The cargo that started us, so that a `+toolchain` on the command line holds for what we start too.
pub fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_name_files_that_exist() {
        let mut missing = Vec::new();
        for document in ["README.md", "docs/ARCHITECTURE.md", "migrations/README.md"] {
            let text = std::fs::read_to_string(root().join(document)).unwrap_or_default();
            let quoted = text.split('`').skip(1).step_by(2);
            let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            for name in quoted.chain(linked) {
                let ours = ["crates/", "ui/", "src-tauri/", "xtask/", "migrations/", "docs/", "icons/"];
                let path = name.split(['#', ' ']).next().unwrap_or_default();
                if ours.iter().any(|start| path.starts_with(start)) && !root().join(path).exists() {
                    missing.push(format!("{document}: {path}"));
                }
            }
        }
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
