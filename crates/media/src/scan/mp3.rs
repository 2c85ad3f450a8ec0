//! MPEG audio, layer III: walking the frames.

use std::io::{self, Read, Seek, SeekFrom};

use super::frame::FrameHeader;
use super::window::Window;
use super::{Container, DURATION_MS_MAX, Scan, ScanError, facts};

/// How far behind tags and junk the first frame is looked for.
const LEAD_IN_BYTES_MAX: u64 = 1 << 20;
/// Samples that a decoder delivers before the first that was encoded; ffmpeg drops them where a tag gives a delay.
const DECODER_DELAY_SAMPLES: u32 = 528 + 1;

/// The frames of an MP3 file. The frame that only carries a Xing, Info or VBRI tag is not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mp3 {
    /// Samples per channel in each frame: 1152 or 576.
    pub samples_per_frame: u32,
    /// Samples per channel to drop at the beginning of what the frames decode to: encoder and decoder delay. 0
    /// where the file does not tell its delay, as in ffmpeg.
    pub start_trim_samples: u32,
    /// The gapless figures of the tag, where there is one.
    pub gapless: Option<Gapless>,
    /// Whether the frames differ in bit rate.
    pub is_vbr: bool,
    /// Four bytes a frame: an hour at 8 kHz is 200 KB. A file of [`super::FILE_BYTES_MAX`] fits 32 bits.
    frame_offsets: Vec<u32>,
    /// Where the frames end and closing tags begin.
    audio_end: u32,
}

/// Encoder delay and padding, in samples per channel, as the LAME tag has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gapless {
    /// Samples that the encoder put before the sound.
    pub delay_samples: u16,
    /// Samples that it put behind.
    pub padding_samples: u16,
}

impl Mp3 {
    /// How many audio frames there are.
    pub fn frame_count(&self) -> usize {
        self.frame_offsets.len()
    }

    /// The number of the first frame that begins at `offset` or behind it.
    pub fn frame_at(&self, offset: u64) -> usize {
        self.frame_offsets.partition_point(|&frame| u64::from(frame) < offset)
    }

    /// Where a frame's header lies, in bytes from the beginning of the file.
    pub fn frame_offset(&self, index: usize) -> Option<u64> {
        self.frame_offsets.get(index).map(|&offset| u64::from(offset))
    }

    /// The frame whose decoded samples hold the sample `heard` (per channel, after trimming), and how many of that
    /// frame's samples come before it. Decode from a few frames earlier and discard: the bit reservoir reaches back.
    pub fn locate(&self, heard: u64) -> (usize, u32) {
        locate(heard, self.start_trim_samples, self.samples_per_frame)
    }

    /// Reads the whole frame `index` into `frame`, replacing what was there. `false` behind the last frame. A frame
    /// that the file cuts short comes filled up with zeros, so that a decoder gives its full number of samples.
    pub fn read_frame<R: Read + Seek>(&self, reader: &mut R, index: usize, frame: &mut Vec<u8>) -> io::Result<bool> {
        frame.clear();
        let Some(&offset) = self.frame_offsets.get(index) else { return Ok(false) };
        let mut header = [0; 4];
        reader.seek(SeekFrom::Start(u64::from(offset)))?;
        reader.read_exact(&mut header)?;
        let parsed = FrameHeader::parse(header).ok_or(io::ErrorKind::InvalidData)?;
        frame.extend_from_slice(&header);
        let there = parsed.frame_bytes.min(self.audio_end.saturating_sub(offset)).saturating_sub(4);
        reader.take(u64::from(there)).read_to_end(frame)?;
        frame.resize(parsed.frame_bytes as usize, 0);
        Ok(true)
    }
}

/// The frame and the place in it of a sample that is heard.
pub(super) fn locate(heard: u64, start_trim_samples: u32, samples_per_frame: u32) -> (usize, u32) {
    let decoded = heard + u64::from(start_trim_samples);
    let per_frame = u64::from(samples_per_frame);
    ((decoded / per_frame) as usize, (decoded % per_frame) as u32)
}

/// What the tag in the first frame says.
#[derive(Debug, Default)]
pub(super) struct Tag {
    pub(super) frame_count: Option<u32>,
    pub(super) gapless: Option<Gapless>,
}

