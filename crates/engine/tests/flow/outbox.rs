use std::time::Duration;

use aftercall_domain::error::Code;
use aftercall_domain::ids::{CallSid, DraftId, LeadId, NoteId};
use aftercall_domain::note::CallPlace;
use aftercall_domain::outbox::Phase;
use aftercall_engine::outbox::{
    Outbox, OutboxError, OutboxOptions, OutboxParts, Written, add_note, discard, edit_draft, edit_note, flush, retry,
};
use aftercall_engine::store::table::account::{self, Account};
use aftercall_engine::store::table::outbox::{self, DraftRow};
use aftercall_engine::store::table::{calls, lead_pages, marks};
use tokio_util::sync::CancellationToken;

use crate::profile::{Profile, options};

const LEAD: LeadId = LeadId(5);

fn on_notes(method: &str, nth: &str, steps: &str) -> aftercall_sandbox::Options {
    options(&format!(
        r#"[{{"match": {{"method": "{method}", "path": "/api/leads/*/notes*"}}, "nth": "{nth}", "do": [{steps}]}}]"#
    ))
}

/// Synced, and with the account that signed in.
async fn profile_with(options: aftercall_sandbox::Options) -> Profile {
    let profile = Profile::synced(options).await;
    sign_in_as(&profile, "owner@example.com").await;
    profile
}

async fn sign_in_as(profile: &Profile, email: &str) {
    let account = Account {
        url: profile.crm.origin().to_string(),
        email: email.into(),
        name: "Dana".into(),
        role: "owner".into(),
        business: "Example".into(),
        cookie: None,
        password: None,
    };
    profile.store.write(move |tx, _| account::put(tx, &account)).await.expect("written");
}

fn parts(profile: &Profile) -> OutboxParts {
    OutboxParts { store: profile.store.clone(), crm: profile.crm.clone(), clock: profile.clock.clone() }
}

async fn send(profile: &Profile) {
    flush(&parts(profile), &CancellationToken::new()).await.expect("no failure of the library");
}

/// Does something to the drafts in one transaction.
async fn write<T: Send + 'static>(
    profile: &Profile,
    what: impl FnOnce(&rusqlite::Transaction<'_>, &mut aftercall_engine::store::ChangeSet) -> Result<T, OutboxError>
    + Send
    + 'static,
) -> Result<T, OutboxError> {
    let done = profile.store.write(move |tx, changes| match what(tx, changes) {
        Err(OutboxError::Store(error)) => Err(error),
        done => Ok(done),
    });
    done.await?
}

async fn note(profile: &Profile, text: &str) -> DraftId {
    let (text, now_ms) = (text.to_owned(), profile.clock.now_ms());
    let written = write(profile, move |tx, changes| add_note(tx, changes, Some(LEAD), None, &text, now_ms)).await;
    written.expect("kept").draft.expect("a draft")
}

async fn drafts(profile: &Profile) -> Vec<DraftRow> {
    profile.store.read(|conn| outbox::all(conn, None)).await.expect("read")
}

/// The texts of the lead's notes at the server that begin so, oldest first.
async fn at_server(profile: &Profile, start: &str) -> Vec<String> {
    let mut notes = profile.crm.lead_notes(LEAD).await.expect("asked").rows;
    notes.sort_by_key(|note| note.id);
    notes.into_iter().map(|note| note.content).filter(|text| text.starts_with(start)).collect()
}

#[tokio::test]
async fn a_note_is_sent_once_and_stands_among_the_leads_notes() {
    let profile = profile_with(options("[]")).await;
    note(&profile, "  price too high \r\n").await;
    send(&profile).await;
    send(&profile).await;
    assert_eq!(at_server(&profile, "price").await, ["price too high"]);
    assert_eq!(drafts(&profile).await, []);
    let here = profile.store.read(|conn| lead_pages::notes(conn, LEAD)).await.expect("read");
    assert_eq!(here.iter().filter(|note| note.content == "price too high").count(), 1);
    assert_eq!(profile.asked("POST", "/api/leads/5/notes"), 1);
}

#[tokio::test]
async fn whatever_happens_between_the_sending_and_the_answer_the_server_has_one_note() {
    for steps in [
        r#"{"cut_after": 0}"#,
        r#"{"cut_after": 40}"#,
        r#"{"cut_after": 0}, {"reset": true}"#,
        r#"{"reset": true}"#,
        r#"{"delay_ms": 4000}"#,
        r#"{"html": true}"#,
        r#"{"status": 502}"#,
        r#"{"status": 504}, {"header": ["Retry-After", "1"]}"#,
        r#"{"body": "{\"success\": true}"}"#,
        r#"{"content_length": "+9"}"#,
        r#"{"expire_session": true}"#,
        r#"{"status": 429}"#,
    ] {
        let profile = profile_with(on_notes("POST", "1", steps)).await;
        note(&profile, "once").await;
        note(&profile, "once more").await;
        for _ in 0..4 {
            send(&profile).await;
        }
        assert_eq!(at_server(&profile, "once").await, ["once", "once more"], "{steps}");
        assert_eq!(drafts(&profile).await, [], "{steps}");
    }
}

