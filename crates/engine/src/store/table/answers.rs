//! How often each status was answered, by the hour: what the doctor says of the servers, and of what a listener saw.

use rusqlite::Connection;

use crate::store::StoreError;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Older counts are forgotten.
const KEPT_MS: i64 = 30 * DAY_MS;

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The CRM, asked by this app.
    Crm,
    /// Twilio, asked by this app.
    Twilio,
    /// This app, asked by the one who listens.
    Listener,
}

impl Origin {
    /// The word in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Twilio => "twilio",
            Self::Listener => "listener",
        }
    }
}

/// One status of the last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// HTTP's; 0 where no answer came.
    pub status: u16,
    /// How often.
    pub count: u64,
}

/// Adds to this hour's counts.
///
/// # Errors
/// SQLite's.
pub fn add(
    conn: &Connection,
    origin: Origin,
    counts: impl IntoIterator<Item = (u16, u64)>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let hour = now_ms.div_euclid(HOUR_MS);
    for (status, count) in counts {
        conn.prepare_cached(
            "INSERT INTO upstream_answers (hour, origin, status, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hour, origin, status) DO UPDATE SET count = count + excluded.count",
        )?
        .execute((hour, origin.as_str(), status, i64::try_from(count).unwrap_or(i64::MAX)))?;
    }
    conn.prepare_cached("DELETE FROM upstream_answers WHERE hour < ?1")?
        .execute([now_ms.saturating_sub(KEPT_MS).div_euclid(HOUR_MS)])?;
    Ok(())
}

/// What these answered in the last 24 hours, by status.
///
/// # Errors
/// SQLite's.
pub fn last_day(conn: &Connection, origins: &[Origin], now_ms: i64) -> Result<Vec<Answered>, StoreError> {
    let names = serde_json::to_string(&origins.iter().map(|origin| origin.as_str()).collect::<Vec<_>>())
        .map_err(|_| StoreError::Internal)?;
    let mut statement = conn.prepare_cached(
        "SELECT status, sum(count) FROM upstream_answers
         WHERE hour > ?1 AND hour <= ?2 AND origin IN (SELECT value FROM json_each(?3))
         GROUP BY status ORDER BY status",
    )?;
    let hours = (now_ms.saturating_sub(DAY_MS).div_euclid(HOUR_MS), now_ms.div_euclid(HOUR_MS));
    let rows = statement.query_map((hours.0, hours.1, names), |row| {
        Ok(Answered { status: row.get(0)?, count: row.get::<_, i64>(1)?.unsigned_abs() })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn counts_add_up_by_the_hour_and_the_last_day_forgets_the_day_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::scratch(folder.path());
        let now_ms = 40 * DAY_MS;
        let put = |origin, status, count, at_ms| {
            let put = store.write_blocking(move |tx, _| add(tx, origin, [(status, count)], at_ms));
            put.expect("a count");
        };
        put(Origin::Crm, 502, 9, now_ms - DAY_MS - HOUR_MS);
        put(Origin::Crm, 502, 1, now_ms - 23 * HOUR_MS);
        put(Origin::Crm, 502, 2, now_ms);
        put(Origin::Crm, 502, 3, now_ms);
        put(Origin::Twilio, 200, 4, now_ms);
        put(Origin::Listener, 503, 1, now_ms);
        let read = |origins: &'static [Origin]| {
            store.read_blocking(move |conn| last_day(conn, origins, now_ms)).expect("counts")
        };
        assert_eq!(
            read(&[Origin::Crm, Origin::Twilio]),
            [Answered { status: 200, count: 4 }, Answered { status: 502, count: 6 }]
        );
        assert_eq!(read(&[Origin::Listener]), [Answered { status: 503, count: 1 }]);
        put(Origin::Crm, 200, 1, now_ms + 32 * DAY_MS);
        let rows = store.read_blocking(|conn| {
            Ok(conn.query_row("SELECT count(*) FROM upstream_answers", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(rows.expect("a count"), 1);
    }
}
