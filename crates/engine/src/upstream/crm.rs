//! The CRM: signing in, its lists, its recordings.

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercall_domain::appointment::Appointment;
use aftercall_domain::breaker::Rest;
use aftercall_domain::calendar::Calendar;
use aftercall_domain::call::Call;
use aftercall_domain::clock::Clock;
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use aftercall_domain::lead::Lead;
use aftercall_domain::zone;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::auth::{REFRESH_AGAIN_AFTER_MS, Renewal, SIGN_IN_AGAIN_AFTER_MS, Session};
use super::http::{Answer, Http, Proof, Question};
use super::{
    CallsPage, Context, Credentials, Limits, Origin, Page, Presence, Ranged, RecentCall, RecordingSource, SameFile,
    UpstreamError, Validator, sound, wire,
};

/// Rows of one page of calls; the server clamps to this.
pub const CALLS_PAGE_MAX: u32 = 100;
/// Rows of one page of leads. The server would send ten thousand, and hold its one thread for as long.
pub const LEADS_PAGE: u32 = 500;
const APPOINTMENTS_PAGE: u32 = 100;
/// Rows of one page of recent calls. The server asks its database twice more for each: ten thousand would take a minute.
pub const RECENT_PAGE: u32 = 500;
/// What is read of a refusal: enough for its reason.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;
/// Signing out does not wait longer for the server.
const SIGN_OUT_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Which of the two lists of recent calls. Calls of unknown direction are in neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Calls that came in.
    Inbound,
    /// Calls that went out.
    Outbound,
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// E-mail of the account.
    pub email: String,
    /// The person's name in the CRM.
    pub name: String,
    /// Role in the CRM.
    pub role: String,
    /// The company.
    pub business: String,
}

/// One CRM and one session at it.
pub struct Crm {
    pub(super) http: Http,
    origin: Origin,
    session: Session,
    /// One list is read at a time: the server has one thread for each of its few processes.
    lists: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Crm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Crm(..)")
    }
}

impl Crm {
    /// A CRM that nobody signed in to yet.
    ///
    /// # Errors
    /// [`UpstreamError::Certificate`] where the platform's certificates cannot be read.
    pub fn new(origin: Origin, limits: Limits, clock: Arc<dyn Clock>) -> Result<Self, UpstreamError> {
        let http = Http::new(&origin, limits, clock)?;
        Ok(Self { http, origin, session: Session::default(), lists: tokio::sync::Mutex::default() })
    }

    /// Goes on with a session of an earlier run; `credentials` where the person chose to stay signed in.
    pub fn with_session(self, cookie: Option<SecretString>, credentials: Option<Credentials>) -> Self {
        if cookie.is_some() {
            self.session.restore(cookie);
        }
        let mut crm = self;
        crm.session.renewal.get_mut().credentials = credentials;
        crm
    }

    /// Where it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// How often each status was answered since this was last asked; 0 is no answer.
    pub fn take_answers(&self) -> BTreeMap<u16, u64> {
        self.http.take_answers()
    }

    /// The session's cookie, when it is due to be written into the profile: after a sign-in or a refresh at once,
    /// otherwise every quarter of an hour in which it changed. Treat it as a password.
    pub fn session_to_keep(&self) -> Option<SecretString> {
        self.session.to_keep(self.http.clock().now_ms())
    }

    /// The kept password, once, when the server has refused it: the profile shall forget it.
    pub fn refused_password(&self) -> Option<SecretString> {
        self.session.take_refused()
    }

    /// How far the server's clock is ahead of this computer's, once a list was read.
    pub fn clock_ahead_ms(&self) -> Option<i64> {
        self.http.clock_ahead_ms()
    }

    /// Somebody waits, or the network came back: a server that is left alone may be asked once more at once.
    pub fn try_now(&self) {
        self.http.gate().try_now();
    }

    /// Signs in. With `stay_signed_in` the password is remembered for when the session ends.
    ///
    /// # Errors
    /// [`UpstreamError::WrongPassword`]; [`UpstreamError::NoBusiness`] for an account that sees nothing that this
    /// app shows; and whatever keeps the server from answering.
    pub async fn sign_in(&self, credentials: Credentials, stay_signed_in: bool) -> Result<SignedIn, UpstreamError> {
        let mut renewal = self.session.renewal.lock().await;
        let signed_in = self.send_sign_in(&credentials, &mut renewal).await?;
        renewal.credentials = stay_signed_in.then_some(credentials);
        // A person typed it: nothing is being repeated.
        renewal.signed_in_at_ms = None;
        renewal.refreshed_at_ms = None;
        Ok(signed_in)
    }

