//! What a person does in the window, step by step: shared by the demo and the end-to-end run.
//!
//! Elements are found by `data-testid`. Every wait ends with what was last seen, so that a failure tells its cause.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, Locator};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::stage::Ready;

/// Long enough for a slow machine; a step that works takes a fraction.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Keys as WebDriver writes them; the first two are held for the key that follows.
pub const CTRL: &str = "\u{e009}";
pub const SHIFT: &str = "\u{e008}";
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";
pub const DOWN: &str = "\u{e015}";

/// The window's page, and where its pictures go.
pub struct Page {
    client: Client,
    pictures: PathBuf,
    taken: usize,
}

/// What the docked player says of itself in its attributes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Dock {
    pub phase: String,
    pub position_ms: f64,
    pub duration_ms: f64,
    pub speed: f64,
    pub recording_state: String,
    /// The words in place of the waveform, if any ("being prepared, try 2 of 12").
    pub message: Option<String>,
}

impl Page {
    /// The page of an open window.
    pub fn new(client: &Client, pictures: &Path) -> Self {
        Page { client: client.clone(), pictures: pictures.to_owned(), taken: 0 }
    }

    /// Goes to an address.
    pub async fn open(&self, url: &str) -> Result<(), Failure> {
        self.client.goto(url).await.map_err(|e| driver(url, e))
    }

    /// Fills the sign-in form and sends it.
    pub async fn sign_in(&self, url: &str, email: &str, password: &str) -> Result<(), Failure> {
        for (field, text) in [("sign-in-url", url), ("sign-in-email", email), ("sign-in-password", password)] {
            let input = self.find(field).await?;
            input.clear().await.map_err(|e| driver(field, e))?;
            input.send_keys(text).await.map_err(|e| driver(field, e))?;
        }
        self.click("sign-in-submit").await
    }

    /// Signs in as the sandbox's owner and waits for the first rows.
    pub async fn sign_in_to(&self, crm: &Ready) -> Result<(), Failure> {
        self.sign_in_at(&crm.url, crm).await
    }

    /// The same where the CRM is found at another address.
    pub async fn sign_in_at(&self, url: &str, crm: &Ready) -> Result<(), Failure> {
        self.sign_in(url, &crm.email, &crm.password).await?;
        self.find_css("[data-testid='first-keep-go'], [data-testid='calls-grid']", "the way in").await?;
        if self.has("first-keep-go").await? {
            // The one question of a first run; what is played in these runs is asked for one by one.
            self.click("first-asked").await?;
            self.click("first-keep-go").await?;
        }
        self.find("calls-grid").await?;
        self.find("call-row").await.map(|_| ())
    }

    /// The row of a call, brought into the list by searching for `words`.
    pub async fn search_call(&self, words: &str, sid: &str) -> Result<Element, Failure> {
        let field = self.find("calls-search").await?;
        field.clear().await.map_err(|e| driver("calls-search", e))?;
        field.send_keys(words).await.map_err(|e| driver("calls-search", e))?;
        self.find_css(&row(sid), &format!("the row of {sid}")).await
    }

    /// Selects a call's row and presses a key on it: Space plays, Enter opens.
    pub async fn press_on_call(&self, sid: &str, key: &str) -> Result<(), Failure> {
        // The list draws rows anew as they change: a row that went between finding and touching is found again.
        for _ in 0..8 {
            let touched = async {
                self.find_css(&row(sid), &format!("the row of {sid}"))
                    .await?
                    .click()
                    .await
                    .map_err(|e| driver("row", e))?;
                let element = self.find_css(&row(sid), &format!("the row of {sid}")).await?;
                element.send_keys(key).await.map_err(|e| driver("a key on a row", e))
            };
            match touched.await {
                Err(Failure::Driver { source, .. }) if source.is_stale_element_reference() => {
                    sleep(Duration::from_millis(100)).await;
                }
                done => return done,
            }
        }
        Err(Failure::check("a row of the list keeps still", format!("{sid} is drawn anew all the time")))
    }

    /// Plays a call from its row in the list.
    pub async fn play_call(&self, sid: &str) -> Result<(), Failure> {
        self.press_on_call(sid, " ").await
    }

    /// Opens the page of a call from its row.
    pub async fn open_call(&self, sid: &str) -> Result<(), Failure> {
        self.press_on_call(sid, ENTER).await?;
        self.find_css(&format!("[data-testid='call-page'][data-sid='{sid}']"), "the call's page").await.map(|_| ())
    }

