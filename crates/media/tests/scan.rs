//! Lengths and places of what is in a file, against ffmpeg's decode, and against files that lie.

use std::io::{Cursor, Read, Seek, SeekFrom};

use aftercall_media::scan::{Container, Mp3, SampleFormat, Scan, ScanError, Wav, scan};
use proptest::prelude::*;

const DUAL_45S: &[u8] = include_bytes!("audio/call-dual-45s.mp3");
const VBR_40S: &[u8] = include_bytes!("audio/call-dual-vbr-40s.mp3");
const MONO_30S: &[u8] = include_bytes!("audio/call-mono-30s.mp3");
const MONO_5S: &[u8] = include_bytes!("audio/call-mono-5s.wav");
const ULAW_15S: &[u8] = include_bytes!("audio/call-dual-ulaw-15s.wav");

/// Bytes of each frame of the 8 kHz sample, and where its Info frame begins (behind 45 bytes of ID3v2).
const FRAME: usize = 288;
const INFO_AT: usize = 45;

fn of(bytes: &[u8]) -> Result<Scan, ScanError> {
    scan(Cursor::new(bytes))
}

fn samples(bytes: &[u8]) -> u64 {
    of(bytes).expect("scans").total_samples
}

fn mp3(scan: &Scan) -> &Mp3 {
    match &scan.container {
        Container::Mp3(mp3) => mp3,
        Container::Wav(_) => panic!("an MP3"),
    }
}

fn wav(scan: &Scan) -> Wav {
    match scan.container {
        Container::Wav(wav) => wav,
        Container::Mp3(_) => panic!("a WAV"),
    }
}

/// The frames of the 8 kHz sample without ID3 and without the Info frame: 627 of 288 bytes.
fn bare() -> Vec<u8> {
    DUAL_45S[INFO_AT + FRAME..].to_vec()
}

