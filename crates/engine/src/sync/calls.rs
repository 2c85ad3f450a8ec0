//! The calls' part of a sync: page after page down the list, rows that are here just so told by their bytes, the others
//! gathered and written in few transactions while the next page is on its way.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::absent::Absent;
use super::apply::{self, Written};
use super::once::Run;
use super::plan::{CallsCursor, PageOfCalls, Sweep};
use super::{Counts, SyncError};
use crate::store::hash_of_raw;
use crate::store::table::call_reads::{self, CallRead};
use crate::store::table::calls::ListedCall;
use crate::store::{Store, StoreError};
use crate::upstream::{CALLS_PAGE_MAX, CallsPage, UpstreamError};

/// A page of calls with long transcripts may be too large: it is asked for again in smaller ones, down to this.
const CALLS_PAGE_MIN: u32 = 25;
/// Rows are written when so many bytes of them wait. Every transaction writes most pages of the index of sids, whatever
/// its size; two of these are in memory at most.
const BATCH_BYTES: usize = 20 << 20;
/// Rows do not wait longer than this to be written: a person is looking. When the list has been read for long they may
/// wait for a part of that time: they are old calls by then, far down the list.
const BATCH_FOR: Duration = Duration::from_secs(2);
const BATCH_FOR_MOST: Duration = Duration::from_secs(8);
const BATCH_PART: u32 = 4;
/// From so many written rows on the library is set in order afterwards.
const LOAD_ROWS: usize = 10_000;
/// A list that goes on beyond this is not believed.
const ROWS_MAX: u64 = 20_000_000;
/// Rows of one page's span that are looked at together.
const READS_AT_ONCE: u32 = 4_096;
/// So many pages in a row that only repeat the one before, with more promised, are a list that goes in circles.
pub(super) const REPEATS_MAX: u32 = 3;
/// Rows at the head of the list that are told apart when it is looked at twice in one sync.
const HEAD_ROWS: u64 = 1_000;

/// Reads the list of calls, as far as something may have changed or to its end, and marks what is gone.
pub(super) async fn read(run: &mut Run<'_>, full: bool) -> Result<(), SyncError> {
    let cursor = apply::calls_cursor(run.store).await?;
    let mut reading = Reading::new(Sweep::new(cursor, full), cursor);
    reading.bottom = run.store.read(call_reads::least_place).await?.unwrap_or(i64::MAX);
    loop {
        let read = reading.sweep(run).await;
        // What was read before a failure is kept.
        let flushed = reading.flush(run.store, &mut run.report.calls).await;
        read?;
        flushed?;
        if !reading.sweep.was_disturbed() {
            break;
        }
        // Calls came while the list was read: their rows are at its head, and one look there has them all.
        let cursor = apply::calls_cursor(run.store).await?;
        reading.start_again(Sweep::new(cursor, false), cursor);
    }
    if reading.loaded >= LOAD_ROWS {
        apply::settle_load(run.store).await?;
    }
    if reading.sweep.saw_everything()
        && let Some((missing, returned)) = reading.absent.finish(run.store).await?
    {
        run.report.calls.removed += apply::calls_gone(run.store, missing, returned).await?;
    }
    Ok(())
}

/// Rows that wait to be written, with the cursor that holds once they are.
#[derive(Default)]
struct Batch {
    rows: Vec<ListedCall>,
    bytes: usize,
    since: Option<Instant>,
}

impl Batch {
    fn push(&mut self, row: ListedCall) {
        let call = &row.call;
        let texts = [&call.from_number, &call.to_number, &call.status, &call.summary, &call.transcript];
        self.bytes += size_of::<ListedCall>() + texts.into_iter().flatten().map(String::len).sum::<usize>();
        self.since.get_or_insert_with(Instant::now);
        self.rows.push(row);
    }

    /// `start` is when the list began to be read.
    fn is_due(&self, start: Instant) -> bool {
        let wait = (start.elapsed() / BATCH_PART).clamp(BATCH_FOR, BATCH_FOR_MOST);
        self.bytes >= BATCH_BYTES || self.since.is_some_and(|since| since.elapsed() >= wait)
    }
}

struct Reading {
    sweep: Sweep,
    start: Instant,
    absent: Absent,
    batch: Batch,
    /// As it stands in the library, or will when what is being written is.
    kept: CallsCursor,
    cursor: CallsCursor,
    writing: Option<JoinHandle<Result<Written, StoreError>>>,
    /// No call with a time that is here, or on its way here, lies below this place: a first sync asks for none.
    bottom: i64,
    /// Hashes of the rows of the page before: pages overlap.
    before: HashSet<i64>,
    /// Hashes of the rows at the head of the list.
    head: HashSet<i64>,
    met: u64,
    repeats: u32,
    nothing_written: bool,
    /// Rows written.
    loaded: usize,
}

