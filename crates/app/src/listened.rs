//! How far a call was listened to in a player that is not the app's own: the window's.

use aftercall_domain::ids::CallSid;
use aftercall_engine::store::table::{calls, listening, recordings};
use aftercall_engine::store::{Store, StoreError, Tag};
use aftercall_media::Turns;

use crate::deck::is_heard;
use crate::dto::{ListeningKeepAsk, ListeningView};
use crate::errors::AppError;

/// What is remembered of a call.
pub(crate) async fn read(store: &Store, sid: CallSid) -> Result<ListeningView, AppError> {
    let found = store.read(move |conn| listening::get(conn, &sid)).await?;
    Ok(ListeningView { position_ms: found.position_ms, heard: found.heard })
}

/// Remembers a position. A call that was heard stays heard; one becomes it where its own player would say so.
pub(crate) async fn keep(store: &Store, ask: &ListeningKeepAsk, now_ms: i64) -> Result<(), AppError> {
    let (sid, position_ms, from_ms): (CallSid, _, _) = (ask.sid.parse()?, ask.position_ms, ask.played_from_ms);
    let written = store.write(move |tx, changes| {
        let Some(listing) = calls::listing(tx, &sid)? else { return Ok(false) };
        let analysis = recordings::analysis(tx, &listing.recording.id)?;
        let turns = analysis.and_then(|analysis| serde_json::from_str::<Turns>(&analysis.turns).ok());
        let duration_ms = listing.recording.facts.as_ref().map_or(0, |facts| facts.duration_ms);
        let before = listening::get(tx, &sid)?;
        let position_ms = position_ms.clamp(0, duration_ms.max(0));
        let mut played = before.played.clone();
        if let Some(from_ms) = from_ms {
            played.add(from_ms, position_ms);
        }
        let heard = before.heard || is_heard(turns.as_ref(), duration_ms, &played);
        listening::set(tx, &sid, &listening::Listening { position_ms, heard, speed: before.speed, played }, now_ms)?;
        changes.touch(Tag::Listening);
        Ok::<_, StoreError>(true)
    });
    if written.await? { Ok(()) } else { Err(AppError::NotFound("call")) }
}
