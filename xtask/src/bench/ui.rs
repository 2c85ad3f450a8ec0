//! The real window over a library of many calls: how soon its first rows are there, beside an empty page of headless
//! Chromium in the same run; what it holds while it rests; scrolling, typing and opening a call, frame by frame.
//!
//! Wall-clock time, because that is what a person waits for: nothing else should run beside it.

use std::path::Path;
use std::time::Duration;

use fantoccini::wd::TimeoutConfiguration;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::measured::pss_kib;
use super::table::{Table, median};
use super::{Asked, Crm, Library, Programs, folder};
use crate::failure::Failure;
use crate::setup;
use crate::stage::{Environment, Home, Screen, Window};

/// Starts of each, of which the median counts.
const STARTS: u32 = 7;
/// How long the window rests before its memory is looked at.
const REST: Duration = Duration::from_secs(10);
const FIRST_ROWS: Duration = Duration::from_secs(60);
/// A screen without a graphics card draws few frames a second.
const SCRIPTS_TAKE: Duration = Duration::from_secs(180);

/// What the page found of its own frames.
#[derive(Debug, Deserialize)]
struct Scrolled {
    frames: u32,
    /// Frames in which a row in sight had no words.
    blank: u32,
    longest_ms: f64,
    last: u64,
    rows: u64,
}

pub(super) async fn bench(asked: &Asked, programs: &Programs, table: &mut Table) -> Result<(), Failure> {
    setup::require(setup::CHROMIUM)?;
    let library = filled(asked, programs).await?;
    let logs = folder("ui-logs")?;
    let (home, screen) = (Home::new()?, Screen::open(&logs).await?);
    let mut env: Environment = home.environment();
    env.extend(screen.environment());
    env.push(("DBUS_SESSION_BUS_ADDRESS", "disabled:".into()));
    env.push(("AFTERCALL_KEY_FILE", library.key.to_string_lossy().into_owned()));
    let bench = Bench { binary: programs.program("aftercall"), library: &library, env, logs, home: &home };
    let measured = bench.run(asked.rounds.unwrap_or(STARTS).max(1), table).await;
    screen.end().await;
    if measured.is_ok() && !asked.keep {
        library.forget()?;
    }
    measured
}

/// The library that `bench query` uses, too.
async fn filled(asked: &Asked, programs: &Programs) -> Result<Library, Failure> {
    let library = Library::at(programs, &format!("library-{}", asked.calls))?;
    if !library.profile.join("library.db").exists() {
        println!("filling a library with {} calls", asked.calls);
        let crm = Crm::open(programs, asked.calls).await?;
        library.forget()?;
        library.sign_in(&crm).await?;
        library.ask(&["sync"]).await?;
        crm.end().await;
    }
    Ok(library)
}

struct Bench<'a> {
    binary: std::path::PathBuf,
    library: &'a Library,
    env: Environment,
    logs: std::path::PathBuf,
    home: &'a Home,
}

