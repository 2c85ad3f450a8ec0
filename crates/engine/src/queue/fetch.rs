//! One run of one job: HEAD, then bounded ranges into a sealed file, then a look at what it is.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::download::{Event, Failure};
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{AudioFacts, Fact, Reason};
use aftercall_media::scan::{FILE_BYTES_MAX, ScanError, scan};
use aftercall_media::sniff::{SNIFF_BYTES, Sniffed, sniff};
use tokio::time::Instant;

use super::intake::{Hold, Writing};
use super::ledger::Arrived;
use super::runner::Inside;
use super::{Analysed, failure, room};
use crate::store::table::recordings::{Analysis, StoredFile};
use crate::upstream::{Piece, Presence, UpstreamError};

/// A download says how far it is this often.
const TELL_EVERY: Duration = Duration::from_millis(400);
/// A file that changes while it is read is begun again this often within one attempt.
const RESTARTS_MAX: u32 = 2;

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
    let total_bytes = match inside.parts.source.head(id).await.map_err(of_source)? {
        Presence::NotYet { retry_after_ms } => return Ok(Ended::With(Event::NotYet { retry_after_ms })),
        Presence::Here { total_bytes } => total_bytes,
    };
    room::make(inside, id, Some(total_bytes)).await?;
    let mut download = Download::new(Arc::clone(inside), id.clone(), total_bytes).map_err(Event::Failed)?;
    let file = loop {
        let writing = Writing::start(Arc::clone(&inside.parts.vault), id.clone(), Arc::clone(hold));
        match download.fill(&writing).await {
            Ok(()) => break writing.finish().await.map_err(of_disk)?,
            Err(Stop::Restart(total_bytes)) => {
                writing.abandon().await;
                download.restart(total_bytes)?;
            }
            Err(Stop::Disk) => return Err(of_disk(writing.finish().await.err().unwrap_or(Code::Internal))),
            Err(Stop::Source(error)) => {
                writing.abandon().await;
                return Err(of_source(error));
            }
        }
    };
    if file.plain_len != download.total_bytes {
        remove(inside, id).await;
        return Err(of_source(UpstreamError::Truncated));
    }
    match look(inside, id, &file).await {
        Looked::Sound(facts, analysed) => {
            let damaged_packets = analysed.as_ref().map_or(0, |analysed| analysed.damaged_packets);
            let analysis = analysed.map(|analysed| Analysis { peaks: analysed.peaks, turns: analysed.turns });
            Ok(Ended::Arrived(Arrived { file, facts: Some(facts), analysis, damaged_packets }, true))
        }
        Looked::Unsupported(codec) => {
            let facts = AudioFacts { codec, channels: 0, sample_rate_hz: 0, duration_ms: 0 };
            Ok(Ended::Arrived(Arrived { file, facts: Some(facts), analysis: None, damaged_packets: 0 }, false))
        }
        Looked::Not(failure) => {
            remove(inside, id).await;
            Err(Event::Failed(failure))
        }
    }
}

enum Stop {
    /// The file is another one: begin again, with this length.
    Restart(u64),
    /// The thread that writes gave up.
    Disk,
    Source(UpstreamError),
}

impl From<UpstreamError> for Stop {
    fn from(error: UpstreamError) -> Self {
        Self::Source(error)
    }
}

struct Download {
    inside: Arc<Inside>,
    id: RecordingId,
    total_bytes: u64,
    restarts: u32,
    told: Option<Instant>,
}

impl Download {
    fn new(inside: Arc<Inside>, id: RecordingId, total_bytes: u64) -> Result<Self, Failure> {
        check_size(total_bytes)?;
        Ok(Self { inside, id, total_bytes, restarts: 0, told: None })
    }

    fn restart(&mut self, total_bytes: u64) -> Result<(), Event> {
        check_size(total_bytes).map_err(Event::Failed)?;
        self.restarts += 1;
        if self.restarts > RESTARTS_MAX {
            return Err(failure::event(&UpstreamError::Changed, None));
        }
        self.total_bytes = total_bytes;
        Ok(())
    }

    /// From the first byte to the last. Neither an ETag nor If-Range proves here that two ranges are of one file:
    /// the length in every answer is compared with the first.
    async fn fill(&mut self, writing: &Writing) -> Result<(), Stop> {
        let mut first = Vec::new();
        let mut here = 0;
        while here < self.total_bytes {
            let last = (here + self.inside.options.piece_bytes).min(self.total_bytes) - 1;
            let Piece { start, total_bytes, mut body } = self.inside.parts.source.range(&self.id, here, last).await?;
            if total_bytes != self.total_bytes || start != here {
                return Err(Stop::Restart(total_bytes));
            }
            while let Some(bytes) = body.chunk().await? {
                if first.len() < SNIFF_BYTES {
                    first.extend_from_slice(&bytes[..bytes.len().min(SNIFF_BYTES - first.len())]);
                    if first.len() == SNIFF_BYTES || first.len() as u64 == self.total_bytes {
                        check_sound(&first)?;
                    }
                }
                here += bytes.len() as u64;
                if !writing.write(bytes).await {
                    return Err(Stop::Disk);
                }
                self.tell(here).await;
            }
        }
        self.told = None;
        self.tell(here).await;
        Ok(())
    }

    async fn tell(&mut self, bytes_here: u64) {
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        self.inside.progress(&self.id, bytes_here, self.total_bytes).await;
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

/// Reads the stored file once for its facts and once for its peaks.
async fn look(inside: &Arc<Inside>, id: &RecordingId, file: &StoredFile) -> Looked {
    let (inside, id, file) = (Arc::clone(inside), id.clone(), file.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let reader = match inside.parts.vault.reader(&id, &file) {
            Ok(reader) => reader,
            Err(error) => return Looked::Not(failure::of_disk(error.code())),
        };
        let facts = match scan(reader.cursor()) {
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
        // A recording whose waveform cannot be drawn is still a recording.
        let analysed = inside.parts.analyst.analyse(Box::new(reader.cursor()));
        if analysed.is_err() {
            tracing::warn!("a recording could not be analysed");
        }
        Looked::Sound(facts, analysed.ok())
    });
    looked.await.unwrap_or(Looked::Not(Failure::Passing { code: Code::Internal, retry_after_ms: None }))
}

/// The file is of no use; its key was kept nowhere, so that it could not be read anyway.
async fn remove(inside: &Arc<Inside>, id: &RecordingId) {
    let (inside, id) = (Arc::clone(inside), id.clone());
    let removed = tokio::task::spawn_blocking(move || inside.parts.vault.remove(&id)).await;
    if let Ok(Err(error)) = removed {
        tracing::debug!(code = error.code().as_str(), "a refused file was not removed");
    }
}
