//! Whatever is typed or lies in the profile's place: exit 1 or 2, one clear line, one object, no panic.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::process::Command;

use aftercall_campaign::program::{self, Answer};

use crate::world::{World, text};

/// Values that are no value of anything.
fn hostile() -> Vec<OsString> {
    let mut values: Vec<OsString> = [
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "00",
        "18446744073709551616",
        "99999999999999999999999999",
        "1e400",
        "NaN",
        "inf",
        "../../etc/passwd",
        "/dev/null",
        "/dev/zero",
        "%s%n",
        "'; DROP TABLE call_log; --",
        "\u{202e}א",
        "\u{0}".trim_matches('\0'),
        "\u{5d0}\u{5b8}",
        "🎧",
        "\n",
        "a\nb",
        "\"",
        "*",
        "CA",
        "null",
        "{}",
        "2026-13-45",
        "2026-11-23T99:00:00Z",
    ]
    .into_iter()
    .map(OsString::from)
    .collect();
    values.push("x".repeat(100_000).into());
    values.push(OsString::from_vec(vec![0xff, 0xfe, b'x']));
    values
}

/// Every command with `?` where a value goes.
const SHAPES: &[&str] = &[
    "call ?",
    "lead ?",
    "calls --search ?",
    "calls --direction ?",
    "calls --lead ?",
    "calls --status ?",
    "calls --limit ?",
    "calls --cursor ?",
    "leads --search ?",
    "leads --status ?",
    "leads --limit ?",
    "leads --cursor ?",
    "appointments --from ?",
    "appointments --to ?",
    "appointments --calendar ?",
    "fetch ?",
    "play ? --out /dev/full",
    "play CA1 --speed ? --out /nowhere/x.wav",
    "play CA1 --from ? --out /nowhere/x.wav",
    "play CA1 --out ?",
    "export ? --out /dev/full",
    "export CA1 --out ?",
    "turns ?",
    "peaks ?",
    "peaks CA1 --buckets ?",
    "db check ?",
    "db upgrade ?",
    "login crm --url ? --email a@b.example",
    "login crm --url http://127.0.0.1:1 --email ?",
    "?",
    "sync ?",
    "--profile ? calls",
    "calls --json ?",
    "doctor ?",
];

fn mannered(what: &str, answer: &Answer) {
    assert!(matches!(answer.code, Some(0..=2)), "{what}: {answer:?}");
    assert!(!answer.stderr.contains("panicked") && !answer.stderr.contains("RUST_BACKTRACE"), "{what}: {answer:?}");
    if answer.code == Some(1) {
        assert!(answer.json["error"]["code"].is_string(), "{what}: {answer:?}");
        let message = answer.json["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains('\n') && message.len() < 1_000, "{what}: {message}");
    }
}

#[test]
fn no_argument_makes_it_panic_or_speak_out_of_turn() {
    let world = World::small().synced();
    let before = world.run(&["calls"]).ok()["total"].clone();
    let values = hostile();
    for (turn, shape) in SHAPES.iter().enumerate() {
        // Every value would be a thousand runs: a third of them for each shape, another third for the next.
        for value in values.iter().skip(turn % 3).step_by(3) {
            let mut command = Command::new(env!("CARGO_BIN_EXE_aftercall-cli"));
            command.current_dir(world.folder.path()).env("AFTERCALL_KEY_FILE", world.path("root.key"));
            command
                .env("AFTERCALL_PASSWORD", "x")
                .env_remove("AFTERCALL_PASSPHRASE")
                .stdin(std::process::Stdio::null());
            for word in shape.split(' ') {
                if word == "?" {
                    command.arg(value)
                } else {
                    command.arg(word)
                };
            }
            if !shape.contains("--profile") {
                command.arg("--profile").arg(world.profile());
            }
            if !shape.contains("--json") {
                command.arg("--json");
            }
            mannered(&format!("{shape} with {value:?}"), &program::finish(command).unwrap());
        }
    }
    assert_eq!(world.run(&["calls"]).ok()["total"], before);
}

#[test]
fn a_marker_of_the_profile_that_is_none_is_told_and_left() {
    let world = World::small().synced();
    let marker = world.profile().join("profile.json");
    let sound = std::fs::read(&marker).unwrap();
    let command = || program::finish(world.command(&["calls", "--json"])).unwrap();
    let deep = "[".repeat(100_000);
    for content in [&b""[..], b"{}", b"\xff\xfe", b"[1,2]", deep.as_bytes(), &vec![b' '; 80 << 20]] {
        std::fs::write(&marker, content).unwrap();
        let answer = command();
        mannered("a marker", &answer);
        assert_eq!(answer.code, Some(1));
        assert!(answer.peak_rss_bytes < 100 << 20, "{} bytes", answer.peak_rss_bytes);
        assert!(std::fs::read(&marker).unwrap() == content);
    }
    std::fs::remove_file(&marker).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &marker).unwrap();
    mannered("a device", &command());
    std::fs::remove_file(&marker).unwrap();
    assert!(Command::new("mkfifo").arg(&marker).status().unwrap().success());
    mannered("a pipe", &command());
    std::fs::remove_file(&marker).unwrap();
    std::fs::write(&marker, sound).unwrap();
    assert_eq!(command().code, Some(0));
}

#[test]
fn a_key_file_that_is_none_is_told() {
    let world = World::small().synced();
    let pipe = world.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for file in ["/dev/zero", "/dev/null", text(&pipe), text(&world.profile()), "/nowhere/at/all"] {
        let mut command = world.command(&["calls", "--json"]);
        command.env("AFTERCALL_KEY_FILE", file);
        let answer = program::finish(command).unwrap();
        mannered(file, &answer);
        assert_eq!(answer.code, Some(1), "{file}: {answer:?}");
    }
}
