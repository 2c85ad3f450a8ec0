//! Which letters at the front of a Hebrew word are glued prefixes.
//!
//! A word is read in every way that the grammar of prefixes allows: as it stands, and as a stack of prefixes with a
//! rest. Each reading weighs what the vocabulary says: how frequent the rest is as a word of its own, times how often
//! words of its kind take this stack. The neighbours in the sentence shift the weights; niqqud rules readings out.

use std::cell::RefCell;
use std::collections::HashMap;

use super::fold::{
    self, BET, Folded, GERESH, GERSHAYIM, HE, KAF, Key, LAMED, LONGEST_STACK, MEM, NUN, SHIN, Token, VAV,
};
use super::hash::KeyHash;
use super::sentence::{self, Traits};
use super::vocabulary::{self, Stem, Vocabulary};

/// A prefix is seen through from this share of the readings on, where the word as it stands is one of the vocabulary:
/// missing a word costs more than finding one too many, so it is well below a half.
const SHARE_AGAINST_A_WORD: f32 = 0.12;
/// The same where it is none.
const SHARE: f32 = 0.05;
/// A name, and the few letters of a query, are as they stand unless that is clearly the less likely reading.
const LIKELIER: f32 = 0.7;
const SHARE_IN_QUERY_AGAINST_A_RARE_WORD: f32 = 0.3;
const SHARE_IN_QUERY: f32 = 0.1;
/// Words whose readings are remembered, per thread.
const MOST_REMEMBERED: usize = 1 << 16;

/// Bit `n`: the word is also found from its `n`-th letter on.
pub(super) type Cuts = u8;

#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Letters that are prefixes.
    cut: u8,
    /// ב + ועדה is written בוועדה: the rest begins one letter later.
    has_doubled_vav: bool,
    likelihood: f32,
    rest: Key,
    rest_is_given_name: bool,
    rest_is_verb: bool,
    /// בן, בת, בר, אבו: with the word behind it a surname.
    rest_is_patronymic: bool,
    /// The word is this prefix and this rest, whatever it has come to mean: כרגע, מחדש, בסוף.
    is_compound: bool,
}

/// What is known of a word wherever it stands.
#[derive(Debug, Clone, Copy)]
struct Entry {
    readings: [Option<Reading>; 8],
    /// Of the word as it stands.
    likelihood: f32,
    /// The sentence may say otherwise only of words that there are.
    is_known: bool,
    /// A noun, verb or name that begins with these letters. Not בסוף, which only is ב + סוף.
    is_opaque: bool,
    traits: Traits,
}

#[derive(Default)]
struct Memo {
    places: HashMap<Key, u32, KeyHash>,
    entries: Vec<Entry>,
}

thread_local! {
    static MEMO: RefCell<Memo> = RefCell::default();
}

impl Memo {
    fn place(&mut self, key: Key) -> usize {
        let entries = &mut self.entries;
        *self.places.entry(key).or_insert_with(|| {
            entries.push(entry(vocabulary::get(), key));
            (entries.len() - 1) as u32
        }) as usize
    }
}

fn stem_of(vocabulary: &Vocabulary, key: Key) -> Option<Stem> {
    (key != 0).then(|| vocabulary.stem(key)).flatten()
}

/// Every way to part the word, the word as it stands first; `has_doubled_vav` for the third of each.
fn partings(vocabulary: &Vocabulary, key: Key) -> impl Iterator<Item = (usize, usize, Key, bool)> {
    let length = fold::letters(key);
    let most = LONGEST_STACK.min(length.saturating_sub(2));
    (0..=most)
        .take_while(move |cut| *cut == 0 || fold::is_prefix_letter(fold::letter(key, cut - 1)))
        .filter_map(move |cut| vocabulary.stack(fold::head(key, cut), cut).map(|stack| (cut, stack)))
        .flat_map(move |(cut, stack)| {
            let rest = key << (5 * cut);
            let doubled = cut > 0 && length - cut > 2 && fold::letter(rest, 0) == VAV && fold::letter(rest, 1) == VAV;
            std::iter::once((cut, stack, rest, false)).chain(doubled.then_some((cut, stack, rest << 5, true)))
        })
}

