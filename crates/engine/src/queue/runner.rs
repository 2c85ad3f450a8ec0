//! Gives jobs their turn: a person's wish first, then pins, then rules, a few of each source at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aftercall_domain::backoff::DAY_MS;
use aftercall_domain::clock::{Clocks, Went};
use aftercall_domain::download::{Event, Interruption};
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use rusqlite::Connection;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::fetch::{Ended, Taken, fetch};
use super::inside::{Begun, Inside, Stage, Trouble};
use super::lanes::{Lane, Watch};
use super::ledger::{self, Now};
use super::recover;
use crate::store::table::jobs::Turn;
use crate::store::table::{calls, jobs, recordings};
use crate::store::{ChangeSet, StoreError, Tag};

/// Works until it is cancelled.
pub(super) async fn work(inside: Arc<Inside>) {
    let (mut runs, mut claims) = (JoinSet::new(), JoinSet::new());
    let mut lanes = Lane::all(inside.options.at_once);
    let mut looks = Looks { watch: Watch::new(Clocks::of(&*inside.parts.clock)), for_stuck: None };
    while !inside.cancel.is_cancelled() {
        let turned = turn(&inside, &mut looks, &mut lanes, &mut claims).await;
        inside.has_trouble(Trouble::Turn, turned.as_ref().err().map(StoreError::code));
        inside.has_trouble(Trouble::Claim, lanes.iter().find_map(|lane| lane.trouble));
        let wait = match turned {
            Ok(wait) => wait,
            Err(error) => {
                // The library is busy, full or closed: nothing is lost, the next look tries again.
                tracing::warn!(code = error.code().as_str(), "the queue could not go on");
                inside.options.look_every
            }
        };
        tokio::select! {
            () = inside.cancel.cancelled() => {}
            () = inside.wake.notified() => {}
            Some(_) = runs.join_next() => {}
            Some(claim) = claims.join_next() => begin(&inside, claim, &mut lanes, &mut runs),
            () = tokio::time::sleep(wait) => {}
        }
    }
    // What was written as begun also ends in its row.
    while let Some(claim) = claims.join_next().await {
        begin(&inside, claim, &mut lanes, &mut runs);
    }
    while runs.join_next().await.is_some() {}
}

/// What is looked at from time to time.
struct Looks {
    watch: Watch,
    for_stuck: Option<Instant>,
}

/// One look at everything: the clocks, runs that stand still, and each source's lane. Returns when the next is due.
async fn turn(
    inside: &Arc<Inside>,
    looks: &mut Looks,
    lanes: &mut [Lane],
    claims: &mut JoinSet<Claim>,
) -> Result<Duration, StoreError> {
    let clocks = Clocks::of(&*inside.parts.clock);
    let went = looks.watch.look(clocks);
    if went == Some(Went::Ahead) {
        lanes.iter_mut().for_each(|lane| lane.spread(clocks, inside.chance.draw()));
    }
    if let Some(went) = went {
        moved(inside, went).await?;
    }
    // Each end of a run comes by here: this is not looked for as often as that.
    if went.is_some() || looks.for_stuck.is_none_or(|at| at.elapsed() >= inside.options.look_every) {
        looks.for_stuck = Some(Instant::now());
        take_back_stuck(inside).await?;
    }
    let mut wait = inside.options.look_every;
    for lane in lanes {
        wait = wait.min(fill(inside, lane, claims).await?);
    }
    Ok(wait)
}

/// Takes jobs from runs that stand still, or are no more.
async fn take_back_stuck(inside: &Arc<Inside>) -> Result<(), StoreError> {
    let now = inside.now();
    let stuck = inside.parts.store.read(move |conn| ledger::stuck(conn, now)).await?;
    if !stuck.is_empty() {
        let within = Arc::clone(inside);
        let taken = inside.parts.store.write(move |tx, changes| {
            let taken = recover::recover(tx, changes, now)?;
            Ok((taken, within.last_run()))
        });
        let (taken, last) = taken.await?;
        inside.stop_runs(&taken, last);
    }
    Ok(())
}

/// The computer slept, or a clock was set.
async fn moved(inside: &Arc<Inside>, went: Went) -> Result<(), StoreError> {
    let (now, slept) = (inside.now(), went == Went::Ahead);
    let running = if slept { inside.running() } else { Vec::new() };
    let (stopped, within) = (running.clone(), Arc::clone(inside));
    let settled = inside.parts.store.write(move |tx, changes| {
        ledger::suspended(tx, changes, &stopped, now)?;
        ledger::clock_moved(tx, changes, now)?;
        Ok(within.last_run())
    });
    let last = settled.await?;
    inside.stop_runs(&running, last);
    tracing::info!(?went, cause = if slept { "suspended" } else { "clock" }, "the clocks moved");
    Ok(())
}

