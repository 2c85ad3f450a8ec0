//! Every check with its cause and one fix. Says no name, number, address or key.

use std::io::Cursor;
use std::time::Duration;

use aftercall_domain::error::Code;
use aftercall_engine::secrets::{KeyChoice, KeyPlace, describe};
use aftercall_engine::store::Store;
use aftercall_engine::store::table::health::{self, Health};
use aftercall_engine::sync::{CLOCK_WRONG_MS, last_success_at_ms};
use aftercall_engine::upstream::UpstreamError;
use aftercall_player::{OutputChoice, Phase, Player, PlayerError};

use crate::errors::AppError;
use crate::profile::ProfileFolder;
use crate::report::{Check, CheckStatus, Diagnosis};
use crate::start::{App, Boot, StartOptions};
use crate::{session, twilio};

/// A run that holds its job for longer than this is stuck.
const STUCK_AFTER_MS: i64 = 10 * 60 * 1000;
/// Room that should be left on the disk.
const ROOM_BYTES: u64 = 1 << 30;
/// The app was made after this moment: a clock that shows an earlier one is wrong. 2026-01-01.
const MADE_AFTER_MS: i64 = 1_767_225_600_000;
/// How long the sound device may take to take a tenth of a second of silence.
const DEVICE_PATIENCE: Duration = Duration::from_secs(3);

fn check(id: &'static str, status: CheckStatus, cause: impl Into<String>, fix: Option<&str>) -> Check {
    Check { id, status, cause: cause.into(), fix: fix.map(str::to_owned) }
}

pub(crate) fn ok(id: &'static str, cause: impl Into<String>) -> Check {
    check(id, CheckStatus::Ok, cause, None)
}

pub(crate) fn warn(id: &'static str, cause: impl Into<String>, fix: &str) -> Check {
    check(id, CheckStatus::Warn, cause, Some(fix))
}

pub(crate) fn fail(id: &'static str, cause: impl Into<String>, fix: &str) -> Check {
    check(id, CheckStatus::Fail, cause, Some(fix))
}

/// Checks everything that can be checked. Changes nothing but what a start changes.
pub async fn diagnose(options: &StartOptions) -> Diagnosis {
    let mut checks = vec![key(options)];
    checks.extend(disk(options));
    match Boot::start(options.clone()).await {
        Boot::Ready(app) => {
            checks.extend(of_app(&app, options).await);
            app.close().await;
        }
        Boot::Refused(refusal) => checks.push(refused(&refusal.to_error())),
    }
    checks.push(device(options.output.clone()).await);
    Diagnosis { checks }
}

fn key(options: &StartOptions) -> Check {
    let of_profile = ProfileFolder::of(options.profile.as_deref()).ok();
    let place = of_profile.and_then(|folder| describe(folder.path()).ok()).and_then(|info| info.place);
    match (&options.key, place) {
        (KeyChoice::File(_), None) | (_, Some(KeyPlace::File)) => {
            warn("key", "the key lies in a file", "keep the file on a disk that is encrypted, or use the keychain")
        }
        (KeyChoice::Passphrase(_), None) | (_, Some(KeyPlace::Passphrase)) => {
            ok("key", "the key is sealed with a passphrase")
        }
        (KeyChoice::OfProfile | KeyChoice::Known(_), None) | (_, Some(KeyPlace::Keychain)) => {
            ok("key", "the key is kept by the keychain")
        }
    }
}

fn disk(options: &StartOptions) -> Option<Check> {
    let folder = ProfileFolder::of(options.profile.as_deref()).ok()?;
    // The folder may not be there yet: then the one that it will be made in.
    let there = folder.path().ancestors().find(|folder| folder.is_dir())?;
    let room = fs4::available_space(there).ok()?;
    let mib = room >> 20;
    Some(if room >= ROOM_BYTES {
        ok("disk", format!("{mib} MiB are free"))
    } else {
        warn("disk", format!("only {mib} MiB are free"), "make room on the disk")
    })
}

