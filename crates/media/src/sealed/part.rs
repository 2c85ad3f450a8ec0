//! A sealed recording that is still arriving, in whatever order its chunks come.
//!
//! Every chunk has its place, so a file with holes is written as easily as one without. What is there is said by the
//! chunks themselves: a hole does not verify, nor does what a crash left half-written, so no list of chunks is kept
//! that could say otherwise. The last chunk is the only one that is sealed as the final one, and it is held back in
//! memory until all others are there: a file that lacks anything never opens as a whole one.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::format::{ChunkCipher, NONCE_BYTES, SEALED_CHUNK_BYTES, check_header, header};
use super::{CHUNK_BYTES, CHUNK_OVERHEAD_BYTES, HEADER_BYTES, Seal, SealedError};
use crate::read_at::{ReadAt, WriteAt};
use crate::wiped::Wiped;

/// An opened chunk. Wiped when it is dropped.
pub struct ChunkBytes {
    /// The nonce before the bytes and the tag's place behind them, or, with `is_bare`, the bytes alone.
    buffer: Wiped,
    is_bare: bool,
}

impl ChunkBytes {
    /// The plain bytes.
    pub fn bytes(&self) -> &[u8] {
        if self.is_bare {
            return &self.buffer;
        }
        &self.buffer[NONCE_BYTES..self.buffer.len() - (CHUNK_OVERHEAD_BYTES - NONCE_BYTES)]
    }
}

struct Here {
    chunks: Vec<bool>,
    /// How many are not on the disk, the last one included.
    missing: u64,
    /// The last chunk, while others are missing.
    last: Option<Wiped>,
}

/// A sealed file of known length that is not whole yet, or has just become so. Any number may read it while one
/// writes.
pub struct SealedPart<F> {
    file: F,
    cipher: ChunkCipher,
    total_bytes: u64,
    here: Mutex<Here>,
}

impl<F: ReadAt + WriteAt> SealedPart<F> {
    /// Begins a recording of `total_bytes` in an empty file.
    ///
    /// # Errors
    /// The file's; the cipher's.
    pub fn create(file: F, seal: &Seal, total_bytes: u64) -> Result<Self, SealedError> {
        let cipher = ChunkCipher::new(seal, seal.suite())?;
        file.write_all_at(&header(seal), 0)?;
        Ok(Self::with(file, cipher, total_bytes))
    }

