//! The threads that own the connections: one writes, three read. Nobody else ever holds a connection.
//!
//! Small steps that wait for the writer at one moment share a transaction, and with it the wait for the disk: each has a
//! savepoint of its own, and none is answered before the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{ChangeSet, StoreError};

pub(super) const READERS: usize = 3;
/// Work that waits per channel. When it is full the asker waits: nothing is dropped, and memory stays flat.
const WAITING: usize = 64;

/// Steps in one transaction …
const SHARING_MAX: usize = 64;
/// … begun within this time: nobody waits for the steps of many others.
const SHARING_FOR: Duration = Duration::from_millis(5);

/// What a thread does with its connection. It answers through a channel of its own.
pub(super) enum Work {
    /// With the connection to itself.
    Alone(Box<dyn FnOnce(&mut Connection) + Send>),
    /// A step within a transaction that others may share.
    Shared(Step, News),
}

/// Given the transaction, or why there is none. What it returns answers whoever asked, after the commit.
type Step = Box<dyn FnOnce(Result<&mut Transaction<'_>, StoreError>, &mut ChangeSet) -> Answer + Send>;
/// Told whether the commit went well.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

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
        let mut next = None;
        loop {
            // Idle readers queue up at the lock; whoever holds it waits for work and lets go before doing it.
            let waiting = || receiver.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(work) = next.take().or_else(|| waiting().blocking_recv()) else { break };
            next = do_it(&mut conn, work, || waiting().try_recv().ok());
        }
    };
    Ok(thread::Builder::new().name(name.to_owned()).spawn(body)?)
}

/// Does the work without SQLite's look at foreign keys: inside a transaction the pragma does nothing.
pub(super) fn unchecked(work: Work) -> Work {
    let work = match work {
        Work::Alone(work) => work,
        // What shares a transaction cannot switch it for the others.
        shared @ Work::Shared(..) => return shared,
    };
    Work::Alone(Box::new(move |conn: &mut Connection| {
        let check = |conn: &Connection, on: bool| conn.pragma_update(None, "foreign_keys", on);
        // Where it cannot be switched off the work is slower, and as right.
        let _ = check(conn, false);
        work(conn);
        if let Err(error) = check(conn, true) {
            tracing::error!(%error, "foreign keys stay unchecked");
        }
    }))
}

/// Does it, and what of `waiting` may share its transaction. Returns what `waiting` gave beyond that.
pub(super) fn do_it(conn: &mut Connection, work: Work, mut waiting: impl FnMut() -> Option<Work>) -> Option<Work> {
    let (step, news) = match work {
        Work::Alone(work) => {
            work(conn);
            return None;
        }
        Work::Shared(step, news) => (step, news),
    };
    let (mut changes, mut answers, mut beyond, mut next) = (ChangeSet::default(), Vec::new(), None, Some(step));
    let began = Instant::now();
    let mut transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate);
    while let Some(step) = next.take() {
        let within = transaction.as_mut().map_err(|error| again(error).into());
        answers.push(step(within, &mut changes));
        if answers.len() < SHARING_MAX && began.elapsed() < SHARING_FOR {
            match waiting() {
                Some(Work::Shared(step, _)) => next = Some(step),
                other => beyond = other,
            }
        }
    }
    let committed = transaction.and_then(Transaction::commit);
    if committed.is_ok() {
        news.tell(changes);
    }
    for answer in answers {
        answer(committed.as_ref().copied().map_err(|error| again(error).into()));
    }
    beyond
}

/// The same error for another of those that share a transaction.
fn again(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, text) => rusqlite::Error::SqliteFailure(*failure, text.clone()),
        // A begin and a commit fail in no other way.
        _ => rusqlite::Error::InvalidQuery,
    }
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
    let work = Box::new(move |conn: &mut Connection| {
        let result = guarded(|| {
            let transaction = conn.transaction()?;
            body(&transaction)
        });
        // Whoever asked may have gone away meanwhile.
        let _ = answer.send(result);
    });
    (Work::Alone(work), asked)
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
    let work = Box::new(move |conn: &mut Connection| {
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
    (Work::Alone(work), asked)
}

/// One step that may share its transaction: it fails alone, and is done when the commit is.
pub(super) fn sharing<T, F>(body: F, news: News) -> (Work, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: FnOnce(&Connection, &mut ChangeSet) -> Result<T, StoreError> + Send + 'static,
{
    let (answer, asked) = oneshot::channel();
    let step: Step = Box::new(move |transaction, changes| {
        let result = transaction.and_then(|transaction| {
            guarded(|| {
                // Rolled back where it is dropped without a commit.
                let savepoint = transaction.savepoint()?;
                let value = body(&savepoint, changes)?;
                savepoint.commit()?;
                Ok(value)
            })
        });
        Box::new(move |committed: Result<(), StoreError>| {
            let _ = answer.send(result.and_then(|value| committed.map(|()| value)));
        })
    });
    (Work::Shared(step, news), asked)
}
