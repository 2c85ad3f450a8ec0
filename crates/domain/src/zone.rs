//! Reading the sources' times. Each field is read as its contract says; inside, everything is UTC milliseconds.
//! `jiff` carries the zone database, so that a laptop without one (Windows) reads the same times.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The zone of the company and the default zone of the screens.
pub const ISRAEL: &str = "Asia/Jerusalem";

/// The text is not a time of the promised form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the promised form")]
pub struct InvalidTime;

fn civil(text: &str) -> Result<DateTime, InvalidTime> {
    // A zone where none was promised must not be dropped in silence: `DateTime` would ignore it.
    let tail = text.get(10..).ok_or(InvalidTime)?;
    if tail.contains(['Z', 'z', '+', '[']) || tail.get(1..).is_some_and(|t| t.contains('-')) {
        return Err(InvalidTime);
    }
    text.parse().map_err(|_| InvalidTime)
}

/// A naive UTC time (`2026-11-18T12:58:54.317567`, the fraction absent when it is zero): calls, leads, notes.
pub fn parse_naive_utc(text: &str) -> Result<i64, InvalidTime> {
    civil(text)?.to_zoned(TimeZone::UTC).map(|z| z.timestamp().as_millisecond()).map_err(|_| InvalidTime)
}

/// A time with an offset (`2026-11-24T10:00:00+02:00`): appointments, reminders.
pub fn parse_with_offset(text: &str) -> Result<i64, InvalidTime> {
    text.parse::<Timestamp>().map(|t| t.as_millisecond()).map_err(|_| InvalidTime)
}

/// A naive Israel time: what the CRM's fields without an offset mean when they are not UTC. An hour that the clocks
/// skip in spring is read an hour later, the doubled hour of autumn as the first of the two.
pub fn parse_naive_israel(text: &str) -> Result<i64, InvalidTime> {
    let zone = TimeZone::get(ISRAEL).map_err(|_| InvalidTime)?;
    civil(text)?.to_zoned(zone).map(|z| z.timestamp().as_millisecond()).map_err(|_| InvalidTime)
}

/// RFC 3339 in UTC with milliseconds where they are not zero: `2026-11-18T12:58:54.317Z`. A time that no calendar
/// holds comes back as the nearest one that does.
pub fn rfc3339_utc(ms: i64) -> String {
    // Whole seconds: the last millisecond of the calendar rounds out of it.
    let clamped = ms.clamp(Timestamp::MIN.as_second() * 1000, Timestamp::MAX.as_second() * 1000);
    Timestamp::from_millisecond(clamped).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// `2026-11-24T10:00:00` on the wall clock of `zone_name`, for queries that the CRM takes as Israel time.
pub fn wall_clock(ms: i64, zone_name: &str) -> Result<String, InvalidTime> {
    let zone = TimeZone::get(zone_name).map_err(|_| InvalidTime)?;
    let zoned = Zoned::new(Timestamp::from_millisecond(ms).map_err(|_| InvalidTime)?, zone);
    Ok(zoned.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

/// The beginning of the day that is `days` after the one of `ms` on the wall clock of `zone_name`: days that the clocks
/// make longer or shorter are days.
pub fn day_after(ms: i64, days: i64, zone_name: &str) -> Result<i64, InvalidTime> {
    let zone = TimeZone::get(zone_name).map_err(|_| InvalidTime)?;
    let zoned = Zoned::new(Timestamp::from_millisecond(ms).map_err(|_| InvalidTime)?, zone);
    let day = zoned.checked_add(jiff::Span::new().days(days)).map_err(|_| InvalidTime)?;
    day.start_of_day().map(|start| start.timestamp().as_millisecond()).map_err(|_| InvalidTime)
}

/// Whether the text names a zone that times can be shown in.
pub fn is_zone(zone_name: &str) -> bool {
    TimeZone::get(zone_name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naive_call_times_are_utc_with_and_without_a_fraction() {
        assert_eq!(
            rfc3339_utc(parse_naive_utc("2026-11-18T12:58:54.317567").expect("time")),
            "2026-11-18T12:58:54.317Z"
        );
        assert_eq!(rfc3339_utc(parse_naive_utc("2026-11-18T12:58:54").expect("time")), "2026-11-18T12:58:54Z");
        assert_eq!(parse_naive_utc("2026-11-18T12:58:54+02:00"), Err(InvalidTime));
        assert_eq!(parse_naive_utc("2026-11-18T12:58:54Z"), Err(InvalidTime));
        assert_eq!(parse_naive_utc("אתמול"), Err(InvalidTime));
        assert_eq!(parse_naive_utc(""), Err(InvalidTime));
    }

    #[test]
    fn appointment_times_carry_their_offset() {
        assert_eq!(rfc3339_utc(parse_with_offset("2026-11-24T10:00:00+02:00").expect("time")), "2026-11-24T08:00:00Z");
        assert_eq!(rfc3339_utc(parse_with_offset("2026-07-24T10:00:00+03:00").expect("time")), "2026-07-24T07:00:00Z");
        assert!(parse_with_offset("2026-11-24T10:00:00").is_err());
    }

    #[test]
    fn israel_time_follows_the_clock_changes() {
        assert_eq!(rfc3339_utc(parse_naive_israel("2026-03-27T01:30:00").expect("time")), "2026-03-26T23:30:00Z");
        assert_eq!(rfc3339_utc(parse_naive_israel("2026-03-27T02:30:00").expect("skipped")), "2026-03-27T00:30:00Z");
        assert_eq!(rfc3339_utc(parse_naive_israel("2026-10-25T01:30:00").expect("doubled")), "2026-10-24T22:30:00Z");
        assert_eq!(wall_clock(0, ISRAEL).expect("zone"), "1970-01-01T02:00:00");
    }

    #[test]
    fn the_days_on_which_the_clocks_change_are_days() {
        // Friday, 27 March 2026 has 23 hours in Israel.
        let noon = parse_naive_israel("2026-03-26T12:00:00").expect("time");
        assert_eq!(rfc3339_utc(day_after(noon, 1, ISRAEL).expect("day")), "2026-03-26T22:00:00Z");
        assert_eq!(rfc3339_utc(day_after(noon, 2, ISRAEL).expect("day")), "2026-03-27T21:00:00Z");
        assert!(day_after(noon, 1, "Nowhere/At_All").is_err());
    }

    #[test]
    fn a_time_out_of_every_calendar_is_clamped_not_a_panic() {
        assert!(rfc3339_utc(i64::MAX).starts_with("9999"), "{}", rfc3339_utc(i64::MAX));
        assert!(rfc3339_utc(i64::MIN).starts_with("-009999"), "{}", rfc3339_utc(i64::MIN));
    }
}
