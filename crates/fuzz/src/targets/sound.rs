//! Recordings: looked through, and decoded to the end.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use aftercall_media::scan::{Container, DURATION_MS_MAX, scan};
use aftercall_player::decode::Decoder;

/// How much of a good file is a seed: some ten frames, so that many are decoded in a second.
const SEED_BYTES: usize = 3_000;

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../media/tests").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    let named = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.iter().filter_map(|path| Some((named(path), fs::read(path).ok()?))).collect()
}

fn good(ending: &str) -> Vec<Vec<u8>> {
    let some = files("audio").into_iter().filter(|(name, _)| name.ends_with(ending));
    let mut seeds: Vec<Vec<u8>> = some.map(|(_, bytes)| bytes[..SEED_BYTES.min(bytes.len())].to_vec()).collect();
    if ending == ".wav" {
        for (tag, bits) in
            [(1_u16, 8_u16), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8), (0x11, 4), (2, 4)]
        {
            seeds.push(wav(tag, 2, 8_000, bits));
        }
    }
    seeds
}

/// A WAV with a header of this shape and some samples.
fn wav(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let frame = channels * bits.div_ceil(8);
    let body: Vec<u8> = (0..2_000_u32).map(|at| (at * 7) as u8).collect();
    let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0".to_vec();
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}

fn hostile() -> Vec<Vec<u8>> {
    files("hostile").into_iter().filter(|(name, _)| name.ends_with(".bin")).map(|(_, bytes)| bytes).collect()
}

pub fn mp3_seeds() -> Vec<Vec<u8>> {
    good(".mp3")
}

pub fn wav_seeds() -> Vec<Vec<u8>> {
    good(".wav")
}

pub fn decode_seeds() -> Vec<Vec<u8>> {
    [good(".mp3"), good(".wav"), hostile()].concat()
}

/// What is found lies within the file, and can be read.
pub fn scanned(input: &[u8]) {
    let Ok(found) = scan(Cursor::new(input)) else { return };
    assert!((0..=DURATION_MS_MAX).contains(&found.facts.duration_ms), "{} ms", found.facts.duration_ms);
    match &found.container {
        Container::Mp3(mp3) => {
            let (mut cursor, mut frame) = (Cursor::new(input), Vec::new());
            // The first, the last and the middle: all of them would cost more than the scan.
            for index in [0, mp3.frame_count() / 2, mp3.frame_count().saturating_sub(1)] {
                let there = mp3.read_frame(&mut cursor, index, &mut frame).unwrap_or(false);
                assert!(there == (index < mp3.frame_count()), "frame {index} of {}", mp3.frame_count());
            }
        }
        Container::Wav(wav) => {
            assert!(wav.data_offset + wav.data_bytes <= input.len() as u64, "samples behind the end");
            assert_eq!(found.total_samples, wav.data_bytes / u64::from(wav.frame_bytes.max(1)));
        }
    }
}

/// A recording decodes to exactly its length in finite samples, or to an error; and again from any place.
pub fn decoded(input: &[u8]) {
    let Ok(mut decoder) = Decoder::open(Box::new(Cursor::new(input.to_vec()))) else { return };
    let (total, channels) = (decoder.total_frames(), decoder.channels());
    let mut block = Vec::new();
    for from in [0, total / 2] {
        decoder.seek_to(from);
        let mut frames = from;
        loop {
            block.clear();
            match decoder.read(&mut block) {
                Ok(0) => {
                    assert_eq!(frames, total, "shorter or longer than promised");
                    break;
                }
                Ok(count) => {
                    assert_eq!(block.len(), count * channels);
                    assert!(block.iter().all(|sample| sample.is_finite()), "a sample that is no number");
                    frames += count as u64;
                }
                Err(_) => break,
            }
        }
    }
}
