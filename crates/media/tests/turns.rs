//! Turns against what is known of a recording: real speech whose beginnings and ends were written down.

use aftercall_media::TurnsBuilder;
use aftercall_media::scan::{Container, SampleFormat, scan};

const ULAW_15S: &[u8] = include_bytes!("audio/call-dual-ulaw-15s.wav");

/// Channel, start and end in milliseconds, as the prompts were laid out.
const SPOKEN: [(u16, usize, usize); 4] = [(1, 600, 5616), (2, 6116, 8886), (1, 9186, 12262), (2, 12412, 14854)];

/// G.711 µ-law (ITU-T G.191).
fn from_mulaw(code: u8) -> f32 {
    let code = !code;
    let magnitude = ((i32::from(code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7);
    let sample = magnitude - 0x84;
    (if code & 0x80 != 0 { -sample } else { sample }) as f32 / 32_768.0
}

#[test]
fn speech_is_found_on_its_channel_and_quiet_is_not_called_speech() {
    let found = scan(std::io::Cursor::new(ULAW_15S)).expect("scans");
    let Container::Wav(wav) = found.container else { panic!("a WAV") };
    assert_eq!(wav.format, SampleFormat::Mulaw);
    let data = &ULAW_15S[wav.data_offset as usize..][..wav.data_bytes as usize];
    let samples: Vec<f32> = data.iter().map(|&code| from_mulaw(code)).collect();

    let mut builder = TurnsBuilder::new(2, 8000);
    // Blocks that end within a frame must not swap the channels.
    for block in samples.chunks(777) {
        builder.push(block);
    }
    let turns = builder.finish();
    assert_eq!((turns.channels, turns.duration_ms, turns.turns.len()), (2, 15_000, SPOKEN.len()));

    let [mut speech_ms, mut found_ms, mut quiet_ms, mut wrong_ms] = [0; 4];
    for channel in 1..=2 {
        for at in 0..15_000 {
            let is_spoken = SPOKEN.iter().any(|&(c, from, to)| c == channel && (from..to).contains(&at));
            let is_called =
                turns.turns.iter().any(|t| t.channel == channel && (t.start_ms..t.end_ms).contains(&(at as i64)));
            speech_ms += u32::from(is_spoken);
            found_ms += u32::from(is_spoken && is_called);
            quiet_ms += u32::from(!is_spoken);
            wrong_ms += u32::from(!is_spoken && is_called);
        }
    }
    assert!(found_ms * 100 >= speech_ms * 99, "{found_ms} of {speech_ms} ms of speech found");
    assert!(wrong_ms * 1000 <= quiet_ms * 25, "{wrong_ms} of {quiet_ms} ms of quiet called speech");
    assert_eq!(turns.talk_ms.iter().sum::<i64>() - turns.overlap_ms + turns.silence_ms, turns.duration_ms);
}
