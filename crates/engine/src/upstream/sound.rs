//! An answer that brings sound, the same at every source: whether it is a page in disguise, and which part it is.

use aftercall_domain::backoff;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED};

use super::http::{Answer, Limits};
use super::{Body, Piece, UpstreamError, Validator};

/// A `Last-Modified` proves something only when the file could not have changed again within the same second, nor while
/// two clocks disagreed a little.
const OLD_ENOUGH_MS: i64 = 60_000;

/// Declared types are no evidence of sound, but a page that says it is a page is believed. Packed sound was not asked
/// for: its ranges would be those of the packing.
///
/// # Errors
/// [`UpstreamError::NotAudio`].
pub(super) fn check(answer: &Answer) -> Result<(), UpstreamError> {
    let encoded = answer.headers().get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes() != b"identity");
    let is_page =
        matches!(answer.content_type().as_str(), "text/html" | "application/json" | "text/xml" | "application/xml");
    if encoded || is_page { Err(UpstreamError::NotAudio) } else { Ok(()) }
}

/// A 206 that was asked for the bytes `first..=last`.
///
/// # Errors
/// [`UpstreamError::Changed`] unless it is just that part, or less of its end.
pub(super) fn part(answer: Answer, (first, last): (u64, u64), limits: &Limits) -> Result<Piece, UpstreamError> {
    let (start, end, total_bytes) = part_of(&answer).ok_or(UpstreamError::Changed)?;
    let part_bytes = end - start + 1;
    if start != first || end > last || length(&answer).is_some_and(|bytes| bytes != part_bytes) {
        return Err(UpstreamError::Changed);
    }
    let validator = validator(&answer);
    Ok(Piece {
        start,
        is_whole: false,
        total_bytes,
        validator,
        body: Body::new(answer.into_response(), part_bytes, limits),
    })
}

/// `Content-Length`, which has been seen doubled: the CRM sends it twice, Twilio once as `335,335`. Two that disagree
/// are none: hyper refuses them as headers of their own.
pub(super) fn length(answer: &Answer) -> Option<u64> {
    said_length(answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?)
}

fn said_length(value: &str) -> Option<u64> {
    let mut lengths = value.split(',').map(|length| length.trim().parse::<u64>().ok());
    let first = lengths.next()??;
    lengths.all(|length| length == Some(first)).then_some(first)
}

/// What can prove that a later answer is of the same file.
fn validator(answer: &Answer) -> Option<Validator> {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    said_validator(header(ETAG), header(LAST_MODIFIED), header(DATE))
}

/// A weak ETag says that the file means the same, not that it is: with one there is no proof at all.
fn said_validator(etag: Option<&str>, modified: Option<&str>, date: Option<&str>) -> Option<Validator> {
    if let Some(etag) = etag.map(str::trim) {
        let strong = etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"');
        return strong.then(|| Validator::new(etag));
    }
    let modified = modified?.trim();
    let age_ms = backoff::http_date_ms(date?)?.checked_sub(backoff::http_date_ms(modified)?)?;
    (age_ms > OLD_ENOUGH_MS).then(|| Validator::new(modified))
}

/// A whole file in place of a part.
pub(super) fn whole(answer: Answer, total_bytes: u64, limits: &Limits) -> Piece {
    let validator = validator(&answer);
    Piece {
        start: 0,
        is_whole: true,
        total_bytes,
        validator,
        body: Body::new(answer.into_response(), total_bytes, limits),
    }
}

/// What `Content-Range` says: first and last byte and the whole length.
pub(super) fn part_of(answer: &Answer) -> Option<(u64, u64, u64)> {
    content_range(answer.headers().get(CONTENT_RANGE)?.to_str().ok()?)
}

/// `bytes 0-99/123420`, first and last byte and the whole length.
fn content_range(value: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end, total) = (start.parse().ok()?, end.parse::<u64>().ok()?, total.parse().ok()?);
    (start <= end && end < total).then_some((start, end, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_only_when_it_makes_sense() {
        for (value, read) in [
            ("bytes 0-99/123420", Some((0, 99, 123_420))),
            ("bytes 0-0/1", Some((0, 0, 1))),
            ("bytes 5-4/10", None),
            ("bytes 0-10/10", None),
            ("bytes */10", None),
            ("bytes 0-9/*", None),
            ("items 0-9/10", None),
            ("bytes 0-99999999999999999999/1", None),
            ("", None),
        ] {
            assert_eq!(content_range(value), read, "{value:?}");
        }
    }

    #[test]
    fn a_doubled_length_is_one_length_when_both_agree() {
        for (value, read) in [
            ("335", Some(335)),
            ("335,335", Some(335)),
            ("335, 335", Some(335)),
            ("335,336", None),
            ("", None),
            ("x", None),
            ("-1", None),
        ] {
            assert_eq!(said_length(value), read, "{value:?}");
        }
    }

    #[test]
    fn only_a_strong_etag_or_an_old_date_proves_that_it_is_the_same_file() {
        const NOW: &str = "Wed, 25 Nov 2026 10:01:01 GMT";
        let old = "Wed, 25 Nov 2026 10:00:00 GMT";
        let young = "Wed, 25 Nov 2026 10:00:01 GMT";
        for (etag, modified, date, proves) in [
            (Some("\"a-1\""), None, None, Some("\"a-1\"")),
            (Some("\"a-1\""), Some(old), Some(NOW), Some("\"a-1\"")),
            (Some("W/\"a-1\""), None, None, None),
            (Some("W/\"a-1\""), Some(old), Some(NOW), None),
            (Some("a-1"), None, None, None),
            (Some("\""), None, None, None),
            (None, Some(old), Some(NOW), Some(old)),
            (None, Some(young), Some(NOW), None),
            (None, Some(NOW), Some(old), None),
            (None, Some(old), None, None),
            (None, Some("yesterday"), Some(NOW), None),
            (None, None, Some(NOW), None),
        ] {
            let found = said_validator(etag, modified, date);
            assert_eq!(found.as_ref().map(Validator::as_str), proves, "{etag:?} {modified:?} {date:?}");
        }
    }
}
