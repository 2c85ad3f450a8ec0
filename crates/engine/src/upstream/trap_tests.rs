//! Every way that an address or a redirect could carry a secret to somebody else, against a server that keeps what it
//! is sent: nothing that it gets says who asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aftercall_domain::clock::SystemClock;
use aftercall_domain::ids::RecordingId;
use base64::Engine as _;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::http::{Http, Limits, Proof, Question};
use super::twilio::{Twilio, TwilioCredentials, twilio_origin};
use super::{Crm, Origin, RecordingSource as _, UpstreamError};

const COOKIE: &str = "s3cret-c00kie";
const CSRF: &str = "s3cret-csrf";
const BEARER: &str = "s3cret-bearer";
const KEY_SECRET: &str = "s3cret-key";
const ROW: &str = r#"{"sid": "RE1", "status": "completed", "call_sid": "CA1"}"#;

fn sid(kind: &str) -> String {
    format!("{kind}{}", "a".repeat(32))
}

fn basic() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{}:{KEY_SECRET}", sid("SK")))
}

/// What nobody but the origin may see, in any form that it is sent in.
fn secrets() -> Vec<String> {
    vec![COOKIE.into(), CSRF.into(), BEARER.into(), KEY_SECRET.into(), basic(), sid("SK")]
}

type Log = Arc<Mutex<Vec<u8>>>;

/// Keeps every byte, and answers each request with `answer`. Listens on both loopback addresses, at one port.
async fn server(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (u16, Log) {
    let log = Log::default();
    let first = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = first.local_addr().expect("an address").port();
    let answer = Arc::new(answer);
    let second = TcpListener::bind(("::1", port)).await.ok();
    for listener in [Some(first), second].into_iter().flatten() {
        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&answer)));
            }
        });
    }
    (port, log)
}

async fn serve(mut stream: TcpStream, log: Log, answer: Arc<impl Fn(&str) -> String>) {
    let mut request = Vec::new();
    let mut block = [0; 4096];
    while let Ok(n) = stream.read(&mut block).await {
        log.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&block[..n]);
        request.extend_from_slice(&block[..n]);
        if n == 0 || request.windows(4).any(|four| four == b"\r\n\r\n") {
            break;
        }
    }
    let said = answer(&String::from_utf8_lossy(&request));
    let _ = stream.write_all(said.as_bytes()).await;
}

