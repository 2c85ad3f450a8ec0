//! Who speaks when, against the labels of the recordings.

use aftercall_media::{Turns, TurnsBuilder, cuts};
use aftercall_player::analyse;
use serde_json::Value;

use crate::support::{audio, decoded, source};

const TWO_CHANNELS: [&str; 7] = [
    "call-dual-20s.wav",
    "call-dual-45s.mp3",
    "call-dual-4min.mp3",
    "call-dual-hold-90s.mp3",
    "call-dual-quiet-customer-60s.mp3",
    "call-dual-ulaw-15s.wav",
    "call-dual-vbr-40s.mp3",
];

/// Recall: labelled speech that was found on its channel. Called speech: of all time in which a channel is not labelled,
/// what was called speech.
struct Score {
    recall: f64,
    called_speech: f64,
}

fn marks(length_ms: usize, turns: impl Iterator<Item = (i64, i64)>) -> Vec<bool> {
    let mut marks = vec![false; length_ms];
    for (start, end) in turns {
        marks[start.max(0) as usize..(end.max(0) as usize).min(length_ms)].fill(true);
    }
    marks
}

/// When each channel speaks, and the length in milliseconds.
struct Labels {
    length_ms: usize,
    channels: [Vec<bool>; 2],
}

impl Labels {
    fn of(name: &str) -> Self {
        let labels: Value = serde_json::from_slice(&std::fs::read(audio("turns.json")).expect("labels")).expect("JSON");
        let file = &labels[name];
        let length_ms = file["seconds"].as_u64().expect("a length") as usize * 1000;
        let channels = [1, 2].map(|channel| {
            let turns = file["turns"].as_array().expect("turns").iter().filter(|turn| turn["channel"] == channel);
            let at = |turn: &Value, key: &str| turn[key].as_i64().expect("a time");
            marks(length_ms, turns.map(|turn| (at(turn, "start_ms"), at(turn, "end_ms"))))
        });
        Self { length_ms, channels }
    }

    fn score(&self, found: &Turns) -> Score {
        let (mut speech, mut right, mut quiet, mut wrong) = (0, 0, 0, 0);
        for (channel, labelled) in (1..).zip(&self.channels) {
            let ours = found.turns.iter().filter(|turn| turn.channel == channel);
            let ours = marks(self.length_ms, ours.map(|turn| (turn.start_ms, turn.end_ms)));
            for (labelled, ours) in labelled.iter().zip(ours) {
                speech += usize::from(*labelled);
                right += usize::from(*labelled && ours);
                quiet += usize::from(!labelled);
                wrong += usize::from(!labelled && ours);
            }
        }
        Score { recall: right as f64 / speech as f64, called_speech: wrong as f64 / quiet.max(1) as f64 }
    }
}

#[test]
fn labelled_speech_is_found_on_its_channel_and_quiet_is_not_called_speech() {
    for name in TWO_CHANNELS {
        let Score { recall, called_speech } = Labels::of(name).score(&analyse(source(name)).expect(name).turns);
        println!("{name}: {:.2} % found, {:.2} % of quiet called speech", recall * 100.0, called_speech * 100.0);
        assert!(recall >= 0.99, "{name}: {recall}");
        assert!(called_speech <= 0.025, "{name}: {called_speech}");
    }
}

/// How loud each side is: root of the mean square where it is labelled as speaking.
fn speech_rms(call: &[f32], labels: &Labels, rate_hz: u32) -> [f32; 2] {
    [0, 1].map(|side| {
        let is_spoken = |n: usize| labels.channels[side].get(n * 1000 / rate_hz as usize) == Some(&true);
        let spoken = call.chunks(2).enumerate().filter(|(n, _)| is_spoken(*n)).map(|(_, frame)| frame[side]);
        let (sum, count) = spoken.fold((0.0, 0), |(sum, count), sample| (sum + sample * sample, count + 1));
        (sum / count.max(1) as f32).sqrt()
    })
}

/// White noise with a variance of 1.
fn hiss() -> impl FnMut() -> f32 {
    let mut seed = 11_u32;
    move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 8) as f32 / (1 << 24) as f32 - 0.5) * 12.0_f32.sqrt()
    }
}

#[test]
fn noise_20_db_below_the_voice_and_the_other_side_25_db_below_leave_turns_as_they_are() {
    let (noise, leak) = (10_f32.powf(-20.0 / 20.0), 10_f32.powf(-25.0 / 20.0));
    for name in TWO_CHANNELS {
        let labels = Labels::of(name);
        let (call, rate_hz) = decoded(name);
        let rms = speech_rms(&call, &labels, rate_hz);
        for (what, noise, leak) in [("noise", noise, 0.0), ("a leak", 0.0, leak), ("both", noise, leak)] {
            let mut hiss = hiss();
            let mut builder = TurnsBuilder::new(2, rate_hz);
            for frame in call.chunks(2) {
                let one = frame[0] + leak * frame[1] + noise * rms[0] * hiss();
                let two = frame[1] + leak * frame[0] + noise * rms[1] * hiss();
                builder.push(&[one, two]);
            }
            let Score { recall, called_speech } = labels.score(&builder.finish());
            println!("{name}, {what}: {:.2} % found, {:.2} % called", recall * 100.0, called_speech * 100.0);
            assert!(recall >= 0.97, "{name} with {what}: {recall}");
            assert!(called_speech <= 0.05, "{name} with {what}: {called_speech}");
        }
    }
}

#[test]
fn what_silence_skip_leaves_out_holds_no_labelled_speech() {
    for name in TWO_CHANNELS {
        let labels = Labels::of(name);
        let skipped = cuts(&analyse(source(name)).expect(name).turns);
        for cut in &skipped {
            let within = cut.start_ms as usize..cut.end_ms as usize;
            let spoken = labels.channels.iter().map(|side| side[within.clone()].iter().filter(|ms| **ms).count());
            assert_eq!(spoken.sum::<usize>(), 0, "{name}: labelled speech in {cut:?}");
        }
        println!("{name}: {} ms in {} places", skipped.iter().map(|cut| cut.length_ms()).sum::<i64>(), skipped.len());
    }
}
