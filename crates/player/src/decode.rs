//! From the bytes of a recording to samples. The only file that names symphonia.
//!
//! Where each frame lies, how long the recording is and where its sound begins is known from
//! [`aftercall_media::scan`], which walked the whole file; symphonia is only asked to turn one frame into samples.
//! Its own reader guesses the length of a VBR file from the first bit rate and drops what lies behind, trusts the
//! sizes in a RIFF header, and trims by a tag that may not be there.

use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use aftercall_domain::recording::AudioFacts;
use aftercall_media::scan::{Container, SampleFormat, Scan, Wav, scan};
use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_MP3, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64LE, CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S16LE,
    CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32LE, CODEC_ID_PCM_U8,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

use crate::error::PlayerError;

/// Where the bytes of a recording come from: a file, a sealed reader, a vector in a test.
pub trait Source: Read + Seek + Send + Sync + 'static {}
impl<T: Read + Seek + Send + Sync + 'static> Source for T {}

/// What is decoded before the wished sample and thrown away after a seek in an MP3, in milliseconds. A frame takes
/// bits from the frames before it and overlaps with the last: measured, 250 ms differ.
const PRE_ROLL_MS: u64 = 450;
/// Frames of a WAV that are decoded at a time.
const WAV_BLOCK_FRAMES: u64 = 1024;

/// Decodes one recording, from any sample on. A position is a frame: one sample of every channel, counted from where
/// the sound begins.
pub struct Decoder {
    source: Box<dyn Source>,
    scan: Scan,
    codec: Box<dyn AudioDecoder>,
    /// The frame that [`Decoder::read`] gives next.
    position: u64,
    /// MP3: the packet that is decoded next.
    next_packet: usize,
    /// MP3: decoded frames to drop before `position` is reached.
    discard: u64,
    bytes: Vec<u8>,
    samples: Vec<f32>,
    decoded_any: bool,
    damaged: DamagedPackets,
}

/// Counts each packet once, however often a listener goes back over it.
#[derive(Debug, Default)]
struct DamagedPackets {
    count: u64,
    looked_at: usize,
}

impl DamagedPackets {
    fn saw(&mut self, packet: usize, damaged: bool) {
        if packet >= self.looked_at {
            self.looked_at = packet + 1;
            self.count += u64::from(damaged);
        }
    }
}

impl Decoder {
    /// Looks through the whole file, then stands at frame 0. A call has one channel or two; others are refused.
    pub fn open(mut source: Box<dyn Source>) -> Result<Self, PlayerError> {
        let scan = guard(|| Ok(scan(&mut *source)?))?;
        let channels = scan.facts.channels;
        let layout = match channels {
            1 => Channels::Positioned(Position::FRONT_LEFT),
            2 => Channels::Positioned(Position::FRONT_LEFT | Position::FRONT_RIGHT),
            _ => return Err(PlayerError::UnsupportedChannels { channels }),
        };
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(codec_id(&scan.container))
            .with_sample_rate(scan.facts.sample_rate_hz)
            .with_channels(layout)
            .with_max_frames_per_packet(WAV_BLOCK_FRAMES);
        let codec = guard(|| {
            symphonia::default::get_codecs()
                .make_audio_decoder(&parameters, &AudioDecoderOptions::default().gapless(false))
                .map_err(|_| PlayerError::UnsupportedCodec { codec: scan.facts.codec.clone() })
        })?;
        let mut decoder = Self {
            source,
            scan,
            codec,
            position: 0,
            next_packet: 0,
            discard: 0,
            bytes: Vec::new(),
            samples: Vec::new(),
            decoded_any: false,
            damaged: DamagedPackets::default(),
        };
        decoder.seek_to(0);
        Ok(decoder)
    }

    /// Codec, channels, rate and exact length.
    pub fn facts(&self) -> &AudioFacts {
        &self.scan.facts
    }
    /// Channels, 1 or 2.
    pub fn channels(&self) -> usize {
        usize::from(self.scan.facts.channels)
    }
    /// Frames per second.
    pub fn sample_rate_hz(&self) -> u32 {
        self.scan.facts.sample_rate_hz
    }
    /// The recording's exact length in frames.
    pub fn total_frames(&self) -> u64 {
        self.scan.total_samples
    }
    /// The frame that comes next.
    pub fn position(&self) -> u64 {
        self.position
    }
    /// Packets that could not be decoded so far and are heard as silence.
    pub fn damaged_packets(&self) -> u64 {
        self.damaged.count
    }

    /// The frame that is nearest to a time, within the recording.
    pub fn frame_at_us(&self, time_us: u64) -> u64 {
        let exact = u128::from(time_us) * u128::from(self.sample_rate_hz());
        u64::try_from((exact + 500_000) / 1_000_000).unwrap_or(u64::MAX).min(self.total_frames())
    }

    /// Goes to a frame, exactly. Behind the end means the end.
    pub fn seek_to(&mut self, frame: u64) {
        self.position = frame.min(self.total_frames());
        self.codec.reset();
        if let Container::Mp3(mp3) = &self.scan.container {
            let (packet, within) = mp3.locate(self.position);
            let per_packet = u64::from(mp3.samples_per_frame.max(1));
            let pre_roll = (PRE_ROLL_MS * u64::from(self.scan.facts.sample_rate_hz)).div_ceil(1000 * per_packet);
            self.next_packet = packet.saturating_sub(usize::try_from(pre_roll).unwrap_or(usize::MAX));
            self.discard = (packet - self.next_packet) as u64 * per_packet + u64::from(within);
        }
    }

