//! Calls as lists show them: with the lead's name and the state of the recording.

use std::cmp::Reverse;

use aftercall_domain::call::{Call, Direction, Outcome};
use aftercall_domain::ids::{CallSid, LeadId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use super::calls::{self, LISTED_COLUMNS};
use super::recordings::{self, RecordingRow};
use super::{COUNT_CAP, Count, Page, Span, Way};
use crate::store::list_key::{self, Listed};
use crate::store::{StoreError, search};

/// The quick views over the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallView {
    /// Everything.
    #[default]
    All,
    /// Has a recording, not heard yet.
    Unheard,
    /// Nobody picked up.
    Missed,
    /// Has a recording.
    Recorded,
}

/// Which calls. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallsFilter {
    /// Names, numbers, summaries, as typed.
    pub search: String,
    /// Quick view.
    pub view: CallView,
    /// One way only.
    pub direction: Option<Direction>,
    /// One lead's.
    pub lead: Option<LeadId>,
    /// The source's status word, whatever its case.
    pub status: Option<String>,
    /// What came of them.
    pub outcome: Option<Outcome>,
    /// With a recording, or without one.
    pub has_recording: Option<bool>,
    /// Begun then or later, UTC.
    pub from_ms: Option<i64>,
    /// Begun before that, UTC.
    pub to_ms: Option<i64>,
}

/// One call as a row shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallListing {
    /// The call, without its transcript: [`get`](calls::get) has it.
    pub call: Call,
    /// Its place: the cursor after it.
    pub list_key: i64,
    /// What came of it.
    pub outcome: Outcome,
    /// The lead's name, where it has one.
    pub lead_name: Option<String>,
    /// The source does not list it any more.
    pub removed_upstream: bool,
    /// The person has heard it.
    pub heard: bool,
    /// Its first recording, or what can be said of one that nobody asked for.
    pub recording: RecordingRow,
}

impl CallListing {
    /// The customer's number as the source wrote it: who called us, or whom we called.
    pub fn customer_number(&self) -> Option<&str> {
        match self.call.direction {
            Direction::Inbound => self.call.from_number.as_deref(),
            Direction::Outbound | Direction::Unknown => self.call.to_number.as_deref(),
        }
    }
}

/// Counts over the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Calls that are shown.
    pub all: u64,
    /// Recorded and not heard.
    pub unheard: u64,
}

/// Counts over one lead's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeadTotals {
    /// Its calls.
    pub calls: u64,
    /// Recorded and not heard.
    pub unheard: u64,
    /// Heard.
    pub heard: u64,
    /// Seconds spoken in all of them.
    pub talk_s: u64,
}

fn listing_of(row: &Row<'_>) -> rusqlite::Result<CallListing> {
    let call = calls::from_row(row)?;
    let outcome = Outcome::of(call.status.as_deref(), call.duration_s);
    let recording = recordings::from_row(row, 17)?
        .unwrap_or_else(|| recordings::not_asked_for(&call.sid, outcome, call.has_recording));
    Ok(CallListing {
        list_key: row.get::<_, Option<i64>>(13)?.unwrap_or(0),
        removed_upstream: row.get(14)?,
        heard: row.get(15)?,
        lead_name: row.get(16)?,
        outcome,
        recording,
        call,
    })
}

fn select_listing() -> String {
    format!(
        "SELECT {LISTED_COLUMNS}, c.list_key, c.removed_upstream, c.heard, {name}, {recording}, c.rowid AS call_row
         FROM call_log c
         LEFT JOIN leads l ON l.id = c.lead_id
         LEFT JOIN recordings r ON r.id =
             (SELECT r.id FROM recordings r WHERE r.call_sid = c.call_sid ORDER BY {first} LIMIT 1)",
        first = recordings::FIRST,
        name = super::leads::NAME,
        recording = recordings::COLUMNS,
    )
}

/// The rows that match, as `FROM … WHERE …`, with the column that orders them.
struct Matching {
    from: String,
    order: Order,
    values: Vec<Value>,
}

/// By what matching rows are told and ordered: both go by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Places,
    /// Of what a search finds (`call_rows`).
    Rows,
}

impl Order {
    fn key(self) -> &'static str {
        match self {
            Self::Places => "c.list_key",
            Self::Rows => "s.rowid",
        }
    }

    /// From newer to older.
    fn way(self) -> Way {
        match self {
            Self::Places => Way::Down,
            Self::Rows => Way::Up,
        }
    }

    /// The column of `call_log` that holds it.
    fn column(self) -> &'static str {
        match self {
            Self::Places => "c.list_key",
            Self::Rows => "c.rowid",
        }
    }

    /// What a place to go on from is compared with.
    fn after(self) -> &'static str {
        match self {
            Self::Places => "?",
            // The place may be one that a call has left meanwhile.
            Self::Rows => "ifnull((SELECT rowid FROM call_log WHERE list_key >= ? ORDER BY list_key LIMIT 1), 0)",
        }
    }
}

