//! The one place that makes an HTTP client: what it may do, how long it waits and how much it reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aftercall_domain::backoff;
use aftercall_domain::clock::Clock;
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, DATE, IF_RANGE, RANGE, REFERER, RETRY_AFTER,
    SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::gate::Gate;
use super::twilio::is_public;
use super::{Origin, UpstreamError};

/// The server hashes it for its audit: one stable word.
const USER_AGENT: &str = concat!("Aftercall/", env!("CARGO_PKG_VERSION"));
const SESSION_COOKIE: &str = "al_sess";
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrftoken");
/// Nothing is known of the server's clock.
const UNKNOWN: i64 = i64::MIN;
/// Room for a body that only says that it is larger is made when it comes.
const ROOM_MAX: usize = 1 << 20;

/// How long is waited and how much is read. The default is what the app uses; tests wait less.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// Between two bytes.
    pub idle: Duration,
    /// For a whole answer of JSON.
    pub json: Duration,
    /// An audio body is given up when it brings less than `low_speed_bytes` in this time.
    pub low_speed: Duration,
    /// See `low_speed`.
    pub low_speed_bytes: u64,
    /// Largest JSON answer, counted after decompression.
    pub json_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            json: Duration::from_secs(120),
            low_speed: Duration::from_secs(30),
            low_speed_bytes: 30 * 1024,
            json_bytes: 16 * 1024 * 1024,
        }
    }
}

/// What is asked.
pub(super) struct Question {
    pub method: Method,
    pub url: Url,
    pub body: Option<Bytes>,
    /// First and last byte, for sound.
    pub range: Option<(u64, u64)>,
    /// The range, if it is still the file of this validator; else the whole file.
    pub if_range: Option<String>,
    pub sound: bool,
}

impl Question {
    pub(super) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None, range: None, if_range: None, sound: false }
    }
    pub(super) fn post(url: Url, body: Bytes) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(url) }
    }
    /// For a recording.
    pub(super) fn sound(method: Method, url: Url) -> Self {
        Self { method, sound: true, ..Self::get(url) }
    }

    /// It changes something at the server.
    pub(super) fn is_write(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// Who asks.
#[derive(Default, Clone)]
pub(super) struct Proof {
    pub cookie: Option<SecretString>,
    /// Sent with what changes something, where the server asked for one.
    pub csrf: Option<SecretString>,
}

/// An answer whose body has not been read yet.
pub(super) struct Answer {
    response: reqwest::Response,
    pub retry_after_ms: Option<i64>,
    /// How far the server's clock is ahead of this computer's.
    clock_ahead_ms: Option<i64>,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }
    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }
    pub(super) fn into_response(self) -> reqwest::Response {
        self.response
    }

    /// The session cookie that this answer sets, if any.
    pub(super) fn session_cookie(&self) -> Option<SecretString> {
        let set = |value: &HeaderValue| {
            let pair = value.to_str().ok()?.split(';').next()?.trim();
            let value = pair.strip_prefix(SESSION_COOKIE)?.strip_prefix('=')?;
            (!value.is_empty()).then(|| SecretString::from(value))
        };
        self.headers().get_all(SET_COOKIE).iter().rev_find_map(set)
    }

    /// Nothing but a success with data passes.
    pub(super) fn accepted(self) -> Result<Self, UpstreamError> {
        match failure(self.status(), self.retry_after_ms) {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// As `accepted`, for a write: a 4xx that is about what was sent is a refusal of it.
    pub(super) fn taken(self) -> Result<Self, UpstreamError> {
        match self.status().as_u16() {
            status @ (400 | 405 | 406 | 409 | 411..=418 | 422 | 451) => Err(UpstreamError::Refused { status }),
            _ => self.accepted(),
        }
    }

    /// Says what the body is declared as, in lower case and without parameters.
    pub(super) fn content_type(&self) -> String {
        let value = self.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }
}

trait RevFindMap: Iterator + Sized {
    fn rev_find_map<T>(self, f: impl FnMut(Self::Item) -> Option<T>) -> Option<T> {
        self.filter_map(f).last()
    }
}
impl<I: Iterator> RevFindMap for I {}

/// What a status other than success means.
pub(crate) fn failure(status: StatusCode, retry_after_ms: Option<i64>) -> Option<UpstreamError> {
    Some(match status.as_u16() {
        200..=299 => return None,
        401 => UpstreamError::SessionEnded,
        403 => UpstreamError::Forbidden,
        404 => UpstreamError::NotFound,
        410 => UpstreamError::Gone,
        429 => UpstreamError::RateLimited { retry_after_ms },
        // Never followed: nothing in the CRM's API redirects, so this is a portal or a proxy.
        300..=303 | 305..=399 => UpstreamError::Captive { retry_after_ms },
        503 => UpstreamError::Unavailable { status: 503, retry_after_ms },
        // Only where it has a meaning: any other answer may carry anything.
        status => UpstreamError::Unavailable { status, retry_after_ms: None },
    })
}

/// The client. Follows no redirect, sends no Referer, retries nothing by itself.
pub(super) struct Http {
    /// The only place that is told who asks.
    own: Option<url::Origin>,
    json: reqwest::Client,
    sound: reqwest::Client,
    limits: Limits,
    clock: Arc<dyn Clock>,
    gate: Gate,
    requests: AtomicU64,
    answers: Mutex<BTreeMap<u16, u64>>,
    clock_ahead_ms: AtomicI64,
}

#[expect(clippy::disallowed_methods, reason = "the one place that builds a client")]
fn builder(limits: &Limits, loopback: bool) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(limits.connect)
        .read_timeout(limits.idle);
    if loopback { builder.no_proxy() } else { builder.https_only(true) }
}

