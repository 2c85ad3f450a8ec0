//! Encrypted recordings as Twilio makes them: AES-256-GCM over the sound, its key wrapped by RSAES-OAEP (SHA-256).

use crate::data::mix;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::own::Case;

pub(super) const PUBLIC_KEY_SID: &str = "CR5a0db0c5000000000000000000000001";

/// The key pair of the account's encrypted recordings: of nobody, made anew at every start.
pub struct RecordingKey {
    private: PrivateDecryptingKey,
    /// Each recording's own key as it was wrapped: wrapping is random, and a row does not change by being read.
    wrapped: Mutex<BTreeMap<u64, String>>,
}

impl std::fmt::Debug for RecordingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordingKey(..)")
    }
}

/// One recording's key, as the row tells it, and its sealed bytes.
pub(super) struct Sealed {
    pub details: Value,
    pub bytes: Vec<u8>,
}

impl RecordingKey {
    #[expect(clippy::expect_used, reason = "without random numbers there is nothing to serve")]
    pub(super) fn generate() -> Self {
        Self {
            private: PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key pair"),
            wrapped: Mutex::default(),
        }
    }

    /// The sid that rows name the public key by.
    pub fn sid(&self) -> &'static str {
        PUBLIC_KEY_SID
    }

    /// The private key, PKCS#8 in PEM.
    pub fn private_key_pem(&self) -> String {
        let der: Result<Pkcs8V1Der<'_>, _> = self.private.as_der();
        let text = der.map(|der| STANDARD.encode(der.as_ref())).unwrap_or_default();
        let lines: Vec<String> =
            text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    /// Seals `plain`. The same recording always gets the same key, so that its row and its bytes belong together.
    pub(super) fn seal(&self, case: Case, seed: u64, number: u64, plain: &[u8]) -> Option<Sealed> {
        let word = |salt| mix(seed, salt, number).to_le_bytes();
        let cek: Vec<u8> = [word(80), word(81), word(82), word(83)].concat();
        let iv: Vec<u8> = [word(84), word(85)].concat()[..12].to_vec();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &cek).ok()?);
        let mut bytes = plain.to_vec();
        key.seal_in_place_append_tag(Nonce::try_assume_unique_for_key(&iv).ok()?, Aad::empty(), &mut bytes).ok()?;
        let wrapped = self.wrap(number, &cek)?;
        let iv = STANDARD.encode(iv);
        let details = match case {
            Case::SealedAsExample => {
                json!({"encryption_public_key_sid": PUBLIC_KEY_SID, "encryption_cek": wrapped, "encryption_iv": iv})
            }
            Case::SealedAsTutorial => json!({
                "type": "rsa-aes", "encryption_public_key_sid": PUBLIC_KEY_SID, "encryption_cek": wrapped, "iv": iv,
            }),
            _ => json!({
                "type": "rsa-aes", "public_key_sid": PUBLIC_KEY_SID, "encrypted_cek": wrapped, "iv": iv,
            }),
        };
        Some(Sealed { details, bytes })
    }

    fn wrap(&self, number: u64, cek: &[u8]) -> Option<String> {
        let mut kept = self.wrapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wrapped) = kept.get(&number) {
            return Some(wrapped.clone());
        }
        let public = OaepPublicEncryptingKey::new(self.private.public_key()).ok()?;
        let mut wrapped = vec![0; public.ciphertext_size()];
        let wrapped = STANDARD.encode(public.encrypt(&OAEP_SHA256_MGF1SHA256, cek, &mut wrapped, None).ok()?);
        kept.insert(number, wrapped.clone());
        Some(wrapped)
    }
}
