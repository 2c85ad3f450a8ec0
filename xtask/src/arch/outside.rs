//! Outside crates that only certain files may name, and SQL, which only the store may write.

use super::Violation;
use super::tokens::Named;

/// A crate and the places (path prefixes from the root) that may name it.
struct Only {
    /// The crate, or several that belong together.
    crates: &'static [&'static str],
    places: &'static [&'static str],
}

const RULES: &[Only] = &[
    Only {
        crates: &[
            "symphonia",
            "symphonia_core",
            "symphonia_bundle_mp3",
            "symphonia_format_riff",
            "symphonia_codec_pcm",
        ],
        places: &["crates/player/src/decode.rs"],
    },
    Only { crates: &["alsa"], places: &["crates/player/src/output/alsa.rs"] },
    Only { crates: &["cpal"], places: &["crates/player/src/output/device.rs"] },
    Only {
        crates: &["rusqlite", "refinery_core", "refinery"],
        // The store lends its connection to what stands above it; what is written on it is the store's own (see SQL).
        places: &[
            "crates/engine/src/",
            "crates/engine/examples/",
            "crates/engine/tests/",
            "crates/cli/tests/",
            "crates/campaign/",
        ],
    },
    Only {
        crates: &["reqwest"],
        places: &[
            "crates/engine/src/upstream/",
            "crates/engine/tests/",
            "crates/sandbox/tests/",
            "crates/cli/tests/",
            "crates/app/tests/",
        ],
    },
    Only { crates: &["tauri", "tauri_build", "wry"], places: &["src-tauri/"] },
    Only {
        crates: &["hyper", "hyper_util", "axum"],
        places: &["crates/sandbox/", "crates/shim/", "crates/yardstick/", "crates/engine/tests/", "xtask/"],
    },
];

/// Where SQL may be written: the store, and tests that look into a database from outside.
const SQL_PLACES: &[&str] = &[
    "crates/engine/src/store/",
    "crates/engine/src/store.rs",
    "crates/engine/tests/",
    "crates/cli/tests/",
    "crates/campaign/",
    "xtask/",
];

/// How a statement begins and what else it must have: a sentence that begins with "Update" is no SQL.
const SQL: &[(&str, &str)] = &[
    ("SELECT ", " FROM "),
    ("INSERT ", " INTO "),
    ("UPDATE ", " SET "),
    ("DELETE FROM ", ""),
    ("CREATE TABLE ", ""),
    ("ALTER TABLE ", ""),
    ("DROP TABLE ", ""),
    ("PRAGMA ", ""),
];

/// What a file names that belongs elsewhere.
pub fn violations(file: &str, named: &[Named]) -> Vec<Violation> {
    let mut found = Vec::new();
    for rule in RULES.iter().filter(|rule| !is_in(file, rule.places)) {
        for (name, path) in rule.crates.iter().flat_map(|name| named.iter().map(move |path| (name, path))) {
            if path.of_crate(name) {
                let rule =
                    format!("`{}`: {name} is named in {} only", path.segments.join("::"), rule.places.join(", "));
                found.push(Violation { file: file.to_owned(), line: path.line, rule });
            }
        }
    }
    if !is_in(file, SQL_PLACES) {
        for literal in named.iter().filter(|path| path.literal && is_sql(&path.segments[0])) {
            let rule = format!("SQL belongs to {}", SQL_PLACES[0]);
            found.push(Violation { file: file.to_owned(), line: literal.line, rule });
        }
    }
    found.sort();
    // One group `use a::{b, c}` is one import.
    found.dedup_by(|a, b| a.file == b.file && a.line == b.line);
    found
}

fn is_in(file: &str, places: &[&str]) -> bool {
    places.iter().any(|place| file.starts_with(place))
}

fn is_sql(literal: &str) -> bool {
    let text = literal.trim_start_matches(['r', 'b', 'c', '#', '"']).trim_start();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    SQL.iter().any(|(start, also)| words.starts_with(start) && words.contains(also))
}

#[cfg(test)]
mod tests {
    use super::super::tokens::paths;
    use super::*;

    fn found(file: &str, source: &str) -> Vec<String> {
        violations(file, &paths(source).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_planted_import_is_told_with_file_and_line() {
        let found = found("crates/app/src/start.rs", "//! Start.\n\nuse reqwest::Client;\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/app/src/start.rs:3: "), "{found:?}");
    }

    #[test]
    fn the_owner_may_name_its_crate() {
        assert!(found("crates/engine/src/upstream/http.rs", "use reqwest::Client;").is_empty());
        assert!(found("crates/player/src/decode.rs", "use symphonia::core::formats::FormatReader;").is_empty());
        assert!(!found("crates/player/src/render.rs", "use symphonia::core::formats::FormatReader;").is_empty());
        assert!(!found("crates/player/src/machine.rs", "fn f() -> cpal::SampleRate { todo() }").is_empty());
    }

    #[test]
    fn sql_outside_the_store_is_found_and_prose_is_not() {
        let shell = "src-tauri/src/rpc.rs";
        assert_eq!(found(shell, "const Q: &str = \"SELECT sid\\n FROM calls\";").len(), 1);
        assert_eq!(found(shell, "const Q: &str = r#\"PRAGMA user_version\"#;").len(), 1);
        assert!(found(shell, "const T: &str = \"UPDATE the app to open this\";").is_empty());
        assert!(
            found("crates/engine/src/store/table/calls.rs", "const Q: &str = \"SELECT sid FROM calls\";").is_empty()
        );
    }
}
