//! What is on this device: the library and the sealed recordings.

use std::sync::Arc;

use aftercall_domain::clock::Clock;
use aftercall_engine::store::Store;
use aftercall_engine::vault::Vault;

/// Cheap to clone; passed to whoever reads or writes.
#[derive(Clone)]
pub(crate) struct Library {
    pub store: Store,
    pub vault: Arc<Vault>,
    pub clock: Arc<dyn Clock>,
}
