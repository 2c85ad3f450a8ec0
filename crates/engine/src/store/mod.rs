//! The library on disk: one sealed database, one thread that writes, three that read.

mod changes;
mod error;
mod list_key;
mod many_rows;
mod migrate;
pub(crate) mod open;
mod overview;
mod rekey;
mod row_hash;
mod search;
pub mod table;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aftercall_domain::clock::Clock;
/// What a read or a write is given, and the tables' functions take.
pub use rusqlite::Connection;
use rusqlite::Transaction;
use tokio::sync::{broadcast, mpsc};

pub use self::changes::{ChangeSet, Tag};
pub use self::error::StoreError;
pub use self::migrate::{Upgraded, check, latest_version, restore, upgrade};
pub use self::overview::Overview;
pub(crate) use self::rekey::{copies, opens, rekey, remove_part};
pub use self::row_hash::{Upserted, of_raw as hash_of_raw};

use self::open::{Access, Look};
use self::threads::{News, READERS, Threads, Work};
use crate::secrets::DbKey;

/// Change sets that a slow listener may be behind; beyond that it is told that it missed some, and asks for all.
const NEWS_KEPT: usize = 256;

/// The open library. Cheap to clone; the last clone that goes away closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// None once it was closed by hand.
    threads: Mutex<Option<Threads>>,
    /// In place of the threads.
    #[cfg(test)]
    here: Option<Mutex<Connection>>,
    news: News,
    overview: overview::Shared,
    path: PathBuf,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the library for reading and writing; makes it when there is none, upgrades an older one after a copy of
    /// it was made. Blocks for as long as that takes.
    ///
    /// # Errors
    /// `TooNew` and `Damaged` leave the file as it is.
    pub fn open(path: &Path, key: &DbKey, clock: &dyn Clock) -> Result<Self, StoreError> {
        match open::look(path) {
            Err(StoreError::NoFile) => migrate::create(path, key)?,
            Err(error) => return Err(error),
            Ok(Look::Empty) => return Err(StoreError::Damaged { what: "it is empty" }),
            // Our library is never plain: somebody put another file here.
            Ok(Look::Plain) => return Err(StoreError::NotOurs),
            Ok(Look::Opaque) => migrate::bring_up_library(path, key, clock.now_ms())?,
        }
        let writer = open::connect(path, Some(key), Access::Write)?;
        writer.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        table::profile::ensure_name_mac(&writer)?;
        Self::with(path, Some(writer), key)
    }

    /// Opens the library beside a process that writes to it. Writing answers `ReadOnly`.
    ///
    /// # Errors
    /// `NeedsUpgrade` when its schema is older than this version.
    pub fn open_for_reading(path: &Path, key: &DbKey) -> Result<Self, StoreError> {
        if migrate::library_version(path, key)? < latest_version() {
            return Err(StoreError::NeedsUpgrade);
        }
        Self::with(path, None, key)
    }

    fn with(path: &Path, writer: Option<Connection>, key: &DbKey) -> Result<Self, StoreError> {
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            readers.push(open::connect(path, Some(key), Access::Read)?);
        }
        let news = News::new(NEWS_KEPT);
        let threads = Threads::start(writer, readers)?;
        let threads = Mutex::new(Some(threads));
        let overview = overview::Shared::default();
        let inner = Inner {
            threads,
            #[cfg(test)]
            here: None,
            news,
            overview,
            path: path.to_owned(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    fn threads(&self) -> MutexGuard<'_, Option<Threads>> {
        self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> Result<mpsc::Sender<Work>, StoreError> {
        self.threads().as_ref().ok_or(StoreError::Closed)?.readers()
    }

    fn writer(&self) -> Result<mpsc::Sender<Work>, StoreError> {
        self.threads().as_ref().ok_or(StoreError::Closed)?.writer()
    }

    async fn do_read(&self, work: Work) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(conn) = &self.inner.here {
            threads::do_it(&mut conn.lock().unwrap_or_else(PoisonError::into_inner), work, || None);
            return Ok(());
        }
        self.readers()?.send(work).await.map_err(|_| StoreError::Closed)
    }

    async fn do_write(&self, work: Work) -> Result<(), StoreError> {
        #[cfg(test)]
        if self.inner.here.is_some() {
            return self.do_read(work).await;
        }
        self.writer()?.send(work).await.map_err(|_| StoreError::Closed)
    }

    /// Finishes what was accepted and closes the file now, however many clones there are: from here on every one of
    /// them answers `Closed`. Blocks until the file is closed, so that it may be removed.
    pub fn close_blocking(&self) {
        let threads = self.threads().take();
        drop(threads);
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Reads. Everything in `body` sees one moment.
    ///
    /// # Errors
    /// Those of `body`; `Internal` when it panicked.
    pub async fn read<T, F>(&self, body: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (work, asked) = threads::reading(body);
        self.do_read(work).await?;
        asked.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Writes: one transaction, rolled back when `body` fails. What it says changed is told after the commit.
    ///
    /// # Errors
    /// Those of `body`; `ReadOnly`; `Internal` when it panicked.
    pub async fn write<T, F>(&self, body: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>, &mut ChangeSet) -> Result<T, StoreError> + Send + 'static,
    {
        let (work, asked) = threads::writing(body, self.inner.news.clone());
        self.do_write(work).await?;
        asked.await.unwrap_or(Err(StoreError::Closed))
    }

    /// [`Store::write`] of many rows, whose parents `body` itself makes sure of: SQLite looks for none. With that look a
    /// statement of several rows keeps a copy of every page that it changes.
    ///
    /// # Errors
    /// As `write`.
    pub async fn load<T, F>(&self, body: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>, &mut ChangeSet) -> Result<T, StoreError> + Send + 'static,
    {
        let (work, asked) = threads::writing(body, self.inner.news.clone());
        self.do_write(threads::unchecked(work)).await?;
        asked.await.unwrap_or(Err(StoreError::Closed))
    }

    /// [`Store::write`] for a step that takes no time: those that wait at the same moment share one commit. It fails
    /// alone, is undone alone, and is told to be done only when it is durable.
    ///
    /// # Errors
    /// As `write`.
    pub async fn write_shared<T, F>(&self, body: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut ChangeSet) -> Result<T, StoreError> + Send + 'static,
    {
        let (work, asked) = threads::sharing(body, self.inner.news.clone());
        self.do_write(work).await?;
        asked.await.unwrap_or(Err(StoreError::Closed))
    }

    /// [`Store::read`] for a thread that may block. Panics on a thread of the async runtime.
    ///
    /// # Errors
    /// As `read`.
    pub fn read_blocking<T, F>(&self, body: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (work, asked) = threads::reading(body);
        self.readers()?.blocking_send(work).map_err(|_| StoreError::Closed)?;
        asked.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// [`Store::write`] for a thread that may block. Panics on a thread of the async runtime.
    ///
    /// # Errors
    /// As `write`.
    pub fn write_blocking<T, F>(&self, body: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>, &mut ChangeSet) -> Result<T, StoreError> + Send + 'static,
    {
        let (work, asked) = threads::writing(body, self.inner.news.clone());
        self.writer()?.blocking_send(work).map_err(|_| StoreError::Closed)?;
        asked.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// News of every commit from now on. Who lags behind by more than 256 is told so, and should ask for everything.
    pub fn changes(&self) -> broadcast::Receiver<ChangeSet> {
        self.inner.news.subscribe()
    }

    /// A look at the list of calls. Take it before the read that uses it.
    pub fn overview(&self) -> Overview {
        Overview::new(self.inner.overview.clone(), self.inner.news.commits())
    }
}

#[cfg(test)]
impl Store {
    /// Nobody ever asked for a recording, and none is known.
    pub(crate) async fn forget_recordings(&self) {
        let forgotten = self
            .write(|tx, _| tx.execute_batch("DELETE FROM download_jobs; DELETE FROM recordings").map_err(Into::into));
        forgotten.await.expect("written");
    }

    /// An empty library in memory, whose work is done by whoever asks, at once: for simulations, where virtual time
    /// must not go on while another thread is busy.
    pub(crate) fn in_memory() -> Self {
        let mut conn = open::connect(Path::new(":memory:"), None, Access::Create).expect("a connection");
        migrate::migrate(&mut conn).expect("migrations");
        let inner = Inner {
            threads: Mutex::new(None),
            here: Some(Mutex::new(conn)),
            news: News::new(NEWS_KEPT),
            overview: overview::Shared::default(),
            path: PathBuf::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// An empty library in a folder, for tests of what stands above. Blocks.
    pub(crate) fn scratch(folder: &Path) -> Self {
        use crate::secrets::{KeyChoice, open_root_key};
        let key = open_root_key(folder, &KeyChoice::File(folder.join("key"))).expect("a key");
        let clock = aftercall_domain::clock::ManualClock::at(1);
        Self::open(&folder.join("library.db"), &key.db_key(), &clock).expect("a library")
    }
}
