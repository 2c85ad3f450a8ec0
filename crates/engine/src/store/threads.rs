//! The threads that own the connections: one writes, three read. Nobody else ever holds a connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{ChangeSet, StoreError};

pub(super) const READERS: usize = 3;
/// Work that waits per channel. When it is full the asker waits: nothing is dropped, and memory stays flat.
const WAITING: usize = 64;

/// What a thread does with its connection. It answers through a channel of its own.
pub(super) type Work = Box<dyn FnOnce(&mut Connection) + Send>;

/// The threads of one store.
pub(super) struct Threads {
    write: Option<mpsc::Sender<Work>>,
    read: Option<mpsc::Sender<Work>>,
    joins: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn start(writer: Option<Connection>, readers: Vec<Connection>) -> Result<Self, StoreError> {
        let mut joins = Vec::with_capacity(READERS + 1);
        let write = match writer {
            None => None,
            Some(conn) => {
                let (sender, receiver) = mpsc::channel::<Work>(WAITING);
                joins.push(spawn("store-writer", conn, Arc::new(Mutex::new(receiver)))?);
                Some(sender)
            }
        };
        let (read, receiver) = mpsc::channel::<Work>(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        for conn in readers {
            joins.push(spawn("store-reader", conn, receiver.clone())?);
        }
        Ok(Self { write, read: Some(read), joins })
    }

    pub(super) fn writer(&self) -> Result<mpsc::Sender<Work>, StoreError> {
        self.write.clone().ok_or(StoreError::ReadOnly)
    }

    pub(super) fn readers(&self) -> Result<mpsc::Sender<Work>, StoreError> {
        self.read.clone().ok_or(StoreError::Closed)
    }
}

impl Drop for Threads {
    /// Work that was accepted is finished; then the connections close, the writer's last: closing at the same moment,
    /// none would be the one that folds the WAL into the library and removes it.
    fn drop(&mut self) {
        self.read = None;
        let writer = (!self.joins.is_empty()).then(|| self.joins.remove(0));
        for join in self.joins.drain(..) {
            wait_for(join);
        }
        self.write = None;
        writer.into_iter().for_each(wait_for);
    }
}

fn wait_for(join: JoinHandle<()>) {
    // The last handle may be dropped by work that runs on one of these threads: it cannot wait for itself.
    if join.thread().id() != thread::current().id() {
        let _ = join.join();
    }
}

fn spawn(
    name: &str,
    mut conn: Connection,
    receiver: Arc<Mutex<mpsc::Receiver<Work>>>,
) -> Result<JoinHandle<()>, StoreError> {
    let body = move || {
        loop {
            // Idle readers queue up at the lock; whoever holds it waits for work and lets go before doing it.
            let work = receiver.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
            match work {
                Some(work) => work(&mut conn),
                None => break,
            }
        }
    };
    Ok(thread::Builder::new().name(name.to_owned()).spawn(body)?)
}

/// Does the work without SQLite's look at foreign keys: inside a transaction the pragma does nothing.
pub(super) fn unchecked(work: Work) -> Work {
    Box::new(move |conn| {
        let check = |conn: &Connection, on: bool| conn.pragma_update(None, "foreign_keys", on);
        // Where it cannot be switched off the work is slower, and as right.
        let _ = check(conn, false);
        work(conn);
        if let Err(error) = check(conn, true) {
            tracing::error!(%error, "foreign keys stay unchecked");
        }
    })
}

/// A panic in `body` becomes an error: the thread and its connection live on, the transaction was rolled back.
fn guarded<T>(body: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(StoreError::Internal))
}

/// A read of one moment: everything in `body` sees the same state.
pub(super) fn reading<T, F>(body: F) -> (Work, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
{
    let (answer, asked) = oneshot::channel();
    let work: Work = Box::new(move |conn| {
        let result = guarded(|| {
            let transaction = conn.transaction()?;
            body(&transaction)
        });
        // Whoever asked may have gone away meanwhile.
        let _ = answer.send(result);
    });
    (work, asked)
}

/// Tells who listens what a commit changed, and counts those commits.
#[derive(Clone)]
pub(super) struct News {
    sender: broadcast::Sender<ChangeSet>,
    commits: Arc<AtomicU64>,
}

impl News {
    pub(super) fn new(kept: usize) -> Self {
        Self { sender: broadcast::channel(kept).0, commits: Arc::default() }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<ChangeSet> {
        self.sender.subscribe()
    }

    /// Commits so far that changed something.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    fn tell(&self, changes: ChangeSet) {
        if !changes.is_empty() {
            self.commits.fetch_add(1, Ordering::AcqRel);
            // Nobody may be listening.
            let _ = self.sender.send(changes);
        }
    }
}

/// One transaction, and after its commit the news of it.
pub(super) fn writing<T, F>(body: F, news: News) -> (Work, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: FnOnce(&Transaction<'_>, &mut ChangeSet) -> Result<T, StoreError> + Send + 'static,
{
    let (answer, asked) = oneshot::channel();
    let work: Work = Box::new(move |conn| {
        let mut changes = ChangeSet::default();
        let result = guarded(|| {
            // Immediate: a deferred one that turns to writing can fail at once, whatever the busy timeout.
            let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = body(&transaction, &mut changes)?;
            transaction.commit()?;
            Ok(value)
        });
        if result.is_ok() {
            news.tell(changes);
        }
        let _ = answer.send(result);
    });
    (work, asked)
}