fn refused(error: &AppError) -> Check {
    let fix = match error.code() {
        Code::NoKeychain => "unlock the keychain, or name a key file with AFTERCALL_KEY_FILE",
        Code::Locked => "give the passphrase with AFTERCALL_PASSPHRASE",
        Code::WrongPassword => "give the profile's own passphrase",
        Code::KeyLost => "bring back the key, or start with another profile folder",
        Code::StoreTooNew => "update the app",
        Code::StoreDamaged => "move the library aside and bring back a copy from the folder of backups, then sync",
        Code::ProfileInUse => "close the other Aftercall",
        Code::DiskFull => "make room on the disk",
        _ => "look into the log in the profile's folder",
    };
    fail("start", error.to_string(), fix)
}

async fn of_app(app: &App, options: &StartOptions) -> Vec<Check> {
    let now_ms = app.clock().now_ms();
    let mut checks = Vec::new();
    let last_sync_ms = last_success_at_ms(app.store()).await.ok().flatten();
    let (session, ahead_ms) = signed_in(app.store(), options).await;
    checks.push(clock(now_ms, last_sync_ms, ahead_ms));
    match app.store().read(move |conn| health::look(conn, now_ms - STUCK_AFTER_MS)).await {
        Ok(health) => checks.extend(library(&health)),
        Err(error) => checks.push(fail("database", error.to_string(), "bring back a copy from the folder of backups")),
    }
    checks.push(synced(last_sync_ms, now_ms));
    let twilio = twilio::check(app, &options.limits).await;
    // Who has Twilio alone misses nothing.
    let alone = twilio.is_some() && matches!(app.account().await, Ok(None));
    checks.extend((!alone).then_some(session));
    checks.extend(twilio);
    checks
}

/// `ahead_ms` is how far the server's clock is ahead of this computer's, where it could be asked.
fn clock(now_ms: i64, last_sync_ms: Option<i64>, ahead_ms: Option<i64>) -> Check {
    let id = "clock";
    if let Some(ahead_ms) = ahead_ms.filter(|ms| ms.abs() >= CLOCK_WRONG_MS) {
        let side = if ahead_ms > 0 { "behind" } else { "ahead of" };
        let cause = format!("the computer's clock is {} minutes {side} the server's", ahead_ms.abs() / 60_000);
        return fail(id, cause, "set the computer's clock, or let the system set it by itself");
    }
    if now_ms < MADE_AFTER_MS || last_sync_ms.is_some_and(|at_ms| at_ms > now_ms + 60_000) {
        return fail(id, "the computer's clock is behind what has already happened", "set the computer's clock");
    }
    ok(
        id,
        if ahead_ms.is_some() {
            "the computer's clock fits the server's"
        } else {
            "the computer's clock fits what was read before"
        },
    )
}

fn library(health: &Health) -> Vec<Check> {
    let restore = "bring back a copy from the folder of backups, then sync";
    let upgrade = "run db upgrade on the library";
    vec![
        if health.is_sound {
            ok("database", "the library is sound")
        } else {
            fail("database", "its pages do not fit together", restore)
        },
        match (health.has_calendar_id, health.has_calendar_index) {
            (true, true) => ok("calendar_id", "appointments.calendar_id and its index are there"),
            (true, false) => fail("calendar_id", "the index of appointments.calendar_id is missing", upgrade),
            (false, _) => fail("calendar_id", "appointments.calendar_id is missing", upgrade),
        },
        if health.dangling_rows == 0 {
            ok("foreign_keys", "every row points at a row that is there")
        } else {
            fail("foreign_keys", format!("{} rows point at nothing", health.dangling_rows), restore)
        },
        if health.stuck_jobs == 0 {
            ok("stuck_jobs", "no download is stuck")
        } else {
            let cause = format!("{} downloads began more than ten minutes ago and did not end", health.stuck_jobs);
            warn("stuck_jobs", cause, "start the app: it takes them up again")
        },
        if health.needing_you == 0 {
            ok("queue", format!("{} downloads wait", health.jobs))
        } else {
            let cause = format!("{} downloads wait for you", health.needing_you);
            warn("queue", cause, "sign in again and try them again")
        },
    ]
}

