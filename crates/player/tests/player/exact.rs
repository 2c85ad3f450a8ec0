//! Length, time zero and seeking are those of ffmpeg's decode, to the sample.

use aftercall_player::offline::{RenderOptions, write_wav};
use aftercall_player::{Decoder, PlayerError, analyse};

use crate::signal::{channel, lag, rms};
use crate::support::{RECORDINGS, at_speed, audio, ffmpeg, rendered, source};

#[test]
fn every_recording_has_its_exact_length() {
    for (name, frames) in RECORDINGS {
        let decoder = Decoder::open(source(name)).expect(name);
        assert_eq!(decoder.total_frames(), frames, "{name}: by the scan");
        let (_, what) = rendered(name, &RenderOptions::default()).expect(name);
        assert_eq!((what.output_frames, what.damaged_packets), (frames, 0), "{name}: as rendered");
    }
}

#[test]
fn every_recording_lines_up_with_ffmpeg_to_the_sample() {
    for (name, frames) in RECORDINGS {
        let theirs = ffmpeg(name);
        let (ours, what) = rendered(name, &RenderOptions::default()).expect(name);
        let channels = usize::from(what.channels);
        assert_eq!(theirs.len() as u64, frames * channels as u64, "{name}: ffmpeg's length");
        for which in 0..channels {
            let (ours, theirs) = (channel(&ours, channels, which), channel(&theirs, channels, which));
            let seconds = 10 * what.sample_rate_hz as usize;
            assert_eq!(lag(&theirs[..seconds.min(theirs.len())], &ours, 60), 0, "{name} channel {which}");
            let error: Vec<f32> = ours.iter().zip(&theirs).map(|(a, b)| a - b).collect();
            let worst = error.iter().fold(0.0_f32, |worst, e| worst.max(e.abs()));
            assert!(worst < 1e-3, "{name} channel {which}: off by {worst}");
            assert!(rms(&error) < 1e-4 * rms(&theirs).max(1e-3), "{name} channel {which}: {}", rms(&error));
        }
    }
}

#[test]
fn the_wav_has_16_bits_the_recordings_rate_and_channels_and_45_000_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("heard.wav");
    let what = write_wav(source("call-dual-45s.mp3"), &RenderOptions::default(), &path).expect("written");
    assert_eq!((what.media_ms, what.output_ms, what.underruns, what.skipped_ms), (45_000, 45_000, 0, 0));
    let mut wav = hound::WavReader::open(&path).expect("a WAV");
    let spec = wav.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8_000, 16));
    assert_eq!(wav.duration(), 360_000);
    let ours: Vec<f32> = wav.samples::<i16>().map(|s| f32::from(s.expect("a sample")) / 32_768.0).collect();
    let theirs = ffmpeg("call-dual-45s.mp3");
    let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-3, "off by {worst}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "no unfinished file stays behind");
}

#[test]
fn a_16_bit_wav_comes_out_as_it_went_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("copy.wav");
    write_wav(source("call-dual-20s.wav"), &RenderOptions::default(), &path).expect("written");
    let samples = |path| -> Vec<i16> {
        hound::WavReader::open(path).expect("a WAV").samples().map(|s| s.expect("a sample")).collect()
    };
    assert_eq!(samples(path), samples(audio("call-dual-20s.wav")));
}

#[test]
fn a_window_is_that_part_of_the_whole() {
    for name in ["call-dual-45s.mp3", "call-dual-20s.wav", "call-dual-vbr-40s.mp3"] {
        let (whole, what) = rendered(name, &RenderOptions::default()).expect(name);
        let window = RenderOptions { from_ms: 3_217, to_ms: Some(9_001), ..RenderOptions::default() };
        let (part, part_what) = rendered(name, &window).expect(name);
        assert_eq!(part_what.media_ms, 9_001 - 3_217);
        let sample = |ms: u64| ((ms * u64::from(what.sample_rate_hz) + 500) / 1000) as usize * 2;
        assert_eq!(part.len(), sample(9_001) - sample(3_217), "{name}");
        assert!(part == whole[sample(3_217)..sample(9_001)], "{name}: other samples");
    }
}

#[test]
fn a_window_beyond_the_end_is_cut_and_a_reversed_one_refused() {
    let name = "call-mono-5s.wav";
    let beyond = RenderOptions { from_ms: 4_000, to_ms: Some(60_000), ..RenderOptions::default() };
    assert_eq!(rendered(name, &beyond).expect("cut").1.output_ms, 1_000);
    for (from_ms, to_ms) in [(3_000, 2_000), (-1, 2_000), (0, -1)] {
        let odd = RenderOptions { from_ms, to_ms: Some(to_ms), ..RenderOptions::default() };
        assert_eq!(rendered(name, &odd).err(), Some(PlayerError::InvalidInput), "{from_ms} to {to_ms}");
    }
    for speed in [0.0, 0.4, 3.5, f64::NAN] {
        assert_eq!(rendered(name, &at_speed(speed)).err(), Some(PlayerError::InvalidInput), "{speed}");
    }
}

