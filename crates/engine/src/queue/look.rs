//! A look at a file that is whole: what it is, how long, and how it sounds.

use std::sync::Arc;

use aftercall_domain::download::Failure;
use aftercall_domain::error::Code;
use aftercall_domain::recording::{AudioFacts, Fact, Reason};
use aftercall_media::scan::{ScanError, scan};

use super::arriving::Arriving;
use super::inside::Inside;
use super::{Analysed, NotAnalysed};

/// What became of the bytes.
pub(super) enum Looked {
    Sound(AudioFacts, Option<Analysed>),
    Unsupported(String),
    Not(Failure),
}

/// Reads the whole file once for its facts and once for its peaks.
pub(super) async fn look(inside: &Arc<Inside>, whole: &Arriving) -> Looked {
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
