//! From a folder to a running app, or to a reason why not. The window opens either way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aftercall_domain::clock::{Clock, SystemClock};
use aftercall_domain::ids::{CallSid, LeadId};
use aftercall_engine::rotation::{May, open_root_key};
pub use aftercall_engine::secrets::KeyChoice;
use aftercall_engine::secrets::{self, KeyPlace, RootKey};
use aftercall_engine::store::table::answers::Origin;
use aftercall_engine::store::table::{account, profile};
use aftercall_engine::store::{Store, StoreError};
use aftercall_engine::sync::{Depth, SyncError, SyncLoop, SyncStatus, TwilioLoop, read_opened, sync_once, sync_twilio};
use aftercall_engine::upstream::{Crm, Limits, RecordingSource, Sources, Twilio};
use aftercall_engine::vault::{Swept, Unswept, Vault};
use aftercall_player::OutputChoice;
use secrecy::SecretString;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::deck::Deck;
use crate::desktop::Desktop;
use crate::downloads::Downloads;
use crate::dto::{AccountView, LeadOpened, SyncState};
use crate::errors::AppError;
use crate::events::Events;
use crate::library::Library;
use crate::locking::Guard;
use crate::notes::Sending;
use crate::profile::{ProfileError, ProfileFolder, WriteLock, key_choice_from_env};
use crate::report::{SignedIn, Synced, TwilioSignedIn};
use crate::rows::Origins;
use crate::sweeping::Sweeping;
use crate::{answers, fetch, keys, log, loudness, now_playing, offline, rules, session, storage, syncing, twilio};

/// Whole recordings that are held for the page at a time.
const WHOLE_BODIES_MAX: usize = 2;

/// A lead that is opened again is read again after this long.
const OPENED_AGAIN_AFTER_MS: i64 = 15_000;

/// What the process will do with the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything: sound, syncing and fetching in the background.
    Window,
    /// Write, on request.
    Write,
    /// Only read, beside a process that may write.
    Read,
}

/// How to start.
#[derive(Clone)]
pub struct StartOptions {
    /// The profile's folder, instead of the platform's data folder.
    pub profile: Option<PathBuf>,
    /// Where the root key lies.
    pub key: KeyChoice,
    /// What the process will do.
    pub access: Access,
    /// Where sound goes.
    pub output: OutputChoice,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long servers are waited for.
    pub limits: Limits,
    /// What this start follows on.
    pub following: Following,
    /// The desktop around it, where there is one.
    pub desktop: Option<Arc<dyn Desktop>>,
}

/// What a start follows on.
#[derive(Clone, Default)]
pub enum Following {
    /// The process began.
    #[default]
    Nothing,
    /// A lock: no variable opens the profile again.
    Lock,
    /// Somebody gave the passphrase, or chose a key.
    Key(RootKey),
}

impl StartOptions {
    /// As the environment says: the key by its variables, the system's sound and clock, the platform's folder.
    pub fn from_env(access: Access) -> Self {
        Self {
            profile: None,
            key: key_choice_from_env(),
            access,
            output: OutputChoice::Device,
            clock: Arc::new(SystemClock::new()),
            limits: Limits::default(),
            following: Following::Nothing,
            desktop: None,
        }
    }

    /// Where the key is looked for.
    pub(crate) fn key_choice(&self) -> KeyChoice {
        match &self.following {
            Following::Nothing => self.key.clone(),
            Following::Lock => KeyChoice::OfProfile,
            Following::Key(key) => KeyChoice::Known(key.clone()),
        }
    }
}

/// How the start went.
pub enum Boot {
    /// The library is open.
    Ready(App),
    /// It is not, for this reason; nothing was changed.
    Refused(Box<Refusal>),
}

/// Why the library is not open.
pub struct Refusal {
    error: Arc<AppError>,
    pub(crate) options: StartOptions,
    pub(crate) over: Over,
}

