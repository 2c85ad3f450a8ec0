//! Many calls at once.

use aftercall_domain::call::{Call, Direction};
use aftercall_domain::ids::LeadId;
use aftercall_engine::store::table::calls::{CallsFilter, ListedCall};
use aftercall_engine::store::table::{Span, calls, leads};
use aftercall_engine::store::{StoreError, Upserted};
use rusqlite::Connection;

use crate::lists::with;
use crate::place::{NOW_MS, call, lead, sid};

/// Enough for a load, and few enough for what is not one.
const MANY: i64 = 5_000;
const FEW: usize = 1_000;
const QUERIES: [&str; 7] = ["", "פגישה", "מ", "5550142", "מילה17", "דנה", "מילה4 פגישה"];

/// Newest first, as a source lists them: some of one moment, some without a time, with leads, legs and texts.
fn rows() -> Vec<ListedCall> {
    let row = |n: i64| {
        let at = if n % 7 == 0 { n - 1 } else { n };
        let call = Call {
            parent_sid: (n % 11 == 0).then(|| sid(n + 1)),
            lead_id: (n % 3 == 0).then_some(LeadId(n % 40 + 1)),
            direction: if n % 2 == 0 { Direction::Inbound } else { Direction::Outbound },
            duration_s: Some(n % 5),
            started_at_ms: (n % 50 != 0).then_some(NOW_MS - at * 1_000),
            summary: (n % 4 == 0).then(|| format!("קבעו פגישה, מילה{}", n % 97)),
            transcript: (n % 3 == 0).then(|| format!("שיחה על מילה{} ועל {n}", n % 31)),
            ..call(n)
        };
        ListedCall { call, hash: n }
    };
    (1..=MANY).map(row).collect()
}

/// What a person sees: each list by its sids, to its end.
fn seen(conn: &Connection) -> Result<Vec<Vec<String>>, StoreError> {
    let mut lists = Vec::new();
    for search in QUERIES {
        let filter = CallsFilter { search: search.into(), ..CallsFilter::default() };
        let (mut sids, mut after) = (Vec::new(), None);
        loop {
            let page = calls::list(conn, &filter, Span::After(after), 300)?;
            sids.extend(page.rows.iter().map(|row| row.call.sid.as_str().to_owned()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(calls::count(conn, &filter)?.rows as usize, sids.len(), "{search}");
        lists.push(sids);
    }
    conn.execute_batch("INSERT INTO call_search (call_search) VALUES ('integrity-check')")?;
    Ok(lists)
}

fn library(portions: &'static [usize]) -> Vec<Vec<Vec<String>>> {
    with(move |tx| {
        for n in 1..=40 {
            leads::upsert(tx, &lead(n, "דנה לוי"))?;
        }
        let rows = rows();
        let mut from = 0;
        for portion in portions.iter().cycle() {
            let to = (from + portion).min(rows.len());
            let written = calls::upsert_listed(tx, &rows[from..to])?;
            assert!(written.iter().all(|(upserted, _)| *upserted == Upserted::Added));
            from = to;
            if from == rows.len() {
                break;
            }
        }
        let loaded = seen(tx)?;
        // What was loaded is changed, renamed and joined like everything else.
        let again = calls::upsert_listed(tx, &rows)?;
        assert!(again.iter().all(|(upserted, _)| *upserted == Upserted::Unchanged));
        let mut changed = rows[..3_000].to_vec();
        for row in changed.iter_mut().step_by(100) {
            row.call.summary = Some("מילה17 בלבד".into());
            row.hash += MANY;
        }
        let written = calls::upsert_listed(tx, &changed)?;
        assert_eq!(written.iter().filter(|(upserted, _)| *upserted == Upserted::Changed).count(), 30);
        leads::upsert(tx, &lead(7, "נועה כהן"))?;
        let changed = seen(tx)?;
        while calls::settle_load(tx)? {}
        let settled = seen(tx)?;
        Ok(vec![loaded, changed, settled])
    })
}

#[test]
fn many_calls_at_once_are_listed_found_and_changed_like_few() {
    let few = library(&[FEW]);
    assert!(few[0].iter().all(|list| list.len() > 10), "{:?}", few[0].iter().map(Vec::len).collect::<Vec<_>>());
    assert!(few[0] != few[1] && few[1] == few[2]);
    assert!(few == library(&[MANY as usize]), "in one portion");
    assert!(few == library(&[100, 2_400, 2_500]), "a page, then portions");
}

#[test]
fn rows_that_are_here_already_or_are_newer_are_told_from_new_old_ones_in_a_load() {
    with(|tx| {
        for n in 1..=40 {
            leads::upsert(tx, &lead(n, "דנה לוי"))?;
        }
        let rows = rows();
        // One that another source told of at another time, one in the middle, and the oldest.
        let known = Call { started_at_ms: Some(NOW_MS + 5), ..rows[2_000].call.clone() };
        calls::upsert(tx, &known)?;
        calls::upsert_listed(tx, &rows[3_000..3_001])?;
        let written = calls::upsert_listed(tx, &rows)?;
        assert_eq!(written.len(), rows.len());
        let count = |wanted| written.iter().filter(|(upserted, _)| *upserted == wanted).count();
        assert_eq!((count(Upserted::Changed), count(Upserted::Unchanged)), (1, 1));
        let stored: i64 = tx.query_row("SELECT count(*) FROM call_log", [], |row| row.get(0))?;
        assert_eq!(stored, MANY);
        assert_eq!(calls::get(tx, &rows[2_000].call.sid)?, Some(rows[2_000].call.clone()));
        assert!(seen(tx)? == library(&[FEW])[0]);
        Ok(())
    });
}