fn synced(last_sync_ms: Option<i64>, now_ms: i64) -> Check {
    match last_sync_ms {
        Some(at_ms) => ok("sync", format!("the last sync ended {} minutes ago", (now_ms - at_ms).max(0) / 60_000)),
        None => warn("sync", "this library was never synced", "sign in and sync"),
    }
}

/// Whether the session is good, and how far the server's clock is ahead of this computer's.
async fn signed_in(store: &Store, options: &StartOptions) -> (Check, Option<i64>) {
    let id = "session";
    let crm = match session::restore(store, &options.limits, &options.clock).await {
        Ok(Some(crm)) => crm,
        Ok(None) => return (warn(id, "nobody is signed in", "sign in"), None),
        Err(error) => return (fail(id, error.to_string(), "sign in again"), None),
    };
    let check = match crm.calls(1, 0).await {
        Ok(_) => ok(id, "the server knows the session"),
        Err(error @ UpstreamError::Captive { .. }) => {
            warn(id, error.to_string(), "open a browser and sign in to the network")
        }
        Err(error @ UpstreamError::Certificate) => {
            fail(id, error.to_string(), "set the computer's clock, and sign in to the network in a browser")
        }
        Err(error) => {
            let cause = error.to_string();
            match error.code() {
                Code::Offline => warn(id, cause, "look at the network; what is on this device can be heard without it"),
                Code::LoginExpired | Code::WrongPassword => fail(id, cause, "sign in again"),
                Code::Forbidden => fail(id, cause, "ask for the right to see calls"),
                Code::RateLimited => warn(id, cause, "wait"),
                _ => warn(id, cause, "wait, and tell whoever runs the server if it lasts"),
            }
        }
    };
    (check, crm.clock_ahead_ms())
}

/// A tenth of a second of silence, to see whether a device takes it.
async fn device(output: OutputChoice) -> Check {
    let id = "audio_device";
    let outcome = tokio::task::spawn_blocking(move || {
        let (told, phases) = std::sync::mpsc::sync_channel(64);
        let player = Player::start(output, Box::new(move |status| drop(told.try_send(status.phase))));
        player.load(Box::new(Cursor::new(silence())), 0, true);
        // A device that takes silence without end is one too: it is there, and it does not refuse.
        let refused = std::iter::from_fn(|| phases.recv_timeout(DEVICE_PATIENCE).ok())
            .find(|phase| matches!(phase, Phase::Ended | Phase::Failed(_)));
        player.close();
        refused
    });
    match outcome.await {
        Ok(Some(Phase::Failed(PlayerError::NoOutputDevice))) => {
            warn(id, "there is no device to play on", "plug in or switch on a device; exporting works without one")
        }
        Ok(Some(Phase::Failed(error))) => fail(id, error.to_string(), "restart the app"),
        Ok(Some(_)) => ok(id, "the device takes sound"),
        Ok(None) => warn(id, "the device did not take sound in time", "choose another device in the system's settings"),
        Err(_) => fail(id, "the player stopped unexpectedly", "restart the app"),
    }
}

/// A WAV of 800 samples at 8 kHz, 16 bit, one channel.
fn silence() -> Vec<u8> {
    const DATA_BYTES: u32 = 1600;
    let mut wav = Vec::with_capacity(44 + DATA_BYTES as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + DATA_BYTES).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    for half in [1u16, 1] {
        wav.extend_from_slice(&half.to_le_bytes());
    }
    wav.extend_from_slice(&8000u32.to_le_bytes());
    wav.extend_from_slice(&16000u32.to_le_bytes());
    for half in [2u16, 16] {
        wav.extend_from_slice(&half.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&DATA_BYTES.to_le_bytes());
    wav.resize(44 + DATA_BYTES as usize, 0);
    wav
}
