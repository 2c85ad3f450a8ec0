//! What is fetched without anybody having asked for it one by one: the calls of the next appointments, and the newest
//! calls. A rule goes last in the queue, asks for each recording once, and never brings back what made room.

use std::collections::BTreeSet;
use std::time::Duration;

use aftercall_domain::ids::{AppointmentId, RecordingId};
use aftercall_domain::recording::RecordingState as State;
use aftercall_domain::zone;
use aftercall_engine::store::table::appointments::{self, AppointmentsFilter};
use aftercall_engine::store::table::{Span, calls, kept_lists, profile};
use aftercall_engine::store::{Connection, StoreError, Tag};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

use crate::errors::AppError;
use crate::settings;
use crate::start::App;

const RULES: &str = "rules";
/// Appointments whose calls were asked for already.
const PREPARED: &str = "rules.prepared";
/// The rules are looked at this often, and after each change of them.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Calls of a lead that are brought for an appointment.
const OF_LEAD: u32 = 10;
/// Newest calls that are looked at in one look.
const NEWEST: u32 = 200;
/// What waits already: above it, the newest calls wait for the next look.
const WAITING_MAX: u64 = 40;
const DAY_MS: i64 = 86_400_000;
/// A rule of the newest calls goes back so far at most.
const DAYS_MAX: u32 = 365;

/// What is fetched by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Rules {
    /// The calls of the leads that today's and tomorrow's appointments are with.
    pub appointments: bool,
    /// Calls of so many days; null for none.
    pub recent_days: Option<u32>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { appointments: true, recent_days: None }
    }
}

impl App {
    pub(crate) async fn rules(&self) -> Result<Rules, AppError> {
        Ok(self.store().read(|conn| profile::get(conn, RULES)).await?.unwrap_or_default())
    }

    pub(crate) async fn set_rules(&self, rules: Rules) -> Result<Rules, AppError> {
        if rules.recent_days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
            return Err(AppError::InvalidInput("a day to a year"));
        }
        let set = self.store().write(move |tx, changes| {
            profile::set(tx, RULES, &rules)?;
            changes.touch(Tag::Settings);
            Ok(())
        });
        set.await?;
        self.follow_rules().await?;
        Ok(rules)
    }

    /// Asks for what the rules want and nobody has asked for.
    pub(crate) async fn follow_rules(&self) -> Result<(), AppError> {
        if !self.downloads()?.is_running() {
            return Ok(());
        }
        let rules = self.rules().await?;
        if rules.appointments {
            self.prepare_appointments().await?;
        }
        if let Some(days) = rules.recent_days {
            let from_ms = self.clock().now_ms() - i64::from(days) * DAY_MS;
            let wanted = self.store().read(move |conn| newest(conn, from_ms)).await?;
            self.want_quietly(&wanted).await?;
        }
        Ok(())
    }

    async fn prepare_appointments(&self) -> Result<(), AppError> {
        let now_ms = self.clock().now_ms();
        let time_zone = settings::read(self.store()).await?.time_zone;
        let until_ms = zone::day_after(now_ms, 2, &time_zone).unwrap_or(now_ms + 2 * DAY_MS);
        let due = self.store().read(move |conn| due(conn, now_ms, until_ms)).await?;
        if due.is_empty() {
            return Ok(());
        }
        for (_, wanted) in &due {
            self.want_quietly(wanted).await?;
        }
        let done: Vec<i64> = due.iter().map(|(id, _)| id.0).collect();
        let remembered = self.store().write(move |tx, _| {
            let known: BTreeSet<i64> = profile::get(tx, PREPARED)?.unwrap_or_default();
            // What is over needs no remembering: it is never due again.
            let mut coming = BTreeSet::new();
            let filter = AppointmentsFilter { from_ms: Some(now_ms), ..AppointmentsFilter::default() };
            for listing in appointments::list(tx, &filter)? {
                coming.insert(listing.appointment.id.0);
            }
            let kept: BTreeSet<i64> = known.into_iter().chain(done).filter(|id| coming.contains(id)).collect();
            profile::set(tx, PREPARED, &kept)
        });
        Ok(remembered.await?)
    }

    async fn want_quietly(&self, wanted: &[RecordingId]) -> Result<(), AppError> {
        for id in wanted {
            match self.downloads()?.want_by_rule(id).await {
                Ok(()) => {}
                // One that cannot be asked for now must not keep the others.
                Err(error) => tracing::debug!(code = error.code().as_str(), "a rule's wish was not taken"),
            }
        }
        Ok(())
    }
}

/// The next appointments that were not prepared for, with the recordings that are missing here.
fn due(conn: &Connection, now_ms: i64, until_ms: i64) -> Result<Vec<(AppointmentId, Vec<RecordingId>)>, StoreError> {
    let prepared: BTreeSet<i64> = profile::get(conn, PREPARED)?.unwrap_or_default();
    let filter = AppointmentsFilter { from_ms: Some(now_ms), to_ms: Some(until_ms), calendar: None };
    let mut due = Vec::new();
    for listing in appointments::list(conn, &filter)? {
        let appointment = &listing.appointment;
        let Some(lead) = appointment.lead_id.filter(|_| !prepared.contains(&appointment.id.0)) else { continue };
        let of_lead = calls::CallsFilter { lead: Some(lead), view: calls::CallView::Recorded, ..Default::default() };
        let missing = calls::list(conn, &of_lead, Span::From(0), OF_LEAD)?.rows.into_iter();
        // What made room for others is brought back here: somebody is about to need it.
        let missing = missing.filter(|row| matches!(row.recording.state, State::ReadyOnline | State::Evicted));
        due.push((appointment.id, missing.map(|row| row.recording.id).collect()));
    }
    Ok(due)
}

/// The newest recordings that nobody has asked for, the newest first. What made room is not asked for again: it would
/// push out the next, for ever.
fn newest(conn: &Connection, from_ms: i64) -> Result<Vec<RecordingId>, StoreError> {
    let (waiting, _) = kept_lists::list(conn, kept_lists::KeptList::Arriving, 0, 0)?;
    let room = usize::try_from(WAITING_MAX.saturating_sub(waiting)).unwrap_or(0);
    let filter =
        calls::CallsFilter { view: calls::CallView::Recorded, from_ms: Some(from_ms), ..calls::CallsFilter::default() };
    let mut wanted = Vec::new();
    let mut after = None;
    while wanted.len() < room {
        let page = calls::list(conn, &filter, Span::After(after), NEWEST)?;
        let missing = page.rows.into_iter().filter(|row| row.recording.state == State::ReadyOnline);
        wanted.extend(missing.map(|row| row.recording.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    wanted.truncate(room);
    Ok(wanted)
}

/// Looks at the rules for as long as the window is open.
pub(crate) async fn keep(app: App, stop: CancellationToken) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if let Err(error) = app.follow_rules().await {
            tracing::warn!(code = error.code().as_str(), "the rules could not be followed");
        }
    }
}
