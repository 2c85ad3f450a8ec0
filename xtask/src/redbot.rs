//! REDbot, an outside judge of HTTP, over the shim: a stored recording is what its headers say, its ranges are slices of
//! it, and its entity tag validates. Runs from a venv of its own under `target/judge`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::checks::Checks;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::stage::{Home, Program, Sandbox};
use crate::{paths, run};

const REDBOT: &str = "redbot==2.7.1";
/// The venv, once it is whole.
const MADE: &str = "redbot-2.7.1";

/// Makes the venv where it is not there yet; gives its interpreter.
fn python() -> Result<PathBuf, Failure> {
    let venv = paths::results("judge")?.join("venv");
    let (program, made) = (venv.join("bin/python"), venv.join(MADE));
    if !made.exists() {
        run::run(std::process::Command::new("python3").arg("-m").arg("venv").arg(&venv))?;
        run::run(std::process::Command::new(&program).args(["-m", "pip", "install", "--quiet", REDBOT]))?;
        std::fs::write(&made, "").map_err(|e| Failure::file(&made, e))?;
    }
    Ok(program)
}

/// Fetches a recording of each container from the sandbox and has REDbot check it through the shim.
pub async fn judged(checks: &mut Checks, logs: &Path) -> Result<(), Failure> {
    let python = python()?;
    let home = Home::new()?;
    let key = home.path().join("key").to_string_lossy().into_owned();
    let profile = home.path().join("profile");
    let sandbox = Sandbox::open(0, logs).await?;
    let ready = &sandbox.ready;
    let cli = Cli::new(&profile, vec![("AFTERCALL_KEY_FILE", key.clone())])?;
    cli.sign_in(&ready.url, &ready.email, &ready.password)?;
    cli.ask(&["sync"], None)?;
    let mut sids = Vec::new();
    for file in ["call-mono-30s.mp3", "call-dual-20s.wav"] {
        let recording = ready.recordings.iter().find(|recording| recording.file == file);
        let sid = &recording.ok_or_else(|| Failure::answer("aftercall-sandbox", format!("no {file}")))?.call_sid;
        cli.ask(&["fetch", sid], None)?;
        sids.push((file, sid.clone()));
    }
    let shim = paths::built("aftercall-rec-shim")?;
    let folder = profile.to_string_lossy();
    let environment = [("AFTERCALL_KEY_FILE", key)];
    let mut shim = Program::start("rec-shim", &shim, &["--profile", &folder], &environment, logs, true)?;
    let (line, _output) = shim.first_line(Duration::from_secs(60)).await?;
    let said: Value = serde_json::from_str(&line).map_err(|e| Failure::answer("aftercall-rec-shim", e))?;
    let url = said["url"].as_str().ok_or_else(|| Failure::answer("aftercall-rec-shim", &line))?;
    for (file, sid) in sids {
        let mut command = Command::new(&python);
        command.arg(paths::root().join("xtask/redbot/check.py")).arg(format!("{url}/crm:{sid}")).kill_on_drop(true);
        let output = command.output().await.map_err(|source| Failure::Start { program: "REDbot".into(), source })?;
        let found: Value = serde_json::from_slice(&output.stdout).map_err(|e| Failure::answer("REDbot", e))?;
        let notes = found["notes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let bad: Vec<&Value> = notes.iter().filter(|note| note["level"] == "bad").collect();
        let looked = found["status"] == 200 && found["complete"] == true && !notes.is_empty();
        checks.rule(&format!("REDbot reads {file} through the shim"), looked, &found["status"]);
        checks.rule(&format!("REDbot finds no error in {file}"), looked && bad.is_empty(), format!("{bad:?}"));
        for (what, rule) in [("partial_support", "its ranges are slices of it"), ("inm_support", "its tag validates")] {
            checks.rule(&format!("REDbot: {file}: {rule}"), found[what] == true, &found[what]);
        }
    }
    shim.end().await;
    sandbox.end().await;
    Ok(())
}
