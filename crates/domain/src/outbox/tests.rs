use super::*;
use crate::ids::LeadId;
use proptest::prelude::*;

const NOW_MS: i64 = 1_795_000_000_000;

fn note(id: i64, content: &str) -> Note {
    Note {
        id: NoteId(id),
        lead_id: LeadId(1),
        kind: "manual".into(),
        content: content.into(),
        call_id: None,
        attachments: Vec::new(),
        created_at_ms: Some(NOW_MS),
        updated_at_ms: None,
    }
}

fn failure(kind: FailureKind, may_be_done: bool) -> Event {
    Event::Failed(Failure { code: Code::ServerUnavailable, kind, may_be_done })
}

fn passing(may_be_done: bool) -> Event {
    failure(FailureKind::Passing { retry_after_ms: None }, may_be_done)
}

fn go(draft: Draft, event: Event) -> (Draft, Effect) {
    draft.step(event, NOW_MS, 0.5)
}

fn claimed(known: Option<i64>) -> (Draft, Effect) {
    go(Draft::new(Task::Add, NOW_MS), Event::Claimed(known))
}

#[test]
fn a_note_of_a_lead_whose_notes_are_known_is_sent_without_a_look() {
    let (draft, effect) = claimed(Some(7));
    assert_eq!((effect, draft.phase, draft.in_doubt), (Effect::Send, Phase::Sending, true));
    assert_eq!(claimed(None).1, Effect::Look, "else what is there is read first");
}

#[test]
fn an_unknown_outcome_is_looked_for_before_it_is_sent_again() {
    let (draft, _) = go(claimed(Some(7)).0, passing(true));
    assert_eq!((draft.phase, draft.in_doubt), (Phase::Waiting, true));
    assert!(draft.next_at_ms.is_some_and(|at_ms| at_ms >= NOW_MS + RETRY_FLOOR_MS));
    let (draft, effect) = go(draft, Event::Claimed(Some(9)));
    assert_eq!((effect, draft.known), (Effect::Look, Some(7)), "known is from before it was first sent");
    assert_eq!(draft.look("a", NOW_MS, &[note(7, "a"), note(8, " a\r\n")]), Found::Done(NoteId(8)));
    assert_eq!(draft.look("a", NOW_MS, &[note(7, "a"), note(8, "b")]), Found::NotThere(8), "7 was there before");
    assert_eq!(go(draft.clone(), Event::Looked(Found::Done(NoteId(8)))).1, Effect::Done(NoteId(8)));
    let (draft, effect) = go(draft, Event::Looked(Found::NotThere(8)));
    assert_eq!((effect, draft.known, draft.in_doubt), (Effect::Send, Some(8), true));
}

#[test]
fn a_kill_after_the_text_went_out_leaves_a_doubt_and_one_before_leaves_none() {
    let (draft, effect) = go(claimed(Some(7)).0, Event::Interrupted);
    assert_eq!((draft.phase, draft.in_doubt, effect), (Phase::Waiting, true, Effect::Wake));
    let (draft, _) = go(claimed(None).0, Event::Interrupted);
    assert_eq!((draft.phase, draft.in_doubt), (Phase::Waiting, false));
}

#[test]
fn what_failed_for_certain_is_no_doubt_but_a_failed_look_ends_none() {
    let (draft, _) = go(claimed(Some(7)).0, passing(false));
    assert!(!draft.in_doubt);
    let (draft, _) = go(claimed(Some(7)).0, passing(true));
    let (draft, _) = go(draft, Event::Claimed(None));
    let (draft, _) = go(draft, passing(false));
    assert!(draft.in_doubt, "nobody has looked yet");
}

#[test]
fn the_same_words_of_another_week_are_another_note() {
    let (draft, _) = go(claimed(Some(0)).0, passing(true));
    let old = Note { created_at_ms: Some(NOW_MS - 7 * backoff::DAY_MS), ..note(8, "a") };
    assert_eq!(draft.look("a", NOW_MS, &[old]), Found::NotThere(8));
    let by_a_clock_that_is_an_hour_off = Note { created_at_ms: Some(NOW_MS - 3_700_000), ..note(8, "a") };
    assert_eq!(draft.look("a", NOW_MS, &[by_a_clock_that_is_an_hour_off]), Found::Done(NoteId(8)));
}

#[test]
fn a_refusal_waits_for_the_person_and_goes_on_when_told() {
    let (draft, _) = go(claimed(Some(7)).0, failure(FailureKind::Refusal, false));
    assert_eq!((draft.phase, draft.next_at_ms, draft.in_doubt), (Phase::Refused, None, false));
    assert_eq!(go(draft.clone(), Event::Helped).0, draft, "the network does not change it");
    assert_eq!(go(draft.clone(), Event::Retry).0.phase, Phase::Waiting);
    assert_eq!(go(draft, Event::Edited("a".into())).0.phase, Phase::Waiting);
}

#[test]
fn a_session_that_ended_waits_for_a_sign_in() {
    let (draft, _) = go(claimed(Some(7)).0, failure(FailureKind::SignIn, false));
    assert_eq!((draft.phase, draft.next_at_ms), (Phase::Waiting, None));
    assert_eq!(go(draft, Event::Helped).0.next_at_ms, Some(NOW_MS));
}

