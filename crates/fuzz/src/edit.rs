//! What happens to a seed on its way to a target.

use proptest::prelude::*;
use proptest::sample::Index;

/// One change of some bytes.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Set(u8),
    Flip(u8),
    /// A number that lengths, rates and counts are compared with, in either order of bytes.
    Number(u32, bool),
    Cut(usize),
    Double(usize),
    Truncate,
    Insert(Vec<u8>),
    /// A piece of another seed.
    Splice(Index, Index, usize),
}

const NUMBERS: &[u32] =
    &[0, 1, 2, 7, 8, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFF8];

/// Numbers and words that grammars know.
const WORDS: &[&str] = &[
    "null",
    "[[[[[[[[",
    "}}",
    "\\ud83d",
    "\"\"",
    "1e999",
    "-",
    ",",
    "=",
    "bytes=",
    "0-",
    "-0",
    "99999999999999999999",
    "\0",
    "\"*\"",
    "RIFF",
    "WAVEfmt ",
    "data",
    "ID3",
    "Xing",
    "TAG",
    "\u{5e9}",
    "?t=",
    "//",
    "%2e",
    "GMT",
];

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => any::<u8>().prop_map(Edit::Set),
        3 => (0_u8..8).prop_map(Edit::Flip),
        2 => (proptest::sample::select(NUMBERS), any::<bool>()).prop_map(|(number, big)| Edit::Number(number, big)),
        1 => (1_usize..400).prop_map(Edit::Cut),
        1 => (1_usize..2_000).prop_map(Edit::Double),
        1 => Just(Edit::Truncate),
        2 => proptest::sample::select(WORDS).prop_map(|word| Edit::Insert(word.as_bytes().to_vec())),
        1 => proptest::collection::vec(any::<u8>(), 1..16).prop_map(Edit::Insert),
        1 => (any::<Index>(), any::<Index>(), 1_usize..2_000).prop_map(|(seed, at, len)| Edit::Splice(seed, at, len)),
    ]
}

/// Which seed, and what happens to it where. Half of the places are near the beginning, where headers are.
pub(crate) type Change = (Index, Vec<(bool, Index, Edit)>);

pub(crate) fn change() -> impl Strategy<Value = Change> {
    (any::<Index>(), proptest::collection::vec((any::<bool>(), any::<Index>(), edit()), 0..8))
}

/// The input that a change makes of the seeds.
pub(crate) fn changed(seeds: &[Vec<u8>], (seed, edits): &Change, bytes_max: usize) -> Vec<u8> {
    let mut bytes = seed.get(seeds).clone();
    for (near, at, edit) in edits {
        let at = at.index(if *near { (bytes.len() + 1).min(64) } else { bytes.len() + 1 });
        apply(&mut bytes, at, edit, seeds);
    }
    bytes.truncate(bytes_max);
    bytes
}

fn apply(bytes: &mut Vec<u8>, at: usize, edit: &Edit, seeds: &[Vec<u8>]) {
    let until = |len: usize, bytes: &[u8]| (at + len).min(bytes.len());
    match edit {
        Edit::Set(byte) => {
            if let Some(place) = bytes.get_mut(at) {
                *place = *byte;
            }
        }
        Edit::Flip(bit) => {
            if let Some(place) = bytes.get_mut(at) {
                *place ^= 1 << bit;
            }
        }
        Edit::Number(number, big) => {
            let number = if *big { number.to_be_bytes() } else { number.to_le_bytes() };
            let end = until(4, bytes);
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
        Edit::Cut(len) => drop(bytes.drain(at..until(*len, bytes))),
        Edit::Double(len) => {
            let again = bytes[at..until(*len, bytes)].to_vec();
            bytes.splice(at..at, again);
        }
        Edit::Truncate => bytes.truncate(at),
        Edit::Insert(some) => drop(bytes.splice(at..at, some.iter().copied())),
        Edit::Splice(seed, from, len) => {
            let other = seed.get(seeds);
            let from = from.index(other.len() + 1);
            let piece = other[from..(from + len).min(other.len())].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}
