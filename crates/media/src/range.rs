//! One `Range` header against one length (RFC 9110, 14).

/// What a `Range` header comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// No range, or one that is ignored: the whole representation.
    Whole,
    /// One range, both ends included and within the length.
    Part {
        /// First byte.
        first: u64,
        /// Last byte, included.
        last: u64,
    },
    /// A valid range that has no byte of this representation.
    Unsatisfiable,
}

/// Resolves the value of a `Range` header against a length in bytes.
pub fn resolve(value: &[u8], len: u64) -> Resolved {
    let _ = (value, len);
    unimplemented!()
}
