//! A packed answer of thousands of times its size is given up at the limit, and memory does not follow it. Alone in its
//! program, because it looks at the whole process.
#![cfg(target_os = "linux")]

use std::sync::Arc;

use aftercall_domain::clock::SystemClock;
use aftercall_engine::upstream::{Crm, Limits, UpstreamError};
use aftercall_sandbox::{Options, Sandbox, Script};
use secrecy::SecretString;

const MIB: u64 = 1 << 20;

fn memory_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process");
    let line = status.lines().find(|line| line.starts_with(field)).expect("a line");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
    kib * 1024
}

#[tokio::test]
async fn a_gzip_bomb_is_given_up_at_16_mib_and_costs_no_more_than_32() {
    let bomb = r#"[{"match": {"path": "/api/leads"}, "do": [{"gzip_bomb_bytes": 512000000}]}]"#;
    let script = Script::parse(bomb).expect("a script");
    let sandbox =
        Sandbox::start(Options { calls: 40, leads: 5, script, ..Options::default() }).await.expect("a sandbox");
    let origin = sandbox.url().parse().expect("an origin");
    let crm = Crm::new(origin, Limits::default(), Arc::new(SystemClock::new())).expect("a client");
    let ready = sandbox.ready();
    let credentials = aftercall_engine::upstream::Credentials {
        email: ready.email.clone(),
        password: SecretString::from(ready.password.as_str()),
    };
    crm.sign_in(credentials, false).await.expect("signed in");
    crm.calls(1, 0).await.expect("warm");
    let before = memory_bytes("VmRSS");
    for _ in 0..3 {
        let given_up = crm.leads(1).await;
        assert!(matches!(given_up, Err(UpstreamError::TooLarge)), "{given_up:?}");
    }
    let grew = memory_bytes("VmHWM").saturating_sub(before);
    println!("grew by {} MiB at most", grew / MIB);
    assert!(grew <= 32 * MIB, "{} MiB for an answer of 488 MiB", grew / MIB);
}
