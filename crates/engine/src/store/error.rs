//! What can go wrong with the library.

use aftercall_domain::error::{Code, Retry};
use rusqlite::ErrorCode;

/// A failure of the library. Carries no row's content.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A newer version of the app wrote it; it was left as it is.
    #[error("the database has schema version {found}, and this version of the app knows {known}: update the app")]
    TooNew {
        /// Version of the file.
        found: u32,
        /// Latest version known here.
        known: u32,
    },
    /// It does not verify, or is no database at all; it was left as it is.
    #[error("the database is damaged: {what}")]
    Damaged {
        /// What does not hold.
        what: &'static str,
    },
    /// A sound database of something else; it was left as it is.
    #[error("this is not a database of Aftercall")]
    NotOurs,
    /// No such file.
    #[error("there is no such file")]
    NoFile,
    /// The schema is older than this version: only opening for writing upgrades it.
    #[error("the database must be upgraded first")]
    NeedsUpgrade,
    /// Written with changes that this version's migrations do not have.
    #[error("the database was upgraded by migrations that are not ours")]
    Divergent,
    /// A copy was to be made before the upgrade, and did not verify. Nothing was upgraded.
    #[error("the copy made before the upgrade does not verify")]
    Backup,
    /// After the upgrade some rows would point at nothing; all of it was rolled back.
    #[error("{0} rows would point at nothing after the upgrade")]
    DanglingRows(usize),
    /// Another process holds the write lock for too long.
    #[error("another process is writing to the database")]
    Busy,
    /// Opened for reading only.
    #[error("the database is open for reading only")]
    ReadOnly,
    /// No room.
    #[error("the disk is full")]
    DiskFull,
    /// The folder lets SQLite neither make nor open what it needs beside the file: it is read-only, or shut to us.
    #[error("the database cannot be opened: its folder may not be written")]
    CannotOpen,
    /// The store was closed while this waited.
    #[error("the database is closed")]
    Closed,
    /// A stored value that this version cannot mean.
    #[error("a stored value cannot be read: {0}")]
    BadValue(&'static str),
    /// SQLite is older than the first one without the WAL-reset fault.
    #[error("SQLite {0} is too old")]
    OldSqlite(String),
    /// Code of ours panicked inside a transaction, which was rolled back.
    #[error("a task on the database panicked")]
    Internal,
    /// The file system.
    #[error("the database's file: {}", .0.kind())]
    Io(#[source] std::io::Error),
    /// Anything else that SQLite says. Its text names no values, only tables and columns.
    #[error("SQLite: {0}")]
    Sql(#[source] rusqlite::Error),
}

impl StoreError {
    /// What outsiders are told.
    pub fn code(&self) -> Code {
        match self {
            Self::TooNew { .. } => Code::StoreTooNew,
            Self::Damaged { .. } | Self::Divergent | Self::DanglingRows(_) | Self::BadValue(_) => Code::StoreDamaged,
            Self::NotOurs | Self::CannotOpen => Code::InvalidInput,
            Self::NoFile => Code::NotFound,
            Self::NeedsUpgrade | Self::Busy | Self::ReadOnly => Code::ProfileInUse,
            Self::DiskFull => Code::DiskFull,
            Self::Closed => Code::Cancelled,
            Self::Backup | Self::OldSqlite(_) | Self::Internal | Self::Io(_) | Self::Sql(_) => Code::Internal,
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Busy => Retry::After(0),
            Self::DiskFull | Self::CannotOpen | Self::TooNew { .. } | Self::NeedsUpgrade | Self::Backup => {
                Retry::AfterUser
            }
            _ => Retry::Never,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // Text that is no text, or a word where a number stands: no version of ours writes that.
        if matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        ) {
            return Self::Damaged { what: "a stored value cannot be read" };
        }
        // The WAL's index could not be made longer.
        if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
            return Self::DiskFull;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            // The last: so many came and went at once that it gave up finding its place among them.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                Self::Busy
            }
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::CannotOpen) => Self::CannotOpen,
            Some(ErrorCode::NotADatabase) => Self::Damaged { what: "it cannot be read as a database with this key" },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { what: "its pages do not fit together" },
            _ => Self::Sql(error),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NoFile,
            std::io::ErrorKind::StorageFull => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}
