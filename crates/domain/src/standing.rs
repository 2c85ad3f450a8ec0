//! Where a recording stands: its state, why, what happens next by itself, and the one thing that a person can do.
//!
//! One pure function decides it, and rows, the player and the command line show what it says; `rec://` answers and the
//! doctor counts by the state in the row. That row is written in one transaction with every step of its job
//! ([`Job::recording_state`]), so the row speaks for the job; what no row can know, whether its source is being left
//! alone right now, is passed in.
//!
//! [`Job::recording_state`]: crate::download::Job::recording_state

use serde::{Deserialize, Serialize};

use crate::breaker::Rest;
use crate::call::Outcome;
use crate::error::Code;
use crate::recording::{Fact, Reason, RecordingState};

/// What pressing play does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Play {
    /// It sounds.
    Sounds,
    /// It is asked for, and sounds when it has come.
    Asks,
    /// Nothing: it can never sound.
    Never,
}

/// What happens next without anybody doing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Nothing: this is how it stays.
    Nothing,
    /// Nothing until somebody wishes for it.
    Wish,
    /// The call ends.
    CallEnds,
    /// The source is asked whether it is ready.
    Poll,
    /// Its turn comes.
    Turn,
    /// Its bytes come.
    Bytes,
    /// It is tried again.
    Retry,
    /// A fresh copy is fetched.
    Repair,
    /// Nothing until a person did what it needs.
    Person,
}

/// The one button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Ask the source now.
    Want,
    /// Download it.
    Download,
    /// Download it again.
    DownloadAgain,
    /// Try again now.
    TryNow,
    /// Sign in.
    SignIn,
    /// Copy the call's id, for whoever can help.
    CopyId,
}

impl Play {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Sounds, Self::Asks, Self::Never];

    /// The word that crosses to the window.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sounds => "sounds",
            Self::Asks => "asks",
            Self::Never => "never",
        }
    }
}

impl Next {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Nothing,
        Self::Wish,
        Self::CallEnds,
        Self::Poll,
        Self::Turn,
        Self::Bytes,
        Self::Retry,
        Self::Repair,
        Self::Person,
    ];

    /// The word that crosses to the window.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Wish => "wish",
            Self::CallEnds => "call_ends",
            Self::Poll => "poll",
            Self::Turn => "turn",
            Self::Bytes => "bytes",
            Self::Retry => "retry",
            Self::Repair => "repair",
            Self::Person => "person",
        }
    }
}

impl Action {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Want, Self::Download, Self::DownloadAgain, Self::TryNow, Self::SignIn, Self::CopyId];

    /// The word that crosses to the window.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Want => "want",
            Self::Download => "download",
            Self::DownloadAgain => "download_again",
            Self::TryNow => "try_now",
            Self::SignIn => "sign_in",
            Self::CopyId => "copy_id",
        }
    }
}

/// What is known when it is asked where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What its row says.
    pub state: RecordingState,
    /// Why.
    pub reason: Option<Reason>,
    /// When its job goes on by itself, UTC.
    pub next_at_ms: Option<i64>,
    /// Its source is being left alone.
    pub origin: Option<Rest>,
    /// Now, UTC.
    pub now_ms: i64,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What is shown.
    pub state: RecordingState,
    /// Why.
    pub reason: Option<Reason>,
    /// What happens next by itself.
    pub next: Next,
    /// When, where that is known, UTC.
    pub next_at_ms: Option<i64>,
    /// What a person can do.
    pub action: Option<Action>,
    /// Something is under way that a person can stop.
    pub can_cancel: bool,
    /// What pressing play does.
    pub play: Play,
    /// Nothing more comes while somebody waits.
    pub is_settled: bool,
}

/// What one state means, whatever its reason.
struct Meaning(Next, Option<Action>, Play);

