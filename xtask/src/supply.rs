//! `cargo xtask supply`: what the shipped programs are made of. cargo-deny judges licences, sources and versions by
//! `deny.toml`; what the page brings along is judged by the same list. The whole list is left in `target/supply`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::{paths, run, setup};

/// Licences of what the page brings along, beside the crates': fonts.
const OF_FONTS: &str = "OFL-1.1";
/// Packages that name their licence in a file only.
const BY_FILE: &[(&str, &str)] = &[("svelte-toolbelt", "MIT")];

/// Judges, and writes the list. With `advisories` known faults are looked up too, which asks the network.
pub fn supply(advisories: bool) -> Result<(), Failure> {
    if !setup::on_path("cargo-deny") {
        let what = "Licences, sources and versions are judged by cargo-deny:".into();
        return Err(Failure::Install { what, command: "cargo install --locked cargo-deny".into() });
    }
    let mut checks = vec!["licenses", "bans", "sources"];
    checks.extend(advisories.then_some("advisories"));
    run::run(deny(&["--locked", "check", "--hide-inclusion-graph"]).args(checks))?;
    let mut list = run::output(&mut deny(&["--locked", "list", "--format", "human", "--layout", "crate"]))?;
    let of_page = of_page(&paths::ui().join("package-lock.json"))?;
    let allowed = allowed(&paths::root().join("deny.toml"))?;
    let mut refused = Vec::new();
    for (name, version, licence) in &of_page {
        // An expression is refused where none of its choices is known; what has to hold together is written with AND.
        let is_allowed = licence
            .split(" OR ")
            .any(|one| one.split(" AND ").all(|one| allowed.iter().any(|known| known == one.trim_matches(['(', ')']))));
        if !is_allowed {
            refused.push(format!("{name} {version}: {licence}"));
        }
        // A text in memory takes any line.
        let _ = writeln!(list, "{name}@{version} (1): {licence}");
    }
    let place = paths::results("supply")?.join("licences.txt");
    std::fs::write(&place, &list).map_err(|e| Failure::file(&place, e))?;
    println!("{} crates and packages are listed in {}", list.lines().count(), place.display());
    let rule = "each package of the page has a licence that deny.toml knows";
    if refused.is_empty() { Ok(()) } else { Err(Failure::check(rule, refused.join("; "))) }
}

fn deny(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo-deny");
    command.args(arguments).current_dir(paths::root());
    command
}

/// Name, version and licence of each package that is not for building or testing only.
fn of_page(lock: &Path) -> Result<Vec<(String, String, String)>, Failure> {
    let text = std::fs::read_to_string(lock).map_err(|e| Failure::file(lock, e))?;
    let lock: Value = serde_json::from_str(&text).map_err(|e| Failure::answer("package-lock.json", e))?;
    let packages = lock["packages"].as_object().ok_or_else(|| Failure::answer("package-lock.json", "no packages"))?;
    let shipped = packages.iter().filter(|(place, package)| {
        let is = |key: &str| package[key].as_bool().unwrap_or(false);
        !place.is_empty() && !is("dev") && !is("devOptional")
    });
    let rows = shipped.map(|(place, package)| {
        let name = place.rsplit("node_modules/").next().unwrap_or(place);
        let by_file = BY_FILE.iter().find(|(known, _)| *known == name).map(|(_, licence)| *licence);
        let licence = package["license"].as_str().or(by_file).unwrap_or("none named");
        (name.to_owned(), package["version"].as_str().unwrap_or_default().to_owned(), licence.to_owned())
    });
    Ok(rows.collect())
}

/// The licences that `deny.toml` allows: the quoted words of its list.
fn allowed(file: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::file(file, e))?;
    let list = text.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).map(|(list, _)| list);
    let list = list.ok_or_else(|| Failure::answer("deny.toml", "no list of licences"))?;
    let lines = list.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next());
    Ok(lines.map(str::to_owned).chain([OF_FONTS.to_owned()]).collect())
}
