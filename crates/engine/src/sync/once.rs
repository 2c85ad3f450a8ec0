//! One sync: leads, calendars, calls, appointments, in this order, so that a call finds its lead.

use std::future::Future;

use aftercall_domain::backoff::DAY_MS;
use aftercall_domain::clock::Clock;
use tokio_util::sync::CancellationToken;

use super::lead_detail::{self, Budget};
use super::plan::Met;
use super::{List, Refused, SyncError, SyncReport, apply, calls, keep_session, sweep};
use crate::store::Store;
use crate::upstream::{Crm, LEADS_PAGE, Page, Side, UpstreamError};

/// Appointments from this long ago …
const APPOINTMENTS_BACK_MS: i64 = 60 * DAY_MS;
/// … to this far ahead are mirrored.
const APPOINTMENTS_AHEAD_MS: i64 = 180 * DAY_MS;
/// The server is asked for this much more on both sides: it leaves out what crosses the edge of what it is asked for.
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
    /// Leads read.
    pub leads_seen: u64,
    /// Leads that the server says it has; 0 while unknown.
    pub leads_total: u64,
    /// Appointments read.
    pub appointments_seen: u64,
    /// Appointments in the window, as the server says; 0 while unknown.
    pub appointments_total: u64,
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
    told: Progress,
}

