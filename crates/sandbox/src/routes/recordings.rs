//! Audio: the one good route, the three others, and the jobs behind them.

use super::Visit;
use super::ranges::{Ranged, read};
use crate::data::calls::Call;
use crate::data::files::AudioFile;
use crate::data::times::{DAY_US, naive_utc};
use crate::message::Response;
use crate::world::{Presence, Run};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

const MAX_ATTEMPTS: u32 = 3;

/// A JSON answer that a HEAD gets as nothing at all.
fn answer(visit: &Visit, status: u16, body: &Value) -> Response {
    if visit.request.is_head() { Response::html(status, "") } else { Response::json(status, body) }
}

fn failure(status: u16, error: &str) -> Response {
    Response::json(status, &json!({"success": false, "error": error}))
}

/// `timedelta.days > 7`: from eight whole days on.
fn is_expired(visit: &Visit, call: &Call) -> bool {
    (visit.world.now_us() - call.created_us) / DAY_US > 7
}

pub(super) fn file(visit: &Visit) -> Response {
    let Some((_, call)) = visit.world.call_by_sid(visit.segments[3]) else {
        return answer(visit, 404, &json!({"error": "Recording not found"}));
    };
    if call.recording.is_none() {
        let body = json!({
            "error": "Recording not found",
            "message": "No recording is available for this call.",
            "message_he": "אין הקלטה זמינה לשיחה זו.",
        });
        return answer(visit, 404, &body);
    }
    let processing = |note: String, note_he: String| {
        json!({
            "status": "processing",
            "message": format!("{note}. Please retry in a few seconds."),
            "message_he": format!("{note_he}. אנא נסה שוב בעוד כמה שניות."),
        })
    };
    match visit.world.ask_for_audio(&call) {
        Presence::Here(file) => serve_file(visit, &call, &file),
        Presence::Started => {
            let body = processing("Recording is being prepared".to_owned(), "ההקלטה בתהליך הכנה".to_owned());
            answer(visit, 202, &body).with("retry-after", "2")
        }
        Presence::Waiting => {
            let note = "Recording is being prepared (queued)".to_owned();
            answer(visit, 202, &processing(note, "ההקלטה בתהליך הכנה (queued)".to_owned())).with("retry-after", "2")
        }
        Presence::Restarted(attempt) => {
            let note = format!("Recording download restarted (attempt {attempt}/{MAX_ATTEMPTS})");
            let note_he = format!("הורדת ההקלטה התחילה מחדש (ניסיון {attempt}/{MAX_ATTEMPTS})");
            let mut body = processing(note, note_he);
            body["attempt_count"] = json!(attempt);
            body["max_attempts"] = json!(MAX_ATTEMPTS);
            answer(visit, 202, &body).with("retry-after", "5")
        }
        Presence::GivenUp => {
            let body = json!({
                "error": "worker_not_processing_queue",
                "message": "The recording could not be prepared. Please try again later.",
                "message_he": "לא ניתן להכין את ההקלטה. אנא נסה שוב מאוחר יותר.",
                "attempt_count": MAX_ATTEMPTS,
                "max_attempts": MAX_ATTEMPTS,
            });
            answer(visit, 500, &body)
        }
    }
}

fn serve_file(visit: &Visit, call: &Call, file: &AudioFile) -> Response {
    if visit.request.is_head() {
        let mut head = Response::new(200)
            .with("content-type", "audio/mpeg")
            .with("content-length", "")
            .with("accept-ranges", "bytes")
            .with("cache-control", "no-store");
        head.declared_bytes = Some(file.bytes.len() as u64);
        return head;
    }
    let whole = Whole { disposition: "inline".to_owned(), cache: "no-store", expires: None };
    let size = file.bytes.len() as u64;
    match visit.request.header("range").map(|header| read(header, size)) {
        None => serve_whole(visit, call, file, &whole),
        Some(Ranged::Part { first, last }) => {
            let part = serve_part(file, first, last).with("cache-control", "no-store");
            part.with("content-disposition", "inline")
        }
        Some(Ranged::Unsatisfiable) => Response::html(416, ""),
        Some(Ranged::Failed) => Response::json(
            500,
            &json!({
                "error": "Internal server error",
                "message": "416 Requested Range Not Satisfiable: The server cannot provide the requested range.",
            }),
        ),
        Some(Ranged::PartUnderWholeLength { first, last }) => {
            let mut lie = serve_whole(visit, call, file, &whole);
            lie.status = 206;
            lie.headers.push(("content-range".to_owned(), format!("bytes {first}-{last}/{size}")));
            lie.body = slice(file, first, last);
            lie.declared_bytes = Some(size);
            lie
        }
    }
}

fn slice(file: &AudioFile, first: u64, last: u64) -> bytes::Bytes {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(file.bytes.len());
    file.bytes.slice(at(first)..at(last + 1))
}

