//! A packed answer of thousands of times its size is given up at the limit, and memory does not follow it. Alone in its
//! program, because it looks at the whole process.
#![cfg(target_os = "linux")]

use std::sync::Arc;

use aftercall_domain::clock::SystemClock;
use aftercall_domain::ids::RecordingId;
use aftercall_engine::upstream::{Crm, Limits, RecordingSource as _, UpstreamError};
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
async fn a_bomb_in_a_pages_or_a_recordings_place_is_given_up_and_costs_no_more_than_32_mib() {
    let sandbox = Sandbox::start(Options { calls: 40, leads: 5, ..Options::default() }).await.expect("a sandbox");
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
    let id = RecordingId::crm(&sandbox.ready().recordings[0].call_sid.parse().expect("a sid"));
    for bomb in ["gzip_bomb_bytes", "zstd_bomb_bytes", "br_bomb_bytes"] {
        let script = format!(r#"[{{"match": {{}}, "do": [{{"{bomb}": 512000000}}]}}]"#);
        sandbox.set_script(Script::parse(&script).expect("a script"));
        let given_up = crm.leads(1).await.map(drop);
        // What was not offered is not unpacked: zstd and brotli are bytes that are no JSON.
        assert!(matches!(given_up, Err(UpstreamError::TooLarge | UpstreamError::NotData)), "{bomb}: {given_up:?}");
        let sound = crm.range(&id, 0, 1_000_000, None).await.map(drop);
        assert!(matches!(sound, Err(UpstreamError::NotAudio)), "{bomb}: {sound:?}");
    }
    let grew = memory_bytes("VmHWM").saturating_sub(before);
    println!("grew by {} MiB at most", grew / MIB);
    assert!(grew <= 32 * MIB, "{} MiB for an answer of 488 MiB", grew / MIB);
}
