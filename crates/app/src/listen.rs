//! `play` of the command line: what would be heard, into a file as fast as it can, or out of the device now.

use std::path::PathBuf;
use std::sync::Arc;

use aftercall_domain::ids::CallSid;
use aftercall_engine::store::table::recordings;
use aftercall_media::{Cut, cuts};
use aftercall_player::level::gains;
use aftercall_player::offline::{RenderOptions, write_wav};
use aftercall_player::shape::Shape;
use aftercall_player::{Phase, Player, Status};
use tokio::sync::watch;

use crate::errors::AppError;
use crate::placed;
use crate::report::Played;
use crate::sound::{Opened, analysis, open, turns};
use crate::start::App;

/// What is to be heard of a call, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayAsk {
    /// 0.5 to 3.
    pub speed: f64,
    /// First moment, from the beginning.
    pub from_ms: i64,
    /// First moment that is left out; none = to the end.
    pub to_ms: Option<i64>,
    /// Leaves silences out.
    pub skip_silence: bool,
    /// Brings the quiet side up to the loud one.
    pub level: bool,
    /// Only this channel, from 1.
    pub solo: Option<u16>,
}

struct ToHear {
    opened: Opened,
    /// What is left out.
    cuts: Arc<[Cut]>,
    /// How loud each channel speaks, where that was measured.
    lufs: Option<Vec<Option<f32>>>,
}

impl App {
    /// Opens what is to be heard, with its silences where those are left out.
    async fn to_hear(&self, sid: &CallSid, ask: &PlayAsk) -> Result<ToHear, AppError> {
        if ask.solo.is_some_and(|channel| !(1..=2).contains(&channel)) {
            return Err(AppError::InvalidInput("a call has channels 1 and 2"));
        }
        let id = self.recording_of(sid).await?;
        let opened = open(self.library(), &id).await?;
        let silences =
            if ask.skip_silence { cuts(&turns(&analysis(self.library(), &id).await?.0)?) } else { Vec::new() };
        let lufs = self.store().read(move |conn| recordings::loudness(conn, &id)).await?;
        Ok(ToHear { opened, cuts: silences.into(), lufs })
    }

    /// Writes what would be heard into a WAV file, as fast as it can. One that was there is replaced when the new one is
    /// whole, and only then.
    ///
    /// # Errors
    /// `NotHere`; `InvalidInput` for a speed, a span or a channel that cannot be meant, and for a place that is no file or
    /// the app's own; `Output`.
    pub async fn render(&self, sid: &CallSid, ask: &PlayAsk, out: PathBuf) -> Result<Played, AppError> {
        let ToHear { opened, cuts, lufs } = self.to_hear(sid, ask).await?;
        let lift = lufs.and_then(|lufs| <[f32; 2]>::try_from(gains(&lufs)).ok());
        let options = RenderOptions {
            speed: ask.speed,
            from_ms: ask.from_ms,
            to_ms: ask.to_ms,
            cuts,
            shape: Shape { solo: ask.solo, level: ask.level, lift, ..Shape::default() },
        };
        let own = self.own()?;
        let rendered = tokio::task::spawn_blocking(move || {
            placed::write_by_name(&out, &own, |part| Ok(write_wav(opened.source, &options, part)?))
        });
        let rendered = rendered.await.map_err(|_| AppError::Panicked)??;
        Ok(Played {
            media_ms: rendered.media_ms,
            output_ms: rendered.output_ms,
            skipped_ms: rendered.skipped_ms,
            underruns: rendered.underruns,
        })
    }

    /// Plays it, until its end or until `stop`. Remembers nothing: the position is the window's. `moved` is told where
    /// it stands and how long the recording is, in milliseconds.
    ///
    /// # Errors
    /// As [`App::render`]; what the player fails for, above all `no_output_device`.
    pub async fn listen(
        &self,
        sid: &CallSid,
        ask: &PlayAsk,
        stop: impl Future<Output = ()>,
        moved: impl Fn(i64, i64),
    ) -> Result<Played, AppError> {
        if !(0.5..=3.0).contains(&ask.speed) || ask.to_ms.is_some_and(|to_ms| to_ms < ask.from_ms) {
            return Err(AppError::InvalidInput("the speed is 0.5 to 3, and the end is not before the beginning"));
        }
        let ToHear { opened, cuts, lufs } = self.to_hear(sid, ask).await?;
        let duration_ms = opened.duration_ms;
        let (from_ms, to_ms) = (ask.from_ms.min(duration_ms), ask.to_ms.unwrap_or(duration_ms).min(duration_ms));
        let (told, mut status) = watch::channel(Status::default());
        let (ask, silences, output) = (ask.clone(), Arc::clone(&cuts), self.output());
        let started = tokio::task::spawn_blocking(move || {
            let player = Player::start(output, Box::new(move |status| drop(told.send_replace(status))));
            player.set_speed(ask.speed);
            player.set_skip(ask.skip_silence);
            player.set_level(ask.level);
            player.load_window(opened.source, ask.from_ms, ask.to_ms, true);
            if let Some(lufs) = lufs {
                player.set_loudness(&lufs);
            }
            player.set_cuts(silences);
            player.set_solo(ask.solo);
            player
        });
        let player = started.await.map_err(|_| AppError::Panicked)?;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                changed = status.changed() => if changed.is_err() { break },
            }
            let now = status.borrow_and_update().clone();
            moved(now.position_ms, now.duration_ms);
            // What was stopped from outside does not go on by itself, and here is nobody to ask for it.
            if matches!(now.phase, Phase::Ended | Phase::Failed(_)) || now.stopped_by.is_some() {
                break;
            }
        }
        let last = tokio::task::spawn_blocking(move || {
            let last = player.pause();
            player.close();
            last
        });
        let last = last.await.map_err(|_| AppError::Panicked)?;
        if let Phase::Failed(error) = last.phase {
            return Err(error.into());
        }
        let end_ms = if last.phase == Phase::Ended { to_ms } else { last.position_ms.clamp(from_ms, to_ms) };
        let within = |cut: &Cut| cut.end_ms.min(end_ms) - cut.start_ms.max(from_ms);
        Ok(Played {
            media_ms: end_ms - from_ms,
            output_ms: last.output_ms,
            skipped_ms: cuts.iter().map(within).filter(|ms| *ms > 0).sum(),
            underruns: last.underruns,
        })
    }
}
