//! A recording's sound: `.wav` or nothing, `.mp3`, one channel or two; in processing, gone, elsewhere, sealed.

use super::own::Case;
use super::recordings::{self, Recording};
use super::{answer, quiet};
use crate::message::{Request, Response};
use crate::world::World;
use bytes::Bytes;
use std::sync::PoisonError;

/// The first requests for a late recording's sound find nothing.
const LATE_POLLS: u32 = 2;

fn is_mp3(name: &str) -> bool {
    name.ends_with(".mp3")
}

pub(super) fn get(world: &World, request: &Request, name: &str) -> Response {
    let missing = || answer::failure(&request.path, 404);
    let sid = name.strip_suffix(".mp3").or_else(|| name.strip_suffix(".wav")).unwrap_or(name);
    let Some(recording) = recordings::find(world, sid) else { return missing() };
    match (recording.status, recording.case) {
        ("processing", _) => {
            let message = "Resource not available. Retry-After header will tell you when to retry";
            return answer::coded(&request.path, 404, 21501, message).with("retry-after", "7");
        }
        ("completed", Some(Case::External)) => return missing(),
        ("completed", Some(Case::Late)) => {
            let mut polls = world.twilio.polls.lock().unwrap_or_else(PoisonError::into_inner);
            let polls = polls.entry(recording.sid.clone()).or_default();
            *polls += 1;
            if *polls <= LATE_POLLS {
                return missing();
            }
        }
        ("completed", Some(Case::Redirected)) => return redirect(request, name),
        ("completed", _) => {}
        _ => return missing(),
    }
    match sound(world, request, &recording, name) {
        Some(bytes) => serve(request, bytes, is_mp3(name), recording.case.is_none()),
        None => answer::coded(&request.path, 400, 16113, "Requested channels not available for this recording"),
    }
}

/// The bytes in the form and the channels asked for; `None` for two channels where there is one.
fn sound(world: &World, request: &Request, recording: &Recording, name: &str) -> Option<Bytes> {
    let asked = match request.param("RequestedChannels").as_deref() {
        Some("2") if recording.channels < 2 => return None,
        Some("1") => 1,
        _ => recording.channels,
    };
    let file = &recording.file;
    let as_kept = file.bytes.starts_with(b"RIFF") != is_mp3(name) && asked == quiet::channels(&file.bytes);
    let bytes = match (as_kept, is_mp3(name)) {
        (true, _) => file.bytes.clone(),
        (false, true) => quiet::mp3(file.seconds, asked).into(),
        (false, false) => quiet::wav(file.seconds, asked).into(),
    };
    match recording.case {
        Some(case) if case.is_sealed() => {
            Some(world.twilio.key().seal(case, world.seed(), recording.number, &bytes)?.bytes.into())
        }
        _ => Some(bytes),
    }
}

/// Ranges are not documented: recordings of the CRM's calls are served in parts, the account's own only whole.
fn serve(request: &Request, bytes: Bytes, mp3: bool, in_parts: bool) -> Response {
    let content_type = if mp3 { "audio/mpeg" } else { "audio/x-wav" };
    let total = bytes.len() as u64;
    let range = request.header("range").filter(|_| in_parts && !request.is_head());
    let answer = |status| Response::new(status).with("content-type", content_type);
    let Some(asked) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        let mut whole = answer(200);
        if request.is_head() {
            whole.declared_bytes = Some(total);
            return whole;
        }
        return whole.with_body(bytes);
    };
    let (Ok(first), last) = (asked.0.parse::<u64>(), asked.1.parse::<u64>().unwrap_or(u64::MAX).min(total - 1)) else {
        return answer(200).with_body(bytes);
    };
    if first > last {
        return answer(416).with("content-range", format!("bytes */{total}"));
    }
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    answer(206)
        .with("content-range", format!("bytes {first}-{last}/{total}"))
        .with_body(bytes.slice(at(first)..at(last + 1)))
}

/// To the same port by another name, which is another origin.
fn redirect(request: &Request, name: &str) -> Response {
    let port = request.header("host").and_then(|host| host.rsplit_once(':')).map_or("80", |(_, port)| port);
    let query = request.query.as_str();
    let target = format!("http://localhost:{port}/media-cdn/{name}?signature=invented&{query}");
    Response::new(302).with("content-type", "text/plain").with("location", target)
}

/// The signed address: it wants no other credentials, and refuses them as a bucket does.
pub(super) fn signed(world: &World, request: &Request, name: &str) -> Response {
    if request.header("authorization").is_some() || request.header("cookie").is_some() {
        let body = "<?xml version=\"1.0\"?><Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>";
        return Response::new(400).with("content-type", "application/xml").with_body(body);
    }
    if request.param("signature").as_deref() != Some("invented") {
        return Response::new(403)
            .with("content-type", "application/xml")
            .with_body("<Error><Code>AccessDenied</Code></Error>");
    }
    let sid = name.strip_suffix(".mp3").or_else(|| name.strip_suffix(".wav")).unwrap_or(name);
    let found = recordings::find(world, sid).filter(|recording| recording.case == Some(Case::Redirected));
    match found.and_then(|recording| sound(world, request, &recording, name)) {
        Some(bytes) => serve(request, bytes, is_mp3(name), true),
        None => Response::new(404)
            .with("content-type", "application/xml")
            .with_body("<Error><Code>NoSuchKey</Code></Error>"),
    }
}
