//! Phone numbers inside texts: `ל-050-555-0142`, `+972 58 555 0108`, `050.555.0142`.

use compact_str::CompactString;
use smallvec::SmallVec;

use super::fold::is_invisible;
use crate::phone::{self, SearchKeys};

/// A phone number at the front of a text.
pub(super) struct Phone {
    /// What it is found by.
    pub(super) keys: SearchKeys,
    /// How much of the text it takes.
    pub(super) bytes: usize,
}

/// Digits of the longest phone number there is.
const MOST_DIGITS: usize = 15;

/// Reads a phone number that begins right here. Dates, order numbers and amounts are none.
pub(super) fn phone_at(text: &str) -> Option<Phone> {
    let has_plus = text.starts_with('+');
    let mut digits = CompactString::default();
    // Where each group of digits ends: in `digits`, in the text.
    let mut groups: SmallVec<[(usize, usize); 8]> = SmallVec::new();
    let mut signs = 0;
    let mut in_group = false;
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            if digits.len() == MOST_DIGITS + 2 {
                in_group = false;
                break;
            }
            digits.push(c);
            (in_group, signs) = (true, 0);
            continue;
        }
        if std::mem::take(&mut in_group) {
            groups.push((digits.len(), at));
        }
        let is_sign = matches!(c, '-' | ' ' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{5be}' | '\u{2010}' | '\u{2011}')
            || (c == '+' && at == 0);
        signs += usize::from(is_sign);
        if !is_sign && !is_invisible(c) || signs > 3 {
            end = at;
            break;
        }
    }
    if in_group {
        groups.push((digits.len(), end));
    }
    // 4g is no number, and 050…b is somebody's serial number.
    if text[end..].starts_with(char::is_alphanumeric) && groups.last().is_some_and(|(_, at)| *at == end) {
        groups.pop();
    }
    (1..=groups.len()).rev().find_map(|count| {
        let (len, bytes) = groups[count - 1];
        let starts = std::iter::once(0).chain(groups.iter().map(|(end, _)| *end));
        let sizes: SmallVec<[usize; 8]> =
            groups[..count].iter().zip(starts).map(|((end, _), start)| end - start).collect();
        let number = &digits[..len];
        let keys = if has_plus && (8..=MOST_DIGITS).contains(&len) {
            phone::search_keys(&format!("+{number}"))
        } else if is_phone(number, &sizes) {
            phone::search_keys(number)
        } else {
            return None;
        };
        Some(Phone { keys, bytes })
    })
}

fn is_phone(number: &str, sizes: &[usize]) -> bool {
    let looks_like_a_date = matches!(sizes, [2, 2, 4, ..] | [4, 2, 2, ..]);
    match number.len() {
        7 => sizes == [3, 4],
        9 | 10 if number.starts_with('0') => !looks_like_a_date,
        10 => number.starts_with('1') && sizes.len() > 2 && sizes[0] == 1,
        11 | 12 => number.starts_with("972"),
        14 | 15 => number.starts_with("00972"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Option<&str> {
        phone_at(text).map(|phone| &text[..phone.bytes])
    }

    #[test]
    fn a_phone_number_is_read_however_it_is_parted() {
        for text in
            ["050-555-0142", "050.555.0142", "+972 50 555 0142", "972-50-555-0142", "(050) 555-0142", "0505550142"]
        {
            assert_eq!(taken(text), Some(text));
            let keys = phone_at(&format!("{text} ענה")).map(|phone| phone.keys).unwrap_or_default();
            assert_eq!(keys.as_slice(), ["0505550142", "5550142", "972"], "{text}");
        }
        assert_eq!(taken("050-555-0150 052-555-0152"), Some("050-555-0150"));
        assert_eq!(taken("555-0142,"), Some("555-0142"));
    }

    #[test]
    fn dates_amounts_and_order_numbers_are_no_phone_numbers() {
        for text in
            ["4471", "01.02.2026 10", "2026-11-25", "1,234,567", "12:30", "5g", "100 200 300", "", "+", "(", "0"]
        {
            assert_eq!(taken(text), None, "{text}");
        }
        assert!(taken(&"9".repeat(500)).is_none());
    }
}
