//! Twilio's side: who is signed in to it, what it says of calls and recordings, and what is to be asked of it again.
//!
//! Calls merge by sid. The CRM's row is the richer one (lead, summary, transcript): Twilio fills what it leaves empty.

use aftercall_domain::call::Call;
use aftercall_domain::ids::{CallSid, RecordingId, Source};
use aftercall_domain::recording::{Reason, RecordingState};
use aftercall_domain::standing::follows_source;
use rusqlite::{Connection, OptionalExtension as _};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{calls, json, recordings};
use crate::store::{ChangeSet, StoreError, Upserted};

/// The account at Twilio of this profile.
#[derive(Debug, Clone)]
pub struct TwilioAccount {
    /// The API's address: credentials are for this origin only.
    pub url: String,
    /// `AC…`.
    pub account: String,
    /// `SK…`, or the account's own sid where its token is used.
    pub user: String,
    /// The key's secret, or the token.
    pub secret: SecretString,
}

/// The account, if somebody signed in.
///
/// # Errors
/// SQLite's.
pub fn account(conn: &Connection) -> Result<Option<TwilioAccount>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT url, name, email, password FROM account WHERE source = 'twilio' AND password IS NOT NULL",
    )?;
    let found = statement.query_row([], |row| {
        Ok(TwilioAccount {
            url: row.get(0)?,
            account: row.get(1)?,
            user: row.get(2)?,
            secret: SecretString::from(row.get::<_, String>(3)?),
        })
    });
    Ok(found.optional()?)
}

/// Signs in: replaces whoever was.
///
/// # Errors
/// SQLite's.
pub fn put_account(conn: &Connection, account: &TwilioAccount) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO account (source, url, email, name, role, business, password)
         VALUES ('twilio', ?1, ?2, ?3, '', '', ?4)",
    )?
    .execute((&account.url, &account.user, &account.account, account.secret.expose_secret()))?;
    Ok(())
}

/// The private keys of encrypted recordings: `CR…` and PEM.
///
/// # Errors
/// SQLite's.
pub fn keys(conn: &Connection) -> Result<Vec<(String, SecretString)>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT key_sid, pem FROM twilio_keys ORDER BY key_sid")?;
    let keys = statement.query_map([], |row| Ok((row.get(0)?, SecretString::from(row.get::<_, String>(1)?))))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Keeps a private key, in place of an earlier one of that sid.
///
/// # Errors
/// SQLite's.
pub fn put_key(conn: &Connection, sid: &str, pem: &SecretString) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR REPLACE INTO twilio_keys (key_sid, pem) VALUES (?1, ?2)")?
        .execute((sid, pem.expose_secret()))?;
    Ok(())
}

fn said<T: for<'a> Deserialize<'a>>(conn: &Connection, sql: &str, sid: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = conn.prepare_cached(sql)?.query_row([sid], |row| row.get(0)).optional()?;
    // What another version wrote and this one cannot read is read from Twilio again.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn call_said(conn: &Connection, sid: &CallSid) -> Result<Option<Call>, StoreError> {
    said(conn, "SELECT said FROM twilio_calls WHERE call_sid = ?1", sid.as_str())
}

/// Writes what Twilio says of a call.
///
/// # Errors
/// SQLite's.
pub fn upsert_call(conn: &Connection, call: &Call) -> Result<Upserted, StoreError> {
    let before = call_said(conn, &call.sid)?;
    let here = calls::get(conn, &call.sid)?;
    if before.as_ref() == Some(call) && here.is_some() {
        return Ok(Upserted::Unchanged);
    }
    conn.prepare_cached("INSERT OR REPLACE INTO twilio_calls (call_sid, said) VALUES (?1, ?2)")?
        .execute((call.sid.as_str(), json(call)?))?;
    match here {
        Some(here) if here.source == Source::Crm => calls::upsert(conn, &here.renewed_by(before.as_ref(), call)),
        Some(here) => calls::upsert(conn, &Call { has_recording: here.has_recording, ..call.clone() }),
        None => calls::upsert(conn, call),
    }
}

