//! One run of one job: HEAD, then bounded ranges into a sealed file, then a look at what it is.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::download::{Event, Failure};
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{AudioFacts, Fact, Reason};
use aftercall_media::scan::{FILE_BYTES_MAX, ScanError, scan};
use aftercall_media::sealed::CHUNK_BYTES;
use aftercall_media::sniff::{SNIFF_BYTES, Sniffed, sniff};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::arriving::Arriving;
use super::intake::{Hold, Writing};
use super::ledger::Arrived;
use super::runner::Inside;
use super::{Analysed, NotAnalysed, failure, room};
use crate::store::table::recording_parts::{self, PartRow};
use crate::store::table::recordings::{Analysis, StoredFile};
use crate::upstream::{Piece, Presence, SameFile, UpstreamError, Validator};
use crate::vault::VaultError;

/// A download says how far it is this often.
const TELL_EVERY: Duration = Duration::from_millis(400);
/// A file that changes while it is read is begun again this often within one attempt.
const RESTARTS_MAX: u32 = 2;
/// What is less, and younger, is not worth a row: a crash costs no more than this.
const KEEP_FROM_BYTES: u64 = 4 * 1024 * 1024;
const KEEP_AFTER: Duration = Duration::from_secs(2);

/// How a run ended.
pub(super) enum Ended {
    /// Something for the machine.
    With(Event),
    /// A durable file in the vault.
    Arrived(Arrived, bool),
}

/// What became of the bytes.
enum Looked {
    Sound(AudioFacts, Option<Analysed>),
    Unsupported(String),
    Not(Failure),
}

pub(super) async fn fetch(inside: &Arc<Inside>, id: &RecordingId, call_age_ms: Option<i64>, hold: &Hold) -> Ended {
    run(inside, id, call_age_ms, hold).await.unwrap_or_else(Ended::With)
}

async fn run(inside: &Arc<Inside>, id: &RecordingId, call_age_ms: Option<i64>, hold: &Hold) -> Result<Ended, Event> {
    let of_source = |error: UpstreamError| failure::event(&error, call_age_ms);
    let of_disk = |code| Event::Failed(failure::of_disk(code));
    room::make(inside, id, None).await?;
    let presence = || async {
        match inside.parts.source.head(id).await.map_err(of_source)? {
            Presence::NotYet { retry_after_ms } => Err(Event::NotYet { retry_after_ms }),
            Presence::Here { total_bytes } => {
                check_size(total_bytes).map_err(Event::Failed)?;
                Ok(total_bytes)
            }
        }
    };
    let mut total_bytes = presence().await?;
    room::make(inside, id, Some(total_bytes)).await?;
    let mut part = Part::take_up(inside, id, total_bytes, hold).await.map_err(of_disk)?;
    let mut restarts = 0;
    let mut coming = None;
    loop {
        let mut writing = Writing::start(part.arriving.clone(), Arc::clone(hold));
        let mut filling = Filling::new(inside, id, &mut part);
        let other = match filling.fill(&mut writing, coming.take()).await {
            Ok(()) => {
                writing.end().await.map_err(of_disk)?;
                break;
            }
            Err(Stop::Restart(other)) => {
                writing.pause().await;
                other
            }
            Err(Stop::Disk) => return Err(of_disk(writing.end().await.err().unwrap_or(Code::Internal))),
            Err(Stop::Source(error)) => {
                writing.pause().await;
                part.keep_or_drop(inside, id).await;
                return Err(of_source(error));
            }
        };
        // Another file: under another key, so that nothing of the two can ever be taken for one.
        restarts += 1;
        part.drop_it(inside, id).await;
        if restarts > RESTARTS_MAX {
            return Err(of_source(UpstreamError::Changed));
        }
        total_bytes = match &other {
            Some(piece) => piece.total_bytes,
            None => presence().await?,
        };
        check_size(total_bytes).map_err(Event::Failed)?;
        coming = other.filter(|piece| piece.is_whole).map(|piece| *piece);
        part = Part::begin(inside, id, total_bytes, hold).await.map_err(of_disk)?;
    }
    // Looked at before it has its name: what is no recording never takes the place of a file that is here, and who is
    // killed while looking goes on with a part that is whole.
    match look(inside, &part.arriving).await {
        Looked::Sound(facts, analysed) => {
            let file = part.finish(hold).await.map_err(of_disk)?;
            let damaged_packets = analysed.as_ref().map_or(0, |analysed| analysed.damaged_packets);
            let analysis = analysed.map(|analysed| Analysis { peaks: analysed.peaks, turns: analysed.turns });
            Ok(Ended::Arrived(Arrived { file, facts: Some(facts), analysis, damaged_packets }, true))
        }
        Looked::Unsupported(codec) => {
            let file = part.finish(hold).await.map_err(of_disk)?;
            let facts = AudioFacts { codec, channels: 0, sample_rate_hz: 0, duration_ms: 0 };
            Ok(Ended::Arrived(Arrived { file, facts: Some(facts), analysis: None, damaged_packets: 0 }, false))
        }
        Looked::Not(failure) => {
            part.drop_it(inside, id).await;
            Err(Event::Failed(failure))
        }
    }
}

