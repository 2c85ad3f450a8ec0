//! Rows and cursor in one transaction. A row that is here just so is not written, nor is a cursor that stands.

use aftercall_domain::appointment::Appointment;
use aftercall_domain::calendar::Calendar;
use aftercall_domain::ids::{AppointmentId, CalendarId, LeadId};
use aftercall_domain::lead::Lead;
use rusqlite::{Connection, Transaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plan::{CallsCursor, Met, gone};
use super::report::{Counts, Refused};
use super::schedule::Kept;
use crate::store::table::calls::ListedCall;
use crate::store::table::{account, appointments, calendars, call_reads, calls, leads, sync_state, twilio};
use crate::store::{ChangeSet, Store, StoreError, Tag, Upserted};

pub(super) const CALLS: &str = "calls";
const SYNC: &str = "sync";
const REFUSED: &str = "refused";

/// Writes rows of one kind, and tells who listens when there is something to tell.
fn upsert_all<T>(
    conn: &Connection,
    changes: &mut ChangeSet,
    tag: Tag,
    rows: &[T],
    upsert: impl Fn(&Connection, &T) -> Result<Upserted, StoreError>,
) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    for row in rows {
        counts.count(upsert(conn, row)?);
    }
    if counts.added + counts.changed > 0 {
        changes.touch(tag);
    }
    Ok(counts)
}

pub(super) async fn calls_cursor(store: &Store) -> Result<CallsCursor, StoreError> {
    store.read(|conn| Ok(sync_state::get(conn, CALLS)?.unwrap_or_default())).await
}

/// What came of writing rows of calls.
pub(super) struct Written {
    pub counts: Counts,
    /// Places of the rows.
    pub list_keys: Vec<i64>,
}

/// Calls with the cursor that holds once they are here.
pub(super) async fn calls_batch(
    store: &Store,
    rows: Vec<ListedCall>,
    cursor: CallsCursor,
) -> Result<Written, StoreError> {
    let mut rows = rows;
    let is_load = rows.len() >= calls::LOAD_ROWS;
    let body = move |tx: &Transaction<'_>, changes: &mut ChangeSet| {
        twilio::complete(tx, changes, rows.iter_mut().map(|row| &mut row.call))?;
        let mut counts = Counts::default();
        let mut list_keys = Vec::with_capacity(rows.len());
        for (upserted, list_key) in calls::upsert_listed(tx, &rows)? {
            counts.count(upserted);
            list_keys.push(list_key);
        }
        if counts.added + counts.changed > 0 {
            changes.touch(Tag::Calls);
            // A call may mention a lead that nobody listed yet: its placeholder is new.
            changes.touch(Tag::Leads);
        }
        sync_state::set(tx, CALLS, &cursor)?;
        Ok(Written { counts, list_keys })
    };
    // Each call's lead is made sure of as it is written.
    if is_load { store.load(body).await } else { store.write(body).await }
}

pub(super) async fn leads_page(store: &Store, rows: Vec<Lead>) -> Result<Counts, StoreError> {
    store
        .write(move |tx, changes| {
            let counts = upsert_all(tx, changes, Tag::Leads, &rows, leads::upsert)?;
            if counts.added + counts.changed > 0 {
                changes.touch(Tag::Calls); // calls show the lead's name
            }
            Ok(counts)
        })
        .await
}

pub(super) async fn appointments_page(store: &Store, rows: Vec<Appointment>) -> Result<Counts, StoreError> {
    store.write(move |tx, changes| upsert_all(tx, changes, Tag::Appointments, &rows, appointments::upsert)).await
}

/// The list of calendars; `whole` says that every row of it could be read.
pub(super) async fn calendars_list(store: &Store, rows: Vec<Calendar>, whole: bool) -> Result<Counts, StoreError> {
    store
        .write(move |tx, changes| {
            let mut counts = upsert_all(tx, changes, Tag::Calendars, &rows, calendars::upsert)?;
            if whole {
                let listed: std::collections::BTreeSet<CalendarId> = rows.iter().map(|row| row.id).collect();
                counts.removed = calendars::keep_only(tx, &listed)?;
            }
            if counts.added + counts.changed + counts.removed > 0 {
                changes.touch(Tag::Calendars);
                changes.touch(Tag::Appointments); // they show the calendar's name
            }
            Ok(counts)
        })
        .await
}

