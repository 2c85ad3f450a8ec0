//! Why a sync ended early.

use aftercall_domain::error::{Code, Retry};

use crate::store::StoreError;
use crate::upstream::UpstreamError;

/// Why a sync ended early. What was read before stays read.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The CRM.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The library.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stopped by us.
    #[error("stopped")]
    Cancelled,
}

impl SyncError {
    /// The word for outsiders.
    pub fn code(&self) -> Code {
        match self {
            Self::Upstream(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Cancelled => Code::Cancelled,
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Upstream(error) => error.retry(),
            Self::Store(error) => error.retry(),
            Self::Cancelled => Retry::Never,
        }
    }
}
