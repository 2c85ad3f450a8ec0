//! A file on its way into the vault, written on a thread that may block. The network is read at full speed: a slow
//! disk holds back at most a few chunks.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::error::Code;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::arriving::Arriving;
use crate::store::table::recordings::StoredFile;
use crate::vault::VaultError;

/// Chunks that wait for the disk. When it is full, reading waits.
const WAITING: usize = 16;
/// A loss of power costs at most this much of what was fetched, or this long, and the last sync is short.
const SYNC_EVERY_BYTES: usize = 8 * 1024 * 1024;
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// The right to write a recording's file: a run that was cancelled may still be closing it when the next one begins.
pub(super) type Hold = Arc<OwnedMutexGuard<()>>;

enum Piece {
    Chunk { index: u64, plain: Zeroizing<Vec<u8>> },
    Sync,
    Finish,
}

/// One file that is being written. Dropped before [`Writing::finish`], it stays as it is, to be gone on with.
pub(super) struct Writing {
    pieces: mpsc::Sender<Piece>,
    task: JoinHandle<Result<Option<StoredFile>, VaultError>>,
    unsynced_bytes: usize,
    sync_at: Instant,
}

impl Writing {
    /// `hold` is let go of only when the thread is done with the file.
    pub(super) fn start(arriving: Arriving, hold: Hold) -> Self {
        let (pieces, mut coming) = mpsc::channel(WAITING);
        let task = tokio::task::spawn_blocking(move || {
            let _hold = hold;
            let intake = arriving.intake();
            while let Some(piece) = coming.blocking_recv() {
                match piece {
                    Piece::Chunk { index, plain } => intake.put(index, &plain)?,
                    Piece::Sync => intake.sync()?,
                    Piece::Finish => return intake.finish().map(Some),
                }
            }
            Ok(None)
        });
        Self { pieces, task, unsynced_bytes: 0, sync_at: Instant::now() }
    }

    /// Hands over a chunk. False when the thread gave up: [`Writing::finish`] says why.
    pub(super) async fn put(&mut self, index: u64, plain: Zeroizing<Vec<u8>>) -> bool {
        if self.unsynced_bytes == 0 {
            self.sync_at = Instant::now() + SYNC_EVERY;
        }
        self.unsynced_bytes += plain.len();
        if self.pieces.send(Piece::Chunk { index, plain }).await.is_err() {
            return false;
        }
        self.unsynced_bytes < SYNC_EVERY_BYTES || self.sync().await
    }

    /// Waits until what was written is old enough to be made durable, however slowly more of it comes.
    pub(super) async fn sync_due(&self) {
        if self.unsynced_bytes == 0 {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep_until(self.sync_at).await;
    }

    /// Makes durable what was handed over so far. False when the thread gave up.
    pub(super) async fn sync(&mut self) -> bool {
        self.unsynced_bytes = 0;
        self.pieces.send(Piece::Sync).await.is_ok()
    }

    /// Makes the whole file durable under its name.
    pub(super) async fn finish(self) -> Result<StoredFile, Code> {
        let _ = self.pieces.send(Piece::Finish).await; // closed: the thread has its reason
        match self.task.await {
            Ok(Ok(Some(file))) => Ok(file),
            Ok(Err(error)) => Err(error.code()),
            Ok(Ok(None)) | Err(_) => Err(Code::Internal),
        }
    }

    /// Waits until all that was handed over is written. The file stays unfinished.
    pub(super) async fn pause(self) {
        drop(self.pieces);
        if let Ok(Err(error)) = self.task.await {
            tracing::debug!(code = error.code().as_str(), "an unfinished file could not be written on");
        }
    }
}
