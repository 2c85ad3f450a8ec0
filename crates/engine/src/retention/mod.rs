//! What stays on this device, and for how long: limits, pins, eviction, and voices that their source has deleted.
//!
//! Whatever goes, its key goes first and in the same transaction as the row's new state; the file follows. A process
//! that ends in between leaves bytes that nobody can read, and the sweep at the next start removes them.

use std::sync::Arc;

use aftercall_domain::error::{Code, Retry};
use aftercall_domain::ids::RecordingId;
use aftercall_domain::retention::{self, Limits, NoRoom, Space};
use aftercall_media::sealed::sealed_len;
use rusqlite::Connection;

use crate::store::table::{kept, recordings};
use crate::store::{ChangeSet, Store, StoreError};
use crate::vault::{Vault, VaultError};

/// Why there is no room, or why it could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// Nothing that may go makes enough room.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The library.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sealed files.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A task of ours panicked.
    #[error("a fault of the app")]
    Panicked,
}

impl RetentionError {
    /// What outsiders are told.
    pub fn code(&self) -> Code {
        match self {
            Self::NoRoom(_) => Code::DiskFull,
            Self::Store(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::Panicked => Code::Internal,
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoRoom(_) => Retry::AfterUser,
            Self::Store(error) => error.retry(),
            Self::Vault(error) => error.retry(),
            Self::Panicked => Retry::Never,
        }
    }
}

/// What recordings take, and what the disk has left.
///
/// # Errors
/// The library's, the vault's.
pub async fn space(store: &Store, vault: &Arc<Vault>) -> Result<Space, RetentionError> {
    let free_bytes = free_bytes(vault).await?;
    let used_bytes = store.read(kept::used_bytes).await?;
    Ok(Space { used_bytes, free_bytes })
}

/// Room that is left on the vault's disk. Never asked for by a thread that reads rows: a disk on a network may hang.
///
/// # Errors
/// The vault's.
pub(crate) async fn free_bytes(vault: &Arc<Vault>) -> Result<u64, RetentionError> {
    let vault = Arc::clone(vault);
    Ok(tokio::task::spawn_blocking(move || vault.free_bytes()).await.map_err(|_| RetentionError::Panicked)??)
}

/// What is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Nothing: what is here is brought back within the limits, as far as pins let it.
    Nothing,
    /// Something; nobody knows yet how long it is.
    Unknown,
    /// This recording.
    Recording {
        /// Which.
        id: RecordingId,
        /// Length of its sound file.
        total_bytes: u64,
    },
}

impl Incoming {
    /// More than it needs to be asked about at all: nothing is asked of a server for a disk that is full.
    pub const UNKNOWN_BYTES: u64 = 1 << 20;

    fn bytes(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Unknown => Self::UNKNOWN_BYTES,
            Self::Recording { total_bytes, .. } => sealed_len(*total_bytes),
        }
    }
}

/// Makes room for what comes, as far as the limits ask for it, and returns which recordings went. Where room is scarce it
/// is kept for a recording while its job runs: its length is noted in its row, also where there is no room.
///
/// # Errors
/// `NoRoom`, and then nothing went; the library's, the vault's.
pub async fn make_room(
    store: &Store,
    vault: &Arc<Vault>,
    incoming: Incoming,
) -> Result<Vec<RecordingId>, RetentionError> {
    let free_bytes = free_bytes(vault).await?;
    if let Incoming::Recording { total_bytes, .. } = incoming {
        if store.read(move |conn| has_ample_room(conn, free_bytes, total_bytes)).await? {
            return Ok(Vec::new());
        }
    } else {
        let asked = incoming.clone();
        let looked = store.read(move |conn| Ok(to_go(conn, free_bytes, &asked)?.map(|ids| ids.is_empty()))).await?;
        if looked? {
            return Ok(Vec::new()); // the usual case costs no write
        }
    }
    let gone = store.write_shared(move |tx, changes| {
        if let Incoming::Recording { id, total_bytes } = &incoming
            && let Some(row) = recordings::get(tx, id)?
        {
            recordings::put(tx, &recordings::RecordingRow { bytes_total: Some(*total_bytes), ..row })?;
        }
        let going = match to_go(tx, free_bytes, &incoming)? {
            Ok(going) => going,
            Err(no_room) => return Ok(Err(no_room)),
        };
        for id in &going {
            kept::evict(tx, changes, id)?;
        }
        Ok(Ok(going))
    });
    let gone = gone.await??;
    if !gone.is_empty() {
        tracing::info!(recordings = gone.len(), "recordings made room");
    }
    remove_files(vault, &gone).await;
    Ok(gone)
}

/// What is on its way and not noted in any row may take this much: the largest files that all runs at once could bring.
const AMPLE_BYTES: u64 = 4 << 30;

