//! The window's syncs over virtual hours: both sides live by one clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use aftercall_domain::clock::{Clock as _, ManualClock, SystemClock};
use aftercall_engine::store::table::account::{self, Account};
use aftercall_engine::sync::{SyncLoop, SyncOptions, SyncPhase, SyncStatus};
use aftercall_sandbox::Options;
use tokio::sync::watch;

use crate::profile::{Profile, options};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

struct Window {
    profile: Profile,
    clock: Arc<ManualClock>,
    running: SyncLoop,
    status: watch::Receiver<SyncStatus>,
}

impl Window {
    async fn open(script: &str) -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
        Self::open_at(Profile::on_clock(options(script), &clock).await, clock).await
    }

    async fn open_at(profile: Profile, clock: Arc<ManualClock>) -> Self {
        profile.sign_in(true).await.expect("signed in");
        let look = SyncOptions { look_every: Duration::from_millis(2) };
        let running = SyncLoop::start_with(profile.crm.clone(), profile.store.clone(), profile.clock.clone(), look);
        let status = running.status();
        Self { profile, clock, running, status }
    }

    async fn fresh(&mut self) -> SyncStatus {
        let fresh = self.status.wait_for(|status| status.phase == SyncPhase::Fresh);
        *tokio::time::timeout(Duration::from_secs(20), fresh).await.expect("in time").expect("running")
    }

    /// Lets virtual time pass; a sync that is due has the time it needs.
    async fn live(&self, ms: i64) {
        for _ in 0..ms / 5_000 {
            self.clock.advance_ms(5_000);
            tokio::time::sleep(Duration::from_millis(3)).await;
            // On a busy computer the loop looks later and a sync takes longer: virtual time waits for both, or an hour
            // would hold fewer of them.
            for _ in 0..300 {
                if !self.is_due_or_running() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        self.rest().await;
    }

    fn is_due_or_running(&self) -> bool {
        let status = *self.status.borrow();
        matches!(status.phase, SyncPhase::Syncing | SyncPhase::FirstSync)
            || status.next_try_at_ms.is_some_and(|at_ms| at_ms <= self.clock.now_ms())
    }

    /// Real time passes, virtual time does not.
    async fn rest(&self) {
        for _ in 0..400 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if !matches!(self.status.borrow().phase, SyncPhase::Syncing | SyncPhase::FirstSync) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                return;
            }
        }
        panic!("a sync that does not end");
    }

    fn asked(&self, path: &str) -> usize {
        self.profile.asked("GET", path)
    }
}

#[tokio::test]
async fn an_open_window_polls_the_head_each_minute_and_sweeps_each_twenty() {
    let mut window = Window::open("[]").await;
    window.fresh().await;
    let (calls, sweeps) = (window.asked("/api/calls"), window.asked("/api/inbound/recent-calls"));
    assert_eq!(sweeps, 1);
    window.live(HOUR_MS).await;
    let (polls, sweeps) = (window.asked("/api/calls") - calls, window.asked("/api/inbound/recent-calls") - sweeps);
    assert!((45..=61).contains(&polls), "{polls} polls in an hour");
    assert!((2..=3).contains(&sweeps), "{sweeps} sweeps in an hour");
    window.running.stop().await;
}

