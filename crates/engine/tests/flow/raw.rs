//! A server of plain TCP that says whatever a test wants said: what no honest server, and no HTTP library, would.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub head: String,
    /// The `n`-th of its method, from 1.
    pub nth: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// First and last byte, as asked for.
    pub fn range(&self) -> Option<(u64, u64)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    }
}

/// What is done with a connection once the answer was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Serve,
    Close,
    Stall,
}

/// An answer, to the byte.
#[derive(Debug, Clone)]
pub struct Said {
    pub head: String,
    pub body: Vec<u8>,
    pub then: Then,
    /// Waits this long between pieces of so many bytes.
    pub pace: Option<(usize, Duration)>,
}

impl Said {
    pub fn new(head: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { head: head.into(), body: body.into(), then: Then::Serve, pace: None }
    }

    pub fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

type Answerer = dyn Fn(&Asked) -> Said + Send + Sync;

pub struct Raw {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Bytes of bodies that went out to GETs.
    sent: Arc<Mutex<u64>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Raw {
    pub async fn start(answer: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let sent: Arc<Mutex<u64>> = Arc::default();
        let answer: Arc<Answerer> = Arc::new(answer);
        let (all, bytes) = (Arc::clone(&asked), Arc::clone(&sent));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&answer), Arc::clone(&all), Arc::clone(&bytes)));
            }
        });
        Self { url, asked, sent, task }
    }

    /// An honest file, as the CRM serves it: ranges without a validator, the length of a part said twice.
    pub async fn honest(file: Vec<u8>) -> Self {
        Self::start(move |asked| crm_part(&file, asked)).await
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    pub fn gets(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(|one| one.method == "GET").collect()
    }

    pub fn sent_bytes(&self) -> u64 {
        *self.sent.lock().expect("no panic")
    }
}

/// What the CRM answers to a HEAD or to a GET with one range.
pub fn crm_part(file: &[u8], asked: &Asked) -> Said {
    let total = file.len();
    let common = "Content-Type: audio/mpeg\r\nAccept-Ranges: bytes\r\nCache-Control: no-store\r\n";
    match (asked.method.as_str(), asked.range()) {
        ("GET", Some((first, last))) if (first as usize) < total => {
            let last = (last as usize).min(total - 1);
            let part = &file[first as usize..=last];
            let length = format!("Content-Length: {}\r\n", part.len());
            let range = format!("Content-Range: bytes {first}-{last}/{total}\r\n");
            Said::new(format!("HTTP/1.1 206 PARTIAL CONTENT\r\n{length}{range}{common}{length}\r\n"), part)
        }
        ("GET", Some(_)) => Said::new("HTTP/1.1 416 RANGE\r\nContent-Length: 0\r\n\r\n", []),
        ("HEAD", _) => Said::new(format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n{common}\r\n"), []),
        _ => Said::new(format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n{common}\r\n"), file),
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Answerer>, all: Arc<Mutex<Vec<Asked>>>, bytes: Arc<Mutex<u64>>) {
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            let mut block = [0; 4096];
            match stream.read(&mut block).await {
                Ok(n) if n > 0 => read.extend_from_slice(&block[..n]),
                _ => return,
            }
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        read.drain(..end);
        let method = head.split(' ').next().unwrap_or_default().to_owned();
        let asked = {
            let mut all = all.lock().expect("no panic");
            let nth = all.iter().filter(|one| one.method == method).count() + 1;
            let asked = Asked { method, head, nth };
            all.push(asked.clone());
            asked
        };
        let said = answer(&asked);
        if stream.write_all(said.head.as_bytes()).await.is_err() {
            return;
        }
        let piece = said.pace.map_or(16 * 1024, |(bytes, _)| bytes);
        for part in said.body.chunks(piece) {
            if stream.write_all(part).await.is_err() {
                return;
            }
            if asked.method == "GET" {
                *bytes.lock().expect("no panic") += part.len() as u64;
            }
            if let Some((_, wait)) = said.pace {
                tokio::time::sleep(wait).await;
            }
        }
        match said.then {
            Then::Serve => {}
            Then::Close => return,
            Then::Stall => std::future::pending().await,
        }
    }
}
