//! The player: a handle, and the thread that carries out what [`crate::machine`] decides.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aftercall_domain::clock::{Clock, Clocks, SystemClock, Went};
use aftercall_domain::played::Played;
use aftercall_media::Cut;

use crate::bell::Bell;
use crate::decode::{Arriving, Media, Source};
use crate::decode_thread::DecodeThread;
use crate::error::PlayerError;
use crate::fill::Order;
use crate::level::gains;
use crate::machine::{Command, Effect, Event, Input, Phase, State, Stop};
use crate::output::{self, Health, OutputChoice, Stream};
use crate::plan::as_us;
use crate::render::Render;
use crate::ring::{Link, ring};
use crate::shape::Shape;

/// Messages that may wait for the control thread. It never waits for a listener, so they are few; a sender waits.
const INBOX: usize = 64;
/// How often the control thread looks at what the callback left behind while there is a device.
const TICK: Duration = Duration::from_millis(20);
/// A control thread that was not served for so long slept with the computer: where the monotonic clock goes on in sleep
/// the two clocks do not tell.
const SLEPT_MS: i64 = 10_000;
/// An output that breaks down so often before anything was heard counts as lost.
const SILENT_BREAKDOWNS_MAX: u32 = 4;
/// How often a position is reported while it moves; whoever shows it goes on by itself in between.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// What the player is doing, as of `revision`.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// Media time of what is being played, in milliseconds, whatever the speed.
    pub position_ms: i64,
    /// The recording's length; 0 while unknown.
    pub duration_ms: i64,
    /// The length is an estimate: the recording is still arriving.
    pub estimated: bool,
    /// It plays, and what comes next has not arrived: it goes on by itself.
    pub buffering: bool,
    /// 0.5 to 3.
    pub speed: f64,
    /// How fast media time goes by: the speed, or less while something is said again.
    pub pace: f64,
    /// Linear gain, 0 to 1.
    pub volume: f32,
    /// No sound whatever the volume.
    pub muted: bool,
    /// Silences are left out.
    pub skipping: bool,
    /// How the sides stand to each other.
    pub shape: Shape,
    /// The stretch that goes round and round, in milliseconds.
    pub repeat: Option<(i64, i64)>,
    /// A few seconds are being said again.
    pub saying_again: bool,
    /// Why it stands still without anybody having asked.
    pub stopped_by: Option<Stop>,
    /// The chosen device was not to be had, and it is another that is open.
    pub elsewhere: bool,
    /// What of the recording was really played since the load.
    pub played: Arc<Played>,
    /// Milliseconds of sound that have gone out since the load.
    pub output_ms: i64,
    /// How often the device asked and nothing was ready, since the load.
    pub underruns: u64,
    /// Grows with every report.
    pub revision: u64,
}

/// Plays one recording at a time. Commands return when they have been carried out, with the status that they led to;
/// they wait for a device to open at most.
pub struct Player {
    inbox: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    shown: Arc<Mutex<Status>>,
}

enum Message {
    Command { command: Command, media: Option<Media>, reply: SyncSender<Status> },
    Look { reply: SyncSender<Status> },
    Event(Event),
    Close,
}

impl Player {
    /// Starts the control thread and the decode thread. No device is opened before something is to be heard.
    ///
    /// `on_status` is called on the control thread with every change, and with the position four times a second
    /// while it moves. It must return soon, and must not call back into this player: the call would wait for itself.
    pub fn start(output: OutputChoice, on_status: Box<dyn Fn(Status) + Send>) -> Self {
        Self::start_by(output, Arc::new(SystemClock::new()), on_status)
    }

