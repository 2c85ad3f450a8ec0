//! The two players, each by its own door.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::failure::Failure;
use crate::stage::{Environment, Home, Program};

/// Until a recording that is only to stand ready is open, and what was heard last is out.
const SETTLES: Duration = Duration::from_millis(400);

/// Ours: the app without its window.
pub struct App {
    child: Child,
    keys: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    recording: String,
}

impl App {
    pub fn open(
        program: &Path,
        profile: &Path,
        recording: &str,
        env: &Environment,
        logs: &Path,
    ) -> Result<Self, Failure> {
        let log = logs.join("measure_player.log");
        let log = File::create(&log).map_err(|e| Failure::file(&log, e))?;
        let mut command = Command::new(program);
        command.arg(profile).envs(env.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child =
            command.spawn().map_err(|source| Failure::Start { program: program.display().to_string(), source })?;
        let (keys, answers) = (child.stdin.take(), child.stdout.take());
        let answers = answers.ok_or_else(|| Failure::answer("measure_player", "no output"))?;
        let mut app = Self { child, keys, answers: BufReader::new(answers), recording: recording.to_owned() };
        app.answer()?;
        Ok(app)
    }

    fn answer(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(read) if read > 0 => Ok(line),
            _ => Err(Failure::answer("measure_player", "it ended")),
        }
    }

    /// Presses a key; says when. What it led to is read after that, so that nobody waits for it.
    fn press(&mut self, command: &str, arguments: Value) -> Result<Instant, Failure> {
        let line = format!("{command} {arguments}\n");
        let key = Instant::now();
        let keys = self.keys.as_mut().ok_or_else(|| Failure::answer("measure_player", "no input"))?;
        keys.write_all(line.as_bytes()).map_err(|e| Failure::answer("measure_player", e))?;
        self.answer()?;
        Ok(key)
    }

    /// Plays the recording from a place where listening stood.
    pub async fn load(&mut self, place_s: f64) -> Result<Instant, Failure> {
        let id = self.recording.clone();
        self.press("player_load", json!({"id": id, "play": false}))?;
        sleep(SETTLES).await;
        self.seek(place_s)?;
        self.press("player_pause", json!({}))?;
        sleep(SETTLES).await;
        self.press("player_load", json!({"id": id, "play": true}))
    }

    pub fn play(&mut self) -> Result<Instant, Failure> {
        self.press("player_play", json!({}))
    }

    pub fn pause(&mut self) -> Result<Instant, Failure> {
        self.press("player_pause", json!({}))
    }

    pub fn seek(&mut self, place_s: f64) -> Result<Instant, Failure> {
        self.press("player_seek", json!({"position_ms": (place_s * 1e3) as i64}))
    }

    pub fn speed(&mut self, speed: f64) -> Result<Instant, Failure> {
        self.press("player_speed", json!({"speed": speed}))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// It ends with its input.
    pub fn end(mut self) -> Result<(), Failure> {
        drop(self.keys.take());
        let status = self.child.wait().map_err(|e| Failure::answer("measure_player", e))?;
        if status.success() { Ok(()) } else { Err(Failure::Status { command: "measure_player".into(), status }) }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Only where the bench failed is it still there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// mpv, with its own settings but for where the sound goes.
pub struct Mpv {
    program: Program,
    socket: PathBuf,
    commands: Option<UnixStream>,
}

impl Mpv {
    /// Starts it at a place of the recording; says when.
    pub fn start(
        recording: &Path,
        place_s: f64,
        home: &Home,
        env: &Environment,
        logs: &Path,
    ) -> Result<(Self, Instant), Failure> {
        let socket = home.path().join("mpv.sock");
        let _ = std::fs::remove_file(&socket);
        let (recording, listens) = (recording.to_string_lossy(), format!("--input-ipc-server={}", socket.display()));
        let place = format!("--start={place_s}");
        let args = ["--no-config", "--no-video", "--no-terminal", "--ao=pulse", &listens, &place, &recording];
        let key = Instant::now();
        let program = Program::start("mpv", Path::new("mpv"), &args, env, logs, false)?;
        Ok((Self { program, socket, commands: None }, key))
    }

    /// Opens its socket. What it says of itself is read and left.
    pub async fn connect(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_secs(5);
        let stream = loop {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > end => return Err(Failure::file(&self.socket, error)),
                Err(_) => sleep(Duration::from_millis(5)).await,
            }
        };
        let mut said = stream.try_clone().map_err(|e| Failure::file(&self.socket, e))?;
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        self.commands = Some(stream);
        Ok(())
    }

    fn ask(&mut self, command: Value) -> Result<Instant, Failure> {
        let line = format!("{}\n", json!({ "command": command }));
        let key = Instant::now();
        let commands = self.commands.as_mut().ok_or_else(|| Failure::answer("mpv", "no socket"))?;
        commands.write_all(line.as_bytes()).map_err(|e| Failure::answer("mpv", e))?;
        Ok(key)
    }

    pub fn seek(&mut self, place_s: f64) -> Result<Instant, Failure> {
        self.ask(json!(["seek", place_s, "absolute+exact"]))
    }

    pub fn speed(&mut self, speed: f64) -> Result<Instant, Failure> {
        self.ask(json!(["set_property", "speed", speed]))
    }

    pub fn id(&self) -> u32 {
        self.program.id().unwrap_or_default()
    }

    pub async fn end(self) {
        self.program.end().await;
    }
}
