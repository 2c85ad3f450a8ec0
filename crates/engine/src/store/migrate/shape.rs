//! Bringing what is there to the shape that a migration wants, whatever somebody did to the file before.
//!
//! A migration's statement runs as it is written, unless what it makes is there already. Then the table is compared
//! with the wanted one, which a scratch database in memory describes: missing columns are added, and a table whose
//! columns or foreign keys are of another kind is made anew with every value kept.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _};

/// One statement of a migration. Migrations hold no triggers, so `;` at a line's end ends a statement (README).
pub(super) fn statements(sql: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut statement = String::new();
    for line in sql.lines() {
        let code = line.split("--").next().unwrap_or("").trim_end();
        if code.trim().is_empty() {
            continue;
        }
        statement.push_str(code);
        statement.push('\n');
        if code.ends_with(';') {
            out.push(std::mem::take(&mut statement));
        }
    }
    if !statement.trim().is_empty() {
        out.push(statement);
    }
    out
}

enum Makes<'a> {
    Table(&'a str),
    Index(&'a str),
    Column { table: &'a str, column: &'a str },
    Other,
}

fn makes(statement: &str) -> Makes<'_> {
    let words: Vec<&str> =
        statement.split(|c: char| c.is_whitespace() || c == '(').filter(|word| !word.is_empty()).collect();
    let upper: Vec<String> = words.iter().take(6).map(|word| word.to_ascii_uppercase()).collect();
    let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
    match upper.as_slice() {
        ["CREATE", "TABLE", "IF", "NOT", "EXISTS", ..] => Makes::Table(words[5]),
        ["CREATE", "TABLE", ..] if words.len() > 2 => Makes::Table(words[2]),
        ["CREATE", "INDEX", "IF", "NOT", "EXISTS", ..] => Makes::Index(words[5]),
        ["CREATE", "UNIQUE", "INDEX", "IF", "NOT", "EXISTS"] if words.len() > 6 => Makes::Index(words[6]),
        ["CREATE", "INDEX", ..] if words.len() > 2 => Makes::Index(words[2]),
        ["ALTER", "TABLE", _, "ADD", "COLUMN", _] => Makes::Column { table: words[2], column: words[5] },
        _ => Makes::Other,
    }
}

/// The index that a statement makes (true) or drops (false).
pub(super) fn index_of(statement: &str) -> Option<(String, bool)> {
    if let Makes::Index(name) = makes(statement) {
        return Some((name.to_owned(), true));
    }
    let words: Vec<&str> = statement.split_whitespace().map(|word| word.trim_end_matches(';')).collect();
    let is_drop = words.len() > 2 && words[0].eq_ignore_ascii_case("DROP") && words[1].eq_ignore_ascii_case("INDEX");
    is_drop.then(|| (words[words.len() - 1].to_owned(), false))
}

/// Runs a statement, or what is left of it to do.
pub(super) fn run(conn: &Connection, statement: &str) -> rusqlite::Result<()> {
    match makes(statement) {
        Makes::Table(table) if exists(conn, "table", table)? => {
            let scratch = Connection::open_in_memory()?;
            scratch.execute_batch(statement)?;
            bring_to(conn, &scratch, table)
        }
        Makes::Index(index) if exists(conn, "index", index)? => {
            let sql: Option<String> = conn.query_row(
                "SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?1 COLLATE NOCASE",
                [index],
                |row| row.get(0),
            )?;
            if sql.is_some_and(|sql| plain(&sql) == plain(statement)) {
                return Ok(());
            }
            // Somebody's index of our name over something else.
            conn.execute_batch(&format!("DROP INDEX {}; {statement}", quoted(index)))
        }
        Makes::Column { table, column } if column_of(conn, table, column)?.is_some() => {
            // The table as it is, with this column as it should be.
            let scratch = Connection::open_in_memory()?;
            scratch.execute_batch(&without_column(conn, table, column)?)?;
            scratch.execute_batch(statement)?;
            let wanted = columns(&scratch, table)?.into_iter().find(|c| c.name.eq_ignore_ascii_case(column));
            let there = column_of(conn, table, column)?;
            let keys_differ = foreign_keys(conn, table, column)? != foreign_keys(&scratch, table, column)?;
            if keys_differ || wanted.as_ref().map(Column::kind) != there.as_ref().map(Column::kind) {
                rebuild(conn, &scratch, table)?;
            }
            Ok(())
        }
        _ => conn.execute_batch(statement),
    }
}