/// Rows of the CRM with what Twilio knows and they leave empty. Costs one look where nobody signed in to Twilio.
///
/// # Errors
/// SQLite's.
pub fn complete<'a>(
    conn: &Connection,
    changes: &mut ChangeSet,
    rows: impl Iterator<Item = &'a mut Call>,
) -> Result<(), StoreError> {
    let any: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM twilio_calls) OR EXISTS (SELECT 1 FROM twilio_recordings)")?
        .query_row([], |row| row.get(0))?;
    if !any {
        return Ok(());
    }
    for row in rows {
        if let Some(said) = call_said(conn, &row.sid)? {
            row.fill_from(&said);
        }
        if !has_recording(conn, &row.sid)? {
            continue;
        }
        if row.has_recording {
            ensure_crm_recording(conn, changes, row)?;
        }
        row.has_recording = true;
    }
    Ok(())
}

/// Whether Twilio has a recording of the call, or had one that is here.
fn has_recording(conn: &Connection, call: &CallSid) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM recordings WHERE call_sid = ?1 AND id >= 'twilio:' AND id < 'twilio;'
             AND state <> 'unavailable')",
    )?;
    Ok(statement.query_row([call.as_str()], |row| row.get(0))?)
}

/// The CRM's recording of a call gets a row too, before Twilio's: where there is none, it is only thought of.
fn ensure_crm_recording(conn: &Connection, changes: &mut ChangeSet, call: &Call) -> Result<(), StoreError> {
    let id = RecordingId::crm(&call.sid);
    if recordings::get(conn, &id)?.is_none() {
        let outcome = aftercall_domain::call::Outcome::of(call.status.as_deref(), call.duration_s);
        let row = recordings::not_asked_for(&call.sid, outcome, true);
        let created_at_ms = call.started_at_ms.unwrap_or(1);
        recordings::put(conn, &recordings::RecordingRow { created_at_ms, ..row })?;
        changes.touch_recording(&id);
    }
    Ok(())
}

/// What Twilio says of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingSaid {
    /// `twilio:RE…`.
    pub id: RecordingId,
    /// The leg that Twilio names: the parent, where a call has two.
    pub call_sid: CallSid,
    /// Made, UTC.
    pub created_at_ms: Option<i64>,
    /// What follows from it for one that nobody asked for.
    pub state: RecordingState,
    /// Why.
    pub reason: Option<Reason>,
}

/// Those of `sids` that no call is known by.
///
/// # Errors
/// SQLite's.
pub fn unknown_calls(conn: &Connection, sids: &[CallSid]) -> Result<Vec<CallSid>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT 1 FROM call_log WHERE call_sid = ?1")?;
    let mut unknown = Vec::new();
    for sid in sids {
        if !statement.exists([sid.as_str()])? {
            unknown.push(sid.clone());
        }
    }
    unknown.sort();
    unknown.dedup();
    Ok(unknown)
}

/// The call that a recording is shown at: the leg that it was made on stands in no list where it only carried another.
fn shown_call(conn: &Connection, sid: &CallSid) -> Result<CallSid, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT child.call_sid FROM call_log leg JOIN call_log child ON child.parent_call_sid = leg.call_sid
         WHERE leg.call_sid = ?1 AND leg.listed = 0 AND child.listed = 1 AND child.call_sid <> leg.call_sid
         ORDER BY child.duration_s DESC, child.call_sid LIMIT 1",
    )?;
    let child: Option<String> = statement.query_row([sid.as_str()], |row| row.get(0)).optional()?;
    Ok(child.and_then(|child| child.parse().ok()).unwrap_or_else(|| sid.clone()))
}

