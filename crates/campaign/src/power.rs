//! Power loss of our own files (F5): every file operation of a real fetch, recorded by strace, and for any moment of it
//! a disk that kept only what was synced, and of the rest whatever the seed says.
//!
//! The model is harsher than a file system with a journal: each write and each change of a folder that was not synced
//! may be there or not, independently of the others. What must hold: a file that has its final name is whole, and once
//! its folder was synced after that it is there, with the folders that were made for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::network::Scene;
use crate::program::finish;
use crate::row::{Plan, Row};
use crate::{Failure, faults};

const SEEDS: u64 = 2_000;
const RECORDINGS: usize = 4;
/// How the name of a file ends that is whole.
const FINAL: &str = ".rec";
const CALLS: &str = "openat,open,creat,mkdir,mkdirat,write,pwrite64,writev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat";

/// One operation, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Op {
    Create(String),
    /// A folder.
    Mkdir(String),
    /// Bytes or length of a file change.
    Write(String),
    /// A file's bytes, or a folder's entries, are on the disk.
    Sync(String),
    Rename(String, String),
    Remove(String),
}

/// Reads what `strace -f -y` wrote, as far as it is about `folder`. A call is done where its result stands.
fn read(log: &str, folder: &str) -> Vec<Op> {
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    let mut ops = Vec::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let whole = if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(pid, start.to_owned());
            continue;
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            begun.remove(pid).unwrap_or_default() + end
        } else {
            rest.to_owned()
        };
        ops.extend(op(&whole).filter(|op| paths(op).iter().all(|path| path.starts_with(folder))));
    }
    ops
}

fn paths(op: &Op) -> Vec<&str> {
    match op {
        Op::Create(path) | Op::Mkdir(path) | Op::Write(path) | Op::Sync(path) | Op::Remove(path) => vec![path],
        Op::Rename(from, to) => vec![from, to],
    }
}

fn op(call: &str) -> Option<Op> {
    let (name, rest) = call.split_once('(')?;
    if rest.rsplit_once(" = ").is_none_or(|(_, result)| result.starts_with('-') || result.starts_with('?')) {
        return None;
    }
    let quoted: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
    // The path of a descriptor, or of what an openat returned.
    let described = |text: &str| Some(text.split_once('<')?.1.split_once('>')?.0.to_owned());
    match name {
        "openat" | "open" | "creat" if rest.contains("O_CREAT") || name == "creat" => {
            Some(Op::Create(described(rest.rsplit_once(" = ")?.1)?))
        }
        "mkdir" | "mkdirat" => Some(Op::Mkdir((*quoted.first()?).to_owned())),
        "write" | "pwrite64" | "writev" | "ftruncate" => Some(Op::Write(described(rest.split_once(',')?.0)?)),
        "fsync" | "fdatasync" => Some(Op::Sync(described(rest)?)),
        "rename" | "renameat" | "renameat2" => match quoted.as_slice() {
            [from, to, ..] => Some(Op::Rename((*from).to_owned(), (*to).to_owned())),
            _ => None,
        },
        "unlink" | "unlinkat" => Some(Op::Remove((*quoted.first()?).to_owned())),
        _ => None,
    }
}

/// A file: what was written to it, and how much of that is on the disk.
#[derive(Debug, Default)]
struct Inode {
    writes: usize,
    synced: usize,
}

/// A change of a folder's entries that may be lost.
#[derive(Debug, Clone)]
enum Entry {
    Set(String, usize),
    Gone(String),
}

#[derive(Debug, Default)]
struct Disk {
    inodes: Vec<Inode>,
    /// Folders that were made meanwhile: where such an entry is lost, so is all that lies below.
    made: BTreeSet<String>,
    /// Files that have their final name and whose folder was synced after that: they must be there.
    promised: BTreeSet<String>,
    /// As the running system sees it.
    live: BTreeMap<String, usize>,
    /// On the disk for sure.
    kept: BTreeMap<String, usize>,
    /// By folder, in order.
    pending: BTreeMap<String, Vec<Entry>>,
}

fn parent(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
}

