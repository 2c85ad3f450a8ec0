//! Databases as earlier versions left them: the real migrations up to one, and rows in every table.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::hkdf;
use refinery_core::Migration;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};
use sha2::{Digest as _, Sha256};

use crate::Failure;

/// The history of a file that has one.
pub const HISTORY: &str = "refinery_schema_history";
/// Filled from other tables: an upgrade may make them anew.
const DERIVED: &[&str] = &[HISTORY, "row_hashes", "call_reads", "call_stamps"];

/// A migration's name without its ending, and its SQL.
///
/// # Errors
/// The folder cannot be read.
pub fn migrations() -> Result<Vec<(String, String)>, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Failure::file(&folder))? {
        let path = entry.map_err(Failure::file(&folder))?.path();
        if path.extension().is_some_and(|ending| ending == "sql") {
            let sql = fs::read_to_string(&path).map_err(Failure::file(&path))?;
            found.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), sql));
        }
    }
    found.sort();
    Ok(found)
}

/// The key of a profile's databases as 64 hex digits, from its key file: HKDF-SHA256, as the engine documents it.
///
/// # Errors
/// There is no key file.
pub fn database_key(key_file: &Path) -> Result<String, Failure> {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let text = fs::read_to_string(key_file).map_err(Failure::file(key_file))?;
    let root = hex::decode(text.trim()).map_err(|_| Failure::Setup("the key file is not hex".into()))?;
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"aftercall").extract(&root);
    let mut key = [0; 32];
    let filled = secret.expand(&[b"database v1"], Length).and_then(|okm| okm.fill(&mut key));
    filled.map_err(|_| Failure::Setup("no key could be derived".into()))?;
    Ok(hex::encode(key))
}

/// Opens a file from the outside, plain or with the key of [`database_key`].
///
/// # Errors
/// SQLite's.
pub fn connect(path: &Path, key: Option<&str>) -> Result<Connection, Failure> {
    #[expect(clippy::disallowed_methods, reason = "the judge looks from outside, not through the code it judges")]
    let conn = Connection::open(path)?;
    if let Some(key) = key {
        conn.execute_batch(&format!(
            "PRAGMA cipher_log_level = NONE; PRAGMA cipher_default_page_size = 16384; PRAGMA key = \"x'{key}'\""
        ))?;
    }
    Ok(conn)
}

/// Makes a database of `version` with about `rows` rows. Version 1 may be without a history, as older installations
/// left it.
///
/// # Errors
/// SQLite's; a table that stayed empty.
pub fn make(path: &Path, key: Option<&str>, version: usize, rows: u32, history: bool) -> Result<(), Failure> {
    let mut conn = connect(path, key)?;
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")?;
    let transaction = conn.transaction()?;
    if history {
        transaction.execute_batch(&format!(
            "CREATE TABLE {HISTORY} (version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))"
        ))?;
    }
    for (name, sql) in migrations()?.into_iter().take(version) {
        transaction.execute_batch(&sql)?;
        if history {
            let made = Migration::unapplied(&format!("{name}.sql"), &sql);
            let made = made.map_err(|error| Failure::Setup(format!("{name}: {error}")))?;
            transaction.execute(
                &format!("INSERT INTO {HISTORY} VALUES (?1, ?2, '2026-01-01T00:00:00Z', ?3)"),
                (made.version(), made.name(), made.checksum().to_string()),
            )?;
        }
    }
    if history && version > 1 {
        transaction.pragma_update(None, "application_id", 0x4146_5443)?;
    }
    fill(&transaction, rows)?;
    transaction.commit()?;
    Ok(())
}

