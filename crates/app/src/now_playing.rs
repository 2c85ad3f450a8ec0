//! What the desktop's own controls show of the player: media keys, the lock screen, a headset's display. Strangers see
//! them, so they name nobody unless the person chose that.

use std::sync::Arc;

use aftercall_engine::store::Tag;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::deck::dto::{PlayerPhase, PlayerState};
use crate::desktop::{Desktop, Tray};
use crate::errors::AppError;
use crate::library::Library;
use crate::settings;

/// What is in the player, as strangers may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct NowPlaying {
    /// It sounds, or would if what comes next were here.
    pub plays: bool,
    /// What it is, in one line.
    pub title: String,
    /// Media time, in milliseconds.
    pub position_ms: i64,
    /// Exact length, in milliseconds; none while unknown.
    pub duration_ms: Option<i64>,
    /// How fast media time goes by while it plays.
    pub pace: f64,
    /// Another call waits to be listened to.
    pub has_next: bool,
}

/// The page's words for it: what is said of every call, and whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    anybodys: String,
    whose: Option<String>,
}

impl Words {
    pub fn of(tray: &Tray) -> Self {
        Self { anybodys: tray.recording.clone(), whose: tray.whose.clone() }
    }
}

/// Shows the player to the desktop for as long as the app is open; then nothing is shown.
pub(crate) async fn follow(
    library: Library,
    desktop: Arc<dyn Desktop>,
    mut states: watch::Receiver<PlayerState>,
    mut words: watch::Receiver<Words>,
    stop: CancellationToken,
) {
    let mut changes = library.store.changes();
    let mut names = names_chosen(&library).await;
    loop {
        let now = seen(&states.borrow_and_update(), &words.borrow_and_update(), names);
        desktop.now_playing(now);
        tokio::select! {
            () = stop.cancelled() => break,
            changed = states.changed() => if changed.is_err() { break },
            changed = words.changed() => if changed.is_err() { break },
            changed = changes.recv() => match changed {
                Ok(changes) if !changes.tags.contains(&Tag::Settings) => {}
                Ok(_) | Err(RecvError::Lagged(_)) => names = names_chosen(&library).await,
                Err(RecvError::Closed) => break,
            },
        }
    }
    desktop.now_playing(None);
}

async fn names_chosen(library: &Library) -> bool {
    let settings: Result<_, AppError> = settings::read(&library.store).await;
    // What cannot be read was not chosen.
    settings.is_ok_and(|settings| settings.now_playing_names)
}

fn seen(state: &PlayerState, words: &Words, names: bool) -> Option<NowPlaying> {
    let plays = match state.phase {
        PlayerPhase::Empty | PlayerPhase::Failed => return None,
        PlayerPhase::Playing | PlayerPhase::Buffering => true,
        PlayerPhase::Waiting | PlayerPhase::Loading | PlayerPhase::Paused | PlayerPhase::Ended => false,
    };
    let title = words.whose.as_ref().filter(|_| names).unwrap_or(&words.anybodys);
    Some(NowPlaying {
        plays,
        title: title.clone(),
        position_ms: state.position_ms,
        duration_ms: Some(state.duration_ms).filter(|duration_ms| *duration_ms > 0),
        pace: state.pace,
        has_next: state.queued > 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deck::empty;

    #[test]
    fn nobody_is_named_unless_that_was_chosen_and_there_is_a_name() {
        let words = |whose: Option<&str>| Words { anybodys: "Call recording".into(), whose: whose.map(str::to_owned) };
        let state = PlayerState { phase: PlayerPhase::Playing, duration_ms: 60_000, ..empty() };
        let title = |words: &Words, names| seen(&state, words, names).expect("it plays").title;
        assert_eq!(title(&words(Some("Noa Levi")), false), "Call recording");
        assert_eq!(title(&words(Some("Noa Levi")), true), "Noa Levi");
        assert_eq!(title(&words(None), true), "Call recording");
    }

    #[test]
    fn what_is_not_there_is_not_shown_and_what_stands_still_does_not_play() {
        let of = |phase| seen(&PlayerState { phase, ..empty() }, &Words::default(), false);
        assert_eq!(of(PlayerPhase::Empty), None);
        assert_eq!(of(PlayerPhase::Failed), None);
        let plays = |phase| of(phase).map(|now| (now.plays, now.duration_ms));
        assert_eq!(plays(PlayerPhase::Paused), Some((false, None)));
        assert_eq!(plays(PlayerPhase::Buffering), Some((true, None)));
    }
}
