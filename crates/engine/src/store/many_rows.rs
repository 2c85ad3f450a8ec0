//! Rows that go into a table many at a time: a statement for each costs more than writing the row.

use rusqlite::{Connection, Statement};

use super::StoreError;

/// Rows of one statement.
pub(super) const AT_ONCE: usize = 64;

/// Writes `count` rows of `columns` values. `sql` goes up to its VALUES and says what becomes of a row that is there (OR
/// REPLACE, OR IGNORE): else SQLite keeps what the statement changes apart, to undo it. `bind` is given a row's number and
/// the parameter that its first value is for. Returns how many were written.
pub(super) fn insert(
    conn: &Connection,
    sql: &str,
    columns: usize,
    count: usize,
    mut bind: impl FnMut(&mut Statement<'_>, usize, usize) -> rusqlite::Result<()>,
) -> Result<usize, StoreError> {
    let text = |rows: usize| {
        let row = format!("({})", vec!["?"; columns].join(", "));
        format!("{sql} {}", vec![row.as_str(); rows].join(", "))
    };
    let (many, one) = (text(AT_ONCE), text(1));
    let (mut row, mut written) = (0, 0);
    while row < count {
        let (rows, sql) = if count - row >= AT_ONCE { (AT_ONCE, &many) } else { (1, &one) };
        let mut statement = conn.prepare_cached(sql)?;
        for n in 0..rows {
            bind(&mut statement, row + n, n * columns + 1)?;
        }
        written += statement.raw_execute()?;
        row += rows;
    }
    Ok(written)
}
