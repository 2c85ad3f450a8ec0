//! Released migrations do not change.

use std::collections::BTreeMap;
use std::path::Path;

use aftercall_engine::store::latest_version;
use sha2::{Digest as _, Sha256};

#[test]
fn every_migration_is_frozen_and_the_first_is_the_schema_of_older_installations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let frozen: BTreeMap<String, String> = std::fs::read_to_string(folder.join("frozen.txt"))
        .expect("frozen.txt")
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
        .collect();
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).expect("migrations") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if name.ends_with(".sql") {
            let bytes = std::fs::read(folder.join(&name)).expect("a file");
            assert!(!bytes.contains(&b'\r'), "{name}: line ends are part of the checksum");
            found.insert(name, hex::encode(Sha256::digest(bytes)));
        }
    }
    assert_eq!(found, frozen, "a released migration never changes; a new one gets its line in frozen.txt");
    let versions: Vec<String> = (1..=latest_version()).map(|v| format!("V{v:04}__")).collect();
    assert!(found.keys().zip(&versions).all(|(name, start)| name.starts_with(start)) && found.len() == versions.len());
    assert_eq!(
        found.values().next().map(String::as_str),
        Some("791acad45f5863e497e645da672d5e9bb8b6b0290c5083b0b940712404b35ac8")
    );
}
