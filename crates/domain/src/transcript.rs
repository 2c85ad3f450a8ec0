//! A transcript as a source wrote it: free text, in which a line may begin with a time, with who speaks, or with both.
//!
//! Nothing is invented: a line whose speaker or time nobody wrote has none. What is no known word for a speaker stays
//! in the text, because "note: …" is no person.

use crate::sides::Side;

/// Longer than this, a line is parted at the ends of sentences: it is read and pointed at in pieces.
const LONG_LETTERS: usize = 480;

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who speaks, where the source says so.
    pub side: Option<Side>,
    /// Media time, where the source says so.
    pub at_ms: Option<i64>,
    /// The words.
    pub text: String,
}

/// The lines of a transcript.
pub fn lines(text: &str) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    let mut side = None;
    // A time that stands on a line of its own, as subtitles have it, belongs to the next words.
    let mut waiting_ms = None;
    for raw in text.lines() {
        let (mut at_ms, mut words) = time_at_start(raw.trim());
        if let Some((named, rest)) = speaker_at_start(words) {
            side = Some(named);
            words = rest;
            if at_ms.is_none() {
                (at_ms, words) = time_at_start(words);
            }
        }
        let at_ms = at_ms.or(waiting_ms.take());
        if words.is_empty() {
            waiting_ms = at_ms;
            continue;
        }
        let mut at_ms = at_ms;
        for piece in pieces(words) {
            found.push(Line { side, at_ms: at_ms.take(), text: piece.to_owned() });
        }
    }
    found
}

/// A time in front of the words: `[01:12]`, `(1:02:03.5)`, `01:12 -`, or the first of a span.
fn time_at_start(text: &str) -> (Option<i64>, &str) {
    let bare = text.trim_start_matches(['[', '(']);
    let opened = bare.len() < text.len();
    let end = bare.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ','))).unwrap_or(bare.len());
    let (clock, rest) = bare.split_at(end);
    let clock = clock.trim_end_matches([':', '.', ',']);
    let Some(ms) = clock_ms(clock) else { return (None, text) };
    let mut rest = rest.trim_start();
    for arrow in ["-->", "–", "-"] {
        // The end of a span: our own times say when the next line begins.
        if let Some(second) = rest.strip_prefix(arrow).map(str::trim_start) {
            let end =
                second.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ','))).unwrap_or(second.len());
            if clock_ms(&second[..end]).is_some() {
                rest = &second[end..];
            }
            break;
        }
    }
    let rest = if opened { rest.trim_start().trim_start_matches([']', ')']) } else { rest };
    (Some(ms), rest.trim_start().trim_start_matches(['-', '–', ':']).trim_start())
}

/// `mm:ss` or `h:mm:ss`, with parts of a second or without.
fn clock_ms(clock: &str) -> Option<i64> {
    let parts: Vec<&str> = clock.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let (last, before) = parts.split_last()?;
    let (seconds, fraction) = last.split_once(['.', ',']).unwrap_or((last, ""));
    let number = |text: &str| (1..=3).contains(&text.len()).then(|| text.parse::<i64>().ok()).flatten();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.len() != 2 || !digits(fraction) || !before.iter().all(|part| digits(part)) {
        return None;
    }
    let seconds = number(seconds).filter(|seconds| *seconds < 60)?;
    let before = before.iter().try_fold(0, |sum, part| Some(sum * 60 + number(part)?))?;
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some((before * 60 + seconds) * 1_000 + thousandths.parse::<i64>().ok()?)
}

const AGENT: [&str; 12] =
    ["נציג", "נציגה", "נציג/ה", "נציגת", "סוכן", "סוכנת", "בוט", "agent", "rep", "representative", "assistant", "bot"];
const CUSTOMER: [&str; 8] = ["לקוח", "לקוחה", "לקוח/ה", "customer", "client", "caller", "user", "lead"];

fn speaker_at_start(text: &str) -> Option<(Side, &str)> {
    let (label, rest) = text.split_once(':')?;
    let label = label.trim().trim_matches(['*', '[', ']']).to_lowercase();
    let side = if AGENT.contains(&label.as_str()) {
        Side::Agent
    } else if CUSTOMER.contains(&label.as_str()) {
        Side::Customer
    } else {
        return None;
    };
    Some((side, rest.trim_start()))
}

/// A long line in pieces of whole sentences; a sentence that is itself too long stays whole.
fn pieces(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut letters) = (0, 0);
    let mut last = ' ';
    for (at, letter) in text.char_indices() {
        letters += 1;
        if letters > LONG_LETTERS && letter == ' ' && matches!(last, '.' | '?' | '!' | '…') {
            found.push(text[start..at].trim());
            (start, letters) = (at, 0);
        }
        last = letter;
    }
    found.push(text[start..].trim());
    found.retain(|piece| !piece.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(side: Option<Side>, at_ms: Option<i64>, text: &str) -> Line {
        Line { side, at_ms, text: text.to_owned() }
    }

    #[test]
    fn the_crms_transcript_says_who_and_not_when() {
        let text = "לקוח: שלום, אני מתקשר לגבי מזגן.\nנציג: בשמחה, באיזו עיר?\n\nלקוח: בחיפה.";
        assert_eq!(
            lines(text),
            [
                line(Some(Side::Customer), None, "שלום, אני מתקשר לגבי מזגן."),
                line(Some(Side::Agent), None, "בשמחה, באיזו עיר?"),
                line(Some(Side::Customer), None, "בחיפה."),
            ]
        );
    }

    #[test]
    fn a_time_is_read_however_it_is_written() {
        for (text, at_ms, words) in [
            ("[01:12] Agent: hello", 72_000, "hello"),
            ("Agent: [01:12] hello", 72_000, "hello"),
            ("(1:02:03.5) hello", 3_723_500, "hello"),
            ("01:12 - hello", 72_000, "hello"),
            ("00:01.250 --> 00:04.000\nhello", 1_250, "hello"),
            ("[00:03 - 00:05] hello", 3_000, "hello"),
        ] {
            let found = lines(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!((found[0].at_ms, found[0].text.as_str()), (Some(at_ms), words), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_time_or_a_speaker_stays_in_the_words() {
        for text in ["10:30 works", "at 10:30", "5:77 it is", "note: call back", "12 is the number", "http://a.b"] {
            let found = lines(text);
            // "10:30 works" cannot be told from a time of the recording: it is the one that is taken for one.
            if text.starts_with("10:30") {
                assert_eq!(found[0].at_ms, Some(630_000));
            } else {
                assert_eq!(found, [line(None, None, text)], "{text}");
            }
        }
    }

    #[test]
    fn a_line_without_a_speaker_is_the_same_persons() {
        let found = lines("Agent: one\ntwo\nCustomer: three");
        let sides: Vec<_> = found.iter().map(|line| line.side).collect();
        assert_eq!(sides, [Some(Side::Agent), Some(Side::Agent), Some(Side::Customer)]);
    }

    #[test]
    fn a_wall_of_text_is_parted_between_sentences_and_loses_nothing() {
        let text = "משפט אחד של אדם שמדבר הרבה. ".repeat(200);
        let found = lines(&text);
        assert!(found.len() > 5);
        assert!(found.iter().all(|line| line.text.ends_with('.')));
        let joined: Vec<&str> = found.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(joined.join(" "), text.trim());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic_or_lose_a_letter_of_the_words(text in "(\\PC{0,40}\n?){0,8}") {
            let found = lines(&text);
            prop_assert!(found.iter().all(|line| !line.text.is_empty() && text.contains(&line.text)));
        }
    }
}
