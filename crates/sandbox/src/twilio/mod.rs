//! Twilio's REST API as the business's account at Twilio has it: the calls behind the CRM's, and some of its own.
//!
//! Only what a reader of calls and recordings asks. Paths that end in `.json` are answered in JSON, errors too; every
//! other path of the API answers errors in XML, whatever it answers on success.

mod answer;
mod calls;
mod media;
mod own;
mod quiet;
mod recordings;
mod seal;
mod walk;

use crate::message::{Request, Response};
use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

pub(crate) use answer::failure;
pub use seal::RecordingKey;

pub(crate) const ROOT: &str = "/2010-04-01";
const VERSION: &str = "2010-04-01";
pub(crate) const ACCOUNT_SID: &str = "AC5a0db0c5000000000000000000000001";
pub(crate) const AUTH_TOKEN: &str = "5a0db0c5a0db0c5a0db0c5a0db0c5a0d";
pub(crate) const KEY_SID: &str = "SK5a0db0c5000000000000000000000001";
pub(crate) const KEY_SECRET: &str = "Sandbox-Twilio-Key-Secret-000001";

/// What changes while the sandbox runs.
#[derive(Default)]
pub(crate) struct Side {
    key: OnceLock<RecordingKey>,
    /// GET requests for a recording's sound so far.
    polls: Mutex<HashMap<String, u32>>,
}

impl Side {
    /// The key pair of encrypted recordings; made when it is first needed, because that takes a moment.
    pub(crate) fn key(&self) -> &RecordingKey {
        self.key.get_or_init(RecordingKey::generate)
    }
}

/// Whether the API answers this path, and not the CRM.
pub(crate) fn is_ours(path: &str) -> bool {
    path.starts_with("/2010-04-01/") || path.starts_with("/media-cdn/")
}

/// Calls whose recording is encrypted.
pub(crate) fn sealed_calls(world: &World) -> Vec<String> {
    let own = (0..own::CASES.len()).map(|index| walk::own_line(world, index));
    own.filter(|own| own.case.is_sealed()).map(|own| own.sid).collect()
}

enum Who {
    Account,
    Key,
}

fn who(request: &Request) -> Option<Who> {
    let pair = STANDARD.decode(request.header("authorization")?.strip_prefix("Basic ")?.trim()).ok()?;
    match std::str::from_utf8(&pair).ok()?.split_once(':')? {
        (ACCOUNT_SID, AUTH_TOKEN) => Some(Who::Account),
        (KEY_SID, KEY_SECRET) => Some(Who::Key),
        _ => None,
    }
}

/// Twilio's answer to a request.
pub(crate) fn respond(world: &World, request: &Request) -> Response {
    if let Some(name) = request.path.strip_prefix("/media-cdn/") {
        return media::signed(world, request, name);
    }
    let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    let response = match who(request) {
        None => failure(&request.path, 401).with("www-authenticate", "Basic realm=\"Twilio API\""),
        Some(who) => route(world, request, &segments[1..], &who),
    };
    answer::with_headers(world, response)
}

fn route(world: &World, request: &Request, segments: &[&str], who: &Who) -> Response {
    let unknown = || failure(&request.path, 404);
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return failure(&request.path, 405);
    }
    match (segments, who) {
        // A standard key may not read the account itself.
        (["Accounts", _] | ["Accounts", ACCOUNT_SID, "Keys.json"], Who::Key) => failure(&request.path, 401),
        (["Accounts", name], Who::Account) if name.strip_suffix(".json") == Some(ACCOUNT_SID) => account(),
        (["Accounts", ACCOUNT_SID, rest @ ..], _) => match rest {
            ["Calls.json"] => calls::list(world, request),
            ["Calls", file] => match file.strip_suffix(".json") {
                Some(sid) => calls::one(world, request, sid),
                None => unknown(),
            },
            ["Calls", sid, "Recordings.json"] => recordings::of_call(world, request, sid),
            ["Recordings.json"] => recordings::list(world, request),
            ["Recordings", file] => match file.strip_suffix(".json") {
                Some(sid) => recordings::one(world, request, sid),
                None => media::get(world, request, file),
            },
            _ => unknown(),
        },
        // Also a key's sid where the account's belongs.
        _ => unknown(),
    }
}

fn account() -> Response {
    answer::json(&json!({
        "sid": ACCOUNT_SID, "friendly_name": "Sandbox", "status": "active", "type": "Full",
        "owner_account_sid": ACCOUNT_SID, "auth_token": null, "date_created": null, "date_updated": null,
        "uri": format!("{ROOT}/Accounts/{ACCOUNT_SID}.json"), "subresource_uris": {},
    }))
}
