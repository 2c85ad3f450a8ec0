//! One sync: leads, calendars, calls, appointments, in this order, so that a call finds its lead.

use std::future::Future;

use aftercall_domain::backoff::DAY_MS;
use aftercall_domain::clock::Clock;
use tokio_util::sync::CancellationToken;

use super::plan::Met;
use super::{Counts, SyncError, SyncReport, apply, calls, keep_session};
use crate::store::Store;
use crate::upstream::{Crm, LEADS_PAGE, Page, UpstreamError};

/// Appointments from this long ago …
const APPOINTMENTS_BACK_MS: i64 = 60 * DAY_MS;
/// … to this far ahead are mirrored.
const APPOINTMENTS_AHEAD_MS: i64 = 180 * DAY_MS;
/// Appointments are judged gone only well inside the window: the server leaves out those that cross its edge.
const APPOINTMENTS_EDGE_MS: i64 = 2 * DAY_MS;
/// A list of leads or appointments that goes on beyond this many pages is not believed.
const PAGES_MAX: u32 = 4_000;
/// How often a successful poll of the head is worth a row of its own.
const NOTE_EVERY_MS: i64 = 300_000;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The newest calls only: what is asked every minute.
    Head,
    /// Everything that may have changed.
    Usual,
    /// Every page of every list; what is missing twice is marked as removed.
    Full,
}

/// How far a sync came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Calls read.
    pub calls_seen: u64,
    /// Calls that the server says it has; 0 while unknown.
    pub calls_total: u64,
    /// Rows that could not be read.
    pub rejected: u64,
}

/// One sync under way.
pub(super) struct Run<'a> {
    pub(super) crm: &'a Crm,
    pub(super) store: &'a Store,
    pub(super) now_ms: i64,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    cancel: &'a CancellationToken,
    pub(super) report: SyncReport,
}

/// Reads the CRM's lists into the library.
///
/// A repeat in which nothing changed writes no row but the moment of its success. `progress` is told after every
/// page of calls.
///
/// # Errors
/// The first failure ends it; pages read before stay, and the next sync goes on from there. Lists that the role may
/// not read are left out, except calls.
pub async fn sync_once(
    crm: &Crm,
    store: &Store,
    clock: &dyn Clock,
    depth: Depth,
    progress: &(dyn Fn(Progress) + Send + Sync),
    cancel: &CancellationToken,
) -> Result<SyncReport, SyncError> {
    let started_ms = clock.monotonic_ms();
    let requests = crm.requests();
    let now_ms = clock.now_ms();
    let mut run = Run { crm, store, now_ms, progress, cancel, report: SyncReport::default() };
    let done = run.all(depth).await;
    // Also after a failure: the session may have been renewed on the way.
    keep_session(crm, store).await?;
    done?;
    let noted_ms = apply::last_success_at_ms(store).await?;
    let now_ms = clock.now_ms();
    if depth != Depth::Head || noted_ms.is_none_or(|at_ms| !(0..NOTE_EVERY_MS).contains(&(now_ms - at_ms))) {
        apply::note_success(store, now_ms).await?;
    }
    let mut report = run.report;
    report.requests = crm.requests() - requests;
    report.duration_ms = u64::try_from(clock.monotonic_ms() - started_ms).unwrap_or(0);
    Ok(report)
}

impl Run<'_> {
    async fn all(&mut self, depth: Depth) -> Result<(), SyncError> {
        if depth == Depth::Head {
            return calls::read(self, false).await;
        }
        tolerate_forbidden(self.leads().await)?;
        tolerate_forbidden(self.calendars().await)?;
        calls::read(self, depth == Depth::Full).await?;
        tolerate_forbidden(self.appointments().await)
    }

    pub(super) async fn asked<T>(
        &self,
        question: impl Future<Output = Result<T, UpstreamError>>,
    ) -> Result<T, SyncError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(SyncError::Cancelled),
            answer = question => Ok(answer?),
        }
    }

    /// How far the calls came.
    pub(super) fn tell(&self, calls_seen: u64, calls_total: u64) {
        (self.progress)(Progress { calls_seen, calls_total, rejected: self.report.rejected() });
    }

    async fn leads(&mut self) -> Result<(), SyncError> {
        let mut met = Met::default();
        let (mut read, mut first_total, mut quiet) = (0, None, true);
        for number in 1..=PAGES_MAX {
            let mut page = self.asked(self.crm.leads(number)).await?;
            quiet &= first_total.get_or_insert(page.total) == &page.total && page.rejected.is_empty();
            self.report.leads.rejected += new_ones(&mut met, &page.rejected);
            page.rows.retain(|lead| met.insert(&lead.id));
            let counts = apply::leads_page(self.store, page.rows).await?;
            add(&mut self.report.leads, counts);
            read += page.sent;
            if is_last(page.sent, u64::from(LEADS_PAGE), read, page.total) {
                break;
            }
        }
        if quiet && first_total.flatten() == Some(read) {
            self.report.leads.removed += apply::leads_gone(self.store, met).await?;
        }
        Ok(())
    }

    async fn calendars(&mut self) -> Result<(), SyncError> {
        let Page { rows, rejected, .. } = self.asked(self.crm.calendars()).await?;
        let counts = apply::calendars_list(self.store, rows, rejected.is_empty()).await?;
        add(&mut self.report.calendars, counts);
        self.report.calendars.rejected += rejected.len() as u64;
        Ok(())
    }

    async fn appointments(&mut self) -> Result<(), SyncError> {
        let (from_ms, to_ms) = (self.now_ms - APPOINTMENTS_BACK_MS, self.now_ms + APPOINTMENTS_AHEAD_MS);
        let mut met = Met::default();
        let (mut read, mut first_total, mut quiet) = (0, None, true);
        for number in 1..=PAGES_MAX {
            let mut page = self.asked(self.crm.appointments(from_ms, to_ms, number)).await?;
            quiet &= first_total.get_or_insert(page.total) == &page.total && page.rejected.is_empty();
            self.report.appointments.rejected += new_ones(&mut met, &page.rejected);
            page.rows.retain(|appointment| met.insert(&appointment.id));
            let counts = apply::appointments_page(self.store, page.rows).await?;
            add(&mut self.report.appointments, counts);
            read += page.sent;
            if is_last(page.sent, 100, read, page.total) {
                break;
            }
        }
        if quiet && first_total.flatten() == Some(read) {
            let (from_ms, to_ms) = (from_ms + APPOINTMENTS_EDGE_MS, to_ms - APPOINTMENTS_EDGE_MS);
            self.report.appointments.removed += apply::appointments_gone(self.store, from_ms, to_ms, met).await?;
        }
        Ok(())
    }
}

fn is_last(sent: u64, page_rows: u64, read: u64, total: Option<u64>) -> bool {
    sent == 0 || total.map_or(sent < page_rows, |total| read >= total)
}

fn new_ones(met: &mut Met, fingerprints: &[u64]) -> u64 {
    // Fingerprints of broken rows are told apart from keys by the word beside them.
    fingerprints.iter().filter(|print| met.insert(&("rejected", **print))).count() as u64
}

fn add(counts: &mut Counts, page: Counts) {
    counts.seen += page.seen;
    counts.added += page.added;
    counts.changed += page.changed;
    counts.unchanged += page.unchanged;
    counts.removed += page.removed;
}

/// A list that this role may not read is not synced, and what is known of it stays.
fn tolerate_forbidden(done: Result<(), SyncError>) -> Result<(), SyncError> {
    match done {
        Err(SyncError::Upstream(UpstreamError::Forbidden)) => Ok(()),
        done => done,
    }
}
