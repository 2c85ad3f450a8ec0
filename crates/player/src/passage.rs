//! A stretch of a recording as it is heard: decode, mix and stretch, the part of the way that live playback and
//! rendering to a file have in common.

use std::ops::Range;

use crate::decode::Decoder;
use crate::error::PlayerError;
use crate::route::{Places, Route};
use crate::shape::{Mix, Shape};
use crate::stretch::Stretch;

/// Where two pieces meet, one fades into the other for so long.
const SPLICE_MS: u32 = 5;

/// The frames of a route, as they sound at one speed, at the recording's rate and channels.
pub struct Passage {
    stretch: Stretch,
    mix: Mix,
    route: Route,
    /// Where the piece that is being heard ends.
    end: u64,
    /// The piece after it.
    next: Option<Range<u64>>,
    places: Places,
    /// Frames that were taken from the recording, those of the stretch's lead among them.
    taken: u64,
    lead: u64,
    /// Something of this piece was there.
    gave: bool,
    decoded: Vec<f32>,
    splice: Option<Splice>,
    fade: Fade,
    finished: bool,
}

/// The piece is over and another follows: a little of what would have come is taken, to fade out.
struct Splice {
    tail: Vec<f32>,
    over: bool,
}

impl Passage {
    /// Takes the decoder to where the route begins. What of it lies behind the recording's end is left out.
    ///
    /// # Errors
    /// `InvalidInput` for a speed outside 0.5 to 3.
    pub fn begin(decoder: &mut Decoder, mut route: Route, speed: f64, shape: &Shape) -> Result<Self, PlayerError> {
        let (rate_hz, channels) = (decoder.sample_rate_hz(), decoder.channels());
        let mut stretch = Stretch::new(rate_hz, channels, speed)?;
        let total = decoder.total_frames();
        let first = within(decoder, route.next()).unwrap_or(total..total);
        let start = first.start.min(total);
        let mut places = Places::default();
        places.push(0, start);
        let lead = stretch.lead_frames() as u64;
        let past = lead.min(start);
        decoder.seek_to(start - past);
        let silence = vec![0.0; (lead - past) as usize * channels];
        stretch.push(&silence, &mut Vec::new());
        let next = within(decoder, route.next());
        Ok(Self {
            stretch,
            mix: Mix::new(shape, rate_hz, channels)?,
            route,
            end: first.end,
            next,
            places,
            taken: 0,
            lead: past,
            gave: false,
            decoded: Vec::new(),
            splice: None,
            fade: Fade::default(),
            finished: false,
        })
    }

    /// Appends the next samples to `out`, interleaved; `false` once the passage is over. A block may be empty.
    ///
    /// # Errors
    /// As [`Decoder::read`]; what has not arrived can be asked for again.
    pub fn next(&mut self, decoder: &mut Decoder, out: &mut Vec<f32>) -> Result<bool, PlayerError> {
        if self.finished {
            return Ok(false);
        }
        if self.splice.is_some() {
            self.cross(decoder)?;
            return Ok(true);
        }
        let left = self.end - decoder.position().min(self.end);
        self.decoded.clear();
        let frames = if left == 0 { 0 } else { decoder.read(&mut self.decoded)? };
        let wanted = frames.min(usize::try_from(left).unwrap_or(usize::MAX));
        let (heard, rest) = self.decoded.split_at_mut(wanted * decoder.channels());
        self.fade.over(heard, decoder.channels());
        self.mix.process(heard);
        self.stretch.push(heard, out);
        self.taken += wanted as u64;
        self.gave |= wanted > 0;
        if wanted == 0 || wanted as u64 == left {
            // A piece of which nothing is there is behind the recording's end, and so is what follows.
            if self.next.is_some() && self.gave {
                self.splice = Some(Splice { tail: rest.to_vec(), over: false });
            } else {
                self.stretch.finish(out);
                self.finished = true;
            }
        }
        Ok(true)
    }

    /// Goes on with the next piece, once what fades out is here.
    fn cross(&mut self, decoder: &mut Decoder) -> Result<(), PlayerError> {
        let (Some(splice), Some(next)) = (&mut self.splice, &self.next) else { return Ok(()) };
        let wanted = (decoder.sample_rate_hz() * SPLICE_MS / 1000) as usize * decoder.channels();
        if splice.tail.len() < wanted && !splice.over {
            splice.over = decoder.read(&mut splice.tail)? == 0;
            return Ok(());
        }
        splice.tail.truncate(wanted);
        self.fade = Fade { tail: std::mem::take(&mut splice.tail), at: 0 };
        self.splice = None;
        self.places.push(self.taken.saturating_sub(self.lead), next.start);
        decoder.seek_to(next.start);
        self.end = next.end;
        self.gave = false;
        self.next = within(decoder, self.route.next());
        Ok(())
    }

    /// The recording's frame that is heard as the `heard`-th, and at which heard one it goes on elsewhere, as far as
    /// that is known. Asked for in rising order.
    pub fn place(&mut self, heard: f64) -> (f64, Option<u64>) {
        self.places.of(heard)
    }
}

/// The end of what is still arriving is where it ends, not where the estimate has it.
fn within(decoder: &Decoder, piece: Option<Range<u64>>) -> Option<Range<u64>> {
    let total = if decoder.is_arriving() { u64::MAX } else { decoder.total_frames() };
    piece.map(|piece| piece.start..piece.end.min(total)).filter(|piece| piece.start < piece.end)
}

/// What fades out over the beginning of a piece.
#[derive(Default)]
struct Fade {
    tail: Vec<f32>,
    /// The next sample of it.
    at: usize,
}

impl Fade {
    fn over(&mut self, beginning: &mut [f32], channels: usize) {
        let frames = (self.tail.len() / channels.max(1)) as f32;
        let tail = self.tail.get(self.at..).unwrap_or_default();
        for (n, (sample, before)) in beginning.iter_mut().zip(tail).enumerate() {
            let share = ((self.at + n) / channels) as f32 / frames;
            *sample = *sample * share + before * (1.0 - share);
        }
        self.at += beginning.len().min(tail.len());
    }
}
