//! The CRM of the stage: `aftercall-sandbox`, and its ready line.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
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

    /// How many requests of this method it was asked so far whose path begins and ends so.
    pub async fn asked(&self, method: &str, begins: &str, ends: &str) -> Result<usize, Failure> {
        let text = self.own("/sandbox/requests").await?;
        let answer: serde_json::Value = serde_json::from_str(&text).map_err(|e| Failure::answer("the sandbox", e))?;
        let requests = answer.as_array().ok_or_else(|| Failure::answer("the sandbox", "no list of requests"))?;
        let of = |one: &&serde_json::Value| {
            let path = one["path"].as_str().unwrap_or_default();
            one["method"] == method && path.starts_with(begins) && path.ends_with(ends)
        };
        Ok(requests.iter().filter(of).count())
    }

    /// A page of the sandbox's own, which is no part of the CRM.
    async fn own(&self, path: &str) -> Result<String, Failure> {
        let failed = |error: std::io::Error| Failure::answer("the sandbox", error);
        let address = self.ready.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).await.map_err(failed)?;
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.map_err(failed)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(failed)?;
        let answer = String::from_utf8_lossy(&answer);
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        body.ok_or_else(|| Failure::answer("the sandbox", answer))
    }

    /// Ends it.
    pub async fn end(self) {
        self.program.end().await;
    }
}