/// Twilio's kind of WAV header, with what a test wants to be wrong.
fn wav_file(tag: u16, channels: u16, rate: u32, bits: u16, riff: u32, data: u32, body: &[u8]) -> Vec<u8> {
    let frame = channels * bits.div_ceil(8);
    let mut file = b"RIFF".to_vec();
    file.extend(riff.to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0");
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(data.to_le_bytes());
    file.extend(body);
    file
}

#[test]
fn an_mp3_is_as_long_as_ffmpeg_decodes_it_to_the_sample() {
    for (file, codec, channels, rate, total, duration_ms, trim) in [
        (DUAL_45S, "mp3", 2, 8_000, 360_000, 45_000, 576 + 529),
        (MONO_30S, "mp3", 1, 8_000, 240_000, 30_000, 576 + 529),
        (VBR_40S, "mp3", 2, 22_050, 882_000, 40_000, 576 + 529),
    ] {
        let found = of(file).expect("scans");
        let facts = &found.facts;
        assert_eq!(
            (facts.codec.as_str(), facts.channels, facts.sample_rate_hz, facts.duration_ms),
            (codec, channels, rate, duration_ms)
        );
        assert_eq!((found.total_samples, mp3(&found).start_trim_samples), (total, trim));
        assert_eq!(mp3(&found).is_vbr, file == VBR_40S);
    }
}

#[test]
fn without_a_tag_every_frame_is_heard_from_its_first_sample_as_in_ffmpeg() {
    let found = of(&bare()).expect("scans");
    assert_eq!((found.total_samples, mp3(&found).start_trim_samples), (627 * 576, 0));
}

#[test]
fn variable_bit_rate_without_a_xing_header_is_counted_frame_by_frame() {
    let whole = of(VBR_40S).expect("scans");
    let first = mp3(&whole).frame_offset(0).expect("a frame") as usize;
    let found = of(&VBR_40S[first..]).expect("scans");
    assert_eq!(found.total_samples, mp3(&whole).frame_count() as u64 * 576);
    assert!(mp3(&found).is_vbr);
}

#[test]
fn a_cut_last_frame_counts_from_four_bytes_on_as_in_ffmpeg() {
    let bare = bare();
    for (extra, frames) in [(0, 10), (1, 10), (3, 10), (4, 11), (30, 11), (287, 11), (288, 11)] {
        assert_eq!(samples(&bare[..10 * FRAME + extra]), frames * 576, "{extra} bytes of frame 11");
    }
}

#[test]
fn a_file_cut_short_is_as_long_as_what_is_left() {
    // ffmpeg: 795068 bytes of s16le in two channels.
    assert_eq!(samples(&DUAL_45S[..100_000]), 795_068 / 4);
    // One frame less than the tag says: its padding went with it.
    assert_eq!(samples(&DUAL_45S[..DUAL_45S.len() - FRAME]), 626 * 576 - 576 - 529);
}

#[test]
fn tags_before_and_behind_the_sound_are_not_sound() {
    let bare = bare();
    let ape = |items: usize| {
        let mut tag = Vec::new();
        for is_header in [true, false] {
            tag.extend(b"APETAGEX\xd0\x07\0\0");
            tag.extend((items as u32 + 32).to_le_bytes());
            tag.extend(1u32.to_le_bytes());
            tag.extend((0x8000_0000u32 | if is_header { 0x2000_0000 } else { 0 }).to_le_bytes());
            tag.extend([0; 8]);
            if is_header {
                // Items that look like frames.
                tag.extend(bare[..items].to_vec());
            }
        }
        tag
    };
    let mut id3v1 = b"TAG".to_vec();
    id3v1.resize(128, b' ');
    let mut id3v2 = b"ID3\x03\0\0\0\0\x09\x00".to_vec();
    // A tag of 1152 bytes that holds four whole frames.
    id3v2.extend(&bare[..1152]);
    for (name, before, behind) in [
        ("ID3v1", vec![], id3v1.clone()),
        ("ID3v2", id3v2.clone(), vec![]),
        ("two ID3v2", [id3v2.clone(), id3v2.clone()].concat(), vec![]),
        ("APE behind", vec![], ape(3 * FRAME)),
        ("APE and ID3v1 behind", vec![], [ape(3 * FRAME), id3v1].concat()),
        ("APE before", ape(3 * FRAME), vec![]),
    ] {
        let file = [before, bare.clone(), behind].concat();
        assert_eq!(samples(&file), 627 * 576, "{name}");
    }
}

#[test]
fn junk_before_and_between_frames_is_passed_over() {
    let bare = bare();
    let noise: Vec<u8> = (0..300u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for junk in [vec![0; 100], noise, vec![0xFF; 250]] {
        assert_eq!(samples(&[&junk[..], &bare].concat()), 627 * 576);
        let mut file = bare.clone();
        file.splice(5 * FRAME..5 * FRAME, junk);
        let found = of(&file).expect("scans");
        assert_eq!(mp3(&found).frame_count(), 627);
    }
}

#[test]
fn a_frame_with_a_damaged_header_costs_itself_and_no_other() {
    let mut file = bare();
    file[50 * FRAME] = 0;
    assert_eq!(samples(&file), 626 * 576);
    // A wrong bit rate would lead into the middle of the frames behind it.
    let mut file = bare();
    file[50 * FRAME + 2] = 0x88;
    let found = of(&file).expect("scans");
    assert!((626..=627).contains(&mp3(&found).frame_count()), "{}", mp3(&found).frame_count());
}

#[test]
fn each_frame_can_be_read_by_its_number_and_a_sample_s_frame_found() {
    let found = of(DUAL_45S).expect("scans");
    let mp3 = mp3(&found);
    assert_eq!(mp3.frame_offset(0), Some((INFO_AT + FRAME) as u64));
    let (mut cursor, mut frame) = (Cursor::new(DUAL_45S), Vec::new());
    for index in [626, 0, 300] {
        assert!(mp3.read_frame(&mut cursor, index, &mut frame).expect("read"));
        assert_eq!(frame, DUAL_45S[INFO_AT + (index + 1) * FRAME..][..FRAME]);
    }
    assert!(!mp3.read_frame(&mut cursor, 627, &mut frame).expect("read"));
    assert_eq!(mp3.locate(0), (1, 529));
    assert_eq!(mp3.locate(47), (2, 0));

    let cut = &DUAL_45S[..DUAL_45S.len() - 100];
    let found = of(cut).expect("scans");
    let Container::Mp3(mp3) = &found.container else { panic!("an MP3") };
    assert!(mp3.read_frame(&mut Cursor::new(cut), 626, &mut frame).expect("read"));
    assert_eq!((frame.len(), &frame[FRAME - 100..]), (FRAME, &[0; 100][..]));
}

#[test]
fn a_tag_without_a_single_frame_behind_it_is_a_header_without_sound() {
    assert!(matches!(of(&DUAL_45S[..INFO_AT + FRAME]), Err(ScanError::HeaderOnly)));
}

#[test]
fn the_wav_samples_are_as_long_as_ffmpeg_decodes_them() {
    let found = of(MONO_5S).expect("scans");
    assert_eq!(
        (found.facts.codec.as_str(), found.total_samples, found.facts.duration_ms),
        ("pcm_s16le", 40_000, 5_000)
    );
    let found = of(ULAW_15S).expect("scans");
    assert_eq!((found.facts.codec.as_str(), found.total_samples, found.facts.duration_ms), ("mulaw", 120_000, 15_000));
    assert_eq!((wav(&found).frame_bytes, wav(&found).data_bytes), (2, 240_000));
}

#[test]
fn every_sample_format_of_telephony_is_known() {
    for (tag, bits, codec, format) in [
        (1, 8, "pcm_u8", SampleFormat::U8),
        (1, 16, "pcm_s16le", SampleFormat::S16),
        (1, 24, "pcm_s24le", SampleFormat::S24),
        (1, 32, "pcm_s32le", SampleFormat::S32),
        (3, 32, "pcm_f32le", SampleFormat::F32),
        (3, 64, "pcm_f64le", SampleFormat::F64),
        (6, 8, "alaw", SampleFormat::Alaw),
        (7, 8, "mulaw", SampleFormat::Mulaw),
    ] {
        let frame = 2 * usize::from(bits) / 8;
        let body = vec![0; 8000 * frame];
        let found = of(&wav_file(tag, 2, 8000, bits, 0, body.len() as u32, &body)).expect("scans");
        assert_eq!((found.facts.codec.as_str(), found.facts.duration_ms), (codec, 1000));
        let expected = Wav { format, data_offset: 44, data_bytes: body.len() as u64, frame_bytes: frame as u32 };
        assert_eq!(wav(&found), expected);
    }
}

#[test]
fn the_extensible_tag_stands_for_the_format_in_its_guid() {
    let mut file = wav_file(0xFFFE, 1, 8000, 16, 0, 0, &[]);
    file.truncate(36);
    file[16] = 40;
    file.extend([22, 0, 16, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
    file.extend(b"data\x80\x3e\0\0");
    file.extend([0; 16_000]);
    let found = of(&file).expect("scans");
    assert_eq!((found.facts.codec.as_str(), found.total_samples, wav(&found).data_offset), ("pcm_s16le", 8000, 68));
}

#[test]
fn lying_sizes_in_a_wav_give_way_to_what_is_there() {
    let body = [1; 16_001];
    for (riff, data) in [(0, 0), (u32::MAX, u32::MAX), (7, 0x7FFF_FFFF), (36, 16_001), (0, 1_000_000)] {
        let found = of(&wav_file(1, 1, 8000, 16, riff, data, &body)).expect("scans");
        // The odd byte at the end is half a sample.
        assert_eq!((found.total_samples, wav(&found).data_bytes), (8000, 16_000), "RIFF {riff}, data {data}");
    }
    // What follows an honest size is another chunk.
    assert_eq!(samples(&wav_file(1, 1, 8000, 16, 0, 8_000, &body)), 4000);
}

#[test]
fn chunks_before_the_samples_are_passed_over_with_or_without_their_padding() {
    for padding in [&[][..], &[0]] {
        let mut file = wav_file(7, 2, 8000, 8, 0, 16_000, &[0xFF; 16_000]);
        let mut chunk = b"LIST\x05\0\0\0abcde".to_vec();
        chunk.extend(padding);
        file.splice(36..36, chunk.clone());
        file.splice(12..12, chunk);
        assert_eq!(samples(&file), 8000, "{} bytes of padding", padding.len());
    }
}

#[test]
fn a_wav_header_without_sound_and_a_wav_without_a_header_are_told_apart() {
    assert!(matches!(of(&wav_file(1, 1, 8000, 16, 36, 0, &[])), Err(ScanError::HeaderOnly)));
    assert!(matches!(of(&wav_file(1, 2, 8000, 16, 36, 3, &[0; 3])), Err(ScanError::HeaderOnly)));
    assert!(matches!(of(&MONO_5S[..36]), Err(ScanError::HeaderOnly)));
    assert!(matches!(of(&MONO_5S[..20]), Err(ScanError::Malformed)));
    assert!(matches!(of(b"RIFF\0\0\0\0WAVE"), Err(ScanError::Malformed)));
}

#[test]
fn a_codec_that_is_not_played_is_named() {
    let named = |bytes: &[u8]| match of(bytes) {
        Err(ScanError::Unsupported { codec }) => codec,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(&wav_file(0x31, 1, 8000, 0, 0, 100, &[0; 100])), "gsm_ms");
    assert_eq!(named(&wav_file(0x55, 1, 8000, 0, 0, 100, &[0; 100])), "mp3 in wav");
    assert_eq!(named(&wav_file(0xABCD, 1, 8000, 0, 0, 100, &[0; 100])), "wav format 0xabcd");
    assert_eq!(named(b"OggS\0\x02\0\0\0\0\0\0\0\0OpusHead"), "opus");
    assert_eq!(named(b"fLaC\0\0\0\x22"), "flac");
    assert_eq!(named(b"\0\0\0\x20ftypM4A "), "aac");
    assert_eq!(named(&[0xFF, 0xF1, 0x6C, 0x40, 0, 0, 0]), "aac");
    let mut layer_2 = vec![0; 4 * 417];
    (0..4).for_each(|i| layer_2[i * 417..][..4].copy_from_slice(&[0xFF, 0xFD, 0x80, 0x00]));
    assert_eq!(named(&layer_2), "mp2");
}

#[test]
fn what_a_server_says_instead_of_sound_is_not_sound() {
    for bytes in [&b""[..], b"<!DOCTYPE html><html></html>", b"{\"detail\":\"Not found\"}", b"plain words", &[0; 5000]]
    {
        assert!(matches!(of(bytes), Err(ScanError::NotAudio)), "{bytes:?}");
    }
}

#[test]
fn channels_rates_and_lengths_beyond_the_limits_are_refused() {
    for (channels, rate) in [(0, 8000), (9, 8000), (1, 3_999), (1, 192_001), (1, 0), (1, u32::MAX / 4)] {
        let error = of(&wav_file(1, channels, rate, 16, 0, 0, &[0; 100])).expect_err("refused");
        assert!(matches!(error, ScanError::OutOfBounds { .. }), "{channels} channels at {rate} Hz: {error}");
    }
    // 6 h of 8 bit at 4 kHz are 86.4 MB.
    let head = wav_file(1, 1, 4000, 8, 0, 0, &[]);
    let of_len = |len| scan(Hollow { head: head.clone(), len, position: 0, read_bytes: 0 });
    assert!(of_len(44 + 6 * 3600 * 4000).is_ok());
    assert!(matches!(of_len(44 + 6 * 3600 * 4000 + 4000), Err(ScanError::TooLong)));
    assert!(matches!(of_len((512 << 20) + 1), Err(ScanError::TooLarge { .. })));
}

/// A file of any size that holds zeros behind its head.
struct Hollow {
    head: Vec<u8>,
    len: u64,
    position: u64,
    read_bytes: u64,
}

impl Read for Hollow {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = (self.len.saturating_sub(self.position)).min(buf.len() as u64) as usize;
        for (i, byte) in buf[..n].iter_mut().enumerate() {
            *byte = self.head.get(self.position as usize + i).copied().unwrap_or(0);
        }
        self.position += n as u64;
        self.read_bytes += n as u64;
        Ok(n)
    }
}

impl Seek for Hollow {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.len.checked_add_signed(by).expect("in range"),
            SeekFrom::Current(by) => self.position.checked_add_signed(by).expect("in range"),
        };
        Ok(self.position)
    }
}

#[test]
fn a_large_file_that_is_no_recording_is_given_up_early() {
    let mut file = Hollow { head: Vec::new(), len: 512 << 20, position: 0, read_bytes: 0 };
    assert!(matches!(scan(&mut file), Err(ScanError::NotAudio)));
    assert!(file.read_bytes < 4 << 20, "{} bytes read", file.read_bytes);
}

#[test]
fn the_hostile_files_give_a_result_or_an_error() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile");
    let mut seen = 0;
    let paths = std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path());
    for path in paths.filter(|path| path.extension().is_some_and(|ending| ending == "bin")) {
        let bytes = std::fs::read(path).expect("file");
        if let Ok(found) = of(&bytes) {
            assert!(found.total_samples <= 8 * 1152 * bytes.len() as u64);
        }
        seen += 1;
    }
    assert_eq!(seen, 8);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_recordings_scan_or_fail_and_every_frame_found_can_be_read(
        which in 0usize..4,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..40),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = [&DUAL_45S[..20_000], &VBR_40S[..20_000], &MONO_5S[..5_000], &ULAW_15S[..5_000]][which].to_vec();
        for (at, value) in damage {
            // The headers are where a lie matters most.
            let at = if value % 2 == 0 { at.index(60) } else { at.index(bytes.len()) };
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 2);
        if let Ok(found) = of(&bytes) {
            if let Container::Mp3(mp3) = &found.container {
                let mut frame = Vec::new();
                for index in 0..mp3.frame_count() {
                    prop_assert!(mp3.read_frame(&mut Cursor::new(&bytes), index, &mut frame).expect("read"));
                }
            } else {
                let wav = wav(&found);
                prop_assert!(wav.data_offset + wav.data_bytes <= bytes.len() as u64);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000), magic in 0usize..3) {
        let head: &[u8] = [&b""[..], b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0", b"\xFF\xE3\x48\x64"][magic];
        let _ = of(&[head, &bytes].concat());
    }
}