/// Reads the CRM's lists into the library.
///
/// A repeat in which nothing changed writes no row but the moment of its success. `progress` is told after every
/// page.
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
    // Of a list that is not asked for, because the sync ends before it, stays true what was.
    let refused = if depth == Depth::Head { Refused::default() } else { apply::refused(store).await? };
    let report = SyncReport { refused, ..SyncReport::default() };
    let mut run = Run { crm, store, now_ms, progress, cancel, report, told: Progress::default() };
    let mut done = run.all(depth).await;
    if depth != Depth::Head && done.is_ok() {
        done = run.lead_pages(clock, depth).await;
    }
    // Also after a failure: the session may have been renewed on the way.
    keep_session(crm, store).await?;
    let refused = run.report.refused;
    if depth != Depth::Head {
        // Known whatever became of the rest: a list that was lost is said so at once.
        apply::keep_refused(store, refused).await?;
    }
    done?;
    let mut kept = apply::kept(store).await?;
    let now_ms = clock.now_ms();
    let is_news = kept.success_at_ms.is_none_or(|at_ms| !(0..NOTE_EVERY_MS).contains(&(now_ms - at_ms)));
    if depth != Depth::Head || is_news {
        kept.done(depth, now_ms);
        apply::keep(store, kept).await?;
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
        self.role().await?;
        let leads = self.leads().await;
        self.unless_refused(List::Leads, leads)?;
        let calendars = self.calendars().await;
        self.unless_refused(List::Calendars, calendars)?;
        let calls = calls::read(self, depth == Depth::Full).await;
        self.unless_refused(List::Calls, calls)?;
        if depth == Depth::Usual {
            self.recent(Side::Inbound).await?;
            self.recent(Side::Outbound).await?;
        }
        let appointments = self.appointments().await;
        self.unless_refused(List::Appointments, appointments)?;
        // Without calls this app has little to show: the rest was read all the same.
        if self.report.refused.calls { Err(UpstreamError::Forbidden.into()) } else { Ok(()) }
    }

    /// A list that this role or business may not read is not synced; what is known of it stays, the others go on.
    fn unless_refused(&mut self, list: List, done: Result<(), SyncError>) -> Result<(), SyncError> {
        let refused = matches!(done, Err(SyncError::Upstream(UpstreamError::Forbidden)));
        if !refused {
            done?;
        }
        self.report.refused.set(list, refused);
        Ok(())
    }

    /// The role may have changed since the sign-in. An older server may not say; what it says is no health check.
    async fn role(&mut self) -> Result<(), SyncError> {
        match self.asked(self.crm.context()).await {
            Ok(context) => Ok(apply::keep_role(self.store, self.crm.origin().to_string(), context.role).await?),
            Err(SyncError::Upstream(
                UpstreamError::Forbidden
                | UpstreamError::NotFound
                | UpstreamError::NotData
                | UpstreamError::Unavailable { status: 500, .. },
            )) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What changed of calls that are no longer read every minute.
    async fn recent(&mut self, side: Side) -> Result<(), SyncError> {
        let slice = sweep::slice(self.store, side).await?;
        let (mut pages, mut next, mut details_left) = (vec![1], slice, sweep::DETAILS_PER_LOOK);
        let mut number = 0;
        while let Some(page) = pages.get(number).copied() {
            number += 1;
            let page = match self.asked(self.crm.recent_calls(side, page)).await {
                // A business may have one page of the two switched off.
                Err(SyncError::Upstream(UpstreamError::Forbidden)) => return Ok(()),
                page => page?,
            };
            if number == 1 {
                let (rest, then) = slice.pages(page.total.unwrap_or(page.sent));
                pages.extend(rest);
                next = then;
            }
            self.report.calls.rejected += page.rejected.len() as u64;
            let changed = sweep::page(self.store, page.rows, self.now_ms).await?;
            for row in changed.into_iter().take(details_left) {
                details_left -= 1;
                let details = match self.asked(self.crm.call_details(&row.sid)).await {
                    Err(SyncError::Upstream(UpstreamError::NotFound)) => None,
                    // What cannot be read of one call stops no list. It is asked for again with the next look.
                    Err(SyncError::Upstream(
                        UpstreamError::NotData
                        | UpstreamError::TooLarge
                        | UpstreamError::Unavailable { status: 500, .. },
                    )) => {
                        self.report.calls.rejected += 1;
                        continue;
                    }
                    details => Some(details?),
                };
                let counts = sweep::details(self.store, row, details, self.now_ms).await?;
                self.report.calls += counts;
            }
        }
        if next != slice {
            sweep::keep_slice(self.store, side, next).await?;
        }
        Ok(())
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
    pub(super) fn tell_calls(&mut self, seen: u64, total: u64) {
        (self.told.calls_seen, self.told.calls_total) = (seen, total);
        self.told.rejected = self.report.rejected();
        (self.progress)(self.told);
    }

    /// Tells how far it came; `total` is what the server says of the list that is being read.
    fn tell(&mut self, list: List, total: Option<u64>) {
        let total = total.unwrap_or(0);
        match list {
            List::Leads => (self.told.leads_seen, self.told.leads_total) = (self.report.leads.seen, total),
            List::Appointments => {
                (self.told.appointments_seen, self.told.appointments_total) = (self.report.appointments.seen, total);
            }
            List::Calls | List::Calendars => {}
        }
        self.told.rejected = self.report.rejected();
        (self.progress)(self.told);
    }

    async fn leads(&mut self) -> Result<(), SyncError> {
        let mut met = Met::default();
        let (mut way, mut first_total, mut quiet) = (Way::default(), None, true);
        for number in 1..=PAGES_MAX {
            let mut page = self.asked(self.crm.leads(number)).await?;
            quiet &= first_total.get_or_insert(page.total) == &page.total && page.rejected.is_empty();
            let rejected = new_ones(&mut met, &page.rejected);
            self.report.leads.rejected += rejected;
            page.rows.retain(|lead| met.insert(&lead.id));
            way.turn(page.sent, page.rows.len() as u64 + rejected)?;
            let counts = apply::leads_page(self.store, page.rows).await?;
            self.report.leads += counts;
            self.tell(List::Leads, page.total);
            if is_last(page.sent, u64::from(LEADS_PAGE), way.read, page.total) {
                break;
            }
        }
        if quiet && first_total.flatten() == Some(way.met) {
            self.report.leads.removed += apply::leads_gone(self.store, met).await?;
        }
        Ok(())
    }

    async fn lead_pages(&self, clock: &dyn Clock, depth: Depth) -> Result<(), SyncError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(SyncError::Cancelled),
            read = lead_detail::read_statuses(self.crm, self.store) => read?,
        }
        let budget = if depth == Depth::Full { Budget::FULL } else { Budget::USUAL };
        lead_detail::read_changed(self.crm, self.store, clock, budget, self.cancel).await
    }

    async fn calendars(&mut self) -> Result<(), SyncError> {
        let Page { rows, rejected, .. } = self.asked(self.crm.calendars()).await?;
        let counts = apply::calendars_list(self.store, rows, rejected.is_empty()).await?;
        self.report.calendars += counts;
        self.report.calendars.rejected += rejected.len() as u64;
        Ok(())
    }

    async fn appointments(&mut self) -> Result<(), SyncError> {
        let (from_ms, to_ms) = (self.now_ms - APPOINTMENTS_BACK_MS, self.now_ms + APPOINTMENTS_AHEAD_MS);
        let (asked_from_ms, asked_to_ms) = (from_ms - APPOINTMENTS_EDGE_MS, to_ms + APPOINTMENTS_EDGE_MS);
        let mut met = Met::default();
        let (mut way, mut first_total, mut quiet) = (Way::default(), None, true);
        for number in 1..=PAGES_MAX {
            let mut page = self.asked(self.crm.appointments(asked_from_ms, asked_to_ms, number)).await?;
            quiet &= first_total.get_or_insert(page.total) == &page.total && page.rejected.is_empty();
            let rejected = new_ones(&mut met, &page.rejected);
            self.report.appointments.rejected += rejected;
            page.rows.retain(|appointment| met.insert(&appointment.id));
            way.turn(page.sent, page.rows.len() as u64 + rejected)?;
            let counts = apply::appointments_page(self.store, page.rows).await?;
            self.report.appointments += counts;
            self.tell(List::Appointments, page.total);
            if is_last(page.sent, 100, way.read, page.total) {
                break;
            }
        }
        if quiet && first_total.flatten() == Some(way.met) {
            // Judged gone is only what the answer would hold: one that lasts for days may end beyond it.
            self.report.appointments.removed += apply::appointments_gone(self.store, from_ms, to_ms, met).await?;
        }
        Ok(())
    }
}

/// The way through a list's pages.
#[derive(Default)]
struct Way {
    /// Rows sent so far.
    read: u64,
    /// Of those, different ones: only a list that brought as many as it says it has was seen whole.
    met: u64,
    repeats: u32,
}

impl Way {
    /// Takes a page of so many rows, of which so many were not met before.
    ///
    /// # Errors
    /// [`UpstreamError::NotData`] for a list that goes in circles.
    fn turn(&mut self, sent: u64, new: u64) -> Result<(), UpstreamError> {
        self.repeats = if sent > 0 && new == 0 { self.repeats + 1 } else { 0 };
        (self.read, self.met) = (self.read + sent, self.met + new);
        if self.repeats >= calls::REPEATS_MAX { Err(UpstreamError::NotData) } else { Ok(()) }
    }
}

fn is_last(sent: u64, page_rows: u64, read: u64, total: Option<u64>) -> bool {
    sent == 0 || total.map_or(sent < page_rows, |total| read >= total)
}

pub(super) fn new_ones(met: &mut Met, fingerprints: &[u64]) -> u64 {
    // Fingerprints of broken rows are told apart from keys by the word beside them.
    fingerprints.iter().filter(|print| met.insert(&("rejected", **print))).count() as u64
}
