//! The licences of everything that is shipped: what the window's program links on Linux, Windows and macOS, what the page
//! is built from, and the fonts. Part of `cargo xtask gen`: what is shown is what the lock files say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::paths;

/// A package and the texts of its licence.
struct Package {
    name: String,
    version: String,
    licence: String,
    texts: BTreeSet<String>,
}

/// The file that the page shows.
pub fn json() -> Result<String, Failure> {
    let mut packages = crates()?;
    packages.extend(modules()?);
    packages.sort_by(|a, b| (a.name.to_lowercase(), &a.version).cmp(&(b.name.to_lowercase(), &b.version)));
    // A text that many share stands once.
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for text in packages.iter().flat_map(|package| &package.texts) {
        let next = format!("t{}", ids.len() + 1);
        ids.entry(text.clone()).or_insert(next);
    }
    let listed: Vec<Value> = packages
        .iter()
        .map(|package| {
            let texts: Vec<&String> = package.texts.iter().filter_map(|text| ids.get(text)).collect();
            json!({"name": package.name, "version": package.version, "licence": package.licence, "texts": texts})
        })
        .collect();
    let texts: BTreeMap<&String, &String> = ids.iter().map(|(text, id)| (id, text)).collect();
    let mut file = serde_json::to_string(&json!({"packages": listed, "texts": texts}))
        .map_err(|_| Failure::check("a file of licences", "what is no JSON"))?;
    file.push('\n');
    Ok(file)
}

/// What the program links: everything that `aftercall` needs to run, but for what only builds or tests it. On any system:
/// what only another one needs has not been fetched yet on a new machine, and is now.
fn crates() -> Result<Vec<Package>, Failure> {
    let out = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(paths::root())
        .output()
        .map_err(|e| Failure::file(Path::new("cargo"), e))?;
    let metadata: Value = serde_json::from_slice(&out.stdout)
        .map_err(|_| Failure::check("cargo metadata", String::from_utf8_lossy(&out.stderr)))?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let start = packages.iter().find(|(_, package)| package["name"] == "aftercall").map(|(id, _)| id.clone());
    let mut waiting: Vec<String> = start.into_iter().collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        for dependency in nodes.get(&id).map(|node| list(&node["deps"])).unwrap_or_default() {
            let is_linked = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            if is_linked {
                waiting.push(text(&dependency["pkg"]));
            }
        }
        let Some(package) = packages.get(&id) else { continue };
        // Our own have the licence of the whole.
        if package["source"].is_null() {
            continue;
        }
        let folder = text(&package["manifest_path"]);
        found.push(Package {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: package["license"].as_str().unwrap_or("see its text").to_owned(),
            texts: Path::new(&folder).parent().map(texts_in).unwrap_or_default(),
        });
    }
    Ok(found)
}

/// What the page is built from: the lock file's packages that are not for development.
fn modules() -> Result<Vec<Package>, Failure> {
    let lock = paths::ui().join("package-lock.json");
    let read = std::fs::read_to_string(&lock).map_err(|e| Failure::file(&lock, e))?;
    let lock: Value = serde_json::from_str(&read).map_err(|_| Failure::check("package-lock.json", "no JSON"))?;
    let mut found = Vec::new();
    for (place, package) in lock["packages"].as_object().into_iter().flatten() {
        let Some((_, name)) = place.rsplit_once("node_modules/") else { continue };
        if package["dev"] == true || package["optional"] == true {
            continue;
        }
        found.push(Package {
            name: name.to_owned(),
            version: package["version"].as_str().unwrap_or_default().to_owned(),
            licence: package["license"].as_str().unwrap_or("see its text").to_owned(),
            texts: texts_in(&paths::ui().join(place)),
        });
    }
    Ok(found)
}

/// The files of a package that say what may be done with it.
fn texts_in(folder: &Path) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let says =
            ["license", "licence", "copying", "notice", "unlicense", "ofl"].iter().any(|word| name.starts_with(word));
        if says && let Ok(text) = std::fs::read_to_string(entry.path()) {
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            texts.insert(lines.join("\n").trim().to_owned());
        }
    }
    texts
}
