use std::sync::Arc;

use aftercall_domain::clock::{Clock as _, ManualClock, SystemClock};
use aftercall_domain::error::Code;
use aftercall_domain::ids::LeadId;
use aftercall_engine::store::table::account::{self, Account};
use aftercall_engine::store::table::calls;
use aftercall_engine::sync::{Depth, SyncError, keep_session};
use aftercall_engine::upstream::{Credentials, Crm, UpstreamError};
use secrecy::SecretString;

use crate::profile::{Profile, limits, options};

fn expiring(nth: &str) -> String {
    format!(r#"[{{"match": {{"path": "/api/calls"}}, "nth": "{nth}", "do": [{{"expire_session": true}}]}}]"#)
}

#[tokio::test]
async fn a_wrong_password_is_said_and_sent_once() {
    let profile = Profile::new(options("[]")).await;
    let wrong = Credentials { password: SecretString::from("wrong"), ..profile.owner() };
    let error = profile.crm.sign_in(wrong, true).await.expect_err("refused");
    assert!(matches!(error, UpstreamError::WrongPassword));
    assert_eq!(profile.sync(Depth::Usual).await.expect_err("nobody").code(), Code::LoginExpired);
    assert_eq!(profile.asked("POST", "/api/auth/login"), 1);
}

#[tokio::test]
async fn a_kept_password_that_is_refused_is_forgotten_here_too_and_not_sent_again_by_the_next_process() {
    let profile = Profile::new(options("[]")).await;
    let account = Account {
        url: profile.crm.origin().to_string(),
        email: profile.owner().email,
        name: "Dana".into(),
        role: "owner".into(),
        business: "Example".into(),
        cookie: Some(SecretString::from("ended")),
        password: Some(SecretString::from("changed since")),
    };
    profile.store.write(move |tx, _| account::put(tx, &account)).await.expect("written");
    for _ in 0..3 {
        let kept = profile.store.read(account::get).await.expect("read").expect("an account");
        let credentials = kept.password.map(|password| Credentials { email: kept.email, password });
        let origin = profile.sandbox.url().parse().expect("an origin");
        let crm = Crm::new(origin, limits(), profile.clock.clone()).expect("a client");
        let crm = crm.with_session(kept.cookie, credentials);
        assert!(matches!(crm.calls(1, 0).await, Err(UpstreamError::SessionEnded)));
        keep_session(&crm, &profile.store).await.expect("kept");
    }
    assert_eq!(profile.asked("POST", "/api/auth/login"), 1);
    let kept = profile.store.read(account::get).await.expect("read").expect("an account");
    assert!(kept.password.is_none(), "forgotten");

    // A sign-in that came meanwhile keeps its own.
    let url = kept.url.clone();
    let newer = Account { password: Some(SecretString::from("new")), ..kept };
    let written = profile.store.write(move |tx, _| {
        account::put(tx, &newer)?;
        account::forget_password(tx, &url, &SecretString::from("changed since"))
    });
    written.await.expect("written");
    assert!(profile.store.read(account::get).await.expect("read").is_some_and(|kept| kept.password.is_some()));
}

#[tokio::test]
async fn a_session_that_ends_is_renewed_by_one_refresh_and_one_sign_in() {
    let profile = Profile::new(options(&expiring("1"))).await;
    profile.sign_in(true).await.expect("signed in");
    profile.sync(Depth::Usual).await.expect("synced all the same");
    assert_eq!(profile.asked("POST", "/api/auth/refresh"), 1);
    assert_eq!(profile.asked("POST", "/api/auth/login"), 2);
}

#[tokio::test]
async fn a_session_that_ends_without_a_kept_password_asks_for_a_sign_in() {
    let profile = Profile::new(options(&expiring("1"))).await;
    profile.sign_in(false).await.expect("signed in");
    assert_eq!(profile.sync(Depth::Usual).await.expect_err("ended").code(), Code::LoginExpired);
    assert_eq!((profile.asked("POST", "/api/auth/refresh"), profile.asked("POST", "/api/auth/login")), (1, 1));
}

#[tokio::test]
async fn a_server_that_refuses_every_session_never_gets_the_password_in_a_loop() {
    let profile = Profile::new(options(&expiring("*"))).await;
    profile.sign_in(true).await.expect("signed in");
    for _ in 0..3 {
        assert_eq!(profile.sync(Depth::Head).await.expect_err("refused").code(), Code::LoginExpired);
    }
    assert_eq!(profile.asked("POST", "/api/auth/login"), 2, "the person's, and one of ours");
}

#[tokio::test]
async fn ten_questions_at_once_renew_an_ended_session_once() {
    let profile = Profile::new(options("[]")).await;
    let dead = Some(SecretString::from("not-a-session"));
    let origin = profile.sandbox.url().parse().expect("an origin");
    let crm = Crm::new(origin, limits(), profile.clock.clone()).expect("a client");
    let crm = Arc::new(crm.with_session(dead, Some(profile.owner())));
    let asked: Vec<_> = (0..10)
        .map(|_| {
            let crm = Arc::clone(&crm);
            tokio::spawn(async move { crm.calls(1, 0).await })
        })
        .collect();
    for one in asked {
        one.await.expect("no panic").expect("an answer");
    }
    assert_eq!(profile.asked("POST", "/api/auth/login"), 1);
}

#[tokio::test]
async fn a_session_goes_on_in_the_next_process_without_a_sign_in() {
    let profile = Profile::new(options("[]")).await;
    profile.sign_in(false).await.expect("signed in");
    let cookie = profile.crm.session_to_keep().expect("a new session is kept at once");
    assert!(profile.crm.session_to_keep().is_none(), "nothing new");
    let origin = profile.sandbox.url().parse().expect("an origin");
    let next = Crm::new(origin, limits(), profile.clock.clone()).expect("a client").with_session(Some(cookie), None);
    next.calls(1, 0).await.expect("an answer");
    assert_eq!(profile.asked("POST", "/api/auth/login"), 1);
}

#[tokio::test]
async fn a_page_in_place_of_the_sign_in_signs_nobody_in() {
    let script = r#"[{"match": {"path": "/api/auth/login"}, "nth": "*", "do": [{"html": true}]}]"#;
    let profile = Profile::new(options(script)).await;
    assert_eq!(profile.sign_in(true).await.expect_err("a portal").code(), Code::ServerUnavailable);
}

const HOUR_MS: i64 = 3_600_000;

/// A sandbox and a client that live by one clock.
async fn on_clock(script: &str) -> (Profile, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    (Profile::on_clock(options(script), &clock).await, clock)
}

#[tokio::test]
async fn after_76_idle_minutes_calls_still_work_and_nothing_is_refreshed() {
    let (profile, clock) = on_clock("[]").await;
    profile.sign_in(false).await.expect("signed in");
    clock.advance_ms(76 * 60_000);
    profile.sync(Depth::Head).await.expect("the cookie lives eight hours");
    assert_eq!(profile.asked("POST", "/api/auth/"), 1, "the sign-in itself");
}

#[tokio::test]
async fn after_a_night_the_kept_password_signs_in_again_and_without_one_the_person_is_asked() {
    for (stay, logins, done) in [(true, 2, true), (false, 1, false)] {
        let (profile, clock) = on_clock("[]").await;
        profile.sign_in(stay).await.expect("signed in");
        profile.sync(Depth::Head).await.expect("synced");
        clock.advance_ms(9 * HOUR_MS);
        let synced = profile.sync(Depth::Head).await;
        assert_eq!(synced.is_ok(), done, "{synced:?}");
        assert!(done || synced.is_err_and(|error| error.code() == Code::LoginExpired));
        assert_eq!(profile.asked("POST", "/api/auth/refresh"), 1, "tried, and refused: idle for more than 75 minutes");
        assert_eq!(profile.asked("POST", "/api/auth/login"), logins);
    }
}

#[tokio::test]
async fn each_answer_renews_the_session_so_that_a_window_left_open_all_day_stays_signed_in() {
    let (profile, clock) = on_clock("[]").await;
    profile.sign_in(false).await.expect("signed in");
    for _ in 0..10 {
        clock.advance_ms(3 * HOUR_MS);
        profile.sync(Depth::Head).await.expect("never eight hours without a question");
    }
    assert_eq!(profile.asked("POST", "/api/auth/"), 1);
    assert_eq!(profile.asked("GET", "/api/auth/me"), 0, "it does not touch the idle clock, and is no health check");
}

#[tokio::test]
async fn the_user_agent_is_one_stable_word() {
    let profile = Profile::synced(options("[]")).await;
    let seen = profile.sandbox.requests();
    assert!(seen.iter().all(|one| one.header("user-agent") == seen[0].header("user-agent")), "{seen:?}");
    assert!(seen[0].header("user-agent").is_some_and(|word| word.starts_with("Aftercall/")));
}

#[tokio::test]
async fn a_system_administrator_without_a_business_is_refused_in_words_and_not_signed_in() {
    let profile = Profile::new(options("[]")).await;
    let sysadmin = profile.somebody("sysadmin@sandbox.example", "Sandbox-Sysadmin-1");
    let error = profile.crm.sign_in(sysadmin, true).await.expect_err("refused");
    assert!(matches!(error, UpstreamError::NoBusiness), "{error:?}");
    assert!(error.to_string().contains("no business"), "{error}");
    assert_eq!(error.code(), Code::Forbidden);
    assert_eq!(profile.sync(Depth::Head).await.expect_err("nobody").code(), Code::LoginExpired);
}

#[tokio::test]
async fn a_401_in_the_middle_of_a_sync_is_answered_by_one_renewal_and_the_sync_goes_on() {
    let profile = Profile::new(aftercall_sandbox::Options { calls: 260, ..options(&expiring("2")) }).await;
    profile.sign_in(true).await.expect("signed in");
    let report = profile.sync(Depth::Full).await.expect("synced all the same");
    assert!(report.calls.seen >= 260 && report.appointments.seen > 0, "{report:?}");
    assert_eq!(profile.asked("POST", "/api/auth/login"), 2);
}

#[tokio::test]
async fn a_session_that_every_second_page_refuses_is_renewed_once_and_then_given_up() {
    let script = r#"[{"match": {"path": "/api/leads"}, "nth": "*", "do": [{"status": 401}]}]"#;
    let profile = Profile::new(options(script)).await;
    profile.sign_in(true).await.expect("signed in");
    for _ in 0..3 {
        assert_eq!(profile.sync(Depth::Usual).await.expect_err("refused").code(), Code::LoginExpired);
    }
    assert_eq!(profile.asked("POST", "/api/auth/refresh"), 1, "a refresh that did not help is not repeated");
    assert_eq!(profile.asked("POST", "/api/auth/login"), 2, "the person's, and one of ours");
}

#[tokio::test]
async fn a_sign_in_page_with_200_in_place_of_a_list_costs_one_refresh_and_changes_nothing() {
    let script = r#"[{"match": {"path": "/api/calls"}, "nth": "2-9", "do": [{"html": true}]}]"#;
    let profile = Profile::synced(options(script)).await;
    let here = || profile.store.read(calls::present_sids);
    let before = here().await.expect("read").len();
    let error = profile.sync(Depth::Full).await.expect_err("no data");
    assert!(matches!(error, SyncError::Upstream(UpstreamError::Captive { .. })), "{error:?}");
    assert_eq!(here().await.expect("read").len(), before);
    assert_eq!((profile.asked("POST", "/api/auth/refresh"), profile.asked("POST", "/api/auth/login")), (1, 1));
}

#[tokio::test]
async fn a_sign_in_page_that_a_refresh_ends_is_not_even_noticed() {
    let script = r#"[{"match": {"path": "/api/calls"}, "nth": "2", "do": [{"html": true}]}]"#;
    let profile = Profile::synced(options(script)).await;
    profile.sync(Depth::Full).await.expect("synced");
    assert_eq!(profile.asked("POST", "/api/auth/refresh"), 1);
}

#[tokio::test]
async fn a_portal_in_front_of_everything_is_named_and_never_gets_the_password() {
    for steps in [r#"{"html": true}"#, r#"{"redirect": "http://192.0.2.1/welcome"}"#] {
        let script = format!(r#"[{{"match": {{"path": "/api/*"}}, "nth": "2-99", "do": [{steps}]}}]"#);
        let profile = Profile::new(options(&script)).await;
        profile.sign_in(true).await.expect("signed in");
        for depth in [Depth::Head, Depth::Usual, Depth::Full] {
            let error = profile.sync(depth).await.expect_err("a portal");
            assert!(matches!(error, SyncError::Upstream(UpstreamError::Captive { .. })), "{error:?}");
        }
        assert_eq!(profile.asked("POST", "/api/auth/login"), 1, "{steps}");
        assert_eq!(profile.store.read(calls::present_sids).await.expect("read").len(), 0);
    }
}

#[tokio::test]
async fn a_check_against_forged_requests_is_answered_by_one_fresh_token_and_the_write_is_sent_once_more() {
    let script = r#"[{"match": {"method": "POST", "path": "/api/leads/*/notes"}, "nth": "1",
        "do": [{"status": 403}, {"html": true}]}]"#;
    let profile = Profile::synced(options(script)).await;
    let note = profile.crm.add_note(LeadId(1), "heard, and called back").await.expect("written");
    assert_eq!(note.content, "heard, and called back");
    let seen = profile.sandbox.requests();
    let writes: Vec<_> = seen.iter().filter(|one| one.method == "POST" && one.path.ends_with("/notes")).collect();
    let tokens: Vec<_> = writes.iter().map(|one| one.header("x-csrftoken").map(str::len)).collect();
    assert_eq!((tokens, profile.asked("GET", "/api/auth/csrf")), (vec![None, Some(64)], 1));
    assert!(writes[1].header("referer").is_some_and(|from| from.starts_with(profile.sandbox.url())));
    // The token goes with every later write; reading goes without.
    profile.crm.add_note(LeadId(1), "a second").await.expect("written");
    profile.sync(Depth::Head).await.expect("synced");
    let seen = profile.sandbox.requests();
    assert!(seen.iter().rfind(|one| one.method == "POST").is_some_and(|one| one.header("x-csrftoken").is_some()));
    assert!(seen.iter().all(|one| one.method != "GET" || one.header("x-csrftoken").is_none()));
    assert_eq!(profile.asked("POST", "/api/auth/login"), 1);
}