/// Marks what two whole readings in a row did not meet; remembers what this one missed.
fn mark_gone<K>(
    conn: &Connection,
    feed: &str,
    here: Vec<K>,
    met: &Met,
    mark: impl Fn(&Connection, &K) -> Result<bool, StoreError>,
) -> Result<u64, StoreError>
where
    K: std::hash::Hash + Eq + Clone + Serialize + DeserializeOwned,
{
    let before: Option<Vec<K>> = sync_state::get(conn, feed)?;
    let (gone, missing) = gone(here, met, before.as_deref().unwrap_or_default());
    if before.is_some() || !missing.is_empty() {
        sync_state::set(conn, feed, &missing)?;
    }
    let mut removed = 0;
    for key in &gone {
        removed += u64::from(mark(conn, key)?);
    }
    Ok(removed)
}

/// After many calls were written: step by step, so that whoever else writes does not wait.
pub(super) async fn settle_load(store: &Store) -> Result<(), StoreError> {
    while store.write(|tx, _| calls::settle_load(tx)).await? {}
    Ok(())
}

/// Marks calls that two whole readings in a row did not meet, and remembers what this one missed: each with whether it
/// was missing before.
pub(super) async fn calls_gone(
    store: &Store,
    missing: Vec<(i64, bool)>,
    returned: Vec<i64>,
) -> Result<u64, StoreError> {
    store
        .write(move |tx, changes| {
            let (gone, missing): (Vec<_>, Vec<_>) = missing.into_iter().partition(|(_, before)| *before);
            let missing: Vec<i64> = missing.into_iter().map(|(list_key, _)| list_key).collect();
            call_reads::set_missed(tx, &missing, true)?;
            call_reads::set_missed(tx, &returned, false)?;
            let mut removed = 0;
            for (list_key, _) in gone {
                removed += u64::from(calls::mark_removed_at(tx, list_key)?);
            }
            if removed > 0 {
                changes.touch(Tag::Calls);
            }
            Ok(removed)
        })
        .await
}

pub(super) async fn leads_gone(store: &Store, met: Met) -> Result<u64, StoreError> {
    store
        .write(move |tx, changes| {
            let here: Vec<LeadId> = leads::present_ids(tx)?;
            let removed = mark_gone(tx, "leads_missing", here, &met, |conn, id| leads::mark_removed(conn, *id))?;
            if removed > 0 {
                changes.touch(Tag::Leads);
            }
            Ok(removed)
        })
        .await
}

pub(super) async fn appointments_gone(store: &Store, from_ms: i64, to_ms: i64, met: Met) -> Result<u64, StoreError> {
    store
        .write(move |tx, changes| {
            let here: Vec<AppointmentId> = appointments::ids_between(tx, from_ms, to_ms)?;
            let mark = |conn: &Connection, id: &AppointmentId| appointments::mark_removed(conn, *id);
            let removed = mark_gone(tx, "appointments_missing", here, &met, mark)?;
            if removed > 0 {
                changes.touch(Tag::Appointments);
            }
            Ok(removed)
        })
        .await
}

pub(super) async fn kept(store: &Store) -> Result<Kept, StoreError> {
    store.read(|conn| Ok(sync_state::get(conn, SYNC)?.unwrap_or_default())).await
}

pub(super) async fn keep(store: &Store, kept: Kept) -> Result<(), StoreError> {
    store.write(move |tx, _| sync_state::set(tx, SYNC, &kept)).await
}

pub(super) async fn refused(store: &Store) -> Result<Refused, StoreError> {
    store.read(|conn| Ok(sync_state::get(conn, REFUSED)?.unwrap_or_default())).await
}

/// What the role may not read, where that is news. Screens that say so are drawn again.
pub(super) async fn keep_refused(store: &Store, refused: Refused) -> Result<(), StoreError> {
    let before = self::refused(store).await?;
    if before == refused {
        return Ok(());
    }
    store
        .write(move |tx, changes| {
            changes.touch(Tag::Account);
            changes.touch(Tag::Appointments);
            sync_state::set(tx, REFUSED, &refused)
        })
        .await
}

/// The role as the server knows it now, where that is news.
pub(super) async fn keep_role(store: &Store, url: String, role: String) -> Result<(), StoreError> {
    let known = store.read(account::get).await?;
    if known.is_none_or(|known| known.url != url || known.role == role) {
        return Ok(());
    }
    store
        .write(move |tx, changes| {
            account::set_role(tx, &url, &role)?;
            changes.touch(Tag::Account);
            Ok(())
        })
        .await
}
