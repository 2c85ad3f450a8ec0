//! Phone numbers: one form to compare, one to read. `phonenumber` (a port of Google's libphonenumber) knows the
//! world's numbering plans; a plan of our own would be wrong for the first foreign caller.

use compact_str::CompactString;
use phonenumber::{Mode, PhoneNumber, country};
use smallvec::{SmallVec, smallvec};

/// What one number is found by. A sync makes some for each call: none of it lies on the heap.
pub type SearchKeys = SmallVec<[CompactString; 3]>;

/// The country's code.
pub(crate) const ISRAEL: &str = "972";

fn parse(text: &str) -> Option<PhoneNumber> {
    // Sources write `anonymous`, `unknown`, `client:dana`: those are words, not numbers.
    if text.chars().any(char::is_alphabetic) || text.len() > 40 {
        return None;
    }
    let number = phonenumber::parse(Some(country::IL), text).ok()?;
    phonenumber::is_valid(&number).then_some(number)
}

/// The number as a person in Israel reads it: `050-555-0142`, `+44 20 7946 0991`. What is not a number (or a short
/// code) comes back as the source wrote it.
pub fn display(text: &str) -> String {
    match parse(text) {
        Some(number) if number.code().value() == 972 => number.format().mode(Mode::National).to_string(),
        Some(number) => number.format().mode(Mode::International).to_string(),
        None => text.trim().to_owned(),
    }
}

/// Digits by which a number is found, longest first: international, national (`0505550142`) and the last seven, which
/// match whatever the area code. Of an Israeli number's international form only the `972` is told: what follows it is
/// the national form without its nought. Empty for what is not a number.
pub fn search_keys(text: &str) -> SearchKeys {
    if let Some(keys) = israeli_keys(text) {
        return keys;
    }
    let (international, national) = match parse(text) {
        Some(number) => (
            digits(&number.format().mode(Mode::E164).to_string()),
            digits(&number.format().mode(Mode::National).to_string()),
        ),
        None if text.chars().any(char::is_alphabetic) => return SearchKeys::new(),
        None => (digits(text), CompactString::default()),
    };
    let mut keys = SearchKeys::new();
    for key in [&international, &national] {
        if key.len() >= 2 && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    if international.len() > 7 {
        keys.push(international[international.len() - 7..].into());
    }
    keys
}

/// Nearly every number is Israeli, and written in a form that says so: these need no numbering plan.
fn israeli_keys(text: &str) -> Option<SearchKeys> {
    let is_plain = |c: char| c.is_ascii_digit() || matches!(c, '-' | ' ' | '.' | '(' | ')');
    let number = text.trim();
    let (number, has_plus) = number.strip_prefix('+').map_or((number, false), |rest| (rest, true));
    if !number.chars().all(is_plain) {
        return None;
    }
    let digits = digits(number);
    let subscriber = match digits.strip_prefix(ISRAEL) {
        Some(rest) if matches!(rest.len(), 8 | 9) && !rest.starts_with('0') => rest,
        None if !has_plus && matches!(digits.len(), 9 | 10) => {
            digits.strip_prefix('0').filter(|d| !d.starts_with('0'))?
        }
        _ => return None,
    };
    let last = subscriber.len() - 7;
    let national = CompactString::const_new("0") + subscriber;
    Some(smallvec![national, subscriber[last..].into(), ISRAEL.into()])
}

/// The ASCII digits of a text, in order.
pub fn digits(text: &str) -> CompactString {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_one_number_has_the_same_keys() {
        let keys = ["0505550142", "5550142", "972"];
        for text in ["050-555-0142", "+972505550142", "972505550142", "+972 50 555 0142"] {
            assert_eq!(search_keys(text).as_slice(), keys, "{text}");
        }
    }

    #[test]
    fn a_number_is_shown_nationally_at_home_and_internationally_abroad() {
        assert_eq!(display("+972505550142"), "050-555-0142");
        assert_eq!(display("+97235550188"), "03-555-0188");
        assert_eq!(display("+442079460991"), "+44 20 7946 0991");
    }

    #[test]
    fn words_and_short_codes_stay_as_they_are() {
        assert_eq!(display("anonymous"), "anonymous");
        assert_eq!(display("*2700"), "*2700");
        assert!(search_keys("anonymous").is_empty());
        assert_eq!(search_keys("*2700").as_slice(), ["2700"]);
        assert_eq!(display(""), "");
        assert!(search_keys(&"9".repeat(500)).iter().all(|k| k.len() <= 500));
    }
}
