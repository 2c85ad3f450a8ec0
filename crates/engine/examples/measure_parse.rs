//! The measuring stick of `cargo xtask bench sync`: sonic-rs parses saved pages of calls into borrowed structs.
//!
//! Prints one JSON object: rows, and the CPU seconds of the parsing alone, without reading the files.

use std::borrow::Cow;

use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, and not looked at")]
struct Row<'a> {
    #[serde(borrow)]
    sid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    call_sid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    parent_call_sid: Option<Cow<'a, str>>,
    lead_id: Option<i64>,
    #[serde(borrow)]
    lead_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    from_e164: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to_e164: Option<Cow<'a, str>>,
    #[serde(borrow)]
    customer_phone: Option<Cow<'a, str>>,
    duration: Option<i64>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    direction: Option<Cow<'a, str>>,
    #[serde(borrow)]
    twilio_direction: Option<Cow<'a, str>>,
    #[serde(borrow)]
    at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    created_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    transcription: Option<Cow<'a, str>>,
    #[serde(borrow)]
    transcript: Option<Cow<'a, str>>,
    #[serde(borrow)]
    final_transcript: Option<Cow<'a, str>>,
    #[serde(borrow)]
    summary: Option<Cow<'a, str>>,
    #[serde(rename = "hasRecording")]
    has_recording: bool,
    #[serde(rename = "hasTranscript")]
    has_transcript: bool,
    #[serde(borrow, rename = "expiresAt")]
    expires_at: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    calls: Vec<Row<'a>>,
}

fn cpu_s() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("which folder?")?;
    let mut files = std::fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let (mut rows, mut spent_s) = (0, 0.0);
    for file in files {
        let body = std::fs::read(file)?;
        let start_s = cpu_s();
        rows += std::hint::black_box(sonic_rs::from_slice::<Page<'_>>(&body)?).calls.len();
        spent_s += cpu_s() - start_s;
    }
    println!("{}", serde_json::json!({"rows": rows, "cpu_s": spent_s}));
    Ok(())
}