#[test]
fn reading_after_a_seek_gives_the_samples_of_a_decode_from_the_beginning() {
    for (name, frames) in RECORDINGS {
        let (whole, what) = rendered(name, &RenderOptions::default()).expect(name);
        let channels = usize::from(what.channels);
        let mut decoder = Decoder::open(source(name)).expect(name);
        // Back and forth, within packets and at their edges, at both ends.
        let places = [frames / 2 + 13, 1, 0, frames - 1, 575, 576, 577, frames / 3, frames * 3 / 4 + 1, frames];
        for place in places {
            decoder.seek_to(place);
            let mut read = Vec::new();
            while read.len() < 2_000 * channels && decoder.read(&mut read).expect(name) > 0 {}
            let from = place as usize * channels;
            assert!(read == whole[from..from + read.len()], "{name}: other samples after a seek to {place}");
            assert_eq!(read.is_empty(), place == frames, "{name}: {place}");
        }
        assert_eq!(decoder.damaged_packets(), 0, "{name}: what is discarded after a seek is no damage");
    }
}

#[test]
fn a_damaged_packet_is_silence_and_all_that_follows_stays_in_its_place() {
    let mut bytes = std::fs::read(audio("call-dual-45s.mp3")).expect("a fixture");
    let (whole, _) = rendered("call-dual-45s.mp3", &RenderOptions::default()).expect("sound");
    // Half-way, inside the frames: a hole of zeros over the bodies of a few, their headers kept.
    let middle = bytes.len() / 2;
    for at in middle..middle + 1_200 {
        let header = (0..4).any(|back| bytes.get(at - back..at - back + 2) == Some(&[0xff, 0xe3]));
        if !header {
            bytes[at] = 0xaa;
        }
    }
    let mut decoder = Decoder::open(Box::new(std::io::Cursor::new(bytes))).expect("still a recording");
    let mut samples = Vec::new();
    while decoder.read(&mut samples).expect("goes on") > 0 {}
    assert_eq!(samples.len(), whole.len());
    let (ours, theirs) = (channel(&samples, 2, 0), channel(&whole, 2, 0));
    assert!(ours[..160_000] == theirs[..160_000], "what comes before");
    assert!(ours[200_000..] == theirs[200_000..], "what follows");
    let damaged = decoder.damaged_packets();
    assert!((1..=12).contains(&damaged), "{damaged} packets counted");
}

#[test]
fn one_pass_finds_facts_and_shape() {
    let found = analyse(source("call-dual-45s.mp3")).expect("an analysis");
    assert_eq!((found.facts.codec.as_str(), found.facts.channels), ("mp3", 2));
    assert_eq!((found.facts.sample_rate_hz, found.facts.duration_ms), (8_000, 45_000));
    assert_eq!((found.peaks.channels(), found.peaks.duration_ms()), (2, 45_000));
    assert!(found.peaks.buckets(100).iter().all(|side| side.iter().any(|(low, high)| *low < -10 && *high > 10)));
    assert_eq!((found.turns.channels, found.turns.duration_ms), (2, 45_000));
    assert_eq!(found.damaged_packets, 0);
}

#[test]
fn every_waveform_is_that_of_a_whole_decode_by_ffmpeg() {
    for (name, frames) in RECORDINGS {
        let found = analyse(source(name)).expect(name);
        let (theirs, channels) = (ffmpeg(name), usize::from(found.facts.channels));
        // As fine as it is kept: ten milliseconds a pair, behind the header.
        let bucket = found.facts.sample_rate_hz as usize / 100;
        let pairs = found.peaks.to_bytes().split_off(26);
        let buckets = (frames as usize).div_ceil(bucket);
        assert_eq!(pairs.len(), buckets * channels * 2, "{name}");
        for (which, lane) in pairs.chunks(buckets * 2).enumerate() {
            let theirs = channel(&theirs, channels, which);
            for (n, (ours, theirs)) in lane.chunks(2).zip(theirs.chunks(bucket)).enumerate() {
                // What is beyond full scale is drawn as full.
                let edge = |pick: fn(f32, f32) -> f32| {
                    (theirs.iter().copied().reduce(pick).unwrap_or(0.0) * 127.0).clamp(-127.0, 127.0)
                };
                let off = |ours: u8, theirs: f32| (f32::from(ours as i8) - theirs).abs();
                let off = off(ours[0], edge(f32::min)).max(off(ours[1], edge(f32::max)));
                assert!(off < 0.7, "{name} channel {which} at {n}: off by {off}");
            }
        }
    }
}
