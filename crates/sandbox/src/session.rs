//! The one cookie: signed, readable, re-issued on every answer to somebody who is signed in.

use crate::world::{State, User, World};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

pub(crate) const COOKIE: &str = "al_sess";
const LIFETIME_MS: i64 = 8 * HOUR_MS;
const HOUR_MS: i64 = 3_600_000;
const REFRESH_IDLE_MS: i64 = 75 * 60_000;

/// What the cookie carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub user_id: u64,
    pub started_ms: i64,
    pub last_activity_ms: i64,
    pub refresh_token: Option<String>,
    pub epoch: u64,
}

/// The table of refresh tokens: owner, made, last touched, remembered for a month.
#[derive(Debug, Default)]
pub(crate) struct Refreshes(HashMap<String, Refresh>);

#[derive(Debug)]
struct Refresh {
    user_id: u64,
    made_ms: i64,
    touched_ms: i64,
    remember: bool,
}

impl Refreshes {
    pub(crate) fn touch(&mut self, token: &str, now_ms: i64) {
        if let Some(row) = self.0.get_mut(token) {
            row.touched_ms = now_ms;
        }
    }

    /// The owner of a token that may still be used.
    pub(crate) fn usable(&self, token: &str, now_ms: i64) -> Option<u64> {
        let row = self.0.get(token)?;
        let life_ms = if row.remember { 30 * 24 * HOUR_MS } else { 24 * HOUR_MS };
        (now_ms - row.made_ms <= life_ms && now_ms - row.touched_ms <= REFRESH_IDLE_MS).then_some(row.user_id)
    }

    pub(crate) fn forget_user(&mut self, user_id: u64) {
        self.0.retain(|_, row| row.user_id != user_id);
    }
}

impl Session {
    /// A new session with a new refresh token.
    pub(crate) fn begin(world: &World, user: &User, remember: bool) -> Self {
        let now_ms = world.now_ms();
        let mut state = world.state();
        state.tokens_made += 1;
        let token = digest(&[b"refresh", &state.tokens_made.to_le_bytes(), &secret(world)]);
        let row = Refresh { user_id: user.id, made_ms: now_ms, touched_ms: now_ms, remember };
        state.refreshes.0.insert(token.clone(), row);
        Self {
            user_id: user.id,
            started_ms: now_ms,
            last_activity_ms: now_ms,
            refresh_token: Some(token),
            epoch: state.epoch,
        }
    }

    /// The session of a `Cookie` header, when its signature is ours and younger than eight hours.
    pub(crate) fn read(world: &World, header: Option<&str>) -> Option<Self> {
        let cookie = header?
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == COOKIE)
            .map(|(_, value)| value)?;
        let (signed, signature) = cookie.rsplit_once('.')?;
        if sign(world, signed) != signature {
            return None;
        }
        let (payload, signed_ms) = signed.split_once('.')?;
        if world.now_ms() - signed_ms.parse::<i64>().ok()? > LIFETIME_MS {
            return None;
        }
        let value: Value = serde_json::from_slice(&hex::decode(payload).ok()?).ok()?;
        let session = Self {
            user_id: value["al_user"].as_u64()?,
            started_ms: value["_session_start"].as_i64()?,
            last_activity_ms: value["_last_activity"].as_i64()?,
            refresh_token: value["refresh_token"].as_str().map(str::to_owned),
            epoch: value["epoch"].as_u64()?,
        };
        (session.epoch == world.state().epoch).then_some(session)
    }

    /// Eight hours without a request that counts.
    pub(crate) fn is_idle(&self, now_ms: i64) -> bool {
        now_ms - self.last_activity_ms > LIFETIME_MS
    }

    /// A request that counts: the idle clocks start again; after a day the session is rebuilt without its token.
    /// Only routes that require a session touch the token's row: a refresh must not make itself possible.
    pub(crate) fn touch(&mut self, state: &mut State, now_ms: i64, requires_session: bool) {
        self.last_activity_ms = now_ms;
        if let Some(token) = self.refresh_token.as_ref().filter(|_| requires_session) {
            state.refreshes.touch(token, now_ms);
        }
        if now_ms - self.started_ms > 24 * HOUR_MS {
            self.started_ms = now_ms;
            self.refresh_token = None;
        }
    }

    /// The whole `Set-Cookie` value.
    pub(crate) fn set_cookie(&self, world: &World) -> String {
        let payload = json!({
            "_permanent": true,
            "_last_activity": self.last_activity_ms,
            "_session_start": self.started_ms,
            "al_user": self.user_id,
            "refresh_token": self.refresh_token,
            "token": format!("session_{}", self.user_id),
            "epoch": self.epoch,
        });
        let now_ms = world.now_ms();
        let signed = format!("{}.{now_ms}", hex::encode(crate::json::flask_bytes(&payload)));
        let signature = sign(world, &signed);
        let expires = Duration::from_millis((now_ms + LIFETIME_MS).unsigned_abs());
        let expires = httpdate::fmt_http_date(UNIX_EPOCH + expires);
        format!("{COOKIE}={signed}.{signature}; Expires={expires}; HttpOnly; Path=/; SameSite=Lax")
    }
}

/// What takes the cookie away.
pub(crate) fn clear_cookie() -> String {
    format!("{COOKIE}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/; SameSite=Lax")
}

/// Two sandboxes do not accept each other's cookies.
fn secret(world: &World) -> [u8; 16] {
    let mut secret = [0; 16];
    secret[..8].copy_from_slice(&world.seed().to_le_bytes());
    secret[8..].copy_from_slice(&world.anchor_us.to_le_bytes());
    secret
}

fn sign(world: &World, signed: &str) -> String {
    digest(&[&secret(world), signed.as_bytes(), &secret(world)])
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hex::encode(&hasher.finalize()[..20])
}