/// Whether an app or a refusal is over, and what the next start follows on.
#[derive(Default)]
pub(crate) struct Over {
    is_over: AtomicBool,
    next: Mutex<Following>,
}

impl Over {
    /// From now on another start is due.
    pub fn set(&self, next: Following) {
        *lock(&self.next) = next;
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub fn is_set(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

impl Refusal {
    pub(crate) fn options(&self) -> &StartOptions {
        &self.options
    }

    /// The reason.
    pub fn to_error(&self) -> AppError {
        AppError::Refused(Arc::clone(&self.error))
    }

    /// The reason, for one who asks once.
    pub fn into_error(self) -> AppError {
        AppError::Refused(self.error)
    }
}

impl Following {
    fn without_key(&self) -> Self {
        match self {
            Self::Lock => Self::Lock,
            Self::Nothing | Self::Key(_) => Self::Nothing,
        }
    }
}

impl Boot {
    /// Starts the app.
    pub async fn start(options: StartOptions) -> Self {
        let kept = options.clone();
        match App::start(options).await {
            Ok(app) => Self::Ready(app),
            Err(error) => {
                tracing::error!(code = error.code().as_str(), %error, "the start was refused");
                // What it followed on is used up: a key is not kept beside a refusal.
                let options = StartOptions { following: kept.following.without_key(), ..kept };
                let refusal = Refusal { error: Arc::new(error), options, over: Over::default() };
                Self::Refused(Box::new(refusal))
            }
        }
    }

    /// The start that follows on this one, once it is over: `options` are the process's own. Asked once.
    pub fn next(&self, options: &StartOptions) -> StartOptions {
        let over = match self {
            Self::Ready(app) => &app.0.over,
            Self::Refused(refusal) => &refusal.over,
        };
        StartOptions { following: std::mem::take(&mut *lock(&over.next)), ..options.clone() }
    }

    /// What happens by itself from now on; `None` where nothing can.
    pub fn events(&self) -> Option<Events> {
        match self {
            Self::Ready(app) => Some(app.events()),
            Self::Refused(_) => None,
        }
    }

    /// It was locked, unlocked, wiped, or a key was chosen: nothing works here any more, and another start is due.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Ready(app) => app.0.over.is_set(),
            Self::Refused(refusal) => refusal.over.is_set(),
        }
    }

    /// The desktop around it.
    pub(crate) fn desktop(&self) -> Option<&dyn Desktop> {
        match self {
            Self::Ready(app) => app.0.desktop.as_deref(),
            Self::Refused(refusal) => refusal.options.desktop.as_deref(),
        }
    }

    /// The computer is about to sleep, or its session was locked: the app locks where its settings say so.
    pub async fn going_away(&self) {
        if let Self::Ready(app) = self {
            app.going_away().await;
        }
    }

    /// Saves and stops.
    pub async fn close(&self) {
        if let Self::Ready(app) = self {
            app.close().await;
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        match self {
            Self::Ready(app) => app.clock().now_ms(),
            Self::Refused(refusal) => refusal.options.clock.now_ms(),
        }
    }
}

/// What a sync of all sources did.
#[derive(Debug)]
pub struct SyncedAll {
    /// Of all that could be read.
    pub synced: Synced,
    /// The first failure.
    pub failure: Option<AppError>,
}

impl SyncedAll {
    fn take(&mut self, done: Result<Synced, SyncError>) {
        match done {
            Ok(synced) => self.synced = self.synced.and(synced),
            Err(error) => self.failure = self.failure.take().or(Some(error.into())),
        }
    }
}

/// The running app. Cheap to clone; built once and passed.
#[derive(Clone)]
pub struct App(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    library: Library,
    pub(crate) folder: ProfileFolder,
    pub(crate) key: KeyChoice,
    pub(crate) access: Access,
    pub(crate) key_place: Option<KeyPlace>,
    limits: Limits,
    options: StartOptions,
    pub(crate) desktop: Option<Arc<dyn Desktop>>,
    /// Answers per origin and status that are not in the library yet.
    pub(crate) answered: Mutex<BTreeMap<(Origin, u16), u64>>,
    crm: Mutex<Option<Arc<Crm>>>,
    twilio: Mutex<Option<Arc<Twilio>>>,
    twilio_sync: Mutex<Option<TwilioLoop>>,
    sync: Mutex<Option<SyncLoop>>,
    sync_shown: watch::Sender<SyncState>,
    /// Ends the showing of the sync that is shown.
    showing: Mutex<CancellationToken>,
    downloads: Downloads,
    sending: Sending,
    pub(crate) deck: Option<Deck>,
    /// The page's words for what plays.
    pub(crate) words: watch::Sender<now_playing::Words>,
    /// Held while somebody signs in or out: two at once would leave a sync or a queue behind that nobody stops.
    pub(crate) signing: tokio::sync::Mutex<()>,
    /// It was locked or wiped: the window needs another.
    pub(crate) over: Over,
    /// It is being locked: nothing is answered any more.
    pub(crate) shut: AtomicBool,
    /// It was locked.
    pub(crate) locked: watch::Sender<bool>,
    pub(crate) guard: Guard,
    /// Room for answers of `rec://` that carry a whole recording: each is one buffer of up to half a gigabyte.
    whole_bodies: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    stop: CancellationToken,
    /// What the start tidies up, until the doctor has told of it.
    sweeping: Sweeping,
    /// Held for as long as the app may write.
    _lock: Mutex<Option<WriteLock>>,
}

impl App {
    async fn start(options: StartOptions) -> Result<Self, AppError> {
        let opened = keys::opened_with_patience(&options, open).await?;
        let library = Library { store: opened.store, vault: opened.vault, clock: options.clock.clone() };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let downloads = Downloads::default();
        let deck = match options.access {
            Access::Window => {
                Some(Deck::start(&library, &downloads, options.output.clone(), &tasks, stop.child_token()).await?)
            }
            Access::Write | Access::Read => None,
        };
        let shown = syncing::never(&library.store).await?;
        let access = options.access;
        let app = Self(Arc::new(Inner {
            library,
            folder: opened.folder,
            key: options.key.clone(),
            access,
            key_place: opened.key_place,
            limits: options.limits.clone(),
            desktop: options.desktop.clone(),
            // A key that it followed on is not kept.
            options: StartOptions { following: Following::Nothing, ..options },
            answered: Mutex::default(),
            crm: Mutex::new(None),
            twilio: Mutex::new(None),
            twilio_sync: Mutex::new(None),
            sync: Mutex::new(None),
            sync_shown: watch::Sender::new(shown),
            showing: Mutex::default(),
            downloads,
            sending: Sending::default(),
            deck,
            words: watch::Sender::default(),
            signing: tokio::sync::Mutex::default(),
            over: Over::default(),
            shut: AtomicBool::new(false),
            locked: watch::Sender::new(false),
            guard: Guard::default(),
            whole_bodies: Arc::new(Semaphore::new(WHOLE_BODIES_MAX)),
            tasks,
            stop,
            sweeping: Sweeping::default(),
            _lock: Mutex::new(opened.lock),
        }));
        if let Some(unswept) = opened.unswept {
            app.0.sweeping.start(&app, unswept);
        }
        if access == Access::Window {
            app.0.tasks.spawn(answers::keep_each_minute(app.clone(), app.0.stop.child_token()));
            let (library, downloads) = (app.library().clone(), app.0.downloads.clone());
            app.0.tasks.spawn(storage::keep(library, downloads, app.0.stop.child_token()));
            app.0.tasks.spawn(rules::keep(app.clone(), app.0.stop.child_token()));
            if let (Some(deck), Some(desktop)) = (&app.0.deck, &app.0.desktop) {
                let (library, desktop) = (app.library().clone(), Arc::clone(desktop));
                let (states, words) = (deck.states(), app.0.words.subscribe());
                let stop = app.0.stop.child_token();
                app.0.tasks.spawn(now_playing::follow(library, desktop, states, words, stop));
            }
            app.0.tasks.spawn(loudness::keep(app.library().clone(), app.0.stop.child_token()));
        }
        app.begin_guard().await?;
        // Twilio first, quietly: a key that cannot be used must not keep the CRM, or the window, from starting.
        if access != Access::Read {
            match twilio::restore(app.store(), &app.0.limits, app.clock()).await {
                Ok(Some(twilio)) => app.go_online_at_twilio(Arc::new(twilio)).await?,
                Ok(None) => {}
                Err(error) => tracing::warn!(code = error.code().as_str(), %error, "twilio is left out"),
            }
        }
        if access != Access::Read
            && let Some(crm) = session::restore(app.store(), &app.0.limits, app.clock()).await?
        {
            app.go_online(Arc::new(crm)).await?;
        }
        Ok(app)
    }

    /// From now on this CRM is synced and fetched from.
    async fn go_online(&self, crm: Arc<Crm>) -> Result<(), AppError> {
        self.keep_answers().await;
        *lock(&self.0.crm) = Some(Arc::clone(&crm));
        if self.0.access != Access::Window {
            return Ok(());
        }
        self.0.downloads.run(self.library(), self.sources()).await?;
        self.0.sending.run(self.library(), &crm).await?;
        let former = lock(&self.0.sync).take();
        if let Some(former) = former {
            former.stop().await;
        }
        let running = SyncLoop::start(crm, self.store().clone(), self.clock().clone());
        self.show(running.status());
        self.0.tasks.spawn(self.0.sending.clone().follow(running.status(), self.0.stop.child_token()));
        *lock(&self.0.sync) = Some(running);
        Ok(())
    }

    /// From now on Twilio is synced and fetched from, beside the CRM.
    async fn go_online_at_twilio(&self, twilio: Arc<Twilio>) -> Result<(), AppError> {
        self.keep_answers().await;
        *lock(&self.0.twilio) = Some(Arc::clone(&twilio));
        if self.0.access != Access::Window {
            return Ok(());
        }
        self.0.downloads.run(self.library(), self.sources()).await?;
        let former = lock(&self.0.twilio_sync).take();
        if let Some(former) = former {
            former.stop().await;
        }
        let running = TwilioLoop::start(twilio, self.store().clone(), self.clock().clone());
        if lock(&self.0.crm).is_none() {
            // Where there is a CRM, its freshness is what is shown.
            self.show(running.status());
        }
        *lock(&self.0.twilio_sync) = Some(running);
        Ok(())
    }

    /// From now on this sync is what the window shows, and no other.
    fn show(&self, status: watch::Receiver<SyncStatus>) {
        let stop = self.0.stop.child_token();
        std::mem::replace(&mut *lock(&self.0.showing), stop.clone()).cancel();
        self.0.tasks.spawn(syncing::show(status, self.0.sync_shown.clone(), stop));
    }

    /// Somebody signed in to Twilio.
    pub(crate) fn is_at_twilio(&self) -> bool {
        lock(&self.0.twilio).is_some()
    }

    /// Where recordings come from.
    pub(crate) fn sources(&self) -> Sources {
        let crm = lock(&self.0.crm).clone().map(|crm| crm as Arc<dyn RecordingSource>);
        let twilio = lock(&self.0.twilio).clone().map(|twilio| twilio as Arc<dyn RecordingSource>);
        Sources { crm, twilio }
    }

    /// Signs in to Twilio. The secret and the recordings' keys are kept, sealed.
    ///
    /// # Errors
    /// `BadCredentials` and the rest of Twilio's; nothing is kept of a sign-in that failed.
    pub async fn sign_in_to_twilio(&self, ask: twilio::TwilioSignIn) -> Result<TwilioSignedIn, AppError> {
        let _turn = self.0.signing.lock().await;
        let (twilio, signed_in) = twilio::sign_in(self.store(), &self.0.limits, self.clock(), ask).await?;
        self.go_online_at_twilio(Arc::new(twilio)).await?;
        self.0.downloads.signed_in().await?;
        Ok(signed_in)
    }

    /// Signs in. The password is kept, sealed, where the person stays signed in.
    ///
    /// # Errors
    /// `WrongPassword` and the rest of the CRM's; nothing is kept of a sign-in that failed.
    pub async fn sign_in(
        &self,
        url: &str,
        email: &str,
        password: SecretString,
        stay_signed_in: bool,
    ) -> Result<SignedIn, AppError> {
        let _turn = self.0.signing.lock().await;
        let of_whom = (url, email);
        let (crm, account) =
            session::ask(self.store(), &self.0.limits, self.clock(), of_whom, password, stay_signed_in).await?;
        let view = session::view(&account);
        // Before the new account is written: the former session's newest cookie must not be kept as this one's.
        let former = self.leave_crm().await;
        if let Err(error) = session::keep(self.store(), account, self.clock().now_ms()).await {
            if let Some(former) = former {
                self.go_online(former).await?;
            }
            return Err(error);
        }
        self.go_online(Arc::new(crm)).await?;
        offline::look(self).await?;
        self.0.downloads.signed_in().await?;
        self.0.sending.helped().await?;
        Ok(SignedIn {
            source: aftercall_domain::ids::Source::Crm,
            account: view.email,
            user: view.name,
            role: view.role,
            business: view.business,
        })
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// The library's.
    pub async fn account(&self) -> Result<Option<AccountView>, AppError> {
        Ok(self.store().read(account::get).await?.as_ref().map(session::view))
    }

    /// Sends what a person wrote, then syncs once with every source that somebody signed in to, and waits for it.
    ///
    /// # Errors
    /// `NotSignedIn`; the first failure of any source, after the others were read too.
    pub async fn sync_once(&self, full: bool) -> Result<Synced, AppError> {
        let SyncedAll { synced, failure } = self.sync_all(full).await?;
        failure.map_or(Ok(synced), Err)
    }

    /// As [`App::sync_once`], with what was read although a source failed. One source's failure stops no other.
    ///
    /// # Errors
    /// `NotSignedIn`.
    pub async fn sync_all(&self, full: bool) -> Result<SyncedAll, AppError> {
        let depth = if full { Depth::Full } else { Depth::Usual };
        let (crm, twilio) = (lock(&self.0.crm).clone(), lock(&self.0.twilio).clone());
        if crm.is_none() && twilio.is_none() {
            return Err(AppError::NotSignedIn);
        }
        let (store, clock, stop) = (self.store(), &**self.clock(), &self.0.stop);
        let mut all = SyncedAll { synced: Synced::default(), failure: None };
        if let Some(crm) = crm {
            Sending::flush(self.library(), &crm, stop).await?;
            all.take(sync_once(&crm, store, clock, depth, &|_| {}, stop).await);
        }
        if let Some(twilio) = twilio {
            all.take(sync_twilio(&twilio, store, clock, depth, &|_| {}, stop).await);
        }
        offline::look(self).await?;
        Ok(all)
    }

    /// Asks for recordings, and waits until each is here, not to be had, or has used up its window or its polls.
    ///
    /// # Errors
    /// `NotFound` for a call that is not in the library; `NotSignedIn`.
    pub async fn fetch(&self, sids: &[CallSid], settled: impl Fn(u64)) -> Result<fetch::Outcome, AppError> {
        let crm = lock(&self.0.crm).clone();
        if crm.is_none() && lock(&self.0.twilio).is_none() {
            return Err(AppError::NotSignedIn);
        }
        let outcome = fetch::fetch(self, crm.as_deref(), sids, settled).await;
        if self.0.access != Access::Window {
            self.0.downloads.stop().await;
        }
        outcome
    }

    /// Reads a lead's page, unless that was done a moment ago. It goes on when the one who asked goes away, so that
    /// leafing through leads does not read each of them halfway.
    pub(crate) async fn open_lead(&self, id: LeadId) -> Result<LeadOpened, AppError> {
        let crm = lock(&self.0.crm).clone().ok_or(AppError::NotSignedIn)?;
        let (app, stop) = (self.clone(), self.0.stop.child_token());
        let reading = self.0.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => Err(AppError::Cancelled),
                read = read_opened(&crm, app.store(), &**app.clock(), id, OPENED_AGAIN_AFTER_MS) => Ok(read?),
            }
        });
        Ok(LeadOpened { read_at_ms: reading.await.map_err(|_| AppError::Panicked)?? })
    }

