use super::*;
use crate::backoff::{ATTEMPTS_PER_WINDOW, DAY_MS, Moment, WINDOW_MS};
use crate::recording::{Fact, RecordingState};
use proptest::prelude::*;

const NOW: i64 = 1_795_000_000_000;

fn at(ms: i64) -> Moment {
    Moment { now_ms: NOW + ms, monotonic_ms: ms, process: 1 }
}

fn wanted() -> Job {
    Job::new(Wish::Person, at(0))
}

fn passing(code: Code) -> Event {
    Event::Failed(Failure::Passing { code, retry_after_ms: None })
}

/// Runs `events` one second apart, with the middle of every jitter.
fn after(events: &[Event]) -> Job {
    let mut job = wanted();
    for (n, event) in events.iter().enumerate() {
        job = job.step(*event, at(1_000 * n as i64), 0.5).0;
    }
    job
}

fn in_phase(phase: Phase) -> Job {
    let fails = |failure| [Event::Claimed, Event::Failed(failure)];
    match phase {
        Phase::Queued => wanted(),
        Phase::Preparing => after(&[Event::Claimed, Event::NotYet { retry_after_ms: None }]),
        Phase::Running => after(&[Event::Claimed]),
        Phase::StillPreparing => after(&[Event::Claimed, Event::NotYet { retry_after_ms: None }].repeat(12)),
        Phase::FailedRetrying => {
            let failing = Failure::Passing { code: Code::ServerUnavailable, retry_after_ms: None };
            after(&[fails(failing), fails(failing), fails(failing)].concat())
        }
        Phase::NeedsYou => after(&fails(Failure::NeedsYou(Code::LoginExpired))),
        Phase::Unavailable => after(&fails(Failure::Permanent(Reason::Fact(Fact::HeaderOnly)))),
        Phase::Restricted => after(&fails(Failure::Forbidden)),
        Phase::Stored => after(&[Event::Claimed, Event::Stored { playable: true }]),
        Phase::Unsupported => after(&[Event::Claimed, Event::Stored { playable: false }]),
        Phase::Cancelled => after(&[Event::Cancelled]),
    }
}

#[test]
fn every_phase_answers_every_event_as_the_table_says() {
    use Phase::*;
    let events = [
        Event::Wanted(Wish::Person),
        Event::Claimed,
        Event::NotYet { retry_after_ms: None },
        passing(Code::Offline),
        Event::Interrupted(Interruption::Stopped),
        Event::Stored { playable: true },
        Event::Cancelled,
        Event::Recovered,
        Event::Helped,
    ];
    #[rustfmt::skip]
    let table = [
        //                wanted          claimed         not yet         failed          interrupted     stored          cancelled    recovered       helped
        (Queued,         [Queued,         Running,        Queued,         Queued,         Queued,         Queued,         Cancelled,   Queued,         Queued]),
        (Preparing,      [Preparing,      Running,        Preparing,      Preparing,      Preparing,      Preparing,      Cancelled,   Preparing,      Preparing]),
        (Running,        [Running,        Running,        Preparing,      Queued,         Queued,         Stored,         Cancelled,   Queued,         Running]),
        (StillPreparing, [Queued,         Running,        StillPreparing, StillPreparing, StillPreparing, StillPreparing, Cancelled,   StillPreparing, StillPreparing]),
        (FailedRetrying, [FailedRetrying, FailedRetrying, FailedRetrying, FailedRetrying, FailedRetrying, FailedRetrying, Cancelled,   FailedRetrying, FailedRetrying]),
        (NeedsYou,       [Queued,         NeedsYou,       NeedsYou,       NeedsYou,       NeedsYou,       NeedsYou,       Cancelled,   NeedsYou,       Queued]),
        (Unavailable,    [Queued,         Unavailable,    Unavailable,    Unavailable,    Unavailable,    Unavailable,    Unavailable, Unavailable,    Unavailable]),
        (Restricted,     [Queued,         Restricted,     Restricted,     Restricted,     Restricted,     Restricted,     Restricted,  Restricted,     Restricted]),
        (Stored,         [Stored,         Stored,         Stored,         Stored,         Stored,         Stored,         Stored,      Stored,         Stored]),
        (Unsupported,    [Unsupported,    Unsupported,    Unsupported,    Unsupported,    Unsupported,    Unsupported,    Unsupported, Unsupported,    Unsupported]),
        (Cancelled,      [Queued,         Cancelled,      Cancelled,      Cancelled,      Cancelled,      Cancelled,      Cancelled,   Cancelled,      Cancelled]),
    ];
    assert_eq!(table.map(|(phase, _)| phase), Phase::ALL);
    for (phase, answers) in table {
        assert_eq!(in_phase(phase).phase, phase, "the way into {phase:?}");
        for (event, wanted) in events.into_iter().zip(answers) {
            let (job, _) = in_phase(phase).step(event, at(20_000), 0.5);
            assert_eq!(job.phase, wanted, "{phase:?} x {event:?}");
            assert_eq!(job.started.is_some(), job.phase == Running, "{phase:?} x {event:?} holds a run");
        }
    }
}

