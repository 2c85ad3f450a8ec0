//! A business that goes on while the sandbox runs: calls arrive, change and vanish, leads and appointments too.
//!
//! What moves is decided by the seed and the number of the step; only the times are the clock's. Nothing is kept of a
//! row that never moved, so a million of them still take no memory.

use crate::data::agenda::Appointment;
use crate::data::calls::{Call, CallLog};
use crate::data::leads::Lead;
use crate::data::phrases::STATUSES;
use crate::data::times::{plus_minutes, with_offset};
use crate::data::{BUSINESS_NUMBER, mix, pick};
use crate::world::{State, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows from here on are calls that arrived; below are the computed ones.
const FIRST_ARRIVAL: u64 = 1 << 62;
/// Most changes are to rows this new: the CRM works on a call for minutes after it.
const STILL_PROCESSED: u64 = 120;

/// What the steps so far made.
#[derive(Default)]
pub(crate) struct Moved {
    steps: u64,
    each_request: u64,
    /// Oldest first.
    arrivals: Vec<Call>,
    arrived_sids: HashMap<String, u64>,
    changed: HashMap<u64, Call>,
    arrived_leads: u64,
    removed_leads: BTreeSet<u64>,
    /// Every state that a moved row was in before, oldest first, by its key as text.
    past: BTreeMap<&'static str, BTreeMap<String, Vec<Value>>>,
}

/// The kinds of rows that can be compared.
pub(crate) const KINDS: [&str; 4] = ["calls", "leads", "appointments", "calendars"];

/// The calls that are there, newest first, as rows.
pub(crate) struct Rows {
    arrivals: Vec<u64>,
    computed: u64,
    removed: BTreeSet<u64>,
}

impl Rows {
    pub(crate) fn total(&self) -> u64 {
        self.arrivals.len() as u64 + self.computed - self.removed.range(..FIRST_ARRIVAL).count() as u64
    }

    /// Nothing came and nothing went.
    pub(crate) fn stand_still(&self) -> bool {
        self.arrivals.is_empty() && self.removed.is_empty()
    }

    pub(crate) fn arrivals(&self) -> impl Iterator<Item = u64> + Clone + '_ {
        self.arrivals.iter().copied()
    }

    pub(crate) fn is_gone(&self, row: u64) -> bool {
        self.removed.contains(&row)
    }

    /// From the place `skip` on.
    pub(crate) fn from(&self, skip: u64) -> impl Iterator<Item = u64> + '_ {
        let arrived = usize::try_from(skip).unwrap_or(usize::MAX).min(self.arrivals.len());
        let skip = skip - arrived as u64;
        let start = nth_present(self.removed.range(..FIRST_ARRIVAL).copied(), skip);
        let computed = (start..self.computed.max(start)).filter(|row| !self.removed.contains(row));
        self.arrivals[arrived..].iter().copied().chain(computed)
    }
}

/// The ordinal of the n-th one that is not among `removed` (ascending).
pub(crate) fn nth_present(removed: impl Iterator<Item = u64>, n: u64) -> u64 {
    let mut ordinal = n;
    for gone in removed {
        if gone > ordinal {
            break;
        }
        ordinal += 1;
    }
    ordinal
}

impl State {
    /// A call with everything that happened to it; `None` when it is gone.
    pub(crate) fn call(&self, log: &CallLog, row: u64) -> Option<Call> {
        if self.removed_calls.contains(&row) {
            return None;
        }
        let mut call = match row.checked_sub(FIRST_ARRIVAL) {
            Some(index) => self.moved.arrivals.get(usize::try_from(index).ok()?)?.clone(),
            None => self.moved.changed.get(&row).cloned().unwrap_or_else(|| log.row(row)),
        };
        if let Some((text, edited_us)) = self.transcripts.get(&row) {
            call.transcription = Some(text.clone());
            call.updated_us = *edited_us;
        }
        if call.lead_id.is_some_and(|id| self.moved.removed_leads.contains(&id)) {
            call.lead_id = None;
        }
        Some(call)
    }