    /// Syncs soon, in the background.
    pub(crate) fn sync_now(&self) {
        if let Some(running) = lock(&self.0.sync).as_ref() {
            running.sync_now();
        }
        if let Some(running) = lock(&self.0.twilio_sync).as_ref() {
            running.sync_now();
        }
    }

    /// The window came to the front, or the network came back.
    pub(crate) fn nudge(&self) {
        if let Some(running) = lock(&self.0.sync).as_ref() {
            running.nudge();
        }
    }

    pub(crate) fn sync_state(&self) -> SyncState {
        self.0.sync_shown.borrow().clone()
    }

    fn events(&self) -> Events {
        let player = match &self.0.deck {
            Some(deck) => deck.states(),
            None => watch::Sender::new(crate::deck::empty()).subscribe(),
        };
        Events::of(self.store(), player, self.0.sync_shown.subscribe(), self.0.locked.subscribe())
    }

    pub(crate) fn options(&self) -> &StartOptions {
        &self.0.options
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The servers that are asked, while somebody is signed in to them.
    pub(crate) fn upstreams(&self) -> (Option<Arc<Crm>>, Option<Arc<Twilio>>) {
        (lock(&self.0.crm).clone(), lock(&self.0.twilio).clone())
    }

    /// Whether this process may write to the library.
    pub(crate) fn may_write(&self) -> bool {
        self.0.access != Access::Read
    }

    pub(crate) fn key_in_file(&self) -> bool {
        matches!(self.0.key, KeyChoice::File(_)) && self.0.key_place.is_none()
            || self.0.key_place == Some(KeyPlace::File)
    }

    /// It is locked, or about to be.
    pub(crate) fn is_locked(&self) -> bool {
        self.0.shut.load(Ordering::SeqCst)
    }

    /// The freshness that is shown, as it changes.
    pub(crate) fn freshness(&self) -> watch::Receiver<SyncState> {
        self.0.sync_shown.subscribe()
    }

    pub(crate) fn stopping(&self) -> CancellationToken {
        self.0.stop.child_token()
    }

    /// What the start tidied up, once that is done; told once.
    pub(crate) async fn take_swept(&self) -> Swept {
        self.0.sweeping.take().await
    }

    /// Runs what blocks; the app is not closed before it ends.
    pub(crate) fn spawn_blocking<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.0.tasks.spawn_blocking(body)
    }

