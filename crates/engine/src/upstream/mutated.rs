//! Recorded answers of the real server with bytes changed, cut out and doubled: whatever comes of them is read or
//! refused, never a panic, and never more than what was sent.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::read_as_any_answer;
use super::wire::tests::{transcript, transcripts};

#[derive(Debug, Clone)]
enum Edit {
    Set(u8),
    Cut(usize),
    Double(usize),
    Insert(&'static str),
}

const WORDS: &[&str] =
    &["null", "[[[[", "}}", "\\ud83d", "\"\"", "1e999", "-", ",\"sid\":\"CA1\"", "99999999999999999999", "\u{0}"];

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<u8>().prop_map(Edit::Set),
        (0_usize..200).prop_map(Edit::Cut),
        (0_usize..2_000).prop_map(Edit::Double),
        proptest::sample::select(WORDS).prop_map(Edit::Insert),
    ]
}

fn recorded() -> &'static [Vec<u8>] {
    static BODIES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    BODIES.get_or_init(|| {
        let names =
            transcripts(&["01_login", "02_", "03_calls", "05_leads", "06_lead", "08_appointments", "09_calendars"]);
        names.iter().map(|name| transcript(name).into_bytes()).collect()
    })
}

fn apply(body: &mut Vec<u8>, at: prop::sample::Index, edit: Edit) {
    if body.is_empty() {
        return;
    }
    let at = at.index(body.len());
    let until = |length: usize| (at + length).min(body.len());
    match edit {
        Edit::Set(byte) => body[at] = byte,
        Edit::Cut(length) => drop(body.drain(at..until(length))),
        Edit::Double(length) => {
            let again = body[at..until(length)].to_vec();
            body.splice(at..at, again);
        }
        Edit::Insert(word) => drop(body.splice(at..at, word.bytes())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_recorded_answer_that_was_changed_on_its_way_is_read_or_refused(
        which: prop::sample::Index,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), edit()), 1..6),
    ) {
        let mut body = which.get(recorded()).clone();
        for (at, edit) in edits {
            apply(&mut body, at, edit);
        }
        read_as_any_answer(&body);
    }
}