    /// Goes on with a file that an earlier run left: every chunk that verifies is here, all else is to come.
    ///
    /// # Errors
    /// `Header` or `OtherFile` where it is not that run's file; the file's own.
    pub fn resume(file: F, seal: &Seal, total_bytes: u64) -> Result<Self, SealedError> {
        let mut found = [0; HEADER_BYTES];
        file.read_exact_at(&mut found, 0).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => SealedError::Header,
            _ => SealedError::Io(e),
        })?;
        let suite = check_header(&found, seal)?;
        let part = Self::with(file, ChunkCipher::new(seal, suite)?, total_bytes);
        for index in 0..part.chunk_count() {
            match part.open_chunk(index) {
                Ok(_) => {
                    let mut here = part.here();
                    here.chunks[index as usize] = true;
                    here.missing -= 1;
                }
                Err(SealedError::Chunk { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(part)
    }

    fn with(file: F, cipher: ChunkCipher, total_bytes: u64) -> Self {
        let chunk_count = total_bytes.div_ceil(CHUNK_BYTES as u64).max(1);
        let here = Here { chunks: vec![false; chunk_count as usize], missing: chunk_count, last: None };
        Self { file, cipher, total_bytes, here: Mutex::new(here) }
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        // Every change to it is one step.
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file below, for syncing it.
    pub fn file(&self) -> &F {
        &self.file
    }

    /// Length of the recording.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// How many chunks it has when it is whole.
    pub fn chunk_count(&self) -> u64 {
        self.here().chunks.len() as u64
    }

    /// Plain bytes of a chunk.
    pub fn chunk_bytes(&self, index: u64) -> usize {
        self.total_bytes.saturating_sub(index * CHUNK_BYTES as u64).min(CHUNK_BYTES as u64) as usize
    }

    /// Every chunk is sealed at its place, the last one as the final one.
    pub fn is_whole(&self) -> bool {
        self.here().missing == 0
    }

    /// Whether a chunk can be read.
    pub fn has(&self, index: u64) -> bool {
        let here = self.here();
        has(&here, index)
    }

    /// The first chunk from `index` on that cannot be read yet.
    pub fn first_missing(&self, index: u64) -> Option<u64> {
        let here = self.here();
        (index..here.chunks.len() as u64).find(|&index| !has(&here, index))
    }

    /// The chunk furthest back that is on the disk: the one by which it is proved that a source still has this file.
    pub fn furthest(&self) -> Option<u64> {
        self.here().chunks.iter().rposition(|&is_here| is_here).map(|index| index as u64)
    }

    /// Plain bytes that can be read.
    pub fn bytes_here(&self) -> u64 {
        let here = self.here();
        (0..here.chunks.len() as u64)
            .filter(|&index| has(&here, index))
            .map(|index| self.chunk_bytes(index) as u64)
            .sum()
    }

    /// Bytes that can be read from `offset` on without a gap.
    pub fn here_from(&self, offset: u64) -> u64 {
        let index = offset / CHUNK_BYTES as u64;
        let here = self.here();
        let end =
            (index..here.chunks.len() as u64).find(|&index| !has(&here, index)).unwrap_or(here.chunks.len() as u64);
        (end * CHUNK_BYTES as u64).min(self.total_bytes).saturating_sub(offset)
    }

    /// The stretches that can be read, as first byte and the one behind the last.
    pub fn stretches(&self) -> Vec<(u64, u64)> {
        let here = self.here();
        let mut found: Vec<(u64, u64)> = Vec::new();
        for index in (0..here.chunks.len() as u64).filter(|&index| has(&here, index)) {
            let start = index * CHUNK_BYTES as u64;
            let end = start + self.chunk_bytes(index) as u64;
            match found.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => found.push((start, end)),
            }
        }
        found
    }

    /// Seals a chunk at its place. One that is here already is left as it is. When nothing but the last is missing,
    /// the last is sealed too, as the final one.
    ///
    /// # Errors
    /// `Size` for a chunk that is not of its length; the file's; the cipher's. What was sealed before is still there.
    pub fn put(&self, index: u64, plain: &[u8]) -> Result<(), SealedError> {
        let last = self.chunk_count() - 1;
        if index > last || plain.len() != self.chunk_bytes(index) {
            return Err(SealedError::Size);
        }
        if self.has(index) {
            return Ok(());
        }
        if index == last {
            self.here().last = Some(Wiped::new(plain.to_vec()));
        } else {
            self.seal(index, false, plain)?;
        }
        let held = {
            let mut here = self.here();
            if here.missing == 1 { here.last.take() } else { None }
        };
        if let Some(plain) = held
            && let Err(error) = self.seal(last, true, &plain)
        {
            self.here().last = Some(plain);
            return Err(error);
        }
        Ok(())
    }

    fn seal(&self, index: u64, is_final: bool, plain: &[u8]) -> Result<(), SealedError> {
        let mut nonce = [0; NONCE_BYTES];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| SealedError::Cipher)?;
        let mut sealed = Vec::with_capacity(SEALED_CHUNK_BYTES);
        self.cipher.seal(index, is_final, nonce, plain, &mut sealed)?;
        self.file.write_all_at(&sealed, place_of(index))?;
        let mut here = self.here();
        here.chunks[index as usize] = true;
        here.missing -= 1;
        Ok(())
    }

    /// A chunk, where it is here.
    ///
    /// # Errors
    /// `Chunk` when it does not verify (any more); the file's.
    pub fn chunk(&self, index: u64) -> Result<Option<ChunkBytes>, SealedError> {
        {
            let here = self.here();
            if !has(&here, index) {
                return Ok(None);
            }
            if !here.chunks[index as usize]
                && let Some(plain) = &here.last
            {
                return Ok(Some(ChunkBytes { buffer: plain.clone(), is_bare: true }));
            }
        }
        self.open_chunk(index).map(Some)
    }

    fn open_chunk(&self, index: u64) -> Result<ChunkBytes, SealedError> {
        let is_final = index + 1 == self.chunk_count();
        let mut buffer = Wiped::new(vec![0; self.chunk_bytes(index) + CHUNK_OVERHEAD_BYTES]);
        self.file.read_exact_at(&mut buffer, place_of(index)).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => SealedError::Chunk { index },
            _ => SealedError::Io(e),
        })?;
        self.cipher.open(index, is_final, &mut buffer)?;
        Ok(ChunkBytes { buffer, is_bare: false })
    }
}

fn has(here: &Here, index: u64) -> bool {
    let chunks = here.chunks.len() as u64;
    index < chunks && (here.chunks[index as usize] || (index + 1 == chunks && here.last.is_some()))
}

fn place_of(index: u64) -> u64 {
    HEADER_BYTES as u64 + index * SEALED_CHUNK_BYTES as u64
}

#[cfg(test)]
#[path = "part_tests.rs"]
mod tests;
