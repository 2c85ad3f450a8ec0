//! Refinery decides order, history and checksums; this gives it one transaction of ours to work in, so that what is
//! there already can be asked about, statement by statement, before anything is changed.

use std::fmt;

use refinery_core::Migration;
use refinery_core::traits::sync::{Migrate, Query, Transaction as RefineryTransaction};
use rusqlite::Connection;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::shape;

/// Every migration by file name, in order; made by `build.rs`.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Refinery's own table.
pub(super) const HISTORY: &str = "refinery_schema_history";

pub(super) fn migrations() -> Result<Vec<Migration>, refinery_core::Error> {
    FILES.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect()
}

/// The latest schema version that this version of the app knows.
pub fn latest_version() -> u32 {
    // "V0009__…": refinery refuses any other name, and a test looks at each.
    FILES.last().and_then(|(name, _)| name.get(1..5)?.parse().ok()).unwrap_or(0)
}

/// The SQL of one version.
pub(super) fn sql_of(version: u32) -> &'static str {
    let start = format!("V{version:04}__");
    FILES.iter().find(|(name, _)| name.starts_with(&start)).map_or("", |(_, sql)| sql)
}

/// What stopped a migration; refinery wants an error type of ours.
#[derive(Debug)]
pub(super) struct Stopped(pub(super) rusqlite::Error);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Stopped {}

/// A connection inside a transaction that its owner commits or rolls back.
pub(super) struct InTransaction<'a>(pub(super) &'a Connection);

impl RefineryTransaction for InTransaction<'_> {
    type Error = Stopped;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> Result<usize, Stopped> {
        let mut count = 0;
        for sql in queries {
            for statement in shape::statements(sql) {
                shape::run(self.0, &statement).map_err(Stopped)?;
            }
            count += 1;
        }
        Ok(count)
    }
}

impl Query<Vec<Migration>> for InTransaction<'_> {
    fn query(&mut self, sql: &str) -> Result<Vec<Migration>, Stopped> {
        let mut statement = self.0.prepare(sql).map_err(Stopped)?;
        let rows = statement
            .query_map([], |row| {
                // A history that somebody edited must not panic: an unreadable time or checksum matches nothing.
                let applied_on = OffsetDateTime::parse(&row.get::<_, String>(2)?, &Rfc3339);
                let checksum = row.get::<_, String>(3)?.parse().unwrap_or(0);
                let at = applied_on.unwrap_or(OffsetDateTime::UNIX_EPOCH);
                Ok(Migration::applied(row.get(0)?, row.get(1)?, at, checksum))
            })
            .map_err(Stopped)?;
        rows.collect::<Result<_, _>>().map_err(Stopped)
    }
}

impl Migrate for InTransaction<'_> {}
