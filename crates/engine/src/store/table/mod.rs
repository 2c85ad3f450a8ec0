//! What can be asked of each table. Free functions over a connection: a transaction is one, so reads and writes of
//! several tables compose into one of them.

pub mod account;
pub mod answers;
pub mod appointments;
pub mod calendars;
pub mod call_reads;
pub mod call_stamps;
pub mod calls;
pub mod health;
pub mod jobs;
pub mod kept;
pub mod kept_lists;
pub mod lead_pages;
pub mod lead_statuses;
pub mod leads;
pub mod listening;
pub mod listening_queue;
pub mod marks;
pub mod outbox;
pub mod profile;
pub mod recording_parts;
pub mod recordings;
pub mod sync_state;
pub mod twilio;

mod call_lists;
mod call_load;
mod call_rows;

use crate::store::StoreError;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Value, ValueRef};

/// Lists are counted up to here; beyond it the answer is "10,000 and more".
pub const COUNT_CAP: u64 = 10_000;

/// How many rows match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// At most [`COUNT_CAP`].
    pub rows: u64,
    /// There are more.
    pub is_capped: bool,
}

impl Count {
    fn of(counted: u64) -> Self {
        Self { rows: counted.min(COUNT_CAP), is_capped: counted > COUNT_CAP }
    }
}

/// Which rows of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Those after the row with this `list_key`, from the start when none.
    After(Option<i64>),
    /// Those from this ordinal on. What is skipped is passed over one by one: for lists of thousands. Of a million calls
    /// ask [`Overview`](crate::store::Overview).
    From(u64),
    /// Those with so many others between them and the row with this `list_key`.
    Beyond(Option<i64>, u64),
}

/// How a list's key goes from the newest to the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Down,
    Up,
}

impl Span {
    /// Selects the span's keys of what `from` (with its WHERE) selects, newest first. The keys come before the rows, so
    /// that skipped rows are passed over in the narrow index, never read.
    fn keys(self, from: &str, key: &str, way: Way, place: &str, limit: u32, values: &mut Vec<Value>) -> String {
        let (beyond, order) = match way {
            Way::Down => ("<", "DESC"),
            Way::Up => (">", "ASC"),
        };
        let after = match self {
            Self::After(Some(after)) => {
                values.push(Value::Integer(after));
                format!(" AND {key} {beyond} {place}")
            }
            Self::After(None) => String::new(),
            Self::From(offset) => return Self::Beyond(None, offset).keys(from, key, way, place, limit, values),
            Self::Beyond(after, offset) => {
                let keys = Self::After(after).keys(from, key, way, place, limit, values);
                return format!("{keys} OFFSET {offset}");
            }
        };
        format!("SELECT {key} {from}{after} ORDER BY {key} {order} LIMIT {limit}")
    }
}

/// Rows of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// For [`Span::After`]: null when these were the last.
    pub next: Option<i64>,
}

/// A value as a column of JSON holds it.
fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::BadValue("a row that is not JSON"))
}

/// A column holding one of our own words or ids.
struct Checked<T>(T);

impl<T: std::str::FromStr> FromSql for Checked<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Checked).map_err(|_| FromSqlError::InvalidType)
    }
}

/// A text where it lies in the row: one that is only looked at.
fn word<'r>(row: &'r rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<&'r str>> {
    Ok(row.get_ref(at)?.as_str_or_null()?)
}
