//! What changed of calls that are no longer young: a transcript, a summary, a lead, a status.
//!
//! The lists of recent calls say when a row last changed, and cost the server two questions to its database per row.
//! So a look has a budget: both lists whole while they are short, else their newest pages and a slice of the rest that
//! moves on with each look. What a slice has not reached yet, the daily reading of everything finds.

use aftercall_domain::call::{Call, Direction};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::plan::SETTLED_AFTER_MS;
use super::report::Counts;
use crate::store::table::call_stamps::{self, CallStamp};
use crate::store::table::{calls, sync_state, twilio};
use crate::store::{ChangeSet, Store, StoreError, Tag, Upserted};
use crate::upstream::{RECENT_PAGE, RecentCall, Side};

/// Pages of one list in one look: 2 500 rows, about 12 seconds of the server's time.
const PAGES_PER_LOOK: u64 = 5;
/// Of those, at the head of a list that is longer.
const HEAD_PAGES: u64 = 2;
/// Questions for one call's details in one look; the rest has its turn in the next.
pub(super) const DETAILS_PER_LOOK: usize = 100;

/// Where the moving slice of a list begins next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slice {
    next_page: u64,
}

impl Slice {
    fn feed(side: Side) -> &'static str {
        match side {
            Side::Inbound => "recent_inbound",
            Side::Outbound => "recent_outbound",
        }
    }

    /// The pages of this look, after the first one told how many rows there are, and where the next look begins.
    pub(super) fn pages(self, total_rows: u64) -> (Vec<u64>, Self) {
        let last = total_rows.div_ceil(u64::from(RECENT_PAGE));
        if last <= PAGES_PER_LOOK {
            return ((2..=last).collect(), Self::default());
        }
        let first_of_rest = HEAD_PAGES + 1;
        let begin = if (first_of_rest..=last).contains(&self.next_page) { self.next_page } else { first_of_rest };
        let end = (begin + (PAGES_PER_LOOK - HEAD_PAGES) - 1).min(last);
        let pages = (2..=HEAD_PAGES).chain(begin..=end).collect();
        (pages, Self { next_page: if end == last { first_of_rest } else { end + 1 } })
    }
}

pub(super) async fn slice(store: &Store, side: Side) -> Result<Slice, StoreError> {
    store.read(move |conn| Ok(sync_state::get(conn, Slice::feed(side))?.unwrap_or_default())).await
}

pub(super) async fn keep_slice(store: &Store, side: Side, slice: Slice) -> Result<(), StoreError> {
    store.write(move |tx, _| sync_state::set(tx, Slice::feed(side), &slice)).await
}

/// What a row of a list of recent calls says beside what is known of the call.
fn with_row(mut call: Call, row: &RecentCall) -> Call {
    call.lead_id = row.lead_id;
    call.duration_s = row.duration_s;
    call.summary.clone_from(&row.summary);
    call.transcript.clone_from(&row.transcript);
    call.has_recording = row.has_recording;
    call
}

/// What details say beside what is known of the call. They know nothing of its parent's leg, and of its direction less
/// than the list.
fn with_details(known: Call, details: Call) -> Call {
    let direction = if details.direction == Direction::Unknown { known.direction } else { details.direction };
    Call { parent_sid: known.parent_sid, direction, ..details }
}

/// Whether anything of the page is new is asked of a reader: a look that finds nothing takes no turn of the writer's.
async fn news(store: &Store, rows: Vec<RecentCall>) -> Result<Vec<RecentCall>, StoreError> {
    store
        .read(move |conn| {
            let mut news = Vec::new();
            for row in rows {
                let known = call_stamps::get(conn, &row.sid)?;
                let failed = known.is_some_and(|known| known.recording_failed_at_ms.is_some());
                if known.is_none_or(|known| known.stamp != row.stamp) || failed != row.recording_failed {
                    news.push(row);
                }
            }
            Ok(news)
        })
        .await
}

