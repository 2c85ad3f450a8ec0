//! A folder, a key, a library and invented rows for a test.

use std::path::{Path, PathBuf};

use aftercall_domain::appointment::Appointment;
use aftercall_domain::call::{Call, Direction};
use aftercall_domain::clock::ManualClock;
use aftercall_domain::ids::{AppointmentId, CalendarId, CallSid, LeadId, Source};
use aftercall_domain::lead::Lead;
use aftercall_engine::secrets::{DbKey, KeyChoice, open_root_key};
use aftercall_engine::store::Store;
use rusqlite::Connection;
use tempfile::TempDir;

pub const V0001: &str = include_str!("../../../../migrations/V0001__schema_of_older_installations.sql");
pub const NOW_MS: i64 = 1_790_000_000_000;

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The key of a profile in that folder, made on the first call.
pub fn key(folder: &Path) -> DbKey {
    let choice = KeyChoice::File(folder.join("key"));
    open_root_key(folder, &choice).expect("a key").db_key()
}

pub fn open(folder: &Path) -> Store {
    Store::open(&folder.join("library.db"), &key(folder), &ManualClock::at(NOW_MS)).expect("a library")
}

#[expect(clippy::disallowed_methods, reason = "a stranger's connection, to make and to look at plain files")]
pub fn plain(path: &Path) -> Connection {
    Connection::open(path).expect("a plain database")
}

/// A plain file at V0001, without history, holding `appointments` appointments.
pub fn old_file(folder: &Path, appointments: i64) -> PathBuf {
    let path = folder.join("old.db");
    let conn = plain(&path);
    conn.execute_batch(V0001).expect("V0001");
    fill_old(&conn, appointments);
    path
}

pub fn fill_old(conn: &Connection, appointments: i64) {
    conn.execute_batch("BEGIN").expect("begin");
    for id in 1..=50 {
        conn.execute(
            "INSERT INTO leads (id, full_name, phone_e164, tags, last_contact_at_ms) VALUES (?1, ?2, ?3, '[\"חם\"]', ?4)",
            (id, format!("דנה לוי {id}"), format!("+97250555{:04}", 100 + id), NOW_MS - id * 1000),
        )
        .expect("a lead");
        conn.execute(
            "INSERT INTO call_log (call_sid, lead_id, direction, from_number, to_number, status, duration_s,
                 started_at_ms, summary, has_recording) VALUES (?1, ?2, 'inbound', ?3, '+97235550100', 'completed', 61, ?4, ?5, 1)",
            (format!("CA{id:032}"), id, format!("+97250555{:04}", 100 + id), NOW_MS - id * 60_000, "קבעו פגישה למחר"),
        )
        .expect("a call");
    }
    for id in 1..=appointments {
        conn.execute(
            "INSERT INTO appointments (id, lead_id, title, description, location, status, starts_at_ms, ends_at_ms,
                 contact_name, contact_phone, created_at_ms, updated_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, 'scheduled', ?6, ?7, ?8, '+972505550142', ?9, NULL)",
            rusqlite::params![
                id,
                (id % 3 != 0).then_some(id % 50 + 1),
                format!("פגישה {id} – \"ייעוץ\""),
                (id % 2 == 0).then_some("שורה\nשנייה"),
                (id % 5 == 0).then_some("רחוב הדוגמה 1"),
                NOW_MS + id * 1000,
                NOW_MS + id * 1000 + 1_800_000,
                (id % 7 == 0).then_some("נועה כהן"),
                NOW_MS - id,
            ],
        )
        .expect("an appointment");
    }
    conn.execute_batch("COMMIT").expect("commit");
}

pub fn sid(n: i64) -> CallSid {
    format!("CA{n:032}").parse().expect("a sid")
}

pub fn call(n: i64) -> Call {
    Call {
        sid: sid(n),
        parent_sid: None,
        source: Source::Crm,
        lead_id: None,
        direction: Direction::Inbound,
        from_number: Some("+972505550142".into()),
        to_number: Some("+97235550100".into()),
        status: Some("completed".into()),
        duration_s: Some(61),
        started_at_ms: Some(NOW_MS - n * 60_000),
        summary: None,
        transcript: None,
        has_recording: true,
    }
}

pub fn lead(id: i64, name: &str) -> Lead {
    Lead {
        id: LeadId(id),
        full_name: Some(name.into()),
        first_name: None,
        last_name: None,
        phone_e164: Some(format!("+97250555{:04}", 100 + id)),
        email: None,
        status: Some("new".into()),
        source: Some("phone".into()),
        owner_user_id: None,
        tags: vec!["חם".into()],
        summary: None,
        notes: None,
        created_at_ms: None,
        updated_at_ms: None,
        last_contact_at_ms: Some(NOW_MS - id * 1000),
    }
}

pub fn appointment(id: i64, lead: i64, calendar: Option<i64>) -> Appointment {
    Appointment {
        id: AppointmentId(id),
        lead_id: Some(LeadId(lead)),
        calendar_id: calendar.map(CalendarId),
        title: format!("פגישה {id}"),
        description: None,
        location: None,
        status: Some("scheduled".into()),
        starts_at_ms: NOW_MS + id * 3_600_000,
        ends_at_ms: NOW_MS + id * 3_600_000 + 1_800_000,
        contact_name: None,
        contact_phone: None,
        created_at_ms: None,
        updated_at_ms: None,
    }
}
