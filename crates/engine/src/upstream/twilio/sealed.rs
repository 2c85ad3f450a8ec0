//! Encrypted recordings: the body is AES-256-GCM, its key wrapped by RSAES-OAEP with SHA-256 for a public key that the
//! account gave to Twilio. Nothing of a body is released before its tag has verified.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::UpstreamError;
use super::{PrivateKey, pem};

/// The tag stands behind the body.
pub(super) const TAG_BYTES: u64 = 16;
const IV_BYTES: usize = 12;
const KEY_BYTES: usize = 32;

/// What a row says of its recording's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrapped {
    /// `CR…`: which public key.
    public_key_sid: String,
    /// The recording's own key, wrapped.
    cek: Vec<u8>,
    iv: [u8; IV_BYTES],
}

/// Two spellings in one row that do not agree, or a row that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disagreement;

impl Wrapped {
    /// Twilio's own documents spell the names in three ways. All are read; two that differ are refused.
    pub(super) fn read(details: Option<&Value>) -> Result<Option<Self>, Disagreement> {
        let fields = match details {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(fields)) if fields.is_empty() => return Ok(None),
            // Untyped in the API's description: an object in a text is an object too.
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => {
                let inner: Value = serde_json::from_str(text).map_err(|_| Disagreement)?;
                return if inner.is_string() { Err(Disagreement) } else { Self::read(Some(&inner)) };
            }
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(Disagreement),
        };
        let one_of = |names: &[&str]| {
            let mut found: Option<&str> = None;
            for value in names.iter().filter_map(|name| fields.get(*name)).filter(|value| !value.is_null()) {
                let value = value.as_str().ok_or(Disagreement)?;
                if found.is_some_and(|found| found != value) {
                    return Err(Disagreement);
                }
                found = Some(value);
            }
            found.ok_or(Disagreement)
        };
        let decoded = |text: &str| STANDARD.decode(text.trim()).map_err(|_| Disagreement);
        Ok(Some(Self {
            public_key_sid: one_of(&["encryption_public_key_sid", "public_key_sid"])?.to_owned(),
            cek: decoded(one_of(&["encryption_cek", "encrypted_cek"])?)?,
            iv: decoded(one_of(&["encryption_iv", "iv"])?)?.try_into().map_err(|_| Disagreement)?,
        }))
    }

    /// Whether the private key is among these. It may still be a wrong one.
    pub(super) fn is_for(&self, keys: &[PrivateKey]) -> bool {
        keys.iter().any(|key| key.sid == self.public_key_sid)
    }

    /// Opens a whole body. What comes back has verified.
    ///
    /// # Errors
    /// [`UpstreamError::KeyMissing`] where the private key was not given or is not the one; [`UpstreamError::Unverified`]
    /// where the body is not what was sealed.
    pub(super) fn open(
        &self,
        keys: &[PrivateKey],
        mut body: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, UpstreamError> {
        let key = keys.iter().find(|key| key.sid == self.public_key_sid).ok_or(UpstreamError::KeyMissing)?;
        let private = pem::read(&key.pem).map_err(|_| UpstreamError::KeyMissing)?;
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| UpstreamError::KeyMissing)?;
        let mut cek = Zeroizing::new(vec![0; private.min_output_size()]);
        let cek = private.decrypt(&OAEP_SHA256_MGF1SHA256, &self.cek, cek.as_mut_slice(), None);
        // Made for another key: a wrong one was given.
        let cek = cek.map_err(|_| UpstreamError::KeyMissing)?;
        if cek.len() != KEY_BYTES {
            return Err(UpstreamError::Unverified);
        }
        let cipher = UnboundKey::new(&AES_256_GCM, cek).map(LessSafeKey::new).map_err(|_| UpstreamError::Unverified)?;
        let nonce = Nonce::assume_unique_for_key(self.iv);
        let plain =
            cipher.open_in_place(nonce, Aad::empty(), body.as_mut_slice()).map_err(|_| UpstreamError::Unverified)?;
        let plain_len = plain.len();
        body.truncate(plain_len);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeySize, OaepPublicEncryptingKey, PrivateDecryptingKey};
    use secrecy::SecretString;
    use serde_json::json;

    const SOUND: &[u8] = b"RIFF and a voice that nobody else may hear";

    fn pem(key: &PrivateDecryptingKey) -> SecretString {
        let der: Pkcs8V1Der<'_> = key.as_der().expect("der");
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref())).into()
    }

    struct Case {
        keys: Vec<PrivateKey>,
        cek: String,
        iv: String,
        body: Vec<u8>,
    }

    fn case() -> Case {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
        let public = OaepPublicEncryptingKey::new(private.public_key()).expect("a key");
        let mut wrapped = vec![0; public.ciphertext_size()];
        let wrapped = public.encrypt(&OAEP_SHA256_MGF1SHA256, &[7; 32], &mut wrapped, None).expect("wrapped");
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key"));
        let mut body = SOUND.to_vec();
        cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key([9; 12]), Aad::empty(), &mut body)
            .expect("sealed");
        let keys = vec![PrivateKey { sid: "CR1".into(), pem: pem(&private) }];
        Case { keys, cek: STANDARD.encode(wrapped), iv: STANDARD.encode([9; 12]), body }
    }

    fn wrapped(details: &Value) -> Wrapped {
        Wrapped::read(Some(details)).expect("readable").expect("encrypted")
    }

    #[test]
    fn each_of_the_three_spellings_opens_to_the_sound_and_nothing_more() {
        let Case { keys, cek, iv, body } = case();
        for details in [
            json!({"encryption_public_key_sid": "CR1", "encryption_cek": cek, "encryption_iv": iv}),
            json!({"type": "rsa-aes", "encryption_public_key_sid": "CR1", "encryption_cek": cek, "iv": iv}),
            json!({"type": "rsa-aes", "public_key_sid": "CR1", "encrypted_cek": cek, "iv": iv}),
            json!(json!({"public_key_sid": "CR1", "encrypted_cek": cek, "iv": iv}).to_string()),
        ] {
            let opened = wrapped(&details).open(&keys, Zeroizing::new(body.clone())).expect("opened");
            assert_eq!(opened.as_slice(), SOUND, "{details}");
        }
    }

    #[test]
    fn spellings_that_disagree_are_refused() {
        let Case { cek, iv, .. } = case();
        for details in [
            json!({"encryption_public_key_sid": "CR1", "public_key_sid": "CR2", "encryption_cek": cek, "iv": iv}),
            json!({"public_key_sid": "CR1", "encryption_cek": cek, "encrypted_cek": "AAAA", "iv": iv}),
            json!({"public_key_sid": "CR1", "encryption_cek": cek, "iv": iv, "encryption_iv": "AAAAAAAAAAAAAAAA"}),
            json!({"public_key_sid": "CR1", "encryption_cek": cek}),
            json!({"public_key_sid": "CR1", "encryption_cek": cek, "iv": "AAAA"}),
            json!({"public_key_sid": "CR1", "encryption_cek": "%%%", "iv": iv}),
            json!(["rsa-aes"]),
            json!(7),
        ] {
            assert_eq!(Wrapped::read(Some(&details)), Err(Disagreement), "{details}");
        }
        for nothing in [json!(null), json!({}), json!("")] {
            assert_eq!(Wrapped::read(Some(&nothing)), Ok(None));
        }
    }

    #[test]
    fn a_key_that_was_not_given_or_is_another_is_told_from_a_body_that_was_changed() {
        let Case { keys, cek, iv, body } = case();
        let wrapped = wrapped(&json!({"public_key_sid": "CR1", "encrypted_cek": cek, "iv": iv}));
        let open = |keys: &[PrivateKey], body: &[u8]| wrapped.open(keys, Zeroizing::new(body.to_vec())).map(|_| ());
        assert!(matches!(open(&[], &body), Err(UpstreamError::KeyMissing)));
        let other = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
        let wrong = [PrivateKey { sid: "CR1".into(), pem: pem(&other) }];
        assert!(matches!(open(&wrong, &body), Err(UpstreamError::KeyMissing)));
        for at in 0..body.len() {
            let mut changed = body.clone();
            changed[at] ^= 1;
            assert!(matches!(open(&keys, &changed), Err(UpstreamError::Unverified)), "byte {at}");
        }
        for length in [0, 1, 15, 16, body.len() - 1] {
            assert!(matches!(open(&keys, &body[..length]), Err(UpstreamError::Unverified)), "{length} bytes");
        }
    }
}
