//! Nothing that a person said, and nobody's name, stands anywhere on the disk in a form that can be read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aftercall_sandbox::Options;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

use crate::world::{World, ran, text};

/// A tone that no cipher makes by chance.
fn tone() -> Vec<u8> {
    let samples = (0..80_000_u32).flat_map(|n| ((n % 97 * 331) as i16).to_le_bytes());
    let data: Vec<u8> = samples.collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    for word in [16_u32, 1 | 1 << 16, 8_000, 16_000, 2 | 16 << 16] {
        wav.extend(word.to_le_bytes());
    }
    wav.extend(b"data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}

/// Forms in which a word could be found.
fn forms(word: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![("raw", word.to_vec())];
    if let Ok(text) = std::str::from_utf8(word) {
        forms.push(("UTF-16LE", text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        forms.push(("UTF-16BE", text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
    }
    forms.push(("hex", hex::encode(word).into_bytes()));
    forms.push(("HEX", hex::encode_upper(word).into_bytes()));
    for shift in 0..3 {
        let shifted = [vec![0; shift], word.to_vec()].concat();
        let encoded = STANDARD_NO_PAD.encode(&shifted).into_bytes();
        // The ends share letters with what stands before and behind.
        let from = (shift * 8).div_ceil(6);
        forms.push(("base64", encoded[from..encoded.len() - 1].to_vec()));
    }
    forms
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { below(&path, found) } else { found.push(path) }
    }
}

/// Where each canary was found, by file and form.
fn hits(folder: &Path, canaries: &BTreeMap<&str, Vec<u8>>) -> Vec<String> {
    let mut files = Vec::new();
    below(folder, &mut files);
    let mut hits = Vec::new();
    for file in files {
        // Made and removed while the app runs: the library's log, a lock.
        let Ok(bytes) = fs::read(&file) else { continue };
        for (name, word) in canaries {
            for (form, pattern) in forms(word) {
                if memchr::memmem::find(&bytes, &pattern).is_some() {
                    hits.push(format!("{name} as {form} in {}", file.display()));
                }
            }
        }
    }
    hits
}

#[test]
fn the_search_for_canaries_finds_each_form() {
    let folder = tempfile::tempdir().unwrap();
    let canaries = BTreeMap::from([("name", "דנה לוי".as_bytes().to_vec())]);
    for (at, (_, pattern)) in forms(&canaries["name"]).into_iter().enumerate() {
        fs::write(folder.path().join("file"), [b"xyz".to_vec(), pattern, b"abc".to_vec()].concat()).unwrap();
        assert!(!hits(folder.path(), &canaries).is_empty(), "form {at}");
    }
}

#[test]
fn names_numbers_words_secrets_and_sound_are_nowhere_on_the_disk_while_it_runs_and_after() {
    let sounds = tempfile::tempdir().unwrap();
    fs::write(sounds.path().join("tone.wav"), tone()).unwrap();
    let recordings = Some(sounds.path().to_owned());
    let options = Options { calls: 60, leads: 12, prepare_polls: 0, recordings, ..Options::default() };
    let world = World::new(options);
    let (places, profile) = (world.path("places"), world.path("places/profile"));
    fs::create_dir(&places).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_aftercall-cli"));
        command.args(arguments).arg("--json").arg("--profile").arg(&profile).stdin(std::process::Stdio::null());
        command.env("AFTERCALL_KEY_FILE", world.path("root.key"));
        command.env("AFTERCALL_PASSWORD", &world.sandbox().ready().password).env("AFTERCALL_LOG", "trace");
        // Whatever is written by habit lands where it is looked for.
        for variable in ["TMPDIR", "HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
            command.env(variable, &places);
        }
        command
    };
    let ready = world.sandbox().ready().clone();
    let truth = |kind: &str| world.sandbox().truth(kind, 0, 100)["rows"].as_array().unwrap().clone();
    let (calls, leads) = (truth("calls"), truth("leads"));
    let words = |rows: &[Value], field: &str, count: usize| -> Vec<Vec<u8>> {
        let long = rows.iter().filter_map(|row| row[field].as_str()).filter(|word| word.len() >= 10);
        long.take(count).map(|word| word.as_bytes().to_vec()).collect()
    };
    let mut canaries = BTreeMap::new();
    for (kind, found) in [
        (["lead 1", "lead 2", "lead 3", "lead 4"], words(&leads, "name", 4)),
        (["number 1", "number 2", "number 3", "number 4"], words(&calls, "from", 4)),
        (["called 1", "called 2", "called 3", "called 4"], words(&calls, "to", 4)),
        (["summary 1", "summary 2", "summary 3", "summary 4"], words(&calls, "summary", 4)),
        (["said 1", "said 2", "said 3", "said 4"], words(&calls, "transcript", 4)),
    ] {
        canaries.extend(kind.into_iter().zip(found));
    }
    canaries.insert("e-mail", ready.email.clone().into_bytes());
    canaries.insert("password", ready.password.clone().into_bytes());
    canaries.insert("tone", tone()[1_000..1_064].to_vec());
    assert!(canaries.len() >= 20, "{:?}", canaries.keys());

    let login = ["login", "crm", "--url", &ready.url, "--email", &ready.email];
    let mut found = Vec::new();
    for arguments in [&login[..], &["sync"], &["fetch", &world.call(0), &world.call(1)]] {
        let mut child = run(arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            found.extend(hits(&places, &canaries));
        }
        assert!(child.wait().unwrap().success(), "{arguments:?}");
        found.extend(hits(&places, &canaries));
    }
    let out = world.path("played.wav");
    let sid = world.call(0);
    for arguments in [
        &["calls", "--search", "05"][..],
        &["play", &sid, "--out", text(&out)],
        &["turns", &sid],
        &["verify"],
        &["doctor"],
        &["call", "CA0"],
    ] {
        let said = ran(run(arguments).output().unwrap());
        found.extend(hits(&places, &canaries));
        for (name, word) in &canaries {
            assert!(memchr::memmem::find(said.stderr.as_bytes(), word).is_none(), "{name} is told by {arguments:?}");
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(out.exists() && profile.join("library.db").exists());
}
