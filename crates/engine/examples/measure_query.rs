//! What `cargo xtask bench query` runs: the lists and searches of the screens, over a library that a sync has filled.
//!
//! Prints one JSON object of CPU times in microseconds, of the thread that answers.

use std::path::Path;

use aftercall_domain::call::Direction;
use aftercall_engine::secrets::{KeyChoice, open_root_key};
use aftercall_engine::store::table::calls::{self, CallView, CallsFilter};
use aftercall_engine::store::table::leads::{self, LeadsFilter};
use aftercall_engine::store::table::{COUNT_CAP, Span};
use aftercall_engine::store::{Store, StoreError};
use rusqlite::Connection;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

const PAGE: u32 = 50;
/// Words of what is talked about, as typed; those of several words last.
const WORDS: &[&str] = &["מטבח", "פגישה", "הצעת מחיר", "חשמל", "לוח", "שיפוץ", "הצעת", "מחר בבוקר", "שיפוץ מטבח"];

/// Numbers being typed in three manners; which of them are there depends on the library.
const NUMBERS: &[&str] = &["0505550142", "+972525550101", "5550188"];
/// Words that no call has, one whose beginning many have, and two that are seldom met together.
const NOTHING: &[&str] = &["קקטוס", "מטבחצצ", "zebra", "לוח קקטוס"];

type Answer<T> = Result<T, StoreError>;

fn now_us() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

fn timed<T>(times: &mut Vec<f64>, work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    let start = now_us();
    let done = work()?;
    times.push(now_us() - start);
    Ok(done)
}

fn spread(mut times: Vec<f64>) -> Value {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get(((times.len() as f64 - 1.0) * share) as usize).copied();
    json!({"p50": at(0.5), "p99": at(0.99), "n": times.len()})
}

fn search(text: &str) -> CallsFilter {
    CallsFilter { search: text.to_owned(), ..CallsFilter::default() }
}

/// A text as it is typed, letter by letter.
fn typed(text: &str) -> impl Iterator<Item = String> {
    let letters: Vec<char> = text.chars().collect();
    (1..=letters.len()).map(move |n| letters[..n].iter().collect())
}

/// A fixed mix: names, numbers in three manners, words, all of them being typed.
fn queries(conn: &Connection) -> Answer<Vec<String>> {
    let mut texts: Vec<String> = WORDS.iter().chain(NOTHING).map(|word| (*word).to_owned()).collect();
    let leads = leads::list(conn, &LeadsFilter::default(), Span::From(0), 200)?.rows;
    texts.extend(leads.iter().filter_map(|lead| lead.name.clone()).step_by(17).take(12));
    for number in leads.iter().filter_map(|lead| lead.lead.phone_e164.clone()).step_by(31).take(6) {
        texts.push(number.clone());
        texts.push(number.replace("+972", "0"));
        texts.push(number.chars().skip(number.len().saturating_sub(7)).collect());
    }
    Ok(texts.iter().flat_map(|text| typed(text)).collect())
}

/// Words within each view and direction, those that find nothing too: missed calls have no words of what was said.
fn filtered(conn: &Connection) -> Answer<Vec<f64>> {
    let mut times = Vec::new();
    for text in WORDS.iter().copied().chain(NUMBERS.iter().copied()).chain(NOTHING.iter().copied()).flat_map(typed) {
        for view in [CallView::All, CallView::Unheard, CallView::Missed, CallView::Recorded] {
            for direction in [None, Some(Direction::Inbound), Some(Direction::Outbound)] {
                let filter = CallsFilter { view, direction, ..search(&text) };
                if filter != search(&text) {
                    calls::list(conn, &filter, Span::After(None), PAGE)?;
                    timed(&mut times, || calls::list(conn, &filter, Span::After(None), PAGE))?;
                }
            }
        }
    }
    Ok(times)
}

fn measure(conn: &Connection, overview: &aftercall_engine::store::Overview) -> Answer<Value> {
    let all = CallsFilter::default();
    let total = calls::totals(conn)?.all;
    // Each depth is met once before it is measured: pages of the file are in memory, as they are for who scrolls there.
    let depths: Vec<u64> = (1..=40).map(|n| total.saturating_sub(u64::from(PAGE)) * n / 41).collect();
    let mut jumps = Vec::new();
    let mut places = Vec::new();
    for depth in &depths {
        overview.calls(conn, &all, *depth, PAGE)?;
        let page = timed(&mut jumps, || overview.calls(conn, &all, *depth, PAGE))?;
        places.extend(page.next);
    }
    let (mut first, mut keyset) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        for place in &places {
            timed(&mut first, || calls::list(conn, &all, Span::After(None), PAGE))?;
            calls::list(conn, &all, Span::After(Some(*place)), PAGE)?;
            timed(&mut keyset, || calls::list(conn, &all, Span::After(Some(*place)), PAGE))?;
        }
    }
    let mut views = Vec::new();
    for view in [CallView::Unheard, CallView::Missed, CallView::Recorded] {
        for _ in 0..40 {
            let filter = CallsFilter { view, ..CallsFilter::default() };
            timed(&mut views, || calls::list(conn, &filter, Span::After(None), PAGE))?;
        }
    }
    let queries = queries(conn)?;
    let (mut cold, mut pages, mut counts, mut found, mut capped) = (Vec::new(), Vec::new(), Vec::new(), 0, 0);
    for round in 0..4 {
        for query in &queries {
            let filter = search(query);
            let times = if round == 0 { &mut cold } else { &mut pages };
            let page = timed(times, || calls::list(conn, &filter, Span::After(None), PAGE))?;
            let count = timed(&mut counts, || calls::count(conn, &filter))?;
            found += usize::from(!page.rows.is_empty());
            capped += usize::from(count.rows == COUNT_CAP && count.is_capped);
        }
    }
    let filtered = filtered(conn)?;
    Ok(json!({
        "calls": total,
        "filtered_us": spread(filtered),
        "first_us": spread(first),
        "keyset_us": spread(keyset),
        "jump_us": spread(jumps),
        "views_us": spread(views),
        "search_us": spread(pages),
        "search_first_time_us": spread(cold),
        "count_us": spread(counts),
        "queries": queries.len(),
        "found": found / 4,
        "capped": capped / 4,
    }))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let (profile, key) = (args.next().ok_or("which profile?")?, args.next().ok_or("which key file?")?);
    let root = open_root_key(Path::new(&profile), &KeyChoice::File(key.into()))?;
    let store = Store::open_for_reading(&Path::new(&profile).join("library.db"), &root.db_key())?;
    let overview = store.overview();
    let found = store.read_blocking(move |conn| measure(conn, &overview))?;
    println!("{found}");
    Ok(())
}
