//! What the window and the app say to each other of keys and locks.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where the person is, and what they are writing: kept while the app is locked, sealed, and given back after.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Desk {
    /// The screen, in the window's own words.
    pub place: String,
    /// Notes that are being typed.
    pub typed: Vec<TypedNote>,
}

/// A note that is being typed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TypedNote {
    /// The lead's id.
    pub lead_id: String,
    /// So far.
    pub text: String,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk(…)")
    }
}

/// Where the root key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlaceView {
    /// In the keychain of the system.
    Keychain,
    /// In a file.
    File,
    /// Sealed with a passphrase, in the profile.
    Passphrase,
}

/// When the app locks, and when recordings do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SecuritySettings {
    /// Lock after this many minutes without a key or the pointer, 1 to 480; null never.
    pub lock_after_minutes: Option<u32>,
    /// Lock when the computer sleeps.
    pub lock_on_suspend: bool,
    /// Lock recordings after this many days in which the server did not say that the account is still good, 1 to 365.
    pub offline_days: u32,
}

/// How what is here is kept from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct SecurityView {
    /// Where the root key lies.
    pub key: KeyPlaceView,
    /// Locking is offered: with a passphrase only.
    pub can_lock: bool,
    /// A copy of the key lies in a place that could not be reached when it moved.
    pub has_leftovers: bool,
    /// What is set.
    pub settings: SecuritySettings,
    /// From then on recordings are locked, unless the server is asked before; null while nothing counts.
    #[ts(type = "number | null")]
    pub recordings_until_ms: Option<i64>,
    /// They are.
    pub recordings_locked: bool,
}

/// A passphrase, to open what is locked with it.
#[derive(Clone, Deserialize, TS)]
pub struct UnlockAsk {
    /// The words.
    pub passphrase: String,
}

/// Where the key of a profile that holds nothing yet shall lie.
#[derive(Clone, Deserialize, TS)]
pub struct KeyChooseAsk {
    /// `file` or `passphrase`.
    pub place: KeyPlaceView,
    /// The words, for a passphrase.
    pub passphrase: Option<String>,
}

/// Where the key shall lie from now on.
#[derive(Clone, Deserialize, TS)]
pub struct KeyMoveAsk {
    /// The place.
    pub place: KeyPlaceView,
    /// The passphrase of now, where there is one.
    pub current: Option<String>,
    /// The new words, for a passphrase.
    pub passphrase: Option<String>,
}

/// Another key.
#[derive(Clone, Deserialize, TS)]
pub struct KeyRotateAsk {
    /// The passphrase, where there is one.
    pub current: Option<String>,
}
