//! Locking: by hand, when nobody was there for a while, when the computer slept. The keys are dropped, the sound stops,
//! and nothing is answered until the passphrase was given.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aftercall_domain::clock::{Clocks, Went};
use aftercall_engine::secrets::KeyPlace;
use aftercall_engine::store::table::profile;
use aftercall_engine::store::{Connection, StoreError, Tag};

use crate::dto::{Desk, KeyPlaceView, PlayerPhase, SecuritySettings, SecurityView};
use crate::errors::AppError;
use crate::offline;
use crate::start::{Access, App, Following};

const SETTINGS: &str = "security";
const DESK: &str = "desk";
/// How often the clocks are looked at: a sleep is noticed by it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const AGE_EVERY_MS: i64 = 60_000;
/// What the window may leave with us: some notes, not a library.
const DESK_BYTES_MAX: usize = 256 << 10;
const TYPED_MAX: usize = 200;

impl Default for SecuritySettings {
    fn default() -> Self {
        Self { lock_after_minutes: Some(15), lock_on_suspend: true, offline_days: 30 }
    }
}

/// What is set, or the defaults.
pub(crate) fn settings(conn: &Connection) -> Result<SecuritySettings, StoreError> {
    Ok(profile::get(conn, SETTINGS)?.unwrap_or_default())
}

/// What decides when the app locks by itself.
#[derive(Default)]
pub(crate) struct Guard(Mutex<State>);

#[derive(Default)]
struct State {
    settings: Option<SecuritySettings>,
    active: Option<Clocks>,
    desk: Option<Desk>,
}

impl Guard {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Locking is offered: a lock that opens without a question would only look like one.
    pub(crate) fn can_lock(&self) -> bool {
        self.0.key_place == Some(KeyPlace::Passphrase)
    }

    fn now(&self) -> Clocks {
        Clocks::of(&**self.clock())
    }

    /// Somebody is there.
    pub(crate) fn presence(&self) {
        self.0.guard.state().active = Some(self.now());
    }

    /// Where the person is: kept in memory, and written only when the app locks.
    pub(crate) fn keep_desk(&self, desk: Desk) -> Result<(), AppError> {
        let bytes =
            desk.place.len() + desk.typed.iter().map(|note| note.lead_id.len() + note.text.len()).sum::<usize>();
        if bytes > DESK_BYTES_MAX || desk.typed.len() > TYPED_MAX {
            return Err(AppError::InvalidInput("that is more than a desk holds"));
        }
        self.0.guard.state().desk = Some(desk);
        Ok(())
    }

    /// What was on the desk when the app was locked; once.
    pub(crate) async fn take_desk(&self) -> Result<Option<Desk>, AppError> {
        if !self.may_write() {
            return Ok(None);
        }
        let kept = self.store().read(|conn| profile::get::<Desk>(conn, DESK)).await?;
        if kept.is_some() {
            self.store().write(|tx, _| profile::remove(tx, DESK)).await?;
            // Until the window says otherwise: a lock right after this one loses nothing.
            self.0.guard.state().desk.clone_from(&kept);
        }
        Ok(kept)
    }

    /// Begins to watch the clocks, in the window; looks once, everywhere.
    pub(crate) async fn begin_guard(&self) -> Result<(), AppError> {
        offline::look(self).await?;
        if self.0.access == Access::Window {
            let settings = self.store().read(settings).await?;
            self.0.guard.state().settings = Some(settings);
            self.presence();
            self.0.tasks.spawn(watch(self.clone()));
        }
        Ok(())
    }

    /// How what is here is kept from others.
    pub(crate) async fn security(&self) -> Result<SecurityView, AppError> {
        let age = offline::look(self).await?;
        let has_leftovers = aftercall_engine::secrets::describe(self.0.folder.path())?.has_leftovers;
        let key = match self.0.key_place {
            Some(KeyPlace::Passphrase) => KeyPlaceView::Passphrase,
            _ if self.key_in_file() => KeyPlaceView::File,
            _ => KeyPlaceView::Keychain,
        };
        Ok(SecurityView {
            key,
            can_lock: self.can_lock(),
            has_leftovers,
            settings: self.store().read(settings).await?,
            recordings_until_ms: age.until_ms,
            recordings_locked: age.is_locked,
        })
    }

