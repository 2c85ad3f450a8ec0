//! Calendars and appointments: few enough to be held, because clients change them.

use super::calls::CallLog;
use super::times::{local_at, plus_minutes};
use super::{mix, pick};
use jiff::ToSpan;
use jiff::civil::{DateTime, Weekday};

/// A row of `business_calendars`.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    pub id: u64,
    pub name: String,
    pub type_key: Option<&'static str>,
    pub is_active: bool,
    pub priority: i64,
    pub default_duration_minutes: i64,
    pub buffer_before_minutes: i64,
    pub buffer_after_minutes: i64,
    pub allowed_tags: Vec<String>,
    pub created_us: i64,
    pub updated_us: i64,
}

/// A row of `appointments`. Start and end are wall-clock times in Israel.
#[derive(Debug, Clone)]
pub(crate) struct Appointment {
    pub id: u64,
    pub lead_id: Option<u64>,
    pub calendar_id: Option<u64>,
    pub title: String,
    pub description: Option<String>,
    pub location: Option<String>,
    pub notes: Option<String>,
    pub contact_name: Option<String>,
    pub contact_phone: Option<String>,
    pub call_summary: Option<String>,
    pub status: String,
    pub kind: String,
    pub priority: &'static str,
    pub source: &'static str,
    pub auto_generated: Option<bool>,
    pub follow_up_needed: Option<bool>,
    pub starts: DateTime,
    pub ends: DateTime,
    pub created_us: i64,
    pub updated_us: i64,
}

/// The third is deactivated: appointments still point at it, the list no longer shows it.
pub(crate) fn calendars(anchor_us: i64) -> Vec<Calendar> {
    let made = anchor_us - 200 * super::times::DAY_US;
    [
        (1, "פגישות ייעוץ", "meetings", true, 10, 60, 0, 15, vec!["פגישה", "ייעוץ"]),
        (2, "עבודות בשטח", "field", true, 5, 120, 30, 30, vec!["התקנה", "תיקון"]),
        (3, "יומן של רן (לא פעיל)", "personal", false, 1, 45, 0, 0, vec![]),
        (4, "שיחות טלפון ומעקב", "phone", true, 5, 30, 0, 0, vec!["מעקב"]),
    ]
    .into_iter()
    .map(|(id, name, type_key, is_active, priority, minutes, before, after, tags)| Calendar {
        id,
        name: name.to_owned(),
        type_key: Some(type_key),
        is_active,
        priority,
        default_duration_minutes: minutes,
        buffer_before_minutes: before,
        buffer_after_minutes: after,
        allowed_tags: tags.into_iter().map(str::to_owned).collect(),
        created_us: made + id as i64,
        updated_us: made + id as i64 * 2,
    })
    .collect()
}

/// Appointments around now: the people of the newest calls have one ahead of them.
pub(crate) fn appointments(seed: u64, anchor_us: i64, log: &CallLog) -> Vec<Appointment> {
    let leads = log.leads();
    let count = if leads.count == 0 { 0 } else { (leads.count * 3 / 4).clamp(4, 2_000) };
    let today = local_at(anchor_us).date();
    let mut taken = std::collections::BTreeSet::new();
    (0..count)
        .map(|index| {
            let roll = mix(seed, 30, index);
            // The first ones are of people who called today, and lie ahead.
            let caller = (index < 24 && index < log.rows()).then(|| log.lead_of(index)).flatten();
            let lead_id = match caller {
                Some(id) => Some(id),
                None if roll.is_multiple_of(9) => None,
                None => Some(1 + roll % leads.count),
            };
            let lead = lead_id.and_then(|id| leads.get(id));
            let subject = leads.subject(lead_id.unwrap_or(roll));
            let days = match index {
                0..24 => 1 + (roll >> 4) % 13,
                _ => (roll >> 4) % 60,
            } as i64;
            let days = if index < 24 { days } else { days - 40 };
            let calendar_id = [Some(1), Some(2), Some(4), Some(1), None, Some(3), Some(2)][(roll >> 12) as usize % 7];
            let half_hours = 16 + (roll >> 20) % 20;
            let date = match today.checked_add(days.days()).unwrap_or(today) {
                // Nobody visits on a Saturday.
                date if date.weekday() == Weekday::Saturday => date.tomorrow().unwrap_or(date),
                date => date,
            };
            let mut starts = plus_minutes(date.to_datetime(jiff::civil::Time::midnight()), half_hours as i64 * 30);
            while !taken.insert((calendar_id, starts)) {
                starts = plus_minutes(starts, 30);
            }
            let minutes = [30, 60, 60, 90, 120][(roll >> 26) as usize % 5];
            let past = starts < local_at(anchor_us);
            let status = if past {
                pick(&["completed", "completed", "no_show", "cancelled", "paid"], roll >> 30)
            } else {
                pick(&["scheduled", "confirmed", "confirmed"], roll >> 30)
            };
            let made = anchor_us - (1 + (roll >> 33) as i64 % 20) * super::times::DAY_US - index as i64 * 1_003;
            Appointment {
                id: index + 1,
                lead_id,
                calendar_id,
                title: pick(subject.visits, roll >> 36).to_owned(),
                description: (roll & 16 != 0).then(|| "להביא קטלוג ודוגמאות צבע".to_owned()),
                location: (roll & 32 != 0).then(|| pick(super::phrases::CITIES, roll >> 8).to_owned()),
                notes: None,
                contact_name: lead.as_ref().map(super::leads::Lead::full_name).or(Some("לקוח מזדמן".to_owned())),
                contact_phone: lead.as_ref().and_then(|lead| lead.phone.clone()),
                call_summary: lead.as_ref().and_then(|lead| lead.summary.clone()),
                status: status.to_owned(),
                kind: pick(&["meeting", "appointment", "consultation"], roll >> 40).to_owned(),
                priority: pick(&["low", "medium", "medium", "high"], roll >> 42),
                source: pick(&["manual", "whatsapp", "phone_call"], roll >> 44),
                auto_generated: [Some(true), Some(false), None][(roll >> 46) as usize % 3],
                follow_up_needed: [Some(false), None][(roll >> 48) as usize % 2],
                starts,
                ends: plus_minutes(starts, minutes),
                created_us: made,
                updated_us: made + 7,
            }
        })
        .collect()
}
