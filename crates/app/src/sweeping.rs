//! The vault is swept behind the opening: the first rows do not wait for a large library's files to be listed, downloads do.

use std::sync::Mutex;

use aftercall_engine::queue::repair;
use aftercall_engine::vault::{Swept, Unswept};
use tokio::task::JoinHandle;

use crate::start::{App, lock};

/// A start's sweep, until somebody has asked what it did.
#[derive(Default)]
pub(crate) struct Sweeping(Mutex<Option<JoinHandle<Swept>>>);

impl Sweeping {
    /// Begins; what downloads is let go when it ends, however it does.
    pub fn start(&self, app: &App, unswept: Unswept) {
        let library = app.library().clone();
        let sweeping = app.spawn_blocking(move || {
            let swept = repair::sweep(&library.store, &library.vault, &*library.clock).unwrap_or_else(|error| {
                // A folder that cannot be read is no reason to stop anything; the doctor looks at it.
                tracing::warn!(code = error.code().as_str(), %error, "the vault could not be swept");
                Swept::default()
            });
            drop(unswept);
            swept
        });
        *lock(&self.0) = Some(sweeping);
    }

    /// What was done, once it is done; the second to ask hears of nothing.
    pub async fn take(&self) -> Swept {
        let sweeping = lock(&self.0).take();
        match sweeping {
            Some(sweeping) => sweeping.await.unwrap_or_default(),
            None => Swept::default(),
        }
    }
}
