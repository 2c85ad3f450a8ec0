//! Sealing a recording as it arrives.

use std::io::{self, Write};

use super::format::{ChunkCipher, NONCE_BYTES, SEALED_CHUNK_BYTES, header};
use super::{CHUNK_BYTES, Seal, SealedError};
use crate::wiped::Wiped;

/// Seals what is written to it, in order. Without [`finish`](Self::finish) there is no final chunk, and no reader
/// will open the file: a download that stopped can never pass for a whole one.
pub struct SealedWriter<W: Write> {
    inner: W,
    cipher: ChunkCipher,
    /// The chunk held back: even a full one stays until more bytes come, because the last must say that it is.
    plain: Wiped,
    sealed: Vec<u8>,
    next_index: u64,
    is_poisoned: bool,
}

impl<W: Write> SealedWriter<W> {
    /// Writes the header. `inner` must be empty and at its beginning.
    pub fn new(mut inner: W, seal: &Seal) -> Result<Self, SealedError> {
        let cipher = ChunkCipher::new(seal, seal.suite())?;
        inner.write_all(&header(seal))?;
        Ok(Self {
            inner,
            cipher,
            plain: Wiped::with_capacity(CHUNK_BYTES),
            sealed: Vec::with_capacity(SEALED_CHUNK_BYTES),
            next_index: 0,
            is_poisoned: false,
        })
    }

    /// Plain bytes taken so far, the held back ones included.
    pub fn plain_len(&self) -> u64 {
        self.next_index * CHUNK_BYTES as u64 + self.plain.len() as u64
    }

    /// What is written to, for syncing it to the disk between chunks.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// Seals what was held back as the final chunk. Gives back what was written to, flushed, and the plain length in
    /// bytes. Syncing it to the disk is the caller's.
    pub fn finish(mut self) -> Result<(W, u64), SealedError> {
        if self.is_poisoned {
            return Err(SealedError::Poisoned);
        }
        let plain_len = self.plain_len();
        self.put_chunk(true)?;
        self.inner.flush()?;
        Ok((self.inner, plain_len))
    }

    fn put_chunk(&mut self, is_final: bool) -> Result<(), SealedError> {
        let mut nonce = [0; NONCE_BYTES];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| SealedError::Cipher)?;
        self.cipher.seal(self.next_index, is_final, nonce, &self.plain, &mut self.sealed)?;
        // Half a chunk may be on the disk when this fails: nothing may follow it.
        self.is_poisoned = true;
        self.inner.write_all(&self.sealed)?;
        self.is_poisoned = false;
        self.plain.clear();
        self.next_index += 1;
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    /// Takes all of `buf`, or fails and takes nothing ever again.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut rest = buf;
        while !rest.is_empty() {
            if self.is_poisoned {
                return Err(io::Error::other(SealedError::Poisoned));
            }
            if self.plain.len() == CHUNK_BYTES {
                self.put_chunk(false)?;
            }
            let n = rest.len().min(CHUNK_BYTES - self.plain.len());
            self.plain.extend_from_slice(&rest[..n]);
            rest = &rest[n..];
        }
        Ok(buf.len())
    }

    /// Flushes what is written to. The chunk held back stays held back.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
