//! `cargo xtask bench`: a million calls, or all the speech there is, ours and the peers in one run.
//!
//! What runs is the programs themselves (`aftercall-cli`, `aftercall-sandbox`), optimised; the peers are Python's
//! sqlite3 and sqlite-utils in a venv of their own, sonic-rs, wget2, nginx, tower-http and Chromium. Everything but the
//! window is CPU time of one process, so that other work on the machine disturbs little, and only ratios of one run are
//! judged. Linux only: it reads `/proc`.

mod download;
mod measured;
mod peers;
mod player;
mod query;
mod range;
mod stretch;
mod sync;
mod table;
mod ui;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

use crate::failure::Failure;
use crate::stage::Program;
use crate::{paths, programs, run, until_interrupted};

use measured::{Measured, measure};
use table::Table;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// A first sync, and one in which nothing changed
    Sync,
    /// Pages of lists and of searches
    Query,
    /// 200 recordings from a server that takes its time, beside wget2
    Download,
    /// Speech faster and slower, beside four programs and a crate: what it costs and what is left of it
    Stretch,
    /// From the key to the ear: start, seek and speed, beside mpv
    Player,
    /// One range of a sealed recording, beside pread, nginx and tower-http
    Range,
    /// The real window: start, memory, scrolling, typing, opening a call; beside headless Chromium
    Ui,
}

/// How it is measured.
#[derive(Debug, Clone, Args)]
pub struct Asked {
    /// What is measured
    #[arg(value_enum)]
    pub subject: Subject,
    /// How many calls; 20000 takes a minute, a million a quarter of an hour and 8 GB of disk
    #[arg(long, default_value_t = 1_000_000)]
    pub calls: u64,
    /// Rounds, of which the median counts; each subject has its own number
    #[arg(long)]
    pub rounds: Option<u32>,
    /// Keep the pages and libraries (under target/bench) for the next run
    #[arg(long)]
    pub keep: bool,
    /// Fail where a goal is missed
    #[arg(long)]
    pub strict: bool,
}

/// Builds what is measured, measures, and prints one table.
pub fn bench(asked: &Asked) -> Result<(), Failure> {
    let programs = Programs::build(asked.subject)?;
    let table = until_interrupted(async {
        let mut table = Table::default();
        match asked.subject {
            Subject::Sync => sync::bench(asked, &programs, &peers::python().await?, &mut table).await?,
            Subject::Query => query::bench(asked, &programs, &peers::python().await?, &mut table).await?,
            Subject::Download => download::bench(asked, &programs, &mut table).await?,
            Subject::Stretch => stretch::bench(&mut table)?,
            Subject::Player => player::bench(asked, &programs, &mut table).await?,
            Subject::Range => range::bench(asked, &programs, &mut table).await?,
            Subject::Ui => ui::bench(asked, &programs, &mut table).await?,
        }
        Ok(table)
    })?;
    println!("\n{table}");
    match table.short() {
        0 => Ok(()),
        short if asked.strict => Err(Failure::check("every goal is reached", format!("{short} short"))),
        short => {
            println!("{short} short of the goal (--strict makes that a failure)");
            Ok(())
        }
    }
}

/// The optimised programs.
struct Programs {
    folder: PathBuf,
}

impl Programs {
    const PROFILE: &str = "measure";

    /// What that subject runs, and no more: optimised builds take their time.
    fn build(subject: Subject) -> Result<Self, Failure> {
        let build = |what: &[&str]| run::run(&mut run::cargo(&[&["build", "--profile", Self::PROFILE], what].concat()));
        let (cli, sandbox) = (["-p", "aftercall-cli"], ["-p", "aftercall-sandbox"]);
        let example = |name| ["-p", "aftercall-engine", "--example", name];
        match subject {
            Subject::Sync => {
                build(&[cli, sandbox].concat())?;
                build(&example("measure_parse"))?;
            }
            Subject::Query => {
                build(&[cli, sandbox].concat())?;
                build(&example("measure_query"))?;
            }
            Subject::Download => {
                build(&sandbox)?;
                build(&example("measure_download"))?;
            }
            Subject::Stretch => {}
            Subject::Player => build(&["-p", "aftercall-app", "--example", "measure_player"])?,
            Subject::Range => build(&["-p", "aftercall-yardstick"])?,
            Subject::Ui => {
                programs::build_page()?;
                build(&[cli, sandbox, ["-p", "aftercall"]].concat())?;
            }
        }
        Ok(Self { folder: paths::cargo_target()?.join(Self::PROFILE) })
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn example(&self, name: &str) -> PathBuf {
        self.folder.join("examples").join(name)
    }
}

/// `target/bench`, or a folder in it.
fn folder(name: &str) -> Result<PathBuf, Failure> {
    let folder = paths::results("bench")?.join(name);
    std::fs::create_dir_all(&folder).map_err(|e| Failure::file(&folder, e))?;
    Ok(folder)
}

fn empty(folder: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::file(folder, error)),
        _ => Ok(()),
    }
}

/// The other side with so many calls.
struct Crm {
    program: Program,
    ready: Ready,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
    email: String,
    password: String,
}

impl Crm {
    async fn open(programs: &Programs, calls: u64) -> Result<Self, Failure> {
        let (calls, leads) = (calls.to_string(), (calls / 200).max(20).to_string());
        let args = ["--port", "0", "--calls", &calls, "--leads", &leads];
        let program = programs.program("aftercall-sandbox");
        let mut program = Program::start("sandbox", &program, &args, &[], &folder("")?, true)?;
        let (line, _) = program.first_line(Duration::from_secs(60)).await?;
        let ready = serde_json::from_str(&line).map_err(|e| Failure::answer("aftercall-sandbox", e))?;
        Ok(Self { program, ready })
    }

    async fn end(self) {
        self.program.end().await;
    }
}

/// A library of ours.
struct Library {
    cli: PathBuf,
    profile: PathBuf,
    key: PathBuf,
}

impl Library {
    fn at(programs: &Programs, name: &str) -> Result<Self, Failure> {
        let folder = folder(name)?;
        let (profile, key) = (folder.join("profile"), folder.join("key"));
        Ok(Self { cli: programs.program("aftercall-cli"), profile, key })
    }

    fn forget(&self) -> Result<(), Failure> {
        empty(&self.profile)?;
        let _ = std::fs::remove_file(&self.key);
        Ok(())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.cli);
        command.arg("--profile").arg(&self.profile).arg("--json").args(args);
        command.env("AFTERCALL_KEY_FILE", &self.key).env_remove("AFTERCALL_PASSPHRASE");
        command
    }

    async fn ask(&self, args: &[&str]) -> Result<(Measured, Value), Failure> {
        let measured = measure(self.command(args)).await?;
        let answer = measured.json(args.first().copied().unwrap_or_default())?;
        Ok((measured, answer))
    }

    async fn sign_in(&self, crm: &Crm) -> Result<(), Failure> {
        let mut command = self.command(&["login", "crm", "--url", &crm.ready.url, "--email", &crm.ready.email]);
        command.env("AFTERCALL_PASSWORD", &crm.ready.password);
        measure(command).await?.json("login").map(drop)
    }
}