    /// The newest lead's id.
    pub(crate) fn newest_lead(&self, log: &CallLog) -> u64 {
        log.leads().count + self.moved.arrived_leads
    }

    pub(crate) fn is_lead_gone(&self, id: u64) -> bool {
        self.moved.removed_leads.contains(&id)
    }

    /// How many leads there are, and the ids of at most `take` of them, newest first, from the place `skip` on.
    pub(crate) fn lead_ids(&self, log: &CallLog, skip: u64, take: u64) -> (u64, Vec<u64>) {
        let newest = self.newest_lead(log);
        let removed = &self.moved.removed_leads;
        let start = nth_present(removed.iter().rev().map(|id| newest - id), skip);
        let ids = (start..newest.max(start)).map(|ordinal| newest - ordinal).filter(|id| !removed.contains(id));
        (newest - removed.len() as u64, ids.take(usize::try_from(take).unwrap_or(usize::MAX)).collect())
    }

    fn remember(&mut self, kind: &'static str, key: &impl ToString, was: Value) {
        self.moved.past.entry(kind).or_default().entry(key.to_string()).or_default().push(was);
    }
}

impl World {
    pub(crate) fn rows(&self) -> Rows {
        let state = self.state();
        let arrivals = (0..state.moved.arrivals.len() as u64).rev().map(|index| FIRST_ARRIVAL + index);
        Rows {
            arrivals: arrivals.filter(|row| !state.removed_calls.contains(row)).collect(),
            computed: self.calls.rows(),
            removed: state.removed_calls.clone(),
        }
    }

    pub(crate) fn arrived_row(&self, sid: &str) -> Option<u64> {
        self.state().moved.arrived_sids.get(sid).copied()
    }

    /// Lead, status and direction of a call that is there, without computing the rest of it where that can be.
    pub(crate) fn listed_by(&self, row: u64) -> (Option<u64>, &'static str, Option<&'static str>) {
        let state = self.state();
        if row >= FIRST_ARRIVAL || state.moved.changed.contains_key(&row) {
            return match state.call(&self.calls, row) {
                Some(call) => (call.lead_id, call.status, call.direction),
                None => (None, "", None),
            };
        }
        let (status, direction) = self.calls.status_and_direction(row);
        (self.calls.lead_of(row).filter(|id| !state.is_lead_gone(*id)), status, direction)
    }

    /// From now on so many steps are taken before each answer under `/api/`.
    pub(crate) fn move_each_request(&self, steps: u64) {
        self.state().moved.each_request = steps;
    }

    pub(crate) fn before_answer(&self) {
        let steps = self.state().moved.each_request;
        self.move_on(steps);
    }

    /// Takes so many steps; returns how many were taken in all.
    pub(crate) fn move_on(&self, steps: u64) -> u64 {
        let now_us = self.now_us();
        let mut state = self.state();
        for _ in 0..steps {
            state.moved.steps += 1;
            let step = state.moved.steps;
            let roll = mix(self.seed(), 50, step);
            match roll % 100 {
                0..34 => self.call_arrives(&mut state, step, now_us),
                34..68 => self.call_changes(&mut state, step, now_us),
                68..76 => self.call_goes(&mut state, step),
                76..87 => self.lead_moves(&mut state, step, now_us),
                87..97 => self.appointment_moves(&mut state, step, now_us),
                _ => self.calendar_is_renamed(&mut state, step, now_us),
            }
        }
        state.moved.steps
    }

    fn some_lead(&self, state: &State, roll: u64) -> Option<u64> {
        let newest = state.newest_lead(&self.calls);
        (newest > 0 && !roll.is_multiple_of(5))
            .then(|| 1 + roll % newest)
            .filter(|id| !state.moved.removed_leads.contains(id))
    }