enum Stop {
    /// The file is another one: begin again. With the answer that said so, where its body can be used.
    Restart(Option<Box<Piece>>),
    /// The thread that writes gave up.
    Disk,
    Source(UpstreamError),
}

impl From<UpstreamError> for Stop {
    fn from(error: UpstreamError) -> Self {
        Self::Source(error)
    }
}

/// What is here of the recording, and what proves that the rest is of the same file.
struct Part {
    arriving: Arriving,
    validator: Option<Validator>,
    /// Read back from the disk, to be compared with what the source has there now.
    proof: Option<(u64, Zeroizing<Vec<u8>>)>,
    /// Its keys are in a row.
    is_kept: bool,
}

impl Part {
    /// Goes on with what an earlier run left, where it can be proved that the source still has that file; else begins.
    async fn take_up(inside: &Arc<Inside>, id: &RecordingId, total_bytes: u64, hold: &Hold) -> Result<Self, Code> {
        let of = id.clone();
        let kept = inside.parts.store.read(move |conn| recording_parts::get(conn, &of)).await;
        let Some(row) = kept.map_err(|error| error.code())? else {
            return Self::begin(inside, id, total_bytes, hold).await;
        };
        let same_file = inside.parts.source.same_file(id);
        let provable = same_file == SameFile::ByBytes || row.validator.is_some();
        if row.file.plain_len == total_bytes && provable {
            match Self::resume(inside, id, row, same_file, hold).await {
                Ok(part) => return Ok(part),
                Err(code) => tracing::debug!(code = code.as_str(), "nothing to go on with"),
            }
        }
        inside.give_up(id);
        Self::begin(inside, id, total_bytes, hold).await
    }

    async fn begin(inside: &Arc<Inside>, id: &RecordingId, total_bytes: u64, hold: &Hold) -> Result<Self, Code> {
        let (vault, of, hold) = (Arc::clone(&inside.parts.vault), id.clone(), Arc::clone(hold));
        let begun = blocking(move || {
            let _hold = hold;
            vault.begin(&of, total_bytes)
        });
        let arriving = inside.arrives(id, begun.await?);
        Ok(Self { arriving, validator: None, proof: None, is_kept: false })
    }

    async fn resume(
        inside: &Arc<Inside>,
        id: &RecordingId,
        row: PartRow,
        same_file: SameFile,
        hold: &Hold,
    ) -> Result<Self, Code> {
        let (vault, of, hold) = (Arc::clone(&inside.parts.vault), id.clone(), Arc::clone(hold));
        let (listened_to, file) = (inside.arriving(id), row.file);
        let resumed = blocking(move || {
            let _hold = hold;
            let listened_to = listened_to.filter(|one| one.intake().keys() == &file && !one.is_over());
            let (intake, listened_to) = match listened_to {
                Some(one) => (None, Some(one)),
                None => (Some(vault.resume(&of, file)?), None),
            };
            let sealed = match (&intake, &listened_to) {
                (Some(intake), _) => intake.sealed(),
                (None, Some(one)) => one.intake().sealed(),
                (None, None) => return Err(VaultError::Missing),
            };
            // A file that is whole was fetched as one: it needs no proof, and there is nothing to be asked for.
            let proof = match sealed.furthest().filter(|_| same_file == SameFile::ByBytes && !sealed.is_whole()) {
                Some(index) => sealed.chunk(index)?.map(|chunk| (index, Zeroizing::new(chunk.bytes().to_vec()))),
                None => None,
            };
            Ok((intake, listened_to, proof))
        });
        let (intake, listened_to, proof) = resumed.await?;
        let arriving = match (intake, listened_to) {
            (Some(intake), _) => inside.arrives(id, intake),
            (None, Some(one)) => one,
            (None, None) => return Err(Code::Internal),
        };
        Ok(Self { arriving, validator: row.validator.map(Validator::new), proof, is_kept: true })
    }

    /// Writes the keys into a row, so that a later run can go on.
    async fn keep(&mut self, inside: &Arc<Inside>, id: &RecordingId) {
        self.is_kept = true;
        let validator = self.validator.as_ref().map(|validator| validator.as_str().to_owned());
        let row = PartRow { file: self.arriving.intake().keys().clone(), validator };
        inside.keep_part(id, row).await;
    }

    /// What is here is kept for the next run, unless nothing could prove then that the source still has that file.
    async fn keep_or_drop(&mut self, inside: &Arc<Inside>, id: &RecordingId) {
        let provable = inside.parts.source.same_file(id) == SameFile::ByBytes || self.validator.is_some();
        if !provable || self.arriving.stretches().is_empty() {
            self.drop_it(inside, id).await;
        } else if !self.is_kept {
            self.keep(inside, id).await;
        }
    }

