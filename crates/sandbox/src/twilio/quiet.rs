//! The other form of a recording. Twilio makes a WAV and an MP3 of each; this sandbox has no encoder, so the form that
//! a file is not in is a silent file of the same length and number of channels.

/// Eight thousand samples a second, as telephone sound has.
const RATE: u32 = 8_000;

/// PCM, 16 bit.
pub(super) fn wav(seconds: u64, channels: u16) -> Vec<u8> {
    let frame = u32::from(channels) * 2;
    let data = u32::try_from(seconds).unwrap_or(u32::MAX / RATE / frame).min(4 * 3600) * RATE * frame;
    let mut file = Vec::with_capacity(44 + data as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * frame).to_le_bytes());
    file.extend_from_slice(&(frame as u16).to_le_bytes());
    file.extend_from_slice(&16u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data.to_le_bytes());
    file.resize(44 + data as usize, 0);
    file
}

/// MPEG-2.5 layer III, 8 kHz, 32 kbit/s: frames of 72 ms and 144 bytes per 16 kbit/s whose side info is all zero, which
/// is how silence is coded.
pub(super) fn mp3(seconds: u64, channels: u16) -> Vec<u8> {
    const FRAME_MS: u64 = 72;
    const FRAME_BYTES: usize = 288;
    // Sync, version 2.5, layer III, no checksum; 32 kbit/s, 8 kHz, no padding; stereo or mono.
    let mode = if channels == 2 { 0x00 } else { 0xC0 };
    let mut frame = vec![0; FRAME_BYTES];
    frame[..4].copy_from_slice(&[0xFF, 0xE3, 0x48, mode]);
    frame.repeat(usize::try_from(seconds.min(4 * 3600) * 1000 / FRAME_MS).unwrap_or(1).max(1))
}

/// How many channels a file has, from its header.
pub(super) fn channels(bytes: &[u8]) -> u16 {
    if bytes.starts_with(b"RIFF") {
        let at = bytes.windows(4).take(4096).position(|word| word == b"fmt ").map_or(0, |at| at + 10);
        return bytes.get(at..at + 2).map_or(1, |field| u16::from_le_bytes([field[0], field[1]]));
    }
    let head = bytes.windows(4).take(64 * 1024).find(|head| head[0] == 0xFF && head[1] & 0xE6 == 0xE2);
    if head.is_some_and(|head| head[3] >> 6 == 3) { 1 } else { 2 }
}
