//! A server that answers a byte at a time, for ever: whoever waits for it is let go.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::clock::SystemClock;
use aftercall_engine::upstream::{
    Limits, RecordingSource as _, Twilio, TwilioCredentials, UpstreamError, twilio_origin,
};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ROW: &str = r#"{"sid": "RE1", "status": "completed", "call_sid": "CA1"}"#;

/// Answers the row at once, and the sound with `start`, then a byte every 50 ms.
async fn serve(mut stream: TcpStream, start: &'static str) -> std::io::Result<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await?);
    }
    if asked.starts_with(b"GET") && asked.windows(5).any(|part| part == b".json") {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", ROW.len());
        stream.write_all(format!("{head}Connection: close\r\n\r\n{ROW}").as_bytes()).await?;
        return stream.shutdown().await;
    }
    stream.write_all(start.as_bytes()).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(b"a").await?;
    }
}

async fn asked(start: &'static str) -> UpstreamError {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, start));
        }
    });
    let sid = |kind: &str| format!("{kind}{}", "a".repeat(32));
    let credentials = TwilioCredentials::new(&sid("AC"), &sid("SK"), SecretString::from("s")).expect("credentials");
    let origin = twilio_origin(Some(&url)).expect("an origin");
    let limits = Limits {
        idle: Duration::from_secs(1),
        json: Duration::from_secs(2),
        low_speed: Duration::from_secs(1),
        ..Limits::default()
    };
    let twilio = Twilio::new(origin, credentials, Vec::new(), limits, Arc::new(SystemClock::new())).expect("a client");
    let id = "twilio:RE1".parse().expect("an id");
    let done = tokio::time::timeout(Duration::from_secs(20), twilio.head(&id)).await;
    serving.abort();
    done.expect("let go").expect_err("no sound")
}

#[tokio::test]
async fn sound_without_a_length_that_drips_is_given_up() {
    let error = asked("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nConnection: close\r\n\r\n").await;
    assert!(matches!(error, UpstreamError::TimedOut), "{error:?}");
    println!("cases F7 1");
}

#[tokio::test]
async fn a_refusal_whose_words_drip_is_taken_by_its_status() {
    let error = asked("HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n").await;
    assert!(matches!(error, UpstreamError::NotFound), "{error:?}");
    println!("cases F7 1");
}

#[tokio::test]
async fn the_head_of_an_answer_that_drips_is_given_up() {
    let error = asked("HTTP/1.1 200 OK\r\nX-Long: ").await;
    assert!(matches!(error, UpstreamError::TimedOut), "{error:?}");
    println!("cases F7 1");
}
