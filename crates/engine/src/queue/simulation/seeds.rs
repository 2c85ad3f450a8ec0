//! Crashes, sleeps, clocks that are set and wishes at random: never a fourth attempt in ten minutes.

use std::collections::HashMap;

use aftercall_domain::backoff::{ATTEMPTS_PER_WINDOW, WINDOW_MS};
use aftercall_domain::download::Wish;
use aftercall_domain::ids::RecordingId;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::seeds;
use super::world::{Disk, Request, Says, Server, Start, Times, pass_ms, want_all};
use crate::queue::Queue;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What was done to one library.
#[derive(Default)]
struct Tally {
    requests: usize,
    attempts: usize,
    crashes: usize,
    sleeps: usize,
    clocks: usize,
    fullest: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.attempts += other.attempts;
        self.crashes += other.crashes;
        self.sleeps += other.sleeps;
        self.clocks += other.clocks;
        self.fullest = self.fullest.max(other.fullest);
    }
}

fn says(dice: &mut StdRng) -> Says {
    match dice.random_range(0..10) {
        0 | 1 => Says::Status(202, Some("2")),
        2 => Says::Hangs(dice.random_range(1_000..15 * MINUTE_MS)),
        3 => Says::Offline,
        4 => Says::Status(429, Some("0")),
        5 => Says::Status(401, None),
        6 => Says::Status(500, None),
        7 => Says::Status(404, None),
        _ => Says::Status(502, None),
    }
}

/// One life of a library: some hours of everything that can go wrong.
async fn life(seed: u64, disk: &Disk) -> Tally {
    let mut dice = StdRng::seed_from_u64(seed);
    let times = Times::new();
    let server = {
        let answers = std::sync::Mutex::new(StdRng::seed_from_u64(!seed));
        Server::new(&times, 150, Box::new(move |_, _, _| says(&mut answers.lock().expect("no panic"))))
    };
    let ids = disk.know(2).await;
    // Every second life is without the breaker, which would hide what the jobs' own rules hold.
    let gate = seed.is_multiple_of(2);
    let start = |seed| Start { gate, ..Start::seeded(seed) };
    let mut queue = disk.boot(&times, &server, start(seed)).await;
    let mut tally = Tally::default();
    // Requests that we stopped in good order: a quit and a sleep are no attempts.
    let mut forgiven: Vec<usize> = Vec::new();
    for _ in 0..dice.random_range(6..18) {
        match dice.random_range(0..12) {
            0..=4 => {
                let wish = if dice.random_bool(0.7) { Wish::Person } else { Wish::Background };
                want_all(&queue, &ids, wish).await;
            }
            5 => {
                let id = &ids[dice.random_range(0..ids.len())];
                queue.cancel(id).await.expect("cancelled");
            }
            6 | 7 => {
                tally.crashes += 1;
                queue.crash().await;
                pass_ms(dice.random_range(0..2 * MINUTE_MS)).await;
                queue = disk.boot(&times, &server, start(dice.random())).await;
            }
            8 => {
                forgive(&server, &mut forgiven);
                queue.stop().await;
                pass_ms(dice.random_range(0..MINUTE_MS)).await;
                queue = disk.boot(&times, &server, start(dice.random())).await;
            }
            9 => {
                tally.sleeps += 1;
                forgive(&server, &mut forgiven);
                times.sleep_ms(dice.random_range(MINUTE_MS..9 * HOUR_MS));
                look(&queue).await;
            }
            _ => {
                tally.clocks += 1;
                times.set_by_ms(match dice.random_range(0..4) {
                    0 => dice.random_range(-2 * DAY_MS..2 * DAY_MS),
                    1 => dice.random_range(-HOUR_MS..HOUR_MS),
                    2 => dice.random_range(-50_000..50_000),
                    _ => -50 * 365 * DAY_MS,
                });
                // Set ahead, it cannot be told from a sleep: what runs is stopped in good order.
                forgive(&server, &mut forgiven);
                look(&queue).await;
            }
        }
        pass_ms(dice.random_range(0..6 * MINUTE_MS)).await;
    }
    forgive(&server, &mut forgiven);
    queue.stop().await;
    disk.forget().await;
    let requests = server.requests();
    let mut made: HashMap<&RecordingId, Vec<i64>> = HashMap::new();
    for (n, Request { true_ms, id, is_probe, status }) in requests.iter().enumerate() {
        if *status != Some(202) && !is_probe && !forgiven.contains(&n) {
            made.entry(id).or_default().push(*true_ms);
        }
    }
    for at_ms in made.values() {
        tally.attempts += at_ms.len();
        for (n, first_ms) in at_ms.iter().enumerate() {
            let within = at_ms[n..].iter().filter(|at_ms| *at_ms - first_ms < WINDOW_MS).count();
            tally.fullest = tally.fullest.max(within);
            assert!(within <= ATTEMPTS_PER_WINDOW, "seed {seed}: {within} attempts in ten minutes: {at_ms:?}");
        }
    }
    tally.requests = requests.len();
    tally
}

/// The requests that wait for their answer now.
fn forgive(server: &Server, forgiven: &mut Vec<usize>) {
    let waiting = server.requests().into_iter().enumerate().filter(|(_, request)| request.is_waiting());
    forgiven.extend(waiting.map(|(n, _)| n));
}

/// A clock that was set ahead within a few seconds before a crash, or while the app was closed, cannot be told from time
/// that went by: the queue has had a look at the clocks.
async fn look(_: &Queue) {
    pass_ms(6_000).await;
}

/// Some of the seeds, in a virtual time of their own.
fn lives(seeds: impl Iterator<Item = u64>) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let disk = Disk::new();
        let mut all = Tally::default();
        for seed in seeds {
            all.add(&life(seed, &disk).await);
        }
        all
    })
}

#[test]
fn no_ten_minutes_hold_a_fourth_attempt_whatever_crashes_sleeps_or_is_set() {
    let (runs, began) = (seeds(150), std::time::Instant::now());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let each = (0..threads as u64).map(|first| scope.spawn(move || lives((first..runs).step_by(threads))));
        for lives in each.collect::<Vec<_>>() {
            all.add(&lives.join().expect("what did not hold is said above"));
        }
    });
    let Tally { requests, attempts, crashes, sleeps, clocks, fullest } = all;
    println!(
        "(c) {runs} seeds: {requests} requests, {attempts} of them attempts, {crashes} crashes, {sleeps} sleeps, \
         {clocks} clocks set: {fullest} attempts in any ten minutes at most ({:.0} s on {threads} threads)",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(fullest, ATTEMPTS_PER_WINDOW, "the lives are full enough to reach the bound");
}
