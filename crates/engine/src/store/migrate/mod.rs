//! Old databases become new ones: after a verified copy, in one transaction, or not at all.

mod backup;
mod mend;
mod runner;
mod shape;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aftercall_domain::clock::{Clock as _, SystemClock};
use aftercall_domain::ids::{CalendarId, LeadId};
use refinery_core::{Migrate as _, Target};
use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::runner::{HISTORY, InTransaction, Stopped};
use super::StoreError;
use super::open::{APPLICATION_ID, Access, Look, connect, look};
use super::table::{calendars, calls, leads};
use crate::secrets::DbKey;

pub use self::mend::restore;
pub(super) use self::mend::{mend, missing_indexes};
pub use self::runner::latest_version;

/// The version that [`shape::is_older_installation`] recognises.
const OLDEST: u32 = 1;

/// What an upgrade did, or a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgraded {
    /// Version of the file as it was found. A file without history that has the old tables is version 1.
    pub from_version: u32,
    /// Version after the upgrade; for a check, the version that an upgrade would lead to.
    pub to_version: u32,
    /// Names of the migrations that were applied (`V0002__business_calendars` …). Empty for a check.
    pub applied: Vec<String>,
    /// Rows per table, of the tables that hold a person's data.
    pub rows: BTreeMap<String, u64>,
    /// The copy made before; none when nothing had to be done.
    pub backup: Option<PathBuf>,
}

/// Looks at a database without changing a byte (but for what a killed process left half written, which is rolled back):
/// plain, or sealed with `key`. Blocks.
///
/// # Errors
/// `Damaged`, `NotOurs`, `TooNew`, `NoFile`.
pub fn check(path: &Path, key: Option<&DbKey>) -> Result<Upgraded, StoreError> {
    let key = key_for(path, key)?;
    let (conn, from_version) = inspected(path, key)?;
    verify(&conn)?;
    if foreign_key_violations(&conn)? > 0 && from_version == latest_version() {
        return Err(StoreError::Damaged { what: "rows point at rows that are not there" });
    }
    Ok(Upgraded {
        from_version,
        to_version: latest_version(),
        applied: Vec::new(),
        rows: count_rows(&conn)?,
        backup: None,
    })
}

/// Brings a database to the latest version: a plain file stays plain, a sealed one sealed. A verified copy is made
/// beside it first. Blocks.
///
/// # Errors
/// As for [`check`]; whatever fails, the file is as it was.
pub fn upgrade(path: &Path, key: Option<&DbKey>) -> Result<Upgraded, StoreError> {
    upgrade_at(path, key, SystemClock::new().now_ms())
}

pub(super) fn upgrade_at(path: &Path, key: Option<&DbKey>, now_ms: i64) -> Result<Upgraded, StoreError> {
    let key = key_for(path, key)?;
    let (found, from_version) = inspected(path, key)?;
    verify(&found)?;
    drop(found);
    let (applied, backup) = match bring_up(path, key, from_version, now_ms)? {
        Some((applied, copy)) => (applied, Some(copy)),
        None => (Vec::new(), None),
    };
    let rows = count_rows(&connect(path, key, Access::Inspect)?)?;
    Ok(Upgraded { from_version, to_version: latest_version(), applied, rows, backup })
}

/// Brings our own library to the latest version. One that is there already is not read through: that would cost
/// seconds at every start, and `check` does it when asked.
pub(super) fn bring_up_library(path: &Path, key: &DbKey, now_ms: i64) -> Result<(), StoreError> {
    let (found, from_version) = inspected(path, Some(key))?;
    if from_version < latest_version() {
        verify(&found)?;
    }
    drop(found);
    bring_up(path, Some(key), from_version, now_ms).map(|_| ())
}

/// The version of the library, without reading it through.
pub(super) fn library_version(path: &Path, key: &DbKey) -> Result<u32, StoreError> {
    let key = key_for(path, Some(key))?.ok_or(StoreError::NotOurs)?;
    inspect(&connect(path, Some(key), Access::Inspect)?)
}

fn bring_up(
    path: &Path,
    key: Option<&DbKey>,
    from_version: u32,
    now_ms: i64,
) -> Result<Option<(Vec<String>, PathBuf)>, StoreError> {
    if from_version == latest_version() {
        return Ok(None);
    }
    let mut conn = connect(path, key, Access::Write)?;
    conn.pragma_update(None, "foreign_keys", false)?;
    // The right to write is taken before the copy: of two upgrades at once the second waits, and finds it done.
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if inspect(&transaction)? == latest_version() {
        return Ok(None);
    }
    // By a connection of its own, because VACUUM does not run in a transaction; it sees what was there before.
    let copy = backup::make(&connect(path, key, Access::Write)?, path, key, now_ms)?;
    let done = migrate_in(&transaction).and_then(|applied| {
        transaction.commit()?;
        Ok(applied)
    });
    match done {
        Ok(applied) => Ok(Some((applied, copy))),
        Err(error) => {
            // The file is as it was: its copy would only push out an older one of use.
            let _ = fs::remove_file(copy);
            Err(error)
        }
    }
}

