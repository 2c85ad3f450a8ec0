//! `aftercall-cli` on the stage: the same app without a window.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::paths;
use crate::stage::{Environment, Recording};

/// The command line over one profile.
pub struct Cli {
    program: PathBuf,
    profile: PathBuf,
    environment: Environment,
}

/// A call to listen to, whose lead has an appointment to show.
#[derive(Debug, Clone)]
pub struct Scene {
    pub sid: String,
    pub recording_id: String,
    pub file: String,
    pub lead_id: String,
    pub lead_name: String,
    pub calendar_name: String,
}

impl Cli {
    /// The program as built, over `profile`.
    pub fn new(profile: &Path, environment: Environment) -> Result<Self, Failure> {
        Ok(Cli { program: paths::built("aftercall-cli")?, profile: profile.to_owned(), environment })
    }

    /// Runs a command and reads its one JSON object; an error object is the failure's text.
    pub fn ask(&self, args: &[&str], secret: Option<&str>) -> Result<Value, Failure> {
        let mut command = Command::new(&self.program);
        command.arg("--profile").arg(&self.profile).arg("--json").args(args);
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        if let Some(password) = secret {
            command.env("AFTERCALL_PASSWORD", password);
        }
        let name = format!("aftercall-cli {}", args.first().unwrap_or(&""));
        let output = command.output().map_err(|source| Failure::Start { program: name.clone(), source })?;
        let said = String::from_utf8_lossy(&output.stdout);
        let value: Value = serde_json::from_str(said.trim()).map_err(|e| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            Failure::answer(&name, format!("{e}; status {}; {}", output.status, stderr.trim()))
        })?;
        match value.get("error") {
            Some(error) if !output.status.success() => Err(Failure::answer(&name, error)),
            _ if !output.status.success() => Err(Failure::Status { command: name, status: output.status }),
            _ => Ok(value),
        }
    }

    /// Signs in to the CRM; the password goes by the environment, never as an argument.
    pub fn sign_in(&self, url: &str, email: &str, password: &str) -> Result<Value, Failure> {
        self.ask(&["login", "crm", "--url", url, "--email", email], Some(password))
    }

    /// Finds a recording whose call has a lead with a next appointment in a named calendar; `wanted` files are tried
    /// first, in their order.
    pub fn scene(&self, recordings: &[Recording], wanted: &[&str]) -> Result<Scene, Failure> {
        let rank =
            |recording: &&Recording| wanted.iter().position(|file| *file == recording.file).unwrap_or(wanted.len());
        let mut tried: Vec<&Recording> = recordings.iter().filter(|r| wanted.contains(&r.file.as_str())).collect();
        tried.sort_by_key(rank);
        for recording in tried.iter().take(40) {
            let call = self.ask(&["call", &recording.call_sid], None)?;
            let lead_id = match &call["lead_id"] {
                Value::Null => continue,
                Value::String(id) => id.clone(),
                number => number.to_string(),
            };
            let Some(recording_id) = call["recording"]["id"].as_str() else { continue };
            let lead = self.ask(&["lead", &lead_id], None)?;
            let Some(calendar_name) = lead["next_appointment"]["calendar_name"].as_str() else { continue };
            return Ok(Scene {
                sid: recording.call_sid.clone(),
                recording_id: recording_id.to_owned(),
                file: recording.file.clone(),
                lead_id,
                lead_name: lead["name"].as_str().unwrap_or_default().to_owned(),
                calendar_name: calendar_name.to_owned(),
            });
        }
        Err(Failure::answer("aftercall-sandbox", "no recorded call has a lead with an appointment in a named calendar"))
    }
}
