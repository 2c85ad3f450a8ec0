//! The CRM of the stage: `aftercall-sandbox`, and its ready line.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
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

/// One request that it was asked.
#[derive(Debug, Deserialize)]
struct Asked {
    method: String,
    path: String,
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
        let bytes = self.own("/sandbox/requests").await?;
        let all: Vec<Asked> = serde_json::from_slice(&bytes).map_err(|e| Failure::answer("the sandbox", e))?;
        let of = |one: &&Asked| one.method == method && one.path.starts_with(begins) && one.path.ends_with(ends);
        Ok(all.iter().filter(of).count())
    }

    /// A page of the sandbox's own, which is no part of the CRM.
    async fn own(&self, path: &str) -> Result<Bytes, Failure> {
        let url = format!("{}{path}", self.ready.url.trim_end_matches('/'));
        let failed = |error: &dyn std::fmt::Display| Failure::answer("the sandbox", error);
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.get(url.parse().map_err(|e| failed(&e))?).await.map_err(|e| failed(&e))?;
        Ok(answer.into_body().collect().await.map_err(|e| failed(&e))?.to_bytes())
    }

    /// Ends it.
    pub async fn end(self) {
        self.program.end().await;
    }
}
