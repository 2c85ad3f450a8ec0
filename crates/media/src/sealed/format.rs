//! Header, associated data and the cipher of one chunk: everything that test vectors pin down.

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::{Digest, Sha256};

use super::{CHUNK_BYTES, CHUNK_OVERHEAD_BYTES, HEADER_BYTES, Seal, SealedError};

const MAGIC: [u8; 4] = *b"REC1";
const VERSION: u8 = 1;
const LOG2_CHUNK: u8 = CHUNK_BYTES.trailing_zeros() as u8;
pub(super) const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const AAD_BYTES: usize = 4 + 1 + 1 + 16 + 8 + 1 + 32;
/// A full chunk with its nonce and tag.
pub(super) const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + CHUNK_OVERHEAD_BYTES;

const _: () = assert!(NONCE_BYTES + TAG_BYTES == CHUNK_OVERHEAD_BYTES);

/// The cipher of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// AES-256-GCM, where the CPU has instructions for it.
    Aes256Gcm = 1,
    /// ChaCha20-Poly1305, elsewhere.
    ChaCha20Poly1305 = 2,
}

impl Suite {
    /// The faster of the two here. Without AES instructions, GCM is slow and leaks by its timing.
    pub fn of_this_cpu() -> Self {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let has_aes = std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
        #[cfg(target_arch = "aarch64")]
        let has_aes =
            std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull");
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
        let has_aes = false;
        if has_aes { Self::Aes256Gcm } else { Self::ChaCha20Poly1305 }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Aes256Gcm),
            2 => Some(Self::ChaCha20Poly1305),
            _ => None,
        }
    }
}

/// The first [`HEADER_BYTES`] of a file. No byte of it is free: each is fixed, in the AAD, or checked to be zero.
pub(super) fn header(seal: &Seal) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&MAGIC);
    header[4] = VERSION;
    header[5] = seal.suite as u8;
    header[6] = LOG2_CHUNK;
    header[8..24].copy_from_slice(&seal.file_id);
    let crc = crc32c::crc32c(&header[..HEADER_BYTES - 4]);
    header[HEADER_BYTES - 4..].copy_from_slice(&crc.to_be_bytes());
    header
}

/// Checks a header against the seal that the row gives, and says which suite the file was written with.
pub(super) fn check_header(found: &[u8; HEADER_BYTES], seal: &Seal) -> Result<Suite, SealedError> {
    let suite = Suite::from_byte(found[5]).ok_or(SealedError::Header)?;
    let file_id: [u8; 16] = std::array::from_fn(|i| found[8 + i]);
    // A header of ours is exactly what would be written for its suite and file id.
    let ours = header(&Seal { file_id, suite, ..seal.clone() });
    if found != &ours {
        return Err(SealedError::Header);
    }
    if file_id != seal.file_id {
        return Err(SealedError::OtherFile);
    }
    Ok(suite)
}

/// Seals and opens chunks of one file.
pub(super) struct ChunkCipher {
    key: LessSafeKey,
    /// The AAD with the index and the final flag still open.
    aad: [u8; AAD_BYTES],
}

impl ChunkCipher {
    pub(super) fn new(seal: &Seal, suite: Suite) -> Result<Self, SealedError> {
        let algorithm = match suite {
            Suite::Aes256Gcm => &AES_256_GCM,
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key = UnboundKey::new(algorithm, seal.key()).map_err(|_| SealedError::Cipher)?;
        let mut aad = [0; AAD_BYTES];
        aad[..4].copy_from_slice(&MAGIC);
        aad[4] = VERSION;
        aad[5] = suite as u8;
        aad[6..22].copy_from_slice(&seal.file_id);
        aad[31..].copy_from_slice(&Sha256::digest(seal.recording_id.as_bytes()));
        Ok(Self { key: LessSafeKey::new(key), aad })
    }

    fn aad(&self, index: u64, is_final: bool) -> Aad<[u8; AAD_BYTES]> {
        let mut aad = self.aad;
        aad[22..30].copy_from_slice(&index.to_be_bytes());
        aad[30] = u8::from(is_final);
        Aad::from(aad)
    }

    /// Writes `nonce | ciphertext | tag` of `plain` into `sealed`, replacing what was there.
    pub(super) fn seal(
        &self,
        index: u64,
        is_final: bool,
        nonce: [u8; NONCE_BYTES],
        plain: &[u8],
        sealed: &mut Vec<u8>,
    ) -> Result<(), SealedError> {
        sealed.clear();
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                self.aad(index, is_final),
                &mut sealed[NONCE_BYTES..],
            )
            .map_err(|_| SealedError::Cipher)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens `nonce | ciphertext | tag` in place and gives the plain bytes. On failure the buffer holds nothing of use.
    pub(super) fn open<'a>(&self, index: u64, is_final: bool, sealed: &'a mut [u8]) -> Result<&'a [u8], SealedError> {
        let damaged = || SealedError::Chunk { index };
        let (nonce, text) = sealed.split_at_mut_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let plain = self.key.open_in_place(nonce, self.aad(index, is_final), text).map_err(|_| damaged())?;
        Ok(plain)
    }

    /// Opens `nonce | ciphertext | tag` into `plain`, which is as long as the text is. On failure it holds nothing of use.
    pub(super) fn open_into(
        &self,
        index: u64,
        is_final: bool,
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), SealedError> {
        let damaged = || SealedError::Chunk { index };
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let (text, tag) = text.split_at_checked(plain.len()).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let opened = self.key.open_separate_gather(nonce, self.aad(index, is_final), text, tag, plain);
        opened.map_err(|_| damaged())
    }
}
