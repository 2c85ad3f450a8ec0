//! What a person sets, as it crosses to the window and is kept.

use aftercall_domain::rewind::Rewind;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Hebrew, right to left.
    He,
    /// English.
    En,
}

/// Light, dark, or whatever the computer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Follow the computer.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// What a person set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Settings {
    /// Language of the interface.
    pub language: Language,
    /// Colours.
    pub theme: Theme,
    /// IANA name of the one zone in which times are shown.
    pub time_zone: String,
    /// Keys as the person changed them.
    #[serde(default)]
    pub keys: KeySettings,
    /// The desktop's notifications are shown.
    #[serde(default = "yes")]
    pub notifications: bool,
    /// Media keys' displays and lock screens name whose call is playing.
    #[serde(default)]
    pub now_playing_names: bool,
    /// How far a recording goes back when it goes on after a pause.
    #[serde(default)]
    #[ts(type = "Rewind")]
    pub rewind: Rewind,
    /// What makes the sound.
    #[serde(default)]
    pub sound: SoundChoice,
}

/// What makes the sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SoundChoice {
    /// The app's own player; where no device opens, the window's.
    #[default]
    Device,
    /// The window's own player, always.
    Page,
}

fn yes() -> bool {
    true
}

/// Keys as the person changed them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KeySettings {
    /// Keys without Ctrl work.
    pub singles: bool,
    /// Those that are elsewhere than the table says.
    pub remapped: Vec<RemappedKey>,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self { singles: true, remapped: Vec::new() }
    }
}

/// Another key for a command, in the window's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RemappedKey {
    /// The command.
    pub command: String,
    /// The key that it had: `ctrl+k`.
    pub was: String,
    /// `event.key` in lower case.
    pub key: String,
    /// `event.code`.
    pub code: String,
    /// With Ctrl, on macOS ⌘.
    pub ctrl: bool,
    /// With Shift.
    pub shift: bool,
}