    pub(crate) fn library(&self) -> &Library {
        &self.0.library
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.library.store
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.library.clock
    }

    /// Which sources are being left alone.
    pub(crate) fn origins(&self) -> Origins {
        self.0.downloads.origins(self.clock().now_ms())
    }

    pub(crate) fn downloads(&self) -> Result<&Downloads, AppError> {
        match self.0.access {
            Access::Window | Access::Write => Ok(&self.0.downloads),
            Access::Read => Err(StoreError::ReadOnly.into()),
        }
    }

    pub(crate) fn whole_bodies(&self) -> &Arc<Semaphore> {
        &self.0.whole_bodies
    }

    /// Where sound goes.
    pub(crate) fn output(&self) -> OutputChoice {
        self.0.options.output.clone()
    }

    pub(crate) fn deck(&self) -> Result<&Deck, AppError> {
        self.0.deck.as_ref().ok_or(AppError::InvalidInput("there is no player without a window"))
    }

    /// From now on the CRM is neither synced nor fetched from, nor sent to. Returns the one that was.
    async fn leave_crm(&self) -> Option<Arc<Crm>> {
        let running = lock(&self.0.sync).take();
        if let Some(running) = running {
            running.stop().await;
        }
        self.0.downloads.stop().await;
        self.0.sending.stop().await;
        lock(&self.0.crm).take()
    }

