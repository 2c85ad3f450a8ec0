//! The peers that are Python: a venv of their own, made once under `target/bench`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use super::measured::{Measured, measure};
use super::{Crm, folder};
use crate::failure::Failure;
use crate::{paths, run};

const SQLITE_UTILS: &str = "sqlite-utils==4.2.1";

/// The venv's interpreter.
pub struct Python {
    program: PathBuf,
}

/// Makes the venv where it is not there yet.
pub async fn python() -> Result<Python, Failure> {
    let venv = folder("")?.join("venv");
    let program = venv.join("bin").join("python");
    if !venv.join("bin").join("sqlite-utils").exists() {
        let mut make = std::process::Command::new("python3");
        run::run(make.arg("-m").arg("venv").arg(&venv))?;
        let mut install = std::process::Command::new(&program);
        run::run(install.args(["-m", "pip", "install", "--quiet", SQLITE_UTILS]))?;
    }
    Ok(Python { program })
}

impl Python {
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
