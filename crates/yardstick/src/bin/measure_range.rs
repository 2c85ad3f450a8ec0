//! One 64 KiB range at random places: `pread` of a plain file, and the handler of `rec://` over the sealed one. Takes a
//! folder with `plain.wav` and how often; prints one JSON object of microseconds of this thread's CPU time for each.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use aftercall_media::read_at::ReadAt as _;
use aftercall_media::respond::{Presence, respond};
use aftercall_yardstick::{Places, RANGE_BYTES, Recording};
use http::header::RANGE;
use http::{Request, StatusCode};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Between two looks at the clock: the machine's other work comes and goes more slowly.
const AT_A_TIME: u64 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, times] = arguments.as_slice() else { return Err("measure_range FOLDER TIMES".into()) };
    let recording = Recording::seal(Path::new(folder))?;
    let turns = times.parse::<u64>()?.div_ceil(AT_A_TIME);
    let (mut plain_us, mut sealed_us, mut across_us) = (Vec::new(), Vec::new(), Vec::new());
    let chunks = recording.len / RANGE_BYTES;
    let mut places = Places::new(0x5eed);
    let mut buffer = vec![0; RANGE_BYTES as usize];
    // The first turn is not counted: it fills the page cache.
    for _ in 0..=turns {
        plain_us.push(cost_us(|| {
            recording.plain.read_exact_at(&mut buffer, places.below(chunks) * RANGE_BYTES)?;
            Ok(std::hint::black_box(&buffer).len())
        })?);
        sealed_us.push(cost_us(|| answered(&recording, places.below(chunks) * RANGE_BYTES))?);
        across_us.push(cost_us(|| answered(&recording, places.below(recording.len - RANGE_BYTES)))?);
    }
    let median = |all: &mut Vec<f64>| {
        all.remove(0);
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let (plain_us, sealed_us, across_us) = (median(&mut plain_us), median(&mut sealed_us), median(&mut across_us));
    println!("{}", json!({"plain_us": plain_us, "sealed_us": sealed_us, "across_us": across_us}));
    Ok(())
}

/// What the webview's request costs, from its headers to the whole body.
fn answered(recording: &Recording, first: u64) -> Result<usize, Box<dyn Error>> {
    let range = format!("bytes={first}-{}", first + RANGE_BYTES - 1);
    let request = Request::get("rec://localhost/crm:CAmeasured").header(RANGE, range).body(())?;
    let here = Presence::Here { body: &recording.sealed, etag: "measured-1", content_type: "audio/wav" };
    let response = respond(&request, here, &["tauri://localhost"]);
    if response.status() != StatusCode::PARTIAL_CONTENT || response.body().len() as u64 != RANGE_BYTES {
        return Err(format!("{}", response.status()).into());
    }
    Ok(std::hint::black_box(response.into_body()).len())
}

fn cost_us(mut one: impl FnMut() -> Result<usize, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let began = cpu();
    for _ in 0..AT_A_TIME {
        one()?;
    }
    Ok((cpu() - began).as_secs_f64() * 1e6 / AT_A_TIME as f64)
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
