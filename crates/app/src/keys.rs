//! What a person does with the key of a profile: choose its place, unlock, change the passphrase, put another key in its
//! place, begin anew where it is lost.

pub(crate) mod dto;

use std::path::{Path, PathBuf};

use aftercall_domain::error::Code;
use aftercall_engine::rotation::{self, May, Rotated};
use aftercall_engine::secrets::{self, KeyChoice, LIBRARY_FILE, RECORDINGS_FOLDER, RootKey, SecretsError};
pub use aftercall_engine::secrets::{KeyPlace, NewPlace};
use secrecy::SecretString;
use serde::Serialize;

use crate::dto::KeyPlaceView;
use crate::errors::AppError;
use crate::profile::{ASIDE_PREFIX, ProfileFolder};
use crate::start::{App, Following, Opened, Refusal, StartOptions};
use crate::tries;

/// Where the key of a profile lies, for scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyReport {
    /// `keychain`, `file`, `passphrase`; null before a key was made.
    pub place: Option<KeyPlace>,
    /// Another may be chosen: nothing was sealed yet.
    pub fresh: bool,
    /// A copy of the key lies in a place that could not be reached when it moved.
    pub leftovers: bool,
}

/// What a rotation did, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RotatedReport {
    /// Recordings whose keys were wrapped anew.
    pub recordings: u64,
    /// Recordings whose keys could not be read before either.
    pub unreadable: u64,
}

/// Opens a profile off the async threads. Who gives a passphrase waits first, if others were wrong before.
pub(crate) async fn opened_with_patience(
    options: &StartOptions,
    open: fn(&StartOptions) -> Result<Opened, AppError>,
) -> Result<Opened, AppError> {
    let folder = ProfileFolder::of(options.profile.as_deref())?;
    let by_words = matches!(options.key_choice(), KeyChoice::Passphrase(_));
    if by_words {
        let wait_ms = tries::wait_ms(folder.path(), options.clock.now_ms());
        tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
    }
    let opened = blocking({
        let options = options.clone();
        move || open(&options)
    });
    let opened = opened.await;
    if by_words {
        note(folder.path(), options.clock.now_ms(), opened.as_ref().err());
    }
    opened
}

/// Counts what came of a passphrase.
fn note(profile: &Path, now_ms: i64, error: Option<&AppError>) -> u64 {
    match error.map(AppError::code) {
        Some(Code::WrongPassword) => tries::failed(profile, now_ms),
        Some(_) => 0,
        None => {
            tries::done(profile);
            0
        }
    }
}

async fn blocking<T: Send + 'static>(
    body: impl FnOnce() -> Result<T, AppError> + Send + 'static,
) -> Result<T, AppError> {
    tokio::task::spawn_blocking(body).await.map_err(|_| AppError::Panicked)?
}

/// The key by a passphrase that a person typed, who is told when to try again.
async fn by_words(folder: &ProfileFolder, words: SecretString, now_ms: i64) -> Result<RootKey, AppError> {
    let retry_after_ms = tries::wait_ms(folder.path(), now_ms);
    if retry_after_ms > 0 {
        return Err(AppError::TooSoon { retry_after_ms });
    }
    let dir = folder.path().to_owned();
    let opened = blocking(move || Ok(rotation::open_root_key(&dir, &KeyChoice::Passphrase(words), May::Mend)?)).await;
    let retry_after_ms = note(folder.path(), now_ms, opened.as_ref().err());
    match opened {
        Err(error) if error.code() == Code::WrongPassword => Err(AppError::WrongPassphrase { retry_after_ms }),
        opened => opened,
    }
}

/// The file that is made where a person chooses one: not within the profile, which is copied as a whole.
pub(crate) fn key_file(folder: &ProfileFolder) -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("app", "Aftercall", "aftercall")?;
    // One for each profile, whatever its folder is called.
    let place = std::path::absolute(folder.path()).ok()?;
    let name = secrets::name_of(&place);
    Some(folders.config_dir().join(format!("{name}.key")))
}