impl Reading {
    fn new(sweep: Sweep, cursor: CallsCursor) -> Self {
        Self {
            sweep,
            start: Instant::now(),
            absent: Absent::default(),
            batch: Batch::default(),
            kept: cursor,
            cursor,
            writing: None,
            bottom: i64::MIN,
            before: HashSet::new(),
            head: HashSet::new(),
            met: 0,
            repeats: 0,
            nothing_written: true,
            loaded: 0,
        }
    }

    fn start_again(&mut self, sweep: Sweep, cursor: CallsCursor) {
        (self.sweep, self.kept, self.cursor) = (sweep, cursor, cursor);
        self.before.clear();
    }

    /// One way through the list.
    async fn sweep(&mut self, run: &mut Run<'_>) -> Result<(), SyncError> {
        let mut limit = CALLS_PAGE_MAX;
        loop {
            let page = match run.asked(run.crm.calls(limit, self.sweep.offset())).await {
                Err(SyncError::Upstream(UpstreamError::TooLarge)) if limit > CALLS_PAGE_MIN => {
                    limit /= 2;
                    continue;
                }
                page => page?,
            };
            let facts = self.take(run, &page, limit).await?;
            if self.sweep.is_a_lie(facts) || self.sweep.offset() > ROWS_MAX {
                return Err(UpstreamError::NotData.into());
            }
            let (more, cursor) = self.sweep.turn(facts, run.now_ms);
            self.cursor = cursor;
            run.tell_calls(self.met, page.total().unwrap_or(0));
            // The first rows are written at once, so that there is something to look at.
            if self.batch.is_due(self.start) || (self.nothing_written && !self.batch.rows.is_empty()) {
                self.write(run.store, &mut run.report.calls).await?;
            }
            if !more {
                return Ok(());
            }
            if self.repeats >= REPEATS_MAX {
                return Err(SyncError::Upstream(UpstreamError::NotData));
            }
        }
    }

    /// Takes a page: rows that are here just so are counted, the others wait to be written.
    async fn take(&mut self, run: &mut Run<'_>, page: &CallsPage, limit: u32) -> Result<PageOfCalls, SyncError> {
        let hashes: Vec<i64> = (0..page.sent()).map(|index| hash_of_raw(page.raw(index))).collect();
        let reads = self.known(run.store, page, &hashes).await?;
        let is_head = self.sweep.offset() < HEAD_ROWS;
        let mut facts = PageOfCalls {
            limit,
            sent: page.sent() as u64,
            total: page.total(),
            all_unchanged: true,
            any_known: false,
            youngest_ms: None,
        };
        let mut times = Some(i64::MIN);
        let mut here = HashSet::with_capacity(hashes.len());
        let is_repeat = !hashes.is_empty() && hashes.iter().all(|hash| self.before.contains(hash));
        self.repeats = if is_repeat { self.repeats + 1 } else { 0 };
        for (index, hash) in hashes.into_iter().enumerate() {
            let is_new = here.insert(hash) && !self.before.contains(&hash);
            if let Some(read) = reads.get(&hash) {
                facts.any_known = true;
                times = times.zip(call_reads::time_of(read.list_key)).map(|(least, at)| least.max(at));
                if is_new && !self.head.contains(&hash) {
                    run.report.calls.seen += 1;
                    run.report.calls.unchanged += 1;
                    self.met += 1;
                }
            } else if is_new {
                match page.read(index) {
                    Some(call) => {
                        facts.all_unchanged = false;
                        times = times.zip(call.started_at_ms).map(|(least, at)| least.max(at));
                        self.met += 1;
                        self.batch.push(ListedCall { call, hash });
                    }
                    None if self.head.contains(&hash) => {}
                    None => run.report.calls.rejected += 1,
                }
            } else {
                times = times.zip(page.started_at_ms(index)).map(|(least, at)| least.max(at));
            }
            if is_head {
                self.head.insert(hash);
            }
        }
        facts.youngest_ms = times.filter(|at| *at > i64::MIN);
        self.before = here;
        Ok(facts)
    }

    /// The page's rows that are here just so, by their hash.
    async fn known(
        &mut self,
        store: &Store,
        page: &CallsPage,
        hashes: &[i64],
    ) -> Result<HashMap<i64, CallRead>, SyncError> {
        let Some(span) = Span::of(page) else { return Ok(HashMap::new()) };
        let wanted: HashSet<i64> = hashes.iter().copied().collect();
        let mut known = HashMap::with_capacity(wanted.len());
        let least = call_reads::place_from(span.oldest_ms);
        let mut most = call_reads::place_from(span.newest_ms + 1) - 1;
        let whole = self.sweep.is_whole();
        if whole {
            // Down from where the page before ended: what lies between and is not on this page is missing.
            most = self.absent.floor() - 1;
        }
        while most >= least && most >= self.bottom {
            let reads = store.read(move |conn| call_reads::between(conn, least, most, READS_AT_ONCE)).await?;
            let last = reads.last().filter(|_| reads.len() == READS_AT_ONCE as usize).map(|read| read.list_key);
            for read in reads {
                let is_here = wanted.contains(&read.hash);
                if whole {
                    self.absent.look(read, is_here, call_reads::place_from(span.oldest_ms + 1));
                }
                if is_here {
                    known.insert(read.hash, read);
                }
            }
            match last {
                // A page of a hundred rows that spans a hundred thousand is not in order; its rows are read one by one.
                Some(last) if whole => most = last - 1,
                _ => break,
            }
        }
        if whole {
            self.absent.turn(call_reads::place_from(span.oldest_ms + 1));
        }
        Ok(known)
    }