/// A statement as SQLite keeps it, whatever its spaces, case and quotes.
fn plain(statement: &str) -> String {
    let words = statement.to_ascii_uppercase().replace("IF NOT EXISTS", "");
    words.chars().filter(|c| !c.is_whitespace() && !"\"`[];".contains(*c)).collect()
}

/// One column, as `pragma_table_info` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    name: String,
    r#type: String,
    is_not_null: bool,
    default: Option<String>,
    key_place: i64,
}

impl Column {
    /// What decides whether a table must be made anew. A default is not part of it: ours are for old rows only.
    fn kind(&self) -> (String, bool, bool) {
        (self.r#type.to_ascii_uppercase(), self.is_not_null, self.key_place > 0)
    }

    fn definition(&self) -> String {
        let default = self.default.as_ref().map_or(String::new(), |value| format!(" DEFAULT ({value})"));
        let not_null = if self.is_not_null { " NOT NULL" } else { "" };
        format!("{} {}{not_null}{default}", quoted(&self.name), self.r#type)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn exists(conn: &Connection, kind: &str, name: &str) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = ?1 AND name = ?2 COLLATE NOCASE)",
        (kind, name),
        |row| row.get(0),
    )
}

fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut statement =
        conn.prepare("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let rows = statement.query_map([table], |row| {
        Ok(Column {
            name: row.get(0)?,
            r#type: row.get(1)?,
            is_not_null: row.get(2)?,
            default: row.get(3)?,
            key_place: row.get(4)?,
        })
    })?;
    rows.collect()
}

