//! Why the CRM could not be asked, by cause.

use aftercall_domain::error::{Code, Retry};
use aftercall_domain::recording::Fact;

/// Why a question to the CRM has no usable answer. Says no address, name or number.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Not an address, not https, or with a user name in it.
    #[error("the address is neither https nor plain http on this computer")]
    InvalidAddress,
    /// No connection could be made.
    #[error("no connection to the server")]
    Offline,
    /// Connected, but no answer came, or too slowly.
    #[error("the server does not answer")]
    TimedOut,
    /// The server's certificate is not trusted: the computer's clock may be wrong, or somebody is in between.
    #[error("the server's certificate is not trusted")]
    Certificate,
    /// A status that is a failure of the server, or one that this client does not expect.
    #[error("the server answered with status {status}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// What its `Retry-After` asks for.
        retry_after_ms: Option<i64>,
    },
    /// Not asked: the server failed again and again, and is left alone for a while.
    #[error("the server failed repeatedly and is left alone for a while")]
    Paused {
        /// How long.
        wait_ms: i64,
        /// What failed last was the connection, not the server.
        offline: bool,
        /// It was asked all the same, to find out whether it is back, and it is not.
        asked: bool,
    },
    /// A page, or the way to one, in place of an answer: a network's sign-in page, a proxy, the CRM's own sign-in.
    #[error("a web page answers in the server's place: the network may want its own sign-in")]
    Captive {
        /// What its `Retry-After` asks for.
        retry_after_ms: Option<i64>,
    },
    /// A success that is not the data asked for, or broken JSON.
    #[error("the server answered with something that is not data")]
    NotData,
    /// An answer beyond the limits of size, rows or depth.
    #[error("the answer is too large")]
    TooLarge,
    /// 429.
    #[error("the server asks for patience")]
    RateLimited {
        /// What its `Retry-After` asks for.
        retry_after_ms: Option<i64>,
    },
    /// The e-mail and password were refused.
    #[error("the e-mail or the password is wrong")]
    WrongPassword,
    /// The session ended and could be renewed neither by a refresh nor by a kept password.
    #[error("the session ended")]
    SessionEnded,
    /// The account stands outside every business: it sees nothing that this app shows.
    #[error("this account belongs to no business: sign in as an owner, an administrator or an agent of one")]
    NoBusiness,
    /// 403: not for this role or business.
    #[error("the account may not have this")]
    Forbidden,
    /// 404.
    #[error("the server knows nothing by that name")]
    NotFound,
    /// A 4xx that is about what was sent: the same will be refused again.
    #[error("the server does not take it (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// 410.
    #[error("it was removed at the server")]
    Gone,
    /// A page or JSON where sound was asked for.
    #[error("the answer is not sound")]
    NotAudio,
    /// The body ended early, or is longer than announced.
    #[error("the body did not arrive whole")]
    Truncated,
    /// What was given as an account, a key and a secret cannot be those.
    #[error("an account is AC and 32 hexadecimal digits, a key SK and 32, and neither goes without its secret")]
    InvalidAccount,
    /// The account's key or token was refused.
    #[error("the account, the key or its secret is wrong, or belongs to another region")]
    BadCredentials,
    /// The sound is encrypted, and its private key was not given or is another one.
    #[error("the recording is encrypted, and its private key was not given here")]
    KeyMissing,
    /// An encrypted body is not what was sealed. Nothing of it is used.
    #[error("the encrypted recording does not verify")]
    Unverified,
    /// The source made no recording, for this reason.
    #[error("the source kept no recording ({})", .0.as_str())]
    NeverKept(Fact),
    /// A redirect to where no recording of ours is kept.
    #[error("the server sent us to a place that is not trusted")]
    ForeignRedirect,
    /// A range answer that does not fit the question or the file's first answer.
    #[error("the file changed while it was read")]
    Changed,
}

impl UpstreamError {
    /// The word for outsiders.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidAddress | Self::Refused { .. } | Self::InvalidAccount => Code::InvalidInput,
            Self::Offline | Self::Paused { offline: true, .. } => Code::Offline,
            Self::Paused { offline: false, .. } | Self::Captive { .. } | Self::ForeignRedirect => {
                Code::ServerUnavailable
            }
            Self::TimedOut | Self::Certificate | Self::Unavailable { .. } | Self::NotData | Self::TooLarge => {
                Code::ServerUnavailable
            }
            Self::RateLimited { .. } => Code::RateLimited,
            Self::WrongPassword | Self::BadCredentials => Code::WrongPassword,
            Self::SessionEnded => Code::LoginExpired,
            Self::Forbidden | Self::NoBusiness => Code::Forbidden,
            Self::NotFound | Self::NeverKept(_) => Code::NotFound,
            Self::KeyMissing => Code::KeyLost,
            Self::Gone => Code::Gone,
            Self::NotAudio => Code::NotAudio,
            Self::Truncated | Self::Changed | Self::Unverified => Code::Damaged,
        }
    }

    /// Whether asking again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::InvalidAddress
            | Self::Refused { .. }
            | Self::InvalidAccount
            | Self::Forbidden
            | Self::NoBusiness
            | Self::NotFound
            | Self::NeverKept(_)
            | Self::Gone
            | Self::TooLarge => Retry::Never,
            Self::Certificate | Self::NotAudio | Self::KeyMissing | Self::ForeignRedirect => Retry::AfterUser,
            Self::WrongPassword | Self::BadCredentials | Self::SessionEnded => Retry::AfterLogin,
            Self::Unavailable { .. } | Self::RateLimited { .. } | Self::Paused { .. } | Self::Captive { .. } => {
                Retry::After(self.retry_after_ms().and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0))
            }
            Self::Offline | Self::TimedOut | Self::NotData | Self::Truncated | Self::Changed | Self::Unverified => {
                Retry::After(0)
            }
        }
    }

    /// A write that ended so may have been done all the same: no answer came, or none that the server itself must have
    /// given.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::TimedOut
            | Self::Unavailable { .. }
            | Self::NotData
            | Self::Captive { .. }
            | Self::ForeignRedirect
            | Self::Unverified
            | Self::TooLarge
            | Self::NotAudio
            | Self::Truncated
            | Self::Changed => true,
            Self::InvalidAddress
            | Self::Offline
            | Self::Certificate
            | Self::RateLimited { .. }
            | Self::WrongPassword
            | Self::SessionEnded
            | Self::Paused { .. }
            | Self::NoBusiness
            | Self::InvalidAccount
            | Self::BadCredentials
            | Self::KeyMissing
            | Self::NeverKept(_)
            | Self::Forbidden
            | Self::NotFound
            | Self::Refused { .. }
            | Self::Gone => false,
        }
    }

    /// What the server asked for.
    pub fn retry_after_ms(&self) -> Option<i64> {
        match self {
            Self::Unavailable { retry_after_ms, .. }
            | Self::RateLimited { retry_after_ms }
            | Self::Captive { retry_after_ms } => *retry_after_ms,
            Self::Paused { wait_ms, .. } => Some(*wait_ms),
            _ => None,
        }
    }
}
