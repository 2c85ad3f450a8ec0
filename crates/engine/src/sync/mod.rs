//! From the CRM's lists into the library: what to read next (`plan`, pure), rows and cursor in one transaction
//! (`apply`), and one sync or the window's endless row of them (`once`, `task`).

mod absent;
mod apply;
mod calls;
mod error;
mod once;
mod plan;
mod report;
mod session;
mod task;

pub use error::SyncError;
pub use once::{Depth, Progress, sync_once};
pub use report::{Counts, SyncReport};
pub use session::keep_session;
pub use task::{SyncLoop, SyncPhase, SyncStatus, last_success_at_ms};
