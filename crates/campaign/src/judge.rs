//! Compares a library with every state that the server had.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aftercall_domain::ids::CallSid;
use aftercall_engine::secrets::{KeyChoice, open_root_key};
use aftercall_engine::store::Store;
use aftercall_engine::store::table::{calls, sync_state};
use aftercall_sandbox::Sandbox;
use serde_json::Value;

use crate::Failure;
use crate::program::Profile;

/// One kind of rows: each key with all its states, oldest first, and whether it is there now.
#[derive(Debug, Default)]
struct History {
    states: HashMap<String, Vec<Value>>,
    present: BTreeSet<String>,
}

impl History {
    fn of(sandbox: &Sandbox, kind: &str) -> Self {
        let key = |row: &Value| match &row[if kind == "calls" { "sid" } else { "id" }] {
            Value::String(text) => text.clone(),
            number => number.to_string(),
        };
        let mut history = Self::default();
        let past = sandbox.past(kind);
        for (key, states) in past["rows"].as_object().into_iter().flatten() {
            history.states.insert(key.clone(), states.as_array().cloned().unwrap_or_default());
        }
        for offset in (0..).step_by(10_000) {
            let page = sandbox.truth(kind, offset, 10_000);
            let rows = page["rows"].as_array().cloned().unwrap_or_default();
            let is_last = rows.len() < 10_000;
            for row in rows {
                history.present.insert(key(&row));
                history.states.entry(key(&row)).or_default().push(row);
            }
            if is_last {
                return history;
            }
        }
        history
    }

    fn now(&self, key: &str) -> Option<&Value> {
        self.states.get(key).and_then(|states| states.last()).filter(|_| self.present.contains(key))
    }
}

/// Everything that the server ever said or could have said.
#[derive(Debug)]
pub(crate) struct Truth {
    calls: History,
    leads: History,
    appointments: History,
    calendars: History,
    /// The calls of the beginning, newest first.
    first: Vec<String>,
}

/// What was wrong, by kind of harm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Rows that were here and are not, or are as they were before.
    pub lost: Vec<String>,
    /// Keys that are here twice.
    pub duplicated: Vec<String>,
    /// Rows that are no state that the server ever had.
    pub half_applied: Vec<String>,
    /// Everything else: a damaged file, a command that fails, a search that does not find.
    pub other: Vec<String>,
}

impl Verdict {
    /// Nothing was wrong.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn extend(&mut self, at: &str, more: Self) {
        for (into, from) in [
            (&mut self.lost, more.lost),
            (&mut self.duplicated, more.duplicated),
            (&mut self.half_applied, more.half_applied),
            (&mut self.other, more.other),
        ] {
            into.extend(from.into_iter().map(|what| format!("{at}: {what}")));
        }
    }
}

/// A library, read by the command line and once more by the engine, which tells what the lists leave out.
#[derive(Debug)]
pub(crate) struct Library {
    listed: Vec<Value>,
    leads: Vec<Value>,
    appointments: Vec<Value>,
    /// In the truth's words.
    calls: BTreeMap<String, Value>,
    cursor: Option<Value>,
}

impl Library {
    /// Reads it; `None` where there is none yet.
    pub(crate) fn read(profile: &Profile, truth: &Truth) -> Result<Option<Self>, Failure> {
        if !profile.library().exists() {
            return Ok(None);
        }
        let listed = profile.all("calls")?;
        let leads = profile.all("leads")?;
        let appointments = match profile.ask(&["appointments"])?["appointments"].take() {
            Value::Array(rows) => rows,
            _ => Vec::new(),
        };
        let store = open(profile, false)?;
        let sids: Vec<CallSid> = truth.calls.states.keys().filter_map(|sid| sid.parse().ok()).collect();
        let read = store.read_blocking(move |conn| {
            let mut found = BTreeMap::new();
            for sid in sids {
                if let Some(call) = calls::get(conn, &sid)? {
                    found.insert(sid.to_string(), call);
                }
            }
            Ok((found, sync_state::get::<Value>(conn, "calls")?))
        });
        let (found, cursor) = read.map_err(|error| Failure::Setup(format!("the library cannot be read: {error}")))?;
        let calls = found
            .into_iter()
            .map(|(sid, call)| {
                let row = serde_json::json!({
                    "sid": sid, "parent_sid": call.parent_sid.map(|sid| sid.to_string()),
                    "lead_id": call.lead_id.map(|id| id.0), "from": call.from_number, "to": call.to_number,
                    "duration_s": call.duration_s, "status": call.status, "started_ms": call.started_at_ms,
                    "direction": call.direction.as_str(), "transcript": call.transcript, "summary": call.summary,
                    "has_recording": call.has_recording,
                });
                (sid, row)
            })
            .collect();
        Ok(Some(Self { listed, leads, appointments, calls, cursor }))
    }

    pub(crate) fn rows(&self) -> usize {
        self.calls.len() + self.leads.len() + self.appointments.len()
    }

