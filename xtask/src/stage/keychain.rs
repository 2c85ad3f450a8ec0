//! An unlocked keychain on a bus of its own: the Secret Service as a desktop has it, without a desktop.

use std::path::Path;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::process::ChildStdout;
use tokio::time::{Instant, sleep};

use super::{Environment, Home, Program};
use crate::failure::Failure;

/// Both programs answer within a second unless something is wrong.
const LIMIT: Duration = Duration::from_secs(20);

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
        let (address, output) = bus.first_line(LIMIT).await?;
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
        // The bus is asked first: asking the service before it is there would make the bus start another, locked one.
        let owned =
            ["org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"];
        wait_for(env, "the keychain's name on the bus", &owned, "boolean true").await?;
        let locked = [
            "org.freedesktop.secrets",
            "/org/freedesktop/secrets/collection/login",
            "org.freedesktop.DBus.Properties.Get",
            "string:org.freedesktop.Secret.Collection",
            "string:Locked",
        ];
        wait_for(env, "an unlocked keychain", &locked, "boolean false").await
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

/// Asks over the bus (destination, object, method, arguments) until the reply ends with `wanted`.
async fn wait_for(env: &Environment, what: &str, ask: &[&str], wanted: &str) -> Result<(), Failure> {
    let end = Instant::now() + LIMIT;
    loop {
        let said = tokio::process::Command::new("dbus-send")
            .args(["--session", "--print-reply", &format!("--dest={}", ask[0])])
            .args(&ask[1..])
            .envs(env.iter().map(|(key, value)| (key, value)))
            .output()
            .await
            .map_err(|source| Failure::Start { program: "dbus-send".into(), source })?;
        let seen = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        if seen.ends_with(wanted) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(Failure::Waited { what: what.to_owned(), seconds: LIMIT.as_secs(), seen });
        }
        sleep(Duration::from_millis(100)).await;
    }
}
