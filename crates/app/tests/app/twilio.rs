use std::time::Duration;

use aftercall_app::start::{App, Boot};
use aftercall_app::twilio::TwilioSignIn;
use aftercall_domain::error::Code;
use aftercall_sandbox::{Options, Script};
use secrecy::SecretString;
use serde_json::json;

use crate::world::{World, arrived, ask_for, until};

fn app(boot: &Boot) -> &App {
    match boot {
        Boot::Ready(app) => app,
        Boot::Refused(refusal) => panic!("{}", refusal.to_error()),
    }
}

fn ask(world: &World) -> TwilioSignIn {
    let twilio = &world.sandbox.ready().twilio;
    let key = world.sandbox.recording_key();
    TwilioSignIn {
        account: twilio.account_sid.clone(),
        key: twilio.key_sid.clone(),
        secret: SecretString::from(twilio.key_secret.as_str()),
        base_url: Some(twilio.base_url.clone()),
        recording_keys: vec![(key.sid().to_owned(), SecretString::from(key.private_key_pem()))],
    }
}

#[tokio::test]
async fn a_window_with_twilio_alone_is_ready_syncs_by_itself_and_plays_whose_side_is_whose() {
    let world = World::small().await;
    let boot = world.window().await;
    assert_eq!(ask_for(&boot, "boot_state", json!({})).await["phase"], "sign_in");
    app(&boot).sign_in_to_twilio(ask(&world)).await.expect("signed in");
    assert_eq!(ask_for(&boot, "boot_state", json!({})).await["phase"], "ready");
    until(|| async { ask_for(&boot, "sync_state", json!({})).await["phase"] == "fresh" }).await;
    let sid = world.call_with("call-dual-45s.mp3");
    let call = ask_for(&boot, "call_read", json!({"sid": sid})).await;
    let id = call["recording"]["id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("twilio:RE"), "{id}");
    ask_for(&boot, "player_load", json!({"id": id, "play": true})).await;
    until(|| async { ask_for(&boot, "player_state", json!({})).await["phase"] == "playing" }).await;
    // It sounds before the last of it is here, and its waveform is drawn when it is.
    arrived(&boot, &sid).await;
    let peaks = ask_for(&boot, "recording_peaks", json!({"id": id, "buckets": 10})).await;
    let first = if call["direction"] == "inbound" { "customer" } else { "agent" };
    assert_eq!(peaks["sides"][0], first, "the parent leg is channel 1");
    boot.close().await;

    // It goes on with the next start.
    let boot = world.window().await;
    assert_eq!(ask_for(&boot, "boot_state", json!({})).await["phase"], "ready");
    let asked = world.sandbox.requests().len();
    until(|| async { world.sandbox.requests().len() > asked }).await;
    boot.close().await;
}

#[tokio::test]
async fn beside_the_crm_a_twilio_that_refuses_the_key_is_not_what_the_window_shows() {
    // The first list of calls is the sign-in's question, the second the first sync's.
    let refused = r#"[{"match": {"path": "/2010-04-01/*/Calls.json*"}, "nth": "3-99",
        "do": [{"delay_ms": 300}, {"status": 401}]}]"#;
    let script = Script::parse(refused).expect("a script");
    let world = World::new(Options { calls: 40, leads: 12, script, ..Options::default() }).await;
    let boot = world.window().await;
    app(&boot).sign_in_to_twilio(ask(&world)).await.expect("signed in");
    let phase = async || ask_for(&boot, "sync_state", json!({})).await["phase"].clone();
    until(async || phase().await == "fresh").await;
    world.sign_in(&boot).await;
    until(async || phase().await == "fresh").await;
    ask_for(&boot, "sync_now", json!({})).await;
    let lists = || world.sandbox.requests().iter().filter(|one| one.path.contains("/Calls.json")).count();
    until(async || lists() == 3).await;
    until(async || phase().await == "fresh").await;
    // The refusal comes a moment later than the CRM's lists, and is the last word for a minute.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_ne!(phase().await, "sign_in_again");
    }
    boot.close().await;
}

#[tokio::test]
async fn signing_out_forgets_twilio_and_its_private_keys() {
    let world = World::small().await;
    let boot = world.window().await;
    app(&boot).sign_in_to_twilio(ask(&world)).await.expect("signed in");
    app(&boot).sign_out(false).await.expect("signed out");
    assert_eq!(ask_for(&boot, "boot_state", json!({})).await["phase"], "sign_in");
    assert_eq!(app(&boot).sync_once(false).await.expect_err("nobody").code(), Code::LoginExpired);
    let without_key = TwilioSignIn { recording_keys: Vec::new(), ..ask(&world) };
    app(&boot).sign_in_to_twilio(without_key).await.expect("signed in");
    app(&boot).sync_once(false).await.expect("synced");
    let sealed = world.sandbox.twilio_sealed_calls();
    let sids: Vec<_> = sealed.iter().map(|sid| sid.parse().expect("a sid")).collect();
    let fetched = app(&boot).fetch(&sids, |_| {}).await.expect("an outcome");
    assert_eq!(fetched.failure.expect("no key").code(), Code::KeyLost);
    boot.close().await;
}
