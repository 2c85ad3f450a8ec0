//! Which lane of a waveform is whose, and a person's word that it is the other way round.

use aftercall_domain::call::Direction;
use aftercall_domain::ids::{RecordingId, Source};
use aftercall_domain::sides::{Side, sides};
use aftercall_engine::store::table::{calls, profile, recordings};
use aftercall_engine::store::{Store, StoreError, Tag};

use crate::errors::AppError;

pub(crate) fn setting(source: Source) -> &'static str {
    match source {
        Source::Crm => "channels.swapped.crm",
        Source::Twilio => "channels.swapped.twilio",
    }
}

/// Whose the lanes of a recording are; nothing for one whose speakers cannot be split.
pub(crate) async fn of_recording(store: &Store, id: &RecordingId, channels: u16) -> Result<Vec<Side>, AppError> {
    if channels != 2 {
        return Ok(Vec::new());
    }
    let id = id.clone();
    let read = store.read(move |conn| {
        let row = recordings::get(conn, &id)?;
        let call = row.map(|row| calls::get(conn, &row.call_sid)).transpose()?.flatten();
        let direction = call.map_or(Direction::Unknown, |call| call.direction);
        let swapped = profile::get(conn, setting(id.source()))?.unwrap_or(false);
        Ok(sides(id.source(), direction, swapped).to_vec())
    });
    Ok(read.await?)
}

/// From now on the two channels of every recording of this one's source are taken the other way round.
pub(crate) async fn swap(store: &Store, id: &RecordingId) -> Result<(), AppError> {
    let key = setting(id.source());
    let written = store.write(move |tx, changes| {
        let swapped: bool = profile::get(tx, key)?.unwrap_or(false);
        profile::set(tx, key, &!swapped)?;
        changes.touch(Tag::Settings);
        Ok::<(), StoreError>(())
    });
    Ok(written.await?)
}
