//! A hasher for keys that are well spread already: the standard one costs more than all else that is done to a word.

use std::hash::{BuildHasherDefault, Hasher};

/// Multiplies and folds. Not against somebody who chooses keys: a bad case is slow, never wrong.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in chunks.by_ref() {
            self.write_u64(chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
        let rest = chunks.remainder().iter().fold(bytes.len() as u64, |word, byte| word << 8 | u64::from(*byte));
        self.write_u64(rest);
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
        self.0 = (mixed as u64) ^ ((mixed >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(super) type KeyHash = BuildHasherDefault<Mix>;
