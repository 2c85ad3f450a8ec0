//! A first sync, and one in which nothing changed.

use std::path::Path;
use std::time::{Duration, Instant};

use super::measured::{Measured, measure};
use super::peers::Python;
use super::table::{Table, median};
use super::{Asked, Crm, Library, Programs, empty, folder};
use crate::failure::Failure;

/// The share of calls that memory is compared with.
const SMALLER: u64 = 10;
/// From so many calls on the caches are full at a tenth of them, and memory is judged.
const MEMORY_FROM: u64 = 1_000_000;

/// What one first sync showed.
struct First {
    measured: Measured,
    rows: f64,
    usable: Duration,
}

pub(super) async fn bench(
    asked: &Asked,
    programs: &Programs,
    python: &Python,
    table: &mut Table,
) -> Result<(), Failure> {
    let pages = folder(&format!("pages-{}", asked.calls))?;
    let database = folder("")?.join(format!("peer-{}.db", asked.calls));
    let crm = Crm::open(programs, asked.calls).await?;
    println!("saving the pages of {} calls", asked.calls);
    empty(&pages)?;
    python.save_pages(&crm, &folder(&format!("pages-{}", asked.calls))?).await?;
    let bytes = size_of(&pages)?;
    let library = Library::at(programs, &format!("library-{}", asked.calls))?;
    let (mut first_ratios, mut again_ratios) = (Vec::new(), Vec::new());
    let (mut firsts, mut agains, mut peers, mut parses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut peak_kib = 0;
    for round in 1..=asked.rounds.unwrap_or(1).max(1) {
        println!("round {round}: first sync");
        let first = first_sync(&library, &crm, false).await?;
        println!("round {round}: a sync with nothing new");
        let again = nothing_new(&library, first.rows).await?;
        println!("round {round}: sonic-rs");
        let mut parse = tokio::process::Command::new(programs.example("measure_parse"));
        parse.arg(&pages);
        let parsed = measure(parse).await?;
        let parse_s = parsed.json("measure_parse")?["cpu_s"].as_f64().unwrap_or(f64::NAN);
        println!("round {round}: sqlite-utils");
        remove(&database);
        let (peer, said) = python.sync(&pages, &database).await?;
        let peer_rows = said["rows"].as_f64().unwrap_or_default();
        if (peer_rows - first.rows).abs() > 0.5 {
            return Err(Failure::check("both read the same calls", format!("{} and {peer_rows}", first.rows)));
        }
        let us = |seconds: f64| seconds / first.rows * 1e6;
        first_ratios.push(peer.cpu_s / first.measured.cpu_s);
        again_ratios.push(parse_s / again.cpu_s);
        firsts.push(us(first.measured.cpu_s));
        agains.push(us(again.cpu_s));
        peers.push(us(peer.cpu_s));
        parses.push(us(parse_s));
        peak_kib = peak_kib.max(first.measured.peak_pss_kib).max(again.peak_pss_kib);
    }
    crm.end().await;
    let row = |values: &mut [f64]| format!("{:.1} us a call", median(values));
    let (firsts, peers) = (row(&mut firsts), format!("{} (sqlite-utils)", row(&mut peers)));
    table.at_least("first sync, indexed and searchable", firsts, peers, median(&mut first_ratios), 5.0);
    let parses = format!("{} (sonic-rs)", row(&mut parses));
    table.at_least("sync with nothing changed", row(&mut agains), parses, median(&mut again_ratios), 0.45);
    memory(asked, programs, peak_kib, table).await?;
    table.told("pages", format!("{:.2} GB of JSON", bytes as f64 / 1e9), "the same, on disk".into());
    if !asked.keep {
        empty(&pages)?;
        library.forget()?;
        remove(&database);
    }
    Ok(())
}

async fn memory(asked: &Asked, programs: &Programs, peak_kib: u64, table: &mut Table) -> Result<(), Failure> {
    println!("memory at a tenth");
    let crm = Crm::open(programs, asked.calls / SMALLER).await?;
    let library = Library::at(programs, "library-smaller")?;
    let first = first_sync(&library, &crm, true).await?;
    let again = nothing_new(&library, first.rows).await?;
    crm.end().await;
    library.forget()?;
    let usable = format!("{:.2} s (wall)", first.usable.as_secs_f64());
    table.told("first rows listed and found after", usable, "-".into());
    let smaller_kib = first.measured.peak_pss_kib.max(again.peak_pss_kib);
    let (ours, peer) = (format!("{} MB", peak_kib >> 10), format!("{} MB at a tenth", smaller_kib >> 10));
    if asked.calls >= MEMORY_FROM {
        table.at_most("largest PSS", ours, peer, peak_kib as f64 / smaller_kib as f64, 1.2);
    } else {
        table.told("largest PSS (judged from a million on)", ours, peer);
    }
    Ok(())
}

async fn first_sync(library: &Library, crm: &Crm, look: bool) -> Result<First, Failure> {
    library.forget()?;
    library.sign_in(crm).await?;
    let start = Instant::now();
    // Another process looks, as a person would: the list first, then one of its numbers as a search. Not where time is
    // measured: its own would be counted.
    let asked = async |args: &[&str]| {
        let output = library.command(args).output().await;
        let output = output.map_err(|source| Failure::Start { program: "aftercall-cli".into(), source })?;
        // It may be too early: then it says so.
        Ok::<serde_json::Value, Failure>(serde_json::from_slice(&output.stdout).unwrap_or_default())
    };
    let looking = async {
        if !look {
            return Ok::<_, Failure>(Duration::ZERO);
        }
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let listed = asked(&["calls", "--limit", "1"]).await?;
            let Some(number) = listed["calls"][0]["from"].as_str() else { continue };
            let found = asked(&["calls", "--search", number, "--limit", "1"]).await?;
            if found["calls"].as_array().is_some_and(|calls| !calls.is_empty()) {
                return Ok(start.elapsed());
            }
        }
    };
    let (synced, usable) = tokio::join!(library.ask(&["sync"]), looking);
    let (measured, answer) = synced?;
    let rows = answer["calls"]["added"].as_f64().unwrap_or_default();
    Ok(First { measured, rows, usable: usable? })
}

async fn nothing_new(library: &Library, rows: f64) -> Result<Measured, Failure> {
    // The first whole reading also brings what is read lead by lead: after it there is nothing new.
    library.ask(&["sync", "--full"]).await?;
    let (measured, answer) = library.ask(&["sync", "--full"]).await?;
    let unchanged = answer["calls"]["unchanged"].as_f64().unwrap_or_default();
    if (unchanged - rows).abs() > 0.5 {
        return Err(Failure::check("nothing changed", &answer["calls"]));
    }
    Ok(measured)
}

fn remove(database: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        let _ = std::fs::remove_file(path);
    }
}

fn size_of(folder: &Path) -> Result<u64, Failure> {
    let read = |error| Failure::file(folder, error);
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(read)? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(read)?.len();
    }
    Ok(bytes)
}
