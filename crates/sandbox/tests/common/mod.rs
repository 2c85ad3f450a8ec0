//! A client that shows what is on the wire: no HTTP library between the test and the bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(dead_code, reason = "each test program uses a part of it")]

use aftercall_domain::clock::ManualClock;
use aftercall_sandbox::{Options, Sandbox};
use serde_json::Value;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A Sunday noon in Israel, in winter.
pub const NOW_MS: i64 = 1_795_341_600_000;

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(known, _)| known == name).count()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error} in {} bytes: {}", self.body.len(), String::from_utf8_lossy(&self.body))
        })
    }

    /// The cookie that it sets, as a request sends it.
    pub fn cookie(&self) -> Option<String> {
        Some(self.header("set-cookie")?.split(';').next()?.to_owned())
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Self { status, headers, body: bytes[end + 4..].to_vec() })
    }
}

/// Sends one request on a connection of its own and reads to its end.
pub async fn send(url: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = open(url, method, target, headers, body).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    Answer::parse(&bytes).unwrap()
}

/// Sends one request and leaves the reading to the caller.
pub async fn open(url: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Somebody who is signed in.
pub struct Person {
    pub url: String,
    pub cookie: String,
}

impl Person {
    pub async fn sign_in(url: &str, email: &str, password: &str) -> Self {
        let body = serde_json::json!({"email": email, "password": password}).to_string();
        let answer = send(url, "POST", "/api/auth/login", &[("Content-Type", "application/json")], &body).await;
        assert_eq!(answer.status, 200);
        Self { url: url.to_owned(), cookie: answer.cookie().unwrap() }
    }

    pub async fn owner(sandbox: &Sandbox) -> Self {
        let ready = sandbox.ready();
        Self::sign_in(sandbox.url(), &ready.email, &ready.password).await
    }

    pub async fn agent(sandbox: &Sandbox) -> Self {
        let agent = &sandbox.ready().agent;
        Self::sign_in(sandbox.url(), &agent.email, &agent.password).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[]).await
    }

    pub async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let headers: Vec<_> = headers.iter().copied().chain([("Cookie", self.cookie.as_str())]).collect();
        send(&self.url, method, target, &headers, "").await
    }

    pub async fn post(&self, method: &str, target: &str, body: &Value) -> Answer {
        let headers = [("Content-Type", "application/json"), ("Cookie", self.cookie.as_str())];
        send(&self.url, method, target, &headers, &body.to_string()).await
    }
}

/// A sandbox at a known moment, and its clock.
pub async fn start(options: Options) -> (Sandbox, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let sandbox = Sandbox::start(Options { clock: clock.clone(), ..options }).await.unwrap();
    (sandbox, clock)
}

/// A path of the audio route.
pub fn file_of(sid: &str) -> String {
    format!("/api/recordings/file/{sid}")
}