/// What the beginning of an MP3 says about all of it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) first: FrameHeader,
    pub(super) tag: Option<Tag>,
    /// Where the first frame of sound lies.
    pub(super) begin: u64,
    frames_max: u64,
}

impl Head {
    /// `end` is where the frames end, as far as known.
    pub(super) fn read<R: Read + Seek>(window: &mut Window<R>, from: u64, end: u64) -> Result<Self, ScanError> {
        let (first_offset, first) = first_frame(window, from, end)?.ok_or(ScanError::NotAudio)?;
        if first.layer != 3 {
            return Err(ScanError::Unsupported { codec: format!("mp{}", first.layer) });
        }
        let tag = read_tag(window, first_offset, &first)?;
        let begin = first_offset + if tag.is_some() { u64::from(first.frame_bytes) } else { 0 };
        let rate = u64::from(first.sample_rate_hz);
        let frames_max = DURATION_MS_MAX as u64 * rate / 1000 / u64::from(first.samples()) + 4;
        Ok(Self { first, tag, begin, frames_max })
    }

    fn gapless(&self) -> Option<Gapless> {
        self.tag.as_ref().and_then(|tag| tag.gapless)
    }

    pub(super) fn start_trim(&self) -> u32 {
        self.gapless().map_or(0, |g| u32::from(g.delay_samples) + DECODER_DELAY_SAMPLES)
    }

    pub(super) fn frames(&self, walk: Walk, end: u64) -> Result<Mp3, ScanError> {
        Ok(Mp3 {
            samples_per_frame: self.first.samples(),
            start_trim_samples: self.start_trim(),
            gapless: self.gapless(),
            is_vbr: walk.is_vbr,
            frame_offsets: walk.frame_offsets,
            audio_end: u32::try_from(end).map_err(|_| ScanError::TooLarge { bytes: end })?,
        })
    }

    /// Samples that are heard of so many frames.
    pub(super) fn heard(&self, frames: u64) -> u64 {
        let per_frame = u64::from(self.first.samples());
        let decoded = frames * per_frame;
        let heard_end = match (self.tag.as_ref().and_then(|tag| tag.frame_count), self.gapless()) {
            // The padding belongs to the last frame that the encoder wrote: where the tag's count and the file's do
            // not agree, that frame is not the last one here.
            (Some(count), Some(g)) if frames <= u64::from(count) => {
                let drop = u64::from(g.padding_samples).saturating_sub(u64::from(DECODER_DELAY_SAMPLES));
                decoded.min((u64::from(count) * per_frame).saturating_sub(drop))
            }
            _ => decoded,
        };
        heard_end.saturating_sub(u64::from(self.start_trim()))
    }
}

/// Frames in a row, found by walking.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) frame_offsets: Vec<u32>,
    /// Where the next one is looked for.
    pub(super) position: u64,
    is_vbr: bool,
    kbps: Option<u32>,
}

impl Walk {
    pub(super) fn from(position: u64) -> Self {
        Self { frame_offsets: Vec::new(), position, is_vbr: false, kbps: None }
    }

    /// Finds one more frame; false where none follows.
    pub(super) fn step<R: Read + Seek>(
        &mut self,
        window: &mut Window<R>,
        head: &Head,
        end: u64,
    ) -> Result<bool, ScanError> {
        let Some((offset, header)) = next_frame(window, self.position, end, &head.first)? else { return Ok(false) };
        if self.frame_offsets.len() as u64 >= head.frames_max {
            return Err(ScanError::TooLong);
        }
        self.is_vbr |= *self.kbps.get_or_insert(header.bitrate_kbps) != header.bitrate_kbps;
        self.frame_offsets.push(u32::try_from(offset).map_err(|_| ScanError::TooLarge { bytes: window.len() })?);
        self.position = offset + u64::from(header.frame_bytes);
        Ok(true)
    }

    /// What all frames from the first to the last make.
    pub(super) fn finish(self, head: &Head, end: u64) -> Result<Scan, ScanError> {
        let total_samples = head.heard(self.frame_offsets.len() as u64);
        if total_samples == 0 {
            return Err(ScanError::HeaderOnly);
        }
        Ok(Scan {
            facts: facts("mp3", head.first.channels, head.first.sample_rate_hz, total_samples)?,
            container: Container::Mp3(head.frames(self, end)?),
            total_samples,
        })
    }
}

