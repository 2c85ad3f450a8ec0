//! An MP3 that is still arriving: its frames are found as they come, and from anywhere that somebody wants to hear.
//!
//! What a whole file's scan says is exact; here length and places are estimates until the walk from the beginning has
//! come to the end. Then it is the very scan of the whole file.

use std::io::{self, Read, Seek};

use super::mp3::{Head, Walk, before_closing_tags, frame_behind, locate, skip_leading_tags};
use super::window::Window;
use super::{Container, FILE_BYTES_MAX, Scan, ScanError, codec_not_played, facts, wav};
use crate::sniff::{SNIFF_BYTES, Sniffed, sniff};

/// So much must be here from a place on before the walk looks there: it may have to look for the next frame.
const AHEAD_BYTES: u64 = 64 * 1024;
/// Frames that are found in one go.
const STRIDE: usize = 512;
/// A place that is no further than this behind what is known is walked to, not guessed.
const NEAR_FRAMES: usize = 64;

/// What can be said of a recording from its first bytes.
pub enum Arrived<R> {
    /// All: where each sample lies is a matter of the header.
    Known(Scan),
    /// Frames that are found on the way.
    Mp3(Box<ArrivingMp3<R>>),
}

/// Looks at the beginning of a file that is still arriving. Reads through both readers, which are of the same file; what
/// is not here yet fails with [`io::ErrorKind::WouldBlock`], and may be tried again with the same readers later.
///
/// # Errors
/// As [`super::scan`].
pub fn begin<R: Read + Seek>(near: R, far: R) -> Result<Arrived<R>, ScanError> {
    let (mut near, far) = (Window::new(near)?, Window::new(far)?);
    if near.len() > FILE_BYTES_MAX {
        return Err(ScanError::TooLarge { bytes: near.len() });
    }
    let first = near.at(0, SNIFF_BYTES)?;
    if let Some(codec) = codec_not_played(first) {
        return Err(ScanError::Unsupported { codec: codec.to_owned() });
    }
    match sniff(first) {
        Sniffed::Wav => wav::scan(&mut near).map(Arrived::Known),
        Sniffed::Html | Sniffed::Json | Sniffed::Xml | Sniffed::Empty => Err(ScanError::NotAudio),
        Sniffed::Mp3 | Sniffed::Unknown => {
            let from = skip_leading_tags(&mut near)?;
            let end = near.len();
            let head = Head::read(&mut near, from, end)?;
            let main = Walk::from(head.begin);
            let mp3 = ArrivingMp3 { near, far, head, from, end, is_end_known: false, main, aside: None };
            Ok(Arrived::Mp3(Box::new(mp3)))
        }
    }
}

/// Frames that were found from somewhere in the middle on; the number of the first is an estimate.
#[derive(Debug)]
struct Aside {
    number: usize,
    walk: Walk,
}

/// The frames of an MP3 file that is still arriving.
pub struct ArrivingMp3<R> {
    /// Where it is listened to.
    near: Window<R>,
    /// Where the walk from the beginning is, when that is elsewhere.
    far: Window<R>,
    head: Head,
    from: u64,
    end: u64,
    is_end_known: bool,
    main: Walk,
    aside: Option<Aside>,
}

impl<R: Read + Seek> ArrivingMp3<R> {
    /// What can be said by now: codec, channels and rate for good, the length as [`Self::samples`] says it.
    ///
    /// # Errors
    /// `OutOfBounds`, `TooLong`, `HeaderOnly`.
    pub fn scan(&self) -> Result<Scan, ScanError> {
        let total_samples = self.samples();
        if total_samples == 0 {
            return Err(ScanError::HeaderOnly);
        }
        let facts = facts("mp3", self.head.first.channels, self.head.first.sample_rate_hz, total_samples)?;
        let frames = self.head.frames(Walk::from(self.head.begin), self.end)?;
        Ok(Scan { facts, container: Container::Mp3(frames), total_samples })
    }

    /// Whether the length is an estimate: no tag counts the frames.
    pub fn is_estimate(&self) -> bool {
        self.counted().is_none()
    }

    /// Frames, as the tag counts them. A file that is longer than so many frames can be was put together of several:
    /// its tag counts those of the first.
    fn counted(&self) -> Option<u32> {
        let count = self.head.tag.as_ref()?.frame_count?;
        let bytes = self.end.saturating_sub(self.head.begin);
        (bytes <= u64::from(count) * u64::from(self.head.first.bytes_max())).then_some(count)
    }

    /// Samples that are heard: as the tag counts them, or by the size of the file and of the frames so far.
    pub fn samples(&self) -> u64 {
        let counted = self.counted().map(u64::from);
        let estimate = || (self.end.saturating_sub(self.head.begin) as f64 / self.mean_frame_bytes()).round() as u64;
        self.head.heard(counted.unwrap_or_else(estimate)).max(1)
    }

    /// Samples per channel in each frame.
    pub fn samples_per_frame(&self) -> u32 {
        self.head.first.samples()
    }