    /// Opens the page of a call's lead over the call's own.
    pub async fn open_lead_of(&self, sid: &str) -> Result<(), Failure> {
        self.open_call(sid).await?;
        self.click_css("[data-testid='call-page'] [data-testid='call-open-lead']").await?;
        self.find("lead-page").await.map(|_| ())
    }

    /// Presses a key as if nothing had the focus.
    pub async fn press(&self, key: &str) -> Result<(), Failure> {
        self.script("document.activeElement && document.activeElement.blur && document.activeElement.blur();", vec![])
            .await?;
        let body = self.find_css("body", "the page").await?;
        body.send_keys(key).await.map_err(|e| driver("a key", e))
    }

    /// Presses keys where the focus is.
    pub async fn press_here(&self, keys: &str) -> Result<(), Failure> {
        // A row that is drawn anew between looking and pressing has the focus again at once.
        for _ in 0..8 {
            let focused = self.client.active_element().await.map_err(|e| driver("the focus", e))?;
            match focused.send_keys(keys).await {
                Err(source) if source.is_stale_element_reference() => sleep(Duration::from_millis(100)).await,
                done => return done.map_err(|e| driver("a key", e)),
            }
        }
        Err(Failure::check("what has the focus keeps still", "it is drawn anew all the time"))
    }

    /// What has the focus; nothing where it is the page itself.
    pub async fn focus(&self) -> Result<String, Failure> {
        let script = "const e = document.activeElement; return e === null || e === document.body ? '' :\
            e.dataset.testid ?? `${e.tagName} ${e.className}`";
        self.said_by(script).await
    }

    /// Waits until an element has the focus by itself.
    pub async fn until_focus(&self, testid: &str) -> Result<(), Failure> {
        self.until(&format!("the focus on {testid:?}"), || async {
            let focus = self.focus().await?;
            Ok((focus == testid, focus))
        })
        .await
    }

    /// Presses Tab, or Shift with it, until an element has the focus.
    pub async fn tab_to(&self, testid: &str, tab: &str) -> Result<(), Failure> {
        let mut way = Vec::new();
        for _ in 0..60 {
            self.press_here(tab).await?;
            way.push(self.focus().await?);
            if way.last().is_some_and(|focus| focus == testid) {
                return Ok(());
            }
        }
        Err(Failure::check(format!("Tab reaches {testid}"), way.join(", ")))
    }

    /// Types into a field in place of what is there.
    pub async fn type_into(&self, testid: &str, words: &str) -> Result<(), Failure> {
        let field = self.find(testid).await?;
        field.clear().await.map_err(|e| driver(testid, e))?;
        field.send_keys(words).await.map_err(|e| driver(testid, e))
    }

    /// Clicks what a selector finds.
    pub async fn click_css(&self, css: &str) -> Result<(), Failure> {
        self.find_css(css, css).await?.click().await.map_err(|e| driver(css, e))
    }

    /// Waits until an element is there no more.
    pub async fn gone(&self, testid: &str) -> Result<(), Failure> {
        self.until(&format!("{testid} to go"), || async { Ok((!self.has(testid).await?, testid.to_owned())) }).await
    }

    /// The call whose row has the focus.
    pub async fn chosen_row(&self) -> Result<String, Failure> {
        self.said_by("return document.activeElement?.dataset.sid ?? ''").await
    }

    /// What the palette would open.
    pub async fn chosen_in_palette(&self) -> Result<String, Failure> {
        let script = "return document.querySelector('.pal-item[data-selected]')?.dataset.value ?? ''";
        self.said_by(script).await
    }