    /// It has only just begun: no transcript, no length.
    fn call_arrives(&self, state: &mut State, step: u64, now_us: i64) {
        let roll = mix(self.seed(), 51, step);
        let newest_us = state.moved.arrivals.last().map_or(self.anchor_us - 200_000_000, |call| call.created_us);
        let lead_id = self.some_lead(state, roll >> 7);
        let customer = match lead_id.and_then(|id| self.lead_in(state, id)).and_then(|(lead, _)| lead.phone) {
            Some(phone) => phone,
            None => format!("+9725555501{:02}", roll % 100),
        };
        let outbound = roll & 1 == 1;
        let (from, to) =
            if outbound { (BUSINESS_NUMBER.to_owned(), customer) } else { (customer, BUSINESS_NUMBER.to_owned()) };
        let row = FIRST_ARRIVAL + state.moved.arrivals.len() as u64;
        let sid = format!("CA{:016x}{:016x}", mix(self.seed(), 52, step), mix(self.seed(), 53, step));
        let created_us = (newest_us + 1_001).max(now_us);
        state.moved.arrived_sids.insert(sid.clone(), row);
        state.moved.arrivals.push(Call {
            sid,
            lead_id,
            from: Some(from),
            to: Some(to),
            duration_s: 0,
            status: pick(&["initiated", "ringing", "in-progress"], roll >> 3),
            call_status: "in-progress",
            direction: Some(if outbound { "outbound" } else { "inbound" }),
            twilio_direction: Some(if outbound { "outbound-api" } else { "inbound" }),
            parent_sid: None,
            created_us,
            updated_us: created_us,
            transcription: None,
            final_transcript: None,
            summary: None,
            recording: None,
        });
    }

    /// A call that is there: mostly one of the newest.
    fn some_call(&self, state: &State, roll: u64) -> Option<u64> {
        let arrived = state.moved.arrivals.len() as u64;
        let row = match roll % 10 {
            0..5 if arrived > 0 => FIRST_ARRIVAL + arrived - 1 - (roll >> 8) % arrived.min(STILL_PROCESSED),
            0..9 => (roll >> 8) % self.calls.rows().clamp(1, STILL_PROCESSED),
            _ => (roll >> 8) % self.calls.rows().max(1),
        };
        let is_there = row >= FIRST_ARRIVAL || row < self.calls.rows();
        (is_there && !state.removed_calls.contains(&row)).then_some(row)
    }

    /// Every field that can change changes, and says in which step: a mixture of two states is no state.
    fn call_changes(&self, state: &mut State, step: u64, now_us: i64) {
        let roll = mix(self.seed(), 54, step);
        let Some((row, was)) = self.some_call(state, roll).and_then(|row| Some((row, state.call(&self.calls, row)?)))
        else {
            return;
        };
        state.remember("calls", &was.sid, call_truth(&was));
        let talk = (!roll.is_multiple_of(4)).then(|| format!("שיחה אחרי צעד {step}: בדקנו את ההצעה. moved{step}talk"));
        let call = Call {
            status: pick(&["completed", "processed", "recorded", "in_progress", "ended"], roll >> 20),
            call_status: "completed",
            duration_s: step % 3_600 + 1,
            lead_id: if roll & 64 == 0 { self.some_lead(state, roll >> 24) } else { was.lead_id },
            summary: Some(format!("סיכום אחרי צעד {step}, moved{step}sum")),
            final_transcript: talk,
            recording: was.recording.or((roll & 128 != 0).then_some(roll >> 30)),
            updated_us: now_us.max(was.updated_us + 1),
            ..was
        };
        match row.checked_sub(FIRST_ARRIVAL).and_then(|index| usize::try_from(index).ok()) {
            Some(index) => state.moved.arrivals[index] = call,
            None => {
                state.moved.changed.insert(row, call);
            }
        }
    }

