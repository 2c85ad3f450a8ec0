//! The rooms inside `crates/engine`: the store and the upstream do not know each other, and what binds them stands
//! above both.

use std::path::Path;

use super::Violation;
use super::tokens::{self, Named};
use crate::failure::Failure;

/// A room and the rooms it may enter.
const ROOMS: &[(&str, &[&str])] = &[
    ("secrets", &[]),
    // Both are opened with keys made of the root key; the row of a sealed file is the store's.
    ("store", &["secrets"]),
    ("vault", &["secrets", "store"]),
    ("upstream", &[]),
    ("sync", &["upstream", "store"]),
    ("outbox", &["upstream", "store"]),
    ("retention", &["store", "vault"]),
    ("queue", &["upstream", "store", "vault", "retention"]),
    ("rotation", &["secrets", "store", "vault"]),
];

const SOURCE: &str = "crates/engine/src/";

/// Doors between rooms that the plan does not have.
pub fn violations(file: &str, named: &[Named]) -> Vec<Violation> {
    let Some(module) = file.strip_prefix(SOURCE).map(module_of) else { return Vec::new() };
    let Some((room, allowed)) = module.first().and_then(|first| ROOMS.iter().find(|(room, _)| room == first)) else {
        return Vec::new();
    };
    let mut found: Vec<Violation> = named
        .iter()
        .filter(|path| !path.literal)
        .filter_map(|path| {
            let to = resolve(&module, &path.segments)?;
            let (target, _) = ROOMS.iter().find(|(name, _)| *name == to[0])?;
            let door = target == room || allowed.contains(target) || to.len() == 1;
            (!door).then(|| Violation {
                file: file.to_owned(),
                line: path.line,
                rule: format!("engine::{room} may not use engine::{target} (`{}`)", path.segments.join("::")),
            })
        })
        .collect();
    found.sort();
    found.dedup_by(|a, b| a.line == b.line);
    found
}

/// The engine's root must not open a side door: a room's item named again at the crate's root would pass unseen.
pub fn check_reexports(root: &Path) -> Result<(), Failure> {
    let lib = root.join(SOURCE).join("lib.rs");
    let text = std::fs::read_to_string(&lib).map_err(|e| Failure::file(&lib, e))?;
    match reexport(&text) {
        Some(line) => Err(Failure::check(
            "the engine's root names no room's items again",
            format!("{SOURCE}lib.rs:{line}: `use` of a room; name it as engine::<room>::…"),
        )),
        None => Ok(()),
    }
}

fn reexport(lib: &str) -> Option<usize> {
    let is_room = |word: &String| ROOMS.iter().any(|(room, _)| room == word);
    tokens::paths(lib).ok()?.into_iter().find_map(|path| {
        let segments = path.segments.iter().skip_while(|s| *s == "crate" || *s == "self").collect::<Vec<_>>();
        (path.imported && segments.len() > 1 && is_room(segments[0])).then_some(path.line)
    })
}

/// `store/table/calls.rs` → [store, table, calls].
fn module_of(file: &str) -> Vec<String> {
    let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

/// A path as seen from the crate's root; None for what is neither `crate::` nor `super::`.
fn resolve(module: &[String], segments: &[String]) -> Option<Vec<String>> {
    let mut rest = segments;
    let mut base: Vec<String> = Vec::new();
    match segments.first().map(String::as_str) {
        Some("crate") => rest = &segments[1..],
        Some("super") => {
            base = module.to_vec();
            while rest.first().is_some_and(|s| s == "super") {
                base.pop()?;
                rest = &rest[1..];
            }
        }
        _ => return None,
    }
    base.extend(rest.iter().cloned());
    (!base.is_empty()).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, source: &str) -> Vec<String> {
        violations(file, &tokens::paths(source).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn store_and_upstream_do_not_know_each_other() {
        let planted = found("crates/engine/src/store/table/calls.rs", "use std::io;\nuse crate::upstream::crm::Crm;\n");
        assert_eq!(planted.len(), 1, "{planted:?}");
        assert!(planted[0].starts_with("crates/engine/src/store/table/calls.rs:2: "), "{planted:?}");
        assert_eq!(found("crates/engine/src/upstream/crm.rs", "use super::super::store::Store;").len(), 1);
        assert_eq!(found("crates/engine/src/upstream/mod.rs", "use crate::{store::Store, error::Error};").len(), 1);
    }

    #[test]
    fn sync_and_queue_stand_above_what_they_bind() {
        let all = "use crate::{upstream::crm::Crm, store::Store, vault::Vault};";
        assert!(found("crates/engine/src/queue/runner.rs", all).is_empty());
        assert_eq!(found("crates/engine/src/sync/task.rs", all).len(), 1, "sync does not touch the vault");
        assert_eq!(found("crates/engine/src/vault/intake.rs", "fn f(c: &crate::upstream::Crm) {}").len(), 1);
    }

    #[test]
    fn a_key_may_be_handed_to_the_room_it_opens() {
        assert!(found("crates/engine/src/store/open.rs", "use crate::secrets::DbKey;").is_empty());
        assert_eq!(found("crates/engine/src/upstream/crm.rs", "use crate::secrets::RootKey;").len(), 1);
    }

    #[test]
    fn a_room_may_use_itself() {
        assert!(
            found("crates/engine/src/store/table/calls.rs", "use super::super::StoreError; use crate::store::Tag;")
                .is_empty()
        );
    }

    #[test]
    fn a_rooms_item_named_again_at_the_root_is_found() {
        assert_eq!(reexport("pub mod store;\npub use store::Store;\n"), Some(2));
        assert_eq!(reexport("pub mod store;\npub mod error;\npub use error::EngineError;\n"), None);
    }
}
