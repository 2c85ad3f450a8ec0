//! Which crate may depend on which, from the manifests.

use std::path::Path;

use super::Violation;
use crate::failure::Failure;

/// A crate of ours and the crates of ours it may depend on. A crate that is not here has no place in the plan yet.
const LAYERS: &[(&str, &[&str])] = &[
    ("aftercall-domain", &[]),
    ("aftercall-media", &["aftercall-domain"]),
    ("aftercall-player", &["aftercall-domain", "aftercall-media"]),
    ("aftercall-engine", &["aftercall-domain", "aftercall-media"]),
    ("aftercall-app", &["aftercall-domain", "aftercall-media", "aftercall-player", "aftercall-engine"]),
    ("aftercall-cli", &["aftercall-app", "aftercall-domain"]),
    ("aftercall", &["aftercall-app", "aftercall-domain"]),
    // The other side of the wire: it must not share the client's idea of it.
    ("aftercall-sandbox", &["aftercall-domain"]),
    // Breaks the programs and judges what is left: between both sides, and in no shipped program.
    (CAMPAIGN, &["aftercall-app", "aftercall-domain", "aftercall-engine", "aftercall-player", SANDBOX]),
    // The handler of rec:// over loopback HTTP, for outside suites: it listens, so no shipped program may have it.
    (SHIM, &["aftercall-app", "aftercall-player"]),
    // Feeds hostile bytes to whatever reads them; in no shipped program.
    (FUZZ, &["aftercall-domain", "aftercall-media", "aftercall-player", "aftercall-engine"]),
    // What the benches run of ours beside peers that are libraries: it listens, so no shipped program may have it.
    (YARDSTICK, &["aftercall-media"]),
    ("xtask", &[]),
];

const CAMPAIGN: &str = "aftercall-campaign";
const SHIM: &str = "aftercall-rec-shim";
const FUZZ: &str = "aftercall-fuzz";
const YARDSTICK: &str = "aftercall-yardstick";

/// The sandbox is a fixture for every test but those of the crates below the network.
const SANDBOX: &str = "aftercall-sandbox";
const TESTS_WITHOUT_SANDBOX: &[&str] = &["aftercall-domain", "aftercall-media", SANDBOX, "xtask"];

/// Outside crates that belong to few of ours, and why. (Sandbox and tests speak to themselves with other tools.)
const OUTSIDE: &[(&str, &[&str], &str)] = &[
    ("symphonia", &["aftercall-player"], "sound is decoded in the player only"),
    ("cpal", &["aftercall-player"], "sound devices belong to the player"),
    ("alsa", &["aftercall-player"], "sound devices belong to the player"),
    ("wsola", &["aftercall-player"], "time-stretch belongs to the player"),
    ("rusqlite", &["aftercall-engine", CAMPAIGN], "only the engine's store speaks SQL"),
    ("refinery-core", &["aftercall-engine", CAMPAIGN], "only the engine's store migrates"),
    ("reqwest", &["aftercall-engine"], "only the engine's upstream speaks HTTP"),
    ("keyring-core", &["aftercall-engine"], "only the engine's secrets open the keychain"),
    ("tauri", &["aftercall"], "the application does not know its shell"),
    (
        "tokio",
        &[
            "aftercall-engine",
            "aftercall-app",
            "aftercall-cli",
            "aftercall",
            SANDBOX,
            CAMPAIGN,
            SHIM,
            YARDSTICK,
            "xtask",
        ],
        "domain, media and player are not async",
    ),
];

/// Edges that the plan forbids, each at the line of the manifest that declares it.
pub fn violations(root: &Path, metadata: &serde_json::Value) -> Result<Vec<Violation>, Failure> {
    let packages = metadata["packages"].as_array().ok_or_else(|| Failure::answer("cargo metadata", "no packages"))?;
    let mut found = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let text = std::fs::read_to_string(manifest).map_err(|e| Failure::file(manifest, e))?;
        let file = manifest.strip_prefix(root).unwrap_or(manifest).to_string_lossy().replace('\\', "/");
        let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut edges: Vec<(&str, bool)> = dependencies
            .iter()
            .map(|d| (d["name"].as_str().unwrap_or_default(), d["kind"].as_str() == Some("dev")))
            .collect();
        edges.sort_unstable();
        edges.dedup();
        if !LAYERS.iter().any(|(known, _)| *known == name) {
            found.push(Violation {
                file,
                line: 1,
                rule: format!("{name} has no place in the plan (xtask arch, crates)"),
            });
            continue;
        }
        for (to, dev) in edges {
            if let Some(rule) = forbidden(name, to, dev) {
                found.push(Violation { file: file.clone(), line: line_of(&text, to), rule });
            }
        }
    }
    Ok(found)
}

