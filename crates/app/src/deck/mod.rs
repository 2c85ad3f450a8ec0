//! The one recording that is being listened to: where the library meets the player.
//!
//! A recording that is not here is asked for, and starts by itself with the first of its bytes, unless another was chosen
//! or the wish was taken back; the rest is heard as it arrives. The position is saved every five seconds, on pause, at the end and when the app closes.

mod arriving;
mod devices;
pub mod dto;
mod heard;
mod jumps;
mod queue;
mod speakers;
mod state;
mod stretch;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::error::Code;
use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_domain::played::Played;
use aftercall_domain::recording::RecordingState;
use aftercall_engine::queue::Arriving;
use aftercall_engine::store::table::listening::{self, Listening};
use aftercall_engine::store::table::listening_queue;
use aftercall_engine::store::table::recordings::{self, Analysis};
use aftercall_engine::store::{ChangeSet, Tag};
use aftercall_media::{Cut, Turns, cuts};
use aftercall_player::{OutputChoice, Phase, Player, Status};
use tokio::sync::{Mutex, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::dto::PlayerState;
pub(crate) use self::heard::is_heard;
use self::jumps::Jumps;
pub(crate) use self::state::empty;
use self::state::{idle, state_of};
use self::stretch::Stretch;
use crate::downloads::Downloads;
use crate::dto::CallRow;
use crate::errors::AppError;
use crate::library::Library;
use crate::{rows, settings, sound};

/// How often a moving position is saved.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// So much of a recording's beginning is here before it is opened.
const BEGINNING_BYTES: u64 = 64 * 1024;
/// So many calls that were listened to before are remembered.
const BEFORE_MAX: usize = 100;
/// A call that stood this close to its end begins at its start.
const END_MARGIN_MS: i64 = 1_000;

/// The player of the app.
#[derive(Clone)]
pub(crate) struct Deck(Arc<Inner>);

struct Inner {
    library: Library,
    downloads: Downloads,
    output: OutputChoice,
    player: Player,
    chosen: Mutex<Chosen>,
    status: watch::Receiver<Status>,
    shown: watch::Sender<PlayerState>,
    drawn: Mutex<Option<arriving::Drawn>>,
}

/// What is in the player, beside what the player itself knows.
#[derive(Default)]
struct Chosen {
    call: Option<CallRow>,
    sid: Option<CallSid>,
    id: Option<RecordingId>,
    /// Nothing of it is here yet.
    waiting: bool,
    /// What the player reads, while not all of it is here.
    arriving: Option<Arriving>,
    play_when_here: bool,
    /// Why it could not even be given to the player.
    error: Option<Code>,
    heard: bool,
    /// What of it was really played, now and before.
    played: Played,
    /// Its length, once all of it is here.
    length_ms: Option<i64>,
    saved_ms: i64,
    phase: Option<Phase>,
    /// Who speaks when, once all of it is here.
    turns: Option<Turns>,
    /// What leaving its silences out saves.
    skip_saves_ms: i64,
    jumps: Jumps,
    stretch: Option<Stretch>,
    /// Since when it stands still; nothing where it goes on exactly where it stands.
    resting_since_ms: Option<i64>,
    /// The speed that was chosen for this call.
    speed: Option<f64>,
    /// What was listened to before, the last one last.
    before: Vec<RecordingId>,
    /// How many wait to be listened to.
    queued: u32,
    revision: u64,
}

/// Where and how fast a recording begins.
struct Start {
    at_ms: i64,
    speed: f64,
}

impl Chosen {
    /// What was found in the recording when it arrived. Says what can be left out of it.
    fn know(&mut self, analysis: Option<&Analysis>, duration_ms: i64) -> Arc<[Cut]> {
        self.turns = analysis.and_then(|analysis| serde_json::from_str(&analysis.turns).ok());
        self.length_ms = Some(duration_ms);
        let cuts = self.turns.as_ref().map(cuts).unwrap_or_default();
        self.skip_saves_ms = cuts.iter().map(|cut| cut.length_ms()).sum();
        cuts.into()
    }

    /// Takes in what was played. True where that made it heard just now.
    fn hears(&mut self, status: &Status) -> bool {
        self.played.join(&status.played);
        let length_ms = self.length_ms.filter(|_| !self.heard);
        self.heard |= length_ms.is_some_and(|length_ms| is_heard(self.turns.as_ref(), length_ms, &self.played));
        length_ms.is_some() && self.heard
    }
}

impl Deck {
    /// Starts the player, with speed and loudness as last set, and the task that follows it.
    pub async fn start(
        library: &Library,
        downloads: &Downloads,
        output: OutputChoice,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, AppError> {
        let sound = settings::sound(&library.store).await?;
        let begun = idle(&sound);
        let (told, status) = watch::channel(begun.clone());
        let (clock, device) = (library.clock.clone(), output.clone());
        let player = tokio::task::spawn_blocking(move || {
            let player = Player::start_by(device, clock, Box::new(move |status| drop(told.send_replace(status))));
            player.set_speed(sound.speed);
            player.set_volume(sound.volume as f32);
            player.set_skip(sound.skip_silence);
            player.set_level(sound.level);
            player.set_device(sound.device);
            player
        });
        let player = player.await.map_err(|_| AppError::Panicked)?;
        let queued = library.store.read(listening_queue::count).await?;
        let chosen = Chosen { queued, ..Chosen::default() };
        let (shown, _) = watch::channel(state_of(&chosen, &begun));
        let deck = Self(Arc::new(Inner {
            library: library.clone(),
            downloads: downloads.clone(),
            output,
            player,
            chosen: Mutex::new(chosen),
            status,
            shown,
            drawn: Mutex::default(),
        }));
        tasks.spawn(deck.clone().follow(stop));
        Ok(deck)
    }

    /// The state as it changes.
    pub fn states(&self) -> watch::Receiver<PlayerState> {
        self.0.shown.subscribe()
    }

    /// What it does now.
    pub fn state(&self) -> PlayerState {
        self.0.shown.borrow().clone()
    }

    /// Chooses a recording. One that is not here is asked for.
    pub async fn load(&self, id: RecordingId, play: bool) -> Result<PlayerState, AppError> {
        self.load_as(id, play, true).await
    }

    /// As [`Deck::load`]; the way back leads to what was in the player only where that is to be remembered.
    async fn load_as(&self, id: RecordingId, play: bool, remember: bool) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        self.save(&mut chosen).await;
        let (sid, row) = rows::call_of_recording(&self.0.library.store, &id, self.origins()).await?;
        let stored = row.recording.state.is_stored();
        // The former recording must not go on under the new call's name, whatever becomes of opening this one.
        self.blocking(|player| player.unload()).await?;
        let mut before = std::mem::take(&mut chosen.before);
        if let Some(former) = chosen.id.take().filter(|former| remember && *former != id) {
            before.push(former);
            let old = before.len().saturating_sub(BEFORE_MAX);
            before.drain(..old);
        }
        *chosen = Chosen {
            before,
            queued: chosen.queued,
            heard: row.heard,
            call: Some(row),
            sid: Some(sid),
            id: Some(id.clone()),
            waiting: !stored,
            play_when_here: play,
            revision: chosen.revision,
            ..Chosen::default()
        };
        if stored {
            self.give(&mut chosen).await;
        } else {
            self.ask_for(&mut chosen).await?;
        }
        Ok(self.show(&mut chosen))
    }

    /// The wish for this recording was taken back: it does not start by itself any more.
    pub async fn cancelled(&self, id: &RecordingId) {
        let mut chosen = self.0.chosen.lock().await;
        if chosen.id.as_ref() == Some(id) {
            if chosen.arriving.as_ref().is_some_and(|arriving| !arriving.is_whole()) {
                self.lost(&mut chosen).await;
            }
            chosen.play_when_here = false;
            self.refresh(&mut chosen).await;
            self.show(&mut chosen);
        }
    }

    /// Saves, and lets go of the device.
    pub async fn close(&self) {
        let mut chosen = self.0.chosen.lock().await;
        self.save(&mut chosen).await;
        // A player that does not answer has nothing to let go of.
        let _ = self.blocking(|player| player.unload()).await;
    }

    /// What the player told last.
    fn status(&self) -> Status {
        self.0.status.borrow().clone()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        command: impl FnOnce(&Player) -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || command(&inner.player)).await.map_err(|_| AppError::Panicked)
    }

    async fn ask_for(&self, chosen: &mut Chosen) -> Result<(), AppError> {
        if let Some(id) = &chosen.id {
            self.0.downloads.want(id).await?;
        }
        self.refresh(chosen).await;
        self.listen_in(chosen).await;
        Ok(())
    }

    /// Gives what is arriving to the player, once its beginning is here.
    async fn listen_in(&self, chosen: &mut Chosen) {
        // What is held is not heard, also not while it arrives.
        if !chosen.waiting || chosen.arriving.is_some() || self.0.library.vault.is_held() {
            return;
        }
        let (Some(id), Some(sid)) = (chosen.id.clone(), chosen.sid.clone()) else { return };
        let Some(arriving) = self.0.downloads.arriving(&id) else { return };
        let beginning = arriving.total_bytes().min(BEGINNING_BYTES);
        if arriving.is_over() || arriving.here_from(0) < beginning {
            return;
        }
        // Beside the call's own length, the only one that is known by now.
        let length_ms = chosen.call.as_ref().and_then(|call| call.duration_s).unwrap_or(0).saturating_mul(1_000);
        let start = match self.start_of(chosen, &sid, length_ms).await {
            Ok(start) => start,
            Err(error) => {
                tracing::warn!(code = error.code().as_str(), "where listening stood could not be read");
                return;
            }
        };
        let (coming, play) = (Box::new(sound::Coming::of(&arriving)), chosen.play_when_here);
        let loaded = self.blocking(move |player| {
            player.set_speed(start.speed);
            player.load_arriving(coming, start.at_ms, play)
        });
        if loaded.await.is_ok() {
            chosen.waiting = false;
            chosen.error = None;
            chosen.arriving = Some(arriving);
        }
    }

    /// The rest of it has arrived: the player has it open already, under whatever name, and goes on. True unless it could
    /// not be played from there.
    async fn took_over(&self, chosen: &mut Chosen) -> bool {
        let Some(arriving) = chosen.arriving.take() else { return false };
        let failed = matches!(self.0.status.borrow().phase, Phase::Failed(_) | Phase::Idle);
        if failed || !arriving.is_whole() {
            return false;
        }
        let Some(id) = chosen.id.clone() else { return false };
        let duration_ms = chosen.call.as_ref().and_then(|call| call.recording.duration_ms).unwrap_or(0);
        let analysis = self.0.library.store.read(move |conn| recordings::analysis(conn, &id)).await.ok().flatten();
        let cuts = chosen.know(analysis.as_ref(), duration_ms);
        // It may have been heard to its end while the last of it was being looked at.
        if chosen.hears(&self.status()) {
            self.save(chosen).await;
        }
        self.blocking(move |player| player.set_cuts(cuts)).await.is_ok()
    }

    /// Another file comes in place of the one that is listened to, or none: what sounded stops, and goes on with the next
    /// one if it was playing.
    async fn lost(&self, chosen: &mut Chosen) {
        let was_playing = self.0.status.borrow().phase == Phase::Playing;
        chosen.arriving = None;
        chosen.waiting = true;
        chosen.play_when_here |= was_playing;
        if let Err(error) = self.blocking(|player| player.unload()).await {
            tracing::warn!(code = error.code().as_str(), "the player did not let go");
        }
    }

    /// Gives the stored recording to the player. What stands in the way is shown, not answered: the call stays chosen.
    async fn give(&self, chosen: &mut Chosen) {
        chosen.waiting = false;
        chosen.arriving = None;
        chosen.error = None;
        if let Err(error) = self.try_give(chosen).await {
            tracing::warn!(code = error.code().as_str(), "a stored recording could not be opened");
            chosen.error = Some(error.code());
            if matches!(error.code(), Code::Damaged | Code::NotFound) {
                self.mend(chosen).await;
            }
        }
    }

    /// The stored file does not verify: it is fetched again, and goes on by itself where it stopped.
    async fn mend(&self, chosen: &mut Chosen) {
        let Some(id) = chosen.id.clone() else { return };
        match self.0.downloads.repair(&self.0.library, &id).await {
            Ok(true) => {
                chosen.error = None;
                chosen.waiting = true;
                self.refresh(chosen).await;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(code = error.code().as_str(), "a damaged recording could not be asked for again");
            }
        }
    }

    async fn try_give(&self, chosen: &mut Chosen) -> Result<(), AppError> {
        let (Some(id), Some(sid)) = (chosen.id.clone(), chosen.sid.clone()) else { return Ok(()) };
        let opened = sound::open(&self.0.library, &id).await?;
        let duration_ms = opened.duration_ms;
        let store = &self.0.library.store;
        let read = move |conn: &_| Ok((recordings::analysis(conn, &id)?, recordings::loudness(conn, &id)?));
        let (analysis, lufs) = store.read(read).await?;
        let cuts = chosen.know(analysis.as_ref(), duration_ms);
        let start = self.start_of(chosen, &sid, duration_ms).await?;
        let (source, play) = (opened.source, chosen.play_when_here);
        self.blocking(move |player| {
            player.set_speed(start.speed);
            player.load(source, start.at_ms, play);
            if let Some(lufs) = lufs {
                player.set_loudness(&lufs);
            }
            player.set_cuts(cuts)
        })
        .await?;
        Ok(())
    }

    /// Where and how fast a recording goes on that was listened to so far.
    async fn start_of(&self, chosen: &mut Chosen, sid: &CallSid, duration_ms: i64) -> Result<Start, AppError> {
        let (store, sid) = (&self.0.library.store, sid.clone());
        let read = store.read(move |conn| Ok((listening::get(conn, &sid)?, listening::last_at(conn, &sid)?)));
        let (listening, last_at_ms) = read.await?;
        let position_ms = listening.position_ms;
        let near_end = duration_ms > 0 && position_ms > duration_ms - END_MARGIN_MS;
        let goes_on = position_ms > 0 && !near_end;
        chosen.heard = listening.heard;
        chosen.played.join(&listening.played);
        chosen.saved_ms = position_ms;
        chosen.speed = listening.speed.filter(|_| goes_on);
        let since_ms = last_at_ms.filter(|_| goes_on);
        let back_ms = if chosen.play_when_here { self.back_ms(since_ms).await } else { 0 };
        chosen.resting_since_ms = since_ms.filter(|_| !chosen.play_when_here);
        let last_set = settings::sound(store).await?.speed;
        let at_ms = if goes_on { (position_ms - back_ms).max(0) } else { 0 };
        Ok(Start { at_ms, speed: chosen.speed.unwrap_or(last_set) })
    }

    fn origins(&self) -> rows::Origins {
        self.0.downloads.origins(self.0.library.clock.now_ms())
    }

    /// Reads the chosen call's row again.
    async fn refresh(&self, chosen: &mut Chosen) {
        let Some(id) = chosen.id.clone() else { return };
        match rows::call_of_recording(&self.0.library.store, &id, self.origins()).await {
            Ok((_, row)) => chosen.call = Some(row),
            Err(error) => tracing::warn!(code = error.code().as_str(), "the chosen call could not be read"),
        }
    }

    async fn follow(self, stop: CancellationToken) {
        let mut status = self.0.status.clone();
        let mut changes = self.0.library.store.changes();
        let mut save = tokio::time::interval(SAVE_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = status.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    status.borrow_and_update();
                    if self.moved().await {
                        self.go_on().await;
                    }
                }
                changed = changes.recv() => match changed {
                    Ok(changes) => self.changed(Some(&changes)).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.changed(None).await,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                _ = save.tick() => {
                    let mut chosen = self.0.chosen.lock().await;
                    if self.0.status.borrow().phase == Phase::Playing {
                        self.save(&mut chosen).await;
                    }
                }
            }
        }
    }

    /// The player told something. True where it played to the end just now.
    async fn moved(&self) -> bool {
        let mut chosen = self.0.chosen.lock().await;
        let status = self.0.status.borrow().clone();
        let stopped = matches!(status.phase, Phase::Paused | Phase::Ended | Phase::Failed(_));
        let ended = status.phase == Phase::Ended;
        let now_heard = chosen.hears(&status);
        if now_heard || (stopped && chosen.phase.as_ref() != Some(&status.phase)) {
            self.save(&mut chosen).await;
        }
        let damaged = matches!(&status.phase, Phase::Failed(error) if error.code() == Code::Damaged);
        let before = chosen.phase.take();
        let has_ended = ended && before == Some(Phase::Playing);
        if status.phase == Phase::Paused && before == Some(Phase::Playing) {
            chosen.resting_since_ms = Some(self.0.library.clock.now_ms());
        }
        chosen.phase = Some(status.phase);
        if damaged && chosen.arriving.as_ref().is_some_and(|arriving| arriving.is_over() && !arriving.is_whole()) {
            chosen.play_when_here |= before == Some(Phase::Playing);
            self.lost(&mut chosen).await;
            self.listen_in(&mut chosen).await;
        } else if damaged && !chosen.waiting && chosen.error.is_none() {
            match before {
                Some(Phase::Playing) => chosen.play_when_here = true,
                // What was paused stays silent when it comes back: somebody else may be in the room.
                Some(Phase::Paused | Phase::Ended) => chosen.play_when_here = false,
                _ => {}
            }
            self.mend(&mut chosen).await;
        }
        self.show(&mut chosen);
        has_ended
    }

    /// The library changed; `None` = maybe anything did.
    async fn changed(&self, changes: Option<&ChangeSet>) {
        let mut chosen = self.0.chosen.lock().await;
        let Some(id) = chosen.id.clone() else { return };
        let concerned = changes.is_none_or(|changes| {
            // Without a recording's name it is all of them: their source is being left alone, or not any more.
            changes.recordings.contains(&id)
                || (changes.recordings.is_empty() && changes.tags.contains(&Tag::Recordings))
                || changes.tags.contains(&Tag::Calls)
                || changes.tags.contains(&Tag::Leads)
        });
        if !concerned {
            return;
        }
        let before = chosen.call.clone();
        self.refresh(&mut chosen).await;
        let state = chosen.call.as_ref().map(|call| call.recording.state);
        let stored = state.is_some_and(RecordingState::is_stored);
        let listens = chosen.arriving.is_some();
        if stored && (chosen.waiting || listens) {
            if !listens || !self.took_over(&mut chosen).await {
                chosen.play_when_here |= listens && self.0.status.borrow().phase == Phase::Playing;
                self.give(&mut chosen).await;
            }
        } else if chosen.arriving.as_ref().is_some_and(|arriving| arriving.is_over() && !arriving.is_whole()) {
            self.lost(&mut chosen).await;
        } else if chosen.waiting {
            self.listen_in(&mut chosen).await;
        }
        if chosen.call == before && listens == chosen.arriving.is_some() {
            return;
        }
        self.show(&mut chosen);
    }

    /// Writes where listening stands, if that is news. A failure is told in the log: sound goes on.
    async fn save(&self, chosen: &mut Chosen) {
        let Some(sid) = chosen.sid.clone() else { return };
        let status = self.0.status.borrow().clone();
        chosen.hears(&status);
        let loaded = !matches!(status.phase, Phase::Idle | Phase::Loading)
            && !chosen.waiting
            && chosen.error.is_none()
            && status.duration_ms > 0;
        let was_heard = chosen.call.as_ref().is_some_and(|call| call.heard);
        if !loaded || (status.position_ms == chosen.saved_ms && chosen.heard == was_heard) {
            return;
        }
        let (position_ms, heard, speed) = (status.position_ms, chosen.heard, chosen.speed);
        let played = chosen.played.clone();
        let now_ms = self.0.library.clock.now_ms();
        let written = self.0.library.store.write(move |tx, changes| {
            let before = listening::get(tx, &sid)?;
            let now = Listening { position_ms, heard: heard || before.heard, speed, played };
            listening::set(tx, &sid, &now, now_ms)?;
            if now.heard != before.heard {
                changes.touch(Tag::Listening);
                changes.touch(Tag::Calls);
            }
            Ok(())
        });
        match written.await {
            Ok(()) => {
                chosen.saved_ms = position_ms;
                if let Some(call) = &mut chosen.call {
                    call.heard = heard;
                }
            }
            Err(error) => tracing::warn!(code = error.code().as_str(), "the position could not be saved"),
        }
    }

    fn show(&self, chosen: &mut Chosen) -> PlayerState {
        chosen.revision += 1;
        let state = state_of(chosen, &self.0.status.borrow());
        self.0.shown.send_replace(state.clone());
        state
    }
}
