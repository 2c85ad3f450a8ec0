//! Files that are damaged or gone: found, said, and asked for again. The file that is there stays, with its key, until
//! the new one has taken its place: what cannot be had again is no worse for the try.

use std::sync::Arc;

use aftercall_domain::backoff::Moment;
use aftercall_domain::clock::Clock;
use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{Reason, RecordingState};
use rusqlite::Connection;

use super::QueueError;
use super::ledger::{self, Now};
use crate::store::table::recordings::{self, RecordingRow, StoredFile};
use crate::store::table::{jobs, kept};
use crate::store::{ChangeSet, Store, StoreError};
use crate::vault::{Known, Swept, Vault, VaultError};

/// What a look at every stored recording found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Recordings of which every chunk was read.
    pub checked: u64,
    /// Of these, those that do not verify, or whose file is gone.
    pub damaged: u64,
    /// Damaged ones that are asked for again.
    pub requeued: u64,
    /// Recordings that could not be read now; nothing is known of them, and they stay as they are.
    pub unread: u64,
}

fn now_of(clock: &dyn Clock) -> Now {
    let moment = Moment { now_ms: clock.now_ms(), monotonic_ms: clock.monotonic_ms(), process: 0 };
    Now { moment, random: rand::random() }
}

/// Says that a stored file is damaged and asks for it again. Nothing happens where the row speaks of another file by now,
/// or of none. Returns whether it is asked for.
fn requeue(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    file: Option<&StoredFile>,
    now: Now,
) -> Result<bool, StoreError> {
    let Some(row) = recordings::get(conn, id)?.filter(|row| row.state.is_stored()) else { return Ok(false) };
    if let Some(judged) = file
        && recordings::file(conn, id)?.is_none_or(|here| here.file_id != judged.file_id)
    {
        return Ok(false);
    }
    // The job that fetched it is done: a new one is due.
    jobs::remove(conn, id)?;
    let damaged = |row| RecordingRow {
        state: RecordingState::Damaged,
        reason: Some(Reason::Code(Code::Damaged)),
        ready_at_ms: None,
        ..row
    };
    recordings::put(conn, &damaged(row))?;
    match ledger::want(conn, changes, id, Wish::Background, now) {
        // Until it has its turn, what is to be said of it is why.
        Ok((row, _)) => recordings::put(conn, &damaged(row))?,
        Err(QueueError::Store(error)) => return Err(error),
        Err(QueueError::UnknownCall) => return Ok(false),
    }
    Ok(true)
}

/// Says that a recording's stored file is damaged, and asks for it again. Returns whether it was stored.
///
/// # Errors
/// The library's.
pub async fn mark_damaged(store: &Store, clock: &Arc<dyn Clock>, id: &RecordingId) -> Result<bool, StoreError> {
    let (id, now) = (id.clone(), now_of(&**clock));
    store.write(move |tx, changes| requeue(tx, changes, &id, None, now)).await
}

/// After a crash: brings what lies in the vault and what the rows say together, and asks again for what is gone. Run it
/// before anything is fetched. Blocks.
///
/// # Errors
/// The library's, the vault's.
pub fn sweep(store: &Store, vault: &Vault, clock: &dyn Clock) -> Result<Swept, SweepError> {
    let now = now_of(clock);
    let (known, stored) = store.read_blocking(|conn| {
        let with_files = kept::with_files(conn)?;
        let stored: Vec<_> = with_files.iter().filter(|(_, is_stored)| *is_stored).map(|(id, _)| id.clone()).collect();
        let known = Known {
            keyed: with_files.into_iter().map(|(id, _)| id).collect(),
            keyless: kept::without_files(conn)?,
            awaited: jobs::all(conn)?.into_iter().map(|job| job.recording_id).collect(),
        };
        Ok((known, stored))
    })?;
    let mut swept = vault.sweep(&known, now.moment.now_ms)?;
    swept.missing.retain(|id| stored.contains(id));
    if !swept.missing.is_empty() {
        // Its key stays too: a disk that was not there may come back with the file.
        let missing = swept.missing.clone();
        store.write_blocking(move |tx, changes| {
            missing.iter().try_for_each(|id| requeue(tx, changes, id, None, now).map(drop))
        })?;
    }
    if swept != Swept::default() {
        let Swept { parts_removed, erased, quarantined, missing } = &swept;
        tracing::info!(parts_removed, erased, quarantined, missing = missing.len(), "the vault was swept");
    }
    Ok(swept)
}

/// Reads every chunk of every stored recording, and asks again for those that do not verify. `tell` is told how many of
/// how many are done.
///
/// # Errors
/// The library's.
pub async fn verify(
    store: &Store,
    vault: &Arc<Vault>,
    clock: &Arc<dyn Clock>,
    tell: impl Fn(u64, u64),
) -> Result<Verified, StoreError> {
    let stored = store.read(|conn| {
        let with_files = kept::with_files(conn)?;
        Ok(with_files.into_iter().filter(|(_, is_stored)| *is_stored).map(|(id, _)| id).collect::<Vec<_>>())
    });
    let stored = stored.await?;
    let mut verified = Verified::default();
    for (done, id) in stored.iter().enumerate() {
        tell(done as u64, stored.len() as u64);
        let asked = id.clone();
        let Some(file) = store.read(move |conn| recordings::file(conn, &asked)).await? else { continue };
        let (read_by, of, read) = (Arc::clone(vault), id.clone(), file.clone());
        let judged = tokio::task::spawn_blocking(move || judge(&read_by, &of, &read)).await;
        match judged {
            Ok(Judged::Sound) => verified.checked += 1,
            Ok(Judged::Damaged) => {
                verified.checked += 1;
                verified.damaged += 1;
                let (id, now) = (id.clone(), now_of(&**clock));
                let asked = store.write(move |tx, changes| requeue(tx, changes, &id, Some(&file), now)).await?;
                verified.requeued += u64::from(asked);
            }
            Ok(Judged::Unread) | Err(_) => verified.unread += 1,
        }
    }
    tell(stored.len() as u64, stored.len() as u64);
    Ok(verified)
}

/// What reading a whole file showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Every chunk verifies.
    Sound,
    /// It does not, or the file is gone.
    Damaged,
    /// It could not be read now, which says nothing of its bytes.
    Unread,
}

/// Reads a whole file. Blocks.
pub fn judge(vault: &Vault, id: &RecordingId, file: &StoredFile) -> Judged {
    match vault.reader(id, file).and_then(|reader| reader.verify().map_err(VaultError::from)) {
        Ok(()) => Judged::Sound,
        Err(VaultError::Missing) => Judged::Damaged,
        Err(error) if error.code() == Code::Damaged => Judged::Damaged,
        Err(_) => Judged::Unread,
    }
}

/// Why a sweep could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The library.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sealed files.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl SweepError {
    /// What outsiders are told.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Vault(error) => error.code(),
        }
    }
}
