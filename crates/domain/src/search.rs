//! Words for searching as one types, in Hebrew and everything else.
//!
//! A text is folded into words; a Hebrew word is also known without the one-letter prefixes glued to it, where these
//! letters are prefixes and not of its root. A query is folded the same way; each of its words must be met, by its
//! beginning.

mod fold;
mod hash;
mod numbers;
mod prefixes;
mod query;
mod sentence;
mod vocabulary;

use std::cell::RefCell;
use std::collections::HashSet;

use compact_str::CompactString;
pub use query::{QueryWord, query_words};
use smallvec::SmallVec;

use crate::phone;
use fold::{Folded, Key};
use hash::KeyHash;

/// What a row is found by: the folded words of `names` and `texts` and their forms without prefixes, and `numbers` in
/// each way that they are written and by their heads, parted by spaces, each once.
///
/// `names` are the names of whom the row is about: they have no prefixes, and make the texts clearer.
pub fn index_row(names: &[&str], texts: &[&str], numbers: &[&str]) -> String {
    let numbers = keys_of(numbers);
    with_folded(names, texts, |folded| {
        let mut words = Words::with_capacity(folded.of_names.text.len() + 2 * folded.of_texts.text.len());
        let mut seen: HashSet<&str, KeyHash> = HashSet::default();
        folded.visit(&numbers, &mut |word| words.push_new(&mut seen, word));
        words.0
    })
}

/// Calls `visit` with each word that [`index_row`] would hold; one may come several times.
pub fn visit_row(names: &[&str], texts: &[&str], numbers: &[&str], mut visit: impl FnMut(&str)) {
    let numbers = keys_of(numbers);
    with_folded(names, texts, |folded| folded.visit(&numbers, &mut |word| visit(word)));
}

fn keys_of(numbers: &[&str]) -> SmallVec<[CompactString; 9]> {
    numbers.iter().flat_map(|number| phone::search_keys(number)).collect()
}

/// A row's names and texts, as words.
struct FoldedRow<'f> {
    of_names: &'f Folded,
    of_texts: &'f Folded,
    /// Of the names' words.
    keys: SmallVec<[Key; 4]>,
}

/// Folds into room that is used again for the next row.
fn with_folded<T>(names: &[&str], texts: &[&str], work: impl FnOnce(&FoldedRow<'_>) -> T) -> T {
    thread_local! {
        static FOLDED: RefCell<[Folded; 2]> = RefCell::default();
    }
    FOLDED.with_borrow_mut(|[of_names, of_texts]| {
        of_names.clear();
        of_texts.clear();
        for name in names {
            of_names.read(name, true);
        }
        for text in texts {
            of_texts.read(text, true);
        }
        let keys = of_names.tokens.iter().map(|token| token.key).filter(|key| *key != 0).collect();
        let done = work(&FoldedRow { of_names, of_texts, keys });
        of_names.shrink();
        of_texts.shrink();
        done
    })
}

impl<'f> FoldedRow<'f> {
    fn visit<'a>(&self, numbers: &'a [CompactString], visit: &mut impl FnMut(&'a str))
    where
        'f: 'a,
    {
        let mut with_heads = |word: &'a str| {
            visit(word);
            number_heads(word).for_each(&mut *visit);
        };
        numbers.iter().filter(|number| !number.is_empty()).for_each(|number| with_heads(number));
        let mut forms = |word: &'a str, cuts| {
            if !word.is_empty() {
                with_heads(word);
            }
            prefixes::rests(word, cuts).filter(|rest| !rest.is_empty()).for_each(&mut with_heads);
        };
        for token in &self.of_names.tokens {
            forms(self.of_names.word(token), prefixes::cuts_in_name(token));
        }
        prefixes::cuts(self.of_texts, &self.keys, |token, cuts| forms(self.of_texts.word(token), cuts));
    }
}

struct Words(String);

impl Words {
    fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    fn push_new<'a>(&mut self, seen: &mut HashSet<&'a str, KeyHash>, word: &'a str) {
        if seen.insert(word) {
            if !self.0.is_empty() {
                self.0.push(' ');
            }
            self.0.push_str(word);
        }
    }
}

/// Digits of a number's heads.
const HEADS: [usize; 2] = [8, 5];

/// The first digits of a word that begins with a nought and more digits than these: a word of its own, so that thousands
/// of numbers that begin alike (`0505…`) are few words to look for while one is typed.
fn number_heads(word: &str) -> impl Iterator<Item = &str> {
    let digits = if word.starts_with('0') { word.bytes().take_while(u8::is_ascii_digit).count() } else { 0 };
    HEADS.into_iter().filter(move |head| digits > *head).filter_map(|head| word.get(..head))
}

/// What a text is found by, alone: see [`index_row`].
pub fn index_text(text: &str) -> String {
    index_row(&[], &[text], &[])
}

