//! Where a session leaves anything (T11): every file that is made, by the system calls of the real program. Only the
//! profile, the key that a person chose and the file that a person asked for may be touched; the temporary folder never.

use std::collections::BTreeSet;
use std::fs;

use crate::network::Scene;
use crate::program::finish;
use crate::row::{Plan, Row};
use crate::{Failure, faults};

const CALLS: &str =
    "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat";

/// The paths that one call makes, if it went well.
fn made(call: &str) -> Vec<String> {
    let Some((name, rest)) = call.split_once('(') else { return Vec::new() };
    if rest.rsplit_once(" = ").is_none_or(|(_, result)| result.starts_with('-') || result.starts_with('?')) {
        return Vec::new();
    }
    let quoted: Vec<String> = rest.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    match name {
        "openat" | "open" if !rest.contains("O_CREAT") && !rest.contains("O_TMPFILE") => Vec::new(),
        _ => quoted.last().cloned().into_iter().collect(),
    }
}

/// Reads what `strace -f` wrote: a call that was interrupted by another thread's stands in two pieces.
fn all_made(log: &str) -> BTreeSet<String> {
    let mut begun = std::collections::BTreeMap::new();
    let mut paths = BTreeSet::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(pid, start.to_owned());
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            paths.extend(made(&(begun.remove(pid).unwrap_or_default() + end)));
        } else {
            paths.extend(made(rest));
        }
    }
    paths
}

/// Signs in, syncs, fetches, hears into a file, exports, looks, under strace.
pub(crate) fn row(plan: &Plan) -> Result<Row, Failure> {
    if !faults::can_trace() {
        return Err(Failure::Setup("strace is missing or may not trace: apt-get install strace".into()));
    }
    let scene = Scene::new(plan)?;
    let sid = scene.sandbox.ready().recordings[0].call_sid.clone();
    let heard = scene.profile.path("heard.wav");
    let (log, out) = (scene.profile.path("strace.log"), heard.to_string_lossy().into_owned());
    let ready = scene.sandbox.ready();
    let login = ["login", "crm", "--url", &ready.url, "--email", &ready.email];
    let mut row = Row { fault: "T11", ..Row::default() };
    let mut files = BTreeSet::new();
    let session: [&[&str]; 8] = [
        &login,
        &["sync", "--full"],
        &["fetch", &sid],
        &["play", &sid, "--out", &out],
        &["calls", "--search", "05"],
        &["verify"],
        &["doctor"],
        &["storage"],
    ];
    for arguments in session {
        let mut command = faults::recorded(&scene.profile.command(arguments), CALLS, &log);
        command.env("AFTERCALL_PASSWORD", &ready.password);
        let answer = finish(command)?;
        // A doctor that finds something says so by its code.
        if answer.code != Some(0) && arguments[0] != "doctor" {
            row.wrong.push(format!("{arguments:?} under strace: {} {}", answer.json, answer.stderr));
        }
        files.extend(all_made(&String::from_utf8_lossy(&fs::read(&log).map_err(Failure::file(&log))?)));
        row.n += 1;
    }
    let (profile, key) = (scene.profile.profile(), scene.profile.key_file());
    let own = [profile.to_string_lossy().into_owned(), key.to_string_lossy().into_owned(), out];
    let is_own = |path: &str| own.iter().any(|own| path.starts_with(own.as_str())) || path.starts_with("/dev/");
    row.wrong.extend(files.iter().filter(|path| !is_own(path)).map(|path| format!("{path} was made")));
    // Else the log was not understood, and nothing is proven.
    for needed in ["library.db", "recordings/", ".wav"] {
        if !files.iter().any(|path| path.contains(needed)) {
            row.wrong.push(format!("nothing was seen being made like {needed}"));
        }
    }
    row.figure = format!("{} files and folders made by {} commands, all where they belong", files.len(), row.n);
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_and_what_is_only_opened_is_not() {
        let log = r#"7 openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3
7 openat(AT_FDCWD, "/p/a.part", O_WRONLY|O_CREAT|O_EXCL, 0600) = 9
8 mkdir("/p/ab", 0700 <unfinished ...>
7 openat(AT_FDCWD, "/tmp", O_RDWR|O_TMPFILE, 0600) = 9
8 <... mkdir resumed>) = 0
7 rename("/p/a.part", "/p/a.rec") = 0
7 mkdir("/p/ab", 0700) = -1 EEXIST (File exists)
7 openat(AT_FDCWD, "/q", O_WRONLY|O_CREAT, 0600) = -1 EACCES (Permission denied)
"#;
        let made: Vec<String> = all_made(log).into_iter().collect();
        assert_eq!(made, ["/p/a.part", "/p/a.rec", "/p/ab", "/tmp"]);
    }
}
