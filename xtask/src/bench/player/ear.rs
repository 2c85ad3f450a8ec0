//! What the captured card hears, as it hears it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::tone;
use crate::failure::Failure;
use crate::stage::Sound;
use crate::stage::sound::{MONITOR, RATE_HZ};

/// Before a change of speed, this much is looked at.
const BEFORE: Duration = Duration::from_millis(500);
/// What comes later belongs to what was asked next.
const LISTENS: Duration = Duration::from_millis(1_800);

/// A recorder of the card's sound, and what it recorded.
pub struct Ear {
    recorder: Child,
    heard: Arc<Mutex<Heard>>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    samples: Vec<f32>,
    /// When the first sample was heard: the earliest that any arrival allows.
    began: Option<Instant>,
}

impl Ear {
    pub async fn open(sound: &Sound, logs: &Path) -> Result<Self, Failure> {
        let log = logs.join("parecord.log");
        let log = std::fs::File::create(&log).map_err(|e| Failure::file(&log, e))?;
        let (device, rate) = (format!("--device={MONITOR}"), format!("--rate={RATE_HZ}"));
        let mut command = Command::new("parecord");
        command.args(["--raw", "--latency-msec=10", &device, &rate, "--channels=1", "--format=s16le"]);
        command.envs(sound.environment()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut recorder = command.spawn().map_err(|source| Failure::Start { program: "parecord".into(), source })?;
        let mut output = recorder.stdout.take().ok_or_else(|| Failure::answer("parecord", "no output"))?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let into = Arc::clone(&heard);
        let reader = std::thread::spawn(move || {
            let (mut block, mut odd) = (vec![0; 65_536], Vec::new());
            while let Ok(read @ 1..) = output.read(&mut block) {
                odd.extend_from_slice(&block[..read]);
                let whole = odd.len() / 2 * 2;
                let samples =
                    odd[..whole].chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])));
                into.lock().unwrap_or_else(PoisonError::into_inner).take(samples.map(|sample| sample / 32_768.0));
                odd.drain(..whole);
            }
        });
        let ear = Self { recorder, heard, reader: Some(reader) };
        let end = Instant::now() + Duration::from_secs(10);
        while ear.lock().samples.is_empty() {
            if Instant::now() > end {
                return Err(Failure::Waited { what: "the recorder".into(), seconds: 10, seen: "nothing".into() });
            }
            sleep(Duration::from_millis(20)).await;
        }
        // The card's clock is known the better the more has arrived.
        sleep(Duration::from_secs(1)).await;
        Ok(ear)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds from the key to the first sound.
    pub fn began_ms(&self, key: Instant, what: &str) -> Result<f64, Failure> {
        found(tone::beginning_s(&self.lock().since(key), RATE_HZ), what)
    }

    /// Milliseconds from the key to that place of the recording.
    pub fn jumped_ms(&self, key: Instant, place_s: f64, what: &str) -> Result<f64, Failure> {
        found(tone::place_s(&self.lock().since(key), RATE_HZ, place_s), what)
    }

    /// Milliseconds from the key to another pace.
    pub fn bent_ms(&self, key: Instant, what: &str) -> Result<f64, Failure> {
        let samples = self.lock().since(key - BEFORE);
        found(tone::bend_s(&samples, RATE_HZ).map(|bend_s| bend_s - BEFORE.as_secs_f64()), what)
    }

    pub async fn end(mut self) {
        // It holds nothing that would have to be saved.
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
    }
}

impl Heard {
    fn take(&mut self, samples: impl Iterator<Item = f32>) {
        // The card hands a block on before it sounds: it is heard from its arrival on, not up to it.
        let length = Duration::from_secs_f64(self.samples.len() as f64 / f64::from(RATE_HZ));
        self.samples.extend(samples);
        if let Some(began) = Instant::now().checked_sub(length) {
            self.began = Some(self.began.map_or(began, |before| before.min(began)));
        }
    }

    fn since(&self, moment: Instant) -> Vec<f32> {
        let at = |moment: Instant| {
            let s = self.began.map_or(0.0, |began| moment.saturating_duration_since(began).as_secs_f64());
            ((s * f64::from(RATE_HZ)) as usize).min(self.samples.len())
        };
        self.samples[at(moment)..at(moment + LISTENS)].to_vec()
    }
}

fn found(s: Option<f64>, what: &str) -> Result<f64, Failure> {
    s.map(|s| s * 1e3).ok_or_else(|| Failure::check(format!("it is heard that {what}"), "nothing of the kind"))
}