impl Bench<'_> {
    async fn run(&self, starts: u32, table: &mut Table) -> Result<(), Failure> {
        // Both warm: the first of each is not counted.
        self.start().await?;
        self.empty_page().await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for start in 1..=starts {
            ours.push(self.start().await?);
            theirs.push(self.empty_page().await?);
            println!("start {start}: {:.0} ms, Chromium {:.0} ms", ours[ours.len() - 1], theirs[theirs.len() - 1]);
        }
        let (ours, theirs) = (median(&mut ours), median(&mut theirs));
        let ms = |ms: f64| format!("{ms:.0} ms");
        let work = format!("cold start to first rows, median of {starts}");
        table.at_most(&work, ms(ours), format!("{} (Chromium, empty page)", ms(theirs)), ours / theirs, 1.1);
        self.resting_and_used(table).await
    }

    /// From the wish for a window to rows with words in it, in milliseconds. The driver's own share is in both.
    async fn start(&self) -> Result<f64, Failure> {
        let window = self.open().await?;
        let began = window.began;
        let rows = first_rows(&window).await;
        window.close().await;
        rows.map(|at| (at - began).as_secs_f64() * 1e3)
    }

    async fn open(&self) -> Result<Window, Failure> {
        Window::open("driver", &self.binary, &self.library.profile, &self.env, &self.logs).await
    }

    /// From the same wish to an empty page that says it is complete.
    async fn empty_page(&self) -> Result<f64, Failure> {
        let profile = self.home.path().join("chromium");
        let window = Window::chromium("chromedriver", &profile, &self.env, &self.logs).await?;
        let began = window.began;
        let complete = until(&window, "return document.readyState === 'complete'", "an empty page").await;
        window.close().await;
        complete.map(|at| (at - began).as_secs_f64() * 1e3)
    }

    async fn resting_and_used(&self, table: &mut Table) -> Result<(), Failure> {
        let window = self.open().await?;
        let used = async {
            let rows = first_rows(&window).await?;
            self.parts_of_the_start(&window, rows, table).await?;
            sleep(REST).await;
            let process = process_of(&self.binary)?;
            table.within("idle PSS of the window's process", pss_kib(process) as f64 / 1024.0, 120.0, "MiB");
            self.frames(&window, table).await
        };
        let used = used.await;
        window.close().await;
        used
    }

    /// Where a start's time goes: the program and the engine, then the page's files, then what the page does.
    async fn parts_of_the_start(&self, window: &Window, rows: Instant, table: &mut Table) -> Result<(), Failure> {
        let script = "const n = performance.getEntriesByType('navigation')[0]; const done = arguments[0];\
            done([performance.now(), n.responseEnd, n.domContentLoadedEventEnd])";
        let [now_ms, read, ready]: [f64; 3] = ask(window, script, vec![]).await?;
        let before_ms = window.began.elapsed().as_secs_f64() * 1e3 - now_ms;
        let rows_ms = (rows - window.began).as_secs_f64() * 1e3 - before_ms;
        let shown = format!("page at {before_ms:.0} ms, read +{read:.0}, ready +{ready:.0}, rows +{rows_ms:.0}");
        table.told("one start, in parts", shown, "-".into());
        Ok(())
    }

    async fn frames(&self, window: &Window, table: &mut Table) -> Result<(), Failure> {
        let scrolled: Scrolled = ask(window, include_str!("../../../ui/e2e/scroll.js"), vec![]).await?;
        let seen = format!("{} of {} frames", scrolled.blank, scrolled.frames);
        table.judged("frames with a blank row while scrolling", seen, "0", scrolled.blank == 0);
        table.told("longest frame while scrolling", format!("{:.0} ms", scrolled.longest_ms), "-".into());
        let reached = format!("row {} of {}", scrolled.last, scrolled.rows);
        table.judged("End reaches the last row", reached, "the last", scrolled.last == scrolled.rows);
        let typed: Value = ask(window, include_str!("../../../ui/e2e/type.js"), vec![json!("כהן יעל")]).await?;
        let (frames, longest) =
            (typed["frames"].as_u64().unwrap_or(0), typed["longest_ms"].as_f64().unwrap_or(f64::NAN));
        let (dropped, idle) = (typed["dropped"].as_u64().unwrap_or(1), typed["idle_ms"].as_f64().unwrap_or(f64::NAN));
        let seen = format!("{dropped} of {frames}, longest {longest:.0} ms ({idle:.0} at rest)");
        table.judged("frames dropped while typing a search", seen, "0", dropped == 0);
        let mut opened: Vec<f64> = ask(window, include_str!("../../../ui/e2e/open.js"), vec![json!(20)]).await?;
        table.within("a call opened, median of 20", median(&mut opened), 100.0, "ms");
        table.told("the slowest of them", format!("{:.0} ms", opened.last().copied().unwrap_or(f64::NAN)), "-".into());
        Ok(())
    }
}

async fn first_rows(window: &Window) -> Result<Instant, Failure> {
    let script =
        "return [...document.querySelectorAll(\"[data-testid='call-row']\")].some(e => e.innerText.trim() !== '')";
    until(window, script, "first rows").await
}

/// When a script first says yes; it is asked without a pause.
async fn until(window: &Window, script: &str, what: &str) -> Result<Instant, Failure> {
    let end = Instant::now() + FIRST_ROWS;
    loop {
        if window.client.execute(script, vec![]).await.is_ok_and(|said| said == json!(true)) {
            return Ok(Instant::now());
        }
        if Instant::now() > end {
            let seconds = FIRST_ROWS.as_secs();
            return Err(Failure::Waited { what: what.to_owned(), seconds, seen: "nothing".into() });
        }
    }
}

async fn ask<T: serde::de::DeserializeOwned>(window: &Window, script: &str, args: Vec<Value>) -> Result<T, Failure> {
    let patience = TimeoutConfiguration::new(Some(SCRIPTS_TAKE), None, None);
    let set = window.client.update_timeouts(patience).await;
    set.map_err(|source| Failure::Driver { step: "patience".into(), source: Box::new(source) })?;
    let said = window.client.execute_async(script, args).await;
    let said = said.map_err(|source| Failure::Driver { step: "measuring".into(), source: Box::new(source) })?;
    serde_json::from_value(said).map_err(|e| Failure::answer("the page", e))
}

/// The process that runs this program.
fn process_of(binary: &Path) -> Result<u32, Failure> {
    let processes = std::fs::read_dir("/proc").map_err(|e| Failure::file(Path::new("/proc"), e))?;
    let runs = |entry: std::fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        (std::fs::read_link(entry.path().join("exe")).ok()? == binary).then_some(id)
    };
    processes.flatten().find_map(runs).ok_or_else(|| Failure::check("the window runs", binary.display()))
}
