//! What a way out would reach: a listener on loopback that remembers every connection, and answers as a web server would,
//! so that whatever arrives goes on to tell which way it came.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// A listener for TCP, and one for UDP on the same port.
pub struct Listener {
    /// `127.0.0.1:port`
    pub address: String,
    arrived: Arc<Mutex<Vec<String>>>,
    tasks: [JoinHandle<()>; 2],
}

impl Listener {
    /// Listens. `page` is what `/` answers.
    pub async fn open(page: &'static str) -> Result<Self, Failure> {
        let (tcp, udp) = pair().await.map_err(|e| Failure::answer("the loopback interface", e))?;
        let address = tcp.local_addr().map_err(|e| Failure::answer("the loopback interface", e))?.to_string();
        let arrived: Arc<Mutex<Vec<String>>> = Arc::default();
        let note = |arrived: &Arc<Mutex<Vec<String>>>, what: String| {
            arrived.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        };
        let seen = Arc::clone(&arrived);
        let over_tcp = tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut head = vec![0; 4096];
                    let read = stream.read(&mut head).await.unwrap_or(0);
                    let line = String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned();
                    // A connection without a word is one, too: a preconnect says no more.
                    note(&seen, if line.is_empty() { "a connection".into() } else { line.clone() });
                    let body = if line.split(' ').nth(1) == Some("/") { page } else { "" };
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\naccess-control-allow-origin: *\r\n\
                         content-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    // Who hung up has been counted.
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        let seen = Arc::clone(&arrived);
        let over_udp = tokio::spawn(async move {
            let mut packet = [0; 2048];
            while let Ok((bytes, _)) = udp.recv_from(&mut packet).await {
                note(&seen, format!("UDP /way/webrtc {bytes} bytes"));
            }
        });
        Ok(Self { address, arrived, tasks: [over_tcp, over_udp] })
    }

    /// What has arrived so far: the first line of each request.
    pub fn arrived(&self) -> Vec<String> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// A port that both have free.
async fn pair() -> std::io::Result<(TcpListener, UdpSocket)> {
    let mut last = std::io::Error::other("no port");
    for _ in 0..20 {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}
