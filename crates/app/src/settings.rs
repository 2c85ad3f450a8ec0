//! What a person set, and what the player remembers.

pub mod dto;

use aftercall_domain::rewind::Rewind;
use aftercall_domain::zone;
use aftercall_engine::store::table::profile;
use aftercall_engine::store::{Store, StoreError, Tag};
use serde::Serialize;

use crate::dto::{KeySettings, Language, Settings, SoundChoice, Theme};
use crate::errors::AppError;

const SETTINGS: &str = "settings";
const SPEED: &str = "player.speed";
const VOLUME: &str = "player.volume";
/// More keys than anybody has.
const REMAPPED_MAX: usize = 200;
const SKIP_SILENCE: &str = "player.skip_silence";
const LEVEL: &str = "player.level";
const DEVICE: &str = "player.device";

impl Default for Settings {
    /// Hebrew first, Israel time.
    fn default() -> Self {
        Self {
            language: Language::He,
            theme: Theme::System,
            time_zone: "Asia/Jerusalem".into(),
            keys: KeySettings::default(),
            notifications: true,
            now_playing_names: false,
            rewind: Rewind::default(),
            sound: SoundChoice::Device,
        }
    }
}

/// The settings, or the defaults for what was never set.
pub(crate) async fn read(store: &Store) -> Result<Settings, AppError> {
    Ok(store.read(|conn| profile::get(conn, SETTINGS)).await?.unwrap_or_default())
}

/// Keeps them.
pub(crate) async fn write(store: &Store, settings: Settings) -> Result<Settings, AppError> {
    if !zone::is_zone(&settings.time_zone) {
        return Err(AppError::InvalidInput("no such time zone"));
    }
    if settings.keys.remapped.len() > REMAPPED_MAX {
        return Err(AppError::InvalidInput("more keys than there are"));
    }
    let kept = settings.clone();
    store
        .write(move |tx, changes| {
            profile::set(tx, SETTINGS, &kept)?;
            changes.touch(Tag::Settings);
            Ok(())
        })
        .await?;
    Ok(settings)
}

/// How sound was last set, for later calls and starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sound {
    /// 0.5 to 3.
    pub speed: f64,
    /// 0 to 1.
    pub volume: f64,
    /// Silences are left out.
    pub skip_silence: bool,
    /// The quiet side is brought up to the loud one.
    pub level: bool,
    /// The chosen output device; none = the system's default.
    pub device: Option<String>,
}

/// How sound was last set.
pub(crate) async fn sound(store: &Store) -> Result<Sound, AppError> {
    let read = |conn: &_| -> Result<Sound, StoreError> {
        Ok(Sound {
            speed: profile::get(conn, SPEED)?.unwrap_or(1.0_f64).clamp(0.5, 3.0),
            volume: profile::get(conn, VOLUME)?.unwrap_or(1.0_f64).clamp(0.0, 1.0),
            skip_silence: profile::get(conn, SKIP_SILENCE)?.unwrap_or(false),
            level: profile::get(conn, LEVEL)?.unwrap_or(false),
            device: profile::get(conn, DEVICE)?.flatten(),
        })
    };
    Ok(store.read(read).await?)
}

/// Remembers one thing of it.
async fn keep(store: &Store, key: &'static str, value: impl Serialize + Send + 'static) -> Result<(), AppError> {
    Ok(store.write(move |tx, _| profile::set(tx, key, &value)).await?)
}

/// Remembers the speed.
pub(crate) async fn keep_speed(store: &Store, speed: f64) -> Result<(), AppError> {
    keep(store, SPEED, speed).await
}

/// Remembers the loudness.
pub(crate) async fn keep_volume(store: &Store, volume: f64) -> Result<(), AppError> {
    keep(store, VOLUME, volume).await
}

/// Remembers whether silences are left out.
pub(crate) async fn keep_skip_silence(store: &Store, on: bool) -> Result<(), AppError> {
    keep(store, SKIP_SILENCE, on).await
}

/// Remembers whether the quiet side is brought up.
pub(crate) async fn keep_level(store: &Store, on: bool) -> Result<(), AppError> {
    keep(store, LEVEL, on).await
}

/// Remembers the output device.
pub(crate) async fn keep_device(store: &Store, id: Option<String>) -> Result<(), AppError> {
    keep(store, DEVICE, id).await
}