/// Gives the calls of a page that are here and changed, and writes what it says of the others' recordings. Calls that
/// are not here are the call list's business.
pub(super) async fn page(store: &Store, rows: Vec<RecentCall>, now_ms: i64) -> Result<Vec<RecentCall>, StoreError> {
    let rows = news(store, rows).await?;
    if rows.is_empty() {
        return Ok(rows);
    }
    store
        .write(move |tx, changes| {
            let mut changed_ones = Vec::new();
            for row in rows {
                let Some(call) = calls::get(tx, &row.sid)? else { continue };
                let before = call_stamps::get(tx, &row.sid)?;
                let settled = call.started_at_ms.is_none_or(|at_ms| now_ms - at_ms > SETTLED_AFTER_MS);
                let mut news = with_row(call.clone(), &row);
                twilio::complete(tx, changes, std::iter::once(&mut news))?;
                let changed = news != call;
                let unseen = before.is_some_and(|before| before.stamp != row.stamp);
                if settled && (changed || unseen) {
                    // The row leaves out the call's status: written as it is, it would mix two states of the call.
                    changed_ones.push(row);
                    continue;
                }
                // A young one is read again every minute anyway, with all that its details would say; until then it
                // counts as not looked at.
                let stamp = before.filter(|_| changed).map_or(row.stamp, |before| before.stamp);
                let row = RecentCall { stamp, ..row };
                remember(tx, &row, before, now_ms)?;
            }
            Ok(changed_ones)
        })
        .await
}

/// Writes what one call's details say; `None` where the server has none any more: the daily reading judges that.
pub(super) async fn details(
    store: &Store,
    row: RecentCall,
    details: Option<Call>,
    now_ms: i64,
) -> Result<Counts, StoreError> {
    store
        .write(move |tx, changes| {
            let mut counts = Counts::default();
            if let (Some(known), Some(details)) = (calls::get(tx, &row.sid)?, details) {
                let mut news = with_details(known.clone(), details);
                twilio::complete(tx, changes, std::iter::once(&mut news))?;
                if news != known {
                    write(tx, changes, &mut counts, &news)?;
                }
            }
            let before = call_stamps::get(tx, &row.sid)?;
            remember(tx, &row, before, now_ms)?;
            Ok(counts)
        })
        .await
}

fn write(conn: &Connection, changes: &mut ChangeSet, counts: &mut Counts, call: &Call) -> Result<(), StoreError> {
    if calls::upsert(conn, call)? != Upserted::Unchanged {
        counts.seen += 1;
        counts.changed += 1;
        changes.touch(Tag::Calls);
        changes.touch(Tag::Leads);
    }
    Ok(())
}

fn remember(conn: &Connection, row: &RecentCall, before: Option<CallStamp>, now_ms: i64) -> Result<(), StoreError> {
    let since = before.and_then(|before| before.recording_failed_at_ms);
    let recording_failed_at_ms = row.recording_failed.then(|| since.unwrap_or(now_ms));
    call_stamps::put(conn, &row.sid, CallStamp { stamp: row.stamp, recording_failed_at_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_list_is_read_whole_and_a_long_one_by_its_head_and_a_slice_that_moves_on() {
        for (rows, pages) in [(0, vec![]), (500, vec![]), (501, vec![2]), (2_500, vec![2, 3, 4, 5])] {
            assert_eq!(Slice::default().pages(rows), (pages, Slice::default()), "{rows}");
        }
        let (mut slice, mut seen) = (Slice::default(), Vec::new());
        for _ in 0..4 {
            let (pages, next) = slice.pages(5_500);
            assert!((pages.len() as u64) < PAGES_PER_LOOK, "{pages:?}");
            seen.push(pages);
            slice = next;
        }
        assert_eq!(seen, [vec![2, 3, 4, 5], vec![2, 6, 7, 8], vec![2, 9, 10, 11], vec![2, 3, 4, 5]]);
        let beyond = Slice { next_page: 900 };
        assert_eq!(beyond.pages(5_500).0, [2, 3, 4, 5], "the list became shorter");
    }

    #[test]
    fn a_million_calls_cost_ten_requests_a_look_and_every_page_has_its_turn() {
        let (mut slice, mut seen) = (Slice::default(), std::collections::BTreeSet::from([1]));
        let looks = 334;
        for _ in 0..looks {
            let (pages, next) = slice.pages(500_000);
            assert!((pages.len() as u64) < PAGES_PER_LOOK);
            seen.extend(pages);
            slice = next;
        }
        assert_eq!(seen.len(), 1_000);
    }
}
