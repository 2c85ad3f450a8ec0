//! How fast texts become words for the search index: prints megabytes of Hebrew text per second of one core.
//!
//! `cargo run --release -p aftercall-domain --example index_speed`

use std::hint::black_box;
use std::time::Instant;

use aftercall_domain::search::{index_row, query_words};

fn main() {
    // Sentences of the labelled list, put together anew for every row, so that no row is like another.
    let list = include_str!("../tests/hebrew-search.tsv");
    let sentences: Vec<&str> = list.lines().filter_map(|line| line.split('\t').nth(3)).collect();
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let rows: Vec<String> = (0..20_000)
        .map(|_| (0..20).map(|_| sentences[next() % sentences.len()]).collect::<Vec<_>>().join(". "))
        .collect();
    let bytes: usize = rows.iter().map(String::len).sum();

    let first = Instant::now();
    black_box(index_row(&["דנה כהן"], &[&rows[0]], &[]));
    println!("first row, with the vocabulary read: {:.1} ms", first.elapsed().as_secs_f64() * 1e3);

    let start = Instant::now();
    let mut indexed = 0;
    for row in &rows {
        indexed += black_box(index_row(&["דנה כהן"], &[row], &["+972505550142"])).len();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.1} MB in {} rows: {:.1} MB/s, {:.2} bytes of words per byte of text",
        bytes as f64 / 1e6,
        rows.len(),
        bytes as f64 / 1e6 / seconds,
        indexed as f64 / bytes as f64
    );

    let queries: Vec<&str> = list.lines().filter_map(|line| line.split('\t').nth(2)).collect();
    let start = Instant::now();
    let mut words = 0;
    for _ in 0..20 {
        words += queries.iter().map(|query| black_box(query_words(query)).len()).sum::<usize>();
    }
    let each = start.elapsed().as_secs_f64() / (20 * queries.len()) as f64;
    println!("a query is read in {:.1} us ({words} words)", each * 1e6);
}
