//! What the player shows of itself.

use aftercall_domain::recording::RecordingState;
use aftercall_engine::queue::Arriving;
use aftercall_player::shape::Shape;
use aftercall_player::{Phase, Status, Stop};

use super::Chosen;
use super::dto::{PlayerPhase, PlayerState, PlayerStop, RepeatView};
use crate::settings::Sound;

/// What a player does that was given nothing yet.
pub(super) fn idle(sound: &Sound) -> Status {
    Status {
        speed: sound.speed,
        pace: sound.speed,
        volume: sound.volume as f32,
        skipping: sound.skip_silence,
        shape: Shape { level: sound.level, ..Shape::default() },
        ..Status::default()
    }
}

/// What a player without a recording shows.
pub(crate) fn empty() -> PlayerState {
    state_of(&Chosen::default(), &Status::default())
}

pub(super) fn state_of(chosen: &Chosen, status: &Status) -> PlayerState {
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
        pace: status.pace,
        volume: f64::from(status.volume),
        muted: status.muted,
        skip_silence: status.skipping,
        skip_saves_ms: chosen.skip_saves_ms,
        level: status.shape.level,
        solo: status.shape.solo,
        gains: status.shape.gains.map(f64::from),
        repeat: chosen.stretch.map(|stretch| RepeatView { a_ms: stretch.a_ms, b_ms: stretch.b_ms, on: stretch.on }),
        saying_again: status.saying_again,
        queued: chosen.queued,
        can_undo: chosen.jumps.is_any(),
        stopped_by: status.stopped_by.map(|stop| match stop {
            Stop::DeviceLost => PlayerStop::DeviceLost,
            Stop::Slept => PlayerStop::Slept,
        }),
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
