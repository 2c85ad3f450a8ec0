//! All that is worth knowing about a recording once, when it arrives.

use aftercall_domain::recording::AudioFacts;
use aftercall_media::{Peaks, PeaksBuilder, Turns, TurnsBuilder};

use crate::decode::{Decoder, Source};
use crate::error::PlayerError;
use crate::watch::{self, Pulse};

/// What one pass over a recording found.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// Codec, channels, rate, exact length.
    pub facts: AudioFacts,
    /// Its shape, per channel.
    pub peaks: Peaks,
    /// Who speaks when.
    pub turns: Turns,
    /// Packets that could not be decoded and are silent.
    pub damaged_packets: u64,
}

/// Decodes a recording once, from beginning to end.
///
/// # Errors
/// When it is not audio, not played here, cannot be read, or holds not one frame that decodes;
/// [`PlayerError::Endless`] when decoding does not come to an end.
pub fn analyse(source: Box<dyn Source>) -> Result<Analysis, PlayerError> {
    watch::watched(move |pulse| whole(watch::watched_source(source, pulse), pulse))
}

fn whole(source: Box<dyn Source>, pulse: &Pulse) -> Result<Analysis, PlayerError> {
    let mut decoder = Decoder::open(source)?;
    let facts = decoder.facts().clone();
    let mut peaks = PeaksBuilder::new(facts.channels, facts.sample_rate_hz);
    let mut turns = TurnsBuilder::new(facts.channels, facts.sample_rate_hz);
    let mut block = Vec::new();
    while decoder.read(&mut block)? > 0 {
        peaks.push(&block);
        turns.push(&block);
        block.clear();
    }
    let damaged_packets = decoder.damaged_packets();
    // Six hours of speech are looked through once more here, which takes what it takes and comes to its end.
    Ok(pulse.rest(|| Analysis { facts, peaks: peaks.finish(), turns: turns.finish(), damaged_packets }))
}