    /// The list of calls was read to its end once.
    pub(crate) fn is_complete(&self) -> bool {
        self.cursor.as_ref().is_some_and(|cursor| cursor["complete"] == true)
    }

    /// Calls whose summary names the step that made it, with that word.
    pub(crate) fn marked(&self) -> Vec<(&str, String)> {
        let word = |call: &Value| {
            let summary = call["summary"].as_str()?;
            Some(summary.rsplit(' ').next().filter(|word| word.starts_with("moved"))?.to_owned())
        };
        self.listed.iter().filter_map(|call| Some((call["sid"].as_str()?, word(call)?))).collect()
    }
}

/// The profile's library through the engine's own code; no other process may be writing to it.
pub(crate) fn open(profile: &Profile, to_write: bool) -> Result<Store, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Setup(format!("the library cannot be opened: {error}"));
    let key = open_root_key(&profile.profile(), &KeyChoice::File(profile.key_file())).map_err(|e| failed(&e))?.db_key();
    let opened = if to_write {
        Store::open(&profile.library(), &key, &aftercall_domain::clock::SystemClock::new())
    } else {
        Store::open_for_reading(&profile.library(), &key)
    };
    opened.map_err(|e| failed(&e))
}

/// How new each row was when it was last looked at: it may only get newer.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<(&'static str, String), usize>);