    /// Runs a script that returns a text.
    pub async fn said_by(&self, script: &str) -> Result<String, Failure> {
        Ok(self.script(script, vec![]).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks an element.
    pub async fn click(&self, testid: &str) -> Result<(), Failure> {
        let element = self.find(testid).await?;
        element.click().await.map_err(|e| driver(testid, e))
    }

    /// Waits for an element and its words; an element that stays without a word for some seconds has none.
    pub async fn words(&self, testid: &str) -> Result<String, Failure> {
        self.find(testid).await?;
        let script = "const e = document.querySelector(arguments[0]); return e ? e.innerText.trim() : ''";
        let mut words = String::new();
        for _ in 0..50 {
            let said = self.script(script, vec![json!(format!("[data-testid='{testid}']"))]).await?;
            words = said.as_str().unwrap_or_default().to_owned();
            if !words.is_empty() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(words)
    }

    /// Waits until an element is there.
    pub async fn find(&self, testid: &str) -> Result<Element, Failure> {
        self.find_css(&format!("[data-testid='{testid}']"), testid).await
    }

    /// Whether an element is there now.
    pub async fn has(&self, testid: &str) -> Result<bool, Failure> {
        let css = format!("[data-testid='{testid}']");
        let found = self.client.find_all(Locator::Css(&css)).await.map_err(|e| driver(testid, e))?;
        Ok(!found.is_empty())
    }

    pub async fn find_css(&self, css: &str, what: &str) -> Result<Element, Failure> {
        let last = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        match last {
            Ok(element) => Ok(element),
            Err(CmdError::WaitTimeout) => Err(Failure::Waited {
                what: what.to_owned(),
                seconds: PATIENCE.as_secs(),
                seen: self.elements().await.unwrap_or_else(|e| e.to_string()),
            }),
            Err(e) => Err(driver(what, e)),
        }
    }

    /// Which elements there are: what a failed wait tells.
    async fn elements(&self) -> Result<String, Failure> {
        let script = "return [...new Set([...document.querySelectorAll('[data-testid]')].map(e => e.dataset.testid))]\
            .join(' ') + ' | ' + document.body.innerText.slice(0, 300)";
        Ok(self.script(script, vec![]).await?.as_str().unwrap_or_default().to_owned())
    }

    /// What the player says, if it is there.
    pub async fn dock(&self) -> Result<Option<Dock>, Failure> {
        let script = "const d = document.querySelector(\"[data-testid='dock']\"); if (!d) return null;\
            const m = document.querySelector(\"[data-testid='dock-message']\");\
            return { phase: d.dataset.phase ?? '', position_ms: Number(d.dataset.positionMs ?? 0),\
              duration_ms: Number(d.dataset.durationMs ?? 0), speed: Number(d.dataset.speed ?? 0),\
              recording_state: d.dataset.recordingState ?? '', message: m ? m.innerText : null }";
        let value = self.script(script, vec![]).await?;
        serde_json::from_value(value).map_err(|e| Failure::answer("the dock", e))
    }

    /// Waits until the player is as `wanted`; calls `seen` with every state on the way.
    pub async fn until_dock(
        &self,
        what: &str,
        limit: Duration,
        mut seen: impl FnMut(&Dock),
        wanted: impl Fn(&Dock) -> bool,
    ) -> Result<Dock, Failure> {
        let end = Instant::now() + limit;
        let mut last = None;
        loop {
            if let Some(dock) = self.dock().await? {
                seen(&dock);
                if wanted(&dock) {
                    return Ok(dock);
                }
                last = Some(dock);
            }
            if Instant::now() > end {
                return Err(Failure::Waited {
                    what: what.to_owned(),
                    seconds: limit.as_secs(),
                    seen: format!("{last:?}"),
                });
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Cycles the speed by its key until it is `speed`.
    pub async fn set_speed(&self, speed: f64) -> Result<(), Failure> {
        for _ in 0..6 {
            match self.dock().await? {
                Some(dock) if (dock.speed - speed).abs() < 0.01 => return Ok(()),
                _ => self.press("s").await?,
            }
            sleep(Duration::from_millis(300)).await;
        }
        Err(Failure::check(format!("the key S reaches {speed}x"), format!("{:?}", self.dock().await?)))
    }

    /// Runs a script in the page and gives what it returns.
    pub async fn script(&self, script: &str, args: Vec<Value>) -> Result<Value, Failure> {
        self.client.execute(script, args).await.map_err(|e| driver("a script", e))
    }

    /// Runs a script that answers through the callback it gets as its last argument.
    pub async fn script_async(&self, script: &str, args: Vec<Value>) -> Result<Value, Failure> {
        self.client.execute_async(script, args).await.map_err(|e| driver("a script", e))
    }

    /// Language and direction of the page: ("he", "rtl").
    pub async fn language(&self) -> Result<(String, String), Failure> {
        let value = self.script("const h = document.documentElement; return [h.lang, h.dir]", vec![]).await?;
        serde_json::from_value(value).map_err(|e| Failure::answer("the page", e))
    }

    /// Switches the language and waits until the page speaks it.
    pub async fn switch_language(&self, to: &str) -> Result<(), Failure> {
        if self.language().await?.0 == to {
            return Ok(());
        }
        self.click("palette-open").await?;
        // "language" in either of them.
        let field = self.find("palette-input").await?;
        field.send_keys(if to == "en" { "English" } else { "עברית" }).await.map_err(|e| driver("palette-input", e))?;
        self.click("palette-language").await?;
        self.until(&format!("the language {to}"), || async {
            let (language, direction) = self.language().await?;
            Ok((language == to, format!("{language} {direction}")))
        })
        .await
    }

    /// Switches the colours, through the palette: they may be those already.
    pub async fn switch_theme(&self, to: &str) -> Result<(), Failure> {
        let is = || self.said_by("return document.documentElement.dataset.theme ?? ''");
        if is().await? == to {
            return Ok(());
        }
        self.click("palette-open").await?;
        let (he, en) = if to == "dark" { ("כהה", "dark") } else { ("בהירה", "light") };
        let words = if self.language().await?.0 == "he" { he } else { en };
        self.type_into("palette-input", words).await?;
        self.click(&format!("palette-theme-{to}")).await?;
        self.until(&format!("the colours {to}"), || async {
            let now = is().await?;
            Ok((now == to, now))
        })
        .await
    }

    /// Asks again and again until the answer is yes; a failure tells the last thing seen.
    pub async fn until<F, R>(&self, what: &str, mut ask: F) -> Result<(), Failure>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<(bool, String), Failure>>,
    {
        let end = Instant::now() + PATIENCE;
        loop {
            let (yes, seen) = ask().await?;
            if yes {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Failure::Waited { what: what.to_owned(), seconds: PATIENCE.as_secs(), seen });
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// A picture of the window, numbered in the order of the run unless `plain`.
    pub async fn picture(&mut self, name: &str, plain: bool) -> Result<PathBuf, Failure> {
        // Fonts that still load would be missing from the picture.
        self.script_async(
            "const done = arguments[arguments.length - 1]; document.fonts.ready.then(() => \
            requestAnimationFrame(() => requestAnimationFrame(() => done(true))));",
            vec![],
        )
        .await?;
        let png = self.client.screenshot().await.map_err(|e| driver("a picture", e))?;
        self.taken += 1;
        let file = if plain { format!("{name}.png") } else { format!("{:02}-{name}.png", self.taken) };
        let path = self.pictures.join(file);
        std::fs::write(&path, png).map_err(|e| Failure::file(&path, e))?;
        Ok(path)
    }

    /// What axe finds wrong with the page: one line for each rule and its first element.
    pub async fn accessibility(&self, axe: &str) -> Result<Vec<String>, Failure> {
        self.script(&format!("if (!window.axe) {{ {axe}\n }} return !!window.axe"), vec![]).await?;
        // What fades in is looked at when it is there.
        let script = "const done = arguments[arguments.length - 1];\
            const ends = document.getAnimations().filter(a => a.effect.getComputedTiming().endTime !== Infinity);\
            Promise.allSettled(ends.map(a => a.finished)).then(() => \
            axe.run(document, { resultTypes: ['violations'] })).then(\
              r => done(r.violations.map(v => v.id + ' (' + v.impact + '): ' + v.help + ' at ' + v.nodes.length + \
                ' places, first ' + v.nodes[0].target.join(' '))),\
              e => done(['axe failed: ' + e]))";
        let value = self.script_async(script, vec![]).await?;
        serde_json::from_value(value).map_err(|e| Failure::answer("axe", e))
    }

    /// Fetches of `rec://` by the page itself; see ui/e2e/rec.js for what comes back.
    pub async fn fetch_recording(&self, id: &str) -> Result<Vec<Fetched>, Failure> {
        let script = include_str!("../../ui/e2e/rec.js");
        let value = self.script_async(script, vec![json!(id)]).await?;
        serde_json::from_value(value).map_err(|e| Failure::answer("the page's fetches", e))
    }
}

/// One answer of `rec://` as the page saw it.
#[derive(Debug, Clone, Deserialize)]
pub struct Fetched {
    pub name: String,
    pub status: u16,
    pub headers: std::collections::BTreeMap<String, String>,
    pub bytes: usize,
}

fn row(sid: &str) -> String {
    format!("[data-testid='call-row'][data-sid='{sid}']")
}

fn driver(step: &str, source: CmdError) -> Failure {
    Failure::Driver { step: step.to_owned(), source: Box::new(source) }
}

/// Whether a text has Hebrew letters.
pub fn has_hebrew(text: &str) -> bool {
    text.chars().any(|c| ('\u{5d0}'..='\u{5ea}').contains(&c))
}
