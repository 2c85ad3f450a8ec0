//! One sync with Twilio: calls, then recordings, then what was unfinished the last time.

use std::collections::HashSet;
use std::future::Future;

use aftercall_domain::clock::Clock;
use aftercall_domain::ids::CallSid;
use tokio_util::sync::CancellationToken;

use super::apply::{self, Asked, Marks};
use super::plan::{self, Mark, Since};
use crate::store::Store;
use crate::store::table::twilio::Recheck;
use crate::sync::once::new_ones;
use crate::sync::plan::Met;
use crate::sync::{Depth, Progress, SyncError, SyncReport};
use crate::upstream::{CallsSpan, NextPage, Twilio, TwilioCall, TwilioPage, TwilioRecording, UpstreamError};

/// A list that goes on beyond this many pages of a thousand is not believed.
const PAGES_MAX: usize = 20_000;
/// Unfinished ones that one sync asks for: the rest is due the next time.
const RECHECKS: u32 = 50;
/// Calls that one page of recordings may ask for by themselves.
const CALLS_BY_SID: usize = 200;

struct Run<'a> {
    twilio: &'a Twilio,
    store: &'a Store,
    now_ms: i64,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    cancel: &'a CancellationToken,
    met: Met,
    report: SyncReport,
}

/// Reads Twilio's lists into the library. `progress` is told after every page.
///
/// # Errors
/// The first failure ends it: pages read before stay, and no mark moves before its list was read to the end.
pub async fn sync_twilio(
    twilio: &Twilio,
    store: &Store,
    clock: &dyn Clock,
    depth: Depth,
    progress: &(dyn Fn(Progress) + Send + Sync),
    cancel: &CancellationToken,
) -> Result<SyncReport, SyncError> {
    let (started_ms, requests) = (clock.monotonic_ms(), twilio.requests());
    let mut run = Run {
        twilio,
        store,
        // Of the moment before the first request: what begins while the lists are read is read the next time.
        now_ms: clock.now_ms(),
        progress,
        cancel,
        met: Met::default(),
        report: SyncReport::default(),
    };
    let full = depth == Depth::Full;
    run.calls(full).await?;
    run.recordings(full).await?;
    run.unfinished().await?;
    apply::note_success(store, clock.now_ms()).await?;
    let mut report = run.report;
    report.requests = twilio.requests() - requests;
    report.duration_ms = u64::try_from(clock.monotonic_ms() - started_ms).unwrap_or(0);
    Ok(report)
}