fn matching(conn: &Connection, filter: &CallsFilter) -> Result<Matching, StoreError> {
    let mut values = Vec::new();
    let words = search::expression(conn, Listed::Calls, &filter.search)?;
    let (mut from, order) = match words {
        // The index holds the places in order, and of listed calls only: newest first needs no sort, and no row is
        // looked up but for what no mark tells.
        Some(mut words) => {
            let view = match filter.view {
                CallView::All => None,
                CallView::Missed => Some(search::MISSED),
                CallView::Recorded | CallView::Unheard => Some(search::RECORDED),
            };
            let direction = filter.direction.and_then(search::mark_of);
            for mark in [view, direction].into_iter().flatten() {
                words.push_str(&format!(" AND \"{mark}\""));
            }
            values.push(Value::Text(words));
            let is_told = filter.view != CallView::Unheard
                && filter.direction.is_none() == direction.is_none()
                && filter.lead.is_none()
                && filter.status.is_none()
                && filter.outcome.is_none()
                && filter.has_recording.is_none()
                && filter.from_ms.is_none()
                && filter.to_ms.is_none();
            if is_told {
                let from = "FROM call_search s WHERE s.call_search MATCH ?".to_owned();
                return Ok(Matching { from, order: Order::Rows, values });
            }
            let from = "FROM call_search s CROSS JOIN call_log c ON c.rowid = s.rowid
                 WHERE s.call_search MATCH ? AND c.listed = 1";
            (from.to_owned(), Order::Rows)
        }
        None => ("FROM call_log c WHERE c.listed = 1".to_owned(), Order::Places),
    };
    match filter.view {
        CallView::All => {}
        CallView::Unheard => from.push_str(" AND c.has_recording = 1 AND c.heard = 0"),
        CallView::Missed => from.push_str(" AND c.outcome = 'missed'"),
        CallView::Recorded => from.push_str(" AND c.has_recording = 1"),
    }
    if let Some(direction) = filter.direction {
        from.push_str(" AND c.direction = ?");
        values.push(Value::Text(direction.as_str().to_owned()));
    }
    if let Some(lead) = filter.lead {
        from.push_str(" AND c.lead_id = ?");
        values.push(Value::Integer(lead.0));
    }
    if let Some(status) = &filter.status {
        from.push_str(" AND c.status = ? COLLATE NOCASE");
        values.push(Value::Text(status.clone()));
    }
    if let Some(outcome) = filter.outcome {
        from.push_str(" AND c.outcome = ?");
        values.push(Value::Text(outcome.as_str().to_owned()));
    }
    if let Some(has_recording) = filter.has_recording {
        from.push_str(" AND c.has_recording = ?");
        values.push(Value::Integer(has_recording.into()));
    }
    // The place in the list begins with the time: a span of days is a span of places.
    for (ms, condition) in [(filter.from_ms, " AND c.list_key >= ?"), (filter.to_ms, " AND c.list_key < ?")] {
        if let Some(ms) = ms {
            from.push_str(condition);
            values.push(Value::Integer(list_key::first_of_ms(Some(ms))));
        }
    }
    Ok(Matching { from, order, values })
}

/// How many calls match.
///
/// # Errors
/// SQLite's.
pub fn count(conn: &Connection, filter: &CallsFilter) -> Result<Count, StoreError> {
    let Matching { from, values, .. } = matching(conn, filter)?;
    let sql = format!("SELECT count(*) FROM (SELECT 1 {from} LIMIT {})", COUNT_CAP + 1);
    let counted: i64 = conn.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(Count::of(counted.unsigned_abs()))
}

/// Calls that match, newest first, at most `limit`. How many there are in all is asked apart, by [`count`].
///
/// # Errors
/// SQLite's.
pub fn list(conn: &Connection, filter: &CallsFilter, span: Span, limit: u32) -> Result<Page<CallListing>, StoreError> {
    let (sql, values, order) = select_page(conn, filter, span, limit)?;
    let mut statement = conn.prepare_cached(&sql)?;
    let found =
        statement.query_map(params_from_iter(values), |row| Ok((row.get::<_, i64>("call_row")?, listing_of(row)?)))?;
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
    let is_full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    // The one that the index met last: where neighbours changed places (`call_rows`) it is not the oldest, and a page
    // that went on from the oldest could be the same page again.
    let last = match order {
        Order::Places => found.iter().min_by_key(|(_, listing)| listing.list_key),
        Order::Rows => found.iter().max_by_key(|(row, _)| *row),
    };
    let next = last.filter(|_| is_full).map(|(_, listing)| listing.list_key);
    found.sort_unstable_by_key(|(_, listing)| Reverse(listing.list_key));
    Ok(Page { next, rows: found.into_iter().map(|(_, listing)| listing).collect() })
}

/// The keys come before the rows: a row that is not shown is not read. The page's few rows come in any order: SQLite
/// would copy their texts to sort them.
fn select_page(
    conn: &Connection,
    filter: &CallsFilter,
    span: Span,
    limit: u32,
) -> Result<(String, Vec<Value>, Order), StoreError> {
    let Matching { from, order, mut values } = matching(conn, filter)?;
    let keys = span.keys(&from, order.key(), order.way(), order.after(), limit, &mut values);
    Ok((format!("{} WHERE {} IN ({keys})", select_listing(), order.column()), values, order))
}

