//! Asking for recordings and waiting for them, for the command line.

use std::time::Duration;

use aftercall_domain::error::Code;
use aftercall_domain::ids::CallSid;
use aftercall_domain::standing::may_be_wished_for;
use aftercall_engine::store::StoreError;
use aftercall_engine::store::table::calls;
use aftercall_engine::store::table::recordings::RecordingRow;
use aftercall_engine::sync::keep_session;
use aftercall_engine::upstream::Crm;
use tokio::time::Instant;

use crate::errors::AppError;
use crate::report::{Fetched, FetchedAll};
use crate::reports::bytes_of;
use crate::rows::Origins;
use crate::start::App;

/// A change that was missed is found by this.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What keeps the library from being written for longer than that stays. The queue tries every five seconds, and waits ten
/// for another program that writes.
fn passes_in(trouble: Code) -> Duration {
    match trouble {
        Code::DiskFull => Duration::ZERO,
        Code::ProfileInUse => Duration::from_secs(26),
        _ => Duration::from_secs(11),
    }
}

/// How it ended.
#[derive(Debug)]
pub struct Outcome {
    /// Every recording asked for, in the order asked.
    pub fetched: FetchedAll,
    /// Why not all of them are here.
    pub failure: Option<AppError>,
}

pub(crate) async fn fetch(
    app: &App,
    crm: Option<&Crm>,
    sids: &[CallSid],
    settled: impl Fn(u64),
) -> Result<Outcome, AppError> {
    // Before anything is asked for: no news can be missed, and a mistyped sid asks for nothing.
    let mut changes = app.store().changes();
    let rows = read(app, sids).await?;
    let downloads = app.downloads()?;
    if !downloads.is_running() {
        downloads.run(app.library(), app.sources()).await?;
    }
    let wanted = rows.iter().filter(|row| may_be_wished_for(row.state)).map(|row| row.id.clone());
    downloads.want_all(&wanted.collect::<Vec<_>>()).await?;
    let mut troubled_since = None;
    let (rows, trouble) = loop {
        // Before the rows: what could be written is not waited for any more, whatever kept it from that.
        let trouble = downloads.trouble();
        let rows = read(app, sids).await?;
        let done = rows.iter().filter(|row| app.origins().standing(row).is_settled).count();
        settled(done as u64);
        if done == rows.len() {
            break (rows, None);
        }
        // A library that nothing can be written to any more would never tell of an end.
        troubled_since = trouble.map(|_| troubled_since.unwrap_or_else(Instant::now));
        if let (Some(code), Some(since)) = (trouble, troubled_since)
            && since.elapsed() > passes_in(code)
        {
            break (rows, Some(code));
        }
        tokio::select! {
            // Lagging behind is news too; a closed library shows in the next read.
            _ = changes.recv() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    };
    if let (Some(crm), None) = (crm, trouble) {
        keep_session(crm, app.store()).await?;
    }
    let origins = app.origins();
    let missing: Vec<&RecordingRow> = rows.iter().filter(|row| !row.state.is_stored()).collect();
    let code = |row: &RecordingRow| origins.standing(row).code().unwrap_or(Code::Internal);
    let failure = match trouble {
        Some(Code::DiskFull) => Some(StoreError::DiskFull.into()),
        Some(code) => Some(AppError::NotWritten(code)),
        None => missing.first().map(|row| AppError::NotFetched { waiting: missing.len(), code: code(row) }),
    };
    let recordings = sids.iter().zip(&rows).map(|(sid, row)| line(sid, row, &origins)).collect();
    Ok(Outcome { fetched: FetchedAll { recordings }, failure })
}

async fn read(app: &App, sids: &[CallSid]) -> Result<Vec<RecordingRow>, AppError> {
    let asked = sids.to_vec();
    let found = app.store().read(move |conn| {
        let mut rows = Vec::with_capacity(asked.len());
        for sid in &asked {
            rows.push(calls::listing(conn, sid)?.map(|listing| listing.recording));
        }
        Ok(rows)
    });
    found.await?.into_iter().collect::<Option<Vec<_>>>().ok_or(AppError::NotFound("call"))
}

fn line(sid: &CallSid, row: &RecordingRow, origins: &Origins) -> Fetched {
    let standing = origins.standing(row);
    let facts = row.facts.as_ref();
    Fetched {
        sid: sid.to_string(),
        id: row.id.to_string(),
        state: standing.state,
        reason: standing.reason,
        attempts: row.attempts,
        polls: row.polls,
        bytes: bytes_of(row),
        duration_ms: facts.map(|facts| facts.duration_ms),
        channels: facts.map(|facts| facts.channels),
        codec: facts.map(|facts| facts.codec.clone()),
        sample_rate_hz: facts.map(|facts| facts.sample_rate_hz),
    }
}
