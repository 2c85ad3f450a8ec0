//! Whether there is a device, and whether it takes sound.

use std::io::Cursor;
use std::time::Duration;

use aftercall_player::{OutputChoice, Phase, Player, PlayerError};

use super::finding::{Finding, Found};

/// How long the sound device may take to take a tenth of a second of silence.
const PATIENCE: Duration = Duration::from_secs(3);

/// A tenth of a second of silence, to see whether a device takes it.
pub(super) async fn look(output: OutputChoice) -> Vec<Found> {
    let outcome = tokio::task::spawn_blocking(move || {
        let (told, phases) = std::sync::mpsc::sync_channel(64);
        let player = Player::start(output, Box::new(move |status| drop(told.try_send(status.phase))));
        player.load(Box::new(Cursor::new(silence())), 0, true);
        // A device that takes silence without end is one too: it is there, and it does not refuse.
        let refused = std::iter::from_fn(|| phases.recv_timeout(PATIENCE).ok())
            .find(|phase| matches!(phase, Phase::Ended | Phase::Failed(_)));
        player.close();
        refused
    });
    let found = match outcome.await {
        Ok(Some(Phase::Failed(PlayerError::NoOutputDevice))) => Finding::AudioNone.into(),
        Ok(Some(Phase::Failed(error))) => Finding::AudioRefused.because(error.code().as_str()),
        Ok(Some(_)) => Finding::AudioOk.into(),
        Ok(None) => Finding::AudioSlow.into(),
        Err(_) => Finding::AudioRefused.because("internal"),
    };
    vec![found]
}

/// A WAV of 800 samples at 8 kHz, 16 bit, one channel.
fn silence() -> Vec<u8> {
    const DATA_BYTES: u32 = 1600;
    let mut wav = Vec::with_capacity(44 + DATA_BYTES as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + DATA_BYTES).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    for half in [1u16, 1] {
        wav.extend_from_slice(&half.to_le_bytes());
    }
    wav.extend_from_slice(&8000u32.to_le_bytes());
    wav.extend_from_slice(&16000u32.to_le_bytes());
    for half in [2u16, 16] {
        wav.extend_from_slice(&half.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&DATA_BYTES.to_le_bytes());
    wav.resize(44 + DATA_BYTES as usize, 0);
    wav
}
