//! A stage for the real window: a private home, a screen, a sound card that can be recorded, a keychain and a CRM.
//!
//! Nothing of the person's own session is touched, and every program started here is ended by its own process group.

mod home;
mod keychain;
mod program;
mod sandbox;
mod screen;
pub mod sound;
mod window;

use std::path::{Path, PathBuf};

pub use home::Home;
pub use keychain::Keychain;
pub use program::Program;
pub use sandbox::{Ready, Recording, Sandbox, TwilioAccount};
pub use screen::Screen;
pub use sound::Sound;
pub use window::{Window, free_port, wait_for_port};

use crate::failure::Failure;

/// Environment of the programs on the stage.
pub type Environment = Vec<(&'static str, String)>;

/// Everything that stands before the window opens. Fields end in the order in which they are declared.
pub struct Stage {
    pub sandbox: Sandbox,
    pub sound: Option<Sound>,
    pub screen: Option<Screen>,
    keychain: Option<Keychain>,
    home: Home,
    logs: PathBuf,
}

/// What the stage has to bring, and what is the person's own.
#[derive(Clone, Copy, Debug)]
pub struct Props {
    /// Our own screen and sound card; without it the person's are used.
    pub hidden: bool,
    /// A keychain on a bus of its own; without it there is no bus at all.
    pub keychain: bool,
    /// 202s before a recording is there.
    pub prepare_polls: u32,
}

impl Stage {
    /// Sets the stage; `logs` receives what each program says.
    pub async fn set(props: Props, logs: &Path) -> Result<Self, Failure> {
        Self::set_with(props, &[], logs).await
    }

    /// As [`Stage::set`], with more arguments for the sandbox.
    pub async fn set_with(props: Props, sandbox: &[String], logs: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(logs).map_err(|e| Failure::file(logs, e))?;
        let home = Home::new()?;
        let keychain = if props.keychain { Some(Keychain::open(&home, logs).await?) } else { None };
        let (screen, sound) = if props.hidden {
            (Some(Screen::open(logs).await?), Some(Sound::open(&home, logs).await?))
        } else {
            (None, None)
        };
        let polls = props.prepare_polls.to_string();
        let asked = ["--prepare-polls", polls.as_str()].into_iter().chain(sandbox.iter().map(String::as_str));
        let sandbox = Sandbox::open_with(&asked.collect::<Vec<_>>(), logs).await?;
        Ok(Stage { sandbox, sound, screen, keychain, home, logs: logs.to_owned() })
    }

    /// The app's profile folder on this stage.
    pub fn profile(&self) -> PathBuf {
        self.home.path().join("profile")
    }

    /// A file in the stage's home that is gone when the stage is.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Where the programs' logs are.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// What the app, the command line and the window's driver are started with.
    pub fn environment(&self) -> Environment {
        let mut env = if self.screen.is_some() { self.home.environment() } else { Vec::new() };
        env.extend(self.screen.iter().flat_map(Screen::environment));
        env.extend(self.sound.iter().flat_map(Sound::environment));
        match &self.keychain {
            Some(keychain) => env.extend(keychain.environment()),
            // No bus: the Secret Service must fail at once instead of finding the person's keychain.
            None => env.push(("DBUS_SESSION_BUS_ADDRESS", "disabled:".into())),
        }
        env
    }

    /// Ends every program, the last started first, and waits for each.
    pub async fn clear(self) {
        let Stage { sandbox, sound, screen, keychain, home, .. } = self;
        sandbox.end().await;
        if let Some(sound) = sound {
            sound.end().await;
        }
        if let Some(screen) = screen {
            screen.end().await;
        }
        if let Some(keychain) = keychain {
            keychain.end().await;
        }
        drop(home);
    }
}