fn meaning(state: RecordingState) -> Meaning {
    use RecordingState as S;
    match state {
        S::NoneExpected => Meaning(Next::Nothing, None, Play::Never),
        S::Live => Meaning(Next::CallEnds, None, Play::Never),
        S::Preparing | S::StillPreparing => Meaning(Next::Poll, Some(Action::Want), Play::Asks),
        S::ReadyOnline => Meaning(Next::Wish, Some(Action::Download), Play::Asks),
        S::Queued => Meaning(Next::Turn, None, Play::Asks),
        S::Downloading => Meaning(Next::Bytes, None, Play::Asks),
        S::Partial => Meaning(Next::Turn, Some(Action::Download), Play::Asks),
        S::OnDevice | S::Pinned => Meaning(Next::Nothing, None, Play::Sounds),
        S::Evicted => Meaning(Next::Wish, Some(Action::DownloadAgain), Play::Asks),
        S::FailedRetrying => Meaning(Next::Retry, Some(Action::TryNow), Play::Asks),
        S::FailedNeedsYou => Meaning(Next::Person, Some(Action::TryNow), Play::Asks),
        S::Unavailable => Meaning(Next::Nothing, Some(Action::CopyId), Play::Never),
        S::Restricted => Meaning(Next::Nothing, None, Play::Never),
        S::Damaged => Meaning(Next::Repair, None, Play::Asks),
        S::Unsupported => Meaning(Next::Nothing, None, Play::Never),
    }
}

impl Standing {
    /// The one place that decides it.
    pub fn of(known: Known) -> Self {
        let Known { mut state, mut reason, mut next_at_ms, origin, now_ms } = known;
        // Nobody waits for a turn that does not come: the cause is said, and when it is tried again.
        if let (RecordingState::Queued | RecordingState::Preparing, Some(rest)) = (state, origin) {
            state = RecordingState::FailedRetrying;
            reason = Some(Reason::Code(if rest.offline { Code::Offline } else { Code::ServerUnavailable }));
            let rested_at_ms = now_ms.saturating_add(rest.wait_ms);
            next_at_ms = Some(next_at_ms.map_or(rested_at_ms, |at_ms| at_ms.max(rested_at_ms)));
        }
        let Meaning(next, action, play) = meaning(state);
        let action = match (state, reason) {
            (RecordingState::FailedNeedsYou, Some(Reason::Code(Code::LoginExpired | Code::WrongPassword))) => {
                Some(Action::SignIn)
            }
            // The source may have come to its senses.
            (RecordingState::Unavailable, Some(Reason::Fact(Fact::NeverReady))) => Some(Action::Want),
            _ => action,
        };
        Self {
            state,
            reason,
            next,
            next_at_ms: next_at_ms.filter(|_| matches!(next, Next::Poll | Next::Turn | Next::Retry)),
            action,
            can_cancel: can_cancel(state),
            play,
            is_settled: is_settled(state),
        }
    }

    /// Of a state alone: why, when and its source are not known.
    pub fn of_state(state: RecordingState) -> Self {
        Self::of(Known { state, reason: None, next_at_ms: None, origin: None, now_ms: 0 })
    }

    /// The code that tells outsiders why it cannot be had now. What is here has none.
    pub fn code(&self) -> Option<Code> {
        if let (Some(Reason::Code(code)), false) = (self.reason, self.state.is_stored()) {
            return Some(code);
        }
        use RecordingState as S;
        match self.state {
            S::Preparing
            | S::StillPreparing
            | S::ReadyOnline
            | S::Queued
            | S::Downloading
            | S::Partial
            | S::Evicted
            | S::Live => Some(Code::NotReady),
            S::NoneExpected | S::Unavailable => Some(Code::NotFound),
            S::FailedRetrying | S::FailedNeedsYou => Some(Code::ServerUnavailable),
            S::Restricted => Some(Code::Forbidden),
            S::Damaged => Some(Code::Damaged),
            S::Unsupported => Some(Code::UnsupportedAudio),
            S::OnDevice | S::Pinned => None,
        }
    }
}

