//! Keys as values: wiped when dropped, silent when printed.

use std::fmt;

use aws_lc_rs::{constant_time, hkdf, rand};
use zeroize::Zeroizing;

use super::SecretsError;

/// Bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, SecretsError> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| SecretsError::NoKey)?;
    Ok(bytes)
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(pub(crate) Zeroizing<[u8; 32]>);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

key!(
    /// The one secret of a profile that lies outside of it. Everything else derives from it.
    RootKey
);
key!(
    /// Seals the database.
    DbKey
);
key!(
    /// Wraps the keys of the sealed recordings.
    FileKek
);

impl DbKey {
    /// 64 hex digits, wiped when dropped.
    pub(crate) fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }
}

struct Length(usize);
impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl RootKey {
    /// A new one, from the operating system's random numbers.
    pub(crate) fn generate() -> Result<Self, SecretsError> {
        random().map(Self)
    }

    /// 64 hex digits, wiped when dropped.
    pub(crate) fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    fn derive<const N: usize>(&self, purpose: &[u8]) -> Zeroizing<[u8; N]> {
        let mut key = Zeroizing::new([0; N]);
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"aftercall").extract(self.0.as_slice());
        let info = [purpose];
        // HKDF-SHA256 gives up to 8,160 bytes; the longest asked for here is 32, so neither step can fail.
        #[expect(clippy::expect_used, reason = "32 bytes are within HKDF's bound")]
        secret.expand(&info, Length(N)).and_then(|okm| okm.fill(key.as_mut_slice())).expect("HKDF gives 32 bytes");
        key
    }

    /// The key of the database.
    pub fn db_key(&self) -> DbKey {
        DbKey(self.derive(b"database v1"))
    }

    /// The key that wraps the keys of files.
    pub fn file_kek(&self) -> FileKek {
        FileKek(self.derive(b"files v1"))
    }

    /// Tells this key from another without giving it away: 16 bytes, as hex.
    pub(crate) fn check(&self) -> String {
        hex::encode(self.derive::<16>(b"key check v1").as_slice())
    }

    pub(crate) fn fits(&self, check: &str) -> bool {
        constant_time::verify_slices_are_equal(self.check().as_bytes(), check.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_derived_for_different_purposes_differ_and_are_the_same_every_time() {
        let root = RootKey(Zeroizing::new([7; 32]));
        assert_ne!(root.db_key().0, root.file_kek().0);
        assert_eq!(root.db_key().0, RootKey(Zeroizing::new([7; 32])).db_key().0);
        assert_ne!(root.db_key().0, RootKey(Zeroizing::new([8; 32])).db_key().0);
    }

    #[test]
    fn a_key_says_nothing_when_it_is_printed() {
        let root = RootKey(Zeroizing::new([0xab; 32]));
        assert_eq!(format!("{root:?} {:?} {:?}", root.db_key(), root.file_kek()), "RootKey(…) DbKey(…) FileKek(…)");
    }
}
