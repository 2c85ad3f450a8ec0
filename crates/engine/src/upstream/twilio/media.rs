//! A recording's sound from Twilio, as the queue asks for it. Sound is not in Twilio's description of its API: neither
//! ranges nor lengths nor redirects are promised, so each is used where it is there and done without where it is not.

use std::collections::HashMap;
use std::sync::PoisonError;

use aftercall_domain::breaker::Rest;
use aftercall_domain::ids::{RecordingId, Source};
use aftercall_domain::recording::Fact;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::LOCATION;
use http::{Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use super::super::http::{Answer, Question};
use super::super::{Body, Piece, Presence, Ranged, RecordingSource, SameFile, UpstreamError, Validator, sound};
use super::failure::{self, Refusal};
use super::redirect::{self, Target};
use super::sealed::{TAG_BYTES, Wrapped};
use super::{RecordingStatus, Twilio, TwilioRecording};

/// An encrypted body must verify as a whole before any of it is used, so it is held in memory: about four hours of MP3.
const SEALED_BYTES_MAX: u64 = 64 << 20;
/// A body without a length is read once only to learn it, up to here.
const UNSAID_BYTES_MAX: u64 = 512 << 20;
/// The error's number for a recording that was too short to be kept, and for one in which nobody spoke.
const TOO_SHORT: i64 = 16_101;
const SILENT: i64 = 16_102;
/// Facts are kept of so many recordings; then they are asked for anew.
const KNOWN_MAX: usize = 256;

/// What was learnt of recordings on the way.
pub(super) type Known = HashMap<RecordingId, Facts>;

#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Two are not to be had of a recording of one.
    channels: u8,
    /// Length of the body, where the server does not say it each time.
    total_bytes: Option<u64>,
    wrapped: Option<Wrapped>,
}

/// Which bytes are asked for, and of which file.
#[derive(Clone, Copy)]
struct Part<'a> {
    range: (u64, u64),
    same: Option<&'a Validator>,
}

/// What the sound's address answered.
enum Asked {
    Sound(Answer),
    NotYet { retry_after_ms: Option<i64> },
}

