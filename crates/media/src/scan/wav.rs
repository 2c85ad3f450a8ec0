//! RIFF/WAVE. Sizes in its headers are taken for wishes: what counts is what is there.

use std::io::{Read, Seek};

use super::window::Window;
use super::{Container, Scan, ScanError, facts};

/// Chunks that are looked at before giving up: a file of a million empty ones is not a recording.
const CHUNKS_MAX: usize = 4096;

/// How one sample is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// 8 bit unsigned.
    U8,
    /// 16 bit signed.
    S16,
    /// 24 bit signed.
    S24,
    /// 32 bit signed.
    S32,
    /// 32 bit float.
    F32,
    /// 64 bit float.
    F64,
    /// G.711 A-law.
    Alaw,
    /// G.711 µ-law.
    Mulaw,
}

impl SampleFormat {
    fn from_tag(tag: u16, bits: u16) -> Option<Self> {
        match (tag, bits) {
            (1, 1..=8) => Some(Self::U8),
            (1, 9..=16) => Some(Self::S16),
            (1, 17..=24) => Some(Self::S24),
            (1, 25..=32) => Some(Self::S32),
            (3, 32) => Some(Self::F32),
            (3, 64) => Some(Self::F64),
            // Writers leave all kinds of numbers in the bits of a G.711 file.
            (6, _) => Some(Self::Alaw),
            (7, _) => Some(Self::Mulaw),
            _ => None,
        }
    }

    /// Bytes of one sample of one channel.
    pub fn bytes(self) -> u32 {
        match self {
            Self::U8 | Self::Alaw | Self::Mulaw => 1,
            Self::S16 => 2,
            Self::S24 => 3,
            Self::S32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The codec's name in [`AudioFacts`](aftercall_domain::recording::AudioFacts).
    pub fn codec(self) -> &'static str {
        match self {
            Self::U8 => "pcm_u8",
            Self::S16 => "pcm_s16le",
            Self::S24 => "pcm_s24le",
            Self::S32 => "pcm_s32le",
            Self::F32 => "pcm_f32le",
            Self::F64 => "pcm_f64le",
            Self::Alaw => "alaw",
            Self::Mulaw => "mulaw",
        }
    }
}

/// The samples of a WAV file: `data_bytes` from `data_offset` on, little endian, interleaved, no gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wav {
    /// How a sample is coded.
    pub format: SampleFormat,
    /// Where the first sample lies, in bytes from the beginning of the file.
    pub data_offset: u64,
    /// Bytes of whole frames that are really there, whatever the header says.
    pub data_bytes: u64,
    /// Bytes of one sample of every channel.
    pub frame_bytes: u32,
}

struct Format {
    tag: u16,
    channels: u16,
    sample_rate_hz: u32,
    bits: u16,
}

pub(super) fn scan<R: Read + Seek>(window: &mut Window<R>) -> Result<Scan, ScanError> {
    let is_rf64 = window.at(0, 4)? == b"RF64";
    let (mut format, mut data) = (None, None);
    let mut offset = 12;
    for _ in 0..CHUNKS_MAX {
        let Some(head) = window.array::<8>(offset)? else { break };
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let body = offset + 8;
        match &head[..4] {
            b"fmt " if format.is_none() => format = Some(read_format(window.at(body, size.min(40) as usize)?)?),
            b"data" if data.is_none() => {
                let there = window.len().saturating_sub(body);
                // 0 and the greatest number are what a writer leaves that could not seek back.
                let is_open = size == 0 || size == u32::MAX || is_rf64;
                let bytes = if is_open { there } else { there.min(u64::from(size)) };
                data = Some((body, bytes));
                if is_open {
                    break;
                }
            }
            _ => {}
        }
        if format.is_some() && data.is_some() {
            break;
        }
        offset = next_chunk(window, body + u64::from(size), size)?;
    }

    let format = format.ok_or(ScanError::Malformed)?;
    let sample = SampleFormat::from_tag(format.tag, format.bits)
        .ok_or_else(|| ScanError::Unsupported { codec: name_of(&format) })?;
    let (channels, sample_rate_hz) = (format.channels, format.sample_rate_hz);
    if channels == 0 || channels > super::CHANNELS_MAX {
        return Err(ScanError::OutOfBounds { channels, sample_rate_hz });
    }
    let (data_offset, bytes) = data.ok_or(ScanError::HeaderOnly)?;
    let frame_bytes = sample.bytes() * u32::from(channels);
    let total_samples = bytes / u64::from(frame_bytes);
    if total_samples == 0 {
        return Err(ScanError::HeaderOnly);
    }
    Ok(Scan {
        facts: facts(sample.codec(), channels, sample_rate_hz, total_samples)?,
        container: Container::Wav(Wav {
            format: sample,
            data_offset,
            data_bytes: total_samples * u64::from(frame_bytes),
            frame_bytes,
        }),
        total_samples,
    })
}

/// Where the chunk behind one that ends at `end` begins. A chunk of odd size has a byte of padding that some
/// writers forget.
fn next_chunk<R: Read + Seek>(window: &mut Window<R>, end: u64, size: u32) -> std::io::Result<u64> {
    if size.is_multiple_of(2) {
        return Ok(end);
    }
    let is_unpadded = matches!(window.at(end, 4)?, b"data" | b"fmt " | b"LIST" | b"fact");
    Ok(if is_unpadded { end } else { end + 1 })
}

fn read_format(body: &[u8]) -> Result<Format, ScanError> {
    let word = |at: usize| body.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]])).ok_or(ScanError::Malformed);
    let (tag, channels, bits) = (word(0)?, word(2)?, word(14)?);
    let sample_rate_hz = u32::from(word(4)?) | u32::from(word(6)?) << 16;
    // Extensible: the first two bytes of the GUID are the tag that is meant.
    let tag = if tag == 0xFFFE { word(24)? } else { tag };
    // G.711 and others write 0; PCM of 0 bits is taken from the size of a frame.
    let bits = match (tag, bits) {
        (1 | 3, 0) => word(12)?.checked_div(channels).unwrap_or(0).saturating_mul(8),
        _ => bits,
    };
    Ok(Format { tag, channels, sample_rate_hz, bits })
}

/// The codec of a format tag (mmreg.h) in ffmpeg's words.
fn name_of(format: &Format) -> String {
    let known = match format.tag {
        0x0001 | 0x0003 => return format!("pcm of {} bits", format.bits),
        0x0002 => "adpcm_ms",
        0x0011 => "adpcm_ima_wav",
        0x0022 => "truespeech",
        0x0031 => "gsm_ms",
        0x0040 | 0x0045 | 0x0064 => "adpcm_g726",
        0x0028F => "adpcm_g722",
        0x0050 => "mp2",
        0x0055 => "mp3 in wav",
        0x0083 => "g729",
        0x00FF | 0x1600 | 0x1610 => "aac",
        0x0160 => "wmav1",
        0x0161 => "wmav2",
        0x704F => "opus",
        0xF1AC => "flac",
        other => return format!("wav format {other:#06x}"),
    };
    known.to_owned()
}