fn new_place(folder: &ProfileFolder, place: KeyPlaceView, words: Option<String>) -> Result<NewPlace, AppError> {
    Ok(match (place, words) {
        (KeyPlaceView::Keychain, _) => NewPlace::Keychain,
        (KeyPlaceView::File, _) => {
            NewPlace::File(key_file(folder).ok_or(AppError::InvalidInput("there is no folder for a key file"))?)
        }
        (KeyPlaceView::Passphrase, Some(words)) => NewPlace::Passphrase(SecretString::from(words)),
        (KeyPlaceView::Passphrase, None) => return Err(AppError::InvalidInput("a passphrase is missing")),
    })
}

impl Refusal {
    fn folder(&self) -> Result<ProfileFolder, AppError> {
        Ok(ProfileFolder::of(self.options.profile.as_deref())?)
    }

    /// The file that would be made for the key, where another place than the keychain may be chosen.
    pub(crate) fn key_file(&self) -> Option<PathBuf> {
        let folder = self.folder().ok()?;
        let is_fresh = secrets::describe(folder.path()).is_ok_and(|info| info.is_fresh);
        if is_fresh && self.to_error().code() == Code::NoKeychain { key_file(&folder) } else { None }
    }

    /// The next start has another try.
    pub(crate) fn start_again(&self) {
        self.over.set(self.options.following.clone());
    }

    /// Opens what is locked with a passphrase.
    pub(crate) async fn unlock(&self, words: SecretString) -> Result<(), AppError> {
        let folder = self.folder()?;
        // The key may have to be mended: whoever does that holds the right to write.
        let lock = folder.lock()?;
        let key = by_words(&folder, words, self.options.clock.now_ms()).await?;
        drop(lock);
        self.over.set(Following::Key(key));
        Ok(())
    }

    /// Chooses where the key shall lie, for a profile that holds nothing yet.
    pub(crate) async fn choose(&self, place: KeyPlaceView, words: Option<String>) -> Result<(), AppError> {
        if self.to_error().code() != Code::NoKeychain {
            return Err(AppError::InvalidInput("there is a key already"));
        }
        let folder = self.folder()?;
        let to = new_place(&folder, place, words)?;
        let key = blocking(move || {
            folder.prepare()?;
            let _lock = folder.lock()?;
            Ok(secrets::choose_place(folder.path(), &to)?)
        });
        self.over.set(Following::Key(key.await?));
        Ok(())
    }

    /// Puts what no key opens aside, and begins with an empty library.
    pub(crate) async fn start_anew(&self) -> Result<(), AppError> {
        if !matches!(self.to_error().code(), Code::KeyLost | Code::Locked | Code::WrongPassword) {
            return Err(AppError::InvalidInput("nothing here is beyond opening"));
        }
        set_aside(&self.options).await?;
        self.over.set(Following::Nothing);
        Ok(())
    }
}

/// Puts the library, its copies and the recordings of a profile whose key is lost into a folder within it, with all
/// that is needed to open them should the key come back. Nothing is deleted. The next start begins with an empty library.
///
/// # Errors
/// `InUse`; the file system's.
pub async fn set_aside(options: &StartOptions) -> Result<PathBuf, AppError> {
    let (folder, now_ms) = (ProfileFolder::of(options.profile.as_deref())?, options.clock.now_ms());
    blocking(move || {
        folder.prepare()?;
        let _lock = folder.lock()?;
        let aside = folder.path().join(format!("{ASIDE_PREFIX}{now_ms}"));
        std::fs::create_dir(&aside)?;
        // First, and as a copy: whatever is cut off, each part of the data lies beside a marker of its own.
        secrets::copy_marker(folder.path(), &aside)?;
        for entry in std::fs::read_dir(folder.path())? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(LIBRARY_FILE) || name == RECORDINGS_FOLDER {
                std::fs::rename(entry.path(), aside.join(name))?;
            }
        }
        secrets::forget_marker(folder.path())?;
        tries::done(folder.path());
        Ok(aside)
    })
    .await
}

