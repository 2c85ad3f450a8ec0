//! An answer that brings sound, the same at every source: whether it is a page in disguise, and which part it is.

use http::header::CONTENT_RANGE;

use super::http::{Answer, Limits};
use super::{Body, Piece, UpstreamError};

/// Declared types are no evidence of sound, but a page that says it is a page is believed.
pub(super) fn is_page(answer: &Answer) -> bool {
    matches!(answer.content_type().as_str(), "text/html" | "application/json" | "text/xml" | "application/xml")
}

/// A 206 that was asked for the bytes `first..=last`; `length_bytes` is what its `Content-Length` says.
///
/// # Errors
/// [`UpstreamError::Changed`] unless it is just that part, or less of its end.
pub(super) fn part(
    answer: Answer,
    (first, last): (u64, u64),
    length_bytes: Option<u64>,
    limits: &Limits,
) -> Result<Piece, UpstreamError> {
    let (start, end, total_bytes) = part_of(&answer).ok_or(UpstreamError::Changed)?;
    let part_bytes = end - start + 1;
    if start != first || end > last || length_bytes.is_some_and(|bytes| bytes != part_bytes) {
        return Err(UpstreamError::Changed);
    }
    Ok(Piece { start, total_bytes, body: Body::new(answer.into_response(), part_bytes, limits) })
}

/// A whole file in place of a part.
pub(super) fn whole(answer: Answer, total_bytes: u64, limits: &Limits) -> Piece {
    Piece { start: 0, total_bytes, body: Body::new(answer.into_response(), total_bytes, limits) }
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
}
