//! The labelled searches, asked of a library.

use std::collections::BTreeSet;

use aftercall_domain::call::{Call, Direction, Outcome};
use aftercall_domain::ids::LeadId;
use aftercall_domain::lead::Lead;
use aftercall_domain::search::{index_text, is_found};
use aftercall_engine::store::StoreError;
use aftercall_engine::store::table::calls::{CallView, CallsFilter};
use aftercall_engine::store::table::leads::LeadsFilter;
use aftercall_engine::store::table::listening::{self, Listening};
use aftercall_engine::store::table::{Span, calls, leads};
use rusqlite::Connection;

use crate::lists::with;
use crate::place::{call, lead, sid};

/// Another list of the same form to judge instead.
const OTHER_LIST: &str = "AFTERCALL_SEARCH_LIST";

/// Query and text of each row.
fn list() -> Vec<(String, String)> {
    let list = match std::env::var_os(OTHER_LIST) {
        Some(file) => std::fs::read_to_string(&file).expect("a readable list"),
        None => include_str!("../../../domain/tests/hebrew-search.tsv").to_owned(),
    };
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.starts_with("id\t"));
    lines
        .filter_map(|line| {
            let mut fields = line.split('\t').skip(2);
            Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
        })
        .collect()
}

fn found(conn: &Connection, query: &str) -> Result<BTreeSet<String>, StoreError> {
    let filter = CallsFilter { search: query.to_owned(), ..CallsFilter::default() };
    let page = calls::list(conn, &filter, Span::After(None), 10_000)?;
    assert_eq!(calls::count(conn, &filter)?.rows as usize, page.rows.len());
    Ok(page.rows.iter().map(|row| row.call.sid.as_str().to_owned()).collect())
}

#[test]
fn a_library_finds_every_labelled_text_that_its_words_are_found_by_and_no_other() {
    let list = list();
    assert!(!list.is_empty());
    with(move |tx| {
        let mut indexed = Vec::with_capacity(list.len());
        for (n, (_, text)) in (1..).zip(&list) {
            // Every other one is what was said, not what was noted.
            let text = Some(text.clone());
            let (summary, transcript) = if n % 2 == 0 { (text, None) } else { (None, text) };
            let row = Call { summary, transcript, from_number: None, to_number: None, lead_id: None, ..call(n) };
            indexed.push((row.sid.as_str().to_owned(), index_text(&list[indexed.len()].1)));
            calls::upsert(tx, &row)?;
        }
        for query in list.iter().map(|(query, _)| query).collect::<BTreeSet<_>>() {
            let expected = indexed.iter().filter(|(_, words)| is_found(query, words)).map(|(sid, _)| sid.clone());
            assert_eq!(found(tx, query)?, expected.collect(), "{query}");
        }
        Ok(())
    });
}

#[test]
fn a_call_is_found_by_what_was_said_and_by_its_leads_name_and_number() {
    with(|tx| {
        let dana = Lead { phone_e164: Some("+972525550171".into()), ..lead(9, "נוי כרמל") };
        leads::upsert(tx, &dana)?;
        calls::upsert(
            tx,
            &Call {
                lead_id: Some(LeadId(9)),
                transcript: Some("שלום, מדברת יעל. אין לי גישה לחשבון".into()),
                from_number: Some("+97235550188".into()),
                to_number: Some("+972505550142".into()),
                ..call(1)
            },
        )?;
        let it = BTreeSet::from([sid(1).as_str().to_owned()]);
        for query in ["יעל", "חשבון", "נוי", "כרמל", "052-555-0171", "+972 3 555", "5550142", "97250", "03-555-0188"]
        {
            assert_eq!(found(tx, query)?, it, "{query}");
        }
        // The name is a name, not מ־ or כ־ and a rest.
        for query in ["רמל", "נוייי", "0171", "פגישה"] {
            assert_eq!(found(tx, query)?, BTreeSet::new(), "{query}");
        }
        leads::upsert(tx, &Lead { phone_e164: Some("+972545550108".into()), ..dana })?;
        assert_eq!(found(tx, "054555")?, it);
        assert_eq!(found(tx, "0525550171")?, BTreeSet::new());
        Ok(())
    });
}

