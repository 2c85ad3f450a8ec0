//! One 64 KiB range of a sealed recording: the handler of `rec://` beside a plain `pread`, and beside what nginx and
//! tower-http need for the same range of a plain file.
//!
//! The webview asks the handler without HTTP between, so its own cost is what is judged; what it costs over HTTP is told.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::measured::{cpu_s_of, measure};
use super::table::{Table, median};
use super::{Asked, Programs, empty, folder};
use crate::failure::Failure;
use crate::setup::{self, Need, Probe};
use crate::stage::Program;

/// Larger than what the reader keeps opened.
const RECORDING_BYTES: u64 = 64 << 20;
const RANGE_BYTES: u64 = 64 << 10;
/// The kernel counts a process's time in hundredths of a second: of a second there must be some.
const REQUESTS: u64 = 30_000;
const WARM_UP: u64 = 2_000;
const CONNECTIONS: u64 = 2;

/// The peer that is a program.
const NEEDS: &[Need] = &[Need { package: "nginx", probe: Probe::Program("nginx") }];

pub(super) async fn bench(asked: &Asked, programs: &Programs, table: &mut Table) -> Result<(), Failure> {
    setup::require(NEEDS)?;
    empty(&folder("range")?)?;
    let home = folder("range")?;
    write_recording(&home.join("plain.wav"))?;
    let mut rounds = Vec::new();
    for round in 0..asked.rounds.unwrap_or(3).max(3) {
        let found = Round::run(programs, &home).await?;
        println!("round {}: {found:?}", round + 1);
        rounds.push(found);
    }
    empty(&home)?;
    let of = |figure: fn(&Round) -> f64| median(&mut rounds.iter().map(figure).collect::<Vec<_>>());
    let shown = |us: f64| format!("{us:.1} us");
    let (alone, plain) = (of(|round| round.alone_us), of(|round| round.plain_us));
    let (nginx, tower) = (of(|round| round.nginx_us), of(|round| round.tower_us));
    table.at_most(
        "64 KiB, read and open, handler alone",
        shown(alone),
        format!("{} pread", shown(plain)),
        of(|round| round.alone_us / round.plain_us),
        2.0,
    );
    table.at_most(
        "against a request's CPU time at nginx",
        shown(alone),
        format!("{} nginx", shown(nginx)),
        of(|round| round.alone_us / round.nginx_us),
        1.0,
    );
    table.at_least(
        "against a request's at tower-http",
        shown(alone),
        format!("{} ServeDir", shown(tower)),
        of(|round| round.tower_us / round.alone_us),
        5.0,
    );
    table.told("from anywhere, in two chunks", shown(of(|round| round.across_us)), "-".into());
    table.told("ours over HTTP, the CPU of a request", shown(of(|round| round.ours_us)), "-".into());
    Ok(())
}

/// Microseconds of CPU time for one range.
#[derive(Debug)]
struct Round {
    plain_us: f64,
    alone_us: f64,
    across_us: f64,
    ours_us: f64,
    nginx_us: f64,
    tower_us: f64,
}

impl Round {
    async fn run(programs: &Programs, home: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(programs.program("measure_range"));
        command.arg(home).arg(REQUESTS.to_string());
        let alone = measure(command).await?.json("measure_range")?;
        let figure = |name: &str| alone[name].as_f64().ok_or_else(|| Failure::answer("measure_range", &alone));
        Ok(Self {
            plain_us: figure("plain_us")?,
            alone_us: figure("sealed_us")?,
            across_us: figure("across_us")?,
            ours_us: served(Served::library(programs, "ours", home).await?).await?,
            nginx_us: served(Served::nginx(home)?).await?,
            tower_us: served(Served::library(programs, "tower", home).await?).await?,
        })
    }
}

/// A server on loopback.
struct Served {
    program: Program,
    address: String,
}

impl Served {
    async fn library(programs: &Programs, which: &str, home: &Path) -> Result<Self, Failure> {
        let (program, home) = (programs.program("serve_range"), home.to_string_lossy().into_owned());
        let mut program = Program::start(which, &program, &[which, &home], &[], &folder("")?, true)?;
        let (line, _) = program.first_line(Duration::from_secs(60)).await?;
        let said: Value = serde_json::from_str(&line).map_err(|e| Failure::answer("serve_range", e))?;
        let address = said["url"].as_str().and_then(|url| url.strip_prefix("http://"));
        let address = address.ok_or_else(|| Failure::answer("serve_range", &line))?.to_owned();
        Ok(Self { program, address })
    }

