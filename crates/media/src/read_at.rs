//! Reading at an offset, without a position of one's own, so that many may read the same file at once.

use std::fs::File;
use std::io;
use std::sync::Arc;

/// Bytes that can be read from any offset by any number of readers at the same time.
pub trait ReadAt: Send + Sync {
    /// Reads up to `buf.len()` bytes that begin `offset` bytes into the whole. Fewer bytes, or none, at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is not a single byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf` from `offset` on, or fails with [`io::ErrorKind::UnexpectedEof`].
    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buf = &mut buf[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Appends `count` bytes from `offset` on to `out`, or fails as [`ReadAt::read_exact_at`]; what is behind the old end
    /// of `out` then is not to be used.
    fn append_at(&self, out: &mut Vec<u8>, offset: u64, count: usize) -> io::Result<()> {
        let start = out.len();
        out.resize(start + count, 0);
        self.read_exact_at(&mut out[start..], offset)
    }
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buf, offset)
    }

    // Moves the file's own position too, which nobody here looks at.
    #[cfg(windows)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// What can be written at any offset, also behind its end, by any number of writers at the same time.
pub trait WriteAt: Send + Sync {
    /// Writes all of `bytes`, beginning `offset` bytes into the whole.
    ///
    /// # Errors
    /// The system's; a part of the bytes may be there then.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

impl WriteAt for File {
    #[cfg(unix)]
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(self, bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(<[u8]>::len(self));
        let n = buf.len().min(<[u8]>::len(self) - start);
        buf[..n].copy_from_slice(&self[start..start + n]);
        Ok(n)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(Vec::len(self) as u64)
    }
}

macro_rules! through {
    ($($pointer:ty),*) => {$(
        impl<T: ReadAt + ?Sized> ReadAt for $pointer {
            fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
                (**self).read_at(buf, offset)
            }

            fn len(&self) -> io::Result<u64> {
                (**self).len()
            }

            fn append_at(&self, out: &mut Vec<u8>, offset: u64, count: usize) -> io::Result<()> {
                (**self).append_at(out, offset, count)
            }
        }
    )*};
}

through!(&T, Box<T>, Arc<T>);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_a_vector_and_what_points_at_them_read_alike() {
        let bytes: Vec<u8> = (0..=99).collect();
        let mut file = tempfile::tempfile().expect("temp file");
        file.write_all(&bytes).expect("written");
        let all: [Box<dyn ReadAt>; 4] = [
            Box::new(file),
            Box::new(bytes.clone()),
            Box::new(Arc::new(bytes.clone())),
            Box::new(bytes.leak() as &[u8]),
        ];
        for source in all {
            assert_eq!(source.len().expect("length"), 100);
            assert!(!source.is_empty().expect("length"));
            let mut buf = [0; 20];
            assert_eq!(source.read_at(&mut buf, 90).expect("read"), 10);
            assert_eq!(buf[..10], [90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
            assert_eq!(source.read_at(&mut buf, 100).expect("read"), 0);
            assert_eq!(source.read_at(&mut buf, i64::MAX as u64).unwrap_or(0), 0);
            source.read_exact_at(&mut buf, 80).expect("read");
            assert_eq!(buf[19], 99);
            let short = source.read_exact_at(&mut buf, 81).expect_err("too short");
            assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
