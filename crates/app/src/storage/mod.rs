//! What is kept on this device: limits, pins, what goes next, and the task that keeps to it.

pub mod dto;

use std::time::Duration;

use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_domain::recording::RecordingState;
use aftercall_domain::retention::{Limits, RESERVE_BYTES, goes_at_ms};
use aftercall_engine::queue::repair;
use aftercall_engine::retention::{self, Incoming};
use aftercall_engine::store::Tag;
use aftercall_engine::store::table::{calls, jobs, kept, kept_lists, recordings};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::downloads::Downloads;
use crate::dto::CallRow;
use crate::errors::AppError;
use crate::library::Library;
use crate::report::{StorageReport, Verified};
use crate::rows;
use crate::start::App;
use crate::storage::dto::{DeletedView, KeptAsk, KeptWindow, LimitsView, StorageView};

/// How many of those that go next are named.
const NEXT_OUT: usize = 50;
/// A device with little room would evict everything at a limit of nothing: less than this is a mistake.
const LIMIT_BYTES_MAX: u64 = 1 << 60;
/// Whether a full disk has room again is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Arrivals are waited for this long before the limits are looked at.
const SETTLE: Duration = Duration::from_secs(2);
/// What was deleted at its source is looked for this often.
const DELETED_EVERY: Duration = Duration::from_secs(3600);
/// A year: who wants to keep longer pins.
const DELETED_DAYS_MAX: u32 = 366;

/// What the command line changes: `None` leaves as it is, `Some(None)` lifts.
#[derive(Debug, Clone, Copy, Default)]
pub struct LimitsAsk {
    /// Bytes that recordings may take.
    pub cap_bytes: Option<Option<u64>>,
    /// Bytes that stay free.
    pub keep_free_bytes: Option<Option<u64>>,
}

fn is_wrong(limit: Option<u64>) -> bool {
    limit.is_some_and(|bytes| bytes > LIMIT_BYTES_MAX)
}

/// Evicts until the limits hold, and lets voices go whose source deleted them long enough ago.
pub(crate) async fn keep_to_limits(library: &Library) -> Result<(), AppError> {
    retention::drop_deleted(&library.store, &library.vault, library.clock.now_ms()).await?;
    retention::make_room(&library.store, &library.vault, Incoming::Nothing).await?;
    Ok(())
}

impl App {
    async fn set_limits(&self, limits: Limits) -> Result<(), AppError> {
        if is_wrong(limits.cap_bytes)
            || is_wrong(limits.keep_free_bytes)
            || limits.deleted_after_days > DELETED_DAYS_MAX
        {
            return Err(AppError::InvalidInput("that limit cannot be meant"));
        }
        let set = self.store().write(move |tx, changes| {
            kept::set_limits(tx, &limits)?;
            // What goes next depends on them, and so does what waits for room.
            changes.touch(Tag::Recordings);
            Ok(())
        });
        Ok(set.await?)
    }

