//! The peers that are Python: a venv of their own, made once under `target/bench`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use super::measured::{Measured, measure};
use super::{Crm, folder};
use crate::failure::Failure;
use crate::{paths, run};

const SQLITE_UTILS: &[&str] = &["sqlite-utils==4.2.1"];
/// What judges stretched speech, and what it stands on.
const JUDGES: &[&str] = &["pesq==0.0.4", "pystoi==0.4.1", "numpy==2.4.6", "scipy==1.17.1", "soundfile==0.14.0"];

/// A venv's interpreter.
pub struct Python {
    program: PathBuf,
}

/// The database's peers.
pub async fn python() -> Result<Python, Failure> {
    Python::with("venv", SQLITE_UTILS)
}

/// The judges of stretched speech.
pub fn judges() -> Result<Python, Failure> {
    Python::with("venv-stretch", JUDGES)
}

impl Python {
    /// Makes the venv where it is not there yet.
    fn with(name: &str, packages: &[&str]) -> Result<Self, Failure> {
        let venv = folder("")?.join(name);
        let program = venv.join("bin").join("python");
        // What was installed is written down when all of it was.
        let (list, wanted) = (venv.join("installed.txt"), packages.join("\n"));
        if std::fs::read_to_string(&list).ok().as_ref() != Some(&wanted) {
            let mut make = std::process::Command::new("python3");
            run::run(make.arg("-m").arg("venv").arg(&venv))?;
            let mut install = std::process::Command::new(&program);
            run::run(install.args(["-m", "pip", "install", "--quiet"]).args(packages))?;
            std::fs::write(&list, wanted).map_err(|e| Failure::file(&list, e))?;
        }
        Ok(Self { program })
    }

    /// One of the bench's scripts, in the foreground, for what it says of its progress; gives its answer.
    pub fn judge(&self, script: &str, args: &[&std::ffi::OsStr]) -> Result<Value, Failure> {
        let mut command = std::process::Command::new(&self.program);
        command.arg(paths::root().join("xtask").join("bench").join(script)).args(args);
        command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::inherit());
        let output = command.output().map_err(|source| Failure::Start { program: script.into(), source })?;
        if !output.status.success() {
            return Err(Failure::Status { command: script.into(), status: output.status });
        }
        serde_json::from_slice(&output.stdout).map_err(|e| Failure::answer(script, e))
    }

    async fn run(&self, script: &str, args: &[&str]) -> Result<(Measured, Value), Failure> {
        let mut command = Command::new(&self.program);
        command.arg(paths::root().join("xtask").join("bench").join(script)).args(args);
        let measured = measure(command).await?;
        let answer = measured.json(script)?;
        Ok((measured, answer))
    }

    /// Saves every page of the CRM's calls.
    pub async fn save_pages(&self, crm: &Crm, pages: &Path) -> Result<(), Failure> {
        let ready = &crm.ready;
        let args = [&ready.url, &ready.email, &ready.password, &*pages.to_string_lossy()];
        self.run("save_pages.py", &args).await.map(drop)
    }

    /// sqlite-utils reads saved pages into a database with indexes and full text.
    pub async fn sync(&self, pages: &Path, database: &Path) -> Result<(Measured, Value), Failure> {
        self.run("peer_sync.py", &[&pages.to_string_lossy(), &database.to_string_lossy()]).await
    }

    /// Python's sqlite3 asks that database.
    pub async fn query(&self, database: &Path) -> Result<Value, Failure> {
        Ok(self.run("peer_query.py", &[&database.to_string_lossy()]).await?.1)
    }
}