#[test]
fn a_recording_that_is_never_ready_is_polled_twelve_times_on_the_given_schedule() {
    let mut job = wanted();
    let mut sent_s = Vec::new();
    while !job.is_settled() {
        let due = job.next_at_ms.expect("a poll is planned") - NOW;
        sent_s.push(due / 1_000);
        job = job.step(Event::Claimed, at(due), 0.5).0;
        // Each answer takes 400 ms: the schedule does not drift.
        job = job.step(Event::NotYet { retry_after_ms: Some(2_000) }, at(due + 400), 0.5).0;
    }
    assert_eq!(sent_s, [0, 3, 8, 16, 26, 41, 56, 71, 86, 101, 116, 131]);
    assert_eq!((job.phase, job.polls), (Phase::StillPreparing, 12));
    assert_eq!(job.recording_state(), RecordingState::StillPreparing);
    assert!(job.attempts.is_empty(), "a poll is not an attempt");
    assert_eq!(job.next_at_ms, Some(NOW + 131_400 + BACKGROUND_LOOK_MS));
}

#[test]
fn a_recording_ready_after_two_polls_counts_two_polls_and_one_attempt() {
    let not_yet = Event::NotYet { retry_after_ms: Some(2_000) };
    let job =
        after(&[Event::Claimed, not_yet, Event::Claimed, not_yet, Event::Claimed, Event::Stored { playable: true }]);
    assert_eq!((job.phase, job.polls, job.attempts.len()), (Phase::Stored, 2, 1));
}

#[test]
fn a_recording_still_not_ready_after_a_day_of_looks_is_never_ready() {
    let mut job = wanted();
    let mut looks = 0;
    while let Some(due) = job.next_at_ms {
        job = job.step(Event::Claimed, at(due - NOW), 0.5).0;
        job = job.step(Event::NotYet { retry_after_ms: None }, at(due - NOW), 0.5).0;
        looks += 1;
        assert!(looks < 40, "the looks end");
    }
    assert_eq!((job.phase, job.reason), (Phase::Unavailable, Some(Reason::Fact(Fact::NeverReady))));
    assert_eq!(job.polls, 12);
}

#[test]
fn a_storm_of_502_ends_after_three_attempts_until_the_first_is_ten_minutes_old() {
    let job = in_phase(Phase::FailedRetrying);
    assert_eq!(job.attempts.len(), ATTEMPTS_PER_WINDOW);
    assert_eq!(job.next_at_ms, Some(NOW + WINDOW_MS));
    assert_eq!(job.reason, Some(Reason::Code(Code::ServerUnavailable)));
    let (early, effect) = job.clone().step(Event::Claimed, at(WINDOW_MS - 1), 0.5);
    assert_eq!((early.phase, effect), (Phase::FailedRetrying, Effect::Wake));
    let (due, effect) = job.step(Event::Claimed, at(WINDOW_MS), 0.5);
    assert_eq!((due.phase, effect), (Phase::Running, Effect::Fetch));
}

#[test]
fn a_person_gets_an_attempt_beyond_the_days_budget_but_never_a_fourth_in_a_window() {
    let mut job = wanted();
    let mut now = 0;
    for _ in 0..18 {
        job = job.step(Event::Claimed, at(now), 0.5).0;
        job = job.step(passing(Code::Offline), at(now), 0.0).0;
        now += WINDOW_MS;
    }
    assert_eq!((job.phase, job.next_at_ms), (Phase::FailedRetrying, Some(NOW + DAY_MS)));
    job = job.step(Event::Wanted(Wish::Person), at(now), 0.5).0;
    assert_eq!(job.next_at_ms, Some(NOW + now), "at once: the window has room");
    job = job.step(Event::Claimed, at(now), 0.5).0;
    job = job.step(passing(Code::Offline), at(now), 0.5).0;
    assert_eq!(job.phase, Phase::FailedRetrying, "one attempt, not a new budget");
}

