//! The business and everything that changes while the sandbox runs.

use crate::data::agenda::{self, Appointment, Calendar};
use crate::data::calls::{Call, CallLog};
use crate::data::files::{self, AudioFile};
use crate::data::leads::Lead;
use crate::message::Request;
use crate::movement::Moved;
use crate::script::{Asked, Script, Step, Turn};
use crate::session::Refreshes;
use crate::{Account, Options, Ready, RecordingOf, SandboxError, SeenRequest, TwilioAccount};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A person who can sign in.
#[derive(Debug)]
pub(crate) struct User {
    pub id: u64,
    pub email: &'static str,
    pub password: &'static str,
    pub name: &'static str,
    pub role: &'static str,
}

pub(crate) const USERS: &[User] = &[
    User {
        id: 1, email: "owner@sandbox.example", password: "Sandbox-Owner-1", name: "אורן הבעלים", role: "owner"
    },
    User {
        id: 2, email: "agent@sandbox.example", password: "Sandbox-Agent-1", name: "אייל הנציג", role: "agent"
    },
    User {
        id: 3,
        email: "manager@sandbox.example",
        password: "Sandbox-Manager-1",
        name: "מיכל המנהלת",
        role: "manager",
    },
    // Without a business: it may sign in, and every page refuses it.
    User {
        id: 4,
        email: "sysadmin@sandbox.example",
        password: "Sandbox-Sysadmin-1",
        name: "מנהל מערכת",
        role: "system_admin",
    },
];

impl User {
    /// The business that it belongs to; a system administrator normally has none.
    pub(crate) fn business_id(&self) -> Option<u64> {
        (self.role != "system_admin").then_some(1)
    }
}

/// The ready line lists at least so many recordings, when there are calls for them.
const LISTED_RECORDINGS: u64 = 40;
/// `/sandbox/requests` remembers so many.
const SEEN_REQUESTS: usize = 200_000;

/// A row of `lead_notes`.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub id: u64,
    pub content: String,
    pub note_type: String,
    pub created_us: i64,
    pub updated_us: i64,
}

/// A row of `recording_runs`.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub id: u64,
    pub call_sid: String,
    /// queued, running, completed, failed or cancelled.
    pub status: &'static str,
    pub created_us: i64,
    pub completed_us: Option<i64>,
    pub cancel_requested: bool,
}

/// What writes have changed.
pub(crate) struct State {
    pub removed_calls: BTreeSet<u64>,
    pub transcripts: HashMap<u64, (String, i64)>,
    pub leads: HashMap<u64, (Lead, i64)>,
    /// A lead's notes from the first write to them on.
    pub notes: BTreeMap<u64, Vec<Note>>,
    pub next_note: u64,
    pub calendars: Vec<Calendar>,
    pub appointments: Vec<Appointment>,
    pub next_appointment: u64,
    pub runs: Vec<Run>,
    /// GET and HEAD requests for a recording so far.
    pub polls: HashMap<String, u32>,
    /// Restarts of a stuck job.
    pub attempts: HashMap<String, u32>,
    pub refreshes: Refreshes,
    /// Sessions of an earlier epoch are over.
    pub epoch: u64,
    pub tokens_made: u64,
    /// The token that was given last and not used yet.
    pub csrf: Option<String>,
    pub moved: Moved,
}

pub(crate) struct World {
    options: Options,
    /// The clock at the start: the data hangs on it.
    pub anchor_us: i64,
    pub calls: CallLog,
    pub files: Vec<AudioFile>,
    /// Per lead, its newest rows, newest first.
    calls_of_lead: HashMap<u64, Vec<u64>>,
    state: Mutex<State>,
    pub twilio: crate::twilio::Side,
    answers: AtomicU64,
    seen: Mutex<Vec<SeenRequest>>,
    faults: Mutex<(Script, Vec<Turn>)>,
}

/// Where a call's audio is.
pub(crate) enum Presence {
    Here(AudioFile),
    /// A job has just been made.
    Started,
    /// A job is there already.
    Waiting,
    /// The job was stuck and has been made again, for the n-th time.
    Restarted(u32),
    /// It was made again three times.
    GivenUp,
}

