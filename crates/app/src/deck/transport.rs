//! What a person does with the recording in the player.

use aftercall_player::{Phase, Player, Status};

use super::dto::*;
use super::{Chosen, Deck, speakers, stretch};
use crate::errors::AppError;
use crate::settings;

/// Speeds go in steps of a twentieth.
const STEPS_OF_SPEED: f64 = 20.0;
/// Loudest that one side can be made.
const GAIN_MAX: f64 = 2.0;

impl Deck {
    /// Goes on, or will as soon as the recording is here. After a pause it goes back a little first.
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
            let status = self.status();
            let back_ms = if status.phase == Phase::Paused { self.back_ms(chosen.resting_since_ms).await } else { 0 };
            chosen.resting_since_ms = None;
            self.blocking(move |player| {
                if back_ms > 0 {
                    player.seek((status.position_ms - back_ms).max(0));
                }
                player.play()
            })
            .await?;
        }
        Ok(self.show(&mut chosen))
    }

    /// Stands still.
    pub async fn pause(&self) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        chosen.play_when_here = false;
        let was_playing = self.status().phase == Phase::Playing;
        let status = self.blocking(|player| player.pause()).await?;
        // Who follows the player comes later, and may meet what a person did meanwhile.
        if was_playing && status.phase == Phase::Paused {
            chosen.phase = Some(status.phase);
            chosen.resting_since_ms = Some(self.0.library.clock.now_ms());
        }
        self.save(&mut chosen).await;
        Ok(self.show(&mut chosen))
    }

    /// Jumps.
    pub async fn seek(&self, position_ms: i64) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        self.jump(&mut chosen, position_ms).await?;
        Ok(self.show(&mut chosen))
    }

    /// Jumps from what is heard now.
    pub async fn seek_by(&self, by_ms: i64) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        let from_ms = self.now().await?.position_ms;
        self.jump(&mut chosen, from_ms.saturating_add(by_ms)).await?;
        Ok(self.show(&mut chosen))
    }

    /// Jumps to a tenth of the recording.
    pub async fn tenth(&self, tenth: u8) -> Result<PlayerState, AppError> {
        if tenth > 9 {
            return Err(AppError::InvalidInput("a tenth is 0 to 9"));
        }
        let mut chosen = self.0.chosen.lock().await;
        let duration_ms = self.status().duration_ms;
        self.jump(&mut chosen, duration_ms * i64::from(tenth) / 10).await?;
        Ok(self.show(&mut chosen))
    }

    /// Jumps to where a speaker begins. Where there is no such turn it goes on.
    pub async fn turn(&self, by: i32) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        let position_ms = self.now().await?.position_ms;
        let to_ms = chosen.turns.as_ref().and_then(|turns| speakers::step(turns, position_ms, by));
        if let Some(to_ms) = to_ms {
            self.jump(&mut chosen, to_ms).await?;
        }
        Ok(self.show(&mut chosen))
    }

    /// Goes back to before the last jump.
    pub async fn undo_jump(&self) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        if let Some(from_ms) = chosen.jumps.undo() {
            chosen.resting_since_ms = None;
            self.blocking(move |player| player.seek(from_ms)).await?;
        }
        Ok(self.show(&mut chosen))
    }

    async fn jump(&self, chosen: &mut Chosen, to_ms: i64) -> Result<(), AppError> {
        let now_ms = self.0.library.clock.now_ms();
        let (before, after) = self
            .blocking(move |player| {
                let before = player.status();
                (before, player.seek(to_ms.max(0)))
            })
            .await?;
        if before.duration_ms > 0 && before.position_ms != after.position_ms {
            chosen.jumps.note(before.position_ms, now_ms);
        }
        // Who goes somewhere by hand wants to hear what is there.
        chosen.resting_since_ms = None;
        Ok(())
    }

    /// A few seconds back and slower, then on as before.
    pub async fn say_again(&self) -> Result<PlayerState, AppError> {
        self.with(|player| player.say_again()).await
    }

    /// A step with the stretch between A and B.
    pub async fn repeat(&self, ask: PlayerRepeatAsk) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        let status = self.now().await?;
        if status.duration_ms == 0 {
            return Err(AppError::InvalidInput("there is nothing to repeat"));
        }
        let at_ms = ask.at_ms.unwrap_or(status.position_ms).clamp(0, status.duration_ms);
        let stretch = stretch::after(chosen.stretch, ask.step, at_ms)?;
        chosen.stretch = stretch;
        let round = stretch.and_then(stretch::Stretch::round);
        self.blocking(move |player| player.set_repeat(round)).await?;
        Ok(self.show(&mut chosen))
    }

    /// Sets the speed, for later calls and starts too.
    pub async fn set_speed(&self, speed: f64) -> Result<PlayerState, AppError> {
        if !(0.5..=3.0).contains(&speed) {
            return Err(AppError::InvalidInput("the speed is 0.5 to 3"));
        }
        let speed = (speed * STEPS_OF_SPEED).round() / STEPS_OF_SPEED;
        let mut chosen = self.0.chosen.lock().await;
        let status = self.blocking(move |player| player.set_speed(speed)).await?;
        chosen.speed = Some(status.speed);
        settings::keep_speed(&self.0.library.store, status.speed).await?;
        Ok(self.show(&mut chosen))
    }

    /// Sets the loudness, for later calls and starts too.
    pub async fn set_volume(&self, volume: f64) -> Result<PlayerState, AppError> {
        if !(0.0..=1.0).contains(&volume) {
            return Err(AppError::InvalidInput("the loudness is 0 to 1"));
        }
        let mut chosen = self.0.chosen.lock().await;
        let status = self.blocking(move |player| player.set_volume(volume as f32)).await?;
        settings::keep_volume(&self.0.library.store, f64::from(status.volume)).await?;
        Ok(self.show(&mut chosen))
    }

    /// No sound, or sound again.
    pub async fn set_muted(&self, muted: bool) -> Result<PlayerState, AppError> {
        self.with(move |player| player.set_muted(muted)).await
    }

    /// Leaves silences out, in later calls and starts too.
    pub async fn set_skip_silence(&self, on: bool) -> Result<PlayerState, AppError> {
        let state = self.with(move |player| player.set_skip(on)).await?;
        settings::keep_skip_silence(&self.0.library.store, on).await?;
        Ok(state)
    }

    /// Brings the quiet side up to the loud one, in later calls and starts too.
    pub async fn set_level(&self, on: bool) -> Result<PlayerState, AppError> {
        let state = self.with(move |player| player.set_level(on)).await?;
        settings::keep_level(&self.0.library.store, on).await?;
        Ok(state)
    }

    /// Only one channel, or both.
    pub async fn set_solo(&self, channel: Option<u16>) -> Result<PlayerState, AppError> {
        if channel.is_some_and(|channel| !(1..=2).contains(&channel)) {
            return Err(AppError::InvalidInput("a call has channels 1 and 2"));
        }
        self.with(move |player| player.set_solo(channel)).await
    }

    /// How loud one channel is.
    pub async fn set_gain(&self, channel: u16, gain: f64) -> Result<PlayerState, AppError> {
        if !(1..=2).contains(&channel) || !(0.0..=GAIN_MAX).contains(&gain) {
            return Err(AppError::InvalidInput("a call has channels 1 and 2, and a gain is 0 to 2"));
        }
        let mut gains = self.now().await?.shape.gains;
        gains[usize::from(channel) - 1] = gain as f32;
        self.with(move |player| player.set_gains(gains)).await
    }

    async fn with(&self, command: impl FnOnce(&Player) -> Status + Send + 'static) -> Result<PlayerState, AppError> {
        let mut chosen = self.0.chosen.lock().await;
        self.blocking(command).await?;
        Ok(self.show(&mut chosen))
    }

    /// What the player does at this moment, not what it told last.
    async fn now(&self) -> Result<Status, AppError> {
        self.blocking(|player| player.status()).await
    }

    /// How far to go back after a rest that began then.
    pub(super) async fn back_ms(&self, since_ms: Option<i64>) -> i64 {
        let Some(since_ms) = since_ms else { return 0 };
        let rewind = match settings::read(&self.0.library.store).await {
            Ok(settings) => settings.rewind,
            Err(error) => {
                tracing::warn!(code = error.code().as_str(), "how far to go back could not be read");
                return 0;
            }
        };
        rewind.back_ms(self.0.library.clock.now_ms().saturating_sub(since_ms))
    }
}