    fn call_goes(&self, state: &mut State, step: u64) {
        let roll = mix(self.seed(), 55, step);
        // Old calls go as well as new ones.
        let row = if roll & 1 == 0 { self.some_call(state, roll >> 1) } else { self.some_call(state, (roll >> 1) | 9) };
        if let Some((row, was)) = row.and_then(|row| Some((row, state.call(&self.calls, row)?))) {
            self.remove_call_in(state, row, &was);
        }
    }

    fn remove_call_in(&self, state: &mut State, row: u64, was: &Call) {
        state.remember("calls", &was.sid, call_truth(was));
        state.removed_calls.insert(row);
    }

    /// Deletes one call; whether it was there.
    pub(crate) fn remove_call(&self, sid: &str) -> bool {
        let Some((row, call)) = self.call_by_sid(sid) else { return false };
        self.remove_call_in(&mut self.state(), row, &call);
        true
    }

    fn lead_moves(&self, state: &mut State, step: u64, now_us: i64) {
        let roll = mix(self.seed(), 56, step);
        let newest = state.newest_lead(&self.calls);
        if newest == 0 || roll.is_multiple_of(5) {
            let id = newest + 1;
            state.moved.arrived_leads += 1;
            let lead = Lead {
                id,
                first_name: Some(format!("פונה {step}")),
                last_name: None,
                name: None,
                phone: Some(crate::data::leads::phone_of(id)),
                email: None,
                gender: None,
                summary: None,
                status: "new".to_owned(),
                source: "phone",
                owner_user_id: None,
                tags: Vec::new(),
                notes: None,
                created_us: now_us,
            };
            state.leads.insert(id, (lead, now_us));
            return;
        }
        let Some((was, updated_us)) = self.lead_in(state, 1 + (roll >> 8) % newest) else { return };
        let id = was.id;
        let past = self.lead_truth(&was, updated_us);
        state.remember("leads", &id, past);
        if roll % 5 == 1 {
            // Its calls and appointments stay, without it.
            for one in &state.appointments.iter().filter(|one| one.lead_id == Some(id)).cloned().collect::<Vec<_>>() {
                state.remember("appointments", &one.id, appointment_truth(one));
            }
            for one in state.appointments.iter_mut().filter(|one| one.lead_id == Some(id)) {
                one.lead_id = None;
            }
            let arrived = (0..state.moved.arrivals.len() as u64).map(|index| FIRST_ARRIVAL + index);
            let moved: Vec<u64> = state.moved.changed.keys().copied().chain(arrived).collect();
            for call in moved.into_iter().filter_map(|row| state.call(&self.calls, row)).collect::<Vec<_>>() {
                if call.lead_id == Some(id) {
                    state.remember("calls", &call.sid, call_truth(&call));
                }
            }
            state.moved.removed_leads.insert(id);
            return;
        }
        let lead = Lead {
            status: STATUSES[(roll >> 20) as usize % STATUSES.len()].0.to_owned(),
            last_name: Some(format!("אחרי צעד {step}")),
            summary: Some(format!("סיכום ליד אחרי צעד {step}")),
            ..was
        };
        state.leads.insert(id, (lead, now_us.max(updated_us + 1)));
    }

