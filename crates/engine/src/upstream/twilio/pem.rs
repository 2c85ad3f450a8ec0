//! Private keys as people have them: PEM, PKCS#8 or the older PKCS#1 (`openssl genrsa`).

use aws_lc_rs::rsa::PrivateDecryptingKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// Not an RSA private key in PEM, or one that needs a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no RSA private key in PEM (PKCS#1 or PKCS#8, without a passphrase, at least 2048 bits)")]
pub struct InvalidPrivateKey;

/// Whether a private key can be used here.
///
/// # Errors
/// [`InvalidPrivateKey`].
pub fn check_private_key(pem: &SecretString) -> Result<(), InvalidPrivateKey> {
    read(pem).map(drop)
}

pub(super) fn read(pem: &SecretString) -> Result<PrivateDecryptingKey, InvalidPrivateKey> {
    let der = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| InvalidPrivateKey)?;
    let pkcs8 = match &der {
        PrivateKeyDer::Pkcs8(der) => Zeroizing::new(der.secret_pkcs8_der().to_vec()),
        PrivateKeyDer::Pkcs1(der) => pkcs8_of(der.secret_pkcs1_der()),
        _ => return Err(InvalidPrivateKey),
    };
    PrivateDecryptingKey::from_pkcs8(&pkcs8).map_err(|_| InvalidPrivateKey)
}

/// A PKCS#1 key is what a PKCS#8 key holds, behind a version and the name of the algorithm (RFC 5208).
fn pkcs8_of(pkcs1: &[u8]) -> Zeroizing<Vec<u8>> {
    const VERSION_AND_RSA: &[u8] = &[
        0x02, 0x01, 0x00, // INTEGER 0
        0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05,
        0x00, // rsaEncryption, NULL
    ];
    let octets = tagged(0x04, &[pkcs1]);
    tagged(0x30, &[VERSION_AND_RSA, &octets])
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = Zeroizing::new(vec![tag]);
    match u16::try_from(length) {
        Ok(short @ 0..=0x7F) => der.push(short.to_be_bytes()[1]),
        Ok(long) => {
            der.push(0x82);
            der.extend_from_slice(&long.to_be_bytes());
        }
        // No RSA key is so long; what is made here is refused by whoever reads it.
        Err(_) => der.push(0xFF),
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn pem(label: &str, der: &[u8]) -> SecretString {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)).into()
    }

    #[test]
    fn a_key_is_read_from_pkcs8_and_from_pkcs1_and_from_nothing_else() {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
        let der: Pkcs8V1Der<'_> = key.as_der().expect("der");
        assert!(read(&pem("PRIVATE KEY", der.as_ref())).is_ok());
        // Version, algorithm, and the header of the octets come before the PKCS#1 key: 26 bytes at this size.
        let pkcs1 = &der.as_ref()[26..];
        assert_eq!(pkcs8_of(pkcs1).as_slice(), der.as_ref());
        assert!(read(&pem("RSA PRIVATE KEY", pkcs1)).is_ok());
        for wrong in [
            pem("PUBLIC KEY", der.as_ref()),
            pem("ENCRYPTED PRIVATE KEY", der.as_ref()),
            pem("RSA PRIVATE KEY", der.as_ref()),
            pem("PRIVATE KEY", &der.as_ref()[..200]),
            SecretString::from("hunter2"),
            SecretString::from(""),
        ] {
            assert!(read(&wrong).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(der in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            let _ = read(&pem("RSA PRIVATE KEY", &der));
            let _ = read(&pem("PRIVATE KEY", &der));
            let _ = read(&text.into());
        }
    }
}