    /// Hands the waiting rows to the writer, once it is done with those before.
    async fn write(&mut self, store: &Store, counts: &mut Counts) -> Result<(), SyncError> {
        self.written(counts).await?;
        let batch = std::mem::take(&mut self.batch);
        let times = batch.rows.iter().filter_map(|row| row.call.started_at_ms);
        self.bottom = times.map(call_reads::place_from).min().unwrap_or(i64::MAX).min(self.bottom);
        self.loaded += batch.rows.len();
        self.nothing_written = false;
        self.kept = self.cursor;
        let (store, cursor) = (store.clone(), self.cursor);
        self.writing = Some(tokio::spawn(async move { apply::calls_batch(&store, batch.rows, cursor).await }));
        Ok(())
    }

    /// Waits for what is being written.
    async fn written(&mut self, counts: &mut Counts) -> Result<(), SyncError> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        match writing.await.unwrap_or(Err(StoreError::Internal)) {
            Ok(written) => {
                *counts += written.counts;
                if self.sweep.is_whole() {
                    self.absent.met(&written.list_keys);
                }
                Ok(())
            }
            Err(error) => {
                // What was read after these rows is read again with them: its cursor would lead past them.
                self.batch = Batch::default();
                self.cursor = self.kept;
                Err(error.into())
            }
        }
    }

    /// Writes what waits, and the cursor where it moved.
    async fn flush(&mut self, store: &Store, counts: &mut Counts) -> Result<(), SyncError> {
        self.written(counts).await?;
        if !self.batch.rows.is_empty() || self.kept != self.cursor {
            self.write(store, counts).await?;
        }
        self.written(counts).await
    }
}

/// The time that a page covers.
struct Span {
    oldest_ms: i64,
    newest_ms: i64,
}

impl Span {
    /// By its first and last row; by all of them where one has no time.
    fn of(page: &CallsPage) -> Option<Self> {
        let last = page.sent().checked_sub(1)?;
        if let (Some(newest_ms), Some(oldest_ms)) = (page.started_at_ms(0), page.started_at_ms(last))
            && newest_ms >= oldest_ms
        {
            return Some(Self { oldest_ms, newest_ms });
        }
        let times = || (0..=last).filter_map(|index| page.started_at_ms(index));
        Some(Self { oldest_ms: times().min()?, newest_ms: times().max()? })
    }
}

#[cfg(test)]
mod tests {
    use aftercall_domain::call::{Call, Direction};
    use aftercall_domain::ids::Source;

    use super::*;
    use crate::store::table::calls;

    fn row(sid: &str) -> ListedCall {
        let call = Call {
            sid: sid.parse().expect("a sid"),
            parent_sid: None,
            source: Source::Crm,
            lead_id: None,
            direction: Direction::Inbound,
            from_number: None,
            to_number: None,
            status: None,
            duration_s: None,
            started_at_ms: Some(1_795_000_000_000),
            summary: None,
            transcript: None,
            has_recording: false,
        };
        ListedCall { call, hash: 1 }
    }

    #[tokio::test]
    async fn rows_that_could_not_be_written_are_not_passed_over_by_the_cursor_of_later_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().to_owned();
        let store = tokio::task::spawn_blocking(move || Store::scratch(&root)).await.expect("no panic");
        let full_disk = "CREATE TEMP TRIGGER full_disk BEFORE INSERT ON main.call_log WHEN NEW.call_sid = 'CAfirst'
            BEGIN SELECT RAISE(ABORT, 'no room'); END";
        store.write(move |tx, _| Ok(tx.execute_batch(full_disk)?)).await.expect("made");

        let (mut counts, start) = (Counts::default(), CallsCursor::default());
        let mut reading = Reading::new(Sweep::new(start, false), start);
        for (sid, offset) in [("CAfirst", 90), ("CAsecond", 180)] {
            reading.batch.push(row(sid));
            reading.cursor = CallsCursor { complete: false, offset };
            if offset == 90 {
                reading.write(&store, &mut counts).await.expect("it is on its way");
            }
        }
        // The second batch is due, and the first one turns out not to be here.
        assert!(reading.write(&store, &mut counts).await.is_err());
        reading.flush(&store, &mut counts).await.expect("nothing is left to write");
        assert_eq!(apply::calls_cursor(&store).await.expect("read"), start);
        assert_eq!(store.read(calls::present_sids).await.expect("read"), []);
    }
}
