//! How far a call was listened to in a player that is not the app's own: the window's.

use aftercall_domain::ids::CallSid;
use aftercall_engine::store::table::{calls, listening, recordings};
use aftercall_engine::store::{Store, StoreError, Tag};
use aftercall_media::Turns;

use crate::deck::heard_at_ms;
use crate::dto::ListeningView;
use crate::errors::AppError;

/// What is remembered of a call.
pub(crate) async fn read(store: &Store, sid: CallSid) -> Result<ListeningView, AppError> {
    let found = store.read(move |conn| listening::get(conn, &sid)).await?;
    Ok(ListeningView { position_ms: found.position_ms, heard: found.heard })
}

/// Remembers a position. A call that was heard stays heard; one becomes it where its own player would say so.
pub(crate) async fn keep(store: &Store, sid: CallSid, position_ms: i64, now_ms: i64) -> Result<(), AppError> {
    let written = store.write(move |tx, changes| {
        let Some(listing) = calls::listing(tx, &sid)? else { return Ok(false) };
        let analysis = recordings::analysis(tx, &listing.recording.id)?;
        let turns = analysis.and_then(|analysis| serde_json::from_str::<Turns>(&analysis.turns).ok());
        let duration_ms = listing.recording.facts.as_ref().map_or(0, |facts| facts.duration_ms);
        let before = listening::get(tx, &sid)?;
        let position_ms = position_ms.clamp(0, duration_ms.max(0));
        let passed = duration_ms > 0 && position_ms >= heard_at_ms(turns.as_ref(), duration_ms);
        let now = listening::Listening { position_ms, heard: before.heard || passed, ..before };
        listening::set(tx, &sid, now, now_ms)?;
        changes.touch(Tag::Listening);
        Ok::<_, StoreError>(true)
    });
    if written.await? { Ok(()) } else { Err(AppError::NotFound("call")) }
}
