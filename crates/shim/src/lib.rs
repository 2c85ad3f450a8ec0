//! The handler of `rec://` over loopback HTTP, so that suites which speak HTTP can judge the function that the webview
//! asks. A development tool: the app itself listens nowhere, and no shipped program depends on this crate.
#![deny(missing_docs)]

use std::convert::Infallible;
use std::future::Future;
use std::io;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Hosts that this computer goes by. A name that an outsider could point here is none of them.
const OWN_HOSTS: &[&str] = &["127.0.0.1", "localhost", "[::1]"];
/// The host under which Windows' webview asks for `rec://`.
const WINDOWS_HOST: &str = "rec.localhost";

/// Answers every request that comes in with `answer`, until the listener fails.
///
/// # Errors
/// The listener's.
pub async fn serve<A, F>(listener: TcpListener, answer: A) -> io::Result<Infallible>
where
    A: Fn(Request<()>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Vec<u8>>> + Send + 'static,
{
    // Dropped with this future: nothing is answered after it.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        while connections.try_join_next().is_some() {}
        let answer = answer.clone();
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answering = asked(request).map(&answer);
                async move {
                    let response = match answering {
                        Ok(answering) => answering.await,
                        Err(status) => refused(status),
                    };
                    Ok::<_, Infallible>(response.map(|body| Full::new(Bytes::from(body))))
                }
            });
            // A client that goes away has that right.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn refused(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

/// The request as the webview would send it: the same method, headers and path, under the scheme of its platform.
fn asked(request: Request<Incoming>) -> Result<Request<()>, StatusCode> {
    let (mut parts, _body) = request.into_parts();
    let (scheme, host) =
        if is_windows_form(&parts.uri, &parts.headers)? { ("http", WINDOWS_HOST) } else { ("rec", "localhost") };
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut uri = http::uri::Parts::default();
    uri.scheme = Scheme::try_from(scheme).ok();
    uri.authority = Some(Authority::from_static(host));
    uri.path_and_query = Some(path);
    // `OPTIONS *` has no path that `rec://` knows.
    parts.uri = Uri::from_parts(uri).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Request::from_parts(parts, ()))
}

/// Which of its two forms the address has.
fn is_windows_form(uri: &Uri, headers: &HeaderMap) -> Result<bool, StatusCode> {
    let said = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => said.ok_or(StatusCode::BAD_REQUEST)?,
    };
    if authority == WINDOWS_HOST {
        return Ok(true);
    }
    let without_port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let host = without_port.map_or(authority, |(host, _)| host);
    if OWN_HOSTS.contains(&host) { Ok(false) } else { Err(StatusCode::MISDIRECTED_REQUEST) }
}
