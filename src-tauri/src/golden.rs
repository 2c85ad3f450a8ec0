//! What the page may do, word for word: a change here is a change of what a hostile page could reach.

use serde_json::{Value, json};

fn file(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_page_may_call_two_commands_and_nothing_of_tauri() {
    let capability = file(include_str!("../capabilities/window.json"));
    assert_eq!(capability["windows"], json!(["main"]));
    assert_eq!(capability["permissions"], json!(["allow-rpc", "allow-events"]));
    assert_eq!(capability.get("remote"), None);
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/capabilities")).unwrap();
    assert_eq!(folder.count(), 1, "one capability, and no other beside it");
}

#[test]
fn the_policy_of_the_page_is_the_one_that_was_agreed() {
    let base = file(include_str!("../tauri.conf.json"));
    let linux = file(include_str!("../tauri.linux.conf.json"));
    let security = &base["app"]["security"];
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
        connect-src ipc: http://ipc.localhost rec: http://rec.localhost; media-src rec: http://rec.localhost; \
        worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-src 'none'; \
        frame-ancestors 'none'";
    assert_eq!(security["csp"], policy);
    // Blobs are media sources where the webview plays no custom scheme.
    let with_blobs = policy.replace("media-src rec: http://rec.localhost", "media-src rec: http://rec.localhost blob:");
    assert_eq!(
        linux,
        json!({
            "$schema": "https://schema.tauri.app/config/2",
            "app": { "security": { "csp": with_blobs } },
        })
    );
    assert_eq!(security["freezePrototype"], true);
    assert_eq!(security["capabilities"], json!(["window"]));
    assert_eq!(base["app"]["withGlobalTauri"], false);
    // Read by who packs the app, for the desktop to know the scheme: the program has no such plugin, and the plugins that
    // it has are set up in Rust and open to no page.
    assert_eq!(base["plugins"], json!({ "deep-link": { "desktop": { "schemes": ["aftercall"] } } }));
}
