//! Failures of the app: by cause inside, a code and a reference outside.

use std::sync::Arc;

use aftercall_domain::error::{Code, Retry};
use aftercall_domain::ids::InvalidId;
use aftercall_domain::recording::{Reason, RecordingState};
use aftercall_domain::standing::{Known, Standing};
use aftercall_engine::outbox::OutboxError;
use aftercall_engine::queue::QueueError;
use aftercall_engine::retention::RetentionError;
use aftercall_engine::rotation::RotationError;
use aftercall_engine::secrets::SecretsError;
use aftercall_engine::store::StoreError;
use aftercall_engine::sync::SyncError;
use aftercall_engine::upstream::UpstreamError;
use aftercall_engine::vault::VaultError;
use aftercall_player::PlayerError;

use crate::profile::ProfileError;

/// Why the app could not do what was asked. Says no name, number or address.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The library.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The root key.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The sealed recordings.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The CRM.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// A sync.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The downloads.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What stays on this device.
    #[error(transparent)]
    Retention(#[from] RetentionError),
    /// What is to be sent.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The sound.
    #[error(transparent)]
    Player(#[from] PlayerError),
    /// The profile's folder.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// An argument that cannot be meant.
    #[error("{0}")]
    InvalidInput(&'static str),
    /// Nothing by that name.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Nobody has signed in on this profile.
    #[error("nobody is signed in: sign in first")]
    NotSignedIn,
    /// The app is locked.
    #[error("the app is locked: unlock it with its passphrase")]
    Locked,
    /// The passphrase is another.
    #[error("the passphrase is wrong; nothing was changed")]
    WrongPassphrase {
        /// When another may be tried.
        retry_after_ms: u64,
    },
    /// Passphrases were tried too quickly.
    #[error("wait before another passphrase is tried")]
    TooSoon {
        /// When another may be tried.
        retry_after_ms: u64,
    },
    /// The profile is another account's.
    #[error(
        "this profile holds another account's library: a second account is a second profile (--profile), or wipe this one"
    )]
    OtherAccount,
    /// The recording is not on this device.
    #[error("the recording is not on this device ({}{})", .state.as_str(), reason_suffix(*.reason))]
    NotHere {
        /// Its state.
        state: RecordingState,
        /// Why.
        reason: Option<Reason>,
    },
    /// Waited for as long as its window or its 12 polls last.
    #[error("{waiting} of the recordings asked for are not on this device")]
    NotFetched {
        /// How many.
        waiting: usize,
        /// What the first of them came to.
        code: Code,
    },
    /// What keeps the library from being written did not pass.
    #[error("the library cannot be written; what is left to fetch goes on when it can")]
    NotWritten(Code),
    /// Recordings that could not be read for a reason that says nothing of their bytes.
    #[error("{0} recordings could not be read")]
    Unread(u64),
    /// Recordings that do not verify; they are asked for again.
    #[error("{damaged} of {checked} recordings are damaged; {requeued} are asked for again")]
    Damaged {
        /// How many were read.
        checked: u64,
        /// Of these, damaged.
        damaged: u64,
        /// Of these, asked for again.
        requeued: u64,
    },
    /// A file that was to be written.
    #[error("the file cannot be written: {}", .0.kind())]
    Output(#[source] std::io::Error),
    /// Stopped by the person.
    #[error("stopped; what was asked for stays asked for")]
    Cancelled,
    /// A command or a task of ours panicked.
    #[error("a fault of the app")]
    Panicked,
    /// The start was refused, and with it everything that needs the library.
    #[error("{0}")]
    Refused(Arc<AppError>),
}

impl From<RotationError> for AppError {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::Secrets(error) => Self::Secrets(error),
            RotationError::Store(error) => Self::Store(error),
        }
    }
}

fn reason_suffix(reason: Option<Reason>) -> String {
    reason.map(|reason| format!(", {}", reason.as_str())).unwrap_or_default()
}

impl AppError {
    /// What outsiders are told.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Secrets(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::Upstream(error) => error.code(),
            Self::Sync(error) => error.code(),
            Self::Queue(error) => error.code(),
            Self::Retention(error) => error.code(),
            Self::Outbox(error) => error.code(),
            Self::Player(error) => error.code(),
            Self::Profile(error) => error.code(),
            Self::InvalidInput(_) => Code::InvalidInput,
            Self::NotFound(_) => Code::NotFound,
            Self::NotSignedIn => Code::LoginExpired,
            Self::NotHere { state, reason } => {
                let (state, reason) = (*state, *reason);
                let known = Known { state, reason, next_at_ms: None, origin: None, now_ms: 0 };
                Standing::of(known).code().unwrap_or(Code::Internal)
            }
            Self::Locked => Code::Locked,
            Self::WrongPassphrase { .. } => Code::WrongPassword,
            Self::TooSoon { .. } => Code::RateLimited,
            Self::OtherAccount => Code::ProfileInUse,
            Self::NotFetched { code, .. } | Self::NotWritten(code) => *code,
            Self::Output(error) if error.kind() == std::io::ErrorKind::StorageFull => Code::DiskFull,
            Self::Output(_) => Code::InvalidInput,
            Self::Cancelled => Code::Cancelled,
            Self::Damaged { .. } => Code::Damaged,
            Self::Panicked | Self::Unread(_) => Code::Internal,
            Self::Refused(error) => error.code(),
        }
    }

    /// The profile, or the disk that it lies on, may not be written.
    pub fn is_read_only(&self) -> bool {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        match self {
            Self::Store(StoreError::CannotOpen) => true,
            Self::Store(StoreError::Io(error)) | Self::Profile(ProfileError::Io(error)) => {
                matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
            }
            Self::Refused(error) => error.is_read_only(),
            _ => false,
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store(error) => error.retry(),
            Self::Secrets(error) => error.retry(),
            Self::Vault(error) => error.retry(),
            Self::Upstream(error) => error.retry(),
            Self::Sync(error) => error.retry(),
            Self::Queue(error) => error.retry(),
            Self::Retention(error) => error.retry(),
            Self::Outbox(error) => error.retry(),
            Self::Player(error) => error.retry(),
            Self::NotSignedIn => Retry::AfterLogin,
            Self::WrongPassphrase { retry_after_ms } | Self::TooSoon { retry_after_ms } => {
                Retry::After(*retry_after_ms)
            }
            Self::Locked | Self::OtherAccount => Retry::AfterUser,
            Self::Profile(_) | Self::Output(_) => Retry::AfterUser,
            Self::NotFetched { .. } | Self::NotWritten(_) | Self::NotHere { .. } | Self::Unread(_) => Retry::After(0),
            Self::Damaged { .. } => Retry::Never,
            Self::Refused(error) => error.retry(),
            Self::InvalidInput(_) | Self::NotFound(_) | Self::Cancelled | Self::Panicked => Retry::Never,
        }
    }

    /// When trying again makes sense, where that is known.
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self.retry() {
            Retry::After(ms) => Some(ms),
            Retry::Never | Retry::AfterLogin | Retry::AfterUser => None,
        }
    }
}

impl From<InvalidId> for AppError {
    fn from(_: InvalidId) -> Self {
        Self::InvalidInput("that is not an id")
    }
}