    /// Forgets the session and the password, and tells the server, which then lets none of this person's devices
    /// renew a session without a sign-in. Returns whether it heard of it.
    pub async fn sign_out(&self) -> bool {
        let proof = self.session.proof().0;
        // Waits for a renewal that is on its way, so that it cannot bring back what is forgotten here.
        let mut renewal = self.session.renewal.lock().await;
        *renewal = Renewal::default();
        self.session.forget();
        drop(renewal);
        if proof.cookie.is_none() {
            return false;
        }
        let question = Question::post(self.origin.at("/api/auth/logout"), Bytes::from_static(b"{}"));
        let told = tokio::time::timeout(SIGN_OUT_PATIENCE, self.http.ask(&question, &proof)).await;
        matches!(told, Ok(Ok(answer)) if answer.status().is_success())
    }

    async fn send_sign_in(&self, credentials: &Credentials, renewal: &mut Renewal) -> Result<SignedIn, UpstreamError> {
        renewal.signed_in_at_ms = Some(self.http.clock().monotonic_ms());
        let body = serde_json::json!({
            "email": credentials.email,
            "password": credentials.password.expose_secret(),
            "remember_me": true,
        });
        let question = Question::post(self.origin.at("/api/auth/login"), Bytes::from(body.to_string()));
        let answer = self.http.ask(&question, &Proof::default()).await?;
        if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST) {
            return Err(UpstreamError::WrongPassword);
        }
        let answer = answer.accepted()?;
        let cookie = answer.session_cookie();
        let who = wire::session(&self.http.json_body(answer).await?)?;
        if who.business_id.is_none() {
            return Err(UpstreamError::NoBusiness);
        }
        // A portal may answer anything with 200: without a cookie nobody is signed in.
        self.session.renew(Some(cookie.ok_or(UpstreamError::NotData)?));
        Ok(SignedIn {
            email: who.email.unwrap_or_else(|| credentials.email.clone()),
            name: who.name,
            role: who.role,
            business: who.business.unwrap_or_default(),
        })
    }

    /// Sends a question with the session.
    ///
    /// A 401, and a page in place of data, which may be the CRM's own sign-in, are answered by one refresh, then by one
    /// sign-in with the kept password, then it is the end of the session. A 403 for what changes something is answered
    /// once by a fresh token, where it does not say that the role may not.
    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, UpstreamError> {
        let (mut proof, mut generation) = self.session.proof();
        if proof.cookie.is_none() {
            self.sign_in_again(generation).await?;
            (proof, generation) = self.session.proof();
        }
        let (mut refreshed, mut has_token) = (false, false);
        loop {
            let answer = self.http.ask(question, &proof).await?;
            let status = answer.status();
            if status == StatusCode::UNAUTHORIZED {
                // It sets a cookie too, of a session that was emptied: that is not taken.
                drop(answer);
                if refreshed {
                    self.sign_in_again(generation).await?;
                } else {
                    self.refresh(generation).await?;
                    refreshed = true;
                }
            } else if status.is_success() && !question.sound && answer.content_type() == "text/html" {
                drop(answer);
                let portal = UpstreamError::Captive { retry_after_ms: None };
                // A write may have been done behind the page: it is never sent twice for that.
                if refreshed || question.is_write() {
                    return Err(portal);
                }
                match self.refresh(generation).await {
                    Ok(()) => refreshed = true,
                    Err(UpstreamError::SessionEnded) => return Err(UpstreamError::SessionEnded),
                    Err(_) => return Err(portal),
                }
            } else if status == StatusCode::FORBIDDEN && question.is_write() && !has_token {
                if wire::is_refusal_of_role(&self.http.first_bytes(answer, REFUSAL_BYTES_MAX).await) {
                    return Err(UpstreamError::Forbidden);
                }
                self.fetch_csrf(&proof).await?;
                has_token = true;
            } else {
                self.session.note(answer.session_cookie());
                return Ok(answer);
            }
            (proof, generation) = self.session.proof();
        }
    }

    /// Fetches the token that a server with its check switched on wants beside everything that changes something.
    async fn fetch_csrf(&self, proof: &Proof) -> Result<(), UpstreamError> {
        let answer = self.http.ask(&Question::get(self.origin.at("/api/auth/csrf")), proof).await?.accepted()?;
        self.session.set_csrf(wire::csrf_token(&self.http.json_body(answer).await?)?);
        Ok(())
    }

    async fn refresh(&self, generation: u64) -> Result<(), UpstreamError> {
        let mut renewal = self.session.renewal.lock().await;
        let (proof, current) = self.session.proof();
        if current != generation {
            return Ok(()); // somebody else did it while we waited
        }
        let now_ms = self.http.clock().monotonic_ms();
        if renewal.refreshed_at_ms.is_some_and(|at_ms| now_ms - at_ms < REFRESH_AGAIN_AFTER_MS) {
            return self.sign_in_kept(&mut renewal).await;
        }
        let question = Question::post(self.origin.at("/api/auth/refresh"), Bytes::from_static(b"{}"));
        let answer = self.http.ask(&question, &proof).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return self.sign_in_kept(&mut renewal).await;
        }
        let answer = answer.accepted()?;
        let cookie = answer.session_cookie();
        // A portal may answer anything with 200, a cookie of that name too.
        wire::session(&self.http.json_body(answer).await?)?;
        self.session.renew(Some(cookie.ok_or(UpstreamError::NotData)?));
        renewal.refreshed_at_ms = Some(now_ms);
        Ok(())
    }

    async fn sign_in_again(&self, generation: u64) -> Result<(), UpstreamError> {
        let mut renewal = self.session.renewal.lock().await;
        if self.session.proof().1 != generation {
            return Ok(());
        }
        self.sign_in_kept(&mut renewal).await
    }

    async fn sign_in_kept(&self, renewal: &mut Renewal) -> Result<(), UpstreamError> {
        let now_ms = self.http.clock().monotonic_ms();
        if renewal.signed_in_at_ms.is_some_and(|at_ms| now_ms - at_ms < SIGN_IN_AGAIN_AFTER_MS) {
            return Err(UpstreamError::SessionEnded);
        }
        let credentials = renewal.credentials.clone().ok_or(UpstreamError::SessionEnded)?;
        match self.send_sign_in(&credentials, renewal).await {
            Ok(_) => Ok(()),
            Err(UpstreamError::WrongPassword) => {
                // Changed at the server. Sending it again, now or at the next start, would lock the account.
                renewal.credentials = None;
                self.session.refuse(credentials.password);
                Err(UpstreamError::SessionEnded)
            }
            Err(other) => Err(other),
        }
    }

    pub(super) async fn list(&self, path: &str, query: &[(&str, String)]) -> Result<Bytes, UpstreamError> {
        let mut url = self.origin.at(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let _turn = self.lists.lock().await;
        let answer = self.ask(&Question::get(url)).await?.accepted()?;
        if answer.content_type() == "application/json" {
            self.http.believe_date(&answer);
        }
        self.http.json_body(answer).await
    }

    /// Who is signed in, as the server knows it now. The cookie holds what was true at the sign-in.
    ///
    /// # Errors
    /// As any question: see [`UpstreamError`].
    pub async fn context(&self) -> Result<Context, UpstreamError> {
        wire::context(&self.list("/api/me/context", &[]).await?)
    }

    /// A page of a list of recent calls, newest first; the first page is 1 and has [`RECENT_PAGE`] rows.
    ///
    /// # Errors
    /// As any question: see [`UpstreamError`].
    pub async fn recent_calls(&self, side: Side, page: u64) -> Result<Page<RecentCall>, UpstreamError> {
        let path = match side {
            Side::Inbound => "/api/inbound/recent-calls",
            Side::Outbound => "/api/outbound/recent-calls",
        };
        let query = [("page", page.max(1).to_string()), ("page_size", RECENT_PAGE.to_string())];
        wire::recent_calls(&self.list(path, &query).await?)
    }

    /// Everything that the server says of one call, but its parent's leg.
    ///
    /// # Errors
    /// [`UpstreamError::NotFound`] for one that is gone, or somebody else's; as any question.
    pub async fn call_details(&self, sid: &CallSid) -> Result<Call, UpstreamError> {
        wire::call_details(&self.list(&format!("/api/calls/{sid}/details"), &[]).await?)
    }

    /// A page of calls, newest first. `limit` is 1 to [`CALLS_PAGE_MAX`].
    ///
    /// # Errors
    /// As any question: see [`UpstreamError`].
    pub async fn calls(&self, limit: u32, offset: u64) -> Result<CallsPage, UpstreamError> {
        // A limit of 0 is an empty page with more to come, for ever.
        let limit = limit.clamp(1, CALLS_PAGE_MAX);
        let query = [("limit", limit.to_string()), ("offset", offset.to_string())];
        CallsPage::of(self.list("/api/calls", &query).await?)
    }

    /// A page of leads, newest first; the first page is 1 and has [`LEADS_PAGE`] rows.
    ///
    /// # Errors
    /// As any question: see [`UpstreamError`].
    pub async fn leads(&self, page: u32) -> Result<Page<Lead>, UpstreamError> {
        let query = [("page", page.max(1).to_string()), ("pageSize", LEADS_PAGE.to_string())];
        wire::leads(&self.list("/api/leads", &query).await?)
    }

    /// A page of the appointments that lie between two moments (UTC); the first page is 1.
    ///
    /// # Errors
    /// As any question: see [`UpstreamError`].
    pub async fn appointments(&self, from_ms: i64, to_ms: i64, page: u32) -> Result<Page<Appointment>, UpstreamError> {
        let query = [
            ("start_date", zone::rfc3339_utc(from_ms)),
            ("end_date", zone::rfc3339_utc(to_ms)),
            ("per_page", APPOINTMENTS_PAGE.to_string()),
            ("page", page.max(1).to_string()),
        ];
        wire::appointments(&self.list("/api/calendar/appointments", &query).await?)
    }

    /// The active calendars.
    ///
    /// # Errors
    /// [`UpstreamError::Forbidden`] for an agent, which is normal; else as any question.
    pub async fn calendars(&self) -> Result<Page<Calendar>, UpstreamError> {
        wire::calendars(&self.list("/api/calendar/calendars", &[]).await?)
    }

    async fn ask_recording(
        &self,
        id: &RecordingId,
        method: Method,
        range: Option<(u64, u64)>,
    ) -> Result<Answer, UpstreamError> {
        let url = self.origin.at(&format!("/api/recordings/file/{}", id.sid()));
        let answer = self.ask(&Question { range, ..Question::sound(method, url) }).await?;
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(UpstreamError::Changed);
        }
        answer.accepted()
    }

    async fn recording_head(&self, id: &RecordingId) -> Result<Presence, UpstreamError> {
        let answer = self.ask_recording(id, Method::HEAD, None).await?;
        match answer.status() {
            StatusCode::ACCEPTED => Ok(Presence::NotYet { retry_after_ms: answer.retry_after_ms }),
            StatusCode::OK => {
                sound::check(&answer)?;
                let total_bytes = sound::length(&answer).ok_or(UpstreamError::NotData)?;
                Ok(Presence::Here { total_bytes })
            }
            status => Err(UpstreamError::Unavailable { status: status.as_u16(), retry_after_ms: None }),
        }
    }

    /// As [`Crm::recording_head`], it makes the server fetch what is not there, and says so in the same way.
    async fn recording_range(&self, id: &RecordingId, first: u64, last: u64) -> Result<Ranged, UpstreamError> {
        let answer = self.ask_recording(id, Method::GET, Some((first, last))).await?;
        let status = answer.status();
        match status {
            StatusCode::PARTIAL_CONTENT => {
                sound::check(&answer)?;
                sound::part(answer, (first, last), self.http.limits()).map(Ranged::from)
            }
            StatusCode::OK => {
                sound::check(&answer)?;
                let total_bytes = sound::length(&answer).ok_or(UpstreamError::NotData)?;
                Ok(sound::whole(answer, total_bytes, self.http.limits()).into())
            }
            StatusCode::ACCEPTED => Ok(Ranged::NotYet { retry_after_ms: answer.retry_after_ms }),
            status => Err(UpstreamError::Unavailable { status: status.as_u16(), retry_after_ms: None }),
        }
    }
}

impl RecordingSource for Crm {
    fn head<'a>(&'a self, id: &'a RecordingId) -> BoxFuture<'a, Result<Presence, UpstreamError>> {
        Box::pin(self.recording_head(id))
    }

    // It has no ETag on a part and does not heed If-Range: it is not sent one.
    fn range<'a>(
        &'a self,
        id: &'a RecordingId,
        first: u64,
        last: u64,
        _same: Option<&'a Validator>,
    ) -> BoxFuture<'a, Result<Ranged, UpstreamError>> {
        Box::pin(self.recording_range(id, first, last))
    }

    fn range_tells(&self, _id: &RecordingId) -> bool {
        true
    }

    fn is_doubted(&self, _of: Source) -> bool {
        self.http.gate().is_shut()
    }

    fn same_file(&self, _id: &RecordingId) -> SameFile {
        SameFile::ByBytes
    }

    fn resting(&self, _of: Source) -> Option<Rest> {
        self.http.gate().resting()
    }

    fn try_now(&self, _of: Source) {
        self.http.gate().try_now();
    }
}