/// Something is under way that a person can stop.
fn can_cancel(state: RecordingState) -> bool {
    use RecordingState as S;
    matches!(state, S::Preparing | S::StillPreparing | S::Queued | S::Downloading | S::FailedRetrying)
}

/// Nothing more comes while somebody waits: it is here, not to be had, or its window or its polls are used up.
pub fn is_settled(state: RecordingState) -> bool {
    use RecordingState as S;
    match state {
        S::Queued | S::Preparing | S::Downloading | S::Partial => false,
        S::NoneExpected
        | S::Live
        | S::StillPreparing
        | S::ReadyOnline
        | S::OnDevice
        | S::Pinned
        | S::Evicted
        | S::FailedRetrying
        | S::FailedNeedsYou
        | S::Unavailable
        | S::Restricted
        | S::Damaged
        | S::Unsupported => true,
    }
}

/// A wish for it means something: it is not here, and may come.
pub fn may_be_wished_for(state: RecordingState) -> bool {
    !state.is_stored() && !matches!(state, RecordingState::NoneExpected | RecordingState::Live)
}

/// What can be said of a call's recording that nobody asked for yet.
pub fn not_asked_for(outcome: Outcome, has_recording: bool) -> (RecordingState, Option<Reason>) {
    match (has_recording, outcome) {
        (true, _) => (RecordingState::ReadyOnline, None),
        (false, Outcome::Live) => (RecordingState::Live, None),
        (false, Outcome::Missed | Outcome::Busy | Outcome::Failed) => {
            (RecordingState::NoneExpected, Some(Reason::Fact(Fact::NotAnswered)))
        }
        (false, Outcome::Answered | Outcome::Other) => (RecordingState::NoneExpected, None),
    }
}

