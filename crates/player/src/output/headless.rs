//! Sound without a device: the same renderer, asked for samples by a test or by a clock of its own.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Device, Health, Stream};
use crate::error::PlayerError;
use crate::render::Render;
use crate::ring::LANES;

/// How long a paced output renders at a time.
const PERIOD: Duration = Duration::from_millis(10);
/// How long [`Headless::step`] waits for the decode thread before it gives up and renders what there is.
const STEP_PATIENCE: Duration = Duration::from_secs(20);

/// An output that is no device. Clones are the same output: a test keeps one and gives the other to the player.
#[derive(Debug, Clone)]
pub struct Headless {
    rate_hz: u32,
    paced: bool,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    render: Option<Render>,
    unplugged: bool,
    health: Health,
    captured: Vec<f32>,
    /// Beside the default one.
    devices: Vec<Device>,
    /// Which of them is open.
    device: Option<String>,
    /// How often one was opened.
    opened: u32,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            render: None,
            unplugged: false,
            health: Health::Fine,
            captured: Vec::new(),
            devices: Vec::new(),
            device: None,
            opened: 0,
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("open", &self.render.is_some()).field("unplugged", &self.unplugged).finish()
    }
}

struct HeadlessStream {
    shared: Arc<Mutex<Shared>>,
    pace: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Headless {
    /// Renders only when it is told to: see [`Headless::step`].
    pub fn stepped(rate_hz: u32) -> Self {
        Self { rate_hz, paced: false, shared: Arc::default() }
    }

    /// Renders as a device would, by the clock, and keeps what was rendered for [`Headless::take_captured`].
    pub fn paced(rate_hz: u32) -> Self {
        Self { rate_hz, paced: true, shared: Arc::default() }
    }

    /// Renders so many frames, left and right interleaved, and returns them. Waits until the decode thread has made
    /// them, so that what comes out does not depend on how busy the machine is; what is paused is silent at once.
    pub fn step(&self, frames: usize) -> Vec<f32> {
        let deadline = Instant::now() + STEP_PATIENCE;
        let mut out = vec![0.0; frames * LANES];
        let mut done = 0;
        // A stretch at a time: the ring holds less than a second.
        let stretch = self.rate_hz as usize / 10;
        while done < frames {
            let count = stretch.min(frames - done);
            loop {
                let mut shared = self.lock();
                let Some(render) = &mut shared.render else { break };
                let (ready, ended) = render.settle();
                if ready >= count || ended || !render.wants_sound() || Instant::now() > deadline {
                    render.fill(&mut out[done * LANES..(done + count) * LANES], LANES);
                    break;
                }
                drop(shared);
                std::thread::park_timeout(Duration::from_millis(1));
            }
            done += count;
        }
        out
    }

    /// What a paced output has rendered so far, left and right interleaved; begins anew.
    pub fn take_captured(&self) -> Vec<f32> {
        std::mem::take(&mut self.lock().captured)
    }

    /// The device goes: what is open is lost, and nothing can be opened.
    pub fn unplug(&self) {
        let mut shared = self.lock();
        shared.unplugged = true;
        shared.health = Health::Lost;
        shared.render = None;
    }

    /// The backend stops asking for samples, and the device is still there.
    pub fn break_down(&self) {
        let mut shared = self.lock();
        shared.health = Health::Broken;
        shared.render = None;
    }

    /// Whether the player has it open.
    pub fn is_open(&self) -> bool {
        self.lock().render.is_some()
    }

    /// Another device becomes the default: what is open is lost, and can be opened again at once.
    pub fn change(&self) {
        let mut shared = self.lock();
        shared.health = Health::Lost;
        shared.render = None;
    }

    /// These devices are there, beside the default one.
    pub fn set_devices(&self, devices: Vec<Device>) {
        self.lock().devices = devices;
    }

    /// Which of them is open; none = the default one, or nothing.
    pub fn device(&self) -> Option<String> {
        self.lock().device.clone()
    }

    /// How often one was opened.
    pub fn opened(&self) -> u32 {
        self.lock().opened
    }

    pub(super) fn devices(&self) -> Vec<Device> {
        self.lock().devices.clone()
    }

    /// A device is there again.
    pub fn plug(&self) {
        self.lock().unplugged = false;
    }

    pub(super) fn open(
        &self,
        id: Option<&str>,
        connect: &mut dyn FnMut(u32) -> Render,
    ) -> Result<Box<dyn Stream>, PlayerError> {
        let mut shared = self.lock();
        let is_there = id.is_none_or(|id| shared.devices.iter().any(|device| device.id == id));
        if shared.unplugged || !is_there {
            return Err(PlayerError::NoOutputDevice);
        }
        shared.health = Health::Fine;
        shared.device = id.map(str::to_owned);
        shared.opened += 1;
        shared.render = Some(connect(self.rate_hz));
        drop(shared);
        let pace = if self.paced { Some(self.run()?) } else { None };
        Ok(Box::new(HeadlessStream { shared: Arc::clone(&self.shared), pace }))
    }

    fn run(&self) -> Result<(SyncSender<()>, JoinHandle<()>), PlayerError> {
        let (stop, stopped) = sync_channel::<()>(1);
        let (shared, rate_hz) = (Arc::clone(&self.shared), self.rate_hz);
        let work = move || {
            let started = Instant::now();
            let mut rendered: u64 = 0;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PERIOD) {
                let due = started.elapsed().as_micros() as u64 * u64::from(rate_hz) / 1_000_000;
                let mut out = vec![0.0; (due - rendered) as usize * LANES];
                let mut shared = lock(&shared);
                if let Some(render) = &mut shared.render {
                    render.fill(&mut out, LANES);
                }
                shared.captured.extend_from_slice(&out);
                rendered = due;
            }
        };
        let thread = std::thread::Builder::new().name("player-headless".into()).spawn(work);
        thread.map(|thread| (stop, thread)).map_err(|_| PlayerError::NoOutputDevice)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // A panic elsewhere leaves samples behind, nothing that could be half changed.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stream for HeadlessStream {
    fn health(&self) -> Health {
        lock(&self.shared).health
    }
}

impl Drop for HeadlessStream {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.pace.take() {
            drop(stop);
            // It ends with its channel; a panic in it has been reported already.
            let _ = thread.join();
        }
        lock(&self.shared).render = None;
    }
}
