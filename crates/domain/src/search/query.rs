//! What somebody types.

use super::fold::{self, Folded, is_invisible};
use super::prefixes;
use crate::phone::{self, ISRAEL};

/// Words of a query that are looked for; the rest of a pasted page is not.
const MOST_WORDS: usize = 16;

/// One word of a query: any of `forms` will do, each by its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryWord {
    /// The word as folded, then without its prefixes. A form of several words parted by spaces needs all of them.
    pub forms: Vec<String>,
}

/// Reads a query. Digits that were written apart (`+972 50 555`) are one number. Every word may go on: the last is
/// still being typed, and the others may have been left short. Empty when there is nothing to look for.
pub fn query_words(query: &str) -> Vec<QueryWord> {
    let mut out = Vec::new();
    let mut number = String::new();
    // `ה0` may stand in a text as one word, too: it is looked for as it was typed beside the number alone.
    let mut as_typed = None;
    for part in query.split_whitespace() {
        let bare = without_hebrew_prefix(part);
        if is_number_like(bare) {
            if !number.is_empty() {
                number.push(' ');
            }
            number.push_str(bare);
            as_typed = (bare.len() < part.len() && number.len() == bare.len()).then_some(part);
            continue;
        }
        push_number(&mut number, as_typed.take(), &mut out);
        push_words(part, &mut out);
    }
    push_number(&mut number, as_typed, &mut out);
    out.truncate(MOST_WORDS);
    out
}

fn push_words(text: &str, out: &mut Vec<QueryWord>) {
    let mut folded = Folded::default();
    folded.read(text, false);
    for token in &folded.tokens {
        let word = folded.word(token);
        let rests = prefixes::rests(word, prefixes::cuts_in_query(token)).filter(|rest| !rest.is_empty());
        let forms = std::iter::once(word).chain(rests).map(str::to_owned).collect();
        out.push(QueryWord { forms });
    }
}

fn push_number(number: &mut String, as_typed: Option<&str>, out: &mut Vec<QueryWord>) {
    let number = std::mem::take(number);
    let joined = phone::digits(&number);
    if joined.is_empty() {
        return;
    }
    let mut folded = Folded::default();
    folded.read(&number, false);
    let apart: Vec<&str> = folded.tokens.iter().map(|token| folded.word(token)).collect();
    // 0097250… is dialled abroad; the keys have neither + nor 00.
    let whole = joined.strip_prefix("00").filter(|rest| rest.starts_with(ISRAEL)).unwrap_or(&joined).to_owned();
    let is_phone =
        number.starts_with('+') || joined.starts_with('0') || joined.starts_with(ISRAEL) || joined.len() == 7;
    // An Israeli number is there in its national form.
    let national = whole.strip_prefix(ISRAEL).filter(|rest| !rest.is_empty()).map(|rest| format!("0{rest}"));
    let mut forms = vec![whole];
    forms.extend(national);
    if apart.len() < 2 {
        forms.extend(as_typed.and_then(one_word));
        out.push(QueryWord { forms });
    } else if is_phone {
        forms.push(apart.join(" "));
        out.push(QueryWord { forms });
    } else {
        out.extend(apart.iter().map(|word| QueryWord { forms: vec![(*word).to_owned()] }));
    }
}

/// As folded, where it is one word.
fn one_word(text: &str) -> Option<String> {
    let mut folded = Folded::default();
    folded.read(text, false);
    match folded.tokens.as_slice() {
        [token] => Some(folded.word(token).to_owned()),
        _ => None,
    }
}

/// `ל-050…`, `מ050…`.
fn without_hebrew_prefix(part: &str) -> &str {
    let rest = part.trim_start_matches(|c| fold::code_of(c).is_some_and(fold::is_prefix_letter));
    if rest.len() == part.len() {
        return part;
    }
    let rest = rest.strip_prefix(['-', '\u{5be}']).unwrap_or(rest);
    if rest.starts_with(|c: char| c.is_ascii_digit() || c == '+') { rest } else { part }
}

fn is_number_like(part: &str) -> bool {
    part.chars().any(|c| c.is_ascii_digit())
        && part.chars().all(|c| {
            c.is_ascii_digit()
                || is_invisible(c)
                || matches!(
                    c,
                    '-' | '+' | '(' | ')' | '.' | ',' | '*' | '#' | '/' | '\u{05BE}' | '\u{2010}' | '\u{2011}'
                )
        })
}
