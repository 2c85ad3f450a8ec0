//! A file on its way into the vault, written on a thread that may block. The network is read at full speed: a slow
//! disk holds back at most a few chunks.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::error::Code;
use aftercall_media::wiped::Wiped;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::arriving::Arriving;
use crate::vault::VaultError;

/// Chunks that wait for the disk. When it is full, reading waits.
const WAITING: usize = 16;
/// A loss of power costs at most this much of what was fetched, or this long, and the last sync is short.
const SYNC_EVERY_BYTES: usize = 8 * 1024 * 1024;
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// The right to write a recording's file: a run that was cancelled may still be closing it when the next one begins.
pub(super) type Hold = Arc<OwnedMutexGuard<()>>;

enum Piece {
    Chunk { index: u64, plain: Wiped },
    Sync,
}

/// One file that is being written. It stays unfinished, to be gone on with, or to be looked at when it is whole.
pub(super) struct Writing {
    pieces: mpsc::Sender<Piece>,
    task: JoinHandle<Result<(), VaultError>>,
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
                }
            }
            Ok(())
        });
        Self { pieces, task, unsynced_bytes: 0, sync_at: Instant::now() }
    }

    /// Hands over a chunk. False when the thread gave up: [`Writing::end`] says why.
    pub(super) async fn put(&mut self, index: u64, plain: Wiped) -> bool {
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

    /// Waits until all that was handed over is written.
    pub(super) async fn end(self) -> Result<(), Code> {
        drop(self.pieces);
        match self.task.await {
            Ok(written) => written.map_err(|error| error.code()),
            Err(_) => Err(Code::Internal),
        }
    }

    /// The same where the rest is not wanted now: what could not be written comes again.
    pub(super) async fn pause(self) {
        if let Err(code) = self.end().await {
            tracing::debug!(code = code.as_str(), "an unfinished file could not be written on");
        }
    }
}
