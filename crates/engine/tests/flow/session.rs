use std::sync::Arc;

use aftercall_domain::error::Code;
use aftercall_engine::sync::Depth;
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

#[test]
fn nothing_secret_is_printed() {
    let credentials =
        Credentials { email: "dana@example.com".to_owned(), password: SecretString::from("ZZCANARY-password") };
    let printed = format!("{credentials:?}");
    assert!(!printed.contains("ZZCANARY") && !printed.contains("dana"), "{printed}");
}
