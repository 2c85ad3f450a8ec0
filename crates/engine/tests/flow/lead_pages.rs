use aftercall_domain::error::Code;
use aftercall_domain::ids::LeadId;
use aftercall_domain::status::StatusColour;
use aftercall_engine::store::table::{Span, lead_pages, lead_statuses, leads};
use aftercall_engine::sync::{Depth, read_opened};

use crate::profile::{Profile, options};

async fn ids(profile: &Profile) -> Vec<LeadId> {
    profile.store.read(leads::present_ids).await.expect("read")
}

/// Requests for the notes of any lead.
fn pages_asked(profile: &Profile) -> usize {
    profile.sandbox.requests().iter().filter(|one| one.method == "GET" && one.path.ends_with("/notes")).count()
}

#[tokio::test]
async fn a_sync_reads_each_leads_page_once_until_the_lead_changes_and_never_asks_for_activities() {
    let profile = Profile::synced(options("[]")).await;
    assert_eq!(pages_asked(&profile), 20);
    for depth in [Depth::Usual, Depth::Full, Depth::Head] {
        profile.sync(depth).await.expect("synced");
    }
    assert_eq!(pages_asked(&profile), 20);
    assert!(profile.sandbox.requests().iter().all(|one| !one.path.contains("/activities")));
    let forget = |tx: &rusqlite::Transaction<'_>| {
        Ok(tx.execute("UPDATE lead_reads SET lead_updated_at_ms = 1 WHERE lead_id = 3", [])?)
    };
    profile.store.write(move |tx, _| forget(tx)).await.expect("written");
    profile.sync(Depth::Usual).await.expect("synced");
    assert_eq!(pages_asked(&profile), 21);
}

#[tokio::test]
async fn the_page_here_is_the_page_of_the_server() {
    let profile = Profile::synced(options("[]")).await;
    let (mut notes, mut things, mut reminders) = (0, 0, 0);
    for lead in ids(&profile).await {
        let (detail, at_server) =
            (profile.crm.lead_detail(lead).await.expect("asked"), profile.crm.lead_notes(lead).await.expect("asked"));
        let (here, activity, due, row) = profile
            .store
            .read(move |conn| {
                Ok((
                    lead_pages::notes(conn, lead)?,
                    lead_pages::activity(conn, lead)?,
                    lead_pages::reminders(conn, lead)?,
                    leads::get(conn, lead)?,
                ))
            })
            .await
            .expect("read");
        let sorted = |mut ids: Vec<i64>| {
            ids.sort_unstable();
            ids
        };
        assert_eq!(
            sorted(here.iter().map(|note| note.id.0).collect()),
            sorted(at_server.rows.iter().map(|note| note.id.0).collect())
        );
        assert!(here.is_sorted_by(|a, b| a.created_at_ms >= b.created_at_ms), "newest first");
        assert_eq!(activity.len(), detail.activity.len());
        assert_eq!(due, detail.reminders);
        assert_eq!(row.expect("a row").lead.notes, detail.notes);
        notes += here.len();
        things += activity.len();
        reminders += due.len();
    }
    assert!(notes > 10 && things > 20 && reminders > 5, "{notes} {things} {reminders}");
    let statuses = profile.store.read(lead_statuses::all).await.expect("read");
    assert_eq!(statuses.len(), 8);
    assert_eq!(
        (statuses[0].key.as_str(), statuses[0].colour, statuses[0].is_default),
        ("new", StatusColour::Blue, true)
    );
}

#[tokio::test]
async fn a_role_without_the_statuses_gets_the_short_list() {
    let script = r#"[{"match": {"path": "/api/statuses"}, "nth": "*", "do": [{"status": 403}]}]"#;
    let profile = Profile::synced(options(script)).await;
    assert_eq!(profile.store.read(lead_statuses::all).await.expect("read").len(), 8);
    assert_eq!(profile.asked("GET", "/api/lead-statuses"), 1);
}

#[tokio::test]
async fn an_opened_lead_is_read_again_but_not_twice_within_a_moment() {
    let profile = Profile::synced(options("[]")).await;
    let lead = ids(&profile).await[0];
    let before = pages_asked(&profile);
    let written = profile.crm.add_note(lead, "by a colleague").await.expect("written");
    let open = async |fresh_ms| read_opened(&profile.crm, &profile.store, &*profile.clock, lead, fresh_ms).await;
    open(3_600_000).await.expect("read");
    assert_eq!(pages_asked(&profile), before, "it was read a moment ago");
    open(0).await.expect("read");
    assert_eq!(pages_asked(&profile), before + 1);
    let here = profile.store.read(move |conn| lead_pages::notes(conn, lead)).await.expect("read");
    assert!(here.iter().any(|note| note.id == written.id && note.content == "by a colleague"));
}

#[tokio::test]
async fn without_a_network_the_page_that_is_known_stays_with_its_age() {
    let profile = Profile::synced(options("[]")).await;
    let lead = ids(&profile).await[2];
    let known = profile.store.read(move |conn| lead_pages::notes(conn, lead)).await.expect("read");
    let read_at_ms = profile.store.read(move |conn| lead_pages::read_at_ms(conn, lead)).await.expect("read");
    let Profile { sandbox, store, crm, clock, .. } = profile;
    sandbox.stop().await;
    let error = read_opened(&crm, &store, &*clock, lead, 0).await.expect_err("offline");
    assert_eq!(error.code(), Code::Offline);
    assert_eq!(store.read(move |conn| lead_pages::notes(conn, lead)).await.expect("read"), known);
    assert_eq!(store.read(move |conn| lead_pages::read_at_ms(conn, lead)).await.expect("read"), read_at_ms);
}

#[tokio::test]
async fn a_page_that_the_server_cannot_give_ends_no_sync_and_is_asked_for_again_by_the_next() {
    for steps in [r#"{"status": 500}"#, r#"{"cut_after": 20}"#, r#"{"body": "{}"}"#] {
        let script =
            format!(r#"[{{"match": {{"method": "GET", "path": "/api/leads/7/notes"}}, "nth": "1", "do": [{steps}]}}]"#);
        let profile = Profile::synced(options(&script)).await;
        let read = async || profile.store.read(|conn| lead_pages::read_at_ms(conn, LeadId(7))).await.expect("read");
        assert_eq!(read().await, None, "{steps}");
        profile.sync(Depth::Usual).await.expect("synced");
        assert!(read().await.is_some(), "{steps}");
    }
}

#[tokio::test]
async fn a_server_that_gives_no_page_at_all_is_not_asked_for_every_lead() {
    let script = r#"[{"match": {"method": "GET", "path": "/api/leads/*/notes"}, "nth": "*", "do": [{"status": 502}]}]"#;
    let profile = Profile::synced(options(script)).await;
    assert_eq!(pages_asked(&profile), 3);
}

#[tokio::test]
async fn a_lead_is_found_by_the_words_of_its_notes() {
    let profile = Profile::synced(options("[]")).await;
    let lead = ids(&profile).await[4];
    profile.crm.add_note(lead, "מעדיפה ליטוש קרמיקה zirconium").await.expect("written");
    let search = async || {
        let filter = leads::LeadsFilter { search: "zirconium".into(), status: None };
        let page =
            profile.store.read(move |conn| leads::list(conn, &filter, Span::After(None), 10)).await.expect("read");
        page.rows.iter().map(|row| row.lead.id).collect::<Vec<_>>()
    };
    assert_eq!(search().await, []);
    read_opened(&profile.crm, &profile.store, &*profile.clock, lead, 0).await.expect("read");
    assert_eq!(search().await, [lead]);
}
