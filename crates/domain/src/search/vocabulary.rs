//! The words that are known: how frequent each is, of what kind, and what prefixes its kind takes.
//!
//! `vocabulary/vocabulary.bin` is made by `vocabulary/build.py`, which says how; ADR 0008 says why.

use std::sync::LazyLock;

use super::fold::{self, KEY_LETTERS, Key};

static DATA: &[u8] = include_bytes!("../../vocabulary/vocabulary.bin");

const KINDS: usize = 5;
const VERB: usize = 2;
const ADJECTIVE: usize = 4;
/// Mixtures of kinds are in thirds.
const MIXTURES: usize = 35;
/// Weight of a rest that nobody knows.
const UNKNOWN_WEIGHT: f32 = 2e-11;
/// Two letters: where the words that begin with them begin.
const FIRST_LETTERS: usize = 10;

/// A known word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stem {
    /// Its share of all words, as a word of its own.
    pub(super) weight: f32,
    /// A noun, verb or name: its first letter is of its root, whatever the letter. Not בסוף, which only is ב + סוף.
    pub(super) is_opaque: bool,
    pub(super) is_given_name: bool,
    pub(super) is_surname: bool,
    mixture: usize,
    kinds: [f32; KINDS],
}

impl Stem {
    /// It takes the article but no preposition.
    pub(super) fn is_adjective(&self) -> bool {
        self.kinds[ADJECTIVE] > 0.5
    }

    /// It takes neither, but ש and ו.
    pub(super) fn is_verb(&self) -> bool {
        self.kinds[VERB] > 0.5
    }
}

/// The vocabulary in memory, a few megabytes.
pub(super) struct Vocabulary {
    keys: Vec<Key>,
    weights: Vec<u8>,
    kinds: Vec<u8>,
    /// By the first two letters.
    begins: Vec<u32>,
    /// Stacks of prefixes by their letters.
    stacks: Vec<(Key, usize)>,
    /// How often a word of a mixture of kinds takes a stack: `rates[mixture][stack]`.
    rates: Vec<Vec<f32>>,
    unknown_rates: Vec<f32>,
    mixtures: [[f32; KINDS]; MIXTURES],
    /// What the lower seven bits of a weight mean; the eighth says that the word is opaque.
    scale: [f32; 128],
}

/// The vocabulary, read at its first use.
pub(super) fn get() -> &'static Vocabulary {
    static READ: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(DATA).unwrap_or_else(Vocabulary::empty));
    &READ
}

impl Vocabulary {
    /// Every prefix letter is then of the root. Never seen: a test reads the data that is built in.
    fn empty() -> Self {
        Self {
            keys: Vec::new(),
            weights: Vec::new(),
            kinds: Vec::new(),
            begins: vec![0; (1 << FIRST_LETTERS) + 1],
            stacks: vec![(0, 0)],
            rates: vec![vec![1.0]; MIXTURES],
            unknown_rates: vec![1.0],
            mixtures: [[0.0; KINDS]; MIXTURES],
            scale: [0.0; 128],
        }
    }

    fn read(data: &[u8]) -> Option<Self> {
        let mut data = Reader { data };
        (data.take(4)? == b"ACV2").then_some(())?;
        let stack_count = usize::from(data.byte()?);
        (usize::from(data.byte()?) == KINDS).then_some(())?;
        let count = data.number()?;
        let mut stacks = Vec::with_capacity(stack_count);
        for stack in 0..stack_count {
            let letters = usize::from(data.byte()?);
            (letters <= KEY_LETTERS).then_some(())?;
            let codes = data.take(letters)?;
            stacks.push((codes.iter().enumerate().fold(0, |key, (i, code)| key | fold::at(*code & 31, i)), stack));
        }
        stacks.sort_unstable();
        let mut by_kind = Vec::with_capacity(KINDS);
        for _ in 0..KINDS {
            let mut rates = Vec::with_capacity(stack_count);
            for _ in 0..stack_count {
                rates.push(f32::from_le_bytes(data.take(4)?.try_into().ok()?));
            }
            by_kind.push(rates);
        }
        let length = data.number()?;
        let keys = read_keys(data.take(length)?, count)?;
        let weights = data.take(count)?.to_vec();
        let kinds = data.take(count)?.to_vec();
        let mut begins = vec![0; (1 << FIRST_LETTERS) + 1];
        for key in &keys {
            begins[((key >> (64 - FIRST_LETTERS)) + 1) as usize] += 1;
        }
        for i in 1..begins.len() {
            begins[i] += begins[i - 1];
        }
        let mixtures = mixtures();
        let rate = |mixture: &[f32; KINDS], stack: usize| -> f32 {
            mixture.iter().zip(&by_kind).map(|(part, rates)| part * rates[stack]).sum()
        };
        Some(Self {
            rates: mixtures
                .iter()
                .map(|mixture| (0..stack_count).map(|stack| rate(mixture, stack)).collect())
                .collect(),
            unknown_rates: (0..stack_count).map(|stack| rate(&[1.0 / KINDS as f32; KINDS], stack)).collect(),
            keys,
            weights,
            kinds,
            begins,
            stacks,
            mixtures,
            scale: std::array::from_fn(|byte| 10_f32.powf(byte as f32 / 16.0 - 9.0)),
        })
    }