/// Whether a recording goes where its source says that it does now (for this reason), or stands for more than that:
/// what is here or on its way stays as it is.
pub fn follows_source(state: RecordingState, reason: Option<Reason>) -> bool {
    use RecordingState as S;
    match state {
        S::Live | S::ReadyOnline | S::NoneExpected | S::Unavailable => true,
        // The file made room; nobody can bring it back any more.
        S::Evicted | S::Restricted => reason == Some(Reason::Fact(Fact::DeletedAtSource)),
        S::Preparing
        | S::StillPreparing
        | S::Queued
        | S::Downloading
        | S::Partial
        | S::OnDevice
        | S::Pinned
        | S::FailedRetrying
        | S::FailedNeedsYou
        | S::Damaged
        | S::Unsupported => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn known(state: RecordingState) -> Known {
        Known { state, reason: None, next_at_ms: None, origin: None, now_ms: NOW }
    }

    #[test]
    fn every_state_has_a_next_step_by_itself_or_a_button_or_says_that_it_stays_so() {
        #[rustfmt::skip]
        let table = [
            // state            next        action                  cancel play      settled
            ("none_expected",    "nothing",   None,                   false, "never",  true),
            ("live",             "call_ends", None,                   false, "never",  true),
            ("preparing",        "poll",      Some("want"),           true,  "asks",   false),
            ("still_preparing",  "poll",      Some("want"),           true,  "asks",   true),
            ("ready_online",     "wish",      Some("download"),       false, "asks",   true),
            ("queued",           "turn",      None,                   true,  "asks",   false),
            ("downloading",      "bytes",     None,                   true,  "asks",   false),
            ("partial",          "turn",      Some("download"),       false, "asks",   false),
            ("on_device",        "nothing",   None,                   false, "sounds", true),
            ("pinned",           "nothing",   None,                   false, "sounds", true),
            ("evicted",          "wish",      Some("download_again"), false, "asks",   true),
            ("failed_retrying",  "retry",     Some("try_now"),        true,  "asks",   true),
            ("failed_needs_you", "person",    Some("try_now"),        false, "asks",   true),
            ("unavailable",      "nothing",   Some("copy_id"),        false, "never",  true),
            ("restricted",       "nothing",   None,                   false, "never",  true),
            ("damaged",          "repair",    None,                   false, "asks",   true),
            ("unsupported",      "nothing",   None,                   false, "never",  true),
        ];
        assert_eq!(table.map(|row| row.0), RecordingState::ALL.map(RecordingState::as_str));
        for (state, (name, next, action, can_cancel, play, is_settled)) in RecordingState::ALL.into_iter().zip(table) {
            let standing = Standing::of_state(state);
            let found = (standing.next.as_str(), standing.action.map(Action::as_str), standing.can_cancel);
            assert_eq!(found, (next, action, can_cancel), "{name}");
            assert_eq!((standing.play.as_str(), standing.is_settled), (play, is_settled), "{name}");
            assert_eq!(standing.state, state, "{name}");
            // A person is never left with nothing: it goes on, it can be asked for, or it is here or not to be had.
            let is_final = standing.next == Next::Nothing;
            assert!(!is_final || standing.play != Play::Asks, "{name}");
            assert!(standing.next != Next::Person || standing.action.is_some(), "{name}");
        }
    }

    #[test]
    fn while_its_source_is_left_alone_what_waits_says_the_cause_and_the_time() {
        for offline in [false, true] {
            for state in RecordingState::ALL {
                let origin = Some(Rest { wait_ms: 60_000, offline });
                let standing = Standing::of(Known { origin, next_at_ms: Some(NOW + 8_000), ..known(state) });
                if matches!(state, RecordingState::Queued | RecordingState::Preparing) {
                    let code = if offline { Code::Offline } else { Code::ServerUnavailable };
                    assert_eq!(standing.state, RecordingState::FailedRetrying);
                    assert_eq!((standing.code(), standing.next_at_ms), (Some(code), Some(NOW + 60_000)));
                    assert!(standing.is_settled && standing.can_cancel);
                } else {
                    assert_eq!(standing.state, state, "it does not wait for its source");
                }
            }
        }
    }

    #[test]
    fn the_button_is_the_one_that_helps() {
        let action = |state, reason| Standing::of(Known { reason: Some(reason), ..known(state) }).action;
        let needs_you = |code| action(RecordingState::FailedNeedsYou, Reason::Code(code));
        assert_eq!(needs_you(Code::LoginExpired), Some(Action::SignIn));
        assert_eq!(needs_you(Code::WrongPassword), Some(Action::SignIn));
        assert_eq!(needs_you(Code::DiskFull), Some(Action::TryNow));
        let unavailable = |fact| action(RecordingState::Unavailable, Reason::Fact(fact));
        assert_eq!(
            (unavailable(Fact::NeverReady), unavailable(Fact::TooShort)),
            (Some(Action::Want), Some(Action::CopyId))
        );
    }

    #[test]
    fn what_is_here_has_no_code_and_everything_else_has_one() {
        for state in RecordingState::ALL {
            let code = Standing::of_state(state).code();
            assert_eq!(code.is_none(), matches!(state, RecordingState::OnDevice | RecordingState::Pinned), "{state:?}");
        }
    }

    #[test]
    fn a_time_is_named_only_where_something_happens_then() {
        for state in RecordingState::ALL {
            let standing = Standing::of(Known { next_at_ms: Some(NOW + 1), ..known(state) });
            let goes_on = matches!(standing.next, Next::Poll | Next::Turn | Next::Retry);
            assert_eq!(standing.next_at_ms.is_some(), goes_on, "{state:?}");
        }
    }

    #[test]
    fn words_are_the_same_in_json() {
        let json = |value: serde_json::Result<String>| value.expect("a word");
        for one in Play::ALL {
            assert_eq!(json(serde_json::to_string(&one)), format!("\"{}\"", one.as_str()));
        }
        for one in Next::ALL {
            assert_eq!(json(serde_json::to_string(&one)), format!("\"{}\"", one.as_str()));
        }
        for one in Action::ALL {
            assert_eq!(json(serde_json::to_string(&one)), format!("\"{}\"", one.as_str()));
        }
    }
}
