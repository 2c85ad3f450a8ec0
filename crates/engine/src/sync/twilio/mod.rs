//! Twilio's feed: calls and recordings into the library, beside the CRM's.

mod apply;
mod once;
mod plan;
mod task;

pub use once::sync_twilio;
pub use task::TwilioLoop;

use crate::store::{Store, StoreError};

/// When a sync with Twilio last succeeded.
///
/// # Errors
/// The library's.
pub async fn last_twilio_success_at_ms(store: &Store) -> Result<Option<i64>, StoreError> {
    apply::last_success_at_ms(store).await
}
