//! The one small vocabulary of failure that crosses a boundary: to the window, to a script, to a row.

use serde::{Deserialize, Serialize};

/// What went wrong, as outsiders see it. A code is added only when somebody acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The server refused the e-mail and password.
    WrongPassword,
    /// The session ended and could not be renewed: sign in again.
    LoginExpired,
    /// The account may not have this.
    Forbidden,
    /// No answer could be had from the network.
    Offline,
    /// The server answered, but not usefully (5xx, nonsense, a page instead of data).
    ServerUnavailable,
    /// The server asked for patience (429).
    RateLimited,
    /// Nothing by that name.
    NotFound,
    /// The server is still preparing it.
    NotReady,
    /// It was there and is no more.
    Gone,
    /// The bytes are not sound.
    NotAudio,
    /// Sound, but in a codec that is not played here.
    UnsupportedAudio,
    /// Stored bytes do not verify, or a download did not arrive whole.
    Damaged,
    /// No room on the disk.
    DiskFull,
    /// No keychain, and no explicit replacement was given.
    NoKeychain,
    /// There is sealed data, and its key is not to be had.
    KeyLost,
    /// The app is locked.
    Locked,
    /// Another process writes to this profile.
    ProfileInUse,
    /// The database was written by a newer version.
    StoreTooNew,
    /// The database does not verify.
    StoreDamaged,
    /// No device to play on.
    NoOutputDevice,
    /// Stopped by the person.
    Cancelled,
    /// An argument, a file or a link that cannot be meant.
    InvalidInput,
    /// A fault of ours.
    Internal,
}

impl Code {
    /// The word in JSON and rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong_password",
            Self::LoginExpired => "login_expired",
            Self::Forbidden => "forbidden",
            Self::Offline => "offline",
            Self::ServerUnavailable => "server_unavailable",
            Self::RateLimited => "rate_limited",
            Self::NotFound => "not_found",
            Self::NotReady => "not_ready",
            Self::Gone => "gone",
            Self::NotAudio => "not_audio",
            Self::UnsupportedAudio => "unsupported_audio",
            Self::Damaged => "damaged",
            Self::DiskFull => "disk_full",
            Self::NoKeychain => "no_keychain",
            Self::KeyLost => "key_lost",
            Self::Locked => "locked",
            Self::ProfileInUse => "profile_in_use",
            Self::StoreTooNew => "store_too_new",
            Self::StoreDamaged => "store_damaged",
            Self::NoOutputDevice => "no_output_device",
            Self::Cancelled => "cancelled",
            Self::InvalidInput => "invalid_input",
            Self::Internal => "internal",
        }
    }

    /// Every code, for reading a stored word back and for tests that must cover all.
    pub const ALL: [Self; 23] = [
        Self::WrongPassword,
        Self::LoginExpired,
        Self::Forbidden,
        Self::Offline,
        Self::ServerUnavailable,
        Self::RateLimited,
        Self::NotFound,
        Self::NotReady,
        Self::Gone,
        Self::NotAudio,
        Self::UnsupportedAudio,
        Self::Damaged,
        Self::DiskFull,
        Self::NoKeychain,
        Self::KeyLost,
        Self::Locked,
        Self::ProfileInUse,
        Self::StoreTooNew,
        Self::StoreDamaged,
        Self::NoOutputDevice,
        Self::Cancelled,
        Self::InvalidInput,
        Self::Internal,
    ];
}

/// Whether trying again can help, and when. Each crate's error answers it, so that backing off is a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail the same way.
    Never,
    /// By itself, not sooner than this many milliseconds (0 = by the usual ladder).
    After(u64),
    /// Once the person has signed in.
    AfterLogin,
    /// Once the person has done what the message says.
    AfterUser,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_the_same_in_json_and_in_rows() {
        for code in Code::ALL {
            let json = serde_json::to_string(&code).expect("a word");
            assert_eq!(json, format!("\"{}\"", code.as_str()));
        }
    }
}
