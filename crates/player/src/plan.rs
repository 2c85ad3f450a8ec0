//! What of a recording is to be heard, and how: the one answer that live playback and rendering to a file are made from.

use std::ops::Range;
use std::sync::Arc;

use aftercall_media::Cut;

use crate::decode::Decoder;
use crate::route::Route;
use crate::shape::Shape;

/// Begin, end, speed and shape of what is made. Times are media time in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where it begins.
    pub from_us: u64,
    /// First moment that is not heard; none = the recording's end.
    pub until_us: Option<u64>,
    /// 0.5 to 3.
    pub speed: f64,
    /// How the sides stand to each other.
    pub shape: Shape,
    /// What is left out, in order.
    pub cuts: Arc<[Cut]>,
    /// Round and round between two moments; then nothing is left out.
    pub repeat: Option<(u64, u64)>,
}

impl Plan {
    /// The frames of an open recording that it means.
    pub fn route(&self, decoder: &Decoder) -> Route {
        let frame = |us: u64| decoder.frame_at_us(us);
        let start = frame(self.from_us);
        let end = self.until_us.map_or(u64::MAX, |until_us| frame(until_us).max(start));
        if let Some((a_us, b_us)) = self.repeat {
            return Route::round(start, frame(a_us)..frame(b_us), end);
        }
        let cuts = self.cuts.iter().map(|cut| -> Range<u64> { frame(as_us(cut.start_ms))..frame(as_us(cut.end_ms)) });
        Route::without(start..end, cuts)
    }
}

/// Milliseconds as the machine counts; before the beginning is the beginning.
pub fn as_us(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(1000)
}
