//! From the bytes of a recording to samples. The only file that names symphonia.
//!
//! Where each frame lies, how long the recording is and where its sound begins is known from
//! [`aftercall_media::scan`], which walked the whole file; symphonia is only asked to turn one frame into samples.
//! Its own reader guesses the length of a VBR file from the first bit rate and drops what lies behind, trusts the
//! sizes in a RIFF header, and trims by a tag that may not be there.

use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use aftercall_domain::recording::AudioFacts;
use aftercall_media::scan::{Arrived, ArrivingMp3, Container, SampleFormat, Scan, Wav, begin, scan};
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

/// The bytes of a recording that is still arriving. A read of what is not here yet fails at once with
/// [`std::io::ErrorKind::WouldBlock`]: nobody waits on the decode thread, so that no command waits behind it.
pub trait Arriving: Read + Seek + Send + Sync + 'static {
    /// Bytes that can be read from `offset` on without a gap.
    fn here_from(&self, offset: u64) -> u64;
    /// Somebody listens here: what is missing from `offset` on should come first.
    fn want(&self, offset: u64);
    /// The same bytes, with a position of its own.
    fn again(&self) -> Box<dyn Arriving>;
}

/// What is decoded.
pub enum Media {
    /// All of it is here.
    Whole(Box<dyn Source>),
    /// Some of it is.
    Arriving(Box<dyn Arriving>),
}

/// What is decoded before the wished sample and thrown away after a seek in an MP3, in milliseconds. A frame takes
/// bits from the frames before it and overlaps with the last: measured, 250 ms differ.
const PRE_ROLL_MS: u64 = 450;
/// A seek looks through so much first of what is here and was not looked at: some ten minutes of it.
const LOOKS_BEFORE_SEEK: usize = 64;
/// Frames of a WAV that are decoded at a time.
const WAV_BLOCK_FRAMES: u64 = 1024;

/// Decodes one recording, from any sample on. A position is a frame: one sample of every channel, counted from where
/// the sound begins.
pub struct Decoder {
    source: Box<dyn Source>,
    scan: Scan,
    /// While it is arriving.
    coming: Option<Coming>,
    /// How far the position was found to be off since that was last asked, in frames.
    shift_frames: i64,
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

/// A recording that is still arriving.
struct Coming {
    bytes: Box<dyn Arriving>,
    /// Its frames, where those have to be found.
    mp3: Option<Box<ArrivingMp3<Box<dyn Arriving>>>>,
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
        Self::with(source, scan, None)
    }

    /// Looks at the beginning of a recording that is still arriving, then stands at frame 0. Its length may be an
    /// estimate until all of it is here ([`Decoder::is_estimate`]).
    ///
    /// # Errors
    /// As [`Decoder::open`]; [`PlayerError::is_not_here`] while too little of it is here: open it again later.
    pub fn open_arriving(bytes: &dyn Arriving) -> Result<Self, PlayerError> {
        let source = Box::new(bytes.again());
        let begun = guard(|| match begin(bytes.again(), bytes.again())? {
            Arrived::Known(scan) => Ok((scan, None)),
            Arrived::Mp3(mp3) => Ok((mp3.scan()?, Some(mp3))),
        });
        let (scan, mp3) = begun.inspect_err(|error| {
            if error.is_not_here() {
                bytes.want(0);
            }
        })?;
        Self::with(source, scan, Some(Coming { bytes: bytes.again(), mp3 }))
    }