/// Claims as many of the lane's jobs as may have their turn. Returns when to look again.
async fn fill(inside: &Arc<Inside>, lane: &mut Lane, claims: &mut JoinSet<Claim>) -> Result<Duration, StoreError> {
    let source = lane.source;
    let clocks = Clocks::of(&*inside.parts.clock);
    let resting = inside.parts.source.resting(source);
    if lane.rests(resting, clocks, inside.chance.draw()) {
        // What is shown of all that waits for this source is another thing now; no row changed.
        let told = inside.parts.store.write(|_, changes| {
            changes.touch(Tag::Recordings);
            Ok(())
        });
        told.await?;
    }
    if lane.is_back(inside.parts.source.is_doubted(source), clocks, inside.chance.draw()) {
        let now = inside.now();
        inside.parts.store.write(move |tx, changes| ledger::source_is_back(tx, changes, source, now)).await?;
    }
    if inside.parts.vault.is_locked() || resting.is_some() {
        lane.trouble = None;
        // However many wait, it costs no job a step.
        return Ok(resting.map_or(inside.options.look_every, |rest| after_ms(rest.wait_ms)));
    }
    let free = free(inside, lane);
    let mut due_ms = if free > 0 { due_ms(inside, lane, clocks).await? } else { None };
    if due_ms.is_some_and(|due_ms| due_ms <= 0) {
        if let Some(wait) = lane.claims_in() {
            return Ok(wait);
        }
        // Nobody waits for the commit here: a place that is given back meanwhile is filled by the next look.
        lane.claiming += free;
        claims.spawn(claim(Arc::clone(inside), lane.clone(), free));
        due_ms = None;
    } else if free > 0 {
        lane.trouble = None;
    }
    // While no run is free, or one is being claimed, the end of that wakes us.
    let quiet_ms = Some(lane.quiet_ms(clocks)).filter(|ms| *ms > 0);
    let next = [due_ms, quiet_ms].into_iter().flatten().min().map(after_ms);
    Ok(next.unwrap_or(inside.options.look_every))
}

/// How many more runs the lane bears: of those whose bytes come or are asked for, and of those that are looked at.
fn free(inside: &Inside, lane: &Lane) -> usize {
    if inside.cancel.is_cancelled() {
        return 0;
    }
    let connected = inside.at(lane.source, Stage::Asking) + inside.at(lane.source, Stage::Arriving);
    let here = inside.at(lane.source, Stage::Here);
    let borne = lane.at_once.saturating_sub(connected).min((2 * lane.at_once).saturating_sub(connected + here));
    borne.saturating_sub(lane.claiming)
}

fn turn_of(conn: &Connection, inside: &Inside, lane: &Lane, clocks: Clocks) -> Result<Turn, StoreError> {
    let taken = jobs::prepared_for(conn, lane.source)? + inside.at(lane.source, Stage::Asking);
    Ok(lane.turn(taken, inside.is_ready(), clocks))
}

/// In how many milliseconds the next job may go that may have a turn.
async fn due_ms(inside: &Arc<Inside>, lane: &Lane, clocks: Clocks) -> Result<Option<i64>, StoreError> {
    let (within, lane) = (Arc::clone(inside), lane.clone());
    let next = inside.parts.store.read(move |conn| jobs::next_at_ms(conn, turn_of(conn, &within, &lane, clocks)?));
    Ok(next.await?.map(|at_ms| at_ms.saturating_sub(inside.parts.clock.now_ms())))
}

/// In so many milliseconds, but not at once: whatever made it due and not startable may need a moment.
fn after_ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(20))
}

/// Jobs that were written as begun.
struct Claim {
    source: Source,
    /// The places that it was made for.
    places: usize,
    claimed: Result<Vec<(Taken, Begun)>, StoreError>,
}

/// Writes the next jobs that may go as begun, at most `places`, in one commit.
async fn claim(inside: Arc<Inside>, lane: Lane, places: usize) -> Claim {
    let (now, clocks, source) = (inside.now(), Clocks::of(&*inside.parts.clock), lane.source);
    let runs = Arc::new(Mutex::new(Vec::new()));
    let (within, noted) = (Arc::clone(&inside), Arc::clone(&runs));
    let claimed = inside.parts.store.write_shared(move |tx, changes| {
        let mut claimed = Vec::new();
        while claimed.len() < places {
            let turn = turn_of(tx, &within, &lane, clocks)?;
            let Some((id, wish)) = ledger::claim(tx, changes, turn, now)? else { break };
            let call_age_ms = call_age_ms(tx, &id, now.moment.now_ms)?;
            let begun = within.begin_run(&id);
            noted.lock().unwrap_or_else(PoisonError::into_inner).push((id.clone(), begun.number));
            claimed.push((Taken { id, wish, call_age_ms }, begun));
        }
        Ok(claimed)
    });
    let claimed = claimed.await;
    if claimed.is_err() {
        // Nothing of it was written: these do not run.
        for (id, number) in runs.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            inside.end_run(id, *number);
        }
    }
    Claim { source, places, claimed }
}

