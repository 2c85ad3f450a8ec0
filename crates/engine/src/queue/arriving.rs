//! A recording that is arriving, as who listens to it sees it: what is here can be read, what is missing can be asked
//! for first. Nobody waits in here.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aftercall_media::read_at::ReadAt;
use aftercall_media::sealed::{CHUNK_BYTES, ChunkBytes};
use tokio::sync::Notify;

use crate::vault::Intake;

/// The file, and where it is listened to. Clones are the same one; it outlives the run that fetches it, so that a run
/// that goes on with the same file goes on under who listens.
#[derive(Clone)]
pub struct Arriving(pub(super) Arc<Shared>);

pub(super) struct Shared {
    intake: Intake,
    /// First byte that is waited for.
    wanted: AtomicU64,
    asked: Notify,
    /// Nothing more comes into this file: another one is being fetched in its place, or none.
    over: AtomicBool,
}

impl Arriving {
    pub(super) fn new(intake: Intake) -> Self {
        let (wanted, over) = (AtomicU64::new(0), AtomicBool::new(false));
        Self(Arc::new(Shared { intake, wanted, asked: Notify::new(), over }))
    }

    pub(super) fn intake(&self) -> &Intake {
        &self.0.intake
    }

    /// Length of the file when it is whole.
    pub fn total_bytes(&self) -> u64 {
        self.0.intake.sealed().total_bytes()
    }

    /// Every byte is here. The same cursors go on reading, whatever the file is called by now.
    pub fn is_whole(&self) -> bool {
        self.0.intake.sealed().is_whole()
    }

    /// Nothing more comes into this file.
    pub fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Acquire)
    }

    pub(super) fn give_up(&self) {
        self.0.over.store(true, Ordering::Release);
    }

    /// Names the file: another one that is fetched in its place has another.
    pub fn file_id(&self) -> [u8; 16] {
        self.0.intake.keys().file_id
    }

    /// Bytes that can be read from `offset` on without a gap.
    pub fn here_from(&self, offset: u64) -> u64 {
        self.0.intake.sealed().here_from(offset)
    }

    /// The stretches that are here, as first byte and the one behind the last.
    pub fn stretches(&self) -> Vec<(u64, u64)> {
        self.0.intake.sealed().stretches()
    }

    /// What is missing from `offset` on is fetched first.
    pub fn want(&self, offset: u64) {
        if self.0.wanted.swap(offset, Ordering::AcqRel) != offset {
            self.0.asked.notify_one();
        }
    }

    pub(super) fn wanted(&self) -> u64 {
        self.0.wanted.load(Ordering::Acquire)
    }

    /// Somebody wants another place.
    pub(super) async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// The sound as [`Read`] and [`Seek`], at its beginning.
    pub fn cursor(&self) -> ArrivingCursor {
        ArrivingCursor { arriving: self.clone(), position: 0, opened: None }
    }
}

impl ReadAt for Arriving {
    /// Reads plain bytes, at most to the end of the chunk that holds `offset`; what is not here yet fails as it does with a
    /// cursor.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if buf.is_empty() || offset >= self.total_bytes() {
            return Ok(0);
        }
        let chunk = self.chunk(offset / CHUNK_BYTES as u64)?;
        Ok(copy_from(&chunk, buf, offset))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.total_bytes())
    }
}

impl Arriving {
    fn chunk(&self, index: u64) -> io::Result<ChunkBytes> {
        match self.intake().sealed().chunk(index)? {
            Some(chunk) => Ok(chunk),
            None if self.is_over() => Err(io::ErrorKind::StaleNetworkFileHandle.into()),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// From where `offset` lies in its chunk, to the chunk's end.
fn copy_from(chunk: &ChunkBytes, buf: &mut [u8], offset: u64) -> usize {
    let rest = chunk.bytes().get((offset % CHUNK_BYTES as u64) as usize..).unwrap_or_default();
    let n = rest.len().min(buf.len());
    buf[..n].copy_from_slice(&rest[..n]);
    n
}

/// A position in a recording that is arriving. A read of what is not here yet fails at once with
/// [`io::ErrorKind::WouldBlock`]; the end is the end of the whole file.
pub struct ArrivingCursor {
    arriving: Arriving,
    position: u64,
    /// The chunk that was read last: sound is read in small pieces.
    opened: Option<(u64, ChunkBytes)>,
}

impl ArrivingCursor {
    /// What is read from.
    pub fn arriving(&self) -> &Arriving {
        &self.arriving
    }
}

impl Read for ArrivingCursor {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || self.position >= self.arriving.total_bytes() {
            return Ok(0);
        }
        let index = self.position / CHUNK_BYTES as u64;
        if self.opened.as_ref().is_none_or(|(opened, _)| *opened != index) {
            self.opened = Some((index, self.arriving.chunk(index)?));
        }
        let Some((_, chunk)) = &self.opened else { return Ok(0) };
        let n = copy_from(chunk, buf, self.position);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for ArrivingCursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.arriving.total_bytes().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