/// Why `from` may not depend on `to`, if it may not.
fn forbidden(from: &str, to: &str, dev: bool) -> Option<String> {
    if LAYERS.iter().any(|(name, _)| *name == to) {
        let allowed = LAYERS.iter().find(|(name, _)| *name == from).map_or(&[][..], |(_, allowed)| allowed);
        let fixture = dev
            && ((from == SHIM && matches!(to, "aftercall-domain" | "aftercall-engine"))
                || (to == SANDBOX && !TESTS_WITHOUT_SANDBOX.contains(&from))
                || (to == CAMPAIGN && from == "aftercall-cli"));
        return (!allowed.contains(&to) && !fixture && from != to).then(|| format!("{from} may not depend on {to}"));
    }
    let (_, owners, why) = OUTSIDE.iter().find(|(name, ..)| *name == to)?;
    (!dev && !owners.contains(&from)).then(|| format!("{from} may not depend on {to}: {why}"))
}

/// The line that declares a dependency, or the first.
fn line_of(manifest: &str, dependency: &str) -> usize {
    let declares = |line: &str| {
        line.trim_start().strip_prefix(dependency).is_some_and(|rest| rest.trim_start().starts_with(['.', '=']))
    };
    manifest.lines().position(declares).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_against_the_layers_is_forbidden() {
        assert!(forbidden("aftercall-media", "aftercall-player", false).is_some());
        assert!(forbidden("aftercall-engine", "aftercall-player", false).is_some());
        assert!(forbidden("aftercall-player", "aftercall-engine", true).is_some());
        assert!(forbidden("aftercall-sandbox", "aftercall-engine", false).is_some());
        assert!(forbidden("aftercall", "aftercall-engine", false).is_some());
        assert!(forbidden("aftercall-player", "aftercall-media", false).is_none());
    }

    #[test]
    fn the_sandbox_is_for_tests_only() {
        assert!(forbidden("aftercall-engine", "aftercall-sandbox", true).is_none());
        assert!(forbidden("aftercall-engine", "aftercall-sandbox", false).is_some());
        assert!(forbidden("aftercall-domain", "aftercall-sandbox", true).is_some());
    }

    #[test]
    fn no_shipped_program_has_the_shim_that_listens() {
        for shipped in ["aftercall", "aftercall-cli", "aftercall-app", "aftercall-engine", "aftercall-media"] {
            for dev in [false, true] {
                assert!(forbidden(shipped, SHIM, dev).is_some(), "{shipped}");
            }
        }
    }

    #[test]
    fn an_outside_crate_stays_with_its_owner() {
        assert!(forbidden("aftercall-app", "reqwest", false).is_some());
        assert!(forbidden("aftercall", "rusqlite", false).is_some());
        assert!(forbidden("aftercall-cli", "rusqlite", true).is_none());
        assert!(forbidden("aftercall-engine", "rusqlite", false).is_none());
        assert!(forbidden("aftercall-domain", "serde", false).is_none());
    }

    #[test]
    fn a_planted_edge_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        std::fs::write(
            &manifest,
            "[package]\nname = \"aftercall-media\"\n[dependencies]\naftercall-engine.workspace = true\n",
        )
        .unwrap();
        let metadata = serde_json::json!({"packages": [{
            "name": "aftercall-media",
            "manifest_path": manifest,
            "dependencies": [{"name": "aftercall-engine", "kind": null}],
        }]});
        let found = violations(folder.path(), &metadata).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.as_str(), found[0].line), ("Cargo.toml", 4));
    }
}
