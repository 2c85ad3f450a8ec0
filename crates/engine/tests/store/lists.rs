//! What the lists show.

use std::collections::BTreeSet;

use aftercall_domain::calendar::Calendar;
use aftercall_domain::call::{Call, Direction, Outcome};
use aftercall_domain::ids::{AppointmentId, CalendarId, LeadId, RecordingId, Source};
use aftercall_domain::played::Played;
use aftercall_domain::recording::{AudioFacts, Fact, Reason, RecordingState};
use aftercall_engine::store::table::calls::{CallView, CallsFilter, ListedCall};
use aftercall_engine::store::table::jobs::{self, JobRow, Turn};
use aftercall_engine::store::table::leads::LeadsFilter;
use aftercall_engine::store::table::listening::{self, Listening};
use aftercall_engine::store::table::recordings::{self, Analysis, RecordingRow, StoredFile};
use aftercall_engine::store::table::{Span, appointments, calendars, calls, leads, profile, sync_state};
use aftercall_engine::store::{Store, StoreError, Upserted};
use rusqlite::{Connection, Transaction};

use crate::place::{NOW_MS, appointment, call, folder, lead, open, sid};

/// Runs `body` in a library of its own.
pub fn with<T: Send + 'static>(body: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static) -> T {
    let folder = folder();
    let store: Store = open(folder.path());
    store.write_blocking(move |tx, _| body(tx)).expect("a library")
}

fn sids(conn: &Connection, filter: &CallsFilter) -> Vec<String> {
    let page = calls::list(conn, filter, Span::After(None), 200).expect("a page");
    assert_eq!(calls::count(conn, filter).expect("a count").rows as usize, page.rows.len());
    page.rows
        .iter()
        .map(|row| row.call.sid.as_str().trim_start_matches("CA").trim_start_matches('0').to_owned())
        .collect()
}

fn found(conn: &Connection, query: &str) -> Vec<String> {
    sids(conn, &CallsFilter { search: query.into(), ..CallsFilter::default() })
}

#[test]
fn a_row_that_came_again_unchanged_writes_nothing() {
    with(|tx| {
        let row = Call { lead_id: Some(LeadId(9)), ..call(1) };
        assert_eq!(calls::upsert(tx, &row)?, Upserted::Added);
        assert_eq!(leads::upsert(tx, &lead(9, "דנה"))?, Upserted::Added, "a placeholder was not in the list yet");
        appointments::upsert(tx, &appointment(1, 9, Some(5)))?;
        let writes = |conn: &Connection| conn.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0));
        let before = writes(tx)?;
        assert_eq!(calls::upsert(tx, &row)?, Upserted::Unchanged);
        assert_eq!(leads::upsert(tx, &lead(9, "דנה"))?, Upserted::Unchanged);
        assert_eq!(appointments::upsert(tx, &appointment(1, 9, Some(5)))?, Upserted::Unchanged);
        assert_eq!(writes(tx)?, before);
        let changed = Call { summary: Some("חדש".into()), ..row };
        assert_eq!(calls::upsert(tx, &changed)?, Upserted::Changed);
        assert_eq!(calls::get(tx, &changed.sid)?, Some(changed));
        Ok(())
    });
}

#[test]
fn hebrew_text_comes_back_as_it_went_in() {
    with(|tx| {
        let texts = ["שָׁלוֹם עֲלֵיכֶם", "צ׳ק ו־₪ 100", "\u{200f}נועה\u{200e} (Noa) 🎧", "שורה\nשנייה\t\"מרכאות\"", "ארה״ב"];
        for (n, text) in (1..).zip(texts) {
            let row = Call { summary: Some(text.into()), transcript: Some(text.into()), ..call(n) };
            calls::upsert(tx, &row)?;
            assert_eq!(calls::get(tx, &sid(n))?, Some(row));
            leads::upsert(tx, &lead(n, text))?;
            assert_eq!(leads::get(tx, LeadId(n))?.and_then(|l| l.name).as_deref(), Some(text.trim()));
        }
        Ok(())
    });
}

