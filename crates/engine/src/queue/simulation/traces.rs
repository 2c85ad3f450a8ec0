//! When exactly one recording is asked for.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::backoff::{LADDER_MS, MAX_RETRY_AFTER_MS};
use aftercall_domain::download::{Phase, Wish};
use aftercall_domain::recording::RecordingState;

use super::world::{Disk, Says, Server, Start, Times, pass_ms, want_all};
use crate::queue::QueueOptions;

const MINUTE_MS: i64 = 60_000;

/// Times of all requests of one wish, with one plan for all of them, over so long.
async fn trace(seed: u64, wish: Wish, says: Says, for_ms: i64) -> Vec<i64> {
    let times = Times::new();
    let server = Server::new(&times, 100, Box::new(move |_, _, _| says.clone()));
    let disk = Disk::new();
    let ids = disk.know(1).await;
    let queue = disk.boot(&times, &server, Start::seeded(seed).that_looks_every_s(60)).await;
    want_all(&queue, &ids, wish).await;
    pass_ms(for_ms).await;
    queue.stop().await;
    server.requests().iter().map(|request| request.true_ms).collect()
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_is_being_prepared_is_polled_at_the_given_times_within_a_fifth() {
    let mut furthest: f64 = 0.0;
    for seed in 0..20 {
        let at_ms = trace(seed, Wish::Person, Says::Status(202, Some("2")), 9 * MINUTE_MS).await;
        assert_eq!(at_ms.len(), 12, "seed {seed}: {at_ms:?}");
        for (n, step_ms) in LADDER_MS.into_iter().enumerate() {
            let off = (at_ms[n + 1] - at_ms[n]) as f64 / step_ms as f64 - 1.0;
            furthest = furthest.max(off.abs());
            // A look at the queue is never sooner than 20 ms after the one before.
            assert!(off.abs() <= 0.2 + 20.0 / step_ms as f64, "seed {seed}, poll {}: {at_ms:?}", n + 2);
        }
    }
    println!("(a) 12 polls, 20 seeds: waits differ from 3 5 8 10 15 … s by {:.1} % at most", furthest * 100.0);
}

#[tokio::test(start_paused = true)]
async fn without_jitter_the_times_are_the_given_ones() {
    let times = Times::new();
    let server = Server::new(&times, 100, Box::new(|_, _, _| Says::Status(202, Some("2"))));
    let disk = Disk::new();
    let ids = disk.know(1).await;
    let chance = crate::chance::Chance::always(0.5);
    let queue = disk.boot(&times, &server, Start { chance, ..Start::seeded(0) }).await;
    want_all(&queue, &ids, Wish::Person).await;
    pass_ms(9 * MINUTE_MS).await;
    queue.stop().await;
    let at_s: Vec<i64> = server.requests().iter().map(|request| (request.true_ms + 250) / 1_000).collect();
    println!("(a) without jitter: {at_s:?} s");
    assert_eq!(at_s, [0, 3, 8, 16, 26, 41, 56, 71, 86, 101, 116, 131]);
    let row = disk.rows(&ids).await.remove(0);
    assert_eq!((row.state, row.polls, row.attempts), (RecordingState::StillPreparing, 12, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_taken_back_after_ten_minutes_and_not_before() {
    let times = Times::new();
    let server = Server::new(&times, 100, Box::new(|_, _, _| Says::Hangs(i64::from(i32::MAX))));
    let disk = Disk::new();
    let ids = disk.know(1).await;
    let options = QueueOptions { look_every: Duration::from_millis(500), ..QueueOptions::default() };
    let queue = disk.boot(&times, &server, Start { options, ..Start::seeded(4) }).await;
    want_all(&queue, &ids, Wish::Person).await;
    pass_ms(599_000).await;
    let job = disk.job(&ids[0]).await.expect("a job");
    assert_eq!((job.phase, job.attempts.len(), server.requests().len()), (Phase::Running, 0, 1), "9 min 59 s");
    pass_ms(2_000).await;
    let job = disk.job(&ids[0]).await.expect("a job");
    assert_eq!(job.attempts.len(), 1, "10 min 1 s: requeued, and an attempt");
    pass_ms(20_000).await;
    assert_eq!(server.requests().len(), 2, "it is asked for again");
    println!("(d) a run is left alone at 9 min 59 s and taken back by 10 min 1 s, as an attempt");
    queue.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_server_asks_for_is_kept_to_in_both_forms_and_nonsense_is_not_believed() {
    let day_ms = MAX_RETRY_AFTER_MS;
    let mut asked = 0;
    // What is said, and how long nothing may be asked.
    let values: [(&'static str, i64); 12] = [
        ("0", 0),
        ("5", 5_000),
        ("120", 120_000),
        ("86400", day_ms),
        ("1000000000000", day_ms),
        ("99999999999999999999999999", day_ms),
        ("Wed, 18 Nov 2026 11:16:40 GMT", 600_000),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 31 Dec 2099 23:59:59 GMT", day_ms),
        ("-1", 0),
        ("1.5", 0),
        ("garbage", 0),
    ];
    for (n, (value, said_ms)) in values.into_iter().enumerate() {
        for status in [202, 302, 429, 503] {
            let says = Says::Status(status, Some(value));
            let at_ms = trace(n as u64, Wish::Background, says, said_ms + said_ms / 5 + 2 * MINUTE_MS).await;
            assert!(at_ms.len() > 1, "{status} {value:?}: {at_ms:?}: it goes on by itself");
            let wait_ms = at_ms[1] - at_ms[0];
            // Up to a tenth later, the ladder's first step or a retry's pause, and the answer's own time.
            assert!((said_ms..=said_ms + said_ms / 10 + 5_000).contains(&wait_ms), "{status} {value:?}: {wait_ms}");
            asked += 1;
        }
    }
    // A gateway's 502 or an application's 500 has no say in it.
    for status in [500, 502, 504] {
        let at_ms = trace(9, Wish::Background, Says::Status(status, Some("86400")), MINUTE_MS).await;
        assert_eq!(at_ms.len(), 3, "{status}: {at_ms:?}");
        asked += 1;
    }
    println!("(e) Retry-After: {asked} cases of value x status kept to, none by more than a tenth and 5 s");
}

#[tokio::test(start_paused = true)]
async fn a_person_waits_for_five_minutes_of_it() {
    let times = Times::new();
    let server = Server::new(&times, 100, Box::new(|_, _, _| Says::Status(429, Some("3600"))));
    let disk = Disk::new();
    let ids = disk.know(1).await;
    let queue = disk.boot(&times, &server, Start::seeded(3)).await;
    want_all(&queue, &ids, Wish::Person).await;
    pass_ms(10_000).await;
    for _ in 0..10 {
        want_all(&queue, &ids, Wish::Person).await;
        pass_ms(1_000).await;
    }
    pass_ms(6 * MINUTE_MS).await;
    queue.stop().await;
    let at_ms: Vec<i64> = server.requests().iter().map(|request| request.true_ms).collect();
    assert_eq!(at_ms.len(), 2, "{at_ms:?}");
    assert!((300_000..=312_000).contains(&at_ms[1]), "{at_ms:?}");
}

#[tokio::test(start_paused = true)]
async fn a_persons_wish_goes_before_pins_and_pins_before_rules() {
    let times = Times::new();
    let server = Server::new(&times, 1_000, Box::new(|_, _, _| Says::Status(410, None)));
    let disk = Disk::new();
    let ids = disk.know(12).await;
    let mut start = Start::seeded(3);
    start.options.at_once.crm = 1;
    let queue = disk.boot(&times, &server, start).await;
    want_all(&queue, &ids[..4], Wish::Background).await;
    want_all(&queue, &ids[4..8], Wish::Pin).await;
    want_all(&queue, &ids[8..], Wish::Person).await;
    pass_ms(MINUTE_MS).await;
    queue.stop().await;
    let order: Vec<_> = server.requests().iter().map(|request| request.id.clone()).collect();
    let wanted: Vec<_> = [&ids[8..], &ids[4..8], &ids[..4]].concat();
    assert_eq!(order, wanted);
}

#[tokio::test(start_paused = true)]
async fn the_server_never_prepares_more_than_three_for_us_and_somebody_who_waits_finds_a_place() {
    let times = Times::new();
    let prepares_ms = 40_000;
    let first_ms: Arc<std::sync::Mutex<std::collections::HashMap<_, i64>>> = Arc::default();
    let plan = {
        let first_ms = Arc::clone(&first_ms);
        move |id: &aftercall_domain::ids::RecordingId, _: usize, now_ms: i64| {
            let first_ms = *first_ms.lock().expect("no panic").entry(id.clone()).or_insert(now_ms);
            if now_ms - first_ms < prepares_ms { Says::Status(202, Some("2")) } else { Says::Here }
        }
    };
    let server = Server::new(&times, 200, Box::new(plan));
    let disk = Disk::new();
    let ids = disk.know(30).await;
    let queue = disk.boot(&times, &server, Start::seeded(3)).await;
    want_all(&queue, &ids[..29], Wish::Background).await;
    pass_ms(20_000).await;
    let asked_ms = times.true_ms();
    want_all(&queue, &ids[29..], Wish::Person).await;
    pass_ms(30 * MINUTE_MS).await;
    queue.stop().await;
    let first_ms = first_ms.lock().expect("no panic").clone();
    // Between its first question and the first one that it is ready for.
    let mut spans = Vec::new();
    for id in &ids {
        let requests = server.requests();
        let ready = requests.iter().find(|request| request.id == *id && request.status == Some(200)).expect("it came");
        spans.push((first_ms[id], ready.true_ms));
    }
    let most = spans.iter().map(|(from, _)| spans.iter().filter(|(a, b)| a <= from && from < b).count()).max();
    println!("at most {} recordings being prepared at a time, of 30 wanted", most.unwrap_or(0));
    assert_eq!(most, Some(3));
    assert!(first_ms[&ids[29]] - asked_ms < 1_000, "somebody who waits is asked for at once");
}
