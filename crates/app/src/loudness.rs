//! How loud each side of a stored recording speaks, measured once and kept: so that level knows its gains from the first
//! sound on. It happens behind everything else, one recording after the other, when each has long been playable.

use std::collections::HashSet;
use std::time::Duration;

use aftercall_domain::ids::RecordingId;
use aftercall_engine::store::Tag;
use aftercall_engine::store::table::recordings;
use aftercall_player::PlayerError;
use aftercall_player::loudness::measure;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::errors::AppError;
use crate::library::Library;
use crate::sound;

/// What arrives within it is looked for together.
const REST: Duration = Duration::from_secs(1);
/// So many are found at a time, beside those that are left.
const AT_A_TIME: usize = 50;

/// Measures what was not measured yet, and what comes in, until it is stopped.
pub(crate) async fn keep(library: Library, stop: CancellationToken) {
    let mut changes = library.store.changes();
    // What cannot be read now is looked at again after the next start.
    let mut left = HashSet::new();
    loop {
        if let Err(error) = measure_all(&library, &mut left, &stop).await {
            tracing::warn!(code = error.code().as_str(), "loudness could not be measured");
        }
        loop {
            let changed = tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.recv() => changed,
            };
            match changed {
                Ok(changes) if !changes.tags.contains(&Tag::Recordings) => {}
                Ok(_) | Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REST) => {}
        }
    }
}

async fn measure_all(
    library: &Library,
    left: &mut HashSet<RecordingId>,
    stop: &CancellationToken,
) -> Result<(), AppError> {
    // What is held is not opened, also not for this.
    while !library.vault.is_held() {
        let among = AT_A_TIME + left.len();
        let found = library.store.read(move |conn| recordings::without_loudness(conn, among)).await?;
        let found: Vec<_> = found.into_iter().filter(|id| !left.contains(id)).collect();
        if found.is_empty() {
            return Ok(());
        }
        for id in found {
            let measured = measure_one(library, &id);
            let kept = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                kept = measured => kept,
            };
            if let Err(error) = kept {
                tracing::debug!(code = error.code().as_str(), "a recording's loudness is left for later");
                left.insert(id);
            }
        }
    }
    Ok(())
}

async fn measure_one(library: &Library, id: &RecordingId) -> Result<(), AppError> {
    let source = sound::open(library, id).await?.source;
    let began = std::time::Instant::now();
    let lufs = match tokio::task::spawn_blocking(move || measure(source)).await.map_err(|_| AppError::Panicked)? {
        Ok(lufs) => lufs,
        Err(error @ (PlayerError::Read(_) | PlayerError::DecoderStopped)) => return Err(error.into()),
        // No other day makes sound of it.
        Err(_) => Vec::new(),
    };
    let id = id.clone();
    library.store.write(move |tx, _| recordings::set_loudness(tx, &id, &lufs)).await?;
    // As much rest as work, so that a library that comes from an older version takes half a core at most.
    tokio::time::sleep(began.elapsed()).await;
    Ok(())
}
