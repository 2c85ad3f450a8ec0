//! Serves one recording over loopback HTTP until it is killed: `ours` is the handler of `rec://` over the sealed file,
//! `tower` is tower-http's `ServeDir` over the plain one. Takes which and the folder; prints one JSON line when it
//! listens.

use std::convert::Infallible;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use aftercall_media::respond::{Presence, respond};
use aftercall_yardstick::Recording;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [which, folder] = arguments.as_slice() else { return Err("serve_range ours|tower FOLDER".into()) };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    match which.as_str() {
        "ours" => {
            let recording = Arc::new(Recording::seal(Path::new(folder))?);
            println!("{}", serde_json::json!({"url": url}));
            loop {
                let (stream, _) = listener.accept().await?;
                let recording = Arc::clone(&recording);
                let service = service_fn(move |request: Request<Incoming>| {
                    let recording = Arc::clone(&recording);
                    async move { Ok::<_, Infallible>(ours(&recording, request)) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        }
        "tower" => {
            let service = TowerToHyperService::new(ServeDir::new(folder));
            println!("{}", serde_json::json!({"url": url}));
            loop {
                let (stream, _) = listener.accept().await?;
                let service = service.clone();
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        }
        other => Err(format!("{other}: ours or tower").into()),
    }
}

/// On the connection's own thread: the bytes are in the page cache, as in every server beside it.
fn ours(recording: &Recording, request: Request<Incoming>) -> http::Response<Full<Bytes>> {
    let here = Presence::Here { body: &recording.sealed, etag: "measured-1", content_type: "audio/wav" };
    respond(&request.map(|_| ()), here, &["tauri://localhost"]).map(|body| Full::new(Bytes::from(body)))
}
