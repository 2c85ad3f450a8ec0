//! One way through a file, in ranges, from wherever it is listened to.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::ids::RecordingId;
use aftercall_media::sealed::CHUNK_BYTES;
use aftercall_media::sniff::{SNIFF_BYTES, Sniffed, sniff};
use aftercall_media::wiped::Wiped;
use tokio::time::Instant;

use super::inside::{Inside, Stage};
use super::intake::Writing;
use super::part::Part;
use crate::upstream::{Piece, Ranged, UpstreamError};

/// A download says how far it is this often.
const TELL_EVERY: Duration = Duration::from_millis(400);
/// What is less, and younger, is not worth a row: a crash costs no more than this.
const KEEP_FROM_BYTES: u64 = 4 * 1024 * 1024;
const KEEP_AFTER: Duration = Duration::from_secs(2);

/// Why a way through the file ended before its end.
pub(super) enum Stop {
    /// The file is another one: begin again. With the answer that said so, where its body can be used.
    Restart(Option<Box<Piece>>),
    /// The source does not have it any more, and prepares it again.
    NotYet {
        /// What it asks for.
        retry_after_ms: Option<i64>,
    },
    /// The thread that writes gave up.
    Disk,
    Source(UpstreamError),
}

impl From<UpstreamError> for Stop {
    fn from(error: UpstreamError) -> Self {
        Self::Source(error)
    }
}

/// One way through the file.
pub(super) struct Filling<'a> {
    inside: &'a Arc<Inside>,
    id: &'a RecordingId,
    part: &'a mut Part,
    /// Chunks that are here or handed over.
    got: Vec<bool>,
    bytes_here: u64,
    /// The chunk that is coming together: the last byte of it is the one before `at`.
    chunk: Wiped,
    at: u64,
    begun: Instant,
    told: Option<Instant>,
}

impl<'a> Filling<'a> {
    /// `is_waited_for`: somebody sees how far it is, from the first bytes on.
    pub(super) fn new(inside: &'a Arc<Inside>, id: &'a RecordingId, part: &'a mut Part, is_waited_for: bool) -> Self {
        let sealed = part.arriving.intake().sealed();
        let got: Vec<bool> = (0..sealed.chunk_count()).map(|index| sealed.has(index)).collect();
        let bytes_here = sealed.bytes_here();
        let chunk = Wiped::with_capacity(CHUNK_BYTES);
        let told = (!is_waited_for).then(Instant::now);
        Self { inside, id, got, bytes_here, chunk, at: 0, begun: Instant::now(), told, part }
    }

    fn total_bytes(&self) -> u64 {
        self.part.arriving.total_bytes()
    }

    fn index(&self) -> u64 {
        self.at / CHUNK_BYTES as u64
    }

    fn is_got(&self, index: u64) -> bool {
        self.got.get(index as usize).copied().unwrap_or(true)
    }

    /// What is listened to and not here.
    fn missing_ahead(&self) -> Option<u64> {
        let wanted = self.part.arriving.wanted() / CHUNK_BYTES as u64;
        let chunks = self.got.len() as u64;
        (wanted..chunks).chain(0..wanted.min(chunks)).find(|&index| !self.is_got(index))
    }

    /// Goes to where the next range begins; false when nothing is missing.
    fn go_on(&mut self) -> bool {
        if !self.chunk.is_empty() && self.part.proof.is_some() {
            return true;
        }
        if let Some((index, _)) = &self.part.proof {
            self.at = index * CHUNK_BYTES as u64;
            return true;
        }
        let Some(index) = self.missing_ahead() else { return false };
        if self.chunk.is_empty() || index != self.index() {
            self.chunk.clear();
            self.at = index * CHUNK_BYTES as u64;
        }
        true
    }

    /// The last byte of the range from here: at most as long as is asked for at a time, and not into what is here.
    fn last(&self) -> u64 {
        let next = (self.index() + 1..self.got.len() as u64).find(|&index| self.is_got(index));
        let gap_end = next.map_or(self.total_bytes(), |index| index * CHUNK_BYTES as u64);
        (self.at + self.inside.options.piece_bytes).min(gap_end).min(self.total_bytes()) - 1
    }

    /// Until nothing is missing. `coming` is a body that is on its way already.
    pub(super) async fn fill(&mut self, writing: &mut Writing, mut coming: Option<Piece>) -> Result<(), Stop> {
        while self.go_on() {
            let piece = match coming.take() {
                Some(piece) => piece,
                None => self.ask().await?,
            };
            if self.part.validator.is_none() {
                self.part.validator = piece.validator.clone();
            }
            self.take(piece, writing).await?;
        }
        Ok(())
    }

