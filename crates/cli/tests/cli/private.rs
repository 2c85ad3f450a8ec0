//! What the program is to the rest of the machine: it leaves nothing that others may open, and no memory on the disk.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::world::{World, ran, text};

/// Everything in a folder, itself included.
fn all_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut at = 0;
    while at < found.len() {
        let path = found[at].clone();
        at += 1;
        if path.is_dir() {
            found.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

/// The program under a mask that shuts nothing.
fn open_to_all(world: &World, arguments: &[&str]) -> Command {
    let command = world.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    shell.arg("--json").stdin(Stdio::null());
    shell
}

#[test]
fn whatever_the_mask_all_that_is_made_is_its_owners_alone() {
    let world = World::small();
    let ready = world.sandbox().ready();
    let mut login = open_to_all(&world, &["login", "crm", "--url", &ready.url, "--email", &ready.email]);
    assert_eq!(ran(login.env("AFTERCALL_PASSWORD", &ready.password).output().unwrap()).code, 0);
    let out = world.path("out");
    std::fs::create_dir(&out).unwrap();
    let sid = world.call(0);
    let (wav, mp3) = (out.join("heard.wav"), out.join("call.mp3"));
    for arguments in [
        &["sync"][..],
        &["fetch", &sid],
        &["play", &sid, "--out", text(&wav)],
        &["export", &sid, "--out", text(&mp3)],
        &["doctor", "--repair"],
    ] {
        let done = ran(open_to_all(&world, arguments).output().unwrap());
        assert!(done.code == 0 || arguments[0] == "doctor", "{arguments:?} {} {}", done.stdout, done.stderr);
    }
    let made: Vec<PathBuf> = all_in(&world.profile()).into_iter().chain([wav, mp3, world.path("root.key")]).collect();
    assert!(made.iter().any(|path| path.extension().is_some_and(|ending| ending == "rec")), "{made:?}");
    assert!(made.iter().any(|path| path.extension().is_some_and(|ending| ending == "log")), "{made:?}");
    for path in made {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{path:?} is {mode:o}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_may_leave_no_core_and_shuts_what_it_makes() {
    let world = World::small();
    let ready = world.sandbox().ready();
    // It waits for the password: long enough to be looked at.
    let mut child = open_to_all(&world, &["login", "crm", "--url", &ready.url, "--email", &ready.email])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let about = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
    let field = |text: &str, name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let began = std::time::Instant::now();
    while field(&about("status"), "Umask:") != "0077" {
        assert!(began.elapsed().as_secs() < 30, "the mask is {}", field(&about("status"), "Umask:"));
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    while began.elapsed().as_secs() < 30 && !field(&about("limits"), "Max core file size").starts_with("0 ") {
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    let core = field(&about("limits"), "Max core file size");
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    child.stdin.take().unwrap().write_all(format!("{}\n", ready.password).as_bytes()).unwrap();
    assert_eq!(ran(child.wait_with_output().unwrap()).code, 0);
}
