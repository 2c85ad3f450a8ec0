//! A window onto a file: any few bytes of it, read once where the walk goes forward.

use std::io::{self, Read, Seek, SeekFrom};

const WINDOW_BYTES: usize = 64 * 1024;

/// A reader with a buffer of a fixed size, addressed by offset.
pub(super) struct Window<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// Offset of the buffer's first byte.
    start: u64,
    filled: usize,
    len: u64,
}

impl<R: Read + Seek> Window<R> {
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        let len = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, buffer: vec![0; WINDOW_BYTES].into_boxed_slice(), start: 0, filled: 0, len })
    }

    /// Size of the file in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Up to `count` bytes from `offset` on; fewer only at the end of the file.
    pub(super) fn at(&mut self, offset: u64, count: usize) -> io::Result<&[u8]> {
        debug_assert!(count <= WINDOW_BYTES);
        let there = self.len.saturating_sub(offset).min(count as u64) as usize;
        if offset < self.start || offset + there as u64 > self.start + self.filled as u64 {
            self.reader.seek(SeekFrom::Start(offset))?;
            self.start = offset;
            self.filled = 0;
            while self.filled < WINDOW_BYTES {
                match self.reader.read(&mut self.buffer[self.filled..]) {
                    Ok(0) => break,
                    Ok(n) => self.filled += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    // Of a file that is still arriving, what is here may be enough.
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock && self.filled >= there => break,
                    Err(e) => {
                        self.filled = 0;
                        return Err(e);
                    }
                }
            }
        }
        let from = (offset - self.start) as usize;
        let to = (from + there).min(self.filled);
        Ok(&self.buffer[from.min(to)..to])
    }

    /// `N` bytes at `offset`, where the file has them all.
    pub(super) fn array<const N: usize>(&mut self, offset: u64) -> io::Result<Option<[u8; N]>> {
        Ok(self.at(offset, N)?.try_into().ok())
    }
}