    fn appointment_moves(&self, state: &mut State, step: u64, now_us: i64) {
        let roll = mix(self.seed(), 57, step);
        let count = state.appointments.len() as u64;
        let index = usize::try_from((roll >> 8) % count.max(1)).unwrap_or(0);
        if roll.is_multiple_of(6) || count == 0 {
            let starts = plus_minutes(crate::data::times::local_at(self.anchor_us), (roll >> 30) as i64 % 40_000 + 60);
            let id = state.next_appointment;
            state.next_appointment += 1;
            state.appointments.push(Appointment {
                id,
                lead_id: self.some_lead(state, roll >> 9),
                calendar_id: [Some(1), Some(2), None, Some(3)][(roll >> 4) as usize % 4],
                title: format!("פגישה מצעד {step}"),
                description: None,
                location: None,
                notes: None,
                contact_name: None,
                contact_phone: None,
                call_summary: None,
                status: "scheduled".to_owned(),
                kind: "meeting".to_owned(),
                priority: "medium",
                source: "phone_call",
                auto_generated: Some(true),
                follow_up_needed: None,
                starts,
                ends: plus_minutes(starts, 30),
                created_us: now_us,
                updated_us: now_us,
            });
            return;
        }
        let was = state.appointments[index].clone();
        state.remember("appointments", &was.id, appointment_truth(&was));
        if roll % 6 == 1 {
            state.appointments.remove(index);
            return;
        }
        let starts = plus_minutes(was.starts, [-60, 0, 60, 1_440][(roll >> 20) as usize % 4]);
        state.appointments[index] = Appointment {
            status: pick(&["confirmed", "cancelled", "completed", "scheduled"], roll >> 24).to_owned(),
            title: format!("פגישה אחרי צעד {step}"),
            ends: plus_minutes(starts, 45),
            starts,
            updated_us: now_us.max(was.updated_us + 1),
            ..was
        };
    }

    fn calendar_is_renamed(&self, state: &mut State, step: u64, now_us: i64) {
        let index = (mix(self.seed(), 58, step) % state.calendars.len().max(1) as u64) as usize;
        let Some(was) = state.calendars.get(index).map(calendar_truth) else { return };
        let id = state.calendars[index].id;
        state.remember("calendars", &id, was);
        state.calendars[index].name = format!("לוח אחרי צעד {step}");
        state.calendars[index].updated_us = now_us;
    }

    /// What is there now, in the list's order: columns as the database has them, times in microseconds.
    pub(crate) fn truth(&self, kind: &str, offset: u64, limit: u64) -> Option<Value> {
        let (skip, take) =
            (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(limit.min(10_000)).unwrap_or(10_000));
        let (total, rows): (u64, Vec<Value>) = match kind {
            "calls" => {
                let rows = self.rows();
                let page: Vec<u64> = rows.from(offset).take(take).collect();
                (
                    rows.total(),
                    page.into_iter().filter_map(|row| self.call(row)).map(|call| call_truth(&call)).collect(),
                )
            }
            "leads" => {
                let (total, ids) = self.state().lead_ids(&self.calls, offset, limit.min(10_000));
                let leads = ids.into_iter().filter_map(|id| self.lead(id));
                (total, leads.map(|(lead, updated_us)| self.lead_truth(&lead, updated_us)).collect())
            }
            "appointments" => {
                let state = self.state();
                let page = state.appointments.iter().skip(skip).take(take);
                (state.appointments.len() as u64, page.map(appointment_truth).collect())
            }
            "calendars" => {
                let state = self.state();
                let page = state.calendars.iter().skip(skip).take(take);
                (state.calendars.len() as u64, page.map(calendar_truth).collect())
            }
            _ => return None,
        };
        let steps = self.state().moved.steps;
        Some(json!({"kind": kind, "steps": steps, "total": total, "rows": rows}))
    }

    /// Every earlier state of the rows that moved, oldest first, by key.
    pub(crate) fn past(&self, kind: &str) -> Option<Value> {
        let state = self.state();
        let past = state.moved.past.get(KINDS.iter().find(|known| **known == kind)?);
        Some(json!({"kind": kind, "rows": past.cloned().unwrap_or_default()}))
    }

    fn lead_truth(&self, lead: &Lead, updated_us: i64) -> Value {
        json!({
            "id": lead.id, "first_name": lead.first_name, "last_name": lead.last_name, "name": lead.full_name(),
            "phone": lead.phone, "email": lead.email, "status": lead.status, "source": lead.source,
            "owner_user_id": lead.owner_user_id, "tags": lead.tags, "summary": lead.summary,
            "created_us": lead.created_us, "updated_us": updated_us,
            "last_contact_us": self.last_contact_us(lead.id),
        })
    }
}