#[test]
fn calls_are_found_by_name_number_and_summary_while_the_word_is_being_typed() {
    with(|tx| {
        leads::upsert(tx, &lead(9, "דנה כהן־לוי"))?;
        calls::upsert(tx, &Call { lead_id: Some(LeadId(9)), ..call(1) })?;
        calls::upsert(
            tx,
            &Call {
                summary: Some("קבענו שהפגישה תהיה מחר".into()),
                from_number: Some("+442079460991".into()),
                ..call(2)
            },
        )?;
        calls::upsert(tx, &Call { from_number: Some("anonymous".into()), ..call(3) })?;
        for query in ["דנ", "דנה", "לוי", "כה דנה"] {
            assert_eq!(found(tx, query), ["1"], "{query}");
        }
        for query in ["פגיש", "הפגישה", "מחר קבענו"] {
            assert_eq!(found(tx, query), ["2"], "{query}");
        }
        for query in ["050-555-0142", "+972 50 555 0142", "0505550", "972505", "5550142"] {
            assert_eq!(found(tx, query), ["1"], "{query}");
        }
        assert_eq!(found(tx, "???"), [""; 0], "signs alone find nothing");
        assert_eq!(found(tx, "  ").len(), 3, "and nothing typed finds everything");
        assert_eq!(found(tx, "\" OR NOT * ("), [""; 0]);

        leads::upsert(tx, &lead(9, "רונית שגב"))?;
        assert_eq!((found(tx, "רונית"), found(tx, "דנה").len()), (vec!["1".to_owned()], 0), "found by the new name");
        Ok(())
    });
}

#[test]
fn the_short_leg_on_which_a_call_was_made_is_not_listed_whichever_comes_first() {
    for leg_first in [true, false] {
        with(move |tx| {
            let leg = Call { duration_s: Some(1), ..call(1) };
            let child = Call { parent_sid: Some(sid(1)), ..call(2) };
            for row in if leg_first { [&leg, &child] } else { [&child, &leg] } {
                calls::upsert(tx, row)?;
            }
            assert_eq!(sids(tx, &CallsFilter::default()), ["2"]);
            assert_eq!(found(tx, "050-555-0142"), ["2"], "what is not listed is not found");
            assert_eq!(calls::totals(tx)?.all, 1);
            assert!(calls::listing(tx, &sid(1))?.is_some(), "asked for by name it is there");
            // A parent that lasted is a call of its own.
            calls::upsert(tx, &Call { duration_s: Some(30), ..leg })?;
            assert_eq!(sids(tx, &CallsFilter::default()), ["1", "2"]);
            assert_eq!(found(tx, "050-555-0142"), ["1", "2"]);
            Ok(())
        });
    }
}

#[test]
fn every_filter_keeps_what_it_names() {
    with(|tx| {
        calls::upsert(tx, &call(1))?;
        calls::upsert(tx, &Call { direction: Direction::Outbound, has_recording: false, ..call(2) })?;
        calls::upsert(
            tx,
            &Call { status: Some("No-Answer".into()), has_recording: false, duration_s: Some(0), ..call(3) },
        )?;
        calls::upsert(tx, &Call { lead_id: Some(LeadId(9)), ..call(4) })?;
        let played = Played::from(vec![(0, 3), (4, 5)]);
        let listened = Listening { position_ms: 5, heard: true, speed: Some(1.5), played };
        listening::set(tx, &sid(4), &listened, NOW_MS)?;
        let all = CallsFilter::default();
        let view = |view| CallsFilter { view, ..CallsFilter::default() };
        assert_eq!(sids(tx, &all), ["1", "2", "3", "4"]);
        assert_eq!(sids(tx, &view(CallView::Unheard)), ["1"]);
        assert_eq!(sids(tx, &view(CallView::Missed)), ["3"]);
        assert_eq!(sids(tx, &view(CallView::Recorded)), ["1", "4"]);
        assert_eq!(sids(tx, &CallsFilter { direction: Some(Direction::Outbound), ..all.clone() }), ["2"]);
        assert_eq!(sids(tx, &CallsFilter { lead: Some(LeadId(9)), ..all.clone() }), ["4"]);
        assert_eq!(sids(tx, &CallsFilter { status: Some("no-answer".into()), ..all.clone() }), ["3"]);
        assert_eq!(sids(tx, &CallsFilter { search: "5550142".into(), view: CallView::Missed, ..all }), ["3"]);
        let totals = calls::totals(tx)?;
        assert_eq!((totals.all, totals.unheard), (4, 1));
        let of_lead = calls::lead_totals(tx, LeadId(9))?;
        assert_eq!((of_lead.calls, of_lead.unheard, of_lead.heard, of_lead.talk_s), (1, 0, 1, 61));
        assert_eq!(listening::get(tx, &sid(4))?, listened);
        Ok(())
    });
}

