//! The one recording that is being listened to: where the library meets the player.
//!
//! A recording that is not here is asked for, and starts by itself with the first of its bytes, unless another was chosen
//! or the wish was taken back; the rest is heard as it arrives. The position is saved every five seconds, on pause, at the end and when the app closes.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::error::Code;
use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_domain::recording::RecordingState;
use aftercall_engine::queue::Arriving;
use aftercall_engine::store::table::{listening, recordings};
use aftercall_engine::store::{ChangeSet, Tag};
use aftercall_media::Turns;
use aftercall_player::{OutputChoice, Phase, Player, Status};
use tokio::sync::{Mutex, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::downloads::Downloads;
use crate::dto::{CallRow, PlayerPhase, PlayerState};
use crate::errors::AppError;
use crate::library::Library;
use crate::{rows, settings, sound};

/// How often a moving position is saved.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// So much of a recording's beginning is here before it is opened.
const BEGINNING_BYTES: u64 = 64 * 1024;
/// A call that stood this close to its end begins at its start.
const END_MARGIN_MS: i64 = 1_000;
/// A call is heard when this much of its speech was passed.
const HEARD_PER_CENT: i64 = 90;

/// The player of the app.
#[derive(Clone)]
pub(crate) struct Deck(Arc<Inner>);

struct Inner {
    library: Library,
    downloads: Downloads,
    player: Player,
    chosen: Mutex<Chosen>,
    status: watch::Receiver<Status>,
    shown: watch::Sender<PlayerState>,
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
    /// Media time from which it counts as heard.
    heard_at_ms: i64,
    saved_ms: i64,
    phase: Option<Phase>,
    revision: u64,
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
        let (speed, volume) = settings::sound(&library.store).await?;
        let (told, status) = watch::channel(idle(speed, volume));
        let player = tokio::task::spawn_blocking(move || {
            let player = Player::start(output, Box::new(move |status| drop(told.send_replace(status))));
            player.set_speed(speed);
            player.set_volume(volume as f32);
            player
        });
        let player = player.await.map_err(|_| AppError::Panicked)?;
        let chosen = Chosen::default();
        let (shown, _) = watch::channel(state_of(&chosen, &idle(speed, volume)));
        let deck = Self(Arc::new(Inner {
            library: library.clone(),
            downloads: downloads.clone(),
            player,
            chosen: Mutex::new(chosen),
            status,
            shown,
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
        let mut chosen = self.0.chosen.lock().await;
        self.save(&mut chosen).await;
        let (sid, row) = rows::call_of_recording(&self.0.library.store, &id, self.origins()).await?;
        let stored = row.recording.state.is_stored();
        // The former recording must not go on under the new call's name, whatever becomes of opening this one.
        self.blocking(|player| player.unload()).await?;
        *chosen = Chosen {
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

    /// Goes on, or will as soon as the recording is here.
    pub async fn play(&self) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        if chosen.waiting {
            chosen.play_when_here = true;
            self.ask_for(&mut chosen).await?;
        } else if chosen.error.is_some() {
            // What stood in the way may be mended.
            chosen.play_when_here = true;
            self.give(&mut chosen).await;
        } else {
            self.blocking(|player| player.play()).await?;
        }
        Ok(self.show(&mut chosen))
    }

    /// Stands still.
    pub async fn pause(&self) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        chosen.play_when_here = false;
        self.blocking(|player| player.pause()).await?;
        self.save(&mut chosen).await;
        Ok(self.show(&mut chosen))
    }

    /// Jumps.
    pub async fn seek(&self, position_ms: i64) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        self.blocking(move |player| player.seek(position_ms.max(0))).await?;
        Ok(self.show(&mut chosen))
    }

    /// Sets the speed, for later calls and starts too.
    pub async fn set_speed(&self, speed: f64) -> Result<PlayerState, AppError> {
        if !(0.5..=3.0).contains(&speed) {
            return Err(AppError::InvalidInput("the speed is 0.5 to 3"));
        }
        let mut chosen = self.0.chosen.lock().await;
        let status = self.blocking(move |player| player.set_speed(speed)).await?;
        settings::keep_sound(&self.0.library.store, status.speed, f64::from(status.volume)).await?;
        Ok(self.show(&mut chosen))
    }

    /// Sets the loudness, for later calls and starts too.
    pub async fn set_volume(&self, volume: f64) -> Result<PlayerState, AppError> {
        if !(0.0..=1.0).contains(&volume) {
            return Err(AppError::InvalidInput("the loudness is 0 to 1"));
        }
        let mut chosen = self.0.chosen.lock().await;
        let status = self.blocking(move |player| player.set_volume(volume as f32)).await?;
        settings::keep_sound(&self.0.library.store, status.speed, f64::from(status.volume)).await?;
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
        let listening = match self.0.library.store.read(move |conn| listening::get(conn, &sid)).await {
            Ok(listening) => listening,
            Err(error) => {
                tracing::warn!(code = error.code().as_str(), "where listening stood could not be read");
                return;
            }
        };
        // Beside the call's own length, the only one that is known by now.
        let length_ms = chosen.call.as_ref().and_then(|call| call.duration_s).unwrap_or(0).saturating_mul(1_000);
        let near_end = length_ms > 0 && listening.position_ms > length_ms - END_MARGIN_MS;
        let start_ms = if near_end { 0 } else { listening.position_ms };
        chosen.heard = listening.heard;
        chosen.saved_ms = listening.position_ms;
        let (coming, play) = (Box::new(sound::Coming::of(&arriving)), chosen.play_when_here);
        if self.blocking(move |player| player.load_arriving(coming, start_ms, play)).await.is_ok() {
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
        let turns = analysis.and_then(|analysis| serde_json::from_str::<Turns>(&analysis.turns).ok());
        chosen.heard_at_ms = heard_at_ms(turns.as_ref(), duration_ms);
        true
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
        let (listening, analysis) =
            store.read(move |conn| Ok((listening::get(conn, &sid)?, recordings::analysis(conn, &id)?))).await?;
        let turns = analysis.and_then(|analysis| serde_json::from_str::<Turns>(&analysis.turns).ok());
        chosen.heard_at_ms = heard_at_ms(turns.as_ref(), duration_ms);
        chosen.heard = listening.heard;
        let near_end = duration_ms > 0 && listening.position_ms > duration_ms - END_MARGIN_MS;
        let start_ms = if near_end { 0 } else { listening.position_ms };
        chosen.saved_ms = listening.position_ms;
        let (source, play) = (opened.source, chosen.play_when_here);
        self.blocking(move |player| player.load(source, start_ms, play)).await?;
        Ok(())
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
                    self.moved().await;
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

    /// The player told something.
    async fn moved(&self) {
        let mut chosen = self.0.chosen.lock().await;
        let status = self.0.status.borrow().clone();
        let stopped = matches!(status.phase, Phase::Paused | Phase::Ended | Phase::Failed(_));
        let ended = status.phase == Phase::Ended;
        let now_heard = !chosen.heard && chosen.heard_at_ms > 0 && status.position_ms >= chosen.heard_at_ms;
        if now_heard || ended {
            chosen.heard = true;
        }
        if now_heard || (stopped && chosen.phase.as_ref() != Some(&status.phase)) {
            self.save(&mut chosen).await;
        }
        let damaged = matches!(&status.phase, Phase::Failed(error) if error.code() == Code::Damaged);
        let before = chosen.phase.take();
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
        let loaded = !matches!(status.phase, Phase::Idle | Phase::Loading)
            && !chosen.waiting
            && chosen.error.is_none()
            && status.duration_ms > 0;
        let was_heard = chosen.call.as_ref().is_some_and(|call| call.heard);
        if !loaded || (status.position_ms == chosen.saved_ms && chosen.heard == was_heard) {
            return;
        }
        let (position_ms, heard, speed) = (status.position_ms, chosen.heard, status.speed);
        let now_ms = self.0.library.clock.now_ms();
        let written = self.0.library.store.write(move |tx, changes| {
            let before = listening::get(tx, &sid)?;
            let now = listening::Listening { position_ms, heard: heard || before.heard, speed: Some(speed) };
            listening::set(tx, &sid, now, now_ms)?;
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

fn idle(speed: f64, volume: f64) -> Status {
    Status {
        phase: Phase::Idle,
        position_ms: 0,
        duration_ms: 0,
        estimated: false,
        buffering: false,
        speed,
        volume: volume as f32,
        output_ms: 0,
        underruns: 0,
        revision: 0,
    }
}

/// What a player without a recording shows.
pub(crate) fn empty() -> PlayerState {
    state_of(&Chosen::default(), &idle(1.0, 1.0))
}

fn state_of(chosen: &Chosen, status: &Status) -> PlayerState {
    // It stands still for want of bytes, and none are on their way: why, its own state says.
    let is_stuck = status.buffering && chosen.arriving.is_some() && !is_coming(chosen);
    let (phase, error) = match (&status.phase, chosen.error) {
        _ if chosen.id.is_none() => (PlayerPhase::Empty, None),
        _ if chosen.waiting || is_stuck => (PlayerPhase::Waiting, None),
        (_, Some(error)) => (PlayerPhase::Failed, Some(error)),
        (Phase::Failed(error), None) => (PlayerPhase::Failed, Some(error.code())),
        (Phase::Idle | Phase::Loading, None) => (PlayerPhase::Loading, None),
        (Phase::Playing, None) if status.buffering => (PlayerPhase::Buffering, None),
        (Phase::Playing, None) => (PlayerPhase::Playing, None),
        (Phase::Paused, None) => (PlayerPhase::Paused, None),
        (Phase::Ended, None) => (PlayerPhase::Ended, None),
    };
    let known_ms = chosen.call.as_ref().and_then(|call| call.recording.duration_ms);
    let told_ms = if chosen.waiting { 0 } else { status.duration_ms };
    PlayerState {
        phase,
        call: chosen.call.clone(),
        position_ms: if chosen.waiting { 0 } else { status.position_ms },
        duration_ms: if told_ms > 0 { told_ms } else { known_ms.unwrap_or(0) },
        duration_estimated: told_ms > 0 && status.estimated,
        here: chosen.arriving.as_ref().filter(|arriving| !arriving.is_whole()).map(parts_here),
        speed: status.speed,
        volume: f64::from(status.volume),
        error,
        revision: chosen.revision,
    }
}

/// Something of the chosen recording is being fetched, or will be in a moment.
fn is_coming(chosen: &Chosen) -> bool {
    chosen.call.as_ref().is_some_and(|call| {
        matches!(call.recording.state, RecordingState::Queued | RecordingState::Preparing | RecordingState::Downloading)
    })
}

fn parts_here(arriving: &Arriving) -> Vec<[f64; 2]> {
    let total = arriving.total_bytes().max(1) as f64;
    arriving.stretches().into_iter().map(|(start, end)| [start as f64 / total, end as f64 / total]).collect()
}

/// The media time at which nine tenths of the speech have gone by: what follows the last words does not count, nor
/// does the waiting before the first. Without turns, nine tenths of the length.
fn heard_at_ms(turns: Option<&Turns>, duration_ms: i64) -> i64 {
    let by_length = duration_ms * HEARD_PER_CENT / 100;
    let Some(turns) = turns else { return by_length };
    let mut spoken: Vec<(i64, i64)> = turns.turns.iter().map(|turn| (turn.start_ms, turn.end_ms)).collect();
    spoken.sort_unstable();
    // Where both speak, the time counts once.
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for (start, end) in spoken {
        match stretches.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => stretches.push((start, end)),
        }
    }
    let mut left = stretches.iter().map(|(start, end)| end - start).sum::<i64>() * HEARD_PER_CENT / 100;
    if left <= 0 {
        return by_length;
    }
    for (start, end) in stretches {
        if left <= end - start {
            return start + left;
        }
        left -= end - start;
    }
    by_length
}

#[cfg(test)]
mod tests {
    use super::*;
    use aftercall_media::Turn;

    fn turns(spans: &[(u16, i64, i64)]) -> Turns {
        let turns =
            spans.iter().map(|&(channel, start_ms, end_ms)| Turn { channel, start_ms, end_ms }).collect::<Vec<_>>();
        Turns { channels: 2, duration_ms: 100_000, turns, talk_ms: vec![0, 0], silence_ms: 0, overlap_ms: 0 }
    }

    #[test]
    fn a_call_is_heard_at_nine_tenths_of_its_speech_not_of_its_length() {
        let speech_first = turns(&[(1, 0, 5_000), (2, 5_000, 10_000)]);
        assert_eq!(heard_at_ms(Some(&speech_first), 100_000), 9_000);
        let overlapping = turns(&[(1, 10_000, 20_000), (2, 10_000, 20_000)]);
        assert_eq!(heard_at_ms(Some(&overlapping), 100_000), 19_000);
    }

    #[test]
    fn without_speech_found_the_length_decides() {
        assert_eq!(heard_at_ms(None, 100_000), 90_000);
        assert_eq!(heard_at_ms(Some(&turns(&[])), 100_000), 90_000);
    }
}