    /// Keeps when the app locks.
    pub(crate) async fn set_security(&self, settings: SecuritySettings) -> Result<SecurityView, AppError> {
        let fits = settings.lock_after_minutes.is_none_or(|minutes| (1..=480).contains(&minutes))
            && (1..=365).contains(&settings.offline_days);
        if !fits {
            return Err(AppError::InvalidInput("minutes are 1 to 480, days are 1 to 365"));
        }
        let written = self.store().write(move |tx, changes| {
            profile::set(tx, SETTINGS, &settings)?;
            changes.touch(Tag::Settings);
            Ok(())
        });
        written.await?;
        self.0.guard.state().settings = Some(settings);
        self.security().await
    }

    /// The computer is about to sleep, or its session was locked: the keys are dropped before it does, not after.
    pub(crate) async fn going_away(&self) {
        let wanted = self.store().read(settings).await.is_ok_and(|settings| settings.lock_on_suspend);
        if wanted && self.can_lock() {
            // One that cannot lock now locks when it wakes: the watch sees that it slept.
            let _ = self.lock().await;
        }
    }

    /// Locks: saves the position, stops the sound, the sync and the downloads, closes the library, drops the keys. The
    /// next start asks for the passphrase.
    ///
    /// # Errors
    /// `InvalidInput` where there is no passphrase to unlock it with.
    pub async fn lock(&self) -> Result<(), AppError> {
        if !self.can_lock() {
            return Err(AppError::InvalidInput("locking needs a passphrase"));
        }
        let _turn = self.0.signing.lock().await;
        if self.0.over.is_set() {
            return Ok(());
        }
        // Nothing is answered from here on; what is under way ends.
        self.0.shut.store(true, Ordering::SeqCst);
        let desk = self.0.guard.state().desk.take();
        if let Some(deck) = &self.0.deck {
            deck.close().await;
        }
        if let Some(desk) = desk
            && let Err(error) = self.store().write(move |tx, _| profile::set(tx, DESK, &desk)).await
        {
            tracing::warn!(code = error.code().as_str(), "where the person was could not be kept");
        }
        self.end(Following::Lock).await?;
        self.0.locked.send_replace(true);
        Ok(())
    }

    /// Stops everything, closes the library and drops the keys: this app is over.
    pub(crate) async fn end(&self, next: Following) -> Result<(), AppError> {
        let closed = self.close_library().await;
        self.unlock();
        self.0.over.set(next);
        closed
    }

    /// Stops everything, closes the library and drops the keys; the right to write stays.
    pub(crate) async fn close_library(&self) -> Result<(), AppError> {
        self.stop_all().await;
        let store = self.store().clone();
        let closed = tokio::task::spawn_blocking(move || store.close_blocking());
        self.library().vault.lock();
        closed.await.map_err(|_| AppError::Panicked)
    }
}

/// Looks at the clocks until the app locks or ends.
async fn watch(app: App) {
    let stop = app.stopping();
    let mut fresh = app.freshness();
    let mut looked = app.now();
    let mut aged = looked;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
            changed = fresh.changed() => {
                if changed.is_err() {
                    return;
                }
                fresh.borrow_and_update();
                aged.monotonic_ms = i64::MIN / 2;
            }
        }
        let now = app.now();
        let slept = Went::between(std::mem::replace(&mut looked, now), now) == Went::Ahead;
        if slept || now.monotonic_ms.saturating_sub(aged.monotonic_ms) >= AGE_EVERY_MS {
            aged = now;
            if let Err(error) = offline::look(&app).await {
                tracing::warn!(code = error.code().as_str(), "the offline age could not be looked at");
            }
        }
        if app.deck().is_ok_and(|deck| deck.state().phase == PlayerPhase::Playing) {
            app.presence();
        }
        if app.can_lock() && is_due(&app.0.guard.state(), now, slept) {
            // Not within this task, which a lock waits for.
            tokio::spawn(async move {
                if let Err(error) = app.lock().await {
                    tracing::error!(code = error.code().as_str(), "the app could not be locked");
                }
            });
            return;
        }
    }
}

fn is_due(state: &State, now: Clocks, slept: bool) -> bool {
    let (Some(settings), Some(active)) = (state.settings, state.active) else { return false };
    let idle_ms = (now.wall_ms - active.wall_ms).max(now.monotonic_ms - active.monotonic_ms);
    let idle = settings.lock_after_minutes.is_some_and(|minutes| idle_ms >= i64::from(minutes) * 60_000);
    idle || (slept && settings.lock_on_suspend)
}
