//! Leaving: signing out, and taking everything along.

use aftercall_engine::store::Tag;
use aftercall_engine::store::table::account;

use crate::errors::AppError;
use crate::profile::{ProfileFolder, WipeError};
use crate::report::SignedOut;
use crate::start::{App, Following, StartOptions};

impl App {
    /// Signs out of every source and forgets their secrets. The CRM is told, where it can be reached: it then lets none
    /// of this person's devices renew a session without a sign-in. The library stays, unless `wipe`: then the key is
    /// destroyed, then everything that it sealed is removed, and this app is over.
    ///
    /// # Errors
    /// `ReadOnly` beside a process that writes. `NoKeychain` where the key could not be destroyed: nobody is signed in
    /// any more then, and the library is as it was.
    pub async fn sign_out(&self, wipe: bool) -> Result<SignedOut, AppError> {
        self.downloads()?;
        let _turn = self.0.signing.lock().await;
        if let Some(deck) = &self.0.deck {
            deck.close().await;
        }
        if let Some(crm) = self.go_offline().await
            && !crm.sign_out().await
        {
            // What is kept here is forgotten all the same; the cookie dies of itself in eight hours.
            tracing::info!("the server was not told of the sign-out");
        }
        let forgotten = self.store().write(|tx, changes| {
            account::clear(tx)?;
            changes.touch(Tag::Account);
            Ok(())
        });
        forgotten.await?;
        self.show_no_sync().await?;
        if wipe {
            self.stop_all().await;
            let (store, folder, key) = (self.store().clone(), self.0.folder.clone(), self.0.key.clone());
            let wiped = tokio::task::spawn_blocking(move || {
                store.close_blocking();
                folder.wipe(&key)
            });
            self.0.over.set(Following::Nothing);
            let wiped = wiped.await.map_err(|_| AppError::Panicked)?;
            self.unlock();
            wiped?;
        }
        Ok(SignedOut { wiped: wipe })
    }
}

/// Wipes a profile whose library cannot be opened, by whatever reason.
///
/// # Errors
/// `InUse`; the key's; the file system's.
pub async fn wipe_unopened(options: &StartOptions) -> Result<SignedOut, AppError> {
    let options = options.clone();
    let wiped = tokio::task::spawn_blocking(move || {
        let folder = ProfileFolder::of(options.profile.as_deref())?;
        folder.prepare()?;
        let _lock = folder.lock()?;
        folder.wipe(&options.key)?;
        Ok(SignedOut { wiped: true })
    });
    wiped.await.map_err(|_| AppError::Panicked)?
}

impl From<WipeError> for AppError {
    fn from(error: WipeError) -> Self {
        match error {
            WipeError::Key(error) => error.into(),
            WipeError::Io(error) => error.into(),
        }
    }
}