    /// Appends the next block of interleaved samples (-1 to 1) to `out` and says how many frames it holds; 0 is the
    /// end. A packet that does not decode is silence of its length, so that all that follows stays where it belongs.
    ///
    /// # Errors
    /// When the source cannot be read, the decoder breaks down, or the end is reached and nothing could be decoded.
    pub fn read(&mut self, out: &mut Vec<f32>) -> Result<usize, PlayerError> {
        let left = self.total_frames() - self.position;
        if left == 0 {
            return Ok(0);
        }
        let frames = guard(|| match self.scan.container {
            Container::Mp3(_) => self.read_mp3(left, out),
            Container::Wav(wav) => self.read_wav(wav, left, out),
        })?;
        self.position += frames;
        if self.position == self.total_frames() && !self.decoded_any {
            return Err(PlayerError::NothingDecoded);
        }
        Ok(frames as usize)
    }

    fn read_mp3(&mut self, left: u64, out: &mut Vec<f32>) -> Result<u64, PlayerError> {
        let Container::Mp3(mp3) = &self.scan.container else { return Ok(0) };
        let channels = usize::from(self.scan.facts.channels);
        let per_packet = u64::from(mp3.samples_per_frame);
        loop {
            let packet = self.next_packet;
            self.next_packet += 1;
            let there = mp3
                .read_frame(&mut self.source, packet, &mut self.bytes)
                .map_err(|error| PlayerError::Read(error.kind()))?;
            if !there {
                // Shorter than the scan found it: what was promised is silence.
                out.resize(out.len() + left as usize * channels, 0.0);
                return Ok(left);
            }
            let decoded = decode(&mut *self.codec, &self.bytes, per_packet, channels, &mut self.samples);
            self.decoded_any |= decoded;
            // Before the wished sample a packet may lack the bits of those that were not read: no damage.
            if self.discard < per_packet {
                self.damaged.saw(packet, !decoded);
            }
            if self.discard >= per_packet {
                self.discard -= per_packet;
                continue;
            }
            let frames = (per_packet - self.discard).min(left);
            let from = self.discard as usize * channels;
            let to = from + frames as usize * channels;
            self.discard = 0;
            if decoded {
                out.extend_from_slice(&self.samples[from..to]);
            } else {
                out.resize(out.len() + (to - from), 0.0);
            }
            return Ok(frames);
        }
    }

    fn read_wav(&mut self, wav: Wav, left: u64, out: &mut Vec<f32>) -> Result<u64, PlayerError> {
        let channels = self.channels();
        let frames = left.min(WAV_BLOCK_FRAMES);
        let read = |error: std::io::Error| PlayerError::Read(error.kind());
        let offset = wav.data_offset + self.position * u64::from(wav.frame_bytes);
        self.bytes.resize(frames as usize * wav.frame_bytes as usize, 0);
        self.source.seek(SeekFrom::Start(offset)).map_err(read)?;
        self.source.read_exact(&mut self.bytes).map_err(read)?;
        let decoded = decode(&mut *self.codec, &self.bytes, frames, channels, &mut self.samples);
        self.decoded_any |= decoded;
        self.damaged.saw((self.position / WAV_BLOCK_FRAMES) as usize, !decoded);
        if decoded {
            out.extend_from_slice(&self.samples);
        } else {
            out.resize(out.len() + frames as usize * channels, 0.0);
        }
        Ok(frames)
    }
}

fn codec_id(container: &Container) -> AudioCodecId {
    match container {
        Container::Mp3(_) => CODEC_ID_MP3,
        Container::Wav(wav) => match wav.format {
            SampleFormat::U8 => CODEC_ID_PCM_U8,
            SampleFormat::S16 => CODEC_ID_PCM_S16LE,
            SampleFormat::S24 => CODEC_ID_PCM_S24LE,
            SampleFormat::S32 => CODEC_ID_PCM_S32LE,
            SampleFormat::F32 => CODEC_ID_PCM_F32LE,
            SampleFormat::F64 => CODEC_ID_PCM_F64LE,
            SampleFormat::Alaw => CODEC_ID_PCM_ALAW,
            SampleFormat::Mulaw => CODEC_ID_PCM_MULAW,
        },
    }
}

/// Decodes one packet into `samples`, interleaved; `false` when it cannot be, or is not of the recording's shape.
fn decode(codec: &mut dyn AudioDecoder, packet: &[u8], frames: u64, channels: usize, samples: &mut Vec<f32>) -> bool {
    let packet = PacketRef::new(0, Timestamp::ZERO, Duration::from(frames), packet);
    samples.clear();
    let Ok(audio) = codec.decode_ref(&packet) else { return false };
    if audio.num_planes() != channels || audio.frames() as u64 != frames {
        return false;
    }
    audio.copy_to_vec_interleaved(samples);
    // A float WAV may hold anything; what goes on to the ear and to the disk is a number.
    for sample in samples.iter_mut().filter(|sample| !sample.is_finite()) {
        *sample = 0.0;
    }
    true
}

/// Runs what reads hostile bytes. A panic ends this recording, not the thread and not the app.
fn guard<T>(work: impl FnOnce() -> Result<T, PlayerError>) -> Result<T, PlayerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(PlayerError::DecoderStopped))
}
