//! What the doctor asks of the servers: name, certificate, session and clock with one question to each.

use std::time::Duration;

use aftercall_domain::error::Code;
use aftercall_engine::store::table::account;
use aftercall_engine::sync::{CLOCK_WRONG_MS, last_success_at_ms, last_twilio_success_at_ms};
use aftercall_engine::upstream::{Crm, Limits, Origin, UpstreamError};

use super::finding::{Finding, Found};
use crate::start::App;
use crate::{session, twilio};

/// The app was made after this moment: a clock that shows an earlier one is wrong. 2026-01-01.
const MADE_AFTER_MS: i64 = 1_767_225_600_000;
/// A session may need a refresh and a sign-in: all of it within the ten seconds of a check.
const PATIENCE: Duration = Duration::from_secs(8);
const NAME_PATIENCE: Duration = Duration::from_secs(4);

/// Nobody waits at a doctor's for as long as a sync may.
fn limits(limits: &Limits) -> Limits {
    let short = |limit: Duration| limit.min(Duration::from_secs(6));
    Limits {
        connect: short(limits.connect),
        idle: short(limits.idle),
        json: short(limits.json),
        low_speed: short(limits.low_speed),
        ..limits.clone()
    }
}

/// Clock, name, certificate, session.
pub(super) async fn look(app: &App) -> Vec<Found> {
    let now_ms = app.clock().now_ms();
    let last_sync_ms = last_success_at_ms(app.store()).await.ok().flatten();
    let crm = session::restore(app.store(), &limits(app.limits()), app.clock()).await;
    let crm = match crm {
        Ok(Some(crm)) => crm,
        Ok(None) => {
            let mut found = vec![clock(now_ms, last_sync_ms, None)];
            // Who has Twilio alone misses nothing.
            found.extend((!app.is_at_twilio() && !has_twilio(app).await).then(|| Finding::SessionNone.into()));
            return found;
        }
        Err(_) => return vec![clock(now_ms, last_sync_ms, None), Finding::SessionEnded.into()],
    };
    let origin = crm.origin().clone();
    let name = tokio::time::timeout(NAME_PATIENCE, origin.resolves());
    let (name, asked) = tokio::join!(name, ask(&crm));
    app.count_answers(&crm).await;
    let found = [
        Some(clock(now_ms, last_sync_ms, crm.clock_ahead_ms())),
        Some(match name {
            Ok(None) => Finding::DnsUnused.into(),
            Ok(Some(true)) => Finding::DnsOk.into(),
            Ok(Some(false)) | Err(_) => Finding::DnsFailed.into(),
        }),
        Some(certificate(&origin, &asked)),
        session(&asked),
    ];
    found.into_iter().flatten().collect()
}

async fn has_twilio(app: &App) -> bool {
    matches!(twilio::restore(app.store(), app.limits(), app.clock()).await, Ok(Some(_)))
}

async fn ask(crm: &Crm) -> Result<(), UpstreamError> {
    let asked = tokio::time::timeout(PATIENCE, crm.calls(1, 0)).await;
    asked.unwrap_or(Err(UpstreamError::TimedOut)).map(drop)
}

/// `ahead_ms` is how far the server's clock is ahead of this computer's, where it could be asked.
fn clock(now_ms: i64, last_sync_ms: Option<i64>, ahead_ms: Option<i64>) -> Found {
    if let Some(ahead_ms) = ahead_ms.filter(|ms| ms.abs() >= CLOCK_WRONG_MS) {
        let side = if ahead_ms > 0 { Finding::ClockBehind } else { Finding::ClockAhead };
        return side.with(ahead_ms.abs() / 60_000);
    }
    if now_ms < MADE_AFTER_MS || last_sync_ms.is_some_and(|at_ms| at_ms > now_ms + 60_000) {
        return Finding::ClockImpossible.into();
    }
    if ahead_ms.is_some() { Finding::ClockOk } else { Finding::ClockFits }.into()
}

fn certificate(origin: &Origin, asked: &Result<(), UpstreamError>) -> Found {
    match asked {
        _ if !origin.is_encrypted() => Finding::TlsUnused,
        Err(UpstreamError::Certificate) => Finding::TlsUntrusted,
        Err(UpstreamError::Offline | UpstreamError::TimedOut) => Finding::TlsUnknown,
        // Whatever was said was said through it.
        _ => Finding::TlsOk,
    }
    .into()
}

/// `None` where the certificate's row says it all.
fn session(asked: &Result<(), UpstreamError>) -> Option<Found> {
    let error = match asked {
        Ok(()) => return Some(Finding::SessionOk.into()),
        Err(error) => error,
    };
    Some(match (error, error.code()) {
        (UpstreamError::Certificate, _) => return None,
        (UpstreamError::Captive { .. }, _) => Finding::SessionCaptive.into(),
        (UpstreamError::Unavailable { status: status @ 502..=504, .. }, _) => Finding::SessionGateway.with(*status),
        (_, Code::Offline) => Finding::SessionOffline.into(),
        (_, Code::LoginExpired | Code::WrongPassword) => Finding::SessionEnded.into(),
        (_, Code::Forbidden) => Finding::SessionForbidden.into(),
        (_, Code::RateLimited) => Finding::SessionRateLimited.into(),
        // The error's own words name a status at most.
        (error, _) => Finding::SessionUnavailable.because(error.to_string()),
    })
}

/// How long ago the last sync ended. Who has Twilio alone is told by its own row.
pub(super) async fn synced(app: &App) -> Vec<Found> {
    match last_success_at_ms(app.store()).await {
        Ok(Some(at_ms)) => vec![Finding::SyncOk.with((app.clock().now_ms() - at_ms).max(0) / 60_000)],
        Ok(None) if matches!(app.store().read(account::get).await, Ok(None)) && has_twilio(app).await => Vec::new(),
        Ok(None) => vec![Finding::SyncNever.into()],
        Err(_) => Vec::new(),
    }
}

/// Whether Twilio takes the key, where somebody signed in to it.
pub(super) async fn of_twilio(app: &App) -> Vec<Found> {
    let twilio = match twilio::restore(app.store(), &limits(app.limits()), app.clock()).await {
        Ok(Some(twilio)) => twilio,
        Ok(None) => return Vec::new(),
        Err(_) => return vec![Finding::TwilioBadKey.into()],
    };
    let last_ms = last_twilio_success_at_ms(app.store()).await.ok().flatten();
    let asked = tokio::time::timeout(PATIENCE, twilio.check()).await.unwrap_or(Err(UpstreamError::TimedOut));
    let found = match (asked, last_ms) {
        (Ok(()), Some(at_ms)) => Finding::TwilioOk.with((app.clock().now_ms() - at_ms).max(0) / 60_000),
        (Ok(()), None) => Finding::TwilioNeverSynced.into(),
        (Err(UpstreamError::BadCredentials), _) => Finding::TwilioBadKey.into(),
        (Err(UpstreamError::Forbidden), _) => Finding::TwilioForbidden.into(),
        (Err(UpstreamError::RateLimited { .. }), _) => Finding::TwilioRateLimited.into(),
        (Err(error), _) => Finding::TwilioUnreachable.because(error.to_string()),
    };
    vec![found]
}
