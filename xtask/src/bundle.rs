//! `cargo xtask bundle`: the packages that a person installs, a .deb and an .rpm. The settings for Windows and macOS are
//! in `src-tauri/tauri.{windows,macos}.conf.json`; nobody has run them yet.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::{paths, run};

#[derive(clap::Args)]
pub struct Asked {
    /// Pack the unoptimised program: in a minute instead of many, to try the packages themselves
    #[arg(long)]
    quick: bool,
}

/// What a package for Debian must say, because the program finds it at run time.
const NEEDS: &[&str] = &["libasound2", "libwebkit2gtk-4.1-0", "libgtk-3-0"];
/// What the desktop must be told.
const ENTRY: &[&str] = &["Exec=aftercall %u", "Icon=aftercall", "x-scheme-handler/aftercall"];

/// Builds the page and the program, packs them, and looks into the packages.
pub fn bundle(asked: &Asked) -> Result<(), Failure> {
    run::run(&mut run::npm(&["ci"]))?;
    run::run(&mut run::npm(&["run", "build"]))?;
    let mut pack = Command::new(paths::ui().join("node_modules/.bin/tauri"));
    // The page is built already, and a progress bar is nothing for a log.
    pack.args(["build", "--ci", "--bundles", "deb,rpm"]).current_dir(paths::root());
    if asked.quick {
        pack.arg("--debug");
    }
    run::run(&mut pack)?;
    let profile = if asked.quick { "debug" } else { "release" };
    let folder = paths::cargo_target()?.join(profile).join("bundle");
    let deb = newest(&folder.join("deb"), "deb")?;
    let rpm = newest(&folder.join("rpm"), "rpm")?;
    look_into(&deb)?;
    for package in [&deb, &rpm] {
        let bytes = std::fs::metadata(package).map_err(|e| Failure::file(package, e))?.len();
        println!("{} ({:.1} MB)", package.display(), bytes as f64 / 1e6);
    }
    Ok(())
}

fn look_into(deb: &Path) -> Result<(), Failure> {
    let about = run::output(Command::new("dpkg-deb").arg("--field").arg(deb))?;
    let needs = about.lines().find(|line| line.starts_with("Depends:")).unwrap_or_default();
    for need in NEEDS {
        if !needs.contains(need) {
            return Err(Failure::check(format!("the .deb depends on {need}"), needs));
        }
    }
    let scratch = tempfile::tempdir().map_err(|e| Failure::file(deb, e))?;
    run::output(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(scratch.path()))?;
    let entry = newest(&scratch.path().join("usr/share/applications"), "desktop")?;
    let text = std::fs::read_to_string(&entry).map_err(|e| Failure::file(&entry, e))?;
    for line in ENTRY {
        if !text.contains(line) {
            return Err(Failure::check(format!("the desktop is told {line}"), text));
        }
    }
    let program = scratch.path().join("usr/bin/aftercall");
    std::fs::metadata(&program).map_err(|e| Failure::file(&program, e)).map(|_| ())
}

/// The newest file of a kind in a folder.
fn newest(folder: &Path, ending: &str) -> Result<PathBuf, Failure> {
    let files = std::fs::read_dir(folder).map_err(|e| Failure::file(folder, e))?;
    files
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .max_by_key(|path| path.metadata().and_then(|facts| facts.modified()).ok())
        .ok_or_else(|| Failure::check(format!("a .{ending} in {}", folder.display()), "none"))
}
