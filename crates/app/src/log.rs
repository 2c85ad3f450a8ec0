//! The log: a file in the profile. It never holds a name, a number, an address or a key, because no call of
//! `tracing` in this program is given one; request lines of libraries are left out altogether.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::profile::private;

const LOG_FILE: &str = "aftercall.log";
/// A longer log is moved aside at the start, and the one moved before is dropped.
const LOG_BYTES_MAX: u64 = 4 << 20;
/// Ours only: HTTP libraries write whole addresses at debug level.
const FILTER: &str = "off,aftercall_app=info,aftercall_engine=info,aftercall_player=info,aftercall=info";

/// Starts writing to the profile's log. The first profile of a process wins; a log that cannot be opened is no
/// reason not to start.
pub fn start(folder: &Path) {
    let path = folder.join(LOG_FILE);
    if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
        // Best effort: a log that grows on is better than none.
        let _ = fs::rename(&path, folder.join("aftercall.old.log"));
    }
    let Ok(file) = private(&mut OpenOptions::new()).create(true).append(true).open(path) else { return };
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_span_events(FmtSpan::NONE)
        .with_writer(Mutex::new(file))
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // The message of a panic may quote a value: only the place is written.
            let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
            tracing::error!(place, "a panic");
            if cfg!(debug_assertions) {
                usual(panic);
            }
        }));
    }
}
