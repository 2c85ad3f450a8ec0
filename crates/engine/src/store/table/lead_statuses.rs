//! The company's lead statuses.

use aftercall_domain::status::LeadStatus;
use rusqlite::Connection;

use crate::store::StoreError;

/// All of them, in the company's order.
///
/// # Errors
/// SQLite's.
pub fn all(conn: &Connection) -> Result<Vec<LeadStatus>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT key, label, colour, place, is_default, is_system FROM lead_statuses ORDER BY place, key",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(LeadStatus {
            key: row.get(0)?,
            label: row.get(1)?,
            colour: row.get::<_, super::Checked<_>>(2)?.0,
            order: row.get(3)?,
            is_default: row.get(4)?,
            is_system: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts this list in the place of the one that was here. Returns whether it differs.
///
/// # Errors
/// SQLite's.
pub fn replace(conn: &Connection, now: &[LeadStatus]) -> Result<bool, StoreError> {
    let mut sorted = now.to_vec();
    sorted.sort_by(|a, b| (a.order, &a.key).cmp(&(b.order, &b.key)));
    sorted.dedup_by(|a, b| a.key == b.key);
    if all(conn)? == sorted {
        return Ok(false);
    }
    conn.execute("DELETE FROM lead_statuses", [])?;
    let mut statement = conn.prepare_cached(
        "INSERT OR REPLACE INTO lead_statuses (key, label, colour, place, is_default, is_system)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for row in &sorted {
        statement.execute((&row.key, &row.label, row.colour.as_str(), row.order, row.is_default, row.is_system))?;
    }
    Ok(true)
}