    fn with(source: Box<dyn Source>, scan: Scan, coming: Option<Coming>) -> Result<Self, PlayerError> {
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
            coming,
            shift_frames: 0,
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
    /// The recording's length in frames: exact, but for [`Decoder::is_estimate`].
    pub fn total_frames(&self) -> u64 {
        self.finding().map_or(self.scan.total_samples, |mp3| mp3.samples())
    }
    /// Whether the length is an estimate: the recording is still arriving, and nothing in it counts its frames.
    pub fn is_estimate(&self) -> bool {
        self.finding().is_some_and(|mp3| mp3.is_estimate())
    }
    /// Whether its end is not known yet.
    pub fn is_arriving(&self) -> bool {
        self.finding().is_some()
    }
    /// By how many frames the position was found to be off since this was last asked: it was an estimate, and has been
    /// set right.
    pub fn take_shift_frames(&mut self) -> i64 {
        std::mem::take(&mut self.shift_frames)
    }

    fn finding(&self) -> Option<&ArrivingMp3<Box<dyn Arriving>>> {
        self.coming.as_ref()?.mp3.as_deref()
    }

    /// Of a recording that is still arriving: looks through some more of what is here. To be called again and again;
    /// once all of it was looked through, everything is exact.
    ///
    /// # Errors
    /// When what is here cannot be read, or is beyond what is taken.
    pub fn look_on(&mut self) -> Result<(), PlayerError> {
        let Some(Coming { bytes, mp3: Some(mp3) }) = &mut self.coming else { return Ok(()) };
        // What was guessed at and not read is no place: its number is exact as soon as the frames are counted.
        let place = mp3.known_place_of(self.next_packet);
        let found = guard(|| Ok(mp3.walk(|offset| bytes.here_from(offset))?));
        let Some(scan) = found.or_else(|error| if error.is_not_here() { Ok(None) } else { Err(error) })? else {
            return Ok(());
        };
        if let (Container::Mp3(whole), Some(place)) = (&scan.container, place) {
            let packet = whole.frame_at(place).min(whole.frame_count());
            let per_packet = i64::from(whole.samples_per_frame);
            let shift = (packet as i64 - self.next_packet as i64) * per_packet;
            self.shift_frames += shift;
            self.position = self.position.saturating_add_signed(shift).min(scan.total_samples);
            self.next_packet = packet;
        }
        self.scan = scan;
        self.coming = None;
        Ok(())
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

    /// Goes to a frame, exactly, or, where the recording has not arrived up to there, to about that frame. Behind the end
    /// means the end.
    pub fn seek_to(&mut self, frame: u64) {
        for _ in 0..LOOKS_BEFORE_SEEK {
            // What is wrong with it comes out where it is read.
            if self.finding().is_none() || self.look_on().is_err() {
                break;
            }
        }
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
    /// [`PlayerError::is_not_here`] while the next packet has not arrived: nothing was lost, read again later.
    pub fn read(&mut self, out: &mut Vec<f32>) -> Result<usize, PlayerError> {
        // The end of what is still arriving is where no frame follows, wherever the estimate has it.
        let is_open = self.finding().is_some();
        let left = if is_open { u64::MAX } else { self.total_frames().saturating_sub(self.position) };
        if left == 0 {
            return Ok(0);
        }
        let read = guard(|| match self.scan.container {
            Container::Mp3(_) => self.read_mp3(left, out),
            Container::Wav(wav) => self.read_wav(wav, left, out),
        });
        let frames = read.inspect_err(|error| {
            if let Some(coming) = self.coming.as_ref().filter(|_| error.is_not_here()) {
                coming.bytes.want(self.place());
            }
        })?;
        self.position += frames;
        if (frames == 0 || (!is_open && self.position == self.total_frames())) && !self.decoded_any {
            return Err(PlayerError::NothingDecoded);
        }
        Ok(frames as usize)
    }

    /// The byte that is read next.
    fn place(&self) -> u64 {
        match (&self.scan.container, self.finding()) {
            (Container::Wav(wav), _) => wav.data_offset + self.position * u64::from(wav.frame_bytes),
            (Container::Mp3(_), Some(mp3)) => mp3.place_of(self.next_packet),
            (Container::Mp3(mp3), None) => mp3.frame_offset(self.next_packet).unwrap_or(0),
        }
    }

    fn read_mp3(&mut self, left: u64, out: &mut Vec<f32>) -> Result<u64, PlayerError> {
        let Container::Mp3(mp3) = &self.scan.container else { return Ok(0) };
        let channels = usize::from(self.scan.facts.channels);
        let per_packet = u64::from(mp3.samples_per_frame);
        loop {
            let packet = self.next_packet;
            let finding = self.coming.as_mut().and_then(|coming| coming.mp3.as_deref_mut());
            let is_open = finding.is_some();
            let there = match finding {
                Some(finding) => finding.read_frame(packet, &mut self.bytes)?,
                None => mp3
                    .read_frame(&mut self.source, packet, &mut self.bytes)
                    .map_err(|error| PlayerError::Read(error.kind()))?,
            };
            self.next_packet += 1;
            if !there && is_open {
                return Ok(0);
            }
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
