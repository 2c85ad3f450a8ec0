//! The wire. Requests are parsed by `httparse`; answers are written by hand, because the CRM sends Content-Length
//! twice and a script may lie about it, cut it or stall it: what any HTTP library exists to prevent.

mod faults;

use crate::SandboxError;
use crate::message::{Request, Response};
use crate::script::Pieces;
use crate::world::World;
use bytes::Bytes;
use faults::Delivery;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Far above any header block or JSON body a client of this API sends.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;
/// As uvicorn is configured upstream.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

pub(crate) struct Server {
    world: Arc<World>,
    url: String,
    stop: watch::Sender<bool>,
    accepting: Option<tokio::task::JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start(port: u16, world: Arc<World>) -> Result<Self, SandboxError> {
        let listen = |source| SandboxError::Listen { port, source };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(listen)?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr().map_err(listen)?.port());
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&world), stopped));
        Ok(Self { world, url, stop, accepting: Some(accepting) })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(accepting) = self.accepting.take() {
            // A panic in a connection's task was printed by the runtime already; there is nothing left to do with it.
            let _ = accepting.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// One task for each connection: a reader that is slow, stalled or gone holds up nobody else.
async fn accept(listener: TcpListener, world: Arc<World>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = async { let _ = stopped.wait_for(|stop| *stop).await; } => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&world)));
                }
                // Out of file descriptors, most likely: let connections end before trying again.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

/// Serves one connection until it ends. An error here is a client that went away, which is its right.
async fn converse(mut stream: TcpStream, world: Arc<World>) {
    // The head and the body go out in separate writes: without this, Nagle would hold the second back.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Ok(Some((request, keep_alive)))) =
        tokio::time::timeout(KEEP_ALIVE, read_request(&mut stream, &mut buffer)).await
    {
        let head_only = request.is_head();
        let answering = Arc::clone(&world);
        // A search through a million calls is work for a thread, not for the runtime.
        let Ok((response, delivery)) = tokio::task::spawn_blocking(move || faults::answer(&answering, request)).await
        else {
            return;
        };
        match deliver(&mut stream, &response, &delivery, head_only, keep_alive).await {
            Ok(true) if keep_alive => {}
            _ => return,
        }
    }
}