/// Starts the runs of what was claimed.
fn begin(inside: &Arc<Inside>, claim: Result<Claim, JoinError>, lanes: &mut [Lane], runs: &mut JoinSet<()>) {
    // None is ever aborted, and none panics: the store answers for what its own threads do.
    let Ok(Claim { source, places, claimed }) = claim else { return };
    let lane = lanes.iter_mut().find(|lane| lane.source == source);
    let rest = match &claimed {
        Err(error) => {
            tracing::warn!(code = error.code().as_str(), "jobs could not be begun");
            // Also for who waits: the same disk would fail the same way.
            inside.options.look_every
        }
        Ok(claimed) if claimed.is_empty() => after_ms(0),
        Ok(_) => Duration::ZERO,
    };
    if let Some(lane) = lane {
        lane.claimed(places, rest, claimed.as_ref().err().map(StoreError::code));
    }
    for (taken, Begun { number, cancel, file }) in claimed.unwrap_or_default() {
        let inside = Arc::clone(inside);
        runs.spawn(async move {
            let hold = Arc::new(file.lock_owned().await);
            // A run that is cancelled leaves its future, and with it the file, at the next await.
            let ended = tokio::select! {
                biased;
                () = cancel.cancelled() => Ended::With(Event::Interrupted(Interruption::Stopped)),
                ended = fetch(&inside, &taken, &hold) => ended,
            };
            drop(hold);
            finish(&inside, &taken.id, number, ended).await;
        });
    }
}

/// How old the recording's call is: whether a missing one may still come depends on it.
fn call_age_ms(conn: &Connection, id: &RecordingId, now_ms: i64) -> Result<Option<i64>, StoreError> {
    let call_sid = match recordings::get(conn, id)? {
        Some(row) => Some(row.call_sid),
        None => id.sid().parse::<CallSid>().ok(),
    };
    let Some(call) = call_sid.map(|sid| calls::get(conn, &sid)).transpose()?.flatten() else { return Ok(None) };
    Ok(call.started_at_ms.map(|at_ms| match id.source() {
        Source::Crm => now_ms - at_ms,
        // Twilio makes the sound when the call has ended, and keeps it until somebody deletes it: no age means that it
        // was cleaned up.
        Source::Twilio => (now_ms - at_ms - call.duration_s.unwrap_or(0).saturating_mul(1_000)).min(DAY_MS),
    }))
}

/// Writes how a run ended, unless the run was taken from it meanwhile. A library that cannot be written just now is
/// waited for: what is in the vault already shall not have to come again.
async fn finish(inside: &Arc<Inside>, id: &RecordingId, number: u64, ended: Ended) {
    if let Ended::With(event @ (Event::Failed(_) | Event::NoRoom { .. })) = &ended {
        // The one place where a failed run is told: no id, no name, no address.
        tracing::info!(?event, "a recording could not be fetched");
    }
    if let Ended::With(Event::NotYet { .. }) = &ended {
        inside.is_preparing();
    }
    let goes_on = loop {
        let (within, now, of, ended) = (Arc::clone(inside), inside.now(), id.clone(), ended.clone());
        let written = inside.parts.store.write_shared(move |tx, changes| {
            if within.number_of(&of) != Some(number) {
                return Ok(true);
            }
            end(tx, changes, &of, ended, now)
        });
        match written.await {
            Ok(goes_on) => break goes_on,
            Err(error) => {
                tracing::warn!(code = error.code().as_str(), "the end of a run was not written");
                inside.has_trouble(Trouble::End, Some(error.code()));
                tokio::select! {
                    // The job is still held: the next start takes it up.
                    () = inside.cancel.cancelled() => break true,
                    () = tokio::time::sleep(inside.options.look_every) => {}
                }
            }
        }
    };
    inside.has_trouble(Trouble::End, None);
    inside.end_run(id, number);
    if !goes_on && let Err(error) = inside.drop_part(id).await {
        tracing::debug!(code = error.code().as_str(), "an unfinished file was not removed");
    }
}

/// The end of a run in its job's row. Returns whether a part of the file may be gone on with.
fn end(
    conn: &Connection,
    changes: &mut ChangeSet,
    id: &RecordingId,
    ended: Ended,
    now: Now,
) -> Result<bool, StoreError> {
    let event = match ended {
        Ended::Arrived(arrived, playable) => {
            ledger::arrived(conn, changes, id, arrived, playable, now)?;
            return Ok(true);
        }
        Ended::With(event) => event,
    };
    let event = match event {
        Event::NotYet { .. } => ledger::not_yet(conn, id, event)?,
        event => event,
    };
    ledger::step(conn, changes, id, event, now)?;
    if let Event::NoRoom { .. } = event {
        ledger::no_room(conn, changes, now)?;
    }
    ledger::settle_part(conn, id)
}
