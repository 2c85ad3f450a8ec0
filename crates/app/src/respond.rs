//! `rec://`: what is known of the recording that was asked for, and the answer to it.

use std::sync::Arc;

use aftercall_domain::backoff::MAX_POLLS;
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{Fact, Reason, RecordingState};
use aftercall_engine::queue::Arriving;
use aftercall_engine::store::table::calls;
use aftercall_engine::store::table::recordings::{self, RecordingRow, StoredFile};
use aftercall_engine::vault::VaultError;
use aftercall_media::read_at::ReadAt as _;
use aftercall_media::respond::{PART_BYTES_MAX, Presence, Wait, body_bytes, is_from_app, recording_id_of, respond};
use aftercall_media::sniff::{SNIFF_BYTES, Sniffed, sniff};
use http::{Method, Request, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use crate::errors::AppError;
use crate::start::{App, Boot};

/// When to ask again where the queue does not know better, in seconds.
const RETRY_AFTER_S: u32 = 5;
/// The page may be told to wait this long at most, in seconds; a longer wait is asked about again.
const RETRY_AFTER_MAX_S: i64 = 300;

/// An id that stands for none; what is found under it is not used.
const NOBODY: &str = "crm:-";

/// What was found, owned, so that it can go to a thread that may block.
enum Found {
    Stored { id: RecordingId, file: StoredFile, content_type: &'static str },
    Arriving { arriving: Arriving, wait: Wait },
    Coming(Wait),
    Absent(Reason),
    Broken { code: Code, reason: Reason },
    Forbidden(Reason),
}

impl Boot {
    /// Answers one request of the webview. `own_window` is false for a webview that is not the app's window.
    pub async fn respond(
        &self,
        request: Request<()>,
        own_window: bool,
        app_origins: &[&'static str],
    ) -> Response<Vec<u8>> {
        let origins = app_origins.to_vec();
        let (found, app) = match self {
            _ if !own_window => (Found::Forbidden(Reason::Code(Code::Forbidden)), None),
            // Nothing is looked up, and no job made, for a page that is not ours.
            _ if !is_from_app(request.headers(), app_origins) => {
                (Found::Forbidden(Reason::Code(Code::Forbidden)), None)
            }
            Self::Ready(app) if app.is_locked() => (Found::Forbidden(Reason::Code(Code::Locked)), None),
            Self::Refused(refusal) if refusal.to_error().code() == Code::Locked => {
                (Found::Forbidden(Reason::Code(Code::Locked)), None)
            }
            Self::Refused(refusal) => {
                let code = refusal.to_error().code();
                (Found::Broken { code, reason: Reason::Code(code) }, None)
            }
            Self::Ready(app) => (app.find(&request).await, Some(app.clone())),
        };
        let stored = match &found {
            Found::Stored { id, .. } => Some(id.clone()),
            _ => None,
        };
        let again = request.clone();
        let answering = {
            let app = app.clone();
            tokio::task::spawn_blocking(move || answer(&request, found, app.as_ref(), &origins))
        };
        let response = match answering.await {
            Ok(response) => response,
            Err(_) => {
                tracing::error!("answering a request for a recording stopped");
                let code = Code::Internal.as_str();
                respond(&again, Presence::Broken { error: code, reason: code }, app_origins)
            }
        };
        if let (Some(app), 502..=504) = (&app, response.status().as_u16()) {
            app.count_shown(response.status().as_u16());
        }
        if response.status() == StatusCode::INTERNAL_SERVER_ERROR
            && let (Some(app), Some(id)) = (app, stored)
        {
            app.mend(&id).await;
        }
        response
    }
}

fn answer(request: &Request<()>, found: Found, app: Option<&App>, origins: &[&str]) -> Response<Vec<u8>> {
    let broken = |code: Code| Presence::Broken { error: code.as_str(), reason: code.as_str() };
    match found {
        Found::Stored { id, file, content_type } => {
            let Some(app) = app else { return respond(request, broken(Code::Internal), origins) };
            let etag = etag(&file.file_id);
            match app.library().vault.reader(&id, &file) {
                Ok(body) => {
                    let len = body.len().unwrap_or_default();
                    let room = app.room_for(body_bytes(request, &etag, len));
                    let mut response =
                        respond(request, Presence::Here { body: &body, etag: &etag, content_type }, origins);
                    // Given back when the answer is gone, not when it was made.
                    response.extensions_mut().insert(room);
                    response
                }
                Err(VaultError::Locked) => {
                    respond(request, Presence::Forbidden { reason: Code::Locked.as_str() }, origins)
                }
                Err(error) => {
                    tracing::error!(code = error.code().as_str(), "a stored recording could not be opened");
                    respond(request, broken(error.code()), origins)
                }
            }
        }
        Found::Arriving { arriving, wait } => {
            let Some(app) = app else { return respond(request, broken(Code::Internal), origins) };
            if app.library().vault.is_held() {
                return respond(request, Presence::Forbidden { reason: Code::Locked.as_str() }, origins);
            }
            let Some(content_type) = sniffed(&arriving) else {
                return respond(request, Presence::Coming(wait), origins);
            };
            let etag = etag(&arriving.file_id());
            let here: Vec<_> = arriving.stretches().into_iter().map(|(first, end)| first..end).collect();
            let room = app.room_for(body_bytes(request, &etag, arriving.total_bytes()));
            let arriving = Presence::Arriving { body: &arriving, etag: &etag, content_type, here: &here, wait };
            let mut response = respond(request, arriving, origins);
            response.extensions_mut().insert(room);
            response
        }
        Found::Coming(wait) => respond(request, Presence::Coming(wait), origins),
        Found::Absent(reason) => respond(request, Presence::Absent { reason: reason.as_str() }, origins),
        Found::Broken { code, reason } => {
            respond(request, Presence::Broken { error: code.as_str(), reason: reason.as_str() }, origins)
        }
        Found::Forbidden(reason) => respond(request, Presence::Forbidden { reason: reason.as_str() }, origins),
    }
}

impl App {
    /// Waits, on this thread, until one more body of this size may be held.
    fn room_for(&self, bytes: u64) -> Option<Arc<OwnedSemaphorePermit>> {
        if bytes <= PART_BYTES_MAX {
            return None;
        }
        let room = Arc::clone(self.whole_bodies()).acquire_owned();
        // Closed never. On a thread that may block, not on the runtime's.
        tokio::runtime::Handle::current().block_on(room).ok().map(Arc::new)
    }

    /// A file that does not verify is fetched again; the answer to whoever asked stays as it is.
    async fn mend(&self, id: &RecordingId) {
        let mended = match self.downloads() {
            Ok(downloads) => downloads.repair(self.library(), id).await,
            Err(error) => Err(error),
        };
        if let Err(error) = mended {
            tracing::warn!(code = error.code().as_str(), "a damaged recording could not be asked for again");
        }
    }

    async fn find(&self, request: &Request<()>) -> Found {
        let not_found = Found::Absent(Reason::Code(Code::NotFound));
        let Some(id) = recording_id_of(request.uri()) else {
            // What is no id is looked up as well, so that it takes as long as an id that nobody knows.
            if let Ok(nobody) = NOBODY.parse() {
                let _ = self.known(&nobody).await;
            }
            return not_found;
        };
        match self.try_find(&id, request.method()).await {
            Ok(found) => found,
            Err(error) => {
                let code = error.code();
                tracing::warn!(code = code.as_str(), "a recording could not be looked up");
                Found::Broken { code, reason: Reason::Code(code) }
            }
        }
    }

    async fn try_find(&self, id: &RecordingId, method: &Method) -> Result<Found, AppError> {
        let Some((row, file)) = self.known(id).await? else {
            return Ok(Found::Absent(Reason::Code(Code::NotFound)));
        };
        let asks = matches!(*method, Method::GET | Method::HEAD);
        let sleeping = matches!(row.state, RecordingState::ReadyOnline | RecordingState::Evicted);
        if asks && sleeping {
            // One job, whatever number of requests ask: its key is the recording.
            self.downloads()?.want(id).await?;
        }
        let found = found(row, file, self.clock().now_ms());
        Ok(match found {
            Found::Coming(wait) => {
                let arriving = self.downloads().ok().and_then(|downloads| downloads.arriving(id));
                match arriving.filter(|arriving| !arriving.is_over()) {
                    Some(arriving) => Found::Arriving { arriving, wait },
                    None => Found::Coming(wait),
                }
            }
            found => found,
        })
    }

    async fn known(&self, id: &RecordingId) -> Result<Option<(RecordingRow, Option<StoredFile>)>, AppError> {
        let asked = id.clone();
        let known = self.store().read(move |conn| {
            if let Some(row) = recordings::get(conn, &asked)? {
                return Ok(Some((row, recordings::file(conn, &asked)?)));
            }
            let Ok(sid) = asked.sid().parse() else { return Ok(None) };
            let listing = calls::listing(conn, &sid)?;
            Ok(listing.map(|listing| listing.recording).filter(|row| row.id == asked).map(|row| (row, None)))
        });
        Ok(known.await?)
    }
}

/// The state table of the protocol.
fn found(row: RecordingRow, file: Option<StoredFile>, now_ms: i64) -> Found {
    let reason = |otherwise| row.reason.unwrap_or(otherwise);
    let unknown = Reason::Code(Code::NotFound);
    match row.state {
        RecordingState::OnDevice | RecordingState::Pinned | RecordingState::Unsupported => match file {
            Some(file) => {
                let codec = row.facts.as_ref().map_or("", |facts| facts.codec.as_str());
                Found::Stored { id: row.id, file, content_type: content_type(codec) }
            }
            None => Found::Broken { code: Code::Damaged, reason: Reason::Code(Code::Damaged) },
        },
        RecordingState::Preparing
        | RecordingState::StillPreparing
        | RecordingState::Queued
        | RecordingState::Downloading
        | RecordingState::Partial
        | RecordingState::ReadyOnline
        | RecordingState::Evicted => {
            let wait_s = row.next_try_at_ms.map(|at_ms| (at_ms - now_ms + 999) / 1000);
            let wait_s = wait_s.map(|wait_s| wait_s.clamp(1, RETRY_AFTER_MAX_S));
            let retry_after_s = wait_s.and_then(|wait_s| u32::try_from(wait_s).ok()).unwrap_or(RETRY_AFTER_S);
            Found::Coming(Wait { attempt: row.polls, max_attempts: MAX_POLLS, retry_after_s })
        }
        RecordingState::NoneExpected | RecordingState::Unavailable => Found::Absent(reason(unknown)),
        RecordingState::Live => Found::Absent(reason(Reason::Code(Code::NotReady))),
        RecordingState::FailedRetrying | RecordingState::FailedNeedsYou => {
            let reason = reason(Reason::Code(Code::ServerUnavailable));
            let code = match reason {
                Reason::Code(code) => code,
                Reason::Fact(Fact::NeverReady) => Code::NotReady,
                Reason::Fact(_) => Code::ServerUnavailable,
            };
            Found::Broken { code, reason }
        }
        RecordingState::Damaged => Found::Broken { code: Code::Damaged, reason: Reason::Code(Code::Damaged) },
        RecordingState::Restricted => Found::Forbidden(reason(Reason::Code(Code::Forbidden))),
    }
}

/// The same while it arrives and when it is stored: it is the same file.
fn etag(file_id: &[u8; 16]) -> String {
    file_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "-1"
}

/// What arrives, as its first bytes say; none while they are not here, or say nothing.
fn sniffed(arriving: &Arriving) -> Option<&'static str> {
    let mut first = vec![0; SNIFF_BYTES.min(usize::try_from(arriving.here_from(0)).unwrap_or(usize::MAX))];
    arriving.read_exact_at(&mut first, 0).ok()?;
    match sniff(&first) {
        Sniffed::Mp3 => Some(content_type("mp3")),
        Sniffed::Wav => Some(content_type("wav")),
        Sniffed::Html | Sniffed::Json | Sniffed::Xml | Sniffed::Empty | Sniffed::Unknown => None,
    }
}

/// As found in the bytes, never as the source declared.
fn content_type(codec: &str) -> &'static str {
    if codec == "mp3" { "audio/mpeg" } else { "audio/wav" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aftercall_domain::call::Outcome;

    fn in_state(state: RecordingState) -> RecordingRow {
        let sid = "CA1".parse().unwrap();
        RecordingRow { state, ..recordings::not_asked_for(&sid, Outcome::Answered, true) }
    }

    #[test]
    fn every_state_has_its_one_meaning() {
        let file = || Some(StoredFile { file_id: [1; 16], wrapped_dek: Vec::new(), plain_len: 10 });
        for state in RecordingState::ALL {
            let meaning = match found(in_state(state), file(), 0) {
                Found::Stored { .. } => "here",
                Found::Coming(_) => "202",
                Found::Arriving { .. } => "some of it",
                Found::Absent(_) => "404",
                Found::Broken { .. } => "500",
                Found::Forbidden(_) => "403",
            };
            let promised = match state.as_str() {
                "on_device" | "pinned" | "unsupported" => "here",
                "preparing" | "still_preparing" | "queued" | "downloading" | "partial" | "ready_online" | "evicted" => {
                    "202"
                }
                "none_expected" | "live" | "unavailable" => "404",
                "failed_retrying" | "failed_needs_you" | "damaged" => "500",
                _ => "403",
            };
            assert_eq!(meaning, promised, "{}", state.as_str());
        }
    }

    #[test]
    fn the_page_is_told_to_wait_until_the_next_poll_and_never_less_than_a_second() {
        let wait = |next_ms| match found(
            RecordingRow { next_try_at_ms: next_ms, ..in_state(RecordingState::Preparing) },
            None,
            1_000,
        ) {
            Found::Coming(wait) => wait.retry_after_s,
            _ => 0,
        };
        assert_eq!(wait(Some(9_001)), 9);
        assert_eq!(wait(Some(0)), 1);
        assert_eq!(wait(Some(10_000_000)), 300);
        assert_eq!(wait(None), RETRY_AFTER_S);
    }
}