fn column_of(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<Option<Column>> {
    Ok(columns(conn, table)?.into_iter().find(|c| c.name.eq_ignore_ascii_case(column)))
}

/// Parent table and what happens when the parent goes, of each foreign key on that column.
fn foreign_keys(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<BTreeSet<(String, String)>> {
    let mut statement = conn.prepare(
        "SELECT lower(\"table\"), upper(on_delete) FROM pragma_foreign_key_list(?1) WHERE \"from\" = ?2 COLLATE NOCASE",
    )?;
    let rows = statement.query_map((table, column), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// A statement that makes `table` as it is, but for one column. Checks and collations of a stranger's making are left
/// out; foreign keys stay.
fn without_column(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<String> {
    let kept: Vec<Column> =
        columns(conn, table)?.into_iter().filter(|c| !c.name.eq_ignore_ascii_case(column)).collect();
    let key: Vec<&Column> = kept.iter().filter(|c| c.key_place > 0).collect();
    let mut parts: Vec<String> = Vec::new();
    for c in &kept {
        let is_rowid = key.len() == 1 && c.key_place > 0;
        let primary = if is_rowid { " PRIMARY KEY" } else { "" };
        parts.push(format!("{}{primary}", c.definition()));
    }
    if key.len() > 1 {
        let names: Vec<String> = key.iter().map(|c| quoted(&c.name)).collect();
        parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
    }
    let mut statement = conn.prepare(
        "SELECT \"from\", \"table\", \"to\", on_delete FROM pragma_foreign_key_list(?1) WHERE \"from\" <> ?2 COLLATE NOCASE",
    )?;
    let rows = statement.query_map((table, column), |row| {
        let (from, parent, to, on_delete): (String, String, Option<String>, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let to = to.map_or(String::new(), |to| format!("({})", quoted(&to)));
        Ok(format!("FOREIGN KEY ({}) REFERENCES {}{to} ON DELETE {on_delete}", quoted(&from), quoted(&parent)))
    })?;
    for row in rows {
        parts.push(row?);
    }
    Ok(format!("CREATE TABLE {} ({});", quoted(table), parts.join(", ")))
}

/// Adds the columns that are missing; makes the table anew where a column could not take what we write.
fn bring_to(conn: &Connection, wanted: &Connection, table: &str) -> rusqlite::Result<()> {
    let want = columns(wanted, table)?;
    let have = columns(conn, table)?;
    let refuses = |c: &Column| {
        let same = want.iter().find(|w| w.name.eq_ignore_ascii_case(&c.name));
        match same {
            Some(w) => (c.is_not_null && !w.is_not_null && c.key_place == 0) || (w.key_place > 0) != (c.key_place > 0),
            // A column of somebody else's: no insert of ours names it.
            None => c.is_not_null && c.default.is_none() && c.key_place == 0,
        }
    };
    if have.iter().any(refuses) {
        return rebuild(conn, wanted, table);
    }
    for w in &want {
        if !have.iter().any(|c| c.name.eq_ignore_ascii_case(&w.name)) {
            conn.execute_batch(&format!("ALTER TABLE {} ADD COLUMN {}", quoted(table), w.definition()))?;
        }
    }
    Ok(())
}

/// SQLite's own recipe (<https://sqlite.org/lang_altertable.html#otheralter>), foreign keys off: a new table, the rows,
/// the old one dropped, the new one renamed, its indexes made again. Columns that only the old one has come along.
fn rebuild(conn: &Connection, wanted: &Connection, table: &str) -> rusqlite::Result<()> {
    const NEW: &str = "aftercall_rebuilt";
    let sql: String = wanted.query_row(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
        [table],
        |row| row.get(0),
    )?;
    let body = sql.find('(').map_or("", |at| &sql[at..]);
    conn.execute_batch(&format!("CREATE TABLE {NEW} {body}"))?;

    let want = columns(wanted, table)?;
    let have = columns(conn, table)?;
    let mut names = Vec::new();
    let mut values = Vec::new();
    for c in &have {
        let same = want.iter().find(|w| w.name.eq_ignore_ascii_case(&c.name));
        if same.is_none() {
            let loose = Column { is_not_null: false, key_place: 0, ..c.clone() };
            conn.execute_batch(&format!("ALTER TABLE {NEW} ADD COLUMN {}", loose.definition()))?;
        }
        names.push(quoted(&c.name));
        values.push(match same {
            // Only a number can be a calendar: '' and words of a text column point at nothing.
            Some(w) if w.r#type.eq_ignore_ascii_case("INTEGER") && !c.r#type.eq_ignore_ascii_case("INTEGER") => {
                let name = quoted(&c.name);
                format!("CASE WHEN CAST(CAST({name} AS INTEGER) AS TEXT) = trim(CAST({name} AS TEXT)) THEN CAST({name} AS INTEGER) END")
            }
            Some(w) if w.is_not_null && !c.is_not_null && w.default.is_some() => {
                format!("coalesce({}, {})", quoted(&c.name), w.default.as_deref().unwrap_or("NULL"))
            }
            _ => quoted(&c.name),
        });
    }
    let again = {
        let mut statement = conn.prepare(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ?1 COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL",
        )?;
        statement.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?
    };
    conn.execute_batch(&format!(
        "INSERT INTO {NEW} ({}) SELECT {} FROM {table};
         DROP TABLE {table};
         ALTER TABLE {NEW} RENAME TO {table};",
        names.join(", "),
        values.join(", "),
        table = quoted(table),
    ))?;
    for sql in again {
        conn.execute_batch(&sql)?;
    }
    Ok(())
}

/// True when every table of V0001 that is there has at least a key column of ours, and one is there.
pub(super) fn is_older_installation(conn: &Connection) -> rusqlite::Result<bool> {
    let mut is_there = false;
    for (table, column) in [("leads", "id"), ("call_log", "call_sid"), ("appointments", "id")] {
        if exists(conn, "table", table)? {
            if column_of(conn, table, column)?.is_none() {
                return Ok(false);
            }
            is_there = true;
        }
    }
    Ok(is_there)
}

/// The version that the history names, 0 without one.
pub(super) fn version(conn: &Connection, history: &str) -> rusqlite::Result<u32> {
    if !exists(conn, "table", history)? {
        return Ok(0);
    }
    let found: Option<Option<u32>> =
        conn.query_row(&format!("SELECT max(version) FROM {history}"), [], |row| row.get(0)).optional()?;
    Ok(found.flatten().unwrap_or(0))
}
