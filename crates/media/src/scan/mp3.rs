//! MPEG audio, layer III.

use std::io::{self, Read, Seek};

/// The frames of an MP3 file. The frame that only carries a Xing, Info or VBRI tag is not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mp3 {
    /// Samples per channel in each frame: 1152 or 576.
    pub samples_per_frame: u32,
    /// Samples per channel to drop at the beginning of what the frames decode to: encoder and decoder delay.
    pub start_trim_samples: u32,
    /// The gapless figures of the tag, where there is one.
    pub gapless: Option<Gapless>,
    /// Whether the frames differ in bit rate.
    pub is_vbr: bool,
    frame_offsets: Vec<u32>,
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

    /// Where a frame's header lies, in bytes from the beginning of the file.
    pub fn frame_offset(&self, index: usize) -> Option<u64> {
        self.frame_offsets.get(index).map(|&offset| u64::from(offset))
    }

    /// The frame whose decoded samples hold the sample `heard` (per channel, after trimming), and how many of that
    /// frame's samples come before it. Decode from a few frames earlier and discard: the bit reservoir reaches back.
    pub fn locate(&self, heard: u64) -> (usize, u32) {
        let decoded = heard + u64::from(self.start_trim_samples);
        let spf = u64::from(self.samples_per_frame);
        ((decoded / spf) as usize, (decoded % spf) as u32)
    }

    /// Reads the whole frame `index` into `frame`, replacing what was there. `false` behind the last frame. A last
    /// frame that the file cuts short comes as far as it goes.
    pub fn read_frame<R: Read + Seek>(&self, reader: &mut R, index: usize, frame: &mut Vec<u8>) -> io::Result<bool> {
        let _ = (reader, index, frame);
        unimplemented!()
    }
}