fn entry(vocabulary: &Vocabulary, key: Key) -> Entry {
    let mut key = key;
    // An abbreviation that nobody knows is judged by its letters.
    for mark in [GERSHAYIM, GERESH] {
        if (0..fold::letters(key)).any(|i| fold::letter(key, i) == mark)
            && !(0..4).any(|cut| stem_of(vocabulary, key << (5 * cut)).is_some())
        {
            key = without(key, mark);
        }
    }
    let whole = stem_of(vocabulary, key);
    let mut readings = [None; 8];
    let mut likelihood = 0.0;
    let mut count = 0;
    let mut definite = 0.0;
    let mut sum = 0.0;
    for (cut, stack, rest, has_doubled_vav) in partings(vocabulary, key) {
        let stem = stem_of(vocabulary, rest);
        let weight = vocabulary.likelihood(stem, stack);
        sum += weight;
        if cut == 0 {
            likelihood = weight;
        } else if count < readings.len() {
            if fold::letter(key, cut - 1) == HE {
                definite += weight;
            }
            readings[count] = Some(Reading {
                cut: cut as u8,
                has_doubled_vav,
                likelihood: weight,
                rest,
                rest_is_given_name: stem.is_some_and(|stem| stem.is_given_name),
                rest_is_verb: stem.is_some_and(|stem| stem.is_verb()),
                rest_is_patronymic: sentence::traits_of(rest).has(Traits::PATRONYMIC),
                is_compound: cut == 1
                    && whole.is_some_and(|stem| !stem.is_opaque)
                    && matches!(fold::letter(key, 0), BET | LAMED | MEM | KAF)
                    && fold::letters(rest) > 2
                    && (is_common(stem) || possessed(rest).any(|stem| is_common(stem_of(vocabulary, stem)))),
            });
            count += 1;
        }
    }
    let mut traits = sentence::traits_of(key);
    if let Some(stem) = whole {
        traits |= Traits::when(stem.is_surname, Traits::SURNAME)
            | Traits::when(stem.is_given_name, Traits::GIVEN_NAME)
            | Traits::when(stem.is_adjective() && stem.weight > 1e-7, Traits::ADJECTIVE);
    }
    traits |= Traits::when(fold::letter(key, 0) == HE && definite > sum / 2.0, Traits::DEFINITE);
    let is_known = whole.is_some_and(|stem| stem.weight > 1e-8);
    Entry { readings, likelihood, is_known, is_opaque: is_known && whole.is_some_and(|stem| stem.is_opaque), traits }
}

fn is_common(stem: Option<Stem>) -> bool {
    stem.is_some_and(|stem| stem.weight > 1e-6)
}

/// What a word is without the ending that says whose: לדעתם is ל + דעת + their.
fn possessed(word: Key) -> impl Iterator<Item = Key> {
    let length = fold::letters(word);
    let last = |back: usize| if length > back { fold::letter(word, length - 1 - back) } else { 0 };
    let endings = match (last(1), last(0)) {
        (NUN, VAV) | (KAF | HE, MEM | NUN) => [2, 1],
        (_, MEM | NUN | VAV | KAF | HE) => [1, 1],
        _ => [0, 0],
    };
    let ends = endings.into_iter().filter(move |letters| *letters > 0 && length > letters + 2);
    ends.map(move |letters| fold::head(word, length - letters))
}

fn without(key: Key, mark: u8) -> Key {
    let kept = (0..fold::letters(key)).map(|i| fold::letter(key, i)).filter(|code| *code != mark);
    kept.enumerate().fold(0, |key, (i, code)| key | fold::at(code, i))
}

/// Seen through: the whole stack, each part of it (`והפגישה`, `הפגישה`, `פגישה`), and a doubled vav.
fn cuts_of(vocabulary: &Vocabulary, key: Key, reading: &Reading) -> Cuts {
    let mut cuts = 1 << reading.cut;
    if reading.has_doubled_vav {
        cuts |= 1 << (reading.cut + 1);
    }
    for cut in 1..usize::from(reading.cut) {
        if vocabulary.stack(fold::head(key, cut), cut).is_some() {
            cuts |= 1 << cut;
        }
    }
    cuts
}

