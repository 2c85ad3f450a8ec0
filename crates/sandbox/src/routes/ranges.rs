//! The Range header as this server reads it by hand: right for one well-formed range, surprising for the rest.

/// What becomes of a Range header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ranged {
    /// 206 with these bytes, both ends included.
    Part { first: u64, last: u64 },
    /// 416, empty, without Content-Range.
    Unsatisfiable,
    /// The reading by hand failed: the framework is asked, and raises.
    Failed,
    /// The reading by hand failed, and the framework knew what was meant: a part under the whole file's length.
    PartUnderWholeLength { first: u64, last: u64 },
}

/// Reads a Range header for a file of `size` bytes (more than none).
pub(super) fn read(header: &str, size: u64) -> Ranged {
    match by_hand(header, size) {
        Some(ranged) => ranged,
        None => match header.split_once('=') {
            Some((unit, rest)) if unit != "bytes" && unit.eq_ignore_ascii_case("bytes") && !rest.contains(',') => {
                match by_hand(rest, size) {
                    Some(Ranged::Part { first, last }) => Ranged::PartUnderWholeLength { first, last },
                    _ => Ranged::Failed,
                }
            }
            _ => Ranged::Failed,
        },
    }
}

/// Takes "bytes=" away and splits at every dash; `None` where Python's `int()` raises.
fn by_hand(header: &str, size: u64) -> Option<Ranged> {
    let rest = header.replace("bytes=", "");
    let parts: Vec<&str> = rest.split('-').map(str::trim).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    let (first, last) = match (parts[0], parts.get(1).copied()) {
        ("", None) => return None,
        ("", Some("")) => (0, size - 1),
        ("", Some(suffix)) => match number(suffix)? {
            0 => return Some(Ranged::Unsatisfiable),
            bytes => (size.saturating_sub(bytes), size - 1),
        },
        (first, None | Some("")) => (number(first)?, size - 1),
        (first, Some(last)) => (number(first)?, number(last)?),
    };
    if first >= size {
        return Some(Ranged::Unsatisfiable);
    }
    if first > last {
        return None;
    }
    Some(Ranged::Part { first, last: last.min(size - 1) })
}

#[cfg(test)]
mod tests {
    use super::Ranged::*;
    use super::read;

    #[test]
    fn every_row_of_the_contracts_table_is_answered_as_observed() {
        let part = |first, last| Part { first, last };
        for (header, expected) in [
            ("bytes=0-", part(0, 123_419)),
            ("bytes=0-99", part(0, 99)),
            ("bytes=100-", part(100, 123_419)),
            ("bytes=-100", part(123_320, 123_419)),
            ("bytes=100-999999999", part(100, 123_419)),
            ("bytes=-999999999", part(0, 123_419)),
            ("bytes=123419-", part(123_419, 123_419)),
            ("bytes=999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=200-100", Failed),
            ("bytes=0-99,200-299", Failed),
            ("bytes=0-99,-100", Failed),
            ("bytes=abc-def", Failed),
            ("bytes=", Failed),
            ("items=0-9", Failed),
            ("bytes=100", part(100, 123_419)),
            ("bytes=-", part(0, 123_419)),
            ("bytes=--5", part(0, 123_419)),
            ("bytes=0-50-99", part(0, 50)),
            ("0-99", part(0, 99)),
            ("bytes= 0 - 99", part(0, 99)),
            ("BYTES=0-99", PartUnderWholeLength { first: 0, last: 99 }),
        ] {
            assert_eq!(read(header, 123_420), expected, "{header}");
        }
    }
}