#[test]
fn a_run_is_stuck_when_its_process_is_gone_or_after_ten_minutes_by_its_start() {
    let job = in_phase(Phase::Running);
    assert!(!job.is_stuck(at(599_000), None), "9 min 59 s");
    assert!(job.is_stuck(at(601_000), None), "10 min 1 s");
    assert!(!job.is_stuck(Moment { now_ms: NOW + 8 * 3_600_000, ..at(5_000) }, None), "a sleep is no run");
    assert!(job.is_stuck(Moment { now_ms: NOW - 8 * 3_600_000, ..at(601_000) }, None), "the clock was set back");
    assert!(!job.is_stuck(at(601_000), Some(512 * 1024 * 1024)), "a large file may take longer");
    assert!(job.is_stuck(Moment { process: 2, ..at(1_000) }, None));
    let (job, _) = job.step(Event::Recovered, Moment { process: 2, ..at(1_000) }, 0.5);
    assert_eq!((job.phase, job.attempts.len()), (Phase::Queued, 1), "a crash loop ends too");
}

#[test]
fn a_quit_is_no_attempt_and_keeps_the_polls() {
    let not_yet = Event::NotYet { retry_after_ms: None };
    let job = after(&[Event::Claimed, not_yet, Event::Claimed, Event::Interrupted(Interruption::Stopped)]);
    assert_eq!((job.phase, job.polls, job.attempts.len()), (Phase::Preparing, 1, 0));
}

#[test]
fn a_missing_recording_is_judged_by_the_age_of_its_call() {
    let missing = |call_age_ms| after(&[Event::Claimed, Event::Failed(Failure::Missing { call_age_ms })]);
    let young = missing(Some(60_000));
    assert_eq!((young.phase, young.reason), (Phase::Queued, Some(Reason::Code(Code::NotFound))));
    assert_eq!(missing(Some(2 * DAY_MS)).reason, Some(Reason::Code(Code::NotFound)));
    assert_eq!(missing(Some(8 * DAY_MS)).reason, Some(Reason::Fact(Fact::PastRetention)));
    assert_eq!(missing(None).phase, Phase::Unavailable);
}

#[test]
fn a_long_retry_after_is_left_to_the_background_and_never_cut_short() {
    let event = Event::Failed(Failure::Passing { code: Code::RateLimited, retry_after_ms: Some(3_600_000) });
    let job = after(&[Event::Claimed, event]);
    assert_eq!(job.phase, Phase::FailedRetrying);
    assert!(job.next_at_ms >= Some(NOW + 1_000 + 3_600_000));
    let job = after(&[Event::Claimed, Event::NotYet { retry_after_ms: Some(3_600_000) }]);
    assert_eq!((job.phase, job.polls), (Phase::StillPreparing, 1));
    assert!(job.next_at_ms >= Some(NOW + 1_000 + 3_600_000));
}

#[test]
fn a_run_that_did_not_ask_because_the_server_is_left_alone_is_no_attempt_and_no_poll() {
    let postponed = Event::Postponed { wait_ms: 30_000, asked: false };
    for (before, phase, polls) in [
        (vec![], Phase::Queued, 0),
        (vec![Event::Claimed, Event::NotYet { retry_after_ms: None }], Phase::Preparing, 1),
        ([Event::Claimed, Event::NotYet { retry_after_ms: None }].repeat(12), Phase::StillPreparing, 12),
    ] {
        let job = after(&[before, vec![Event::Claimed, postponed]].concat());
        assert_eq!((job.phase, job.polls, job.attempts.len()), (phase, polls, 0));
        assert!(job.next_at_ms >= Some(NOW + 30_000), "{job:?}");
    }
    for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Running) {
        assert_eq!(in_phase(phase).step(postponed, at(9_000), 0.5).0.phase, phase, "too late to count");
    }
}

#[test]
fn finding_out_for_all_whether_the_server_is_back_is_no_attempt_and_draws_on_the_days_budget() {
    let mut job = wanted();
    let (mut now_ms, mut asked_ms) = (0, Vec::new());
    while now_ms < DAY_MS {
        let (claimed, effect) = job.step(Event::Claimed, at(now_ms), 0.0);
        job = claimed;
        if effect == Effect::Fetch {
            asked_ms.push(now_ms);
            job = job.step(Event::Postponed { wait_ms: 300_000, asked: true }, at(now_ms), 0.0).0;
        }
        now_ms = job.next_at_ms.expect("it goes on by itself") - NOW;
    }
    assert!(job.attempts.is_empty() && (10..=18).contains(&asked_ms.len()), "{asked_ms:?}");
    let waits: Vec<i64> = asked_ms.windows(2).map(|two| (two[1] - two[0]) / 60_000).collect();
    assert_eq!((&waits[..8], waits[8]), (&[5, 5, 5, 5, 5, 5, 5, 240][..], 240));
}

