//! One run of one job: whether the recording is there, then bounded ranges into a sealed file, then a look at what it is.

use std::sync::Arc;

use aftercall_domain::download::{Event, Failure, Wish};
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{AudioFacts, Reason};
use aftercall_media::scan::FILE_BYTES_MAX;

use super::filling::{Filling, Stop};
use super::inside::{Inside, Stage};
use super::intake::{Hold, Writing};
use super::ledger::Arrived;
use super::look::{Looked, look};
use super::part::Part;
use super::{failure, room};
use crate::retention;
use crate::store::table::recording_parts::{self, PartRow};
use crate::store::table::recordings::Analysis;
use crate::upstream::{Piece, Presence, Ranged, SameFile, UpstreamError};

/// A file that changes while it is read is begun again this often within one attempt.
const RESTARTS_MAX: u32 = 2;

/// A job that was given its turn.
pub(super) struct Taken {
    pub id: RecordingId,
    pub wish: Wish,
    /// Since its call began, where that is known.
    pub call_age_ms: Option<i64>,
}

/// How a run ended.
#[derive(Clone)]
pub(super) enum Ended {
    /// Something for the machine.
    With(Event),
    /// A durable file in the vault.
    Arrived(Arrived, bool),
}

pub(super) async fn fetch(inside: &Arc<Inside>, taken: &Taken, hold: &Hold) -> Ended {
    run(inside, taken, hold).await.unwrap_or_else(Ended::With)
}

async fn run(inside: &Arc<Inside>, taken: &Taken, hold: &Hold) -> Result<Ended, Event> {
    let id = &taken.id;
    let of_source = |error: UpstreamError| failure::event(&error, taken.call_age_ms);
    let of_disk = failure::of_disk;
    let (mut part, mut coming) = open(inside, taken, hold).await?;
    let mut restarts = 0;
    loop {
        let mut writing = Writing::start(part.arriving.clone(), Arc::clone(hold));
        let mut filling = Filling::new(inside, id, &mut part, taken.wish == Wish::Person);
        let other = match filling.fill(&mut writing, coming.take()).await {
            Ok(()) => {
                inside.reached(id, Stage::Here);
                writing.end().await.map_err(of_disk)?;
                break;
            }
            Err(Stop::Restart(other)) => {
                writing.pause().await;
                other
            }
            Err(Stop::Disk) => return Err(of_disk(writing.end().await.err().unwrap_or(Code::Internal))),
            Err(Stop::NotYet { retry_after_ms }) => {
                writing.pause().await;
                part.keep_or_drop(inside, id).await;
                return Err(Event::NotYet { retry_after_ms });
            }
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
        let total_bytes;
        (total_bytes, coming) = match other {
            Some(piece) => (piece.total_bytes, Some(*piece).filter(|piece| piece.is_whole)),
            None => ask(inside, taken).await?,
        };
        check_size(total_bytes).map_err(Event::Failed)?;
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

/// What a run finds before it asks for anything.
struct Found {
    /// What an earlier run left.
    kept: Option<PartRow>,
    /// However long the recording is, no room has to be made for it.
    has_ample_room: bool,
}

/// In one read: the source's place stands empty meanwhile.
async fn found(inside: &Arc<Inside>, id: &RecordingId) -> Result<Found, Code> {
    // A disk that does not say how much it has says so when room is made.
    let (of, free_bytes) = (id.clone(), retention::free_bytes(&inside.parts.vault).await.unwrap_or(0));
    let found = inside.parts.store.read(move |conn| {
        let kept = recording_parts::get(conn, &of)?;
        Ok(Found { kept, has_ample_room: retention::has_ample_room(conn, free_bytes, FILE_BYTES_MAX)? })
    });
    let found = found.await.map_err(|error| error.code())?;
    // Kept only where it can be proved that the source still has that file.
    let by_bytes = inside.parts.source.same_file(id) == SameFile::ByBytes;
    Ok(Found { kept: found.kept.filter(|row| by_bytes || row.validator.is_some()), ..found })
}

/// The file to be filled, with room for it, and the bytes that came with the answer that said how long it is.
async fn open(inside: &Arc<Inside>, taken: &Taken, hold: &Hold) -> Result<(Part, Option<Piece>), Event> {
    let id = &taken.id;
    let of_disk = failure::of_disk;
    let Found { kept, has_ample_room } = found(inside, id).await.map_err(of_disk)?;
    if !has_ample_room {
        room::make(inside, id, None).await?;
    }
    // The source had it: the range that proves that it still has that file asks whether it is there, too.
    let (total_bytes, coming) = match &kept {
        Some(row) if may_skip_head(inside, id) => (row.file.plain_len, None),
        _ => ask(inside, taken).await?,
    };
    check_size(total_bytes).map_err(Event::Failed)?;
    if !has_ample_room {
        room::make(inside, id, Some(total_bytes)).await?;
    }
    match kept {
        Some(row) if row.file.plain_len == total_bytes => {
            if let Some(part) = Part::take_up(inside, id, row, hold).await {
                return Ok((part, None));
            }
        }
        Some(_) => inside.give_up(id),
        None => {}
    }
    Ok((Part::begin(inside, id, total_bytes, hold).await.map_err(of_disk)?, coming))
}

/// Whether it is there and how long it is, of a recording of which nothing is here. Where somebody waits this is the
/// player's HEAD; else the first range asks just as well, and brings the first bytes.
async fn ask(inside: &Arc<Inside>, taken: &Taken) -> Result<(u64, Option<Piece>), Event> {
    let (id, source) = (&taken.id, &inside.parts.source);
    let of_source = |error: UpstreamError| failure::event(&error, taken.call_age_ms);
    let (total_bytes, piece) = if taken.wish == Wish::Person || !may_skip_head(inside, id) {
        match source.head(id).await.map_err(of_source)? {
            Presence::NotYet { retry_after_ms } => return Err(Event::NotYet { retry_after_ms }),
            Presence::Here { total_bytes } => (total_bytes, None),
        }
    } else {
        match source.range(id, 0, inside.options.piece_bytes - 1, None).await.map_err(of_source)? {
            Ranged::NotYet { retry_after_ms } => return Err(Event::NotYet { retry_after_ms }),
            Ranged::Piece(piece) => (piece.total_bytes, Some(*piece)),
        }
    };
    inside.reached(id, Stage::Arriving);
    Ok((total_bytes, piece))
}

/// Not while the source is being left alone: what finds out whether it is back is a HEAD.
fn may_skip_head(inside: &Inside, id: &RecordingId) -> bool {
    let source = &inside.parts.source;
    source.range_tells(id) && !source.is_doubted(id.source())
}

fn check_size(total_bytes: u64) -> Result<(), Failure> {
    match total_bytes {
        0 => Err(Failure::Passing { code: Code::Damaged, retry_after_ms: None }),
        bytes if bytes > FILE_BYTES_MAX => Err(Failure::Permanent(Reason::Code(Code::UnsupportedAudio))),
        _ => Ok(()),
    }
}