/// Makes a new sealed database. It gets its name only when it is whole, so that an empty file of that name is always
/// a damaged one.
pub(super) fn create(path: &Path, key: &DbKey) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if crate::secrets::holds_data(folder)? {
        // A new library beside old recordings would know none of them.
        return Err(StoreError::Damaged { what: "it is gone, and what belongs to it is there" });
    }
    let part = with_suffix(path, ".part");
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(with_suffix(&part, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    crate::secrets::private_new_file(&part)?;
    let mut conn = connect(&part, Some(key), Access::Create)?;
    migrate(&mut conn)?;
    conn.close().map_err(|(_, error)| error)?;
    fs::File::open(&part)?.sync_all()?;
    fs::rename(&part, path)?;
    crate::secrets::sync_folder(folder)?;
    Ok(())
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The key, where the file is one that needs it.
fn key_for<'a>(path: &Path, key: Option<&'a DbKey>) -> Result<Option<&'a DbKey>, StoreError> {
    match (look(path)?, key) {
        (Look::Empty, _) => Err(StoreError::Damaged { what: "it is empty" }),
        (Look::Plain, _) => Ok(None),
        (Look::Opaque, Some(key)) => Ok(Some(key)),
        (Look::Opaque, None) => Err(StoreError::Damaged { what: "it is not a database, or a sealed one" }),
    }
}

/// A database of ours, open for looking at, and its version. What a process that was killed left half written is rolled
/// back first: who may not write cannot read such a file at all.
fn inspected(path: &Path, key: Option<&DbKey>) -> Result<(Connection, u32), StoreError> {
    let look = |access| {
        let conn = connect(path, key, access)?;
        let version = inspect(&conn)?;
        Ok((conn, version))
    };
    match look(Access::Inspect) {
        Err(StoreError::ReadOnly) => {
            look(Access::Write)?;
            look(Access::Inspect)
        }
        looked => looked,
    }
}

/// The version of a database of ours.
fn inspect(conn: &Connection) -> Result<u32, StoreError> {
    let application: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let found = shape::version(conn, HISTORY)?;
    let known = latest_version();
    if application != 0 && application != APPLICATION_ID {
        return Err(StoreError::NotOurs);
    }
    // Before the whole file is read: what a newer version made is not for us to judge.
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    if found > 0 {
        return Ok(found);
    }
    if shape::is_older_installation(conn)? { Ok(OLDEST) } else { Err(StoreError::NotOurs) }
}

/// Reads every page of it.
fn verify(conn: &Connection) -> Result<(), StoreError> {
    // SQLite takes what is missing of the last page for zeros.
    // SQLCipher tells the size in words.
    let page_bytes: Value = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let page_bytes = match page_bytes {
        Value::Integer(bytes) => u64::try_from(bytes).ok(),
        Value::Text(bytes) => bytes.parse().ok(),
        _ => None,
    };
    if let (Some(path), Some(page_bytes @ 1..)) = (conn.path(), page_bytes)
        && !fs::metadata(path)?.len().is_multiple_of(page_bytes)
    {
        return Err(StoreError::Damaged { what: "its last page is cut off" });
    }
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged { what: "it fails SQLite's quick check" }) }
}

/// All migrations that are missing, in one transaction. Foreign keys are switched off outside of it, because inside
/// the pragma does nothing.
pub(super) fn migrate(conn: &mut Connection) -> Result<Vec<String>, StoreError> {
    conn.pragma_update(None, "foreign_keys", false)?;
    let done = (|| {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let applied = migrate_in(&transaction)?;
        transaction.commit()?;
        Ok(applied)
    })();
    conn.pragma_update(None, "foreign_keys", true)?;
    done
}

