//! Bytes that are wiped when they are dropped.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize as _;

/// Plain bytes of a recording, in memory. `Zeroizing<Vec<u8>>` does the same one byte at a time, which takes longer than
/// to read, decrypt and copy them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wiped(Vec<u8>);

impl Wiped {
    /// Takes them.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// None yet, with room for so many: what grows beyond its room leaves a copy behind that nobody wipes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
        // What was cleared or cut off is there still.
        self.0.spare_capacity_mut().zeroize();
    }
}

// They must not reach a log.
impl std::fmt::Debug for Wiped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wiped({} bytes)", self.0.len())
    }
}