impl Run<'_> {
    async fn asked<T>(&self, question: impl Future<Output = Result<T, UpstreamError>>) -> Result<T, SyncError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(SyncError::Cancelled),
            answer = question => Ok(answer?),
        }
    }

    fn tell(&self) {
        let rejected = self.report.rejected();
        (self.progress)(Progress { calls_seen: self.report.calls.seen, rejected, ..Progress::default() });
    }

    fn mark(&self) -> Mark {
        Mark { account: self.twilio.account().to_owned(), at_ms: self.now_ms }
    }

    /// By their end, which also finds calls that began long ago; and by their start, because a call that nobody
    /// answered has no end.
    async fn calls(&mut self, full: bool) -> Result<(), SyncError> {
        let mark = apply::mark(self.store, apply::CALLS).await?;
        let since = plan::since(mark.as_ref(), self.twilio.account(), full);
        let done = vec![(apply::CALLS, self.mark())];
        match since {
            None => self.calls_of(CallsSpan::All, None, done).await,
            Some(span) => {
                self.calls_of(CallsSpan::EndedSince(span.asked_ms), since, Vec::new()).await?;
                self.calls_of(CallsSpan::StartedSince(span.asked_ms), since, done).await
            }
        }
    }

    async fn calls_of(&mut self, span: CallsSpan, since: Option<Since>, done: Marks) -> Result<(), SyncError> {
        let mut pages = Pages::default();
        loop {
            let question = async {
                match pages.next() {
                    None => self.twilio.calls(span).await,
                    Some(page) => self.twilio.more_calls(page).await,
                }
            };
            let asked = self.asked(question).await;
            let Some(page) = pages.turn(asked)? else { continue };
            self.report.calls.rejected += new_ones(&mut self.met, &page.rejected);
            let kept = |row: &TwilioCall| {
                since.is_none_or(|since| plan::is_kept(since, &[row.call.started_at_ms, row.ended_at_ms]))
            };
            let mut rows: Vec<TwilioCall> = page.rows.into_iter().filter(kept).collect();
            rows.retain(|row| self.met.insert(&row.call.sid));
            let marks = if pages.is_over() { done.clone() } else { Vec::new() };
            let counts = apply::calls_page(self.store, rows, marks, self.now_ms).await?;
            self.report.calls += counts;
            self.tell();
            if pages.is_over() {
                return Ok(());
            }
        }
    }

    async fn recordings(&mut self, full: bool) -> Result<(), SyncError> {
        let mark = apply::mark(self.store, apply::RECORDINGS).await?;
        let deletions = apply::mark(self.store, apply::DELETIONS).await?;
        let mut done = vec![(apply::RECORDINGS, self.mark())];
        let since = plan::since(mark.as_ref(), self.twilio.account(), full).map(|since| {
            let last_ms = deletions.filter(|mark| mark.account == self.twilio.account()).map(|mark| mark.at_ms);
            plan::with_deletions(since, last_ms, self.now_ms)
        });
        if since.is_none_or(|(_, with_deletions)| with_deletions) {
            done.push((apply::DELETIONS, self.mark()));
        }
        let since = since.map(|(since, _)| since);
        let mut pages = Pages::default();
        loop {
            let question = async {
                match pages.next() {
                    None => self.twilio.recordings(since.map(|since| since.asked_ms)).await,
                    Some(page) => self.twilio.more_recordings(page).await,
                }
            };
            let asked = self.asked(question).await;
            let Some(page) = pages.turn(asked)? else { continue };
            self.report.calls.rejected += new_ones(&mut self.met, &page.rejected);
            let kept = |row: &TwilioRecording| since.is_none_or(|since| plan::is_kept(since, &[row.created_at_ms]));
            let mut rows: Vec<TwilioRecording> = page.rows.into_iter().filter(kept).collect();
            rows.retain(|row| self.met.insert(&row.id));
            let found = self.calls_by_sid(&mut rows).await?;
            let marks = if pages.is_over() { done.clone() } else { Vec::new() };
            let counts = apply::recordings_page(self.store, rows, found, marks, self.now_ms).await?;
            self.report.calls += counts;
            self.tell();
            if pages.is_over() {
                return Ok(());
            }
        }
    }

    /// Calls that recordings are of and no list brought: each is asked for by itself. Beyond a bound, recordings of
    /// unknown calls are left to the next full reading.
    async fn calls_by_sid(&mut self, rows: &mut Vec<TwilioRecording>) -> Result<Vec<TwilioCall>, SyncError> {
        let unknown = apply::unknown_calls(self.store, rows).await?;
        let mut found = Vec::new();
        for sid in unknown.iter().take(CALLS_BY_SID) {
            found.push(match self.asked(self.twilio.call(sid)).await {
                Err(SyncError::Upstream(UpstreamError::NotFound)) => apply::bare_call(sid, rows),
                call => call?,
            });
        }
        let left: HashSet<CallSid> = unknown.into_iter().skip(CALLS_BY_SID).collect();
        rows.retain(|row| row.call_sid.as_ref().is_none_or(|sid| !left.contains(sid)));
        Ok(found)
    }

    async fn unfinished(&mut self) -> Result<(), SyncError> {
        for due in apply::due(self.store, self.now_ms, RECHECKS).await? {
            let asked = match self.ask_again(&due).await {
                Err(SyncError::Upstream(UpstreamError::NotFound)) => Asked::Gone,
                asked => asked?,
            };
            let counts = apply::rechecked(self.store, due, asked, self.now_ms).await?;
            // A call that its list just brought is one call.
            self.report.calls.changed += counts.changed;
        }
        Ok(())
    }

    async fn ask_again(&self, due: &Recheck) -> Result<Asked, SyncError> {
        if due.sid.starts_with("RE") {
            let Ok(id) = format!("twilio:{}", due.sid).parse() else { return Ok(Asked::Gone) };
            return Ok(Asked::Recording(Box::new(self.asked(self.twilio.recording(&id)).await?)));
        }
        let Ok(sid) = due.sid.parse::<CallSid>() else { return Ok(Asked::Gone) };
        Ok(Asked::Call(Box::new(self.asked(self.twilio.call(&sid)).await?)))
    }
}

/// The way through a list's pages.
#[derive(Default)]
struct Pages {
    next: Option<NextPage>,
    seen: HashSet<NextPage>,
    restarted: bool,
    over: bool,
}

impl Pages {
    /// `None` is the first page.
    fn next(&self) -> Option<&NextPage> {
        self.next.as_ref()
    }

    fn is_over(&self) -> bool {
        self.over
    }

    /// Takes a page. `None` when the server forgot where we were: the list begins again, once.
    fn turn<T>(&mut self, asked: Result<TwilioPage<T>, SyncError>) -> Result<Option<TwilioPage<T>>, SyncError> {
        let page = match asked {
            Err(SyncError::Upstream(UpstreamError::Changed)) if self.next.is_some() && !self.restarted => {
                *self = Self { restarted: true, ..Self::default() };
                return Ok(None);
            }
            page => page?,
        };
        match &page.next {
            None => self.over = true,
            // The same page again would be read for ever.
            Some(next) if self.seen.len() >= PAGES_MAX || !self.seen.insert(next.clone()) => {
                return Err(UpstreamError::NotData.into());
            }
            Some(_) => {}
        }
        self.next.clone_from(&page.next);
        Ok(Some(page))
    }
}
