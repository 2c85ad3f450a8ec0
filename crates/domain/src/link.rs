//! Links into the app: `aftercall://call/<sid>?t=<seconds>` and `aftercall://lead/<id>`. Anybody may write one, so
//! nothing else is understood: no host, no token, no action, no second spelling of the same place. Whoever follows one
//! only shows something.

use std::str::FromStr;

use crate::ids::{CallSid, LeadId};

/// The scheme, with what stands behind it.
const SCHEME: &str = "aftercall://";
/// Longest text that is looked at, in bytes.
pub const LINK_BYTES_MAX: usize = 512;
/// No recording is longer than six hours.
const SECONDS_MAX: u32 = 6 * 3600;

/// A place in the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// A call, perhaps at a second of its recording.
    Call {
        /// Which.
        sid: CallSid,
        /// Seconds from where its sound begins.
        at_s: Option<u32>,
    },
    /// A lead.
    Lead(LeadId),
}

/// The text is not one of the two links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link is aftercall://call/<sid>?t=<seconds> or aftercall://lead/<id>")]
pub struct InvalidLink;

impl FromStr for Link {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, InvalidLink> {
        if text.len() > LINK_BYTES_MAX {
            return Err(InvalidLink);
        }
        let place = text.strip_prefix(SCHEME).ok_or(InvalidLink)?;
        if let Some(call) = place.strip_prefix("call/") {
            let (sid, at_s) = match call.split_once("?t=") {
                Some((sid, seconds)) => (sid, Some(number(seconds)?)),
                None => (call, None),
            };
            let at_s = at_s.map(|seconds| u32::try_from(seconds).map_err(|_| InvalidLink)).transpose()?;
            if at_s.is_some_and(|seconds| seconds > SECONDS_MAX) {
                return Err(InvalidLink);
            }
            return Ok(Self::Call { sid: sid.parse().map_err(|_| InvalidLink)?, at_s });
        }
        let id = number(place.strip_prefix("lead/").ok_or(InvalidLink)?)?;
        // The server counts from 1.
        if id == 0 { Err(InvalidLink) } else { Ok(Self::Lead(LeadId(id))) }
    }
}

/// Digits only, in the one way a number is written.
fn number(text: &str) -> Result<i64, InvalidLink> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().map_err(|_| InvalidLink) } else { Err(InvalidLink) }
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call { sid, at_s: None } => write!(f, "{SCHEME}call/{sid}"),
            Self::Call { sid, at_s: Some(seconds) } => write!(f, "{SCHEME}call/{sid}?t={seconds}"),
            Self::Lead(id) => write!(f, "{SCHEME}lead/{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_a_second_of_it_and_a_lead_can_be_linked_to() {
        let sid = "CA60acce5a807aaa68a1af7d781a723f6e";
        let longest = format!("aftercall://call/{}?t=21600", "x".repeat(64));
        for (text, link) in [
            (format!("aftercall://call/{sid}"), Link::Call { sid: sid.parse().expect("a sid"), at_s: None }),
            (format!("aftercall://call/{sid}?t=0"), Link::Call { sid: sid.parse().expect("a sid"), at_s: Some(0) }),
            (format!("aftercall://call/{sid}?t=75"), Link::Call { sid: sid.parse().expect("a sid"), at_s: Some(75) }),
            (longest, Link::Call { sid: "x".repeat(64).parse().expect("a sid"), at_s: Some(21_600) }),
            ("aftercall://lead/1".into(), Link::Lead(LeadId(1))),
            ("aftercall://lead/9223372036854775807".into(), Link::Lead(LeadId(i64::MAX))),
        ] {
            assert_eq!(text.parse(), Ok(link.clone()), "{text}");
            assert_eq!(link.to_string(), text, "one place has one link");
        }
    }

    #[test]
    fn nothing_else_is_a_link() {
        let long = format!("aftercall://call/CA1?t={}", "0".repeat(500));
        let cases = [
            "",
            "aftercall:",
            "aftercall://",
            "aftercall:call/CA1",
            "aftercall:///call/CA1",
            "AFTERCALL://call/CA1",
            " aftercall://call/CA1",
            "aftercall://call/CA1 ",
            "aftercall://call/CA1\n",
            "aftercall://call/",
            "aftercall://call",
            "aftercall://call/CA1/",
            "aftercall://call//CA1",
            "aftercall://call/../lead/1",
            "aftercall://call/CA1?",
            "aftercall://call/CA1?t=",
            "aftercall://call/CA1?t=-1",
            "aftercall://call/CA1?t=+1",
            "aftercall://call/CA1?t=1.5",
            "aftercall://call/CA1?t=007",
            "aftercall://call/CA1?t=21601",
            "aftercall://call/CA1?t=99999999999999999999",
            "aftercall://call/CA1?t=1&t=2",
            "aftercall://call/CA1?t=1&token=x",
            "aftercall://call/CA1?token=x",
            "aftercall://call/CA1?T=1",
            "aftercall://call/CA1#t=1",
            "aftercall://call/CA1?t=1#x",
            "aftercall://call/%43A1",
            "aftercall://call/CA1%00",
            "aftercall://call/CA1\0",
            "aftercall://call/שיחה",
            "aftercall://user@call/CA1",
            "aftercall://call:80/CA1",
            "aftercall://lead/0",
            "aftercall://lead/-1",
            "aftercall://lead/01",
            "aftercall://lead/9223372036854775808",
            "aftercall://lead/1?delete=1",
            "aftercall://lead/1/notes",
            "aftercall://login?token=x",
            "aftercall://call/CA1\u{202e}",
            "javascript:aftercall://call/CA1",
            "https://call/CA1",
            "--profile=/tmp/x",
            &long,
        ];
        assert!(cases.len() >= 40);
        for text in cases {
            assert_eq!(text.parse::<Link>(), Err(InvalidLink), "{text:?}");
        }
    }
}