#[tokio::test]
async fn the_same_words_written_twice_are_two_notes_also_when_an_answer_was_lost() {
    for nth in ["1", "2", "1-2"] {
        let profile = profile_with(on_notes("POST", nth, r#"{"cut_after": 0}"#)).await;
        profile.crm.add_note(LEAD, "no answer").await.ok();
        aftercall_engine::sync::read_opened(&profile.crm, &profile.store, &*profile.clock, LEAD, 0)
            .await
            .expect("read");
        note(&profile, "no answer").await;
        note(&profile, "no answer").await;
        for _ in 0..4 {
            send(&profile).await;
        }
        assert_eq!(at_server(&profile, "no answer").await.len(), 3, "{nth}");
    }
}

#[tokio::test]
async fn a_process_that_ends_at_any_moment_of_the_sending_leaves_one_note_in_the_end() {
    for lag_ms in [0, 1, 2, 4, 8, 15, 30, 60, 120] {
        let profile = profile_with(on_notes("*", "*", r#"{"delay_ms": 20}"#)).await;
        for text in ["kill a", "kill b", "kill c"] {
            note(&profile, text).await;
        }
        for round in 0..3 {
            let parts = parts(&profile);
            let running = tokio::spawn(async move { flush(&parts, &CancellationToken::new()).await });
            tokio::time::sleep(Duration::from_millis(lag_ms + round * 7)).await;
            // Nothing of it runs on, as after a kill: the row stands as it was written last.
            running.abort();
            let _ = running.await;
        }
        send(&profile).await;
        assert_eq!(at_server(&profile, "kill").await, ["kill a", "kill b", "kill c"], "{lag_ms} ms");
        assert_eq!(drafts(&profile).await, [], "{lag_ms} ms");
    }
}

#[tokio::test]
async fn notes_of_a_lead_go_in_order_and_wait_for_an_earlier_one() {
    let profile = profile_with(on_notes("POST", "1", r#"{"status": 503}"#)).await;
    note(&profile, "order 1").await;
    note(&profile, "order 2").await;
    let running = Outbox::start(parts(&profile), OutboxOptions::default()).await.expect("started");
    while drafts(&profile).await.first().is_none_or(|row| row.draft.failures == 0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(profile.asked("POST", "/api/leads/"), 1, "the second waits for the first");
    running.helped().await.expect("helped");
    while !drafts(&profile).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop().await;
    assert_eq!(at_server(&profile, "order").await, ["order 1", "order 2"]);
}

#[tokio::test]
async fn a_refusal_keeps_the_text_with_its_reason_and_lets_the_next_note_go() {
    for (status, code) in [
        (400, Code::InvalidInput),
        (422, Code::InvalidInput),
        (404, Code::NotFound),
        (410, Code::Gone),
        (403, Code::Forbidden),
    ] {
        // A 403 is asked about twice: it may be about the token.
        let nth = if status == 403 { "1-2" } else { "1" };
        let profile = profile_with(on_notes("POST", nth, &format!(r#"{{"status": {status}}}"#))).await;
        let id = note(&profile, "refused").await;
        note(&profile, "refused not").await;
        send(&profile).await;
        let left = drafts(&profile).await;
        assert_eq!(
            (left.len(), left[0].draft.phase, left[0].draft.reason),
            (1, Phase::Refused, Some(code)),
            "{status}"
        );
        assert_eq!(left[0].text, "refused");
        send(&profile).await;
        assert_eq!(drafts(&profile).await.len(), 1, "nothing happens by itself");
        let waiting = profile.store.read(outbox::waiting).await.expect("read");
        assert_eq!((waiting.waiting, waiting.refused, waiting.refused_lead), (0, 1, Some(LEAD)));
        let now_ms = profile.clock.now_ms();
        write(&profile, move |tx, changes| edit_draft(tx, changes, id, "refused, mended", now_ms)).await.expect("kept");
        send(&profile).await;
        assert_eq!(at_server(&profile, "refused").await, ["refused not", "refused, mended"], "{status}");
    }
}

#[tokio::test]
async fn what_was_refused_can_be_tried_again_or_given_up() {
    let profile = profile_with(on_notes("POST", "1-2", r#"{"status": 400}"#)).await;
    let (again, never) = (note(&profile, "again").await, note(&profile, "never").await);
    send(&profile).await;
    let now_ms = profile.clock.now_ms();
    write(&profile, move |tx, changes| retry(tx, changes, again, now_ms)).await.expect("kept");
    write(&profile, move |tx, changes| discard(tx, changes, never)).await.expect("given up");
    let gone = write(&profile, move |tx, changes| discard(tx, changes, never)).await;
    assert!(matches!(gone, Err(OutboxError::Unknown)));
    send(&profile).await;
    assert_eq!((at_server(&profile, "again").await.len(), at_server(&profile, "never").await.len()), (1, 0));
    assert_eq!(drafts(&profile).await, []);
}

#[tokio::test]
async fn a_deployment_that_wants_a_token_gets_a_fresh_one_once() {
    let profile = profile_with(on_notes("POST", "1", r#"{"status": 403}"#)).await;
    note(&profile, "with a token").await;
    send(&profile).await;
    assert_eq!(at_server(&profile, "with").await.len(), 1);
    let asked = profile.sandbox.requests();
    let posts: Vec<_> = asked.iter().filter(|one| one.method == "POST" && one.path.ends_with("/notes")).collect();
    assert_eq!((posts.len(), posts[0].header("x-csrftoken")), (2, None));
    assert_eq!(posts[1].header("x-csrftoken").map(str::len), Some(64));
    assert_eq!(posts[1].header("referer"), Some(format!("{}/", profile.sandbox.url()).as_str()));
    assert_eq!(profile.asked("GET", "/api/auth/csrf"), 1);
}

#[tokio::test]
async fn a_changed_note_keeps_both_texts_when_the_servers_changed_meanwhile() {
    let profile = profile_with(options("[]")).await;
    note(&profile, "first text").await;
    send(&profile).await;
    let id = profile.store.read(|conn| lead_pages::notes(conn, LEAD)).await.expect("read")[0].id;
    let change = async |text: &'static str| {
        let now_ms = profile.clock.now_ms();
        write(&profile, move |tx, changes| edit_note(tx, changes, id, text, now_ms)).await.expect("kept");
    };
    change("second text").await;
    send(&profile).await;
    assert_eq!(server_text(&profile, id).await, "second text");

    profile.crm.replace_note(LEAD, id, "a colleague's text").await.expect("written");
    change("my text").await;
    send(&profile).await;
    let row = drafts(&profile).await.remove(0);
    assert_eq!((row.draft.phase, row.text.as_str()), (Phase::Conflict, "my text"));
    assert_eq!(row.draft.theirs.as_deref(), Some("a colleague's text"));
    assert_eq!(server_text(&profile, id).await, "a colleague's text");

    let (draft, now_ms) = (row.id, profile.clock.now_ms());
    write(&profile, move |tx, changes| retry(tx, changes, draft, now_ms)).await.expect("kept");
    send(&profile).await;
    assert_eq!(server_text(&profile, id).await, "my text");
    assert_eq!(drafts(&profile).await, []);

    profile.crm.replace_note(LEAD, id, "once more theirs").await.expect("written");
    change("once more mine").await;
    send(&profile).await;
    let draft = drafts(&profile).await.remove(0).id;
    write(&profile, move |tx, changes| discard(tx, changes, draft)).await.expect("given up");
    let here = profile.store.read(move |conn| lead_pages::note(conn, id)).await.expect("read").expect("a note");
    assert_eq!(here.content, "once more theirs");
}

async fn server_text(profile: &Profile, id: NoteId) -> String {
    let notes = profile.crm.lead_notes(LEAD).await.expect("asked").rows;
    notes.into_iter().find(|note| note.id == id).expect("it is there").content
}

#[tokio::test]
async fn a_text_that_the_person_changed_while_its_answer_was_lost_ends_as_one_note_with_the_last_text() {
    let profile = profile_with(on_notes("POST", "1", r#"{"cut_after": 0}"#)).await;
    let id = note(&profile, "draft one").await;
    send_without_help(&profile).await;
    let now_ms = profile.clock.now_ms();
    write(&profile, move |tx, changes| edit_draft(tx, changes, id, "draft two", now_ms)).await.expect("kept");
    send(&profile).await;
    assert_eq!(at_server(&profile, "draft").await, ["draft two"]);
    assert_eq!(drafts(&profile).await, []);
}

/// One pass, so that a failed draft waits for its pause.
async fn send_without_help(profile: &Profile) {
    let running = Outbox::start(parts(profile), OutboxOptions::default()).await.expect("started");
    while drafts(profile).await.iter().any(|row| row.draft.failures == 0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn nobody_sends_what_another_account_wrote() {
    let profile = profile_with(options("[]")).await;
    note(&profile, "hers").await;
    sign_in_as(&profile, "somebody.else@example.com").await;
    send(&profile).await;
    assert_eq!((at_server(&profile, "hers").await.len(), drafts(&profile).await.len()), (0, 1));
    note(&profile, "his").await;
    send(&profile).await;
    assert_eq!(at_server(&profile, "his").await.len(), 1, "it does not wait for hers");
    sign_in_as(&profile, "owner@example.com").await;
    send(&profile).await;
    assert_eq!(at_server(&profile, "hers").await.len(), 1);
}

#[tokio::test]
async fn a_note_on_a_call_goes_to_its_lead_with_a_heading_and_without_a_lead_stays_here() {
    let profile = profile_with(options("[]")).await;
    let sids = profile.store.read(calls::present_sids).await.expect("read");
    let (mut with, mut without) = (None, None);
    for sid in sids {
        let of = sid.clone();
        let call = profile.store.read(move |conn| calls::get(conn, &of)).await.expect("read").expect("a call");
        if call.lead_id.is_some() { with = Some((sid, call.lead_id)) } else { without = Some(sid) }
    }
    let (with, lead) = with.expect("a call with a lead");
    let at = async |sid: &CallSid, text: &'static str| -> Written {
        let (place, now_ms) = (CallPlace { sid: sid.clone(), at_ms: 72_900 }, profile.clock.now_ms());
        write(&profile, move |tx, changes| add_note(tx, changes, None, Some(&place), text, now_ms)).await.expect("kept")
    };
    assert!(at(&with, "the price").await.draft.is_some());
    send(&profile).await;
    let notes = profile.crm.lead_notes(lead.expect("a lead")).await.expect("asked").rows;
    assert!(notes.iter().any(|note| note.content == format!("[call {with} 01:12] the price")));

    let without = without.expect("a call without a lead");
    assert_eq!(at(&without, "unknown caller").await.draft, None);
    assert_eq!(drafts(&profile).await, []);
    for (sid, text) in [(with, "the price"), (without, "unknown caller")] {
        let marks = profile.store.read(move |conn| marks::of_call(conn, &sid)).await.expect("read");
        assert_eq!(marks.iter().map(|mark| (mark.at_ms, mark.text.as_str())).collect::<Vec<_>>(), [(72_900, text)]);
    }
}

#[tokio::test]
async fn what_cannot_be_a_note_is_refused_before_anything_is_kept() {
    let profile = profile_with(options("[]")).await;
    let try_it = async |lead: Option<LeadId>, text: String| {
        write(&profile, move |tx, changes| add_note(tx, changes, lead, None, &text, 0)).await
    };
    assert!(matches!(try_it(Some(LEAD), " \n ".into()).await, Err(OutboxError::Text(_))));
    assert!(matches!(try_it(Some(LEAD), "x".repeat(30_000)).await, Err(OutboxError::Text(_))));
    assert!(matches!(try_it(Some(LeadId(987_654)), "x".into()).await, Err(OutboxError::Unknown)));
    assert!(matches!(try_it(None, "x".into()).await, Err(OutboxError::Unknown)));
    assert_eq!(drafts(&profile).await, []);
}

#[tokio::test]
async fn without_a_network_notes_wait_and_a_session_that_ended_waits_for_a_sign_in() {
    let profile = profile_with(on_notes("POST", "1-2", r#"{"expire_session": true}"#)).await;
    note(&profile, "waits").await;
    profile.crm.sign_in(profile.owner(), false).await.expect("signed in");
    send(&profile).await;
    let row = drafts(&profile).await.remove(0);
    assert_eq!(
        (row.draft.phase, row.draft.next_at_ms, row.draft.reason),
        (Phase::Waiting, None, Some(Code::LoginExpired))
    );
    profile.sign_in(true).await.expect("signed in");
    send(&profile).await;
    assert_eq!(at_server(&profile, "waits").await.len(), 1);

    note(&profile, "offline").await;
    let parts = parts(&profile);
    let Profile { sandbox, store, .. } = profile;
    sandbox.stop().await;
    flush(&parts, &CancellationToken::new()).await.expect("no failure of the library");
    let row = store.read(|conn| outbox::all(conn, None)).await.expect("read").remove(0);
    assert_eq!((row.draft.phase, row.draft.reason, row.draft.in_doubt), (Phase::Waiting, Some(Code::Offline), false));
}

#[tokio::test]
async fn a_note_that_is_answered_with_another_text_keeps_the_persons_words_and_is_sent_once() {
    let lie = r#"{"status": 201}, {"body": "{\"note\": {\"id\": 9000, \"content\": \"something else\"}}"}"#;
    let profile = profile_with(on_notes("POST", "*", lie)).await;
    note(&profile, "what I wrote").await;
    send(&profile).await;
    send(&profile).await;
    let kept = drafts(&profile).await;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].text.as_str(), kept[0].draft.phase), ("what I wrote", Phase::Conflict));
    assert_eq!(kept[0].draft.theirs.as_deref(), Some("something else"));
    assert_eq!(profile.asked("POST", "/api/leads/5/notes"), 1);
}