#[tokio::test]
async fn a_403_that_says_why_or_that_a_fresh_token_does_not_change_is_the_roles_and_ends_there() {
    let why = r#"{\"error\": \"forbidden\", \"reason\": \"insufficient_permissions\", \"message\": \"no\"}"#;
    for (steps, tokens, writes) in [
        (format!(r#"{{"status": 403}}, {{"body": "{why}"}}"#), 0, 1),
        (r#"{"status": 403}, {"html": true}"#.to_owned(), 1, 2),
    ] {
        let script = format!(r#"[{{"match": {{"method": "POST", "path": "/api/leads/*/notes"}}, "do": [{steps}]}}]"#);
        let profile = Profile::synced(options(&script)).await;
        let error = profile.crm.add_note(LeadId(1), "x").await.expect_err("refused");
        assert_eq!(error.code(), Code::Forbidden, "{error:?}");
        assert_eq!(profile.asked("GET", "/api/auth/csrf"), tokens);
        assert_eq!(profile.asked("POST", "/api/leads/1/notes"), writes);
    }
}

#[tokio::test]
async fn signing_out_forgets_everything_and_tells_the_server() {
    let profile = Profile::synced(options("[]")).await;
    assert!(profile.crm.sign_out().await);
    assert_eq!(profile.asked("POST", "/api/auth/logout"), 1);
    assert_eq!(profile.sync(Depth::Head).await.expect_err("nobody").code(), Code::LoginExpired);
    assert_eq!(profile.asked("POST", "/api/auth/login"), 1);
    assert!(profile.crm.session_to_keep().is_none());
    assert!(!profile.crm.sign_out().await, "there is nobody to sign out");
}

#[test]
fn nothing_secret_is_printed() {
    let credentials =
        Credentials { email: "dana@example.com".to_owned(), password: SecretString::from("ZZCANARY-password") };
    let printed = format!("{credentials:?}");
    assert!(!printed.contains("ZZCANARY") && !printed.contains("dana"), "{printed}");
}