    async fn ask(&mut self) -> Result<Piece, Stop> {
        let (first, last) = (self.at, self.last());
        let is_fresh = self.bytes_here == 0 && self.chunk.is_empty();
        let same = self.part.validator.as_ref();
        let piece = match self.inside.parts.source.range(self.id, first, last, same).await {
            // There is no such place in the file that the source has now.
            Err(UpstreamError::Changed) if !is_fresh => return Err(Stop::Restart(None)),
            answer => match answer? {
                Ranged::Piece(piece) => {
                    self.inside.reached(self.id, Stage::Arriving);
                    *piece
                }
                Ranged::NotYet { retry_after_ms } => return Err(Stop::NotYet { retry_after_ms }),
            },
        };
        let is_other = piece.total_bytes != self.total_bytes()
            || piece.validator.as_ref().is_some_and(|now| same.is_some_and(|then| then != now));
        // Neither may be spliced to what is here: a part of another file, nor a whole one in place of a part.
        if is_other || piece.start != first || (piece.is_whole && !is_fresh) {
            return Err(Stop::Restart(Some(Box::new(piece))));
        }
        Ok(piece)
    }

    async fn take(&mut self, piece: Piece, writing: &mut Writing) -> Result<(), Stop> {
        if piece.start != self.at {
            self.chunk.clear();
            self.at = piece.start;
        }
        let end = self.at + piece.body.left();
        let mut body = piece.body;
        loop {
            let bytes = tokio::select! {
                biased;
                () = self.part.arriving.asked() => {
                    // A source that sends whole files only would begin again at the first byte.
                    if !piece.is_whole && self.is_elsewhere(end) {
                        return Ok(());
                    }
                    continue;
                }
                () = writing.sync_due() => {
                    if writing.sync().await { continue }
                    return Err(Stop::Disk);
                }
                bytes = body.chunk() => bytes?,
            };
            let Some(bytes) = bytes else { return Ok(()) };
            self.store(&bytes, writing).await?;
            self.tell().await;
        }
    }

    /// Somebody waits for a place that this answer does not bring.
    fn is_elsewhere(&self, end: u64) -> bool {
        let coming = self.index()..end.div_ceil(CHUNK_BYTES as u64);
        self.part.proof.is_none() && self.missing_ahead().is_some_and(|index| !coming.contains(&index))
    }

    async fn store(&mut self, mut bytes: &[u8], writing: &mut Writing) -> Result<(), Stop> {
        while !bytes.is_empty() {
            let index = self.index();
            let whole = self.part.arriving.intake().sealed().chunk_bytes(index);
            let n = bytes.len().min(whole.saturating_sub(self.chunk.len()));
            if n == 0 {
                return Err(UpstreamError::Truncated.into());
            }
            self.chunk.extend_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            self.at += n as u64;
            if self.chunk.len() < whole {
                return Ok(());
            }
            let plain = std::mem::replace(&mut self.chunk, Wiped::with_capacity(CHUNK_BYTES));
            if index == 0 {
                check_sound(&plain[..plain.len().min(SNIFF_BYTES)])?;
            }
            if let Some((_, here)) = self.part.proof.take() {
                if *here != *plain {
                    return Err(Stop::Restart(None));
                }
                continue;
            }
            if self.is_got(index) {
                continue;
            }
            self.got[index as usize] = true;
            self.bytes_here += plain.len() as u64;
            if !writing.put(index, plain).await {
                return Err(Stop::Disk);
            }
        }
        Ok(())
    }

    async fn tell(&mut self) {
        let here = self.bytes_here + self.chunk.len() as u64;
        if !self.part.is_kept && (here >= KEEP_FROM_BYTES || self.begun.elapsed() >= KEEP_AFTER) {
            self.part.keep(self.inside, self.id).await;
        }
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        self.inside.progress(self.id, here, self.total_bytes()).await;
    }
}

fn check_sound(first: &[u8]) -> Result<(), UpstreamError> {
    match sniff(first) {
        Sniffed::Html | Sniffed::Json | Sniffed::Xml | Sniffed::Empty => Err(UpstreamError::NotAudio),
        // What is not known by its first bytes is looked through as a whole.
        Sniffed::Mp3 | Sniffed::Wav | Sniffed::Unknown => Ok(()),
    }
}
