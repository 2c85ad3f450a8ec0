//! The shape of a recording that is still arriving, as far as it is here from its beginning on.

use std::io::{self, Read, Seek, SeekFrom};

use aftercall_media::{Peaks, PeaksBuilder};

use crate::decode::{Arriving, Decoder};
use crate::error::PlayerError;
use crate::watch;

/// What was decoded so far; asked again it goes on where it stopped, so that each packet is decoded once.
pub struct ArrivingShape {
    decoder: Decoder,
    peaks: PeaksBuilder,
    block: Vec<f32>,
}

impl ArrivingShape {
    /// Begins at the first byte.
    ///
    /// # Errors
    /// As [`Decoder::open_arriving`]; [`PlayerError::is_not_here`] while too little of it is here.
    pub fn open(bytes: &dyn Arriving) -> Result<Self, PlayerError> {
        let quiet = Quiet(bytes.again());
        watch::watched(move |_| {
            let decoder = Decoder::open_arriving(&quiet)?;
            let peaks = PeaksBuilder::new(decoder.facts().channels, decoder.sample_rate_hz());
            Ok(Self { decoder, peaks, block: Vec::new() })
        })
    }

    /// Decodes what has come since, up to the first byte that is missing.
    ///
    /// # Errors
    /// When what is here cannot be read; [`PlayerError::Endless`] when decoding does not come to an end.
    pub fn grown(self) -> Result<Self, PlayerError> {
        watch::watched(move |pulse| {
            let mut shape = self;
            while !pulse.is_left() {
                shape.decoder.look_on()?;
                shape.block.clear();
                match shape.decoder.read(&mut shape.block) {
                    Ok(0) => break,
                    Ok(_) => shape.peaks.push(&shape.block),
                    Err(error) if error.is_not_here() => break,
                    Err(error) => return Err(error),
                }
                pulse.beat();
            }
            Ok(shape)
        })
    }

    /// The shape of what was decoded.
    pub fn peaks(&self) -> Peaks {
        self.peaks.clone().finish()
    }

    /// Length of all of it, in milliseconds; an estimate where nothing in it counts its frames, and never less than what
    /// was decoded.
    pub fn duration_ms(&self) -> i64 {
        let frames = self.decoder.total_frames().max(self.decoder.position());
        let ms = u128::from(frames) * 1000 / u128::from(self.decoder.sample_rate_hz().max(1));
        i64::try_from(ms).unwrap_or(i64::MAX)
    }
}

/// The same bytes for one who only looks: what is missing is not asked for, because whoever listens comes first.
struct Quiet(Box<dyn Arriving>);

impl Read for Quiet {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Seek for Quiet {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Arriving for Quiet {
    fn here_from(&self, offset: u64) -> u64 {
        self.0.here_from(offset)
    }

    fn want(&self, _: u64) {}

    fn again(&self) -> Box<dyn Arriving> {
        Box::new(Self(self.0.again()))
    }
}
