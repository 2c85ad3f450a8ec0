//! Recordings on their way from a server that takes its time: ours sealed and synced, wget2's followed by `sync`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use super::measured::time;
use super::table::{Table, median};
use super::{Asked, Programs, Ready, empty, folder};
use crate::failure::Failure;
use crate::setup::{self, Need, Probe};
use crate::stage::Program;

/// What the goal speaks of.
const RECORDINGS: usize = 200;
const RECORDING_BYTES: usize = 1 << 20;
const DELAY_MS: u64 = 50;
const AT_ONCE: &str = "16";
/// Rounds that are not counted: both sides read their programs from the disk.
const WARM_UP: u32 = 1;
/// Where both sides put theirs. It stays until all have run: a file system gives what was just removed a wide berth.
const ALL: &str = "download";

/// The peer.
const NEEDS: &[Need] = &[Need { package: "wget2", probe: Probe::Program("wget2") }];

pub(super) async fn bench(asked: &Asked, programs: &Programs, table: &mut Table) -> Result<(), Failure> {
    setup::require(NEEDS)?;
    let recordings = recordings()?;
    let server = serve(programs, &recordings).await?;
    empty(&folder(ALL)?)?;
    let (mut ratios, mut ours_s, mut theirs_s) = (Vec::new(), Vec::new(), Vec::new());
    let rounds = asked.rounds.unwrap_or(3).max(3) + WARM_UP;
    for round in 0..rounds {
        // Each goes first every other time: the disk remembers who came before.
        let round_of = |side| folder(&format!("{ALL}/{side}-{round}"));
        let (our_home, their_home) = (round_of("ours")?, round_of("wget2")?);
        let (ours, theirs) = if round % 2 == 0 {
            let ours = ours(programs, &server.ready, &our_home).await?;
            (ours, theirs(&server, &their_home).await?)
        } else {
            let theirs = theirs(&server, &their_home).await?;
            (ours(programs, &server.ready, &our_home).await?, theirs)
        };
        if round >= WARM_UP {
            println!("round {}: ours {ours:.3} s, wget2 and sync {theirs:.3} s", round + 1 - WARM_UP);
            ratios.push(ours / theirs);
            ours_s.push(ours);
            theirs_s.push(theirs);
        }
    }
    server.program.end().await;
    empty(&folder(ALL)?)?;
    empty(&recordings)?;
    // What nobody can beat at this concurrency: one question and one answer for each recording.
    let limit_s = RECORDINGS.div_ceil(16) as f64 * DELAY_MS as f64 / 1e3;
    let (ours, theirs) = (median(&mut ours_s), median(&mut theirs_s));
    let shown = |s: f64| format!("{s:.3} s");
    table.at_most(
        "200 recordings, 50 ms, 16 at once",
        shown(ours),
        format!("{} wget2 + sync", shown(theirs)),
        median(&mut ratios),
        1.0,
    );
    table.told("against the round-trip limit alone", format!("{:.2}x", ours / limit_s), shown(limit_s));
    Ok(())
}

/// A folder of recordings that are all different.
fn recordings() -> Result<PathBuf, Failure> {
    let recordings = folder("recordings")?;
    empty(&recordings)?;
    let recordings = folder("recordings")?;
    for n in 0..RECORDINGS {
        let path = recordings.join(format!("{n:03}.wav"));
        std::fs::write(&path, wav(n as u32 + 1)).map_err(|e| Failure::file(&path, e))?;
    }
    Ok(recordings)
}