/// Where prefixes are seen through in each word of a text. `names` are words that stand for themselves in its row: the
/// lead's name is never cut, and what is left when prefixes are cut off is a word if it is the lead's name.
pub(super) fn cuts(folded: &Folded, names: &[Key], mut found: impl FnMut(&Token, Cuts)) {
    let vocabulary = vocabulary::get();
    MEMO.with_borrow_mut(|memo| {
        if memo.entries.len() >= MOST_REMEMBERED {
            *memo = Memo::default();
        }
        let tokens = &folded.tokens;
        let traits = |memo: &mut Memo, token: Option<&Token>| match token {
            None => Traits::default(),
            Some(token) if token.key != 0 => {
                let place = memo.place(token.key);
                memo.entries[place].traits
            }
            Some(token) => Traits::when(token.is_number, Traits::NUMBER),
        };
        let mut before = Traits::default();
        let mut here = traits(memo, tokens.first());
        for (i, token) in tokens.iter().enumerate() {
            let next = tokens.get(i + 1).filter(|next| !next.is_first);
            let after = traits(memo, tokens.get(i + 1));
            if let Some(cuts) = plain_cuts(token) {
                found(token, cuts);
            } else {
                let place = memo.place(token.key);
                let entry = &memo.entries[place];
                let around = Around {
                    is_first: token.is_first,
                    before: if token.is_first { Traits::default() } else { before },
                    after: if next.is_some() { after } else { Traits::default() },
                    next: next.map_or(0, |next| next.key),
                };
                found(token, cuts_in_sentence(vocabulary, token, entry, &around, names));
            }
            before = here;
            here = after;
        }
    });
}

/// The neighbours of a word.
struct Around {
    is_first: bool,
    before: Traits,
    after: Traits,
    next: Key,
}

fn cuts_in_sentence(vocabulary: &Vocabulary, token: &Token, entry: &Entry, around: &Around, names: &[Key]) -> Cuts {
    if names.contains(&token.key) {
        return 0;
    }
    let mut weights = [0.0; 8];
    let mut sum = entry.likelihood;
    for (weight, reading) in weights.iter_mut().zip(entry.readings.iter().flatten()) {
        if !token.points.are_absent() && !token.points.allow(token.key, usize::from(reading.cut)) {
            continue;
        }
        *weight = reading.likelihood;
        if entry.is_known {
            *weight *= factor(token, reading, entry, around);
        }
        sum += *weight;
    }
    let least = sum * if entry.is_opaque { SHARE_AGAINST_A_WORD } else { SHARE };
    let mut cuts = 0;
    for (weight, reading) in weights.iter().zip(entry.readings.iter().flatten()) {
        if *weight > 0.0 && (*weight >= least || reading.is_compound || names.contains(&reading.rest)) {
            cuts |= cuts_of(vocabulary, token.key, reading);
        }
    }
    cuts
}

/// How much likelier the sentence makes a reading, against the word as it stands.
fn factor(token: &Token, reading: &Reading, entry: &Entry, around: &Around) -> f32 {
    let key = token.key;
    let cut = usize::from(reading.cut);
    let (first, last) = (fold::letter(key, 0), fold::letter(key, cut - 1));
    let subordinates = (0..cut).any(|i| fold::letter(key, i) == SHIN);
    let is_preposition = matches!(last, BET | LAMED | MEM | KAF);
    let before = around.before;
    let mut factor = 1.0;
    // כָּאָב: who points כאב, pain, writes a shva.
    if matches!(last, BET | LAMED | KAF) && token.points.hide_an_article(key, cut - 1) {
        factor *= 50.0;
    }
    if around.is_first {
        // Notes begin with what somebody did: שלח, שאל, ועד הבית.
        if subordinates {
            factor *= 0.003;
        } else if first == VAV {
            factor *= 0.05;
        } else if matches!(first, BET | LAMED | MEM | KAF) && entry.is_opaque {
            factor *= 0.15;
        }
    } else if before.has(Traits::SAYS) {
        if subordinates {
            factor *= 25.0;
        }
    } else if subordinates && reading.rest_is_verb {
        // מוצר שקנה: a verb needs the ש behind a noun.
        factor *= 5.0;
    } else if before.has(Traits::PREPOSITION) {
        factor *= if cut == 1 && first == HE { 1.5 } else { 0.1 };
    } else if before.has(Traits::NUMBER) {
        factor *= 0.1;
    }
    if (last == BET && before.has(Traits::TAKES_BET))
        || (last == LAMED && before.has(Traits::TAKES_LAMED))
        || (last == MEM && before.has(Traits::TAKES_MEM))
    {
        factor *= 8.0;
    }
    // הסביר את: an object makes it a verb.
    if around.after.has(Traits::OBJECT_MARK) && (last == HE || is_preposition) {
        factor *= 0.05;
    }
    if around.after.has(Traits::DEFINITE) {
        // בשורה השלישית: the adjective has the article, so the noun has it, hidden in the preposition.
        if fold::letter(reading.rest, fold::letters(reading.rest) - 1) == HE
            && last != MEM
            && (last == HE || is_preposition)
        {
            factor *= 8.0;
        }
    } else if around.after.has(Traits::ADJECTIVE) {
        // בשורה טובה: it has none.
        if last == HE {
            factor *= 0.1;
        } else if is_preposition && last != MEM {
            factor *= 0.4;
        }
    }
    // לבן שמעון, לבר לב: the first half of a surname of two words.
    if reading.rest_is_patronymic && (around.after.has(Traits::GIVEN_NAME) || around.after.has(Traits::SURNAME)) {
        factor *= 50.0;
    }
    // מדינה רוזן, מאיה שדה.
    if around.next != 0 && around.after.has(Traits::SURNAME) {
        if entry.traits.has(Traits::GIVEN_NAME) {
            factor *= 0.05;
        } else if reading.rest_is_given_name {
            factor *= 400.0;
        }
    }
    factor
}