/// Where the key of a profile lies.
///
/// # Errors
/// The marker's.
pub fn report(options: &StartOptions) -> Result<KeyReport, AppError> {
    let info = secrets::describe(ProfileFolder::of(options.profile.as_deref())?.path())?;
    Ok(KeyReport { place: info.place, fresh: info.is_fresh, leftovers: info.has_leftovers })
}

/// Moves the key of a profile that no window has open.
///
/// # Errors
/// `InUse`; the key's.
pub async fn move_key(options: &StartOptions, to: NewPlace) -> Result<KeyReport, AppError> {
    let (folder, choice) = (ProfileFolder::of(options.profile.as_deref())?, options.key.clone());
    blocking(move || {
        folder.prepare()?;
        let _lock = folder.lock()?;
        if secrets::describe(folder.path())?.is_fresh {
            secrets::choose_place(folder.path(), &to)?;
            return Ok(());
        }
        let key = rotation::open_root_key(folder.path(), &choice, May::Mend)?;
        Ok(secrets::move_root_key(folder.path(), &choice, &key, &to)?)
    })
    .await?;
    report(options)
}

/// Puts a new key in the place of the one of a profile that nobody has open.
///
/// # Errors
/// `InUse`; the key's; the library's.
pub async fn rotate(options: &StartOptions) -> Result<RotatedReport, AppError> {
    let (folder, choice) = (ProfileFolder::of(options.profile.as_deref())?, options.key.clone());
    let Rotated { recordings, unreadable } = blocking(move || {
        if !folder.has_library() {
            return Err(AppError::NotFound("library"));
        }
        let _lock = folder.lock()?;
        Ok(rotation::rotate(folder.path(), &choice)?)
    })
    .await?;
    Ok(RotatedReport { recordings, unreadable })
}

impl App {
    /// How the key is had while the app runs, where the person has to say a passphrase for it.
    async fn key_now(&self, current: Option<String>) -> Result<(RootKey, KeyChoice), AppError> {
        let folder = self.0.folder.clone();
        if self.0.key_place == Some(KeyPlace::Passphrase) {
            let words = SecretString::from(current.ok_or(SecretsError::Locked)?);
            let key = by_words(&folder, words.clone(), self.clock().now_ms()).await?;
            return Ok((key, KeyChoice::Passphrase(words)));
        }
        let choice = self.0.key.clone();
        let asked = choice.clone();
        let key = blocking(move || Ok(rotation::open_root_key(folder.path(), &asked, May::Look)?)).await?;
        Ok((key, choice))
    }

    /// Sets, changes or removes the passphrase, or moves the key otherwise. The app goes on with it: the key is the same.
    pub(crate) async fn move_key(
        &self,
        place: KeyPlaceView,
        current: Option<String>,
        words: Option<String>,
    ) -> Result<(), AppError> {
        self.downloads()?;
        let _turn = self.0.signing.lock().await;
        let to = new_place(&self.0.folder, place, words)?;
        let (key, choice) = self.key_now(current).await?;
        let folder = self.0.folder.clone();
        blocking({
            let key = key.clone();
            move || Ok(secrets::move_root_key(folder.path(), &choice, &key, &to)?)
        })
        .await?;
        // What was read at the start is not true any more: the app starts again with the same key.
        self.end(Following::Key(key)).await
    }

    /// Puts another key in the place of the one of now. The app starts again with it.
    pub(crate) async fn rotate_key(&self, current: Option<String>) -> Result<(), AppError> {
        self.downloads()?;
        let _turn = self.0.signing.lock().await;
        let (key, choice) = self.key_now(current).await?;
        if let Some(deck) = &self.0.deck {
            deck.close().await;
        }
        self.close_library().await?;
        let folder = self.0.folder.clone();
        let rotated = blocking(move || {
            rotation::rotate(folder.path(), &choice)?;
            Ok(rotation::open_root_key(folder.path(), &choice, May::Mend)?)
        });
        let rotated = rotated.await;
        self.unlock();
        match rotated {
            Ok(key) => {
                self.0.over.set(Following::Key(key));
                Ok(())
            }
            // The former key is still the one, or the start that follows finds out which is.
            Err(error) => {
                self.0.over.set(Following::Key(key));
                Err(error)
            }
        }
    }
}