fn sound() -> String {
    "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsound".into()
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn limits() -> Limits {
    let short = Duration::from_secs(2);
    Limits { connect: short, idle: short, json: short, ..Limits::default() }
}

fn told(log: &Log) -> Vec<String> {
    let bytes = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    secrets().into_iter().filter(|secret| text.contains(secret)).collect()
}

fn is_asked(log: &Log) -> bool {
    !log.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
}

fn twilio_at(port: u16) -> Twilio {
    let credentials =
        TwilioCredentials::new(&sid("AC"), &sid("SK"), SecretString::from(KEY_SECRET)).expect("credentials");
    let origin = twilio_origin(Some(&format!("http://127.0.0.1:{port}"))).expect("an origin");
    Twilio::new(origin, credentials, Vec::new(), limits(), Arc::new(SystemClock::new())).expect("a client")
}

fn crm_at(port: u16) -> Crm {
    let origin: Origin = format!("http://127.0.0.1:{port}").parse().expect("an origin");
    let crm = Crm::new(origin, limits(), Arc::new(SystemClock::new())).expect("a client");
    crm.with_session(Some(SecretString::from(COOKIE)), None)
}

/// Addresses as a hostile server would write them. `TRAP` is the trap's port, `OWN` the origin's.
const ADDRESSES: [&str; 60] = [
    "http://127.0.0.1:TRAP/x",
    "http://localhost:TRAP/x",
    "http://[::1]:TRAP/x",
    "http://[::ffff:127.0.0.1]:TRAP/x",
    "http://[::ffff:7f00:1]:TRAP/x",
    "http://2130706433:TRAP/x",
    "http://0x7f000001:TRAP/x",
    "http://0x7f.1:TRAP/x",
    "http://0177.0.0.1:TRAP/x",
    "http://127.1:TRAP/x",
    "http://127.0.0.1.:TRAP/x",
    "http://localhost.:TRAP/x",
    "http://0.0.0.0:TRAP/x",
    "http://[::]:TRAP/x",
    "http://127.0.0.2:TRAP/x",
    "http://127.0.0.1:OWN@127.0.0.1:TRAP/x",
    "http://127.0.0.1@127.0.0.1:TRAP/x",
    "http://user:word@127.0.0.1:TRAP/x",
    "http://user@localhost:TRAP/x",
    "http://:@127.0.0.1:TRAP/x",
    "http://127.0.0.1:TRAP#@127.0.0.1:OWN/x",
    "http://127.0.0.1:TRAP/#127.0.0.1:OWN",
    "http://127.0.0.1:TRAP?127.0.0.1:OWN",
    "http://127.0.0.1:TRAP\\@127.0.0.1:OWN/x",
    "http://127.0.0.1:TRAP\\127.0.0.1:OWN/x",
    "http:\\\\127.0.0.1:TRAP\\x",
    "http:/127.0.0.1:TRAP/x",
    "http:127.0.0.1:TRAP/x",
    "//127.0.0.1:TRAP/x",
    "\\\\127.0.0.1:TRAP\\x",
    "/\\127.0.0.1:TRAP/x",
    "///127.0.0.1:TRAP/x",
    "https://127.0.0.1:TRAP/x",
    "https://localhost:TRAP/x",
    "https://[::1]:TRAP/x",
    "HTTP://127.0.0.1:TRAP/x",
    "ftp://127.0.0.1:TRAP/x",
    "ws://127.0.0.1:TRAP/x",
    "gopher://127.0.0.1:TRAP/x",
    "file://127.0.0.1:TRAP/x",
    "javascript:fetch('http://127.0.0.1:TRAP')",
    "data:audio/mpeg,127.0.0.1:TRAP",
    "about:blank",
    "http://evil.example:TRAP/x",
    "http://127.0.0.1.evil.example:TRAP/x",
    "http://127.0.0.1:OWN.evil.example:TRAP/x",
    "http://api.twilio.com@evil.example:TRAP/x",
    "http://evil.example:TRAP#.twilio.com",
    "http://api.twilio.com:TRAP/x",
    "http://media.twiliocdn.com:TRAP/x",
    "https://api.tw\u{0456}lio.com:TRAP/x",
    "https://xn--twlio-4ve.com:TRAP/x",
    "http://10.0.0.1:TRAP/x",
    "http://192.168.0.1:TRAP/x",
    "http://169.254.169.254:TRAP/latest/meta-data",
    "http://[fe80::1]:TRAP/x",
    "http://[fc00::1]:TRAP/x",
    "http://[64:ff9b::7f00:1]:TRAP/x",
    "http://127.0.0.1:TRAP/x\r\nX-Sent: 1",
    " http://127.0.0.1:TRAP/x ",
];

#[tokio::test]
async fn no_address_from_an_answer_is_told_who_asks() {
    let mut asked_trap = 0;
    for address in ADDRESSES {
        let (trap, log) = server(|_| sound()).await;
        let own = Arc::new(Mutex::new(String::new()));
        let location = Arc::clone(&own);
        let (origin, seen) = server(move |request| {
            // The row names the address too, in every field that has one.
            let to = location.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if request.contains(".json") {
                let row = serde_json::json!({
                    "sid": "RE1", "status": "completed", "call_sid": "CA1", "uri": to, "media_url": to,
                    "subresource_uris": {"media": to},
                })
                .to_string();
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", row.len());
                return format!("{head}\r\nConnection: close\r\n\r\n{row}");
            }
            redirect(302, &to)
        })
        .await;
        *own.lock().unwrap_or_else(PoisonError::into_inner) =
            address.replace("TRAP", &trap.to_string()).replace("OWN", &origin.to_string());
        let id: RecordingId = "twilio:RE1".parse().expect("an id");
        let _ = twilio_at(origin).head(&id).await;
        let id: RecordingId = "crm:CA1".parse().expect("an id");
        let refused = crm_at(origin).head(&id).await;
        assert!(refused.is_err(), "{address}: the CRM's sound is at the CRM");
        assert_eq!(told(&log), Vec::<String>::new(), "{address}");
        assert!(told(&seen).contains(&basic()) && told(&seen).contains(&COOKIE.to_owned()), "{address}: a blind test");
        asked_trap += usize::from(is_asked(&log));
    }
    // Some lead to this computer, where a stand-in may send us: the trap does hear of them, without a word on who asks.
    assert!(asked_trap >= 5, "the trap was asked {asked_trap} times");
}

/// Where a redirect of the origin leads, for each kind of "somewhere else".
fn targets(trap: u16) -> [(&'static str, String); 5] {
    [
        ("the same origin", "/elsewhere".into()),
        ("another port", format!("http://127.0.0.1:{trap}/x")),
        ("another scheme", format!("https://127.0.0.1:{trap}/x")),
        ("a sub-domain", format!("http://sub.localhost:{trap}/x")),
        ("another host", format!("http://[::1]:{trap}/x")),
    ]
}

/// Asks with one kind of secret, and follows wherever it may.
async fn ask_with(kind: &str, origin: u16) -> Result<(), UpstreamError> {
    let url = Url::parse(&format!("http://127.0.0.1:{origin}/ask")).expect("an address");
    let at: Origin = format!("http://127.0.0.1:{origin}").parse().expect("an origin");
    let http = Http::new(&at, limits(), Arc::new(SystemClock::new())).expect("a client");
    match kind {
        "cookie" => crm_at(origin).head(&"crm:CA1".parse().expect("an id")).await.map(drop),
        "csrf" => {
            let proof = Proof { cookie: Some(SecretString::from(COOKIE)), csrf: Some(SecretString::from(CSRF)) };
            http.ask(&Question::post(url, bytes::Bytes::from_static(b"{}")), &proof).await?.accepted().map(drop)
        }
        "bearer" => {
            let value = HeaderValue::try_from(format!("Bearer {BEARER}")).expect("a value");
            let who: Vec<(HeaderName, HeaderValue)> = vec![(AUTHORIZATION, value)];
            http.ask_as(&Question::get(url), who).await?.accepted().map(drop)
        }
        _ => twilio_at(origin).head(&"twilio:RE1".parse().expect("an id")).await.map(drop),
    }
}

#[tokio::test]
async fn no_redirect_of_any_kind_carries_a_secret_to_another_place() {
    let mut cases = 0;
    for status in [301, 302, 303, 307, 308] {
        for place in 0..5 {
            for kind in ["cookie", "csrf", "bearer", "basic"] {
                let (trap, log) = server(|_| sound()).await;
                let (name, to) = targets(trap)[place].clone();
                let (origin, seen) = server(move |request| {
                    if request.contains(".json") {
                        let length = ROW.len();
                        let head =
                            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}");
                        return format!("{head}\r\nConnection: close\r\n\r\n{ROW}");
                    }
                    if request.starts_with("GET /elsewhere") { sound() } else { redirect(status, &to) }
                })
                .await;
                let answer = ask_with(kind, origin).await;
                let case = format!("{status} to {name} with {kind}: {answer:?}");
                assert_eq!(told(&log), Vec::<String>::new(), "{case}");
                assert!(!told(&seen).is_empty(), "{case}: a blind test");
                // Only Twilio's sound is ever somewhere else.
                assert!(kind == "basic" || (answer.is_err() && !is_asked(&log)), "{case}");
                cases += 1;
            }
        }
    }
    println!("cases F14 {cases}");
    assert_eq!(cases, 100);
}

#[tokio::test]
async fn a_chain_of_redirects_ends_after_a_few_and_a_circle_is_none() {
    let hops = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&hops);
    let (origin, _) = server(move |request| {
        if request.contains(".json") {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", ROW.len());
            return format!("{head}\r\nConnection: close\r\n\r\n{ROW}");
        }
        *counted.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        redirect(302, "/again")
    })
    .await;
    let id: RecordingId = "twilio:RE1".parse().expect("an id");
    let answer = twilio_at(origin).head(&id).await;
    assert!(matches!(answer, Err(UpstreamError::ForeignRedirect)), "{answer:?}");
    assert!(*hops.lock().unwrap_or_else(PoisonError::into_inner) <= 6);
}

