//! The place of a row in a list: one integer that orders by time and is unique.
//!
//! The upper bits are the milliseconds since 1970, the lower 20 tell rows of one millisecond apart. Paging to any
//! depth is then `list_key < ?`, absent times need no case of their own (they are last), and the search index, whose
//! rowid it is, gives the newest first without sorting.

use rusqlite::{Connection, OptionalExtension as _};

use super::StoreError;

const TIE_BITS: u32 = 20;
const TIES: u64 = 1 << TIE_BITS;
/// Beyond the year 2100 a time is a source's mistake, and would not fit beside the ties for ever.
const LAST_MS: i64 = 4_102_444_800_000;

/// Rows of one millisecond that are told apart without asking the library.
const AMONG_MAX: usize = 64;

/// The tables that are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Listed {
    Calls,
    Leads,
}

/// The least place of a row of `time_ms`; of rows without a time where it is absent.
pub(crate) const fn first_of_ms(time_ms: Option<i64>) -> i64 {
    match time_ms {
        None | Some(i64::MIN..=0) => 0,
        Some(LAST_MS..) => LAST_MS << TIE_BITS,
        Some(ms) => ms << TIE_BITS,
    }
}

/// The time of the row at a place.
pub(crate) fn ms_of(list_key: i64) -> Option<i64> {
    Some(list_key >> TIE_BITS).filter(|ms| *ms > 0)
}

fn tie(key: &str) -> u64 {
    // FNV-1a: stable over versions, which the standard library's hashers do not promise.
    key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The key that a row has where it is free.
pub(crate) fn first_wish(time_ms: Option<i64>, id: &str) -> i64 {
    first_of_ms(time_ms) | tie(id).rem_euclid(TIES).cast_signed()
}

/// The key for a row of `time_ms` where no row is but those of `moment`: they are of that millisecond or one before.
/// `None` where that is full.
pub(crate) fn place_among(time_ms: Option<i64>, id: &str, moment: &mut Vec<i64>) -> Option<i64> {
    let base = first_of_ms(time_ms);
    if moment.first().is_some_and(|key| key >> TIE_BITS != base >> TIE_BITS) {
        moment.clear();
    }
    // Few are of one millisecond, but those without a time.
    if moment.len() == AMONG_MAX {
        return None;
    }
    let first = tie(id);
    let mut keys = (0..=AMONG_MAX as u64).map(|step| base | (first.wrapping_add(step) % TIES).cast_signed());
    let key = keys.find(|key| !moment.contains(key))?;
    moment.push(key);
    Some(key)
}

/// The key for a row of `time_ms`: `held` where it still fits, else the first free one at that millisecond.
pub(crate) fn place(
    conn: &Connection,
    table: Listed,
    time_ms: Option<i64>,
    id: &str,
    held: Option<i64>,
) -> Result<i64, StoreError> {
    let base = first_of_ms(time_ms);
    if let Some(held) = held
        && held >> TIE_BITS == base >> TIE_BITS
    {
        return Ok(held);
    }
    let mut free = conn.prepare_cached(match table {
        Listed::Calls => "SELECT 1 FROM call_log WHERE list_key = ?1",
        Listed::Leads => "SELECT 1 FROM leads WHERE list_key = ?1",
    })?;
    let first = tie(id);
    for step in 0..TIES {
        let low = first.wrapping_add(step) % TIES;
        // `low` has 20 bits, so it always fits.
        let key = base | i64::try_from(low).unwrap_or(0);
        if free.query_row([key], |_| Ok(())).optional()?.is_none() {
            return Ok(key);
        }
    }
    Err(StoreError::BadValue("more than a million rows of one millisecond"))
}
