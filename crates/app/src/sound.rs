//! What can be done with a stored recording: open it, export it, see its shape and who speaks when.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_domain::recording::RecordingState;
use aftercall_domain::sides::Side;
use aftercall_engine::queue::{Arriving, ArrivingCursor};
use aftercall_engine::secrets;
use aftercall_engine::store::table::calls;
use aftercall_engine::store::table::recordings::{self, Analysis};
use aftercall_media::{Peaks, Turn, Turns, cuts};
use aftercall_player::Source;
use aftercall_player::offline::{RenderOptions, write_wav};
use sha2::{Digest as _, Sha256};

use crate::dto::{PeaksView, TurnView, TurnsView};
use crate::errors::AppError;
use crate::library::Library;
use crate::report::{Exported, PeaksReport, TurnLine, TurnsReport};
use crate::start::App;
use crate::{placed, sides};

/// Buckets of a waveform that the window may ask for.
const BUCKETS_MAX: u32 = 65_536;
const COPY_BYTES: usize = 256 << 10;

/// A stored recording, decrypted as it is read.
pub(crate) struct Opened {
    pub source: Box<dyn Source>,
    pub duration_ms: i64,
}

/// A recording that is arriving, as the player reads it: the engine does not know the player.
pub(crate) struct Coming(ArrivingCursor);

impl Coming {
    pub fn of(arriving: &Arriving) -> Self {
        Self(arriving.cursor())
    }
}

impl Read for Coming {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Seek for Coming {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl aftercall_player::Arriving for Coming {
    fn here_from(&self, offset: u64) -> u64 {
        self.0.arriving().here_from(offset)
    }

    fn want(&self, offset: u64) {
        self.0.arriving().want(offset);
    }

    fn again(&self) -> Box<dyn aftercall_player::Arriving> {
        Box::new(Self::of(self.0.arriving()))
    }
}

/// Opens a stored recording.
pub(crate) async fn open(library: &Library, id: &RecordingId) -> Result<Opened, AppError> {
    let asked = id.clone();
    let found = library.store.read(move |conn| Ok((recordings::get(conn, &asked)?, recordings::file(conn, &asked)?)));
    let (row, file) = found.await?;
    let row = row.ok_or(AppError::NotHere { state: RecordingState::ReadyOnline, reason: None })?;
    let (true, Some(file)) = (row.state.is_stored(), file) else {
        return Err(AppError::NotHere { state: row.state, reason: row.reason });
    };
    let (vault, id) = (library.vault.clone(), id.clone());
    let reader = tokio::task::spawn_blocking(move || vault.reader(&id, &file));
    let reader = reader.await.map_err(|_| AppError::Panicked)??;
    let duration_ms = row.facts.map_or(0, |facts| facts.duration_ms);
    Ok(Opened { source: Box::new(reader.cursor()), duration_ms })
}

pub(crate) async fn analysis(library: &Library, id: &RecordingId) -> Result<(Analysis, i64), AppError> {
    let asked = id.clone();
    let found =
        library.store.read(move |conn| Ok((recordings::get(conn, &asked)?, recordings::analysis(conn, &asked)?)));
    match found.await? {
        (Some(row), Some(analysis)) => Ok((analysis, row.facts.map_or(0, |facts| facts.duration_ms))),
        (Some(row), None) => Err(AppError::NotHere { state: row.state, reason: row.reason }),
        (None, _) => Err(AppError::NotHere { state: RecordingState::ReadyOnline, reason: None }),
    }
}

/// The waveform for the window.
pub(crate) async fn peaks_view(library: &Library, id: &RecordingId, buckets: u32) -> Result<PeaksView, AppError> {
    if !(1..=BUCKETS_MAX).contains(&buckets) {
        return Err(AppError::InvalidInput("a waveform has 1 to 65,536 buckets"));
    }
    let peaks = peaks(library, id).await?;
    let sides = sides::of_recording(&library.store, id, peaks.channels()).await?;
    Ok(shape_view(&peaks, peaks.duration_ms(), buckets, sides))
}

/// The shape of a recording of this length, of which these peaks are known from the beginning on.
pub(crate) fn shape_view(peaks: &Peaks, duration_ms: i64, buckets: u32, sides: Vec<Side>) -> PeaksView {
    let known_ms = peaks.duration_ms().min(duration_ms);
    let whole = u64::try_from(duration_ms).unwrap_or(0).max(1);
    let known = u64::from(buckets) * u64::try_from(known_ms).unwrap_or(0) / whole;
    let known = usize::try_from(known).unwrap_or(usize::MAX).max(1);
    let lanes = peaks.buckets(known).into_iter().map(|lane| {
        let mut pairs: Vec<i8> = lane.into_iter().flat_map(|(low, high)| [low, high]).collect();
        pairs.resize(2 * buckets as usize, 0);
        pairs
    });
    PeaksView { channels: peaks.channels(), duration_ms, known_ms, lanes: lanes.collect(), sides }
}

/// Who speaks when, for the window.
pub(crate) async fn turns_view(library: &Library, id: &RecordingId) -> Result<TurnsView, AppError> {
    let (analysis, _) = analysis(library, id).await?;
    let turns = turns(&analysis)?;
    let cuts = cuts(&turns);
    let line = |turn: &Turn| TurnView { channel: turn.channel, start_ms: turn.start_ms, end_ms: turn.end_ms };
    Ok(TurnsView {
        sides: sides::of_recording(&library.store, id, turns.channels).await?,
        channels: turns.channels,
        duration_ms: turns.duration_ms,
        turns: turns.turns.iter().map(line).collect(),
        saved_ms: cuts.iter().map(|cut| cut.length_ms()).sum(),
        cuts: cuts.iter().map(|cut| [cut.start_ms, cut.end_ms]).collect(),
        talk_ms: turns.talk_ms,
        silence_ms: turns.silence_ms,
        overlap_ms: turns.overlap_ms,
    })
}

pub(crate) fn turns(analysis: &Analysis) -> Result<Turns, AppError> {
    serde_json::from_str(&analysis.turns).map_err(|_| AppError::NotFound("turns"))
}

async fn peaks(library: &Library, id: &RecordingId) -> Result<Peaks, AppError> {
    let (analysis, _) = analysis(library, id).await?;
    // Our own bytes: what cannot be read was written by another version, and is made anew with the next download.
    Peaks::from_bytes(&analysis.peaks).map_err(|_| AppError::NotFound("waveform"))
}

impl App {
    /// What is never written over.
    pub(crate) fn own(&self) -> Result<placed::Own, AppError> {
        let folder = self.0.folder.path().to_owned();
        Ok(placed::Own { keys: secrets::key_files(&folder, &self.0.key)?, folder })
    }

