//! Days of outage, and what happens when they end.

use aftercall_domain::backoff::DAY_MS;
use aftercall_domain::breaker::{LONGEST_PAUSE_MS, SOUND_PROBE_EVERY_MS};
use aftercall_domain::download::{SPREAD_MS, Wish};
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::RecordingState;

use super::seeds;
use super::world::{Disk, Request, Says, Server, Start, Times, pass_ms, want_all};

const MINUTE_MS: i64 = 60_000;

fn most_of_one(requests: &[Request], ids: &[RecordingId]) -> usize {
    ids.iter().map(|id| requests.iter().filter(|request| request.id == *id).count()).max().unwrap_or(0)
}

async fn day_of_502(recordings: usize, gate: bool) -> (Vec<Request>, Vec<RecordingId>) {
    let times = Times::new();
    let server = Server::new(&times, 300, Box::new(|_, _, _| Says::Status(502, None)));
    let disk = Disk::new();
    let ids = disk.know(recordings).await;
    let queue = disk.boot(&times, &server, Start { gate, ..Start::seeded(11) }).await;
    want_all(&queue, &ids, Wish::Background).await;
    pass_ms(DAY_MS).await;
    queue.stop().await;
    let rows = disk.rows(&ids).await;
    assert!(rows.iter().all(|row| row.next_try_at_ms.is_some()), "all of them go on by themselves");
    (server.requests(), ids)
}

#[tokio::test(start_paused = true)]
async fn a_day_of_502_costs_a_few_requests_however_many_recordings_wait() {
    let (requests, ids) = day_of_502(1_000, true).await;
    let (all, one) = (requests.len(), most_of_one(&requests, &ids));
    println!("(b) 24 h of 502, 1,000 recordings, with the breaker: {all} requests in all, {one} of one recording");
    assert!(all <= 400 && one <= 18, "{all} {one}");
}

