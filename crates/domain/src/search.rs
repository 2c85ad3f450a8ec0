//! Words for searching as one types, in Hebrew and everything else.
//!
//! A text is folded into words; a Hebrew word is also known without its glued one-letter prefixes. A query is folded
//! the same way: each word must be met, the last one by its beginning, because it is still being typed.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::phone;

/// ו ה ב ל מ ש כ: the letters that Hebrew glues to the front of a word.
const PREFIX_LETTERS: [char; 7] = ['ו', 'ה', 'ב', 'ל', 'מ', 'ש', 'כ'];
/// What is left of a word must still be one: shorter rests are roots more often than words.
const LEAST_REST: usize = 3;
/// ו + ש + ל, וכש־: stacks longer than three letters do not occur.
const LONGEST_STACK: usize = 3;

/// Folds a text into lower-case words: niqqud, geresh and gershayim gone, final letters as ordinary ones; maqaf,
/// hyphen, slash and any other sign part words.
pub fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    for c in text.nfkd() {
        match c {
            // Inside a word these are spelling, not a boundary: ג׳ורג׳, ארה״ב, O'Neil.
            '\u{05F3}' | '\u{05F4}' | '\'' | '\u{2019}' | '"' | '\u{201D}' => {}
            c if is_combining_mark(c) || is_invisible(c) => {}
            c if c.is_alphanumeric() => word.extend(fold_final(c).to_lowercase()),
            _ => flush(&mut out, &mut word),
        }
    }
    flush(&mut out, &mut word);
    out
}

fn flush(out: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        out.push(std::mem::take(word));
    }
}

/// Direction marks and zero-width signs arrive pasted into names; they part nothing and mean nothing here.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{00AD}')
}

fn fold_final(c: char) -> char {
    match c {
        'ך' => 'כ',
        'ם' => 'מ',
        'ן' => 'נ',
        'ף' => 'פ',
        'ץ' => 'צ',
        other => other,
    }
}

/// The word without its glued prefixes, one letter fewer at a time; the word itself is not in it.
fn without_prefixes(word: &str) -> Vec<&str> {
    let mut rests = Vec::new();
    let mut rest = word;
    while rests.len() < LONGEST_STACK {
        let mut letters = rest.chars();
        let Some(first) = letters.next() else { break };
        let tail = letters.as_str();
        if !PREFIX_LETTERS.contains(&first) || tail.chars().count() < LEAST_REST {
            break;
        }
        rests.push(tail);
        rest = tail;
    }
    rests
}

/// What a text is found by: its words and their forms without prefixes, parted by spaces, each once.
pub fn index_text(text: &str) -> String {
    let mut seen = std::collections::BTreeSet::new();
    for word in words(text) {
        for rest in without_prefixes(&word) {
            if !seen.contains(rest) {
                seen.insert(rest.to_owned());
            }
        }
        seen.insert(word);
    }
    seen.into_iter().collect::<Vec<_>>().join(" ")
}

/// What a phone number is found by: its digits in each form, parted by spaces.
pub fn index_number(number: &str) -> String {
    phone::search_keys(number).join(" ")
}

/// One word of a query: any of `forms` will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryWord {
    /// The word as folded, then without its prefixes.
    pub forms: Vec<String>,
    /// The word may go on: match beginnings.
    pub is_prefix: bool,
}

fn is_number_like(part: &str) -> bool {
    part.chars().any(|c| c.is_ascii_digit())
        && part.chars().all(|c| {
            c.is_ascii_digit() || is_invisible(c) || matches!(c, '-' | '+' | '(' | ')' | '.' | '*' | '#' | '\u{05BE}')
        })
}

/// Reads a query. Digits that were written apart (`+972 50 555`) are one number; every number is matched by its
/// beginning, and so is the last word. Empty when there is nothing to look for.
pub fn query_words(query: &str) -> Vec<QueryWord> {
    let mut out = Vec::new();
    let mut digits = String::new();
    let flush_digits = |digits: &mut String, out: &mut Vec<QueryWord>| {
        if !digits.is_empty() {
            let number = std::mem::take(digits);
            let number = number.strip_prefix("00").filter(|rest| rest.starts_with("972")).unwrap_or(&number).to_owned();
            out.push(QueryWord { forms: vec![number], is_prefix: true });
        }
    };
    for part in query.split_whitespace() {
        if is_number_like(part) {
            digits.push_str(&phone::digits(part));
            continue;
        }
        flush_digits(&mut digits, &mut out);
        for word in words(part) {
            let rests: Vec<String> = without_prefixes(&word).into_iter().map(str::to_owned).collect();
            out.push(QueryWord { forms: std::iter::once(word).chain(rests).collect(), is_prefix: false });
        }
    }
    flush_digits(&mut digits, &mut out);
    if !query.ends_with(char::is_whitespace)
        && let Some(last) = out.last_mut()
    {
        last.is_prefix = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str, text: &str) -> bool {
        let indexed = index_text(text);
        let indexed: Vec<&str> = indexed.split(' ').collect();
        query_words(query).iter().all(|word| {
            word.forms.iter().any(|form| {
                indexed.iter().any(|w| if word.is_prefix { w.starts_with(form.as_str()) } else { w == form })
            })
        })
    }

    #[test]
    fn niqqud_geresh_and_final_letters_do_not_count() {
        assert!(found("שלום", "שָׁלוֹם לכולם"));
        assert!(found("גורג", "ג׳ורג' התקשר"));
        assert!(found("ארהב", "טס לארה״ב"));
        assert!(found("חשבונ", "חשבון"));
    }

    #[test]
    fn a_glued_prefix_hides_no_word_in_text_or_query() {
        assert!(found("פגישה", "דיברנו על הפגישה"));
        assert!(found("פגישה", "ושבפגישה סוכם"));
        assert!(found("בירושלים", "ירושלים היא כתובת המסירה"));
    }

    #[test]
    fn maqaf_and_hyphen_part_words_and_the_last_word_is_a_beginning() {
        assert!(found("ארד", "יעל כהן־ארד"));
        assert!(found("כהן א", "יעל כהן־ארד"));
        assert!(!found("כה ארד", "יעל כהן־ארד"));
        assert!(!found("פון", "שיחת טלפון"));
    }

    #[test]
    fn a_number_is_one_word_however_it_is_written() {
        for query in ["050-555", "+972 50 555", "97250555", "0097250555", "5550142"] {
            let words = query_words(query);
            assert_eq!(words.len(), 1, "{query}");
            let keys = index_number("+972505550142");
            assert!(keys.split(' ').any(|k| k.starts_with(&words[0].forms[0])), "{query}");
        }
        assert_eq!(query_words("כהן 050-555").len(), 2);
    }

    #[test]
    fn signs_alone_look_for_nothing_and_nothing_panics() {
        assert!(query_words("  --- ״ ' \u{200f} ").is_empty());
        assert!(words(&"א".repeat(100_000)).len() == 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_found_by_its_own_words(text in "\\PC{0,60}") {
            for word in words(&text) {
                proptest::prop_assert!(index_text(&text).split(' ').any(|w| w == word));
            }
        }
    }
}