/// A file this small counts as absent upstream.
const TOO_SMALL_BYTES: usize = 1_000;
const STUCK_AFTER_US: i64 = 5 * crate::data::times::MINUTE_US;
const MAX_ATTEMPTS: u32 = 3;

impl World {
    pub(crate) fn build(options: Options) -> Result<Self, SandboxError> {
        let anchor_us = options.clock.now_ms() * 1_000;
        let files = files::load(options.recordings.as_deref())?;
        let seconds = files.iter().map(|file| file.seconds).collect();
        let calls = CallLog::new(options.seed, options.calls, options.leads, anchor_us, seconds);
        let mut calls_of_lead: HashMap<u64, Vec<u64>> = HashMap::new();
        for row in 0..calls.rows().min(20_000) {
            if let Some(id) = calls.lead_of(row) {
                let rows = calls_of_lead.entry(id).or_default();
                if rows.len() < 8 {
                    rows.push(row);
                }
            }
        }
        let appointments = agenda::appointments(options.seed, anchor_us, &calls);
        let state = State {
            removed_calls: BTreeSet::new(),
            transcripts: HashMap::new(),
            leads: HashMap::new(),
            notes: BTreeMap::new(),
            next_note: options.leads * 4 + 1,
            calendars: agenda::calendars(anchor_us),
            next_appointment: appointments.len() as u64 + 1,
            appointments,
            runs: Vec::new(),
            polls: HashMap::new(),
            attempts: HashMap::new(),
            refreshes: Refreshes::default(),
            epoch: 0,
            tokens_made: 0,
            csrf: None,
            moved: Moved::default(),
        };
        let faults = (options.script.clone(), vec![Turn::default(); options.script.len()]);
        Ok(Self {
            options,
            anchor_us,
            calls,
            files,
            calls_of_lead,
            state: Mutex::new(state),
            twilio: crate::twilio::Side::default(),
            answers: AtomicU64::new(0),
            seen: Mutex::default(),
            faults: Mutex::new(faults),
        })
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.now_ms() * 1_000
    }

    /// Numbers answers, for those who give each an id.
    pub(crate) fn count_answer(&self) -> u64 {
        self.answers.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn seed(&self) -> u64 {
        self.options.seed
    }

    /// Nothing panics while it holds the lock, so a poisoned one is as good as new.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ready(&self, url: &str) -> Ready {
        let listed = self.calls.recorded().min(LISTED_RECORDINGS.max(self.files.len() as u64));
        let recordings = (0..listed).filter_map(|n| {
            let file = self.file_of(n);
            let call_sid = self.calls.row(self.calls.nth_recorded(n)?).sid;
            Some(RecordingOf { call_sid, file: file.name.clone(), sha256: file.sha256.clone() })
        });
        Ready {
            url: url.to_owned(),
            email: USERS[0].email.to_owned(),
            password: USERS[0].password.to_owned(),
            agent: Account { email: USERS[1].email.to_owned(), password: USERS[1].password.to_owned() },
            twilio: TwilioAccount {
                base_url: url.to_owned(),
                account_sid: crate::twilio::ACCOUNT_SID.to_owned(),
                key_sid: crate::twilio::KEY_SID.to_owned(),
                key_secret: crate::twilio::KEY_SECRET.to_owned(),
            },
            recordings: recordings.collect(),
        }
    }

