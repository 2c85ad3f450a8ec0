//! From the CRM's and Twilio's lists into the library: what to read next (`plan`, pure), rows and cursor in one transaction
//! (`apply`), what changed of older calls (`sweep`), and one sync or the window's endless row of them (`once`, `task`),
//! by the clock (`schedule`, pure).

mod absent;
mod apply;
mod calls;
mod error;
mod lead_detail;
mod once;
mod plan;
mod report;
mod running;
mod schedule;
mod session;
mod sweep;
mod task;
mod twilio;

pub use error::SyncError;
pub use lead_detail::read_opened;
pub use once::{Depth, Progress, sync_once};
pub use report::{Counts, List, Refused, SyncReport};
pub use session::keep_session;
pub use task::{CLOCK_WRONG_MS, SyncLoop, SyncOptions, SyncPhase, SyncStatus, last_success_at_ms};
pub use twilio::{TwilioLoop, last_twilio_success_at_ms, sync_twilio};
