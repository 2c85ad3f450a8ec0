//! The waveform of a recording while it arrives.

use aftercall_domain::ids::RecordingId;
use aftercall_player::ArrivingShape;

use super::Deck;
use crate::dto::PeaksView;
use crate::errors::AppError;
use crate::{sides, sound};

/// What is drawn of the recording that arrives: kept, so that each packet is decoded once.
pub(super) struct Drawn {
    file_id: [u8; 16],
    shape: ArrivingShape,
}

impl Deck {
    /// The shape of what is here from the beginning on; the rest is silence, up to the length that is known so far.
    /// `None` where nothing arrives, or too little of it is here.
    pub async fn shape_so_far(&self, id: &RecordingId, buckets: u32) -> Result<Option<PeaksView>, AppError> {
        // What is held is not heard, and not seen.
        if self.0.library.vault.is_held() {
            return Ok(None);
        }
        let Some(arriving) = self.0.downloads.arriving(id) else { return Ok(None) };
        let file_id = arriving.file_id();
        let mut kept = self.0.drawn.lock().await;
        let before = kept.take().filter(|drawn| drawn.file_id == file_id);
        let grown = tokio::task::spawn_blocking(move || match before {
            Some(drawn) => drawn.shape.grown(),
            None => ArrivingShape::open(&sound::Coming::of(&arriving))?.grown(),
        });
        let shape = match grown.await.map_err(|_| AppError::Panicked)? {
            Ok(shape) => shape,
            Err(error) if error.is_not_here() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (peaks, duration_ms) = (shape.peaks(), shape.duration_ms());
        *kept = Some(Drawn { file_id, shape });
        drop(kept);
        let sides = sides::of_recording(&self.0.library.store, id, peaks.channels()).await?;
        Ok(Some(sound::shape_view(&peaks, duration_ms, buckets, sides)))
    }
}
