//! The labelled list of searches: recall and precision by kind.

use std::collections::BTreeMap;

use aftercall_domain::search::{index_text, is_found};

/// Another list of the same form to judge instead.
const OTHER_LIST: &str = "AFTERCALL_SEARCH_LIST";

const LEAST_RECALL: f64 = 0.99;
const LEAST_PRECISION: f64 = 0.97;
const LEAST_PRECISION_OF_TRAPS: f64 = 0.85;

struct Row {
    id: String,
    kind: String,
    query: String,
    text: String,
    is_match: bool,
    why: String,
}

fn rows(list: &str) -> Vec<Row> {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.starts_with("id\t") && !line.is_empty());
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [id, kind, query, text, label, why] = fields[..] else { panic!("not six fields: {line}") };
            assert!(matches!(label, "0" | "1"), "{line}");
            let [id, kind, query, text, why] = [id, kind, query, text, why].map(str::to_owned);
            Row { id, kind, query, text, is_match: label == "1", why }
        })
        .collect()
}

fn list() -> Vec<Row> {
    match std::env::var_os(OTHER_LIST) {
        Some(file) => rows(&std::fs::read_to_string(&file).expect("a readable list")),
        None => rows(include_str!("hebrew-search.tsv")),
    }
}

#[derive(Default, Clone, Copy)]
struct Tally {
    found: u32,
    found_wrongly: u32,
    missed: u32,
    left_out: u32,
}

impl Tally {
    fn add(&mut self, is_match: bool, is_found: bool) {
        *match (is_match, is_found) {
            (true, true) => &mut self.found,
            (false, true) => &mut self.found_wrongly,
            (true, false) => &mut self.missed,
            (false, false) => &mut self.left_out,
        } += 1;
    }

    fn share(part: u32, other: u32) -> f64 {
        if part + other == 0 { 1.0 } else { f64::from(part) / f64::from(part + other) }
    }

    fn recall(self) -> f64 {
        Self::share(self.found, self.missed)
    }

    fn precision(self) -> f64 {
        Self::share(self.found, self.found_wrongly)
    }

    fn print(self, name: &str) {
        println!(
            "{name:14} {:4} rows  recall {:.3}  precision {:.3}  missed {}  wrongly found {}",
            self.found + self.found_wrongly + self.missed + self.left_out,
            self.recall(),
            self.precision(),
            self.missed,
            self.found_wrongly,
        );
    }
}

#[test]
fn the_labelled_searches_find_what_a_reader_would_find() {
    let mut by_kind: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut all, mut traps, mut others) = (Tally::default(), Tally::default(), Tally::default());
    for row in list() {
        let is_found = is_found(&row.query, &index_text(&row.text));
        for tally in [
            by_kind.entry(row.kind.clone()).or_default(),
            &mut all,
            if row.kind == "trap" { &mut traps } else { &mut others },
        ] {
            tally.add(row.is_match, is_found);
        }
        if is_found != row.is_match {
            let what = if is_found { "found" } else { "missed" };
            println!("{what}: {} {} | {} | {} | {}", row.id, row.kind, row.query, row.text, row.why);
        }
    }
    by_kind.iter().for_each(|(kind, tally)| tally.print(kind));
    others.print("all but traps");
    all.print("all");
    assert!(all.found + all.left_out > 0, "an empty list");
    assert!(all.recall() >= LEAST_RECALL, "recall {:.3}", all.recall());
    assert!(others.precision() >= LEAST_PRECISION, "precision outside the traps {:.3}", others.precision());
    assert!(traps.precision() >= LEAST_PRECISION_OF_TRAPS, "precision on the traps {:.3}", traps.precision());
}
