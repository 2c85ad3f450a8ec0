//! A program in the background that is ended with everything it started.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::failure::Failure;

/// How long a program may take to end when asked, before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// Variables of the person's session that must not leak onto the stage.
const FOREIGN: &[&str] = &["AFTERCALL_KEY_FILE", "AFTERCALL_PASSPHRASE", "AFTERCALL_PASSWORD", "AFTERCALL_SECRET"];

/// A running program, alone in a process group.
pub struct Program {
    name: String,
    child: Child,
    group: Option<Pid>,
    log: PathBuf,
}

impl Program {
    /// Starts `program`; its standard error goes to `<logs>/<name>.log`, its standard output too unless it is read
    /// by [`Program::first_line`].
    pub fn start(
        name: &str,
        program: &Path,
        args: &[&str],
        env: &[(&str, String)],
        logs: &Path,
        read_output: bool,
    ) -> Result<Self, Failure> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|e| Failure::file(&log, e))?;
        let copy = file.try_clone().map_err(|e| Failure::file(&log, e))?;
        let mut command = Command::new(program);
        for foreign in FOREIGN {
            command.env_remove(foreign);
        }
        command
            .args(args)
            .envs(env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::piped())
            .stdout(if read_output { Stdio::piped() } else { copy.into() })
            .stderr(file)
            // A group of its own: Ctrl-C reaches us only, and ending the group ends what the program started.
            .process_group(0);
        let child =
            command.spawn().map_err(|source| Failure::Start { program: program.display().to_string(), source })?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Program { name: name.to_owned(), child, group, log })
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Writes `text` to the program's standard input and closes it.
    pub async fn say(&mut self, text: &str) -> Result<(), Failure> {
        if let Some(mut stdin) = self.child.stdin.take() {
            stdin.write_all(text.as_bytes()).await.map_err(|e| Failure::answer(&self.name, e))?;
        }
        Ok(())
    }

    /// The first line the program prints; it must come within `limit`.
    pub async fn first_line(&mut self, limit: Duration) -> Result<(String, BufReader<ChildStdout>), Failure> {
        let stdout = self.child.stdout.take().ok_or_else(|| Failure::answer(&self.name, "its output is not read"))?;
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        match timeout(limit, reader.read_line(&mut line)).await {
            Ok(Ok(n)) if n > 0 => Ok((line.trim_end().to_owned(), reader)),
            Ok(Err(e)) => Err(Failure::answer(&self.name, e)),
            Ok(Ok(_)) => {
                Err(Failure::answer(&self.name, format!("it ended without a word; see {}", self.log.display())))
            }
            Err(_) => Err(Failure::Waited {
                what: format!("the first line of {}", self.name),
                seconds: limit.as_secs(),
                seen: "nothing".into(),
            }),
        }
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the program ends by itself.
    pub async fn ended(&mut self) -> Result<std::process::ExitStatus, Failure> {
        self.child.wait().await.map_err(|e| Failure::answer(&self.name, e))
    }

    /// Asks with `signal`, and waits; what does not end in time is killed.
    pub async fn end_with(mut self, signal: Signal) {
        self.signal(signal);
        if timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            let _ = timeout(GRACE, self.child.wait()).await;
        }
        // The leader is gone; what it started may not be.
        self.signal(Signal::KILL);
        self.group = None;
    }

    /// Ends the program as a machine that shuts down would.
    pub async fn end(self) {
        self.end_with(Signal::TERM).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // A group that is already empty is what we want.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Program {
    /// A run that failed or was interrupted leaves nothing behind.
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        self.signal(Signal::KILL);
    }
}