/// What names lead to. The system's answer, but in tests.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

fn by_the_system() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}

/// Refuses names that lead into a private network, at the moment of connecting: a name can change what it leads to.
struct PublicOnly {
    loopback: bool,
    lookup: Lookup,
}

impl reqwest::dns::Resolve for PublicOnly {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (loopback, looking) = (self.loopback, (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = looking.await?;
            let allowed = |ip: std::net::IpAddr| is_public(ip) || (loopback && ip.is_loopback());
            if !found.iter().all(|address| allowed(address.ip())) {
                return Err("the name leads into a private network".into());
            }
            let addresses: reqwest::dns::Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

impl Http {
    /// A client for one origin, which may be on the premises.
    pub(super) fn new(origin: &Origin, limits: Limits, clock: Arc<dyn Clock>) -> Result<Self, UpstreamError> {
        let loopback = origin.is_loopback();
        // Building fails where the platform's certificates cannot be read.
        let json = builder(&limits, loopback).gzip(true).build().map_err(|_| UpstreamError::Certificate)?;
        let sound = builder(&limits, loopback).gzip(false).build().map_err(|_| UpstreamError::Certificate)?;
        Ok(Self::with(Some(origin.at("/").origin()), json, sound, limits, clock))
    }

    fn with(
        own: Option<url::Origin>,
        json: reqwest::Client,
        sound: reqwest::Client,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            own,
            json,
            sound,
            limits,
            gate: Gate::new(Arc::clone(&clock)),
            clock,
            requests: AtomicU64::new(0),
            answers: Mutex::default(),
            clock_ahead_ms: AtomicI64::new(UNKNOWN),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Requests sent so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Answers per status since this was last asked; 0 is no answer.
    pub(super) fn take_answers(&self) -> BTreeMap<u16, u64> {
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count_answer(&self, status: u16) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    /// A client for addresses that an answer named: it connects to public ones only, whatever their names lead to.
    /// With `loopback` this computer is one too.
    pub(super) fn outside(limits: Limits, loopback: bool, clock: Arc<dyn Clock>) -> Result<Self, UpstreamError> {
        Self::outside_by(by_the_system(), limits, loopback, clock)
    }

    /// As [`Http::outside`], with every name leading to these addresses.
    #[cfg(test)]
    pub(super) fn looking_up(found: Vec<SocketAddr>, limits: Limits) -> Result<Self, UpstreamError> {
        let lookup: Lookup = Arc::new(move |_| {
            let found = found.clone();
            Box::pin(async move { Ok(found) })
        });
        Self::outside_by(lookup, limits, false, Arc::new(aftercall_domain::clock::SystemClock::new()))
    }

    fn outside_by(
        lookup: Lookup,
        limits: Limits,
        loopback: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let client = || {
            let public = PublicOnly { loopback, lookup: Arc::clone(&lookup) };
            let builder = builder(&limits, loopback).dns_resolver(public).gzip(false);
            builder.build().map_err(|_| UpstreamError::Certificate)
        };
        Ok(Self::with(None, client()?, client()?, limits, clock))
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// How far the server's clock is ahead of this computer's, where an answer of the CRM itself said so.
    pub(super) fn clock_ahead_ms(&self) -> Option<i64> {
        Some(self.clock_ahead_ms.load(Ordering::Relaxed)).filter(|ms| *ms != UNKNOWN)
    }

    /// This answer is the CRM's own, and its `Date` is believed.
    pub(super) fn believe_date(&self, answer: &Answer) {
        if let Some(ahead_ms) = answer.clock_ahead_ms {
            self.clock_ahead_ms.store(ahead_ms, Ordering::Relaxed);
        }
    }

    /// Sends one question, once.
    ///
    /// # Errors
    /// [`UpstreamError::Paused`] while the server is left alone, without asking it.
    pub(super) async fn ask(&self, question: &Question, proof: &Proof) -> Result<Answer, UpstreamError> {
        let mut who = Vec::new();
        if let Some(cookie) = &proof.cookie {
            who.push((COOKIE, format!("{SESSION_COOKIE}={}", cookie.expose_secret())));
        }
        if let Some(token) = proof.csrf.as_ref().filter(|_| question.is_write()) {
            // Over https the check wants a Referer of the same origin beside the token.
            who.push((CSRF_TOKEN, token.expose_secret().to_owned()));
            who.push((REFERER, question.url.origin().ascii_serialization() + "/"));
        }
        let header = |(name, value): (HeaderName, String)| {
            let mut value = HeaderValue::try_from(value).map_err(|_| UpstreamError::SessionEnded)?;
            value.set_sensitive(true);
            Ok((name, value))
        };
        self.ask_as(question, who.into_iter().map(header).collect::<Result<_, _>>()?).await
    }

    /// Sends one question, once, with the headers that say who asks.
    ///
    /// # Errors
    /// As [`Http::ask`]; [`UpstreamError::ForeignRedirect`], without asking, where they would leave their origin.
    pub(super) async fn ask_as(
        &self,
        question: &Question,
        who: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<Answer, UpstreamError> {
        if !who.is_empty() && self.own.as_ref() != Some(&question.url.origin()) {
            return Err(UpstreamError::ForeignRedirect);
        }
        self.gate.through(question.into(), self.send(question, who), Answer::status).await
    }

    async fn send(&self, question: &Question, who: Vec<(HeaderName, HeaderValue)>) -> Result<Answer, UpstreamError> {
        let client = if question.sound { &self.sound } else { &self.json };
        let mut request = client.request(question.method.clone(), question.url.clone());
        if question.sound {
            request = request.header(ACCEPT, "audio/*").header(ACCEPT_ENCODING, "identity");
        } else {
            request = request.header(ACCEPT, "application/json").timeout(self.limits.json);
        }
        if let Some((first, last)) = question.range {
            request = request.header(RANGE, format!("bytes={first}-{last}"));
        }
        if let Some(validator) = &question.if_range {
            request = request.header(IF_RANGE, validator);
        }
        for (name, value) in who {
            request = request.header(name, value);
        }
        if let Some(body) = &question.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        // The time for the head of an answer. Sound has as long as it needs after that, while it comes at all.
        let sending = tokio::time::timeout(self.limits.json, request.send());
        let sent = sending.await.map_err(|_| UpstreamError::TimedOut).and_then(|sent| sent.map_err(|e| cause(&e)));
        self.count_answer(sent.as_ref().map_or(0, |response| response.status().as_u16()));
        let response = sent?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let now_ms = self.clock.now_ms();
        let retry_after_ms = header(RETRY_AFTER).and_then(|value| backoff::retry_after_ms(value, header(DATE), now_ms));
        let clock_ahead_ms = header(DATE).and_then(backoff::http_date_ms).map(|date_ms| date_ms - now_ms);
        Ok(Answer { response, retry_after_ms, clock_ahead_ms })
    }

    /// The beginning of a body, for what is only looked at. A body that breaks or drips ends there.
    pub(super) async fn first_bytes(&self, answer: Answer, bytes_max: usize) -> Bytes {
        let mut response = answer.into_response();
        let mut body = BytesMut::new();
        let until = tokio::time::Instant::now() + self.limits.idle;
        while let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(until, response.chunk()).await {
            body.extend_from_slice(&chunk[..chunk.len().min(bytes_max - body.len())]);
            if body.len() == bytes_max {
                break;
            }
        }
        body.freeze()
    }

    /// The whole body of a JSON answer, counted as it is unpacked.
    pub(super) async fn json_body(&self, answer: Answer) -> Result<Bytes, UpstreamError> {
        let mut response = answer.into_response();
        // What was unpacked has lost this header. Another packing was not asked for, and is not read.
        if response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding.as_bytes() != b"identity") {
            return Err(UpstreamError::NotData);
        }
        // A body that says how long it is takes its room once: growing moves what is there again and again.
        let announced = response.content_length().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        let mut body = BytesMut::with_capacity(announced.min(self.limits.json_bytes).min(ROOM_MAX));
        let broken = |error: reqwest::Error| match cause(&error) {
            // Half a list is no list.
            UpstreamError::Truncated => UpstreamError::NotData,
            other => other,
        };
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > self.limits.json_bytes {
                return Err(UpstreamError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// What went wrong below HTTP. The error's own text holds the address and is dropped here.
pub(super) fn cause(error: &reqwest::Error) -> UpstreamError {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        // rustls says `invalid peer certificate: …`; its error type is hidden behind two layers of io::Error.
        if inner.to_string().contains("certificate") {
            return UpstreamError::Certificate;
        }
        source = inner.source();
    }
    if error.is_connect() {
        UpstreamError::Offline
    } else if error.is_timeout() {
        UpstreamError::TimedOut
    } else if error.is_decode() {
        UpstreamError::NotData
    } else if error.is_body() {
        UpstreamError::Truncated
    } else {
        // The connection broke before a status came.
        UpstreamError::Unavailable { status: 0, retry_after_ms: None }
    }
}