    /// As [`Player::start`], and tells a sleep, and how often a device is opened anew, by this clock.
    pub fn start_by(output: OutputChoice, clock: Arc<dyn Clock>, on_status: Box<dyn Fn(Status) + Send>) -> Self {
        let (inbox, messages) = sync_channel(INBOX);
        let shown = Arc::new(Mutex::new(Status::of(&State::default())));
        let mirror = Arc::clone(&shown);
        let events = inbox.clone();
        let spawned = std::thread::Builder::new().name("player-control".into()).spawn(move || {
            // Before any other thread is started: they inherit it.
            hurry();
            let decode = decode_thread(&events);
            // Made here, because a device's stream may not move between threads.
            let mut control = Control {
                state: State::default(),
                output,
                device: None,
                elsewhere: false,
                stream: None,
                looked: Clocks::of(&*clock),
                watched: false,
                clock,
                rate_hz: 0,
                decode,
                events,
                link: Arc::new(Link::new()),
                bell: Arc::default(),
                media: None,
                on_status,
                base: Counters::default(),
                played: Arc::default(),
                breakdowns: 0,
                silent_breakdowns: 0,
                revision: 0,
                reported: Instant::now(),
                shown: mirror,
            };
            control.run(&messages);
            drop(messages);
            control.stream = None;
            if let Some(decode) = control.decode.take() {
                decode.end();
            }
        });
        let thread = spawned.map_err(|error| tracing::error!(kind = ?error.kind(), "no thread for the player")).ok();
        Self { inbox: thread.is_some().then_some(inbox), thread, shown }
    }

    /// Takes a new recording and stands at `start_ms`, or plays from there. What was heard before stops at once.
    pub fn load(&self, source: Box<dyn Source>, start_ms: i64, play: bool) -> Status {
        self.load_window(source, start_ms, None, play)
    }

    /// As [`Player::load`], and ends at `end_ms`.
    pub fn load_window(&self, source: Box<dyn Source>, start_ms: i64, end_ms: Option<i64>, play: bool) -> Status {
        let load = Command::Load { from_us: as_us(start_ms), until_us: end_ms.map(as_us), play };
        self.send(load, Some(Media::Whole(source)))
    }

    /// As [`Player::load`], of a recording that is still arriving: it sounds as soon as its first bytes are here, stands
    /// still where they end ([`Status::buffering`]) and goes on by itself.
    pub fn load_arriving(&self, bytes: Box<dyn Arriving>, start_ms: i64, play: bool) -> Status {
        let load = Command::Load { from_us: as_us(start_ms), until_us: None, play };
        self.send(load, Some(Media::Arriving(bytes)))
    }

    /// Sound. From the beginning, where it stood at the end. Tries again after a failure for want of a device.
    pub fn play(&self) -> Status {
        self.send(Command::Play, None)
    }

    /// No sound. The position stays.
    pub fn pause(&self) -> Status {
        self.send(Command::Pause, None)
    }

    /// Goes to a position, exactly, and goes on playing or standing there.
    pub fn seek(&self, position_ms: i64) -> Status {
        self.send(Command::Seek { to_us: as_us(position_ms) }, None)
    }

    /// 0.5 to 3; what lies outside is brought inside.
    pub fn set_speed(&self, speed: f64) -> Status {
        self.send(Command::SetSpeed(speed), None)
    }

    /// Linear gain, 0 to 1.
    pub fn set_volume(&self, volume: f32) -> Status {
        self.send(Command::SetVolume(volume), None)
    }

    /// No sound, and the volume stays.
    pub fn set_muted(&self, muted: bool) -> Status {
        self.send(Command::SetMuted(muted), None)
    }

    /// Five seconds back and slower, then on as before.
    pub fn say_again(&self) -> Status {
        self.send(Command::SayAgain, None)
    }

    /// Round and round between two moments, in milliseconds; none = on to the end. From outside it goes to its beginning.
    pub fn set_repeat(&self, repeat: Option<(i64, i64)>) -> Status {
        self.send(Command::SetRepeat(repeat.map(|(a_ms, b_ms)| (as_us(a_ms), as_us(b_ms)))), None)
    }

    /// Leaves the silences out, of this recording and later ones.
    pub fn set_skip(&self, skip: bool) -> Status {
        self.send(Command::SetSkip(skip), None)
    }

    /// Tells where the silences of this recording are.
    pub fn set_cuts(&self, cuts: Arc<[Cut]>) -> Status {
        self.send(Command::SetCuts(cuts), None)
    }

    /// Only this channel of this recording, from 1; none = all.
    pub fn set_solo(&self, channel: Option<u16>) -> Status {
        self.send(Command::SetSolo(channel), None)
    }

    /// Linear gain of each channel of this recording.
    pub fn set_gains(&self, gains: [f32; 2]) -> Status {
        self.send(Command::SetGains(gains), None)
    }

    /// Brings the quiet side up to the loud one, of this recording and later ones.
    pub fn set_level(&self, level: bool) -> Status {
        self.send(Command::SetLevel(level), None)
    }