/// Writes what Twilio says of a recording; its call must be known. What is stored, or on its way, stays as it is.
///
/// # Errors
/// SQLite's.
pub fn upsert_recording(
    conn: &Connection,
    changes: &mut ChangeSet,
    new: &RecordingSaid,
    now_ms: i64,
) -> Result<Upserted, StoreError> {
    let before: Option<RecordingSaid> =
        said(conn, "SELECT said FROM twilio_recordings WHERE recording_sid = ?1", new.id.sid())?;
    let shown = shown_call(conn, &new.call_sid)?;
    let here = recordings::get(conn, &new.id)?;
    if before.as_ref() == Some(new) && here.as_ref().is_some_and(|here| here.call_sid == shown) {
        return Ok(Upserted::Unchanged);
    }
    conn.prepare_cached("INSERT OR REPLACE INTO twilio_recordings (recording_sid, said) VALUES (?1, ?2)")?
        .execute((new.id.sid(), json(new)?))?;
    if let Some(call) = calls::get(conn, &shown)?
        && call.source == Source::Crm
        && call.has_recording
        && recordings::of_call(conn, &shown)?.is_empty()
    {
        // It is the CRM that says so: nothing of Twilio's was here.
        ensure_crm_recording(conn, changes, &call)?;
    }
    let result = if before.is_none() { Upserted::Added } else { Upserted::Changed };
    let mut row = here.unwrap_or_else(|| recordings::RecordingRow {
        id: new.id.clone(),
        created_at_ms: new.created_at_ms.unwrap_or(now_ms),
        ..recordings::not_asked_for(&shown, aftercall_domain::call::Outcome::Other, true)
    });
    row.call_sid = shown.clone();
    if follows_source(row.state, new.reason) {
        (row.state, row.reason) = (new.state, new.reason);
    }
    recordings::put(conn, &row)?;
    changes.touch_recording(&new.id);
    lend_recording(conn, &shown)?;
    Ok(result)
}

/// The call's row says that there is a recording. A CRM's row that says so itself is never told otherwise.
fn lend_recording(conn: &Connection, call: &CallSid) -> Result<(), StoreError> {
    let Some(here) = calls::get(conn, call)? else { return Ok(()) };
    let lent = has_recording(conn, call)?;
    let has_recording = match here.source {
        Source::Crm => here.has_recording || lent,
        Source::Twilio => lent,
    };
    if has_recording != here.has_recording {
        calls::upsert(conn, &Call { has_recording, ..here })?;
    }
    Ok(())
}

/// What is to be asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recheck {
    /// `CA…` or `RE…`.
    pub sid: String,
    /// When it was first met unfinished, UTC.
    pub since_ms: i64,
    /// How often it was asked for since.
    pub tries: u32,
}

/// Notes something unfinished; one that is noted already stays as it is.
///
/// # Errors
/// SQLite's.
pub fn recheck(conn: &Connection, sid: &str, now_ms: i64, next_at_ms: i64) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR IGNORE INTO twilio_rechecks (sid, since_ms, next_at_ms) VALUES (?1, ?2, ?3)")?
        .execute((sid, now_ms, next_at_ms))?;
    Ok(())
}

/// It was asked for and is still unfinished.
///
/// # Errors
/// SQLite's.
pub fn recheck_later(conn: &Connection, sid: &str, next_at_ms: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE twilio_rechecks SET tries = tries + 1, next_at_ms = ?2 WHERE sid = ?1")?
        .execute((sid, next_at_ms))?;
    Ok(())
}

/// It is finished, or given up.
///
/// # Errors
/// SQLite's.
pub fn recheck_done(conn: &Connection, sid: &str) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM twilio_rechecks WHERE sid = ?1")?.execute([sid])?;
    Ok(())
}

/// Those whose time has come, the longest waiting first.
///
/// # Errors
/// SQLite's.
pub fn rechecks_due(conn: &Connection, now_ms: i64, limit: u32) -> Result<Vec<Recheck>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT sid, since_ms, tries FROM twilio_rechecks WHERE next_at_ms <= ?1 ORDER BY next_at_ms, sid LIMIT ?2",
    )?;
    let due = statement.query_map((now_ms, limit), |row| {
        Ok(Recheck { sid: row.get(0)?, since_ms: row.get(1)?, tries: row.get(2)? })
    })?;
    Ok(due.collect::<Result<_, _>>()?)
}

/// When the next of them is due, UTC.
///
/// # Errors
/// SQLite's.
pub fn next_recheck_at_ms(conn: &Connection) -> Result<Option<i64>, StoreError> {
    Ok(conn.prepare_cached("SELECT min(next_at_ms) FROM twilio_rechecks")?.query_row([], |row| row.get(0))?)
}