/// The next request of a connection and whether it stays open; `None` at its end.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<(Request, bool)>> {
    let broken = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    loop {
        let mut slots = [httparse::EMPTY_HEADER; 100];
        let mut parsed = httparse::Request::new(&mut slots);
        match parsed.parse(buffer) {
            Ok(httparse::Status::Complete(head_bytes)) => {
                let headers: Vec<(String, String)> = parsed
                    .headers
                    .iter()
                    .map(|header| {
                        (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
                    })
                    .collect();
                let method = parsed.method.unwrap_or_default().to_owned();
                let target = parsed.path.unwrap_or_default().to_owned();
                let find =
                    |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
                let keep_alive = parsed.version == Some(1)
                    && !find("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                if find("transfer-encoding").is_some() {
                    return Err(broken("chunked request bodies are not spoken here"));
                }
                let body_bytes: u64 = match find("content-length") {
                    None => 0,
                    Some(value) => value.trim().parse().map_err(|_| broken("a bad Content-Length"))?,
                };
                if body_bytes > MAX_BODY_BYTES {
                    return Err(broken("a body too large"));
                }
                let expects = find("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
                buffer.drain(..head_bytes);
                if expects {
                    stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
                }
                let body_bytes = usize::try_from(body_bytes).map_err(|_| broken("a body too large"))?;
                while buffer.len() < body_bytes {
                    if stream.read_buf(buffer).await? == 0 {
                        return Ok(None);
                    }
                }
                let body: Bytes = buffer.drain(..body_bytes).collect::<Vec<_>>().into();
                let (path, query) = split_target(&target);
                return Ok(Some((Request { method, path, query, headers, body }, keep_alive)));
            }
            Ok(httparse::Status::Partial) if buffer.len() > MAX_HEAD_BYTES => return Err(broken("a head too large")),
            Ok(httparse::Status::Partial) => {}
            Err(error) => {
                let _ = stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .await;
                return Err(broken(&error.to_string()));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn split_target(target: &str) -> (String, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // `form_urlencoded` would also turn "+" into a space, which a path does not do.
    let decoded =
        url::form_urlencoded::parse(path.replace('+', "%2B").replace('=', "%3D").replace('&', "%26").as_bytes())
            .next()
            .map(|(key, _)| key.into_owned())
            .unwrap_or_default();
    (decoded, query.to_owned())
}

/// Writes an answer; says whether the connection may go on.
async fn deliver(
    stream: &mut TcpStream,
    response: &Response,
    delivery: &Delivery,
    head_only: bool,
    keep_alive: bool,
) -> std::io::Result<bool> {
    if let Some(delay) = delivery.delay {
        tokio::time::sleep(delay).await;
    }
    if delivery.reset && delivery.cut_after.is_none() {
        stream.set_zero_linger()?;
        return Ok(false);
    }
    let bodyless = head_only || matches!(response.status, 204 | 304);
    stream.write_all(&head_bytes(response, delivery, keep_alive)).await?;
    let body: &[u8] = if bodyless { &[] } else { &response.body };
    let stop_at = delivery.stops_at().and_then(|at| usize::try_from(at).ok()).filter(|at| *at <= body.len());
    let sent = &body[..stop_at.unwrap_or(body.len())];
    match delivery.drip_bytes_per_s {
        None => match delivery.chunked.filter(|_| !bodyless) {
            Some(pieces) => write_chunks(stream, sent, sent.len() == body.len(), pieces).await?,
            None => stream.write_all(sent).await?,
        },
        Some(rate) => {
            // Ten helpings a second; below ten bytes a second, one byte at a time.
            let helping = usize::try_from((rate / 10).max(1)).unwrap_or(usize::MAX);
            let pause = Duration::from_secs_f64(helping as f64 / rate as f64);
            for piece in sent.chunks(helping) {
                stream.write_all(piece).await?;
                stream.flush().await?;
                tokio::time::sleep(pause).await;
            }
        }
    }
    stream.flush().await?;
    if bodyless {
        return Ok(true);
    }
    if delivery.stall_after.is_some() && stop_at.is_some() {
        // Open and silent until the other side gives up or the server stops.
        let mut ignored = [0u8; 1024];
        while stream.read(&mut ignored).await? > 0 {}
        return Ok(false);
    }
    if delivery.cut_after.is_some() && stop_at.is_some() {
        if delivery.reset {
            stream.set_zero_linger()?;
        } else {
            stream.shutdown().await?;
        }
        return Ok(false);
    }
    // After a lie about the length the next answer's first byte would be read as this one's body, or the reverse.
    let is_framed = delivery.length_lie.is_none()
        && response.declared_bytes.is_none()
        && delivery.more_headers.is_empty()
        && matches!(delivery.chunked, None | Some(Pieces::Good));
    Ok(is_framed)
}

/// The body without its length; what is cut off has no last chunk.
async fn write_chunks(stream: &mut TcpStream, body: &[u8], is_whole: bool, pieces: Pieces) -> std::io::Result<()> {
    let count = body.len().div_ceil(CHUNK_BYTES);
    for (index, piece) in body.chunks(CHUNK_BYTES).enumerate() {
        let is_last = index + 1 == count;
        let length = match pieces {
            Pieces::NoLength if index == 0 => "zz".to_owned(),
            Pieces::TooShort if is_last => format!("{:x}", piece.len() + 1000),
            _ => format!("{:x}", piece.len()),
        };
        stream.write_all(length.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
        stream.write_all(piece).await?;
        if pieces == Pieces::TooShort && is_last {
            return Ok(());
        }
        stream.write_all(b"\r\n").await?;
    }
    if is_whole && pieces == Pieces::Good { stream.write_all(b"0\r\n\r\n").await } else { Ok(()) }
}

fn head_bytes(response: &Response, delivery: &Delivery, keep_alive: bool) -> Vec<u8> {
    let honest = response.declared_bytes.unwrap_or(response.body.len() as u64);
    let length = delivery.length_lie.map_or(honest, |lie| lie.apply(honest)).to_string();
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(delivery.now_ms.unsigned_abs()));
    let mut head = format!("HTTP/1.1 {} {}\r\ndate: {date}\r\nserver: uvicorn\r\n", response.status, response.reason());
    let mut said_length = false;
    for (name, value) in &response.headers {
        let value = if name == "content-length" {
            if delivery.chunked.is_some() {
                continue;
            }
            said_length = true;
            &length
        } else {
            value
        };
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    for (name, value) in &delivery.more_headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if delivery.chunked.is_some() {
        head.push_str("transfer-encoding: chunked\r\n");
    } else if !said_length && !matches!(response.status, 204 | 304) {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    if !keep_alive {
        head.push_str("connection: close\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}
