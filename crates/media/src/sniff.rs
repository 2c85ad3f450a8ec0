//! What the first bytes of a file say it is. Names and declared types are not asked: the CRM stores WAV under a
//! `.mp3` name, and a captive portal answers a recording with a page.

/// How many first bytes are enough for [`sniff`].
pub const SNIFF_BYTES: usize = 512;

/// What a file is by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// MPEG audio, perhaps behind an ID3 tag.
    Mp3,
    /// RIFF/WAVE, whatever codec is inside.
    Wav,
    /// A web page.
    Html,
    /// JSON, which is how servers say no.
    Json,
    /// XML that is not a web page.
    Xml,
    /// No byte at all.
    Empty,
    /// None of these.
    Unknown,
}

/// Says what `first` (the first [`SNIFF_BYTES`] bytes of a file, or all of a shorter one) looks like.
pub fn sniff(first: &[u8]) -> Sniffed {
    if first.is_empty() {
        return Sniffed::Empty;
    }
    if first.len() >= 12 && matches!(&first[..4], b"RIFF" | b"RF64") && &first[8..12] == b"WAVE" {
        return Sniffed::Wav;
    }
    if first.starts_with(b"ID3") || first.starts_with(b"TAG") || is_mpeg_audio_header(first) {
        return Sniffed::Mp3;
    }
    let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first).trim_ascii_start();
    match text.first() {
        Some(b'<') => {
            let head = text[..text.len().min(256)].to_ascii_lowercase();
            let has = |what: &[u8]| head.windows(what.len()).any(|w| w == what);
            if has(b"<!doctype html") || has(b"<html") || has(b"<head") || has(b"<body") {
                Sniffed::Html
            } else {
                Sniffed::Xml
            }
        }
        Some(b'{' | b'[') => Sniffed::Json,
        _ => Sniffed::Unknown,
    }
}

/// The sync word and no reserved value; a free bit rate counts as one.
fn is_mpeg_audio_header(bytes: &[u8]) -> bool {
    let &[sync, version_layer, rates, ..] = bytes else { return false };
    sync == 0xFF
        && version_layer & 0xE0 == 0xE0
        && version_layer & 0x18 != 0x08
        && version_layer & 0x06 != 0
        && rates & 0xF0 != 0xF0
        && rates & 0x0C != 0x0C
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_audio_from_what_a_server_says_instead() {
        let cases: [(&[u8], Sniffed); 19] = [
            (b"", Sniffed::Empty),
            (b"RIFF\xff\xff\xff\xffWAVEfmt ", Sniffed::Wav),
            (b"RF64\xff\xff\xff\xffWAVEds64", Sniffed::Wav),
            (b"RIFF\0\0\0\0AVI LIST", Sniffed::Unknown),
            (b"RIFF", Sniffed::Unknown),
            (b"ID3\x04\0\0", Sniffed::Mp3),
            (b"\xff\xe3\x48\0", Sniffed::Mp3),
            (b"\xff\xfb\x90\x64", Sniffed::Mp3),
            (b"\xff\xd8\xff\xe0", Sniffed::Unknown),
            (b"\xff\xff\xff\xff", Sniffed::Unknown),
            (b"\xff", Sniffed::Unknown),
            (b"\n\n  <!DOCTYPE html>\n<html>", Sniffed::Html),
            (b"\xEF\xBB\xBF<HTML lang=he>", Sniffed::Html),
            (b"<?xml version=\"1.0\"?><html xmlns=", Sniffed::Html),
            (b"<?xml version=\"1.0\"?><TwilioResponse>", Sniffed::Xml),
            (b" {\"error\":\"not found\"}", Sniffed::Json),
            (b"[]", Sniffed::Json),
            (b"OggS\0\x02", Sniffed::Unknown),
            (b"\0\0\0\0\0\0", Sniffed::Unknown),
        ];
        for (bytes, expected) in cases {
            assert_eq!(sniff(bytes), expected, "{bytes:?}");
        }
    }
}
