//! RIFF/WAVE.

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
