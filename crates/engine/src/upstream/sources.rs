//! Every place that recordings come from, as one: each id is asked of the source that it names.

use std::sync::Arc;

use aftercall_domain::breaker::Rest;
use aftercall_domain::ids::{RecordingId, Source};
use futures_util::future::BoxFuture;

use super::{Presence, Ranged, RecordingSource, SameFile, UpstreamError, Validator};

/// The sources that somebody signed in to.
#[derive(Clone, Default)]
pub struct Sources {
    /// The company's CRM.
    pub crm: Option<Arc<dyn RecordingSource>>,
    /// Twilio.
    pub twilio: Option<Arc<dyn RecordingSource>>,
}

impl Sources {
    fn at(&self, source: Source) -> Option<&dyn RecordingSource> {
        match source {
            Source::Crm => self.crm.as_deref(),
            Source::Twilio => self.twilio.as_deref(),
        }
    }

    /// Nobody signed in to the recording's source: it waits for that.
    fn of(&self, id: &RecordingId) -> Result<&dyn RecordingSource, UpstreamError> {
        self.at(id.source()).ok_or(UpstreamError::SessionEnded)
    }
}

impl RecordingSource for Sources {
    fn head<'a>(&'a self, id: &'a RecordingId) -> BoxFuture<'a, Result<Presence, UpstreamError>> {
        Box::pin(async { self.of(id)?.head(id).await })
    }

    fn range<'a>(
        &'a self,
        id: &'a RecordingId,
        first: u64,
        last: u64,
        same: Option<&'a Validator>,
    ) -> BoxFuture<'a, Result<Ranged, UpstreamError>> {
        Box::pin(async move { self.of(id)?.range(id, first, last, same).await })
    }

    fn range_tells(&self, id: &RecordingId) -> bool {
        self.of(id).is_ok_and(|source| source.range_tells(id))
    }

    fn same_file(&self, id: &RecordingId) -> SameFile {
        self.of(id).map_or(SameFile::ByValidator, |source| source.same_file(id))
    }

    fn resting(&self, of: Source) -> Option<Rest> {
        self.at(of)?.resting(of)
    }

    fn is_doubted(&self, of: Source) -> bool {
        self.at(of).is_some_and(|source| source.is_doubted(of))
    }

    fn try_now(&self, of: Source) {
        if let Some(source) = self.at(of) {
            source.try_now(of);
        }
    }
}
