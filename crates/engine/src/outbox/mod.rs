//! What a person writes, to the CRM, once: durable drafts, decided by [`aftercall_domain::outbox`], carried out here.
//!
//! `ledger` writes every step of a draft in one transaction, before anything is done about it; `runner` asks and sends,
//! one draft at a time.

mod ledger;
mod runner;

use aftercall_domain::error::{Code, Retry};
use aftercall_domain::note::NotANote;

use crate::store::StoreError;

pub use ledger::{Written, add_note, discard, edit_draft, edit_note, retry};
pub use runner::{Outbox, OutboxOptions, OutboxParts, flush};

/// Why a draft could not be kept or changed.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The text.
    #[error(transparent)]
    Text(#[from] NotANote),
    /// A lead, a note or a draft that is not here.
    #[error("there is no such lead, note or draft")]
    Unknown,
    /// It is being sent at this moment.
    #[error("the note is being sent: wait a moment")]
    BeingSent,
    /// Nobody is signed in: there is nobody to send it as.
    #[error("nobody is signed in: sign in first")]
    NotSignedIn,
    /// The library.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OutboxError {
    /// The word for outsiders.
    pub fn code(&self) -> Code {
        match self {
            Self::Text(_) => Code::InvalidInput,
            Self::Unknown => Code::NotFound,
            Self::BeingSent => Code::NotReady,
            Self::NotSignedIn => Code::LoginExpired,
            Self::Store(error) => error.code(),
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Text(_) | Self::Unknown => Retry::Never,
            Self::BeingSent => Retry::After(0),
            Self::NotSignedIn => Retry::AfterLogin,
            Self::Store(error) => error.retry(),
        }
    }
}
