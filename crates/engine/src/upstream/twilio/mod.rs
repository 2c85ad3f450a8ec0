//! Twilio's REST API as an upstream of its own: lists of calls and recordings, and the sound itself.
//!
//! Credentials go to the configured host and nowhere else: a page's next address is read for its path only, and a
//! redirect of a recording's sound is followed by hand (`redirect`). Wire shapes stay in `wire`.

mod failure;
mod host;
mod media;
mod pem;
mod redirect;
mod sealed;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aftercall_domain::clock::Clock;
use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_domain::zone;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

pub(super) use redirect::is_public;

pub use host::twilio_origin;
pub use pem::{InvalidPrivateKey, check_private_key};
pub use wire::{RecordingStatus, TwilioCall, TwilioRecording};

use super::http::{Answer, Http, Question};
use super::{Limits, Origin, UpstreamError};
use failure::Refusal;

/// Rows of one page; the API takes no more.
pub const TWILIO_PAGE: u32 = 1_000;
/// Twilio limits how many requests of an account are worked on at once, and does not say to how many.
const AT_ONCE: usize = 4;
/// A request that was refused for that, or that the server could not serve, is sent again this often.
const TRIES_MAX: u32 = 4;
/// The pauses between those, doubled each time. Longer ones that the server asks for are left to whoever asked us.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX_MS: i64 = 10_000;

/// Who asks: an account with its token, or with a key of its own.
#[derive(Clone)]
pub struct TwilioCredentials {
    account: String,
    user: String,
    secret: SecretString,
}

impl fmt::Debug for TwilioCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TwilioCredentials(..)")
    }
}

