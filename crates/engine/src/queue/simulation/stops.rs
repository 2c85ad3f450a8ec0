//! What stops all downloads at once, or moves their clocks, and what is left of them meanwhile.

use std::sync::atomic::Ordering;

use aftercall_domain::backoff::{ATTEMPTS_PER_WINDOW, DAY_MS, WINDOW_MS};
use aftercall_domain::download::{Phase, Wish};
use aftercall_domain::error::Code;
use aftercall_domain::recording::{Reason, RecordingState};

use super::world::{Disk, NOON_MS, Says, Server, Start, Times, pass_ms, want_all};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

#[tokio::test(start_paused = true)]
async fn a_locked_vault_means_wait_and_never_an_attempt() {
    for locked_after_ms in [None, Some(1_000)] {
        let times = Times::new();
        // The lock falls before anything is asked, or while the answer is on its way.
        let server = Server::new(&times, 5_000, Box::new(|_, _, _| Says::Here));
        let disk = Disk::new();
        let ids = disk.know(3).await;
        let queue = disk.boot(&times, &server, Start::seeded(1)).await;
        if locked_after_ms.is_none() {
            disk.vault.lock();
        }
        want_all(&queue, &ids, Wish::Person).await;
        if let Some(ms) = locked_after_ms {
            pass_ms(ms).await;
            disk.vault.lock();
        }
        pass_ms(30 * MINUTE_MS).await;
        queue.stop().await;
        for id in &ids {
            let job = disk.job(id).await.expect("a job");
            assert_eq!((job.phase, job.attempts.len(), job.reason), (Phase::Queued, 0, None), "{locked_after_ms:?}");
        }
        let asked = if locked_after_ms.is_some() { 3 } else { 0 };
        assert_eq!(server.requests().len(), asked, "nothing is asked of a server for a vault that is shut");
    }
}

/// What is done to the clocks: by how much the wall clock is set, and how long the computer sleeps meanwhile.
const JUMPS: [(&str, i64, i64); 10] = [
    ("an hour ahead", HOUR_MS, 0),
    ("an hour back", -HOUR_MS, 0),
    ("a day ahead", DAY_MS, 0),
    ("a day back", -DAY_MS, 0),
    ("to 1970", 20_000_000 - NOON_MS, 0),
    ("less than what counts as set", -50_000, 0),
    ("a night asleep", 0, 8 * HOUR_MS),
    ("summer time begins in a night asleep, on a clock that keeps local time", HOUR_MS, 8 * HOUR_MS),
    ("summer time ends in one", -HOUR_MS, 8 * HOUR_MS),
    ("a night asleep and a battery that ran out", 20_000_000 - NOON_MS, 8 * HOUR_MS),
];

#[tokio::test(start_paused = true)]
async fn whatever_is_done_to_the_clocks_a_window_holds_three_attempts_and_nobody_waits_longer_than_it_lasts() {
    for (name, set_ms, sleep_ms) in JUMPS {
        for says in [Says::Status(502, None), Says::Hangs(i64::from(i32::MAX))] {
            let times = Times::new();
            let plan = says.clone();
            let server = Server::new(&times, 200, Box::new(move |_, _, _| plan.clone()));
            let disk = Disk::new();
            let ids = disk.know(1).await;
            let queue = disk.boot(&times, &server, Start { gate: false, ..Start::seeded(1) }).await;
            want_all(&queue, &ids, Wish::Person).await;
            pass_ms(3 * MINUTE_MS).await;
            times.set_by_ms(set_ms);
            times.sleep_ms(sleep_ms);
            let jumped_ms = times.true_ms();
            pass_ms(35 * MINUTE_MS).await;
            queue.stop().await;
            let at_ms: Vec<i64> = server.requests().iter().map(|request| request.true_ms).collect();
            let case = format!("{name}, {says:?}: {at_ms:?}");
            // A run that hangs is stopped by a sleep, or by a clock that cannot be told from one, and is no attempt then.
            let is_stopped = matches!(says, Says::Hangs(_)) && (set_ms > 0 || sleep_ms > 0);
            let most = ATTEMPTS_PER_WINDOW + usize::from(is_stopped);
            for (n, first_ms) in at_ms.iter().enumerate() {
                let within = at_ms[n..].iter().filter(|at_ms| *at_ms - first_ms < WINDOW_MS).count();
                assert!(within <= most, "{case}");
            }
            let after: Vec<i64> = at_ms.iter().copied().filter(|at_ms| *at_ms >= jumped_ms).collect();
            let waits = std::iter::once(jumped_ms).chain(after.iter().copied()).zip(after.iter().copied());
            let longest_ms = waits.map(|(from, to)| to - from).max().expect("it goes on by itself");
            assert!(longest_ms <= WINDOW_MS + MINUTE_MS, "{case}");
        }
    }
    println!("cases F15 {}", JUMPS.len());
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_all_downloads_with_one_word_and_costs_none_of_them_an_attempt() {
    let times = Times::new();
    let server = Server::new(&times, 200, Box::new(|_, _, _| Says::Here));
    let disk = Disk::new();
    let ids = disk.know(50).await;
    let queue = disk.boot(&times, &server, Start::seeded(1)).await;
    disk.vault.full.store(true, Ordering::SeqCst);
    want_all(&queue, &ids, Wish::Background).await;
    pass_ms(MINUTE_MS).await;
    let full = Some(Reason::Code(Code::DiskFull));
    let stands = |rows: Vec<crate::store::table::recordings::RecordingRow>| {
        rows.iter().filter(|row| row.state == RecordingState::FailedNeedsYou && row.reason == full).count()
    };
    assert_eq!(stands(disk.rows(&ids).await), ids.len());
    assert_eq!(server.requests().len(), 0, "nothing is asked of a server for a disk that is full");
    assert_eq!(queue.resume_where_room().await.expect("looked"), 0);
    pass_ms(30 * MINUTE_MS).await;
    assert_eq!(stands(disk.rows(&ids).await), ids.len(), "it does not come and go");
    for id in &ids {
        assert!(disk.job(id).await.expect("a job").attempts.is_empty());
    }

    disk.vault.full.store(false, Ordering::SeqCst);
    assert_eq!(queue.resume_where_room().await.expect("looked"), ids.len());
    pass_ms(MINUTE_MS).await;
    queue.stop().await;
    assert_eq!(disk.count(RecordingState::OnDevice).await, ids.len(), "all go on");
}