#[tokio::test]
async fn a_name_that_leads_into_a_private_network_is_not_connected_to_whatever_it_said_before() {
    let (trap, log) = server(|_| sound()).await;
    let private =
        ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1"];
    for address in private {
        let found = vec![
            std::net::SocketAddr::new("93.184.216.34".parse().expect("an address"), 0),
            std::net::SocketAddr::new(address.parse().expect("an address"), 0),
        ];
        let http = Http::looking_up(found, limits()).expect("a client");
        let url = Url::parse(&format!("https://media.twiliocdn.com:{trap}/x")).expect("an address");
        let answer = http.ask_as(&Question::get(url), Vec::new()).await.map(drop);
        assert!(matches!(answer, Err(UpstreamError::Offline)), "{address}: {answer:?}");
    }
    assert!(!is_asked(&log));
    // The same by the system's own names.
    let http = Http::outside(limits(), false, Arc::new(SystemClock::new())).expect("a client");
    let url = Url::parse(&format!("https://localhost:{trap}/x")).expect("an address");
    assert!(http.ask_as(&Question::get(url), Vec::new()).await.is_err());
    assert!(!is_asked(&log));
}

#[tokio::test]
async fn who_asks_is_told_to_the_origin_alone_whoever_calls() {
    let (trap, log) = server(|_| sound()).await;
    let at: Origin = "http://127.0.0.1:9".parse().expect("an origin");
    let http = Http::new(&at, limits(), Arc::new(SystemClock::new())).expect("a client");
    let url = Url::parse(&format!("http://127.0.0.1:{trap}/x")).expect("an address");
    let who: Vec<(HeaderName, HeaderValue)> = vec![(AUTHORIZATION, HeaderValue::from_static("Basic x"))];
    let answer = http.ask_as(&Question::get(url.clone()), who.clone()).await.map(drop);
    assert!(matches!(answer, Err(UpstreamError::ForeignRedirect)), "{answer:?}");
    let outside = Http::outside(limits(), true, Arc::new(SystemClock::new())).expect("a client");
    let answer = outside.ask_as(&Question::get(url), who).await.map(drop);
    assert!(matches!(answer, Err(UpstreamError::ForeignRedirect)), "{answer:?}");
    assert!(!is_asked(&log));
}
