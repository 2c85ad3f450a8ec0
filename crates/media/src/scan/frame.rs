//! The four bytes before each MPEG audio frame (ISO 11172-3, 13818-3; version 2.5 is Fraunhofer's).

/// A frame's header that has no reserved value and no free bit rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) version: Version,
    /// 1, 2 or 3.
    pub(super) layer: u8,
    pub(super) bitrate_kbps: u32,
    pub(super) sample_rate_hz: u32,
    pub(super) channels: u16,
    /// The whole frame with its header.
    pub(super) frame_bytes: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Mpeg1,
    Mpeg2,
    Mpeg25,
}

const KBPS_V1_L1: [u32; 14] = [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448];
const KBPS_V1_L2: [u32; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
const KBPS_V1_L3: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const KBPS_V2_L1: [u32; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
const KBPS_V2_L23: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

impl FrameHeader {
    pub(super) fn parse(bytes: [u8; 4]) -> Option<Self> {
        let [sync, b1, b2, b3] = bytes;
        if sync != 0xFF || b1 & 0xE0 != 0xE0 {
            return None;
        }
        let version = match (b1 >> 3) & 3 {
            0 => Version::Mpeg25,
            2 => Version::Mpeg2,
            3 => Version::Mpeg1,
            _ => return None,
        };
        let layer = match (b1 >> 1) & 3 {
            1 => 3,
            2 => 2,
            3 => 1,
            _ => return None,
        };
        let table = match (version, layer) {
            (Version::Mpeg1, 1) => &KBPS_V1_L1,
            (Version::Mpeg1, 2) => &KBPS_V1_L2,
            (Version::Mpeg1, _) => &KBPS_V1_L3,
            (_, 1) => &KBPS_V2_L1,
            _ => &KBPS_V2_L23,
        };
        // 0 is the free bit rate, 15 is forbidden.
        let bitrate_kbps = *table.get(usize::from(b2 >> 4).checked_sub(1)?)?;
        let base_hz = *[44_100, 48_000, 32_000].get(usize::from((b2 >> 2) & 3))?;
        let sample_rate_hz = match version {
            Version::Mpeg1 => base_hz,
            Version::Mpeg2 => base_hz / 2,
            Version::Mpeg25 => base_hz / 4,
        };
        let padding = u32::from((b2 >> 1) & 1);
        let frame_bytes = match (version, layer) {
            (_, 1) => (12_000 * bitrate_kbps / sample_rate_hz + padding) * 4,
            (Version::Mpeg1, _) | (_, 2) => 144_000 * bitrate_kbps / sample_rate_hz + padding,
            _ => 72_000 * bitrate_kbps / sample_rate_hz + padding,
        };
        let channels = if b3 >> 6 == 3 { 1 } else { 2 };
        Some(Self { version, layer, bitrate_kbps, sample_rate_hz, channels, frame_bytes })
    }

    /// The most that a layer III frame of this version and rate holds.
    pub(super) fn bytes_max(&self) -> u32 {
        match self.version {
            Version::Mpeg1 => 144_000 * 320 / self.sample_rate_hz + 1,
            Version::Mpeg2 | Version::Mpeg25 => 72_000 * 160 / self.sample_rate_hz + 1,
        }
    }

    /// Samples per channel in a layer III frame.
    pub(super) fn samples(&self) -> u32 {
        if self.version == Version::Mpeg1 { 1152 } else { 576 }
    }

    /// Bytes of side information behind a layer III header; a Xing or Info tag begins after it.
    pub(super) fn side_info_bytes(&self) -> usize {
        match (self.version, self.channels) {
            (Version::Mpeg1, 1) => 17,
            (Version::Mpeg1, _) => 32,
            (_, 1) => 9,
            _ => 17,
        }
    }

    /// Whether a frame like this can follow one like `other` in the same stream.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        self.version == other.version
            && self.layer == other.layer
            && self.sample_rate_hz == other.sample_rate_hz
            && self.channels == other.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_three_versions_give_rate_channels_and_size() {
        let v25 = FrameHeader::parse([0xFF, 0xE3, 0x48, 0x64]).expect("MPEG 2.5");
        assert_eq!((v25.sample_rate_hz, v25.bitrate_kbps, v25.frame_bytes, v25.channels), (8_000, 32, 288, 2));
        assert_eq!((v25.samples(), v25.side_info_bytes()), (576, 17));
        let v2 = FrameHeader::parse([0xFF, 0xF3, 0x80, 0x64]).expect("MPEG 2");
        assert_eq!((v2.sample_rate_hz, v2.bitrate_kbps, v2.frame_bytes), (22_050, 64, 208));
        let v1 = FrameHeader::parse([0xFF, 0xFB, 0x92, 0xC0]).expect("MPEG 1");
        assert_eq!((v1.sample_rate_hz, v1.bitrate_kbps, v1.frame_bytes, v1.channels), (44_100, 128, 418, 1));
        assert_eq!((v1.samples(), v1.side_info_bytes()), (1152, 17));
        assert_eq!(FrameHeader::parse([0xFF, 0xFD, 0x90, 0x00]).expect("layer II").layer, 2);
    }

    #[test]
    fn reserved_values_and_the_free_bit_rate_are_no_headers() {
        for bytes in [
            [0xFE, 0xFB, 0x90, 0x00],
            [0xFF, 0xDB, 0x90, 0x00],
            [0xFF, 0xEB, 0x90, 0x00],
            [0xFF, 0xF9, 0x90, 0x00],
            [0xFF, 0xFB, 0x00, 0x00],
            [0xFF, 0xFB, 0xF0, 0x00],
            [0xFF, 0xFB, 0x9C, 0x00],
        ] {
            assert_eq!(FrameHeader::parse(bytes), None, "{bytes:x?}");
        }
    }
}
