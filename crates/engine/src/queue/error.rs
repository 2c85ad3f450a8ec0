//! What asking for a recording can answer.

use aftercall_domain::error::{Code, Retry};

use crate::store::StoreError;

/// Why a wish was not taken. What happens to a wish that was taken is in its recording's row.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No call of that sid is known.
    #[error("no such call")]
    UnknownCall,
    /// The library.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueueError {
    /// The word for outsiders.
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownCall => Code::NotFound,
            Self::Store(error) => error.code(),
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::UnknownCall => Retry::Never,
            Self::Store(error) => error.retry(),
        }
    }
}