    fn place(&self, key: Key) -> Result<usize, usize> {
        let first = (key >> (64 - FIRST_LETTERS)) as usize;
        let (from, to) = (self.begins[first] as usize, self.begins[first + 1] as usize);
        match self.keys[from..to].binary_search(&key) {
            Ok(at) => Ok(from + at),
            Err(at) => Err(from + at),
        }
    }

    /// The word, where it is known.
    pub(super) fn stem(&self, key: Key) -> Option<Stem> {
        let at = self.place(key).ok()?;
        let kinds = self.kinds[at];
        let mixture = usize::from(kinds & 63).min(MIXTURES - 1);
        Some(Stem {
            weight: self.scale[usize::from(self.weights[at] & 127)],
            is_opaque: self.weights[at] & 128 != 0,
            is_given_name: kinds & 64 != 0,
            is_surname: kinds & 128 != 0,
            mixture,
            kinds: self.mixtures[mixture],
        })
    }

    /// The stack that these `letters` are, where they may be one.
    pub(super) fn stack(&self, head: Key, letters: usize) -> Option<usize> {
        if letters == 0 {
            return Some(0);
        }
        self.stacks.binary_search_by_key(&head, |(key, _)| *key).ok().map(|at| self.stacks[at].1)
    }

    /// How often, among all words, this one comes with this stack before it.
    pub(super) fn likelihood(&self, stem: Option<Stem>, stack: usize) -> f32 {
        match stem {
            Some(stem) => (stem.weight + UNKNOWN_WEIGHT) * self.rates[stem.mixture][stack],
            None => UNKNOWN_WEIGHT * self.unknown_rates[stack],
        }
    }

    /// The same for all words that begin like this.
    pub(super) fn likelihood_of_beginning(&self, key: Key, stack: usize) -> f32 {
        let letters = fold::letters(key);
        let last = key | (u64::MAX.checked_shr(5 * letters as u32).unwrap_or(0));
        let from = self.place(key).unwrap_or_else(|at| at);
        self.keys[from..]
            .iter()
            .zip(self.kinds[from..].iter().zip(&self.weights[from..]))
            .take_while(|(key, _)| **key <= last)
            .map(|(_, (kinds, weight))| {
                self.scale[usize::from(*weight & 127)] * self.rates[usize::from(kinds & 63).min(MIXTURES - 1)][stack]
            })
            .sum()
    }
}

/// All ways to give three thirds to the kinds, in the order of `build.py`.
fn mixtures() -> [[f32; KINDS]; MIXTURES] {
    let mut mixtures = [[0.0; KINDS]; MIXTURES];
    let mut at = 0;
    for number in 0..4_usize.pow(KINDS as u32) {
        let thirds: [usize; KINDS] = std::array::from_fn(|kind| number / 4_usize.pow((KINDS - 1 - kind) as u32) % 4);
        if thirds.iter().sum::<usize>() == 3 {
            mixtures[at] = thirds.map(|third| third as f32 / 3.0);
            at += 1;
        }
    }
    mixtures
}

/// Words in order, each as what it shares with the one before: four bits of how many letters, four bits of how many
/// more, and these in five bits each.
fn read_keys(data: &[u8], count: usize) -> Option<Vec<Key>> {
    let (mut window, mut held) = (0_u64, 0);
    let mut bytes = data.iter();
    let mut next = |bits: u32| -> Option<u64> {
        while held < bits {
            window = window << 8 | u64::from(*bytes.next()?);
            held += 8;
        }
        held -= bits;
        Some(window >> held & ((1 << bits) - 1))
    };
    let mut keys = Vec::with_capacity(count.min(data.len()));
    let mut key = 0;
    for _ in 0..count {
        let shared = next(4)? as usize;
        let more = next(4)? as usize;
        (shared + more <= KEY_LETTERS).then_some(())?;
        key = fold::head(key, shared);
        for i in shared..shared + more {
            key |= fold::at(next(5)? as u8, i);
        }
        keys.push(key);
    }
    keys.is_sorted().then_some(keys)
}

struct Reader<'a> {
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.data.split_at_checked(bytes)?;
        self.data = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.take(4)?.try_into().ok()?)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_that_is_built_in_can_be_read() {
        let vocabulary = Vocabulary::read(DATA).expect("readable");
        assert!(vocabulary.keys.len() > 100_000);
        assert!(DATA.len() < 1_000_000);
        let stem = |word: &str| vocabulary.stem(fold::key_of(word));
        assert!(stem("פגישה").is_some_and(|stem| stem.is_opaque));
        assert!(stem("כהן").is_some_and(|stem| stem.is_surname));
        assert!(stem("דנה").is_some_and(|stem| stem.is_given_name));
        assert!(stem("לפגישה").is_none());
    }

    #[test]
    fn data_cut_short_anywhere_is_refused() {
        for length in [0, 3, 4, 5, 40, 900, 2_000, 100_000, DATA.len() - 1] {
            assert!(Vocabulary::read(&DATA[..length]).is_none(), "{length}");
        }
    }
}
