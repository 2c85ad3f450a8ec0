//! `cargo xtask judge`: Twilio's wire before an outside judge. Stoplight Prism, with Twilio's own description of its API,
//! is a server that our client reads from, and a proxy that checks what our client asks and our sandbox answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::checks::Checks;
use crate::failure::Failure;
use crate::stage::{Program, Sandbox};
use crate::{paths, redbot, run, setup, until_interrupted};

/// Prism reads the description for some seconds before it listens; more on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Deserialize)]
struct Report {
    rules: Vec<Rule>,
    violations: Vec<Value>,
}

#[derive(Deserialize)]
struct Rule {
    rule: String,
    holds: bool,
    found: String,
}

fn prism() -> PathBuf {
    paths::root().join("xtask/prism")
}

/// Builds what is judged, judges it, and fails when a rule does not hold.
pub fn judge() -> Result<(), Failure> {
    run::run(&mut run::cargo(&["build", "-q", "-p", "aftercall-sandbox", "--bins"]))?;
    run::run(&mut run::cargo(&["build", "-q", "-p", "aftercall-engine", "--example", "judge_twilio"]))?;
    let programs = ["-p", "aftercall-cli", "-p", "aftercall-rec-shim"];
    run::run(&mut run::cargo(&[&["build", "-q"][..], &programs[..]].concat()))?;
    let mut checks = with_built_programs()?;
    let logs = paths::results("judge")?;
    until_interrupted(redbot::judged(&mut checks, &logs))?;
    if checks.failed.is_empty() { Ok(()) } else { Err(Failure::Several { count: checks.failed.len() }) }
}

/// Judges programs that are built already.
pub fn with_built_programs() -> Result<Checks, Failure> {
    setup::node_modules(&prism())?;
    let text = until_interrupted(run_all())?;
    let report: Report = serde_json::from_str(&text).map_err(|e| Failure::answer("judge_twilio", e))?;
    let mut checks = Checks::default();
    for Rule { rule, holds, found } in report.rules {
        checks.rule(&rule, holds, found);
    }
    let (known, foreign) = sorted(&report.violations);
    for (what, count) in &known {
        println!("        {count:>5} x {what} (Prism finds it in Twilio's own examples)");
    }
    let told: Vec<String> = foreign.iter().map(|(what, count)| format!("{count} x {what}")).collect();
    checks.rule("no answer breaks Twilio's description", foreign.is_empty(), told.join("; "));
    println!("{} passed, {} failed", checks.passed, checks.failed.len());
    Ok(checks)
}

/// Violations by kind: those that Prism finds in every answer of Twilio's own, and others.
fn sorted(violations: &[Value]) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut known, mut foreign) = (BTreeMap::new(), BTreeMap::new());
    for violation in violations {
        match false_one(violation) {
            Some(kind) => *known.entry(kind.to_owned()).or_default() += 1,
            None => *foreign.entry(violation.to_string()).or_default() += 1,
        }
    }
    (known, foreign)
}

/// The two kinds that Twilio's own examples trip: addresses of pages are relative, which is no `uri` by its format's
/// definition, and a CORS header is a boolean in the description and a text on the wire.
fn false_one(violation: &Value) -> Option<&'static str> {
    let place: Vec<String> =
        violation["location"].as_array()?.iter().map(|part| part.as_str().unwrap_or_default().to_lowercase()).collect();
    let last = place.last().map(String::as_str)?;
    match (place.get(1).map(String::as_str), violation["code"].as_str()) {
        _ if place[0] != "response" => None,
        (Some("body"), Some("format")) if last == "uri" || last.ends_with("_uri") => {
            Some("a relative address of a page")
        }
        (Some("header" | "headers"), _) if last == "access-control-allow-credentials" => {
            Some("the CORS credentials header")
        }
        _ => None,
    }
}

async fn run_all() -> Result<String, Failure> {
    let logs = paths::results("judge")?;
    let sandbox = Sandbox::open(0, &logs).await?;
    let twilio = sandbox.ready.twilio.clone();
    let done = judged(&logs, &sandbox.ready.url, &twilio).await;
    sandbox.end().await;
    done
}

async fn judged(logs: &Path, sandbox: &str, twilio: &crate::stage::TwilioAccount) -> Result<String, Failure> {
    let description = prism().join("twilio-openapi.json");
    let description = description.to_string_lossy();
    let (mut mock, mock_url) = serve("mock", &[&description], logs).await?;
    let (mut proxy, proxy_url) = serve("proxy", &[&description, sandbox], logs).await?;
    listening(&mut mock, &mock_url).await?;
    listening(&mut proxy, &proxy_url).await?;
    let args = [&*mock_url, &*proxy_url, sandbox, &*twilio.account_sid, &*twilio.key_sid];
    let secret = [("AFTERCALL_SECRET", twilio.key_secret.clone())];
    let example = paths::cargo_target()?.join("debug/examples/judge_twilio");
    let mut client = Program::start("judge", &example, &args, &secret, logs, true)?;
    let (line, _output) = client.first_line(Duration::from_secs(180)).await?;
    client.end().await;
    proxy.end().await;
    mock.end().await;
    Ok(line)
}

/// Starts Prism on a free port of this computer.
async fn serve(what: &str, rest: &[&str], logs: &Path) -> Result<(Program, String), Failure> {
    let port = free_port()?.to_string();
    let script = prism().join("node_modules/@stoplight/prism-cli/dist/index.js");
    let script = script.to_string_lossy();
    let mut args = vec![&*script, what, "--host", "127.0.0.1", "--port", &port];
    args.extend_from_slice(rest);
    let program = Program::start(&format!("prism-{what}"), Path::new("node"), &args, &[], logs, false)?;
    Ok((program, format!("http://127.0.0.1:{port}")))
}

fn free_port() -> Result<u16, Failure> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0));
    let port = listener.and_then(|listener| listener.local_addr()).map(|address| address.port());
    port.map_err(|e| Failure::answer("the loopback interface", e))
}

async fn listening(program: &mut Program, url: &str) -> Result<(), Failure> {
    let start = std::time::Instant::now();
    while start.elapsed() < PATIENCE && program.is_running() {
        if TcpStream::connect(url.trim_start_matches("http://")).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = if program.is_running() { "it runs, and does not listen" } else { "it ended; see target/judge" };
    Err(Failure::Waited { what: format!("Prism at {url}"), seconds: start.elapsed().as_secs(), seen: seen.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_two_false_violations_are_let_pass() {
        let at =
            |place: &[&str], code: &str| json!({"location": place, "severity": "Error", "code": code, "message": "m"});
        for (violation, is_false) in [
            (at(&["response", "body", "next_page_uri"], "format"), true),
            (at(&["response", "body", "uri"], "format"), true),
            (at(&["response", "header", "access-control-allow-credentials"], "type"), true),
            (at(&["response", "body", "calls", "0", "media_url"], "format"), false),
            (at(&["response", "body", "next_page_uri"], "type"), false),
            (at(&["response", "body", "calls", "0", "status"], "enum"), false),
            (at(&["response", "header", "content-type"], "type"), false),
            (at(&["request", "query", "uri"], "format"), false),
            (json!("not what Prism says"), false),
        ] {
            assert_eq!(false_one(&violation).is_some(), is_false, "{violation}");
        }
    }
}