pub(super) fn scan<R: Read + Seek>(window: &mut Window<R>) -> Result<Scan, ScanError> {
    let from = skip_leading_tags(window)?;
    let end = before_closing_tags(window, from)?;
    let head = Head::read(window, from, end)?;
    let mut walk = Walk::from(head.begin);
    while walk.step(window, &head, end)? {}
    walk.finish(&head, end)
}

/// Length of an ID3v2 or APE tag that begins at `offset`, where one does and fits the file.
fn tag_bytes<R: Read + Seek>(window: &mut Window<R>, offset: u64) -> io::Result<Option<u64>> {
    let file_bytes = window.len();
    let head = window.at(offset, 32)?;
    let bytes = if head.len() >= 10 && head.starts_with(b"ID3") && head[6..10].iter().all(|b| b & 0x80 == 0) {
        let size = head[6..10].iter().fold(0u64, |size, &b| size << 7 | u64::from(b));
        let footer = if head[5] & 0x10 != 0 { 10 } else { 0 };
        10 + size + footer
    } else if let Some((size, _)) = ape_tag(head) {
        32 + size
    } else {
        return Ok(None);
    };
    Ok(Some(bytes).filter(|bytes| offset + bytes <= file_bytes))
}

/// Size (items and footer) and flags of an APE header or footer.
fn ape_tag(head: &[u8]) -> Option<(u64, u32)> {
    let head: &[u8; 32] = head.first_chunk()?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    head.starts_with(b"APETAGEX").then(|| (u64::from(word(12)), word(20)))
}

pub(super) fn skip_leading_tags<R: Read + Seek>(window: &mut Window<R>) -> io::Result<u64> {
    let mut offset = 0;
    while let Some(bytes) = tag_bytes(window, offset)? {
        offset += bytes;
    }
    Ok(offset)
}

/// Where the frames end: before ID3v1 and an APE tag.
pub(super) fn before_closing_tags<R: Read + Seek>(window: &mut Window<R>, begin: u64) -> io::Result<u64> {
    let mut end = window.len();
    if let Some(at) = end.checked_sub(128).filter(|&at| at >= begin)
        && window.at(at, 3)? == b"TAG"
    {
        end = at;
    }
    if let Some(at) = end.checked_sub(32).filter(|&at| at >= begin)
        && let Some((size, flags)) = ape_tag(window.at(at, 32)?)
    {
        let header = if flags & 0x8000_0000 != 0 { 32 } else { 0 };
        end = end.checked_sub(size + header).filter(|&start| start >= begin).unwrap_or(at);
    }
    Ok(end)
}

fn header_at<R: Read + Seek>(window: &mut Window<R>, offset: u64, end: u64) -> io::Result<Option<FrameHeader>> {
    if offset + 4 > end {
        return Ok(None);
    }
    Ok(window.array(offset)?.and_then(FrameHeader::parse))
}

/// Whether `header` at `offset` is followed by one like it, or ends where the frames end.
fn is_followed<R: Read + Seek>(
    window: &mut Window<R>,
    offset: u64,
    header: &FrameHeader,
    end: u64,
) -> io::Result<bool> {
    let next = offset + u64::from(header.frame_bytes);
    // Fewer than four bytes left are no frame, and no reason to doubt the one before.
    Ok(next <= end && (next + 4 > end || header_at(window, next, end)?.is_some_and(|n| n.goes_with(header))))
}

/// The first frame that two more like it follow, or fewer where the file ends before.
fn first_frame<R: Read + Seek>(window: &mut Window<R>, begin: u64, end: u64) -> io::Result<Option<(u64, FrameHeader)>> {
    let mut offset = begin;
    while offset + 4 <= end && offset - begin <= LEAD_IN_BYTES_MAX {
        if let Some(header) = header_at(window, offset, end)? {
            let next = offset + u64::from(header.frame_bytes);
            // Right behind the tags one whole or cut frame is enough; behind junk, chance would find too many.
            if offset == begin && next + 4 > end {
                return Ok(Some((offset, header)));
            }
            if is_followed(window, offset, &header, end)?
                && let Some(second) = header_at(window, next, end)?
                && (next + u64::from(second.frame_bytes) >= end || is_followed(window, next, &second, end)?)
            {
                return Ok(Some((offset, header)));
            }
        }
        offset += 1;
    }
    Ok(None)
}

