//! Steps of jobs, each with its recording's row in one transaction, before anything is done about them.

use aftercall_domain::backoff::Moment;
use aftercall_domain::call::Outcome;
use aftercall_domain::download::{Effect, Event, Interruption, Job, Phase, Wish};
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use aftercall_domain::recording::{AudioFacts, RecordingState};
use aftercall_domain::standing::may_be_wished_for;
use rusqlite::Connection;

use super::QueueError;
use crate::store::table::jobs::{self, JobRow, Turn};
use crate::store::table::recordings::{self, Analysis, RecordingRow, StoredFile};
use crate::store::table::{call_stamps, calls, recording_parts};
use crate::store::{ChangeSet, StoreError};

/// In the row of a job that waits for somebody: never its turn.
const NEVER_MS: i64 = i64::MAX;
/// Behind every job that has a turn.
const NO_TURN: i64 = -1;

/// The clocks and a random number, at one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub moment: Moment,
    pub random: f64,
}

/// What a run brought home.
#[derive(Clone)]
pub(super) struct Arrived {
    pub file: StoredFile,
    pub facts: Option<AudioFacts>,
    pub analysis: Option<Analysis>,
    pub damaged_packets: u32,
}

fn read(row: &JobRow) -> Job {
    // What another version wrote and this one cannot read starts anew; the wish stays.
    serde_json::from_str(&row.machine).unwrap_or_else(|_| {
        let then = Moment { now_ms: row.asked_at_ms, monotonic_ms: 0, process: 0 };
        Job::new(Wish::from_word(&row.wish), then)
    })
}

pub(super) fn job(conn: &Connection, id: &RecordingId) -> Result<Option<Job>, StoreError> {
    Ok(jobs::get(conn, id)?.as_ref().map(read))
}

/// The recording's row, or what can be said of one that nobody asked for yet.
pub(super) fn recording(conn: &Connection, id: &RecordingId) -> Result<Option<RecordingRow>, StoreError> {
    if let Some(row) = recordings::get(conn, id)? {
        return Ok(Some(row));
    }
    let Ok(sid) = id.sid().parse::<CallSid>() else { return Ok(None) };
    let Some(call) = calls::get(conn, &sid)? else { return Ok(None) };
    let outcome = Outcome::of(call.status.as_deref(), call.duration_s);
    Ok(Some(recordings::not_asked_for(&sid, outcome, call.has_recording)))
}

fn keep(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    job: &Job,
    now: Now,
) -> Result<RecordingRow, StoreError> {
    let mut row = recording(conn, id)?.ok_or(StoreError::BadValue("a job without a call"))?;
    row.state = job.recording_state();
    row.reason = job.reason;
    if matches!(row.state, RecordingState::Unavailable | RecordingState::Restricted)
        && recordings::file(conn, id)?.is_some()
    {
        // Its repair came to nothing: what is here, though damaged, is all that there will ever be, and it stays.
        row.state = RecordingState::Damaged;
    }
    row.polls = job.polls;
    row.attempts = u32::try_from(job.attempts.in_window(now.moment.now_ms)).unwrap_or(u32::MAX);
    row.next_try_at_ms = job.next_at_ms;
    if row.created_at_ms == 0 {
        row.created_at_ms = now.moment.now_ms;
    }
    if !matches!(job.phase, Phase::Running | Phase::Stored | Phase::Unsupported) {
        row.bytes_here = 0;
    }
    recordings::put(conn, &row)?;
    if matches!(job.phase, Phase::Stored | Phase::Unsupported) {
        jobs::remove(conn, id)?;
    } else {
        let machine = serde_json::to_string(job).map_err(|_| StoreError::BadValue("a job that is not JSON"))?;
        let held = job.started.is_some();
        let has_turn = held || job.next_at_ms.is_some();
        jobs::put(
            conn,
            &JobRow {
                recording_id: id.clone(),
                priority: if has_turn { job.wish.priority() } else { NO_TURN },
                wish: job.wish.as_str().to_owned(),
                asked_at_ms: job.asked_at_ms,
                next_at_ms: job.next_at_ms.unwrap_or(NEVER_MS),
                started_at_ms: job.started.map(|started| started.at_ms),
                preparing: job.is_preparing(),
                machine,
            },
        )?;
    }
    changes.touch_recording(id);
    Ok(row)
}