/// There is so much room for a recording of so many bytes that nothing has to be noted, and nobody waits for a commit.
///
/// # Errors
/// The library's.
pub(crate) fn has_ample_room(conn: &Connection, free_bytes: u64, total_bytes: u64) -> Result<bool, StoreError> {
    let limits = kept::limits(conn)?;
    // Summed up over every recording that is here: not for nothing.
    let used_bytes = if limits.cap_bytes.is_some() { kept::used_bytes(conn)? } else { 0 };
    let wanted = sealed_len(total_bytes).saturating_add(AMPLE_BYTES);
    Ok(limits.bytes_to_free(Space { used_bytes, free_bytes }, wanted).is_ok_and(|to_free| to_free == 0))
}

fn to_go(
    conn: &Connection,
    free_bytes: u64,
    incoming: &Incoming,
) -> Result<Result<Vec<RecordingId>, NoRoom>, StoreError> {
    let arriving = match incoming {
        Incoming::Recording { id, .. } => kept::arriving_bytes(conn, id)?,
        Incoming::Nothing | Incoming::Unknown => 0,
    };
    let space = Space {
        used_bytes: kept::used_bytes(conn)?.saturating_add(arriving),
        free_bytes: free_bytes.saturating_sub(arriving),
    };
    let limits = match (incoming, kept::limits(conn)?) {
        // How much is to go is known with the length; until then only a full disk is a reason not to ask.
        (Incoming::Unknown, limits) if limits.keep_free_bytes.is_some() => return Ok(Ok(Vec::new())),
        (Incoming::Unknown, limits) => Limits { cap_bytes: None, ..limits },
        (_, limits) => limits,
    };
    let to_free = match limits.bytes_to_free(space, incoming.bytes()) {
        Ok(0) => return Ok(Ok(Vec::new())),
        Ok(to_free) => to_free,
        Err(no_room) => return Ok(Err(no_room)),
    };
    let candidates = kept::candidates(conn)?;
    let all: u64 = candidates.iter().map(|candidate| candidate.bytes).sum();
    // Nothing is waiting for the room: what may go goes, and the pins stay beyond the limit.
    let to_free = if *incoming == Incoming::Nothing { to_free.min(all) } else { to_free };
    Ok(retention::going(candidates, to_free).map(|ids| ids.into_iter().map(|(id, _)| id).collect()))
}

/// Lets one recording's file go, because somebody said so. Returns whether there was one.
///
/// # Errors
/// The library's.
pub async fn evict(store: &Store, vault: &Arc<Vault>, id: &RecordingId) -> Result<bool, RetentionError> {
    let going = id.clone();
    let had = store.write(move |tx, changes| kept::evict(tx, changes, &going)).await?;
    remove_files(vault, std::slice::from_ref(id)).await;
    Ok(had)
}

/// Notes what has been deleted at its source, and lets those voices go whose time has come. Pinned ones wait for the
/// person's word. Returns how many went.
///
/// # Errors
/// The library's.
pub async fn drop_deleted(store: &Store, vault: &Arc<Vault>, now_ms: i64) -> Result<usize, RetentionError> {
    let gone = store.write(move |tx, changes| notice_and_drop(tx, changes, now_ms)).await?;
    if !gone.is_empty() {
        tracing::info!(recordings = gone.len(), "voices went that their source had deleted");
    }
    remove_files(vault, &gone).await;
    Ok(gone.len())
}

fn notice_and_drop(conn: &Connection, changes: &mut ChangeSet, now_ms: i64) -> Result<Vec<RecordingId>, StoreError> {
    kept::notice_deleted(conn, changes, now_ms)?;
    let limits = kept::limits(conn)?;
    let mut gone = Vec::new();
    for deleted in kept::deleted_at_source(conn)? {
        let is_due = retention::goes_at_ms(&limits, deleted.noticed_at_ms) <= now_ms;
        if is_due && !deleted.is_pinned && kept::drop_deleted(conn, changes, &deleted.id)? {
            gone.push(deleted.id);
        }
    }
    Ok(gone)
}

/// What a person allows.
///
/// # Errors
/// The library's.
pub async fn limits(store: &Store) -> Result<Limits, RetentionError> {
    Ok(store.read(kept::limits).await?)
}

/// Their keys are destroyed: what cannot be removed now is of no use to anybody, and the sweep tries again.
async fn remove_files(vault: &Arc<Vault>, ids: &[RecordingId]) {
    let (vault, ids) = (Arc::clone(vault), ids.to_vec());
    let removed = tokio::task::spawn_blocking(move || {
        for id in &ids {
            if let Err(error) = vault.remove(id) {
                tracing::warn!(code = error.code().as_str(), "a file whose key is destroyed was not removed");
            }
        }
    });
    let _ = removed.await; // a panic was reported where it happened
}