    /// Tells how loud each channel of this recording speaks, in LUFS, none where nobody does: level then needs not find
    /// it on the way.
    pub fn set_loudness(&self, lufs: &[Option<f32>]) -> Status {
        self.send(Command::SetLift(<[f32; 2]>::try_from(gains(lufs)).ok()), None)
    }

    /// Another output device, by its id; none = the system's default. What plays goes on there.
    pub fn set_device(&self, id: Option<String>) -> Status {
        self.send(Command::SetDevice(id), None)
    }

    /// Lets go of recording and device.
    pub fn unload(&self) -> Status {
        self.send(Command::Unload, None)
    }

    /// What it is doing now.
    pub fn status(&self) -> Status {
        self.ask(|reply| Message::Look { reply })
    }

    /// Stops both threads and waits for them. Dropping the player does the same.
    pub fn close(self) {
        drop(self);
    }

    fn send(&self, command: Command, media: Option<Media>) -> Status {
        self.ask(|reply| Message::Command { command, media, reply })
    }

    fn ask(&self, message: impl FnOnce(SyncSender<Status>) -> Message) -> Status {
        let (reply, answer) = sync_channel(1);
        let sent = self.inbox.as_ref().is_some_and(|inbox| inbox.send(message(reply)).is_ok());
        let status = if sent { answer.recv().ok() } else { None };
        status.unwrap_or_else(|| {
            // The control thread is gone, which is a fault of ours.
            let mut status = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            status.phase = Phase::Failed(PlayerError::DecoderStopped);
            status
        })
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.take() {
            // Where it cannot be sent, the thread has ended.
            let _ = inbox.send(Message::Close);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Asks for this thread to be served before others, and with it all that it starts: on Linux a thread hands its
/// niceness down, and so it reaches the threads of the sound libraries, which nobody else can. Few systems grant it to
/// everybody; where it is refused, sound is made all the same.
#[cfg(target_os = "linux")]
fn hurry() {
    const AS_THE_SOUND_SERVER: i32 = -11;
    if rustix::process::setpriority_process(None, AS_THE_SOUND_SERVER).is_err() {
        tracing::debug!("no priority for sound");
    }
}

/// CoreAudio and WASAPI run the callback on a thread of their own that is served first.
#[cfg(not(target_os = "linux"))]
fn hurry() {}

fn decode_thread(events: &SyncSender<Message>) -> Option<DecodeThread> {
    let events = events.clone();
    DecodeThread::start(move |event| {
        // The control thread has stopped: nobody wants to know any more.
        let _ = events.send(Message::Event(event));
    })
}

/// What the callback had counted when the recording was loaded.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    frames: u64,
    underruns: u64,
    /// Sound that went out on devices that have been closed since the load.
    closed_ms: i64,
}

struct Control {
    state: State,
    output: OutputChoice,
    /// The chosen device; none = the system's default.
    device: Option<String>,
    /// It was not to be had.
    elsewhere: bool,
    stream: Option<Box<dyn Stream>>,
    clock: Arc<dyn Clock>,
    /// What both clocks showed at the last look.
    looked: Clocks,
    /// At that look it was woken by time, too: what lies between is no waiting for somebody.
    watched: bool,
    rate_hz: u32,
    decode: Option<DecodeThread>,
    events: SyncSender<Message>,
    link: Arc<Link>,
    /// Wakes whoever feeds the device.
    bell: Arc<Bell>,
    media: Option<Media>,
    on_status: Box<dyn Fn(Status) + Send>,
    base: Counters,
    played: Arc<Played>,
    /// How often an output broke down.
    breakdowns: u32,
    /// How often that happened since something was heard.
    silent_breakdowns: u32,
    revision: u64,
    reported: Instant,
    shown: Arc<Mutex<Status>>,
}

impl Control {
    fn run(&mut self, messages: &Receiver<Message>) {
        loop {
            let message = if self.stream.is_some() || self.is_decoding() || self.state.awaits_device() {
                messages.recv_timeout(TICK)
            } else {
                messages.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            let before = self.state.clone();
            self.look_after_decoding();
            self.look();
            match message {
                Ok(Message::Command { command, media, reply }) => {
                    if let Command::Load { .. } | Command::Unload = command {
                        self.played = Arc::default();
                    }
                    if let Command::Load { .. } = command {
                        self.media = media;
                        self.base =
                            Counters { frames: self.link.frames(), underruns: self.link.underruns(), closed_ms: 0 };
                    }
                    self.take(Input::Command(command));
                    self.report(&before);
                    // Whoever asked may have gone.
                    let _ = reply.send(self.status());
                    continue;
                }
                Ok(Message::Look { reply }) => {
                    let _ = reply.send(self.status());
                }
                Ok(Message::Event(event)) => self.take(Input::Event(event)),
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.report(&before);
        }
    }

    /// Takes in what the callback left behind.
    fn look(&mut self) {
        let heard = self.link.heard();
        // Whatever is a jump begins a new epoch; within one only silences are left out, and the way round is back.
        if heard.epoch == self.state.epoch() as u16 && heard.position_us > self.state.position_us() {
            let (from_ms, to_ms) = (as_ms(self.state.position_us()), as_ms(heard.position_us));
            Arc::make_mut(&mut self.played).add(from_ms, to_ms);
        }
        self.take(Input::Event(Event::Heard { epoch: heard.epoch, position_us: heard.position_us }));
        if self.link.ended_epoch() == self.state.epoch() {
            self.take(Input::Event(Event::Drained { epoch: self.state.epoch() }));
        }
        self.look_at_the_clocks();
        let health = self.stream.as_ref().map_or(Health::Fine, |stream| stream.health());
        if self.link.frames() > self.base.frames {
            self.silent_breakdowns = 0;
        }
        match health {
            Health::Fine => {}
            Health::Broken if self.silent_breakdowns < SILENT_BREAKDOWNS_MAX => {
                tracing::warn!("the audio output broke down");
                self.breakdowns += 1;
                self.silent_breakdowns += 1;
                self.take(Input::Event(Event::DeviceBroken { now_ms: self.looked.monotonic_ms }));
            }
            Health::Broken | Health::Lost => {
                tracing::warn!("the audio output is gone");
                self.take(Input::Event(Event::DeviceLost { now_ms: self.looked.monotonic_ms, why: Stop::DeviceLost }));
            }
        }
        if self.state.awaits_device() {
            self.take(Input::Event(Event::Ticked { now_ms: self.looked.monotonic_ms }));
        }
    }

    /// Whoever opens a laptop again is not asked to listen at once, and the device may have changed meanwhile.
    fn look_at_the_clocks(&mut self) {
        let now = Clocks::of(&*self.clock);
        let before = std::mem::replace(&mut self.looked, now);
        // Without a device it waits on its inbox, however long.
        let is_watching = self.stream.is_some() || self.state.awaits_device();
        let was_gone = now.monotonic_ms - before.monotonic_ms >= SLEPT_MS;
        if is_watching && self.watched && (was_gone || Went::between(before, now) == Went::Ahead) {
            tracing::info!("the computer slept");
            self.take(Input::Event(Event::DeviceLost { now_ms: now.monotonic_ms, why: Stop::Slept }));
        }
        self.watched = is_watching;
    }

    fn take(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let (state, effects) = std::mem::take(&mut self.state).step(input);
            self.state = state;
            for effect in effects {
                inputs.extend(self.carry_out(effect).map(Input::Event));
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::OpenSource { ticket } => {
                let media = self.media.take()?;
                self.order(Order::Open { ticket, media });
            }
            Effect::CloseSource => self.order(Order::Close),
            Effect::OpenDevice => return Some(self.open_device()),
            Effect::CloseDevice => {
                self.close_device();
                self.order(Order::Detach);
            }
            Effect::Hush { epoch } => {
                self.link.set_epoch(epoch);
                self.bell.ring();
                self.order(Order::Stop);
            }
            Effect::Start { epoch, plan } => {
                self.link.set_epoch(epoch);
                self.order(Order::Start { epoch, plan });
            }
            Effect::ChooseDevice(device) => self.device = device,
            Effect::Run(running) => {
                self.link.set_running(running);
                self.bell.ring();
            }
            Effect::Volume(volume) => self.link.set_volume(volume),
        }
        None
    }

    fn order(&mut self, order: Order) {
        // It fails where the thread is gone, which nothing but a panic outside its guard could do, or stuck, which the
        // next look finds.
        if self.decode.as_mut().is_none_or(|decode| decode.order(order).is_err()) {
            tracing::error!("the decode thread takes no orders");
        }
    }

    /// Whether the decode thread is to be looked after. While a recording is being opened it may not have begun yet.
    fn is_decoding(&self) -> bool {
        *self.state.phase() == Phase::Loading || self.decode.as_ref().is_some_and(DecodeThread::is_working)
    }

    /// A decode thread that does not come back is left behind, with the recording, the device's ring and its orders.
    fn look_after_decoding(&mut self) {
        if self.decode.as_mut().is_some_and(DecodeThread::is_stuck) {
            tracing::error!("the decode thread did not come back and is left behind");
            self.decode = decode_thread(&self.events);
            self.take(Input::Event(Event::DecoderStuck));
        }
    }

    fn open_device(&mut self) -> Event {
        let Some(decode) = self.decode.as_mut() else { return Event::DeviceMissing };
        let (link, bell) = (Arc::clone(&self.link), Arc::clone(&self.bell));
        let mut rate_hz = 0;
        let mut connect = |rate| {
            rate_hz = rate;
            let (producer, consumer) = ring(rate);
            // Fails only with the decode thread gone, and then there is silence.
            let _ = decode.order(Order::Attach { ring: producer, rate_hz: rate, bell: Arc::clone(&bell) });
            Render::new(consumer, Arc::clone(&link), rate)
        };
        let mut opened = output::open(&self.output, self.device.as_deref(), self.breakdowns, &bell, &mut connect);
        self.elsewhere = self.device.is_some() && opened.is_err();
        if self.elsewhere {
            opened = output::open(&self.output, None, self.breakdowns, &bell, &mut connect);
        }
        match opened {
            Ok(stream) => {
                self.stream = Some(stream);
                self.rate_hz = rate_hz;
                self.base.frames = self.link.frames();
                Event::DeviceOpened
            }
            Err(_) => Event::DeviceMissing,
        }
    }

    fn close_device(&mut self) {
        self.base.closed_ms = self.output_ms();
        self.stream = None;
        self.base.frames = self.link.frames();
    }

    fn output_ms(&self) -> i64 {
        let frames = self.link.frames() - self.base.frames;
        let ms = (frames * 1000).checked_div(u64::from(self.rate_hz)).unwrap_or(0);
        self.base.closed_ms + i64::try_from(ms).unwrap_or(i64::MAX)
    }

    fn status(&self) -> Status {
        Status {
            played: Arc::clone(&self.played),
            output_ms: self.output_ms(),
            underruns: self.link.underruns() - self.base.underruns,
            revision: self.revision,
            elsewhere: self.elsewhere,
            ..Status::of(&self.state)
        }
    }

    /// Tells when something changed, or when the position has moved for a while.
    fn report(&mut self, before: &State) {
        let quiet = |state: &State| {
            let told = (state.phase().clone(), state.is_buffering(), state.duration_us(), state.is_estimate());
            let how = (state.pace(), state.is_skipping(), state.shape(), state.repeat(), state.stopped_by());
            (told, how, state.speed(), state.volume(), state.is_muted(), state.epoch())
        };
        let moved = before.position_us() != self.state.position_us();
        if quiet(before) == quiet(&self.state) && !(moved && self.reported.elapsed() >= REPORT_EVERY) {
            return;
        }
        self.reported = Instant::now();
        self.revision += 1;
        let status = self.status();
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&status);
        (self.on_status)(status);
    }
}

impl Default for Status {
    /// Of a player that was given nothing yet.
    fn default() -> Self {
        Self::of(&State::default())
    }
}

impl Status {
    fn of(state: &State) -> Self {
        Self {
            phase: state.phase().clone(),
            position_ms: as_ms(state.position_us()),
            duration_ms: as_ms(state.duration_us()),
            estimated: state.is_estimate(),
            buffering: state.is_buffering(),
            speed: state.speed(),
            pace: state.pace(),
            volume: state.volume(),
            muted: state.is_muted(),
            skipping: state.is_skipping(),
            shape: state.shape(),
            repeat: state.repeat().map(|(a_us, b_us)| (as_ms(a_us), as_ms(b_us))),
            saying_again: state.is_saying_again(),
            stopped_by: state.stopped_by(),
            elsewhere: false,
            played: Arc::default(),
            output_ms: 0,
            underruns: 0,
            revision: 0,
        }
    }
}

fn as_ms(us: u64) -> i64 {
    i64::try_from((us + 500) / 1000).unwrap_or(i64::MAX)
}
