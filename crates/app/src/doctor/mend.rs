//! What the doctor mends, and what it says that it did. Voices are never removed: what does not verify is fetched again
//! and replaced only by what does.

use aftercall_domain::error::Code;
use aftercall_engine::queue::{repair, requeue_stuck};
use aftercall_engine::rotation::{May, open_root_key};
use aftercall_engine::store;
use aftercall_engine::store::table::health;
use aftercall_engine::vault::Swept;

use super::{files, library};
use crate::errors::AppError;
use crate::profile::ProfileFolder;
use crate::start::{App, Boot, Following, StartOptions};

/// One thing that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// So many files and folders are shut to others.
    Permissions(u64),
    /// The library is the newest copy that was sound; the broken one lies beside it.
    Restored,
    /// No copy of the broken library is sound: nothing was changed.
    NoCopy,
    /// Columns, indexes and rows to point at were brought back.
    Schema,
    /// So many stuck downloads are queued again.
    Jobs(u64),
    /// So many recordings are fetched again.
    Recordings(u64),
    /// So many files that no recording knows were put aside or, where they were unfinished, removed.
    Swept(u64),
}

impl Mended {
    /// One of each.
    pub const ALL: [Self; 7] = [
        Self::Permissions(1),
        Self::Restored,
        Self::NoCopy,
        Self::Schema,
        Self::Jobs(1),
        Self::Recordings(1),
        Self::Swept(1),
    ];

    /// The word for the window.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permissions(_) => "mended_permissions",
            Self::Restored => "mended_restored",
            Self::NoCopy => "mended_no_copy",
            Self::Schema => "mended_schema",
            Self::Jobs(_) => "mended_jobs",
            Self::Recordings(_) => "mended_recordings",
            Self::Swept(_) => "mended_swept",
        }
    }

    /// How many.
    pub fn n(self) -> Option<u64> {
        match self {
            Self::Permissions(n) | Self::Jobs(n) | Self::Recordings(n) | Self::Swept(n) => Some(n),
            Self::Restored | Self::NoCopy | Self::Schema => None,
        }
    }
}

impl std::fmt::Display for Mended {
    /// For the command line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Permissions(n) => write!(f, "shut {n} files and folders to others"),
            Self::Restored => {
                f.write_str("put back the newest copy of the library; the broken one lies beside it. Sync with --full")
            }
            Self::NoCopy => f.write_str("found no sound copy of the library; nothing was changed"),
            Self::Schema => f.write_str("brought back what was missing of the library's columns, indexes and rows"),
            Self::Jobs(n) => write!(f, "queued {n} stuck downloads again"),
            Self::Recordings(n) => write!(f, "{n} recordings are fetched again"),
            Self::Swept(n) => write!(f, "put {n} files aside that belong to no recording"),
        }
    }
}

/// What was done, and whether it takes a new start to see it.
#[derive(Debug, Default)]
pub struct Mending {
    /// In the order in which it was done.
    pub done: Vec<Mended>,
    /// The library itself was replaced, or what kept it from opening is gone: this start is over.
    pub restart: bool,
}

/// Mends what can be mended over a start, however it went.
///
/// # Errors
/// `ProfileInUse` where another process writes; the library's and the file system's, after what came before was done.
pub async fn mend(boot: &Boot) -> Result<Mending, AppError> {
    let options = match boot {
        Boot::Ready(app) => app.options(),
        Boot::Refused(refusal) => refusal.options(),
    };
    let mut mending = Mending::default();
    let shutting = options.clone();
    let shut = tokio::task::spawn_blocking(move || files::shut(&shutting)).await.map_err(|_| AppError::Panicked)??;
    mending.done.extend((shut > 0).then_some(Mended::Permissions(shut)));
    match boot {
        Boot::Ready(app) => of_app(app, &mut mending).await?,
        Boot::Refused(refusal) => {
            let error = refusal.to_error();
            match error.code() {
                Code::StoreDamaged => {
                    let restored = restore(options, None).await?;
                    mending.restart = restored == Mended::Restored;
                    mending.done.push(restored);
                }
                // Mended already, if it was the key file's mode: a new start tells.
                _ if shut > 0 => mending.restart = true,
                _ => return Err(error),
            }
            if mending.restart {
                refusal.over.set(Following::Nothing);
            }
        }
    }
    Ok(mending)
}

/// Nobody may have the library open. `held` is the app that holds the right to write; without one it is taken for as
/// long as this lasts.
async fn restore(options: &StartOptions, held: Option<&App>) -> Result<Mended, AppError> {
    let (options, is_held) = (options.clone(), held.is_some());
    let restored = tokio::task::spawn_blocking(move || {
        let folder = ProfileFolder::of(options.profile.as_deref())?;
        let _lock = if is_held { None } else { Some(folder.lock()?) };
        let key = open_root_key(folder.path(), &options.key, May::Look)?.db_key();
        let restored = store::restore(&folder.library(), &key, options.clock.now_ms())?;
        Ok(if restored.is_some() { Mended::Restored } else { Mended::NoCopy })
    });
    restored.await.map_err(|_| AppError::Panicked)?
}

/// Closes the library, which its owner found broken, and puts the newest sound copy in its place.
async fn replace(app: &App, mending: &mut Mending) -> Result<(), AppError> {
    app.stop_all().await;
    let store = app.store().clone();
    tokio::task::spawn_blocking(move || store.close_blocking()).await.map_err(|_| AppError::Panicked)?;
    app.0.over.set(Following::Nothing);
    mending.restart = true;
    let restored = restore(app.options(), Some(app)).await;
    app.unlock();
    mending.done.push(restored?);
    Ok(())
}

async fn of_app(app: &App, mending: &mut Mending) -> Result<(), AppError> {
    let downloads = app.downloads()?;
    let (store, clock) = (app.store(), app.clock());
    let now_ms = clock.now_ms();
    let health = match store.read(move |conn| health::look(conn, now_ms)).await {
        Ok(health) if health.is_sound => health,
        Ok(_) => return replace(app, mending).await,
        Err(error) if error.code() == Code::StoreDamaged => return replace(app, mending).await,
        Err(error) => return Err(error.into()),
    };
    let done = &mut mending.done;
    let is_whole = health.has_calendar_id && health.has_calendar_index && health.missing_indexes == 0;
    if !is_whole || health.dangling_rows > 0 {
        store.write(|tx, _| health::mend(tx)).await?;
        done.push(Mended::Schema);
    }
    // A queue that runs looks for stuck jobs itself, and owns the files that are being written.
    if !downloads.is_running() {
        let jobs = requeue_stuck(store, &**clock).await?;
        done.extend((jobs > 0).then_some(Mended::Jobs(jobs)));
    }
    let lost = library::lost(app.library(), true).await?;
    // The start, which was this command's own, has swept the vault and asked for what was gone.
    let swept = if downloads.is_running() { Swept::default() } else { app.take_swept().await };
    let mut again = swept.missing.len() as u64;
    for id in lost.missing.iter().chain(&lost.damaged) {
        let asked = if downloads.is_running() {
            downloads.repair(app.library(), id).await?
        } else {
            repair::mark_damaged(store, clock, id).await?
        };
        again += u64::from(asked);
    }
    done.extend((again > 0).then_some(Mended::Recordings(again)));
    done.extend((swept.files() > 0).then_some(Mended::Swept(swept.files())));
    Ok(())
}
