//! Appointments.

use aftercall_domain::appointment::Appointment;
use aftercall_domain::ids::{AppointmentId, CalendarId, LeadId};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql};

use super::{calendars, leads};
use crate::store::StoreError;
use crate::store::row_hash::{self, Kind, Upserted};

/// An appointment with the name of its calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppointmentListing {
    /// The appointment.
    pub appointment: Appointment,
    /// Null where the role may not see it.
    pub calendar_name: Option<String>,
    /// The CRM does not list it any more.
    pub removed_upstream: bool,
}

/// Which appointments. Empty means all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AppointmentsFilter {
    /// Starting then or later.
    pub from_ms: Option<i64>,
    /// Starting earlier than this.
    pub to_ms: Option<i64>,
    /// In this calendar.
    pub calendar: Option<CalendarId>,
}

const COLUMNS: &str = "a.id, a.lead_id, a.calendar_id, a.title, a.description, a.location, a.status, a.starts_at_ms,
    a.ends_at_ms, a.contact_name, a.contact_phone, a.created_at_ms, a.updated_at_ms, c.name, a.removed_upstream
    FROM appointments a LEFT JOIN business_calendars c ON c.id = a.calendar_id";

fn listing(row: &Row<'_>) -> rusqlite::Result<AppointmentListing> {
    Ok(AppointmentListing {
        appointment: Appointment {
            id: AppointmentId(row.get(0)?),
            lead_id: row.get::<_, Option<i64>>(1)?.map(LeadId),
            calendar_id: row.get::<_, Option<i64>>(2)?.map(CalendarId),
            title: row.get(3)?,
            description: row.get(4)?,
            location: row.get(5)?,
            status: row.get(6)?,
            starts_at_ms: row.get(7)?,
            ends_at_ms: row.get(8)?,
            contact_name: row.get(9)?,
            contact_phone: row.get(10)?,
            created_at_ms: row.get(11)?,
            updated_at_ms: row.get(12)?,
        },
        calendar_name: row.get(13)?,
        removed_upstream: row.get(14)?,
    })
}

/// Writes one appointment; makes placeholders for a lead or a calendar that nobody listed yet.
///
/// # Errors
/// SQLite's.
pub fn upsert(conn: &Connection, appointment: &Appointment) -> Result<Upserted, StoreError> {
    let key = appointment.id.to_string();
    let hash = row_hash::of(appointment)?;
    if row_hash::known(conn, Kind::Appointment, &key)? == Some(hash) {
        return Ok(Upserted::Unchanged);
    }
    if let Some(lead) = appointment.lead_id {
        leads::ensure(conn, lead)?;
    }
    if let Some(calendar) = appointment.calendar_id {
        calendars::ensure(conn, calendar)?;
    }
    let was = get(conn, appointment.id)?;
    conn.prepare_cached(
        "INSERT INTO appointments (id, lead_id, calendar_id, title, description, location, status, starts_at_ms,
             ends_at_ms, contact_name, contact_phone, created_at_ms, updated_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (id) DO UPDATE SET lead_id = excluded.lead_id, calendar_id = excluded.calendar_id,
             title = excluded.title, description = excluded.description, location = excluded.location,
             status = excluded.status, starts_at_ms = excluded.starts_at_ms, ends_at_ms = excluded.ends_at_ms,
             contact_name = excluded.contact_name, contact_phone = excluded.contact_phone,
             created_at_ms = excluded.created_at_ms, updated_at_ms = excluded.updated_at_ms, removed_upstream = 0",
    )?
    .execute(rusqlite::params![
        appointment.id.0,
        appointment.lead_id.map(|id| id.0),
        appointment.calendar_id.map(|id| id.0),
        appointment.title,
        appointment.description,
        appointment.location,
        appointment.status,
        appointment.starts_at_ms,
        appointment.ends_at_ms,
        appointment.contact_name,
        appointment.contact_phone,
        appointment.created_at_ms,
        appointment.updated_at_ms,
    ])?;
    row_hash::remember(conn, Kind::Appointment, &key, hash)?;
    Ok(match was {
        None => Upserted::Added,
        // An older installation wrote it, without a hash.
        Some(was) if was.appointment == *appointment && !was.removed_upstream => Upserted::Unchanged,
        Some(_) => Upserted::Changed,
    })
}

/// Keeps the row and says that the CRM does not list it any more. Returns whether that is new.
///
/// # Errors
/// SQLite's.
pub fn mark_removed(conn: &Connection, id: AppointmentId) -> Result<bool, StoreError> {
    row_hash::forget(conn, Kind::Appointment, &id.to_string())?;
    let mut statement =
        conn.prepare_cached("UPDATE appointments SET removed_upstream = 1 WHERE id = ?1 AND removed_upstream = 0")?;
    Ok(statement.execute([id.0])? > 0)
}

/// Ids of those that lie wholly in `from_ms..=to_ms` and that the CRM listed when last asked.
///
/// # Errors
/// SQLite's.
pub fn ids_between(conn: &Connection, from_ms: i64, to_ms: i64) -> Result<Vec<AppointmentId>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM appointments WHERE starts_at_ms >= ?1 AND starts_at_ms < ?2 AND ends_at_ms <= ?2
             AND removed_upstream = 0",
    )?;
    let rows = statement.query_map([from_ms, to_ms], |row| row.get(0).map(AppointmentId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One appointment.
///
/// # Errors
/// SQLite's.
pub fn get(conn: &Connection, id: AppointmentId) -> Result<Option<AppointmentListing>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE a.id = ?1"))?;
    Ok(statement.query_row([id.0], listing).optional()?)
}

/// Those that match and still exist, by start.
///
/// # Errors
/// SQLite's.
pub fn list(conn: &Connection, filter: &AppointmentsFilter) -> Result<Vec<AppointmentListing>, StoreError> {
    let mut sql = format!("SELECT {COLUMNS} WHERE a.removed_upstream = 0");
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let calendar = filter.calendar.map(|id| id.0);
    for (value, condition) in [
        (filter.from_ms, " AND a.starts_at_ms >= ?"),
        (filter.to_ms, " AND a.starts_at_ms < ?"),
        (calendar, " AND a.calendar_id = ?"),
    ] {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(Box::new(value));
        }
    }
    sql.push_str(" ORDER BY a.starts_at_ms, a.id");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), listing)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A lead's, latest first.
///
/// # Errors
/// SQLite's.
pub fn of_lead(conn: &Connection, lead: LeadId) -> Result<Vec<AppointmentListing>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE a.lead_id = ?1 AND a.removed_upstream = 0 ORDER BY a.starts_at_ms DESC, a.id DESC"
    ))?;
    let rows = statement.query_map([lead.0], listing)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A lead's next one: not over at `now_ms`, not cancelled, completed or missed.
///
/// # Errors
/// SQLite's.
pub fn next_of_lead(conn: &Connection, lead: LeadId, now_ms: i64) -> Result<Option<AppointmentListing>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE a.lead_id = ?1 AND a.removed_upstream = 0 AND a.ends_at_ms >= ?2
           AND lower(coalesce(a.status, '')) NOT IN ('cancelled', 'canceled', 'completed', 'no_show')
         ORDER BY a.starts_at_ms, a.id LIMIT 1"
    ))?;
    Ok(statement.query_row([lead.0, now_ms], listing).optional()?)
}
