//! The CRM of the stage: `aftercall-sandbox`, and its ready line.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::BufReader;
use tokio::process::ChildStdout;

use super::Program;
use crate::failure::Failure;
use crate::paths;

/// What the sandbox says when it is ready. Fields that the stage has no use for are left out.
#[derive(Debug, Deserialize)]
pub struct Ready {
    pub url: String,
    pub email: String,
    pub password: String,
    pub twilio: TwilioAccount,
    pub recordings: Vec<Recording>,
}

/// How the sandbox is asked as Twilio.
#[derive(Debug, Clone, Deserialize)]
pub struct TwilioAccount {
    pub account_sid: String,
    pub key_sid: String,
    pub key_secret: String,
}

/// A recording and the call it belongs to; the newest call comes first.
#[derive(Debug, Clone, Deserialize)]
pub struct Recording {
    pub call_sid: String,
    pub file: String,
}

/// The running sandbox.
pub struct Sandbox {
    program: Program,
    pub ready: Ready,
    _output: BufReader<ChildStdout>,
}

impl Sandbox {
    /// Starts it on a free port with its own invented people and recordings.
    pub async fn open(prepare_polls: u32, logs: &Path) -> Result<Self, Failure> {
        Self::open_with(&["--prepare-polls", &prepare_polls.to_string()], logs).await
    }

    /// As [`Sandbox::open`], with these arguments.
    pub async fn open_with(args: &[&str], logs: &Path) -> Result<Self, Failure> {
        let args = [&["--port", "0"], args].concat();
        let mut program = Program::start("sandbox", &paths::built("aftercall-sandbox")?, &args, &[], logs, true)?;
        let (line, output) = program.first_line(Duration::from_secs(60)).await?;
        let ready = serde_json::from_str(&line).map_err(|e| Failure::answer("aftercall-sandbox", e))?;
        Ok(Sandbox { program, ready, _output: output })
    }

    /// Ends it.
    pub async fn end(self) {
        self.program.end().await;
    }
}
