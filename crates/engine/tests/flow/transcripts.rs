//! Every recorded answer of the real server, given to the client by a server that knows nothing else: what each must
//! become stands in `tests/transcripts/table.tsv`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aftercall_domain::clock::SystemClock;
use aftercall_domain::ids::{CallSid, LeadId, NoteId, RecordingId};
use aftercall_engine::upstream::{
    Body, Credentials, Crm, Page, Presence, Ranged, RecordingSource as _, Side, UpstreamError,
};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::profile::limits;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One recorded question and its answer.
struct Recorded {
    method: String,
    target: String,
    status: u16,
    /// As on the wire.
    answer: Vec<u8>,
    /// First and last byte of a range that the answer brings.
    range: Option<(u64, u64)>,
}

impl Recorded {
    fn of(text: &str) -> Self {
        let (question, answer) = text.split_once("----- response -----\n").expect("an answer");
        let line = question.lines().find(|line| line.contains(" HTTP/1.1")).expect("a question");
        let mut words = line.split(' ').map(str::to_owned);
        let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
        let (head, body) = answer.split_once("# body").unwrap_or((answer, ""));
        let body = body.split_once('\n').map_or("", |(_, body)| body);
        let head: Vec<&str> = head.trim().lines().collect();
        let value = |name: &str| head.iter().find_map(|line| line.strip_prefix(name).map(str::trim)).map(str::to_owned);
        let status = head[0].split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let length = value("content-length:").and_then(|length| length.parse::<usize>().ok());
        // JSON was printed anew for the eye; of sound only the length was kept.
        let sound = body.starts_with("<audio body omitted");
        let sent: Vec<u8> = match (method.as_str(), sound) {
            ("HEAD", _) => Vec::new(),
            (_, true) => {
                let bytes = body.split(' ').nth(3).and_then(|bytes| bytes.parse().ok()).expect("a length");
                vec![0; bytes]
            }
            _ => body.trim_end().as_bytes().to_vec(),
        };
        let declared = if method == "HEAD" || sound { length.unwrap_or(0) } else { sent.len() };
        let mut wire = String::new();
        for line in head.iter().filter(|line| !line.starts_with("content-length:")) {
            wire.push_str(line);
            wire.push_str("\r\n");
        }
        if status != 304 && status != 204 {
            wire.push_str(&format!("content-length: {declared}\r\n"));
        }
        wire.push_str("connection: close\r\n\r\n");
        let range = value("content-range: bytes").and_then(|range| {
            let (first, last) = range.split('/').next()?.split_once('-')?;
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        Self { method, target, status, answer: [wire.as_bytes(), &sent].concat(), range }
    }

    fn body(&self) -> String {
        let text = String::from_utf8_lossy(&self.answer);
        text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

const REFUSED: &[u8] =
    b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 40\r\nconnection: close\r\n\r\n{\"calls\": [], \"pagination\": {\"total\":0}}";

const FORBIDDEN: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 18\r\nconnection: close\r\n\r\n<h1>Forbidden</h1>";
const WRITTEN: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 49\r\nconnection: close\r\n\r\n{\"success\": true, \"note\": {\"id\":1,\"content\":\"x\"}}";

/// A server with one answer; it renews no session but by that answer. Where the answer is a refresh's, the first other
/// question is refused, and the next is answered with an empty list of calls.
async fn serve(recorded: Arc<Recorded>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        let mut refreshed = false;
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let asked = question(&mut stream).await;
            let is_refresh = asked.contains(" /api/auth/refresh ");
            if recorded.path() == "/api/auth/csrf" {
                // A check is switched on: what changes something wants the token of this very answer.
                let token = recorded.body().split('"').nth(3).unwrap_or_default().to_owned();
                let answer = if asked.contains(" /api/auth/csrf ") {
                    &recorded.answer[..]
                } else if !token.is_empty() && asked.contains(&format!("x-csrftoken: {token}")) {
                    WRITTEN
                } else {
                    FORBIDDEN
                };
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
                continue;
            }
            let answer = match (recorded.path() == "/api/auth/refresh", is_refresh) {
                (true, true) => {
                    refreshed = true;
                    &recorded.answer[..]
                }
                (true, false) if refreshed => EMPTY,
                (true, false) | (false, true) => REFUSED,
                (false, false) => &recorded.answer[..],
            };
            // The client may have seen enough.
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, serving)
}

async fn question(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap_or(0);
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        if read == 0 {
            return text;
        }
    }
}

fn cause(error: &UpstreamError) -> String {
    match error {
        UpstreamError::WrongPassword => "wrong_password".to_owned(),
        UpstreamError::SessionEnded => "session_ended".to_owned(),
        UpstreamError::NoBusiness => "no_business".to_owned(),
        UpstreamError::Forbidden => "forbidden".to_owned(),
        UpstreamError::NotFound => "not_found".to_owned(),
        UpstreamError::Gone => "gone".to_owned(),
        UpstreamError::Changed => "changed".to_owned(),
        UpstreamError::NotData => "not_data".to_owned(),
        UpstreamError::Captive { .. } => "captive".to_owned(),
        UpstreamError::RateLimited { .. } => "rate_limited".to_owned(),
        UpstreamError::Unavailable { status, .. } => format!("status {status}"),
        other => format!("{other:?}"),
    }
}

fn page<T>(kind: &str, page: &Page<T>) -> String {
    assert!(page.rejected.is_empty(), "{kind}: {} rows could not be read", page.rejected.len());
    assert_eq!(page.rows.len() as u64, page.sent);
    format!("{kind} {} of {}", page.rows.len(), page.total.map_or_else(|| "?".to_owned(), |total| total.to_string()))
}

async fn whole(mut body: Body) -> u64 {
    let mut bytes = 0;
    while let Some(chunk) = body.chunk().await.expect("the whole piece") {
        bytes += chunk.len() as u64;
    }
    bytes
}

/// Asks as the client asks, and says what came of it; `None` for what it never asks.
async fn ask(crm: &Crm, recorded: &Recorded) -> Option<Result<String, UpstreamError>> {
    let path = recorded.path();
    let last = path.rsplit('/').next().unwrap_or_default().to_owned();
    Some(match (recorded.method.as_str(), path) {
        ("POST", "/api/auth/login") => {
            let credentials =
                Credentials { email: "dana@example.com".to_owned(), password: SecretString::from("invented") };
            crm.sign_in(credentials, false).await.map(|who| format!("signed_in {}", who.role))
        }
        ("POST", "/api/auth/refresh") => crm.calls(1, 0).await.map(|_| "renewed".to_owned()),
        ("POST", "/api/auth/logout") => Ok(if crm.sign_out().await { "signed_out" } else { "not_heard" }.to_owned()),
        ("GET", "/api/me/context") => {
            crm.context().await.map(|context| format!("context {} {}", context.role, context.pages.len()))
        }
        ("GET", "/api/calls") => crm.calls(100, 0).await.map(|calls| {
            let readable = (0..calls.sent()).filter(|index| calls.read(*index).is_some()).count();
            assert_eq!(readable, calls.sent());
            format!("calls {readable} of {}", calls.total().map_or(-1, |total| i64::try_from(total).unwrap_or(-1)))
        }),
        ("GET", "/api/inbound/recent-calls" | "/api/inbound/recent") => {
            crm.recent_calls(Side::Inbound, 1).await.map(|calls| page("recent", &calls))
        }
        ("GET", "/api/outbound/recent-calls") => {
            crm.recent_calls(Side::Outbound, 1).await.map(|calls| page("recent", &calls))
        }
        ("GET", path) if path.ends_with("/details") => {
            let sid: CallSid = "CA1".parse().expect("a sid");
            crm.call_details(&sid).await.map(|call| {
                format!("details {}", if call.transcript.is_some() { "with_transcript" } else { "without_transcript" })
            })
        }
        ("GET", "/api/auth/csrf") => crm.add_note(LeadId(1), "x").await.map(|_| "token".to_owned()),
        ("GET", "/api/statuses" | "/api/lead-statuses") => {
            crm.lead_statuses().await.map(|statuses| format!("statuses {}", statuses.rows.len()))
        }
        ("POST", path) if is_of_lead(path, "notes") => crm.add_note(LeadId(1), "x").await.map(|_| "note".to_owned()),
        ("PATCH", path) if path.contains("/notes/") => {
            crm.replace_note(LeadId(1), NoteId(60), "x").await.map(|_| "note".to_owned())
        }
        ("GET", path) if is_of_lead(path, "notes") => {
            crm.lead_notes(LeadId(1)).await.map(|notes| format!("notes {}", notes.rows.len()))
        }
        ("GET", path) if path.strip_prefix("/api/leads/").is_some_and(|id| id.parse::<i64>().is_ok()) => {
            crm.lead_detail(LeadId(1)).await.map(|lead| {
                assert_eq!(lead.rejected, 0);
                format!("lead {} reminders {} activities", lead.reminders.len(), lead.activity.len())
            })
        }
        ("GET", "/api/leads") => crm.leads(1).await.map(|leads| page("leads", &leads)),
        ("GET", "/api/calendar/appointments") => {
            crm.appointments(0, 1, 1).await.map(|appointments| page("appointments", &appointments))
        }
        ("GET", "/api/calendar/calendars") => {
            crm.calendars().await.map(|calendars| format!("calendars {}", calendars.rows.len()))
        }
        ("HEAD", path) if path.starts_with("/api/recordings/file/") => {
            let id = RecordingId::crm(&last.parse().expect("a sid"));
            crm.head(&id).await.map(|presence| match presence {
                Presence::Here { total_bytes } => format!("here {total_bytes}"),
                Presence::NotYet { retry_after_ms } => not_yet(retry_after_ms),
            })
        }
        ("GET", path) if path.starts_with("/api/recordings/file/") => {
            let id = RecordingId::crm(&last.parse().expect("a sid"));
            let (first, last) = recorded.range.unwrap_or((0, 99));
            match crm.range(&id, first, last, None).await {
                Ok(Ranged::NotYet { retry_after_ms }) => Ok(not_yet(retry_after_ms)),
                Ok(Ranged::Piece(piece)) => {
                    let (start, total) = (piece.start, piece.total_bytes);
                    let wanted = if recorded.status == 206 { last - first + 1 } else { total };
                    assert_eq!(whole(piece.body).await, wanted);
                    Ok(format!("piece {start} of {total}"))
                }
                Err(error) => Err(error),
            }
        }
        _ => return None,
    })
}

fn not_yet(retry_after_ms: Option<i64>) -> String {
    format!("not_yet {}", retry_after_ms.unwrap_or(-1))
}

fn is_of_lead(path: &str, what: &str) -> bool {
    path.starts_with("/api/leads/") && path.rsplit('/').next() == Some(what)
}

fn table() -> BTreeMap<String, String> {
    let text = read(&folder().join("table.tsv"));
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<(String, String)> = rows
        .map(|line| {
            let (name, becomes) = line.split_once('\t').unwrap_or_else(|| panic!("{line:?}"));
            (name.to_owned(), becomes.to_owned())
        })
        .collect();
    let named = rows.len();
    let table: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(table.len(), named, "a name stands twice");
    table
}

#[tokio::test]
async fn every_recorded_answer_becomes_what_the_table_says() {
    let mut table = table();
    let files = std::fs::read_dir(folder()).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "http")).collect();
    files.sort();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for file in &files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let Some(wanted) = table.remove(&name) else {
            wrong.push(format!("{name} has no row"));
            continue;
        };
        let recorded = Arc::new(Recorded::of(&read(file)));
        let (url, serving) = serve(Arc::clone(&recorded)).await;
        let clock = Arc::new(SystemClock::new());
        let crm = Crm::new(url.parse().expect("an origin"), limits(), clock).expect("a client");
        let crm = crm.with_session(Some(SecretString::from("a-session")), None);
        let became = match ask(&crm, &recorded).await {
            Some(became) => {
                asked += 1;
                became.unwrap_or_else(|error| cause(&error))
            }
            None => {
                // Nothing asks for it; why not, the table says.
                if wanted.strip_prefix("not_asked ").is_some_and(|why| !why.is_empty()) {
                    wanted.clone()
                } else {
                    "nothing: the client never asks for it".to_owned()
                }
            }
        };
        serving.abort();
        if became != wanted {
            wrong.push(format!("{name}: {became}, not {wanted}"));
        }
    }
    wrong.extend(table.into_keys().map(|name| format!("{name} has a row and no file")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() >= 255 && asked >= 150, "{} files, {asked} asked", files.len());
}