impl Disk {
    fn change(&mut self, entry: Entry) {
        let path = match &entry {
            Entry::Set(path, inode) => {
                self.live.insert(path.clone(), *inode);
                path
            }
            Entry::Gone(path) => {
                self.live.remove(path);
                path
            }
        };
        self.pending.entry(parent(path)).or_default().push(entry.clone());
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Create(path) => {
                if !self.live.contains_key(path) {
                    self.inodes.push(Inode::default());
                    self.change(Entry::Set(path.clone(), self.inodes.len() - 1));
                }
            }
            Op::Mkdir(path) => {
                self.made.insert(path.clone());
                self.inodes.push(Inode::default());
                self.change(Entry::Set(path.clone(), self.inodes.len() - 1));
            }
            Op::Write(path) => {
                if let Some(inode) = self.live.get(path) {
                    self.inodes[*inode].writes += 1;
                }
            }
            Op::Sync(path) => match self.live.get(path).filter(|_| !self.made.contains(path)) {
                Some(inode) => self.inodes[*inode].synced = self.inodes[*inode].writes,
                // A folder.
                None => {
                    for entry in self.pending.remove(path).unwrap_or_default() {
                        if let Entry::Set(path, _) = &entry
                            && path.ends_with(FINAL)
                        {
                            self.promised.insert(path.clone());
                        }
                        self.keep(entry);
                    }
                }
            },
            Op::Rename(from, to) => {
                if let Some(inode) = self.live.get(from).copied() {
                    self.change(Entry::Set(to.clone(), inode));
                    self.change(Entry::Gone(from.clone()));
                }
            }
            Op::Remove(path) => self.change(Entry::Gone(path.clone())),
        }
    }

    fn keep(&mut self, entry: Entry) {
        match entry {
            Entry::Set(path, inode) => {
                self.kept.insert(path, inode);
            }
            Entry::Gone(path) => {
                self.kept.remove(&path);
            }
        }
    }

    /// The power goes. Which names there are then, and whether each file behind one is whole.
    fn crash(mut self, rng: &mut StdRng) -> Vec<(String, bool)> {
        for entry in std::mem::take(&mut self.pending).into_values().flatten() {
            if rng.random_bool(0.5) {
                self.keep(entry);
            }
        }
        let whole: Vec<bool> = self
            .inodes
            .iter()
            .map(|inode| {
                let lost = inode.writes - inode.synced;
                (0..lost).all(|_| rng.random_bool(0.5))
            })
            .collect();
        let is_reached = |path: &str| {
            let mut above = parent(path);
            while !above.is_empty() {
                if self.made.contains(&above) && !self.kept.contains_key(&above) {
                    return false;
                }
                above = parent(&above);
            }
            true
        };
        let kept = self.kept.iter().filter(|(path, _)| is_reached(path));
        kept.map(|(path, inode)| (path.clone(), whole[*inode])).collect()
    }
}

/// What is wrong after the power went at one moment: files that have their final name and are not whole. A file is only
/// compared with what had been written when it got its name, and nothing may be written after that.
fn judge(ops: &[Op], seed: u64) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let moment = rng.random_range(0..=ops.len());
    let mut disk = Disk::default();
    ops[..moment].iter().for_each(|op| disk.apply(op));
    let promised = disk.promised.clone();
    let left = disk.crash(&mut rng);
    let lost = promised.iter().filter(|path| !left.iter().any(|(here, _)| here == *path)).map(|path| (path, "is lost"));
    let broken = left.iter().filter(|(path, is_whole)| path.ends_with(FINAL) && !is_whole);
    let broken = broken.map(|(path, _)| (path, "is not whole"));
    lost.chain(broken).map(|(path, what)| format!("seed {seed}, after {moment} operations: {path} {what}")).collect()
}

/// Nothing may be written to a file that has its final name.
fn written_after(ops: &[Op]) -> Vec<String> {
    let mut done = BTreeSet::new();
    let mut wrong = Vec::new();
    for op in ops {
        match op {
            Op::Rename(_, to) => drop(done.insert(to.as_str())),
            Op::Write(path) if done.contains(path.as_str()) => {
                wrong.push(format!("{path} is written under its final name"))
            }
            _ => {}
        }
    }
    wrong
}