/// Both headers that say the length: the handler's own and the framework's.
fn serve_part(file: &AudioFile, first: u64, last: u64) -> Response {
    Response::new(206)
        .with("content-type", "audio/mpeg")
        .with("content-length", "")
        .with("content-range", format!("bytes {first}-{last}/{}", file.bytes.len()))
        .with("accept-ranges", "bytes")
        .with("content-length", "")
        .with_body(slice(file, first, last))
}

/// How a whole file is announced.
struct Whole {
    disposition: String,
    cache: &'static str,
    expires: Option<String>,
}

/// The whole file with its validators; 304 when the client has it.
fn serve_whole(visit: &Visit, call: &Call, file: &AudioFile, whole: &Whole) -> Response {
    let written_s = (visit.world.anchor_us / 1_000_000).unsigned_abs();
    let last_modified = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(written_s));
    let path = format!("/app/server/recordings/{}.mp3", call.sid);
    let etag = format!("\"{written_s}.57424-{}-{}\"", file.bytes.len(), adler32(path.as_bytes()));
    let fresh = match (visit.request.header("if-none-match"), visit.request.header("if-modified-since")) {
        (Some(known), _) => known.split(',').any(|one| one.trim() == etag || one.trim() == "*"),
        (None, Some(since)) => {
            httpdate::parse_http_date(since).is_ok_and(|since| since >= UNIX_EPOCH + Duration::from_secs(written_s))
        }
        (None, None) => false,
    };
    let mut response = Response::new(if fresh { 304 } else { 200 }).with("content-disposition", &*whole.disposition);
    if !fresh {
        response = response
            .with("content-type", "audio/mpeg")
            .with("content-length", "")
            .with("last-modified", last_modified)
            .with_body(file.bytes.clone());
    }
    response = response.with("cache-control", whole.cache);
    if let Some(expires) = &whole.expires {
        response = response.with("expires", expires.clone());
    }
    // The framework dates a file itself, and the server in front of it dates every answer: it is there twice.
    let now = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(visit.world.now_ms().unsigned_abs()));
    response.with("etag", etag).with("date", now).with("accept-ranges", "bytes")
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1u32, 0u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

/// `/stream` and `/download` keep a file for an hour in caches and send a part without Cache-Control.
fn serve_cached(visit: &Visit, call: &Call, file: &AudioFile, named: bool) -> Option<Response> {
    let disposition = if named { "attachment" } else { "inline" };
    if let Some(header) = visit.request.header("range").filter(|_| !visit.request.is_head()) {
        return match read(header, file.bytes.len() as u64) {
            Ranged::Part { first, last } => {
                Some(serve_part(file, first, last).with("content-disposition", disposition))
            }
            Ranged::Unsatisfiable => Some(Response::html(416, "")),
            Ranged::Failed | Ranged::PartUnderWholeLength { .. } => None,
        };
    }
    let until_ms = (visit.world.now_ms() + 3_600_000).unsigned_abs();
    let whole = Whole {
        disposition: if named {
            format!("attachment; filename=recording_{}.mp3", call.sid)
        } else {
            "inline".to_owned()
        },
        cache: "public, max-age=3600",
        expires: Some(httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(until_ms))),
    };
    Some(serve_whole(visit, call, file, &whole))
}

pub(super) fn stream(visit: &Visit) -> Response {
    let asked = visit.request.param("explicit_user_action").as_deref() == Some("true")
        || visit.request.header("x-user-action") == Some("play");
    if !asked {
        return failure(400, "Missing required parameter: explicit_user_action=true or header X-User-Action: play");
    }
    let Some((_, call)) = visit.world.call_by_sid(visit.segments[2]) else {
        return failure(404, "Call not found");
    };
    if call.recording.is_none() {
        return failure(404, "No recording available");
    }
    if is_expired(visit, &call) {
        return failure(410, "Recording expired");
    }
    if visit.world.newest_run(&call.sid).is_some_and(|run| run.status == "failed") {
        let body = json!({
            "success": false, "status": "failed", "message": "Recording download failed",
            "error": "Processing failed (unknown reason)",
        });
        return Response::json(500, &body);
    }
    match visit.world.ask_for_audio(&call) {
        Presence::Here(file) => serve_cached(visit, &call, &file, false).unwrap_or_else(|| {
            let body = json!({
                "success": false, "error": "Internal server error", "error_code": "STREAM_EXCEPTION",
                "error_type": "ValueError",
            });
            Response::json(500, &body)
        }),
        _ => in_preparation(),
    }
}

/// 202 as these two routes say it: without Retry-After.
fn in_preparation() -> Response {
    Response::json(202, &json!({"success": true, "status": "processing", "message": "Recording is being prepared"}))
}

