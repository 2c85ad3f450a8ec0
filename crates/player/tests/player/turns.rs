//! Who speaks when, against the labels of the recordings.

use aftercall_player::analyse;
use serde_json::Value;

use crate::support::{audio, source};

/// Recall: labelled speech that was found on its channel. False: labelled quiet (neither speech nor its edges) that
/// was called speech.
struct Score {
    recall: f64,
    called_speech: f64,
}

/// Milliseconds round a labelled turn in which either answer is right.
const EDGE_MS: usize = 200;

fn marks(length_ms: usize, turns: impl Iterator<Item = (i64, i64)>) -> Vec<bool> {
    let mut marks = vec![false; length_ms];
    for (start, end) in turns {
        marks[start.max(0) as usize..(end.max(0) as usize).min(length_ms)].fill(true);
    }
    marks
}

fn score(name: &str) -> Score {
    let labels: Value = serde_json::from_slice(&std::fs::read(audio("turns.json")).expect("labels")).expect("JSON");
    let file = &labels[name];
    let length_ms = file["seconds"].as_u64().expect("a length") as usize * 1000;
    let found = analyse(source(name)).expect(name).turns;
    let (mut speech, mut right, mut quiet, mut wrong) = (0, 0, 0, 0);
    for channel in 1..=2_u16 {
        let spans = |edge: i64| {
            let turns = file["turns"].as_array().expect("turns").iter();
            turns.filter(move |turn| turn["channel"] == channel).map(move |turn| {
                let at = |key: &str| turn[key].as_i64().expect("a time");
                (at("start_ms") - edge, at("end_ms") + edge)
            })
        };
        let labelled = marks(length_ms, spans(0));
        let near = marks(length_ms, spans(EDGE_MS as i64));
        let ours = found.turns.iter().filter(|turn| turn.channel == channel);
        let ours = marks(length_ms, ours.map(|turn| (turn.start_ms, turn.end_ms)));
        for ms in 0..length_ms {
            speech += usize::from(labelled[ms]);
            right += usize::from(labelled[ms] && ours[ms]);
            quiet += usize::from(!near[ms]);
            wrong += usize::from(!near[ms] && ours[ms]);
        }
    }
    Score { recall: right as f64 / speech as f64, called_speech: wrong as f64 / quiet.max(1) as f64 }
}

#[test]
fn labelled_speech_is_found_on_its_channel_and_quiet_is_not_called_speech() {
    for name in [
        "call-dual-20s.wav",
        "call-dual-45s.mp3",
        "call-dual-4min.mp3",
        "call-dual-hold-90s.mp3",
        "call-dual-quiet-customer-60s.mp3",
        "call-dual-ulaw-15s.wav",
        "call-dual-vbr-40s.mp3",
    ] {
        let Score { recall, called_speech } = score(name);
        println!("{name}: {:.2} % found, {:.2} % of quiet called speech", recall * 100.0, called_speech * 100.0);
        assert!(recall >= 0.99, "{name}: {recall}");
        assert!(called_speech <= 0.025, "{name}: {called_speech}");
    }
}