/// Noise at 8 kHz, a MiB with its header.
fn wav(seed: u32) -> Vec<u8> {
    let data = RECORDING_BYTES as u32 - 44;
    let mut bytes = Vec::with_capacity(RECORDING_BYTES);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(data + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&8_000_u32.to_le_bytes());
    bytes.extend_from_slice(&16_000_u32.to_le_bytes());
    bytes.extend_from_slice(b"\x02\0\x10\0data");
    bytes.extend_from_slice(&data.to_le_bytes());
    let mut state = seed;
    while bytes.len() < RECORDING_BYTES {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

struct Server {
    program: Program,
    ready: Ready,
    /// One address a line, and who asks.
    list: PathBuf,
    cookie: String,
}

/// The CRM, which waits before each answer about a recording.
async fn serve(programs: &Programs, recordings: &Path) -> Result<Server, Failure> {
    let script = folder("")?.join("delay.json");
    let rule = format!(r#"[{{"match": {{"path": "/api/recordings/file/*"}}, "do": [{{"delay_ms": {DELAY_MS}}}]}}]"#);
    std::fs::write(&script, rule).map_err(|e| Failure::file(&script, e))?;
    let (recordings, script) = (recordings.to_string_lossy(), script.to_string_lossy());
    let args = ["--port", "0", "--calls", "1000", "--leads", "20", "--prepare-polls", "0"];
    let args = [&args[..], &["--recordings", &recordings, "--script", &script]].concat();
    let program = programs.program("aftercall-sandbox");
    let mut program = Program::start("sandbox", &program, &args, &[], &folder("")?, true)?;
    let (line, _) = program.first_line(Duration::from_secs(60)).await?;
    let said: Value = serde_json::from_str(&line).map_err(|e| Failure::answer("aftercall-sandbox", e))?;
    let ready: Ready = serde_json::from_str(&line).map_err(|e| Failure::answer("aftercall-sandbox", e))?;
    let sids = said["recordings"].as_array().into_iter().flatten().filter_map(|one| one["call_sid"].as_str());
    let addresses: Vec<String> =
        sids.take(RECORDINGS).map(|sid| format!("{}/api/recordings/file/{sid}\n", ready.url)).collect();
    if addresses.len() < RECORDINGS {
        return Err(Failure::answer("aftercall-sandbox", format!("{} recordings", addresses.len())));
    }
    let list = folder("")?.join("addresses.txt");
    std::fs::write(&list, addresses.concat()).map_err(|e| Failure::file(&list, e))?;
    let cookie = sign_in(&ready).await?;
    Ok(Server { program, ready, list, cookie })
}

/// wget2 gets the session that it cannot ask for.
async fn sign_in(ready: &Ready) -> Result<String, Failure> {
    let cookies = folder("")?.join("cookies.txt");
    let form = serde_json::json!({"email": ready.email, "password": ready.password}).to_string();
    let mut command = Command::new("wget2");
    command.args(["--no-config", "--quiet", "--header=Content-Type: application/json", "--keep-session-cookies"]);
    command.arg(format!("--save-cookies={}", cookies.display())).arg(format!("--post-data={form}"));
    command.args(["--output-document=/dev/null", &format!("{}/api/auth/login", ready.url)]);
    time(command).await?;
    let jar = std::fs::read_to_string(&cookies).map_err(|e| Failure::file(&cookies, e))?;
    let _ = std::fs::remove_file(&cookies);
    let value = jar.lines().find_map(|line| {
        let mut fields = line.split('\t').skip_while(|field| *field != "al_sess");
        fields.nth(1).map(str::to_owned)
    });
    value.ok_or_else(|| Failure::answer("wget2", "no session"))
}

async fn ours(programs: &Programs, ready: &Ready, home: &Path) -> Result<f64, Failure> {
    flush().await?;
    let mut command = Command::new(programs.example("measure_download"));
    command.arg(home).args([&ready.url, &ready.email, &RECORDINGS.to_string(), AT_ONCE]);
    command.env("AFTERCALL_PASSWORD", &ready.password);
    let said = time(command).await?.json("measure_download")?;
    let whole = (RECORDINGS * RECORDING_BYTES) as u64;
    if said["bytes"].as_u64() != Some(whole) {
        return Err(Failure::check("every recording is stored", &said));
    }
    said["wall_s"].as_f64().ok_or_else(|| Failure::answer("measure_download", "no time"))
}

async fn theirs(server: &Server, home: &Path) -> Result<f64, Failure> {
    flush().await?;
    let mut command = Command::new("wget2");
    command.args(["--no-config", "--quiet", "--no-robots", &format!("--max-threads={AT_ONCE}")]);
    command.arg(format!("--header=Cookie: al_sess={}", server.cookie));
    command
        .arg(format!("--directory-prefix={}", home.display()))
        .arg(format!("--input-file={}", server.list.display()));
    let start = Instant::now();
    time(command).await?;
    flush().await?;
    let wall_s = start.elapsed().as_secs_f64();
    let mut bytes = 0;
    for entry in std::fs::read_dir(home).map_err(|e| Failure::file(home, e))? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(|e| Failure::file(home, e))?.len();
    }
    if bytes != (RECORDINGS * RECORDING_BYTES) as u64 {
        return Err(Failure::check("wget2 has every recording", format!("{bytes} bytes")));
    }
    Ok(wall_s)
}

async fn flush() -> Result<(), Failure> {
    time(Command::new("sync")).await.map(drop)
}
