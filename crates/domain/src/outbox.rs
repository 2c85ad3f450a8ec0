//! Sending what a person wrote, once, as a pure machine: draft x event → draft and effect.
//!
//! The CRM has no key that would make a repeat harmless, so what matters is to know when a repeat may be one. Whoever
//! runs it writes the [`Draft`] into its row **before** carrying out the [`Effect`]: from the moment before the text
//! goes out until the answer is known the draft is `in_doubt`, and a draft in doubt is looked for among the lead's
//! notes before it is sent again. A kill at any point leaves one of those two.

use serde::{Deserialize, Serialize};

use crate::backoff;
use crate::error::Code;
use crate::ids::NoteId;
use crate::note::{Note, same_text};

/// The shortest pause after a failure that may pass.
const RETRY_FLOOR_MS: i64 = 5_000;
/// The CRM's clock and this one may differ by so much and a little more: a wrong zone, a wrong day.
pub const CLOCKS_DIFFER_MS: i64 = 26 * 3_600_000;

/// Where a draft stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for its turn, for the network or for a sign-in.
    Waiting,
    /// Held by a process that asks the CRM about it or sends it.
    Sending,
    /// The CRM did not take it: the person decides.
    Refused,
    /// The text it was to replace has changed meanwhile: the person decides between two texts.
    Conflict,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Sending, Self::Refused, Self::Conflict];

    /// The word in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
        }
    }
}

/// What a draft is to become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A new note.
    Add,
    /// Another text for a note of the CRM.
    Replace {
        /// Which.
        note: NoteId,
        /// The CRM's text that the person changed.
        base: String,
    },
}

/// Everything that sending a text remembers. The row keeps it as JSON, with the text beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Where it stands.
    pub phase: Phase,
    /// What it is to become.
    pub task: Task,
    /// Why it waits or was refused, where there is a why.
    pub reason: Option<Code>,
    /// Not to be tried before; `None` where nothing happens by itself.
    pub next_at_ms: Option<i64>,
    /// Failures in a row.
    pub failures: u32,
    /// The running ask is a look, not the sending.
    pub is_looking: bool,
    /// The text may be at the CRM already.
    pub in_doubt: bool,
    /// The text that may be there, where the person has changed it since.
    pub doubtful_text: Option<String>,
    /// The lead's highest note id before this was first sent: a later note may be this one, an earlier one is not.
    pub known: Option<i64>,
    /// The other text of a conflict.
    pub theirs: Option<String>,
}

/// A failure, by what is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub code: Code,
    /// What is to be done about it.
    pub kind: FailureKind,
    /// The CRM may have taken the text all the same: no answer, or one from a proxy.
    pub may_be_done: bool,
}

/// What is to be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// May pass.
    Passing {
        /// What the CRM asked for.
        retry_after_ms: Option<i64>,
    },
    /// Needs a sign-in.
    SignIn,
    /// Sending the same again changes nothing.
    Refusal,
}

/// What a look at the lead's notes found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A note that is this text, or the note to be changed with this text already.
    Done(NoteId),
    /// The text is not there (or stands as it was when the person changed it); the highest note id, 0 for none.
    NotThere(i64),
    /// The note to be changed has another text.
    Differs(String),
    /// The note to be changed is gone.
    Gone,
    /// What was sent before the person changed the text is there.
    Former(NoteId),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The runner takes it; the lead's highest note id as far as its notes are known here.
    Claimed(Option<i64>),
    /// The look succeeded.
    Looked(Found),
    /// The CRM took it and has another text for it: the note, and that text.
    TakenDifferently(NoteId, String),
    /// The look or the sending failed.
    Failed(Failure),
    /// Stopped by us, or the process that held it is gone.
    Interrupted,
    /// The network is back, or somebody signed in.
    Helped,
    /// The person wants it tried (again); in a conflict: this text, not the other one.
    Retry,
    /// The person changed the text; what it was before.
    Edited(String),
}

/// What the runner has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Look at the queue: something may be due.
    Wake,
    /// Read the lead's notes and say what was found.
    Look,
    /// Send the text.
    Send,
    /// It is at the CRM: the row can go.
    Done(NoteId),
}

impl Draft {
    /// Something that a person just wrote.
    pub fn new(task: Task, now_ms: i64) -> Self {
        Self {
            phase: Phase::Waiting,
            task,
            reason: None,
            next_at_ms: Some(now_ms),
            failures: 0,
            is_looking: false,
            in_doubt: false,
            doubtful_text: None,
            known: None,
            theirs: None,
        }
    }

    /// What the lead's notes say about this draft, whose text was written at `written_at_ms`.
    pub fn look(&self, text: &str, written_at_ms: i64, notes: &[Note]) -> Found {
        let highest = notes.iter().map(|note| note.id.0).max().unwrap_or(0).max(0);
        let is = |note: &Note, wanted: &str| same_text(&note.content) == wanted;
        let is_former = |note: &Note| self.doubtful_text.as_deref().is_some_and(|former| is(note, former));
        match &self.task {
            Task::Replace { note, base } => match notes.iter().find(|here| here.id == *note) {
                None => Found::Gone,
                Some(here) if is(here, text) => Found::Done(*note),
                Some(here) if is_former(here) => Found::Former(*note),
                Some(here) if is(here, &same_text(base)) => Found::NotThere(highest),
                Some(here) => Found::Differs(here.content.clone()),
            },
            Task::Add if self.in_doubt => {
                // The same words of an earlier day are another note: it was known before, or is too old.
                let since_ms = written_at_ms.saturating_sub(CLOCKS_DIFFER_MS);
                let mut later: Vec<&Note> = notes
                    .iter()
                    .filter(|note| note.id.0 > self.known.unwrap_or(0))
                    .filter(|note| note.created_at_ms.is_none_or(|at_ms| at_ms >= since_ms))
                    .collect();
                later.sort_by_key(|note| note.id);
                if let Some(note) = later.iter().find(|note| is(note, text)) {
                    return Found::Done(note.id);
                }
                later
                    .iter()
                    .find(|note| is_former(note))
                    .map_or(Found::NotThere(highest), |note| Found::Former(note.id))
            }
            Task::Add => Found::NotThere(highest),
        }
    }

