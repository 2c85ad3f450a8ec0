//! An unlocked keychain on a bus of its own: the Secret Service as a desktop has it, without a desktop.

use std::path::Path;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::process::ChildStdout;
use tokio::time::{Instant, sleep};

use super::{Environment, Home, Program};
use crate::failure::Failure;

/// A session bus and gnome-keyring on it.
pub struct Keychain {
    keyring: Program,
    bus: Program,
    address: String,
    _output: BufReader<ChildStdout>,
}

impl Keychain {
    /// Starts both; the keyring is made in `home` and unlocked.
    pub async fn open(home: &Home, logs: &Path) -> Result<Self, Failure> {
        let mut env = home.environment();
        let args = ["--session", "--nofork", "--nopidfile", "--print-address=1"];
        let mut bus = Program::start("dbus", Path::new("dbus-daemon"), &args, &env, logs, true)?;
        let (address, output) = bus.first_line(Duration::from_secs(20)).await?;
        env.push(("DBUS_SESSION_BUS_ADDRESS", address.clone()));
        let args = ["--foreground", "--unlock", "--components=secrets"];
        let daemon = Path::new("gnome-keyring-daemon");
        let mut keyring = Program::start("gnome-keyring", daemon, &args, &env, logs, false)?;
        // An empty password would leave the keyring locked.
        keyring.say("stage\n").await?;
        let keychain = Keychain { keyring, bus, address, _output: output };
        keychain.wait_until_unlocked(&env).await?;
        Ok(keychain)
    }

    /// The default collection must exist and be open, or the app would wait for a prompt nobody sees.
    async fn wait_until_unlocked(&self, env: &Environment) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let said = tokio::process::Command::new("dbus-send")
                .args(["--session", "--print-reply", "--dest=org.freedesktop.secrets"])
                .args(["/org/freedesktop/secrets/collection/login", "org.freedesktop.DBus.Properties.Get"])
                .args(["string:org.freedesktop.Secret.Collection", "string:Locked"])
                .envs(env.iter().map(|(key, value)| (key, value)))
                .output()
                .await
                .map_err(|source| Failure::Start { program: "dbus-send".into(), source })?;
            let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
            if said.ends_with("boolean false") {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Failure::Waited { what: "an unlocked keychain".into(), seconds: 20, seen: said });
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What leads a program to this keychain.
    pub fn environment(&self) -> Environment {
        vec![("DBUS_SESSION_BUS_ADDRESS", self.address.clone())]
    }

    /// Ends the keyring, then its bus.
    pub async fn end(self) {
        self.keyring.end().await;
        self.bus.end().await;
    }
}
