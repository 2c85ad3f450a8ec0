//! Every check with its cause and one fix. Says no name, number, address or key.
//!
//! A step is a few checks that share a question; each has ten seconds. Nothing here needs the network, a keychain or a
//! library that opens: what cannot be looked at is left out, and why is the first row.

mod device;
pub mod dto;
mod files;
mod finding;
mod library;
mod mend;
mod network;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aftercall_domain::error::Code;
use aftercall_engine::secrets::{KeyChoice, KeyPlace, describe};
use futures_util::FutureExt as _;

pub use self::finding::{CHECKS, Finding, Found};
pub use self::mend::{Mended, Mending, mend};

use crate::errors::AppError;
use crate::profile::ProfileFolder;
use crate::report::{CheckStatus, Diagnosis};
use crate::start::{App, Boot, StartOptions};

/// No step takes longer.
const STEP_PATIENCE: Duration = Duration::from_secs(10);

/// One question and what is found by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Whether the library opens.
    Start,
    /// Where the key lies.
    Key,
    /// Who else may read the profile.
    Permissions,
    /// Room.
    Disk,
    /// Pages, schema, rows, jobs.
    Library,
    /// Files of recordings.
    Recordings,
    /// Clock, name, certificate, session.
    Network,
    /// How fresh.
    Sync,
    /// Twilio's key.
    Twilio,
    /// What was answered.
    Answers,
    /// Sound.
    Audio,
}

impl Step {
    /// In the order in which a person is told.
    pub const ALL: [Self; 11] = [
        Self::Start,
        Self::Key,
        Self::Permissions,
        Self::Disk,
        Self::Library,
        Self::Recordings,
        Self::Network,
        Self::Sync,
        Self::Twilio,
        Self::Answers,
        Self::Audio,
    ];

    /// The word for the window.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Key => "key",
            Self::Permissions => "permissions",
            Self::Disk => "disk",
            Self::Library => "library",
            Self::Recordings => "recordings",
            Self::Network => "network",
            Self::Sync => "sync",
            Self::Twilio => "twilio",
            Self::Answers => "answers",
            Self::Audio => "audio",
        }
    }
}

/// What is looked at: a profile, and the app over it where it opened.
pub struct Patient<'a> {
    app: Option<&'a App>,
    refusal: Option<AppError>,
    options: &'a StartOptions,
}

impl<'a> Patient<'a> {
    /// A start, however it went.
    pub fn of(boot: &'a Boot) -> Self {
        match boot {
            Boot::Ready(app) => Self { app: Some(app), refusal: None, options: app.options() },
            Boot::Refused(refusal) => Self { app: None, refusal: Some(refusal.to_error()), options: refusal.options() },
        }
    }

    /// One step. Changes nothing, and ends within ten seconds.
    pub async fn look(&self, step: Step) -> Vec<Found> {
        let looked = AssertUnwindSafe(self.look_at(step)).catch_unwind();
        match tokio::time::timeout(STEP_PATIENCE, looked).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => vec![Finding::Panicked.because(step.as_str())],
            Err(_) => vec![Finding::TimedOut.because(step.as_str())],
        }
    }

    async fn look_at(&self, step: Step) -> Vec<Found> {
        let options = self.options.clone();
        match (step, self.app) {
            (Step::Start, _) => vec![self.start()],
            (Step::Key, _) => vec![key(&options)],
            (Step::Permissions, _) => blocking(move || files::permissions(&options)).await,
            (Step::Disk, _) => blocking(move || files::disk(&options)).await,
            (Step::Audio, _) => device::look(options.output).await,
            (_, None) => Vec::new(),
            (Step::Library, Some(app)) => library::look(app).await,
            (Step::Recordings, Some(app)) => library::of_recordings(app).await,
            (Step::Network, Some(app)) => network::look(app).await,
            (Step::Sync, Some(app)) => network::synced(app).await,
            (Step::Twilio, Some(app)) => network::of_twilio(app).await,
            (Step::Answers, Some(app)) => library::of_answers(app).await,
        }
    }

    fn start(&self) -> Found {
        match self.refusal.as_ref().map(AppError::code) {
            None => Finding::StartOk.into(),
            Some(Code::NoKeychain) => Finding::StartNoKeychain.into(),
            Some(Code::KeyLost) => Finding::StartKeyLost.into(),
            Some(Code::StoreTooNew) => Finding::StartTooNew.into(),
            Some(Code::StoreDamaged) => Finding::StartDamaged.into(),
            Some(Code::ProfileInUse) => Finding::StartInUse.into(),
            Some(Code::Locked) => Finding::StartLocked.into(),
            Some(Code::WrongPassword) => Finding::StartWrongPassphrase.into(),
            Some(Code::DiskFull) => Finding::StartDiskFull.into(),
            Some(_) if self.refusal.as_ref().is_some_and(AppError::is_read_only) => Finding::StartReadOnly.into(),
            Some(code) => Finding::StartOther.because(code.as_str()),
        }
    }
}

async fn blocking(look: impl FnOnce() -> Vec<Found> + Send + 'static) -> Vec<Found> {
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

fn key(options: &StartOptions) -> Found {
    let of_profile = ProfileFolder::of(options.profile.as_deref()).ok();
    let place = of_profile.and_then(|folder| describe(folder.path()).ok()).and_then(|info| info.place);
    match (&options.key, place) {
        (KeyChoice::File(_), None) | (_, Some(KeyPlace::File)) => Finding::KeyInFile,
        (KeyChoice::Passphrase(_), None) | (_, Some(KeyPlace::Passphrase)) => Finding::KeyFromPassphrase,
        (KeyChoice::OfProfile | KeyChoice::Known(_), None) | (_, Some(KeyPlace::Keychain)) => Finding::KeyInKeychain,
    }
    .into()
}

/// Checks everything that can be checked. Changes nothing but what a start changes.
pub async fn diagnose(options: &StartOptions) -> Diagnosis {
    let boot = Boot::start(options.clone()).await;
    let patient = Patient::of(&boot);
    let mut found = Vec::new();
    for step in Step::ALL {
        found.extend(patient.look(step).await);
    }
    boot.close().await;
    let failed = found.iter().find(|found| found.finding.status() == CheckStatus::Fail);
    let failure = failed.map(|failed| (failed.finding.code(), failed.to_check().cause));
    Diagnosis { checks: found.iter().map(Found::to_check).collect(), failure }
}

impl std::str::FromStr for Step {
    type Err = AppError;

    fn from_str(word: &str) -> Result<Self, AppError> {
        Self::ALL.into_iter().find(|step| step.as_str() == word).ok_or(AppError::NotFound("check"))
    }
}