    /// From now on nothing is synced or fetched. Returns the CRM that was.
    pub(crate) async fn go_offline(&self) -> Option<Arc<Crm>> {
        lock(&self.0.showing).cancel();
        let running = lock(&self.0.sync).take();
        if let Some(running) = running {
            running.stop().await;
        }
        let running = lock(&self.0.twilio_sync).take();
        if let Some(running) = running {
            running.stop().await;
        }
        self.0.downloads.stop().await;
        self.0.sending.stop().await;
        self.keep_answers().await;
        lock(&self.0.twilio).take();
        lock(&self.0.crm).take()
    }

    /// Nobody is signed in: nothing is fresh, and nothing runs.
    pub(crate) async fn show_no_sync(&self) -> Result<(), AppError> {
        let never = syncing::never(self.store()).await?;
        self.0.sync_shown.send_replace(never);
        Ok(())
    }

    /// Saves the position, stops the sound, the sync and the downloads, and waits for them.
    pub async fn close(&self) {
        self.stop_all().await;
        self.unlock();
    }

    pub(crate) async fn stop_all(&self) {
        if let Some(deck) = &self.0.deck {
            deck.close().await;
        }
        self.0.stop.cancel();
        self.go_offline().await;
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Another process may write from now on.
    pub(crate) fn unlock(&self) {
        lock(&self.0._lock).take();
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Opened {
    key_place: Option<KeyPlace>,
    folder: ProfileFolder,
    store: Store,
    vault: Arc<Vault>,
    lock: Option<WriteLock>,
    /// Who may write sweeps the vault first.
    unswept: Option<Unswept>,
}

/// Folder, lock, key, library, vault, in this order: no key is looked at, and nothing upgraded, in a profile that
/// somebody else is writing to.
fn open(options: &StartOptions) -> Result<Opened, AppError> {
    let folder = ProfileFolder::of(options.profile.as_deref())?;
    if options.access == Access::Read && folder.has_library() {
        let key = open_root_key(folder.path(), &options.key_choice(), May::Look)?;
        match Store::open_for_reading(&folder.library(), &key.db_key()) {
            Ok(store) => return with_vault(store, &folder, &key, None),
            // Nobody has opened it since the update: this process does what the window would do.
            Err(StoreError::NeedsUpgrade) => {}
            Err(error) => return Err(error.into()),
        }
    }
    folder.prepare()?;
    let lock = folder.lock()?;
    if folder.is_being_wiped() {
        folder.wipe(&options.key)?;
        folder.prepare()?;
    }
    log::start(&folder.logs());
    let key = open_root_key(folder.path(), &options.key_choice(), May::Mend)?;
    secrets::tidy(folder.path())?;
    let store = Store::open(&folder.library(), &key.db_key(), &*options.clock)?;
    with_vault(store, &folder, &key, Some(lock))
}

fn with_vault(
    store: Store,
    folder: &ProfileFolder,
    key: &RootKey,
    lock: Option<WriteLock>,
) -> Result<Opened, AppError> {
    let name_mac = store.read_blocking(profile::name_mac)?;
    let vault = Arc::new(Vault::open(&folder.recordings(), &name_mac, key.file_kek())?);
    let unswept = lock.is_some().then(|| vault.before_sweep());
    let key_place = secrets::describe(folder.path())?.place;
    Ok(Opened { key_place, folder: folder.clone(), store, vault, lock, unswept })
}

impl From<std::io::Error> for AppError {
    fn from(error: std::io::Error) -> Self {
        Self::Profile(ProfileError::Io(error))
    }
}