/// A wish. Returns the recording's row as it is now, and what to do.
pub(super) fn want(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    wish: Wish,
    now: Now,
) -> Result<(RecordingRow, Effect), QueueError> {
    let row = recording(conn, id)?.ok_or(QueueError::UnknownCall)?;
    if !may_be_wished_for(row.state) {
        return Ok((row, Effect::None));
    }
    let (job, effect) = match job(conn, id)? {
        Some(job) => job.step(Event::Wanted(wish), now.moment, now.random),
        None => (Job::new(wish, now.moment), Effect::Wake),
    };
    Ok((keep(conn, changes, id, &job, now)?, effect))
}

/// One step of a job that exists. `None` when it does not.
pub(super) fn step(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    event: Event,
    now: Now,
) -> Result<Option<(RecordingRow, Effect)>, StoreError> {
    let Some(was) = job(conn, id)? else { return Ok(None) };
    let (job, effect) = was.clone().step(event, now.moment, now.random);
    if job == was {
        return Ok(recording(conn, id)?.map(|row| (row, effect)));
    }
    Ok(Some((keep(conn, changes, id, &job, now)?, effect)))
}

/// "Not yet", or that nothing comes of waiting: the source's own list says that its job failed since it was first asked.
pub(super) fn not_yet(conn: &Connection, id: &RecordingId, event: Event) -> Result<Event, StoreError> {
    let (Some(job), Ok(sid)) = (job(conn, id)?, id.sid().parse::<CallSid>()) else { return Ok(event) };
    let since_ms = job.first_poll_at_ms.unwrap_or(job.asked_at_ms);
    let failed = call_stamps::recording_failed_since(conn, &sid, since_ms)?;
    Ok(if failed { Event::SourceFailed } else { event })
}

/// Takes the next job whose turn and time have come.
pub(super) fn claim(
    conn: &Connection,
    changes: &mut ChangeSet,
    turn: Turn,
    now: Now,
) -> Result<Option<(RecordingId, Wish)>, StoreError> {
    while let Some(row) = jobs::claim(conn, turn, now.moment.now_ms)? {
        let id = row.recording_id.clone();
        let (job, effect) = read(&row).step(Event::Claimed, now.moment, now.random);
        keep(conn, changes, &id, &job, now)?;
        if effect == Effect::Fetch {
            return Ok(Some((id, job.wish)));
        }
        if job.next_at_ms.is_some_and(|at_ms| at_ms <= now.moment.now_ms) {
            break; // it would be claimed again at once
        }
    }
    Ok(None)
}

/// Bytes of a running fetch.
pub(super) fn progress(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    bytes_here: u64,
    bytes_total: u64,
) -> Result<(), StoreError> {
    let Some(mut row) = recordings::get(conn, id)? else { return Ok(()) };
    row.state = RecordingState::Downloading;
    row.bytes_here = bytes_here;
    row.bytes_total = Some(bytes_total);
    recordings::put(conn, &row)?;
    changes.touch_recording(id);
    Ok(())
}

/// The file is durable in the vault: job done, keys, facts and analysis kept, all at once.
pub(super) fn arrived(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    arrived: Arrived,
    playable: bool,
    now: Now,
) -> Result<bool, StoreError> {
    let Some((mut row, _)) = step(conn, changes, id, Event::Stored { playable }, now)? else { return Ok(false) };
    if !row.state.is_stored() {
        return Ok(false);
    }
    row.bytes_here = arrived.file.plain_len;
    row.bytes_total = Some(arrived.file.plain_len);
    row.facts = arrived.facts;
    row.damaged_packets = arrived.damaged_packets;
    row.ready_at_ms = Some(now.moment.now_ms);
    recordings::put(conn, &row)?;
    recordings::set_file(conn, id, Some(&arrived.file))?;
    recording_parts::remove(conn, id)?;
    if let Some(analysis) = &arrived.analysis {
        recordings::set_analysis(conn, id, analysis)?;
    }
    Ok(true)
}

