//! Calls as a table that a spreadsheet opens as it is: UTF-8 with its mark, every field in quotes, and none of them a
//! formula. Times are those of the screens: the wall clock of the one zone that is shown.

use std::collections::BTreeMap;
use std::io::{self, Write};

use aftercall_domain::phone;
use aftercall_domain::zone;
use aftercall_engine::store::table::calls::CallListing;

/// Columns of the table.
pub const COLUMNS: usize = 10;

/// Without it a spreadsheet reads Hebrew as something else.
const MARK: &str = "\u{feff}";

/// Writes the mark and the heads.
pub fn head(out: &mut impl Write, heads: &[String]) -> io::Result<()> {
    out.write_all(MARK.as_bytes())?;
    line(out, heads.iter().map(String::as_str))
}

/// Writes a call. Words that the window did not send stand as the library has them.
pub fn call(
    out: &mut impl Write,
    listing: &CallListing,
    time_zone: &str,
    words: &BTreeMap<String, String>,
) -> io::Result<()> {
    let word = |kind: &str, key: &str| words.get(&format!("{kind}_{key}")).cloned().unwrap_or_else(|| key.to_owned());
    let time = listing.call.started_at_ms.and_then(|ms| zone::wall_clock(ms, time_zone).ok());
    let number = listing.customer_number().map(phone::display).unwrap_or_default();
    let fields: [String; COLUMNS] = [
        time.unwrap_or_default().replace('T', " "),
        word("direction", listing.call.direction.as_str()),
        listing.lead_name.clone().unwrap_or_default(),
        number,
        word("outcome", listing.outcome.as_str()),
        listing.call.duration_s.map(clock).unwrap_or_default(),
        word("heard", if listing.heard { "yes" } else { "no" }),
        word("rec", listing.recording.state.as_str()),
        listing.call.summary.clone().unwrap_or_default(),
        listing.call.sid.to_string(),
    ];
    line(out, fields.iter().map(String::as_str))
}

/// `0:04:12`: what a spreadsheet takes for a length, and not for a time of day.
fn clock(seconds: i64) -> String {
    let seconds = seconds.max(0);
    format!("{}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60)
}

fn line<'a>(out: &mut impl Write, fields: impl Iterator<Item = &'a str>) -> io::Result<()> {
    for (n, field) in fields.enumerate() {
        if n > 0 {
            out.write_all(b",")?;
        }
        out.write_all(b"\"")?;
        out.write_all(neutral(field).replace('"', "\"\"").as_bytes())?;
        out.write_all(b"\"")?;
    }
    out.write_all(b"\r\n")
}

/// A spreadsheet computes what begins like a formula, in quotes or not. An apostrophe says that it is text; a phone
/// number gets one too, and with it keeps its + and its leading zero.
fn neutral(field: &str) -> String {
    let begins = field.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}').chars().next();
    let is_number = field.starts_with('0') && field.len() > 1 && field.chars().all(|c| c.is_ascii_digit() || c == '-');
    match begins {
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') => format!("'{field}"),
        _ if field.starts_with(['\t', '\r', '\n']) || is_number => format!("'{field}"),
        _ => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fields: &[&str]) -> String {
        let mut out = Vec::new();
        line(&mut out, fields.iter().copied()).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn no_field_is_a_formula_and_numbers_keep_their_zero_and_their_plus() {
        assert_eq!(
            written(&["=1+1", " =cmd|x", "+972 3 555 0188", "-5", "@sum", "050-555-0142", "a\"b", "\t=1"]),
            "\"'=1+1\",\"' =cmd|x\",\"'+972 3 555 0188\",\"'-5\",\"'@sum\",\"'050-555-0142\",\"a\"\"b\",\"'\t=1\"\r\n"
        );
        assert_eq!(written(&["יעל כהן", "2026-11-22 14:02:00"]), "\"יעל כהן\",\"2026-11-22 14:02:00\"\r\n");
    }

    #[test]
    fn the_table_begins_with_the_mark_of_its_encoding() {
        let mut out = Vec::new();
        head(&mut out, &["שעה".to_owned()]).expect("memory");
        assert_eq!(&out[..3], [0xef, 0xbb, 0xbf]);
    }

    #[test]
    fn a_length_is_one_whatever_it_is() {
        assert_eq!(
            (clock(252), clock(0), clock(-4), clock(36_000)),
            ("0:04:12".into(), "0:00:00".into(), "0:00:00".into(), "10:00:00".into())
        );
    }
}
