//! What the doctor asks of the library and of the sealed recordings.

use std::time::{Duration, Instant};

use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::RecordingState;
use aftercall_engine::store::table::answers::{self, Answered, Origin};
use aftercall_engine::store::table::health;
use aftercall_engine::store::table::recordings::{self, StoredFile};
use aftercall_engine::store::{Store, latest_version};
use aftercall_engine::vault::{Vault, VaultError};

use super::finding::{Finding, Found};
use crate::errors::AppError;
use crate::library::Library;
use crate::start::App;

/// A run that holds its job for longer than this is stuck.
const STUCK_AFTER_MS: i64 = 10 * 60 * 1000;
/// So many stored recordings are read to their end: the newest, and some from all over.
const NEWEST_READ: usize = 4;
const SOME_READ: usize = 8;
/// And no more than this is spent on it: a disk may be slow.
const READING: Duration = Duration::from_secs(6);

/// The library itself: pages, schema, rows, jobs.
pub(super) async fn look(app: &App) -> Vec<Found> {
    let now_ms = app.clock().now_ms();
    let health = match app.store().read(move |conn| health::look(conn, now_ms - STUCK_AFTER_MS)).await {
        Ok(health) => health,
        Err(error) => return vec![Finding::DatabaseUnreadable.because(error.code().as_str())],
    };
    vec![
        match (health.is_sound, health.missing_indexes) {
            (false, _) => Finding::DatabaseBroken.into(),
            (true, 0) => Finding::DatabaseOk.with(latest_version()),
            (true, missing) => Finding::IndexesMissing.with(missing),
        },
        match (health.has_calendar_id, health.has_calendar_index) {
            (true, true) => Finding::CalendarIdOk.into(),
            (true, false) => Finding::CalendarIdNoIndex.into(),
            (false, _) => Finding::CalendarIdMissing.into(),
        },
        match health.dangling_rows {
            0 => Finding::ForeignKeysOk.into(),
            rows => Finding::ForeignKeysDangling.with(rows),
        },
        match health.stuck_jobs {
            0 => Finding::StuckJobsNone.into(),
            jobs => Finding::StuckJobs.with(jobs),
        },
        match (health.needing_you, health.failing) {
            (0, 0) => Finding::QueueOk.with(health.jobs),
            (0, failing) => Finding::QueueFailing.with(failing),
            (needing, _) => Finding::QueueNeedsYou.with(needing),
        },
    ]
}

/// Stored recordings whose file is gone, or does not verify.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub missing: Vec<RecordingId>,
    pub damaged: Vec<RecordingId>,
    verified: u64,
    stored: usize,
}

/// Looks for every file, and reads some of them to their end; `all` reads every one, however long that takes.
pub(super) async fn lost(library: &Library, all: bool) -> Result<Lost, AppError> {
    let stored = stored(&library.store).await?;
    let vault = library.vault.clone();
    let looked = tokio::task::spawn_blocking(move || sift(&vault, stored, all));
    looked.await.map_err(|_| AppError::Panicked)
}

/// Stored recordings with the keys of their files, newest first.
async fn stored(store: &Store) -> Result<Vec<(RecordingId, Option<StoredFile>)>, AppError> {
    let read = store.read(|conn| {
        let states: Vec<RecordingState> = RecordingState::ALL.into_iter().filter(|state| state.is_stored()).collect();
        let mut rows = recordings::in_states(conn, &states)?;
        rows.sort_by_key(|row| std::cmp::Reverse(row.ready_at_ms));
        rows.into_iter().map(|row| Ok((row.id.clone(), recordings::file(conn, &row.id)?))).collect()
    });
    Ok(read.await?)
}

fn sift(vault: &Vault, stored: Vec<(RecordingId, Option<StoredFile>)>, all: bool) -> Lost {
    let until = Instant::now() + READING;
    let mut lost = Lost { stored: stored.len(), ..Lost::default() };
    let step = (stored.len() / SOME_READ).max(1);
    for (place, (id, file)) in stored.into_iter().enumerate() {
        let Some(file) = file.filter(|_| vault.holds(&id)) else {
            lost.missing.push(id);
            continue;
        };
        let is_read = all || ((place < NEWEST_READ || place.is_multiple_of(step)) && Instant::now() < until);
        if !is_read {
            continue;
        }
        let read = vault.reader(&id, &file).and_then(|reader| reader.verify().map_err(VaultError::Sealed));
        match read {
            Ok(()) => lost.verified += 1,
            Err(VaultError::Missing) => lost.missing.push(id),
            Err(error) if error.code() == Code::Damaged => lost.damaged.push(id),
            // Not readable in passing is not lost.
            Err(_) => {}
        }
    }
    lost
}

/// Whether the recordings are where they were written, and whole.
pub(super) async fn of_recordings(app: &App) -> Vec<Found> {
    let Ok(lost) = lost(app.library(), false).await else { return Vec::new() };
    let mut found = Vec::new();
    found.extend((!lost.missing.is_empty()).then(|| Finding::RecordingsMissing.with(lost.missing.len())));
    found.extend((!lost.damaged.is_empty()).then(|| Finding::RecordingsDamaged.with(lost.damaged.len())));
    if found.is_empty() {
        found.push(if lost.stored == 0 {
            Finding::RecordingsNone.into()
        } else {
            Finding::RecordingsOk.with(lost.verified)
        });
    }
    found
}

/// What the servers answered in the last day, and what a listener saw of it.
pub(super) async fn of_answers(app: &App) -> Vec<Found> {
    app.keep_answers().await;
    let now_ms = app.clock().now_ms();
    let read = app.store().read(move |conn| {
        let upstream = answers::last_day(conn, &[Origin::Crm, Origin::Twilio], now_ms)?;
        Ok((upstream, answers::last_day(conn, &[Origin::Listener], now_ms)?))
    });
    let Ok((upstream, listener)) = read.await else { return Vec::new() };
    let gateway = |of: &[Answered]| -> u64 {
        of.iter().filter(|one| (502..=504).contains(&one.status)).map(|one| one.count).sum()
    };
    let told = |one: &Answered| match one.status {
        0 => format!("no answer: {}", one.count),
        status => format!("{status}: {}", one.count),
    };
    let what = upstream.iter().map(told).collect::<Vec<_>>().join(", ");
    vec![
        match gateway(&upstream) {
            _ if upstream.is_empty() => Finding::UpstreamNone.into(),
            0 => Finding::UpstreamOk.because(what),
            n => Found { n: i64::try_from(n).ok(), ..Finding::UpstreamGateway.because(what) },
        },
        match gateway(&listener) {
            0 => Finding::GatewayShownNone.into(),
            n => Finding::GatewayShown.with(n),
        },
    ]
}