#[test]
fn a_text_changed_while_in_doubt_becomes_a_change_of_the_note_that_arrived() {
    let (draft, _) = go(claimed(Some(7)).0, passing(true));
    let (draft, _) = go(draft, Event::Edited("a".into()));
    let (draft, _) = go(draft, Event::Edited("b".into()));
    let (draft, _) = go(draft, Event::Claimed(None));
    assert_eq!(draft.look("c", NOW_MS, &[note(8, "a")]), Found::Former(NoteId(8)));
    let (draft, effect) = go(draft, Event::Looked(Found::Former(NoteId(8))));
    assert_eq!((effect, draft.task), (Effect::Send, Task::Replace { note: NoteId(8), base: "a".into() }));
}

#[test]
fn a_conflict_keeps_both_texts_until_the_person_chooses() {
    let task = Task::Replace { note: NoteId(5), base: "base".into() };
    let (draft, effect) = go(Draft::new(task, NOW_MS), Event::Claimed(Some(9)));
    assert_eq!(effect, Effect::Look, "a change always looks first");
    assert_eq!(draft.look("mine", NOW_MS, &[note(5, "base")]), Found::NotThere(5));
    assert_eq!(draft.look("mine", NOW_MS, &[note(5, "mine")]), Found::Done(NoteId(5)));
    assert_eq!(draft.look("mine", NOW_MS, &[]), Found::Gone);
    let found = draft.look("mine", NOW_MS, &[note(5, "theirs")]);
    let (draft, _) = go(draft, Event::Looked(found));
    assert_eq!((draft.phase, draft.theirs.as_deref()), (Phase::Conflict, Some("theirs")));
    let (draft, _) = go(draft, Event::Edited("mine".into()));
    assert_eq!(draft.phase, Phase::Conflict, "changing my text does not choose");
    let (draft, _) = go(draft, Event::Retry);
    let (draft, _) = go(draft, Event::Claimed(None));
    assert_eq!(draft.look("mine", NOW_MS, &[note(5, "theirs")]), Found::NotThere(5));
}

/// A CRM of one lead, and a sender that is cut, killed and restarted at random.
fn send_through(steps: &[u8]) -> (usize, bool) {
    let (mut notes, mut draft, mut effect) = (Vec::<Note>::new(), Draft::new(Task::Add, NOW_MS), Effect::Wake);
    for step in steps.iter().chain(&[0; 8]) {
        let post = |notes: &mut Vec<Note>| notes.push(note(notes.len() as i64 + 1, "a"));
        let event = match (&effect, step % 5) {
            (Effect::Done(_), _) => return (notes.len(), true),
            (Effect::Look, 0 | 1) => Event::Looked(draft.look("a", NOW_MS, &notes)),
            (Effect::Look, 2) => Event::Interrupted,
            (Effect::Look, _) => passing(true),
            (Effect::Send, 0) => {
                post(&mut notes);
                effect = Effect::Done(NoteId(1));
                continue;
            }
            (Effect::Send, 1) => {
                post(&mut notes);
                passing(true)
            }
            (Effect::Send, 2) => {
                post(&mut notes);
                Event::Interrupted
            }
            (Effect::Send, 3) => Event::Interrupted,
            (Effect::Send, _) => passing(false),
            (Effect::None | Effect::Wake, _) => Event::Claimed((step % 2 == 0).then_some(0)),
        };
        (draft, effect) = go(draft, event);
    }
    (notes.len(), matches!(effect, Effect::Done(_)))
}

proptest! {
    #[test]
    fn however_often_it_is_cut_or_killed_a_note_arrives_once(steps in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(send_through(&steps), (1, true));
    }

    #[test]
    fn the_row_of_a_draft_comes_back_as_it_went(known in proptest::option::of(any::<i64>()), in_doubt: bool) {
        let draft = Draft { known, in_doubt, ..Draft::new(Task::Add, NOW_MS) };
        let json = serde_json::to_string(&draft).expect("json");
        prop_assert_eq!(serde_json::from_str::<Draft>(&json).expect("a draft"), draft);
    }
}

#[test]
fn a_note_that_the_crm_took_with_another_text_is_the_persons_to_decide_and_is_not_sent_again() {
    let (draft, effect) = go(claimed(Some(7)).0, Event::TakenDifferently(NoteId(8), "theirs".into()));
    assert_eq!((effect, draft.phase, draft.in_doubt), (Effect::None, Phase::Conflict, false));
    assert_eq!(draft.theirs.as_deref(), Some("theirs"));
    assert_eq!(draft.task, Task::Replace { note: NoteId(8), base: "theirs".into() });
    let (draft, _) = go(draft, Event::Retry);
    let (draft, effect) = go(draft, Event::Claimed(Some(8)));
    assert_eq!(effect, Effect::Look);
    assert_eq!(draft.look("mine", NOW_MS, &[note(8, "theirs")]), Found::NotThere(8), "the person's text replaces it");
}