pub(super) fn download(visit: &Visit) -> Response {
    let Some((_, call)) = visit.world.call_by_sid(visit.segments[2]) else {
        return failure(404, "Call not found");
    };
    if call.recording.is_none() {
        return failure(404, "Recording URL not available");
    }
    if is_expired(visit, &call) {
        return failure(410, "Recording expired and deleted");
    }
    match visit.world.ask_for_audio(&call) {
        Presence::Here(file) => serve_cached(visit, &call, &file, true).unwrap_or_else(|| {
            let header = visit.request.header("range").unwrap_or_default();
            let word = header.trim_start_matches("bytes=").split('-').next().unwrap_or_default();
            failure(500, &format!("invalid literal for int() with base 10: '{word}'"))
        }),
        _ => in_preparation(),
    }
}

/// Never asks for anything.
pub(super) fn status(visit: &Visit) -> Response {
    let Some((_, call)) = visit.world.call_by_sid(visit.segments[2]) else {
        return failure(404, "Call not found");
    };
    if call.recording.is_none() {
        return failure(404, "No recording available");
    }
    if is_expired(visit, &call) {
        return failure(410, "Recording expired");
    }
    let body = if visit.world.file_if_here(&call).is_some() {
        json!({"success": true, "status": "ready", "message": "Recording is ready to stream"})
    } else {
        match visit.world.newest_run(&call.sid).map(|run| run.status) {
            Some("queued") => json!({
                "success": true, "status": "queued", "message": "Recording queued (position ?)", "position": null,
                "queue_length": null,
            }),
            Some("failed") => {
                let error = "Processing failed (unknown reason)";
                return Response::json(500, &json!({"success": false, "status": "failed", "error": error}));
            }
            _ => json!({"success": true, "status": "unknown", "message": "Recording not started yet"}),
        }
    };
    Response::json(200, &body)
}

pub(super) fn prepare(visit: &Visit) -> Response {
    let Some((_, call)) = visit.world.call_by_sid(visit.segments[2]) else {
        return Response::json(404, &json!({"error": "Call not found"}));
    };
    if call.recording.is_none() {
        return Response::json(404, &json!({"error": "No recording available for this call"}));
    }
    if visit.world.file_if_here(&call).is_some() {
        let body = json!({
            "status": "ready", "message": "Recording is ready for playback", "message_he": "ההקלטה מוכנה לניגון",
        });
        return Response::json(200, &body);
    }
    let body = match visit.world.start_job(&call) {
        Presence::Waiting => json!({
            "status": "queued",
            "message": "Recording is being prepared (queued)",
            "message_he": "ההקלטה בתהליך הכנה (queued)",
            "run_id": visit.world.newest_run(&call.sid).map(|run| run.id),
        }),
        _ => json!({
            "status": "queued",
            "message": "Recording download job created",
            "message_he": "משימת הורדת הקלטה נוצרה",
        }),
    };
    Response::json(202, &body)
}

pub(super) fn active_runs(visit: &Visit) -> Response {
    let state = visit.world.state();
    let open = state.runs.iter().rev().filter(|run| run.status == "queued").take(50);
    let runs: Vec<Value> = open
        .map(|run| {
            json!({
                "run_id": run.id, "status": run.status, "call_sid": run.call_sid, "job_type": "download",
                "cancel_requested": run.cancel_requested, "created_at": naive_utc(run.created_us),
            })
        })
        .collect();
    Response::json(200, &json!({"runs": runs}))
}

fn no_such_run() -> Response {
    Response::json(404, &json!({"error": "not_found", "message": "Resource not found"}))
}

pub(super) fn run_status(visit: &Visit) -> Response {
    let state = visit.world.state();
    let Some(run) = visit.id_at(3).and_then(|id| state.runs.iter().find(|run| run.id == id)) else {
        return no_such_run();
    };
    Response::json(200, &run_json(run))
}

fn run_json(run: &Run) -> Value {
    json!({
        "run_id": run.id,
        "status": run.status,
        "call_sid": run.call_sid,
        "recording_sid": null,
        "job_type": "download",
        "cancel_requested": run.cancel_requested,
        "can_cancel": run.status == "queued",
        "error_message": null,
        "retry_count": 0,
        "created_at": naive_utc(run.created_us),
        "started_at": null,
        "completed_at": run.completed_us.map(naive_utc),
    })
}

pub(super) fn cancel_run(visit: &Visit) -> Response {
    let mut state = visit.world.state();
    let Some(run) = visit.id_at(3).and_then(|id| state.runs.iter_mut().find(|run| run.id == id)) else {
        return no_such_run();
    };
    if run.status != "queued" {
        return Response::json(400, &json!({"error": "Run already finished"}));
    }
    // Only a flag: nobody looks at it here either.
    run.cancel_requested = true;
    Response::json(200, &json!({"ok": true}))
}
