//! Reading a sealed recording from any place.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use super::format::{ChunkCipher, SEALED_CHUNK_BYTES, check_header};
use super::{CHUNK_BYTES, CHUNK_OVERHEAD_BYTES, HEADER_BYTES, Seal, SealedError};
use crate::read_at::ReadAt;
use crate::wiped::Wiped;

thread_local! {
    /// A sealed chunk on its way to being opened elsewhere. What it holds is as good as what lies on the disk.
    static SEALED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// How many opened chunks are kept: 1 MiB of plain bytes.
const KEPT_CHUNKS: usize = 16;

/// A sealed file, opened. Clones share the file and the chunks kept. No byte of a chunk that does not verify is ever
/// given out; the plain bytes kept are wiped when the last clone is dropped.
pub struct SealedReader<R: ReadAt> {
    shared: Arc<Shared<R>>,
}

struct Shared<R> {
    source: R,
    cipher: ChunkCipher,
    chunk_count: u64,
    plain_len: u64,
    /// Most recently used last.
    kept: Mutex<VecDeque<(u64, Arc<PlainChunk>)>>,
}

/// An opened chunk; its buffer still has the nonce before and the tag's place behind.
struct PlainChunk {
    buffer: Wiped,
}

impl PlainChunk {
    fn bytes(&self) -> &[u8] {
        let nonce = CHUNK_OVERHEAD_BYTES - 16;
        &self.buffer[nonce..self.buffer.len() - 16]
    }
}

impl<R: ReadAt> Clone for SealedReader<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: ReadAt> SealedReader<R> {
    /// Checks the header, the size, and that the last chunk verifies as the final one, before anything is read.
    pub fn open(source: R, seal: &Seal) -> Result<Self, SealedError> {
        let size = source.len()?;
        let body = size.checked_sub(HEADER_BYTES as u64).ok_or(SealedError::Size)?;
        let mut header = [0; HEADER_BYTES];
        source.read_exact_at(&mut header, 0)?;
        let suite = check_header(&header, seal)?;

        let chunk_count = body.div_ceil(SEALED_CHUNK_BYTES as u64);
        let overhead = chunk_count * CHUNK_OVERHEAD_BYTES as u64;
        let last_bytes = body - chunk_count.saturating_sub(1) * SEALED_CHUNK_BYTES as u64;
        // An empty last chunk is only ever the only one.
        let least = CHUNK_OVERHEAD_BYTES as u64 + u64::from(chunk_count > 1);
        if chunk_count == 0 || last_bytes < least {
            return Err(SealedError::Size);
        }
        let reader = Self {
            shared: Arc::new(Shared {
                source,
                cipher: ChunkCipher::new(seal, suite)?,
                chunk_count,
                plain_len: body - overhead,
                kept: Mutex::new(VecDeque::with_capacity(KEPT_CHUNKS)),
            }),
        };
        reader.chunk(chunk_count - 1)?;
        Ok(reader)
    }

    /// Plain bytes in the file.
    pub fn plain_len(&self) -> u64 {
        self.shared.plain_len
    }

    /// Reads every chunk and checks it. Keeps none of them.
    pub fn verify(&self) -> Result<(), SealedError> {
        (0..self.shared.chunk_count).try_for_each(|index| self.open_chunk(index).map(drop))
    }

    /// The same file as [`Read`] and [`Seek`], at its beginning.
    pub fn cursor(&self) -> SealedCursor<R> {
        SealedCursor { reader: self.clone(), position: 0 }
    }

    fn kept(&self, index: u64) -> Option<Arc<PlainChunk>> {
        // A poisoned lock is a reader that panicked between two whole steps: what is kept is still right.
        let mut kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(i, _)| *i == index)?;
        let hit = kept.remove(at)?;
        let chunk = Arc::clone(&hit.1);
        kept.push_back(hit);
        Some(chunk)
    }

    fn chunk(&self, index: u64) -> Result<Arc<PlainChunk>, SealedError> {
        if let Some(chunk) = self.kept(index) {
            return Ok(chunk);
        }
        // Opened outside the lock, so that readers of other chunks do not wait for the disk.
        let chunk = Arc::new(self.open_chunk(index)?);
        let mut kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.iter().any(|(i, _)| *i == index) {
            if kept.len() == KEPT_CHUNKS {
                kept.pop_front();
            }
            kept.push_back((index, Arc::clone(&chunk)));
        }
        Ok(chunk)
    }

    fn open_chunk(&self, index: u64) -> Result<PlainChunk, SealedError> {
        let mut buffer = Wiped::new(vec![0; self.plain_bytes(index) + CHUNK_OVERHEAD_BYTES]);
        self.read_sealed(index, &mut buffer)?;
        self.shared.cipher.open(index, self.is_final(index), &mut buffer)?;
        Ok(PlainChunk { buffer })
    }

    /// Opens a whole chunk to where it is wanted, and keeps nothing of it.
    fn open_chunk_into(&self, index: u64, plain: &mut [u8]) -> Result<(), SealedError> {
        SEALED.with_borrow_mut(|sealed| {
            sealed.resize(plain.len() + CHUNK_OVERHEAD_BYTES, 0);
            self.read_sealed(index, sealed)?;
            self.shared.cipher.open_into(index, self.is_final(index), sealed, plain)
        })
    }

    fn read_sealed(&self, index: u64, sealed: &mut [u8]) -> Result<(), SealedError> {
        let offset = HEADER_BYTES as u64 + index * SEALED_CHUNK_BYTES as u64;
        self.shared.source.read_exact_at(sealed, offset).map_err(|e| match e.kind() {
            // Cut while it was open: not a passing trouble of the disk.
            io::ErrorKind::UnexpectedEof => SealedError::Chunk { index },
            _ => SealedError::Io(e),
        })
    }

    fn is_final(&self, index: u64) -> bool {
        index + 1 == self.shared.chunk_count
    }

    fn plain_bytes(&self, index: u64) -> usize {
        self.shared.plain_len.saturating_sub(index * CHUNK_BYTES as u64).min(CHUNK_BYTES as u64) as usize
    }
}

impl<R: ReadAt> ReadAt for SealedReader<R> {
    /// Reads plain bytes, at most to the end of the chunk that holds `offset`.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if buf.is_empty() || offset >= self.shared.plain_len {
            return Ok(0);
        }
        let (index, within) = (offset / CHUNK_BYTES as u64, (offset % CHUNK_BYTES as u64) as usize);
        let chunk = match self.kept(index) {
            Some(chunk) => chunk,
            // All of it is wanted, and at once: it is opened to where it shall be.
            None if within == 0 && buf.len() >= self.plain_bytes(index) => {
                let plain = &mut buf[..self.plain_bytes(index)];
                self.open_chunk_into(index, plain)?;
                return Ok(plain.len());
            }
            None => self.chunk(index)?,
        };
        let rest = &chunk.bytes()[within..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.shared.plain_len)
    }
}

/// A position in a [`SealedReader`].
pub struct SealedCursor<R: ReadAt> {
    reader: SealedReader<R>,
    position: u64,
}

impl<R: ReadAt> Clone for SealedCursor<R> {
    fn clone(&self) -> Self {
        Self { reader: self.reader.clone(), position: self.position }
    }
}

impl<R: ReadAt> Read for SealedCursor<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read_at(buf, self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl<R: ReadAt> Seek for SealedCursor<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.reader.plain_len().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
