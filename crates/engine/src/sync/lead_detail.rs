//! Leads' pages: notes, reminders, activity. Read for leads that changed since, and for one that somebody opens.

use std::time::Duration;

use aftercall_domain::clock::Clock;
use aftercall_domain::ids::LeadId;
use aftercall_domain::lead_detail::LeadDetail;
use tokio_util::sync::CancellationToken;

use super::{SyncError, keep_session};
use crate::store::table::{lead_pages, lead_statuses, leads};
use crate::store::{Store, StoreError, Tag};
use crate::upstream::{Crm, UpstreamError};

/// What one sync may spend on leads' pages: each is two requests, and the CRM has one thread per process. What is left
/// over is read by the next ones, leads with the last contact first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    pub leads: u32,
    pub time: Duration,
}

impl Budget {
    pub(super) const USUAL: Self = Self { leads: 300, time: Duration::from_secs(30) };
    pub(super) const FULL: Self = Self { leads: 3_000, time: Duration::from_secs(300) };
}

/// So many pages in a row that the CRM failed to give end the reading until the next sync.
const FAILURES_MAX: u32 = 3;

/// The company's statuses, where the role may read them.
///
/// # Errors
/// The end of the session; the library's.
pub(super) async fn read_statuses(crm: &Crm, store: &Store) -> Result<(), SyncError> {
    let page = match crm.lead_statuses().await {
        Err(error @ (UpstreamError::SessionEnded | UpstreamError::WrongPassword)) => return Err(error.into()),
        // Keys stay readable without their labels: no reason to call a sync failed.
        Err(error) => {
            tracing::info!(code = error.code().as_str(), "the statuses could not be read");
            return Ok(());
        }
        Ok(page) => page,
    };
    if page.rows.is_empty() || !page.rejected.is_empty() {
        return Ok(());
    }
    let written = store.write(move |tx, changes| {
        if lead_statuses::replace(tx, &page.rows)? {
            changes.touch(Tag::Leads);
        }
        Ok(())
    });
    Ok(written.await?)
}

/// Reads the pages of leads that changed since they were last read, one after the other.
///
/// # Errors
/// The end of the session, the library's, and the person's stop. A page that fails is left for the next sync.
pub(super) async fn read_changed(
    crm: &Crm,
    store: &Store,
    clock: &dyn Clock,
    budget: Budget,
    cancel: &CancellationToken,
) -> Result<(), SyncError> {
    let started_ms = clock.monotonic_ms();
    let mut failures = 0;
    for lead in store.read(move |conn| lead_pages::unread(conn, budget.leads)).await? {
        if Duration::from_millis((clock.monotonic_ms() - started_ms).unsigned_abs()) > budget.time {
            return Ok(());
        }
        let read = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(SyncError::Cancelled),
            read = read_lead(crm, store, clock, lead) => read,
        };
        match read {
            Ok(()) => failures = 0,
            Err(SyncError::Upstream(UpstreamError::NotFound | UpstreamError::Gone)) => {}
            // The role may read no lead's page: asking for the next one is no use.
            Err(SyncError::Upstream(UpstreamError::Forbidden)) => return Ok(()),
            Err(error @ SyncError::Upstream(UpstreamError::SessionEnded | UpstreamError::WrongPassword)) => {
                return Err(error);
            }
            Err(SyncError::Upstream(error)) => {
                failures += 1;
                tracing::info!(code = error.code().as_str(), "a lead's page could not be read");
                if failures >= FAILURES_MAX || matches!(error, UpstreamError::RateLimited { .. }) {
                    return Ok(());
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// Reads one lead's page.
///
/// # Errors
/// The CRM's: what was known of the page stays. [`UpstreamError::NotFound`] for a lead that is gone, which is then not
/// asked for again until the list says that it changed. The library's.
async fn read_lead(crm: &Crm, store: &Store, clock: &dyn Clock, lead: LeadId) -> Result<(), SyncError> {
    // The state that the list told before the page is read: a change meanwhile is then read once more.
    let updated_at_ms = store.read(move |conn| updated_at_ms(conn, lead)).await?;
    let page = async {
        let detail = crm.lead_detail(lead).await?;
        let notes = crm.lead_notes(lead).await?;
        if detail.rejected > 0 || !notes.rejected.is_empty() {
            let rejected = detail.rejected + notes.rejected.len() as u64;
            tracing::warn!(rejected, "rows of a lead's page could not be read");
        }
        Ok((detail, notes.rows))
    };
    let page: Result<(LeadDetail, Vec<_>), UpstreamError> = page.await;
    let read_at_ms = clock.now_ms();
    match page {
        Ok((detail, notes)) => {
            let written = store.write(move |tx, changes| {
                if lead_pages::replace(tx, lead, &detail, &notes)? {
                    changes.touch(Tag::Leads);
                }
                lead_pages::mark_read(tx, lead, read_at_ms, updated_at_ms)
            });
            Ok(written.await?)
        }
        Err(error @ (UpstreamError::NotFound | UpstreamError::Gone)) => {
            let was_read = store.read(move |conn| lead_pages::read_at_ms(conn, lead)).await?;
            if let Some(was_read) = was_read {
                store.write(move |tx, _| lead_pages::mark_read(tx, lead, was_read, updated_at_ms)).await?;
            }
            Err(error.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn updated_at_ms(conn: &rusqlite::Connection, lead: LeadId) -> Result<Option<i64>, StoreError> {
    Ok(leads::get(conn, lead)?.and_then(|found| found.lead.updated_at_ms))
}

/// Somebody opened a lead: its page is read now, unless that was done within `fresh_ms`. Returns when it was read.
///
/// # Errors
/// As [`read_lead`].
pub async fn read_opened(
    crm: &Crm,
    store: &Store,
    clock: &dyn Clock,
    lead: LeadId,
    fresh_ms: i64,
) -> Result<i64, SyncError> {
    let was_read = store.read(move |conn| lead_pages::read_at_ms(conn, lead)).await?;
    if let Some(at_ms) = was_read.filter(|at_ms| (0..fresh_ms).contains(&(clock.now_ms() - at_ms))) {
        return Ok(at_ms);
    }
    let read = read_lead(crm, store, clock, lead).await;
    keep_session(crm, store).await?;
    read?;
    let read_at_ms = store.read(move |conn| lead_pages::read_at_ms(conn, lead)).await?;
    Ok(read_at_ms.unwrap_or_else(|| clock.now_ms()))
}