    /// One process, with all that makes it fast for one file.
    fn nginx(home: &Path) -> Result<Self, Failure> {
        // It cannot say which port it was given: this one was free a moment ago.
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.map_err(|e| Failure::answer("127.0.0.1", e))?.to_string();
        let at = folder("nginx")?;
        let (config, shown, root) = (at.join("nginx.conf"), at.display(), home.display());
        let text = format!(
            "daemon off; master_process off; pid {shown}/pid; error_log stderr error;
             events {{ worker_connections 64; }}
             http {{
               access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
               open_file_cache max=8; open_file_cache_valid 600s;
               client_body_temp_path {shown}/body; proxy_temp_path {shown}/proxy; fastcgi_temp_path {shown}/fastcgi;
               uwsgi_temp_path {shown}/uwsgi; scgi_temp_path {shown}/scgi;
               server {{ listen {address}; root {root}; }}
             }}\n"
        );
        std::fs::write(&config, text).map_err(|e| Failure::file(&config, e))?;
        let (config, prefix) = (config.to_string_lossy().into_owned(), at.to_string_lossy().into_owned());
        let program = Program::start("nginx", Path::new("nginx"), &["-p", &prefix, "-c", &config], &[], &at, false)?;
        Ok(Self { program, address })
    }
}

/// Asks for ranges at random, and returns what one costs the server.
async fn served(served: Served) -> Result<f64, Failure> {
    let Served { program, address } = served;
    let id = program.id().ok_or_else(|| Failure::answer("a server", "it ended"))?;
    let asked = async {
        load(&address, WARM_UP).await?;
        let before = cpu_s_of(id)?;
        load(&address, REQUESTS).await?;
        Ok((cpu_s_of(id)? - before) * 1e6 / REQUESTS as f64)
    };
    let asked = asked.await;
    program.end().await;
    asked
}

async fn load(address: &str, requests: u64) -> Result<(), Failure> {
    let mut asking = Vec::new();
    for seed in 1..=CONNECTIONS {
        let address = address.to_owned();
        asking.push(tokio::task::spawn_blocking(move || {
            ask(&address, requests / CONNECTIONS, seed).map_err(|e| Failure::answer(&address, e))
        }));
    }
    for one in asking {
        one.await.map_err(|e| Failure::answer("the load", e))??;
    }
    Ok(())
}

fn ask(address: &str, requests: u64, seed: u64) -> std::io::Result<()> {
    let mut stream = connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut answer = vec![0; 16 << 10];
    for _ in 0..requests {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let first = state % (RECORDING_BYTES / RANGE_BYTES) * RANGE_BYTES;
        let last = first + RANGE_BYTES - 1;
        let question = format!("GET /plain.wav HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes={first}-{last}\r\n\r\n");
        stream.write_all(question.as_bytes())?;
        let (mut filled, head) = (0, b"\r\n\r\n");
        let body_at = loop {
            match stream.read(&mut answer[filled..])? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
            if let Some(at) = answer[..filled].windows(4).position(|four| four == head) {
                break at + 4;
            }
        };
        if !answer.starts_with(b"HTTP/1.1 206") {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let mut left = RANGE_BYTES as usize - (filled - body_at);
        while left > 0 {
            let room = left.min(answer.len());
            match stream.read(&mut answer[..room])? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                n => left -= n,
            }
        }
    }
    Ok(())
}

/// A server that was just started may not listen yet.
fn connect(address: &str) -> std::io::Result<TcpStream> {
    let mut tries = 0;
    loop {
        match TcpStream::connect(address) {
            Err(_) if tries < 100 => tries += 1,
            connected => return connected,
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Bytes that are no recording's: nobody looks at them.
fn write_recording(path: &Path) -> Result<(), Failure> {
    let mut state = 1_u64;
    let words = (0..RECORDING_BYTES / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    std::fs::write(path, words.collect::<Vec<u8>>()).map_err(|e| Failure::file(path, e))
}