/// Whether a text is what a query looks for: what the index answers, without an index.
pub fn is_found(query: &str, indexed: &str) -> bool {
    let has = |word: &str| indexed.split(' ').any(|indexed| indexed.starts_with(word));
    query_words(query).iter().all(|word| word.forms.iter().any(|form| form.split(' ').all(has)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str, text: &str) -> bool {
        is_found(query, &index_text(text))
    }

    #[test]
    fn niqqud_geresh_and_final_letters_do_not_count() {
        assert!(found("שלום", "שָׁלוֹם לכולם"));
        assert!(found("גורג", "ג׳ורג' התקשר"));
        assert!(found("ארהב", "טס לארה״ב"));
        assert!(found("חשבונ", "חשבון"));
        assert!(found("שלום", "\u{fb2a}לום"), "presentation forms are the letters that they show");
        assert!(found("דנה", "\u{202b}ד\u{200f}נה\u{202c} 🎧"), "direction marks are nothing");
    }

    #[test]
    fn each_word_is_in_the_index_once() {
        assert_eq!(index_text("הפגישה, פגישה; הפגישה!"), "הפגישה פגישה");
        assert_eq!(index_row(&["דנה"], &["דנה"], &["050-555-0142", "+972505550142"]).matches("דנה").count(), 1);
        assert_eq!(index_row(&[], &[], &["050-555-0142", "+972505550142"]), "0505550142 05055501 05055 5550142 972");
        assert_eq!(index_text(""), "");
    }

    #[test]
    fn maqaf_and_hyphen_part_words_and_a_prefix_before_them_is_none() {
        assert!(found("ארד", "יעל כהן־ארד"));
        assert!(found("כהן א", "יעל כהן־ארד"));
        assert!(!found("פון", "שיחת טלפון"));
        assert_eq!(index_text("ה-30 ב־CRM"), "30 crm");
    }

    #[test]
    fn the_rows_own_names_say_what_is_a_word() {
        let row = |name: &str, text: &str| index_row(&[name], &[text], &[]);
        assert!(is_found("פלרשטיין", &row("דוד פלרשטיין", "שיחה מפלרשטיין")));
        assert!(!is_found("דינה", &row("יעל מדינה", "מדינה ביקשה פיצוי")), "her name is Medina");
        assert!(is_found("מדינה", &row("יעל מדינה", "למדינה אין חוב")));
        assert!(is_found("משרד", &row("דנה מהמשרד", "")), "a name that says where from");
    }

    #[test]
    fn the_sentence_decides_where_the_word_does_not() {
        assert!(found("קל", "אמרה שקל להתקין"));
        assert!(!found("קל", "עולה מאה שקל"));
        assert!(found("שורה", "הטעות בשורה השלישית"));
        assert!(!found("שורה", "קיבלה בשורה טובה"));
    }

    #[test]
    fn a_number_is_one_word_however_it_is_written() {
        let row = index_row(&[], &["פקס 03-555-0188, הזמנה 4471"], &["+972505550142"]);
        for query in ["050-555", "+972 50 555", "97250555", "0097250555", "5550142", "ל-050555", "03 555", "הזמנה 4471"]
        {
            assert!(is_found(query, &row), "{query}");
        }
        for query in ["0142", "050-556", "0188"] {
            assert!(!is_found(query, &row), "{query}");
        }
        assert_eq!(query_words("כהן 050-555").len(), 2);
        assert!(found("02/2024", "חשבונית 02/2024"), "a date is no phone number");
        assert!(found("ה0", "ה'0") && found("ל050", "טלפון ל-0505550142"), "one word, or a number behind a letter");
    }

    #[test]
    fn a_number_of_many_digits_has_its_heads_as_words() {
        assert_eq!(index_text("הזמנה 05500012345"), "הזמנה 05500012345 05500012 05500");
        assert_eq!(index_text("הזמנה 0505512"), "הזמנה 0505512 05055");
        assert_eq!(index_text("050551ab"), "050551ab 05055", "whatever goes on with a digit is met under the head");
        for without in ["05055", "05055a", "5055501", "0א"] {
            assert_eq!(index_text(without), without);
        }
    }

    #[test]
    fn signs_alone_look_for_nothing_and_length_is_no_matter() {
        assert!(query_words("  --- ״ ' \u{200f} ").is_empty());
        let long = "א".repeat(1_000_000);
        assert!(index_text(&long).len() < 1_000);
        assert!(found(&long, &long));
        assert!(query_words(&"מילה ".repeat(10_000)).len() < 100);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_found_by_its_own_words(text in "\\PC{0,60}") {
            let indexed = index_text(&text);
            for word in indexed.split(' ') {
                proptest::prop_assert!(is_found(word, &indexed), "{word}");
            }
        }

        #[test]
        fn hebrew_is_found_however_it_is_pointed_and_parted(
            text in "([אבהוכלמםןשת][\u{5b0}-\u{5bc}\u{5c1}\u{5c2}]{0,2}|[\"'״׳־ 0-9a-z+().-]){0,40}"
        ) {
            let indexed = index_text(&text);
            for word in query_words(&text).iter().filter(|word| word.forms[0].chars().all(char::is_alphabetic)) {
                let has = |form: &String| indexed.split(' ').any(|indexed| indexed.starts_with(form.as_str()));
                proptest::prop_assert!(word.forms.iter().any(has), "{:?} in {indexed}", word);
            }
        }
    }
}