#[test]
fn what_waits_for_the_server_alone_goes_on_when_it_is_back_and_nothing_else_does() {
    let job = after(&[Event::Claimed, Event::Postponed { wait_ms: 14_400_000, asked: true }]);
    let back = job.step(Event::ServerIsBack, at(60_000), 0.0).0;
    assert_eq!((back.phase, back.next_at_ms), (Phase::Queued, Some(NOW + 60_000)));
    for phase in Phase::ALL {
        let job = in_phase(phase);
        let after = job.clone().step(Event::ServerIsBack, at(60_000), 0.0).0;
        assert_eq!((after.phase, after.next_at_ms), (job.phase, job.next_at_ms), "{phase:?}");
    }
}

#[test]
fn a_full_disk_is_no_attempt_of_those_that_did_not_ask() {
    use Phase::*;
    for phase in Phase::ALL {
        let job = in_phase(phase);
        let attempts = job.attempts.len();
        let after = job.step(Event::NoRoom { asked: false }, at(30_000), 0.5).0;
        let waits = matches!(phase, Queued | Preparing | Running | StillPreparing | FailedRetrying);
        assert_eq!(after.phase, if waits { NeedsYou } else { phase }, "{phase:?}");
        assert_eq!(after.attempts.len(), attempts, "{phase:?}");
    }
    let asked = in_phase(Running).step(Event::NoRoom { asked: true }, at(30_000), 0.5).0;
    assert_eq!((asked.phase, asked.reason), (NeedsYou, Some(Reason::Code(Code::DiskFull))));
    assert_eq!(asked.attempts.len(), 1);
}

#[test]
fn a_job_that_failed_at_the_source_is_not_polled_on_and_is_asked_for_again_after_ten_minutes() {
    let not_yet = Event::NotYet { retry_after_ms: None };
    let job = after(&[Event::Claimed, not_yet, Event::Claimed, Event::SourceFailed]);
    assert_eq!((job.phase, job.reason), (Phase::FailedRetrying, Some(Reason::Code(Code::ServerUnavailable))));
    assert!(job.attempts.is_empty());
    let next_ms = job.next_at_ms.expect("it goes on by itself");
    assert!((600_000..=670_000).contains(&(next_ms - NOW)), "{}", next_ms - NOW);
    let mut job = job;
    for _ in 0..40 {
        let moment = Moment { now_ms: job.next_at_ms.unwrap_or(0), ..at(0) };
        job = job.step(Event::Claimed, moment, 0.5).0.step(Event::SourceFailed, moment, 0.5).0;
        if job.next_at_ms.is_none() {
            break;
        }
    }
    assert_eq!((job.phase, job.reason), (Phase::Unavailable, Some(Reason::Fact(Fact::NeverReady))));
}

#[test]
fn a_clock_that_is_set_back_makes_no_job_wait_longer() {
    let day_ms = 24 * 3_600_000;
    let preparing = in_phase(Phase::Preparing);
    let wait_ms = preparing.next_at_ms.expect("a poll is planned") - NOW;
    // 1 s later somebody sets the clock back by a day: the same process knows how long it waited already.
    let set_back = Moment { now_ms: NOW + 1_000 - day_ms, monotonic_ms: 1_000, process: 1 };
    let (job, _) = preparing.clone().step(Event::ClockMoved, set_back, 0.5);
    assert_eq!(job.next_at_ms, Some(NOW - day_ms + wait_ms));
    // Another process does not; it waits the whole wait again, never longer.
    let (job, _) = preparing.step(Event::ClockMoved, Moment { process: 2, ..set_back }, 0.5);
    assert_eq!(job.next_at_ms, Some(set_back.now_ms + wait_ms - 1_000));
    for phase in [Phase::Queued, Phase::StillPreparing, Phase::FailedRetrying] {
        let was = in_phase(phase);
        let wait_ms = was.next_at_ms.expect("it goes on by itself") - was.planned.expect("a plan").at_ms;
        let (job, _) = was.step(Event::ClockMoved, Moment { now_ms: NOW - day_ms, ..at(3_000) }, 0.5);
        assert!(job.next_at_ms.expect("still") <= NOW - day_ms + wait_ms, "{phase:?}");
    }
}

