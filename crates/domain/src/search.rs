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

pub use query::{QueryWord, query_words};

use crate::phone;
use fold::{Folded, Key};
use hash::KeyHash;

/// What a row is found by: the folded words of `names` and `texts` and their forms without prefixes, and `numbers` in
/// each way that they are written, parted by spaces, each once.
///
/// `names` are the names of whom the row is about: they have no prefixes, and make the texts clearer.
pub fn index_row(names: &[&str], texts: &[&str], numbers: &[&str]) -> String {
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
        let keys: Vec<Key> = of_names.tokens.iter().map(|token| token.key).filter(|key| *key != 0).collect();
        let mut words = Words::with_capacity(of_names.text.len() + 2 * of_texts.text.len());
        let numbers: Vec<String> = numbers.iter().flat_map(|number| phone::search_keys(number)).collect();
        let mut seen: HashSet<&str, KeyHash> = HashSet::default();
        for number in &numbers {
            words.push_new(&mut seen, number);
        }
        for token in &of_names.tokens {
            words.push_forms(&mut seen, of_names.word(token), prefixes::cuts_in_name(token));
        }
        prefixes::cuts(of_texts, &keys, |token, cuts| words.push_forms(&mut seen, of_texts.word(token), cuts));
        let words = words.0;
        of_names.shrink();
        of_texts.shrink();
        words
    })
}

struct Words(String);

impl Words {
    fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    fn push_new<'a>(&mut self, seen: &mut HashSet<&'a str, KeyHash>, word: &'a str) {
        if !word.is_empty() && seen.insert(word) {
            if !self.0.is_empty() {
                self.0.push(' ');
            }
            self.0.push_str(word);
        }
    }

    fn push_forms<'a>(&mut self, seen: &mut HashSet<&'a str, KeyHash>, word: &'a str, cuts: prefixes::Cuts) {
        self.push_new(seen, word);
        prefixes::rests(word, cuts).for_each(|rest| self.push_new(seen, rest));
    }
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
