//! `cargo xtask setup`: what the build and the tests need of the machine, and how to get it.
//!
//! Nothing is fetched but through apt, npm and cargo. When nothing is missing this takes a moment, so every other
//! command simply runs it first.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::{paths, run};

/// How to see whether a need is met. Programs and libraries are asked for, not packages: a distribution other than
/// Debian, or a hand-installed tool, is as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A program on the PATH.
    Program(&'static str),
    /// A library that pkg-config knows.
    Library(&'static str),
    /// ALSA's bridge to PulseAudio, which is how the player's sound reaches a sink that can be recorded.
    PulseBridge,
    /// At least one font, or WebKit draws nothing.
    AnyFont,
}

/// One thing the machine must have.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The Debian and Ubuntu package that brings it.
    pub package: &'static str,
    pub probe: Probe,
}

pub const fn need(package: &'static str, probe: Probe) -> Need {
    Need { package, probe }
}

/// Everything, in the order in which a build would miss it.
pub const NEEDS: &[Need] = &[
    need("build-essential", Probe::Program("c++")),
    need("pkg-config", Probe::Program("pkg-config")),
    need("libssl-dev", Probe::Library("openssl")),
    need("libasound2-dev", Probe::Library("alsa")),
    need("libwebkit2gtk-4.1-dev", Probe::Library("webkit2gtk-4.1")),
    need("libayatana-appindicator3-dev", Probe::Library("ayatana-appindicator3-0.1")),
    need("xvfb", Probe::Program("Xvfb")),
    need("webkit2gtk-driver", Probe::Program("WebKitWebDriver")),
    need("dbus", Probe::Program("dbus-daemon")),
    need("gnome-keyring", Probe::Program("gnome-keyring-daemon")),
    need("pulseaudio", Probe::Program("pulseaudio")),
    need("pulseaudio-utils", Probe::Program("parecord")),
    need("libasound2-plugins", Probe::PulseBridge),
    need("ffmpeg", Probe::Program("ffmpeg")),
    need("fonts-dejavu-core", Probe::AnyFont),
];

/// Chromium and its driver, for what is measured or looked at beside the window's own engine.
pub const CHROMIUM: &[Need] =
    &[need("chromium", Probe::Program("chromium")), need("chromium-driver", Probe::Program("chromedriver"))];

/// The oldest Node that the user interface's tools run on.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// Looks, installs what is missing if it may, and fills `ui/node_modules`.
pub fn setup() -> Result<(), Failure> {
    let missing = missing(NEEDS, &|probe| is_met(probe));
    if !missing.is_empty() {
        install(&missing)?;
    }
    check_node()?;
    node_modules(&paths::ui())
}

/// What one command needs beside that: installed if it may be, named if not.
pub fn require(needs: &[Need]) -> Result<(), Failure> {
    let missing = missing(needs, &|probe| is_met(probe));
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// The packages of the needs that are not met.
pub fn missing(needs: &[Need], is_met: &dyn Fn(Probe) -> bool) -> Vec<&'static str> {
    needs.iter().filter(|need| !is_met(need.probe)).map(|need| need.package).collect()
}

fn is_met(probe: Probe) -> bool {
    match probe {
        Probe::Program(name) => on_path(name),
        Probe::Library(name) => {
            Command::new("pkg-config").args(["--exists", name]).status().is_ok_and(|status| status.success())
        }
        Probe::PulseBridge => ["/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
            .iter()
            .any(|lib| Path::new(lib).join("alsa-lib/libasound_module_pcm_pulse.so").exists()),
        Probe::AnyFont => ["/usr/share/fonts", "/usr/local/share/fonts"].iter().any(|folder| {
            std::fs::read_dir(folder)
                .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|e| e.path().is_dir())))
        }),
    }
}

/// Whether a program of this name can be found as the shell would.
pub fn on_path(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

fn install(packages: &[&str]) -> Result<(), Failure> {
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if !on_path("apt-get") {
        return Err(Failure::Install {
            what: "This machine lacks what the build needs, and has no apt-get. The Debian names are:".into(),
            command: packages.join(" "),
        });
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Install {
            what: "Something is missing. Run this once, then the same command again:".into(),
            command: format!("sudo apt-get update && sudo {line}"),
        });
    }
    println!("Missing: {}", packages.join(", "));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        run::run(&mut command)
    };
    apt(&["update", "-q"])?;
    let mut args = vec!["install", "-y", "-q", "--no-install-recommends"];
    args.extend_from_slice(packages);
    apt(&args)
}

fn check_node() -> Result<(), Failure> {
    let said = run::output(Command::new("node").arg("--version")).ok();
    match said.as_deref().and_then(node_version) {
        Some(found) if found >= OLDEST_NODE => Ok(()),
        _ => Err(Failure::Install {
            what: format!(
                "Node {}.{} or newer is needed, this machine has {}:",
                OLDEST_NODE.0,
                OLDEST_NODE.1,
                said.as_deref().map_or("none", str::trim)
            ),
            command: "see https://nodejs.org/en/download".into(),
        }),
    }
}

/// `v20.20.2` → (20, 20).
fn node_version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `npm ci` in a package, but only when the lock file is not the one that filled its `node_modules`.
pub fn node_modules(package: &Path) -> Result<(), Failure> {
    let lock = package.join("package-lock.json");
    let stamp = package.join("node_modules/.installed-lock.json");
    let wanted = std::fs::read(&lock).map_err(|e| Failure::file(&lock, e))?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut npm = run::npm(&["ci", "--no-audit", "--no-fund"]);
    run::run(npm.current_dir(package))?;
    std::fs::write(&stamp, wanted).map_err(|e| Failure::file(&stamp, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unmet_needs_are_installed() {
        let packages = missing(NEEDS, &|probe| probe != Probe::Program("Xvfb") && probe != Probe::Library("alsa"));
        assert_eq!(packages, ["libasound2-dev", "xvfb"]);
    }

    #[test]
    fn a_machine_with_everything_misses_nothing() {
        assert!(missing(NEEDS, &|_| true).is_empty());
    }

    #[test]
    fn every_package_is_named_once() {
        let mut packages: Vec<_> = NEEDS.iter().map(|need| need.package).collect();
        packages.sort_unstable();
        packages.dedup();
        assert_eq!(packages.len(), NEEDS.len());
    }

    #[test]
    fn node_says_its_version() {
        assert_eq!(node_version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(node_version("v22.3.0"), Some((22, 3)));
        assert_eq!(node_version("command not found"), None);
        assert!(node_version("v18.19.0").is_some_and(|found| found < OLDEST_NODE));
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_found() {
        assert!(!on_path("aftercall-no-such-program"));
    }
}
