//! The other side, for development and tests: a real HTTP server that answers as the CRM does and, under
//! `/2010-04-01`, as Twilio does, quirks included, with invented people, real speech and scriptable faults. It shares no wire type with the client.
//!
//! ```no_run
//! # async fn show() -> Result<(), aftercall_sandbox::SandboxError> {
//! use aftercall_sandbox::{Options, Sandbox, Script};
//! let script = Script::parse(r#"[{"match": {"path": "/api/calls"}, "nth": "1", "do": [{"status": 502}]}]"#)?;
//! let sandbox = Sandbox::start(Options { calls: 40, script, ..Options::default() }).await?;
//! let base_url = sandbox.url();
//! let owner = sandbox.ready();
//! # let _ = (base_url, owner);
//! sandbox.stop().await;
//! # Ok(()) }
//! ```

mod data;
mod json;
mod message;
mod movement;
mod routes;
mod script;
mod server;
mod session;
mod texts;
mod twilio;
mod world;

use aftercall_domain::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

pub use script::Script;
pub use twilio::RecordingKey;

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The script is not what `cli.md` describes; the text says where and why.
    #[error("script: {0}")]
    Script(String),
    /// The folder of recordings cannot be read or has no file in it.
    #[error("recordings: {0}")]
    Recordings(String),
    /// The port is taken, or the loopback interface refused.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What the other side should be like.
#[derive(Clone)]
pub struct Options {
    /// 0 = any free port of 127.0.0.1.
    pub port: u16,
    /// How many calls, parent legs not counted: one in sixteen has one, an extra row of the call list.
    pub calls: u64,
    /// How many leads.
    pub leads: u64,
    /// The same seed, counts and start moment give the same people and calls.
    pub seed: u64,
    /// A folder whose files, in order of name, are the recordings; `None` = the built-in ones.
    pub recordings: Option<PathBuf>,
    /// How many GET or HEAD requests of one recording are answered 202 before it is there.
    pub prepare_polls: u32,
    /// Faults.
    pub script: Script,
    /// The server's clock: the data ends a few minutes before its time at the start; sessions age by it.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            calls: 300,
            leads: 60,
            seed: 1,
            recordings: None,
            prepare_polls: 2,
            script: Script::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// What the ready line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    pub url: String,
    /// The owner's account: sees everything.
    pub email: String,
    /// The owner's password.
    pub password: String,
    /// An agent's account: may not list calendars.
    pub agent: Account,
    /// The account at Twilio, and a key to it.
    pub twilio: TwilioAccount,
    /// The newest calls with recordings: at least one for each file, more when the calls reach.
    pub recordings: Vec<RecordingOf>,
}

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name to sign in with.
    pub email: String,
    /// In plain text: nobody real.
    pub password: String,
}

/// How to ask Twilio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioAccount {
    /// `http://127.0.0.1:PORT`, in place of Twilio's own host.
    pub base_url: String,
    /// `AC…`.
    pub account_sid: String,
    /// `SK…`.
    pub key_sid: String,
    /// The key's secret, in plain text: nobody real.
    pub key_secret: String,
}

/// Which file a call's recording is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingOf {
    /// The call.
    pub call_sid: String,
    /// The file's name.
    pub file: String,
    /// Of the bytes served, hex.
    pub sha256: String,
}

impl Ready {
    /// The ready line's JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "url": self.url,
            "email": self.email,
            "password": self.password,
            "agent": {"email": self.agent.email, "password": self.agent.password},
            "twilio": {
                "base_url": self.twilio.base_url, "account_sid": self.twilio.account_sid,
                "key_sid": self.twilio.key_sid, "key_secret": self.twilio.key_secret,
            },
            "recordings": self.recordings.iter().map(|one| json!({
                "call_sid": one.call_sid, "file": one.file, "sha256": one.sha256,
            })).collect::<Vec<_>>(),
        })
    }
}

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// Upper case.
    pub method: String,
    /// With the query, percent-decoded up to it.
    pub path: String,
    /// Names in lower case, in the order sent; `cookie` and `authorization` only say `present`.
    pub headers: Vec<(String, String)>,
    /// UTC milliseconds of the server's clock.
    pub at_ms: i64,
}

impl SeenRequest {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A server that is running. Dropping it stops it.
pub struct Sandbox {
    server: server::Server,
    ready: Ready,
}

impl Sandbox {
    /// Starts listening; the server is ready when this returns.
    ///
    /// # Errors
    /// The recordings cannot be read, or the port is not to be had.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let port = options.port;
        let world = Arc::new(world::World::build(options)?);
        let server = server::Server::start(port, Arc::clone(&world)).await?;
        let ready = world.ready(server.url());
        Ok(Self { server, ready })
    }

    /// The same data as the ready line.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// The key pair of Twilio's encrypted recordings.
    pub fn recording_key(&self) -> &RecordingKey {
        self.server.world().twilio.key()
    }

    /// Calls at Twilio whose recording is encrypted.
    pub fn twilio_sealed_calls(&self) -> Vec<String> {
        twilio::sealed_calls(self.server.world())
    }

    /// The account's own token at Twilio, in place of a key's secret.
    pub fn twilio_auth_token(&self) -> &'static str {
        twilio::AUTH_TOKEN
    }

    /// What was asked so far, oldest first; without the sandbox's own `/sandbox/requests`.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.server.world().seen()
    }

    /// How many requests there were; see [`Sandbox::requests`].
    pub fn request_count(&self) -> usize {
        self.server.world().seen_count()
    }

    /// Lets the business go on by so many steps: calls arrive, change and vanish, leads and appointments too. Returns
    /// the steps so far.
    pub fn move_on(&self, steps: u64) -> u64 {
        self.server.world().move_on(steps)
    }

    /// From now on so many steps are taken before each answer under `/api/`; 0 is a business that stands still.
    pub fn move_each_request(&self, steps: u64) {
        self.server.world().move_each_request(steps);
    }

    /// Deletes a call, as somebody in the CRM would; whether it was there.
    pub fn remove_call(&self, sid: &str) -> bool {
        self.server.world().remove_call(sid)
    }

    /// What `/sandbox/truth` answers: `{kind, steps, total, rows}`, at most 10,000 rows. Null for a kind that is none
    /// of calls, leads, appointments, calendars.
    pub fn truth(&self, kind: &str, offset: u64, limit: u64) -> Value {
        self.server.world().truth(kind, offset, limit).unwrap_or_default()
    }

    /// What `/sandbox/past` answers: `{kind, rows: {key: [earlier states, oldest first]}}` of the rows that moved.
    pub fn past(&self, kind: &str) -> Value {
        self.server.world().past(kind).unwrap_or_default()
    }

    /// Other faults from now on; every rule counts from one.
    pub fn set_script(&self, script: Script) {
        self.server.world().set_script(script);
    }

    /// Stops listening and drops every open connection.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