#[test]
fn paging_by_cursor_and_by_ordinal_meets_every_call_once_even_those_of_one_moment() {
    with(|tx| {
        for n in 1..=57 {
            // Three at a time start in one millisecond, some have no time at all.
            let started_at_ms = (n % 10 != 0).then_some(NOW_MS - (n / 3) * 1000);
            calls::upsert(tx, &Call { started_at_ms, ..call(n) })?;
        }
        let all = CallsFilter::default();
        let (mut by_cursor, mut after) = (Vec::new(), None);
        loop {
            let page = calls::list(tx, &all, Span::After(after), 10)?;
            by_cursor.extend(page.rows.iter().map(|row| row.call.sid.clone()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut by_ordinal = Vec::new();
        for offset in (0..57).step_by(7) {
            by_ordinal.extend(calls::list(tx, &all, Span::From(offset), 7)?.rows.into_iter().map(|row| row.call.sid));
        }
        assert_eq!(by_cursor, by_ordinal);
        assert_eq!(by_cursor.iter().collect::<BTreeSet<_>>().len(), 57);
        let page = calls::list(tx, &all, Span::After(None), 100)?;
        let times: Vec<i64> = page.rows.iter().map(|row| row.call.started_at_ms.unwrap_or(0)).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "newest first, those without a time last");
        Ok(())
    });
}

fn listed(call: Call) -> ListedCall {
    ListedCall { hash: call.started_at_ms.unwrap_or(1), call }
}

#[test]
fn a_page_by_ordinal_is_the_same_from_kept_places_and_follows_what_changes() {
    let folder = folder();
    let store = open(folder.path());
    let fill = |from: i64, to: i64| {
        let rows: Vec<ListedCall> = (from..to).map(|n| listed(call(n))).collect();
        let written = store.write_blocking(move |tx, changes| {
            changes.touch(aftercall_engine::store::Tag::Calls);
            calls::upsert_listed(tx, &rows)
        });
        assert_eq!(written.expect("written").len() as i64, to - from);
    };
    let at = |ordinal: u64| {
        let overview = store.overview();
        let read = store.read_blocking(move |conn| {
            let page = overview.calls(conn, &CallsFilter::default(), ordinal, 3)?;
            let direct = calls::list(conn, &CallsFilter::default(), Span::From(ordinal), 3)?;
            assert_eq!(page, direct, "{ordinal}");
            Ok((page.rows.first().map(|row| row.call.sid.clone()), overview.totals(conn)?.all))
        });
        read.expect("read")
    };
    fill(100, 2_650);
    for ordinal in [0, 999, 1_000, 2_001, 2_549, 1_000] {
        assert_eq!(at(ordinal), (Some(sid(100 + ordinal as i64)), 2_550));
    }
    assert_eq!((at(2_550), at(9_000_000)), ((None, 2_550), (None, 2_550)));
    // Newer calls push every place down.
    fill(90, 100);
    assert_eq!(at(2_001), (Some(sid(2_091)), 2_560));
}

#[test]
fn calls_of_a_list_are_written_together_and_the_last_of_two_counts() {
    with(|tx| {
        let leg = Call { duration_s: Some(1), started_at_ms: Some(NOW_MS - 121_000), ..call(1) };
        let child = Call { parent_sid: Some(sid(1)), ..call(2) };
        let early = Call { summary: Some("ראשון".into()), ..call(3) };
        let late = Call { summary: Some("אחרון".into()), started_at_ms: Some(NOW_MS - 9_000_000), ..call(3) };
        let rows: Vec<ListedCall> = [&child, &early, &leg, &late].into_iter().cloned().map(listed).collect();
        let written = calls::upsert_listed(tx, &rows)?;
        assert_eq!(written.iter().map(|(what, _)| *what).collect::<Vec<_>>(), [Upserted::Added; 3]);
        assert_eq!(sids(tx, &CallsFilter::default()), ["2", "3"]);
        assert_eq!((found(tx, "אחרון"), found(tx, "ראשון")), (vec!["3".to_owned()], vec![]));
        assert_eq!(found(tx, "5550142"), ["2", "3"], "a leg that is not shown is not found");
        let again = calls::upsert_listed(tx, &rows[3..])?;
        assert_eq!(again, [(Upserted::Unchanged, written[2].1)], "the oldest is the last");
        Ok(())
    });
}

#[test]
fn a_leg_is_not_found_once_its_call_came_and_is_when_it_lasted_after_all() {
    with(|tx| {
        let leg = Call { duration_s: Some(0), ..call(1) };
        calls::upsert(tx, &leg)?;
        assert_eq!(found(tx, "5550142"), ["1"]);
        calls::upsert(tx, &Call { parent_sid: Some(sid(1)), ..call(2) })?;
        assert_eq!(found(tx, "5550142"), ["2"]);
        calls::upsert(tx, &Call { duration_s: Some(30), ..leg })?;
        assert_eq!(found(tx, "5550142"), ["1", "2"]);
        Ok(())
    });
}

#[test]
fn calls_that_come_late_or_move_are_found_in_the_lists_order_page_by_page() {
    with(|tx| {
        let rows: Vec<ListedCall> = (1..=40).filter(|n| n % 2 == 1).map(|n| listed(call(n))).collect();
        // The list goes downwards in batches, as a first sync writes it; then older and newer ones come one by one.
        calls::upsert_listed(tx, &rows[..10])?;
        calls::upsert_listed(tx, &rows[10..])?;
        for n in (1..=40).filter(|n| n % 2 == 0).chain([50, -3]) {
            calls::upsert(tx, &call(n))?;
        }
        calls::upsert(tx, &Call { started_at_ms: Some(NOW_MS - 33 * 60_000 - 1), ..call(7) })?;
        let filter = CallsFilter { search: "5550142".into(), ..CallsFilter::default() };
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = calls::list(tx, &filter, Span::After(after), 9)?;
            pages.extend(page.rows.into_iter().map(|row| row.call.sid));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let listed = calls::list(tx, &CallsFilter::default(), Span::After(None), 100)?;
        assert_eq!(pages.len(), 42);
        assert_eq!(pages, listed.rows.into_iter().map(|row| row.call.sid).collect::<Vec<_>>());
        assert_eq!(calls::list(tx, &filter, Span::From(9), 9)?.rows[0].call.sid, pages[9]);
        Ok(())
    });
}

#[test]
fn a_search_meets_every_call_once_where_more_came_between_two_than_there_is_room_for() {
    with(|tx| {
        calls::upsert_listed(tx, &[listed(call(1)), listed(call(2))])?;
        // A hundred within the minute between them, the oldest first: each has to find room below the one before.
        let between = |n: i64| Call { started_at_ms: Some(NOW_MS - 2 * 60_000 + n), ..call(100 + n) };
        for n in (1..=50).chain((51..=100).rev()) {
            calls::upsert(tx, &between(n))?;
        }
        let filter = CallsFilter { search: "5550142".into(), ..CallsFilter::default() };
        for limit in [1, 2, 3, 7] {
            let (mut met, mut after) = (Vec::new(), None);
            loop {
                let page = calls::list(tx, &filter, Span::After(after), limit)?;
                met.extend(page.rows.into_iter().map(|row| row.call.sid));
                after = page.next;
                if after.is_none() || met.len() > 102 {
                    break;
                }
            }
            assert_eq!(met.len(), 102, "pages of {limit}");
            assert_eq!(met.into_iter().collect::<BTreeSet<_>>().len(), 102, "pages of {limit}");
        }
        Ok(())
    });
}

#[test]
fn counts_stop_at_ten_thousand() {
    with(|tx| {
        for n in 0..10_001 {
            tx.prepare_cached("INSERT INTO call_log (call_sid, list_key) VALUES (?1, ?2)")?
                .execute((sid(n).as_str(), n))?;
        }
        let count = calls::count(tx, &CallsFilter::default())?;
        assert_eq!((count.rows, count.is_capped), (10_000, true));
        tx.execute("DELETE FROM call_log WHERE list_key = 0", [])?;
        let count = calls::count(tx, &CallsFilter::default())?;
        assert_eq!((count.rows, count.is_capped), (10_000, false));
        Ok(())
    });
}

#[test]
fn a_row_shows_the_lead_the_customers_number_and_the_state_of_the_recording() {
    with(|tx| {
        leads::upsert(tx, &lead(9, "דנה"))?;
        calls::upsert(tx, &Call { lead_id: Some(LeadId(9)), direction: Direction::Outbound, ..call(1) })?;
        calls::upsert(tx, &Call { status: Some("busy".into()), has_recording: false, ..call(2) })?;
        let row = calls::listing(tx, &sid(1))?.expect("a call");
        assert_eq!(
            (row.lead_name.as_deref(), row.customer_number(), row.outcome),
            (Some("דנה"), Some("+97235550100"), Outcome::Answered)
        );
        assert_eq!(
            (row.recording.state, row.recording.id.as_str()),
            (RecordingState::ReadyOnline, format!("crm:{}", sid(1)).as_str())
        );
        let busy = calls::listing(tx, &sid(2))?.expect("a call").recording;
        assert_eq!((busy.state, busy.reason), (RecordingState::NoneExpected, Some(Reason::Fact(Fact::NotAnswered))));

        let mut stored = row.recording;
        stored.state = RecordingState::OnDevice;
        stored.facts = Some(AudioFacts { codec: "mp3".into(), channels: 2, sample_rate_hz: 8000, duration_ms: 45_000 });
        (stored.bytes_here, stored.bytes_total, stored.created_at_ms) = (7, Some(7), NOW_MS);
        recordings::put(tx, &stored)?;
        assert_eq!(calls::listing(tx, &sid(1))?.expect("a call").recording, stored);
        assert_eq!(recordings::in_states(tx, &[RecordingState::OnDevice])?, [stored.clone()]);

        let file = StoredFile { file_id: [3; 16], wrapped_dek: vec![1, 2, 3], plain_len: 7 };
        recordings::set_file(tx, &stored.id, Some(&file))?;
        let analysis = Analysis { peaks: vec![9; 40], turns: "{}".into() };
        recordings::set_analysis(tx, &stored.id, &analysis)?;
        assert_eq!(recordings::without_loudness(tx, 9)?, [stored.id.clone()]);
        recordings::set_loudness(tx, &stored.id, &[Some(-20.5), None])?;
        assert!(recordings::without_loudness(tx, 9)?.is_empty(), "it is measured once");
        assert_eq!(recordings::loudness(tx, &stored.id)?, Some(vec![Some(-20.5), None]));
        recordings::put(tx, &stored)?;
        assert_eq!(recordings::file(tx, &stored.id)?, Some(file), "writing the row keeps the keys");
        assert_eq!(recordings::analysis(tx, &stored.id)?, Some(analysis), "and the analysis");
        assert!(recordings::loudness(tx, &stored.id)?.is_some(), "and the loudness");
        recordings::set_analysis(tx, &stored.id, &Analysis { peaks: vec![8; 40], turns: "{}".into() })?;
        assert_eq!(recordings::without_loudness(tx, 9)?, [stored.id.clone()], "another file came");
        recordings::set_loudness(tx, &stored.id, &[])?;
        assert!(recordings::without_loudness(tx, 9)?.is_empty(), "what cannot be told is not asked again");
        assert_eq!(recordings::loudness(tx, &stored.id)?, None);
        recordings::set_file(tx, &stored.id, None)?;
        assert_eq!(recordings::file(tx, &stored.id)?, None);
        Ok(())
    });
}

#[test]
fn what_was_heard_stays_heard_when_the_calls_are_read_anew() {
    with(|tx| {
        calls::upsert(tx, &call(1))?;
        let listened = Listening { position_ms: 10, heard: true, ..Listening::default() };
        listening::set(tx, &sid(1), &listened, NOW_MS)?;
        tx.execute_batch("DELETE FROM call_log; DELETE FROM row_hashes")?;
        calls::upsert(tx, &call(1))?;
        assert!(calls::listing(tx, &sid(1))?.expect("a call").heard);
        Ok(())
    });
}

#[test]
fn a_call_that_vanished_from_its_source_is_kept_and_comes_back_as_changed() {
    with(|tx| {
        calls::upsert(tx, &call(1))?;
        assert!(calls::mark_removed(tx, &sid(1))?);
        assert!(!calls::mark_removed(tx, &sid(1))?, "told once");
        assert!(calls::listing(tx, &sid(1))?.expect("kept").removed_upstream);
        assert!(calls::present_sids(tx)?.is_empty());
        calls::upsert(tx, &call(1))?;
        assert!(!calls::listing(tx, &sid(1))?.expect("back").removed_upstream);
        Ok(())
    });
}

#[test]
fn leads_are_listed_by_last_contact_with_their_calls_and_without_placeholders() {
    with(|tx| {
        for id in 1..=4 {
            leads::upsert(tx, &lead(id, &format!("לקוח {id}")))?;
        }
        calls::upsert(tx, &Call { lead_id: Some(LeadId(2)), ..call(1) })?;
        calls::upsert(tx, &Call { lead_id: Some(LeadId(2)), has_recording: false, ..call(2) })?;
        calls::upsert(tx, &Call { lead_id: Some(LeadId(777)), ..call(3) })?;
        let page = leads::list(tx, &LeadsFilter::default(), Span::From(0), 50)?;
        assert_eq!(page.rows.iter().map(|row| row.lead.id.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((page.rows[1].calls, page.rows[1].unheard, leads::total(tx)?), (2, 1, 4));
        let search = |text: &str| LeadsFilter { search: text.into(), status: None };
        assert_eq!(leads::list(tx, &search("לקוח 3"), Span::After(None), 50)?.rows.len(), 1);
        assert_eq!(leads::list(tx, &search("050-555-0102"), Span::After(None), 50)?.rows[0].lead.id, LeadId(2));
        // A newer contact moves it up.
        let mut fourth = lead(4, "לקוח 4");
        fourth.last_contact_at_ms = Some(NOW_MS + 1);
        leads::upsert(tx, &fourth)?;
        let first = leads::list(tx, &LeadsFilter::default(), Span::After(None), 1)?;
        assert_eq!((first.rows[0].lead.id, first.rows[0].lead.tags.clone()), (LeadId(4), vec!["חם".to_owned()]));
        let rest = leads::list(tx, &LeadsFilter::default(), Span::After(first.next), 50)?;
        assert_eq!(rest.rows.iter().map(|row| row.lead.id.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(leads::get(tx, LeadId(777))?.is_some(), "asked for by id a placeholder is there");
        Ok(())
    });
}

#[test]
fn a_calendar_that_is_not_listed_is_a_placeholder_and_one_that_vanished_keeps_its_name() {
    with(|tx| {
        appointments::upsert(tx, &appointment(1, 9, Some(5)))?;
        let shown = appointments::get(tx, AppointmentId(1))?.expect("there");
        assert_eq!((shown.appointment.calendar_id, shown.calendar_name), (Some(CalendarId(5)), None));
        let calendar = Calendar {
            id: CalendarId(5),
            name: Some("מרפאה".into()),
            type_key: None,
            is_active: true,
            priority: 1,
            created_at_ms: None,
            updated_at_ms: None,
        };
        assert_eq!(calendars::upsert(tx, &calendar)?, Upserted::Added);
        assert_eq!(calendars::keep_only(tx, &BTreeSet::new())?, 1);
        assert_eq!(calendars::keep_only(tx, &BTreeSet::new())?, 0);
        assert_eq!(calendars::all(tx)?, [Calendar { is_active: false, ..calendar }]);
        assert_eq!(appointments::get(tx, AppointmentId(1))?.and_then(|a| a.calendar_name).as_deref(), Some("מרפאה"));
        Ok(())
    });
}

#[test]
fn the_next_appointment_is_neither_over_nor_cancelled() {
    with(|tx| {
        for id in 1..=4 {
            appointments::upsert(tx, &appointment(id, 9, None))?;
        }
        let mut cancelled = appointment(2, 9, None);
        cancelled.status = Some("Cancelled".into());
        appointments::upsert(tx, &cancelled)?;
        let next = |at| appointments::next_of_lead(tx, LeadId(9), at).map(|a| a.map(|a| a.appointment.id.0));
        assert_eq!(next(NOW_MS)?, Some(1));
        assert_eq!(next(appointment(1, 9, None).starts_at_ms + 60_000)?, Some(1), "running is not over");
        assert_eq!(next(appointment(1, 9, None).ends_at_ms + 1)?, Some(3));
        assert_eq!(next(NOW_MS + 10_000 * 3_600_000)?, None);
        appointments::mark_removed(tx, AppointmentId(3))?;
        let listed: Vec<i64> = appointments::of_lead(tx, LeadId(9))?.iter().map(|a| a.appointment.id.0).collect();
        assert_eq!(listed, [4, 2, 1]);
        Ok(())
    });
}

fn job_of(recording_id: RecordingId, priority: i64, asked_at_ms: i64) -> JobRow {
    JobRow {
        recording_id,
        priority,
        wish: "person".into(),
        asked_at_ms,
        next_at_ms: 0,
        started_at_ms: None,
        preparing: false,
        machine: "{}".into(),
    }
}

fn anybody(source: Source) -> Turn {
    Turn { source, least_priority: 0, least_fresh: 0 }
}

#[test]
fn a_persons_wish_is_claimed_first_and_only_once() {
    with(|tx| {
        let turn = anybody(Source::Crm);
        for (n, priority, next) in [(1, 0, 0), (2, 10, 0), (3, 10, NOW_MS + 1), (4, 0, 0)] {
            let id = RecordingId::crm(&sid(n));
            recordings::put(tx, &recordings::not_asked_for(&sid(n), Outcome::Answered, true))?;
            jobs::put(tx, &JobRow { next_at_ms: next, ..job_of(id, priority, n) })?;
        }
        let id = |n| RecordingId::crm(&sid(n));
        assert_eq!(
            (jobs::place(tx, &id(2))?, jobs::place(tx, &id(3))?, jobs::place(tx, &id(4))?),
            (Some(1), Some(2), Some(4))
        );
        let mut order = Vec::new();
        while let Some(job) = jobs::claim(tx, turn, NOW_MS)? {
            assert_eq!(job.started_at_ms, Some(NOW_MS));
            order.push(job.recording_id);
        }
        assert_eq!(order, [id(2), id(1), id(4)]);
        assert_eq!((jobs::next_at_ms(tx, turn)?, jobs::place(tx, &id(2))?), (Some(NOW_MS + 1), None));
        assert_eq!(jobs::held(tx)?.len(), 3);
        assert!(jobs::remove(tx, &id(2))? && !jobs::remove(tx, &id(2))?);
        Ok(())
    });
}

#[test]
fn each_source_has_its_own_turns_and_what_is_being_prepared_goes_on_where_nothing_new_may_begin() {
    with(|tx| {
        let twilio: RecordingId = "twilio:RE1".parse().expect("an id");
        let id = |n| RecordingId::crm(&sid(n));
        for (id, preparing, state) in [
            (id(1), false, RecordingState::Queued),
            (id(2), true, RecordingState::Preparing),
            (twilio.clone(), false, RecordingState::Queued),
        ] {
            let row = recordings::not_asked_for(&sid(1), Outcome::Answered, true);
            recordings::put(tx, &RecordingRow { id: id.clone(), state, ..row })?;
            jobs::put(tx, &JobRow { preparing, ..job_of(id, 0, 1) })?;
        }
        assert_eq!((jobs::place(tx, &id(2))?, jobs::place(tx, &twilio)?), (Some(2), Some(1)));
        assert_eq!(jobs::prepared_for(tx, Source::Crm)?, 1);
        let full = Turn { least_fresh: i64::MAX, ..anybody(Source::Crm) };
        assert_eq!(jobs::claim(tx, full, NOW_MS)?.map(|job| job.recording_id), Some(id(2)));
        assert_eq!((jobs::claim(tx, full, NOW_MS)?, jobs::next_at_ms(tx, full)?), (None, None));
        let person = Turn { least_priority: 10, ..anybody(Source::Crm) };
        assert_eq!(jobs::claim(tx, person, NOW_MS)?, None);
        assert_eq!(jobs::claim(tx, anybody(Source::Crm), NOW_MS)?.map(|job| job.recording_id), Some(id(1)));
        assert_eq!(jobs::prepared_for(tx, Source::Crm)?, 0, "those that runs ask for are counted by their runs");
        assert_eq!(jobs::claim(tx, anybody(Source::Twilio), NOW_MS)?.map(|job| job.recording_id), Some(twilio));
        Ok(())
    });
}

#[test]
fn settings_and_cursors_come_back_and_a_cursor_that_stands_still_writes_nothing() {
    with(|tx| {
        profile::set(tx, "settings", &("he", 1.5))?;
        assert_eq!(profile::get(tx, "settings")?, Some(("he".to_owned(), 1.5)));
        assert_eq!(profile::get::<u8>(tx, "settings")?, None, "what cannot be read was never set");
        sync_state::set(tx, "calls", &7)?;
        let before: i64 = tx.query_row("SELECT total_changes()", [], |row| row.get(0))?;
        sync_state::set(tx, "calls", &7)?;
        assert_eq!(tx.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0))?, before);
        assert_eq!(sync_state::get(tx, "calls")?, Some(7));
        Ok(())
    });
}