fn migrate_in(transaction: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    if shape::version(transaction, HISTORY)? == 0 && shape::is_older_installation(transaction)? {
        // What of V0001 is missing is made; then the history says that it was applied.
        for statement in shape::statements(runner::sql_of(OLDEST)) {
            shape::run(transaction, &statement)?;
        }
        run(transaction, Target::FakeVersion(1))?;
    }
    own_the_first(transaction)?;
    let applied = run(transaction, Target::Latest)?;
    make_placeholders(transaction)?;
    leads::fill(transaction)?;
    calls::fill(transaction)?;
    let dangling = foreign_key_violations(transaction)?;
    if dangling > 0 {
        return Err(StoreError::DanglingRows(dangling));
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(applied)
}

/// Older installations recorded V0001 under names of their own, and a checkout with CRLF changed its checksum. What it
/// made is what counts: with those tables there, the history's first row becomes ours.
fn own_the_first(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let migrations = runner::migrations().map_err(from_refinery)?;
    if let Some(first) = migrations.first()
        && shape::version(transaction, HISTORY)? > 0
        && shape::is_older_installation(transaction)?
    {
        transaction.execute(
            &format!("UPDATE {HISTORY} SET name = ?1, checksum = ?2 WHERE version = 1"),
            (first.name(), first.checksum().to_string()),
        )?;
    }
    Ok(())
}

fn run(transaction: &Transaction<'_>, target: Target) -> Result<Vec<String>, StoreError> {
    let migrations = runner::migrations().map_err(from_refinery)?;
    let report =
        InTransaction(transaction).migrate(&migrations, true, true, true, target, HISTORY).map_err(from_refinery)?;
    Ok(report.applied_migrations().iter().map(|m| format!("V{:04}__{}", m.version(), m.name())).collect())
}

fn from_refinery(error: refinery_core::Error) -> StoreError {
    use refinery_core::error::Kind;
    match error.kind() {
        Kind::DivergentVersion(..) | Kind::MissingVersion(_) => StoreError::Divergent,
        Kind::Connection(_, source) => match source.downcast_ref::<Stopped>() {
            // rusqlite's error cannot be cloned; its code is what the caller acts on.
            Some(Stopped(rusqlite::Error::SqliteFailure(failure, text))) => {
                rusqlite::Error::SqliteFailure(*failure, text.clone()).into()
            }
            _ => StoreError::Internal,
        },
        _ => StoreError::Internal,
    }
}

/// A row that points at a calendar or a lead that nobody knows keeps its value, and gets something to point at.
fn make_placeholders(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let missing = |sql: &str| -> Result<Vec<i64>, StoreError> {
        let mut statement = transaction.prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    for id in missing(
        "SELECT DISTINCT calendar_id FROM appointments
         WHERE calendar_id IS NOT NULL AND calendar_id NOT IN (SELECT id FROM business_calendars)",
    )? {
        calendars::ensure(transaction, CalendarId(id))?;
    }
    for id in missing(
        "SELECT lead_id FROM appointments WHERE lead_id IS NOT NULL AND lead_id NOT IN (SELECT id FROM leads)
         UNION SELECT lead_id FROM call_log WHERE lead_id IS NOT NULL AND lead_id NOT IN (SELECT id FROM leads)",
    )? {
        leads::ensure(transaction, LeadId(id))?;
    }
    Ok(())
}

fn foreign_key_violations(conn: &Connection) -> Result<usize, StoreError> {
    let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while rows.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn count_rows(conn: &Connection) -> Result<BTreeMap<String, u64>, StoreError> {
    const COUNTED: [&str; 9] = [
        "appointments",
        "business_calendars",
        "call_log",
        "download_jobs",
        "leads",
        "listening",
        "marks",
        "outbox",
        "recordings",
    ];
    let mut rows = BTreeMap::new();
    for table in COUNTED {
        if shape::exists(conn, "table", table)? {
            let count: i64 = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
            rows.insert(table.to_owned(), count.unsigned_abs());
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{KeyChoice, open_root_key};

    fn a_key(folder: &Path) -> DbKey {
        open_root_key(folder, &KeyChoice::File(folder.join("key"))).expect("a key").db_key()
    }

    fn old_and_sealed(path: &Path, key: &DbKey) {
        let conn = connect(path, Some(key), Access::Create).expect("a sealed file");
        conn.execute_batch(runner::sql_of(1)).expect("V0001");
        conn.execute("INSERT INTO leads (id, full_name) VALUES (1, 'ZZCANARY')", []).expect("a lead");
    }

    #[test]
    fn a_sealed_file_is_upgraded_sealed_and_so_is_the_copy() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, key) = (folder.path().join("library.db"), a_key(folder.path()));
        old_and_sealed(&path, &key);
        let done = upgrade_at(&path, Some(&key), 1).expect("an upgrade");
        assert_eq!((done.from_version, done.rows.get("leads")), (1, Some(&1)));
        let copy = done.backup.expect("a copy");
        for file in [&path, &copy] {
            let bytes = fs::read(file).expect("bytes");
            assert_eq!(look(file).expect("a look"), Look::Opaque);
            assert!(!bytes.windows(8).any(|window| window == b"ZZCANARY"));
        }
        assert_eq!(check(&copy, Some(&key)).expect("the copy opens").from_version, 1);
    }

    #[test]
    fn the_wrong_key_opens_nothing_and_changes_nothing() {
        let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
        let path = folder.path().join("library.db");
        old_and_sealed(&path, &a_key(folder.path()));
        let before = fs::read(&path).expect("bytes");
        assert!(matches!(upgrade_at(&path, Some(&a_key(other.path())), 1), Err(StoreError::Damaged { .. })));
        assert_eq!(fs::read(&path).expect("bytes"), before);
    }

    #[test]
    fn a_first_row_of_the_history_that_another_tool_wrote_becomes_ours() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("old.db");
        let conn = connect(&path, None, Access::Create).expect("a plain file");
        conn.execute_batch(runner::sql_of(1)).expect("V0001");
        conn.execute_batch(
            "CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name VARCHAR(255),
                 applied_on VARCHAR(255), checksum VARCHAR(255));
             INSERT INTO refinery_schema_history VALUES (1, 'initial', '2024-01-01T00:00:00Z', '17');",
        )
        .expect("a history");
        drop(conn);
        let done = upgrade_at(&path, None, 1).expect("an upgrade");
        assert_eq!((done.from_version, done.applied.len()), (1, latest_version() as usize - 1));
    }
}
