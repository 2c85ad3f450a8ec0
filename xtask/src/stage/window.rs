//! The real window, driven by WebDriver.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use url::{ParseError, Url};

use super::{Environment, Program};
use crate::failure::Failure;

/// A window opens within this, also on a busy machine.
const OPENS_IN: Duration = Duration::from_secs(90);

/// The app's window and the driver that moves it.
pub struct Window {
    pub client: Client,
    /// When it was wished for, with its driver running already.
    pub began: Instant,
    driver: Program,
}

impl Window {
    /// Opens `binary --profile <profile>` under a driver of its own. `name` names the driver's log.
    pub async fn open(
        name: &str,
        binary: &Path,
        profile: &Path,
        env: &Environment,
        logs: &Path,
    ) -> Result<Self, Failure> {
        let mut env = env.clone();
        env.push(("TAURI_WEBVIEW_AUTOMATION", "true".into()));
        let options = json!({
            "binary": binary,
            "args": ["--profile", profile],
        });
        Self::driven(name, "WebKitWebDriver", Some(("webkitgtk:browserOptions", options)), &env, logs).await
    }

    /// Opens the engine's own bare browser: the page with invented data, drawn as the window would draw it.
    pub async fn browser(name: &str, env: &Environment, logs: &Path) -> Result<Self, Failure> {
        Self::driven(name, "WebKitWebDriver", None, env, logs).await
    }

    /// Opens Chromium without a screen, with its data in `profile`.
    pub async fn chromium(name: &str, profile: &Path, env: &Environment, logs: &Path) -> Result<Self, Failure> {
        let data = format!("--user-data-dir={}", profile.display());
        // Tests run as root in containers, where its sandbox cannot be set up; the pages are our own.
        let options = json!({ "args": ["--headless=new", "--no-sandbox", "--window-size=1280,800", data] });
        Self::driven(name, "chromedriver", Some(("goog:chromeOptions", options)), env, logs).await
    }

    async fn driven(
        name: &str,
        program: &str,
        options: Option<(&str, Value)>,
        env: &Environment,
        logs: &Path,
    ) -> Result<Self, Failure> {
        let port = free_port()?;
        let port_arg = format!("--port={port}");
        let mut driver = Program::start(name, Path::new(program), &[&port_arg], env, logs, false)?;
        wait_for_port(&mut driver, port).await?;
        let mut capabilities = serde_json::Map::new();
        if let Some((key, options)) = options {
            capabilities.insert(key.into(), options);
        }
        let began = Instant::now();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let address = format!("http://127.0.0.1:{port}");
        // The driver waits for ever for a program that ended before it had a window.
        let opened = timeout(OPENS_IN, builder.capabilities(capabilities).connect(&address)).await;
        let seen = || format!("none; see {}", logs.display());
        let waited = |_| Failure::Waited { what: "a window".into(), seconds: OPENS_IN.as_secs(), seen: seen() };
        let client = opened.map_err(waited)?.map_err(|e| Failure::Session(Box::new(e)))?;
        Ok(Window { client, began, driver })
    }

    /// In Chromium: from now on the colours are the system's, as its high contrast sets them, `light` or `dark`.
    pub async fn force_colours(&self, scheme: &str) -> Result<(), Failure> {
        let features = json!([
            { "name": "forced-colors", "value": "active" },
            { "name": "prefers-color-scheme", "value": scheme },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await
    }

    /// In Chromium: the page is exactly as large, whatever its window takes for itself.
    pub async fn force_size(&self, width: u32, height: u32) -> Result<(), Failure> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await
    }

    async fn devtools(&self, command: &'static str, parameters: Value) -> Result<(), Failure> {
        let asked = self.client.issue_cmd(DevTools { command, parameters }).await;
        asked.map(drop).map_err(|source| Failure::Driver { step: command.to_owned(), source: Box::new(source) })
    }

    /// The driver's process, which started the window; none once it ended.
    pub fn id(&self) -> Option<u32> {
        self.driver.id()
    }

    /// Closes the window as its driver would, then ends the driver with all it started.
    pub async fn close(self) {
        // A window that is already gone is as good as closed.
        let _ = timeout(Duration::from_secs(10), self.client.close()).await;
        self.driver.end().await;
    }
}

/// A command that only Chromium has.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.command, "params": self.parameters }).to_string()))
    }
}

/// A port that was free a moment ago: the driver cannot choose one and say which.
pub fn free_port() -> Result<u16, Failure> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| Failure::answer("the loopback interface", e))
}

/// Waits until a program listens there.
pub async fn wait_for_port(driver: &mut Program, port: u16) -> Result<(), Failure> {
    let end = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if !driver.is_running() || Instant::now() > end {
            let seen = if driver.is_running() { "no answer" } else { "it ended" };
            return Err(Failure::Waited { what: format!("port {port}"), seconds: 20, seen: seen.into() });
        }
        sleep(Duration::from_millis(30)).await;
    }
    Ok(())
}