impl Twilio {
    fn known(&self, id: &RecordingId) -> Option<Facts> {
        self.media.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn learn(&self, id: &RecordingId, facts: Facts) {
        let mut known = self.media.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(id.clone(), facts);
    }

    /// The address is made of our own host, account and sid: the one in the row says `http`.
    fn sound_url(&self, id: &RecordingId, channels: u8) -> Url {
        self.list_url(&format!("Recordings/{}.mp3", id.sid()), &[("RequestedChannels", channels.to_string())])
    }

    /// Follows redirects by hand.
    async fn follow(&self, url: Url, part: Option<Part<'_>>) -> Result<Answer, UpstreamError> {
        let mut question = Question {
            range: part.map(|part| part.range),
            if_range: part.and_then(|part| part.same).map(|same| same.as_str().to_owned()),
            ..Question::sound(Method::GET, url)
        };
        let mut own = true;
        for _ in 0..=redirect::HOPS_MAX {
            let answer =
                if own { self.ask(&question).await? } else { self.outside.ask_as(&question, Vec::new()).await? };
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            match redirect::target(&self.origin, &question.url, location.ok_or(UpstreamError::NotData)?)? {
                Target::Own(url) => (question.url, own) = (url, true),
                Target::Signed(url) => (question.url, own) = (url, false),
            }
        }
        Err(UpstreamError::ForeignRedirect)
    }

    /// Asks for the sound with two channels, and once more with one where two are not to be had.
    async fn sound(&self, id: &RecordingId, facts: &mut Facts, part: Option<Part<'_>>) -> Result<Asked, UpstreamError> {
        loop {
            let answer = self.follow(self.sound_url(id, facts.channels), part).await?;
            match answer.status() {
                // A part that nobody asked for: of what, nobody knows.
                StatusCode::PARTIAL_CONTENT if part.is_none() => return Err(UpstreamError::Changed),
                StatusCode::OK | StatusCode::PARTIAL_CONTENT => {
                    // An error is XML here even where success is sound.
                    sound::check(&answer)?;
                    return Ok(Asked::Sound(answer));
                }
                StatusCode::RANGE_NOT_SATISFIABLE => return Err(UpstreamError::Changed),
                StatusCode::ACCEPTED => return Ok(Asked::NotYet { retry_after_ms: answer.retry_after_ms }),
                StatusCode::BAD_REQUEST if facts.channels == 2 => facts.channels = 1,
                _ => {
                    let Refusal { code, retry_after_ms, error } = self.refusal(answer).await;
                    return match code {
                        Some(failure::NOT_READY) => Ok(Asked::NotYet { retry_after_ms }),
                        _ => Err(error),
                    };
                }
            }
        }
    }

    /// The row first: it says why there is no sound, and how its key is wrapped.
    async fn presence(&self, id: &RecordingId) -> Result<Presence, UpstreamError> {
        let row = match self.recording(id).await {
            // After 40 days a deleted recording's row is gone too.
            Err(UpstreamError::NotFound) => return Err(UpstreamError::Gone),
            row => row?,
        };
        match row.status {
            RecordingStatus::InProgress | RecordingStatus::Processing => {
                return Ok(Presence::NotYet { retry_after_ms: None });
            }
            RecordingStatus::Deleted => return Err(UpstreamError::Gone),
            RecordingStatus::Absent => return Err(absent(&row)),
            RecordingStatus::Completed | RecordingStatus::Other => {}
        }
        let wrapped = row.wrapped.map_err(|_| UpstreamError::Unverified)?;
        if wrapped.as_ref().is_some_and(|wrapped| !self.has_key(wrapped)) {
            // Said before megabytes are fetched that nobody can read.
            return Err(UpstreamError::KeyMissing);
        }
        let mut facts = Facts { channels: 2, total_bytes: None, wrapped };
        let answer = match self.sound(id, &mut facts, Some(Part { range: (0, 0), same: None })).await? {
            Asked::NotYet { retry_after_ms } => return Ok(Presence::NotYet { retry_after_ms }),
            Asked::Sound(answer) => answer,
        };
        let total_bytes = match total(&answer) {
            Some(total_bytes) => total_bytes,
            None => self.counted(answer).await?,
        };
        facts.total_bytes = Some(total_bytes);
        let sealed = facts.wrapped.is_some();
        self.learn(id, facts);
        if !sealed {
            return Ok(Presence::Here { total_bytes });
        }
        if total_bytes > SEALED_BYTES_MAX {
            return Err(UpstreamError::TooLarge);
        }
        Ok(Presence::Here { total_bytes: total_bytes.checked_sub(TAG_BYTES).ok_or(UpstreamError::Unverified)? })
    }

    fn has_key(&self, wrapped: &Wrapped) -> bool {
        wrapped.is_for(&self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The length of a body that does not say it.
    async fn counted(&self, answer: Answer) -> Result<u64, UpstreamError> {
        let mut body = Body::of_unknown_length(answer.into_response(), UNSAID_BYTES_MAX, self.http.limits());
        let mut total_bytes = 0;
        while let Some(chunk) = body.chunk().await? {
            total_bytes += chunk.len() as u64;
        }
        Ok(total_bytes)
    }

    async fn piece(&self, id: &RecordingId, part: Part<'_>) -> Result<Ranged, UpstreamError> {
        let mut facts = match self.known(id) {
            Some(facts) => facts,
            None => {
                if let Presence::NotYet { retry_after_ms } = self.presence(id).await? {
                    return Ok(Ranged::NotYet { retry_after_ms });
                }
                self.known(id).ok_or(UpstreamError::Changed)?
            }
        };
        if let Some(wrapped) = facts.wrapped.clone() {
            return self.opened(id, &mut facts, &wrapped).await;
        }
        let answer = match self.sound(id, &mut facts, Some(part)).await? {
            Asked::NotYet { retry_after_ms } => return Ok(Ranged::NotYet { retry_after_ms }),
            Asked::Sound(answer) => answer,
        };
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            return sound::part(answer, part.range, self.http.limits()).map(Ranged::from);
        }
        let total_bytes = sound::length(&answer).or(facts.total_bytes).ok_or(UpstreamError::NotData)?;
        Ok(sound::whole(answer, total_bytes, self.http.limits()).into())
    }

    /// A whole encrypted body, verified and opened.
    async fn opened(&self, id: &RecordingId, facts: &mut Facts, wrapped: &Wrapped) -> Result<Ranged, UpstreamError> {
        let answer = match self.sound(id, facts, None).await? {
            Asked::NotYet { retry_after_ms } => return Ok(Ranged::NotYet { retry_after_ms }),
            Asked::Sound(answer) => answer,
        };
        let total_bytes = sound::length(&answer).or(facts.total_bytes).ok_or(UpstreamError::NotData)?;
        if total_bytes > SEALED_BYTES_MAX {
            return Err(UpstreamError::TooLarge);
        }
        let mut body = Body::new(answer.into_response(), total_bytes, self.http.limits());
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(total_bytes).unwrap_or(0)));
        while let Some(chunk) = body.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        let (keys, wrapped) = (self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone(), wrapped.clone());
        let opening = tokio::task::spawn_blocking(move || wrapped.open(&keys, bytes));
        let plain = opening.await.map_err(|_| UpstreamError::Unverified)??;
        let total_bytes = plain.len() as u64;
        // Whole and verified: there is nothing to go on with later.
        let body = Body::of(Bytes::from_owner(Opened(plain)));
        Ok(Piece { start: 0, is_whole: true, total_bytes, validator: None, body }.into())
    }
}

/// The bytes are wiped when the last of them was stored.
struct Opened(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Opened {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Why an absent recording was never kept.
fn absent(row: &TwilioRecording) -> UpstreamError {
    match row.error_code {
        Some(TOO_SHORT) => UpstreamError::NeverKept(Fact::TooShort),
        Some(SILENT) => UpstreamError::NeverKept(Fact::Silent),
        _ => UpstreamError::NeverKept(Fact::NeverReady),
    }
}

/// The whole length: of a part, from `Content-Range`; else the body's own.
fn total(answer: &Answer) -> Option<u64> {
    if answer.status() == StatusCode::PARTIAL_CONTENT {
        return sound::part_of(answer).map(|(_, _, total)| total);
    }
    sound::length(answer)
}

impl RecordingSource for Twilio {
    fn head<'a>(&'a self, id: &'a RecordingId) -> BoxFuture<'a, Result<Presence, UpstreamError>> {
        Box::pin(self.presence(id))
    }

    fn range<'a>(
        &'a self,
        id: &'a RecordingId,
        first: u64,
        last: u64,
        same: Option<&'a Validator>,
    ) -> BoxFuture<'a, Result<Ranged, UpstreamError>> {
        Box::pin(self.piece(id, Part { range: (first, last), same }))
    }

    fn same_file(&self, _id: &RecordingId) -> SameFile {
        SameFile::ByValidator
    }

    fn resting(&self, _of: Source) -> Option<Rest> {
        self.http.gate().resting()
    }

    fn is_doubted(&self, _of: Source) -> bool {
        self.http.gate().is_shut()
    }

    fn try_now(&self, _of: Source) {
        self.http.gate().try_now();
    }
}