#[test]
fn a_clock_set_ahead_by_a_day_is_no_day_of_preparing() {
    let mut job = in_phase(Phase::StillPreparing);
    let tomorrow = Moment { now_ms: NOW + 2 * DAY_MS, ..at(9_000) };
    job = job.step(Event::Claimed, tomorrow, 0.5).0.step(Event::NotYet { retry_after_ms: None }, tomorrow, 0.5).0;
    assert_eq!(job.phase, Phase::StillPreparing);
}

#[test]
fn a_rule_takes_nothing_back_and_makes_no_wait_shorter_and_a_pin_does_what_a_person_did() {
    for phase in Phase::ALL {
        let was = in_phase(phase);
        let (job, _) = was.clone().step(Event::Wanted(Wish::Background), at(30_000), 0.5);
        assert_eq!((job.phase, job.wish, job.next_at_ms), (was.phase, was.wish, was.next_at_ms), "{phase:?}");
    }
    let (job, _) = in_phase(Phase::Cancelled).step(Event::Wanted(Wish::Pin), at(5_000), 0.5);
    assert_eq!((job.phase, job.wish), (Phase::Queued, Wish::Pin));
    let (job, _) = job.step(Event::Wanted(Wish::Person), at(6_000), 0.5);
    assert_eq!(job.wish, Wish::Person);
    assert_eq!(job.step(Event::Wanted(Wish::Pin), at(7_000), 0.5).0.wish, Wish::Person, "it is never lowered");
    assert!(Wish::Person.priority() > Wish::Pin.priority() && Wish::Pin.priority() > Wish::Background.priority());
}

#[test]
fn try_again_runs_at_once_when_the_window_has_room_else_when_it_frees() {
    let one_failure = after(&[Event::Claimed, passing(Code::Offline), Event::Claimed, passing(Code::Offline)]);
    assert_eq!(one_failure.phase, Phase::Queued);
    let (job, effect) = one_failure.step(Event::Wanted(Wish::Person), at(3_100), 0.5);
    assert_eq!((job.next_at_ms, effect), (Some(NOW + 3_100), Effect::Wake));
    let (job, _) = in_phase(Phase::FailedRetrying).step(Event::Wanted(Wish::Person), at(20_000), 0.5);
    assert_eq!((job.phase, job.next_at_ms), (Phase::FailedRetrying, Some(NOW + WINDOW_MS)));
}

#[test]
fn a_person_waits_for_five_minutes_of_what_the_server_asked_for_and_asking_again_adds_nothing() {
    let minute = 60_000;
    let refused = Event::Failed(Failure::Passing { code: Code::RateLimited, retry_after_ms: Some(60 * minute) });
    let job = after(&[Event::Claimed, refused]);
    let (job, _) = job.step(Event::Wanted(Wish::Person), at(2_000), 0.5);
    assert_eq!(job.next_at_ms, Some(NOW + 2_000 + 5 * minute));
    let (job, _) = job.step(Event::Wanted(Wish::Person), at(2 * minute), 0.5);
    assert_eq!(job.next_at_ms, Some(NOW + 2_000 + 5 * minute));
    let shorter = Event::Failed(Failure::Passing { code: Code::RateLimited, retry_after_ms: Some(2 * minute) });
    let (job, _) = after(&[Event::Claimed, shorter]).step(Event::Wanted(Wish::Person), at(2_000), 0.5);
    assert_eq!(job.next_at_ms, Some(NOW + 1_000 + 2 * minute), "never sooner than it says");
}

#[test]
fn a_sleep_is_no_attempt_and_spreads_what_nobody_waits_for() {
    let slept = Event::Interrupted(Interruption::Suspended);
    let person = after(&[Event::Claimed]).step(slept, at(9_000), 0.5).0;
    assert_eq!((person.attempts.len(), person.next_at_ms), (0, Some(NOW + 9_000)));
    let rule = Job::new(Wish::Background, at(0)).step(Event::Claimed, at(0), 0.5).0.step(slept, at(9_000), 0.5).0;
    assert_eq!((rule.attempts.len(), rule.next_at_ms), (0, Some(NOW + 9_000 + SPREAD_MS / 2)));
    let looked = in_phase(Phase::StillPreparing).step(Event::Claimed, at(DAY_MS), 0.5).0;
    assert_eq!(looked.step(slept, at(DAY_MS), 0.5).0.phase, Phase::StillPreparing);
}