/// What is left of a word where prefixes are seen through.
pub(super) fn rests(word: &str, cuts: Cuts) -> impl Iterator<Item = &str> {
    // Prefix letters are two bytes each.
    (1..8).filter(move |cut| cuts & 1 << cut != 0).filter_map(|cut| word.get(2 * cut..))
}

/// What is known without the vocabulary: a prefix that is shown, or that there can be none.
fn plain_cuts(token: &Token) -> Option<Cuts> {
    if token.shown_prefix > 0 {
        return Some(1 << token.shown_prefix);
    }
    (token.key == 0 || !fold::is_prefix_letter(fold::letter(token.key, 0))).then_some(0)
}

/// Where prefixes are seen through in a name. It may say where somebody is from (`דנה מהמשרד`), but is hardly ever cut.
pub(super) fn cuts_in_name(token: &Token) -> Cuts {
    if let Some(cuts) = plain_cuts(token) {
        return cuts;
    }
    let vocabulary = vocabulary::get();
    let entry = entry(vocabulary, token.key);
    if entry.is_known { 0 } else { likelier_cuts(vocabulary, token, &entry) }
}

/// Where prefixes are likelier than the word as it stands.
fn likelier_cuts(vocabulary: &Vocabulary, token: &Token, entry: &Entry) -> Cuts {
    let readings = || {
        let readings = entry.readings.iter().flatten();
        readings.filter(|reading| token.points.are_absent() || token.points.allow(token.key, usize::from(reading.cut)))
    };
    let sum = entry.likelihood + readings().map(|reading| reading.likelihood).sum::<f32>();
    readings()
        .filter(|reading| reading.likelihood >= sum * LIKELIER)
        .fold(0, |cuts, reading| cuts | cuts_of(vocabulary, token.key, reading))
}

/// Where prefixes are seen through in a word of a query, of which more may come.
pub(super) fn cuts_in_query(token: &Token) -> Cuts {
    if let Some(cuts) = plain_cuts(token) {
        return cuts;
    }
    let vocabulary = vocabulary::get();
    let entry = entry(vocabulary, token.key);
    let is_possible = |cut: usize| token.points.are_absent() || token.points.allow(token.key, cut);
    if entry.is_opaque {
        return likelier_cuts(vocabulary, token, &entry);
    }
    // Not a word yet: all that may become of it counts.
    let partings: Vec<_> = partings(vocabulary, token.key)
        .filter(|(cut, ..)| is_possible(*cut))
        .map(|(cut, stack, rest, has_doubled_vav)| {
            (vocabulary.likelihood_of_beginning(rest, stack) + 1e-13, cut, has_doubled_vav)
        })
        .collect();
    let sum: f32 = partings.iter().map(|(weight, ..)| weight).sum();
    let least = sum * if entry.is_known { SHARE_IN_QUERY_AGAINST_A_RARE_WORD } else { SHARE_IN_QUERY };
    partings
        .iter()
        .filter(|(weight, cut, _)| *cut > 0 && *weight >= least)
        // Only the rest itself: what the parts of a stack would find, the rest finds.
        .fold(0, |cuts, (_, cut, has_doubled_vav)| cuts | 1 << (cut + usize::from(*has_doubled_vav)))
}
