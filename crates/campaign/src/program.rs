//! The program under judgement and its profile: run to its end, or killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aftercall_sandbox::Ready;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Failure, pause};

const POLL: Duration = Duration::from_micros(500);
/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a run said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The one object of standard output; null when it is not one.
    pub json: Value,
    /// Standard error.
    pub stderr: String,
    /// Largest resident set that was seen while it ran.
    pub peak_rss_bytes: u64,
    /// How long it ran.
    pub took: Duration,
}

impl Answer {
    /// The error code, or `ok`.
    pub fn word(&self) -> String {
        match (self.code, self.json["error"]["code"].as_str()) {
            (Some(0), _) => "ok".to_owned(),
            (Some(_), Some(code)) => code.to_owned(),
            (Some(code), None) => format!("exit {code}"),
            (None, _) => "signal".to_owned(),
        }
    }
}

impl Answer {
    /// As [`Answer::word`], of a run that may have been killed.
    pub fn end(&self) -> String {
        let is_killed = self.code.is_none() || self.code == Some(137);
        if is_killed { "killed".to_owned() } else { self.word() }
    }
}

/// A folder with a profile and the key file that opens it.
#[derive(Debug)]
pub struct Profile {
    cli: PathBuf,
    folder: TempDir,
}

impl Profile {
    /// An empty one, for the program at `cli`.
    ///
    /// # Errors
    /// No room for it.
    pub fn new(cli: &Path) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("aftercall-campaign-").tempdir();
        Ok(Self { cli: cli.to_owned(), folder: folder.map_err(Failure::file(std::env::temp_dir()))? })
    }

    /// A file beside the profile.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The profile's folder.
    pub fn profile(&self) -> PathBuf {
        self.path("profile")
    }

    /// The key file.
    pub fn key_file(&self) -> PathBuf {
        self.path("root.key")
    }

    /// The library.
    pub fn library(&self) -> PathBuf {
        self.profile().join("library.db")
    }

    /// Another program over the same profile.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg("--profile")
            .arg(self.profile())
            .env("AFTERCALL_KEY_FILE", self.key_file())
            .env_remove("AFTERCALL_PASSPHRASE")
            .env_remove("AFTERCALL_PASSWORD")
            .stdin(Stdio::null());
        command
    }

    /// `aftercall-cli … --json`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_of(&self.cli, arguments);
        command.arg("--json");
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It does not start, or it hangs.
    pub fn run(&self, arguments: &[&str]) -> Result<Answer, Failure> {
        finish(self.command(arguments))
    }

    /// Runs what every campaign relies on, and gives its object.
    ///
    /// # Errors
    /// It failed.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let answer = self.run(arguments)?;
        if answer.code == Some(0) {
            return Ok(answer.json);
        }
        let said = (answer.code, answer.json, answer.stderr);
        Err(Failure::Setup(format!("{} failed: {said:?}", arguments.join(" "))))
    }

    /// Signs in.
    ///
    /// # Errors
    /// It failed.
    pub fn sign_in(&self, ready: &Ready) -> Result<(), Failure> {
        let mut command = self.command(&["login", "crm", "--url", &ready.url, "--email", &ready.email]);
        command.env("AFTERCALL_PASSWORD", &ready.password);
        let answer = finish(command)?;
        if answer.code == Some(0) { Ok(()) } else { Err(Failure::Setup(format!("login failed: {answer:?}"))) }
    }

    /// Every row of a paged list.
    ///
    /// # Errors
    /// A page failed, or the cursor goes round.
    pub fn all(&self, command: &str) -> Result<Vec<Value>, Failure> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..10_000 {
            let mut arguments = vec![command, "--limit", "1000"];
            if let Some(cursor) = &cursor {
                arguments.extend(["--cursor", cursor]);
            }
            let mut page = self.ask(&arguments)?;
            if let Value::Array(page) = page[command].take() {
                rows.extend(page);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(rows),
            }
        }
        Err(Failure::Setup(format!("the pages of {command} have no end")))
    }
}

/// How a run ended that was to be killed.
#[derive(Debug)]
pub enum Ended {
    /// By SIGKILL, so long after its start.
    Killed(Duration),
    /// By itself, before its moment came.
    ByItself(Answer),
}

/// Starts it and kills it so long after `is_due` first holds.
///
/// # Errors
/// It does not start.
pub fn kill_after(command: Command, is_due: impl Fn() -> bool, after: Duration) -> Result<Ended, Failure> {
    let mut run = Run::start(command)?;
    let mut due: Option<Instant> = None;
    loop {
        if due.is_none() && is_due() {
            due = Some(Instant::now() + after);
        }
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            break;
        }
        if run.has_ended()? {
            return Ok(Ended::ByItself(run.answer()?));
        }
        pause(left.map_or(POLL, |left| left.min(POLL)));
    }
    let elapsed = run.began.elapsed();
    let _ = run.child.kill();
    let answer = run.answer()?;
    // It may have ended between the last look and the signal.
    Ok(if answer.code.is_none() { Ended::Killed(elapsed) } else { Ended::ByItself(answer) })
}

/// Runs a command to its end.
///
/// # Errors
/// It does not start, or it hangs.
pub fn finish(command: Command) -> Result<Answer, Failure> {
    let name = format!("{command:?}");
    let mut run = Run::start(command)?;
    while !run.has_ended()? {
        if run.began.elapsed() > PATIENCE {
            let _ = run.child.kill();
            let _ = run.answer()?;
            return Err(Failure::Setup(format!("{name} hangs")));
        }
        pause(POLL);
    }
    run.answer()
}

struct Run {
    child: Child,
    began: Instant,
    peak_rss_bytes: u64,
    stdout: std::thread::JoinHandle<Vec<u8>>,
    stderr: std::thread::JoinHandle<Vec<u8>>,
}

impl Run {
    fn start(mut command: Command) -> Result<Self, Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        let began = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| Failure::Start { program, source })?;
        let stdout = drain(child.stdout.take());
        let stderr = drain(child.stderr.take());
        Ok(Self { child, began, peak_rss_bytes: 0, stdout, stderr })
    }

    fn has_ended(&mut self) -> Result<bool, Failure> {
        // Read before the look: what has ended has no memory left to tell of.
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib =
            peak.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|text| text.trim().parse::<u64>().ok());
        self.peak_rss_bytes = self.peak_rss_bytes.max(kib.unwrap_or(0) * 1024);
        let ended = self.child.try_wait().map_err(|source| Failure::Start { program: "wait".into(), source })?;
        Ok(ended.is_some())
    }

    fn answer(mut self) -> Result<Answer, Failure> {
        let status = self.child.wait().map_err(|source| Failure::Start { program: "wait".into(), source })?;
        let took = self.began.elapsed();
        let read = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
        Ok(Answer {
            code: status.code(),
            json: serde_json::from_slice(&read(self.stdout)).unwrap_or(Value::Null),
            stderr: String::from_utf8_lossy(&read(self.stderr)).into_owned(),
            peak_rss_bytes: self.peak_rss_bytes,
            took,
        })
    }
}

fn drain(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}
