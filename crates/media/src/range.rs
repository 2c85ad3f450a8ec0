//! One `Range` header against one length (RFC 9110, 14).
//!
//! A header that is malformed, in another unit, reversed or asks for several ranges is ignored, which the RFC allows:
//! the answer is then the whole, never an error and never more bytes than there are.

/// What a `Range` header comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// No range, or one that is ignored: the whole representation.
    Whole,
    /// One range, both ends included and within the length.
    Part {
        /// First byte.
        first: u64,
        /// Last byte, included.
        last: u64,
    },
    /// A valid range that has no byte of this representation.
    Unsatisfiable,
}

/// Longest header that is looked at: a longer one can only be an attack of many ranges (CVE-2011-3192).
const HEADER_BYTES_MAX: usize = 4096;

/// Resolves the value of a `Range` header against a length in bytes.
pub fn resolve(value: &[u8], len: u64) -> Resolved {
    // Of nothing there is no part that a Content-Range could name.
    if len == 0 || value.len() > HEADER_BYTES_MAX {
        return Resolved::Whole;
    }
    let Some(spec) = std::str::from_utf8(value).ok().and_then(single_spec) else { return Resolved::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Resolved::Whole };
    match (first, last) {
        ("", suffix) => match number(suffix) {
            None => Resolved::Whole,
            Some(0) => Resolved::Unsatisfiable,
            Some(count) => Resolved::Part { first: len.saturating_sub(count), last: len - 1 },
        },
        (first, "") => match number(first) {
            None => Resolved::Whole,
            Some(first) => part(first, len - 1, len),
        },
        (first_text, last_text) => match (number(first_text), number(last_text)) {
            (Some(first), Some(last)) if !is_backwards(first_text, last_text) => part(first, last, len),
            _ => Resolved::Whole,
        },
    }
}

fn part(first: u64, last: u64, len: u64) -> Resolved {
    if first < len { Resolved::Part { first, last: last.min(len - 1) } } else { Resolved::Unsatisfiable }
}

/// The one range-spec of `bytes=…`. List syntax (RFC 9110, 5.6.1) tolerates empty elements and white space round them.
fn single_spec(value: &str) -> Option<&str> {
    let (unit, set) = value.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty());
    let spec = specs.next()?;
    specs.next().is_none().then_some(spec)
}

/// Digits only: `+1`, `0x1` and a space are no numbers. What is too large for 64 bits saturates, so that an absurd end
/// is clamped and an absurd beginning is out of bounds.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// Whether one number of digits is more than another, however large both are: two that saturate are not alike.
fn is_backwards(first: &str, last: &str) -> bool {
    let (first, last) = (first.trim_start_matches('0'), last.trim_start_matches('0'));
    (first.len(), first) > (last.len(), last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rules again, slowly and in another shape: byte by byte over the whole length.
    fn wanted(first: Option<u64>, last: Option<u64>, len: u64) -> Vec<u64> {
        (0..len)
            .filter(|byte| match (first, last) {
                (Some(first), Some(last)) => *byte >= first && *byte <= last,
                (Some(first), None) => *byte >= first,
                (None, Some(count)) => len - byte <= count,
                (None, None) => false,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn a_valid_range_names_exactly_the_bytes_it_asks_for(
            len in 1_u64..400, first in proptest::option::of(0_u64..500), last in proptest::option::of(0_u64..500)
        ) {
            prop_assume!(first.is_some() || last.is_some());
            if let (Some(a), Some(b)) = (first, last) {
                prop_assume!(a <= b);
            }
            let text = |n: Option<u64>| n.map_or(String::new(), |n| n.to_string());
            let header = format!("bytes={}-{}", text(first), text(last));
            let bytes = wanted(first, last, len);
            let expected = match (bytes.first(), bytes.last()) {
                (Some(a), Some(b)) => Resolved::Part { first: *a, last: *b },
                _ => Resolved::Unsatisfiable,
            };
            prop_assert_eq!(resolve(header.as_bytes(), len), expected, "{}", header);
        }

        #[test]
        fn any_bytes_resolve_within_the_length(value in proptest::collection::vec(any::<u8>(), 0..80), len in any::<u64>()) {
            if let Resolved::Part { first, last } = resolve(&value, len) {
                prop_assert!(first <= last && last < len);
            }
        }

        #[test]
        fn anything_after_bytes_resolves_within_the_length(set in "[-0-9, x]{0,24}", len in 0_u64..2000) {
            if let Resolved::Part { first, last } = resolve(format!("bytes={set}").as_bytes(), len) {
                prop_assert!(first <= last && last < len);
            }
        }
    }
}