/// Records a real fetch and lets the power go two thousand times.
pub(crate) fn row(plan: &Plan) -> Result<Row, Failure> {
    if !faults::can_trace() {
        return Err(Failure::Setup("strace is missing or may not trace: apt-get install strace".into()));
    }
    let scene = Scene::new(plan)?;
    let mut sids: Vec<&str> = Vec::new();
    for recording in &scene.sandbox.ready().recordings {
        if sids.len() < RECORDINGS && !sids.contains(&recording.call_sid.as_str()) {
            sids.push(&recording.call_sid);
        }
    }
    let log = scene.profile.path("strace.log");
    let fetch = scene.profile.command(&[&["fetch"][..], &sids].concat());
    let answer = finish(faults::recorded(&fetch, CALLS, &log))?;
    if answer.code != Some(0) {
        return Err(Failure::Setup(format!("a fetch that nobody disturbs failed: {} {}", answer.json, answer.stderr)));
    }
    let folder = scene.profile.profile().join("recordings");
    let folder = folder.canonicalize().unwrap_or(folder);
    let text = fs::read(&log).map_err(Failure::file(&log))?;
    let ops = read(&String::from_utf8_lossy(&text), &folder.to_string_lossy());
    let mut row = Row { fault: "F5", ..Row::default() };
    let named: BTreeSet<&str> =
        ops.iter().filter_map(|op| if let Op::Rename(_, to) = op { Some(to.as_str()) } else { None }).collect();
    // Else the log was not understood, and nothing is proven.
    if named.len() != sids.len() {
        row.wrong.push(format!("{} files got their final name, of {}", named.len(), sids.len()));
    }
    row.wrong.extend(written_after(&ops));
    let mut last = Disk::default();
    ops.iter().for_each(|op| last.apply(op));
    row.wrong.extend(last.pending.keys().map(|folder| format!("the entries of {folder} are not synced at the end")));
    for seed in 0..SEEDS {
        row.wrong.extend(judge(&ops, plan.seed.wrapping_mul(SEEDS).wrapping_add(seed)));
        row.n += 1;
    }
    row.figure = format!("{} operations of {} fetches, each time one moment", ops.len(), sids.len());
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"7 mkdir("/p/recordings/ab", 0700) = 0
7 fsync(8</p/recordings>) = 0
7 openat(AT_FDCWD</w>, "/p/recordings/ab/x.part", O_WRONLY|O_CREAT|O_EXCL, 0600) = 9</p/recordings/ab/x.part>
7 write(9</p/recordings/ab/x.part>, "REC1"..., 64) = 64
8 pwrite64(5</p/library.db-wal>, "..", 4096, 0) = 4096
7 write(9</p/recordings/ab/x.part>, "abc"..., 65564 <unfinished ...>
8 fdatasync(5</p/library.db-wal>) = 0
7 <... write resumed>) = 65564
7 fsync(9</p/recordings/ab/x.part>) = 0
7 rename("/p/recordings/ab/x.part", "/p/recordings/ab/x.rec") = 0
7 fsync(9</p/recordings/ab>) = 0
7 unlink("/p/recordings/ab/y.part") = -1 ENOENT (No such file or directory)
"#;

    fn wrong(ops: &[Op]) -> usize {
        (0..SEEDS).map(|seed| judge(ops, seed).len()).sum()
    }

    #[test]
    fn a_log_is_read_by_path_where_calls_end_and_failures_are_none() {
        let file = || "/p/recordings/ab/x.part".to_owned();
        let expected = [
            Op::Mkdir("/p/recordings/ab".into()),
            Op::Sync("/p/recordings".into()),
            Op::Create(file()),
            Op::Write(file()),
            Op::Write(file()),
            Op::Sync(file()),
            Op::Rename(file(), "/p/recordings/ab/x.rec".into()),
            Op::Sync("/p/recordings/ab".into()),
        ];
        assert_eq!(read(LOG, "/p/recordings"), expected);
    }

    #[test]
    fn a_name_that_comes_before_its_bytes_are_synced_is_found() {
        let ops = read(LOG, "/p/recordings");
        assert_eq!(wrong(&ops), 0);
        let mut without = ops.clone();
        without.remove(5);
        assert!(wrong(&without) > 50, "a model that cannot fail proves nothing");
        let mut late = ops;
        late.swap(5, 6);
        assert!(wrong(&late) > 20);
    }

    #[test]
    fn a_folder_whose_entry_was_not_synced_takes_its_file_with_it() {
        let mut ops = read(LOG, "/p/recordings");
        ops.remove(1);
        assert!(wrong(&ops) > 50);
    }

    #[test]
    fn what_is_written_under_the_final_name_is_found() {
        let mut ops = read(LOG, "/p/recordings");
        assert!(written_after(&ops).is_empty());
        ops.push(Op::Write("/p/recordings/ab/x.rec".into()));
        assert_eq!(written_after(&ops).len(), 1);
    }
}