/// The next frame at or behind `position`: right there where the stream goes on, else at the next place where two
/// in a row fit together.
fn next_frame<R: Read + Seek>(
    window: &mut Window<R>,
    position: u64,
    end: u64,
    first: &FrameHeader,
) -> io::Result<Option<(u64, FrameHeader)>> {
    let mut offset = position;
    while offset + 4 <= end {
        if let Some(header) = header_at(window, offset, end)?
            && header.goes_with(first)
        {
            let is_cut = offset + u64::from(header.frame_bytes) > end;
            // A frame cut by the end of the file is one (ffmpeg decodes it), if nothing but frames came before it.
            if (is_cut && offset == position) || is_followed(window, offset, &header, end)? {
                return Ok(Some((offset, header)));
            }
            if !is_cut && offset == position && is_before_junk(window, offset, &header, end, first)? {
                return Ok(Some((offset, header)));
            }
        }
        offset += tag_bytes(window, offset)?.unwrap_or(1);
    }
    Ok(None)
}

/// The first frame at or behind `position`, somewhere in the middle of the stream, that two more like it follow.
pub(super) fn frame_behind<R: Read + Seek>(
    window: &mut Window<R>,
    position: u64,
    end: u64,
    first: &FrameHeader,
) -> io::Result<Option<u64>> {
    for offset in position..end.saturating_sub(3) {
        if let Some(header) = header_at(window, offset, end)?
            && header.goes_with(first)
            && is_followed(window, offset, &header, end)?
        {
            let next = offset + u64::from(header.frame_bytes);
            match header_at(window, next, end)? {
                Some(second) if !is_followed(window, next, &second, end)? => {}
                _ => return Ok(Some(offset)),
            }
        }
    }
    Ok(None)
}

/// Whether the frame at `offset`, whose end is not followed by a frame, is whole: no two frames in a row begin
/// inside it, as they would where its header is damaged and tells a wrong size.
fn is_before_junk<R: Read + Seek>(
    window: &mut Window<R>,
    offset: u64,
    header: &FrameHeader,
    end: u64,
    first: &FrameHeader,
) -> io::Result<bool> {
    for inside in offset + 4..offset + u64::from(header.frame_bytes) {
        if let Some(other) = header_at(window, inside, end)?
            && other.goes_with(first)
            && is_followed(window, inside, &other, end)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The Xing, Info or VBRI tag that the first frame may carry instead of sound.
fn read_tag<R: Read + Seek>(window: &mut Window<R>, offset: u64, header: &FrameHeader) -> io::Result<Option<Tag>> {
    let frame = window.at(offset, header.frame_bytes as usize)?;
    if frame.get(36..40) == Some(b"VBRI") {
        return Ok(Some(Tag::default()));
    }
    let Some(tag) = frame.get(4 + header.side_info_bytes()..) else { return Ok(None) };
    if !tag.starts_with(b"Xing") && !tag.starts_with(b"Info") {
        return Ok(None);
    }
    let word = |at: usize| tag.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let Some(flags) = word(4) else { return Ok(Some(Tag::default())) };
    let mut at = 8;
    let mut field = |bit: u32, bytes: usize| {
        let here = at;
        if flags & bit != 0 {
            at += bytes;
        }
        (flags & bit != 0).then_some(here)
    };
    let frame_count = field(1, 4).and_then(word).filter(|&count| count != 0);
    field(2, 4);
    field(4, 100);
    field(8, 4);
    // LAME's extension: 9 bytes of encoder name, 12 of settings, then two figures of 12 bits.
    let gapless = tag.get(at..at + 24).and_then(|lame| {
        let known = [&b"LAME"[..], b"Lavf", b"Lavc"].iter().any(|name| lame.starts_with(name));
        known.then(|| Gapless {
            delay_samples: u16::from(lame[21]) << 4 | u16::from(lame[22] >> 4),
            padding_samples: u16::from(lame[22] & 0x0F) << 8 | u16::from(lame[23]),
        })
    });
    Ok(Some(Tag { frame_count, gapless }))
}
