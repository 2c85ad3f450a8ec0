//! What a person set, and what the player remembers.

pub mod dto;

use aftercall_domain::zone;
use aftercall_engine::store::table::profile;
use aftercall_engine::store::{Store, StoreError, Tag};

use crate::dto::{KeySettings, Language, Settings, Theme};
use crate::errors::AppError;

const SETTINGS: &str = "settings";
const SPEED: &str = "player.speed";
const VOLUME: &str = "player.volume";
/// More keys than anybody has.
const REMAPPED_MAX: usize = 200;

impl Default for Settings {
    /// Hebrew first, Israel time.
    fn default() -> Self {
        Self {
            language: Language::He,
            theme: Theme::System,
            time_zone: "Asia/Jerusalem".into(),
            keys: KeySettings::default(),
            notifications: true,
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

/// Speed and loudness, as last set.
pub(crate) async fn sound(store: &Store) -> Result<(f64, f64), AppError> {
    let read = |conn: &_| -> Result<(Option<f64>, Option<f64>), StoreError> {
        Ok((profile::get(conn, SPEED)?, profile::get(conn, VOLUME)?))
    };
    let (speed, volume) = store.read(read).await?;
    Ok((speed.unwrap_or(1.0).clamp(0.5, 3.0), volume.unwrap_or(1.0).clamp(0.0, 1.0)))
}

/// Remembers speed and loudness for later calls and starts.
pub(crate) async fn keep_sound(store: &Store, speed: f64, volume: f64) -> Result<(), AppError> {
    store
        .write(move |tx, _| {
            profile::set(tx, SPEED, &speed)?;
            profile::set(tx, VOLUME, &volume)
        })
        .await?;
    Ok(())
}
