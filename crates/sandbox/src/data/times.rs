//! The CRM's two kinds of time: naive UTC for calls, leads and notes; Israel time with an offset for appointments.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const MINUTE_US: i64 = 60 * SECOND_US;
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// `2026-11-22T12:40:51.657102`, and without the fraction when it is zero, as Python's isoformat writes it.
pub(crate) fn naive_utc(us: i64) -> String {
    let civil = TimeZone::UTC.to_datetime(at(us));
    let whole = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    match us.rem_euclid(SECOND_US) {
        0 => whole,
        fraction => format!("{whole}.{fraction:06}"),
    }
}

/// The zone of everything that has an offset. Bundled, so it is there on every machine.
pub(crate) fn israel() -> TimeZone {
    TimeZone::get("Asia/Jerusalem").unwrap_or(TimeZone::UTC)
}

/// A wall-clock time in Israel with its offset.
pub(crate) fn with_offset(local: DateTime) -> String {
    match local.to_zoned(israel()) {
        Ok(zoned) => zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        Err(_) => local.to_string(),
    }
}

/// The wall-clock time in Israel at a moment.
pub(crate) fn local_at(us: i64) -> DateTime {
    israel().to_datetime(at(us))
}

/// Reads what clients send: with an offset it is converted to Israel time, without one it is taken as Israel time.
pub(crate) fn read_local(text: &str) -> Option<DateTime> {
    // A plus in a query is a space by the time it is here.
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(israel().to_datetime(moment));
    }
    read_dropping_offset(text)
}

/// Reads what clients send, with the offset thrown away: how the CRM stores an appointment.
pub(crate) fn read_dropping_offset(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let bare = text.trim_end_matches('Z');
    let bare = match bare.get(10..).and_then(|rest| rest.find(['+', '-', ' '])) {
        Some(offset_at) if bare.len() > 10 => &bare[..10 + offset_at],
        _ => bare,
    };
    bare.parse::<DateTime>()
        .ok()
        .or_else(|| bare.parse::<jiff::civil::Date>().ok().map(|date| date.to_datetime(jiff::civil::Time::midnight())))
}

pub(crate) fn at(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `local` moved by whole minutes.
pub(crate) fn plus_minutes(local: DateTime, minutes: i64) -> DateTime {
    local.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_naive_time_has_no_zone_and_drops_a_zero_fraction() {
        assert_eq!(naive_utc(1_795_358_170_000_000), "2026-11-22T14:36:10");
        assert_eq!(naive_utc(1_795_358_170_000_042), "2026-11-22T14:36:10.000042");
    }

    #[test]
    fn israel_time_carries_the_offset_of_its_season() {
        assert_eq!(with_offset(read_local("2027-01-10T10:00:00").unwrap()), "2027-01-10T10:00:00+02:00");
        assert_eq!(with_offset(read_local("2027-07-10T10:00:00Z").unwrap()), "2027-07-10T13:00:00+03:00");
        assert_eq!(with_offset(read_dropping_offset("2027-01-10T10:00:00Z").unwrap()), "2027-01-10T10:00:00+02:00");
        assert_eq!(read_dropping_offset("2027-01-10T10:00:00+05:00").unwrap().to_string(), "2027-01-10T10:00:00");
        assert_eq!(read_local("2027-01-10").unwrap().to_string(), "2027-01-10T00:00:00");
        assert!(read_local("yesterday").is_none());
    }
}