fn is_sid(text: &str, kinds: &[&str]) -> bool {
    text.len() == 34 && kinds.contains(&&text[..2]) && text[2..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl TwilioCredentials {
    /// `account` is `AC…`; `user` is a key, `SK…`, or an account again, whose token is the secret then.
    ///
    /// # Errors
    /// [`UpstreamError::InvalidAddress`] for what are no sids, or no secret.
    pub fn new(account: &str, user: &str, secret: SecretString) -> Result<Self, UpstreamError> {
        let is_ascii = account.is_ascii() && user.is_ascii();
        let plain = !secret.expose_secret().is_empty() && secret.expose_secret().bytes().all(|b| b.is_ascii_graphic());
        if !(is_ascii && plain && is_sid(account, &["AC"]) && is_sid(user, &["SK", "AC"])) {
            return Err(UpstreamError::InvalidAccount);
        }
        Ok(Self { account: account.to_owned(), user: user.to_owned(), secret })
    }

    /// `AC…`.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// `SK…`, or `AC…` again.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// To be kept sealed.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    fn header(&self) -> Result<HeaderValue, UpstreamError> {
        let pair = Zeroizing::new(format!("{}:{}", self.user, self.secret.expose_secret()));
        let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let mut value = HeaderValue::from_str(&value).map_err(|_| UpstreamError::InvalidAccount)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The private key of a public key that recordings were encrypted with.
#[derive(Clone)]
pub struct PrivateKey {
    /// `CR…`, as rows name the public key.
    pub sid: String,
    /// PKCS#1 or PKCS#8, in PEM.
    pub pem: SecretString,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// One answer of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioPage<T> {
    /// The rows that could be read, in the server's order.
    pub rows: Vec<T>,
    /// Rows that could not, each as a fingerprint.
    pub rejected: Vec<u64>,
    /// Where the list goes on.
    pub next: Option<NextPage>,
}

/// The address of a page, at the configured host whatever the server wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextPage(String);

/// Which calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallsSpan {
    /// All that the account has.
    All,
    /// Those that ended at or after this moment (UTC). Calls that nobody answered have no end: they are not in it.
    EndedSince(i64),
    /// Those that began at or after it.
    StartedSince(i64),
}

/// One account at Twilio.
pub struct Twilio {
    http: Http,
    /// For redirects: sends no credentials, and connects to public addresses only.
    outside: Http,
    origin: Origin,
    credentials: TwilioCredentials,
    authorization: HeaderValue,
    turns: Semaphore,
    media: Mutex<media::Known>,
    keys: Mutex<Vec<PrivateKey>>,
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Twilio(..)")
    }
}

impl Twilio {
    /// An account at `origin`, which [`twilio_origin`] made. Nothing is asked yet.
    ///
    /// # Errors
    /// [`UpstreamError::Certificate`] where the platform's certificates cannot be read.
    pub fn new(
        origin: Origin,
        credentials: TwilioCredentials,
        keys: Vec<PrivateKey>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let http = Http::new(&origin, limits.clone(), Arc::clone(&clock))?;
        let outside = Http::outside(limits, origin.is_loopback(), clock)?;
        let authorization = credentials.header()?;
        Ok(Self {
            http,
            outside,
            origin,
            credentials,
            authorization,
            turns: Semaphore::new(AT_ONCE),
            media: Mutex::default(),
            keys: Mutex::new(keys),
        })
    }

    /// Where it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// `AC…`.
    pub fn account(&self) -> &str {
        self.credentials.account()
    }

    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.http.requests() + self.outside.requests()
    }

    /// How often each status was answered since this was last asked; 0 is no answer.
    pub fn take_answers(&self) -> std::collections::BTreeMap<u16, u64> {
        let mut answers = self.http.take_answers();
        for (status, count) in self.outside.take_answers() {
            *answers.entry(status).or_default() += count;
        }
        answers
    }

    /// Encrypted recordings are opened with these from now on.
    pub fn set_keys(&self, keys: Vec<PrivateKey>) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Whether the credentials are good. (The account itself may not be asked for with a key.)
    ///
    /// # Errors
    /// [`UpstreamError::BadCredentials`], [`UpstreamError::Forbidden`], or what keeps the server from answering.
    pub async fn check(&self) -> Result<(), UpstreamError> {
        let url = self.list_url("Calls.json", &[("PageSize", "1".to_owned())]);
        wire::calls(&self.list(url).await?).map(drop)
    }

    fn list_url(&self, name: &str, query: &[(&str, String)]) -> Url {
        let mut url = self.origin.at(&format!("/2010-04-01/Accounts/{}/{name}", self.account()));
        if !query.is_empty() {
            // The names hold the operator, `StartTime>`: it is encoded with the rest.
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn page_url(&self, page: &NextPage) -> Url {
        let (path, query) = page.0.split_once('?').unwrap_or((&page.0, ""));
        let mut url = self.origin.at(path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url
    }

    /// The first page of calls.
    ///
    /// # Errors
    /// As any question: see [`UpstreamError`].
    pub async fn calls(&self, span: CallsSpan) -> Result<TwilioPage<TwilioCall>, UpstreamError> {
        let mut query = vec![("PageSize", TWILIO_PAGE.to_string())];
        match span {
            CallsSpan::All => {}
            CallsSpan::EndedSince(ms) => query.push(("EndTime>", whole_seconds(ms))),
            CallsSpan::StartedSince(ms) => query.push(("StartTime>", whole_seconds(ms))),
        }
        wire::calls(&self.list(self.list_url("Calls.json", &query)).await?)
    }

    /// Another page of calls.
    ///
    /// # Errors
    /// [`UpstreamError::Changed`] when the server does not know the page any more; else as any question.
    pub async fn more_calls(&self, page: &NextPage) -> Result<TwilioPage<TwilioCall>, UpstreamError> {
        wire::calls(&self.list(self.page_url(page)).await?)
    }

    /// One call as it is now.
    ///
    /// # Errors
    /// [`UpstreamError::NotFound`]; else as any question.
    pub async fn call(&self, sid: &CallSid) -> Result<TwilioCall, UpstreamError> {
        wire::one_call(&self.list(self.list_url(&format!("Calls/{sid}.json"), &[])).await?)
    }

    /// The first page of the account's recordings made at or after a moment (UTC), deleted ones included.
    ///
    /// # Errors
    /// As any question.
    pub async fn recordings(&self, since_ms: Option<i64>) -> Result<TwilioPage<TwilioRecording>, UpstreamError> {
        let mut query = vec![("IncludeSoftDeleted", "true".to_owned()), ("PageSize", TWILIO_PAGE.to_string())];
        if let Some(ms) = since_ms {
            query.push(("DateCreated>", whole_seconds(ms)));
        }
        wire::recordings(&self.list(self.list_url("Recordings.json", &query)).await?)
    }

    /// Another page of recordings.
    ///
    /// # Errors
    /// As [`Twilio::more_calls`].
    pub async fn more_recordings(&self, page: &NextPage) -> Result<TwilioPage<TwilioRecording>, UpstreamError> {
        wire::recordings(&self.list(self.page_url(page)).await?)
    }

    /// One recording as it is now, deleted or not.
    ///
    /// # Errors
    /// [`UpstreamError::NotFound`] also for one that was deleted more than 40 days ago; else as any question.
    pub async fn recording(&self, id: &RecordingId) -> Result<TwilioRecording, UpstreamError> {
        let query = [("IncludeSoftDeleted", "true".to_owned())];
        let url = self.list_url(&format!("Recordings/{}.json", id.sid()), &query);
        wire::one_recording(&self.list(url).await?)
    }

    /// The recordings of one call. A child leg's are its parent's.
    ///
    /// # Errors
    /// As any question.
    pub async fn recordings_of(&self, call: &CallSid) -> Result<TwilioPage<TwilioRecording>, UpstreamError> {
        let query = [("PageSize", TWILIO_PAGE.to_string())];
        let url = self.list_url(&format!("Calls/{call}/Recordings.json"), &query);
        wire::recordings(&self.list(url).await?)
    }

    async fn ask(&self, question: &Question) -> Result<Answer, UpstreamError> {
        let _turn = self.turns.acquire().await.map_err(|_| UpstreamError::TimedOut)?;
        self.http.ask_as(question, vec![(AUTHORIZATION, self.authorization.clone())]).await
    }

    /// What an answer that is no success means, from its body.
    async fn refusal(&self, answer: Answer) -> Refusal {
        let (status, retry_after_ms) = (answer.status(), answer.retry_after_ms);
        let body = self.http.first_bytes(answer, failure::BODY_BYTES_MAX).await;
        Refusal::read(status, retry_after_ms, &body)
    }

    /// A JSON answer. Refusals that say "not processed" are asked again a few times.
    async fn list(&self, url: Url) -> Result<Bytes, UpstreamError> {
        let question = Question::get(url);
        let mut tries = 1;
        loop {
            let answer = self.ask(&question).await?;
            if answer.status().is_success() {
                if matches!(answer.content_type().as_str(), "text/html" | "text/xml" | "application/xml") {
                    return Err(UpstreamError::NotData);
                }
                return self.http.json_body(answer).await;
            }
            let refusal = self.refusal(answer).await;
            let Some(pause) = again_after(&refusal, tries) else { return Err(refusal.error) };
            tokio::time::sleep(pause).await;
            tries += 1;
        }
    }
}

/// The pause before a question is sent again, if it may be.
fn again_after(refusal: &Refusal, tries: u32) -> Option<Duration> {
    let passing = match refusal.error {
        UpstreamError::RateLimited { .. } => true,
        UpstreamError::Unavailable { status, .. } => matches!(status, 500 | 502 | 503 | 504),
        _ => false,
    };
    let asked_ms = refusal.error.retry_after_ms().unwrap_or(0);
    if !passing || tries >= TRIES_MAX || asked_ms > PAUSE_MAX_MS {
        return None;
    }
    let jitter = 0.9 + 0.2 * rand::random::<f64>();
    let own = PAUSE.mul_f64(f64::from(1 << (tries - 1)) * jitter);
    Some(own.max(Duration::from_millis(u64::try_from(asked_ms).unwrap_or(0))))
}

/// `2026-01-01T00:00:00Z`: as Twilio's own libraries write it.
fn whole_seconds(ms: i64) -> String {
    let text = zone::rfc3339_utc(ms - ms.rem_euclid(1_000));
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

/// Reads `body` as each answer of Twilio: a page, a row, a refusal.
pub(super) fn read_as_any_answer(body: &[u8]) {
    let _ = (wire::calls(body), wire::recordings(body), wire::one_call(body), wire::one_recording(body));
    for status in [http::StatusCode::BAD_REQUEST, http::StatusCode::NOT_FOUND, http::StatusCode::BAD_GATEWAY] {
        let _ = Refusal::read(status, None, body);
    }
}
