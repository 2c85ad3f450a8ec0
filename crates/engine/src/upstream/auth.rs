//! The session: one cookie that every answer renews, and how it is had again when it ended.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;

use super::http::Proof;

/// What a person signs in with. Kept only where the person chose to stay signed in.
#[derive(Clone)]
pub struct Credentials {
    /// E-mail of the account.
    pub email: String,
    /// Its password.
    pub password: SecretString,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// A kept password is sent again at most once in this time: a server that takes it and then refuses the session
/// would otherwise get it in a loop.
pub(super) const SIGN_IN_AGAIN_AFTER_MS: i64 = 600_000;
/// A refreshed session that is refused again this soon is not refreshed a second time.
pub(super) const REFRESH_AGAIN_AFTER_MS: i64 = 60_000;
/// A renewed cookie is worth a write to the profile this often: it lives eight hours.
const KEEP_EVERY_MS: i64 = 900_000;

#[derive(Default)]
struct State {
    cookie: Option<SecretString>,
    csrf: Option<SecretString>,
    /// Counts renewals by refresh or sign-in, so that ten requests that got a 401 renew once.
    generation: u64,
    kept_at_ms: Option<i64>,
    changed: bool,
    /// A kept password that the server took no more.
    refused: Option<SecretString>,
}

/// The newest cookie wins: parallel answers may each bring one, and any of them works.
#[derive(Default)]
pub(super) struct Session {
    state: Mutex<State>,
    /// Held while renewing.
    pub(super) renewal: tokio::sync::Mutex<Renewal>,
}

#[derive(Default)]
pub(super) struct Renewal {
    pub credentials: Option<Credentials>,
    pub signed_in_at_ms: Option<i64>,
    pub refreshed_at_ms: Option<i64>,
}

impl Session {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What proves who asks, and of which renewal it is.
    pub(super) fn proof(&self) -> (Proof, u64) {
        let state = self.state();
        (Proof { cookie: state.cookie.clone(), csrf: state.csrf.clone() }, state.generation)
    }

    /// The server asked for a token with what changes something.
    pub(super) fn set_csrf(&self, token: SecretString) {
        self.state().csrf = Some(token);
    }

    /// The server does not take this password any more.
    pub(super) fn refuse(&self, password: SecretString) {
        self.state().refused = Some(password);
    }

    /// The kept password that was refused, once.
    pub(super) fn take_refused(&self) -> Option<SecretString> {
        self.state().refused.take()
    }

    /// Nobody is signed in any more.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        *state = State { generation: state.generation + 1, ..State::default() };
    }

    /// A cookie that came with an ordinary answer.
    pub(super) fn note(&self, cookie: Option<SecretString>) {
        if let Some(cookie) = cookie {
            let mut state = self.state();
            state.cookie = Some(cookie);
            state.changed = true;
        }
    }

    /// A cookie that the profile kept from an earlier run.
    pub(super) fn restore(&self, cookie: Option<SecretString>) {
        self.state().cookie = cookie;
    }

    /// A cookie that was asked for, by a refresh or a sign-in.
    pub(super) fn renew(&self, cookie: Option<SecretString>) {
        let mut state = self.state();
        state.cookie = cookie;
        state.generation += 1;
        state.changed = true;
        state.kept_at_ms = None;
    }

    /// The cookie, when it is due to be written into the profile.
    pub(super) fn to_keep(&self, now_ms: i64) -> Option<SecretString> {
        let mut state = self.state();
        let due = state.kept_at_ms.is_none_or(|at| !(0..KEEP_EVERY_MS).contains(&(now_ms - at)));
        if !(state.changed && due) {
            return None;
        }
        state.changed = false;
        state.kept_at_ms = Some(now_ms);
        state.cookie.clone()
    }
}