    /// One step. Events that mean nothing in a phase change nothing.
    pub fn step(mut self, event: Event, now_ms: i64, random: f64) -> (Self, Effect) {
        let effect = self.apply(event, now_ms, random);
        (self, effect)
    }

    fn apply(&mut self, event: Event, now_ms: i64, random: f64) -> Effect {
        match (self.phase, event) {
            (Phase::Waiting, Event::Claimed(known)) => self.claim(known),
            (Phase::Sending, Event::Looked(found)) => self.looked(found),
            (Phase::Sending, Event::TakenDifferently(note, theirs)) => self.taken_differently(note, theirs),
            (Phase::Sending, Event::Failed(failure)) => self.failed(failure, now_ms, random),
            (Phase::Sending, Event::Interrupted) => self.wait(Some(now_ms), self.reason),
            (Phase::Waiting, Event::Helped | Event::Retry) | (Phase::Refused, Event::Retry) => {
                self.failures = 0;
                self.wait(Some(now_ms), None)
            }
            (Phase::Conflict, Event::Retry) => {
                if let (Task::Replace { base, .. }, Some(theirs)) = (&mut self.task, self.theirs.take()) {
                    *base = theirs;
                }
                self.wait(Some(now_ms), None)
            }
            (Phase::Waiting | Phase::Refused | Phase::Conflict, Event::Edited(before)) => {
                if self.in_doubt && self.doubtful_text.is_none() {
                    self.doubtful_text = Some(before);
                }
                // A conflict stays one until the person says which text it shall be.
                if self.phase == Phase::Conflict { Effect::None } else { self.wait(Some(now_ms), None) }
            }
            (Phase::Sending, Event::Claimed(_) | Event::Helped | Event::Retry | Event::Edited(_))
            | (
                Phase::Waiting,
                Event::Looked(_) | Event::TakenDifferently(..) | Event::Failed(_) | Event::Interrupted,
            )
            | (
                Phase::Refused | Phase::Conflict,
                Event::Claimed(_)
                | Event::Looked(_)
                | Event::TakenDifferently(..)
                | Event::Failed(_)
                | Event::Interrupted
                | Event::Helped,
            ) => Effect::None,
        }
    }

    fn claim(&mut self, known: Option<i64>) -> Effect {
        self.phase = Phase::Sending;
        if !self.in_doubt {
            // Until it is first sent, the newest knowledge is the best.
            self.known = known.or(self.known);
        }
        if self.in_doubt || self.known.is_none() || matches!(self.task, Task::Replace { .. }) {
            self.is_looking = true;
            return Effect::Look;
        }
        self.send()
    }

    fn send(&mut self) -> Effect {
        self.is_looking = false;
        self.in_doubt = true;
        self.doubtful_text = None;
        Effect::Send
    }

    fn looked(&mut self, found: Found) -> Effect {
        match found {
            Found::Done(note) => Effect::Done(note),
            Found::NotThere(highest) => {
                self.known = Some(highest);
                self.send()
            }
            Found::Former(note) => {
                // It arrived before the person changed it: the change is a change of that note.
                let base = self.doubtful_text.take().unwrap_or_default();
                self.task = Task::Replace { note, base };
                self.send()
            }
            Found::Differs(theirs) => {
                self.theirs = Some(theirs);
                self.stand(Phase::Conflict, None)
            }
            Found::Gone => self.stand(Phase::Refused, Some(Code::Gone)),
        }
    }

    /// What the person wrote is not what is there. Sent again it might only be there twice: the person decides.
    fn taken_differently(&mut self, note: NoteId, theirs: String) -> Effect {
        let note = match &self.task {
            Task::Add => note,
            Task::Replace { note, .. } => *note,
        };
        self.task = Task::Replace { note, base: theirs.clone() };
        self.in_doubt = false;
        self.theirs = Some(theirs);
        self.stand(Phase::Conflict, None)
    }

    fn failed(&mut self, failure: Failure, now_ms: i64, random: f64) -> Effect {
        // A look that failed leaves the doubt as it was: only a look that succeeds can end it.
        if !self.is_looking {
            self.in_doubt = failure.may_be_done;
        }
        match failure.kind {
            FailureKind::Passing { retry_after_ms } => {
                let wait_ms = RETRY_FLOOR_MS + backoff::retry_wait_ms(self.failures, retry_after_ms, random);
                self.failures = self.failures.saturating_add(1);
                self.wait(Some(now_ms.saturating_add(wait_ms)), Some(failure.code))
            }
            FailureKind::SignIn => self.wait(None, Some(failure.code)),
            FailureKind::Refusal => self.stand(Phase::Refused, Some(failure.code)),
        }
    }

    fn wait(&mut self, next_at_ms: Option<i64>, reason: Option<Code>) -> Effect {
        self.phase = Phase::Waiting;
        self.next_at_ms = next_at_ms;
        self.reason = reason;
        Effect::Wake
    }

    fn stand(&mut self, phase: Phase, reason: Option<Code>) -> Effect {
        self.phase = phase;
        self.next_at_ms = None;
        self.reason = reason;
        Effect::None
    }
}

#[cfg(test)]
mod tests;