fn milliseconds(rfc3339: &Value) -> Option<i64> {
    Some(rfc3339.as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

impl Truth {
    pub(crate) fn of(sandbox: &Sandbox, first: Vec<String>) -> Self {
        let history = |kind| History::of(sandbox, kind);
        Self {
            calls: history("calls"),
            leads: history("leads"),
            appointments: history("appointments"),
            calendars: history("calendars"),
            first,
        }
    }

    /// The sids of the calls that are there now, newest first.
    pub(crate) fn sids(sandbox: &Sandbox) -> Vec<String> {
        let mut sids = Vec::new();
        for offset in (0..).step_by(10_000) {
            let page = sandbox.truth("calls", offset, 10_000);
            let rows = page["rows"].as_array().map_or(&[][..], Vec::as_slice);
            sids.extend(rows.iter().filter_map(|row| row["sid"].as_str().map(str::to_owned)));
            if rows.len() < 10_000 {
                break;
            }
        }
        sids
    }

    /// The lead is the same, or it is gone at the server and this row only has not heard of it.
    fn same_lead(&self, local: &Value, state: &Value) -> bool {
        local == state || (state.is_null() && !self.leads.present.contains(&local.to_string()))
    }

    fn fits_call(&self, local: &Value, state: &Value) -> bool {
        let direction = match state["direction"].as_str() {
            Some(word @ ("inbound" | "outbound")) => local["direction"] == word,
            _ => true,
        };
        let plain = ["parent_sid", "from", "to", "duration_s", "status", "transcript", "summary", "has_recording"];
        plain.iter().all(|key| local[*key] == state[*key])
            && direction
            && local["started_ms"].as_i64() == state["started_us"].as_i64().map(|us| us.div_euclid(1000))
            && self.same_lead(&local["lead_id"], &state["lead_id"])
    }

    fn fits_lead(&self, local: &Value, state: &Value) -> bool {
        let nameless = local["name"].is_null() && state["name"] == "ללא שם";
        let plain = ["phone", "email", "status", "source", "owner_user_id", "tags"];
        plain.iter().all(|key| local[*key] == state[*key]) && (nameless || local["name"] == state["name"])
    }

    fn fits_appointment(&self, local: &Value, state: &Value) -> bool {
        ["title", "status", "calendar_id"].iter().all(|key| local[*key] == state[*key])
            && ["starts_at", "ends_at"].iter().all(|key| milliseconds(&local[*key]) == milliseconds(&state[*key]))
            && self.same_lead(&local["lead_id"], &state["lead_id"])
    }

    /// After a kill: every row is some state that the server had, none older than before, none twice.
    pub(crate) fn judge(&self, library: &Library, known: &mut Known) -> Verdict {
        let mut verdict = Verdict::default();
        let listed = library.listed.iter().filter_map(|row| Some((row["sid"].as_str()?.to_owned(), row)));
        let listed = unique("call", listed, &mut verdict);
        for (sid, line) in &listed {
            match library.calls.get(sid) {
                None => verdict.half_applied.push(format!("call {sid} is listed and is no call of the server")),
                Some(row) => {
                    let same = ["lead_id", "from", "to", "duration_s", "status", "summary"];
                    let started = milliseconds(&line["started_at"]) == row["started_ms"].as_i64();
                    if !started || same.iter().any(|key| line[*key] != row[*key]) {
                        verdict.half_applied.push(format!("call {sid} is listed otherwise than it is stored"));
                    }
                }
            }
        }
        let id = |row: &&Value| row["id"].to_string();
        let leads = unique("lead", library.leads.iter().map(|row| (id(&row), row)), &mut verdict);
        let appointments = unique("appointment", library.appointments.iter().map(|row| (id(&row), row)), &mut verdict);
        let calls = library.calls.iter().map(|(sid, row)| (sid.clone(), row)).collect();
        let mut of_kind =
            |kind, rows: BTreeMap<String, &Value>, history: &History, fits: &dyn Fn(&Value, &Value) -> bool| {
                for (key, row) in &rows {
                    let newest =
                        history.states.get(key).and_then(|states| states.iter().rposition(|state| fits(row, state)));
                    let Some(newest) = newest else {
                        verdict.half_applied.push(format!("{kind} {key} is no state that the server had"));
                        continue;
                    };
                    let before = known.0.insert((kind, key.clone()), newest);
                    if before.is_some_and(|before| before > newest) {
                        verdict.lost.push(format!("{kind} {key} is as it was before"));
                    }
                }
                rows.into_keys().collect::<BTreeSet<_>>()
            };
        let calls = of_kind("call", calls, &self.calls, &|row, state| self.fits_call(row, state));
        let led = of_kind("lead", leads, &self.leads, &|row, state| self.fits_lead(row, state));
        let here =
            of_kind("appointment", appointments, &self.appointments, &|row, state| self.fits_appointment(row, state));
        for (kind, key) in known.0.keys() {
            // The command line leaves out appointments that are gone.
            let gone = match *kind {
                "call" => !calls.contains(key),
                "lead" => !led.contains(key),
                _ => !here.contains(key) && self.appointments.present.contains(key),
            };
            if gone {
                verdict.lost.push(format!("{kind} {key} was here"));
            }
        }
        self.judge_cursor(library, &mut verdict);
        verdict
    }

    /// What the cursor says was read is here.
    fn judge_cursor(&self, library: &Library, verdict: &mut Verdict) {
        let Some(cursor) = &library.cursor else { return };
        let arrived = self.calls.states.len().saturating_sub(self.first.len());
        let read = if cursor["complete"] == true {
            self.first.len()
        } else {
            let offset = cursor["offset"].as_u64().and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0);
            // Calls that arrived lie before those of the beginning.
            offset.saturating_sub(arrived)
        };
        for sid in self.first.iter().take(read).filter(|sid| self.calls.present.contains(*sid)) {
            if !library.calls.contains_key(sid) {
                verdict.lost.push(format!("call {sid} is not here, and the cursor has passed it"));
            }
        }
    }

    /// After undisturbed syncs: the library is what the server has, row by row. `deletions` are judged after two of
    /// them that read everything.
    pub(crate) fn judge_equal(&self, library: &Library, deletions: bool) -> Verdict {
        let mut verdict = Verdict::default();
        let by_id = |rows: &[Value]| rows.iter().map(|row| (row["id"].to_string(), row.clone())).collect();
        let leads: BTreeMap<String, Value> = by_id(&library.leads);
        let appointments: BTreeMap<String, Value> = by_id(&library.appointments);
        let mut compare =
            |kind, history: &History, here: &BTreeMap<String, Value>, fits: &dyn Fn(&Value, &Value) -> bool| {
                for key in &history.present {
                    match (here.get(key), history.now(key)) {
                        (None, _) => verdict.lost.push(format!("{kind} {key} is at the server and not here")),
                        (Some(row), Some(now)) if !fits(row, now) => {
                            verdict.lost.push(format!("{kind} {key} is not as the server has it"));
                        }
                        _ => {}
                    }
                }
            };
        let strict = |row: &Value, state: &Value| row["lead_id"] == state["lead_id"];
        compare("call", &self.calls, &library.calls, &|row, state| self.fits_call(row, state) && strict(row, state));
        compare("lead", &self.leads, &leads, &|row, state| self.fits_lead(row, state));
        compare("appointment", &self.appointments, &appointments, &|row, state| {
            let name = &row["calendar_name"];
            let calendar = self.calendars.now(&row["calendar_id"].to_string());
            // A deactivated one keeps the last name it was listed by, or has none.
            let named = match calendar {
                Some(calendar) if calendar["is_active"] == true => *name == calendar["name"],
                _ => true,
            };
            self.fits_appointment(row, state) && strict(row, state) && named
        });
        if deletions {
            for line in &library.listed {
                let there = line["sid"].as_str().is_some_and(|sid| self.calls.present.contains(sid));
                if line["removed_upstream"] == there {
                    verdict.lost.push(format!("call {}: removed_upstream is {there}", line["sid"]));
                }
            }
            for key in appointments.keys().filter(|key| !self.appointments.present.contains(*key)) {
                verdict.lost.push(format!("appointment {key} is gone at the server and still shown"));
            }
        }
        verdict
    }
}

fn unique<'a>(
    kind: &str,
    rows: impl Iterator<Item = (String, &'a Value)>,
    verdict: &mut Verdict,
) -> BTreeMap<String, &'a Value> {
    let mut found = BTreeMap::new();
    for (key, row) in rows {
        if found.insert(key.clone(), row).is_some() {
            verdict.duplicated.push(format!("{kind} {key} is here twice"));
        }
    }
    found
}