/// Tables of a kind: `table` or `virtual`.
fn tables(conn: &Connection, kind: &str) -> Result<Vec<String>, Failure> {
    let mut statement = conn.prepare(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = ?1 AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )?;
    let names = statement.query_map([kind], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

struct Column {
    name: String,
    kind: String,
    is_not_null: bool,
    is_key: bool,
    parent: Option<String>,
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<Column>, Failure> {
    let mut statement = conn.prepare(
        "SELECT c.name, upper(c.type), c.\"notnull\", c.pk > 0,
            (SELECT f.\"table\" FROM pragma_foreign_key_list(?1) f WHERE f.\"from\" = c.name)
         FROM pragma_table_info(?1) c ORDER BY c.cid",
    )?;
    let rows = statement.query_map([table], |row| {
        Ok(Column {
            name: row.get(0)?,
            kind: row.get(1)?,
            is_not_null: row.get(2)?,
            is_key: row.get(3)?,
            parent: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn sid(n: u32) -> String {
    format!("CA{:032x}", u64::from(n) * 0x9E37_79B9)
}

/// Rows in every table; a third of all are calls, a third appointments.
fn fill(conn: &Connection, rows: u32) -> Result<(), Failure> {
    let mut names = tables(conn, "table")?;
    names.retain(|name| name != HISTORY);
    // Parents first, so that a child finds one.
    names.sort_by_key(|name| !matches!(name.as_str(), "leads" | "business_calendars" | "recordings"));
    for table in names {
        let count = match table.as_str() {
            "call_log" | "appointments" => rows / 3,
            "leads" => rows / 6,
            "account" => 1,
            _ => rows / 100,
        }
        .max(1);
        let columns = columns(conn, &table)?;
        let list: Vec<String> = columns.iter().map(|c| format!("\"{}\"", c.name)).collect();
        let marks = vec!["?"; columns.len()].join(", ");
        let mut insert =
            conn.prepare(&format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({marks})", list.join(", ")))?;
        let mut made = 0;
        for n in 1..=count {
            let values = columns.iter().map(|column| value(&table, column, n, rows));
            made += insert.execute(params_from_iter(values))?;
        }
        if made == 0 {
            return Err(Failure::Setup(format!("no row of {table} could be made")));
        }
    }
    // The others are views of these.
    for index in tables(conn, "virtual")?.into_iter().filter(|name| name.ends_with("_search")) {
        let words: Vec<String> = columns(conn, &index)?.into_iter().map(|column| column.name).collect();
        let marks = vec!["?2"; words.len()].join(", ");
        let mut insert =
            conn.prepare(&format!("INSERT INTO {index} (rowid, {}) VALUES (?1, {marks})", words.join(", ")))?;
        for n in 1..=rows / 10 {
            insert.execute((list_key(n), format!("מילה {n} word")))?;
        }
    }
    Ok(())
}

fn list_key(n: u32) -> i64 {
    (1_760_000_000_000 + i64::from(n)) << 20
}

fn value(table: &str, column: &Column, n: u32, rows: u32) -> Value {
    let name = column.name.as_str();
    let text = |text: String| Value::Text(text);
    match (table, name, column.parent.as_deref()) {
        (_, _, Some("leads")) if n.is_multiple_of(5) => Value::Null,
        (_, _, Some("leads")) => Value::Integer(i64::from(n % (rows / 6).max(1) + 1)),
        (_, _, Some("business_calendars")) if n.is_multiple_of(3) => Value::Null,
        (_, _, Some("business_calendars")) => Value::Integer(i64::from(n % (rows / 100).max(1) + 1)),
        ("recordings", "id", _) | (_, "recording_id", _) => text(format!("crm:{}", sid(n))),
        ("account", "source", _) => text("crm".into()),
        ("call_log", "source", _) | ("recordings", "source", _) => text("crm".into()),
        ("row_hashes", "key", _) | (_, "call_sid", _) => text(sid(n)),
        (_, "parent_call_sid", _) => {
            if n.is_multiple_of(16) {
                text(sid(n + 1))
            } else {
                Value::Null
            }
        }
        (_, "list_key", _) => Value::Integer(list_key(n)),
        (_, "tags" | "turns", _) => text("[\"VIP\"]".into()),
        (_, "machine" | "cursor" | "value" | "payload", _) => text(format!("{{\"n\": {n}}}")),
        ("recordings", "state", _) => text("ready_online".into()),
        ("recordings", "reason" | "next_try_at_ms" | "started_at_ms", _) => Value::Null,
        ("download_jobs", "started_at_ms", _) => Value::Null,
        (_, "direction", _) => text(["inbound", "outbound", "unknown"][n as usize % 3].into()),
        (_, "outcome", _) => text("other".into()),
        (_, "listed", _) => Value::Integer(1),
        (_, _, None) if name.ends_with("_ms") => Value::Integer(1_760_000_000_000 + i64::from(n) * 1_000),
        _ if !column.is_not_null && !column.is_key && n.is_multiple_of(7) => Value::Null,
        _ if column.is_key && column.kind.contains("INT") => Value::Integer(i64::from(n)),
        _ if column.kind.contains("INT") => Value::Integer(i64::from(n % 2)),
        _ if column.kind.contains("BLOB") => Value::Blob(vec![(n % 251) as u8; 16]),
        _ if column.kind.contains("REAL") => Value::Real(f64::from(n % 4) * 0.5),
        _ => text(format!("{name} של שורה {n}, \"ציטוט\" 😀")),
    }
}

/// Of each table, its columns, how many rows, and a hash over all values of these columns.
pub type Print = BTreeMap<String, (Vec<String>, u64, String)>;

/// The print of everything that is no copy of something else. `like` fixes which tables and columns: those of an
/// earlier print.
///
/// # Errors
/// SQLite's: a table or a column of `like` is not there any more.
pub fn print(conn: &Connection, like: Option<&Print>) -> Result<Print, Failure> {
    let mut prints = Print::new();
    let wanted: Vec<(String, Vec<String>)> = match like {
        Some(like) => like.iter().map(|(table, (columns, ..))| (table.clone(), columns.clone())).collect(),
        None => {
            let mut wanted = Vec::new();
            for table in tables(conn, "table")?.into_iter().filter(|table| !DERIVED.contains(&table.as_str())) {
                let columns = columns(conn, &table)?.into_iter().map(|column| column.name).collect();
                wanted.push((table, columns));
            }
            wanted
        }
    };
    for (table, columns) in wanted {
        let list: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
        let mut statement =
            conn.prepare(&format!("SELECT {} FROM {table} ORDER BY {}", list.join(", "), list.join(", ")))?;
        let mut rows = statement.query([])?;
        let (mut count, mut hasher) = (0, Sha256::new());
        while let Some(row) = rows.next()? {
            count += 1;
            for at in 0..columns.len() {
                match row.get_ref(at)? {
                    ValueRef::Null => hasher.update(b"n"),
                    ValueRef::Integer(number) => hasher.update([b"i".as_slice(), &number.to_le_bytes()].concat()),
                    ValueRef::Real(number) => hasher.update([b"r".as_slice(), &number.to_le_bytes()].concat()),
                    ValueRef::Text(text) => {
                        hasher.update([b"t".as_slice(), &(text.len() as u64).to_le_bytes(), text].concat());
                    }
                    ValueRef::Blob(blob) => {
                        hasher.update([b"b".as_slice(), &(blob.len() as u64).to_le_bytes(), blob].concat());
                    }
                }
            }
        }
        prints.insert(table, (columns, count, hex::encode(hasher.finalize())));
    }
    Ok(prints)
}

/// A file and what SQLite keeps beside it, copied to `to`.
///
/// # Errors
/// The file system's.
pub fn copy_with_companions(from: &Path, to: &Path) -> Result<(), Failure> {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let (from, to) = (beside(from, ending), beside(to, ending));
        match fs::copy(&from, &to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let _ = fs::remove_file(&to);
            }
            done => {
                done.map_err(Failure::file(&from))?;
            }
        }
    }
    Ok(())
}

/// The file of that ending beside a database.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
