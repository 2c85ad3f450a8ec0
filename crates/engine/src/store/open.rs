//! The one place where a connection is made: with the key, the pragmas and the right to write or not.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use super::StoreError;
use crate::secrets::DbKey;

/// First SQLite without the WAL-reset fault, which can corrupt a database that two connections write.
/// <https://sqlite.org/wal.html#walresetbug>
const LEAST_SQLITE: i32 = 3_051_003;
/// "AFTC" in the file's header: tells our database from any other with tables of the same names.
pub(crate) const APPLICATION_ID: i32 = 0x4146_5443;
const PLAIN_HEADER: &[u8; 16] = b"SQLite format 3\0";
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const STATEMENTS_KEPT: usize = 128;

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Makes the file if it is absent.
    Create,
    /// Reads and writes a file that is there.
    Write,
    /// Reads only; the file's bytes stay as they are.
    Inspect,
    /// Reads beside a writer: may write the WAL's shared memory, and nothing else.
    Read,
}

/// What a file looks like before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// No bytes at all. SQLite would open it as a healthy new database.
    Empty,
    /// A plain SQLite database.
    Plain,
    /// Sealed, or garbage: only the key can tell.
    Opaque,
}

pub(crate) fn look(path: &Path) -> Result<Look, StoreError> {
    // Before it is opened: a pipe would wait for somebody to write, and a device has no end.
    if !fs::metadata(path)?.is_file() {
        return Err(StoreError::NotOurs);
    }
    let mut head = [0; 16];
    let mut file = File::open(path)?;
    let mut filled = 0;
    while filled < head.len() {
        match file.read(&mut head[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(match filled {
        0 => Look::Empty,
        16 if &head == PLAIN_HEADER => Look::Plain,
        _ => Look::Opaque,
    })
}

/// Opens `path`, sealed with `key` or plain. Does not say yet whether the key fits: the first read does.
pub(crate) fn connect(path: &Path, key: Option<&DbKey>, access: Access) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < LEAST_SQLITE {
        return Err(StoreError::OldSqlite(rusqlite::version().to_owned()));
    }
    let flags = match access {
        Access::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Access::Write | Access::Read => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::Inspect => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    // Each connection stays on its own thread, so SQLite's own mutexes would be paid for nothing.
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    if let Some(key) = key {
        // Process-wide and before the key: with the per-connection setting, VACUUM INTO writes a copy that no one opens.
        // What SQLCipher would write to standard error is told by the error that it returns.
        conn.execute_batch("PRAGMA cipher_log_level = NONE; PRAGMA cipher_default_page_size = 16384")?;
        let pragma = Zeroizing::new(format!("PRAGMA key = \"x'{}'\"", key.hex().as_str()));
        conn.execute_batch(&pragma)?;
        // cipher_memory_security stays off (its default): it wipes every page buffer on release, which costs a
        // multiple on scans, and a process that can read our memory reads the key itself.
    }
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    conn.execute_batch("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF")?;
    if matches!(access, Access::Read | Access::Inspect) {
        conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384")?;
    } else {
        // FULL: "on device" is said only when it survives the power cord. Transactions are whole pages of rows, so
        // one fsync each is little. The WAL goes into the library from 64 MiB on: a first sync writes the same pages
        // of its indexes again and again.
        conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4096")?;
    }
    Ok(conn)
}