#[tokio::test(start_paused = true)]
async fn a_day_of_502_costs_one_recording_no_more_than_each_of_a_thousand() {
    for recordings in [1, 2, 3, 7] {
        let (requests, ids) = day_of_502(recordings, true).await;
        let (all, one) = (requests.len(), most_of_one(&requests, &ids));
        println!("(b) 24 h of 502, {recordings} recordings alone: {all} requests in all, {one} of one recording");
        assert!(one <= 18, "{one}");
        let last_ms = requests.last().map_or(0, |request| request.true_ms);
        assert!(last_ms > DAY_MS - DAY_MS / 4, "it is looked for all day: {last_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lone_recording_that_found_out_often_enough_goes_on_as_soon_as_a_list_is_answered() {
    let (times, back_ms) = (Times::new(), 10 * 60 * MINUTE_MS);
    let plan = move |_: &RecordingId, _, now_ms| if now_ms < back_ms { Says::Status(502, None) } else { Says::Here };
    let server = Server::new(&times, 300, Box::new(plan));
    let disk = Disk::new();
    let ids = disk.know(1).await;
    let queue = disk.boot(&times, &server, Start::seeded(3)).await;
    want_all(&queue, &ids, Wish::Background).await;
    pass_ms(back_ms + 1_000).await;
    assert_eq!(disk.count(RecordingState::OnDevice).await, 0);
    server.answer_a_list().await;
    pass_ms(SPREAD_MS + 10_000).await;
    queue.stop().await;
    assert_eq!(disk.count(RecordingState::OnDevice).await, 1);
    assert!(server.requests().len() <= 18);
}

#[tokio::test(start_paused = true)]
async fn even_without_the_breaker_a_day_of_502_costs_eighteen_requests_for_each_recording() {
    let (requests, ids) = day_of_502(60, false).await;
    let one = most_of_one(&requests, &ids);
    println!("(b) 24 h of 502, 60 recordings, without the breaker: {one} requests of one recording at most");
    assert!((15..=18).contains(&one), "{one}");
}

struct Healed {
    first_ms: i64,
    last_ms: i64,
}

/// An outage of so long, then everything is there at once.
async fn outage(seed: u64, recordings: usize, down_ms: i64, latency_ms: i64, refused: bool) -> Healed {
    let times = Times::new();
    let plan = move |_: &RecordingId, _, now_ms| match now_ms < down_ms {
        true if refused => Says::Offline,
        true => Says::Status(502, None),
        false => Says::Here,
    };
    let server = Server::new(&times, latency_ms, Box::new(plan));
    let disk = Disk::new();
    let ids = disk.know(recordings).await;
    let queue = disk.boot(&times, &server, Start::seeded(seed)).await;
    want_all(&queue, &ids, Wish::Background).await;
    pass_ms(down_ms).await;
    let wall_ms = super::world::NOON_MS + down_ms;
    while disk.count(RecordingState::OnDevice).await < recordings {
        assert!(times.true_ms() < down_ms + DAY_MS, "none is left behind");
        pass_ms(1_000).await;
    }
    queue.stop().await;
    let rows = disk.rows(&ids).await;
    let mut at_ms: Vec<i64> = rows.iter().filter_map(|row| row.ready_at_ms).map(|at_ms| at_ms - wall_ms).collect();
    at_ms.sort_unstable();
    assert_eq!(at_ms.len(), recordings);
    Healed { first_ms: at_ms[0], last_ms: at_ms[recordings - 1] }
}

#[tokio::test(start_paused = true)]
async fn when_the_server_is_back_the_first_arrives_within_five_minutes_and_a_half_and_all_of_a_thousand_follow() {
    let latency_ms = 900;
    let healed = outage(5, 1_000, 61 * MINUTE_MS, latency_ms, false).await;
    let three_at_a_time_ms = 1_000 * latency_ms / 3;
    println!(
        "(g) back after 61 min: the first of 1,000 after {:.1} s, the last after {:.1} s ({:.1} s is what 3 at a time need)",
        healed.first_ms as f64 / 1_000.0,
        healed.last_ms as f64 / 1_000.0,
        three_at_a_time_ms as f64 / 1_000.0
    );
    assert!(healed.first_ms <= 330_000, "{}", healed.first_ms);
    let bound_ms = 330_000 + SPREAD_MS + three_at_a_time_ms + three_at_a_time_ms / 20;
    assert!(healed.last_ms <= bound_ms, "{} of {bound_ms}", healed.last_ms);
}

#[tokio::test(start_paused = true)]
async fn the_first_arrives_in_time_whatever_the_moment_of_the_outages_end() {
    let runs = seeds(40).min(1_000);
    let mut worst_ms = 0;
    // The last ones came late while a probe waited like everything else.
    for seed in (0..runs).chain([214, 362, 712, 933]) {
        // From before the breaker opened to hours later, at every phase of its pauses.
        let down_ms = 1_000 + i64::try_from(seed).expect("few") * 7_919_000 % (150 * MINUTE_MS);
        // Half of them by a server that refuses connections.
        let healed = outage(seed, 5, down_ms, 400, seed % 2 == 1).await;
        worst_ms = worst_ms.max(healed.first_ms);
        assert!(healed.first_ms <= 330_000, "seed {seed}: {}", healed.first_ms);
        // Those that were asked before it opened have a window to wait for.
        assert!(healed.last_ms <= 11 * MINUTE_MS, "seed {seed}: {}", healed.last_ms);
    }
    println!("(g) {runs} outages: the first arrives after {:.1} s at most", worst_ms as f64 / 1_000.0);
    assert_eq!(LONGEST_PAUSE_MS, SOUND_PROBE_EVERY_MS);
}

/// Peak and mean of requests in buckets of a second, between the first and the last.
fn peak_over_mean(at_ms: &[i64]) -> (usize, f64) {
    let (first, last) = (at_ms.iter().min().expect("some"), at_ms.iter().max().expect("some"));
    let mut buckets = vec![0_usize; usize::try_from((last - first) / 1_000 + 1).expect("forward")];
    for at_ms in at_ms {
        buckets[usize::try_from((at_ms - first) / 1_000).expect("forward")] += 1;
    }
    let peak = buckets.iter().max().copied().unwrap_or(0);
    (peak, at_ms.len() as f64 / buckets.len() as f64)
}

const CLIENTS: u64 = 1_000;
/// Clients that live in one run of virtual time; they know nothing of each other.
const TOGETHER: u64 = 100;

/// When each client's first request that is answered well reached the server: all of them lost it in one moment.
async fn come_back(plan: impl Fn(i64) -> Says + Clone + Send + Sync + 'static, asleep: bool, for_ms: i64) -> Vec<i64> {
    let disks: Vec<Disk> = (0..TOGETHER).map(|_| Disk::new()).collect();
    let mut at_ms = Vec::new();
    for round in 0..CLIENTS / TOGETHER {
        let mut clients = Vec::new();
        let times = Times::new();
        for (n, disk) in disks.iter().enumerate() {
            let ids = disk.know(3).await;
            let plan = plan.clone();
            let server = Server::new(&times, 200, Box::new(move |_, _, now_ms| plan(now_ms)));
            let queue =
                disk.boot(&times, &server, Start::seeded(round * TOGETHER + n as u64).that_looks_every_s(30)).await;
            want_all(&queue, &ids, Wish::Background).await;
            clients.push((queue, server));
        }
        if asleep {
            pass_ms(MINUTE_MS).await;
            times.sleep_ms(8 * 60 * MINUTE_MS);
        }
        pass_ms(for_ms).await;
        for (queue, server) in clients {
            queue.stop().await;
            let well = server.requests().into_iter().find(|request| request.status == Some(410));
            at_ms.push(well.expect("every client came back").true_ms);
        }
        for disk in &disks {
            disk.forget().await;
        }
    }
    at_ms
}

#[tokio::test(start_paused = true)]
async fn a_thousand_clients_that_wake_in_one_moment_do_not_come_in_one() {
    let woke_ms = MINUTE_MS + 8 * 60 * MINUTE_MS;
    let plan = move |now_ms| match now_ms {
        ms if ms < woke_ms => Says::Status(503, Some("3600")),
        _ => Says::Status(410, None),
    };
    let at_ms = come_back(plan, true, 2 * MINUTE_MS).await;
    let (peak, mean) = peak_over_mean(&at_ms);
    println!(
        "(f) {CLIENTS} clients wake in one moment: peak {peak} in a second, mean {mean:.1}, {:.2}",
        peak as f64 / mean
    );
    assert!(peak as f64 / mean <= 3.0, "{peak} {mean}");
}

/// Clients come back to a server that was away for so long.
async fn probe_after(back_ms: i64) {
    let plan = move |now_ms| if now_ms < back_ms { Says::Status(502, None) } else { Says::Status(410, None) };
    let at_ms = come_back(plan, false, back_ms + 6 * MINUTE_MS).await;
    let (peak, mean) = peak_over_mean(&at_ms);
    // Their probes lie within five minutes, where a thousand are so few in each second that chance alone makes a peak
    // of three times the mean: what is held against it is the time in which they come when they wake.
    let spread = CLIENTS as f64 / (SPREAD_MS as f64 / 1_000.0);
    println!(
        "(f) {CLIENTS} clients probe after {} s: peak {peak} in a second, mean {mean:.1}; {:.2} of {spread:.1}",
        back_ms / 1_000,
        peak as f64 / spread
    );
    assert!(peak as f64 / spread <= 3.0, "{peak} {spread}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_clients_do_not_probe_a_server_that_is_back_in_one_moment() {
    probe_after(40 * MINUTE_MS).await;
}

#[tokio::test(start_paused = true)]
async fn nor_one_that_was_away_for_twenty_seconds() {
    probe_after(20_000).await;
}