    /// As [`super::Mp3::locate`].
    pub fn locate(&self, heard: u64) -> (usize, u32) {
        locate(heard, self.head.start_trim(), self.head.first.samples())
    }

    fn mean_frame_bytes(&self) -> f64 {
        let walked = (self.main.position - self.head.begin, self.main.frame_offsets.len());
        match (self.counted(), walked) {
            (Some(count), _) => (self.end.saturating_sub(self.head.begin)) as f64 / f64::from(count),
            (None, (bytes, 1..)) => bytes as f64 / walked.1 as f64,
            _ => f64::from(self.head.first.frame_bytes),
        }
        .max(1.0)
    }

    /// Where a frame lies, as far as it was found, or where the frames end that were found up to it.
    pub fn known_place_of(&self, number: usize) -> Option<u64> {
        let behind = |first: usize, walk: &Walk| (number == first + walk.frame_offsets.len()).then_some(walk.position);
        self.found(number)
            .or_else(|| self.aside.as_ref().and_then(|aside| behind(aside.number, &aside.walk)))
            .or_else(|| behind(0, &self.main))
    }

    /// Where a frame lies, or about where.
    pub fn place_of(&self, number: usize) -> u64 {
        self.known_place_of(number).unwrap_or_else(|| {
            let main = self.main.frame_offsets.len();
            if number >= main && number - main <= NEAR_FRAMES {
                return self.main.position;
            }
            let estimate = self.head.begin + (number as f64 * self.mean_frame_bytes()) as u64;
            estimate.min(self.end.saturating_sub(1))
        })
    }

    fn found(&self, number: usize) -> Option<u64> {
        let aside = self
            .aside
            .as_ref()
            .and_then(|aside| aside.walk.frame_offsets.get(number.checked_sub(aside.number)?).copied());
        aside.or_else(|| self.main.frame_offsets.get(number).copied()).map(u64::from)
    }

    /// Reads the whole frame `number` into `frame`, replacing what was there. `false` behind the last frame. A frame that
    /// the file cuts short comes filled up with zeros.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] while it is not here; then nothing has changed.
    pub fn read_frame(&mut self, number: usize, frame: &mut Vec<u8>) -> Result<bool, ScanError> {
        frame.clear();
        let offset = match self.found(number) {
            Some(offset) => offset,
            None => match self.find(number)? {
                Some(offset) => offset,
                None => return Ok(false),
            },
        };
        let Some(header) = self.near.array(offset)?.and_then(super::frame::FrameHeader::parse) else {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        };
        let there = u64::from(header.frame_bytes).min(self.end.saturating_sub(offset));
        frame.extend_from_slice(self.near.at(offset, there as usize)?);
        frame.resize(header.frame_bytes as usize, 0);
        Ok(true)
    }

    /// Walks to a frame that is not known yet: on from what is known where that is near, else from about its place.
    fn find(&mut self, number: usize) -> Result<Option<u64>, ScanError> {
        if let Some(aside) = &mut self.aside
            && number == aside.number + aside.walk.frame_offsets.len()
        {
            let goes_on = aside.walk.step(&mut self.near, &self.head, self.end)?;
            return Ok(aside.walk.frame_offsets.last().filter(|_| goes_on).map(|&offset| u64::from(offset)));
        }
        let main = self.main.frame_offsets.len();
        if number >= main && number - main <= NEAR_FRAMES {
            while self.main.frame_offsets.len() <= number {
                if !self.main.step(&mut self.near, &self.head, self.end)? {
                    return Ok(None);
                }
            }
            return Ok(self.found(number));
        }
        let place = self.place_of(number);
        let Some(offset) = frame_behind(&mut self.near, place, self.end, &self.head.first)? else { return Ok(None) };
        let mut walk = Walk::from(offset);
        if !walk.step(&mut self.near, &self.head, self.end)? {
            return Ok(None);
        }
        self.aside = Some(Aside { number, walk });
        Ok(self.found(number))
    }

    /// Walks on from the beginning through what is here, some way. `here` says how many bytes are, from a place on. With
    /// the last frame it is a whole file's scan.
    ///
    /// # Errors
    /// As [`super::scan`]; reads only what is here.
    pub fn walk(&mut self, here: impl Fn(u64) -> u64) -> Result<Option<Scan>, ScanError> {
        let all = self.near.len();
        for _ in 0..STRIDE {
            let position = self.main.position;
            let tail_here = here(position) >= all.saturating_sub(position);
            if !tail_here && here(position) < AHEAD_BYTES {
                return Ok(None);
            }
            if tail_here && !self.is_end_known {
                self.end = before_closing_tags(&mut self.far, self.from)?;
                self.is_end_known = true;
                // What was found within closing tags is no frame.
                let kept = self.main.frame_offsets.partition_point(|&offset| u64::from(offset) + 4 <= self.end);
                self.main.frame_offsets.truncate(kept);
            }
            if !self.main.step(&mut self.far, &self.head, self.end)? {
                let done = std::mem::replace(&mut self.main, Walk::from(self.head.begin));
                return done.finish(&self.head, self.end).map(Some);
            }
        }
        Ok(None)
    }
}