    /// `storage`.
    ///
    /// # Errors
    /// `InvalidInput` for a limit beyond all disks; the library's, the vault's.
    pub async fn storage(&self, ask: LimitsAsk, evict: bool) -> Result<StorageReport, AppError> {
        if ask.cap_bytes.is_some() || ask.keep_free_bytes.is_some() {
            let before = retention::limits(self.store()).await?;
            let cap_bytes = ask.cap_bytes.unwrap_or(before.cap_bytes);
            let keep_free_bytes = ask.keep_free_bytes.unwrap_or(before.keep_free_bytes);
            self.set_limits(Limits { cap_bytes, keep_free_bytes, ..before }).await?;
        }
        if evict {
            keep_to_limits(self.library()).await?;
        }
        let report = self.store().read(|conn| {
            let counts = kept::counts(conn)?;
            let count = |wanted| counts.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, n)| *n);
            let pinned = count(RecordingState::Pinned);
            let next_out = kept::candidates(conn)?.into_iter().take(NEXT_OUT);
            Ok(StorageReport {
                used_bytes: kept::used_bytes(conn)?,
                cap_bytes: kept::limits(conn)?.cap_bytes,
                pinned,
                on_device: pinned + count(RecordingState::OnDevice) + count(RecordingState::Unsupported),
                next_out: next_out.map(|candidate| candidate.what.1.to_string()).collect(),
            })
        });
        Ok(report.await?)
    }

    /// `verify`: reads every chunk of every recording; damaged ones are asked for again. `tell` hears how many of how
    /// many are done.
    ///
    /// # Errors
    /// The library's.
    pub async fn verify(&self, tell: impl Fn(u64, u64)) -> Result<(Verified, Option<AppError>), AppError> {
        self.downloads()?; // who may only read cannot ask for anything again
        let library = self.library();
        let found = repair::verify(&library.store, &library.vault, &library.clock, tell).await?;
        let repair::Verified { checked, damaged, requeued, unread } = found;
        let failure = match (damaged, unread) {
            (0, 0) => None,
            (0, unread) => Some(AppError::Unread(unread)),
            _ => Some(AppError::Damaged { checked, damaged, requeued }),
        };
        Ok((Verified { checked, damaged, requeued }, failure))
    }

    /// Pins the recordings of these calls: they are never evicted.
    ///
    /// # Errors
    /// `NotFound` for a call that is not in the library, and then nothing is pinned.
    pub async fn pin_calls(&self, sids: &[CallSid]) -> Result<(), AppError> {
        let mut ids = Vec::with_capacity(sids.len());
        for sid in sids {
            ids.push(self.recording_of(sid).await?);
        }
        for id in ids {
            self.set_pinned(&id, true).await?;
        }
        Ok(())
    }

    pub(crate) async fn set_pinned(&self, id: &RecordingId, is_pinned: bool) -> Result<(), AppError> {
        let (call, now_ms) = (rows::sid_of_recording(self.store(), id).await?, self.clock().now_ms());
        let id = id.clone();
        let done = self.store().write(move |tx, changes| {
            if recordings::get(tx, &id)?.is_none() {
                // Nobody asked for it yet: the pin needs a row to stand in.
                let Some(listing) = calls::listing(tx, &call)?.filter(|listing| listing.recording.id == id) else {
                    return Ok(false);
                };
                recordings::put(tx, &recordings::RecordingRow { created_at_ms: now_ms, ..listing.recording })?;
            }
            kept::set_pinned(tx, changes, &id, is_pinned.then_some(now_ms))?;
            Ok(true)
        });
        if done.await? { Ok(()) } else { Err(AppError::NotFound("recording")) }
    }

    pub(crate) async fn storage_view(&self) -> Result<StorageView, AppError> {
        let library = self.library();
        let space = retention::space(&library.store, &library.vault).await?;
        let origins = self.origins();
        let view = self.store().read(move |conn| {
            let limits = kept::limits(conn)?;
            let counts = kept::counts(conn)?;
            let count = |wanted: &[RecordingState]| {
                counts.iter().filter(|(state, _)| wanted.contains(state)).map(|(_, n)| *n).sum::<u64>()
            };
            let row = |sid: &CallSid| {
                Ok::<Option<CallRow>, aftercall_engine::store::StoreError>(
                    calls::listing(conn, sid)?.map(|listing| rows::call(&listing, None, &origins)),
                )
            };
            let candidates = kept::candidates(conn)?;
            let goes_first = candidates.iter().filter(|candidate| candidate.is_heard);
            let (goes_first, goes_first_bytes) =
                goes_first.fold((0, 0), |(n, bytes), candidate| (n + 1, bytes + candidate.bytes));
            let all_bytes: u64 = candidates.iter().map(|candidate| candidate.bytes).sum();
            let mut next_out = Vec::new();
            for candidate in candidates.into_iter().take(NEXT_OUT) {
                next_out.extend(row(&candidate.what.1)?);
            }
            let mut deleted = Vec::new();
            for one in kept::deleted_at_source(conn)?.iter().filter(|one| !one.is_kept) {
                if let Some(call) = row(&one.call_sid)? {
                    let goes_at_ms = goes_at_ms(&limits, one.noticed_at_ms);
                    deleted.push(DeletedView {
                        call,
                        recording_id: one.id.to_string(),
                        goes_at_ms,
                        asks: one.is_pinned,
                    });
                }
            }
            use RecordingState as State;
            Ok(StorageView {
                used_bytes: space.used_bytes,
                free_bytes: space.free_bytes,
                limits: limits.into(),
                is_full: space.free_bytes < RESERVE_BYTES,
                on_device: count(&[State::OnDevice, State::Pinned, State::Unsupported]),
                pinned: count(&[State::Pinned]),
                // What may not make room is pinned.
                pinned_bytes: kept::used_bytes(conn)?.saturating_sub(all_bytes),
                goes_first,
                goes_first_bytes,
                waiting: count(&[
                    State::Queued,
                    State::Preparing,
                    State::StillPreparing,
                    State::Downloading,
                    State::Partial,
                ]),
                failed: count(&[State::FailedRetrying, State::FailedNeedsYou, State::Damaged]),
                next_out,
                deleted,
            })
        });
        Ok(view.await?)
    }

    /// Rows of one of the lists of what is kept.
    pub(crate) async fn kept_window(&self, ask: KeptAsk) -> Result<KeptWindow, AppError> {
        let origins = self.origins();
        let limit = ask.limit.clamp(1, rows::ROWS_MAX);
        let window = self.store().read(move |conn| {
            let (matched, sids) = kept_lists::list(conn, ask.list.into(), ask.offset, limit)?;
            let mut rows = Vec::with_capacity(sids.len());
            for sid in &sids {
                if let Some(listing) = calls::listing(conn, sid)? {
                    rows.push(rows::call(&listing, jobs::place(conn, &listing.recording.id)?, &origins));
                }
            }
            Ok(KeptWindow { matched, matched_capped: false, all: matched, offset: ask.offset, rows })
        });
        Ok(window.await?)
    }

    pub(crate) async fn set_limits_view(&self, limits: LimitsView) -> Result<StorageView, AppError> {
        self.set_limits(limits.into()).await?;
        keep_to_limits(self.library()).await?;
        self.storage_view().await
    }

    /// Lets a recording's file go. One that is pinned is unpinned first, by whoever pinned it.
    pub(crate) async fn evict_recording(&self, id: &RecordingId) -> Result<(), AppError> {
        self.downloads()?;
        let asked = id.clone();
        let row = self.store().read(move |conn| recordings::get(conn, &asked)).await?;
        if row.is_some_and(|row| row.is_pinned) {
            return Err(AppError::InvalidInput("a pinned recording is not evicted"));
        }
        retention::evict(self.store(), &self.library().vault, id).await?;
        Ok(())
    }

    /// The person keeps a pinned recording that its source has deleted.
    pub(crate) async fn keep_recording(&self, id: &RecordingId) -> Result<(), AppError> {
        let (id, now_ms) = (id.clone(), self.clock().now_ms());
        Ok(self.store().write(move |tx, changes| kept::keep(tx, changes, &id, now_ms)).await?)
    }
}

/// Keeps to the limits for as long as the window is open, and lets what waited for room go on.
pub(crate) async fn keep(library: Library, downloads: Downloads, stop: CancellationToken) {
    let mut changes = library.store.changes();
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut deleted = tokio::time::interval(DELETED_EVERY);
    let mut settled_at: Option<Instant> = None;
    loop {
        let settle = async {
            match settled_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let kept = tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.recv() => {
                let concerned = match changed {
                    Ok(changes) => changes.tags.contains(&Tag::Recordings),
                    Err(RecvError::Lagged(_)) => true,
                    Err(RecvError::Closed) => return,
                };
                if concerned && settled_at.is_none() {
                    settled_at = Some(Instant::now() + SETTLE);
                }
                Ok(())
            }
            () = settle => {
                settled_at = None;
                retention::make_room(&library.store, &library.vault, Incoming::Nothing).await.map(drop).map_err(AppError::from)
            }
            _ = look.tick() => downloads.resume_where_room().await,
            _ = deleted.tick() => keep_to_limits(&library).await,
        };
        if let Err(error) = kept {
            // The next look tries again; nothing is lost meanwhile.
            tracing::warn!(code = error.code().as_str(), "the limits could not be kept to");
        }
    }
}
