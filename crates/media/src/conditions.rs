//! Conditional requests (RFC 9110, 13): which entity tags a header names, and whether ours is among them.
//!
//! Dates are never compared, because no Last-Modified is sent: they are ignored, as the RFC wants where a resource has
//! no modification date.

use http::header::{self, HeaderMap, HeaderName};

/// What the conditions come to, in the order of RFC 9110, 13.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// If-Match names another representation (412).
    Failed,
    /// If-None-Match names this one (304).
    NotModified,
    /// The request goes on; a Range counts only if this says so.
    Goes {
        /// If-Range is absent, or names this representation strongly.
        with_range: bool,
    },
}

/// Evaluates the conditions of a GET or HEAD against our tag, with its quotes.
pub(crate) fn evaluate(headers: &HeaderMap, tag: &str) -> Outcome {
    let tag = tag.as_bytes();
    if headers.contains_key(header::IF_MATCH) && !names(headers, &header::IF_MATCH, |other| other == tag) {
        return Outcome::Failed;
    }
    if names(headers, &header::IF_NONE_MATCH, |other| other.strip_prefix(b"W/").unwrap_or(other) == tag) {
        return Outcome::NotModified;
    }
    let mut conditions = headers.get_all(header::IF_RANGE).iter();
    let with_range = match (conditions.next(), conditions.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes() == tag,
        // Two of them contradict each other or say the same: the whole is right in both cases.
        (Some(_), Some(_)) => false,
    };
    Outcome::Goes { with_range }
}

/// Whether a header names a tag that satisfies `same`, or is `*`.
fn names(headers: &HeaderMap, name: &HeaderName, same: impl Fn(&[u8]) -> bool) -> bool {
    let lines = || headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii());
    let is_any = lines().eq([b"*".as_slice()]);
    is_any || lines().any(|line| EntityTags(line).any(&same))
}

/// The tags of a list, each with its quotes and its `W/`. What is none is passed over up to the next comma. A comma, or
/// a star, inside quotes belongs to the tag.
struct EntityTags<'a>(&'a [u8]);

impl<'a> Iterator for EntityTags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let start = self.0.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
            let rest = &self.0[start..];
            let weak = if rest.starts_with(b"W/") { 2 } else { 0 };
            if let Some(opaque) = rest[weak..].strip_prefix(b"\"")
                && let Some(end) = opaque.iter().position(|byte| *byte == b'"')
            {
                let tag_len = weak + 1 + end + 1;
                let (tag, behind) = rest.split_at(tag_len);
                self.0 = behind;
                // Something glued to the closing quote: not a tag of a list.
                let ends = behind.trim_ascii_start().first().is_none_or(|byte| *byte == b',');
                if ends && opaque[..end].iter().all(|byte| *byte > b' ' && *byte != 0x7F) {
                    return Some(tag);
                }
            } else {
                self.0 = rest;
            }
            let comma = self.0.iter().position(|byte| *byte == b',').unwrap_or(self.0.len());
            self.0 = &self.0[comma..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &str) -> Vec<&str> {
        EntityTags(list.as_bytes()).map(|tag| std::str::from_utf8(tag).expect("text")).collect()
    }

    #[test]
    fn a_list_gives_its_tags_and_passes_over_what_is_none() {
        assert_eq!(tags("\"a\", W/\"b\",\"c\" ,, \"\""), ["\"a\"", "W/\"b\"", "\"c\"", "\"\""]);
        assert_eq!(tags("a, \"b\""), ["\"b\""]);
        assert_eq!(tags("\"a\"x, \"b\""), ["\"b\""]);
        assert_eq!(tags("w/\"a\", W/ \"b\", \"open"), [""; 0]);
        assert_eq!(tags("\"a b\", \"c\""), ["\"c\""]);
    }

    #[test]
    fn a_comma_or_a_star_in_quotes_belongs_to_the_tag() {
        assert_eq!(tags("\"a,*,b\", \"c\""), ["\"a,*,b\"", "\"c\""]);
        let mut headers = HeaderMap::new();
        let mut says = |value: &'static str| {
            headers.insert(header::IF_NONE_MATCH, http::HeaderValue::from_static(value));
            evaluate(&headers, "\"t\"")
        };
        assert_eq!(says("\"x,*,y\""), Outcome::Goes { with_range: true });
        assert_eq!(says("\"x\", *"), Outcome::Goes { with_range: true });
        assert_eq!(says("\"x,\"t\",y\""), Outcome::Goes { with_range: true });
        assert_eq!(says(" * "), Outcome::NotModified);
    }
}