    pub(crate) fn seen(&self) -> Vec<SeenRequest> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn seen_count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Remembers a request and gives what the script wants done to its answer.
    pub(crate) fn note(&self, request: &Request) -> Vec<Step> {
        if request.path.starts_with("/sandbox/") {
            return Vec::new();
        }
        let hide = |(name, value): &(String, String)| match name.as_str() {
            "cookie" | "authorization" => (name.clone(), "present".to_owned()),
            _ => (name.clone(), value.clone()),
        };
        let one = SeenRequest {
            method: request.method.clone(),
            path: request.target(),
            headers: request.headers.iter().map(hide).collect(),
            at_ms: self.now_ms(),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < SEEN_REQUESTS {
            seen.push(one);
        }
        drop(seen);
        let target = request.target();
        let asked = Asked {
            method: &request.method,
            path: &request.path,
            target: &target,
            now_ms: self.now_ms(),
            seed: self.options.seed,
        };
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let (script, turns) = &mut *faults;
        script.steps_for(turns, &asked)
    }

    /// Other faults from now on; every rule counts from one.
    pub(crate) fn set_script(&self, script: Script) {
        let turns = vec![Turn::default(); script.len()];
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = (script, turns);
    }

    /// Every cookie and refresh token given so far is worth nothing.
    pub(crate) fn expire_sessions(&self) {
        let mut state = self.state();
        state.epoch += 1;
        state.refreshes = Refreshes::default();
    }

    fn file_of(&self, recording: u64) -> &AudioFile {
        &self.files[(recording % self.files.len() as u64) as usize]
    }

    /// A row with what writes and moves have changed; `None` when it was deleted.
    pub(crate) fn call(&self, row: u64) -> Option<Call> {
        self.state().call(&self.calls, row)
    }

    pub(crate) fn call_by_sid(&self, sid: &str) -> Option<(u64, Call)> {
        let row = self.calls.find(sid).or_else(|| self.arrived_row(sid))?;
        Some((row, self.call(row)?))
    }

    /// A lead with what writes and moves have changed, and when it was last updated.
    pub(crate) fn lead(&self, id: u64) -> Option<(Lead, i64)> {
        self.lead_in(&self.state(), id)
    }

    pub(crate) fn lead_in(&self, state: &State, id: u64) -> Option<(Lead, i64)> {
        if state.is_lead_gone(id) {
            return None;
        }
        if let Some(changed) = state.leads.get(&id) {
            return Some(changed.clone());
        }
        let lead = self.calls.leads().get(id)?;
        let updated_us = self.last_contact_us(id).unwrap_or(lead.created_us + 86_400_123_457).max(lead.created_us);
        Some((lead, updated_us.min(self.anchor_us)))
    }

    pub(crate) fn lead_rows(&self, id: u64) -> &[u64] {
        self.calls_of_lead.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn last_contact_us(&self, id: u64) -> Option<i64> {
        self.lead_rows(id).first().map(|row| self.calls.row(*row).created_us)
    }

    /// Looks for a call's audio without asking for it.
    pub(crate) fn file_if_here(&self, call: &Call) -> Option<AudioFile> {
        let file = self.file_of(call.recording?);
        let polls = self.state().polls.get(&call.sid).copied().unwrap_or(0);
        (file.bytes.len() > TOO_SMALL_BYTES && polls >= self.options.prepare_polls).then(|| file.clone())
    }

    pub(crate) fn newest_run(&self, sid: &str) -> Option<Run> {
        self.state().runs.iter().rev().find(|run| run.call_sid == sid).cloned()
    }

    /// A GET or HEAD for a call's audio: counts as a poll, and makes a job when there is none.
    pub(crate) fn ask_for_audio(&self, call: &Call) -> Presence {
        if let Some(file) = self.file_if_here(call) {
            let now_us = self.now_us();
            for run in self.state().runs.iter_mut().filter(|run| run.call_sid == call.sid && run.status == "queued") {
                run.status = "completed";
                run.completed_us = Some(now_us);
            }
            return Presence::Here(file);
        }
        *self.state().polls.entry(call.sid.clone()).or_default() += 1;
        self.start_job(call)
    }

    /// Makes a job, or says how the one that is there is doing.
    pub(crate) fn start_job(&self, call: &Call) -> Presence {
        let now_us = self.now_us();
        let mut state = self.state();
        let open = state.runs.iter().rposition(|run| run.call_sid == call.sid && run.status == "queued");
        let stuck = open.filter(|at| now_us - state.runs[*at].created_us > STUCK_AFTER_US);
        let presence = match (open, stuck) {
            (Some(_), None) => return Presence::Waiting,
            (None, _) => Presence::Started,
            (Some(at), Some(_)) => {
                state.runs[at].status = "failed";
                state.runs[at].completed_us = Some(now_us);
                let attempts = state.attempts.entry(call.sid.clone()).or_default();
                if *attempts >= MAX_ATTEMPTS {
                    *attempts = 0;
                    return Presence::GivenUp;
                }
                *attempts += 1;
                Presence::Restarted(*attempts)
            }
        };
        let id = state.runs.len() as u64 + 1;
        state.runs.push(Run {
            id,
            call_sid: call.sid.clone(),
            status: "queued",
            created_us: now_us,
            completed_us: None,
            cancel_requested: false,
        });
        presence
    }
}
