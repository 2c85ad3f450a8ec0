//! A sound card that plays into nothing at the right pace, and whose sound can be recorded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::{Environment, Home, Program};
use crate::failure::Failure;

/// The card's name, and that of its recordable side.
const SINK: &str = "listener";
pub const MONITOR: &str = "listener.monitor";

/// Samples a second of the card and of what is captured.
pub const RATE_HZ: u32 = 48_000;

/// A PulseAudio server of our own with one null sink.
pub struct Sound {
    program: Program,
    environment: Environment,
    logs: PathBuf,
}

impl Sound {
    /// Starts the server with a socket of its own in `home`.
    pub async fn open(home: &Home, logs: &Path) -> Result<Self, Failure> {
        let socket = home.path().join("pulse.sock");
        let native = format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display());
        let sink = format!("module-null-sink sink_name={SINK} rate={RATE_HZ} channels=2 format=s16le");
        let args = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--log-target=stderr", "-L", &native, "-L", &sink];
        let mut env = home.environment();
        env.push(("PULSE_RUNTIME_PATH", home.path().join("pulse").to_string_lossy().into_owned()));
        let mut program = Program::start("pulseaudio", Path::new("pulseaudio"), &args, &env, logs, false)?;
        let end = Instant::now() + Duration::from_secs(20);
        while !socket.exists() {
            if !program.is_running() || Instant::now() > end {
                let seen = if program.is_running() { "no socket" } else { "it ended" };
                return Err(Failure::Waited { what: "PulseAudio".into(), seconds: 20, seen: seen.into() });
            }
            sleep(Duration::from_millis(50)).await;
        }
        env.push(("PULSE_SERVER", format!("unix:{}", socket.display())));
        env.retain(|(key, _)| key.starts_with("PULSE"));
        Ok(Sound { program, environment: env, logs: logs.to_owned() })
    }

    /// What leads a program to this card.
    pub fn environment(&self) -> Environment {
        self.environment.clone()
    }

    /// Records what the card hears into a WAV file, from now on.
    pub async fn capture(&self, file: &Path) -> Result<Capture, Failure> {
        let rate = format!("--rate={RATE_HZ}");
        let device = format!("--device={MONITOR}");
        let path = file.to_string_lossy();
        let args = ["--latency-msec=20", &device, &rate, "--channels=2", "--format=s16le", "--file-format=wav", &path];
        let program = Program::start("parecord", Path::new("parecord"), &args, &self.environment, &self.logs, false)?;
        // The file grows from the first recorded block on: from then nothing is missed.
        let end = Instant::now() + Duration::from_secs(10);
        while std::fs::metadata(file).map_or(0, |meta| meta.len()) < 4096 {
            if Instant::now() > end {
                return Err(Failure::Waited { what: "the recorder".into(), seconds: 10, seen: "an empty file".into() });
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Capture { program, file: file.to_owned() })
    }

    /// Takes the card away.
    pub async fn end(self) {
        self.program.end().await;
    }
}

/// A recording of the card that runs.
pub struct Capture {
    program: Program,
    file: PathBuf,
}

impl Capture {
    /// Stops, so that the file is whole, and says where it is.
    pub async fn stop(self) -> PathBuf {
        self.program.end_with(Signal::INT).await;
        self.file
    }
}
