//! Room for what arrives: made before a fetch begins where there is not ample room anyway, waited for where there is none.

use std::sync::Arc;

use aftercall_domain::download::{Event, Failure};
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{Reason, RecordingState};
use aftercall_media::sealed::sealed_len;

use super::handle::Queue;
use super::inside::Inside;
use super::{failure, ledger};
use crate::retention::{self, Incoming, RetentionError};
use crate::store::StoreError;
use crate::store::table::recordings;

/// Makes room for a recording of `total_bytes`, or of a length that is not known yet.
pub(super) async fn make(inside: &Arc<Inside>, id: &RecordingId, total_bytes: Option<u64>) -> Result<(), Event> {
    let incoming = match total_bytes {
        Some(total_bytes) => Incoming::Recording { id: id.clone(), total_bytes },
        None => Incoming::Unknown,
    };
    match retention::make_room(&inside.parts.store, &inside.parts.vault, incoming).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match (error.code(), total_bytes) {
            (Code::DiskFull, None) => Event::NoRoom { asked: false },
            // It may be this one that is too long.
            (Code::DiskFull, Some(_)) => Event::Failed(Failure::NeedsYou(Code::DiskFull)),
            (code, _) => failure::of_disk(code),
        }),
    }
}

impl Queue {
    /// Recordings that stopped because the disk was full go on, as many as there is room for now. Returns how many.
    ///
    /// # Errors
    /// The library's, the vault's.
    pub async fn resume_where_room(&self) -> Result<usize, RetentionError> {
        let inside = &self.inside;
        let waiting = inside.parts.store.read(|conn| {
            let rows = recordings::in_states(conn, &[RecordingState::FailedNeedsYou])?;
            let full = Some(Reason::Code(Code::DiskFull));
            Ok(rows.into_iter().filter(|row| row.reason == full).collect::<Vec<_>>())
        });
        let waiting = waiting.await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let limits = retention::limits(&inside.parts.store).await?;
        let space = retention::space(&inside.parts.store, &inside.parts.vault).await?;
        let evictable = inside.parts.store.read(crate::store::table::kept::candidates).await?;
        let evictable: u64 = evictable.iter().map(|candidate| candidate.bytes).sum();
        let (mut incoming, mut fitting) = (0_u64, Vec::new());
        for row in waiting {
            let with_this = incoming.saturating_add(row.bytes_total.map_or(Incoming::UNKNOWN_BYTES, sealed_len));
            if limits.bytes_to_free(space, with_this).is_ok_and(|to_free| to_free <= evictable) {
                incoming = with_this;
                fitting.push(row.id);
            }
        }
        let (now, helped) = (inside.now(), fitting.len());
        let gone_on = inside.parts.store.write(move |tx, changes| {
            for id in &fitting {
                ledger::step(tx, changes, id, Event::Helped, now)?;
            }
            Ok::<_, StoreError>(())
        });
        gone_on.await?;
        inside.wake.notify_one();
        Ok(helped)
    }
}