/// A run holds it.
pub(super) fn is_running(conn: &Connection, id: &RecordingId) -> Result<bool, StoreError> {
    Ok(job(conn, id)?.is_some_and(|job| job.phase == Phase::Running))
}

/// Whether what is here of a recording that did not arrive is of use: it may be asked for again. If not, its key is
/// destroyed.
pub(super) fn settle_part(conn: &Connection, id: &RecordingId) -> Result<bool, StoreError> {
    let goes_on = match job(conn, id)? {
        Some(job) => matches!(
            job.phase,
            Phase::Queued
                | Phase::Preparing
                | Phase::Running
                | Phase::StillPreparing
                | Phase::FailedRetrying
                | Phase::NeedsYou
        ),
        None => false,
    };
    if !goes_on {
        recording_parts::remove(conn, id)?;
    }
    Ok(goes_on)
}

/// Jobs that nobody runs any more, or too long.
pub(super) fn stuck(conn: &Connection, now: Now) -> Result<Vec<RecordingId>, StoreError> {
    let mut found = Vec::new();
    for row in jobs::held(conn)? {
        let total = recordings::get(conn, &row.recording_id)?.and_then(|recording| recording.bytes_total);
        let job = read(&row);
        // A job that another version wrote forgot its run when it was read.
        if job.started.is_none() || job.is_stuck(now.moment, total.and_then(|bytes| i64::try_from(bytes).ok())) {
            found.push(row.recording_id);
        }
    }
    Ok(found)
}

/// Takes a job from a run that is no more.
pub(super) fn take_back(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    now: Now,
) -> Result<(), StoreError> {
    let Some(job) = job(conn, id)? else { return Ok(()) };
    let (job, _) = job.step(Event::Recovered, now.moment, now.random);
    keep(conn, changes, id, &job, now)?;
    Ok(())
}

/// The computer slept, and these runs with it: their connections are gone, and nobody is to blame.
pub(super) fn suspended(
    conn: &Connection,
    changes: &mut ChangeSet,
    ids: &[RecordingId],
    now: Now,
) -> Result<(), StoreError> {
    for id in ids {
        step(conn, changes, id, Event::Interrupted(Interruption::Suspended), now)?;
    }
    Ok(())
}

/// The source that was left alone answers again: what waited for that alone has its turn.
pub(super) fn source_is_back(
    conn: &Connection,
    changes: &mut ChangeSet,
    source: Source,
    now: Now,
) -> Result<(), StoreError> {
    for row in jobs::all(conn)?.iter().filter(|row| row.recording_id.source() == source) {
        if read(row).postponed {
            step(conn, changes, &row.recording_id, Event::ServerIsBack, now)?;
        }
    }
    Ok(())
}

/// The disk is full: all that wait are told so at once, and none of them is asked for.
pub(super) fn no_room(conn: &Connection, changes: &mut ChangeSet, now: Now) -> Result<(), StoreError> {
    for row in jobs::all(conn)?.iter().filter(|row| row.started_at_ms.is_none()) {
        step(conn, changes, &row.recording_id, Event::NoRoom { asked: false }, now)?;
    }
    Ok(())
}

/// A clock was set, or may have been while the app was closed: no job waits longer for it, and what was attempted is
/// kept as old as it is.
pub(super) fn clock_moved(conn: &Connection, changes: &mut ChangeSet, now: Now) -> Result<(), StoreError> {
    for row in jobs::all(conn)? {
        let was = read(&row);
        let (job, _) = was.clone().step(Event::ClockMoved, now.moment, now.random);
        if job.next_at_ms != was.next_at_ms || !job.attempts.is_empty() {
            keep(conn, changes, &row.recording_id, &job, now)?;
        }
    }
    Ok(())
}

/// Jobs that wait for a person.
pub(super) fn needing_you(conn: &Connection) -> Result<Vec<RecordingId>, StoreError> {
    let rows = recordings::in_states(conn, &[RecordingState::FailedNeedsYou])?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
