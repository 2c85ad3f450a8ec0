//! Every place that recordings come from, as one: each id is asked of the source that it names.

use std::sync::Arc;

use aftercall_domain::ids::{RecordingId, Source};
use futures_util::future::BoxFuture;

use super::{Piece, Presence, RecordingSource, UpstreamError};

/// The sources that somebody signed in to.
#[derive(Clone, Default)]
pub struct Sources {
    /// The company's CRM.
    pub crm: Option<Arc<dyn RecordingSource>>,
    /// Twilio.
    pub twilio: Option<Arc<dyn RecordingSource>>,
}

impl Sources {
    /// Nobody signed in to the recording's source: it waits for that.
    fn of(&self, id: &RecordingId) -> Result<&dyn RecordingSource, UpstreamError> {
        let source = match id.source() {
            Source::Crm => &self.crm,
            Source::Twilio => &self.twilio,
        };
        source.as_deref().ok_or(UpstreamError::SessionEnded)
    }
}

impl RecordingSource for Sources {
    fn head<'a>(&'a self, id: &'a RecordingId) -> BoxFuture<'a, Result<Presence, UpstreamError>> {
        Box::pin(async { self.of(id)?.head(id).await })
    }

    fn range<'a>(&'a self, id: &'a RecordingId, first: u64, last: u64) -> BoxFuture<'a, Result<Piece, UpstreamError>> {
        Box::pin(async move { self.of(id)?.range(id, first, last).await })
    }

    /// As long as none of them may be asked: one that rests does not hold up the other.
    fn resting_ms(&self) -> i64 {
        let sources = [&self.crm, &self.twilio].into_iter().flatten();
        sources.map(|source| source.resting_ms()).min().unwrap_or(0)
    }
}
