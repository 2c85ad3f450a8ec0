//! What is written about a lead, and how a note on a call is told to a CRM that keeps notes on leads only.

use serde::{Deserialize, Serialize};

use crate::ids::{CallSid, LeadId, NoteId};

/// Bytes of a note that a person writes. Longer ones are refused, never cut.
pub const NOTE_BYTES_MAX: usize = 20_000;

/// One note of a lead, as the CRM has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its id in the CRM; a later note has a higher one.
    pub id: NoteId,
    /// Whose it is.
    pub lead_id: LeadId,
    /// `manual`, `call_summary`, `system`, `customer_service_ai`, or a word that this version does not know.
    pub kind: String,
    /// Its words.
    pub content: String,
    /// The CRM's own word for the call that it is about, where there is one.
    pub call_id: Option<String>,
    /// Names of what is attached; the files stay in the CRM.
    pub attachments: Vec<String>,
    /// Written, UTC.
    pub created_at_ms: Option<i64>,
    /// Last change, UTC.
    pub updated_at_ms: Option<i64>,
}

/// The place in a call that a note is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlace {
    /// The call.
    pub sid: CallSid,
    /// Media time; whole seconds cross to the CRM.
    pub at_ms: i64,
}

/// A text that is no note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotANote {
    /// Nothing but blanks.
    #[error("a note has words")]
    Empty,
    /// Longer than [`NOTE_BYTES_MAX`].
    #[error("a note has at most {NOTE_BYTES_MAX} bytes")]
    TooLong,
}

/// The text as it is kept and sent: line ends as `\n`, without blanks around it, because the CRM cuts those off.
///
/// # Errors
/// [`NotANote`].
pub fn checked(text: &str) -> Result<String, NotANote> {
    let text = same_text(text);
    if text.is_empty() {
        return Err(NotANote::Empty);
    }
    if text.len() > NOTE_BYTES_MAX { Err(NotANote::TooLong) } else { Ok(text) }
}

/// What two texts have in common when the CRM took one for the other.
pub fn same_text(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\0', "").trim().to_owned()
}

/// A note on a call as a note of its lead: `[call CA… 01:12] text`.
pub fn headed(place: &CallPlace, text: &str) -> String {
    let seconds = place.at_ms.max(0) / 1_000;
    format!("[call {} {:02}:{:02}] {text}", place.sid, seconds / 60, seconds % 60)
}

/// Reads such a heading back: the place and the words after it.
pub fn heading_of(text: &str) -> Option<(CallPlace, &str)> {
    let (heading, words) = text.strip_prefix("[call ")?.split_once(']')?;
    let (sid, clock) = heading.split_once(' ')?;
    let (minutes, seconds) = clock.split_once(':')?;
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let (minutes, seconds) = (number(minutes)?, number(seconds).filter(|seconds| *seconds < 60)?);
    let at_ms = (i64::from(minutes) * 60 + i64::from(seconds)) * 1_000;
    Some((CallPlace { sid: sid.parse().ok()?, at_ms }, words.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(sid: &str, at_ms: i64) -> CallPlace {
        CallPlace { sid: sid.parse().expect("a sid"), at_ms }
    }

    #[test]
    fn a_note_on_a_call_names_it_and_the_second() {
        let text = headed(&place("CA12", 72_900), "המחיר גבוה מדי");
        assert_eq!(text, "[call CA12 01:12] המחיר גבוה מדי");
        assert_eq!(heading_of(&text), Some((place("CA12", 72_000), "המחיר גבוה מדי")));
        assert_eq!(headed(&place("CA12", 4_503_000), "x"), "[call CA12 75:03] x");
        assert_eq!(headed(&place("CA12", -5), "x"), "[call CA12 00:00] x");
    }

    #[test]
    fn what_only_looks_like_a_heading_stays_a_text() {
        for text in [
            "[call]",
            "[call CA1]",
            "[call CA1 1]",
            "[call ../x 01:02] a",
            "[call CA1 01:77] a",
            "[call CA1 -1:02] a",
            "call CA1 01:02",
        ] {
            assert_eq!(heading_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_note_is_kept_whole_or_refused() {
        assert_eq!(checked("  שורה\r\nשנייה \n"), Ok("שורה\nשנייה".to_owned()));
        assert_eq!(checked(" \n\t"), Err(NotANote::Empty));
        assert_eq!(checked(&"א".repeat(NOTE_BYTES_MAX)), Err(NotANote::TooLong));
    }

    proptest! {
        #[test]
        fn a_heading_comes_back_as_it_went(seconds in 0_i64..360_000, text in "[^\\[\\]\\s]{1,20}") {
            let place = place("CA1", seconds * 1_000);
            let note = headed(&place, &text);
            prop_assert_eq!(heading_of(&note), Some((place, text.as_str())));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,60}") {
            let _ = (heading_of(&text), heading_of(&format!("[call {text}")), checked(&text));
        }
    }
}