/// The place of the call that has `skipped` matching calls between it and the place `after`.
pub(in crate::store) fn place_after(
    conn: &Connection,
    filter: &CallsFilter,
    after: Option<i64>,
    skipped: u64,
) -> Result<Option<i64>, StoreError> {
    let Matching { from, order, mut values } = matching(conn, filter)?;
    let keys = Span::Beyond(after, skipped).keys(&from, order.key(), order.way(), order.after(), 1, &mut values);
    let sql = format!("SELECT c.list_key FROM call_log c WHERE {} = ({keys})", order.column());
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_row(params_from_iter(values), |row| row.get(0)).optional()?)
}

/// One call as a row shows it, hidden legs included.
///
/// # Errors
/// SQLite's.
pub fn listing(conn: &Connection, sid: &CallSid) -> Result<Option<CallListing>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("{} WHERE c.call_sid = ?1", select_listing()))?;
    Ok(statement.query_row([sid.as_str()], listing_of).optional()?)
}

/// Counts over the library.
///
/// # Errors
/// SQLite's.
pub fn totals(conn: &Connection) -> Result<Totals, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT (SELECT count(*) FROM call_log WHERE listed = 1),
                (SELECT count(*) FROM call_log WHERE listed = 1 AND has_recording = 1 AND heard = 0)",
    )?;
    let (all, unheard): (i64, i64) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Totals { all: all.unsigned_abs(), unheard: unheard.unsigned_abs() })
}

/// Counts over one lead's calls.
///
/// # Errors
/// SQLite's.
pub fn lead_totals(conn: &Connection, lead: LeadId) -> Result<LeadTotals, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT count(*), coalesce(sum(has_recording = 1 AND heard = 0), 0), coalesce(sum(heard), 0),
                coalesce(sum(max(duration_s, 0)), 0)
         FROM call_log WHERE lead_id = ?1 AND listed = 1",
    )?;
    let counts = statement.query_row([lead.0], |row| {
        let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(LeadTotals { calls: number(0)?, unheard: number(1)?, heard: number(2)?, talk_s: number(3)? })
    })?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{KeyChoice, open_root_key};
    use crate::store::Store;
    use aftercall_domain::clock::ManualClock;

    fn plan(conn: &Connection, sql: &str, values: Vec<Value>) -> Vec<String> {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
        let steps = statement.query_map(params_from_iter(values), |row| row.get(3)).expect("steps");
        steps.collect::<Result<_, _>>().expect("texts")
    }

    #[test]
    fn no_filter_of_the_screens_reads_rows_that_it_leaves_out_or_sorts_what_it_finds() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = open_root_key(folder.path(), &KeyChoice::File(folder.path().join("key"))).expect("a key");
        let path = folder.path().join("library.db");
        let store = Store::open(&path, &key.db_key(), &ManualClock::at(1)).expect("a library");
        let seen = store.read_blocking(|conn| {
            let sorts = |steps: &[String]| steps.iter().filter(|step| step.contains("TEMP B-TREE")).count();
            // The few recordings of one call may be sorted.
            let of_one = sorts(&plan(conn, &format!("{} WHERE c.call_sid = 'CA1'", select_listing()), Vec::new()));
            let mut seen = 0;
            for view in [CallView::All, CallView::Unheard, CallView::Missed, CallView::Recorded] {
                for direction in [None, Some(Direction::Inbound)] {
                    for (search, lead) in [("", None), ("דנה", None), ("", Some(LeadId(1)))] {
                        for (outcome, has_recording, from_ms, to_ms) in [
                            (None, None, None, None),
                            (Some(Outcome::Busy), None, None, None),
                            (None, Some(false), Some(1_790_000_000_000), Some(1_800_000_000_000)),
                        ] {
                            let filter = CallsFilter {
                                search: search.into(),
                                view,
                                direction,
                                lead,
                                outcome,
                                has_recording,
                                from_ms,
                                to_ms,
                                ..CallsFilter::default()
                            };
                            let (page, values, _) = select_page(conn, &filter, Span::After(Some(7)), 50)?;
                            let mut steps = plan(conn, &page, values);
                            let Matching { from, values, .. } = matching(conn, &filter)?;
                            steps.extend(plan(
                                conn,
                                &format!("SELECT count(*) FROM (SELECT 1 {from} LIMIT 10001)"),
                                values,
                            ));
                            for step in &steps {
                                let reads_calls = step.contains(" c ") || step.ends_with(" c");
                                let is_narrow = step.contains("COVERING INDEX") || !step.starts_with("SCAN");
                                assert!(!reads_calls || is_narrow, "{filter:?}: {steps:#?}");
                            }
                            assert_eq!(sorts(&steps), of_one, "{filter:?}: {steps:#?}");
                            seen += steps.len();
                        }
                    }
                }
            }
            Ok(seen)
        });
        assert!(seen.expect("plans") > 100);
    }
}
