//! Answers for people: aligned columns. Names and summaries stand last in their lines, because a terminal may turn
//! a line with Hebrew in it around, and a column after it would stand anywhere.

use std::fmt::Write as _;
use std::path::Path;

use aftercall_app::keys::{KeyPlace, KeyReport, RotatedReport};
use aftercall_app::report::{
    Activity, AppointmentLine, Appointments, Call, CallLine, Calls, CheckStatus, DatabaseReport, Diagnosis, Exported,
    FetchedAll, Lead, Leads, Note, PeaksReport, Played, SignedIn, SignedOut, StorageReport, Synced, TurnsReport,
    TwilioSignedIn, Verified,
};
use aftercall_domain::recording::{Reason, RecordingState};

use crate::run::shown;

/// Starts and ends a run of text whose direction is its own, so that a name does not turn its line around.
fn isolated(text: &str) -> String {
    format!("\u{2068}{text}\u{2069}")
}

/// Columns as wide as their widest cell; the last is left as it is.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            if column + 1 == row.len() {
                line.push_str(cell);
            } else {
                let pad = widths[column].saturating_sub(cell.chars().count());
                line.push_str(cell);
                line.push_str(&" ".repeat(pad + 2));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `logout`.
pub fn signed_out(signed_out: &SignedOut) -> String {
    if signed_out.wiped {
        "Signed out; the key is destroyed, the library and the recordings are removed".to_owned()
    } else {
        "Signed out; the library stays on this device".to_owned()
    }
}

/// `key show` and whatever moves it.
pub fn key(key: &KeyReport) -> String {
    let place = match key.place {
        None => "No key was made yet",
        Some(KeyPlace::Keychain) => "The key is in the keychain",
        Some(KeyPlace::File) => "The key is in a file: keep that on an encrypted disk",
        Some(KeyPlace::Passphrase) => "The key is sealed with a passphrase",
    };
    match key.leftovers {
        true => {
            format!("{place}; a copy of it lies where it was before, and is removed as soon as that can be reached")
        }
        false => place.to_owned(),
    }
}

/// `key rotate`.
pub fn rotated(rotated: &RotatedReport) -> String {
    format!("A new key is in place; the keys of {} recordings were wrapped anew", rotated.recordings)
}

fn head(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn state(state: RecordingState, reason: Option<Reason>) -> String {
    match reason {
        Some(reason) => format!("{} ({})", state.as_str(), reason.as_str()),
        None => state.as_str().to_owned(),
    }
}

fn clock(ms: i64) -> String {
    let s = ms / 1000;
    format!("{}:{:02}.{:03}", s / 60, s % 60, ms % 1000)
}

fn of_total(shown: usize, total: u64, capped: bool, next: Option<&str>) -> String {
    let total = if capped { format!("{total}+") } else { total.to_string() };
    match next {
        Some(next) => format!("{shown} of {total}; more with --cursor {next}\n"),
        None => format!("{shown} of {total}\n"),
    }
}

fn call_rows(calls: &[CallLine]) -> Vec<Vec<String>> {
    let mut rows = vec![head(&["started", "direction", "from", "to", "s", "status", "recording", "sid", "lead"])];
    rows.extend(calls.iter().map(|call| {
        vec![
            or_dash(call.started_at.as_deref()),
            call.direction.as_str().to_owned(),
            or_dash(call.from.as_deref()),
            or_dash(call.to.as_deref()),
            call.duration_s.map_or_else(|| "-".to_owned(), |s| s.to_string()),
            or_dash(call.status.as_deref()),
            state(call.recording.state, call.recording.reason),
            call.sid.clone(),
            call.lead_name.as_deref().map_or_else(|| "-".to_owned(), isolated),
        ]
    }));
    rows
}

fn appointment_rows(appointments: &[AppointmentLine]) -> Vec<Vec<String>> {
    let mut rows = vec![head(&["starts", "ends", "status", "id", "what"])];
    rows.extend(appointments.iter().map(|appointment| {
        let calendar = appointment.calendar_name.as_deref().map(isolated);
        let what = isolated(&appointment.title);
        vec![
            appointment.starts_at.clone(),
            appointment.ends_at.clone(),
            or_dash(appointment.status.as_deref()),
            appointment.id.to_string(),
            calendar.map_or_else(|| what.clone(), |calendar| format!("{what} · {calendar}")),
        ]
    }));
    rows
}

pub fn signed_in(signed_in: &SignedIn) -> String {
    format!("Signed in as {} ({}), {}", isolated(&signed_in.user), signed_in.role, isolated(&signed_in.business))
}

pub fn signed_in_to_twilio(signed_in: &TwilioSignedIn) -> String {
    format!("Signed in to Twilio, account {}", signed_in.account)
}

pub fn synced(synced: &Synced) -> String {
    let mut rows = vec![head(&["", "seen", "added", "changed", "unchanged", "removed", "rejected"])];
    for (name, feed) in [
        ("calls", synced.calls),
        ("leads", synced.leads),
        ("appointments", synced.appointments),
        ("calendars", synced.calendars),
    ] {
        let counts = [feed.seen, feed.added, feed.changed, feed.unchanged, feed.removed, feed.rejected];
        rows.push(std::iter::once(name.to_owned()).chain(counts.iter().map(u64::to_string)).collect());
    }
    format!("{}{} requests in {} ms", table(&rows), synced.requests, synced.duration_ms)
}

pub fn calls(calls: &Calls) -> String {
    let count = of_total(calls.calls.len(), calls.total, calls.total_capped, calls.next_cursor.as_deref());
    table(&call_rows(&calls.calls)) + &count
}

pub fn call(call: &Call) -> String {
    let mut text = table(&call_rows(std::slice::from_ref(&call.line)));
    for recording in &call.recordings {
        let _ = write!(text, "{}: {}", recording.id, state(recording.state, recording.reason));
        if let (Some(duration_ms), Some(codec)) = (recording.duration_ms, recording.codec.as_deref()) {
            let _ = write!(text, ", {} of {codec}", clock(duration_ms));
        }
        text.push('\n');
    }
    let heard = if call.heard { "heard" } else { "not heard" };
    let _ = writeln!(text, "{heard}, at {}", clock(call.position_ms));
    for mark in &call.marks {
        let _ = writeln!(text, "{} {}", clock(mark.at_ms), isolated(&mark.text.replace('\n', " ")));
    }
    for words in [&call.line.summary, &call.transcript].into_iter().flatten() {
        let _ = writeln!(text, "\n{}", isolated(words));
    }
    text
}

pub fn leads(leads: &Leads) -> String {
    let mut rows = vec![head(&["last contact", "status", "phone", "calls", "unheard", "id", "name"])];
    rows.extend(leads.leads.iter().map(|lead| {
        vec![
            or_dash(lead.facts.last_contact_at.as_deref()),
            or_dash(lead.facts.status.as_deref()),
            or_dash(lead.facts.phone.as_deref()),
            lead.calls.to_string(),
            lead.facts.unheard.to_string(),
            lead.facts.id.to_string(),
            lead.facts.name.as_deref().map_or_else(|| "-".to_owned(), isolated),
        ]
    }));
    let count = of_total(leads.leads.len(), leads.total, leads.total_capped, leads.next_cursor.as_deref());
    table(&rows) + &count
}

pub fn lead(lead: &Lead) -> String {
    let facts = &lead.facts;
    let name = facts.name.as_deref().map_or_else(|| "-".to_owned(), isolated);
    let mut text = format!(
        "{} · {} · {} · {}\n",
        facts.id,
        or_dash(facts.phone.as_deref()),
        or_dash(facts.status.as_deref()),
        name
    );
    if let Some(summary) = &lead.summary {
        let _ = writeln!(text, "{}", isolated(summary));
    }
    if let Some(next) = &lead.next_appointment {
        let _ = writeln!(text, "next: {} {}", next.starts_at, isolated(&next.title));
    }
    text.push('\n');
    text.push_str(&table(&call_rows(&lead.calls)));
    if !lead.appointments.is_empty() {
        text.push('\n');
        text.push_str(&table(&appointment_rows(&lead.appointments)));
    }
    if !lead.notes.is_empty() {
        text.push('\n');
        text.push_str(&table(&note_rows(&lead.notes)));
    }
    if !lead.activity.is_empty() {
        text.push('\n');
        let row = |one: &Activity| vec![one.at.clone(), one.r#type.clone(), isolated(&one.text)];
        text.push_str(&table(&lead.activity.iter().map(row).collect::<Vec<_>>()));
    }
    text
}

/// A note in one line; what is not sent yet says so.
fn note_rows(notes: &[Note]) -> Vec<Vec<String>> {
    let row = |note: &Note| {
        let state = if note.pending { "not sent yet" } else { "note" };
        vec![note.created_at.clone(), state.to_owned(), isolated(&note.text.replace('\n', " "))]
    };
    notes.iter().map(row).collect()
}

pub fn appointments(appointments: &Appointments) -> String {
    table(&appointment_rows(&appointments.appointments))
}

pub fn fetched(fetched: &FetchedAll) -> String {
    let mut rows = vec![head(&["sid", "state", "bytes", "length", "codec"])];
    rows.extend(fetched.recordings.iter().map(|one| {
        vec![
            one.sid.clone(),
            state(one.state, one.reason),
            one.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
            one.duration_ms.map_or_else(|| "-".to_owned(), clock),
            or_dash(one.codec.as_deref()),
        ]
    }));
    table(&rows)
}

pub fn rendered(rendered: &Played, out: &Path) -> String {
    format!("{}: {}", shown(out), played(rendered))
}

pub fn played(played: &Played) -> String {
    let skipped = match played.skipped_ms {
        0 => String::new(),
        skipped_ms => format!(", {} of silence left out", clock(skipped_ms)),
    };
    format!("{} of {} heard{skipped}", clock(played.output_ms), clock(played.media_ms))
}

pub fn exported(exported: &Exported, out: &Path) -> String {
    format!("{}: {} bytes, sha256 {}", shown(out), exported.bytes, exported.sha256)
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        10_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

pub fn storage(storage: &StorageReport) -> String {
    let cap = storage.cap_bytes.map_or_else(|| "no limit".to_owned(), |cap| format!("of {}", size(cap)));
    let mut text = format!(
        "{} {cap}; {} recordings on this device, {} of them pinned\n",
        size(storage.used_bytes),
        storage.on_device,
        storage.pinned
    );
    if !storage.next_out.is_empty() {
        let _ = writeln!(text, "make room next: {}", storage.next_out.join(" "));
    }
    text
}

pub fn verified(verified: &Verified) -> String {
    let Verified { checked, damaged, requeued } = verified;
    format!("{checked} recordings read; {damaged} damaged, {requeued} of them asked for again")
}

pub fn turns(turns: &TurnsReport) -> String {
    let mut rows = vec![head(&["channel", "from", "to"])];
    rows.extend(
        turns.turns.iter().map(|turn| vec![turn.channel.to_string(), clock(turn.start_ms), clock(turn.end_ms)]),
    );
    let talk: Vec<String> = turns.talk_ms.iter().copied().map(clock).collect();
    format!(
        "{}{} in all; speech {}; silence {}; both at once {}",
        table(&rows),
        clock(turns.duration_ms),
        talk.join(" and "),
        clock(turns.silence_ms),
        clock(turns.overlap_ms)
    )
}

pub fn peaks(peaks: &PeaksReport) -> String {
    let buckets = peaks.buckets.first().map_or(0, Vec::len);
    format!("{} channels of {buckets} buckets over {}; --json for the values", peaks.channels, clock(peaks.duration_ms))
}

pub fn database(report: &DatabaseReport) -> String {
    let mut text = format!("schema {} → {}\n", report.from_version, report.to_version);
    for name in &report.applied {
        let _ = writeln!(text, "applied {name}");
    }
    if let Some(backup) = &report.backup {
        let _ = writeln!(text, "copy made before: {backup}");
    }
    text.push_str(&table(
        &report.rows.iter().map(|(name, rows)| vec![name.clone(), rows.to_string()]).collect::<Vec<_>>(),
    ));
    text
}

pub fn diagnosis(diagnosis: &Diagnosis) -> String {
    let rows: Vec<_> = diagnosis
        .checks
        .iter()
        .map(|check| {
            let word = match check.status {
                CheckStatus::Ok => "ok",
                CheckStatus::Warn => "warn",
                CheckStatus::Fail => "FAIL",
            };
            let fix = check.fix.as_deref().map(|fix| format!(" → {fix}")).unwrap_or_default();
            vec![word.to_owned(), check.id.to_owned(), format!("{}{fix}", check.cause)]
        })
        .collect();
    table(&rows)
}
