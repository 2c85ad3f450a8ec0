//! A file on its way into the vault, written on a thread that may block. The network is read at full speed: a slow
//! disk holds back at most a few pieces.

use std::sync::Arc;

use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use bytes::Bytes;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::task::JoinHandle;

use crate::store::table::recordings::StoredFile;
use crate::vault::{Vault, VaultError};

/// Pieces that wait for the disk. When it is full, reading waits.
const WAITING: usize = 16;

/// The right to write a recording's file: a run that was cancelled may still be closing it when the next one begins.
pub(super) type Hold = Arc<OwnedMutexGuard<()>>;

enum Piece {
    Bytes(Bytes),
    Finish,
}

/// One file that is being written. Dropped before [`Writing::finish`], nothing of it stays.
pub(super) struct Writing {
    pieces: mpsc::Sender<Piece>,
    task: JoinHandle<Result<Option<StoredFile>, VaultError>>,
}

impl Writing {
    /// `hold` is let go of only when the thread is done with the file.
    pub(super) fn start(vault: Arc<Vault>, id: RecordingId, hold: Hold) -> Self {
        let (pieces, mut coming) = mpsc::channel(WAITING);
        let task = tokio::task::spawn_blocking(move || {
            let _hold = hold;
            let mut intake = vault.begin(&id)?;
            while let Some(piece) = coming.blocking_recv() {
                match piece {
                    Piece::Bytes(bytes) => intake.write(&bytes)?,
                    Piece::Finish => return intake.finish().map(Some),
                }
            }
            intake.abandon()?;
            Ok(None)
        });
        Self { pieces, task }
    }

    /// Hands over the next bytes. False when the thread gave up: [`Writing::finish`] says why.
    pub(super) async fn write(&self, bytes: Bytes) -> bool {
        self.pieces.send(Piece::Bytes(bytes)).await.is_ok()
    }

    /// Seals the last chunk and makes the file durable.
    pub(super) async fn finish(self) -> Result<StoredFile, Code> {
        let _ = self.pieces.send(Piece::Finish).await; // closed: the thread has its reason
        match self.task.await {
            Ok(Ok(Some(file))) => Ok(file),
            Ok(Err(error)) => Err(error.code()),
            Ok(Ok(None)) | Err(_) => Err(Code::Internal),
        }
    }

    /// Drops what was written, and waits until it is gone.
    pub(super) async fn abandon(self) {
        drop(self.pieces);
        if let Ok(Err(error)) = self.task.await {
            // The sweep at the next start removes what is left.
            tracing::debug!(code = error.code().as_str(), "an unfinished file was not removed");
        }
    }
}