#[tokio::test]
async fn an_hour_of_gateway_errors_costs_a_few_requests_and_ends_by_itself() {
    for status in [502, 503, 504] {
        let script = format!(r#"[{{"match": {{"path": "/api/*"}}, "nth": "2-9999", "do": [{{"status": {status}}}]}}]"#);
        let window = Window::open(&script).await;
        window.live(HOUR_MS).await;
        let asked = window.profile.sandbox.requests().len() - 1;
        assert!((10..=22).contains(&asked), "{status}: {asked} requests in an hour");
        let shown = *window.status.borrow();
        assert_eq!(shown.phase, SyncPhase::ServerUnavailable);
        assert!(shown.next_try_at_ms.is_some_and(|at_ms| at_ms - window.clock.now_ms() <= 6 * MINUTE_MS), "{shown:?}");
        window.running.stop().await;
    }
    let script = r#"[{"match": {"path": "/api/*"}, "nth": "2-12", "do": [{"status": 502}]}]"#;
    let mut window = Window::open(script).await;
    window.live(HOUR_MS).await;
    window.fresh().await;
    assert!(window.asked("/api/calls") > 10, "polls go on as before");
    window.running.stop().await;
}

#[tokio::test]
async fn a_computer_that_slept_asks_within_seconds_of_waking_and_not_twice() {
    let mut window = Window::open("[]").await;
    window.fresh().await;
    window.rest().await;
    let before = window.asked("/api/inbound/recent-calls");
    // Eight hours asleep: the monotonic clock stood still.
    window.clock.set_wall_ms(window.clock.now_ms() + 7 * HOUR_MS);
    window.live(15_000).await;
    assert_eq!(window.asked("/api/inbound/recent-calls") - before, 1, "what may have changed in the night is read");
    window.live(20_000).await;
    assert_eq!(window.asked("/api/inbound/recent-calls") - before, 1);
    window.running.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_an_hour_stops_nothing() {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    // The server's own clock is right all the time.
    let profile = Profile::on_clock(options("[]"), &clock).await;
    let mut window = Window::open_at(profile, clock).await;
    window.fresh().await;
    window.clock.set_wall_ms(window.clock.now_ms() - HOUR_MS);
    let before = window.asked("/api/calls");
    window.live(10 * MINUTE_MS).await;
    assert!((7..=12).contains(&(window.asked("/api/calls") - before)), "a poll a minute");
    window.running.stop().await;
}

#[tokio::test]
async fn coming_to_the_front_reads_the_head_once_and_only_where_the_last_try_is_not_just_over() {
    let mut window = Window::open("[]").await;
    window.fresh().await;
    window.rest().await;
    let before = window.asked("/api/calls");
    for _ in 0..5 {
        window.running.nudge();
    }
    window.rest().await;
    assert_eq!(window.asked("/api/calls") - before, 0, "it is fresh");
    window.clock.advance_ms(30_000);
    for _ in 0..5 {
        window.running.nudge();
    }
    window.rest().await;
    assert_eq!(window.asked("/api/calls") - before, 1);
    window.running.stop().await;
}

#[tokio::test]
async fn a_server_that_asks_for_patience_is_not_asked_sooner_by_a_nudge_or_by_the_clock() {
    let steps = r#"[{"status": 429}, {"header": ["Retry-After", "240"]}]"#;
    let script = format!(r#"[{{"match": {{"path": "/api/leads"}}, "nth": "1", "do": {steps}}}]"#);
    let mut window = Window::open(&script).await;
    window.rest().await;
    assert_eq!(window.status.borrow().phase, SyncPhase::RateLimited);
    let before = window.profile.sandbox.requests().len();
    window.clock.advance_ms(30_000);
    window.running.nudge();
    window.running.sync_now();
    window.live(200_000).await;
    assert_eq!(window.profile.sandbox.requests().len(), before);
    window.live(60_000).await;
    window.fresh().await;
    window.running.stop().await;
}

#[tokio::test]
async fn a_clock_an_hour_off_is_said_while_everything_goes_on() {
    for off_ms in [HOUR_MS, -HOUR_MS, 0] {
        let server_ms = SystemClock::new().now_ms();
        let server = Arc::new(ManualClock::at(server_ms));
        let mine = Arc::new(ManualClock::at(server_ms + off_ms));
        let profile = Profile::with_clocks(options("[]"), &server, &mine).await;
        let mut window = Window::open_at(profile, mine).await;
        let wanted = if off_ms == 0 { SyncPhase::Fresh } else { SyncPhase::ClockWrong };
        let seen = window.status.wait_for(|status| status.phase == wanted);
        let seen = *tokio::time::timeout(Duration::from_secs(20), seen).await.expect("said").expect("running");
        assert!(seen.last_success_at_ms.is_some() && seen.progress.calls_seen >= 60, "{seen:?}");
        let ahead_ms = window.profile.crm.clock_ahead_ms().expect("a date");
        assert!((ahead_ms + off_ms).abs() <= 1_000, "{ahead_ms}");
        window.running.stop().await;
    }
}

#[tokio::test]
async fn the_first_sync_tells_how_many_of_how_many() {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let delay = r#"[{"match": {"path": "/api/calls"}, "nth": "*", "do": [{"delay_ms": 30}]}]"#;
    let profile = Profile::on_clock(Options { calls: 400, ..options(delay) }, &clock).await;
    let mut window = Window::open_at(profile, clock).await;
    let on_the_way = |status: &SyncStatus| {
        let progress = status.progress;
        status.phase == SyncPhase::FirstSync && progress.calls_seen >= 100 && progress.calls_seen < progress.calls_total
    };
    let seen = *window.status.wait_for(on_the_way).await.expect("running");
    assert!(seen.progress.calls_total >= 400, "{seen:?}");
    assert_eq!((seen.progress.leads_seen, seen.progress.leads_total), (20, 20));
    let done = window.fresh().await.progress;
    assert_eq!(done.calls_seen, done.calls_total);
    assert!(done.appointments_total > 0 && done.appointments_seen == done.appointments_total, "{done:?}");
    window.running.stop().await;
}

#[tokio::test]
async fn a_window_that_is_closed_every_evening_reads_everything_each_day() {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let mut profile = Profile::on_clock(Options { calls: 260, ..options("[]") }, &clock).await;
    let mut pages = Vec::new();
    for _day in 0..3 {
        let mut window = Window::open_at(profile, clock.clone()).await;
        window.fresh().await;
        let before = window.profile.sandbox.requests().len();
        window.live(2 * MINUTE_MS).await;
        let seen = window.profile.sandbox.requests();
        let tail =
            |one: &aftercall_sandbox::SeenRequest| one.path.starts_with("/api/calls?") && one.path.ends_with("180");
        pages.push(seen.iter().filter(|one| tail(one)).count());
        assert!(seen.len() > before);
        window.running.stop().await;
        profile = window.profile;
        clock.advance_ms(24 * HOUR_MS);
    }
    assert_eq!(pages, [1, 2, 3], "the last page is read once a day, and not by the polls");
}

#[tokio::test]
async fn a_role_that_changed_and_a_list_that_was_lost_are_noticed() {
    let refused = r#"{\"error\": \"forbidden\", \"reason\": \"page_not_enabled\", \"message\": \"off\"}"#;
    let script = format!(
        r#"[{{"match": {{"path": "/api/leads"}}, "nth": "2-3", "do": [{{"status": 403}}, {{"body": "{refused}"}}]}},
            {{"match": {{"path": "/api/me/context"}}, "nth": "2-9", "do": [{{"body":
                "{{\"user\": {{\"role\": \"agent\"}}, \"enabled_pages\": [\"calls_inbound\"]}}"}}]}}]"#
    )
    .replace('\n', " ");
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let profile = Profile::on_clock(options(&script), &clock).await;
    let me = Account {
        url: profile.crm.origin().to_string(),
        email: "owner@sandbox.example".to_owned(),
        name: "x".to_owned(),
        role: "owner".to_owned(),
        business: "y".to_owned(),
        cookie: None,
        password: None,
    };
    profile.store.write(move |tx, _| account::put(tx, &me)).await.expect("written");
    let mut window = Window::open_at(profile, clock).await;
    assert!(!window.fresh().await.refused.leads);
    window.running.sync_now();
    let lost = *window.status.wait_for(|status| status.refused.leads).await.expect("running");
    assert!(!lost.refused.calls && !lost.refused.appointments, "{lost:?}");
    assert_eq!(window.fresh().await.refused.lists().count(), 1, "the others were read");
    let known = window.profile.store.read(account::get).await.expect("read").expect("an account");
    assert_eq!((known.role.as_str(), known.business.as_str()), ("agent", "y"), "the company's name is the sign-in's");
    window.live(45 * MINUTE_MS).await;
    assert!(!window.fresh().await.refused.leads, "and found again");
    window.running.stop().await;
}

#[tokio::test]
async fn a_list_that_is_refused_stays_so_while_a_sync_fails_before_it() {
    let mut window = Window::open(
        r#"[{"match": {"path": "/api/calendar/calendars"}, "nth": "*", "do": [{"status": 403}]},
            {"match": {"path": "/api/leads"}, "nth": "2-9", "do": [{"status": 503}]}]"#,
    )
    .await;
    assert!(window.fresh().await.refused.calendars);
    window.running.sync_now();
    let failed = window.status.wait_for(|status| status.phase == SyncPhase::ServerUnavailable);
    assert!(failed.await.expect("running").refused.calendars, "nobody asked for it");
    window.running.stop().await;
}