#[test]
fn a_search_within_a_filter_finds_what_the_filter_leaves_of_the_search() {
    with(|tx| {
        let words = ["פגישה ביום שני", "פגישות", "תשלום"];
        let statuses = ["completed", "no-answer", "busy"];
        let directions = [Direction::Inbound, Direction::Outbound, Direction::Unknown];
        for n in 0..54_usize {
            let of = |every: usize| n / every % 3;
            let row = Call {
                summary: Some(words[of(1)].to_owned()),
                status: Some(statuses[of(3)].to_owned()),
                duration_s: Some(if of(3) == 0 { 60 } else { 0 }),
                direction: directions[of(9)],
                has_recording: n >= 27,
                lead_id: None,
                parent_sid: None,
                ..call(n as i64 + 1)
            };
            calls::upsert(tx, &row)?;
        }
        let heard = Listening { heard: true, ..Listening::default() };
        listening::set(tx, &sid(40), &heard, 1)?;
        // What is changed later is filtered by what it has become.
        let changed = calls::get(tx, &sid(1))?.map(|call| Call { direction: Direction::Outbound, ..call });
        calls::upsert(tx, &changed.expect("a call"))?;
        let mut found_some = 0;
        for search in ["פגיש", "פגישה", "פ", "תשלום", "פגישה שני"] {
            let all = CallsFilter { search: search.to_owned(), ..CallsFilter::default() };
            let rows = calls::list(tx, &all, Span::After(None), 100)?.rows;
            for view in [CallView::All, CallView::Missed, CallView::Recorded, CallView::Unheard] {
                for direction in [None, Some(directions[0]), Some(directions[1]), Some(directions[2])] {
                    let filter = CallsFilter { view, direction, ..all.clone() };
                    let page = calls::list(tx, &filter, Span::After(None), 100)?.rows;
                    let expected = rows.iter().filter(|row| {
                        direction.is_none_or(|direction| row.call.direction == direction)
                            && match view {
                                CallView::All => true,
                                CallView::Missed => row.outcome == Outcome::Missed,
                                CallView::Recorded => row.call.has_recording,
                                CallView::Unheard => row.call.has_recording && !row.heard,
                            }
                    });
                    assert_eq!(page, expected.cloned().collect::<Vec<_>>(), "{filter:?}");
                    assert_eq!(calls::count(tx, &filter)?.rows as usize, page.len());
                    found_some += usize::from(!page.is_empty());
                }
            }
        }
        assert!(found_some > 40, "{found_some}");
        Ok(())
    });
}

#[test]
fn a_number_is_found_whatever_was_typed_of_it_among_thousands_that_begin_alike() {
    with(|tx| {
        for n in 0..1_200 {
            let number = format!("+97250555{n:04}");
            calls::upsert(tx, &Call { from_number: Some(number), lead_id: None, summary: None, ..call(n + 1) })?;
        }
        for (query, count) in [
            ("050", 1_200),
            ("0505", 1_200),
            ("050555", 1_200),
            ("0505550", 1_000),
            ("+97250555011", 10),
            ("5550142", 1),
            ("050556", 0),
        ] {
            assert_eq!(found(tx, query)?.len(), count, "{query}");
        }
        Ok(())
    });
}

#[test]
fn a_lead_is_found_by_its_notes_and_summary() {
    with(|tx| {
        let noted = Lead {
            notes: Some("מעדיפה שיחה בערב".into()),
            summary: Some("התעניינה במסלול המשפחתי".into()),
            ..lead(4, "ליאור בן־דוד")
        };
        leads::upsert(tx, &noted)?;
        leads::upsert(tx, &lead(5, "אור ביטון"))?;
        let ids = |query: &str| -> Result<Vec<i64>, StoreError> {
            let filter = LeadsFilter { search: query.into(), status: None };
            Ok(leads::list(tx, &filter, Span::After(None), 50)?.rows.iter().map(|row| row.lead.id.0).collect())
        };
        for query in ["ערב", "מסלול", "משפח", "בן דוד", "ליאור"] {
            assert_eq!(ids(query)?, [4], "{query}");
        }
        assert_eq!(ids("אור")?, [5], "ל belongs to the name ליאור");
        Ok(())
    });
}

#[test]
fn no_query_breaks_the_index() {
    with(|tx| {
        calls::upsert(tx, &Call { summary: Some("א".repeat(1_000_000)), ..call(1) })?;
        assert_eq!(found(tx, &"א".repeat(1_000_000))?.len(), 1);
        let many = "מילה ".repeat(10_000);
        for query in ["\"", "*", "AND", "NOT x", "a\" OR \"b", "(", "^x", "words:x", "\u{0}", "- -", "🎧", &many] {
            found(tx, query)?;
        }
        Ok(())
    });
}