fn call_truth(call: &Call) -> Value {
    json!({
        "sid": call.sid, "parent_sid": call.parent_sid, "lead_id": call.lead_id, "from": call.from, "to": call.to,
        "duration_s": call.duration_s, "status": call.status, "direction": call.direction,
        "started_us": call.created_us, "updated_us": call.updated_us, "transcript": call.transcript(),
        "summary": call.summary, "has_recording": call.recording.is_some(),
    })
}

fn appointment_truth(one: &Appointment) -> Value {
    json!({
        "id": one.id, "lead_id": one.lead_id, "calendar_id": one.calendar_id, "title": one.title,
        "status": one.status, "starts_at": with_offset(one.starts), "ends_at": with_offset(one.ends),
        "updated_us": one.updated_us,
    })
}

fn calendar_truth(one: &crate::data::agenda::Calendar) -> Value {
    json!({"id": one.id, "name": one.name, "is_active": one.is_active})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn world() -> World {
        World::build(Options { calls: 200, leads: 30, seed: 9, ..Options::default() }).unwrap()
    }

    fn keys(world: &World, kind: &str) -> Vec<Value> {
        let truth = world.truth(kind, 0, 10_000).unwrap();
        let key = if kind == "calls" { "sid" } else { "id" };
        truth["rows"].as_array().unwrap().iter().map(|row| row[key].clone()).collect()
    }

    #[test]
    fn the_same_seed_moves_the_same_rows() {
        let (one, other) = (world(), world());
        one.move_on(300);
        assert_eq!((0..300).map(|_| other.move_on(1)).last(), Some(300));
        for kind in KINDS {
            assert_eq!(keys(&one, kind), keys(&other, kind));
        }
        assert_ne!(keys(&one, "calls"), keys(&world(), "calls"));
    }

    #[test]
    fn pages_of_what_moved_are_the_whole_without_gap_or_repeat_and_newest_first() {
        let world = world();
        world.move_on(500);
        let whole = keys(&world, "calls");
        let rows = world.rows();
        assert_eq!(whole.len() as u64, rows.total());
        for skip in 0..=rows.total() + 1 {
            let page: Vec<Value> = rows.from(skip).take(7).map(|row| json!(world.call(row).unwrap().sid)).collect();
            let expected: Vec<Value> = whole.iter().skip(skip as usize).take(7).cloned().collect();
            assert_eq!(page, expected, "from {skip}");
        }
        let times: Vec<i64> = rows.from(0).map(|row| world.call(row).unwrap().created_us).collect();
        assert!(times.windows(2).all(|pair| pair[0] > pair[1]));
        let (total, ids) = world.state().lead_ids(&world.calls, 0, u64::MAX);
        assert_eq!((total, ids.len() as u64), (keys(&world, "leads").len() as u64, total));
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn every_earlier_state_of_a_row_is_kept_and_differs_from_the_one_after_it() {
        let world = world();
        world.move_on(500);
        let past = world.past("calls").unwrap();
        let rows = past["rows"].as_object().unwrap();
        assert!(rows.len() > 50, "{}", rows.len());
        for (sid, states) in rows {
            let mut states = states.as_array().unwrap().clone();
            if let Some((_, now)) = world.call_by_sid(sid) {
                states.push(call_truth(&now));
            }
            assert!(states.windows(2).all(|pair| pair[0] != pair[1]), "{sid}");
        }
    }

    #[test]
    fn nothing_is_kept_of_a_million_calls_that_did_not_move() {
        let world = World::build(Options { calls: 1_000_000, leads: 1_000, ..Options::default() }).unwrap();
        let page = world.truth("calls", 999_000, 50).unwrap();
        assert_eq!((page["rows"].as_array().unwrap().len(), &page["total"]), (50, &json!(world.calls.rows())));
        let state = world.state();
        assert!(state.moved.changed.is_empty() && state.moved.arrivals.is_empty() && state.moved.past.is_empty());
    }
}