    /// Makes the whole file durable under its name.
    async fn finish(&self, hold: &Hold) -> Result<StoredFile, Code> {
        let (arriving, hold) = (self.arriving.clone(), Arc::clone(hold));
        blocking(move || {
            let _hold = hold;
            arriving.intake().finish()
        })
        .await
    }

    /// The file is of no use. Its key goes first: it cannot be read any more, whatever becomes of its bytes.
    async fn drop_it(&mut self, inside: &Arc<Inside>, id: &RecordingId) {
        inside.give_up(id);
        inside.forget_part(id).await;
        let (vault, of) = (Arc::clone(&inside.parts.vault), id.clone());
        if let Err(code) = blocking(move || vault.remove_unfinished(&of)).await {
            tracing::debug!(code = code.as_str(), "an unfinished file was not removed");
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, VaultError> + Send + 'static) -> Result<T, Code> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.code()),
        Err(_) => Err(Code::Internal),
    }
}

/// One way through the file, in ranges, from wherever it is listened to.
struct Filling<'a> {
    inside: &'a Arc<Inside>,
    id: &'a RecordingId,
    part: &'a mut Part,
    /// Chunks that are here or handed over.
    got: Vec<bool>,
    bytes_here: u64,
    /// The chunk that is coming together: the last byte of it is the one before `at`.
    chunk: Zeroizing<Vec<u8>>,
    at: u64,
    begun: Instant,
    told: Option<Instant>,
}

impl<'a> Filling<'a> {
    fn new(inside: &'a Arc<Inside>, id: &'a RecordingId, part: &'a mut Part) -> Self {
        let sealed = part.arriving.intake().sealed();
        let got: Vec<bool> = (0..sealed.chunk_count()).map(|index| sealed.has(index)).collect();
        let bytes_here = sealed.bytes_here();
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
        Self { inside, id, got, bytes_here, chunk, at: 0, begun: Instant::now(), told: None, part }
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
    async fn fill(&mut self, writing: &mut Writing, mut coming: Option<Piece>) -> Result<(), Stop> {
        while self.go_on() {
            let piece = match coming.take() {
                Some(piece) => piece,
                None => self.ask().await?,
            };
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
            answer => answer?,
        };
        let is_other = piece.total_bytes != self.total_bytes()
            || piece.validator.as_ref().is_some_and(|now| same.is_some_and(|then| then != now));
        // Neither may be spliced to what is here: a part of another file, nor a whole one in place of a part.
        if is_other || piece.start != first || (piece.is_whole && !is_fresh) {
            return Err(Stop::Restart(Some(Box::new(piece))));
        }
        if self.part.validator.is_none() {
            self.part.validator = piece.validator.clone();
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
            let plain = std::mem::replace(&mut self.chunk, Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)));
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

fn check_size(total_bytes: u64) -> Result<(), Failure> {
    match total_bytes {
        0 => Err(Failure::Passing { code: Code::Damaged, retry_after_ms: None }),
        bytes if bytes > FILE_BYTES_MAX => Err(Failure::Permanent(Reason::Code(Code::UnsupportedAudio))),
        _ => Ok(()),
    }
}

fn check_sound(first: &[u8]) -> Result<(), UpstreamError> {
    match sniff(first) {
        Sniffed::Html | Sniffed::Json | Sniffed::Xml | Sniffed::Empty => Err(UpstreamError::NotAudio),
        // What is not known by its first bytes is looked through as a whole.
        Sniffed::Mp3 | Sniffed::Wav | Sniffed::Unknown => Ok(()),
    }
}

/// Reads the whole file once for its facts and once for its peaks.
async fn look(inside: &Arc<Inside>, whole: &Arriving) -> Looked {
    let (inside, whole) = (Arc::clone(inside), whole.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let facts = match scan(whole.cursor()) {
            Ok(scan) => scan.facts,
            Err(ScanError::Unsupported { codec }) => return Looked::Unsupported(codec),
            Err(ScanError::HeaderOnly) => {
                return Looked::Not(Failure::Permanent(Reason::Fact(Fact::HeaderOnly)));
            }
            Err(ScanError::Io(_)) => {
                return Looked::Not(Failure::Passing { code: Code::Internal, retry_after_ms: None });
            }
            Err(error @ (ScanError::NotAudio | ScanError::Malformed)) => {
                return Looked::Not(Failure::NeedsYou(error.code()));
            }
            Err(error @ (ScanError::TooLarge { .. } | ScanError::TooLong | ScanError::OutOfBounds { .. })) => {
                return Looked::Not(Failure::Permanent(Reason::Code(error.code())));
            }
        };
        match inside.parts.analyst.analyse(Box::new(whole.cursor())) {
            Ok(analysed) => Looked::Sound(facts, Some(analysed)),
            Err(NotAnalysed::NotPlayed) => Looked::Unsupported(facts.codec),
            // A recording whose waveform cannot be drawn is still a recording.
            Err(NotAnalysed::NotDecoded) => Looked::Sound(facts, None),
        }
    });
    looked.await.unwrap_or(Looked::Not(Failure::Passing { code: Code::Internal, retry_after_ms: None }))
}