    /// The first recording of a call.
    pub(crate) async fn recording_of(&self, sid: &CallSid) -> Result<RecordingId, AppError> {
        let asked = sid.clone();
        let listing = self.store().read(move |conn| calls::listing(conn, &asked)).await?;
        Ok(listing.ok_or(AppError::NotFound("call"))?.recording.id)
    }

    /// Writes the untouched original. The file appears under its name only when it is complete; one that was there is
    /// replaced then, and only then.
    ///
    /// # Errors
    /// `NotHere`; `InvalidInput` for a place that is no file or the app's own; `Output`.
    pub async fn export(&self, sid: &CallSid, out: PathBuf) -> Result<Exported, AppError> {
        let id = self.recording_of(sid).await?;
        let mut source = open(self.library(), &id).await?.source;
        let own = self.own()?;
        let written = tokio::task::spawn_blocking(move || placed::write(&out, &own, |file| copy(&mut source, file)));
        written.await.map_err(|_| AppError::Panicked)?
    }

    /// Writes a clip: a WAV with the recording's rate and channels, made from the original and marked as such.
    ///
    /// # Errors
    /// As [`export`](App::export); `InvalidInput` for a span that cannot be meant.
    pub async fn export_span(
        &self,
        sid: &CallSid,
        from_ms: i64,
        to_ms: Option<i64>,
        out: PathBuf,
    ) -> Result<Exported, AppError> {
        let id = self.recording_of(sid).await?;
        let source = open(self.library(), &id).await?.source;
        let own = self.own()?;
        let options = RenderOptions { from_ms, to_ms, ..RenderOptions::default() };
        let written = tokio::task::spawn_blocking(move || {
            placed::write_by_name(&out, &own, |part| {
                write_wav(source, &options, part)?;
                facts_of(part)
            })
        });
        written.await.map_err(|_| AppError::Panicked)?
    }

    /// Who speaks when.
    ///
    /// # Errors
    /// `NotHere`.
    pub async fn turns(&self, sid: &CallSid) -> Result<TurnsReport, AppError> {
        let id = self.recording_of(sid).await?;
        let (analysis, _) = analysis(self.library(), &id).await?;
        let turns = turns(&analysis)?;
        let line = |turn: &aftercall_media::Turn| TurnLine {
            channel: turn.channel,
            start_ms: turn.start_ms,
            end_ms: turn.end_ms,
        };
        Ok(TurnsReport {
            channels: turns.channels,
            duration_ms: turns.duration_ms,
            turns: turns.turns.iter().map(line).collect(),
            talk_ms: turns.talk_ms,
            silence_ms: turns.silence_ms,
            overlap_ms: turns.overlap_ms,
        })
    }

    /// The waveform.
    ///
    /// # Errors
    /// `NotHere`.
    pub async fn peaks(&self, sid: &CallSid, buckets: u32) -> Result<PeaksReport, AppError> {
        let id = self.recording_of(sid).await?;
        let peaks = peaks(self.library(), &id).await?;
        let lanes = peaks.buckets(buckets as usize);
        Ok(PeaksReport {
            channels: peaks.channels(),
            duration_ms: peaks.duration_ms(),
            buckets: lanes.into_iter().map(|lane| lane.into_iter().map(|(low, high)| [low, high]).collect()).collect(),
        })
    }
}

fn copy(source: &mut Box<dyn Source>, file: &mut File) -> Result<Exported, AppError> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut block = vec![0; COPY_BYTES];
    loop {
        // A chunk that does not verify is the vault's failure, not the output's.
        let read = source.read(&mut block).map_err(|error| aftercall_player::PlayerError::Read(error.kind()))?;
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
        file.write_all(&block[..read]).map_err(AppError::Output)?;
        bytes += read as u64;
    }
    Ok(Exported { bytes, sha256: hex(hash), derivative: false })
}

/// What a clip is, once it is written.
fn facts_of(file: &Path) -> Result<Exported, AppError> {
    let mut file = File::open(file).map_err(AppError::Output)?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut block = vec![0; COPY_BYTES];
    loop {
        let read = file.read(&mut block).map_err(AppError::Output)?;
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
        bytes += read as u64;
    }
    Ok(Exported { bytes, sha256: hex(hash), derivative: true })
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