#[test]
fn a_row_of_an_earlier_version_reads_as_a_job_without_a_plan() {
    let mut row = serde_json::to_value(in_phase(Phase::FailedRetrying)).expect("plain data");
    row.as_object_mut().expect("an object").retain(|key, _| key != "planned" && key != "patient_until_ms");
    let job: Job = serde_json::from_value(row).expect("an earlier row");
    assert_eq!((job.phase, job.planned), (Phase::FailedRetrying, None));
}

#[test]
fn a_job_reads_back_from_its_row() {
    for phase in Phase::ALL {
        let job = in_phase(phase);
        let text = serde_json::to_string(&job).expect("plain data");
        assert_eq!(serde_json::from_str::<Job>(&text).expect("its own text"), job);
    }
}

#[derive(Debug, Clone, Copy)]
enum Chance {
    Pass(i64),
    SetClock(i64),
    Crash,
    Run(u8),
    Want,
    Cancel,
}

fn chance() -> impl Strategy<Value = Chance> {
    prop_oneof![
        6 => (0_i64..120_000).prop_map(Chance::Pass),
        1 => (0_i64..2 * WINDOW_MS).prop_map(Chance::Pass),
        1 => (-2 * DAY_MS..2 * DAY_MS).prop_map(Chance::SetClock),
        1 => (-50_000_i64..50_000).prop_map(Chance::SetClock),
        1 => Just(Chance::Crash),
        9 => (0_u8..6).prop_map(Chance::Run),
        3 => Just(Chance::Want),
        1 => Just(Chance::Cancel),
    ]
}

/// So many chains of chances: a few in every run of the tests, all of them in the campaign.
fn seeds() -> u32 {
    std::env::var("AFTERCALL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: seeds(), ..ProptestConfig::default() })]

    /// True time is told apart from what the wall clock shows. The runner looks at its jobs whenever a clock moves,
    /// as the real one does every few seconds.
    #[test]
    fn no_ten_minutes_ever_hold_a_fourth_attempt(chances in proptest::collection::vec(chance(), 1..120), random in 0.0_f64..1.0) {
        let (mut true_ms, mut offset_ms, mut process, mut born_ms) = (0_i64, 0_i64, 1_u64, 0_i64);
        let mut job = wanted();
        let mut made: Vec<i64> = Vec::new();
        for chance in chances {
            match chance {
                Chance::Pass(ms) => true_ms += ms,
                Chance::SetClock(ms) => offset_ms += ms,
                Chance::Crash | Chance::Run(_) | Chance::Want | Chance::Cancel => {}
            }
            if matches!(chance, Chance::Crash) {
                // What survives is the row.
                job = serde_json::from_str(&serde_json::to_string(&job).expect("row")).expect("row");
                process += 1;
                born_ms = true_ms;
            }
            let moment =
                Moment { now_ms: NOW + true_ms + offset_ms, monotonic_ms: true_ms - born_ms, process };
            let mut step = |event: Event| {
                let (next, effect) = job.clone().step(event, moment, random);
                job = next;
                effect
            };
            // A look at the queue: settles the remembered attempts against the clocks.
            step(Event::ClockMoved);
            match chance {
                Chance::Want => { step(Event::Wanted(Wish::Person)); }
                Chance::Cancel => { step(Event::Cancelled); }
                Chance::Crash => { step(Event::Recovered); }
                Chance::Run(how) => {
                    // Claimed whatever `next_at_ms` says: the machine itself must refuse.
                    if step(Event::Claimed) == Effect::Fetch {
                        match how {
                            0 => { step(Event::NotYet { retry_after_ms: Some(2_000) }); }
                            1 => { made.push(true_ms); } // still running: a crash or a cancel may come
                            2 => { made.push(true_ms); step(Event::Failed(Failure::Missing { call_age_ms: Some(0) })); }
                            3 => { made.push(true_ms); step(Event::Failed(Failure::NeedsYou(Code::DiskFull))); }
                            _ => { made.push(true_ms); step(passing(Code::ServerUnavailable)); }
                        }
                    } else if how == 5 {
                        step(Event::Recovered);
                    }
                }
                Chance::Pass(_) | Chance::SetClock(_) => {}
            }
            for first in made.windows(ATTEMPTS_PER_WINDOW + 1) {
                prop_assert!(first[ATTEMPTS_PER_WINDOW] - first[0] >= WINDOW_MS, "{made:?}");
            }
        }
    }
}
